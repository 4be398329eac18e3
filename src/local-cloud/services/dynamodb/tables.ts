/**
 * The tables of the account and their life: creating, active, updating, deleting, each phase ending at a stored time;
 * TTL settings; and access to a table's items. Requests are judged elsewhere; nothing here knows the API's shapes.
 */
import { AwsError, type CloudState, type Collection } from '../../contract.ts';
import { type Item, sameItem } from './attribute-value.ts';
import type { ChangeLog, StreamViewType } from './change-log.ts';
import type { ItemKey, KeySchema } from './key-schema.ts';
import { TableItems } from './table-items.ts';

export type TableStatus = 'CREATING' | 'UPDATING' | 'ACTIVE' | 'DELETING';

export interface Table {
  readonly name: string;
  readonly id: string;
  readonly arn: string;
  readonly schema: KeySchema;
  readonly createdAtMs: number;
  readonly status: TableStatus;
  /** When the present phase ends; absent in ACTIVE. */
  readonly statusUntilMs?: number;
  readonly billing: {
    readonly mode: 'PAY_PER_REQUEST' | 'PROVISIONED';
    readonly read: number;
    readonly write: number;
    readonly onDemandSinceMs?: number;
  };
  /** The newest stream, enabled or not. */
  readonly stream?: {
    readonly arn: string;
    readonly label: string;
    readonly enabled: boolean;
    readonly viewType: StreamViewType;
  };
  readonly ttl?: { readonly attribute: string; readonly enabled: boolean; readonly changedAtMs: number };
  readonly tags: Readonly<Record<string, string>>;
  readonly deletionProtection: boolean;
  /** Point-in-time recovery, where it is on. */
  readonly recovery?: { readonly sinceMs: number; readonly days: number };
  /** Item count and size as DescribeTable tells them: taken about every six hours. */
  readonly counted: { readonly atMs: number; readonly items: number; readonly bytes: number };
}

/** One write as it will be done: what was there and what will be. */
export interface Change {
  readonly table: Table;
  readonly key: ItemKey;
  readonly before: Item | undefined;
  readonly after: Item | undefined;
}

export class Tables {
  /** How long a table is CREATING, UPDATING or DELETING, and TTL ENABLING or DISABLING. */
  readonly phaseMs: number;
  readonly #state: CloudState;
  readonly #log: ChangeLog;
  readonly #stored: Collection<Table>;
  readonly #items = new Map<string, TableItems>();
  /** Derived from the stored tables; dropped whenever one changes. */
  #phases: { dueAtMs: number | undefined; ttl: readonly Table[] } | undefined;

  constructor(state: CloudState, log: ChangeLog, phaseMs: number) {
    this.#state = state;
    this.#log = log;
    this.phaseMs = phaseMs;
    this.#stored = state.collection('dynamodb/tables');
  }

  names(): string[] {
    return this.#stored.keys().sort();
  }

  find(name: string): Table | undefined {
    return this.#stored.get(name);
  }

  /** The table of a control call. @throws AwsError ResourceNotFoundException */
  existing(nameOrArn: string): Table {
    const name = tableName(nameOrArn);
    const table = this.#stored.get(name);
    if (table) return table;
    throw new AwsError('ResourceNotFoundException', `Requested resource not found: Table: ${name} not found`);
  }

  /** The table of a call for items, which works while it is active or updating. @throws AwsError ResourceNotFoundException */
  usable(nameOrArn: string): Table {
    const table = this.#stored.get(tableName(nameOrArn));
    if (table?.status === 'ACTIVE' || table?.status === 'UPDATING') return table;
    throw new AwsError('ResourceNotFoundException', 'Requested resource not found');
  }

  save(table: Table): void {
    this.#stored.set(table.name, table);
    this.#phases = undefined;
  }

  /** Puts a table into a phase that ends by itself. */
  enter(table: Table, status: TableStatus, nowMs: number): Table {
    const next = { ...table, status, statusUntilMs: nowMs + this.phaseMs };
    this.save(next);
    return next;
  }

  items(table: Table): TableItems {
    let items = this.#items.get(table.id);
    if (!items) {
      items = new TableItems(this.#state.collection(`dynamodb/items/${table.id}`));
      this.#items.set(table.id, items);
    }
    return items;
  }

  /** Does a write: the item, and its record in the table's stream. What changes nothing leaves no trace. */
  apply({ table, key, before, after }: Change, nowMs: number, expired = false): void {
    if (before && after && sameItem(before, after)) return;
    if (after) this.items(table).put(key, after);
    else if (before) this.items(table).delete(key);
    if (table.stream?.enabled) this.#log.append(table.stream.arn, before, after, nowMs, expired);
  }

  /** Ends the phases that are over and removes expired items. Idempotent. */
  advance(nowMs: number): void {
    const { dueAtMs } = this.#derived();
    if (dueAtMs !== undefined && dueAtMs <= nowMs) {
      for (const table of this.#stored.values()) this.#endPhase(table, nowMs);
    }
    for (const table of this.#derived().ttl) this.#expire(table, nowMs);
  }

  nextAtMs(): number | undefined {
    const { dueAtMs, ttl } = this.#derived();
    const times = [dueAtMs, ...ttl.map((table) => this.#expiryAtMs(table))].filter((time) => time !== undefined);
    return times.length > 0 ? Math.min(...times) : undefined;
  }

  #derived() {
    if (!this.#phases) {
      const tables = this.#stored.values();
      const ends = tables.flatMap(({ statusUntilMs }) => statusUntilMs ?? []);
      this.#phases = {
        dueAtMs: ends.length > 0 ? Math.min(...ends) : undefined,
        ttl: tables.filter(({ ttl, status }) => ttl?.enabled && status !== 'DELETING'),
      };
    }
    return this.#phases;
  }

  #endPhase(table: Table, nowMs: number): void {
    const { statusUntilMs, ...rest } = table;
    if (statusUntilMs === undefined || statusUntilMs > nowMs) return;
    if (table.status !== 'DELETING') return this.save({ ...rest, status: 'ACTIVE' });
    this.items(table).clear();
    this.#items.delete(table.id);
    this.#stored.delete(table.name);
    this.#phases = undefined;
  }

  /** When TTL next removes something; not before TTL itself is on. */
  #expiryAtMs(table: Table): number | undefined {
    const dueAtMs = table.ttl && this.items(table).nextExpiryAtMs(table.ttl.attribute);
    return dueAtMs === undefined ? undefined : Math.max(dueAtMs, (table.ttl?.changedAtMs ?? 0) + this.phaseMs);
  }

  #expire(table: Table, nowMs: number): void {
    const dueAtMs = this.#expiryAtMs(table);
    if (!table.ttl || dueAtMs === undefined || dueAtMs > nowMs) return;
    const items = this.items(table);
    for (const key of items.expired(table.ttl.attribute, nowMs)) {
      this.apply({ table, key, before: items.get(key), after: undefined }, nowMs, true);
    }
  }
}

/** The name in a name or a table's ARN. */
export function tableName(nameOrArn: string): string {
  return nameOrArn.startsWith('arn:') ? nameOrArn.slice(nameOrArn.indexOf('table/') + 'table/'.length) : nameOrArn;
}
