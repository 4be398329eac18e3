/**
 * Key conditions of a Query: `partition = :value`, optionally with one condition on the sort key. What is more than
 * that is refused in DynamoDB's words.
 */
import { invalid, invalidParameter, typeOf, type Value } from '../attribute-value.ts';
import type { KeyAttribute, KeySchema } from '../key-schema.ts';
import type { Comparator, Condition, Operand, ParsedCondition } from './condition.ts';

export type SortCondition =
  | { readonly kind: '=' | '<' | '<=' | '>' | '>=' | 'begins_with'; readonly value: Value }
  | { readonly kind: 'between'; readonly low: Value; readonly high: Value };

export interface KeyCondition {
  readonly partition: Value;
  readonly sort?: SortCondition;
}

const MIRRORED: Readonly<Record<Comparator, '=' | '<' | '<=' | '>' | '>=' | '<>'>> = {
  '=': '=',
  '<>': '<>',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
};

/** @throws AwsError ValidationException */
export function narrowKeyCondition({ condition }: ParsedCondition, schema: KeySchema): KeyCondition {
  const found = new Map<string, SortCondition>();
  collect(condition, found);
  if (found.size > 2) throw invalid('Conditions can be of length 1 or 2 only');
  const partition = found.get(schema.hash.name);
  const sort = schema.range && found.get(schema.range.name);
  if (!partition || found.size > (sort ? 2 : 1)) throw invalid('Query condition missed key schema element');
  if (partition.kind !== '=') throw invalid('Query key condition not supported');
  checkType(schema.hash, [partition.value]);
  if (!sort || !schema.range) return { partition: partition.value };
  checkType(schema.range, sort.kind === 'between' ? [sort.low, sort.high] : [sort.value]);
  return { partition: partition.value, sort };
}

function checkType(attribute: KeyAttribute, values: readonly Value[]): void {
  for (const value of values) {
    if (typeOf(value) !== attribute.type) {
      throw invalidParameter('Condition parameter type does not match schema type');
    }
    if (('S' in value && value.S === '') || ('B' in value && value.B === '')) {
      const kind = 'S' in value ? 'string' : 'binary';
      throw invalid(
        `One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty ${kind} value. Key: ${attribute.name}`,
      );
    }
  }
}

function collect(condition: Condition, found: Map<string, SortCondition>): void {
  switch (condition.kind) {
    case 'and':
      collect(condition.left, found);
      collect(condition.right, found);
      return;
    case 'or':
    case 'not':
    case 'in':
      throw notAllowed(condition.kind.toUpperCase());
    case 'compare': {
      if (condition.operator === '<>') throw notAllowed('<>');
      const [name, [value]] = oneAttribute([condition.left, condition.right]);
      const kind = condition.left.kind === 'path' ? condition.operator : MIRRORED[condition.operator];
      if (kind !== '<>' && value) put(found, name, { kind, value });
      return;
    }
    case 'between': {
      if (condition.operand.kind !== 'path') throw notFirst('BETWEEN');
      const [name, [low, high]] = oneAttribute([condition.operand, condition.low, condition.high]);
      if (low && high) put(found, name, { kind: 'between', low, high });
      return;
    }
    case 'call': {
      if (condition.name !== 'begins_with') throw notAllowed(condition.name);
      if (condition.operands[0]?.kind !== 'path') throw notFirst('begins_with');
      const [name, [value]] = oneAttribute(condition.operands);
      if (value) put(found, name, { kind: 'begins_with', value });
    }
  }
}

function put(found: Map<string, SortCondition>, name: string, condition: SortCondition): void {
  if (found.has(name)) throw invalid('KeyConditionExpressions must only contain one condition per key');
  found.set(name, condition);
}

/** The attribute that a condition is about, and the values beside it. */
function oneAttribute(operands: readonly Operand[]): [string, Value[]] {
  const names: string[] = [];
  const values: Value[] = [];
  for (const operand of operands) {
    if (operand.kind === 'size') throw invalid('KeyConditionExpressions cannot contain nested operations');
    if (operand.kind === 'value') values.push(operand.value);
    else if (operand.path.length > 1) {
      throw invalid('KeyConditionExpressions cannot have conditions on nested attributes');
    } else names.push(String(operand.path[0]));
  }
  const [name] = names;
  if (name === undefined) throw invalid('Invalid condition in KeyConditionExpression: No key attribute specified');
  if (names.length > 1) {
    throw invalid('Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition');
  }
  return [name, values];
}

const notAllowed = (operator: string) => invalid(`Invalid operator used in KeyConditionExpression: ${operator}`);
const notFirst = (operator: string) =>
  invalid(
    `Invalid condition in KeyConditionExpression: ${operator} operator must have the key attribute as its first operand`,
  );
