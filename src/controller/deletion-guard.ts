/**
 * Stands between a record that vanished and the first step of deletion. It lets the deletion begin or holds it, and
 * makes either durable before it answers: the count of the class first, then the object's own inventory. What it rules
 * by is in deletion-rules.ts. It touches no resource, and what it holds runs on unobserved.
 */
import { type Clock, sameJson } from '../core/index.ts';
import { type DeletionHold, formatKey, type Inventory, type ObjectKey } from '../resource/index.ts';
import type { StateTable, Versioned } from '../store/index.ts';
import type { ClassRollout } from './class-rollout.ts';
import type { Confirmations } from './confirmations.ts';
import { EMPTY_LEDGER, type Ledger, type Ruling, rule, type Vanished } from './deletion-rules.ts';
import type { Memory } from './memory.ts';
import type { TableTrust } from './table-trust.ts';

export type Admission =
  /** `deletingSinceMs` is set and stored: from here the deletion goes on to its end. */
  | { readonly type: 'begun'; readonly inventory: Inventory }
  /** `held` is set and stored. */
  | { readonly type: 'held'; readonly inventory: Inventory; readonly hold: DeletionHold }
  /** Nothing can be said before the table was read whole; `relist` asks for that. */
  | { readonly type: 'unsure'; readonly relist: boolean };

export interface DeletionGuardParts {
  readonly memory: Memory;
  readonly state: StateTable;
  readonly epoch: () => number;
  readonly trust: TableTrust;
  readonly confirmations: Confirmations;
  readonly rollout: Pick<ClassRollout, 'maxDeletePercent'>;
  readonly table: string;
  readonly clock: Clock;
}

interface Ask {
  readonly vanished: Vanished;
  readonly resolve: (admission: Admission) => void;
  readonly reject: (error: unknown) => void;
}

export class DeletionGuard {
  readonly #parts: DeletionGuardParts;
  readonly #ledgers: Map<string, Versioned<Ledger>> = new Map();
  #asked: Ask[] = [];
  #answering = false;

  constructor(parts: DeletionGuardParts) {
    this.#parts = parts;
  }

  /**
   * Judges an object that has an inventory and no record. Idempotent: the same object is counted once, and what is held
   * stays held, by a read of nothing, until it is confirmed.
   * @throws Failure when the tables cannot be read or written; nothing has begun then
   */
  admit(key: ObjectKey, inventory: Inventory): Promise<Admission> {
    const { trust, confirmations } = this.#parts;
    if (!trust.isEstablished) return Promise.resolve({ type: 'unsure', relist: false });
    const isConfirmed = confirmations.isConfirmed(key, inventory);
    const { held } = inventory;
    if (held && !isConfirmed) return Promise.resolve({ type: 'held', inventory, hold: held });
    return new Promise((resolve, reject) => {
      this.#asked.push({ vanished: { key, inventory, isConfirmed }, resolve, reject });
      void this.#answerAll();
    });
  }

  /** One round at a time: what is asked meanwhile is ruled on together, with one write per class. Never rejects. */
  async #answerAll(): Promise<void> {
    if (this.#answering) return;
    this.#answering = true;
    while (this.#asked.length > 0) {
      const asks = this.#asked;
      this.#asked = [];
      try {
        await this.#answer(asks);
      } catch (error) {
        for (const { reject } of asks) reject(error);
      }
    }
    this.#answering = false;
  }

  async #answer(asks: readonly Ask[]): Promise<void> {
    // The record may be missing because the table was replaced since it was listed.
    if (!(await this.#parts.trust.isAsListed())) {
      for (const { resolve } of asks) resolve({ type: 'unsure', relist: true });
      return;
    }
    const classNames = new Set(asks.map(({ vanished }) => vanished.inventory.className));
    for (const className of classNames) {
      const ofClass = asks.filter(({ vanished }) => vanished.inventory.className === className);
      const rulings = await this.#rule(
        className,
        ofClass.map(({ vanished }) => vanished),
      );
      await Promise.all(ofClass.map((ask, index) => this.#carryOut(ask, rulings[index])));
    }
  }

  /** Rules, and makes the count durable. */
  async #rule(className: string, vanished: readonly Vanished[]): Promise<readonly Ruling[]> {
    const { memory, trust, table, clock, rollout, state, epoch } = this.#parts;
    const stored = await this.#ledgerOf(className);
    const { rulings, ledger } = rule(vanished, stored.body, {
      className,
      objects: memory.outlines().filter((other) => other.className === className),
      maxDeletePercent: await rollout.maxDeletePercent(className, vanished[0]?.inventory.classHash),
      doubt: trust.doubt,
      table,
      nowMs: clock.now(),
    });
    if (sameJson(ledger, stored.body)) return rulings;
    // Until it is known to be written, what stands there is not known either.
    this.#ledgers.delete(className);
    const version = await state.putControllerItem(itemOf(className), ledger, stored.version, epoch());
    this.#ledgers.set(className, { version, body: ledger });
    return rulings;
  }

  async #carryOut({ vanished, resolve, reject }: Ask, ruling: Ruling | undefined): Promise<void> {
    const { key, inventory } = vanished;
    if (!ruling) return reject(new Error(`no ruling on ${formatKey(key)}`));
    try {
      resolve(await this.#store(key, inventory, ruling));
    } catch (error) {
      reject(error);
    }
  }

  async #store(key: ObjectKey, inventory: Inventory, ruling: Ruling): Promise<Admission> {
    const { memory, clock, confirmations } = this.#parts;
    if (!ruling.begins) {
      // Those that name it already were written of an earlier vanishing: this hold was shown to nobody yet.
      const before = confirmations.covering(key, inventory.uid).sort();
      const ignored = before.length > 0 ? { ignoredConfirmations: before } : {};
      const held = { ...inventory, ...ignored, steady: undefined, held: ruling.hold };
      await memory.saveInventory(key, held);
      return { type: 'held', inventory: held, hold: ruling.hold };
    }
    const begun = { ...inventory, steady: undefined, held: undefined, deletingSinceMs: clock.now() };
    await memory.saveInventory(key, begun);
    return { type: 'begun', inventory: begun };
  }

  async #ledgerOf(className: string): Promise<Versioned<Ledger>> {
    const known = this.#ledgers.get(className);
    if (known) return known;
    const stored = (await this.#parts.state.controllerItem<Ledger>(itemOf(className))) ?? {
      version: 0,
      body: EMPTY_LEDGER,
    };
    this.#ledgers.set(className, stored);
    return stored;
  }
}

function itemOf(className: string): string {
  return `guard#${className}`;
}
