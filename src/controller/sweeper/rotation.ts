/**
 * Reads one by one what no listing shows, and compares it with what was seen when its object was settled. A turn takes the
 * next few things, the same thing once for all objects that share it; a round has read them all, and the next one begins
 * with what there is then. It only finds; how fast it turns is its caller's.
 */
import type { Call } from '../../aws/index.ts';
import { canonicalJson, type Failure, isFailure } from '../../core/index.ts';
import {
  type AnyKind,
  differing,
  fingerprintOf,
  type Identity,
  type Io,
  type KindRegistry,
  type SteadyNode,
  sweptDiffering,
} from '../../resource/index.ts';
import type { SteadyFleet, SteadyObject } from '../steady-fleet.ts';
import { missing } from './finding.ts';
import { NameTable } from './name-table.ts';

export interface RotationParts {
  readonly kinds: KindRegistry;
  readonly fleet: Pick<SteadyFleet, 'get' | 'isPresent'>;
  readonly onDrift: (object: SteadyObject, node: SteadyNode, reasons: readonly string[], what: string) => void;
  readonly onFailure: (kind: string, failure: Failure) => void;
}

/** One thing to be read: a node of an object, and other objects that have the same thing. What it is, the node tells. */
interface Item {
  readonly kind: AnyKind;
  readonly nodeId: string;
  readonly id: string;
  others: string[] | undefined;
}

/** What a kind shows only when it is read by itself. A node that has no place in the kind's listing shows all of it so. */
export function isRotated({ sweep, rotating }: AnyKind, { place }: SteadyNode): boolean {
  return (rotating !== undefined && Object.keys(rotating).length > 0) || (sweep !== undefined && place === undefined);
}

/** The things that a round over these objects reads. They are held for a whole round, so that each is kept small. */
export function roundOf(objects: Iterable<SteadyObject>, kinds: KindRegistry): Item[] {
  const items: Item[] = [];
  const known = new NameTable();
  // Every object has nodes of the same few ids: one text for all of them.
  const nodeIds = new Map<string, string>();
  for (const { id, nodes } of objects) {
    for (const node of nodes) {
      const kind = kinds.get(node.kind);
      if (!kind || !isRotated(kind, node)) continue;
      const name = nameOf(node.kind, node.identity);
      const [entry] = known.entriesOf(name);
      const item = entry === undefined ? undefined : items[known.valueAt(entry)];
      if (item) {
        if (item.id === id || item.others?.at(-1) === id) continue;
        item.others ??= [];
        item.others.push(id);
        continue;
      }
      const nodeId = nodeIds.get(node.nodeId) ?? node.nodeId;
      nodeIds.set(nodeId, nodeId);
      known.add(name, items.length);
      items.push({ kind, nodeId, id, others: undefined });
    }
  }
  return items;
}

function nameOf(kind: string, identity: Identity): string {
  return `${kind} ${canonicalJson(identity)}`;
}

export class Rotation {
  readonly #parts: RotationParts;
  #left: Item[] = [];
  #size = 0;

  constructor(parts: RotationParts) {
    this.#parts = parts;
  }

  /** Things that the present round reads, and those of them that it has not read yet. */
  get size(): number {
    return this.#size;
  }

  get left(): number {
    return this.#left.length;
  }

  /** Begins a round over these objects. `from` (0 to 1) is where it begins: not always with the same ones. */
  begin(objects: Iterable<SteadyObject>, from: number): void {
    const items = roundOf(objects, this.#parts.kinds);
    const at = Math.floor(from * items.length);
    // Taken from the end.
    this.#left = [...items.slice(at), ...items.slice(0, at)].reverse();
    this.#size = items.length;
  }

  /** Reads the next `count` things side by side. @throws what is not a Failure: a defect */
  async turn(count: number, io: Io, call: Call): Promise<void> {
    const items = this.#left.splice(Math.max(0, this.#left.length - count)).reverse();
    await Promise.all(items.map((item) => this.#read(item, io, call)));
  }

  async #read({ kind, nodeId, id, others = [] }: Item, io: Io, call: Call): Promise<void> {
    // Taken up before the question leaves: who is written meanwhile is compared with a newer answer.
    const objects = [id, ...others].flatMap((each) => this.#parts.fleet.get(each) ?? []);
    const identity = identityOf(objects, kind.name, nodeId);
    // Nobody has it any more, or who has it has another one now, which the next round reads.
    if (!identity) return;
    let observed: unknown;
    try {
      observed = await kind.observe(io, identity, call);
    } catch (error) {
      if (!isFailure(error)) throw error;
      if (call.signal?.aborted !== true) this.#parts.onFailure(kind.name, error);
      return;
    }
    const name = nameOf(kind.name, identity);
    for (const object of objects) {
      if (!this.#parts.fleet.isPresent(object)) continue;
      for (const node of object.nodes) {
        if (node.kind !== kind.name || nameOf(node.kind, node.identity) !== name) continue;
        const reasons = differingReasons(kind, node, observed);
        if (reasons.length > 0) this.#parts.onDrift(object, node, reasons, whatOf(kind, observed));
      }
    }
  }
}

/** What it is now, of the first object that has such a node. */
function identityOf(objects: readonly SteadyObject[], kind: string, nodeId: string): Identity | undefined {
  for (const { nodes } of objects) {
    const node = nodes.find((each) => each.nodeId === nodeId && each.kind === kind);
    if (node) return node.identity;
  }
  return undefined;
}

function differingReasons(kind: AnyKind, node: SteadyNode, observed: unknown): readonly string[] {
  if (observed === undefined) return [missing(kind.name)];
  const swept = kind.sweep && !node.place ? sweptDiffering(kind.sweep, node.swept, observed) : [];
  return [...swept, ...(kind.rotating ? differing(kind.rotating, node.rotating, observed) : [])];
}

function whatOf({ sweep, rotating }: AnyKind, observed: unknown): string {
  if (observed === undefined) return 'missing';
  return fingerprintOf({ ...sweep?.fields, ...rotating }, observed);
}
