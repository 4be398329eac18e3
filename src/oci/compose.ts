/**
 * Composition: a base image's layers by digest, new layers on top, an adjusted configuration. Pure: nothing is read,
 * nothing is pushed, and equal inputs give an equal digest (canonical JSON, no times). The result is always a plain
 * OCI image manifest, never an index, because Lambda refuses one.
 */
import { canonicalJson } from '../core/index.ts';
import { digestOf } from './digest.ts';
import {
  type Blob,
  blobOf,
  type Descriptor,
  type ImageConfig,
  type ImageIndex,
  type ImageManifest,
  type ManifestDocument,
  MEDIA_TYPES,
  OCI_LAYER_TYPE,
  type RuntimeConfig,
} from './image-types.ts';
import type { Layer } from './layer.ts';

/** A single-platform image to build upon. */
export interface BaseImage {
  readonly manifest: ImageManifest;
  readonly config: ImageConfig;
}

/** What replaces the base's runtime configuration; `env` is merged by name. */
export interface ConfigChanges {
  readonly entrypoint?: readonly string[] | undefined;
  readonly cmd?: readonly string[] | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly workingDir?: string | undefined;
  /** `uid:gid` or a name that the base's /etc/passwd has. */
  readonly user?: string | undefined;
  /** Folders that are written where the root file system is read-only. */
  readonly volumes?: readonly string[] | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

export interface Composition {
  readonly base: BaseImage;
  readonly layers: readonly Layer[];
  readonly config?: ConfigChanges;
}

export interface ComposedImage extends ManifestDocument {
  readonly manifest: ImageManifest;
  readonly config: Blob;
  /** New layers only; the manifest's other layers are the base's. */
  readonly layers: readonly Layer[];
}

/** A fixed time: when an image was composed is not part of what it is. */
const CREATED = '1970-01-01T00:00:00Z';

/** The base of an image that starts from nothing. */
export function scratch(architecture: 'amd64' | 'arm64'): BaseImage {
  const config: ImageConfig = { architecture, os: 'linux', rootfs: { type: 'layers', diff_ids: [] }, history: [] };
  const nowhere: Descriptor = { mediaType: MEDIA_TYPES.ociConfig, digest: digestOf(''), size: 0 };
  return { manifest: { schemaVersion: 2, config: nowhere, layers: [] }, config };
}

/** The image; does no IO. */
export function compose({ base, layers, config: changes = {} }: Composition): ComposedImage {
  const { architecture, os, variant, rootfs, history } = base.config;
  const configuration: ImageConfig & { created: string } = {
    architecture,
    os,
    ...(variant === undefined ? {} : { variant }),
    created: CREATED,
    config: changed(base.config.config ?? {}, changes),
    rootfs: { type: 'layers', diff_ids: [...rootfs.diff_ids, ...layers.map((layer) => layer.diffId)] },
    history: [...(history ?? []), ...layers.map((layer) => ({ created: CREATED, created_by: layer.createdBy }))],
  };
  const configBytes = Buffer.from(canonicalJson(configuration), 'utf8');
  const config = blobOf(configBytes, digestOf(configBytes));
  const manifest: ImageManifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociManifest,
    config: { mediaType: MEDIA_TYPES.ociConfig, digest: config.digest, size: config.size },
    layers: [
      ...base.manifest.layers.map((layer) => ({
        ...layer,
        mediaType: OCI_LAYER_TYPE[layer.mediaType] ?? layer.mediaType,
      })),
      ...layers.map(({ digest, size }) => ({ mediaType: MEDIA_TYPES.ociLayerGzip, digest, size })),
    ],
  };
  return { ...document(MEDIA_TYPES.ociManifest, manifest), manifest, config, layers };
}

/** An index over single-platform images, sorted by architecture. */
export function composeIndex(images: readonly { image: ComposedImage; architecture: string }[]): ManifestDocument {
  const manifests = [...images]
    .sort((a, b) => (a.architecture < b.architecture ? -1 : 1))
    .map(({ image, architecture }) => ({
      mediaType: image.mediaType,
      digest: image.digest,
      size: image.bytes.length,
      platform: { os: 'linux', architecture },
    }));
  const index: ImageIndex = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests };
  return document(MEDIA_TYPES.ociIndex, index);
}

function document(mediaType: string, value: unknown): ManifestDocument {
  const bytes = Buffer.from(canonicalJson(value), 'utf8');
  return { mediaType, digest: digestOf(bytes), bytes };
}

function changed(base: RuntimeConfig, changes: ConfigChanges): RuntimeConfig {
  return {
    ...base,
    ...(changes.entrypoint === undefined ? {} : { Entrypoint: changes.entrypoint }),
    // As in a Dockerfile: a new entry point without a command drops the base's command.
    ...(changes.cmd !== undefined ? { Cmd: changes.cmd } : changes.entrypoint !== undefined ? { Cmd: null } : {}),
    ...(changes.env === undefined ? {} : { Env: mergedEnv(base.Env ?? [], changes.env) }),
    ...(changes.workingDir === undefined ? {} : { WorkingDir: changes.workingDir }),
    ...(changes.user === undefined ? {} : { User: changes.user }),
    ...(changes.volumes === undefined
      ? {}
      : { Volumes: Object.fromEntries(changes.volumes.map((path) => [path, {}])) }),
    ...(changes.labels === undefined ? {} : { Labels: { ...(base.Labels as object | undefined), ...changes.labels } }),
  };
}

/** The base's order is kept, new names follow in alphabetical order. */
function mergedEnv(base: readonly string[], changes: Readonly<Record<string, string>>): string[] {
  const values = new Map(base.map((line) => [line.split('=', 1)[0] ?? '', line]));
  for (const name of Object.keys(changes).sort()) values.set(name, `${name}=${changes[name]}`);
  return [...values.values()];
}
