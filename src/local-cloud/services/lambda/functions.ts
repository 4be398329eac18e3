/** Lambda's operations on functions and their published versions, tags and reserved concurrency. */
import type * as lambda from '@aws-sdk/client-lambda';
import type { BlobStore, Handler, RequestContext } from '../../contract.ts';
import { pageOf } from '../paging.ts';
import { type CodeDeps, type CodeRecord, imageCode, zipCode } from './code.ts';
import {
  architectureOf,
  configurationShape,
  type LayerUse,
  listedShape,
  type Settings,
  settingsOf,
  type VersionRecord,
  validation,
} from './configuration.ts';
import { conflict, type FunctionName, invalidValue, LATEST, missing, requireRevision } from './names.ts';
import type { FunctionRecord, LambdaStore } from './store.ts';

export interface FunctionOperationsDeps extends CodeDeps {
  readonly blobs: BlobStore;
  readonly iam: { trusts(roleArn: string, servicePrincipal: string): boolean };
  layer(arn: string): LayerUse;
}

const PAGE_SIZE = 50;
const ACCOUNT_CONCURRENCY = 1000;
const UNRESERVED_MIN = 100;
const CODE_LINK_LIFETIME_SEC = 600;
const TAGS_MAX = 50;

export function functionOperations(store: LambdaStore, deps: FunctionOperationsDeps): Record<string, Handler> {
  const { scope } = store;
  const settingsDeps = { layer: deps.layer, trusts: (role: string, service: string) => deps.iam.trusts(role, service) };
  const shape = (record: VersionRecord, name: FunctionName) => configurationShape(record, name.qualifier, scope);

  const createFunction = (
    input: lambda.CreateFunctionRequest,
    { nowMs }: RequestContext,
  ): lambda.FunctionConfiguration => {
    const { name, qualifier } = store.name(input.FunctionName);
    if (qualifier !== undefined) throw invalidValue('The function name must not contain a qualifier.');
    if (store.functions.has(name)) throw conflict(`Function already exist: ${name}`);
    const packageType = input.PackageType ?? (input.Code?.ImageUri === undefined ? 'Zip' : 'Image');
    const architecture = architectureOf(input.Architectures);
    const settings = settingsOf(undefined, packageType, input, settingsDeps);
    const record: VersionRecord = {
      ...settings,
      name,
      version: LATEST,
      packageType,
      architecture,
      code: codeOf(packageType, input.Code ?? {}, architecture, deps),
      revisionId: store.revision(),
      modifiedAtMs: nowMs,
      state: 'Pending',
      updateStatus: null,
    };
    store.functions.set(name, {
      name,
      lastVersion: 0,
      tags: tagged({}, input.Tags),
      reservedConcurrency: null,
      previous: null,
    });
    store.begin(record, nowMs);
    if (!input.Publish) return shape(record, { name, qualifier: undefined });
    const version = publish(store.function({ name, qualifier }), record, input.Description, nowMs);
    return shape(version, { name, qualifier: version.version });
  };

  const getFunction = (input: lambda.GetFunctionRequest, { nowMs }: RequestContext): lambda.GetFunctionResponse => {
    const name = store.name(input.FunctionName, input.Qualifier);
    const record = store.version(name);
    const { tags, reservedConcurrency } = store.function(name);
    return {
      Configuration: shape(record, name),
      Code: codeLocation(record.code, nowMs),
      ...(Object.keys(tags).length === 0 ? {} : { Tags: { ...tags } }),
      ...(reservedConcurrency === null ? {} : { Concurrency: { ReservedConcurrentExecutions: reservedConcurrency } }),
    };
  };

  /** A link that names the blob; real ones are signed and end after ten minutes. */
  const codeLocation = (code: CodeRecord, nowMs: number): lambda.FunctionCodeLocation => {
    if (code.imageUri !== null) {
      return {
        RepositoryType: 'ECR',
        ImageUri: code.imageUri,
        ResolvedImageUri: code.resolvedImageUri ?? code.imageUri,
      };
    }
    const query = new URLSearchParams({
      'X-Amz-Date': new Date(nowMs).toISOString(),
      'X-Amz-Expires': String(CODE_LINK_LIFETIME_SEC),
    });
    return { RepositoryType: 'S3', Location: `http://${scope.awsHost()}/_lambda/code/${code.digest}?${query}` };
  };

  const getFunctionConfiguration = (input: lambda.GetFunctionConfigurationRequest): lambda.FunctionConfiguration => {
    const name = store.name(input.FunctionName, input.Qualifier);
    return shape(store.version(name), name);
  };

  const updateFunctionCode = (
    input: lambda.UpdateFunctionCodeRequest,
    { nowMs }: RequestContext,
  ): lambda.FunctionConfiguration => {
    const { latest, owner, name } = updatable(input.FunctionName, input.RevisionId);
    if (input.PublishTo !== undefined) throw invalidValue("The local cloud's Lambda does not support PublishTo.");
    const architecture = architectureOf(input.Architectures, latest.architecture);
    const wrong =
      latest.packageType === 'Zip'
        ? input.ImageUri !== undefined
        : input.ZipFile !== undefined || input.S3Bucket !== undefined;
    if (wrong)
      throw invalidValue(
        `Please ${latest.packageType === 'Zip' ? "don't provide ImageUri" : 'provide ImageUri'} when updating a function with packageType ${latest.packageType}.`,
      );
    const code = codeOf(latest.packageType, input, architecture, deps);
    const record: VersionRecord = { ...latest, code, architecture };
    if (input.DryRun) return shape(record, name);
    const updated = update(owner, latest, record, nowMs);
    if (!input.Publish) return shape(updated, name);
    const version = publish(store.function(name), updated, undefined, nowMs);
    return shape(version, { name: name.name, qualifier: version.version });
  };

  const updateFunctionConfiguration = (
    input: lambda.UpdateFunctionConfigurationRequest,
    { nowMs }: RequestContext,
  ): lambda.FunctionConfiguration => {
    const { latest, owner, name } = updatable(input.FunctionName, input.RevisionId);
    const settings: Settings = settingsOf(latest, latest.packageType, input, settingsDeps);
    return shape(update(owner, latest, { ...latest, ...settings }, nowMs), name);
  };

  /** The function that an update is for, if it may be updated now. */
  const updatable = (functionName: string | undefined, revisionId: string | undefined) => {
    const name = store.name(functionName);
    if (name.qualifier !== undefined && name.qualifier !== LATEST) {
      throw invalidValue('Only the $LATEST version of a function can be updated.');
    }
    const owner = store.function(name);
    const latest = store.version({ name: name.name, qualifier: undefined });
    requireRevision(revisionId, latest.revisionId);
    store.requireSettled(latest);
    return { name, owner, latest };
  };

  const update = (owner: FunctionRecord, before: VersionRecord, after: VersionRecord, nowMs: number): VersionRecord => {
    const record: VersionRecord = {
      ...after,
      revisionId: store.revision(),
      modifiedAtMs: nowMs,
      updateStatus: 'InProgress',
    };
    store.functions.set(owner.name, { ...owner, previous: before });
    store.begin(record, nowMs);
    return record;
  };

  const publishVersion = (
    input: lambda.PublishVersionRequest,
    { nowMs }: RequestContext,
  ): lambda.FunctionConfiguration => {
    const name = store.name(input.FunctionName);
    const owner = store.function(name);
    const latest = store.version({ name: name.name, qualifier: undefined });
    requireRevision(input.RevisionId, latest.revisionId);
    if (input.CodeSha256 !== undefined && input.CodeSha256 !== latest.code.codeSha256) {
      throw invalidValue(
        `CodeSHA256 (${input.CodeSha256}) is different from current CodeSHA256 in $LATEST (${latest.code.codeSha256}). Please try again with the CodeSHA256 in $LATEST.`,
      );
    }
    store.requireSettled(latest);
    const version = publish(owner, latest, input.Description, nowMs);
    return shape(version, { name: name.name, qualifier: version.version });
  };

  /** A new version of `$LATEST`, or the newest one when nothing changed since. */
  const publish = (
    owner: FunctionRecord,
    latest: VersionRecord,
    description: string | undefined,
    nowMs: number,
  ): VersionRecord => {
    const newest = store.versions.get(`${owner.name}:${owner.lastVersion}`);
    if (newest && sameContent(newest, latest)) return newest;
    const version = owner.lastVersion + 1;
    const record: VersionRecord = {
      ...latest,
      version: String(version),
      description: description || latest.description,
      revisionId: store.revision(),
      modifiedAtMs: nowMs,
      state: 'Pending',
      updateStatus: null,
    };
    store.functions.set(owner.name, { ...owner, lastVersion: version });
    store.begin(record, nowMs);
    return record;
  };

  const deleteFunction = (input: lambda.DeleteFunctionRequest): lambda.DeleteFunctionResponse => {
    const name = store.name(input.FunctionName, input.Qualifier);
    store.function(name);
    if (name.qualifier === undefined) {
      store.deleteFunction(name.name);
      return { StatusCode: 204 };
    }
    if (name.qualifier === LATEST)
      throw invalidValue('$LATEST version cannot be deleted without deleting the function.');
    if (store.aliases.has(`${name.name}:${name.qualifier}`))
      throw invalidValue('An alias cannot be deleted as a version; use DeleteAlias.');
    const record = store.version(name);
    const users = store.aliasesOf(name.name).filter((alias) => alias.version === record.version);
    if (users.length > 0) {
      throw conflict(
        `Cannot delete function version ${record.version}. It is pointed to by aliases: [${users.map((alias) => alias.name).join(', ')}]`,
      );
    }
    store.deleteVersion(record);
    return { StatusCode: 204 };
  };

  const listFunctions = (input: lambda.ListFunctionsRequest): lambda.ListFunctionsResponse => {
    const names = store.functions.keys().sort();
    const all = input.FunctionVersion === 'ALL';
    const records = names.flatMap((name) =>
      all ? store.versionsOf(name) : [store.version({ name, qualifier: undefined })],
    );
    const { items, token } = paged(records, input);
    return {
      Functions: items.map((record) => listedShape(record, all ? record.version : undefined, scope)),
      NextMarker: token,
    };
  };

  const listVersionsByFunction = (
    input: lambda.ListVersionsByFunctionRequest,
  ): lambda.ListVersionsByFunctionResponse => {
    const name = store.name(input.FunctionName);
    store.function(name);
    const { items, token } = paged(store.versionsOf(name.name), input);
    return { Versions: items.map((record) => listedShape(record, record.version, scope)), NextMarker: token };
  };

  // ------------------------------------------------------------------------------------------- concurrency and tags

  const putFunctionConcurrency = (input: lambda.PutFunctionConcurrencyRequest): lambda.Concurrency => {
    const owner = store.function(unqualified(input.FunctionName));
    const asked = input.ReservedConcurrentExecutions ?? 0;
    if (!Number.isInteger(asked) || asked < 0) {
      throw validation(
        'reservedConcurrentExecutions',
        String(asked),
        'Member must have value greater than or equal to 0',
      );
    }
    const others = store.functions.values().filter(({ name }) => name !== owner.name);
    const reserved = others.reduce((sum, { reservedConcurrency }) => sum + (reservedConcurrency ?? 0), asked);
    if (ACCOUNT_CONCURRENCY - reserved < UNRESERVED_MIN) {
      throw invalidValue(
        `Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [${UNRESERVED_MIN}].`,
      );
    }
    store.functions.set(owner.name, { ...owner, reservedConcurrency: asked });
    return { ReservedConcurrentExecutions: asked };
  };

  const getFunctionConcurrency = (
    input: lambda.GetFunctionConcurrencyRequest,
  ): lambda.GetFunctionConcurrencyResponse => {
    const { reservedConcurrency } = store.function(unqualified(input.FunctionName));
    return reservedConcurrency === null ? {} : { ReservedConcurrentExecutions: reservedConcurrency };
  };

  const deleteFunctionConcurrency = (input: lambda.DeleteFunctionConcurrencyRequest): object => {
    const owner = store.function(unqualified(input.FunctionName));
    store.functions.set(owner.name, { ...owner, reservedConcurrency: null });
    return {};
  };

  const tagResource = (input: lambda.TagResourceRequest): object => {
    const owner = byArn(input.Resource);
    store.functions.set(owner.name, { ...owner, tags: tagged(owner.tags, input.Tags) });
    return {};
  };

  const untagResource = (input: lambda.UntagResourceRequest): object => {
    const owner = byArn(input.Resource);
    const tags = Object.fromEntries(Object.entries(owner.tags).filter(([key]) => !input.TagKeys?.includes(key)));
    store.functions.set(owner.name, { ...owner, tags });
    return {};
  };

  const listTags = (input: lambda.ListTagsRequest): lambda.ListTagsResponse => ({
    Tags: { ...byArn(input.Resource).tags },
  });

  const byArn = (arn: string | undefined): FunctionRecord => {
    if (!arn?.startsWith('arn:')) throw validation('resource', arn ?? '', 'Member must be the ARN of a function');
    return store.function(unqualified(arn));
  };

  const unqualified = (functionName: string | undefined): FunctionName => {
    const name = store.name(functionName);
    if (name.qualifier !== undefined)
      throw invalidValue(
        'This operation is permitted on Lambda functions only. Aliases and versions do not support this operation.',
      );
    return name;
  };

  return {
    CreateFunction: createFunction,
    GetFunction: getFunction,
    GetFunctionConfiguration: getFunctionConfiguration,
    UpdateFunctionCode: updateFunctionCode,
    UpdateFunctionConfiguration: updateFunctionConfiguration,
    DeleteFunction: deleteFunction,
    ListFunctions: listFunctions,
    PublishVersion: publishVersion,
    ListVersionsByFunction: listVersionsByFunction,
    PutFunctionConcurrency: putFunctionConcurrency,
    GetFunctionConcurrency: getFunctionConcurrency,
    DeleteFunctionConcurrency: deleteFunctionConcurrency,
    TagResource: tagResource,
    UntagResource: untagResource,
    ListTags: listTags,
  };
}

/** A page of at most 50, however many are asked for. @throws AwsError InvalidParameterValueException */
export function paged<T>(
  all: readonly T[],
  { Marker, MaxItems = PAGE_SIZE }: { Marker?: string | undefined; MaxItems?: number | undefined },
) {
  if (MaxItems < 1 || MaxItems > 10_000)
    throw validation('maxItems', String(MaxItems), 'Member must be between 1 and 10000');
  const page = pageOf(all, Marker, Math.min(MaxItems, PAGE_SIZE));
  if (!page) throw invalidValue('Invalid Marker');
  return page;
}

function codeOf(
  packageType: 'Zip' | 'Image',
  code: lambda.FunctionCode,
  architecture: lambda.Architecture,
  deps: CodeDeps,
): CodeRecord {
  if (packageType === 'Zip') return zipCode(code, deps.blobs);
  return imageCode(code, deps.ecr, architecture, deps.blobs);
}

/** Whether a published version has the code and configuration of `$LATEST`. */
function sameContent(published: VersionRecord, latest: VersionRecord): boolean {
  const content = (record: VersionRecord) =>
    JSON.stringify([
      record.code,
      record.runtime,
      record.handler,
      record.roleArn,
      record.timeoutSec,
      record.memoryMb,
      record.ephemeralMb,
      record.environment,
      record.layers,
      record.imageConfig,
      record.architecture,
    ]);
  return content(published) === content(latest);
}

function tagged(
  before: Readonly<Record<string, string>>,
  more: Record<string, string> | undefined,
): Record<string, string> {
  const tags = { ...before, ...more };
  for (const key of Object.keys(more ?? {})) {
    if (key === '' || key.length > 128 || key.startsWith('aws:')) throw invalidValue(`Invalid tag key: ${key}`);
  }
  if (Object.keys(tags).length > TAGS_MAX) throw invalidValue(`A function has ${TAGS_MAX} tags at most`);
  return tags;
}

/** What an operation says about a thing that is not there and has no ARN of its own. */
export function nothingThere() {
  return missing('The resource you requested does not exist.');
}
