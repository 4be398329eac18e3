import { describe, expect, it } from 'vitest';
import { Machine, START_MS } from './machine.ts';

const KEYS = {
  KeySchema: [
    { AttributeName: 'pk', KeyType: 'HASH' },
    { AttributeName: 'sk', KeyType: 'RANGE' },
  ],
  AttributeDefinitions: [
    { AttributeName: 'pk', AttributeType: 'S' },
    { AttributeName: 'sk', AttributeType: 'N' },
  ],
};
const TABLE = { TableName: 'tbl', ...KEYS, BillingMode: 'PAY_PER_REQUEST' };
const KEY = { pk: { S: 'a' }, sk: { N: '1' } };
const ITEM_CALL = { TableName: 'tbl', Key: KEY };

describe('CreateTable', () => {
  it('creates, then becomes active by itself', () => {
    const machine = new Machine();
    const { TableDescription } = machine.call('CreateTable', {
      ...TABLE,
      DeletionProtectionEnabled: true,
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
    });
    expect(TableDescription).toMatchObject({
      TableName: 'tbl',
      TableArn: 'arn:aws:dynamodb:us-east-1:000000000000:table/tbl',
      TableStatus: 'CREATING',
      CreationDateTime: new Date(START_MS),
      ...KEYS,
      BillingModeSummary: { BillingMode: 'PAY_PER_REQUEST' },
      DeletionProtectionEnabled: true,
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
      LatestStreamLabel: '2026-01-01T00:00:00.000',
      LatestStreamArn: 'arn:aws:dynamodb:us-east-1:000000000000:table/tbl/stream/2026-01-01T00:00:00.000',
      ItemCount: 0,
    });
    expect(machine.refusal('GetItem', ITEM_CALL), 'no items while it is created').toBe(
      'ResourceNotFoundException: Requested resource not found',
    );
    expect(machine.dynamo.nextAtMs()).toBe(START_MS + 500);
    machine.run(500);
    expect(machine.call('DescribeTable', { TableName: 'tbl' }).Table.TableStatus).toBe('ACTIVE');
    expect(machine.call('GetItem', ITEM_CALL)).toEqual({});
  });

  it('takes a table with a partition key alone, provisioned', () => {
    const machine = new Machine();
    const { TableDescription } = machine.call('CreateTable', {
      TableName: 'alone',
      KeySchema: KEYS.KeySchema.slice(0, 1),
      AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'B' }],
      ProvisionedThroughput: { ReadCapacityUnits: 5, WriteCapacityUnits: 6 },
    });
    expect(TableDescription.ProvisionedThroughput).toMatchObject({ ReadCapacityUnits: 5, WriteCapacityUnits: 6 });
    expect(TableDescription.BillingModeSummary).toBeUndefined();
  });

  it.each([
    {
      name: 'a name that exists',
      input: { TableName: 'there' },
      error: 'ResourceInUseException: Table already exists: there',
    },
    {
      name: 'a short name',
      input: { TableName: 'x' },
      error:
        "ValidationException: 1 validation error detected: Value 'x' at 'tableName' failed to satisfy constraint: Member must have length greater than or equal to 3",
    },
    {
      name: 'a name with a space',
      input: { TableName: 'a b c' },
      error:
        "ValidationException: 1 validation error detected: Value 'a b c' at 'tableName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
    },
    {
      name: 'nothing',
      input: { TableName: undefined, KeySchema: undefined, AttributeDefinitions: undefined },
      error:
        "ValidationException: 3 validation errors detected: Value null at 'tableName' failed to satisfy constraint: Member must not be null; Value null at 'keySchema' failed to satisfy constraint: Member must not be null; Value null at 'attributeDefinitions' failed to satisfy constraint: Member must not be null",
    },
    {
      name: 'a key that is not defined',
      input: { AttributeDefinitions: KEYS.AttributeDefinitions.slice(0, 1) },
      error:
        'ValidationException: One or more parameter values were invalid: Some index key attributes are not defined in AttributeDefinitions. Keys: [pk, sk], AttributeDefinitions: [pk]',
    },
    {
      name: 'an attribute that is no key',
      input: { AttributeDefinitions: [...KEYS.AttributeDefinitions, { AttributeName: 'x', AttributeType: 'S' }] },
      error:
        'ValidationException: One or more parameter values were invalid: Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions',
    },
    {
      name: 'keys in the wrong order',
      input: { KeySchema: [...KEYS.KeySchema].reverse() },
      error: 'ValidationException: Invalid KeySchema: The first KeySchemaElement is not a HASH key type',
    },
    {
      name: 'one key twice',
      input: { KeySchema: [KEYS.KeySchema[0], { AttributeName: 'pk', KeyType: 'RANGE' }] },
      error: 'ValidationException: Both the Hash Key and the Range Key element in the KeySchema have the same name',
    },
    {
      name: 'a key of a document type',
      input: {
        AttributeDefinitions: [KEYS.AttributeDefinitions[0], { AttributeName: 'sk', AttributeType: 'M' }],
      },
      error:
        "ValidationException: 1 validation error detected: Value 'M' at 'attributeDefinitions.2.member.attributeType' failed to satisfy constraint: Member must satisfy enum value set: [B, N, S]",
    },
    {
      name: 'throughput on demand',
      input: { ProvisionedThroughput: { ReadCapacityUnits: 1, WriteCapacityUnits: 1 } },
      error:
        'ValidationException: One or more parameter values were invalid: Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST',
    },
    {
      name: 'no throughput',
      input: { BillingMode: undefined },
      error:
        'ValidationException: One or more parameter values were invalid: ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED',
    },
    {
      name: 'a stream without a view type',
      input: { StreamSpecification: { StreamEnabled: true } },
      error:
        'ValidationException: One or more parameter values were invalid: StreamViewType must be specified when StreamEnabled is true',
    },
    {
      name: 'secondary indexes, by name',
      input: { GlobalSecondaryIndexes: [{ IndexName: 'by-x' }] },
      error:
        'ValidationException: The parameter GlobalSecondaryIndexes is not supported by this local cloud: tables have no secondary indexes here',
    },
  ])('refuses $name', ({ input, error }) => {
    const machine = new Machine().table({}, 'there');
    expect(machine.refusal('CreateTable', { ...TABLE, ...input })).toBe(error);
    expect(machine.call('ListTables', {}).TableNames, 'nothing was created').toEqual(['there']);
  });
});

describe('DeleteTable', () => {
  it('keeps the name until the table is gone, and forgets every item', () => {
    const machine = new Machine().table();
    machine.call('PutItem', { TableName: 'tbl', Item: KEY });
    expect(machine.call('DeleteTable', { TableName: 'tbl' }).TableDescription.TableStatus).toBe('DELETING');
    expect(machine.refusal('CreateTable', TABLE)).toBe('ResourceInUseException: Table already exists: tbl');
    expect(machine.refusal('GetItem', ITEM_CALL)).toBe('ResourceNotFoundException: Requested resource not found');
    expect(machine.refusal('DeleteTable', { TableName: 'tbl' })).toBe(
      'ResourceInUseException: Attempt to change a resource which is still in use: Table is being deleted: tbl',
    );
    machine.run(500);
    expect(machine.refusal('DescribeTable', { TableName: 'tbl' })).toBe(
      'ResourceNotFoundException: Requested resource not found: Table: tbl not found',
    );
    machine.table();
    expect(machine.call('Scan', { TableName: 'tbl' }).Items).toEqual([]);
  });

  it('is refused while created or protected', () => {
    const machine = new Machine();
    machine.call('CreateTable', { ...TABLE, DeletionProtectionEnabled: true });
    expect(machine.refusal('DeleteTable', { TableName: 'tbl' })).toBe(
      'ResourceInUseException: Attempt to change a resource which is still in use: Table is being created: tbl',
    );
    machine.pass(500);
    expect(machine.refusal('DeleteTable', { TableName: 'tbl' })).toMatch(/currently protected against deletion/);
    machine.call('UpdateTable', { TableName: 'tbl', DeletionProtectionEnabled: false });
    machine.pass(500);
    machine.call('DeleteTable', { TableName: 'tbl' });
  });
});

describe('UpdateTable', () => {
  it('switches the stream off and on again under a new label', () => {
    const machine = new Machine().table({
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'KEYS_ONLY' },
    });
    const first = machine.call('DescribeTable', { TableName: 'tbl' }).Table.LatestStreamArn;
    const off = machine.call('UpdateTable', { TableName: 'tbl', StreamSpecification: { StreamEnabled: false } });
    expect(off.TableDescription).toMatchObject({ TableStatus: 'UPDATING', LatestStreamArn: first });
    expect(off.TableDescription.StreamSpecification).toBeUndefined();
    expect(machine.call('GetItem', ITEM_CALL), 'items can be had while it is updated').toEqual({});
    machine.pass(500);
    const on = machine.call('UpdateTable', {
      TableName: 'tbl',
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_IMAGE' },
    });
    expect(on.TableDescription.LatestStreamArn).not.toBe(first);
    expect(on.TableDescription.StreamSpecification).toEqual({ StreamEnabled: true, StreamViewType: 'NEW_IMAGE' });
  });

  it('changes the billing mode', () => {
    const machine = new Machine().table();
    const units = { ReadCapacityUnits: 3, WriteCapacityUnits: 4 };
    machine.call('UpdateTable', { TableName: 'tbl', BillingMode: 'PROVISIONED', ProvisionedThroughput: units });
    machine.pass(500);
    expect(machine.call('DescribeTable', { TableName: 'tbl' }).Table.ProvisionedThroughput).toMatchObject(units);
    expect(machine.refusal('UpdateTable', { TableName: 'tbl', ProvisionedThroughput: units })).toMatch(
      /The provisioned throughput for the table will not change/,
    );
    machine.call('UpdateTable', { TableName: 'tbl', BillingMode: 'PAY_PER_REQUEST' });
  });

  it.each([
    { input: {}, error: /^ValidationException: At least one of ProvisionedThroughput/ },
    {
      input: { StreamSpecification: { StreamEnabled: false } },
      error: /^ValidationException: Table has no stream to disable/,
    },
    {
      input: { BillingMode: 'PROVISIONED' },
      error: /ProvisionedThroughput must be specified when BillingMode is PROVISIONED/,
    },
    { input: { TableClass: 'STANDARD' }, error: /The parameter TableClass is not supported/ },
  ])('refuses $input', ({ input, error }) => {
    expect(new Machine().table().refusal('UpdateTable', { TableName: 'tbl', ...input })).toMatch(error);
  });

  it('does one thing at a time', () => {
    const machine = new Machine().table();
    machine.call('UpdateTable', { TableName: 'tbl', DeletionProtectionEnabled: true });
    expect(machine.refusal('UpdateTable', { TableName: 'tbl', DeletionProtectionEnabled: false })).toBe(
      'ResourceInUseException: Attempt to change a resource which is still in use: Table is being updated: tbl',
    );
  });
});

describe('listing, describing, tagging', () => {
  it('lists in pages, by name', () => {
    const machine = new Machine().table({}, 'ccc').table({}, 'aaa').table({}, 'bbb');
    expect(machine.call('ListTables', { Limit: 2 })).toEqual({
      TableNames: ['aaa', 'bbb'],
      LastEvaluatedTableName: 'bbb',
    });
    expect(machine.call('ListTables', { Limit: 2, ExclusiveStartTableName: 'bbb' })).toEqual({ TableNames: ['ccc'] });
    expect(machine.refusal('ListTables', { Limit: 101 })).toMatch(/less than or equal to 100/);
  });

  it('takes an ARN for a name', () => {
    const machine = new Machine().table();
    const { TableArn } = machine.call('DescribeTable', { TableName: 'tbl' }).Table;
    expect(machine.call('DescribeTable', { TableName: TableArn }).Table.TableName).toBe('tbl');
    machine.call('PutItem', { TableName: TableArn, Item: KEY });
    expect(machine.call('GetItem', ITEM_CALL).Item).toEqual(KEY);
  });

  it('counts items every six hours, as AWS does', () => {
    const machine = new Machine().table();
    machine.call('PutItem', { TableName: 'tbl', Item: { ...KEY, note: { S: 'four' } } });
    expect(machine.call('DescribeTable', { TableName: 'tbl' }).Table).toMatchObject({ ItemCount: 0 });
    machine.pass(6 * 3_600_000);
    // pk 2+1, sk 2+2, note 4+4 bytes.
    expect(machine.call('DescribeTable', { TableName: 'tbl' }).Table).toMatchObject({
      ItemCount: 1,
      TableSizeBytes: 15,
    });
  });

  it('tags', () => {
    const machine = new Machine().table({ Tags: [{ Key: 'a', Value: '1' }] });
    const ResourceArn = 'arn:aws:dynamodb:us-east-1:000000000000:table/tbl';
    machine.call('TagResource', { ResourceArn, Tags: [{ Key: 'b', Value: '2' }] });
    machine.call('UntagResource', { ResourceArn, TagKeys: ['a'] });
    expect(machine.call('ListTagsOfResource', { ResourceArn })).toEqual({ Tags: [{ Key: 'b', Value: '2' }] });
    expect(machine.error('ListTagsOfResource', { ResourceArn: `${ResourceArn}x` }).code).toBe(
      'ResourceNotFoundException',
    );
  });
});

describe('time to live', () => {
  const ttl = (AttributeName: string, Enabled: boolean) => ({
    TableName: 'tbl',
    TimeToLiveSpecification: { AttributeName, Enabled },
  });
  const expiring = (sk: number, atMs: number) => ({
    TableName: 'tbl',
    Item: { pk: { S: 'a' }, sk: { N: String(sk) }, ttl: { N: String(Math.floor(atMs / 1000)) } },
  });
  const left = (machine: Machine) =>
    machine.call('Scan', { TableName: 'tbl' }).Items.map(({ sk }: { sk: { N: string } }) => Number(sk.N));

  it('is enabled and disabled in phases', () => {
    const machine = new Machine().table();
    const status = () => machine.call('DescribeTimeToLive', { TableName: 'tbl' }).TimeToLiveDescription;
    expect(status()).toEqual({ TimeToLiveStatus: 'DISABLED' });
    machine.call('UpdateTimeToLive', ttl('ttl', true));
    expect(status()).toEqual({ TimeToLiveStatus: 'ENABLING', AttributeName: 'ttl' });
    machine.pass(500);
    expect(status()).toEqual({ TimeToLiveStatus: 'ENABLED', AttributeName: 'ttl' });
    expect(machine.refusal('UpdateTimeToLive', ttl('ttl', true))).toBe(
      'ValidationException: TimeToLive is already enabled',
    );
    expect(machine.refusal('UpdateTimeToLive', ttl('other', true))).toMatch(/active on a different AttributeName/);
    expect(machine.refusal('UpdateTimeToLive', ttl('other', false))).toMatch(/active on a different AttributeName/);
    expect(machine.refusal('UpdateTimeToLive', ttl('ttl', false))).toMatch(/modified multiple times/);
    machine.pass(3_600_000);
    machine.call('UpdateTimeToLive', ttl('ttl', false));
    expect(status()).toEqual({ TimeToLiveStatus: 'DISABLING', AttributeName: 'ttl' });
    machine.pass(500);
    expect(status()).toEqual({ TimeToLiveStatus: 'DISABLED' });
  });

  it('removes items some time after they expire, and asks for a timer to do so', () => {
    const machine = new Machine().table();
    machine.call('UpdateTimeToLive', ttl('ttl', true));
    const base = machine.nowMs;
    machine.call('PutItem', expiring(1, base + 10_000));
    machine.call('PutItem', expiring(2, base + 3_600_000));
    machine.call('PutItem', { TableName: 'tbl', Item: { pk: { S: 'a' }, sk: { N: '3' }, ttl: { S: 'no number' } } });
    machine.pass(11_000);
    expect(left(machine), 'never at once: readers must filter').toEqual([1, 2, 3]);
    expect(machine.dynamo.nextAtMs()).toBe(base + 70_000);
    machine.run(60_000);
    expect(left(machine)).toEqual([2, 3]);
    machine.run(3_600_000);
    expect(left(machine)).toEqual([3]);
  });

  it('follows later changes of the attribute', () => {
    const machine = new Machine().table();
    machine.call('UpdateTimeToLive', ttl('ttl', true));
    const base = machine.nowMs;
    machine.call('PutItem', expiring(1, base + 10_000));
    machine.call('PutItem', expiring(1, base + 500_000));
    machine.run(200_000);
    expect(left(machine)).toEqual([1]);
    machine.run(400_000);
    expect(left(machine)).toEqual([]);
  });

  it('takes an expiry of more than five years ago for a mistake', () => {
    const machine = new Machine().table();
    machine.call('PutItem', { TableName: 'tbl', Item: { ...KEY, ttl: { N: '1' } } });
    machine.call('UpdateTimeToLive', ttl('ttl', true));
    machine.run(3_600_000);
    expect(left(machine)).toEqual([1]);
    expect(machine.dynamo.nextAtMs(), 'and does not come back to it').toBeUndefined();
  });

  it('goes on after a restart', () => {
    const machine = new Machine().table();
    machine.call('UpdateTimeToLive', ttl('ttl', true));
    machine.call('PutItem', expiring(1, machine.nowMs + 10_000));
    machine.restart();
    expect(machine.dynamo.nextAtMs()).toBe(machine.nowMs + 70_000);
    machine.run(70_000);
    expect(left(machine)).toEqual([]);
  });
});
