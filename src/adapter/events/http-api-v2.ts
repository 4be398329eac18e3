/**
 * Payload format 2.0: API Gateway HTTP APIs and Lambda function URLs. The two differ where AWS's do: an HTTP API decodes
 * the path (and loses what follows a decoded `?`), a function URL does not; an HTTP API reports failures as 500, a
 * function URL as 502; a function URL streams. Pure, like its sibling for the load balancer. Routes, stages, authorizers
 * and path parameters are API Gateway's own business: events say route `$default`, stage `$default`.
 */
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

/** Lambda's limit of a synchronous payload is what bounds a request here. */
export const REQUEST_BYTES_MAX = 6 * 1024 * 1024;

export type HttpApiFlavour = 'http-api-v2' | 'function-url';

/** The 2.0 event of a request. */
export function httpApiEvent(request: HttpRequest, context: EventContext, flavour: HttpApiFlavour): Buffer {
  const [rawPath, rawQueryString] = splitTarget(request.target);
  const path = flavour === 'http-api-v2' ? decodedPath(rawPath) : rawPath;
  const { headers, cookies } = joinedHeaders(request.headers);
  const query = joinedQuery(rawQueryString);
  const host = headers.get('host') ?? '';
  const { body, isBase64Encoded } = eventBody(request);
  const accountId = context.functionArn.split(':')[4] ?? '';
  const members: [string, unknown][] = [
    ['version', '2.0'],
    ['routeKey', '$default'],
    ['rawPath', path],
    ['rawQueryString', rawQueryString],
  ];
  if (cookies.length > 0) members.push(['cookies', cookies]);
  const text = orderedJson(members).slice(0, -1);
  const queryText = query.size > 0 ? `,"queryStringParameters":${orderedJson(query)}` : '';
  const requestContext = {
    accountId,
    apiId: host.split('.')[0] ?? '',
    domainName: host,
    domainPrefix: host.split('.')[0] ?? '',
    http: {
      method: request.method,
      path,
      protocol: request.protocol,
      sourceIp: lastForwardedFor(request.headers) ?? request.sourceIp,
      userAgent: headers.get('user-agent') ?? '',
    },
    requestId: context.requestId,
    routeKey: '$default',
    stage: '$default',
    time: commonLogTime(context.nowMs),
    timeEpoch: context.nowMs,
  };
  const bodyText = body === '' ? '' : `,"body":${JSON.stringify(body)}`;
  return Buffer.from(
    `${text},"headers":${orderedJson(headers)}${queryText},"requestContext":${JSON.stringify(requestContext)}${bodyText},"isBase64Encoded":${isBase64Encoded}}`,
  );
}

/** Repeated headers are joined by a comma; cookies leave the headers for a list of their own. */
function joinedHeaders(raw: readonly string[]): { headers: Map<string, string>; cookies: string[] } {
  const headers = new Map<string, string>();
  const cookies: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = (raw[i] ?? '').toLowerCase();
    const value = raw[i + 1] ?? '';
    if (name === 'cookie') {
      for (const cookie of value.split(';')) if (cookie.trim() !== '') cookies.push(cookie.trim());
      continue;
    }
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before},${value}`);
  }
  return { headers, cookies };
}

function joinedQuery(query: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const [rawName, rawValue] of queryPairs(query)) {
    const name = percentAndPlus(rawName);
    const value = percentAndPlus(rawValue);
    const before = values.get(name);
    values.set(name, before === undefined ? value : `${before},${value}`);
  }
  return values;
}

/** A name or value of a query string, decoded. */
export function percentAndPlus(text: string): string {
  return decoded(text.replaceAll('+', ' '));
}

/** Percent-encoding undone. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A stray % is left as it stands.
    return text;
  }
}

function decodedPath(path: string): string {
  const text = decoded(path);
  const mark = text.indexOf('?');
  return mark < 0 ? text : text.slice(0, mark);
}

/** The entry that the nearest load balancer appended; those before it are the client's word. */
export function lastForwardedFor(headers: readonly string[]): string | undefined {
  return header(headers, 'x-forwarded-for')?.split(',').at(-1)?.trim() || undefined;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `12/Mar/2026:19:03:58 +0000` */
export function commonLogTime(ms: number): string {
  const iso = new Date(ms).toISOString();
  return `${iso.slice(8, 10)}/${MONTHS[Number(iso.slice(5, 7)) - 1]}/${iso.slice(0, 4)}:${iso.slice(11, 19)} +0000`;
}

/**
 * The HTTP answer to a function's payload: JSON without `statusCode` is itself the body of a 200; with one, it is read
 * as `{statusCode, headers, cookies, body, isBase64Encoded}`.
 */
export function httpApiAnswer(payload: Buffer, flavour: HttpApiFlavour): HttpAnswer {
  const parsed = parseJson(payload);
  if (!parsed) return malformed('answer is not JSON', flavour);
  if (!isRecord(parsed.value) || parsed.value.statusCode === undefined) {
    return { status: 200, reason: undefined, headers: ['Content-Type', 'application/json'], body: payload };
  }
  const head = answerHead(parsed.value, flavour === 'http-api-v2' ? 'text/plain; charset=utf-8' : 'application/json');
  if (typeof head === 'string') return malformed(head, flavour);
  const { body, isBase64Encoded } = parsed.value;
  if (isBodiless(head.status)) return withBody(head, Buffer.alloc(0));
  if (body === undefined || body === null) return withBody(head, Buffer.alloc(0));
  if (typeof body !== 'string') return malformed('body is not a string', flavour);
  if (isBase64Encoded !== true) return withBody(head, Buffer.from(body, 'utf8'));
  const bytes = decodeBase64(body);
  return bytes ? withBody(head, bytes) : malformed('body is not base64 although isBase64Encoded is true', flavour);
}

function answerHead(answer: Record<string, unknown>, defaultType: string): AnswerHead | string {
  const status = Number(answer.statusCode ?? 200);
  if (!Number.isInteger(status) || status < 200 || status > 599) return 'statusCode is not a final HTTP status';
  const headers: string[] = [];
  const { headers: given, cookies } = answer;
  if (given !== undefined && given !== null) {
    if (!isRecord(given)) return 'headers is not an object';
    for (const [name, value] of Object.entries(given)) {
      if (!['string', 'number', 'boolean'].includes(typeof value)) return `header ${name} is not a string`;
      if (!isHeaderName(name) || !isHeaderValue(String(value))) return `header ${name} is not valid`;
      if (!isDropped(name)) headers.push(name, String(value));
    }
  }
  if (cookies !== undefined && cookies !== null) {
    if (!Array.isArray(cookies)) return 'cookies is not an array';
    for (const cookie of cookies) {
      if (typeof cookie !== 'string' || !isHeaderValue(cookie)) return 'a cookie is not a valid string';
      headers.push('Set-Cookie', cookie);
    }
  }
  if (!hasHeader(headers, 'content-type') && !isBodiless(status)) headers.push('Content-Type', defaultType);
  return { status, reason: undefined, headers };
}

const STATUS: Record<FrontFailure, number> = {
  functionError: 500,
  timeout: 504,
  overloaded: 503,
  requestTooLarge: 413,
  upgradeRefused: 400,
};
const MESSAGE: Record<FrontFailure, string> = {
  functionError: 'Internal Server Error',
  timeout: 'Endpoint request timed out',
  overloaded: 'Service Unavailable',
  requestTooLarge: 'Request Entity Too Large',
  upgradeRefused: 'Bad Request',
};

function failure(kind: FrontFailure, flavour: HttpApiFlavour): HttpAnswer {
  const status = kind === 'functionError' && flavour === 'function-url' ? 502 : STATUS[kind];
  const headers = ['Content-Type', 'application/json'];
  return { status, reason: undefined, headers, body: Buffer.from(JSON.stringify({ message: MESSAGE[kind] })) };
}

function malformed(why: string, flavour: HttpApiFlavour): HttpAnswer {
  return { ...failure('functionError', flavour), malformed: why };
}

/** Payload format 2.0 as an event format of the front. */
export function httpApiFormat(flavour: HttpApiFlavour): EventFormat {
  return {
    name: flavour,
    requestBytesMax: REQUEST_BYTES_MAX,
    event: (request, context) => httpApiEvent(request, context, flavour),
    answer: (payload) => httpApiAnswer(payload, flavour),
    streamHead: (prelude) =>
      isRecord(prelude) ? answerHead(prelude, 'application/octet-stream') : 'prelude is not a JSON object',
    rawStreamHead: (contentType) =>
      flavour === 'function-url'
        ? { status: 200, reason: undefined, headers: ['Content-Type', contentType] }
        : undefined,
    failure: (kind) => failure(kind, flavour),
  };
}
