/**
 * The workqueue, with client-go's contract: fair (keys leave in the order they came), stingy (a key is never worked on
 * twice at once, and additions meanwhile coalesce into one), many producers and consumers, clean shutdown. Delayed
 * additions and per-key exponential backoff with jitter come with it; retries happen here and nowhere else.
 */
import type { Clock, Random, Timer } from '../core/index.ts';

export interface Backoff {
  readonly baseMs: number;
  readonly maxMs: number;
}

interface Waiting {
  readonly atMs: number;
  readonly timer: Timer;
}

export class Workqueue {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #backoff: Backoff;
  readonly #queue: Set<string> = new Set();
  readonly #dirty: Set<string> = new Set();
  readonly #busy: Set<string> = new Set();
  readonly #waiting: Map<string, Waiting> = new Map();
  readonly #failures: Map<string, number> = new Map();
  readonly #getters: ((key: string | undefined) => void)[] = [];
  #closed = false;

  constructor(clock: Clock, random: Random, backoff: Backoff = { baseMs: 200, maxMs: 60_000 }) {
    this.#clock = clock;
    this.#random = random;
    this.#backoff = backoff;
  }

  /** Asks for a pass over `key`. Coalesces with one that already waits. */
  add(key: string): void {
    if (this.#closed) return;
    this.#cancelWaiting(key);
    if (this.#dirty.has(key)) return;
    this.#dirty.add(key);
    if (this.#busy.has(key)) return;
    this.#offer(key);
  }

  /** Asks for a pass no later than `delayMs` from now; an earlier one stands. */
  addAfter(key: string, delayMs: number): void {
    if (this.#closed || (this.#dirty.has(key) && !this.#busy.has(key))) return;
    if (delayMs <= 0) return this.add(key);
    const atMs = this.#clock.now() + delayMs;
    const waiting = this.#waiting.get(key);
    if (waiting && waiting.atMs <= atMs) return;
    waiting?.timer.cancel();
    const timer = this.#clock.after(delayMs, () => {
      this.#waiting.delete(key);
      this.add(key);
    });
    this.#waiting.set(key, { atMs, timer });
  }

  /** Asks again after the key's backoff, which doubles with each failure until `forget`. Returns the delay in ms. */
  addRateLimited(key: string, atLeastMs = 0): number {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    const fullMs = Math.min(this.#backoff.maxMs, this.#backoff.baseMs * 2 ** Math.min(failures, 30));
    // Half fixed, half random: retries of many keys spread out and none comes at once.
    const delayMs = Math.max(atLeastMs, Math.round(fullMs / 2 + (fullMs / 2) * this.#random.next()));
    this.addAfter(key, delayMs);
    return delayMs;
  }

  /** The key did well: its next failure starts from the shortest backoff. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** The next key, when there is one; undefined once the queue is shut down. Each key got must be given to `done`. */
  get(): Promise<string | undefined> {
    const [key] = this.#queue;
    if (key !== undefined) {
      this.#queue.delete(key);
      this.#take(key);
      return Promise.resolve(key);
    }
    if (this.#closed) return Promise.resolve(undefined);
    return new Promise((resolve) => this.#getters.push(resolve));
  }

  /** The pass over `key` has ended. If it was added meanwhile, it goes to the end of the queue. */
  done(key: string): void {
    this.#busy.delete(key);
    if (this.#dirty.has(key)) this.#offer(key);
  }

  /** No key is given out any more; those being worked on may finish. */
  shutDown(): void {
    this.#closed = true;
    for (const { timer } of this.#waiting.values()) timer.cancel();
    this.#waiting.clear();
    this.#queue.clear();
    this.#dirty.clear();
    for (const getter of this.#getters.splice(0)) getter(undefined);
  }

  get depth(): number {
    return this.#queue.size;
  }

  get busy(): number {
    return this.#busy.size;
  }

  #offer(key: string): void {
    if (this.#closed) return;
    const getter = this.#getters.shift();
    if (!getter) {
      this.#queue.add(key);
      return;
    }
    this.#take(key);
    getter(key);
  }

  #take(key: string): void {
    this.#dirty.delete(key);
    this.#busy.add(key);
  }

  #cancelWaiting(key: string): void {
    this.#waiting.get(key)?.timer.cancel();
    this.#waiting.delete(key);
  }
}
