/**
 * The life of one task: PROVISIONING → PENDING → ACTIVATING → RUNNING → DEACTIVATING → STOPPING → DEPROVISIONING →
 * STOPPED, with the order of its containers, their health checks and restarts. Looking at a task derives what to do
 * from its record, as often as one likes. Which tasks there should be is the scheduler's; programs are the driver's.
 */
import type { ContainerDefinition } from '@aws-sdk/client-ecs';
import {
  AwsError,
  type ContainerEvent,
  type ContainerLaunch,
  type RoleSessions,
  type ServiceDeps,
  type TaskDriver,
} from '../../contract.ts';
import type { IpTarget, TargetState } from '../elbv2.ts';
import type { LogGroups } from './log-groups.ts';
import {
  type ContainerRecord,
  type EcsRecords,
  type HealthStatus,
  lastPart,
  REMEMBERED_MS,
  type StopCode,
  type TaskRecord,
  type TaskStatus,
} from './model.ts';
import { type Retrieved, retrieveSecrets, type SecretValues, type TaskSecrets } from './secrets.ts';

/** Fargate's wait for a container on which others depend. */
const START_TIMEOUT_SEC = 180;
const STOP_TIMEOUT_SEC = 30;
const RESTART_PERIOD_SEC = 300;

/** What tasks and services ask of the load balancer; Elbv2Service is one. */
export interface TargetGroups {
  targetGroup(arn: string): { targetType: 'ip' | 'lambda'; attached: boolean } | undefined;
  registerTarget(arn: string, target: IpTarget, nowMs: number): void;
  deregisterTarget(arn: string, target: IpTarget, nowMs: number): void;
  targetState(arn: string, target: IpTarget): { state: TargetState; description: string | undefined };
  onTargetChange(observer: (arn: string) => void): void;
}

/** What tasks ask of the registry; EcrService is one. */
export interface Images {
  resolve(imageUri: string): { readonly digest: string } | undefined;
}

export interface RunnerDeps {
  readonly records: EcsRecords;
  readonly enter: ServiceDeps['enter'];
  readonly tasks: TaskDriver;
  readonly elbv2: TargetGroups;
  readonly ecr: Images;
  readonly logGroups: LogGroups;
  /** Credentials of task roles; none when left out. */
  readonly sessions?: RoleSessions | undefined;
  /** Whom tasks have their secrets from; a task that names one does not start when left out. */
  readonly secrets?: TaskSecrets | undefined;
  readonly requestId: () => string;
  /** Looks at a task, or at its service, at `atMs`. */
  readonly wakeTask: (arn: string, atMs: number) => void;
  readonly wakeService: (arn: string, atMs: number) => void;
  /** An event of the service that owns the task. */
  readonly tell: (task: TaskRecord, nowMs: number, message: string) => void;
}

/** A container's health checks: due when, and how many failed in a row. In memory, as processes are. */
interface Check {
  readonly run: number;
  nextMs: number;
  underWay: boolean;
  failures: number;
}

/** Moves tasks along. `look` may be called at any time and as often as one likes; it does only what is due. */
export class TaskRunner {
  readonly #deps: RunnerDeps;
  readonly #checks = new Map<string, Check>();

  constructor(deps: RunnerDeps) {
    this.#deps = deps;
  }

  /** Does what is due for a task. */
  look(arn: string, nowMs: number): void {
    const task = this.#deps.records.tasks.get(arn);
    if (!task) return;
    if (task.lastStatus === 'STOPPED') {
      this.#forgetLater(task, nowMs);
      return;
    }
    const before = JSON.stringify(task);
    while (this.#step(task, nowMs)) {
      task.version += 1;
      this.#deps.records.announce.task(task, nowMs);
    }
    if (JSON.stringify(task) === before) return;
    this.#deps.records.tasks.set(arn, task);
    if (task.service) this.#deps.wakeService(task.service.arn, nowMs);
  }

  /** Asks a task to stop; does nothing when it is stopping already. The task is looked at next. */
  stop(arn: string, code: StopCode, reason: string, nowMs: number): void {
    const task = this.#deps.records.tasks.get(arn);
    if (!task || task.desiredStatus === 'STOPPED') return;
    askToStop(task, code, reason, nowMs);
    task.version += 1;
    this.#deps.records.tasks.set(arn, task);
    this.#deps.records.announce.task(task, nowMs);
    this.#deps.wakeTask(arn, nowMs);
  }

  /** The programs of every task are gone: tasks that had some are over. */
  recover(nowMs: number): void {
    for (const task of this.#deps.records.tasks.values()) {
      if (task.lastStatus === 'STOPPED' || task.lastStatus === 'PROVISIONING') continue;
      askToStop(
        task,
        'TerminationNotice',
        'The local cloud was restarted and the processes of the task ended with it',
        nowMs,
      );
      for (const container of task.containers) container.state = 'STOPPED';
      for (const { arn, target } of targetsOf(task)) this.#deps.elbv2.deregisterTarget(arn, target, nowMs);
      if (task.lastStatus !== 'DEPROVISIONING') enterStatus(task, 'DEPROVISIONING', nowMs);
      task.version += 1;
      this.#deps.records.tasks.set(task.arn, task);
      this.#deps.records.announce.task(task, nowMs);
    }
  }

  // ------------------------------------------------------------------------------------------------------- statuses

  /** One transition; true when the task entered another status. */
  #step(task: TaskRecord, nowMs: number): boolean {
    switch (task.lastStatus) {
      case 'PROVISIONING':
        return this.#provision(task, nowMs);
      case 'PENDING':
        return this.#bringUp(task, nowMs);
      case 'ACTIVATING':
        return this.#activate(task, nowMs);
      case 'RUNNING':
        this.#checkContainers(task, nowMs);
        return task.desiredStatus === 'STOPPED' && this.#deactivate(task, nowMs);
      case 'DEACTIVATING':
        return this.#isDrained(task) && enterStatus(task, 'STOPPING', nowMs);
      case 'STOPPING':
        return this.#bringDown(task, nowMs);
      case 'DEPROVISIONING':
        return this.#deprovision(task, nowMs);
      case 'STOPPED':
        return false;
    }
  }

  #provision(task: TaskRecord, nowMs: number): boolean {
    if (task.desiredStatus === 'STOPPED') {
      for (const container of task.containers) container.state = 'STOPPED';
      return enterStatus(task, 'DEPROVISIONING', nowMs);
    }
    const readyMs = task.createdMs + this.#deps.records.settings.delays.taskProvisioningMs;
    if (nowMs < readyMs) {
      this.#deps.wakeTask(task.arn, readyMs);
      return false;
    }
    const { defect: noSecrets, values: secrets } = this.#secretsOf(task, nowMs);
    // Secrets come before images, and both before any container.
    if (noSecrets !== undefined) {
      askToStop(task, 'TaskFailedToStart', noSecrets, nowMs);
      return enterStatus(task, 'PENDING', nowMs);
    }
    task.pullStartedMs = nowMs;
    for (const container of task.containers) {
      const image = this.#deps.ecr.resolve(container.image);
      if (image) container.imageDigest = image.digest;
      else {
        container.reason = `CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref ${container.image}: ${container.image}: not found`;
        askToStop(task, 'TaskFailedToStart', container.reason, nowMs);
      }
    }
    task.pullStoppedMs = nowMs;
    const { containerDefinitions } = this.#definition(task);
    const defect = this.#deps.logGroups.ensure(containerDefinitions, nowMs);
    if (defect !== undefined) askToStop(task, 'TaskFailedToStart', defect, nowMs);
    if (task.desiredStatus === 'RUNNING') {
      const containers = containerDefinitions.map((definition) => launchOf(task, definition, secrets));
      const role = this.#roleOf(task);
      const credentials = role === undefined ? undefined : this.#deps.sessions?.beginRun(role, lastPart(task.arn));
      this.#deps.tasks.prepare({ taskArn: task.arn, privateIp: task.ip, containers, credentials });
    }
    return enterStatus(task, 'PENDING', nowMs);
  }

  /** As a session of the execution role that is named after the task. */
  #secretsOf(task: TaskRecord, nowMs: number): Retrieved {
    const { containerDefinitions, executionRoleArn } = this.#deps.records.definition(task.taskDefinitionArn);
    const role = { arn: task.overrides.executionRoleArn || executionRoleArn, session: lastPart(task.arn) };
    return retrieveSecrets(containerDefinitions, role, this.#deps.secrets, nowMs, this.#deps.requestId);
  }

  #roleOf(task: TaskRecord): string | undefined {
    const { taskRoleArn } = this.#deps.records.definition(task.taskDefinitionArn);
    // Either may be empty text.
    return task.overrides.taskRoleArn || taskRoleArn || undefined;
  }

  #bringUp(task: TaskRecord, nowMs: number): boolean {
    if (task.desiredStatus === 'STOPPED') return enterStatus(task, 'STOPPING', nowMs);
    this.#checkContainers(task, nowMs);
    for (const container of task.containers) {
      if (container.state !== 'PENDING') continue;
      const readiness = this.#dependencies(task, container, nowMs);
      if (readiness === 'met') this.#start(task, container, nowMs);
      else if (readiness !== 'waiting') {
        container.reason = readiness;
        askToStop(task, 'TaskFailedToStart', `Task failed to start: ${readiness}`, nowMs);
        return enterStatus(task, 'STOPPING', nowMs);
      }
    }
    const up = task.containers.every(({ state }) => state === 'RUNNING' || state === 'STOPPED');
    return up && enterStatus(task, 'ACTIVATING', nowMs);
  }

  #activate(task: TaskRecord, nowMs: number): boolean {
    if (task.desiredStatus === 'STOPPED') return enterStatus(task, 'STOPPING', nowMs);
    for (const { arn, target } of targetsOf(task)) {
      try {
        this.#deps.elbv2.registerTarget(arn, target, nowMs);
      } catch (error) {
        if (!(error instanceof AwsError)) throw error;
        this.#deps.tell(
          task,
          nowMs,
          `was unable to register targets in (target-group ${arn}) because: ${error.message}`,
        );
        askToStop(
          task,
          'ServiceSchedulerInitiated',
          `Unable to register targets in (target-group ${arn}): ${error.message}`,
          nowMs,
        );
        return this.#deactivate(task, nowMs);
      }
      this.#deps.tell(task, nowMs, `registered 1 targets in (target-group ${arn})`);
    }
    task.startedMs = nowMs;
    return enterStatus(task, 'RUNNING', nowMs);
  }

  #deactivate(task: TaskRecord, nowMs: number): boolean {
    const targets = targetsOf(task);
    for (const { arn, target } of targets) {
      if (this.#deps.elbv2.targetState(arn, target).state === undefined) continue;
      this.#deps.elbv2.deregisterTarget(arn, target, nowMs);
      this.#deps.tell(task, nowMs, `deregistered 1 targets in (target-group ${arn})`);
    }
    // The agent ends the other containers at once when an essential one is gone: there is nothing left to drain for.
    if (task.stop?.code === 'EssentialContainerExited') return enterStatus(task, 'STOPPING', nowMs);
    if (targets.length > 0) this.#deps.tell(task, nowMs, 'has begun draining connections on 1 tasks.');
    return enterStatus(task, 'DEACTIVATING', nowMs);
  }

  #isDrained(task: TaskRecord): boolean {
    return targetsOf(task).every(({ arn, target }) => this.#deps.elbv2.targetState(arn, target).state === undefined);
  }

  #bringDown(task: TaskRecord, nowMs: number): boolean {
    const { containerDefinitions } = this.#definition(task);
    const states = new Map(task.containers.map(({ name, state }) => [name, state]));
    for (const container of task.containers) {
      if (container.state === 'PENDING') container.state = 'STOPPED';
      if (container.state === 'STOPPED') continue;
      const dependents = containerDefinitions.filter(({ dependsOn }) =>
        dependsOn?.some(({ containerName }) => containerName === container.name),
      );
      if (dependents.some(({ name = '' }) => isUp(states.get(name)))) continue;
      this.#terminate(task, container, nowMs);
    }
    if (task.containers.some(({ state }) => state !== 'STOPPED')) return false;
    task.executionStoppedMs = nowMs;
    return enterStatus(task, 'DEPROVISIONING', nowMs);
  }

  #deprovision(task: TaskRecord, nowMs: number): boolean {
    const goneMs = task.sinceMs + this.#deps.records.settings.delays.taskProvisioningMs;
    if (nowMs < goneMs) {
      this.#deps.wakeTask(task.arn, goneMs);
      return false;
    }
    this.#deps.tasks.release(task.arn);
    const role = this.#roleOf(task);
    if (role !== undefined) this.#deps.sessions?.endRun(role, lastPart(task.arn));
    for (const { name } of task.containers) this.#checks.delete(checkKey(task, name));
    task.stoppedMs = nowMs;
    enterStatus(task, 'STOPPED', nowMs);
    this.#deps.wakeTask(task.arn, nowMs + REMEMBERED_MS);
    return true;
  }

  #forgetLater(task: TaskRecord, nowMs: number): void {
    const untilMs = (task.stoppedMs ?? nowMs) + REMEMBERED_MS;
    if (nowMs < untilMs) this.#deps.wakeTask(task.arn, untilMs);
    else this.#deps.records.removeTask(task);
  }

  // ----------------------------------------------------------------------------------------------------- containers

  #definition(task: TaskRecord): { containerDefinitions: ContainerDefinition[] } {
    return this.#deps.records.definition(task.taskDefinitionArn);
  }

  #container(task: TaskRecord, name: string): ContainerDefinition {
    return this.#definition(task).containerDefinitions.find((definition) => definition.name === name) ?? {};
  }

  /** Whether a container may start; a text says why it never will. */
  #dependencies(task: TaskRecord, container: ContainerRecord, nowMs: number): string {
    let waiting = false;
    for (const { containerName = '', condition = 'START' } of this.#container(task, container.name).dependsOn ?? []) {
      const dependency = task.containers.find(({ name }) => name === containerName);
      if (!dependency || isMet(dependency, condition)) continue;
      if (dependency.state === 'STOPPED')
        return `container ${container.name} depends on ${containerName} ${condition}, which ended without it`;
      waiting = true;
      if (dependency.requestedMs === undefined) continue;
      const timeoutMs = (this.#container(task, containerName).startTimeout ?? START_TIMEOUT_SEC) * 1000;
      const giveUpMs = dependency.requestedMs + timeoutMs;
      if (nowMs >= giveUpMs) return `container ${containerName} did not reach ${condition} within its startTimeout`;
      this.#deps.wakeTask(task.arn, giveUpMs);
    }
    return waiting ? 'waiting' : 'met';
  }

  #start(task: TaskRecord, container: ContainerRecord, nowMs: number): void {
    container.state = 'STARTING';
    container.run += 1;
    container.requestedMs = nowMs;
    container.health = 'UNKNOWN';
    const { arn } = task;
    const { name, run } = container;
    this.#deps.tasks.startContainer(arn, name, (event) => {
      this.#deps.enter((atMs) => this.#reported(arn, name, run, event, atMs));
    });
  }

  #terminate(task: TaskRecord, container: ContainerRecord, nowMs: number): void {
    if (container.terminatedMs === undefined) {
      container.terminatedMs = nowMs;
      this.#deps.tasks.signalContainer(task.arn, container.name, 'SIGTERM');
    }
    if (container.killed) return;
    const killMs =
      container.terminatedMs + (this.#container(task, container.name).stopTimeout ?? STOP_TIMEOUT_SEC) * 1000;
    if (nowMs < killMs) {
      this.#deps.wakeTask(task.arn, killMs);
      return;
    }
    container.killed = true;
    this.#deps.tasks.signalContainer(task.arn, container.name, 'SIGKILL');
  }

  #reported(arn: string, name: string, run: number, event: ContainerEvent, nowMs: number): void {
    const task = this.#deps.records.tasks.get(arn);
    const container = task?.containers.find((each) => each.name === name);
    if (!task || container?.run !== run || container.state === 'STOPPED') return;
    switch (event.type) {
      case 'started':
        container.state = 'RUNNING';
        container.startedMs = nowMs;
        break;
      case 'failed':
        container.state = 'STOPPED';
        container.reason = event.reason;
        askToStop(task, 'TaskFailedToStart', event.reason, nowMs);
        break;
      case 'exited':
        this.#exited(task, container, event, nowMs);
    }
    task.version += 1;
    this.#deps.records.tasks.set(arn, task);
    this.#deps.records.announce.task(task, nowMs);
    this.#deps.wakeTask(arn, nowMs);
    if (task.service) this.#deps.wakeService(task.service.arn, nowMs);
  }

  #exited(
    task: TaskRecord,
    container: ContainerRecord,
    event: { exitCode: number; reason?: string },
    nowMs: number,
  ): void {
    container.state = 'STOPPED';
    container.exitCode = event.exitCode;
    if (event.reason !== undefined) container.reason = event.reason;
    if (task.desiredStatus === 'STOPPED') return;
    if (this.#restarts(task, container, event.exitCode, nowMs)) {
      delete container.exitCode;
      delete container.reason;
      this.#start(task, container, nowMs);
    } else if (container.essential)
      askToStop(task, 'EssentialContainerExited', 'Essential container in task exited', nowMs);
  }

  /** AWS restarts a container that ran for the whole period, and no other. */
  #restarts(task: TaskRecord, container: ContainerRecord, exitCode: number, nowMs: number): boolean {
    const policy = this.#container(task, container.name).restartPolicy;
    if (!policy?.enabled || policy.ignoredExitCodes?.includes(exitCode)) return false;
    return nowMs - (container.startedMs ?? nowMs) >= (policy.restartAttemptPeriod ?? RESTART_PERIOD_SEC) * 1000;
  }

  // -------------------------------------------------------------------------------------------------- health checks

  #checkContainers(task: TaskRecord, nowMs: number): void {
    if (task.desiredStatus === 'STOPPED') return;
    for (const container of task.containers) if (container.state === 'RUNNING') this.#check(task, container, nowMs);
    const health = taskHealth(task, this.#definition(task).containerDefinitions);
    if (task.health !== health) task.health = health;
  }

  #check(task: TaskRecord, container: ContainerRecord, nowMs: number): void {
    const definition = this.#container(task, container.name);
    const { healthCheck } = definition;
    if (!hasHealthCheck(definition) || !healthCheck) return;
    const key = checkKey(task, container.name);
    const intervalMs = (healthCheck.interval ?? 30) * 1000;
    let check = this.#checks.get(key);
    if (check?.run !== container.run) {
      // As Docker does: the first check comes one interval after the start.
      check = { run: container.run, nextMs: (container.startedMs ?? nowMs) + intervalMs, underWay: false, failures: 0 };
      this.#checks.set(key, check);
    }
    if (check.underWay) return;
    if (nowMs < check.nextMs) {
      this.#deps.wakeTask(task.arn, check.nextMs);
      return;
    }
    check.underWay = true;
    const current = check;
    this.#deps.tasks.checkContainer(
      task.arn,
      container.name,
      healthCheck.command ?? [],
      (healthCheck.timeout ?? 5) * 1000,
      (healthy) => {
        this.#deps.enter((atMs) => this.#checked(task.arn, container.name, current, healthy, atMs));
      },
    );
  }

  #checked(arn: string, name: string, check: Check, healthy: boolean, nowMs: number): void {
    const task = this.#deps.records.tasks.get(arn);
    const container = task?.containers.find((each) => each.name === name);
    if (!task || !container || this.#checks.get(checkKey(task, name)) !== check) return;
    const { healthCheck } = this.#container(task, name);
    check.underWay = false;
    check.nextMs = nowMs + (healthCheck?.interval ?? 30) * 1000;
    this.#deps.wakeTask(arn, check.nextMs);
    if (container.run !== check.run || container.state !== 'RUNNING') return;
    const graceUntilMs = (container.startedMs ?? nowMs) + (healthCheck?.startPeriod ?? 0) * 1000;
    const starting = container.health === 'UNKNOWN' && nowMs < graceUntilMs;
    check.failures = healthy || starting ? 0 : check.failures + 1;
    const health = healthy ? 'HEALTHY' : check.failures >= (healthCheck?.retries ?? 3) ? 'UNHEALTHY' : container.health;
    if (health === container.health) return;
    container.health = health;
    task.version += 1;
    this.#deps.records.tasks.set(arn, task);
    this.#deps.records.announce.task(task, nowMs);
    this.#deps.wakeTask(arn, nowMs);
  }
}

/** The addresses under which a task is known to its target groups. */
export function targetsOf(task: TaskRecord): { arn: string; target: IpTarget }[] {
  return task.loadBalancers.map(({ targetGroupArn, containerPort }) => ({
    arn: targetGroupArn,
    target: { ip: task.ip, port: containerPort },
  }));
}

/** `NONE` switches off a check that the image brings. */
export function hasHealthCheck(definition: ContainerDefinition): boolean {
  return definition.healthCheck !== undefined && definition.healthCheck.command?.[0] !== 'NONE';
}

/** A task is as healthy as its essential containers that have health checks. */
function taskHealth(task: TaskRecord, definitions: readonly ContainerDefinition[]): HealthStatus {
  const checked = task.containers.filter(
    ({ name, essential }) =>
      essential && definitions.some((definition) => definition.name === name && hasHealthCheck(definition)),
  );
  if (checked.some(({ health }) => health === 'UNHEALTHY')) return 'UNHEALTHY';
  return checked.length > 0 && checked.every(({ health }) => health === 'HEALTHY') ? 'HEALTHY' : 'UNKNOWN';
}

function askToStop(task: TaskRecord, code: StopCode, reason: string, nowMs: number): void {
  if (task.desiredStatus === 'STOPPED') return;
  task.desiredStatus = 'STOPPED';
  task.stop = { code, reason };
  task.stoppingMs = nowMs;
}

function enterStatus(task: TaskRecord, status: TaskStatus, nowMs: number): true {
  task.lastStatus = status;
  task.sinceMs = nowMs;
  return true;
}

function isUp(state: ContainerRecord['state'] | undefined): boolean {
  return state === 'STARTING' || state === 'RUNNING';
}

function isMet(dependency: ContainerRecord, condition: string): boolean {
  const { state, startedMs } = dependency;
  switch (condition) {
    case 'HEALTHY':
      return state === 'RUNNING' && dependency.health === 'HEALTHY';
    case 'COMPLETE':
      return state === 'STOPPED' && startedMs !== undefined;
    case 'SUCCESS':
      return state === 'STOPPED' && dependency.exitCode === 0;
    default:
      return startedMs !== undefined;
  }
}

function checkKey(task: TaskRecord, container: string): string {
  return `${task.arn}|${container}`;
}

function launchOf(task: TaskRecord, definition: ContainerDefinition, secrets: SecretValues): ContainerLaunch {
  const name = definition.name ?? '';
  const override = task.overrides.containerOverrides?.find((each) => each.name === name);
  const pairs = [...(definition.environment ?? []), ...(override?.environment ?? [])];
  const options = definition.logConfiguration?.options;
  return {
    name,
    image: definition.image ?? '',
    entryPoint: definition.entryPoint,
    command: override?.command ?? definition.command,
    workingDirectory: definition.workingDirectory,
    environment: {
      ...Object.fromEntries(pairs.map((pair) => [pair.name ?? '', pair.value ?? ''])),
      ...secrets.get(name),
    },
    containerPorts: (definition.portMappings ?? []).map(({ containerPort }) => containerPort ?? 0),
    logGroup: options?.['awslogs-group'],
    logStream: options && `${options['awslogs-stream-prefix']}/${name}/${lastPart(task.arn)}`,
  };
}
