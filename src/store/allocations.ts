/**
 * Durable allocation of listener priorities: one item per (listener, priority), written on condition that it is free
 * or already this object's. A crash between the item and the object's inventory leaves an item that the same object
 * finds again, because the search for a free priority always starts at the same place.
 */
import { type DynamoPort, toItem } from '../aws/index.ts';
import { isFailure } from '../core/index.ts';
import { CONTROLLER_NAMESPACE } from './state-table.ts';

export class Allocations {
  readonly #dynamo: DynamoPort;
  readonly #table: string;

  constructor(dynamo: DynamoPort, table: string) {
    this.#dynamo = dynamo;
    this.#table = table;
  }

  /** True when the priority is now `owner`'s; false when it is another's. */
  async claim(listenerArn: string, priority: number, owner: string, epoch: number): Promise<boolean> {
    try {
      await this.#dynamo.putItem({
        TableName: this.#table,
        Item: toItem({ ...itemKey(listenerArn, priority), owner, epoch }),
        ConditionExpression: 'attribute_not_exists(#key) OR #owner = :owner',
        ExpressionAttributeNames: { '#key': 'key', '#owner': 'owner' },
        ExpressionAttributeValues: { ':owner': { S: owner } },
      });
      return true;
    } catch (error) {
      if (isFailure(error, 'conflict')) return false;
      throw error;
    }
  }

  /** Gives the priority back. Idempotent; another's claim is left alone. */
  async free(listenerArn: string, priority: number, owner: string): Promise<void> {
    try {
      await this.#dynamo.deleteItem({
        TableName: this.#table,
        Key: toItem(itemKey(listenerArn, priority)),
        ConditionExpression: 'attribute_not_exists(#key) OR #owner = :owner',
        ExpressionAttributeNames: { '#key': 'key', '#owner': 'owner' },
        ExpressionAttributeValues: { ':owner': { S: owner } },
      });
    } catch (error) {
      if (!isFailure(error, 'conflict')) throw error;
    }
  }
}

function itemKey(listenerArn: string, priority: number) {
  return { namespace: CONTROLLER_NAMESPACE, key: `listener#${listenerArn}#${priority}` };
}
