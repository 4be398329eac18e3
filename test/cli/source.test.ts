/** The verbs of `source`, against the tables in memory. What follows repositories is played by hand. */
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { GitSourceStatus, SourceObject } from '../../src/api/index.ts';
import { CliWorld, conditionAt } from './world.ts';

const KEY = { namespace: '_system', name: 'source/shop' };
const ADD = ['source', 'add', 'shop', '--url', 'https://git.example.com/team/shop'];
const COMMIT = '3f2a9c1d7e'.padEnd(40, '0');
const SPEC = { url: 'https://git.example.com/team/shop', ref: { branch: 'main' } };

let world: CliWorld;

beforeEach(async () => {
  world = await CliWorld.create();
});
afterEach(() => world.close());

async function spec(): Promise<unknown> {
  return (await world.desired.get(KEY))?.item.spec;
}

async function putSource(status: Partial<GitSourceStatus> = {}, objects: SourceObject[] = []): Promise<void> {
  await world.putRecord({ ...KEY, spec: SPEC });
  const body = {
    observedGeneration: 1,
    phase: 'Ready',
    conditions: [conditionAt('Ready', 'True', 'Applied', 'all is well')],
    ...status,
  };
  await world.state.put(KEY, 'status', body, 0, 1);
  await world.state.putChunks(KEY, 'objects', objects, [], 1);
}

describe('source add', () => {
  it('writes what the flags say, and leaves the rest to its default', async () => {
    const ended = await world.run(ADD);
    expect(ended).toEqual({ code: 0, out: 'gitsource/shop created\n', err: 'adding to a test\n' });
    expect((await world.desired.get(KEY))?.item).toEqual({
      ...KEY,
      apiVersion: 'lambdacontainer.dev/v1alpha1',
      kind: 'GitSource',
      spec: SPEC,
    });
    expect((await world.run(ADD)).out, 'the same again').toBe('gitsource/shop unchanged\n');
  });

  it('knows everything that a source can say', async () => {
    const signers = world.file(
      'signers',
      '# ours\nann@example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPEHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH\n',
    );
    const ended = await world.run([
      ...ADD,
      ...[
        '--semver',
        '>=1.0.0',
        '--path',
        'deploy',
        '--interval',
        '30s',
        '--fetch-timeout',
        '2m',
        '--secret',
        'team/git',
      ],
      ...['--signer', signers, '--prune', '--max-delete-percent', '10', '--report-drift', '--target-namespace', 'shop'],
      ...[
        '--set',
        'REGION=eu-west-1',
        '--set',
        'EMPTY=',
        '--depends-on',
        'platform',
        '--role-arn',
        'arn:aws:iam::000000000000:role/shop',
      ],
      ...['--external-id', 'id-1', '--dry-run', '-o', 'yaml'],
    ]);
    expect(ended).toMatchObject({ code: 0, err: 'dry run against a test\n' });
    expect(parse(ended.out)).toMatchObject({
      kind: 'GitSource',
      metadata: { name: 'shop' },
      spec: {
        ref: { semver: '>=1.0.0' },
        path: 'deploy',
        interval: '30s',
        timeout: '2m',
        secretRef: 'team/git',
        verify: { signers: [expect.stringMatching(/^ann@example\.com ssh-ed25519 /)] },
        prune: { enabled: true, maxDeletePercent: 10 },
        drift: 'report',
        targetNamespace: 'shop',
        substitute: { REGION: 'eu-west-1', EMPTY: '' },
        dependsOn: ['platform'],
        roleArn: 'arn:aws:iam::000000000000:role/shop',
        externalId: 'id-1',
      },
    });
    expect(await spec(), 'a dry run').toBeUndefined();
  });

  const refusals: { reason: string; args: string[]; code: number; err: string }[] = [
    {
      reason: 'two refs',
      args: [...ADD, '--tag', 'a', '--branch', 'b'],
      code: 1,
      err: 'spec.ref: has branch and tag; keep exactly one of them\nerror: gitsource/shop was not added: one defect\n',
    },
    {
      reason: 'a URL with a password',
      args: ['source', 'add', 'shop', '--url', 'https://a:b@example.com/x'],
      code: 1,
      err: 'put it into a secret and name that under secretRef',
    },
    {
      reason: 'a name that is none',
      args: ['source', 'add', 'Shop', '--url', 'https://example.com/x'],
      code: 1,
      err: "metadata.name: 'Shop' has capital letters; use 'shop'",
    },
    { reason: 'no URL', args: ['source', 'add', 'shop'], code: 2, err: "required option '--url <url>' not specified" },
    {
      reason: 'a variable without a value',
      args: [...ADD, '--set', 'X'],
      code: 2,
      err: "--set: 'X' is not NAME=VALUE",
    },
    {
      reason: 'no such file of keys',
      args: [...ADD, '--signer', 'nowhere'],
      code: 1,
      err: '--signer nowhere: there is no such file',
    },
    {
      reason: 'a percentage that is none',
      args: [...ADD, '--max-delete-percent', '101'],
      code: 2,
      err: 'Use a whole number from 0 to 100.',
    },
  ];
  it.each(refusals)('refuses $reason', async ({ args, code, err }) => {
    const ended = await world.run(args);
    expect(ended.code).toBe(code);
    expect(ended.err).toContain(err);
    expect(await spec()).toBeUndefined();
  });

  it('does not write over a source that says something else, and asks in a protected context', async () => {
    await world.putRecord({ ...KEY, spec: { ...SPEC, suspend: true } });
    expect(await world.run(ADD)).toMatchObject({
      code: 1,
      err: 'error: gitsource/shop exists already and says something else; change it with: lc edit source/shop\n',
    });
    const elsewhere = ['source', 'add', 'blog', '--url', 'https://example.com/x'];
    expect(await world.run(elsewhere, { isProtected: true })).toMatchObject({
      code: 1,
      err: expect.stringContaining('give --yes-to test'),
    });
    expect(await world.run([...elsewhere, '--yes-to', 'test'], { isProtected: true })).toMatchObject({ code: 0 });
    expect(
      (
        await world.run([
          ...elsewhere.slice(0, 2),
          'x',
          '--url',
          'https://example.com/x',
          '--signer',
          join(world.folder, 'none'),
        ])
      ).code,
    ).toBe(1);
  });

  it('--wait stays until the commit is applied, and ends where waiting is in vain', async () => {
    const waiting = world.run([...ADD, '--wait', '--timeout', '1m']);
    await world.state.put(
      KEY,
      'status',
      { observedGeneration: 1, phase: 'Ready', conditions: [conditionAt('Ready', 'True', 'Applied')] },
      0,
      1,
    );
    expect(await waiting).toMatchObject({ code: 0, out: 'gitsource/shop created\ngitsource/shop condition met\n' });
    const stalled = [
      conditionAt('Ready', 'False', 'RefNotFound', 'no branch'),
      conditionAt('Stalled', 'True', 'RefNotFound', 'no branch'),
    ];
    await world.state.put(KEY, 'status', { observedGeneration: 1, phase: 'Stalled', conditions: stalled }, 1, 1);
    expect(await world.run([...ADD, '--wait'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('Stalled, RefNotFound: no branch'),
    });
  });
});

describe('source reconcile', () => {
  it('asks and waits until it is done', async () => {
    await putSource();
    const asked = world.run(['source', 'reconcile', 'shop']);
    const annotation = async () => ((await world.desired.get(KEY))?.item.annotations ?? {}) as Record<string, string>;
    let request: string | undefined;
    while (request === undefined) {
      await new Promise((resolve) => setImmediate(resolve));
      request = (await annotation())['lambdacontainer.dev/reconcile-requested-at'];
    }
    const status = {
      observedGeneration: 1,
      phase: 'Ready',
      conditions: [conditionAt('Ready', 'True', 'Applied', 'fine')],
      lastHandledReconcileAt: request,
    };
    await world.state.put(KEY, 'status', status, 1, 1);
    expect(await asked).toMatchObject({
      code: 0,
      out: 'gitsource/shop asked for\ngitsource/shop reconciled: Ready, Applied: fine\n',
    });
  });

  it('--allow-prune confirms exactly the commit that is held', async () => {
    await putSource();
    const confirm = (commit: string) =>
      world.run(['source', 'reconcile', 'shop', '--no-wait', '--allow-prune', commit]);
    expect(await confirm(COMMIT)).toMatchObject({
      code: 1,
      err: 'error: --allow-prune: gitsource/shop holds no removals\n',
    });
    const conditions = [conditionAt('DeletionHeld', 'True', 'TooManyDeletions')];
    const held = { observedGeneration: 1, phase: 'DeletionHeld', conditions, lastAttemptedCommit: COMMIT };
    await world.state.put(KEY, 'status', held, 1, 1);
    expect(await confirm('0'.repeat(40))).toMatchObject({
      code: 1,
      err: `error: --allow-prune: gitsource/shop holds the removals of commit ${COMMIT}, not of '${'0'.repeat(40)}'\n`,
    });
    expect((await confirm('3')).code, 'too short to be meant').toBe(1);
    expect((await world.desired.get(KEY))?.item.annotations).toBeUndefined();
    expect(await confirm('3f2a9c1d7e')).toMatchObject({ code: 0, out: 'gitsource/shop asked for\n' });
    expect((await world.desired.get(KEY))?.item.annotations).toMatchObject({
      'lambdacontainer.dev/allow-prune': COMMIT,
      'lambdacontainer.dev/reconcile-requested-at': expect.any(String),
    });
    expect(await world.run(['source', 'reconcile', 'shop', 'blog', '--allow-prune', COMMIT])).toMatchObject({
      code: 2,
    });
  });
});

describe('source objects', () => {
  const objects: SourceObject[] = [
    { namespace: 'shop', name: 'a', kind: 'LambdaContainer', result: 'unchanged' },
    { namespace: 'shop', name: 'b', kind: 'LambdaContainer', result: 'failed', message: "belongs to source 'x'" },
    { namespace: '_system', name: 'small', kind: 'LambdaContainerClass', result: 'created' },
  ];

  it('shows what became of each', async () => {
    await putSource({}, objects);
    expect(await world.run(['source', 'objects', 'shop'])).toEqual({
      code: 0,
      err: '',
      out: [
        'NAMESPACE   OBJECT                       RESULT      MESSAGE',
        'shop        lambdacontainer/a            unchanged',
        "shop        lambdacontainer/b            failed      belongs to source 'x'",
        '-           lambdacontainerclass/small   created',
        '',
      ].join('\n'),
    });
    expect(JSON.parse((await world.run(['source', 'objects', 'source/shop', '-o', 'json'])).out)).toEqual(objects);
    expect((await world.run(['source', 'objects', 'shop', '--result', 'failed,created', '-o', 'name'])).out).toBe(
      'lambdacontainer/b\nlambdacontainerclass/small\n',
    );
    expect(parse((await world.run(['source', 'objects', 'shop', '--result', 'held', '-o', 'yaml'])).out)).toEqual([]);
    expect(await world.run(['source', 'objects', 'shop', '--result', 'held'])).toEqual({
      code: 0,
      out: '',
      err: 'No objects\n',
    });
    expect(await world.run(['source', 'objects', 'shop', '--result', 'odd'])).toMatchObject({ code: 2 });
    expect(await world.run(['source', 'objects', 'none'])).toMatchObject({
      code: 1,
      err: 'error: gitsource/none not found\n',
    });
  });
});

describe('the other verbs of source', () => {
  it('are what the verbs of all objects do', async () => {
    await putSource({ lastAppliedCommit: COMMIT });
    expect((await world.run(['source', 'get'])).out).toContain('shop   Ready   True    main   3f2a9c1d7e00');
    expect(JSON.parse((await world.run(['source', 'get', 'shop', '-o', 'json'])).out)).toMatchObject({
      kind: 'GitSource',
      metadata: { name: 'shop' },
    });
    expect((await world.run(['source', 'describe', 'shop'])).out).toContain('all is well');
    expect(await world.run(['source', 'suspend', 'shop'])).toMatchObject({
      code: 0,
      out: 'gitsource/shop suspended\n',
    });
    expect(await spec()).toMatchObject({ suspend: true });
    expect(await world.run(['source', 'resume', 'shop'])).toMatchObject({ code: 0, out: 'gitsource/shop resumed\n' });
    expect(await spec()).toEqual(SPEC);
    expect(await world.run(['source', 'delete', 'none'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('gitsource/none not found'),
    });
    expect(await world.run(['source', 'delete', 'shop'])).toMatchObject({ code: 0, out: 'gitsource/shop deleted\n' });
    expect(await spec()).toBeUndefined();
    expect(await world.run(['source', 'get', 'lc/shop'])).toMatchObject({
      code: 2,
      err: "error: 'lc/shop' is not the name of a source\n",
    });
  });
});
