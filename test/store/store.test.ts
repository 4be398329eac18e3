/** The store on the embedded DynamoDB over the wire; the same suite runs on DynamoDB Local in test/referees. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toItem } from '../../src/aws/index.ts';
import { seededRandom, silentLogger } from '../../src/core/index.ts';
import { DesiredStream } from '../../src/store/index.ts';
import { type Backend, createTable, hurriedClock, openEmbedded, Told } from './backend.ts';
import { coordinationSuite } from './coordination-suite.ts';
import { desiredSuite } from './desired-suite.ts';
import { stateSuite } from './state-suite.ts';

describe('the store on the embedded DynamoDB', () => {
  let backend: Backend;
  let tables = 0;
  beforeAll(async () => {
    backend = await openEmbedded();
  });
  afterAll(() => backend.close());
  const nextName = () => `table-${tables++}`;
  desiredSuite(() => backend, nextName);
  stateSuite(() => backend, nextName);
  coordinationSuite(() => backend, nextName);
});

it('follows a stream whose shards are rolled and split all the time', async () => {
  const backend = await openEmbedded({ spanMs: 300, splitUnits: 20 });
  const { dynamodb, streams } = backend.ports;
  await createTable(dynamodb, 'desired', 'desired');
  const told = new Told();
  const stream = new DesiredStream({
    dynamo: dynamodb,
    streams,
    table: 'desired',
    clock: hurriedClock(10),
    random: seededRandom(1),
    logger: silentLogger,
    onKey: (_, name) => told.add(name),
    onGap: (reason) => told.add(`!${reason}`),
  });
  stream.start();
  await told.until((all) => all.length === 1);
  const names = Array.from({ length: 200 }, (_, i) => `n${i}`);
  for (const name of names) await dynamodb.putItem({ TableName: 'desired', Item: toItem({ namespace: 'shop', name }) });
  await told.until((all) => all.length > names.length);
  expect([...told.all].sort()).toEqual(['!started', ...names].sort());
  const StreamArn = (await dynamodb.describeTable({ TableName: 'desired' })).Table?.LatestStreamArn;
  const { StreamDescription } = await streams.describeStream({ StreamArn });
  const parents = (StreamDescription?.Shards ?? []).map(({ ParentShardId }) => ParentShardId).filter(Boolean);
  expect(new Set(parents).size, 'some parent has two children').toBeLessThan(parents.length);
  await stream.stop();
  await backend.close();
});
