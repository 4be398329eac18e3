/**
 * `npm run bench -- [name…] [--check]`: runs the benchmarks (all, or those named), prints a table and writes
 * bench/results/latest.json. With --check it ends with status 1 when a goal is missed.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { adapter } from './adapter.ts';
import { coldStart } from './cold-start.ts';
import { convergence } from './convergence.ts';
import { events } from './events.ts';
import { type Benchmark, isMet, type Measurement, reportOf, tableOf } from './harness.ts';
import { heal } from './heal.ts';
import { live } from './live.ts';
import { memory } from './memory.ts';
import { planner } from './planner.ts';
import { resync } from './resync.ts';
import { start } from './start.ts';
import { workqueue } from './workqueue.ts';

const BENCHMARKS: readonly Benchmark[] = [
  workqueue,
  planner,
  memory,
  resync,
  events,
  start,
  live,
  heal,
  coldStart,
  convergence,
  adapter,
];
/** From the root of the repository, which npm makes the working directory. */
const RESULTS = join('bench', 'results');

async function main(args: readonly string[]): Promise<number> {
  const named = args.filter((arg) => !arg.startsWith('--'));
  const unknown = [
    ...named.filter((name) => !BENCHMARKS.some((benchmark) => benchmark.name === name)),
    ...args.filter((arg) => arg.startsWith('--') && arg !== '--check'),
  ];
  if (unknown.length > 0) {
    const names = BENCHMARKS.map(({ name }) => name).join(', ');
    process.stderr.write(`'${unknown[0]}' is neither a benchmark (${names}) nor --check\n`);
    return 2;
  }
  const results: { benchmark: string; measurements: readonly Measurement[] }[] = [];
  for (const benchmark of BENCHMARKS) {
    if (named.length > 0 && !named.includes(benchmark.name)) continue;
    process.stderr.write(`${benchmark.name} …\n`);
    results.push({ benchmark: benchmark.name, measurements: await benchmark.run() });
  }
  const report = reportOf(results, Date.now());
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, 'latest.json'), `${JSON.stringify(report, undefined, 2)}\n`);
  process.stdout.write(`\n${tableOf(report)}`);
  const missed = report.measurements.some((measurement) => isMet(measurement) === false);
  return missed && args.includes('--check') ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2));
