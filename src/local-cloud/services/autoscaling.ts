/**
 * Application Auto Scaling for ECS services: scalable targets and target-tracking policies. Registering a target brings
 * the service's desired count into [min, max], as AWS does. Policies are kept and answered, but the local cloud has no
 * metrics yet, so nothing scales by itself and no policy has alarms. Other namespaces and policy types are refused by
 * name.
 */
import type {
  Alarm,
  DeleteScalingPolicyRequest,
  DeregisterScalableTargetRequest,
  DescribeScalableTargetsRequest,
  DescribeScalableTargetsResponse,
  DescribeScalingPoliciesRequest,
  DescribeScalingPoliciesResponse,
  ListTagsForResourceRequest,
  ListTagsForResourceResponse,
  PutScalingPolicyRequest,
  PutScalingPolicyResponse,
  RegisterScalableTargetRequest,
  RegisterScalableTargetResponse,
  ScalableTarget,
  ScalingPolicy,
  TagResourceRequest,
  TargetTrackingScalingPolicyConfiguration,
  UntagResourceRequest,
} from '@aws-sdk/client-application-auto-scaling';
import { type Random, sameJson, uuid } from '../../core/index.ts';
import {
  AwsError,
  type CloudService,
  type CloudSettings,
  type Collection,
  type Handler,
  type RequestContext,
  type ServiceDeps,
} from '../contract.ts';
import { page } from './elbv2/page.ts';
import type { TaggedResource } from './tagging.ts';

const NAMESPACE = 'ecs';
const DIMENSION = 'ecs:service:DesiredCount';
const TARGETS_PAGE = 50;
const POLICIES_PAGE = 10;
const POLICIES_PER_TARGET = 50;
const TAGS_MAX = 50;
const UTILISATIONS = ['ECSServiceAverageCPUUtilization', 'ECSServiceAverageMemoryUtilization'];
const REQUESTS = 'ALBRequestCountPerTarget';
const COOLDOWN_SEC = 300;

/** What autoscaling asks of the services it scales; EcsService is one. */
export interface ScalableServices {
  /** Undefined when there is no such ACTIVE service. */
  desiredCount(cluster: string, service: string): number | undefined;
  setDesiredCount(cluster: string, service: string, desiredCount: number, nowMs: number): void;
}

export interface AutoScalingDeps extends ServiceDeps {
  readonly ecs: ScalableServices;
}

interface Suspended {
  readonly DynamicScalingInSuspended: boolean;
  readonly DynamicScalingOutSuspended: boolean;
  readonly ScheduledScalingSuspended: boolean;
}

interface TargetRecord {
  readonly arn: string;
  readonly resourceId: string;
  readonly min: number;
  readonly max: number;
  readonly createdMs: number;
  readonly suspended: Suspended;
  readonly tags: Record<string, string>;
}

interface PolicyRecord {
  readonly arn: string;
  readonly name: string;
  readonly resourceId: string;
  readonly tracking: TargetTrackingScalingPolicyConfiguration;
  readonly createdMs: number;
}

/** What names a target or the target of a policy. */
interface Scope {
  readonly ServiceNamespace?: string | undefined;
  readonly ResourceId?: string | undefined;
  readonly ScalableDimension?: string | undefined;
}

/** The machine; it has no time of its own. */
export class AutoScalingService implements CloudService {
  readonly id = 'autoscaling';
  readonly #settings: CloudSettings;
  readonly #random: Random;
  readonly #ecs: ScalableServices;
  /** By resource id. */
  readonly #targets: Collection<TargetRecord>;
  /** By resource id and policy name. */
  readonly #policies: Collection<PolicyRecord>;

  constructor(deps: AutoScalingDeps) {
    this.#settings = deps.settings;
    this.#random = deps.random;
    this.#ecs = deps.ecs;
    this.#targets = deps.state.collection('autoscaling.targets');
    this.#policies = deps.state.collection('autoscaling.policies');
  }

  readonly operations: Readonly<Record<string, Handler>> = {
    RegisterScalableTarget: (
      input: RegisterScalableTargetRequest,
      { nowMs }: RequestContext,
    ): RegisterScalableTargetResponse => {
      const resourceId = resourceOf(input);
      const known = this.#targets.get(resourceId);
      const min = input.MinCapacity ?? known?.min;
      const max = input.MaxCapacity ?? known?.max;
      if (min === undefined || max === undefined)
        throw invalid('MinCapacity and MaxCapacity are required to register a new scalable target');
      if (min < 0 || max < 0) throw invalid('Minimum and maximum capacity must not be negative');
      if (max < min) throw invalid('Maximum capacity cannot be less than minimum capacity');
      const [cluster, service] = serviceOf(resourceId);
      const desired = this.#ecs.desiredCount(cluster, service);
      if (desired === undefined) throw invalid(`ECS service doesn't exist: ${resourceId}`);
      const target: TargetRecord = {
        arn: known?.arn ?? this.#arn(`scalable-target/0ec5${this.#random.hex(14)}`),
        resourceId,
        min,
        max,
        createdMs: known?.createdMs ?? nowMs,
        suspended: { ...(known?.suspended ?? NOTHING_SUSPENDED), ...definedOnly(input.SuspendedState ?? {}) },
        tags: input.Tags === undefined ? (known?.tags ?? {}) : checkTags(input.Tags, known?.tags),
      };
      this.#targets.set(resourceId, target);
      const within = Math.min(max, Math.max(min, desired));
      if (within !== desired) this.#ecs.setDesiredCount(cluster, service, within, nowMs);
      return { ScalableTargetARN: target.arn };
    },

    DescribeScalableTargets: (input: DescribeScalableTargetsRequest): DescribeScalableTargetsResponse => {
      checkNamespace(input);
      const chosen = input.ResourceIds
        ? [...new Set(input.ResourceIds)].flatMap((resourceId) => this.#targets.get(resourceId) ?? [])
        : this.#targets.values();
      const { items, next } = page(chosen, ({ resourceId }) => resourceId, pageRequest(input, TARGETS_PAGE));
      return {
        ScalableTargets: items.map((target) => this.#describeTarget(target)),
        ...(next === undefined ? {} : { NextToken: next }),
      };
    },

    DeregisterScalableTarget: (input: DeregisterScalableTargetRequest): object => {
      const { resourceId } = this.#target(input);
      this.#targets.delete(resourceId);
      for (const policy of this.#policiesOf(resourceId)) this.#policies.delete(policyKey(resourceId, policy.name));
      return {};
    },

    PutScalingPolicy: (input: PutScalingPolicyRequest, { nowMs }: RequestContext): PutScalingPolicyResponse => {
      const { resourceId } = this.#target(input);
      const name = input.PolicyName ?? '';
      if (!/^\P{C}{1,256}$/u.test(name)) throw invalid('PolicyName must have 1 to 256 printable characters');
      const known = this.#policies.get(policyKey(resourceId, name));
      const type = input.PolicyType ?? (known ? 'TargetTrackingScaling' : 'StepScaling');
      if (type !== 'TargetTrackingScaling') throw unsupported(`The policy type ${type}`);
      const tracking = parseTracking(input.TargetTrackingScalingPolicyConfiguration);
      const others = this.#policiesOf(resourceId).filter((policy) => policy.name !== name);
      if (
        others.some((policy) =>
          sameJson(policy.tracking.PredefinedMetricSpecification, tracking.PredefinedMetricSpecification),
        )
      ) {
        throw invalid('Only one TargetTrackingScaling policy for a given metric specification is allowed.');
      }
      if (others.length >= POLICIES_PER_TARGET)
        throw new AwsError(
          'LimitExceededException',
          `A scalable target can have at most ${POLICIES_PER_TARGET} scaling policies`,
        );
      const arn =
        known?.arn ??
        `arn:aws:autoscaling:${this.#settings.region}:${this.#settings.accountId}:scalingPolicy:${uuid(this.#random)}:resource/${NAMESPACE}/${resourceId}:policyName/${name}`;
      this.#policies.set(policyKey(resourceId, name), {
        arn,
        name,
        resourceId,
        tracking,
        createdMs: known?.createdMs ?? nowMs,
      });
      return { PolicyARN: arn, Alarms: alarmsOf(arn, resourceId) };
    },

    DescribeScalingPolicies: (input: DescribeScalingPoliciesRequest): DescribeScalingPoliciesResponse => {
      checkNamespace(input);
      if (input.ScalableDimension !== undefined && input.ResourceId === undefined)
        throw invalid('A scalable dimension can only be specified together with a resource ID');
      const all = input.ResourceId === undefined ? this.#policies.values() : this.#policiesOf(input.ResourceId);
      const chosen = all.filter(({ name }) => input.PolicyNames?.includes(name) ?? true);
      const { items, next } = page(
        chosen,
        ({ resourceId, name }) => policyKey(resourceId, name),
        pageRequest(input, POLICIES_PAGE),
      );
      return { ScalingPolicies: items.map(describePolicy), ...(next === undefined ? {} : { NextToken: next }) };
    },

    DeleteScalingPolicy: (input: DeleteScalingPolicyRequest): object => {
      const resourceId = resourceOf(input);
      if (this.#policies.delete(policyKey(resourceId, input.PolicyName ?? ''))) return {};
      throw new AwsError(
        'ObjectNotFoundException',
        `No scaling policy found for service namespace: ${NAMESPACE}, resource ID: ${resourceId}, scalable dimension: ${DIMENSION}, policy name: ${input.PolicyName}`,
      );
    },

    TagResource: (input: TagResourceRequest): object => {
      const target = this.#byArn(input.ResourceARN);
      this.#targets.set(target.resourceId, { ...target, tags: checkTags(input.Tags ?? {}, target.tags) });
      return {};
    },

    UntagResource: (input: UntagResourceRequest): object => {
      const target = this.#byArn(input.ResourceARN);
      const tags = Object.fromEntries(Object.entries(target.tags).filter(([key]) => !input.TagKeys?.includes(key)));
      this.#targets.set(target.resourceId, { ...target, tags });
      return {};
    },

    ListTagsForResource: (input: ListTagsForResourceRequest): ListTagsForResourceResponse => ({
      Tags: this.#byArn(input.ResourceARN).tags,
    }),
  };

  /** For the account's tag listing. */
  taggedResources(): Iterable<TaggedResource> {
    return this.#targets.each();
  }

  #arn(resource: string): string {
    return `arn:aws:application-autoscaling:${this.#settings.region}:${this.#settings.accountId}:${resource}`;
  }

  #target(scope: Scope): TargetRecord {
    const resourceId = resourceOf(scope);
    const target = this.#targets.get(resourceId);
    if (target) return target;
    throw new AwsError(
      'ObjectNotFoundException',
      `No scalable target found for service namespace: ${NAMESPACE}, resource ID: ${resourceId}, scalable dimension: ${DIMENSION}`,
    );
  }

  #byArn(arn: string | undefined): TargetRecord {
    const target = this.#targets.values().find((each) => each.arn === arn);
    if (!target)
      throw new AwsError('ResourceNotFoundException', `No scalable target found for ARN: ${arn}`, 400, {
        ResourceName: arn,
      });
    return target;
  }

  #policiesOf(resourceId: string): PolicyRecord[] {
    const keys = this.#policies.keys().filter((key) => key.startsWith(policyKey(resourceId, '')));
    return keys.flatMap((key) => this.#policies.get(key) ?? []);
  }

  #describeTarget(target: TargetRecord): ScalableTarget {
    return {
      ServiceNamespace: NAMESPACE,
      ResourceId: target.resourceId,
      ScalableDimension: DIMENSION,
      MinCapacity: target.min,
      MaxCapacity: target.max,
      RoleARN: `arn:aws:iam::${this.#settings.accountId}:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService`,
      CreationTime: new Date(target.createdMs),
      SuspendedState: target.suspended,
      ScalableTargetARN: target.arn,
    };
  }
}

const NOTHING_SUSPENDED: Suspended = {
  DynamicScalingInSuspended: false,
  DynamicScalingOutSuspended: false,
  ScheduledScalingSuspended: false,
};

function describePolicy(policy: PolicyRecord): ScalingPolicy {
  return {
    PolicyARN: policy.arn,
    PolicyName: policy.name,
    ServiceNamespace: NAMESPACE,
    ResourceId: policy.resourceId,
    ScalableDimension: DIMENSION,
    PolicyType: 'TargetTrackingScaling',
    TargetTrackingScalingPolicyConfiguration: policy.tracking,
    Alarms: alarmsOf(policy.arn, policy.resourceId),
    CreationTime: new Date(policy.createdMs),
  };
}

/** Target tracking makes its own alarms and names them in its answers; there is no CloudWatch here to ask for them. */
function alarmsOf(policyArn: string, resourceId: string): Alarm[] {
  const [, , , region, account, , id] = policyArn.split(':');
  return ['AlarmHigh', 'AlarmLow'].map((which) => {
    const AlarmName = `TargetTracking-${resourceId}-${which}-${id}`;
    return { AlarmName, AlarmARN: `arn:aws:cloudwatch:${region}:${account}:alarm:${AlarmName}` };
  });
}

function parseTracking(
  input: TargetTrackingScalingPolicyConfiguration | undefined,
): TargetTrackingScalingPolicyConfiguration {
  if (!input)
    throw invalid('TargetTrackingScalingPolicyConfiguration must be specified for a TargetTrackingScaling policy');
  if (input.CustomizedMetricSpecification !== undefined) throw unsupported('CustomizedMetricSpecification');
  const metric = input.PredefinedMetricSpecification;
  if (!metric)
    throw invalid('Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification must be specified');
  const type = metric.PredefinedMetricType ?? '';
  const isRequests = type === REQUESTS;
  if (!isRequests && !UTILISATIONS.includes(type))
    throw invalid(`The predefined metric type ${type} is not valid for the scalable dimension ${DIMENSION}`);
  const label = metric.ResourceLabel;
  if (isRequests && !/^app\/[A-Za-z0-9-]+\/[0-9a-f]+\/targetgroup\/[A-Za-z0-9-]+\/[0-9a-f]+$/.test(label ?? '')) {
    throw invalid(
      `The ResourceLabel of ${REQUESTS} must be app/<load-balancer-name>/<load-balancer-id>/targetgroup/<target-group-name>/<target-group-id>`,
    );
  }
  if (!isRequests && label !== undefined) throw invalid(`A ResourceLabel can only be specified for ${REQUESTS}`);
  const value = input.TargetValue ?? 0;
  if (!(value > 0) || (!isRequests && value > 100))
    throw invalid(`The target value ${value} is not valid for the metric ${type}`);
  for (const cooldown of [input.ScaleInCooldown, input.ScaleOutCooldown]) {
    if (cooldown !== undefined && (!Number.isInteger(cooldown) || cooldown < 0))
      throw invalid('A cooldown must not be negative');
  }
  return {
    TargetValue: value,
    PredefinedMetricSpecification: {
      PredefinedMetricType: metric.PredefinedMetricType,
      ...(label === undefined ? {} : { ResourceLabel: label }),
    },
    ScaleOutCooldown: input.ScaleOutCooldown ?? COOLDOWN_SEC,
    ScaleInCooldown: input.ScaleInCooldown ?? COOLDOWN_SEC,
    DisableScaleIn: input.DisableScaleIn ?? false,
  };
}

function checkNamespace(scope: Scope): void {
  if (scope.ServiceNamespace !== NAMESPACE) throw unsupported(`The service namespace ${scope.ServiceNamespace}`);
  if (scope.ScalableDimension !== undefined && scope.ScalableDimension !== DIMENSION)
    throw invalid(`Unsupported scalable dimension for service namespace ${NAMESPACE}: ${scope.ScalableDimension}`);
}

function resourceOf(scope: Scope): string {
  checkNamespace(scope);
  if (scope.ScalableDimension === undefined) throw invalid('A scalable dimension must be specified');
  const resourceId = scope.ResourceId ?? '';
  if (!/^service\/[A-Za-z0-9_-]+\/[A-Za-z0-9_-]+$/.test(resourceId))
    throw invalid(`Unsupported service namespace, resource type or scalable dimension: ${resourceId}`);
  return resourceId;
}

function serviceOf(resourceId: string): [cluster: string, service: string] {
  const [, cluster = '', service = ''] = resourceId.split('/');
  return [cluster, service];
}

function policyKey(resourceId: string, name: string): string {
  return `${resourceId} ${name}`;
}

function pageRequest(input: { NextToken?: string | undefined; MaxResults?: number | undefined }, most: number) {
  const limit = input.MaxResults ?? most;
  if (!Number.isInteger(limit) || limit < 1 || limit > most) throw invalid(`MaxResults must be between 1 and ${most}`);
  return {
    token: input.NextToken,
    limit,
    invalid: () => new AwsError('InvalidNextTokenException', 'The next token is not valid'),
  };
}

function checkTags(
  added: Readonly<Record<string, string>>,
  present: Readonly<Record<string, string>> = {},
): Record<string, string> {
  for (const [key, value] of Object.entries(added)) {
    if (key.length < 1 || key.length > 128 || value.length > 256 || /^aws:/i.test(key))
      throw invalid(`The tag '${key}' is not valid`);
  }
  const all = { ...present, ...added };
  if (Object.keys(all).length > TAGS_MAX)
    throw new AwsError('TooManyTagsException', `A resource can have at most ${TAGS_MAX} tags`);
  return all;
}

function definedOnly(state: { [K in keyof Suspended]?: boolean | undefined }): Partial<Suspended> {
  return Object.fromEntries(Object.entries(state).filter(([, value]) => value !== undefined));
}

function invalid(message: string): AwsError {
  return new AwsError('ValidationException', message);
}

function unsupported(what: string): AwsError {
  return invalid(`${what} is not supported by the local cloud`);
}
