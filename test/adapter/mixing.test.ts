/**
 * Nobody gets somebody else's answer: requests of all kinds, on connections that are used again, by clients that leave in
 * the middle, against several processes or one that takes several at once. Every answer names the request that it is for.
 */
import { Agent } from 'node:http';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ask, nodeRuntime, serving, type TestAdapter } from './support.ts';

const HANDLER = {
  'index.js': `
const turns = async (n) => { for (let i = 0; i < n; i++) await new Promise((resolve) => setImmediate(resolve)); };
exports.handler = async (event, context) => {
  const { id, do: what, turns: n } = event.queryStringParameters;
  await turns(Number(n));
  if (what === 'fail') throw new Error(id);
  const body = event.isBase64Encoded ? Buffer.from(event.body, 'base64').toString() : event.body;
  return {
    statusCode: 200,
    headers: { 'Content-Type': 'text/plain', 'X-Id': id, 'X-Lambda-Id': context.awsRequestId, 'X-Trace': process.env._X_AMZN_TRACE_ID ?? '' },
    body: body === '' ? id : body,
  };
};`,
};

interface Step {
  readonly what: 'get' | 'post' | 'fail' | 'leave';
  /** Turns of the event loop that the handler takes, so that answers overtake each other. */
  readonly turns: number;
  readonly bytes: number;
}

const steps = fc.array(
  fc.record<Step>({
    what: fc.constantFrom('get', 'get', 'post', 'post', 'fail', 'leave'),
    turns: fc.integer({ min: 0, max: 5 }),
    bytes: fc.integer({ min: 1, max: 100_000 }),
  }),
  { minLength: 20, maxLength: 120 },
);

let ids = 0;

async function take(adapter: TestAdapter, agent: Agent, step: Step): Promise<string | undefined> {
  const id = `id-${++ids}`;
  const path = `/?id=${id}&do=${step.what}&turns=${step.turns}`;
  if (step.what === 'leave') {
    const controller = new AbortController();
    const left = ask(adapter.httpPort, path, { signal: controller.signal }).catch(() => undefined);
    for (let i = 0; i < step.turns; i++) await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    await left;
    return undefined;
  }
  const body = step.what === 'post' ? `${id} ${'x'.repeat(step.bytes)}` : undefined;
  const answer = await ask(adapter.httpPort, path, {
    agent,
    headers: { 'X-Amzn-Trace-Id': `Root=${id}` },
    ...(body === undefined ? {} : { method: 'POST', body }),
  });
  if (step.what === 'fail') {
    expect(answer.status).toBe(502);
    return undefined;
  }
  expect([answer.status, answer.headers['x-id'], answer.body.toString()]).toEqual([200, id, body ?? id]);
  return String(answer.headers['x-lambda-id']);
}

test.each([
  ['one process', 1, 1],
  ['three processes', 3, 1],
  ['one process that takes four at once', 1, 4],
])('%s', async (_reason, processes, concurrency) => {
  const several = concurrency > 1 ? { AWS_LAMBDA_MAX_CONCURRENCY: String(concurrency) } : {};
  const { adapter } = await serving(nodeRuntime(), HANDLER, {
    processes,
    env: { LAMBDACONTAINER_MAX_CONCURRENCY: String(concurrency), LAMBDACONTAINER_QUEUE_MAX: '1000' },
    runtimeEnv: several as Record<string, string>,
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(steps, async (plan) => {
      const lambdaIds = await Promise.all(plan.map((step) => take(adapter, agent, step)));
      for (const id of lambdaIds.filter((one) => one !== undefined)) {
        // No invocation was handed out twice.
        expect(seen.has(id)).toBe(false);
        seen.add(id);
      }
    }),
    { numRuns: 8 },
  );
  agent.destroy();
});
