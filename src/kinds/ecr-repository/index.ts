/**
 * The ECR repository that images of a class go to, one per namespace. It owns the repository's existence and tags, not
 * its images (each is an `image-build`), scanning, encryption or lifecycle policy, which it reads because it may take
 * away what is still needed.
 */
import type { Repository } from '@aws-sdk/client-ecr';
import { type Call, ecrRepositories, tagRecord, upperTags } from '../../aws/index.ts';
import { isFailure } from '../../core/index.ts';
import {
  type Io,
  onCalls,
  ownershipKeys,
  ownershipOf,
  READY,
  type ResourceKind,
  type Sweep,
  TAG_LISTING_PERMISSION,
  text,
  unlessAbsent,
  unlessGone,
} from '../../resource/index.ts';

/** Identity: `repositoryName`. */
export type EcrRepositoryProps = Readonly<Record<string, never>>;

export interface EcrRepositoryObserved {
  readonly arn: string;
  /** `host/repository`. */
  readonly uri: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Null when there is none, or it may not be read. */
  readonly lifecyclePolicy: string | null;
}

/** The listing does not show the lifecycle policy. */
type Listed = Omit<EcrRepositoryObserved, 'lifecyclePolicy'>;

const sweep: Sweep<EcrRepositoryProps, Listed, Repository> = {
  listing: ecrRepositories,
  locate: ({ repositoryName = '' }) => ({ scope: '', name: repositoryName }),
  seen(repository, tagsOf) {
    const { arn, uri } = observed(repository);
    return { arn, uri, tags: tagsOf(arn) ?? {} };
  },
  // Images are named by the repository's address: another account's or registry's is another repository.
  fields: { OwnershipDrift: ({ tags }) => ownershipOf(tags), RepositoryDrift: ({ uri }) => uri },
  fromTags: ['OwnershipDrift'],
};

export const ecrRepository: ResourceKind<EcrRepositoryProps, EcrRepositoryObserved> = {
  name: 'ecr-repository',
  permissions: [
    {
      actions: ['ecr:DescribeRepositories', 'ecr:ListTagsForResource', 'ecr:GetLifecyclePolicy'],
      resources: ['arn:aws:ecr:*:*:repository/*'],
      because: 'reads the repository of a namespace and whose it is',
    },
    {
      actions: ['ecr:CreateRepository', 'ecr:TagResource'],
      resources: ['arn:aws:ecr:*:*:repository/*'],
      only: 'claiming',
      because: 'makes one repository per namespace for the images it builds',
    },
    {
      actions: ['ecr:UntagResource', 'ecr:DeleteRepository'],
      resources: ['arn:aws:ecr:*:*:repository/*'],
      only: 'owned',
      because: 'lets go of a repository of its own; never deletes one that holds images',
    },
    TAG_LISTING_PERMISSION,
  ],
  calls: {
    create: ['ecr CreateRepository'],
    update: [],
    delete: ['ecr DeleteRepository'],
    release: ['ecr UntagResource'],
  },

  async observe(io, identity, call) {
    const { repositoryName = '' } = identity;
    return unlessAbsent(
      (async () => {
        const found = await io.aws.ecr.describeRepositories({ repositoryNames: [repositoryName] }, call);
        const repository = found.repositories?.[0];
        if (!repository) return undefined;
        const { arn, uri } = observed(repository);
        const [{ tags }, lifecyclePolicy] = await Promise.all([
          io.aws.ecr.listTagsForResource({ resourceArn: arn }, call),
          lifecyclePolicyOf(io, repositoryName, call),
        ]);
        return { arn, uri, tags: tagRecord(tags), lifecyclePolicy };
      })(),
    );
  },

  tags: ({ tags }) => tags,
  lasting: true,
  readiness: () => READY,
  outputs: ({ uri, arn, lifecyclePolicy }) => ({ uri, arn, lifecyclePolicy }),
  diff: () => [],

  async create(io, { repositoryName }, _desired, call) {
    await io.aws.ecr.createRepository({ repositoryName, tags: upperTags(call.tags) }, call);
  },

  // Nothing about an existing repository is ours to change.
  update: async () => {},

  async delete(io, { repositoryName }, _observed, call) {
    // Without force: RepositoryNotEmptyException is a conflict, and images that we did not make stay.
    await unlessGone(io.aws.ecr.deleteRepository({ repositoryName }, call));
  },

  async release(io, _identity, { arn, tags }, call) {
    const tagKeys = ownershipKeys(tags);
    if (tagKeys.length > 0) await unlessGone(io.aws.ecr.untagResource({ resourceArn: arn, tagKeys }, call));
  },

  sweep,
  rotating: { LifecyclePolicyDrift: ({ lifecyclePolicy }) => lifecyclePolicy },
  events: [
    onCalls('ecr', ['DeleteRepository', 'TagResource', 'UntagResource'], ({ repositoryName, resourceArn }) => [
      text(repositoryName),
      text(resourceArn).replace(/^.*:repository\//, ''),
    ]),
  ],
};

function observed({ repositoryArn = '', repositoryUri = '' }: Repository) {
  return { arn: repositoryArn, uri: repositoryUri };
}

/** Null when there is none. Whoever may not read it is not kept from building. */
async function lifecyclePolicyOf(io: Io, repositoryName: string, call: Call): Promise<string | null> {
  try {
    const answer = await unlessAbsent(io.aws.ecr.getLifecyclePolicy({ repositoryName }, call));
    return answer?.lifecyclePolicyText ?? null;
  } catch (error) {
    if (!isFailure(error, 'denied')) throw error;
    return null;
  }
}
