/**
 * The ECR repository that images of a class go to, one per namespace. It owns the repository's existence and tags, not
 * its images (each is an `image-build`), scanning, encryption or lifecycle policy.
 */
import { tagRecord, upperTags } from '../../aws/index.ts';
import { ownershipKeys, READY, type ResourceKind, unlessAbsent, unlessGone } from '../../resource/index.ts';

/** Identity: `repositoryName`. */
export type EcrRepositoryProps = Readonly<Record<string, never>>;

export interface EcrRepositoryObserved {
  readonly arn: string;
  /** `host/repository`. */
  readonly uri: string;
  readonly tags: Readonly<Record<string, string>>;
}

export const ecrRepository: ResourceKind<EcrRepositoryProps, EcrRepositoryObserved> = {
  name: 'ecr-repository',
  permissions: [
    {
      actions: ['ecr:DescribeRepositories', 'ecr:ListTagsForResource'],
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
        const arn = repository.repositoryArn ?? '';
        const { tags } = await io.aws.ecr.listTagsForResource({ resourceArn: arn }, call);
        return { arn, uri: repository.repositoryUri ?? '', tags: tagRecord(tags) };
      })(),
    );
  },

  tags: ({ tags }) => tags,
  readiness: () => READY,
  outputs: ({ uri, arn }) => ({ uri, arn }),
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
};
