/**
 * A CloudWatch log group and how long it keeps what is written. It owns the group's existence, retention and tags, not
 * its streams, filters or encryption.
 */
import type { LogGroup } from '@aws-sdk/client-cloudwatch-logs';
import { logGroups } from '../../aws/index.ts';
import {
  changeOf,
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

/** Identity: `logGroupName`. */
export interface LogGroupProps {
  /** One of the numbers that CloudWatch allows; null keeps everything for ever. */
  readonly retentionDays: number | null;
}

export interface LogGroupObserved {
  readonly name: string;
  /** Without the trailing `:*`. */
  readonly arn: string;
  readonly retentionDays: number | null;
  readonly tags: Readonly<Record<string, string>>;
}

const sweep: Sweep<LogGroupProps, LogGroupObserved, LogGroup> = {
  listing: logGroups,
  locate: ({ logGroupName = '' }) => ({ scope: '', name: logGroupName }),
  seen(group, tagsOf) {
    const listed = observed(group);
    return { ...listed, tags: tagsOf(listed.arn) ?? {} };
  },
  fields: { RetentionDrift: ({ retentionDays }) => retentionDays, OwnershipDrift: ({ tags }) => ownershipOf(tags) },
  fromTags: ['OwnershipDrift'],
};

export const logGroup: ResourceKind<LogGroupProps, LogGroupObserved> = {
  name: 'log-group',
  permissions: [
    {
      actions: ['logs:DescribeLogGroups'],
      resources: ['*'],
      because: 'finds log groups by name; the action knows no narrower resource',
    },
    {
      actions: ['logs:ListTagsForResource'],
      resources: ['arn:aws:logs:*:*:log-group:*'],
      because: 'reads whose a log group is',
    },
    {
      actions: ['logs:CreateLogGroup', 'logs:TagResource'],
      resources: ['arn:aws:logs:*:*:log-group:*'],
      only: 'claiming',
      because: 'makes the log groups of tasks and builds',
    },
    {
      actions: ['logs:PutRetentionPolicy'],
      resources: ['arn:aws:logs:*:*:log-group:*'],
      // Not by tag: it follows the creation at once, when a tag may not be seen yet.
      because: 'says how long logs are kept',
    },
    {
      actions: ['logs:DeleteRetentionPolicy', 'logs:DeleteLogGroup', 'logs:UntagResource'],
      resources: ['arn:aws:logs:*:*:log-group:*'],
      only: 'owned',
      because: 'changes and removes only log groups of its own',
    },
    TAG_LISTING_PERMISSION,
  ],
  calls: {
    create: ['logs CreateLogGroup', 'logs PutRetentionPolicy'],
    update: ['logs PutRetentionPolicy', 'logs DeleteRetentionPolicy'],
    delete: ['logs DeleteLogGroup'],
    release: ['logs UntagResource'],
  },

  async observe(io, identity, call) {
    const { logGroupName = '' } = identity;
    return unlessAbsent(
      (async () => {
        // Groups come sorted by name, so the group itself comes first among those that share its prefix.
        const found = await io.aws.logs.describeLogGroups({ logGroupNamePrefix: logGroupName, limit: 1 }, call);
        const group = found.logGroups?.[0];
        if (group?.logGroupName !== logGroupName) return undefined;
        const listed = observed(group);
        const { tags } = await io.aws.logs.listTagsForResource({ resourceArn: listed.arn }, call);
        return { ...listed, tags: { ...tags } };
      })(),
    );
  },

  tags: ({ tags }) => tags,
  lasting: true,
  readiness: () => READY,
  outputs: ({ name, arn }) => ({ name, arn }),
  diff: (desired, observed) =>
    changeOf('retentionDays', desired.retentionDays, observed.retentionDays, 'RetentionDrift'),

  async create(io, identity, desired, call) {
    const { logGroupName } = identity;
    await io.aws.logs.createLogGroup({ logGroupName, tags: { ...call.tags } }, call);
    if (desired.retentionDays !== null) {
      await io.aws.logs.putRetentionPolicy({ logGroupName, retentionInDays: desired.retentionDays }, call);
    }
  },

  async update(io, identity, desired, observed, _changes, call) {
    const { logGroupName } = identity;
    if (desired.retentionDays === observed.retentionDays) return;
    if (desired.retentionDays === null) await io.aws.logs.deleteRetentionPolicy({ logGroupName }, call);
    else await io.aws.logs.putRetentionPolicy({ logGroupName, retentionInDays: desired.retentionDays }, call);
  },

  async delete(io, { logGroupName }, _observed, call) {
    await unlessGone(io.aws.logs.deleteLogGroup({ logGroupName }, call));
  },

  async release(io, _identity, { arn, tags }, call) {
    const tagKeys = ownershipKeys(tags);
    if (tagKeys.length > 0) await unlessGone(io.aws.logs.untagResource({ resourceArn: arn, tagKeys }, call));
  },

  sweep,
  events: [
    onCalls(
      'logs',
      ['DeleteLogGroup', 'PutRetentionPolicy', 'DeleteRetentionPolicy', 'TagResource', 'UntagResource'],
      ({ logGroupName, resourceArn }) => [text(logGroupName), text(resourceArn).replace(/^.*:log-group:|:\*$/g, '')],
    ),
  ],
};

function observed(group: LogGroup): Omit<LogGroupObserved, 'tags'> {
  return {
    name: group.logGroupName ?? '',
    arn: group.logGroupArn ?? (group.arn ?? '').replace(/:\*$/, ''),
    retentionDays: group.retentionInDays ?? null,
  };
}
