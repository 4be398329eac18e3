/**
 * From names to numbers, several of one name, for all names of a fleet at once and for as long as a sweep lasts. A name is
 * kept as 64 bits of its hash in an array of numbers, a fifth of what a map of texts takes. Two names of one hash would be
 * taken for the same thing, once in many millions of fleets; what a sweep finds is proven by a pass anyway.
 */

const LOW = 0;
const HIGH = 1;
const NEXT = 2;
const VALUE = 3;
/** Numbers of an entry. */
const WIDTH = 4;
const NONE = -1;
const NO_ENTRIES: readonly number[] = [];

export class NameTable {
  /** By bucket: its newest entry. Always a power of two. */
  #heads = new Int32Array(64).fill(NONE);
  #entries = new Int32Array(64 * WIDTH);
  #size = 0;
  #low = 0;
  #high = 0;

  /** Entries so far; they are numbered from 0. */
  get size(): number {
    return this.#size;
  }

  /** A new entry. True: the first of its name. */
  add(name: string, value: number): boolean {
    if (this.#size === this.#heads.length) this.#grow();
    this.#hash(name);
    const isFirst = this.#find(this.#head()) === NONE;
    const entry = this.#size++;
    const at = entry * WIDTH;
    this.#entries[at + LOW] = this.#low;
    this.#entries[at + HIGH] = this.#high;
    this.#entries[at + VALUE] = value;
    this.#link(entry);
    return isFirst;
  }

  /** Entries of a name, in the order in which they were added. */
  entriesOf(name: string): readonly number[] {
    this.#hash(name);
    let entry = this.#find(this.#head());
    if (entry === NONE) return NO_ENTRIES;
    const found: number[] = [];
    for (; entry !== NONE; entry = this.#find(this.#entries[entry * WIDTH + NEXT] ?? NONE)) found.push(entry);
    return found.reverse();
  }

  valueAt(entry: number): number {
    return this.#entries[entry * WIDTH + VALUE] ?? NONE;
  }

  #head(): number {
    return this.#heads[this.#low & (this.#heads.length - 1)] ?? NONE;
  }

  /** From `entry` on, the next that has the hash. */
  #find(entry: number): number {
    let at = entry;
    while (at !== NONE) {
      const from = at * WIDTH;
      if (this.#entries[from + LOW] === this.#low && this.#entries[from + HIGH] === this.#high) return at;
      at = this.#entries[from + NEXT] ?? NONE;
    }
    return NONE;
  }

  #link(entry: number): void {
    const at = entry * WIDTH;
    const bucket = (this.#entries[at + LOW] ?? 0) & (this.#heads.length - 1);
    this.#entries[at + NEXT] = this.#heads[bucket] ?? NONE;
    this.#heads[bucket] = entry;
  }

  #grow(): void {
    const entries = new Int32Array(this.#entries.length * 2);
    entries.set(this.#entries);
    this.#entries = entries;
    this.#heads = new Int32Array(this.#heads.length * 2).fill(NONE);
    for (let entry = 0; entry < this.#size; entry++) this.#link(entry);
  }

  #hash(name: string): void {
    let a = 0xdeadbeef | 0;
    let b = 0x41c6ce57;
    for (let i = 0; i < name.length; i++) {
      const unit = name.charCodeAt(i);
      a = Math.imul(a ^ unit, 0x9e3779b1);
      b = Math.imul(b ^ unit, 0x5f356495);
    }
    a = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ Math.imul(b ^ (b >>> 13), 0xc2b2ae35);
    b = Math.imul(b ^ (b >>> 16), 0x85ebca6b) ^ Math.imul(a ^ (a >>> 13), 0xc2b2ae35);
    this.#low = a ^ (a >>> 15);
    this.#high = b ^ (b >>> 14);
  }
}
