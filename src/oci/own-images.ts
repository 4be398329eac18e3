/**
 * The product's own images: what is laid over a Node base image to make the daemon, the runtime adapter and the builder,
 * and how each is composed for both architectures and pushed. The local cloud and `bootstrap` make the same images from
 * the same files; an image is named by its content, so that what a registry has already is not sent again.
 */
import { type ComposedImage, type ConfigChanges, compose, composeIndex } from './compose.ts';
import type { ManifestDocument } from './image-types.ts';
import { fileEntry, type LayerEntry, layerFromEntries } from './layer.ts';
import type { Reference } from './reference.ts';
import type { RegistryCall, RegistryClient, Repository } from './registry-client.ts';

export const OWN_IMAGES = ['controller', 'adapter', 'builder'] as const;
export type OwnImageName = (typeof OWN_IMAGES)[number];

export interface ImageContent {
  /** What the image's history says of the layer. */
  readonly createdBy: string;
  readonly files: readonly LayerEntry[];
  readonly config: ConfigChanges;
}

/** A file of a bundle, by its path below the package's folder. */
export interface BundleFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly isExecutable?: boolean;
}

/** An image for every architecture, not pushed yet. */
export interface OwnImage {
  readonly index: ManifestDocument;
  readonly images: readonly { readonly architecture: Architecture; readonly image: ComposedImage }[];
  /** Where the base's blobs are. */
  readonly base: Reference;
}

export const ARCHITECTURES = ['amd64', 'arm64'] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

/** The base's user `node`, by number: a task may then demand that it is not root. */
const NOBODY_IN_PARTICULAR = '1000:1000';
const NODE = '/usr/local/bin/node';

/** The node on PATH, because the stand-in for the base image and the original have it in different places. */
const BUILD_COMMAND = '#!/bin/sh\nexec node "$' + '{LAMBDACONTAINER_BUILDER:-/lambdacontainer/builder.mjs}" "$@"\n';

/** The daemon: the package's own program without `node_modules`, writing nothing but /tmp. */
export function daemonContent(files: readonly BundleFile[]): ImageContent {
  return {
    createdBy: 'lambdacontainer controller',
    files: files.map(({ path, bytes, isExecutable }) =>
      fileEntry(`app/${path}`, bytes, { executable: isExecutable === true }),
    ),
    config: {
      entrypoint: [NODE, '/app/bin/lambdacontainer.js'],
      cmd: ['start'],
      workingDir: '/app',
      user: NOBODY_IN_PARTICULAR,
      volumes: ['/tmp'],
    },
  };
}

export function adapterContent(bundle: Uint8Array): ImageContent {
  return {
    createdBy: 'lambdacontainer/adapter',
    files: [fileEntry('lambdacontainer/adapter.mjs', bundle)],
    config: { entrypoint: [NODE, '/lambdacontainer/adapter.mjs'], workingDir: '/', user: NOBODY_IN_PARTICULAR },
  };
}

/** CodeBuild runs its commands as root, whatever an image says. */
export function builderContent(bundle: Uint8Array): ImageContent {
  return {
    createdBy: 'lambdacontainer/builder',
    files: [
      fileEntry('lambdacontainer/builder.mjs', bundle),
      fileEntry('usr/local/bin/lambdacontainer-build', BUILD_COMMAND, { executable: true }),
    ],
    config: {
      cmd: ['lambdacontainer-build'],
      env: { LAMBDACONTAINER_BUILDER: '/lambdacontainer/builder.mjs' },
      workingDir: '/',
    },
  };
}

/**
 * The image of a content over `base`, for both architectures; reads manifests and configurations of the base only.
 * The same content over the same base is the same digest.
 * @throws Failure notFound when the base is missing, or not made for one of them
 */
export async function composeOwnImage(
  client: RegistryClient,
  base: Reference,
  { createdBy, files, config }: ImageContent,
  call: RegistryCall = {},
): Promise<OwnImage> {
  const layer = await layerFromEntries(files, { createdBy, signal: call.signal });
  const images = await Promise.all(
    ARCHITECTURES.map(async (architecture) => ({
      architecture,
      image: compose({
        base: await client.image(base, { os: 'linux', architecture }, call),
        layers: [layer],
        config,
      }),
    })),
  );
  return { index: composeIndex(images), images, base };
}

/**
 * Pushes what the repository lacks: images, then the index by digest, then its tag. False: it was there already.
 * `near`: a repository of the same registry that has the base's blobs, which then need not be sent anew where the
 * registry mounts them.
 */
export async function pushOwnImage(
  client: RegistryClient,
  target: Repository,
  { index, images, base }: OwnImage,
  options: RegistryCall & { readonly tag?: string; readonly near?: Repository } = {},
): Promise<boolean> {
  const call = { signal: options.signal };
  if (await client.headManifest({ ...target, tag: undefined, digest: index.digest }, call)) return false;
  for (const { image } of images) await client.pushImage(target, image, { base: options.near ?? base, ...call });
  await client.pushManifest(target, index.digest, index, call);
  if (options.tag !== undefined) await client.pushManifest(target, options.tag, index, call);
  return true;
}
