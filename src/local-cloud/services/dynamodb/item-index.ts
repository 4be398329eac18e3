/**
 * The order of a table's items, in memory: partitions by the hash of their partition key, as DynamoDB scans them, and
 * within a partition by sort key. It holds keys only and is derived from the stored keys, never stored itself.
 */
import { createHash } from 'node:crypto';
import { compareText } from './attribute-value.ts';
import type { ItemKey } from './key-schema.ts';

interface Partition {
  readonly hash: string;
  /** Where the partition lies in a scan: hexadecimal, of equal length for all. */
  readonly token: string;
  readonly keys: ItemKey[];
}

const TOKEN_SPAN = 0x1_0000_0000;

/** Part `number` of `total` equal parts of a scan. */
export interface Segment {
  readonly number: number;
  readonly total: number;
}

export class ItemIndex {
  readonly #byHash = new Map<string, Partition>();
  readonly #ordered: Partition[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Adds a key that is not in the index yet. */
  add(key: ItemKey): void {
    let partition = this.#byHash.get(key.hash);
    if (!partition) {
      partition = { hash: key.hash, token: tokenOf(key.hash), keys: [] };
      this.#byHash.set(key.hash, partition);
      this.#ordered.splice(this.#position(partition), 0, partition);
    }
    partition.keys.splice(lowerBound(partition.keys, key.sort), 0, key);
    this.#size++;
  }

  /** Removes a key that is in the index. */
  remove(key: ItemKey): void {
    const partition = this.#byHash.get(key.hash);
    if (!partition) return;
    partition.keys.splice(lowerBound(partition.keys, key.sort), 1);
    this.#size--;
    if (partition.keys.length > 0) return;
    this.#byHash.delete(key.hash);
    this.#ordered.splice(this.#position(partition), 1);
  }

  /** The keys of one partition, by sort key. */
  partition(hash: string): readonly ItemKey[] {
    return this.#byHash.get(hash)?.keys ?? [];
  }

  /** All keys in scan order, from right after `after` (which need not exist any more). */
  *scan(after: ItemKey | undefined, segment: Segment | undefined): Generator<ItemKey> {
    let position = after ? this.#position({ hash: after.hash, token: tokenOf(after.hash) }) : 0;
    for (; position < this.#ordered.length; position++) {
      const partition = this.#ordered[position] as Partition;
      if (segment && segmentOf(partition.token, segment.total) !== segment.number) continue;
      const from = after?.hash === partition.hash ? upperBound(partition.keys, after.sort) : 0;
      for (let i = from; i < partition.keys.length; i++) yield partition.keys[i] as ItemKey;
    }
  }

  /** Position of the first partition that is not before this one. */
  #position(partition: { hash: string; token: string }): number {
    return firstIndex(this.#ordered, ({ token, hash }) =>
      token === partition.token ? compareText(hash, partition.hash) >= 0 : token > partition.token,
    );
  }
}

/** Position of the first key whose sort key is not below `sort`. */
export function lowerBound(keys: readonly ItemKey[], sort: string): number {
  return firstIndex(keys, (key) => compareText(key.sort, sort) >= 0);
}

/** Position of the first key whose sort key is above `sort`. */
export function upperBound(keys: readonly ItemKey[], sort: string): number {
  return firstIndex(keys, (key) => compareText(key.sort, sort) > 0);
}

/** The segment in which a scan finds a partition key. */
export function segmentOfHash(hash: string, total: number): number {
  return segmentOf(tokenOf(hash), total);
}

function segmentOf(token: string, total: number): number {
  return Math.floor((Number.parseInt(token.slice(0, 8), 16) / TOKEN_SPAN) * total);
}

function tokenOf(hash: string): string {
  return createHash('md5').update(hash).digest('hex');
}

/** Index of the first element that `reached`; once an element has, all later ones must have. */
function firstIndex<T>(sorted: readonly T[], reached: (element: T) => boolean): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (reached(sorted[middle] as T)) high = middle;
    else low = middle + 1;
  }
  return low;
}
