/** Capacity units as DynamoDB counts them, and the `ConsumedCapacity` member, which is there only when asked for. */
import type { ConsumedCapacity } from '@aws-sdk/client-dynamodb';
import { type Item, itemSize } from './attribute-value.ts';

const READ_UNIT_BYTES = 4096;
const WRITE_UNIT_BYTES = 1024;

/** Units for having read this many bytes; at least one unit's worth, half of it when eventually consistent. */
export function readUnits(bytes: number, consistent: boolean | undefined): number {
  return Math.max(1, Math.ceil(bytes / READ_UNIT_BYTES)) * (consistent ? 1 : 0.5);
}

/** Units of a write: the larger of what was there and what is there now counts. */
export function writeUnits(before: Item | undefined, after: Item | undefined): number {
  const bytes = Math.max(before ? itemSize(before) : 0, after ? itemSize(after) : 0);
  return Math.max(1, Math.ceil(bytes / WRITE_UNIT_BYTES));
}

/** Units by table name, for the calls that touch several. */
export class Consumption {
  readonly #units = new Map<string, number>();

  add(table: string, units: number): void {
    this.#units.set(table, (this.#units.get(table) ?? 0) + units);
  }

  /** The list for a batch or a transaction; `kind` is told apart only in transactions. */
  list(asked: string | undefined, kind?: 'Read' | 'Write'): { ConsumedCapacity?: ConsumedCapacity[] } {
    if (!isAsked(asked)) return {};
    return { ConsumedCapacity: [...this.#units].map(([table, units]) => capacity(table, units, asked, kind)) };
  }
}

/** The member for a call on one table. */
export function consumed(
  table: string,
  units: number,
  asked: string | undefined,
): { ConsumedCapacity?: ConsumedCapacity } {
  return isAsked(asked) ? { ConsumedCapacity: capacity(table, units, asked) } : {};
}

function isAsked(asked: string | undefined): boolean {
  return asked === 'TOTAL' || asked === 'INDEXES';
}

function capacity(table: string, units: number, asked: string | undefined, kind?: 'Read' | 'Write'): ConsumedCapacity {
  const ofKind = kind ? { [`${kind}CapacityUnits`]: units } : {};
  return {
    TableName: table,
    CapacityUnits: units,
    ...ofKind,
    ...(asked === 'INDEXES' ? { Table: { CapacityUnits: units, ...ofKind } } : {}),
  };
}
