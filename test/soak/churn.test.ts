/**
 * An hour's churn of a fleet under the virtual clock: what it leaves in memory. The daemon as `start` puts it together,
 * paced and far away; people change specs, delete and re-create objects and break things all the time. Judged twice: the heap
 * of all (daemon and cloud) has no slope, and the daemon that went through it holds no more than one that has just
 * started on the same account. Here a small fleet and five minutes; two thousand objects and an hour with EVERY=1.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, expect, it } from 'vitest';
import { EVERYTHING } from '../../bench/fleets.ts';
import { pacedDaemon } from '../../bench/paced-daemon.ts';
import { seededRandom } from '../../src/core/index.ts';
import { fleetOf } from '../simulation/fleet.ts';
import { functionCode, World } from '../simulation/world.ts';
import { type Sample, trendOfLaterHalf } from './trend.ts';

const MIB = 1024 * 1024;
const SIZE = process.env.EVERY ? 2_000 : 20;
const CHURN_MS = process.env.EVERY ? 3_600_000 : 300_000;
/** One act in so long: well within what an account's rates let a daemon heal. */
const PAUSE_MS = 6_000;
const SAMPLE_MS = CHURN_MS / 20;
/** Sweeps, rotation and the reads of tags that come last have had their turn. */
const QUIET_MS = process.env.EVERY ? 600_000 : 200_000;
/** Tasks cost the simulation most: one in so many objects runs on Fargate. */
const ON_FARGATE = 20;
/** Of the daemon's own heap: caches with bounds that a new daemon has not filled yet. */
const LEFT_MIB = 6;
/** Of all: AWS keeps what was (events and decisions, deregistered definitions, ended builds, old versions). */
const RISE_SHARE = 0.08;

let world: World;
afterEach(() => world.cloud.close());

it(
  `an hour's churn leaves nothing behind (${SIZE} objects, ${CHURN_MS / 60_000} min)`,
  async () => {
    const random = seededRandom(2_000);
    world = new World(1, { policy: EVERYTHING });
    await world.bootstrap();
    const fleet = await fleetOf(world, SIZE, { mode: 'lambda' });
    const put = (index: number, level = 0) => {
      const name = fleet.names[index] ?? '';
      const wish =
        index % ON_FARGATE === 0
          ? { placement: { mode: 'fargate' }, environment: { LEVEL: String(level) } }
          : { placement: { mode: 'lambda' }, traffic: { paths: [`/${name}/${level}`] } };
      return world.put('shop', name, { ...fleet.specOf(name), ...wish });
    };
    const isReady = async () => {
      await world.run(10_000);
      await world.confirmHeld();
      let ready = 0;
      for await (const { status } of world.state.statuses('shop')) if (status.phase === 'Ready') ready++;
      return ready === SIZE;
    };

    let daemon = pacedDaemon(world);
    for (const index of fleet.names.keys()) await put(index);
    await world.until('all are Ready', isReady, 6 * 3_600_000);
    await world.run(QUIET_MS);

    const samples: Sample[] = [];
    const done = { changed: 0, recreated: 0, broken: 0, updated: 0 };
    const beganMs = world.clock.now();
    let sampledMs = beganMs;
    while (world.clock.now() - beganMs < CHURN_MS) {
      const index = Math.floor(random.next() * SIZE);
      const kind = random.next();
      if (kind < 0.5) {
        await put(index, Math.floor(random.next() * 1_000));
        done.changed++;
      } else if (kind < 0.65) {
        await world.remove('shop', fleet.names[index] ?? '');
        // It is gone by then, and comes back.
        world.clock.after(90_000, () => void put(index));
        done.recreated++;
      } else if (kind < 0.97) {
        if (await misdirect(world, fleet.names[index] ?? '')) done.broken++;
      } else {
        const FunctionName = `fleet-${Math.floor(index / 20)}`;
        await world.aws.lambda.updateFunctionCode({ FunctionName, ZipFile: functionCode(`${world.clock.now()}`) });
        done.updated++;
      }
      await world.run(PAUSE_MS * 2 * random.next());
      if (world.clock.now() - sampledMs < SAMPLE_MS) continue;
      sampledMs = world.clock.now();
      samples.push({ atMs: sampledMs, value: heapMib() });
    }
    await world.run(100_000);
    await world.until('all are Ready again', isReady, 3_600_000);
    await world.run(QUIET_MS);

    const old = heapMib();
    await daemon.stop();
    daemon = pacedDaemon(world);
    await world.until('another leads', async () => daemon.controller.state === 'leading', 60_000);
    await world.run(QUIET_MS);
    const fresh = heapMib();
    await daemon.stop();

    const trend = trendOfLaterHalf(samples);
    const report = { ...done, heapMib: trend.mean, riseMib: trend.rise, old, fresh, left: old - fresh };
    process.stdout.write(`churn: ${JSON.stringify(report)}\n`);
    expect(Object.values(done).every((count) => count > 0)).toBe(true);
    expect(report.left).toBeLessThan(LEFT_MIB);
    expect(report.riseMib).toBeLessThan(trend.mean * RISE_SHARE);
  },
  process.env.EVERY ? 7_200_000 : 120_000,
);

/** Somebody sends what the object's rule gets to another path; false when it has no rule at the moment. */
async function misdirect({ aws, state }: World, name: string): Promise<boolean> {
  const { allocation } = (await state.inventory({ namespace: 'shop', name })) ?? {};
  if (!allocation) return false;
  const { Rules = [] } = await aws.elbv2.describeRules({ ListenerArn: allocation.listenerArn });
  const rule = Rules.find(({ Priority }) => Priority === String(allocation.priority));
  if (!rule) return false;
  const Conditions = [{ Field: 'path-pattern', Values: [`/elsewhere/${name}`] }];
  await aws.elbv2.modifyRule({ RuleArn: rule.RuleArn, Conditions });
  return true;
}

const collect = (() => {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
})();

function heapMib(): number {
  // What finalisers let go of is collected by the second.
  collect();
  collect();
  return process.memoryUsage().heapUsed / MIB;
}
