/**
 * `lambdacontainer start`: the daemon, as the container runs it. All configuration is environment; it logs JSON lines
 * to standard output, ends on SIGTERM or SIGINT after draining, and ends with status 1 when it lost its lease.
 */
import { pino } from 'pino';
import { createSdkPorts, credentialsOf, ecrCredentials, type Ports } from '../aws/index.ts';
import { formatDuration, parseDuration, systemClock, systemRandom, UserError } from '../core/index.ts';
import { registryPort } from '../oci/index.ts';
import { assembleController } from './assemble.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads a duration such as `30s` from the environment. @throws UserError naming the variable, the value and the remedy */
function duration(env: Environment, name: string, fallback: string): number {
  const written = env[name] ?? fallback;
  const ms = parseDuration(written);
  if (ms === undefined || ms === 0) {
    throw new UserError(`${name}: '${written}' is not a duration; write it like 30s or 2m`, 2);
  }
  return ms;
}

export function readSettings(env: Environment) {
  const region = env.AWS_REGION ?? env.AWS_DEFAULT_REGION;
  if (!region) throw new UserError('AWS_REGION is not set; set it to the region of the tables, e.g. eu-west-1', 2);
  const lease = {
    durationMs: duration(env, 'LAMBDACONTAINER_LEASE', '15s'),
    callTimeoutMs: duration(env, 'LAMBDACONTAINER_CALL_TIMEOUT', '5s'),
  };
  if (lease.callTimeoutMs * 2 > lease.durationMs) {
    throw new UserError(
      `LAMBDACONTAINER_CALL_TIMEOUT: a call of ${formatDuration(lease.callTimeoutMs)} leaves no room in a lease of ${formatDuration(lease.durationMs)}; set it to at most half of LAMBDACONTAINER_LEASE`,
      2,
    );
  }
  return {
    region,
    desiredTable: env.LAMBDACONTAINER_DESIRED_TABLE ?? 'lambdacontainer-desired',
    stateTable: env.LAMBDACONTAINER_STATE_TABLE ?? 'lambdacontainer-state',
    resyncMs: duration(env, 'LAMBDACONTAINER_RESYNC', '60s'),
    relistMs: duration(env, 'LAMBDACONTAINER_RELIST', '5m'),
    lease,
    workers: 16,
    drainMs: 5_000,
  };
}

/** Runs until told to stop; resolves with the exit status. */
export async function start(env: Environment, onSignal: (stop: () => void) => void): Promise<number> {
  const settings = readSettings(env);
  const logger = pino({ level: env.LOG_LEVEL ?? 'info', base: null, timestamp: pino.stdTimeFunctions.isoTime });
  // The registry is asked with a token of ECR, which is one of the ports that it stands beside.
  const registry = registryPort({
    clock: systemClock,
    credentials: ecrCredentials(() => connected.ports.ecr, systemClock),
  });
  const connected: { readonly ports: Ports; readonly close: () => void } = createSdkPorts(
    {
      region: settings.region,
      callTimeoutMs: settings.lease.callTimeoutMs,
      endpoint: env.AWS_ENDPOINT_URL,
      credentials: credentialsOf(env),
      observe: ({ service, operation, outcome, code }) =>
        logger.debug({ service, operation, outcome, code }, 'aws call'),
    },
    registry,
  );
  const controller = assembleController(connected.ports, systemClock, systemRandom, logger, settings);
  onSignal(() => controller.stop());
  try {
    await controller.run();
    logger.info({}, 'stopped');
    return 0;
  } catch (error) {
    logger.fatal({ err: error }, 'the daemon ends');
    return 1;
  } finally {
    connected.close();
    await registry.close();
  }
}
