/**
 * Keeps a storm of events about one object from becoming a storm of passes: the first hint goes through at once, those
 * that follow within the space become one at its end. So the last of them is always answered, and no sooner than a pass
 * could have seen what the first told of.
 */
import type { Clock, Timer } from '../../core/index.ts';

interface Spacing {
  /** The last hint that came while it waited; undefined: none did. */
  later: (() => void) | undefined;
  readonly timer: Timer;
}

export class SpacedHints {
  readonly #clock: Clock;
  readonly #spaceMs: number;
  readonly #spacings: Map<string, Spacing> = new Map();

  constructor(clock: Clock, spaceMs: number) {
    this.#clock = clock;
    this.#spaceMs = spaceMs;
  }

  /** Calls `hint` now, or once at the end of the space in place of others for the key. */
  give(key: string, hint: () => void): void {
    const spacing = this.#spacings.get(key);
    if (spacing) {
      spacing.later = hint;
      return;
    }
    this.#begin(key);
    hint();
  }

  /** What waits is let go of. */
  clear(): void {
    for (const { timer } of this.#spacings.values()) timer.cancel();
    this.#spacings.clear();
  }

  #begin(key: string): void {
    const timer = this.#clock.after(this.#spaceMs, () => this.#end(key), { unref: true });
    this.#spacings.set(key, { later: undefined, timer });
  }

  #end(key: string): void {
    const later = this.#spacings.get(key)?.later;
    this.#spacings.delete(key);
    if (!later) return;
    this.#begin(key);
    later();
  }
}
