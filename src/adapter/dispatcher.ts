/**
 * Hands invocations to the runtimes of one task: whoever is free, longest idle first, else a bounded queue in order of
 * arrival. Full queue → refused; too long in a runtime → timed out, while that runtime stays out of use until it
 * answers; every runtime failed to start → the init error, at once. Knows nothing of HTTP.
 */
import { type Clock, Fifo, FifoEntry, type Timer } from '../core/index.ts';
import type { Outcome, RuntimeApi } from './runtime-api.ts';

/** Without a timeout, what a handler is told it has left. */
export const NO_TIMEOUT_MS = 24 * 60 * 60 * 1000;

export interface DispatcherOptions {
  readonly runtimes: readonly RuntimeApi[];
  readonly clock: Clock;
  readonly functionArn: string;
  /** Invocations that may wait beside those in the runtimes. */
  readonly queueMax: number;
  /** How long a runtime may take to answer (or to begin a streamed answer). */
  readonly timeoutMs?: number | undefined;
  /** How long an invocation may wait for a runtime. */
  readonly waitMs?: number | undefined;
}

export interface Invocation {
  readonly requestId: string;
  readonly event: Uint8Array;
  readonly traceId?: string | undefined;
  readonly clientContext?: string | undefined;
  readonly cognitoIdentity?: string | undefined;
}

export type DispatchOutcome =
  | Outcome
  /** Never reached a runtime: the queue was full, or it waited there for as long as a runtime may take. */
  | { readonly kind: 'overloaded'; readonly retryAfterSec: number }
  | { readonly kind: 'timeout' }
  /** Cancelled by its caller before a runtime took it. */
  | { readonly kind: 'cancelled' };

export interface Dispatched {
  readonly outcome: DispatchOutcome;
  readonly queueMs: number;
  readonly runtimeMs: number;
  /** Index of the runtime that had it. */
  readonly runtime: number | undefined;
}

export interface Ticket {
  /** The caller has gone: a waiting invocation leaves the queue, a running one runs on (as on Lambda) and is ignored. */
  cancel(): void;
}

/** Told once what became of an invocation, possibly before `submit` returns. Must not throw. */
export type OnDispatched = (dispatched: Dispatched) => void;

/** An invocation between its arrival and its end. */
class Pending extends FifoEntry {
  readonly invocation: Invocation;
  readonly arrivedMs: number;
  readonly done: OnDispatched;
  timer: Timer | undefined;
  startedMs = 0;
  timedOut = false;

  constructor(invocation: Invocation, arrivedMs: number, done: OnDispatched) {
    super();
    this.invocation = invocation;
    this.arrivedMs = arrivedMs;
    this.done = done;
  }
}

const RETRY_AFTER_SEC = 1;

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #runtimes: readonly RuntimeApi[];
  readonly #clock: Clock;
  readonly #queue = new Fifo<Pending>();
  /** In the runtimes, oldest first. */
  readonly #running = new Fifo<Pending>();
  #busyMs = 0;
  #busyAtMs: number;
  /** Per runtime: invocations whose caller was told `timeout` and which it still works on. */
  readonly #overdue: number[];
  #turn = 0;
  readonly #awaitingReady = new Set<() => void>();

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#runtimes = options.runtimes;
    this.#clock = options.clock;
    this.#busyAtMs = options.clock.monotonic();
    this.#overdue = options.runtimes.map(() => 0);
    for (const runtime of options.runtimes) runtime.onChange = () => this.#pump();
  }

  /** Whether at least one runtime lives and is not stuck in overdue work. */
  get ready(): boolean {
    return this.#runtimes.some((_, index) => this.#usable(index));
  }

  get processes(): number {
    return this.#runtimes.length;
  }

  /** Runtimes that live and are not stuck in overdue work. */
  get usableProcesses(): number {
    return this.#runtimes.filter((_, index) => this.#usable(index)).length;
  }

  /** Runtimes that have an invocation. */
  get busyProcesses(): number {
    return this.#runtimes.filter(({ inFlight }) => inFlight > 0).length;
  }

  /** Invocations that a runtime has. */
  get running(): number {
    return this.#running.length;
  }

  /** Milliseconds that invocations have spent in runtimes since the beginning, all together. */
  get busyMs(): number {
    this.#accrue(this.#clock.monotonic());
    return this.#busyMs;
  }

  /** For how long the oldest invocation has been in a runtime; undefined: there is none. */
  get longestMs(): number | undefined {
    const oldest = this.#running.first;
    return oldest && this.#clock.monotonic() - oldest.startedMs;
  }

  #usable(index: number): boolean {
    const runtime = this.#runtimes[index];
    if (!runtime || (this.#overdue[index] ?? 0) >= runtime.maxConcurrency) return false;
    const { state } = runtime;
    return state === 'ready' || state === 'busy';
  }

  #accrue(nowMs: number): void {
    this.#busyMs += this.#running.length * (nowMs - this.#busyAtMs);
    this.#busyAtMs = nowMs;
  }

  /** Resolves as soon as `ready` holds, or after `limitMs`, with whether it does. */
  async whenReady(limitMs: number): Promise<boolean> {
    if (this.ready) return true;
    await new Promise<void>((resolve) => {
      const done = () => {
        timer.cancel();
        this.#awaitingReady.delete(done);
        resolve();
      };
      const timer = this.#clock.after(limitMs, done);
      this.#awaitingReady.add(done);
    });
    return this.ready;
  }

  get queued(): number {
    return this.#queue.length;
  }

  /** Accepts an invocation; `done` is told what became of it. */
  submit(invocation: Invocation, done: OnDispatched): Ticket {
    const entry = new Pending(invocation, this.#clock.monotonic(), done);
    this.#admit(entry);
    return { cancel: () => this.#leaveQueue(entry, { kind: 'cancelled' }) };
  }

  /** As `submit`, for a caller that only waits. Never rejects. */
  dispatch(invocation: Invocation): Promise<Dispatched> {
    return new Promise((resolve) => {
      this.submit(invocation, resolve);
    });
  }

  #admit(entry: Pending): void {
    const free = this.#queue.length === 0 ? this.#nextFree() : undefined;
    if (free !== undefined) {
      this.#run(entry, free);
      return;
    }
    const initError = this.#hopeless();
    if (initError) this.#finish(entry, initError);
    else if (this.#queue.length >= this.#options.queueMax) {
      this.#finish(entry, { kind: 'overloaded', retryAfterSec: RETRY_AFTER_SEC });
    } else {
      this.#queue.push(entry);
      if (this.#options.waitMs !== undefined) {
        entry.timer = this.#clock.after(this.#options.waitMs, () =>
          this.#leaveQueue(entry, { kind: 'overloaded', retryAfterSec: RETRY_AFTER_SEC }),
        );
      }
    }
  }

  #pump(): void {
    if (this.#awaitingReady.size > 0 && this.ready) for (const wake of this.#awaitingReady) wake();
    while (this.#queue.length > 0) {
      const free = this.#nextFree();
      if (free === undefined) break;
      const entry = this.#queue.shift();
      if (!entry) break;
      entry.timer?.cancel();
      this.#run(entry, free);
    }
    const initError = this.#queue.length > 0 ? this.#hopeless() : undefined;
    if (!initError) return;
    for (let entry = this.#queue.shift(); entry; entry = this.#queue.shift()) this.#finish(entry, initError);
  }

  /** Index of a runtime that waits for work; the search starts behind the last one chosen, so that all take turns. */
  #nextFree(): number | undefined {
    const count = this.#runtimes.length;
    for (let step = 0; step < count; step++) {
      const index = (this.#turn + step) % count;
      if ((this.#runtimes[index]?.free ?? 0) > 0) {
        this.#turn = index + 1;
        return index;
      }
    }
    return undefined;
  }

  /** The init error to answer with when no runtime came up: waiting would help nobody. */
  #hopeless(): Outcome | undefined {
    if (this.#runtimes.some((runtime) => runtime.state !== 'failed')) return undefined;
    const error = this.#runtimes[0]?.initError;
    return error && { kind: 'error', ...error };
  }

  #run(entry: Pending, index: number): void {
    const runtime = this.#runtimes[index];
    if (!runtime) return;
    const { requestId, event, traceId, clientContext, cognitoIdentity } = entry.invocation;
    const { timeoutMs, functionArn } = this.#options;
    entry.startedMs = this.#clock.monotonic();
    this.#accrue(entry.startedMs);
    this.#running.push(entry);
    entry.timer =
      timeoutMs === undefined ? undefined : this.#clock.after(timeoutMs, () => this.#timedOut(entry, index));
    const deadlineMs = this.#clock.now() + (timeoutMs ?? NO_TIMEOUT_MS);
    const context = { requestId, traceId, clientContext, cognitoIdentity, functionArn, deadlineMs };
    runtime.give(event, context, (outcome) => {
      const nowMs = this.#clock.monotonic();
      this.#accrue(nowMs);
      this.#running.remove(entry);
      if (!entry.timedOut) {
        this.#finish(entry, outcome, index, nowMs);
        return;
      }
      this.#overdue[index] = (this.#overdue[index] ?? 1) - 1;
      // Nobody reads this answer any more, but the runtime must be able to finish it.
      if (outcome.kind === 'stream') outcome.body.resume();
    });
  }

  #timedOut(entry: Pending, index: number): void {
    entry.timedOut = true;
    this.#overdue[index] = (this.#overdue[index] ?? 0) + 1;
    this.#finish(entry, { kind: 'timeout' }, index);
  }

  #leaveQueue(entry: Pending, outcome: DispatchOutcome): void {
    if (this.#queue.remove(entry)) this.#finish(entry, outcome);
  }

  /** `runtime`: the one that had it; undefined: none. */
  #finish(entry: Pending, outcome: DispatchOutcome, runtime?: number, nowMs: number = this.#clock.monotonic()): void {
    entry.timer?.cancel();
    const startedMs = runtime === undefined ? nowMs : entry.startedMs;
    entry.done({ outcome, queueMs: startedMs - entry.arrivedMs, runtimeMs: nowMs - startedMs, runtime });
  }
}
