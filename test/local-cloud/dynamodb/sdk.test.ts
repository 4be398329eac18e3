/** The machines behind the wire, reached by the JavaScript SDK as users reach them. */
import {
  ConditionalCheckFailedException,
  CreateTableCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  TransactionCanceledException,
  TransactWriteItemsCommand,
  UpdateItemCommand,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import {
  DescribeStreamCommand,
  DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
} from '@aws-sdk/client-dynamodb-streams';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { seededRandom, systemClock } from '../../../src/core/index.ts';
import { CloudCore } from '../../../src/local-cloud/cloud-core.ts';
import { DynamoService } from '../../../src/local-cloud/services/dynamodb.ts';
import { StreamsService } from '../../../src/local-cloud/services/streams.ts';
import { memoryState } from '../../../src/local-cloud/state/index.ts';
import { serveWire } from '../../../src/local-cloud/wire/index.ts';

class TableCloud extends CloudCore {
  constructor() {
    const state = memoryState();
    const random = seededRandom(3);
    super({ clock: systemClock, random, state });
    this.start(() => {
      const settings = {
        accountId: '000000000000',
        region: 'us-east-1',
        awsHost: () => '127.0.0.1:0',
        delays: { lambdaPendingMs: 0, taskProvisioningMs: 0, serviceDrainingMs: 0, buildQueuedMs: 0 },
      };
      const deps = { state, settings, random, enter: this.enter };
      const dynamodb = new DynamoService({ ...deps, tablePhaseMs: 20 });
      return { services: [dynamodb, new StreamsService({ ...deps, dynamodb })], result: undefined };
    });
  }
}

const cloud = new TableCloud();
let close: () => Promise<void>;
let dynamo: DynamoDBClient;
let streams: DynamoDBStreamsClient;

beforeAll(async () => {
  const server = await serveWire({ cloud, host: '127.0.0.1', port: 0 });
  close = server.close;
  const settings = {
    region: 'us-east-1',
    endpoint: `http://127.0.0.1:${server.port}`,
    credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
    maxAttempts: 1,
  };
  dynamo = new DynamoDBClient(settings);
  streams = new DynamoDBStreamsClient(settings);
});

afterAll(async () => {
  dynamo.destroy();
  streams.destroy();
  await close();
  cloud.close();
});

it('serves the SDK: values, errors with their members, streams', async () => {
  const TableName = 'desired';
  const { TableDescription } = await dynamo.send(
    new CreateTableCommand({
      TableName,
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
    }),
  );
  expect(TableDescription?.CreationDateTime).toBeInstanceOf(Date);
  await waitUntilTableExists({ client: dynamo, minDelay: 0.05, maxDelay: 0.05, maxWaitTime: 10 }, { TableName });

  const record = {
    namespace: 'shop',
    name: 'checkout',
    spec: {
      scaling: { max: 20 },
      ratio: 0.25,
      tags: new Set(['a', 'b']),
      blob: new Uint8Array([0, 1, 254]),
      none: null,
    },
  };
  const put = new PutItemCommand({
    TableName,
    Item: marshall(record),
    ConditionExpression: 'attribute_not_exists(#name)',
    ExpressionAttributeNames: { '#name': 'name' },
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  });
  await dynamo.send(put);
  const refused = await dynamo.send(put).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(ConditionalCheckFailedException);
  expect(unmarshall((refused as ConditionalCheckFailedException).Item ?? {})).toEqual(record);

  const Key = marshall({ namespace: 'shop', name: 'checkout' });
  const updated = await dynamo.send(
    new UpdateItemCommand({
      TableName,
      Key,
      UpdateExpression: 'SET spec.scaling.#max = spec.scaling.#max + :n ADD spec.tags :more',
      ExpressionAttributeNames: { '#max': 'max' },
      ExpressionAttributeValues: { ':n': { N: '1' }, ':more': { SS: ['c'] } },
      ReturnValues: 'ALL_NEW',
    }),
  );
  const after = { ...record, spec: { ...record.spec, scaling: { max: 21 }, tags: new Set(['a', 'b', 'c']) } };
  expect(unmarshall(updated.Attributes ?? {})).toEqual(after);
  const read = await dynamo.send(new GetItemCommand({ TableName, Key, ConsistentRead: true }));
  expect(unmarshall(read.Item ?? {})).toEqual(after);

  const { Items = [] } = await dynamo.send(
    new QueryCommand({
      TableName,
      KeyConditionExpression: 'namespace = :n AND begins_with(#name, :c)',
      ExpressionAttributeNames: { '#name': 'name' },
      ExpressionAttributeValues: { ':n': { S: 'shop' }, ':c': { S: 'check' } },
    }),
  );
  expect(Items).toHaveLength(1);

  const cancelled = await dynamo
    .send(
      new TransactWriteItemsCommand({
        TransactItems: [
          { Put: { TableName, Item: marshall({ namespace: 'shop', name: 'new' }) } },
          { ConditionCheck: { TableName, Key, ConditionExpression: 'attribute_not_exists(spec)' } },
        ],
      }),
    )
    .catch((error: unknown) => error);
  expect(cancelled).toBeInstanceOf(TransactionCanceledException);
  expect((cancelled as TransactionCanceledException).CancellationReasons).toEqual([
    { Code: 'None' },
    { Code: 'ConditionalCheckFailed', Message: 'The conditional request failed' },
  ]);

  const StreamArn = TableDescription?.LatestStreamArn;
  const { StreamDescription } = await streams.send(new DescribeStreamCommand({ StreamArn }));
  const ShardId = StreamDescription?.Shards?.[0]?.ShardId;
  const { ShardIterator } = await streams.send(
    new GetShardIteratorCommand({ StreamArn, ShardId, ShardIteratorType: 'TRIM_HORIZON' }),
  );
  const { Records = [], NextShardIterator } = await streams.send(new GetRecordsCommand({ ShardIterator }));
  expect(Records.map(({ eventName }) => eventName)).toEqual(['INSERT', 'MODIFY']);
  expect(unmarshall((Records[1]?.dynamodb?.NewImage ?? {}) as Parameters<typeof unmarshall>[0])).toEqual(after);
  expect(NextShardIterator).toBeDefined();
});
