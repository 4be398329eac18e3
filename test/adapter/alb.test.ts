import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ALB_RESPONSE_BYTES_MAX, albAnswer, albEvent, albFormat } from '../../src/adapter/events/alb.ts';
import type { HttpRequest } from '../../src/adapter/events/message.ts';

const ARN =
  'arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/lambda-279XGJDqGZ5rsrHC2Fjr/49e9d65c45c6791a';

function request(given: Partial<HttpRequest>): HttpRequest {
  const defaults = {
    method: 'GET',
    target: '/',
    protocol: 'HTTP/1.1',
    headers: [],
    body: Buffer.alloc(0),
    sourceIp: '10.0.0.1',
  };
  return { ...defaults, ...given };
}

function event(given: Partial<HttpRequest>, multiValue = false): Record<string, unknown> {
  return JSON.parse(albEvent(request(given), { targetGroupArn: ARN, multiValue }).toString('utf8')) as Record<
    string,
    unknown
  >;
}

describe('events as AWS documents them', () => {
  const AGENT =
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/71.0.3578.98 Safari/537.36';
  const ACCEPT = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,image/apng,*/*;q=0.8';

  test('"Using AWS Lambda with an Application Load Balancer", byte for byte', () => {
    const bytes = albEvent(
      request({
        target: '/lambda?query=1234ABCD',
        headers: [
          ...['Host', 'lambda-alb-123578498.us-east-2.elb.amazonaws.com', 'Connection', 'keep-alive'],
          ...['Upgrade-Insecure-Requests', '1', 'User-Agent', AGENT, 'Accept', ACCEPT],
          ...['Accept-Encoding', 'gzip', 'Accept-Language', 'en-US,en;q=0.9'],
          ...['X-Amzn-Trace-Id', 'Root=1-5c536348-3d683b8b04734faae651f476', 'X-Forwarded-For', '72.12.164.125'],
          ...['X-Forwarded-Port', '80', 'X-Forwarded-Proto', 'http', 'X-Imforwards', '20'],
        ],
      }),
      { targetGroupArn: ARN, multiValue: false },
    );
    const documented = {
      requestContext: { elb: { targetGroupArn: ARN } },
      httpMethod: 'GET',
      path: '/lambda',
      queryStringParameters: { query: '1234ABCD' },
      headers: {
        accept: ACCEPT,
        'accept-encoding': 'gzip',
        'accept-language': 'en-US,en;q=0.9',
        connection: 'keep-alive',
        host: 'lambda-alb-123578498.us-east-2.elb.amazonaws.com',
        'upgrade-insecure-requests': '1',
        'user-agent': AGENT,
        'x-amzn-trace-id': 'Root=1-5c536348-3d683b8b04734faae651f476',
        'x-forwarded-for': '72.12.164.125',
        'x-forwarded-port': '80',
        'x-forwarded-proto': 'http',
        'x-imforwards': '20',
      },
      body: '',
      isBase64Encoded: false,
    };
    expect(bytes.toString('utf8')).toBe(JSON.stringify(documented));
  });

  test('a health check', () => {
    expect(event({ headers: ['User-Agent', 'ELB-HealthChecker/2.0'] })).toEqual({
      requestContext: { elb: { targetGroupArn: ARN } },
      httpMethod: 'GET',
      path: '/',
      queryStringParameters: {},
      headers: { 'user-agent': 'ELB-HealthChecker/2.0' },
      body: '',
      isBase64Encoded: false,
    });
  });

  const twice = {
    target: '/?&myKey=val1&myKey=val2',
    headers: ['Cookie', 'name1=value1', 'Cookie', 'name2=value2'],
  };

  test('"Multi-value headers", disabled: the last value wins', () => {
    const { headers, queryStringParameters } = event(twice);
    expect({ headers, queryStringParameters }).toEqual({
      headers: { cookie: 'name2=value2' },
      queryStringParameters: { myKey: 'val2' },
    });
  });

  test('"Multi-value headers", enabled: the multi-value fields replace the plain ones', () => {
    const sent = event(twice, true);
    expect(sent).toMatchObject({
      multiValueHeaders: { cookie: ['name1=value1', 'name2=value2'] },
      multiValueQueryStringParameters: { myKey: ['val1', 'val2'] },
    });
    expect(sent).not.toHaveProperty('headers');
    expect(sent).not.toHaveProperty('queryStringParameters');
  });
});

describe('path and query', () => {
  const cases: { reason: string; target: string; path: string; query: Record<string, string> }[] = [
    {
      reason: 'nothing is decoded',
      target: '/a%2Fb%20c?k%5B%5D=%C3%A9+x',
      path: '/a%2Fb%20c',
      query: { 'k%5B%5D': '%C3%A9+x' },
    },
    { reason: 'a name without = has an empty value', target: '/?flag&x=', path: '/', query: { flag: '', x: '' } },
    { reason: 'only the first = separates', target: '/?a=b=c', path: '/', query: { a: 'b=c' } },
    { reason: 'only the first ? separates', target: '/?a=b?c', path: '/', query: { a: 'b?c' } },
    { reason: 'a lone ? is no query', target: '/x?', path: '/x', query: {} },
  ];
  test.each(cases)('$reason', ({ target, path, query }) => {
    expect(event({ target })).toMatchObject({ path, queryStringParameters: query });
  });

  test('names keep their order, also those that look like numbers, and __proto__ is a name', () => {
    const text = albEvent(request({ target: '/?b=1&2=x&1=y&__proto__=z' }), {
      targetGroupArn: ARN,
      multiValue: false,
    }).toString();
    expect(text).toContain('"queryStringParameters":{"b":"1","2":"x","1":"y","__proto__":"z"}');
  });
});

describe('request bodies', () => {
  const text = Buffer.from('{"ü":1}');
  const cases: { reason: string; headers: string[]; body: Buffer; base64: boolean }[] = [
    { reason: 'JSON is text', headers: ['Content-Type', 'application/json'], body: text, base64: false },
    {
      reason: 'parameters of the type do not matter',
      headers: ['Content-Type', 'Application/JSON; charset=utf-8'],
      body: text,
      base64: false,
    },
    { reason: 'any text/* is text', headers: ['content-type', 'text/csv'], body: text, base64: false },
    { reason: 'JavaScript is text', headers: ['content-type', 'application/javascript'], body: text, base64: false },
    { reason: 'XML is text', headers: ['content-type', 'application/xml'], body: text, base64: false },
    {
      reason: 'suffixed types are not on the list',
      headers: ['content-type', 'application/problem+json'],
      body: text,
      base64: true,
    },
    {
      reason: 'forms are not on the list',
      headers: ['content-type', 'application/x-www-form-urlencoded'],
      body: text,
      base64: true,
    },
    { reason: 'no type', headers: [], body: text, base64: true },
    {
      reason: 'a content-encoding makes anything base64',
      headers: ['Content-Type', 'text/plain', 'Content-Encoding', 'gzip'],
      body: text,
      base64: true,
    },
    {
      reason: 'text that is not UTF-8 is not damaged',
      headers: ['Content-Type', 'text/plain'],
      body: Buffer.from([0x66, 0xfc]),
      base64: true,
    },
    {
      reason: 'a replacement character of the text itself is text',
      headers: ['Content-Type', 'text/plain'],
      body: Buffer.from('a\ufffdb'),
      base64: false,
    },
  ];
  test.each(cases)('$reason', ({ headers, body, base64 }) => {
    const sent = event({ method: 'POST', headers, body });
    expect(sent.isBase64Encoded).toBe(base64);
    expect(sent.body).toBe(body.toString(base64 ? 'base64' : 'utf8'));
  });

  test('every body comes back from its event', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.constantFrom('text/plain', 'application/json', 'image/png'),
        (bytes, type) => {
          const sent = event({ method: 'POST', headers: ['Content-Type', type], body: Buffer.from(bytes) });
          const back = Buffer.from(String(sent.body), sent.isBase64Encoded ? 'base64' : 'utf8');
          expect(back.equals(Buffer.from(bytes))).toBe(true);
        },
      ),
    );
  });
});

function answer(value: unknown, multiValue = false) {
  return albAnswer(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)), multiValue);
}

describe('answers', () => {
  test('as documented', () => {
    const documented = {
      isBase64Encoded: false,
      statusCode: 200,
      statusDescription: '200 OK',
      headers: { 'Set-cookie': 'cookies', 'Content-Type': 'application/json' },
      body: 'Hello from Lambda (optional)',
    };
    expect(answer(documented)).toEqual({
      status: 200,
      reason: 'OK',
      headers: ['Set-cookie', 'cookies', 'Content-Type', 'application/json'],
      body: Buffer.from('Hello from Lambda (optional)'),
    });
  });

  test('multi-value as documented: each value is a header of its own', () => {
    const documented = {
      isBase64Encoded: false,
      statusCode: 200,
      multiValueHeaders: {
        'Set-cookie': ['cookie-name=cookie-value;Domain=myweb.com', 'cookie-name=other'],
        'Content-Type': ['application/json'],
      },
    };
    expect(answer(documented, true).headers).toEqual([
      ...['Set-cookie', 'cookie-name=cookie-value;Domain=myweb.com', 'Set-cookie', 'cookie-name=other'],
      ...['Content-Type', 'application/json'],
    ]);
  });

  const good: { reason: string; value: unknown; multiValue?: boolean; expected: object }[] = [
    {
      reason: 'a status alone is enough',
      value: { statusCode: 201 },
      expected: { status: 201, body: Buffer.alloc(0) },
    },
    {
      reason: 'without a type it is a byte stream',
      value: { statusCode: 200 },
      expected: { headers: ['Content-Type', 'application/octet-stream'] },
    },
    {
      reason: 'headers of the other mode are ignored (single)',
      value: { statusCode: 200, multiValueHeaders: { 'Content-Type': ['a/b'] } },
      expected: { headers: ['Content-Type', 'application/octet-stream'] },
    },
    {
      reason: 'headers of the other mode are ignored (multi)',
      value: { statusCode: 200, headers: { 'Content-Type': 'a/b' } },
      multiValue: true,
      expected: { headers: ['Content-Type', 'application/octet-stream'] },
    },
    {
      reason: 'null in the field of the other mode is not read',
      value: { statusCode: 200, headers: {}, multiValueHeaders: null },
      expected: { status: 200 },
    },
    {
      reason: 'base64 is decoded',
      value: { statusCode: 200, body: '/9j/AAE=', isBase64Encoded: true },
      expected: { body: Buffer.from([0xff, 0xd8, 0xff, 0x00, 0x01]) },
    },
    {
      reason: '204 has neither body nor type',
      value: { statusCode: 204, body: 'x' },
      expected: { status: 204, headers: [], body: Buffer.alloc(0) },
    },
    {
      reason: '304 has no body',
      value: { statusCode: 304, headers: { ETag: '"1"' }, body: 'x' },
      expected: { headers: ['ETag', '"1"'], body: Buffer.alloc(0) },
    },
    {
      reason: 'hop-by-hop headers and the length are dropped',
      value: {
        statusCode: 200,
        headers: { Connection: 'close', 'Transfer-Encoding': 'chunked', 'Content-Length': '99', 'content-type': 'a/b' },
      },
      expected: { headers: ['content-type', 'a/b'] },
    },
    {
      reason: 'a description without phrase',
      value: { statusCode: 200, statusDescription: '200' },
      expected: { reason: undefined },
    },
    {
      reason: 'a description without number',
      value: { statusCode: 200, statusDescription: 'Fine' },
      expected: { reason: 'Fine' },
    },
    {
      reason: 'header values may be Latin-1',
      value: { statusCode: 200, headers: { 'X-Name': 'Jürgen', 'content-type': 'a/b' } },
      expected: { headers: ['X-Name', 'Jürgen', 'content-type', 'a/b'] },
    },
  ];
  test.each(good)('$reason', ({ value, multiValue = false, expected }) => {
    const given = answer(value, multiValue);
    expect(given.malformed).toBeUndefined();
    expect(given).toMatchObject(expected);
  });

  const bad: { reason: string; value: unknown; multiValue?: boolean }[] = [
    { reason: 'not JSON', value: '<html>' },
    { reason: 'no object', value: '"hello"' },
    { reason: 'an array', value: [] },
    { reason: 'null', value: 'null' },
    { reason: 'no status', value: { body: 'x' } },
    { reason: 'status as text', value: { statusCode: '200' } },
    { reason: 'fractional status', value: { statusCode: 200.5 } },
    { reason: 'informational status', value: { statusCode: 100 } },
    { reason: 'status out of range', value: { statusCode: 600 } },
    { reason: 'header that is a number', value: { statusCode: 200, headers: { 'Content-Length': 5 } } },
    {
      reason: 'header that is a boolean',
      value: { statusCode: 200, headers: { 'Access-Control-Allow-Credentials': true } },
    },
    { reason: 'headers null', value: { statusCode: 200, headers: null } },
    { reason: 'body null', value: { statusCode: 200, body: null } },
    { reason: 'description null', value: { statusCode: 200, statusDescription: null } },
    { reason: 'body an object', value: { statusCode: 200, body: {} } },
    { reason: 'line break in a header', value: { statusCode: 200, headers: { A: 'b\r\nSet-Cookie: c' } } },
    { reason: 'line break in the description', value: { statusCode: 200, statusDescription: '200 OK\r\nA: b' } },
    { reason: 'header beyond Latin-1', value: { statusCode: 200, headers: { A: '✓' } } },
    { reason: 'header name with a space', value: { statusCode: 200, headers: { 'A b': 'c' } } },
    {
      reason: 'multi-value header that is not a list',
      value: { statusCode: 200, multiValueHeaders: { A: 'b' } },
      multiValue: true,
    },
    { reason: 'base64 that is none', value: { statusCode: 200, body: 'hello!', isBase64Encoded: true } },
    { reason: 'more than 1 MB of JSON', value: { statusCode: 200, body: 'x'.repeat(ALB_RESPONSE_BYTES_MAX) } },
  ];
  test.each(bad)('502: $reason', ({ value, multiValue = false }) => {
    const given = answer(value, multiValue);
    expect(given.status).toBe(502);
    expect(given.malformed).toBeTypeOf('string');
    expect(given.headers).toEqual(['Content-Type', 'text/html']);
    expect(given.body.toString()).toContain('<h1>502 Bad Gateway</h1>');
  });

  test('exactly 1 MB of JSON passes', () => {
    const empty = JSON.stringify({ statusCode: 200, body: '' }).length;
    expect(answer({ statusCode: 200, body: 'x'.repeat(ALB_RESPONSE_BYTES_MAX - empty) }).status).toBe(200);
  });

  test('whatever a function returns, the answer can be sent', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          fc.string(),
          fc
            .record({ statusCode: fc.integer(), headers: fc.dictionary(fc.string(), fc.string()) })
            .map((value) => JSON.stringify(value)),
        ),
        fc.boolean(),
        (payload, multiValue) => {
          const given = answer(payload, multiValue);
          expect(given.status).toBeGreaterThanOrEqual(200);
          expect(given.headers.length % 2).toBe(0);
          expect(given.headers.some((text) => /[\r\n\0]/.test(text))).toBe(false);
        },
      ),
    );
  });
});

describe('streamed answers', () => {
  const { streamHead } = albFormat(false);
  test('the prelude gives status, headers and cookies', () => {
    expect(streamHead({ statusCode: 201, headers: { 'Content-Type': 'text/plain' }, cookies: ['a=1', 'b=2'] })).toEqual(
      {
        status: 201,
        reason: undefined,
        headers: ['Content-Type', 'text/plain', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2'],
      },
    );
  });
  test('a prelude without status means 200', () => {
    expect(streamHead({})).toMatchObject({ status: 200 });
  });
  test('an unusable prelude says why', () => {
    expect(streamHead([])).toBe('prelude is not a JSON object');
    expect(streamHead({ statusCode: 'x' })).toBe('statusCode is not an integer');
    expect(streamHead({ cookies: [1] })).toBe('header Set-Cookie is not a string');
  });
});
