/**
 * One pass over one object: what its record asks for, or what its vanishing means, carried out as far as is possible
 * now. A pass never waits for AWS to finish something; it asks to be called again. Each of its concerns is a file.
 */
import {
  ANNOTATION_RECONCILE,
  type ApiObject,
  type LambdaContainerSpec,
  objectFromRecord,
  SYSTEM_NAMESPACE,
} from '../api/index.ts';
import type { Call } from '../aws/index.ts';
import type { Logger } from '../core/index.ts';
import type { World } from '../plan/index.ts';
import type { KindRegistry, ObjectKey } from '../resource/index.ts';
import { formatKey, type Inventory, parseKey } from '../resource/index.ts';
import { CONTROLLER_NAMESPACE, type DesiredRecord, type DesiredTable } from '../store/index.ts';
import type { Acceptance, Accepted } from './acceptance.ts';
import type { Allocator } from './allocator.ts';
import type { ClassRollout } from './class-rollout.ts';
import type { Confirmations } from './confirmations.ts';
import type { DeletionGuard } from './deletion-guard.ts';
import { recognised } from './desire.ts';
import type { LastWriters } from './events/last-writers.ts';
import type { Memory } from './memory.ts';
import type { Narrator, Subject } from './narrator.ts';
import type { Outcome } from './outcome.ts';
import type { Passes } from './pass.ts';
import { lookingAgain, rotatedSecrets, withPins } from './pins.ts';
import { prospect, prospectOfDeletion } from './prospect.ts';
import type { Recollections } from './recollections.ts';
import { basisHash, classBasisHash, foretoldBy } from './steady.ts';
import type { TableTrust } from './table-trust.ts';
import type { Target, Targets } from './target.ts';
import { describeTarget, targetIdOf } from './targets.ts';

export interface ReconcilerParts {
  readonly kinds: KindRegistry;
  readonly targets: Targets;
  readonly desired: DesiredTable;
  readonly memory: Memory;
  readonly acceptance: Acceptance;
  readonly rollout: ClassRollout;
  readonly allocator: Allocator;
  readonly guard: DeletionGuard;
  readonly trust: TableTrust;
  readonly confirmations: Confirmations;
  /** Who else was seen to change what objects have. */
  readonly writers: Pick<LastWriters, 'of'>;
  readonly passes: Passes;
  readonly recollections: Recollections;
  readonly narrator: Narrator;
  /** Value of the owner tag: names this deployment of the controller. */
  readonly owner: string;
  /** Of this program: what another version settled is looked at once more. */
  readonly version: string;
  readonly logger: Logger;
}

/** An object whose record is there. */
interface Present extends Subject {
  readonly object: ApiObject;
  /** Its record as it was read. */
  readonly record: DesiredRecord;
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
  async reconcile(id: string, call: Call = {}): Promise<Outcome> {
    const key = parseKey(id);
    // Classes, sources and confirmations are no objects, whoever named them.
    if (key.namespace === SYSTEM_NAMESPACE) return DONE;
    if (key.namespace === CONTROLLER_NAMESPACE) {
      const message = `namespace '${CONTROLLER_NAMESPACE}' is the controller's own: the record is ignored`;
      this.#parts.logger.warn({ key: id }, message);
      return DONE;
    }
    await this.#parts.memory.refresh(key);
    const record = await this.#parts.desired.get(key, call);
    const before = this.#parts.memory.get(key).inventory?.body;
    if (before?.deletingSinceMs !== undefined) return this.#finalize(key, before, record !== undefined, call);
    if (record) return this.#present(key, record, before, call);
    return before ? this.#vanished(key, before, call) : this.#forgetUnmade(key);
  }

  /** Somebody says that something of this kind that the object has was changed. */
  doubt(id: string, kind: string): void {
    this.#parts.recollections.doubt(id, kind);
  }

  async #present(key: ObjectKey, record: DesiredRecord, before: Inventory | undefined, call: Call): Promise<Outcome> {
    const { memory, confirmations, narrator, passes, recollections } = this.#parts;
    const { object, defects } = objectFromRecord(record.item);
    const known = before && recognised(before, object?.annotations, confirmations.covering(key, before.uid));
    const reconcileRequest = object?.annotations[ANNOTATION_RECONCILE];
    const handled = memory.get(key).status?.body.lastHandledReconcileAt;
    const isAsked = reconcileRequest !== undefined && reconcileRequest !== handled;
    if (isAsked) {
      passes.anew(key);
      recollections.forget(formatKey(key));
    }
    const subject = { key, inventory: known, reconcileRequest };
    const outcome = object
      ? await this.#converge({ ...subject, object, record, isAsked }, call)
      : await narrator.invalid(subject, defects).then(() => DONE);
    return { ...outcome, ...(isAsked ? { anew: true } : {}), ...(this.#endsDoubt(before) ? { relist: true } : {}) };
  }

  async #converge(present: Present, call: Call): Promise<Outcome> {
    const { acceptance, rollout, narrator } = this.#parts;
    const { key, object, inventory } = present;
    try {
      const judged = await acceptance.judge(key, object, inventory);
      if (judged.type === 'waits') return DONE;
      if (judged.type === 'accepted') return await this.#pursue(present, judged, call);
      await narrator.refused(present, judged.reason, judged.message);
      return DONE;
    } finally {
      rollout.ended(key);
    }
  }

  async #pursue(present: Present, accepted: Accepted, call: Call): Promise<Outcome> {
    const { kinds, targets, allocator, narrator, passes, recollections, rollout, writers, version } = this.#parts;
    const { key, isAsked, reconcileRequest } = present;
    const { spec, klass, notes } = accepted;
    const { io } = targets.of(klass);
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
    const basis = {
      record: basisHash(present.record.stored, version),
      klass: classBasisHash(accepted.classAsRead, version),
    };
    const foretold = foretoldBy(inventory.steady, basis);
    const desire = { spec, klass, allocation, retryNow: isAsked, holdsSecrets: true, writers: writers.of(inventory) };
    const world = await recollections.world(formatKey(key), (seen) =>
      prospect({ ...this.#parts, io }, key, { ...desire, foreknowledge: { foretold, seen } }, inventory, call),
    );
    const rotated = rotatedSecrets(inventory, world, kinds);
    if (rotated.length > 0 && (await this.#takesOver(key, spec, inventory, world, rotated))) {
      return { type: 'requeue', afterMs: 0 };
    }
    const waits = rotated.map((arn) => `${arn} has a new version: the object waits for its turn`);
    const object = { spec, klass, reconcileRequest, notes: [...notes, ...waits] };
    const kept = withPins(inventory, spec, world, kinds);
    // What waits is not steady: nobody would look at it again.
    const settling = rotated.length > 0 ? {} : { basis };
    const outcome = await passes.carryOut({ key, io, inventory: kept, world, object, startedMs, ...settling }, call);
    rollout.ended(key);
    return { ...lookingAgain(outcome, spec), wakes: rollout.due(spec.className) };
  }

  /**
   * Secrets have new versions: if it is the object's turn, it is remembered to run with them, and the next pass makes the
   * tasks that do. A secret may be that of a whole class, and its rotation is no more urgent than a change of the class.
   */
  async #takesOver(
    key: ObjectKey,
    spec: LambdaContainerSpec,
    inventory: Inventory,
    world: World,
    rotated: readonly string[],
  ): Promise<boolean> {
    const { rollout, memory, kinds, logger } = this.#parts;
    const turn = await rollout.mayFollow({ key, className: spec.className, inventory });
    if (!turn) return false;
    logger.info({ key: formatKey(key), secrets: rotated }, 'taken over to a new version of a secret');
    const classChangedAtMs = turn.holdsPlace ? (inventory.classChangedAtMs ?? world.nowMs) : undefined;
    const taken = { ...withPins(inventory, spec, world, kinds, 'taken'), classChangedAtMs, steady: undefined };
    await memory.saveInventory(key, taken);
    return true;
  }

  /** The record is gone: whether deletion begins is the guard's to say. */
  async #vanished(key: ObjectKey, inventory: Inventory, call: Call): Promise<Outcome> {
    const { guard, narrator, rollout } = this.#parts;
    const admission = await guard.admit(key, inventory);
    // Nobody looks at it again by itself: the next relist does.
    if (admission.type === 'unsure') return { ...DONE, relist: true };
    const wakes = rollout.due(inventory.className);
    if (admission.type === 'held') {
      await narrator.held(key, admission.inventory, admission.hold);
      return { ...DONE, wakes };
    }
    await narrator.deletionBegun(key, admission.inventory, inventory.held);
    const outcome = await this.#finalize(key, admission.inventory, false, call);
    return { ...outcome, wakes, ...(this.#endsDoubt(inventory) ? { relist: true } : {}) };
  }

  /** What was made goes, in reverse, from the inventory alone. */
  async #finalize(key: ObjectKey, inventory: Inventory, hasSuccessor: boolean, call: Call): Promise<Outcome> {
    const target = await this.#targetOf(inventory);
    if (!target) {
      const { className, target: id } = inventory;
      const message = `its resources are in ${describeTarget(id)}, and class '${className}' says neither now nor as it was last admitted how they are reached: nothing is deleted. Create the class again for that account and region`;
      await this.#parts.narrator.unreachable(key, inventory, message);
      return DONE;
    }
    const { io } = target;
    const startedMs = io.nowMs();
    const world = await prospectOfDeletion({ ...this.#parts, io }, key, inventory, call);
    const input = { key, io, inventory, world, object: undefined, startedMs, hasSuccessor };
    return this.#parts.passes.carryOut(input, call);
  }

  /**
   * Where what was made is: by the class as it is if that is still the place, because its role is the newest; else as it
   * was last admitted. Undefined when neither is known or both are elsewhere.
   */
  async #targetOf({ className, classHash, target, entries }: Inventory): Promise<Target | undefined> {
    const { targets, rollout } = this.#parts;
    if (target === undefined || entries.length === 0) return targets.home;
    const contents = await rollout.contentsFor(className, classHash);
    const content = contents.find(({ spec }) => targetIdOf(targets, spec) === target);
    return content && targets.of(content.spec);
  }

  /** The last object that was held for the table's sake is held no more: the table may be trusted again. */
  #endsDoubt(before: Inventory | undefined): boolean {
    const { trust, memory } = this.#parts;
    if (!before?.held || !trust.doubt) return false;
    return !memory.outlines().some(({ uid, held }) => uid !== before.uid && held?.reason === trust.doubt?.reason);
  }

  /** A record that never led to anything and is gone again. */
  async #forgetUnmade(key: ObjectKey): Promise<Outcome> {
    const stored = this.#parts.memory.get(key);
    if (stored.status) await this.#parts.memory.forget(key);
    return DONE;
  }
}
