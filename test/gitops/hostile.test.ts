/** Repositories made by somebody who means harm: whatever is in them, nothing runs, nothing escapes, nothing is applied. */
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { REPOSITORY_LIMITS } from '../../src/gitops/index.ts';
import { container } from './origin.ts';
import { git } from './tools.ts';
import { GitWorld } from './world.ts';

let world: GitWorld;

beforeEach(async () => {
  if (git) world = await GitWorld.create();
});
afterEach(async () => {
  if (git) await world.close();
});

/** A tree of raw entries, whatever git would think of them. */
function tree(entries: readonly { mode: string; name: string; id: string }[]): string {
  const bytes = Buffer.concat(
    entries.map(({ mode, name, id }) => Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(id, 'hex')])),
  );
  const file = join(world.folder, 'tree');
  writeFileSync(file, bytes);
  return world.origin.inBare('hash-object', '-t', 'tree', '-w', '--literally', file).trim();
}

function blob(text: string): string {
  const file = join(world.folder, 'blob');
  writeFileSync(file, text);
  return world.origin.inBare('hash-object', '-w', file).trim();
}

function commitTree(id: string): string {
  const file = join(world.folder, 'commit');
  const who = 'M <m@example.com> 1700000000 +0000';
  writeFileSync(file, `tree ${id}\nauthor ${who}\ncommitter ${who}\n\nhostile\n`);
  const commit = world.origin.inBare('hash-object', '-t', 'commit', '-w', file).trim();
  world.origin.inBare('update-ref', 'refs/heads/main', commit);
  return commit;
}

describe.skipIf(!git)('a hostile repository (git is needed)', () => {
  it('links are never followed: one that looks like a manifest is a defect, others are passed over and named', async () => {
    const secret = join(world.folder, 'outside.yaml');
    writeFileSync(secret, container('outside'));
    mkdirSync(join(world.origin.work, 'deploy'), { recursive: true });
    symlinkSync(secret, join(world.origin.work, 'deploy/link.yaml'));
    symlinkSync('/etc', join(world.origin.work, 'deploy/etc'));
    world.origin.commit({ 'deploy/a.yaml': container('a') });
    await world.putSource('team', {});
    world.start();
    const status = await world.condition('team', 'Stalled', 'True', 'InvalidManifests');
    expect(status.message).toContain(
      'deploy/link.yaml:1:1: (file): is a symbolic link, which is never followed; put a file in its place',
    );
    expect(await world.names()).toEqual([]);
    world.origin.git('rm', '--quiet', 'deploy/link.yaml');
    const next = world.origin.commit({});
    await world.reconcile('team');
    const applied = await world.applied('team', next);
    expect(applied.message).toContain('passed over: deploy/etc (symbolic link)');
    expect(await world.names()).toEqual(['default/a']);
  });

  it('a path that leads through a link, or out of the repository, is no folder', async () => {
    symlinkSync('/etc', join(world.origin.work, 'etc'));
    world.origin.commit({ 'a.yaml': container('a') });
    await world.putSource('link', { path: 'etc' });
    await world.putSource('out', { path: 'x/../../etc' });
    world.start();
    expect((await world.condition('link', 'Stalled', 'True', 'PathNotFound')).message).toContain('is not a folder');
    expect((await world.condition('out', 'Stalled', 'True', 'InvalidSpec')).message).toContain(
      'may not lead out of the repository',
    );
  });

  const trees: { reason: string; entries: () => { mode: string; name: string; id: string }[]; words: RegExp }[] = [
    {
      reason: "a folder named '..'",
      entries: () => [
        { mode: '40000', name: '..', id: tree([{ mode: '100644', name: 'a.yaml', id: blob(container('a')) }]) },
      ],
      words: /hasDotdot|contains '\.\.'/,
    },
    {
      reason: "a file '.git/hooks/post-checkout'",
      entries: () => [
        {
          mode: '40000',
          name: '.git',
          id: tree([{ mode: '100755', name: 'hooks', id: blob('#!/bin/sh\ntouch /tmp/pwned\n') }]),
        },
      ],
      words: /hasDotgit|contains '\.git'/,
    },
    {
      reason: 'a name with a slash',
      entries: () => [{ mode: '100644', name: '../../../etc/passwd.yaml', id: blob(container('a')) }],
      words: /fullPathname|contains full pathnames/,
    },
    {
      reason: 'the same name twice',
      entries: () => [
        { mode: '100644', name: 'a.yaml', id: blob(container('a')) },
        { mode: '100644', name: 'a.yaml', id: blob(container('b')) },
      ],
      words: /duplicateEntries|contains duplicate/,
    },
  ];
  it.each(trees)('$reason is refused whole', async ({ entries, words }) => {
    commitTree(tree(entries()));
    await world.putSource('team', {});
    world.start();
    const status = await world.condition('team', 'Stalled', 'True', 'RepositoryRefused');
    expect(status.message).toMatch(words);
    expect(await world.names()).toEqual([]);
  });

  it('submodules, hooks, filters and attributes have nothing to act on', async () => {
    const trap = join(world.folder, 'sprung');
    world.origin.commit({
      '.gitattributes': '*.yaml filter=trap ident eol=crlf\n',
      '.gitmodules': `[submodule "evil"]\n\tpath = evil\n\turl = ext::sh -c touch% ${trap}\n`,
      'a.yaml': container('a'),
    });
    const sub = '1'.repeat(40);
    world.origin.git('update-index', '--add', '--cacheinfo', `160000,${sub},evil`);
    world.origin.git('commit', '--quiet', '--message', 'submodule');
    const commit = world.origin.push();
    // What a hostile server has in its own configuration must not matter either.
    world.origin.inBare('config', 'filter.trap.smudge', `touch ${trap}`);
    world.origin.inBare('config', 'core.fsmonitor', `touch ${trap}`);
    for (const hook of ['post-checkout', 'reference-transaction', 'pre-auto-gc']) {
      writeFileSync(join(world.origin.bare, 'hooks', hook), `#!/bin/sh\ntouch ${trap}\n`, { mode: 0o755 });
    }
    await world.putSource('team', {});
    world.start();
    const status = await world.applied('team', commit);
    expect(status.message).toContain('passed over: evil (submodule)');
    expect(existsSync(trap)).toBe(false);
  });

  it('a tree that unfolds without end is cut off', async () => {
    let id = tree([{ mode: '100644', name: 'a.yaml', id: blob(container('a')) }]);
    for (let level = 0; level < 12; level++) {
      id = tree(Array.from({ length: 10 }, (_, i) => ({ mode: '40000', name: `d${i}`, id })));
    }
    commitTree(id);
    await world.putSource('team', {});
    world.start();
    const status = await world.condition('team', 'Stalled', 'True', 'RepositoryTooLarge');
    expect(status.message).toBe('the tree is too large to be listed');
  });

  const files: { reason: string; content: string | Uint8Array; words: string | RegExp }[] = [
    {
      reason: 'more than a manifest may have',
      content: `# ${'x'.repeat(1 << 20)}\n${container('b')}`,
      words: 'b.yaml:1:1: (file): is larger than 256 KiB; split it',
    },
    {
      reason: 'bytes that are no text',
      content: new Uint8Array([0xff, 0xfe, 0x00, 0x41]),
      words: 'b.yaml:1:1: (file): is not text in UTF-8',
    },
    { reason: 'aliases that unfold without end', content: bomb(), words: /b\.yaml:\d+:\d+: \(document\): .*alias/ },
    { reason: 'a tab, a NUL and an escape sequence', content: 'a:\n\tb: \x1b[2J\0\n', words: /^b\.yaml:\d+:\d+: /m },
  ];
  it.each(files)('a manifest of $reason is a defect like any other', async ({ content, words }) => {
    world.origin.commit({ 'a.yaml': container('a'), 'b.yaml': content });
    await world.putSource('team', {});
    world.start();
    const status = await world.condition('team', 'Stalled', 'True', 'InvalidManifests');
    if (typeof words === 'string') expect(status.message).toContain(words);
    else expect(status.message).toMatch(words);
    expect(status.message, 'nothing that a terminal would obey').not.toMatch(/[^\P{Cc}\n]/u);
    expect(await world.names()).toEqual([]);
  });

  it('a file name that a terminal would obey is printed harmlessly', async () => {
    commitTree(tree([{ mode: '100644', name: 'a\x1b]0;x\x07\n.yaml', id: blob('nonsense: [') }]));
    await world.putSource('team', {});
    world.start();
    const status = await world.condition('team', 'Stalled', 'True', 'InvalidManifests');
    expect(status.message).toMatch(/^a \]0;x .yaml:1:\d+: /m);
  });

  it('a huge file that is no manifest is never read, and does not hinder', async () => {
    world.origin.inBare('config', 'uploadpack.allowFilter', 'true');
    const commit = world.origin.commit({ 'a.yaml': container('a'), 'movie.bin': new Uint8Array(8 << 20) });
    await world.putSource('team', {});
    world.start();
    await world.applied('team', commit);
  });

  it('a manifest that the server filtered out for its size is said, not fetched behind our back', async () => {
    world.origin.inBare('config', 'uploadpack.allowFilter', 'true');
    world.origin.commit({ 'big.yaml': `# ${'x'.repeat(3 << 20)}\n` });
    await world.putSource('team', {});
    world.start();
    const status = await world.condition('team', 'Stalled', 'True', 'InvalidManifests');
    expect(status.message).toContain('big.yaml:1:1: (file): is larger than 256 KiB');
  });

  it('too many manifests, or too much of them, are refused before they are parsed', async () => {
    await world.close();
    world = await GitWorld.create({ limits: { ...REPOSITORY_LIMITS, manifestsMax: 3, totalBytesMax: 2_000 } });
    world.origin.commit(Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [`many/${name}.yaml`, container(name)])));
    world.origin.commit({ 'much/a.yaml': `# ${'x'.repeat(1_500)}`, 'much/b.yaml': `# ${'y'.repeat(1_500)}` });
    await world.putSource('many', { path: 'many' });
    await world.putSource('much', { path: 'much' });
    world.start();
    expect((await world.condition('many', 'Stalled', 'True', 'RepositoryTooLarge')).message).toContain(
      'the folder has 4 manifests; 3 are allowed',
    );
    expect((await world.condition('much', 'Stalled', 'True', 'RepositoryTooLarge')).message).toContain(
      'all manifests together have more than',
    );
  });

  it('what a killed daemon left lying about is removed by the next', async () => {
    const left = join(world.folder, 'git', 'run-999999999-abc');
    mkdirSync(join(left, 'attempt-1'), { recursive: true });
    writeFileSync(join(left, 'attempt-1', 'identity'), 'a private key');
    world.origin.commit({ 'a.yaml': container('a') });
    await world.putSource('team', {});
    world.start();
    await world.condition('team', 'Ready', 'True');
    expect(existsSync(left)).toBe(false);
  });
});

function bomb(): string {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x]'];
  for (let i = 1; i < 9; i++)
    lines.push(
      `a${i}: &a${i} [${Array(9)
        .fill(`*a${i - 1}`)
        .join(', ')}]`,
    );
  return `${lines.join('\n')}\n`;
}
