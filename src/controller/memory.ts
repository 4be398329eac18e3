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

export class Memory {
  readonly #table: StateTable;
  readonly #epoch: () => number;
  #objects: Map<string, StoredObject> = new Map();
  /** `uid resource` of shared resources that an object lets go of, until its inventory says so. */
  readonly #released = new Set<string>();

  constructor(table: StateTable, epoch: () => number) {
    this.#table = table;
    this.#epoch = epoch;
  }

  /** Reads everything there is. Called once, when leading begins. */
  async load(): Promise<void> {
    this.#objects = await this.#table.loadAll();
  }

  keys(): string[] {
    return [...this.#objects.keys()];
  }

  get(key: ObjectKey): StoredObject {
    return this.#objects.get(formatKey(key)) ?? { key, revisions: new Map() };
  }

  /** Everything remembered, of every object. */
  objects(): StoredObject[] {
    return [...this.#objects.values()];
  }

  inventories(): Inventory[] {
    return [...this.#objects.values()].flatMap((stored) => (stored.inventory ? [stored.inventory.body] : []));
  }

  /** Other objects that hold a shared resource in their inventory and are not about to let go of it. */
  isUsedByOthers(uid: string, entry: InventoryEntry): boolean {
    const resource = resourceId(entry);
    return this.inventories().some(
      (inventory) =>
        inventory.uid !== uid &&
        !this.#released.has(`${inventory.uid} ${resource}`) &&
        inventory.entries.some((other) => resourceId(other) === resource),
    );
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

  /** Writes the inventory if it differs from what is stored. */
  async saveInventory(key: ObjectKey, body: Inventory): Promise<void> {
    const stored = this.#place(key);
    if (stored.inventory && sameJson(stored.inventory.body, body)) return;
    await this.#write(key, async () => {
      const version = await this.#table.put(key, 'inventory', body, stored.inventory?.version ?? 0, this.#epoch());
      stored.inventory = { version, body };
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
      delete stored.status;
      if (stored.inventory) await this.#table.remove(key, 'inventory', stored.inventory.version, this.#epoch());
      this.#objects.delete(formatKey(key));
    });
  }

  #place(key: ObjectKey): StoredObject {
    const id = formatKey(key);
    let stored = this.#objects.get(id);
    if (!stored) {
      stored = { key, revisions: new Map() };
      this.#objects.set(id, stored);
    }
    return stored;
  }

  async #write(key: ObjectKey, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      // The answer of an earlier write was lost, or another leader wrote: what stands there decides.
      if (isFailure(error)) this.#objects.set(formatKey(key), await this.#table.load(key));
      throw error;
    }
  }
}

function resourceId({ kind, identity }: InventoryEntry): string {
  return `${kind} ${canonicalJson(identity)}`;
}

function revisionPart(number: number): `revision#${string}` {
  return `revision#${String(number).padStart(8, '0')}`;
}
