/** The verbs, as a person uses them. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parseManifests, specHash, validateClass, validateLambdaContainer } from '../../src/api/index.ts';
import { CLASS_SPEC } from '../api/fixtures.ts';
import { CliWorld, conditionAt, statusOf } from './world.ts';

const HELLO = `apiVersion: lambdacontainer.dev/v1alpha1
kind: LambdaContainer
metadata:
  name: hello
  labels: { team: shop }
spec:
  source:
    functionRef: { name: hello }
`;
const KEY = { namespace: 'default', name: 'hello' };
const SPEC = { source: { functionRef: { name: 'hello' } } };

let world: CliWorld;

beforeEach(async () => {
  world = await CliWorld.create();
});

afterEach(() => world.close());

async function withClass(): Promise<void> {
  await world.putRecord({ namespace: '_system', name: 'class/standard', spec: CLASS_SPEC });
}

/** The hash that the controller would remember for a spec. */
function hashOf(spec: unknown): string {
  const { spec: defaulted } = validateLambdaContainer(spec, validateClass(CLASS_SPEC).spec);
  return defaulted ? specHash(defaulted) : 'invalid';
}

async function ready(spec: unknown = SPEC): Promise<void> {
  await world.putStatus(
    KEY,
    {
      ...statusOf('Ready', [conditionAt('Ready', 'True', 'Ready'), conditionAt('Stalled', 'False', 'Ready')]),
      url: 'http://127.0.0.1:8080/hello',
      placement: { serving: { lambda: 25, fargate: 75 }, reason: 'as asked' },
      revision: { current: 2, previous: 1, image: 'sha256:abc' },
    },
    hashOf(spec),
  );
}

describe('apply', () => {
  it('creates, leaves alone, configures', async () => {
    await withClass();
    const file = world.file('hello.yaml', HELLO);
    expect(await world.run(['apply', '-f', file])).toEqual({
      code: 0,
      out: 'lambdacontainer/hello created\n',
      err: 'applying to a test\n',
    });
    expect((await world.run(['apply', '-f', file])).out).toBe('lambdacontainer/hello unchanged\n');
    const changed = world.file('hello.yaml', `${HELLO}  suspend: true\n`);
    expect((await world.run(['apply', '-f', changed])).out).toBe('lambdacontainer/hello configured\n');
    expect((await world.desired.get(KEY))?.item).toEqual({
      namespace: 'default',
      name: 'hello',
      apiVersion: 'lambdacontainer.dev/v1alpha1',
      kind: 'LambdaContainer',
      labels: { team: 'shop' },
      spec: { ...SPEC, suspend: true },
    });
  });

  it('a bare record that says the same is unchanged', async () => {
    await withClass();
    await world.putRecord({ ...KEY, labels: { team: 'shop' }, spec: SPEC });
    expect((await world.run(['apply', '-f', '-'], { stdin: HELLO })).out).toBe('lambdacontainer/hello unchanged\n');
  });

  it('writes nothing when anything is wrong, and says all of it with its place', async () => {
    const good = world.file('a.yaml', HELLO);
    const bad = world.file(
      'b.yaml',
      `${HELLO.replace('name: hello\n', 'name: Other\n')}---\n${HELLO.replace('name: hello\n', 'name: third\n')}  compute: { cpu: 300 }\n  sorce: {}\n`,
    );
    const ended = await world.run(['apply', '-f', good, '-f', bad]);
    expect(ended.code).toBe(1);
    expect(ended.err.split('\n')).toEqual([
      `${bad}:4:3: metadata.name: 'Other' has capital letters; use 'other'`,
      `${bad}:18:14: spec.compute.cpu: 300 is not a Fargate size; use 256, 512, 1024, 2048, 4096, 8192, 16384, 32768`,
      `${bad}:19:3: spec.sorce: 'sorce' is not a field here; did you mean 'source'?`,
      'error: nothing was applied: 3 defects in 2 files',
      '',
    ]);
    expect(await world.desired.get(KEY)).toBeUndefined();
  });

  it('judges by the class of the table, and by one that is applied with it', async () => {
    await world.putRecord({
      namespace: '_system',
      name: 'class/standard',
      spec: { ...CLASS_SPEC, caps: { maxTasks: 2 } },
    });
    const big = `${HELLO}  scaling: { max: 9 }\n`;
    expect((await world.run(['apply', '-f', '-'], { stdin: big })).err).toContain(
      "(standard input):9:14: spec.scaling.max: 9 tasks is more than 2, the cap of class 'standard'",
    );
    const wider = `apiVersion: lambdacontainer.dev/v1alpha1\nkind: LambdaContainerClass\nmetadata: { name: standard }\nspec: ${JSON.stringify({ ...CLASS_SPEC, caps: { maxTasks: 9 } })}\n`;
    expect(await world.run(['apply', '-f', '-'], { stdin: `${big}---\n${wider}` })).toMatchObject({
      code: 0,
      out: 'lambdacontainerclass/standard configured\nlambdacontainer/hello created\n',
    });
  });

  it('warns of a class that nobody has', async () => {
    const ended = await world.run(['apply', '-f', '-'], { stdin: HELLO });
    expect(ended.code).toBe(0);
    expect(ended.err).toContain("warning: class 'standard' does not exist; its objects wait until it does");
  });

  it('--dry-run says and does nothing', async () => {
    await withClass();
    expect((await world.run(['apply', '--dry-run', '-f', '-'], { stdin: HELLO })).out).toBe(
      'lambdacontainer/hello created (dry run)\n',
    );
    expect(await world.desired.get(KEY)).toBeUndefined();
  });

  it('-n is for objects that name no namespace, and refuses others', async () => {
    await withClass();
    expect((await world.run(['apply', '-n', 'shop', '-f', '-'], { stdin: HELLO })).code).toBe(0);
    expect(await world.desired.get({ namespace: 'shop', name: 'hello' })).toBeDefined();
    const elsewhere = HELLO.replace('name: hello\n', 'name: hello\n  namespace: blog\n');
    expect((await world.run(['apply', '-n', 'shop', '-f', '-'], { stdin: elsewhere })).err).toContain(
      "(standard input):5:3: metadata.namespace: 'blog' is not the namespace given with -n, which is 'shop'",
    );
  });

  it('reads folders, and refuses twins, empty folders, missing files and sources without a URL', async () => {
    await withClass();
    mkdirSync(join(world.folder, 'deep/er'), { recursive: true });
    world.file('deep/a.yaml', HELLO);
    world.file('deep/notes.txt', 'not a manifest');
    world.file('deep/er/b.json', JSON.stringify({ ...parse(HELLO), metadata: { name: 'two' } }));
    expect((await world.run(['apply', '-f', join(world.folder, 'deep')])).out).toBe('lambdacontainer/hello created\n');
    expect((await world.run(['apply', '-R', '-f', join(world.folder, 'deep')])).out).toBe(
      'lambdacontainer/hello unchanged\nlambdacontainer/two created\n',
    );
    expect((await world.run(['apply', '-f', '-'], { stdin: `${HELLO}---\n${HELLO}` })).err).toContain(
      "'hello' is given twice, also at (standard input):1; remove one of them",
    );
    mkdirSync(join(world.folder, 'empty'));
    expect(await world.run(['apply', '-f', join(world.folder, 'empty')])).toMatchObject({
      code: 1,
      err: expect.stringContaining('the folder has no .yaml, .yml or .json file'),
    });
    expect(await world.run(['apply', '-f', 'nowhere.yaml'])).toMatchObject({
      code: 1,
      err: 'error: -f nowhere.yaml: there is no such file or folder\n',
    });
    expect(await world.run(['apply', '-f', '-'], { stdin: '# nothing' })).toMatchObject({
      code: 1,
      err: 'error: no objects in -\n',
    });
    expect(await world.run(['apply'])).toMatchObject({ code: 2 });
    const git = 'apiVersion: lambdacontainer.dev/v1alpha1\nkind: GitSource\nmetadata: { name: a }\nspec: {}\n';
    expect((await world.run(['apply', '-f', '-'], { stdin: git })).err).toContain(
      '(standard input):4:1: spec.url: is missing and has no default',
    );
  });

  it('--wait stays until it is Ready', async () => {
    await withClass();
    world.clock.after(20_000, () => void ready());
    const ended = await world.run(['apply', '--wait', '-f', '-'], { stdin: HELLO });
    expect(ended).toMatchObject({
      code: 0,
      out: 'lambdacontainer/hello created\nlambdacontainer/hello condition met\n',
    });
  });
});

describe('get', () => {
  it('shows a table', async () => {
    await world.putRecord({ ...KEY, spec: SPEC, labels: { team: 'shop' } });
    await world.putRecord({ namespace: 'default', name: 'fresh', spec: SPEC });
    await world.putRecord({ namespace: 'default', name: 'broken', spec: SPEC, statu: 1 });
    await world.putRecord({ namespace: 'blog', name: 'other', spec: SPEC });
    await ready();
    await world.putStatus({ namespace: 'default', name: 'going' }, statusOf('Deleting', []));
    const { out, code } = await world.run(['get']);
    expect(code).toBe(0);
    expect(out.split('\n')).toEqual([
      'NAME     PHASE      READY     LAMBDA   FARGATE   URL                           SINCE',
      'broken   Invalid    Unknown   -        -         -                             -',
      'fresh    Pending    Unknown   -        -         -                             -',
      'going    Deleting   Unknown   -        -         -                             -',
      'hello    Ready      True      25%      75%       http://127.0.0.1:8080/hello   1m00s',
      '',
    ]);
    expect((await world.run(['get', '-A'])).out).toContain('blog        other');
    expect((await world.run(['get', 'lc', 'hello', '-o', 'wide'])).out).toMatch(
      /REVISION +CLASS +FUNCTION +REASON\n.* 2 +standard +hello +Ready/,
    );
    expect((await world.run(['get', '-l', 'team=shop', '-o', 'name'])).out).toBe('lambdacontainer/hello\n');
    expect((await world.run(['get', '-l', 'team!=shop', '-o', 'name'])).out).not.toContain('hello');
    expect((await world.run(['get', '-l', 'a b'])).code).toBe(2);
  });

  it('colours the phase on a terminal only, and not with NO_COLOR', async () => {
    await world.putRecord({ ...KEY, spec: SPEC });
    await ready();
    expect((await world.run(['get'], { isTTY: true })).out).toContain('\x1b[32mReady\x1b[0m');
    expect((await world.run(['get'], { isTTY: true, env: { NO_COLOR: '1' } })).out).not.toContain('\x1b');
    expect((await world.run(['get'])).out).not.toContain('\x1b');
  });

  it('prints documents that apply takes back', async () => {
    await withClass();
    await world.run(['apply', '-f', '-'], { stdin: HELLO });
    await ready();
    const { out } = await world.run(['get', 'hello', '-o', 'yaml']);
    expect(parse(out)).toMatchObject({
      kind: 'LambdaContainer',
      metadata: { namespace: 'default', name: 'hello' },
      spec: SPEC,
      status: { phase: 'Ready' },
    });
    expect((await world.run(['apply', '-f', '-'], { stdin: out })).out).toBe('lambdacontainer/hello unchanged\n');
    const list = await world.run(['get', '-o', 'json']);
    expect(JSON.parse(list.out)).toMatchObject({ kind: 'List', items: [{ metadata: { name: 'hello' } }] });
    expect(parseManifests(list.out, 'f').defects).toEqual([]);
    expect(JSON.parse((await world.run(['get', '-n', 'empty', '-o', 'json'])).out)).toEqual({
      apiVersion: 'v1',
      kind: 'List',
      items: [],
    });
  });

  it('shows classes', async () => {
    await withClass();
    expect((await world.run(['get', 'class'])).out).toBe(
      'NAME       CLUSTER   REGION   LISTENERS\nstandard   shop      -        https://shop.example.com\n',
    );
    expect(parse((await world.run(['get', 'class/standard', '-o', 'yaml'])).out)).toMatchObject({
      metadata: { name: 'standard' },
    });
  });

  it('says what is missing', async () => {
    expect(await world.run(['get'])).toEqual({
      code: 0,
      out: '',
      err: "No LambdaContainer found in namespace 'default'\n",
    });
    expect(await world.run(['get', 'hello', '-n', 'shop'])).toEqual({
      code: 1,
      out: '',
      err: "error: lambdacontainer/hello not found in namespace 'shop'\n",
    });
    expect(await world.run(['get', 'pod/hello'])).toMatchObject({
      code: 2,
      err: expect.stringContaining("'pod' is not a kind"),
    });
  });

  it('-w shows what changes until Ctrl-C', async () => {
    await world.putRecord({ ...KEY, spec: SPEC });
    const stop = new AbortController();
    world.clock.after(5_500, () => void ready());
    const { out, code } = await world.run(['get', '-w'], {
      signal: stop.signal,
      onOutput: (text) => {
        if (text.includes('Ready')) stop.abort();
      },
    });
    expect(code).toBe(0);
    expect(out.split('\n').map((line) => line.split(/ +/)[1])).toEqual(['PHASE', 'Pending', 'Ready', undefined]);
  });
});

describe('describe and events', () => {
  it('tells everything about an object', async () => {
    await world.putRecord({ ...KEY, spec: SPEC, labels: { team: 'shop' } });
    await ready();
    await world.putEvents(
      KEY,
      { type: 'Warning', reason: 'WeightDrift', node: 'rule-weights', message: 'found: weights 50/50' },
      { type: 'Normal', reason: 'Healed', message: 'put right', tookMs: 4200 },
    );
    const { out, code } = await world.run(['describe', 'hello']);
    expect(code).toBe(0);
    for (const line of [
      'Name:        hello',
      'Labels:      team=shop',
      'Phase:       Ready',
      'Serving:     lambda 25%, fargate 75% (as asked)',
      'Revision:    2 (before: 1)',
      '  source:',
      '  Ready     True     1m00s   Ready',
      'rule-weights: found: weights 50/50',
      'put right (4.2s)',
    ]) {
      expect(out.replaceAll(/ +/g, ' ')).toContain(line.replaceAll(/ +/g, ' '));
    }
  });

  it('tells why a record cannot be understood', async () => {
    await world.putRecord({ ...KEY, spec: SPEC, statu: 1 });
    expect((await world.run(['describe', 'hello'])).out).toContain(
      "  statu: 'statu' is not a field here; use namespace, name",
    );
    expect((await world.run(['describe', 'nobody'])).code).toBe(1);
  });

  it('lists events, of one and of all', async () => {
    await world.putRecord({ ...KEY, spec: SPEC });
    await world.putEvents(KEY, { type: 'Normal', reason: 'Ready', message: 'serving' });
    expect((await world.run(['events', 'hello'])).out).toBe(
      'AGE   TYPE     REASON   MESSAGE\n0s    Normal   Ready    serving\n',
    );
    expect((await world.run(['events'])).out).toContain('default/hello   serving');
    expect(JSON.parse((await world.run(['events', '-o', 'json'])).out)).toEqual([
      {
        kind: 'LambdaContainer',
        namespace: 'default',
        name: 'hello',
        at: expect.any(String),
        type: 'Normal',
        reason: 'Ready',
        message: 'serving',
      },
    ]);
    expect(await world.run(['events', 'nobody'])).toMatchObject({ code: 1 });
    expect(await world.run(['events', '-n', 'empty'])).toEqual({ code: 0, out: '', err: 'No events\n' });
  });

  it('--watch shows each event once', async () => {
    await world.putRecord({ ...KEY, spec: SPEC });
    await world.putEvents(KEY, { type: 'Normal', reason: 'One', message: 'a' });
    const stop = new AbortController();
    world.clock.after(2_500, () => void world.putEvents(KEY, { type: 'Normal', reason: 'Two', message: 'b' }));
    const { out } = await world.run(['events', 'hello', '--watch'], {
      signal: stop.signal,
      onOutput: (text) => {
        if (text.includes('Two')) stop.abort();
      },
    });
    expect(out.match(/One|Two/g)).toEqual(['One', 'Two']);
  });
});

describe('wait', () => {
  it('a condition of an older spec does not count', async () => {
    await withClass();
    await world.putRecord({ ...KEY, spec: { ...SPEC, scaling: { min: 2 } } });
    await ready(SPEC);
    const ended = await world.run(['wait', 'hello', '--for=condition=Ready', '--timeout', '10s']);
    expect(ended).toEqual({
      code: 1,
      out: '',
      err: 'error: lambdacontainer/hello: not reached within 10.0s: the controller has not seen the newest spec yet\n',
    });
    world.clock.after(3_000, () => void ready({ ...SPEC, scaling: { min: 2 } }));
    expect(await world.run(['wait', 'hello', '--for=condition=Ready'])).toMatchObject({
      code: 0,
      out: 'lambdacontainer/hello condition met\n',
    });
  });

  it('tells why it was not reached', async () => {
    await withClass();
    await world.putRecord({ ...KEY, spec: SPEC });
    await world.putStatus(
      KEY,
      statusOf('Stalled', [
        conditionAt('Ready', 'False', 'RoleNotAssumable'),
        conditionAt('Stalled', 'True', 'RoleNotAssumable', 'the role trusts lambda only'),
      ]),
      hashOf(SPEC),
    );
    expect((await world.run(['wait', 'hello', '--for', 'condition=Ready', '--timeout', '2s'])).err).toContain(
      'Stalled, RoleNotAssumable: the role trusts lambda only',
    );
    expect((await world.run(['wait', 'hello', '--for', 'condition=Ready=False', '--timeout', '2s'])).code).toBe(0);
  });

  it('for deletion: until the controller has forgotten it', async () => {
    await world.putStatus(KEY, statusOf('Deleting', []));
    world.clock.after(8_000, () => void world.forget(KEY));
    expect(await world.run(['wait', 'hello', '--for=delete'])).toMatchObject({
      code: 0,
      out: 'lambdacontainer/hello is gone\n',
    });
  });

  it.each<[string[], string]>([
    [['hello', '--for=ready'], "--for: 'ready' is not a goal; use condition=Ready"],
    [['hello', '--for=delete', '--timeout', 'long'], "--timeout: 'long' is not a duration; write it like 90s or 5m"],
    [['--for=delete'], 'name the objects to wait for, or give --all'],
    [['hello'], "required option '--for <goal>' not specified"],
  ])('%j is a usage error', async (args, message) => {
    expect(await world.run(['wait', ...args])).toMatchObject({ code: 2, err: expect.stringContaining(message) });
  });

  it('for an object that is not there ends at once', async () => {
    expect(await world.run(['wait', 'hello', '--for=condition=Ready'])).toMatchObject({
      code: 1,
      err: "error: lambdacontainer/hello does not exist in namespace 'default'\n",
    });
  });

  it('--all waits for each', async () => {
    await withClass();
    await world.putRecord({ ...KEY, spec: SPEC });
    await ready();
    expect((await world.run(['wait', '--all', '--for=condition=Ready'])).code).toBe(0);
  });
});

describe('delete', () => {
  it('by name, by file, with what is missing', async () => {
    await world.putRecord({ ...KEY, spec: SPEC });
    expect((await world.run(['delete', 'hello', '--dry-run'])).out).toBe('lambdacontainer/hello deleted (dry run)\n');
    expect(await world.run(['delete', 'hello', 'other'])).toEqual({
      code: 1,
      out: 'lambdacontainer/hello deleted\n',
      err: "deleting from a test\nerror: lambdacontainer/other not found in namespace 'default'\n",
    });
    expect((await world.run(['delete', 'hello', '--ignore-not-found'])).code).toBe(0);
    await withClass();
    await world.run(['apply', '-f', '-'], { stdin: HELLO });
    expect((await world.run(['delete', '-f', '-'], { stdin: HELLO })).out).toBe('lambdacontainer/hello deleted\n');
    expect((await world.run(['delete', 'class/standard'])).out).toBe('lambdacontainerclass/standard deleted\n');
    expect(await world.desired.get({ namespace: '_system', name: 'class/standard' })).toBeUndefined();
  });

  it('--wait stays until everything is gone', async () => {
    await world.putRecord({ ...KEY, spec: SPEC });
    await ready();
    world.clock.after(30_000, () => void world.forget(KEY));
    const before = world.clock.now();
    expect(await world.run(['delete', 'hello', '--wait'])).toMatchObject({
      code: 0,
      out: 'lambdacontainer/hello deleted\nlambdacontainer/hello is gone\n',
    });
    expect(world.clock.now() - before).toBeGreaterThanOrEqual(30_000);
  });

  it('needs names or files, not both', async () => {
    expect((await world.run(['delete'])).code).toBe(2);
    expect((await world.run(['delete', 'a', '-f', '-'])).code).toBe(2);
  });
});
