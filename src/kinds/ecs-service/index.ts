/**
 * An ECS service on Fargate with rolling deployments. It owns everything it sends except the desired count: inside
 * [minCount, maxCount] that belongs to Application Auto Scaling, and outside it is clamped once. Whether tasks are
 * healthy behind the load balancer is `target-health`'s.
 *
 * Left as they are, because only the planner knows what changed a moment ago: CreateService answers
 * InvalidParameterException while a service of that name still drains, while the target group is not attached to a
 * listener yet, and ClientException or InvalidParameterException while a new role cannot be assumed yet. No client token
 * is sent: the name is the guard against twins, and a token would bring back the answer of a service deleted since.
 */
import type {
  CreateServiceCommandInput,
  Deployment,
  Service,
  Task,
  UpdateServiceCommandInput,
} from '@aws-sdk/client-ecs';
import { type Call, ecsServices, lowerTags, refuseUnreadable, tagRecord } from '../../aws/index.ts';
import {
  type AwsEvent,
  asSet,
  type Change,
  changeOf,
  type EventInterest,
  type Identity,
  type Io,
  items,
  lastSegment,
  members,
  onCalls,
  ownershipKeys,
  ownershipOf,
  READY,
  type Readiness,
  type ResourceKind,
  type Sweep,
  text,
  unlessAbsent,
  unlessGone,
} from '../../resource/index.ts';

/** Identity: `cluster` (name or ARN) and `serviceName`. */
export interface EcsServiceProps {
  readonly taskDefinitionArn: string;
  /** At creation only. */
  readonly desiredCount: number;
  readonly minCount: number;
  readonly maxCount: number;
  /** Null: the plain FARGATE launch type. */
  readonly capacity: readonly CapacityShare[] | null;
  readonly subnets: readonly string[];
  readonly securityGroups: readonly string[];
  readonly assignPublicIp: boolean;
  readonly loadBalancer: LoadBalancerTarget | null;
  /** Matters only with a load balancer. */
  readonly healthCheckGraceSec: number;
  readonly minimumHealthyPercent: number;
  readonly maximumPercent: number;
}

export interface CapacityShare {
  readonly provider: 'FARGATE' | 'FARGATE_SPOT';
  readonly weight: number;
  readonly base: number;
}

export interface LoadBalancerTarget {
  readonly targetGroupArn: string;
  readonly containerName: string;
  readonly containerPort: number;
}

export interface EcsServiceObserved {
  readonly arn: string;
  readonly serviceName: string;
  /** ACTIVE or DRAINING. */
  readonly status: string;
  readonly taskDefinitionArn: string;
  readonly desired: number;
  readonly running: number;
  readonly capacity: readonly { readonly provider: string; readonly weight: number; readonly base: number }[];
  readonly subnets: readonly string[];
  readonly securityGroups: readonly string[];
  readonly assignPublicIp: boolean;
  readonly loadBalancers: readonly LoadBalancerTarget[];
  readonly healthCheckGraceSec: number;
  readonly minimumHealthyPercent: number;
  readonly maximumPercent: number;
  readonly circuitBreaker: { readonly enable: boolean; readonly rollback: boolean };
  /** How many deployments have tasks: more than one while a rollout is under way. */
  readonly deployments: number;
  /** The one that is to prevail. */
  readonly rollout: ObservedRollout | null;
  readonly tags: Readonly<Record<string, string>>;
}

export interface ObservedRollout {
  readonly id: string;
  /** COMPLETED, IN_PROGRESS or FAILED. */
  readonly state: string;
  readonly reason: string | null;
  readonly failedTasks: number;
  readonly startedAtMs: number | null;
  readonly updatedAtMs: number | null;
  /** Why its newest tasks stopped; read only when it does not get on. */
  readonly stopped: readonly string[];
  /**
   * How many of its tasks ended by themselves. ECS's circuit breaker does not count tasks that started and then ended,
   * so such a deployment would stay in progress for ever.
   */
  readonly crashed: number;
}

/** A deployment that failed is tried again after this long, should its cause lie outside. */
const RETRY_AFTER_MS = 2 * 60_000;
/** Tasks that are missing for longer than a start takes are asked after. */
const START_MS_MAX = 15_000;
/** So many tasks of one deployment that ended by themselves are no accident. */
const CRASHES_MAX = 3;
const STOPPED_REASONS_MAX = 3;
/** Without rollback: what to go back to is decided by us, and ECS would undo it behind our back. */
const CIRCUIT_BREAKER = { enable: true, rollback: false };

/** The listing shows everything but why tasks stopped. */
type EcsServiceSeen = Omit<EcsServiceObserved, 'rollout'> & {
  readonly rollout: Pick<ObservedRollout, 'state'> | null;
};

const sweep: Sweep<EcsServiceProps, EcsServiceSeen, Service> = {
  listing: ecsServices,
  locate: ({ cluster = '', serviceName = '' }) => ({ scope: cluster, name: serviceName }),
  // One that drains is as good as gone.
  seen: (service) => (service.status === 'ACTIVE' ? observed(service, primaryOf(service), NONE_STOPPED) : undefined),
  fields: {
    TaskDefinitionDrift: ({ taskDefinitionArn }) => taskDefinitionArn,
    CapacityDrift: ({ capacity }) => byProvider(capacity),
    NetworkDrift: (seen) => [asSet(seen.subnets), asSet(seen.securityGroups), seen.assignPublicIp],
    LoadBalancerDrift: ({ loadBalancers }) => loadBalancers,
    GracePeriodDrift: ({ healthCheckGraceSec }) => healthCheckGraceSec,
    DeploymentConfigurationDrift: (seen) => [seen.minimumHealthyPercent, seen.maximumPercent, seen.circuitBreaker],
    OwnershipDrift: ({ tags }) => ownershipOf(tags),
    // Whether, not how far: counts of a rollout change by themselves.
    StabilityDrift: isStable,
  },
  ranges: {
    DesiredCountDrift: { bounds: ({ minCount, maxCount }) => [minCount, maxCount], value: ({ desired }) => desired },
  },
};

const events: readonly EventInterest[] = [
  // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_events.html
  { source: 'aws.ecs', detailType: 'ECS Service Action', names: servicesNamed },
  // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_deployment_events.html
  { source: 'aws.ecs', detailType: 'ECS Deployment State Change', names: servicesNamed },
  {
    // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html
    source: 'aws.ecs',
    detailType: 'ECS Task State Change',
    // How a rollout gets on is told by the service's own events: not every step of every task is worth a look.
    detail: { lastStatus: ['STOPPED'] },
    names(event) {
      const detail = members(event.detail);
      // Scaled in, or replaced by a deployment.
      if (detail.lastStatus !== 'STOPPED' || detail.stopCode === 'ServiceSchedulerInitiated') return [];
      const service = /^service:(.+)$/.exec(text(detail.group))?.[1];
      return service === undefined ? [] : [service];
    },
  },
  onCalls(
    'ecs',
    ['CreateService', 'UpdateService', 'DeleteService', 'TagResource', 'UntagResource'],
    ({ service, serviceName, resourceArn }, event) =>
      isScaling(event) ? [] : [lastSegment(text(service)), text(serviceName), ...serviceOf(text(resourceArn))],
  ),
];

export const ecsService: ResourceKind<EcsServiceProps, EcsServiceObserved> = {
  name: 'ecs-service',
  permissions: [
    {
      actions: ['ecs:DescribeServices'],
      resources: ['arn:aws:ecs:*:*:service/*/*'],
      because: 'reads the services that run functions as tasks',
    },
    {
      actions: ['ecs:CreateService'],
      resources: ['arn:aws:ecs:*:*:service/*/*'],
      only: 'claiming',
      because: 'makes the service of an object',
    },
    {
      actions: ['ecs:TagResource'],
      resources: ['arn:aws:ecs:*:*:service/*/*'],
      when: { StringEquals: { 'ecs:CreateAction': 'CreateService' } },
      because: 'tags a service while it is made, and no other',
    },
    {
      actions: ['ecs:UpdateService', 'ecs:DeleteService', 'ecs:UntagResource'],
      resources: ['arn:aws:ecs:*:*:service/*/*'],
      only: 'owned',
      because: 'changes and removes only services of its own',
    },
    {
      actions: ['ecs:ListTasks'],
      // Without a container instance the resource is `*`; the cluster is a condition.
      // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/security_iam_id-based-policy-examples.html
      resources: ['*'],
      when: { ArnLike: { 'ecs:cluster': 'arn:aws:ecs:*:*:cluster/*' } },
      because: 'finds the tasks of a deployment that fails',
    },
    {
      actions: ['ecs:DescribeTasks'],
      resources: ['arn:aws:ecs:*:*:task/*/*'],
      because: 'says why tasks of a deployment stopped',
    },
  ],
  calls: {
    create: ['ecs CreateService'],
    update: ['ecs UpdateService'],
    delete: ['ecs DeleteService'],
    release: ['ecs UntagResource'],
  },

  async observe(io, identity, call) {
    const { cluster, serviceName = '' } = identity;
    const answer = await unlessAbsent(
      io.aws.ecs.describeServices({ cluster, services: [serviceName], include: ['TAGS'] }, call),
    );
    const service = answer?.services?.[0];
    if (!service) refuseUnreadable(answer?.failures);
    if (!service || service.status === 'INACTIVE') return undefined;
    const primary = primaryOf(service);
    const stopped =
      primary && isInTrouble(primary, io.nowMs()) ? await whyTasksStopped(io, identity, primary, call) : NONE_STOPPED;
    return observed(service, primary, stopped);
  },

  tags: ({ tags }) => tags,

  readiness(observed): Readiness {
    const { serviceName, status, rollout, running, desired } = observed;
    const count = `${running} of ${desired} tasks run`;
    if (status === 'DRAINING') {
      return { state: 'ending', reason: 'ServiceDraining', message: `${serviceName} was deleted and drains: ${count}` };
    }
    const why = rollout && rollout.stopped.length > 0 ? `; tasks stopped: ${rollout.stopped.join(' | ')}` : '';
    if (rollout?.state === 'FAILED') {
      return {
        state: 'failed',
        reason: 'DeploymentFailed',
        message: `${rollout.reason ?? 'the deployment failed'}${why}`,
        sinceMs: rollout.updatedAtMs ?? undefined,
        retryAfterMs: RETRY_AFTER_MS,
      };
    }
    if (rollout?.state === 'IN_PROGRESS' && rollout.crashed >= CRASHES_MAX) {
      // ECS goes on trying, so no retry of ours: it recovers by itself when the cause is gone.
      const message = `${count}, and the tasks of the new deployment end by themselves${why}; mend the code or its configuration; what they printed is in the object's log group`;
      return { state: 'failed', reason: 'DeploymentFailed', message };
    }
    const pending = { state: 'pending', acceptsUpdate: true, usable: running > 0 } as const;
    if (rollout?.state === 'IN_PROGRESS') {
      const failed = rollout.failedTasks > 0 ? `, ${rollout.failedTasks} failed` : '';
      const sinceMs = rollout.startedAtMs ?? undefined;
      return { ...pending, reason: 'RolloutInProgress', message: `${count}${failed}${why}`, sinceMs };
    }
    if (running < desired) return { ...pending, reason: 'TasksStarting', message: `${count}${why}` };
    return READY;
  },

  outputs: (observed) => ({
    arn: observed.arn,
    serviceName: observed.serviceName,
    running: observed.running,
    desired: observed.desired,
    taskDefinitionArn: observed.taskDefinitionArn,
    stable: isStable(observed),
  }),

  diff(desired, observed) {
    const { minCount, maxCount, loadBalancer } = desired;
    const withinBounds = Math.min(maxCount, Math.max(minCount, observed.desired));
    return [
      ...changeOf('taskDefinition', desired.taskDefinitionArn, observed.taskDefinitionArn, 'TaskDefinitionDrift'),
      ...changeOf('desiredCount', withinBounds, observed.desired, 'DesiredCountDrift'),
      ...changeOf('capacity', byProvider(desired.capacity ?? []), byProvider(observed.capacity), 'CapacityDrift'),
      ...changeOf('subnets', asSet(desired.subnets), asSet(observed.subnets), 'NetworkDrift'),
      ...changeOf('securityGroups', asSet(desired.securityGroups), asSet(observed.securityGroups), 'NetworkDrift'),
      ...changeOf('assignPublicIp', desired.assignPublicIp, observed.assignPublicIp, 'NetworkDrift'),
      ...changeOf('loadBalancer', loadBalancer ? [loadBalancer] : [], observed.loadBalancers, 'LoadBalancerDrift'),
      ...(loadBalancer
        ? changeOf('healthCheckGraceSec', desired.healthCheckGraceSec, observed.healthCheckGraceSec, 'GracePeriodDrift')
        : []),
      ...(['minimumHealthyPercent', 'maximumPercent'] as const).flatMap((field) =>
        changeOf(field, desired[field], observed[field], 'DeploymentConfigurationDrift'),
      ),
      ...changeOf('circuitBreaker', CIRCUIT_BREAKER, observed.circuitBreaker, 'DeploymentConfigurationDrift'),
    ];
  },

  async create(io, { cluster, serviceName }, desired, call) {
    await io.aws.ecs.createService(
      {
        cluster,
        serviceName,
        taskDefinition: desired.taskDefinitionArn,
        desiredCount: desired.desiredCount,
        schedulingStrategy: 'REPLICA',
        deploymentController: { type: 'ECS' },
        deploymentConfiguration: deploymentConfiguration(desired),
        ...(desired.capacity ? { capacityProviderStrategy: strategy(desired.capacity) } : { launchType: 'FARGATE' }),
        networkConfiguration: network(desired),
        ...(desired.loadBalancer
          ? { loadBalancers: [desired.loadBalancer], healthCheckGracePeriodSeconds: desired.healthCheckGraceSec }
          : {}),
        // So that a task, too, says whose it is.
        propagateTags: 'SERVICE',
        tags: lowerTags(call.tags),
      } satisfies CreateServiceCommandInput,
      call,
    );
  },

  async update(io, { cluster, serviceName }, desired, observed, changes, call) {
    const failed = observed.rollout?.state === 'FAILED';
    if (changes.length === 0 && !failed) return;
    const changed = new Set(changes.map(({ reason }) => reason));
    await io.aws.ecs.updateService(
      {
        cluster,
        service: serviceName,
        ...(changed.has('TaskDefinitionDrift') ? { taskDefinition: desired.taskDefinitionArn } : {}),
        ...desiredCount(changes),
        // An empty strategy leads back to the launch type.
        ...(changed.has('CapacityDrift') ? { capacityProviderStrategy: strategy(desired.capacity ?? []) } : {}),
        ...(changed.has('NetworkDrift') ? { networkConfiguration: network(desired) } : {}),
        ...(changed.has('LoadBalancerDrift')
          ? { loadBalancers: desired.loadBalancer ? [desired.loadBalancer] : [] }
          : {}),
        ...(changed.has('GracePeriodDrift') ? { healthCheckGracePeriodSeconds: desired.healthCheckGraceSec } : {}),
        ...(changed.has('DeploymentConfigurationDrift')
          ? { deploymentConfiguration: deploymentConfiguration(desired) }
          : {}),
        // ECS gave up on a failed deployment for good, and refuses a change of capacity without a new one.
        ...(failed || changed.has('CapacityDrift') ? { forceNewDeployment: true } : {}),
      } satisfies UpdateServiceCommandInput,
      call,
    );
  },

  async delete(io, { cluster, serviceName }, { status }, call) {
    if (status === 'DRAINING') return;
    // `force` spares the way over desired count 0; ECS drains the targets all the same.
    await unlessGone(io.aws.ecs.deleteService({ cluster, service: serviceName, force: true }, call));
  },

  async release(io, _identity, { arn, tags }, call) {
    const tagKeys = ownershipKeys(tags);
    if (tagKeys.length > 0) await unlessGone(io.aws.ecs.untagResource({ resourceArn: arn, tagKeys }, call));
  },

  sweep,
  events,
};

function servicesNamed({ resources }: AwsEvent): string[] {
  return items(resources).flatMap((arn) => serviceOf(text(arn)));
}

/** Application Auto Scaling moves the desired count within bounds, which is its business. */
function isScaling(event: AwsEvent): boolean {
  const { invokedBy } = members(members(event.detail).userIdentity);
  return /(^|\.)application-autoscaling\.amazonaws\.com$/.test(text(invokedBy));
}

/** `arn:aws:ecs:…:service/main/lc-shop` → `lc-shop`; nothing when it is no service's. */
function serviceOf(arn: string): string[] {
  return /^arn:[^:]+:ecs:[^:]*:\d*:service\//.test(arn) ? [lastSegment(arn)] : [];
}

function primaryOf({ deployments }: Service): Deployment | undefined {
  return deployments?.find(({ status }) => status === 'PRIMARY');
}

/** Nothing is under way: one deployment, completed, and all its tasks run. */
function isStable({ rollout, deployments, running, desired }: EcsServiceSeen): boolean {
  return rollout?.state === 'COMPLETED' && deployments === 1 && running === desired;
}

function observed(service: Service, primary: Deployment | undefined, stopped: StoppedTasks): EcsServiceObserved {
  const network = service.networkConfiguration?.awsvpcConfiguration;
  const configuration = service.deploymentConfiguration;
  return {
    arn: service.serviceArn ?? '',
    serviceName: service.serviceName ?? '',
    status: service.status ?? '',
    taskDefinitionArn: service.taskDefinition ?? '',
    desired: service.desiredCount ?? 0,
    running: service.runningCount ?? 0,
    capacity: (service.capacityProviderStrategy ?? []).map(({ capacityProvider = '', weight = 0, base = 0 }) => ({
      provider: capacityProvider,
      weight,
      base,
    })),
    subnets: network?.subnets ?? [],
    securityGroups: network?.securityGroups ?? [],
    assignPublicIp: network?.assignPublicIp === 'ENABLED',
    loadBalancers: (service.loadBalancers ?? []).map(
      ({ targetGroupArn = '', containerName = '', containerPort = 0 }) => ({
        targetGroupArn,
        containerName,
        containerPort,
      }),
    ),
    healthCheckGraceSec: service.healthCheckGracePeriodSeconds ?? 0,
    minimumHealthyPercent: configuration?.minimumHealthyPercent ?? 100,
    maximumPercent: configuration?.maximumPercent ?? 200,
    circuitBreaker: {
      enable: configuration?.deploymentCircuitBreaker?.enable ?? false,
      rollback: configuration?.deploymentCircuitBreaker?.rollback ?? false,
    },
    deployments: service.deployments?.length ?? 0,
    rollout: primary
      ? {
          id: primary.id ?? '',
          state: primary.rolloutState ?? 'COMPLETED',
          reason: primary.rolloutStateReason ?? null,
          failedTasks: primary.failedTasks ?? 0,
          startedAtMs: primary.createdAt?.getTime() ?? null,
          updatedAtMs: primary.updatedAt?.getTime() ?? null,
          stopped: stopped.reasons,
          crashed: stopped.crashed,
        }
      : null,
    tags: tagRecord(service.tags),
  };
}

/** ECS counts only tasks that did not start or failed a health check; one that ran and then crashed is simply missing. */
function isInTrouble(
  { rolloutState, failedTasks, createdAt, runningCount, desiredCount }: Deployment,
  nowMs: number,
): boolean {
  const missing = (runningCount ?? 0) < (desiredCount ?? 0);
  const old = nowMs - (createdAt?.getTime() ?? nowMs) > START_MS_MAX;
  return rolloutState === 'FAILED' || (failedTasks ?? 0) > 0 || (missing && old);
}

interface StoppedTasks {
  readonly reasons: readonly string[];
  readonly crashed: number;
}

const NONE_STOPPED: StoppedTasks = { reasons: [], crashed: 0 };

/** Distinct reasons of the deployment's stopped tasks, newest first. ECS shows stopped tasks for about an hour. */
async function whyTasksStopped(
  io: Io,
  { cluster, serviceName }: Identity,
  { id }: Deployment,
  call: Call,
): Promise<StoppedTasks> {
  const { taskArns } = await io.aws.ecs.listTasks(
    { cluster, serviceName, desiredStatus: 'STOPPED', maxResults: 100 },
    call,
  );
  if (!taskArns || taskArns.length === 0) return NONE_STOPPED;
  const { tasks } = await io.aws.ecs.describeTasks({ cluster, tasks: taskArns }, call);
  const ofDeployment = (tasks ?? []).filter(({ startedBy }) => startedBy === id).sort((a, b) => endOf(b) - endOf(a));
  return {
    reasons: [...new Set(ofDeployment.map(whyStopped))].slice(0, STOPPED_REASONS_MAX),
    crashed: ofDeployment.filter(({ stopCode }) => stopCode === 'EssentialContainerExited').length,
  };
}

function endOf({ stoppingAt, stoppedAt }: Task): number {
  return (stoppedAt ?? stoppingAt)?.getTime() ?? 0;
}

/** `Essential container in task exited (function: exit code 1)`. */
function whyStopped({ stoppedReason, stopCode, containers }: Task): string {
  const culprits = (containers ?? [])
    .filter(({ exitCode, reason }) => (exitCode !== undefined && exitCode !== 0) || reason !== undefined)
    .map(({ name, exitCode, reason }) => `${name}: ${reason ?? `exit code ${exitCode}`}`);
  const text = stoppedReason ?? stopCode ?? 'no reason given';
  return culprits.length > 0 ? `${text} (${culprits.join(', ')})` : text;
}

function byProvider<T extends { readonly provider: string }>(shares: readonly T[]): T[] {
  return [...shares].sort((a, b) => (a.provider < b.provider ? -1 : 1));
}

function desiredCount(changes: readonly Change[]): { desiredCount?: number } {
  const change = changes.find(({ reason }) => reason === 'DesiredCountDrift');
  return change ? { desiredCount: change.desired as number } : {};
}

function strategy(capacity: readonly CapacityShare[]) {
  return capacity.map(({ provider, weight, base }) => ({ capacityProvider: provider, weight, base }));
}

function network(desired: EcsServiceProps) {
  return {
    awsvpcConfiguration: {
      subnets: [...desired.subnets],
      securityGroups: [...desired.securityGroups],
      assignPublicIp: desired.assignPublicIp ? ('ENABLED' as const) : ('DISABLED' as const),
    },
  };
}

function deploymentConfiguration({ minimumHealthyPercent, maximumPercent }: EcsServiceProps) {
  return { minimumHealthyPercent, maximumPercent, deploymentCircuitBreaker: CIRCUIT_BREAKER };
}
