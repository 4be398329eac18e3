/**
 * Carries a world out: plan → record intent → execute → tell. It is the same for objects that converge and for those
 * that end. What the world is, and whether the object may be touched at all, was decided before.
 */
import { type Call, callWithin } from '../aws/index.ts';
import { traced, tracedNow } from '../core/index.ts';
import { type Fence, type Known, runSteps } from '../execute/index.ts';
import {
  type ConditionDraft,
  conditionsOf,
  type Obstruction,
  type Plan,
  plan,
  type Step,
  type World,
} from '../plan/index.ts';
import { formatKey, type Inventory, type Io, type KindRegistry, type ObjectKey } from '../resource/index.ts';
import type { Allocator } from './allocator.ts';
import { withIntent, withResults } from './intent.ts';
import type { Memory } from './memory.ts';
import type { Narrator } from './narrator.ts';
import { obstructionOf, unreadable } from './obstruction.ts';
import type { Outcome } from './outcome.ts';
import { TAG_OWNER } from './ownership.ts';
import type { PassedObject, PassReport } from './pass-report.ts';
import { tellOutdated } from './pins.ts';
import { Progress } from './progress.ts';
import type { Recollections } from './recollections.ts';
import { hasUnreachable } from './revisions.ts';
import { type Basis, steadyOf } from './steady.ts';
import { tellWaiting } from './waiting.ts';

export interface PassParts {
  readonly kinds: KindRegistry;
  readonly memory: Memory;
  readonly allocator: Allocator;
  readonly narrator: Narrator;
  readonly recollections: Recollections;
  readonly owner: string;
  readonly fence: Fence;
}

export interface PassInput {
  readonly key: ObjectKey;
  /** Where its resources are. */
  readonly io: Io;
  /** As it is to be remembered with this pass. */
  readonly inventory: Inventory;
  readonly world: World;
  /** Undefined while the object is being deleted. */
  readonly object: PassedObject | undefined;
  readonly startedMs: number;
  /** What it was read from; undefined while the object is being deleted. */
  readonly basis?: Basis;
  /** A record of the name is there again while the object is being deleted. */
  readonly hasSuccessor?: boolean;
}

export class Passes {
  readonly #parts: PassParts;
  readonly #progress = new Progress();

  constructor(parts: PassParts) {
    this.#parts = parts;
  }

  /** The next pass over this object counts as progress, whatever it does. */
  anew(key: ObjectKey): void {
    this.#progress.forget(formatKey(key));
  }

  /** @throws Failure when the state table cannot be written; a step that fails is part of the outcome */
  async carryOut(input: PassInput, call: Call): Promise<Outcome> {
    const { key, io, inventory, world, object, startedMs } = input;
    const { kinds, memory, narrator, recollections, fence } = this.#parts;
    const cause = call.cause && { ...call.cause, generation: inventory.generation };
    cause?.span?.set({ 'lambdacontainer.generation': inventory.generation });
    const next = this.#letGo(
      inventory.uid,
      world,
      tracedNow(cause?.span, 'plan', () => plan(world, kinds)),
    );
    // Intent first: should the answer of a create be lost, what it made is found again as ours.
    await memory.saveInventory(key, withIntent(inventory, next, world.nowMs));
    const caused = cause ? { ...call, cause } : call;
    const results = await traced(cause?.span, 'execute', (span) =>
      runSteps(next.steps, kinds, io, (step) => this.#knownOf(step, world), fence, callWithin(caused, span)),
    );
    if (results.some(({ step }) => kinds.get(step.kind)?.facet)) memory.noteMove(key, io.nowMs());
    recollections.keep(formatKey(key), world, next, results);
    const after = withResults(memory.get(key).inventory?.body ?? inventory, next, results, io.nowMs());
    const obstructions = [
      ...results.flatMap((result) => obstructionOf(result, inventory, world.nowMs) ?? []),
      ...unreadable(next),
    ];
    const conditions = object
      ? tellWaiting(
          tellOutdated(conditionsOf(world, next, obstructions), object.spec, inventory, world, kinds),
          results,
          world,
        )
      : deletionConditions(next, obstructions, after, input.hasSuccessor === true);
    const isReady = conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
    const isSteady = isReady && next.settled && input.basis !== undefined;
    const steady = isSteady && input.basis ? steadyOf(world, kinds, input.basis) : undefined;
    const kept = { ...after, steady, ...(isReady ? { classChangedAtMs: undefined } : {}) };
    const report = { key, inventory: kept, world, plan: next, results, obstructions, conditions, object, startedMs };
    if (!object && kept.entries.length === 0) return this.#end(report);
    // What is steady costs no pass any more, and so its status must have been told before.
    if (!steady) await memory.saveInventory(key, kept);
    await narrator.passed(report);
    // The revision that was just recorded dropped an older one: what only that needed is left over from now on.
    const revisions = [...memory.get(key).revisions.values()].map(({ body }) => body);
    const isLeftOver = next.settled && hasUnreachable(world, kept, revisions);
    if (steady) await memory.saveInventory(key, isLeftOver ? { ...kept, steady: undefined } : kept);
    const outcome = this.#progress.after(formatKey(key), next, results, obstructions, world.nowMs - startedMs);
    return isLeftOver ? { type: 'requeue', afterMs: 0 } : outcome;
  }

  /** Nothing is left of it. */
  async #end(report: PassReport): Promise<Outcome> {
    const { key, inventory } = report;
    await this.#parts.allocator.free(key, inventory);
    await this.#parts.narrator.deleted(report);
    await this.#parts.memory.forget(key);
    this.anew(key);
    // The name may have been taken again meanwhile.
    return { type: 'requeue', afterMs: 0 };
  }

  /** What is forgotten because others use it is let go of now, unless they have let go meanwhile. */
  #letGo(uid: string, world: World, next: Plan): Plan {
    const forget = next.forget.filter((entry) => {
      const orphan = world.orphans.find((candidate) => candidate.entry === entry);
      return !orphan?.stillUsed || this.#parts.memory.release(uid, entry);
    });
    return { ...next, forget };
  }

  #knownOf(step: Step, world: World): Known {
    const { memory, owner } = this.#parts;
    return { tags: step.shared ? { [TAG_OWNER]: owner } : world.tags, inheritedAtMs: memory.inheritedAtMs(step) };
  }
}

function deletionConditions(
  next: Plan,
  obstructions: readonly Obstruction[],
  { entries }: Inventory,
  hasSuccessor: boolean,
): ConditionDraft[] {
  const left = `${entries.length} resources left`;
  const waiting = hasSuccessor ? '; the record that is there now becomes a new object when they are gone' : '';
  const message = obstructions[0]?.message ?? `${left}${waiting}`;
  const unknown = [...next.verdicts.values()].find((verdict) => verdict.state === 'unknown');
  const reason = obstructions[0]?.reason ?? (unknown ? 'CannotTell' : 'Deleting');
  const isStalled = obstructions.length > 0;
  return [
    { type: 'Ready', status: 'False', reason, message },
    { type: 'Stalled', status: isStalled ? 'True' : 'False', reason, message },
    { type: 'Reconciling', status: isStalled ? 'False' : 'True', reason, message },
  ];
}
