/**
 * One pass over one object: compose → observe → plan → record intent → execute → status. A pass never waits for AWS
 * to finish something; it asks to be called again. What it learns is written only where it differs.
 */
import {
  type LambdaContainerClassSpec,
  type LambdaContainerSpec,
  objectFromRecord,
  specHash,
  validateLambdaContainer,
} from '../api/index.ts';
import { compose } from '../compose/index.ts';
import { type Clock, type Failure, type Logger, type Random, shortHash, uuid } from '../core/index.ts';
import { type Fence, observeGraph, observeOrphans, runSteps, type StepResult } from '../execute/index.ts';
import { type Obstruction, type Plan, plan, propsHash, type Step, type World } from '../plan/index.ts';
import {
  formatKey,
  type Inventory,
  type InventoryEntry,
  type Io,
  type KindRegistry,
  type ObjectKey,
  parseKey,
  sameIdentity,
} from '../resource/index.ts';
import { CONTROLLER_NAMESPACE, type DesiredRecord, type DesiredTable } from '../store/index.ts';
import type { Allocator } from './allocator.ts';
import type { Classes } from './classes.ts';
import type { Memory } from './memory.ts';
import type { Narrator, PassReport } from './narrator.ts';
import { obstructionOf, unreadable } from './obstruction.ts';
import { ownershipTags, TAG_OWNER } from './ownership.ts';

export type Outcome =
  /** Nothing to do until the object, its class or its resources change. */
  | { readonly type: 'done' }
  /** It moved: look again after `afterMs`, with a fresh backoff. */
  | { readonly type: 'requeue'; readonly afterMs: number }
  /** It did not get on: look again after the key's backoff. */
  | { readonly type: 'backoff'; readonly atLeastMs: number; readonly failure?: Failure | undefined };

export interface ReconcilerParts {
  readonly kinds: KindRegistry;
  readonly io: Io;
  readonly desired: DesiredTable;
  readonly memory: Memory;
  readonly classes: Classes;
  readonly allocator: Allocator;
  readonly narrator: Narrator;
  /** Value of the owner tag: names this deployment of the controller. */
  readonly owner: string;
  readonly fence: Fence;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export class Reconciler {
  readonly #parts: ReconcilerParts;
  /** Signature of the last frontier per key: the same steps again are not progress. */
  readonly #lastSteps: Map<string, string> = new Map();

  constructor(parts: ReconcilerParts) {
    this.#parts = parts;
  }

  /** @throws Failure when the tables cannot be read or written; anything else thrown is a programmer's error */
  async reconcile(id: string, signal?: AbortSignal): Promise<Outcome> {
    const key = parseKey(id);
    if (key.namespace === CONTROLLER_NAMESPACE) {
      this.#parts.logger.warn(
        { key: id },
        `namespace '${CONTROLLER_NAMESPACE}' is the controller's own: the record is ignored`,
      );
      return { type: 'done' };
    }
    const record = await this.#parts.desired.get(key, signal ? { signal } : {});
    const inventory = this.#parts.memory.get(key).inventory?.body;
    if (!record || inventory?.deletingSinceMs !== undefined) {
      return inventory ? this.#finalize(key, inventory, signal) : this.#forgetUnmade(key);
    }
    const accepted = await this.#accept(key, record);
    if (!accepted) return { type: 'done' };
    const { spec, klass } = accepted;
    const desired = this.#begin(key, spec, inventory);
    if (spec.suspend) {
      await this.#parts.narrator.suspended(key, desired);
      return { type: 'done' };
    }
    return this.#converge(key, spec, klass, desired, signal);
  }

  /** The judged spec; undefined (and said so in the status, nothing touched) when it cannot be understood. */
  async #accept(
    key: ObjectKey,
    record: DesiredRecord,
  ): Promise<{ spec: LambdaContainerSpec; klass: LambdaContainerClassSpec } | undefined> {
    const { narrator, classes } = this.#parts;
    const parsed = objectFromRecord(record.item);
    if (!parsed.object) return void (await narrator.invalid(key, parsed.defects));
    const named = (parsed.object.spec as { className?: unknown } | undefined)?.className;
    const klass = await classes.get(typeof named === 'string' ? named : 'standard');
    if (klass.problem !== undefined) return void (await narrator.stalled(key, 'ClassNotUsable', klass.problem));
    const judged = validateLambdaContainer(parsed.object.spec, klass.spec, key.namespace);
    if (!judged.spec) return void (await narrator.invalid(key, judged.defects));
    return { spec: judged.spec, klass: klass.spec };
  }

  /** Identity and generation of the object as it is now desired. */
  #begin(key: ObjectKey, spec: LambdaContainerSpec, before: Inventory | undefined): Inventory {
    const hash = specHash(spec);
    if (!before) this.#parts.logger.info({ key: formatKey(key) }, 'new object');
    return {
      ...(before ?? {
        uid: uuid(this.#parts.random),
        createdAtMs: this.#parts.clock.now(),
        entries: [],
        incarnations: {},
      }),
      generation: before === undefined ? 1 : before.specHash === hash ? before.generation : before.generation + 1,
      specHash: hash,
      className: spec.className,
      deletionPolicy: spec.deletionPolicy,
    };
  }

  async #converge(
    key: ObjectKey,
    spec: LambdaContainerSpec,
    klass: LambdaContainerClassSpec,
    begun: Inventory,
    signal: AbortSignal | undefined,
  ): Promise<Outcome> {
    const { kinds, io, allocator, memory, narrator, owner } = this.#parts;
    const allocated = await allocator.allocate(key, spec, klass, begun);
    if (allocated.problem !== undefined) {
      await narrator.stalled(key, allocated.reason, allocated.problem, begun);
      return { type: 'done' };
    }
    const inventory = { ...begun, allocation: allocated.allocation };
    const graph = await observeGraph(
      (known) =>
        compose(
          {
            key,
            spec,
            klass,
            region: io.region,
            allocation: allocated.allocation,
            incarnations: inventory.incarnations,
          },
          known,
        ),
      kinds,
      io,
      signal,
    );
    const world: World = {
      nodes: graph.views,
      complete: graph.complete,
      orphans: await this.#orphans(key, inventory, graph.views, signal),
      entries: inventory.entries,
      nowMs: io.nowMs(),
      goal: 'converge',
      tags: ownershipTags(owner, key, inventory.uid),
      ownerTag: TAG_OWNER,
      wasReady: memory.get(key).status?.body.phase === 'Ready',
      trafficMovedAtMs: trafficMovedAt(inventory),
    };
    return this.#carryOut(key, inventory, world, { spec, klass }, signal);
  }

  /** The record is gone: what was made goes, in reverse, from the inventory alone. */
  async #finalize(key: ObjectKey, inventory: Inventory, signal: AbortSignal | undefined): Promise<Outcome> {
    const { kinds, io, memory, owner } = this.#parts;
    const deleting = { ...inventory, deletingSinceMs: inventory.deletingSinceMs ?? io.nowMs() };
    const world: World = {
      nodes: [],
      complete: true,
      orphans: await observeOrphans(
        inventory.entries,
        kinds,
        io,
        (entry) => memory.isUsedByOthers(inventory.uid, entry),
        signal,
      ),
      entries: inventory.entries,
      nowMs: io.nowMs(),
      goal: inventory.deletionPolicy === 'retain' ? 'retain' : 'delete',
      tags: ownershipTags(owner, key, inventory.uid),
      ownerTag: TAG_OWNER,
      wasReady: false,
      trafficMovedAtMs: 0,
    };
    return this.#carryOut(key, deleting, world, undefined, signal);
  }

  async #carryOut(
    key: ObjectKey,
    inventory: Inventory,
    world: World,
    object: { spec: LambdaContainerSpec; klass: LambdaContainerClassSpec } | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Outcome> {
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
    const gone = world.goal !== 'converge' && after.entries.length === 0;
    const report: PassReport = { key, inventory: after, world, plan: next, results, obstructions, object };
    if (gone) {
      await this.#parts.allocator.free(key, after);
      await narrator.deleted(report);
      await memory.forget(key);
      this.#lastSteps.delete(formatKey(key));
      // The name may have been taken again meanwhile.
      return { type: 'requeue', afterMs: 0 };
    }
    await memory.saveInventory(key, after);
    await narrator.passed(report);
    return this.#outcome(key, next, results, obstructions);
  }

  /** What is forgotten because others use it is let go of now, unless they have let go meanwhile. */
  #letGo(uid: string, world: World, next: Plan): Plan {
    const forget = next.forget.filter((entry) => {
      const orphan = world.orphans.find((candidate) => candidate.entry === entry);
      return !orphan?.stillUsed || this.#parts.memory.release(uid, entry);
    });
    return { ...next, forget };
  }

  #outcome(key: ObjectKey, next: Plan, results: readonly StepResult[], obstructions: readonly Obstruction[]): Outcome {
    const id = formatKey(key);
    const failed = results.find((result) => result.failure !== undefined)?.failure;
    const unreadable = [...next.verdicts.values()].find((verdict) => verdict.state === 'unknown');
    const failure = failed ?? (unreadable?.state === 'unknown' ? unreadable.failure : undefined);
    if (failure) {
      // Only a change can help a stalled object; the resync asks again now and then.
      if (obstructions.length > 0 && failure.kind !== 'notFound') return { type: 'done' };
      // Something else got on: that is progress, and what failed is asked again with it.
      if (results.some((result) => result.failure === undefined) && !this.#isRepetition(id, next)) {
        return { type: 'requeue', afterMs: 0 };
      }
      return { type: 'backoff', atLeastMs: failure.retryAfterMs ?? 0, failure };
    }
    if (next.settled) {
      this.#lastSteps.delete(id);
      return { type: 'done' };
    }
    if (next.steps.length === 0)
      return next.requeueAfterMs === undefined ? { type: 'done' } : { type: 'requeue', afterMs: next.requeueAfterMs };
    return this.#isRepetition(id, next)
      ? { type: 'backoff', atLeastMs: 0 }
      : { type: 'requeue', afterMs: next.requeueAfterMs ?? 0 };
  }

  /** The same frontier as in the pass before: acting on it again at once would only hammer AWS. */
  #isRepetition(id: string, { steps }: Plan): boolean {
    const signature = shortHash(steps.map((step) => `${step.action} ${step.nodeId} ${step.reason}`).join('\n'), 16);
    const repeated = this.#lastSteps.get(id) === signature;
    this.#lastSteps.set(id, signature);
    return repeated;
  }

  /** A record that never led to anything and is gone again. */
  async #forgetUnmade(key: ObjectKey): Promise<Outcome> {
    const stored = this.#parts.memory.get(key);
    if (stored.status) await this.#parts.memory.forget(key);
    return { type: 'done' };
  }

  async #orphans(key: ObjectKey, inventory: Inventory, views: World['nodes'], signal: AbortSignal | undefined) {
    const { kinds, io, memory } = this.#parts;
    const reachable = [...memory.get(key).revisions.values()].flatMap(({ body }) => body.reachable);
    const orphans = inventory.entries.filter((entry) => {
      const view = views.find(({ node }) => node.id === entry.nodeId);
      // A node that cannot be resolved yet may still turn out to be this very entry.
      if (view && !view.resolved) return false;
      if (view?.resolved && sameIdentity(view.resolved.identity, entry.identity)) return false;
      return !reachable.some((kept) => kept.kind === entry.kind && sameIdentity(kept.identity, entry.identity));
    });
    return observeOrphans(orphans, kinds, io, (entry) => memory.isUsedByOthers(inventory.uid, entry), signal);
  }

  #tagsOf(step: Step, world: World): Readonly<Record<string, string>> {
    return step.shared ? { [TAG_OWNER]: this.#parts.owner } : world.tags;
  }
}

function trafficMovedAt(inventory: Inventory): number {
  return Math.max(
    0,
    ...inventory.entries.filter(({ kind }) => kind === 'rule-weights').map(({ actedAtMs }) => actedAtMs),
  );
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

/** Creates, and what exists already but is not recorded, enter the inventory; new incarnations are counted. */
function withIntent(inventory: Inventory, next: Plan, nowMs: number): Inventory {
  const created = next.steps.filter((step) => step.action === 'create');
  const reborn = next.steps.filter((step) => step.action === 'reincarnate');
  const replaced = [...created, ...next.record];
  return {
    ...inventory,
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
function withResults(inventory: Inventory, next: Plan, results: readonly StepResult[], nowMs: number): Inventory {
  const updated = results.filter(({ step, failure }) => step.action === 'update' && !failure).map(({ step }) => step);
  const entries = inventory.entries
    .filter((entry) => !next.forget.includes(entry) && !isForgotten(entry, next))
    .map((entry) => {
      const step = updated.find((candidate) => isOf(candidate)(entry));
      if (step) return entryOf(step, nowMs, true);
      return next.seen.includes(entry.nodeId) && !entry.seen && !wasCreated(entry, next)
        ? { ...entry, seen: true }
        : entry;
    });
  return { ...inventory, entries };
}

function isForgotten(entry: InventoryEntry, next: Plan): boolean {
  return next.forget.some((gone) => gone.nodeId === entry.nodeId && sameIdentity(gone.identity, entry.identity));
}

function wasCreated(entry: InventoryEntry, next: Plan): boolean {
  return next.steps.some((step) => step.action === 'create' && isOf(step)(entry));
}
