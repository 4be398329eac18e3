/**
 * What a registry answers, turned into bytes, JSON or a `Failure` of the service `registry`. Sends nothing.
 */
import type { Dispatcher } from 'undici';
import { Failure, type FailureKind } from '../core/index.ts';

export type Answer = Dispatcher.ResponseData;

const ERROR_BYTES_MAX = 64 * 1024;

export function failure(operation: string, code: string, kind: FailureKind, message: string, cause?: unknown): Failure {
  return new Failure({ kind, service: 'registry', operation, code, message, cause });
}

export function digestMismatch(operation: string, wanted: string, actual: string): Failure {
  // A transport that cuts or mangles is worth another attempt; a registry that lies stays wrong.
  return failure(operation, 'DIGEST_INVALID', 'transient', `asked for ${wanted}, received ${actual}`);
}

export function transportFailure(operation: string, error: unknown): Failure {
  if (error instanceof Failure) return error;
  const { name, code, message } = error as { name?: string; code?: string; message?: string };
  return failure(operation, code ?? name ?? 'NetworkError', 'transient', message || code || 'network error', error);
}

export async function errorOf(
  ask: { operation: string; target: { host: string; repository: string }; path: string | URL },
  answer: Answer,
): Promise<Failure> {
  const status = answer.statusCode;
  const kind: FailureKind =
    status === 404
      ? 'notFound'
      : status === 401 || status === 403
        ? 'denied'
        : status === 429
          ? 'throttled'
          : status >= 500
            ? 'transient'
            : 'invalid';
  let code = `HTTP${status}`;
  let detail = '';
  try {
    const body = parse<{ errors?: { code?: string; message?: string }[] }>(
      await readAll(answer, ERROR_BYTES_MAX, ask.operation),
      ask.operation,
    );
    code = body.errors?.[0]?.code ?? code;
    detail = body.errors?.[0]?.message ?? '';
  } catch {
    // HEAD has no body and proxies answer in HTML: the status says enough.
  }
  const where = ask.path instanceof URL ? ask.path.pathname : `${ask.target.repository}/${ask.path}`;
  return failure(
    ask.operation,
    code,
    kind,
    `${ask.target.host} answered ${status} for ${where}${detail ? `: ${detail}` : ''}`,
  );
}

export async function readAll(answer: Answer, bytesMax: number, operation: string): Promise<Buffer> {
  const held: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > bytesMax)
        throw failure(operation, 'SIZE_INVALID', 'invalid', `the registry answered with more than ${bytesMax} bytes`);
      held.push(chunk);
    }
  } catch (error) {
    throw transportFailure(operation, error);
  }
  return Buffer.concat(held);
}

export function parse<T>(bytes: Uint8Array, operation: string): T {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')) as T;
  } catch (error) {
    throw failure(
      operation,
      'MANIFEST_INVALID',
      'invalid',
      'the registry answered with something that is not JSON',
      error,
    );
  }
}

export function mediaTypeOf(bytes: Uint8Array, contentType: string | undefined): string {
  return baseType(contentType) || (parse<{ mediaType?: string }>(bytes, 'GetManifest').mediaType ?? '');
}

export function baseType(contentType: string | undefined): string {
  return (contentType ?? '').split(';', 1)[0]?.trim() ?? '';
}

export function header(answer: Answer, name: string): string | undefined {
  const value = answer.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
