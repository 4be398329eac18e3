/** S3. Buckets and objects have ARNs without region and account. https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html */
import { type Account, type Need, need, type Resolve, type ServiceActions } from './needs.ts';

interface Asked {
  readonly Bucket?: string | undefined;
  readonly Key?: string | undefined;
  readonly VersionId?: string | undefined;
  readonly Prefix?: string | undefined;
  readonly Delimiter?: string | undefined;
}

export const S3: ServiceActions = {
  operations: {
    ListBuckets: () => [need('s3:ListAllMyBuckets')],
    CreateBucket: onBucket('CreateBucket'),
    DeleteBucket: onBucket('DeleteBucket'),
    // The actions of these have other names.
    HeadBucket: onBucket('ListBucket'),
    GetBucketVersioning: onBucket('GetBucketVersioning'),
    PutBucketVersioning: onBucket('PutBucketVersioning'),
    GetBucketNotificationConfiguration: onBucket('GetBucketNotification'),
    PutBucketNotificationConfiguration: onBucket('PutBucketNotification'),
    ListObjectsV2: (input: Asked) => [
      need('s3:ListBucket', [bucketArn(input)], {
        keys: { 's3:prefix': input.Prefix ?? '', 's3:delimiter': input.Delimiter },
      }),
    ],
    PutObject: (input: Asked) => [need('s3:PutObject', [objectArn(input)])],
    GetObject: read,
    HeadObject: read,
    DeleteObject: onVersion('DeleteObject'),
  },
};

function onBucket(action: string): Resolve {
  return (input: Asked) => [need(`s3:${action}`, [bucketArn(input)])];
}

/**
 * Who may not list is not told that something is not there.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
 */
function read(input: Asked, account: Account): readonly Need[] {
  const { Bucket, Key, VersionId } = input;
  const isThere = account.ask('s3', 'HeadObject', { Bucket, Key, VersionId }) !== undefined;
  const needs = onVersion('GetObject')(input, account);
  return isThere ? needs : [...needs, need('s3:ListBucket', [bucketArn(input)])];
}

/** A version that is named needs an action of its own. */
function onVersion(action: string): Resolve {
  return (input: Asked) => {
    const { VersionId } = input;
    if (VersionId === undefined) return [need(`s3:${action}`, [objectArn(input)])];
    return [need(`s3:${action}Version`, [objectArn(input)], { keys: { 's3:versionid': VersionId } })];
  };
}

function bucketArn({ Bucket = '' }: Asked): string {
  return `arn:aws:s3:::${Bucket}`;
}

function objectArn({ Bucket = '', Key = '' }: Asked): string {
  return `arn:aws:s3:::${Bucket}/${Key}`;
}
