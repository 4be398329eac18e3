/**
 * What the leader last measured of finding drift, by target, in the state table for whoever asks (`doctor`, `describe`).
 * It is written when it changed, not with every sweep: a steady fleet writes nothing.
 */
import { isFailure, sameJson } from '../../core/index.ts';
import type { StateTable, Versioned } from '../../store/index.ts';

/** What is known of finding drift in one target. */
export interface Measured {
  /** Steady objects that were compared. */
  readonly objects: number;
  /** Calls of one sweep, and how often it is made. */
  readonly calls: number;
  readonly periodMs: number;
  /** Things that are read one by one, and how long a round takes. */
  readonly rotating: number;
  readonly rotationMs: number;
  /** The oldest that a drift can become unseen, by what sees it. What only events tell of has no bound. */
  readonly maxDriftAgeMs: { readonly swept: number; readonly rotating: number };
}

type Journal = Readonly<Record<string, Measured>>;

const ITEM = 'sweep';

export class SweepJournal {
  readonly #state: StateTable;
  readonly #epoch: () => number;
  #stored: Versioned<Journal> | undefined;
  /** One write at a time: each target has a sweeper of its own. */
  #writing: Promise<unknown> = Promise.resolve();

  constructor(state: StateTable, epoch: () => number) {
    this.#state = state;
    this.#epoch = epoch;
  }

  /** Of every target, as the leader last wrote it. @throws Failure */
  async read(): Promise<Journal> {
    return (await this.#state.controllerItem<Journal>(ITEM))?.body ?? {};
  }

  /** Nothing, where that stands there already. @throws Failure when the state table cannot be read or written */
  write(target: string, measured: Measured): Promise<void> {
    const written = this.#writing.then(() => this.#write(target, measured));
    this.#writing = written.catch(() => {});
    return written;
  }

  async #write(target: string, measured: Measured): Promise<void> {
    this.#stored ??= (await this.#state.controllerItem<Journal>(ITEM)) ?? { version: 0, body: {} };
    const body = { ...this.#stored.body, [target]: measured };
    if (sameJson(this.#stored.body, body)) return;
    try {
      const version = await this.#state.putControllerItem(ITEM, body, this.#stored.version, this.#epoch());
      this.#stored = { version, body };
    } catch (error) {
      // The answer of an earlier write was lost: what stands there is read again.
      if (isFailure(error)) this.#stored = undefined;
      throw error;
    }
  }
}
