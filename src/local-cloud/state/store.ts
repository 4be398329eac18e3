/**
 * The state of the machines in memory, with transactions. Changes of an open transaction lie over the committed values
 * and are either applied as one record or forgotten. What makes them durable is the sink: none in a simulation, a
 * journal otherwise. It does not know what the values mean.
 */
import type { CloudState, Collection } from '../contract.ts';
import { copyValue } from './copy.ts';

/** One change: collection, key and the new value; no value is a deletion. */
export type Change = readonly [collection: string, key: string, value?: unknown];

/** CloudState with transactions. Outside one, every change is committed by itself. */
export interface StateStore extends CloudState {
  /** Opens a transaction. @throws Error when one is open */
  begin(): void;
  /**
   * Makes the changes since `begin` durable as one record, then visible as committed; returns whether there were any.
   * @throws what the sink throws; the changes are then rolled back
   */
  commit(): boolean;
  /** Forgets the changes since `begin`. */
  rollback(): void;
  /** Releases files. Committed state is already durable; idempotent. */
  close(): void;
}

/** What makes changes durable before they are believed. */
export interface Sink {
  /** Writes one record. @throws when it could not; nothing of it may then be read back */
  append(changes: readonly Change[]): void;
  /** The appended changes are committed values now. */
  applied(): void;
  close(): void;
}

const DELETED = Symbol('deleted');

class MemoryCollection implements Collection<unknown> {
  readonly name: string;
  readonly committed = new Map<string, unknown>();
  readonly pending = new Map<string, unknown>();
  #size = 0;
  readonly #changed: (collection: MemoryCollection) => void;

  constructor(name: string, changed: (collection: MemoryCollection) => void) {
    this.name = name;
    this.#changed = changed;
  }

  get(key: string): unknown {
    const value = this.#current(key);
    return value === undefined ? undefined : copyValue(value);
  }

  has(key: string): boolean {
    return this.#current(key) !== undefined;
  }

  set(key: string, value: unknown): void {
    if (value === undefined) throw new TypeError(`${this.name}/${key}: undefined is not a value`);
    const copy = copyValue(value);
    if (!this.has(key)) this.#size++;
    this.pending.set(key, copy);
    this.#changed(this);
  }

  delete(key: string): boolean {
    if (!this.has(key)) return false;
    this.#size--;
    if (this.committed.has(key)) this.pending.set(key, DELETED);
    else this.pending.delete(key);
    this.#changed(this);
    return true;
  }

  values(): unknown[] {
    return this.#entries((_key, value) => copyValue(value));
  }

  *each(): Iterable<unknown> {
    for (const [key, committed] of this.committed) {
      const pending = this.pending.size === 0 ? undefined : this.pending.get(key);
      if (pending !== DELETED) yield pending === undefined ? committed : pending;
    }
    for (const [key, value] of this.pending) if (!this.committed.has(key)) yield value;
  }

  keys(): string[] {
    return this.#entries((key) => key);
  }

  get size(): number {
    return this.#size;
  }

  apply(): void {
    for (const [key, value] of this.pending) {
      if (value === DELETED) this.committed.delete(key);
      else this.committed.set(key, value);
    }
    this.forget();
  }

  forget(): void {
    this.pending.clear();
    this.#size = this.committed.size;
  }

  #current(key: string): unknown {
    const pending = this.pending.get(key);
    if (pending === undefined) return this.committed.get(key);
    return pending === DELETED ? undefined : pending;
  }

  #entries<R>(pick: (key: string, value: unknown) => R): R[] {
    const result: R[] = [];
    if (this.pending.size === 0) {
      for (const [key, value] of this.committed) result.push(pick(key, value));
      return result;
    }
    for (const [key, committed] of this.committed) {
      const pending = this.pending.get(key);
      if (pending !== DELETED) result.push(pick(key, pending === undefined ? committed : pending));
    }
    for (const [key, value] of this.pending) if (!this.committed.has(key)) result.push(pick(key, value));
    return result;
  }
}

/** The store behind both `memoryState` and `openJournal`. */
export class TransactionalState implements StateStore {
  readonly #collections = new Map<string, MemoryCollection>();
  readonly #touched = new Set<MemoryCollection>();
  readonly #sink: Sink | undefined;
  #open = false;

  constructor(sink?: Sink) {
    this.#sink = sink;
  }

  collection<T>(name: string): Collection<T> {
    return this.#collection(name) as unknown as Collection<T>;
  }

  begin(): void {
    if (this.#open) throw new Error('A transaction is open already');
    this.#open = true;
  }

  commit(): boolean {
    this.#open = false;
    const changes: Change[] = [];
    for (const { name, pending } of this.#touched) {
      for (const [key, value] of pending) changes.push(value === DELETED ? [name, key] : [name, key, value]);
    }
    if (changes.length > 0) {
      try {
        this.#sink?.append(changes);
      } catch (error) {
        this.rollback();
        throw error;
      }
    }
    for (const collection of this.#touched) collection.apply();
    this.#touched.clear();
    if (changes.length > 0) this.#sink?.applied();
    return changes.length > 0;
  }

  rollback(): void {
    this.#open = false;
    for (const collection of this.#touched) collection.forget();
    this.#touched.clear();
  }

  close(): void {
    this.#sink?.close();
  }

  /** Applies a recorded change without asking the sink. */
  replay(change: Change): void {
    const [name, key, value] = change;
    const { committed } = this.#collection(name);
    if (value === undefined) committed.delete(key);
    else committed.set(key, value);
  }

  /** Ends a replay: sizes are right from here on. */
  replayed(): void {
    for (const collection of this.#collections.values()) collection.forget();
  }

  /** Every committed entry as a change that would create it, in order. */
  *snapshot(): Generator<Change> {
    for (const { name, committed } of this.#collections.values()) {
      for (const [key, value] of committed) yield [name, key, value];
    }
  }

  #collection(name: string): MemoryCollection {
    let collection = this.#collections.get(name);
    if (!collection) {
      collection = new MemoryCollection(name, (changed) => {
        this.#touched.add(changed);
        if (!this.#open) this.commit();
      });
      this.#collections.set(name, collection);
    }
    return collection;
  }
}

/** State that lives and dies with the program: for simulations and tests. */
export function memoryState(): StateStore {
  return new TransactionalState();
}
