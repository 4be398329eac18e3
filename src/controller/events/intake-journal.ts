/**
 * Whether events arrive, as a condition in the state table for whoever asks (`doctor`, `describe`). It is written when it
 * changes; that it cannot be written is said and keeps nothing from being done.
 */
import { isFailure, type Logger } from '../../core/index.ts';
import type { StateTable } from '../../store/index.ts';

export interface IntakeCondition {
  readonly type: 'EventsReceived';
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
  /** ISO time. */
  readonly lastTransitionTime: string;
}

export interface IntakeJournal {
  /** Never rejects for what AWS answers. */
  write(condition: IntakeCondition): Promise<void>;
}

export const INTAKE_ITEM = 'events';

export class StoredIntakeJournal implements IntakeJournal {
  readonly #state: StateTable;
  readonly #epoch: () => number;
  readonly #logger: Logger;

  constructor(state: StateTable, epoch: () => number, logger: Logger) {
    this.#state = state;
    this.#epoch = epoch;
    this.#logger = logger;
  }

  async write(condition: IntakeCondition): Promise<void> {
    try {
      const stored = await this.#state.controllerItem<IntakeCondition>(INTAKE_ITEM);
      const { status, reason, message } = stored?.body ?? {};
      if (status === condition.status && reason === condition.reason && message === condition.message) return;
      await this.#state.putControllerItem(INTAKE_ITEM, condition, stored?.version ?? 0, this.#epoch());
    } catch (error) {
      if (!isFailure(error)) throw error;
      this.#logger.warn({ code: error.code }, `the condition of the event intake was not stored: ${error.message}`);
    }
  }
}
