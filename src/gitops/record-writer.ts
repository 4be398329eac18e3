/**
 * Puts single records right: judges what a record's difference from its manifest means, and writes on condition that
 * the record still is what was read. A throttled table is waited for; a refusal is remembered per namespace, so that a
 * role without rights costs one call and not ten thousand.
 */
import type { SourceObject, SourceResult } from '../api/index.ts';
import { type Clock, type Failure, isFailure, type Random, sleep } from '../core/index.ts';
import { formatKey, type ObjectKey } from '../resource/key.ts';
import type { DesiredRecord, DesiredTable } from '../store/index.ts';
import { compareRecord, isExempt, sourceOf } from './record-ownership.ts';
import type { RenderedObject } from './rendering.ts';

export interface RecordWriterParts {
  readonly source: string;
  readonly drift: 'correct' | 'report';
  /** With the daemon's rights. */
  readonly read: DesiredTable;
  /** With the rights of the source. */
  readonly write: DesiredTable;
  /** Whether a source of this name exists: what belongs to one that is gone may be taken over. */
  readonly isSource: (name: string) => boolean;
  /** @throws Failure when this daemon may not act any more */
  readonly fence: () => void;
  /** Called before each write: the table's news of it is about to come back. */
  readonly announce: (id: string) => void;
  /** Called when it surely was not written. */
  readonly retract: (id: string) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
}

/** What has to be done about one object. Only what is written keeps the record that was read. */
export type Verdict = {
  readonly rendered: RenderedObject;
  /** The result when there is nothing to write, or when the write succeeds. */
  readonly result: SourceResult;
  readonly message?: string | undefined;
  /** Why it failed without a try. */
  readonly reason?: 'OwnedByAnother';
} & ({ readonly writes: false } | { readonly writes: true; readonly read: DesiredRecord | undefined });

export interface Outcome {
  /** `namespace/record name`. */
  readonly id: string;
  readonly object: SourceObject;
  readonly failure?: Failure | undefined;
  readonly reason?: 'OwnedByAnother' | undefined;
}

const ATTEMPTS_MAX = 6;
const BACKOFF_MS = 200;

export class RecordWriter {
  readonly #parts: RecordWriterParts;
  /** Namespaces where the source may not write, with AWS's words. */
  readonly #denied = new Map<string, Failure>();

  constructor(parts: RecordWriterParts) {
    this.#parts = parts;
  }

  /** Pure. `isSteady`: this rendering was applied before, so whatever differs was edited by somebody. */
  judge(rendered: RenderedObject, read: DesiredRecord | undefined, isSteady: boolean): Verdict {
    const { source, drift, isSource } = this.#parts;
    const owner = read && sourceOf(read.item);
    if (read && owner !== undefined && owner !== source && isSource(owner)) {
      const message = `belongs to source '${owner}'; remove it from one of the two (${rendered.place})`;
      return { rendered, writes: false, result: 'failed', message, reason: 'OwnedByAnother' };
    }
    if (read && isExempt(read.item)) {
      return { rendered, writes: false, result: 'unchanged', message: 'is exempt: source-reconcile is disabled' };
    }
    const { differing, isSameManifest } = compareRecord(rendered, source, read?.item);
    if (differing.length === 0) return { rendered, writes: false, result: 'unchanged' };
    if (!isSteady && !(owner === source && isSameManifest)) {
      return { rendered, writes: true, read, result: read ? 'configured' : 'created' };
    }
    const message = read ? `was edited by hand: ${differing.join(', ')}` : 'was removed by hand';
    return drift === 'correct'
      ? { rendered, writes: true, read, result: 'corrected', message }
      : { rendered, writes: false, result: 'drifted', message };
  }

  /** Does what the verdict says. Failures of AWS are outcomes. @throws what is no answer of AWS; when the fence is down */
  async carryOut(verdict: Verdict): Promise<Outcome> {
    const { rendered, result, message, reason } = verdict;
    const id = formatKey(rendered.key);
    if (!verdict.writes) return { id, object: entry(rendered, result, message), reason };
    const { source, write } = this.#parts;
    const { read } = verdict;
    const failure = await this.#write(rendered.key, async (signal) => {
      await write.putIf(compareRecord(rendered, source, read?.item).object, read, { signal });
    });
    if (!failure || (failure.kind === 'conflict' && (await this.#isThere(rendered)))) {
      return { id, object: entry(rendered, result, message) };
    }
    return { id, object: entry(rendered, 'failed', `${failure.code}: ${failure.message}`), failure };
  }

  /** Removes a record that still is as it was read. */
  async remove(read: DesiredRecord, kind: string, name: string): Promise<Outcome> {
    const id = formatKey(read.key);
    const described = { namespace: read.key.namespace, name, kind };
    const failure = await this.#write(read.key, (signal) => this.#parts.write.deleteIf(read, { signal }));
    if (!failure || (failure.kind === 'conflict' && !(await this.#get(read.key)))) {
      return { id, object: { ...described, result: 'pruned' } };
    }
    return { id, object: { ...described, result: 'failed', message: `${failure.code}: ${failure.message}` }, failure };
  }

  /** The write whose answer was lost has happened after all. */
  async #isThere(rendered: RenderedObject): Promise<boolean> {
    const now = await this.#get(rendered.key);
    return now !== undefined && compareRecord(rendered, this.#parts.source, now.item).differing.length === 0;
  }

  #get(key: ObjectKey): Promise<DesiredRecord | undefined> {
    return this.#parts.read.get(key, { signal: this.#parts.signal });
  }

  /** Undefined when it was written. */
  async #write(key: ObjectKey, act: (signal: AbortSignal) => Promise<void>): Promise<Failure | undefined> {
    const { clock, random, signal, fence, announce, retract } = this.#parts;
    const denied = this.#denied.get(key.namespace);
    if (denied) return denied;
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted();
      fence();
      announce(formatKey(key));
      try {
        await act(signal);
        return undefined;
      } catch (error) {
        signal.throwIfAborted();
        if (!isFailure(error)) throw error;
        if (error.kind !== 'transient') retract(formatKey(key));
        if (error.kind === 'denied') this.#denied.set(key.namespace, error);
        const passes = error.kind === 'throttled' || error.kind === 'transient';
        if (!passes || attempt === ATTEMPTS_MAX) return error;
        await sleep(clock, BACKOFF_MS * 2 ** (attempt - 1) * (0.5 + random.next()), signal);
      }
    }
  }
}

function entry(rendered: RenderedObject, result: SourceResult, message: string | undefined): SourceObject {
  const { key, kind, name } = rendered;
  return { namespace: key.namespace, name, kind, result, ...(message === undefined ? {} : { message }) };
}
