/**
 * The rules by which the guard lets deletions begin or holds them. Pure. Deletions are counted per class in a sliding
 * hour; beyond the class's share (and more than three) the rest is held, and once one is held nothing more of that class
 * begins until a person has looked. What is confirmed is not counted: it was a person's decision.
 */
import type { DeletionHold, Inventory, ObjectKey } from '../resource/index.ts';
import type { InventoryOutline } from './remembered-object.ts';
import type { Doubt } from './table-trust.ts';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** So many may always go: a small fleet must stay operable. */
const ALWAYS_ALLOWED = 3;

/** What is remembered of a class's deletions of the last hour: exactly those that are about to begin, the rest by minute. */
export interface Ledger {
  /** Let go, and not known to have begun: asked again, the same object is not counted twice. */
  readonly admitted: readonly { readonly uid: string; readonly atMs: number }[];
  /** Those that began, by minute since the epoch. */
  readonly begun: Readonly<Record<string, number>>;
}

export const EMPTY_LEDGER: Ledger = { admitted: [], begun: {} };

/** An object whose record is not there. */
export interface Vanished {
  readonly key: ObjectKey;
  readonly inventory: Inventory;
  readonly isConfirmed: boolean;
}

export interface Situation {
  readonly className: string;
  /** Every object of the class that is remembered, those that end included. */
  readonly objects: readonly InventoryOutline[];
  readonly maxDeletePercent: number;
  readonly doubt: Doubt | undefined;
  readonly table: string;
  readonly nowMs: number;
}

export type Ruling = { readonly begins: true } | { readonly begins: false; readonly hold: DeletionHold };

/** How many deletions an hour may see. */
export function allowedOf(base: number, maxDeletePercent: number): number {
  return Math.max(ALWAYS_ALLOWED, Math.floor((base * maxDeletePercent) / 100));
}

/** Deletions of the last hour. A minute counts until all of it is an hour ago. */
export function countOf({ admitted, begun }: Ledger, nowMs: number): number {
  const exact = admitted.filter(({ atMs }) => nowMs - atMs < HOUR_MS).length;
  return Object.entries(begun).reduce(
    (sum, [minute, count]) => sum + (nowMs < (Number(minute) + 1) * MINUTE_MS + HOUR_MS ? count : 0),
    exact,
  );
}

/** Objects that count: one that made nothing loses nothing, and is no deletion. */
export function hasMadeSomething({ entries }: InventoryOutline): boolean {
  return entries.length > 0;
}

/** The ledger without what is too old, and with what began since it was written moved to its minute. */
export function settled(ledger: Ledger, objects: readonly InventoryOutline[], nowMs: number): Ledger {
  const waiting = new Set(objects.flatMap(({ uid, deletingSinceMs }) => (deletingSinceMs === undefined ? [uid] : [])));
  const begun: Record<string, number> = {};
  const add = (minute: string, count: number) => {
    if (nowMs < (Number(minute) + 1) * MINUTE_MS + HOUR_MS) begun[minute] = (begun[minute] ?? 0) + count;
  };
  for (const [minute, count] of Object.entries(ledger.begun)) add(minute, count);
  for (const { uid, atMs } of ledger.admitted) if (!waiting.has(uid)) add(String(Math.floor(atMs / MINUTE_MS)), 1);
  return { begun, admitted: ledger.admitted.filter(({ uid, atMs }) => waiting.has(uid) && nowMs - atMs < HOUR_MS) };
}

/** Rules on objects of one class in the order given. `ledger` is what must be durable before the first of them begins. */
export function rule(
  vanished: readonly Vanished[],
  before: Ledger,
  situation: Situation,
): { rulings: readonly Ruling[]; ledger: Ledger } {
  const { objects, maxDeletePercent, doubt, nowMs } = situation;
  let ledger = settled(before, objects, nowMs);
  let isStuck = objects.some(({ held }) => held?.reason === 'TooManyDeletions');
  const counted = (uid: string) => ledger.admitted.some((other) => other.uid === uid);
  const standing = objects.filter(
    (object) => object.deletingSinceMs === undefined && hasMadeSomething(object) && !counted(object.uid),
  ).length;
  const base = standing + countOf(ledger, nowMs);
  const allowed = allowedOf(base, maxDeletePercent);

  const rulings = vanished.map(({ key, inventory, isConfirmed }): Ruling => {
    const hold = (reason: DeletionHold['reason'], why: string): Ruling => ({
      begins: false,
      hold: { reason, sinceMs: nowMs, message: `${why}. ${remedy(key)}` },
    });
    if (inventory.held && !isConfirmed) return { begins: false, hold: inventory.held };
    if (isConfirmed || !hasMadeSomething(inventory)) return { begins: true };
    if (doubt) return hold(doubt.reason, whyDoubted(doubt, situation.table));
    if (inventory.protected) return hold('Protected', 'the object is protected, and its record is gone');
    const { uid } = inventory;
    const deleted = countOf(ledger, nowMs);
    if (!counted(uid) && (isStuck || deleted >= allowed)) {
      const why = whyTooMany(deleted, base, allowed, isStuck && deleted < allowed, situation);
      isStuck = true;
      return hold('TooManyDeletions', why);
    }
    ledger = { ...ledger, admitted: [...ledger.admitted.filter((other) => other.uid !== uid), { uid, atMs: nowMs }] };
    return { begins: true };
  });
  return { rulings, ledger };
}

function whyTooMany(
  deleted: number,
  base: number,
  allowed: number,
  isStuck: boolean,
  { className, maxDeletePercent }: Situation,
): string {
  const many = `${deleted} of ${base} objects of class '${className}' were deleted within an hour`;
  return isStuck
    ? `${many}, and further deletions of the class wait for those that are held already`
    : `${many}, and no more than ${allowed} may be (deletion.maxDeletePercent is ${maxDeletePercent})`;
}

function whyDoubted({ reason, missing, objects, sinceMs, tableId }: Doubt, table: string): string {
  const many = `${missing} of ${objects} objects had no record in table '${table}' at ${new Date(sinceMs).toISOString()}`;
  return reason === 'TableEmpty'
    ? `${many}, which was empty`
    : `${many}, which is another table than before (its id is ${tableId}): it was re-created, restored or renamed`;
}

function remedy({ namespace, name }: ObjectKey): string {
  return `Put the record back, or confirm the deletion: lambdacontainer delete --confirm ${name} -n ${namespace}`;
}
