/** Git over HTTP, by git's own backend on loopback: credentials, webhooks, and servers that are slow, wrong or malicious. */
import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/index.ts';
import { REPOSITORY_LIMITS } from '../../src/gitops/index.ts';
import { type GitServer, serveGit } from './git-server.ts';
import { container } from './origin.ts';
import { git, openssl } from './tools.ts';
import { GitWorld, type WorldOptions } from './world.ts';

let world: GitWorld;
let server: GitServer;

/** Every line of the daemon's log, as it is written. */
const logged: string[] = [];

async function open(options: WorldOptions = {}): Promise<void> {
  logged.length = 0;
  const logger = pino({ level: 'debug' }, { write: (line: string) => void logged.push(line) });
  world = await GitWorld.create({ logger, ...options });
  server = await serveGit(dirname(world.origin.bare));
}

const remote = (spec: object = {}) => ({ url: server.url('origin.git'), ...spec });

describe.skipIf(!git)('a repository over HTTP (git is needed)', () => {
  beforeEach(() => open());
  afterEach(async () => {
    await world.close();
    await server.close();
  });

  it('is applied within the webhook’s second after a push', async () => {
    world.secret('git', { webhook: 'shared' });
    const first = world.origin.commit({ 'a.yaml': container('a') });
    await world.putSource('team', remote({ secretRef: 'git', interval: '1d' }));
    world.start();
    await world.applied('team', first);
    const pushed = world.origin.commit({ 'a.yaml': container('a', { cpu: 512 }) });
    const body = Buffer.from(JSON.stringify({ ref: 'refs/heads/main', after: pushed }));
    const signature = `sha256=${createHmac('sha256', 'shared').update(body).digest('hex')}`;
    const startedMs = systemClock.monotonic();
    const answer = world.gitops.webhook('team', {
      headers: { 'x-hub-signature-256': signature, 'x-github-event': 'push' },
      body,
    });
    expect(answer).toMatchObject({ status: 202 });
    await world.applied('team', pushed);
    expect(systemClock.monotonic() - startedMs).toBeLessThan(1_000);
  });

  it('a webhook that is not genuine, and one for a source that is not there, get the same answer and cause nothing', async () => {
    world.secret('git', { webhook: 'shared' });
    world.secret('plain', { token: 't' });
    const commit = world.origin.commit({ 'a.yaml': container('a') });
    await world.putSource('team', remote({ secretRef: 'git', interval: '1d' }));
    await world.putSource('bare', remote({ interval: '1d', suspend: true }));
    await world.putSource('other', remote({ interval: '1d', secretRef: 'plain', targetNamespace: 'other' }));
    world.start();
    await world.applied('team', commit);
    await world.applied('other', commit);
    const asked = server.requests.length;
    const body = new Uint8Array([123]);
    const forged = { headers: { 'x-hub-signature-256': `sha256=${'0'.repeat(64)}` }, body };
    const answers = ['team', 'bare', 'other', 'none', '../x', 'constructor'].map((name) =>
      world.gitops.webhook(name, forged),
    );
    for (const answer of answers)
      expect(answer).toEqual({ status: 401, message: 'no such source, or the signature does not fit' });
    expect(world.gitops.webhook('team', { headers: { 'x-gitlab-token': 'Shared' }, body }).status).toBe(401);
    expect(world.gitops.webhook('team', { headers: { 'x-gitlab-token': 'shared' }, body })).toMatchObject({
      status: 202,
      wakes: true,
    });
    await world.until('looked', async () => server.requests.length > asked);
    await world.stop();
    expect(world.gitops.webhook('team', forged).status, 'a daemon that does not lead').toBe(503);
  });

  const credentials: { reason: string; secret: object; server: string }[] = [
    { reason: 'user and password', secret: { username: 'u', password: 'p: "$(x)%' }, server: 'u:p: "$(x)%' },
    { reason: 'a token', secret: { token: 'ghp_1' }, server: 'x-access-token:ghp_1' },
    { reason: 'a token under a user of its own', secret: { username: 'oauth2', token: 't' }, server: 'oauth2:t' },
  ];
  it.each(credentials)('asks for credentials and gets $reason', async ({ secret, server: expected }) => {
    server.credentials = expected;
    world.secret('git', secret);
    const commit = world.origin.commit({ 'a.yaml': container('a') });
    await world.putSource('team', remote({ secretRef: 'git' }));
    world.start();
    await world.applied('team', commit);
  });

  it('wrong credentials are said, kept secret, and read anew once they are refused', async () => {
    server.credentials = 'x-access-token:right';
    world.secret('git', { token: 'wrong-but-secret', webhook: 'webhook-and-secret' });
    const commit = world.origin.commit({ 'a.yaml': container('a') });
    await world.putSource('team', remote({ secretRef: 'git' }));
    world.start();
    const status = await world.condition('team', 'Fetched', 'False', 'AuthenticationFailed');
    expect(status.message).toContain('check the secret that spec.secretRef names');
    const forged = { headers: { 'x-gitlab-token': 'forged-and-secret' }, body: new Uint8Array([123]) };
    expect(world.gitops.webhook('team', forged).status).toBe(401);
    const told = JSON.stringify([status, await world.events('team'), logged]);
    expect(logged.length).toBeGreaterThan(0);
    for (const secret of ['wrong-but-secret', 'webhook-and-secret', 'forged-and-secret']) {
      expect(told).not.toContain(secret);
      expect(told).not.toContain(Buffer.from(`x-access-token:${secret}`).toString('base64'));
    }
    world.secret('git', { token: 'right' });
    await world.reconcile('team');
    await world.applied('team', commit);
  });

  it('no credentials where some are wanted: it does not ask anybody, it says so', async () => {
    server.credentials = 'u:p';
    world.origin.commit({ 'a.yaml': container('a') });
    await world.putSource('team', remote());
    world.start();
    await world.condition('team', 'Stalled', 'True', 'AuthenticationFailed');
  });

  it('credentials do not follow a redirection to somebody else', async () => {
    const thief = await serveGit(dirname(world.origin.bare));
    thief.credentials = 'any:thing';
    server.instead = 302;
    server.location = `http://127.0.0.1:${thief.port}`;
    world.secret('git', { token: 'precious' });
    world.origin.commit({ 'a.yaml': container('a') });
    await world.putSource('team', remote({ secretRef: 'git' }));
    world.start();
    await world.condition('team', 'Ready', 'False', 'AuthenticationFailed');
    expect(thief.requests.length).toBeGreaterThan(0);
    expect(thief.authorizations.filter((header) => header !== undefined)).toEqual([]);
    await thief.close();
  });

  it('secrets that do not fit are refused with the remedy, without their content', async () => {
    world.origin.commit({ 'a.yaml': container('a') });
    const cases: [secret: object | string, message: string][] = [
      ['not json at all', 'is not JSON; write {"token": "…"}'],
      ['["a"]', 'is not a JSON object'],
      [{ toke: 'x' }, 'has none of username, password, token'],
      [{ token: 5 }, "has a 'token' that is not text"],
      [{ token: 'a\nhost=evil' }, "has a 'token' with a line break; remove it"],
      [{ password: 'p' }, "the secret has a 'password' without a 'username'"],
    ];
    for (const [index, [secret]] of cases.entries()) {
      world.secret(`git-${index}`, secret);
      await world.putSource(`s${index}`, remote({ secretRef: `git-${index}` }));
    }
    world.start();
    for (const [index, [, message]] of cases.entries()) {
      const status = await world.condition(`s${index}`, 'Stalled', 'True', 'SecretNotUsable');
      expect(status.message).toContain(message);
    }
  });

  it('a repository that is not there, and a server that fails, are told apart', async () => {
    await world.putSource('gone', { url: server.url('gone.git') });
    world.start();
    await world.condition('gone', 'Stalled', 'True', 'RepositoryNotFound');
    server.instead = 503;
    await world.putSource('team', remote());
    const status = await world.condition('team', 'Ready', 'False', 'FetchFailed');
    expect(status).toMatchObject({ phase: 'Reconciling' });
    expect(server.requests.filter((path) => path.startsWith('/origin.git')).length, 'tried again at once').toBe(3);
  });

  it('a server that never answers is given up after spec.timeout, and nothing is left running or lying about', async () => {
    server.instead = 'silence';
    await world.putSource('team', remote({ timeout: '1s' }));
    world.start();
    const status = await world.condition('team', 'Ready', 'False', 'FetchFailed');
    expect(status.message).toBe('listing refs took longer than spec.timeout');
    expect(server.requests, 'it had its time: it is not tried again at once').toHaveLength(1);
    const [run] = readdirSync(join(world.folder, 'git'));
    expect(readdirSync(join(world.folder, 'git', run ?? ''))).toEqual(['home']);
    server.instead = undefined;
    const commit = world.origin.commit({ 'a.yaml': container('a') });
    await world.reconcile('team');
    await world.applied('team', commit);
  });

  it('stops at once in the middle of a fetch', async () => {
    server.instead = 'silence';
    await world.putSource('team', remote({ timeout: '1h' }));
    world.start();
    await world.until('asked', async () => server.requests.length > 0 || (await nextRequest()));
    const startedMs = systemClock.monotonic();
    await world.stop();
    expect(systemClock.monotonic() - startedMs).toBeLessThan(2_000);
    expect(readdirSync(join(world.folder, 'git'))).toEqual([]);
  });

  async function nextRequest(): Promise<boolean> {
    while (server.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
    return true;
  }
});

describe.skipIf(!git || !openssl)('a server with a certificate of its own (git and openssl are needed)', () => {
  it('is trusted when the secret names its authority, and not before', async () => {
    world = await GitWorld.create();
    const [keyFile, certFile] = [join(world.folder, 'key.pem'), join(world.folder, 'cert.pem')];
    const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject, '-keyout', keyFile, '-out', certFile],
      { stdio: 'ignore' },
    );
    const cert = readFileSync(certFile, 'utf8');
    server = await serveGit(dirname(world.origin.bare), { key: readFileSync(keyFile, 'utf8'), cert });
    world.secret('plain', { token: 't' });
    world.secret('trusting', { token: 't', caCertificate: cert });
    const commit = world.origin.commit({ 'a.yaml': container('a') });
    await world.putSource('team', remote({ secretRef: 'plain' }));
    world.start();
    const refused = await world.condition('team', 'Stalled', 'True', 'AuthenticationFailed');
    expect(refused.message).toContain("give its authority as 'caCertificate' in the secret");
    expect(server.requests, 'not a word was said to it').toEqual([]);
    await world.putSource('team', remote({ secretRef: 'trusting' }));
    await world.applied('team', commit);
    await world.close();
    await server.close();
  });
});

describe.skipIf(!git)('a server that sends too much (git is needed)', () => {
  it('is cut off at the limit', async () => {
    await open({ limits: { ...REPOSITORY_LIMITS, objectBytesMax: 1 << 20 } });
    const noise = Buffer.alloc(6 << 20);
    for (let i = 0; i < noise.length; i += 4) noise.writeUInt32LE((i * 2654435761) >>> 0, i);
    world.origin.commit({ 'a.yaml': container('a'), 'noise.bin': noise });
    await world.putSource('team', remote());
    world.start();
    const status = await world.condition('team', 'Stalled', 'True', 'RepositoryTooLarge');
    expect(status.message).toContain('the commit has more than 1 MiB');
    const asked = server.requests.length;
    await world.reconcile('team');
    expect(
      server.requests.length - asked,
      'a refs listing; the commit is fetched again because a person asked',
    ).toBeGreaterThan(0);
    await world.close();
    await server.close();
  });

  it('listing refs without end is cut off too', async () => {
    await open();
    server.instead = 'endless';
    await world.putSource('team', remote({ timeout: '2s' }));
    world.start();
    const status = await world.until('ended', async () => {
      const found = await world.status('team');
      return found?.conditions.some(({ type, status: is }) => type === 'Ready' && is === 'False') ? found : undefined;
    });
    expect(status.phase === 'Stalled' || status.phase === 'Reconciling').toBe(true);
    await world.close();
    await server.close();
  });
});
