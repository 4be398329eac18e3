/**
 * Sees every change of the cloud as it becomes true, with who made it: a daemon's call, a person's, or time. It is the
 * sink of the state store, so that nothing can change past it, and it keeps a fingerprint of the whole history: two runs
 * of a seed are equal exactly when these are.
 */
import type { Sink, Change as StoredChange } from '../../../src/local-cloud/state/store.ts';
import type { Arrival } from '../judgement.ts';

/** One change of one record of the cloud. */
export interface Change {
  readonly collection: string;
  readonly key: string;
  /** As it was; undefined when it is new. Not to be changed. */
  readonly before: unknown;
  /** As it is; undefined when it is gone. */
  readonly after: unknown;
  /** The daemon's call that made it; undefined: a person, another tool, or time. */
  readonly by: Arrival | undefined;
  /** A person or another tool made it. */
  readonly byPerson: boolean;
}

export class Watch implements Sink {
  /** The daemon's call that the cloud is about to do. */
  arriving: Arrival | undefined;
  /** Told of each change, those of one step together. */
  onChanges: (changes: readonly Change[]) => void = () => {};
  steps = 0;
  readonly #records = new Map<string, Map<string, unknown>>();
  #pending: readonly StoredChange[] = [];
  #current: { readonly by: Arrival | undefined } | undefined;
  #hash = { a: 0x811c9dc5, b: 0x9747b28c };

  /** Of the cloud: called right before each call is done. */
  readonly intercept = (_service: string, operation: string): undefined => {
    const by = this.arriving;
    const isIts = by !== undefined && operation.charAt(0).toLowerCase() + operation.slice(1) === by.operation;
    this.#current = { by: isIts ? by : undefined };
    if (isIts) this.arriving = undefined;
    return undefined;
  };

  /** The call that was under way has been answered. */
  answered(): void {
    this.#current = undefined;
    this.arriving = undefined;
  }

  append(changes: readonly StoredChange[]): void {
    this.#pending = changes;
  }

  applied(): void {
    const current = this.#current;
    this.#current = undefined;
    this.steps++;
    const by = current?.by;
    const byPerson = current !== undefined && by === undefined;
    const changes: Change[] = [];
    for (const [collection, key, after] of this.#pending) {
      this.note(collection);
      this.note(key);
      let records = this.#records.get(collection);
      if (!records) {
        records = new Map();
        this.#records.set(collection, records);
      }
      const before = records.get(key);
      if (after === undefined) records.delete(key);
      else records.set(key, after);
      changes.push({ collection, key, before, after, by, byPerson });
    }
    this.onChanges(changes);
  }

  close(): void {}

  /** What the cloud has of a kind, as it is. Not to be changed. */
  all<T>(collection: string): ReadonlyMap<string, T> {
    return (this.#records.get(collection) ?? new Map()) as Map<string, T>;
  }

  /** Adds to the fingerprint of the history. */
  note(text: string): void {
    let { a, b } = this.#hash;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      a = Math.imul(a ^ code, 0x01000193);
      b = Math.imul(b ^ code, 0x5bd1e995);
      b ^= b >>> 13;
    }
    this.#hash = { a, b };
  }

  get fingerprint(): string {
    const hex = (value: number) => (value >>> 0).toString(16).padStart(8, '0');
    return hex(this.#hash.a) + hex(this.#hash.b);
  }
}
