/**
 * What ECR's registries want to be asked with: a token of the ECR API, for the twelve hours that it lasts.
 * https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html
 */
import { type Clock, Failure } from '../core/index.ts';
import type { EcrPort } from './ports.ts';

export interface RegistryCredentials {
  readonly username: string;
  readonly password: string;
}

const RENEW_BEFORE_MS = 5 * 60_000;

/**
 * Credentials by registry host: undefined for hosts that are neither ECR's nor `ownHost`. Callers share one token.
 * @throws Failure what GetAuthorizationToken answers
 */
export function ecrCredentials(
  ecr: () => Pick<EcrPort, 'getAuthorizationToken'>,
  clock: Clock,
  ownHost?: string,
): (host: string) => Promise<RegistryCredentials | undefined> {
  let kept: { readonly untilMs: number; readonly credentials: RegistryCredentials } | undefined;
  let asked: Promise<RegistryCredentials> | undefined;
  const ask = async (): Promise<RegistryCredentials> => {
    try {
      const { authorizationData } = await ecr().getAuthorizationToken({});
      const { authorizationToken = '', expiresAt } = authorizationData?.[0] ?? {};
      const decoded = Buffer.from(authorizationToken, 'base64').toString('utf8');
      const colon = decoded.indexOf(':');
      if (colon < 1) throw empty();
      const credentials = { username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
      kept = { untilMs: (expiresAt?.getTime() ?? clock.now()) - RENEW_BEFORE_MS, credentials };
      return credentials;
    } finally {
      asked = undefined;
    }
  };
  return async (host) => {
    if (host !== ownHost && !/\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?$/.test(host)) return undefined;
    if (kept && clock.now() < kept.untilMs) return kept.credentials;
    asked ??= ask();
    return asked;
  };
}

function empty(): Failure {
  return new Failure({
    kind: 'transient',
    service: 'ecr',
    operation: 'getAuthorizationToken',
    code: 'EmptyToken',
    message: 'ECR gave no authorization token',
  });
}
