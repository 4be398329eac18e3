/** Tags of the load-balancing resources: validation, the quota, and the three tag operations. */
import type {
  AddTagsInput,
  AddTagsOutput,
  DescribeTagsInput,
  DescribeTagsOutput,
  RemoveTagsInput,
  RemoveTagsOutput,
  Tag,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { AwsError } from '../../contract.ts';
import { type Elbv2Records, invalid, QUOTAS, type TagRecord } from './model.ts';

/** Validated tags. @throws AwsError DuplicateTagKeys, TooManyTags, ValidationError */
export function parseTags(tags: readonly Tag[] | undefined, present: TagRecord = {}): TagRecord {
  const added: TagRecord = {};
  for (const { Key = '', Value = '' } of tags ?? []) {
    if (Key.length < 1 || Key.length > 128 || Value.length > 256) throw invalid(`The tag '${Key}' is not valid`);
    if (Key.startsWith('aws:')) throw invalid(`The tag key '${Key}' is reserved`);
    if (Object.hasOwn(added, Key)) throw new AwsError('DuplicateTagKeys', 'A tag key was specified more than once');
    added[Key] = Value;
  }
  const all = { ...present, ...added };
  if (Object.keys(all).length > QUOTAS.tags)
    throw new AwsError('TooManyTags', "You've reached the limit on the number of tags per load balancer");
  return all;
}

/** Handlers by operation name. Each validates first and changes after, so a refused call leaves nothing behind. */
export function tagOperations(records: Elbv2Records) {
  function change(arn: string, edit: (tags: TagRecord) => TagRecord): void {
    const { collection, record } = resource(arn);
    collection.set(arn, { ...record, tags: edit(record.tags) });
  }

  function resource(arn: string): {
    collection: { set(key: string, value: unknown): void };
    record: { tags: TagRecord };
  } {
    const type = arn.split(':')[5]?.split('/')[0];
    switch (type) {
      case 'targetgroup':
        return { collection: records.targetGroups, record: records.targetGroup(arn) };
      case 'loadbalancer':
        return { collection: records.loadBalancers, record: records.loadBalancer(arn) };
      case 'listener':
        return { collection: records.listeners, record: records.listener(arn) };
      case 'listener-rule':
        return { collection: records.rules, record: records.rule(arn) };
      default:
        throw invalid(`'${arn}' is not a valid load balancing ARN`);
    }
  }

  return {
    AddTags(input: AddTagsInput): AddTagsOutput {
      for (const arn of input.ResourceArns ?? []) change(arn, (tags) => parseTags(input.Tags, tags));
      return {};
    },
    RemoveTags(input: RemoveTagsInput): RemoveTagsOutput {
      const gone = new Set(input.TagKeys);
      const keep = (tags: TagRecord) => Object.fromEntries(Object.entries(tags).filter(([key]) => !gone.has(key)));
      for (const arn of input.ResourceArns ?? []) change(arn, keep);
      return {};
    },
    DescribeTags(input: DescribeTagsInput): DescribeTagsOutput {
      const arns = input.ResourceArns ?? [];
      if (arns.length > 20) throw invalid('Up to 20 resources can be described in a single call');
      return {
        TagDescriptions: arns.map((arn) => ({
          ResourceArn: arn,
          Tags: Object.entries(resource(arn).record.tags).map(([Key, Value]) => ({ Key, Value })),
        })),
      };
    },
  };
}
