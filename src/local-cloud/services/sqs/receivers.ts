/**
 * Calls that wait for a message: long polls, by queue, in the order in which they came. In memory, because their
 * callers go with the program. It gives nothing out itself; the service does when `due` names a queue.
 */

export interface Receiver<T> {
  readonly queue: string;
  readonly untilMs: number;
  readonly input: T;
  /** Answers the call. Called once. */
  readonly answer: (outcome: { readonly result: unknown } | { readonly error: unknown }) => void;
}

export class Receivers<T> {
  readonly #waiting = new Map<string, Set<Receiver<T>>>();

  add(receiver: Receiver<T>): void {
    const all = this.#waiting.get(receiver.queue) ?? new Set();
    all.add(receiver);
    this.#waiting.set(receiver.queue, all);
  }

  /** The caller went away, or was answered. */
  remove(receiver: Receiver<T>): void {
    const all = this.#waiting.get(receiver.queue);
    all?.delete(receiver);
    if (all?.size === 0) this.#waiting.delete(receiver.queue);
  }

  queues(): string[] {
    return [...this.#waiting.keys()];
  }

  of(queue: string): Receiver<T>[] {
    return [...(this.#waiting.get(queue) ?? [])];
  }

  /** When the first of them is over. */
  nextEndMs(): number | undefined {
    let least: number | undefined;
    for (const all of this.#waiting.values())
      for (const { untilMs } of all) if (least === undefined || untilMs < least) least = untilMs;
    return least;
  }
}
