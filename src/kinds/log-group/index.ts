/**
 * A CloudWatch log group and how long it keeps what is written. It owns the group's existence, retention and tags, not
 * its streams, filters or encryption.
 */
import { changeOf, ownershipKeys, READY, type ResourceKind, unlessAbsent, unlessGone } from '../../resource/index.ts';

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
        const arn = group.logGroupArn ?? (group.arn ?? '').replace(/:\*$/, '');
        const { tags } = await io.aws.logs.listTagsForResource({ resourceArn: arn }, call);
        return { name: logGroupName, arn, retentionDays: group.retentionInDays ?? null, tags: { ...tags } };
      })(),
    );
  },

  tags: ({ tags }) => tags,
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
};
