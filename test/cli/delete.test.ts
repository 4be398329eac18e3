/** `delete` in full: choosing, orphaning, waiting, and the confirmation of deletions that are held. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { confirmationFromRecord } from '../../src/api/index.ts';
import { held, KEY, ready, SPEC } from './fixtures.ts';
import { CliWorld, conditionAt, type RunOptions, statusOf } from './world.ts';

const OTHER = { namespace: 'default', name: 'other' };
const CART = { namespace: 'shop', name: 'cart' };
const PROTECTED = { 'lambdacontainer.dev/protected': 'true' };

let world: CliWorld;

beforeEach(async () => {
  world = await CliWorld.create();
});

afterEach(() => world.close());

async function there(key: { namespace: string; name: string }): Promise<boolean> {
  return (await world.desired.get(key)) !== undefined;
}

describe('which', () => {
  beforeEach(async () => {
    await world.putRecord({ ...KEY, spec: SPEC, labels: { team: 'shop' } });
    await world.putRecord({ ...OTHER, spec: SPEC });
    await world.putRecord({ ...CART, spec: SPEC, labels: { team: 'shop' } });
  });

  it('all of a namespace', async () => {
    expect((await world.run(['delete', '--all'])).out).toBe(
      'lambdacontainer/hello deleted\nlambdacontainer/other deleted\n',
    );
    expect(await there(CART)).toBe(true);
  });

  it('those with labels, in all namespaces', async () => {
    expect((await world.run(['delete', '-l', 'team=shop', '-A'])).out).toBe(
      'lambdacontainer/hello deleted\nlambdacontainer/cart deleted\n',
    );
    expect(await there(OTHER)).toBe(true);
  });

  it('none is told, and no error', async () => {
    expect(await world.run(['delete', '-l', 'team=nobody'])).toMatchObject({
      code: 0,
      err: expect.stringContaining('no objects are meant'),
    });
  });

  it('objects that are going already are not meant by --all', async () => {
    await world.putStatus({ namespace: 'default', name: 'going' }, statusOf('Deleting', []));
    expect((await world.run(['delete', '--all', '--dry-run'])).out).not.toContain('going');
  });

  it.each<[string[], string, RunOptions?]>([
    [[], 'name the objects to delete, or give -f FILE, -l or --all'],
    [['-A'], 'name the objects to delete, or give -f FILE, -l or --all'],
    [['hello', '--all'], '--all lists; it does not go with names'],
    [['hello', '-A'], '-A lists; it does not go with names'],
    [['-f', '-', '--all'], 'give names, --all, -l or -f, not several of them'],
    [['hello', '-f', '-'], 'give names, --all, -l or -f, not several of them'],
    [['--all'], "--all in the protected context 'test' needs -n", { isProtected: true, answers: ['test'] }],
    [['hello', '--cascade=foreground'], "argument 'foreground' is invalid. Allowed choices are background, orphan."],
    [['class/x', '--cascade=orphan'], '--cascade=orphan is for LambdaContainers'],
    [['hello', '--timeout', 'x'], "--timeout: 'x' is not a duration"],
  ])('%j is a usage error, and nothing is deleted', async (args, message, options = {}) => {
    expect(await world.run(['delete', ...args], options)).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringContaining(message),
    });
    expect(await there(KEY)).toBe(true);
  });

  it('a protected context that was named by -n takes --all', async () => {
    const said = { isProtected: true, answers: ['test'] };
    expect((await world.run(['delete', '--all', '-n', 'shop'], said)).out).toBe('lambdacontainer/cart deleted\n');
  });
});

describe('--cascade=orphan', () => {
  beforeEach(async () => {
    await world.putRecord({ ...KEY, spec: SPEC });
    await ready(world);
  });

  async function remember(policy: 'retain' | 'delete'): Promise<void> {
    const stored = await world.state.load(KEY);
    if (!stored.inventory) return;
    await world.state.put(
      KEY,
      'inventory',
      { ...stored.inventory.body, deletionPolicy: policy },
      stored.inventory.version,
      1,
    );
  }

  it('deletes only once the controller remembers to leave everything running', async () => {
    let marked: unknown;
    world.clock.after(7_000, async () => {
      marked = (await world.desired.get(KEY))?.item.annotations;
      await remember('retain');
    });
    const before = world.clock.now();
    expect(await world.run(['delete', 'hello', '--cascade=orphan'])).toEqual({
      code: 0,
      out: 'lambdacontainer/hello orphaned\n',
      err: 'deleting from a test\n',
    });
    expect(marked).toEqual({ 'lambdacontainer.dev/cascade': 'orphan' });
    expect(world.clock.now() - before).toBeGreaterThanOrEqual(7_000);
    expect(await there(KEY)).toBe(false);
  });

  it('deletes nothing when the controller does not take it up', async () => {
    const ended = await world.run(['delete', 'hello', '--cascade=orphan', '--timeout', '5s']);
    expect(ended).toMatchObject({ code: 1, out: '' });
    expect(ended.err).toContain(
      'did not take up that everything is to be left running within 5.0s; nothing was deleted',
    );
    expect(await there(KEY)).toBe(true);
  });

  it('deletes nothing of several while one is not remembered', async () => {
    await world.putRecord({ ...OTHER, spec: SPEC });
    await remember('retain');
    expect((await world.run(['delete', 'hello', 'other', '--cascade=orphan', '--timeout', '5s'])).code).toBe(1);
    expect(await there(KEY)).toBe(true);
  });

  it('--dry-run does not even mark', async () => {
    expect((await world.run(['delete', 'hello', '--cascade=orphan', '--dry-run'])).out).toBe(
      'lambdacontainer/hello orphaned (dry run)\n',
    );
    expect((await world.desired.get(KEY))?.item.annotations).toBeUndefined();
  });

  it('a record that cannot be understood is refused: nobody could be told', async () => {
    await world.putRecord({ ...KEY, spec: SPEC, statu: 1 });
    expect((await world.run(['delete', 'hello', '--cascade=orphan'])).err).toContain(
      'the controller cannot be told to leave what it made',
    );
    expect(await there(KEY)).toBe(true);
  });
});

describe('protected objects', () => {
  it('are said to be held, with the way on', async () => {
    await world.putRecord({ ...KEY, spec: SPEC, annotations: PROTECTED });
    expect((await world.run(['delete', 'hello'])).err).toContain(
      'warning: lambdacontainer/hello is protected: what was made for it stays until somebody confirms: delete --confirm hello -n default',
    );
  });

  it('--wait ends when the deletion is held', async () => {
    await world.putRecord({ ...KEY, spec: SPEC, annotations: PROTECTED });
    await ready(world);
    world.clock.after(3_000, () => void held(world, KEY, 'u-1'));
    expect(await world.run(['delete', 'hello', '--wait'])).toMatchObject({
      code: 1,
      err: expect.stringContaining(
        'error: lambdacontainer/hello: its deletion is held, Protected: the object is protected; confirm it: lambdacontainer delete --confirm hello -n default\n',
      ),
    });
  });
});

describe('confirmation', () => {
  beforeEach(async () => {
    await held(world, KEY, 'u-1');
    await held(world, OTHER, 'u-2');
    await held(world, CART, 'u-3');
    await world.putRecord({ namespace: 'default', name: 'alive', spec: SPEC });
    await world.putStatus({ namespace: 'default', name: 'going' }, statusOf('Deleting', []));
  });

  async function confirmations() {
    const found: unknown[] = [];
    for await (const { item } of world.desired.list('_system')) {
      const { confirmation, defects } = confirmationFromRecord(item);
      expect(defects).toEqual([]);
      found.push(confirmation?.objects);
    }
    return found;
  }

  it('covers exactly those that are named, and shows why they are held', async () => {
    const ended = await world.run(['delete', '--confirm', 'hello']);
    expect(ended).toMatchObject({ code: 0, err: 'confirming deletions in a test\n' });
    expect(ended.out.split('\n').map((line) => line.replaceAll(/ {2,}/g, ' | '))).toEqual([
      'NAMESPACE | NAME | HELD | REASON | MESSAGE',
      'default | hello | 1m00s | Protected | the object is protected; confirm it: lambdacontainer delete --confirm hello -n default',
      'one deletion confirmed',
      '',
    ]);
    expect(await confirmations()).toEqual([[{ ...KEY, uid: 'u-1' }]]);
  });

  it('--all-held covers a namespace, with -A all of them', async () => {
    expect((await world.run(['delete', '--all-held'])).out).toContain('2 deletions confirmed');
    expect(await confirmations()).toEqual([
      [
        { ...KEY, uid: 'u-1' },
        { ...OTHER, uid: 'u-2' },
      ],
    ]);
    expect((await world.run(['delete', '--confirm', '--all-held', '-A', '--dry-run'])).out).toContain(
      '3 deletions confirmed (dry run)',
    );
    expect(await confirmations()).toHaveLength(1);
  });

  it('--confirm alone lists and confirms nothing', async () => {
    expect(await world.run(['delete', '--confirm'])).toMatchObject({
      code: 2,
      out: expect.stringContaining('default     hello'),
      err: expect.stringContaining('name the objects whose deletion is meant, or give --all-held'),
    });
    expect(await confirmations()).toEqual([]);
  });

  it('nothing held is no error', async () => {
    expect(await world.run(['delete', '--all-held', '-n', 'empty'])).toEqual({
      code: 0,
      out: '',
      err: 'no deletion is held\n',
    });
  });

  it('one that is not held confirms none', async () => {
    expect(await world.run(['delete', '--confirm', 'hello', 'alive', 'going', 'nobody'])).toEqual({
      code: 1,
      out: '',
      err:
        'error: nothing was confirmed:\n' +
        '  lambdacontainer/nobody is not there: nothing was made for it, or it is gone\n' +
        '  lambdacontainer/alive is not held: its record is there; delete that first\n' +
        '  lambdacontainer/going is not held: it is being deleted\n',
    });
    expect(await confirmations()).toEqual([]);
  });

  it('--wait stays until all are gone, and takes the confirmation away', async () => {
    world.clock.after(4_000, () => void world.forget(KEY));
    world.clock.after(8_000, () => void world.forget(OTHER));
    const ended = await world.run(['delete', '--all-held', '--wait']);
    expect(ended).toMatchObject({ code: 0 });
    expect(ended.out).toContain('lambdacontainer/hello is gone\nlambdacontainer/other is gone\n');
    expect(await confirmations()).toEqual([]);
  });

  it('another object of the same name is not the one that was confirmed', async () => {
    world.clock.after(4_000, () => void ready(world, KEY, SPEC, { uid: 'u-new' }));
    expect((await world.run(['delete', '--confirm', 'hello', '--wait'])).code).toBe(0);
  });

  it('the end of the time leaves the confirmation, for it stands', async () => {
    expect(await world.run(['delete', '--confirm', 'hello', '--wait', '--timeout', '3s'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('error: not gone within 3.0s: default/hello'),
    });
    expect(await confirmations()).toHaveLength(1);
  });

  it('old ones go once nothing they name is left', async () => {
    await world.run(['delete', '--confirm', 'hello']);
    await world.run(['delete', '--confirm', 'other']);
    expect(await confirmations()).toHaveLength(2);
    await world.forget(KEY);
    await world.run(['delete', '--confirm', 'cart', '-n', 'shop']);
    expect(await confirmations()).toEqual(
      expect.arrayContaining([[{ ...OTHER, uid: 'u-2' }], [{ ...CART, uid: 'u-3' }]]),
    );
    expect(await confirmations()).toHaveLength(2);
  });

  it('more than a record holds are written in several', async () => {
    const many = { namespace: 'many' };
    for (let index = 0; index < 501; index++) {
      const name = `o${index}`;
      await world.state.put(
        { ...many, name },
        'status',
        { ...statusOf('DeletionHeld', [conditionAt('DeletionHeld', 'True', 'TooManyDeletions')]), uid: `m-${index}` },
        0,
        1,
      );
    }
    expect((await world.run(['delete', '--all-held', '-n', 'many'])).out).toContain('501 deletions confirmed');
    expect((await confirmations()).map((objects) => (objects as unknown[]).length).sort()).toEqual([1, 500]);
  });

  it('a uid that the status does not tell is taken from the inventory', async () => {
    await world.putStatus(KEY, { ...statusOf('DeletionHeld', [conditionAt('DeletionHeld', 'True', 'TableEmpty')]) });
    const { status } = await world.state.load(KEY);
    expect(status?.body.uid).toBeUndefined();
    await world.run(['delete', '--confirm', 'hello']);
    expect(await confirmations()).toEqual([[{ ...KEY, uid: 'u' }]]);
  });

  it('a protected context wants its name', async () => {
    expect(await world.run(['delete', '--confirm', 'hello'], { isProtected: true })).toMatchObject({ code: 1 });
    expect(await confirmations()).toEqual([]);
    expect((await world.run(['delete', '--confirm', 'hello', '--yes-to', 'test'], { isProtected: true })).code).toBe(0);
  });

  it.each<[string[], string]>([
    [['--confirm', 'class/standard'], 'only deletions of LambdaContainers are held'],
    [['--confirm', 'class'], 'only deletions of LambdaContainers are held'],
    [['--all-held', 'hello'], '--all-held lists; it does not go with names'],
    [['--confirm', '-A', 'hello'], '-A lists; it does not go with names'],
    [['--confirm', '-l', 'team=shop'], '-l does not go with --confirm'],
  ])('%j', async (args, message) => {
    const ended = await world.run(['delete', ...args]);
    expect(ended.code).toBeGreaterThan(0);
    expect(ended.err).toContain(message);
    expect(await confirmations()).toEqual([]);
  });

  it('describe shows what is held and what to do', async () => {
    const { out } = await world.run(['describe', 'hello']);
    expect(out).toContain(
      'Held deletion:\n  Protected: the object is protected; confirm it: lambdacontainer delete --confirm hello -n default\n',
    );
  });
});
