/**
 * What a write would do, worked out without doing it: a request becomes a parsed write (checked by itself), then a
 * change of an item (checked against table, stored item and condition). Single calls, batches and transactions differ
 * only in what they make of the errors and in when they apply the changes.
 */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { AwsError } from '../../contract.ts';
import { type Item, invalid, invalidParameter, itemFromWire, itemSize, itemToWire } from './attribute-value.ts';
import { Constraints, RETURN_ON_FAILURE, refuseUnsupported } from './constraints.ts';
import {
  applyUpdate,
  type ExpressionInput,
  type Expressions,
  holds,
  type ParsedCondition,
  type Path,
  parseExpressions,
} from './expression/index.ts';
import { type ItemKey, type KeySchema, keyAttributes, requestedKey, storedKey } from './key-schema.ts';
import type { Change, Table, Tables } from './tables.ts';

export const ITEM_BYTES_MAX = 400 * 1024;

const UNSUPPORTED_WRITE: Readonly<Record<string, string>> = {
  Expected: 'use ConditionExpression',
  ConditionalOperator: 'use ConditionExpression',
  AttributeUpdates: 'use UpdateExpression',
};

export interface WriteInput extends ExpressionInput {
  readonly TableName?: string | undefined;
  readonly Key?: Record<string, AttributeValue> | undefined;
  readonly Item?: Record<string, AttributeValue> | undefined;
  readonly ReturnValuesOnConditionCheckFailure?: string | undefined;
}

export type WriteKind = 'Put' | 'Update' | 'Delete' | 'ConditionCheck';

/** A write that is right by itself; nothing has been looked up. */
export interface ParsedWrite {
  readonly kind: WriteKind;
  readonly tableName: string;
  /** The whole item of a Put, the key of all others. */
  readonly item: Item;
  readonly expressions: Expressions;
  readonly returnOnFailure: boolean;
}

/** A write whose table and key are known. */
export interface LocatedWrite {
  readonly write: ParsedWrite;
  readonly table: Table;
  readonly key: ItemKey;
}

/** @throws AwsError ValidationException */
export function parseWrite(kind: WriteKind, input: WriteInput, at = ''): ParsedWrite {
  refuseUnsupported(input, UNSUPPORTED_WRITE);
  const constraints = new Constraints();
  constraints.required(`${at}tableName`, input.TableName);
  const wire = kind === 'Put' ? input.Item : input.Key;
  constraints.required(at + (kind === 'Put' ? 'item' : 'key'), wire);
  if (kind === 'ConditionCheck') constraints.required(`${at}conditionExpression`, input.ConditionExpression);
  constraints.oneOf(
    `${at}returnValuesOnConditionCheckFailure`,
    input.ReturnValuesOnConditionCheckFailure,
    RETURN_ON_FAILURE,
  );
  constraints.enforce();
  const expressions = parseExpressions(
    input,
    kind === 'Update' ? ['UpdateExpression', 'ConditionExpression'] : ['ConditionExpression'],
  );
  const item = itemFromWire(wire ?? {});
  if (kind === 'Put') checkItem(item);
  return {
    kind,
    tableName: input.TableName ?? '',
    item,
    expressions,
    returnOnFailure: input.ReturnValuesOnConditionCheckFailure === 'ALL_OLD',
  };
}

/** @throws AwsError ResourceNotFoundException, ValidationException when key or paths do not fit the table's key */
export function locate(write: ParsedWrite, tables: Tables): LocatedWrite {
  const table = tables.usable(write.tableName);
  const key = write.kind === 'Put' ? storedKey(table.schema, write.item) : requestedKey(table.schema, write.item);
  const { condition, update } = write.expressions;
  if (condition) refuseNestedKeys(table.schema, condition.mentioned);
  if (update) {
    for (const { path } of update.changes) {
      const hit = keyAttributes(table.schema).find(({ name }) => name === path[0]);
      if (hit) throw invalidParameter(`Cannot update attribute ${hit.name}. This attribute is part of the key`);
    }
    refuseNestedKeys(table.schema, update.mentioned);
  }
  return { write, table, key };
}

/**
 * What the write does to the item as it is stored now. Changes nothing itself.
 * @throws AwsError ConditionalCheckFailedException, or ValidationException when an update does not fit the item
 */
export function evaluate({ write, table, key }: LocatedWrite, tables: Tables): Change {
  const before = tables.items(table).get(key);
  checkCondition(write.expressions.condition, before, write.returnOnFailure);
  return { table, key, before, after: itemAfter(write, before) };
}

function itemAfter(write: ParsedWrite, before: Item | undefined): Item | undefined {
  switch (write.kind) {
    case 'Put':
      return write.item;
    case 'Delete':
      return undefined;
    case 'ConditionCheck':
      return before;
    case 'Update': {
      const start = before ?? write.item;
      const after = write.expressions.update ? applyUpdate(write.expressions.update, start) : start;
      if (itemSize(after) > ITEM_BYTES_MAX) {
        throw invalid('Item size to update has exceeded the maximum allowed size');
      }
      return after;
    }
  }
}

function checkCondition(condition: ParsedCondition | undefined, before: Item | undefined, returnItem: boolean): void {
  if (!condition || holds(condition.condition, before ?? {})) return;
  throw new AwsError(
    'ConditionalCheckFailedException',
    'The conditional request failed',
    400,
    returnItem && before ? { Item: itemToWire(before) } : {},
  );
}

function checkItem(item: Item): void {
  if (Object.hasOwn(item, '')) throw invalidParameter('Empty attribute name');
  if (itemSize(item) > ITEM_BYTES_MAX) throw invalid('Item size has exceeded the maximum allowed size');
}

/** @throws AwsError ValidationException for a path that goes into a key attribute */
export function refuseNestedKeys(schema: KeySchema, mentioned: readonly Path[]): void {
  for (const path of mentioned) {
    const hit = path.length > 1 && keyAttributes(schema).find(({ name }) => name === path[0]);
    if (!hit) continue;
    throw invalid(
      `Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: ${hit.name}`,
    );
  }
}
