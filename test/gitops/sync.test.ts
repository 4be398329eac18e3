// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of manifests look like templates
/** A source from push to records, with real git: what is written, what is left alone, and what is said. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Failure } from '../../src/core/index.ts';
import { container } from './origin.ts';
import { git } from './tools.ts';
import { GitWorld } from './world.ts';

const SOURCE = 'lambdacontainer.dev/source';
const EXEMPT = 'lambdacontainer.dev/source-reconcile';
const PROTECTED = 'lambdacontainer.dev/protected';
const ALLOW_PRUNE = 'lambdacontainer.dev/allow-prune';

let world: GitWorld;

beforeEach(async () => {
  if (git) world = await GitWorld.create();
});
afterEach(async () => {
  if (git) await world.close();
});

async function annotate(namespace: string, name: string, annotations: Record<string, string>): Promise<void> {
  const item = await world.record(namespace, name);
  await world.put({ ...item, annotations: { ...(item?.annotations as object), ...annotations } });
}

async function edit(namespace: string, name: string, change: (item: Record<string, unknown>) => object): Promise<void> {
  const item = await world.record(namespace, name);
  if (!item) throw new Error(`no record ${namespace}/${name}`);
  await world.put({ ...item, ...change(item) });
}

const many = (count: number, from = 0): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`o${from + i}.yaml`, container(`o${from + i}`)]));
const gone = (count: number, from = 0): Record<string, undefined> =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`o${from + i}.yaml`, undefined]));

describe.skipIf(!git)('a source (git is needed)', () => {
  it('applies what is pushed, then what is pushed next, and says so', async () => {
    const json = { apiVersion: 'lambdacontainer.dev/v1alpha1', kind: 'LambdaContainer', metadata: { name: 'b' } };
    const first = world.origin.commit({
      'deploy/a.yaml': container('a', { namespace: 'shop' }),
      'deploy/deep/b.json': JSON.stringify({ ...json, spec: { source: { functionRef: { name: 'b' } } } }),
      'deploy/.hidden/x.yaml': 'nobody reads me',
      'README.md': 'not a manifest',
      'other/c.yaml': 'nobody reads me',
    });
    await world.putSource('team', { path: './deploy/' });
    world.start();
    const status = await world.applied('team', first);
    expect(await world.names()).toEqual(['default/b', 'shop/a']);
    expect(status).toMatchObject({
      observedGeneration: 1,
      phase: 'Ready',
      lastAttemptedCommit: first,
      lastAppliedCommit: first,
      counts: { created: 2, unchanged: 0, failed: 0 },
      objectChunks: 1,
    });
    expect(await world.objects('team')).toEqual([
      { namespace: 'default', name: 'b', kind: 'LambdaContainer', result: 'created' },
      { namespace: 'shop', name: 'a', kind: 'LambdaContainer', result: 'created' },
    ]);
    expect(await world.record('shop', 'a')).toMatchObject({
      annotations: { [SOURCE]: 'team' },
      spec: { source: { functionRef: { name: 'a' } } },
    });

    const second = world.origin.commit({ 'deploy/a.yaml': container('a', { namespace: 'shop', cpu: 512 }) });
    await world.reconcile('team');
    expect((await world.applied('team', second)).counts).toMatchObject({ configured: 1, unchanged: 1, created: 0 });
    expect(await world.record('shop', 'a')).toMatchObject({ spec: { compute: { cpu: 512 } } });
    expect((await world.events('team')).map(({ reason, message }) => `${reason} ${message}`)).toEqual([
      `SourceApplied main@${first.slice(0, 12)}: 2 created`,
      `SourceApplied main@${second.slice(0, 12)} (was ${first.slice(0, 12)}): 1 configured, 1 unchanged`,
    ]);
  });

  it('writes nothing while nothing changes, after a restart either', async () => {
    world.secret('git', { webhook: 'w' });
    const commit = world.origin.commit(many(3));
    await world.putSource('team', { secretRef: 'git' });
    world.start();
    await world.applied('team', commit);
    await world.stop();
    world.start();
    for (let look = 0; look < 3; look++) {
      world.counted.clear();
      // Each look is asked for without a change of any record; its end is seen by the next one's beginning.
      await world.looked('team', () =>
        world.gitops.webhook('team', { headers: { 'x-gitlab-token': 'w' }, body: new Uint8Array() }),
      );
    }
    expect([...world.counted].filter(([call]) => !/query|getItem/.test(call))).toEqual([]);
    expect(world.counted.get('desired query'), 'two looks, one namespace, one page').toBe(2);
  });

  it('is left alone while it is suspended, and goes on afterwards', async () => {
    const commit = world.origin.commit({ 'a.yaml': container('a') });
    await world.putSource('team', { suspend: true });
    world.start();
    const status = await world.condition('team', 'Ready', 'Unknown', 'Suspended');
    expect(status.phase).toBe('Suspended');
    expect(await world.names()).toEqual([]);
    expect((await world.reconcile('team')).phase, 'a request is answered, not obeyed').toBe('Suspended');
    await world.putSource('team', { suspend: false });
    expect(await world.applied('team', commit)).toMatchObject({ observedGeneration: 2, phase: 'Ready' });
  });

  it('that is not valid says every defect and touches nothing', async () => {
    world.origin.commit({ 'a.yaml': container('a') });
    await world.putSource('team', { ref: { branch: 'main', tag: 'x' }, intervall: '1m' });
    world.start();
    const status = await world.condition('team', 'Stalled', 'True', 'InvalidSpec');
    expect(status.message).toContain('spec.ref: has branch and tag; keep exactly one of them');
    expect(status.message).toContain("'intervall' is not a field here; did you mean 'interval'?");
    expect(await world.names()).toEqual([]);
  });

  it('that goes away leaves its objects, and nothing of itself', async () => {
    const commit = world.origin.commit({ 'a.yaml': container('a') });
    await world.putSource('team', { prune: { enabled: true } });
    world.start();
    await world.applied('team', commit);
    await world.remove('_system', 'source/team');
    await world.until('forgotten', async () => (await world.status('team')) === undefined);
    expect(await world.names()).toEqual(['default/a']);
    expect(await world.objects('team')).toEqual([]);

    await world.putSource('heir', {});
    expect(
      (await world.applied('heir', commit)).counts,
      'what belonged to nobody any more is taken over',
    ).toMatchObject({
      configured: 1,
    });
    expect(await world.record('default', 'a')).toMatchObject({ annotations: { [SOURCE]: 'heir' } });
  });
});

describe.skipIf(!git)('a record that somebody edits (git is needed)', () => {
  const manifest = (suspend = '') => container('a', { lines: `  environment: { MODE: fast }${suspend}` });

  it('is put right at once, and both the source and the object tell', async () => {
    const commit = world.origin.commit({ 'a.yaml': manifest() });
    await world.putSource('team', {});
    world.start();
    await world.applied('team', commit);
    await edit('default', 'a', () => ({ spec: { source: { functionRef: { name: 'other' } } } }));
    await world.until('corrected', async () =>
      (await world.events('team')).find(({ reason }) => reason === 'DriftCorrected'),
    );
    expect(await world.record('default', 'a')).toMatchObject({ spec: { environment: { MODE: 'fast' } } });
    const [event] = await world.state.events({ namespace: 'default', name: 'a' }, 10);
    expect(event).toMatchObject({ reason: 'SourceCorrected', type: 'Warning' });
    expect(event?.message).toContain("source 'team' (main) put the record right: it was edited by hand: spec.source");
    expect(event?.message, 'values may be secrets').not.toContain('fast');
  });

  it('is put right too when the daemon did not see it happen, and when the record was deleted', async () => {
    const commit = world.origin.commit({ 'a.yaml': manifest(), 'b.yaml': container('b') });
    await world.putSource('team', {});
    world.start();
    await world.applied('team', commit);
    await world.stop();
    await edit('default', 'a', () => ({ spec: {} }));
    await world.remove('default', 'b');
    world.start();
    const status = await world.until('corrected', async () => {
      const found = await world.status('team');
      return found?.counts?.corrected === 2 ? found : undefined;
    });
    expect(status.counts).toMatchObject({ corrected: 2, created: 0, configured: 0 });
    expect(await world.record('default', 'b')).toBeDefined();
  });

  it('is only reported where that is the policy, until the manifest itself changes', async () => {
    const commit = world.origin.commit({ 'a.yaml': manifest() });
    await world.putSource('team', { drift: 'report' });
    world.start();
    await world.applied('team', commit);
    await edit('default', 'a', () => ({ spec: { source: { functionRef: { name: 'other' } } } }));
    const drifted = await world.condition('team', 'Drifted', 'True');
    expect(drifted.counts).toMatchObject({ drifted: 1 });
    expect(drifted.phase, 'it is what the policy asks for').toBe('Ready');
    const other = world.origin.commit({ 'b.yaml': container('b') });
    await world.reconcile('team');
    await world.applied('team', other);
    expect(await world.record('default', 'a'), 'another commit, the same manifest').toMatchObject({
      spec: { source: { functionRef: { name: 'other' } } },
    });
    const changed = world.origin.commit({ 'a.yaml': container('a', { cpu: 512 }) });
    await world.reconcile('team');
    await world.applied('team', changed);
    expect(await world.record('default', 'a')).toMatchObject({ spec: { compute: { cpu: 512 } } });
    expect(await world.condition('team', 'Drifted', 'False')).toBeDefined();
  });

  it('stays out of the hands of its source when that is asked for', async () => {
    const commit = world.origin.commit({ 'a.yaml': manifest(), 'b.yaml': container('b') });
    await world.putSource('team', { prune: { enabled: true } });
    world.start();
    await world.applied('team', commit);
    await edit('default', 'a', (item) => ({
      annotations: { ...(item.annotations as object), [EXEMPT]: 'disabled' },
      spec: { source: { functionRef: { name: 'other' } } },
    }));
    const next = world.origin.commit({ 'a.yaml': undefined, 'b.yaml': container('b', { cpu: 512 }) });
    await world.reconcile('team');
    await world.applied('team', next);
    expect(await world.record('default', 'a')).toMatchObject({ spec: { source: { functionRef: { name: 'other' } } } });
    expect(await world.objects('team')).toContainEqual(
      expect.objectContaining({ name: 'a', result: 'unchanged', message: expect.stringContaining('exempt') }),
    );
  });

  it('keeps what is people’s: annotations, labels, and the brake that the manifest does not mention', async () => {
    const labelled = manifest().replace('metadata:\n', 'metadata:\n  labels: { team: shop, tier: web }\n');
    const commit = world.origin.commit({ 'a.yaml': labelled });
    await world.putSource('team', {});
    world.start();
    await world.applied('team', commit);
    await edit('default', 'a', (item) => ({
      labels: { ...(item.labels as object), mine: 'yes' },
      annotations: { ...(item.annotations as object), 'lambdacontainer.dev/restarted-at': 'now', note: 'hands off' },
      spec: { ...(item.spec as object), suspend: true },
    }));
    const next = world.origin.commit({ 'a.yaml': labelled.replace(', tier: web', '').replace('fast', 'slow') });
    await world.reconcile('team');
    await world.applied('team', next);
    expect(await world.record('default', 'a')).toMatchObject({
      labels: { team: 'shop', mine: 'yes' },
      annotations: { 'lambdacontainer.dev/restarted-at': 'now', note: 'hands off', [SOURCE]: 'team' },
      spec: { environment: { MODE: 'slow' }, suspend: true },
    });
    expect((await world.record('default', 'a'))?.labels, 'a label that the manifest dropped goes').not.toHaveProperty(
      'tier',
    );

    const braked = world.origin.commit({ 'a.yaml': manifest('\n  suspend: true') });
    await world.reconcile('team');
    await world.applied('team', braked);
    const released = world.origin.commit({ 'a.yaml': manifest() });
    await world.reconcile('team');
    await world.applied('team', released);
    expect((await world.record('default', 'a'))?.spec, 'the brake was the manifest’s').not.toHaveProperty('suspend');
  });
});

describe.skipIf(!git)('whose record it is (git is needed)', () => {
  it('what another source has applied is not stolen, and said', async () => {
    const commit = world.origin.commit({ 'a.yaml': container('a'), 'b.yaml': container('b') });
    await world.putSource('first', {});
    world.start();
    await world.applied('first', commit);
    await world.putSource('second', {});
    const status = await world.condition('second', 'Ready', 'False', 'OwnedByAnother');
    expect(status.message).toContain("default/a belongs to source 'first'; remove it from one of the two (a.yaml:1)");
    expect(status.counts).toMatchObject({ failed: 2 });
    expect(status.lastAppliedCommit).toBeUndefined();
    expect(await world.record('default', 'a')).toMatchObject({ annotations: { [SOURCE]: 'first' } });
  });

  it('a record made by hand is taken over when a manifest names it', async () => {
    await world.put({ namespace: 'default', name: 'a', spec: { source: { functionRef: { name: 'by-hand' } } } });
    const commit = world.origin.commit({ 'a.yaml': container('a') });
    await world.putSource('team', {});
    world.start();
    expect((await world.applied('team', commit)).counts).toMatchObject({ configured: 1 });
    expect(await world.record('default', 'a')).toMatchObject({ spec: { source: { functionRef: { name: 'a' } } } });
  });

  it('a record that somebody broke beyond reading is put right', async () => {
    const commit = world.origin.commit({ 'a.yaml': container('a') });
    await world.putSource('team', {});
    world.start();
    await world.applied('team', commit);
    await edit('default', 'a', () => ({ statu: 'x', spec: 'nothing' }));
    await world.until('mended', async () => (await world.record('default', 'a'))?.statu === undefined);
    expect(await world.record('default', 'a')).toMatchObject({ spec: { source: { functionRef: { name: 'a' } } } });
  });
});

describe.skipIf(!git)('removal (git is needed)', () => {
  async function follow(spec: object, files: Record<string, string>): Promise<void> {
    const commit = world.origin.commit(files);
    await world.putSource('team', spec);
    world.start();
    await world.applied('team', commit);
  }

  it('does not happen unless it is asked for', async () => {
    await follow({}, many(2));
    const next = world.origin.commit({ ...gone(1), 'x.yaml': container('x') });
    await world.reconcile('team');
    await world.applied('team', next);
    expect(await world.names()).toEqual(['default/o0', 'default/o1', 'default/x']);
    expect(await world.objects('team')).toContainEqual(
      expect.objectContaining({ name: 'o0', message: 'its manifest is gone; spec.prune.enabled is false' }),
    );
    await world.putSource('team', { prune: { enabled: true } });
    await world.until('pruned', async () => !(await world.names()).includes('default/o0'));
  });

  it('takes what the commit no longer has, after everything else stands', async () => {
    await follow({ prune: { enabled: true } }, many(5));
    const next = world.origin.commit({ ...gone(3), 'x.yaml': container('x', { namespace: 'elsewhere' }) });
    await world.reconcile('team');
    expect((await world.applied('team', next)).counts).toMatchObject({ created: 1, pruned: 3, unchanged: 2 });
    expect(await world.names()).toEqual(['default/o3', 'default/o4', 'elsewhere/x']);
    expect((await world.events('team')).at(-1)).toMatchObject({
      reason: 'Pruned',
      message: 'default/o0, default/o1, default/o2',
    });

    const moved = world.origin.commit({ 'x.yaml': undefined });
    await world.stop();
    world.start();
    await world.applied('team', moved);
    expect(await world.names(), 'a namespace that the commit does not name is remembered').toEqual([
      'default/o3',
      'default/o4',
    ]);
  });

  it('does not touch what people or other sources made', async () => {
    await world.put({ namespace: 'default', name: 'by-hand', spec: {} });
    await world.put({ namespace: 'default', name: 'other', spec: {}, annotations: { [SOURCE]: 'other' } });
    await follow({ prune: { enabled: true } }, many(2));
    const next = world.origin.commit(gone(1));
    await world.reconcile('team');
    await world.applied('team', next);
    expect(await world.names()).toEqual(['default/by-hand', 'default/o1', 'default/other']);
  });

  it('is held beyond the guard’s bound, until exactly that commit is confirmed', async () => {
    await follow({ prune: { enabled: true, maxDeletePercent: 40 } }, many(10));
    const bad = world.origin.commit(gone(5));
    await world.reconcile('team');
    const held = await world.condition('team', 'DeletionHeld', 'True', 'TooManyDeletions');
    expect(held).toMatchObject({
      phase: 'DeletionHeld',
      lastAppliedCommit: bad,
      counts: { held: 5, pruned: 0, unchanged: 5 },
    });
    expect(held.message).toBe(
      `the commit removes 5 of 10 objects, more than 40% and more than 3; confirm with: lc source reconcile team --allow-prune ${bad}`,
    );
    expect(await world.names()).toHaveLength(10);
    await world.reconcile('team', { [ALLOW_PRUNE]: '0'.repeat(40) });
    expect(await world.names(), 'another commit is not confirmed').toHaveLength(10);
    const worse = world.origin.commit(gone(2, 5));
    await world.reconcile('team', { [ALLOW_PRUNE]: bad });
    await world.condition('team', 'DeletionHeld', 'True');
    expect(await world.names(), 'a newer commit removes more than was confirmed').toHaveLength(10);
    await world.reconcile('team', { [ALLOW_PRUNE]: worse });
    expect((await world.applied('team', worse)).counts).toMatchObject({ pruned: 7 });
    expect(await world.names()).toEqual(['default/o7', 'default/o8', 'default/o9']);
  });

  it('ends its hold when the manifests come back', async () => {
    await follow({ prune: { enabled: true } }, many(10));
    world.origin.commit(gone(8));
    await world.reconcile('team');
    await world.condition('team', 'DeletionHeld', 'True');
    const back = world.origin.commit(many(10));
    await world.reconcile('team');
    expect((await world.applied('team', back)).conditions.map(({ type }) => type)).not.toContain('DeletionHeld');
  });

  it('never follows from a commit without manifests, whatever is confirmed', async () => {
    await follow({ prune: { enabled: true, maxDeletePercent: 100 } }, many(2));
    const empty = world.origin.commit({ ...gone(2), 'README.md': 'moved' });
    await world.reconcile('team', { [ALLOW_PRUNE]: empty });
    const held = await world.condition('team', 'DeletionHeld', 'True');
    expect(held.message).toContain('the commit has no manifests at all, which never removes anything');
    expect(await world.names()).toHaveLength(2);
  });

  it('leaves what is protected', async () => {
    await follow({ prune: { enabled: true } }, many(2));
    await annotate('default', 'o0', { [PROTECTED]: 'true' });
    const next = world.origin.commit(gone(1));
    await world.reconcile('team');
    await world.applied('team', next);
    expect(await world.names()).toEqual(['default/o0', 'default/o1']);
  });

  it('waits while anything else of the commit could not be written', async () => {
    await follow({ prune: { enabled: true } }, many(3));
    world.refuse = (operation, table, { name }) =>
      operation === 'putItem' && table === 'desired' && name === 'new'
        ? new Failure({
            kind: 'denied',
            service: 'dynamodb',
            operation,
            code: 'AccessDeniedException',
            message: 'not you',
          })
        : undefined;
    world.origin.commit({ ...gone(1), 'new.yaml': container('new') });
    await world.reconcile('team');
    const status = await world.condition('team', 'Stalled', 'True', 'AccessDenied');
    expect(status.message).toBe('one object was not written: default/new AccessDeniedException: not you');
    expect(await world.names()).toHaveLength(3);
    world.refuse = undefined;
    await world.reconcile('team');
    await world.condition('team', 'Ready', 'True');
    expect(await world.names()).toEqual(['default/new', 'default/o1', 'default/o2']);
  });
});

describe.skipIf(!git)('what a commit may say (git is needed)', () => {
  it('one defect anywhere and nothing is changed; the last good commit stays and is still looked after', async () => {
    const good = world.origin.commit(many(2));
    await world.putSource('team', { path: '.' });
    world.start();
    await world.applied('team', good);
    const bad = world.origin.commit({
      'o0.yaml': container('o0', { cpu: 300 }),
      'o1.yaml': container('o1', { cpu: 512 }),
      'z.yaml': 'apiVersion: v1\nkind: Secret\nmetadata: { name: x }\nspec: {}\n',
    });
    await world.reconcile('team');
    const status = await world.condition('team', 'Stalled', 'True', 'InvalidManifests');
    expect(status).toMatchObject({ lastAttemptedCommit: bad, lastAppliedCommit: good, phase: 'Stalled' });
    expect(status.message?.split('\n')).toEqual([
      '3 defects in 2 files; nothing was changed',
      expect.stringMatching(/^o0\.yaml:7:14: spec\.compute\.cpu: 300 is not a Fargate size/),
      expect.stringMatching(/^z\.yaml:1:1: apiVersion: 'v1' is not a version/),
      expect.stringMatching(/^z\.yaml:2:1: kind: 'Secret' is not a kind/),
    ]);
    expect(await world.record('default', 'o1'), 'the good file of a bad commit is not applied').not.toHaveProperty(
      'spec.compute',
    );
    await edit('default', 'o1', () => ({ spec: {} }));
    await world.until(
      'mended by the last good commit',
      async () =>
        (await world.record('default', 'o1'))?.spec &&
        (await world.events('team')).some(({ reason }) => reason === 'DriftCorrected'),
    );
    const mended = world.origin.commit({ 'z.yaml': undefined, 'o0.yaml': container('o0') });
    await world.reconcile('team');
    await world.applied('team', mended);
  });

  it('a bad commit does not end a restart’s care for the last good one', async () => {
    world.origin.inBare('config', 'uploadpack.allowAnySHA1InWant', 'true');
    const good = world.origin.commit(many(2));
    await world.putSource('team', {});
    world.start();
    await world.applied('team', good);
    world.origin.commit({ 'o0.yaml': 'nonsense' });
    await world.reconcile('team');
    await world.condition('team', 'Ready', 'False', 'InvalidManifests');
    await world.stop();
    await edit('default', 'o1', () => ({ spec: {} }));
    world.start();
    await world.until('corrected', async () => (await world.status('team'))?.counts?.corrected === 1);
    expect(await world.record('default', 'o1')).toMatchObject({ spec: { source: { functionRef: { name: 'o1' } } } });
    expect(await world.status('team')).toMatchObject({ lastAppliedCommit: good, phase: 'Stalled' });
  });

  it('a commit that was refused is not fetched again until something changes', async () => {
    world.origin.commit({ 'a.yaml': container('a', { lines: '  className: big\n  scaling: { max: 9 }' }) });
    await world.put({ namespace: '_system', name: 'class/big', spec: { no: 'class' } });
    await world.putSource('team', { substitute: { A: 'x\ny' } });
    world.start();
    await world.condition('team', 'Stalled', 'True', 'InvalidSpec');
    await world.putSource('team', {});
    await world.condition('team', 'Ready', 'True');
  });

  it('a source that writes into one namespace cannot reach another, nor classes', async () => {
    const commit = world.origin.commit({ 'a.yaml': container('a') });
    await world.putSource('team', { targetNamespace: 'shop' });
    world.start();
    await world.applied('team', commit);
    expect(await world.names()).toEqual(['shop/a']);
    world.origin.commit({
      'b.yaml': container('b', { namespace: 'blog' }),
      'c.yaml':
        'apiVersion: lambdacontainer.dev/v1alpha1\nkind: GitSource\nmetadata: { name: x }\nspec: { url: "https://example.com/x", ref: { branch: main } }\n',
    });
    await world.reconcile('team');
    const status = await world.condition('team', 'Stalled', 'True', 'InvalidManifests');
    expect(status.message).toContain(
      "b.yaml:5:3: metadata.namespace: 'blog' is not 'shop', the spec.targetNamespace of the source",
    );
    expect(status.message).toContain(
      "c.yaml:2:1: kind: GitSource cannot come from a source with spec.targetNamespace ('shop')",
    );
  });

  it('classes and sources come only by a source with a role of its own, which is assumed to write', async () => {
    const inner =
      'apiVersion: lambdacontainer.dev/v1alpha1\nkind: GitSource\nmetadata: { name: inner }\nspec: { url: "file:///nowhere", ref: { branch: main }, suspend: true }\n';
    const commit = world.origin.commit({ 'inner.yaml': inner, 'a.yaml': container('a') });
    await world.putSource('platform', {});
    world.start();
    const refused = await world.condition('platform', 'Stalled', 'True', 'InvalidManifests');
    expect(refused.message).toContain('inner.yaml:2:1: kind: GitSource needs a source with spec.roleArn');
    const roleArn = 'arn:aws:iam::000000000000:role/platform';
    await world.putSource('platform', { roleArn, externalId: 'id-1' });
    await world.applied('platform', commit);
    expect(world.assumed).toEqual([{ arn: roleArn, externalId: 'id-1', session: 'lambdacontainer-platform' }]);
    await world.condition('inner', 'Ready', 'Unknown', 'Suspended');
  });

  it('what an older spec allowed is not written under a newer one, while the newer cannot be read', async () => {
    const commit = world.origin.commit({ 'here/a.yaml': container('a', { namespace: 'shop' }) });
    await world.putSource('team', {});
    world.start();
    await world.applied('team', commit);
    await world.putSource('team', { targetNamespace: 'blog' });
    await world.condition('team', 'Stalled', 'True', 'InvalidManifests');
    await edit('shop', 'a', () => ({ spec: { left: 'alone' } }));
    await world.reconcile('team');
    expect(await world.record('shop', 'a')).toMatchObject({ spec: { left: 'alone' } });
  });

  it('variables are replaced, and one without a value is a defect with its place', async () => {
    const text = container('a', { cpu: '${CPU}', lines: '  environment: { MODE: "${MODE:=slow}", RAW: "$${HOME}" }' });
    const commit = world.origin.commit({ 'a.yaml': text });
    await world.putSource('team', { substitute: { CPU: '1024' } });
    world.start();
    await world.applied('team', commit);
    expect(await world.record('default', 'a')).toMatchObject({
      spec: { compute: { cpu: 1024 }, environment: { MODE: 'slow', RAW: '${HOME}' } },
    });
    await world.putSource('team', { substitute: {} });
    const status = await world.condition('team', 'Stalled', 'True', 'InvalidManifests');
    expect(status.message).toContain('a.yaml:7:19: (variable): ${CPU} has no value; give CPU under spec.substitute');
    expect(await world.record('default', 'a'), 'nothing was changed').toMatchObject({
      spec: { compute: { cpu: 1024 } },
    });
  });

  it('sources wait for those that they depend on, and a circle is said', async () => {
    const commit = world.origin.commit({ 'base/a.yaml': container('a'), 'top/b.yaml': container('b') });
    await world.putSource('top', { path: 'top', dependsOn: ['base'] });
    world.start();
    const waiting = await world.condition('top', 'Ready', 'False', 'DependencyNotReady');
    expect(waiting).toMatchObject({ phase: 'Reconciling', message: "source 'base' (spec.dependsOn) does not exist" });
    await world.putSource('base', { path: 'base' });
    await world.applied('base', commit);
    await world.applied('top', commit);
    await world.stop();
    world.start();
    await world.reconcile('top');
    expect(
      (await world.events('top')).map(({ reason }) => reason),
      'a restart makes nobody wait',
    ).toEqual(['DependencyNotReady', 'SourceApplied']);
    await world.putSource('base', { path: 'base', dependsOn: ['top'] });
    const circle = await world.condition('base', 'Stalled', 'True', 'DependencyCycle');
    expect(circle.message).toBe('sources wait for each other: base → top → base');
  });
});

describe.skipIf(!git)('interruptions (git is needed)', () => {
  it('a daemon that dies in the middle of a sync leaves work that the next one ends', async () => {
    const commit = world.origin.commit(many(60));
    let writes = 0;
    const halted = new Promise<void>((resolve) => {
      world.refuse = (operation, table, { namespace }) => {
        if (operation !== 'putItem' || table !== 'desired' || namespace !== 'default' || ++writes <= 25)
          return undefined;
        resolve();
        return new Failure({ kind: 'transient', service: 'dynamodb', operation, code: 'ECONNRESET', message: 'gone' });
      };
    });
    await world.putSource('team', {});
    world.start();
    await halted;
    await world.stop();
    const done = (await world.names()).length;
    expect(done).toBeGreaterThan(0);
    expect(done, 'those under way are lost').toBeLessThanOrEqual(25);
    expect((await world.status('team'))?.lastAppliedCommit).toBeUndefined();
    world.refuse = undefined;
    world.start();
    expect((await world.applied('team', commit)).counts).toMatchObject({
      created: 60 - done,
      unchanged: done,
      corrected: 0,
    });
  });

  it('a throttled table is waited for; a lost answer is no failure', async () => {
    const commit = world.origin.commit(many(3));
    const seen = new Map<string, number>();
    world.refuse = (operation, table, { namespace, name }) => {
      if (operation !== 'putItem' || table !== 'desired' || namespace !== 'default') return undefined;
      const tries = (seen.get(name) ?? 0) + 1;
      seen.set(name, tries);
      if (tries > 2) return undefined;
      return new Failure({
        kind: 'throttled',
        service: 'dynamodb',
        operation,
        code: 'ThrottlingException',
        message: 'slow down',
      });
    };
    await world.putSource('team', {});
    world.start();
    expect((await world.applied('team', commit)).counts).toMatchObject({ created: 3, failed: 0 });
  });
});
