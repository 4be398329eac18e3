/**
 * What a registry demands before it answers: nothing, basic credentials or the bearer-token flow of the distribution
 * specification (anonymous for public repositories). Knows the protocol of challenges only; the client does the calls.
 */

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** Credentials for a registry host; undefined asks anonymously. */
export type CredentialsFor = (host: string) => Promise<Credentials | undefined>;

export type Challenge =
  | { readonly scheme: 'basic' }
  | {
      readonly scheme: 'bearer';
      readonly realm: string;
      readonly service: string | undefined;
      readonly scope: string | undefined;
    };

/** The first challenge of a `WWW-Authenticate` header that this client can meet. */
export function parseChallenge(header: string): Challenge | undefined {
  const match = /^\s*(\w+)(?:\s+(.*))?$/s.exec(header);
  const scheme = match?.[1]?.toLowerCase();
  if (scheme === 'basic') return { scheme: 'basic' };
  if (scheme !== 'bearer') return undefined;
  const parameters: Record<string, string> = {};
  for (const [, key = '', quoted, bare] of (match?.[2] ?? '').matchAll(/(\w+)\s*=\s*(?:"([^"]*)"|([^\s,]+))/g)) {
    parameters[key.toLowerCase()] = quoted ?? bare ?? '';
  }
  const { realm, service, scope } = parameters;
  return realm ? { scheme: 'bearer', realm, service, scope } : undefined;
}

/** `Basic …`. */
export function basicAuthorization({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`;
}

/** Where to ask for a token. */
export function tokenUrl(challenge: Challenge & { scheme: 'bearer' }, scope: string): URL {
  const url = new URL(challenge.realm);
  if (challenge.service) url.searchParams.set('service', challenge.service);
  url.searchParams.set('scope', challenge.scope || scope);
  return url;
}
