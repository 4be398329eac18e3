/**
 * Lambda's own Invoke (`POST /2015-03-31/functions/{name}/invocations`), so that the AWS CLI and SDK clients can call a
 * task as they call the function. Pure: reads the request's headers, words the answers. What only Lambda knows is left out
 * instead of invented: the log tail (the function's output is another container's) and the executed version.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { HttpAnswer } from './events/message.ts';
import { errorPayload, type InvocationError } from './runtime-api.ts';

/** Lambda's limit of a synchronous payload: 6 MB and 100 bytes. */
export const SYNC_BYTES_MAX = 6 * 1024 * 1024 + 100;
/** Lambda's limit of an asynchronous payload. */
export const ASYNC_BYTES_MAX = 1024 * 1024;

export type InvocationType = 'RequestResponse' | 'Event' | 'DryRun';

const PATH = /^\/2015-03-31\/functions\/([^/?]+)\/invocations(?:\?(.*))?$/;

/** The function name in the path (decoded), or undefined when this is not an Invoke call. */
export function invokedName(target: string): string | undefined {
  const match = target.startsWith('/2015-03-31/') ? PATH.exec(target) : null;
  if (!match) return undefined;
  try {
    return decodeURIComponent(match[1] ?? '');
  } catch {
    return match[1];
  }
}

/** Whether `given` (a name, a partial ARN or an ARN, with or without qualifier) names the function with this ARN. */
export function namesFunction(given: string, functionArn: string): boolean {
  const name = functionArn.split(':')[6] ?? functionArn;
  const parts = given.split(':');
  const at = parts.indexOf('function');
  return (at < 0 ? parts[0] : parts[at + 1]) === name;
}

export interface InvokeRequest {
  readonly type: InvocationType;
  readonly clientContext: string | undefined;
}

/** Reads the Invoke headers; an answer instead when they are invalid. */
export function invokeRequest(headers: IncomingHttpHeaders, requestId: string): InvokeRequest | HttpAnswer {
  const type = headers['x-amz-invocation-type'] ?? 'RequestResponse';
  if (type !== 'RequestResponse' && type !== 'Event' && type !== 'DryRun') {
    const message = `Value '${String(type)}' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]`;
    return serviceError(400, 'InvalidParameterValueException', message, requestId);
  }
  const encoded = headers['x-amz-client-context'];
  if (typeof encoded !== 'string') return { type, clientContext: undefined };
  const clientContext = asciiJson(Buffer.from(encoded, 'base64').toString('utf8'));
  if (clientContext === undefined) {
    const message = 'Client context must be a valid Base64-encoded JSON object.';
    return serviceError(400, 'InvalidRequestContentException', message, requestId);
  }
  return { type, clientContext };
}

/** The JSON text with everything beyond ASCII escaped, as a header can carry it. */
function asciiJson(text: string): string | undefined {
  try {
    const compact = JSON.stringify(JSON.parse(text));
    return compact.replace(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
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

export function invokeResponse(payload: Buffer, requestId: string): HttpAnswer {
  return answer(200, payload, requestId);
}

/** Success as a call, failure as a function: 200 with `X-Amz-Function-Error`. */
export function invokeFunctionError(error: InvocationError, requestId: string): HttpAnswer {
  return answer(200, error.payload, requestId, ['X-Amz-Function-Error', 'Unhandled']);
}

export function invokeTimeout(timeoutMs: number, requestId: string): HttpAnswer {
  const message = `RequestId: ${requestId} Error: Task timed out after ${(timeoutMs / 1000).toFixed(2)} seconds`;
  const type = 'Sandbox.Timedout';
  return invokeFunctionError({ type, payload: errorPayload(type, message) }, requestId);
}

export function invokeAccepted(requestId: string): HttpAnswer {
  return answer(202, Buffer.alloc(0), requestId);
}

export function invokeDryRun(requestId: string): HttpAnswer {
  return { status: 204, reason: undefined, headers: ['x-amzn-RequestId', requestId], body: Buffer.alloc(0) };
}

export function invokeNotFound(name: string, requestId: string): HttpAnswer {
  return serviceError(404, 'ResourceNotFoundException', `Function not found: ${name}`, requestId);
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
