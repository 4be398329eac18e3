/** The lease under a virtual clock: who leads when, to the second. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { toItem } from '../../src/aws/index.ts';
import { seededRandom, silentLogger } from '../../src/core/index.ts';
import { Lease } from '../../src/store/index.ts';
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
  const lease = (seed: number, dynamodb = world.aws.dynamodb) =>
    new Lease(dynamodb, TABLE, world.clock, seededRandom(seed), silentLogger, SETTINGS);
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

  it('is not taken from a holder whose late renewal came between the look and the taking', async () => {
    const { dynamodb } = world.aws;
    const item = (expiresAtMs: number) => {
      const body = { holder: 'slow', epoch: 9, expiresAtMs, released: false };
      return { TableName: TABLE, Item: toItem({ namespace: '_controller', key: 'lease', epoch: 9, body }) };
    };
    await dynamodb.putItem(item(world.clock.now() - SETTINGS.callTimeoutMs));
    let renewedMs: number | undefined;
    const slow = {
      ...dynamodb,
      putItem: async (input: Parameters<typeof dynamodb.putItem>[0]) => {
        if (renewedMs === undefined) {
          renewedMs = world.clock.now();
          await dynamodb.putItem(item(renewedMs + SETTINGS.durationMs));
        }
        return dynamodb.putItem(input);
      },
    };
    const next = lease(2, slow);
    await world.drive(next.acquire(() => {}, never));
    const endMs = (renewedMs ?? Number.POSITIVE_INFINITY) + SETTINGS.durationMs + SETTINGS.callTimeoutMs;
    expect(world.clock.now()).toBeGreaterThanOrEqual(endMs);
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
