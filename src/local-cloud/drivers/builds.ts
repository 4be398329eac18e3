/**
 * CodeBuild builds as programs of this machine. Each command of the buildspec is a shell of its own in the build
 * image's environment; exported variables and the working directory pass from one to the next through a file, as
 * CodeBuild's agent does it, so that an `exit` ends its command and not the build. Queueing and the build's record are
 * the CodeBuild machine's. Nothing is reported after `close()`.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatDuration, shortHash } from '../../core/index.ts';
import type { BuildDriver, BuildEvent, BuildLaunch } from '../contract.ts';
import { type BuildPhase, type Buildspec, BuildspecError, PHASES, parseBuildspec } from './buildspec.ts';
import { type Program, programOf, rewrite, type Site } from './container-program.ts';
import type { DriverDeps } from './deps.ts';
import { type Group, type Launcher, StartError } from './launcher.ts';
import { LogCapture } from './log-capture.ts';
import { ImageError, type Rootfs, type RootfsCache } from './rootfs.ts';

/** Runs $1 where the last command ended, and leaves behind where it ended itself. */
const COMMAND = `
trap 'status=$?; export -p >"$LAMBDACONTAINER_BUILD_STATE/environment"; pwd >"$LAMBDACONTAINER_BUILD_STATE/folder"; exit $status' EXIT
. "$LAMBDACONTAINER_BUILD_STATE/environment"
cd "$(cat "$LAMBDACONTAINER_BUILD_STATE/folder")"
export CODEBUILD_BUILD_SUCCEEDING="$2"
eval "$1"
`;

interface Build {
  readonly launch: BuildLaunch;
  readonly folder: string;
  readonly capture: LogCapture;
  readonly report: (event: BuildEvent) => void;
  group: Group | undefined;
  /** Why no further command may start. */
  ended: { readonly code: 'BUILD_TIMED_OUT' | 'BUILD_STOPPED'; readonly message: string } | undefined;
}

/** Where commands run. */
interface Place {
  readonly site: Site;
  /** Its arguments lack the command and whether the build succeeds so far. */
  readonly program: Program;
}

type Outcome = { readonly succeeded: true } | { readonly succeeded: false; readonly message: string };
const SUCCEEDED: Outcome = { succeeded: true };

export class LocalBuildDriver implements BuildDriver {
  readonly #deps: DriverDeps;
  readonly #launcher: Launcher;
  readonly #rootfs: RootfsCache;
  readonly #builds = new Map<string, Build>();
  #closed = false;

  constructor(deps: DriverDeps, shared: { launcher: Launcher; rootfs: RootfsCache }) {
    this.#deps = deps;
    this.#launcher = shared.launcher;
    this.#rootfs = shared.rootfs;
  }

  start(launch: BuildLaunch, report: (event: BuildEvent) => void): void {
    const build: Build = {
      launch,
      folder: join(this.#deps.folder, 'builds', shortHash(launch.buildId, 16)),
      capture: new LogCapture(this.#deps.clock, (messages) =>
        this.#deps.log(launch.logGroup, launch.logStream, messages),
      ),
      report: (event) => {
        if (!this.#closed) report(event);
      },
      group: undefined,
      ended: undefined,
    };
    this.#builds.set(launch.buildId, build);
    // CodeBuild creates the log group of its first build.
    this.#deps.ensureLogGroup(launch.logGroup);
    const timer = this.#deps.clock.after(launch.timeoutMs, () =>
      end(build, { code: 'BUILD_TIMED_OUT', message: `Build has timed out after ${formatDuration(launch.timeoutMs)}` }),
    );
    void this.#run(build)
      .catch((error: unknown) => {
        this.#deps.logger.error({ buildId: launch.buildId, error }, 'a build could not be run');
        say(build, `INTERNAL_SERVICE_ERROR: ${String(error)}`, this.#deps.clock.now());
        return false;
      })
      .then(async (succeeded) => {
        timer.cancel();
        this.#builds.delete(launch.buildId);
        build.capture.end();
        await rm(build.folder, { recursive: true, force: true });
        build.report({ type: 'ended', succeeded });
      });
  }

  stop(buildId: string): void {
    const build = this.#builds.get(buildId);
    if (build) end(build, { code: 'BUILD_STOPPED', message: 'Build was stopped' });
  }

  /** From now on nothing is reported. The launcher ends the commands. */
  close(): void {
    this.#closed = true;
    for (const build of this.#builds.values())
      end(build, { code: 'BUILD_STOPPED', message: 'The local cloud is shutting down' });
  }

  /** The phases in CodeBuild's order. Without a source, downloading it is reading the buildspec. */
  async #run(build: Build): Promise<boolean> {
    const rootfs = await this.#phase(build, 'PROVISIONING', () => this.#provision(build));
    if (!rootfs) return false;
    const spec = await this.#phase(build, 'DOWNLOAD_SOURCE', async () => parseBuildspec(build.launch.buildspec));
    if (!spec) return false;
    const place = await this.#place(build, rootfs, spec);
    let succeeding = true;
    for (const name of PHASES) {
      // As CodeBuild: a failed install or pre_build ends the build; a failed build phase still has its post_build.
      const phase = spec.phases[name];
      const outcome = phase ? await this.#commands(build, place, phase, succeeding) : SUCCEEDED;
      this.#reportPhase(build, name.toUpperCase(), outcome);
      if (endOf(build)) return false;
      if (outcome.succeeded || phase?.onFailure === 'CONTINUE') continue;
      succeeding = false;
      if (name !== 'build' || phase?.onFailure === 'ABORT') break;
    }
    for (const name of ['UPLOAD_ARTIFACTS', 'FINALIZING']) this.#reportPhase(build, name, SUCCEEDED);
    return succeeding;
  }

  async #phase<T>(build: Build, name: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      const result = await work();
      const outcome = endOf(build) ?? SUCCEEDED;
      this.#reportPhase(build, name, outcome);
      return outcome.succeeded ? result : undefined;
    } catch (error) {
      if (!(error instanceof ImageError || error instanceof BuildspecError)) throw error;
      const message =
        error instanceof ImageError ? `BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE: ${error.message}` : error.message;
      this.#reportPhase(build, name, { succeeded: false, message });
      return undefined;
    }
  }

  #reportPhase(build: Build, phase: string, outcome: Outcome): void {
    const now = this.#deps.clock.now();
    say(build, `Phase complete: ${phase} State: ${outcome.succeeded ? 'SUCCEEDED' : 'FAILED'}`, now);
    say(
      build,
      `Phase context status code: ${outcome.succeeded ? '' : outcome.message.split(':')[0]} Message: ${outcome.succeeded ? '' : outcome.message}`,
      now,
    );
    build.report({ type: 'phase', phase, ...outcome });
  }

  async #provision(build: Build): Promise<Rootfs> {
    for (const name of ['source', 'state', 'home']) await mkdir(join(build.folder, name), { recursive: true });
    return this.#rootfs.ensure(build.launch.image);
  }

  async #place(build: Build, rootfs: Rootfs, spec: Buildspec): Promise<Place> {
    const { launch, folder } = build;
    const source = join(folder, 'source');
    const home = join(folder, 'home');
    const state = join(folder, 'state');
    const { region, accountId } = this.#deps.settings;
    const site: Site = { rootfs: rootfs.folder, portFor: () => undefined };
    const program = programOf(
      {
        image: rootfs.config,
        entryPoint: ['/bin/sh', '-c', COMMAND, 'sh'],
        folder: source,
        environment: { ...spec.variables, ...launch.environment },
        beneath: {
          ...this.#deps.baseEnvironment(launch.credentials),
          HOME: home,
          TMPDIR: home,
          CODEBUILD_BUILD_ID: launch.buildId,
          CODEBUILD_BUILD_ARN: `arn:aws:codebuild:${region}:${accountId}:build/${launch.buildId}`,
          CODEBUILD_BUILD_IMAGE: launch.image,
          CODEBUILD_CI: 'true',
          CODEBUILD_INITIATOR: 'local',
          CODEBUILD_LOG_PATH: launch.logStream,
          CODEBUILD_RESOLVED_SOURCE_VERSION: '',
          CODEBUILD_SOURCE_VERSION: '',
          CODEBUILD_SRC_DIR: source,
          CODEBUILD_START_TIME: String(this.#deps.clock.now()),
          LAMBDACONTAINER_BUILD_STATE: state,
        },
        machinePath: this.#deps.machinePath,
      },
      site,
      [],
    );
    await writeFile(join(state, 'environment'), '');
    await writeFile(join(state, 'folder'), `${source}\n`);
    return { site, program };
  }

  async #commands(build: Build, place: Place, phase: BuildPhase, succeeding: boolean): Promise<Outcome> {
    let outcome: Outcome = SUCCEEDED;
    for (const command of phase.commands) {
      outcome = await this.#command(build, place, command, succeeding);
      if (!outcome.succeeded) break;
    }
    for (const command of phase.finally) {
      const last = await this.#command(build, place, command, succeeding && outcome.succeeded);
      if (!last.succeeded) return outcome.succeeded ? last : outcome;
    }
    return outcome;
  }

  async #command(build: Build, place: Place, command: string, succeeding: boolean): Promise<Outcome> {
    const over = endOf(build);
    if (over) return over;
    say(build, `Running command ${command}`, this.#deps.clock.now());
    const argv = [...place.program.argv, rewrite(command, place.site), succeeding ? '1' : '0'];
    let group: Group;
    try {
      group = await this.#launcher.start({ ...place.program, argv }, build.capture);
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      return failure('COMMAND_EXECUTION_ERROR', `Error while executing command: ${command}. Reason: ${error.message}`);
    }
    build.group = group;
    if (build.ended) group.signal('SIGKILL');
    const exitCode = await group.ended;
    build.group = undefined;
    const cut = endOf(build);
    if (cut) return cut;
    if (exitCode === 0) return SUCCEEDED;
    say(build, `Command did not exit successfully ${command} exit status ${exitCode}`, this.#deps.clock.now());
    return failure(
      'COMMAND_EXECUTION_ERROR',
      `Error while executing command: ${command}. Reason: exit status ${exitCode}`,
    );
  }
}

function failure(code: string, message: string): Outcome {
  return { succeeded: false, message: `${code}: ${message}` };
}

/** Why the build is over although its commands are not. */
function endOf(build: Build): Outcome | undefined {
  return build.ended && failure(build.ended.code, build.ended.message);
}

function end(build: Build, why: NonNullable<Build['ended']>): void {
  build.ended ??= why;
  build.group?.signal('SIGKILL');
}

/** A line of the agent's own among the build's output. */
function say(build: Build, text: string, nowMs: number): void {
  const time = new Date(nowMs).toISOString().replace('T', ' ').replaceAll('-', '/').replace('Z', '000');
  build.capture.line(`[Container] ${time} ${text}`);
}
