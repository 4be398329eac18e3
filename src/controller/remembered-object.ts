/**
 * One object as the leader remembers it, small: what was stored is kept folded and unfolded when it is read. Beside it
 * stands, unfolded, what is looked through for all objects at once.
 */
import type { LambdaContainerStatus } from '../api/index.ts';
import type { Inventory, ObjectKey, Revision } from '../resource/index.ts';
import type { StoredObject, StoredRevisions, Versioned } from '../store/index.ts';
import { Folded } from './folded.ts';

/** What of an inventory is looked through for all objects at once; an inventory is one. */
export type InventoryOutline = Pick<
  Inventory,
  | 'uid'
  | 'className'
  | 'classHash'
  | 'createdAtMs'
  | 'target'
  | 'held'
  | 'deletingSinceMs'
  | 'classChangedAtMs'
  | 'allocation'
  | 'ignoredConfirmations'
> & { readonly entries: { readonly length: number } };

/** The same of a status; a status is one. */
export type StatusOutline = Pick<LambdaContainerStatus, 'phase'> & {
  readonly placement?: Pick<NonNullable<LambdaContainerStatus['placement']>, 'serving'> | undefined;
  readonly conditions: readonly Pick<LambdaContainerStatus['conditions'][number], 'type' | 'status'>[];
  readonly drift: readonly Pick<LambdaContainerStatus['drift'][number], 'since'>[];
};

interface FoldedPart<T, Outline> {
  readonly version: number;
  readonly outline: Outline;
  readonly folded: Folded<T>;
}

export class RememberedObject implements StoredObject {
  readonly key: ObjectKey;
  readonly #revisions = new FoldedRevisions();
  #inventory: FoldedPart<Inventory, InventoryOutline> | undefined;
  #status: FoldedPart<LambdaContainerStatus, StatusOutline> | undefined;

  constructor(key: ObjectKey) {
    this.key = key;
  }

  get inventoryOutline(): InventoryOutline | undefined {
    return this.#inventory?.outline;
  }

  get statusOutline(): StatusOutline | undefined {
    return this.#status?.outline;
  }

  get inventory(): Versioned<Inventory> | undefined {
    return this.#inventory && { version: this.#inventory.version, body: this.#inventory.folded.value };
  }

  set inventory(value: Versioned<Inventory> | undefined) {
    this.#inventory?.folded.drop();
    this.#inventory = value && {
      version: value.version,
      outline: inventoryOutline(value.body),
      folded: new Folded(value.body),
    };
  }

  get status(): Versioned<LambdaContainerStatus> | undefined {
    return this.#status && { version: this.#status.version, body: this.#status.folded.value };
  }

  set status(value: Versioned<LambdaContainerStatus> | undefined) {
    this.#status?.folded.drop();
    this.#status = value && {
      version: value.version,
      outline: statusOutline(value.body),
      folded: new Folded(value.body),
    };
  }

  get revisions(): StoredRevisions {
    return this.#revisions;
  }

  set revisions(value: StoredRevisions) {
    this.#revisions.replace(value);
  }
}

/** Few and all alike, so that they are folded together. */
class FoldedRevisions implements StoredRevisions {
  #folded: Folded<readonly (readonly [number, Versioned<Revision>])[]> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(number: number): Versioned<Revision> | undefined {
    return this.#unfolded().get(number);
  }

  set(number: number, revision: Versioned<Revision>): void {
    this.replace(this.#unfolded().set(number, revision));
  }

  delete(number: number): void {
    const revisions = this.#unfolded();
    if (revisions.delete(number)) this.replace(revisions);
  }

  keys(): IterableIterator<number> {
    return this.#unfolded().keys();
  }

  values(): IterableIterator<Versioned<Revision>> {
    return this.#unfolded().values();
  }

  [Symbol.iterator](): IterableIterator<[number, Versioned<Revision>]> {
    return this.#unfolded()[Symbol.iterator]();
  }

  replace(revisions: Iterable<[number, Versioned<Revision>]>): void {
    const all = [...revisions];
    this.#size = all.length;
    this.#folded?.drop();
    this.#folded = all.length === 0 ? undefined : new Folded(all);
  }

  #unfolded(): Map<number, Versioned<Revision>> {
    return new Map(this.#folded?.value);
  }
}

/** Texts and values that many objects have in common, once. */
const SHARED = new Map<string, unknown>();
/** More different ones than a fleet has classes and listeners are not worth being looked for. */
const SHARED_MAX = 10_000;

function inventoryOutline(inventory: Inventory): InventoryOutline {
  const { uid, className, classHash, createdAtMs, target, held, deletingSinceMs, classChangedAtMs, allocation } =
    inventory;
  const { ignoredConfirmations } = inventory;
  return {
    uid,
    className: text(className),
    classHash: text(classHash),
    createdAtMs,
    target: text(target),
    held,
    deletingSinceMs,
    classChangedAtMs,
    ignoredConfirmations,
    allocation: allocation && { ...allocation, listenerArn: text(allocation.listenerArn) },
    entries: shared(`entries ${inventory.entries.length}`, { length: inventory.entries.length }),
  };
}

function statusOutline({ phase, placement, conditions, drift }: LambdaContainerStatus): StatusOutline {
  const outline = {
    phase,
    placement: placement && { serving: placement.serving },
    conditions: conditions.map(({ type, status }) => ({ type, status })),
    drift: drift.map(({ since }) => ({ since })),
  };
  return shared(JSON.stringify(outline), outline);
}

function text<T extends string | undefined>(value: T): T {
  return value === undefined ? value : shared(value, value);
}

function shared<T>(name: string, value: T): T {
  const known = SHARED.get(name);
  if (known !== undefined) return known as T;
  if (SHARED.size < SHARED_MAX) SHARED.set(name, value);
  return value;
}
