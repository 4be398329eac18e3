/**
 * Deployments of a service as records: beginning one, ending one, and the history that ListServiceDeployments and
 * DescribeServiceDeployments answer. Which tasks to start and stop for them is the scheduler's.
 */
import type {
  DescribeServiceDeploymentsRequest,
  DescribeServiceDeploymentsResponse,
  ListServiceDeploymentsRequest,
  ListServiceDeploymentsResponse,
  ServiceDeployment,
  ServiceDeploymentBrief,
} from '@aws-sdk/client-ecs';
import type { Random } from '../../../core/index.ts';
import { page } from '../elbv2/page.ts';
import {
  type DeploymentRecord,
  type EcsRecords,
  invalidParameter,
  lastPart,
  pageLimit,
  type ServiceDeploymentRecord,
  type ServiceRecord,
  serviceNotFound,
} from './model.ts';
import { breakerThreshold } from './rolling.ts';

export const TASKS_FAILED = 'ECS deployment circuit breaker: tasks failed to start.';

/** The deployment that the service moves towards. */
export function primaryOf(service: ServiceRecord): DeploymentRecord | undefined {
  return service.deployments.find(({ status }) => status === 'PRIMARY');
}

/** Makes a new primary deployment of the service's revision; the one before becomes ACTIVE. Changes `service` only. */
export function beginDeployment(records: EcsRecords, random: Random, service: ServiceRecord, nowMs: number): void {
  const before = primaryOf(service);
  if (before?.rolloutState === 'IN_PROGRESS')
    finishHistory(records, before, 'STOPPED', 'Superseded by a newer deployment.', nowMs);
  const digits = () => String(Number.parseInt(random.hex(6), 16)).padStart(15, '0');
  const number = `${1000 + Math.floor(random.next() * 9000)}${digits()}`;
  const path = `${lastPart(service.clusterArn)}/${service.name}`;
  const deployment: DeploymentRecord = {
    id: `ecs-svc/${number}`,
    status: 'PRIMARY',
    revision: service.revision,
    revisionArn: records.arn(`service-revision/${path}/${digits()}`),
    serviceDeploymentArn: records.arn(`service-deployment/${path}/${random.hex(11)}`),
    createdMs: nowMs,
    updatedMs: nowMs,
    rolloutState: 'IN_PROGRESS',
    rolloutStateReason: `ECS deployment ecs-svc/${number} in progress.`,
    failedTasks: 0,
  };
  records.serviceDeployments.set(deployment.serviceDeploymentArn, {
    arn: deployment.serviceDeploymentArn,
    serviceArn: service.arn,
    clusterArn: service.clusterArn,
    createdMs: nowMs,
    updatedMs: nowMs,
    status: 'IN_PROGRESS',
    statusReason: '',
    sourceRevisionArns: before ? [before.revisionArn] : [],
    targetRevisionArn: deployment.revisionArn,
    requestedCount: service.desiredCount,
    rolling: service.rolling,
    failureCount: 0,
    threshold: breakerThreshold(service.desiredCount, service.rolling.circuitBreaker.threshold),
    triggered: false,
  });
  service.deployments = [deployment, ...service.deployments.map((other) => ({ ...other, status: 'ACTIVE' as const }))];
  service.backoff = { failures: 0, untilMs: 0 };
  service.steady = false;
  records.announce.deployment(service.arn, deployment, nowMs);
}

/** The primary deployment reached its steady state. Changes `service` only. */
export function completeDeployment(
  records: EcsRecords,
  service: ServiceRecord,
  deployment: DeploymentRecord,
  nowMs: number,
): void {
  deployment.rolloutState = 'COMPLETED';
  deployment.rolloutStateReason = `ECS deployment ${deployment.id} completed.`;
  deployment.updatedMs = nowMs;
  records.announce.deployment(service.arn, deployment, nowMs);
  service.lastCompleted = {
    revision: deployment.revision,
    revisionArn: deployment.revisionArn,
    deploymentId: deployment.id,
  };
  const rollingBack =
    records.serviceDeployments.get(deployment.serviceDeploymentArn)?.status === 'ROLLBACK_IN_PROGRESS';
  finishHistory(records, deployment, rollingBack ? 'ROLLBACK_SUCCESSFUL' : 'SUCCESSFUL', '', nowMs);
}

/**
 * The circuit breaker ended the primary deployment. With `rollback`, and something to return to, the last completed
 * revision becomes primary again: its own deployment if that still has tasks, otherwise a new one. Changes `service`.
 * Returns the deployment it returns to.
 */
export function failDeployment(
  records: EcsRecords,
  random: Random,
  service: ServiceRecord,
  deployment: DeploymentRecord,
  nowMs: number,
): DeploymentRecord | undefined {
  deployment.rolloutState = 'FAILED';
  deployment.rolloutStateReason = TASKS_FAILED;
  deployment.updatedMs = nowMs;
  records.announce.deployment(service.arn, deployment, nowMs);
  const history = records.serviceDeployments.get(deployment.serviceDeploymentArn);
  const target = service.lastCompleted;
  const again = history?.status === 'ROLLBACK_IN_PROGRESS';
  if (!service.rolling.circuitBreaker.rollback || !target || again || target.revisionArn === deployment.revisionArn) {
    finishHistory(records, deployment, again ? 'ROLLBACK_FAILED' : 'STOPPED', TASKS_FAILED, nowMs, true);
    return undefined;
  }
  service.revision = target.revision;
  const kept = service.deployments.find(({ revisionArn }) => revisionArn === target.revisionArn);
  if (!kept) beginDeployment(records, random, service, nowMs);
  const primary = kept ?? primaryOf(service);
  if (!primary) throw new Error(`${service.arn} has no primary deployment after a rollback`);
  for (const other of service.deployments) other.status = other === primary ? 'PRIMARY' : 'ACTIVE';
  service.deployments.sort((a, b) => Number(b.status === 'PRIMARY') - Number(a.status === 'PRIMARY'));
  service.backoff = { failures: 0, untilMs: 0 };
  // A rollback is part of the history of the deployment that failed.
  if (!kept) records.serviceDeployments.delete(primary.serviceDeploymentArn);
  primary.serviceDeploymentArn = deployment.serviceDeploymentArn;
  primary.failedTasks = 0;
  primary.rolloutState = 'IN_PROGRESS';
  primary.rolloutStateReason = `ECS deployment circuit breaker: rolling back to deploymentId ${target.deploymentId}.`;
  primary.updatedMs = nowMs;
  records.announce.deployment(service.arn, primary, nowMs);
  if (history) {
    const rollback = { reason: TASKS_FAILED, startedMs: nowMs, revisionArn: target.revisionArn };
    records.serviceDeployments.set(history.arn, {
      ...history,
      status: 'ROLLBACK_IN_PROGRESS',
      statusReason: TASKS_FAILED,
      failureCount: deployment.failedTasks,
      triggered: true,
      updatedMs: nowMs,
      rollback,
    });
  }
  return primary;
}

/** Ends the history of a deployment that is under way; does nothing to one that has ended. */
export function finishHistory(
  records: EcsRecords,
  deployment: DeploymentRecord,
  status: ServiceDeploymentRecord['status'],
  statusReason: string,
  nowMs: number,
  triggered = false,
): void {
  const history = records.serviceDeployments.get(deployment.serviceDeploymentArn);
  if (!history || history.finishedMs !== undefined) return;
  records.serviceDeployments.set(history.arn, {
    ...history,
    status,
    statusReason: statusReason || history.statusReason,
    failureCount: Math.max(history.failureCount, deployment.failedTasks),
    triggered: history.triggered || triggered,
    updatedMs: nowMs,
    finishedMs: nowMs,
  });
}

/** Handlers by operation name; they only read. */
export function serviceDeploymentOperations(records: EcsRecords) {
  function describe(history: ServiceDeploymentRecord): ServiceDeployment {
    const { rolling } = history;
    const tasks = records.openTasksOf(history.serviceArn);
    const deployments = records.services.get(history.serviceArn)?.deployments ?? [];
    const revision = (arn: string) => {
      const ids = deployments.filter(({ revisionArn }) => revisionArn === arn).map(({ id }) => id);
      const own = tasks.filter(({ service }) => ids.includes(service?.deploymentId ?? ''));
      return {
        arn,
        runningTaskCount: own.filter(({ lastStatus }) => lastStatus === 'RUNNING').length,
        pendingTaskCount: own.filter(({ lastStatus }) => ['PROVISIONING', 'PENDING', 'ACTIVATING'].includes(lastStatus))
          .length,
      };
    };
    const { enable, rollback } = rolling.circuitBreaker;
    const monitoring = history.finishedMs === undefined ? 'MONITORING' : 'MONITORING_COMPLETE';
    return {
      ...brief(history),
      updatedAt: new Date(history.updatedMs),
      sourceServiceRevisions: history.sourceRevisionArns.map((arn) => ({ ...revision(arn), requestedTaskCount: 0 })),
      targetServiceRevision: { ...revision(history.targetRevisionArn), requestedTaskCount: history.requestedCount },
      deploymentConfiguration: {
        strategy: 'ROLLING',
        minimumHealthyPercent: rolling.minimumHealthyPercent,
        maximumPercent: rolling.maximumPercent,
        deploymentCircuitBreaker: { enable, rollback },
      },
      deploymentCircuitBreaker: {
        status: !enable ? 'DISABLED' : history.triggered ? 'TRIGGERED' : monitoring,
        failureCount: history.failureCount,
        threshold: history.threshold,
      },
      ...(history.rollback === undefined
        ? {}
        : {
            rollback: {
              reason: history.rollback.reason,
              startedAt: new Date(history.rollback.startedMs),
              serviceRevisionArn: history.rollback.revisionArn,
            },
          }),
    };
  }

  function brief(history: ServiceDeploymentRecord): ServiceDeploymentBrief {
    return {
      serviceDeploymentArn: history.arn,
      serviceArn: history.serviceArn,
      clusterArn: history.clusterArn,
      createdAt: new Date(history.createdMs),
      startedAt: new Date(history.createdMs),
      ...(history.finishedMs === undefined ? {} : { finishedAt: new Date(history.finishedMs) }),
      targetServiceRevisionArn: history.targetRevisionArn,
      status: history.status,
      ...(history.statusReason === '' ? {} : { statusReason: history.statusReason }),
    };
  }

  return {
    ListServiceDeployments(input: ListServiceDeploymentsRequest): ListServiceDeploymentsResponse {
      const cluster = records.cluster(input.cluster);
      const serviceArn = records.service(cluster, input.service)?.arn;
      if (serviceArn === undefined) throw serviceNotFound();
      const { after, before } = input.createdAt ?? {};
      const chosen = records.serviceDeployments
        .values()
        .filter((history) => history.serviceArn === serviceArn)
        .filter((history) => !input.status?.length || input.status.includes(history.status))
        .filter(
          ({ createdMs }) => createdMs >= (after?.getTime() ?? 0) && createdMs <= (before?.getTime() ?? Infinity),
        );
      const { items, next } = page(chosen, ({ createdMs, arn }) => `${String(createdMs).padStart(16, '0')} ${arn}`, {
        token: input.nextToken,
        limit: pageLimit(input.maxResults, 20),
        descending: true,
        invalid: () => invalidParameter('Invalid token.'),
      });
      return { serviceDeployments: items.map(brief), ...(next === undefined ? {} : { nextToken: next }) };
    },

    DescribeServiceDeployments(input: DescribeServiceDeploymentsRequest): DescribeServiceDeploymentsResponse {
      const arns = input.serviceDeploymentArns ?? [];
      if (arns.length < 1 || arns.length > 20)
        throw invalidParameter('Between 1 and 20 service deployments can be described.');
      return {
        serviceDeployments: arns.flatMap((arn) => records.serviceDeployments.get(arn) ?? []).map(describe),
        failures: arns.filter((arn) => !records.serviceDeployments.has(arn)).map((arn) => ({ arn, reason: 'MISSING' })),
      };
    },
  };
}

/** Drops the history of a service that is forgotten. */
export function forgetHistory(records: EcsRecords, serviceArn: string): void {
  for (const history of records.serviceDeployments.values())
    if (history.serviceArn === serviceArn) records.serviceDeployments.delete(history.arn);
}
