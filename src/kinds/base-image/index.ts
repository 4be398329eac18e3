/**
 * A base image in a registry: what a tag means today, as a digest for one architecture. Read only. It does not pull
 * anything; the build does.
 */
import { members, READY, type ResourceKind, readOnly, text, unlessAbsent } from '../../resource/index.ts';

/** Identity: `reference` (`host/repo:tag` or `host/repo@digest`) and `architecture` (`x86_64` or `arm64`). */
export type BaseImageProps = Readonly<Record<string, never>>;

export interface BaseImageObserved {
  readonly digest: string;
  readonly uri: string;
}

export const baseImage: ResourceKind<BaseImageProps, BaseImageObserved> = {
  ...readOnly('base-image'),
  name: 'base-image',
  // The registry is asked over the OCI distribution protocol; the port that does so brings its own credentials.
  permissions: [],

  async observe(io, identity, call) {
    const { reference = '', architecture } = identity;
    // What a digest means never changes; what a tag means does.
    const key = reference.includes('@') ? `base-image ${reference} ${architecture}` : undefined;
    const known = key === undefined ? undefined : (io.immutable.get(key) as BaseImageObserved | undefined);
    if (known) return known;
    const digest = await unlessAbsent(
      io.aws.registry.resolveDigest(reference, architecture === 'arm64' ? 'arm64' : 'x86_64', call),
    );
    if (digest === undefined) return undefined;
    const observed = { digest, uri: `${repositoryOf(reference)}@${digest}` };
    if (key !== undefined) io.immutable.set(key, observed);
    return observed;
  },

  readiness: () => READY,
  outputs: ({ digest, uri }) => ({ digest, uri }),

  // A registry lists nothing in bulk that says what a tag means.
  rotating: { BaseImageDigestDrift: ({ digest }) => digest },

  events: [
    {
      // Of base images in the account's own registry; others tell nobody.
      // https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html
      source: 'aws.ecr',
      detailType: 'ECR Image Action',
      detail: { result: ['SUCCESS'], 'action-type': ['PUSH'] },
      names({ account, region, detail }) {
        const { 'repository-name': repository, 'image-tag': tag } = members(detail);
        if (text(repository) === '' || text(tag) === '') return [];
        return [`${account}.dkr.ecr.${region}.amazonaws.com/${repository}:${tag}`];
      },
    },
  ],
};

/** `host:5000/repo:tag` and `host:5000/repo@sha256:…` without what follows the repository. */
function repositoryOf(reference: string): string {
  const untilDigest = reference.split('@')[0] ?? '';
  const colon = untilDigest.lastIndexOf(':');
  return colon > untilDigest.lastIndexOf('/') ? untilDigest.slice(0, colon) : untilDigest;
}
