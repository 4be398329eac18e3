/**
 * Durable allocation of listener priorities: one item per (listener, priority), written on condition that it is free
 * or already this object's, and not a newer leader's. A crash between the item and the object's inventory leaves an
 * item that the same object finds again, because the search for a free priority always starts at the same place.
 */
import { type Call, type DynamoPort, fromItem, toItem } from '../aws/index.ts';
import { isFailure } from '../core/index.ts';
import { CONTROLLER_NAMESPACE } from './state-keys.ts';

export class Allocations {
  readonly #dynamo: DynamoPort;
  readonly #table: string;
  readonly #fence: (() => void) | undefined;

  /** `fence` is asked when a write leaves, and throws when this program may write no more. */
  constructor(dynamo: DynamoPort, table: string, fence?: () => void) {
    this.#dynamo = dynamo;
    this.#table = table;
    this.#fence = fence;
  }

  #fenced(call: Call | undefined): Call | undefined {
    return this.#fence ? { ...call, fence: this.#fence } : call;
  }

  /**
   * True when the priority is now `owner`'s; false when it is another's.
   * @throws Failure conflict when a newer leader gave it to the same owner: this one is stale and must not go on looking
   */
  async claim(listenerArn: string, priority: number, owner: string, epoch: number, call?: Call): Promise<boolean> {
    const key = itemKey(listenerArn, priority);
    try {
      await this.#dynamo.putItem(
        {
          TableName: this.#table,
          Item: toItem({ ...key, owner, epoch }),
          ConditionExpression: `attribute_not_exists(#key) OR ${OURS}`,
          ...naming(owner, epoch),
        },
        this.#fenced(call),
      );
      return true;
    } catch (error) {
      if (!isFailure(error, 'conflict') || (await this.#ownerOf(key, call)) === owner) throw error;
      return false;
    }
  }

  /** Gives the priority back. Idempotent; another's claim, or a newer leader's, is left alone. */
  async free(listenerArn: string, priority: number, owner: string, epoch: number, call?: Call): Promise<void> {
    try {
      await this.#dynamo.deleteItem(
        {
          TableName: this.#table,
          Key: toItem(itemKey(listenerArn, priority)),
          ConditionExpression: `attribute_not_exists(#key) OR ${OURS}`,
          ...naming(owner, epoch),
        },
        this.#fenced(call),
      );
    } catch (error) {
      if (!isFailure(error, 'conflict')) throw error;
    }
  }

  /** Who holds a priority; undefined when it is free. Claims nothing: for plans. */
  async holder(listenerArn: string, priority: number, call?: Call): Promise<string | undefined> {
    const owner = await this.#ownerOf(itemKey(listenerArn, priority), call);
    return owner === undefined ? undefined : String(owner);
  }

  async #ownerOf(key: ReturnType<typeof itemKey>, call: Call | undefined): Promise<unknown> {
    const { Item } = await this.#dynamo.getItem(
      { TableName: this.#table, Key: toItem(key), ConsistentRead: true },
      call,
    );
    return Item && fromItem(Item).owner;
  }
}

const OURS = '(#owner = :owner AND #epoch <= :epoch)';

function naming(owner: string, epoch: number) {
  return {
    ExpressionAttributeNames: { '#key': 'key', '#owner': 'owner', '#epoch': 'epoch' },
    ExpressionAttributeValues: { ':owner': { S: owner }, ':epoch': { N: String(epoch) } },
  };
}

function itemKey(listenerArn: string, priority: number) {
  return { namespace: CONTROLLER_NAMESPACE, key: `listener#${listenerArn}#${priority}` };
}
