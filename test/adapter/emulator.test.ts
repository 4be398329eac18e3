/**
 * The adapter beside AWS's own emulator, at concurrency 1 (beyond it the emulator dies): the same events through the same
 * official Python client must be answered with the same bytes. The emulator is a file in the wheel of `aws-sam-cli`
 * (samcli/local/rapid/aws-lambda-rie-x86_64); it is looked for at LAMBDA_EMULATOR and <tmp>/aws-lambda-rie.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type Answer, ask, codeFolder, python, serving } from './support.ts';

const emulator = [process.env.LAMBDA_EMULATOR, join(tmpdir(), 'aws-lambda-rie')].find(
  (file) => file !== undefined && existsSync(file),
);
const ricPython = [join(tmpdir(), 'lambdacontainer-ric/bin/python'), ...(python ? [python] : [])].find(
  (name) => spawnSync(name, ['-c', 'import awslambdaric, runtime_client']).status === 0,
);

const HANDLER = {
  'index.py': `
def handler(event, context):
    do = event.get('do') if isinstance(event, dict) else None
    if do == 'fail':
        raise ValueError('asked for ü')
    if do == 'nothing':
        return None
    if do == 'unserialisable':
        return {1, 2}
    if do == 'bytes':
        return b'\\x00\\xff'
    if do == 'large':
        return 'x' * 1000000
    if do == 'context':
        return [context.function_version, context.identity.cognito_identity_id, context.client_context is None]
    return {'echo': event}
`,
};

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Resolves with a way to invoke through the emulator. */
async function emulated(command: readonly string[]) {
  const folder = codeFolder(HANDLER);
  const [port, runtimePort] = [await freePort(), await freePort()];
  const child: ChildProcess = spawn(
    emulator ?? '',
    [
      ...['--runtime-interface-emulator-address', `127.0.0.1:${port}`],
      ...['--runtime-api-address', `127.0.0.1:${runtimePort}`, ...command],
    ],
    {
      cwd: folder,
      env: { PATH: process.env.PATH ?? '', LAMBDA_TASK_ROOT: folder, AWS_LAMBDA_FUNCTION_VERSION: '$LATEST' },
      stdio: 'ignore',
      detached: true,
    },
  );
  onTestFinished(async () => {
    const closed = once(child, 'close');
    process.kill(-(child.pid ?? 0), 'SIGKILL');
    await closed;
  });
  const path = '/2015-03-31/functions/function/invocations';
  const invoke = (body: string) => ask(port, path, { method: 'POST', body });
  // It says nowhere that it listens.
  for (;;) {
    const listens = await ask(port, '/').then(
      () => true,
      () => false,
    );
    if (listens) return invoke;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** What must be equal: the payload, but for the id of the request and where the code lies. */
function shown(answer: Answer): unknown {
  const text = answer.body.toString('latin1');
  try {
    const value = JSON.parse(answer.body.toString('utf8')) as unknown;
    if (typeof value !== 'object' || value === null || !('errorType' in value)) return text;
    const { errorType, errorMessage } = value as Record<string, unknown>;
    return { errorType, errorMessage };
  } catch {
    return text;
  }
}

const EVENTS = [
  '{}',
  '{"a":[1,2.5,-0,1e30,true,null,"ü✓\\u0000\\ud83d\\ude00"]}',
  '[]',
  '"text"',
  '17',
  'null',
  ' { "spaced" : 1 } ',
  '{"do":"fail"}',
  '{"do":"nothing"}',
  '{"do":"unserialisable"}',
  '{"do":"bytes"}',
  '{"do":"large"}',
  '{"do":"context"}',
  JSON.stringify({ text: 'x'.repeat(1_000_000) }),
];

const missing = emulator ? (ricPython ? '' : 'awslambdaric is missing') : 'the emulator is missing';
test.skipIf(missing !== '')(
  `the same events have the same answers${missing && ` (skipped: ${missing})`}`,
  async () => {
    const command = [ricPython ?? '', '-m', 'awslambdaric', 'index.handler'];
    const theirs = await emulated(command);
    const { adapter } = await serving(command, HANDLER);
    const ours = (body: string) =>
      ask(adapter.httpPort, '/2015-03-31/functions/hello/invocations', { method: 'POST', body });
    for (const event of EVENTS) {
      const [expected, given] = [await theirs(event), await ours(event)];
      expect([event.slice(0, 80), given.status, shown(given)]).toEqual([
        event.slice(0, 80),
        expected.status,
        shown(expected),
      ]);
    }
  },
  60_000,
);
