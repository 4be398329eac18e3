/**
 * Follows the stream of the desired table and tells which keys changed. It promises no record: it starts at the end of
 * the stream, and wherever it may have missed something (start, expired or trimmed iterators, another stream) it says
 * so by `onGap`, and the caller relists. Only keys are read; what a record says of the item is never looked at.
 */
import type { Shard, _Record as StreamRecord } from '@aws-sdk/client-dynamodb-streams';
import type { DynamoPort, StreamsPort } from '../aws/index.ts';
import { type Clock, type Failure, isFailure, type Logger, type Random, sleep } from '../core/index.ts';

/** AWS allows five reads a second of a shard, for all its readers together. */
const POLL_MS = 200;
/** Half the cost while nobody writes, and a person who then does still waits for less than half a second. */
const POLL_IDLE_MS = 400;
const IDLE_AFTER_MS = 5 * 60_000;
const REDESCRIBE_MS = 60_000;
const RECHECK_MS = 30_000;
const BACKOFF_MIN_MS = 200;
const BACKOFF_MAX_MS = 10_000;

const ITERATOR_LOST: Readonly<Record<string, GapReason>> = {
  ExpiredIteratorException: 'iterator-expired',
  TrimmedDataAccessException: 'records-trimmed',
};

/** Why keys may have been missed. `relist-only`: from now on every change is. */
export type GapReason = 'started' | 'iterator-expired' | 'records-trimmed' | 'stream-replaced' | 'relist-only';

export interface DesiredStreamOptions {
  readonly dynamo: Pick<DynamoPort, 'describeTable'>;
  readonly streams: StreamsPort;
  readonly table: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Called for every record, in the order of its shard. Must not throw. */
  readonly onKey: (namespace: string, name: string, eventId: string) => void;
  /** Called after the new reading position is fixed, so that a relist started now misses nothing. Must not throw. */
  readonly onGap: (reason: GapReason) => void;
}

export interface StreamState {
  readonly mode: 'streaming' | 'relist-only';
  /** Why it is `relist-only`, or what disturbs the streaming. */
  readonly reason?: string;
}

/** What the walk along a stream ended with. */
type Ending = { readonly gap: GapReason } | { readonly unavailable: string };

export class DesiredStream {
  readonly #options: DesiredStreamOptions;
  readonly #stopping = new AbortController();
  #state: StreamState = { mode: 'relist-only', reason: 'not started' };
  #toldRelistOnly = false;
  #running: Promise<void> | undefined;

  constructor(options: DesiredStreamOptions) {
    this.#options = options;
  }

  /** Begins following. A second call does nothing. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Ends following: what is under way is aborted, and nothing is reported after the promise resolves. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  state(): StreamState {
    return this.#state;
  }

  get #signal(): AbortSignal {
    return this.#stopping.signal;
  }

  async #run(): Promise<void> {
    let gap: GapReason = 'started';
    while (!this.#signal.aborted) {
      const ending = await this.#followOnce(gap);
      if (this.#signal.aborted) return;
      if ('gap' in ending) {
        gap = ending.gap;
        await this.#sleep(POLL_MS);
      } else {
        gap = 'started';
        this.#enterRelistOnly(ending.unavailable);
        await this.#sleep(RECHECK_MS);
      }
    }
  }

  /** Finds the stream and follows it until something needs a new start. Never throws. */
  async #followOnce(gap: GapReason): Promise<Ending> {
    let following = false;
    try {
      const streamArn = await this.#persist(() => this.#findStream());
      if (typeof streamArn !== 'string') return streamArn;
      return await new StreamWalk(streamArn, this.#options, this.#signal, this.#persist).follow(() => {
        following = true;
        this.#state = { mode: 'streaming' };
        this.#toldRelistOnly = false;
        this.#options.logger.info({ streamArn, gap }, 'following the desired stream');
        this.#options.onGap(gap);
      });
    } catch (error) {
      if (this.#signal.aborted) return { unavailable: 'stopped' };
      const lost = isFailure(error) ? ITERATOR_LOST[error.code] : undefined;
      if (lost) return { gap: lost };
      // A shard or the whole stream is gone: whether the table has another one is for the next round to find out.
      if (following && isFailure(error, 'notFound')) return { gap: 'stream-replaced' };
      if (!isFailure(error)) this.#options.logger.error({ error }, 'the desired stream cannot be followed');
      return { unavailable: error instanceof Error ? error.message : String(error) };
    }
  }

  async #findStream(): Promise<string | { unavailable: string }> {
    const { table: TableName, dynamo } = this.#options;
    const { Table } = await dynamo.describeTable({ TableName }, { signal: this.#signal });
    if (Table?.LatestStreamArn && Table.StreamSpecification?.StreamEnabled) return Table.LatestStreamArn;
    return { unavailable: `table ${TableName} has no enabled stream` };
  }

  #enterRelistOnly(reason: string): void {
    this.#state = { mode: 'relist-only', reason };
    if (this.#toldRelistOnly) return;
    this.#toldRelistOnly = true;
    this.#options.logger.warn({ table: this.#options.table, reason }, 'no desired stream: relisting only');
    this.#options.onGap('relist-only');
  }

  /** Repeats a call that is throttled or fails for the moment, with growing, jittered pauses. */
  readonly #persist = async <T>(attempt: () => Promise<T>): Promise<T> => {
    for (let failures = 0; ; failures++) {
      try {
        const result = await attempt();
        if (failures > 0 && this.#state.mode === 'streaming') this.#state = { mode: 'streaming' };
        return result;
      } catch (error) {
        if (this.#signal.aborted || !isPassing(error)) throw error;
        const limitMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** failures);
        const pauseMs = error.retryAfterMs ?? limitMs * (0.5 + this.#options.random.next() / 2);
        this.#options.logger.debug({ code: error.code, pauseMs }, 'desired stream: trying again');
        this.#state = { mode: this.#state.mode, reason: `${error.code}: ${error.message}` };
        await this.#sleep(pauseMs);
        if (this.#signal.aborted) throw error;
      }
    }
  };

  #sleep(delayMs: number): Promise<void> {
    return sleep(this.#options.clock, delayMs, this.#signal);
  }
}

function isPassing(error: unknown): error is Failure {
  return isFailure(error, 'throttled') || isFailure(error, 'transient');
}

/** One stream, shard by shard: parents before children, new shards as they appear. */
class StreamWalk {
  readonly #streamArn: string;
  readonly #options: DesiredStreamOptions;
  readonly #signal: AbortSignal;
  readonly #persist: <T>(attempt: () => Promise<T>) => Promise<T>;
  /** Iterators of the shards that are being read. */
  readonly #reading = new Map<string, string>();
  /** Shards that were read to their end, or were closed before this walk began. */
  #finished = new Set<string>();
  #describedAtMs = 0;
  #lastRecordAtMs: number;

  constructor(
    streamArn: string,
    options: DesiredStreamOptions,
    signal: AbortSignal,
    persist: <T>(attempt: () => Promise<T>) => Promise<T>,
  ) {
    this.#streamArn = streamArn;
    this.#options = options;
    this.#signal = signal;
    this.#persist = persist;
    this.#lastRecordAtMs = options.clock.monotonic();
  }

  /** Calls `positioned` once every open shard has its place at the end, then reads until the stream ends. */
  async follow(positioned: () => void): Promise<Ending> {
    const { shards } = await this.#describe();
    for (const shard of shards) {
      if (shard.SequenceNumberRange?.EndingSequenceNumber !== undefined) this.#finished.add(shard.ShardId ?? '');
      else await this.#open(shard, 'LATEST');
    }
    if (this.#signal.aborted) return { unavailable: 'stopped' };
    positioned();
    while (!this.#signal.aborted) {
      const ended = await this.#readAll();
      if (this.#signal.aborted) break;
      if ((ended || this.#isDescriptionOld()) && (await this.#takeNewShards())) return { gap: 'stream-replaced' };
      await sleep(this.#options.clock, this.#pollMs(), this.#signal);
    }
    return { unavailable: 'stopped' };
  }

  /** One read of every shard. True when one of them came to its end, or none is left to read. */
  async #readAll(): Promise<boolean> {
    const ends = await Promise.all([...this.#reading].map(([shardId, iterator]) => this.#read(shardId, iterator)));
    return ends.includes(true) || this.#reading.size === 0;
  }

  async #read(shardId: string, iterator: string): Promise<boolean> {
    const answer = await this.#persist(() =>
      this.#options.streams.getRecords({ ShardIterator: iterator }, { signal: this.#signal }),
    );
    if (this.#signal.aborted) return false;
    for (const record of answer.Records ?? []) this.#report(record);
    if (answer.NextShardIterator) {
      this.#reading.set(shardId, answer.NextShardIterator);
      return false;
    }
    this.#reading.delete(shardId);
    this.#finished.add(shardId);
    return true;
  }

  #report(record: StreamRecord): void {
    this.#lastRecordAtMs = this.#options.clock.monotonic();
    const namespace = record.dynamodb?.Keys?.namespace?.S;
    const name = record.dynamodb?.Keys?.name?.S;
    if (namespace === undefined || name === undefined) {
      this.#options.logger.warn({ eventId: record.eventID }, 'a stream record without namespace and name');
    } else {
      this.#options.onKey(namespace, name, record.eventID ?? '');
    }
  }

  /** Opens the shards whose parents are read. True when the stream is over: no shard left, and none to come. */
  async #takeNewShards(): Promise<boolean> {
    const { shards, enabled } = await this.#describe();
    const present = new Set(shards.map(({ ShardId }) => ShardId ?? ''));
    this.#finished = new Set([...this.#finished].filter((shardId) => present.has(shardId)));
    for (const shard of shards) {
      const shardId = shard.ShardId ?? '';
      if (this.#reading.has(shardId) || this.#finished.has(shardId)) continue;
      const parentId = shard.ParentShardId;
      const parentIsRead = parentId === undefined || !present.has(parentId) || this.#finished.has(parentId);
      // From its beginning: it did not exist, or was not readable, when the walk took its place.
      if (parentIsRead) await this.#open(shard, 'TRIM_HORIZON');
    }
    return this.#reading.size === 0 && !enabled;
  }

  async #open(shard: Shard, at: 'LATEST' | 'TRIM_HORIZON'): Promise<void> {
    const shardId = shard.ShardId ?? '';
    const { ShardIterator } = await this.#persist(() =>
      this.#options.streams.getShardIterator(
        { StreamArn: this.#streamArn, ShardId: shardId, ShardIteratorType: at },
        { signal: this.#signal },
      ),
    );
    if (ShardIterator) this.#reading.set(shardId, ShardIterator);
    else this.#finished.add(shardId);
  }

  async #describe(): Promise<{ shards: Shard[]; enabled: boolean }> {
    const shards: Shard[] = [];
    let from: string | undefined;
    let status: string | undefined;
    do {
      const { StreamDescription } = await this.#persist(() =>
        this.#options.streams.describeStream(
          { StreamArn: this.#streamArn, ...(from === undefined ? {} : { ExclusiveStartShardId: from }) },
          { signal: this.#signal },
        ),
      );
      shards.push(...(StreamDescription?.Shards ?? []));
      status = StreamDescription?.StreamStatus;
      from = StreamDescription?.LastEvaluatedShardId;
    } while (from !== undefined && !this.#signal.aborted);
    this.#describedAtMs = this.#options.clock.monotonic();
    return { shards, enabled: status === 'ENABLED' || status === 'ENABLING' };
  }

  #isDescriptionOld(): boolean {
    return this.#options.clock.monotonic() - this.#describedAtMs >= REDESCRIBE_MS;
  }

  #pollMs(): number {
    const idleMs = this.#options.clock.monotonic() - this.#lastRecordAtMs;
    return this.#reading.size === 0 || idleMs >= IDLE_AFTER_MS ? POLL_IDLE_MS : POLL_MS;
  }
}
