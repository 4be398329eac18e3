/**
 * Observes one object's graph. A node's identity may depend on what another turned out to be (an image's tag on the
 * function's code), so it is read as soon as what it depends on is known; everything else runs side by side. A read that fails is `unknown`, never
 * absent; a thrown value that is not a Failure is a programmer's error and passes through.
 */
import type { Call } from '../aws/index.ts';
import { Failure } from '../core/index.ts';
import type { NodeView, Observation, OrphanView } from '../plan/index.ts';
import {
  type Get,
  type InventoryEntry,
  type Io,
  type KindRegistry,
  type Node,
  type Outputs,
  type Resolved,
  sameIdentity,
  topologicalOrder,
} from '../resource/index.ts';

export interface Composition {
  readonly nodes: readonly Node[];
  /** False while the graph's shape depends on nodes not yet observed. */
  readonly complete: boolean;
}

/** Builds the graph from what is known so far: outputs by node id. */
export type Compose = (known: (nodeId: string) => Outputs | undefined) => Composition;

export interface ObservedGraph {
  readonly views: readonly NodeView[];
  readonly complete: boolean;
}

/** Thrown where a node reads what is not known yet. No Error: every look at an unfinished graph would pay for its stack. */
class Missing {
  readonly nodeId: string;
  constructor(nodeId: string) {
    this.nodeId = nodeId;
  }
}

/** Reads everything that can be resolved, and at once what each answer makes resolvable. */
export async function observeGraph(
  compose: Compose,
  kinds: KindRegistry,
  io: Io,
  call: Call = {},
): Promise<ObservedGraph> {
  const read = new Map<string, { resolved: Resolved; observation: Observation }>();
  const known = (nodeId: string): Outputs | undefined => outputs.get(nodeId);
  const outputs = new Map<string, Outputs>();
  const underWay = new Map<string, Promise<void>>();
  const begin = async (node: Node, resolved: Resolved): Promise<void> => {
    const kind = kindOf(kinds, node.kind);
    const observation = await observe(() => kind.observe(io, resolved.identity, call));
    read.set(node.id, { resolved, observation });
    underWay.delete(node.id);
    if (observation.state !== 'present') return;
    const readiness = kind.readiness(observation.observed, resolved.props);
    if (readiness.state === 'ready' || (readiness.state === 'pending' && readiness.usable)) {
      outputs.set(node.id, kind.outputs(observation.observed));
    }
  };
  for (;;) {
    const composition = compose(known);
    const nodes = topologicalOrder(composition.nodes);
    const views = nodes.map((node) => resolve(node, known));
    for (const view of views) {
      const { node, resolved } = view;
      if (resolved === undefined || underWay.has(node.id) || isRead(read, view)) continue;
      const reading = begin(node, resolved);
      // Where several fail by a defect, one is told.
      reading.catch(() => {});
      underWay.set(node.id, reading);
    }
    if (underWay.size === 0) {
      return {
        views: views.map((view) => ({ ...view, observation: read.get(view.node.id)?.observation })),
        complete: composition.complete,
      };
    }
    await Promise.race(underWay.values());
  }
}

/** Reads what the inventory holds and the graph no longer names. */
export async function observeOrphans(
  entries: readonly InventoryEntry[],
  kinds: KindRegistry,
  io: Io,
  stillUsed: (entry: InventoryEntry) => boolean,
  call: Call = {},
): Promise<OrphanView[]> {
  return Promise.all(
    entries.map(async (entry) => {
      if (entry.shared && stillUsed(entry)) return { entry, observation: { state: 'absent' }, stillUsed: true };
      const kind = kindOf(kinds, entry.kind);
      const observation = await observe(() => kind.observe(io, entry.identity, call));
      return { entry, observation, stillUsed: false };
    }),
  );
}

async function observe(read: () => Promise<unknown>): Promise<Observation> {
  try {
    const observed = await read();
    return observed === undefined ? { state: 'absent' } : { state: 'present', observed };
  } catch (error) {
    if (error instanceof Failure) return { state: 'unknown', failure: error };
    throw error;
  }
}

function resolve(node: Node, known: (nodeId: string) => Outputs | undefined): NodeView {
  const get: Get = (nodeId) => {
    if (!node.dependsOn.includes(nodeId)) {
      throw new Error(`node ${node.id} reads ${nodeId}, which is not in its dependsOn`);
    }
    const outputs = known(nodeId);
    if (!outputs) throw new Missing(nodeId);
    return outputs;
  };
  try {
    return { node, resolved: node.resolve(get), waitsFor: undefined, observation: undefined };
  } catch (error) {
    if (error instanceof Missing) {
      return { node, resolved: undefined, waitsFor: error.nodeId, observation: undefined };
    }
    throw error;
  }
}

function isRead(read: ReadonlyMap<string, { resolved: Resolved }>, view: NodeView): boolean {
  const before = read.get(view.node.id);
  return (
    before !== undefined &&
    view.resolved !== undefined &&
    sameIdentity(before.resolved.identity, view.resolved.identity)
  );
}

function kindOf(kinds: KindRegistry, name: string) {
  const kind = kinds.get(name);
  if (!kind) throw new Error(`no resource kind is registered under '${name}'`);
  return kind;
}
