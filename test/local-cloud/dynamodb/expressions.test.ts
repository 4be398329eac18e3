import { describe, expect, it } from 'vitest';
import { Machine } from './machine.ts';

const KEY = { pk: { S: 'a' }, sk: { N: '1' } };
const ITEM = {
  ...KEY,
  n: { N: '105' },
  s: { S: 'text' },
  l: { L: [{ S: 'x' }, { N: '2' }, { M: { deep: { BOOL: true } } }] },
  m: { M: { k: { S: 'v' }, q: { N: '3' } } },
  ss: { SS: ['a', 'b'] },
  ns: { NS: ['1', '2'] },
  b: { B: new Uint8Array([1, 2, 3]) },
  no: { BOOL: false },
  nil: { NULL: true },
};

type Values = Record<string, object>;
const expression = (names?: Record<string, string>, values?: Values) => ({
  ...(names ? { ExpressionAttributeNames: names } : {}),
  ...(values ? { ExpressionAttributeValues: values } : {}),
});

function machineWithItem(): Machine {
  const machine = new Machine().table();
  machine.call('PutItem', { TableName: 'tbl', Item: ITEM });
  return machine;
}

const machine = machineWithItem();
const filter = (FilterExpression: string, values?: Values, names?: Record<string, string>) => ({
  TableName: 'tbl',
  FilterExpression,
  ...expression(names, values),
});

const X = { ':a': { S: 'x' } };
const ONE = { ':a': { N: '1' } };

describe('conditions that hold, and that do not', () => {
  it.each<{ text: string; values?: Values; names?: Record<string, string>; holds: boolean; reason: string }>([
    { text: 'n = :v', values: { ':v': { N: '1.05E2' } }, holds: true, reason: 'numbers compare by value' },
    { text: 'n = :v', values: { ':v': { S: '105' } }, holds: false, reason: 'types differ' },
    { text: 'n <> :v', values: { ':v': { S: '105' } }, holds: true, reason: 'what differs in type differs' },
    { text: 'zz <> :v', values: { ':v': { S: 'x' } }, holds: true, reason: 'what is missing differs from everything' },
    { text: 'zz = yy', holds: false, reason: 'and equals nothing' },
    { text: 'zz <> yy', holds: true, reason: 'not even something else that is missing' },
    { text: 'zz < :v', values: { ':v': { N: '1' } }, holds: false, reason: 'there is no order with what is missing' },
    { text: 's < :v', values: { ':v': { N: '1' } }, holds: false, reason: 'nor between types' },
    { text: 'n > :v', values: { ':v': { N: '20' } }, holds: true, reason: 'numbers are not ordered as text' },
    { text: 's >= :v', values: { ':v': { S: 'text' } }, holds: true, reason: 'greater or equal' },
    { text: 'b < :v', values: { ':v': { B: new Uint8Array([1, 3]) } }, holds: true, reason: 'binary by byte' },
    {
      text: 'n BETWEEN :a AND :b',
      values: { ':a': { N: '105' }, ':b': { N: '106' } },
      holds: true,
      reason: 'inclusive',
    },
    { text: 'n IN (:a, s, :b)', values: { ':a': { N: '1' }, ':b': { N: '105' } }, holds: true, reason: 'one of them' },
    {
      text: 'm = :v',
      values: { ':v': { M: { q: { N: '3.0' }, k: { S: 'v' } } } },
      holds: true,
      reason: 'maps in any order',
    },
    { text: 'ss = :v', values: { ':v': { SS: ['b', 'a'] } }, holds: true, reason: 'sets in any order' },
    { text: 'l[1] = :v', values: { ':v': { N: '2' } }, holds: true, reason: 'an element' },
    { text: 'l[2].deep = :v', values: { ':v': { BOOL: true } }, holds: true, reason: 'a member of an element' },
    { text: 'l[7] = :v', values: { ':v': { N: '2' } }, holds: false, reason: 'beyond the end' },
    { text: '#m.#k = :v', names: { '#m': 'm', '#k': 'k' }, values: { ':v': { S: 'v' } }, holds: true, reason: 'names' },
    { text: 'attribute_exists(m.q)', holds: true, reason: 'a path' },
    { text: 'attribute_exists(#c)', names: { '#c': 'constructor' }, holds: false, reason: 'nothing is inherited' },
    { text: 'attribute_not_exists(m.zz)', holds: true, reason: 'no such member' },
    { text: 'attribute_exists(nil)', holds: true, reason: 'NULL is there' },
    { text: 'attribute_type(nil, :t)', values: { ':t': { S: 'NULL' } }, holds: true, reason: 'its type' },
    { text: 'attribute_type(zz, :t)', values: { ':t': { S: 'S' } }, holds: false, reason: 'what is missing has none' },
    { text: 'begins_with(s, :v)', values: { ':v': { S: 'te' } }, holds: true, reason: 'text' },
    { text: 'begins_with(b, :v)', values: { ':v': { B: new Uint8Array([1, 2]) } }, holds: true, reason: 'bytes' },
    { text: 'begins_with(n, :v)', values: { ':v': { S: '1' } }, holds: false, reason: 'not numbers' },
    { text: 'contains(s, :v)', values: { ':v': { S: 'ex' } }, holds: true, reason: 'part of a text' },
    { text: 'contains(ss, :v)', values: { ':v': { S: 'b' } }, holds: true, reason: 'a member of a set' },
    { text: 'contains(ns, :v)', values: { ':v': { N: '2.0' } }, holds: true, reason: 'a number of a set' },
    { text: 'contains(l, :v)', values: { ':v': { N: '2' } }, holds: true, reason: 'an element of a list' },
    { text: 'contains(m, :v)', values: { ':v': { S: 'k' } }, holds: false, reason: 'maps contain nothing' },
    { text: 'size(s) = :v', values: { ':v': { N: '4' } }, holds: true, reason: 'characters' },
    { text: 'size(b) = :v AND size(l) = :v', values: { ':v': { N: '3' } }, holds: true, reason: 'bytes, elements' },
    { text: 'size(m) = :v AND size(ss) = :v', values: { ':v': { N: '2' } }, holds: true, reason: 'members' },
    { text: 'size(n) > :v', values: { ':v': { N: '0' } }, holds: false, reason: 'a number has no size' },
    {
      text: 'n = :a OR n = :b AND s = :b',
      values: { ':a': { N: '105' }, ':b': { S: 'q' } },
      holds: true,
      reason: 'AND binds',
    },
    {
      text: '(n = :a OR n = :b) AND s = :b',
      values: { ':a': { N: '105' }, ':b': { S: 'q' } },
      holds: false,
      reason: '()',
    },
    {
      text: 'NOT n = :a AND s = :b',
      values: { ':a': { N: '1' }, ':b': { S: 'text' } },
      holds: true,
      reason: 'NOT binds most',
    },
    { text: 'NOT (n = :a) and not (s = n)', values: { ':a': { N: '1' } }, holds: true, reason: 'keywords in any case' },
  ])('$text is $holds: $reason', ({ text, values, names, holds, reason }) => {
    expect(machine.call('Scan', filter(text, values, names)).Count, reason).toBe(holds ? 1 : 0);
  });

  it('orders strings as UTF-8 does', () => {
    // U+FFEE comes before U+1F600 by code point, and after its surrogates by UTF-16 code unit.
    const values = { ':a': { S: '\uffee' }, ':b': { S: '😀' } };
    expect(machine.call('Scan', filter(':a < :b', values)).Count).toBe(1);
  });
});

describe('conditions that are refused', () => {
  it.each<{ text: string; values?: Values; names?: Record<string, string>; error: string }>([
    { text: '', error: 'The expression can not be empty;' },
    { text: 'n', error: 'Syntax error; token: "<EOF>", near: "n"' },
    { text: 'n = s = l', error: 'Syntax error; token: "=", near: "s = l"' },
    { text: 'n = s AND', error: 'Syntax error; token: "<EOF>", near: "AND"' },
    { text: 'n = s OR OR', error: 'Syntax error; token: "OR", near: "OR OR"' },
    { text: 'n IN ()', error: 'Syntax error; token: ")", near: "()"' },
    { text: 'n = 1', error: 'Syntax error; token: "1", near: "= 1"' },
    { text: 'n = "x"', error: 'Syntax error; token: """, near: "= "x"' },
    { text: '_a = :a', values: X, error: 'Syntax error; token: "_", near: "_a"' },
    { text: 'a-b = :a', values: X, error: 'Syntax error; token: "-", near: "a-b"' },
    { text: 'l[x] = :a', values: X, error: 'Syntax error; token: "x", near: "[x]"' },
    { text: 'l[0 = :a', values: X, error: 'Syntax error; token: "=", near: "0 = :a"' },
    { text: '((n = s))', error: 'The expression has redundant parentheses;' },
    { text: 'foo(n)', error: 'Invalid function name; function: foo' },
    { text: 'BEGINS_WITH(s, :a)', values: X, error: 'Invalid function name; function: BEGINS_WITH' },
    {
      text: 'n = if_not_exists(s, m)',
      error: 'The function is not allowed in a condition expression; function: if_not_exists',
    },
    { text: 'size(s)', error: 'The function is not allowed to be used this way in an expression; function: size' },
    {
      text: 'attribute_exists(s) = :a',
      values: X,
      error: 'The function is not allowed to be used this way in an expression; function: attribute_exists',
    },
    { text: 'comment = :a', values: X, error: 'Attribute name is a reserved keyword; reserved keyword: comment' },
    {
      text: 'n = :b',
      error: 'An expression attribute value used in expression is not defined; attribute value: :b',
    },
    {
      text: '#b = n',
      error: 'An expression attribute name used in the document path is not defined; attribute name: #b',
    },
    {
      text: 'attribute_exists(n, s)',
      error:
        'Incorrect number of operands for operator or function; operator or function: attribute_exists, number of operands: 2',
    },
    {
      text: 'attribute_exists(:a)',
      values: X,
      error: 'Operator or function requires a document path; operator or function: attribute_exists',
    },
    {
      text: 'attribute_type(n, :a)',
      values: { ':a': { S: 'Q' } },
      error: 'Invalid attribute type name found; type: Q, valid types: {S,N,B,BOOL,NULL,SS,NS,BS,L,M}',
    },
    {
      text: 'begins_with(s, :a)',
      values: ONE,
      error: 'Incorrect operand type for operator or function; operator or function: begins_with, operand type: N',
    },
    {
      text: 'size(size(s)) > :a',
      values: ONE,
      error: 'Incorrect operand type for operator or function; operator or function: size, operand type: N',
    },
    {
      text: 'n < :a',
      values: { ':a': { L: [] } },
      error: 'Incorrect operand type for operator or function; operator or function: <, operand type: L',
    },
    {
      text: 'n = n',
      error:
        'The first operand must be distinct from the remaining operands for this operator or function; operator: =, first operand: [n]',
    },
    {
      text: 'm.k IN (s, m.k)',
      error:
        'The first operand must be distinct from the remaining operands for this operator or function; operator: IN, first operand: [m, k]',
    },
    {
      text: 'n BETWEEN :a AND :b',
      values: { ':a': { N: '5' }, ':b': { N: '1' } },
      error:
        'The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {N:5}, upper bound operand: AttributeValue: {N:1}',
    },
    {
      text: 'n BETWEEN :a AND :b',
      values: { ':a': { N: '5' }, ':b': { S: '1' } },
      error:
        'The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: AttributeValue: {N:5}, upper bound operand: AttributeValue: {S:1}',
    },
    {
      text: `n IN (${Array.from({ length: 101 }, (_, i) => `l[${i}]`).join()})`,
      error: 'The IN operator is provided with too many operands; number of operands: 101',
    },
    {
      text: `n = s ${' '.repeat(4096)}`,
      error: 'Expression size has exceeded the maximum allowed size; expression size: 4102',
    },
  ])('$text: $error', ({ text, values, names, error }) => {
    expect(machine.refusal('Scan', filter(text, values, names))).toBe(
      `ValidationException: Invalid FilterExpression: ${error}`,
    );
  });

  it.each<{ more: object; error: string }>([
    {
      more: { FilterExpression: 'n = :a', ExpressionAttributeValues: { ...ONE, ':b': { S: 'y' }, ':c': { S: 'z' } } },
      error: 'Value provided in ExpressionAttributeValues unused in expressions: keys: {:b, :c}',
    },
    {
      more: { FilterExpression: 'n = s', ExpressionAttributeNames: { '#b': 'b' } },
      error: 'Value provided in ExpressionAttributeNames unused in expressions: keys: {#b}',
    },
    {
      more: { FilterExpression: 'n = s', ExpressionAttributeNames: { b: 'b' } },
      error: 'ExpressionAttributeNames contains invalid key: Syntax error; key: "b"',
    },
    {
      more: { FilterExpression: 'n = s', ExpressionAttributeValues: {} },
      error: 'ExpressionAttributeValues must not be empty',
    },
    {
      more: { FilterExpression: 'n = :a', ExpressionAttributeValues: { ':a': { N: 'x' } } },
      error:
        'ExpressionAttributeValues contains invalid value: The parameter cannot be converted to a numeric value: x for key :a',
    },
    {
      more: { ExpressionAttributeNames: { '#b': 'b' } },
      error: 'ExpressionAttributeNames can only be specified when using expressions',
    },
    {
      more: { ExpressionAttributeValues: ONE },
      error: 'ExpressionAttributeValues can only be specified when using expressions: FilterExpression is null',
    },
    {
      more: { FilterExpression: 'attribute_exists(pk.x)' },
      error: "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: pk",
    },
    {
      more: { ProjectionExpression: 'n, m.k, n' },
      error:
        'Invalid ProjectionExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [n], path two: [n]',
    },
    {
      more: { ProjectionExpression: 'm.k, m[0]' },
      error:
        'Invalid ProjectionExpression: Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [m, k], path two: [m, [0]]',
    },
    {
      more: { ProjectionExpression: 'n,' },
      error: 'Invalid ProjectionExpression: Syntax error; token: "<EOF>", near: ","',
    },
  ])('$error', ({ more, error }) => {
    expect(machine.refusal('Scan', { TableName: 'tbl', ...more })).toBe(`ValidationException: ${error}`);
  });
});

const update = (UpdateExpression: string, values?: Values, names?: Record<string, string>) => ({
  TableName: 'tbl',
  Key: KEY,
  UpdateExpression,
  ReturnValues: 'ALL_NEW',
  ...expression(names, values),
});

describe('updates', () => {
  it.each<{ text: string; values?: Values; names?: Record<string, string>; after: object; reason: string }>([
    { text: 'SET a = :a', values: X, after: { a: { S: 'x' } }, reason: 'a new attribute' },
    { text: 'SET n = n - :a', values: ONE, after: { n: { N: '104' } }, reason: 'arithmetic' },
    { text: 'SET n = (n + :a)', values: ONE, after: { n: { N: '106' } }, reason: 'in parentheses' },
    { text: 'SET a = if_not_exists(n, :a)', values: ONE, after: { a: { N: '105' } }, reason: 'it exists' },
    { text: 'SET a = if_not_exists(zz, :a) + :a', values: ONE, after: { a: { N: '2' } }, reason: 'it does not' },
    {
      text: 'SET ss = list_append(if_not_exists(zz, :a), :a)',
      values: { ':a': { L: [{ S: 'y' }] } },
      after: { ss: { L: [{ S: 'y' }, { S: 'y' }] } },
      reason: 'a list made on the way, over a value of another type',
    },
    { text: 'SET a = n, n = s', after: { a: { N: '105' }, n: { S: 'text' } }, reason: 'all read the old item' },
    {
      text: 'SET m.k = :a, m.z = :a REMOVE m.q',
      values: X,
      after: { m: { M: { k: { S: 'x' }, z: { S: 'x' } } } },
      reason: 'members',
    },
    {
      text: 'SET l[9] = :b, l[8] = :a REMOVE l[0], l[2]',
      values: { ':a': { S: 'eight' }, ':b': { S: 'nine' } },
      after: { l: { L: [{ N: '2' }, { S: 'eight' }, { S: 'nine' }] } },
      reason: 'indexes are those of the old list; what is beyond the end is appended in order',
    },
    { text: 'REMOVE l[7], zz', after: {}, reason: 'removing what is not there does nothing' },
    { text: 'ADD n :a', values: { ':a': { N: '0.5' } }, after: { n: { N: '105.5' } }, reason: 'a number' },
    {
      text: 'ADD ss :a',
      values: { ':a': { SS: ['0', 'b'] } },
      after: { ss: { SS: ['0', 'a', 'b'] } },
      reason: 'a union',
    },
    {
      text: 'DELETE ns :a',
      values: { ':a': { NS: ['2', '7'] } },
      after: { ns: { NS: ['1'] } },
      reason: 'a difference',
    },
    {
      text: 'DELETE ss :a',
      values: { ':a': { SS: ['a', 'b'] } },
      after: { ss: undefined },
      reason: 'a set is never empty',
    },
    { text: 'DELETE zz :a', values: { ':a': { SS: ['a'] } }, after: {}, reason: 'nothing of nothing' },
    {
      text: 'SET #n = :a ADD zz :b',
      names: { '#n': 'name' },
      values: { ...X, ':b': { N: '1' } },
      after: { name: { S: 'x' }, zz: { N: '1' } },
      reason: 'a reserved word by another name, two sections',
    },
  ])('$text: $reason', ({ text, values, names, after, reason }) => {
    const fresh = machineWithItem();
    const expected = Object.fromEntries(
      Object.entries({ ...ITEM, ...after }).filter(([, value]) => value !== undefined),
    );
    expect(fresh.call('UpdateItem', update(text, values, names)).Attributes, reason).toEqual(expected);
    expect(fresh.call('GetItem', { TableName: 'tbl', Key: KEY }).Item).toEqual(expected);
  });

  it.each<{ text: string; values?: Values; error: string }>([
    { text: '', error: 'Invalid UpdateExpression: The expression can not be empty;' },
    { text: '  ', error: 'Invalid UpdateExpression: Syntax error; token: "<EOF>", near: "  "' },
    { text: 'FOO a', error: 'Invalid UpdateExpression: Syntax error; token: "FOO", near: "FOO a"' },
    {
      text: 'SET a = :a b = :a',
      values: X,
      error: 'Invalid UpdateExpression: Syntax error; token: "b", near: ":a b ="',
    },
    {
      text: 'SET a = :a + :a + :a',
      values: ONE,
      error: 'Invalid UpdateExpression: Syntax error; token: "+", near: ":a + :a"',
    },
    { text: 'ADD a b', error: 'Invalid UpdateExpression: Syntax error; token: "b", near: "a b"' },
    {
      text: 'SET a = :a SET b = :a',
      values: X,
      error: 'Invalid UpdateExpression: The "SET" section can only be used once in an update expression;',
    },
    {
      text: 'SET name = :a',
      values: X,
      error: 'Invalid UpdateExpression: Attribute name is a reserved keyword; reserved keyword: name',
    },
    {
      text: 'SET a = :a, a.b = :a',
      values: X,
      error:
        'Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a, b]',
    },
    {
      text: 'SET a.b = :a REMOVE a[0]',
      values: X,
      error:
        'Invalid UpdateExpression: Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [a, b], path two: [a, [0]]',
    },
    {
      text: 'SET a = size(l)',
      error: 'Invalid UpdateExpression: The function is not allowed in an update expression; function: size',
    },
    { text: 'SET a = foo(l)', error: 'Invalid UpdateExpression: Invalid function name; function: foo' },
    {
      text: 'SET a = list_append(l)',
      error:
        'Invalid UpdateExpression: Incorrect number of operands for operator or function; operator or function: list_append, number of operands: 1',
    },
    {
      text: 'SET a = list_append(list_append(l, :a), :a)',
      values: { ':a': { L: [] } },
      error:
        'Invalid UpdateExpression: The function is not allowed to be used this way in an expression; function: list_append',
    },
    {
      text: 'SET a = n + :a',
      values: X,
      error:
        'Invalid UpdateExpression: Incorrect operand type for operator or function; operator or function: +, operand type: S',
    },
    {
      text: 'ADD n :a',
      values: X,
      error:
        'Invalid UpdateExpression: Incorrect operand type for operator or function; operator: ADD, operand type: STRING, typeSet: ALLOWED_FOR_ADD_OPERAND',
    },
    {
      text: 'SET a = if_not_exists(:a, :a)',
      values: X,
      error:
        'Invalid UpdateExpression: Operator or function requires a document path; operator or function: if_not_exists',
    },
    { text: 'SET a = zz', error: 'The provided expression refers to an attribute that does not exist in the item' },
    { text: 'SET a = l + :a', values: ONE, error: 'An operand in the update expression has an incorrect data type' },
    { text: 'ADD m :a', values: ONE, error: 'An operand in the update expression has an incorrect data type' },
    {
      text: 'DELETE n :a',
      values: { ':a': { SS: ['x'] } },
      error: 'An operand in the update expression has an incorrect data type',
    },
    {
      text: 'SET zz.y = :a',
      values: X,
      error: 'The document path provided in the update expression is invalid for update',
    },
    { text: 'REMOVE s[0]', error: 'The document path provided in the update expression is invalid for update' },
    {
      text: 'SET l[9].x = :a',
      values: X,
      error: 'The document path provided in the update expression is invalid for update',
    },
  ])('refuses $text: $error', ({ text, values, error }) => {
    const fresh = machineWithItem();
    expect(fresh.refusal('UpdateItem', update(text, values))).toBe(`ValidationException: ${error}`);
    expect(fresh.call('GetItem', { TableName: 'tbl', Key: KEY }).Item, 'nothing was changed').toEqual(ITEM);
  });
});
