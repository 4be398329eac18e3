/**
 * DynamoDB as a state machine: the door of services/dynamodb/. Tables, items, expressions, TTL and transactions as the
 * product and its users' tools use them. No secondary indexes, no PartiQL, no backups, no legacy parameters: those are
 * refused by name. The changes that it logs are served by the streams machine, which is constructed with this one.
 */
import type { CloudService, Handler, ServiceDeps } from '../contract.ts';
import { ChangeLog, type ShardSettings } from './dynamodb/change-log.ts';
import { ContinuousBackups } from './dynamodb/continuous-backups.ts';
import { ItemOperations } from './dynamodb/item-operations.ts';
import { QueryOperations } from './dynamodb/query-operations.ts';
import { TableOperations } from './dynamodb/table-operations.ts';
import { Tables } from './dynamodb/tables.ts';

export interface DynamoDeps extends ServiceDeps {
  /** How long a table is CREATING, UPDATING or DELETING. @default 500 */
  readonly tablePhaseMs?: number;
  /** When shards of streams are rolled and split; what is left out is as in AWS. */
  readonly shards?: Partial<ShardSettings>;
}

export class DynamoService implements CloudService {
  readonly id = 'dynamodb';
  readonly operations: Readonly<Record<string, Handler>>;
  /** What the tables' streams hold; for the streams machine. */
  readonly changes: ChangeLog;
  readonly #tables: Tables;

  constructor({ state, settings, random, tablePhaseMs = 500, shards = {} }: DynamoDeps) {
    this.changes = new ChangeLog(state, random, shards);
    this.#tables = new Tables(state, this.changes, tablePhaseMs);
    this.operations = {
      ...new TableOperations(this.#tables, this.changes, settings, random).operations,
      ...new ContinuousBackups(this.#tables).operations,
      ...new ItemOperations(this.#tables, state).operations,
      ...new QueryOperations(this.#tables).operations,
    };
  }

  advance(nowMs: number): void {
    this.#tables.advance(nowMs);
    this.changes.advance(nowMs);
  }

  nextAtMs(): number | undefined {
    const times = [this.#tables.nextAtMs(), this.changes.nextAtMs()].filter((time) => time !== undefined);
    return times.length > 0 ? Math.min(...times) : undefined;
  }
}
