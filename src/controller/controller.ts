/**
 * The daemon: takes the lease, loads what is remembered, listens to the desired table, and lets workers pass over the
 * keys of the queue. The stream says quickly what changed; relists and resyncs are the guarantee.
 */
import { isConfirmationKey, KIND_CLASS, KIND_GIT_SOURCE, kindOfKey, SYSTEM_NAMESPACE } from '../api/index.ts';
import type { DynamoPort, StreamsPort } from '../aws/index.ts';
import {
  type Cause,
  type Clock,
  Failure,
  formatDuration,
  isFailure,
  type Logger,
  type Metrics,
  type Random,
  type Span,
  sleep,
  type Tracer,
} from '../core/index.ts';
import { formatKey, type ObjectKey, parseKey } from '../resource/index.ts';
import { DesiredStream, type DesiredTable, type Lease } from '../store/index.ts';
import type { ClassRollout } from './class-rollout.ts';
import type { Classes } from './classes.ts';
import { accompany, type Companion } from './companions.ts';
import type { Confirmations } from './confirmations.ts';
import type { Memory } from './memory.ts';
import type { Outcome } from './outcome.ts';
import type { PassMetrics } from './pass-metrics.ts';
import type { Reconciler } from './reconciler.ts';
import { relist } from './relist.ts';
import type { FoundBy } from './sweeper/finding.ts';
import type { Sweeper } from './sweeper/sweeper.ts';
import type { TableTrust } from './table-trust.ts';
import type { Vitals } from './vitals.ts';
import { type Priority, Workqueue } from './workqueue.ts';

export interface ControllerSettings {
  /** Passes at the same time. */
  readonly workers: number;
  /** How often an object that is not settled is looked at without being asked. */
  readonly resyncMs: number;
  /** How often the whole desired table is read, as the stream's safety net. */
  readonly relistMs: number;
  /** How long a stop waits for passes that run. */
  readonly drainMs: number;
}

export interface ControllerParts {
  readonly reconciler: Reconciler;
  readonly memory: Memory;
  readonly classes: Classes;
  readonly rollout: ClassRollout;
  readonly trust: TableTrust;
  readonly confirmations: Confirmations;
  readonly sweeper: Sweeper;
  readonly companions: readonly Companion[];
  readonly desired: DesiredTable;
  readonly dynamo: DynamoPort;
  readonly streams: StreamsPort;
  readonly lease: Lease;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Of this program. */
  readonly version: string;
  readonly passMetrics: PassMetrics;
  /** Absent: nothing is traced. */
  readonly tracer?: Tracer | undefined;
  readonly settings: ControllerSettings;
}

export type ControllerState = Vitals['state'];

const RETRY_LOAD_MS = 500;
const RETRY_RELIST_MS = 1_000;

export class Controller {
  readonly #parts: ControllerParts;
  readonly #queue: Workqueue;
  readonly #stopping = new AbortController();
  readonly #passes = new AbortController();
  readonly #suspected: (kind: string, reason: string, by: FoundBy) => void;
  #state: ControllerState = 'following';
  #leadingSinceMs: number | undefined;
  #relistedAtMs: number | undefined;
  #isRelistWanted = false;
  #wakeRelist: (() => void) | undefined;

  constructor(parts: ControllerParts) {
    this.#parts = parts;
    this.#queue = new Workqueue(parts.clock, parts.random, {}, parts.metrics);
    const suspected = parts.metrics.counter(
      'lambdacontainer_drift_suspected_total',
      'Differences that led to a pass, by kind of resource, reason, and who saw them',
      ['kind', 'reason', 'by'],
    );
    this.#suspected = (kind, reason, by) => suspected.of({ kind, reason, by }).add(1);
    const age = 'Since the desired table was last read whole, or since leading began; 0 while following';
    parts.metrics.watch('lambdacontainer_relist_age_seconds', age, {}, () => (this.vitals.relistAgeMs ?? 0) / 1000);
    const swept = 'Since every target was last swept whole, or since leading began; 0 while following';
    parts.metrics.watch('lambdacontainer_sweep_age_seconds', swept, {}, () => (this.vitals.sweepAgeMs ?? 0) / 1000);
  }

  get state(): ControllerState {
    return this.#state;
  }

  get vitals(): Vitals {
    const { clock, lease } = this.#parts;
    const nowMs = clock.monotonic();
    const since = this.#state === 'leading' ? this.#leadingSinceMs : undefined;
    const ageOf = (atMs: number | undefined) => (since === undefined ? undefined : nowMs - (atMs ?? since));
    return {
      state: this.#state,
      leadingForMs: ageOf(undefined),
      leaseSilentMs: lease.silentMs,
      relistAgeMs: ageOf(this.#relistedAtMs),
      sweepAgeMs: ageOf(this.#parts.sweeper.sweptAtMs),
      sweepPeriodMs: this.#parts.sweeper.periodMs,
      longestPassMs: this.#queue.longestRunningMs,
    };
  }

  /** Asks for a pass over an object. */
  enqueue(id: string): void {
    this.#queue.add(id);
  }

  /** Something was seen to differ, or heard to have changed: the object is looked at before those that nobody spoke of. */
  enqueueDrift(
    key: ObjectKey,
    seen: { readonly kind: string; readonly reasons: readonly string[]; readonly by: FoundBy },
  ): void {
    const { kind, reasons, by } = seen;
    this.#parts.reconciler.doubt(formatKey(key), kind);
    for (const reason of reasons) this.#suspected(kind, reason, by);
    const fields = { key: formatKey(key), kind, reasons, by };
    // Most events speak of what passes did themselves.
    if (by === 'event') this.#parts.logger.debug(fields, 'told of a change');
    else this.#parts.logger.info(fields, 'drift suspected');
    this.#queue.add(formatKey(key), 'drift');
  }

  /**
   * Leads until stopped. Resolves after a clean stop; rejects when the lease was lost or the state cannot be read, in
   * which case the program should end and be started again.
   */
  async run(): Promise<void> {
    const { lease, clock, random, logger, settings, companions } = this.#parts;
    let lost = false;
    const leading = await lease.acquire(() => {
      lost = true;
      this.#passes.abort();
      this.stop();
    }, this.#stopping.signal);
    if (!leading) {
      this.#state = 'stopped';
      return;
    }
    let begins = false;
    try {
      begins = await this.#load();
      if (begins) await this.#parts.sweeper.refuseImpossible();
    } catch (error) {
      // Who cannot begin stands in nobody's way.
      await lease.release();
      throw error;
    }
    if (!begins) return this.#end(lost);
    this.#state = 'leading';
    this.#leadingSinceMs = clock.monotonic();

    const stream = new DesiredStream({
      dynamo: this.#parts.dynamo,
      streams: this.#parts.streams,
      table: this.#parts.desired.table,
      clock,
      random,
      logger,
      onKey: (namespace, name) => this.#onChange({ namespace, name }),
      onGap: () => this.#wantRelist(),
    });
    const loops = [this.#relistLoop(), this.#resyncLoop()];
    stream.start();
    const workers = Array.from({ length: settings.workers }, () => this.#work());
    const accompanying = [this.#sweeping(), ...companions].map((companion) =>
      accompany(companion, this.#parts, this.#stopping.signal),
    );

    await aborted(this.#stopping.signal);
    this.#state = 'draining';
    this.#queue.shutDown();
    const limit = clock.after(settings.drainMs, () => this.#passes.abort());
    await Promise.all([...workers, ...accompanying, stream.stop(), ...loops]);
    limit.cancel();
    await this.#end(lost);
  }

  async #end(lost: boolean): Promise<void> {
    if (!lost) await this.#parts.lease.release();
    this.#state = 'stopped';
    if (lost) {
      throw new Failure({
        kind: 'conflict',
        service: 'dynamodb',
        operation: 'lease',
        code: 'LeaseLost',
        message: 'the lease was lost; this daemon stops so that two never act at once',
      });
    }
  }

  /** Begins a clean stop: no new passes, those that run may finish, then the lease is handed over. */
  stop(): void {
    this.#stopping.abort();
    this.#wakeRelist?.();
  }

  /** Outlasts what may pass by itself; false when it was told to stop meanwhile. @throws Failure for what does not pass */
  async #load(): Promise<boolean> {
    const { memory, trust, clock, logger } = this.#parts;
    for (;;) {
      try {
        await Promise.all([memory.load(clock.now()), trust.load()]);
        return true;
      } catch (error) {
        if (!isFailure(error, 'throttled') && !isFailure(error, 'transient')) throw error;
        logger.warn({ code: error.code }, `the state table cannot be read: ${error.message}`);
        await sleep(clock, RETRY_LOAD_MS, this.#stopping.signal);
        if (this.#stopping.signal.aborted) return false;
      }
    }
  }

  /** The stream says that a record was written or removed. */
  #onChange(key: ObjectKey): void {
    for (const companion of this.#parts.companions) companion.onChange?.(key);
    const system = key.namespace === SYSTEM_NAMESPACE ? kindOfKey(key) : undefined;
    if (system?.kind === KIND_CLASS) {
      this.#parts.classes.forget(system.name);
      for (const { key: object, inventoryOutline } of this.#parts.memory.objects()) {
        // Of one that never got as far, the class is not remembered.
        if ((inventoryOutline?.className ?? system.name) === system.name) this.#queue.add(formatKey(object));
      }
    } else this.#onRecord(key, 'change');
  }

  #onRecord(key: ObjectKey, priority: Priority): void {
    if (key.namespace !== SYSTEM_NAMESPACE || isConfirmationKey(key)) this.#queue.add(formatKey(key), priority);
    else if (kindOfKey(key)?.kind === KIND_GIT_SOURCE) {
      for (const companion of this.#parts.companions) companion.onRecord?.(key);
    }
  }

  async #work(): Promise<void> {
    for (;;) {
      const id = await this.#queue.get();
      if (id === undefined) return;
      const { clock, passMetrics, tracer } = this.#parts;
      const startedMs = clock.monotonic();
      const pass = passMetrics.began(id);
      const span = tracer?.start('reconcile', { 'lambdacontainer.key': id, 'lambdacontainer.pass': pass });
      try {
        const outcome = await this.#pass(id, { key: id, pass, ...(span ? { span } : {}) });
        this.#settle(id, outcome);
        passMetrics.ended(id, outcome, clock.monotonic() - startedMs);
        endSpan(span, outcome);
      } catch (error) {
        this.#settleError(id, error);
        passMetrics.ended(id, asError(error), clock.monotonic() - startedMs);
        span?.end(asError(error).message);
      } finally {
        this.#queue.done(id);
      }
    }
  }

  async #pass(id: string, cause: Cause): Promise<Outcome> {
    const key = parseKey(id);
    if (!isConfirmationKey(key)) return this.#parts.reconciler.reconcile(id, { signal: this.#passes.signal, cause });
    return { type: 'done', wakes: await this.#parts.confirmations.read(key, this.#passes.signal) };
  }

  #settle(id: string, outcome: Outcome): void {
    for (const other of outcome.wakes ?? []) this.#queue.add(other);
    if (outcome.relist) this.#wantRelist();
    if (outcome.anew) this.#queue.forget(id);
    switch (outcome.type) {
      case 'done':
        return this.#queue.forget(id);
      case 'requeue':
        this.#queue.forget(id);
        return this.#queue.addAfter(id, outcome.afterMs, 'onward');
      case 'backoff': {
        const delayMs = this.#queue.addRateLimited(id, outcome.atLeastMs);
        if (outcome.failure && outcome.failure.kind !== 'conflict') this.#warn(id, outcome.failure, delayMs);
        return;
      }
    }
  }

  #settleError(id: string, error: unknown): void {
    if (this.#passes.signal.aborted) return;
    const delayMs = this.#queue.addRateLimited(id);
    if (isFailure(error)) this.#warn(id, error, delayMs);
    else {
      const pass = this.#parts.passMetrics.numberOf(id);
      const fields = { key: id, pass, err: error, again: formatDuration(delayMs) };
      this.#parts.logger.error(fields, 'a pass failed by a defect of the controller');
    }
  }

  #warn(id: string, { service, operation, code, message, requestId }: Failure, delayMs: number): void {
    const pass = this.#parts.passMetrics.numberOf(id);
    const fields = { key: id, pass, service, operation, code, requestId, again: formatDuration(delayMs) };
    this.#parts.logger.warn(fields, message);
  }

  /** Asks for a relist now, or right after the one that runs. */
  #wantRelist(): void {
    this.#isRelistWanted = true;
    this.#wakeRelist?.();
  }

  /** Reads the desired table whole: at start, after a gap in the stream, and now and then. */
  async #relistLoop(): Promise<void> {
    const { clock, logger, settings } = this.#parts;
    const signal = this.#stopping.signal;
    while (!signal.aborted) {
      this.#isRelistWanted = false;
      try {
        await this.#relist(signal);
        this.#relistedAtMs = clock.monotonic();
      } catch (error) {
        if (signal.aborted) return;
        if (!isFailure(error)) throw error;
        logger.warn({ code: error.code }, `the desired table could not be listed: ${error.message}`);
        await sleep(clock, RETRY_RELIST_MS, signal);
        continue;
      }
      await this.#collect();
      await this.#untilRelistWanted(settings.relistMs);
    }
  }

  async #relist(signal: AbortSignal): Promise<void> {
    const confirmations = await relist(this.#parts, (key, priority) => this.#onRecord(key, priority), signal);
    for (const key of confirmations) this.#queue.add(formatKey(key), 'resync');
  }

  /** What is not collected now is collected after the next relist. @throws what is not a Failure */
  async #collect(): Promise<void> {
    try {
      await this.#parts.rollout.collect();
    } catch (error) {
      if (!isFailure(error)) throw error;
      this.#parts.logger.warn({ code: error.code }, `old class snapshots could not be removed: ${error.message}`);
    }
  }

  async #untilRelistWanted(atMostMs: number): Promise<void> {
    if (this.#isRelistWanted || this.#stopping.signal.aborted) return;
    const woken = new Promise<void>((resolve) => {
      this.#wakeRelist = resolve;
    });
    const timer = this.#parts.clock.after(atMostMs, () => this.#wakeRelist?.());
    await woken;
    this.#wakeRelist = undefined;
    timer.cancel();
  }

  #sweeping(): Companion {
    return {
      name: 'sweeper',
      run: (signal) => this.#parts.sweeper.run(signal, ({ id, ...seen }) => this.enqueueDrift(parseKey(id), seen)),
    };
  }

  /** What is settled is swept; what is not, and of which no pass is due soon, may have been helped by somebody else. */
  async #resyncLoop(): Promise<void> {
    const { clock, memory, settings } = this.#parts;
    const signal = this.#stopping.signal;
    while (!signal.aborted) {
      await sleep(clock, settings.resyncMs, signal);
      if (signal.aborted) return;
      for (const id of memory.keys()) {
        if (!memory.fleet.get(id) && !this.#queue.isExpected(id, settings.resyncMs)) this.#queue.add(id, 'resync');
      }
    }
  }
}

function endSpan(span: Span | undefined, outcome: Outcome): void {
  if (!span) return;
  span.set({ 'lambdacontainer.outcome': outcome.type });
  span.end(outcome.type === 'backoff' ? outcome.failure?.code : undefined);
}

/** What is thrown is nearly always one. */
function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
