/**
 * `lambdacontainer start`: the daemon, as the container runs it. All configuration is environment; it logs JSON lines
 * to standard output, ends on SIGTERM or SIGINT after draining, and ends with status 1 when it lost its lease.
 */
import { pino } from 'pino';
import {
  Coalescing,
  createSdkPorts,
  credentialsOf,
  ecrCredentials,
  layered,
  Pacing,
  type Ports,
  type SdkSettings,
} from '../aws/index.ts';
import { formatDuration, parseDuration, systemClock, systemRandom, UserError } from '../core/index.ts';
import { registryPort } from '../oci/index.ts';
import { type HttpListener, listen } from '../server/index.ts';
import { assembleController } from './assemble.ts';
import { programVersion } from './commands/version.ts';
import { gitSources, readGitSettings, readListenSettings } from './git-sources.ts';

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

/**
 * Which part of AWS's rate limits is the daemon's. Undefined: calls are not paced, because what is called instead of AWS
 * has no such limits. @throws UserError naming the variable, the value and the remedy
 */
function rateShare(env: Environment): number | undefined {
  const written = env.LAMBDACONTAINER_RATE_SHARE;
  if (written === undefined) return env.AWS_ENDPOINT_URL === undefined ? 1 : undefined;
  const share = /^\d+(\.\d+)?$/.test(written) ? Number(written) : 0;
  if (share > 0 && share <= 10) return share;
  throw new UserError(
    `LAMBDACONTAINER_RATE_SHARE: '${written}' is not a share of AWS's rate limits; write a number above 0, such as 0.5 to leave half to others, 2 where the limits were doubled, 10 at most`,
    2,
  );
}

export function readSettings(env: Environment) {
  const region = env.AWS_REGION ?? env.AWS_DEFAULT_REGION;
  if (!region) throw new UserError('AWS_REGION is not set; set it to the region of the tables, e.g. eu-west-1', 2);
  const lease = {
    durationMs: duration(env, 'LAMBDACONTAINER_LEASE', '15s'),
    callTimeoutMs: duration(env, 'LAMBDACONTAINER_CALL_TIMEOUT', '5s'),
    version: programVersion(),
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
    rateShare: rateShare(env),
    resyncMs: duration(env, 'LAMBDACONTAINER_RESYNC', '60s'),
    relistMs: duration(env, 'LAMBDACONTAINER_RELIST', '5m'),
    lease,
    workers: 16,
    drainMs: 5_000,
    git: readGitSettings(env),
    listen: readListenSettings(env),
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
  const sdk: SdkSettings = {
    region: settings.region,
    callTimeoutMs: settings.lease.callTimeoutMs,
    endpoint: env.AWS_ENDPOINT_URL,
    credentials: credentialsOf(env),
    observe: ({ service, operation, outcome, code }) => logger.debug({ service, operation, outcome, code }, 'aws call'),
  };
  const connected: { readonly ports: Ports; readonly close: () => void } = createSdkPorts(sdk, registry);
  const layers = [new Coalescing({ clock: systemClock }).layer];
  if (settings.rateShare !== undefined) {
    layers.push(new Pacing({ clock: systemClock, scale: settings.rateShare }).layer);
  }
  const ports = layered(connected.ports, ...layers);
  const sources = gitSources({
    ports,
    tables: { desired: settings.desiredTable, state: settings.stateTable },
    sdk,
    clock: systemClock,
    random: systemRandom,
    logger,
    settings: settings.git,
  });
  const controller = assembleController(ports, systemClock, systemRandom, logger, settings, [sources.companion]);
  onSignal(() => controller.stop());
  let listener: HttpListener | undefined;
  try {
    listener = settings.listen && (await listen({ ...settings.listen, routes: [sources.route], logger }));
    if (listener) logger.info({ address: settings.listen?.address, port: listener.port }, 'listening for webhooks');
    await controller.run();
    logger.info({}, 'stopped');
    return 0;
  } catch (error) {
    logger.fatal({ err: error }, 'the daemon ends');
    return 1;
  } finally {
    await listener?.close();
    connected.close();
    await registry.close();
  }
}
