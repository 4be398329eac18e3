import { describe, expect, test } from 'vitest';
import type { EventContext, HttpRequest } from '../../src/adapter/events/message.ts';
import { restApiAnswer, restApiEvent, restApiFormat } from '../../src/adapter/events/rest-api-v1.ts';

const CONTEXT: EventContext = {
  requestId: 'c6af9ac6-7b61-11e6-9a41-93e8deadbeef',
  functionArn: 'arn:aws:lambda:us-east-1:123456789012:function:hello',
  targetGroupArn: '',
  nowMs: Date.UTC(2015, 3, 9, 12, 34, 56, 0),
};

function event(given: Partial<HttpRequest>): Record<string, unknown> {
  const defaults = {
    method: 'GET',
    target: '/',
    protocol: 'HTTP/1.1',
    headers: [],
    body: Buffer.alloc(0),
    sourceIp: '10.0.0.1',
  };
  return JSON.parse(restApiEvent({ ...defaults, ...given }, CONTEXT).toString()) as Record<string, unknown>;
}

test('the example of AWS’s documentation', () => {
  const sent = event({
    method: 'POST',
    target: '/my/path?parameter1=value1&parameter1=value2&parameter2=value',
    headers: [
      ...['Host', 'id.execute-api.us-east-1.amazonaws.com', 'header1', 'value1', 'header2', 'value1'],
      ...['header2', 'value2', 'User-Agent', 'agent', 'X-Forwarded-For', '203.0.113.7, 192.0.2.1'],
      ...['Content-Type', 'text/plain'],
    ],
    body: Buffer.from('Hello from Lambda!'),
  });
  expect(sent).toEqual({
    resource: '/{proxy+}',
    path: '/my/path',
    httpMethod: 'POST',
    headers: {
      Host: 'id.execute-api.us-east-1.amazonaws.com',
      header1: 'value1',
      header2: 'value2',
      'User-Agent': 'agent',
      'X-Forwarded-For': '203.0.113.7, 192.0.2.1',
      'Content-Type': 'text/plain',
    },
    multiValueHeaders: {
      Host: ['id.execute-api.us-east-1.amazonaws.com'],
      header1: ['value1'],
      header2: ['value1', 'value2'],
      'User-Agent': ['agent'],
      'X-Forwarded-For': ['203.0.113.7, 192.0.2.1'],
      'Content-Type': ['text/plain'],
    },
    queryStringParameters: { parameter1: 'value2', parameter2: 'value' },
    multiValueQueryStringParameters: { parameter1: ['value1', 'value2'], parameter2: ['value'] },
    pathParameters: { proxy: 'my/path' },
    stageVariables: null,
    requestContext: {
      resourceId: 'id',
      resourcePath: '/{proxy+}',
      httpMethod: 'POST',
      extendedRequestId: CONTEXT.requestId,
      requestTime: '09/Apr/2015:12:34:56 +0000',
      path: '/prod/my/path',
      accountId: '123456789012',
      protocol: 'HTTP/1.1',
      stage: 'prod',
      domainPrefix: 'id',
      requestTimeEpoch: CONTEXT.nowMs,
      requestId: CONTEXT.requestId,
      identity: {
        cognitoIdentityPoolId: null,
        accountId: null,
        cognitoIdentityId: null,
        caller: null,
        sourceIp: '192.0.2.1',
        principalOrgId: null,
        accessKey: null,
        cognitoAuthenticationType: null,
        cognitoAuthenticationProvider: null,
        userArn: null,
        userAgent: 'agent',
        user: null,
      },
      domainName: 'id.execute-api.us-east-1.amazonaws.com',
      apiId: 'id',
    },
    body: 'Hello from Lambda!',
    isBase64Encoded: false,
  });
});

test('what is not there is null', () => {
  expect(event({})).toMatchObject({
    resource: '/',
    headers: null,
    multiValueHeaders: null,
    queryStringParameters: null,
    multiValueQueryStringParameters: null,
    pathParameters: null,
    body: null,
    isBase64Encoded: false,
  });
});

const encodings: { reason: string; target: string; expected: object }[] = [
  {
    reason: 'the path is as it was sent, the parameter is decoded',
    target: '/a%20b%2Fc',
    expected: { path: '/a%20b%2Fc', pathParameters: { proxy: 'a b/c' } },
  },
  {
    reason: 'the query is decoded',
    target: '/x?q=a%20b+c&q=%C3%BC',
    expected: { multiValueQueryStringParameters: { q: ['a b c', 'ü'] }, queryStringParameters: { q: 'ü' } },
  },
  {
    reason: 'a stray % stays',
    target: '/100%?q=%',
    expected: { path: '/100%', pathParameters: { proxy: '100%' }, queryStringParameters: { q: '%' } },
  },
  {
    reason: 'names without value',
    target: '/?flag&a=',
    expected: { queryStringParameters: { flag: '', a: '' } },
  },
];
test.each(encodings)('$reason', ({ target, expected }) => {
  expect(event({ target })).toMatchObject(expected);
});

test('a binary body is base64', () => {
  const body = Buffer.from([0, 255, 16]);
  expect(event({ method: 'POST', headers: ['Content-Type', 'image/png'], body })).toMatchObject({
    body: body.toString('base64'),
    isBase64Encoded: true,
  });
});

describe('the answer', () => {
  const good: { reason: string; payload: string; expected: object }[] = [
    {
      reason: 'status, headers and body',
      payload: '{"statusCode":201,"headers":{"X-A":"b"},"body":"x"}',
      expected: {
        status: 201,
        headers: ['X-A', 'b', 'Content-Type', 'application/json'],
        body: Buffer.from('x'),
      },
    },
    {
      reason: 'a status as text is a number',
      payload: '{"statusCode":"200","body":""}',
      expected: { status: 200, body: Buffer.alloc(0) },
    },
    {
      reason: 'both kinds of headers are merged, a pair in both counts once',
      payload:
        '{"statusCode":200,"headers":{"set-cookie":"a=1","x-b":2},"multiValueHeaders":{"Set-Cookie":["a=1","c=3"],"Content-Type":["text/plain"]}}',
      expected: { headers: ['Set-Cookie', 'a=1', 'Set-Cookie', 'c=3', 'Content-Type', 'text/plain', 'x-b', '2'] },
    },
    {
      reason: 'base64',
      payload: '{"statusCode":200,"body":"AP8=","isBase64Encoded":true}',
      expected: { body: Buffer.from([0, 255]) },
    },
    {
      reason: '204 has neither body nor type',
      payload: '{"statusCode":204,"body":"x"}',
      expected: { status: 204, headers: [], body: Buffer.alloc(0) },
    },
    {
      reason: 'null counts as not given',
      payload: '{"statusCode":200,"headers":null,"multiValueHeaders":null,"body":null}',
      expected: { status: 200, headers: ['Content-Type', 'application/json'], body: Buffer.alloc(0) },
    },
  ];
  test.each(good)('$reason', ({ payload, expected }) => {
    const answer = restApiAnswer(Buffer.from(payload));
    expect(answer.malformed).toBeUndefined();
    expect(answer).toMatchObject(expected);
  });

  test.each([
    ['no JSON', 'hello'],
    ['no object', '"hello"'],
    ['no status', '{"body":"x"}'],
    ['a status out of range', '{"statusCode":99}'],
    ['a body that is not a string', '{"statusCode":200,"body":{}}'],
    ['a header that is an object', '{"statusCode":200,"headers":{"a":{}}}'],
    ['a header name that cannot be one', '{"statusCode":200,"headers":{"a b":"c"}}'],
    ['multiValueHeaders without arrays', '{"statusCode":200,"multiValueHeaders":{"a":"b"}}'],
    ['base64 that is none', '{"statusCode":200,"body":"!","isBase64Encoded":true}'],
  ])('%s is a 502', (_reason, payload) => {
    expect(restApiAnswer(Buffer.from(payload))).toMatchObject({
      status: 502,
      headers: ['Content-Type', 'application/json'],
      body: Buffer.from('{"message":"Internal server error"}'),
      malformed: expect.any(String),
    });
  });

  test('a streamed one takes status, headers and cookies from the prelude', () => {
    const format = restApiFormat();
    expect(format.streamHead({ statusCode: 201, headers: { 'Content-Type': 'a/b' }, cookies: ['x=1'] })).toEqual({
      status: 201,
      reason: undefined,
      headers: ['Content-Type', 'a/b', 'Set-Cookie', 'x=1'],
    });
    expect(format.streamHead({})).toMatchObject({ status: 200 });
    expect(format.streamHead([])).toBe('prelude is not a JSON object');
    expect(format.rawStreamHead('text/plain')).toBeUndefined();
  });
});
