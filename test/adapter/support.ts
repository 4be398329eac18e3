/**
 * What the adapter's tests share: runtimes as real child processes, requests over real sockets with raw headers, and
 * waiting for conditions by event instead of by sleep.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type Agent, type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, onTestFinished } from 'vitest';
import { type Adapter, startAdapter } from '../../src/adapter/adapter.ts';
import { type AdapterConfig, readConfig } from '../../src/adapter/config.ts';
import { systemClock, systemRandom } from '../../src/core/index.ts';
import { runtimeFile } from '../../src/local-cloud/runtimes/locate.ts';

export const FUNCTION_ARN = 'arn:aws:lambda:us-east-1:000000000000:function:hello';
export const TARGET_GROUP_ARN =
  'arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/hello/6d0ecf831eec9f09';

export interface Answer {
  readonly status: number;
  readonly reason: string;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: string[];
  readonly body: Buffer;
}

export interface Asked {
  readonly method?: string;
  readonly headers?: Record<string, string | string[]> | string[];
  readonly body?: string | Buffer;
  readonly agent?: Agent | false;
  readonly signal?: AbortSignal;
}

/** One HTTP request to a port of this machine. Rejects when the connection breaks. */
export function ask(port: number, path: string, asked: Asked = {}): Promise<Answer> {
  const { method = 'GET', headers = {}, body, agent = false, signal } = asked;
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, method, agent, headers: headers as Record<string, string> };
    const call = request(signal ? { ...options, signal } : options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          reason: response.statusMessage ?? '',
          headers: response.headers,
          rawHeaders: response.rawHeaders,
          body: Buffer.concat(chunks),
        }),
      );
    });
    call.on('error', reject);
    call.end(body);
  });
}

export interface RunningRuntime {
  readonly child: ChildProcess;
  /** To the whole process group; nothing happens when it has ended. */
  readonly kill: (signal: NodeJS.Signals) => void;
  /** Everything written to stdout and stderr so far. */
  readonly output: () => string;
  /** Resolves when the output contains the text. */
  readonly says: (text: string) => Promise<void>;
  readonly exited: Promise<number | null>;
}

const folders: string[] = [];
// Programs that ran in them have ended by then.
afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A folder with the given files, as a function's code. It goes when the file's tests have ended. */
export function codeFolder(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'lc-adapter-'));
  folders.push(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

/** Starts a program as a function container would be; it is killed when the test ends. */
export function startRuntime(
  command: readonly string[],
  folder: string,
  runtimePort: number,
  env: Record<string, string> = {},
): RunningRuntime {
  const [program = '', ...args] = command;
  const child = spawn(program, args, {
    cwd: folder,
    env: {
      PATH: process.env.PATH ?? '',
      AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${runtimePort}`,
      LAMBDA_TASK_ROOT: folder,
      _HANDLER: 'index.handler',
      AWS_LAMBDA_FUNCTION_NAME: 'hello',
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '128',
      AWS_LAMBDA_LOG_GROUP_NAME: '/aws/lambda/hello',
      AWS_LAMBDA_LOG_STREAM_NAME: 'stream',
      AWS_REGION: 'us-east-1',
      TZ: ':UTC',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, as the container would be: a shell's own children end with it.
    detached: true,
  });
  let output = '';
  const collect = (chunk: Buffer) => {
    output += chunk.toString('utf8');
    child.emit('said');
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const kill = (signal: NodeJS.Signals) => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, signal);
    } catch (error) {
      // It has ended already.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  };
  const exited = once(child, 'close').then(([code]) => code as number | null);
  onTestFinished(async () => {
    kill('SIGKILL');
    await exited;
  });
  return {
    child,
    kill,
    output: () => output,
    says: async (text) => {
      while (!output.includes(text)) await once(child, 'said');
    },
    exited,
  };
}

export const nodeRuntime = () => [process.execPath, runtimeFile('node.mjs')];

/** The machine's python, or undefined. */
export const python = ['python3', 'python'].find(
  (name) => spawnSync(name, ['-c', 'import sys; sys.exit(sys.version_info < (3, 8))']).status === 0,
);

export interface TestAdapter extends Adapter {
  readonly accessLines: Record<string, unknown>[];
  readonly logLines: string[];
  /** Resolves at the first change of any runtime or request after which the condition holds. */
  readonly until: (condition: () => boolean) => Promise<void>;
  /** Resolves when the adapter says that it is ready. */
  readonly whenReady: () => Promise<void>;
  /** Resolves when so many invocations are in runtimes at once. */
  readonly whenRunning: (count: number) => Promise<void>;
}

/** An adapter in this process on free ports; closed when the test ends. */
export async function testAdapter(
  env: Record<string, string> = {},
  overrides: Partial<AdapterConfig> = {},
): Promise<TestAdapter> {
  const config = readConfig({
    LAMBDACONTAINER_HTTP_PORT: '0',
    LAMBDACONTAINER_RUNTIME_APIS: '127.0.0.1:0',
    LAMBDACONTAINER_FUNCTION_ARN: FUNCTION_ARN,
    LAMBDACONTAINER_TARGET_GROUP_ARN: TARGET_GROUP_ARN,
    ...env,
  });
  const accessLines: Record<string, unknown>[] = [];
  const logLines: string[] = [];
  const waiting = new Set<() => void>();
  const changed = () => {
    for (const check of [...waiting]) check();
  };
  const log = (_fields: object, message: string) => {
    logLines.push(`${message} ${JSON.stringify(_fields)}`);
    changed();
  };
  const logger = { debug: log, info: log, warn: log, error: log, child: () => logger };
  const adapter = await startAdapter(
    { ...config, ...overrides },
    {
      clock: systemClock,
      random: systemRandom,
      logger,
      access: (line) => {
        accessLines.push(JSON.parse(line) as Record<string, unknown>);
        changed();
      },
      host: '127.0.0.1',
    },
  );
  onTestFinished(async () => {
    await adapter.close(0);
  });
  const until = (condition: () => boolean) =>
    new Promise<void>((resolve) => {
      const check = () => {
        if (!condition()) return;
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      check();
    });
  const whenReady = async () => {
    // The readiness check itself waits for a runtime, a while at a time.
    while ((await ask(adapter.httpPort, '/_lambdacontainer/ready')).status !== 200) await turn();
  };
  const whenRunning = async (count: number) => {
    const line = `lambdacontainer_adapter_running ${count}\n`;
    while (!adapter.measures.text().includes(line)) await turn();
  };
  return { ...adapter, accessLines, logLines, until, whenReady, whenRunning };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** An adapter whose runtimes run the given files. Resolves once every runtime has asked for work. */
export async function serving(
  command: readonly string[],
  files: Record<string, string>,
  options: { env?: Record<string, string>; processes?: number; runtimeEnv?: Record<string, string> } = {},
): Promise<{ adapter: TestAdapter; runtimes: RunningRuntime[]; folder: string }> {
  const { processes = 1, env = {}, runtimeEnv = {} } = options;
  const addresses = Array.from({ length: processes }, () => '127.0.0.1:0').join(',');
  const adapter = await testAdapter({ LAMBDACONTAINER_RUNTIME_APIS: addresses, ...env });
  const folder = codeFolder(files);
  const runtimes = adapter.runtimePorts.map((port) => startRuntime(command, folder, port, runtimeEnv));
  await adapter.until(() => adapter.logLines.filter((line) => line.startsWith('runtime is ready')).length >= processes);
  return { adapter, runtimes, folder };
}
