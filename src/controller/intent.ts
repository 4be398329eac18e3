/**
 * How an inventory changes with a plan: what will be made enters before it is made, what was seen, changed or found gone
 * is noted after. Pure; who writes it, and when, is the pass's business.
 */
import type { StepResult } from '../execute/index.ts';
import { healed, type Plan, propsHash, type Step } from '../plan/index.ts';
import { type FieldContention, type Inventory, type InventoryEntry, sameIdentity } from '../resource/index.ts';

/**
 * Creates, and what exists already but is not recorded, enter the inventory; new incarnations are counted. What is not
 * settled is not steady from here on: an answer from before our act must not pass for drift.
 */
export function withIntent(inventory: Inventory, next: Plan, nowMs: number): Inventory {
  const created = next.steps.filter((step) => step.action === 'create');
  const reborn = next.steps.filter((step) => step.action === 'reincarnate');
  const replaced = [...created, ...next.record];
  return {
    ...inventory,
    steady: next.settled ? inventory.steady : undefined,
    contention: someOf(next.contention),
    entries: [
      ...inventory.entries.filter((entry) => !replaced.some((step) => isOf(step)(entry))),
      ...created.map((step) => entryOf(step, nowMs, false)),
      ...next.record.map((step) => entryOf(step, nowMs, true)),
    ],
    incarnations: {
      ...inventory.incarnations,
      ...Object.fromEntries(reborn.map(({ nodeId }) => [nodeId, (inventory.incarnations[nodeId] ?? 0) + 1])),
    },
  };
}

/** What was seen, changed and found gone. */
export function withResults(
  inventory: Inventory,
  next: Plan,
  results: readonly StepResult[],
  nowMs: number,
): Inventory {
  const updated = results.filter(({ step, failure }) => step.action === 'update' && !failure).map(({ step }) => step);
  const tried = results.filter(({ step, failure }) => step.action === 'update' && failure).map(({ step }) => step);
  const entries = inventory.entries
    .filter((entry) => !next.forget.includes(entry) && !isForgotten(entry, next))
    .map((entry) => {
      const step = updated.find((candidate) => isOf(candidate)(entry));
      if (step) return entryOf(step, nowMs, true);
      // Its answer may be all that was lost.
      if (tried.some((candidate) => isOf(candidate)(entry))) return { ...entry, actedAtMs: nowMs };
      return next.seen.includes(entry.nodeId) && !entry.seen && !wasCreated(entry, next)
        ? { ...entry, seen: true }
        : entry;
    });
  return { ...inventory, entries, contention: someOf(healed(next.contention, putRight(next, results), nowMs)) };
}

/** Fields that somebody else had changed and that are as they should be now. */
function putRight({ drift }: Plan, results: readonly StepResult[]) {
  return results.flatMap(({ step, failure }) =>
    failure || step.action !== 'update'
      ? []
      : step.changes
          .filter(({ path }) => drift.some((found) => found.nodeId === step.nodeId && found.path === path))
          .map(({ path, desired }) => ({ nodeId: step.nodeId, path, desired })),
  );
}

function someOf(fields: readonly FieldContention[]): readonly FieldContention[] | undefined {
  return fields.length > 0 ? fields : undefined;
}

function entryOf(step: Step, nowMs: number, seen: boolean): InventoryEntry {
  return {
    nodeId: step.nodeId,
    kind: step.kind,
    identity: step.identity,
    shared: step.shared,
    capacity: step.capacity,
    dependsOn: step.dependsOn,
    propsHash: propsHash(step.props),
    actedAtMs: nowMs,
    seen,
  };
}

function isOf(step: Step): (entry: InventoryEntry) => boolean {
  return (entry) => entry.nodeId === step.nodeId && sameIdentity(entry.identity, step.identity);
}

function isForgotten(entry: InventoryEntry, next: Plan): boolean {
  return next.forget.some((gone) => gone.nodeId === entry.nodeId && sameIdentity(gone.identity, entry.identity));
}

function wasCreated(entry: InventoryEntry, next: Plan): boolean {
  return next.steps.some((step) => step.action === 'create' && isOf(step)(entry));
}
