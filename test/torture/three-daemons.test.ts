/**
 * Three real daemons on one local cloud, stopped (SIGSTOP), woken, killed and asked to end at random while people change
 * what they want; each reaches the cloud by a port of its own, so that the cloud's own log says who did what. A short
 * run here, four minutes with `EVERY=1`; a failing seed again with `SEED=n npx vitest run test/torture`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { zipSync } from 'fflate';
import { afterEach, expect, it } from 'vitest';
import { confirmationRecord } from '../../src/api/index.ts';
import { createSdkPorts, type Ports, toItem } from '../../src/aws/index.ts';
import { bootstrapLocalAccount } from '../../src/cli/local/bootstrap.ts';
import { type Random, seededRandom, silentLogger, systemClock } from '../../src/core/index.ts';
import { serveWire } from '../../src/local-cloud/index.ts';
import { type LocalCloud, startLocalCloud } from '../../src/local-cloud/local-cloud.ts';
import { registryPort } from '../../src/oci/index.ts';
import { parseKey } from '../../src/resource/index.ts';
import { DesiredTable, StateTable } from '../../src/store/index.ts';
import { isReading } from '../simulation/calls.ts';
import { type Arrival, leaseTaken, violations } from '../simulation/judgement.ts';

const PROGRAM = resolve(import.meta.dirname, '../../bin/lambdacontainer.js');
const SEED = Number(process.env.SEED ?? 41);
const LASTS_MS = process.env.EVERY ? 4 * 60_000 : 12_000;
const NAMES = ['a', 'b', 'c', 'd'];
const ACCOUNT = '000000000000';
const REGION = 'us-east-1';
const TABLES = { desired: 'lambdacontainer-desired', state: 'lambdacontainer-state' };

let arena: Arena | undefined;

afterEach(async () => {
  await arena?.close();
  arena = undefined;
});

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}

/** One daemon after another under one name, as a platform would keep it running. */
class Fighter {
  readonly name: string;
  readonly #endpoint: string;
  readonly #logFile: string;
  child: ChildProcess | undefined;
  isStopped = false;
  ended: Promise<void> = Promise.resolve();

  constructor(name: string, endpoint: string, folder: string) {
    this.name = name;
    this.#endpoint = endpoint;
    this.#logFile = join(folder, `${name}.log`);
  }

  get isAlive(): boolean {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  get log(): string {
    return existsSync(this.#logFile) ? readFileSync(this.#logFile, 'utf8') : '';
  }

  start(): void {
    const log = openSync(this.#logFile, 'a');
    const child = spawn(process.execPath, [PROGRAM, 'start'], {
      stdio: ['pipe', log, log],
      env: {
        PATH: process.env.PATH,
        AWS_ENDPOINT_URL: this.#endpoint,
        AWS_REGION: REGION,
        AWS_ACCESS_KEY_ID: 'test',
        AWS_SECRET_ACCESS_KEY: 'test',
        LAMBDACONTAINER_DESIRED_TABLE: TABLES.desired,
        LAMBDACONTAINER_STATE_TABLE: TABLES.state,
        LAMBDACONTAINER_RESYNC: '2s',
        LAMBDACONTAINER_LEASE: '3s',
        LAMBDACONTAINER_CALL_TIMEOUT: '1s',
        LAMBDACONTAINER_STOP_WITH_STDIN: '1',
      },
    });
    closeSync(log);
    this.child = child;
    this.isStopped = false;
    this.ended = new Promise((done) => child.once('exit', () => done()));
  }

  signal(name: NodeJS.Signals): void {
    this.child?.kill(name);
    if (name === 'SIGSTOP') this.isStopped = true;
    if (name === 'SIGCONT') this.isStopped = false;
  }
}

class Arena {
  readonly folder: string;
  readonly local: LocalCloud;
  readonly ports: Ports;
  readonly log: Arrival[] = [];
  readonly history: string[] = [];
  readonly fighters: Fighter[] = [];
  readonly wanted = new Set<string>();
  #confirmations = 0;
  readonly random: Random = seededRandom(SEED);
  readonly epochs = new Map<string, number>();
  #watchers: (() => void)[] = [];
  readonly #closing: (() => void | Promise<void>)[] = [];

  constructor(folder: string, local: LocalCloud, ports: Ports, closePorts: () => void) {
    this.folder = folder;
    this.local = local;
    this.ports = ports;
    this.#closing.push(closePorts);
  }

  static async open(): Promise<Arena> {
    const folder = mkdtempSync(join(tmpdir(), 'lc-torture-'));
    const free = await serveWire({ cloud: {} as never, host: '127.0.0.1', port: 0 });
    await free.close();
    const local = await startLocalCloud({
      dataDir: folder,
      awsPort: free.port,
      accountId: ACCOUNT,
      region: REGION,
      machinePath: process.env.PATH ?? '',
      clock: systemClock,
      random: seededRandom(SEED),
      logger: silentLogger,
    });
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    const { ports, close } = createSdkPorts(
      { region: REGION, endpoint: local.awsEndpoint, credentials },
      registryPort(),
    );
    const one = new Arena(folder, local, ports, close);
    const image = `${local.registry}/lambdacontainer/adapter@sha256:${'0'.repeat(64)}`;
    const account = await bootstrapLocalAccount({
      ports,
      clock: systemClock,
      accountId: ACCOUNT,
      httpPort: 8080,
      registry: local.registry,
      images: { adapter: image, builder: image },
    });
    await ports.lambda.createFunction({
      FunctionName: 'hello',
      Role: account.functionRoleArn,
      Runtime: 'nodejs22.x',
      Handler: 'index.handler',
      Code: { ZipFile: zipSync({ 'index.mjs': Buffer.from('export const handler = async () => 1;') }) },
    });
    for (const name of ['d1', 'd2', 'd3']) await one.#join(name);
    return one;
  }

  /** A port of its own for each, so that the cloud knows who calls. */
  async #join(name: string): Promise<void> {
    const { cloud } = this.local;
    const labelled: Pick<typeof cloud, 'callAsync' | 'requestId'> = {
      requestId: () => cloud.requestId(),
      callAsync: async (service, operation, input, ...rest) => {
        const method = operation.charAt(0).toLowerCase() + operation.slice(1);
        if (isReading(method)) return cloud.callAsync(service, operation, input, ...rest);
        const arrival: Arrival = {
          atMs: performance.now(),
          daemon: name,
          epoch: this.epochs.get(name) ?? 0,
          service,
          operation: method,
          input: input as Record<string, unknown>,
          isLate: false,
          refusal: undefined,
          answeredAtMs: undefined,
        };
        this.log.push(arrival);
        try {
          const output = await cloud.callAsync(service, operation, input, ...rest);
          arrival.refusal = null;
          this.#noteLease(arrival);
          return output;
        } catch (error) {
          arrival.refusal = (error as { code?: string }).code ?? 'Error';
          throw error;
        } finally {
          arrival.answeredAtMs = performance.now();
        }
      },
    };
    const wire = await serveWire({ cloud: labelled, host: '127.0.0.1', port: 0 });
    this.#closing.push(wire.close);
    this.fighters.push(new Fighter(name, `http://127.0.0.1:${wire.port}`, this.folder));
  }

  #noteLease(arrival: Arrival): void {
    const epoch = leaseTaken(arrival) ?? 0;
    if (epoch <= (this.epochs.get(arrival.daemon) ?? 0)) return;
    this.epochs.set(arrival.daemon, epoch);
    this.note(`${arrival.daemon} leads in epoch ${epoch}`);
    for (const watcher of this.#watchers.splice(0)) watcher();
  }

  /** Resolves with the next daemon that takes the lease. */
  nextLeader(): Promise<void> {
    return new Promise((done) => this.#watchers.push(done));
  }

  get leader(): Fighter | undefined {
    const [newest] = [...this.epochs].sort(([, a], [, b]) => b - a);
    return this.fighters.find(({ name, isAlive }) => isAlive && name === newest?.[0]);
  }

  note(what: string): void {
    this.history.push(`${Math.round(performance.now())} ${what}`);
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.random.next() * from.length)] as T;
  }

  async want(name: string): Promise<void> {
    this.wanted.add(name);
    const spec = {
      source: { functionRef: { name: 'hello' } },
      placement: { mode: 'lambda' },
      traffic: { paths: [`/${name}/${Math.floor(this.random.next() * 100)}`] },
    };
    await this.ports.dynamodb.putItem({
      TableName: TABLES.desired,
      Item: toItem({ namespace: 'shop', name, spec }),
    });
  }

  async unwant(name: string): Promise<void> {
    this.wanted.delete(name);
    const desired = new DesiredTable(this.ports.dynamodb, TABLES.desired);
    await this.ports.dynamodb.deleteItem({ TableName: desired.table, Key: toItem({ namespace: 'shop', name }) });
  }

  async churn(): Promise<void> {
    const name = this.pick(NAMES);
    const act = this.pick(['want', 'want', 'want', 'unwant', 'deleteRule']);
    this.note(`${act} ${name}`);
    if (act === 'want') await this.want(name);
    else if (act === 'unwant') await this.unwant(name);
    else {
      const [rule] = await this.rules();
      if (rule) await this.ports.elbv2.deleteRule({ RuleArn: rule }).catch(() => undefined);
    }
  }

  disturb(): void {
    const victim = (this.random.next() < 0.7 && this.leader) || this.pick(this.fighters);
    if (!victim.isAlive || victim.isStopped) return;
    const act = this.pick(['SIGSTOP', 'SIGSTOP', 'SIGKILL', 'SIGTERM'] as const);
    this.note(`${act} ${victim.name}`);
    const lastsMs = this.pick([100, 1_500, 4_500, 6_000]);
    victim.signal(act);
    if (act === 'SIGSTOP') setTimeout(() => victim.signal('SIGCONT'), lastsMs).unref();
  }

  /** The platform starts again what has ended. */
  restart(): void {
    for (const fighter of this.fighters) if (!fighter.isAlive) fighter.start();
  }

  async rules(): Promise<string[]> {
    const [listener] = this.local.cloud.services.elbv2.listeners();
    const { Rules = [] } = await this.ports.elbv2.describeRules({ ListenerArn: listener?.arn });
    return Rules.flatMap(({ IsDefault, RuleArn }) => (IsDefault || !RuleArn ? [] : [RuleArn]));
  }

  async isSettled(): Promise<boolean> {
    this.restart();
    const state = new StateTable(this.ports.dynamodb, TABLES.state);
    const stored = [...(await state.loadAll())];
    const held = stored.flatMap(([id, { inventory }]) =>
      inventory?.body.held ? [{ ...parseKey(id), uid: inventory.body.uid }] : [],
    );
    if (held.length > 0) {
      await this.ports.dynamodb.putItem({
        TableName: TABLES.desired,
        Item: toItem(confirmationRecord(`all-${++this.#confirmations}`, held)),
      });
    }
    const known = new Map(stored.map(([id, { status }]) => [id, status?.body.phase]));
    return NAMES.every((name) =>
      this.wanted.has(name) ? known.get(`shop/${name}`) === 'Ready' : !known.has(`shop/${name}`),
    );
  }

  async settle(limitMs: number): Promise<void> {
    const startedMs = performance.now();
    while (!(await this.isSettled())) {
      if (performance.now() - startedMs > limitMs)
        throw new Error(`not settled within ${limitMs} ms\n${this.explain()}`);
      await pause(200);
    }
  }

  explain(): string {
    const logs = this.fighters.map(({ name, log }) => `${name}:\n${log.split('\n').slice(-12).join('\n')}`);
    return [`seed ${SEED}`, ...this.history.slice(-40), ...logs].join('\n');
  }

  async close(): Promise<void> {
    for (const fighter of this.fighters) if (fighter.isAlive) fighter.signal('SIGKILL');
    await Promise.all(this.fighters.map(({ ended }) => ended));
    for (const close of this.#closing) await close();
    await this.local.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

it.skipIf(!existsSync(resolve(import.meta.dirname, '../../dist/cli.mjs')))(
  'three daemons are never worse than one, and hand over within a second',
  async () => {
    const run = await Arena.open();
    arena = run;
    run.restart();
    for (const name of NAMES) await run.want(name);
    await run.settle(20_000);

    // In order: the next one leads within a second of SIGTERM.
    const followed = run.nextLeader();
    const first = run.leader;
    expect(first).toBeDefined();
    const signalledMs = performance.now();
    first?.signal('SIGTERM');
    await followed;
    expect(performance.now() - signalledMs, run.explain()).toBeLessThan(1_000);

    const endMs = performance.now() + LASTS_MS;
    while (performance.now() < endMs) {
      await run.churn();
      run.disturb();
      await pause(200 + run.random.next() * 1_500);
      run.restart();
    }
    for (const fighter of run.fighters) if (fighter.isStopped) fighter.signal('SIGCONT');
    await run.settle(40_000);
    expect(violations(run.log, TABLES.state), run.explain()).toEqual([]);
    expect(await run.rules(), run.explain()).toHaveLength(run.wanted.size);
    const { TargetGroups = [] } = await run.ports.elbv2.describeTargetGroups({});
    expect(TargetGroups, run.explain()).toHaveLength(run.wanted.size);
    expect(Math.max(...run.epochs.values()), run.explain()).toBeGreaterThan(2);

    // Then nobody changes anything but what the leader tells of itself: its lease, and how old a drift can get.
    const before = run.log.length;
    await pause(3_000);
    const isItsOwn = ({ input }: Arrival) => {
      const { key } = (input.Item ?? {}) as { key?: { S?: string } };
      return key?.S === 'lease' || key?.S === 'sweep';
    };
    const changes = run.log.slice(before).filter((arrival) => arrival.refusal === null && !isItsOwn(arrival));
    expect(
      changes.map(({ daemon, service, operation }) => `${daemon} ${service} ${operation}`),
      run.explain(),
    ).toEqual([]);
  },
  LASTS_MS + 120_000,
);
