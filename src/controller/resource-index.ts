/**
 * From a name of something in AWS to the objects that have it: by the values of identities in inventories, by the places
 * that listings show, and for shared resources also who uses them. Names are kept as short hashes, not as text: two names
 * of one hash cost a pass that finds nothing.
 */
import { hash } from 'node:crypto';
import { formatKey, type Inventory, type ObjectKey, parseKey } from '../resource/index.ts';
import type { DriftIndex } from './drift-index.ts';

export class ResourceIndex implements DriftIndex {
  /** One object or several, by the hash of kind and name. Most names are of one object, and a set for each is dear. */
  readonly #ids: Map<number, string | Set<string>> = new Map();
  /** What each object stands under. */
  readonly #hashes: Map<string, Int32Array> = new Map();

  keysOf(kind: string, names: readonly string[]): ObjectKey[] {
    const found = new Set<string>();
    for (const name of names) {
      const ids = this.#ids.get(hashOf(kind, name));
      if (typeof ids === 'string') found.add(ids);
      else for (const id of ids ?? []) found.add(id);
    }
    return [...found].map(parseKey);
  }

  /** The object is remembered so; undefined: no more. */
  set(key: ObjectKey, inventory: Inventory | undefined): void {
    const id = formatKey(key);
    const next = inventory ? hashesOf(inventory) : undefined;
    const before = this.#hashes.get(id);
    if (before && next && sameHashes(before, next)) return;
    for (const known of before ?? []) this.#remove(known, id);
    if (!next) {
      this.#hashes.delete(id);
      return;
    }
    this.#hashes.set(id, next);
    for (const hashed of next) this.#add(hashed, id);
  }

  #add(hashed: number, id: string): void {
    const ids = this.#ids.get(hashed);
    if (ids === undefined || ids === id) this.#ids.set(hashed, id);
    else if (typeof ids === 'string') this.#ids.set(hashed, new Set([ids, id]));
    else ids.add(id);
  }

  #remove(hashed: number, id: string): void {
    const ids = this.#ids.get(hashed);
    if (ids === id) this.#ids.delete(hashed);
    else if (ids instanceof Set) {
      ids.delete(id);
      if (ids.size === 0) this.#ids.delete(hashed);
    }
  }
}

function hashesOf({ entries, steady }: Inventory): Int32Array {
  const hashes = new Set<number>();
  for (const { kind, identity } of entries) addNames(hashes, kind, identity);
  for (const { kind, identity, place } of steady?.nodes ?? []) {
    addNames(hashes, kind, identity);
    if (place) hashes.add(hashOf(kind, place.name));
  }
  return Int32Array.from(hashes).sort();
}

function addNames(hashes: Set<number>, kind: string, identity: Readonly<Record<string, string>>): void {
  for (const name of Object.values(identity)) if (name !== '') hashes.add(hashOf(kind, name));
}

/** 31 bits, which the engine keeps without an object of their own. */
function hashOf(kind: string, name: string): number {
  return hash('sha1', `${kind} ${name}`, 'buffer').readInt32BE(0) >> 1;
}

function sameHashes(a: Int32Array, b: Int32Array): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}
