/** Fleets of steady objects in simulated accounts, brought up by the controller itself. */
import type { EventSettings } from '../src/local-cloud/contract.ts';
import type { StateStore } from '../src/local-cloud/state/index.ts';
import { fleetOf } from '../test/simulation/fleet.ts';
import { World } from '../test/simulation/world.ts';

export const RESYNC_MS = 60_000;
/** Objects of the fleets that are measured. */
export const SIZES = (process.env.BENCH_FLEET ?? '100,1000,10000').split(',').map(Number);
/** Reasons that rest on tags count only some time after the last act. */
const QUIET_MS = 330_000;

/** What a fleet's listeners are called is the fleet's; the policy for an account of one load balancer does not fit it. */
export const EVERYTHING = {
  Version: '2012-10-17',
  Statement: [{ Sid: 'All', Effect: 'Allow', Action: ['*'], Resource: ['*'] }],
} as const;

/** `size` objects that run on Fargate, settled for a while, and a controller that leads. `state`: where the cloud keeps them; `events`: how it tells of changes. */
export async function bringUp(size: number, state?: StateStore, events?: EventSettings): Promise<World> {
  const world = new World(1, { policy: EVERYTHING, ...(state ? { state } : {}), ...(events ? { events } : {}) });
  await world.bootstrap();
  world.resyncMs = RESYNC_MS;
  const fleet = await fleetOf(world, size, { mode: 'fargate' });
  world.start();
  for (const name of fleet.names) await world.put('shop', name, fleet.specOf(name));
  const isReady = async () => {
    // Asked seldom: it reads them all.
    await world.run(10_000);
    let ready = 0;
    for await (const { status } of world.state.statuses('shop')) if (status.phase === 'Ready') ready++;
    return ready === size;
  };
  await world.until(`${size} objects are Ready`, isReady, 6 * 3_600_000);
  await world.run(QUIET_MS);
  return world;
}
