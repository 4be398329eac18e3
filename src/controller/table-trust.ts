/**
 * Whether the absence of a record may be believed. The desired table is remembered by the id that DynamoDB gave it; one
 * of another id, or one in which no record is found although objects exist, is doubted: wiped, restored, renamed or
 * mistaken for another. The doubt is durable, is written before any deletion is judged by what a relist found, and ends
 * when nothing is missing that nobody confirmed. This file judges tables; what is held because of it is the guard's.
 */
import { type Clock, isFailure, type Logger, sameJson } from '../core/index.ts';
import type { DesiredTable, StateTable, Versioned } from '../store/index.ts';

export interface Doubt {
  readonly reason: 'TableReplaced' | 'TableEmpty';
  readonly sinceMs: number;
  /** How many objects had no record when the doubt arose, of how many that had made something. */
  readonly missing: number;
  readonly objects: number;
  /** The id of the table that was found. */
  readonly tableId: string;
}

/** What a complete relist found. */
export interface Census {
  readonly tableId: string;
  /** Not one record of an object. */
  readonly isEmpty: boolean;
  /** Objects that had made something before the listing began. */
  readonly objects: number;
  /** Those among them that have no record, and whose deletion is neither confirmed nor held for a cause of its own. */
  readonly missing: number;
}

interface Remembered {
  readonly table: string;
  /** The table that all records were last seen in. */
  readonly tableId: string;
  readonly doubt?: Doubt;
}

const ITEM = 'table';

export class TableTrust {
  readonly #desired: DesiredTable;
  readonly #state: StateTable;
  readonly #epoch: () => number;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #remembered: Versioned<Remembered> | undefined;
  #listedTableId: string | undefined;

  constructor(desired: DesiredTable, state: StateTable, epoch: () => number, clock: Clock, logger: Logger) {
    this.#desired = desired;
    this.#state = state;
    this.#epoch = epoch;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Reads what earlier leaders knew. Called once, when leading begins. */
  async load(): Promise<void> {
    this.#remembered = await this.#state.controllerItem<Remembered>(ITEM);
  }

  /** This leader has read the table whole and knows which one it is. */
  get isEstablished(): boolean {
    return this.#listedTableId !== undefined;
  }

  /** While there is one, no deletion begins that nobody confirmed. */
  get doubt(): Doubt | undefined {
    return this.#remembered?.body.doubt;
  }

  /** Asks DynamoDB whether the table is still the one that was listed: it may have been replaced a moment ago. */
  async isAsListed(): Promise<boolean> {
    const { tableId } = await this.#desired.identity();
    return tableId === this.#listedTableId;
  }

  /** Takes in what a relist found; what it means is durable when this resolves. @throws Failure; nothing is taken in then */
  async afterRelist(census: Census): Promise<void> {
    const known = this.#remembered?.body;
    const doubt = this.#doubtAfter(census, known);
    // A doubted table is not adopted.
    const tableId = doubt && known ? known.tableId : census.tableId;
    const next: Remembered = { table: this.#desired.table, tableId, ...(doubt ? { doubt } : {}) };
    if (!known || !sameJson(known, next)) {
      this.#remembered = { version: await this.#write(next), body: next };
      this.#tell(known, next);
    }
    this.#listedTableId = census.tableId;
  }

  async #write(next: Remembered): Promise<number> {
    try {
      return await this.#state.putControllerItem(ITEM, next, this.#remembered?.version ?? 0, this.#epoch());
    } catch (error) {
      // The answer of an earlier write was lost: what stands there is what the next relist goes on from.
      if (isFailure(error)) await this.load();
      throw error;
    }
  }

  #doubtAfter({ tableId, isEmpty, objects, missing }: Census, known: Remembered | undefined): Doubt | undefined {
    if (missing === 0) return undefined;
    if (known?.doubt) return known.doubt;
    const arisen = { sinceMs: this.#clock.now(), missing, objects, tableId };
    if (known && known.tableId !== tableId) return { reason: 'TableReplaced', ...arisen };
    return isEmpty ? { reason: 'TableEmpty', ...arisen } : undefined;
  }

  #tell(before: Remembered | undefined, now: Remembered): void {
    const { table } = this.#desired;
    if (now.doubt && !before?.doubt) {
      const { reason, missing, objects } = now.doubt;
      this.#logger.warn(
        { table, reason, missing, objects },
        `${missing} of ${objects} objects have no record in a table that cannot be trusted: no deletion begins`,
      );
    } else if (before?.doubt && !now.doubt) {
      this.#logger.info({ table, tableId: now.tableId }, 'the desired table is trusted again');
    } else if (before && before.tableId !== now.tableId) {
      this.#logger.info({ table, tableId: now.tableId }, 'another desired table: nothing is missing in it');
    }
  }
}
