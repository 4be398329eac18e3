/** IAM itself. https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html */
import { type Account, need, onEverything, type Resolve, type ServiceActions, tagsFrom } from './needs.ts';

export const IAM: ServiceActions = {
  operations: {
    ...onEverything('iam', ['ListRoles', 'ListUsers', 'ListPolicies']),
    ...on(
      ({ RoleName, Path }, account) => [roleArn(RoleName, Path, account)],
      [
        'CreateRole',
        'GetRole',
        'DeleteRole',
        'UpdateAssumeRolePolicy',
        'TagRole',
        'PutRolePolicy',
        'GetRolePolicy',
        'DeleteRolePolicy',
        'ListRolePolicies',
        'AttachRolePolicy',
        'DetachRolePolicy',
        'ListAttachedRolePolicies',
      ],
    ),
    ...on(
      ({ UserName, Path }, account) => [userArn(UserName, Path, account)],
      [
        'CreateUser',
        'GetUser',
        'DeleteUser',
        'PutUserPolicy',
        'GetUserPolicy',
        'DeleteUserPolicy',
        'ListUserPolicies',
        'AttachUserPolicy',
        'DetachUserPolicy',
        'ListAttachedUserPolicies',
        'CreateAccessKey',
        'ListAccessKeys',
        'DeleteAccessKey',
      ],
    ),
    CreatePolicy: (input: Input, account) => [
      need('iam:CreatePolicy', [`arn:aws:iam::${account.accountId}:policy${input.Path ?? '/'}${input.PolicyName}`], {
        requestTags: tagsFrom(input.Tags),
      }),
    ],
    ...on(
      ({ PolicyArn = '' }) => [PolicyArn],
      ['GetPolicy', 'GetPolicyVersion', 'DeletePolicy', 'CreatePolicyVersion'],
    ),
  },
  tagsOf: (arn, account) => {
    const RoleName = arn.includes(':role/') ? arn.slice(arn.lastIndexOf('/') + 1) : undefined;
    return RoleName === undefined ? {} : tagsFrom(account.ask('iam', 'GetRole', { RoleName })?.Role?.Tags);
  },
};

interface Input {
  readonly RoleName?: string;
  readonly UserName?: string;
  readonly PolicyName?: string;
  readonly PolicyArn?: string;
  readonly Path?: string;
  readonly Tags?: { Key?: string; Value?: string }[];
}

function on(
  resources: (input: Input, account: Account) => readonly string[],
  names: readonly string[],
): Record<string, Resolve> {
  return Object.fromEntries(
    names.map((name) => [
      name,
      (input: Input, account: Account) => [
        need(`iam:${name}`, resources(input, account), {
          requestTags: tagsFrom(input.Tags),
          keys: { 'iam:PolicyARN': input.PolicyArn },
        }),
      ],
    ]),
  );
}

/** A role's path is known only to IAM. */
function roleArn(RoleName = '', path: string | undefined, account: Account): string {
  const known = path === undefined ? account.ask('iam', 'GetRole', { RoleName })?.Role?.Arn : undefined;
  return known ?? `arn:aws:iam::${account.accountId}:role${path ?? '/'}${RoleName}`;
}

function userArn(UserName = '', path: string | undefined, account: Account): string {
  const known = path === undefined ? account.ask('iam', 'GetUser', { UserName })?.User?.Arn : undefined;
  return known ?? `arn:aws:iam::${account.accountId}:user${path ?? '/'}${UserName}`;
}
