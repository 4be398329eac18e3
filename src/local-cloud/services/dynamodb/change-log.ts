/**
 * The change records of tables, which DynamoDB Streams reads: streams, their shards and the records in them. A stream
 * begins with one open shard. A shard is rolled every four hours as AWS rolls it, and splits in two, each for half of
 * its keys, when it takes more writes than a partition does; so an item's changes always lie on one line of parents and
 * children. Records are kept for 24 hours and, because this cloud lives in one process, no more than some thousands;
 * what is older counts as trimmed. This file stores and finds; the API over it is in streams.ts.
 */
import { createHash } from 'node:crypto';
import type { Random } from '../../../core/index.ts';
import type { CloudState, Collection } from '../../contract.ts';
import { type Item, itemSize } from './attribute-value.ts';
import { type KeySchema, keyOf, storedKey } from './key-schema.ts';

export type StreamViewType = 'KEYS_ONLY' | 'NEW_IMAGE' | 'OLD_IMAGE' | 'NEW_AND_OLD_IMAGES';
export const STREAM_VIEW_TYPES: readonly StreamViewType[] = [
  'NEW_IMAGE',
  'OLD_IMAGE',
  'NEW_AND_OLD_IMAGES',
  'KEYS_ONLY',
];

export interface Shard {
  readonly id: string;
  readonly parentId?: string;
  /** First sequence number that can be in the shard. */
  readonly first: number;
  /** Last one, once the shard is closed. */
  readonly last?: number;
  readonly openedAtMs: number;
  readonly closedAtMs?: number;
  /** Which keys' changes it takes; all when absent. */
  readonly keys?: KeyRange;
}

/** Keys by their hash: from the first up to, not including, the second, of 2^32. */
interface KeyRange {
  readonly from: number;
  readonly below: number;
}

export interface ShardSettings {
  /** How long a shard stays open. @default 4 hours */
  readonly spanMs: number;
  /** More write units than this within a minute make a shard split. @default 60,000: what a partition takes */
  readonly splitUnits: number;
}

export interface Stream {
  readonly arn: string;
  readonly label: string;
  readonly tableName: string;
  readonly schema: KeySchema;
  readonly viewType: StreamViewType;
  readonly createdAtMs: number;
  readonly disabledAtMs?: number;
  readonly shards: readonly Shard[];
  /** The highest sequence number whose record is gone; 0 when none is. */
  readonly trimmedThrough: number;
}

export interface ChangeRecord {
  readonly sequence: number;
  readonly shardId: string;
  readonly atMs: number;
  readonly eventId: string;
  readonly eventName: 'INSERT' | 'MODIFY' | 'REMOVE';
  readonly keys: Item;
  readonly newImage?: Item;
  readonly oldImage?: Item;
  /** Removed by TTL and not by a request. */
  readonly expired?: true;
  readonly sizeBytes: number;
}

const RETENTION_MS = 24 * 3_600_000;
const SHARDS: ShardSettings = { spanMs: 4 * 3_600_000, splitUnits: 60_000 };
const ALL_KEYS: KeyRange = { from: 0, below: 0x1_0000_0000 };
const MINUTE_MS = 60_000;
const UNIT_BYTES = 1024;
const RECORDS_MAX = 20_000;
/** How many go at once when there are too many: the stream's own entry changes with each trimming. */
const RECORDS_TRIMMED = 1_000;

export class ChangeLog {
  readonly #state: CloudState;
  readonly #random: Random;
  readonly #streams: Collection<Stream>;
  readonly #records = new Map<string, Records>();
  readonly #shards: ShardSettings;
  /** Write units of each open shard in the present minute. Lost with a restart, which delays a split. */
  readonly #heat = new Map<string, { readonly minute: number; readonly units: number }>();
  #dueAtMs: number | 'unknown' | 'never' = 'unknown';

  constructor(state: CloudState, random: Random, shards: Partial<ShardSettings> = {}) {
    this.#state = state;
    this.#random = random;
    this.#shards = { ...SHARDS, ...shards };
    this.#streams = state.collection('dynamodb/streams');
  }

  /** All streams, those of deleted tables included as long as their records are kept; oldest first. */
  streams(): Stream[] {
    return this.#streams.values();
  }

  stream(arn: string): Stream | undefined {
    return this.#streams.get(arn);
  }

  /** Opens a stream for a table and returns it. */
  open(table: { arn: string; name: string; schema: KeySchema }, viewType: StreamViewType, nowMs: number): Stream {
    let labelMs = nowMs;
    const arnOf = () => `${table.arn}/stream/${labelOf(labelMs)}`;
    while (this.#streams.has(arnOf())) labelMs++;
    const stream: Stream = {
      arn: arnOf(),
      label: labelOf(labelMs),
      tableName: table.name,
      schema: table.schema,
      viewType,
      createdAtMs: nowMs,
      shards: [this.#newShard(1, nowMs)],
      trimmedThrough: 0,
    };
    this.#save(stream);
    return stream;
  }

  /** Ends a stream: its shard is closed, its records stay readable for their time. Idempotent. */
  close(arn: string, nowMs: number): void {
    const stream = this.#streams.get(arn);
    if (!stream || stream.disabledAtMs !== undefined) return;
    let shards = stream.shards;
    for (const shard of stream.shards) if (isOpen(shard)) shards = this.#close({ ...stream, shards }, shard, nowMs);
    this.#save({ ...stream, disabledAtMs: nowMs, shards });
  }

  /** Records what one write did to one item. */
  append(arn: string, before: Item | undefined, after: Item | undefined, nowMs: number, expired = false): void {
    const stream = this.#streams.get(arn);
    const image = after ?? before;
    if (!stream || !image) return;
    const hash = hashOf(storedKey(stream.schema, image).id);
    const shard = stream.shards.find((candidate) => isOpen(candidate) && takes(candidate, hash));
    if (!shard) return;
    const keys = keyOf(stream.schema, image);
    const newImage = after && /NEW/.test(stream.viewType) ? after : undefined;
    const oldImage = before && /OLD/.test(stream.viewType) ? before : undefined;
    const records = this.#recordsOf(stream);
    records.append({
      sequence: records.next(stream),
      shardId: shard.id,
      atMs: nowMs,
      eventId: this.#random.hex(16),
      eventName: !before ? 'INSERT' : after ? 'MODIFY' : 'REMOVE',
      keys,
      ...(newImage ? { newImage } : {}),
      ...(oldImage ? { oldImage } : {}),
      ...(expired ? { expired } : {}),
      sizeBytes: itemSize(keys) + (newImage ? itemSize(newImage) : 0) + (oldImage ? itemSize(oldImage) : 0),
    });
    const kept =
      records.count > RECORDS_MAX ? { ...stream, trimmedThrough: records.trimOldest(RECORDS_TRIMMED) } : stream;
    const units = Math.ceil(Math.max(itemSize(before ?? {}), itemSize(after ?? {})) / UNIT_BYTES);
    const shards = this.#isHot(shard, units, nowMs) ? this.#succeed(kept, shard, halves(shard), nowMs) : kept.shards;
    if (kept !== stream || shards !== kept.shards) this.#save({ ...kept, shards });
  }

  /** Whether the shard now has taken too many write units in this minute. */
  #isHot(shard: Shard, units: number, nowMs: number): boolean {
    const minute = Math.floor(nowMs / MINUTE_MS);
    const known = this.#heat.get(shard.id);
    const total = units + (known?.minute === minute ? known.units : 0);
    this.#heat.set(shard.id, { minute, units: total });
    return total > this.#shards.splitUnits;
  }

  /** The stream's shards with one of them closed and its children opened, one for each range of keys. */
  #succeed(stream: Stream, parent: Shard, ranges: readonly KeyRange[], nowMs: number): readonly Shard[] {
    this.#heat.delete(parent.id);
    const shards = this.#close(stream, parent, nowMs);
    const last = shards.find(({ id }) => id === parent.id)?.last ?? 0;
    return [...shards, ...ranges.map((keys) => this.#newShard(last + 1, nowMs, parent.id, keys))];
  }

  /** The sequence number that the next record of the stream will have. */
  nextSequence(stream: Stream): number {
    return this.#recordsOf(stream).next(stream);
  }

  /** Records of a shard from a sequence number on, in order. */
  *read(stream: Stream, shard: Shard, from: number): Generator<ChangeRecord> {
    for (const record of this.#recordsOf(stream).between(from, shard.last ?? Number.POSITIVE_INFINITY)) {
      if (record.shardId === shard.id) yield record;
    }
  }

  /** Rolls shards, trims records and forgets what has been disabled for long enough. Idempotent. */
  advance(nowMs: number): void {
    if ((this.nextAtMs() ?? Number.POSITIVE_INFINITY) > nowMs) return;
    for (const stream of this.#streams.values()) this.#advanceStream(stream, nowMs);
    this.#dueAtMs = 'unknown';
  }

  nextAtMs(): number | undefined {
    if (this.#dueAtMs === 'unknown') {
      const times = this.#streams.values().flatMap((stream) => this.#dueTimes(stream));
      this.#dueAtMs = times.length > 0 ? times.reduce((least, time) => Math.min(least, time)) : 'never';
    }
    return this.#dueAtMs === 'never' ? undefined : this.#dueAtMs;
  }

  #dueTimes(stream: Stream): number[] {
    const times: number[] = [];
    const oldest = this.#recordsOf(stream).oldest();
    if (oldest) times.push(oldest.atMs + RETENTION_MS);
    if (stream.disabledAtMs !== undefined) times.push(stream.disabledAtMs + RETENTION_MS);
    for (const shard of stream.shards) {
      if (shard.closedAtMs !== undefined) times.push(shard.closedAtMs + RETENTION_MS);
      else times.push(shard.openedAtMs + this.#shards.spanMs);
    }
    return times;
  }

  #advanceStream(stream: Stream, nowMs: number): void {
    const records = this.#recordsOf(stream);
    if (stream.disabledAtMs !== undefined && stream.disabledAtMs + RETENTION_MS <= nowMs) {
      records.trimOldest(records.count);
      this.#records.delete(stream.arn);
      this.#streams.delete(stream.arn);
      return;
    }
    const trimmedThrough = Math.max(stream.trimmedThrough, records.trimUntil(nowMs - RETENTION_MS));
    let shards = stream.shards;
    for (const shard of stream.shards) {
      if (!isOpen(shard) || shard.openedAtMs + this.#shards.spanMs > nowMs) continue;
      shards = this.#succeed({ ...stream, shards, trimmedThrough }, shard, [shard.keys ?? ALL_KEYS], nowMs);
    }
    shards = shards.filter(({ closedAtMs }) => closedAtMs === undefined || closedAtMs + RETENTION_MS > nowMs);
    const rolled = shards.length !== stream.shards.length || shards.some((shard, i) => shard !== stream.shards[i]);
    if (rolled || trimmedThrough > stream.trimmedThrough) this.#save({ ...stream, shards, trimmedThrough });
  }

  /** The shards with one ended; a sequence number of its own marks the end, so that parent and child never overlap. */
  #close(stream: Stream, ending: Shard, nowMs: number): Shard[] {
    const last = this.#recordsOf(stream).next(stream);
    return stream.shards.map((shard) => (shard === ending ? { ...shard, last, closedAtMs: nowMs } : shard));
  }

  #newShard(first: number, nowMs: number, parentId?: string, keys = ALL_KEYS): Shard {
    const id = `shardId-${String(nowMs).padStart(20, '0')}-${this.#random.hex(4)}`;
    return { id, first, openedAtMs: nowMs, ...(parentId === undefined ? {} : { parentId }), keys };
  }

  #save(stream: Stream): void {
    this.#streams.set(stream.arn, stream);
    this.#dueAtMs = 'unknown';
  }

  #recordsOf(stream: Stream): Records {
    let records = this.#records.get(stream.arn);
    if (!records) {
      records = new Records(this.#state.collection(`dynamodb/records/${stream.arn}`));
      this.#records.set(stream.arn, records);
    }
    return records;
  }
}

function isOpen({ closedAtMs }: Shard): boolean {
  return closedAtMs === undefined;
}

function takes({ keys = ALL_KEYS }: Shard, hash: number): boolean {
  return hash >= keys.from && hash < keys.below;
}

function halves({ keys = ALL_KEYS }: Shard): KeyRange[] {
  const middle = Math.floor((keys.from + keys.below) / 2);
  return [
    { from: keys.from, below: middle },
    { from: middle, below: keys.below },
  ];
}

function hashOf(key: string): number {
  return createHash('md5').update(key).digest().readUInt32BE();
}

/** `2026-01-01T00:00:00.000`, as stream labels are written. */
function labelOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, -1);
}

/** The records of one stream, with their sequence numbers in memory, in order; read anew when the two disagree. */
class Records {
  readonly #stored: Collection<ChangeRecord>;
  #sequences: number[] = [];
  #oldest: ChangeRecord | undefined;

  constructor(stored: Collection<ChangeRecord>) {
    this.#stored = stored;
  }

  get count(): number {
    return this.#fresh().length;
  }

  next(stream: Stream): number {
    const inShards = stream.shards.map(({ first, last }) => Math.max(first - 1, last ?? 0));
    return Math.max(this.#fresh().at(-1) ?? 0, stream.trimmedThrough, ...inShards) + 1;
  }

  append(record: ChangeRecord): void {
    const sequences = this.#fresh();
    this.#stored.set(String(record.sequence), record);
    sequences.push(record.sequence);
  }

  oldest(): ChangeRecord | undefined {
    const [first] = this.#fresh();
    if (first === undefined) return undefined;
    if (this.#oldest?.sequence !== first) this.#oldest = this.#stored.get(String(first));
    return this.#oldest;
  }

  *between(from: number, through: number): Generator<ChangeRecord> {
    const sequences = this.#fresh();
    let low = 0;
    let high = sequences.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sequences[middle] as number) < from) low = middle + 1;
      else high = middle;
    }
    for (let i = low; i < sequences.length; i++) {
      const sequence = sequences[i] as number;
      if (sequence > through) return;
      const record = this.#stored.get(String(sequence));
      if (record) yield record;
    }
  }

  /** Drops records written at or before `untilMs`; the highest sequence number dropped, or 0. */
  trimUntil(untilMs: number): number {
    let count = 0;
    for (const sequence of this.#fresh()) {
      const record = this.#stored.get(String(sequence));
      if (record && record.atMs > untilMs) break;
      count++;
    }
    return this.trimOldest(count);
  }

  /** Drops the oldest records; the highest sequence number dropped, or 0. */
  trimOldest(count: number): number {
    const gone = this.#fresh().splice(0, count);
    for (const sequence of gone) this.#stored.delete(String(sequence));
    return gone.at(-1) ?? 0;
  }

  #fresh(): number[] {
    if (this.#sequences.length !== this.#stored.size) {
      this.#sequences = this.#stored
        .keys()
        .map(Number)
        .sort((a, b) => a - b);
      this.#oldest = undefined;
    }
    return this.#sequences;
  }
}
