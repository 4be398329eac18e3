/**
 * The planner: pure, synchronous, total, without a clock of its own. It gives every node a verdict and emits only the
 * steps that are possible now; the next pass plans again from what is then observed. The daemon, `plan` and the
 * simulation call this one function.
 */
import {
  canonicalJson,
  formatDuration,
  isStructuralHashOf,
  STRUCTURAL,
  shortHash,
  structuralHash,
} from '../core/index.ts';
import type { AnyKind, Change, FieldContention, InventoryEntry, KindRegistry, Readiness } from '../resource/index.ts';
import { sameIdentity } from '../resource/index.ts';
import { hideChange } from './hidden-values.ts';
import type { Drift, NodeView, OrphanView, Plan, Step, Verdict, World } from './world.ts';
import { type Yielding, yieldIn } from './yielding.ts';

/** ms after an own create during which "not there" means "cannot tell", unless the kind says otherwise. */
const VISIBLE_WITHIN_MS = 15_000;
/** ms that weights need to reach every load balancer node before capacity may go (measured propagation is seconds). */
const TRAFFIC_PROPAGATION_MS = 5_000;
/** ms after an own act during which a read may still show what was before it, although a newer one was seen already. */
const STALE_WITHIN_MS = 5_000;
const POLL_MS_MIN = 500;
const POLL_MS_MAX = 15_000;

export function plan(world: World, kinds: KindRegistry): Plan {
  const draft: Draft = {
    verdicts: new Map(),
    steps: [],
    drift: [],
    forget: [],
    record: [],
    seen: [],
    contention: [...(world.contention ?? [])],
  };
  if (world.goal === 'converge') for (const view of world.nodes) judge(view, world, kinds, draft);
  const converged = [...draft.verdicts.values()].every((verdict) => verdict.state === 'settled');
  if (world.goal !== 'converge' || (converged && world.complete)) {
    judgeOrphans(world, kinds, draft);
  }
  const settled =
    draft.steps.length === 0 &&
    draft.forget.length === 0 &&
    world.complete &&
    [...draft.verdicts.values()].every((verdict) => verdict.state === 'settled');
  return { ...draft, settled, requeueAfterMs: settled ? undefined : requeueAfter(world, draft) };
}

interface Draft {
  readonly verdicts: Map<string, Verdict>;
  readonly steps: Step[];
  readonly drift: Drift[];
  contention: readonly FieldContention[];
  readonly forget: InventoryEntry[];
  readonly record: Step[];
  readonly seen: string[];
}

/** The hash that tells a change of desire from drift. */
export function propsHash(props: unknown): string {
  return structuralHash(props);
}

/** Whether this is what was desired when `hash` was taken, by this version of the controller or an older one. */
function isDesiredAs(hash: string, props: unknown): boolean {
  if (hash.startsWith(STRUCTURAL)) return isStructuralHashOf(hash, props);
  return hash === shortHash(canonicalJson(props), 16);
}

function judge(view: NodeView, world: World, kinds: KindRegistry, draft: Draft): void {
  const { node, resolved, observation } = view;
  const kind = kindOf(kinds, node.kind);
  const settle = (verdict: Verdict) => draft.verdicts.set(node.id, verdict);
  const obstacle = node.dependsOn.find((id) => !isUsable(draft.verdicts.get(id)));
  if (!resolved || !observation) return void settle({ state: 'blocked', on: view.waitsFor ?? obstacle ?? node.id });
  if (observation.state === 'unknown') return void settle({ state: 'unknown', failure: observation.failure });

  const entry = world.entries.find((e) => e.nodeId === node.id && sameIdentity(e.identity, resolved.identity));
  const desiredBefore = entry !== undefined && isDesiredAs(entry.propsHash, resolved.props);
  const step = (
    action: Step['action'],
    reason: string,
    observed: unknown,
    changes: readonly Change[],
    props: unknown = resolved.props,
  ): Step => ({
    action,
    nodeId: node.id,
    kind: node.kind,
    identity: resolved.identity,
    props,
    observed,
    changes,
    reason,
    shared: node.shared === true,
    capacity: node.capacity === true,
    dependsOn: node.dependsOn,
  });
  const yielded = (yielding: Yielding): Yielding => {
    draft.contention = yielding.contention;
    draft.drift.push(...yielding.told);
    return yielding;
  };
  const act = (next: Step) => {
    if (obstacle !== undefined) return void settle({ state: 'blocked', on: obstacle });
    draft.steps.push(next);
    settle({ state: 'acting', reason: verbOf(next), message: next.reason });
  };

  if (observation.state === 'absent') {
    if (kind.external) {
      return void settle({ state: 'failed', reason: 'NotFound', message: notFound(view), retryAtMs: undefined });
    }
    // What AWS would make twice is not made again on the word of a listing that may be older than what was seen before.
    const mayHide = entry && (!entry.seen || kind.unnamed === true);
    if (mayHide && readFromMs(world) - entry.actedAtMs < (kind.visibleWithinMs ?? VISIBLE_WITHIN_MS)) {
      return void settle(
        pending('AwaitingVisibility', `${node.id} was created and is not visible yet`, entry.actedAtMs, world.nowMs),
      );
    }
    if (entry?.seen) {
      draft.drift.push({
        nodeId: node.id,
        kind: node.kind,
        path: '',
        desired: 'present',
        observed: 'absent',
        reason: `Missing${pascal(node.kind)}`,
      });
    }
    return act(step('create', entry?.seen ? 'it was gone' : 'not there yet', undefined, []));
  }

  const observed = observation.observed;
  const readiness = kind.readiness(observed, resolved.props);
  if (readiness.state === 'ending') {
    if (entry?.seen) {
      draft.drift.push({
        nodeId: node.id,
        kind: node.kind,
        path: '',
        desired: 'present',
        observed: readiness.reason,
        reason: `Missing${pascal(node.kind)}`,
      });
    }
    return act(step('reincarnate', readiness.message, observed, []));
  }
  if (!kind.external) {
    const stranger = notOurs(kind, observed, world, node.shared === true, entry !== undefined);
    if (stranger) {
      return void settle({
        state: 'failed',
        reason: 'NotOwned',
        message: `${node.id}: ${stranger}`,
        retryAtMs: undefined,
      });
    }
    if (!entry) draft.record.push(step('create', 'exists already', observed, []));
    else if (!entry.seen) draft.seen.push(node.id);
  }

  if (readiness.state === 'pending' && !readiness.acceptsUpdate) {
    return void settle(fromReadiness(readiness, world.nowMs));
  }
  if (readiness.state === 'failed') {
    const retryAtMs =
      readiness.retryAfterMs === undefined ? undefined : (readiness.sinceMs ?? world.nowMs) + readiness.retryAfterMs;
    const { changes, props } = yielded(yieldIn(view, world, kind, observed, desiredBefore, draft.contention));
    const isRetryDue = retryAtMs !== undefined && (world.retryNow === true || retryAtMs <= world.nowMs);
    if (!kind.external && (changes.length > 0 || isRetryDue)) {
      return act(
        step(
          'update',
          changes.length > 0 ? explain(changes, desiredBefore) : `trying again after ${readiness.reason}`,
          observed,
          changes,
          props,
        ),
      );
    }
    return void settle({ state: 'failed', reason: readiness.reason, message: readiness.message, retryAtMs });
  }
  const { changes, props, left } = yielded(yieldIn(view, world, kind, observed, desiredBefore, draft.contention));
  if (changes.length > 0) {
    if (desiredBefore) {
      for (const { path, desired, observed: seen, reason } of changes) {
        draft.drift.push({ nodeId: node.id, kind: node.kind, path, desired, observed: seen, reason });
      }
    }
    const replace = changes.some((change) => change.replace);
    const hold = replace ? undefined : heldBack(view, kind, changes, world, kinds);
    if (hold) return void settle(hold);
    return act(step(replace ? 'reincarnate' : 'update', explain(changes, desiredBefore), observed, changes, props));
  }
  if (left && (readiness.state === 'ready' || readiness.usable)) return void settle(left);
  if (readiness.state === 'pending') {
    if (desiredBefore && world.wasReady) {
      draft.drift.push({
        nodeId: node.id,
        kind: node.kind,
        path: '',
        desired: 'ready',
        observed: readiness.message,
        reason: readiness.reason,
      });
    }
    return void settle(fromReadiness(readiness, world.nowMs));
  }
  if (obstacle !== undefined && !kind.external) return void settle({ state: 'blocked', on: obstacle });
  // The desire changed without changing anything in AWS: remember it, or the next drift would pass for a change of desire.
  if (entry && !desiredBefore && !kind.external) draft.record.push(step('create', 'unchanged', observed, []));
  settle({ state: 'settled' });
}

/**
 * A change that is sent together with what a facet owns waits while what was read of that may be from before our last
 * change of it, or of what carries it: traffic that was just moved would be moved back.
 */
function heldBack(
  { node }: NodeView,
  kind: AnyKind,
  changes: readonly Change[],
  world: World,
  kinds: KindRegistry,
): Verdict | undefined {
  if (!kind.carriesFacets?.(changes)) return undefined;
  const isFacet = ({ kind: name, dependsOn }: InventoryEntry) => kinds.get(name)?.facet && dependsOn.includes(node.id);
  const concerned = world.entries.filter((entry) => entry.nodeId === node.id || isFacet(entry));
  const readableAtMs = Math.max(...concerned.map(({ actedAtMs }) => actedAtMs)) + STALE_WITHIN_MS;
  if (!(readableAtMs > readFromMs(world))) return undefined;
  const message = `${node.id} waits until what was just changed of it can be read`;
  const pollAfterMs = Math.max(POLL_MS_MIN, readableAtMs - world.nowMs);
  return { state: 'pending', reason: 'AwaitingVisibility', message, pollAfterMs, usable: true };
}

/** Everything left over goes, users before what they use, each only on proof that it is ours. */
function judgeOrphans(world: World, kinds: KindRegistry, draft: Draft): void {
  // What stands as desired and is not recorded so was done by a pass that could not tell of it: perhaps just now.
  const movedAtMs = draft.record.length > 0 ? world.nowMs : world.trafficMovedAtMs;
  const propagationMs = movedAtMs + TRAFFIC_PROPAGATION_MS - world.nowMs;
  const standing = standingOf(world, kinds);
  for (const orphan of world.orphans) {
    const { entry, observation } = orphan;
    const kind = kinds.get(entry.kind);
    const settle = (verdict: Verdict) => draft.verdicts.set(orphanId(entry), verdict);
    if (!kind || !standing.has(orphan)) {
      draft.forget.push(entry);
      continue;
    }
    const user = [...standing].find((other) => other !== orphan && other.entry.dependsOn.includes(entry.nodeId));
    if (user) {
      settle({ state: 'blocked', on: user.entry.nodeId });
      continue;
    }
    if (orphan.stillUsed) {
      // The last user deletes it; this one only stops using it, when nothing of its own needs it any more.
      draft.forget.push(entry);
      continue;
    }
    if (observation.state === 'unknown') {
      settle({ state: 'unknown', failure: observation.failure });
      continue;
    }
    if (observation.state === 'absent') {
      // Forgotten now, it would be nobody's once it shows.
      settle(
        pending('AwaitingVisibility', `${entry.nodeId} was made and is not visible yet`, entry.actedAtMs, world.nowMs),
      );
      continue;
    }
    const readiness = kind.readiness(observation.observed, undefined);
    if (readiness.state === 'ending') {
      settle(pending(readiness.reason, readiness.message, entry.actedAtMs, world.nowMs));
      continue;
    }
    if (world.goal === 'retain' && (entry.shared || kind.tags(observation.observed) === undefined)) {
      // What the next object will share stays the controller's; what carries no mark of ours has none to take off.
      draft.forget.push(entry);
      continue;
    }
    const stranger = notOurs(kind, observation.observed, world, entry.shared, true);
    if (stranger) {
      // Not ours any more: left as it is, and said so, unless it was us who took our tags off.
      draft.forget.push(entry);
      if (world.goal === 'retain') continue;
      draft.drift.push({
        nodeId: entry.nodeId,
        kind: entry.kind,
        path: 'tags',
        desired: 'ours',
        observed: stranger,
        reason: 'LeftBehind',
      });
      continue;
    }
    if (entry.capacity && world.goal === 'converge' && propagationMs > 0) {
      settle({
        state: 'pending',
        reason: 'TrafficPropagating',
        message: `${entry.nodeId} goes once its traffic has been elsewhere for ${formatDuration(TRAFFIC_PROPAGATION_MS)}`,
        pollAfterMs: propagationMs,
        usable: true,
      });
      continue;
    }
    draft.steps.push(deletion(orphan, world.goal === 'retain' ? 'release' : 'delete', observation.observed));
    settle({ state: 'acting', reason: 'Deleting', message: `${entry.nodeId} is no longer desired` });
  }
}

/**
 * What may be there yet; and what is gone while something stands that was made of it. Somebody removed it too early, and
 * only by it is known what else its user needs.
 */
function standingOf(world: World, kinds: KindRegistry): ReadonlySet<OrphanView> {
  const lasting = world.orphans.filter(({ entry }) => !kinds.get(entry.kind)?.facet);
  const standing = new Set(
    lasting.filter(
      (orphan) => orphan.stillUsed || orphan.observation.state !== 'absent' || isHidden(orphan, world, kinds),
    ),
  );
  // A set yields what is added to it while it is walked.
  for (const { entry } of standing)
    for (const used of lasting) if (entry.dependsOn.includes(used.entry.nodeId)) standing.add(used);
  return standing;
}

/** It is not seen, and was made so lately that this tells nothing. */
function isHidden({ entry, observation }: OrphanView, world: World, kinds: KindRegistry): boolean {
  const kind = kinds.get(entry.kind);
  const visibleWithinMs = kind?.visibleWithinMs ?? VISIBLE_WITHIN_MS;
  // What is forgotten too early is nobody's once it shows: nothing hurries.
  const withinMs = entry.seen && !kind?.unnamed ? STALE_WITHIN_MS : Math.max(visibleWithinMs, VISIBLE_WITHIN_MS);
  return observation.state === 'absent' && readFromMs(world) - entry.actedAtMs < withinMs;
}

/** What was read may be as old: a process that is stopped in the midst of a pass looks at it much later. */
function readFromMs(world: World): number {
  return world.readFromMs ?? world.nowMs;
}

function deletion({ entry }: OrphanView, action: 'delete' | 'release', observed: unknown): Step {
  return {
    action,
    nodeId: entry.nodeId,
    kind: entry.kind,
    identity: entry.identity,
    props: undefined,
    observed,
    changes: [],
    reason: action === 'release' ? 'deletionPolicy is retain' : 'no longer desired',
    shared: entry.shared,
    capacity: entry.capacity,
    dependsOn: entry.dependsOn,
  };
}

export function orphanId(entry: InventoryEntry): string {
  return `orphan:${entry.nodeId}:${Object.values(entry.identity).join('/')}`;
}

/** Why this is not ours to touch; undefined when it is. */
function notOurs(
  kind: AnyKind,
  observed: unknown,
  world: World,
  shared: boolean,
  recorded: boolean,
): string | undefined {
  const tags = kind.tags(observed);
  if (!tags) return undefined;
  const expected = shared ? [[world.ownerTag, world.tags[world.ownerTag]] as const] : Object.entries(world.tags);
  const wrong = expected.find(([key, value]) => tags[key] !== value);
  if (wrong) {
    return `a resource of that name exists and does not carry our tag ${wrong[0]}=${wrong[1]}; it is left untouched. Remove it, or choose another name`;
  }
  if (!recorded && !shared) {
    return 'a resource of that name carries our tags but stands in no inventory of ours; it is left untouched. Remove it, or remove its tags';
  }
  return undefined;
}

function isUsable(verdict: Verdict | undefined): boolean {
  return verdict !== undefined && (verdict.state === 'settled' || (verdict.state === 'pending' && verdict.usable));
}

function fromReadiness(readiness: Extract<Readiness, { state: 'pending' }>, nowMs: number): Verdict {
  const verdict = pending(readiness.reason, readiness.message, readiness.sinceMs, nowMs);
  return { ...verdict, usable: readiness.usable };
}

/** Young transitions are looked at often, old ones seldom: a fifth of their age. */
function pending(reason: string, message: string, sinceMs: number | undefined, nowMs: number) {
  const ageMs = sinceMs === undefined ? 0 : Math.max(0, nowMs - sinceMs);
  const pollAfterMs = Math.min(POLL_MS_MAX, Math.max(POLL_MS_MIN, Math.round(ageMs / 5)));
  return { state: 'pending', reason, message, pollAfterMs, usable: false } as const;
}

function requeueAfter(world: World, draft: Draft): number | undefined {
  // What was just done is read back at once.
  if (draft.steps.length > 0 || draft.forget.length > 0) return 0;
  let least: number | undefined;
  const consider = (ms: number) => {
    least = least === undefined ? ms : Math.min(least, ms);
  };
  for (const verdict of draft.verdicts.values()) {
    if (verdict.state === 'pending') consider(verdict.pollAfterMs);
    if (verdict.state === 'failed' && verdict.retryAtMs !== undefined)
      consider(Math.max(0, verdict.retryAtMs - world.nowMs));
  }
  return least;
}

/** Only a difference at unchanged desire is called by its drift reason. It is logged and kept, so secrets stay out. */
function explain(changes: readonly Change[], isDrift: boolean): string {
  return changes
    .map((change) => hideChange(change))
    .map(
      ({ reason, path, observed, desired }) =>
        `${isDrift ? `${reason}: ` : ''}${path} ${brief(observed)} → ${brief(desired)}`,
    )
    .join('; ');
}

function brief(value: unknown): string {
  const text = typeof value === 'string' ? value : canonicalJson(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

function verbOf(step: Step): string {
  if (step.action === 'create') return 'Creating';
  if (step.action === 'reincarnate') return 'Replacing';
  return 'Updating';
}

function notFound(view: NodeView): string {
  const named = Object.values(view.resolved?.identity ?? {}).filter((value) => value !== '');
  return `${view.node.kind} ${named.join(' ')} does not exist, or this account cannot see it; create it or correct the name`;
}

function kindOf(kinds: KindRegistry, name: string): AnyKind {
  const kind = kinds.get(name);
  if (!kind) throw new Error(`no resource kind is registered under '${name}'`);
  return kind;
}

function pascal(text: string): string {
  return text.replace(/(^|-)([a-z])/g, (_all, _dash, letter: string) => letter.toUpperCase());
}
