/** The adapter as the program that runs in its image: bundled into one file, configured by its environment, ended by signals. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { readConfig } from '../../src/adapter/config.ts';
import { UserError } from '../../src/core/index.ts';
import { ask, codeFolder, FUNCTION_ARN, nodeRuntime, startRuntime, TARGET_GROUP_ARN } from './support.ts';

const folder = mkdtempSync(join(tmpdir(), 'lc-adapter-program-'));
const file = join(folder, 'adapter.mjs');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeAll(async () => {
  await build({
    entryPoints: ['src/adapter/main.ts'],
    outfile: file,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
  });
});

const ENV = {
  LAMBDACONTAINER_HTTP_PORT: '0',
  LAMBDACONTAINER_RUNTIME_APIS: '127.0.0.1:0',
  LAMBDACONTAINER_FUNCTION_ARN: FUNCTION_ARN,
  LAMBDACONTAINER_TARGET_GROUP_ARN: TARGET_GROUP_ARN,
};

interface Program {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  readonly stderr: () => string;
  readonly stdout: () => string;
  readonly lines: () => Record<string, unknown>[];
  readonly line: (message: string) => Promise<Record<string, unknown>>;
}

function start(env: Record<string, string>, args: string[] = []): Program {
  const child = spawn(process.execPath, [file, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
    child.emit('said');
  });
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  const exited = once(child, 'close').then(([code]) => code as number | null);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const lines = () =>
    out
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  return {
    child,
    exited,
    stderr: () => err,
    stdout: () => out,
    lines,
    line: async (message) => {
      for (;;) {
        const found = lines().find((line) => line.message === message);
        if (found) return found;
        await once(child, 'said');
      }
    },
  };
}

async function listening(env: Record<string, string> = {}) {
  const program = start({ ...ENV, ...env });
  const { httpPort, runtimePorts } = (await program.line('listening')) as { httpPort: number; runtimePorts: number[] };
  return { program, httpPort, runtimePort: runtimePorts[0] ?? 0 };
}

const HANDLER = `exports.handler = async (event) => {
  if (event.path === '/slow') { console.log('slow begins'); await new Promise((resolve) => setTimeout(resolve, 300)); }
  return { statusCode: 200, body: 'done' };
};`;

test('one file without imports of packages', () => {
  const imports = [...readFileSync(file, 'utf8').matchAll(/^import .* from "([^"]+)"/gm)].map(([, from]) => from ?? '');
  expect(imports.length).toBeGreaterThan(0);
  expect(imports.filter((from) => !from.startsWith('node:'))).toEqual([]);
});

test('serves, logs each request as a line, drains on SIGTERM and ends with 0', async () => {
  const { program, httpPort, runtimePort } = await listening();
  const runtime = startRuntime(nodeRuntime(), codeFolder({ 'index.js': HANDLER }), runtimePort);
  await program.line('runtime is ready');
  const slow = ask(httpPort, '/slow');
  await runtime.says('slow begins');
  program.child.kill('SIGTERM');
  await program.line('draining');
  expect((await ask(httpPort, '/_lambdacontainer/ready')).status).toBe(503);
  expect((await slow).body.toString()).toBe('done');
  expect(await program.exited).toBe(0);
  expect(program.lines().at(-1)).toMatchObject({ message: 'stopped' });
  expect(program.lines().find((line) => line.target === '/slow')).toMatchObject({ method: 'GET', status: 200 });
  expect(program.stderr()).toBe('');
});

test('a second signal ends it at once', async () => {
  const { program, httpPort, runtimePort } = await listening();
  const runtime = startRuntime(nodeRuntime(), codeFolder({ 'index.js': HANDLER }), runtimePort);
  const slow = ask(httpPort, '/slow');
  slow.catch(() => {});
  await runtime.says('slow begins');
  program.child.kill('SIGTERM');
  await program.line('draining');
  program.child.kill('SIGINT');
  expect(await program.exited).toBe(130);
});

describe('health', () => {
  test('0 while it listens, 1 when nothing does', async () => {
    const { program, httpPort } = await listening();
    const env = { LAMBDACONTAINER_HTTP_PORT: String(httpPort) };
    expect(await start(env, ['health']).exited).toBe(0);
    program.child.kill('SIGTERM');
    await program.exited;
    expect(await start(env, ['health']).exited).toBe(1);
  });
});

test('once: the result alone on standard output, the log on standard error, the outcome as exit code', async () => {
  const program = start({ ...ENV, LAMBDACONTAINER_EVENT: '{"path":"/"}' }, ['once']);
  const listening = async () => {
    for (;;) {
      const line = program
        .stderr()
        .split('\n')
        .find((text) => text.includes('"listening"'));
      if (line) return JSON.parse(line) as { runtimePort: number };
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const { runtimePort } = await listening();
  startRuntime(nodeRuntime(), codeFolder({ 'index.js': HANDLER }), runtimePort);
  expect(await program.exited).toBe(0);
  expect(program.stdout()).toBe('{"statusCode":200,"body":"done"}');
});

test('poll: nothing begins without credentials', async () => {
  const env = { AWS_REGION: 'us-east-1', LAMBDACONTAINER_QUEUE_URL: 'http://127.0.0.1:1/0/work' };
  const program = start({ ...ENV, ...env }, ['poll']);
  expect(await program.exited).toBe(2);
  expect(program.stderr()).toMatch(/^lambdacontainer adapter: no credentials: .*; give the task a role\n$/);
});

describe('a person’s mistakes', () => {
  test('every wrong variable is named, without a stack trace', async () => {
    const program = start({ LAMBDACONTAINER_HTTP_PORT: 'eighty', LAMBDACONTAINER_EVENT_FORMAT: 'soap' });
    expect(await program.exited).toBe(2);
    expect(program.stderr()).toBe(
      [
        'lambdacontainer adapter: invalid configuration:',
        "  LAMBDACONTAINER_HTTP_PORT: 'eighty' is not a whole number from 0 to 65535",
        "  LAMBDACONTAINER_RUNTIME_APIS: missing; host:port of each function container's Runtime API, comma-separated",
        "  LAMBDACONTAINER_EVENT_FORMAT: 'soap' is none of alb, alb-multi-value, http-api-v2, function-url, rest-api-v1",
        '  LAMBDACONTAINER_FUNCTION_ARN: missing',
        '  LAMBDACONTAINER_TARGET_GROUP_ARN: missing; ALB events name their target group',
        '',
      ].join('\n'),
    );
  });

  test('a taken port', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    const program = start({ ...ENV, LAMBDACONTAINER_RUNTIME_APIS: `127.0.0.1:${port}` });
    expect(await program.exited).toBe(1);
    expect(program.stderr()).toBe(
      `lambdacontainer adapter: listen EADDRINUSE: address already in use 127.0.0.1:${port}\n`,
    );
  });

  test('an unknown command', async () => {
    const program = start(ENV, ['serve']);
    expect(await program.exited).toBe(2);
    expect(program.stderr()).toContain("unknown command 'serve'; there are 'poll', 'once' and 'health'");
  });

  const wrong: { reason: string; env: Record<string, string>; says: RegExp }[] = [
    {
      reason: 'address without port',
      env: { LAMBDACONTAINER_RUNTIME_APIS: '127.0.0.1' },
      says: /'127\.0\.0\.1' is not host:port/,
    },
    {
      reason: 'one address twice',
      env: { LAMBDACONTAINER_RUNTIME_APIS: '127.0.0.1:9001,127.0.0.1:9001' },
      says: /named twice/,
    },
    {
      reason: 'a name for an ARN',
      env: { LAMBDACONTAINER_FUNCTION_ARN: 'hello' },
      says: /'hello' is not the ARN of a function/,
    },
    { reason: 'a timeout of nothing', env: { LAMBDACONTAINER_TIMEOUT_MS: '0' }, says: /TIMEOUT_MS: '0'/ },
    { reason: 'a fraction', env: { LAMBDACONTAINER_QUEUE_MAX: '1.5' }, says: /QUEUE_MAX: '1\.5'/ },
  ];
  test.each(wrong)('$reason', ({ env, says }) => {
    expect(() => readConfig({ ...ENV, ...env })).toThrow(UserError);
    expect(() => readConfig({ ...ENV, ...env })).toThrow(says);
  });

  test('defaults', () => {
    const { LAMBDACONTAINER_HTTP_PORT: _port, ...env } = ENV;
    expect(readConfig(env)).toMatchObject({
      httpPort: 8080,
      queueMax: 100,
      timeoutMs: undefined,
      maxConcurrency: 1,
      format: { name: 'alb' },
    });
  });
});
