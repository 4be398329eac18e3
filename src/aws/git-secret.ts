/**
 * A secret that opens git repositories: JSON in Secrets Manager, the same for the sources that the daemon follows and for
 * the repositories that builds clone. It is only read here; who asks for it says what is wrong with it. Pure, and nothing
 * of a secret is ever in a text that it returns but where its value is asked for.
 */
import type { GitLogin } from './ports.ts';

export interface GitSecret {
  readonly username?: string;
  readonly password?: string;
  readonly token?: string;
  /** SSH private key. */
  readonly identity?: string;
  /** Lines of a known_hosts file. */
  readonly knownHosts?: string;
  /** PEM of the authorities that may sign the server's certificate, beside or instead of the machine's. */
  readonly caCertificate?: string;
  readonly webhook?: string;
}

/** What was found, or what is wrong: the end of a sentence that begins with the secret's name. */
export type Read<T> = { readonly found: T; readonly defect?: undefined } | { readonly defect: string };

const MEMBERS = ['username', 'password', 'token', 'identity', 'knownHosts', 'caCertificate', 'webhook'] as const;
/** These go into a header or into a line of git's credential protocol. */
const ONE_LINE = ['username', 'password', 'token', 'webhook'] as const;
/** GitHub's name for a token's user; other servers take any. */
const TOKEN_USER = 'x-access-token';
/**
 * Git asks this, and it answers from its environment. It is bound to one origin: a redirection elsewhere gets nothing.
 * https://git-scm.com/docs/gitcredentials
 */
const CREDENTIAL_HELPER =
  '!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n" "$LAMBDACONTAINER_GIT_USERNAME" "$LAMBDACONTAINER_GIT_PASSWORD"; }; f';

export function parseGitSecret(text: string): Read<GitSecret> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message would quote the secret.
    return { defect: 'is not JSON; write {"token": "…"}' };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { defect: 'is not a JSON object; write {"token": "…"}' };
  }
  const secret: Record<string, string> = {};
  for (const member of MEMBERS) {
    const found: unknown = Object.hasOwn(value, member) ? (value as Record<string, unknown>)[member] : undefined;
    if (found === undefined || found === '') continue;
    if (typeof found !== 'string') return { defect: `has a '${member}' that is not text` };
    if (ONE_LINE.some((other) => other === member) && /[\r\n\0]/.test(found)) {
      return { defect: `has a '${member}' with a line break; remove it` };
    }
    secret[member] = found;
  }
  if (Object.keys(secret).length === 0) return { defect: `has none of ${MEMBERS.join(', ')}` };
  return { found: secret };
}

/** What a server is told over https; undefined where the secret holds nothing for it. */
export function httpLogin(secret: GitSecret): Read<GitLogin | undefined> {
  const password = secret.password ?? secret.token;
  const username = secret.username ?? (secret.token === undefined ? undefined : TOKEN_USER);
  if (password === undefined) return { found: undefined };
  if (username === undefined) return { defect: "has a 'password' without a 'username'; add it, or give a 'token'" };
  const { caCertificate } = secret;
  return { found: { username, password, ...(caCertificate === undefined ? {} : { caCertificate }) } };
}

/** The login of a secret that must hold one. */
export function httpLoginOf(text: string): Read<GitLogin> {
  const secret = parseGitSecret(text);
  if (secret.defect !== undefined) return secret;
  const login = httpLogin(secret.found);
  if (login.defect !== undefined) return login;
  return login.found === undefined
    ? { defect: "has neither a 'token' nor 'username' and 'password', one of which https needs" }
    : { found: login.found };
}

/** How git itself logs in to one origin: configuration without a secret in it, and the environment that holds it. */
export function gitLogin(
  origin: string,
  { username, password }: GitLogin,
): { readonly config: Record<string, string>; readonly env: Record<string, string> } {
  return {
    config: { [`credential.${origin}.helper`]: CREDENTIAL_HELPER },
    env: { LAMBDACONTAINER_GIT_USERNAME: username, LAMBDACONTAINER_GIT_PASSWORD: password },
  };
}
