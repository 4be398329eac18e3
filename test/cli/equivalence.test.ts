/** `verify --equivalence`: a function behind Invoke and the same one behind HTTP, made to differ in one thing at a time. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EVENT_FORMATS } from '../../src/adapter/events/index.ts';
import type { LambdaPort } from '../../src/aws/index.ts';
import { compare, type Sides } from '../../src/cli/verify/equivalence.ts';
import { PLAIN_GET, probeRequests } from '../../src/cli/verify/probe-requests.ts';
import { seededRandom } from '../../src/core/index.ts';
import { LiveWorld } from './live-world.ts';

type Handler = (event: Record<string, unknown>, side: 'lambda' | 'fargate') => unknown;

const BYTES = Buffer.from([0, 255, 1, 254]);
const ECHO: Handler = ({ httpMethod, path, queryStringParameters, body, isBase64Encoded }) => ({
  statusCode: 201,
  headers: { 'Content-Type': 'application/json', 'X-Echo': 'yes' },
  body: JSON.stringify({ httpMethod, path, queryStringParameters, body, isBase64Encoded }),
});

let handler: Handler;
let server: Server;
let sides: Sides;

beforeAll(async () => {
  const format = EVENT_FORMATS.alb;
  if (!format) throw new Error('no format');
  const context = { requestId: 'r', functionArn: 'f', targetGroupArn: '', nowMs: 0 };
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url: target = '', rawHeaders: headers } = request;
      const event = format.event(
        { method, target, protocol: 'HTTP/1.1', headers, body: Buffer.concat(chunks), sourceIp: '127.0.0.1' },
        context,
      );
      const answer = format.answer(Buffer.from(JSON.stringify(handler(JSON.parse(event.toString()), 'fargate'))));
      response.writeHead(answer.status, [...answer.headers]);
      response.end(answer.body);
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const invoke = async ({ Payload = '{}' }) => ({
    Payload: Buffer.from(
      JSON.stringify(handler(JSON.parse(Buffer.from(Payload as unknown as Uint8Array).toString()), 'lambda')),
    ),
  });
  sides = {
    lambda: { invoke } as unknown as LambdaPort,
    functionName: 'checkout',
    qualifier: undefined,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/checkout`,
    format: 'alb',
    random: seededRandom(1),
    nowMs: () => 0,
    signal: new AbortController().signal,
  };
});
afterAll(() => new Promise((closed) => server.close(closed)));
beforeEach(() => {
  handler = ECHO;
});

describe('compare', () => {
  it.each([
    ['a plain request', PLAIN_GET],
    ['path, query and headers', { ...PLAIN_GET, path: '/a%20b?x=1&y=%C3%BC', headers: [['x-a', 'b']] as const }],
    [
      'a text body',
      { ...PLAIN_GET, method: 'POST', headers: [['content-type', 'text/plain']] as const, body: Buffer.from('ü') },
    ],
    ['a binary body', { ...PLAIN_GET, method: 'PUT', body: BYTES }],
    ['no body in the answer', { ...PLAIN_GET, method: 'HEAD' }],
  ])('%s reaches both sides alike', async (_case, request) => {
    expect(await compare(request, sides)).toMatchObject({ status: 201, differences: [], unstable: [] });
  });

  it.each<{ of: string; how: string; handler: Handler; lambda: unknown; fargate: unknown }>([
    {
      of: 'status',
      how: 'another status',
      handler: (_event, side) => ({ statusCode: side === 'lambda' ? 200 : 202 }),
      lambda: '200',
      fargate: '202',
    },
    {
      of: 'x-only',
      how: 'a header that one side lacks',
      handler: (_event, side) => ({ statusCode: 200, headers: side === 'lambda' ? { 'X-Only': 'here' } : {} }),
      lambda: 'here',
      fargate: null,
    },
    {
      of: 'body',
      how: 'one byte of a binary body',
      handler: (_event, side) => ({
        statusCode: 200,
        isBase64Encoded: true,
        body: Buffer.from(side === 'lambda' ? [1, 2, 3] : [1, 2, 4]).toString('base64'),
      }),
      lambda: expect.stringMatching(/^3 bytes/),
      fargate: expect.stringMatching(/^3 bytes/),
    },
    {
      of: 'status',
      how: 'an answer that is none, as the load balancer has it',
      handler: (_event, side) => (side === 'lambda' ? { statusCode: 'none' } : { statusCode: 200 }),
      lambda: '502',
      fargate: '200',
    },
  ])('tells $how', async ({ of, handler: differing, lambda, fargate }) => {
    handler = differing;
    const { differences } = await compare(PLAIN_GET, sides);
    expect(differences).toContainEqual({ of, lambda, fargate });
  });

  it('does not hold against Fargate what Lambda itself varies', async () => {
    let count = 0;
    handler = () => ({ statusCode: 200, headers: { 'x-count': String(count++), 'x-same': 'a' }, body: 'same' });
    expect(await compare(PLAIN_GET, sides)).toMatchObject({ differences: [], unstable: ['x-count'] });
  });
});

describe('the list of requests', () => {
  it('is YAML or JSON', () => {
    const yaml =
      '- path: /a?b=1\n- { method: post, headers: { x-a: b }, body: text }\n- { method: PUT, bodyBase64: AP8= }\n';
    expect(probeRequests(yaml, 'r.yaml')).toEqual([
      { method: 'GET', path: '/a?b=1', headers: [], body: Buffer.alloc(0) },
      { method: 'POST', path: '', headers: [['x-a', 'b']], body: Buffer.from('text') },
      { method: 'PUT', path: '', headers: [], body: Buffer.from([0, 255]) },
    ]);
  });

  it.each([
    ['no YAML', 'a: [', /^--requests r\.yaml: /],
    ['no list', 'path: /a', /the list: /],
    ['nothing', '[]', /the list: is empty/],
    ['an unknown member', '[{ url: /a }]', /request 1: .*url/],
    ['a path elsewhere', '[{}, { path: "http://x" }]', /request 2\.path: is not a path; begin with \/ or \?/],
    ['a method that is none', '[{ method: "GET /" }]', /request 1\.method: is not a method/],
    ['two bodies', '[{ body: a, bodyBase64: AA== }]', /request 1: has body and bodyBase64/],
    ['no base64', '[{ bodyBase64: "?" }]', /request 1\.bodyBase64: is not base64/],
  ])('%s is refused by name', (_case, text, message) => {
    expect(() => probeRequests(text, 'r.yaml')).toThrow(message);
  });
});

describe('the verb', () => {
  let live: LiveWorld;
  beforeEach(async () => {
    live = await LiveWorld.create();
  });
  afterEach(() => live.close());
  const verify = (args: readonly string[], options = {}) =>
    live.run(['verify', 'checkout', '-n', 'shop', ...args], { ports: live.readOnly(), ...options });

  it.each([
    ['--requests alone', ['--requests', 'r.yaml'], 2, '--requests goes with --equivalence'],
    [
      'a file that is not there',
      ['--equivalence', '--requests', '/none'],
      2,
      '--requests /none: it cannot be read (ENOENT)',
    ],
    ['manifests', ['--equivalence', '-f', 'shop.yaml'], 2, '-f does not go with it'],
    ['an object that is not there', ['--equivalence'], 1, 'not found'],
  ])('%s: nothing is invoked', async (_case, args, code, message) => {
    const ended = await verify(args);
    expect([ended.code, ended.err]).toEqual([code, expect.stringContaining(message)]);
  });

  it.each([
    ['that does not serve yet', {}, 'nothing serves yet'],
    ['with interface http', { interface: 'http' }, 'has interface http'],
  ])('an object %s has no two sides', async (_case, more, message) => {
    await live.world.put('shop', 'checkout', { source: { functionRef: { name: 'hello' } }, ...more });
    const ended = await verify(['--equivalence']);
    expect([ended.code, ended.err]).toEqual([1, expect.stringContaining(message)]);
  });
});
