/**
 * Buckets, and the versions of the objects in them, newest first. An object of a bucket without versions has one, named
 * `null`. What may be asked, and in which words it is refused, is the service's.
 */
import type { BlobStore, CloudState, Collection } from '../../contract.ts';
import type { Checksums } from './checksums.ts';

export interface BucketRecord {
  readonly name: string;
  readonly createdMs: number;
  /** Undefined until it is set first; it can then be suspended, but never taken back. */
  readonly versioning: 'Enabled' | 'Suspended' | undefined;
  /** It tells EventBridge. */
  readonly tells: boolean;
}

export interface VersionRecord {
  /** `null` for what was put while there were no versions. */
  readonly id: string;
  readonly modifiedMs: number;
  /** Undefined: a delete marker. */
  readonly content: ContentRecord | undefined;
}

export interface ContentRecord {
  /** Of the blob. */
  readonly digest: string;
  readonly size: number;
  /** Quotes included. */
  readonly etag: string;
  readonly checksums: Checksums;
  readonly contentType: string;
  /** Further headers, by the member that carries them. */
  readonly headers: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface ListedObject {
  readonly key: string;
  readonly modifiedMs: number;
  readonly content: ContentRecord;
}

export const NULL_VERSION = 'null';

interface ObjectRecord {
  readonly key: string;
  readonly versions: readonly VersionRecord[];
}

export class ObjectStore {
  readonly buckets: Collection<BucketRecord>;
  readonly blobs: BlobStore;
  readonly #objects: Collection<ObjectRecord>;

  constructor(state: CloudState, blobs: BlobStore) {
    this.buckets = state.collection('s3.buckets');
    this.#objects = state.collection('s3.objects');
    this.blobs = blobs;
  }

  /** Newest first; none when there never was such an object. */
  versions(bucket: string, key: string): readonly VersionRecord[] {
    return this.#objects.get(`${bucket}/${key}`)?.versions ?? [];
  }

  /** Lays a version over the others; one named `null` takes the place of another. */
  add(bucket: string, key: string, version: VersionRecord): void {
    const others = this.versions(bucket, key).filter(({ id }) => id !== NULL_VERSION || version.id !== NULL_VERSION);
    this.#objects.set(`${bucket}/${key}`, { key, versions: [version, ...others] });
  }

  /** Takes a version away for good. */
  remove(bucket: string, key: string, versionId: string): void {
    const left = this.versions(bucket, key).filter(({ id }) => id !== versionId);
    if (left.length === 0) this.#objects.delete(`${bucket}/${key}`);
    else this.#objects.set(`${bucket}/${key}`, { key, versions: left });
  }

  /** Whether there is nothing in it, hidden versions included. */
  isEmpty(bucket: string): boolean {
    return !this.#objects.keys().some((id) => id.startsWith(`${bucket}/`));
  }

  /** What is there now, in the order of the keys' UTF-8. */
  list(bucket: string, prefix: string): ListedObject[] {
    const start = `${bucket}/${prefix}`;
    return this.#objects
      .keys()
      .filter((id) => id.startsWith(start))
      .flatMap((id): ListedObject[] => {
        const key = id.slice(bucket.length + 1);
        const [newest] = this.versions(bucket, key);
        return newest?.content ? [{ key, modifiedMs: newest.modifiedMs, content: newest.content }] : [];
      })
      .sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
  }
}
