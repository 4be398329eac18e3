/**
 * The state table: what the controller knows of objects (status, inventory, revisions, events, decisions), of sources,
 * and of itself. Only the leader writes it. Several items per object; how they are guarded is in versioned-items.ts,
 * where they stand in state-keys.ts. The lease and the allocations share the table and have files of their own.
 */
import { type LambdaContainerStatus, SYSTEM_NAMESPACE } from '../api/index.ts';
import type { Call, DynamoPort } from '../aws/index.ts';
import { sameJson } from '../core/index.ts';
import type { Decision, Inventory, ObjectEvent, Revision } from '../resource/inventory.ts';
import { formatKey, type ObjectKey } from '../resource/key.ts';
import { Chronicle, type Happening } from './chronicle.ts';
import { fittingStatus } from './fitting-status.ts';
import { CONTROLLER_NAMESPACE, type ItemKey, parseItemKey, partKey, partPrefix } from './state-keys.ts';
import { type Versioned, VersionedItems, versioned } from './versioned-items.ts';

/** Everything remembered of one object, as loaded. */
export interface StoredObject {
  readonly key: ObjectKey;
  inventory?: Versioned<Inventory> | undefined;
  status?: Versioned<LambdaContainerStatus> | undefined;
  revisions: StoredRevisions;
}

/** By number. */
export interface StoredRevisions extends Iterable<[number, Versioned<Revision>]> {
  readonly size: number;
  get(number: number): Versioned<Revision> | undefined;
  set(number: number, revision: Versioned<Revision>): unknown;
  delete(number: number): unknown;
  keys(): IterableIterator<number>;
  values(): IterableIterator<Versioned<Revision>>;
}

export type StatePart = 'status' | 'inventory';

/** Lists that are too long for the item that they belong to, kept in items of their own. */
export type ChunkPart = 'objects';
const CHUNK_ENTRIES_MAX = 500;
const CHUNK_BYTES_MAX = 256 * 1024;

/** Items of the controller's partition that are not versioned: the lease and the allocations guard themselves. */
const FOREIGN = /^(lease$|listener#)/;

export class StateTable {
  readonly table: string;
  readonly #items: VersionedItems;
  readonly #chronicle: Chronicle;

  /** `fence`: see `VersionedItems`; for those who hold the lease. */
  constructor(dynamo: DynamoPort, table: string, fence?: () => void) {
    this.table = table;
    this.#items = new VersionedItems(dynamo, table, fence);
    this.#chronicle = new Chronicle(dynamo, table);
  }

  /** The status of one object (`_system`, `source/<name>` for a source); undefined when the controller has not seen it. */
  async status<Status = LambdaContainerStatus>(key: ObjectKey, call?: Call): Promise<Status | undefined> {
    return (await this.#items.get<Status>(partKey(key, 'status'), call))?.body;
  }

  /** The statuses of one namespace; of all but `_system` when none is named. In `_system` they are those of sources. */
  async *statuses<Status = LambdaContainerStatus>(
    namespace?: string,
    call?: Call,
  ): AsyncGenerator<{ key: ObjectKey; status: Status }> {
    for await (const item of this.#items.select({ namespace }, call)) {
      const parsed = parseItemKey(item);
      if (parsed?.part !== 'status') continue;
      if (namespace === undefined && parsed.key.namespace === SYSTEM_NAMESPACE) continue;
      yield { key: parsed.key, status: item.body as Status };
    }
  }

  /** What the controller made for one object. */
  async inventory(key: ObjectKey, call?: Call): Promise<Inventory | undefined> {
    return (await this.#items.get<Inventory>(partKey(key, 'inventory'), call))?.body;
  }

  /** The newest `limit` events of an object, oldest first. */
  async events(key: ObjectKey, limit: number, call?: Call): Promise<ObjectEvent[]> {
    return this.#chronicle.events(key, limit, call);
  }

  /** The newest `limit` decisions of an object, oldest first; never more than the last hundred. */
  async decisions(key: ObjectKey, limit: number, call?: Call): Promise<Decision[]> {
    return this.#chronicle.decisions(key, limit, call);
  }

  /**
   * Appends what happened to an object, in one call as a rule, together with what an earlier call could not write. With
   * nothing to append it writes only that, so that a repeated pass repeats nothing and loses nothing.
   * @throws Failure throttled when DynamoDB does not take it: it is kept for the next call, up to 1,000 items
   */
  async record(key: ObjectKey, happening: Happening, call?: Call): Promise<void> {
    await this.#chronicle.append(key, happening, call);
  }

  /**
   * Status, inventory and revisions of every object, once at start: afterwards the controller, as the only writer,
   * knows what it wrote. Sources (`_system`) are left out. `make` gives the objects that the parts are put into.
   */
  async loadAll<Stored extends StoredObject = StoredObject>(
    call?: Call,
    make = (key: ObjectKey): Stored => ({ key, revisions: new Map() }) as unknown as Stored,
  ): Promise<Map<string, Stored>> {
    const objects = new Map<string, Stored>();
    for await (const item of this.#items.select({}, call)) {
      const parsed = parseItemKey(item);
      if (!parsed || parsed.key.namespace === SYSTEM_NAMESPACE) continue;
      const id = formatKey(parsed.key);
      let stored = objects.get(id);
      if (!stored) {
        stored = make(parsed.key);
        objects.set(id, stored);
      }
      place(stored, parsed.part, item);
    }
    return objects;
  }

  /** Reads one object's parts again, after a conflict. */
  async load(key: ObjectKey, call?: Call): Promise<StoredObject> {
    const stored: StoredObject = { key, revisions: new Map() };
    for await (const item of this.#items.select({ namespace: key.namespace, prefix: partPrefix(key) }, call)) {
      const parsed = parseItemKey(item);
      if (parsed?.key.name === key.name) place(stored, parsed.part, item);
    }
    return stored;
  }

  /**
   * Writes one part on condition; returns the new version. A status that is too large for an item is cut as
   * `fittingStatus` does.
   * @throws Failure conflict when another version or a newer epoch stands there; invalid `ItemTooLarge`
   */
  async put(
    key: ObjectKey,
    part: StatePart | `revision#${string}`,
    body: unknown,
    readVersion: number,
    epoch: number,
    call?: Call,
  ): Promise<number> {
    const fitting = part === 'status' ? fittingStatus(body) : body;
    return this.#items.put(partKey(key, part), fitting, { readVersion, epoch }, call);
  }

  /** Removes one part on the same condition. */
  async remove(
    key: ObjectKey,
    part: StatePart | `revision#${string}`,
    readVersion: number,
    epoch: number,
    call?: Call,
  ): Promise<void> {
    await this.#items.remove(partKey(key, part), { readVersion, epoch }, call);
  }

  /** The chunks of a list, in order; `chunks.flatMap(({ body }) => body)` is the list. */
  async chunks<Entry>(key: ObjectKey, part: ChunkPart, call?: Call): Promise<Versioned<readonly Entry[]>[]> {
    const chunks: Versioned<readonly Entry[]>[] = [];
    const selection = { namespace: key.namespace, prefix: partPrefix(key, `${part}#`), of: 'chunks' } as const;
    for await (const item of this.#items.select(selection, call)) chunks.push(versioned(item));
    return chunks;
  }

  /**
   * Makes the chunks hold this list, at most 500 entries in each: writes those that differ from `read`, then removes the
   * surplus from the end. Returns the chunks as they stand then. Not atomic: a list is for people, and the next sync
   * writes it again.
   * @throws Failure conflict when a chunk is not the one in `read`: read them again
   */
  async putChunks<Entry>(
    key: ObjectKey,
    part: ChunkPart,
    entries: readonly Entry[],
    read: readonly Versioned<readonly Entry[]>[],
    epoch: number,
    call?: Call,
  ): Promise<Versioned<readonly Entry[]>[]> {
    const chunks: Versioned<readonly Entry[]>[] = [];
    for (const [index, body] of inChunks(entries).entries()) {
      const old = read[index];
      if (old && sameJson(old.body, body)) {
        chunks.push(old);
        continue;
      }
      const readVersion = old?.version ?? 0;
      const beside = { chunk: index };
      const version = await this.#items.put(chunkKey(key, part, index), body, { readVersion, epoch }, call, beside);
      chunks.push({ version, body });
    }
    // From the end, so that what a crash leaves has no gap.
    for (let index = read.length - 1; index >= chunks.length; index--) {
      const readVersion = read[index]?.version ?? 0;
      await this.#items.remove(chunkKey(key, part, index), { readVersion, epoch }, call);
    }
    return chunks;
  }

  /** What the controller remembers of itself under a key such as `table` or `guard#standard`. */
  async controllerItem<T>(key: string, call?: Call): Promise<Versioned<T> | undefined> {
    return this.#items.get<T>(controllerKey(key), call);
  }

  /** All that it remembers under keys that begin so, by key and in their order. */
  async controllerItems<T>(prefix: string, call?: Call): Promise<Map<string, Versioned<T>>> {
    const items = new Map<string, Versioned<T>>();
    for await (const item of this.#items.select({ namespace: CONTROLLER_NAMESPACE, prefix }, call)) {
      items.set(String(item.key), versioned<T>(item));
    }
    return items;
  }

  /**
   * Writes such an item on the condition of all state; returns the new version.
   * @throws Failure conflict when another version or a newer epoch stands there; invalid `ItemTooLarge`
   */
  async putControllerItem(
    key: string,
    body: unknown,
    readVersion: number,
    epoch: number,
    call?: Call,
  ): Promise<number> {
    return this.#items.put(controllerKey(key), body, { readVersion, epoch }, call);
  }

  /** Removes such an item on the same condition. */
  async removeControllerItem(key: string, readVersion: number, epoch: number, call?: Call): Promise<void> {
    await this.#items.remove(controllerKey(key), { readVersion, epoch }, call);
  }
}

function controllerKey(key: string): ItemKey {
  if (FOREIGN.test(key)) throw new Error(`state item ${key} belongs to the lease or the allocations`);
  return { namespace: CONTROLLER_NAMESPACE, key };
}

function chunkKey(key: ObjectKey, part: ChunkPart, index: number): ItemKey {
  return partKey(key, `${part}#${String(index).padStart(4, '0')}`);
}

/** Greedy, so that the same list always has the same chunks. */
function inChunks<Entry>(entries: readonly Entry[]): Entry[][] {
  const chunks: Entry[][] = [];
  let bytes = 0;
  for (const entry of entries) {
    const size = Buffer.byteLength(JSON.stringify(entry));
    const last = chunks.at(-1);
    if (last && last.length < CHUNK_ENTRIES_MAX && bytes + size <= CHUNK_BYTES_MAX) {
      last.push(entry);
      bytes += size;
    } else {
      chunks.push([entry]);
      bytes = size;
    }
  }
  return chunks;
}

function place(stored: StoredObject, part: string, item: Record<string, unknown>): void {
  if (part === 'status') stored.status = versioned(item);
  else if (part === 'inventory') stored.inventory = versioned(item);
  else if (part.startsWith('revision#')) {
    const revision = versioned<Revision>(item);
    stored.revisions.set(revision.body.number, revision);
  }
}
