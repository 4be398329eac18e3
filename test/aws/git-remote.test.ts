/** What references of a repository mean, asked of git's own server. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { gitRemote } from '../../src/aws/index.ts';
import type { Failure } from '../../src/core/index.ts';
import { type GitServer, serveGit } from '../gitops/git-server.ts';
import { Origin } from '../gitops/origin.ts';
import { openssl } from '../gitops/tools.ts';

let folder: string;
let origin: Origin;
let server: GitServer;
const git = gitRemote();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lc-git-remote-'));
  origin = new Origin(folder);
  origin.commit({ a: 'one' });
  origin.git('tag', 'plain');
  origin.git('tag', '-a', 'v1', '-m', 'first');
  origin.git('branch', 'both');
  origin.commit({ a: 'two' });
  origin.git('tag', 'both');
  origin.git('push', '--quiet', '--all', origin.bare);
  origin.git('push', '--quiet', '--tags', origin.bare);
  server = await serveGit(dirname(origin.bare));
});
beforeEach(() => {
  server.instead = undefined;
  server.credentials = undefined;
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const url = () => server.url('origin.git');
const commitOf = (revision: string) => origin.git('rev-parse', `${revision}^{commit}`).trim();

const found = [
  { ref: 'main', means: 'main', reason: 'a branch' },
  { ref: 'refs/heads/main', means: 'main', reason: 'a full name' },
  { ref: 'plain', means: 'refs/tags/plain', reason: 'a plain tag' },
  { ref: 'v1', means: 'refs/tags/v1', reason: 'an annotated tag means its commit, not itself' },
  { ref: 'both', means: 'refs/heads/both', reason: 'a branch before a tag of the same name' },
];
it.each(found)('finds $reason', async ({ ref, means }) => {
  expect(await git.resolveCommit(url(), ref)).toBe(commitOf(means));
});

it('asks nobody what a commit means', async () => {
  server.requests.length = 0;
  expect(await git.resolveCommit(url(), 'a'.repeat(40))).toBe('a'.repeat(40));
  expect(server.requests).toEqual([]);
});

const refused: {
  reason: string;
  arrange: () => void;
  repository?: string;
  ref?: string;
  kind: string;
  says: RegExp;
}[] = [
  { reason: 'no such branch', arrange: () => {}, ref: 'none', kind: 'notFound', says: /has no branch or tag 'none'/ },
  {
    reason: 'no such repository',
    arrange: () => {},
    repository: 'none.git',
    kind: 'notFound',
    says: /there is no git/,
  },
  {
    reason: 'a repository that asks who it is',
    arrange: () => {
      server.credentials = 'a:b';
    },
    kind: 'denied',
    says: /asks for credentials; have its class name a secret for it under spec\.build\.gitCredentials$/,
  },
  {
    reason: 'a server that is busy',
    arrange: () => {
      server.instead = 503;
    },
    kind: 'transient',
    says: /answered 503/,
  },
  {
    reason: 'a repository that has moved',
    arrange: () => {
      server.instead = 302;
    },
    kind: 'invalid',
    says: /has moved/,
  },
];
it.each(refused)(
  'says that it found $reason',
  async ({ arrange, repository = 'origin.git', ref = 'main', kind, says }) => {
    arrange();
    const failure = await git.resolveCommit(server.url(repository), ref).catch((error: Failure) => error);
    expect(failure).toMatchObject({ service: 'git', kind });
    expect((failure as Failure).message).toMatch(says);
  },
);

it('says that there is no server', async () => {
  const failure = await git.resolveCommit('http://127.0.0.1:1/x.git', 'main').catch((error: Failure) => error);
  expect(failure).toMatchObject({ kind: 'transient', code: 'ECONNREFUSED' });
});

it.skipIf(!openssl)(
  'trusts a server with a certificate of its own when the login names its authority (openssl)',
  async () => {
    const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', ...subject];
    execFileSync('openssl', ['req', '-x509', ...made, '-keyout', keyFile, '-out', certFile], { stdio: 'ignore' });
    const caCertificate = readFileSync(certFile, 'utf8');
    const own = await serveGit(dirname(origin.bare), { key: readFileSync(keyFile, 'utf8'), cert: caCertificate });
    own.credentials = 'builder:word';
    const login = { username: 'builder', password: 'word' };
    const asked = (more: object) => git.resolveCommit(own.url('origin.git'), 'main', {}, { ...login, ...more });
    await expect(asked({})).rejects.toMatchObject({ kind: 'transient' });
    expect(own.requests, 'not a word was said to it').toEqual([]);
    expect(await asked({ caCertificate })).toBe(commitOf('main'));
    await own.close();
  },
);
