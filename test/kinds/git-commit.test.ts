/** A commit of a private repository, asked of git's own server with what a secret holds. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { gitRemote } from '../../src/aws/index.ts';
import { Failure } from '../../src/core/index.ts';
import { gitCommit } from '../../src/kinds/index.ts';
import { type GitServer, serveGit } from '../gitops/git-server.ts';
import { Origin } from '../gitops/origin.ts';
import { git } from '../gitops/tools.ts';
import { awsFailure, fakeIo } from './fakes.ts';

const PASSWORD = 'planted-in-secret-0';
const NAME = 'lambdacontainer/sources/builds/acme';

describe.skipIf(!git)('a commit of a private repository (git is needed)', () => {
  let folder: string;
  let commit: string;
  let server: GitServer;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'lc-git-commit-'));
    const origin = new Origin(folder);
    commit = origin.commit({ Dockerfile: 'FROM scratch\n' });
    server = await serveGit(dirname(origin.bare));
  });
  beforeEach(() => {
    server.credentials = `builder:${PASSWORD}`;
    server.requests.length = 0;
  });
  afterAll(async () => {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const look = async (read: () => object, repository = 'origin.git') => {
    const { io } = fakeIo({ secretsmanager: { getSecretValue: read } });
    const aws = { ...io.aws, secretsmanager: io.aws.secretsmanager, git: gitRemote() };
    return gitCommit.observe({ ...io, aws }, { url: server.url(repository), ref: 'main', secret: NAME }, {});
  };
  const holding = (secret: object) => () => ({ SecretString: JSON.stringify(secret) });

  it('is found with user and password, and nothing else is observed', async () => {
    expect(await look(holding({ username: 'builder', password: PASSWORD }))).toEqual({ commit });
  });

  it('is found with a token, as the user that servers take for one', async () => {
    server.credentials = `x-access-token:${PASSWORD}`;
    expect(await look(holding({ token: PASSWORD }))).toEqual({ commit });
  });

  it.each([
    {
      reason: 'the server refuses what the secret holds',
      read: holding({ username: 'builder', password: `${PASSWORD}-old` }),
      kind: 'denied',
      says: /refuses the credentials that spec\.build\.gitCredentials of the class names for it; correct the secret/,
      asks: 1,
    },
    {
      reason: 'there is no such secret, which does not mean that the commit is gone',
      read: () => {
        throw awsFailure('ResourceNotFoundException');
      },
      kind: 'denied',
      says: /^the secret 'lambdacontainer\/sources\/builds\/acme', which spec\.build\.gitCredentials of the class names, cannot be read/,
    },
    {
      reason: 'the secret may not be read',
      read: () => {
        throw awsFailure('AccessDeniedException');
      },
      kind: 'denied',
      says: /cannot be read/,
    },
    { reason: 'the secret is no JSON', read: () => ({ SecretString: PASSWORD }), kind: 'invalid', says: /is not JSON/ },
    { reason: 'the secret is bytes', read: () => ({}), kind: 'invalid', says: /holds bytes/ },
    {
      reason: 'the secret is for ssh',
      read: holding({ identity: PASSWORD, knownHosts: 'x' }),
      kind: 'invalid',
      says: /has neither a 'token' nor 'username' and 'password', one of which https needs/,
    },
    {
      reason: 'the user is missing',
      read: holding({ password: PASSWORD }),
      kind: 'invalid',
      says: /has a 'password' without a 'username'/,
    },
  ])('says so when $reason', async ({ read, kind, says, asks = 0 }) => {
    const failure = await look(read).catch((error: unknown) => error);
    if (!(failure instanceof Failure)) throw new Error('it did not fail');
    expect(failure.kind).toBe(kind);
    expect(failure.message).toMatch(says);
    expect(server.requests).toHaveLength(asks);
    for (let error: unknown = failure; error instanceof Error; error = error.cause) {
      expect(`${error.message} ${error.stack}`).not.toContain(PASSWORD);
    }
  });

  it('is absent where the repository is not there', async () => {
    expect(await look(holding({ username: 'builder', password: PASSWORD }), 'none.git')).toBeUndefined();
  });

  it('follows nobody elsewhere with the credentials', async () => {
    const elsewhere = await serveGit(folder);
    server.instead = 302;
    server.location = `http://127.0.0.1:${elsewhere.port}`;
    await expect(look(holding({ username: 'builder', password: PASSWORD }))).rejects.toThrow(/has moved/);
    expect(elsewhere.requests).toEqual([]);
    server.instead = undefined;
    await elsewhere.close();
  });
});
