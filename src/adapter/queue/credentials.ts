/**
 * The task's credentials, where a container finds them: in the environment, or at the address that ECS names there. Kept
 * until shortly before they expire. Nothing else of the SDK's long search (profiles, SSO, instance metadata) has a place in
 * a task.
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
 */
import { readFile } from 'node:fs/promises';
import { type Clock, UserError } from '../../core/index.ts';
import { httpCall } from '../http-call.ts';
import type { Credentials } from './signature.ts';

type Env = Readonly<Record<string, string | undefined>>;

const ECS_ADDRESS = 'http://169.254.170.2';
/** Plain HTTP is only for addresses that never leave the machine, as AWS's SDKs have it. */
const LOCAL_HOSTS = new Set(['127.0.0.1', 'localhost', '[::1]', '169.254.170.2', '169.254.170.23', '[fd00:ec2::23]']);
/** Renewed so long before they end: a call may take a while. */
const MARGIN_MS = 5 * 60_000;

export class TaskCredentials {
  readonly #env: Env;
  readonly #clock: Clock;
  readonly #url: string | undefined;
  #known: { readonly credentials: Credentials; readonly untilMs: number } | undefined;
  #asked: Promise<Credentials> | undefined;

  /** @throws UserError when the environment names none, or an address that credentials must not come from */
  constructor(env: Env, clock: Clock) {
    this.#env = env;
    this.#clock = clock;
    const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: token } = env;
    if (id && secret) {
      const credentials = { accessKeyId: id, secretAccessKey: secret, sessionToken: token || undefined };
      this.#known = { credentials, untilMs: Number.POSITIVE_INFINITY };
      return;
    }
    this.#url = containerUrl(env);
  }

  /** Rejects when they cannot be had; asking again asks again. */
  current(): Promise<Credentials> {
    if (this.#known && this.#clock.now() < this.#known.untilMs - MARGIN_MS) {
      return Promise.resolve(this.#known.credentials);
    }
    // Many calls at once ask once.
    this.#asked ??= this.#ask().finally(() => {
      this.#asked = undefined;
    });
    return this.#asked;
  }

  async #ask(): Promise<Credentials> {
    const token = await this.#token();
    const headers = token === undefined ? {} : { Authorization: token };
    const { status, body } = await httpCall({ method: 'GET', url: this.#url ?? '', headers, timeoutMs: 5_000 });
    const text = body.toString('utf8');
    const answer = status === 200 ? (JSON.parse(text) as Record<string, string | undefined>) : {};
    const { AccessKeyId, SecretAccessKey, Token, Expiration } = answer;
    if (!AccessKeyId || !SecretAccessKey) {
      throw new Error(`credentials at ${this.#url} were answered ${status}: ${text.slice(0, 200)}`);
    }
    const credentials = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: Token };
    const untilMs = Expiration ? Date.parse(Expiration) : Number.POSITIVE_INFINITY;
    this.#known = { credentials, untilMs };
    return credentials;
  }

  async #token(): Promise<string | undefined> {
    const file = this.#env.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE;
    // It is renewed on disk, so it is read each time.
    if (file) return (await readFile(file, 'utf8')).trim();
    return this.#env.AWS_CONTAINER_AUTHORIZATION_TOKEN || undefined;
  }
}

function containerUrl(env: Env): string {
  const { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: relative, AWS_CONTAINER_CREDENTIALS_FULL_URI: full } = env;
  if (relative) return `${ECS_ADDRESS}${relative}`;
  if (!full) {
    const names = 'AWS_ACCESS_KEY_ID, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and AWS_CONTAINER_CREDENTIALS_FULL_URI';
    throw new UserError(`no credentials: none of ${names} is set; give the task a role`, 2);
  }
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && LOCAL_HOSTS.has(url.hostname))) return full;
  const message = `AWS_CONTAINER_CREDENTIALS_FULL_URI: '${full}' is neither https nor an address of the task`;
  throw new UserError(message, 2);
}
