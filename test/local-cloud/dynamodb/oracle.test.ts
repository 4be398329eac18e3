/**
 * One script of calls against the machine and against moto (an independent implementation), compared answer by answer.
 * Where moto is known to differ from DynamoDB the step says how, and only what moto gets right is compared. Skipped
 * where there is no `moto_server` command; CI installs it.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import * as client from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Machine } from './machine.ts';

const hasMoto = spawnSync('moto_server', ['--help'], { stdio: 'ignore' }).status === 0;

interface Step {
  readonly operation: string;
  readonly input: Record<string, unknown>;
  /** What of the two answers is compared. @default 'all' */
  readonly compare?: 'all' | 'code';
  /** Why not all. */
  readonly moto?: string;
}

const T = { TableName: 'tbl' };
const key = (pk: string, sk: number) => ({ pk: { S: pk }, sk: { N: String(sk) } });
const put = (item: object, more: object = {}): Step => ({ operation: 'PutItem', input: { ...T, Item: item, ...more } });
const get = (pk: string, sk: number, more: object = {}): Step => ({
  operation: 'GetItem',
  input: { ...T, Key: key(pk, sk), ...more },
});
const update = (UpdateExpression: string, values?: object, more: object = {}): Step => ({
  operation: 'UpdateItem',
  input: {
    ...T,
    Key: key('a', 1),
    UpdateExpression,
    ...(values ? { ExpressionAttributeValues: values } : {}),
    ReturnValues: 'ALL_NEW',
    ...more,
  },
});
const query = (KeyConditionExpression: string, values: object, more: object = {}): Step => ({
  operation: 'Query',
  input: { ...T, KeyConditionExpression, ExpressionAttributeValues: { ':p': { S: 'a' }, ...values }, ...more },
});
const filter = (FilterExpression: string, values?: object): Step =>
  query('pk = :p', values ?? {}, { FilterExpression });
const transact = (...TransactItems: object[]): Step => ({ operation: 'TransactWriteItems', input: { TransactItems } });

const ITEM = {
  ...key('a', 1),
  n: { N: '105' },
  s: { S: 'text' },
  l: { L: [{ S: 'x' }, { N: '2' }] },
  m: { M: { k: { S: 'v' }, q: { N: '3' } } },
  ss: { SS: ['a', 'b'] },
  b: { B: new Uint8Array([1, 2, 3]) },
  no: { BOOL: false },
  nil: { NULL: true },
};

const SCRIPT: readonly Step[] = [
  { operation: 'DescribeTable', input: T },
  { operation: 'ListTables', input: {} },
  { operation: 'DescribeTable', input: { TableName: 'nope' } },
  put(ITEM),
  get('a', 1),
  get('a', 2),
  get('a', 1, { ProjectionExpression: 'm.k, l[1], s' }),
  get('a', 1, { ProjectionExpression: '#n', ExpressionAttributeNames: { '#n': 'n' } }),
  put(key('a', 2), { ConditionExpression: 'attribute_not_exists(pk)' }),
  put(key('a', 2), { ConditionExpression: 'attribute_not_exists(pk)' }),
  put(ITEM, { ReturnValues: 'ALL_OLD' }),
  put({ pk: { S: 'a' } }),
  { ...put({ ...key('a', 1), pk: { S: '' } }), compare: 'code', moto: 'has an older wording' },
  put({ ...key('a', 1), e: { SS: [] } }),
  put({ ...key('a', 1), big: { S: 'x'.repeat(410_000) } }),
  { ...get('a', 1, { Key: { pk: { S: 'a' } } }), compare: 'code', moto: 'says no more than Validation Exception' },
  update('SET n = n + :v', { ':v': { N: '1' } }),
  update('SET m.k = :v, m.z = :v REMOVE m.q', { ':v': { S: 'new' } }),
  update('SET l = list_append(l, :v)', { ':v': { L: [{ BOOL: true }] } }),
  update('SET l[0] = :v', { ':v': { S: 'first' } }),
  update('REMOVE l[1]'),
  update('SET c = if_not_exists(c, :v) + :v', { ':v': { N: '2' } }),
  update('SET c = if_not_exists(c, :v)', { ':v': { N: '9' } }),
  update('ADD hits :v', { ':v': { N: '1.5' } }),
  update('ADD ss :v', { ':v': { SS: ['c'] } }),
  update('DELETE ss :v', { ':v': { SS: ['a', 'b'] } }),
  update('DELETE ss :v', { ':v': { SS: ['c'] } }),
  update('SET n = :v', { ':v': { N: '7' } }, { ReturnValues: 'UPDATED_OLD' }),
  update('SET n = :v', { ':v': { N: '8' } }, { ReturnValues: 'UPDATED_NEW' }),
  update('SET n = :v', { ':v': { N: '8' } }, { ConditionExpression: 'n = s' }),
  update('SET a = zz'),
  update('SET zz.y = :v', { ':v': { S: 'x' } }),
  update('SET sk = :v', { ':v': { N: '1' } }),
  update('SET name = :v', { ':v': { S: 'x' } }),
  update('SET a = :v, a.b = :v', { ':v': { S: 'x' } }),
  update('SET a = :v', { ':v': { S: 'x' }, ':unused': { S: 'y' } }),
  ...[3, 4, 5, 10, 20].map((sk) => put({ ...key('a', sk), v: { N: String(sk % 4) }, t: { S: `t${sk}` } })),
  put(key('b', 1)),
  query('pk = :p', {}),
  query('pk = :p', {}, { ScanIndexForward: false, Limit: 2 }),
  query('pk = :p', {}, { Limit: 3, ExclusiveStartKey: key('a', 3) }),
  query('pk = :p AND sk > :s', { ':s': { N: '4' } }),
  query('pk = :p AND sk BETWEEN :s AND :t', { ':s': { N: '3' }, ':t': { N: '10' } }),
  query('pk = :p', {}, { Select: 'COUNT' }),
  query('pk > :p', {}),
  filter('v = :v', { ':v': { N: '0' } }),
  filter('NOT v = :v AND attribute_exists(t)', { ':v': { N: '0' } }),
  filter('begins_with(t, :v) OR n > :n', { ':v': { S: 't1' }, ':n': { N: '1' } }),
  filter('v IN (:a, :b)', { ':a': { N: '1' }, ':b': { N: '2' } }),
  filter('attribute_not_exists(t)'),
  // In this order, because moto answers an error 500 for the size of what is missing.
  filter('attribute_exists(s) AND size(s) = :v', { ':v': { N: '4' } }),
  filter('contains(t, :v)', { ':v': { S: '0' } }),
  filter('attribute_type(nil, :v)', { ':v': { S: 'NULL' } }),
  { operation: 'Scan', input: { ...T, FilterExpression: 'pk = :p', ExpressionAttributeValues: { ':p': { S: 'b' } } } },
  { operation: 'DeleteItem', input: { ...T, Key: key('a', 20), ReturnValues: 'ALL_OLD' } },
  { operation: 'DeleteItem', input: { ...T, Key: key('a', 20) } },
  { operation: 'DeleteItem', input: { ...T, Key: key('a', 20), ConditionExpression: 'attribute_exists(pk)' } },
  {
    operation: 'BatchWriteItem',
    input: { RequestItems: { tbl: [{ PutRequest: { Item: key('c', 1) } }, { DeleteRequest: { Key: key('a', 10) } }] } },
  },
  { operation: 'BatchGetItem', input: { RequestItems: { tbl: { Keys: [key('c', 1), key('a', 10)] } } } },
  transact({ Put: { ...T, Item: key('d', 1) } }, { Delete: { ...T, Key: key('c', 1) } }),
  transact(
    { Put: { ...T, Item: key('d', 2) } },
    { ConditionCheck: { ...T, Key: key('d', 9), ConditionExpression: 'attribute_exists(pk)' } },
  ),
  transact({ Put: { ...T, Item: key('d', 3) } }, { Delete: { ...T, Key: key('d', 3) } }),
  get('d', 2),
  {
    operation: 'TransactGetItems',
    input: { TransactItems: [{ Get: { ...T, Key: key('d', 1) } }, { Get: { ...T, Key: key('d', 2) } }] },
  },
  { operation: 'DescribeTimeToLive', input: T },
  {
    operation: 'UpdateTimeToLive',
    input: { ...T, TimeToLiveSpecification: { AttributeName: 'ttl', Enabled: true } },
  },
  { operation: 'DeleteTable', input: { TableName: 'nope' }, compare: 'code', moto: 'does not name the table' },
];

const TABLE = {
  ...T,
  KeySchema: [
    { AttributeName: 'pk', KeyType: 'HASH' },
    { AttributeName: 'sk', KeyType: 'RANGE' },
  ],
  AttributeDefinitions: [
    { AttributeName: 'pk', AttributeType: 'S' },
    { AttributeName: 'sk', AttributeType: 'N' },
  ],
  BillingMode: 'PAY_PER_REQUEST',
};

/** Members whose values differ from run to run, or from cloud to cloud. */
const VOLATILE = new Set([
  ...['$metadata', 'TableArn', 'TableId', 'CreationDateTime', 'LastUpdateToPayPerRequestDateTime'],
  ...['ItemCount', 'TableSizeBytes', 'DeletionProtectionEnabled', 'ProvisionedThroughput'],
  // What moto adds although nobody asked for it or there is none.
  ...['ConsumedCapacity', 'WarmThroughput', 'LocalSecondaryIndexes', 'GlobalSecondaryIndexes', 'ItemCollectionMetrics'],
]);

function comparable(value: unknown): unknown {
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(comparable);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !VOLATILE.has(name))
      .map(([name, member]) => [
        name,
        /^[SNB]S$/.test(name) && Array.isArray(member) ? [...member].sort() : comparable(member),
      ]),
  );
}

interface Outcome {
  readonly code?: string;
  readonly message?: string;
  readonly reasons?: unknown;
  readonly output?: unknown;
}

function seen(step: Step, outcome: Outcome): unknown {
  return step.compare === 'code' ? outcome.code : outcome;
}

describe.skipIf(!hasMoto)('the machine and moto', () => {
  let server: ChildProcess;
  let moto: client.DynamoDBClient;
  const machine = new Machine();

  beforeAll(async () => {
    server = spawn('moto_server', ['-H', '127.0.0.1', '-p', '0'], { stdio: ['ignore', 'ignore', 'pipe'] });
    // The process names the port that it got, so that it is this one that is asked.
    const endpoint = await new Promise<string>((resolve, reject) => {
      let text = '';
      server.once('error', reject);
      server.once('exit', () => reject(new Error(`moto_server ended: ${text}`)));
      server.stderr?.on('data', (chunk) => {
        text += chunk;
        const match = /Running on (http:\/\/127\.0\.0\.1:\d+)/.exec(text);
        if (match?.[1]) resolve(match[1]);
      });
    });
    moto = new client.DynamoDBClient({
      region: 'us-east-1',
      endpoint,
      credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
      maxAttempts: 1,
    });
    await moto.send(new client.CreateTableCommand(TABLE as client.CreateTableCommandInput));
    machine.table();
  }, 60_000);

  afterAll(() => {
    moto?.destroy();
    server?.kill('SIGKILL');
  });

  async function atMoto({ operation, input }: Step): Promise<Outcome> {
    const Command = (client as unknown as Record<string, new (input: unknown) => never>)[`${operation}Command`];
    if (!Command) throw new Error(`no command ${operation}`);
    try {
      return { output: comparable(await moto.send(new Command(input))) };
    } catch (error) {
      const { name, message: text, CancellationReasons } = error as Error & { CancellationReasons?: unknown };
      // moto puts this before messages that are not about a member's constraint.
      const message = text.replace(/^1 validation error detected: (?!Value ('|null))/, '');
      return { code: name, message, ...(CancellationReasons ? { reasons: comparable(CancellationReasons) } : {}) };
    }
  }

  function atMachine({ operation, input }: Step): Outcome {
    try {
      return { output: comparable(machine.call(operation, structuredClone(input))) };
    } catch (error) {
      const { code, message, members } = error as { code: string; message: string; members: Record<string, unknown> };
      const reasons = members.CancellationReasons;
      return { code, message, ...(reasons ? { reasons: comparable(reasons) } : {}) };
    }
  }

  it.each(
    SCRIPT.map((step, i) => ({
      title: `${i + 1}. ${step.operation} ${JSON.stringify(step.input).slice(0, 120)}`,
      step,
    })),
  )('$title', async ({ step }) => {
    const theirs = await atMoto(step);
    expect(seen(step, atMachine(step)), step.moto).toEqual(seen(step, theirs));
  });
});
