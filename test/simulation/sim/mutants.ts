/**
 * Tests the tests: builds the simulation once per mutation with the bug in it, and plays seeds until one fails. Prints a
 * table and the score; exits with 1 when fewer are caught than are to be. `npm run sim:mutants -- [--only TEXT] [--seeds N]`.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build, type Plugin } from 'esbuild';
import { MUTATIONS, type Mutation, mutated } from './mutations.ts';

const ROOT = process.cwd();
const FOLDER = join(ROOT, 'node_modules/.cache/lambdacontainer-mutants', String(process.pid));
/** Of all mutations, so many may slip through. */
const MISSED_MAX = 1;
const LIMIT_MS = 900_000;

interface Outcome {
  readonly mutation: Mutation;
  readonly caught: string | undefined;
  /** Of the scenario that caught it. */
  readonly seed: number | undefined;
  /** Scenarios, the regressions first. */
  readonly played: number;
  /** The exit code or signal of a play without a verdict. */
  readonly broken: string | undefined;
}

function mutating(mutation: Mutation): Plugin {
  return {
    name: 'mutating',
    setup({ onLoad }) {
      const path = join(ROOT, 'src', mutation.file);
      onLoad({ filter: /\.ts$/ }, (args) =>
        args.path === path ? { contents: mutated(mutation, readFileSync(path, 'utf8')), loader: 'ts' } : undefined,
      );
    },
  };
}

async function test(mutation: Mutation, index: number, seeds: number): Promise<Outcome> {
  const outfile = join(FOLDER, `${index}.mjs`);
  await build({
    entryPoints: [join(ROOT, 'test/simulation/sim/main.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    plugins: [mutating(mutation)],
    logLevel: 'warning',
  });
  const output = await new Promise<string>((resolve, reject) => {
    const child = spawn(process.execPath, [outfile, '--until-failure', '--seeds', String(seeds)], {
      timeout: LIMIT_MS,
    });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    child.on('error', reject);
    // Killed at the limit, or broken before it could say anything: nobody knows whether it would have been caught.
    child.on('exit', (code, signal) => resolve(text || JSON.stringify({ played: 0, broken: `${signal ?? code}` })));
  });
  rmSync(outfile);
  const told = JSON.parse(output) as {
    played: number;
    seed?: number;
    violation?: string;
    broken?: string;
  };
  return { mutation, caught: told.violation, seed: told.seed, played: told.played, broken: told.broken };
}

const { values } = parseArgs({
  options: { only: { type: 'string', default: '' }, seeds: { type: 'string', default: '120' } },
});
const chosen = MUTATIONS.filter(({ name }) => name.includes(values.only));
// A mutation that no longer applies is found before an hour has passed.
for (const mutation of chosen) mutated(mutation, readFileSync(join(ROOT, 'src', mutation.file), 'utf8'));
mkdirSync(FOLDER, { recursive: true });
const outcomes: Outcome[] = [];
let next = 0;
const worker = async () => {
  for (let index = next++; index < chosen.length; index = next++) {
    const outcome = await test(chosen[index] as Mutation, index, Number(values.seeds));
    outcomes.push(outcome);
    const { mutation, caught, seed, played, broken } = outcome;
    const escaped = broken === undefined ? `NOT CAUGHT in ${played} scenarios` : `NO VERDICT, ended by ${broken}`;
    const verdict =
      caught === undefined ? escaped : `caught by seed ${seed}, scenario ${played}: ${caught.slice(0, 160)}`;
    process.stdout.write(`${mutation.name}\n    ${verdict}\n`);
  }
};
try {
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
} finally {
  rmSync(FOLDER, { recursive: true, force: true });
}
const missed = outcomes.filter(({ caught }) => caught === undefined);
process.stdout.write(`score: ${outcomes.length - missed.length}/${outcomes.length}\n`);
for (const { mutation } of missed) process.stdout.write(`not caught: ${mutation.name} (src/${mutation.file})\n`);
const isBroken = outcomes.some(({ broken }) => broken !== undefined);
process.exitCode = isBroken || missed.length > MISSED_MAX ? 1 : 0;
