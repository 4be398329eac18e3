/**
 * An object in S3, as it stands now or in the version that is named: what tells one content from another. Read only. It
 * does not download anything; the build does.
 */
import { members, READY, type ResourceKind, readOnly, text, unlessAbsent } from '../../resource/index.ts';

/** Identity: `location` (`bucket/key`: a bucket's name has no slash) and `versionId` (empty: the newest). */
export type S3ObjectProps = Readonly<Record<string, never>>;

export interface S3ObjectObserved {
  /** Quotes included. */
  readonly etag: string;
  readonly size: number;
  /** Null in a bucket that never had versions. */
  readonly versionId: string | null;
  /** Of the whole object, in base64, where S3 was given one. */
  readonly checksumSha256: string | null;
  /** ISO time. */
  readonly lastModified: string;
}

export const s3Object: ResourceKind<S3ObjectProps, S3ObjectObserved> = {
  ...readOnly('s3-object'),
  name: 's3-object',
  permissions: [
    {
      actions: ['s3:GetObject', 's3:GetObjectVersion'],
      resources: ['arn:aws:s3:::*/*'],
      because: 'sees which code an archive holds',
    },
    {
      actions: ['s3:ListBucket'],
      resources: ['arn:aws:s3:::*'],
      because: 'tells an archive that is not there from one that may not be read',
    },
  ],

  async observe(io, { location = '', versionId = '' }, call) {
    const slash = location.indexOf('/');
    const found = await unlessAbsent(
      io.aws.s3.headObject(
        {
          Bucket: location.slice(0, slash),
          Key: location.slice(slash + 1),
          ChecksumMode: 'ENABLED',
          ...(versionId === '' ? {} : { VersionId: versionId }),
        },
        call,
      ),
    );
    if (!found) return undefined;
    // A checksum of parts is not one of the content.
    const isWhole = found.ChecksumType === 'FULL_OBJECT';
    return {
      etag: found.ETag ?? '',
      size: found.ContentLength ?? 0,
      versionId: found.VersionId ?? null,
      checksumSha256: (isWhole ? found.ChecksumSHA256 : undefined) ?? null,
      lastModified: found.LastModified?.toISOString() ?? '',
    };
  },

  readiness: () => READY,
  outputs: (observed) => ({ ...observed }),

  // Bulk listings show objects by prefix, which is the whole of an archive's name.
  rotating: { ArchiveDrift: ({ etag, size }) => [etag, size] },

  events: [
    {
      // Of buckets that are told to: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
      source: 'aws.s3',
      detailType: 'Object Created',
      names({ detail }) {
        const { bucket, object } = members(detail);
        const location = [text(members(bucket).name), text(members(object).key)];
        return location.includes('') ? [] : [location.join('/')];
      },
    },
  ],
};
