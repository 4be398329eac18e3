/** Tags of the container resources: validation, propagation, and the three tag operations. */
import type {
  ListTagsForResourceRequest,
  ListTagsForResourceResponse,
  Tag,
  TagResourceRequest,
  UntagResourceRequest,
} from '@aws-sdk/client-ecs';
import { AwsError } from '../../contract.ts';
import { type EcsRecords, invalidParameter, type TagRecord } from './model.ts';

const TAGS_MAX = 50;

/** Validated tags over those that are there. @throws AwsError InvalidParameterException */
export function parseTags(tags: readonly Tag[] | undefined, present: TagRecord = {}): TagRecord {
  const added: TagRecord = {};
  for (const { key = '', value = '' } of tags ?? []) {
    if (key.length < 1 || key.length > 128 || value.length > 256)
      throw invalidParameter(`The tag '${key}' is not valid.`);
    if (/^aws:/i.test(key)) throw invalidParameter(`The tag key '${key}' is reserved.`);
    if (Object.hasOwn(added, key)) throw invalidParameter(`Duplicate tag keys found: ${key}`);
    added[key] = value;
  }
  const all = { ...present, ...added };
  if (Object.keys(all).filter((key) => !key.startsWith('aws:')).length > TAGS_MAX)
    throw invalidParameter(`A resource can have at most ${TAGS_MAX} tags.`);
  return all;
}

/** Tags as the API lists them. */
export function tagList(tags: TagRecord): Tag[] {
  return Object.entries(tags).map(([key, value]) => ({ key, value }));
}

/** Handlers by operation name. Each validates first and changes after, so a refused call leaves nothing behind. */
export function tagOperations(records: EcsRecords) {
  function change(arn: string | undefined, edit: (tags: TagRecord) => TagRecord): void {
    const { key, collection, record } = resource(arn ?? '');
    collection.set(key, { ...record, tags: edit(record.tags) });
  }

  function resource(arn: string) {
    const [type = '', name = ''] = splitOnce(arn.split(':').slice(5).join(':'));
    const key = type === 'task-definition' ? name : arn;
    const collection = {
      cluster: records.clusters,
      service: records.services,
      task: records.tasks,
      'task-definition': records.taskDefinitions,
    }[type];
    if (!collection) throw invalidParameter('Invalid resource ARN');
    const record = collection.get(key);
    if (!record) throw new AwsError('ResourceNotFoundException', 'The specified resource could not be found.');
    return { key, collection: collection as { set(key: string, value: unknown): void }, record };
  }

  return {
    TagResource(input: TagResourceRequest): object {
      change(input.resourceArn, (tags) => parseTags(input.tags, tags));
      return {};
    },
    UntagResource(input: UntagResourceRequest): object {
      const gone = new Set(input.tagKeys);
      change(input.resourceArn, (tags) => Object.fromEntries(Object.entries(tags).filter(([key]) => !gone.has(key))));
      return {};
    },
    ListTagsForResource(input: ListTagsForResourceRequest): ListTagsForResourceResponse {
      return { tags: tagList(resource(input.resourceArn ?? '').record.tags) };
    },
  };
}

function splitOnce(text: string): [string, string] {
  const slash = text.indexOf('/');
  return [text.slice(0, slash), text.slice(slash + 1)];
}
