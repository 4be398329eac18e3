import { describe, expect, test } from 'vitest';
import {
  type HttpApiFlavour,
  httpApiAnswer,
  httpApiEvent,
  httpApiFormat,
} from '../../src/adapter/events/http-api-v2.ts';
import type { EventContext, HttpRequest } from '../../src/adapter/events/message.ts';

const CONTEXT: EventContext = {
  requestId: 'id',
  functionArn: 'arn:aws:lambda:us-east-1:123456789012:function:hello',
  targetGroupArn: '',
  nowMs: Date.UTC(2020, 2, 12, 19, 3, 58, 390),
};

function event(given: Partial<HttpRequest>, flavour: HttpApiFlavour = 'http-api-v2'): Record<string, unknown> {
  const defaults = {
    method: 'GET',
    target: '/',
    protocol: 'HTTP/1.1',
    headers: [],
    body: Buffer.alloc(0),
    sourceIp: '10.0.0.1',
  };
  return JSON.parse(httpApiEvent({ ...defaults, ...given }, CONTEXT, flavour).toString()) as Record<string, unknown>;
}

test('the example of AWS’s documentation', () => {
  const sent = event({
    method: 'POST',
    target: '/my/path?parameter1=value1&parameter1=value2&parameter2=value',
    headers: [
      ...[
        'Host',
        'id.execute-api.us-east-1.amazonaws.com',
        'Header1',
        'value1',
        'Header2',
        'value1',
        'Header2',
        'value2',
      ],
      ...[
        'Cookie',
        'cookie1; cookie2',
        'User-Agent',
        'agent',
        'X-Forwarded-For',
        '8.8.8.8, 192.0.2.1',
        'Content-Type',
        'text/plain',
      ],
    ],
    body: Buffer.from('Hello from Lambda'),
  });
  expect(sent).toEqual({
    version: '2.0',
    routeKey: '$default',
    rawPath: '/my/path',
    rawQueryString: 'parameter1=value1&parameter1=value2&parameter2=value',
    cookies: ['cookie1', 'cookie2'],
    headers: {
      host: 'id.execute-api.us-east-1.amazonaws.com',
      header1: 'value1',
      header2: 'value1,value2',
      'user-agent': 'agent',
      'x-forwarded-for': '8.8.8.8, 192.0.2.1',
      'content-type': 'text/plain',
    },
    queryStringParameters: { parameter1: 'value1,value2', parameter2: 'value' },
    requestContext: {
      accountId: '123456789012',
      apiId: 'id',
      domainName: 'id.execute-api.us-east-1.amazonaws.com',
      domainPrefix: 'id',
      http: { method: 'POST', path: '/my/path', protocol: 'HTTP/1.1', sourceIp: '192.0.2.1', userAgent: 'agent' },
      requestId: 'id',
      routeKey: '$default',
      stage: '$default',
      time: '12/Mar/2020:19:03:58 +0000',
      timeEpoch: CONTEXT.nowMs,
    },
    body: 'Hello from Lambda',
    isBase64Encoded: false,
  });
});

test('what is not there has no member', () => {
  const sent = event({});
  for (const member of ['cookies', 'queryStringParameters', 'body']) expect(sent).not.toHaveProperty(member);
  expect(sent.isBase64Encoded).toBe(false);
});

describe('path', () => {
  test('an HTTP API decodes it and loses what follows a decoded ?', () => {
    expect(event({ target: '/a%20b%2Fc' }).rawPath).toBe('/a b/c');
    expect(event({ target: '/a%3Fadmin=1' }).rawPath).toBe('/a');
    expect(event({ target: '/100%' }).rawPath).toBe('/100%');
  });
  test('a function URL does not', () => {
    expect(event({ target: '/a%20b%3F' }, 'function-url').rawPath).toBe('/a%20b%3F');
  });
  test('the query is raw in one field and decoded in the other', () => {
    expect(event({ target: '/?q=a%20b+c&q=%' })).toMatchObject({
      rawQueryString: 'q=a%20b+c&q=%',
      queryStringParameters: { q: 'a b c,%' },
    });
  });
});

const cases: { reason: string; payload: string; flavour?: HttpApiFlavour; expected: object }[] = [
  {
    reason: 'JSON without status is itself the body',
    payload: '"Hello from Lambda!"',
    expected: { status: 200, headers: ['Content-Type', 'application/json'], body: Buffer.from('"Hello from Lambda!"') },
  },
  {
    reason: 'an object without status too',
    payload: '{"message":"Hello"}',
    expected: { status: 200, body: Buffer.from('{"message":"Hello"}') },
  },
  {
    reason: 'status, headers, cookies, body',
    payload: '{"statusCode":201,"cookies":["a=1","b=2"],"headers":{"Content-Type":"text/html","X-N":1},"body":"x"}',
    expected: {
      status: 201,
      headers: ['Content-Type', 'text/html', 'X-N', '1', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2'],
      body: Buffer.from('x'),
    },
  },
  { reason: 'a status as text is taken', payload: '{"statusCode":"404"}', expected: { status: 404 } },
  {
    reason: 'default type of an HTTP API',
    payload: '{"statusCode":200,"body":"x"}',
    expected: { headers: ['Content-Type', 'text/plain; charset=utf-8'] },
  },
  {
    reason: 'default type of a function URL',
    payload: '{"statusCode":200,"body":"x"}',
    flavour: 'function-url',
    expected: { headers: ['Content-Type', 'application/json'] },
  },
  {
    reason: 'base64 is decoded',
    payload: '{"statusCode":200,"body":"AP8=","isBase64Encoded":true}',
    expected: { body: Buffer.from([0, 255]) },
  },
  {
    reason: '204 has no body',
    payload: '{"statusCode":204,"body":"x"}',
    expected: { status: 204, headers: [], body: Buffer.alloc(0) },
  },
  {
    reason: 'no JSON: 500 of an HTTP API',
    payload: 'oops',
    expected: {
      status: 500,
      malformed: 'answer is not JSON',
      body: Buffer.from('{"message":"Internal Server Error"}'),
    },
  },
  { reason: 'no JSON: 502 of a function URL', payload: 'oops', flavour: 'function-url', expected: { status: 502 } },
  { reason: 'body that is not a string', payload: '{"statusCode":200,"body":{}}', expected: { status: 500 } },
  { reason: 'header that is an object', payload: '{"statusCode":200,"headers":{"a":{}}}', expected: { status: 500 } },
  {
    reason: 'line break in a cookie',
    payload: '{"statusCode":200,"cookies":["a\\r\\nb: c"]}',
    expected: { status: 500 },
  },
  { reason: 'status out of range', payload: '{"statusCode":42}', expected: { status: 500 } },
];
test.each(cases)('answer: $reason', ({ payload, flavour = 'http-api-v2', expected }) => {
  expect(httpApiAnswer(Buffer.from(payload), flavour)).toMatchObject(expected);
});

test('only a function URL streams what has no prelude', () => {
  expect(httpApiFormat('function-url').rawStreamHead('text/plain')).toMatchObject({ status: 200 });
  expect(httpApiFormat('http-api-v2').rawStreamHead('text/plain')).toBeUndefined();
});
