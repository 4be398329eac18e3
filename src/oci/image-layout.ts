/**
 * Images as files: the image layout of the OCI image specification 1.1, which skopeo, umoci and others read. It holds
 * every blob, those of the base included, and is what is carried to where no public registry can be reached.
 * https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
 */
import { createWriteStream } from 'node:fs';
import { access, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { canonicalJson, UserError } from '../core/index.ts';
import { type Blob, blobOf, type Descriptor, MEDIA_TYPES } from './image-types.ts';
import type { OwnImage } from './own-images.ts';
import type { RegistryCall, RegistryClient } from './registry-client.ts';

/**
 * Writes images into an empty or missing folder, each under a name (`org.opencontainers.image.ref.name`). The same
 * images give the same bytes.
 * @throws UserError when the folder holds something
 */
export async function writeImageLayout(
  folder: string,
  images: Readonly<Record<string, OwnImage>>,
  client: RegistryClient,
  call: RegistryCall = {},
): Promise<void> {
  await mkdir(folder, { recursive: true });
  if ((await readdir(folder)).length > 0) {
    throw new UserError(`${folder} is not empty; give a folder that is, or one that is not there yet`);
  }
  const blobs = join(folder, 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true });
  const manifests: (Descriptor & { readonly annotations: Readonly<Record<string, string>> })[] = [];
  for (const [name, { index, images: platforms, base }] of Object.entries(images).sort()) {
    for (const { image } of platforms) {
      const made = new Map<string, Blob>([...image.layers, image.config].map((blob) => [blob.digest, blob]));
      for (const descriptor of [...image.manifest.layers, image.manifest.config]) {
        await store(blobs, made.get(descriptor.digest) ?? client.remoteBlob(base, descriptor, call));
      }
      await store(blobs, blobOf(image.bytes, image.digest));
    }
    await store(blobs, blobOf(index.bytes, index.digest));
    manifests.push({
      mediaType: index.mediaType,
      digest: index.digest,
      size: index.bytes.length,
      annotations: { 'org.opencontainers.image.ref.name': name },
    });
  }
  await writeFile(
    join(folder, 'index.json'),
    canonicalJson({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests }),
  );
  // Last: it says that the rest is whole.
  await writeFile(join(folder, 'oci-layout'), canonicalJson({ imageLayoutVersion: '1.0.0' }));
}

/** A blob is named by its digest; one that is there is that one. */
async function store(folder: string, { digest, open }: Blob): Promise<void> {
  const path = join(folder, digest.slice('sha256:'.length));
  if (await isThere(path)) return;
  try {
    await pipeline(Readable.from(open()), createWriteStream(`${path}.part`));
    await rename(`${path}.part`, path);
  } catch (error) {
    await rm(`${path}.part`, { force: true });
    throw error;
  }
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
