/** A map of so many entries at most: what was not asked for the longest goes when another comes. */
export class RecentMap<K, V> extends Map<K, V> {
  readonly #sizeMax: number;

  constructor(sizeMax: number) {
    super();
    this.#sizeMax = sizeMax;
  }

  override get(key: K): V | undefined {
    const value = super.get(key);
    if (value === undefined && !this.has(key)) return undefined;
    // The newest is the last.
    super.delete(key);
    super.set(key, value as V);
    return value;
  }

  override set(key: K, value: V): this {
    super.delete(key);
    super.set(key, value);
    if (this.size > this.#sizeMax) {
      for (const oldest of this.keys()) {
        super.delete(oldest);
        break;
      }
    }
    return this;
  }
}
