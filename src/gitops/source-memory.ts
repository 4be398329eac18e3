/**
 * What is remembered of one source in the state table: its identity and generation, its status, and the results of its
 * objects. Read once; afterwards this daemon, as the only writer, knows what it wrote, and a steady source writes
 * nothing. A conflict makes everything be read anew.
 */
import type { GitSourceStatus, SourceObject } from '../api/index.ts';
import { isFailure, type Random, sameJson, uuid } from '../core/index.ts';
import type { Inventory, ObjectEvent } from '../resource/inventory.ts';
import type { ObjectKey } from '../resource/key.ts';
import type { StateTable, Versioned } from '../store/index.ts';

interface Loaded {
  identity: Versioned<Inventory> | undefined;
  status: Versioned<GitSourceStatus> | undefined;
  chunks: Versioned<readonly SourceObject[]>[];
}

export interface Identity {
  readonly uid: string;
  readonly generation: number;
}

export class SourceMemory {
  readonly #state: StateTable;
  readonly #key: ObjectKey;
  readonly #epoch: () => number;
  readonly #random: Random;
  #loaded: Loaded | undefined;

  constructor(state: StateTable, key: ObjectKey, epoch: () => number, random: Random) {
    this.#state = state;
    this.#key = key;
    this.#epoch = epoch;
    this.#random = random;
  }

  get status(): GitSourceStatus | undefined {
    return this.#loaded?.status?.body;
  }

  /** Results of the last sync. */
  get objects(): readonly SourceObject[] {
    return this.#loaded?.chunks.flatMap(({ body }) => body) ?? [];
  }

  async load(signal: AbortSignal): Promise<void> {
    await this.#read(signal);
  }

  /** Who this source is; a spec with another hash is another generation. */
  async identify(specHash: string, nowMs: number, signal: AbortSignal): Promise<Identity> {
    const loaded = await this.#read(signal);
    const before = loaded.identity?.body;
    if (before?.specHash === specHash) return before;
    const body: Inventory = {
      uid: before?.uid ?? uuid(this.#random),
      generation: (before?.generation ?? 0) + 1,
      specHash,
      className: '',
      deletionPolicy: 'retain',
      createdAtMs: before?.createdAtMs ?? nowMs,
      entries: [],
      incarnations: {},
    };
    await this.#write(async () => {
      const version = await this.#state.put(
        this.#key,
        'inventory',
        body,
        loaded.identity?.version ?? 0,
        this.#epoch(),
        {
          signal,
        },
      );
      loaded.identity = { version, body };
    });
    return body;
  }

  /** Results first, so that a status never speaks of results that are not there. Writes only what differs. */
  async save(
    status: GitSourceStatus,
    objects: readonly SourceObject[] | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const loaded = await this.#read(signal);
    await this.#write(async () => {
      if (objects) {
        loaded.chunks = await this.#state.putChunks(this.#key, 'objects', objects, loaded.chunks, this.#epoch(), {
          signal,
        });
      }
      const body: GitSourceStatus = { ...status, objectChunks: loaded.chunks.length };
      if (loaded.status && sameJson(loaded.status.body, body)) return;
      const version = await this.#state.put(this.#key, 'status', body, loaded.status?.version ?? 0, this.#epoch(), {
        signal,
      });
      loaded.status = { version, body };
    });
  }

  /** Appends events, of the source or of an object that it touched. Not cut short by a stop: what was done is told. */
  async tell(events: readonly ObjectEvent[], key: ObjectKey = this.#key): Promise<void> {
    if (events.length > 0) await this.#state.record(key, { events });
  }

  /** The source is gone: everything remembered of it but its events goes too. */
  async forget(signal: AbortSignal): Promise<void> {
    const loaded = await this.#read(signal);
    await this.#write(async () => {
      loaded.chunks = await this.#state.putChunks(this.#key, 'objects', [], loaded.chunks, this.#epoch(), { signal });
      for (const part of ['status', 'identity'] as const) {
        const stored = loaded[part];
        if (!stored) continue;
        const name = part === 'identity' ? 'inventory' : part;
        await this.#state.remove(this.#key, name, stored.version, this.#epoch(), { signal });
        loaded[part] = undefined;
      }
    });
  }

  async #read(signal: AbortSignal): Promise<Loaded> {
    if (this.#loaded) return this.#loaded;
    const [stored, chunks] = await Promise.all([
      this.#state.load(this.#key, { signal }),
      this.#state.chunks<SourceObject>(this.#key, 'objects', { signal }),
    ]);
    // The table knows the parts by name alone; of a source, the status is a source's.
    const status = stored.status as Versioned<unknown> | undefined as Versioned<GitSourceStatus> | undefined;
    this.#loaded = { identity: stored.inventory, status, chunks };
    return this.#loaded;
  }

  async #write(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      // The answer of an earlier write was lost, or another leader wrote: what stands there decides.
      if (isFailure(error)) this.#loaded = undefined;
      throw error;
    }
  }
}
