/**
 * The same cases behind every runtime client that this machine has: ours for Node.js and Python, AWS's own for Python
 * (`pip install awslambdaric`, for the machine's python3 or in a virtual environment at <tmp>/lambdacontainer-ric), and a
 * shell bootstrap with curl, which opens a connection per call.
 */
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runtimeFile } from '../../src/local-cloud/runtimes/locate.ts';
import {
  ask,
  codeFolder,
  FUNCTION_ARN,
  nodeRuntime,
  python,
  serving,
  startRuntime,
  type TestAdapter,
  testAdapter,
} from './support.ts';

interface Client {
  readonly name: string;
  /** Undefined: not on this machine; the cases are then skipped by name. */
  readonly command: readonly string[] | undefined;
  readonly handler: Record<string, string>;
  readonly brokenModule: Record<string, string>;
  readonly initErrorType: string;
  /** A shell's few lines are asked for less. */
  readonly full: boolean;
}

const PYTHON_HANDLER = {
  'index.py': `
import os, signal
def handler(event, context):
    do = event.get('do')
    if do == 'fail':
        raise ValueError('asked for')
    if do == 'crash':
        os.kill(os.getpid(), signal.SIGKILL)
    if do == 'exit':
        raise SystemExit(3)
    if do == 'fill':
        return 'x' * event['size']
    if do == 'size':
        return len(event['text'])
    if do == 'context':
        return {
            'id': context.aws_request_id, 'arn': context.invoked_function_arn, 'name': context.function_name,
            'version': context.function_version, 'memory': context.memory_limit_in_mb,
            'group': context.log_group_name, 'stream': context.log_stream_name,
            'custom': context.client_context.custom if context.client_context else None,
            'left': context.get_remaining_time_in_millis(), 'trace': os.environ.get('_X_AMZN_TRACE_ID'),
        }
    if do == 'unserialisable':
        return {1, 2}
    return {'echo': event, 'text': 'ü✓'}
`,
};

const NODE_HANDLER = {
  'index.js': `
exports.handler = async (event, context) => {
  if (event.do === 'fail') { const error = new Error('asked for'); error.name = 'ValueError'; throw error; }
  if (event.do === 'crash') process.kill(process.pid, 'SIGKILL');
  if (event.do === 'exit') process.exit(3);
  if (event.do === 'fill') return 'x'.repeat(event.size);
  if (event.do === 'size') return event.text.length;
  if (event.do === 'context') return {
    id: context.awsRequestId, arn: context.invokedFunctionArn, name: context.functionName,
    version: context.functionVersion, memory: context.memoryLimitInMB,
    group: context.logGroupName, stream: context.logStreamName,
    custom: context.clientContext?.custom ?? null,
    left: context.getRemainingTimeInMillis(), trace: process.env._X_AMZN_TRACE_ID,
  };
  if (event.do === 'unserialisable') { const value = {}; value.self = value; return value; }
  return { echo: event, text: 'ü✓' };
};`,
};

const SHELL_BOOTSTRAP = {
  bootstrap: `#!/bin/sh
base="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
while :; do
  event=$(curl -sS -D head.$$ "$base/invocation/next") || exit 1
  id=$(tr -d '\\r' < head.$$ | sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: //p')
  case "$event" in
    *'"fail"'*) curl -sS -o /dev/null -H 'Lambda-Runtime-Function-Error-Type: ValueError' -d '{"errorType":"ValueError","errorMessage":"asked for"}' "$base/invocation/$id/error" ;;
    *) printf '{"echo":%s,"text":"ü✓"}' "$event" | curl -sS -o /dev/null --data-binary @- "$base/invocation/$id/response" ;;
  esac
done
`,
};

const ricPython = [join(tmpdir(), 'lambdacontainer-ric/bin/python'), ...(python ? [python] : [])].find(
  (name) => spawnSync(name, ['-c', 'import awslambdaric, runtime_client']).status === 0,
);
const hasCurl = spawnSync('curl', ['--version']).status === 0;

const clients: Client[] = [
  {
    name: 'node.mjs',
    command: nodeRuntime(),
    handler: NODE_HANDLER,
    brokenModule: { 'index.js': `require('no-such-package');` },
    initErrorType: 'Runtime.ImportModuleError',
    full: true,
  },
  {
    name: 'python.py',
    command: python ? [python, runtimeFile('python.py')] : undefined,
    handler: PYTHON_HANDLER,
    brokenModule: { 'index.py': 'import no_such_package' },
    initErrorType: 'Runtime.ImportModuleError',
    full: true,
  },
  {
    name: 'awslambdaric',
    command: ricPython ? [ricPython, '-m', 'awslambdaric', 'index.handler'] : undefined,
    handler: PYTHON_HANDLER,
    brokenModule: { 'index.py': 'import no_such_package' },
    initErrorType: 'Runtime.ImportModuleError',
    full: true,
  },
  {
    name: 'a shell bootstrap',
    command: hasCurl ? ['/bin/sh', 'bootstrap'] : undefined,
    handler: SHELL_BOOTSTRAP,
    brokenModule: {},
    initErrorType: '',
    full: false,
  },
];

async function invoke(adapter: TestAdapter, event: object, headers: Record<string, string> = {}) {
  const path = '/2015-03-31/functions/hello/invocations';
  const answer = await ask(adapter.httpPort, path, { method: 'POST', body: JSON.stringify(event), headers });
  return { error: answer.headers['x-amz-function-error'], value: JSON.parse(answer.body.toString('utf8')) as never };
}

describe.each(clients)('$name', ({ command: found, handler, brokenModule, initErrorType, full }) => {
  const command = found ?? [];
  const all = test.skipIf(!found);
  all('answers, one invocation after another', async () => {
    const { adapter } = await serving(command, handler);
    for (let n = 0; n < 5; n++) {
      expect(await invoke(adapter, { n })).toEqual({ error: undefined, value: { echo: { n }, text: 'ü✓' } });
    }
  });

  all('reports errors and goes on', async () => {
    const { adapter } = await serving(command, handler);
    const { error, value } = await invoke(adapter, { do: 'fail' });
    expect(error).toBe('Unhandled');
    expect(value).toMatchObject({ errorType: 'ValueError', errorMessage: 'asked for' });
    expect((await invoke(adapter, { n: 1 })).error).toBeUndefined();
  });

  all('48 concurrent callers of 3 processes each get their own answer', async () => {
    const { adapter } = await serving(command, handler, { processes: 3 });
    const answers = await Promise.all(Array.from({ length: 48 }, (_, n) => invoke(adapter, { n })));
    expect(answers.map(({ value }) => value)).toEqual(answers.map((_, n) => ({ echo: { n }, text: 'ü✓' })));
  });

  all('a process that is killed while it waits comes back when restarted', async () => {
    const { adapter, runtimes, folder } = await serving(command, handler);
    runtimes[0]?.kill('SIGKILL');
    await adapter.until(() => adapter.logLines.some((line) => line.startsWith('runtime is gone')));
    expect(adapter.front.ready).toBe(false);
    startRuntime(command, folder, adapter.runtimePorts[0] ?? 0);
    expect((await invoke(adapter, { n: 1 })).error).toBeUndefined();
  });

  if (!full) return;

  all('passes the context', async () => {
    const { adapter } = await serving(command, handler);
    const headers = {
      'X-Amz-Client-Context': Buffer.from('{"custom":{"k":"v"}}').toString('base64'),
      'X-Amzn-Trace-Id': 'Root=1-abc',
    };
    const { value } = await invoke(adapter, { do: 'context' }, headers);
    expect(value).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      arn: FUNCTION_ARN,
      name: 'hello',
      version: '$LATEST',
      memory: '128',
      group: '/aws/lambda/hello',
      stream: 'stream',
      custom: { k: 'v' },
      left: expect.any(Number),
      trace: 'Root=1-abc',
    });
    const { left } = value as { left: number };
    expect(left).toBeGreaterThan(23 * 3_600_000);
    expect((await invoke(adapter, { do: 'context' })).value).toMatchObject({
      custom: null,
      trace: expect.stringMatching(/^Root=1-/),
    });
  });

  all('6 MB either way, and more is an error that costs nothing else', async () => {
    const { adapter } = await serving(command, handler);
    const size = 6 * 1024 * 1024 - 100;
    expect((await invoke(adapter, { do: 'size', text: 'x'.repeat(size) })).value).toBe(size);
    expect(((await invoke(adapter, { do: 'fill', size })).value as string).length).toBe(size);
    const { error, value } = await invoke(adapter, { do: 'fill', size: 6 * 1024 * 1024 + 200 });
    expect([error, (value as { errorType: string }).errorType]).toEqual(['Unhandled', 'Function.ResponseSizeTooLarge']);
  });

  all('a result that is not JSON is an error', async () => {
    const { adapter } = await serving(command, handler);
    expect((await invoke(adapter, { do: 'unserialisable' })).error).toBe('Unhandled');
    expect((await invoke(adapter, { n: 1 })).error).toBeUndefined();
  });

  all.each(['crash', 'exit'])('%s in mid-invocation: this one fails, the restarted process serves', async (how) => {
    const { adapter, runtimes, folder } = await serving(command, handler);
    const { error, value } = await invoke(adapter, { do: how });
    expect(error).toBe('Unhandled');
    expect(value).toMatchObject({ errorType: 'Runtime.ExitError' });
    await runtimes[0]?.exited;
    startRuntime(command, folder, adapter.runtimePorts[0] ?? 0);
    expect((await invoke(adapter, { n: 1 })).error).toBeUndefined();
  });

  all('an init error is told with its own text, and the process ends', async () => {
    const adapter = await testAdapter();
    const runtime = startRuntime(command, codeFolder(brokenModule), adapter.runtimePorts[0] ?? 0);
    const { error, value } = await invoke(adapter, {});
    expect(error).toBe('Unhandled');
    expect(value).toMatchObject({ errorType: initErrorType, errorMessage: expect.stringMatching(/no.such.package/) });
    expect(await runtime.exited).toBe(1);
    expect(adapter.front.ready).toBe(false);
  });
});
