/**
 * The workqueue beside client-go's, which does the same on the same machine in the same run, round by round in turn.
 * The least disturbed round of each counts: other programs can only make a round slower.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Workqueue } from '../src/controller/workqueue.ts';
import { Metrics, systemClock, systemRandom } from '../src/core/index.ts';
import type { Benchmark, Measurement } from './harness.ts';

const ROUNDS = 20;
const CYCLES = 300_000;
const KEYS = Array.from({ length: 100_000 }, (_, i) => `namespace-${i % 50}/object-${i}`);
/** As many as an ordinary fleet has. */
const FEW = KEYS.slice(0, 1_000);

interface Round {
  readonly addGetDoneNs: number;
  readonly fillDrainNs: number;
}

interface Rounds {
  /** Nothing is measured of the queue. */
  readonly bare: Round;
  /** Every operation counts and times itself, as in the daemon. */
  readonly measured: Round;
}

export const workqueue: Benchmark = {
  name: 'workqueue',
  async run() {
    const go = buildGo();
    const [ours, theirs]: [Rounds[], Rounds[]] = [[], []];
    try {
      for (let i = 0; i < ROUNDS; i++) {
        ours.push({ bare: await round(undefined), measured: await round(new Metrics()) });
        if (go.program !== undefined) {
          const printed = execFileSync(go.program, ['-cycles', String(CYCLES), '-keys', String(KEYS.length)]);
          theirs.push(JSON.parse(printed.toString('utf8')) as Rounds);
        }
      }
    } finally {
      go.remove();
    }
    const compared = (what: string, pick: (rounds: Rounds) => number, atMost: number | undefined): Measurement => ({
      what,
      value: Math.min(...ours.map(pick)),
      unit: 'ns',
      baseline: theirs.length > 0 ? { what: 'client-go', value: Math.min(...theirs.map(pick)) } : undefined,
      ...(atMost === undefined ? {} : { goal: { of: 'ratio', atMost } }),
      note: go.missing,
    });
    return [
      compared('add+get+done', ({ bare }) => bare.addGetDoneNs, 1.5),
      compared('add+get+done with metrics', ({ measured }) => measured.addGetDoneNs, 1.5),
      compared('fill and drain 100,000 keys', ({ bare }) => bare.fillDrainNs, undefined),
      compared('fill and drain 100,000 keys with metrics', ({ measured }) => measured.fillDrainNs, undefined),
    ];
  },
};

async function round(metrics: Metrics | undefined): Promise<Round> {
  return { addGetDoneNs: await addGetDone(metrics), fillDrainNs: await fillDrain(metrics) };
}

async function addGetDone(metrics: Metrics | undefined): Promise<number> {
  const queue = new Workqueue(systemClock, systemRandom, {}, metrics);
  const started = process.hrtime.bigint();
  for (let i = 0; i < CYCLES; i++) {
    queue.add(FEW[i % FEW.length] as string);
    queue.done((await queue.get()) as string);
  }
  const took = process.hrtime.bigint() - started;
  queue.shutDown();
  return Number(took) / CYCLES;
}

async function fillDrain(metrics: Metrics | undefined): Promise<number> {
  const queue = new Workqueue(systemClock, systemRandom, {}, metrics);
  const started = process.hrtime.bigint();
  for (const key of KEYS) queue.add(key);
  for (let i = 0; i < KEYS.length; i++) queue.done((await queue.get()) as string);
  const took = process.hrtime.bigint() - started;
  queue.shutDown();
  return Number(took) / KEYS.length;
}

/** Builds the baseline. Without Go there is none, and the numbers say so; a Go that cannot build it is an error. */
function buildGo(): { program?: string; missing?: string; remove: () => void } {
  try {
    execFileSync('go', ['version'], { stdio: 'ignore' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return { missing: 'no baseline: go is not installed here', remove: () => {} };
  }
  const folder = mkdtempSync(join(tmpdir(), 'lambdacontainer-bench-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    const program = join(folder, 'workqueue');
    execFileSync('go', ['build', '-o', program, '.'], {
      cwd: join('bench', 'go', 'workqueue'),
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    return { program, remove };
  } catch (error) {
    remove();
    throw error;
  }
}
