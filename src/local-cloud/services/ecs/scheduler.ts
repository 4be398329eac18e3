/**
 * The service scheduler: brings each service to its desired number of healthy tasks of its primary deployment, counts
 * failures for the circuit breaker and the backoff, and drains services that were deleted. Looking at a service derives
 * everything from its record and its tasks. It never touches a container; the runner does.
 */
import { type Random, uuid } from '../../../core/index.ts';
import { completeDeployment, failDeployment, finishHistory, forgetHistory, primaryOf } from './deployments.ts';
import { chooseProvider, createTask } from './launch.ts';
import {
  type DeploymentRecord,
  type EcsRecords,
  lastPart,
  REMEMBERED_MS,
  type ServiceRecord,
  type TagRecord,
  type TaskRecord,
} from './model.ts';
import { backoffMs, breakerThreshold, rollingStep } from './rolling.ts';
import { hasHealthCheck, type TargetGroups, targetsOf } from './task-runner.ts';

/**
 * A task without any health check counts as healthy when it has run this long. Fargate does not report a container that
 * exits at once as running; here the report comes faster than the exit.
 */
const SETTLED_MS = 10_000;

export interface SchedulerDeps {
  readonly records: EcsRecords;
  readonly random: Random;
  readonly elbv2: TargetGroups;
  readonly stopTask: (arn: string, code: 'ServiceSchedulerInitiated', reason: string, nowMs: number) => void;
  readonly wakeTask: (arn: string, atMs: number) => void;
  readonly wakeService: (arn: string, atMs: number) => void;
}

/** Moves services along. `look` may be called at any time and as often as one likes; it does only what is due. */
export class ServiceScheduler {
  readonly #deps: SchedulerDeps;

  constructor(deps: SchedulerDeps) {
    this.#deps = deps;
  }

  /** Does what is due for a service. */
  look(arn: string, nowMs: number): void {
    const service = this.#deps.records.services.get(arn);
    if (!service) return;
    const before = JSON.stringify(service);
    if (service.status === 'INACTIVE') {
      this.#forgetLater(service, nowMs);
      return;
    }
    if (service.status === 'DRAINING') this.#drain(service, nowMs);
    else this.#schedule(service, nowMs);
    if (JSON.stringify(service) !== before) this.#deps.records.services.set(arn, service);
  }

  /** Adds to the events of a service. */
  tell(serviceArn: string, nowMs: number, message: string): void {
    const { records, random } = this.#deps;
    records.addEvent(serviceArn, uuid(random), nowMs, `(service ${lastPart(serviceArn)}) ${message}`);
  }

  // --------------------------------------------------------------------------------------------------------- deleted

  #drain(service: ServiceRecord, nowMs: number): void {
    const live = this.#live(service);
    const primary = primaryOf(service);
    this.#stop(
      service,
      live.filter(({ desiredStatus }) => desiredStatus === 'RUNNING'),
      `Scaling activity initiated by (deployment ${primary?.id})`,
      nowMs,
    );
    const untilMs = (service.deletedMs ?? nowMs) + this.#deps.records.settings.delays.serviceDrainingMs;
    if (nowMs < untilMs) {
      this.#deps.wakeService(service.arn, untilMs);
      return;
    }
    if (live.length > 0) return;
    if (primary) finishHistory(this.#deps.records, primary, 'STOPPED', 'The service was deleted.', nowMs);
    service.status = 'INACTIVE';
    service.inactiveMs = nowMs;
    service.deployments = [];
    this.#deps.wakeService(service.arn, nowMs + REMEMBERED_MS);
  }

  #forgetLater(service: ServiceRecord, nowMs: number): void {
    const untilMs = (service.inactiveMs ?? nowMs) + REMEMBERED_MS;
    if (nowMs < untilMs) {
      this.#deps.wakeService(service.arn, untilMs);
      return;
    }
    this.#deps.records.services.delete(service.arn);
    this.#deps.records.forgetEvents(service.arn);
    forgetHistory(this.#deps.records, service.arn);
  }

  // ------------------------------------------------------------------------------------------------------- scheduling

  #schedule(service: ServiceRecord, nowMs: number): void {
    const tasks = this.#deps.records.openTasksOf(service.arn);
    for (const task of tasks) {
      if (task.desiredStatus === 'RUNNING') this.#judge(service, task, nowMs);
      else if (!task.accounted) this.#account(service, task, nowMs);
      if (task.lastStatus === 'STOPPED') this.#deps.records.closeTask(task);
    }
    this.#breakCircuit(service, nowMs);
    const primary = primaryOf(service);
    if (!primary) throw new Error(`${service.arn} is ACTIVE without a primary deployment`);
    const live = tasks.filter(({ lastStatus }) => lastStatus !== 'STOPPED');
    const started = this.#roll(service, primary, live, nowMs);
    this.#settle(service, primary, started > 0 ? [] : live, nowMs);
  }

  /** Notes that a task became healthy, or why it has to be replaced. */
  #judge(service: ServiceRecord, task: TaskRecord, nowMs: number): void {
    const before = JSON.stringify([task.wasHealthy, task.unhealthy]);
    if (this.#isHealthy(task, nowMs)) {
      delete task.unhealthy;
      if (!task.wasHealthy) this.#proven(service, task);
    } else {
      const unhealthy = this.#whyUnhealthy(service, task, nowMs);
      if (unhealthy === undefined) delete task.unhealthy;
      else if (task.unhealthy === undefined) {
        task.unhealthy = unhealthy.reason;
        this.tell(service.arn, nowMs, unhealthy.event);
      }
    }
    if (JSON.stringify([task.wasHealthy, task.unhealthy]) !== before) this.#deps.records.tasks.set(task.arn, task);
  }

  #proven(service: ServiceRecord, task: TaskRecord): void {
    task.wasHealthy = true;
    service.backoff = { failures: 0, untilMs: 0 };
    const deployment = service.deployments.find(({ id }) => id === task.service?.deploymentId);
    if (deployment && service.rolling.circuitBreaker.resetOnHealthyTask) deployment.failedTasks = 0;
  }

  #isHealthy(task: TaskRecord, nowMs: number): boolean {
    if (task.lastStatus !== 'RUNNING' || task.startedMs === undefined) return false;
    const targets = targetsOf(task);
    if (targets.some(({ arn, target }) => this.#deps.elbv2.targetState(arn, target).state !== 'healthy')) return false;
    const checked = this.#deps.records.definition(task.taskDefinitionArn).containerDefinitions.some(hasHealthCheck);
    if (checked) return task.health === 'HEALTHY';
    if (targets.length > 0) return true;
    const settledMs = task.startedMs + SETTLED_MS;
    if (nowMs < settledMs) this.#deps.wakeService(task.service?.arn ?? '', settledMs);
    return nowMs >= settledMs;
  }

  #whyUnhealthy(
    service: ServiceRecord,
    task: TaskRecord,
    nowMs: number,
  ): { reason: string; event: string } | undefined {
    if (task.lastStatus !== 'RUNNING' || task.startedMs === undefined) return undefined;
    const unhealthy = targetsOf(task).flatMap(({ arn, target }) => {
      const { state, description } = this.#deps.elbv2.targetState(arn, target);
      return state === 'unhealthy' ? [{ arn, target, description }] : [];
    })[0];
    if (!unhealthy && task.health !== 'UNHEALTHY') return undefined;
    const graceUntilMs = task.startedMs + service.healthCheckGraceSec * 1000;
    if (nowMs < graceUntilMs) {
      this.#deps.wakeService(service.arn, graceUntilMs);
      return undefined;
    }
    const id = lastPart(task.arn);
    if (!unhealthy)
      return { reason: 'Task failed container health checks', event: `(task ${id}) failed container health checks.` };
    const { arn, target, description } = unhealthy;
    return {
      reason: `Task failed ELB health checks in (target-group ${arn})`,
      event: `(task ${id}) (port ${target.port}) is unhealthy in (target-group ${arn}) due to (reason ${description})`,
    };
  }

  /** Counts a task that ended, unless it was asked to or had been healthy. */
  #account(service: ServiceRecord, task: TaskRecord, nowMs: number): void {
    task.accounted = true;
    this.#deps.records.tasks.set(task.arn, task);
    const failed =
      task.stop?.code === 'TaskFailedToStart' ||
      task.stop?.code === 'EssentialContainerExited' ||
      task.unhealthy !== undefined;
    if (!failed || task.wasHealthy) return;
    const deployment = service.deployments.find(({ id }) => id === task.service?.deploymentId);
    if (deployment?.rolloutState === 'IN_PROGRESS') deployment.failedTasks += 1;
    if (deployment?.status !== 'PRIMARY') return;
    const failures = service.backoff.failures + 1;
    const delayMs = backoffMs(failures);
    if (delayMs > 0 && backoffMs(failures - 1) === 0) {
      this.tell(service.arn, nowMs, 'is unable to consistently start tasks successfully.');
      this.#deps.records.announce.action(service, 'WARN', 'SERVICE_TASK_START_IMPAIRED', nowMs);
    }
    service.backoff = { failures, untilMs: nowMs + delayMs };
  }

  #breakCircuit(service: ServiceRecord, nowMs: number): void {
    const { enable, threshold } = service.rolling.circuitBreaker;
    const primary = primaryOf(service);
    if (!enable || primary?.rolloutState !== 'IN_PROGRESS') return;
    if (primary.failedTasks < breakerThreshold(service.desiredCount, threshold)) return;
    const back = failDeployment(this.#deps.records, this.#deps.random, service, primary, nowMs);
    this.tell(service.arn, nowMs, `(deployment ${primary.id}) deployment failed: tasks failed to start.`);
    if (back) this.tell(service.arn, nowMs, `rolling back to (deployment ${back.id}).`);
  }

  /** Starts and stops what the rolling deployment allows now; returns how many tasks were started. */
  #roll(service: ServiceRecord, primary: DeploymentRecord, live: readonly TaskRecord[], nowMs: number): number {
    const wanted = live.filter(({ desiredStatus }) => desiredStatus === 'RUNNING');
    const step = rollingStep({
      desired: service.desiredCount,
      minimumHealthyPercent: service.rolling.minimumHealthyPercent,
      maximumPercent: service.rolling.maximumPercent,
      mayStart: primary.rolloutState !== 'FAILED',
      tasks: wanted.map((task) => ({
        arn: task.arn,
        primary: task.service?.deploymentId === primary.id,
        state: task.unhealthy !== undefined ? 'unhealthy' : this.#isHealthy(task, nowMs) ? 'healthy' : 'settling',
        protected: this.#isProtected(service, task, nowMs),
      })),
    });
    const reason = `Scaling activity initiated by (deployment ${primary.id})`;
    this.#stop(
      service,
      wanted.filter(({ arn }) => step.stop.includes(arn)),
      reason,
      nowMs,
    );
    if (step.start > 0 && nowMs < service.backoff.untilMs) {
      this.#deps.wakeService(service.arn, service.backoff.untilMs);
      return 0;
    }
    this.#start(service, primary, step.start, wanted, nowMs);
    return step.start;
  }

  #isProtected(service: ServiceRecord, task: TaskRecord, nowMs: number): boolean {
    if (task.protectedUntilMs === undefined || nowMs >= task.protectedUntilMs) return false;
    this.#deps.wakeService(service.arn, task.protectedUntilMs);
    return true;
  }

  #start(
    service: ServiceRecord,
    deployment: DeploymentRecord,
    count: number,
    live: readonly TaskRecord[],
    nowMs: number,
  ): void {
    const { records, random } = this.#deps;
    const cluster = { arn: service.clusterArn, name: lastPart(service.clusterArn) };
    const providers = live.map(({ capacityProvider }) => capacityProvider);
    const tags = this.#taskTags(service, deployment);
    const started: string[] = [];
    for (let index = 0; index < count; index++) {
      const capacityProvider = chooseProvider(deployment.revision.strategy, providers);
      providers.push(capacityProvider);
      const task = createTask(
        records,
        random,
        {
          cluster,
          revision: deployment.revision,
          group: `service:${service.name}`,
          startedBy: deployment.id,
          service: { arn: service.arn, name: service.name, deploymentId: deployment.id },
          capacityProvider,
          tags,
        },
        nowMs,
      );
      started.push(lastPart(task.arn));
      this.#deps.wakeTask(task.arn, nowMs);
    }
    if (count === 0) return;
    service.steady = false;
    this.tell(service.arn, nowMs, `has started ${count} tasks: ${started.map((id) => `(task ${id})`).join(' ')}.`);
  }

  #taskTags(service: ServiceRecord, deployment: DeploymentRecord): TagRecord {
    const managed = { 'aws:ecs:clusterName': lastPart(service.clusterArn), 'aws:ecs:serviceName': service.name };
    const propagated =
      service.propagateTags === 'SERVICE'
        ? service.tags
        : service.propagateTags === 'TASK_DEFINITION'
          ? this.#deps.records.taskDefinition(deployment.revision.taskDefinitionArn)?.tags
          : {};
    return { ...propagated, ...(service.enableManagedTags ? managed : {}) };
  }

  #stop(service: ServiceRecord, tasks: readonly TaskRecord[], reason: string, nowMs: number): void {
    if (tasks.length === 0) return;
    for (const task of tasks)
      this.#deps.stopTask(task.arn, 'ServiceSchedulerInitiated', task.unhealthy ?? reason, nowMs);
    service.steady = false;
    const ids = tasks.map(({ arn }) => `(task ${lastPart(arn)})`).join(' ');
    this.tell(service.arn, nowMs, `has stopped ${tasks.length} running tasks: ${ids}.`);
    this.#deps.records.announce.action(service, 'INFO', 'TASKS_STOPPED', nowMs);
    // The stopped tasks are accounted for at the next look.
    this.#deps.wakeService(service.arn, nowMs);
  }

  /** Removes deployments whose tasks are gone, and completes the primary one once nothing else is left. */
  #settle(service: ServiceRecord, primary: DeploymentRecord, live: readonly TaskRecord[], nowMs: number): void {
    const all = this.#live(service);
    service.deployments = service.deployments.filter(
      (deployment) => deployment === primary || all.some((task) => task.service?.deploymentId === deployment.id),
    );
    const healthy = live.filter(
      (task) => task.desiredStatus === 'RUNNING' && task.unhealthy === undefined && this.#isHealthy(task, nowMs),
    );
    const reached =
      all.every(({ desiredStatus }) => desiredStatus === 'RUNNING') &&
      all.length === service.desiredCount &&
      healthy.length === all.length;
    if (!reached || service.deployments.length > 1) return;
    if (primary.rolloutState === 'IN_PROGRESS') {
      completeDeployment(this.#deps.records, service, primary, nowMs);
      this.tell(service.arn, nowMs, `(deployment ${primary.id}) deployment completed.`);
    }
    if (service.steady) return;
    service.steady = true;
    this.tell(service.arn, nowMs, 'has reached a steady state.');
    this.#deps.records.announce.action(service, 'INFO', 'SERVICE_STEADY_STATE', nowMs);
  }

  #live(service: ServiceRecord): TaskRecord[] {
    return this.#deps.records.openTasksOf(service.arn).filter(({ lastStatus }) => lastStatus !== 'STOPPED');
  }
}
