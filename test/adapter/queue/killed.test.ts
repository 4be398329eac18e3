/**
 * The queue's worker as the program that runs in its image, on the local cloud's queue over the wire: however often it is
 * killed, every message is worked on and none is left. When it is killed is seeded; how far it had come by then is the
 * machine's, and must not matter.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { seededRandom, systemClock } from '../../../src/core/index.ts';
import { BareCloud } from '../../../src/local-cloud/cloud-core.ts';
import { SqsService } from '../../../src/local-cloud/services/sqs.ts';
import { memoryState } from '../../../src/local-cloud/state/index.ts';
import { serveWire } from '../../../src/local-cloud/wire/index.ts';
import { SETTINGS } from '../../local-cloud/cloud/world.ts';
import { codeFolder, FUNCTION_ARN, nodeRuntime, startRuntime } from '../support.ts';

const MESSAGES = 80;
const KILLS = 4;
/** What the function did survives the function. */
const HANDLER = `
const { appendFileSync } = require('node:fs');
exports.handler = async ({ Records }) => {
  await new Promise((resolve) => setTimeout(resolve, 15));
  for (const { body } of Records) appendFileSync(process.env.DONE, body + '\\n');
};`;

const folder = mkdtempSync(join(tmpdir(), 'lc-queue-killed-'));
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

async function queueOnTheWire() {
  const random = seededRandom(1);
  const state = memoryState();
  let sqs: SqsService | undefined;
  const cloud = new BareCloud({ clock: systemClock, random, state }, (enter) => {
    sqs = new SqsService({ state, settings: SETTINGS, random, enter });
    return [sqs];
  });
  const wire = await serveWire({ cloud, host: '127.0.0.1', port: 0 });
  const call = (operation: string, input: object) => cloud.call('sqs', operation, input) as Record<string, never>;
  const { QueueUrl } = call('CreateQueue', { QueueName: 'work', Attributes: { VisibilityTimeout: '1' } });
  const left = () => {
    const names = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'];
    const { Attributes } = call('GetQueueAttributes', { QueueUrl, AttributeNames: names });
    return names.reduce((sum, name) => sum + Number(Attributes?.[name]), 0);
  };
  onTestFinished(async () => {
    await wire.close();
    cloud.close();
  });
  return { endpoint: `http://127.0.0.1:${wire.port}`, url: String(QueueUrl), call, left };
}

/** A task: the adapter and the function's container beside it. */
async function startTask(endpoint: string, url: string, done: string) {
  const adapter = spawn(process.execPath, [file, 'poll'], {
    env: {
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_ENDPOINT_URL: endpoint,
      LAMBDACONTAINER_HTTP_PORT: '0',
      LAMBDACONTAINER_RUNTIME_APIS: '127.0.0.1:0',
      LAMBDACONTAINER_FUNCTION_ARN: FUNCTION_ARN,
      LAMBDACONTAINER_QUEUE_URL: url,
      LAMBDACONTAINER_BATCH_SIZE: '3',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(adapter, 'exit');
  onTestFinished(() => void adapter.kill('SIGKILL'));
  let out = '';
  const port = await new Promise<number>((resolve, reject) => {
    adapter.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
      const found = /"runtimePorts":\[(\d+)/.exec(out)?.[1];
      if (found) resolve(Number(found));
    });
    exited.then(() => reject(new Error(`the adapter ended: ${out}`)), reject);
  });
  const runtime = startRuntime(nodeRuntime(), codeFolder({ 'index.js': HANDLER }), port, { DONE: done });
  return {
    /** As ECS does when a host is lost: both at once, without a word. */
    kill: async () => {
      adapter.kill('SIGKILL');
      runtime.kill('SIGKILL');
      await Promise.all([exited, runtime.exited]);
    },
  };
}

test('a worker that is killed at random loses no message', { timeout: 60_000 }, async () => {
  const random = seededRandom(42);
  const { endpoint, url, call, left } = await queueOnTheWire();
  const done = join(folder, 'done');
  const bodies = Array.from({ length: MESSAGES }, (_, i) => `m${i}`);
  for (const MessageBody of bodies) call('SendMessage', { QueueUrl: url, MessageBody });
  const worked = () => {
    try {
      return new Set(readFileSync(done, 'utf8').split('\n').filter(Boolean));
    } catch {
      return new Set<string>();
    }
  };
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  for (let kill = 0; kill < KILLS; kill++) {
    const task = await startTask(endpoint, url, done);
    const before = worked().size;
    // A kill before the first message, or in the midst of one: both happen.
    const goal = Math.min(MESSAGES - 10, before + Math.floor(random.next() * 12));
    while (worked().size < goal) await turn();
    await task.kill();
    expect(left()).toBeGreaterThan(0);
  }
  const last = await startTask(endpoint, url, done);
  while (left() > 0) await turn();
  expect([...worked()].sort()).toEqual([...bodies].sort());
  await last.kill();
});
