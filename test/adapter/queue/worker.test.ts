/** A queue's worker with real runtimes behind it: what a task runs, but for the queue itself, which is in memory. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { readWorkerConfig } from '../../../src/adapter/config.ts';
import { QueueError } from '../../../src/adapter/queue/queue.ts';
import { startQueueWorker } from '../../../src/adapter/queue-worker.ts';
import { type Logger, systemClock, systemRandom, UserError } from '../../../src/core/index.ts';
import { ask, codeFolder, FUNCTION_ARN, nodeRuntime, startRuntime } from '../support.ts';
import { MemoryQueue } from './memory-queue.ts';

const ENV = {
  AWS_REGION: 'us-east-1',
  LAMBDACONTAINER_HTTP_PORT: '0',
  LAMBDACONTAINER_RUNTIME_APIS: '127.0.0.1:0',
  LAMBDACONTAINER_FUNCTION_ARN: FUNCTION_ARN,
  LAMBDACONTAINER_QUEUE_URL: 'https://sqs.us-east-1.amazonaws.com/000000000000/work',
};

const HANDLER = `
exports.handler = async ({ Records }) => {
  const batchItemFailures = [];
  for (const { body, messageId, attributes } of Records) {
    console.log('got ' + body + ' for the ' + attributes.ApproximateReceiveCount);
    const first = attributes.ApproximateReceiveCount === '1';
    if (body === 'crash' && first) process.kill(process.pid, 'SIGKILL');
    if (body === 'slow') await new Promise((resolve) => setTimeout(resolve, 300));
    if (body === 'fail' && first) batchItemFailures.push({ itemIdentifier: messageId });
  }
  return { batchItemFailures };
};`;

async function working(env: Record<string, string> = {}, queue = new MemoryQueue(systemClock, { visibilitySec: 1 })) {
  const lines: string[] = [];
  const log = (fields: object, message: string) => void lines.push(`${message} ${JSON.stringify(fields)}`);
  const logger: Logger = { debug: log, info: log, warn: log, error: log, child: () => logger };
  const config = readWorkerConfig({ ...ENV, ...env });
  const worker = await startQueueWorker(config, { clock: systemClock, random: systemRandom, logger, queue });
  const folder = codeFolder({ 'index.js': HANDLER });
  const start = (index: number) => startRuntime(nodeRuntime(), folder, worker.runtimePorts[index] ?? 0);
  const runtimes = worker.runtimePorts.map((_, index) => start(index));
  const emptied = async () => {
    while (queue.size > 0) await new Promise((resolve) => setImmediate(resolve));
  };
  onTestFinished(async () => {
    // Ends the long polls, so that the worker can.
    for (let i = 0; i < 10; i++) queue.send('end');
    await worker.stop();
  });
  return { worker, queue, runtimes, start, emptied, lines };
}

test('messages go through the function and are gone; its port tells how it is', async () => {
  const { worker, queue, emptied, runtimes } = await working();
  for (let n = 0; n < 30; n++) queue.send(`m${n}`);
  await emptied();
  expect(runtimes[0]?.output().match(/got m\d+ for the 1/g)).toHaveLength(30);
  expect((await ask(worker.httpPort, '/_lambdacontainer/health')).status).toBe(200);
  expect((await ask(worker.httpPort, '/_lambdacontainer/ready')).status).toBe(200);
  const metrics = (await ask(worker.httpPort, '/_lambdacontainer/metrics')).body.toString();
  expect(metrics).toMatch(/lambdacontainer_adapter_requests_total\{code="200"\} \d/);
  expect((await ask(worker.httpPort, '/')).status).toBe(404);
});

test('what failed alone comes back alone', async () => {
  const { queue, emptied, runtimes } = await working({ LAMBDACONTAINER_REPORT_BATCH_ITEM_FAILURES: 'true' });
  for (const body of ['a', 'fail', 'b']) queue.send(body);
  await emptied();
  const output = runtimes[0]?.output() ?? '';
  expect(output).toContain('got fail for the 2');
  expect(output).not.toContain('got a for the 2');
});

test('a runtime that dies in the middle loses nothing', async () => {
  const { queue, emptied, runtimes, start, lines } = await working({ LAMBDACONTAINER_BATCH_SIZE: '2' });
  for (const body of ['a', 'crash', 'b']) queue.send(body);
  await runtimes[0]?.exited;
  const restarted = start(0);
  await emptied();
  expect(lines.some((line) => /batch failed.*Runtime\.ExitError/.test(line))).toBe(true);
  expect(restarted.output()).toContain('got crash for the 2');
  expect([...queue.removed].sort()).toEqual(['a', 'b', 'crash']);
});

describe('the end', () => {
  test('waits for what is under way, and takes nothing more', async () => {
    const { worker, queue, runtimes } = await working({ LAMBDACONTAINER_BATCH_SIZE: '1' });
    queue.send('slow');
    await runtimes[0]?.says('got slow');
    queue.send('later');
    expect(await worker.stop()).toBe(true);
    expect(queue.removed).toEqual(['slow']);
    expect(queue.size).toBe(1);
    await expect(ask(worker.httpPort, '/')).rejects.toThrow('ECONNREFUSED');
  });

  test('does not wait for longer than the drain may take; the message comes back', async () => {
    const { worker, queue, runtimes } = await working({ LAMBDACONTAINER_DRAIN_MS: '20' });
    queue.send('slow');
    await runtimes[0]?.says('got slow');
    expect(await worker.stop()).toBe(false);
    expect(queue.removed).toEqual([]);
  });
});

describe('what cannot begin', () => {
  test('a queue that is not there', async () => {
    const queue = new MemoryQueue(systemClock);
    queue.faults.set('facts', { times: 1, error: new QueueError('QueueDoesNotExist', 'no such queue', false) });
    const failure = await working({}, queue).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UserError);
    expect((failure as UserError).message).toBe('the queue cannot be read: QueueDoesNotExist: no such queue');
  });

  test('settings that are missing or wrong are all named', () => {
    const env = {
      LAMBDACONTAINER_QUEUE_URL: 'work',
      LAMBDACONTAINER_BATCH_SIZE: '11',
      LAMBDACONTAINER_REPORT_BATCH_ITEM_FAILURES: 'yes',
    };
    for (const says of [
      /QUEUE_URL: 'work' is not the URL of a queue/,
      /AWS_REGION: missing/,
      /BATCH_SIZE: '11' is not a whole number from 1 to 10/,
      /REPORT_BATCH_ITEM_FAILURES: 'yes' is neither true nor false/,
      /RUNTIME_APIS: missing/,
      /FUNCTION_ARN: missing/,
    ]) {
      expect(() => readWorkerConfig(env)).toThrow(says);
    }
    expect(() => readWorkerConfig({})).toThrow(/QUEUE_URL: missing/);
  });
});
