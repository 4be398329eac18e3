/**
 * One pass over one object: what its record asks for, or what its vanishing means, carried out as far as is possible
 * now. A pass never waits for AWS to finish something; it asks to be called again. Each of its concerns is a file.
 */
import { ANNOTATION_RECONCILE, type ApiObject, objectFromRecord, SYSTEM_NAMESPACE } from '../api/index.ts';
import type { Logger } from '../core/index.ts';
import type { Io, KindRegistry, ObjectKey } from '../resource/index.ts';
import { type Inventory, parseKey } from '../resource/index.ts';
import { CONTROLLER_NAMESPACE, type DesiredRecord, type DesiredTable } from '../store/index.ts';
import type { Acceptance, Accepted } from './acceptance.ts';
import type { Allocator } from './allocator.ts';
import type { ClassRollout } from './class-rollout.ts';
import type { Confirmations } from './confirmations.ts';
import type { DeletionGuard } from './deletion-guard.ts';
import { recognised } from './desire.ts';
import type { Memory } from './memory.ts';
import type { Narrator, Subject } from './narrator.ts';
import type { Outcome } from './outcome.ts';
import type { Passes } from './pass.ts';
import { prospect, prospectOfDeletion } from './prospect.ts';
import type { TableTrust } from './table-trust.ts';

export interface ReconcilerParts {
  readonly kinds: KindRegistry;
  readonly io: Io;
  readonly desired: DesiredTable;
  readonly memory: Memory;
  readonly acceptance: Acceptance;
  readonly rollout: ClassRollout;
  readonly allocator: Allocator;
  readonly guard: DeletionGuard;
  readonly trust: TableTrust;
  readonly confirmations: Confirmations;
  readonly passes: Passes;
  readonly narrator: Narrator;
  /** Value of the owner tag: names this deployment of the controller. */
  readonly owner: string;
  readonly logger: Logger;
}

/** An object whose record is there. */
interface Present extends Subject {
  readonly object: ApiObject;
  /** Somebody asked for this pass. */
  readonly isAsked: boolean;
}

const DONE: Outcome = { type: 'done' };

export class Reconciler {
  readonly #parts: ReconcilerParts;

  constructor(parts: ReconcilerParts) {
    this.#parts = parts;
  }

  /** @throws Failure when the tables cannot be read or written; anything else thrown is a programmer's error */
  async reconcile(id: string, signal?: AbortSignal): Promise<Outcome> {
    const key = parseKey(id);
    // Classes, sources and confirmations are no objects, whoever named them.
    if (key.namespace === SYSTEM_NAMESPACE) return DONE;
    if (key.namespace === CONTROLLER_NAMESPACE) {
      const message = `namespace '${CONTROLLER_NAMESPACE}' is the controller's own: the record is ignored`;
      this.#parts.logger.warn({ key: id }, message);
      return DONE;
    }
    const record = await this.#parts.desired.get(key, signal ? { signal } : {});
    const before = this.#parts.memory.get(key).inventory?.body;
    if (before?.deletingSinceMs !== undefined) return this.#finalize(key, before, record !== undefined, signal);
    if (record) return this.#present(key, record, before, signal);
    return before ? this.#vanished(key, before, signal) : this.#forgetUnmade(key);
  }

  async #present(
    key: ObjectKey,
    record: DesiredRecord,
    before: Inventory | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Outcome> {
    const { memory, confirmations, narrator, passes } = this.#parts;
    const { object, defects } = objectFromRecord(record.item);
    const known = before && recognised(before, object?.annotations, confirmations.covering(key, before.uid));
    const reconcileRequest = object?.annotations[ANNOTATION_RECONCILE];
    const handled = memory.get(key).status?.body.lastHandledReconcileAt;
    const isAsked = reconcileRequest !== undefined && reconcileRequest !== handled;
    if (isAsked) passes.anew(key);
    const subject = { key, inventory: known, reconcileRequest };
    const outcome = object
      ? await this.#converge({ ...subject, object, isAsked }, signal)
      : await narrator.invalid(subject, defects).then(() => DONE);
    return { ...outcome, ...(isAsked ? { anew: true } : {}), ...(this.#endsDoubt(before) ? { relist: true } : {}) };
  }

  async #converge(present: Present, signal: AbortSignal | undefined): Promise<Outcome> {
    const { acceptance, rollout, narrator } = this.#parts;
    const { key, object, inventory } = present;
    try {
      const judged = await acceptance.judge(key, object, inventory);
      if (judged.type === 'waits') return DONE;
      if (judged.type === 'accepted') return await this.#pursue(present, judged, signal);
      await narrator.refused(present, judged.reason, judged.message);
      return DONE;
    } finally {
      rollout.ended(key);
    }
  }

  async #pursue(present: Present, accepted: Accepted, signal: AbortSignal | undefined): Promise<Outcome> {
    const { io, allocator, narrator, passes, rollout } = this.#parts;
    const { key, isAsked, reconcileRequest } = present;
    const { spec, klass, notes } = accepted;
    const startedMs = io.nowMs();
    if (spec.suspend) {
      const inventory = { ...accepted.inventory, classChangedAtMs: undefined };
      await narrator.suspended({ ...present, inventory });
      return { ...DONE, wakes: rollout.due(spec.className) };
    }
    const allocated = await allocator.allocate(key, spec, klass, accepted.inventory);
    if (allocated.problem !== undefined) {
      await narrator.refused({ ...present, inventory: accepted.inventory }, allocated.reason, allocated.problem);
      return DONE;
    }
    const { allocation } = allocated;
    const inventory = { ...accepted.inventory, allocation };
    const world = await prospect(this.#parts, key, { spec, klass, allocation, retryNow: isAsked }, inventory, signal);
    const object = { spec, klass, reconcileRequest, notes };
    const outcome = await passes.carryOut({ key, inventory, world, object, startedMs }, signal);
    rollout.ended(key);
    return { ...outcome, wakes: rollout.due(spec.className) };
  }

  /** The record is gone: whether deletion begins is the guard's to say. */
  async #vanished(key: ObjectKey, inventory: Inventory, signal: AbortSignal | undefined): Promise<Outcome> {
    const { guard, narrator, rollout } = this.#parts;
    const admission = await guard.admit(key, inventory);
    if (admission.type === 'unsure') return { ...DONE, relist: admission.relist };
    const wakes = rollout.due(inventory.className);
    if (admission.type === 'held') {
      await narrator.held(key, admission.inventory, admission.hold);
      return { ...DONE, wakes };
    }
    await narrator.deletionBegun(key, admission.inventory, inventory.held);
    const outcome = await this.#finalize(key, admission.inventory, false, signal);
    return { ...outcome, wakes, ...(this.#endsDoubt(inventory) ? { relist: true } : {}) };
  }

  /** What was made goes, in reverse, from the inventory alone. */
  async #finalize(
    key: ObjectKey,
    inventory: Inventory,
    hasSuccessor: boolean,
    signal: AbortSignal | undefined,
  ): Promise<Outcome> {
    const startedMs = this.#parts.io.nowMs();
    const world = await prospectOfDeletion(this.#parts, key, inventory, signal);
    const input = { key, inventory, world, object: undefined, startedMs, hasSuccessor };
    return this.#parts.passes.carryOut(input, signal);
  }

  /** The last object that was held for the table's sake is held no more: the table may be trusted again. */
  #endsDoubt(before: Inventory | undefined): boolean {
    const { trust, memory } = this.#parts;
    if (!before?.held || !trust.doubt) return false;
    return !memory.inventories().some(({ uid, held }) => uid !== before.uid && held?.reason === trust.doubt?.reason);
  }

  /** A record that never led to anything and is gone again. */
  async #forgetUnmade(key: ObjectKey): Promise<Outcome> {
    const stored = this.#parts.memory.get(key);
    if (stored.status) await this.#parts.memory.forget(key);
    return DONE;
  }
}
