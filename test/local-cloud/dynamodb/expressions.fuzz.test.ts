/**
 * Random conditions and updates against a reference that works on plain JavaScript values and the expression's own
 * tree, so that parsing (precedence, parentheses), paths and evaluation are judged by something that shares no code.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Machine } from './machine.ts';

type Plain = number | string | boolean | null | Plain[] | { [name: string]: Plain };
type Path = (string | number)[];
type Operand = { path: Path } | { value: Plain } | { size: Path };
type Tree =
  | { not: Tree }
  | { and: [Tree, Tree] }
  | { or: [Tree, Tree] }
  | { op: string; left: Operand; right: Operand }
  | { exists: Path }
  | { begins: [Path, string] };

const KEY = { pk: { S: 'k' }, sk: { N: '0' } };

// ---------------------------------------------------------------------------------------------------- generators

const leaf: fc.Arbitrary<Plain> = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom('', 'a', 'ab', 'b'),
  fc.boolean(),
  fc.constant(null),
);
const plain: fc.Arbitrary<Plain> = fc.oneof(
  { weight: 4, arbitrary: leaf },
  fc.array(leaf, { maxLength: 3 }),
  fc.dictionary(fc.constantFrom('x', 'y'), leaf, { maxKeys: 2 }),
);
const item = fc.dictionary(fc.constantFrom('f1', 'f2', 'f3', 'f4'), plain, { maxKeys: 4 });
const path: fc.Arbitrary<Path> = fc
  .tuple(
    fc.constantFrom('f1', 'f2', 'f3', 'f4'),
    fc.array(fc.constantFrom<string | number>('x', 'y', 0, 1), { maxLength: 1 }),
  )
  .map(([head, rest]) => [head, ...rest]);
const operand: fc.Arbitrary<Operand> = fc.oneof(
  fc.record({ path }),
  fc.record({ value: leaf }),
  fc.record({ size: path }),
);
const tree = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, depthIdentifier: 'tree' },
    fc.record({ op: fc.constantFrom('=', '<>', '<', '<=', '>', '>='), left: operand, right: operand }),
    fc.record({ exists: path }),
    fc.record({ begins: fc.tuple(path, fc.constantFrom('', 'a')) }),
    fc.record({ not: tie('tree') }),
    fc.record({ and: fc.tuple(tie('tree'), tie('tree')) }),
    fc.record({ or: fc.tuple(tie('tree'), tie('tree')) }),
  ),
})).tree;

// ------------------------------------------------------------------------------------------------------- printing

class Printer {
  readonly values: Record<string, object> = {};

  value(value: Plain): string {
    const name = `:v${Object.keys(this.values).length}`;
    this.values[name] = wire(value);
    return name;
  }

  operand(operand: Operand): string {
    if ('path' in operand) return printPath(operand.path);
    return 'size' in operand ? `size(${printPath(operand.size)})` : this.value(operand.value);
  }

  /** `level` is how tightly the surroundings bind: parentheses are printed only where they are needed. */
  tree(tree: Tree, level = 0): string {
    if ('exists' in tree) return `attribute_exists(${printPath(tree.exists)})`;
    if ('begins' in tree) return `begins_with(${printPath(tree.begins[0])}, ${this.value(tree.begins[1])})`;
    if ('op' in tree) return `${this.operand(tree.left)} ${tree.op} ${this.operand(tree.right)}`;
    if ('not' in tree) return `NOT ${this.tree(tree.not, 3)}`;
    const [word, parts, own] = 'and' in tree ? (['AND', tree.and, 2] as const) : (['OR', tree.or, 1] as const);
    const text = `${this.tree(parts[0], own)} ${word} ${this.tree(parts[1], own + 1)}`;
    return own < level ? `(${text})` : text;
  }
}

function printPath(path: Path): string {
  return path.map((step, i) => (typeof step === 'number' ? `[${step}]` : i === 0 ? step : `.${step}`)).join('');
}

function wire(value: Plain): object {
  if (value === null) return { NULL: true };
  if (typeof value === 'number') return { N: String(value) };
  if (typeof value === 'string') return { S: value };
  if (typeof value === 'boolean') return { BOOL: value };
  if (Array.isArray(value)) return { L: value.map(wire) };
  return { M: wireItem(value) };
}

function wireItem(value: { [name: string]: Plain }): Record<string, object> {
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, wire(member)]));
}

// ------------------------------------------------------------------------------------------------------ reference

function read(root: Plain, path: Path): Plain | undefined {
  return path.reduce<Plain | undefined>((at, step) => {
    if (typeof step === 'number') return Array.isArray(at) ? at[step] : undefined;
    return isMap(at) && Object.hasOwn(at, step) ? at[step] : undefined;
  }, root);
}

function isMap(value: Plain | undefined): value is { [name: string]: Plain } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function resolve(operand: Operand, root: Plain): Plain | undefined {
  if ('value' in operand) return operand.value;
  if ('path' in operand) return read(root, operand.path);
  const sized = read(root, operand.size);
  if (typeof sized === 'string' || Array.isArray(sized)) return sized.length;
  return isMap(sized) ? Object.keys(sized).length : undefined;
}

const canonical = (value: Plain): string =>
  isMap(value)
    ? `{${Object.keys(value)
        .sort()
        .map((name) => `${name}:${canonical(value[name] as Plain)}`)}}`
    : Array.isArray(value)
      ? `[${value.map(canonical)}]`
      : JSON.stringify(value);

function holds(tree: Tree, root: Plain): boolean {
  if ('not' in tree) return !holds(tree.not, root);
  if ('and' in tree) return tree.and.every((part) => holds(part, root));
  if ('or' in tree) return tree.or.some((part) => holds(part, root));
  if ('exists' in tree) return read(root, tree.exists) !== undefined;
  if ('begins' in tree) {
    const text = read(root, tree.begins[0]);
    return typeof text === 'string' && text.startsWith(tree.begins[1]);
  }
  const left = resolve(tree.left, root);
  const right = resolve(tree.right, root);
  const equal = left !== undefined && right !== undefined && canonical(left) === canonical(right);
  if (tree.op === '=') return equal;
  if (tree.op === '<>') return !equal;
  const ordered = typeof left === typeof right && (typeof left === 'number' || typeof left === 'string');
  if (!ordered || left === undefined || right === undefined || left === null || right === null) return false;
  return { '<': left < right, '<=': left <= right, '>': left > right, '>=': left >= right }[tree.op] === true;
}

/** Whether DynamoDB refuses a comparison before it looks at any item. */
function isRefused(tree: Tree): boolean {
  if ('not' in tree) return isRefused(tree.not);
  if ('and' in tree) return tree.and.some(isRefused);
  if ('or' in tree) return tree.or.some(isRefused);
  if (!('op' in tree)) return false;
  const { left, right, op } = tree;
  const samePath = 'path' in left && 'path' in right && printPath(left.path) === printPath(right.path);
  const unordered = [left, right].some(
    (side) => 'value' in side && typeof side.value !== 'string' && typeof side.value !== 'number',
  );
  return samePath || (unordered && op !== '=' && op !== '<>');
}

describe('random expressions', () => {
  it('conditions hold exactly when the reference says so', () => {
    const machine = new Machine().table();
    fc.assert(
      fc.property(item, tree, (root, condition) => {
        machine.call('PutItem', { TableName: 'tbl', Item: { ...KEY, ...wireItem(root) } });
        const printer = new Printer();
        const FilterExpression = printer.tree(condition);
        const scan = {
          TableName: 'tbl',
          FilterExpression,
          ...(Object.keys(printer.values).length > 0 ? { ExpressionAttributeValues: printer.values } : {}),
        };
        if (isRefused(condition)) expect(machine.error('Scan', scan).code).toBe('ValidationException');
        else expect(machine.call('Scan', scan).Count === 1, FilterExpression).toBe(holds(condition, root));
      }),
      { numRuns: 1500 },
    );
  });

  it('updates of separate attributes do what the reference does', () => {
    const machine = new Machine().table();
    const change = fc.oneof(
      fc.record({ set: plain }),
      fc.record({ copy: fc.constantFrom('f1', 'f2', 'f3', 'f4') }),
      fc.record({ plus: fc.integer({ min: -5, max: 5 }) }),
      fc.record({ remove: fc.constant(true) }),
    );
    const changes = fc.dictionary(fc.constantFrom('f1', 'f2', 'f3', 'f4'), change, { minKeys: 1 });
    fc.assert(
      fc.property(item, changes, (root, wanted) => {
        machine.call('PutItem', { TableName: 'tbl', Item: { ...KEY, ...wireItem(root) } });
        const printer = new Printer();
        const sets: string[] = [];
        const removes: string[] = [];
        const after = new Map(Object.entries(root));
        let refused = false;
        for (const [name, one] of Object.entries(wanted)) {
          if ('remove' in one) {
            removes.push(name);
            after.delete(name);
          } else if ('set' in one) {
            sets.push(`${name} = ${printer.value(one.set)}`);
            after.set(name, one.set);
          } else if ('copy' in one) {
            sets.push(`${name} = ${one.copy}`);
            const value = root[one.copy];
            if (value === undefined) refused = true;
            else after.set(name, value);
          } else {
            sets.push(`${name} = ${name} + ${printer.value(one.plus)}`);
            const value = root[name];
            if (typeof value === 'number') after.set(name, value + one.plus);
            else refused = true;
          }
        }
        const update = {
          TableName: 'tbl',
          Key: KEY,
          UpdateExpression: [
            sets.length > 0 ? `SET ${sets.join(', ')}` : '',
            removes.length > 0 ? `REMOVE ${removes.join(', ')}` : '',
          ].join(' '),
          ...(Object.keys(printer.values).length > 0 ? { ExpressionAttributeValues: printer.values } : {}),
        };
        if (refused) expect(machine.error('UpdateItem', update).code).toBe('ValidationException');
        else machine.call('UpdateItem', update);
        const expected = refused ? root : Object.fromEntries(after);
        expect(machine.call('GetItem', { TableName: 'tbl', Key: KEY }).Item).toEqual({ ...KEY, ...wireItem(expected) });
      }),
      { numRuns: 500 },
    );
  });

  it('never answers a broken expression with anything but a ValidationException', () => {
    const machine = new Machine().table();
    const word = fc.constantFrom(
      ...['f1', '#n', ':v', '(', ')', '[', ']', '0', '.', ',', '=', '<>', '<', '+', '-', 'AND', 'OR', 'NOT', 'IN'],
      ...['BETWEEN', 'SET', 'REMOVE', 'ADD', 'DELETE', 'size', 'contains', 'if_not_exists', 'list_append', '$', '"'],
    );
    const words = fc.array(word, { minLength: 1, maxLength: 9 }).map((list) => list.join(' '));
    fc.assert(
      fc.property(words, words, (UpdateExpression, ConditionExpression) => {
        const mentions = (reference: string) => `${UpdateExpression} ${ConditionExpression}`.includes(reference);
        try {
          machine.call('UpdateItem', {
            TableName: 'tbl',
            Key: KEY,
            UpdateExpression,
            ConditionExpression,
            ...(mentions('#n') ? { ExpressionAttributeNames: { '#n': 'f2' } } : {}),
            ...(mentions(':v') ? { ExpressionAttributeValues: { ':v': { N: '1' } } } : {}),
          });
        } catch (error) {
          expect(error).toMatchObject({ name: 'AwsError' });
          expect((error as { code: string }).code).toMatch(/^(ValidationException|ConditionalCheckFailedException)$/);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
