import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Balancer, GROUP } from './balancer.ts';

let balancer: Balancer;
beforeEach(async () => {
  balancer = await Balancer.start();
  balancer.lambda();
});
afterEach(() => balancer.close());

describe('a function behind the load balancer', () => {
  it('gets the event of an ALB', async () => {
    const answer = await balancer.fetch('/p%20q?a=1&a=%32&b', {
      method: 'POST',
      headers: [
        'Content-Type',
        'application/json',
        'X-Twice',
        '1',
        'X-Twice',
        '2',
        'Content-Length',
        '7',
        'Connection',
        'keep-alive',
      ],
      body: '{"x":1}',
    });
    expect(answer).toMatchObject({ status: 200, body: 'from a function' });
    expect(balancer.events).toEqual([
      {
        requestContext: { elb: { targetGroupArn: GROUP } },
        httpMethod: 'POST',
        path: '/p%20q',
        queryStringParameters: { a: '%32', b: '' },
        headers: {
          'content-length': '7',
          'content-type': 'application/json',
          host: 'example.com',
          'x-amzn-trace-id': expect.stringMatching(/^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$/),
          'x-forwarded-for': '127.0.0.1',
          'x-forwarded-port': String(balancer.port),
          'x-forwarded-proto': 'http',
          'x-twice': '2',
        },
        body: '{"x":1}',
        isBase64Encoded: false,
      },
    ]);
  });

  it('gets lists, and must answer with lists, when the group says so', async () => {
    balancer.lambda(true);
    balancer.answer = () => ({
      statusCode: 201,
      statusDescription: '201 Made',
      multiValueHeaders: { 'Set-Cookie': ['a=1', 'b=2'], 'Content-Type': ['text/plain'] },
      body: 'ok',
    });
    const answer = await balancer.fetch('/?a=1&a=2', { headers: ['X-Twice', '1', 'X-Twice', '2'] });
    expect(balancer.events[0]).toMatchObject({
      multiValueQueryStringParameters: { a: ['1', '2'] },
      multiValueHeaders: { 'x-twice': ['1', '2'], host: ['example.com'] },
    });
    expect(balancer.events[0]).not.toHaveProperty('headers');
    expect(answer).toMatchObject({
      status: 201,
      reason: 'Made',
      body: 'ok',
      headers: { 'set-cookie': ['a=1', 'b=2'] },
    });
  });

  it('may answer bytes', async () => {
    balancer.answer = () => ({
      statusCode: 200,
      headers: { 'Content-Type': 'image/png' },
      body: Buffer.from('bytes').toString('base64'),
      isBase64Encoded: true,
    });
    expect(await balancer.fetch('/')).toMatchObject({
      status: 200,
      body: 'bytes',
      headers: { 'content-type': 'image/png', 'content-length': '5', server: 'awselb/2.0' },
    });
  });

  it.each([
    { method: 'HEAD', status: 200, length: '15' },
    { method: 'GET', status: 204, length: undefined },
  ])('has no body for $method $status', async ({ method, status, length }) => {
    balancer.answer = () => ({ statusCode: status, body: 'from a function' });
    const answer = await balancer.fetch('/', { method });
    expect(answer).toMatchObject({ status, body: '' });
    expect(answer.headers['content-length']).toBe(length);
  });

  it.each([
    { reason: 'no object', answer: () => 'text' },
    { reason: 'no status code', answer: () => ({ body: 'x' }) },
    { reason: 'a body that is no text', answer: () => ({ statusCode: 200, body: { x: 1 } }) },
    { reason: 'a header that is no text', answer: () => ({ statusCode: 200, headers: { a: 1 } }) },
    { reason: 'more than 1 MB', answer: () => ({ statusCode: 200, body: 'x'.repeat(1024 * 1024) }) },
    {
      reason: 'an invocation that fails',
      answer: () => {
        throw new Error('throttled');
      },
    },
  ])('that answers $reason is a 502', async ({ answer }) => {
    balancer.answer = answer;
    const { status, headers } = await balancer.fetch('/');
    expect({ status, server: headers.server }).toEqual({ status: 502, server: 'awselb/2.0' });
  });

  it('that reports an error is a 502, whatever its payload says', async () => {
    balancer.result = { functionError: 'Unhandled' };
    expect((await balancer.fetch('/')).status).toBe(502);
  });

  it.each([
    {
      reason: 'a body of 1 MB passes',
      headers: ['Content-Length', String(1024 * 1024)],
      bytes: 1024 * 1024,
      status: 200,
    },
    {
      reason: 'one byte more is refused by its length',
      headers: ['Content-Length', String(1024 * 1024 + 1)],
      bytes: 1024 * 1024 + 1,
      status: 413,
    },
    { reason: 'or while it arrives', headers: ['Transfer-Encoding', 'chunked'], bytes: 1024 * 1024 + 1, status: 413 },
  ])('$reason', async ({ headers, bytes, status }) => {
    const answer = await balancer.fetch('/', { method: 'POST', headers, body: Buffer.alloc(bytes, 'x') });
    expect(answer.status).toBe(status);
    expect(balancer.events).toHaveLength(status === 200 ? 1 : 0);
  });

  it('that takes longer than the idle timeout is a 504', async () => {
    await balancer.close();
    balancer = await Balancer.start({ idleTimeoutMs: 50 });
    balancer.lambda();
    let finish: (value: unknown) => void = () => {};
    balancer.answer = () =>
      new Promise((resolve) => {
        finish = resolve;
      });
    expect((await balancer.fetch('/')).status).toBe(504);
    finish({ statusCode: 200 });
  });
});
