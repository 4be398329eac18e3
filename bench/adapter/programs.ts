/**
 * The programs that are measured, as processes of their own: the adapter as it is shipped (bundled from the sources at
 * hand), the baselines beside it, the runtimes behind it. What they use is read from /proc.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';

/** From the root of the repository, which npm makes the working directory. */
const root = resolve('.');
const here = join(root, 'bench/adapter');

export const FUNCTION_ARN = 'arn:aws:lambda:us-east-1:000000000000:function:hello';

const PYTHON_HANDLER =
  'def handler(event, context):\n    return {"statusCode": 200, "headers": {"Content-Type": "text/plain"}, "body": "hello"}\n';
const NODE_HANDLER = `const waitMs = Number(process.env.WAIT_MS);
exports.handler = async () => {
  if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
  return { statusCode: 200, headers: { 'Content-Type': 'text/plain' }, body: 'hello' };
};\n`;

export interface Program {
  readonly pid: number;
  /** Ends it; resolves when it has. */
  stop(): Promise<void>;
}

/** Runtimes: one that costs nothing, AWS's for Python, ours for Node.js with a trivial handler or one that waits 50 ms. */
export type Behind = 'instant' | 'python' | 'node' | 'waiting';

export class Programs {
  readonly #folder = mkdtempSync(join(tmpdir(), 'lc-bench-'));
  readonly #running = new Set<ChildProcess>();
  readonly adapterFile = join(this.#folder, 'adapter.mjs');
  /** With AWS's own Python client; undefined: it is not on this machine. */
  readonly python = [join(tmpdir(), 'lambdacontainer-ric/bin/python'), 'python3', 'python'].find(
    (name) => spawnSync(name, ['-c', 'import awslambdaric, runtime_client']).status === 0,
  );
  /** The official emulator; undefined: it is not on this machine. */
  readonly emulator = [process.env.LAMBDA_EMULATOR, join(tmpdir(), 'aws-lambda-rie')].find(
    (file) => file !== undefined && existsSync(file),
  );

  /** Must be called first. */
  async prepare(): Promise<void> {
    writeFileSync(join(this.#folder, 'index.py'), PYTHON_HANDLER);
    writeFileSync(join(this.#folder, 'index.js'), NODE_HANDLER);
    await build({
      absWorkingDir: root,
      entryPoints: ['src/adapter/main.ts'],
      outfile: this.adapterFile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20.19',
      logLevel: 'warning',
    });
  }

  /** Ends what still runs and removes the folder. */
  async close(): Promise<void> {
    for (const child of this.#running) child.kill('SIGKILL');
    await Promise.all([...this.#running].map((child) => once(child, 'close')));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async hello(): Promise<Program & { readonly port: number }> {
    const child = this.#start(process.execPath, [join(here, 'hello.mjs')], {});
    const { httpPort } = await firstLine(child);
    return { ...this.#program([child]), port: httpPort as number };
  }

  /** The adapter with so many runtimes, once all of them have asked for work. */
  async adapter(
    behind: Behind,
    processes: number,
    settings: { readonly concurrency?: number } = {},
  ): Promise<Program & { readonly port: number }> {
    const { concurrency = 1 } = settings;
    const child = this.#start(process.execPath, [this.adapterFile], {
      LAMBDACONTAINER_HTTP_PORT: '0',
      LAMBDACONTAINER_RUNTIME_APIS: Array.from({ length: processes }, () => '127.0.0.1:0').join(','),
      LAMBDACONTAINER_FUNCTION_ARN: FUNCTION_ARN,
      LAMBDACONTAINER_TARGET_GROUP_ARN: 'arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/hello/1',
      // 256 clients wait for one process.
      LAMBDACONTAINER_QUEUE_MAX: '1000',
      LAMBDACONTAINER_MAX_CONCURRENCY: String(concurrency),
    });
    const ready = readyTimes(child, processes);
    const { httpPort, runtimePorts } = await firstLine(child);
    const runtimes = (runtimePorts as number[]).map((port) => this.#runtime(behind, port, concurrency));
    await ready;
    return { ...this.#program([child, ...runtimes]), port: httpPort as number };
  }

  /** The official emulator with the Python handler. Its ports are its own choice to make, so they are fixed. */
  async emulated(): Promise<Program & { readonly port: number }> {
    const port = 18_080;
    const child = this.#start(
      this.emulator ?? '',
      [
        ...['--runtime-interface-emulator-address', `127.0.0.1:${port}`, '--runtime-api-address', '127.0.0.1:18081'],
        ...[this.python ?? '', '-m', 'awslambdaric', 'index.handler'],
      ],
      this.#functionEnv(),
      'ignore',
    );
    while (!(await listens(port))) await new Promise((resolve) => setTimeout(resolve, 50));
    return { ...this.#program([child]), port };
  }

  #runtime(behind: Behind, port: number, concurrency: number): ChildProcess {
    const env = {
      ...this.#functionEnv(),
      AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${port}`,
      WAIT_MS: behind === 'waiting' ? '50' : '0',
      ...(concurrency > 1 ? { AWS_LAMBDA_MAX_CONCURRENCY: String(concurrency) } : {}),
    };
    if (behind === 'python')
      return this.#start(this.python ?? '', ['-m', 'awslambdaric', 'index.handler'], env, 'ignore');
    const file =
      behind === 'instant' ? join(here, 'instant-runtime.mjs') : join(root, 'src/local-cloud/runtimes/node.mjs');
    return this.#start(process.execPath, [file], env, 'ignore');
  }

  #functionEnv(): Record<string, string> {
    return {
      LAMBDA_TASK_ROOT: this.#folder,
      PYTHONPATH: this.#folder,
      _HANDLER: 'index.handler',
      AWS_LAMBDA_FUNCTION_NAME: 'hello',
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '128',
      AWS_LAMBDA_LOG_GROUP_NAME: 'group',
      AWS_LAMBDA_LOG_STREAM_NAME: 'stream',
    };
  }

  #start(command: string, args: string[], env: Record<string, string>, out: 'pipe' | 'ignore' = 'pipe'): ChildProcess {
    const child = spawn(command, args, {
      cwd: this.#folder,
      env: { PATH: process.env.PATH ?? '', ...env },
      stdio: ['ignore', out, 'ignore'],
    });
    this.#running.add(child);
    child.on('close', () => this.#running.delete(child));
    return child;
  }

  #program(children: ChildProcess[]): Program {
    return {
      pid: children[0]?.pid ?? 0,
      stop: async () => {
        const ended = children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
        const closed = Promise.all(ended.map((child) => once(child, 'close')));
        for (const child of ended) child.kill('SIGKILL');
        await closed;
      },
    };
  }
}

async function firstLine(child: ChildProcess): Promise<Record<string, unknown>> {
  const lines = createInterface({ input: child.stdout as NonNullable<typeof child.stdout> });
  const [line] = (await once(lines, 'line')) as [string];
  // What follows (the access log) must go on being read, or the program waits for it.
  lines.on('line', () => {});
  return JSON.parse(line) as Record<string, unknown>;
}

function readyTimes(child: ChildProcess, times: number): Promise<void> {
  let seen = 0;
  return new Promise((resolve) => {
    const count = (chunk: Buffer): void => {
      seen += chunk.toString('latin1').split('"runtime is ready"').length - 1;
      if (seen < times) return;
      child.stdout?.off('data', count);
      resolve();
    };
    child.stdout?.on('data', count);
  });
}

function listens(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/`).then(
    () => true,
    () => false,
  );
}

/** Milliseconds of CPU that the process has used, all threads, user and system. */
export function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  // Ticks of 10 ms.
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

export function residentMib(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) / 1024;
}
