/**
 * When to look at what again. The machines are level-based: looking at a thing derives everything from its stored
 * record, so an entry here is only a hint and a superfluous one does no harm. After a restart everything is looked at
 * once, which rebuilds the agenda; it is therefore kept in memory alone.
 */
export class Agenda {
  readonly #atMs = new Map<string, number>();
  /** Least of `#atMs`; undefined while it has to be found again. */
  #least: number | undefined;

  /** Looks at `key` at `atMs` or earlier: of several wishes the earliest counts. */
  wake(key: string, atMs: number): void {
    const known = this.#atMs.get(key);
    if (known !== undefined && known <= atMs) return;
    this.#atMs.set(key, atMs);
    if (this.#atMs.size === 1 || (this.#least !== undefined && atMs < this.#least)) this.#least = atMs;
  }

  /** Removes and returns what is due, earliest first. */
  take(nowMs: number): string[] {
    const next = this.nextAtMs();
    if (next === undefined || next > nowMs) return [];
    const due = [...this.#atMs].filter(([, atMs]) => atMs <= nowMs).sort((a, b) => a[1] - b[1]);
    for (const [key] of due) this.#atMs.delete(key);
    this.#least = undefined;
    return due.map(([key]) => key);
  }

  /** When the next entry is due. */
  nextAtMs(): number | undefined {
    if (this.#least === undefined)
      for (const atMs of this.#atMs.values()) this.#least = Math.min(this.#least ?? atMs, atMs);
    return this.#least;
  }
}
