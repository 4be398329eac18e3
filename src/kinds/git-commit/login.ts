/**
 * The login of a private repository, read anew for each look and kept nowhere: not in what is observed, and not in what
 * is said when it cannot be read.
 */
import { type Call, type GitLogin, httpLoginOf } from '../../aws/index.ts';
import { Failure, type FailureKind, isFailure } from '../../core/index.ts';
import type { Io } from '../../resource/index.ts';

/** @throws Failure naming the secret and the field of the class that names it */
export async function loginOf(io: Io, secret: string, call: Call): Promise<GitLogin> {
  const login = httpLoginOf(await textOf(io, secret, call));
  if (login.defect !== undefined) throw unusable('invalid', 'SecretNotUsable', secret, login.defect);
  return login.found;
}

async function textOf(io: Io, secret: string, call: Call): Promise<string> {
  try {
    const { SecretString } = await io.aws.secretsmanager.getSecretValue({ SecretId: secret }, call);
    if (SecretString !== undefined) return SecretString;
  } catch (error) {
    if (!isFailure(error) || error.kind === 'throttled' || error.kind === 'transient') throw error;
    // Also one that is not there: it is not the commit that is absent.
    throw unusable('denied', error.code, secret, `cannot be read: ${error.message}`, error);
  }
  throw unusable('invalid', 'SecretNotUsable', secret, 'holds bytes; store JSON as text');
}

function unusable(kind: FailureKind, code: string, secret: string, what: string, cause?: unknown): Failure {
  const message = `the secret '${secret}', which spec.build.gitCredentials of the class names, ${what}`;
  return new Failure({ kind, service: 'secretsmanager', operation: 'getSecretValue', code, message, cause });
}
