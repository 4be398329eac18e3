/** Makes new tasks, for RunTask and for services, and chooses among capacity providers. A new task is PROVISIONING. */
import type { TaskOverride } from '@aws-sdk/client-ecs';
import { type Random, uuid } from '../../../core/index.ts';
import type { ClusterRecord, EcsRecords, Revision, StrategyItem, TagRecord, TaskRecord } from './model.ts';

export interface TaskOrder {
  readonly cluster: Pick<ClusterRecord, 'arn' | 'name'>;
  readonly revision: Revision;
  readonly group: string;
  readonly startedBy?: string | undefined;
  readonly service?: NonNullable<TaskRecord['service']> | undefined;
  readonly capacityProvider: string | undefined;
  readonly overrides?: TaskOverride | undefined;
  readonly tags: TagRecord;
}

/** Stores a new task and returns it. The caller wakes the runner. */
export function createTask(records: EcsRecords, random: Random, order: TaskOrder, nowMs: number): TaskRecord {
  const id = random.hex(16);
  const { revision } = order;
  const definition = records.definition(revision.taskDefinitionArn);
  const task: TaskRecord = {
    arn: records.arn(`task/${order.cluster.name}/${id}`),
    clusterArn: order.cluster.arn,
    taskDefinitionArn: revision.taskDefinitionArn,
    group: order.group,
    ...(order.startedBy === undefined ? {} : { startedBy: order.startedBy }),
    ...(order.service === undefined ? {} : { service: order.service }),
    ...(order.capacityProvider === undefined ? {} : { capacityProvider: order.capacityProvider }),
    platformVersion: revision.platformVersion === 'LATEST' ? '1.4.0' : revision.platformVersion,
    network: revision.network,
    ip: records.nextAddress(),
    eni: {
      attachmentId: uuid(random),
      id: `eni-${random.hex(8)}1`,
      mac: `0a:${random.hex(5).replace(/(..)(?!$)/g, '$1:')}`,
    },
    loadBalancers: order.service === undefined ? [] : revision.loadBalancers,
    overrides: order.overrides ?? { containerOverrides: [], inferenceAcceleratorOverrides: [] },
    lastStatus: 'PROVISIONING',
    desiredStatus: 'RUNNING',
    sinceMs: nowMs,
    createdMs: nowMs,
    health: 'UNKNOWN',
    containers: definition.containerDefinitions.map((container) => ({
      name: container.name ?? '',
      arn: records.arn(`container/${order.cluster.name}/${id}/${uuid(random)}`),
      runtimeId: `${id}-${random.hex(5)}`,
      image: container.image ?? '',
      essential: container.essential ?? true,
      state: 'PENDING',
      health: 'UNKNOWN',
      run: 0,
    })),
    wasHealthy: false,
    accounted: false,
    version: 1,
    tags: order.tags,
  };
  records.addTask(task);
  records.announce.task(task, nowMs);
  return task;
}

/** Which provider takes the next task, given how many tasks each has; undefined: launch type FARGATE. */
export function chooseProvider(
  strategy: readonly StrategyItem[],
  running: readonly (string | undefined)[],
): string | undefined {
  const has = (provider: string) => running.filter((other) => other === provider).length;
  const based = strategy.find(({ capacityProvider, base }) => has(capacityProvider) < base);
  if (based) return based.capacityProvider;
  // Tasks of the base do not count against the weights.
  const load = (item: StrategyItem) => (has(item.capacityProvider) - item.base) / item.weight;
  const weighted = strategy.filter(({ weight }) => weight > 0);
  return weighted.reduce<StrategyItem | undefined>(
    (best, item) => (best === undefined || load(item) < load(best) ? item : best),
    undefined,
  )?.capacityProvider;
}
