/**
 * Application Load Balancer ↔ Lambda, single- and multi-value, as a target group of type `lambda` does it: a request
 * becomes event bytes, the function's JSON becomes an HTTP answer, anything else the load balancer's own error page.
 * Pure: the adapter's front uses it on Fargate and the local cloud's load balancer for its Lambda targets, so that both
 * sides answer the same. Adding `x-forwarded-*` and `x-amzn-trace-id` is the load balancer's part, not this one's.
 *
 * Beyond AWS's page "Lambda functions as targets", from what users saw real ALBs do: `statusCode` must be a number and
 * header values strings; `null` in a field that is read (headers, body, statusDescription) is malformed, a missing one is
 * not; the headers field of the other mode is ignored; without a content-type the answer is application/octet-stream.
 */
import {
  type AnswerHead,
  decodeBase64,
  type EventFormat,
  eventBody,
  type FrontFailure,
  type HttpAnswer,
  type HttpRequest,
  hasHeader,
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

const NO_BODY = Buffer.alloc(0);

/** Largest request body that an ALB passes to a function: 1 MB of the body itself, before any base64. */
export const ALB_REQUEST_BYTES_MAX = 1024 * 1024;
/** Largest answer (the whole JSON) that an ALB takes from a function. */
export const ALB_RESPONSE_BYTES_MAX = 1024 * 1024;

export interface AlbOptions {
  readonly targetGroupArn: string;
  /** Attribute `lambda.multi_value_headers.enabled` of the target group. */
  readonly multiValue: boolean;
}

/**
 * The event of a request: header names in lower case and sorted, path and query undecoded; of repeated headers and
 * query names the last counts, or with `multiValue` all, in `multiValue…` fields that replace the plain ones.
 */
export function albEvent(request: HttpRequest, options: AlbOptions): Buffer {
  const [path, query] = splitTarget(request.target);
  const { multiValue } = options;
  const queryField = multiValue ? 'multiValueQueryStringParameters' : 'queryStringParameters';
  const headersField = multiValue ? 'multiValueHeaders' : 'headers';
  const collect = multiValue ? allValues : lastValues;
  const { body, isBase64Encoded } = eventBody(request);
  return Buffer.from(
    `{"requestContext":{"elb":{"targetGroupArn":${JSON.stringify(options.targetGroupArn)}}}` +
      `,"httpMethod":${JSON.stringify(request.method)},"path":${JSON.stringify(path)}` +
      `,"${queryField}":${query === '' ? '{}' : orderedJson(collect(queryPairs(query)))}` +
      `,"${headersField}":${headersJson(request.headers, multiValue)}` +
      `,"body":${body === '' ? '""' : JSON.stringify(body)},"isBase64Encoded":${isBase64Encoded}}`,
  );
}

function lastValues(pairs: readonly [string, string][]): Map<string, string> {
  return new Map(pairs);
}

function allValues(pairs: readonly [string, string][]): Map<string, string[]> {
  const values = new Map<string, string[]>();
  for (const [name, value] of pairs) {
    const list = values.get(name);
    if (list) list.push(value);
    else values.set(name, [value]);
  }
  return values;
}

/** Names in lower case and sorted; of equal ones the last value, or a list of all. */
function headersJson(raw: readonly string[], multiValue: boolean): string {
  const names: string[] = [];
  const values: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = (raw[i] as string).toLowerCase();
    // A dozen headers, each moved to its place behind its equals, are sorted before a sort would have begun.
    let at = names.length;
    for (; at > 0 && (names[at - 1] as string) > name; at--) {
      names[at] = names[at - 1] as string;
      values[at] = values[at - 1] as string;
    }
    names[at] = name;
    values[at] = raw[i + 1] as string;
  }
  let text = '{';
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    const first = i;
    while (i + 1 < names.length && names[i + 1] === name) i++;
    if (text.length > 1) text += ',';
    const shown = multiValue ? values.slice(first, i + 1) : values[i];
    text += `${JSON.stringify(name)}:${JSON.stringify(shown)}`;
  }
  return `${text}}`;
}

/** The HTTP answer that an ALB makes of a function's payload; a 502 page with `malformed` when it cannot be used. */
export function albAnswer(payload: Buffer, multiValue: boolean): HttpAnswer {
  if (payload.length > ALB_RESPONSE_BYTES_MAX) return malformed(`answer of ${payload.length} bytes exceeds 1 MB`);
  const value = parseJson(payload)?.value;
  if (!isRecord(value)) return malformed('answer is not a JSON object');
  const head = albHead(value, multiValue);
  if (typeof head === 'string') return malformed(head);
  const body = albBody(value);
  return typeof body === 'string' ? malformed(body) : withBody(head, isBodiless(head.status) ? NO_BODY : body);
}

function albBody(answer: Record<string, unknown>): Buffer | string {
  const { body = '', isBase64Encoded = false } = answer;
  if (typeof body !== 'string') return 'body is not a string';
  if (typeof isBase64Encoded !== 'boolean') return 'isBase64Encoded is not a boolean';
  if (!isBase64Encoded) return Buffer.from(body, 'utf8');
  return decodeBase64(body) ?? 'body is not base64 although isBase64Encoded is true';
}

function albHead(answer: Record<string, unknown>, multiValue: boolean): AnswerHead | string {
  const { statusCode, statusDescription } = answer;
  if (typeof statusCode !== 'number' || !Number.isInteger(statusCode)) return 'statusCode is not an integer';
  if (statusCode < 200 || statusCode > 599) return `statusCode ${statusCode} is not a final HTTP status`;
  let reason: string | undefined;
  if (statusDescription !== undefined) {
    if (typeof statusDescription !== 'string') return 'statusDescription is not a string';
    if (!isHeaderValue(statusDescription)) return 'statusDescription cannot be a reason phrase';
    // "200 OK": the status code and the phrase, separated by one space.
    reason = statusDescription.replace(/^\d{3}(?: |$)/, '') || undefined;
  }
  const headers = multiValue ? manyHeaders(answer.multiValueHeaders) : oneHeaders(answer.headers);
  if (typeof headers === 'string') return headers;
  if (!hasHeader(headers, 'content-type') && !isBodiless(statusCode)) {
    headers.push('Content-Type', 'application/octet-stream');
  }
  return { status: statusCode, reason, headers };
}

function oneHeaders(given: unknown): string[] | string {
  if (given === undefined) return [];
  if (!isRecord(given)) return 'headers is not an object';
  const headers: string[] = [];
  for (const name in given) {
    const problem = append(headers, name, given[name]);
    if (problem) return problem;
  }
  return headers;
}

function manyHeaders(given: unknown): string[] | string {
  if (given === undefined) return [];
  if (!isRecord(given)) return 'multiValueHeaders is not an object';
  const headers: string[] = [];
  for (const [name, values] of Object.entries(given)) {
    if (!Array.isArray(values)) return `multiValueHeaders.${name} is not an array`;
    for (const value of values) {
      const problem = append(headers, name, value);
      if (problem) return problem;
    }
  }
  return headers;
}

function append(headers: string[], name: string, value: unknown): string | undefined {
  if (typeof value !== 'string') return `header ${name} is not a string`;
  if (!isHeaderName(name)) return `${JSON.stringify(name)} is not a header name`;
  if (!isHeaderValue(value)) return `header ${name} has characters that a header cannot have`;
  if (!isDropped(name)) headers.push(name, value);
  return undefined;
}

/** Head of a streamed answer: the prelude has the members of an answer, and `cookies`. */
function albStreamHead(prelude: unknown): AnswerHead | string {
  if (!isRecord(prelude)) return 'prelude is not a JSON object';
  const { statusCode = 200, headers, cookies = [] } = prelude;
  const head = albHead({ statusCode, headers: headers ?? undefined }, false);
  if (typeof head === 'string') return head;
  if (!Array.isArray(cookies)) return 'cookies is not an array';
  const all = [...head.headers];
  for (const cookie of cookies) {
    const problem = append(all, 'Set-Cookie', cookie);
    if (problem) return problem;
  }
  return { ...head, headers: all };
}

const PAGES: Record<FrontFailure, { status: number; title: string }> = {
  functionError: { status: 502, title: 'Bad Gateway' },
  timeout: { status: 504, title: 'Gateway Time-out' },
  overloaded: { status: 503, title: 'Service Temporarily Unavailable' },
  requestTooLarge: { status: 413, title: 'Request Entity Too Large' },
  upgradeRefused: { status: 400, title: 'Bad Request' },
};

/** The load balancer's own error page. */
export function albFailure(kind: FrontFailure): HttpAnswer {
  const { status, title } = PAGES[kind];
  const body = `<html>\r\n<head><title>${status} ${title}</title></head>\r\n<body>\r\n<center><h1>${status} ${title}</h1></center>\r\n</body>\r\n</html>\r\n`;
  return { status, reason: undefined, headers: ['Content-Type', 'text/html'], body: Buffer.from(body) };
}

function malformed(why: string): HttpAnswer {
  return { ...albFailure('functionError'), malformed: why };
}

/** ALB as an event format of the front. */
export function albFormat(multiValue: boolean): EventFormat {
  return {
    name: multiValue ? 'alb-multi-value' : 'alb',
    requestBytesMax: ALB_REQUEST_BYTES_MAX,
    event: (request, { targetGroupArn }) => albEvent(request, { targetGroupArn, multiValue }),
    answer: (payload) => albAnswer(payload, multiValue),
    streamHead: albStreamHead,
    rawStreamHead: () => undefined,
    failure: albFailure,
  };
}
