/** What is particular to the Node.js runtime client: how handlers are found and called, and what it logs. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  ask,
  codeFolder,
  nodeRuntime,
  type RunningRuntime,
  serving,
  startRuntime,
  type TestAdapter,
  testAdapter,
} from './support.ts';

async function invoke(adapter: TestAdapter, event: unknown = {}) {
  const answer = await ask(adapter.httpPort, '/2015-03-31/functions/hello/invocations', {
    method: 'POST',
    body: JSON.stringify(event),
  });
  return {
    failed: answer.headers['x-amz-function-error'] !== undefined,
    value: JSON.parse(answer.body.toString('utf8')) as Record<string, unknown>,
  };
}

/** One process in a folder that the test has laid out. */
async function inFolder(
  folder: string,
  env: Record<string, string> = {},
): Promise<{ adapter: TestAdapter; runtime: RunningRuntime }> {
  const adapter = await testAdapter();
  return { adapter, runtime: startRuntime(nodeRuntime(), folder, adapter.runtimePorts[0] ?? 0, env) };
}

describe('finding the handler', () => {
  const found: { reason: string; files: Record<string, string>; handler?: string }[] = [
    { reason: 'CommonJS', files: { 'index.js': `exports.handler = async () => 'found';` } },
    {
      reason: 'module.exports that only runs at run time',
      files: { 'index.js': `module.exports = Object.assign({}, { handler: async () => 'found' });` },
    },
    { reason: '.mjs', files: { 'index.mjs': `export const handler = async () => 'found';` } },
    { reason: '.cjs', files: { 'index.cjs': `exports.handler = async () => 'found';` } },
    {
      reason: '.js as a module',
      files: { 'index.js': `export const handler = async () => 'found';`, 'package.json': '{"type":"module"}' },
    },
    {
      reason: 'default export with the name inside',
      files: { 'index.mjs': `export default { handler: async () => 'found' };` },
    },
    {
      reason: 'nested name',
      files: { 'index.js': `exports.api = { v1: { handler: async () => 'found' } };` },
      handler: 'index.api.v1.handler',
    },
    {
      reason: 'top-level await',
      files: {
        'index.mjs': `const answer = await Promise.resolve('found'); export const handler = async () => answer;`,
      },
    },
    {
      reason: '.js before .mjs',
      files: {
        'index.js': `exports.handler = async () => 'found';`,
        'index.mjs': `export const handler = async () => 'wrong';`,
      },
    },
  ];
  test.each(found)('$reason', async ({ files, handler = 'index.handler' }) => {
    const { adapter } = await inFolder(codeFolder(files), { _HANDLER: handler });
    expect((await invoke(adapter)).value).toBe('found');
  });

  test.each([
    ['in a folder', 'src/app.handler', 'src/app.js'],
    ['a folder with an index', 'src/app.handler', 'src/app/index.js'],
    ['a package', 'app.handler', 'node_modules/app/index.js'],
  ])('%s', async (_reason, handler, file) => {
    const folder = codeFolder({});
    mkdirSync(join(folder, file, '..'), { recursive: true });
    writeFileSync(join(folder, file), `exports.handler = async () => 'found';`);
    const { adapter } = await inFolder(folder, { _HANDLER: handler });
    expect((await invoke(adapter)).value).toBe('found');
  });

  test('modules of a layer, in /opt beside the runtime’s own folder', async () => {
    const folder = codeFolder({ 'index.js': `exports.handler = async () => require('layered');` });
    const module = join(folder, 'root/opt/nodejs/node_modules/layered');
    mkdirSync(module, { recursive: true });
    writeFileSync(join(module, 'index.js'), `module.exports = 'from the layer';`);
    const { adapter } = await inFolder(folder, { LAMBDA_RUNTIME_DIR: join(folder, 'root/var/runtime') });
    expect((await invoke(adapter)).value).toBe('from the layer');
  });

  const missing: { reason: string; files: Record<string, string>; handler?: string; type: string; message: RegExp }[] =
    [
      { reason: 'no such file', files: {}, type: 'Runtime.ImportModuleError', message: /Cannot find module/ },
      {
        reason: 'no such package (module)',
        files: { 'index.mjs': `import 'no-such-package';` },
        type: 'Runtime.ImportModuleError',
        message: /no-such-package/,
      },
      {
        reason: 'no such export',
        files: { 'index.js': 'exports.other = 1;' },
        type: 'Runtime.HandlerNotFound',
        message: /index\.handler is undefined or not exported/,
      },
      {
        reason: 'no function',
        files: { 'index.js': 'exports.handler = 1;' },
        type: 'Runtime.HandlerNotFound',
        message: /is not a function/,
      },
      {
        reason: 'syntax error',
        files: { 'index.js': 'exports.handler = (' },
        type: 'Runtime.UserCodeSyntaxError',
        message: /Unexpected/,
      },
      { reason: 'no dot', files: {}, handler: 'index', type: 'Runtime.MalformedHandlerName', message: /Bad handler/ },
      {
        reason: 'a way out of the folder',
        files: {},
        handler: '../index.handler',
        type: 'Runtime.MalformedHandlerName',
        message: /not a valid handler name/,
      },
      {
        reason: 'throws',
        files: { 'index.js': `throw new RangeError('at start');` },
        type: 'RangeError',
        message: /at start/,
      },
      {
        reason: 'rejects',
        files: { 'index.mjs': `await Promise.reject(new RangeError('at start'));` },
        type: 'RangeError',
        message: /at start/,
      },
      {
        reason: 'throws later, while starting',
        files: {
          'index.mjs': `setTimeout(() => { throw new RangeError('at start'); }); await new Promise(() => setInterval(() => {}, 1000));`,
        },
        type: 'RangeError',
        message: /at start/,
      },
    ];
  test.each(missing)('init error: $reason', async ({ files, handler = 'index.handler', type, message }) => {
    const { adapter, runtime } = await inFolder(codeFolder(files), { _HANDLER: handler });
    const { failed, value } = await invoke(adapter);
    expect([failed, value.errorType]).toEqual([true, type]);
    expect(value.errorMessage).toMatch(message);
    expect(value.trace).toBeInstanceOf(Array);
    expect(await runtime.exited).toBe(reasonOfExit(files));
  });
  const reasonOfExit = (files: Record<string, string>) => (files['index.mjs']?.startsWith('setTimeout') ? 129 : 1);
});

describe('calling the handler', () => {
  const calls: { reason: string; code: string; value: unknown; failed?: boolean }[] = [
    { reason: 'a promise', code: `async () => 1`, value: 1 },
    { reason: 'undefined becomes null', code: `async () => {}`, value: null },
    {
      reason: 'a callback',
      code: `(event, context, callback) => { setTimeout(() => callback(null, 2), 5); }`,
      value: 2,
    },
    {
      reason: 'a callback’s error',
      code: `(event, context, callback) => callback(new TypeError('no'))`,
      value: { errorType: 'TypeError', errorMessage: 'no' },
      failed: true,
    },
    {
      reason: 'a callback’s error that is text',
      code: `(event, context, callback) => callback('no')`,
      value: { errorType: 'string', errorMessage: 'no' },
      failed: true,
    },
    { reason: 'context.succeed', code: `(event, context) => context.succeed(3)`, value: 3 },
    {
      reason: 'context.fail',
      code: `(event, context) => context.fail(new Error('no'))`,
      value: { errorMessage: 'no' },
      failed: true,
    },
    { reason: 'context.done', code: `(event, context) => context.done(null, 4)`, value: 4 },
    {
      reason: 'no promise and no callback: null when nothing is left to do',
      code: `() => { setTimeout(() => {}, 5); }`,
      value: null,
    },
    {
      reason: 'a throw',
      code: `() => { throw new TypeError('no'); }`,
      value: { errorType: 'TypeError', trace: expect.arrayContaining([expect.stringContaining('TypeError: no')]) },
      failed: true,
    },
    {
      reason: 'a rejection without reason',
      code: `() => Promise.reject()`,
      value: { errorType: 'Error', errorMessage: 'undefined' },
      failed: true,
    },
  ];
  test.each(calls)('$reason', async ({ code, value, failed = false }) => {
    const { adapter } = await serving(nodeRuntime(), { 'index.js': `exports.handler = ${code};` });
    for (let round = 0; round < 2; round++) {
      const answer = await invoke(adapter);
      expect(answer.failed).toBe(failed);
      if (typeof value === 'object' && value !== null) expect(answer.value).toMatchObject(value);
      else expect(answer.value).toBe(value);
    }
  });

  const WAITS = (wait: boolean) => `
let later = 'not yet';
exports.handler = (event, context, callback) => {
  context.callbackWaitsForEmptyEventLoop = ${wait};
  const answer = { toString: undefined, toJSON: () => later };
  setTimeout(() => { later = 'done'; }, 30);
  callback(null, answer);
};`;
  test('a callback waits for the event loop to empty, unless told not to', async () => {
    const waiting = await serving(nodeRuntime(), { 'index.js': WAITS(true) });
    expect((await invoke(waiting.adapter)).value).toBe('done');
    const hurrying = await serving(nodeRuntime(), { 'index.js': WAITS(false) });
    expect((await invoke(hurrying.adapter)).value).toBe('not yet');
  });

  test('an exception that nobody catches fails the invocation and ends the process', async () => {
    const { adapter, runtimes } = await serving(nodeRuntime(), {
      'index.js': `exports.handler = () => new Promise(() => setTimeout(() => { throw new RangeError('late'); }, 1));`,
    });
    const { failed, value } = await invoke(adapter);
    expect([failed, value.errorType, value.errorMessage]).toEqual([true, 'RangeError', 'late']);
    expect(await runtimes[0]?.exited).toBe(129);
  });

  test('so does a promise that nobody awaits', async () => {
    const { adapter, runtimes } = await serving(nodeRuntime(), {
      'index.js': `exports.handler = () => new Promise(() => { Promise.reject(new RangeError('late')); setInterval(() => {}, 1000); });`,
    });
    const { value } = await invoke(adapter);
    expect(value).toMatchObject({ errorType: 'Runtime.UnhandledPromiseRejection', errorMessage: 'RangeError: late' });
    expect(await runtimes[0]?.exited).toBe(128);
  });
});

describe('logs', () => {
  const CODE = `exports.handler = async () => { console.log('a %s', 'b\\nc'); console.warn({ w: 1 }); console.error(new Error('x')); console.debug('d'); return 1; };`;

  test('are lines of time, request id, level and message', async () => {
    const { adapter, runtimes } = await serving(nodeRuntime(), { 'index.js': `console.info('starting'); ${CODE}` });
    await invoke(adapter);
    const requestId = String(adapter.accessLines[0]?.requestId);
    const lines = (runtimes[0]?.output() ?? '')
      .trim()
      .split('\n')
      .map((line) => line.split('\t'));
    expect(lines[0]?.slice(1)).toEqual(['undefined', 'INFO', 'starting']);
    expect(lines[1]?.[0]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(lines[1]?.slice(1)).toEqual([requestId, 'INFO', 'a b\rc']);
    expect(lines.slice(2).map((line) => line.slice(1, 3))).toEqual([
      [requestId, 'WARN'],
      [requestId, 'ERROR'],
      [requestId, 'DEBUG'],
    ]);
  });

  test('as JSON with a least level', async () => {
    const env = { AWS_LAMBDA_LOG_FORMAT: 'JSON', AWS_LAMBDA_LOG_LEVEL: 'INFO' };
    const { adapter, runtimes } = await serving(nodeRuntime(), { 'index.js': CODE }, { runtimeEnv: env });
    await invoke(adapter);
    const lines = (runtimes[0]?.output() ?? '')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map(({ level }) => level)).toEqual(['INFO', 'WARN', 'ERROR']);
    expect(lines.map(({ message }) => message)).toEqual([
      'a b\nc',
      { w: 1 },
      expect.objectContaining({ errorMessage: 'x' }),
    ]);
  });
});

test('what is missing in the environment is said', async () => {
  const { runtime } = await inFolder(codeFolder({}), { _HANDLER: '' });
  expect(await runtime.exited).toBe(1);
  expect(runtime.output()).toBe('runtime: _HANDLER is not set\n');
});
