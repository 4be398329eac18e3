/**
 * What ECR keeps: repositories, the blobs each of them has, images and tags, and the rules between them (a manifest's
 * blobs exist before it, an image that an index names stays, an immutable tag does not move). It speaks no protocol:
 * the API's operations and the registry's HTTP are both built on it. All checks come before the first change.
 */
import type { ImageIdentifier } from '@aws-sdk/client-ecr';
import {
  digestOf,
  type ImageIndex,
  type ImageManifest,
  INDEX_TYPES,
  isDigest,
  MANIFEST_TYPES,
} from '../../../oci/index.ts';
import { AwsError, type BlobStore, type CloudState, type Collection } from '../../contract.ts';

export interface RepositoryRecord {
  readonly name: string;
  readonly createdAtMs: number;
  /** A stand-in for a public registry's: anyone may pull, nobody pushes, and the account does not list it. */
  readonly public: boolean;
  readonly mutability: 'MUTABLE' | 'IMMUTABLE';
  readonly scanOnPush: boolean;
  readonly encryption: { readonly type: 'AES256' | 'KMS'; readonly kmsKey: string | null };
  readonly tags: Readonly<Record<string, string>>;
  readonly lifecyclePolicy: string | null;
}

export interface ImageRecord {
  readonly repository: string;
  readonly digest: string;
  readonly mediaType: string;
  readonly configMediaType: string | null;
  /** Configuration and layers; null for an index, as in ECR. */
  readonly sizeBytes: number | null;
  readonly pushedAtMs: number;
  /** In the order they were given. */
  readonly tags: readonly string[];
  /** Digests of an index's images. */
  readonly children: readonly string[];
}

export interface ManifestBytes {
  readonly digest: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** Told of every image that was pushed under a tag (or none) or deleted. Takes part in the step under way. */
export type ImageObserver = (
  action: 'PUSH' | 'DELETE',
  image: ImageRecord,
  tag: string | undefined,
  nowMs: number,
) => void;

const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}$/;

export class ImageStore {
  readonly #accountId: string;
  readonly #blobs: BlobStore;
  readonly repositories: Collection<RepositoryRecord>;
  /** By `repository@digest`. */
  readonly #images: Collection<ImageRecord>;
  /** Digest by `repository:tag`. */
  readonly #tags: Collection<string>;
  /** Size by `repository@digest`. */
  readonly #layers: Collection<number>;
  readonly #onImage: ImageObserver;

  constructor(deps: { state: CloudState; blobs: BlobStore; accountId: string; onImage: ImageObserver }) {
    this.#onImage = deps.onImage;
    this.#accountId = deps.accountId;
    this.#blobs = deps.blobs;
    this.repositories = deps.state.collection('ecr.repositories');
    this.#images = deps.state.collection('ecr.images');
    this.#tags = deps.state.collection('ecr.tags');
    this.#layers = deps.state.collection('ecr.layers');
  }

  /** @throws AwsError RepositoryNotFoundException */
  repository(name: string): RepositoryRecord {
    const found = this.repositories.get(name);
    if (!found) throw this.repositoryNotFound(name);
    return found;
  }

  repositoryNotFound(name: string): AwsError {
    const message = `The repository with name '${name}' does not exist in the registry with id '${this.#accountId}'`;
    return new AwsError('RepositoryNotFoundException', message);
  }

  /** All images of a repository, oldest first. */
  images(repository: string): ImageRecord[] {
    const prefix = `${repository}@`;
    return this.#images
      .keys()
      .filter((key) => key.startsWith(prefix))
      .flatMap((key) => this.#images.get(key) ?? []);
  }

  image(repository: string, digest: string): ImageRecord | undefined {
    return this.#images.get(`${repository}@${digest}`);
  }

  /** The digest that a tag or digest means, if there is such an image. */
  digest(repository: string, tagOrDigest: string): string | undefined {
    if (tagOrDigest.includes(':')) return this.#images.has(`${repository}@${tagOrDigest}`) ? tagOrDigest : undefined;
    return this.#tags.get(`${repository}:${tagOrDigest}`);
  }

  manifest(repository: string, tagOrDigest: string): ManifestBytes | undefined {
    const digest = this.digest(repository, tagOrDigest);
    const image = digest === undefined ? undefined : this.image(repository, digest);
    return image && { digest: image.digest, mediaType: image.mediaType, bytes: this.#blobs.read(image.digest) };
  }

  hasLayer(repository: string, digest: string): boolean {
    return this.#layers.has(`${repository}@${digest}`) && this.#blobs.has(digest);
  }

  /** Makes a blob that the blob store holds one of the repository's. */
  linkLayer(repository: string, digest: string): void {
    this.repository(repository);
    const size = this.#blobs.size(digest);
    if (size === undefined) throw new AwsError('LayersNotFoundException', `The layer ${digest} does not exist`);
    this.#layers.set(`${repository}@${digest}`, size);
  }

  /**
   * Stores a manifest or index, and moves the tag to it. Storing it again changes nothing.
   * @throws AwsError with the codes of PutImage
   */
  put(repository: string, tag: string | undefined, mediaType: string, bytes: Uint8Array, nowMs: number): ImageRecord {
    const { mutability } = this.repository(repository);
    const digest = digestOf(bytes);
    if (tag !== undefined && !TAG.test(tag))
      throw new AwsError('InvalidParameterException', `Invalid image tag '${tag}'`);
    const before = tag === undefined ? undefined : this.#tags.get(`${repository}:${tag}`);
    if (before !== undefined && before !== digest && mutability === 'IMMUTABLE') {
      throw new AwsError(
        'ImageTagAlreadyExistsException',
        `The image tag '${tag}' already exists in the '${repository}' repository and cannot be overwritten because the tag is immutable.`,
      );
    }
    const described = this.#describe(repository, mediaType, bytes);
    const existing = this.image(repository, digest);
    const tags = existing?.tags ?? [];
    const image: ImageRecord = {
      ...described,
      repository,
      digest,
      mediaType,
      pushedAtMs: existing?.pushedAtMs ?? nowMs,
      tags: tag === undefined || tags.includes(tag) ? tags : [...tags, tag],
    };
    this.#blobs.write(bytes);
    if (tag !== undefined && before !== undefined && before !== digest) this.#untag(repository, tag, before);
    this.#images.set(`${repository}@${digest}`, image);
    if (tag !== undefined) this.#tags.set(`${repository}:${tag}`, digest);
    this.#onImage('PUSH', image, tag, nowMs);
    return image;
  }

  /** Takes a tag off; an image without a tag that was deleted by its only tag goes too, as in ECR. */
  deleteTag(repository: string, tag: string, nowMs: number): void {
    const digest = this.#tags.get(`${repository}:${tag}`);
    const image = digest === undefined ? undefined : this.image(repository, digest);
    if (!image) return;
    if (image.tags.length === 1) {
      this.deleteImage(image, nowMs);
      return;
    }
    this.#untag(repository, tag, image.digest);
    this.#onImage('DELETE', image, tag, nowMs);
  }

  deleteImage(image: ImageRecord, nowMs: number): void {
    for (const tag of image.tags) this.#tags.delete(`${image.repository}:${tag}`);
    this.#images.delete(`${image.repository}@${image.digest}`);
    for (const tag of image.tags.length > 0 ? image.tags : [undefined]) this.#onImage('DELETE', image, tag, nowMs);
  }

  /** The index that names an image, if any: such an image cannot be deleted. */
  indexNaming(image: ImageRecord): ImageRecord | undefined {
    return this.images(image.repository).find((candidate) => candidate.children.includes(image.digest));
  }

  deleteRepository(name: string, nowMs: number): void {
    for (const image of this.images(name)) this.deleteImage(image, nowMs);
    const prefix = `${name}@`;
    for (const key of this.#layers.keys()) if (key.startsWith(prefix)) this.#layers.delete(key);
    this.repositories.delete(name);
  }

  #untag(repository: string, tag: string, digest: string): void {
    this.#tags.delete(`${repository}:${tag}`);
    const image = this.image(repository, digest);
    if (image)
      this.#images.set(`${repository}@${digest}`, { ...image, tags: image.tags.filter((other) => other !== tag) });
  }

  #describe(
    repository: string,
    mediaType: string,
    bytes: Uint8Array,
  ): Pick<ImageRecord, 'configMediaType' | 'sizeBytes' | 'children'> {
    const document = parseManifest(bytes);
    if (document.mediaType !== undefined && document.mediaType !== mediaType) {
      throw invalidManifest(`its mediaType is ${document.mediaType}, not ${mediaType}`);
    }
    if (INDEX_TYPES.has(mediaType))
      return { configMediaType: null, sizeBytes: null, children: this.#children(repository, document) };
    if (!MANIFEST_TYPES.has(mediaType)) {
      throw new AwsError(
        'UnsupportedImageTypeException',
        `The image manifest media type ${mediaType} is not supported`,
      );
    }
    const { config, layers } = document as ImageManifest;
    const parts = [config, ...(Array.isArray(layers) ? layers : [undefined])];
    const missing: string[] = [];
    let sizeBytes = 0;
    for (const part of parts) {
      if (!isDigest(part?.digest ?? '') || typeof part?.size !== 'number')
        throw invalidManifest('a descriptor lacks digest or size');
      if (!this.hasLayer(repository, part.digest)) missing.push(part.digest);
      else if (this.#blobs.size(part.digest) !== part.size)
        throw invalidManifest(`${part.digest} is not ${part.size} bytes long`);
      sizeBytes += part.size;
    }
    if (missing.length > 0) {
      throw new AwsError(
        'LayersNotFoundException',
        `Layers with digests '[${missing.join(', ')}]' required for pushing image into repository with name '${repository}' in the registry with id '${this.#accountId}' do not exist`,
      );
    }
    return { configMediaType: config.mediaType, sizeBytes, children: [] };
  }

  #children(repository: string, document: { manifests?: unknown }): string[] {
    const { manifests } = document as ImageIndex;
    if (!Array.isArray(manifests)) throw invalidManifest('it has no list of manifests');
    const digests = (manifests as ImageIndex['manifests']).map((entry) => entry.digest);
    const missing = digests.filter((digest) => !isDigest(digest) || !this.#images.has(`${repository}@${digest}`));
    if (missing.length > 0) {
      throw new AwsError(
        'ReferencedImagesNotFoundException',
        `The images with digests '[${missing.join(', ')}]' referenced by the manifest list do not exist in the repository with name '${repository}'`,
      );
    }
    return digests;
  }
}

/** `{imageDigest:'…', imageTag:'…'}` as ECR writes it in its messages. */
export function identifierText({ imageDigest, imageTag }: ImageIdentifier): string {
  return `{imageDigest:'${imageDigest ?? 'null'}', imageTag:'${imageTag ?? 'null'}'}`;
}

function parseManifest(bytes: Uint8Array): { mediaType?: string; manifests?: unknown } {
  let document: unknown;
  try {
    document = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'));
  } catch {
    throw invalidManifest('it is not JSON');
  }
  if (
    typeof document !== 'object' ||
    document === null ||
    (document as { schemaVersion?: unknown }).schemaVersion !== 2
  ) {
    throw invalidManifest('its schemaVersion is not 2');
  }
  return document as { mediaType?: string };
}

function invalidManifest(why: string): AwsError {
  return new AwsError(
    'InvalidParameterException',
    `Invalid parameter at 'imageManifest' failed to satisfy constraint: 'must be a valid image manifest': ${why}`,
  );
}
