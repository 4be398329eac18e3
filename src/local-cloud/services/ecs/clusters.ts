/** Clusters: names with counts. Capacity is Fargate's; container instances do not exist here. */
import type {
  CapacityProviderStrategyItem,
  Cluster,
  CreateClusterRequest,
  CreateClusterResponse,
  DeleteClusterRequest,
  DeleteClusterResponse,
  DescribeClustersRequest,
  DescribeClustersResponse,
  ListClustersRequest,
  ListClustersResponse,
} from '@aws-sdk/client-ecs';
import { AwsError } from '../../contract.ts';
import { page } from '../elbv2/page.ts';
import {
  type ClusterRecord,
  type EcsRecords,
  invalidParameter,
  pageLimit,
  type StrategyItem,
  unsupported,
} from './model.ts';
import { parseTags, tagList } from './tags.ts';

const PROVIDERS = ['FARGATE', 'FARGATE_SPOT'];

/** A validated capacity provider strategy. @throws AwsError InvalidParameterException */
export function parseStrategy(
  items: readonly CapacityProviderStrategyItem[],
  associated: readonly string[],
): StrategyItem[] {
  const strategy = items.map(({ capacityProvider = '', weight = 0, base = 0 }) => ({ capacityProvider, weight, base }));
  if (strategy.some(({ capacityProvider }) => !associated.includes(capacityProvider))) {
    throw invalidParameter(
      'The specified capacity provider strategy cannot contain a capacity provider that is not associated with the cluster. Associate the capacity provider with the cluster and try again.',
    );
  }
  if (new Set(strategy.map((item) => item.capacityProvider)).size < strategy.length)
    throw invalidParameter('A capacity provider can be used only once in a strategy.');
  const whole = (value: number, most: number) => Number.isInteger(value) && value >= 0 && value <= most;
  if (strategy.some(({ weight, base }) => !whole(weight, 1000) || !whole(base, 100_000)))
    throw invalidParameter('Weights must be between 0 and 1000, bases between 0 and 100000.');
  if (strategy.filter(({ base }) => base > 0).length > 1)
    throw invalidParameter('Only one capacity provider in a strategy can have a base defined.');
  if (strategy.length > 0 && strategy.every(({ weight }) => weight === 0))
    throw invalidParameter('At least one capacity provider in a strategy must have a weight greater than 0.');
  return strategy;
}

/** Handlers by operation name. Each validates first and changes after, so a refused call leaves nothing behind. */
export function clusterOperations(records: EcsRecords) {
  function describe(cluster: ClusterRecord, include: readonly string[] = []): Cluster {
    const tasks = records.tasks.values().filter(({ clusterArn }) => clusterArn === cluster.arn);
    const services = records.services
      .values()
      .filter(({ clusterArn, status }) => clusterArn === cluster.arn && status === 'ACTIVE');
    return {
      clusterArn: cluster.arn,
      clusterName: cluster.name,
      status: cluster.status,
      registeredContainerInstancesCount: 0,
      runningTasksCount: tasks.filter(({ lastStatus }) => lastStatus === 'RUNNING').length,
      pendingTasksCount: tasks.filter(({ lastStatus }) =>
        ['PROVISIONING', 'PENDING', 'ACTIVATING'].includes(lastStatus),
      ).length,
      activeServicesCount: services.length,
      statistics: [],
      tags: include.includes('TAGS') ? tagList(cluster.tags) : [],
      settings: include.includes('SETTINGS') ? (cluster.settings as Cluster['settings']) : [],
      capacityProviders: cluster.capacityProviders,
      defaultCapacityProviderStrategy: cluster.defaultStrategy,
    };
  }

  return {
    CreateCluster(input: CreateClusterRequest): CreateClusterResponse {
      const name = input.clusterName ?? 'default';
      if (!/^[A-Za-z][A-Za-z0-9_-]{0,254}$/.test(name)) throw invalidParameter('Identifier was malformed.');
      const arn = records.clusterArn(name);
      const known = records.clusters.get(arn);
      if (known?.status === 'ACTIVE') return { cluster: describe(known, ['TAGS', 'SETTINGS']) };
      const capacityProviders = input.capacityProviders ?? [];
      const other = capacityProviders.find((provider) => !PROVIDERS.includes(provider));
      if (other !== undefined) throw unsupported(`The capacity provider ${other}`);
      const cluster: ClusterRecord = {
        arn,
        name,
        status: 'ACTIVE',
        capacityProviders,
        defaultStrategy: parseStrategy(input.defaultCapacityProviderStrategy ?? [], capacityProviders),
        settings: (input.settings ?? []).map((setting) => ({ name: setting.name ?? '', value: setting.value ?? '' })),
        tags: parseTags(input.tags),
      };
      records.clusters.set(arn, cluster);
      return { cluster: describe(cluster, ['TAGS', 'SETTINGS']) };
    },

    DescribeClusters(input: DescribeClustersRequest): DescribeClustersResponse {
      const references = input.clusters ?? ['default'];
      if (references.length > 100) throw invalidParameter('Clusters cannot be more than 100.');
      const arns = references.map((reference) => records.clusterArn(reference));
      const found = arns.flatMap((arn) => records.clusters.get(arn) ?? []);
      const missing = arns.filter((arn) => !records.clusters.has(arn));
      return {
        clusters: found.map((cluster) => describe(cluster, input.include)),
        failures: missing.map((arn) => ({ arn, reason: 'MISSING' })),
      };
    },

    ListClusters(input: ListClustersRequest): ListClustersResponse {
      const active = records.clusters.values().filter(({ status }) => status === 'ACTIVE');
      const request = {
        token: input.nextToken,
        limit: pageLimit(input.maxResults, 100),
        invalid: () => invalidParameter('Invalid token.'),
      };
      const { items, next } = page(active, ({ arn }) => arn, request);
      return { clusterArns: items.map(({ arn }) => arn), ...(next === undefined ? {} : { nextToken: next }) };
    },

    DeleteCluster(input: DeleteClusterRequest): DeleteClusterResponse {
      const cluster = records.cluster(input.cluster ?? '');
      const inUse = (status: string) => status === 'ACTIVE' || status === 'DRAINING';
      if (records.services.values().some(({ clusterArn, status }) => clusterArn === cluster.arn && inUse(status))) {
        throw new AwsError(
          'ClusterContainsServicesException',
          'The Cluster cannot be deleted while Services are active.',
        );
      }
      if (
        records.tasks
          .values()
          .some(({ clusterArn, lastStatus }) => clusterArn === cluster.arn && lastStatus !== 'STOPPED')
      ) {
        throw new AwsError('ClusterContainsTasksException', 'The Cluster cannot be deleted while Tasks are active.');
      }
      const inactive: ClusterRecord = { ...cluster, status: 'INACTIVE' };
      records.clusters.set(cluster.arn, inactive);
      return { cluster: describe(inactive) };
    },
  };
}
