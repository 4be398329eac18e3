/**
 * The adapter program: `adapter.mjs` serves, `adapter.mjs health` asks the one that serves. Reads the environment once;
 * SIGTERM and SIGINT drain, a second one ends at once.
 */
import { systemClock, systemRandom, UserError } from '../core/index.ts';
import { startAdapter } from './adapter.ts';
import { readConfig, readPort } from './config.ts';
import { isHealthy } from './health.ts';
import { jsonLogger } from './json-logger.ts';

/** Lines of one turn of the event loop leave in one write. */
let lines = '';
function writeLine(line: string): void {
  if (lines === '') setImmediate(flush);
  lines += `${line}\n`;
}
function flush(): void {
  const batch = lines;
  lines = '';
  if (batch !== '') process.stdout.write(batch);
}

async function serve(): Promise<void> {
  const config = readConfig(process.env);
  const logger = jsonLogger(systemClock, writeLine);
  const adapter = await startAdapter(config, {
    clock: systemClock,
    random: systemRandom,
    logger,
    access: writeLine,
  });
  const { httpPort, runtimePorts } = adapter;
  logger.info({ httpPort, runtimePorts, eventFormat: config.format.name }, 'listening');
  let stopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) process.exit(130);
    stopping = true;
    logger.info({ signal }, 'draining');
    void adapter.close().then((abandoned) => {
      if (abandoned > 0) logger.error({ abandoned }, 'stopped with requests unfinished');
      else logger.info({}, 'stopped');
      flush();
      process.exitCode = abandoned > 0 ? 1 : 0;
    });
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

async function main(): Promise<void> {
  const [command] = process.argv.slice(2);
  if (command === undefined) return serve();
  if (command !== 'health') throw new UserError(`unknown command '${command}'; the only one is 'health'`, 2);
  process.exitCode = (await isHealthy(readPort(process.env))) ? 0 : 1;
}

main().catch((error: unknown) => {
  const { code } = error as NodeJS.ErrnoException;
  const expected = error instanceof UserError || code === 'EADDRINUSE' || code === 'EACCES' || code === 'EADDRNOTAVAIL';
  process.stderr.write(`lambdacontainer adapter: ${expected ? (error as Error).message : (error as Error).stack}\n`);
  process.exitCode = error instanceof UserError ? error.exitCode : 1;
});
