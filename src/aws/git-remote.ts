/**
 * What a branch or tag of a git repository means now, asked over git's smart HTTP protocol: one request, no program, no
 * working copy. It only lists references; a build fetches. Credentials go to the one server that the URL names, and into
 * no message; a repository that asks for some that it was not given is refused by name.
 * https://git-scm.com/docs/http-protocol
 */
import { Failure, type FailureKind } from '../core/index.ts';
import type { Call, GitLogin, GitPort } from './ports.ts';

const TIMEOUT_MS = 15_000;
/** References of a repository with a hundred thousand branches. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;
const COMMIT = /^[0-9a-f]{40}$/;

/** A port without state. */
export function gitRemote(): GitPort {
  return {
    async resolveCommit(url, ref, call = {}, login) {
      // A commit is what it is; whether the repository has it, the build finds out.
      if (COMMIT.test(ref)) return ref;
      const references = parseReferences(await advertised(url, call, login));
      // A branch before a tag of the same name; of an annotated tag the commit, not the tag's own object.
      const names = [ref, `refs/heads/${ref}`, `refs/tags/${ref}^{}`, `refs/tags/${ref}`];
      const found = names.map((name) => references.get(name)).find((commit) => commit !== undefined);
      if (found !== undefined) return found;
      throw failure('notFound', 'NoSuchReference', `${url} has no branch or tag '${ref}'`);
    },
  };
}

async function advertised(url: string, { signal }: Call, login: GitLogin | undefined): Promise<Buffer> {
  // A large library, and few objects are built from a branch: not before it is asked for. By its default, because a bundle
  // gives a CommonJS module no other names.
  const {
    default: { Agent, request },
  } = await import('undici');
  const ca = login?.caCertificate;
  const dispatcher = ca === undefined ? undefined : new Agent({ connect: { ca } });
  try {
    const { statusCode, headers, body } = await request(
      `${url.replace(/\/+$/, '')}/info/refs?service=git-upload-pack`,
      {
        headers: {
          accept: 'application/x-git-upload-pack-advertisement',
          'user-agent': 'git/lambdacontainer',
          ...(login ? { authorization: authorizationOf(login) } : {}),
        },
        headersTimeout: TIMEOUT_MS,
        bodyTimeout: TIMEOUT_MS,
        ...(signal ? { signal } : {}),
        ...(dispatcher ? { dispatcher } : {}),
      },
    );
    if (statusCode !== 200) {
      await body.dump();
      throw refused(url, statusCode, headers.location, login !== undefined);
    }
    const held: Buffer[] = [];
    let size = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > ANSWER_BYTES_MAX) throw failure('invalid', 'TooManyReferences', `${url} lists too many references`);
      held.push(chunk);
    }
    return Buffer.concat(held);
  } catch (error) {
    if (error instanceof Failure) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw failure('transient', code ?? 'NetworkingError', `${url}: ${message}`, error);
  } finally {
    await dispatcher?.destroy();
  }
}

function authorizationOf({ username, password }: GitLogin): string {
  return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`;
}

/** `<commit> <name>` by name. */
function parseReferences(answer: Buffer): Map<string, string> {
  const references = new Map<string, string>();
  for (let at = 0; at + 4 <= answer.length; ) {
    const length = Number.parseInt(answer.toString('latin1', at, at + 4), 16);
    if (Number.isNaN(length) || (length > 0 && length < 4)) break;
    const line = length === 0 ? '' : answer.toString('utf8', at + 4, at + length);
    // Capabilities follow the first reference after a NUL.
    const [, commit, name] = /^([0-9a-f]{40}) ([^\0\n]+)/.exec(line) ?? [];
    if (commit !== undefined && name !== undefined) references.set(name, commit);
    at += Math.max(length, 4);
  }
  return references;
}

function refused(url: string, statusCode: number, location: unknown, hasLogin: boolean): Failure {
  if (statusCode === 401 || statusCode === 403) {
    const message = hasLogin
      ? `${url} refuses the credentials that spec.build.gitCredentials of the class names for it; correct the secret, or what it may read`
      : `${url} asks for credentials; have its class name a secret for it under spec.build.gitCredentials`;
    return failure('denied', String(statusCode), message);
  }
  if (statusCode === 404) {
    const remedy = hasLogin ? ', or the credentials of the class (spec.build.gitCredentials) may not see it' : '';
    return failure('notFound', '404', `there is no git repository at ${url}${remedy}`);
  }
  if (statusCode >= 300 && statusCode < 400) {
    return failure('invalid', String(statusCode), `${url} has moved to ${String(location)}; name that one`);
  }
  return failure(statusCode === 429 ? 'throttled' : 'transient', String(statusCode), `${url} answered ${statusCode}`);
}

function failure(kind: FailureKind, code: string, message: string, cause?: unknown): Failure {
  return new Failure({ kind, service: 'git', operation: 'ListReferences', code, message, cause });
}
