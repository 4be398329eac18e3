/**
 * Builds an object's World: its graph composed and observed, and what the inventory holds beyond it. The daemon and the
 * command line's `plan` use this one file, so that what is shown is what would be done. It only reads; which spec, class
 * and allocation are to be looked at is its callers' business.
 */
import type { LambdaContainerClassSpec, LambdaContainerSpec } from '../api/index.ts';
import { compose } from '../compose/index.ts';
import { observeGraph, observeOrphans } from '../execute/index.ts';
import type { NodeView, OrphanView, World } from '../plan/index.ts';
import {
  type Allocation,
  type Inventory,
  type Io,
  type KindRegistry,
  type ObjectKey,
  sameIdentity,
} from '../resource/index.ts';
import type { Memory } from './memory.ts';
import { ownershipTags, TAG_OWNER } from './ownership.ts';

/** What a World is built with: nothing of it is changed. */
export interface ProspectParts {
  readonly kinds: KindRegistry;
  readonly io: Io;
  readonly memory: Pick<Memory, 'get' | 'isUsedByOthers'>;
  /** Value of the owner tag: names this deployment of the controller. */
  readonly owner: string;
}

/** An object as it is to be: the spec and the class that are judged, and its place on a listener. */
export interface Desire {
  readonly spec: LambdaContainerSpec;
  readonly klass: LambdaContainerClassSpec;
  readonly allocation: Allocation;
  /** Somebody asked for this pass: what failed is tried again now. */
  readonly retryNow?: boolean;
}

/**
 * The world of an object that is desired. `inventory` is what stands or would stand in the state table for it.
 * A read that fails is part of the world (`unknown`); what is thrown is a programmer's error.
 */
export async function prospect(
  { kinds, io, memory, owner }: ProspectParts,
  key: ObjectKey,
  { spec, klass, allocation, retryNow = false }: Desire,
  inventory: Inventory,
  signal?: AbortSignal,
): Promise<World> {
  const { incarnations, restartedAt } = inventory;
  const input = { key, spec, klass, region: io.region, allocation, incarnations, restartedAt };
  const graph = await observeGraph((known) => compose(input, known), kinds, io, signal);
  const leftOver = orphansOf(inventory, graph.views, reachableOf(memory, key));
  return {
    nodes: graph.views,
    complete: graph.complete,
    orphans: await observe({ kinds, io, memory }, leftOver, inventory.uid, signal),
    entries: inventory.entries,
    nowMs: io.nowMs(),
    goal: 'converge',
    tags: ownershipTags(owner, key, inventory.uid),
    ownerTag: TAG_OWNER,
    wasReady: memory.get(key).status?.body.phase === 'Ready',
    trafficMovedAtMs: trafficMovedAt(inventory),
    retryNow,
  };
}

/** The world of an object that ends: only the inventory says what there is of it. */
export async function prospectOfDeletion(
  { kinds, io, memory, owner }: ProspectParts,
  key: ObjectKey,
  inventory: Inventory,
  signal?: AbortSignal,
): Promise<World> {
  return {
    nodes: [],
    complete: true,
    orphans: await observe({ kinds, io, memory }, inventory.entries, inventory.uid, signal),
    entries: inventory.entries,
    nowMs: io.nowMs(),
    goal: inventory.deletionPolicy === 'retain' ? 'retain' : 'delete',
    tags: ownershipTags(owner, key, inventory.uid),
    ownerTag: TAG_OWNER,
    wasReady: false,
    trafficMovedAtMs: 0,
  };
}

type Identified = Pick<Inventory['entries'][number], 'kind' | 'identity'>;

/** What a rollback can still need is nobody's left-over. */
function reachableOf(memory: ProspectParts['memory'], key: ObjectKey): readonly Identified[] {
  return [...memory.get(key).revisions.values()].flatMap(({ body }) => body.reachable);
}

function orphansOf(
  inventory: Inventory,
  views: readonly NodeView[],
  reachable: readonly Identified[],
): Inventory['entries'] {
  const { entries } = inventory;
  const leftOver = entries.filter((entry) => {
    const view = views.find(({ node }) => node.id === entry.nodeId);
    // A node that cannot be resolved yet may still turn out to be this very entry.
    if (view && !view.resolved) return false;
    if (view?.resolved && sameIdentity(view.resolved.identity, entry.identity)) return false;
    return !reachable.some((kept) => kept.kind === entry.kind && sameIdentity(kept.identity, entry.identity));
  });
  const kept = entries.filter((entry) => !leftOver.includes(entry));
  // A repository that holds an image which is kept has a user as long as that is kept.
  return leftOver.filter(({ shared, nodeId }) => !(shared && kept.some(({ dependsOn }) => dependsOn.includes(nodeId))));
}

function observe(
  { kinds, io, memory }: Pick<ProspectParts, 'kinds' | 'io' | 'memory'>,
  entries: Inventory['entries'],
  uid: string,
  signal: AbortSignal | undefined,
): Promise<OrphanView[]> {
  return observeOrphans(entries, kinds, io, (entry) => memory.isUsedByOthers(uid, entry), signal);
}

function trafficMovedAt(inventory: Inventory): number {
  return Math.max(
    0,
    ...inventory.entries.filter(({ kind }) => kind === 'rule-weights').map(({ actedAtMs }) => actedAtMs),
  );
}
