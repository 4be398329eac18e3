/**
 * Payload format 1.0 as an API Gateway REST API's Lambda proxy integration has it, for functions written against it. The
 * API that it shows is one resource `/{proxy+}` on one stage `prod`, without authorizer and without stage variables:
 * resources, models and mappings are API Gateway's own business. Pure, like its siblings.
 *
 * After AWS's page "Lambda proxy integrations in API Gateway"; what it leaves open is as users saw it: the path is as it
 * was sent, path parameters and the query are decoded, header names keep their spelling. Which bodies are base64 is a
 * setting of the API (`binaryMediaTypes`); here it is every body that is not text, as in the other formats.
 */
import { commonLogTime, decoded, lastForwardedFor, percentAndPlus, REQUEST_BYTES_MAX } from './http-api-v2.ts';
import {
  type AnswerHead,
  decodeBase64,
  type EventContext,
  type EventFormat,
  eventBody,
  type FrontFailure,
  type HttpAnswer,
  type HttpRequest,
  hasHeader,
  header,
  isBodiless,
  isDropped,
  isHeaderName,
  isHeaderValue,
  isRecord,
  orderedJson,
  parseJson,
  queryPairs,
  splitTarget,
  withBody,
} from './message.ts';

const STAGE = 'prod';

/** The 1.0 event of a request. */
export function restApiEvent(request: HttpRequest, context: EventContext): Buffer {
  const [path, query] = splitTarget(request.target);
  const headers = grouped(namedValues(request.headers));
  const parameters = grouped(queryPairs(query).map(([name, value]) => [percentAndPlus(name), percentAndPlus(value)]));
  const { body, isBase64Encoded } = eventBody(request);
  const host = header(request.headers, 'host') ?? '';
  const apiId = host.split('.')[0] ?? '';
  const proxy = decoded(path.slice(1));
  const resource = proxy === '' ? '/' : '/{proxy+}';
  const requestContext = {
    resourceId: apiId,
    resourcePath: resource,
    httpMethod: request.method,
    extendedRequestId: context.requestId,
    requestTime: commonLogTime(context.nowMs),
    path: `/${STAGE}${path}`,
    accountId: context.functionArn.split(':')[4] ?? '',
    protocol: request.protocol,
    stage: STAGE,
    domainPrefix: apiId,
    requestTimeEpoch: context.nowMs,
    requestId: context.requestId,
    identity: {
      cognitoIdentityPoolId: null,
      accountId: null,
      cognitoIdentityId: null,
      caller: null,
      sourceIp: lastForwardedFor(request.headers) ?? request.sourceIp,
      principalOrgId: null,
      accessKey: null,
      cognitoAuthenticationType: null,
      cognitoAuthenticationProvider: null,
      userArn: null,
      userAgent: header(request.headers, 'user-agent') ?? null,
      user: null,
    },
    domainName: host,
    apiId,
  };
  return Buffer.from(
    `{"resource":"${resource}","path":${JSON.stringify(path)},"httpMethod":${JSON.stringify(request.method)}` +
      `,"headers":${objectOrNull(last(headers))},"multiValueHeaders":${objectOrNull(headers)}` +
      `,"queryStringParameters":${objectOrNull(last(parameters))}` +
      `,"multiValueQueryStringParameters":${objectOrNull(parameters)}` +
      `,"pathParameters":${proxy === '' ? 'null' : JSON.stringify({ proxy })},"stageVariables":null` +
      `,"requestContext":${JSON.stringify(requestContext)}` +
      `,"body":${body === '' ? 'null' : JSON.stringify(body)},"isBase64Encoded":${isBase64Encoded}}`,
  );
}

function namedValues(raw: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) pairs.push([raw[i] ?? '', raw[i + 1] ?? '']);
  return pairs;
}

/** All values of a name, under the spelling that came first when only case differs. */
function grouped(pairs: readonly [string, string][]): Map<string, string[]> {
  const values = new Map<string, string[]>();
  for (const [name, value] of pairs) {
    const list = values.get(name);
    if (list) list.push(value);
    else values.set(name, [value]);
  }
  return values;
}

function* last(values: Map<string, string[]>): Iterable<[string, string]> {
  for (const [name, list] of values) yield [name, list.at(-1) ?? ''];
}

function objectOrNull(members: Iterable<readonly [string, unknown]>): string {
  const text = orderedJson(members);
  return text === '{}' ? 'null' : text;
}

/** The HTTP answer to a function's payload; anything but a proxy answer is a 502, as a REST API has it. */
export function restApiAnswer(payload: Buffer): HttpAnswer {
  const value = parseJson(payload)?.value;
  if (!isRecord(value)) return malformed('answer is not a JSON object');
  const head = restApiHead(value);
  if (typeof head === 'string') return malformed(head);
  const { body, isBase64Encoded } = value;
  if (isBodiless(head.status) || body === undefined || body === null) return withBody(head, Buffer.alloc(0));
  if (typeof body !== 'string') return malformed('body is not a string');
  if (isBase64Encoded !== true) return withBody(head, Buffer.from(body, 'utf8'));
  const bytes = decodeBase64(body);
  return bytes ? withBody(head, bytes) : malformed('body is not base64 although isBase64Encoded is true');
}

function restApiHead(answer: Record<string, unknown>): AnswerHead | string {
  const status = Number(answer.statusCode ?? Number.NaN);
  if (!Number.isInteger(status) || status < 200 || status > 599) return 'statusCode is not a final HTTP status';
  const headers: string[] = [];
  const problem = appendMany(headers, answer.multiValueHeaders) ?? appendOne(headers, answer.headers);
  if (problem !== undefined) return problem;
  if (!hasHeader(headers, 'content-type') && !isBodiless(status)) headers.push('Content-Type', 'application/json');
  return { status, reason: undefined, headers };
}

function appendMany(headers: string[], given: unknown): string | undefined {
  if (given === undefined || given === null) return undefined;
  if (!isRecord(given)) return 'multiValueHeaders is not an object';
  for (const [name, values] of Object.entries(given)) {
    if (!Array.isArray(values)) return `multiValueHeaders.${name} is not an array`;
    for (const value of values) {
      const problem = append(headers, name, value);
      if (problem !== undefined) return problem;
    }
  }
  return undefined;
}

/** `headers` adds to `multiValueHeaders`; a pair that stands in both counts once. */
function appendOne(headers: string[], given: unknown): string | undefined {
  if (given === undefined || given === null) return undefined;
  if (!isRecord(given)) return 'headers is not an object';
  const already = headers.slice();
  for (const [name, value] of Object.entries(given)) {
    if (has(already, name, String(value))) continue;
    const problem = append(headers, name, value);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function has(headers: readonly string[], name: string, value: string): boolean {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (headers[i]?.toLowerCase() === name.toLowerCase() && headers[i + 1] === value) return true;
  }
  return false;
}

function append(headers: string[], name: string, value: unknown): string | undefined {
  if (!['string', 'number', 'boolean'].includes(typeof value)) return `header ${name} is not a string`;
  if (!isHeaderName(name) || !isHeaderValue(String(value))) return `header ${name} is not valid`;
  if (!isDropped(name)) headers.push(name, String(value));
  return undefined;
}

const FAILURES: Record<FrontFailure, { status: number; message: string }> = {
  functionError: { status: 502, message: 'Internal server error' },
  timeout: { status: 504, message: 'Endpoint request timed out' },
  overloaded: { status: 503, message: 'Service Unavailable' },
  requestTooLarge: { status: 413, message: 'Request Too Long' },
  upgradeRefused: { status: 400, message: 'Bad Request' },
};

function failure(kind: FrontFailure): HttpAnswer {
  const { status, message } = FAILURES[kind];
  const headers = ['Content-Type', 'application/json'];
  return { status, reason: undefined, headers, body: Buffer.from(JSON.stringify({ message })) };
}

function malformed(why: string): HttpAnswer {
  return { ...failure('functionError'), malformed: why };
}

/** Head of a streamed answer: the prelude has the members of an answer, and `cookies`. */
function restApiStreamHead(prelude: unknown): AnswerHead | string {
  if (!isRecord(prelude)) return 'prelude is not a JSON object';
  const { statusCode = 200, cookies = [], ...rest } = prelude;
  const head = restApiHead({ ...rest, statusCode });
  if (typeof head === 'string') return head;
  if (!Array.isArray(cookies)) return 'cookies is not an array';
  const headers = [...head.headers];
  for (const cookie of cookies) {
    const problem = append(headers, 'Set-Cookie', cookie);
    if (problem !== undefined) return problem;
  }
  return { ...head, headers };
}

/** Payload format 1.0 as an event format of the front. */
export function restApiFormat(): EventFormat {
  return {
    name: 'rest-api-v1',
    requestBytesMax: REQUEST_BYTES_MAX,
    event: restApiEvent,
    answer: restApiAnswer,
    streamHead: restApiStreamHead,
    rawStreamHead: () => undefined,
    failure,
  };
}
