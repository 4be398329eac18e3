/** Which commit is wanted: pure choice, and what happens to a source when refs move, vanish and come back. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SourceProblem } from '../../src/gitops/source-problem.ts';
import { choose, patternsOf } from '../../src/gitops/wanted-commit.ts';
import { container } from './origin.ts';
import { git } from './tools.ts';
import { GitWorld } from './world.ts';

const id = (digit: string) => digit.repeat(40);

describe('the wanted commit', () => {
  const listing = [
    `${id('1')}\trefs/heads/main`,
    `${id('2')}\trefs/remotes/x/refs/heads/main`,
    `${id('a')}\trefs/tags/v1.0.0`,
    `${id('b')}\trefs/tags/v1.0.0^{}`,
    `${id('c')}\trefs/tags/1.2.0`,
    `${id('d')}\trefs/tags/v1.10.0`,
    `${id('e')}\trefs/tags/v2.0.0-rc.1`,
    `${id('f')}\trefs/tags/latest`,
    'a banner that a server prints',
    '',
  ].join('\n');
  const cases: { reason: string; ref: object; label?: string; commit?: string; object?: string; problem?: string }[] = [
    { reason: 'a branch', ref: { branch: 'main' }, label: 'main', commit: id('1') },
    { reason: 'a branch that is not there', ref: { branch: 'gone' }, problem: "the repository has no branch 'gone'" },
    {
      reason: 'an annotated tag is the commit that it means',
      ref: { tag: 'v1.0.0' },
      commit: id('b'),
      object: id('a'),
    },
    { reason: 'a tag that is the commit itself', ref: { tag: 'latest' }, commit: id('f'), object: id('f') },
    { reason: 'a tag that is not there', ref: { tag: 'v9' }, problem: "the repository has no tag 'v9'" },
    {
      reason: 'the highest, by number and not by letter',
      ref: { semver: '>=1.0.0' },
      label: 'v1.10.0',
      commit: id('d'),
    },
    { reason: 'a tag without the v', ref: { semver: '~1.2' }, label: '1.2.0', commit: id('c') },
    { reason: 'no pre-release unless it is asked for', ref: { semver: '>=1.0.0 <3' }, label: 'v1.10.0' },
    { reason: 'a pre-release that is asked for', ref: { semver: '>=2.0.0-0' }, label: 'v2.0.0-rc.1', commit: id('e') },
    {
      reason: 'no version in the range',
      ref: { semver: '^7' },
      problem: "none of the repository's 4 versions is in '^7'",
    },
    { reason: 'a commit needs no listing', ref: { commit: id('9') }, label: '999999999999', commit: id('9') },
  ];
  it.each(cases)('$reason', ({ ref, label, commit, object, problem }) => {
    const act = () => choose(ref as Parameters<typeof choose>[0], listing);
    if (problem !== undefined) {
      expect(act).toThrow(problem);
      return;
    }
    const wanted = act();
    if (label !== undefined) expect(wanted.label).toBe(label);
    if (commit !== undefined) expect(wanted.commit).toBe(commit);
    if (object !== undefined) expect(wanted.object).toBe(object);
  });

  it('is not there when no tag is a version', () => {
    expect(() => choose({ semver: '*' }, `${id('f')}\trefs/tags/latest\n`)).toThrow(
      "the repository has no tag that is a version, so none is in '*'",
    );
  });

  it('does not depend on the order that the server lists in', () => {
    const two = [`${id('1')}\trefs/tags/1.0.0`, `${id('2')}\trefs/tags/v1.0.0`];
    for (const lines of [two, two.toReversed()]) expect(choose({ semver: '1' }, lines.join('\n')).label).toBe('1.0.0');
  });

  it('asks for full names alone', () => {
    expect(patternsOf({ branch: '-u' })).toEqual(['refs/heads/-u']);
    expect(patternsOf({ semver: '1' })).toEqual(['refs/tags/*']);
    expect(patternsOf({ commit: id('1') })).toEqual([]);
    expect(new SourceProblem('RefNotFound', 'x').isStalled).toBe(true);
  });
});

describe.skipIf(!git)('a source whose refs move (git is needed)', () => {
  let world: GitWorld;
  beforeEach(async () => {
    world = await GitWorld.create();
  });
  afterEach(() => world.close());

  it('a force-push is simply the new commit', async () => {
    const first = world.origin.commit({ 'a.yaml': container('a') });
    await world.putSource('team', { prune: { enabled: true } });
    world.start();
    await world.applied('team', first);
    world.origin.git('checkout', '--quiet', '--orphan', 'other');
    const forced = world.origin.commit({ 'a.yaml': undefined, 'b.yaml': container('b') }, { force: true });
    await world.reconcile('team');
    await world.applied('team', forced);
    expect(await world.names()).toEqual(['default/b']);
  });

  it('a deleted branch is said, and what was applied stays and is looked after until it is back', async () => {
    const commit = world.origin.commit({ 'a.yaml': container('a') });
    await world.putSource('team', { prune: { enabled: true } });
    world.start();
    await world.applied('team', commit);
    world.origin.inBare('update-ref', '-d', 'refs/heads/main');
    await world.reconcile('team');
    const gone = await world.condition('team', 'Fetched', 'False', 'RefNotFound');
    expect(gone).toMatchObject({
      phase: 'Stalled',
      lastAppliedCommit: commit,
      message: "the repository has no branch 'main'",
    });
    await world.put({ ...(await world.record('default', 'a')), spec: {} });
    await world.until('corrected', async () =>
      (await world.events('team')).some(({ reason }) => reason === 'DriftCorrected'),
    );
    world.origin.push();
    await world.reconcile('team');
    await world.applied('team', commit);
    expect((await world.events('team')).map(({ reason }) => reason)).toEqual([
      'SourceApplied',
      'RefNotFound',
      'DriftCorrected',
      'Recovered',
    ]);
  });

  it('tags: one, the highest of a range as higher ones come, and one that is moved', async () => {
    const first = world.origin.commit({ 'a.yaml': container('a') });
    world.origin.tag('v1.0.0', { annotated: true });
    const second = world.origin.commit({ 'a.yaml': container('a', { cpu: 512 }) });
    world.origin.tag('v1.1.0');
    world.origin.commit({ 'a.yaml': 'broken' });
    world.origin.tag('v2.0.0-rc.1');
    await world.putSource('one', { ref: { tag: 'v1.0.0' }, targetNamespace: 'one' });
    await world.putSource('range', { ref: { semver: '>=1.0.0' }, targetNamespace: 'range' });
    world.start();
    expect((await world.applied('one', first)).conditions.find(({ type }) => type === 'Fetched')?.message).toBe(
      `v1.0.0 is at ${first.slice(0, 12)}`,
    );
    await world.applied('range', second);
    const third = world.origin.commit({ 'a.yaml': container('a', { cpu: 1024 }) });
    world.origin.tag('v1.2.0', { annotated: true });
    await world.reconcile('range');
    await world.applied('range', third);
    world.origin.git('tag', '--delete', 'v1.0.0');
    world.origin.tag('v1.0.0');
    await world.reconcile('one');
    await world.applied('one', third);
  });

  it('a commit is fetched by its id, and then nobody is asked any more', async () => {
    const first = world.origin.commit({ 'a.yaml': container('a') });
    world.origin.commit({ 'a.yaml': container('a', { cpu: 512 }) });
    await world.putSource('team', { ref: { commit: first } });
    world.start();
    await world.applied('team', first);
    expect(await world.record('default', 'a')).not.toHaveProperty('spec.compute');
    await world.putSource('none', { ref: { commit: id('0') } });
    expect((await world.condition('none', 'Stalled', 'True', 'RefNotFound')).message).toContain(
      'fetching 000000000000 failed',
    );
  });

  it('a branch that begins like an option is only a name', async () => {
    const commit = world.origin.commit({ 'a.yaml': container('a') });
    world.origin.inBare('update-ref', 'refs/heads/--upload-pack=evil', commit);
    world.origin.inBare('update-ref', 'refs/heads/-u', commit);
    await world.putSource('team', { ref: { branch: '-u' } });
    world.start();
    const status = await world.condition('team', 'Stalled', 'True', 'InvalidSpec');
    expect(status.message).toContain('begins with a hyphen');
    await world.putSource('team', {});
    await world.applied('team', commit);
  });

  const nowhere: { reason: string; spec: object; problem: string; message: string }[] = [
    {
      reason: 'no repository',
      spec: { url: 'file:///nowhere/at/all.git' },
      problem: 'RepositoryNotFound',
      message: 'check spec.url',
    },
    {
      reason: 'no folder',
      spec: { path: 'missing' },
      problem: 'PathNotFound',
      message: "there is no folder 'missing'",
    },
    { reason: 'a file', spec: { path: 'a.yaml' }, problem: 'PathNotFound', message: "'a.yaml' is not a folder" },
    {
      reason: 'an empty repository',
      spec: { ref: { branch: 'empty' } },
      problem: 'RefNotFound',
      message: "no branch 'empty'",
    },
    {
      reason: 'a secret that is not there',
      spec: { secretRef: 'none' },
      problem: 'SecretNotUsable',
      message: "the secret 'none' cannot be read: ResourceNotFoundException",
    },
    {
      reason: 'ssh without a secret',
      spec: { url: 'ssh://git@127.0.0.1/x.git' },
      problem: 'SecretNotUsable',
      message: "an ssh URL needs a secret (spec.secretRef) with 'identity'",
    },
  ];
  it.each(nowhere)('$reason: $problem', async ({ spec, problem, message }) => {
    world.origin.commit({ 'a.yaml': container('a') });
    await world.putSource('team', spec);
    world.start();
    const status = await world.condition('team', 'Stalled', 'True', problem);
    expect(status.message).toContain(message);
  });
});

describe.skipIf(!git)('a machine without git (git is needed, for the repository alone)', () => {
  it('says so in the source, and goes on', async () => {
    const world = await GitWorld.create({ searchPath: '/nowhere' });
    await world.putSource('team', { url: 'https://example.com/x' });
    world.start();
    const status = await world.condition('team', 'Stalled', 'True', 'GitMissing');
    expect(status.message).toBe('there is no git on this machine; install it where the daemon runs');
    await world.close();
  });
});
