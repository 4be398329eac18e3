/**
 * Observes one object's graph. A node's identity may depend on what another turned out to be (an image's tag on the
 * function's code), so it is read as soon as what it depends on is known, or at once where its identity can be foretold;
 * everything else runs side by side. A read that fails is `unknown`, never absent; a thrown value that is not a Failure
 * is a programmer's error and passes through.
 */
import type { Call } from '../aws/index.ts';
import { Failure } from '../core/index.ts';
import type { NodeView, Observation, OrphanView } from '../plan/index.ts';
import {
  type Get,
  type Identity,
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

/** A thing by its name. */
export interface Named {
  readonly kind: string;
  readonly identity: Identity;
}

export interface Sight {
  readonly observation: Observation;
  /** It is an earlier pass's. */
  readonly isRecalled: boolean;
}

/** What was seen of a node before. */
export interface SeenNode extends Named, Sight {}

/** What is known of an object's nodes, by their ids, before they are looked at. */
export interface Foreknowledge {
  /** What they most likely are: read at once, and read again as something else where they turn out to be that. */
  readonly foretold?: ReadonlyMap<string, Named>;
  /** What was made or begun so far: what is not among it, and would be this object's alone, is most likely not there. */
  readonly entries?: readonly InventoryEntry[];
  /** What is not read again, as long as it is what the node turns out to be. */
  readonly seen?: ReadonlyMap<string, SeenNode>;
}

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

/** How nodes are looked at: by reading them, unless they were read before. */
class Eyes {
  readonly #kinds: KindRegistry;
  readonly #io: Io;
  readonly #call: Call;
  readonly #seen: ReadonlyMap<string, SeenNode>;
  readonly #entries: readonly InventoryEntry[] | undefined;
  readonly #early = new Map<string, Named & { readonly observation: Promise<Observation> }>();

  constructor(
    kinds: KindRegistry,
    io: Io,
    call: Call,
    { foretold = new Map(), seen = new Map(), entries }: Foreknowledge,
  ) {
    this.#kinds = kinds;
    this.#io = io;
    this.#call = call;
    this.#seen = seen;
    this.#entries = entries;
    for (const [nodeId, { kind, identity }] of foretold) {
      const observation = this.#read(kind, identity, call);
      // Whoever needs it, and `rest`, is told.
      observation.catch(() => {});
      this.#early.set(nodeId, { kind, identity, observation });
    }
  }

  async look(node: Node, identity: Identity): Promise<Sight> {
    const seen = this.#seen.get(node.id);
    if (seen && isOf(seen, node, identity)) return seen;
    const early = this.#early.get(node.id);
    const reading =
      early && isOf(early, node, identity)
        ? early.observation
        : this.#read(node.kind, identity, this.#isUnmade(node) ? { ...this.#call, unmade: true } : this.#call);
    return { observation: await reading, isRecalled: false };
  }

  /** Once nothing is under way any more that was begun for nothing. */
  async rest(): Promise<void> {
    await Promise.all([...this.#early.values()].map(({ observation }) => observation));
  }

  #isUnmade({ id, kind: name, shared }: Node): boolean {
    const { external, facet } = kindOf(this.#kinds, name);
    const isOurs = !shared && !external && !facet;
    return isOurs && this.#entries !== undefined && !this.#entries.some(({ nodeId }) => nodeId === id);
  }

  #read(kind: string, identity: Identity, call: Call): Promise<Observation> {
    return observe(() => kindOf(this.#kinds, kind).observe(this.#io, identity, call));
  }
}

/** Reads everything that can be resolved, and at once what each answer makes resolvable. */
export async function observeGraph(
  compose: Compose,
  kinds: KindRegistry,
  io: Io,
  call: Call = {},
  foreknowledge: Foreknowledge = {},
): Promise<ObservedGraph> {
  const eyes = new Eyes(kinds, io, call, foreknowledge);
  const read = new Map<string, { resolved: Resolved; sight: Sight }>();
  const known = (nodeId: string): Outputs | undefined => outputs.get(nodeId);
  const outputs = new Map<string, Outputs>();
  const underWay = new Map<string, Promise<void>>();
  const begin = async (node: Node, resolved: Resolved): Promise<void> => {
    const kind = kindOf(kinds, node.kind);
    const sight = await eyes.look(node, resolved.identity);
    const { observation } = sight;
    read.set(node.id, { resolved, sight });
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
      await eyes.rest();
      return {
        views: views.map((view) => withSight(view, read.get(view.node.id)?.sight)),
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

function withSight(view: NodeView, sight: Sight | undefined): NodeView {
  return { ...view, observation: sight?.observation, ...(sight?.isRecalled ? { isRecalled: true } : {}) };
}

function isOf(named: Named, { kind }: Node, identity: Identity): boolean {
  return named.kind === kind && sameIdentity(named.identity, identity);
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
