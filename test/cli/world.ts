/** The command line against the local cloud's tables in memory, under a virtual clock, with a fake io. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Condition, type LambdaContainerStatus, type Phase, setCondition } from '../../src/api/index.ts';
import type { AccountPorts } from '../../src/aws/account-ports.ts';
import { type Ports, type RegistryPort, toItem } from '../../src/aws/index.ts';
import type { Connection } from '../../src/cli/commands/connection.ts';
import type { CliIo, ProgramEnd } from '../../src/cli/output/io.ts';
import { type ProgramParts, runProgram } from '../../src/cli/program.ts';
import { PlacedTargets } from '../../src/controller/index.ts';
import { Failure, seededRandom, VirtualClock } from '../../src/core/index.ts';
import { Cloud } from '../../src/local-cloud/cloud.ts';
import type { Drivers } from '../../src/local-cloud/contract.ts';
import { createDirectPorts } from '../../src/local-cloud/direct-ports.ts';
import { memoryBlobs, memoryState } from '../../src/local-cloud/state/index.ts';
import type { Decision, ObjectEvent, ObjectKey } from '../../src/resource/index.ts';
import { DesiredTable, StateTable } from '../../src/store/index.ts';

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly stdin?: string;
  readonly isTTY?: boolean;
  readonly env?: Record<string, string>;
  readonly signal?: AbortSignal;
  readonly desiredTable?: string;
  readonly tables?: { readonly desired: string; readonly state: string };
  readonly isProtected?: boolean;
  readonly defaultNamespace?: string;
  readonly account?: string;
  readonly isLocal?: boolean;
  /** What a person types when asked, one after the other; given, there is a person. */
  readonly answers?: readonly string[];
  /** Stands in for a program that gets the terminal, such as an editor. */
  readonly handOver?: (command: string, args: readonly string[]) => ProgramEnd | Promise<ProgramEnd>;
  /** Instead of the world's own, to come between a verb and its tables. */
  readonly ports?: Ports;
  /** Of the account itself; this world has none. */
  readonly accountPorts?: AccountPorts;
  /** Instead of the world's own tables. */
  readonly connect?: ProgramParts['connect'];
  /** Called with all of standard output after each write. */
  readonly onOutput?: (out: string) => void;
}

const TABLES = { desired: 'lambdacontainer-desired', state: 'lambdacontainer-state' };
const EPOCH = 1;
const EMPTY_REGISTRY: RegistryPort = {
  resolveDigest: (reference) =>
    Promise.reject(
      new Failure({
        kind: 'notFound',
        service: 'registry',
        operation: 'resolveDigest',
        code: 'MANIFEST_UNKNOWN',
        message: `${reference} is not there`,
      }),
    ),
};

/** Every call says that this service is unknown here. */
export const NO_ACCOUNT: AccountPorts = new Proxy({} as AccountPorts, {
  get: (_ports, service) =>
    typeof service !== 'string' || service === 'then'
      ? undefined
      : new Proxy(
          {},
          {
            get: (_port, operation) => () =>
              Promise.reject(
                new Failure({
                  kind: 'invalid',
                  service,
                  operation: String(operation),
                  code: 'UnknownOperationException',
                  message: `${service} is not spoken here`,
                }),
              ),
          },
        ),
});

export class CliWorld {
  readonly clock = new VirtualClock();
  readonly ports: Ports;
  readonly desired: DesiredTable;
  readonly state: StateTable;
  readonly folder = mkdtempSync(join(tmpdir(), 'lc-cli-'));
  /** What `local` and `start` were called with. */
  readonly started: unknown[] = [];

  private constructor() {
    const cloud = new Cloud({
      clock: this.clock,
      random: seededRandom(1),
      state: memoryState(),
      blobs: memoryBlobs(),
      settings: {
        accountId: '000000000000',
        region: 'us-east-1',
        awsHost: () => '127.0.0.1:4577',
        delays: { lambdaPendingMs: 0, taskProvisioningMs: 0, serviceDrainingMs: 0, buildQueuedMs: 0 },
      },
      // Only the tables are used: nothing drives tasks, builds or functions.
      drivers: () => ({}) as Drivers,
    });
    this.ports = createDirectPorts(cloud, EMPTY_REGISTRY);
    this.desired = new DesiredTable(this.ports.dynamodb, TABLES.desired);
    this.state = new StateTable(this.ports.dynamodb, TABLES.state);
  }

  static async create(): Promise<CliWorld> {
    const world = new CliWorld();
    await world.#table(TABLES.desired, 'name');
    await world.#table(TABLES.state, 'key');
    // The tables become active, and the epoch of the fixtures' conditions is a minute ago.
    world.clock.after(60_000, () => undefined);
    await world.clock.run(() => false, 60_000);
    return world;
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #table(name: string, sort: string): Promise<void> {
    await this.ports.dynamodb.createTable({
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

  /** Writes a file into the world's folder and returns its path. */
  file(name: string, text: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, text);
    return path;
  }

  async putRecord(item: Record<string, unknown>): Promise<void> {
    await this.ports.dynamodb.putItem({ TableName: TABLES.desired, Item: toItem(item) });
  }

  async putStatus(key: ObjectKey, status: Partial<LambdaContainerStatus>, specHash = 'v1-none'): Promise<void> {
    const stored = await this.state.load(key);
    const body = { ...statusOf('Pending', []), ...status };
    await this.state.put(key, 'status', body, stored.status?.version ?? 0, EPOCH);
    const inventory = {
      uid: body.uid ?? 'u',
      generation: body.observedGeneration,
      specHash,
      className: 'standard',
      deletionPolicy: 'delete',
      createdAtMs: 0,
      entries: [],
      incarnations: {},
    };
    await this.state.put(key, 'inventory', inventory, stored.inventory?.version ?? 0, EPOCH);
  }

  async forget(key: ObjectKey): Promise<void> {
    const stored = await this.state.load(key);
    if (stored.status) await this.state.remove(key, 'status', stored.status.version, EPOCH);
    if (stored.inventory) await this.state.remove(key, 'inventory', stored.inventory.version, EPOCH);
  }

  async putEvents(key: ObjectKey, ...events: Omit<ObjectEvent, 'at'>[]): Promise<void> {
    const at = new Date(this.clock.now()).toISOString();
    await this.state.record(key, { events: events.map((event) => ({ at, ...event })) });
  }

  async putDecision(key: ObjectKey, decision: Decision): Promise<void> {
    await this.state.record(key, { decision });
  }

  /** Runs one command line to its end; time moves only as far as the verb waits. */
  async run(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
    let out = '';
    let err = '';
    const answers = [...(options.answers ?? [])];
    const io: CliIo = {
      stdout: (text) => {
        out += text;
        options.onOutput?.(out);
      },
      stderr: (text) => {
        err += text;
      },
      isTTY: options.isTTY === true,
      isInteractive: options.answers !== undefined,
      ask: async (question) => {
        if (options.answers === undefined) throw new Error(`nobody is there to be asked: ${question}`);
        err += question;
        return answers.shift();
      },
      handOver: async (command, args) => {
        if (!options.handOver) throw Object.assign(new Error(`spawn ${command} ENOENT`), { code: 'ENOENT' });
        return options.handOver(command, args);
      },
      env: options.env ?? {},
      clock: this.clock,
      stdin: async () => options.stdin ?? '',
      signal: options.signal ?? new AbortController().signal,
    };
    const ports = options.ports ?? this.ports;
    const tables = options.tables ?? { ...TABLES, desired: options.desiredTable ?? TABLES.desired };
    const parts: ProgramParts = {
      io,
      local: async (flags) => {
        this.started.push(flags);
        return 0;
      },
      start: async () => 0,
      connect:
        options.connect ??
        ((): Connection => ({
          context: 'a test',
          contextName: 'test',
          isLocal: options.isLocal ?? true,
          defaultNamespace: options.defaultNamespace ?? 'default',
          account: options.account,
          isProtected: options.isProtected === true,
          region: 'us-east-1',
          tables,
          targets: new PlacedTargets(ports, 'us-east-1', this.clock, () => ({ ports, close: () => {} })),
          ports,
          accountPorts: async () => options.accountPorts ?? NO_ACCOUNT,
          desired: new DesiredTable(ports.dynamodb, tables.desired),
          state: new StateTable(ports.dynamodb, tables.state),
          close: () => undefined,
        })),
    };
    let ended: { code: number } | { error: unknown } | undefined;
    runProgram(args, parts).then(
      (code) => {
        ended = { code };
      },
      (error: unknown) => {
        ended = { error };
      },
    );
    await this.clock.run(() => ended !== undefined, 3_600_000);
    if (!ended) throw new Error(`${args.join(' ')} does not end`);
    if ('error' in ended) throw ended.error;
    return { code: ended.code, out, err };
  }
}

export function conditionAt(type: string, status: Condition['status'], reason: string, message = ''): Condition {
  const [condition] = setCondition([], { type, status, reason, message, observedGeneration: 1 }, Date.UTC(2026, 0, 1));
  return condition as Condition;
}

export function statusOf(phase: Phase, conditions: readonly Condition[]): LambdaContainerStatus {
  return { observedGeneration: 1, phase, conditions, inventory: [], drift: [] };
}
