/**
 * Time as a port. Everything that waits or asks the hour takes a Clock, so that the simulation can run the same code
 * under virtual time. Only this room and the program entries touch the platform's clock and timers.
 */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall clock, milliseconds since the epoch. */
  now(): number;
  /** Monotonic milliseconds; only differences mean anything. */
  monotonic(): number;
  /** Calls `fire` once, after `delayMs`. A pending timer never keeps the process alive by itself if `unref` is set. */
  after(delayMs: number, fire: () => void, options?: { unref?: boolean }): Timer;
}

/** The platform's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, fire, options) {
    // setTimeout overflows at 2^31-1 ms and would fire at once.
    const handle = setTimeout(fire, Math.min(Math.max(0, delayMs), 0x7fffffff));
    if (options?.unref) handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
};

/**
 * Resolves after `delayMs`, or at once when `signal` aborts (it then resolves too: callers look at the signal).
 */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      timer.cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.after(delayMs, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}

/** A signal that aborts after `delayMs`: the platform's own timer, which never keeps the program alive. */
export function timeoutSignal(delayMs: number): AbortSignal {
  return AbortSignal.timeout(delayMs);
}
