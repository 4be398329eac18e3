import { describe, expect, it } from 'vitest';
import { Machine } from './machine.ts';

const key = (sk: number, pk = 'a') => ({ pk: { S: pk }, sk: { N: String(sk) } });
const INVALID = 'ValidationException: ';

function count(machine: Machine, TableName = 'tbl'): number {
  return machine.call('Scan', { TableName }).Count;
}

describe('BatchWriteItem', () => {
  const writes = (requests: object[], more: object = {}) => ({ RequestItems: { tbl: requests }, ...more });
  const put = (sk: number, more: object = {}) => ({ PutRequest: { Item: { ...key(sk), ...more } } });
  const remove = (sk: number) => ({ DeleteRequest: { Key: key(sk) } });

  it('puts and deletes in several tables, leaving nothing unprocessed', () => {
    const machine = new Machine().table().table({}, 'other');
    machine.call('BatchWriteItem', writes([put(1), put(2)]));
    const answer = machine.call('BatchWriteItem', {
      RequestItems: { tbl: [remove(1), put(3, { blob: { S: 'x'.repeat(2000) } })], other: [put(1)] },
      ReturnConsumedCapacity: 'TOTAL',
    });
    expect(answer).toEqual({
      UnprocessedItems: {},
      ConsumedCapacity: [
        { TableName: 'tbl', CapacityUnits: 3 },
        { TableName: 'other', CapacityUnits: 1 },
      ],
    });
    expect([count(machine), count(machine, 'other')]).toEqual([2, 1]);
  });

  it.each([
    { name: 'no request', input: { RequestItems: {} }, error: /length greater than or equal to 1/ },
    { name: 'an empty list', input: writes([]), error: /length greater than or equal to 1/ },
    {
      name: '26 requests',
      input: writes(Array.from({ length: 26 }, (_, i) => put(i))),
      error: /less than or equal to 25/,
    },
    {
      name: '26 requests over two tables',
      input: {
        RequestItems: {
          tbl: Array.from({ length: 13 }, (_, i) => put(i)),
          other: Array.from({ length: 13 }, (_, i) => put(i)),
        },
      },
      error: /^ValidationException: Too many items requested for the BatchWriteItem call$/,
    },
    { name: 'one key twice', input: writes([put(1), remove(1)]), error: /list of item keys contains duplicates/ },
    { name: 'neither kind', input: writes([{}]), error: /exactly one of the supported datatypes/ },
    {
      name: 'both kinds',
      input: writes([{ ...put(1), ...remove(1) }]),
      error: /exactly one of the supported datatypes/,
    },
    { name: 'a missing table', input: { RequestItems: { nope: [put(1)] } }, error: /^ResourceNotFoundException/ },
    {
      name: 'an item that cannot be',
      input: writes([put(1), { PutRequest: { Item: { pk: { S: 'a' } } } }]),
      error: /Missing the key sk in the item/,
    },
  ])('refuses $name, as a whole', ({ input, error }) => {
    const machine = new Machine().table().table({}, 'other');
    expect(machine.refusal('BatchWriteItem', input)).toMatch(error);
    expect(count(machine)).toBe(0);
  });
});

describe('BatchGetItem', () => {
  it('gives what there is, projected, table by table', () => {
    const machine = new Machine().table();
    machine.call('PutItem', { TableName: 'tbl', Item: { ...key(1), v: { S: 'one' }, w: { S: 'no' } } });
    const answer = machine.call('BatchGetItem', {
      RequestItems: { tbl: { Keys: [key(1), key(2)], ProjectionExpression: 'v', ConsistentRead: true } },
      ReturnConsumedCapacity: 'TOTAL',
    });
    expect(answer).toEqual({
      Responses: { tbl: [{ v: { S: 'one' } }] },
      UnprocessedKeys: {},
      ConsumedCapacity: [{ TableName: 'tbl', CapacityUnits: 2 }],
    });
  });

  it('leaves unprocessed what goes beyond 16 MB', () => {
    const machine = new Machine().table();
    const Keys = Array.from({ length: 50 }, (_, i) => key(i));
    for (const one of Keys) {
      machine.call('PutItem', { TableName: 'tbl', Item: { ...one, blob: { S: 'x'.repeat(400_000) } } });
    }
    const { Responses, UnprocessedKeys } = machine.call('BatchGetItem', { RequestItems: { tbl: { Keys } } });
    expect(Responses.tbl).toHaveLength(41);
    expect(UnprocessedKeys.tbl.Keys).toEqual(Keys.slice(41));
  });

  it.each([
    { name: 'one key twice', keys: [key(1), key(1)], error: /list of item keys contains duplicates/ },
    { name: '101 keys', keys: Array.from({ length: 101 }, (_, i) => key(i)), error: /less than or equal to 100/ },
    { name: 'a key that does not fit', keys: [{ pk: { S: 'a' } }], error: /does not match the schema/ },
  ])('refuses $name', ({ keys, error }) => {
    expect(new Machine().table().refusal('BatchGetItem', { RequestItems: { tbl: { Keys: keys } } })).toMatch(error);
  });
});

describe('TransactWriteItems', () => {
  const Put = (sk: number, more: object = {}) => ({ Put: { TableName: 'tbl', Item: key(sk), ...more } });
  const Check = (sk: number, ConditionExpression: string) => ({
    ConditionCheck: { TableName: 'tbl', Key: key(sk), ConditionExpression },
  });

  it('does all', () => {
    const machine = new Machine().table();
    machine.call('PutItem', { TableName: 'tbl', Item: key(1) });
    machine.call('PutItem', { TableName: 'tbl', Item: key(2) });
    const answer = machine.call('TransactWriteItems', {
      TransactItems: [
        Check(1, 'attribute_exists(pk)'),
        { Delete: { TableName: 'tbl', Key: key(2) } },
        Put(3, { ConditionExpression: 'attribute_not_exists(pk)' }),
        {
          Update: {
            TableName: 'tbl',
            Key: key(4),
            UpdateExpression: 'SET v = :v',
            ExpressionAttributeValues: { ':v': { S: 'four' } },
          },
        },
      ],
      ReturnConsumedCapacity: 'TOTAL',
    });
    expect(answer.ConsumedCapacity).toEqual([{ TableName: 'tbl', CapacityUnits: 8, WriteCapacityUnits: 8 }]);
    expect(machine.call('Scan', { TableName: 'tbl' }).Items).toEqual([key(1), key(3), { ...key(4), v: { S: 'four' } }]);
  });

  it('does nothing when one condition fails, and says which', () => {
    const machine = new Machine().table();
    machine.call('PutItem', { TableName: 'tbl', Item: { ...key(1), owner: { S: 'me' } } });
    const error = machine.error('TransactWriteItems', {
      TransactItems: [
        Put(2),
        Put(1, {
          ConditionExpression: 'attribute_not_exists(pk)',
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        }),
        Check(9, 'attribute_exists(pk)'),
      ],
    });
    expect(error.code).toBe('TransactionCanceledException');
    expect(error.message).toBe(
      'Transaction cancelled, please refer cancellation reasons for specific reasons [None, ConditionalCheckFailed, ConditionalCheckFailed]',
    );
    expect(error.members.CancellationReasons).toEqual([
      { Code: 'None' },
      {
        Code: 'ConditionalCheckFailed',
        Message: 'The conditional request failed',
        Item: { ...key(1), owner: { S: 'me' } },
      },
      { Code: 'ConditionalCheckFailed', Message: 'The conditional request failed' },
    ]);
    expect(count(machine)).toBe(1);
  });

  it('gives a reason for what does not fit an item or its table', () => {
    const machine = new Machine().table();
    const reasons = (...TransactItems: object[]) =>
      machine.error('TransactWriteItems', { TransactItems }).members.CancellationReasons;
    expect(reasons(Put(1), { Update: { TableName: 'tbl', Key: key(2), UpdateExpression: 'SET a = zz' } })).toEqual([
      { Code: 'None' },
      {
        Code: 'ValidationError',
        Message: 'The provided expression refers to an attribute that does not exist in the item',
      },
    ]);
    expect(reasons({ Delete: { TableName: 'tbl', Key: { pk: { S: 'a' } } } })).toEqual([
      { Code: 'ValidationError', Message: 'The provided key element does not match the schema' },
    ]);
    expect(count(machine)).toBe(0);
  });

  it.each([
    { name: 'nothing', items: [], error: /length greater than or equal to 1/ },
    { name: '101 items', items: Array.from({ length: 101 }, (_, i) => Put(i)), error: /less than or equal to 100/ },
    { name: 'an empty item', items: [{}], error: /can only contain one of Check, Put, Update or Delete/ },
    { name: 'two in one', items: [{ ...Put(1), ...Check(1, 'a = b') }], error: /can only contain one of/ },
    {
      name: 'one item twice',
      items: [Put(1), Check(1, 'attribute_exists(pk)')],
      error: /^ValidationException: Transaction request cannot include multiple operations on one item$/,
    },
    {
      name: 'a check without a condition',
      items: [{ ConditionCheck: { TableName: 'tbl', Key: key(1) } }],
      error: /at 'transactItems.1.member.conditionCheck.conditionExpression' failed/,
    },
    {
      name: 'a broken expression',
      items: [Put(1, { ConditionExpression: 'a =' })],
      error: /^ValidationException: Invalid ConditionExpression: Syntax error/,
    },
    {
      name: 'a missing table',
      items: [{ Put: { TableName: 'nope', Item: key(1) } }],
      error: /^ResourceNotFoundException/,
    },
  ])('refuses $name', ({ items, error }) => {
    const machine = new Machine().table();
    expect(machine.refusal('TransactWriteItems', { TransactItems: items })).toMatch(error);
    expect(count(machine)).toBe(0);
  });

  describe('with a client request token', () => {
    const increment = (by: number, more: object = {}) => ({
      ClientRequestToken: 'token-1',
      TransactItems: [
        {
          Update: {
            TableName: 'tbl',
            Key: key(1),
            UpdateExpression: 'ADD n :by',
            ExpressionAttributeValues: { ':by': { N: String(by) } },
          },
        },
      ],
      ...more,
    });
    const value = (machine: Machine) => machine.call('GetItem', { TableName: 'tbl', Key: key(1) }).Item?.n?.N;

    it('is done once, also across a restart', () => {
      const machine = new Machine().table();
      machine.call('TransactWriteItems', increment(1));
      machine.call('TransactWriteItems', increment(1));
      machine.restart();
      const repeated = machine.call('TransactWriteItems', increment(1, { ReturnConsumedCapacity: 'TOTAL' }));
      expect(repeated.ConsumedCapacity, 'a repetition costs reads').toEqual([
        { TableName: 'tbl', CapacityUnits: 2, ReadCapacityUnits: 2 },
      ]);
      expect(value(machine)).toBe('1');
    });

    it('refuses another request under the same token', () => {
      const machine = new Machine().table();
      machine.call('TransactWriteItems', increment(1));
      expect(machine.error('TransactWriteItems', increment(2)).code).toBe('IdempotentParameterMismatchException');
      expect(value(machine)).toBe('1');
    });

    it('may be used again after ten minutes', () => {
      const machine = new Machine().table();
      machine.call('TransactWriteItems', increment(1));
      machine.pass(10 * 60_000);
      machine.call('TransactWriteItems', increment(2));
      expect(value(machine)).toBe('3');
    });

    it('is not used up by a transaction that was cancelled', () => {
      const machine = new Machine().table();
      const create = {
        ClientRequestToken: 'token-2',
        TransactItems: [Put(5, { ConditionExpression: 'attribute_not_exists(pk)' })],
      };
      machine.call('PutItem', { TableName: 'tbl', Item: key(5) });
      expect(machine.error('TransactWriteItems', create).code).toBe('TransactionCanceledException');
      machine.call('DeleteItem', { TableName: 'tbl', Key: key(5) });
      machine.call('TransactWriteItems', create);
      expect(count(machine)).toBe(1);
    });
  });
});

describe('TransactGetItems', () => {
  const Get = (sk: number, more: object = {}) => ({ Get: { TableName: 'tbl', Key: key(sk), ...more } });

  it('reads in order, with a place for what is not there', () => {
    const machine = new Machine().table();
    machine.call('PutItem', { TableName: 'tbl', Item: { ...key(1), v: { S: 'one' } } });
    const answer = machine.call('TransactGetItems', {
      TransactItems: [Get(2), Get(1, { ProjectionExpression: 'v' })],
      ReturnConsumedCapacity: 'TOTAL',
    });
    expect(answer).toEqual({
      Responses: [{}, { Item: { v: { S: 'one' } } }],
      ConsumedCapacity: [{ TableName: 'tbl', CapacityUnits: 4, ReadCapacityUnits: 4 }],
    });
  });

  it('refuses one item twice, and a key that does not fit', () => {
    const machine = new Machine().table();
    expect(machine.refusal('TransactGetItems', { TransactItems: [Get(1), Get(1)] })).toBe(
      `${INVALID}Transaction request cannot include multiple operations on one item`,
    );
    expect(machine.error('TransactGetItems', { TransactItems: [Get(1, { Key: { pk: { S: 'a' } } })] }).code).toBe(
      'TransactionCanceledException',
    );
  });
});
