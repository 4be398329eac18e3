/** HTTP/1.1 as clients may send it, down to the byte: in any pieces, ahead of answers, in two meanings, and not at all. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { HttpWire, type WireCall } from '../../src/adapter/http-wire.ts';
import { VirtualClock } from '../../src/core/index.ts';

/** As the Runtime API has it. */
const RUNTIME = { headBytesMax: 2 << 20, remembersHeads: true };

interface Seen {
  readonly method: string;
  readonly target: string;
  readonly marker: string | undefined;
  readonly body: string;
  readonly trailer: string | undefined;
}

/** A server that answers every call with its number, once its body was read. */
async function echoing(answered: (call: WireCall) => void = () => {}) {
  const seen: Seen[] = [];
  const wire = new HttpWire(RUNTIME, (call) => {
    call.collect(1024 * 1024, (body) => {
      const { method, target } = call;
      seen.push({
        method,
        target,
        marker: call.header('x-marker'),
        body: body?.toString('latin1') ?? 'too large',
        trailer: call.trailer('x-after'),
      });
      answered(call);
      call.answer(200, '', Buffer.from(String(seen.length)));
    });
  });
  const port = await wire.listen(0, '127.0.0.1');
  onTestFinished(() => wire.close());
  return { wire, port, seen };
}

/** Everything that the server sends until it has sent `answers` of them, or has ended the connection. */
async function exchanged(port: number, pieces: readonly Buffer[], answers: number): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.setNoDelay(true);
  let text = '';
  const done = new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if ((text.match(/HTTP\/1\.1 [2-9]/g)?.length ?? 0) >= answers && /\r\n\r\n\d*$/.test(text)) resolve();
    });
    socket.on('close', () => resolve());
  });
  for (const piece of pieces) await new Promise((resolve) => socket.write(piece, resolve));
  await done;
  socket.destroy();
  return text;
}

const MESSAGES = [
  'GET /next HTTP/1.1\r\nHost: x\r\nX-Marker: one\r\n\r\n',
  'POST /a HTTP/1.1\r\nHost: x\r\ncontent-length: 5\r\nX-MARKER:two\r\n\r\nhello',
  'POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: X-After\r\n\r\n' +
    '3\r\nabc\r\nA;ext=1\r\n0123456789\r\n0\r\nX-After: later\r\n\r\n',
  'POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\n\r\n\r\n0\r\n\r\n',
  'GET /next HTTP/1.1\r\nHost: x\r\nX-Marker: one\r\n\r\n',
];

const EXPECTED: Seen[] = [
  { method: 'GET', target: '/next', marker: 'one', body: '', trailer: undefined },
  { method: 'POST', target: '/a', marker: 'two', body: 'hello', trailer: undefined },
  { method: 'POST', target: '/b', marker: undefined, body: 'abc0123456789', trailer: 'later' },
  { method: 'POST', target: '/c', marker: undefined, body: '\r\n', trailer: undefined },
  { method: 'GET', target: '/next', marker: 'one', body: '', trailer: undefined },
];

test('messages mean the same in whatever pieces they come', async () => {
  const bytes = Buffer.from(MESSAGES.join(''), 'latin1');
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.integer({ min: 1, max: bytes.length - 1 }), { maxLength: 12 }), async (cuts) => {
      const { port, seen } = await echoing();
      const at = [0, ...cuts.sort((a, b) => a - b), bytes.length];
      const pieces = at.slice(1).map((end, i) => bytes.subarray(at[i], end));
      const text = await exchanged(port, pieces, MESSAGES.length);
      expect(seen).toEqual(EXPECTED);
      expect(text.match(/\r\n\r\n\d/g)).toEqual(EXPECTED.map((_, i) => `\r\n\r\n${i + 1}`));
    }),
    { numRuns: 40 },
  );
});

test('a byte at a time', async () => {
  const bytes = Buffer.from(MESSAGES.join(''), 'latin1');
  const { port, seen } = await echoing();
  await exchanged(
    port,
    Array.from(bytes, (byte) => Buffer.from([byte])),
    MESSAGES.length,
  );
  expect(seen).toEqual(EXPECTED);
});

test('every byte of a body and of an answer is kept', async () => {
  const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const wire = new HttpWire(RUNTIME, (call) => {
    call.collect(1024, (body = Buffer.alloc(0)) => call.answer(200, '', body));
  });
  const port = await wire.listen(0, '127.0.0.1');
  onTestFinished(() => wire.close());
  const text = await exchanged(
    port,
    [Buffer.from('POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 256\r\n\r\n'), all],
    2,
  );
  expect(Buffer.from(text.slice(text.indexOf('\r\n\r\n') + 4), 'latin1')).toEqual(all);
});

test('a body larger than asked for is read to its end, and the connection stays usable', async () => {
  const { port, seen } = await echoing();
  const large = Buffer.concat([
    Buffer.from('POST /large HTTP/1.1\r\nContent-Length: 3000000\r\n\r\n'),
    Buffer.alloc(3_000_000, 'x'),
  ]);
  await exchanged(port, [large, Buffer.from(MESSAGES[0] ?? '')], 2);
  expect(seen.map(({ target, body }) => [target, body])).toEqual([
    ['/large', 'too large'],
    ['/next', ''],
  ]);
});

test('a body in very many chunks is whole, in their order', async () => {
  const { port, seen } = await echoing();
  const text = Array.from({ length: 5_000 }, (_, n) => String.fromCharCode(97 + (n % 26))).join('');
  const chunks = [...text].map((letter) => `1\r\n${letter}\r\n`).join('');
  const message = `POST /many HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`;
  await exchanged(port, [Buffer.from(message), Buffer.from(MESSAGES[1] ?? '')], 2);
  expect(seen.map(({ body }) => body)).toEqual([text, 'hello']);
});

test('a client that asks first is told to go on', async () => {
  const { port, seen } = await echoing();
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => {
    socket.destroy();
  });
  socket.write('POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n');
  const [told] = (await once(socket, 'data')) as [Buffer];
  expect(told.toString()).toBe('HTTP/1.1 100 Continue\r\n\r\n');
  expect(seen).toEqual([]);
  socket.write('ok');
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(seen[0]?.body).toBe('ok');
});

test('what is sent ahead waits for the answer before it', async () => {
  const calls: WireCall[] = [];
  const wire = new HttpWire(RUNTIME, (call) => calls.push(call));
  const port = await wire.listen(0, '127.0.0.1');
  onTestFinished(() => wire.close());
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => {
    socket.destroy();
  });
  // More than is taken ahead of an answer, so that the rest waits in the connection.
  socket.write(`GET /1 HTTP/1.1\r\n\r\nPOST /2 HTTP/1.1\r\nContent-Length: 400000\r\n\r\n${'x'.repeat(400_000)}`);
  const answers = { text: '' };
  socket.on('data', (chunk: Buffer) => {
    answers.text += chunk.toString();
  });
  while (calls.length < 1) await new Promise((resolve) => setImmediate(resolve));
  calls[0]?.answer(200, '', Buffer.from('1'));
  while (calls.length < 2) await new Promise((resolve) => setImmediate(resolve));
  expect(calls.map(({ target }) => target)).toEqual(['/1', '/2']);
  let body: Buffer | undefined;
  calls[1]?.collect(1_000_000, (read) => {
    body = read;
  });
  calls[1]?.answer(200, '', Buffer.from('2'));
  while (!answers.text.endsWith('2')) await new Promise((resolve) => setImmediate(resolve));
  expect(body).toBeUndefined();
});

describe('connections end', () => {
  test.each([
    ['the client says so', 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n'],
    ['the client speaks HTTP/1.0', 'GET / HTTP/1.0\r\n\r\n'],
  ])('when %s', async (_reason, message) => {
    const { port } = await echoing();
    expect(await exchanged(port, [Buffer.from(message)], 2)).toMatch(/^HTTP\/1\.1 200 OK\r\nConnection: close\r\n/);
  });

  const nonsense: [string, string, number][] = [
    ['no HTTP', 'hello\r\n\r\n', 400],
    ['another version', 'GET / HTTP/2.0\r\n\r\n', 400],
    ['a target that is no path', 'GET http://x/ HTTP/1.1\r\n\r\n', 400],
    ['a header without colon', 'GET / HTTP/1.1\r\nHost\r\n\r\n', 400],
    ['a header with a space before its colon', 'GET / HTTP/1.1\r\nHost : x\r\n\r\n', 400],
    ['a folded header', 'GET / HTTP/1.1\r\nA: b\r\n c: d\r\n\r\n', 400],
    ['the same length twice', 'POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx', 400],
    ['two lengths', 'POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx', 400],
    ['a length that is none', 'POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n', 400],
    ['length and chunks', 'POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n', 400],
    ['chunks and length', 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n', 400],
    ['chunks twice', `POST / HTTP/1.1\r\n${'Transfer-Encoding: chunked\r\n'.repeat(2)}\r\n`, 400],
    ['chunks before there were any', 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n', 400],
    ['a coding behind chunks', 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n', 400],
    ['an unknown coding', 'POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n', 400],
    ['a line feed for a line end', 'GET / HTTP/1.1\nHost: a\n\n', 400],
    ['a line feed within a header', 'GET / HTTP/1.1\r\nA: b\nContent-Length: 5\r\n\r\n', 400],
    ['a carriage return within a header', 'GET / HTTP/1.1\r\nA: b\rContent-Length: 5\r\n\r\n', 400],
    ['a NUL within a header', 'GET / HTTP/1.1\r\nA: b\0\r\n\r\n', 400],
    ['a name that is none', 'GET / HTTP/1.1\r\nA(b): c\r\n\r\n', 400],
    ['a target with a control character', 'GET /\x01 HTTP/1.1\r\n\r\n', 400],
    ['two blanks in its first line', 'GET  / HTTP/1.1\r\n\r\n', 400],
    ['a blank behind a chunk’s size', 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1 \r\na\r\n', 400],
    ['a chunk size that is none', 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n', 400],
    ['a chunk without end', 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n', 400],
    ['a broken trailer', 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nbroken\r\n\r\n', 400],
    ['a head of over 2 MB', `GET / HTTP/1.1\r\nA: ${'x'.repeat((2 << 20) + 65536)}`, 431],
  ];
  test.each(nonsense)('with %s', async (_reason, message, status) => {
    const { port, seen } = await echoing();
    expect(await exchanged(port, [Buffer.from(message)], 9)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(seen).toEqual([]);
  });

  test('and nothing that was sent behind the last request is served', async () => {
    const { port, seen } = await echoing();
    const two = 'GET /last HTTP/1.1\r\nConnection: close\r\n\r\nGET /behind HTTP/1.1\r\n\r\n';
    await exchanged(port, [Buffer.from(two)], 9);
    expect(seen.map(({ target }) => target)).toEqual(['/last']);
  });

  test('where half a head is all that comes, and only there', async () => {
    const clock = new VirtualClock(0);
    const wire = new HttpWire({ headBytesMax: 1024, headTimeout: { ms: 60_000, clock } }, (call) =>
      call.answer(200, '', Buffer.alloc(0)),
    );
    const port = await wire.listen(0, '127.0.0.1');
    onTestFinished(() => wire.close());
    const isTimed = async () => {
      while (clock.nextAtMs() === undefined) await new Promise((resolve) => setImmediate(resolve));
    };
    const slow = connect(port, '127.0.0.1');
    slow.write('GET / HTTP/1.1\r\n');
    await isTimed();
    slow.write('\r\n');
    expect(String((await once(slow, 'data'))[0])).toMatch(/^HTTP\/1\.1 200 /);
    expect(clock.nextAtMs()).toBeUndefined();
    const half = connect(port, '127.0.0.1');
    half.write('GET / HTTP/1.1\r\nHost: ');
    await isTimed();
    const [answered, ended] = [once(half, 'data'), once(half, 'close')];
    expect(clock.nextAtMs()).toBe(60_000);
    clock.step();
    expect(String((await answered)[0])).toMatch(/^HTTP\/1\.1 408 /);
    await ended;
    expect(slow.destroyed).toBe(false);
    slow.destroy();
  });

  test('and whoever was to be answered is told', async () => {
    const gone: string[] = [];
    const closed: string[] = [];
    let sockets = 0;
    let whenClosed = () => {};
    const wire = new HttpWire(RUNTIME, (call) => {
      call.gone = () => gone.push(call.target);
      call.connection.onClosed(() => closed.push(call.target));
      if (call.target === '/answered') call.answer(200, '', Buffer.alloc(0));
    });
    wire.onConnectionClosed = () => {
      sockets++;
      whenClosed();
    };
    const port = await wire.listen(0, '127.0.0.1');
    onTestFinished(() => wire.close());
    const send = async (message: string): Promise<Socket> => {
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      await new Promise((resolve) => socket.write(message, resolve));
      return socket;
    };
    const answered = await send('GET /answered HTTP/1.1\r\n\r\n');
    await once(answered, 'data');
    const waiting = await send('GET /waiting HTTP/1.1\r\n\r\n');
    const half = await send('POST /half HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf');
    const all = new Promise<void>((resolve) => {
      whenClosed = () => sockets === 3 && resolve();
    });
    for (const socket of [answered, waiting, half]) socket.end();
    await all;
    expect(gone.sort()).toEqual(['/half', '/waiting']);
    await new Promise((resolve) => setImmediate(resolve));
    expect(closed.sort()).toEqual(['/answered', '/half', '/waiting']);
  });
});
