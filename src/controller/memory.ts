/**
 * What the leader remembers: every object's state as it last wrote it, loaded once at start. Because the leader is the
 * only writer, a pass reads no state; each write is still conditional, and a conflict makes the object be read again.
 */
import type { LambdaContainerStatus } from '../api/index.ts';
import { canonicalJson, isFailure, sameJson } from '../core/index.ts';
import {
  type Decision,
  formatKey,
  type Inventory,
  type InventoryEntry,
  type ObjectKey,
  type Revision,
} from '../resource/index.ts';
import { fittingStatus, type Happening, type StateTable, type StoredObject } from '../store/index.ts';
import { type InventoryOutline, RememberedObject } from './remembered-object.ts';
import { ResourceIndex } from './resource-index.ts';
import { SteadyFleet } from './steady-fleet.ts';

/** Longer than any listing lags behind. */
const LATELY_MS = 60_000;

export class Memory {
  readonly #table: StateTable;
  readonly #epoch: () => number;
  #objects: Map<string, RememberedObject> = new Map();
  /** Objects of which a write failed and that could not be read since: what is remembered of them may not be what stands. */
  readonly #unsure = new Set<string>();
  /** When traffic was last moved for an object: its inventory says so too, if it could be stored. */
  readonly #moves = new Map<string, number>();
  /** `uid resource` of shared resources that an object lets go of, until its inventory says so. */
  readonly #released = new Set<string>();
  /** When the leader before set out to make or change something, by resource: what was a moment ago alone. */
  readonly #inherited = new Map<string, number>();
  /** Those among the objects that are settled, and which objects have what in AWS: both follow the inventories. */
  readonly fleet = new SteadyFleet();
  readonly index = new ResourceIndex();

  constructor(table: StateTable, epoch: () => number) {
    this.#table = table;
    this.#epoch = epoch;
  }

  /** Reads everything there is. Called once, when leading begins; without `nowMs` by who will make nothing. */
  async load(nowMs = Number.POSITIVE_INFINITY): Promise<void> {
    this.#objects = await this.#table.loadAll({}, (key) => new RememberedObject(key));
    for (const stored of this.#objects.values()) {
      for (const entry of this.#follow(stored)?.entries ?? []) {
        const id = resourceId(entry);
        const atMs = Math.max(entry.actedAtMs, this.#inherited.get(id) ?? 0);
        if (nowMs - atMs < LATELY_MS) this.#inherited.set(id, atMs);
      }
    }
  }

  /** When the leader before set out to make or change this resource, for whichever object; undefined: not lately. */
  inheritedAtMs(entry: Pick<InventoryEntry, 'kind' | 'identity'>): number | undefined {
    return this.#inherited.get(resourceId(entry));
  }

  keys(): string[] {
    return [...this.#objects.keys()];
  }

  get(key: ObjectKey): StoredObject {
    return this.#objects.get(formatKey(key)) ?? { key, revisions: new Map() };
  }

  /** Everything remembered, of every object; what is not asked for stays folded. */
  objects(): RememberedObject[] {
    return [...this.#objects.values()];
  }

  /** Of every object that has an inventory. */
  outlines(): InventoryOutline[] {
    return [...this.#objects.values()].flatMap(({ inventoryOutline }) => inventoryOutline ?? []);
  }

  /** Other objects that hold a shared resource in their inventory and are not about to let go of it. */
  isUsedByOthers(uid: string, entry: InventoryEntry): boolean {
    const resource = resourceId(entry);
    // A thing of the same name in another account or region is another thing.
    const target = this.outlines().find((inventory) => inventory.uid === uid)?.target;
    return this.index.keysOf(entry.kind, Object.values(entry.identity)).some((key) => {
      const inventory = this.get(key).inventory?.body;
      return (
        inventory !== undefined &&
        inventory.uid !== uid &&
        inventory.target === target &&
        !this.#released.has(`${inventory.uid} ${resource}`) &&
        inventory.entries.some((other) => resourceId(other) === resource)
      );
    });
  }

  /**
   * Lets go of a shared resource if others still use it, and says whether it did. Of several objects that end at the
   * same time exactly one is told false: it is the last user, and deletes.
   */
  release(uid: string, entry: InventoryEntry): boolean {
    if (!this.isUsedByOthers(uid, entry)) return false;
    this.#released.add(`${uid} ${resourceId(entry)}`);
    return true;
  }

  /** Traffic may just have been moved: that counts even if it cannot be stored. */
  noteMove(key: ObjectKey, nowMs: number): void {
    this.#moves.set(formatKey(key), nowMs);
  }

  /** When this leader last moved traffic; 0: it did not. */
  movedAtMs(key: ObjectKey): number {
    return this.#moves.get(formatKey(key)) ?? 0;
  }

  /** Writes the inventory if it differs from what is stored. */
  async saveInventory(key: ObjectKey, body: Inventory): Promise<void> {
    const stored = this.#place(key);
    if (stored.inventory && sameJson(stored.inventory.body, body)) return;
    await this.#write(key, async () => {
      const version = await this.#table.put(key, 'inventory', body, stored.inventory?.version ?? 0, this.#epoch());
      stored.inventory = { version, body };
      this.#follow(stored);
      for (const entry of body.entries) this.#released.delete(`${body.uid} ${resourceId(entry)}`);
    });
  }

  /** Writes the status if it says something new; a steady fleet writes nothing. Returns whether it did. */
  async saveStatus(key: ObjectKey, status: LambdaContainerStatus): Promise<boolean> {
    // As it will be stored: a status that had to be cut must not look new after a restart.
    const body = fittingStatus(status);
    const stored = this.#place(key);
    if (stored.status && sameJson(stored.status.body, body)) return false;
    await this.#write(key, async () => {
      const version = await this.#table.put(key, 'status', body, stored.status?.version ?? 0, this.#epoch());
      stored.status = { version, body };
    });
    return true;
  }

  /** Records a revision and drops those beyond `history`. */
  async saveRevision(key: ObjectKey, revision: Revision, history: number): Promise<void> {
    const stored = this.#place(key);
    await this.#write(key, async () => {
      const part = revisionPart(revision.number);
      const read = stored.revisions.get(revision.number)?.version ?? 0;
      const version = await this.#table.put(key, part, revision, read, this.#epoch());
      stored.revisions.set(revision.number, { version, body: revision });
      for (const [number, old] of [...stored.revisions].sort(([a], [b]) => a - b)) {
        if (stored.revisions.size <= history) break;
        await this.#table.remove(key, revisionPart(number), old.version, this.#epoch());
        stored.revisions.delete(number);
      }
    });
  }

  /** Appends what happened. Also with nothing new: what the table did not take before goes with this call. */
  async record(key: ObjectKey, happening: Happening): Promise<void> {
    await this.#table.record(key, happening);
  }

  /** The last decision that was recorded of an object, by this leader or an earlier one. */
  async lastDecision(key: ObjectKey): Promise<Decision | undefined> {
    return (await this.#table.decisions(key, 1)).at(-1);
  }

  /** Removes everything remembered of an object but its events, the inventory last. */
  async forget(key: ObjectKey): Promise<void> {
    const stored = this.#place(key);
    await this.#write(key, async () => {
      for (const [number, revision] of stored.revisions) {
        await this.#table.remove(key, revisionPart(number), revision.version, this.#epoch());
        stored.revisions.delete(number);
      }
      if (stored.status) await this.#table.remove(key, 'status', stored.status.version, this.#epoch());
      stored.status = undefined;
      if (stored.inventory) await this.#table.remove(key, 'inventory', stored.inventory.version, this.#epoch());
      this.#objects.delete(formatKey(key));
      this.#moves.delete(formatKey(key));
      this.#follow({ key });
    });
  }

  /** Reads the object again if it is not sure how it stands. @throws Failure when it cannot be read */
  async refresh(key: ObjectKey): Promise<void> {
    const id = formatKey(key);
    if (!this.#unsure.has(id)) return;
    const stored = Object.assign(new RememberedObject(key), await this.#table.load(key));
    this.#unsure.delete(id);
    if (stored.inventory || stored.status || stored.revisions.size > 0) this.#objects.set(id, stored);
    else this.#objects.delete(id);
    this.#follow(stored);
  }

  #follow(stored: Pick<StoredObject, 'key' | 'inventory'>): Inventory | undefined {
    const inventory = stored.inventory?.body;
    // The nodes are read again for each sweep: they are most of what would have to be kept.
    this.fleet.set(stored.key, inventory, () => stored.inventory?.body.steady?.nodes ?? []);
    this.index.set(stored.key, inventory);
    return inventory;
  }

  #place(key: ObjectKey): RememberedObject {
    const id = formatKey(key);
    let stored = this.#objects.get(id);
    if (!stored) {
      stored = new RememberedObject(key);
      this.#objects.set(id, stored);
    }
    return stored;
  }

  async #write(key: ObjectKey, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      // The answer of an earlier write was lost, or another leader wrote: what stands there decides.
      if (isFailure(error)) {
        this.#unsure.add(formatKey(key));
        await this.refresh(key);
      }
      throw error;
    }
  }
}

function resourceId({ kind, identity }: Pick<InventoryEntry, 'kind' | 'identity'>): string {
  return `${kind} ${canonicalJson(identity)}`;
}

function revisionPart(number: number): `revision#${string}` {
  return `revision#${String(number).padStart(8, '0')}`;
}
