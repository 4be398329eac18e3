/**
 * The product's own images, adapter and builder, composed from the bundles over the node base image and pushed to the
 * local registry as anyone would push: repositories by the API, blobs and manifests over the registry's protocol. On
 * AWS the released images take their place.
 */
import { readFile } from 'node:fs/promises';
import {
  type ConfigChanges,
  compose,
  composeIndex,
  fileEntry,
  type LayerEntry,
  layerFromEntries,
  parseReference,
  RegistryClient,
} from '../oci/index.ts';
import { AwsError, type ServiceId } from './contract.ts';

export interface OwnImagesOptions {
  /** Calls the API of the cloud whose registry it is (`Cloud.call`). */
  readonly call: (service: ServiceId, operation: string, input: unknown) => unknown;
  /** `host:port` of the registry. */
  readonly registry: string;
  /** The bundles' files. */
  readonly adapterFile: string;
  readonly builderFile: string;
  readonly signal?: AbortSignal;
}

/** `host/repository@sha256:…` of an index for amd64 and arm64. */
export interface OwnImages {
  readonly adapter: string;
  readonly builder: string;
}

const BASE = 'docker/library/node:24-slim';
const ARCHITECTURES = ['amd64', 'arm64'] as const;
/** For people who list the repository; everything that runs names the digest. */
const TAG = 'local';

/** The node on PATH, because the stand-in for the base image and the original have it in different places. */
const BUILD_COMMAND = '#!/bin/sh\nexec node "$' + '{LAMBDACONTAINER_BUILDER:-/lambdacontainer/builder.mjs}" "$@"\n';

/**
 * Pushes both images unless the registry has them already (by content), and returns their references.
 * @throws Error when a bundle is missing, Failure when the registry refuses
 */
export async function pushOwnImages(options: OwnImagesOptions): Promise<OwnImages> {
  const client = new RegistryClient({ credentials: async () => credentials(options.call) });
  try {
    return {
      adapter: await push(client, options, 'lambdacontainer/adapter', {
        files: [fileEntry('lambdacontainer/adapter.mjs', await readFile(options.adapterFile))],
        config: { entrypoint: ['/usr/local/bin/node', '/lambdacontainer/adapter.mjs'], workingDir: '/' },
      }),
      builder: await push(client, options, 'lambdacontainer/builder', {
        files: [
          fileEntry('lambdacontainer/builder.mjs', await readFile(options.builderFile)),
          fileEntry('usr/local/bin/lambdacontainer-build', BUILD_COMMAND, { executable: true }),
        ],
        config: {
          cmd: ['lambdacontainer-build'],
          env: { LAMBDACONTAINER_BUILDER: '/lambdacontainer/builder.mjs' },
          workingDir: '/',
        },
      }),
    };
  } finally {
    await client.close();
  }
}

async function push(
  client: RegistryClient,
  options: OwnImagesOptions,
  repository: string,
  content: { files: LayerEntry[]; config: ConfigChanges },
): Promise<string> {
  const target = { host: options.registry, repository };
  const reference = parseReference(`${options.registry}/${BASE}`);
  const call = options.signal ? { signal: options.signal } : {};
  const layer = await layerFromEntries(content.files, { createdBy: repository, ...call });
  const images = await Promise.all(
    ARCHITECTURES.map(async (architecture) => {
      const base = await client.image(reference, { os: 'linux', architecture }, call);
      return { architecture, image: compose({ base, layers: [layer], config: content.config }) };
    }),
  );
  const index = composeIndex(images);
  const result = `${options.registry}/${repository}@${index.digest}`;
  ensureRepository(options.call, repository);
  if (await client.headManifest(parseReference(result), call)) return result;
  for (const { image } of images) await client.pushImage(target, image, { base: reference, ...call });
  await client.pushManifest(target, index.digest, index, call);
  await client.pushManifest(target, TAG, index, call);
  return result;
}

function ensureRepository(call: OwnImagesOptions['call'], repositoryName: string): void {
  try {
    call('ecr', 'CreateRepository', { repositoryName });
  } catch (error) {
    if (!(error instanceof AwsError && error.code === 'RepositoryAlreadyExistsException')) throw error;
  }
}

function credentials(call: OwnImagesOptions['call']): { username: string; password: string } {
  const { authorizationData } = call('ecr', 'GetAuthorizationToken', {}) as {
    authorizationData: { authorizationToken: string }[];
  };
  const decoded = Buffer.from(authorizationData[0]?.authorizationToken ?? '', 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  return { username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}
