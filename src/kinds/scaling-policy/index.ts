/**
 * A target-tracking policy of an ECS service: which metric, and the value to keep it at. It owns those; cooldowns and
 * the switch that forbids scaling in are the user's and carried through. It does nothing while the service has no task.
 */
import type { ScalingPolicy, TargetTrackingScalingPolicyConfiguration } from '@aws-sdk/client-application-auto-scaling';
import { type Call, scalingPolicies, scalingPolicyName } from '../../aws/index.ts';
import {
  changeOf,
  type Identity,
  type Io,
  onCalls,
  READY,
  type ResourceKind,
  type Sweep,
  text,
  unlessAbsent,
  unlessGone,
} from '../../resource/index.ts';

/** Identity: `resourceId` (`service/<cluster>/<service>`) and `policyName`. */
export interface ScalingPolicyProps {
  readonly metric: 'ECSServiceAverageCPUUtilization' | 'ALBRequestCountPerTarget';
  readonly targetValue: number;
  /** For `ALBRequestCountPerTarget`: `app/<lb>/<id>/targetgroup/<group>/<id>`. */
  readonly resourceLabel?: string;
}

export interface ScalingPolicyObserved {
  readonly policyType: string;
  readonly metric: string | null;
  readonly targetValue: number | null;
  readonly resourceLabel: string | null;
  /** Not ours: sent back as found, because a put replaces the whole configuration. */
  readonly untouched: Pick<TargetTrackingScalingPolicyConfiguration, (typeof UNTOUCHED)[number]>;
}

const UNTOUCHED = ['ScaleInCooldown', 'ScaleOutCooldown', 'DisableScaleIn'] as const;

const POLICY_TYPE = 'TargetTrackingScaling';

/** The listing shows all that a look shows. */
const sweep: Sweep<ScalingPolicyProps, ScalingPolicyObserved, ScalingPolicy> = {
  listing: scalingPolicies,
  locate: ({ resourceId = '', policyName = '' }) => ({ scope: '', name: scalingPolicyName(resourceId, policyName) }),
  seen: (policy) => observed(policy),
  fields: {
    PolicyDrift: ({ policyType, metric, targetValue, resourceLabel }) => [
      policyType,
      metric,
      targetValue,
      resourceLabel,
    ],
  },
};

export const scalingPolicy: ResourceKind<ScalingPolicyProps, ScalingPolicyObserved> = {
  name: 'scaling-policy',
  permissions: [
    {
      actions: ['application-autoscaling:DescribeScalingPolicies'],
      resources: ['*'],
      because: 'reads scaling policies; the action knows no narrower resource',
    },
    {
      actions: ['application-autoscaling:PutScalingPolicy', 'application-autoscaling:DeleteScalingPolicy'],
      resources: ['arn:aws:application-autoscaling:*:*:scalable-target/*'],
      only: 'owned',
      because: 'keeps the scaling policies of the services that it runs',
    },
    {
      actions: ['cloudwatch:DescribeAlarms', 'cloudwatch:PutMetricAlarm', 'cloudwatch:DeleteAlarms'],
      resources: ['arn:aws:cloudwatch:*:*:alarm:TargetTracking-service/*/*'],
      // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/auto-scaling-IAM.html
      because: 'target tracking makes alarms, which AWS asks of whoever puts the policy',
    },
  ],
  calls: {
    create: ['autoscaling PutScalingPolicy'],
    update: ['autoscaling PutScalingPolicy'],
    delete: ['autoscaling DeleteScalingPolicy'],
    release: [],
  },

  async observe(io, identity, call) {
    const answer = await unlessAbsent(
      io.aws.autoscaling.describeScalingPolicies(
        { ...targetOf(identity), PolicyNames: [identity.policyName ?? ''] },
        call,
      ),
    );
    const policy = answer?.ScalingPolicies?.[0];
    return policy && observed(policy);
  },

  // Application Auto Scaling tags scalable targets, not their policies.
  tags: () => undefined,
  readiness: () => READY,
  outputs: () => ({}),

  diff: (desired, observed) => [
    ...changeOf('policyType', POLICY_TYPE, observed.policyType, 'PolicyDrift'),
    ...changeOf('metric', desired.metric, observed.metric, 'PolicyDrift'),
    ...changeOf('targetValue', desired.targetValue, observed.targetValue, 'PolicyDrift'),
    ...changeOf('resourceLabel', desired.resourceLabel ?? null, observed.resourceLabel, 'PolicyDrift'),
  ],

  create: (io, identity, desired, call) => put(io, identity, desired, {}, call),

  update: (io, identity, desired, observed, _changes, call) => put(io, identity, desired, observed.untouched, call),

  async delete(io, identity, _observed, call) {
    await unlessGone(
      io.aws.autoscaling.deleteScalingPolicy({ ...targetOf(identity), PolicyName: identity.policyName }, call),
    );
  },

  // It carries no mark of ours.
  release: async () => {},

  sweep,
  // Policies go with their target, which is then all that is named.
  events: [
    onCalls(
      'autoscaling',
      ['PutScalingPolicy', 'DeleteScalingPolicy', 'DeregisterScalableTarget'],
      ({ resourceId, policyName }) =>
        policyName === undefined ? [text(resourceId)] : [scalingPolicyName(text(resourceId), text(policyName))],
      { 'additionalEventData.service': ['application-autoscaling'] },
    ),
  ],
};

function observed(policy: ScalingPolicy): ScalingPolicyObserved {
  const configuration = policy.TargetTrackingScalingPolicyConfiguration;
  const metric = configuration?.PredefinedMetricSpecification;
  return {
    policyType: policy.PolicyType ?? '',
    metric: metric?.PredefinedMetricType ?? null,
    targetValue: configuration?.TargetValue ?? null,
    resourceLabel: metric?.ResourceLabel ?? null,
    untouched: Object.fromEntries(
      UNTOUCHED.map((field) => [field, configuration?.[field]]).filter(([, value]) => value !== undefined),
    ),
  };
}

async function put(
  io: Io,
  identity: Identity,
  desired: ScalingPolicyProps,
  untouched: ScalingPolicyObserved['untouched'],
  call: Call,
): Promise<void> {
  await io.aws.autoscaling.putScalingPolicy(
    {
      ...targetOf(identity),
      PolicyName: identity.policyName,
      PolicyType: POLICY_TYPE,
      TargetTrackingScalingPolicyConfiguration: {
        ...untouched,
        TargetValue: desired.targetValue,
        PredefinedMetricSpecification: {
          PredefinedMetricType: desired.metric,
          ...(desired.resourceLabel === undefined ? {} : { ResourceLabel: desired.resourceLabel }),
        },
      },
    },
    call,
  );
}

function targetOf({ resourceId = '' }: Identity) {
  return { ServiceNamespace: 'ecs', ResourceId: resourceId, ScalableDimension: 'ecs:service:DesiredCount' } as const;
}
