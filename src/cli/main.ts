/**
 * The program: arguments, environment and signals in, an exit status out. It loads only what the command at hand needs:
 * a daemon that takes over from another one begins without the verbs, and both without the local cloud.
 */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { systemClock, systemRandom, UserError } from '../core/index.ts';
import type { LocalOptions } from './local/local.ts';

const startedAtMs = Number(process.env.LAMBDACONTAINER_STARTED_AT ?? performance.timeOrigin);
const folder = dirname(fileURLToPath(import.meta.url));
const programFolder = folder.endsWith('chunks') ? dirname(folder) : folder;

function onSignals(stop: () => void): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop);
}

async function runLocal(options: LocalOptions): Promise<number> {
  const [{ local }, { default: pino }] = await Promise.all([import('./local/local.ts'), import('pino')]);
  const stopping = new AbortController();
  onSignals(() => stopping.abort());
  const isTTY = process.stdout.isTTY === true;
  const colour = isTTY && !process.env.NO_COLOR;
  const paint = (code: number) => (text: string) => (colour ? `\x1b[${code}m${text}\x1b[0m` : text);
  return local(options, {
    terminal: {
      isTTY,
      write: (text) => void process.stdout.write(text),
      green: paint(32),
      red: paint(31),
      dim: paint(2),
    },
    environment: process.env,
    clock: systemClock,
    random: systemRandom,
    logger: pino(
      { level: process.env.LOG_LEVEL ?? 'warn', base: null, timestamp: pino.stdTimeFunctions.isoTime },
      pino.destination(2),
    ),
    program: join(programFolder, '..', 'bin', 'lambdacontainer.js'),
    programFolder,
    startedAtMs,
    signal: stopping.signal,
  });
}

/**
 * Without it V8 lets its young generation grow until a task's small memory is mostly garbage of sweeps. Flags of the
 * program, not of its command line, so that they hold wherever the bundle is run, and set before anything is loaded.
 */
function keepSmall(): void {
  setFlagsFromString('--optimize-for-size');
  setFlagsFromString('--max-semi-space-size=2');
  setFlagsFromString('--semi-space-growth-factor=1');
}

async function runDaemon(): Promise<number> {
  keepSmall();
  // A bundle of its own: see scripts/build.mjs.
  const { daemon } = await import('./daemon.ts');
  return daemon(process.env, (stop) => {
    onSignals(stop);
    // The local cloud holds our standard input open for as long as it lives.
    if (process.env.LAMBDACONTAINER_STOP_WITH_STDIN === '1') process.stdin.on('end', stop).on('error', stop).resume();
  });
}

async function run(args: readonly string[]): Promise<number> {
  // As the container runs it; with anything more, the verbs say what they make of it.
  if (args.length === 1 && args[0] === 'start') return runDaemon();
  const { runProgram } = await import('./program.ts');
  return runProgram(args, { local: runLocal, start: runDaemon });
}

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = error.exitCode;
}
// Sockets that the SDK keeps alive must not keep a finished program.
process.stdout.write('', () => process.exit());
