/**
 * Large immutable bytes by their SHA-256 digest: function code, image layers, manifests. Content addressing makes every
 * write idempotent, so a blob needs no transaction: one that its step never came to name is merely unused. Nothing here
 * decides what may be deleted.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { AwsError, type BlobStore } from '../contract.ts';

const DIGEST = /^sha256:([0-9a-f]{64})$/;

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

function missing(digest: string): AwsError {
  return new AwsError('BLOB_UNKNOWN', `There is no blob ${digest}`, 404);
}

/** Blobs in memory: for simulations and tests. */
export function memoryBlobs(): BlobStore {
  const blobs = new Map<string, Uint8Array>();
  return {
    has: (digest) => blobs.has(digest),
    size: (digest) => blobs.get(digest)?.length,
    read(digest) {
      const bytes = blobs.get(digest);
      if (!bytes) throw missing(digest);
      return new Uint8Array(bytes);
    },
    write(bytes) {
      const digest = digestOf(bytes);
      if (!blobs.has(digest)) blobs.set(digest, new Uint8Array(bytes));
      return digest;
    },
    delete(digest) {
      blobs.delete(digest);
    },
  };
}

/**
 * Blobs as files `<folder>/sha256/<first two digits>/<digest>`, complete or absent: written beside and renamed. What is
 * not a digest names no blob, whatever path it spells.
 */
export function fileBlobs(folder: string): BlobStore {
  const incoming = join(folder, 'incoming');
  // Leftovers of a crash.
  rmSync(incoming, { recursive: true, force: true });
  mkdirSync(incoming, { recursive: true });
  let sequence = 0;

  const pathOf = (digest: string): string | undefined => {
    const hex = DIGEST.exec(digest)?.[1];
    return hex === undefined ? undefined : join(folder, 'sha256', hex.slice(0, 2), hex);
  };
  const size = (digest: string): number | undefined => {
    const path = pathOf(digest);
    return path === undefined ? undefined : statSync(path, { throwIfNoEntry: false })?.size;
  };
  return {
    size,
    has: (digest) => size(digest) !== undefined,
    read(digest) {
      const path = pathOf(digest);
      if (path === undefined || size(digest) === undefined) throw missing(digest);
      return readFileSync(path);
    },
    write(bytes) {
      const digest = digestOf(bytes);
      const path = pathOf(digest);
      if (path === undefined || size(digest) !== undefined) return digest;
      const temporary = join(incoming, String(sequence++));
      writeFileSync(temporary, bytes);
      mkdirSync(dirname(path), { recursive: true });
      renameSync(temporary, path);
      return digest;
    },
    delete(digest) {
      const path = pathOf(digest);
      if (path !== undefined) rmSync(path, { force: true });
    },
  };
}
