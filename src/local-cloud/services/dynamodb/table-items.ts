/**
 * The items of one table: one stored entry for each, and beside them, in memory only, their order and the times at
 * which TTL removes them. What is in memory is derived from what is stored, and derived anew when the two disagree
 * (a step that the cloud undid), so that it can be lost at any time.
 */
import type { Collection } from '../../contract.ts';
import { compareText, type Item, itemSize, member } from './attribute-value.ts';
import { ItemIndex } from './item-index.ts';
import { type ItemKey, keyFromId } from './key-schema.ts';

/** Expiry times further in the past than this are taken for a mistake, and the item is kept. */
const TTL_HORIZON_MS = 5 * 365 * 86_400_000;
/** DynamoDB removes an expired item some time after its expiry, never at once; readers must filter. */
const TTL_LAG_MS = 60_000;

export class TableItems {
  readonly #stored: Collection<Item>;
  #index: ItemIndex | undefined;
  /** The newest change of the index: undone together with whatever else its step did. */
  #newest: { readonly id: string; readonly present: boolean } | undefined;
  #expiries:
    | { readonly attribute: string; readonly byId: Map<string, number>; dueAtMs: number | undefined }
    | undefined;

  constructor(stored: Collection<Item>) {
    this.#stored = stored;
  }

  /** The order of the keys; valid until the next write. */
  get index(): ItemIndex {
    const newest = this.#newest;
    const isUndone = newest !== undefined && this.#stored.has(newest.id) !== newest.present;
    if (this.#index?.size === this.#stored.size && !isUndone) return this.#index;
    this.#newest = undefined;
    this.#expiries = undefined;
    this.#index = new ItemIndex();
    for (const id of this.#stored.keys()) this.#index.add(keyFromId(id));
    return this.#index;
  }

  get(key: ItemKey): Item | undefined {
    return this.#stored.get(key.id);
  }

  put(key: ItemKey, item: Item): void {
    const index = this.index;
    const isNew = !this.#stored.has(key.id);
    this.#stored.set(key.id, item);
    if (isNew) {
      index.add(key);
      this.#newest = { id: key.id, present: true };
    }
    this.#noteExpiry(key.id, item);
  }

  /** Removes an item that exists. */
  delete(key: ItemKey): void {
    const index = this.index;
    if (!this.#stored.delete(key.id)) return;
    index.remove(key);
    this.#newest = { id: key.id, present: false };
    this.#expiries?.byId.delete(key.id);
  }

  clear(): void {
    for (const id of this.#stored.keys()) this.#stored.delete(id);
    this.#index = undefined;
    this.#newest = undefined;
    this.#expiries = undefined;
  }

  /** How many items there are and how many bytes they take. Reads every item. */
  count(): { items: number; bytes: number } {
    return { items: this.#stored.size, bytes: this.#stored.values().reduce((sum, item) => sum + itemSize(item), 0) };
  }

  /** When the next item is due for removal, by the TTL attribute's present values. */
  nextExpiryAtMs(attribute: string): number | undefined {
    const expiries = this.#expiriesBy(attribute);
    if (expiries.dueAtMs === undefined) {
      for (const atMs of expiries.byId.values()) expiries.dueAtMs = Math.min(atMs, expiries.dueAtMs ?? atMs);
    }
    return expiries.dueAtMs;
  }

  /** Keys of the items that TTL removes by `nowMs`. */
  expired(attribute: string, nowMs: number): ItemKey[] {
    const expiries = this.#expiriesBy(attribute);
    expiries.dueAtMs = undefined;
    const due: [id: string, atMs: number][] = [];
    for (const [id, notedMs] of expiries.byId) {
      if (notedMs > nowMs) continue;
      // What is stored decides: the step that the noted time came from may have been undone.
      const item = this.#stored.get(id);
      const atMs = item && expiryAtMs(item, attribute);
      if (atMs === undefined || atMs <= nowMs - TTL_HORIZON_MS) expiries.byId.delete(id);
      else if (atMs <= nowMs) due.push([id, atMs]);
      else expiries.byId.set(id, atMs);
    }
    // In one order, however the times were gathered.
    due.sort(([a, aMs], [b, bMs]) => aMs - bMs || compareText(a, b));
    return due.map(([id]) => keyFromId(id));
  }

  #expiriesBy(attribute: string) {
    // Reading the index first drops expiries that belong to an undone step.
    const { index } = this;
    if (this.#expiries?.attribute === attribute) return this.#expiries;
    this.#expiries = { attribute, byId: new Map(), dueAtMs: undefined };
    for (const key of index.scan(undefined, undefined)) {
      const item = this.#stored.get(key.id);
      if (item) this.#noteExpiry(key.id, item);
    }
    return this.#expiries;
  }

  #noteExpiry(id: string, item: Item): void {
    if (!this.#expiries) return;
    const atMs = expiryAtMs(item, this.#expiries.attribute);
    if (atMs === undefined) {
      this.#expiries.byId.delete(id);
      return;
    }
    this.#expiries.byId.set(id, atMs);
    if (this.#expiries.dueAtMs !== undefined) this.#expiries.dueAtMs = Math.min(this.#expiries.dueAtMs, atMs);
  }
}

/** When TTL removes an item; undefined when its attribute holds no time. */
function expiryAtMs(item: Item, attribute: string): number | undefined {
  const value = member(item, attribute);
  if (!value || !('N' in value)) return undefined;
  const atMs = Math.floor(Number(value.N)) * 1000 + TTL_LAG_MS;
  return Number.isSafeInteger(atMs) ? atMs : undefined;
}
