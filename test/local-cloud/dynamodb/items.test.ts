import { describe, expect, it } from 'vitest';
import { Machine } from './machine.ts';

const KEY = { pk: { S: 'a' }, sk: { N: '1' } };
const put = (item: object, more: object = {}) => ({ TableName: 'tbl', Item: { ...KEY, ...item }, ...more });
const at = (more: object = {}) => ({ TableName: 'tbl', Key: KEY, ...more });
const INVALID = 'ValidationException: One or more parameter values were invalid: ';

describe('PutItem and GetItem', () => {
  it('gives back every type as DynamoDB writes it', () => {
    const machine = new Machine().table();
    const item = {
      s: { S: '' },
      n: { N: '1E+2' },
      b: { B: new Uint8Array([0, 255, 128]) },
      yes: { BOOL: true },
      nothing: { NULL: true },
      ss: { SS: ['b', 'a'] },
      ns: { NS: ['10', '9', '-1.50'] },
      bs: { BS: [new Uint8Array([2]), new Uint8Array([1])] },
      l: { L: [{ S: 'x' }, { L: [] }] },
      m: { M: { constructor: { N: '+1' }, 'two words': { M: {} } } },
    };
    machine.call('PutItem', put(item));
    expect(machine.call('GetItem', at()).Item).toEqual({
      ...KEY,
      ...item,
      n: { N: '100' },
      ss: { SS: ['a', 'b'] },
      ns: { NS: ['-1.5', '9', '10'] },
      bs: { BS: [new Uint8Array([1]), new Uint8Array([2])] },
      m: { M: { constructor: { N: '1' }, 'two words': { M: {} } } },
    });
  });

  it('keeps an attribute called __proto__', () => {
    const machine = new Machine().table();
    machine.call('PutItem', {
      TableName: 'tbl',
      Item: JSON.parse('{"pk":{"S":"a"},"sk":{"N":"1"},"__proto__":{"S":"x"}}'),
    });
    expect(Object.keys(machine.call('GetItem', at()).Item)).toContain('__proto__');
  });

  it('replaces the whole item and returns the old one when asked', () => {
    const machine = new Machine().table();
    expect(machine.call('PutItem', put({ a: { S: '1' } }, { ReturnValues: 'ALL_OLD' }))).toEqual({});
    expect(machine.call('PutItem', put({ b: { S: '2' } }, { ReturnValues: 'ALL_OLD' }))).toEqual({
      Attributes: { ...KEY, a: { S: '1' } },
    });
    expect(machine.call('GetItem', at()).Item).toEqual({ ...KEY, b: { S: '2' } });
  });

  it('takes numbers of different spelling for one key', () => {
    const machine = new Machine().table();
    machine.call('PutItem', { TableName: 'tbl', Item: { pk: { S: 'a' }, sk: { N: '1.0' }, v: { S: 'one' } } });
    expect(machine.call('GetItem', at()).Item).toEqual({ ...KEY, v: { S: 'one' } });
  });

  it('projects, also into documents', () => {
    const machine = new Machine().table();
    machine.call('PutItem', put({ m: { M: { k: { S: 'v' }, o: { S: 'w' } } }, l: { L: [{ N: '0' }, { N: '1' }] } }));
    const read = (ProjectionExpression: string, names?: object) =>
      machine.call('GetItem', at({ ProjectionExpression, ...(names ? { ExpressionAttributeNames: names } : {}) })).Item;
    expect(read('sk, m.k, l[1]')).toEqual({ sk: { N: '1' }, m: { M: { k: { S: 'v' } } }, l: { L: [{ N: '1' }] } });
    expect(read('#m.#k', { '#m': 'm', '#k': 'k' })).toEqual({ m: { M: { k: { S: 'v' } } } });
    expect(read('m.zz, zz, l[9]'), 'an item without any of it is an empty item').toEqual({});
  });

  it('tells capacity only when asked', () => {
    const machine = new Machine().table();
    const blob = { blob: { S: 'x'.repeat(4500) } };
    expect(machine.call('PutItem', put(blob))).toEqual({});
    expect(machine.call('PutItem', put(blob, { ReturnConsumedCapacity: 'TOTAL' }))).toEqual({
      ConsumedCapacity: { TableName: 'tbl', CapacityUnits: 5 },
    });
    expect(machine.call('GetItem', at({ ReturnConsumedCapacity: 'TOTAL' })).ConsumedCapacity.CapacityUnits).toBe(1);
    expect(
      machine.call('GetItem', at({ ReturnConsumedCapacity: 'INDEXES', ConsistentRead: true })).ConsumedCapacity,
    ).toEqual({ TableName: 'tbl', CapacityUnits: 2, Table: { CapacityUnits: 2 } });
  });

  it.each([
    { name: 'no sort key', item: { sk: undefined }, error: `${INVALID}Missing the key sk in the item` },
    {
      name: 'a key of another type',
      item: { pk: { N: '1' } },
      error: `${INVALID}Type mismatch for key pk expected: S actual: N`,
    },
    {
      name: 'an empty key',
      item: { pk: { S: '' } },
      error:
        'ValidationException: One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: pk',
    },
    {
      name: 'a partition key of 2049 bytes',
      item: { pk: { S: `${'é'.repeat(1024)}x` } },
      error: `${INVALID}Size of hashkey has exceeded the maximum size limit of2048 bytes`,
    },
    {
      name: 'an item of more than 400 KB',
      item: { a: { S: 'x'.repeat(400 * 1024) } },
      error: 'ValidationException: Item size has exceeded the maximum allowed size',
    },
    { name: 'an empty set', item: { a: { SS: [] } }, error: `${INVALID}An string set  may not be empty` },
    {
      name: 'a set with duplicates',
      item: { a: { SS: ['x', 'y', 'x'] } },
      error: `${INVALID}Input collection [x, y, x] contains duplicates.`,
    },
    {
      name: 'a number set with one number twice',
      item: { a: { NS: ['1', '1.0'] } },
      error: 'ValidationException: Input collection contains duplicates',
    },
    {
      name: 'NULL that is not true',
      item: { a: { NULL: false } },
      error: `${INVALID}Null attribute value types must have the value of true`,
    },
    {
      name: 'a value without a type',
      item: { a: { M: { b: {} } } },
      error:
        'ValidationException: Supplied AttributeValue is empty, must contain exactly one of the supported datatypes',
    },
    {
      name: 'a value of two types',
      item: { a: { S: 'x', N: '1' } },
      error:
        'ValidationException: Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes',
    },
    {
      name: 'a number that is none',
      item: { a: { N: 'ten' } },
      error: 'ValidationException: The parameter cannot be converted to a numeric value: ten',
    },
    {
      name: 'documents nested too deeply',
      item: { a: Array.from({ length: 33 }).reduce<object>((inner) => ({ L: [inner] }), { S: 'x' }) },
      error: 'ValidationException: Nesting Levels have exceeded supported limits',
    },
  ])('refuses $name', ({ item, error }) => {
    const machine = new Machine().table();
    const Item = Object.fromEntries(Object.entries({ ...KEY, ...item }).filter(([, value]) => value !== undefined));
    expect(machine.refusal('PutItem', { TableName: 'tbl', Item })).toBe(error);
    expect(machine.call('Scan', { TableName: 'tbl' }).Count).toBe(0);
  });

  it('holds an item of exactly 400 KB', () => {
    const machine = new Machine().table();
    // Names and keys: pk 2+1, sk 2+2, a 1.
    machine.call('PutItem', put({ a: { S: 'x'.repeat(400 * 1024 - 8) } }));
    expect(machine.refusal('PutItem', put({ a: { S: 'x'.repeat(400 * 1024 - 7) } }))).toMatch(/Item size/);
  });

  it('limits a sort key to 1024 bytes', () => {
    const machine = new Machine();
    machine.call('CreateTable', {
      TableName: 'tbl',
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      AttributeDefinitions: [
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'sk', AttributeType: 'B' },
      ],
      BillingMode: 'PAY_PER_REQUEST',
    });
    machine.pass(500);
    const Item = (bytes: number) => ({ pk: { S: 'a' }, sk: { B: new Uint8Array(bytes) } });
    machine.call('PutItem', { TableName: 'tbl', Item: Item(1024) });
    expect(machine.refusal('PutItem', { TableName: 'tbl', Item: Item(1025) })).toBe(
      `${INVALID}Aggregated size of all range keys has exceeded the size limit of 1024 bytes`,
    );
    expect(machine.refusal('PutItem', { TableName: 'tbl', Item: Item(0) })).toMatch(/empty binary value. Key: sk/);
  });

  it.each([
    { Key: { pk: { S: 'a' } }, reason: 'too few' },
    { Key: { ...KEY, x: { S: 'y' } }, reason: 'too many' },
    { Key: { pk: { S: 'a' }, sk: { S: '1' } }, reason: 'another type' },
    { Key: { pk: { S: 'a' }, zz: { N: '1' } }, reason: 'another name' },
  ])('refuses a key with $reason', ({ Key, reason }) => {
    const machine = new Machine().table();
    for (const operation of ['GetItem', 'DeleteItem', 'UpdateItem']) {
      expect(machine.refusal(operation, { TableName: 'tbl', Key }), reason).toBe(
        'ValidationException: The provided key element does not match the schema',
      );
    }
  });

  it.each([
    { operation: 'PutItem', input: put({}, { Expected: {} }), name: 'Expected' },
    { operation: 'PutItem', input: put({}, { ConditionalOperator: 'AND' }), name: 'ConditionalOperator' },
    { operation: 'UpdateItem', input: at({ AttributeUpdates: {} }), name: 'AttributeUpdates' },
    { operation: 'GetItem', input: at({ AttributesToGet: ['a'] }), name: 'AttributesToGet' },
    { operation: 'Query', input: { TableName: 'tbl', KeyConditions: {} }, name: 'KeyConditions' },
    { operation: 'Scan', input: { TableName: 'tbl', ScanFilter: {} }, name: 'ScanFilter' },
  ])('refuses the legacy parameter $name by name', ({ operation, input, name }) => {
    expect(new Machine().table().refusal(operation, input)).toMatch(
      new RegExp(`^ValidationException: The parameter ${name} is not supported by this local cloud: use `),
    );
  });

  it('refuses return values that the operation does not have', () => {
    const machine = new Machine().table();
    expect(machine.refusal('PutItem', put({}, { ReturnValues: 'ALL_NEW' }))).toBe(
      'ValidationException: ReturnValues can only be ALL_OLD or NONE',
    );
    expect(machine.refusal('DeleteItem', at({ ReturnValues: 'SOME' }))).toMatch(/at 'returnValues' failed to satisfy/);
  });

  it('needs an existing table', () => {
    expect(new Machine().refusal('GetItem', at())).toBe('ResourceNotFoundException: Requested resource not found');
  });
});

describe('conditions on writes', () => {
  it('creates once', () => {
    const machine = new Machine().table();
    const create = put({ v: { N: '1' } }, { ConditionExpression: 'attribute_not_exists(pk)' });
    machine.call('PutItem', create);
    const error = machine.error('PutItem', create);
    expect(error).toMatchObject({
      code: 'ConditionalCheckFailedException',
      message: 'The conditional request failed',
      statusCode: 400,
      members: {},
    });
    const withItem = machine.error('PutItem', { ...create, ReturnValuesOnConditionCheckFailure: 'ALL_OLD' });
    expect(withItem.members).toEqual({ Item: { ...KEY, v: { N: '1' } } });
  });

  it('looks at an item that does not exist as at an empty one', () => {
    const machine = new Machine().table();
    const remove = at({ ConditionExpression: 'attribute_exists(pk)', ReturnValuesOnConditionCheckFailure: 'ALL_OLD' });
    expect(machine.error('DeleteItem', remove).members, 'there is no item to return').toEqual({});
    machine.call('UpdateItem', at({ ConditionExpression: 'attribute_not_exists(pk)' }));
    expect(machine.call('GetItem', at()).Item, 'an update without an expression makes the item').toEqual(KEY);
  });

  it('is the optimistic lock that the state table rests on', () => {
    const machine = new Machine().table();
    const save = (version: number) =>
      put(
        { version: { N: String(version + 1) }, epoch: { N: '1' } },
        {
          ConditionExpression: 'attribute_not_exists(pk) OR (version = :read AND epoch <= :mine)',
          ExpressionAttributeValues: { ':read': { N: String(version) }, ':mine': { N: '1' } },
        },
      );
    machine.call('PutItem', save(0));
    machine.call('PutItem', save(1));
    expect(machine.error('PutItem', save(1)).code).toBe('ConditionalCheckFailedException');
  });
});

describe('UpdateItem', () => {
  it.each([
    { ReturnValues: 'NONE', Attributes: undefined },
    { ReturnValues: 'ALL_OLD', Attributes: { ...KEY, n: { N: '1' }, m: { M: { x: { S: 'o' }, y: { S: 'p' } } } } },
    {
      ReturnValues: 'ALL_NEW',
      Attributes: { ...KEY, n: { N: '2' }, m: { M: { x: { S: 'new' }, y: { S: 'p' } } }, z: { S: 'new' } },
    },
    { ReturnValues: 'UPDATED_OLD', Attributes: { n: { N: '1' }, m: { M: { x: { S: 'o' } } } } },
    { ReturnValues: 'UPDATED_NEW', Attributes: { n: { N: '2' }, m: { M: { x: { S: 'new' } } }, z: { S: 'new' } } },
  ])('returns $ReturnValues', ({ ReturnValues, Attributes }) => {
    const machine = new Machine().table();
    machine.call('PutItem', put({ n: { N: '1' }, m: { M: { x: { S: 'o' }, y: { S: 'p' } } } }));
    const answer = machine.call(
      'UpdateItem',
      at({
        UpdateExpression: 'SET n = n + :one, m.x = :new, z = :new',
        ExpressionAttributeValues: { ':one': { N: '1' }, ':new': { S: 'new' } },
        ReturnValues,
      }),
    );
    expect(answer.Attributes).toEqual(Attributes);
  });

  it('makes the item when there is none', () => {
    const machine = new Machine().table();
    const update = at({ UpdateExpression: 'ADD hits :one', ExpressionAttributeValues: { ':one': { N: '1' } } });
    machine.call('UpdateItem', update);
    machine.call('UpdateItem', update);
    expect(machine.call('GetItem', at()).Item).toEqual({ ...KEY, hits: { N: '2' } });
  });

  it('refuses to change the key', () => {
    const machine = new Machine().table();
    for (const UpdateExpression of ['SET sk = :v', 'SET sk.x = :v']) {
      expect(
        machine.refusal('UpdateItem', at({ UpdateExpression, ExpressionAttributeValues: { ':v': { N: '1' } } })),
      ).toBe(`${INVALID}Cannot update attribute sk. This attribute is part of the key`);
    }
  });

  it('refuses to grow an item beyond 400 KB, and changes nothing then', () => {
    const machine = new Machine().table();
    machine.call('PutItem', put({ a: { S: 'x'.repeat(300_000) } }));
    const grow = at({
      UpdateExpression: 'SET b = :b',
      ExpressionAttributeValues: { ':b': { S: 'x'.repeat(200_000) } },
    });
    expect(machine.refusal('UpdateItem', grow)).toBe(
      'ValidationException: Item size to update has exceeded the maximum allowed size',
    );
    expect(machine.call('GetItem', at()).Item.b).toBeUndefined();
  });
});

describe('DeleteItem', () => {
  it('is idempotent and returns what was there', () => {
    const machine = new Machine().table();
    machine.call('PutItem', put({ a: { S: '1' } }));
    expect(machine.call('DeleteItem', at({ ReturnValues: 'ALL_OLD' }))).toEqual({
      Attributes: { ...KEY, a: { S: '1' } },
    });
    expect(machine.call('DeleteItem', at({ ReturnValues: 'ALL_OLD' }))).toEqual({});
    expect(machine.call('GetItem', at())).toEqual({});
  });
});
