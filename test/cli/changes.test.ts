/** The verbs that change single things of records, and what all that change something ask first. */
import { rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KEY, putClass, ready, SPEC } from './fixtures.ts';
import { CliWorld, conditionAt, type RunOptions, statusOf } from './world.ts';

const OTHER = { namespace: 'default', name: 'other' };
const PREFIX = 'lambdacontainer.dev/';

let world: CliWorld;

beforeEach(async () => {
  world = await CliWorld.create();
  await putClass(world);
  await world.putRecord({ ...KEY, spec: SPEC, labels: { team: 'shop' } });
  await world.putRecord({ ...OTHER, spec: SPEC });
});

afterEach(() => world.close());

async function item(key: { namespace: string; name: string } = KEY): Promise<Record<string, unknown>> {
  return (await world.desired.get(key))?.item ?? {};
}

/** Somebody else changes the record between the verb's first read and its write. */
function interfered(change: () => Promise<unknown>, times = 1): RunOptions {
  let left = times;
  const putItem = world.ports.dynamodb.putItem;
  const dynamodb = {
    ...world.ports.dynamodb,
    putItem: async (...args: Parameters<typeof putItem>) => {
      if (left-- > 0) await change();
      return putItem(...args);
    },
  };
  return { ports: { ...world.ports, dynamodb } };
}

describe('label and annotate', () => {
  it.each<[string[], string, Record<string, string> | undefined]>([
    [['label', 'hello', 'tier=web', 'team-'], 'labeled', { tier: 'web' }],
    [['label', 'hello', 'team=shop'], 'unchanged', { team: 'shop' }],
    [['label', 'hello', 'team=blog', '--overwrite'], 'labeled', { team: 'blog' }],
    [['label', 'lc', 'hello', 'example.com/a=b-c'], 'labeled', { team: 'shop', 'example.com/a': 'b-c' }],
    [['label', 'lc/hello', 'empty='], 'labeled', { team: 'shop', empty: '' }],
    [['label', 'hello', 'team-'], 'labeled', undefined],
    [['label', 'hello', 'nothing-'], 'unchanged', { team: 'shop' }],
  ])('%j', async (args, done, labels) => {
    expect(await world.run(args)).toEqual({
      code: 0,
      out: `lambdacontainer/hello ${done}\n`,
      err: 'labelling in a test\n',
    });
    expect((await item()).labels).toEqual(labels);
  });

  it('several at once, by labels, and in all namespaces', async () => {
    await world.putRecord({ namespace: 'shop', name: 'cart', spec: SPEC });
    expect((await world.run(['annotate', '--all', '-A', 'example.com/owner=ann'])).out).toBe(
      'lambdacontainer/hello annotated\nlambdacontainer/other annotated\nlambdacontainer/cart annotated\n',
    );
    expect((await world.run(['label', '-l', 'team=shop', 'tier=web'])).out).toBe('lambdacontainer/hello labeled\n');
    expect((await world.run(['label', '-l', 'team=nobody', 'tier=web'])).err).toContain('no objects are meant');
    expect((await world.run(['label', 'class/standard', 'stage=live'])).out).toBe(
      'lambdacontainerclass/standard labeled\n',
    );
  });

  it('--dry-run changes nothing, -o prints the object as it would be', async () => {
    expect((await world.run(['label', 'hello', 'tier=web', '--dry-run'])).out).toBe(
      'lambdacontainer/hello labeled (dry run)\n',
    );
    const { out } = await world.run(['label', 'hello', 'tier=web', '--dry-run', '-o', 'json']);
    expect(JSON.parse(out)).toEqual({
      apiVersion: 'lambdacontainer.dev/v1alpha1',
      kind: 'LambdaContainer',
      metadata: { namespace: 'default', name: 'hello', labels: { team: 'shop', tier: 'web' } },
      spec: SPEC,
    });
    expect((await world.run(['label', 'hello', 'tier=web', '--dry-run', '-o', 'name'])).out).toBe(
      'lambdacontainer/hello\n',
    );
    expect((await item()).labels).toEqual({ team: 'shop' });
  });

  it('what is wrong for one object changes none', async () => {
    const ended = await world.run(['label', 'other', 'hello', 'team=blog']);
    expect(ended).toEqual({
      code: 1,
      out: '',
      err: 'error: lambdacontainer/hello already has the label team=shop; give --overwrite to change it\n',
    });
    expect((await item(OTHER)).labels).toBeUndefined();
    await world.putRecord({ namespace: 'default', name: 'broken', spec: SPEC, statu: 1 });
    expect((await world.run(['label', 'other', 'broken', 'team=blog'])).err).toContain(
      "lambdacontainer/broken has a record that cannot be understood (statu: 'statu' is not a field here",
    );
    await world.putStatus({ namespace: 'default', name: 'going' }, statusOf('Deleting', []));
    expect((await world.run(['label', 'other', 'going', 'team=blog'])).err).toContain(
      'lambdacontainer/going is being deleted',
    );
    expect((await item(OTHER)).labels).toBeUndefined();
  });

  it('those that are not there are told of, the others are changed', async () => {
    expect(await world.run(['label', 'other', 'nobody', 'team=blog'])).toMatchObject({
      code: 1,
      out: 'lambdacontainer/other labeled\n',
      err: "labelling in a test\nerror: lambdacontainer/nobody not found in namespace 'default'\n",
    });
  });

  it('a value may contain what separates it from its key', async () => {
    await world.run(['annotate', 'hello', 'example.com/query=a=b']);
    expect((await item()).annotations).toEqual({ 'example.com/query': 'a=b' });
    expect((await world.run(['label', 'hello', 'query=a=b'])).err).toContain("'a=b' is not a value for a label");
  });

  it('our own annotations are judged', async () => {
    expect((await world.run(['annotate', 'hello', `${PREFIX}protected=yes`])).err).toContain(
      'annotations["lambdacontainer.dev/protected"]: \'yes\' means nothing here',
    );
    expect((await world.run(['annotate', 'hello', `${PREFIX}protectd=true`])).err).toContain('is not an annotation');
    expect((await world.run(['annotate', 'hello', `${PREFIX}protected=true`])).code).toBe(0);
  });

  it.each<[string[], string]>([
    [['label', 'hello'], 'give at least one label: key=value sets it, key- removes it'],
    [['annotate', 'hello', 'a'], 'give at least one annotation'],
    [['label', 'a=b'], 'name the objects to label, or give --all or -l'],
    [['label', 'hello', 'a=b', 'other'], "'other' stands behind a label and is none"],
    [['label', 'hello', 'a b=c'], "'a b' is not the name of a label"],
    [['label', 'hello', 'a=b', 'a-'], "the label 'a' is given twice"],
    [['label', 'hello', '--all', 'a=b'], '--all lists; it does not go with names'],
    [['label', 'hello', '-l', 'x', 'a=b'], '-l lists; it does not go with names'],
    [['label', 'hello', '-A', 'a=b'], '-A lists; it does not go with names'],
    [['label', '--all', '-A', '-n', 'shop', 'a=b'], '-A means all namespaces and -n one of them'],
    [['label', 'pod/x', 'a=b'], "'pod' is not a kind"],
  ])('%j is a usage error', async (args, message) => {
    expect(await world.run(args)).toMatchObject({ code: 2, out: '', err: expect.stringContaining(message) });
    expect((await item()).labels).toEqual({ team: 'shop' });
  });
});

describe('somebody else writes at the same moment', () => {
  it('the change is made anew on what they wrote', async () => {
    const theirs = () =>
      world.putRecord({ ...KEY, spec: { ...SPEC, suspend: true }, labels: { team: 'shop', theirs: 'x' } });
    expect((await world.run(['label', 'hello', 'tier=web'], interfered(theirs))).code).toBe(0);
    expect(await item()).toMatchObject({
      spec: { ...SPEC, suspend: true },
      labels: { team: 'shop', theirs: 'x', tier: 'web' },
    });
  });

  it('what they made impossible is refused', async () => {
    const theirs = () => world.putRecord({ ...KEY, spec: SPEC, labels: { tier: 'theirs' } });
    expect(await world.run(['label', 'hello', 'tier=web'], interfered(theirs))).toMatchObject({
      code: 1,
      err: expect.stringContaining('already has the label tier=theirs'),
    });
  });

  it('a record that they removed stays removed', async () => {
    expect(
      await world.run(
        ['label', 'hello', 'tier=web'],
        interfered(() => world.desired.delete(KEY)),
      ),
    ).toMatchObject({
      code: 1,
      err: expect.stringContaining("lambdacontainer/hello was deleted meanwhile in namespace 'default'"),
    });
    expect(await world.desired.get(KEY)).toBeUndefined();
  });

  it('who writes without end is told of', async () => {
    let count = 0;
    const theirs = () => world.putRecord({ ...KEY, spec: SPEC, labels: { count: String(count++) } });
    expect(await world.run(['label', 'hello', 'tier=web'], interfered(theirs, 99))).toMatchObject({
      code: 1,
      err: expect.stringContaining('the record default/hello was changed by somebody else since it was read'),
    });
    expect(count).toBe(5);
  });
});

describe('suspend and resume', () => {
  it('set and take away one field', async () => {
    expect((await world.run(['suspend', 'hello'])).out).toBe('lambdacontainer/hello suspended\n');
    expect((await item()).spec).toEqual({ ...SPEC, suspend: true });
    expect((await world.run(['suspend', 'hello'])).out).toBe('lambdacontainer/hello unchanged\n');
    expect((await world.run(['rollout', 'resume', 'hello'])).out).toBe('lambdacontainer/hello resumed\n');
    expect((await item()).spec).toEqual(SPEC);
    expect((await world.run(['rollout', 'pause', '--all'])).out).toBe(
      'lambdacontainer/hello suspended\nlambdacontainer/other suspended\n',
    );
    expect((await world.run(['resume', '--all', '--dry-run'])).out).toContain('resumed (dry run)');
    expect((await item()).spec).toEqual({ ...SPEC, suspend: true });
  });

  it('a source too, a class not', async () => {
    const key = { namespace: '_system', name: 'source/shop' };
    await world.putRecord({ ...key, spec: { url: 'https://git.example.com/shop', ref: { branch: 'main' } } });
    expect((await world.run(['suspend', 'source/shop'])).out).toBe('gitsource/shop suspended\n');
    expect((await item(key)).spec).toMatchObject({ suspend: true });
    expect(await world.run(['suspend', 'class/standard'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('lambdacontainerclass/standard cannot be suspended'),
    });
    await world.putRecord({ ...OTHER, spec: 'text' });
    expect((await world.run(['suspend', 'other'])).err).toContain('has a spec that is not an object');
  });
});

describe('reconcile', () => {
  /** A controller that does what is asked for, after some time. */
  function controller(afterMs: number, key = KEY): void {
    world.clock.after(afterMs, async () => {
      const { annotations } = (await item(key)) as { annotations?: Record<string, string> };
      await ready(world, key, SPEC, { lastHandledReconcileAt: annotations?.[`${PREFIX}reconcile-requested-at`] });
    });
  }

  it('asks, and waits until the pass is done', async () => {
    await ready(world);
    controller(7_000);
    const before = world.clock.now();
    expect(await world.run(['reconcile', 'hello'])).toEqual({
      code: 0,
      out: 'lambdacontainer/hello asked for\nlambdacontainer/hello reconciled: Ready, Ready\n',
      err: 'reconciling in a test\n',
    });
    expect(world.clock.now() - before).toBeGreaterThanOrEqual(7_000);
    expect((await item()).annotations).toEqual({ [`${PREFIX}reconcile-requested-at`]: new Date(before).toISOString() });
  });

  it('a request of the same millisecond is another one', async () => {
    const same = new Date(world.clock.now()).toISOString();
    await world.putRecord({ ...KEY, spec: SPEC, annotations: { [`${PREFIX}reconcile-requested-at`]: same } });
    await world.run(['reconcile', 'hello', '--no-wait']);
    expect((await item()).annotations).not.toEqual({ [`${PREFIX}reconcile-requested-at`]: same });
  });

  it('whoever asked once more since answers us too', async () => {
    await ready(world);
    world.clock.after(2_000, async () => {
      await world.putRecord({ ...KEY, spec: SPEC, annotations: { [`${PREFIX}reconcile-requested-at`]: 'now' } });
      await ready(world, KEY, SPEC, { lastHandledReconcileAt: 'now' });
    });
    expect((await world.run(['reconcile', 'hello'])).code).toBe(0);
  });

  it('--no-wait only asks', async () => {
    expect((await world.run(['reconcile', '--all', '--no-wait'])).out).toBe(
      'lambdacontainer/hello asked for\nlambdacontainer/other asked for\n',
    );
  });

  it.each<[string, () => Promise<unknown>, string]>([
    ['no controller runs', async () => undefined, 'not reconciled within 10.0s: the controller has not seen it yet'],
    ['the pass does not end', () => ready(world), 'not reconciled within 10.0s: the pass is not done'],
  ])('ends when the time is over: %s', async (_, prepare, message) => {
    await prepare();
    expect(await world.run(['reconcile', 'hello', '--timeout', '10s'])).toMatchObject({
      code: 1,
      err: expect.stringContaining(message),
    });
  });

  it('ends when the object is deleted meanwhile', async () => {
    await ready(world);
    world.clock.after(2_000, () => void world.desired.delete(KEY));
    expect((await world.run(['reconcile', 'hello'])).err).toContain('lambdacontainer/hello was deleted meanwhile');
  });

  it.each<[string, string[], string]>([
    ['a class', ['class/standard'], 'lambdacontainerclass/standard is not reconciled; reconcile its objects'],
    ['a suspended object', ['hello'], 'lambdacontainer/hello is suspended; resume it first'],
    ['nothing', [], 'name the objects to reconcile, or give --all or -l'],
    ['a wrong time', ['other', '--timeout', 'x'], "--timeout: 'x' is not a duration"],
  ])('refuses %s', async (_, args, message) => {
    await world.run(['suspend', 'hello']);
    const ended = await world.run(['reconcile', ...args]);
    expect(ended.code).toBeGreaterThan(0);
    expect(ended.err).toContain(message);
  });
});

describe('restart and rollout', () => {
  it('restart marks the record and asks for a pass', async () => {
    const at = new Date(world.clock.now()).toISOString();
    expect((await world.run(['restart', 'hello'])).out).toBe('lambdacontainer/hello restarted\n');
    expect((await item()).annotations).toEqual({
      [`${PREFIX}restarted-at`]: at,
      [`${PREFIX}reconcile-requested-at`]: at,
    });
    expect((await world.run(['rollout', 'restart', 'class/standard'])).err).toContain('has no tasks to restart');
    await world.run(['suspend', 'other']);
    expect(await world.run(['restart', 'other'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('is suspended'),
    });
  });

  it('what was Ready before the restart does not count', async () => {
    await ready(world);
    await world.run(['restart', 'hello']);
    const asked = ((await item()).annotations as Record<string, string>)[`${PREFIX}reconcile-requested-at`];
    expect((await world.run(['wait', 'hello', '--for=condition=Ready', '--timeout', '2s'])).err).toContain(
      'the controller has not done what was asked for last',
    );
    const rolling = [conditionAt('Ready', 'False', 'RolloutInProgress', '1 of 2 tasks')];
    world.clock.after(
      3_000,
      () => void ready(world, KEY, SPEC, { conditions: rolling, phase: 'Reconciling', lastHandledReconcileAt: asked }),
    );
    world.clock.after(9_000, () => void ready(world, KEY, SPEC, { lastHandledReconcileAt: asked }));
    expect(await world.run(['rollout', 'status', 'hello'])).toEqual({
      code: 0,
      out:
        'Waiting for lambdacontainer/hello: the controller has not done what was asked for last\n' +
        'Waiting for lambdacontainer/hello: Pending, RolloutInProgress: 1 of 2 tasks\n' +
        'lambdacontainer/hello successfully rolled out\n',
      err: '',
    });
  });

  it('restart --wait stays until the new tasks serve, and ends when they cannot', async () => {
    const answer = (more: object) => async () => {
      const asked = ((await item()).annotations as Record<string, string>)[`${PREFIX}reconcile-requested-at`];
      await ready(world, KEY, SPEC, { lastHandledReconcileAt: asked, ...more });
    };
    await ready(world);
    world.clock.after(5_000, () => void answer({})());
    expect((await world.run(['restart', 'hello', '--wait'])).out).toBe(
      'lambdacontainer/hello restarted\nlambdacontainer/hello condition met\n',
    );
    const stalled = [
      conditionAt('Ready', 'False', 'DeploymentFailed'),
      conditionAt('Stalled', 'True', 'DeploymentFailed', 'tasks end by themselves'),
    ];
    world.clock.after(5_000, () => void answer({ conditions: stalled })());
    expect(await world.run(['restart', 'hello', '--wait'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('Stalled, DeploymentFailed: tasks end by themselves'),
    });
  });

  it('rollout status: --no-watch says how it stands, a stall and a late end are errors', async () => {
    expect(await world.run(['rollout', 'status', 'hello', '--no-watch'])).toEqual({
      code: 0,
      out: 'Waiting for lambdacontainer/hello: the controller has not seen it yet\n',
      err: '',
    });
    expect(await world.run(['rollout', 'status', 'hello', '--timeout', '3s'])).toMatchObject({
      code: 1,
      err: 'error: lambdacontainer/hello: not rolled out within 3.0s: the controller has not seen it yet\n',
    });
    const conditions = [
      conditionAt('Ready', 'False', 'NotFound'),
      conditionAt('Stalled', 'True', 'NotFound', 'no such function'),
    ];
    await ready(world, KEY, SPEC, { conditions });
    expect(await world.run(['rollout', 'status', 'hello'])).toMatchObject({
      code: 1,
      err: 'error: lambdacontainer/hello: Stalled, NotFound: no such function\n',
    });
    expect(await world.run(['rollout', 'status', 'nobody'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('not found'),
    });
    expect(await world.run(['rollout', 'status', 'class/standard'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('has no rollout'),
    });
    expect(await world.run(['rollout', 'status'])).toMatchObject({ code: 2 });
  });

  it('rollout history shows the revisions that are kept', async () => {
    await ready(world);
    const at = new Date(world.clock.now() - 90_000).toISOString();
    for (const number of [1, 2]) {
      const revision = {
        number,
        image: `sha256:${number}`,
        functionVersion: String(30 + number),
        codeSha256: 'c',
        taskDefinition: `arn:aws:ecs:eu-west-1:1:task-definition/hello:${number}`,
        reachable: [],
        at,
      };
      await world.state.put(KEY, `revision#0000000${number}`, revision, 0, 1);
    }
    const { out } = await world.run(['rollout', 'history', 'hello']);
    expect(out.split('\n').map((line) => line.trim().replaceAll(/ {2,}/g, ' | '))).toEqual([
      'lambdacontainer/hello',
      'REVISION | AGE | FUNCTION | IMAGE | TASK DEFINITION',
      '1 | 1m30s | 31 | sha256:1 | hello:1',
      '2 (current) | 1m30s | 32 | sha256:2 | hello:2',
      '',
    ]);
    expect(JSON.parse((await world.run(['rollout', 'history', 'hello', '--revision', '1', '-o', 'json'])).out)).toEqual(
      {
        namespace: 'default',
        name: 'hello',
        revisions: [
          {
            number: 1,
            isCurrent: false,
            at,
            image: 'sha256:1',
            functionVersion: '31',
            codeSha256: 'c',
            taskDefinition: 'arn:aws:ecs:eu-west-1:1:task-definition/hello:1',
          },
        ],
      },
    );
    expect(await world.run(['rollout', 'history', 'hello', '--revision', '9'])).toMatchObject({
      code: 1,
      err: 'error: lambdacontainer/hello has no revision 9; kept are: 1, 2\n',
    });
    expect((await world.run(['rollout', 'history', 'other'])).out).toContain('no revision was deployed yet');
  });
});

describe('a record that a source owns', () => {
  const owned = { ...KEY, spec: SPEC, annotations: { [`${PREFIX}source`]: 'shop' } };

  it('is changed with a warning', async () => {
    await world.putRecord(owned);
    const warning =
      'warning: lambdacontainer/hello is applied by source/shop, which puts back whatever its manifest says';
    expect((await world.run(['suspend', 'hello'])).err).toContain(warning);
    expect((await world.run(['label', 'hello', 'a=b'])).err).toContain(warning);
    expect((await world.run(['restart', 'other', '--dry-run'])).err).not.toContain('warning');
  });

  it('without one where the source was told to leave it', async () => {
    await world.putRecord({
      ...owned,
      annotations: { ...owned.annotations, [`${PREFIX}source-reconcile`]: 'disabled' },
    });
    expect((await world.run(['suspend', 'hello'])).err).toBe('suspending in a test\n');
  });
});

describe('protected contexts', () => {
  const isProtected = true;

  it('want the name typed', async () => {
    const ended = await world.run(['suspend', 'hello'], { isProtected, answers: ['test'] });
    expect(ended).toMatchObject({
      code: 0,
      err: "suspending in a test\nContext 'test' is protected. Type its name to go on: ",
    });
    for (const answers of [['yes'], ['']]) {
      expect(await world.run(['resume', 'hello'], { isProtected, answers })).toMatchObject({
        code: 1,
        out: '',
        err: expect.stringContaining('the name was not typed; nothing was changed'),
      });
    }
    expect(await world.run(['resume', 'hello'], { isProtected, answers: [] })).toMatchObject({ code: 1 });
    expect((await item()).spec).toMatchObject({ suspend: true });
  });

  it('want --yes-to where nobody can be asked', async () => {
    expect(await world.run(['suspend', 'hello'], { isProtected })).toMatchObject({
      code: 1,
      err: expect.stringContaining(
        "context 'test' is protected and there is no terminal to ask on; give --yes-to test to change it",
      ),
    });
    expect((await item()).spec).toEqual(SPEC);
    expect((await world.run(['suspend', 'hello', '--yes-to', 'test'], { isProtected })).code).toBe(0);
  });

  it('a wrong name is refused also where none was needed', async () => {
    expect(await world.run(['suspend', 'hello', '--yes-to', 'prod'])).toMatchObject({
      code: 1,
      err: expect.stringContaining("--yes-to: this is context 'test', not 'prod'; nothing was changed"),
    });
    expect((await item()).spec).toEqual(SPEC);
  });

  it('ask nothing for a dry run', async () => {
    expect(await world.run(['suspend', 'hello', '--dry-run'], { isProtected })).toMatchObject({
      code: 0,
      err: 'dry run against a test\n',
    });
  });

  it('--all needs the namespace said', async () => {
    const said = { isProtected, answers: ['test'] };
    expect(await world.run(['suspend', '--all'], said)).toMatchObject({
      code: 2,
      err: expect.stringContaining("--all in the protected context 'test' needs -n"),
    });
    expect(await world.run(['suspend', '--all', '-A'], said)).toMatchObject({ code: 2 });
    expect(await world.run(['suspend', '--all', '-n', 'default'], said)).toMatchObject({ code: 0 });
    expect((await world.run(['wait', '--all', '--for=condition=Ready', '--timeout', '1s'], { isProtected })).code).toBe(
      1,
    );
  });

  it.each([
    ['apply', '-f', '-'],
    ['delete', 'hello'],
    ['label', 'hello', 'a=b'],
    ['annotate', 'hello', 'a=b'],
    ['edit', 'hello'],
    ['resume', 'hello'],
    ['restart', 'hello'],
    ['reconcile', 'hello'],
    ['rollout', 'pause', 'hello'],
    ['bootstrap', '--tables'],
  ])('%s %s', async (...args) => {
    const stdin =
      'apiVersion: lambdacontainer.dev/v1alpha1\nkind: LambdaContainer\nmetadata: {name: new}\nspec: {source: {functionRef: {name: f}}}\n';
    let kept = '';
    const ended = await world.run(args, {
      isProtected,
      stdin,
      env: { EDITOR: 'changer' },
      handOver: (_, [, , , file]) => {
        kept = file ?? '';
        writeFileSync(kept, stdin.replace('new', 'hello'));
        return { status: 0, signal: null };
      },
    });
    if (kept !== '') rmSync(dirname(kept), { recursive: true });
    expect(ended).toMatchObject({ code: 1, out: '', err: expect.stringContaining("context 'test' is protected") });
  });
});

describe('the account of a context', () => {
  it('is made sure of before a change, by one call', async () => {
    expect((await world.run(['suspend', 'hello'], { account: '000000000000' })).code).toBe(0);
    expect(await world.run(['resume', 'hello'], { account: '111122223333' })).toMatchObject({
      code: 1,
      err: expect.stringContaining(
        "context 'test' is for account 111122223333, but the credentials belong to 000000000000; nothing was changed",
      ),
    });
    expect((await item()).spec).toMatchObject({ suspend: true });
  });
});
