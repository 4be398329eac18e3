/**
 * Images made ready to run: the manifest of this machine's platform is chosen, its layers unpacked into one folder per
 * manifest digest, its configuration read. There is no copy-on-write: all containers of an image share the folder, and
 * each finds a folder of its own in TMPDIR and HOME. Pulling from other registries is not done here; what the account's
 * registry lacks cannot be had.
 */
import { type Random, UserError } from '../../core/index.ts';
import { blobOf, type Digest, unpack } from '../../oci/index.ts';
import { AwsError, type BlobStore } from '../contract.ts';
import { FolderCache } from './folder-cache.ts';

/** What the registry's machine offers (EcrService). */
export interface ImageSource {
  resolve(imageUri: string): { readonly repository: string; readonly digest: string } | undefined;
  manifest(
    repository: string,
    reference: string,
  ): { readonly digest: string; readonly mediaType: string; readonly bytes: Uint8Array } | undefined;
}

export interface ImageConfig {
  readonly entryPoint: readonly string[];
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
}

export interface Rootfs {
  readonly folder: string;
  /** Of the platform's manifest, `sha256:…`. */
  readonly digest: string;
  readonly config: ImageConfig;
}

/** The image cannot be had; the message is the container runtime's. */
export class ImageError extends Error {
  override readonly name = 'ImageError';
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly platform?: { readonly os?: string; readonly architecture?: string };
}

interface ManifestDocument {
  readonly manifests?: readonly Descriptor[];
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
}

interface ConfigDocument {
  readonly config?: {
    readonly Entrypoint?: readonly string[] | null;
    readonly Cmd?: readonly string[] | null;
    readonly Env?: readonly string[] | null;
    readonly WorkingDir?: string;
  };
}

export class RootfsCache {
  readonly #images: ImageSource;
  readonly #blobs: BlobStore;
  readonly #folders: FolderCache;

  constructor(deps: { folder: string; images: ImageSource; blobs: BlobStore; random: Random }) {
    this.#images = deps.images;
    this.#blobs = deps.blobs;
    this.#folders = new FolderCache(deps.folder, deps.random);
  }

  /**
   * The unpacked image; concurrent calls for one image unpack it once.
   * @throws ImageError when the registry lacks the image, one of its parts, or this machine's platform
   */
  async ensure(imageUri: string): Promise<Rootfs> {
    const { digest, manifest } = this.#platformManifest(imageUri);
    if (!manifest.config) throw new ImageError(`${imageUri}: the manifest names no configuration`);
    const config = imageConfig(this.#read(imageUri, manifest.config.digest));
    const folder = await this.#folders.ensure(digest, async (empty) => {
      const layers = (manifest.layers ?? []).map(({ digest: layer }) =>
        blobOf(this.#read(imageUri, layer), layer as Digest),
      );
      await unpack(layers, empty).catch((error: unknown) => {
        throw error instanceof UserError ? new ImageError(`failed to extract ${imageUri}: ${error.message}`) : error;
      });
    });
    return { folder, digest, config };
  }

  #platformManifest(imageUri: string): { digest: string; manifest: ManifestDocument } {
    const found = this.#images.resolve(imageUri);
    const top = found && this.#images.manifest(found.repository, found.digest);
    if (!found || !top) throw new ImageError(`failed to resolve ref ${imageUri}: ${imageUri}: not found`);
    const document = parse<ManifestDocument>(top.bytes);
    if (!document.manifests) return { digest: top.digest, manifest: document };
    const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
    const chosen = document.manifests.find(
      ({ platform }) => platform?.os === 'linux' && platform.architecture === architecture,
    );
    const single = chosen && this.#images.manifest(found.repository, chosen.digest);
    if (!single) {
      throw new ImageError(
        `image Manifest does not contain descriptor matching platform 'linux/${architecture}' (${imageUri})`,
      );
    }
    return { digest: single.digest, manifest: parse<ManifestDocument>(single.bytes) };
  }

  #read(imageUri: string, digest: string): Uint8Array {
    try {
      return this.#blobs.read(digest);
    } catch (error) {
      if (error instanceof AwsError)
        throw new ImageError(`failed to copy ${imageUri}: content ${digest}: not found`, { cause: error });
      throw error;
    }
  }
}

function imageConfig(bytes: Uint8Array): ImageConfig {
  const { Entrypoint, Cmd, Env, WorkingDir } = parse<ConfigDocument>(bytes).config ?? {};
  return {
    entryPoint: Entrypoint ?? [],
    command: Cmd ?? [],
    environment: Object.fromEntries((Env ?? []).map(splitVariable)),
    workingDirectory: WorkingDir || '/',
  };
}

function splitVariable(text: string): [name: string, value: string] {
  const at = text.indexOf('=');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function parse<T>(bytes: Uint8Array): T {
  return JSON.parse(Buffer.from(bytes).toString('utf8')) as T;
}
