/**
 * DynamoDB Streams as a state machine: the API over the change log of the DynamoDB machine. It stores nothing itself;
 * a shard iterator is a position and the time it was given out, and needs no memory.
 */
import type {
  DescribeStreamCommandInput,
  GetRecordsCommandInput,
  GetShardIteratorCommandInput,
  ListStreamsCommandInput,
  Shard as ShardDescription,
  StreamDescription,
  _Record as StreamRecord,
} from '@aws-sdk/client-dynamodb-streams';
import { AwsError, type CloudService, type Handler, type RequestContext, type ServiceDeps } from '../contract.ts';
import { invalid, invalidParameter, itemToWire } from './dynamodb/attribute-value.ts';
import type { ChangeLog, ChangeRecord, Shard, Stream } from './dynamodb/change-log.ts';
import { Constraints } from './dynamodb/constraints.ts';
import { keyAttributes } from './dynamodb/key-schema.ts';
import type { DynamoService } from './dynamodb.ts';

const ITERATOR_LIFE_MS = 15 * 60_000;
const RECORDS_MAX = 1000;
const RECORD_BYTES_MAX = 1024 * 1024;
const PAGE_MAX = 100;
/** How long a stream is ENABLING or DISABLING. */
const PHASE_MS = 500;
const ITERATOR_TYPES = ['TRIM_HORIZON', 'LATEST', 'AT_SEQUENCE_NUMBER', 'AFTER_SEQUENCE_NUMBER'];

/** What an iterator's text holds beside the stream's ARN. */
interface Position {
  readonly shardId: string;
  readonly sequence: number;
  readonly issuedAtMs: number;
}

export interface StreamsDeps extends ServiceDeps {
  readonly dynamodb: DynamoService;
}

export class StreamsService implements CloudService {
  readonly id = 'streams';
  readonly #log: ChangeLog;
  readonly #region: string;

  constructor({ dynamodb, settings }: StreamsDeps) {
    this.#log = dynamodb.changes;
    this.#region = settings.region;
  }

  readonly operations: Readonly<Record<string, Handler>> = {
    ListStreams: (input: ListStreamsCommandInput) => this.#list(input),
    DescribeStream: (input: DescribeStreamCommandInput, context) => this.#describe(input, context),
    GetShardIterator: (input: GetShardIteratorCommandInput, context) => this.#iterator(input, context),
    GetRecords: (input: GetRecordsCommandInput, context) => this.#records(input, context),
  };

  #list(input: ListStreamsCommandInput) {
    const constraints = new Constraints();
    constraints.range('limit', input.Limit, 1, PAGE_MAX);
    constraints.enforce();
    const all = this.#log.streams().filter(({ tableName }) => (input.TableName ?? tableName) === tableName);
    const { page, last } = pageOf(all, ({ arn }) => arn, input.ExclusiveStartStreamArn, input.Limit);
    return {
      Streams: page.map(({ arn, label, tableName }) => ({ StreamArn: arn, StreamLabel: label, TableName: tableName })),
      ...(last === undefined ? {} : { LastEvaluatedStreamArn: last }),
    };
  }

  #describe(input: DescribeStreamCommandInput, { nowMs }: RequestContext): { StreamDescription: StreamDescription } {
    const constraints = new Constraints();
    constraints.required('streamArn', input.StreamArn);
    constraints.range('limit', input.Limit, 1, PAGE_MAX);
    constraints.enforce();
    const stream = this.#stream(input.StreamArn ?? '');
    const { page, last } = pageOf(stream.shards, ({ id }) => id, input.ExclusiveStartShardId, input.Limit);
    return {
      StreamDescription: {
        StreamArn: stream.arn,
        StreamLabel: stream.label,
        StreamStatus: statusOf(stream, nowMs),
        StreamViewType: stream.viewType,
        CreationRequestDateTime: new Date(stream.createdAtMs),
        TableName: stream.tableName,
        KeySchema: keyAttributes(stream.schema).map(({ name }, i) => ({
          AttributeName: name,
          KeyType: i === 0 ? 'HASH' : 'RANGE',
        })),
        Shards: page.map(describeShard),
        ...(last === undefined ? {} : { LastEvaluatedShardId: last }),
      },
    };
  }

  #iterator(input: GetShardIteratorCommandInput, { nowMs }: RequestContext) {
    const constraints = new Constraints();
    constraints.required('streamArn', input.StreamArn);
    constraints.required('shardId', input.ShardId);
    constraints.required('shardIteratorType', input.ShardIteratorType);
    constraints.oneOf('shardIteratorType', input.ShardIteratorType, ITERATOR_TYPES);
    constraints.enforce();
    const stream = this.#stream(input.StreamArn ?? '');
    const shard = shardOf(stream, input.ShardId ?? '');
    const sequence = this.#startOf(stream, shard, input);
    return { ShardIterator: printIterator(stream.arn, { shardId: shard.id, sequence, issuedAtMs: nowMs }) };
  }

  #startOf(stream: Stream, shard: Shard, input: GetShardIteratorCommandInput): number {
    const { SequenceNumber, ShardIteratorType } = input;
    if (ShardIteratorType === 'LATEST' || ShardIteratorType === 'TRIM_HORIZON') {
      if (SequenceNumber !== undefined) {
        throw invalidParameter('SequenceNumber should not be passed for this iterator type');
      }
      if (ShardIteratorType === 'TRIM_HORIZON') return Math.max(shard.first, stream.trimmedThrough + 1);
      return shard.last === undefined ? this.#log.nextSequence(stream) : shard.last + 1;
    }
    const sequence = /^\d{21,40}$/.test(SequenceNumber ?? '') ? Number(SequenceNumber) : Number.NaN;
    if (!Number.isSafeInteger(sequence)) throw invalidParameter('Invalid SequenceNumber');
    if (sequence < shard.first || sequence > (shard.last ?? this.#log.nextSequence(stream))) {
      throw invalid('Invalid SequenceNumber for the shard');
    }
    const start = ShardIteratorType === 'AT_SEQUENCE_NUMBER' ? sequence : sequence + 1;
    if (start <= stream.trimmedThrough) throw trimmed();
    return start;
  }

  #records(input: GetRecordsCommandInput, { nowMs }: RequestContext) {
    const constraints = new Constraints();
    constraints.required('shardIterator', input.ShardIterator);
    constraints.range('limit', input.Limit, 1, RECORDS_MAX);
    constraints.enforce();
    const { arn, position } = parseIterator(input.ShardIterator ?? '');
    if (nowMs - position.issuedAtMs > ITERATOR_LIFE_MS) {
      throw new AwsError(
        'ExpiredIteratorException',
        `Iterator expired. The iterator was created at time ${new Date(position.issuedAtMs).toISOString()} while right ` +
          `now it is ${new Date(nowMs).toISOString()} which is further in the future than the tolerated delay of ` +
          `${ITERATOR_LIFE_MS} milliseconds.`,
      );
    }
    const stream = this.#stream(arn);
    const shard = shardOf(stream, position.shardId);
    if (position.sequence <= stream.trimmedThrough) throw trimmed();
    const records: StreamRecord[] = [];
    let bytes = 0;
    let sequence = position.sequence;
    let ended = true;
    for (const record of this.#log.read(stream, shard, sequence)) {
      bytes += record.sizeBytes;
      ended = records.length < (input.Limit ?? RECORDS_MAX) && (bytes <= RECORD_BYTES_MAX || records.length === 0);
      if (!ended) break;
      records.push(describeRecord(record, stream, this.#region));
      sequence = record.sequence + 1;
    }
    // Behind everything that is written by now, other shards' records included: a quiet shard's reader is not late when
    // those are trimmed.
    if (ended) sequence = Math.max(sequence, this.#log.nextSequence(stream));
    // A closed shard that is read to its end has no next iterator: its children go on from there.
    const next = ended && shard.last !== undefined ? undefined : { shardId: shard.id, sequence, issuedAtMs: nowMs };
    return { Records: records, ...(next ? { NextShardIterator: printIterator(arn, next) } : {}) };
  }

  #stream(arn: string): Stream {
    const stream = this.#log.stream(arn);
    if (stream) return stream;
    throw new AwsError('ResourceNotFoundException', `Requested resource not found: Stream: ${arn} not found`);
  }
}

function shardOf(stream: Stream, id: string): Shard {
  const shard = stream.shards.find((candidate) => candidate.id === id);
  if (shard) return shard;
  throw new AwsError(
    'ResourceNotFoundException',
    `Requested resource not found: Shard: ${id} in stream ${stream.arn} not found`,
  );
}

function trimmed(): AwsError {
  return new AwsError(
    'TrimmedDataAccessException',
    'The operation attempted to read past the oldest stream record in a shard.',
  );
}

function statusOf(
  { createdAtMs, disabledAtMs }: Stream,
  nowMs: number,
): 'ENABLING' | 'ENABLED' | 'DISABLING' | 'DISABLED' {
  if (disabledAtMs !== undefined) return nowMs < disabledAtMs + PHASE_MS ? 'DISABLING' : 'DISABLED';
  return nowMs < createdAtMs + PHASE_MS ? 'ENABLING' : 'ENABLED';
}

/** Sequence numbers are decimal texts of at least 21 digits. */
function printSequence(sequence: number): string {
  return String(sequence).padStart(21, '0');
}

function describeShard({ id, parentId, first, last }: Shard): ShardDescription {
  return {
    ShardId: id,
    ...(parentId === undefined ? {} : { ParentShardId: parentId }),
    SequenceNumberRange: {
      StartingSequenceNumber: printSequence(first),
      ...(last === undefined ? {} : { EndingSequenceNumber: printSequence(last) }),
    },
  };
}

function describeRecord(record: ChangeRecord, stream: Stream, region: string): StreamRecord {
  return {
    eventID: record.eventId,
    eventName: record.eventName,
    eventVersion: '1.1',
    eventSource: 'aws:dynamodb',
    awsRegion: region,
    dynamodb: {
      ApproximateCreationDateTime: new Date(Math.floor(record.atMs / 1000) * 1000),
      Keys: itemToWire(record.keys),
      ...(record.newImage ? { NewImage: itemToWire(record.newImage) } : {}),
      ...(record.oldImage ? { OldImage: itemToWire(record.oldImage) } : {}),
      SequenceNumber: printSequence(record.sequence),
      SizeBytes: record.sizeBytes,
      StreamViewType: stream.viewType,
    },
    ...(record.expired ? { userIdentity: { Type: 'Service', PrincipalId: 'dynamodb.amazonaws.com' } } : {}),
  };
}

function printIterator(arn: string, { shardId, sequence, issuedAtMs }: Position): string {
  return `${arn}|1|${Buffer.from(JSON.stringify([shardId, sequence, issuedAtMs])).toString('base64')}`;
}

function parseIterator(text: string): { arn: string; position: Position } {
  const [arn, version, encoded, ...rest] = text.split('|');
  if (arn === undefined || version !== '1' || encoded === undefined || rest.length > 0) {
    throw invalid('Invalid ShardIterator');
  }
  const [shardId, sequence, issuedAtMs] = decode(encoded);
  if (typeof shardId !== 'string' || typeof sequence !== 'number' || typeof issuedAtMs !== 'number') {
    throw invalid('Invalid ShardIterator');
  }
  return { arn, position: { shardId, sequence, issuedAtMs } };
}

function decode(encoded: string): unknown[] {
  try {
    const decoded: unknown = JSON.parse(Buffer.from(encoded, 'base64').toString());
    return Array.isArray(decoded) ? decoded : [];
  } catch {
    throw invalid('Invalid ShardIterator');
  }
}

/** A page of a list that comes after `start`, and the mark for the next page if there is one. */
function pageOf<T>(
  all: readonly T[],
  nameOf: (element: T) => string,
  start: string | undefined,
  limit: number | undefined,
): { page: readonly T[]; last: string | undefined } {
  const from = start === undefined ? 0 : all.findIndex((element) => nameOf(element) === start) + 1;
  const page = all.slice(from, from + (limit ?? PAGE_MAX));
  const lastShown = page.at(-1);
  return { page, last: lastShown && from + page.length < all.length ? nameOf(lastShown) : undefined };
}
