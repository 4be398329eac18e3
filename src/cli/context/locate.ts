/**
 * Where a verb goes: a named context, an endpoint, a running local cloud of this folder, or AWS. The choice is made
 * here alone, without any call, and has a printable name, because a person must never mistake one for the other: where
 * two answers compete, or the one that was meant is gone, there is no answer but an error that says how to choose.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { DEFAULT_NAMESPACE } from '../../api/index.ts';
import { credentialsOf } from '../../aws/index.ts';
import { UserError } from '../../core/index.ts';
import { ContextFile, contextFilePath, describeAws, LOCAL_CONTEXT, type NamedContext } from './context-file.ts';

export interface ConnectionFlags {
  readonly context?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
  readonly dataDir?: string | undefined;
}

export interface Tables {
  readonly desired: string;
  readonly state: string;
}

export interface Target {
  /** What `--yes-to` takes. */
  readonly contextName: string;
  /** For people: `local cloud http://127.0.0.1:4577`, `prod (AWS eu-west-1, profile prod)`. */
  readonly context: string;
  readonly isProtected: boolean;
  /** The embedded local cloud, whose data is a folder of this machine. */
  readonly isLocal: boolean;
  readonly defaultNamespace: string;
  readonly region: string;
  readonly tables: Tables;
  /** Undefined: AWS's own. */
  readonly endpoint: string | undefined;
  /** AWS is meant, whatever endpoint the environment configures. */
  readonly ignoresConfiguredEndpoints: boolean;
  /** Undefined: of the profile, or the SDK's default chain. */
  readonly credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string } | undefined;
  readonly profile: string | undefined;
  /** Assumed with the credentials above. */
  readonly role: { readonly arn: string; readonly externalId: string | undefined } | undefined;
  /** The account that is meant; verbs that change something make sure of it. */
  readonly account: string | undefined;
}

type Env = Readonly<Record<string, string | undefined>>;

export const DEFAULT_DATA_DIR = '.lambdacontainer';
export const DEFAULT_TABLES: Tables = { desired: 'lambdacontainer-desired', state: 'lambdacontainer-state' };
const LOCAL_REGION = 'us-east-1';
const PLAIN = {
  isProtected: false,
  isLocal: false,
  defaultNamespace: DEFAULT_NAMESPACE,
  ignoresConfiguredEndpoints: false,
  credentials: undefined,
  profile: undefined,
  role: undefined,
  account: undefined,
} as const;

/**
 * `--context`, `--endpoint`, `--data-dir`; then AWS_ENDPOINT_URL, LAMBDACONTAINER_CONTEXT, the current context, a local
 * cloud that runs on the data folder, AWS.
 * @param isRunning whether a process lives
 * @throws UserError when nothing is there to go to, or it is not plain where
 */
export function locate(flags: ConnectionFlags, env: Env, isRunning: (pid: number) => boolean = processRuns): Target {
  const search = new Search(flags, env, isRunning);
  if (flags.context !== undefined) return search.byName(flags.context, '--context');
  if (flags.endpoint) return search.atEndpoint(flags.endpoint, '--endpoint');
  if (flags.dataDir !== undefined) return search.localCloud(search.dataDir);
  if (env.AWS_ENDPOINT_URL) return search.atEndpoint(env.AWS_ENDPOINT_URL, 'AWS_ENDPOINT_URL');
  if (env.LAMBDACONTAINER_CONTEXT) return search.byName(env.LAMBDACONTAINER_CONTEXT, 'LAMBDACONTAINER_CONTEXT');
  return search.byCurrentContext() ?? search.ofThisFolder() ?? search.awsByRegion();
}

class Search {
  readonly #flags: ConnectionFlags;
  readonly #env: Env;
  readonly #isRunning: (pid: number) => boolean;
  readonly dataDir: string;

  constructor(flags: ConnectionFlags, env: Env, isRunning: (pid: number) => boolean) {
    this.#flags = flags;
    this.#env = env;
    this.#isRunning = isRunning;
    this.dataDir = resolve(flags.dataDir ?? (env.LAMBDACONTAINER_DATA_DIR || DEFAULT_DATA_DIR));
  }

  byName(name: string, by: string): Target {
    const { endpoint, region, dataDir } = this.#flags;
    if (by === '--context') {
      const other =
        endpoint !== undefined
          ? '--endpoint'
          : region !== undefined
            ? '--region'
            : dataDir !== undefined && name !== LOCAL_CONTEXT
              ? '--data-dir'
              : undefined;
      if (other) throw new UserError(`--context says all of where to go; remove ${other}`, 2);
    }
    if (name === LOCAL_CONTEXT) return this.localCloud(this.dataDir);
    const file = this.#file();
    const found = file?.find(name);
    if (file && found) return this.#target(found, file);
    const known = [LOCAL_CONTEXT, ...(file?.contexts ?? []).map((context) => context.name)];
    throw new UserError(
      `${by}: there is no context '${name}'${file ? ` in ${file.path}` : ''}; use one of ${known.join(', ')}, or make it with 'lambdacontainer config set-context'`,
    );
  }

  /** Undefined without a current context. */
  byCurrentContext(): Target | undefined {
    const file = this.#file();
    const name = file?.current;
    if (file === undefined || name === undefined) return undefined;
    const target = this.byName(name, `current-context of ${file.path}`);
    const local = readLocalFile(this.dataDir);
    if (!local || target.endpoint === local.awsEndpoint) return target;
    if (!this.#isRunning(local.pid)) throw this.#gone(this.dataDir, local.pid, `--context ${name} to talk to that`);
    throw new UserError(
      `the current context is ${target.context}, and a local cloud runs on ${this.dataDir} (${local.awsEndpoint}); say which is meant: --context ${name} or --context ${LOCAL_CONTEXT}`,
    );
  }

  /** Undefined when no local cloud left its file there. */
  ofThisFolder(): Target | undefined {
    const local = readLocalFile(this.dataDir);
    if (!local) return undefined;
    // Going on to AWS instead would act on the wrong account without a word.
    if (!this.#isRunning(local.pid)) {
      throw this.#gone(this.dataDir, local.pid, `remove ${localFilePath(this.dataDir)} to talk to AWS`);
    }
    return fromLocalFile(local, LOCAL_CONTEXT);
  }

  localCloud(dataDir: string, name: string = LOCAL_CONTEXT): Target {
    const local = readLocalFile(dataDir);
    if (!local) {
      throw new UserError(`no local cloud runs on ${dataDir}; start one with 'lambdacontainer local'`);
    }
    if (!this.#isRunning(local.pid)) throw this.#gone(dataDir, local.pid);
    return fromLocalFile(local, name);
  }

  atEndpoint(endpoint: string, by: string): Target {
    if (!URL.canParse(endpoint) || !/^https?:$/.test(new URL(endpoint).protocol)) {
      throw new UserError(`${by}: '${endpoint}' is not a URL; write it like http://127.0.0.1:4577`, 2);
    }
    const context = `endpoint ${endpoint}`;
    return {
      ...PLAIN,
      contextName: context,
      context,
      endpoint,
      region: this.#region() ?? LOCAL_REGION,
      credentials: credentialsFor(endpoint, this.#env),
      tables: this.#tables(),
    };
  }

  awsByRegion(): Target {
    const region = this.#region();
    if (region === undefined) {
      throw new UserError(
        `no local cloud runs on ${this.dataDir}, no context is in use and no AWS region is set; start a local cloud with 'lambdacontainer local', choose a context with 'lambdacontainer config use-context', or set AWS_REGION`,
      );
    }
    const profile = this.#env.AWS_PROFILE;
    const context = profile ? `AWS ${region}, profile ${profile}` : `AWS ${region}`;
    return { ...PLAIN, contextName: context, context, endpoint: undefined, region, tables: this.#tables() };
  }

  /** What a context says is all there is to it: neither AWS_REGION nor the tables of the environment change it. */
  #target({ name, local, aws, tables, namespace, protected: isProtected }: NamedContext, file: ContextFile): Target {
    const own = { isProtected: isProtected === true, defaultNamespace: namespace ?? DEFAULT_NAMESPACE };
    if (local) return { ...this.localCloud(resolve(dirname(file.path), local.dataDir), name), ...own };
    if (!aws) throw new Error(`context ${name} was not judged`);
    const { region, profile, endpoint, account } = aws;
    return {
      ...own,
      isLocal: false,
      contextName: name,
      context: `${name} (${describeAws(aws)})`,
      region,
      endpoint,
      ignoresConfiguredEndpoints: endpoint === undefined,
      credentials: endpoint && !profile ? credentialsFor(endpoint, this.#env) : undefined,
      profile,
      role: aws.roleArn ? { arn: aws.roleArn, externalId: aws.externalId } : undefined,
      account,
      tables: tables ?? DEFAULT_TABLES,
    };
  }

  #file(): ContextFile | undefined {
    const path = contextFilePath(this.#env);
    return path === undefined ? undefined : ContextFile.read(path);
  }

  #region(): string | undefined {
    return this.#flags.region ?? (this.#env.AWS_REGION || this.#env.AWS_DEFAULT_REGION || undefined);
  }

  #tables(): Tables {
    return tablesOf(this.#env);
  }

  #gone(dataDir: string, pid: number, otherwise?: string): UserError {
    return new UserError(
      `the local cloud of ${dataDir} (process ${pid}) is gone; start it again with 'lambdacontainer local'${otherwise ? `, or ${otherwise.startsWith('--') ? `give ${otherwise}` : otherwise}` : ''}`,
    );
  }
}

/** The tables that the environment names, else the default ones. */
export function tablesOf(env: Env): Tables {
  return {
    desired: env.LAMBDACONTAINER_DESIRED_TABLE || DEFAULT_TABLES.desired,
    state: env.LAMBDACONTAINER_STATE_TABLE || DEFAULT_TABLES.state,
  };
}

/** Dummy credentials are for this machine only; they must never hide a missing profile elsewhere. */
function credentialsFor(endpoint: string, env: Env): Target['credentials'] {
  const isLoopback = /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])$/.test(new URL(endpoint).hostname);
  return credentialsOf(env) ?? (isLoopback ? { accessKeyId: 'local', secretAccessKey: 'local' } : undefined);
}

interface LocalFile {
  readonly awsEndpoint: string;
  readonly tables: Tables;
  readonly pid: number;
  readonly region?: string;
}

function fromLocalFile(local: LocalFile, name: string): Target {
  const where = `local cloud ${local.awsEndpoint}`;
  return {
    ...PLAIN,
    isLocal: true,
    contextName: name,
    context: name === LOCAL_CONTEXT ? where : `${name} (${where})`,
    endpoint: local.awsEndpoint,
    region: local.region ?? LOCAL_REGION,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    tables: local.tables,
  };
}

function localFilePath(dataDir: string): string {
  return join(dataDir, 'local.json');
}

function readLocalFile(dataDir: string): LocalFile | undefined {
  const path = localFilePath(dataDir);
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
