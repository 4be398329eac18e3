import { describe, expect, it } from 'vitest';
import { seededRandom, VirtualClock } from '../../../src/core/index.ts';
import { BareCloud, type CloudCoreOptions } from '../../../src/local-cloud/cloud-core.ts';
import { AwsError, type CloudService, type Collection } from '../../../src/local-cloud/contract.ts';
import { memoryState } from '../../../src/local-cloud/state/index.ts';

interface Thing {
  readonly state: 'pending' | 'active' | 'done';
  readonly atMs: number;
}

/** A machine with everything that a real one has: states in time, a driver, errors, an operation of the outer world. */
function thingCloud(options: Partial<CloudCoreOptions> & { delayMs?: number } = {}) {
  const clock = new VirtualClock(1_000_000);
  const state = memoryState();
  const delayMs = options.delayMs ?? 10;
  const things: Collection<Thing> = state.collection('things');
  const advanced: number[] = [];
  const controls = { brokenAdvance: false, stuck: false };
  const cloud = new BareCloud({ clock, random: seededRandom(7), state, ...options }, (enter) => {
    const move = (nowMs: number) => {
      advanced.push(nowMs);
      if (controls.stuck) return;
      for (const key of things.keys()) {
        const thing = things.get(key);
        if (!thing || thing.state === 'done' || thing.atMs > nowMs) continue;
        things.set(key, { state: thing.state === 'pending' ? 'active' : 'done', atMs: nowMs + delayMs });
      }
      if (controls.brokenAdvance) throw new Error('broken advance');
    };
    const service: CloudService = {
      id: 'ecs',
      operations: {
        Create: ({ name, fail }: { name: string; fail?: boolean }, { nowMs, requestId }) => {
          if (things.has(name)) throw new AwsError('Exists', 'It exists');
          things.set(name, { state: 'pending', atMs: nowMs + delayMs });
          if (fail) throw new AwsError('Invalid', 'It is invalid');
          return { requestId };
        },
        Read: ({ name }: { name: string }) => things.get(name),
        // A driver that answers at once, from inside of the step.
        Drive: ({ name }: { name: string }) => {
          enter((nowMs) => things.set(`${name}-report`, { state: 'done', atMs: nowMs }));
          things.set(name, { state: 'done', atMs: 0 });
          return { seen: things.has(`${name}-report`) };
        },
        Reenter: () => cloud.call('ecs', 'Read', { name: 'x' }),
      },
      asyncOperations: {
        Outside: async ({ name }: { name: string }) => {
          await Promise.resolve();
          enter((nowMs) => things.set(name, { state: 'done', atMs: nowMs }));
          return { done: true };
        },
      },
      advance: move,
      nextAtMs: () => {
        const waiting = things.values().filter((thing) => thing.state !== 'done');
        return waiting.length === 0 ? undefined : Math.min(...waiting.map(({ atMs }) => atMs));
      },
    };
    return [service];
  });
  return { cloud, clock, state, things, advanced, controls };
}

describe('a call', () => {
  it('is one step: a handler that throws leaves nothing', () => {
    const { cloud, things } = thingCloud();
    expect(() => cloud.call('ecs', 'Create', { name: 'a', fail: true })).toThrow(/invalid/);
    expect(things.keys()).toEqual([]);
    cloud.call('ecs', 'Create', { name: 'a' });
    expect(things.keys()).toEqual(['a']);
  });

  it('does what is due first, even when no timer has fired yet', () => {
    const { cloud, clock } = thingCloud();
    cloud.call('ecs', 'Create', { name: 'a' });
    clock.after(10, () => {});
    // The clock stands at the due time, its timer for the cloud is still to come.
    Object.defineProperty(clock, 'now', { value: () => 1_000_010 });
    expect(cloud.call('ecs', 'Read', { name: 'a' })).toMatchObject({ state: 'active' });
  });

  it('leaves what time did in place when its handler throws', () => {
    const { cloud, clock, things } = thingCloud();
    cloud.call('ecs', 'Create', { name: 'a' });
    Object.defineProperty(clock, 'now', { value: () => 1_000_010 });
    expect(() => cloud.call('ecs', 'Create', { name: 'a' })).toThrow(/exists/);
    expect(things.get('a')?.state).toBe('active');
  });

  it('carries the request id that the shell gave', () => {
    const { cloud } = thingCloud();
    expect(cloud.call('ecs', 'Create', { name: 'a' }, 'id-1')).toEqual({ requestId: 'id-1' });
    expect(cloud.requestId()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4/);
  });

  it.each(['Nothing', 'constructor', 'hasOwnProperty'])('names the operation %s as unknown', (operation) => {
    const { cloud } = thingCloud();
    expect(() => cloud.call('ecs', operation, {})).toThrow(
      expect.objectContaining({ code: 'UnknownOperationException', message: expect.stringContaining(operation) }),
    );
  });

  it('to a service that is not there is unknown, too', () => {
    expect(() => thingCloud().cloud.call('iam', 'GetRole', {})).toThrow(/no service iam/);
  });

  it('from inside of a step is a programming error', () => {
    const { cloud } = thingCloud();
    expect(() => cloud.call('ecs', 'Reenter', {})).toThrow(/inside of a step/);
    expect(cloud.call('ecs', 'Read', { name: 'x' })).toBeUndefined();
  });

  it('is refused by the intercept before its handler runs', async () => {
    const intercept: CloudCoreOptions['intercept'] = (service, operation, input) =>
      operation === 'Read'
        ? undefined
        : new AwsError('ThrottlingException', JSON.stringify([service, operation, input]));
    const { cloud, things } = thingCloud({ intercept });
    expect(() => cloud.call('ecs', 'Create', { name: 'a' })).toThrow('["ecs","Create",{"name":"a"}]');
    await expect(cloud.callAsync('ecs', 'Outside', { name: 'a' })).rejects.toThrow(/Outside/);
    expect(things.size).toBe(0);
  });
});

describe('callAsync', () => {
  it('runs what needs the outer world, and plain operations, and rejects instead of throwing', async () => {
    const { cloud, things } = thingCloud();
    await expect(cloud.callAsync('ecs', 'Outside', { name: 'a' })).resolves.toEqual({ done: true });
    expect(things.get('a')?.state).toBe('done');
    await cloud.callAsync('ecs', 'Create', { name: 'b' });
    await expect(cloud.callAsync('ecs', 'Create', { name: 'b' })).rejects.toThrow(/exists/);
    await expect(cloud.callAsync('ecs', 'None', {})).rejects.toThrow(/None/);
  });
});

describe('a report', () => {
  it('from inside of a step waits for its end, and is there before the answer is', () => {
    const { cloud, things } = thingCloud();
    expect(cloud.call('ecs', 'Drive', { name: 'a' })).toEqual({ seen: false });
    expect(things.has('a-report')).toBe(true);
  });

  it('is a step of its own: one that throws leaves nothing and is told', () => {
    const faults: unknown[] = [];
    const { cloud, things } = thingCloud({ onFault: (error) => faults.push(error) });
    cloud.enter(() => {
      things.set('a', { state: 'done', atMs: 0 });
      throw new Error('broken report');
    });
    expect(things.size).toBe(0);
    expect(faults).toEqual([new Error('broken report')]);
  });

  it('re-arms the timer', () => {
    const { cloud, clock, things } = thingCloud();
    cloud.enter((nowMs) => things.set('a', { state: 'pending', atMs: nowMs + 5 }));
    expect(clock.nextAtMs()).toBe(1_000_005);
  });

  it('after close is dropped', () => {
    const { cloud, things } = thingCloud();
    cloud.close();
    cloud.close();
    cloud.enter(() => things.set('a', { state: 'done', atMs: 0 }));
    expect(things.size).toBe(0);
  });
});

describe('time', () => {
  it('has one timer, at the least due time, and none when nothing waits', () => {
    const { cloud, clock, things } = thingCloud();
    expect(clock.nextAtMs()).toBeUndefined();
    cloud.call('ecs', 'Create', { name: 'a' });
    expect(clock.nextAtMs()).toBe(1_000_010);
    clock.step();
    expect(things.get('a')).toEqual({ state: 'active', atMs: 1_000_020 });
    clock.step();
    expect(things.get('a')?.state).toBe('done');
    expect(clock.step()).toBe(false);
  });

  it('runs a chain of states without delays to its end at once', () => {
    const { cloud, things, clock } = thingCloud({ delayMs: 0 });
    cloud.call('ecs', 'Create', { name: 'a' });
    clock.step();
    expect(things.get('a')?.state).toBe('done');
  });

  it('is not asked about by calls that change nothing', () => {
    const { cloud, advanced } = thingCloud();
    cloud.call('ecs', 'Create', { name: 'a' });
    for (let i = 0; i < 5; i++) cloud.call('ecs', 'Read', { name: 'a' });
    expect(advanced).toEqual([]);
  });

  it('a machine that never does its due work fails loudly', () => {
    const { cloud, clock, controls } = thingCloud();
    cloud.call('ecs', 'Create', { name: 'a' });
    controls.stuck = true;
    expect(() => clock.step()).toThrow(/ecs has work due at 1000010 that advance does not do/);
  });

  it('a fault rolls the step back, is told, and does not spin', () => {
    const faults: unknown[] = [];
    const { cloud, clock, controls, things } = thingCloud({ onFault: (error) => faults.push(error) });
    cloud.call('ecs', 'Create', { name: 'a' });
    controls.brokenAdvance = true;
    clock.step();
    expect(faults).toHaveLength(1);
    expect(things.get('a')?.state).toBe('pending');
    expect(clock.nextAtMs()).toBe(1_000_010 + 1000);
    expect(cloud.call('ecs', 'Read', { name: 'a' })).toMatchObject({ state: 'pending' });
    controls.brokenAdvance = false;
    clock.step();
    expect(things.get('a')?.state).toBe('active');
  });

  it('without somebody to tell, a fault is thrown', () => {
    const { cloud, clock, controls } = thingCloud();
    cloud.call('ecs', 'Create', { name: 'a' });
    controls.brokenAdvance = true;
    expect(() => clock.step()).toThrow('broken advance');
  });

  it('stands still after close', () => {
    const { cloud, clock, advanced } = thingCloud();
    cloud.call('ecs', 'Create', { name: 'a' });
    cloud.close();
    while (clock.step());
    expect(advanced).toEqual([]);
  });
});
