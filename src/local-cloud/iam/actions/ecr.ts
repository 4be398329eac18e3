/** ECR. https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html */
import type * as ecr from '@aws-sdk/client-ecr';
import {
  type Account,
  arnIn,
  isEmpty,
  need,
  onEverything,
  type Resolve,
  type ServiceActions,
  tagsFrom,
} from './needs.ts';

interface Named {
  readonly repositoryName?: string | undefined;
}

export const ECR: ServiceActions = {
  operations: {
    ...onEverything('ecr', ['GetAuthorizationToken']),
    CreateRepository: (input: ecr.CreateRepositoryRequest, account) => {
      const requestTags = tagsFrom(input.tags);
      const arns = [repositoryArn(account, input)];
      return [
        need('ecr:CreateRepository', arns, { requestTags }),
        ...(isEmpty(requestTags) ? [] : [need('ecr:TagResource', arns, { requestTags })]),
      ];
    },
    DescribeRepositories: (input: ecr.DescribeRepositoriesRequest, account) => {
      // Who asks for none by name asks for all.
      const names = input.repositoryNames && input.repositoryNames.length > 0 ? input.repositoryNames : ['*'];
      return [
        need(
          'ecr:DescribeRepositories',
          names.map((repositoryName) => repositoryArn(account, { repositoryName })),
        ),
      ];
    },
    ...onRepository([
      'DeleteRepository',
      'PutImageTagMutability',
      'PutLifecyclePolicy',
      'GetLifecyclePolicy',
      'DeleteLifecyclePolicy',
      'DescribeImages',
      'ListImages',
      'BatchGetImage',
      'BatchDeleteImage',
      'PutImage',
    ]),
    TagResource: (input: ecr.TagResourceRequest) => [
      need('ecr:TagResource', [input.resourceArn ?? ''], { requestTags: tagsFrom(input.tags) }),
    ],
    UntagResource: (input: ecr.UntagResourceRequest) => [
      need('ecr:UntagResource', [input.resourceArn ?? ''], { tagKeys: input.tagKeys ?? [] }),
    ],
    ListTagsForResource: (input: ecr.ListTagsForResourceRequest) => [
      need('ecr:ListTagsForResource', [input.resourceArn ?? '']),
    ],
  },
  tagsOf: (resourceArn, account) => tagsFrom(account.ask('ecr', 'ListTagsForResource', { resourceArn })?.tags),
};

function onRepository(names: readonly string[]): Record<string, Resolve> {
  return Object.fromEntries(
    names.map((name) => [
      name,
      (input: Named, account: Account) => [need(`ecr:${name}`, [repositoryArn(account, input)])],
    ]),
  );
}

function repositoryArn(account: Account, { repositoryName = '' }: Named): string {
  return arnIn(account, 'ecr', `repository/${repositoryName}`);
}
