/**
 * Where a verb's tables are: an endpoint that was named, a running local cloud of this folder, or AWS. The choice is
 * made here alone and has a printable name, because a person must never mistake one for the other.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createSdkPorts, type Ports } from '../../aws/index.ts';
import { Failure, UserError } from '../../core/index.ts';
import { DesiredTable, StateTable } from '../../store/index.ts';
import type { CliIo } from '../output/io.ts';

export interface ConnectionFlags {
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
  readonly dataDir?: string | undefined;
}

/** Where to go, decided without any call. */
export interface Target {
  /** `local cloud http://127.0.0.1:4577`, `AWS eu-west-1`. */
  readonly context: string;
  readonly endpoint: string | undefined;
  readonly region: string;
  /** Undefined: the SDK's default chain. */
  readonly credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string } | undefined;
  readonly tables: { readonly desired: string; readonly state: string };
}

export interface Connection {
  readonly context: string;
  /** Verbs that change something ask again, or need the context's name said. */
  readonly isProtected: boolean;
  readonly region: string;
  readonly tables: Target['tables'];
  readonly desired: DesiredTable;
  readonly state: StateTable;
  /** For verbs that look at what is behind the tables: `plan`, `verify`, `logs`, `invoke`. */
  readonly ports: Ports;
  readonly close: () => void;
}

export type Connect = (flags: ConnectionFlags, io: CliIo) => Connection;

export const DEFAULT_DATA_DIR = '.lambdacontainer';
const DEFAULT_TABLES = { desired: 'lambdacontainer-desired', state: 'lambdacontainer-state' };
const LOCAL_REGION = 'us-east-1';
/** A person waits: shorter than the daemon's bound. */
const CALL_TIMEOUT_MS = 10_000;

/**
 * Decides where to go: `--endpoint`, AWS_ENDPOINT_URL, a local cloud that runs on the data folder, AWS.
 * @param isRunning whether a process lives
 * @throws UserError when nothing is there to go to, or a local cloud left its file and is gone
 */
export function locate(
  flags: ConnectionFlags,
  env: CliIo['env'],
  isRunning: (pid: number) => boolean = processRuns,
): Target {
  const tables = {
    desired: env.LAMBDACONTAINER_DESIRED_TABLE ?? DEFAULT_TABLES.desired,
    state: env.LAMBDACONTAINER_STATE_TABLE ?? DEFAULT_TABLES.state,
  };
  const region = flags.region ?? env.AWS_REGION ?? env.AWS_DEFAULT_REGION;
  const endpoint = flags.endpoint ?? env.AWS_ENDPOINT_URL;
  if (endpoint !== undefined && endpoint !== '') return atEndpoint(endpoint, region, env, tables);
  const dataDir = resolve(flags.dataDir ?? env.LAMBDACONTAINER_DATA_DIR ?? DEFAULT_DATA_DIR);
  const local = readLocalFile(join(dataDir, 'local.json'));
  if (local) {
    if (!isRunning(local.pid)) {
      // Going on to AWS instead would act on the wrong account without a word.
      throw new UserError(
        `the local cloud of ${dataDir} (process ${local.pid}) is gone; start it again with 'lambdacontainer local', or remove ${join(dataDir, 'local.json')} to talk to AWS`,
      );
    }
    return {
      context: `local cloud ${local.awsEndpoint}`,
      endpoint: local.awsEndpoint,
      region: local.region ?? LOCAL_REGION,
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
      tables: local.tables,
    };
  }
  if (region === undefined) {
    throw new UserError(
      `no local cloud runs on ${dataDir} and no AWS region is set; start one with 'lambdacontainer local', or set AWS_REGION`,
    );
  }
  const profile = env.AWS_PROFILE;
  const context = profile ? `AWS ${region}, profile ${profile}` : `AWS ${region}`;
  return { context, endpoint: undefined, region, credentials: undefined, tables };
}

/** Opens the tables over the SDK. No IO before the first read or write. */
export const connectBySdk: Connect = (flags, io) => {
  const target = locate(flags, io.env);
  const { ports, close } = createSdkPorts(
    {
      region: target.region,
      endpoint: target.endpoint,
      credentials: target.credentials,
      callTimeoutMs: CALL_TIMEOUT_MS,
    },
    noRegistry,
  );
  return {
    context: target.context,
    isProtected: false,
    region: target.region,
    tables: target.tables,
    ports,
    desired: new DesiredTable(ports.dynamodb, target.tables.desired),
    state: new StateTable(ports.dynamodb, target.tables.state),
    close,
  };
};

/** Verbs read tables only; a call would be a mistake of ours. */
const noRegistry: Ports['registry'] = {
  resolveDigest: (reference) =>
    Promise.reject(
      new Failure({
        kind: 'invalid',
        service: 'registry',
        operation: 'resolveDigest',
        code: 'NotConnected',
        message: `the command line does not read registries: ${reference}`,
      }),
    ),
};

function atEndpoint(endpoint: string, region: string | undefined, env: CliIo['env'], tables: Target['tables']): Target {
  if (!URL.canParse(endpoint) || !/^https?:$/.test(new URL(endpoint).protocol)) {
    throw new UserError(`--endpoint: '${endpoint}' is not a URL; write it like http://127.0.0.1:4577`, 2);
  }
  return {
    context: `endpoint ${endpoint}`,
    endpoint,
    region: region ?? LOCAL_REGION,
    credentials:
      credentialsOf(env) ?? (isLoopback(endpoint) ? { accessKeyId: 'local', secretAccessKey: 'local' } : undefined),
    tables,
  };
}

/** Dummy credentials are for this machine only; they must never hide a missing profile elsewhere. */
function isLoopback(endpoint: string): boolean {
  return /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])$/.test(new URL(endpoint).hostname);
}

function credentialsOf(env: CliIo['env']): Target['credentials'] {
  const accessKeyId = env.AWS_ACCESS_KEY_ID;
  const secretAccessKey = env.AWS_SECRET_ACCESS_KEY;
  const sessionToken = env.AWS_SESSION_TOKEN;
  if (!accessKeyId || !secretAccessKey) return undefined;
  return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) };
}

interface LocalFile {
  readonly awsEndpoint: string;
  readonly tables: { readonly desired: string; readonly state: string };
  readonly pid: number;
  readonly region?: string;
}

function readLocalFile(path: string): LocalFile | undefined {
  if (!existsSync(path)) return undefined;
  const broken = new UserError(
    `${path} is not what a local cloud writes; remove it and start 'lambdacontainer local' again`,
  );
  let written: Partial<LocalFile>;
  try {
    written = JSON.parse(readFileSync(path, 'utf8')) as Partial<LocalFile>;
  } catch (error) {
    if (error instanceof SyntaxError) throw broken;
    throw error;
  }
  const { awsEndpoint, tables, pid, region } = written;
  if (typeof awsEndpoint !== 'string' || typeof pid !== 'number' || typeof tables?.desired !== 'string') throw broken;
  return { awsEndpoint, tables, pid, ...(region === undefined ? {} : { region }) };
}

function processRuns(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
