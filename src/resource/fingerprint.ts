/**
 * Short memory of what was seen: one hash per drift reason, so that a later look can say which reason differs without
 * anything having been kept. It is stored with the inventory; one that was made of other fields than today's (another
 * version of the controller) differs in every reason, which costs a pass and no more.
 */
import { canonicalJson, shortHash } from '../core/index.ts';
import type { Sweep, SweptRange } from './sweep.ts';

export type Fields<Seen> = Readonly<Record<string, (seen: Seen) => unknown>>;

/** Enough that two values of one field are the same by accident about once in four billion. */
const HASH_LENGTH = 8;

/** Of every field in the order of their names, e.g. `a1b2:0c33e9f1.77aa01b2`. */
export function fingerprintOf<Seen>(fields: Fields<Seen>, seen: Seen): string {
  return `${versionOf(fields)}:${reasonsOf(fields)
    .map((reason) => hashOf(fields[reason]?.(seen)))
    .join('.')}`;
}

/**
 * The reasons whose value is another than when `fingerprint` was taken; all of them if it was taken of other fields. Of
 * those that `isAsked` leaves out nothing is said.
 */
export function differing<Seen>(
  fields: Fields<Seen>,
  fingerprint: string | undefined,
  seen: Seen,
  isAsked: (reason: string) => boolean = () => true,
): readonly string[] {
  const reasons = reasonsOf(fields);
  const [version, hashes = ''] = (fingerprint ?? '').split(':');
  if (version !== versionOf(fields)) return reasons.filter(isAsked);
  const before = hashes.split('.');
  return reasons.filter((reason, index) => isAsked(reason) && before[index] !== hashOf(fields[reason]?.(seen)));
}

/** What of a kind's sweep a fingerprint is made of. */
type Swept<Props, Seen> = Pick<Sweep<Props, Seen, never>, 'fields'> & {
  readonly ranges?: Readonly<Record<string, SweptRange<Props, Seen>>> | undefined;
};

/** As `fingerprintOf`, and the bounds in which numbers may move, e.g. `a1b2:0c33e9f1.77aa01b2:1~4`. */
export function sweptFingerprintOf<Props, Seen>(sweep: Swept<Props, Seen>, desired: Props, seen: Seen): string {
  const ranges = Object.entries(sweep.ranges ?? {}).sort(byReason);
  if (ranges.length === 0) return fingerprintOf(sweep.fields, seen);
  const bounds = ranges.map(([, range]) => range.bounds(desired).join('~'));
  return `${fingerprintOf(sweep.fields, seen)}:${bounds.join('.')}`;
}

/** The reasons whose value is another than when `fingerprint` was taken, or outside of the bounds that held then. */
export function sweptDiffering<Props, Seen>(
  sweep: Swept<Props, Seen>,
  fingerprint: string | undefined,
  seen: Seen,
  isAsked: (reason: string) => boolean = () => true,
): readonly string[] {
  const reasons = differing(sweep.fields, fingerprint, seen, isAsked);
  if (!sweep.ranges) return reasons;
  const bounds = (fingerprint ?? '').split(':')[2]?.split('.') ?? [];
  const outside = Object.entries(sweep.ranges)
    .sort(byReason)
    .filter(([reason, range], index) => isAsked(reason) && !isWithin(range.value(seen), bounds[index]));
  return [...reasons, ...outside.map(([reason]) => reason)];
}

/** A number within bounds that were never written down is not within them. */
function isWithin(value: number, bounds: string | undefined): boolean {
  const [low, high] = (bounds ?? '').split('~').map(Number);
  return low !== undefined && high !== undefined && value >= low && value <= high;
}

function byReason([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}

const VERSIONS = new WeakMap<object, { readonly version: string; readonly reasons: readonly string[] }>();

function known(fields: Fields<never>) {
  let entry = VERSIONS.get(fields);
  if (!entry) {
    const reasons = Object.keys(fields).sort();
    entry = { version: shortHash(reasons.join(), 4), reasons };
    VERSIONS.set(fields, entry);
  }
  return entry;
}

function versionOf(fields: Fields<never>): string {
  return known(fields).version;
}

function reasonsOf(fields: Fields<never>): readonly string[] {
  return known(fields).reasons;
}

/** Hashes by text: most values are those of many objects, and hashing costs more than looking them up. */
const HASHES = new Map<string, string>();
const HASHES_MAX = 1_000;
const TEXT_LENGTH_MAX = 200;

function hashOf(value: unknown): string {
  const text = canonicalJson(value);
  const known = HASHES.get(text);
  if (known !== undefined) return known;
  const hash = shortHash(text, HASH_LENGTH);
  if (text.length <= TEXT_LENGTH_MAX) {
    if (HASHES.size === HASHES_MAX) HASHES.clear();
    HASHES.set(text, hash);
  }
  return hash;
}
