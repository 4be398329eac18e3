/** Secrets Manager. https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html */
import { type Account, arnIn, need, onEverything, type Resolve, type ServiceActions, tagsFrom } from './needs.ts';

interface Named {
  readonly SecretId?: string | undefined;
}

export const SECRETSMANAGER: ServiceActions = {
  operations: {
    ...onEverything('secretsmanager', ['ListSecrets']),
    CreateSecret: (input: { Name?: string; Tags?: { Key?: string; Value?: string }[] }, account) => [
      need('secretsmanager:CreateSecret', [arnIn(account, 'secretsmanager', `secret:${input.Name}`)], {
        keys: { 'secretsmanager:Name': input.Name },
        requestTags: tagsFrom(input.Tags),
      }),
    ],
    ...onSecret([
      'PutSecretValue',
      'UpdateSecret',
      'DescribeSecret',
      'DeleteSecret',
      'RestoreSecret',
      'ListSecretVersionIds',
    ]),
    GetSecretValue: (input: Named & { VersionId?: string; VersionStage?: string }, account) => [
      need('secretsmanager:GetSecretValue', [secretArn(input, account)], {
        keys: {
          'secretsmanager:SecretId': input.SecretId,
          'secretsmanager:VersionId': input.VersionId,
          'secretsmanager:VersionStage': input.VersionStage,
        },
      }),
    ],
    UpdateSecretVersionStage: (input: Named & { VersionStage?: string }, account) => [
      need('secretsmanager:UpdateSecretVersionStage', [secretArn(input, account)], {
        keys: { 'secretsmanager:SecretId': input.SecretId, 'secretsmanager:VersionStage': input.VersionStage },
      }),
    ],
    TagResource: (input: Named & { Tags?: { Key?: string; Value?: string }[] }, account) => [
      need('secretsmanager:TagResource', [secretArn(input, account)], { requestTags: tagsFrom(input.Tags) }),
    ],
    UntagResource: (input: Named & { TagKeys?: string[] }, account) => [
      need('secretsmanager:UntagResource', [secretArn(input, account)], { tagKeys: input.TagKeys ?? [] }),
    ],
  },
  tagsOf: (SecretId, account) => tagsFrom(account.ask('secretsmanager', 'DescribeSecret', { SecretId })?.Tags),
};

function onSecret(names: readonly string[]): Record<string, Resolve> {
  return Object.fromEntries(
    names.map((name) => [
      name,
      (input: Named, account: Account) => [need(`secretsmanager:${name}`, [secretArn(input, account)])],
    ]),
  );
}

/** The whole ARN, with the letters that AWS adds, where the secret is there. */
function secretArn({ SecretId = '' }: Named, account: Account): string {
  const known = account.ask('secretsmanager', 'DescribeSecret', { SecretId })?.ARN;
  if (known !== undefined) return known;
  return SecretId.startsWith('arn:') ? SecretId : arnIn(account, 'secretsmanager', `secret:${SecretId}`);
}
