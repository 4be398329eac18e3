/** A job: one invocation, its result where it belongs, and an exit code that says what became of it. */
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, expect, onTestFinished, test } from 'vitest';
import { readJobConfig } from '../../src/adapter/config.ts';
import { EXIT, Job } from '../../src/adapter/once.ts';
import { type Clock, type Logger, systemClock, systemRandom, UserError, VirtualClock } from '../../src/core/index.ts';
import { ask, codeFolder, FUNCTION_ARN, nodeRuntime, type RunningRuntime, startRuntime } from './support.ts';

const ENV = {
  LAMBDACONTAINER_HTTP_PORT: '0',
  LAMBDACONTAINER_RUNTIME_APIS: '127.0.0.1:0',
  LAMBDACONTAINER_FUNCTION_ARN: FUNCTION_ARN,
};

const HANDLER = `
exports.handler = async (event) => {
  if (event.fail) { const error = new Error('asked for'); error.name = 'ValueError'; throw error; }
  if (event.crash) process.kill(process.pid, 'SIGKILL');
  if (event.hang) { console.log('hanging'); await new Promise(() => setInterval(() => {}, 1000)); }
  if (event.slow) { console.log('slow'); await new Promise((resolve) => setTimeout(resolve, 200)); }
  return { got: event };
};`;

interface Started {
  readonly job: Job;
  readonly httpPort: number;
  readonly runtimePort: number;
  readonly code: Promise<number>;
  readonly output: () => string;
  readonly input: PassThrough;
  readonly lines: string[];
}

async function started(env: Record<string, string> = {}, clock: Clock = systemClock): Promise<Started> {
  const lines: string[] = [];
  const log = (fields: object, message: string) => void lines.push(`${message} ${JSON.stringify(fields)}`);
  const logger: Logger = { debug: log, info: log, warn: log, error: log, child: () => logger };
  const input = new PassThrough();
  const output = new PassThrough();
  const job = new Job(readJobConfig({ ...ENV, ...env }), { clock, random: systemRandom, logger, input, output });
  const { httpPort, runtimePort } = await job.listen();
  const code = job.run();
  code.catch(() => {});
  return { job, httpPort, runtimePort, code, output: () => String(output.read() ?? ''), input, lines };
}

async function ran(env: Record<string, string>, handler = HANDLER): Promise<Started & { runtime: RunningRuntime }> {
  const job = await started(env);
  return { ...job, runtime: startRuntime(nodeRuntime(), codeFolder({ 'index.js': handler }), job.runtimePort) };
}

/** A store like S3 seen through signed URLs; `refuse` decides what it answers instead. */
async function store(refuse: (request: IncomingMessage) => number | undefined = () => undefined) {
  const objects = new Map<string, Buffer>();
  const asked: string[] = [];
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '' } = request;
      asked.push(`${method} ${url}`);
      const status = refuse(request);
      if (status !== undefined) return response.writeHead(status).end('<Error/>');
      if (method === 'PUT') {
        objects.set(url, Buffer.concat(chunks));
        return response.end();
      }
      const object = objects.get(url);
      return object ? response.end(object) : response.writeHead(404).end('<Code>NoSuchKey</Code>');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as { port: number };
  return { objects, asked, at: (key: string) => `http://127.0.0.1:${port}${key}?X-Amz-Signature=secret` };
}

describe('an event and a result', () => {
  test('in the environment, and on standard output', async () => {
    const { code, output } = await ran({ LAMBDACONTAINER_EVENT: '{"n":1}' });
    expect(await code).toBe(EXIT.answered);
    expect(output()).toBe('{"got":{"n":1}}');
  });

  test('none is an empty one', async () => {
    const { code, output } = await ran({});
    expect(await code).toBe(EXIT.answered);
    expect(output()).toBe('{"got":{}}');
  });

  test('in files', async () => {
    const folder = codeFolder({ 'event.json': '{"n":2}' });
    const { code } = await ran({
      LAMBDACONTAINER_EVENT_FILE: join(folder, 'event.json'),
      LAMBDACONTAINER_RESULT_FILE: join(folder, 'result.json'),
    });
    expect(await code).toBe(EXIT.answered);
    expect(readFileSync(join(folder, 'result.json'), 'utf8')).toBe('{"got":{"n":2}}');
  });

  test('on standard input', async () => {
    const { code, output, input } = await ran({ LAMBDACONTAINER_EVENT_FILE: '-' });
    input.write('{"n"');
    input.end(':3}');
    expect(await code).toBe(EXIT.answered);
    expect(output()).toBe('{"got":{"n":3}}');
  });

  test('at URLs that a store has signed', async () => {
    const { objects, at } = await store();
    objects.set('/event?X-Amz-Signature=secret', Buffer.from('{"n":4}'));
    const env = { LAMBDACONTAINER_EVENT_URL: at('/event'), LAMBDACONTAINER_RESULT_URL: at('/result') };
    const { code } = await ran(env);
    expect(await code).toBe(EXIT.answered);
    expect(objects.get('/result?X-Amz-Signature=secret')?.toString()).toBe('{"got":{"n":4}}');
  });

  test('a store in trouble is asked again', async () => {
    let troubles = 2;
    const { objects, asked, at } = await store(({ method }) => (method === 'PUT' && troubles-- > 0 ? 503 : undefined));
    const { code } = await ran({ LAMBDACONTAINER_RESULT_URL: at('/result') });
    expect(await code).toBe(EXIT.answered);
    expect(asked).toHaveLength(3);
    expect(objects.size).toBe(1);
  });
});

describe('the exit code', () => {
  test('1: the function has failed, and its error is the result', async () => {
    const { code, output } = await ran({ LAMBDACONTAINER_EVENT: '{"fail":1}' });
    expect(await code).toBe(EXIT.failed);
    expect(JSON.parse(output())).toMatchObject({ errorType: 'ValueError', errorMessage: 'asked for' });
  });

  test('1: it could not start, and its init error is the result', async () => {
    const { code, output } = await ran({}, `throw new Error('no database');`);
    expect(await code).toBe(EXIT.failed);
    expect(JSON.parse(output())).toMatchObject({ errorType: 'Error', errorMessage: 'no database' });
  });

  test('1: it has died', async () => {
    const { code, output } = await ran({ LAMBDACONTAINER_EVENT: '{"crash":1}' });
    expect(await code).toBe(EXIT.failed);
    expect(JSON.parse(output())).toMatchObject({ errorType: 'Runtime.ExitError' });
  });

  test('124: it took longer than the job allows', async () => {
    const { code, output } = await ran({ LAMBDACONTAINER_EVENT: '{"hang":1}', LAMBDACONTAINER_TIMEOUT_MS: '100' });
    expect(await code).toBe(EXIT.timedOut);
    expect(JSON.parse(output())).toMatchObject({ errorType: 'Sandbox.Timedout' });
  });

  test('3: the result could not be put where it belongs; a refusal is not asked for twice, a signature not told', async () => {
    const { at, asked } = await store(() => 403);
    const { code, lines } = await ran({ LAMBDACONTAINER_RESULT_URL: at('/result') });
    expect(await code).toBe(EXIT.resultLost);
    expect(asked).toHaveLength(1);
    expect(lines.at(-1)).toMatch(/^the result could not be put where it belongs .*\/result was answered 403/);
    expect(lines.join()).not.toContain('secret');
  });

  test('143: it was told to end and did not in time; in time it counts', async () => {
    const { job, code, runtime } = await ran({ LAMBDACONTAINER_EVENT: '{"hang":1}', LAMBDACONTAINER_DRAIN_MS: '50' });
    await runtime.says('hanging');
    job.stop();
    expect(await code).toBe(EXIT.terminated);
    const slow = await ran({ LAMBDACONTAINER_EVENT: '{"slow":1}' });
    await slow.runtime.says('slow');
    slow.job.stop();
    expect(await slow.code).toBe(EXIT.answered);
  });

  test('143: also while it waits for its event', async () => {
    const { job, code } = await started({ LAMBDACONTAINER_EVENT_FILE: '-', LAMBDACONTAINER_DRAIN_MS: '0' });
    job.stop();
    expect(await code).toBe(EXIT.terminated);
  });
});

describe('an event that cannot be used', () => {
  const cases: { reason: string; env: () => Promise<Record<string, string>>; says: RegExp }[] = [
    { reason: 'no JSON', env: async () => ({ LAMBDACONTAINER_EVENT: 'hello' }), says: /JSON/ },
    { reason: 'no such file', env: async () => ({ LAMBDACONTAINER_EVENT_FILE: '/no/such/file' }), says: /ENOENT/ },
    {
      reason: 'no such object',
      env: async () => ({ LAMBDACONTAINER_EVENT_URL: (await store()).at('/none') }),
      says: /answered 404: <Code>NoSuchKey/,
    },
    {
      reason: 'more than Lambda takes',
      env: async () => {
        const folder = codeFolder({ 'event.json': JSON.stringify('x'.repeat(6 * 1024 * 1024 + 100)) });
        return { LAMBDACONTAINER_EVENT_FILE: join(folder, 'event.json') };
      },
      says: /more than 6291556 bytes/,
    },
  ];
  test.each(cases)('$reason: said, and the function is not asked to do anything', async ({ env, says }) => {
    const { code, runtimePort } = await started(await env());
    const failure = await code.catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UserError);
    expect((failure as UserError).message).toMatch(says);
    expect((failure as UserError).exitCode).toBe(EXIT.notBegun);
    await expect(ask(runtimePort, '/')).rejects.toThrow('ECONNREFUSED');
  });
});

describe('settings that cannot be meant', () => {
  test.each([
    [
      'two places for the event',
      { LAMBDACONTAINER_EVENT: '{}', LAMBDACONTAINER_EVENT_FILE: '-' },
      /EVENT: more than one/,
    ],
    [
      'two places for the result',
      { LAMBDACONTAINER_RESULT_FILE: '-', LAMBDACONTAINER_RESULT_URL: 'https://x/' },
      /RESULT: more than one/,
    ],
    ['a URL of another kind', { LAMBDACONTAINER_EVENT_URL: 's3://bucket/key' }, /EVENT_URL: not an http or https URL/],
    ['several processes', { LAMBDACONTAINER_RUNTIME_APIS: '127.0.0.1:1,127.0.0.1:2' }, /a job has one process/],
    ['no function', { LAMBDACONTAINER_FUNCTION_ARN: '' }, /FUNCTION_ARN: missing/],
  ])('%s', (_reason, env, says) => {
    expect(() => readJobConfig({ ...ENV, ...env })).toThrow(says);
  });
});

test('twenty minutes, where Lambda would have stopped it after fifteen, and hours', async () => {
  const clock = new VirtualClock();
  const folder = codeFolder({});
  const result = join(folder, 'result.json');
  const { code, runtimePort, httpPort } = await started({ LAMBDACONTAINER_RESULT_FILE: result }, clock);
  const next = await ask(runtimePort, '/2018-06-01/runtime/invocation/next');
  const deadlineMs = Number(next.headers['lambda-runtime-deadline-ms']);
  expect(deadlineMs - clock.now()).toBe(24 * 60 * 60_000);
  for (const minutes of [20, 180]) {
    clock.after(minutes * 60_000, () => {});
    await clock.run(() => false, 24 * 60 * 60_000);
    expect((await ask(httpPort, '/_lambdacontainer/health')).status).toBe(200);
    expect(existsSync(result)).toBe(false);
  }
  const id = String(next.headers['lambda-runtime-aws-request-id']);
  await ask(runtimePort, `/2018-06-01/runtime/invocation/${id}/response`, { method: 'POST', body: '"done"' });
  expect(await code).toBe(EXIT.answered);
  expect(readFileSync(result, 'utf8')).toBe('"done"');
});

test('a taken port leaves nothing open', async () => {
  const blocker = createServer().listen(0);
  await once(blocker, 'listening');
  onTestFinished(() => void blocker.close());
  const { port } = blocker.address() as { port: number };
  await expect(started({ LAMBDACONTAINER_HTTP_PORT: String(port) })).rejects.toThrow('EADDRINUSE');
});
