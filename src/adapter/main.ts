/**
 * The adapter program: `adapter.mjs` serves, `adapter.mjs poll` works on a queue, `adapter.mjs once` runs one invocation and
 * ends with what became of it, `adapter.mjs health` asks any of them whether it listens. Reads the environment once; SIGTERM and SIGINT drain, a second one
 * ends at once.
 */
import { setFlagsFromString } from 'node:v8';
import { systemClock, systemRandom, type Timer, UserError } from '../core/index.ts';
import { startAdapter } from './adapter.ts';
import { readConfig, readJobConfig, readPort, readWorkerConfig } from './config.ts';
import { isHealthy } from './health.ts';
import { jsonLogger } from './json-logger.ts';
import { Job } from './once.ts';
import { TaskCredentials } from './queue/credentials.ts';
import { Sqs } from './queue/sqs.ts';
import { startQueueWorker } from './queue-worker.ts';

/** Lines wait for each other this long: a write per request would cost as much as a tenth of its answer. */
const LOG_FLUSH_MS = 100;
const LOG_BYTES_MAX = 64 * 1024;

let lines = '';
let flushTimer: Timer | undefined;

function writeAccess(line: string): void {
  lines += `${line}\n`;
  if (lines.length > LOG_BYTES_MAX) flush();
  else flushTimer ??= systemClock.after(LOG_FLUSH_MS, flush, { unref: true });
}

/** What is not routine is written at once, with all that came before it. */
function writeLog(line: string): void {
  lines += `${line}\n`;
  flush();
}

function flush(): void {
  flushTimer?.cancel();
  flushTimer = undefined;
  const batch = lines;
  lines = '';
  if (batch !== '') process.stdout.write(batch);
}

/**
 * Without these V8 lets its young generation grow and shrink until a task's small memory is mostly the adapter's garbage;
 * one that stays this small is collected sooner by one thread than by several that must be woken. Flags of the program,
 * not of its command line, so that they hold wherever the bundle is run.
 */
function keepSmall(): void {
  for (const flag of ['--optimize-for-size', '--semi-space-growth-factor=1', '--no-parallel-scavenge']) {
    setFlagsFromString(flag);
  }
}

async function serve(): Promise<void> {
  keepSmall();
  const config = readConfig(process.env);
  process.on('exit', flush);
  // A log that nobody takes any more is no reason to stop serving.
  process.stdout.on('error', () => {});
  const logger = jsonLogger(systemClock, writeLog);
  const adapter = await startAdapter(config, {
    clock: systemClock,
    random: systemRandom,
    logger,
    access: writeAccess,
  });
  const { httpPort, runtimePorts } = adapter;
  logger.info({ httpPort, runtimePorts, eventFormat: config.format.name }, 'listening');
  onSignal((signal) => {
    logger.info({ signal }, 'draining');
    void adapter.close().then((abandoned) => {
      if (abandoned > 0) logger.error({ abandoned }, 'stopped with requests unfinished');
      else logger.info({}, 'stopped');
      process.exitCode = abandoned > 0 ? 1 : 0;
    });
  });
}

async function poll(): Promise<void> {
  const config = readWorkerConfig(process.env);
  keepSmall();
  const logger = jsonLogger(systemClock, (line) => process.stdout.write(`${line}\n`));
  const credentials = new TaskCredentials(process.env, systemClock);
  const queue = new Sqs({ ...config, clock: systemClock, credentials: () => credentials.current() });
  const worker = await startQueueWorker(config, { clock: systemClock, random: systemRandom, logger, queue });
  const { httpPort, runtimePorts } = worker;
  logger.info({ httpPort, runtimePorts, queueUrl: config.queueUrl }, 'listening');
  onSignal((signal) => {
    logger.info({ signal }, 'draining');
    void worker.stop().then((inTime) => {
      if (inTime) logger.info({}, 'stopped');
      else logger.error({}, 'stopped with messages unfinished; they come back');
      process.exit(inTime ? 0 : 1);
    });
  });
  await worker.ended;
}

/** Standard output belongs to the result, if it goes there: a job's log is standard error. */
async function once(): Promise<void> {
  const config = readJobConfig(process.env);
  const logger = jsonLogger(systemClock, (line) => process.stderr.write(`${line}\n`));
  const { stdin: input, stdout: output } = process;
  const job = new Job(config, { clock: systemClock, random: systemRandom, logger, input, output });
  logger.info(await job.listen(), 'listening');
  onSignal((signal) => {
    logger.info({ signal }, 'giving the function time to end');
    job.stop();
  });
  process.exit(await job.run());
}

/** The first signal is an invitation, the second an order. */
function onSignal(stop: (signal: NodeJS.Signals) => void): void {
  let stopping = false;
  const signalled = (signal: NodeJS.Signals): void => {
    if (stopping) process.exit(130);
    stopping = true;
    stop(signal);
  };
  process.on('SIGTERM', signalled);
  process.on('SIGINT', signalled);
}

async function main(): Promise<void> {
  const [command] = process.argv.slice(2);
  if (command === undefined) return serve();
  if (command === 'once') return once();
  if (command === 'poll') return poll();
  if (command !== 'health')
    throw new UserError(`unknown command '${command}'; there are 'poll', 'once' and 'health'`, 2);
  process.exitCode = (await isHealthy(readPort(process.env))) ? 0 : 1;
}

main().catch((error: unknown) => {
  const { code } = error as NodeJS.ErrnoException;
  const expected = error instanceof UserError || code === 'EADDRINUSE' || code === 'EACCES' || code === 'EADDRNOTAVAIL';
  process.stderr.write(`lambdacontainer adapter: ${expected ? (error as Error).message : (error as Error).stack}\n`);
  process.exitCode = error instanceof UserError ? error.exitCode : 1;
});
