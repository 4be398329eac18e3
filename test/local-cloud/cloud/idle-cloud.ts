/** The machines with drivers that must not be needed. */
import { seededRandom, VirtualClock } from '../../../src/core/index.ts';
import { Cloud, type Drivers, memoryBlobs, type StateStore } from '../../../src/local-cloud/index.ts';
import { SETTINGS } from './world.ts';

export const unused = () => {
  throw new Error('no driver is needed in this test');
};

const DRIVERS: Drivers = {
  tasks: { prepare: unused, startContainer: unused, signalContainer: unused, checkContainer: unused, release: unused },
  builds: { start: unused, stop: unused },
  functions: { invoke: unused },
  probes: { probe: unused },
};

export function idleCloud(state: StateStore, clock = new VirtualClock()): Cloud {
  return new Cloud({
    clock,
    random: seededRandom(5),
    state,
    blobs: memoryBlobs(),
    settings: SETTINGS,
    drivers: () => DRIVERS,
  });
}
