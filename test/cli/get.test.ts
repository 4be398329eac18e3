/** `get` beyond tables, watching, and selectors. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { driftItems, KEY, putClass, ready, SPEC, SWEPT } from './fixtures.ts';
import { CliWorld, conditionAt, statusOf } from './world.ts';

let world: CliWorld;

beforeEach(async () => {
  world = await CliWorld.create();
  await world.putRecord({ ...KEY, spec: SPEC, labels: { team: 'shop', tier: 'web' } });
  await world.putRecord({ namespace: 'default', name: 'other', spec: { ...SPEC, scaling: { max: 10 } } });
  await world.putRecord({
    namespace: 'default',
    name: 'third',
    spec: { ...SPEC, scaling: { max: 9 } },
    labels: { team: 'blog' },
  });
  await ready(world);
});

afterEach(() => world.close());

describe('templates', () => {
  it.each<[string[], string]>([
    [['hello', '-o', 'jsonpath={.status.url}'], 'http://127.0.0.1:8080/hello'],
    [['-o', 'jsonpath={range .items[*]}{.metadata.name}{"\\n"}{end}'], 'hello\nother\nthird\n'],
    [['-o', 'jsonpath-as-json={.items[*].metadata.name}'], '[\n  "hello",\n  "other",\n  "third"\n]\n'],
    [
      ['-o', 'custom-columns=NAME:.metadata.name,MAX:.spec.scaling.max,URL:{.status.url}'],
      'NAME    MAX      URL\nhello   <none>   http://127.0.0.1:8080/hello\nother   10       <none>\nthird   9        <none>\n',
    ],
    [['-o', 'custom-columns=READY:.status.conditions[?(@.type=="Ready")].status', 'hello', '--no-headers'], 'True\n'],
    [
      ['-o', 'name', '--sort-by', '.spec.scaling.max'],
      'lambdacontainer/third\nlambdacontainer/other\nlambdacontainer/hello\n',
    ],
    [
      ['-o', 'name', '--sort-by', '{.metadata.labels.team}'],
      'lambdacontainer/third\nlambdacontainer/hello\nlambdacontainer/other\n',
    ],
    [['-o', 'name', '-l', 'team in (shop, blog),tier'], 'lambdacontainer/hello\n'],
    [['-o', 'name', '-l', 'team notin (shop)'], 'lambdacontainer/other\nlambdacontainer/third\n'],
    [['-o', 'name', '-l', '!team'], 'lambdacontainer/other\n'],
  ])('%j', async (args, out) => {
    expect(await world.run(['get', ...args])).toEqual({ code: 0, out, err: '' });
  });

  it('--show-labels and --no-headers', async () => {
    const { out } = await world.run(['get', '--show-labels', '--no-headers']);
    expect(out.split('\n').map((line) => line.split(/ +/).at(-1))).toEqual([
      'team=shop,tier=web',
      '<none>',
      'team=blog',
      '',
    ]);
  });

  it('a document tells the uid once the controller knows it', async () => {
    await ready(world, KEY, SPEC, { uid: 'u-1' });
    expect(JSON.parse((await world.run(['get', 'hello', '-o', 'json'])).out).metadata.uid).toBe('u-1');
  });

  it.each<[string[], string]>([
    [['-o', 'jsonpath'], "Give a template: jsonpath='{.metadata.name}'."],
    [['-o', 'jsonpath={.a'], "jsonpath: '}' is missing at character 4"],
    [['-o', 'custom-columns=NAME'], "custom-columns: 'NAME' is not a column; write it like NAME:.metadata.name"],
    [['-o', 'custom-columns='], 'Give columns: custom-columns=NAME:.metadata.name'],
    [['-o', 'json=x'], "json takes nothing after '='."],
    [['--sort-by', '{.a'], "jsonpath: '}' is missing"],
    [['--output-watch-events'], '--output-watch-events tells what changes; it needs --watch'],
    [['-l', 'team in shop'], "-l: 'team in shop' is not a label selector"],
  ])('%j is a usage error', async (args, message) => {
    expect(await world.run(['get', ...args])).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringContaining(message),
    });
  });
});

describe('watching', () => {
  async function watch(args: string[], happen: () => Promise<unknown>, until: string): Promise<string> {
    const stop = new AbortController();
    world.clock.after(2_500, () => void happen());
    const { out } = await world.run(['get', '-w', ...args], {
      signal: stop.signal,
      onOutput: (text) => {
        if (text.includes(until)) stop.abort();
      },
    });
    return out;
  }

  it('shows what is gone', async () => {
    const out = await watch([], () => world.desired.delete({ namespace: 'default', name: 'third' }), 'Deleted');
    expect(out.split('\n').map((line) => line.split(/ +/).slice(0, 2).join(' '))).toEqual([
      'NAME PHASE',
      'hello Ready',
      'other Pending',
      'third Pending',
      'third Deleted',
      '',
    ]);
  });

  it('--output-watch-events names what became of it, in tables, names and documents', async () => {
    const remove = () => world.desired.delete({ namespace: 'default', name: 'other' });
    const create = () => world.putRecord({ namespace: 'default', name: 'other', spec: SPEC });
    expect(await watch(['-o', 'name', '--output-watch-events'], remove, 'DELETED')).toBe(
      'ADDED lambdacontainer/hello\nADDED lambdacontainer/other\nADDED lambdacontainer/third\nDELETED lambdacontainer/other\n',
    );
    expect(await watch(['--output-watch-events', '-l', '!team'], create, 'ADDED')).toMatch(
      /^EVENT +NAME +PHASE .*\nADDED +other +Pending/,
    );
    const out = await watch(
      ['hello', '-o', 'json', '--output-watch-events'],
      () => ready(world, KEY, SPEC, { url: 'http://new' }),
      'MODIFIED',
    );
    expect(out.split(/\n(?=\{)/).map((text) => JSON.parse(text))).toMatchObject([
      { type: 'ADDED', object: { metadata: { name: 'hello' } } },
      { type: 'MODIFIED', object: { status: { url: 'http://new' } } },
    ]);
  });
});

describe('the context’s namespace', () => {
  it('is used where -n is not given', async () => {
    await world.putRecord({ namespace: 'shop', name: 'cart', spec: SPEC });
    expect((await world.run(['get', '-o', 'name'], { defaultNamespace: 'shop' })).out).toBe('lambdacontainer/cart\n');
    expect((await world.run(['get', '-o', 'name', '-n', 'default'], { defaultNamespace: 'shop' })).out).toContain(
      'hello',
    );
    expect((await world.run(['get', 'nobody'], { defaultNamespace: 'shop' })).err).toContain("in namespace 'shop'");
    expect((await world.run(['get'], { defaultNamespace: 'empty' })).err).toBe(
      "No LambdaContainer found in namespace 'empty'\n",
    );
  });
});

describe('other kinds', () => {
  const SOURCE = { namespace: '_system', name: 'source/shop' };

  beforeEach(async () => {
    await putClass(world);
    await world.putRecord({
      ...SOURCE,
      kind: 'GitSource',
      spec: { url: 'https://git.example.com/shop', ref: { branch: 'main' } },
    });
    const condition = conditionAt('Ready', 'True', 'Applied');
    await world.state.put(
      SOURCE,
      'status',
      {
        ...statusOf('Ready', [condition]),
        lastAppliedCommit: 'a'.repeat(40),
        counts: { created: 2, configured: 0, unchanged: 5, corrected: 0, drifted: 1, pruned: 0, held: 0, failed: 0 },
        message: 'applied',
      },
      0,
      1,
    );
    await world.state.putChunks(
      SOURCE,
      'objects',
      [
        { namespace: 'shop', name: 'cart', kind: 'LambdaContainer', result: 'drifted', message: 'spec.scaling.max' },
        { namespace: 'shop', name: 'till', kind: 'LambdaContainer', result: 'unchanged' },
      ],
      [],
      1,
    );
  });

  it('sources have a table of their own', async () => {
    const { out } = await world.run(['get', 'source', '-o', 'wide']);
    expect(out.split('\n').map((line) => line.replaceAll(/ +/g, ' '))).toEqual([
      'NAME PHASE READY REF APPLIED URL SINCE ATTEMPTED PATH REASON',
      'shop Ready True main aaaaaaaaaaaa https://git.example.com/shop 1m00s - . Applied',
      '',
    ]);
    expect((await world.run(['get', 'source/shop', '-o', 'jsonpath={.status.counts.created}'])).out).toBe('2');
  });

  it('describe tells of a source which of its objects are not as they should be', async () => {
    const { out, code } = await world.run(['describe', 'source/shop']);
    expect(code).toBe(0);
    const flat = out.replaceAll(/ +/g, ' ');
    expect(flat).toContain(`Applied: ${'a'.repeat(40)}`);
    expect(flat).toContain('Objects: 2 created, 5 unchanged, 1 drifted');
    expect(flat).toContain(' LambdaContainer shop cart drifted spec.scaling.max');
    expect(flat).not.toContain('till');
  });
});

it('describe tells how soon drift would be found, once a leader has swept', async () => {
  await putClass(world);
  await world.putRecord({ ...KEY, spec: SPEC });
  await ready(world);
  expect((await world.run(['describe', 'hello'])).out).not.toContain('Finding drift');
  const message = 'no events can be received from q';
  await driftItems(world, 'lambdacontainer-state', {
    type: 'EventsReceived',
    status: 'False',
    reason: 'QueueMissing',
    message,
  });
  const { out } = await world.run(['describe', 'hello']);
  expect(out).toContain(
    `\nFinding drift:\n  region us-east-1: ${SWEPT}\n  account 111122223333, region eu-west-1: ${SWEPT}\n  QueueMissing: ${message}\n`,
  );
});
