/** The tags that mark what this controller created. A tag alone proves nothing; the inventory must agree. */
export const TAG_OWNER = 'lambdacontainer.dev/owner';
export const TAG_NAMESPACE = 'lambdacontainer.dev/namespace';
export const TAG_NAME = 'lambdacontainer.dev/name';
export const TAG_UID = 'lambdacontainer.dev/uid';
/** Content hash of a task definition: it is registered only when this is new. */
export const TAG_HASH = 'lambdacontainer.dev/hash';

export type Tags = Readonly<Record<string, string>>;

/** `[{key,value}]` in ECS's spelling. */
export function lowerTags(tags: Tags): { key: string; value: string }[] {
  return Object.entries(tags).map(([key, value]) => ({ key, value }));
}

/** `[{Key,Value}]` in ELB's, ECR's and IAM's spelling. */
export function upperTags(tags: Tags): { Key: string; Value: string }[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

/** A record of either spelling. */
export function tagRecord(
  tags:
    | readonly {
        key?: string | undefined;
        value?: string | undefined;
        Key?: string | undefined;
        Value?: string | undefined;
      }[]
    | undefined,
): Record<string, string> {
  const record: Record<string, string> = {};
  for (const tag of tags ?? []) {
    const key = tag.key ?? tag.Key;
    if (key !== undefined) record[key] = tag.value ?? tag.Value ?? '';
  }
  return record;
}
