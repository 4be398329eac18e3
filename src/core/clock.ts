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

/** A signal of one piece of work, and how that lets go of what the signal follows. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** The work has ended: nothing holds the signal any more, and it aborts no more. Idempotent. */
  end(): void;
}

/** Who follows a signal: one listener for all of them, because the platform warns of many and looks through them all. */
const FOLLOWERS = new WeakMap<AbortSignal, Set<AbortController>>();

/**
 * A signal that aborts after `delayMs`, or with `parent`. It never keeps the program alive. `AbortSignal.any` would do the
 * same, but leaves something with a parent that lives long for each signal that ever followed it (Node 20).
 */
export function deadline(delayMs: number, parent?: AbortSignal): Deadline {
  const controller = new AbortController();
  if (parent?.aborted) {
    controller.abort(parent.reason);
    return { signal: controller.signal, end: () => {} };
  }
  const timer = setTimeout(
    () => controller.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError')),
    delayMs,
  );
  timer.unref();
  const followers = parent && followersOf(parent);
  followers?.add(controller);
  const end = () => {
    clearTimeout(timer);
    followers?.delete(controller);
  };
  return { signal: controller.signal, end };
}

function followersOf(parent: AbortSignal): Set<AbortController> {
  const known = FOLLOWERS.get(parent);
  if (known) return known;
  const followers = new Set<AbortController>();
  FOLLOWERS.set(parent, followers);
  const abort = () => {
    for (const follower of followers) follower.abort(parent.reason);
    followers.clear();
  };
  parent.addEventListener('abort', abort, { once: true });
  return followers;
}
