/**
 * The resident memory of the daemon: the shipped program (`npm run build` first, or `BENCH_DIST`) leads over a fleet of
 * steady objects in an account that is served over the wire, and is looked at while it sweeps. Beside it what remembering
 * a fleet costs by itself: the heap of a leader's memory over copies of one settled object. Linux only, for the daemon:
 * memory is read from /proc. Sizes: `BENCH_DAEMON=1000,10000` (default); ten thousand objects take minutes to copy.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Memory } from '../src/controller/index.ts';
import type { ObjectKey } from '../src/resource/index.ts';
import type { StateTable, StoredObject } from '../src/store/index.ts';
import { World } from '../test/simulation/world.ts';
import { copiedFleet } from './copied-fleet.ts';
import { Daemon, shippedVersion } from './daemon.ts';
import type { Benchmark, Measurement } from './harness.ts';
import { median } from './percentiles.ts';

const NAME = 'checkout';
const SIZES = [1_000, 10_000] as const;
const MIB = 1024 * 1024;
const FLEETS = (process.env.BENCH_DAEMON ?? '1000,10000').split(',').map(Number);
/** Shorter than the daemon's own, so that it is never at rest. */
const RESYNC = '10s';
const SAMPLES = 12;
const SAMPLE_MS = 5_000;
/** A daemon of so many objects has this much. */
const TASK_MIB = 512;
const FIRST_MIB = 130;
const FURTHER_MIB = 8;

export const memory: Benchmark = {
  name: 'memory',
  async run() {
    const text = await settledObject();
    const [few, many] = [await remembered(text, SIZES[0]), await remembered(text, SIZES[1])];
    const perThousand = ((many - few) / (SIZES[1] - SIZES[0])) * 1_000;
    return [
      {
        what: 'remembered: a further 1,000 objects',
        value: perThousand / MIB,
        unit: 'MiB',
        baseline: { what: 'their items as JSON', value: (text.length * 1_000) / MIB },
        goal: { of: 'value', atMost: FURTHER_MIB },
      },
      { what: 'remembered: 10,000 objects', value: many / MIB, unit: 'MiB' },
      ...(process.platform === 'linux' ? await daemons() : []),
    ];
  },
};

async function daemons(): Promise<Measurement[]> {
  const measurements: Measurement[] = [];
  const residents: number[] = [];
  for (const size of FLEETS) {
    const { resident, most } = await daemonOver(size);
    residents.push(resident);
    measurements.push({
      what: `the daemon with ${size.toLocaleString('en-US')} objects, resident while it sweeps`,
      value: resident,
      unit: 'MiB',
      ...(size === 1_000 ? { goal: { of: 'value', atMost: FIRST_MIB } as const } : {}),
      ...(size === 10_000 ? { goal: { of: 'value', atMost: TASK_MIB } as const } : {}),
      note: `${most.toFixed(0)} MiB at most since its start`,
    });
  }
  const [first, last] = [residents[0], residents.at(-1)];
  const further = (FLEETS.at(-1) ?? 0) - (FLEETS[0] ?? 0);
  if (first !== undefined && last !== undefined && further > 0) {
    measurements.push({
      what: 'the daemon: a further 1,000 objects',
      value: ((last - first) / further) * 1_000,
      unit: 'MiB',
      goal: { of: 'value', atMost: FURTHER_MIB },
    });
  }
  return measurements;
}

async function daemonOver(size: number): Promise<{ readonly resident: number; readonly most: number }> {
  process.stderr.write(`  a daemon over ${size} objects …\n`);
  const world = await copiedFleet(size, shippedVersion());
  const daemon = await Daemon.start(world, { LAMBDACONTAINER_RESYNC: RESYNC });
  try {
    // Said after the first sweep.
    await daemon.says('drift is found after');
    const samples: number[] = [];
    for (let i = 0; i < SAMPLES; i++) {
      await pause(SAMPLE_MS);
      samples.push(daemon.residentMib().now);
    }
    return { resident: median(samples), most: daemon.residentMib().most };
  } finally {
    await daemon.stop();
    world.cloud.close();
  }
}

/** Everything that is stored of one settled object, as JSON. */
async function settledObject(): Promise<string> {
  const world = new World(1);
  try {
    await world.bootstrap();
    world.start();
    const placement = { mode: 'fargate' };
    await world.put('shop', NAME, { source: { functionRef: { name: 'hello' } }, placement });
    await world.until('the object is Ready', () => world.isReady('shop', NAME));
    await world.run(120_000);
    await world.stop();
    const stored = (await world.state.loadAll()).get(`shop/${NAME}`);
    if (!stored?.inventory?.body.steady) throw new Error('the object has not settled');
    return JSON.stringify({ ...stored, revisions: [...stored.revisions] });
  } finally {
    world.cloud.close();
  }
}

/** Bytes that a leader holds which has loaded so many objects. */
async function remembered(text: string, count: number): Promise<number> {
  const collect = collector();
  const before = held(collect);
  const memory = new Memory(tableOf(text, count), () => 1);
  await memory.load();
  const bytes = held(collect) - before;
  if (memory.fleet.size !== count) throw new Error(`${memory.fleet.size} of ${count} objects are steady`);
  return bytes;
}

function tableOf(text: string, count: number): StateTable {
  return {
    async loadAll(_call: unknown, make: (key: ObjectKey) => StoredObject) {
      const objects = new Map<string, StoredObject>();
      for (let i = 0; i < count; i++) {
        // Names of the same length, and values of their own.
        const name = `app-${String(i).padStart(4, '0')}`;
        const { inventory, status, revisions } = JSON.parse(
          text.replaceAll(NAME, name).replaceAll(/(?<=[0-9a-f]{4})[0-9a-f]{4}(?="|\.[0-9a-f]{8})/g, hex(i)),
        );
        const stored = make({ namespace: 'shop', name });
        Object.assign(stored, { inventory, status, revisions: new Map(revisions) });
        objects.set(`shop/${name}`, stored);
      }
      return objects;
    },
  } as unknown as StateTable;
}

function hex(i: number): string {
  return ((i * 40_503) & 0xffff).toString(16).padStart(4, '0');
}

function collector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

function held(collect: () => void): number {
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
