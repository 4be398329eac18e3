/** Query and Scan: which items, in which order, in pages of at most 1 MB, filtered and projected. */
import type { AttributeValue, QueryCommandInput, ScanCommandInput } from '@aws-sdk/client-dynamodb';
import { AwsError, type Handler } from '../../contract.ts';
import { type Item, invalid, itemFromWire, itemSize, itemToWire, keyText } from './attribute-value.ts';
import { consumed, readUnits } from './capacity.ts';
import { Constraints, RETURN_CONSUMED_CAPACITY, refuseUnsupported } from './constraints.ts';
import {
  type Expressions,
  holds,
  narrowKeyCondition,
  parseExpressions,
  project,
  type SortCondition,
} from './expression/index.ts';
import { lowerBound, segmentOfHash, upperBound } from './item-index.ts';
import { type ItemKey, type KeySchema, keyAttributes, keyOf, requestedKey } from './key-schema.ts';
import type { Table, Tables } from './tables.ts';
import { refuseNestedKeys } from './writes.ts';

const PAGE_BYTES_MAX = 1024 * 1024;
const SEGMENTS_MAX = 1_000_000;
const SELECTS = ['SPECIFIC_ATTRIBUTES', 'COUNT', 'ALL_ATTRIBUTES', 'ALL_PROJECTED_ATTRIBUTES'];
const UNSUPPORTED: Readonly<Record<string, string>> = {
  AttributesToGet: 'use ProjectionExpression',
  KeyConditions: 'use KeyConditionExpression',
  QueryFilter: 'use FilterExpression',
  ScanFilter: 'use FilterExpression',
  ConditionalOperator: 'use FilterExpression',
};

type Input = QueryCommandInput | ScanCommandInput;

export class QueryOperations {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  readonly operations: Readonly<Record<string, Handler>> = {
    Query: (input: QueryCommandInput) => this.#query(input),
    Scan: (input: ScanCommandInput) => this.#scan(input),
  };

  #query(input: QueryCommandInput) {
    check(input, 'Querying');
    if (input.KeyConditionExpression === undefined) {
      throw invalid('Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.');
    }
    const expressions = parseExpressions(input, ['ProjectionExpression', 'FilterExpression', 'KeyConditionExpression']);
    const table = this.#usable(input, expressions);
    const { schema } = table;
    if (expressions.keyCondition) refuseNestedKeys(schema, expressions.keyCondition.mentioned);
    refuseFilteredKeys(schema, expressions);
    const { partition, sort } = narrowKeyCondition(
      expressions.keyCondition as NonNullable<Expressions['keyCondition']>,
      schema,
    );
    const hash = keyText(partition);
    const start = startKey(schema, input.ExclusiveStartKey);
    if (start && (start.hash !== hash || (sort && !satisfies(start.sort, sort)))) {
      throw invalid('The provided starting key does not match the range key predicate');
    }
    const keys = this.#tables.items(table).index.partition(hash);
    let [from, to] = sort ? boundsOf(keys, sort) : [0, keys.length];
    const forward = input.ScanIndexForward ?? true;
    if (start && forward) from = Math.max(from, upperBound(keys, start.sort));
    if (start && !forward) to = Math.min(to, lowerBound(keys, start.sort));
    const range = keys.slice(from, Math.max(from, to));
    return this.#page(table, forward ? range : range.reverse(), input, expressions);
  }

  #scan(input: ScanCommandInput) {
    check(input, 'Scanning');
    const expressions = parseExpressions(input, ['ProjectionExpression', 'FilterExpression']);
    const table = this.#usable(input, expressions);
    const start = startKey(table.schema, input.ExclusiveStartKey);
    const segment =
      input.Segment === undefined || input.TotalSegments === undefined
        ? undefined
        : { number: input.Segment, total: input.TotalSegments };
    if (start && segment && segmentOfHash(start.hash, segment.total) !== segment.number) {
      throw invalid(
        'The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment.',
      );
    }
    return this.#page(table, this.#tables.items(table).index.scan(start, segment), input, expressions);
  }

  #usable(input: Input, { filter, projection }: Expressions): Table {
    const table = this.#tables.usable(input.TableName ?? '');
    if (input.IndexName !== undefined) {
      throw invalid(`The table does not have the specified index: ${input.IndexName}`);
    }
    if (filter) refuseNestedKeys(table.schema, filter.mentioned);
    if (projection) refuseNestedKeys(table.schema, projection);
    return table;
  }

  #page(table: Table, keys: Iterable<ItemKey>, input: Input, { filter, projection }: Expressions) {
    const items = this.#tables.items(table);
    const limit = input.Limit ?? Number.POSITIVE_INFINITY;
    const found: Item[] = [];
    let scanned = 0;
    let bytes = 0;
    let last: Item | undefined;
    let more = false;
    for (const key of keys) {
      const item = items.get(key);
      if (!item) continue;
      const size = itemSize(item);
      // A page ends before the item that would make it larger than 1 MB; one item alone always fits.
      more = scanned >= limit || bytes + size > PAGE_BYTES_MAX;
      if (more) break;
      scanned++;
      bytes += size;
      last = item;
      if (!filter || holds(filter.condition, item)) found.push(projection ? project(item, projection) : item);
    }
    // DynamoDB stops at the limit without looking whether anything follows.
    const stopped = more || scanned === limit;
    return {
      ...(input.Select === 'COUNT' ? {} : { Items: found.map(itemToWire) }),
      Count: found.length,
      ScannedCount: scanned,
      ...(stopped && last ? { LastEvaluatedKey: itemToWire(keyOf(table.schema, last)) } : {}),
      ...consumed(table.name, readUnits(bytes, input.ConsistentRead), input.ReturnConsumedCapacity),
    };
  }
}

function check(
  input: Input & { Segment?: number | undefined; TotalSegments?: number | undefined },
  doing: string,
): void {
  refuseUnsupported(input, UNSUPPORTED);
  const constraints = new Constraints();
  constraints.required('tableName', input.TableName);
  constraints.range('limit', input.Limit, 1);
  constraints.oneOf('select', input.Select, SELECTS);
  constraints.oneOf('returnConsumedCapacity', input.ReturnConsumedCapacity, RETURN_CONSUMED_CAPACITY);
  constraints.range('segment', input.Segment, 0, SEGMENTS_MAX - 1);
  constraints.range('totalSegments', input.TotalSegments, 1, SEGMENTS_MAX);
  constraints.enforce();
  const { Select, ProjectionExpression, Segment, TotalSegments } = input;
  if (Select === 'SPECIFIC_ATTRIBUTES' && ProjectionExpression === undefined) {
    throw invalid('Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES');
  }
  if (Select === 'ALL_PROJECTED_ATTRIBUTES') {
    throw invalid(`ALL_PROJECTED_ATTRIBUTES can be used only when ${doing} using an IndexName`);
  }
  if (ProjectionExpression !== undefined && Select !== undefined && Select !== 'SPECIFIC_ATTRIBUTES') {
    throw invalid(
      `Cannot specify the ProjectionExpression when choosing to get ${Select === 'COUNT' ? 'only the Count' : Select}`,
    );
  }
  if (Segment !== undefined && TotalSegments === undefined) {
    throw invalid(
      'The TotalSegments parameter is required but was not present in the request when Segment parameter is present',
    );
  }
  if (TotalSegments !== undefined && Segment === undefined) {
    throw invalid(
      'The Segment parameter is required but was not present in the request when parameter TotalSegments is present',
    );
  }
  if (Segment !== undefined && TotalSegments !== undefined && Segment >= TotalSegments) {
    throw invalid(
      'The Segment parameter is zero-based and must be less than parameter TotalSegments: ' +
        `Segment: ${Segment} is not less than TotalSegments: ${TotalSegments}`,
    );
  }
}

function refuseFilteredKeys(schema: KeySchema, { filter }: Expressions): void {
  for (const path of filter?.mentioned ?? []) {
    const hit = keyAttributes(schema).find(({ name }) => name === path[0]);
    if (!hit) continue;
    throw invalid(`Filter Expression can only contain non-primary key attributes: Primary key attribute: ${hit.name}`);
  }
}

function startKey(schema: KeySchema, wire: Record<string, AttributeValue> | undefined): ItemKey | undefined {
  if (!wire) return undefined;
  const item = itemFromWire(wire);
  try {
    return requestedKey(schema, item);
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    throw invalid(`The provided starting key is invalid: ${error.message}`);
  }
}

/** Whether a sort key, by its text, is one of those that the condition asks for. */
function satisfies(sort: string, condition: SortCondition): boolean {
  const key: ItemKey = { hash: '', sort, id: '' };
  const [from, to] = boundsOf([key], condition);
  return from === 0 && to === 1;
}

/** Where in a partition's keys a sort condition holds: from the first index up to, not including, the second. */
function boundsOf(keys: readonly ItemKey[], sort: SortCondition): [number, number] {
  const text = keyText(sort.kind === 'between' ? sort.low : sort.value);
  switch (sort.kind) {
    case '=':
      return [lowerBound(keys, text), upperBound(keys, text)];
    case '<':
      return [0, lowerBound(keys, text)];
    case '<=':
      return [0, upperBound(keys, text)];
    case '>':
      return [upperBound(keys, text), keys.length];
    case '>=':
      return [lowerBound(keys, text), keys.length];
    case 'between':
      return [lowerBound(keys, text), upperBound(keys, keyText(sort.high))];
    case 'begins_with': {
      const from = lowerBound(keys, text);
      let to = from;
      while (keys[to]?.sort.startsWith(text)) to++;
      return [from, to];
    }
  }
}
