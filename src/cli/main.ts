/** The program: arguments, environment and signals in, an exit status out. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { systemClock, systemRandom, UserError } from '../core/index.ts';
import { type LocalOptions, local } from './local/local.ts';
import { runProgram } from './program.ts';
import { start } from './start.ts';

const startedAtMs = Number(process.env.LAMBDACONTAINER_STARTED_AT ?? performance.timeOrigin);
const folder = dirname(fileURLToPath(import.meta.url));
const programFolder = folder.endsWith('chunks') ? dirname(folder) : folder;

function onSignals(stop: () => void): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop);
}

async function runLocal(options: LocalOptions): Promise<number> {
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

async function runDaemon(): Promise<number> {
  return start(process.env, (stop) => {
    onSignals(stop);
    // The local cloud holds our standard input open for as long as it lives.
    if (process.env.LAMBDACONTAINER_STOP_WITH_STDIN === '1') process.stdin.on('end', stop).on('error', stop).resume();
  });
}

try {
  process.exitCode = await runProgram(process.argv.slice(2), { local: runLocal, start: runDaemon });
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = error.exitCode;
}
// Sockets that the SDK keeps alive must not keep a finished program.
process.stdout.write('', () => process.exit());
