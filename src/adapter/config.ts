/**
 * The adapter's environment variables, read once and checked together, so that a container with a wrong setting says
 * everything that is wrong with it in its first line of log and ends.
 */
import { UserError } from '../core/index.ts';
import { EVENT_FORMATS } from './events/index.ts';
import type { EventFormat } from './events/message.ts';
import type { Place } from './transfer.ts';

export interface RuntimeAddress {
  readonly host: string;
  readonly port: number;
}

export interface AdapterConfig {
  readonly httpPort: number;
  /** One per function container. */
  readonly runtimeApis: readonly RuntimeAddress[];
  readonly format: EventFormat;
  readonly targetGroupArn: string;
  readonly functionArn: string;
  readonly timeoutMs: number | undefined;
  readonly queueMax: number;
  readonly maxConcurrency: number;
  /** How long a drain may take before what is left is cut off. */
  readonly drainMs: number;
  /** Where metrics are written to the log in CloudWatch's embedded format; undefined: they are not. */
  readonly metricsNamespace: string | undefined;
  /** The ECS agent's endpoint in the task; undefined: not on ECS. */
  readonly ecsAgentUri: string | undefined;
}

/** ECS sends SIGKILL 30 s after SIGTERM unless told otherwise. */
const DRAIN_MS = 25_000;

const PREFIX = 'LAMBDACONTAINER_';

/** @throws UserError naming every variable that is missing or invalid */
export function readConfig(env: Readonly<Record<string, string | undefined>>): AdapterConfig {
  const problems: string[] = [];
  const config: AdapterConfig = {
    httpPort: readHttpPort(env, problems),
    runtimeApis: readAddresses(env[`${PREFIX}RUNTIME_APIS`], problems),
    format: readFormat(env[`${PREFIX}EVENT_FORMAT`], problems),
    targetGroupArn: env[`${PREFIX}TARGET_GROUP_ARN`] ?? '',
    functionArn: readFunctionArn(env[`${PREFIX}FUNCTION_ARN`], problems),
    timeoutMs: integer(env, 'TIMEOUT_MS', undefined, 1, Number.MAX_SAFE_INTEGER, problems),
    queueMax: integer(env, 'QUEUE_MAX', 100, 0, 1_000_000, problems) ?? 100,
    maxConcurrency: integer(env, 'MAX_CONCURRENCY', 1, 1, 1000, problems) ?? 1,
    drainMs: integer(env, 'DRAIN_MS', DRAIN_MS, 0, 3_600_000, problems) ?? DRAIN_MS,
    metricsNamespace: env[`${PREFIX}EMF_NAMESPACE`] || undefined,
    ecsAgentUri: env.ECS_AGENT_URI || undefined,
  };
  if (config.format.name.startsWith('alb') && config.targetGroupArn === '') {
    problems.push(`${PREFIX}TARGET_GROUP_ARN: missing; ALB events name their target group`);
  }
  if (problems.length > 0) throw new UserError(`invalid configuration:\n  ${problems.join('\n  ')}`, 2);
  return config;
}

/** What a queue's worker runs on: see `queue-worker.ts`. */
export interface WorkerConfig {
  readonly httpPort: number;
  readonly runtimeApis: readonly RuntimeAddress[];
  readonly functionArn: string;
  readonly timeoutMs: number | undefined;
  readonly maxConcurrency: number;
  readonly drainMs: number;
  readonly ecsAgentUri: string | undefined;
  readonly queueUrl: string;
  readonly region: string;
  /** Of SQS, where it is not where the queue's URL says. */
  readonly endpoint: string | undefined;
  readonly batchSize: number;
  readonly reportsItems: boolean;
}

/** @throws UserError naming every variable that is missing or invalid */
export function readWorkerConfig(env: Readonly<Record<string, string | undefined>>): WorkerConfig {
  const problems: string[] = [];
  const queueUrl = env[`${PREFIX}QUEUE_URL`] ?? '';
  if (!/^https?:\/\/./.test(queueUrl)) {
    problems.push(`${PREFIX}QUEUE_URL: ${queueUrl === '' ? 'missing' : `'${queueUrl}' is not the URL of a queue`}`);
  }
  const region = env.AWS_REGION || env.AWS_DEFAULT_REGION || '';
  if (region === '') problems.push('AWS_REGION: missing');
  const reports = env[`${PREFIX}REPORT_BATCH_ITEM_FAILURES`] || 'false';
  if (reports !== 'true' && reports !== 'false') {
    problems.push(`${PREFIX}REPORT_BATCH_ITEM_FAILURES: '${reports}' is neither true nor false`);
  }
  const config: WorkerConfig = {
    httpPort: readHttpPort(env, problems),
    runtimeApis: readAddresses(env[`${PREFIX}RUNTIME_APIS`], problems),
    functionArn: readFunctionArn(env[`${PREFIX}FUNCTION_ARN`], problems),
    timeoutMs: integer(env, 'TIMEOUT_MS', undefined, 1, Number.MAX_SAFE_INTEGER, problems),
    maxConcurrency: integer(env, 'MAX_CONCURRENCY', 1, 1, 1000, problems) ?? 1,
    drainMs: integer(env, 'DRAIN_MS', DRAIN_MS, 0, 3_600_000, problems) ?? DRAIN_MS,
    ecsAgentUri: env.ECS_AGENT_URI || undefined,
    queueUrl,
    region,
    endpoint: env.AWS_ENDPOINT_URL_SQS || env.AWS_ENDPOINT_URL || undefined,
    batchSize: integer(env, 'BATCH_SIZE', 10, 1, 10, problems) ?? 10,
    reportsItems: reports === 'true',
  };
  if (problems.length > 0) throw new UserError(`invalid configuration:\n  ${problems.join('\n  ')}`, 2);
  return config;
}

/** What a job runs on: see `once.ts`. */
export interface JobConfig {
  readonly httpPort: number;
  readonly runtimeApi: RuntimeAddress;
  readonly functionArn: string;
  readonly timeoutMs: number | undefined;
  readonly drainMs: number;
  readonly event: Place;
  readonly result: Place;
}

/** @throws UserError naming every variable that is missing or invalid */
export function readJobConfig(env: Readonly<Record<string, string | undefined>>): JobConfig {
  const problems: string[] = [];
  const addresses = readAddresses(env[`${PREFIX}RUNTIME_APIS`], problems);
  if (addresses.length > 1) problems.push(`${PREFIX}RUNTIME_APIS: names ${addresses.length}; a job has one process`);
  const config: JobConfig = {
    httpPort: readHttpPort(env, problems),
    runtimeApi: addresses[0] ?? { host: '', port: 0 },
    functionArn: readFunctionArn(env[`${PREFIX}FUNCTION_ARN`], problems),
    timeoutMs: integer(env, 'TIMEOUT_MS', undefined, 1, Number.MAX_SAFE_INTEGER, problems),
    drainMs: integer(env, 'DRAIN_MS', DRAIN_MS, 0, 3_600_000, problems) ?? DRAIN_MS,
    event: readPlace(env, 'EVENT', problems) ?? { kind: 'text', text: '{}' },
    result: readPlace(env, 'RESULT', problems) ?? { kind: 'standard' },
  };
  if (problems.length > 0) throw new UserError(`invalid configuration:\n  ${problems.join('\n  ')}`, 2);
  return config;
}

/** `EVENT` (itself, only to be read), `…_FILE` (`-`: standard input or output), `…_URL`; at most one of them. */
function readPlace(
  env: Readonly<Record<string, string | undefined>>,
  what: 'EVENT' | 'RESULT',
  problems: string[],
): Place | undefined {
  const text = what === 'EVENT' ? env[`${PREFIX}EVENT`] : undefined;
  const path = env[`${PREFIX}${what}_FILE`] || undefined;
  const url = env[`${PREFIX}${what}_URL`] || undefined;
  const places: Place[] = [];
  if (text) places.push({ kind: 'text', text });
  if (path !== undefined) places.push(path === '-' ? { kind: 'standard' } : { kind: 'file', path });
  if (url !== undefined) {
    if (!/^https?:\/\/./.test(url)) problems.push(`${PREFIX}${what}_URL: not an http or https URL`);
    places.push({ kind: 'url', url });
  }
  if (places.length > 1) problems.push(`${PREFIX}${what}: more than one place is named; name one`);
  return places[0];
}

/** The port alone, for the `health` sub-command. @throws UserError */
export function readPort(env: Readonly<Record<string, string | undefined>>): number {
  const problems: string[] = [];
  const port = readHttpPort(env, problems);
  if (problems.length > 0) throw new UserError(`invalid configuration:\n  ${problems.join('\n  ')}`, 2);
  return port;
}

function readHttpPort(env: Readonly<Record<string, string | undefined>>, problems: string[]): number {
  return integer(env, 'HTTP_PORT', 8080, 0, 65535, problems) ?? 8080;
}

function readAddresses(text: string | undefined, problems: string[]): RuntimeAddress[] {
  if (!text) {
    problems.push(
      `${PREFIX}RUNTIME_APIS: missing; host:port of each function container's Runtime API, comma-separated`,
    );
    return [];
  }
  const addresses: RuntimeAddress[] = [];
  for (const part of text.split(',')) {
    const match = /^\s*([^\s:]+):(\d{1,5})\s*$/.exec(part);
    const port = Number(match?.[2]);
    if (!match?.[1] || port > 65535) problems.push(`${PREFIX}RUNTIME_APIS: '${part}' is not host:port`);
    else addresses.push({ host: match[1], port });
  }
  const named = addresses.filter(({ port }) => port !== 0).map(({ host, port }) => `${host}:${port}`);
  if (new Set(named).size < named.length) problems.push(`${PREFIX}RUNTIME_APIS: an address is named twice`);
  return addresses;
}

function readFormat(name: string | undefined, problems: string[]): EventFormat {
  const format = EVENT_FORMATS[name ?? 'alb'];
  if (!format) problems.push(`${PREFIX}EVENT_FORMAT: '${name}' is none of ${Object.keys(EVENT_FORMATS).join(', ')}`);
  return format ?? (EVENT_FORMATS.alb as EventFormat);
}

function readFunctionArn(arn: string | undefined, problems: string[]): string {
  if (arn && /^arn:[^:]+:lambda:[^:]+:\d{12}:function:[^:]+(:[^:]+)?$/.test(arn)) return arn;
  problems.push(`${PREFIX}FUNCTION_ARN: ${arn ? `'${arn}' is not the ARN of a function` : 'missing'}`);
  return '';
}

function integer(
  env: Readonly<Record<string, string | undefined>>,
  name: string,
  fallback: number | undefined,
  least: number,
  most: number,
  problems: string[],
): number | undefined {
  const text = env[`${PREFIX}${name}`];
  if (text === undefined || text === '') return fallback;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  problems.push(`${PREFIX}${name}: '${text}' is not a whole number from ${least} to ${most}`);
  return fallback;
}
