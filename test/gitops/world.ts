/**
 * GitOps as the daemon runs it: real git, real time, tables and secrets of the local cloud in memory. Every write to the
 * desired table comes back to it as the table's stream would bring it, and wakes whoever waits for a state.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type GitSourceStatus,
  KIND_GIT_SOURCE,
  kindOfKey,
  type ObjectKey,
  type SourceObject,
} from '../../src/api/index.ts';
import { type AssumedRole, type DynamoPort, type Ports, toItem } from '../../src/aws/index.ts';
import {
  type Failure,
  type Logger,
  seededRandom,
  silentLogger,
  systemClock,
  VirtualClock,
} from '../../src/core/index.ts';
import { GitOps, type RepositoryLimits } from '../../src/gitops/index.ts';
import { createDirectPorts } from '../../src/local-cloud/index.ts';
import { memoryState } from '../../src/local-cloud/state/index.ts';
import type { ObjectEvent } from '../../src/resource/index.ts';
import { DesiredTable, StateTable } from '../../src/store/index.ts';
import { idleCloud } from '../local-cloud/cloud/idle-cloud.ts';
import { Origin } from './origin.ts';

const TABLES = { desired: 'lambdacontainer-desired', state: 'lambdacontainer-state' };
const WRITES = ['putItem', 'updateItem', 'deleteItem', 'batchWriteItem', 'transactWriteItems'] as const;
const WAIT_MS = 25_000;

export interface WorldOptions {
  readonly searchPath?: string;
  readonly limits?: RepositoryLimits;
  readonly logger?: Logger;
  /** @default 20 */
  readonly pauseMs?: number;
  /** The longest that `until` waits. @default 25,000 */
  readonly waitMs?: number;
}

export class GitWorld {
  readonly folder = mkdtempSync(join(tmpdir(), 'lc-gitops-'));
  readonly origin: Origin;
  readonly desired: DesiredTable;
  readonly state: StateTable;
  /** Calls by `table operation`, since `counted` was last cleared. */
  readonly counted = new Map<string, number>();
  /** Roles that were assumed, and how they write: a Failure refuses. */
  readonly assumed: AssumedRole[] = [];
  refuse: ((operation: string, table: string, key: ObjectKey) => Failure | undefined) | undefined;
  gitops: GitOps;
  readonly #clock = new VirtualClock();
  readonly #cloud = idleCloud(memoryState(), this.#clock);
  readonly #ports: Ports;
  readonly #options: WorldOptions;
  #running: { readonly stop: AbortController; readonly ended: Promise<void> } | undefined;
  #waiting: (() => void)[] = [];
  #seed = 1;
  /** Listings of records, one in each pass. */
  #listings = 0;

  private constructor(options: WorldOptions) {
    this.#options = options;
    this.origin = new Origin(join(this.folder, 'repos'));
    const direct = createDirectPorts(this.#cloud, { resolveDigest: () => Promise.reject(new Error('not used')) });
    this.#ports = { ...direct, dynamodb: this.#watched(direct.dynamodb) };
    this.desired = new DesiredTable(this.#ports.dynamodb, TABLES.desired);
    this.state = new StateTable(this.#ports.dynamodb, TABLES.state);
    this.gitops = this.#make();
  }

  static async create(options: WorldOptions = {}): Promise<GitWorld> {
    const world = new GitWorld(options);
    for (const [name, sort] of [
      [TABLES.desired, 'name'],
      [TABLES.state, 'key'],
    ] as const) {
      await world.#ports.dynamodb.createTable({
        TableName: name,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [
          { AttributeName: 'namespace', AttributeType: 'S' },
          { AttributeName: sort, AttributeType: 'S' },
        ],
        KeySchema: [
          { AttributeName: 'namespace', KeyType: 'HASH' },
          { AttributeName: sort, KeyType: 'RANGE' },
        ],
      });
    }
    // The tables become active; afterwards the cloud's time stands still, and only ours goes on.
    await world.#clock.run(() => false, 60_000);
    return world;
  }

  /** Starts GitOps, as a daemon that begins to lead does. */
  start(): void {
    this.gitops = this.#make();
    const stop = new AbortController();
    this.#running = { stop, ended: this.gitops.run(stop.signal) };
  }

  async stop(): Promise<void> {
    this.#running?.stop.abort();
    await this.#running?.ended;
    this.#running = undefined;
  }

  async close(): Promise<void> {
    await this.stop();
    this.#cloud.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  // ------------------------------------------------------------------------------------------------------------ tables

  async putSource(name: string, spec: object, annotations: Record<string, string> = {}): Promise<void> {
    await this.put({
      namespace: '_system',
      name: `source/${name}`,
      annotations,
      spec: { url: this.origin.url, ref: { branch: 'main' }, ...spec },
    });
  }

  async put(item: Record<string, unknown>): Promise<void> {
    await this.#ports.dynamodb.putItem({ TableName: TABLES.desired, Item: toItem(item) });
  }

  async remove(namespace: string, name: string): Promise<void> {
    await this.desired.delete({ namespace, name });
  }

  async record(namespace: string, name: string): Promise<Record<string, unknown> | undefined> {
    return (await this.desired.get({ namespace, name }))?.item;
  }

  /** `namespace/name` of every record but `_system`'s. */
  async names(): Promise<string[]> {
    const names: string[] = [];
    for await (const { key } of this.desired.list())
      if (key.namespace !== '_system') names.push(`${key.namespace}/${key.name}`);
    return names.sort();
  }

  secret(name: string, value: object | string): void {
    const SecretString = typeof value === 'string' ? value : JSON.stringify(value);
    try {
      this.#cloud.call('secretsmanager', 'CreateSecret', { Name: name, SecretString });
    } catch {
      this.#cloud.call('secretsmanager', 'PutSecretValue', { SecretId: name, SecretString });
    }
  }

  status(name: string): Promise<GitSourceStatus | undefined> {
    return this.state.status<GitSourceStatus>(keyOf(name));
  }

  async objects(name: string): Promise<SourceObject[]> {
    return (await this.state.chunks<SourceObject>(keyOf(name), 'objects')).flatMap(({ body }) => body);
  }

  events(name: string): Promise<ObjectEvent[]> {
    return this.state.events(keyOf(name), 100);
  }

  // ----------------------------------------------------------------------------------------------------------- waiting

  /** Resolves once it holds, looked at after every write. @throws when it does not come to hold, with what is */
  async until<T>(what: string, look: () => Promise<T | undefined | false>): Promise<T> {
    const untilMs = systemClock.monotonic() + (this.#options.waitMs ?? WAIT_MS);
    for (;;) {
      const written = new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
      const found = await look();
      if (found) return found;
      const leftMs = untilMs - systemClock.monotonic();
      if (leftMs <= 0) throw new Error(`${what} does not come; statuses: ${await this.#shown()}`);
      await new Promise<void>((resolve) => {
        const timer = systemClock.after(leftMs, resolve);
        void written.then(() => {
          timer.cancel();
          resolve();
        });
      });
    }
  }

  /** Until the source says so of the newest that it was asked. */
  condition(name: string, type: string, status: string, reason?: string): Promise<GitSourceStatus> {
    return this.until(`${name} ${type}=${status} ${reason ?? ''}`, async () => {
      const found = await this.status(name);
      const is = found?.conditions.find((condition) => condition.type === type);
      return is?.status === status && (reason === undefined || is.reason === reason) ? found : undefined;
    });
  }

  applied(name: string, commit: string): Promise<GitSourceStatus> {
    return this.until(`${name} applied ${commit}`, async () => {
      const found = await this.status(name);
      const ready = found?.conditions.find(({ type }) => type === 'Ready');
      return found?.lastAppliedCommit === commit && ready?.status === 'True' ? found : undefined;
    });
  }

  /** Asks for a pass and waits until it is done. */
  async reconcile(name: string, more: Record<string, string> = {}): Promise<GitSourceStatus> {
    const request = `request-${this.#seed++}`;
    const item = await this.record('_system', `source/${name}`);
    const annotations = {
      ...(item?.annotations as object),
      'lambdacontainer.dev/reconcile-requested-at': request,
      ...more,
    };
    await this.put({ ...item, annotations });
    return this.until(`${name} reconciled`, async () => {
      const found = await this.status(name);
      return found?.lastHandledReconcileAt === request ? found : undefined;
    });
  }

  /** Asks for a look and waits until it is over: a look begins by listing records, and ends before the next begins. */
  async looked(name: string, ask: () => void): Promise<void> {
    const before = this.#listings;
    ask();
    await this.until(`${name} looked`, async () => this.#listings > before);
    // Passes of one source never overlap: once another has begun, this one has ended.
    ask();
    await this.until(`${name} looked again`, async () => this.#listings > before + 1);
  }

  // ------------------------------------------------------------------------------------------------------------- parts

  #make(): GitOps {
    return new GitOps({
      desired: this.desired,
      state: this.state,
      secrets: this.#ports.secretsmanager,
      assume: (role) => {
        this.assumed.push(role);
        return { table: this.desired, close: () => {} };
      },
      epoch: () => 1,
      fence: () => {},
      clock: systemClock,
      random: seededRandom(this.#seed++),
      logger: this.#options.logger ?? silentLogger,
      settings: {
        workDir: join(this.folder, 'git'),
        pid: process.pid,
        searchPath: this.#options.searchPath ?? process.env.PATH ?? '',
        network: {},
        pauseMs: this.#options.pauseMs ?? 20,
        ...(this.#options.limits ? { limits: this.#options.limits } : {}),
      },
    });
  }

  #watched(port: DynamoPort): DynamoPort {
    const watched = Object.fromEntries(
      Object.entries(port).map(([operation, method]) => [
        operation,
        async (input: { TableName?: string; Item?: Keyed; Key?: Keyed; RequestItems?: object }, call?: unknown) => {
          const table = input.TableName ?? Object.keys(input.RequestItems ?? {})[0] ?? '';
          const shown = `${table === TABLES.desired ? 'desired' : 'state'} ${operation}`;
          this.counted.set(shown, (this.counted.get(shown) ?? 0) + 1);
          if (shown === 'desired query') this.#looked(input);
          const place = input.Item ?? input.Key;
          const key = { namespace: place?.namespace?.S ?? '', name: place?.name?.S ?? place?.key?.S ?? '' };
          const refused = this.refuse?.(operation, shown.split(' ')[0] ?? '', key);
          if (refused) throw refused;
          // A network's turn: what is direct would never let anything else have one.
          await new Promise<void>((resolve) => setImmediate(resolve));
          const output: unknown = await (method as (input: unknown, call?: unknown) => Promise<unknown>)(input, call);
          if (WRITES.some((write) => write === operation)) this.#written(table, key);
          return output;
        },
      ]),
    );
    return watched as unknown as DynamoPort;
  }

  #written(table: string, key: ObjectKey): void {
    setImmediate(() => {
      if (table === TABLES.desired && this.#running) {
        this.gitops.onChange(key);
        if (kindOfKey(key)?.kind === KIND_GIT_SOURCE) this.gitops.onRecord(key);
      }
      this.#wake();
    });
  }

  #looked(input: object): void {
    const { ExpressionAttributeValues: values } = input as { ExpressionAttributeValues?: Keyed };
    if (values?.[':namespace']?.S === '_system') return;
    this.#listings++;
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  }

  async #shown(): Promise<string> {
    const shown: unknown[] = [];
    for await (const { key, status } of this.state.statuses('_system')) shown.push({ name: key.name, status });
    return JSON.stringify(shown, undefined, 1);
  }
}

type Keyed = Readonly<Record<string, { S?: string } | undefined>>;

function keyOf(name: string): ObjectKey {
  return { namespace: '_system', name: `source/${name}` };
}
