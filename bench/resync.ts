/**
 * What a look at a steady fleet costs: the calls of a sweep, counted where they reach the (local) cloud, against the bound
 * that the listings themselves give for what is there, and beside it the same fleet described object by object, as
 * controllers without a sweep do. CPU is measured twice: our own work, with the answers of ports replayed, and with the
 * SDK's, which then parses the bytes of the same answers. Sizes: `BENCH_FLEET=100,1000,10000` (default).
 */
import { createSdkPorts, layered, type Ports } from '../src/aws/index.ts';
import { Memory } from '../src/controller/index.ts';
import { roundOf } from '../src/controller/sweeper/rotation.ts';
import { Search } from '../src/controller/sweeper/search.ts';
import { sweep } from '../src/controller/sweeper/sweep.ts';
import { KINDS } from '../src/kinds/index.ts';
import { serveWire } from '../src/local-cloud/index.ts';
import type { Io } from '../src/resource/index.ts';
import type { World } from '../test/simulation/world.ts';
import { copiedFleet } from './copied-fleet.ts';
import { RESYNC_MS, SIZES } from './fleets.ts';
import type { Benchmark, Measurement } from './harness.ts';
import { Replay } from './replay.ts';

const RESYNCS = 10;
/** In fleets beyond this the controller itself is not let run in simulated time: that takes minutes. */
const RUN_MAX = 1_000;
const ROUNDS = 7;

export const resync: Benchmark = {
  name: 'resync',
  async run() {
    const measurements: Measurement[] = [];
    const perObject: number[] = [];
    for (const size of SIZES) {
      process.stderr.write(`  ${size} objects …\n`);
      const world = await copiedFleet(size);
      try {
        const { calls, bound, described, cpuMs, sdkCpuMs, rotated, found } = await sweepOnce(world);
        perObject.push(cpuMs / size);
        measurements.push(
          {
            what: `calls per resync of ${size} steady objects`,
            value: calls,
            unit: 'calls',
            baseline: { what: 'bound of the listings', value: bound },
            goal: { of: 'ratio', atMost: 1.25 },
            note: `${found} differences found; the rotation reads ${rotated} more things, slowly`,
          },
          {
            what: `calls, beside describing ${size} objects one by one`,
            value: calls,
            unit: 'calls',
            baseline: { what: 'one by one', value: described },
          },
          {
            what: `CPU of a resync of ${size} objects`,
            value: cpuMs,
            unit: 'ms',
            note: 'unfolding what is remembered and comparing it; answers are replayed, the SDK is not included',
          },
          {
            what: `the same, and the SDK's signing and parsing`,
            value: sdkCpuMs,
            unit: 'ms',
            ...(size === 1_000 ? { goal: { of: 'value', atMost: 500 } as const } : {}),
            note: 'the bytes of the same answers, no sockets',
          },
        );
        if (size <= RUN_MAX) measurements.push(await quiet(world, size));
      } finally {
        world.cloud.close();
      }
    }
    const [first, last] = [perObject[0], perObject.at(-1)];
    if (first !== undefined && last !== undefined && perObject.length > 1) {
      measurements.push({
        what: `CPU for each of ${SIZES.at(-1)} objects`,
        value: last * 1000,
        unit: 'µs',
        baseline: { what: `of ${SIZES[0]}`, value: first * 1000 },
        goal: { of: 'ratio', atMost: 1.1 },
      });
    }
    return measurements;
  },
};

/** What the controller itself changes while nothing is to be done. */
async function quiet(world: World, size: number): Promise<Measurement> {
  world.start();
  // It leads, and has read its tables.
  await world.run(RESYNC_MS);
  for (const seen of [world.mutations, world.stateWrites, world.passes]) seen.length = 0;
  await world.run(RESYNCS * RESYNC_MS);
  const counts = [world.mutations, world.stateWrites, world.passes].map(({ length }) => length);
  await world.stop();
  const [changes = 0, writes, passes] = counts;
  return {
    what: `mutating calls in ${RESYNCS} resyncs of ${size}`,
    value: changes,
    unit: 'calls',
    goal: { of: 'value', atMost: 0 },
    note: `${passes} passes, ${writes} writes of state`,
  };
}

async function sweepOnce(world: World) {
  const memory = new Memory(world.state, () => 1);
  await memory.load();
  const objects = memory.fleet.objects();
  const bound = sum(new Search(objects, KINDS).expectedCalls.values());
  const counted = { calls: 0 };
  const io: Io = {
    aws: counting(world.aws, counted),
    region: world.region,
    nowMs: () => world.clock.now(),
    immutable: new Map(),
  };
  let found = 0;
  const parts = {
    kinds: KINDS,
    fleet: memory.fleet,
    onDrift: () => {
      found++;
    },
    onFailure: (listing: string) => {
      throw new Error(`${listing} cannot be read`);
    },
  };
  // Once, so that codecs are compiled and guesses made.
  await sweep(objects, io, parts, {});
  counted.calls = 0;
  await sweep(objects, io, parts, {});
  const { calls } = counted;
  const replayed = { ...io, aws: replaying(io.aws) };
  const cpuMs = await leastCpuMs(() => sweep(objects, replayed, parts, {}));
  const sdkCpuMs = await overSdk(world, (aws) => leastCpuMs(() => sweep(objects, { ...io, aws }, parts, {})));
  counted.calls = 0;
  for (const { nodes } of objects) {
    for (const { kind, identity } of nodes) await KINDS.get(kind)?.observe(io, identity, {});
  }
  return { calls, bound, described: counted.calls, cpuMs, sdkCpuMs, found, rotated: roundOf(objects, KINDS).length };
}

/** Of several rounds the least disturbed; one goes before them, so that answers are there and code is compiled. */
async function leastCpuMs(act: () => Promise<unknown>): Promise<number> {
  await act();
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const started = process.cpuUsage();
    await act();
    const { user, system } = process.cpuUsage(started);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}

/** Through the real clients of the SDK, whose requests are answered with the bytes of the first answer. */
async function overSdk<T>(world: World, act: (aws: Ports) => Promise<T>): Promise<T> {
  const wire = await serveWire({ cloud: world.cloud, host: '127.0.0.1', port: 0 });
  const { accessKeyId, sessionToken } = world.session;
  const { ports, close } = createSdkPorts(
    {
      region: world.region,
      endpoint: `http://127.0.0.1:${wire.port}`,
      credentials: { accessKeyId, secretAccessKey: 'bench', ...(sessionToken ? { sessionToken } : {}) },
      callTimeoutMs: 120_000,
      requestHandler: new Replay(),
    },
    world.aws.registry,
  );
  try {
    return await act(ports);
  } finally {
    close();
    await wire.close();
  }
}

function counting(ports: Ports, counted: { calls: number }): Ports {
  return layered(ports, (next) => (outgoing) => {
    counted.calls++;
    return next(outgoing);
  });
}

/** Gives the first answer to a question again, so that nothing but our own work is measured. */
function replaying(ports: Ports): Ports {
  const answers = new Map<string, Promise<unknown>>();
  return layered(ports, (next) => (outgoing) => {
    const question = `${outgoing.service} ${outgoing.operation} ${JSON.stringify(outgoing.input())}`;
    const answer = answers.get(question) ?? next(outgoing);
    answers.set(question, answer);
    return answer;
  });
}

function sum(counts: Iterable<number>): number {
  return [...counts].reduce((total, count) => total + count, 0);
}
