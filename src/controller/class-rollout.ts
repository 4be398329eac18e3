/**
 * Takes objects over to a changed class, no more at a time than the class's disruption budget allows. Until its turn an
 * object is composed with the class as it was last admitted for it, of which a snapshot is kept in the state table. An
 * object holds its place until it is Ready again; one that is Stalled is taken over without one, because nothing of it
 * is disturbed that is not already, and the change may be what helps. What else befalls many objects of a class at once, a
 * new version of a secret, takes its turn in the same way. Whether a spec is valid is not judged here.
 */
import { findCondition, type LambdaContainerStatus } from '../api/index.ts';
import { isFailure, type Logger } from '../core/index.ts';
import { formatKey, type Inventory, type ObjectKey } from '../resource/index.ts';
import type { StateTable, Versioned } from '../store/index.ts';
import { type ClassContent, type Classes, contentOf } from './classes.ts';
import type { Memory } from './memory.ts';
import { isRefusal } from './refusals.ts';
import type { InventoryOutline } from './remembered-object.ts';

export type ClassChoice =
  /** The class as it is; what the inventory says of its place stays. */
  | { readonly type: 'current' }
  /** From now on the class as it is; `holdsPlace` until it is Ready. */
  | { readonly type: 'taken'; readonly holdsPlace: boolean }
  /** Not yet: the class as it was. */
  | { readonly type: 'previous'; readonly content: ClassContent }
  /** Not yet, and what the class was is no longer known: nothing can be done meanwhile. */
  | { readonly type: 'unknown' };

/** An object as the choice needs it. */
export interface Candidate {
  readonly key: ObjectKey;
  readonly className: string;
  readonly inventory: Inventory | undefined;
  /** It asks for nothing to be changed: it is not taken over. */
  readonly isSuspended: boolean;
}

export interface ClassRolloutParts {
  readonly memory: Memory;
  readonly state: StateTable;
  readonly classes: Classes;
  readonly epoch: () => number;
  readonly logger: Logger;
}

interface Snapshot {
  readonly className: string;
  readonly raw: unknown;
}

interface Flight {
  readonly className: string;
  readonly hash: string;
  readonly holdsPlace: boolean;
}

const PREFIX = 'class#';
/** `deletion.maxDeletePercent` where a class says nothing. */
const MAX_DELETE_PERCENT = 20;

export class ClassRollout {
  readonly #parts: ClassRolloutParts;
  #snapshots: Promise<Map<string, Versioned<Snapshot>>> | undefined;
  readonly #writing: Map<string, Promise<void>> = new Map();
  /** Passes that are under way: what they hold is not in the inventories yet. */
  readonly #flights: Map<string, Flight> = new Map();
  /** Objects whose turn has not come, by class. */
  readonly #waiting: Map<string, { readonly ids: Set<string>; budget: number }> = new Map();

  constructor(parts: ClassRolloutParts) {
    this.#parts = parts;
  }

  /**
   * Which content of its class an object is composed with in this pass. A snapshot of it is durable when this resolves.
   * Each call is followed by one of `ended`. @throws Failure when the state table cannot be read or written
   */
  async choose({ key, className, inventory, isSuspended }: Candidate, current: ClassContent): Promise<ClassChoice> {
    const id = formatKey(key);
    const isFirst = inventory?.classHash === undefined || inventory.className !== className;
    if (isFirst) return this.take(key, className, current, false);
    if (inventory.classHash === current.hash) {
      await this.take(key, className, current, inventory.classChangedAtMs !== undefined);
      return { type: 'current' };
    }
    const isBroken = isStalledAtWork(this.#parts.memory.get(key).status?.body);
    const hasPlace = inventory.classChangedAtMs !== undefined;
    const holdsPlace = hasPlace || !isBroken;
    const budget = this.#budgetOf(className, current);
    if (!isSuspended && (!holdsPlace || hasPlace || this.#placesHeld(className, id) < budget)) {
      this.#parts.logger.info({ key: id, class: className, content: current.hash }, 'taken over to the changed class');
      return this.take(key, className, current, holdsPlace);
    }
    if (!isSuspended) this.#await(className, id, budget);
    const content = await this.#contentOf(className, inventory.classHash);
    if (content) return { type: 'previous', content };
    this.#parts.logger.warn(
      { key: id, class: className },
      'its last class is not known any more: it waits for its turn',
    );
    return { type: 'unknown' };
  }

  /** Takes an object over whatever the budget says: first use, or a spec that the class as it was does not admit. */
  async take(
    key: ObjectKey,
    className: string,
    current: ClassContent,
    holdsPlace: boolean,
  ): Promise<Extract<ClassChoice, { type: 'taken' }>> {
    const id = formatKey(key);
    // Claimed before the first wait, so that two passes never take the same place.
    this.#flights.set(id, { className, hash: current.hash, holdsPlace });
    this.#waiting.get(className)?.ids.delete(id);
    await this.#keep(className, current);
    return { type: 'taken', holdsPlace };
  }

  /**
   * Whether an object may take over something that others of its class take over as well. With a yes it holds a place
   * until it is Ready, unless it is broken already; with a no it is told by `due`. Asked between `choose` and `ended`.
   */
  async mayFollow({
    key,
    className,
    inventory,
  }: Omit<Candidate, 'isSuspended'>): Promise<{ holdsPlace: boolean } | undefined> {
    const id = formatKey(key);
    const { content } = await this.#parts.classes.get(className);
    const hasPlace = inventory?.classChangedAtMs !== undefined;
    const holdsPlace = hasPlace || !isStalledAtWork(this.#parts.memory.get(key).status?.body);
    // Without its class nothing is known of a budget.
    const budget = content ? this.#budgetOf(className, content) : 1;
    if (holdsPlace && !hasPlace && this.#placesHeld(className, id) >= budget) {
      this.#await(className, id, budget);
      return undefined;
    }
    this.#flights.set(id, { className, hash: inventory?.classHash ?? '', holdsPlace });
    return { holdsPlace };
  }

  /** The pass over an object has ended, and its inventory says what it says. */
  ended(key: ObjectKey): void {
    this.#flights.delete(formatKey(key));
  }

  /** Objects of the class whose turn has come: they are told once. */
  due(className: string): string[] {
    const waiting = this.#waiting.get(className);
    if (!waiting) return [];
    const free = waiting.budget - this.#placesHeld(className);
    const next = [...waiting.ids].slice(0, Math.max(0, free));
    for (const id of next) waiting.ids.delete(id);
    if (waiting.ids.size === 0) this.#waiting.delete(className);
    return next;
  }

  /**
   * Percentage of the mass-deletion guard. A class that is gone or invalid holds nothing up: then it is what a class has
   * by itself, or less if it was admitted with less.
   */
  async maxDeletePercent(className: string, lastHash: string | undefined): Promise<number> {
    const { content } = await this.#parts.classes.get(className);
    if (content) return content.spec.deletion.maxDeletePercent;
    const last = lastHash === undefined ? undefined : await this.#contentOf(className, lastHash);
    return Math.min(MAX_DELETE_PERCENT, last?.spec.deletion.maxDeletePercent ?? MAX_DELETE_PERCENT);
  }

  /** What a class may say of an object that ends: as it is now, then as it was last admitted. None of them may be known. */
  async contentsFor(className: string, lastHash: string | undefined): Promise<ClassContent[]> {
    const { content } = await this.#parts.classes.get(className);
    const last = lastHash === undefined ? undefined : await this.#contentOf(className, lastHash);
    return [content, last].filter((known) => known !== undefined);
  }

  /** Removes the snapshots that no object needs any more. @throws Failure */
  async collect(): Promise<void> {
    const used = new Set([
      ...this.#parts.memory.outlines().map(({ className, classHash }) => itemOf(className, classHash ?? '')),
      ...[...this.#flights.values()].map(({ className, hash }) => itemOf(className, hash)),
    ]);
    const snapshots = await this.#load();
    for (const [item, { version }] of [...snapshots]) {
      if (used.has(item)) continue;
      // First from memory: whoever needs it while it is being removed writes it again.
      snapshots.delete(item);
      await this.#parts.state.removeControllerItem(item, version, this.#parts.epoch());
    }
  }

  #budgetOf(className: string, { spec }: ClassContent): number {
    const { maxConcurrent } = spec.disruption;
    if ('count' in maxConcurrent) return maxConcurrent.count;
    const objects = this.#objectsOf(className).length;
    return Math.max(1, Math.ceil((objects * maxConcurrent.percent) / 100));
  }

  /** Objects of the class, other than `except`, that were taken over and are not Ready. */
  #placesHeld(className: string, except?: string): number {
    const holders = new Set(
      this.#objectsOf(className).flatMap(({ key, inventory }) =>
        inventory.classChangedAtMs !== undefined ? [formatKey(key)] : [],
      ),
    );
    for (const [id, flight] of this.#flights) {
      if (flight.className === className && flight.holdsPlace) holders.add(id);
    }
    if (except !== undefined) holders.delete(except);
    return holders.size;
  }

  /** Those that are worked on: what is deleted or held changes no more. */
  #objectsOf(className: string): { key: ObjectKey; inventory: InventoryOutline }[] {
    return this.#parts.memory.objects().flatMap(({ key, inventoryOutline: inventory }) => {
      const isOfClass =
        inventory?.className === className && inventory.deletingSinceMs === undefined && !inventory.held;
      return isOfClass ? [{ key, inventory }] : [];
    });
  }

  #await(className: string, id: string, budget: number): void {
    const waiting = this.#waiting.get(className) ?? { ids: new Set(), budget };
    waiting.budget = budget;
    waiting.ids.add(id);
    this.#waiting.set(className, waiting);
  }

  async #contentOf(className: string, hash: string): Promise<ClassContent | undefined> {
    const snapshot = (await this.#load()).get(itemOf(className, hash));
    const content = snapshot && contentOf(snapshot.body.raw).content;
    // The hash is that under which it was admitted, whatever defaults have been added to classes since.
    return content && { ...content, hash };
  }

  /** Writes the snapshot unless it is there; several passes that need it write it once. */
  async #keep(className: string, { raw, hash }: ClassContent): Promise<void> {
    const item = itemOf(className, hash);
    const snapshots = await this.#load();
    if (snapshots.has(item)) return;
    const writing = this.#writing.get(item) ?? this.#write(item, { className, raw }, snapshots);
    this.#writing.set(item, writing);
    await writing.finally(() => this.#writing.delete(item));
  }

  async #write(item: string, body: Snapshot, snapshots: Map<string, Versioned<Snapshot>>): Promise<void> {
    try {
      const version = await this.#parts.state.putControllerItem(item, body, 0, this.#parts.epoch());
      snapshots.set(item, { version, body });
    } catch (error) {
      // The answer of an earlier write was lost: what stands there is read again.
      if (isFailure(error)) this.#snapshots = undefined;
      throw error;
    }
  }

  #load(): Promise<Map<string, Versioned<Snapshot>>> {
    if (!this.#snapshots) {
      const loading = this.#parts.state.controllerItems<Snapshot>(PREFIX);
      this.#snapshots = loading;
      loading.catch(() => {
        if (this.#snapshots === loading) this.#snapshots = undefined;
      });
    }
    return this.#snapshots;
  }
}

/** Stalled by what was found or failed in AWS. One whose record was refused runs on, and would be disturbed. */
function isStalledAtWork(status: LambdaContainerStatus | undefined): boolean {
  const stalled = findCondition(status?.conditions ?? [], 'Stalled');
  return status?.phase === 'Stalled' && stalled?.status === 'True' && !isRefusal(stalled.reason);
}

function itemOf(className: string, hash: string): string {
  return `${PREFIX}${className}#${hash}`;
}
