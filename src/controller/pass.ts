/**
 * Carries a world out: plan → record intent → execute → tell. It is the same for objects that converge and for those
 * that end. What the world is, and whether the object may be touched at all, was decided before.
 */
import { type Fence, runSteps } from '../execute/index.ts';
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
import { Progress } from './progress.ts';

export interface PassParts {
  readonly kinds: KindRegistry;
  readonly io: Io;
  readonly memory: Memory;
  readonly allocator: Allocator;
  readonly narrator: Narrator;
  readonly owner: string;
  readonly fence: Fence;
}

export interface PassInput {
  readonly key: ObjectKey;
  /** As it is to be remembered with this pass. */
  readonly inventory: Inventory;
  readonly world: World;
  /** Undefined while the object is being deleted. */
  readonly object: PassedObject | undefined;
  readonly startedMs: number;
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
  async carryOut(input: PassInput, signal: AbortSignal | undefined): Promise<Outcome> {
    const { key, inventory, world, object, startedMs } = input;
    const { kinds, io, memory, narrator, fence } = this.#parts;
    const next = this.#letGo(inventory.uid, world, plan(world, kinds));
    // Intent first: should the answer of a create be lost, what it made is found again as ours.
    await memory.saveInventory(key, withIntent(inventory, next, world.nowMs));
    const results = await runSteps(next.steps, kinds, io, (step) => this.#tagsOf(step, world), fence, signal);
    const after = withResults(memory.get(key).inventory?.body ?? inventory, next, results, world.nowMs);
    const obstructions = [
      ...results.flatMap((result) => obstructionOf(result, inventory, world.nowMs) ?? []),
      ...unreadable(next),
    ];
    const conditions = object
      ? conditionsOf(world, next, obstructions)
      : deletionConditions(next, obstructions, after, input.hasSuccessor === true);
    const isReady = conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
    const kept = isReady ? { ...after, classChangedAtMs: undefined } : after;
    const report = { key, inventory: kept, world, plan: next, results, obstructions, conditions, object, startedMs };
    if (!object && kept.entries.length === 0) return this.#end(report);
    await memory.saveInventory(key, kept);
    await narrator.passed(report);
    return this.#progress.after(formatKey(key), next, results, obstructions);
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

  #tagsOf(step: Step, world: World): Readonly<Record<string, string>> {
    return step.shared ? { [TAG_OWNER]: this.#parts.owner } : world.tags;
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
