/**
 * The state table: what the controller knows (status, inventory, revisions, events, lease, allocations). Only the
 * controller writes it. Several items per object, each with `version` and `epoch`; every write is conditional on
 * `version = read AND epoch <= mine`, so a stale holder of the lease never overwrites a newer one.
 */
import type { LambdaContainerStatus } from '../api/index.ts';
import { type Call, type DynamoPort, fromItem, type Item, toItem } from '../aws/index.ts';
import type { Inventory, ObjectEvent, Revision } from '../resource/inventory.ts';
import type { ObjectKey } from '../resource/key.ts';

/** Seconds that an event is kept: DynamoDB removes it by TTL some time after. */
const EVENT_TTL_SECONDS = 7 * 24 * 3600;

/** Partition of what belongs to no object: lease and allocations. */
export const CONTROLLER_NAMESPACE = '_controller';

export interface Versioned<T> {
  readonly version: number;
  readonly body: T;
}

/** Everything remembered of one object, as loaded. */
export interface StoredObject {
  readonly key: ObjectKey;
  inventory?: Versioned<Inventory>;
  status?: Versioned<LambdaContainerStatus>;
  revisions: Map<number, Versioned<Revision>>;
}

export type StatePart = 'status' | 'inventory';

export class StateTable {
  readonly #dynamo: DynamoPort;
  readonly table: string;

  constructor(dynamo: DynamoPort, table: string) {
    this.#dynamo = dynamo;
    this.table = table;
  }

  /** The status of one object; undefined when the controller has not seen it. */
  async status(key: ObjectKey, call?: Call): Promise<LambdaContainerStatus | undefined> {
    const { Item } = await this.#dynamo.getItem(
      {
        TableName: this.table,
        Key: toItem({ namespace: key.namespace, key: partKey(key.name, 'status') }),
        ConsistentRead: true,
      },
      call,
    );
    return Item ? (fromItem(Item).body as LambdaContainerStatus) : undefined;
  }

  /** All statuses, of one namespace or of all. */
  async *statuses(namespace?: string, call?: Call): AsyncGenerator<{ key: ObjectKey; status: LambdaContainerStatus }> {
    for await (const item of this.#items(namespace, 'event', call)) {
      const parsed = parseItemKey(item);
      if (parsed?.part === 'status') yield { key: parsed.key, status: item.body as LambdaContainerStatus };
    }
  }

  /** What the controller made for one object. */
  async inventory(key: ObjectKey, call?: Call): Promise<Inventory | undefined> {
    const { Item } = await this.#dynamo.getItem(
      {
        TableName: this.table,
        Key: toItem({ namespace: key.namespace, key: partKey(key.name, 'inventory') }),
        ConsistentRead: true,
      },
      call,
    );
    return Item ? (fromItem(Item).body as Inventory) : undefined;
  }

  /** The newest `limit` events of an object, oldest first. */
  async events(key: ObjectKey, limit: number, call?: Call): Promise<ObjectEvent[]> {
    const { Items } = await this.#dynamo.query(
      {
        TableName: this.table,
        KeyConditionExpression: '#namespace = :namespace AND begins_with(#key, :prefix)',
        ExpressionAttributeNames: { '#namespace': 'namespace', '#key': 'key' },
        ExpressionAttributeValues: {
          ':namespace': { S: key.namespace },
          ':prefix': { S: `${encodeURIComponent(key.name)}#event#` },
        },
        ScanIndexForward: false,
        Limit: limit,
      },
      call,
    );
    return (Items ?? []).map((item) => fromItem(item).body as ObjectEvent).reverse();
  }

  /** Everything but events, once at start: afterwards the controller, as the only writer, knows what it wrote. */
  async loadAll(call?: Call): Promise<Map<string, StoredObject>> {
    const objects = new Map<string, StoredObject>();
    for await (const item of this.#items(undefined, 'event', call)) {
      const parsed = parseItemKey(item);
      if (!parsed) continue;
      const id = `${parsed.key.namespace}/${parsed.key.name}`;
      let stored = objects.get(id);
      if (!stored) {
        stored = { key: parsed.key, revisions: new Map() };
        objects.set(id, stored);
      }
      place(stored, parsed.part, item);
    }
    return objects;
  }

  /** Reads one object's parts again, after a conflict. */
  async load(key: ObjectKey, call?: Call): Promise<StoredObject> {
    const stored: StoredObject = { key, revisions: new Map() };
    for await (const item of this.#items(key.namespace, 'event', call, `${encodeURIComponent(key.name)}#`)) {
      const parsed = parseItemKey(item);
      if (parsed?.key.name === key.name) place(stored, parsed.part, item);
    }
    return stored;
  }

  /**
   * Writes one part on condition; returns the new version.
   * @throws Failure conflict when another version or a newer epoch stands there
   */
  async put(
    key: ObjectKey,
    part: StatePart | `revision#${string}`,
    body: unknown,
    readVersion: number,
    epoch: number,
    call?: Call,
  ): Promise<number> {
    const version = readVersion + 1;
    await this.#dynamo.putItem(
      {
        TableName: this.table,
        Item: toItem({ namespace: key.namespace, key: partKey(key.name, part), version, epoch, body }),
        ...guard(readVersion, epoch),
      },
      call,
    );
    return version;
  }

  /** Removes one part on the same condition. */
  async remove(
    key: ObjectKey,
    part: StatePart | `revision#${string}`,
    readVersion: number,
    epoch: number,
    call?: Call,
  ): Promise<void> {
    await this.#dynamo.deleteItem(
      {
        TableName: this.table,
        Key: toItem({ namespace: key.namespace, key: partKey(key.name, part) }),
        ...guard(readVersion, epoch),
      },
      call,
    );
  }

  /** Appends events; `sequence` keeps the order of those within one millisecond. */
  async appendEvents(
    key: ObjectKey,
    events: readonly ObjectEvent[],
    sequence: () => number,
    call?: Call,
  ): Promise<void> {
    for (let start = 0; start < events.length; start += 25) {
      let requests = events.slice(start, start + 25).map((event) => ({
        PutRequest: {
          Item: toItem({
            namespace: key.namespace,
            key: `${encodeURIComponent(key.name)}#event#${event.at}#${String(sequence() % 1_000_000).padStart(6, '0')}`,
            expiresAt: Math.floor(Date.parse(event.at) / 1000) + EVENT_TTL_SECONDS,
            body: event,
          }),
        },
      }));
      while (requests.length > 0) {
        const { UnprocessedItems } = await this.#dynamo.batchWriteItem(
          { RequestItems: { [this.table]: requests } },
          call,
        );
        const left = UnprocessedItems?.[this.table] ?? [];
        // Only progress is worth another call: a table that takes nothing is throttled, which is the queue's business.
        if (left.length === requests.length) break;
        requests = left as typeof requests;
      }
    }
  }

  async *#items(
    namespace: string | undefined,
    without: 'event' | undefined,
    call?: Call,
    prefix?: string,
  ): AsyncGenerator<Record<string, unknown>> {
    let start: Item | undefined;
    const filter = without
      ? {
          FilterExpression: 'attribute_exists(#version)',
          names: { '#version': 'version' },
        }
      : undefined;
    do {
      const paging = { TableName: this.table, ConsistentRead: true, ...(start ? { ExclusiveStartKey: start } : {}) };
      const page =
        namespace === undefined
          ? await this.#dynamo.scan(
              {
                ...paging,
                ...(filter
                  ? { FilterExpression: filter.FilterExpression, ExpressionAttributeNames: filter.names }
                  : {}),
              },
              call,
            )
          : await this.#dynamo.query(
              {
                ...paging,
                ...(filter ? { FilterExpression: filter.FilterExpression } : {}),
                KeyConditionExpression: `#namespace = :namespace${prefix ? ' AND begins_with(#key, :prefix)' : ''}`,
                ExpressionAttributeNames: {
                  '#namespace': 'namespace',
                  ...(prefix ? { '#key': 'key' } : {}),
                  ...(filter ? filter.names : {}),
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

function guard(readVersion: number, epoch: number) {
  return readVersion === 0
    ? {
        ConditionExpression: 'attribute_not_exists(#version)',
        ExpressionAttributeNames: { '#version': 'version' },
      }
    : {
        ConditionExpression: '#version = :version AND #epoch <= :epoch',
        ExpressionAttributeNames: { '#version': 'version', '#epoch': 'epoch' },
        ExpressionAttributeValues: { ':version': { N: String(readVersion) }, ':epoch': { N: String(epoch) } },
      };
}

function partKey(name: string, part: string): string {
  return `${encodeURIComponent(name)}#${part}`;
}

function parseItemKey(item: Record<string, unknown>): { key: ObjectKey; part: string } | undefined {
  const text = String(item.key);
  const hash = text.indexOf('#');
  if (hash < 0 || String(item.namespace) === CONTROLLER_NAMESPACE) return undefined;
  return {
    key: { namespace: String(item.namespace), name: decodeURIComponent(text.slice(0, hash)) },
    part: text.slice(hash + 1),
  };
}

function place(stored: StoredObject, part: string, item: Record<string, unknown>): void {
  const version = Number(item.version);
  if (part === 'status') stored.status = { version, body: item.body as LambdaContainerStatus };
  else if (part === 'inventory') stored.inventory = { version, body: item.body as Inventory };
  else if (part.startsWith('revision#')) {
    const revision = item.body as Revision;
    stored.revisions.set(revision.number, { version, body: revision });
  }
}
