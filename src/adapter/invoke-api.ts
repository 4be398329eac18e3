/**
 * Lambda's own Invoke (`POST /2015-03-31/functions/{name}/invocations`), so that the AWS CLI and SDK clients can call a
 * task as they call the function. Pure: reads the request's path and headers, words the answers. What only Lambda knows
 * is left out instead of invented: the log tail has the platform's own lines but not the function's (its output is another
 * container's), and the executed version is told when the function's ARN tells it.
 */
import { type HttpAnswer, header } from './events/message.ts';
import { errorPayload, type InvocationError } from './runtime-api.ts';

/** Lambda's limit of a synchronous payload: 6 MB and 100 bytes. */
export const SYNC_BYTES_MAX = 6 * 1024 * 1024 + 100;
/** Lambda's limit of an asynchronous payload. */
export const ASYNC_BYTES_MAX = 1024 * 1024;

export type InvocationType = 'RequestResponse' | 'Event' | 'DryRun';

const PATH = /^\/2015-03-31\/functions\/([^/?]+)\/invocations(?:\?(.*))?$/;

/** Which function an Invoke call asks for, as its path and query say. */
export interface InvokedFunction {
  /** A name, a partial ARN or an ARN, with or without qualifier. */
  readonly name: string;
  /** Parameter `Qualifier`. */
  readonly qualifier: string | undefined;
}

/** Undefined when the request target is not an Invoke call's. */
export function invokedFunction(target: string): InvokedFunction | undefined {
  const match = target.startsWith('/2015-03-31/') ? PATH.exec(target) : null;
  if (!match) return undefined;
  const query = match[2] ? new URLSearchParams(match[2]) : undefined;
  return { name: decoded(match[1] ?? ''), qualifier: query?.get('Qualifier') ?? undefined };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A stray % is no part of any function's name: it will not be found, and is shown as it came.
    return text;
  }
}

/** `arn:aws:lambda:region:account:function:name[:qualifier]`, `account:function:name[:…]`, `name[:…]`. */
const NAMED = /^(?:(?:(arn:[^:]+:lambda:[^:]+):)?(\d{12}):function:)?([^:]+)(?::([^:]+))?$/;

/** The function that this task runs, as its ARN tells it. */
export class OwnFunction {
  readonly #prefix: string | undefined;
  readonly #account: string | undefined;
  readonly #name: string | undefined;
  readonly #qualifier: string;
  /** The version that answers: none is `$LATEST`, a number is itself; undefined: an alias, which may mean any. */
  readonly executedVersion: string | undefined;

  constructor(arn: string) {
    const [, prefix, account, name, qualifier = '$LATEST'] = NAMED.exec(arn) ?? [];
    this.#prefix = prefix;
    this.#account = account;
    this.#name = name;
    this.#qualifier = qualifier;
    this.executedVersion = qualifier === '$LATEST' || /^\d+$/.test(qualifier) ? qualifier : undefined;
  }

  /**
   * The refusal when something else was asked for; undefined when it is this one. A call without qualifier means whatever
   * runs here. A version or alias is only known by the ARN that the task was given.
   */
  misnamed({ name: given, qualifier: parameter }: InvokedFunction, requestId: string): HttpAnswer | undefined {
    if (given === this.#name && parameter === undefined) return undefined;
    const [, prefix = this.#prefix, account = this.#account, name, suffix] = NAMED.exec(given) ?? [];
    if (suffix !== undefined && parameter !== undefined && suffix !== parameter) {
      const message = 'The derived qualifier from the function name does not match the specified qualifier.';
      return serviceError(400, 'InvalidParameterValueException', message, requestId);
    }
    const qualifier = suffix ?? parameter;
    const same = prefix === this.#prefix && account === this.#account && name === this.#name;
    if (same && (qualifier === undefined || qualifier === this.#qualifier)) return undefined;
    const wanted = `${prefix}:${account}:function:${name ?? given}${qualifier === undefined ? '' : `:${qualifier}`}`;
    return serviceError(404, 'ResourceNotFoundException', `Function not found: ${wanted}`, requestId);
  }
}

export interface InvokeRequest {
  readonly type: InvocationType;
  readonly clientContext: string | undefined;
  /** `X-Amz-Log-Type: Tail` */
  readonly tail: boolean;
}

/** Reads the Invoke headers (name, value, name, value …); an answer instead when they are invalid. */
export function invokeRequest(headers: readonly string[], requestId: string): InvokeRequest | HttpAnswer {
  const type = header(headers, 'x-amz-invocation-type') ?? 'RequestResponse';
  if (type !== 'RequestResponse' && type !== 'Event' && type !== 'DryRun') {
    const message = `Value '${type}' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]`;
    return serviceError(400, 'InvalidParameterValueException', message, requestId);
  }
  const logType = header(headers, 'x-amz-log-type') ?? 'None';
  if (logType !== 'None' && logType !== 'Tail') {
    const message = `Value '${logType}' at 'logType' failed to satisfy constraint: Member must satisfy enum value set: [None, Tail]`;
    return serviceError(400, 'InvalidParameterValueException', message, requestId);
  }
  const tail = logType === 'Tail';
  const encoded = header(headers, 'x-amz-client-context');
  if (encoded === undefined) return { type, clientContext: undefined, tail };
  const clientContext = compactJson(Buffer.from(encoded, 'base64').toString('utf8'));
  if (clientContext === undefined) {
    const message = 'Client context must be a valid Base64-encoded JSON object.';
    return serviceError(400, 'InvalidRequestContentException', message, requestId);
  }
  return { type, clientContext, tail };
}

/** The JSON text without what is only there to be read; undefined when it is not JSON. */
function compactJson(text: string): string | undefined {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** The event that Lambda makes of a payload: none is `{}`, and what is not JSON is refused. */
export function invokeEvent(payload: Buffer, requestId: string): Buffer | HttpAnswer {
  if (payload.length === 0) return Buffer.from('{}');
  try {
    JSON.parse(payload.toString('utf8'));
    return payload;
  } catch (error) {
    const message = `Could not parse request body into json: ${(error as Error).message}`;
    return serviceError(400, 'InvalidRequestContentException', message, requestId);
  }
}

/** What the answer to a synchronous call says beside the payload. */
export interface InvokeFacts {
  readonly requestId: string;
  readonly version: string | undefined;
  /** The caller asked for the log's tail. */
  readonly tail: boolean;
  readonly runtimeMs: number;
}

export function invokeResponse(payload: Buffer, facts: InvokeFacts): HttpAnswer {
  return answer(200, payload, facts.requestId, factHeaders(facts));
}

/** Success as a call, failure as a function: 200 with `X-Amz-Function-Error`. */
export function invokeFunctionError(error: InvocationError, facts: InvokeFacts): HttpAnswer {
  const headers = ['X-Amz-Function-Error', 'Unhandled', ...factHeaders(facts)];
  return answer(200, error.payload, facts.requestId, headers);
}

export function invokeTimeout(timeoutMs: number, facts: InvokeFacts): HttpAnswer {
  const message = `RequestId: ${facts.requestId} Error: Task timed out after ${(timeoutMs / 1000).toFixed(2)} seconds`;
  const type = 'Sandbox.Timedout';
  return invokeFunctionError({ type, payload: errorPayload(type, message) }, facts);
}

function factHeaders({ requestId, version, tail, runtimeMs }: InvokeFacts): string[] {
  const headers = version === undefined ? [] : ['X-Amz-Executed-Version', version];
  if (!tail) return headers;
  const lines =
    `START RequestId: ${requestId}${version === undefined ? '' : ` Version: ${version}`}\n` +
    `lambdacontainer: what the function wrote is in the log of its own container\n` +
    `END RequestId: ${requestId}\n` +
    `REPORT RequestId: ${requestId}\tDuration: ${runtimeMs.toFixed(2)} ms\n`;
  return [...headers, 'X-Amz-Log-Result', Buffer.from(lines).toString('base64')];
}

export function invokeAccepted(requestId: string): HttpAnswer {
  return answer(202, Buffer.alloc(0), requestId);
}

export function invokeDryRun(requestId: string): HttpAnswer {
  return { status: 204, reason: undefined, headers: ['x-amzn-RequestId', requestId], body: Buffer.alloc(0) };
}

export function invokeTooLarge(bytesMax: number, requestId: string): HttpAnswer {
  const message = `Request must be smaller than ${bytesMax} bytes for the InvokeFunction operation`;
  return serviceError(413, 'RequestTooLargeException', message, requestId);
}

export function invokeThrottled(retryAfterSec: number, requestId: string): HttpAnswer {
  const throttled = serviceError(429, 'TooManyRequestsException', 'Rate Exceeded.', requestId, {
    Reason: 'ConcurrentInvocationLimitExceeded',
  });
  return { ...throttled, headers: [...throttled.headers, 'Retry-After', String(retryAfterSec)] };
}

function serviceError(
  status: number,
  code: string,
  message: string,
  requestId: string,
  members: Readonly<Record<string, string>> = {},
): HttpAnswer {
  const type = status < 500 ? 'User' : 'Service';
  const body = Buffer.from(JSON.stringify({ ...members, Type: type, message }));
  return answer(status, body, requestId, ['x-amzn-ErrorType', code]);
}

function answer(status: number, body: Buffer, requestId: string, headers: readonly string[] = []): HttpAnswer {
  const all = ['Content-Type', 'application/json', 'x-amzn-RequestId', requestId, ...headers];
  return { status, reason: undefined, headers: all, body };
}
