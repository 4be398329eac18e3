/**
 * S3: buckets with and without versions, objects with their checksums, and events of them. Uploads in parts, copies,
 * access control, encryption, tags, lifecycle, locks and storage classes do not exist here and answer so by name; so
 * do presigned URLs.
 */
import { createHash } from 'node:crypto';
import type * as s3 from '@aws-sdk/client-s3';
import { uuid } from '../../core/index.ts';
import {
  AwsError,
  type BlobStore,
  type CloudService,
  type Handler,
  type RequestContext,
  type ServiceDeps,
} from '../contract.ts';
import type { EventSink } from './eventbridge.ts';
import { announceCreated, announceDeleted } from './s3/announcements.ts';
import { CHECKSUM_MEMBERS, verified } from './s3/checksums.ts';
import { noSuchBucket, noSuchKey, noSuchVersion, notSupported, only, preconditionFailed } from './s3/defects.ts';
import { listed } from './s3/listing.ts';
import {
  type BucketRecord,
  type ContentRecord,
  NULL_VERSION,
  ObjectStore,
  type VersionRecord,
} from './s3/object-store.ts';

export interface S3Deps extends ServiceDeps {
  readonly blobs: BlobStore;
  /** Where its events go; nowhere when left out. */
  readonly events?: EventSink;
}

type Answer<Output> = Omit<Output, '$metadata'>;

/** Headers that are kept as they are and given back. */
const KEPT_HEADERS = ['CacheControl', 'ContentDisposition', 'ContentEncoding', 'ContentLanguage'] as const;
const KEY_BYTES_MAX = 1024;
const READ_MEMBERS = ['Bucket', 'Key', 'VersionId', 'IfMatch', 'IfNoneMatch', 'ChecksumMode', 'ExpectedBucketOwner'];
const PUT_MEMBERS = [
  'Bucket',
  'Key',
  'Body',
  'ContentType',
  'ContentLength',
  'ContentMD5',
  'ChecksumAlgorithm',
  ...CHECKSUM_MEMBERS,
  ...KEPT_HEADERS,
  'Metadata',
  'IfMatch',
  'IfNoneMatch',
  'StorageClass',
  'ExpectedBucketOwner',
];

interface Found {
  readonly content: ContentRecord;
  readonly version: VersionRecord;
}

export class S3Service implements CloudService {
  readonly id = 's3';
  readonly operations: Readonly<Record<string, Handler>>;
  readonly #deps: S3Deps;
  readonly #store: ObjectStore;

  constructor(deps: S3Deps) {
    this.#deps = deps;
    this.#store = new ObjectStore(deps.state, deps.blobs);
    this.operations = {
      CreateBucket: this.#createBucket,
      HeadBucket: headed((input: s3.HeadBucketCommandInput) => {
        this.#bucket(input);
        return { BucketRegion: this.#deps.settings.region, AccessPointAlias: false };
      }),
      DeleteBucket: this.#deleteBucket,
      ListBuckets: this.#listBuckets,
      PutBucketVersioning: this.#putBucketVersioning,
      GetBucketVersioning: (input: s3.GetBucketVersioningCommandInput) => {
        const { versioning } = this.#bucket(input);
        return versioning === undefined ? {} : { Status: versioning };
      },
      PutBucketNotificationConfiguration: this.#putBucketNotificationConfiguration,
      GetBucketNotificationConfiguration: (input: s3.GetBucketNotificationConfigurationCommandInput) =>
        this.#bucket(input).tells ? { EventBridgeConfiguration: {} } : {},
      PutObject: this.#putObject,
      GetObject: this.#getObject,
      HeadObject: headed((input: s3.HeadObjectCommandInput) => {
        only(input, READ_MEMBERS);
        const found = this.#read(input);
        return { ...headersOf(found, input), ...this.#versionId(input, found.version) };
      }),
      DeleteObject: this.#deleteObject,
      ListObjectsV2: (input: s3.ListObjectsV2CommandInput) => {
        only(input, [
          'Bucket',
          'Prefix',
          'Delimiter',
          'EncodingType',
          'MaxKeys',
          'ContinuationToken',
          'StartAfter',
          'ExpectedBucketOwner',
        ]);
        const { name } = this.#bucket(input);
        return listed(this.#store.list(name, input.Prefix ?? ''), input);
      },
    };
  }

  // ----------------------------------------------------------------------------------------------------------- buckets

  readonly #createBucket = (
    input: s3.CreateBucketCommandInput,
    { nowMs }: RequestContext,
  ): Answer<s3.CreateBucketCommandOutput> => {
    only(input, ['Bucket', 'CreateBucketConfiguration']);
    only(input.CreateBucketConfiguration ?? {}, ['LocationConstraint']);
    const name = input.Bucket ?? '';
    if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) || name.includes('..')) {
      throw new AwsError('InvalidBucketName', 'The specified bucket is not valid.', 400);
    }
    const { region } = this.#deps.settings;
    const place = input.CreateBucketConfiguration?.LocationConstraint ?? 'us-east-1';
    if (place !== region) {
      throw new AwsError(
        'IllegalLocationConstraintException',
        `The ${place} location constraint is incompatible for the region specific endpoint this request was sent to.`,
        400,
      );
    }
    if (this.#store.buckets.has(name)) {
      // In the oldest region it is an answer that repeats the first.
      if (region === 'us-east-1') return { Location: `/${name}` };
      throw new AwsError(
        'BucketAlreadyOwnedByYou',
        'Your previous request to create the named bucket succeeded and you already own it.',
        409,
      );
    }
    this.#store.buckets.set(name, { name, createdMs: seconds(nowMs), versioning: undefined, tells: false });
    return { Location: `/${name}` };
  };

  readonly #deleteBucket = (input: s3.DeleteBucketCommandInput): void => {
    const { name } = this.#bucket(input);
    if (!this.#store.isEmpty(name)) {
      throw new AwsError('BucketNotEmpty', 'The bucket you tried to delete is not empty', 409);
    }
    this.#store.buckets.delete(name);
  };

  readonly #listBuckets = (input: s3.ListBucketsCommandInput): Answer<s3.ListBucketsCommandOutput> => {
    only(input, ['Prefix']);
    const { accountId } = this.#deps.settings;
    const { Prefix: prefix = '' } = input;
    return {
      Owner: { ID: createHash('sha256').update(accountId).digest('hex') },
      Buckets: this.#store.buckets
        .values()
        .filter(({ name }) => name.startsWith(prefix))
        .map(({ name, createdMs }) => ({ Name: name, CreationDate: new Date(createdMs) }))
        .sort((a, b) => (a.Name < b.Name ? -1 : 1)),
    };
  };

  readonly #putBucketVersioning = (input: s3.PutBucketVersioningCommandInput): void => {
    only(input, ['Bucket', 'VersioningConfiguration', 'ContentMD5', 'ChecksumAlgorithm', 'ExpectedBucketOwner']);
    only(input.VersioningConfiguration ?? {}, ['Status']);
    const bucket = this.#bucket(input);
    const status = input.VersioningConfiguration?.Status;
    if (status !== 'Enabled' && status !== 'Suspended') {
      throw new AwsError('IllegalVersioningConfigurationException', 'The Versioning element must be specified', 400);
    }
    this.#store.buckets.set(bucket.name, { ...bucket, versioning: status });
  };

  readonly #putBucketNotificationConfiguration = (input: s3.PutBucketNotificationConfigurationCommandInput): void => {
    const wanted = input.NotificationConfiguration ?? {};
    for (const name of ['TopicConfigurations', 'QueueConfigurations', 'LambdaFunctionConfigurations'] as const) {
      if (wanted[name]?.length) throw notSupported(name);
    }
    const bucket = this.#bucket(input);
    this.#store.buckets.set(bucket.name, { ...bucket, tells: wanted.EventBridgeConfiguration !== undefined });
  };

  // ----------------------------------------------------------------------------------------------------------- objects

  readonly #putObject = (
    input: s3.PutObjectCommandInput,
    context: RequestContext,
  ): Answer<s3.PutObjectCommandOutput> => {
    only(input, PUT_MEMBERS);
    const { Key: key = '', ContentType = 'binary/octet-stream', Metadata: metadata = {} } = input;
    const bucket = this.#bucket(input);
    if (Buffer.byteLength(key) > KEY_BYTES_MAX) throw new AwsError('KeyTooLongError', 'Your key is too long', 400);
    if (input.StorageClass !== undefined && input.StorageClass !== 'STANDARD') {
      throw notSupported(`StorageClass ${input.StorageClass}`);
    }
    const bytes = (input.Body as Uint8Array | undefined) ?? new Uint8Array();
    const checksums = verified(input, bytes);
    const before = this.#store.versions(bucket.name, key)[0]?.content;
    if (input.IfNoneMatch !== undefined && input.IfNoneMatch !== '*') throw notSupported('IfNoneMatch other than *');
    if (input.IfNoneMatch === '*' && before) throw preconditionFailed();
    if (input.IfMatch !== undefined && !before) throw noSuchKey();
    if (input.IfMatch !== undefined && !isSame(input.IfMatch, before?.etag)) throw preconditionFailed();

    const version: VersionRecord = {
      id: this.#newVersionId(bucket),
      modifiedMs: seconds(context.nowMs),
      content: {
        digest: this.#deps.blobs.write(bytes),
        size: bytes.length,
        etag: `"${createHash('md5').update(bytes).digest('hex')}"`,
        checksums,
        contentType: ContentType,
        headers: Object.fromEntries(KEPT_HEADERS.flatMap((name) => (input[name] ? [[name, input[name]]] : []))),
        metadata,
      },
    };
    this.#store.add(bucket.name, key, version);
    this.#tell(bucket, key, version, context, announceCreated);
    return { ETag: version.content?.etag, ...checksums, ...typed(checksums), ...this.#versionId(input, version) };
  };

  readonly #getObject = (input: s3.GetObjectCommandInput): Answer<s3.GetObjectCommandOutput> => {
    only(input, [...READ_MEMBERS, 'Range']);
    const found = this.#read(input);
    const whole = this.#deps.blobs.read(found.content.digest);
    const headers = { ...headersOf(found, input), ...this.#versionId(input, found.version) };
    // The SDK types what it makes of the bytes.
    const body = (bytes: Uint8Array) => ({ Body: bytes }) as unknown as Pick<s3.GetObjectCommandOutput, 'Body'>;
    const range = input.Range === undefined ? undefined : rangeOf(input.Range, whole.length);
    if (!range) return { ...headers, ...body(whole) };
    const { start, end } = range;
    // A checksum is of the whole.
    for (const name of [...CHECKSUM_MEMBERS, 'ChecksumType'] as const) delete headers[name];
    return {
      ...headers,
      ...body(whole.subarray(start, end)),
      ContentLength: end - start,
      ContentRange: `bytes ${start}-${end - 1}/${whole.length}`,
    };
  };

  readonly #deleteObject = (
    input: s3.DeleteObjectCommandInput,
    context: RequestContext,
  ): Answer<s3.DeleteObjectCommandOutput> => {
    only(input, ['Bucket', 'Key', 'VersionId', 'ExpectedBucketOwner']);
    const bucket = this.#bucket(input);
    const { Key: key = '', VersionId: id } = input;
    const versions = this.#store.versions(bucket.name, key);
    if (id !== undefined || bucket.versioning === undefined) {
      const version = id === undefined ? versions[0] : versions.find((one) => one.id === id);
      if (!version) return id === undefined ? {} : { VersionId: id };
      this.#store.remove(bucket.name, key, version.id);
      this.#tell(bucket, key, version, context, (sink, happened) => announceDeleted(sink, happened, false));
      if (id === undefined) return {};
      return { VersionId: id, ...(version.content ? {} : { DeleteMarker: true }) };
    }
    const marker = { id: this.#newVersionId(bucket), modifiedMs: seconds(context.nowMs), content: undefined };
    this.#store.add(bucket.name, key, marker);
    this.#tell(bucket, key, marker, context, (sink, happened) => announceDeleted(sink, happened, true));
    return { DeleteMarker: true, VersionId: marker.id };
  };

  #bucket({ Bucket: name = '', ExpectedBucketOwner: owner }: OfBucket): BucketRecord {
    const bucket = this.#store.buckets.get(name);
    if (!bucket) throw noSuchBucket();
    if (owner !== undefined && owner !== this.#deps.settings.accountId) {
      throw new AwsError('AccessDenied', 'Access Denied', 403);
    }
    return bucket;
  }

  /** @throws AwsError when it is not there, is hidden by a marker, or is not what the caller has or wants */
  #read(input: s3.HeadObjectCommandInput): Found {
    const { name } = this.#bucket(input);
    const { Key: key = '', VersionId: id } = input;
    const versions = this.#store.versions(name, key);
    const version = id === undefined ? versions[0] : versions.find((one) => one.id === id);
    if (!version) throw id === undefined || versions.length === 0 ? noSuchKey() : noSuchVersion();
    const { content } = version;
    if (!content) {
      if (id === undefined) throw noSuchKey();
      throw new AwsError('MethodNotAllowed', 'The specified method is not allowed against this resource.', 405);
    }
    if (input.IfMatch !== undefined && !isSame(input.IfMatch, content.etag)) throw preconditionFailed();
    if (input.IfNoneMatch !== undefined && isSame(input.IfNoneMatch, content.etag)) {
      throw new AwsError('NotModified', 'Not Modified', 304);
    }
    return { content, version };
  }

  #newVersionId({ versioning }: BucketRecord): string {
    return versioning === 'Enabled' ? uuid(this.#deps.random).replaceAll('-', '') : NULL_VERSION;
  }

  /** Buckets that never had versions do not speak of them. */
  #versionId({ Bucket = '' }: OfBucket, { id }: VersionRecord): { VersionId?: string } {
    return this.#store.buckets.get(Bucket)?.versioning === undefined ? {} : { VersionId: id };
  }

  #tell(
    bucket: BucketRecord,
    key: string,
    version: VersionRecord,
    { nowMs, requestId }: RequestContext,
    announce: typeof announceCreated,
  ): void {
    const { events, settings } = this.#deps;
    if (!events || !bucket.tells) return;
    announce(events, { bucket: bucket.name, key, version, requestId, nowMs, accountId: settings.accountId });
  }
}

interface OfBucket {
  readonly Bucket?: string | undefined;
  readonly ExpectedBucketOwner?: string | undefined;
}

/** HEAD answers without a body: what is absent is `NotFound`, whatever it is. */
function headed<Input, Output>(read: (input: Input) => Output): (input: Input) => Output {
  return (input) => {
    try {
      return read(input);
    } catch (error) {
      if (error instanceof AwsError && error.statusCode === 404) throw new AwsError('NotFound', 'Not Found', 404);
      throw error;
    }
  };
}

function headersOf({ content, version }: Found, { ChecksumMode }: s3.HeadObjectCommandInput): Headers {
  return {
    AcceptRanges: 'bytes',
    ContentLength: content.size,
    ContentType: content.contentType,
    ETag: content.etag,
    LastModified: new Date(version.modifiedMs),
    ...content.headers,
    ...(Object.keys(content.metadata).length === 0 ? {} : { Metadata: { ...content.metadata } }),
    ...(ChecksumMode === 'ENABLED' ? { ...content.checksums, ...typed(content.checksums) } : {}),
  };
}

type Headers = Answer<s3.HeadObjectCommandOutput>;

function typed(checksums: ContentRecord['checksums']): { ChecksumType?: 'FULL_OBJECT' } {
  return Object.keys(checksums).length === 0 ? {} : { ChecksumType: 'FULL_OBJECT' };
}

/** Quotes may be left out. */
function isSame(given: string, etag: string | undefined): boolean {
  return given === '*' || given.replaceAll('"', '') === etag?.replaceAll('"', '');
}

/** Undefined where S3 takes no notice of it. @throws AwsError when it is of no byte of the object */
function rangeOf(text: string, size: number): { start: number; end: number } | undefined {
  const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(text) ?? [];
  if (from === undefined || to === undefined || (from === '' && to === '')) return undefined;
  const start = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === '' || to === '' ? size : Math.min(size, Number(to) + 1);
  if (start >= end) throw new AwsError('InvalidRange', 'The requested range is not satisfiable', 416);
  return { start, end };
}

/** S3 keeps times in seconds. */
function seconds(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}
