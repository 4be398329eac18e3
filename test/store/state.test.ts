/** Lease, state and allocations on the embedded DynamoDB under a virtual clock. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seededRandom, silentLogger } from '../../src/core/index.ts';
import type { ObjectEvent } from '../../src/resource/index.ts';
import { Allocations, Lease, StateTable } from '../../src/store/index.ts';
import { World } from '../simulation/world.ts';

const TABLE = 'lambdacontainer-state';
const SETTINGS = { durationMs: 15_000, callTimeoutMs: 5_000 };
let world: World;

beforeEach(async () => {
  world = new World(7);
  await world.bootstrap();
});

afterEach(() => world.cloud.close());

describe('lease', () => {
  const lease = (seed: number) =>
    new Lease(world.aws.dynamodb, TABLE, world.clock, seededRandom(seed), silentLogger, SETTINGS);
  const never = new AbortController().signal;

  it('one leads, the other follows until it is handed over, under a greater epoch', async () => {
    const [first, second] = [lease(1), lease(2)];
    expect(await world.drive(first.acquire(() => {}, never))).toBe(true);
    let leads = false;
    const following = second
      .acquire(() => {}, never)
      .then((held) => {
        leads = held;
      });
    await world.run(120_000);
    expect(leads, 'the first renews: it is never taken from it').toBe(false);
    await world.drive(first.release());
    const releasedMs = world.clock.now();
    await world.drive(following);
    expect(world.clock.now() - releasedMs).toBeLessThanOrEqual(1_000);
    expect([first.epoch, second.epoch]).toEqual([1, 2]);
    await world.drive(second.release());
  });

  it('after a death the next waits for the lease and one call to be over', async () => {
    const diedMs = world.clock.now();
    await world.aws.dynamodb.putItem({
      TableName: TABLE,
      Item: {
        namespace: { S: '_controller' },
        key: { S: 'lease' },
        epoch: { N: '9' },
        body: {
          M: {
            holder: { S: 'dead' },
            epoch: { N: '9' },
            expiresAtMs: { N: String(diedMs + SETTINGS.durationMs) },
            released: { BOOL: false },
          },
        },
      },
    });
    const next = lease(2);
    await world.drive(next.acquire(() => {}, never));
    expect(world.clock.now()).toBeGreaterThanOrEqual(diedMs + SETTINGS.durationMs + SETTINGS.callTimeoutMs);
    expect(next.epoch).toBe(10);
    await world.drive(next.release());
  });

  it('a holder that finds another in its place stops at once and may change nothing more', async () => {
    const holder = lease(1);
    let lost = false;
    await world.drive(
      holder.acquire(() => {
        lost = true;
      }, never),
    );
    holder.assertHeld();
    await world.aws.dynamodb.putItem({
      TableName: TABLE,
      Item: { namespace: { S: '_controller' }, key: { S: 'lease' }, epoch: { N: '5' }, body: { M: {} } },
    });
    await world.run(SETTINGS.durationMs / 3 + 1_000);
    expect(lost).toBe(true);
    expect(() => holder.assertHeld()).toThrow(/does not hold the lease/);
  });

  it('gives up waiting when it is told to stop', async () => {
    const [first, second] = [lease(1), lease(2)];
    await world.drive(first.acquire(() => {}, never));
    const stopping = new AbortController();
    const following = second.acquire(() => {}, stopping.signal);
    await world.run(2_000);
    stopping.abort();
    expect(await world.drive(following)).toBe(false);
    await world.drive(first.release());
  });
});

describe('state table', () => {
  const key = { namespace: 'shop', name: 'checkout' };
  const status = { observedGeneration: 1, phase: 'Ready', conditions: [], inventory: [], drift: [] };

  it('writes a part only over the version that was read', async () => {
    const table = new StateTable(world.aws.dynamodb, TABLE);
    expect(await table.put(key, 'status', status, 0, 1)).toBe(1);
    expect(await table.put(key, 'status', status, 1, 1)).toBe(2);
    await expect(table.put(key, 'status', status, 1, 1)).rejects.toMatchObject({ kind: 'conflict' });
    await expect(table.put(key, 'status', status, 0, 1)).rejects.toMatchObject({ kind: 'conflict' });
    expect(await table.status(key)).toEqual(status);
  });

  it('a stale leader never overwrites a newer one, though it knows the version', async () => {
    const table = new StateTable(world.aws.dynamodb, TABLE);
    await table.put(key, 'status', status, 0, 2);
    await expect(table.put(key, 'status', status, 1, 1)).rejects.toMatchObject({ kind: 'conflict' });
    await expect(table.remove(key, 'status', 1, 1)).rejects.toMatchObject({ kind: 'conflict' });
    expect(await table.put(key, 'status', status, 1, 3)).toBe(2);
  });

  it('loads everything but events, whatever the names look like', async () => {
    const table = new StateTable(world.aws.dynamodb, TABLE);
    const names = ['a', 'a#status', 'ü/ß', '__proto__', 'constructor'];
    for (const name of names) await table.put({ namespace: 'shop', name }, 'status', { ...status, name }, 0, 1);
    await table.appendEvents(key, [event(1)], () => 0);
    const loaded = await table.loadAll();
    expect([...loaded.values()].map((stored) => stored.key.name).sort()).toEqual([...names].sort());
    expect((await table.load({ namespace: 'shop', name: 'a' })).status?.body).toMatchObject({ name: 'a' });
  });

  it('gives the newest events, oldest first, and keeps the order within a millisecond', async () => {
    const table = new StateTable(world.aws.dynamodb, TABLE);
    let sequence = 0;
    await table.appendEvents(
      key,
      Array.from({ length: 60 }, (_, i) => event(i)),
      () => sequence++,
    );
    expect((await table.events(key, 3)).map(({ message }) => message)).toEqual(['57', '58', '59']);
    expect(await table.events({ namespace: 'shop', name: 'check' }, 3), 'no other object’s').toEqual([]);
  });

  function event(number: number): ObjectEvent {
    return { at: '2026-01-01T00:00:00.000Z', type: 'Normal', reason: 'Test', message: String(number) };
  }
});

describe('allocations', () => {
  it('a priority belongs to one object, who may ask again; another’s is not freed', async () => {
    const allocations = new Allocations(world.aws.dynamodb, TABLE);
    expect(await allocations.claim('listener', 100, 'shop/a', 1)).toBe(true);
    expect(await allocations.claim('listener', 100, 'shop/a', 1)).toBe(true);
    expect(await allocations.claim('listener', 100, 'shop/b', 1)).toBe(false);
    await allocations.free('listener', 100, 'shop/b');
    expect(await allocations.claim('listener', 100, 'shop/b', 1)).toBe(false);
    await allocations.free('listener', 100, 'shop/a');
    await allocations.free('listener', 100, 'shop/a');
    expect(await allocations.claim('listener', 100, 'shop/b', 1)).toBe(true);
  });
});
