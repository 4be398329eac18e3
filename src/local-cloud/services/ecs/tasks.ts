/** Tasks as users run, stop, describe, list and protect them. What a task does is the runner's. */
import type {
  DescribeTasksRequest,
  DescribeTasksResponse,
  GetTaskProtectionRequest,
  GetTaskProtectionResponse,
  ListTasksRequest,
  ListTasksResponse,
  RunTaskRequest,
  RunTaskResponse,
  StopTaskRequest,
  StopTaskResponse,
  Task,
  UpdateTaskProtectionRequest,
  UpdateTaskProtectionResponse,
} from '@aws-sdk/client-ecs';
import type { Random } from '../../../core/index.ts';
import type { RequestContext } from '../../contract.ts';
import { page } from '../elbv2/page.ts';
import { chooseProvider, createTask } from './launch.ts';
import {
  type EcsRecords,
  invalidParameter,
  lastPart,
  pageLimit,
  type Revision,
  serviceNotFound,
  type TaskRecord,
} from './model.ts';
import { parseCapacity, parseNetwork, parsePlatformVersion } from './revision.ts';
import { parseTags } from './tags.ts';
import { usableDefinition } from './task-definitions.ts';
import { taskShape } from './task-shape.ts';

const PROTECTION_STANDARD_MIN = 120;
const PROTECTION_MAX_MIN = 2880;

export interface TaskEvents {
  wakeTask(arn: string, atMs: number): void;
  wakeService(arn: string, atMs: number): void;
  stopTask(arn: string, code: 'UserInitiated', reason: string, nowMs: number): void;
}

/** Handlers by operation name. Each validates first and changes after, so a refused call leaves nothing behind. */
export function taskOperations(records: EcsRecords, random: Random, events: TaskEvents) {
  function find(clusterReference: string | undefined, references: readonly string[]) {
    const cluster = records.cluster(clusterReference);
    const arns = references.map((reference) => records.inCluster('task', cluster, reference));
    const found = arns
      .flatMap((arn) => records.tasks.get(arn) ?? [])
      .filter(({ clusterArn }) => clusterArn === cluster.arn);
    const missing = arns.filter((arn) => !found.some((task) => task.arn === arn));
    return { found, failures: missing.map((arn) => ({ arn, reason: 'MISSING' })) };
  }

  return {
    RunTask(input: RunTaskRequest, { nowMs }: RequestContext): RunTaskResponse {
      const cluster = records.cluster(input.cluster);
      const count = input.count ?? 1;
      if (!Number.isInteger(count) || count < 1 || count > 10)
        throw invalidParameter('Count must be between 1 and 10.');
      const definition = usableDefinition(records, input.taskDefinition);
      const strategy = parseCapacity(cluster, input.launchType, input.capacityProviderStrategy);
      const revision: Revision = {
        taskDefinitionArn: definition.arn,
        strategy,
        network: parseNetwork(input.networkConfiguration),
        loadBalancers: [],
        platformVersion: parsePlatformVersion(input.platformVersion),
      };
      for (const { name } of input.overrides?.containerOverrides ?? []) {
        if (!definition.definition.containerDefinitions.some((container) => container.name === name)) {
          throw invalidParameter(`Override for container named ${name} is not a container in the TaskDefinition.`);
        }
      }
      if (input.propagateTags === 'SERVICE')
        throw invalidParameter('Tags can only be propagated from a service to the tasks of a service.');
      const managed = input.enableECSManagedTags ? { 'aws:ecs:clusterName': cluster.name } : {};
      const tags = {
        ...(input.propagateTags === 'TASK_DEFINITION' ? definition.tags : {}),
        ...parseTags(input.tags),
        ...managed,
      };
      const started: TaskRecord[] = [];
      for (let index = 0; index < count; index++) {
        const order = {
          cluster,
          revision,
          group: input.group ?? `family:${definition.family}`,
          startedBy: input.startedBy,
          capacityProvider: chooseProvider(
            strategy,
            started.map(({ capacityProvider }) => capacityProvider),
          ),
          overrides: input.overrides,
          tags,
        };
        const task = createTask(records, random, order, nowMs);
        events.wakeTask(task.arn, nowMs);
        started.push(task);
      }
      return { tasks: started.map((task) => describe(task, ['TAGS'])), failures: [] };
    },

    StopTask(input: StopTaskRequest, { nowMs }: RequestContext): StopTaskResponse {
      const [task] = find(input.cluster, [input.task ?? '']).found;
      if (!task) throw invalidParameter('The referenced task was not found.');
      events.stopTask(task.arn, 'UserInitiated', input.reason ?? 'Task stopped by user', nowMs);
      return { task: describe(records.tasks.get(task.arn) ?? task) };
    },

    DescribeTasks(input: DescribeTasksRequest): DescribeTasksResponse {
      const references = input.tasks ?? [];
      if (references.length === 0) throw invalidParameter('Tasks cannot be empty.');
      if (references.length > 100) throw invalidParameter('Tasks can have at most 100 items.');
      const { found, failures } = find(input.cluster, references);
      return { tasks: found.map((task) => describe(task, input.include)), failures };
    },

    ListTasks(input: ListTasksRequest): ListTasksResponse {
      const cluster = records.cluster(input.cluster);
      const desired = input.desiredStatus ?? 'RUNNING';
      const chosen = candidates()
        .filter((task) => task.clusterArn === cluster.arn && task.desiredStatus === desired)
        .filter(({ taskDefinitionArn }) => input.family === undefined || familyOf(taskDefinitionArn) === input.family)
        .filter(({ startedBy }) => input.startedBy === undefined || startedBy === input.startedBy)
        .filter(
          ({ capacityProvider }) =>
            input.launchType === undefined || (input.launchType === 'FARGATE' && capacityProvider === undefined),
        )
        .filter(() => input.containerInstance === undefined);
      const request = {
        token: input.nextToken,
        limit: pageLimit(input.maxResults, 100),
        invalid: () => invalidParameter('Invalid token.'),
      };
      const { items, next } = page(chosen, ({ arn }) => arn, request);
      return { taskArns: items.map(({ arn }) => arn), ...(next === undefined ? {} : { nextToken: next }) };

      function candidates(): TaskRecord[] {
        if (input.serviceName === undefined) return records.tasks.values();
        const service = records.service(cluster, input.serviceName);
        if (!service) throw serviceNotFound();
        return records.tasksOf(service.arn);
      }
    },

    UpdateTaskProtection(input: UpdateTaskProtectionRequest, { nowMs }: RequestContext): UpdateTaskProtectionResponse {
      const references = input.tasks ?? [];
      if (references.length < 1 || references.length > 10)
        throw invalidParameter('Tasks must have between 1 and 10 items.');
      const minutes = input.expiresInMinutes ?? PROTECTION_STANDARD_MIN;
      if (!Number.isInteger(minutes) || minutes < 1 || minutes > PROTECTION_MAX_MIN)
        throw invalidParameter(`expiresInMinutes must be between 1 and ${PROTECTION_MAX_MIN}.`);
      const { found, failures } = find(input.cluster, references);
      const valid = found.filter(({ service, desiredStatus }) => service !== undefined && desiredStatus === 'RUNNING');
      for (const task of valid) {
        if (input.protectionEnabled) task.protectedUntilMs = nowMs + minutes * 60_000;
        else delete task.protectedUntilMs;
        records.tasks.set(task.arn, task);
        if (task.service) events.wakeService(task.service.arn, nowMs);
      }
      const refused = found
        .filter((task) => !valid.includes(task))
        .map(({ arn }) => ({ arn, reason: 'TASK_NOT_VALID' }));
      return { protectedTasks: valid.map((task) => protection(task, nowMs)), failures: [...failures, ...refused] };
    },

    GetTaskProtection(input: GetTaskProtectionRequest, { nowMs }: RequestContext): GetTaskProtectionResponse {
      const references = input.tasks ?? [];
      if (references.length > 100) throw invalidParameter('Tasks can have at most 100 items.');
      const { found, failures } = find(input.cluster, references);
      const refused = found
        .filter(({ service }) => service === undefined)
        .map(({ arn }) => ({ arn, reason: 'TASK_NOT_VALID' }));
      return {
        protectedTasks: found.filter(({ service }) => service !== undefined).map((task) => protection(task, nowMs)),
        failures: [...failures, ...refused],
      };
    },
  };

  function describe(task: TaskRecord, include: readonly string[] = []): Task {
    return taskShape(records, task, include);
  }
}

function protection(
  task: TaskRecord,
  nowMs: number,
): { taskArn: string; protectionEnabled: boolean; expirationDate?: Date } {
  const untilMs = task.protectedUntilMs;
  if (untilMs === undefined || nowMs >= untilMs) return { taskArn: task.arn, protectionEnabled: false };
  return { taskArn: task.arn, protectionEnabled: true, expirationDate: new Date(untilMs) };
}

function familyOf(taskDefinitionArn: string): string {
  return lastPart(taskDefinitionArn).split(':')[0] ?? '';
}
