/**
 * What the runtime adapter costs, beside baselines measured in the same run: plain `node:http` that says hello, the
 * official Lambda emulator, one process instead of sixteen. Rounds of each take turns, and the least disturbed one
 * counts. Linux only: CPU and memory are read from /proc. BENCH_QUICK=1 makes it a matter of a minute, for a first look.
 *
 * CPU and latency are measured under the same arrivals for both: at half of what the adapter can do with a trivial Node.js
 * handler in one process, and at nine tenths of all that it can do. As fast as each goes, hello answers several times as many
 * and many of them per turn of its event loop, which says more about the load than about the server; those numbers stand
 * beside, without a goal. The runtime behind the adapter is then one that answers at once, so that what it costs is (nearly)
 * not counted.
 */
import { atRate, closedLoop, type Loaded, type Target } from './adapter/load.ts';
import { cpuMs, type Program, Programs, residentMib } from './adapter/programs.ts';
import type { Benchmark, Measurement } from './harness.ts';

const QUICK = process.env.BENCH_QUICK !== undefined;
const ROUNDS = QUICK ? 2 : 5;
const ROUND_MS = QUICK ? 2_000 : 6_000;
const INVOKE = '/2015-03-31/functions/hello/invocations';

type Running = Program & Target;

export const adapter: Benchmark = {
  name: 'adapter',
  async run() {
    if (process.platform !== 'linux') return [];
    const programs = new Programs();
    try {
      await programs.prepare();
      return [
        await againstEmulator(programs),
        ...(await costs(programs)),
        ...(await waiting(programs)),
        ...(await failures(programs)),
        ...(await memory(programs)),
      ];
    } finally {
      await programs.close();
    }
  },
};

async function againstEmulator(programs: Programs): Promise<Measurement> {
  const what = 'throughput of a trivial Python handler at concurrency 1';
  const missing = !programs.python ? 'awslambdaric' : !programs.emulator ? 'aws-lambda-rie' : undefined;
  if (missing) return { what, value: Number.NaN, unit: '/s', note: `left out: ${missing} is not on this machine` };
  let [ours, theirs] = [0, 0];
  for (let i = 0; i < ROUNDS; i++) {
    const emulator = await programs.emulated();
    theirs = Math.max(theirs, await invocationsPerSecond(emulator, 'function'));
    const ran = await programs.adapter('python', 1);
    ours = Math.max(ours, await invocationsPerSecond(ran, 'hello'));
  }
  return {
    what,
    value: ours,
    unit: '/s',
    baseline: { what: 'the official emulator', value: theirs },
    goal: { of: 'ratio', atLeast: 1.5 },
  };
}

async function invocationsPerSecond(program: Running, name: string): Promise<number> {
  const target = { port: program.port, path: INVOKE.replace('hello', name), body: '{}' };
  await closedLoop(target, 1, { requests: 500 });
  const { perSecond } = await closedLoop(target, 1, { ms: ROUND_MS });
  await program.stop();
  return perSecond;
}

interface Cost {
  cpuUs: number;
  p50Ms: number;
}

async function costs(programs: Programs): Promise<Measurement[]> {
  const real = await programs.adapter('node', 1);
  let most = 0;
  for (let i = 0; i < 3; i++) most = Math.max(most, (await closedLoop(real, 16, { ms: ROUND_MS / 2 })).perSecond);
  await real.stop();
  const rate = Math.round(most / 2);
  const ours: Running = await programs.adapter('instant', 4);
  const hello: Running = await programs.hello();
  for (const program of [ours, hello]) await closedLoop(program, 16, { requests: 30_000 });
  const half = await inTurns(ours, hello, (program) => atRate(program, rate, ROUND_MS));
  let flatOut = 0;
  for (let i = 0; i < 3; i++) flatOut = Math.max(flatOut, (await closedLoop(ours, 16, { ms: ROUND_MS / 2 })).perSecond);
  const fullRate = Math.round(flatOut * 0.9);
  const busy = await inTurns(ours, hello, (program) => atRate(program, fullRate, ROUND_MS));
  const alone = await inTurns(ours, hello, (program) => closedLoop(program, 1, { ms: ROUND_MS / 2 }));
  const full = await inTurns(ours, hello, (program) => closedLoop(program, 16, { ms: ROUND_MS / 2 }));
  await hello.stop();
  await ours.stop();
  const cpu = (what: string, [adapterCost, helloCost]: readonly [Cost, Cost]): Measurement => ({
    what: `CPU per request, ${what}`,
    value: adapterCost.cpuUs,
    unit: 'µs',
    baseline: { what: 'node:http hello', value: helloCost.cpuUs },
  });
  return [
    { ...cpu(`at ${rate}/s, half load`, half), goal: { of: 'ratio', atMost: 4 } },
    { ...cpu(`at ${fullRate}/s, nine tenths of all it can do`, busy), goal: { of: 'ratio', atMost: 4 } },
    cpu('one client, as fast as it goes', alone),
    cpu('16 clients, as fast as it goes', full),
    {
      what: 'p50 latency added at half load',
      value: half[0].p50Ms - half[1].p50Ms,
      unit: 'ms',
      goal: { of: 'value', atMost: 0.5 },
      note: `${half[0].p50Ms.toFixed(3)} ms with an instant runtime behind it, ${half[1].p50Ms.toFixed(3)} ms of hello alone`,
    },
  ];
}

/** The least of each over the rounds: other programs can only make a round dearer. */
async function inTurns(
  ours: Running,
  hello: Running,
  load: (program: Running) => Promise<Loaded>,
): Promise<[Cost, Cost]> {
  const least = (): Cost => ({ cpuUs: Number.POSITIVE_INFINITY, p50Ms: Number.POSITIVE_INFINITY });
  const costs: [Cost, Cost] = [least(), least()];
  for (let i = 0; i < ROUNDS; i++) {
    for (const [program, cost] of [
      [ours, costs[0]],
      [hello, costs[1]],
    ] as const) {
      const before = cpuMs(program.pid);
      const { answers, p50Ms } = await load(program);
      cost.cpuUs = Math.min(cost.cpuUs, ((cpuMs(program.pid) - before) * 1000) / answers);
      cost.p50Ms = Math.min(cost.p50Ms, p50Ms);
    }
  }
  return costs;
}

async function waiting(programs: Programs): Promise<Measurement[]> {
  const measure = async (processes: number, concurrency: number): Promise<Loaded> => {
    const ran = await programs.adapter('waiting', processes, { concurrency });
    await closedLoop(ran, 32, { ms: 1_000 });
    const loaded = await closedLoop(ran, 32, { ms: ROUND_MS });
    await ran.stop();
    return loaded;
  };
  const single = (await measure(1, 1)).perSecond;
  const measurement = (what: string, { perSecond }: Loaded): Measurement => ({
    what: `a handler that waits 50 ms, ${what}`,
    value: perSecond,
    unit: '/s',
    baseline: { what: 'one process', value: single },
    goal: { of: 'ratio', atLeast: 14 },
  });
  return [
    measurement('16 processes', await measure(16, 1)),
    measurement('16 at once in one process', await measure(1, 16)),
  ];
}

async function failures(programs: Programs): Promise<Measurement[]> {
  const seconds = QUICK ? 5 : 60;
  const measurements: Measurement[] = [];
  for (const concurrency of [16, 256]) {
    const ran = await programs.adapter(programs.python ? 'python' : 'instant', 1);
    const loaded = await closedLoop(ran, concurrency, { ms: seconds * 1000 });
    await ran.stop();
    measurements.push({
      what: `non-2xx at concurrency ${concurrency} for ${seconds} s`,
      value: loaded.failures,
      unit: `of ${loaded.answers + loaded.failures}`,
      goal: { of: 'value', atMost: 0 },
    });
  }
  return measurements;
}

async function memory(programs: Programs): Promise<Measurement[]> {
  const total = QUICK ? 100_000 : 1_000_000;
  const ran = await programs.adapter('instant', 4);
  const samples: number[] = [];
  for (let i = 0; i < 20; i++) {
    await closedLoop(ran, 32, { requests: total / 20 });
    samples.push(residentMib(ran.pid));
  }
  await ran.stop();
  const half = samples.slice(10);
  return [
    {
      what: `resident memory after ${total.toLocaleString('en-US')} requests`,
      value: samples.at(-1) ?? Number.NaN,
      unit: 'MiB',
      goal: { of: 'value', atMost: 90 },
    },
    {
      what: 'its growth over the last half',
      // By a line through the samples: a single one is the garbage collector's mood.
      value: slope(half) * (half.length - 1),
      unit: 'MiB',
      goal: { of: 'value', atMost: 3 },
      note: `samples: ${half.map((mib) => mib.toFixed(0)).join(' ')} MiB`,
    },
  ];
}

/** Of the line that lies closest to the values. */
function slope(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const middle = (values.length - 1) / 2;
  const over = values.reduce((sum, value, i) => sum + (i - middle) * (value - mean), 0);
  const under = values.reduce((sum, _, i) => sum + (i - middle) ** 2, 0);
  return over / under;
}
