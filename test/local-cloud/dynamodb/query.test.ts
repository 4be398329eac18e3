import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Machine } from './machine.ts';

interface Row {
  pk: { S: string };
  sk: { N: string };
}
const sorts = (answer: { Items: Row[] }) => answer.Items.map(({ sk }) => Number(sk.N));
const query = (condition: string, values: object, more: object = {}) => ({
  TableName: 'tbl',
  KeyConditionExpression: condition,
  ExpressionAttributeValues: { ':p': { S: 'a' }, ...values },
  ...more,
});
const BY_PARTITION = query('pk = :p', {});

function filled(partitions: string[], perPartition: number, more: object = {}): Machine {
  const machine = new Machine().table();
  for (const pk of partitions) {
    // In an order that is neither that of insertion nor that of text.
    for (let i = 0; i < perPartition; i++) {
      const sk = (i * 7) % perPartition;
      machine.call('PutItem', { TableName: 'tbl', Item: { pk: { S: pk }, sk: { N: String(sk) }, ...more } });
    }
  }
  return machine;
}

/** Every page of a paged call. */
function pages(machine: Machine, operation: string, input: object): { Items: Row[]; Count: number }[] {
  const all: { Items: Row[]; Count: number }[] = [];
  let start: object | undefined;
  do {
    const page = machine.call(operation, { ...input, ...(start ? { ExclusiveStartKey: start } : {}) });
    all.push(page);
    start = page.LastEvaluatedKey;
  } while (start);
  return all;
}

describe('Query', () => {
  const machine = filled(['a', 'b'], 20);

  it.each<{ condition: string; values: object; expected: number[]; reason: string }>([
    { condition: 'sk = :s', values: { ':s': { N: '3' } }, expected: [3], reason: 'one' },
    { condition: 'sk < :s', values: { ':s': { N: '3' } }, expected: [0, 1, 2], reason: 'below' },
    { condition: 'sk <= :s', values: { ':s': { N: '2.5' } }, expected: [0, 1, 2], reason: 'need not exist' },
    { condition: 'sk > :s', values: { ':s': { N: '17' } }, expected: [18, 19], reason: 'above' },
    { condition: 'sk >= :s', values: { ':s': { N: '18' } }, expected: [18, 19], reason: 'from' },
    {
      condition: 'sk BETWEEN :s AND :t',
      values: { ':s': { N: '9' }, ':t': { N: '11' } },
      expected: [9, 10, 11],
      reason: 'both ends included, in numeric order',
    },
    { condition: ':s > sk', values: { ':s': { N: '2' } }, expected: [0, 1], reason: 'mirrored' },
    { condition: 'sk > :s', values: { ':s': { N: '99' } }, expected: [], reason: 'none' },
  ])('$condition: $reason', ({ condition, values, expected, reason }) => {
    expect(sorts(machine.call('Query', query(`pk = :p AND ${condition}`, values))), reason).toEqual(expected);
    const backward = machine.call('Query', query(`(${condition}) and (pk = :p)`, values, { ScanIndexForward: false }));
    expect(sorts(backward), 'backward').toEqual([...expected].reverse());
  });

  it('finds prefixes of text and of binary', () => {
    const own = new Machine();
    for (const [TableName, AttributeType] of Object.entries({ text: 'S', bytes: 'B' })) {
      own.call('CreateTable', {
        TableName,
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
        AttributeDefinitions: [
          { AttributeName: 'pk', AttributeType: 'S' },
          { AttributeName: 'sk', AttributeType },
        ],
        BillingMode: 'PAY_PER_REQUEST',
      });
    }
    own.pass(500);
    for (const sk of ['event#2', 'event#10', 'events', 'eve', 'f']) {
      own.call('PutItem', { TableName: 'text', Item: { pk: { S: 'a' }, sk: { S: sk } } });
      own.call('PutItem', { TableName: 'bytes', Item: { pk: { S: 'a' }, sk: { B: Buffer.from(sk) } } });
    }
    const begins = (TableName: string, prefix: object) =>
      own.call('Query', { ...query('pk = :p AND begins_with(sk, :s)', { ':s': prefix }), TableName }).Items;
    expect(begins('text', { S: 'event#' }).map(({ sk }: { sk: { S: string } }) => sk.S)).toEqual([
      'event#10',
      'event#2',
    ]);
    expect(begins('bytes', { B: Buffer.from('event#') })).toHaveLength(2);
  });

  it('pages through Limit, forward and backward, and by filter', () => {
    for (const ScanIndexForward of [true, false]) {
      const found = pages(machine, 'Query', { ...BY_PARTITION, Limit: 6, ScanIndexForward });
      const all = Array.from({ length: 20 }, (_, i) => i);
      expect(found.flatMap(sorts)).toEqual(ScanIndexForward ? all : all.reverse());
      expect(found.map(({ Count }) => Count)).toEqual([6, 6, 6, 2]);
    }
    const page = machine.call('Query', {
      ...BY_PARTITION,
      Limit: 6,
      FilterExpression: 'attribute_exists(zz)',
    });
    expect(page, 'Limit counts what was looked at, not what was found').toMatchObject({ Count: 0, ScannedCount: 6 });
    expect(page.LastEvaluatedKey).toEqual({ pk: { S: 'a' }, sk: { N: '5' } });
  });

  it('goes on from a key that is not there any more', () => {
    const own = filled(['a'], 5);
    own.call('DeleteItem', { TableName: 'tbl', Key: { pk: { S: 'a' }, sk: { N: '2' } } });
    expect(
      sorts(own.call('Query', { ...BY_PARTITION, ExclusiveStartKey: { pk: { S: 'a' }, sk: { N: '2' } } })),
    ).toEqual([3, 4]);
  });

  it('tells that more may follow when a page ends exactly at the last item', () => {
    const own = filled(['a'], 3);
    const page = own.call('Query', { ...BY_PARTITION, Limit: 3 });
    expect(page.LastEvaluatedKey).toEqual({ pk: { S: 'a' }, sk: { N: '2' } });
    expect(own.call('Query', { ...BY_PARTITION, Limit: 3, ExclusiveStartKey: page.LastEvaluatedKey })).toEqual({
      Items: [],
      Count: 0,
      ScannedCount: 0,
    });
  });

  it('counts, and projects', () => {
    expect(machine.call('Query', { ...BY_PARTITION, Select: 'COUNT' })).toEqual({ Count: 20, ScannedCount: 20 });
    const { Items } = machine.call('Query', { ...BY_PARTITION, Limit: 1, ProjectionExpression: 'sk' });
    expect(Items).toEqual([{ sk: { N: '0' } }]);
  });

  it.each<{ input: object; error: string }>([
    {
      input: { TableName: 'tbl' },
      error: 'Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.',
    },
    { input: query('pk > :p', {}), error: 'Query key condition not supported' },
    { input: query('zz = :p', {}), error: 'Query condition missed key schema element' },
    { input: query('pk = :p AND zz = :p', {}), error: 'Query condition missed key schema element' },
    {
      input: query('pk = :p AND sk > :s AND sk < :s', { ':s': { N: '1' } }),
      error: 'KeyConditionExpressions must only contain one condition per key',
    },
    {
      input: query('pk = :p OR sk = :s', { ':s': { N: '1' } }),
      error: 'Invalid operator used in KeyConditionExpression: OR',
    },
    {
      input: query('pk = :p AND sk <> :s', { ':s': { N: '1' } }),
      error: 'Invalid operator used in KeyConditionExpression: <>',
    },
    {
      input: query('pk = :p AND contains(sk, :s)', { ':s': { N: '1' } }),
      error: 'Invalid operator used in KeyConditionExpression: contains',
    },
    {
      input: query('pk = :p AND size(sk) = :s', { ':s': { N: '1' } }),
      error: 'KeyConditionExpressions cannot contain nested operations',
    },
    { input: query(':p = :p', {}), error: 'Invalid condition in KeyConditionExpression: No key attribute specified' },
    {
      input: { TableName: 'tbl', KeyConditionExpression: 'pk = sk' },
      error: 'Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition',
    },
    {
      input: query('begins_with(:p, pk)', {}),
      error:
        'Invalid condition in KeyConditionExpression: begins_with operator must have the key attribute as its first operand',
    },
    {
      input: query('pk = :p AND sk = :s', { ':s': { S: '1' } }),
      error: 'One or more parameter values were invalid: Condition parameter type does not match schema type',
    },
    {
      input: query('pk = :p', { ':p': { S: '' } }),
      error:
        'One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: pk',
    },
    {
      input: query('pk = :p', {}, { FilterExpression: 'sk = :p' }),
      error: 'Filter Expression can only contain non-primary key attributes: Primary key attribute: sk',
    },
    {
      input: query('pk = :p', {}, { ExclusiveStartKey: { pk: { S: 'b' }, sk: { N: '1' } } }),
      error: 'The provided starting key does not match the range key predicate',
    },
    {
      input: query(
        'pk = :p AND sk > :s',
        { ':s': { N: '5' } },
        { ExclusiveStartKey: { pk: { S: 'a' }, sk: { N: '1' } } },
      ),
      error: 'The provided starting key does not match the range key predicate',
    },
    {
      input: query('pk = :p', {}, { ExclusiveStartKey: { pk: { S: 'a' } } }),
      error: 'The provided starting key is invalid: The provided key element does not match the schema',
    },
    { input: query('pk = :p', {}, { IndexName: 'by-x' }), error: 'The table does not have the specified index: by-x' },
    {
      input: query('pk = :p', {}, { Select: 'SPECIFIC_ATTRIBUTES' }),
      error: 'Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES',
    },
    {
      input: query('pk = :p', {}, { Select: 'COUNT', ProjectionExpression: 'pk' }),
      error: 'Cannot specify the ProjectionExpression when choosing to get only the Count',
    },
    {
      input: query('pk = :p', {}, { Limit: 0 }),
      error:
        "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1",
    },
  ])('refuses: $error', ({ input, error }) => {
    expect(machine.refusal('Query', input)).toBe(`ValidationException: ${error}`);
  });
});

describe('pages of 1 MB', () => {
  it('end before the item that would exceed them', () => {
    const machine = filled(['a'], 8, { blob: { S: 'x'.repeat(300_000) } });
    const found = pages(machine, 'Query', BY_PARTITION);
    expect(found.map(({ Count }) => Count)).toEqual([3, 3, 2]);
    expect(found.flatMap(sorts)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(pages(machine, 'Scan', { TableName: 'tbl' }).map(({ Count }) => Count)).toEqual([3, 3, 2]);
  });

  it('count what was read, not what is returned', () => {
    const machine = filled(['a'], 8, { blob: { S: 'x'.repeat(300_000) } });
    const page = machine.call('Scan', { TableName: 'tbl', FilterExpression: 'attribute_exists(zz)' });
    expect(page).toMatchObject({ Items: [], Count: 0, ScannedCount: 3 });
    expect(page.LastEvaluatedKey).toBeDefined();
  });
});

describe('Scan', () => {
  const names = Array.from({ length: 30 }, (_, i) => `p${i}`);
  const machine = filled(names, 3);
  const id = ({ pk, sk }: Row) => `${pk.S}/${sk.N}`;

  it('gives every item once, partition by partition, in an order that does not depend on how they came', () => {
    const items = machine.call('Scan', { TableName: 'tbl' }).Items.map(id);
    expect(new Set(items).size).toBe(90);
    const other = filled([...names].reverse(), 3);
    expect(other.call('Scan', { TableName: 'tbl' }).Items.map(id)).toEqual(items);
    const partitions = items.map((text: string) => text.split('/')[0]);
    expect(partitions.filter((pk: string, i: number) => pk !== partitions[i - 1])).toHaveLength(30);
  });

  it('pages through Limit in the same order', () => {
    const whole = machine.call('Scan', { TableName: 'tbl' }).Items.map(id);
    const paged = pages(machine, 'Scan', { TableName: 'tbl', Limit: 7 });
    expect(paged.flatMap(({ Items }) => Items.map(id))).toEqual(whole);
  });

  it('splits into segments that share nothing and miss nothing', () => {
    const whole = machine.call('Scan', { TableName: 'tbl' }).Items.map(id);
    const parts = [0, 1, 2, 3].map((Segment) =>
      pages(machine, 'Scan', { TableName: 'tbl', Segment, TotalSegments: 4, Limit: 5 }).flatMap(({ Items }) =>
        Items.map(id),
      ),
    );
    expect(parts.flat().sort()).toEqual([...whole].sort());
    expect(parts.every((part) => part.length > 0)).toBe(true);
  });

  it.each([
    { more: { Segment: 0 }, error: /TotalSegments parameter is required but was not present/ },
    { more: { TotalSegments: 2 }, error: /Segment parameter is required but was not present/ },
    { more: { Segment: 2, TotalSegments: 2 }, error: /Segment: 2 is not less than TotalSegments: 2/ },
    { more: { Select: 'ALL_PROJECTED_ATTRIBUTES' }, error: /can be used only when Scanning using an IndexName/ },
    { more: { ExclusiveStartKey: { pk: { S: 'a' } } }, error: /The provided starting key is invalid/ },
  ])('refuses $more', ({ more, error }) => {
    expect(machine.refusal('Scan', { TableName: 'tbl', ...more })).toMatch(error);
  });

  it('refuses to go on in a segment that the key is not in', () => {
    const { Items } = machine.call('Scan', { TableName: 'tbl', Segment: 0, TotalSegments: 2 });
    expect(
      machine.refusal('Scan', {
        TableName: 'tbl',
        Segment: 1,
        TotalSegments: 2,
        ExclusiveStartKey: { pk: Items[0].pk, sk: Items[0].sk },
      }),
    ).toMatch(/Invalid ExclusiveStartKey/);
  });
});

describe('random writes', () => {
  it('leave the order that sorting the survivors would give', () => {
    const step = fc.record({
      remove: fc.boolean(),
      pk: fc.constantFrom('a', 'b'),
      sk: fc.integer({ min: -20, max: 20 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const machine = new Machine().table();
        const alive = new Map<string, Set<number>>([
          ['a', new Set()],
          ['b', new Set()],
        ]);
        for (const { remove, pk, sk } of steps) {
          const key = { pk: { S: pk }, sk: { N: String(sk) } };
          if (remove) machine.call('DeleteItem', { TableName: 'tbl', Key: key });
          else machine.call('PutItem', { TableName: 'tbl', Item: key });
          if (remove) alive.get(pk)?.delete(sk);
          else alive.get(pk)?.add(sk);
        }
        for (const [pk, numbers] of alive) {
          const found = machine.call('Query', query('pk = :p', { ':p': { S: pk } }));
          expect(sorts(found)).toEqual([...numbers].sort((a, b) => a - b));
        }
      }),
      { numRuns: 100 },
    );
  });
});
