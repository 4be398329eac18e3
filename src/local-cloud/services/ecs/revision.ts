/**
 * What CreateService, UpdateService and RunTask check alike: where tasks run, on what capacity, in which networks, and
 * behind which target groups.
 */
import type { CapacityProviderStrategyItem, LoadBalancer, NetworkConfiguration } from '@aws-sdk/client-ecs';
import { parseStrategy } from './clusters.ts';
import {
  type ClusterRecord,
  invalidParameter,
  type LoadBalancerBinding,
  type Network,
  type StrategyItem,
  type TaskDefinitionRecord,
  unsupported,
} from './model.ts';
import type { TargetGroups } from './task-runner.ts';

const PLATFORM_VERSIONS = ['LATEST', '1.4.0'];

/** @throws AwsError InvalidParameterException */
export function parsePlatformVersion(version: string | undefined): string {
  if (version !== undefined && !PLATFORM_VERSIONS.includes(version))
    throw unsupported(`The platform version ${version}`);
  return version ?? 'LATEST';
}

/** The strategy to use; empty means launch type FARGATE. @throws AwsError InvalidParameterException */
export function parseCapacity(
  cluster: ClusterRecord,
  launchType: string | undefined,
  strategy: readonly CapacityProviderStrategyItem[] | undefined,
): StrategyItem[] {
  if (launchType !== undefined && strategy !== undefined && strategy.length > 0) {
    throw invalidParameter(
      'Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.',
    );
  }
  if (strategy !== undefined && strategy.length > 0) return parseStrategy(strategy, cluster.capacityProviders);
  if (launchType === 'FARGATE') return [];
  if (launchType === undefined && cluster.defaultStrategy.length > 0) return cluster.defaultStrategy;
  // Without a launch type AWS means EC2.
  throw unsupported(`Launch type ${launchType ?? 'EC2'}`);
}

/** @throws AwsError InvalidParameterException */
export function parseNetwork(configuration: NetworkConfiguration | undefined): Network {
  const vpc = configuration?.awsvpcConfiguration;
  if (!vpc) throw invalidParameter("Network Configuration must be provided when networkMode 'awsvpc' is specified.");
  const subnets = vpc.subnets ?? [];
  const securityGroups = vpc.securityGroups ?? [];
  if (subnets.length === 0) throw invalidParameter('subnets can not be empty.');
  if (subnets.length > 16) throw invalidParameter('subnets can have at most 16 items.');
  if (securityGroups.length > 5) throw invalidParameter('securityGroups can have at most 5 items.');
  const subnet = subnets.find((id) => !/^subnet-[A-Za-z0-9-]+$/.test(id));
  if (subnet !== undefined)
    throw invalidParameter(
      `Error retrieving subnet information for [${subnet}]: The subnet ID '${subnet}' does not exist`,
    );
  const group = securityGroups.find((id) => !/^sg-[A-Za-z0-9-]+$/.test(id));
  if (group !== undefined)
    throw invalidParameter(
      `Error retrieving security group information for [${group}]: The security group '${group}' does not exist`,
    );
  return { subnets, securityGroups, assignPublicIp: vpc.assignPublicIp ?? 'DISABLED' };
}

/** @throws AwsError InvalidParameterException */
export function parseLoadBalancers(
  input: readonly LoadBalancer[] | undefined,
  definition: TaskDefinitionRecord,
  targetGroups: TargetGroups,
): LoadBalancerBinding[] {
  if ((input?.length ?? 0) > 5) throw invalidParameter('loadBalancers can have at most 5 items.');
  return (input ?? []).map(
    ({ targetGroupArn, loadBalancerName, containerName = '', containerPort, advancedConfiguration }) => {
      if (loadBalancerName !== undefined) throw unsupported('A classic load balancer');
      if (advancedConfiguration !== undefined) throw unsupported('advancedConfiguration of a load balancer');
      if (targetGroupArn === undefined) throw invalidParameter('targetGroupArn must be specified.');
      if (containerPort === undefined) throw invalidParameter('containerPort must be specified.');
      checkContainer({ containerName, containerPort }, definition);
      const group = targetGroups.targetGroup(targetGroupArn);
      if (!group)
        throw invalidParameter(`The specified target group does not exist. Target group ARN: ${targetGroupArn}`);
      if (group.targetType !== 'ip') {
        throw invalidParameter(
          `The provided target group ${targetGroupArn} has target type ${group.targetType}, which is incompatible with the awsvpc network mode specified in the task definition.`,
        );
      }
      if (!group.attached)
        throw invalidParameter(
          `The target group with targetGroupArn ${targetGroupArn} does not have an associated load balancer.`,
        );
      return { targetGroupArn, containerName, containerPort };
    },
  );
}

/** That a definition has the container port which a load balancer is to reach. @throws AwsError InvalidParameterException */
export function checkContainer(
  { containerName, containerPort }: Pick<LoadBalancerBinding, 'containerName' | 'containerPort'>,
  { definition }: TaskDefinitionRecord,
): void {
  const container = definition.containerDefinitions.find(({ name }) => name === containerName);
  if (!container) throw invalidParameter(`The container ${containerName} does not exist in the task definition.`);
  if (container.portMappings?.some((mapping) => mapping.containerPort === containerPort)) return;
  throw invalidParameter(`The container ${containerName} did not have a container port ${containerPort} defined.`);
}
