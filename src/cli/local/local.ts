/**
 * `lambdacontainer local`: the embedded cloud, a function in it, the controller beside it and the manifest that puts
 * the function on Fargate, all through the same APIs that a real account has. It runs until Ctrl-C; started again on
 * the same folder it goes on where it was.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { type ApiObject, formatDefect, parseManifests } from '../../api/index.ts';
import { createSdkPorts, type Ports, type StaticCredentials } from '../../aws/index.ts';
import {
  type Clock,
  formatDuration,
  type Logger,
  parseDuration,
  type Random,
  sleep,
  UserError,
} from '../../core/index.ts';
import type { Cloud, Denied, RoleCredentials, Use } from '../../local-cloud/index.ts';
import { type LocalCloud, startLocalCloud } from '../../local-cloud/local-cloud.ts';
import { pushOwnImages } from '../../local-cloud/own-images.ts';
import { registryPort } from '../../oci/index.ts';
import { formatKey, type ObjectKey } from '../../resource/index.ts';
import { DesiredTable, StateTable } from '../../store/index.ts';
import { DEFAULT_DATA_DIR } from '../commands/connection.ts';
import { controllerPolicy } from '../policy.ts';
import { bootstrapLocalAccount } from './bootstrap.ts';
import { beginControllerSession, putClassPolicies } from './controller-identity.ts';
import { type ControllerProcess, runController } from './controller-process.ts';
import { createEventRules } from './event-rules.ts';
import { createExampleFunction, type Example, readExample } from './examples.ts';
import { choosePort, freePort } from './listen-ports.ts';
import { nextSteps } from './next-steps.ts';
import { stageLine, type Terminal, type Watched, watchUntilServed } from './progress.ts';

export interface LocalOptions {
  readonly awsPort: number;
  readonly httpPort: number;
  readonly dataDir: string;
  /** Names of examples; undefined: `hello` on a fresh folder when no manifest is given. */
  readonly examples: readonly string[] | undefined;
  readonly manifests: readonly string[];
  readonly exitAfterReady: boolean;
  /** How often the controller looks at everything unasked, e.g. `2s`. */
  readonly resync: string;
  /** Whether calls are held to the policies of who makes them. */
  readonly iam: 'off' | 'enforce';
}

export interface LocalWorld {
  readonly terminal: Terminal;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** This program's file, to start the controller from. */
  readonly program: string;
  /** Folder of the bundled programs. */
  readonly programFolder: string;
  /** When the person pressed return, epoch ms. */
  readonly startedAtMs: number;
  /** Aborts on Ctrl-C. */
  readonly signal: AbortSignal;
}

/** What scripts and the command line read to find a running local cloud. */
export interface LocalFile {
  readonly awsEndpoint: string;
  readonly httpEndpoint: string;
  /** Followed by a source's name. */
  readonly webhookEndpoint: string;
  readonly tables: { readonly desired: string; readonly state: string };
  readonly pid: number;
  readonly region: string;
}

const ACCOUNT_ID = '000000000000';
const DEFAULT_REGION = 'us-east-1';
/** With a trail, and without its waiting: people want to see what events do. */
const EVENTS = { delayMs: 20, trail: { delayMs: 300 } };
const STOP_GRACE_MS = 5_000;
const FIRST_ANSWER_MS = 20_000;

/** Resolves with the exit status. @throws UserError for what a person can mend */
export async function local(options: LocalOptions, world: LocalWorld): Promise<number> {
  const dataDir = resolve(options.dataDir);
  if (parseDuration(options.resync) === undefined) {
    throw new UserError(`--resync: '${options.resync}' is not a duration; write it like 2s`, 2);
  }
  const manifests = options.manifests.flatMap(readManifest);
  const previous = readLocalFile(dataDir);
  if (previous && isRunning(previous.pid)) {
    throw new UserError(
      `a local cloud already runs on ${dataDir} (process ${previous.pid}, ${previous.awsEndpoint}); stop it, or choose another folder with --data-dir`,
    );
  }
  const fresh = !existsSync(join(dataDir, 'state'));
  const examples = (options.examples ?? (fresh && manifests.length === 0 ? ['hello'] : []))
    .filter((name) => name !== 'none')
    .map(readExample);
  const lastPorts = readPorts(dataDir);
  const awsPort = await choosePort({
    flag: '--aws-port',
    variable: 'LAMBDACONTAINER_AWS_PORT',
    asked: options.awsPort,
    previous: lastPorts?.awsPort,
  });
  const httpPort = await choosePort({
    flag: '--http-port',
    variable: 'LAMBDACONTAINER_HTTP_PORT',
    asked: options.httpPort,
    previous: lastPorts?.httpPort,
  });
  const webhookPort = await freePort(lastPorts?.webhookPort);
  const region = world.environment.AWS_REGION ?? DEFAULT_REGION;
  mkdirSync(dataDir, { recursive: true });
  writeJson(portsPath(dataDir), { awsPort, httpPort, webhookPort } satisfies LastPorts);

  const { terminal, clock } = world;
  terminal.write(`LambdaContainer, locally: everything below runs on this machine, data in ${dataDir}\n\n`);
  let lastMs = world.startedAtMs;
  const stage = (label: string, fact: string) => {
    terminal.write(stageLine(terminal, label, fact, clock.now() - lastMs));
    lastMs = clock.now();
  };

  const denials: Denied[] = [];
  const cloud = await startLocalCloud({
    dataDir,
    awsPort,
    accountId: ACCOUNT_ID,
    region,
    machinePath: world.environment.PATH ?? '',
    clock,
    random: world.random,
    logger: world.logger,
    iam: options.iam,
    events: EVENTS,
    onDenial: (denied) => {
      denials.push(denied);
      world.logger.warn(denied, 'IAM denied a call');
    },
  });
  let controller: ControllerProcess | undefined;
  const registry = registryPort({ clock });
  const { ports, close } = createSdkPorts({ region, endpoint: cloud.awsEndpoint, credentials: ROOT }, registry);
  try {
    stage('local cloud', `${cloud.awsEndpoint} (AWS APIs and registry)`);
    const images = await pushOwnImages({
      registry: cloud.registry,
      call: (service, operation, input) => cloud.cloud.call(service, operation, input),
      adapterFile: join(world.programFolder, 'adapter.mjs'),
      builderFile: join(world.programFolder, 'builder.mjs'),
    });
    const account = await bootstrapLocalAccount({
      ports,
      clock,
      accountId: ACCOUNT_ID,
      httpPort,
      registry: cloud.registry,
      images,
    });
    const eventsQueue = await createEventRules(ports, { accountId: ACCOUNT_ID, region });
    const identity: StaticCredentials = options.iam === 'enforce' ? prepareRoles(cloud.cloud) : ROOT;
    await cloud.syncListeners();
    stage('account prepared', `load balancer http://127.0.0.1:${httpPort}`);
    writeJson(localFilePath(dataDir), {
      awsEndpoint: cloud.awsEndpoint,
      httpEndpoint: `http://127.0.0.1:${httpPort}`,
      webhookEndpoint: `http://127.0.0.1:${webhookPort}/webhooks/`,
      tables: { desired: account.desiredTable, state: account.stateTable },
      pid: process.pid,
      region,
    } satisfies LocalFile);
    for (const example of examples) {
      const created = await createExampleFunction(ports, example, account.functionRoleArn, cloud.registry);
      stage(`function ${example.functionName}`, created ? 'created through the Lambda API' : 'exists');
    }
    controller = runController({
      program: world.program,
      environment: {
        ...world.environment,
        AWS_ENDPOINT_URL: cloud.awsEndpoint,
        AWS_REGION: region,
        AWS_ACCESS_KEY_ID: identity.accessKeyId,
        AWS_SECRET_ACCESS_KEY: identity.secretAccessKey,
        AWS_SESSION_TOKEN: identity.sessionToken,
        LAMBDACONTAINER_DESIRED_TABLE: account.desiredTable,
        LAMBDACONTAINER_STATE_TABLE: account.stateTable,
        LAMBDACONTAINER_RESYNC: options.resync,
        LAMBDACONTAINER_EVENTS_QUEUE: eventsQueue,
        LAMBDACONTAINER_LEASE: '6s',
        LAMBDACONTAINER_CALL_TIMEOUT: '3s',
        LAMBDACONTAINER_GIT_DIR: join(dataDir, 'git'),
        LAMBDACONTAINER_LISTEN_ADDRESS: '127.0.0.1',
        LAMBDACONTAINER_LISTEN_PORT: String(webhookPort),
      },
      logFile: join(dataDir, 'controller.log'),
      clock,
      onRestart: (status) =>
        terminal.write(`  ${terminal.red('!')} the controller ended (${status}) and is started again\n`),
    });
    stage('controller', `process ${controller.pid() ?? '?'}, log ${join(dataDir, 'controller.log')}`);

    const desired = new DesiredTable(ports.dynamodb, account.desiredTable);
    const objects = [...examples.flatMap((example) => readManifest(example.manifest)), ...manifests];
    for (const object of objects) await desired.put(object);
    const keys = await allKeys(desired);
    const watched = await watchUntilServed(
      new StateTable(ports.dynamodb, account.stateTable),
      keys,
      terminal,
      clock,
      world.signal,
    );
    await announce(watched, {
      dataDir: options.dataDir === DEFAULT_DATA_DIR ? undefined : dataDir,
      cloud,
      ports,
      region,
      desiredTable: account.desiredTable,
      examples,
      world,
    });
    if (options.exitAfterReady) return watched.every(({ outcome }) => outcome === 'ready') ? 0 : 1;
    await sleepUntilAborted(world.signal);
    return 0;
  } finally {
    terminal.write('\n  stopping …\n');
    const stoppedAtMs = clock.now();
    await controller?.stop(STOP_GRACE_MS);
    close();
    await registry.close();
    await cloud.close();
    rmSync(localFilePath(dataDir), { force: true });
    if (options.iam === 'enforce') {
      writeJson(join(dataDir, 'iam-uses.json'), { uses: cloud.cloud.ledger.uses(), denials } satisfies IamUses);
    }
    terminal.write(`  stopped in ${formatDuration(clock.now() - stoppedAtMs)}; start it again to go on where it was\n`);
  }
}

/** What IAM allowed and denied while the cloud ran, written when it ends: for tests of policies. */
export interface IamUses {
  readonly uses: readonly Use[];
  readonly denials: readonly Denied[];
}

/** Whom the local cloud takes for the account's root. */
const ROOT = { accessKeyId: 'local', secretAccessKey: 'local' };

/** The roles get the policies that they have in `deploy/`. @returns credentials of the controller's */
function prepareRoles(cloud: Cloud): RoleCredentials {
  putClassPolicies(cloud);
  return beginControllerSession(cloud, controllerPolicy());
}

interface Announcement {
  /** Undefined where the command line looks by itself. */
  readonly dataDir: string | undefined;
  readonly cloud: LocalCloud;
  readonly ports: Ports;
  readonly region: string;
  readonly desiredTable: string;
  readonly examples: readonly Example[];
  readonly world: LocalWorld;
}

/** The first answer, and what to try next. */
async function announce(watched: readonly Watched[], input: Announcement): Promise<void> {
  const { terminal, clock, startedAtMs, environment } = input.world;
  const served = watched.find(({ outcome }) => outcome === 'ready');
  if (!served?.status?.url) {
    terminal.write('\nCtrl-C stops everything.\n');
    return;
  }
  const answeredAtMs = await firstAnswer(served.status.url, clock, input.world.signal);
  terminal.write(
    answeredAtMs === undefined
      ? `\n  ${terminal.red('✘')} ${served.status.url} does not answer 200 yet\n`
      : `\n  ${terminal.green('✔')} ${served.status.url} answers 200, ${formatDuration(answeredAtMs - startedAtMs)} after the start\n`,
  );
  const name = formatKey(served.key);
  terminal.write(`\nTry next, in another terminal in this folder (${name}):\n\n`);
  terminal.write(
    nextSteps({
      key: served.key,
      functionName: input.examples[0]?.functionName ?? served.key.name,
      status: served.status,
      awsEndpoint: input.cloud.awsEndpoint,
      region: input.region,
      desiredTable: input.desiredTable,
      hasAwsCli: (environment.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, 'aws'))),
      program: 'npx lc',
      dataDir: input.dataDir,
    }),
  );
  terminal.write('\nCtrl-C stops everything.\n');
}

async function firstAnswer(url: string, clock: Clock, signal: AbortSignal): Promise<number | undefined> {
  const untilMs = clock.now() + FIRST_ANSWER_MS;
  while (clock.now() < untilMs && !signal.aborted) {
    const response = await fetch(url, { signal }).catch(() => undefined);
    await response?.arrayBuffer().catch(() => undefined);
    if (response?.status === 200) return clock.now();
    await sleep(clock, 100, signal);
  }
  return undefined;
}

function readManifest(file: string): ApiObject[] {
  if (!existsSync(file)) throw new UserError(`-f ${file}: there is no such file`);
  const { objects, defects } = parseManifests(readFileSync(file, 'utf8'), file);
  if (defects.length > 0) {
    throw new UserError(
      defects.map((defect) => `${defect.file}:${defect.line}:${defect.column}: ${formatDefect(defect)}`).join('\n'),
    );
  }
  return objects;
}

async function allKeys(desired: DesiredTable): Promise<ObjectKey[]> {
  const keys: ObjectKey[] = [];
  for await (const { key } of desired.list()) if (key.namespace !== '_system') keys.push(key);
  return keys;
}

function localFilePath(dataDir: string): string {
  return join(dataDir, 'local.json');
}

function readLocalFile(dataDir: string): LocalFile | undefined {
  if (!existsSync(localFilePath(dataDir))) return undefined;
  return JSON.parse(readFileSync(localFilePath(dataDir), 'utf8')) as LocalFile;
}

/** Ports of the last start: `0` takes them again, so that addresses survive a restart. */
function portsPath(dataDir: string): string {
  return join(dataDir, 'ports.json');
}

interface LastPorts {
  readonly awsPort: number;
  readonly httpPort: number;
  /** Not there in a folder of an older version. */
  readonly webhookPort?: number;
}

function readPorts(dataDir: string): LastPorts | undefined {
  if (!existsSync(portsPath(dataDir))) return undefined;
  return JSON.parse(readFileSync(portsPath(dataDir), 'utf8')) as LastPorts;
}

function writeJson(path: string, body: object): void {
  writeFileSync(`${path}.new`, `${JSON.stringify(body, undefined, 2)}\n`);
  renameSync(`${path}.new`, path);
}

function isRunning(pid: number): boolean {
  if (pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function sleepUntilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
