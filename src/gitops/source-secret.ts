/**
 * The secret of a source: credentials for its repository and the word that its webhooks are signed with, as JSON in
 * Secrets Manager. It is read once and kept for a few minutes, because each fetch would be a call; a refusal by the
 * server makes it be read anew. Nothing of it is ever printed.
 */
import type { SecretsPort } from '../aws/index.ts';
import { type Clock, isFailure } from '../core/index.ts';
import { SourceProblem } from './source-problem.ts';

export interface SourceSecret {
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

const MEMBERS = ['username', 'password', 'token', 'identity', 'knownHosts', 'caCertificate', 'webhook'] as const;
/** These go into a header or into a line of git's credential protocol. */
const ONE_LINE = ['username', 'password', 'token', 'webhook'] as const;
const KEPT_MS = 5 * 60_000;

export class SecretReader {
  readonly #secrets: Pick<SecretsPort, 'getSecretValue'>;
  readonly #clock: Clock;
  readonly #kept = new Map<string, { readonly secret: SourceSecret; readonly atMs: number; isStale: boolean }>();

  constructor(secrets: Pick<SecretsPort, 'getSecretValue'>, clock: Clock) {
    this.#secrets = secrets;
    this.#clock = clock;
  }

  /** The secret; from memory while it is fresh. @throws SourceProblem SecretNotUsable or FetchFailed */
  async read(reference: string, signal: AbortSignal): Promise<SourceSecret> {
    const kept = this.#kept.get(reference);
    if (kept && !kept.isStale && this.#clock.monotonic() - kept.atMs < KEPT_MS) return kept.secret;
    const secret = parseSecret(await this.#value(reference, signal), reference);
    this.#kept.set(reference, { secret, atMs: this.#clock.monotonic(), isStale: false });
    return secret;
  }

  /** What is in memory, however old: a request from outside must never cause a call. */
  known(reference: string): SourceSecret | undefined {
    return this.#kept.get(reference)?.secret;
  }

  /** The secret did not fit: the next reader asks again. */
  doubt(reference: string): void {
    const kept = this.#kept.get(reference);
    if (kept) kept.isStale = true;
  }

  async #value(reference: string, signal: AbortSignal): Promise<string> {
    try {
      const { SecretString } = await this.#secrets.getSecretValue({ SecretId: reference }, { signal });
      if (SecretString !== undefined) return SecretString;
      throw unusable(reference, 'holds bytes; store JSON as text');
    } catch (error) {
      if (!isFailure(error)) throw error;
      if (error.kind === 'throttled' || error.kind === 'transient') {
        throw new SourceProblem('FetchFailed', `the secret '${reference}' cannot be read: ${error.message}`, {
          cause: error,
        });
      }
      throw new SourceProblem(
        'SecretNotUsable',
        `the secret '${reference}' cannot be read: ${error.code}: ${error.message}`,
        {
          cause: error,
        },
      );
    }
  }
}

function parseSecret(text: string, reference: string): SourceSecret {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message would quote the secret.
    throw unusable(reference, 'is not JSON; write {"token": "…"}');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw unusable(reference, 'is not a JSON object; write {"token": "…"}');
  }
  const secret: Record<string, string> = {};
  for (const member of MEMBERS) {
    const found: unknown = Object.hasOwn(value, member) ? (value as Record<string, unknown>)[member] : undefined;
    if (found === undefined || found === '') continue;
    if (typeof found !== 'string') throw unusable(reference, `has a '${member}' that is not text`);
    if (ONE_LINE.some((other) => other === member) && /[\r\n\0]/.test(found)) {
      throw unusable(reference, `has a '${member}' with a line break; remove it`);
    }
    secret[member] = found;
  }
  if (Object.keys(secret).length === 0) throw unusable(reference, `has none of ${MEMBERS.join(', ')}`);
  return secret;
}

function unusable(reference: string, what: string): SourceProblem {
  return new SourceProblem('SecretNotUsable', `the secret '${reference}' ${what}`);
}
