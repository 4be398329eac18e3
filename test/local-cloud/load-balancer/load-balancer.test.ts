import { EventEmitter, once } from 'node:events';
import { Agent, request } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../src/core/index.ts';
import { Balancer, freePort, GROUP, readAll, readUntil } from './balancer.ts';

let balancer: Balancer;
beforeEach(async () => {
  balancer = await Balancer.start();
});
afterEach(async () => {
  await balancer.close();
  await balancer.quiet();
  for (const count of balancer.inFlight.values()) expect(count, 'every started request has ended').toBe(0);
});

async function restart(options: Parameters<typeof Balancer.start>[0]): Promise<void> {
  await balancer.close();
  balancer = await Balancer.start(options);
}

const page = (title: string) =>
  `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n</body>\r\n</html>\r\n`;

describe('a proxied request', () => {
  it('arrives with its method, path, headers and body, and what the load balancer adds', async () => {
    await balancer.target(1, async (incoming, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk as Buffer);
      response.end(
        JSON.stringify({
          method: incoming.method,
          url: incoming.url,
          raw: incoming.rawHeaders,
          body: Buffer.concat(chunks).toString(),
        }),
      );
    });
    const answer = await balancer.fetch('/a%20b//c?x=%41&y', {
      method: 'PATCH',
      headers: [
        'X-Case',
        'Kept',
        'x-twice',
        '1',
        'X-Twice',
        '2',
        'Content-Length',
        '5',
        'Connection',
        'X-Hop',
        'X-Hop',
        'gone',
        'TE',
        'trailers',
        'Keep-Alive',
        '5',
      ],
      body: 'hello',
    });
    const { method, url, raw, body } = JSON.parse(answer.body);
    expect({ method, url, body }).toEqual({ method: 'PATCH', url: '/a%20b//c?x=%41&y', body: 'hello' });
    const headers: [string, string][] = [];
    for (let i = 0; i < raw.length; i += 2) headers.push([raw[i], raw[i + 1]]);
    expect(headers.filter(([name]) => !/^connection$/i.test(name))).toEqual([
      ['host', 'example.com'],
      ['X-Case', 'Kept'],
      ['x-twice', '1'],
      ['X-Twice', '2'],
      ['X-Forwarded-For', '127.0.0.1'],
      ['X-Forwarded-Proto', 'http'],
      ['X-Forwarded-Port', String(balancer.port)],
      ['X-Amzn-Trace-Id', expect.stringMatching(/^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$/)],
      ['content-length', '5'],
    ]);
    expect(balancer.routed).toMatchObject([
      { host: 'example.com', path: '/a%20b//c', query: 'x=%41&y', method: 'PATCH', sourceIp: '127.0.0.1' },
    ]);
  });

  it.each([
    {
      given: ['X-Forwarded-For', '203.0.113.9', 'X-Forwarded-Proto', 'https', 'X-Forwarded-Port', '443'],
      name: 'x-forwarded-for',
      value: '203.0.113.9, 127.0.0.1',
    },
    { given: ['X-Forwarded-Proto', 'https'], name: 'x-forwarded-proto', value: 'http' },
    {
      given: ['X-Amzn-Trace-Id', 'Root=1-67891233-abcdef012345678912345678'],
      name: 'x-amzn-trace-id',
      value: /^Self=1-[0-9a-f]{8}-[0-9a-f]{24};Root=1-67891233-abcdef012345678912345678$/,
    },
    {
      given: ['X-Amzn-Trace-Id', 'Self=1-1-2;Root=1-3-4;CalledFrom=app'],
      name: 'x-amzn-trace-id',
      value: /^Self=1-[0-9a-f]{8}-[0-9a-f]{24};Root=1-3-4;CalledFrom=app$/,
    },
    {
      given: ['X-Amzn-Trace-Id', 'CalledFrom=app'],
      name: 'x-amzn-trace-id',
      value: /^Root=1-[0-9a-f]{8}-[0-9a-f]{24};CalledFrom=app$/,
    },
  ])('carries $given as $name $value', async ({ given, name, value }) => {
    await balancer.target(1, (incoming, response) => response.end(incoming.headers[name] as string));
    const { body } = await balancer.fetch('/', { headers: given });
    if (typeof value === 'string') expect(body).toBe(value);
    else expect(body).toMatch(value);
  });

  it('has its answer passed on as it is, without what is of the connection', async () => {
    await balancer.rawTarget(1, (socket) => {
      socket.once('data', () =>
        socket.end(
          'HTTP/1.1 418 Short and stout\r\nServer: mine\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nKeep-Alive: timeout=9\r\nConnection: close\r\nX-Latin: \xe9\r\nContent-Length: 3\r\n\r\nyes',
          'latin1',
        ),
      );
    });
    const answer = await balancer.fetch('/');
    expect(answer).toMatchObject({ status: 418, reason: 'Short and stout', body: 'yes' });
    expect(answer.raw.slice(0, 12)).toEqual([
      'Server',
      'mine',
      'Date',
      'Thu, 01 Jan 1970 00:00:00 GMT',
      'Set-Cookie',
      'a=1',
      'set-cookie',
      'b=2',
      'X-Latin',
      '\xe9',
      'Content-Length',
      '3',
    ]);
    expect(answer.headers['keep-alive']).not.toBe('timeout=9');
  });

  it.each([
    { method: 'HEAD', status: 200, body: '', length: '7' },
    { method: 'GET', status: 204, body: '', length: undefined },
    { method: 'GET', status: 304, body: '', length: undefined },
    { method: 'OPTIONS', status: 200, body: 'content', length: '7' },
    { method: 'DELETE', status: 200, body: 'content', length: '7' },
  ])('$method $status', async ({ method, status, body, length }) => {
    await balancer.target(1, (incoming, response) => {
      expect(incoming.method).toBe(method);
      response
        .writeHead(status, status === 200 ? { 'Content-Length': 7 } : {})
        .end(status === 200 ? 'content' : undefined);
    });
    const answer = await balancer.fetch('/', { method });
    expect(answer).toMatchObject({ status, body });
    expect(answer.headers['content-length']).toBe(length);
  });

  it('streams both ways, without waiting for the end of either', async () => {
    await balancer.target(1, (incoming, response) => {
      response.writeHead(200, { 'X-Head': 'at once' });
      response.flushHeaders();
      incoming.pipe(response);
    });
    const outgoing = request({ host: '127.0.0.1', port: balancer.port, method: 'POST', agent: false });
    outgoing.write('zero');
    const [response] = await once(outgoing, 'response');
    expect(response.headers).toMatchObject({ 'x-head': 'at once', 'transfer-encoding': 'chunked' });
    const parts = response[Symbol.asyncIterator]();
    expect(String((await parts.next()).value)).toBe('zero');
    for (const part of ['one', 'two', 'three']) {
      outgoing.write(part);
      expect(String((await parts.next()).value)).toBe(part);
    }
    outgoing.end();
    expect((await parts.next()).done).toBe(true);
  });

  it('may be large in both directions, at the pace of the slower side', async () => {
    await balancer.target(1, (incoming, response) => incoming.pipe(response));
    const body = Buffer.alloc(8 * 1024 * 1024, 'abcdefgh');
    const answer = await balancer.fetch('/', {
      method: 'POST',
      headers: ['Content-Length', String(body.length)],
      body,
    });
    expect(answer.body === body.toString()).toBe(true);
  });

  it('that expects 100-continue gets it from the load balancer, and the target never sees it', async () => {
    await balancer.target(1, (incoming, response) => {
      response.setHeader('X-Expect', String(incoming.headers.expect));
      incoming.pipe(response);
    });
    const outgoing = request({
      host: '127.0.0.1',
      port: balancer.port,
      method: 'POST',
      agent: false,
      headers: { Expect: '100-continue', 'Content-Length': 4 },
    });
    outgoing.flushHeaders();
    await once(outgoing, 'continue');
    outgoing.end('body');
    const [response] = await once(outgoing, 'response');
    expect(response.headers['x-expect']).toBe('undefined');
    let body = '';
    for await (const chunk of response) body += chunk;
    expect(body).toBe('body');
  });

  it('ignores hints (1xx) of the target', async () => {
    await balancer.target(1, (_incoming, response) => {
      response.writeEarlyHints({ link: '</a.css>; rel=preload' });
      response.end('after the hint');
    });
    expect(await balancer.fetch('/')).toMatchObject({ status: 200, body: 'after the hint' });
  });

  it('reuses connections on both sides', async () => {
    let connections = 0;
    const server = await balancer.target(1, (_incoming, response) => response.end());
    server.on('connection', () => connections++);
    const client = await balancer.connect();
    for (let i = 0; i < 5; i++) {
      client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await readUntil(client, /\r\n\r\n/);
      await balancer.quiet();
    }
    expect(connections).toBe(1);
  });

  it('of a client that has gone is broken off at the target', async () => {
    const arrived = new EventEmitter();
    await balancer.target(1, (_incoming, response) => arrived.emit('response', response));
    const client = await balancer.connect();
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const [response] = await once(arrived, 'response');
    const broken = once(response, 'close');
    expect(balancer.inFlight.get('10.0.0.1')).toBe(1);
    client.destroy();
    await broken;
    await balancer.quiet();
  });
});

describe('500 requests at once over 20 connections', () => {
  it('to three targets come back to who asked, evenly spread', async () => {
    for (const n of [1, 2, 3]) {
      await balancer.target(n, async (incoming, response) => {
        let body = '';
        for await (const chunk of incoming) body += chunk;
        response.setHeader('X-Target', n);
        response.end(`${incoming.url} ${body}`);
      });
    }
    const agent = new Agent({ keepAlive: true, maxSockets: 20 });
    const ask = async (n: number) => {
      const body = n % 2 === 0 ? 'x'.repeat(n * 40) : '';
      const outgoing = request({
        host: '127.0.0.1',
        port: balancer.port,
        path: `/${n}`,
        agent,
        method: body ? 'POST' : 'GET',
      });
      outgoing.end(body);
      const [response] = await once(outgoing, 'response');
      let text = '';
      for await (const chunk of response) text += chunk;
      expect(text).toBe(`/${n} ${body}`);
      return response.headers['x-target'] as string;
    };
    const targets = await Promise.all(Array.from({ length: 500 }, (_, n) => ask(n)));
    agent.destroy();
    const share = (n: string) => targets.filter((target) => target === n).length;
    expect([share('1'), share('2'), share('3')].sort()).toEqual([166, 167, 167]);
  });
});

describe('the load balancer itself answers', () => {
  it('502 when nobody listens, and tries no other target', async () => {
    const port = await freePort();
    await balancer.deadTarget(1, { host: '127.0.0.1', port });
    let served = 0;
    await balancer.target(2, (_incoming, response) => {
      served++;
      response.end('second');
    });
    const first = await balancer.fetch('/');
    expect(first).toMatchObject({ status: 502, reason: 'Bad Gateway', body: page('502 Bad Gateway') });
    expect(first.headers).toMatchObject({
      server: 'awselb/2.0',
      'content-type': 'text/html',
      'content-length': '122',
      date: expect.any(String),
    });
    expect(served).toBe(0);
    expect((await balancer.fetch('/')).body).toBe('second');
  });

  it('502 when the target has no address', async () => {
    await balancer.deadTarget(1);
    expect((await balancer.fetch('/')).status).toBe(502);
  });

  it.each([
    { reason: 'hangs up', answer: '' },
    { reason: 'does not speak HTTP', answer: 'SSH-2.0-OpenSSH\r\n\r\n' },
  ])('502 when the target $reason, to a client that can go on', async ({ answer }) => {
    await balancer.rawTarget(1, (socket) => socket.once('data', () => socket.end(answer)));
    const client = await balancer.connect();
    for (let i = 0; i < 2; i++) {
      client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      expect(await readUntil(client, /<\/html>\r\n$/)).toMatch(
        /^HTTP\/1\.1 502 Bad Gateway\r\nServer: awselb\/2\.0\r\n/,
      );
    }
  });

  it('502, not a second attempt, when a target dies with the request, even on a connection that was used before', async () => {
    let requests = 0;
    await balancer.rawTarget(1, (socket) => {
      socket.on('data', () => {
        requests++;
        if (requests === 1) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
        else socket.destroy();
      });
    });
    expect((await balancer.fetch('/')).status).toBe(200);
    expect((await balancer.fetch('/')).status).toBe(502);
    expect(requests).toBe(2);
  });

  it('nothing, but opens a new connection, when the target closed an idle one', async () => {
    let connections = 0;
    await balancer.rawTarget(1, (socket) => {
      connections++;
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
        socket.once('close', () => closed());
        socket.end();
      });
    });
    let closed = () => {};
    for (let i = 1; i <= 3; i++) {
      const closing = new Promise<void>((resolve) => {
        closed = resolve;
      });
      expect((await balancer.fetch('/')).status).toBe(200);
      await closing;
      expect(connections).toBe(i);
    }
  });

  it('with the end of the connection when an answer breaks off', async () => {
    await balancer.rawTarget(1, (socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf', () => socket.destroy());
      });
    });
    const client = await balancer.connect();
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(await readAll(client)).toMatch(/half$/);
  });

  it('503 when there are no targets', async () => {
    const answer = await balancer.fetch('/');
    expect(answer).toMatchObject({
      status: 503,
      reason: 'Service Temporarily Unavailable',
      body: page('503 Service Temporarily Unavailable'),
    });
    expect(answer.headers['content-length']).toBe('162');
  });

  it('fixed answers and redirects as the rule says', async () => {
    balancer.decide = () => ({ type: 'fixed', status: 404, contentType: 'application/json', body: '{"é":1}' });
    const fixed = await balancer.fetch('/');
    expect(fixed).toMatchObject({ status: 404, reason: 'Not Found', body: '{"é":1}' });
    expect(fixed.headers).toMatchObject({
      server: 'awselb/2.0',
      'content-type': 'application/json',
      'content-length': '8',
    });
    balancer.decide = () => ({ type: 'redirect', status: 301, location: 'https://example.com:443/x' });
    const redirect = await balancer.fetch('/');
    expect(redirect).toMatchObject({ status: 301, body: page('301 Moved Permanently') });
    expect(redirect.headers).toMatchObject({ location: 'https://example.com:443/x', 'content-length': '134' });
  });

  it('405 to TRACE, 400 to what is no path, 500 when routing fails', async () => {
    await balancer.target(1, (_incoming, response) => response.end());
    expect((await balancer.fetch('/', { method: 'TRACE' })).status).toBe(405);
    expect((await balancer.fetch('*', { method: 'OPTIONS' })).status).toBe(400);
    balancer.decide = () => {
      throw new Error('a defect');
    };
    expect((await balancer.fetch('/')).status).toBe(500);
  });

  it('asks the injected randomness when the rule does', async () => {
    const drawn: number[] = [];
    balancer.decide = (_request, random) => {
      drawn.push(random());
      return { type: 'forward', targetGroupArn: GROUP };
    };
    await balancer.fetch('/');
    await balancer.fetch('/');
    expect(new Set(drawn).size).toBe(2);
  });
});

describe('the idle timeout', () => {
  it('answers 504 when the target says nothing', async () => {
    await restart({ idleTimeoutMs: 60 });
    let broken: Promise<unknown> = Promise.resolve();
    await balancer.target(1, (_incoming, response) => {
      broken = once(response, 'close');
    });
    const answer = await balancer.fetch('/');
    expect(answer).toMatchObject({ status: 504, reason: 'Gateway Time-out', body: page('504 Gateway Time-out') });
    await broken;
  });

  it('ends the connection when the target falls silent in the middle', async () => {
    await restart({ idleTimeoutMs: 60 });
    await balancer.target(1, (_incoming, response) => {
      response.writeHead(200, { 'Content-Length': 100 }).write('some');
    });
    const client = await balancer.connect();
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(await readAll(client)).toMatch(/some$/);
  });

  it('is 60 seconds, and begins anew with everything that moves', async () => {
    const clock = new VirtualClock();
    await restart({ clock });
    let write: (text: string) => void = () => {};
    await balancer.target(1, (_incoming, response) => {
      write = (text) => response.write(text);
      write('0');
    });
    const client = await balancer.connect();
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await readUntil(client, /0\r\n$/);
    const startMs = clock.now();
    for (let i = 1; i <= 3; i++) {
      clock.after(40_000, () => {});
      while (clock.now() < startMs + i * 40_000) clock.step();
      write(String(i));
      await readUntil(client, new RegExp(`${i}\r\n$`));
    }
    const ended = readAll(client);
    while (clock.step());
    await ended;
    expect(clock.now() - startMs).toBe(180_000);
  });
});

const SWITCHED = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
const HANDSHAKE =
  'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n';

describe('WebSockets', () => {
  it('are passed to the target, bytes that were sent ahead included, until one side ends', async () => {
    const server = await balancer.target(1, (_incoming, response) => response.end());
    server.on('upgrade', (incoming, socket, head) => {
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Path: ${incoming.url}\r\nX-For: ${incoming.headers['x-forwarded-for']}\r\n\r\nwelcome ${head}`,
      );
      socket.on('data', (chunk: Buffer) => socket.write(`echo ${chunk}`));
    });
    const client = await balancer.connect();
    client.write(HANDSHAKE);
    const head = await readUntil(client, /welcome/);
    expect(head).toMatch(
      /^HTTP\/1\.1 101 Switching Protocols\r\n[\s\S]*X-Path: \/chat\r\nX-For: 127\.0\.0\.1\r\n\r\nwelcome /,
    );
    client.write('ping');
    await readUntil(client, /echo ping/);
    expect(balancer.inFlight.get('10.0.0.1')).toBe(1);
    client.end();
    await balancer.quiet();
  });

  it('end at both sides when the target ends', async () => {
    const server = await balancer.target(1, (_incoming, response) => response.end());
    server.on('upgrade', (_incoming, socket) =>
      socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nbye'),
    );
    const client = await balancer.connect();
    client.write(HANDSHAKE);
    expect(await readAll(client)).toMatch(/bye$/);
    await balancer.quiet();
  });

  it('time out when nothing moves', async () => {
    await restart({ idleTimeoutMs: 60 });
    const server = await balancer.target(1, (_incoming, response) => response.end());
    server.on('upgrade', (_incoming, socket) =>
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'),
    );
    const client = await balancer.connect();
    client.write(HANDSHAKE);
    expect(await readAll(client)).toMatch(/^HTTP\/1\.1 101 [\s\S]*\r\n\r\n$/);
    await balancer.quiet();
  });

  it('are over for both sides when the client says that it has nothing more to say', async () => {
    const server = await balancer.target(1, (_incoming, response) => response.end());
    const told = new EventEmitter();
    server.on('upgrade', (_incoming, socket) => {
      socket.write(SWITCHED);
      // It keeps its own half open, as node's HTTP server does.
      socket.on('data', (chunk: Buffer) => told.emit('chunk', String(chunk)));
    });
    const client = await balancer.connect();
    client.write(HANDSHAKE);
    await readUntil(client, /101/);
    const last = once(told, 'chunk');
    client.end('last words');
    expect(await last).toEqual(['last words']);
    await balancer.quiet();
  });

  it.each([
    {
      reason: 'a target that refuses has its answer passed on',
      setUp: () =>
        balancer.target(1, (_incoming, response) => response.writeHead(426, { 'X-Why': 'no' }).end('upgrade?')),
      answer: /^HTTP\/1\.1 426 [\s\S]*X-Why: no\r\n[\s\S]*upgrade\?/,
    },
    {
      reason: '502 when nobody listens',
      setUp: async () => balancer.deadTarget(1, { host: '127.0.0.1', port: await freePort() }),
      answer: /^HTTP\/1\.1 502 /,
    },
    { reason: '503 without targets', setUp: () => {}, answer: /^HTTP\/1\.1 503 / },
    { reason: '400 to a function', setUp: () => balancer.lambda(), answer: /^HTTP\/1\.1 400 / },
  ])('$reason', async ({ setUp, answer }) => {
    await setUp();
    const client = await balancer.connect();
    client.write(HANDSHAKE);
    expect(await readAll(client)).toMatch(answer);
    await balancer.quiet();
  });

  it('are not what an offer of HTTP/2 means: it is ignored, body and all, and the connection lives on', async () => {
    await balancer.target(1, (incoming, response) => {
      expect(incoming.headers.upgrade).toBeUndefined();
      incoming.pipe(response);
    });
    const client = await balancer.connect();
    for (const body of ['first', 'second']) {
      client.write(
        `POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
      expect(await readUntil(client, new RegExp(`${body}\r\n0\r\n\r\n$`))).toMatch(/^HTTP\/1\.1 200 OK/);
    }
  });
});

describe('listeners', () => {
  it('open, move and close with the table; what is in flight on a closed one ends in peace', async () => {
    let finish: () => void = () => {};
    const arrived = new Promise<void>((resolve) => {
      balancer.answer = () => {
        resolve();
        return new Promise((answer) => {
          finish = () => answer({ statusCode: 200, body: 'late' });
        });
      };
    });
    balancer.lambda();
    const late = balancer.fetch('/');
    await arrived;
    const [listener] = balancer.table;
    const port = await freePort();
    balancer.table = [{ arn: listener?.arn ?? '', port }];
    await Promise.all([balancer.loadBalancer.syncListeners(), balancer.loadBalancer.syncListeners()]);
    await expect(balancer.fetch('/')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    finish();
    expect((await late).body).toBe('late');
    balancer.answer = () => ({ statusCode: 200, body: 'moved' });
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('moved');
    balancer.table = [];
    await balancer.loadBalancer.syncListeners();
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
  });

  it('whose port is taken are named in the error, keep none of the others from opening, and are tried again', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const other = await freePort();
    balancer.decide = () => ({ type: 'fixed', status: 200, contentType: 'text/plain', body: 'open' });
    balancer.table = [...balancer.table, { arn: 'taken', port }, { arn: 'other', port: other }];
    await expect(balancer.loadBalancer.syncListeners()).rejects.toMatchObject({
      port,
      message: expect.stringContaining(`port ${port} of 127.0.0.1 is already in use`),
    });
    expect(await (await fetch(`http://127.0.0.1:${other}/`)).text()).toBe('open');
    taken.close();
    await once(taken, 'close');
    await balancer.loadBalancer.syncListeners();
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('open');
  });

  it('close with everything that is in flight', async () => {
    const arrived = new EventEmitter();
    const server = await balancer.target(1, () => arrived.emit('request'));
    server.on('upgrade', (_incoming, socket) => socket.write(SWITCHED));
    const client = await balancer.connect();
    client.write(HANDSHAKE);
    await readUntil(client, /101/);
    const requested = once(arrived, 'request');
    const broken = balancer.fetch('/');
    const rejected = expect(broken).rejects.toThrow();
    await requested;
    await balancer.loadBalancer.close();
    await rejected;
    await readAll(client);
    await balancer.loadBalancer.close();
  });
});
