/**
 * Git over SSH, as far as it is ours: what ssh is started with. A program that stands in for ssh writes down what it was
 * given and runs git's own server; what ssh itself does with its options is OpenSSH's to test.
 */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { container } from './origin.ts';
import { git } from './tools.ts';
import { GitWorld } from './world.ts';

let world: GitWorld;
let folder: string;
let bin: string;
let notes: string;

beforeEach(async () => {
  if (!git) return;
  folder = mkdtempSync(join(tmpdir(), 'lc-ssh-'));
  bin = join(folder, 'bin');
  notes = join(folder, 'notes');
  mkdirSync(bin);
  mkdirSync(notes);
  world = await GitWorld.create({ searchPath: `${bin}${delimiter}${process.env.PATH ?? ''}` });
});
afterEach(async () => {
  if (!git) return;
  await world.close();
  rmSync(folder, { recursive: true, force: true });
});

/** `answer`: shell lines that end what stands in for ssh. */
async function withSsh(answer: string): Promise<void> {
  const script = [
    '#!/bin/sh',
    `for word in "$@"; do printf '%s\\n' "$word"; done > ${notes}/arguments`,
    `env > ${notes}/environment`,
    'while [ $# -gt 2 ]; do',
    `  case "$1" in -i) cp "$2" ${notes}/identity; stat -c %a "$2" > ${notes}/mode;; UserKnownHostsFile=*) eval "cp \${1#UserKnownHostsFile=} ${notes}/known_hosts";; esac`,
    '  shift',
    'done',
    answer,
    '',
  ].join('\n');
  writeFileSync(join(bin, 'ssh'), script);
  chmodSync(join(bin, 'ssh'), 0o755);
  world.secret('key', { identity: 'PRIVATE\r\nKEY', knownHosts: 'example.com ssh-ed25519 AAAA' });
  const commit = world.origin.commit({ 'a.yaml': container('a') });
  await world.putSource('team', { url: `ssh://git@example.com:2222${world.origin.bare}`, secretRef: 'key' });
  world.start();
  await (answer.startsWith('exec') ? world.applied('team', commit) : world.condition('team', 'Ready', 'False'));
}

describe.skipIf(!git)('a repository over SSH (git is needed)', () => {
  it('ssh gets our key and our known hosts, for the moment of the fetch, and nothing of the machine', async () => {
    await withSsh('exec sh -c "$2"');
    const words = readFileSync(join(notes, 'arguments'), 'utf8').split('\n');
    expect(words).toEqual(
      expect.arrayContaining([
        '/dev/null',
        'IdentitiesOnly=yes',
        'IdentityAgent=none',
        'StrictHostKeyChecking=yes',
        'BatchMode=yes',
        'GlobalKnownHostsFile=/dev/null',
        'git@example.com',
        '2222',
      ]),
    );
    expect(readFileSync(join(notes, 'identity'), 'utf8'), 'as OpenSSH wants it').toBe('PRIVATE\nKEY\n');
    expect(readFileSync(join(notes, 'known_hosts'), 'utf8')).toBe('example.com ssh-ed25519 AAAA\n');
    expect(readFileSync(join(notes, 'mode'), 'utf8').trim()).toBe('600');
    const identity = words[words.indexOf('-i') + 1] ?? '';
    expect(identity).not.toBe('');
    expect(existsSync(identity), 'the key is gone again').toBe(false);
    expect(readFileSync(join(notes, 'environment'), 'utf8')).not.toContain('PRIVATE');
  });

  const refusals: { said: string; reason: string }[] = [
    { said: 'Host key verification failed.', reason: 'HostKeyUnknown' },
    { said: 'git@example.com: Permission denied (publickey).', reason: 'AuthenticationFailed' },
  ];
  it.each(refusals)('$said: $reason', async ({ said, reason }) => {
    await withSsh(`echo "${said}" >&2; exit 255`);
    const status = await world.condition('team', 'Stalled', 'True', reason);
    expect(status.message).toContain(said);
  });
});
