/** The adapter as a whole, in this process, with real node runtimes behind it and real sockets in front. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { Agent, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { ask, codeFolder, FUNCTION_ARN, nodeRuntime, serving, startRuntime, testAdapter } from './support.ts';

const ECHO = `
exports.handler = async (event) => ({
  statusCode: 200,
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify(event),
});`;

/** `/hold/<name>` is answered once the test has released that name. */
const HOLD = `
const { existsSync, watch } = require('node:fs');
const { join } = require('node:path');
exports.handler = async (event) => {
  const [, verb, name] = event.path.split('/');
  const file = join(__dirname, 'released-' + name);
  if (verb === 'hold') await new Promise((resolve) => {
    const watcher = watch(__dirname, () => existsSync(file) && (watcher.close(), resolve()));
    console.log('holding ' + name);
  });
  if (verb === 'crash') process.kill(process.pid, 'SIGKILL');
  return { statusCode: 200, headers: { 'Content-Type': 'text/plain' }, body: verb + ' ' + name };
};`;

function release(folder: string, name: string): void {
  writeFileSync(`${folder}/released-${name}`, '');
}

describe('a request through to the function and back', () => {
  test('the event has what came over the wire', async () => {
    const { adapter } = await serving(nodeRuntime(), { 'index.js': ECHO });
    const answer = await ask(adapter.httpPort, '/a%20b/c?x=1&x=%202&flag', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-Twice': ['a', 'b'], 'X-Amzn-Trace-Id': 'Root=1-x' },
      body: '{"ü":"✓"}',
    });
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body.toString())).toMatchObject({
      httpMethod: 'POST',
      path: '/a%20b/c',
      queryStringParameters: { x: '%202', flag: '' },
      headers: { 'x-twice': 'b', 'x-amzn-trace-id': 'Root=1-x' },
      body: '{"ü":"✓"}',
      isBase64Encoded: false,
    });
    expect(adapter.accessLines).toEqual([
      expect.objectContaining({ method: 'POST', status: 200, bytesIn: 12, runtime: 0, traceId: 'Root=1-x' }),
    ]);
  });

  const answers: { reason: string; code: string; method?: string; expected: object }[] = [
    {
      reason: 'binary',
      code: `({ statusCode: 200, headers: { 'Content-Type': 'image/png' }, body: 'AP8Q', isBase64Encoded: true })`,
      expected: { status: 200, body: Buffer.from([0, 255, 16]), headers: { 'content-length': '3' } },
    },
    {
      reason: 'reason phrase',
      code: `({ statusCode: 404, statusDescription: '404 Nope', headers: {} })`,
      expected: { status: 404, reason: 'Nope' },
    },
    {
      reason: 'HEAD has the length and no body',
      method: 'HEAD',
      code: `({ statusCode: 200, headers: {}, body: 'hello' })`,
      expected: { status: 200, body: Buffer.alloc(0), headers: { 'content-length': '5' } },
    },
    {
      reason: '204 has neither',
      code: `({ statusCode: 204, headers: {}, body: 'ignored' })`,
      expected: { status: 204, body: Buffer.alloc(0) },
    },
    {
      reason: 'malformed',
      code: `({ statusCode: '200' })`,
      expected: { status: 502, headers: { 'content-type': 'text/html' } },
    },
    { reason: 'nothing', code: `undefined`, expected: { status: 502 } },
    { reason: 'an exception', code: `(() => { throw new Error('no') })()`, expected: { status: 502 } },
  ];
  test.each(answers)('answer: $reason', async ({ code, method = 'GET', expected }) => {
    const { adapter } = await serving(nodeRuntime(), { 'index.js': `exports.handler = async () => ${code};` });
    const given = await ask(adapter.httpPort, '/', { method });
    expect(given).toMatchObject(expected);
    if (given.status === 204) expect(given.headers).not.toHaveProperty('content-length');
  });

  test('several cookies in multi-value mode', async () => {
    const { adapter } = await serving(
      nodeRuntime(),
      {
        'index.js': `exports.handler = async (e) => ({ statusCode: 200, multiValueHeaders: { 'Set-Cookie': ['a=1', 'b=2'] }, body: JSON.stringify(e.multiValueHeaders['x-twice']) });`,
      },
      { env: { LAMBDACONTAINER_EVENT_FORMAT: 'alb-multi-value' } },
    );
    const answer = await ask(adapter.httpPort, '/', { headers: { 'X-Twice': ['a', 'b'] } });
    expect(answer.headers['set-cookie']).toEqual(['a=1', 'b=2']);
    expect(answer.body.toString()).toBe('["a","b"]');
  });

  test('a function URL’s event and answer', async () => {
    const { adapter } = await serving(
      nodeRuntime(),
      { 'index.js': `exports.handler = async (e) => ({ path: e.rawPath, cookies: e.cookies });` },
      { env: { LAMBDACONTAINER_EVENT_FORMAT: 'function-url', LAMBDACONTAINER_TARGET_GROUP_ARN: '' } },
    );
    const answer = await ask(adapter.httpPort, '/x%2Fy', { headers: { Cookie: 'a=1; b=2' } });
    expect(JSON.parse(answer.body.toString())).toEqual({ path: '/x%2Fy', cookies: ['a=1', 'b=2'] });
  });
});

describe('limits', () => {
  test('1 MB of body passes, more is 413, announced or not, and the connection stays usable', async () => {
    const { adapter } = await serving(nodeRuntime(), {
      'index.js': `exports.handler = async (e) => ({ statusCode: 200, body: String(e.body.length) });`,
    });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const headers = { 'Content-Type': 'text/plain' };
    const send = (bytes: number, more: Record<string, string> = {}) =>
      ask(adapter.httpPort, '/', {
        method: 'POST',
        headers: { ...headers, ...more },
        body: Buffer.alloc(bytes, 'x'),
        agent,
      });
    expect((await send(1024 * 1024)).body.toString()).toBe('1048576');
    expect((await send(1024 * 1024 + 1)).status).toBe(413);
    expect((await send(3 * 1024 * 1024, { 'Transfer-Encoding': 'chunked' })).status).toBe(413);
    expect((await send(10)).body.toString()).toBe('10');
    agent.destroy();
  });

  test('WebSockets are refused as by the load balancer', async () => {
    const { adapter } = await serving(nodeRuntime(), { 'index.js': ECHO });
    const answer = await ask(adapter.httpPort, '/', { headers: { Connection: 'Upgrade', Upgrade: 'websocket' } });
    expect(answer.status).toBe(400);
  });

  test('60 KB of request headers pass', async () => {
    const { adapter } = await serving(nodeRuntime(), { 'index.js': ECHO });
    const answer = await ask(adapter.httpPort, '/', { headers: { 'X-Long': 'x'.repeat(60_000) } });
    expect(answer.status).toBe(200);
  });

  test('a full queue is 503 with Retry-After, a slow runtime 504', async () => {
    const { adapter, runtimes, folder } = await serving(
      nodeRuntime(),
      { 'index.js': HOLD },
      { env: { LAMBDACONTAINER_QUEUE_MAX: '0', LAMBDACONTAINER_TIMEOUT_MS: '150' } },
    );
    const held = ask(adapter.httpPort, '/hold/a');
    await runtimes[0]?.says('holding a');
    const refused = await ask(adapter.httpPort, '/');
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1']);
    expect((await held).status).toBe(504);
    expect((await ask(adapter.httpPort, '/_lambdacontainer/ready')).status).toBe(503);
    release(folder, 'a');
  });
});

describe('reserved paths', () => {
  test('healthy while listening, ready once a runtime has asked', async () => {
    const adapter = await testAdapter();
    expect((await ask(adapter.httpPort, '/_lambdacontainer/health')).status).toBe(200);
    expect((await ask(adapter.httpPort, '/_lambdacontainer/ready')).status).toBe(503);
    startRuntime(nodeRuntime(), codeFolder({ 'index.js': ECHO }), adapter.runtimePorts[0] ?? 0);
    await adapter.until(() => adapter.front.ready);
    expect((await ask(adapter.httpPort, '/_lambdacontainer/ready')).status).toBe(200);
    expect(adapter.accessLines).toEqual([]);
  });

  test('other paths beneath belong to the function', async () => {
    const { adapter } = await serving(nodeRuntime(), { 'index.js': ECHO });
    expect(JSON.parse((await ask(adapter.httpPort, '/_lambdacontainer/other')).body.toString()).path).toBe(
      '/_lambdacontainer/other',
    );
  });
});

describe('a request of HTTP/1.1', () => {
  test.each([
    ['for no host', ''],
    ['for two hosts', 'Host: a\r\nHost: b\r\n'],
  ])('%s is refused', async (_what, hosts) => {
    const { adapter } = await serving(nodeRuntime(), { 'index.js': ECHO });
    const socket = connect({ host: '127.0.0.1', port: adapter.httpPort });
    socket.write(`GET / HTTP/1.1\r\n${hosts}\r\n`);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 400 Bad Request\r\nConnection: close\r\n/);
    await once(socket, 'close');
    expect(adapter.accessLines).toEqual([]);
  });

  test('that asks before it sends is told to go on, or that it would be too much', async () => {
    const { adapter } = await serving(nodeRuntime(), { 'index.js': ECHO });
    const said = async (length: number) => {
      const socket = connect({ host: '127.0.0.1', port: adapter.httpPort });
      socket.write(`POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`);
      const [answer] = (await once(socket, 'data')) as [Buffer];
      socket.destroy();
      return answer.toString().split('\r\n', 1)[0];
    };
    expect(await said(10)).toBe('HTTP/1.1 100 Continue');
    expect(await said(2 * 1024 * 1024)).toBe('HTTP/1.1 413 Payload Too Large');
  });
});

describe('several processes', () => {
  test('a crash costs only its own request; the restarted process serves again', async () => {
    const { adapter, runtimes, folder } = await serving(nodeRuntime(), { 'index.js': HOLD }, { processes: 2 });
    const crash = ask(adapter.httpPort, '/crash/x');
    const others = await Promise.all(Array.from({ length: 20 }, (_, index) => ask(adapter.httpPort, `/ok/${index}`)));
    expect(others.map(({ status, body }) => `${status} ${body}`)).toEqual(others.map((_, index) => `200 ok ${index}`));
    expect((await crash).status).toBe(502);
    await adapter.until(() => adapter.logLines.some((line) => line.startsWith('runtime is gone')));
    expect((await ask(adapter.httpPort, '/_lambdacontainer/ready')).status).toBe(200);
    const died = await Promise.race(runtimes.map(({ exited }, index) => exited.then(() => index)));
    startRuntime(nodeRuntime(), folder, adapter.runtimePorts[died] ?? 0);
    await adapter.until(() => adapter.logLines.filter((line) => line.startsWith('runtime is ready')).length === 3);
    expect((await ask(adapter.httpPort, '/ok/again')).status).toBe(200);
  });

  test('a process that cannot start is not routed to', async () => {
    const adapter = await testAdapter({ LAMBDACONTAINER_RUNTIME_APIS: '127.0.0.1:0,127.0.0.1:0' });
    startRuntime(
      nodeRuntime(),
      codeFolder({ 'index.js': 'throw new Error("no database")' }),
      adapter.runtimePorts[0] ?? 0,
    );
    await adapter.until(() => adapter.logLines.some((line) => line.startsWith('runtime is failed')));
    expect(adapter.logLines.join()).toContain('no database');
    startRuntime(nodeRuntime(), codeFolder({ 'index.js': ECHO }), adapter.runtimePorts[1] ?? 0);
    await adapter.until(() => adapter.front.ready);
    expect((await ask(adapter.httpPort, '/')).status).toBe(200);
  });

  test('a client that leaves while it waits takes its request along', async () => {
    const { adapter, runtimes, folder } = await serving(nodeRuntime(), { 'index.js': HOLD });
    const held = ask(adapter.httpPort, '/hold/a');
    await runtimes[0]?.says('holding a');
    const leaving = connect(adapter.httpPort, '127.0.0.1');
    await new Promise((resolve) => leaving.write('GET /hold/never HTTP/1.1\r\nHost: x\r\n\r\n', resolve));
    const staying = ask(adapter.httpPort, '/ok/b');
    leaving.destroy();
    await adapter.until(() => adapter.accessLines.some(({ status }) => status === 460));
    release(folder, 'a');
    expect((await held).status).toBe(200);
    expect((await staying).body.toString()).toBe('ok b');
    expect(runtimes[0]?.output()).not.toContain('holding never');
  });
});

describe('streaming', () => {
  const STREAM = `
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  if (event.path === '/raw') return stream.end(JSON.stringify({ statusCode: 201, body: 'raw' }));
  if (event.path === '/early') throw new Error('early');
  const metadata = { statusCode: 202, headers: { 'Content-Type': 'text/plain', 'X-A': 'b' }, cookies: ['a=1', 'b=2'] };
  stream = awslambda.HttpResponseStream.from(stream, metadata);
  stream.write('one ');
  if (event.path === '/late') throw new Error('late');
  if (event.path === '/dies') return new Promise(() => stream.write('x', () => process.kill(process.pid, 'SIGKILL')));
  if (event.path === '/large') for (let i = 0; i < 64; i++) {
    if (!stream.write('x'.repeat(262144))) await new Promise((resolve) => stream.once('drain', resolve));
  }
  stream.end('two');
});`;

  test('status, headers, cookies and body of a prelude', async () => {
    const { adapter } = await serving(nodeRuntime(), { 'index.js': STREAM });
    const answer = await ask(adapter.httpPort, '/');
    expect(answer).toMatchObject({
      status: 202,
      headers: { 'content-type': 'text/plain', 'x-a': 'b', 'set-cookie': ['a=1', 'b=2'] },
    });
    expect(answer.body.toString()).toBe('one two');
    expect(answer.headers['transfer-encoding']).toBe('chunked');
    expect((await ask(adapter.httpPort, '/', { method: 'HEAD' })).status).toBe(202);
    expect((await ask(adapter.httpPort, '/')).status).toBe(202);
  });

  test('to a client that knows no chunks: up to the end of its connection', async () => {
    const { adapter } = await serving(nodeRuntime(), { 'index.js': STREAM });
    const socket = connect({ host: '127.0.0.1', port: adapter.httpPort });
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    socket.write('GET / HTTP/1.0\r\n\r\n');
    await once(socket, 'close');
    expect(text).toMatch(/^HTTP\/1\.1 202 Accepted\r\n[\s\S]*\r\nConnection: close\r\n\r\none two$/);
    expect(text).not.toMatch(/transfer-encoding|content-length/i);
  });

  test('without a prelude the load balancer’s format reads it whole', async () => {
    const { adapter } = await serving(nodeRuntime(), { 'index.js': STREAM });
    const answer = await ask(adapter.httpPort, '/raw');
    expect([answer.status, answer.body.toString()]).toEqual([201, 'raw']);
  });

  test('an early failure is 502, a late one and a death break the answer off', async () => {
    const { adapter, folder } = await serving(nodeRuntime(), { 'index.js': STREAM });
    expect((await ask(adapter.httpPort, '/early')).status).toBe(502);
    await expect(ask(adapter.httpPort, '/late')).rejects.toThrow('aborted');
    await expect(ask(adapter.httpPort, '/dies')).rejects.toThrow('aborted');
    startRuntime(nodeRuntime(), folder, adapter.runtimePorts[0] ?? 0);
    expect((await ask(adapter.httpPort, '/')).status).toBe(202);
    expect(adapter.accessLines.map(({ error }) => error)).toEqual(['Error', 'Error', 'Runtime.ExitError', undefined]);
  });

  test('16 MB to a client that reads slowly, and to one that leaves', async () => {
    const { adapter } = await serving(nodeRuntime(), { 'index.js': STREAM });
    const call = request({ host: '127.0.0.1', port: adapter.httpPort, path: '/large', agent: false });
    call.end();
    const [response] = (await once(call, 'response')) as [IncomingMessage];
    let bytes = 0;
    for await (const chunk of response) {
      bytes += (chunk as Buffer).length;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(bytes).toBe(4 + 16 * 1024 * 1024 + 3);
    const leaving = request({ host: '127.0.0.1', port: adapter.httpPort, path: '/large', agent: false });
    leaving.on('error', () => {});
    leaving.end();
    await once(leaving, 'response');
    leaving.destroy();
    expect((await ask(adapter.httpPort, '/')).status).toBe(202);
  });
});

describe('Invoke', () => {
  const FUNCTION = `
exports.handler = async (event, context) => {
  if (event.fail) throw new TypeError('asked for');
  console.log('got ' + JSON.stringify(event));
  return { event, custom: context.clientContext?.custom, size: JSON.stringify(event).length, fill: 'x'.repeat(event.fill ?? 0) };
};`;
  const path = (name = 'hello') => `/2015-03-31/functions/${encodeURIComponent(name)}/invocations`;

  test('RequestResponse, by name, partial ARN and ARN, with client context', async () => {
    const { adapter } = await serving(nodeRuntime(), { 'index.js': FUNCTION });
    for (const name of ['hello', '000000000000:function:hello', FUNCTION_ARN, 'hello:$LATEST']) {
      const headers = { 'X-Amz-Client-Context': Buffer.from('{"custom":{"ü":1}}').toString('base64') };
      const answer = await ask(adapter.httpPort, path(name), { method: 'POST', body: '{"a":1}', headers });
      expect([name, answer.status, answer.headers['x-amz-function-error']]).toEqual([name, 200, undefined]);
      expect(answer.headers['x-amz-executed-version']).toBe('$LATEST');
      expect(JSON.parse(answer.body.toString())).toMatchObject({ event: { a: 1 }, custom: { ü: 1 } });
    }
    expect(JSON.parse((await ask(adapter.httpPort, path(), { method: 'POST' })).body.toString())).toMatchObject({
      event: {},
    });
  });

  test('the log’s tail has the platform’s lines', async () => {
    const { adapter } = await serving(nodeRuntime(), { 'index.js': FUNCTION });
    const headers = { 'X-Amz-Log-Type': 'Tail' };
    const answer = await ask(adapter.httpPort, path(), { method: 'POST', body: '{}', headers });
    const id = answer.headers['x-amzn-requestid'];
    const tail = Buffer.from(String(answer.headers['x-amz-log-result']), 'base64').toString();
    expect(tail).toMatch(new RegExp(`^START RequestId: ${id} Version: \\$LATEST\n.*\nEND RequestId: ${id}\nREPORT `));
    expect((await ask(adapter.httpPort, path(), { method: 'POST' })).headers).not.toHaveProperty('x-amz-log-result');
  });

  test('6 MB in and 6 MB out', async () => {
    const { adapter } = await serving(nodeRuntime(), { 'index.js': FUNCTION });
    const large = JSON.stringify({ text: 'x'.repeat(6 * 1024 * 1024), fill: 100 });
    const answer = await ask(adapter.httpPort, path(), { method: 'POST', body: large });
    // The answer holds the event and more, so it is over the limit: Lambda's error for that.
    expect([answer.status, answer.headers['x-amz-function-error']]).toEqual([200, 'Unhandled']);
    expect(JSON.parse(answer.body.toString()).errorType).toBe('Function.ResponseSizeTooLarge');
    const filled = await ask(adapter.httpPort, path(), {
      method: 'POST',
      body: JSON.stringify({ fill: 6 * 1024 * 1024 - 100 }),
    });
    expect(JSON.parse(filled.body.toString()).fill.length).toBe(6 * 1024 * 1024 - 100);
    const tooLarge = await ask(adapter.httpPort, path(), { method: 'POST', body: 'x'.repeat(6 * 1024 * 1024 + 101) });
    expect([tooLarge.status, tooLarge.headers['x-amzn-errortype']]).toEqual([413, 'RequestTooLargeException']);
  });

  test('a failing function is 200 with the error header', async () => {
    const { adapter } = await serving(nodeRuntime(), { 'index.js': FUNCTION });
    const answer = await ask(adapter.httpPort, path(), { method: 'POST', body: '{"fail":true}' });
    expect([answer.status, answer.headers['x-amz-function-error']]).toEqual([200, 'Unhandled']);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ errorType: 'TypeError', errorMessage: 'asked for' });
  });

  test('Event is accepted and runs, DryRun runs nothing', async () => {
    const { adapter, runtimes } = await serving(nodeRuntime(), { 'index.js': FUNCTION });
    const type = (name: string) => ({ 'X-Amz-Invocation-Type': name });
    const dry = await ask(adapter.httpPort, path(), { method: 'POST', body: '{"n":"dry"}', headers: type('DryRun') });
    expect(dry.status).toBe(204);
    const event = await ask(adapter.httpPort, path(), {
      method: 'POST',
      body: '{"n":"event"}',
      headers: type('Event'),
    });
    expect([event.status, event.body.length]).toEqual([202, 0]);
    await runtimes[0]?.says('got {"n":"event"}');
    expect(runtimes[0]?.output()).not.toContain('dry');
    const failing = await ask(adapter.httpPort, path(), { method: 'POST', body: '{"fail":1}', headers: type('Event') });
    expect(failing.status).toBe(202);
    await adapter.until(() => adapter.logLines.some((line) => line.includes('asynchronous invocation failed')));
  });

  const refused: {
    reason: string;
    name?: string;
    body?: string;
    headers?: Record<string, string>;
    status: number;
    type: string;
  }[] = [
    { reason: 'another function', name: 'other', status: 404, type: 'ResourceNotFoundException' },
    { reason: 'another version', name: 'hello:7', status: 404, type: 'ResourceNotFoundException' },
    {
      reason: 'unknown log type',
      headers: { 'X-Amz-Log-Type': 'Head' },
      status: 400,
      type: 'InvalidParameterValueException',
    },
    { reason: 'no JSON', body: '{', status: 400, type: 'InvalidRequestContentException' },
    {
      reason: 'unknown type',
      headers: { 'X-Amz-Invocation-Type': 'Later' },
      status: 400,
      type: 'InvalidParameterValueException',
    },
    {
      reason: 'broken client context',
      headers: { 'X-Amz-Client-Context': 'e30x' },
      status: 400,
      type: 'InvalidRequestContentException',
    },
  ];
  test.each(refused)('refused: $reason', async ({ name = 'hello', body = '{}', headers = {}, status, type }) => {
    const adapter = await testAdapter();
    const answer = await ask(adapter.httpPort, path(name), { method: 'POST', body, headers });
    expect([answer.status, answer.headers['x-amzn-errortype']]).toEqual([status, type]);
  });

  test('a throttled call is 429, a slow one Sandbox.Timedout', async () => {
    const { adapter, runtimes, folder } = await serving(
      nodeRuntime(),
      { 'index.js': HOLD },
      { env: { LAMBDACONTAINER_QUEUE_MAX: '0', LAMBDACONTAINER_TIMEOUT_MS: '150' } },
    );
    const held = ask(adapter.httpPort, path(), { method: 'POST', body: '{"path":"/hold/a"}' });
    await runtimes[0]?.says('holding a');
    const throttled = await ask(adapter.httpPort, path(), { method: 'POST' });
    expect([throttled.status, throttled.headers['x-amzn-errortype']]).toEqual([429, 'TooManyRequestsException']);
    const timedOut = await held;
    expect(timedOut.headers['x-amz-function-error']).toBe('Unhandled');
    expect(JSON.parse(timedOut.body.toString())).toMatchObject({
      errorType: 'Sandbox.Timedout',
      errorMessage: expect.stringContaining('Task timed out after 0.15 seconds'),
    });
    release(folder, 'a');
  });

  test('through a load balancer it is only a path of the function’s', async () => {
    const { adapter } = await serving(nodeRuntime(), { 'index.js': ECHO });
    const answer = await ask(adapter.httpPort, path(), {
      method: 'POST',
      body: '{"forged":true}',
      headers: { 'X-Forwarded-Proto': 'https' },
    });
    expect(JSON.parse(answer.body.toString())).toMatchObject({ httpMethod: 'POST', path: path() });
  });
});

describe('drain', () => {
  test('not ready at once, what is under way is finished, then the port closes', async () => {
    const { adapter, runtimes, folder } = await serving(nodeRuntime(), { 'index.js': HOLD });
    const agent = new Agent({ keepAlive: true });
    expect((await ask(adapter.httpPort, '/ok/1', { agent })).headers.connection).toBe('keep-alive');
    const held = ask(adapter.httpPort, '/hold/a');
    const waiting = ask(adapter.httpPort, '/ok/2');
    await runtimes[0]?.says('holding a');
    const closed = adapter.close();
    expect((await ask(adapter.httpPort, '/_lambdacontainer/ready')).status).toBe(503);
    expect((await ask(adapter.httpPort, '/_lambdacontainer/health')).status).toBe(200);
    const late = ask(adapter.httpPort, '/ok/3');
    release(folder, 'a');
    for (const answer of await Promise.all([held, waiting, late])) {
      expect([answer.status, answer.headers.connection]).toEqual([200, 'close']);
    }
    expect(await closed).toBe(0);
    await expect(ask(adapter.httpPort, '/')).rejects.toThrow('ECONNREFUSED');
    agent.destroy();
  });

  test('what is not finished in time is cut off and counted', async () => {
    const { adapter, runtimes } = await serving(nodeRuntime(), { 'index.js': HOLD });
    const held = ask(adapter.httpPort, '/hold/a');
    held.catch(() => {});
    await runtimes[0]?.says('holding a');
    expect(await adapter.close(20)).toBe(1);
    await expect(held).rejects.toThrow();
  });
});
