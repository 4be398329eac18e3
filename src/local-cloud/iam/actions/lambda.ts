/** Lambda. https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html */
import type * as lambda from '@aws-sdk/client-lambda';
import {
  type Account,
  arnIn,
  need,
  onEverything,
  passing,
  type Resolve,
  type ServiceActions,
  type Tags,
} from './needs.ts';

const SERVICE = 'lambda.amazonaws.com';

interface Named {
  readonly FunctionName?: string | undefined;
  readonly Qualifier?: string | undefined;
}

export const LAMBDA: ServiceActions = {
  operations: {
    ...onEverything('lambda', ['ListFunctions']),
    CreateFunction: (input: lambda.CreateFunctionRequest, account) => [
      need('lambda:CreateFunction', [functionArn(account, input)], { requestTags: input.Tags ?? {} }),
      ...passing([input.Role], SERVICE),
    ],
    UpdateFunctionConfiguration: (input: lambda.UpdateFunctionConfigurationRequest, account) => [
      need('lambda:UpdateFunctionConfiguration', [functionArn(account, input)]),
      ...passing([input.Role], SERVICE),
    ],
    ...onFunction([
      'GetFunction',
      'GetFunctionConfiguration',
      'UpdateFunctionCode',
      'DeleteFunction',
      'PublishVersion',
      'ListVersionsByFunction',
      'PutFunctionConcurrency',
      'GetFunctionConcurrency',
      'DeleteFunctionConcurrency',
      'CreateAlias',
      'UpdateAlias',
      'GetAlias',
      'DeleteAlias',
      'ListAliases',
      'GetPolicy',
    ]),
    // Its action has another name.
    Invoke: (input: Named, account) => [need('lambda:InvokeFunction', [functionArn(account, input)])],
    AddPermission: (input: lambda.AddPermissionRequest, account) => [
      need('lambda:AddPermission', [functionArn(account, input)], { keys: { 'lambda:Principal': input.Principal } }),
    ],
    RemovePermission: (input: lambda.RemovePermissionRequest, account) => [
      need('lambda:RemovePermission', [functionArn(account, input)], {
        keys: { 'lambda:Principal': principalOf(input, account) },
      }),
    ],
    PublishLayerVersion: (input: { LayerName?: string }, account) => [
      need('lambda:PublishLayerVersion', [layerArn(account, input.LayerName)]),
    ],
    GetLayerVersion: (input: { LayerName?: string; VersionNumber?: number }, account) => [
      need('lambda:GetLayerVersion', [`${layerArn(account, input.LayerName)}:${input.VersionNumber}`]),
    ],
    GetLayerVersionByArn: (input: { Arn?: string }) => [need('lambda:GetLayerVersion', [input.Arn ?? ''])],
    TagResource: (input: { Resource?: string; Tags?: Tags }) => [
      need('lambda:TagResource', [input.Resource ?? ''], { requestTags: input.Tags ?? {} }),
    ],
    UntagResource: (input: { Resource?: string; TagKeys?: string[] }) => [
      need('lambda:UntagResource', [input.Resource ?? ''], { tagKeys: input.TagKeys ?? [] }),
    ],
    ListTags: (input: { Resource?: string }) => [need('lambda:ListTags', [input.Resource ?? ''])],
  },
  // Versions and aliases carry the tags of their function.
  tagsOf: (arn, account) =>
    account.ask('lambda', 'ListTags', { Resource: arn.split(':').slice(0, 7).join(':') })?.Tags ?? {},
  policyOf: (arn, account) =>
    arn.split(':')[5] === 'function' ? account.ask('lambda', 'GetPolicy', { FunctionName: arn })?.Policy : undefined,
};

function onFunction(names: readonly string[]): Record<string, Resolve> {
  return Object.fromEntries(
    names.map((name) => [
      name,
      (input: Named, account: Account) => [need(`lambda:${name}`, [functionArn(account, input)])],
    ]),
  );
}

function functionArn(account: Account, { FunctionName = '', Qualifier }: Named): string {
  const name = FunctionName.startsWith('arn:') ? FunctionName : arnIn(account, 'lambda', `function:${FunctionName}`);
  return Qualifier === undefined ? name : `${name}:${Qualifier}`;
}

function layerArn(account: Account, nameOrArn = ''): string {
  return nameOrArn.startsWith('arn:') ? nameOrArn : arnIn(account, 'lambda', `layer:${nameOrArn}`);
}

/** Whom the statement that goes lets in. */
function principalOf(input: lambda.RemovePermissionRequest, account: Account): string | undefined {
  const { FunctionName, Qualifier, StatementId } = input;
  const answer = account.ask('lambda', 'GetPolicy', { FunctionName, Qualifier });
  const { Statement = [] } = JSON.parse(answer?.Policy ?? '{}') as {
    Statement?: { Sid: string; Principal: string | { Service?: string; AWS?: string } }[];
  };
  const principal = Statement.find(({ Sid }) => Sid === StatementId)?.Principal;
  return typeof principal === 'object' ? (principal.Service ?? principal.AWS) : principal;
}
