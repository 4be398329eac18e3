/** Application Auto Scaling. https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsapplicationautoscaling.html */
import type * as autoscaling from '@aws-sdk/client-application-auto-scaling';
import { type Account, arnIn, isEmpty, type Need, need, onEverything, type ServiceActions } from './needs.ts';

const PREFIX = 'application-autoscaling';
const LINKED_SERVICE = 'ecs.application-autoscaling.amazonaws.com';

export const AUTOSCALING: ServiceActions = {
  operations: {
    ...onEverything(PREFIX, ['DescribeScalableTargets', 'DescribeScalingPolicies']),
    RegisterScalableTarget: (input: autoscaling.RegisterScalableTargetRequest, account) => {
      const requestTags = input.Tags ?? {};
      const arn = targetArn(input, account);
      return [
        need(`${PREFIX}:RegisterScalableTarget`, [arn], { keys: keysOf(input), requestTags }),
        ...(isEmpty(requestTags) ? [] : [need(`${PREFIX}:TagResource`, [arn], { requestTags })]),
        ...linkedRole(account),
      ];
    },
    DeregisterScalableTarget: (input: autoscaling.DeregisterScalableTargetRequest, account) =>
      onTarget('DeregisterScalableTarget', input, account),
    PutScalingPolicy: (input: autoscaling.PutScalingPolicyRequest, account) => [
      ...onTarget('PutScalingPolicy', input, account),
      // Target tracking keeps its alarms with the caller's permissions.
      // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/auto-scaling-IAM.html
      need('cloudwatch:DescribeAlarms', [alarmArn(input, account)]),
      need('cloudwatch:PutMetricAlarm', [alarmArn(input, account)]),
    ],
    DeleteScalingPolicy: (input: autoscaling.DeleteScalingPolicyRequest, account) => [
      ...onTarget('DeleteScalingPolicy', input, account),
      need('cloudwatch:DeleteAlarms', [alarmArn(input, account)]),
    ],
    TagResource: (input: autoscaling.TagResourceRequest) => [
      need(`${PREFIX}:TagResource`, [input.ResourceARN ?? ''], { requestTags: input.Tags ?? {} }),
    ],
    UntagResource: (input: autoscaling.UntagResourceRequest) => [
      need(`${PREFIX}:UntagResource`, [input.ResourceARN ?? ''], { tagKeys: input.TagKeys ?? [] }),
    ],
    ListTagsForResource: (input: autoscaling.ListTagsForResourceRequest) => [
      need(`${PREFIX}:ListTagsForResource`, [input.ResourceARN ?? '']),
    ],
  },
  tagsOf: (ResourceARN, account) => account.ask('autoscaling', 'ListTagsForResource', { ResourceARN })?.Tags ?? {},
};

interface Target {
  readonly ServiceNamespace?: string | undefined;
  readonly ResourceId?: string | undefined;
  readonly ScalableDimension?: string | undefined;
}

function onTarget(operation: string, input: Target, account: Account): Need[] {
  return [need(`${PREFIX}:${operation}`, [targetArn(input, account)], { keys: keysOf(input) })];
}

/** One that is not there yet has no id. */
function targetArn({ ServiceNamespace, ResourceId, ScalableDimension }: Target, account: Account): string {
  const found = account.ask('autoscaling', 'DescribeScalableTargets', {
    ServiceNamespace,
    ResourceIds: [ResourceId],
    ScalableDimension,
  });
  return found?.ScalableTargets?.[0]?.ScalableTargetARN ?? arnIn(account, PREFIX, 'scalable-target/*');
}

function keysOf({ ServiceNamespace, ScalableDimension }: Target) {
  return {
    'application-autoscaling:service-namespace': ServiceNamespace,
    'application-autoscaling:scalable-dimension': ScalableDimension,
  };
}

/** The first scalable target of an account creates the role under which it is scaled. */
function linkedRole(account: Account): Need[] {
  const known = account.ask('autoscaling', 'DescribeScalableTargets', { ServiceNamespace: 'ecs' });
  if ((known?.ScalableTargets?.length ?? 0) > 0) return [];
  const role = `arn:aws:iam::${account.accountId}:role/aws-service-role/${LINKED_SERVICE}/AWSServiceRoleForApplicationAutoScaling_ECSService`;
  return [need('iam:CreateServiceLinkedRole', [role], { keys: { 'iam:AWSServiceName': LINKED_SERVICE } })];
}

function alarmArn({ ResourceId }: Target, account: Account): string {
  return arnIn(account, 'cloudwatch', `alarm:TargetTracking-${ResourceId}-*`);
}
