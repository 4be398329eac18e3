/** The product's reader on the machines themselves: through rolled shards, trimmed records and replaced streams. */
import { expect, it } from 'vitest';
import { classify, type DynamoPort, type StreamsPort } from '../../../src/aws/index.ts';
import { Failure, seededRandom, silentLogger, VirtualClock } from '../../../src/core/index.ts';
import { AwsError } from '../../../src/local-cloud/contract.ts';
import { DesiredStream } from '../../../src/store/desired-stream.ts';
import { Machine } from './machine.ts';

const HOUR_MS = 3_600_000;

function follow(shards: { spanMs?: number; splitUnits?: number } = {}) {
  const clock = new VirtualClock();
  const machine = new Machine(undefined, shards);
  let throttledUntilMs = 0;
  let writes = 0;
  const call = (service: string, operation: string) => async (input: object) => {
    machine.nowMs = clock.now();
    try {
      if (service === 'streams' && clock.now() < throttledUntilMs) {
        throw new AwsError('LimitExceededException', 'Rate exceeded for shard');
      }
      return machine.call(`${operation[0]?.toUpperCase()}${operation.slice(1)}`, input);
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      const { code, message, statusCode } = error;
      throw new Failure({ kind: classify(code, statusCode, service), service, operation, code, message });
    }
  };
  const told: string[] = [];
  const stream = new DesiredStream({
    dynamo: { describeTable: call('dynamodb', 'describeTable') } as unknown as Pick<DynamoPort, 'describeTable'>,
    streams: {
      describeStream: call('streams', 'describeStream'),
      getShardIterator: call('streams', 'getShardIterator'),
      getRecords: call('streams', 'getRecords'),
    } as unknown as StreamsPort,
    table: 'desired',
    clock,
    random: seededRandom(5),
    logger: silentLogger,
    onKey: (namespace, name) => told.push(`${namespace}/${name}`),
    onGap: (reason) => told.push(`!${reason}`),
  });
  const toggle = (StreamEnabled: boolean) => {
    machine.nowMs = clock.now();
    const StreamViewType = 'NEW_AND_OLD_IMAGES';
    machine.call('UpdateTable', {
      TableName: 'desired',
      StreamSpecification: StreamEnabled ? { StreamEnabled, StreamViewType } : { StreamEnabled },
    });
  };
  const write = (name: string) => {
    machine.nowMs = clock.now();
    const Item = { namespace: { S: 'shop' }, name: { S: name }, n: { N: String(writes++) } };
    machine.call('PutItem', { TableName: 'desired', Item });
  };
  machine.call('CreateTable', {
    TableName: 'desired',
    KeySchema: [
      { AttributeName: 'namespace', KeyType: 'HASH' },
      { AttributeName: 'name', KeyType: 'RANGE' },
    ],
    AttributeDefinitions: [
      { AttributeName: 'namespace', AttributeType: 'S' },
      { AttributeName: 'name', AttributeType: 'S' },
    ],
    BillingMode: 'PAY_PER_REQUEST',
    StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
  });
  const pass = async (ms: number) => {
    // Virtual time moves from timer to timer: one stands at the end.
    let over = false;
    clock.after(ms, () => {
      over = true;
    });
    await clock.run(() => over, ms);
  };
  stream.start();
  const throttle = (forMs: number) => {
    throttledUntilMs = clock.now() + forMs;
  };
  return { clock, machine, pass, stream, told, throttle, toggle, write };
}

it('sees every write once through ten hours and two rolled shards', async () => {
  const { clock, pass, stream, told, write } = follow();
  await clock.run(() => told.length === 1, 1000);
  const written = ['!started'];
  for (let i = 0; i < 10 * 6; i++) {
    await pass(HOUR_MS / 6);
    write(`n${i}`);
    written.push(`shop/n${i}`);
  }
  await clock.run(() => told.length === written.length, 5_000);
  expect(told).toEqual(written);
  await stream.stop();
});

it('goes on with a stream that was switched off and on', async () => {
  const { clock, pass, stream, told, toggle, write } = follow();
  await pass(1000);
  write('before');
  toggle(false);
  await clock.run(() => told.length === 3, 60_000);
  expect(told).toEqual(['!started', 'shop/before', '!relist-only']);
  expect(stream.state().mode).toBe('relist-only');
  await pass(1000);
  toggle(true);
  await clock.run(() => told.length === 4, 60_000);
  write('after');
  await clock.run(() => told.length === 5, 5_000);
  expect(told.slice(3)).toEqual(['!started', 'shop/after']);
  await stream.stop();
});

it('sees every write through shards that split', async () => {
  const { clock, machine, pass, stream, told, write } = follow({ splitUnits: 5 });
  await pass(1_000);
  const written: string[] = [];
  for (let i = 0; i < 60; i++) {
    write(`n${i % 20}`);
    written.push(`shop/n${i % 20}`);
    if (i % 7 === 0) await pass(1_000);
  }
  await clock.run(() => told.length > written.length, 10_000);
  expect(told.slice(1).sort()).toEqual([...written].sort());
  const StreamArn = machine.call('DescribeTable', { TableName: 'desired' }).Table.LatestStreamArn;
  const { Shards } = machine.call('DescribeStream', { StreamArn }).StreamDescription;
  expect(Shards.length, 'it split more than once').toBeGreaterThan(4);
  await stream.stop();
});

it('waits while it is throttled and misses nothing', async () => {
  const { clock, pass, stream, told, throttle, write } = follow();
  await pass(1_000);
  throttle(60_000);
  write('meanwhile');
  await pass(30_000);
  expect(stream.state()).toEqual({
    mode: 'streaming',
    reason: 'LimitExceededException: Rate exceeded for shard',
  });
  await clock.run(() => told.length === 2, 60_000);
  expect(told).toEqual(['!started', 'shop/meanwhile']);
  expect(stream.state()).toEqual({ mode: 'streaming' });
  await stream.stop();
});

it('asks for a relist when it was throttled for longer than an iterator lives', async () => {
  const { clock, pass, stream, told, throttle, write } = follow();
  await pass(1_000);
  throttle(20 * 60_000);
  write('missed');
  await clock.run(() => told.length === 2, 30 * 60_000);
  expect(told).toEqual(['!started', '!iterator-expired']);
  write('seen');
  await clock.run(() => told.length === 3, 5_000);
  expect(told.at(-1)).toBe('shop/seen');
  await stream.stop();
});
