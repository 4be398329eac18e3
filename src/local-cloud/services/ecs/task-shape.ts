/** A task as the API shows it: DescribeTasks, and the detail of the events of its changes. */
import type { Task } from '@aws-sdk/client-ecs';
import type { ContainerRecord, EcsRecords, TaskRecord } from './model.ts';
import { tagList } from './tags.ts';

/** As DescribeTasks answers it. */
export function taskShape(records: EcsRecords, task: TaskRecord, include: readonly string[] = []): Task {
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

/** Without the members that are undefined: AWS leaves out what it does not know. */
function compact<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T;
}
