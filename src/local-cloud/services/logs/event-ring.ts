/**
 * Log events, durable but bounded: each stream keeps its newest events, and when all streams together hold too much,
 * the streams that have been silent the longest lose theirs. A batch is one entry of a collection, so that a line of
 * output costs one short line of journal. It does not know groups, retention or who may read.
 */
import type { CloudState, Collection } from '../../contract.ts';

/** A stream with the range of its batches. */
export interface StoredStream {
  readonly group: string;
  readonly name: string;
  readonly createdMs: number;
  readonly firstBatch: number;
  readonly nextBatch: number;
  readonly bytes: number;
  readonly events: number;
  readonly firstEventMs: number | undefined;
  readonly lastEventMs: number | undefined;
  readonly lastIngestionMs: number | undefined;
}

export interface LogEvent {
  readonly timestampMs: number;
  readonly message: string;
  readonly ingestionMs: number;
  /** Position in the stream: grows with arrival. */
  readonly ordinal: number;
}

interface Batch {
  readonly ingestionMs: number;
  readonly bytes: number;
  readonly events: readonly (readonly [timestampMs: number, message: string])[];
}

export interface RingLimits {
  readonly streamBytes: number;
  readonly streamEvents: number;
  readonly totalBytes: number;
  readonly totalEvents: number;
}

export const RING_LIMITS: RingLimits = {
  streamBytes: 1 << 20,
  streamEvents: 10_000,
  totalBytes: 32 << 20,
  totalEvents: 100_000,
};

/** What PutLogEvents takes at once; ordinals leave this much room for a batch. */
export const BATCH_EVENTS_MAX = 10_000;
/** AWS counts this much for each event besides its text. */
export const EVENT_OVERHEAD_BYTES = 26;
/** Eviction goes down to this part of the total, so that it is rare. */
const EVICT_TO = 0.75;

export class EventRing {
  readonly #limits: RingLimits;
  readonly #streams: Collection<StoredStream>;
  readonly #batches: Collection<Batch>;
  readonly #total: Collection<{ bytes: number; events: number }>;

  constructor(state: CloudState, limits: RingLimits = RING_LIMITS) {
    this.#limits = limits;
    this.#streams = state.collection('logs.streams');
    this.#batches = state.collection('logs.batches');
    this.#total = state.collection('logs.total');
  }

  has(group: string, name: string): boolean {
    return this.#streams.has(keyOf(group, name));
  }

  get(group: string, name: string): StoredStream | undefined {
    return this.#streams.get(keyOf(group, name));
  }

  create(group: string, name: string, nowMs: number): StoredStream {
    const stream: StoredStream = {
      group,
      name,
      createdMs: nowMs,
      firstBatch: 0,
      nextBatch: 0,
      bytes: 0,
      events: 0,
      firstEventMs: undefined,
      lastEventMs: undefined,
      lastIngestionMs: undefined,
    };
    this.#streams.set(keyOf(group, name), stream);
    return stream;
  }

  streamsOf(group: string): StoredStream[] {
    const prefix = `${group}:`;
    return this.#streams.keys().flatMap((key) => (key.startsWith(prefix) ? (this.#streams.get(key) ?? []) : []));
  }

  /** Adds at most {@link BATCH_EVENTS_MAX} events and forgets what is too much. */
  append(stream: StoredStream, events: Batch['events'], nowMs: number): StoredStream {
    if (events.length === 0) return stream;
    let bytes = 0;
    let firstEventMs = stream.firstEventMs ?? Infinity;
    let lastEventMs = stream.lastEventMs ?? 0;
    for (const [timestampMs, message] of events) {
      bytes += Buffer.byteLength(message) + EVENT_OVERHEAD_BYTES;
      firstEventMs = Math.min(firstEventMs, timestampMs);
      lastEventMs = Math.max(lastEventMs, timestampMs);
    }
    this.#batches.set(batchKey(stream, stream.nextBatch), { ingestionMs: nowMs, bytes, events });
    this.#count(bytes, events.length);
    const grown = this.#trim({
      ...stream,
      nextBatch: stream.nextBatch + 1,
      bytes: stream.bytes + bytes,
      events: stream.events + events.length,
      firstEventMs,
      lastEventMs,
      lastIngestionMs: nowMs,
    });
    this.#streams.set(keyOf(stream.group, stream.name), grown);
    this.#evict();
    return grown;
  }

  /** What the stream still holds, by time and, within one time, by arrival. */
  read(stream: StoredStream): LogEvent[] {
    const result: LogEvent[] = [];
    for (let number = stream.firstBatch; number < stream.nextBatch; number++) {
      const batch = this.#batches.get(batchKey(stream, number));
      batch?.events.forEach(([timestampMs, message], index) => {
        result.push({
          timestampMs,
          message,
          ingestionMs: batch.ingestionMs,
          ordinal: number * BATCH_EVENTS_MAX + index,
        });
      });
    }
    return result.sort((a, b) => a.timestampMs - b.timestampMs || a.ordinal - b.ordinal);
  }

  remove(stream: StoredStream): void {
    this.#empty(stream);
    this.#streams.delete(keyOf(stream.group, stream.name));
  }

  /** The newest batch always stays. */
  #trim(stream: StoredStream): StoredStream {
    let { firstBatch, bytes, events } = stream;
    const { streamBytes, streamEvents } = this.#limits;
    for (; firstBatch < stream.nextBatch - 1 && (bytes > streamBytes || events > streamEvents); firstBatch++) {
      const key = batchKey(stream, firstBatch);
      const batch = this.#batches.get(key);
      if (!batch) continue;
      this.#batches.delete(key);
      bytes -= batch.bytes;
      events -= batch.events.length;
      this.#count(-batch.bytes, -batch.events.length);
    }
    return { ...stream, firstBatch, bytes, events };
  }

  #evict(): void {
    const { totalBytes, totalEvents } = this.#limits;
    const within = (part: number) => {
      const { bytes, events } = this.#counted();
      return bytes <= totalBytes * part && events <= totalEvents * part;
    };
    if (within(1)) return;
    const silentFirst = this.#streams
      .values()
      .filter(({ events }) => events > 0)
      .sort((a, b) => (a.lastIngestionMs ?? 0) - (b.lastIngestionMs ?? 0));
    // The stream that was written last keeps what it has: it is within its own limit.
    for (const stream of silentFirst.slice(0, -1)) {
      if (within(EVICT_TO)) return;
      this.#empty(stream);
      this.#streams.set(keyOf(stream.group, stream.name), {
        ...stream,
        firstBatch: stream.nextBatch,
        bytes: 0,
        events: 0,
      });
    }
  }

  #empty(stream: StoredStream): void {
    for (let number = stream.firstBatch; number < stream.nextBatch; number++)
      this.#batches.delete(batchKey(stream, number));
    this.#count(-stream.bytes, -stream.events);
  }

  #counted(): { bytes: number; events: number } {
    return this.#total.get('') ?? { bytes: 0, events: 0 };
  }

  #count(bytes: number, events: number): void {
    const total = this.#counted();
    this.#total.set('', { bytes: total.bytes + bytes, events: total.events + events });
  }
}

/** Neither a group's nor a stream's name can hold a colon. */
function keyOf(group: string, name: string): string {
  return `${group}:${name}`;
}

function batchKey(stream: StoredStream, number: number): string {
  return `${stream.group}:${stream.name}:${number}`;
}
