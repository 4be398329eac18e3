/**
 * The daemon: takes the lease, loads what is remembered, listens to the desired table, and lets workers pass over the
 * keys of the queue. The stream says quickly what changed; relists and resyncs are the guarantee.
 */

import type { DynamoPort, StreamsPort } from '../aws/index.ts';
import { type Clock, Failure, formatDuration, isFailure, type Logger, type Random, sleep } from '../core/index.ts';
import { formatKey } from '../resource/index.ts';
import { DesiredStream, type DesiredTable, type Lease } from '../store/index.ts';
import type { Classes } from './classes.ts';
import type { Memory } from './memory.ts';
import type { Outcome, Reconciler } from './reconciler.ts';
import { Workqueue } from './workqueue.ts';

export interface ControllerSettings {
  /** Passes at the same time. */
  readonly workers: number;
  /** How often every object is looked at without being asked: the bound on how long a drift stays unseen. */
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
  readonly desired: DesiredTable;
  readonly dynamo: DynamoPort;
  readonly streams: StreamsPort;
  readonly lease: Lease;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly settings: ControllerSettings;
}

export type ControllerState = 'following' | 'leading' | 'draining' | 'stopped';

const SYSTEM = '_system';
const LOAD_RETRY_MS = 500;

export class Controller {
  readonly #parts: ControllerParts;
  readonly #queue: Workqueue;
  readonly #stopping = new AbortController();
  readonly #passes = new AbortController();
  #state: ControllerState = 'following';
  #relistWanted: (() => void) | undefined;

  constructor(parts: ControllerParts) {
    this.#parts = parts;
    this.#queue = new Workqueue(parts.clock, parts.random);
  }

  get state(): ControllerState {
    return this.#state;
  }

  /** Asks for a pass over an object. */
  enqueue(id: string): void {
    this.#queue.add(id);
  }

  /**
   * Leads until stopped. Resolves after a clean stop; rejects when the lease was lost or the state cannot be read, in
   * which case the program should end and be started again.
   */
  async run(): Promise<void> {
    const { lease, clock, random, logger, settings } = this.#parts;
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
    await this.#load();
    this.#state = 'leading';

    const stream = new DesiredStream({
      dynamo: this.#parts.dynamo,
      streams: this.#parts.streams,
      table: this.#parts.desired.table,
      clock,
      random,
      logger,
      onKey: (namespace, name) => this.#onRecord(namespace, name),
      onGap: () => this.#relistWanted?.(),
    });
    const relisting = this.#relistLoop();
    const resyncing = this.#resyncLoop();
    stream.start();
    const workers = Array.from({ length: settings.workers }, () => this.#work());

    await aborted(this.#stopping.signal);
    this.#state = 'draining';
    this.#queue.shutDown();
    const limit = clock.after(settings.drainMs, () => this.#passes.abort());
    await Promise.all([...workers, stream.stop(), relisting, resyncing]);
    limit.cancel();
    if (!lost) await lease.release();
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
    this.#relistWanted?.();
  }

  /** Outlasts what may pass by itself; @throws Failure for what does not. */
  async #load(): Promise<void> {
    const { memory, clock, logger } = this.#parts;
    for (;;) {
      try {
        return await memory.load();
      } catch (error) {
        if (!isFailure(error, 'throttled') && !isFailure(error, 'transient')) throw error;
        logger.warn({ code: error.code }, `the state table cannot be read: ${error.message}`);
        await sleep(clock, LOAD_RETRY_MS, this.#stopping.signal);
        if (this.#stopping.signal.aborted) throw error;
      }
    }
  }

  #onRecord(namespace: string, name: string): void {
    if (namespace !== SYSTEM) return this.#queue.add(formatKey({ namespace, name }));
    const className = /^class\/(.+)$/.exec(name)?.[1];
    if (className === undefined) return;
    this.#parts.classes.forget(className);
    for (const stored of this.#parts.memory.keys()) this.#queue.add(stored);
  }

  async #work(): Promise<void> {
    for (;;) {
      const id = await this.#queue.get();
      if (id === undefined) return;
      try {
        this.#settle(id, await this.#parts.reconciler.reconcile(id, this.#passes.signal));
      } catch (error) {
        this.#settleError(id, error);
      } finally {
        this.#queue.done(id);
      }
    }
  }

  #settle(id: string, outcome: Outcome): void {
    switch (outcome.type) {
      case 'done':
        return this.#queue.forget(id);
      case 'requeue':
        this.#queue.forget(id);
        return this.#queue.addAfter(id, outcome.afterMs);
      case 'backoff': {
        const delayMs = this.#queue.addRateLimited(id, outcome.atLeastMs);
        if (outcome.failure && outcome.failure.kind !== 'conflict') {
          const { service, operation, code, message, requestId } = outcome.failure;
          this.#parts.logger.warn(
            { key: id, service, operation, code, requestId, again: formatDuration(delayMs) },
            message,
          );
        }
        return;
      }
    }
  }

  #settleError(id: string, error: unknown): void {
    if (this.#passes.signal.aborted) return;
    const delayMs = this.#queue.addRateLimited(id);
    if (isFailure(error)) {
      const { service, operation, code, requestId, message } = error;
      this.#parts.logger.warn(
        { key: id, service, operation, code, requestId, again: formatDuration(delayMs) },
        message,
      );
    } else {
      this.#parts.logger.error(
        { key: id, err: error, again: formatDuration(delayMs) },
        'a pass failed by a defect of the controller',
      );
    }
  }

  /** Reads the desired table whole: at start, after a gap in the stream, and now and then. */
  async #relistLoop(): Promise<void> {
    const { clock, desired, memory, logger, settings } = this.#parts;
    const signal = this.#stopping.signal;
    while (!signal.aborted) {
      const woken = new Promise<void>((resolve) => {
        this.#relistWanted = resolve;
      });
      try {
        for await (const { key } of desired.list(undefined, { signal })) {
          if (key.namespace !== SYSTEM) this.#queue.add(formatKey(key));
        }
        for (const id of memory.keys()) this.#queue.add(id);
      } catch (error) {
        if (signal.aborted) return;
        if (!isFailure(error)) throw error;
        logger.warn({ code: error.code }, `the desired table could not be listed: ${error.message}`);
        await sleep(clock, 1000, signal);
        continue;
      }
      const timer = clock.after(settings.relistMs, () => this.#relistWanted?.());
      await woken;
      timer.cancel();
    }
  }

  async #resyncLoop(): Promise<void> {
    const { clock, memory, settings } = this.#parts;
    const signal = this.#stopping.signal;
    while (!signal.aborted) {
      await sleep(clock, settings.resyncMs, signal);
      if (signal.aborted) return;
      for (const id of memory.keys()) this.#queue.add(id);
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
