/**
 * The operations on single items, batches of them and transactions, as API operations. Each works everything out
 * before it changes anything, so that an error leaves no trace.
 */
import type {
  BatchGetItemCommandInput,
  BatchGetItemCommandOutput,
  BatchWriteItemCommandInput,
  CancellationReason,
  DeleteItemCommandInput,
  GetItemCommandInput,
  KeysAndAttributes,
  PutItemCommandInput,
  TransactGetItemsCommandInput,
  TransactWriteItem,
  TransactWriteItemsCommandInput,
  UpdateItemCommandInput,
  WriteRequest,
} from '@aws-sdk/client-dynamodb';
import { shortHash } from '../../../core/index.ts';
import { AwsError, type CloudState, type Collection, type Handler, type RequestContext } from '../../contract.ts';
import { type Item, invalid, itemFromWire, itemSize, itemToWire } from './attribute-value.ts';
import { Consumption, consumed, readUnits, writeUnits } from './capacity.ts';
import { Constraints, RETURN_CONSUMED_CAPACITY, refuseUnsupported } from './constraints.ts';
import { type Path, parseExpressions, project } from './expression/index.ts';
import { type ItemKey, requestedKey } from './key-schema.ts';
import type { Change, Table, Tables } from './tables.ts';
import {
  evaluate,
  locate,
  type ParsedWrite,
  parseWrite,
  refuseNestedKeys,
  type WriteInput,
  type WriteKind,
} from './writes.ts';

const BATCH_WRITES_MAX = 25;
const BATCH_GETS_MAX = 100;
const BATCH_GET_BYTES_MAX = 16 * 1024 * 1024;
const TRANSACT_ITEMS_MAX = 100;
const TRANSACT_BYTES_MAX = 4 * 1024 * 1024;
const TOKEN_LIFE_MS = 10 * 60_000;
const WRITE_KINDS: readonly WriteKind[] = ['ConditionCheck', 'Put', 'Delete', 'Update'];
const LEGACY_READ = { AttributesToGet: 'use ProjectionExpression' };

/** A transaction that was done under a client's token. */
interface DoneTransaction {
  readonly atMs: number;
  readonly requestHash: string;
}

interface BatchGetAnswer {
  readonly Responses: NonNullable<BatchGetItemCommandOutput['Responses']>;
  readonly UnprocessedKeys: NonNullable<BatchGetItemCommandOutput['UnprocessedKeys']>;
}

type Capacity = 'INDEXES' | 'TOTAL' | 'NONE' | undefined;

export class ItemOperations {
  readonly #tables: Tables;
  readonly #done: Collection<DoneTransaction>;

  constructor(tables: Tables, state: CloudState) {
    this.#tables = tables;
    this.#done = state.collection('dynamodb/transaction-tokens');
  }

  readonly operations: Readonly<Record<string, Handler>> = {
    GetItem: (input: GetItemCommandInput) => this.#get(input),
    PutItem: (input: PutItemCommandInput, context) => this.#put(input, context),
    UpdateItem: (input: UpdateItemCommandInput, context) => this.#update(input, context),
    DeleteItem: (input: DeleteItemCommandInput, context) => this.#delete(input, context),
    BatchGetItem: (input: BatchGetItemCommandInput) => this.#batchGet(input),
    BatchWriteItem: (input: BatchWriteItemCommandInput, context) => this.#batchWrite(input, context),
    TransactGetItems: (input: TransactGetItemsCommandInput) => this.#transactGet(input),
    TransactWriteItems: (input: TransactWriteItemsCommandInput, context) => this.#transactWrite(input, context),
  };

  #get(input: GetItemCommandInput) {
    refuseUnsupported(input, LEGACY_READ);
    checkReturns(input);
    const { projection } = parseExpressions(input, ['ProjectionExpression']);
    const table = this.#tables.usable(input.TableName ?? '');
    const item = this.#read(table, itemFromWire(input.Key ?? {}), projection);
    return {
      ...(item.selected ? { Item: itemToWire(item.selected) } : {}),
      ...consumed(table.name, readUnits(item.bytes, input.ConsistentRead), input.ReturnConsumedCapacity),
    };
  }

  #read(table: Table, key: Item, projection: readonly Path[] | undefined) {
    if (projection) refuseNestedKeys(table.schema, projection);
    const item = this.#tables.items(table).get(requestedKey(table.schema, key));
    return {
      selected: item && projection ? project(item, projection) : item,
      bytes: item ? itemSize(item) : 0,
    };
  }

  #put(input: PutItemCommandInput, context: RequestContext) {
    checkReturns(input, ['NONE', 'ALL_OLD']);
    const change = this.#writeOne('Put', input, context);
    return { ...attributes(oldOf(change, input.ReturnValues)), ...writeCapacity(change, input.ReturnConsumedCapacity) };
  }

  #delete(input: DeleteItemCommandInput, context: RequestContext) {
    checkReturns(input, ['NONE', 'ALL_OLD']);
    const change = this.#writeOne('Delete', input, context);
    return { ...attributes(oldOf(change, input.ReturnValues)), ...writeCapacity(change, input.ReturnConsumedCapacity) };
  }

  #update(input: UpdateItemCommandInput, context: RequestContext) {
    checkReturns(input);
    const write = parseWrite('Update', input);
    const change = evaluate(locate(write, this.#tables), this.#tables);
    this.#tables.apply(change, context.nowMs);
    const paths = write.expressions.update?.changes.map(({ path }) => path) ?? [];
    const returned = {
      NONE: undefined,
      ALL_OLD: change.before,
      ALL_NEW: change.after,
      UPDATED_OLD: change.before && project(change.before, paths),
      UPDATED_NEW: change.after && project(change.after, paths),
    }[input.ReturnValues ?? 'NONE'];
    return { ...attributes(returned), ...writeCapacity(change, input.ReturnConsumedCapacity) };
  }

  #writeOne(kind: WriteKind, input: WriteInput, { nowMs }: RequestContext): Change {
    const change = evaluate(locate(parseWrite(kind, input), this.#tables), this.#tables);
    this.#tables.apply(change, nowMs);
    return change;
  }

  #batchGet(input: BatchGetItemCommandInput) {
    const requests = Object.entries(input.RequestItems ?? {});
    const constraints = new Constraints();
    checkCapacityAsked(constraints, input.ReturnConsumedCapacity);
    if (constraints.required('requestItems', input.RequestItems)) constraints.length('requestItems', requests, 1, 100);
    for (const [name, { Keys }] of requests) {
      const at = `requestItems.${name}.member.keys`;
      if (constraints.required(at, Keys)) constraints.length(at, Keys, 1, BATCH_GETS_MAX);
    }
    constraints.enforce();
    if (requests.reduce((sum, [, { Keys }]) => sum + (Keys?.length ?? 0), 0) > BATCH_GETS_MAX) {
      throw invalid('Too many items requested for the BatchGetItem call');
    }
    const consumption = new Consumption();
    const answer: BatchGetAnswer = { Responses: {}, UnprocessedKeys: {} };
    let room = BATCH_GET_BYTES_MAX;
    for (const [name, request] of requests) room = this.#batchGetFrom(name, request, room, consumption, answer);
    return { ...answer, ...consumption.list(input.ReturnConsumedCapacity) };
  }

  /** Reads one table's part of a batch; what does not fit into `room` bytes stays unprocessed. Returns the room left. */
  #batchGetFrom(
    name: string,
    request: KeysAndAttributes,
    room: number,
    consumption: Consumption,
    answer: BatchGetAnswer,
  ): number {
    refuseUnsupported(request, LEGACY_READ);
    const { projection } = parseExpressions(request, ['ProjectionExpression']);
    const table = this.#tables.usable(name);
    const keys = (request.Keys ?? []).map((wire) => ({ wire, key: itemFromWire(wire) }));
    refuseTwice(
      keys.map(({ key }) => ({ table, key: requestedKey(table.schema, key) })),
      'Provided list of item keys contains duplicates',
    );
    const found: Item[] = [];
    let left = room;
    for (const [i, { key }] of keys.entries()) {
      const item = this.#read(table, key, projection);
      if (item.bytes > left) {
        answer.UnprocessedKeys[name] = { ...request, Keys: keys.slice(i).map(({ wire }) => wire) };
        left = 0;
        break;
      }
      left -= item.bytes;
      consumption.add(table.name, readUnits(item.bytes, request.ConsistentRead));
      if (item.selected) found.push(item.selected);
    }
    answer.Responses[name] = found.map(itemToWire);
    return left;
  }

  #batchWrite(input: BatchWriteItemCommandInput, { nowMs }: RequestContext) {
    const requests = Object.entries(input.RequestItems ?? {});
    const constraints = new Constraints();
    checkCapacityAsked(constraints, input.ReturnConsumedCapacity);
    if (constraints.required('requestItems', input.RequestItems)) constraints.length('requestItems', requests, 1, 25);
    for (const [name, writes] of requests) {
      constraints.length(`requestItems.${name}.member`, writes, 1, BATCH_WRITES_MAX);
    }
    constraints.enforce();
    if (requests.reduce((sum, [, writes]) => sum + writes.length, 0) > BATCH_WRITES_MAX) {
      throw invalid('Too many items requested for the BatchWriteItem call');
    }
    const parsed = requests.flatMap(([name, writes]) => writes.map((write) => parseBatchWrite(name, write)));
    const located = parsed.map((write) => locate(write, this.#tables));
    refuseTwice(located, 'Provided list of item keys contains duplicates');
    const consumption = new Consumption();
    for (const write of located) {
      const change = evaluate(write, this.#tables);
      this.#tables.apply(change, nowMs);
      consumption.add(change.table.name, writeUnits(change.before, change.after));
    }
    return { UnprocessedItems: {}, ...consumption.list(input.ReturnConsumedCapacity) };
  }

  #transactGet(input: TransactGetItemsCommandInput) {
    const gets = input.TransactItems ?? [];
    const constraints = new Constraints();
    checkCapacityAsked(constraints, input.ReturnConsumedCapacity);
    if (constraints.required('transactItems', input.TransactItems)) {
      constraints.length('transactItems', gets, 1, TRANSACT_ITEMS_MAX);
    }
    gets.forEach(({ Get }, i) => {
      const at = `transactItems.${i + 1}.member.get`;
      if (!constraints.required(at, Get)) return;
      constraints.required(`${at}.tableName`, Get?.TableName);
      constraints.required(`${at}.key`, Get?.Key);
    });
    constraints.enforce();
    const parsed = gets.map(({ Get }) => ({
      tableName: Get?.TableName ?? '',
      key: itemFromWire(Get?.Key ?? {}),
      projection: parseExpressions(Get ?? {}, ['ProjectionExpression']).projection,
    }));
    const located = parsed.map((get) => ({ ...get, table: this.#tables.usable(get.tableName) }));
    const items = collect(located, ({ table, key, projection }) => ({
      ...this.#read(table, key, projection),
      table,
      key: requestedKey(table.schema, key),
    }));
    refuseTwice(items, 'Transaction request cannot include multiple operations on one item');
    const consumption = new Consumption();
    for (const { table, bytes } of items) consumption.add(table.name, 2 * readUnits(bytes, true));
    return {
      Responses: items.map(({ selected }) => (selected ? { Item: itemToWire(selected) } : {})),
      ...consumption.list(input.ReturnConsumedCapacity, 'Read'),
    };
  }

  #transactWrite(input: TransactWriteItemsCommandInput, { nowMs }: RequestContext) {
    const constraints = new Constraints();
    checkCapacityAsked(constraints, input.ReturnConsumedCapacity);
    if (constraints.required('transactItems', input.TransactItems)) {
      constraints.length('transactItems', input.TransactItems, 1, TRANSACT_ITEMS_MAX);
    }
    constraints.length('clientRequestToken', input.ClientRequestToken, 1, 36);
    constraints.enforce();
    const writes = (input.TransactItems ?? []).map(parseTransactWrite);
    const token = input.ClientRequestToken;
    const requestHash = hashOf(writes);
    const repeated = token === undefined ? undefined : this.#doneBefore(token, requestHash, nowMs);
    // A repetition is answered without doing it again, and costs reads.
    const changes = repeated ? this.#reread(writes) : this.#transact(writes, nowMs);
    if (token !== undefined && !repeated) this.#done.set(token, { atMs: nowMs, requestHash });
    const consumption = new Consumption();
    for (const { table, before, after } of changes) {
      const bytes = after ? itemSize(after) : 0;
      consumption.add(table.name, 2 * (repeated ? readUnits(bytes, true) : writeUnits(before, after)));
    }
    return consumption.list(input.ReturnConsumedCapacity, repeated ? 'Read' : 'Write');
  }

  #transact(writes: readonly ParsedWrite[], nowMs: number): Change[] {
    for (const { tableName } of writes) this.#tables.usable(tableName);
    const located = collect(writes, (write) => locate(write, this.#tables));
    refuseTwice(located, 'Transaction request cannot include multiple operations on one item');
    const changes = collect(located, (write) => evaluate(write, this.#tables));
    const bytes = changes.reduce((sum, { after }) => sum + (after ? itemSize(after) : 0), 0);
    if (bytes > TRANSACT_BYTES_MAX) throw invalid('Transaction payload cannot exceed 4 MB');
    for (const change of changes) this.#tables.apply(change, nowMs);
    return changes;
  }

  #reread(writes: readonly ParsedWrite[]): Change[] {
    return writes.map((write) => {
      const { table, key } = locate(write, this.#tables);
      const before = this.#tables.items(table).get(key);
      return { table, key, before, after: before };
    });
  }

  #doneBefore(token: string, requestHash: string, nowMs: number): DoneTransaction | undefined {
    for (const old of this.#done.keys()) {
      // Tokens are stored in the order of their times.
      if ((this.#done.get(old)?.atMs ?? 0) + TOKEN_LIFE_MS > nowMs) break;
      this.#done.delete(old);
    }
    const done = this.#done.get(token);
    if (done && done.requestHash !== requestHash) {
      throw new AwsError(
        'IdempotentParameterMismatchException',
        'Request token was already used for a transaction with different parameters',
      );
    }
    return done;
  }
}

function parseBatchWrite(tableName: string, { PutRequest, DeleteRequest }: WriteRequest): ParsedWrite {
  if (!PutRequest === !DeleteRequest) {
    throw invalid(
      'Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes',
    );
  }
  return PutRequest
    ? parseWrite('Put', { TableName: tableName, Item: PutRequest.Item })
    : parseWrite('Delete', { TableName: tableName, Key: DeleteRequest?.Key });
}

function parseTransactWrite(item: TransactWriteItem, i: number): ParsedWrite {
  const [kind, ...more] = WRITE_KINDS.filter((name) => item[name] !== undefined);
  if (!kind || more.length > 0) {
    throw invalid('TransactItems can only contain one of Check, Put, Update or Delete');
  }
  const member = `${kind[0]?.toLowerCase()}${kind.slice(1)}`;
  return parseWrite(kind, item[kind] ?? {}, `transactItems.${i + 1}.member.${member}.`);
}

/**
 * `step` for each part of a transaction.
 * @throws AwsError TransactionCanceledException with a reason for each part, when a step failed
 */
function collect<A, B>(parts: readonly A[], step: (part: A) => B): B[] {
  const results: B[] = [];
  const reasons = parts.map((part): CancellationReason => {
    try {
      results.push(step(part));
      return { Code: 'None' };
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      const failedCheck = error.code === 'ConditionalCheckFailedException';
      const code = failedCheck ? 'ConditionalCheckFailed' : 'ValidationError';
      return { Code: code, Message: error.message, ...error.members };
    }
  });
  if (results.length === parts.length) return results;
  throw new AwsError(
    'TransactionCanceledException',
    'Transaction cancelled, please refer cancellation reasons for specific reasons ' +
      `[${reasons.map(({ Code }) => Code).join(', ')}]`,
    400,
    { CancellationReasons: reasons },
  );
}

function refuseTwice(located: readonly { table: Table; key: ItemKey }[], message: string): void {
  const names = new Set(located.map(({ table, key }) => `${table.id}/${key.id}`));
  if (names.size < located.length) throw invalid(message);
}

function checkReturns(
  input: {
    TableName?: string | undefined;
    Key?: unknown;
    ReturnValues?: string | undefined;
    ReturnConsumedCapacity?: Capacity;
    ReturnItemCollectionMetrics?: string | undefined;
  },
  returnable?: readonly string[],
): void {
  const constraints = new Constraints();
  constraints.required('tableName', input.TableName);
  if (!('Item' in input)) constraints.required('key', input.Key);
  checkCapacityAsked(constraints, input.ReturnConsumedCapacity);
  const all = ['ALL_NEW', 'UPDATED_OLD', 'ALL_OLD', 'NONE', 'UPDATED_NEW'];
  constraints.oneOf('returnValues', input.ReturnValues, all);
  constraints.oneOf('returnItemCollectionMetrics', input.ReturnItemCollectionMetrics, ['SIZE', 'NONE']);
  constraints.enforce();
  if (returnable && input.ReturnValues !== undefined && !returnable.includes(input.ReturnValues)) {
    throw invalid('ReturnValues can only be ALL_OLD or NONE');
  }
}

function checkCapacityAsked(constraints: Constraints, asked: Capacity): void {
  constraints.oneOf('returnConsumedCapacity', asked, RETURN_CONSUMED_CAPACITY);
}

function oldOf({ before }: Change, returnValues: string | undefined): Item | undefined {
  return returnValues === 'ALL_OLD' ? before : undefined;
}

function attributes(item: Item | undefined) {
  return item && Object.keys(item).length > 0 ? { Attributes: itemToWire(item) } : {};
}

function writeCapacity({ table, before, after }: Change, asked: Capacity) {
  return consumed(table.name, writeUnits(before, after), asked);
}

function hashOf(writes: readonly ParsedWrite[]): string {
  return shortHash(JSON.stringify(writes), 32);
}
