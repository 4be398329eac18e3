/**
 * Lambda functions as programs of this machine: environments are started when all are busy, kept warm, used again by
 * the same revision, and ended after five idle minutes. A function has ten environments at most; further invocations
 * wait for one, because this machine is smaller than an account's concurrency. What one environment does is
 * `execution-environment.ts`.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Timer } from '../../core/index.ts';
import { layerFromZip, unpack } from '../../oci/index.ts';
import { AwsError, type FunctionDriver, type FunctionLaunch, type InvocationResult } from '../contract.ts';
import { type Program, programOf } from './container-program.ts';
import type { DriverDeps } from './deps.ts';
import { ExecutionEnvironment } from './execution-environment.ts';
import { FolderCache } from './folder-cache.ts';
import type { Launcher } from './launcher.ts';
import { ImageError, type Rootfs, type RootfsCache } from './rootfs.ts';

const ENVIRONMENTS_MAX = 10;
const IDLE_MS_MAX = 5 * 60_000;

type Variables = Readonly<Record<string, string>>;

interface Warm {
  readonly environment: ExecutionEnvironment;
  readonly idle: Timer;
}

/** The environments of one revision of a function. */
interface Fleet {
  readonly revisionId: string;
  size: number;
  /** The longest idle first; the last used is used next, so that what is too much ages. */
  readonly warm: Warm[];
  /** Invocations that wait: they are told that an environment has become free, or that one may be started. */
  readonly waiting: (() => void)[];
  retired: boolean;
}

export class LocalFunctionDriver implements FunctionDriver {
  readonly #deps: DriverDeps;
  readonly #launcher: Launcher;
  readonly #rootfs: RootfsCache;
  readonly #code: FolderCache;
  readonly #fleets = new Map<string, Fleet>();
  /** Every environment that has not been stopped yet, and its temporary folder. */
  readonly #environments = new Map<ExecutionEnvironment, string>();
  #sequence = 0;
  #closed = false;

  constructor(deps: DriverDeps, shared: { launcher: Launcher; rootfs: RootfsCache }) {
    this.#deps = deps;
    this.#launcher = shared.launcher;
    this.#rootfs = shared.rootfs;
    this.#code = new FolderCache(join(deps.folder, 'functions'), deps.random);
  }

  /** @throws AwsError when the function's code, image or runtime cannot be had here */
  async invoke(
    launch: FunctionLaunch,
    event: Uint8Array,
    context: { requestId: string; clientContext?: string },
  ): Promise<InvocationResult> {
    const fleet = this.#fleet(launch);
    const environment = await this.#take(fleet, launch);
    try {
      return await environment.invoke(event, context.requestId, context.clientContext);
    } finally {
      this.#giveBack(fleet, environment);
    }
  }

  /** Ends all environments, whatever they are doing. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const fleet of this.#fleets.values()) this.#retire(fleet);
    await Promise.all([...this.#environments.keys()].map((environment) => this.#stop(environment)));
  }

  #fleet(launch: FunctionLaunch): Fleet {
    const current = this.#fleets.get(launch.functionArn);
    if (current?.revisionId === launch.revisionId) return current;
    if (current) this.#retire(current);
    const fleet: Fleet = { revisionId: launch.revisionId, size: 0, warm: [], waiting: [], retired: false };
    this.#fleets.set(launch.functionArn, fleet);
    return fleet;
  }

  /** Busy environments finish what they do; what waits is still served by this revision, as it was accepted for it. */
  #retire(fleet: Fleet): void {
    fleet.retired = true;
    for (const { environment, idle } of fleet.warm.splice(0)) {
      idle.cancel();
      fleet.size--;
      void this.#stop(environment);
    }
    for (const wake of fleet.waiting.splice(0)) wake();
  }

  async #take(fleet: Fleet, launch: FunctionLaunch): Promise<ExecutionEnvironment> {
    for (;;) {
      if (this.#closed) throw new AwsError('ServiceException', 'The local cloud is shutting down', 500);
      const warm = fleet.warm.pop();
      warm?.idle.cancel();
      if (warm?.environment.usable) return warm.environment;
      if (warm) this.#discard(fleet, warm.environment);
      else if (fleet.size < ENVIRONMENTS_MAX) return this.#start(fleet, launch);
      else await new Promise<void>((resolve) => fleet.waiting.push(resolve));
    }
  }

  #giveBack(fleet: Fleet, environment: ExecutionEnvironment): void {
    if (!environment.usable || fleet.retired || this.#closed) {
      this.#discard(fleet, environment);
    } else {
      const idle = this.#deps.clock.after(IDLE_MS_MAX, () => this.#age(fleet, environment), { unref: true });
      fleet.warm.push({ environment, idle });
    }
    fleet.waiting.shift()?.();
  }

  #age(fleet: Fleet, environment: ExecutionEnvironment): void {
    const index = fleet.warm.findIndex((warm) => warm.environment === environment);
    fleet.warm.splice(index, 1);
    this.#discard(fleet, environment);
  }

  #discard(fleet: Fleet, environment: ExecutionEnvironment): void {
    fleet.size--;
    void this.#stop(environment);
  }

  async #stop(environment: ExecutionEnvironment): Promise<void> {
    await environment.stop();
    const folder = this.#environments.get(environment);
    this.#environments.delete(environment);
    if (folder) await rm(folder, { recursive: true, force: true });
  }

  async #start(fleet: Fleet, launch: FunctionLaunch): Promise<ExecutionEnvironment> {
    fleet.size++;
    try {
      return await this.#startEnvironment(launch);
    } catch (error) {
      fleet.size--;
      fleet.waiting.shift()?.();
      if (error instanceof ImageError) throw new AwsError('InvalidRuntimeException', error.message, 502);
      throw error;
    }
  }

  async #startEnvironment(launch: FunctionLaunch): Promise<ExecutionEnvironment> {
    const { clock, folder, random } = this.#deps;
    const rootfs = await this.#rootfs.ensure(launch.imageUri ?? this.#baseImage(launch.runtime));
    const code = launch.packageType === 'Zip' ? await this.#unpackedCode(launch.codeDigest) : undefined;
    const logGroup = `/aws/lambda/${launch.name}`;
    const day = new Date(clock.now()).toISOString().slice(0, 10).replaceAll('-', '/');
    const logStream = `${day}/[${launch.version}]${random.hex(16)}`;
    this.#deps.ensureLogGroup(logGroup);
    const environment = new ExecutionEnvironment(this.#deps, launch, logGroup, logStream);
    const temporary = join(folder, 'environments', String(++this.#sequence));
    this.#environments.set(environment, temporary);
    try {
      await mkdir(temporary, { recursive: true });
      const own = {
        ...reservedVariables(launch, rootfs, code),
        AWS_LAMBDA_LOG_GROUP_NAME: logGroup,
        AWS_LAMBDA_LOG_STREAM_NAME: logStream,
        AWS_LAMBDA_RUNTIME_API: await environment.listen(),
      };
      const program = this.#program(launch, rootfs, code, own, temporary);
      await mkdir(program.workingDirectory, { recursive: true });
      await environment.start(this.#launcher, program);
      return environment;
    } catch (error) {
      await this.#stop(environment);
      throw error;
    }
  }

  #program(launch: FunctionLaunch, rootfs: Rootfs, code: string | undefined, own: Variables, home: string): Program {
    const { imageConfig } = launch;
    return programOf(
      {
        image: rootfs.config,
        entryPoint: imageConfig?.entryPoint,
        command: code ? [handlerOf(launch, rootfs)] : imageConfig?.command,
        workingDirectory: imageConfig?.workingDirectory,
        ...(code ? { folder: code } : {}),
        environment: { ...launch.environment, ...own },
        beneath: { ...this.#deps.baseEnvironment(), HOME: home, TMPDIR: home, TZ: ':UTC', LANG: 'en_US.UTF-8' },
        machinePath: this.#deps.machinePath,
      },
      { rootfs: rootfs.folder, portFor: () => undefined },
      [],
    );
  }

  #unpackedCode(digest: string): Promise<string> {
    return this.#code.ensure(digest, async (folder) => {
      await unpack([await layerFromZip(this.#deps.blobs.read(digest), { prefix: '/' })], folder);
    });
  }

  /** The stand-in for a managed runtime: `nodejs22.x` runs in `lambda/nodejs:22`. */
  #baseImage(runtime: string | undefined): string {
    const [, family, version] = /^(nodejs|python|provided)\.?([\w.]+?)(?:\.x)?$/.exec(runtime ?? '') ?? [];
    if (!family || !version) {
      throw new AwsError(
        'InvalidRuntimeException',
        `The local cloud has no runtime ${runtime}; it runs Node.js, Python and provided`,
        502,
      );
    }
    return `${this.#deps.settings.awsHost()}/lambda/${family}:${version}`;
  }
}

/** Variables that a function cannot set itself. */
function reservedVariables(launch: FunctionLaunch, rootfs: Rootfs, code: string | undefined): Variables {
  const { LAMBDA_TASK_ROOT = '/var/task', LAMBDA_RUNTIME_DIR = '/var/runtime' } = rootfs.config.environment;
  return {
    _HANDLER: handlerOf(launch, rootfs),
    LAMBDA_TASK_ROOT: code ?? LAMBDA_TASK_ROOT,
    LAMBDA_RUNTIME_DIR,
    AWS_EXECUTION_ENV: `AWS_Lambda_${launch.packageType === 'Image' ? 'Image' : launch.runtime}`,
    AWS_LAMBDA_FUNCTION_NAME: launch.name,
    AWS_LAMBDA_FUNCTION_VERSION: launch.version,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(launch.memoryMb),
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
  };
}

/** A zip's handler; of an image the first argument, which is the handler wherever an AWS base image is used. */
function handlerOf(launch: FunctionLaunch, rootfs: Rootfs): string {
  return launch.handler ?? launch.imageConfig?.command?.[0] ?? rootfs.config.command[0] ?? '';
}
