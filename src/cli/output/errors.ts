/**
 * What a person reads when a verb fails: their own mistakes as one line, AWS's answers with what to do about them. An
 * error that is neither is a defect of this program and is not this file's business.
 */
import { Failure, UserError } from '../../core/index.ts';

export interface Explained {
  readonly text: string;
  readonly exitCode: number;
}

/** Undefined for a programmer's error. `context` names what was talked to. */
export function explain(error: unknown, context: string | undefined): Explained | undefined {
  if (error instanceof UserError) return { text: `error: ${error.message}`, exitCode: error.exitCode };
  if (!(error instanceof Failure)) return undefined;
  const where = context === undefined ? '' : ` (${context})`;
  const request = error.requestId === undefined ? '' : ` [request ${error.requestId}]`;
  const remedy = remedyOf(error);
  return {
    text: `error: ${error.service}.${error.operation}${where}: ${error.code}: ${error.message}${request}${remedy ? `\n${remedy}` : ''}`,
    exitCode: 1,
  };
}

/** What to do about a call that a check could not make. */
export function remedyOfCheck({ kind, service, operation }: Failure): string {
  const call = nameOfCall({ service, operation });
  const isPassing = kind === 'throttled' || kind === 'transient' || kind === 'conflict';
  if (isPassing) return 'try again in a moment';
  if (kind === 'denied') return `allow ${call} to whoever checks, or check it by hand`;
  return `check it by hand: this endpoint does not take ${call} as it is asked`;
}

/** As AWS's policies and traces write it: `ecs:DescribeClusters`. */
export function nameOfCall({ service, operation }: Pick<Failure, 'service' | 'operation'>): string {
  return `${service}:${operation.charAt(0).toUpperCase()}${operation.slice(1)}`;
}

function remedyOf(failure: Failure): string | undefined {
  if (failure.code === 'CredentialsProviderError') {
    return 'No AWS credentials were found: set AWS_PROFILE or AWS_ACCESS_KEY_ID, check the profile of the context, or start a local cloud with: lambdacontainer local';
  }
  switch (failure.kind) {
    case 'notFound':
      return failure.service === 'dynamodb'
        ? 'The tables are not here: check context, region and account, or make them with: lambdacontainer bootstrap --tables'
        : undefined;
    case 'denied':
      return 'The credentials do not allow it: check the profile (of the context, or AWS_PROFILE) and the policy of this identity';
    case 'throttled':
      return 'AWS asks for a pause: try again in a moment';
    case 'transient':
      return isUnreachable(failure)
        ? 'Nothing answers there: is it running, and is the endpoint right?'
        : 'Try again in a moment';
    default:
      return undefined;
  }
}

function isUnreachable(failure: Failure): boolean {
  return /ECONNREFUSED|ENOTFOUND|EHOSTUNREACH|ECONNRESET/.test(
    `${failure.code} ${failure.message} ${String(failure.cause)}`,
  );
}
