/** `apply` beside what verbs and other people write; waiting for fields; events by type. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { KEY, putClass, ready, SPEC } from './fixtures.ts';
import { CliWorld, type RunOptions, statusOf } from './world.ts';

const MANIFEST = `apiVersion: lambdacontainer.dev/v1alpha1
kind: LambdaContainer
metadata: { name: hello, labels: { team: shop } }
spec: { source: { functionRef: { name: hello } } }
`;
const PREFIX = 'lambdacontainer.dev/';

let world: CliWorld;

beforeEach(async () => {
  world = await CliWorld.create();
  await putClass(world);
});

afterEach(() => world.close());

function apply(stdin: string, args: string[] = [], options: RunOptions = {}) {
  return world.run(['apply', '-f', '-', ...args], { stdin, ...options });
}

async function annotations(): Promise<unknown> {
  return (await world.desired.get(KEY))?.item.annotations;
}

describe('marks that verbs have left', () => {
  it('stay, unless the manifest names them: applying again is no rolling deployment', async () => {
    await apply(MANIFEST);
    await world.run(['restart', 'hello']);
    await world.run(['annotate', 'hello', `${PREFIX}protected=true`, 'example.com/owner=ann']);
    const marked = (await annotations()) as Record<string, string>;
    expect((await apply(MANIFEST)).out).toBe('lambdacontainer/hello configured\n');
    const { 'example.com/owner': _, ...kept } = marked;
    expect(await annotations()).toEqual(kept);
    expect((await apply(MANIFEST)).out).toBe('lambdacontainer/hello unchanged\n');
    await apply(MANIFEST.replace('labels:', `annotations: { ${PREFIX}protected: "false" }, labels:`));
    expect(await annotations()).toMatchObject({ [`${PREFIX}protected`]: 'false' });
  });

  it('but who applies an object does not want it orphaned', async () => {
    await world.putRecord({
      ...KEY,
      spec: SPEC,
      labels: { team: 'shop' },
      annotations: { [`${PREFIX}cascade`]: 'orphan' },
    });
    expect((await apply(MANIFEST)).out).toBe('lambdacontainer/hello configured\n');
    expect(await annotations()).toBeUndefined();
  });

  it('a source’s object is changed with a warning', async () => {
    await world.putRecord({ ...KEY, spec: { ...SPEC, suspend: true }, annotations: { [`${PREFIX}source`]: 'shop' } });
    expect((await apply(MANIFEST)).err).toContain('warning: lambdacontainer/hello is applied by source/shop');
    expect((await apply(MANIFEST)).err).not.toContain('warning');
    expect(await annotations()).toEqual({ [`${PREFIX}source`]: 'shop' });
  });
});

describe('somebody else writes at the same moment', () => {
  it('their record is not overwritten, the others are applied', async () => {
    await world.putRecord({ ...KEY, spec: SPEC });
    const putItem = world.ports.dynamodb.putItem;
    let isFirst = true;
    const ports = {
      ...world.ports,
      dynamodb: {
        ...world.ports.dynamodb,
        putItem: async (...args: Parameters<typeof putItem>) => {
          if (isFirst) {
            isFirst = false;
            await world.putRecord({ ...KEY, spec: { ...SPEC, suspend: true } });
          }
          return putItem(...args);
        },
      },
    };
    const ended = await apply(`${MANIFEST}---\n${MANIFEST.replace('name: hello,', 'name: two,')}`, [], { ports });
    expect(ended).toMatchObject({ code: 1, out: 'lambdacontainer/two created\n' });
    expect(ended.err).toContain('error: lambdacontainer/hello was changed by somebody else at this moment');
    expect((await world.desired.get(KEY))?.item.spec).toEqual({ ...SPEC, suspend: true });
  });
});

describe('output and context', () => {
  it('-o prints the objects as they are then', async () => {
    expect((await apply(MANIFEST, ['-o', 'name'])).out).toBe('lambdacontainer/hello\n');
    expect(JSON.parse((await apply(MANIFEST, ['-o', 'json'])).out)).toEqual({
      apiVersion: 'lambdacontainer.dev/v1alpha1',
      kind: 'LambdaContainer',
      metadata: { namespace: 'default', name: 'hello', labels: { team: 'shop' } },
      spec: SPEC,
    });
    const two = `${MANIFEST}---\n${MANIFEST.replace('name: hello,', 'name: two,')}`;
    const { out } = await apply(two, ['-o', 'yaml', '--dry-run']);
    expect(parseAllDocuments(out).map((document) => document.toJS().metadata.name)).toEqual(['hello', 'two']);
  });

  it('the context’s namespace is for objects that name none', async () => {
    await apply(MANIFEST, [], { defaultNamespace: 'shop' });
    expect(await world.desired.get({ namespace: 'shop', name: 'hello' })).toBeDefined();
    const elsewhere = MANIFEST.replace('name: hello,', 'name: hello, namespace: blog,');
    expect((await apply(elsewhere, [], { defaultNamespace: 'shop' })).code).toBe(0);
    expect(await world.desired.get({ namespace: 'blog', name: 'hello' })).toBeDefined();
  });

  it('classes first, sources last', async () => {
    const source = `apiVersion: lambdacontainer.dev/v1alpha1\nkind: GitSource\nmetadata: { name: shop }\nspec: { url: "https://git.example.com/shop", ref: { branch: main } }\n`;
    expect((await apply(`${source}---\n${MANIFEST}`)).out).toBe(
      'lambdacontainer/hello created\ngitsource/shop created\n',
    );
  });
});

describe('wait', () => {
  beforeEach(async () => {
    await world.putRecord({ ...KEY, spec: SPEC, labels: { team: 'shop' } });
    await world.putRecord({ namespace: 'default', name: 'other', spec: SPEC });
  });

  it('for a field to have a value, or any', async () => {
    world.clock.after(4_000, () => void ready(world));
    const args = ['wait', 'hello', '--timeout', '10s'];
    expect(await world.run([...args, '--for=jsonpath={.status.phase}=Ready'])).toMatchObject({
      code: 0,
      out: 'lambdacontainer/hello condition met\n',
    });
    expect((await world.run([...args, '--for=jsonpath={.status.url}'])).code).toBe(0);
    expect((await world.run([...args, '--for=jsonpath=.status.placement.serving.fargate=75'])).code).toBe(0);
    expect(await world.run([...args, '--for=jsonpath={.status.phase}=Stalled'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('not reached within 10.0s: the field is Ready'),
    });
    expect(
      (await world.run(['wait', 'other', '--timeout', '1s', '--for=jsonpath={.status.phase}=Ready'])).err,
    ).toContain('the field has no value');
    expect((await world.run(['wait', 'nobody', '--for=jsonpath={.status.phase}=Ready'])).err).toContain(
      'does not exist',
    );
    expect(await world.run([...args, '--for=jsonpath={.a'])).toMatchObject({ code: 2 });
  });

  it('for several, by labels and in all namespaces', async () => {
    await ready(world);
    await ready(world, { namespace: 'default', name: 'other' });
    expect((await world.run(['wait', 'hello', 'other', '--for=condition=Ready'])).out.split('\n')).toHaveLength(3);
    expect((await world.run(['wait', '-l', 'team=shop', '-A', '--for=condition=Ready'])).out).toBe(
      'lambdacontainer/hello condition met\n',
    );
    expect(await world.run(['wait', '-l', 'team=nobody', '--for=condition=Ready'])).toMatchObject({
      code: 1,
      err: 'error: there is nothing to wait for\n',
    });
    expect(await world.run(['wait', 'class/standard', '--for=condition=Ready'])).toMatchObject({ code: 2 });
  });

  it('a source’s condition, once its request is done', async () => {
    const source = { namespace: '_system', name: 'source/shop' };
    await world.putRecord({
      ...source,
      spec: { url: 'https://git.example.com/shop', ref: { branch: 'main' } },
      annotations: { [`${PREFIX}reconcile-requested-at`]: 'b' },
    });
    const conditions = [
      {
        type: 'Ready',
        status: 'True',
        reason: 'Applied',
        message: '',
        lastTransitionTime: '2026-01-01T00:00:00.000Z',
        observedGeneration: 1,
      },
    ] as const;
    await world.state.put(source, 'status', { ...statusOf('Ready', conditions), lastHandledReconcileAt: 'a' }, 0, 1);
    expect((await world.run(['wait', 'source/shop', '--for=condition=Ready', '--timeout', '1s'])).code).toBe(1);
    await world.state.put(source, 'status', { ...statusOf('Ready', conditions), lastHandledReconcileAt: 'b' }, 1, 1);
    expect((await world.run(['wait', 'source/shop', '--for=condition=Ready'])).out).toBe(
      'gitsource/shop condition met\n',
    );
  });
});

describe('events and decisions', () => {
  beforeEach(async () => {
    await world.putRecord({ ...KEY, spec: SPEC });
    await world.putEvents(
      KEY,
      { type: 'Normal', reason: 'Ready', message: 'serving' },
      { type: 'Warning', reason: 'WeightDrift', message: 'found' },
    );
  });

  it('--for names one object, --types chooses', async () => {
    expect((await world.run(['events', '--for', 'lc/hello', '--types', 'warning'])).out).toBe(
      'AGE   TYPE      REASON        MESSAGE\n0s    Warning   WeightDrift   found\n',
    );
    expect((await world.run(['events', '--types', 'Normal,Warning'])).out.split('\n')).toHaveLength(4);
    expect(await world.run(['events', '--types', 'Error'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('Use Normal, Warning, or both with a comma between.'),
    });
    expect(await world.run(['events', 'class/standard'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('a class has no events'),
    });
    expect(await world.run(['events', 'hello', '-A'])).toMatchObject({ code: 2 });
    expect((await world.run(['events', 'source/nobody'])).err).toBe('error: gitsource/nobody not found\n');
  });

  it('describe shows the newest decisions', async () => {
    const decision = (number: number) => ({
      number,
      at: new Date(world.clock.now()).toISOString(),
      generation: 2,
      saw: ['ecs-service: pending RolloutInProgress'],
      decided: [`update rule-weights: WeightDrift ${number}`],
      did: ['done'],
      tookMs: 120,
    });
    for (const number of [1, 2, 3, 4]) await world.putDecision(KEY, decision(number));
    const { out } = await world.run(['describe', 'hello', '--decisions', '2', '--events', '0']);
    expect(out).toContain(
      'Decisions:\n  #3, 0s ago, generation 2, took 120ms\n    saw       ecs-service: pending RolloutInProgress\n    decided   update rule-weights: WeightDrift 3\n    did       done\n  #4,',
    );
    expect(out).not.toContain('#2');
    expect(out).not.toContain('Events:');
    expect((await world.run(['describe', 'hello', '--decisions', '0'])).out).not.toContain('Decisions:');
  });

  it('describe tells class, function and the source that applied it', async () => {
    await world.putRecord({
      ...KEY,
      spec: { ...SPEC, className: 'big' },
      annotations: { [`${PREFIX}source`]: 'shop' },
    });
    const out = (await world.run(['describe', 'hello'])).out.replaceAll(/ +/g, ' ');
    expect(out).toContain('Class: big\nFunction: hello\n');
    expect(out).toContain('Applied by: source/shop\n');
    expect((await world.run(['describe', '-l', 'nobody'])).err).toBe('error: no LambdaContainer to describe\n');
    expect(await world.run(['describe', 'hello', '-A'])).toMatchObject({ code: 2 });
    expect((await world.run(['describe', 'class/standard'])).out).toContain('Kind:   LambdaContainerClass');
  });
});
