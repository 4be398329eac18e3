/**
 * Builds an object's World: its graph composed and observed, and what the inventory holds beyond it. The daemon and the
 * command line's `plan` use this one file, so that what is shown is what would be done. It only reads; which spec, class
 * and allocation are to be looked at is its callers' business.
 */
import type { LambdaContainerClassSpec, LambdaContainerSpec } from '../api/index.ts';
import { type Call, callWithin } from '../aws/index.ts';
import { compose, pinsFor } from '../compose/index.ts';
import { traced, tracedNow } from '../core/index.ts';
import { type Foreknowledge, observeGraph, observeOrphans } from '../execute/index.ts';
import type { LastWriter, NodeView, OrphanView, World } from '../plan/index.ts';
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
import { isNamedByRevisions } from './revisions.ts';

/** What a World is built with: nothing of it is changed. */
export interface ProspectParts {
  readonly kinds: KindRegistry;
  readonly io: Io;
  readonly memory: Pick<Memory, 'get' | 'isUsedByOthers' | 'movedAtMs'>;
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
  /** Tasks go on with the versions of secrets that are pinned. Default: with those that have the labels now. */
  readonly holdsSecrets?: boolean;
  /** Who was last seen to change a node's resource, by node id. */
  readonly writers?: ReadonlyMap<string, LastWriter>;
  /** What spares reads, or lets them begin sooner. Default: nothing, everything is read in its turn. */
  readonly foreknowledge?: Foreknowledge;
}

/**
 * The world of an object that is desired. `inventory` is what stands or would stand in the state table for it.
 * A read that fails is part of the world (`unknown`); what is thrown is a programmer's error.
 */
export async function prospect(
  { kinds, io, memory, owner }: ProspectParts,
  key: ObjectKey,
  { spec, klass, allocation, retryNow = false, holdsSecrets = false, writers, foreknowledge }: Desire,
  inventory: Inventory,
  call: Call = {},
): Promise<World> {
  const { incarnations, restartedAt } = inventory;
  const readFromMs = io.nowMs();
  const pins = pinsFor(spec, inventory.pins);
  const isWithoutTraffic = !inventory.entries.some(({ kind }) => kind === 'rule-weights');
  const { region } = io;
  const input = {
    ...{ key, spec, klass, region, allocation, incarnations, pins, restartedAt, holdsSecrets },
    isWithoutTraffic,
  };
  const { graph, orphans } = await traced(call.cause?.span, 'observe', async (span) => {
    const within = callWithin(call, span);
    const composed = (known: Parameters<typeof compose>[1]) => tracedNow(span, 'compose', () => compose(input, known));
    const seen = await observeGraph(composed, kinds, io, within, { entries: inventory.entries, ...foreknowledge });
    const leftOver = orphansOf(inventory, seen.views, reachableOf(memory, key));
    return { graph: seen, orphans: await observe({ kinds, io, memory }, leftOver, inventory.uid, within) };
  });
  return {
    nodes: graph.views,
    complete: graph.complete,
    orphans,
    entries: inventory.entries,
    nowMs: io.nowMs(),
    readFromMs,
    goal: 'converge',
    tags: ownershipTags(owner, key, inventory.uid),
    ownerTag: TAG_OWNER,
    wasReady: memory.get(key).status?.body.phase === 'Ready',
    trafficMovedAtMs: Math.max(trafficMovedAt(inventory), memory.movedAtMs(key)),
    drift: spec.drift,
    contention: inventory.contention ?? [],
    ...(writers ? { writers } : {}),
    retryNow,
  };
}

/** The world of an object that ends: only the inventory says what there is of it. */
export async function prospectOfDeletion(
  { kinds, io, memory, owner }: ProspectParts,
  key: ObjectKey,
  inventory: Inventory,
  call: Call = {},
): Promise<World> {
  const readFromMs = io.nowMs();
  return {
    nodes: [],
    complete: true,
    orphans: await traced(call.cause?.span, 'observe', (span) =>
      observe({ kinds, io, memory }, inventory.entries, inventory.uid, callWithin(call, span)),
    ),
    entries: inventory.entries,
    nowMs: io.nowMs(),
    readFromMs,
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
  // The image itself is kept by its revision's naming it: what uses another image of the same node is no user of it.
  return leftOver.filter(
    ({ kind, shared, nodeId }) =>
      isNamedByRevisions(kind) || !(shared && kept.some(({ dependsOn }) => dependsOn.includes(nodeId))),
  );
}

function observe(
  { kinds, io, memory }: Pick<ProspectParts, 'kinds' | 'io' | 'memory'>,
  entries: Inventory['entries'],
  uid: string,
  call: Call,
): Promise<OrphanView[]> {
  return observeOrphans(entries, kinds, io, (entry) => memory.isUsedByOthers(uid, entry), call);
}

function trafficMovedAt(inventory: Inventory): number {
  return Math.max(
    0,
    ...inventory.entries.filter(({ kind }) => kind === 'rule-weights').map(({ actedAtMs }) => actedAtMs),
  );
}
