/**
 * A clock that moves only when told to: a heap ordered by (time, sequence). Used by the simulation and by tests.
 */
import type { Clock, Timer } from './clock.ts';

interface Entry {
  atMs: number;
  sequence: number;
  fire: () => void;
  cancelled: boolean;
}

export class VirtualClock implements Clock {
  #nowMs: number;
  #sequence = 0;
  readonly #heap: Entry[] = [];

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  monotonic(): number {
    return this.#nowMs;
  }

  after(delayMs: number, fire: () => void): Timer {
    const entry: Entry = {
      atMs: this.#nowMs + Math.max(0, delayMs),
      sequence: this.#sequence++,
      fire,
      cancelled: false,
    };
    this.#push(entry);
    return {
      cancel: () => {
        entry.cancelled = true;
      },
    };
  }

  /** Time of the next timer, or undefined when nothing waits. */
  nextAtMs(): number | undefined {
    while (this.#heap[0]?.cancelled) this.#pop();
    return this.#heap[0]?.atMs;
  }

  /** Fires the next timer, moving time to it. False when nothing waits. */
  step(): boolean {
    if (this.nextAtMs() === undefined) return false;
    const entry = this.#pop();
    if (!entry) return false;
    this.#nowMs = Math.max(this.#nowMs, entry.atMs);
    entry.fire();
    return true;
  }

  /**
   * Fires timers in order until `done()` or until virtual `limitMs` more have passed; between timers one turn of the
   * event loop lets promises settle. Returns whether `done()` held.
   */
  async run(done: () => boolean, limitMs: number): Promise<boolean> {
    const endMs = this.#nowMs + limitMs;
    for (;;) {
      await turn();
      if (done()) return true;
      const nextMs = this.nextAtMs();
      if (nextMs === undefined || nextMs > endMs) return false;
      this.step();
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (!above || !before(entry, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = entry;
  }

  #pop(): Entry | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (!top || !last || heap.length === 0) return top;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      const left = heap[child] as Entry;
      const right = heap[child + 1];
      const least = right && before(right, left) ? right : left;
      if (least === right) child++;
      if (!before(least, last)) break;
      heap[index] = least;
      index = child;
    }
    heap[index] = last;
    return top;
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence);
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
