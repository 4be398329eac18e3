/** Lambda's operations on aliases. Weighted routing between versions is not supported here. */
import type * as lambda from '@aws-sdk/client-lambda';
import type { Handler } from '../../contract.ts';
import { validation } from './configuration.ts';
import { paged } from './functions.ts';
import { conflict, type FunctionName, invalidValue, missing, notFound, requireRevision } from './names.ts';
import type { AliasRecord, LambdaStore } from './store.ts';

const NAME = /^(?!^[0-9]+$)[a-zA-Z0-9-_]{1,128}$/;

export function aliasOperations(store: LambdaStore): Record<string, Handler> {
  const shape = (alias: AliasRecord): lambda.AliasConfiguration => ({
    AliasArn: store.arn({ name: alias.functionName, qualifier: alias.name }),
    Name: alias.name,
    FunctionVersion: alias.version,
    Description: alias.description,
    RevisionId: alias.revisionId,
  });

  const existing = (input: { FunctionName: string | undefined; Name: string | undefined }): AliasRecord => {
    const name: FunctionName = { name: store.name(input.FunctionName).name, qualifier: input.Name };
    store.function(name);
    const found = store.aliases.get(`${name.name}:${input.Name}`);
    if (!found) throw missing(`Cannot find alias arn: ${store.arn(name)}`);
    return found;
  };

  const requireVersion = (functionName: string, version: string) => {
    if (!store.versions.has(`${functionName}:${version}`))
      throw notFound(store.arn({ name: functionName, qualifier: version }));
  };

  const keep = (alias: AliasRecord): lambda.AliasConfiguration => {
    store.aliases.set(`${alias.functionName}:${alias.name}`, alias);
    return shape(alias);
  };

  return {
    CreateAlias: (input: lambda.CreateAliasRequest): lambda.AliasConfiguration => {
      const { name: functionName } = store.name(input.FunctionName);
      const name = input.Name ?? '';
      store.function({ name: functionName, qualifier: undefined });
      if (!NAME.test(name))
        throw validation('name', name, 'Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)');
      refuseRouting(input.RoutingConfig);
      if (store.aliases.has(`${functionName}:${name}`)) {
        throw conflict(`Alias already exists: ${store.arn({ name: functionName, qualifier: name })}`);
      }
      const version = input.FunctionVersion ?? '';
      requireVersion(functionName, version);
      return keep({ functionName, name, version, description: input.Description ?? '', revisionId: store.revision() });
    },

    UpdateAlias: (input: lambda.UpdateAliasRequest): lambda.AliasConfiguration => {
      const alias = existing(input);
      requireRevision(input.RevisionId, alias.revisionId);
      refuseRouting(input.RoutingConfig);
      const version = input.FunctionVersion ?? alias.version;
      requireVersion(alias.functionName, version);
      return keep({
        ...alias,
        version,
        description: input.Description ?? alias.description,
        revisionId: store.revision(),
      });
    },

    GetAlias: (input: lambda.GetAliasRequest): lambda.AliasConfiguration => shape(existing(input)),

    /** One that is not there is deleted, too. */
    DeleteAlias: (input: lambda.DeleteAliasRequest): object => {
      const name: FunctionName = { name: store.name(input.FunctionName).name, qualifier: input.Name };
      store.function(name);
      store.aliases.delete(`${name.name}:${input.Name}`);
      store.policies.delete(`${name.name}:${input.Name}`);
      return {};
    },

    ListAliases: (input: lambda.ListAliasesRequest): lambda.ListAliasesResponse => {
      const { name } = store.name(input.FunctionName);
      store.function({ name, qualifier: undefined });
      const version = input.FunctionVersion;
      const found = store.aliasesOf(name).filter((alias) => version === undefined || alias.version === version);
      const { items, token } = paged(found, input);
      return { Aliases: items.map(shape), NextMarker: token };
    },
  };
}

function refuseRouting(routing: lambda.AliasRoutingConfiguration | undefined): void {
  if (Object.keys(routing?.AdditionalVersionWeights ?? {}).length > 0) {
    throw invalidValue("The local cloud's Lambda does not support AdditionalVersionWeights.");
  }
}
