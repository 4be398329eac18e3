import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { problemOf } from '../../src/gitops/git-complaints.ts';
import { acceptWebhook } from '../../src/gitops/webhook.ts';

const SECRET = 'It’s a secret';
const BODY = Buffer.from('{"ref":"refs/heads/main"}');
const hmac = (algorithm: string, secret = SECRET, body: Uint8Array = BODY) =>
  createHmac(algorithm, secret).update(body).digest('hex');

describe('a webhook', () => {
  const cases: {
    reason: string;
    headers: Record<string, string>;
    secret?: string | undefined;
    status: number;
    wakes?: boolean;
  }[] = [
    {
      reason: 'GitHub',
      headers: { 'x-hub-signature-256': `sha256=${hmac('sha256')}`, 'x-github-event': 'push' },
      status: 202,
      wakes: true,
    },
    {
      reason: 'in capitals',
      headers: { 'x-hub-signature-256': `sha256=${hmac('sha256').toUpperCase()}` },
      status: 202,
      wakes: true,
    },
    {
      reason: 'Bitbucket',
      headers: { 'x-hub-signature': `sha256=${hmac('sha256')}`, 'x-event-key': 'repo:push' },
      status: 202,
      wakes: true,
    },
    {
      reason: 'GitLab',
      headers: { 'x-gitlab-token': SECRET, 'x-gitlab-event': 'Tag Push Hook' },
      status: 202,
      wakes: true,
    },
    {
      reason: 'a ping',
      headers: { 'x-hub-signature-256': `sha256=${hmac('sha256')}`, 'x-github-event': 'ping' },
      status: 202,
    },
    { reason: 'nothing at all', headers: {}, status: 401 },
    { reason: 'GitHub’s old, weak signature', headers: { 'x-hub-signature': `sha1=${hmac('sha1')}` }, status: 401 },
    { reason: 'another secret', headers: { 'x-hub-signature-256': `sha256=${hmac('sha256', 'x')}` }, status: 401 },
    {
      reason: 'another body',
      headers: { 'x-hub-signature-256': `sha256=${hmac('sha256', SECRET, new Uint8Array())}` },
      status: 401,
    },
    {
      reason: 'half a signature',
      headers: { 'x-hub-signature-256': `sha256=${hmac('sha256').slice(0, 32)}` },
      status: 401,
    },
    { reason: 'no hexadecimal', headers: { 'x-hub-signature-256': `sha256=${'z'.repeat(64)}` }, status: 401 },
    { reason: 'the beginning of the token', headers: { 'x-gitlab-token': SECRET.slice(0, -1) }, status: 401 },
    {
      reason: 'an empty token where there is no secret',
      headers: { 'x-gitlab-token': '' },
      secret: undefined,
      status: 401,
    },
    {
      reason: 'signed with what stands in for a missing secret',
      headers: {
        'x-hub-signature-256': `sha256=${hmac('sha256', 'no secret is this one, and no header can be signed with it')}`,
      },
      secret: undefined,
      status: 401,
    },
  ];
  it.each(cases)('$reason: $status', ({ headers, status, wakes, ...rest }) => {
    const answer = acceptWebhook({ headers, body: BODY }, 'secret' in rest ? rest.secret : SECRET);
    expect(answer.status).toBe(status);
    expect(answer.wakes ?? false).toBe(wakes ?? false);
  });
});

describe('what git says when it fails', () => {
  const cases: { stderr: string; reason: string }[] = [
    { stderr: "fatal: Authentication failed for 'https://example.com/x/'", reason: 'AuthenticationFailed' },
    {
      stderr: "fatal: could not read Username for 'https://github.com': terminal prompts disabled",
      reason: 'AuthenticationFailed',
    },
    {
      stderr: 'git@github.com: Permission denied (publickey).\nfatal: Could not read from remote repository.',
      reason: 'AuthenticationFailed',
    },
    { stderr: 'fatal: unable to access: The requested URL returned error: 403', reason: 'AuthenticationFailed' },
    { stderr: 'Load key "/x/identity": error in libcrypto\ngit@x: Permission denied', reason: 'AuthenticationFailed' },
    {
      stderr: "fatal: unable to access 'https://x/': server certificate verification failed",
      reason: 'AuthenticationFailed',
    },
    {
      stderr:
        'No ED25519 host key is known for x and you have requested strict checking.\nHost key verification failed.',
      reason: 'HostKeyUnknown',
    },
    {
      stderr: "remote: Repository not found.\nfatal: repository 'https://github.com/x/y/' not found",
      reason: 'RepositoryNotFound',
    },
    { stderr: "fatal: '/nowhere' does not appear to be a git repository", reason: 'RepositoryNotFound' },
    { stderr: "fatal: couldn't find remote ref refs/heads/x", reason: 'RefNotFound' },
    { stderr: 'fatal: remote error: upload-pack: not our ref 000', reason: 'RefNotFound' },
    {
      stderr: 'error: object 12ab: hasDotdot: contains ..\nfatal: fsck error in packed object',
      reason: 'RepositoryRefused',
    },
    { stderr: "fatal: transport 'ext' not allowed", reason: 'RepositoryRefused' },
    { stderr: 'fatal: unable to access: Could not resolve host: github.com', reason: 'FetchFailed' },
    { stderr: 'fatal: the remote end hung up unexpectedly', reason: 'FetchFailed' },
    { stderr: '', reason: 'FetchFailed' },
  ];
  it.each(cases)('$reason: $stderr', ({ stderr, reason }) => {
    expect(problemOf('fetching main', stderr)).toMatchObject({
      reason,
      message: expect.stringMatching(/^fetching main failed: ./),
    });
  });

  it('is short, on one line, and does not drive a terminal', () => {
    const { message } = problemOf('x', `remote: \x1b[31m${'long '.repeat(500)}\r\nfatal: no`);
    expect(message).not.toMatch(/\p{Cc}/u);
    expect(message.length).toBeLessThan(400);
  });
});
