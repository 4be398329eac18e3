import { once } from 'node:events';
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  type InvocationContext,
  type Outcome,
  RESPONSE_BYTES_MAX,
  RuntimeApi,
  settled,
} from '../../src/adapter/runtime-api.ts';
import { VirtualClock } from '../../src/core/index.ts';
import { ask, FUNCTION_ARN } from './support.ts';

const NEXT = '/2018-06-01/runtime/invocation/next';
const OURS = { 'User-Agent': 'aws-lambda-python/3.13.0-4.2.2' };

function context(requestId: string, more: Partial<InvocationContext> = {}): InvocationContext {
  return { requestId, deadlineMs: 1_900_000_000_000, functionArn: FUNCTION_ARN, ...more };
}

async function started(options: { maxConcurrency?: number; graceMs?: number } = {}) {
  const clock = new VirtualClock();
  const api = new RuntimeApi({ clock, ...options });
  const port = await api.listen();
  onTestFinished(() => api.close());
  const waiting = new Set<() => void>();
  api.onChange = () => {
    for (const check of [...waiting]) check();
  };
  const until = (condition: () => boolean) =>
    new Promise<void>((resolve) => {
      const check = () => {
        if (condition()) {
          waiting.delete(check);
          resolve();
        }
      };
      waiting.add(check);
      check();
    });
  /** Resolves once a timer waits: the server has seen a connection break. */
  const armed = async () => {
    while (clock.nextAtMs() === undefined) await new Promise((resolve) => setImmediate(resolve));
  };
  return { api, port, clock, until, armed };
}

/** A `next` that waits: its request can be destroyed, its answer awaited. */
function next(port: number, headers: Record<string, string> = OURS, agent: Agent | false = false) {
  const call = request({ host: '127.0.0.1', port, path: NEXT, headers, agent });
  const answered = once(call, 'response').then(async ([response]: IncomingMessage[]) => {
    const chunks: Buffer[] = [];
    for await (const chunk of response as IncomingMessage) chunks.push(chunk as Buffer);
    return { headers: (response as IncomingMessage).headers, body: Buffer.concat(chunks).toString() };
  });
  answered.catch(() => {});
  call.on('error', () => {});
  call.end();
  return { call, answered };
}

function answer(
  port: number,
  id: string,
  body: string | Buffer,
  headers: Record<string, string> = {},
  kind = 'response',
) {
  return ask(port, `/2018-06-01/runtime/invocation/${id}/${kind}`, { method: 'POST', body, headers });
}

function errorType(outcome: Outcome): string {
  return outcome.kind === 'error' ? outcome.type : outcome.kind;
}

describe('an invocation', () => {
  test('reaches the runtime with its headers, and its answer comes back as bytes', async () => {
    const { api, port } = await started();
    const outcome = api.invoke(
      Buffer.from('{"a":1}'),
      context('id-1', { traceId: 'Root=1', clientContext: '{"c":1}', cognitoIdentity: '{"i":1}' }),
    );
    const { headers, body } = await next(port).answered;
    expect(body).toBe('{"a":1}');
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'lambda-runtime-aws-request-id': 'id-1',
      'lambda-runtime-deadline-ms': '1900000000000',
      'lambda-runtime-invoked-function-arn': FUNCTION_ARN,
      'lambda-runtime-trace-id': 'Root=1',
      'lambda-runtime-client-context': '{"c":1}',
      'lambda-runtime-cognito-identity': '{"i":1}',
    });
    const accepted = await answer(port, 'id-1', '"ok"', { 'Content-Type': 'application/json' });
    expect([accepted.status, accepted.body.toString()]).toEqual([202, '{"status":"OK"}\n']);
    expect(await outcome).toEqual({ kind: 'response', contentType: 'application/json', payload: Buffer.from('"ok"') });
  });

  test('waits for a runtime that has not asked yet, in order', async () => {
    const { api, port } = await started();
    void api.invoke(Buffer.from('1'), context('a'));
    void api.invoke(Buffer.from('2'), context('b'));
    expect(api.state).toBe('starting');
    expect((await next(port).answered).body).toBe('1');
    await answer(port, 'a', '');
    expect((await next(port).answered).body).toBe('2');
  });

  test('next is withheld while one is in flight, and the state says so', async () => {
    const { api, port, until } = await started();
    const waiting = next(port);
    await until(() => api.state === 'ready');
    expect(api.free).toBe(1);
    void api.invoke(Buffer.from('1'), context('a'));
    expect([api.state, api.free, api.inFlight]).toEqual(['busy', 0, 1]);
    await waiting.answered;
    await answer(port, 'a', '');
    expect(api.state).toBe('busy');
  });

  test('an error keeps the runtime’s own type and payload', async () => {
    const { api, port } = await started();
    const outcome = api.invoke(Buffer.from('1'), context('a'));
    await next(port).answered;
    const payload = '{"errorType":"ValueError","errorMessage":"no","stackTrace":[]}';
    expect((await answer(port, 'a', payload, { 'Lambda-Runtime-Function-Error-Type': 'Custom' }, 'error')).status).toBe(
      202,
    );
    expect(await outcome).toEqual({ kind: 'error', type: 'Custom', payload: Buffer.from(payload) });
  });

  test('an error without type header takes the type of its payload', async () => {
    const { api, port } = await started();
    const outcome = api.invoke(Buffer.from('1'), context('a'));
    await next(port).answered;
    await answer(port, 'a', '{"errorType":"ValueError"}', {}, 'error');
    expect(errorType(await outcome)).toBe('ValueError');
  });

  test('a stack trace of 1 MB in a header is accepted', async () => {
    const { api, port } = await started();
    const outcome = api.invoke(Buffer.from('1'), context('a'));
    await next(port).answered;
    const headers = { 'Lambda-Runtime-Function-XRay-Error-Cause': 'x'.repeat(1_000_000) };
    expect((await answer(port, 'a', '{}', headers, 'error')).status).toBe(202);
    expect(errorType(await outcome)).toBe('Runtime.Unknown');
  });

  test('an answer of 6 MB and 100 bytes passes, one byte more is 413 and an error', async () => {
    const { api, port } = await started();
    const fits = api.invoke(Buffer.from('1'), context('a'));
    await next(port).answered;
    await answer(port, 'a', Buffer.alloc(RESPONSE_BYTES_MAX, 'x'));
    expect((await settled(await fits)).payload.length).toBe(RESPONSE_BYTES_MAX);
    const tooLarge = api.invoke(Buffer.from('1'), context('b'));
    await next(port).answered;
    expect((await answer(port, 'b', Buffer.alloc(RESPONSE_BYTES_MAX + 1, 'x'))).status).toBe(413);
    expect(errorType(await tooLarge)).toBe('Function.ResponseSizeTooLarge');
  });

  test.each([
    ['an unknown id', 'POST', '/2018-06-01/runtime/invocation/nobody/response', 400],
    ['a path of no API', 'GET', '/2018-06-01/runtime/invocation', 404],
    ['a path of the extensions that there is not', 'GET', '/2020-01-01/extension/register', 404],
    ['a wrong method', 'GET', '/2018-06-01/runtime/invocation/a/response', 404],
  ])('%s is refused', async (_reason, method, path, status) => {
    const { port } = await started();
    expect((await ask(port, path, { method, body: method === 'POST' ? '1' : '' })).status).toBe(status);
  });

  test('the second answer to one invocation is refused', async () => {
    const { api, port } = await started();
    void api.invoke(Buffer.from('1'), context('a'));
    await next(port).answered;
    await answer(port, 'a', '1');
    expect((await answer(port, 'a', '2')).status).toBe(400);
  });
});

describe('a runtime that goes', () => {
  test('while it waits: not ready until it asks again', async () => {
    const { api, port, until } = await started();
    const waiting = next(port);
    await until(() => api.state === 'ready');
    waiting.call.destroy();
    await until(() => api.state === 'gone');
    expect(api.free).toBe(0);
    next(port);
    await until(() => api.state === 'ready');
  });

  test('in mid-invocation: the invocation fails after the grace, and only then', async () => {
    const { api, port, clock, armed } = await started();
    const startMs = clock.now();
    const outcome = api.invoke(Buffer.from('1'), context('a'));
    const taken = next(port, OURS, new Agent({ keepAlive: true }));
    await taken.answered;
    taken.call.socket?.destroy();
    await armed();
    expect(api.state).toBe('busy');
    expect(await clock.run(() => api.state === 'gone', 60_000)).toBe(true);
    expect(clock.now() - startMs).toBe(1000);
    const failed = await outcome;
    expect(errorType(failed)).toBe('Runtime.ExitError');
    expect(JSON.parse((failed as { payload: Buffer }).payload.toString())).toEqual({
      errorType: 'Runtime.ExitError',
      errorMessage: 'RequestId: a Error: Runtime exited without providing a response',
    });
  });

  test('an answer within the grace, on another connection, still counts', async () => {
    const { api, port, clock, armed } = await started();
    const outcome = api.invoke(Buffer.from('1'), context('a'));
    const taken = next(port, OURS, new Agent({ keepAlive: true }));
    await taken.answered;
    taken.call.socket?.destroy();
    await armed();
    await answer(port, 'a', '"ok"');
    expect((await outcome).kind).toBe('response');
    await clock.run(() => false, 60_000);
    expect(api.inFlight).toBe(0);
  });

  test('a client that opens a connection per call is not taken for dead', async () => {
    const { api, port, clock } = await started();
    const outcome = api.invoke(Buffer.from('1'), context('a'));
    const { call, answered } = next(port, { 'User-Agent': 'curl/8.5.0' });
    await answered;
    if (!call.destroyed) await once(call, 'close');
    await ask(port, '/a-round-trip-later');
    expect(await clock.run(() => api.inFlight === 0, 3_600_000)).toBe(false);
    await answer(port, 'a', '"late"');
    expect((await outcome).kind).toBe('response');
  });

  test.each([
    ['is', 79_000, 'gone'],
    ['is not', 81_000, 'busy'],
  ])('Go’s client %s taken for dead when its connection ends after %i ms', async (_is, ms, state) => {
    const { api, port, clock } = await started();
    const outcome = api.invoke(Buffer.from('1'), context('a'));
    const taken = next(port, { 'User-Agent': 'aws-lambda-go/go1.26' }, new Agent({ keepAlive: true }));
    await taken.answered;
    clock.after(ms, () => {});
    clock.step();
    taken.call.socket?.destroy();
    await ask(port, '/a-round-trip-later');
    await ask(port, '/and-another');
    await clock.run(() => api.inFlight === 0, 60_000);
    expect(api.state).toBe(state);
    if (state === 'gone') expect(errorType(await outcome)).toBe('Runtime.ExitError');
  });

  test('a restarted process asks for work: the old invocation fails at once, the new one is served', async () => {
    const { api, port } = await started();
    const lost = api.invoke(Buffer.from('1'), context('a'));
    await next(port, { 'User-Agent': 'aws-lambda-go/1.49' }).answered;
    const served = api.invoke(Buffer.from('2'), context('b'));
    expect((await next(port).answered).body).toBe('2');
    expect(errorType(await lost)).toBe('Runtime.ExitError');
    await answer(port, 'b', '"ok"');
    expect((await served).kind).toBe('response');
  });

  test('in the middle of its answer', async () => {
    const { api, port, clock, armed } = await started();
    const outcome = api.invoke(Buffer.from('1'), context('a'));
    await next(port, { 'User-Agent': 'aws-lambda-go/1.49' }).answered;
    const socket = connect(port, '127.0.0.1');
    const head = 'POST /2018-06-01/runtime/invocation/a/response HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n';
    await new Promise((resolve) => socket.write(`${head}\r\nhalf`, resolve));
    socket.end();
    await armed();
    expect(await clock.run(() => api.inFlight === 0, 60_000)).toBe(true);
    expect(errorType(await outcome)).toBe('Runtime.ExitError');
  });

  test('said so by the owner of the process: everything given fails', async () => {
    const { api } = await started();
    const outcome = api.invoke(Buffer.from('1'), context('a'));
    api.runtimeExited('exit status 3');
    expect((await settled(await outcome)).payload.toString()).toContain('RequestId: a Error: exit status 3');
  });
});

describe('init errors', () => {
  test('reach whoever waits, later callers too, until a new process asks for work', async () => {
    const { api, port, until } = await started();
    const early = api.invoke(Buffer.from('1'), context('a'));
    const payload = '{"errorType":"Runtime.ImportModuleError","errorMessage":"Unable to import module"}';
    const told = await ask(port, '/2018-06-01/runtime/init/error', {
      method: 'POST',
      body: payload,
      headers: { 'Lambda-Runtime-Function-Error-Type': 'Runtime.ImportModuleError' },
    });
    expect(told.status).toBe(202);
    const expected = { kind: 'error', type: 'Runtime.ImportModuleError', payload: Buffer.from(payload) };
    expect(await early).toEqual(expected);
    expect(api.state).toBe('failed');
    expect(await api.invoke(Buffer.from('2'), context('b'))).toEqual(expected);
    next(port);
    await until(() => api.state === 'ready');
    expect(api.initError).toBeUndefined();
  });
});

describe('streamed answers', () => {
  const STREAMING = { 'Lambda-Runtime-Function-Response-Mode': 'streaming', 'Transfer-Encoding': 'chunked' };

  async function streaming(trailers?: Record<string, string>) {
    const running = await started();
    const outcome = running.api.invoke(Buffer.from('1'), context('a'));
    await next(running.port).answered;
    const call: ClientRequest = request({
      host: '127.0.0.1',
      port: running.port,
      method: 'POST',
      path: '/2018-06-01/runtime/invocation/a/response',
      headers: {
        ...STREAMING,
        'Content-Type': 'text/plain',
        ...(trailers && { Trailer: Object.keys(trailers).join(', ') }),
      },
    });
    call.on('error', () => {});
    call.write('one ');
    return { ...running, call, outcome: await outcome };
  }

  test('begin before they end, and keep the runtime busy until they do', async () => {
    const { api, call, outcome, until } = await streaming();
    expect(outcome).toMatchObject({ kind: 'stream', contentType: 'text/plain' });
    expect(api.inFlight).toBe(1);
    call.end('two');
    expect((await settled(outcome)).payload.toString()).toBe('one two');
    await until(() => api.inFlight === 0);
    const [response] = (await once(call, 'response')) as [IncomingMessage];
    expect(response.statusCode).toBe(202);
    response.resume();
  });

  test('end in an error when the trailers say so', async () => {
    const trailers = {
      'Lambda-Runtime-Function-Error-Type': 'Oops',
      'Lambda-Runtime-Function-Error-Body': Buffer.from('{"errorType":"Oops"}').toString('base64'),
    };
    const { call, outcome } = await streaming(trailers);
    call.addTrailers(trailers);
    call.end();
    expect(await settled(outcome)).toEqual({
      kind: 'error',
      type: 'Oops',
      payload: Buffer.from('{"errorType":"Oops"}'),
    });
  });

  test('break when the runtime dies', async () => {
    const { api, call, outcome, until } = await streaming();
    call.destroy();
    expect(errorType(await settled(outcome))).toBe('Runtime.ExitError');
    await until(() => api.inFlight === 0);
  });
});

describe('answers that do not say that they stream', () => {
  const post = async (headers: Record<string, string>, trailers: Record<string, string>) => {
    const { api, port } = await started();
    const outcome = api.invoke(Buffer.from('1'), context('a'));
    await next(port).answered;
    const call = request({
      host: '127.0.0.1',
      port,
      method: 'POST',
      path: '/2018-06-01/runtime/invocation/a/response',
      headers: { 'Transfer-Encoding': 'chunked', Trailer: Object.keys(trailers).join(', '), ...headers },
    });
    call.write('one ');
    call.addTrailers(trailers);
    call.end('two');
    return settled(await outcome);
  };

  test('stream by their type, as Go’s client has it', async () => {
    const type = 'application/vnd.awslambda.http-integration-response';
    expect(await post({ 'Content-Type': type }, {})).toMatchObject({ kind: 'response', contentType: type });
  });

  test('fail by their trailers, as Go’s client has it', async () => {
    const trailers = {
      'Lambda-Runtime-Function-Error-Type': 'Oops',
      'Lambda-Runtime-Function-Error-Body': Buffer.from('{"errorType":"Oops"}').toString('base64'),
    };
    expect(await post({ 'Content-Type': 'application/json' }, trailers)).toEqual({
      kind: 'error',
      type: 'Oops',
      payload: Buffer.from('{"errorType":"Oops"}'),
    });
  });
});

test('a context that no header could carry as it is', async () => {
  const { api, port } = await started();
  void api.invoke(Buffer.from('1'), context('a', { clientContext: '{\r\n"ü":"\ud83d\ude00"}' }));
  const { headers } = await next(port).answered;
  expect(JSON.parse(String(headers['lambda-runtime-client-context']))).toEqual({ ü: '\u{1f600}' });
});

describe('several invocations at once', () => {
  test('are handed over up to the limit, whatever the runtime asks for', async () => {
    const { api, port, until } = await started({ maxConcurrency: 2 });
    const asked = [next(port), next(port), next(port)];
    await until(() => api.free === 2);
    const outcomes = ['a', 'b', 'c'].map((id) => api.invoke(Buffer.from(id), context(id)));
    await Promise.all(asked.slice(0, 2).map(({ answered }) => answered));
    expect([api.inFlight, api.free]).toEqual([2, 0]);
    await answer(port, 'b', '"b"');
    expect((await settled(await (outcomes[1] as Promise<Outcome>))).payload.toString()).toBe('"b"');
    expect(await asked[2]?.answered).toMatchObject({ body: 'c' });
    expect(api.inFlight).toBe(2);
  });
});
