/**
 * What of a node's differences is written, and what is left to others: fields that the spec leaves to them, and fields
 * that somebody else makes other again and again. What is left alone is kept out of what an update sends. Pure.
 */
import type { AnyKind, Change, FieldContention } from '../resource/index.ts';
import { contentionOf, describeContention, judgeSighting, seenAsDesired } from './contention.ts';
import { HEAL_ALL, policyOf, withObserved } from './drift-rules.ts';
import { isInseparable } from './field-owners.ts';
import { likelyWriter } from './likely-writer.ts';
import type { Drift, NodeView, Verdict, World } from './world.ts';

export interface Yielding {
  readonly changes: readonly Change[];
  /** What an update is given: fields that are left alone stand in it as they were observed. */
  readonly props: unknown;
  /** The verdict while a field is fought over and nothing else is to be done. */
  readonly left: Verdict | undefined;
  /** Drift that is told and not put right. */
  readonly told: readonly Drift[];
  readonly contention: readonly FieldContention[];
}

/** `desiredBefore`: the node was desired as it is now when we last acted on it, so that a difference is another's doing. */
export function yieldIn(
  view: NodeView,
  world: World,
  kind: AnyKind,
  observed: unknown,
  desiredBefore: boolean,
  before: readonly FieldContention[],
): Yielding {
  const { node } = view;
  const props: unknown = view.resolved?.props;
  if (kind.external) return { changes: [], props, left: undefined, told: [], contention: before };
  const found = kind.diff(props, observed);
  // Who is served comes before peace: what endangers them is put right, however often.
  const isDanger = found.length > 0 && kind.endangers?.(props, observed) === true;
  const due: Change[] = [];
  const leftAlone: Change[] = [];
  const told: Drift[] = [];
  const stopped: { readonly untilMs: number; readonly message: string }[] = [];
  let contention = before;
  for (const change of found) {
    const { path, desired, observed: seen, reason } = change;
    const drift: Drift = { nodeId: node.id, kind: node.kind, path, desired, observed: seen, reason };
    const { policy, isNamed } = policyOf(world.drift ?? HEAL_ALL, node.kind, path);
    if (policy !== 'heal' && (desiredBefore || (policy === 'ignore' && isNamed))) {
      leftAlone.push(change);
      contention = remembering(contention, node.id, path, undefined);
      if (policy === 'warn') told.push({ ...drift, policy });
      continue;
    }
    const known = contentionOf(contention, node.id, path);
    const { stance, field } = judgeSighting(known, {
      nodeId: node.id,
      change,
      nowMs: world.nowMs,
      isAsked: world.retryNow === true || isDanger || !desiredBefore,
      writer: known ? likelyWriter(world, view, kind, observed, path) : '',
    });
    contention = remembering(contention, node.id, path, field);
    if (stance.type === 'heal') {
      due.push(change);
      continue;
    }
    leftAlone.push(change);
    told.push({ ...drift, isContended: true });
    stopped.push({ untilMs: stance.untilMs, message: field ? describeContention(field) : '' });
  }
  for (const field of contention) {
    if (field.nodeId !== node.id || found.some(({ path }) => path === field.path)) continue;
    contention = remembering(contention, node.id, field.path, seenAsDesired(field, world.nowMs));
  }
  const left = stopped.length === 0 ? undefined : contended(stopped, world.nowMs);
  // What can only be written as a whole waits with the field that is left alone.
  const isBound = leftAlone.some(({ path }) => isInseparable(node.kind, path));
  if (isBound && due.length > 0) return { changes: [], props, left, told, contention };
  return { changes: due, props: withObserved(props, leftAlone), left, told, contention };
}

/** Usable: dependents go on, and so does everything else of the object. */
function contended(stopped: readonly { readonly untilMs: number; readonly message: string }[], nowMs: number): Verdict {
  const untilMs = Math.min(...stopped.map((one) => one.untilMs));
  return {
    state: 'pending',
    reason: 'FieldContended',
    message: stopped.map(({ message }) => message).join('; '),
    pollAfterMs: Math.max(1_000, untilMs - nowMs),
    usable: true,
  };
}

function remembering(
  known: readonly FieldContention[],
  nodeId: string,
  path: string,
  field: FieldContention | undefined,
): readonly FieldContention[] {
  const before = contentionOf(known, nodeId, path);
  if (before === field) return known;
  const others = known.filter((other) => other !== before);
  return field ? [...others, field] : others;
}
