/**
 * The HTTP messages that event formats translate from and to, and the rules that all formats share: which bodies are
 * text, how raw headers are read, how JSON objects keep their order. Pure; sockets are the front's business.
 */

/** A request as it came over the wire. */
export interface HttpRequest {
  readonly method: string;
  /** The request target, undecoded: `/path?query`. */
  readonly target: string;
  /** `HTTP/1.1` */
  readonly protocol: string;
  /** Name, value, name, value …, names as received. */
  readonly headers: readonly string[];
  readonly body: Buffer;
  /** Address of the peer; a `x-forwarded-for` entry written by the load balancer wins over it where a format shows one. */
  readonly sourceIp: string;
}

/** Status line and headers of an answer. */
export interface AnswerHead {
  readonly status: number;
  readonly reason: string | undefined;
  /** Name, value, name, value …; without content-length and hop-by-hop headers. */
  readonly headers: readonly string[];
}

export interface HttpAnswer extends AnswerHead {
  readonly body: Buffer;
  /** Set when the function's answer could not be used: why, for the log. The rest is then the error answer. */
  readonly malformed?: string;
}

/** Member by member: a spread costs more than the rest of an answer. */
export function withBody({ status, reason, headers }: AnswerHead, body: Buffer): HttpAnswer {
  return { status, reason, headers, body };
}

/** What the caller of a format must know beside the request. */
export interface EventContext {
  readonly requestId: string;
  readonly functionArn: string;
  readonly targetGroupArn: string;
  readonly nowMs: number;
}

export type FrontFailure = 'functionError' | 'timeout' | 'overloaded' | 'requestTooLarge' | 'upgradeRefused';

/** One way of turning HTTP into a Lambda event and an answer of the function into HTTP. Pure. */
export interface EventFormat {
  readonly name: string;
  /** Largest request body in bytes; a larger one is answered with `failure('requestTooLarge')`. */
  readonly requestBytesMax: number;
  event(request: HttpRequest, context: EventContext): Buffer;
  /** Never throws: an unusable payload becomes the service's own error answer, with `malformed` set. */
  answer(payload: Buffer): HttpAnswer;
  /** Head of a streamed answer from its metadata prelude; a string says why the prelude is unusable. */
  streamHead(prelude: unknown): AnswerHead | string;
  /** Head of a stream without prelude, or undefined when such a stream is read whole and treated by `answer`. */
  rawStreamHead(contentType: string): AnswerHead | undefined;
  failure(kind: FrontFailure): HttpAnswer;
}

/** Value of the last header called `name` (lower case), or undefined. */
export function header(headers: readonly string[], name: string): string | undefined {
  for (let i = headers.length - 2; i >= 0; i -= 2) {
    const candidate = headers[i] ?? '';
    if (candidate.length === name.length && candidate.toLowerCase() === name) return headers[i + 1];
  }
  return undefined;
}

/** `[path, query]` of a request target; the query without its `?`, empty when there is none. */
export function splitTarget(target: string): [path: string, query: string] {
  const mark = target.indexOf('?');
  return mark < 0 ? [target, ''] : [target.slice(0, mark), target.slice(mark + 1)];
}

/** Name and value pairs of a query string, undecoded, in order; a name without `=` has the value ''. */
export function queryPairs(query: string): [name: string, value: string][] {
  const pairs: [string, string][] = [];
  for (const part of query.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    pairs.push(equals < 0 ? [part, ''] : [part.slice(0, equals), part.slice(equals + 1)]);
  }
  return pairs;
}

const TEXT_TYPES = new Set(['application/json', 'application/javascript', 'application/xml']);

/**
 * The body as ALB, HTTP APIs and function URLs put it into an event: as it is when there is no content-encoding and the
 * type is text, JSON, JavaScript or XML; base64 otherwise; '' and false when empty. Text that is not valid UTF-8 cannot
 * be a JSON string: it goes as base64, which is flagged, rather than being damaged.
 */
export function eventBody(request: HttpRequest): { body: string; isBase64Encoded: boolean } {
  if (request.body.length === 0) return { body: '', isBase64Encoded: false };
  if (header(request.headers, 'content-encoding') === undefined) {
    const type = mediaType(header(request.headers, 'content-type'));
    if (type.startsWith('text/') || TEXT_TYPES.has(type)) {
      const body = utf8(request.body);
      if (body !== undefined) return { body, isBase64Encoded: false };
    }
  }
  return { body: request.body.toString('base64'), isBase64Encoded: true };
}

function mediaType(contentType: string | undefined): string {
  return (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

function utf8(bytes: Buffer): string | undefined {
  const text = bytes.toString('utf8');
  // A replacement character is the only trace of a broken sequence; it can also be in the text itself.
  return text.includes('\ufffd') && !bytes.equals(Buffer.from(text, 'utf8')) ? undefined : text;
}

/** JSON text of an object with its members in the given order: an object literal would move integer-like names first. */
export function orderedJson(members: Iterable<readonly [string, unknown]>): string {
  let text = '{';
  for (const [name, value] of members) {
    if (text.length > 1) text += ',';
    text += `${JSON.stringify(name)}:${JSON.stringify(value)}`;
  }
  return `${text}}`;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The payload as JSON, or undefined when it is not JSON. */
export function parseJson(payload: Buffer): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(payload.toString('utf8')) };
  } catch {
    return undefined;
  }
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a header value must not contain
const BAD_VALUE = /[\u0000-\u0008\u000a-\u001f\u007f\u0100-\uffff]/;

export function isHeaderName(name: string): boolean {
  return TOKEN.test(name);
}

/** Whether the text can be sent as a header value or reason phrase. */
export function isHeaderValue(value: string): boolean {
  return !BAD_VALUE.test(value);
}

const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Headers that a function cannot set: hop-by-hop ones, and the length, which is computed. */
export function isDropped(name: string): boolean {
  const lower = name.toLowerCase();
  return lower === 'content-length' || HOP_BY_HOP.has(lower);
}

export function hasHeader(headers: readonly string[], name: string): boolean {
  return header(headers, name) !== undefined;
}

/** Decoded base64, or undefined when the text is something else. */
export function decodeBase64(text: string): Buffer | undefined {
  return /^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(text) ? Buffer.from(text, 'base64') : undefined;
}

/** Whether an answer with this status has no body by definition. */
export function isBodiless(status: number): boolean {
  return status === 204 || status === 304;
}
