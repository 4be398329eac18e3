/** `invoke`: through Lambda's Invoke on the local cloud, and over HTTP to a real server on loopback. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Ports } from '../../src/aws/index.ts';
import type { Connection } from '../../src/cli/commands/connection.ts';
import { type InvokeArgs, invoke } from '../../src/cli/commands/invoke.ts';
import type { CliIo } from '../../src/cli/output/io.ts';
import { systemClock } from '../../src/core/index.ts';
import type { DesiredTable, StateTable } from '../../src/store/index.ts';
import { type LiveOptions, LiveWorld } from './live-world.ts';

const MEBIBYTE = 1024 * 1024;

describe('through Lambda', () => {
  let live: LiveWorld;
  /** What Invoke was asked. */
  let asked: Parameters<Ports['lambda']['invoke']>[];

  beforeEach(async () => {
    live = await LiveWorld.create();
    asked = [];
    await live.world.put('shop', 'checkout', { source: { functionRef: { name: 'hello' } } });
  });
  afterEach(() => live.close());

  /** Ports that write down what Invoke is asked, and may answer for it. */
  function ports(answer: Partial<Awaited<ReturnType<Ports['lambda']['invoke']>>> = {}): Ports {
    return {
      ...live.aws,
      lambda: {
        ...live.aws.lambda,
        invoke: async (...input) => {
          asked.push(input);
          return { ...(await live.aws.lambda.invoke(...input)), ...answer };
        },
      },
    };
  }
  const run = (args: readonly string[], options: LiveOptions = {}) =>
    live.run(['invoke', 'checkout', '-n', 'shop', ...args], { ports: ports(), ...options });

  it('prints what the function answers, and says where it was called', async () => {
    expect(await run(['--payload', '{"id":7}'])).toEqual({ code: 0, out: '{"id":7}\n', err: 'invoking in a test\n' });
    expect(asked[0]?.[0]).toMatchObject({ FunctionName: 'hello', InvocationType: 'RequestResponse' });
    expect(asked[0]?.[1]?.timeoutMs, 'a function may run for 15 minutes').toBeGreaterThanOrEqual(900_000);
  });

  it('calls the alias that the object refers to', async () => {
    await live.world.put('shop', 'aliased', { source: { functionRef: { name: 'hello', qualifier: 'live' } } });
    const ended = await live.run(['invoke', 'aliased', '-n', 'shop'], { ports: ports() });
    expect(asked[0]?.[0]).toMatchObject({ FunctionName: 'hello', Qualifier: 'live' });
    expect([ended.code, ended.err]).toEqual([1, expect.stringContaining('lambda.invoke (a test)')]);
  });

  it('takes the payload from a file, from standard input, or {}', async () => {
    const file = live.file('event.json', '{"from":"file"}');
    expect((await run(['--payload-file', file])).out).toBe('{"from":"file"}\n');
    expect((await run(['--payload-file', '-'], { stdin: '{"from":"stdin"}' })).out).toBe('{"from":"stdin"}\n');
    expect((await run([])).out).toBe('{}\n');
  });

  it('ends with 1 and the error when the function answers one', async () => {
    const Payload = Object.assign(Buffer.from('{"errorType":"TypeError","errorMessage":"x is not a function"}'), {
      transformToString: () => '',
    }) as never;
    const ended = await run([], { ports: ports({ FunctionError: 'Unhandled', Payload }) });
    expect(ended.code).toBe(1);
    expect(ended.out).toContain('"errorType":"TypeError"');
    expect(ended.err).toContain('error: the function answered an error (Unhandled): TypeError: x is not a function\n');
  });

  it('shows the end of the log when asked', async () => {
    const LogResult = Buffer.from('START\nEND\n').toString('base64');
    const { err } = await run(['--log', 'tail'], { ports: ports({ LogResult }) });
    expect(asked[0]?.[0].LogType).toBe('Tail');
    expect(err).toContain('START\nEND\n');
  });

  it.each([
    {
      type: 'Event',
      out: 'lambdacontainer/checkout accepted; what comes of it is in its log: lambdacontainer logs checkout\n',
    },
    { type: 'DryRun', out: 'lambdacontainer/checkout may be invoked\n' },
  ])('as $type waits for no answer', async ({ type, out }) => {
    expect(await run(['--type', type])).toMatchObject({ code: 0, out });
    expect(asked[0]?.[0].InvocationType).toBe(type);
  });

  it('asks in a protected context, but not for a dry run', async () => {
    const refused = await run([], { isProtected: true });
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining("context 'test' is protected")]);
    expect(asked).toEqual([]);
    expect((await run(['--yes-to', 'test'], { isProtected: true })).code).toBe(0);
    expect((await run(['--type', 'DryRun'], { isProtected: true })).code).toBe(0);
  });

  const mistakes: { name: string; args: () => string[]; code: number; says: string }[] = [
    { name: 'no JSON', args: () => ['--payload', 'hello'], code: 2, says: '--payload: this is not JSON' },
    {
      name: 'more than 6 MB',
      args: () => ['--payload-file', live.file('big.json', JSON.stringify('x'.repeat(6 * MEBIBYTE)))],
      code: 2,
      says: 'bytes are more than the 6291456 that Lambda takes;',
    },
    {
      name: 'more than 1 MB asynchronously',
      args: () => ['--type', 'Event', '--payload-file', live.file('big.json', JSON.stringify('x'.repeat(MEBIBYTE)))],
      code: 2,
      says: 'bytes are more than the 1048576 that Lambda takes asynchronously',
    },
    { name: 'two payloads', args: () => ['--payload', '1', '--payload-file', '-'], code: 2, says: 'not both' },
    { name: 'no such file', args: () => ['--payload-file', 'none.json'], code: 2, says: 'it cannot be read (ENOENT)' },
    { name: 'flags of HTTP', args: () => ['--path', '/x'], code: 2, says: '--path: it is for --via http' },
    {
      name: 'flags of Lambda',
      args: () => ['--via', 'http', '--log', 'tail'],
      code: 2,
      says: '--log: it is for --via lambda',
    },
    { name: 'a type that is none', args: () => ['--type', 'Sync'], code: 2, says: "'Sync' is invalid" },
    { name: 'no URL yet', args: () => ['--via', 'http'], code: 1, says: 'lambdacontainer/checkout has no URL yet' },
  ];
  it.each(mistakes)('refuses $name', async ({ args, code, says }) => {
    const ended = await run(args());
    expect([ended.code, ended.err]).toEqual([code, expect.stringContaining(says)]);
    expect(asked).toEqual([]);
  });

  it('refuses what is not there, what is no object, and an object without a function', async () => {
    const refused = async (...args: string[]) => live.run(['invoke', ...args], { ports: ports() });
    expect((await refused('nobody')).err).toContain('lambdacontainer/nobody not found');
    expect((await refused('class/standard')).err).toContain('LambdaContainerClass cannot be invoked');
    await live.world.put('shop', 'image', { source: { image: { uri: 'a/b:1' } } });
    expect((await refused('image', '-n', 'shop')).err).toContain('refers to no Lambda function');
  });

  it('passes on what AWS refuses', async () => {
    await live.world.put('shop', 'lost', { source: { functionRef: { name: 'nobody' } } });
    const ended = await live.run(['invoke', 'lost', '-n', 'shop'], { ports: ports() });
    expect([ended.code, ended.err]).toEqual([1, expect.stringContaining('ResourceNotFoundException')]);
  });
});

describe('over HTTP', () => {
  let server: Server;
  let seen: {
    method: string | undefined;
    url: string | undefined;
    headers: IncomingMessage['headers'];
    body: string;
  }[];
  let status = 200;

  beforeEach(async () => {
    seen = [];
    status = 200;
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on('end', () => {
        seen.push({ method: request.method, url: request.url, headers: request.headers, body });
        response.writeHead(status, { 'content-type': 'text/plain', location: '/elsewhere' });
        response.end('answered');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  function port(): number {
    return (server.address() as AddressInfo).port;
  }

  async function send(args: Partial<InvokeArgs>, isProtected = false, url = `http://127.0.0.1:${port()}/checkout`) {
    let out = '';
    let err = '';
    const io = {
      stdout: (text: string) => {
        out += text;
      },
      stderr: (text: string) => {
        err += text;
      },
      isTTY: false,
      isInteractive: false,
      env: {},
      clock: systemClock,
      stdin: async () => '',
      signal: new AbortController().signal,
    } as unknown as CliIo;
    const key = { namespace: 'shop', name: 'checkout' };
    const connection = {
      context: 'a test',
      contextName: 'test',
      isProtected,
      defaultNamespace: 'shop',
      desired: { get: async () => ({ key, item: { ...key, spec: {} }, stored: {} }) } as unknown as DesiredTable,
      state: { status: async () => ({ url, conditions: [] }) } as unknown as StateTable,
    } as unknown as Connection;
    const code = await invoke({ words: ['checkout'], via: 'http', ...args }, io, connection);
    return { code, out, err };
  }

  it('gets what serves there', async () => {
    const { code, out, err } = await send({});
    expect([code, out]).toEqual([0, 'answered\n']);
    expect(err).toMatch(/^HTTP 200\ncontent-type: text\/plain\n/);
    expect(seen).toMatchObject([{ method: 'GET', url: '/checkout', body: '' }]);
  });

  it('sends method, path, headers and body', async () => {
    await send({ path: '/orders?x=1', header: ['X-Id: 7', 'host: shop.example.com'], payload: 'a text' });
    expect(seen).toMatchObject([
      {
        method: 'POST',
        url: '/checkout/orders?x=1',
        headers: { 'x-id': '7', host: 'shop.example.com' },
        body: 'a text',
      },
    ]);
  });

  it.each([
    { answer: 302, code: 0, reason: 'a redirect is an answer, and is not followed' },
    { answer: 404, code: 1, reason: 'the caller did something wrong' },
    { answer: 503, code: 1, reason: 'nobody serves' },
  ])('$answer ends with $code: $reason', async ({ answer, code }) => {
    status = answer;
    expect((await send({})).code).toBe(code);
    expect(seen).toHaveLength(1);
  });

  it('asks in a protected context before anything but a read', async () => {
    await expect(send({ method: 'delete' }, true)).rejects.toThrow("context 'test' is protected");
    expect(seen).toEqual([]);
    expect((await send({ method: 'get' }, true)).code).toBe(0);
    expect((await send({ method: 'delete', yesTo: 'test' }, true)).code).toBe(0);
  });

  it('says when nothing answers there', async () => {
    const free = port();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await expect(send({}, false, `http://127.0.0.1:${free}/`)).rejects.toThrow('does the load balancer answer there?');
    server = createServer().listen(0, '127.0.0.1');
  });

  it.each([
    { args: { header: ['nonsense'] }, says: "--header: 'nonsense' is not a header" },
    { args: { path: 'orders' }, says: "--path: 'orders' does not begin with / or ?" },
  ])('refuses $says', async ({ args, says }) => {
    await expect(send(args)).rejects.toThrow(says);
    expect(seen).toEqual([]);
  });
});
