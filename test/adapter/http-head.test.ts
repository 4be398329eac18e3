/**
 * Heads beside node's own parser, which is the referee: whatever is taken for a head here is one there, and means the same
 * there. It may refuse more. The seed of a failure is printed.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, METHODS, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fieldOf, parseHead } from '../../src/adapter/http-head.ts';

let server: Server;
let seen: IncomingMessage | undefined;

beforeAll(async () => {
  server = createServer({ requireHostHeader: false, keepAliveTimeout: 0 }, (request, response) => {
    seen = request;
    response.end();
  });
  for (const event of ['checkExpectation', 'checkContinue']) {
    server.on(event, (request: IncomingMessage, response) => {
      seen = request;
      response.end();
    });
  }
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

/** What node makes of it; undefined: it refuses. */
async function asNodeReads(head: string): Promise<IncomingMessage | undefined> {
  seen = undefined;
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(`${head}\r\n\r\n`, 'latin1');
  await once(socket, 'data');
  socket.destroy();
  return seen;
}

const GOOD = [
  'GET /a/b?c=d%20e HTTP/1.1\r\nHost: a\r\nUser-Agent: x\r\nX-Forwarded-For: 203.0.113.7, 10.0.0.1\r\nCookie: a=b; c="d"',
  'POST / HTTP/1.1\r\nhost:a\r\ncontent-length:  12 \r\nX-Empty:\r\nExpect: 100-continue\r\nConnection: keep-alive',
  'PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-After\r\nConnection: close',
  'DELETE /~%zz HTTP/1.0\r\nX-Latin: \u00e9\u00ff\r\nX-Twice: 1\r\nX-Twice: 2',
];
/** Where parsers disagree. */
const PIECES = [
  '\r',
  '\n',
  '\r\n',
  ' ',
  '\t',
  ':',
  '\0',
  '\x7f',
  '\u0080',
  ',',
  ';',
  '0',
  '-',
  '+',
  'close',
  'chunked',
];
const FIELDS = [
  'Content-Length: 1',
  'Transfer-Encoding: chunked',
  'Content-Length : 1',
  ' folded',
  'Connection: close',
];

const heads = fc.constantFrom(...GOOD).chain((good) =>
  fc
    .array(
      fc.record({
        at: fc.nat(good.length),
        cut: fc.nat(3),
        put: fc.oneof(
          fc.constantFrom(...PIECES),
          fc.constantFrom(...FIELDS).map((field) => `\r\n${field}\r\n`),
          fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
        ),
      }),
      { maxLength: 3 },
    )
    .map((changes) => changes.reduce((text, { at, cut, put }) => text.slice(0, at) + put + text.slice(at + cut), good)),
);

test('what is taken for a head is one to node, and means the same', async () => {
  let taken = 0;
  await fc.assert(
    fc.asyncProperty(heads, async (text) => {
      const head = parseHead(text);
      // Node knows a list of methods, and makes a tunnel of this one.
      if (!head || !METHODS.includes(head.method) || head.method === 'CONNECT') return;
      // A tab is a blank to the standard, but not to node beside a length.
      if (/content-length:[^\r]*\t/i.test(text)) return;
      // An empty line would end it: the rest is then another message.
      expect(text).not.toContain('\r\n\r\n');
      taken++;
      const node = await asNodeReads(text);
      expect(node, JSON.stringify(text)).toBeDefined();
      expect([head.method, head.target, head.version]).toEqual([node?.method, node?.url, node?.httpVersion]);
      expect(head.headers).toEqual(node?.rawHeaders);
      const length =
        node?.headers['transfer-encoding'] === undefined ? Number(node?.headers['content-length'] ?? 0) : undefined;
      expect(head.length).toBe(length);
      expect(fieldOf(head.headers, 'host')).toBe(node?.headers.host);
    }),
    { numRuns: process.env.EVERY ? 20_000 : 400 },
  );
  expect(taken).toBeGreaterThan(50);
});
