/**
 * Services as users create, change, describe and delete them. The handlers only say what is wanted; the scheduler is
 * woken and does it. Rolling deployments are the only strategy; what else ECS can do to a service is refused by name.
 */
import type {
  CreateServiceRequest,
  CreateServiceResponse,
  DeleteServiceRequest,
  DeleteServiceResponse,
  Deployment,
  DeploymentConfiguration,
  DescribeServicesRequest,
  DescribeServicesResponse,
  ListServicesRequest,
  ListServicesResponse,
  Service,
  UpdateServiceRequest,
  UpdateServiceResponse,
} from '@aws-sdk/client-ecs';
import { type Random, sameJson, versionedHash } from '../../../core/index.ts';
import { AwsError, type RequestContext } from '../../contract.ts';
import { page } from '../elbv2/page.ts';
import { beginDeployment } from './deployments.ts';
import {
  type DeploymentRecord,
  type EcsRecords,
  invalidParameter,
  pageLimit,
  type Revision,
  type RollingConfiguration,
  type ServiceRecord,
  serviceNotFound,
  type TaskRecord,
  unsupported,
} from './model.ts';
import { checkContainer, parseCapacity, parseLoadBalancers, parseNetwork, parsePlatformVersion } from './revision.ts';
import { parseTags, tagList } from './tags.ts';
import { usableDefinition } from './task-definitions.ts';
import type { TargetGroups } from './task-runner.ts';

export interface ServiceEvents {
  /** Looks at a service as soon as the step is done. */
  wakeService(arn: string, atMs: number): void;
}

const ROLLING_DEFAULTS: RollingConfiguration = {
  minimumHealthyPercent: 100,
  maximumPercent: 200,
  circuitBreaker: {
    enable: false,
    rollback: false,
    resetOnHealthyTask: true,
    threshold: { type: 'BOUNDED_PERCENT', value: 50 },
  },
};

/** Handlers by operation name. Each validates first and changes after, so a refused call leaves nothing behind. Beside
 * them what autoscaling needs of a service. */
export function serviceOperations(
  records: EcsRecords,
  random: Random,
  targetGroups: TargetGroups,
  events: ServiceEvents,
) {
  /** A service that may be changed. */
  function activeService(clusterReference: string | undefined, reference: string | undefined): ServiceRecord {
    const cluster = records.cluster(clusterReference);
    const service = records.service(cluster, reference);
    if (!service) throw serviceNotFound();
    if (service.status !== 'ACTIVE') throw new AwsError('ServiceNotActiveException', 'Service was not ACTIVE.');
    return service;
  }

  function changeDesiredCount(service: ServiceRecord, desiredCount: number): void {
    if (!Number.isInteger(desiredCount) || desiredCount < 0)
      throw invalidParameter('desiredCount must not be negative.');
    service.desiredCount = desiredCount;
  }

  const operations = {
    CreateService(input: CreateServiceRequest, { nowMs }: RequestContext): CreateServiceResponse {
      const cluster = records.cluster(input.cluster);
      const name = input.serviceName ?? '';
      if (!/^[A-Za-z0-9_-]{1,255}$/.test(name))
        throw invalidParameter(
          'Service name must consist of letters, digits, hyphens and underscores, and be at most 255 characters.',
        );
      refuseUnsupported(input);
      if (input.deploymentController !== undefined && input.deploymentController.type !== 'ECS')
        throw unsupported(`The deployment controller ${input.deploymentController.type}`);
      if (input.schedulingStrategy === 'DAEMON') throw unsupported('The scheduling strategy DAEMON');
      if (input.role !== undefined)
        throw invalidParameter('You cannot specify an IAM role for services that require a service linked role.');
      const arn = records.inCluster('service', cluster, name);
      const inputHash = versionedHash(input);
      const known = records.services.get(arn);
      if (known?.status === 'ACTIVE') {
        if (known.clientToken !== undefined && known.clientToken === input.clientToken && known.inputHash === inputHash)
          return { service: describe(known, ['TAGS']) };
        throw invalidParameter('Creation of service was not idempotent.');
      }
      if (known?.status === 'DRAINING') throw invalidParameter('Unable to Start a service that is still Draining.');
      const definition = usableDefinition(records, input.taskDefinition);
      const revision: Revision = {
        taskDefinitionArn: definition.arn,
        strategy: parseCapacity(cluster, input.launchType, input.capacityProviderStrategy),
        network: parseNetwork(input.networkConfiguration),
        loadBalancers: parseLoadBalancers(input.loadBalancers, definition, targetGroups),
        platformVersion: parsePlatformVersion(input.platformVersion),
      };
      if (input.desiredCount === undefined)
        throw invalidParameter('desiredCount must be specified for a REPLICA service.');
      const service: ServiceRecord = {
        arn,
        name,
        clusterArn: cluster.arn,
        status: 'ACTIVE',
        desiredCount: 0,
        revision,
        rolling: parseRolling(input.deploymentConfiguration, ROLLING_DEFAULTS),
        healthCheckGraceSec: parseGrace(input.healthCheckGracePeriodSeconds, revision),
        deployments: [],
        createdMs: nowMs,
        backoff: { failures: 0, untilMs: 0 },
        steady: false,
        ...(input.clientToken === undefined ? {} : { clientToken: input.clientToken }),
        inputHash,
        propagateTags: input.propagateTags ?? 'NONE',
        enableManagedTags: input.enableECSManagedTags ?? false,
        tags: parseTags(input.tags),
      };
      changeDesiredCount(service, input.desiredCount);
      if (known) records.forgetEvents(arn);
      beginDeployment(records, random, service, nowMs);
      records.services.set(arn, service);
      events.wakeService(arn, nowMs);
      return { service: describe(service, ['TAGS']) };
    },

    UpdateService(input: UpdateServiceRequest, { nowMs }: RequestContext): UpdateServiceResponse {
      refuseUnsupported(input);
      const service = activeService(input.cluster, input.service);
      const cluster = records.cluster(input.cluster);
      const before = service.revision;
      const definition =
        input.taskDefinition === undefined
          ? records.taskDefinition(before.taskDefinitionArn)
          : usableDefinition(records, input.taskDefinition);
      if (!definition) throw new Error(`${before.taskDefinitionArn} is used by a service but not registered`);
      service.revision = {
        taskDefinitionArn: definition.arn,
        strategy:
          input.capacityProviderStrategy === undefined
            ? before.strategy
            : changedStrategy(input.capacityProviderStrategy),
        network: input.networkConfiguration === undefined ? before.network : parseNetwork(input.networkConfiguration),
        loadBalancers:
          input.loadBalancers === undefined
            ? before.loadBalancers
            : parseLoadBalancers(input.loadBalancers, definition, targetGroups),
        platformVersion:
          input.platformVersion === undefined ? before.platformVersion : parsePlatformVersion(input.platformVersion),
      };
      for (const binding of service.revision.loadBalancers) checkContainer(binding, definition);
      service.rolling = parseRolling(input.deploymentConfiguration, service.rolling);
      if (input.healthCheckGracePeriodSeconds !== undefined)
        service.healthCheckGraceSec = parseGrace(input.healthCheckGracePeriodSeconds, service.revision);
      if (input.desiredCount !== undefined) changeDesiredCount(service, input.desiredCount);
      service.propagateTags = input.propagateTags ?? service.propagateTags;
      service.enableManagedTags = input.enableECSManagedTags ?? service.enableManagedTags;
      if (input.forceNewDeployment || !sameJson(before, service.revision))
        beginDeployment(records, random, service, nowMs);
      records.services.set(service.arn, service);
      events.wakeService(service.arn, nowMs);
      return { service: describe(service, ['TAGS']) };

      function changedStrategy(items: NonNullable<UpdateServiceRequest['capacityProviderStrategy']>) {
        return items.length === 0 ? [] : parseCapacity(cluster, undefined, items);
      }
    },

    DeleteService(input: DeleteServiceRequest, { nowMs }: RequestContext): DeleteServiceResponse {
      const cluster = records.cluster(input.cluster);
      const service = records.service(cluster, input.service);
      if (!service || service.status === 'INACTIVE') throw serviceNotFound();
      if (service.status === 'DRAINING') return { service: describe(service) };
      if (service.desiredCount > 0 && !input.force)
        throw invalidParameter('The service cannot be stopped while it is scaled above 0.');
      service.status = 'DRAINING';
      service.desiredCount = 0;
      service.deletedMs = nowMs;
      records.services.set(service.arn, service);
      events.wakeService(service.arn, nowMs);
      return { service: describe(service) };
    },

    DescribeServices(input: DescribeServicesRequest): DescribeServicesResponse {
      const cluster = records.cluster(input.cluster);
      const references = input.services ?? [];
      if (references.length === 0) throw invalidParameter('Services cannot be empty.');
      if (references.length > 10) throw invalidParameter('Services can have at most 10 items.');
      const found = references.map((reference) => records.service(cluster, reference));
      const missing = references.filter((_, index) => found[index] === undefined);
      return {
        services: found.flatMap((service) => (service ? [describe(service, input.include)] : [])),
        failures: missing.map((reference) => ({
          arn: records.inCluster('service', cluster, reference),
          reason: 'MISSING',
        })),
      };
    },

    ListServices(input: ListServicesRequest): ListServicesResponse {
      const cluster = records.cluster(input.cluster);
      const chosen = records.services
        .values()
        .filter(({ clusterArn, status }) => clusterArn === cluster.arn && status !== 'INACTIVE')
        .filter(
          ({ revision }) =>
            input.launchType === undefined || (input.launchType === 'FARGATE' && revision.strategy.length === 0),
        )
        .filter(() => input.schedulingStrategy !== 'DAEMON');
      const request = {
        token: input.nextToken,
        limit: pageLimit(input.maxResults, 10),
        invalid: () => invalidParameter('Invalid token.'),
      };
      const { items, next } = page(chosen, ({ arn }) => arn, request);
      return { serviceArns: items.map(({ arn }) => arn), ...(next === undefined ? {} : { nextToken: next }) };
    },
  };

  return { operations, activeService, changeDesiredCount };

  function describe(service: ServiceRecord, include: readonly string[] = []): Service {
    const tasks = records.openTasksOf(service.arn);
    const counts = countTasks(tasks);
    return {
      serviceArn: service.arn,
      serviceName: service.name,
      clusterArn: service.clusterArn,
      loadBalancers: service.revision.loadBalancers,
      serviceRegistries: [],
      status: service.status,
      desiredCount: service.desiredCount,
      runningCount: counts.running,
      pendingCount: counts.pending,
      ...capacity(service.revision),
      platformFamily: 'Linux',
      taskDefinition: service.revision.taskDefinitionArn,
      deploymentConfiguration: describeRolling(service.rolling),
      deployments: service.deployments.map((deployment) => describeDeployment(service, deployment, tasks)),
      roleArn: `arn:aws:iam::${records.settings.accountId}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS`,
      events: records
        .events(service.arn)
        .map(({ id, createdMs, message }) => ({ id, createdAt: new Date(createdMs), message })),
      createdAt: new Date(service.createdMs),
      placementConstraints: [],
      placementStrategy: [],
      networkConfiguration: { awsvpcConfiguration: service.revision.network },
      ...(service.revision.loadBalancers.length === 0
        ? {}
        : { healthCheckGracePeriodSeconds: service.healthCheckGraceSec }),
      schedulingStrategy: 'REPLICA',
      deploymentController: { type: 'ECS' },
      createdBy: `arn:aws:iam::${records.settings.accountId}:root`,
      enableECSManagedTags: service.enableManagedTags,
      propagateTags: service.propagateTags,
      enableExecuteCommand: false,
      ...(include.includes('TAGS') ? { tags: tagList(service.tags) } : {}),
    };
  }
}

function describeDeployment(
  service: ServiceRecord,
  deployment: DeploymentRecord,
  tasks: readonly TaskRecord[],
): Deployment {
  const own = tasks.filter((task) => task.service?.deploymentId === deployment.id);
  const counts = countTasks(own);
  return {
    id: deployment.id,
    status: deployment.status,
    taskDefinition: deployment.revision.taskDefinitionArn,
    desiredCount:
      deployment.status === 'PRIMARY'
        ? service.desiredCount
        : own.filter(({ desiredStatus }) => desiredStatus === 'RUNNING').length,
    pendingCount: counts.pending,
    runningCount: counts.running,
    failedTasks: deployment.failedTasks,
    createdAt: new Date(deployment.createdMs),
    updatedAt: new Date(deployment.updatedMs),
    ...capacity(deployment.revision),
    platformFamily: 'Linux',
    networkConfiguration: { awsvpcConfiguration: deployment.revision.network },
    rolloutState: deployment.rolloutState,
    rolloutStateReason: deployment.rolloutStateReason,
  };
}

function capacity({ strategy, platformVersion }: Revision) {
  return strategy.length > 0
    ? { capacityProviderStrategy: strategy, platformVersion }
    : { launchType: 'FARGATE' as const, platformVersion };
}

function countTasks(tasks: readonly TaskRecord[]): { running: number; pending: number } {
  return {
    running: tasks.filter(({ lastStatus }) => lastStatus === 'RUNNING').length,
    pending: tasks.filter(({ lastStatus }) => ['PROVISIONING', 'PENDING', 'ACTIVATING'].includes(lastStatus)).length,
  };
}

function describeRolling({
  minimumHealthyPercent,
  maximumPercent,
  circuitBreaker,
}: RollingConfiguration): DeploymentConfiguration {
  const { enable, rollback, resetOnHealthyTask, threshold } = circuitBreaker;
  const custom = !sameJson(
    { resetOnHealthyTask, threshold },
    { resetOnHealthyTask: true, threshold: ROLLING_DEFAULTS.circuitBreaker.threshold },
  );
  return {
    deploymentCircuitBreaker: {
      enable,
      rollback,
      ...(custom ? { resetOnHealthyTask, thresholdConfiguration: threshold } : {}),
    },
    maximumPercent,
    minimumHealthyPercent,
    strategy: 'ROLLING',
    bakeTimeInMinutes: 0,
  };
}

function parseRolling(input: DeploymentConfiguration | undefined, before: RollingConfiguration): RollingConfiguration {
  if (!input) return before;
  if (input.strategy !== undefined && input.strategy !== 'ROLLING')
    throw unsupported(`The deployment strategy ${input.strategy}`);
  if (input.alarms?.enable) throw unsupported('Deployment alarms');
  if ((input.lifecycleHooks ?? []).length > 0) throw unsupported('Deployment lifecycle hooks');
  if ((input.bakeTimeInMinutes ?? 0) > 0) throw unsupported('A bake time');
  const breaker = input.deploymentCircuitBreaker;
  const threshold = breaker?.thresholdConfiguration;
  const rolling: RollingConfiguration = {
    minimumHealthyPercent: input.minimumHealthyPercent ?? before.minimumHealthyPercent,
    maximumPercent: input.maximumPercent ?? before.maximumPercent,
    circuitBreaker: breaker
      ? {
          enable: breaker.enable ?? false,
          rollback: breaker.rollback ?? false,
          resetOnHealthyTask: breaker.resetOnHealthyTask ?? true,
          threshold: threshold
            ? { type: threshold.type ?? 'BOUNDED_PERCENT', value: threshold.value ?? 50 }
            : ROLLING_DEFAULTS.circuitBreaker.threshold,
        }
      : before.circuitBreaker,
  };
  const { minimumHealthyPercent, maximumPercent, circuitBreaker } = rolling;
  if (minimumHealthyPercent < 0 || minimumHealthyPercent > 100)
    throw invalidParameter('minimumHealthyPercent must be between 0 and 100.');
  if (maximumPercent < 100) throw invalidParameter('maximumPercent must be at least 100.');
  if (minimumHealthyPercent === 100 && maximumPercent === 100) {
    throw invalidParameter(
      'Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.',
    );
  }
  if (circuitBreaker.threshold.value < 1)
    throw invalidParameter('The value of thresholdConfiguration must be at least 1.');
  return rolling;
}

function parseGrace(seconds: number | undefined, revision: Revision): number {
  if (seconds === undefined) return 0;
  if (revision.loadBalancers.length === 0)
    throw invalidParameter('Health check grace period is only valid for services configured to use load balancers');
  if (!Number.isInteger(seconds) || seconds < 0)
    throw invalidParameter('healthCheckGracePeriodSeconds must not be negative.');
  return seconds;
}

function refuseUnsupported(input: CreateServiceRequest | UpdateServiceRequest): void {
  if ((input.serviceRegistries ?? []).length > 0) throw unsupported('serviceRegistries');
  if (input.serviceConnectConfiguration?.enabled) throw unsupported('serviceConnectConfiguration');
  if ((input.volumeConfigurations ?? []).length > 0) throw unsupported('volumeConfigurations');
  if ((input.placementConstraints ?? []).length > 0 || (input.placementStrategy ?? []).length > 0) {
    throw invalidParameter('Placement constraints and strategies are not supported with FARGATE.');
  }
  if (input.enableExecuteCommand) throw unsupported('enableExecuteCommand');
}
