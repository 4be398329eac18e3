/**
 * A target group: where an ECS service's tasks or one Lambda function stand behind the load balancer. It owns type, port,
 * network, health check and the attributes that are asked for, not the targets: ECS and `lambda-target` register those.
 */
import type { CreateTargetGroupCommandInput, TargetGroup } from '@aws-sdk/client-elastic-load-balancing-v2';
import { tagRecord, targetGroups, upperTags } from '../../aws/index.ts';
import {
  changeOf,
  items,
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

/** Identity: `targetGroupName`. */
export interface TargetGroupProps {
  readonly targetType: 'ip' | 'lambda';
  /** For `ip`. */
  readonly port?: number;
  /** For `ip`. */
  readonly vpcId?: string;
  /** AWS's own when absent: every 30 s on `/` for `ip`, none for `lambda`. */
  readonly healthCheck?: HealthCheck;
  /** Only these are owned, e.g. `deregistration_delay.timeout_seconds`. */
  readonly attributes: Readonly<Record<string, string>>;
}

export interface HealthCheck {
  readonly path: string;
  readonly intervalSec: number;
  readonly timeoutSec: number;
  readonly healthyThreshold: number;
  readonly unhealthyThreshold: number;
  /** Status codes: `200`, `200-299`. */
  readonly matcher: string;
}

export interface TargetGroupObserved {
  readonly arn: string;
  readonly targetType: string;
  readonly port: number | null;
  readonly vpcId: string | null;
  readonly healthCheck: HealthCheck & { readonly enabled: boolean };
  readonly attributes: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
}

const sweep: Sweep<TargetGroupProps, Omit<TargetGroupObserved, 'attributes'>, TargetGroup> = {
  listing: targetGroups,
  locate: ({ targetGroupName = '' }) => ({ scope: '', name: targetGroupName }),
  seen(group, tagsOf) {
    const listed = observed(group);
    return { ...listed, tags: tagsOf(listed.arn) ?? {} };
  },
  fields: {
    TargetTypeDrift: ({ targetType }) => targetType,
    PortDrift: ({ port }) => port,
    VpcDrift: ({ vpcId }) => vpcId,
    HealthCheckDrift: ({ healthCheck }) => healthCheck,
    OwnershipDrift: ({ tags }) => ownershipOf(tags),
    // Deleted and made anew under its name: rules and services still mean the old one.
    TargetGroupDrift: ({ arn }) => arn,
  },
  fromTags: ['OwnershipDrift'],
};

/** What a new group has anyway: not worth a call. https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html */
const AWS_DEFAULTS: Readonly<Record<string, string>> = {
  'deregistration_delay.timeout_seconds': '300',
  'lambda.multi_value_headers.enabled': 'false',
};

export const targetGroup: ResourceKind<TargetGroupProps, TargetGroupObserved> = {
  name: 'target-group',
  permissions: [
    {
      actions: [
        'elasticloadbalancing:DescribeTargetGroups',
        'elasticloadbalancing:DescribeTargetGroupAttributes',
        'elasticloadbalancing:DescribeTags',
      ],
      resources: ['*'],
      because: 'reads target groups; describe actions know no narrower resource',
    },
    {
      actions: ['elasticloadbalancing:CreateTargetGroup'],
      resources: ['arn:aws:elasticloadbalancing:*:*:targetgroup/*/*'],
      only: 'claiming',
      because: 'makes one target group for the tasks and one for the function of an object',
    },
    {
      actions: ['elasticloadbalancing:AddTags'],
      resources: ['arn:aws:elasticloadbalancing:*:*:targetgroup/*/*'],
      when: { StringEquals: { 'elasticloadbalancing:CreateAction': 'CreateTargetGroup' } },
      because: 'tags a target group while it is made, and no other',
    },
    {
      actions: [
        'elasticloadbalancing:RemoveTags',
        'elasticloadbalancing:ModifyTargetGroup',
        'elasticloadbalancing:ModifyTargetGroupAttributes',
        'elasticloadbalancing:DeleteTargetGroup',
      ],
      resources: ['arn:aws:elasticloadbalancing:*:*:targetgroup/*/*'],
      only: 'owned',
      because: 'changes and removes only target groups of its own',
    },
    TAG_LISTING_PERMISSION,
  ],
  calls: {
    create: ['elbv2 CreateTargetGroup', 'elbv2 ModifyTargetGroupAttributes'],
    update: ['elbv2 ModifyTargetGroup', 'elbv2 ModifyTargetGroupAttributes'],
    delete: ['elbv2 DeleteTargetGroup'],
    release: ['elbv2 RemoveTags'],
  },

  async observe(io, { targetGroupName = '' }, call) {
    return unlessAbsent(
      (async () => {
        const found = await io.aws.elbv2.describeTargetGroups({ Names: [targetGroupName] }, call);
        const group = found.TargetGroups?.[0];
        if (!group) return undefined;
        const arn = group.TargetGroupArn ?? '';
        const [attributes, tags] = await Promise.all([
          io.aws.elbv2.describeTargetGroupAttributes({ TargetGroupArn: arn }, call),
          io.aws.elbv2.describeTags({ ResourceArns: [arn] }, call),
        ]);
        return {
          ...observed(group),
          attributes: Object.fromEntries((attributes.Attributes ?? []).map(({ Key = '', Value = '' }) => [Key, Value])),
          tags: tagRecord(tags.TagDescriptions?.[0]?.Tags),
        };
      })(),
    );
  },

  tags: ({ tags }) => tags,
  readiness: () => READY,
  outputs: ({ arn }) => ({ arn }),

  diff(desired, observed) {
    const { port, vpcId, healthCheck } = desired;
    const { enabled, ...check } = observed.healthCheck;
    return [
      ...changeOf('targetType', desired.targetType, observed.targetType, 'TargetTypeDrift', { replace: true }),
      ...(port === undefined ? [] : changeOf('port', port, observed.port, 'PortDrift', { replace: true })),
      ...(vpcId === undefined ? [] : changeOf('vpcId', vpcId, observed.vpcId, 'VpcDrift', { replace: true })),
      ...(healthCheck ? changeOf('healthCheck.enabled', true, enabled, 'HealthCheckDrift') : []),
      ...(healthCheck && enabled ? healthCheckChanges(healthCheck, check) : []),
      ...Object.entries(desired.attributes).flatMap(([key, value]) =>
        changeOf(`attributes.${key}`, value, observed.attributes[key], 'AttributeDrift'),
      ),
    ];
  },

  async create(io, { targetGroupName }, desired, call) {
    const { targetType, port, vpcId, healthCheck } = desired;
    const answer = await io.aws.elbv2.createTargetGroup(
      {
        Name: targetGroupName,
        TargetType: targetType,
        // A Lambda group has neither protocol, port nor network.
        ...(targetType === 'ip' ? { Protocol: 'HTTP', Port: port, VpcId: vpcId } : {}),
        ...(healthCheck ? healthCheckInput(healthCheck) : {}),
        Tags: upperTags(call.tags),
      } satisfies CreateTargetGroupCommandInput,
      call,
    );
    const arn = answer.TargetGroups?.[0]?.TargetGroupArn;
    const unlikeDefault = Object.entries(desired.attributes).filter(([key, value]) => AWS_DEFAULTS[key] !== value);
    if (arn !== undefined && unlikeDefault.length > 0) {
      const Attributes = upperTags(Object.fromEntries(unlikeDefault));
      await io.aws.elbv2.modifyTargetGroupAttributes({ TargetGroupArn: arn, Attributes }, call);
    }
  },

  async update(io, _identity, desired, { arn }, changes, call) {
    if (desired.healthCheck && changes.some(({ reason }) => reason === 'HealthCheckDrift')) {
      await io.aws.elbv2.modifyTargetGroup({ TargetGroupArn: arn, ...healthCheckInput(desired.healthCheck) }, call);
    }
    if (changes.some(({ reason }) => reason === 'AttributeDrift')) {
      await io.aws.elbv2.modifyTargetGroupAttributes(
        { TargetGroupArn: arn, Attributes: upperTags(desired.attributes) },
        call,
      );
    }
  },

  async delete(io, _identity, { arn }, call) {
    // While a rule or listener names it: ResourceInUse, a conflict.
    await unlessGone(io.aws.elbv2.deleteTargetGroup({ TargetGroupArn: arn }, call));
  },

  async release(io, _identity, { arn, tags }, call) {
    const TagKeys = ownershipKeys(tags);
    if (TagKeys.length > 0) await unlessGone(io.aws.elbv2.removeTags({ ResourceArns: [arn], TagKeys }, call));
  },

  lasting: true,
  sweep,
  // Attributes are read one group at a time.
  rotating: { AttributeDrift: ({ attributes }) => attributes },

  events: [
    onCalls(
      'elasticloadbalancing',
      ['ModifyTargetGroup', 'ModifyTargetGroupAttributes', 'DeleteTargetGroup', 'AddTags', 'RemoveTags'],
      ({ targetGroupArn, resourceArns }) => [targetGroupArn, ...items(resourceArns)].map((arn) => nameOf(text(arn))),
    ),
  ],
};

/** `…:targetgroup/lc-checkout-ip/6d0e…` → `lc-checkout-ip`; empty when it is no group's. */
function nameOf(arn: string): string {
  return /:targetgroup\/([^/]+)\//.exec(arn)?.[1] ?? '';
}

function healthCheckChanges(desired: HealthCheck, observed: HealthCheck) {
  return (Object.keys(desired) as (keyof HealthCheck)[]).flatMap((field) =>
    changeOf(`healthCheck.${field}`, desired[field], observed[field], 'HealthCheckDrift'),
  );
}

function healthCheckInput(check: HealthCheck) {
  return {
    HealthCheckEnabled: true,
    HealthCheckPath: check.path,
    HealthCheckIntervalSeconds: check.intervalSec,
    HealthCheckTimeoutSeconds: check.timeoutSec,
    HealthyThresholdCount: check.healthyThreshold,
    UnhealthyThresholdCount: check.unhealthyThreshold,
    Matcher: { HttpCode: check.matcher },
  };
}

function observed(group: TargetGroup): Omit<TargetGroupObserved, 'attributes' | 'tags'> {
  return {
    arn: group.TargetGroupArn ?? '',
    targetType: group.TargetType ?? '',
    port: group.Port ?? null,
    vpcId: group.VpcId ?? null,
    healthCheck: {
      enabled: group.HealthCheckEnabled ?? false,
      path: group.HealthCheckPath ?? '',
      intervalSec: group.HealthCheckIntervalSeconds ?? 0,
      timeoutSec: group.HealthCheckTimeoutSeconds ?? 0,
      healthyThreshold: group.HealthyThresholdCount ?? 0,
      unhealthyThreshold: group.UnhealthyThresholdCount ?? 0,
      matcher: group.Matcher?.HttpCode ?? '',
    },
  };
}
