/**
 * ECR's API: private repositories and their images. The registry protocol over the same images is `registry-http.ts`;
 * the rules of storage are `ecr/image-store.ts`. Scanning, replication, repository policies, pull-through caches and
 * the layer-upload operations do not exist here and answer so by name; a lifecycle policy is kept but expires nothing.
 */
import type * as ecr from '@aws-sdk/client-ecr';
import { UserError } from '../../core/index.ts';
import { digestOf, isLoopback, MANIFEST_TYPES, parseReference } from '../../oci/index.ts';
import {
  AwsError,
  type BlobStore,
  type CloudService,
  type Handler,
  type RequestContext,
  type ServiceDeps,
} from '../contract.ts';
import {
  type ImageObserver,
  type ImageRecord,
  ImageStore,
  identifierText,
  type ManifestBytes,
  type RepositoryRecord,
} from './ecr/image-store.ts';
import type { EventSink } from './eventbridge.ts';
import { type Page, pageOf } from './paging.ts';

const NAME = /^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*\/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$/;
const TOKEN_LIFETIME_MS = 12 * 3_600_000;
const TAGS_MAX = 50;
const IMAGE_IDS_MAX = 100;
const REPOSITORY_NAMES_MAX = 100;

export interface EcrDeps extends ServiceDeps {
  readonly blobs: BlobStore;
  /** Where its events go; nowhere when left out. */
  readonly events?: EventSink;
}

export class EcrService implements CloudService {
  readonly id = 'ecr';
  readonly operations: Readonly<Record<string, Handler>>;
  readonly #deps: EcrDeps;
  readonly #store: ImageStore;

  constructor(deps: EcrDeps) {
    this.#deps = deps;
    this.#store = new ImageStore({
      state: deps.state,
      blobs: deps.blobs,
      accountId: deps.settings.accountId,
      onImage: this.#announce,
    });
    this.operations = {
      CreateRepository: this.#createRepository,
      DescribeRepositories: this.#describeRepositories,
      DeleteRepository: this.#deleteRepository,
      PutImageTagMutability: this.#putImageTagMutability,
      PutLifecyclePolicy: this.#putLifecyclePolicy,
      GetLifecyclePolicy: this.#getLifecyclePolicy,
      DeleteLifecyclePolicy: this.#deleteLifecyclePolicy,
      TagResource: this.#tagResource,
      UntagResource: this.#untagResource,
      ListTagsForResource: this.#listTagsForResource,
      DescribeImages: this.#describeImages,
      ListImages: this.#listImages,
      BatchGetImage: this.#batchGetImage,
      BatchDeleteImage: this.#batchDeleteImage,
      PutImage: this.#putImage,
      GetAuthorizationToken: this.#getAuthorizationToken,
    };
  }

  /** https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html */
  readonly #announce: ImageObserver = (action, image, tag, nowMs) => {
    if (this.#store.repositories.get(image.repository)?.public) return;
    this.#deps.events?.emit('aws.ecr', 'ECR Image Action', nowMs, () => ({
      resources: [],
      detail: {
        result: 'SUCCESS',
        'repository-name': image.repository,
        'image-digest': image.digest,
        'action-type': action,
        ...(tag === undefined ? {} : { 'image-tag': tag }),
      },
    }));
  };

  // ------------------------------------------------------------------------------------------------- for the shells

  /** Undefined when there is none; `public` ones refuse pushes. */
  repository(name: string): { readonly public: boolean } | undefined {
    return this.#store.repositories.get(name);
  }

  /** A stand-in for a public registry's repository, outside of the account's own. Idempotent. */
  seedRepository(name: string, nowMs: number): void {
    if (this.#store.repositories.has(name)) return;
    this.#store.repositories.set(name, { ...newRepository(name, nowMs), public: true });
  }

  /**
   * Stores a manifest under a tag, or under its digest alone when `reference` is one. Idempotent.
   * @throws AwsError with the codes of PutImage; nothing has changed then
   */
  putManifest(repository: string, reference: string, mediaType: string, bytes: Uint8Array, nowMs: number): string {
    const image = this.#store.put(repository, reference.includes(':') ? undefined : reference, mediaType, bytes, nowMs);
    return image.digest;
  }

  manifest(repository: string, tagOrDigest: string): ManifestBytes | undefined {
    return this.#store.manifest(repository, tagOrDigest);
  }

  hasBlob(repository: string, digest: string): boolean {
    return this.#store.hasLayer(repository, digest);
  }

  /** Stores bytes as a blob of the repository. */
  putBlob(repository: string, bytes: Uint8Array): string {
    const digest = this.#deps.blobs.write(bytes);
    this.linkBlob(repository, digest);
    return digest;
  }

  /** Makes what the blob store already holds a blob of the repository: uploads are streamed there first. */
  linkBlob(repository: string, digest: string): void {
    this.#store.linkLayer(repository, digest);
  }

  /** All tags, in alphabetical order. */
  tags(repository: string): string[] {
    return this.#store
      .images(repository)
      .flatMap((image) => image.tags)
      .sort();
  }

  /**
   * Deletes by tag (the tag alone, if the image has others) or by digest.
   * @returns false when there is no such image
   * @throws AwsError ImageReferencedByManifestList
   */
  deleteManifest(repository: string, reference: string, nowMs: number): boolean {
    const digest = this.#store.digest(repository, reference);
    const image = digest === undefined ? undefined : this.#store.image(repository, digest);
    if (!image) return false;
    const byDigest = reference.includes(':');
    const index = byDigest || image.tags.length === 1 ? this.#store.indexNaming(image) : undefined;
    if (index)
      throw new AwsError(
        'ImageReferencedByManifestList',
        `${image.digest} is referenced by manifest list ${index.digest}`,
      );
    if (byDigest) this.#store.deleteImage(image, nowMs);
    else this.#store.deleteTag(repository, reference, nowMs);
    return true;
  }

  /**
   * What an image reference means in this registry. Any loopback address counts as ours: the port may have changed
   * since the reference was written down, and there is no other registry here.
   */
  resolve(imageUri: string): { repository: string; digest: string } | undefined {
    try {
      const reference = parseReference(imageUri);
      if (reference.host !== this.#awsRegistry() && !isLoopback(reference.host)) return undefined;
      const digest = this.#store.digest(reference.repository, reference.digest ?? reference.tag ?? 'latest');
      return digest === undefined ? undefined : { repository: reference.repository, digest };
    } catch (error) {
      if (error instanceof UserError) return undefined;
      throw error;
    }
  }

  #awsRegistry(): string {
    return `${this.#deps.settings.accountId}.dkr.ecr.${this.#deps.settings.region}.amazonaws.com`;
  }

  // --------------------------------------------------------------------------------------------------- repositories

  readonly #createRepository = (
    input: ecr.CreateRepositoryRequest,
    { nowMs }: RequestContext,
  ): ecr.CreateRepositoryResponse => {
    const name = validName(input.repositoryName);
    const registryId = this.#deps.settings.accountId;
    if (input.registryId !== undefined && input.registryId !== registryId) {
      throw new AwsError('InvalidParameterException', 'A repository can be created in the own registry only');
    }
    if (this.#store.repositories.has(name)) {
      throw new AwsError(
        'RepositoryAlreadyExistsException',
        `The repository with name '${name}' already exists in the registry with id '${registryId}'`,
      );
    }
    if (input.imageTagMutabilityExclusionFilters?.length) throw unsupported('imageTagMutabilityExclusionFilters');
    const record: RepositoryRecord = {
      ...newRepository(name, nowMs),
      mutability: mutabilityOf(input.imageTagMutability),
      scanOnPush: input.imageScanningConfiguration?.scanOnPush ?? false,
      encryption: {
        type: input.encryptionConfiguration?.encryptionType === 'KMS' ? 'KMS' : 'AES256',
        kmsKey: input.encryptionConfiguration?.kmsKey ?? null,
      },
      tags: withTags({}, input.tags),
    };
    this.#store.repositories.set(name, record);
    return { repository: this.#repositoryShape(record) };
  };

  readonly #describeRepositories = (input: ecr.DescribeRepositoriesRequest): ecr.DescribeRepositoriesResponse => {
    if (input.repositoryNames) {
      if (input.nextToken !== undefined || input.maxResults !== undefined) {
        throw new AwsError('InvalidParameterException', 'nextToken and maxResults cannot be used with repositoryNames');
      }
      if (input.repositoryNames.length > REPOSITORY_NAMES_MAX) throw tooMany('repositoryNames');
      return {
        repositories: input.repositoryNames.map((name) => this.#repositoryShape(this.#owned(name, input.registryId))),
      };
    }
    const all = this.#store.repositories.values().filter((record) => !record.public);
    all.sort((a, b) => (a.name < b.name ? -1 : 1));
    const page = paged(all, input);
    return { repositories: page.items.map((record) => this.#repositoryShape(record)), nextToken: page.token };
  };

  readonly #deleteRepository = (
    input: ecr.DeleteRepositoryRequest,
    { nowMs }: RequestContext,
  ): ecr.DeleteRepositoryResponse => {
    const record = this.#owned(input.repositoryName, input.registryId);
    if (!input.force && this.#store.images(record.name).length > 0) {
      throw new AwsError(
        'RepositoryNotEmptyException',
        `The repository with name '${record.name}' in registry with id '${this.#deps.settings.accountId}' cannot be deleted because it still contains images`,
      );
    }
    this.#store.deleteRepository(record.name, nowMs);
    return { repository: this.#repositoryShape(record) };
  };

  readonly #putImageTagMutability = (input: ecr.PutImageTagMutabilityRequest): ecr.PutImageTagMutabilityResponse => {
    if (input.imageTagMutabilityExclusionFilters?.length) throw unsupported('imageTagMutabilityExclusionFilters');
    const record = {
      ...this.#owned(input.repositoryName, input.registryId),
      mutability: mutabilityOf(input.imageTagMutability),
    };
    this.#store.repositories.set(record.name, record);
    return { ...this.#named(record), imageTagMutability: record.mutability };
  };

  readonly #putLifecyclePolicy = (input: ecr.PutLifecyclePolicyRequest): ecr.PutLifecyclePolicyResponse => {
    const record = this.#owned(input.repositoryName, input.registryId);
    const text = input.lifecyclePolicyText ?? '';
    if (!isLifecyclePolicy(text)) {
      throw new AwsError(
        'InvalidParameterException',
        "Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation failure: must be JSON with a list of rules'",
      );
    }
    this.#store.repositories.set(record.name, { ...record, lifecyclePolicy: text });
    return { ...this.#named(record), lifecyclePolicyText: text };
  };

  readonly #getLifecyclePolicy = (input: ecr.GetLifecyclePolicyRequest): ecr.GetLifecyclePolicyResponse => {
    const record = this.#withPolicy(input);
    return { ...this.#named(record), lifecyclePolicyText: record.lifecyclePolicy ?? '' };
  };

  readonly #deleteLifecyclePolicy = (input: ecr.DeleteLifecyclePolicyRequest): ecr.DeleteLifecyclePolicyResponse => {
    const record = this.#withPolicy(input);
    this.#store.repositories.set(record.name, { ...record, lifecyclePolicy: null });
    return { ...this.#named(record), lifecyclePolicyText: record.lifecyclePolicy ?? '' };
  };

  readonly #tagResource = (input: ecr.TagResourceRequest): ecr.TagResourceResponse => {
    const record = this.#byArn(input.resourceArn);
    this.#store.repositories.set(record.name, { ...record, tags: withTags(record.tags, input.tags) });
    return {};
  };

  readonly #untagResource = (input: ecr.UntagResourceRequest): ecr.UntagResourceResponse => {
    const record = this.#byArn(input.resourceArn);
    const tags = Object.fromEntries(Object.entries(record.tags).filter(([key]) => !input.tagKeys?.includes(key)));
    this.#store.repositories.set(record.name, { ...record, tags });
    return {};
  };

  readonly #listTagsForResource = (input: ecr.ListTagsForResourceRequest): ecr.ListTagsForResourceResponse => {
    const { tags } = this.#byArn(input.resourceArn);
    return { tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) };
  };

  // --------------------------------------------------------------------------------------------------------- images

  readonly #describeImages = (input: ecr.DescribeImagesRequest): ecr.DescribeImagesResponse => {
    const { name } = this.#owned(input.repositoryName, input.registryId);
    if (input.imageIds?.length) {
      if (input.nextToken !== undefined || input.maxResults !== undefined || input.filter !== undefined) {
        throw new AwsError(
          'InvalidParameterException',
          'nextToken, maxResults and filter cannot be used with imageIds',
        );
      }
      if (input.imageIds.length > IMAGE_IDS_MAX) throw tooMany('imageIds');
      const found = new Map<string, ImageRecord>();
      for (const imageId of input.imageIds) {
        const image = this.#find(name, imageId);
        if (!image) throw this.#imageNotFound(name, imageId);
        found.set(image.digest, image);
      }
      return { imageDetails: [...found.values()].map((image) => this.#detail(image)) };
    }
    const page = paged(this.#filtered(name, input.filter), input);
    return { imageDetails: page.items.map((image) => this.#detail(image)), nextToken: page.token };
  };

  readonly #listImages = (input: ecr.ListImagesRequest): ecr.ListImagesResponse => {
    const { name } = this.#owned(input.repositoryName, input.registryId);
    // One identifier for each tag; an untagged image has one without.
    const page = paged(this.#filtered(name, input.filter).flatMap(identifiers), input);
    return { imageIds: page.items, nextToken: page.token };
  };

  readonly #batchGetImage = (input: ecr.BatchGetImageRequest): ecr.BatchGetImageResponse => {
    const { name } = this.#owned(input.repositoryName, input.registryId);
    const imageIds = input.imageIds ?? [];
    if (imageIds.length > IMAGE_IDS_MAX) throw tooMany('imageIds');
    const images: ecr.Image[] = [];
    const failures: ecr.ImageFailure[] = [];
    for (const imageId of imageIds) {
      const failure = malformed(imageId);
      const image = failure ? undefined : this.#find(name, imageId);
      if (failure) failures.push(failure);
      else if (!image) failures.push(notThere(imageId));
      else if (input.acceptedMediaTypes?.length && !input.acceptedMediaTypes.includes(image.mediaType))
        failures.push(notThere(imageId));
      else images.push(this.#imageShape(image, imageId.imageTag));
    }
    return { images, failures };
  };

  readonly #batchDeleteImage = (
    input: ecr.BatchDeleteImageRequest,
    { nowMs }: RequestContext,
  ): ecr.BatchDeleteImageResponse => {
    const { name } = this.#owned(input.repositoryName, input.registryId);
    const imageIds = input.imageIds ?? [];
    if (imageIds.length > IMAGE_IDS_MAX) throw tooMany('imageIds');
    const deleted: ecr.ImageIdentifier[] = [];
    const failures: ecr.ImageFailure[] = [];
    for (const imageId of imageIds) {
      const failure = malformed(imageId) ?? this.#deleteOne(name, imageId, deleted, nowMs);
      if (failure) failures.push(failure);
    }
    return { imageIds: deleted, failures };
  };

  readonly #putImage = (input: ecr.PutImageRequest, { nowMs }: RequestContext): ecr.PutImageResponse => {
    const { name } = this.#owned(input.repositoryName, input.registryId);
    const bytes = Buffer.from(input.imageManifest ?? '', 'utf8');
    const mediaType = input.imageManifestMediaType ?? declaredType(input.imageManifest ?? '');
    const existing = this.#store.image(name, digestOf(bytes));
    if (existing && (input.imageTag === undefined || existing.tags.includes(input.imageTag))) {
      throw new AwsError(
        'ImageAlreadyExistsException',
        `Image with digest '${existing.digest}' and tag '${input.imageTag ?? 'null'}' already exists in the repository with name '${name}' in registry with id '${this.#deps.settings.accountId}'`,
      );
    }
    if (input.imageDigest !== undefined && input.imageDigest !== digestOf(bytes)) {
      throw new AwsError(
        'ImageDigestDoesNotMatchException',
        `The image digest ${input.imageDigest} does not match the manifest's`,
      );
    }
    const image = this.#store.put(name, input.imageTag, mediaType, bytes, nowMs);
    return { image: this.#imageShape(image, input.imageTag) };
  };

  readonly #getAuthorizationToken = (
    _input: ecr.GetAuthorizationTokenRequest,
    { nowMs }: RequestContext,
  ): ecr.GetAuthorizationTokenResponse => {
    const authorizationToken = Buffer.from(`AWS:${this.#deps.random.hex(32)}`, 'latin1').toString('base64');
    const proxyEndpoint = `http://${this.#deps.settings.awsHost()}`;
    return {
      authorizationData: [{ authorizationToken, expiresAt: new Date(nowMs + TOKEN_LIFETIME_MS), proxyEndpoint }],
    };
  };

  #deleteOne(
    repository: string,
    imageId: ecr.ImageIdentifier,
    deleted: ecr.ImageIdentifier[],
    nowMs: number,
  ): ecr.ImageFailure | undefined {
    const { imageDigest, imageTag } = imageId;
    const image = this.#find(repository, { imageDigest, imageTag: imageDigest === undefined ? imageTag : undefined });
    if (!image) return notThere(imageId);
    if (imageTag !== undefined && !image.tags.includes(imageTag)) {
      return {
        imageId,
        failureCode: 'ImageTagDoesNotMatchDigest',
        failureReason: 'The tag does not belong to the digest',
      };
    }
    const wholeImage = imageTag === undefined || image.tags.length === 1;
    const index = wholeImage ? this.#store.indexNaming(image) : undefined;
    if (index) {
      return {
        imageId,
        failureCode: 'ImageReferencedByManifestList',
        failureReason: `Requested image referenced by manifest list: [${index.digest}]`,
      };
    }
    if (imageTag === undefined) {
      this.#store.deleteImage(image, nowMs);
      deleted.push(...identifiers(image));
    } else {
      this.#store.deleteTag(repository, imageTag, nowMs);
      deleted.push({ imageDigest: image.digest, imageTag });
    }
    return undefined;
  }

  #find(repository: string, { imageDigest, imageTag }: ecr.ImageIdentifier): ImageRecord | undefined {
    const digest = this.#store.digest(repository, imageDigest ?? imageTag ?? '');
    const image = digest === undefined ? undefined : this.#store.image(repository, digest);
    return imageDigest !== undefined && imageTag !== undefined && !image?.tags.includes(imageTag) ? undefined : image;
  }

  #filtered(repository: string, filter: ecr.DescribeImagesFilter | undefined): ImageRecord[] {
    const images = this.#store.images(repository);
    if (filter?.tagStatus === 'TAGGED') return images.filter((image) => image.tags.length > 0);
    if (filter?.tagStatus === 'UNTAGGED') return images.filter((image) => image.tags.length === 0);
    return images;
  }

  // --------------------------------------------------------------------------------------------------------- shapes

  /** A repository of the account: the stand-ins for public ones are not its own. */
  #owned(name: string | undefined, registryId: string | undefined): RepositoryRecord {
    const record = this.#store.repository(name ?? '');
    const foreign = registryId !== undefined && registryId !== this.#deps.settings.accountId;
    if (record.public || foreign) throw this.#store.repositoryNotFound(record.name);
    return record;
  }

  #byArn(arn: string | undefined): RepositoryRecord {
    const prefix = this.#arn('');
    if (!arn?.startsWith(prefix)) {
      throw new AwsError(
        'InvalidParameterException',
        "Invalid parameter at 'resourceArn' failed to satisfy constraint: 'Invalid ARN'",
      );
    }
    return this.#owned(arn.slice(prefix.length), undefined);
  }

  #withPolicy(input: { repositoryName: string | undefined; registryId?: string | undefined }): RepositoryRecord {
    const record = this.#owned(input.repositoryName, input.registryId);
    if (record.lifecyclePolicy !== null) return record;
    throw new AwsError(
      'LifecyclePolicyNotFoundException',
      `Lifecycle policy does not exist for the repository with name '${record.name}' in the registry with id '${this.#deps.settings.accountId}'`,
    );
  }

  #imageNotFound(repository: string, imageId: ecr.ImageIdentifier): AwsError {
    return new AwsError(
      'ImageNotFoundException',
      `The image with imageId ${identifierText(imageId)} does not exist within the repository with name '${repository}' in the registry with id '${this.#deps.settings.accountId}'`,
    );
  }

  /** For the account's tag listing. */
  taggedResources(): { arn: string; tags: Readonly<Record<string, string>> }[] {
    const own = this.#store.repositories.values().filter((record) => !record.public);
    return own.map(({ name, tags }) => ({ arn: this.#arn(name), tags }));
  }

  #arn(name: string): string {
    return `arn:aws:ecr:${this.#deps.settings.region}:${this.#deps.settings.accountId}:repository/${name}`;
  }

  #named(record: RepositoryRecord) {
    return { registryId: this.#deps.settings.accountId, repositoryName: record.name };
  }

  #repositoryShape(record: RepositoryRecord): ecr.Repository {
    return {
      ...this.#named(record),
      repositoryArn: this.#arn(record.name),
      repositoryUri: `${this.#deps.settings.awsHost()}/${record.name}`,
      createdAt: new Date(record.createdAtMs),
      imageTagMutability: record.mutability,
      imageScanningConfiguration: { scanOnPush: record.scanOnPush },
      encryptionConfiguration: {
        encryptionType: record.encryption.type,
        ...(record.encryption.kmsKey ? { kmsKey: record.encryption.kmsKey } : {}),
      },
    };
  }

  #detail(image: ImageRecord): ecr.ImageDetail {
    return {
      registryId: this.#deps.settings.accountId,
      repositoryName: image.repository,
      imageDigest: image.digest,
      ...(image.tags.length > 0 ? { imageTags: [...image.tags] } : {}),
      ...(image.sizeBytes === null ? {} : { imageSizeInBytes: image.sizeBytes }),
      imagePushedAt: new Date(image.pushedAtMs),
      imageManifestMediaType: image.mediaType,
      ...(MANIFEST_TYPES.has(image.mediaType) && image.configMediaType
        ? { artifactMediaType: image.configMediaType }
        : {}),
    };
  }

  #imageShape(image: ImageRecord, imageTag: string | undefined): ecr.Image {
    return {
      registryId: this.#deps.settings.accountId,
      repositoryName: image.repository,
      imageId: { imageDigest: image.digest, ...(imageTag === undefined ? {} : { imageTag }) },
      imageManifest: Buffer.from(this.#deps.blobs.read(image.digest)).toString('utf8'),
      imageManifestMediaType: image.mediaType,
    };
  }
}

function newRepository(name: string, nowMs: number): RepositoryRecord {
  return {
    name,
    createdAtMs: nowMs,
    public: false,
    mutability: 'MUTABLE',
    scanOnPush: false,
    encryption: { type: 'AES256', kmsKey: null },
    tags: {},
    lifecyclePolicy: null,
  };
}

function validName(name: string | undefined): string {
  if (name !== undefined && name.length >= 2 && name.length <= 256 && NAME.test(name)) return name;
  throw new AwsError(
    'InvalidParameterException',
    `Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular expression '(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*''`,
  );
}

function mutabilityOf(text: string | undefined): RepositoryRecord['mutability'] {
  if (text === undefined || text === 'MUTABLE') return 'MUTABLE';
  if (text === 'IMMUTABLE') return 'IMMUTABLE';
  throw text.endsWith('_WITH_EXCLUSION')
    ? unsupported(`imageTagMutability ${text}`)
    : new AwsError(
        'InvalidParameterException',
        `Invalid parameter at 'imageTagMutability' failed to satisfy constraint: 'Member must satisfy enum value set: [MUTABLE, IMMUTABLE]'`,
      );
}

function withTags(tags: Readonly<Record<string, string>>, more: ecr.Tag[] | undefined): Record<string, string> {
  const merged = { ...tags };
  for (const { Key, Value } of more ?? []) {
    if (!Key || Key.length > 128 || (Value ?? '').length > 256 || Key.startsWith('aws:')) {
      throw new AwsError('InvalidTagParameterException', `Invalid tag: ${Key ?? ''}`);
    }
    merged[Key] = Value ?? '';
  }
  if (Object.keys(merged).length > TAGS_MAX) {
    throw new AwsError(
      'TooManyTagsException',
      `The list of tags on the repository is over the limit. The maximum number of tags that can be applied to a repository is ${TAGS_MAX}`,
    );
  }
  return merged;
}

function paged<T>(
  all: readonly T[],
  input: { nextToken?: string | undefined; maxResults?: number | undefined },
): Page<T> {
  const { maxResults = 100, nextToken } = input;
  if (maxResults < 1 || maxResults > 1000) {
    throw new AwsError(
      'InvalidParameterException',
      `Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must be between 1 and 1000'`,
    );
  }
  const page = pageOf(all, nextToken, maxResults);
  if (!page)
    throw new AwsError(
      'InvalidParameterException',
      `Invalid parameter at 'NextToken' failed to satisfy constraint: 'Invalid token'`,
    );
  return page;
}

function identifiers(image: ImageRecord): ecr.ImageIdentifier[] {
  if (image.tags.length === 0) return [{ imageDigest: image.digest }];
  return image.tags.map((imageTag) => ({ imageDigest: image.digest, imageTag }));
}

function malformed(imageId: ecr.ImageIdentifier): ecr.ImageFailure | undefined {
  if (imageId.imageDigest === undefined && imageId.imageTag === undefined) {
    return {
      imageId,
      failureCode: 'MissingDigestAndTag',
      failureReason: 'Invalid request parameters: both tag and digest cannot be null',
    };
  }
  if (imageId.imageDigest !== undefined && !/^sha256:[0-9a-f]{64}$/.test(imageId.imageDigest)) {
    return {
      imageId,
      failureCode: 'InvalidImageDigest',
      failureReason:
        "Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
    };
  }
  return undefined;
}

function notThere(imageId: ecr.ImageIdentifier): ecr.ImageFailure {
  return { imageId, failureCode: 'ImageNotFound', failureReason: 'Requested image not found' };
}

function tooMany(member: string): AwsError {
  return new AwsError(
    'InvalidParameterException',
    `Invalid parameter at '${member}' failed to satisfy constraint: 'Member must have length less than or equal to ${IMAGE_IDS_MAX}'`,
  );
}

function unsupported(what: string): AwsError {
  return new AwsError('InvalidParameterException', `The local cloud does not support ${what}`);
}

function declaredType(manifest: string): string {
  try {
    const { mediaType } = JSON.parse(manifest) as { mediaType?: unknown };
    if (typeof mediaType === 'string') return mediaType;
  } catch {
    // Refused below with the same words.
  }
  throw new AwsError(
    'InvalidParameterException',
    "Invalid parameter at 'imageManifestMediaType' failed to satisfy constraint: 'must be given when the manifest does not name it'",
  );
}

function isLifecyclePolicy(text: string): boolean {
  try {
    const { rules } = JSON.parse(text) as { rules?: unknown };
    return Array.isArray(rules) && rules.length > 0;
  } catch {
    return false;
  }
}
