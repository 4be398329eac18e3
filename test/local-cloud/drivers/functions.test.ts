import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Clock, systemClock, type Timer } from '../../../src/core/index.ts';
import type { FunctionLaunch, InvocationResult } from '../../../src/local-cloud/contract.ts';
import { runtimeFile } from '../../../src/local-cloud/runtimes/locate.ts';
import { makeZip } from '../../oci/make-zip.ts';
import { Machine } from './machine.ts';

/** The platform's clock, whose long timers can be made to fire now. */
class ImpatientClock implements Clock {
  readonly #long = new Map<object, () => void>();
  now = () => systemClock.now();
  monotonic = () => systemClock.monotonic();
  after(delayMs: number, fire: () => void, options?: { unref?: boolean }): Timer {
    if (delayMs < 200_000) return systemClock.after(delayMs, fire, options);
    const key = {};
    this.#long.set(key, fire);
    return { cancel: () => void this.#long.delete(key) };
  }
  get waiting(): number {
    return this.#long.size;
  }
  fireLong(): void {
    for (const [key, fire] of [...this.#long]) {
      this.#long.delete(key);
      fire();
    }
  }
}

let machine: Machine;
let clock: ImpatientClock;
beforeEach(async () => {
  clock = new ImpatientClock();
  machine = await Machine.start({ clock });
  const runtime = {
    'lambda-entrypoint.sh': '#!/bin/sh\nexport _HANDLER="$1"\nexec "$LAMBDA_RUNTIME_DIR/bootstrap"\n',
    'var/runtime/bootstrap': '#!/bin/sh\nexec "$LAMBDACONTAINER_HOST_NODE" "$LAMBDA_RUNTIME_DIR/index.mjs"\n',
    'var/runtime/index.mjs': readFileSync(runtimeFile('node.mjs'), 'utf8'),
  };
  const base = {
    entryPoint: ['/lambda-entrypoint.sh'],
    environment: ['LAMBDA_TASK_ROOT=/var/task', 'LAMBDA_RUNTIME_DIR=/var/runtime'],
    workingDirectory: '/var/task',
  };
  machine.tag('lambda/nodejs:22', await machine.image({ ...base, files: runtime }));
  const own = { ...runtime, 'var/runtime/bootstrap': '#!/bin/sh\nexec "$LAMBDA_TASK_ROOT/bootstrap"\n' };
  machine.tag('lambda/provided:al2023', await machine.image({ ...base, files: own }));
});
afterEach(() => machine.end());

function launch(code: string, change: Partial<FunctionLaunch> = {}): FunctionLaunch {
  return {
    functionArn: 'arn:aws:lambda:us-east-1:000000000000:function:f',
    name: 'f',
    version: '$LATEST',
    packageType: 'Zip',
    runtime: 'nodejs22.x',
    handler: 'index.handler',
    codeDigest: machine.blobs.write(makeZip([{ name: 'index.mjs', content: code }])),
    imageUri: undefined,
    imageConfig: undefined,
    environment: {},
    memoryMb: 128,
    timeoutMs: 3000,
    revisionId: 'r1',
    ...change,
  };
}

let sequence = 0;
function invoke(target: FunctionLaunch, event: unknown = {}): Promise<InvocationResult> {
  return machine.drivers.functions.invoke(target, Buffer.from(JSON.stringify(event)), {
    requestId: `request-${++sequence}`,
  });
}

const value = (result: InvocationResult) => JSON.parse(Buffer.from(result.payload).toString('utf8'));

describe('an invocation', () => {
  it('runs the handler with the environment that Lambda promises', async () => {
    const target = launch(
      'export const handler = async (event, context) => ({ event, env: process.env, cwd: process.cwd(), left: context.getRemainingTimeInMillis(), id: context.awsRequestId })',
      {
        environment: { OWN: 'value', AWS_LAMBDA_FUNCTION_NAME: 'forged' },
        memoryMb: 256,
        version: '7',
      },
    );
    const result = await invoke(target, { a: 1 });
    expect(result.functionError).toBeUndefined();
    const { event, env, cwd, left, id } = value(result);
    expect(event).toEqual({ a: 1 });
    expect(id).toBe(`request-${sequence}`);
    expect(left).toBeGreaterThan(2000);
    expect(left).toBeLessThanOrEqual(3000);
    expect(cwd).toBe(env.LAMBDA_TASK_ROOT);
    expect(env).toMatchObject({
      _HANDLER: 'index.handler',
      AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs22.x',
      AWS_LAMBDA_FUNCTION_NAME: 'f',
      AWS_LAMBDA_FUNCTION_VERSION: '7',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
      AWS_LAMBDA_LOG_GROUP_NAME: '/aws/lambda/f',
      AWS_LAMBDA_LOG_STREAM_NAME: expect.stringMatching(/^\d{4}\/\d\d\/\d\d\/\[7\][0-9a-f]{32}$/),
      AWS_LAMBDA_RUNTIME_API: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      AWS_REGION: 'us-east-1',
      AWS_ENDPOINT_URL: 'http://127.0.0.1:4577',
      AWS_ACCESS_KEY_ID: expect.any(String),
      LAMBDA_RUNTIME_DIR: expect.stringMatching(/\/var\/runtime$/),
      OWN: 'value',
      TZ: ':UTC',
    });
  });

  it('is told in the log as Lambda tells it, and the tail holds its last 4 KB', async () => {
    const target = launch('export const handler = async ({ say }) => { console.log(say); return null; }');
    const first = await invoke(target, { say: 'hello' });
    const id = `request-${sequence}`;
    expect(machine.group('/aws/lambda/f')).toEqual([
      `START RequestId: ${id} Version: $LATEST`,
      expect.stringContaining('hello'),
      `END RequestId: ${id}`,
      expect.stringMatching(
        new RegExp(
          `^REPORT RequestId: ${id}\tDuration: [\\d.]+ ms\tBilled Duration: \\d+ ms\tMemory Size: 128 MB\t.*Init Duration: [\\d.]+ ms$`,
        ),
      ),
    ]);
    expect(first.logTail).toBe(
      machine
        .group('/aws/lambda/f')
        .map((line) => `${line}\n`)
        .join(''),
    );
    const second = await invoke(target, { say: 'x'.repeat(5000) });
    expect(Buffer.byteLength(second.logTail)).toBe(4096);
    expect(second.logTail).toMatch(/x\n(.|\n)*REPORT RequestId: (?!.*Init Duration)/);
  });

  it('finds the environment warm that the last one left, and another when that one is busy', async () => {
    const target = launch(
      'let n = 0; export const handler = async ({ waitMs = 0 }) => { await new Promise((r) => setTimeout(r, waitMs)); return { pid: process.pid, n: ++n }; }',
    );
    const first = value(await invoke(target));
    expect(value(await invoke(target))).toEqual({ pid: first.pid, n: 2 });
    const both = (await Promise.all([invoke(target, { waitMs: 300 }), invoke(target, { waitMs: 300 })])).map(value);
    expect(new Set(both.map(({ pid }) => pid)).size).toBe(2);
  });

  it('waits when ten environments are busy', async () => {
    const target = launch(
      'export const handler = async () => { await new Promise((r) => setTimeout(r, 100)); return process.pid; }',
      { timeoutMs: 20_000 },
    );
    const pids = (await Promise.all(Array.from({ length: 14 }, () => invoke(target)))).map(value);
    expect(new Set(pids).size).toBeLessThanOrEqual(10);
    expect(pids).toHaveLength(14);
  });
});

describe('failures', () => {
  it.each([
    {
      reason: 'an error of the handler is Unhandled, and the environment lives on',
      code: 'export const handler = async () => { throw new TypeError("no good"); }',
      error: { errorType: 'TypeError', errorMessage: 'no good', trace: expect.any(Array) },
      logged: undefined,
      survives: true,
    },
    {
      reason: 'a module that throws is the error of the initialisation',
      code: 'throw new Error("broken at start")',
      error: expect.objectContaining({ errorType: 'Error', errorMessage: 'broken at start' }),
      logged: /Status: error\tError Type: /,
      survives: false,
    },
    {
      reason: 'a runtime that exits at work',
      code: 'export const handler = async () => process.exit(1)',
      error: {
        errorType: 'Runtime.ExitError',
        errorMessage: expect.stringMatching(/^RequestId: request-\d+ Error: Runtime exited with error: exit status 1$/),
      },
      logged: /Runtime exited with error: exit status 1\nRuntime\.ExitError/,
      survives: false,
    },
    {
      reason: 'a runtime that exits without a reason',
      code: 'export const handler = async () => process.exit(0)',
      error: {
        errorType: 'Runtime.ExitError',
        errorMessage: expect.stringMatching(/Error: Runtime exited without providing a reason$/),
      },
      logged: /Status: error\tError Type: Runtime\.ExitError/,
      survives: false,
    },
    {
      reason: 'a runtime that is killed',
      code: 'export const handler = async () => { process.kill(process.pid, "SIGKILL"); await new Promise(() => {}); }',
      error: {
        errorType: 'Runtime.ExitError',
        errorMessage: expect.stringMatching(/Error: Runtime exited with error: signal: killed$/),
      },
      logged: undefined,
      survives: false,
    },
    {
      reason: 'a runtime that exits while it starts',
      code: 'process.exit(2)',
      error: {
        errorType: 'Runtime.ExitError',
        errorMessage: expect.stringMatching(/Error: Runtime exited with error: exit status 2$/),
      },
      logged: undefined,
      survives: false,
    },
    {
      reason: 'a handler that takes too long',
      code: 'export const handler = () => new Promise(() => setInterval(() => {}, 1000))',
      timeoutMs: 200,
      error: {
        errorType: 'Sandbox.Timedout',
        errorMessage: expect.stringMatching(/^RequestId: request-\d+ Error: Task timed out after 0\.20 seconds$/),
      },
      logged: /\d{4}-\d\d-\d\dT[\d:.]+Z request-\d+ Task timed out after 0\.20 seconds/,
      survives: false,
    },
  ])('$reason', async ({ code, error, logged, survives, timeoutMs = 3000 }) => {
    const target = launch(code, { timeoutMs });
    const result = await invoke(target);
    expect(result.functionError).toBe('Unhandled');
    expect(value(result)).toEqual(error);
    if (logged) expect(machine.group('/aws/lambda/f').join('\n')).toMatch(logged);
    expect(await machine.programs(), survives ? 'kept warm' : 'ended').toHaveLength(survives ? 1 : 0);
    // The next invocation finds a whole environment again.
    expect((await invoke(target)).functionError).toBe('Unhandled');
  });

  it('of the platform are AwsErrors', async () => {
    await expect(invoke(launch('', { runtime: 'java21' }))).rejects.toMatchObject({ code: 'InvalidRuntimeException' });
    await expect(invoke(launch('', { packageType: 'Image', imageUri: '127.0.0.1:4577/gone:1' }))).rejects.toMatchObject(
      { code: 'InvalidRuntimeException', message: expect.stringContaining('not found') },
    );
  });

  it('of an entry point that is not there are told to the invocation', async () => {
    const imageUri = await machine.image({ entryPoint: ['/nowhere'] });
    const result = await invoke(launch('', { packageType: 'Image', imageUri, runtime: undefined, handler: undefined }));
    expect(value(result)).toMatchObject({ errorType: 'Runtime.InvalidEntrypoint' });
  });
});

describe('packages', () => {
  it('Image: entry point, command and working directory of the function win over the image', async () => {
    const imageUri = await machine.image({
      files: {
        'lambda-entrypoint.sh':
          '#!/bin/sh\nexport _HANDLER="$1"\nexec "$LAMBDACONTAINER_HOST_NODE" "$LAMBDA_RUNTIME_DIR/index.mjs"\n',
        'var/runtime/index.mjs': readFileSync(runtimeFile('node.mjs'), 'utf8'),
        'var/task/index.mjs':
          'export const handler = () => "default"; export const other = async () => [process.env._HANDLER, process.env.AWS_EXECUTION_ENV]',
      },
      entryPoint: ['/lambda-entrypoint.sh'],
      command: ['index.handler'],
      environment: ['LAMBDA_TASK_ROOT=/var/task', 'LAMBDA_RUNTIME_DIR=/var/runtime'],
      workingDirectory: '/var/task',
    });
    const target = launch('', {
      packageType: 'Image',
      imageUri,
      runtime: undefined,
      handler: undefined,
      imageConfig: { command: ['index.other'] },
    });
    expect(value(await invoke(target))).toEqual(['index.other', 'AWS_Lambda_Image']);
  });

  it("provided: the function's own bootstrap keeps its executable bit", async () => {
    const bootstrap = `#!/bin/sh
      while :; do
        curl() { "$LAMBDACONTAINER_HOST_NODE" "$LAMBDA_TASK_ROOT/call.mjs"; }
        curl
      done`;
    const call = `
      const api = 'http://' + process.env.AWS_LAMBDA_RUNTIME_API + '/2018-06-01/runtime/invocation/';
      const next = await fetch(api + 'next');
      const event = await next.text();
      await fetch(api + next.headers.get('lambda-runtime-aws-request-id') + '/response', { method: 'POST', body: JSON.stringify({ echoed: JSON.parse(event) }) });`;
    const zip = makeZip([
      { name: 'bootstrap', content: bootstrap, mode: 0o100755 },
      { name: 'call.mjs', content: call },
    ]);
    const target = launch('', { runtime: 'provided.al2023', codeDigest: machine.blobs.write(zip) });
    expect(value(await invoke(target, { x: 'y' }))).toEqual({ echoed: { x: 'y' } });
    expect(value(await invoke(target, { x: 'z' }))).toEqual({ echoed: { x: 'z' } });
  });
});

describe('environments', () => {
  it('of an older revision are not used again and end', async () => {
    const old = await invoke(launch('export const handler = async () => "old"'));
    expect(value(old)).toBe('old');
    const [before] = await machine.programs();
    expect(value(await invoke(launch('export const handler = async () => "new"', { revisionId: 'r2' })))).toBe('new');
    const after = await machine.programs();
    expect(after).not.toContain(before);
    expect(await readdir(join(machine.folder, 'functions')), 'each code was unpacked once').toHaveLength(2);
  });

  it('end after five idle minutes', async () => {
    const target = launch('export const handler = async () => process.pid');
    const pid = value(await invoke(target));
    expect(await machine.programs()).toContain(pid);
    expect(clock.waiting).toBe(1);
    clock.fireLong();
    expect(value(await invoke(target)), 'a new one was needed').not.toBe(pid);
  });

  it('end with the drivers, busy or not', async () => {
    const target = launch(
      'export const handler = async ({ hang }) => { if (hang) { console.log("hanging"); await new Promise(() => setInterval(() => {}, 1000)); } return 1 }',
      { timeoutMs: 60_000 },
    );
    await invoke(target);
    const hanging = invoke(target, { hang: true });
    await machine.line('/aws/lambda/f', /hanging/);
    await machine.drivers.close();
    expect(await machine.programs()).toEqual([]);
    expect((await hanging).functionError).toBe('Unhandled');
    await expect(invoke(target)).rejects.toMatchObject({ code: 'ServiceException' });
    expect(clock.waiting).toBe(0);
  });
});
