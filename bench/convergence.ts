/**
 * How long 1,000 objects that are all written at once take until they are Ready, in simulated time at AWS's published
 * rates, against the floor that these rates set for the calls that such objects need. What one object needs is counted,
 * not assumed: it is what the same object makes when it is alone. And whether others starve meanwhile: an object of
 * another class, written in the middle, is held against the same object in a quiet account.
 */
import { CHARGES, RATES, type RateName } from '../src/aws/index.ts';
import { fleetOf } from '../test/simulation/fleet.ts';
import { World } from '../test/simulation/world.ts';
import { EVERYTHING } from './fleets.ts';
import type { Benchmark, Measurement } from './harness.ts';
import { type PacedDaemon, pacedDaemon, type Sent } from './paced-daemon.ts';

const SIZE = Number(process.env.BENCH_CONVERGENCE ?? (process.env.BENCH_QUICK ? 200 : 1_000));
const OTHER = { source: { functionRef: { name: 'hello' } }, placement: { mode: 'fargate' } };
const LOOK_EVERY_MS = 5_000;

type Calls = ReadonlyMap<string, number>;

export const convergence: Benchmark = {
  name: 'convergence',
  async run() {
    const alone = await oneAlone();
    const needed = await neededBy();
    const { floorMs, bucket } = floorOf(needed, SIZE);
    const many = await manyAtOnce();
    const perObject = [...many.calls].map(([call, count]) => [call, count / SIZE] as const);
    const surplus = perObject.filter(([call, count]) => count > (needed.get(call) ?? 0) * 1.05);
    const measurements: Measurement[] = [
      {
        what: `${SIZE} new objects until all are Ready, simulated`,
        value: many.tookMs / 1000,
        unit: 's',
        baseline: { what: `floor of ${bucket}`, value: floorMs / 1000 },
        goal: { of: 'ratio', atMost: 1.2 },
        note: `${many.throttled} calls throttled; each object needs ${listed([...needed])}; more than needed: ${listed(surplus) || 'none'}`,
      },
      {
        what: 'an object of another class, written in the middle, until Ready',
        value: many.otherMs / 1000,
        unit: 's',
        baseline: { what: 'in a quiet account', value: alone.tookMs / 1000 },
        goal: { of: 'ratio', atMost: 2 },
      },
    ];
    return measurements;
  },
};

/** Virtual ms until an object that is alone is Ready. */
async function oneAlone(): Promise<{ tookMs: number }> {
  return withWorld(async (world) => {
    const daemon = pacedDaemon(world);
    await world.run(10_000);
    await world.put('shop', 'other', OTHER);
    const tookMs = await world.until('the object is Ready', () => world.isReady('shop', 'other'));
    await daemon.stop();
    return { tookMs };
  });
}

/** Mutating calls of one object whose class, repository and function others use already: what each further one needs. */
async function neededBy(): Promise<Calls> {
  return withWorld(async (world) => {
    const fleet = await fleetOf(world, 2, { mode: 'fargate' });
    const calls = new Map<string, number>();
    const daemon = pacedDaemon(world, { onSent: counting(calls) });
    const [first = '', second = ''] = fleet.names;
    await world.put('shop', first, fleet.specOf(first));
    await world.until('the first is Ready', () => world.isReady('shop', first));
    await world.run(60_000);
    calls.clear();
    await world.put('shop', second, fleet.specOf(second));
    await world.until('the second is Ready', () => world.isReady('shop', second));
    await world.run(60_000);
    await daemon.stop();
    return calls;
  });
}

async function manyAtOnce() {
  return withWorld(async (world) => {
    const fleet = await fleetOf(world, SIZE, { mode: 'fargate' });
    const calls = new Map<string, number>();
    const daemon = pacedDaemon(world, { onSent: counting(calls) });
    await world.run(10_000);
    const startedMs = world.clock.now();
    for (const name of fleet.names) await world.put('shop', name, fleet.specOf(name));
    const half = await untilReady(world, daemon, 'app-', SIZE / 2);
    const writtenMs = world.clock.now();
    const before = new Map(calls);
    await world.put('shop', 'other', OTHER);
    await world.until('the other one is Ready', () => world.isReady('shop', 'other'), 3_600_000);
    const otherMs = world.clock.now() - writtenMs;
    const all = half >= SIZE ? half : await untilReady(world, daemon, 'app-', SIZE);
    const tookMs = world.clock.now() - startedMs;
    if (all < SIZE || before.size === 0) throw new Error(`${all} of ${SIZE} are Ready`);
    const throttled = daemon.throttled();
    await daemon.stop();
    return { tookMs, otherMs, calls, throttled };
  });
}

async function untilReady(world: World, daemon: PacedDaemon, prefix: string, count: number): Promise<number> {
  const limitMs = world.clock.now() + 6 * 3_600_000;
  for (;;) {
    let ready = 0;
    for await (const { key, status } of world.state.statuses('shop')) {
      if (key.name.startsWith(prefix) && status.phase === 'Ready') ready++;
    }
    if (ready >= count) return ready;
    if (daemon.controller.state !== 'leading') throw new Error(`the controller is ${daemon.controller.state}`);
    if (world.clock.now() > limitMs) throw new Error(`${ready} of ${count} are Ready after six hours`);
    await world.run(LOOK_EVERY_MS);
  }
}

async function withWorld<T>(use: (world: World) => Promise<T>): Promise<T> {
  const world = new World(1, { policy: EVERYTHING });
  try {
    await world.bootstrap();
    return await use(world);
  } finally {
    world.cloud.close();
  }
}

function counting(calls: Map<string, number>): (sent: Sent) => void {
  return ({ service, operation, changes }) => {
    if (changes) calls.set(`${service} ${operation}`, (calls.get(`${service} ${operation}`) ?? 0) + 1);
  };
}

/** How long AWS makes so many objects take: the bucket that takes the longest for what all of them need together. */
function floorOf(needed: Calls, objects: number): { floorMs: number; bucket: RateName | '' } {
  const taken = new Map<RateName, number>();
  for (const [call, count] of needed) {
    const [service = '', operation = ''] = call.split(' ');
    const charges = (CHARGES as unknown as Record<string, Record<string, readonly RateName[]>>)[service]?.[operation];
    for (const name of charges ?? []) taken.set(name, (taken.get(name) ?? 0) + count * objects);
  }
  let floor: { floorMs: number; bucket: RateName | '' } = { floorMs: 0, bucket: '' };
  for (const [bucket, tokens] of taken) {
    const { burst, perSec } = RATES[bucket];
    const floorMs = (Math.max(0, tokens - burst) / perSec) * 1000;
    if (floorMs > floor.floorMs) floor = { floorMs, bucket };
  }
  return floor;
}

function listed(calls: readonly (readonly [string, number])[]): string {
  return calls.map(([call, count]) => `${call} ${Number(count.toFixed(2))}`).join(', ');
}
