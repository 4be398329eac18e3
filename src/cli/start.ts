/**
 * `lambdacontainer start`: the daemon, as the container runs it. All configuration is environment; it logs JSON lines
 * to standard output, ends on SIGTERM or SIGINT after draining, and ends with status 1 when it lost its lease.
 */
import { pino } from 'pino';
import {
  Coalescing,
  callMetrics,
  createSdkPorts,
  credentialsOf,
  ecrCredentials,
  type Layer,
  layered,
  type ObservedCall,
  Pacing,
  type Ports,
  type SdkSettings,
} from '../aws/index.ts';
import type { Connect, Controller } from '../controller/index.ts';
import {
  formatDuration,
  type Logger,
  Metrics,
  parseDuration,
  systemClock,
  systemRandom,
  type Tracer,
  UserError,
} from '../core/index.ts';
import { registryPort } from '../oci/index.ts';
import {
  EmfReporter,
  type HttpListener,
  type HttpRoute,
  healthRoutes,
  listen,
  metricsRoute,
  processMetrics,
} from '../server/index.ts';
import { assembleController } from './assemble.ts';
import { daemonChecks } from './checks.ts';
import { programVersion } from './commands/version.ts';
import { gitSources, readGitSettings, readListenSettings } from './git-sources.ts';
import { connectPlaces } from './places.ts';
import { openTraces, readTraceEndpoint } from './traces.ts';

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

const NO_EVENTS =
  'LAMBDACONTAINER_EVENTS_QUEUE is not set: AWS tells of no changes, and drift is found by sweeps alone';

/** Leaves most of AWS's narrowest limits (10 a second) to the passes of people who wait. */
const SWEEP_CALLS_PER_SEC = 8;
/** What is called instead of AWS has no limits to leave room in. */
const SWEEP_CALLS_PER_SEC_UNPACED = 200;

/** How drift is looked for. @throws UserError naming the variable, the value and the remedy */
function readSweepSettings(env: Environment, resyncMs: number, share: number | undefined) {
  const written = env.LAMBDACONTAINER_SWEEP_CALLS_PER_SECOND;
  const fallback = share === undefined ? SWEEP_CALLS_PER_SEC_UNPACED : SWEEP_CALLS_PER_SEC;
  const callsPerSec = written === undefined ? fallback : /^\d+(\.\d+)?$/.test(written) ? Number(written) : 0;
  if (!(callsPerSec > 0)) {
    throw new UserError(
      `LAMBDACONTAINER_SWEEP_CALLS_PER_SECOND: '${written}' is not a number of calls; write a number above 0, such as ${fallback}`,
      2,
    );
  }
  const isPromised = env.LAMBDACONTAINER_MAX_DRIFT_AGE !== undefined;
  const maxDriftAgeMs = isPromised ? duration(env, 'LAMBDACONTAINER_MAX_DRIFT_AGE', '') : undefined;
  if (maxDriftAgeMs !== undefined && maxDriftAgeMs < resyncMs) {
    throw new UserError(
      `LAMBDACONTAINER_MAX_DRIFT_AGE: ${formatDuration(maxDriftAgeMs)} cannot be promised: LAMBDACONTAINER_RESYNC looks every ${formatDuration(resyncMs)} at most; write at least that, or lower LAMBDACONTAINER_RESYNC`,
      2,
    );
  }
  return { callsPerSec, rateShare: share, maxDriftAgeMs };
}

/** @throws UserError naming the variable, the value and the remedy */
function flag(env: Environment, name: string): boolean {
  const written = env[name];
  if (written === undefined || written === '' || written === '0') return false;
  if (written === '1') return true;
  throw new UserError(`${name}: '${written}' is neither 1 nor 0; set it to 1, or leave it out`, 2);
}

/** @throws UserError naming the variable, the value and the remedy */
function readEventsQueue(env: Environment): string | undefined {
  const written = env.LAMBDACONTAINER_EVENTS_QUEUE;
  if (written === undefined || written === '') return undefined;
  if (/^https?:\/\/[^/\s]+\/\d{12}\/[\w-]{1,80}(\.fifo)?$/.test(written) || /^[\w-]{1,80}$/.test(written))
    return written;
  throw new UserError(
    `LAMBDACONTAINER_EVENTS_QUEUE: '${written}' is neither the URL nor the name of a queue; write it like lambdacontainer-events or https://sqs.eu-west-1.amazonaws.com/123456789012/lambdacontainer-events`,
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
  const resyncMs = duration(env, 'LAMBDACONTAINER_RESYNC', '60s');
  const share = rateShare(env);
  return {
    region,
    desiredTable: env.LAMBDACONTAINER_DESIRED_TABLE ?? 'lambdacontainer-desired',
    stateTable: env.LAMBDACONTAINER_STATE_TABLE ?? 'lambdacontainer-state',
    rateShare: share,
    resyncMs,
    sweep: readSweepSettings(env, resyncMs, share),
    relistMs: duration(env, 'LAMBDACONTAINER_RELIST', '5m'),
    eventsQueue: readEventsQueue(env),
    lease,
    workers: 16,
    drainMs: 5_000,
    git: readGitSettings(env),
    listen: readListenSettings(env),
    emf: flag(env, 'LAMBDACONTAINER_EMF'),
    traceEndpoint: readTraceEndpoint(env),
  };
}

export type DaemonSettings = ReturnType<typeof readSettings>;

/** A daemon that is put together and has not begun: nothing was sent and nothing listens. */
export interface Daemon {
  readonly controller: Controller;
  readonly metrics: Metrics;
  readonly routes: readonly HttpRoute[];
  /** Drops what it holds open; after it has stopped. */
  readonly close: () => Promise<void>;
}

/** Does no IO. The same for the program and for who lists what it measures. */
export function assembleDaemon(
  env: Environment,
  settings: DaemonSettings,
  logger: Logger,
  metrics: Metrics = new Metrics(),
  tracer?: Tracer,
): Daemon {
  const endSampling = processMetrics(metrics, settings.lease.version);
  const counted = callMetrics(metrics);
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
    observe: (call) => {
      counted(call);
      logCall(logger, call);
    },
  };
  const connected: { readonly ports: Ports; readonly close: () => void } = createSdkPorts(sdk, registry);
  const layers = [new Coalescing({ clock: systemClock, metrics }).layer];
  if (settings.rateShare !== undefined) {
    layers.push(new Pacing({ clock: systemClock, scale: settings.rateShare, metrics }).layer);
  }
  const ports = layered(connected.ports, ...layers);
  // AWS's rates are per account and region, whichever role the calls are made under.
  const pacings = new Map<string, Pacing>();
  const closing: (() => void)[] = [];
  const places = connectPlaces({
    sdk,
    sts: ports.sts,
    stateTable: settings.stateTable,
    clock: systemClock,
    layersOf: ({ account, region }) => {
      const own: Layer[] = [new Coalescing({ clock: systemClock, metrics }).layer];
      if (settings.rateShare === undefined) return own;
      const id = `${account ?? ''}/${region}`;
      const pacing =
        pacings.get(id) ?? new Pacing({ clock: systemClock, scale: settings.rateShare, metrics, place: id });
      pacings.set(id, pacing);
      return [...own, pacing.layer];
    },
  });
  const connect: Connect = (place) => {
    const connection = places(place);
    closing.push(connection.close);
    return connection;
  };
  const sources = gitSources({
    ports,
    tables: { desired: settings.desiredTable, state: settings.stateTable },
    sdk,
    clock: systemClock,
    random: systemRandom,
    logger,
    metrics,
    settings: settings.git,
  });
  const controller = assembleController(
    ports,
    systemClock,
    systemRandom,
    logger,
    settings,
    [sources.companion],
    metrics,
    tracer,
    connect,
  );
  const checks = daemonChecks(() => controller.vitals, {
    leaseMs: settings.lease.durationMs,
    callTimeoutMs: settings.lease.callTimeoutMs,
    relistMs: settings.relistMs,
    sweepMs: settings.resyncMs,
  });
  return {
    controller,
    metrics,
    routes: [sources.route, metricsRoute(metrics), ...healthRoutes(checks.alive, checks.ready)],
    close: async () => {
      endSampling();
      for (const close of closing) close();
      connected.close();
      await registry.close();
    },
  };
}

/** Runs until told to stop; resolves with the exit status. */
export async function start(env: Environment, onSignal: (stop: () => void) => void): Promise<number> {
  const settings = readSettings(env);
  const logger = pino({ level: env.LOG_LEVEL ?? 'info', base: null, timestamp: pino.stdTimeFunctions.isoTime });
  const metrics = new Metrics();
  const traces = await openTraces(env, settings.traceEndpoint, settings.lease.version, logger, metrics);
  const daemon = assembleDaemon(env, settings, logger, metrics, traces?.tracer);
  const { controller } = daemon;
  onSignal(() => controller.stop());
  const emf = settings.emf ? emfReporter(daemon, settings, logger) : undefined;
  let listener: HttpListener | undefined;
  try {
    listener = settings.listen && (await listen({ ...settings.listen, routes: daemon.routes, logger }));
    if (listener) logger.info({ address: settings.listen?.address, port: listener.port }, 'listening');
    emf?.start();
    if (settings.eventsQueue === undefined) logger.info({}, NO_EVENTS);
    await controller.run();
    logger.info({}, 'stopped');
    return 0;
  } catch (error) {
    logger.fatal({ err: error }, 'the daemon ends');
    return 1;
  } finally {
    emf?.stop();
    await listener?.close();
    await daemon.close();
    await traces?.close();
  }
}

/** Every call for those who look closely; of the others those that change something, which people ask about later. */
function logCall(
  logger: Logger,
  { service, operation, outcome, code, requestId, tookMs, changes, cause }: ObservedCall,
) {
  const { key, pass, generation } = cause ?? {};
  const took = formatDuration(tookMs);
  const fields = { key, pass, generation, service, operation, outcome, code, requestId, took };
  if (changes && cause) logger.info(fields, 'aws call');
  else logger.debug(fields, 'aws call');
}

function emfReporter(
  { controller, metrics }: Daemon,
  { stateTable }: DaemonSettings,
  logger: pino.Logger,
): EmfReporter {
  // Whatever the level of the log: alarms depend on it.
  const lines = logger.child({}, { level: 'info' });
  const isLeading = () => controller.state === 'leading';
  const write = (line: object) => lines.info(line, 'metrics');
  return new EmfReporter({ metrics, clock: systemClock, stateTable, isLeading, write });
}
