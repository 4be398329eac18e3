/**
 * Items that only the leader writes: each with `version` and `epoch`, each write on condition that the version is the
 * one that was read and the epoch not newer than the writer's. So a stale leader never overwrites a newer one, and a
 * newer one conflicts with whatever it has not seen. What the items mean is the state table's business.
 */
import { type Call, type DynamoPort, fromItem, type Item, toItem } from '../aws/index.ts';
import { refuseTooLarge } from './item-size.ts';
import type { ItemKey } from './state-keys.ts';

export interface Versioned<T> {
  readonly version: number;
  readonly body: T;
}

/** What a write is conditional on: the version that was read (0: nothing was there) and the writer's epoch. */
export interface Precondition {
  readonly readVersion: number;
  readonly epoch: number;
}

export interface Selection {
  /** Undefined: the whole table. */
  readonly namespace?: string | undefined;
  /** Of the sort key; only together with a namespace. */
  readonly prefix?: string;
  /** @default 'parts' */
  readonly of?: 'parts' | 'chunks';
}

const SELECTED = {
  parts: {
    FilterExpression: 'attribute_exists(#version) AND attribute_not_exists(#chunk)',
    ExpressionAttributeNames: { '#version': 'version', '#chunk': 'chunk' },
  },
  chunks: { FilterExpression: 'attribute_exists(#chunk)', ExpressionAttributeNames: { '#chunk': 'chunk' } },
};

export class VersionedItems {
  readonly #dynamo: DynamoPort;
  readonly #table: string;
  readonly #fence: (() => void) | undefined;

  /**
   * `fence` is asked when a write leaves, and throws when this program may write no more. An item that was not there has
   * no epoch to conflict with: without the fence, one that was paused would leave items that its successor, who has read
   * the table before, never learns of.
   */
  constructor(dynamo: DynamoPort, table: string, fence?: () => void) {
    this.#dynamo = dynamo;
    this.#table = table;
    this.#fence = fence;
  }

  /** A strongly consistent read; undefined when there is no such item. */
  async get<T>(key: ItemKey, call?: Call): Promise<Versioned<T> | undefined> {
    const { Item } = await this.#dynamo.getItem(
      { TableName: this.#table, Key: keyOf(key), ConsistentRead: true },
      call,
    );
    return Item && versioned<T>(fromItem(Item));
  }

  /**
   * Writes an item whole and returns its new version. `beside` is stored next to the body.
   * @throws Failure conflict when another version or a newer epoch stands there; invalid `ItemTooLarge`
   */
  async put(
    key: ItemKey,
    body: unknown,
    { readVersion, epoch }: Precondition,
    call?: Call,
    beside: Record<string, unknown> = {},
  ): Promise<number> {
    const version = readVersion + 1;
    const item = toItem({ ...key, ...beside, version, epoch, body });
    refuseTooLarge(
      item,
      `${key.namespace}/${key.key} in the state table`,
      'divide the object, or shorten what it names',
    );
    const input = { TableName: this.#table, Item: item, ...guard(readVersion, epoch) };
    await this.#dynamo.putItem(input, this.#fenced(call));
    return version;
  }

  /** Removes an item. @throws Failure conflict as `put` does, also when the item is gone */
  async remove(key: ItemKey, { readVersion, epoch }: Precondition, call?: Call): Promise<void> {
    const input = { TableName: this.#table, Key: keyOf(key), ...guard(readVersion, epoch) };
    await this.#dynamo.deleteItem(input, this.#fenced(call));
  }

  #fenced(call: Call | undefined): Call | undefined {
    return this.#fence ? { ...call, fence: this.#fence } : call;
  }

  /** Items by key order within a partition, page by page, strongly consistent. What has no version is left out. */
  async *select({ namespace, prefix, of = 'parts' }: Selection, call?: Call): AsyncGenerator<Record<string, unknown>> {
    const { FilterExpression, ExpressionAttributeNames } = SELECTED[of];
    let start: Item | undefined;
    do {
      const paging = {
        TableName: this.#table,
        ConsistentRead: true,
        FilterExpression,
        ...(start ? { ExclusiveStartKey: start } : {}),
      };
      const page =
        namespace === undefined
          ? await this.#dynamo.scan({ ...paging, ExpressionAttributeNames }, call)
          : await this.#dynamo.query(
              {
                ...paging,
                KeyConditionExpression: `#namespace = :namespace${prefix ? ' AND begins_with(#key, :prefix)' : ''}`,
                ExpressionAttributeNames: {
                  ...ExpressionAttributeNames,
                  '#namespace': 'namespace',
                  ...(prefix ? { '#key': 'key' } : {}),
                },
                ExpressionAttributeValues: {
                  ':namespace': { S: namespace },
                  ...(prefix ? { ':prefix': { S: prefix } } : {}),
                },
              },
              call,
            );
      for (const item of page.Items ?? []) yield fromItem(item);
      start = page.LastEvaluatedKey;
    } while (start);
  }
}

export function versioned<T>(item: Record<string, unknown>): Versioned<T> {
  return { version: Number(item.version), body: item.body as T };
}

function keyOf({ namespace, key }: ItemKey): Item {
  return toItem({ namespace, key });
}

function guard(readVersion: number, epoch: number) {
  return readVersion === 0
    ? {
        ConditionExpression: 'attribute_not_exists(#key)',
        ExpressionAttributeNames: { '#key': 'key' },
      }
    : {
        ConditionExpression: '#version = :version AND #epoch <= :epoch',
        ExpressionAttributeNames: { '#version': 'version', '#epoch': 'epoch' },
        ExpressionAttributeValues: { ':version': { N: String(readVersion) }, ':epoch': { N: String(epoch) } },
      };
}
