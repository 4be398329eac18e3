/**
 * What RegisterTaskDefinition accepts: Fargate's requirements and those of the containers, and the normal form that AWS
 * answers. Pure. What the local cloud could not run as asked (volumes, other log drivers, SSM parameters) is refused by name.
 */
import type { ContainerDefinition, RegisterTaskDefinitionRequest } from '@aws-sdk/client-ecs';
import { clientError, type Definition } from './model.ts';
import { parseSecrets } from './secrets.ts';

/** Memory sizes, MiB, that Fargate has for each number of CPU units. */
const FARGATE_MEMORY: Readonly<Record<string, readonly number[]>> = {
  256: [512, 1024, 2048],
  512: steps(1, 4, 1),
  1024: steps(2, 8, 1),
  2048: steps(4, 16, 1),
  4096: steps(8, 30, 1),
  8192: steps(16, 60, 4),
  16384: steps(32, 120, 8),
  32768: [60 * 1024, 120 * 1024, 244 * 1024],
};

const NAME = /^[A-Za-z0-9_-]{1,255}$/;
const CONTAINERS_MAX = 10;
const SIZE_MAX = 65_536;
const UNSUPPORTED = [
  'environmentFiles',
  'mountPoints',
  'volumesFrom',
  'links',
  'extraHosts',
  'dnsServers',
  'firelensConfiguration',
  'resourceRequirements',
  'credentialSpecs',
] as const;

function steps(fromGb: number, toGb: number, byGb: number): number[] {
  return Array.from({ length: (toGb - fromGb) / byGb + 1 }, (_, index) => (fromGb + index * byGb) * 1024);
}

/** The content of a definition, with AWS's defaults filled in. @throws AwsError ClientException */
export function parseDefinition(input: RegisterTaskDefinitionRequest): Definition {
  if (!NAME.test(input.family ?? ''))
    throw clientError(
      'Family should consist of letters, digits, hyphens and underscores, and be at most 255 characters.',
    );
  const containers = input.containerDefinitions ?? [];
  if (containers.length === 0) throw clientError('Container list cannot be empty.');
  if (containers.length > CONTAINERS_MAX)
    throw clientError(`The maximum number of containers in a task definition is ${CONTAINERS_MAX}.`);
  const size = JSON.stringify(containers).length;
  if (size > SIZE_MAX) throw clientError(`Actual length: '${size}'. Max allowed length is '${SIZE_MAX}' bytes.`);
  if ((input.volumes ?? []).length > 0) throw unsupported('volumes');
  if (input.proxyConfiguration !== undefined) throw unsupported('proxyConfiguration');
  const fargate = input.requiresCompatibilities?.includes('FARGATE') ?? false;
  const containerDefinitions = containers.map((container) => parseContainer(container, input));
  checkNames(containerDefinitions);
  checkDependencies(containerDefinitions);
  if (containerDefinitions.every(({ essential }) => essential === false))
    throw clientError('At least one container in the task definition must be essential.');
  const compute = fargate ? parseFargate(input, containerDefinitions) : { cpu: input.cpu, memory: input.memory };
  return {
    containerDefinitions,
    ...optional('taskRoleArn', input.taskRoleArn),
    ...optional('executionRoleArn', input.executionRoleArn),
    ...optional('networkMode', input.networkMode),
    volumes: [],
    requiresAttributes: [],
    placementConstraints: input.placementConstraints ?? [],
    compatibilities:
      input.networkMode === 'awsvpc' && compute.cpu !== undefined && compute.memory !== undefined
        ? ['EC2', 'FARGATE']
        : ['EC2'],
    ...optional('requiresCompatibilities', input.requiresCompatibilities),
    ...optional('runtimePlatform', input.runtimePlatform),
    ...optional('cpu', compute.cpu),
    ...optional('memory', compute.memory),
    ...optional('ephemeralStorage', input.ephemeralStorage),
    ...optional('enableFaultInjection', input.enableFaultInjection),
  };
}

function optional<K extends string, V>(key: K, value: V | undefined): { [key in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [key in K]?: V };
}

function unsupported(what: string): Error {
  return clientError(`${what} is not supported by the local cloud`);
}

// ------------------------------------------------------------------------------------------------------------ fargate

function parseFargate(
  input: RegisterTaskDefinitionRequest,
  containers: readonly ContainerDefinition[],
): { cpu: string; memory: string } {
  if (input.networkMode !== 'awsvpc') throw clientError("Fargate only supports network mode 'awsvpc'.");
  if (input.cpu === undefined) throw clientError("Fargate requires that 'cpu' be defined at the task level.");
  if (input.memory === undefined) throw clientError("Fargate requires that 'memory' be defined at the task level.");
  const cpu = units(input.cpu, 'vCPU');
  const memory = units(input.memory, 'GB');
  if (cpu === undefined || memory === undefined || !FARGATE_MEMORY[cpu]?.includes(memory)) {
    throw clientError(
      `No Fargate configuration exists for given values: ${input.cpu} CPU, ${input.memory} memory. See the Amazon ECS documentation for the valid values.`,
    );
  }
  const storage = input.ephemeralStorage?.sizeInGiB;
  if (input.ephemeralStorage !== undefined && !within(storage, 21, 200))
    throw clientError(`Invalid ephemeral storage size ${storage}: it must be between 21 and 200 GiB.`);
  const family = input.runtimePlatform?.operatingSystemFamily;
  if (family !== undefined && family !== 'LINUX') throw unsupported(`Operating system family ${family}`);
  for (const container of containers) {
    if (container.logConfiguration?.logDriver === 'awslogs' && input.executionRoleArn === undefined) {
      throw clientError('Fargate requires task definition to have execution role ARN to support log driver awslogs.');
    }
    if (container.logConfiguration && container.logConfiguration.options?.['awslogs-stream-prefix'] === undefined) {
      throw clientError('Log driver awslogs requires options: awslogs-stream-prefix when the launch type is FARGATE.');
    }
    if (container.privileged) throw clientError("Fargate compatible task definitions do not support 'privileged'.");
    if ((container.memory ?? container.memoryReservation ?? 0) > memory)
      throw clientError(`Invalid 'memory' setting for container '${container.name}': it is greater than the task's.`);
    for (const field of ['stopTimeout', 'startTimeout'] as const) {
      if (container[field] !== undefined && !within(container[field], field === 'stopTimeout' ? 0 : 2, 120)) {
        throw clientError(
          `Invalid ${field} for container '${container.name}': the maximum value on Fargate is 120 seconds.`,
        );
      }
    }
  }
  if (containers.reduce((sum, container) => sum + (container.cpu ?? 0), 0) > cpu)
    throw clientError("The sum of the containers' cpu is greater than the task's.");
  return { cpu: String(cpu), memory: String(memory) };
}

/** `1024`, `1 vCPU`, `2 GB` in CPU units or MiB. */
function units(text: string, unit: string): number | undefined {
  const match = new RegExp(`^(\\d+(?:\\.\\d+)?)( ?${unit})?$`, 'i').exec(text);
  if (!match) return undefined;
  return Number(match[1]) * (match[2] === undefined ? 1 : 1024);
}

// --------------------------------------------------------------------------------------------------------- containers

function parseContainer(
  container: ContainerDefinition,
  { networkMode, executionRoleArn }: RegisterTaskDefinitionRequest,
): ContainerDefinition {
  const { name = '' } = container;
  if (!NAME.test(name)) throw clientError('Container.name contains invalid characters.');
  if (!container.image) throw clientError('Container.image should not be null or empty.');
  for (const field of UNSUPPORTED)
    if ((container[field] as unknown[] | undefined)?.length || (field === 'firelensConfiguration' && container[field]))
      throw unsupported(`Container.${field}`);
  if (container.logConfiguration && container.logConfiguration.logDriver !== 'awslogs')
    throw unsupported(`The log driver ${container.logConfiguration.logDriver}`);
  for (const option of ['awslogs-group', 'awslogs-region']) {
    if (container.logConfiguration && container.logConfiguration.options?.[option] === undefined)
      throw clientError(`Log driver awslogs requires options: ${option}`);
  }
  const keys = (container.environment ?? []).map((pair) => pair.name);
  if (keys.some((key) => !key)) throw clientError('Environment variable name must not be null or empty.');
  const secrets = parseSecrets(container, executionRoleArn);
  return {
    ...container,
    cpu: container.cpu ?? 0,
    essential: container.essential ?? true,
    environment: (container.environment ?? []).map((pair) => ({ name: pair.name, value: pair.value ?? '' })),
    portMappings: (container.portMappings ?? []).map((mapping) => parsePort(mapping, networkMode)),
    mountPoints: [],
    volumesFrom: [],
    systemControls: container.systemControls ?? [],
    ...optional('secrets', container.secrets && secrets),
    ...optional('healthCheck', container.healthCheck && parseHealthCheck(container.healthCheck, name)),
    ...optional('restartPolicy', container.restartPolicy && parseRestartPolicy(container.restartPolicy, name)),
  };
}

type PortMapping = NonNullable<ContainerDefinition['portMappings']>[number];

function parsePort(mapping: PortMapping, networkMode: string | undefined): PortMapping {
  if (mapping.containerPort === undefined) throw clientError('Container port must be specified.');
  if (!within(mapping.containerPort, 1, 65_535)) throw clientError(`Invalid container port ${mapping.containerPort}.`);
  if (networkMode === 'awsvpc' && mapping.hostPort !== undefined && mapping.hostPort !== mapping.containerPort) {
    throw clientError('When networkMode=awsvpc, the host ports and container ports in port mappings must match.');
  }
  const protocol = mapping.protocol ?? 'tcp';
  if (protocol !== 'tcp' && protocol !== 'udp') throw clientError(`Invalid protocol '${protocol}'.`);
  return { ...mapping, hostPort: mapping.hostPort ?? (networkMode === 'awsvpc' ? mapping.containerPort : 0), protocol };
}

type HealthCheck = NonNullable<ContainerDefinition['healthCheck']>;

function parseHealthCheck(check: HealthCheck, name: string): HealthCheck {
  const command = check.command ?? [];
  const [form, ...rest] = command;
  if (form !== 'NONE' && ((form !== 'CMD' && form !== 'CMD-SHELL') || rest.length === 0)) {
    throw clientError(
      `The health check command of container '${name}' must begin with CMD or CMD-SHELL and name a program.`,
    );
  }
  const full = { command, interval: check.interval ?? 30, timeout: check.timeout ?? 5, retries: check.retries ?? 3 };
  const limits = [
    ['interval', full.interval, 5, 300],
    ['timeout', full.timeout, 2, 60],
    ['retries', full.retries, 1, 10],
    ['startPeriod', check.startPeriod ?? 0, 0, 300],
  ] as const;
  for (const [field, value, least, most] of limits) {
    if (!within(value, least, most))
      throw clientError(
        `Invalid health check ${field} of container '${name}': it must be between ${least} and ${most}.`,
      );
  }
  return { ...full, ...optional('startPeriod', check.startPeriod) };
}

type RestartPolicy = NonNullable<ContainerDefinition['restartPolicy']>;

function parseRestartPolicy(policy: RestartPolicy, name: string): RestartPolicy {
  if (policy.restartAttemptPeriod !== undefined && !within(policy.restartAttemptPeriod, 60, 1800)) {
    throw clientError(`Invalid restartAttemptPeriod of container '${name}': it must be between 60 and 1800 seconds.`);
  }
  if ((policy.ignoredExitCodes?.length ?? 0) > 50)
    throw clientError(`The restart policy of container '${name}' has more than 50 ignored exit codes.`);
  return policy;
}

function checkNames(containers: readonly ContainerDefinition[]): void {
  const names = containers.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw clientError(`Container names must be unique: '${twice}' is used more than once.`);
  const ports = containers
    .flatMap(({ portMappings }) => portMappings ?? [])
    .map(({ containerPort, protocol }) => `${containerPort}/${protocol}`);
  const shared = ports.find((port, index) => ports.indexOf(port) !== index);
  if (shared !== undefined)
    throw clientError(`Port mappings of containers must be unique: ${shared} is used more than once.`);
}

function checkDependencies(containers: readonly ContainerDefinition[]): void {
  const byName = new Map(containers.map((container) => [container.name ?? '', container]));
  for (const { name, dependsOn } of containers) {
    for (const { containerName = '', condition } of dependsOn ?? []) {
      const target = byName.get(containerName);
      if (!target || containerName === name)
        throw clientError(
          `Invalid container dependency: '${name}' depends on '${containerName}', which is not another container of the task definition.`,
        );
      if (condition === undefined || !['START', 'COMPLETE', 'SUCCESS', 'HEALTHY'].includes(condition))
        throw clientError(`Invalid dependency condition '${condition}'.`);
      if (condition === 'HEALTHY' && (!target.healthCheck || target.healthCheck.command?.[0] === 'NONE')) {
        throw clientError(
          `Container '${name}' depends on '${containerName}' being HEALTHY, but that container has no health check.`,
        );
      }
      if ((condition === 'COMPLETE' || condition === 'SUCCESS') && target.essential) {
        throw clientError(`Container '${name}' depends on the end of '${containerName}', which is essential.`);
      }
    }
  }
  const done = new Set<string>();
  const visit = (name: string, path: readonly string[]): void => {
    if (path.includes(name)) throw clientError(`Cyclic container dependency: ${[...path, name].join(' -> ')}`);
    if (done.has(name)) return;
    for (const { containerName = '' } of byName.get(name)?.dependsOn ?? []) visit(containerName, [...path, name]);
    done.add(name);
  };
  for (const name of byName.keys()) visit(name, []);
}

function within(value: number | undefined, least: number, most: number): boolean {
  return value !== undefined && Number.isInteger(value) && value >= least && value <= most;
}
