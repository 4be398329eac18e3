import type { Shard, _Record as StreamRecord } from '@aws-sdk/client-dynamodb-streams';
import { describe, expect, it } from 'vitest';
import { Machine, START_MS } from './machine.ts';

const HOUR_MS = 3_600_000;
const key = (sk: number) => ({ pk: { S: 'a' }, sk: { N: String(sk) } });
const put = (sk: number, v = 'x') => ({ TableName: 'tbl', Item: { ...key(sk), v: { S: v } } });

class StreamMachine extends Machine {
  readonly arn: string;

  constructor(viewType = 'NEW_AND_OLD_IMAGES', shards: { spanMs?: number; splitUnits?: number } = {}) {
    super(undefined, shards);
    this.table({ StreamSpecification: { StreamEnabled: true, StreamViewType: viewType } });
    this.arn = this.call('DescribeTable', { TableName: 'tbl' }).Table.LatestStreamArn;
  }

  describeStream() {
    return this.call('DescribeStream', { StreamArn: this.arn }).StreamDescription;
  }

  shards(): Shard[] {
    return this.describeStream().Shards;
  }

  iterator(ShardIteratorType: string, more: object = {}): string {
    const ShardId = this.shards().at(-1)?.ShardId;
    return this.call('GetShardIterator', { StreamArn: this.arn, ShardId, ShardIteratorType, ...more }).ShardIterator;
  }

  read(ShardIterator: string, Limit?: number): { Records: StreamRecord[]; NextShardIterator?: string } {
    return this.call('GetRecords', { ShardIterator, ...(Limit === undefined ? {} : { Limit }) });
  }

  /** Everything in all shards, parents first. */
  all(): StreamRecord[] {
    return this.shards().flatMap(({ ShardId }) => {
      const records: StreamRecord[] = [];
      let next: string | undefined = this.call('GetShardIterator', {
        StreamArn: this.arn,
        ShardId,
        ShardIteratorType: 'TRIM_HORIZON',
      }).ShardIterator;
      while (next) {
        const page = this.read(next);
        records.push(...page.Records);
        next = page.Records.length > 0 ? page.NextShardIterator : undefined;
      }
      return records;
    });
  }
}

const names = (records: StreamRecord[]) =>
  records.map(({ eventName, dynamodb }) => `${eventName} ${dynamodb?.Keys?.sk?.N}`);

describe('what is recorded', () => {
  it('an insert, a change and a removal, with both images', () => {
    const machine = new StreamMachine();
    machine.call('PutItem', put(1, 'one'));
    machine.call('PutItem', put(1, 'two'));
    machine.call('DeleteItem', { TableName: 'tbl', Key: key(1) });
    const records = machine.all();
    expect(names(records)).toEqual(['INSERT 1', 'MODIFY 1', 'REMOVE 1']);
    expect(records[1]).toMatchObject({
      eventVersion: '1.1',
      eventSource: 'aws:dynamodb',
      awsRegion: 'us-east-1',
      dynamodb: {
        ApproximateCreationDateTime: new Date(START_MS + 1000),
        Keys: key(1),
        OldImage: { ...key(1), v: { S: 'one' } },
        NewImage: { ...key(1), v: { S: 'two' } },
        StreamViewType: 'NEW_AND_OLD_IMAGES',
        // Keys 7, each image 7 + 1 + 3.
        SizeBytes: 29,
      },
    });
    expect(records[0]?.dynamodb?.OldImage).toBeUndefined();
    expect(records[2]?.dynamodb?.NewImage).toBeUndefined();
    const sequences = records.map(({ dynamodb }) => dynamodb?.SequenceNumber ?? '');
    expect([...sequences].sort()).toEqual(sequences);
    expect(sequences.every((text) => /^\d{21,40}$/.test(text))).toBe(true);
    expect(new Set(records.map(({ eventID }) => eventID)).size).toBe(3);
  });

  it.each([
    { viewType: 'KEYS_ONLY', images: [] },
    { viewType: 'NEW_IMAGE', images: ['NewImage'] },
    { viewType: 'OLD_IMAGE', images: ['OldImage'] },
    { viewType: 'NEW_AND_OLD_IMAGES', images: ['NewImage', 'OldImage'] },
  ])('$images for $viewType', ({ viewType, images }) => {
    const machine = new StreamMachine(viewType);
    machine.call('PutItem', put(1, 'one'));
    machine.call('PutItem', put(1, 'two'));
    const last = machine.all().at(-1)?.dynamodb ?? {};
    expect(
      Object.keys(last)
        .filter((name) => name.endsWith('Image'))
        .sort(),
    ).toEqual(images);
    expect(last.Keys).toEqual(key(1));
  });

  it('nothing for a write that changes nothing or fails', () => {
    const machine = new StreamMachine();
    machine.call('PutItem', put(1));
    machine.call('PutItem', put(1));
    machine.call('UpdateItem', {
      TableName: 'tbl',
      Key: key(1),
      UpdateExpression: 'SET v = :v',
      ExpressionAttributeValues: { ':v': { S: 'x' } },
    });
    machine.call('DeleteItem', { TableName: 'tbl', Key: key(2) });
    machine.error('PutItem', { ...put(1, 'y'), ConditionExpression: 'attribute_not_exists(pk)' });
    machine.error('TransactWriteItems', {
      TransactItems: [
        { Put: put(3) },
        { ConditionCheck: { TableName: 'tbl', Key: key(9), ConditionExpression: 'attribute_exists(pk)' } },
      ],
    });
    expect(names(machine.all())).toEqual(['INSERT 1']);
  });

  it('batches and transactions, item by item', () => {
    const machine = new StreamMachine();
    machine.call('BatchWriteItem', {
      RequestItems: { tbl: [{ PutRequest: { Item: key(1) } }, { PutRequest: { Item: key(2) } }] },
    });
    machine.call('TransactWriteItems', {
      TransactItems: [{ Delete: { TableName: 'tbl', Key: key(1) } }, { Put: put(3) }],
    });
    expect(names(machine.all())).toEqual(['INSERT 1', 'INSERT 2', 'REMOVE 1', 'INSERT 3']);
  });

  it('removals by TTL, told apart by who did it', () => {
    const machine = new StreamMachine();
    machine.call('UpdateTimeToLive', {
      TableName: 'tbl',
      TimeToLiveSpecification: { AttributeName: 'ttl', Enabled: true },
    });
    const ttl = { N: String(Math.floor(machine.nowMs / 1000)) };
    machine.call('PutItem', { TableName: 'tbl', Item: { ...key(1), ttl } });
    machine.call('PutItem', { TableName: 'tbl', Item: { ...key(2), ttl } });
    machine.call('DeleteItem', { TableName: 'tbl', Key: key(2) });
    machine.run(120_000);
    const removals = machine.all().filter(({ eventName }) => eventName === 'REMOVE');
    expect(names(removals)).toEqual(['REMOVE 2', 'REMOVE 1']);
    expect(removals[0]?.userIdentity, 'by a request').toBeUndefined();
    expect(removals[1]?.userIdentity).toEqual({ Type: 'Service', PrincipalId: 'dynamodb.amazonaws.com' });
  });
});

describe('iterators', () => {
  it('start where they are asked to', () => {
    const machine = new StreamMachine();
    machine.call('PutItem', put(1));
    const latest = machine.iterator('LATEST');
    machine.call('PutItem', put(2));
    machine.call('PutItem', put(3));
    const sequence = machine.all()[1]?.dynamodb?.SequenceNumber;
    const from = (iterator: string) => names(machine.read(iterator).Records);
    expect(from(latest)).toEqual(['INSERT 2', 'INSERT 3']);
    expect(from(machine.iterator('TRIM_HORIZON'))).toEqual(['INSERT 1', 'INSERT 2', 'INSERT 3']);
    expect(from(machine.iterator('AT_SEQUENCE_NUMBER', { SequenceNumber: sequence }))).toEqual([
      'INSERT 2',
      'INSERT 3',
    ]);
    expect(from(machine.iterator('AFTER_SEQUENCE_NUMBER', { SequenceNumber: sequence }))).toEqual(['INSERT 3']);
    expect(from(machine.iterator('LATEST'))).toEqual([]);
  });

  it('lead through an open shard for ever, by Limit', () => {
    const machine = new StreamMachine();
    for (let i = 0; i < 5; i++) machine.call('PutItem', put(i));
    let next = machine.iterator('TRIM_HORIZON');
    const counts: number[] = [];
    for (let i = 0; i < 4; i++) {
      const page = machine.read(next, 2);
      counts.push(page.Records.length);
      next = page.NextShardIterator ?? '';
      machine.pass(10 * 60_000);
    }
    expect(counts).toEqual([2, 2, 1, 0]);
    machine.call('PutItem', put(9));
    expect(names(machine.read(next).Records)).toEqual(['INSERT 9']);
  });

  it('return at most 1 MB', () => {
    const machine = new StreamMachine();
    for (let i = 0; i < 5; i++) machine.call('PutItem', put(i, 'x'.repeat(390_000)));
    const page = machine.read(machine.iterator('TRIM_HORIZON'));
    expect(page.Records).toHaveLength(2);
    expect(names(machine.read(page.NextShardIterator ?? '').Records)).toEqual(['INSERT 2', 'INSERT 3']);
  });

  it('expire after 15 minutes', () => {
    const machine = new StreamMachine();
    const iterator = machine.iterator('LATEST');
    machine.pass(15 * 60_000);
    machine.read(iterator);
    machine.pass(1);
    expect(machine.error('GetRecords', { ShardIterator: iterator }).code).toBe('ExpiredIteratorException');
  });

  it.each([
    { input: { ShardIteratorType: 'AT_SEQUENCE_NUMBER' }, error: /Invalid SequenceNumber/ },
    {
      input: { ShardIteratorType: 'LATEST', SequenceNumber: '1' },
      error: /should not be passed for this iterator type/,
    },
    {
      input: { ShardIteratorType: 'AT_SEQUENCE_NUMBER', SequenceNumber: '9'.padStart(21, '0') },
      error: /Invalid SequenceNumber for the shard/,
    },
    { input: { ShardIteratorType: 'FOO' }, error: /at 'shardIteratorType' failed to satisfy constraint/ },
    { input: { ShardIteratorType: 'LATEST', ShardId: 'shard-x' }, error: /^ResourceNotFoundException/ },
    { input: { ShardIteratorType: 'LATEST', StreamArn: 'arn:x' }, error: /^ResourceNotFoundException/ },
  ])('refuses $input', ({ input, error }) => {
    const machine = new StreamMachine();
    const ShardId = machine.shards()[0]?.ShardId;
    expect(machine.refusal('GetShardIterator', { StreamArn: machine.arn, ShardId, ...input })).toMatch(error);
  });

  it.each(['', 'garbage', 'arn|1|garbage', 'arn|2|W10=', 'arn|1|W10='])('refuses the iterator %j', (ShardIterator) => {
    expect(new StreamMachine().error('GetRecords', { ShardIterator }).code).toBe('ValidationException');
  });
});

describe('retention', () => {
  it('keeps records for 24 hours', () => {
    const machine = new StreamMachine();
    machine.call('PutItem', put(1));
    machine.pass(HOUR_MS);
    machine.call('PutItem', put(2));
    machine.run(23 * HOUR_MS);
    expect(names(machine.all())).toEqual(['INSERT 2']);
    machine.run(HOUR_MS);
    expect(machine.all()).toEqual([]);
  });

  it('refuses a position that was trimmed', () => {
    const machine = new StreamMachine();
    machine.call('PutItem', put(1));
    const first = machine.all()[0]?.dynamodb?.SequenceNumber;
    const { ShardId } = machine.shards()[0] ?? {};
    machine.pass(24 * HOUR_MS - 60_000);
    const input = { StreamArn: machine.arn, ShardId, ShardIteratorType: 'AT_SEQUENCE_NUMBER', SequenceNumber: first };
    const iterator = machine.call('GetShardIterator', input).ShardIterator;
    machine.pass(60_000);
    expect(machine.error('GetRecords', { ShardIterator: iterator }).code).toBe('TrimmedDataAccessException');
    expect(machine.error('GetShardIterator', input).code).toBe('TrimmedDataAccessException');
  });

  it('does not take an idle reader for a late one', () => {
    const machine = new StreamMachine();
    machine.call('PutItem', put(1));
    let next = machine.read(machine.iterator('TRIM_HORIZON')).NextShardIterator ?? '';
    const { ShardId } = machine.shards()[0] ?? {};
    for (let minutes = 0; minutes < 3 * 60; minutes += 10) {
      machine.run(10 * 60_000);
      next = machine.read(next).NextShardIterator ?? '';
    }
    expect(machine.shards()[0]?.ShardId).toBe(ShardId);
    machine.call('PutItem', put(2));
    expect(names(machine.read(next).Records)).toEqual(['INSERT 2']);
  });

  it('is bounded in number as well', { timeout: 60_000 }, () => {
    const machine = new StreamMachine('KEYS_ONLY');
    const iterator = machine.iterator('TRIM_HORIZON');
    for (let i = 0; i < 20_050; i++) machine.call('PutItem', put(i % 50, String(i)));
    expect(machine.error('GetRecords', { ShardIterator: iterator }).code).toBe('TrimmedDataAccessException');
    expect(machine.all().length).toBeLessThanOrEqual(20_000);
    expect(names(machine.all()).at(-1)).toBe('MODIFY 49');
  });

  it('gives sequence numbers that never come again, even after all records are gone and a restart', () => {
    const machine = new StreamMachine();
    machine.call('PutItem', put(1));
    const before = machine.all()[0]?.dynamodb?.SequenceNumber ?? '';
    machine.run(25 * HOUR_MS);
    machine.restart();
    machine.call('PutItem', put(2));
    expect((machine.all()[0]?.dynamodb?.SequenceNumber ?? '') > before).toBe(true);
  });
});

describe('shards', () => {
  it('are rolled every four hours: the old one is closed and becomes the parent', () => {
    const machine = new StreamMachine();
    machine.call('PutItem', put(1));
    let next: string | undefined = machine.iterator('LATEST');
    let hours = 0;
    for (; next !== undefined && hours < 10; hours += 1 / 6) {
      machine.run(10 * 60_000);
      next = machine.read(next).NextShardIterator;
    }
    expect(hours, 'a reader comes to the end of the closed shard').toBeCloseTo(4, 0);
    const [parent, child] = machine.shards();
    expect(child?.ParentShardId).toBe(parent?.ShardId);
    const { EndingSequenceNumber = '' } = parent?.SequenceNumberRange ?? {};
    expect((child?.SequenceNumberRange?.StartingSequenceNumber ?? '') > EndingSequenceNumber).toBe(true);
    expect(child?.SequenceNumberRange?.EndingSequenceNumber).toBeUndefined();
    machine.call('PutItem', put(2));
    expect(names(machine.all())).toEqual(['INSERT 1', 'INSERT 2']);
    const latest = machine.call('GetShardIterator', {
      StreamArn: machine.arn,
      ShardId: parent?.ShardId,
      ShardIteratorType: 'LATEST',
    }).ShardIterator;
    expect(machine.read(latest), 'a closed shard has an end').toEqual({ Records: [] });
  });

  it('are forgotten a day after they were closed', () => {
    const machine = new StreamMachine();
    const { ShardId } = machine.shards()[0] ?? {};
    machine.run(3 * 24 * HOUR_MS);
    expect(machine.shards().length).toBeLessThanOrEqual(7);
    expect(machine.shards().map((shard) => shard.ShardId)).not.toContain(ShardId);
  });

  it('split when they take more than a partition does, each child for half of the keys', () => {
    const machine = new StreamMachine('KEYS_ONLY', { splitUnits: 20 });
    for (let i = 0; i < 21; i++) machine.call('PutItem', put(i, 'one'));
    const [parent, ...children] = machine.shards();
    expect(children.map(({ ParentShardId }) => ParentShardId)).toEqual([parent?.ShardId, parent?.ShardId]);
    expect(parent?.SequenceNumberRange?.EndingSequenceNumber).toBeDefined();
    for (let i = 0; i < 10; i++) machine.call('PutItem', put(i, 'two'));
    const open = children.map(({ ShardId }) => {
      const iterator = { StreamArn: machine.arn, ShardId, ShardIteratorType: 'TRIM_HORIZON' };
      return names(machine.read(machine.call('GetShardIterator', iterator).ShardIterator).Records);
    });
    expect(open.flat().sort()).toEqual(Array.from({ length: 10 }, (_, i) => `MODIFY ${i}`));
    expect(open.every((records) => records.length > 0)).toBe(true);
    machine.restart();
    for (let i = 0; i < 10; i++) machine.call('PutItem', put(i, 'three'));
    const lines = new Map<string, Set<string>>();
    for (const [i, { ShardId }] of children.entries()) {
      const iterator = { StreamArn: machine.arn, ShardId, ShardIteratorType: 'TRIM_HORIZON' };
      const read = names(machine.read(machine.call('GetShardIterator', iterator).ShardIterator).Records);
      for (const name of read) lines.set(name, (lines.get(name) ?? new Set()).add(String(i)));
    }
    expect(
      [...lines.values()].every((shards) => shards.size === 1),
      'an item stays in its shard',
    ).toBe(true);
  });

  it('do not split for as many writes in a longer time', () => {
    const machine = new StreamMachine('KEYS_ONLY', { splitUnits: 20 });
    for (let i = 0; i < 40; i++) {
      machine.call('PutItem', put(i));
      machine.pass(5_000);
    }
    expect(machine.shards()).toHaveLength(1);
  });

  it('count a write by its kilobytes', () => {
    const machine = new StreamMachine('KEYS_ONLY', { splitUnits: 20 });
    machine.call('PutItem', put(1, 'x'.repeat(21 * 1024)));
    expect(machine.shards()).toHaveLength(3);
  });

  it('that are quiet have no late reader when records of others are trimmed', () => {
    const machine = new StreamMachine('KEYS_ONLY', { splitUnits: 6, spanMs: 72 * HOUR_MS });
    for (let i = 0; i < 7; i++) machine.call('PutItem', put(i));
    const readers = new Map(
      machine
        .shards()
        .slice(1)
        .map(({ ShardId }) => [ShardId, '']),
    );
    for (const ShardId of readers.keys()) {
      const iterator = { StreamArn: machine.arn, ShardId, ShardIteratorType: 'LATEST' };
      readers.set(ShardId, machine.call('GetShardIterator', iterator).ShardIterator);
    }
    machine.call('PutItem', put(3));
    // Thirty hours in which one of the two is written to and both are read every ten minutes.
    for (let minutes = 0; minutes < 30 * 60; minutes += 10) {
      for (const [ShardId, next] of readers) readers.set(ShardId, machine.read(next).NextShardIterator ?? '');
      machine.run(10 * 60_000);
      machine.call('PutItem', put(3, String(minutes)));
    }
    for (const next of readers.values()) expect(() => machine.read(next)).not.toThrow();
  });

  it('are described in pages', () => {
    const machine = new StreamMachine();
    machine.run(13 * HOUR_MS);
    const ids = machine.shards().map(({ ShardId }) => ShardId);
    const page = machine.call('DescribeStream', { StreamArn: machine.arn, Limit: 3 }).StreamDescription;
    expect(page.LastEvaluatedShardId).toBe(ids[2]);
    const rest = machine.call('DescribeStream', { StreamArn: machine.arn, ExclusiveStartShardId: ids[2] });
    expect(rest.StreamDescription.Shards.map(({ ShardId }: Shard) => ShardId)).toEqual(ids.slice(3));
  });
});

describe('streams come and go', () => {
  it('a disabled one stays readable for a day, beside its successor', () => {
    const machine = new StreamMachine();
    machine.call('PutItem', put(1));
    machine.call('UpdateTable', { TableName: 'tbl', StreamSpecification: { StreamEnabled: false } });
    machine.pass(1000);
    machine.call('PutItem', put(2));
    expect(machine.describeStream().StreamStatus).toBe('DISABLED');
    expect(names(machine.all()), 'what is written without a stream is in none').toEqual(['INSERT 1']);
    machine.call('UpdateTable', {
      TableName: 'tbl',
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'KEYS_ONLY' },
    });
    const { Streams } = machine.call('ListStreams', { TableName: 'tbl' });
    expect(Streams).toHaveLength(2);
    expect(machine.call('ListStreams', { TableName: 'other' }).Streams).toEqual([]);
    expect(machine.call('ListStreams', { Limit: 1 })).toEqual({
      Streams: [Streams[0]],
      LastEvaluatedStreamArn: machine.arn,
    });
    machine.run(24 * HOUR_MS);
    expect(machine.call('ListStreams', {}).Streams).toEqual([Streams[1]]);
    expect(machine.error('DescribeStream', { StreamArn: machine.arn }).code).toBe('ResourceNotFoundException');
  });

  it('that of a deleted table is disabled, not gone', () => {
    const machine = new StreamMachine();
    machine.call('PutItem', put(1));
    machine.call('DeleteTable', { TableName: 'tbl' });
    machine.run(10_000);
    expect(machine.describeStream().StreamStatus).toBe('DISABLED');
    expect(names(machine.all())).toEqual(['INSERT 1']);
  });

  it('are enabled and disabled in phases', () => {
    const machine = new Machine();
    const { LatestStreamArn: StreamArn } = machine.call('CreateTable', {
      TableName: 'tbl',
      KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
      BillingMode: 'PAY_PER_REQUEST',
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'KEYS_ONLY' },
    }).TableDescription;
    const status = () => machine.call('DescribeStream', { StreamArn }).StreamDescription.StreamStatus;
    expect(status()).toBe('ENABLING');
    machine.pass(500);
    expect(status()).toBe('ENABLED');
    machine.call('DeleteTable', { TableName: 'tbl' });
    expect(status()).toBe('DISABLING');
  });
});
