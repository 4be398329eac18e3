/**
 * Hands invocations to the runtimes of one task: whoever is free, longest idle first, else a bounded queue in order of
 * arrival. Full queue → refused; too long in a runtime → timed out, while that runtime stays out of use until it
 * answers; every runtime failed to start → the init error, at once. Knows nothing of HTTP.
 */
import type { Clock, Timer } from '../core/index.ts';
import type { Outcome, RuntimeApi } from './runtime-api.ts';

/** Without a timeout, what a handler is told it has left. */
export const NO_TIMEOUT_MS = 24 * 60 * 60 * 1000;

export interface DispatcherOptions {
  readonly runtimes: readonly RuntimeApi[];
  readonly clock: Clock;
  readonly functionArn: string;
  /** Invocations that may wait beside those in the runtimes. */
  readonly queueMax: number;
  /** How long a runtime may take to answer (or to begin a streamed answer), and how long an invocation may wait for one. */
  readonly timeoutMs?: number | undefined;
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
  /** Never rejects. */
  readonly dispatched: Promise<Dispatched>;
  /** The caller has gone: a waiting invocation leaves the queue, a running one runs on (as on Lambda) and is ignored. */
  cancel(): void;
}

interface Entry {
  readonly invocation: Invocation;
  readonly arrivedMs: number;
  readonly resolve: (dispatched: Dispatched) => void;
  timer: Timer | undefined;
}

const RETRY_AFTER_SEC = 1;

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #runtimes: readonly RuntimeApi[];
  readonly #clock: Clock;
  readonly #queue: Entry[] = [];
  /** Per runtime: invocations whose caller was told `timeout` and which it still works on. */
  readonly #overdue: number[];
  #turn = 0;
  readonly #awaitingReady = new Set<() => void>();

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#runtimes = options.runtimes;
    this.#clock = options.clock;
    this.#overdue = options.runtimes.map(() => 0);
    for (const runtime of options.runtimes) runtime.onChange = () => this.#pump();
  }

  /** Whether at least one runtime lives and is not stuck in overdue work. */
  get ready(): boolean {
    return this.#runtimes.some(
      (runtime, index) =>
        (runtime.state === 'ready' || runtime.state === 'busy') && (this.#overdue[index] ?? 0) < runtime.maxConcurrency,
    );
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

  /** Accepts an invocation; what becomes of it is in the ticket. */
  dispatch(invocation: Invocation): Ticket {
    let entry: Entry | undefined;
    const dispatched = new Promise<Dispatched>((resolve) => {
      entry = { invocation, arrivedMs: this.#clock.monotonic(), resolve, timer: undefined };
      this.#admit(entry);
    });
    return {
      dispatched,
      cancel: () => {
        const index = entry ? this.#queue.indexOf(entry) : -1;
        if (entry && index >= 0) this.#leaveQueue(index, entry, { kind: 'cancelled' });
      },
    };
  }

  #admit(entry: Entry): void {
    const free = this.#queue.length === 0 ? this.#nextFree() : undefined;
    if (free !== undefined) {
      void this.#run(entry, free);
      return;
    }
    const initError = this.#hopeless();
    if (initError) this.#finish(entry, initError);
    else if (this.#queue.length >= this.#options.queueMax) {
      this.#finish(entry, { kind: 'overloaded', retryAfterSec: RETRY_AFTER_SEC });
    } else {
      this.#queue.push(entry);
      if (this.#options.timeoutMs !== undefined) {
        entry.timer = this.#clock.after(this.#options.timeoutMs, () =>
          this.#leaveQueue(this.#queue.indexOf(entry), entry, { kind: 'overloaded', retryAfterSec: RETRY_AFTER_SEC }),
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
      void this.#run(entry, free);
    }
    const initError = this.#queue.length > 0 ? this.#hopeless() : undefined;
    if (initError) for (const entry of this.#queue.splice(0)) this.#finish(entry, initError);
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

  async #run(entry: Entry, index: number): Promise<void> {
    const runtime = this.#runtimes[index];
    if (!runtime) return;
    const { invocation } = entry;
    const { timeoutMs, functionArn } = this.#options;
    const startedMs = this.#clock.monotonic();
    let timedOut = false;
    entry.timer =
      timeoutMs === undefined
        ? undefined
        : this.#clock.after(timeoutMs, () => {
            timedOut = true;
            this.#overdue[index] = (this.#overdue[index] ?? 0) + 1;
            this.#finish(entry, { kind: 'timeout' }, index, startedMs);
          });
    const outcome = await runtime.invoke(invocation.event, {
      requestId: invocation.requestId,
      traceId: invocation.traceId,
      clientContext: invocation.clientContext,
      cognitoIdentity: invocation.cognitoIdentity,
      functionArn,
      deadlineMs: this.#clock.now() + (timeoutMs ?? NO_TIMEOUT_MS),
    });
    if (timedOut) {
      this.#overdue[index] = (this.#overdue[index] ?? 1) - 1;
      // Nobody reads this answer any more, but the runtime must be able to finish it.
      if (outcome.kind === 'stream') outcome.body.resume();
    } else {
      this.#finish(entry, outcome, index, startedMs);
    }
  }

  #leaveQueue(index: number, entry: Entry, outcome: DispatchOutcome): void {
    if (index < 0) return;
    this.#queue.splice(index, 1);
    this.#finish(entry, outcome);
  }

  #finish(entry: Entry, outcome: DispatchOutcome, runtime?: number, startedMs?: number): void {
    entry.timer?.cancel();
    const nowMs = this.#clock.monotonic();
    entry.resolve({
      outcome,
      queueMs: (startedMs ?? nowMs) - entry.arrivedMs,
      runtimeMs: startedMs === undefined ? 0 : nowMs - startedMs,
      runtime,
    });
  }
}
