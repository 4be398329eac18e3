/**
 * The desired table: what users, the CLI and GitOps write and the controller only reads. It holds one item per object
 * keyed by (namespace, name); classes and sources live in the reserved partition `_system`. This file moves items and
 * judges none. Records carry no version, because people write them by a bare put-item: a conditional write compares
 * the attributes themselves.
 */
import { type ApiObject, recordFromObject } from '../api/index.ts';
import { type Call, type DynamoPort, fromItem, type Item, toItem } from '../aws/index.ts';
import { Failure, isFailure } from '../core/index.ts';
import { formatKey, type ObjectKey } from '../resource/key.ts';
import { refuseTooLarge } from './item-size.ts';

export interface DesiredRecord {
  readonly key: ObjectKey;
  /** The whole item as plain values, unjudged. */
  readonly item: Record<string, unknown>;
  /** The item as DynamoDB gave it: what `putIf` and `deleteIf` compare with. */
  readonly stored: Item;
}

/** Which table it is, whatever its name says. */
export interface TableIdentity {
  /** Given by DynamoDB: another table of the same name, restored or created anew, has another one. */
  readonly tableId: string;
  /** The stream that is enabled now. */
  readonly streamArn: string | undefined;
}

/** What a record of ours can have: a conditional write also minds that none of them was added. */
const KNOWN_ATTRIBUTES = ['namespace', 'name', 'apiVersion', 'kind', 'labels', 'annotations', 'spec'] as const;
/** DynamoDB allows 300 operators in a condition and 4 KB of its text. */
const COMPARED_MAX = 100;

export class DesiredTable {
  readonly #dynamo: DynamoPort;
  readonly table: string;

  constructor(dynamo: DynamoPort, table: string) {
    this.#dynamo = dynamo;
    this.table = table;
  }

  /** @throws Failure notFound when there is no such table */
  async identity(call?: Call): Promise<TableIdentity> {
    const { Table } = await this.#dynamo.describeTable({ TableName: this.table }, call);
    return {
      // DynamoDB Local gives no id; the time of creation is as good there.
      tableId: Table?.TableId ?? `${Table?.TableArn}@${Table?.CreationDateTime?.toISOString()}`,
      streamArn: Table?.StreamSpecification?.StreamEnabled ? Table.LatestStreamArn : undefined,
    };
  }

  /** A strongly consistent read; undefined when there is no such record. */
  async get(key: ObjectKey, call?: Call): Promise<DesiredRecord | undefined> {
    const { Item } = await this.#dynamo.getItem(
      { TableName: this.table, Key: itemKey(key), ConsistentRead: true },
      call,
    );
    return Item ? recordOf(Item) : undefined;
  }

  /** Creates or replaces the record. @throws Failure invalid `ItemTooLarge` */
  async put(object: ApiObject, call?: Call): Promise<void> {
    await this.#dynamo.putItem({ TableName: this.table, Item: itemOf(object) }, call);
  }

  /**
   * Creates the record if `read` is undefined and there is none, or replaces it if it still is as it was read. An
   * attribute that is no record's and was added since is not noticed; it goes.
   * @throws Failure conflict when the record is not what was read; invalid `ItemTooLarge`
   */
  async putIf(object: ApiObject, read: DesiredRecord | undefined, call?: Call): Promise<void> {
    const item = itemOf(object);
    await this.#onlyIfUnchanged(object, () =>
      this.#dynamo.putItem({ TableName: this.table, Item: item, ...unchanged(object, read) }, call),
    );
  }

  /** True when a record was there. */
  async delete(key: ObjectKey, call?: Call): Promise<boolean> {
    const { Attributes } = await this.#dynamo.deleteItem(
      { TableName: this.table, Key: itemKey(key), ReturnValues: 'ALL_OLD' },
      call,
    );
    return Attributes !== undefined;
  }

  /**
   * Removes the record if it still is as it was read.
   * @throws Failure conflict when the record is not what was read, also when it is gone
   */
  async deleteIf(read: DesiredRecord, call?: Call): Promise<void> {
    await this.#onlyIfUnchanged(read.key, () =>
      this.#dynamo.deleteItem({ TableName: this.table, Key: itemKey(read.key), ...unchanged(read.key, read) }, call),
    );
  }

  /** Every record, of one namespace or of all (`_system` included), page by page, strongly consistent. */
  async *list(namespace?: string, call?: Call): AsyncGenerator<DesiredRecord> {
    let start: Item | undefined;
    do {
      const paging = { TableName: this.table, ConsistentRead: true, ...(start ? { ExclusiveStartKey: start } : {}) };
      const page =
        namespace === undefined
          ? await this.#dynamo.scan(paging, call)
          : await this.#dynamo.query(
              {
                ...paging,
                KeyConditionExpression: '#namespace = :namespace',
                ExpressionAttributeNames: { '#namespace': 'namespace' },
                ExpressionAttributeValues: { ':namespace': { S: namespace } },
              },
              call,
            );
      for (const item of page.Items ?? []) yield recordOf(item);
      start = page.LastEvaluatedKey;
    } while (start);
  }

  async #onlyIfUnchanged(key: ObjectKey, write: () => Promise<unknown>): Promise<void> {
    try {
      await write();
    } catch (error) {
      if (!isFailure(error, 'conflict')) throw error;
      const { kind, service, operation, code, requestId } = error;
      const message = `the record ${formatKey(key)} was changed by somebody else since it was read`;
      throw new Failure({ kind, service, operation, code, message, requestId, cause: error });
    }
  }
}

/** The condition that the record is exactly what was read. */
function unchanged(key: ObjectKey, read: DesiredRecord | undefined) {
  if (!read) {
    return {
      ConditionExpression: 'attribute_not_exists(#name)',
      ExpressionAttributeNames: { '#name': 'name' },
    };
  }
  const names = [...new Set([...Object.keys(read.stored), ...KNOWN_ATTRIBUTES])];
  if (names.length > COMPARED_MAX) {
    throw new Failure({
      kind: 'invalid',
      service: 'dynamodb',
      operation: 'putItem',
      code: 'TooManyAttributes',
      message:
        `the record ${formatKey(key)} has ${Object.keys(read.stored).length} attributes, of which at most ` +
        `${KNOWN_ATTRIBUTES.length} mean something (${KNOWN_ATTRIBUTES.join(', ')}); remove the others`,
    });
  }
  const attributes: Record<string, string> = {};
  const values: Item = {};
  const terms = names.flatMap((name, i) => {
    const isThere = Object.hasOwn(read.stored, name);
    const value = isThere ? read.stored[name] : undefined;
    // The SDK gives an attribute named `__proto__` without its value.
    if (isThere && !value) return [];
    attributes[`#a${i}`] = name;
    if (!value) return [`attribute_not_exists(#a${i})`];
    values[`:v${i}`] = value;
    return [`#a${i} = :v${i}`];
  });
  return {
    ConditionExpression: terms.join(' AND '),
    ExpressionAttributeNames: attributes,
    ExpressionAttributeValues: values,
  };
}

function itemOf(object: ApiObject): Item {
  const item = toItem(recordFromObject(object));
  refuseTooLarge(item, `the record ${formatKey(object)}`, 'make it smaller');
  return item;
}

function itemKey({ namespace, name }: ObjectKey): Item {
  return toItem({ namespace, name });
}

function recordOf(stored: Item): DesiredRecord {
  const item = fromItem(stored);
  return { key: { namespace: String(item.namespace), name: String(item.name) }, item, stored };
}
