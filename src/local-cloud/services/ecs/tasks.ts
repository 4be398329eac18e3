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
  type ContainerRecord,
  type EcsRecords,
  invalidParameter,
  lastPart,
  pageLimit,
  type Revision,
  serviceNotFound,
  type TaskRecord,
} from './model.ts';
import { parseCapacity, parseNetwork, parsePlatformVersion } from './revision.ts';
import { parseTags, tagList } from './tags.ts';
import { usableDefinition } from './task-definitions.ts';

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
    const definition = records.definition(task.taskDefinitionArn);
    const at = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms));
    const details = {
      subnetId: task.network.subnets[0] ?? '',
      networkInterfaceId: task.eni.id,
      macAddress: task.eni.mac,
      privateIPv4Address: task.ip,
    };
    const attached = !['DEPROVISIONING', 'STOPPED'].includes(task.lastStatus);
    return compact({
      taskArn: task.arn,
      clusterArn: task.clusterArn,
      taskDefinitionArn: task.taskDefinitionArn,
      group: task.group,
      startedBy: task.startedBy,
      lastStatus: task.lastStatus,
      desiredStatus: task.desiredStatus,
      createdAt: at(task.createdMs),
      pullStartedAt: at(task.pullStartedMs),
      pullStoppedAt: at(task.pullStoppedMs),
      startedAt: at(task.startedMs),
      stoppingAt: at(task.stoppingMs),
      executionStoppedAt: at(task.executionStoppedMs),
      stoppedAt: at(task.stoppedMs),
      stoppedReason: task.stop?.reason,
      stopCode: task.stop?.code,
      connectivity: 'CONNECTED',
      connectivityAt: at(task.pullStartedMs),
      attachments: [
        {
          id: task.eni.attachmentId,
          type: 'ElasticNetworkInterface',
          status: task.lastStatus === 'PROVISIONING' ? 'PRECREATED' : attached ? 'ATTACHED' : 'DELETED',
          details: Object.entries(details).map(([name, value]) => ({ name, value })),
        },
      ],
      attributes: [
        {
          name: 'ecs.cpu-architecture',
          value: definition.runtimePlatform?.cpuArchitecture === 'ARM64' ? 'arm64' : 'x86_64',
        },
      ],
      availabilityZone: `${records.settings.region}a`,
      containers: task.containers.map((container) => describeContainer(task, container)),
      cpu: definition.cpu,
      memory: definition.memory,
      ephemeralStorage: { sizeInGiB: definition.ephemeralStorage?.sizeInGiB ?? 20 },
      healthStatus: task.health,
      launchType: 'FARGATE',
      capacityProviderName: task.capacityProvider,
      platformVersion: task.platformVersion,
      platformFamily: 'Linux',
      enableExecuteCommand: false,
      overrides: task.overrides,
      version: task.version,
      tags: include.includes('TAGS') ? tagList(task.tags) : [],
    } satisfies Task);
  }
}

function describeContainer(task: TaskRecord, container: ContainerRecord): NonNullable<Task['containers']>[number] {
  return compact({
    containerArn: container.arn,
    taskArn: task.arn,
    name: container.name,
    image: container.image,
    imageDigest: container.imageDigest,
    runtimeId: container.runtimeId,
    lastStatus: container.state === 'STARTING' ? 'PENDING' : container.state,
    exitCode: container.exitCode,
    reason: container.reason,
    healthStatus: container.health,
    networkBindings: [],
    networkInterfaces: [{ attachmentId: task.eni.attachmentId, privateIpv4Address: task.ip }],
  });
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

/** Without the members that are undefined: AWS leaves out what it does not know. */
function compact<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T;
}
