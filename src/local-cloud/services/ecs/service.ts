/**
 * Elastic Container Service: clusters, task definitions, services with rolling deployments, and tasks on Fargate. The
 * handlers only record what is wanted; `advance` does it, so that no handler ever touches a driver and a refused call
 * leaves nothing behind. Other deployment strategies, daemons and container instances are refused by name.
 */
import { uuid } from '../../../core/index.ts';
import {
  AwsError,
  type CloudService,
  type Handler,
  type RoleSessions,
  type ServiceDeps,
  type TaskDriver,
} from '../../contract.ts';
import { Agenda } from '../elbv2/agenda.ts';
import type { EventSink } from '../eventbridge.ts';
import type { TaggedResource } from '../tagging.ts';
import { announcements } from './announcements.ts';
import { clusterOperations } from './clusters.ts';
import { serviceDeploymentOperations } from './deployments.ts';
import { LogGroups, type Logs } from './log-groups.ts';
import { EcsRecords } from './model.ts';
import { ServiceScheduler } from './scheduler.ts';
import type { TaskSecrets } from './secrets.ts';
import { serviceOperations } from './services.ts';
import { tagOperations } from './tags.ts';
import { taskDefinitionOperations } from './task-definitions.ts';
import { type Images, type TargetGroups, TaskRunner } from './task-runner.ts';
import { taskOperations } from './tasks.ts';

export interface EcsDeps extends ServiceDeps {
  readonly tasks: TaskDriver;
  readonly elbv2: TargetGroups;
  readonly ecr: Images;
  readonly logs: Logs;
  /** Credentials of task roles; none when left out. */
  readonly sessions?: RoleSessions;
  /** Whom tasks have their secrets from; a task that names one does not start when left out. */
  readonly secrets?: TaskSecrets;
  /** Where its events go; nowhere when left out. */
  readonly events?: EventSink;
}

/** One look leads to another; a chain this long within an instant is a machine that never settles. */
const LOOKS_MAX = 100_000;

/** The machine. Every driver call comes from `advance`; `nextAtMs` says when it is wanted. */
export class EcsService implements CloudService {
  readonly id = 'ecs';
  readonly operations: Readonly<Record<string, Handler>>;
  readonly #records: EcsRecords;
  readonly #runner: TaskRunner;
  readonly #scheduler: ServiceScheduler;
  readonly #services: ReturnType<typeof serviceOperations>;
  readonly #agenda = new Agenda();
  #recovered = false;

  constructor(deps: EcsDeps) {
    const { events } = deps;
    const announce = events && ((own: EcsRecords) => announcements(own, events));
    const records = new EcsRecords(deps.state, deps.settings, announce);
    this.#records = records;
    const wakeTask = (arn: string, atMs: number) => this.#agenda.wake(arn, atMs);
    const wakeService = wakeTask;
    const stopTask: TaskRunner['stop'] = (...request) => this.#runner.stop(...request);
    this.#scheduler = new ServiceScheduler({
      records,
      random: deps.random,
      elbv2: deps.elbv2,
      stopTask,
      wakeTask,
      wakeService,
    });
    this.#runner = new TaskRunner({
      records,
      enter: deps.enter,
      tasks: deps.tasks,
      elbv2: deps.elbv2,
      ecr: deps.ecr,
      logGroups: new LogGroups(deps.logs),
      sessions: deps.sessions,
      secrets: deps.secrets,
      requestId: () => uuid(deps.random),
      wakeTask,
      wakeService,
      tell: (task, nowMs, message) => task.service && this.#scheduler.tell(task.service.arn, nowMs, message),
    });
    this.#services = serviceOperations(records, deps.random, deps.elbv2, { wakeService });
    this.operations = {
      ...clusterOperations(records),
      ...taskDefinitionOperations(records),
      ...this.#services.operations,
      ...serviceDeploymentOperations(records),
      ...taskOperations(records, deps.random, { wakeTask, wakeService, stopTask }),
      ...tagOperations(records),
    };
    deps.elbv2.onTargetChange((targetGroupArn) => this.#targetsChanged(targetGroupArn));
    this.#lookAtAll(0);
  }

  /**
   * After a restart: tasks whose processes are gone stop, with a reason, and their services refill. The first `advance`
   * does this by itself; later calls do nothing.
   */
  recover(nowMs: number): void {
    if (this.#recovered) return;
    this.#recovered = true;
    this.#runner.recover(nowMs);
  }

  advance(nowMs: number): void {
    const recovered = this.#recovered;
    try {
      this.recover(nowMs);
      let looks = 0;
      for (let due = this.#agenda.take(nowMs); due.length > 0; due = this.#agenda.take(nowMs)) {
        for (const arn of due) this.#look(arn, nowMs);
        looks += due.length;
        if (looks > LOOKS_MAX) throw new Error(`${due.join(', ')} do not settle`);
      }
    } catch (error) {
      // The step is undone: what it did is still to be done.
      this.#recovered = recovered;
      this.#records.reindex();
      this.#lookAtAll(nowMs);
      throw error;
    }
  }

  nextAtMs(): number | undefined {
    return this.#agenda.nextAtMs();
  }

  /** For the account's tag listing. */
  *taggedResources(): Iterable<TaggedResource> {
    const { clusters, services, tasks, taskDefinitions } = this.#records;
    for (const records of [clusters, services, tasks, taskDefinitions]) yield* records.each();
  }

  // ----------------------------------------------------------------------------------------------- for autoscaling

  /** The desired count of an ACTIVE service; undefined when there is none of that name. */
  desiredCount(cluster: string, service: string): number | undefined {
    return this.#active(cluster, service)?.desiredCount;
  }

  /** Sets the desired count of an ACTIVE service, as UpdateService does. Takes effect after the step. */
  setDesiredCount(cluster: string, service: string, desiredCount: number, nowMs: number): void {
    const record = this.#active(cluster, service);
    if (!record) return;
    this.#services.changeDesiredCount(record, desiredCount);
    this.#records.services.set(record.arn, record);
    this.#agenda.wake(record.arn, nowMs);
  }

  #active(cluster: string, service: string) {
    try {
      return this.#services.activeService(cluster, service);
    } catch (error) {
      if (error instanceof AwsError) return undefined;
      throw error;
    }
  }

  #look(arn: string, nowMs: number): void {
    if (arn.split(':')[5]?.startsWith('task/')) this.#runner.look(arn, nowMs);
    else this.#scheduler.look(arn, nowMs);
  }

  #lookAtAll(atMs: number): void {
    for (const arn of [...this.#records.tasks.keys(), ...this.#records.services.keys()]) this.#agenda.wake(arn, atMs);
  }

  #targetsChanged(targetGroupArn: string): void {
    for (const { arn, lastStatus, service } of this.#records.tasksBoundTo(targetGroupArn)) {
      if (lastStatus === 'STOPPED') continue;
      this.#agenda.wake(arn, 0);
      if (service) this.#agenda.wake(service.arn, 0);
    }
  }
}
