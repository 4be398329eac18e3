/**
 * The same cases behind every runtime client that this machine has: ours for Node.js and Python, AWS's own for Python
 * (`pip install awslambdaric`, for the machine's python3 or in a virtual environment at <tmp>/lambdacontainer-ric) and for Go
 * (built with the machine's `go`), and a shell bootstrap with curl, which opens a connection per call. AWS's own for Node.js
 * and Java take minutes to build: `.ci/nightly` does, and names their folders by LAMBDA_NODE_CLIENT and LAMBDA_JAVA_FUNCTION.
 * What all of them show is the table in docs/compatibility.md.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runtimeFile } from '../../src/local-cloud/runtimes/locate.ts';
import { type Case, ConformanceMatrix } from './conformance-matrix.ts';
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
  /** Code that fails to start, and the type of the error that it is told with; undefined: the client tells none. */
  readonly broken:
    | {
        readonly files: Record<string, string>;
        readonly errorType: string;
        readonly command?: readonly string[];
        /** The handler is looked for with the first invocation, which is told; the process lives on. */
        readonly isLate?: boolean;
      }
    | undefined;
  readonly streams: boolean;
  /** Takes several at once with AWS_LAMBDA_MAX_CONCURRENCY. */
  readonly several: boolean;
  /** What it does as the first process of its container. */
  readonly onSigterm: 'goes on' | 'ends';
  /** A shell's few lines are asked for less. */
  readonly full: boolean;
}

const PYTHON_HANDLER = {
  'index.py': `
import os, signal, time
def handler(event, context):
    do = event.get('do')
    if do == 'fail':
        raise ValueError('asked for')
    if do == 'crash':
        os.kill(os.getpid(), signal.SIGKILL)
    if do == 'exit':
        raise SystemExit(3)
    if do == 'sleep':
        print('sleeping', flush=True)
        time.sleep(event['ms'] / 1000)
        return 'slept'
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
const plain = async (event, context) => {
  if (event.do === 'fail') { const error = new Error('asked for'); error.name = 'ValueError'; throw error; }
  if (event.do === 'crash') process.kill(process.pid, 'SIGKILL');
  if (event.do === 'exit') process.exit(3);
  if (event.do === 'sleep') {
    console.log('sleeping');
    await new Promise((resolve) => setTimeout(resolve, event.ms));
    return 'slept';
  }
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
};
exports.handler = process.env._HANDLER === 'index.handler' && !process.env.STREAMS ? plain
  : awslambda.streamifyResponse(async (event, stream) => {
    const metadata = { statusCode: 202, headers: { 'Content-Type': 'text/plain' }, cookies: ['a=1'] };
    stream = awslambda.HttpResponseStream.from(stream, metadata);
    stream.write('one ');
    if (event.path === '/breaks') throw new Error('asked for');
    stream.end('two');
  });`,
};

const SHELL_BOOTSTRAP = {
  bootstrap: `#!/bin/sh
base="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
answer() { curl -sS -o /dev/null --data-binary @- "$base/invocation/$id/$1"; }
while :; do
  curl -sS -D head.$$ -o event.$$ "$base/invocation/next" || exit 1
  id=$(tr -d '\\r' < head.$$ | sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: //p')
  case "$(head -c 200 event.$$)" in
    *'"fail"'*) printf '{"errorType":"ValueError","errorMessage":"asked for"}' | answer error ;;
    *'"crash"'*) kill -9 $$ ;;
    *'"sleep"'*) echo sleeping; sleep 1.2; printf '"slept"' | answer response ;;
    *'"fill"'*) { printf '"'; head -c "$(sed 's/[^0-9]//g' event.$$)" /dev/zero | tr '\\0' x; printf '"'; } | answer response ;;
    *'"size"'*) sed 's/.*"text":"//; s/"}$//' event.$$ | tr -d '\\n' | wc -c | answer response ;;
    *'/stream"'*|*'/breaks"'*) {
        printf '{"statusCode":202,"headers":{"Content-Type":"text/plain"},"cookies":["a=1"]}'
        head -c 8 /dev/zero; printf 'one two'
      } | curl -sS -o /dev/null -T - -X POST -H 'Content-Type: application/vnd.awslambda.http-integration-response' \\
        -H 'Lambda-Runtime-Function-Response-Mode: streaming' "$base/invocation/$id/response" ;;
    *) { printf '{"echo":'; cat event.$$; printf ',"text":"ü✓"}'; } | answer response ;;
  esac
done
`,
};

const ricPython = [join(tmpdir(), 'lambdacontainer-ric/bin/python'), ...(python ? [python] : [])].find(
  (name) => spawnSync(name, ['-c', 'import awslambdaric, runtime_client']).status === 0,
);
const hasCurl = spawnSync('curl', ['--version']).status === 0;
const goFunction = builtGoFunction();
/** As root on Linux a process can be the first of its own container, as it will be on Fargate. */
const asFirst = ['unshare', '--pid', '--fork', '--kill-child=SIGKILL'];
const canBeFirst = spawnSync(asFirst[0] ?? '', [...asFirst.slice(1), 'true']).status === 0;

/**
 * AWS's Go client is a library: the function of `go-function/` is built with it, once per version of its sources. Undefined:
 * there is no Go here, or the module cannot be had.
 */
function builtGoFunction(): string | undefined {
  const source = join(import.meta.dirname, 'go-function');
  const files = ['main.go', 'go.mod', 'go.sum'].map((name) => readFileSync(join(source, name)));
  const hash = createHash('sha256').update(Buffer.concat(files)).digest('hex').slice(0, 12);
  const program = join(tmpdir(), `lambdacontainer-go-function-${hash}`);
  if (existsSync(program)) return program;
  if (spawnSync('go', ['mod', 'download'], { cwd: source }).status !== 0) return undefined;
  const built = spawnSync('go', ['build', '-o', program, '.'], { cwd: source, encoding: 'utf8' });
  if (built.status !== 0) throw new Error(`go build: ${built.stderr}`);
  return program;
}

/** `npm install aws-lambda-ric` was run there. */
const nodeClient = process.env.LAMBDA_NODE_CLIENT;
/** `java-function/`, with `mvn package dependency:copy-dependencies` run in it. */
const javaFunction = process.env.LAMBDA_JAVA_FUNCTION;

function javaCommand(folder: string, handlerClass: string): string[] {
  const classes = `${folder}/target/java-function-1.jar:${folder}/target/dependency/*`;
  const client = 'com.amazonaws.services.lambda.runtime.api.client.AWSLambda';
  return ['java', '-cp', classes, client, `${handlerClass}::handleRequest`];
}

const NODE_BROKEN = { 'index.js': `require('no-such-package');` };
const PYTHON_BROKEN = { 'index.py': 'import no_such_package' };
const IMPORT_ERROR = 'Runtime.ImportModuleError';

const clients: Client[] = [
  {
    name: 'node.mjs',
    command: nodeRuntime(),
    handler: NODE_HANDLER,
    broken: { files: NODE_BROKEN, errorType: IMPORT_ERROR },
    streams: true,
    several: true,
    onSigterm: 'goes on',
    full: true,
  },
  {
    name: 'python.py',
    command: python ? [python, runtimeFile('python.py')] : undefined,
    handler: PYTHON_HANDLER,
    broken: { files: PYTHON_BROKEN, errorType: IMPORT_ERROR },
    streams: false,
    several: true,
    onSigterm: 'goes on',
    full: true,
  },
  {
    name: 'awslambdaric',
    command: ricPython ? [ricPython, '-m', 'awslambdaric', 'index.handler'] : undefined,
    handler: PYTHON_HANDLER,
    broken: { files: PYTHON_BROKEN, errorType: IMPORT_ERROR },
    streams: false,
    several: true,
    onSigterm: 'goes on',
    full: true,
  },
  {
    name: 'aws-lambda-ric',
    command: nodeClient
      ? [process.execPath, join(nodeClient, 'node_modules/aws-lambda-ric/bin/index.mjs'), 'index.handler']
      : undefined,
    handler: NODE_HANDLER,
    broken: { files: NODE_BROKEN, errorType: IMPORT_ERROR },
    streams: true,
    several: false,
    onSigterm: 'goes on',
    full: true,
  },
  {
    name: 'aws-lambda-java',
    command: javaFunction ? javaCommand(javaFunction, 'Function') : undefined,
    handler: {},
    broken: {
      files: {},
      errorType: 'java.lang.ClassNotFoundException',
      command: javaCommand(javaFunction ?? '', 'no.such.package.Function'),
      isLate: true,
    },
    streams: false,
    several: false,
    onSigterm: 'ends',
    full: true,
  },
  {
    name: 'aws-lambda-go',
    command: goFunction ? [goFunction] : undefined,
    handler: {},
    broken: undefined,
    streams: true,
    several: true,
    onSigterm: 'ends',
    full: true,
  },
  {
    name: 'a shell bootstrap',
    command: hasCurl ? ['/bin/sh', 'bootstrap'] : undefined,
    handler: SHELL_BOOTSTRAP,
    broken: undefined,
    streams: true,
    several: false,
    onSigterm: 'goes on',
    full: false,
  },
];

async function invoke(adapter: TestAdapter, event: object, headers: Record<string, string> = {}) {
  const path = '/2015-03-31/functions/hello/invocations';
  const answer = await ask(adapter.httpPort, path, { method: 'POST', body: JSON.stringify(event), headers });
  return { error: answer.headers['x-amz-function-error'], value: JSON.parse(answer.body.toString('utf8')) as never };
}

const matrix = new ConformanceMatrix();

describe.each(clients)('$name', (client) => {
  const { name, command: found, handler, broken, streams, several, onSigterm, full } = client;
  const command = found ?? [];
  const all = test.skipIf(!found);
  const shows = (cell: Case, what = '✓') => matrix.record(name, cell, what);

  all('answers, one invocation after another', async () => {
    const { adapter } = await serving(command, handler);
    for (let n = 0; n < 5; n++) {
      expect(await invoke(adapter, { n })).toEqual({ error: undefined, value: { echo: { n }, text: 'ü✓' } });
    }
    shows('success');
  });

  all('reports errors and goes on', async () => {
    const { adapter } = await serving(command, handler);
    const { error, value } = await invoke(adapter, { do: 'fail' });
    expect(error).toBe('Unhandled');
    expect(value).toMatchObject({ errorType: 'ValueError', errorMessage: 'asked for' });
    expect((await invoke(adapter, { n: 1 })).error).toBeUndefined();
    shows('error');
  });

  if (broken) {
    all('an init error is told with its own text, and the process ends', async () => {
      const adapter = await testAdapter();
      const runtime = startRuntime(broken.command ?? command, codeFolder(broken.files), adapter.runtimePorts[0] ?? 0);
      const { error, value } = await invoke(adapter, {});
      expect(error).toBe('Unhandled');
      expect(value).toMatchObject({
        errorType: broken.errorType,
        errorMessage: expect.stringMatching(/no.such.package/),
      });
      if (broken.isLate) {
        expect(adapter.front.ready).toBe(true);
        shows('init error', 'told by each invocation');
        return;
      }
      expect(await runtime.exited, 'it ends, so that ECS restarts it').toBeGreaterThan(0);
      expect(adapter.front.ready).toBe(false);
      shows('init error');
    });
  } else {
    shows('init error', 'ends, tells none');
  }

  all('a slow one is told so; it is used again when it has finished', async () => {
    const { adapter, runtimes } = await serving(command, handler, { env: { LAMBDACONTAINER_TIMEOUT_MS: '700' } });
    const { error, value } = await invoke(adapter, { do: 'sleep', ms: 1200 });
    expect(error).toBe('Unhandled');
    expect(value).toMatchObject({ errorType: 'Sandbox.Timedout' });
    expect(adapter.front.ready).toBe(false);
    await runtimes[0]?.says('sleeping');
    await adapter.whenReady();
    expect(await invoke(adapter, { n: 1 })).toMatchObject({ error: undefined });
    shows('timeout');
  });

  all('6 MB either way, and more is an error that costs nothing else', async () => {
    const { adapter } = await serving(command, handler);
    const size = 6 * 1024 * 1024 - 100;
    expect((await invoke(adapter, { do: 'size', text: 'x'.repeat(size) })).value).toBe(size);
    expect(((await invoke(adapter, { do: 'fill', size })).value as string).length).toBe(size);
    const { error, value } = await invoke(adapter, { do: 'fill', size: 6 * 1024 * 1024 + 200 });
    expect([error, (value as { errorType: string }).errorType]).toEqual(['Unhandled', 'Function.ResponseSizeTooLarge']);
    shows('6 MB body');
  });

  if (streams) {
    all('a streamed answer goes through with its status, headers and cookies', async () => {
      const { adapter } = await serving(command, handler, { runtimeEnv: { STREAMS: '1', GO_FUNCTION_STREAMS: '1' } });
      const answer = await ask(adapter.httpPort, '/stream');
      expect(answer).toMatchObject({
        status: 202,
        headers: { 'content-type': 'text/plain', 'set-cookie': ['a=1'], 'transfer-encoding': 'chunked' },
        body: Buffer.from('one two'),
      });
      if (full) await expect(ask(adapter.httpPort, '/breaks')).rejects.toThrow('aborted');
      expect((await ask(adapter.httpPort, '/stream')).status).toBe(202);
      shows('streaming');
    });
  } else {
    shows('streaming', 'has none');
  }

  all('48 concurrent callers of 3 processes each get their own answer', async () => {
    const { adapter } = await serving(command, handler, { processes: 3 });
    const answers = await Promise.all(Array.from({ length: 48 }, (_, n) => invoke(adapter, { n })));
    expect(answers.map(({ value }) => value)).toEqual(answers.map((_, n) => ({ echo: { n }, text: 'ü✓' })));
    if (!several) shows('concurrency', '✓, one per process');
  });

  if (several) {
    all('one process takes several at once, up to its limit', async () => {
      const { adapter } = await serving(command, handler, {
        env: { LAMBDACONTAINER_MAX_CONCURRENCY: '4' },
        runtimeEnv: { AWS_LAMBDA_MAX_CONCURRENCY: '4' },
      });
      // Four that sleep are only over together when they sleep beside each other; a fifth waits.
      const sleepers = Array.from({ length: 4 }, () => invoke(adapter, { do: 'sleep', ms: 400 }));
      await adapter.whenRunning(4);
      const fifth = invoke(adapter, { n: 5 });
      expect((await Promise.all(sleepers)).map(({ value }) => value)).toEqual(Array(4).fill('slept'));
      expect((await fifth).value).toMatchObject({ echo: { n: 5 } });
      const answers = await Promise.all(Array.from({ length: 40 }, (_, n) => invoke(adapter, { n })));
      expect(answers.map(({ value }) => value)).toEqual(answers.map((_, n) => ({ echo: { n }, text: 'ü✓' })));
      shows('concurrency', '✓, several per process');
    });
  }

  all('a process that is killed while it waits comes back when restarted', async () => {
    const { adapter, runtimes, folder } = await serving(command, handler);
    runtimes[0]?.kill('SIGKILL');
    await adapter.until(() => adapter.logLines.some((line) => line.startsWith('runtime is gone')));
    expect(adapter.front.ready).toBe(false);
    startRuntime(command, folder, adapter.runtimePorts[0] ?? 0);
    expect((await invoke(adapter, { n: 1 })).error).toBeUndefined();
  });

  all.each(full ? ['crash', 'exit'] : ['crash'])(
    '%s in mid-invocation: this one fails, the restarted process serves',
    async (how) => {
      const { adapter, runtimes, folder } = await serving(command, handler);
      const failing = invoke(adapter, { do: how });
      await runtimes[0]?.exited;
      // Where a connection proves nothing, the restarted process does, by asking for work.
      startRuntime(command, folder, adapter.runtimePorts[0] ?? 0);
      const { error, value } = await failing;
      expect(error).toBe('Unhandled');
      expect(value).toMatchObject({ errorType: 'Runtime.ExitError' });
      expect((await invoke(adapter, { n: 1 })).error).toBeUndefined();
      if (how === 'crash') shows('crash');
    },
  );

  test.skipIf(!found || !canBeFirst)('SIGTERM in mid-invocation, as the first process of its container', async () => {
    const { adapter, runtimes, folder } = await serving([...asFirst, ...command], handler);
    const [runtime] = runtimes;
    const sleeping = invoke(adapter, { do: 'sleep', ms: 1200 });
    await runtime?.says('sleeping');
    process.kill(onlyChild(runtime?.child.pid ?? 0), 'SIGTERM');
    if (onSigterm === 'goes on') {
      expect(await sleeping).toEqual({ error: undefined, value: 'slept' });
      expect((await invoke(adapter, { n: 1 })).error).toBeUndefined();
      shows('SIGTERM', 'goes on and finishes');
    } else {
      await runtime?.exited;
      startRuntime(command, folder, adapter.runtimePorts[0] ?? 0);
      expect((await sleeping).value).toMatchObject({ errorType: 'Runtime.ExitError' });
      shows('SIGTERM', 'ends at once: 502');
    }
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

  all('a result that is not JSON is an error', async () => {
    const { adapter } = await serving(command, handler);
    expect((await invoke(adapter, { do: 'unserialisable' })).error).toBe('Unhandled');
    expect((await invoke(adapter, { n: 1 })).error).toBeUndefined();
  });
});

test.skipIf(!goFunction)('a Go function that asks for SIGTERM gets it as an extension would', async () => {
  const runtimeEnv = { GO_FUNCTION_SIGTERM: '1' };
  const { adapter, runtimes } = await serving([goFunction ?? ''], {}, { runtimeEnv });
  expect(await invoke(adapter, { n: 1 })).toMatchObject({ error: undefined });
  expect(adapter.logLines.some((line) => line.includes('extension registered'))).toBe(true);
  runtimes[0]?.kill('SIGTERM');
  await runtimes[0]?.says('told to end');
});

test('docs/compatibility.md says what was shown', () => {
  expect(matrix.stale(clients.map(({ name }) => name))).toEqual([]);
});

/** The process that `unshare` has started: the first in its own world, an ordinary one in ours. */
function onlyChild(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim());
}
