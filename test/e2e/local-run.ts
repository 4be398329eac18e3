/** Starts the real program as a person does, in a folder of its own, and reaches it as anybody would. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { LambdaContainerStatus } from '../../src/api/index.ts';
import { createSdkPorts, type Ports, toItem } from '../../src/aws/index.ts';
import type { IamUses } from '../../src/cli/local/local.ts';
import { registryPort } from '../../src/oci/index.ts';
import type { ObjectEvent } from '../../src/resource/index.ts';
import { StateTable } from '../../src/store/index.ts';
import { leaks, type PlantedObject } from './planted-secrets.ts';

export const ROOT = resolve(import.meta.dirname, '../..');
export const PROGRAM = join(ROOT, 'bin/lambdacontainer.js');

interface LocalFile {
  readonly awsEndpoint: string;
  readonly httpEndpoint: string;
  readonly tables: { readonly desired: string; readonly state: string };
  readonly pid: number;
}

export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Whatever was planted in a data folder is looked for at the end of each run on it. */
const PLANTED = new Map<string, PlantedObject[]>();
/** Folders whose objects the command line was asked about, which is done once. */
const ASKED = new Set<string>();

export class LocalRun {
  readonly folder: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<Ended>;
  #output = '';
  #watchers: (() => void)[] = [];
  #ports: { ports: Ports; close: () => void } | undefined;

  constructor(folder: string, args: readonly string[] = []) {
    this.folder = folder;
    this.#child = spawn(
      process.execPath,
      [PROGRAM, 'local', '--aws-port', '0', '--http-port', '0', '--data-dir', folder, ...args],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        // Every end-to-end test is one of the policies, too.
        env: {
          LAMBDACONTAINER_IAM: 'enforce',
          ...process.env,
          NO_COLOR: '1',
          LAMBDACONTAINER_STARTED_AT: String(Date.now()),
        },
      },
    );
    const heard = (chunk: Buffer) => {
      this.#output += chunk.toString();
      for (const watcher of this.#watchers) watcher();
    };
    this.#child.stdout?.on('data', heard);
    this.#child.stderr?.on('data', heard);
    this.#ended = new Promise((done) =>
      this.#child.once('exit', (status, signal) => {
        for (const watcher of this.#watchers) watcher();
        done({ status, signal });
      }),
    );
  }

  get output(): string {
    return this.#output;
  }

  get ended(): Promise<Ended> {
    return this.#ended;
  }

  get local(): LocalFile {
    return JSON.parse(readFileSync(join(this.folder, 'local.json'), 'utf8')) as LocalFile;
  }

  get aws(): Ports {
    this.#ports ??= createSdkPorts(
      {
        region: 'us-east-1',
        endpoint: this.local.awsEndpoint,
        credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      },
      registryPort(),
    );
    return this.#ports.ports;
  }

  /** Resolves when the output contains `text`; rejects when the program ends first. */
  async says(text: string): Promise<void> {
    await new Promise<void>((done, fail) => {
      const look = () => {
        if (this.#output.includes(text)) done();
        else if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
          fail(new Error(`ended before it said '${text}':\n${this.#output}\n${this.controllerLog()}`));
        }
      };
      this.#watchers.push(look);
      look();
    });
  }

  /** What IAM allowed and denied, once it has ended in order. */
  iamUses(): IamUses {
    const path = join(this.folder, 'iam-uses.json');
    if (!existsSync(path)) return { uses: [], denials: [] };
    return JSON.parse(readFileSync(path, 'utf8')) as IamUses;
  }

  controllerLog(): string {
    const path = join(this.folder, 'controller.log');
    return existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(-40).join('\n') : '';
  }

  /** What a failed test needs to be understood: every status that is not Ready, and the controller's last lines. */
  async explain(): Promise<string> {
    const lines: string[] = [];
    for await (const { key, status } of new StateTable(this.aws.dynamodb, this.local.tables.state).statuses()) {
      if (status.phase !== 'Ready')
        lines.push(
          `${key.name} ${status.phase} ${JSON.stringify(status.conditions)} ${JSON.stringify(status.inventory)}`,
        );
    }
    return `${lines.join('\n')}\n${this.controllerLog()}`;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** From now on these values must be nowhere in what the product tells of the object: `stop` looks for them. */
  plant(object: PlantedObject): void {
    PLANTED.set(this.folder, [...(PLANTED.get(this.folder) ?? []), object]);
  }

  /** Ctrl-C, and what it took. @throws Error when a planted value was told, when IAM denied something, or was not asked */
  async stop(): Promise<Ended & { tookMs: number }> {
    const found = await this.#leaks();
    const startedMs = performance.now();
    this.#ports?.close();
    this.#child.kill('SIGINT');
    const ended = await this.#ended;
    const tookMs = performance.now() - startedMs;
    const { uses, denials } = this.iamUses();
    if (ended.status === 0 && process.env.LAMBDACONTAINER_IAM === undefined && uses.length === 0)
      throw new Error('no call was held to a policy');
    if (denials.length > 0) throw new Error(`IAM denied ${JSON.stringify(denials, undefined, 1)}`);
    if (found.length > 0) throw new Error(`secrets were told:\n${found.join('\n')}`);
    return { ...ended, tookMs };
  }

  async #leaks(): Promise<string[]> {
    const planted = PLANTED.get(this.folder);
    // A run that ended by itself, or never began, answers nothing.
    if (!planted || this.#child.exitCode !== null || this.#child.signalCode !== null) return [];
    const { dynamodb } = this.aws;
    const stateTable = this.local.tables.state;
    const commands = !ASKED.has(this.folder);
    ASKED.add(this.folder);
    return leaks(planted, { folder: this.folder, output: this.#output, stateTable, dynamodb, commands });
  }

  put(name: string, spec: object, namespace = 'default'): Promise<unknown> {
    return this.aws.dynamodb.putItem({ TableName: this.local.tables.desired, Item: toItem({ namespace, name, spec }) });
  }

  remove(name: string, namespace = 'default'): Promise<unknown> {
    return this.aws.dynamodb.deleteItem({ TableName: this.local.tables.desired, Key: toItem({ namespace, name }) });
  }

  status(name: string, namespace = 'default'): Promise<LambdaContainerStatus | undefined> {
    return new StateTable(this.aws.dynamodb, this.local.tables.state).status({ namespace, name });
  }

  events(name: string, namespace = 'default'): Promise<ObjectEvent[]> {
    return new StateTable(this.aws.dynamodb, this.local.tables.state).events({ namespace, name }, 1000);
  }

  async controllerPid(): Promise<number> {
    const match = [...this.#output.matchAll(/process (\d+), log/g)].at(-1);
    return Number(match?.[1]);
  }

  /** Ids of all builds ever started. */
  async builds(): Promise<string[]> {
    const { ids = [] } = await this.aws.codebuild.listBuildsForProject({ projectName: 'lambdacontainer-standard' });
    return ids;
  }

  get url(): string {
    return this.local.httpEndpoint;
  }
}

/** Asks again every 50 ms until `answer` gives a value; the test's own timeout is the bound. */
export async function eventually<T>(answer: () => Promise<T | undefined | false>): Promise<T> {
  for (;;) {
    const value = await answer();
    if (value !== undefined && value !== false) return value;
    await new Promise((again) => setTimeout(again, 50));
  }
}

export async function ready(
  run: LocalRun,
  name: string,
  also: (status: LambdaContainerStatus) => boolean = () => true,
) {
  return eventually(async () => {
    const status = await run.status(name);
    const is = status?.conditions.some((condition) => condition.type === 'Ready' && condition.status === 'True');
    return status && is && also(status) ? status : undefined;
  });
}

export async function stalled(run: LocalRun, name: string, reason: string) {
  return eventually(async () => {
    const status = await run.status(name);
    return status?.conditions.find(
      (condition) => condition.type === 'Stalled' && condition.status === 'True' && condition.reason === reason,
    );
  });
}

export function get(url: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', reject);
    });
    asked.on('error', reject);
    asked.end();
  });
}

/** `perSecond` requests a second until stopped; every answer is kept. */
export function load(url: string, perSecond: number) {
  const answers: { status: number; body: string }[] = [];
  const underWay: Promise<void>[] = [];
  const timer = setInterval(() => {
    underWay.push(
      get(url).then(
        (answer) => void answers.push(answer),
        (error: Error) => void answers.push({ status: 0, body: error.message }),
      ),
    );
  }, 1000 / perSecond);
  return {
    answers,
    stop: async () => {
      clearInterval(timer);
      await Promise.all(underWay);
      return answers;
    },
  };
}

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'lambdacontainer-e2e-'));
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

/** Runs the command line and returns what it printed. */
export function cli(
  args: readonly string[],
  folder: string,
  input = '',
): Promise<{ status: number | null; stdout: string; stderr: string }> {
  return new Promise((done) => {
    const child = spawn(process.execPath, [PROGRAM, ...args], {
      env: {
        ...process.env,
        NO_COLOR: '1',
        LAMBDACONTAINER_DATA_DIR: folder,
        AWS_ENDPOINT_URL: '',
        // The contexts of whoever runs the tests are none of theirs.
        LAMBDACONTAINER_CONFIG: join(folder, 'contexts.yaml'),
      },
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.stdin.end(input);
    child.once('close', (status) => done({ status, stdout, stderr }));
  });
}
