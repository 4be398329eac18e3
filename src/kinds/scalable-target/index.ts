/**
 * The bounds within which Application Auto Scaling moves an ECS service's desired count. It owns minimum and maximum;
 * a suspension is somebody's hold and stays. Deregistering takes the target's policies with it.
 *
 * RegisterScalableTarget answers ValidationException while the service does not exist yet; that is passed on as it is.
 */
import type { ScalableTarget } from '@aws-sdk/client-application-auto-scaling';
import { scalableTargets } from '../../aws/index.ts';
import {
  changeOf,
  type Identity,
  onCalls,
  ownershipKeys,
  ownershipOf,
  READY,
  type ResourceKind,
  type Sweep,
  TAG_LISTING_PERMISSION,
  text,
  unlessAbsent,
  unlessGone,
} from '../../resource/index.ts';

/** Identity: `resourceId` (`service/<cluster>/<service>`). */
export interface ScalableTargetProps {
  readonly minCapacity: number;
  readonly maxCapacity: number;
}

export interface ScalableTargetObserved {
  readonly arn: string;
  readonly minCapacity: number;
  readonly maxCapacity: number;
  readonly tags: Readonly<Record<string, string>>;
}

const sweep: Sweep<ScalableTargetProps, ScalableTargetObserved, ScalableTarget> = {
  listing: scalableTargets,
  locate: ({ resourceId = '' }) => ({ scope: '', name: resourceId }),
  seen(target, tagsOf) {
    const listed = observed(target);
    return { ...listed, tags: tagsOf(listed.arn) ?? {} };
  },
  fields: {
    CapacityBoundsDrift: ({ minCapacity, maxCapacity }) => [minCapacity, maxCapacity],
    OwnershipDrift: ({ tags }) => ownershipOf(tags),
  },
  fromTags: ['OwnershipDrift'],
};

export const scalableTarget: ResourceKind<ScalableTargetProps, ScalableTargetObserved> = {
  name: 'scalable-target',
  permissions: [
    {
      actions: ['application-autoscaling:DescribeScalableTargets'],
      resources: ['*'],
      because: 'reads scaling bounds; the action knows no narrower resource',
    },
    {
      actions: ['application-autoscaling:ListTagsForResource'],
      resources: ['arn:aws:application-autoscaling:*:*:scalable-target/*'],
      because: 'reads whose scaling bounds are',
    },
    {
      actions: ['application-autoscaling:RegisterScalableTarget'],
      resources: ['arn:aws:application-autoscaling:*:*:scalable-target/*'],
      only: 'claiming',
      when: { StringEquals: { 'application-autoscaling:service-namespace': 'ecs' } },
      because: 'gives the services that it runs their scaling bounds',
    },
    {
      actions: ['application-autoscaling:TagResource'],
      resources: ['arn:aws:application-autoscaling:*:*:scalable-target/*'],
      only: 'claiming',
      because: 'a scalable target is tagged while it is registered',
    },
    {
      actions: [
        'application-autoscaling:RegisterScalableTarget',
        'application-autoscaling:UntagResource',
        'application-autoscaling:DeregisterScalableTarget',
      ],
      resources: ['arn:aws:application-autoscaling:*:*:scalable-target/*'],
      only: 'owned',
      because: 'changes and removes only scaling bounds of its own',
    },
    {
      actions: ['iam:CreateServiceLinkedRole'],
      resources: [
        'arn:aws:iam::*:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService',
      ],
      when: { StringEquals: { 'iam:AWSServiceName': 'ecs.application-autoscaling.amazonaws.com' } },
      because: 'the first scalable target of an account creates the role under which it is scaled',
    },
    TAG_LISTING_PERMISSION,
  ],
  calls: {
    create: ['autoscaling RegisterScalableTarget'],
    update: ['autoscaling RegisterScalableTarget'],
    delete: ['autoscaling DeregisterScalableTarget'],
    release: ['autoscaling UntagResource'],
  },

  async observe(io, identity, call) {
    return unlessAbsent(
      (async () => {
        const { ResourceId, ...dimension } = targetOf(identity);
        const found = await io.aws.autoscaling.describeScalableTargets(
          { ...dimension, ResourceIds: [ResourceId] },
          call,
        );
        const target = found.ScalableTargets?.[0];
        if (!target) return undefined;
        const listed = observed(target);
        const { Tags } = await io.aws.autoscaling.listTagsForResource({ ResourceARN: listed.arn }, call);
        return { ...listed, tags: { ...Tags } };
      })(),
    );
  },

  tags: ({ tags }) => tags,
  readiness: () => READY,
  outputs: ({ arn }) => ({ arn }),

  diff: (desired, observed) => [
    ...changeOf('minCapacity', desired.minCapacity, observed.minCapacity, 'CapacityBoundsDrift'),
    ...changeOf('maxCapacity', desired.maxCapacity, observed.maxCapacity, 'CapacityBoundsDrift'),
  ],

  async create(io, identity, desired, call) {
    await io.aws.autoscaling.registerScalableTarget(
      { ...targetOf(identity), ...bounds(desired), Tags: { ...call.tags } },
      call,
    );
  },

  async update(io, identity, desired, _observed, _changes, call) {
    await io.aws.autoscaling.registerScalableTarget({ ...targetOf(identity), ...bounds(desired) }, call);
  },

  async delete(io, identity, _observed, call) {
    await unlessGone(io.aws.autoscaling.deregisterScalableTarget(targetOf(identity), call));
  },

  async release(io, _identity, { arn, tags }, call) {
    const TagKeys = ownershipKeys(tags);
    if (TagKeys.length > 0) await unlessGone(io.aws.autoscaling.untagResource({ ResourceARN: arn, TagKeys }, call));
  },

  sweep,
  // https://docs.aws.amazon.com/autoscaling/application/userguide/monitoring-eventbridge.html: the source is that of EC2's
  // auto scaling, too.
  events: [
    onCalls(
      'autoscaling',
      ['RegisterScalableTarget', 'DeregisterScalableTarget'],
      ({ resourceId }) => [text(resourceId)],
      { 'additionalEventData.service': ['application-autoscaling'] },
    ),
  ],
};

function observed(target: ScalableTarget): Omit<ScalableTargetObserved, 'tags'> {
  return {
    arn: target.ScalableTargetARN ?? '',
    minCapacity: target.MinCapacity ?? 0,
    maxCapacity: target.MaxCapacity ?? 0,
  };
}

function targetOf({ resourceId = '' }: Identity) {
  return { ServiceNamespace: 'ecs', ResourceId: resourceId, ScalableDimension: 'ecs:service:DesiredCount' } as const;
}

function bounds({ minCapacity, maxCapacity }: ScalableTargetProps) {
  return { MinCapacity: minCapacity, MaxCapacity: maxCapacity };
}
