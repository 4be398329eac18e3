/**
 * Tells a fight from drift: a field that we put right and that somebody else makes another again, several times within
 * minutes, is left alone until it has been quiet for a while or is resolved. Everything here is pure; what it remembers
 * of a field is small, bounded, and durable in the inventory, so that a new leader goes on where the last one stopped.
 * Only fields of something that is there are fought over: what is missing is always made again.
 */
import { canonicalJson, shortHash } from '../core/index.ts';
import type { Change, FieldContention } from '../resource/index.ts';
import { hideChange } from './hidden-values.ts';

/** So often within the window we put a field right; when it is reversed once more, we stop. */
export const HEALS_MAX = 4;
export const WINDOW_MS = 10 * 60_000;
/** How long a field must not be seen to change before we try again; twice as long after every stop. */
const QUIET_MS = 10 * 60_000;
const QUIET_MS_MAX = 16 * QUIET_MS;
/**
 * A difference sooner after our own act, and without the field having been seen as desired between, may be an answer
 * from before the act: it is put right again, and counts as the same time.
 */
const SETTLING_MS = 15_000;
const FIELDS_MAX = 32;
const TEXT_LENGTH_MAX = 80;

/** Who was last seen to change something, where AWS's events told. */
export interface LastWriter {
  /** For people, e.g. the ARN of a user or a session. */
  readonly who: string;
  readonly atMs: number;
}

/** What is to be done about a field that differs at an unchanged desire. */
export type Stance =
  | { readonly type: 'heal' }
  /** It is left alone until `untilMs`, unless it moves again before. */
  | { readonly type: 'leave'; readonly untilMs: number };

export interface Sighting {
  readonly nodeId: string;
  readonly change: Pick<Change, 'path' | 'desired' | 'observed'>;
  readonly nowMs: number;
  /** A person asked for it to be tried now. */
  readonly isAsked: boolean;
  /** For people: who likely does it. */
  readonly writer: string;
}

/** How long a field must be quiet after having been stopped `stops` times. */
export function quietMs(stops: number): number {
  return Math.min(QUIET_MS_MAX, QUIET_MS * 2 ** Math.max(0, stops - 1));
}

export function contentionOf(
  known: readonly FieldContention[],
  nodeId: string,
  path: string,
): FieldContention | undefined {
  return known.find((field) => field.nodeId === nodeId && field.path === path);
}

/** A field was seen to differ: what is to be done, and what is remembered of it then (undefined: nothing). */
export function judgeSighting(
  known: FieldContention | undefined,
  sighting: Sighting,
): { readonly stance: Stance; readonly field: FieldContention | undefined } {
  const { nodeId, change, nowMs, isAsked, writer } = sighting;
  // Another desire is another matter, and so is a person's wish.
  if (!known || known.desired !== hashOf(change.desired) || isAsked)
    return { stance: { type: 'heal' }, field: undefined };
  const { stopped, stops } = known;
  const observed = hashOf(change.observed);
  if (stopped) {
    const changedAtMs = stopped.observed === observed ? stopped.changedAtMs : nowMs;
    const untilMs = changedAtMs + quietMs(stops);
    // From here on it is on probation: one reversal, and it is left alone for longer.
    if (nowMs >= untilMs) {
      const { stopped: _, ...rest } = known;
      return { stance: { type: 'heal' }, field: { ...rest, healedAtMs: [], isHeld: true } };
    }
    const field = { ...known, stopped: { ...stopped, observed, changedAtMs, shown: shown(change), writer } };
    return { stance: { type: 'leave', untilMs }, field };
  }
  const last = known.healedAtMs.at(-1);
  const isReversal = last !== undefined && (known.isHeld || nowMs - last >= SETTLING_MS);
  const heals = healsWithin(known, nowMs);
  if (!isReversal || heals < (stops > 0 ? 1 : HEALS_MAX)) return { stance: { type: 'heal' }, field: known };
  const next: FieldContention = {
    ...known,
    nodeId,
    stops: stops + 1,
    stopped: { sinceMs: nowMs, changedAtMs: nowMs, observed, shown: shown(change), writer, heals },
  };
  return { stance: { type: 'leave', untilMs: nowMs + quietMs(next.stops) }, field: next };
}

/** A field was seen as it is desired. Undefined when nothing needs to be remembered of it any more. */
export function seenAsDesired(known: FieldContention, nowMs: number): FieldContention | undefined {
  const last = known.healedAtMs.at(-1) ?? known.stopped?.sinceMs ?? 0;
  const rememberedMs = known.stops > 0 ? quietMs(known.stops) : WINDOW_MS;
  if (nowMs - last >= rememberedMs) return undefined;
  if (known.isHeld && !known.stopped) return known;
  const { stopped: _, ...rest } = known;
  return { ...rest, isHeld: true };
}

/** The fields with those that we have just put right. */
export function healed(
  known: readonly FieldContention[],
  put: readonly { readonly nodeId: string; readonly path: string; readonly desired: unknown }[],
  nowMs: number,
): readonly FieldContention[] {
  if (put.length === 0) return known;
  const others = known.filter(({ nodeId, path }) => !put.some((one) => one.nodeId === nodeId && one.path === path));
  const fields = put.map(({ nodeId, path, desired }): FieldContention => {
    const before = contentionOf(known, nodeId, path);
    const isSameDesire = before?.desired === hashOf(desired);
    const earlier = isSameDesire ? (before?.healedAtMs ?? []) : [];
    const last = earlier.at(-1);
    const isSameTime = last !== undefined && before?.isHeld === false && nowMs - last < SETTLING_MS;
    return {
      nodeId,
      path,
      desired: hashOf(desired),
      healedAtMs: isSameTime ? earlier : [...earlier, nowMs].slice(-HEALS_MAX - 1),
      isHeld: false,
      stops: isSameDesire ? (before?.stops ?? 0) : 0,
    };
  });
  return [...others, ...fields].slice(-FIELDS_MAX);
}

/** One sentence for people. */
export function describeContention({ nodeId, path, stops, stopped }: FieldContention): string {
  if (!stopped) return '';
  const until = new Date(stopped.changedAtMs + quietMs(stops)).toISOString();
  const times = `${stopped.heals} ${stopped.heals === 1 ? 'time' : 'times'}`;
  return `${nodeId}.${path}: desired ${stopped.shown.desired}, but ${stopped.writer} makes it ${stopped.shown.observed}; put right ${times} and reversed each time, so it is left alone until ${until} if it stays quiet. Stop the other writer, or set drift.fields to ignore for this field; annotate lambdacontainer.dev/reconcile-requested-at to try at once`;
}

function healsWithin({ healedAtMs }: FieldContention, nowMs: number): number {
  return healedAtMs.filter((ms) => nowMs - ms < WINDOW_MS).length;
}

function hashOf(value: unknown): string {
  return shortHash(canonicalJson(value ?? null), 12);
}

/** It is kept and shown, so secrets stay out. */
function shown(change: Sighting['change']) {
  const { desired, observed } = hideChange(change);
  return { desired: brief(desired), observed: brief(observed) };
}

function brief(value: unknown): string {
  const text = typeof value === 'string' ? value : canonicalJson(value ?? null);
  return text.length > TEXT_LENGTH_MAX ? `${text.slice(0, TEXT_LENGTH_MAX - 1)}…` : text;
}
