/**
 * The secret of a source: credentials for its repository and the word that its webhooks are signed with, as JSON in
 * Secrets Manager. It is read once and kept for a few minutes, because each fetch would be a call; a refusal by the
 * server makes it be read anew. Nothing of it is ever printed.
 */
import { type GitSecret, parseGitSecret, type SecretsPort } from '../aws/index.ts';
import { type Clock, isFailure } from '../core/index.ts';
import { SourceProblem } from './source-problem.ts';

const KEPT_MS = 5 * 60_000;

export class SecretReader {
  readonly #secrets: Pick<SecretsPort, 'getSecretValue'>;
  readonly #clock: Clock;
  readonly #kept = new Map<string, { readonly secret: GitSecret; readonly atMs: number; isStale: boolean }>();

  constructor(secrets: Pick<SecretsPort, 'getSecretValue'>, clock: Clock) {
    this.#secrets = secrets;
    this.#clock = clock;
  }

  /** The secret; from memory while it is fresh. @throws SourceProblem SecretNotUsable or FetchFailed */
  async read(reference: string, signal: AbortSignal): Promise<GitSecret> {
    const kept = this.#kept.get(reference);
    if (kept && !kept.isStale && this.#clock.monotonic() - kept.atMs < KEPT_MS) return kept.secret;
    const secret = parseSecret(await this.#value(reference, signal), reference);
    this.#kept.set(reference, { secret, atMs: this.#clock.monotonic(), isStale: false });
    return secret;
  }

  /** What is in memory, however old: a request from outside must never cause a call. */
  known(reference: string): GitSecret | undefined {
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

function parseSecret(text: string, reference: string): GitSecret {
  const read = parseGitSecret(text);
  if (read.defect !== undefined) throw unusable(reference, read.defect);
  return read.found;
}

function unusable(reference: string, what: string): SourceProblem {
  return new SourceProblem('SecretNotUsable', `the secret '${reference}' ${what}`);
}
