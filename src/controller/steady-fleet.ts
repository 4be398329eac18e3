/**
 * The objects that are settled, as sweep and rotation compare them with AWS. Whatever is written of an object's inventory
 * replaces its entry here or takes it out; so who holds an entry that is still the present one knows that nothing was done
 * to the object since it was taken up. It does no IO and judges nothing.
 */
import { formatKey, type Inventory, type ObjectKey, type Steady, type SteadyNode } from '../resource/index.ts';
import { SweptNodes } from './swept-nodes.ts';

export class SteadyObject {
  readonly id: string;
  readonly className: string;
  /** Hash of what its class was when it was last admitted for it. */
  readonly classHash: string | undefined;
  /** Hashes of its record and its class as they were read. */
  readonly record: string;
  readonly klass: string;
  /** Last time that something was made or changed for it, epoch ms. */
  readonly actedAtMs: number;
  readonly swept: SweptNodes;
  readonly #nodes: () => readonly SteadyNode[];

  constructor(
    id: string,
    { className, classHash, entries }: Inventory,
    steady: Steady,
    nodes: () => readonly SteadyNode[],
  ) {
    this.id = id;
    this.className = className;
    this.classHash = classHash;
    this.record = steady.record;
    this.klass = steady.klass;
    this.actedAtMs = entries.reduce((latest, { actedAtMs }) => Math.max(latest, actedAtMs), 0);
    this.swept = new SweptNodes(steady.nodes);
    this.#nodes = nodes;
  }

  /** Unfolded anew each time: take them once where they are looked through. */
  get nodes(): readonly SteadyNode[] {
    return this.#nodes();
  }
}

export class SteadyFleet {
  readonly #objects: Map<string, SteadyObject> = new Map();

  get size(): number {
    return this.#objects.size;
  }

  get(id: string): SteadyObject | undefined {
    return this.#objects.get(id);
  }

  objects(): SteadyObject[] {
    return [...this.#objects.values()];
  }

  /** It is the present entry of its object: nothing was written of it since. */
  isPresent(object: SteadyObject): boolean {
    return this.#objects.get(object.id) === object;
  }

  /** The object is remembered so; undefined: no more. `nodes` reads what it has, whenever that is asked for. */
  set(
    key: ObjectKey,
    inventory: Inventory | undefined,
    nodes: () => readonly SteadyNode[] = () => inventory?.steady?.nodes ?? [],
  ): void {
    const id = formatKey(key);
    const steady = inventory?.steady;
    if (inventory && steady) this.#objects.set(id, new SteadyObject(id, inventory, steady, nodes));
    else this.#objects.delete(id);
  }
}
