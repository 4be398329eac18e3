/**
 * One source's life: a pass when its time has come, when its record changed, when a webhook or a person asks, and when
 * somebody edits one of its records. Passes of a source never overlap, and a wake during a pass leads to another one.
 * What a pass finds is made into status and events by `source-report.ts`.
 */
import {
  ANNOTATION_ALLOW_PRUNE,
  ANNOTATION_RECONCILE,
  type ApiObject,
  formatDefect,
  type GitSourceSpec,
  type GitSourceStatus,
  KIND_CONTAINER,
  type ObjectKey,
  objectFromRecord,
  type SourceObject,
  validateGitSource,
} from '../api/index.ts';
import {
  type Clock,
  formatDuration,
  isFailure,
  type Logger,
  type Random,
  sleep,
  versionedHash,
} from '../core/index.ts';
import type { ObjectEvent } from '../resource/inventory.ts';
import { formatKey } from '../resource/key.ts';
import type { DesiredRecord, DesiredTable } from '../store/index.ts';
import { type Applied, apply } from './apply.ts';
import type { GitMetrics, SourcePassResult } from './git-metrics.ts';
import { type Outcome, RecordWriter } from './record-writer.ts';
import type { Rendering } from './rendering.ts';
import type { SourceMemory } from './source-memory.ts';
import { SourceProblem } from './source-problem.ts';
import { HeadProblem, type Readable, type SourceReader } from './source-reader.ts';
import { describeObjects, type Findings, reportOf } from './source-report.ts';

/** What a source may know of the others. */
export interface Neighbours {
  exists(name: string): boolean;
  /** As the table has it, also before the other's first pass. */
  status(name: string, signal: AbortSignal): Promise<GitSourceStatus | undefined>;
  /** `spec.dependsOn` of a source; none when it cannot be understood. */
  dependenciesOf(name: string): readonly string[];
  /** This one has applied a commit: those that wait for it may go on. */
  applied(name: string): void;
}

/** A desired table with the rights of a source. */
export interface SourceTable {
  readonly table: DesiredTable;
  readonly close: () => void;
}

export interface SourceRunnerParts {
  readonly name: string;
  readonly key: ObjectKey;
  readonly memory: SourceMemory;
  readonly reader: SourceReader;
  readonly desired: DesiredTable;
  /** The table as the source's role may write it; the daemon's own without a role. */
  readonly tableFor: (spec: GitSourceSpec) => SourceTable;
  readonly neighbours: Neighbours;
  /** Passes of all sources share some slots: each may hold a repository. */
  readonly inSlot: <T>(act: () => Promise<T>) => Promise<T>;
  readonly fence: () => void;
  /** Two passes begin at least so far apart, whoever asks; edits within it are looked at together. */
  readonly pauseMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics?: GitMetrics | undefined;
}

/** The interval is spread by so much to either side, so that sources do not march in step. */
const JITTER = 0.1;
/** Beyond it one listing is cheaper than a read for each. */
const EDITS_MAX = 25;
/** A write that was refused never comes back: for so long it is waited for. */
const ECHO_MS = 10_000;
const RETRY_MS = 5_000;
const TOLD_OBJECTS_MAX = 10;

export class SourceRunner {
  readonly #parts: SourceRunnerParts;
  #record: DesiredRecord;
  #spec: GitSourceSpec | undefined;
  #wanted = true;
  #onWanted: (() => void) | undefined;
  #startedAtMs = -Infinity;
  #dueAtMs = 0;
  #failures = 0;
  readonly #edited = new Set<string>();
  /** Writes of ours whose news has not come back yet. */
  readonly #echoes = new Map<string, { readonly count: number; readonly untilMs: number }>();
  #table: (SourceTable & { readonly of: string }) | undefined;
  /** What the last pass looked after; a newer record changes nothing before its own pass. */
  #synced: { readonly spec: GitSourceSpec; readonly generation: number } | undefined;
  /** The commit that could not be had any more after a restart. */
  #unrecoverable: string | undefined;

  constructor(parts: SourceRunnerParts, record: DesiredRecord) {
    this.#parts = parts;
    this.#record = record;
    this.#spec = specOf(record);
  }

  get record(): DesiredRecord {
    return this.#record;
  }

  /** The spec as last read; undefined when it is not valid. */
  get spec(): GitSourceSpec | undefined {
    return this.#spec;
  }

  async status(signal: AbortSignal): Promise<GitSourceStatus | undefined> {
    await this.#parts.memory.load(signal);
    return this.#parts.memory.status;
  }

  /** The record changed. */
  update(record: DesiredRecord): void {
    this.#record = record;
    this.#spec = specOf(record);
    this.wake();
  }

  /** Asks for a pass as soon as may be. */
  wake(): void {
    this.#wanted = true;
    this.#onWanted?.();
  }

  /** What a commit was refused for may be mended. */
  reconsider(): void {
    this.#parts.reader.forgetRefusal();
    const { status } = this.#parts.memory;
    if (status?.conditions.some(({ type, status: is }) => type === 'Stalled' && is === 'True')) this.wake();
  }

  /** Somebody changed a record: if it is one of ours, and not our own doing, it is looked at soon. */
  edited(key: ObjectKey): void {
    const id = formatKey(key);
    if (this.#isEcho(id) || !this.#inForce()?.rendering.objects.has(id)) return;
    this.#edited.add(id);
    this.#onWanted?.();
  }

  /** Passes until aborted. A defect of ours ends in the log and a later try, never in the daemon's end. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, inSlot, pauseMs } = this.#parts;
    while (!signal.aborted) {
      await this.#until(this.#dueAtMs, signal);
      // A moment of quiet, so that what comes together is taken together.
      const quietMs = Math.max(this.#startedAtMs + pauseMs - clock.monotonic(), this.#isDue() ? 0 : pauseMs);
      if (quietMs > 0) await sleep(clock, quietMs, signal);
      if (signal.aborted) break;
      const edits = [...this.#edited];
      this.#edited.clear();
      const isWhole = this.#isDue() || edits.length > EDITS_MAX;
      if (isWhole) this.#wanted = false;
      this.#startedAtMs = clock.monotonic();
      try {
        const settled = await inSlot(() => (isWhole ? this.#pass(signal) : this.#mend(edits, signal)));
        this.#measure(settled ? 'settled' : 'unsettled');
        if (!isWhole) {
          if (!settled) this.#wanted = true;
          continue;
        }
        this.#failures = settled ? 0 : this.#failures + 1;
        this.#dueAtMs = clock.monotonic() + (settled ? this.#intervalMs() : this.#retryMs());
      } catch (error) {
        if (signal.aborted) break;
        this.#measure('error');
        this.#failures++;
        const againMs = this.#retryMs();
        this.#dueAtMs = clock.monotonic() + againMs;
        this.#logFailure(error, againMs);
      }
    }
    this.#table?.close();
  }

  #measure(result: SourcePassResult): void {
    this.#parts.metrics?.passed(result, this.#parts.clock.monotonic() - this.#startedAtMs);
  }

  #isDue(): boolean {
    return this.#wanted || this.#parts.clock.monotonic() >= this.#dueAtMs;
  }

  #logFailure(error: unknown, againMs: number): void {
    const { logger, name } = this.#parts;
    const again = formatDuration(againMs);
    if (isFailure(error)) logger.warn({ source: name, code: error.code, again }, `a pass failed: ${error.message}`);
    else logger.error({ source: name, err: error, again }, 'a pass failed by a defect of the daemon');
  }

  /** Removes what is remembered, once the record is gone. Objects stay as they are. */
  async forget(signal: AbortSignal): Promise<void> {
    await this.#parts.memory.forget(signal);
  }

  // -------------------------------------------------------------------------------------------------------------- pass

  /** Whether nothing is left to be tried again soon. */
  async #pass(signal: AbortSignal): Promise<boolean> {
    const { memory, clock } = this.#parts;
    const record = this.#record;
    this.#synced = undefined;
    const { object, defects: flaws } = objectFromRecord(record.item);
    const judged = object ? validateGitSource(object.spec) : { spec: undefined, defects: flaws };
    const identity = await memory.identify(versionedHash(judged.spec ?? record.item.spec, 32), clock.now(), signal);
    await memory.load(signal);
    const request = object?.annotations[ANNOTATION_RECONCILE];
    if (request !== undefined && request !== memory.status?.lastHandledReconcileAt) this.#parts.reader.forgetRefusal();
    const nothing: Findings = {
      identity,
      nowMs: clock.now(),
      isSuspended: false,
      head: undefined,
      problem: undefined,
      signer: undefined,
      applied: undefined,
      appliedCommit: undefined,
      fetchedAtMs: undefined,
      skipped: [],
      reconcileRequest: request,
    };
    if (!object || !judged.spec) {
      const problem = new SourceProblem('InvalidSpec', judged.defects.map(formatDefect).join('\n'));
      return this.#tell({ ...nothing, problem }, signal);
    }
    const { spec } = judged;
    if (spec.suspend) return this.#tell({ ...nothing, isSuspended: true }, signal);
    const waiting = await this.#waitsFor(spec, signal);
    if (waiting) return this.#tell({ ...nothing, problem: waiting }, signal);
    return this.#sync(object, spec, nothing, signal);
  }

  async #sync(object: ApiObject, spec: GitSourceSpec, nothing: Findings, signal: AbortSignal): Promise<boolean> {
    const { reader, memory, clock } = this.#parts;
    const { generation } = nothing.identity;
    this.#synced = { spec, generation };
    let head: Readable | undefined;
    let problem: HeadProblem | undefined;
    try {
      head = await reader.read(spec, generation, signal);
    } catch (error) {
      if (!(error instanceof HeadProblem)) throw error;
      problem = error;
    }
    const inForce = head ?? reader.lastGood(generation) ?? (await this.#recover(spec, generation, problem, signal));
    const before = memory.status;
    const isSteady =
      inForce !== undefined &&
      (head === undefined ||
        (before?.lastAppliedCommit === inForce.rendering.commit && before.observedGeneration === generation));
    let applied: Applied | undefined;
    let applyProblem: SourceProblem | undefined;
    if (inForce) {
      try {
        applied = await this.#apply(object, spec, inForce, isSteady, head !== undefined, signal);
      } catch (error) {
        if (!(error instanceof SourceProblem)) throw error;
        applyProblem = error;
      }
    }
    return this.#tell(
      {
        ...nothing,
        nowMs: clock.now(),
        head: head ? { label: head.label, commit: head.rendering.commit } : problem?.head,
        problem: problem?.problem ?? applyProblem,
        signer: head?.signer ?? (spec.verify ? undefined : 'unasked'),
        applied,
        appliedCommit: head?.rendering.commit,
        fetchedAtMs: head?.fetchedAtMs,
        skipped: head?.rendering.skipped ?? [],
      },
      signal,
    );
  }

  async #apply(
    object: ApiObject,
    spec: GitSourceSpec,
    { rendering }: Readable,
    isSteady: boolean,
    isHead: boolean,
    signal: AbortSignal,
  ): Promise<Applied> {
    const { name, desired, memory } = this.#parts;
    return apply({
      source: name,
      // What the head would remove is not known while it cannot be read.
      spec: isHead ? spec : { ...spec, prune: { ...spec.prune, enabled: false } },
      rendering,
      isSteady,
      known: memory.objects,
      allowedPrune: object.annotations[ANNOTATION_ALLOW_PRUNE],
      table: desired,
      writer: this.#writer(spec, signal),
      signal,
    });
  }

  /** Looks at single records that somebody edited. False when that calls for a whole pass. */
  async #mend(ids: readonly string[], signal: AbortSignal): Promise<boolean> {
    const { desired, memory, name, clock } = this.#parts;
    const inForce = this.#inForce();
    if (!inForce) return true;
    const writer = this.#writer(inForce.spec, signal);
    const outcomes: Outcome[] = [];
    for (const id of ids) {
      const rendered = inForce.rendering.objects.get(id);
      if (!rendered) continue;
      const record = await desired.get(rendered.key, { signal });
      outcomes.push(await writer.carryOut(writer.judge(rendered, record, true)));
    }
    const corrected = outcomes.flatMap(({ object }) => (object.result === 'corrected' ? [object] : []));
    if (corrected.length > 0) {
      const event = {
        at: iso(clock.now()),
        type: 'Warning',
        reason: 'DriftCorrected',
        message: describeObjects(corrected),
      } as const;
      await memory.tell([event]);
      this.#parts.logger.warn({ source: name, reason: event.reason }, event.message);
      await this.#tellObjects(corrected, inForce.label);
    }
    return outcomes.every(({ object }) => object.result === 'unchanged' || object.result === 'corrected');
  }

  /** What the last pass held records against, and under which spec; nothing while the source is suspended or waits. */
  #inForce(): { readonly spec: GitSourceSpec; readonly label: string; readonly rendering: Rendering } | undefined {
    const readable = this.#synced && this.#parts.reader.lastGood(this.#synced.generation);
    return (
      this.#synced && readable && { spec: this.#synced.spec, label: readable.label, rendering: readable.rendering }
    );
  }

  #writer(spec: GitSourceSpec, signal: AbortSignal): RecordWriter {
    const { name, desired, neighbours, fence, clock, random } = this.#parts;
    return new RecordWriter({
      source: name,
      drift: spec.drift,
      read: desired,
      write: this.#tableOf(spec),
      isSource: (other) => neighbours.exists(other),
      fence,
      announce: (id) => this.#expectEcho(id),
      retract: (id) => void this.#isEcho(id),
      clock,
      random,
      signal,
    });
  }

  /** The table under the rights of the source; opened anew only when the role changes. */
  #tableOf(spec: GitSourceSpec): DesiredTable {
    const of = `${spec.roleArn ?? ''} ${spec.externalId ?? ''}`;
    if (this.#table?.of !== of) {
      this.#table?.close();
      this.#table = { ...this.#parts.tableFor(spec), of };
    }
    return this.#table.table;
  }

  /** Whether news of a record is that of our own write: each write comes back once. */
  #isEcho(id: string): boolean {
    const expected = this.#echoes.get(id);
    if (!expected) return false;
    if (expected.count === 1) this.#echoes.delete(id);
    else this.#echoes.set(id, { ...expected, count: expected.count - 1 });
    return this.#parts.clock.monotonic() < expected.untilMs;
  }

  #expectEcho(id: string): void {
    const count = (this.#echoes.get(id)?.count ?? 0) + 1;
    this.#echoes.set(id, { count, untilMs: this.#parts.clock.monotonic() + ECHO_MS });
  }

  /** After a restart the last good commit is fetched again, once, so that its records are still looked after. */
  async #recover(
    spec: GitSourceSpec,
    generation: number,
    problem: HeadProblem | undefined,
    signal: AbortSignal,
  ): Promise<Readable | undefined> {
    const commit = this.#parts.memory.status?.lastAppliedCommit;
    const isReachable =
      problem !== undefined && (!problem.problem.isOfFetch || problem.problem.reason === 'RefNotFound');
    if (commit === undefined || commit === this.#unrecoverable || !isReachable) return undefined;
    const readable = await this.#parts.reader.recover(commit, spec, generation, signal);
    if (!readable) this.#unrecoverable = commit;
    return readable;
  }

  /** Other sources that must be Ready first. */
  async #waitsFor({ dependsOn }: GitSourceSpec, signal: AbortSignal): Promise<SourceProblem | undefined> {
    const { name, neighbours } = this.#parts;
    const circle = circleFrom(name, neighbours);
    if (circle) return new SourceProblem('DependencyCycle', `sources wait for each other: ${circle.join(' → ')}`);
    for (const other of dependsOn) {
      if (!neighbours.exists(other)) return waiting(`source '${other}' (spec.dependsOn) does not exist`);
      const ready = (await neighbours.status(other, signal))?.conditions.find(({ type }) => type === 'Ready');
      if (ready?.status !== 'True') return waiting(`source '${other}' (spec.dependsOn) is not Ready`);
    }
    return undefined;
  }

  /** Writes and tells what is new; says whether nothing is left to be tried again soon. */
  async #tell(findings: Findings, signal: AbortSignal): Promise<boolean> {
    // What a stop interrupted is no finding.
    signal.throwIfAborted();
    const { memory, name, neighbours, logger } = this.#parts;
    const before = memory.status;
    const { status, objects, events } = reportOf(findings, before, memory.objects);
    await memory.save(status, objects, signal);
    await memory.tell(events);
    const corrected = findings.applied?.outcomes.flatMap(({ object }) =>
      object.result === 'corrected' ? [object] : [],
    );
    await this.#tellObjects(corrected ?? [], findings.head?.label ?? 'the last good commit');
    for (const { type, reason, message } of events) {
      const fields = { source: name, reason, commit: status.lastAttemptedCommit };
      if (type === 'Warning') logger.warn(fields, message);
      else logger.info(fields, message);
    }
    const wasReady = before?.conditions.some(({ type, status: value }) => type === 'Ready' && value === 'True');
    const isReady = status.conditions.some(({ type, status: value }) => type === 'Ready' && value === 'True');
    if (isReady && (!wasReady || before?.lastAppliedCommit !== status.lastAppliedCommit)) neighbours.applied(name);
    const reason = status.conditions.find(({ type }) => type === 'Reconciling')?.reason;
    return reason !== 'WriteFailed';
  }

  /** Who edited a record by hand finds there who changed it back. */
  async #tellObjects(corrected: readonly SourceObject[], label: string): Promise<void> {
    const { name, memory, clock } = this.#parts;
    const containers = corrected.filter(({ kind }) => kind === KIND_CONTAINER);
    for (const { namespace, name: objectName, message = 'was edited by hand' } of containers.slice(
      0,
      TOLD_OBJECTS_MAX,
    )) {
      const event: ObjectEvent = {
        at: iso(clock.now()),
        type: 'Warning',
        reason: 'SourceCorrected',
        message: `source '${name}' (${label}) put the record right: it ${message}`,
      };
      await memory.tell([event], { namespace, name: objectName });
    }
  }

  // -------------------------------------------------------------------------------------------------------------- time

  async #until(dueAtMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    if (this.#isDue() || this.#edited.size > 0 || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        timer.cancel();
        signal.removeEventListener('abort', done);
        this.#onWanted = undefined;
        resolve();
      };
      const timer = clock.after(dueAtMs - clock.monotonic(), done);
      signal.addEventListener('abort', done, { once: true });
      this.#onWanted = done;
    });
  }

  #intervalMs(): number {
    const intervalMs = this.#spec?.intervalMs ?? 60_000;
    return intervalMs * (1 - JITTER + 2 * JITTER * this.#parts.random.next());
  }

  #retryMs(): number {
    const limitMs = Math.max(RETRY_MS, this.#intervalMs());
    return Math.min(limitMs, RETRY_MS * 2 ** Math.min(this.#failures, 10)) * (0.5 + this.#parts.random.next() / 2);
  }
}

function specOf(record: DesiredRecord): GitSourceSpec | undefined {
  const { object } = objectFromRecord(record.item);
  return object && validateGitSource(object.spec).spec;
}

function waiting(message: string): SourceProblem {
  return new SourceProblem('DependencyNotReady', message);
}

/** The circle of dependencies that a source is in, from it and back to it. */
function circleFrom(name: string, neighbours: Neighbours): string[] | undefined {
  const seen = new Set<string>();
  const walk = (at: string, path: readonly string[]): string[] | undefined => {
    for (const next of neighbours.dependenciesOf(at)) {
      if (next === name) return [...path, next];
      if (seen.has(next)) continue;
      seen.add(next);
      const found = walk(next, [...path, next]);
      if (found) return found;
    }
    return undefined;
  };
  return walk(name, [name]);
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
