/**
 * The product's own images, adapter and builder, composed from the bundles over the node base image and pushed to the
 * local registry as anyone would push: repositories by the API, blobs and manifests over the registry's protocol. On
 * AWS the released images take their place.
 */
import { readFile } from 'node:fs/promises';
import {
  adapterContent,
  builderContent,
  composeOwnImage,
  type ImageContent,
  parseReference,
  pushOwnImage,
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
/** For people who list the repository; everything that runs names the digest. */
const TAG = 'local';

/**
 * Pushes both images unless the registry has them already (by content), and returns their references.
 * @throws Error when a bundle is missing, Failure when the registry refuses
 */
export async function pushOwnImages(options: OwnImagesOptions): Promise<OwnImages> {
  const client = new RegistryClient({ credentials: async () => credentials(options.call) });
  try {
    return {
      adapter: await push(
        client,
        options,
        'lambdacontainer/adapter',
        adapterContent(await readFile(options.adapterFile)),
      ),
      builder: await push(
        client,
        options,
        'lambdacontainer/builder',
        builderContent(await readFile(options.builderFile)),
      ),
    };
  } finally {
    await client.close();
  }
}

async function push(
  client: RegistryClient,
  options: OwnImagesOptions,
  repository: string,
  content: ImageContent,
): Promise<string> {
  const call = options.signal ? { signal: options.signal } : {};
  const image = await composeOwnImage(client, parseReference(`${options.registry}/${BASE}`), content, call);
  ensureRepository(options.call, repository);
  await pushOwnImage(client, { host: options.registry, repository }, image, { tag: TAG, ...call });
  return `${options.registry}/${repository}@${image.index.digest}`;
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
