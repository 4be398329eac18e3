/**
 * ECS tasks as programs of this machine: fetches images, gives each task loopback ports of its own, starts, signals and
 * checks containers, and sends their output to the logs. Order, dependencies, restarts and timeouts are the ECS
 * machine's. Every report comes later than the call that asked for it, and none comes after `close()`: a program that
 * ends because the cloud does has not changed the state of any task. A program is not PID 1 here: a SIGTERM that it does
 * not handle ends it, where in a real container it would be ignored until SIGKILL.
 */
import { mkdir, rm } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { ContainerEvent, ContainerLaunch, TaskDriver, TaskLaunch } from '../contract.ts';
import { loopbackPorts, type Program, programOf, rewrite, type Site } from './container-program.ts';
import type { DriverDeps } from './deps.ts';
import type { Group, Launcher } from './launcher.ts';
import { LogCapture } from './log-capture.ts';
import type { PortPool } from './ports.ts';
import { ImageError, type Rootfs, type RootfsCache } from './rootfs.ts';

interface Task {
  readonly launch: TaskLaunch;
  readonly folder: string;
  /** Ports of the image's world → ports of this machine. */
  readonly ports: Map<number, Promise<number>>;
  readonly assigned: Map<number, number>;
  readonly containers: Map<string, Running>;
}

/** What a container runs and where; a health check runs there too. */
interface Place {
  readonly site: Site;
  readonly program: Program;
}

interface Running {
  group: Group | undefined;
  /** Set by a signal that came before there was anything to signal. */
  stopped: 'SIGTERM' | 'SIGKILL' | undefined;
  place: Place | undefined;
}

export class LocalTaskDriver implements TaskDriver {
  readonly #deps: DriverDeps;
  readonly #launcher: Launcher;
  readonly #rootfs: RootfsCache;
  readonly #ports: PortPool;
  readonly #tasks = new Map<string, Task>();
  readonly #byIp = new Map<string, Task>();
  #closed = false;

  constructor(deps: DriverDeps, shared: { launcher: Launcher; rootfs: RootfsCache; ports: PortPool }) {
    this.#deps = deps;
    this.#launcher = shared.launcher;
    this.#rootfs = shared.rootfs;
    this.#ports = shared.ports;
  }

  prepare(launch: TaskLaunch): void {
    const folder = join(this.#deps.folder, 'tasks', launch.taskArn.slice(launch.taskArn.lastIndexOf('/') + 1));
    const task: Task = { launch, folder, ports: new Map(), assigned: new Map(), containers: new Map() };
    this.#tasks.set(launch.taskArn, task);
    this.#byIp.set(launch.privateIp, task);
  }

  startContainer(taskArn: string, container: string, report: (event: ContainerEvent) => void): void {
    const told = (event: ContainerEvent) => {
      if (!this.#closed) report(event);
    };
    this.#run(taskArn, container, told).catch((error: unknown) => {
      this.#deps.logger.info({ taskArn, container, error }, 'a container could not be started');
      const code = error instanceof ImageError ? 'CannotPullContainerError' : 'CannotStartContainerError';
      told({ type: 'failed', reason: `${code}: ${messageOf(error)}` });
    });
  }

  signalContainer(taskArn: string, container: string, signal: 'SIGTERM' | 'SIGKILL'): void {
    const running = this.#tasks.get(taskArn)?.containers.get(container);
    if (!running) return;
    running.stopped = signal;
    running.group?.signal(signal);
  }

  checkContainer(
    taskArn: string,
    container: string,
    command: readonly string[],
    timeoutMs: number,
    report: (healthy: boolean) => void,
  ): void {
    void this.#check(taskArn, container, command, timeoutMs).then((healthy) => {
      if (!this.#closed) report(healthy);
    });
  }

  release(taskArn: string): void {
    const task = this.#tasks.get(taskArn);
    if (!task) return;
    this.#tasks.delete(taskArn);
    if (this.#byIp.get(task.launch.privateIp) === task) this.#byIp.delete(task.launch.privateIp);
    void this.#free(task);
  }

  /** Where a task's port is on this machine; undefined when no task has that address or none of its texts that port. */
  endpoint(ip: string, port: number): { host: string; port: number } | undefined {
    const assigned = this.#byIp.get(ip)?.assigned.get(port);
    return assigned === undefined ? undefined : { host: '127.0.0.1', port: assigned };
  }

  /** From now on nothing is reported. The launcher ends the containers. */
  close(): void {
    this.#closed = true;
  }

  async #run(taskArn: string, container: string, report: (event: ContainerEvent) => void): Promise<void> {
    const task = this.#tasks.get(taskArn);
    const launch = task?.launch.containers.find(({ name }) => name === container);
    if (!task || !launch) throw new Error(`no container ${container} was prepared for ${taskArn}`);
    const running: Running = { group: undefined, stopped: undefined, place: undefined };
    task.containers.set(container, running);
    running.place = await this.#place(task, launch);
    if (running.stopped) {
      report({ type: 'exited', exitCode: 128 + constants.signals[running.stopped] });
      return;
    }
    const capture = this.#capture(launch);
    const group = await this.#launcher.start(running.place.program, capture);
    running.group = group;
    report({ type: 'started' });
    if (running.stopped) group.signal(running.stopped);
    const exitCode = await group.ended;
    running.group = undefined;
    capture?.end();
    report({ type: 'exited', exitCode });
  }

  async #place(task: Task, launch: ContainerLaunch): Promise<Place> {
    const rootfs = await this.#rootfs.ensure(launch.image);
    await this.#assignPorts(task, rootfs);
    const site: Site = { rootfs: rootfs.folder, portFor: (port) => task.assigned.get(port) };
    const home = join(task.folder, launch.name);
    await mkdir(home, { recursive: true });
    const spec = {
      image: rootfs.config,
      entryPoint: launch.entryPoint,
      command: launch.command,
      workingDirectory: launch.workingDirectory,
      environment: launch.environment,
      beneath: {
        ...this.#deps.baseEnvironment(task.launch.credentials),
        AWS_EXECUTION_ENV: 'AWS_ECS_FARGATE',
        HOME: home,
        TMPDIR: home,
        HOSTNAME: hostname(task),
      },
      machinePath: this.#deps.machinePath,
    };
    const program = programOf(spec, site, containerPorts(task));
    // As a container runtime does: a working directory that the image lacks is made.
    await mkdir(program.workingDirectory, { recursive: true });
    return { site, program };
  }

  /** Every port that the task's containers or this image name gets one of the machine's, once for all containers. */
  async #assignPorts(task: Task, rootfs: Rootfs): Promise<void> {
    const texts = task.launch.containers.flatMap(({ environment, command, entryPoint }) => [
      ...Object.values(environment),
      ...(command ?? []),
      ...(entryPoint ?? []),
    ]);
    texts.push(...Object.values(rootfs.config.environment), ...rootfs.config.command, ...rootfs.config.entryPoint);
    const cloudPort = Number(this.#deps.settings.awsHost().split(':').at(-1));
    const named = new Set([...containerPorts(task), ...loopbackPorts(texts)]);
    // Somebody who names the cloud's own endpoint means it, and not a port of the task.
    named.delete(cloudPort);
    const missing = [...named].filter((port) => !task.ports.has(port));
    for (const port of missing) task.ports.set(port, this.#ports.take());
    for (const [port, taking] of task.ports) task.assigned.set(port, await taking);
  }

  #capture(launch: ContainerLaunch): LogCapture | undefined {
    const { logGroup, logStream } = launch;
    if (logGroup === undefined || logStream === undefined) return undefined;
    return new LogCapture(this.#deps.clock, (messages) => this.#deps.log(logGroup, logStream, messages));
  }

  async #check(taskArn: string, container: string, command: readonly string[], timeoutMs: number): Promise<boolean> {
    const running = this.#tasks.get(taskArn)?.containers.get(container);
    if (!running?.group || !running.place) return false;
    const { site, program } = running.place;
    const argv = healthCheckArgv(command).map((argument) => rewrite(argument, site));
    try {
      const group = await this.#launcher.start({ ...program, argv }, undefined);
      const timer = this.#deps.clock.after(timeoutMs, () => group.signal('SIGKILL'));
      const exitCode = await group.ended;
      timer.cancel();
      return exitCode === 0;
    } catch (error) {
      this.#deps.logger.debug({ taskArn, container, error: messageOf(error) }, 'a health check could not be started');
      return false;
    }
  }

  async #free(task: Task): Promise<void> {
    for (const running of task.containers.values()) {
      running.stopped = 'SIGKILL';
      running.group?.signal('SIGKILL');
    }
    await Promise.all([...task.containers.values()].map(({ group }) => group?.ended));
    for (const taking of task.ports.values()) this.#ports.free(await taking);
    await rm(task.folder, { recursive: true, force: true }).catch((error: unknown) =>
      this.#deps.logger.warn({ folder: task.folder, error: messageOf(error) }, 'a task folder could not be removed'),
    );
  }
}

/** `CMD …` and `CMD-SHELL …` as the ECS API has them; anything else is a program with its arguments. */
function healthCheckArgv(command: readonly string[]): readonly string[] {
  const [form, ...rest] = command;
  if (form === 'CMD') return rest;
  return form === 'CMD-SHELL' ? ['/bin/sh', '-c', rest.join(' ')] : command;
}

function containerPorts(task: Task): number[] {
  return task.launch.containers.flatMap((each) => each.containerPorts);
}

function hostname(task: Task): string {
  return `ip-${task.launch.privateIp.replaceAll('.', '-')}.ec2.internal`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
