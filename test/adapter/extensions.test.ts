/**
 * The Extensions API as the official emulator words it, and what extensions may and may not do to the invocations beside
 * them. The emulator's own answers were asked of `aws-lambda-rie` 1.170's wheel once and stand here as they came.
 */
import { Agent } from 'node:http';
import { describe, expect, onTestFinished, test } from 'vitest';
import { EXTENSION_GRACE_MS } from '../../src/adapter/extensions.ts';
import { RuntimeApi } from '../../src/adapter/runtime-api.ts';
import { VirtualClock } from '../../src/core/index.ts';
import { type Answer, ask, FUNCTION_ARN } from './support.ts';

const BASE = '/2020-01-01/extension';
const NEXT = '/2018-06-01/runtime/invocation/next';

async function started(maxConcurrency = 1) {
  const clock = new VirtualClock();
  const facts = { functionName: 'hello', functionVersion: '7', handler: '', accountId: '000000000000' };
  const api = new RuntimeApi({ clock, maxConcurrency, facts });
  const port = await api.listen();
  onTestFinished(() => api.close());
  const waiting = new Set<() => void>();
  api.onChange = () => {
    for (const check of [...waiting]) check();
  };
  const until = (condition: () => boolean) =>
    new Promise<void>((resolve) => {
      const check = () => {
        if (!condition()) return;
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      check();
    });
  const register = (name: string, events: string[], headers: Record<string, string> = {}) =>
    ask(port, `${BASE}/register`, {
      method: 'POST',
      headers: { 'Lambda-Extension-Name': name, ...headers },
      body: JSON.stringify({ events }),
    });
  const next = (id: string, agent: Agent | false = false) =>
    ask(port, `${BASE}/event/next`, { headers: { 'Lambda-Extension-Identifier': id }, agent });
  const invoke = (requestId: string) =>
    api.invoke(Buffer.from('{}'), {
      requestId,
      deadlineMs: 1_900_000_000_000,
      functionArn: FUNCTION_ARN,
      traceId: 'Root=1',
    });
  const runtimeNext = () => ask(port, NEXT).catch(() => undefined);
  const respond = (id: string) =>
    ask(port, `/2018-06-01/runtime/invocation/${id}/response`, { method: 'POST', body: '1' });
  return { api, port, clock, until, register, next, invoke, runtimeNext, respond };
}

function identifier(answer: Answer): string {
  return String(answer.headers['lambda-extension-identifier']);
}

function json(answer: Answer | undefined): Record<string, unknown> {
  return JSON.parse(String(answer?.body)) as Record<string, unknown>;
}

describe('registering', () => {
  test('tells an extension who it is and what it extends', async () => {
    const { register } = await started();
    const answer = await register('metrics', ['INVOKE', 'SHUTDOWN'], {
      'Lambda-Extension-Accept-Feature': 'accountId',
    });
    expect(answer.status).toBe(200);
    expect(identifier(answer)).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(json(answer)).toEqual({
      functionName: 'hello',
      functionVersion: '7',
      handler: '',
      accountId: '000000000000',
    });
    expect(json(await register('other', []))).not.toHaveProperty('accountId');
  });

  const refusals: {
    reason: string;
    path: string;
    method: string;
    headers?: Record<string, string>;
    body?: string;
    expected: object;
  }[] = [
    {
      reason: 'no name',
      path: '/register',
      method: 'POST',
      body: '{"events":["INVOKE"]}',
      expected: { errorMessage: 'Empty extension name', errorType: 'Extension.InvalidExtensionName' },
    },
    {
      reason: 'no JSON',
      path: '/register',
      method: 'POST',
      headers: { 'Lambda-Extension-Name': 'a' },
      body: 'x',
      expected: { errorType: 'InvalidRequestFormat' },
    },
    {
      reason: 'an event that there is not',
      path: '/register',
      method: 'POST',
      headers: { 'Lambda-Extension-Name': 'a' },
      body: '{"events":["FOO"]}',
      expected: { errorMessage: 'FOO: ErrorInvalidEventType', errorType: 'Extension.InvalidEventType' },
    },
    {
      reason: 'next without identifier',
      path: '/event/next',
      method: 'GET',
      expected: {
        errorMessage: 'Missing Lambda-Extension-Identifier header',
        errorType: 'Extension.MissingExtensionIdentifier',
      },
    },
    {
      reason: 'next with something else',
      path: '/event/next',
      method: 'GET',
      headers: { 'Lambda-Extension-Identifier': 'zzz' },
      expected: {
        errorMessage: 'Invalid Lambda-Extension-Identifier',
        errorType: 'Extension.InvalidExtensionIdentifier',
      },
    },
    {
      reason: 'next of nobody',
      path: '/event/next',
      method: 'GET',
      headers: { 'Lambda-Extension-Identifier': '11111111-1111-4111-8111-111111111111' },
      expected: {
        errorMessage: 'Unknown extension 11111111-1111-4111-8111-111111111111',
        errorType: 'Extension.UnknownExtensionIdentifier',
      },
    },
    {
      reason: 'an error of nobody',
      path: '/init/error',
      method: 'POST',
      expected: { errorType: 'Extension.MissingExtensionIdentifier' },
    },
  ];
  test.each(refusals)('refused: $reason', async ({ path, method, headers = {}, body, expected }) => {
    const { port } = await started();
    const answer = await ask(port, `${BASE}${path}`, { method, headers, ...(body === undefined ? {} : { body }) });
    expect(answer.status).toBe(403);
    expect(json(answer)).toMatchObject(expected);
  });

  test('INVOKE is refused beside a runtime that takes several at once', async () => {
    const { register } = await started(2);
    expect(json(await register('a', ['INVOKE']))).toMatchObject({ errorType: 'Extension.InvalidEventType' });
    expect((await register('b', ['SHUTDOWN'])).status).toBe(200);
  });
});

test.each([
  ['/2020-08-15/logs', { errorMessage: 'Logs API is not supported', errorType: 'Logs.NotSupported' }],
  ['/2022-07-01/telemetry', { errorMessage: 'Telemetry API is not supported', errorType: 'Telemetry.NotSupported' }],
])('a subscription to %s is accepted and says that nothing will come', async (path, expected) => {
  const { port } = await started();
  const answer = await ask(port, path, { method: 'PUT', body: '{}' });
  expect([answer.status, json(answer)]).toEqual([202, expected]);
});

describe('invocations', () => {
  test('are told, with what identifies them, to those that asked to be', async () => {
    const { register, next, invoke, runtimeNext, until, api } = await started();
    const told = next(identifier(await register('a', ['INVOKE'])));
    const quiet = next(identifier(await register('b', [])));
    quiet.catch(() => {});
    void runtimeNext();
    await until(() => api.state === 'ready');
    void invoke('id-1');
    const answer = await told;
    expect(answer.headers['lambda-extension-event-identifier']).toBeDefined();
    expect(json(answer)).toEqual({
      eventType: 'INVOKE',
      deadlineMs: 1_900_000_000_000,
      requestId: 'id-1',
      invokedFunctionArn: FUNCTION_ARN,
      tracing: { type: 'X-Amzn-Trace-Id', value: 'Root=1' },
    });
  });

  test('wait for the first `next` of every extension, and for that after each invocation', async () => {
    const { register, next, invoke, runtimeNext, respond, until, api, port } = await started();
    const id = identifier(await register('a', ['INVOKE']));
    const first = runtimeNext();
    await ask(port, '/a-round-trip-later');
    expect([api.state, api.free]).toEqual(['starting', 0]);
    const told = next(id);
    await until(() => api.state === 'ready');
    void invoke('id-1');
    await told;
    expect((await first)?.status).toBe(200);
    await respond('id-1');
    const second = runtimeNext();
    await ask(port, '/a-round-trip-later');
    expect([api.state, api.free]).toEqual(['busy', 0]);
    void invoke('id-2');
    void next(id);
    expect((await second)?.headers['lambda-runtime-aws-request-id']).toBe('id-2');
  });

  test('wait for an extension that hangs only for the grace, and only once', async () => {
    const { register, next, invoke, runtimeNext, respond, until, api, port, clock } = await started();
    const id = identifier(await register('a', ['INVOKE']));
    const told = next(id);
    void runtimeNext();
    await until(() => api.state === 'ready');
    void invoke('id-1');
    await told;
    await respond('id-1');
    void runtimeNext();
    await ask(port, '/a-round-trip-later');
    const startMs = clock.now();
    expect(await clock.run(() => api.state === 'ready', 60_000)).toBe(true);
    expect(clock.now() - startMs).toBe(EXTENSION_GRACE_MS);
    void invoke('id-2');
    await respond('id-2');
    void runtimeNext();
    await until(() => api.state === 'ready');
  });

  test('do not wait for one that has gone, failed or registered anew', async () => {
    const { register, next, runtimeNext, until, api, port } = await started();
    const agent = new Agent({ keepAlive: true });
    const gone = next(identifier(await register('gone', ['INVOKE'])), agent);
    gone.catch(() => {});
    const failing = identifier(await register('failing', ['INVOKE']));
    await register('anew', ['INVOKE']);
    const anew = identifier(await register('anew', ['INVOKE']));
    void runtimeNext();
    await ask(port, '/a-round-trip-later');
    expect(api.free).toBe(0);
    agent.destroy();
    const failed = await ask(port, `${BASE}/init/error`, {
      method: 'POST',
      headers: { 'Lambda-Extension-Identifier': failing, 'Lambda-Extension-Function-Error-Type': 'Extension.NoKey' },
      body: '{"errorMessage":"no key","errorType":"Extension.NoKey"}',
    });
    expect([failed.status, json(failed)]).toEqual([202, { status: 'OK' }]);
    void next(anew).catch(() => {});
    await until(() => api.state === 'ready');
  });
});

describe('the end', () => {
  test('is told to those that asked for it, and waited for', async () => {
    const { register, next, api, clock } = await started();
    const agent = new Agent({ keepAlive: true });
    const idle = next(identifier(await register('idle', ['SHUTDOWN'])), agent);
    const busy = identifier(await register('busy', ['INVOKE', 'SHUTDOWN']));
    const uninterested = next(identifier(await register('uninterested', [])));
    uninterested.catch(() => {});
    const ended = api.shutdown();
    expect(json(await idle)).toEqual({
      eventType: 'SHUTDOWN',
      shutdownReason: 'spindown',
      deadlineMs: clock.now() + EXTENSION_GRACE_MS,
    });
    expect(json(await next(busy))).toMatchObject({ eventType: 'SHUTDOWN' });
    agent.destroy();
    await ended;
    expect(clock.nextAtMs()).toBeUndefined();
  });

  test('is not put off by one that does not listen', async () => {
    const { register, api, clock } = await started();
    await register('deaf', ['SHUTDOWN']);
    let over = false;
    void api.shutdown().then(() => {
      over = true;
    });
    expect(await clock.run(() => over, 60_000)).toBe(true);
  });
});
