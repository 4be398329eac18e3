/**
 * The command: `npm run sim -- --seed N`, `--seeds M [--from N]`, `--script FILE`; with `--hours H --objects K --quiet --report FILE`. One
 * seed prints its history and the fingerprint that every other run of it must give; many are played by as many processes
 * as there are processors. What fails prints the line that plays it again, and is shrunk and written as a script.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { play, type Verdict } from './play.ts';
import { playAll, runProgram } from './players.ts';
import { type Scenario, scenarioOf } from './scenario.ts';
import { kindOf, shrink } from './shrink.ts';

const OPTIONS = {
  seed: { type: 'string' },
  seeds: { type: 'string' },
  from: { type: 'string', default: '1' },
  script: { type: 'string' },
  hours: { type: 'string' },
  objects: { type: 'string' },
  quiet: { type: 'boolean', default: false },
  'no-shrink': { type: 'boolean', default: false },
  report: { type: 'string' },
  'until-failure': { type: 'boolean', default: false },
} as const;

const USAGE =
  'usage: npm run sim -- (--seed N | --seeds M [--from N] | --script FILE) [--hours H] [--objects K] [--quiet] [--no-shrink] [--report FILE]';
/** Where failing scenarios are written. */
const FAILURES = 'test/simulation/sim/failures';
const REGRESSIONS = 'test/simulation/sim/regressions';
const HISTORY_LINES = 60;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function numberOf(name: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new TypeError(`--${name}: ${text} is not a number; ${USAGE}`);
}

interface Options {
  readonly hours: number | undefined;
  readonly objects: number | undefined;
  readonly isQuiet: boolean;
  readonly shrinks: boolean;
  /** Where the counts are written, in the shape of the test runner's. */
  readonly report: string | undefined;
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function lineOf({ seed, violations, fingerprint, simulatedMs, steps, calls, settledAfterMs }: Verdict, tookMs: number) {
  const minutes = (simulatedMs / 60_000).toFixed(0);
  const settled = `settled ${(settledAfterMs / 1000).toFixed(0)} s after the last fault`;
  return `seed ${seed} ${violations.length === 0 ? 'ok' : 'FAILED'} ${fingerprint} · ${minutes} min, ${steps} changes, ${calls} calls, ${settled} · ${(tookMs / 1000).toFixed(2)} s of CPU`;
}

function commandOf(seed: number, { hours, objects }: Options): string {
  const more = [
    ...(hours === undefined ? [] : [`--hours ${hours}`]),
    ...(objects === undefined ? [] : [`--objects ${objects}`]),
  ];
  return ['npm run sim --', `--seed ${seed}`, ...more].join(' ');
}

/** Tells of a failure all that a person needs. */
async function explain(scenario: Scenario, verdict: Verdict, again: string, shrinks: boolean): Promise<void> {
  say(verdict.history.slice(-HISTORY_LINES).join('\n'));
  say(`\n${verdict.violations.join('\n')}\n\nagain: ${again}`);
  if (!shrinks) return;
  const kind = kindOf(verdict.violations[0] ?? '');
  const least = await shrink(scenario, async (candidate) => {
    const { violations } = await play(candidate);
    return violations.some((violation) => kindOf(violation) === kind);
  });
  mkdirSync(FAILURES, { recursive: true });
  const file = join(FAILURES, `seed-${scenario.seed}.json`);
  writeFileSync(file, `${JSON.stringify({ fails: kind, ...least }, undefined, 1)}\n`);
  say(`shrunk from ${scenario.acts.length} to ${least.acts.length} acts: npm run sim -- --script ${file}`);
}

async function playOne(scenario: Scenario, again: string, options: Options): Promise<boolean> {
  const startedMs = cpuMs();
  const verdict = await play(scenario, (hour) =>
    process.stderr.write(`${hour}, ${(cpuMs() / 1000).toFixed(0)} s of CPU\n`),
  );
  if (!options.isQuiet && verdict.violations.length === 0) say(verdict.history.join('\n'));
  say(lineOf(verdict, cpuMs() - startedMs));
  if (verdict.violations.length === 0) return true;
  await explain(scenario, verdict, again, options.shrinks);
  return false;
}

/** What a child process is sent. */
interface SeedTask {
  readonly seed: number;
  readonly hours: number | undefined;
  readonly objects: number | undefined;
}

/** What a child process tells of a seed that it played. */
interface Played {
  readonly line: string;
  readonly seed: number;
  readonly violations: readonly string[];
  readonly simulatedMs: number;
  readonly steps: number;
  readonly calls: number;
}

async function playMany(from: number, count: number, options: Options): Promise<boolean> {
  const startedMs = performance.now();
  const seeds = Array.from({ length: count }, (_, index) => ({
    seed: from + index,
    hours: options.hours,
    objects: options.objects,
  }));
  const played = await playAll<SeedTask, Played>(seeds, (result) => {
    if (!options.isQuiet || result.violations.length > 0) say(result.line);
  });
  const tookSec = (performance.now() - startedMs) / 1000;
  const sum = (of: (one: Played) => number) => played.reduce((total, one) => total + of(one), 0);
  const failed = played.filter(({ violations }) => violations.length > 0).sort((a, b) => a.seed - b.seed);
  if (options.report !== undefined) {
    const counts = { numPassedTests: count - failed.length, numFailedTests: failed.length, testResults: [] };
    writeFileSync(options.report, JSON.stringify(counts));
  }
  const hours = sum(({ simulatedMs }) => simulatedMs) / 3_600_000;
  say(
    `${count - failed.length} of ${count} seeds ok in ${tookSec.toFixed(1)} s: ${(count / tookSec).toFixed(2)} seeds/s, ${hours.toFixed(1)} simulated hours, ${Math.round(sum(({ steps }) => steps) / tookSec)} judged changes/s, ${Math.round(sum(({ calls }) => calls) / tookSec)} calls/s`,
  );
  for (const { seed, violations } of failed)
    say(`seed ${seed}: ${violations[0]}\n  again: ${commandOf(seed, options)}`);
  // One is enough to begin with.
  const [first] = failed;
  if (first && options.shrinks) {
    const scenario = scenarioOf(first.seed, options);
    await explain(scenario, await play(scenario), commandOf(first.seed, options), true);
  }
  return failed.length === 0;
}

/** For the tests of the tests: one line of JSON about the first seed that fails, if one does. */
async function playUntilFailure(from: number, count: number): Promise<boolean> {
  const scripts = readdirSync(REGRESSIONS).map(
    (file) => JSON.parse(readFileSync(join(REGRESSIONS, file), 'utf8')) as Scenario,
  );
  const scenarios = [...scripts, ...Array.from({ length: count }, (_, index) => scenarioOf(from + index))];
  for (const [index, scenario] of scenarios.entries()) {
    const { seed, violations } = await play(scenario);
    if (violations.length === 0) continue;
    say(JSON.stringify({ seed, played: index + 1, violation: violations[0]?.split('\n')[0] }));
    return false;
  }
  say(JSON.stringify({ played: scenarios.length }));
  return true;
}

async function playSeed({ seed, hours, objects }: SeedTask): Promise<Played> {
  const startedMs = cpuMs();
  const verdict = await play(scenarioOf(seed, { hours, objects }));
  const { violations, simulatedMs, steps, calls } = verdict;
  return { seed, violations, simulatedMs, steps, calls, line: lineOf(verdict, cpuMs() - startedMs) };
}

async function main(): Promise<boolean> {
  const { values } = parseArgs({ options: OPTIONS });
  const options: Options = {
    hours: values.hours === undefined ? undefined : numberOf('hours', values.hours),
    objects: values.objects === undefined ? undefined : numberOf('objects', values.objects),
    isQuiet: values.quiet,
    shrinks: !values['no-shrink'],
    report: values.report,
  };
  if (values.script !== undefined) {
    const scenario = JSON.parse(readFileSync(values.script, 'utf8')) as Scenario;
    return playOne(scenario, `npm run sim -- --script ${values.script}`, { ...options, shrinks: false });
  }
  if (values['until-failure'])
    return playUntilFailure(numberOf('from', values.from), numberOf('seeds', values.seeds ?? '20'));
  if (values.seeds !== undefined)
    return playMany(numberOf('from', values.from), numberOf('seeds', values.seeds), options);
  if (values.seed === undefined) throw new TypeError(USAGE);
  const seed = numberOf('seed', values.seed);
  return playOne(scenarioOf(seed, options), commandOf(seed, options), options);
}

await runProgram(main, playSeed);
