/**
 * A world in one process: the production controller on the local cloud's machines under a virtual clock, with seeded
 * latency and faults, and drivers that only pretend to run programs. The same seed gives the same history.
 */
import { createHash } from 'node:crypto';
import type { ModifyRuleCommandInput } from '@aws-sdk/client-elastic-load-balancing-v2';
import { zipSync } from 'fflate';
import { confirmationRecord, type LambdaContainerStatus } from '../../src/api/index.ts';
import { type GitLogin, type GitPort, type Ports, type RegistryPort, toItem } from '../../src/aws/index.ts';
import { type AssemblySettings, assembleController } from '../../src/cli/assemble.ts';
import { bootstrapLocalAccount } from '../../src/cli/local/bootstrap.ts';
import { beginControllerSession } from '../../src/cli/local/controller-identity.ts';
import { controllerPolicy, DEFAULT_SCOPE, type Policy, type PolicyScope } from '../../src/cli/policy.ts';
import type { CompanionFactory, Connect, Controller } from '../../src/controller/index.ts';
import {
  Failure,
  type Logger,
  Metrics,
  type Random,
  seededRandom,
  silentLogger,
  type Timer,
  type Tracer,
  VirtualClock,
} from '../../src/core/index.ts';
import { Cloud } from '../../src/local-cloud/cloud.ts';
import type { Intercept } from '../../src/local-cloud/cloud-core.ts';
import type {
  BuildLaunch,
  ContainerEvent,
  Drivers,
  EventSettings,
  TaskLaunch,
} from '../../src/local-cloud/contract.ts';
import { createDirectPorts } from '../../src/local-cloud/direct-ports.ts';
import type { Credentials, Denied } from '../../src/local-cloud/iam/index.ts';
import { memoryBlobs, memoryState, type StateStore } from '../../src/local-cloud/state/index.ts';
import { type Inventory, parseKey } from '../../src/resource/index.ts';
import { DesiredTable, StateTable } from '../../src/store/index.ts';
import { isReading, isTable } from './calls.ts';

export interface Faults {
  /** Probability that a call is throttled before it is done. */
  throttled: number;
  /** Probability that a call's answer is lost after it was done. */
  lost: number;
  /** Probability that a service answers 500 without doing anything. */
  broken: number;
}

const NO_FAULTS: Faults = { throttled: 0, lost: 0, broken: 0 };
const REGION = 'us-east-1';
const DESIRED = 'lambdacontainer-desired';
const STATE = 'lambdacontainer-state';
/** Tests point controllers at other tables and load balancers, too. */
const SCOPE: PolicyScope = { ...DEFAULT_SCOPE, desiredTable: 'lambdacontainer-desired*', loadBalancer: '*' };

interface RunningContainer {
  readonly report: (event: ContainerEvent) => void;
  readonly startedAtMs: number;
}

export interface WorldOptions {
  /** Of another world that this one stands beside. */
  readonly clock?: VirtualClock;
  readonly accountId?: string;
  readonly region?: string;
  /** How the account's events travel; they are received once `eventsQueue` is named. */
  readonly events?: EventSettings;
  /** What the controllers may do; the local cloud denies them all else. @default the generated policy */
  readonly policy?: Policy;
  /** Where the machines keep what they know. @default in memory, unobserved */
  readonly state?: StateStore;
  /** Told of each call before the cloud does it. */
  readonly intercept?: Intercept;
}

export class World {
  readonly clock: VirtualClock;
  readonly accountId: string;
  readonly region: string;
  /** Of the controllers started from now on. */
  logger: Logger = silentLogger;
  metrics = new Metrics();
  tracer: Tracer | undefined;
  /** How the controller reaches the places that classes name; absent: there is none but this world. */
  connect: Connect | undefined;
  readonly random: Random;
  readonly cloud: Cloud;
  faults: Faults = NO_FAULTS;
  /** Which services the faults befall. */
  isFaulty: (service: string) => boolean = () => true;
  /** What references of images mean in registries beyond this world, and branches in repositories (`url ref`). */
  readonly digests = new Map<string, string>();
  readonly commits = new Map<string, string>();
  /** What servers of repositories were told, and what builds were given, newest last. */
  readonly logins: (GitLogin | undefined)[] = [];
  readonly buildEnvironments: Readonly<Record<string, string>>[] = [];
  /** Mutating calls of the controller, newest last: `ecs createService`. */
  readonly mutations: string[] = [];
  /** Calls that the controllers made so far. */
  calls = 0;
  /** Writes of state by the controllers, the lease left out: `putItem checkout#status`. */
  readonly stateWrites: string[] = [];
  /** Names of objects whose record a pass read, in order: one for each pass. */
  readonly passes: string[] = [];
  /** The table that controllers started from now on are pointed at. */
  desiredTable = DESIRED;
  /** What works beside the passes of the controllers started from now on. */
  companions: readonly CompanionFactory[] = [];
  /** How the controllers started from now on look for drift; undefined: as fast as it goes. */
  sweep: AssemblySettings['sweep'];
  /** Resync of the controllers started from now on; seldom, where hours are to pass. */
  resyncMs = 30_000;
  /** Where the controllers started from now on receive events; nowhere when left out. */
  eventsQueue: string | undefined;
  /** Told before (`false`) and after (`true`) each call was done. `operation`: `getRecords`. */
  onCall: ((call: number, done: boolean, operation: string) => void) | undefined;
  /** Mutations that the cloud itself refused: `elbv2 deleteTargetGroup ResourceInUse`. */
  readonly refusals: string[] = [];
  /** Groups that the controller gave traffic before they could serve. */
  readonly unproven: string[] = [];
  /** Code digests whose handler throws at start. */
  readonly brokenImages = new Set<string>();
  /** How long a build takes, and whether it fails. */
  buildMs = 8_000;
  failsBuild = false;
  /** Tasks that answer health checks with 503, whatever runs in them. */
  isSick: (taskArn: string) => boolean = () => false;
  builds = 0;
  controller: Controller | undefined;
  #running: Promise<void> | undefined;
  readonly #building = new Map<string, Timer>();
  readonly #tasks = new Map<string, { launch: TaskLaunch; containers: Map<string, RunningContainer> }>();
  readonly #direct: Ports;
  /** As the controller's role. */
  readonly #daemon: Ports;
  readonly #session: Credentials;
  /** Calls that IAM denied. */
  readonly denials: Denied[] = [];
  /** Set for the controller that runs: once true, none of its calls is ever answered again. */
  #life = { ended: false };

  readonly seed: number;

  constructor(
    seed: number,
    {
      clock = new VirtualClock(),
      accountId = '000000000000',
      region = REGION,
      policy = controllerPolicy(SCOPE),
      events,
      state = memoryState(),
      intercept,
    }: WorldOptions = {},
  ) {
    this.seed = seed;
    this.clock = clock;
    this.accountId = accountId;
    this.region = region;
    this.random = seededRandom(seed);
    this.cloud = new Cloud({
      clock: this.clock,
      random: seededRandom(seed + 1),
      state,
      intercept,
      blobs: memoryBlobs(),
      settings: {
        accountId,
        region,
        awsHost: () => '127.0.0.1:4577',
        delays: { lambdaPendingMs: 3_000, taskProvisioningMs: 5_000, serviceDrainingMs: 60_000, buildQueuedMs: 2_000 },
        iam: 'enforce',
        events,
      },
      drivers: () => this.#drivers(),
      onDenial: (denied) => this.denials.push(denied),
    });
    const registry: RegistryPort = {
      resolveDigest: async (reference, architecture) =>
        this.digests.get(reference) ?? digest(`${reference} ${architecture}`),
    };
    const git: GitPort = {
      resolveCommit: async (url, ref, _call, login) => {
        this.logins.push(login);
        return this.commits.get(`${url} ${ref}`) ?? '0'.repeat(40);
      },
    };
    this.#direct = createDirectPorts(this.cloud, registry, git);
    this.#session = beginControllerSession(this.cloud, policy);
    this.#daemon = createDirectPorts(this.cloud, registry, git, () => this.#session);
  }

  /** Ports without latency and faults, for the test's own hands. */
  get aws(): Ports {
    return this.#direct;
  }

  /** The same as the controller's role: what IAM lets it do. */
  get controllerPorts(): Ports {
    return this.#daemon;
  }

  async bootstrap(): Promise<void> {
    const role = await this.drive(
      bootstrapLocalAccount({
        ports: this.#direct,
        clock: this.clock,
        accountId: this.accountId,
        httpPort: 8080,
        registry: 'public.ecr.aws',
        images: {
          adapter: `127.0.0.1:4577/lambdacontainer/adapter@${this.putImage('lambdacontainer/adapter', 'adapter')}`,
          builder: `127.0.0.1:4577/lambdacontainer/builder@${this.putImage('lambdacontainer/builder', 'builder')}`,
        },
      }),
    );
    await this.#direct.lambda.createFunction({
      FunctionName: 'hello',
      Role: role.functionRoleArn,
      Runtime: 'nodejs22.x',
      Handler: 'index.handler',
      Code: { ZipFile: functionCode('one') },
    });
    await this.run(30_000);
  }

  start(): void {
    this.#life = { ended: false };
    this.controller = assembleController(
      this.#hostile(this.#daemon, this.#life),
      this.clock,
      this.random,
      this.logger,
      {
        region: this.region,
        desiredTable: this.desiredTable,
        stateTable: STATE,
        resyncMs: this.resyncMs,
        ...(this.sweep ? { sweep: this.sweep } : {}),
        eventsQueue: this.eventsQueue,
        relistMs: 300_000,
        lease: { durationMs: 15_000, callTimeoutMs: 5_000 },
        workers: 4,
        drainMs: 5_000,
      },
      this.companions,
      this.metrics,
      this.tracer,
      this.connect,
    );
    this.#running = this.controller.run();
    // Looked at when it is stopped.
    this.#running.catch(() => {});
  }

  async stop(): Promise<void> {
    this.controller?.stop();
    if (this.#running) await this.drive(this.#running);
  }

  /** SIGKILL: whatever it was doing stops where it is; the lease is not handed over. */
  kill(): void {
    this.#life.ended = true;
    this.#running = undefined;
    this.controller = undefined;
  }

  /** Lets virtual time pass until `work` is done. */
  async drive<T>(work: Promise<T>): Promise<T> {
    let ended = false;
    const settled = work.finally(() => {
      ended = true;
    });
    settled.catch(() => {});
    await this.clock.run(() => ended, 600_000);
    return settled;
  }

  put(namespace: string, name: string, spec: object, annotations?: Record<string, string>): Promise<unknown> {
    return this.putRecord({ namespace, name, spec, ...(annotations ? { annotations } : {}) });
  }

  putRecord(record: Record<string, unknown>): Promise<unknown> {
    return this.#direct.dynamodb.putItem({ TableName: this.desiredTable, Item: toItem(record) });
  }

  remove(namespace: string, name: string): Promise<unknown> {
    return this.#direct.dynamodb.deleteItem({ TableName: this.desiredTable, Key: toItem({ namespace, name }) });
  }

  /** The tables as the test's own hands see them. */
  get desired(): DesiredTable {
    return new DesiredTable(this.#direct.dynamodb, this.desiredTable);
  }

  get state(): StateTable {
    return new StateTable(this.#direct.dynamodb, STATE);
  }

  status(namespace: string, name: string): Promise<LambdaContainerStatus | undefined> {
    return this.state.status({ namespace, name });
  }

  /** Inventories of all objects, by key. */
  async inventories(): Promise<Map<string, Inventory>> {
    const stored = [...(await this.state.loadAll())];
    return new Map(stored.flatMap(([id, { inventory }]) => (inventory ? [[id, inventory.body] as const] : [])));
  }

  /**
   * A person confirms every deletion that is held: by a record of its own each time, as the command line does, because one
   * that stood before an object came back covers no later end.
   */
  async confirmHeld(name = `at-${Math.round(this.clock.now())}`): Promise<void> {
    const held = [...(await this.inventories())].filter(([, inventory]) => inventory.held);
    if (held.length === 0) return;
    const objects = held.map(([id, { uid }]) => ({ ...parseKey(id), uid }));
    await this.putRecord(confirmationRecord(name, objects));
  }

  /** A table of the desired table's schema, with a stream. */
  async createDesiredTable(TableName = this.desiredTable): Promise<void> {
    await this.#direct.dynamodb.createTable({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: ['namespace', 'name'].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
      KeySchema: [
        { AttributeName: 'namespace', KeyType: 'HASH' },
        { AttributeName: 'name', KeyType: 'RANGE' },
      ],
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
    });
    const isActive = async () => {
      const { Table } = await this.#direct.dynamodb.describeTable({ TableName });
      return Table?.TableStatus === 'ACTIVE';
    };
    // Not a moment longer: what the controller does first with the new table is of interest.
    while (!(await isActive())) await this.run(10);
  }

  async deleteDesiredTable(): Promise<void> {
    const TableName = this.desiredTable;
    this.cloud.call('dynamodb', 'DeleteTable', { TableName });
    await this.until(`table ${TableName} is gone`, async () => {
      const answer = await this.#direct.dynamodb.describeTable({ TableName }).catch((error: Failure) => error.kind);
      return answer === 'notFound';
    });
  }

  /** Runs `limitMs` of virtual time. */
  async run(limitMs: number): Promise<void> {
    // Also where nothing else happens so soon.
    this.clock.after(limitMs, () => {});
    await this.clock.run(() => false, limitMs);
  }

  /** Runs until `holds` answers true, asking once a virtual second. Returns the virtual ms it took. */
  async until(what: string, holds: () => Promise<boolean>, limitMs = 900_000): Promise<number> {
    const startedMs = this.clock.now();
    while (this.clock.now() - startedMs < limitMs) {
      if (await holds()) return this.clock.now() - startedMs;
      const atMs = this.clock.now() + 1_000;
      this.clock.after(1_000, () => {});
      await this.clock.run(() => this.clock.now() >= atMs, 1_000);
    }
    const status = await this.status('shop', 'checkout');
    throw new Error(
      `seed ${this.seed}: not within ${limitMs} virtual ms: ${what}\n${JSON.stringify(status?.conditions, undefined, 1)}`,
    );
  }

  async isReady(namespace: string, name: string): Promise<boolean> {
    const status = await this.status(namespace, name);
    return status?.conditions.some(({ type, status: held }) => type === 'Ready' && held === 'True') ?? false;
  }

  /** What the tasks that run were started with. */
  get launches(): TaskLaunch[] {
    return [...this.#tasks.values()].filter(({ containers }) => containers.size > 0).map(({ launch }) => launch);
  }

  /** Weight of each target group of the object's rule and whether it can serve, as the cloud has it now. */
  traffic(): { group: string; weight: number; canServe: boolean }[] {
    const { elbv2 } = this.cloud.services;
    return elbv2.listeners().flatMap(({ arn }) => {
      const { Rules = [] } = this.cloud.call('elbv2', 'DescribeRules', { ListenerArn: arn }) as {
        Rules?: { Actions?: { ForwardConfig?: { TargetGroups?: { TargetGroupArn?: string; Weight?: number }[] } }[] }[];
      };
      return Rules.flatMap(({ Actions = [] }) =>
        Actions.flatMap(({ ForwardConfig }) =>
          (ForwardConfig?.TargetGroups ?? []).map(({ TargetGroupArn = '', Weight = 0 }) => {
            const { TargetHealthDescriptions = [] } = this.cloud.call('elbv2', 'DescribeTargetHealth', {
              TargetGroupArn,
            }) as {
              TargetHealthDescriptions?: { TargetHealth?: { State?: string } }[];
            };
            return {
              group: TargetGroupArn,
              weight: Weight,
              canServe: TargetHealthDescriptions.some(({ TargetHealth }) =>
                ['healthy', 'unavailable'].includes(TargetHealth?.State ?? ''),
              ),
            };
          }),
        ),
      );
    });
  }

  /** Runs until `holds`, asking `check` after every event; for invariants that no moment may break. */
  async watch(check: () => void, holds: () => boolean, limitMs: number): Promise<boolean> {
    return this.clock.run(() => {
      check();
      return holds();
    }, limitMs);
  }

  #hostile(ports: Ports, life: { readonly ended: boolean }): Ports {
    const never = new Promise<never>(() => {});
    const wrapped: Record<string, unknown> = { registry: ports.registry };
    for (const [service, port] of Object.entries(ports)) {
      if (service === 'registry') continue;
      const methods: Record<string, unknown> = {};
      for (const [operation, method] of Object.entries(
        port as Record<string, (input: unknown, call?: object, ...more: unknown[]) => Promise<unknown>>,
      )) {
        methods[operation] = async (input: unknown, call?: { signal?: AbortSignal }, ...more: unknown[]) => {
          if (life.ended) return never;
          await this.#delay(5 + this.random.next() * 60);
          const number = ++this.calls;
          if (!life.ended) this.onCall?.(number, false, operation);
          // Killed before the call left.
          if (life.ended) return never;
          const fail = (kind: 'throttled' | 'transient', code: string) =>
            new Failure({ kind, service, operation, code, message: `${code} (simulated)` });
          const faults = this.isFaulty(service) ? this.faults : NO_FAULTS;
          if (this.random.next() < faults.throttled) throw fail('throttled', 'ThrottlingException');
          if (this.random.next() < faults.broken) throw fail('transient', 'InternalFailure');
          if (!isTable(service) && !isReading(operation)) this.mutations.push(`${service} ${operation}`);
          this.#noteStateWrite(service, operation, input);
          this.#notePass(service, operation, input);
          if (operation === 'modifyRule') this.#judgeShift(input as ModifyRuleCommandInput);
          const output = await method(input, call, ...more).catch((error: Failure) => {
            if (!isReading(operation)) this.refusals.push(`${service} ${operation} ${error.code}`);
            if (!life.ended) this.onCall?.(number, true, operation);
            if (life.ended) return never;
            throw error;
          });
          if (!life.ended) this.onCall?.(number, true, operation);
          await this.#delay(5 + this.random.next() * 60);
          // Killed after the call was done and before its answer was read.
          if (life.ended) return never;
          if (this.random.next() < faults.lost) throw fail('transient', 'TimeoutError');
          return output;
        };
      }
      wrapped[service] = methods;
    }
    return wrapped as unknown as Ports;
  }

  #notePass(service: string, operation: string, input: unknown): void {
    if (service !== 'dynamodb' || operation !== 'getItem') return;
    const { TableName, Key } = input as { TableName?: string; Key?: Record<string, { S?: string }> };
    if (TableName === this.desiredTable && Key?.namespace?.S !== '_system') this.passes.push(Key?.name?.S ?? '');
  }

  #noteStateWrite(service: string, operation: string, input: unknown): void {
    if (service !== 'dynamodb' || isReading(operation)) return;
    const { Item, Key } = input as { Item?: Record<string, { S?: string }>; Key?: Record<string, { S?: string }> };
    const key = (Item ?? Key)?.key?.S ?? '';
    if (key !== 'lease') this.stateWrites.push(`${operation} ${key}`);
  }

  /** A group that has no traffic may be given some only when it can serve. */
  #judgeShift({ Actions }: ModifyRuleCommandInput): void {
    const now = new Map(this.traffic().map((group) => [group.group, group]));
    for (const { TargetGroupArn = '', Weight = 0 } of Actions?.[0]?.ForwardConfig?.TargetGroups ?? []) {
      const group = now.get(TargetGroupArn);
      if (Weight > 0 && !(group?.weight ?? 0) && !group?.canServe) this.unproven.push(TargetGroupArn);
    }
  }

  #delay(ms: number): Promise<void> {
    return new Promise((resolve) => this.clock.after(ms, resolve));
  }

  #drivers(): Drivers {
    return {
      tasks: {
        prepare: (launch) => void this.#tasks.set(launch.taskArn, { launch, containers: new Map() }),
        startContainer: (taskArn, container, report) => {
          const task = this.#tasks.get(taskArn);
          const launch = task?.launch.containers.find(({ name }) => name === container);
          if (!task || !launch) throw new Error(`no such container ${container}`);
          this.clock.after(400, () => {
            task.containers.set(container, { report, startedAtMs: this.clock.now() });
            report({ type: 'started' });
            const image = launch.image.split('@')[1] ?? '';
            if (container !== 'front' && this.brokenImages.has(image)) {
              this.clock.after(800, () => this.#exit(taskArn, container, 1));
            }
          });
        },
        signalContainer: (taskArn, container, signal) => {
          // A runtime as PID 1 ignores SIGTERM; the adapter drains and ends.
          if (signal === 'SIGKILL') this.clock.after(20, () => this.#exit(taskArn, container, 137));
          else if (container === 'front') this.clock.after(300, () => this.#exit(taskArn, container, 0));
        },
        checkContainer: (taskArn, container, _command, _timeoutMs, report) => {
          this.clock.after(30, () => report(this.#tasks.get(taskArn)?.containers.has(container) ?? false));
        },
        release: (taskArn) => void this.#tasks.delete(taskArn),
      },
      probes: {
        probe: ({ ip }, report) => {
          this.clock.after(20, () => {
            const task = [...this.#tasks.values()].find(({ launch }) => launch.privateIp === ip);
            const containers = task ? [...task.containers] : [];
            const runtimes = containers.filter(([name]) => name !== 'front');
            const asking = runtimes.some(([, { startedAtMs }]) => this.clock.now() - startedAtMs > 500);
            const isSick = task !== undefined && this.isSick(task.launch.taskArn);
            report(containers.length === 0 ? undefined : asking && !isSick ? 200 : 503);
          });
        },
      },
      builds: {
        start: (launch, report) => {
          this.builds++;
          this.buildEnvironments.push(launch.environment);
          const work = this.clock.after(this.buildMs, () => {
            const succeeded = !this.failsBuild && this.#pushBuilt(launch);
            report({ type: 'phase', phase: 'BUILD', succeeded });
            report({ type: 'ended', succeeded });
          });
          this.#building.set(launch.buildId, work);
        },
        stop: (buildId) => this.#building.get(buildId)?.cancel(),
      },
      functions: {
        invoke: async (_launch, event) => ({ payload: event, functionError: undefined, logTail: '' }),
      },
    };
  }

  /** The program in a running container ends by itself: of the task number `pick` (0 to 1) of all. */
  crash(pick: number): void {
    const tasks = [...this.#tasks].filter(([, { containers }]) => containers.size > 0);
    const [taskArn, task] = tasks[Math.floor(pick * tasks.length)] ?? [];
    const container = [...(task?.containers.keys() ?? [])].find((name) => name !== 'front');
    if (taskArn !== undefined && container !== undefined) this.#exit(taskArn, container, 1);
  }

  /** Ports for a hand of its own: `credentials` is asked right before each call is done. */
  portsAs(credentials: () => Credentials | undefined): Ports {
    return createDirectPorts(this.cloud, this.#direct.registry, this.#direct.git, credentials);
  }

  /** What the controllers sign with. */
  get session(): Credentials {
    return this.#session;
  }

  #exit(taskArn: string, container: string, exitCode: number): void {
    const running = this.#tasks.get(taskArn)?.containers.get(container);
    if (!running) return;
    this.#tasks.get(taskArn)?.containers.delete(container);
    running.report({ type: 'exited', exitCode });
  }

  /** Whether there was a repository to push to: somebody may have removed it meanwhile. */
  #pushBuilt(launch: BuildLaunch): boolean {
    const build = JSON.parse(launch.environment.LAMBDACONTAINER_BUILD ?? '{}') as {
      repositoryUri: string;
      tag: string;
    };
    const repository = build.repositoryUri.slice(build.repositoryUri.indexOf('/') + 1);
    if (!this.cloud.services.ecr.repository(repository)) return false;
    this.putImage(repository, build.tag);
    return true;
  }

  /** An image whose content is a function of its tag. */
  putImage(repository: string, tag: string): string {
    const { ecr } = this.cloud.services;
    const config = Buffer.from(
      JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] }, tag }),
    );
    let pushed = '';
    this.cloud.enter((nowMs) => {
      if (!ecr.repository(repository)) ecr.seedRepository(repository, nowMs);
      const configDigest = ecr.putBlob(repository, config);
      const manifest = Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: 'application/vnd.oci.image.manifest.v1+json',
          config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: configDigest, size: config.length },
          layers: [],
        }),
      );
      pushed = ecr.putManifest(repository, tag, 'application/vnd.oci.image.manifest.v1+json', manifest, nowMs);
    });
    return pushed;
  }
}

/** A zip whose content is `text`. */
export function functionCode(text: string): Uint8Array {
  return zipSync({ 'index.mjs': Buffer.from(text) }, { mtime: new Date(Date.UTC(2000, 0, 1)) });
}

function digest(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}
