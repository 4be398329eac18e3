/**
 * Records that vanish: few, many, all; while the daemon runs and while it is stopped; by a person's hand, with the table,
 * or by mistake. Real stores on the virtual clock. What is asserted first is always what must not happen: a deletion that
 * nobody meant.
 */
import { afterEach, describe, expect, it } from 'vitest';
import {
  ANNOTATION_CASCADE,
  ANNOTATION_PROTECTED,
  confirmationRecord,
  type LambdaContainerStatus,
} from '../../src/api/index.ts';
import { toItem } from '../../src/aws/index.ts';
import { parseKey } from '../../src/resource/index.ts';
import { type Fleet, fleetOf } from './fleet.ts';
import { World } from './world.ts';

/** Resync where hours pass and nothing drifts. */
const SELDOM_MS = 20 * 60_000;
const CLASS_RECORD = { namespace: '_system', name: 'class/fleet' };

let world: World | undefined;

afterEach(async () => {
  await world?.stop();
  world?.cloud.close();
  world = undefined;
});

/** A fleet that is Ready. */
async function served(size: number, seed = 1, resyncMs = 30_000): Promise<{ w: World; fleet: Fleet }> {
  const w = new World(seed);
  world = w;
  w.resyncMs = resyncMs;
  await w.bootstrap();
  const fleet = await fleetOf(w, size);
  w.start();
  for (const name of fleet.names) await w.put('shop', name, fleet.specOf(name));
  await w.until('the fleet is Ready', () => areReady(w, fleet.names));
  w.mutations.length = 0;
  return { w, fleet };
}

async function areReady(w: World, names: readonly string[]): Promise<boolean> {
  for (const name of names) if (!(await w.isReady('shop', name))) return false;
  return true;
}

async function namesOf(w: World, held: boolean): Promise<string[]> {
  return [...(await w.inventories())].flatMap(([id, inventory]) =>
    (inventory.held !== undefined) === held ? [parseKey(id).name] : [],
  );
}

async function uidsOf(w: World): Promise<Map<string, string>> {
  return new Map([...(await w.inventories())].map(([id, { uid }]) => [id, uid]));
}

/** Nothing of the fleet was taken away. */
function expectNothingDeleted(w: World): void {
  expect(w.mutations.filter((call) => / (delete|deregister|removePermission)/.test(call))).toEqual([]);
}

function condition(status: LambdaContainerStatus | undefined, type: string) {
  return status?.conditions.find((candidate) => candidate.type === type);
}

async function reasonsOf(w: World, name: string): Promise<string[]> {
  return (await w.state.events({ namespace: 'shop', name }, 50)).map(({ reason }) => reason);
}

async function removeAll(w: World, names: readonly string[], pauseMs = 0): Promise<void> {
  for (const name of names) {
    await w.remove('shop', name);
    if (pauseMs > 0) await w.run(pauseMs);
  }
}

describe('thirty of a hundred', () => {
  it.each([
    { how: 'while the daemon is stopped', isStopped: true },
    { how: 'one by one while it runs', isStopped: false },
  ])(
    '$how: twenty go, ten are held until somebody confirms',
    async ({ isStopped }) => {
      const { w, fleet } = await served(100, 1, SELDOM_MS);
      const doomed = fleet.names.slice(10, 40);
      if (isStopped) await w.stop();
      await removeAll(w, doomed, isStopped ? 0 : 2_000);
      if (isStopped) w.start();
      await w.run(120_000);

      expect((await w.inventories()).size).toBe(80);
      const held = await namesOf(w, true);
      expect(held).toHaveLength(10);
      for (const name of held) {
        const status = await w.status('shop', name);
        expect(status?.phase).toBe('DeletionHeld');
        expect(condition(status, 'DeletionHeld')).toMatchObject({
          status: 'True',
          reason: 'TooManyDeletions',
          message: `20 of 100 objects of class 'fleet' were deleted within an hour, and no more than 20 may be (deletion.maxDeletePercent is 20). Put the record back, or confirm the deletion: lambdacontainer delete --confirm ${name} -n shop`,
        });
        expect(condition(status, 'Ready')?.status).toBe('Unknown');
        expect((await reasonsOf(w, name)).filter((reason) => reason === 'DeletionHeld')).toHaveLength(1);
      }

      // What is held stays as it is, for ever, and so does the rest of the class.
      w.mutations.length = 0;
      w.stateWrites.length = 0;
      await w.run(2 * 3_600_000);
      expect(w.mutations).toEqual([]);
      // What the sweep measures changes with the fleet.
      expect(w.stateWrites.filter((write) => !write.endsWith(' sweep'))).toEqual([]);
      await w.remove('shop', 'app-090');
      await w.run(60_000);
      expect(condition(await w.status('shop', 'app-090'), 'DeletionHeld')?.message).toContain(
        'further deletions of the class wait for those that are held already',
      );

      await w.confirmHeld();
      await w.until('the confirmed are gone', async () => (await w.inventories()).size === 69);
      const rest = fleet.names.filter((name) => !doomed.includes(name) && name !== 'app-090');
      expect(await areReady(w, rest)).toBe(true);
      expect(await namesOf(w, true)).toEqual([]);
      expect(w.refusals.filter((refusal) => /InUse|NotEmpty/.test(refusal))).toEqual([]);
    },
    60_000,
  );
});

it('counts survive restarts and leaders: what was deleted before counts for the hour', async () => {
  const { w, fleet } = await served(40);
  await removeAll(w, fleet.names.slice(0, 5));
  await w.until('five are gone', async () => (await w.inventories()).size === 35);
  w.kill();
  w.start();
  await w.run(60_000);
  await removeAll(w, fleet.names.slice(5, 10));
  await w.run(60_000);
  expect((await w.inventories()).size).toBe(32);
  expect(await namesOf(w, true)).toHaveLength(2);
}, 30_000);

it('an hour later as many may go again', async () => {
  const { w, fleet } = await served(40, 1, SELDOM_MS);
  await removeAll(w, fleet.names.slice(0, 8));
  await w.until('eight are gone', async () => (await w.inventories()).size === 32);
  await w.run(3_700_000);
  await removeAll(w, fleet.names.slice(8, 14));
  await w.until('six are gone', async () => (await w.inventories()).size === 26);
  expect(await namesOf(w, true)).toEqual([]);
}, 30_000);

it('one deletion among two objects is done, and so is that of the last', async () => {
  const { w } = await served(2);
  await w.remove('shop', 'app-000');
  await w.until('it is gone', async () => (await w.inventories()).size === 1);
  expect(await w.isReady('shop', 'app-001')).toBe(true);
  await w.remove('shop', 'app-001');
  await w.until('the last is gone', async () => (await w.inventories()).size === 0);
});

it('objects go without their class, within the bound that a class has by itself', async () => {
  const { w, fleet } = await served(8);
  await fleet.writeClass({ deletion: { maxDeletePercent: 75 } });
  await w.run(60_000);
  await w.remove(CLASS_RECORD.namespace, CLASS_RECORD.name);
  await w.run(60_000);
  expectNothingDeleted(w);
  expect((await w.status('shop', 'app-000'))?.conditions).toContainEqual(
    expect.objectContaining({ type: 'Stalled', status: 'True', reason: 'ClassNotUsable' }),
  );
  await removeAll(w, fleet.names.slice(0, 5));
  await w.until('three are gone', async () => (await w.inventories()).size === 5);
  await w.run(30_000);
  expect(await namesOf(w, true)).toHaveLength(2);
});

it('a class may allow more, and its bound counts from the next deletion on', async () => {
  const { w, fleet } = await served(8);
  await fleet.writeClass({ deletion: { maxDeletePercent: 75 } });
  await removeAll(w, fleet.names);
  await w.until('six are gone', async () => (await w.inventories()).size === 2);
  await w.run(30_000);
  expect(await namesOf(w, true)).toHaveLength(2);
});

describe('a table that cannot be trusted', () => {
  const cases: readonly {
    readonly name: string;
    readonly reason: 'TableEmpty' | 'TableReplaced';
    readonly missing: number;
    readonly because: string;
    strike(w: World, fleet: Fleet): Promise<void>;
  }[] = [
    {
      name: 'wiped while the daemon is stopped',
      reason: 'TableEmpty',
      missing: 8,
      because: 'no person deletes everything behind the daemon’s back',
      async strike(w, fleet) {
        await w.stop();
        await removeAll(w, fleet.names);
        w.start();
      },
    },
    {
      name: 'wiped with its class while the daemon is stopped',
      reason: 'TableEmpty',
      missing: 8,
      because: 'what is gone need not be judged by its class',
      async strike(w, fleet) {
        await w.stop();
        await removeAll(w, fleet.names);
        await w.remove(CLASS_RECORD.namespace, CLASS_RECORD.name);
        w.start();
      },
    },
    {
      name: 're-created empty while the daemon is stopped',
      reason: 'TableReplaced',
      missing: 8,
      because: 'the same name is not the same table',
      async strike(w) {
        await w.stop();
        await w.deleteDesiredTable();
        await w.createDesiredTable();
        w.start();
      },
    },
    {
      name: 're-created empty while the daemon runs',
      reason: 'TableReplaced',
      missing: 8,
      because: 'passes read the new table before the stream tells that it is another',
      async strike(w) {
        await w.deleteDesiredTable();
        await w.createDesiredTable();
      },
    },
    {
      name: 're-created empty under passes that are faster than the relist',
      reason: 'TableReplaced',
      missing: 8,
      because: 'which table it is is asked before a deletion begins',
      async strike(w, fleet) {
        await w.deleteDesiredTable();
        await w.createDesiredTable();
        for (const name of fleet.names) w.controller?.enqueue(`shop/${name}`);
      },
    },
    {
      name: 'wiped, with passes before this leader has read it whole',
      reason: 'TableEmpty',
      missing: 8,
      because: 'a leader that has not seen the table concludes nothing',
      async strike(w, fleet) {
        await w.stop();
        await removeAll(w, fleet.names);
        w.start();
        while (w.controller?.state !== 'leading') await w.run(5);
        for (const name of fleet.names) w.controller?.enqueue(`shop/${name}`);
      },
    },
    {
      name: 'another, empty one by a mistake in the settings',
      reason: 'TableReplaced',
      missing: 8,
      because: 'a renamed table has another id',
      async strike(w) {
        await w.stop();
        w.desiredTable = 'lambdacontainer-desired-v2';
        await w.createDesiredTable();
        w.start();
      },
    },
    {
      name: 'restored to yesterday, when there were fewer objects and other specs',
      reason: 'TableReplaced',
      missing: 3,
      because: 'what was created since yesterday is missing, and nobody deleted it',
      async strike(w, fleet) {
        await w.stop();
        w.desiredTable = 'lambdacontainer-desired-restored';
        await w.createDesiredTable();
        await fleet.writeClass();
        for (const name of fleet.names.slice(0, 4)) await w.put('shop', name, fleet.specOf(name));
        await w.put('shop', 'app-004', { ...fleet.specOf('app-004'), traffic: { paths: ['/yesterday'] } });
        w.start();
      },
    },
  ];

  it.each(cases)(
    '$name: nothing is deleted, and records that come back end the doubt ($because)',
    async ({ reason, missing, strike }) => {
      const { w, fleet } = await served(8);
      const before = await uidsOf(w);
      await strike(w, fleet);
      await w.run(180_000);
      expectNothingDeleted(w);
      expect(await uidsOf(w)).toEqual(before);
      const held = await namesOf(w, true);
      expect(held).toHaveLength(missing);
      for (const name of held) {
        const found = condition(await w.status('shop', name), 'DeletionHeld');
        expect(found).toMatchObject({ status: 'True', reason });
        expect(found?.message).toContain(`${missing} of 8 objects had no record in table '${w.desiredTable}'`);
        expect(found?.message).toContain(`lambdacontainer delete --confirm ${name} -n shop`);
      }

      // Another leader knows as much as the first, also when the first records are back.
      w.kill();
      w.start();
      await fleet.writeClass();
      await w.put('shop', 'app-000', fleet.specOf('app-000'));
      await w.run(90_000);
      expectNothingDeleted(w);

      for (const name of fleet.names) await w.put('shop', name, fleet.specOf(name));
      await w.until('all are Ready again', () => areReady(w, fleet.names));
      expectNothingDeleted(w);
      expect(await uidsOf(w)).toEqual(before);
      expect(await namesOf(w, true)).toEqual([]);
      expect(condition(await w.status('shop', 'app-007'), 'DeletionHeld')).toBeUndefined();
      // And it is the table of the objects from here on.
      await w.run(30_000);
      expect(await reasonsOf(w, 'app-007')).toContain('DeletionHoldEnded');
      await w.remove('shop', 'app-003');
      await w.until('one deletion is only one deletion', async () => (await w.inventories()).size === 7);
    },
    60_000,
  );

  it('is adopted when everything that is missing was confirmed', async () => {
    const { w, fleet } = await served(4);
    await w.stop();
    await removeAll(w, fleet.names);
    w.start();
    await w.run(60_000);
    expect(await namesOf(w, true)).toHaveLength(4);
    await w.confirmHeld();
    await w.until('all are gone', async () => (await w.inventories()).size === 0);
    await fleet.writeClass();
    for (const name of fleet.names) await w.put('shop', name, fleet.specOf(name));
    await w.until('new ones are Ready', () => areReady(w, fleet.names));
    await w.remove('shop', 'app-000');
    await w.until('one is gone', async () => (await w.inventories()).size === 3);
  }, 30_000);
});

describe('one object', () => {
  it('whose record comes back before the deletion began keeps its uid and everything else', async () => {
    const { w, fleet } = await served(2);
    const before = await uidsOf(w);
    await w.put('shop', 'app-000', fleet.specOf('app-000'), { [ANNOTATION_PROTECTED]: 'true' });
    await w.run(10_000);
    await w.remove('shop', 'app-000');
    await w.run(30_000);
    const status = await w.status('shop', 'app-000');
    expect(condition(status, 'DeletionHeld')).toMatchObject({ reason: 'Protected' });
    expect(condition(status, 'DeletionHeld')?.message).toMatch(/^the object is protected, and its record is gone\./);
    await w.put('shop', 'app-000', fleet.specOf('app-000'));
    await w.until('Ready again', () => w.isReady('shop', 'app-000'));
    expectNothingDeleted(w);
    expect(await uidsOf(w)).toEqual(before);
    // The annotation went with the old record: the next vanishing is an ordinary one.
    await w.remove('shop', 'app-000');
    await w.until('it is gone', async () => (await w.inventories()).size === 1);
  });

  it('whose record comes back after the deletion began waits for the end, and is another object', async () => {
    const { w, fleet } = await served(2);
    const before = await uidsOf(w);
    await w.remove('shop', 'app-000');
    await w.until('deletion began', async () => {
      const inventory = (await w.inventories()).get('shop/app-000');
      return inventory?.deletingSinceMs !== undefined;
    });
    await w.put('shop', 'app-000', fleet.specOf('app-000'));
    await w.until('the new one is Ready', async () => {
      const inventory = (await w.inventories()).get('shop/app-000');
      return inventory !== undefined && inventory.uid !== before.get('shop/app-000') && w.isReady('shop', 'app-000');
    });
    const inventory = (await w.inventories()).get('shop/app-000');
    expect(inventory).toMatchObject({ generation: 1 });
    expect(inventory?.deletingSinceMs).toBeUndefined();
    expect(await reasonsOf(w, 'app-000')).toEqual(expect.arrayContaining(['Deleting', 'Deleted', 'Ready']));
    expect(w.traffic().every(({ weight, canServe }) => weight > 0 && canServe)).toBe(true);
  });

  it('that is protected is held although its spec cannot be understood', async () => {
    const { w } = await served(1);
    await w.put('shop', 'app-000', { className: 'fleet', source: {} }, { [ANNOTATION_PROTECTED]: 'true' });
    await w.run(30_000);
    await w.remove('shop', 'app-000');
    await w.run(60_000);
    expectNothingDeleted(w);
    expect((await w.inventories()).get('shop/app-000')?.held?.reason).toBe('Protected');
    await w.confirmHeld();
    await w.until('confirmed, it is gone', async () => (await w.inventories()).size === 0);
  });

  it('that is to be orphaned is let go of and runs on', async () => {
    const { w, fleet } = await served(1);
    await w.put('shop', 'app-000', fleet.specOf('app-000'), { [ANNOTATION_CASCADE]: 'orphan' });
    await w.until('it is remembered', async () => {
      return (await w.inventories()).get('shop/app-000')?.deletionPolicy === 'retain';
    });
    await w.remove('shop', 'app-000');
    await w.until('it is let go of', async () => (await w.inventories()).size === 0);
    expectNothingDeleted(w);
    expect(w.traffic()).toEqual([{ group: expect.stringContaining('targetgroup'), weight: 100, canServe: true }]);
    expect(await reasonsOf(w, 'app-000')).toContain('Released');
  });

  it('of which nothing was made needs no leave', async () => {
    const { w, fleet } = await served(4);
    const unmade = ['u1', 'u2', 'u3', 'u4', 'u5', 'u6'];
    for (const name of unmade) {
      await w.put('shop', name, { className: 'fleet', source: { functionRef: { name: 'no-such-function' } } });
    }
    await w.run(30_000);
    await removeAll(w, unmade);
    await w.until('they are gone', async () => (await w.inventories()).size === fleet.names.length);
    await w.run(30_000);
    expect(await namesOf(w, true)).toEqual([]);
  });
});

describe('confirmations', () => {
  it('cover the uids that they name, and no later vanishing of one that came back', async () => {
    const { w, fleet } = await served(3);
    for (const name of fleet.names) await w.put('shop', name, fleet.specOf(name), { [ANNOTATION_PROTECTED]: 'true' });
    await w.run(10_000);
    await w.stop();
    await removeAll(w, ['app-000', 'app-001']);
    w.start();
    await w.run(60_000);
    expect(await namesOf(w, true)).toHaveLength(2);

    // One comes back before the other's and its deletion is confirmed.
    await w.put('shop', 'app-001', fleet.specOf('app-001'), { [ANNOTATION_PROTECTED]: 'true' });
    const objects = [...(await uidsOf(w))].map(([id, uid]) => ({ ...parseKey(id), uid }));
    const gone = { namespace: 'shop', name: 'long-gone', uid: 'c0ffee' };
    await w.putRecord(confirmationRecord('some', [...objects, gone]));
    await w.until('the one is gone', async () => (await w.inventories()).size === 2);
    expect(await areReady(w, ['app-001', 'app-002'])).toBe(true);

    // The confirmation still stands there, and speaks of the past.
    await removeAll(w, ['app-001', 'app-002']);
    await w.run(60_000);
    w.kill();
    w.start();
    await w.run(60_000);
    expect((await namesOf(w, true)).sort()).toEqual(['app-001', 'app-002']);

    await w.confirmHeld('others');
    await w.until('all are gone', async () => (await w.inventories()).size === 0);
  });

  it('written of an object that was back already do not cover its next vanishing', async () => {
    const { w, fleet } = await served(1);
    const put = () => w.put('shop', 'app-000', fleet.specOf('app-000'), { [ANNOTATION_PROTECTED]: 'true' });
    await put();
    await w.run(10_000);
    await w.stop();
    // Written by somebody who had seen an earlier hold; no controller heard of it before the record was gone again.
    await w.putRecord(
      confirmationRecord('late', [{ ...parseKey('shop/app-000'), uid: (await uidsOf(w)).get('shop/app-000') ?? '' }]),
    );
    await w.remove('shop', 'app-000');
    w.start();
    await w.run(60_000);
    expectNothingDeleted(w);
    expect(await namesOf(w, true)).toEqual(['app-000']);
    await w.confirmHeld();
    await w.until('confirmed anew, it is gone', async () => (await w.inventories()).size === 0);
  });

  it('of an object that has another uid, or with a defect, confirm nothing', async () => {
    const { w, fleet } = await served(1);
    await w.put('shop', 'app-000', fleet.specOf('app-000'), { [ANNOTATION_PROTECTED]: 'true' });
    await w.run(10_000);
    await w.remove('shop', 'app-000');
    await w.run(30_000);
    const uid = (await uidsOf(w)).get('shop/app-000') ?? '';
    await w.putRecord(confirmationRecord('wrong-uid', [{ namespace: 'shop', name: 'app-000', uid: `${uid}0` }]));
    await w.putRecord(confirmationRecord('wrong-name', [{ namespace: 'shop', name: 'app-001', uid }]));
    const defective = confirmationRecord('defective', [{ namespace: 'shop', name: 'app-000', uid }]);
    await w.putRecord({ ...defective, kind: 'Confirmation' });
    // A key that is no object's is never taken for one.
    await w.putRecord(confirmationRecord('system', [{ ...CLASS_RECORD, uid }]));
    await w.run(60_000);
    expectNothingDeleted(w);
    expect(await namesOf(w, true)).toEqual(['app-000']);
    await w.putRecord(defective);
    await w.until('corrected, it counts', async () => (await w.inventories()).size === 0);
  });
});

/** Calls between two kill points; every call with `EVERY=1`. */
const EVERY = Number(process.env.EVERY ?? 12);
const KILL_POINTS = Array.from({ length: Math.ceil(100 / EVERY) }, (_, i) => i * EVERY).flatMap((after) =>
  [false, true].map((done) => ({ after, done })),
);

it.each(KILL_POINTS)(
  'killed $after calls after the first admission (call done: $done), it lets no more go than the bound',
  async ({ after, done }) => {
    const { w, fleet } = await served(12);
    await w.stop();
    await removeAll(w, fleet.names.slice(0, 6));
    w.stateWrites.length = 0;
    let first: number | undefined;
    let killed = false;
    w.onCall = (call, isDone) => {
      if (w.stateWrites.some((write) => write.endsWith('guard#fleet'))) first ??= call;
      if (killed || first === undefined || call < first + after || isDone !== done) return;
      killed = true;
      w.kill();
      w.start();
    };
    w.start();
    await w.run(120_000);
    expect(killed).toBe(true);
    expect((await w.inventories()).size).toBe(9);
    expect(await namesOf(w, true)).toHaveLength(3);
  },
);

it('a fleet under the guard with failing calls settles as without them', async () => {
  const { w, fleet } = await served(20, 7);
  w.faults = { throttled: 0.05, lost: 0.03, broken: 0.03 };
  await removeAll(w, fleet.names.slice(0, 9));
  await w.run(600_000);
  w.faults = { throttled: 0, lost: 0, broken: 0 };
  await w.run(120_000);
  expect((await w.inventories()).size).toBe(16);
  expect(await namesOf(w, true)).toHaveLength(5);
  const { Item } = await w.aws.dynamodb.getItem({
    TableName: 'lambdacontainer-state',
    Key: toItem({ namespace: '_controller', key: 'guard#fleet' }),
  });
  expect(Item).toBeDefined();
}, 60_000);
