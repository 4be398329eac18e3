/**
 * Ids that were seen lately: EventBridge delivers at least once, and once per rule that matches. A window of time with a
 * bound on its size; what falls out of it costs a pass that finds nothing.
 */
export class RecentIds {
  readonly #windowMs: number;
  readonly #sizeMax: number;
  /** Oldest first. */
  readonly #seenAtMs: Map<string, number> = new Map();

  constructor(windowMs: number, sizeMax: number) {
    this.#windowMs = windowMs;
    this.#sizeMax = sizeMax;
  }

  /** Notes the id; true when it was noted within the window before. */
  seen(id: string, nowMs: number): boolean {
    for (const [oldest, atMs] of this.#seenAtMs) {
      if (nowMs - atMs < this.#windowMs && this.#seenAtMs.size < this.#sizeMax) break;
      this.#seenAtMs.delete(oldest);
    }
    if (this.#seenAtMs.has(id)) return true;
    this.#seenAtMs.set(id, nowMs);
    return false;
  }
}
