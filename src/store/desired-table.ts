/**
 * The desired table: what users, the CLI and GitOps write and the controller only reads. It holds one item per object
 * keyed by (namespace, name); classes live in the reserved partition `_system`. This file moves items, it judges none.
 */
import { type ApiObject, recordFromObject } from '../api/index.ts';
import { type Call, type DynamoPort, fromItem, type Item, toItem } from '../aws/index.ts';
import type { ObjectKey } from '../resource/key.ts';

export interface DesiredRecord {
  readonly key: ObjectKey;
  /** The whole item as plain values, unjudged. */
  readonly item: Record<string, unknown>;
}

export class DesiredTable {
  readonly #dynamo: DynamoPort;
  readonly table: string;

  constructor(dynamo: DynamoPort, table: string) {
    this.#dynamo = dynamo;
    this.table = table;
  }

  /** A strongly consistent read; undefined when there is no such record. */
  async get(key: ObjectKey, call?: Call): Promise<DesiredRecord | undefined> {
    const { Item } = await this.#dynamo.getItem(
      { TableName: this.table, Key: toItem({ namespace: key.namespace, name: key.name }), ConsistentRead: true },
      call,
    );
    return Item ? recordOf(Item) : undefined;
  }

  /** Creates or replaces the record. */
  async put(object: ApiObject, call?: Call): Promise<void> {
    await this.#dynamo.putItem({ TableName: this.table, Item: toItem(recordFromObject(object)) }, call);
  }

  /** True when a record was there. */
  async delete(key: ObjectKey, call?: Call): Promise<boolean> {
    const { Attributes } = await this.#dynamo.deleteItem(
      {
        TableName: this.table,
        Key: toItem({ namespace: key.namespace, name: key.name }),
        ReturnValues: 'ALL_OLD',
      },
      call,
    );
    return Attributes !== undefined;
  }

  /** Every record, of one namespace or of all (classes in `_system` included), page by page, strongly consistent. */
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
}

function recordOf(raw: Item): DesiredRecord {
  const item = fromItem(raw);
  return { key: { namespace: String(item.namespace), name: String(item.name) }, item };
}
