/**
 * From what went wrong to what the service answers: refusals of malformed input in the words of each service, and
 * machines' errors with the status, fault and members that their schema gives them. Wire and direct ports share it, so
 * that a caller cannot tell them apart.
 */
import { AwsError } from '../contract.ts';
import type { ServiceEntry } from './catalog.ts';
import { Mismatch } from './mapper.ts';
import type { ErrorSchema } from './schema.ts';

export interface ErrorAnswer {
  /** As the SDK names the exception. */
  readonly name: string;
  /** As the wire carries it; differs from the name in awsQuery. */
  readonly code: string;
  readonly message: string;
  readonly status: number;
  readonly fault: 'client' | 'server';
  readonly schema: ErrorSchema | undefined;
  readonly members: Readonly<Record<string, unknown>>;
}

/** The service's answer for an error of its machine. */
export function errorAnswer(entry: ServiceEntry, error: AwsError): ErrorAnswer {
  const schema = entry.errors.get(error.code);
  const name = schema?.name ?? error.code;
  const server = schema?.server ?? error.statusCode >= 500;
  const status = schema?.status ?? (server ? Math.max(500, error.statusCode) : error.statusCode);
  const { message, members } = error;
  const code = entry.protocol === 'query' ? (schema?.queryCode ?? name) : name;
  return { name, code, message, status, fault: server ? 'server' : 'client', schema, members };
}

/** The refusal of an input that does not fit its schema; other errors are returned as they are. */
export function refusal(entry: ServiceEntry, error: unknown): unknown {
  if (!(error instanceof Mismatch)) return error;
  const { missing, type } = entry.refusals;
  switch (error.problem) {
    case 'missing':
      return new AwsError(
        missing,
        `1 validation error detected: Value null at '${error.where}' failed to satisfy constraint: Member must not be null`,
      );
    case 'union':
      return new AwsError(missing, error.message);
    case 'type':
      return new AwsError(type, error.where ? `${error.where}: ${error.message}` : error.message);
  }
}

/** An output that its own schema does not allow is a programmer's error of the machine. */
export function malformedOutput(entry: ServiceEntry, operation: string, error: unknown): unknown {
  if (!(error instanceof Mismatch)) return error;
  return new Error(`${entry.id} answered ${operation} with a malformed ${error.where || 'output'}: ${error.message}`);
}
