/** Required signers, with git's own signatures: SSH keys and OpenPGP keys made for the test. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { container } from './origin.ts';
import { git, gpg, sshKeygen } from './tools.ts';
import { GitWorld } from './world.ts';

let world: GitWorld;
let keys: string;

beforeAll(() => {
  keys = mkdtempSync(join(tmpdir(), 'lc-keys-'));
});
afterAll(() => rmSync(keys, { recursive: true, force: true }));
beforeEach(async () => {
  if (git) world = await GitWorld.create();
});
afterEach(async () => {
  if (git) await world.close();
});

interface Key {
  /** For spec.verify.signers. */
  readonly signer: string;
  readonly sign: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

function sshKey(name: string): Key {
  const file = join(keys, name);
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', file]);
  const [type, body] = readFileSync(`${file}.pub`, 'utf8').split(' ');
  return {
    signer: `${name}@example.com ${type} ${body}`,
    sign: ['-c', 'gpg.format=ssh', '-c', `user.signingKey=${file}`],
  };
}

function pgpKey(name: string): Key {
  const home = join(keys, `gnupg-${name}`);
  mkdirSync(home, { mode: 0o700 });
  chmodSync(home, 0o700);
  const env = { GNUPGHOME: home };
  const run = (...args: string[]) =>
    execFileSync('gpg', ['--batch', '--quiet', '--pinentry-mode', 'loopback', '--passphrase', '', ...args], {
      env: { PATH: process.env.PATH ?? '', HOME: home, ...env },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  run('--quick-generate-key', `${name} <${name}@example.com>`, 'ed25519', 'sign', 'never');
  return { signer: run('--armor', '--export'), sign: ['-c', `user.signingKey=${name}@example.com`], env };
}

function stopAgent({ env }: Key): void {
  if (env) execFileSync('gpgconf', ['--kill', 'all'], { env: { PATH: process.env.PATH ?? '', ...env } });
}

/** Commits as the key's owner; unsigned without one. */
function commit(files: Record<string, string>, key?: Key): string {
  return world.origin.commit(files, key ? { sign: key.sign, ...(key.env ? { env: key.env } : {}) } : {});
}

describe.skipIf(!git || !sshKeygen)('commits signed with SSH (git and ssh-keygen are needed)', () => {
  let alice: Key;
  let mallory: Key;
  beforeAll(() => {
    alice = sshKey('alice');
    mallory = sshKey('mallory');
  });

  it('are applied when a signer signed; others change nothing, and say whose they are not', async () => {
    const verify = { signers: [alice.signer] };
    const good = commit({ 'a.yaml': container('a') }, alice);
    await world.putSource('team', { verify });
    world.start();
    const status = await world.applied('team', good);
    expect(status.conditions.find(({ type }) => type === 'SourceVerified')).toMatchObject({
      status: 'True',
      message: `${good.slice(0, 12)} is signed by alice@example.com (SSH)`,
    });

    const unsigned = commit({ 'a.yaml': container('a', { cpu: 512 }) });
    await world.reconcile('team');
    const refused = await world.condition('team', 'SourceVerified', 'False', 'VerificationFailed');
    expect(refused).toMatchObject({ phase: 'Stalled', lastAttemptedCommit: unsigned, lastAppliedCommit: good });
    expect(refused.message).toBe(`commit ${unsigned.slice(0, 12)} is not signed`);

    const foreign = commit({ 'a.yaml': container('a', { cpu: 512 }) }, mallory);
    await world.reconcile('team');
    const stranger = await world.until('the foreign commit', async () => {
      const found = await world.status('team');
      return found?.lastAttemptedCommit === foreign ? found : undefined;
    });
    expect(stranger.message).toContain(
      `the signature of commit ${foreign.slice(0, 12)} is by none of spec.verify.signers`,
    );
    expect(await world.record('default', 'a'), 'nothing was changed').not.toHaveProperty('spec.compute');

    const again = commit({ 'a.yaml': container('a', { cpu: 1024 }) }, alice);
    await world.reconcile('team');
    await world.applied('team', again);
  });

  it('a signed tag is enough, under its own name alone', async () => {
    commit({ 'a.yaml': container('a') });
    world.origin.tag('v1.0.0', { sign: alice.sign });
    const tagged = world.origin.git('rev-parse', 'HEAD').trim();
    await world.putSource('team', { ref: { semver: '>=1' }, verify: { signers: [mallory.signer, alice.signer] } });
    world.start();
    await world.applied('team', tagged);
    // The old signed tag once more, as a version that it never was.
    const old = world.origin.inBare('rev-parse', 'refs/tags/v1.0.0').trim();
    world.origin.inBare('update-ref', 'refs/tags/v9.0.0', old);
    await world.reconcile('team');
    const refused = await world.condition('team', 'Ready', 'False', 'VerificationFailed');
    expect(refused.message).toContain("tag 'v9.0.0' is signed as 'v1.0.0'");
  });

  it('a signature that was moved to another commit does not fit', async () => {
    const good = commit({ 'a.yaml': container('a') }, alice);
    const body = world.origin.git('cat-file', 'commit', good);
    const forged = join(world.folder, 'forged');
    writeFileSync(forged, body.replace('\n\nchange', '\n\nchange of mine'));
    const id = world.origin.inBare('hash-object', '-t', 'commit', '-w', forged).trim();
    world.origin.inBare('update-ref', 'refs/heads/main', id);
    await world.putSource('team', { verify: { signers: [alice.signer] } });
    world.start();
    const refused = await world.condition('team', 'Ready', 'False', 'VerificationFailed');
    expect(refused.lastAttemptedCommit).toBe(id);
    expect(await world.names()).toEqual([]);
  });

  it('without the tool that checks, the commit is refused and the tool named', async () => {
    await world.close();
    const bin = join(keys, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'git'), `#!/bin/sh\nPATH=${bin} exec ${git} "$@"\n`, { mode: 0o755 });
    world = await GitWorld.create({ searchPath: bin });
    commit({ 'a.yaml': container('a') }, alice);
    await world.putSource('team', { verify: { signers: [alice.signer] } });
    world.start();
    const refused = await world.condition('team', 'Stalled', 'True', 'VerifierMissing');
    expect(refused.message).toBe(
      'signatures of SSH are checked by ssh-keygen, which is not on this machine; install it where the daemon runs',
    );
  });
});

describe.skipIf(!git || !gpg)('commits signed with OpenPGP (git and gpg are needed)', () => {
  let bob: Key;
  let eve: Key;
  beforeAll(() => {
    bob = pgpKey('bob');
    eve = pgpKey('eve');
  });
  afterAll(() => {
    for (const key of [bob, eve]) stopAgent(key);
  });

  it('are applied when a signer signed, and nothing of the keyring stays', async () => {
    const good = commit({ 'a.yaml': container('a') }, bob);
    await world.putSource('team', { verify: { signers: [bob.signer] } });
    world.start();
    const status = await world.applied('team', good);
    expect(status.conditions.find(({ type }) => type === 'SourceVerified')?.message).toBe(
      `${good.slice(0, 12)} is signed by bob <bob@example.com> (OpenPGP)`,
    );
    commit({ 'a.yaml': container('a', { cpu: 512 }) }, eve);
    await world.reconcile('team');
    const refused = await world.condition('team', 'Ready', 'False', 'VerificationFailed');
    expect(refused.message).toMatch(/is by none of spec\.verify\.signers: its key is not known/);
    expect(await world.record('default', 'a')).not.toHaveProperty('spec.compute');
  });

  it('a kind of signature that no signer has is said', async () => {
    commit({ 'a.yaml': container('a') }, bob);
    const key = Buffer.concat([Buffer.from('\0\0\0\x0bssh-ed25519\0\0\0\x20'), Buffer.alloc(32, 7)]);
    const ssh = `alice@example.com ssh-ed25519 ${key.toString('base64')}`;
    await world.putSource('team', { verify: { signers: [ssh] } });
    world.start();
    const refused = await world.condition('team', 'Ready', 'False', 'VerificationFailed');
    expect(refused.message).toContain('is signed with OpenPGP, but spec.verify.signers has no such key');
  });

  it('without gpg the commit is refused and gpg named', async () => {
    await world.close();
    const bin = join(keys, 'bin-pgp');
    mkdirSync(bin);
    writeFileSync(join(bin, 'git'), `#!/bin/sh\nPATH=${dirname(git ?? '')} exec ${git} "$@"\n`, { mode: 0o755 });
    world = await GitWorld.create({ searchPath: bin });
    commit({ 'a.yaml': container('a') }, bob);
    await world.putSource('team', { verify: { signers: [bob.signer] } });
    world.start();
    const refused = await world.condition('team', 'Stalled', 'True', 'VerifierMissing');
    expect(refused.message).toContain('signatures of OpenPGP are checked by gpg');
  });
});
