/**
 * Bytes that no client of good will sends, to the adapter's front and to its Runtime API: broken framing, absurd targets,
 * headers without end, answers to nothing. Each connection ends or is answered, nothing is thrown into the process (the
 * runner fails on that), and the next request of good will is served. The seed of a failure is printed.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ask, type TestAdapter, testAdapter } from './support.ts';

const NEXT = '/2018-06-01/runtime/invocation/next';
const HOST = 'Host: a\r\n';
const RUNS = process.env.EVERY ? 5_000 : 120;
const PATIENCE_MS = 300;

/** What comes back until the other side ends, or `enough` holds, or it has been silent for a while. */
async function converse(
  port: number,
  bytes: string | Buffer,
  enough: (text: string) => boolean = () => false,
): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port });
  let text = '';
  const silent = new Promise<void>((resolve) => {
    let timer = setTimeout(resolve, PATIENCE_MS);
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      clearTimeout(timer);
      if (enough(text)) resolve();
      else timer = setTimeout(resolve, PATIENCE_MS);
    });
  });
  socket.on('error', () => {});
  const ended = once(socket, 'close');
  socket.write(bytes);
  await Promise.race([silent, ended]);
  socket.destroy();
  return text;
}

const isAnswered = (text: string) => /^HTTP\/1\.1 \d{3} [\s\S]*\r\n\r\n/.test(text);

/** A runtime of good will within this process: echoes how it was asked. */
async function honestRuntime(port: number): Promise<void> {
  const ending = new AbortController();
  onTestFinished(() => ending.abort());
  const loop = async () => {
    while (!ending.signal.aborted) {
      const { headers, body } = await ask(port, NEXT, { signal: ending.signal });
      const { path } = JSON.parse(body.toString()) as { path: string };
      await ask(port, `/2018-06-01/runtime/invocation/${headers['lambda-runtime-aws-request-id']}/response`, {
        method: 'POST',
        body: JSON.stringify({ statusCode: 200, body: path }),
      });
    }
  };
  loop().catch((error: unknown) => {
    if (!ending.signal.aborted) throw error;
  });
}

async function served(): Promise<TestAdapter> {
  const adapter = await testAdapter();
  await honestRuntime(adapter.runtimePorts[0] ?? 0);
  await adapter.whenReady();
  return adapter;
}

async function expectService(adapter: TestAdapter, after: string): Promise<void> {
  const { status, body } = await ask(adapter.httpPort, '/still');
  expect({ status, body: body.toString() }, after).toEqual({ status: 200, body: '/still' });
}

const many = (count: number, line: (index: number) => string) =>
  Array.from({ length: count }, (_, n) => line(n)).join('');

/** name → bytes, and the statuses that may be answered; 0: the connection just ends, or waits for the rest. */
const FRONT: readonly (readonly [name: string, bytes: string, statuses: readonly number[]])[] = [
  ['no request', 'hello\r\n\r\n', [400]],
  ['half a line', 'GET /', [0]],
  ['a version that is none', 'GET / HTTP/9.9\r\n\r\n', [400]],
  ['NUL bytes', `GET /\0 HTTP/1.1\r\n${HOST}\r\n`, [400]],
  ['a header without a colon', `GET / HTTP/1.1\r\n${HOST}nonsense\r\n\r\n`, [400]],
  ['a header without end', `GET / HTTP/1.1\r\n${HOST}X: ${'a'.repeat(300_000)}`, [431]],
  ['thousands of headers', `GET / HTTP/1.1\r\n${HOST}${many(20_000, (n) => `X-${n}: 1\r\n`)}\r\n`, [431]],
  ['a target without end', `GET /${'a'.repeat(300_000)} HTTP/1.1\r\n${HOST}\r\n`, [414, 431]],
  ['two lengths', `POST / HTTP/1.1\r\n${HOST}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`, [400]],
  [
    'a length and chunks',
    `POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    [400],
  ],
  ['a negative length', `POST / HTTP/1.1\r\n${HOST}Content-Length: -1\r\n\r\n`, [400]],
  ['a length beyond numbers', `POST / HTTP/1.1\r\n${HOST}Content-Length: 99999999999999999999\r\n\r\n`, [400, 413]],
  ['a chunk size that is none', `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\nzz\r\n`, [0, 400]],
  [
    'a chunk beyond numbers',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n`,
    [0, 400],
  ],
  ['a body that does not come', `POST / HTTP/1.1\r\n${HOST}Content-Length: 10\r\n\r\nab`, [0]],
  ['a body that is too large', `POST / HTTP/1.1\r\n${HOST}Content-Length: 5000000000\r\n\r\nab`, [0, 413]],
  ['an unknown transfer coding', `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: gzip\r\n\r\n`, [400, 501]],
  ['an asterisk', `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`, [200, 400]],
  ['a whole URL', `GET http://evil.example/x HTTP/1.1\r\n${HOST}\r\n`, [200, 400]],
  ['a URL that is none', `GET http://[ HTTP/1.1\r\n${HOST}\r\n`, [200, 400]],
  ['half an escape', `GET /%?a=%&b=%f HTTP/1.1\r\n${HOST}\r\n`, [200, 400]],
  ['escaped NUL and no UTF-8', `GET /%00%ff?%c0%af=%80 HTTP/1.1\r\n${HOST}\r\n`, [200, 400]],
  ['a path of dots', `GET /../../etc/passwd HTTP/1.1\r\n${HOST}\r\n`, [200, 400]],
  ['no path', `GET ?a=1 HTTP/1.1\r\n${HOST}\r\n`, [200, 400]],
  ['a prototype', `GET /?__proto__=1&constructor=2 HTTP/1.1\r\n${HOST}__proto__: 1\r\nconstructor: 1\r\n\r\n`, [200]],
  ['no host', 'GET / HTTP/1.1\r\n\r\n', [200, 400]],
  ['a tunnel', `CONNECT a:80 HTTP/1.1\r\n${HOST}\r\n`, [0, 400, 405, 501]],
  ['an upgrade', `GET / HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n`, [0, 200, 400, 501]],
  ['a method that is none', `BREW / HTTP/1.1\r\n${HOST}\r\n`, [200, 400]],
  ['an expectation', `POST / HTTP/1.1\r\n${HOST}Expect: coffee\r\nContent-Length: 0\r\n\r\n`, [200, 417]],
  ['bare line feeds', `GET / HTTP/1.1\nHost: a\n\n`, [200, 400]],
];

describe('the front', () => {
  test('outlives bytes that are no request', async () => {
    const adapter = await served();
    for (const [name, bytes, statuses] of FRONT) {
      const text = await converse(adapter.httpPort, bytes, isAnswered);
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0);
      expect(statuses, name).toContain(status);
      await expectService(adapter, name);
    }
  }, 30_000);

  test('answers what comes in one piece one by one', async () => {
    const adapter = await served();
    const count = 60;
    const asked = many(count, (n) => `GET /${n} HTTP/1.1\r\n${HOST}\r\n`);
    const text = await converse(adapter.httpPort, asked, (said) => said.split('HTTP/1.1 200').length > count);
    expect([...text.matchAll(/\r\n\r\n(?:[0-9a-f]+\r\n)?\/(\d+)/g)].map(([, n]) => Number(n))).toEqual(
      Array.from({ length: count }, (_, n) => n),
    );
  });

  test('outlives a request with bytes exchanged, lost and doubled', async () => {
    const adapter = await served();
    const good = Buffer.from(
      `POST /a/b?c=d%20e HTTP/1.1\r\n${HOST}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nCookie: a=b\r\n\r\n5\r\n{"a":\r\n2\r\n1}\r\n0\r\n\r\n`,
    );
    await fc.assert(
      fc.asyncProperty(broken(good), async (bytes) => {
        await converse(adapter.httpPort, bytes, isAnswered);
      }),
      { numRuns: RUNS / 6, endOnFailure: true },
    );
    await expectService(adapter, 'afterwards');
  }, 60_000);

  test('waits for hundreds that never finish, and serves the others', async () => {
    const adapter = await served();
    const sockets: Socket[] = [];
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
    });
    for (let n = 0; n < 300; n++) {
      const socket = connect({ host: '127.0.0.1', port: adapter.httpPort });
      socket.on('error', () => {});
      sockets.push(socket);
      socket.write(`POST /${n} HTTP/1.1\r\n${HOST}Content-Length: 1000000\r\n\r\na`);
    }
    await expectService(adapter, 'beside them');
  });
});

/** The bytes with up to four places overwritten, cut out or doubled. */
function broken(bytes: Buffer): fc.Arbitrary<Buffer> {
  const at = fc.nat(bytes.length - 1);
  const change = fc.record({
    at,
    how: fc.constantFrom('overwrite', 'cut', 'double', 'end'),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }),
  });
  return fc.array(change, { minLength: 1, maxLength: 4 }).map((changes) =>
    changes.reduce((before, { at: place, how, bytes: garbage }) => {
      const head = before.subarray(0, place);
      const tail = before.subarray(Math.min(before.length, place + garbage.length));
      if (how === 'overwrite') return Buffer.concat([head, garbage, tail]);
      if (how === 'cut') return Buffer.concat([head, tail]);
      if (how === 'end') return Buffer.from(head);
      return Buffer.concat([before.subarray(0, place + garbage.length), head, tail]);
    }, bytes as Buffer),
  );
}

const POST = (path: string, headers: string, body: string) =>
  `POST /2018-06-01/runtime/${path} HTTP/1.1\r\n${HOST}${headers}\r\n${body}`;
const CHUNKED = 'Transfer-Encoding: chunked\r\n';

/** What a runtime gone mad says: only that it is survived is asked, and that it settles no one's invocation. */
const RUNTIME: readonly (readonly [name: string, bytes: string])[] = [
  ['an answer to nothing', POST('invocation/none/response', 'Content-Length: 2\r\n', '{}')],
  ['an error of nothing', POST('invocation/none/error', 'Content-Length: 2\r\n', '{}')],
  ['an id without end', POST(`invocation/${'a'.repeat(100_000)}/response`, 'Content-Length: 2\r\n', '{}')],
  ['an id that is a path', POST('invocation/..%2f..%2f/response', 'Content-Length: 2\r\n', '{}')],
  ['a prototype for an id', POST('invocation/__proto__/response', 'Content-Length: 2\r\n', '{}')],
  ['no such path', 'GET /2018-06-01/nothing HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['no version', `DELETE / HTTP/1.1\r\n${HOST}\r\n`],
  ['chunks that are none', POST('invocation/none/response', CHUNKED, 'zz\r\n{}\r\n')],
  ['a chunk beyond numbers', POST('invocation/none/response', CHUNKED, 'ffffffffffffffffffff\r\n')],
  ['a negative chunk', POST('invocation/none/response', CHUNKED, '-5\r\n{}\r\n')],
  ['trailers that are none', POST('invocation/none/response', CHUNKED, '2\r\n{}\r\n0\r\nnonsense\r\n\r\n')],
  ['trailers without end', POST('invocation/none/response', CHUNKED, `0\r\nX: ${'a'.repeat(300_000)}`)],
  ['a length that is none', POST('invocation/none/response', 'Content-Length: x\r\n', '{}')],
  ['a negative length', POST('invocation/none/response', 'Content-Length: -2\r\n', '{}')],
  ['a length beyond numbers', POST('invocation/none/response', 'Content-Length: 99999999999999999999\r\n', '{}')],
  ['a length that is not kept', POST('invocation/none/response', 'Content-Length: 20\r\n', '{}')],
  ['headers without end', `POST ${NEXT} HTTP/1.1\r\nX: ${'a'.repeat(300_000)}`],
  ['nothing but line feeds', '\n'.repeat(10_000)],
  ['bytes of TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['an extension that is none', `POST /2020-01-01/extension/register HTTP/1.1\r\n${HOST}Content-Length: 3\r\n\r\n{{{`],
  [
    'an event for no extension',
    `GET /2020-01-01/extension/event/next HTTP/1.1\r\n${HOST}Lambda-Extension-Identifier: x\r\n\r\n`,
  ],
];

describe('the Runtime API', () => {
  test('outlives a runtime gone mad beside one of good will', async () => {
    const adapter = await served();
    const port = adapter.runtimePorts[0] ?? 0;
    for (const [name, bytes] of RUNTIME) {
      const text = await converse(port, bytes, isAnswered);
      expect(text, name).not.toMatch(/^HTTP\/1\.1 2/);
      await expectService(adapter, name);
    }
  }, 30_000);

  test('outlives an answer with bytes exchanged, lost and doubled', async () => {
    const adapter = await served();
    const port = adapter.runtimePorts[0] ?? 0;
    const good = Buffer.from(
      POST(
        'invocation/8476a536-e9f4-11e8-9739-2dfe598c3fcd/response',
        `${CHUNKED}Trailer: Lambda-Runtime-Function-Error-Type\r\n`,
        '2\r\n{}\r\n0\r\nLambda-Runtime-Function-Error-Type: a\r\n\r\n',
      ),
    );
    await fc.assert(
      fc.asyncProperty(broken(good), async (bytes) => {
        await converse(port, bytes, isAnswered);
      }),
      { numRuns: RUNS / 6, endOnFailure: true },
    );
    await expectService(adapter, 'afterwards');
  }, 60_000);
});
