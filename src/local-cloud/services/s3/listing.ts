/** The pages of ListObjectsV2: keys after a place, those that share what comes before a delimiter rolled up into one. */
import type * as s3 from '@aws-sdk/client-s3';
import { invalidArgument } from './defects.ts';
import type { ListedObject } from './object-store.ts';

const KEYS_MAX = 1000;

type Output = Omit<s3.ListObjectsV2CommandOutput, '$metadata'>;

/** @param objects of the bucket and prefix, in order */
export function listed(objects: readonly ListedObject[], input: s3.ListObjectsV2CommandInput): Output {
  const { Bucket, Prefix = '', Delimiter, EncodingType, ContinuationToken, StartAfter, MaxKeys = KEYS_MAX } = input;
  if (EncodingType !== undefined && EncodingType !== 'url') throw invalidArgument('Invalid Encoding Method specified');
  if (!Number.isInteger(MaxKeys) || MaxKeys < 0)
    throw invalidArgument('Argument maxKeys must be an integer of 0 or more');
  const sizeMax = Math.min(MaxKeys, KEYS_MAX);
  const after = ContinuationToken === undefined ? (StartAfter ?? '') : keyOf(ContinuationToken);
  const encoded = (text: string) => (EncodingType === 'url' ? encodeURIComponent(text).replaceAll('%2F', '/') : text);

  const contents: s3._Object[] = [];
  const prefixes: string[] = [];
  let last = after;
  let isTruncated = false;
  for (const { key, modifiedMs, content } of objects) {
    const common = commonPrefix(key, Prefix, Delimiter);
    // A prefix that was told stands for all below it.
    if (!isAfter(key, after) || (common !== undefined && (after.startsWith(common) || prefixes.at(-1) === common)))
      continue;
    if (contents.length + prefixes.length === sizeMax) {
      isTruncated = sizeMax > 0;
      break;
    }
    last = common ?? key;
    if (common !== undefined) prefixes.push(common);
    else {
      const { etag, size } = content;
      contents.push({
        Key: encoded(key),
        LastModified: new Date(modifiedMs),
        ETag: etag,
        Size: size,
        StorageClass: 'STANDARD',
      });
    }
  }
  return {
    Name: Bucket,
    Prefix: encoded(Prefix),
    MaxKeys: sizeMax,
    KeyCount: contents.length + prefixes.length,
    IsTruncated: isTruncated,
    ...(Delimiter === undefined ? {} : { Delimiter: encoded(Delimiter) }),
    ...(EncodingType === undefined ? {} : { EncodingType }),
    ...(StartAfter === undefined ? {} : { StartAfter: encoded(StartAfter) }),
    ...(ContinuationToken === undefined ? {} : { ContinuationToken }),
    ...(isTruncated ? { NextContinuationToken: Buffer.from(last, 'utf8').toString('base64url') } : {}),
    ...(contents.length === 0 ? {} : { Contents: contents }),
    ...(prefixes.length === 0 ? {} : { CommonPrefixes: prefixes.map((prefix) => ({ Prefix: encoded(prefix) })) }),
  };
}

function commonPrefix(key: string, prefix: string, delimiter: string | undefined): string | undefined {
  if (!delimiter) return undefined;
  const at = key.indexOf(delimiter, prefix.length);
  return at === -1 ? undefined : key.slice(0, at + delimiter.length);
}

function isAfter(key: string, after: string): boolean {
  return Buffer.compare(Buffer.from(key), Buffer.from(after)) > 0;
}

function keyOf(token: string): string {
  const key = Buffer.from(token, 'base64url').toString('utf8');
  if (key === '') throw invalidArgument('The continuation token provided is incorrect');
  return key;
}
