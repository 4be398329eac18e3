/**
 * GitOps: every GitSource of the desired table has a runner here, which keeps the records that its repository wants. It
 * runs beside the controller, in the daemon that leads, and is told of each change of the desired table; a listing now
 * and then is the safety net. It knows its sources and lets them know of each other; what a pass does is the runner's.
 */
import { setMaxListeners } from 'node:events';
import {
  classKey,
  type GitSourceSpec,
  KIND_CLASS,
  KIND_GIT_SOURCE,
  kindOfKey,
  type LambdaContainerClassSpec,
  type ObjectKey,
  objectFromRecord,
  SYSTEM_NAMESPACE,
  validateClass,
} from '../api/index.ts';
import type { SecretsPort } from '../aws/index.ts';
import { type Clock, isFailure, type Logger, type Metrics, type Random, sameJson, sleep } from '../core/index.ts';
import type { DesiredRecord, DesiredTable, StateTable } from '../store/index.ts';
import { GitMetrics } from './git-metrics.ts';
import { Git } from './git-program.ts';
import { REPOSITORY_LIMITS, type RepositoryLimits } from './repository.ts';
import { SourceMemory } from './source-memory.ts';
import { SourceReader } from './source-reader.ts';
import { type Neighbours, SourceRunner, type SourceTable } from './source-runner.ts';
import { SecretReader } from './source-secret.ts';
import { acceptWebhook, type WebhookAnswer, type WebhookRequest } from './webhook.ts';
import { openWorkFolder, type WorkFolder } from './work-folder.ts';

export interface GitOpsSettings {
  /** Where folders for attempts are made. */
  readonly workDir: string;
  readonly pid: number;
  /** Where git, ssh, gpg and ssh-keygen are looked for. */
  readonly searchPath: string;
  /** Variables that git needs to reach the world: proxies, certificates. */
  readonly network: Readonly<Record<string, string>>;
  readonly limits?: RepositoryLimits;
  /** Two passes of a source begin at least so far apart, whoever asks. @default 1000 */
  readonly pauseMs?: number;
}

export interface GitOpsParts {
  readonly desired: DesiredTable;
  readonly state: StateTable;
  readonly secrets: Pick<SecretsPort, 'getSecretValue'>;
  /** The desired table as a role may write it; asked only for sources that name one. */
  readonly assume: (role: {
    readonly arn: string;
    readonly externalId?: string | undefined;
    readonly session: string;
  }) => SourceTable;
  readonly epoch: () => number;
  readonly fence: () => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Absent: nothing is measured. */
  readonly metrics?: Metrics | undefined;
  readonly settings: GitOpsSettings;
}

/** Repositories that are held at the same time. */
const SLOTS = 4;
const PAUSE_MS = 1_000;
const RELIST_MS = 5 * 60_000;
/** Changes that come together are read together. */
const GATHER_MS = 50;

const RETRY_MS = 5_000;

type InSlot = <T>(act: () => Promise<T>) => Promise<T>;

interface Running {
  readonly runner: SourceRunner;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

/** One companion of the controller (`controller/companions.ts`). */
export class GitOps {
  readonly name = 'gitops';
  readonly #parts: GitOpsParts;
  readonly #secrets: SecretReader;
  readonly #sources = new Map<string, Running>();
  #isChanged = true;
  #onChanged: (() => void) | undefined;
  #isRunning = false;
  readonly #metrics: GitMetrics | undefined;

  constructor(parts: GitOpsParts) {
    this.#parts = parts;
    this.#metrics = parts.metrics && new GitMetrics(parts.metrics, () => this.#sources.size);
    this.#secrets = new SecretReader(parts.secrets, parts.clock);
  }

  /** Follows all sources until aborted. May be run again after it failed. @throws when there is no place for its folder */
  async run(signal: AbortSignal): Promise<void> {
    const { settings, clock } = this.#parts;
    const folder = await openWorkFolder(settings.workDir, settings.pid);
    const git = new Git({ searchPath: settings.searchPath, network: settings.network, home: folder.home }, clock);
    const inSlot = slots(SLOTS);
    const ending = new AbortController();
    const whole = AbortSignal.any([signal, ending.signal]);
    this.#isRunning = true;
    try {
      while (!whole.aborted) {
        this.#isChanged = false;
        const isListed = await this.#list(git, folder, inSlot, whole);
        await this.#untilChanged(isListed ? RELIST_MS : RETRY_MS, whole);
        await sleep(clock, GATHER_MS, whole);
      }
    } catch (error) {
      if (!whole.aborted) throw error;
    } finally {
      this.#isRunning = false;
      ending.abort();
      await Promise.all([...this.#sources.values()].map(({ ended }) => ended));
      this.#sources.clear();
      await folder.remove();
    }
  }

  /** A source was written, removed, or seen in a relist. */
  onRecord(_key: ObjectKey): void {
    this.#isChanged = true;
    this.#onChanged?.();
  }

  /** Any record was written or removed. */
  onChange(key: ObjectKey): void {
    const system = key.namespace === SYSTEM_NAMESPACE ? kindOfKey(key) : undefined;
    for (const { runner } of this.#sources.values()) {
      if (system?.kind === KIND_CLASS) runner.reconsider();
      runner.edited(key);
    }
  }

  /** A request to `/webhooks/<name>`. Causes no call of AWS, whoever asks. */
  webhook(name: string, request: WebhookRequest): WebhookAnswer {
    const answer = this.#judgeWebhook(name, request);
    this.#metrics?.webhook(answer.status);
    return answer;
  }

  #judgeWebhook(name: string, request: WebhookRequest): WebhookAnswer {
    if (!this.#isRunning) return { status: 503, message: 'this daemon does not lead' };
    const source = this.#sources.get(name)?.runner;
    const reference = source?.spec?.secretRef;
    const secret = reference === undefined ? undefined : this.#secrets.known(reference)?.webhook;
    const answer = acceptWebhook(request, secret);
    if (answer.status === 401 && reference !== undefined) this.#secrets.doubt(reference);
    if (answer.wakes) source?.wake();
    return answer;
  }

  // ----------------------------------------------------------------------------------------------------------- sources

  /** Starts, tells and ends runners as the table says; false, and nothing done, when it cannot be read whole. */
  async #list(git: Git, folder: WorkFolder, inSlot: InSlot, signal: AbortSignal): Promise<boolean> {
    const found = new Map<string, DesiredRecord>();
    try {
      for await (const record of this.#parts.desired.list(SYSTEM_NAMESPACE, { signal })) {
        const known = kindOfKey(record.key);
        if (known?.kind === KIND_GIT_SOURCE) found.set(known.name, record);
      }
    } catch (error) {
      if (!isFailure(error)) throw error;
      if (!signal.aborted)
        this.#parts.logger.warn({ code: error.code }, `sources could not be listed: ${error.message}`);
      return false;
    }
    for (const [name, running] of this.#sources) {
      if (!found.has(name)) await this.#end(name, running, signal);
    }
    for (const [name, record] of found) {
      const running = this.#sources.get(name);
      if (!running) this.#start(name, record, git, folder, inSlot, signal);
      else if (!sameJson(running.runner.record.item, record.item)) running.runner.update(record);
    }
    return true;
  }

  #start(name: string, record: DesiredRecord, git: Git, folder: WorkFolder, inSlot: InSlot, signal: AbortSignal): void {
    const { desired, state, epoch, fence, clock, random, logger, settings } = this.#parts;
    const runner = new SourceRunner(
      {
        name,
        key: record.key,
        memory: new SourceMemory(state, record.key, epoch, random),
        reader: new SourceReader({
          git,
          secrets: this.#secrets,
          storedClass: (className, abort) => this.#storedClass(className, abort),
          workFolder: folder.path,
          searchPath: settings.searchPath,
          limits: settings.limits ?? REPOSITORY_LIMITS,
          clock,
        }),
        desired,
        tableFor: (spec) => this.#tableFor(spec, name),
        neighbours: this.#neighbours(),
        inSlot,
        fence,
        pauseMs: settings.pauseMs ?? PAUSE_MS,
        clock,
        random,
        logger,
        metrics: this.#metrics,
      },
      record,
    );
    const stop = new AbortController();
    const either = AbortSignal.any([signal, stop.signal]);
    // Each write that is under way listens to it.
    setMaxListeners(0, either);
    this.#sources.set(name, { runner, stop, ended: runner.run(either) });
    logger.info({ source: name }, 'following a source');
  }

  /** The record is gone. What the source applied stays. */
  async #end(name: string, { runner, stop, ended }: Running, signal: AbortSignal): Promise<void> {
    stop.abort();
    await ended;
    this.#sources.delete(name);
    this.#parts.logger.info({ source: name }, 'the source is gone; its objects stay as they are');
    try {
      await runner.forget(signal);
    } catch (error) {
      if (!isFailure(error)) throw error;
      this.#parts.logger.warn(
        { source: name, code: error.code },
        `what is remembered of it could not be removed: ${error.message}`,
      );
    }
  }

  #neighbours(): Neighbours {
    return {
      exists: (name) => this.#sources.has(name),
      status: async (name, signal) => this.#sources.get(name)?.runner.status(signal),
      dependenciesOf: (name) => this.#sources.get(name)?.runner.spec?.dependsOn ?? [],
      applied: (name) => {
        for (const { runner } of this.#sources.values()) if (runner.spec?.dependsOn.includes(name)) runner.wake();
      },
    };
  }

  #tableFor(spec: GitSourceSpec, name: string): SourceTable {
    if (spec.roleArn === undefined) return { table: this.#parts.desired, close: () => {} };
    const session = `lambdacontainer-${name}`.slice(0, 64);
    return this.#parts.assume({ arn: spec.roleArn, externalId: spec.externalId, session });
  }

  async #storedClass(name: string, signal: AbortSignal): Promise<LambdaContainerClassSpec | undefined> {
    const record = await this.#parts.desired.get(classKey(name), { signal });
    const object = record && objectFromRecord(record.item).object;
    return object && validateClass(object.spec).spec;
  }

  async #untilChanged(atMostMs: number, signal: AbortSignal): Promise<void> {
    if (this.#isChanged || signal.aborted) return;
    const woken = new AbortController();
    this.#onChanged = () => woken.abort();
    await sleep(this.#parts.clock, atMostMs, AbortSignal.any([signal, woken.signal]));
    this.#onChanged = undefined;
  }
}

/** Lets so many act at once; the others wait in order. */
function slots(count: number): InSlot {
  let free = count;
  const waiting: (() => void)[] = [];
  return async (act) => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await act();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free++;
    }
  };
}
