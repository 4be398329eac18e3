/**
 * Secrets Manager: secrets with versions and staging labels, found by name, ARN, or ARN without its random end; deletion
 * with a recovery window. Values lie in the data folder in clear: no KMS here. No rotation, replication, resource
 * policies or filters; `LastAccessedDate` is not kept, so that a read stays a read.
 */
import type {
  CreateSecretCommandInput,
  CreateSecretCommandOutput,
  DeleteSecretCommandInput,
  DeleteSecretCommandOutput,
  DescribeSecretCommandInput,
  DescribeSecretCommandOutput,
  GetSecretValueCommandInput,
  GetSecretValueCommandOutput,
  ListSecretsCommandInput,
  ListSecretsCommandOutput,
  ListSecretVersionIdsCommandInput,
  ListSecretVersionIdsCommandOutput,
  PutSecretValueCommandInput,
  PutSecretValueCommandOutput,
  RestoreSecretCommandInput,
  RestoreSecretCommandOutput,
  Tag,
  TagResourceCommandInput,
  UntagResourceCommandInput,
  UpdateSecretCommandInput,
  UpdateSecretCommandOutput,
  UpdateSecretVersionStageCommandInput,
  UpdateSecretVersionStageCommandOutput,
} from '@aws-sdk/client-secrets-manager';
import { uuid } from '../../core/index.ts';
import {
  AwsError,
  type CloudService,
  type Collection,
  type Handler,
  type RequestContext,
  type ServiceDeps,
} from '../contract.ts';
import { pageOf } from './paging.ts';

type Output<T> = Omit<T, '$metadata'>;

interface StoredVersion {
  readonly id: string;
  readonly createdMs: number;
  readonly text?: string | undefined;
  /** Base64: state is JSON. */
  readonly binary?: string | undefined;
  readonly stages: readonly string[];
}

interface StoredSecret {
  readonly name: string;
  /** The six characters at the end of its ARN: another secret of the same name has others. */
  readonly suffix: string;
  readonly description: string | undefined;
  readonly kmsKeyId: string | undefined;
  readonly createdMs: number;
  readonly changedMs: number;
  /** When it was deleted, and when it is gone for good. */
  readonly deleted: { readonly atMs: number; readonly goneAtMs: number } | undefined;
  readonly tags: Readonly<Record<string, string>>;
  /** Oldest first. Those without a label are kept, as AWS does for a while, up to a bound. */
  readonly versions: readonly StoredVersion[];
}

const CURRENT = 'AWSCURRENT';
const PREVIOUS = 'AWSPREVIOUS';
const DAY_MS = 86_400_000;
const RECOVERY_DAYS = 30;
const VALUE_BYTES_MAX = 65_536;
const TAGS_MAX = 50;
const STAGES_MAX = 20;
const VERSIONS_MAX = 100;
const SUFFIX_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

interface Value {
  readonly text?: string | undefined;
  readonly binary?: string | undefined;
}

export class SecretsManagerService implements CloudService {
  readonly id = 'secretsmanager';
  readonly operations: Readonly<Record<string, Handler>>;
  readonly #secrets: Collection<StoredSecret>;
  readonly #deps: ServiceDeps;

  constructor(deps: ServiceDeps) {
    this.#deps = deps;
    this.#secrets = deps.state.collection('secretsmanager.secrets');
    this.operations = {
      CreateSecret: (input: CreateSecretCommandInput, context) => this.#create(input, context),
      GetSecretValue: (input: GetSecretValueCommandInput) => this.value(input),
      PutSecretValue: (input: PutSecretValueCommandInput, context) => this.#putValue(input, context),
      UpdateSecret: (input: UpdateSecretCommandInput, context) => this.#update(input, context),
      UpdateSecretVersionStage: (input: UpdateSecretVersionStageCommandInput, context) => this.#move(input, context),
      ListSecretVersionIds: (input: ListSecretVersionIdsCommandInput) => this.#listVersions(input),
      DescribeSecret: (input: DescribeSecretCommandInput) => this.#describe(input),
      ListSecrets: (input: ListSecretsCommandInput) => this.#list(input),
      DeleteSecret: (input: DeleteSecretCommandInput, context) => this.#delete(input, context),
      RestoreSecret: (input: RestoreSecretCommandInput) => this.#restore(input),
      TagResource: (input: TagResourceCommandInput) => this.#tag(input),
      UntagResource: (input: UntagResourceCommandInput) => this.#untag(input),
    };
  }

  /** Secrets whose recovery window is over are gone. */
  advance(nowMs: number): void {
    for (const secret of this.#secrets.values()) {
      if (secret.deleted && secret.deleted.goneAtMs <= nowMs) this.#secrets.delete(secret.name);
    }
  }

  nextAtMs(): number | undefined {
    const times = this.#secrets.values().flatMap(({ deleted }) => (deleted ? [deleted.goneAtMs] : []));
    return times.length === 0 ? undefined : Math.min(...times);
  }

  // ------------------------------------------------------------------------------------------------------------ values

  #create(input: CreateSecretCommandInput, { nowMs }: RequestContext): Output<CreateSecretCommandOutput> {
    const name = input.Name ?? '';
    if (!/^[\w/+=.@-]{1,512}$/.test(name)) {
      throw parameter(
        'Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!',
      );
    }
    for (const member of ['AddReplicaRegions', 'Type'] as const) {
      if (input[member] !== undefined) throw unsupported(`${member} in CreateSecret`);
    }
    const value = valueIn(input);
    const token = tokenOf(input.ClientRequestToken);
    const tags = withTags({}, input.Tags);
    const existing = this.#secrets.get(name);
    if (existing?.deleted) {
      throw request(`You can't create this secret because a secret with this name is already scheduled for deletion.`);
    }
    if (existing) {
      const same = existing.versions.find(({ id }) => id === token);
      if (!same || !value || !sameValue(same, value)) {
        throw new AwsError(
          'ResourceExistsException',
          `The operation failed because the secret ${name} already exists.`,
        );
      }
      return { ARN: this.#arn(existing), Name: name, VersionId: same.id };
    }
    const version = value && this.#newVersion(value, token, [CURRENT], nowMs);
    const secret: StoredSecret = {
      name,
      suffix: this.#suffix(),
      description: input.Description,
      kmsKeyId: input.KmsKeyId,
      createdMs: nowMs,
      changedMs: nowMs,
      deleted: undefined,
      tags,
      versions: version ? [version] : [],
    };
    this.#secrets.set(name, secret);
    return { ARN: this.#arn(secret), Name: name, ...(version ? { VersionId: version.id } : {}) };
  }

  /** As GetSecretValue answers. @throws AwsError */
  value(input: GetSecretValueCommandInput): Output<GetSecretValueCommandOutput> {
    const secret = this.#living(input.SecretId);
    const { VersionId, VersionStage } = input;
    const stage = VersionStage ?? (VersionId === undefined ? CURRENT : undefined);
    const version = secret.versions.find(
      ({ id, stages }) =>
        (VersionId === undefined || id === VersionId) && (stage === undefined || stages.includes(stage)),
    );
    if (!version && VersionStage !== undefined && secret.versions.some(({ id }) => id === VersionId)) {
      throw request('You provided a VersionStage that is not associated to the provided VersionId.');
    }
    if (!version) {
      const sought = VersionId === undefined ? `staging label: ${stage}` : `VersionId: ${VersionId}`;
      throw notFound(`Secrets Manager can't find the specified secret value for ${sought}`);
    }
    return {
      ARN: this.#arn(secret),
      Name: secret.name,
      VersionId: version.id,
      ...(version.text === undefined ? {} : { SecretString: version.text }),
      ...(version.binary === undefined ? {} : { SecretBinary: new Uint8Array(Buffer.from(version.binary, 'base64')) }),
      VersionStages: [...version.stages],
      CreatedDate: new Date(version.createdMs),
    };
  }

  #putValue(input: PutSecretValueCommandInput, { nowMs }: RequestContext): Output<PutSecretValueCommandOutput> {
    const secret = this.#living(input.SecretId);
    const value = valueIn(input);
    if (!value) throw parameter('You must provide either SecretString or SecretBinary.');
    const stages = input.VersionStages ?? [CURRENT];
    if (stages.length < 1 || stages.length > STAGES_MAX) {
      throw constraint(String(stages.length), 'versionStages', `have length between 1 and ${STAGES_MAX}`);
    }
    const { secret: changed, version } = this.#withValue(
      secret,
      value,
      tokenOf(input.ClientRequestToken),
      stages,
      nowMs,
    );
    this.#secrets.set(secret.name, changed);
    return {
      ARN: this.#arn(secret),
      Name: secret.name,
      VersionId: version.id,
      VersionStages: [...version.stages],
    };
  }

  #update(input: UpdateSecretCommandInput, { nowMs }: RequestContext): Output<UpdateSecretCommandOutput> {
    const secret = this.#living(input.SecretId);
    if (input.Type !== undefined) throw unsupported('Type in UpdateSecret');
    const value = valueIn(input);
    const described: StoredSecret = {
      ...secret,
      changedMs: nowMs,
      description: input.Description ?? secret.description,
      kmsKeyId: input.KmsKeyId ?? secret.kmsKeyId,
    };
    const updated = value && this.#withValue(described, value, tokenOf(input.ClientRequestToken), [CURRENT], nowMs);
    this.#secrets.set(secret.name, updated?.secret ?? described);
    return { ARN: this.#arn(secret), Name: secret.name, ...(updated ? { VersionId: updated.version.id } : {}) };
  }

  /** A new version with these labels; the labels leave the versions that had them. Idempotent per token. */
  #withValue(
    secret: StoredSecret,
    value: Value,
    token: string | undefined,
    stages: readonly string[],
    nowMs: number,
  ): { secret: StoredSecret; version: StoredVersion } {
    const same = secret.versions.find(({ id }) => id === token);
    if (same) {
      if (sameValue(same, value)) return { secret, version: same };
      throw new AwsError(
        'ResourceExistsException',
        `You can't use ClientRequestToken ${same.id} because that value is already in use for a version of secret ${this.#arn(secret)}.`,
      );
    }
    const isCurrent = stages.includes(CURRENT);
    const moved = isCurrent ? [...stages, PREVIOUS] : stages;
    const before = secret.versions.map((version) => ({
      ...version,
      stages: [
        ...version.stages.filter((stage) => !moved.includes(stage)),
        ...(isCurrent && version.stages.includes(CURRENT) ? [PREVIOUS] : []),
      ],
    }));
    const version = this.#newVersion(
      value,
      token,
      secret.versions.length === 0 ? [...new Set([...stages, CURRENT])] : stages,
      nowMs,
    );
    return { secret: { ...secret, changedMs: nowMs, versions: kept([...before, version]) }, version };
  }

  /**
   * A label from one version to another, to one that nobody had it, or from one altogether. Whoever takes it from a
   * version names that version, so that two who move it do not undo each other's move.
   */
  #move(
    input: UpdateSecretVersionStageCommandInput,
    { nowMs }: RequestContext,
  ): Output<UpdateSecretVersionStageCommandOutput> {
    const secret = this.#living(input.SecretId);
    const { VersionStage: stage = '', RemoveFromVersionId: from, MoveToVersionId: to } = input;
    if (stage.length < 1 || stage.length > 256) {
      throw constraint(stage, 'versionStage', 'have length between 1 and 256');
    }
    if (from === undefined && to === undefined) {
      throw parameter('You must provide MoveToVersionId, RemoveFromVersionId, or both.');
    }
    for (const id of [from, to]) {
      if (id !== undefined && !secret.versions.some((version) => version.id === id)) {
        throw notFound("Secrets Manager can't find the specified secret version.");
      }
    }
    const holder = secret.versions.find(({ stages }) => stages.includes(stage));
    if (from !== undefined && holder?.id !== from) {
      throw parameter(`The staging label ${stage} is not currently attached to version ${from}.`);
    }
    if (holder && from === undefined && holder.id !== to) {
      throw parameter(
        `The parameter RemoveFromVersionId can't be empty. Staging label ${stage} is currently attached to version ${holder.id}, so you must explicitly reference that version in RemoveFromVersionId.`,
      );
    }
    if (stage === CURRENT && to === undefined) {
      throw parameter(
        `You can only move staging label ${CURRENT} to a different secret version. It can't be completely removed.`,
      );
    }
    // What was current is the one before it, whoever moves the label.
    const isNewCurrent = stage === CURRENT && holder !== undefined && holder.id !== to;
    const versions = secret.versions.map((version) => {
      const rest = version.stages.filter((each) => each !== stage && !(isNewCurrent && each === PREVIOUS));
      if (version.id === to) return { ...version, stages: [...rest, stage] };
      return { ...version, stages: isNewCurrent && version.id === holder.id ? [...rest, PREVIOUS] : rest };
    });
    if (versions.some(({ stages }) => stages.length > STAGES_MAX)) {
      throw new AwsError(
        'LimitExceededException',
        `A version can have no more than ${STAGES_MAX} staging labels attached.`,
      );
    }
    this.#secrets.set(secret.name, { ...secret, changedMs: nowMs, versions: kept(versions) });
    return { ARN: this.#arn(secret), Name: secret.name };
  }

  #listVersions(input: ListSecretVersionIdsCommandInput): Output<ListSecretVersionIdsCommandOutput> {
    const secret = this.#living(input.SecretId);
    const { MaxResults = 100, IncludeDeprecated = false } = input;
    if (MaxResults < 1 || MaxResults > 100) throw constraint(String(MaxResults), 'maxResults', 'be between 1 and 100');
    const listed = secret.versions.filter(({ stages }) => IncludeDeprecated || stages.length > 0);
    const page = pageOf(listed, input.NextToken, MaxResults);
    if (!page) throw new AwsError('InvalidNextTokenException', 'The NextToken value is invalid.');
    return {
      ARN: this.#arn(secret),
      Name: secret.name,
      Versions: page.items.map(({ id, stages, createdMs }) => ({
        VersionId: id,
        ...(stages.length > 0 ? { VersionStages: [...stages] } : {}),
        CreatedDate: new Date(createdMs),
      })),
      ...(page.token === undefined ? {} : { NextToken: page.token }),
    };
  }

  #newVersion(value: Value, token: string | undefined, stages: readonly string[], nowMs: number): StoredVersion {
    return { ...value, id: token ?? uuid(this.#deps.random), createdMs: nowMs, stages };
  }

  // ----------------------------------------------------------------------------------------------------------- secrets

  #describe(input: DescribeSecretCommandInput): Output<DescribeSecretCommandOutput> {
    const secret = this.#secret(input.SecretId);
    return { ...this.#entry(secret), VersionIdsToStages: stagesOf(secret) };
  }

  #list(input: ListSecretsCommandInput): Output<ListSecretsCommandOutput> {
    for (const member of ['Filters', 'SortBy'] as const) {
      if (input[member] !== undefined) throw unsupported(`${member} in ListSecrets`);
    }
    const { MaxResults = 100, IncludePlannedDeletion = false, SortOrder = 'desc' } = input;
    if (MaxResults < 1 || MaxResults > 100) throw constraint(String(MaxResults), 'maxResults', 'be between 1 and 100');
    const listed = this.#secrets
      .values()
      .filter(({ deleted }) => IncludePlannedDeletion || deleted === undefined)
      .sort((a, b) => (SortOrder === 'asc' ? 1 : -1) * (a.createdMs - b.createdMs || (a.name < b.name ? -1 : 1)));
    const page = pageOf(listed, input.NextToken, MaxResults);
    if (!page) throw new AwsError('InvalidNextTokenException', 'The NextToken value is invalid.');
    return {
      SecretList: page.items.map((secret) => ({ ...this.#entry(secret), SecretVersionsToStages: stagesOf(secret) })),
      ...(page.token === undefined ? {} : { NextToken: page.token }),
    };
  }

  #delete(input: DeleteSecretCommandInput, { nowMs }: RequestContext): Output<DeleteSecretCommandOutput> {
    const { SecretId = '', RecoveryWindowInDays, ForceDeleteWithoutRecovery = false } = input;
    if (ForceDeleteWithoutRecovery && RecoveryWindowInDays !== undefined) {
      throw parameter("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.");
    }
    const days = RecoveryWindowInDays ?? RECOVERY_DAYS;
    if (days < 7 || days > 30) {
      throw parameter('The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).');
    }
    const found = this.#find(SecretId);
    if (ForceDeleteWithoutRecovery) {
      // Forcing a deletion of what is not there is no error.
      if (!found) return { ARN: this.#arnOf(SecretId), Name: SecretId, DeletionDate: new Date(nowMs) };
      this.#secrets.delete(found.name);
      return { ARN: this.#arn(found), Name: found.name, DeletionDate: new Date(nowMs) };
    }
    const secret = this.#living(SecretId);
    const goneAtMs = nowMs + days * DAY_MS;
    this.#secrets.set(secret.name, { ...secret, deleted: { atMs: nowMs, goneAtMs } });
    return { ARN: this.#arn(secret), Name: secret.name, DeletionDate: new Date(goneAtMs) };
  }

  #restore(input: RestoreSecretCommandInput): Output<RestoreSecretCommandOutput> {
    const secret = this.#secret(input.SecretId);
    this.#secrets.set(secret.name, { ...secret, deleted: undefined });
    return { ARN: this.#arn(secret), Name: secret.name };
  }

  #tag(input: TagResourceCommandInput): void {
    const secret = this.#living(input.SecretId);
    this.#secrets.set(secret.name, { ...secret, tags: withTags(secret.tags, input.Tags) });
  }

  #untag(input: UntagResourceCommandInput): void {
    const secret = this.#living(input.SecretId);
    const removed = new Set(input.TagKeys);
    const tags = Object.fromEntries(Object.entries(secret.tags).filter(([key]) => !removed.has(key)));
    this.#secrets.set(secret.name, { ...secret, tags });
  }

  /** @throws AwsError when there is none, or when it waits for its end */
  #living(id: string | undefined): StoredSecret {
    const secret = this.#secret(id);
    if (secret.deleted) {
      throw request("You can't perform this operation on the secret because it was marked for deletion.");
    }
    return secret;
  }

  #secret(id = ''): StoredSecret {
    if (id.length < 1 || id.length > 2048) throw constraint(id, 'secretId', 'have length between 1 and 2048');
    const secret = this.#find(id);
    if (!secret) throw notFound("Secrets Manager can't find the specified secret.");
    return secret;
  }

  #find(id: string): StoredSecret | undefined {
    const prefix = this.#arnOf('');
    if (!id.startsWith('arn:')) return this.#secrets.get(id);
    if (!id.startsWith(prefix)) return undefined;
    const rest = id.slice(prefix.length);
    const whole = this.#secrets.get(rest.slice(0, -7));
    return whole && this.#arn(whole) === id ? whole : this.#secrets.get(rest);
  }

  #entry(secret: StoredSecret) {
    const tags = Object.entries(secret.tags).map(([Key, Value]) => ({ Key, Value }));
    return {
      ARN: this.#arn(secret),
      Name: secret.name,
      ...(secret.description === undefined ? {} : { Description: secret.description }),
      ...(secret.kmsKeyId === undefined ? {} : { KmsKeyId: secret.kmsKeyId }),
      CreatedDate: new Date(secret.createdMs),
      LastChangedDate: new Date(secret.changedMs),
      ...(secret.deleted ? { DeletedDate: new Date(secret.deleted.atMs) } : {}),
      ...(tags.length > 0 ? { Tags: tags } : {}),
    };
  }

  #arn(secret: StoredSecret): string {
    return `${this.#arnOf(secret.name)}-${secret.suffix}`;
  }

  #arnOf(name: string): string {
    const { region, accountId } = this.#deps.settings;
    return `arn:aws:secretsmanager:${region}:${accountId}:secret:${name}`;
  }

  #suffix(): string {
    let text = '';
    for (let i = 0; i < 6; i++) {
      text += SUFFIX_ALPHABET.charAt(Math.floor(this.#deps.random.next() * SUFFIX_ALPHABET.length));
    }
    return text;
  }
}

function valueIn(input: {
  SecretString?: string | undefined;
  SecretBinary?: Uint8Array | undefined;
}): Value | undefined {
  const { SecretString: text, SecretBinary: bytes } = input;
  if (text !== undefined && bytes !== undefined) {
    throw parameter("You can't specify both a binary secret value and a string secret value in the same secret.");
  }
  const length = bytes?.length ?? Buffer.byteLength(text ?? '');
  if (length > VALUE_BYTES_MAX) {
    throw constraint(
      '****',
      bytes ? 'secretBinary' : 'secretString',
      `have length less than or equal to ${VALUE_BYTES_MAX}`,
    );
  }
  if (bytes !== undefined) return { binary: Buffer.from(bytes).toString('base64') };
  return text === undefined ? undefined : { text };
}

function sameValue(a: Value, b: Value): boolean {
  return a.text === b.text && a.binary === b.binary;
}

function tokenOf(token: string | undefined): string | undefined {
  if (token !== undefined && (token.length < 32 || token.length > 64)) {
    throw parameter('ClientRequestToken must be 32-64 characters long.');
  }
  return token;
}

/** Versions without a label go, oldest first, when there are too many. */
function kept(versions: readonly StoredVersion[]): StoredVersion[] {
  let surplus = versions.length - VERSIONS_MAX;
  return versions.filter(({ stages }) => surplus <= 0 || stages.length > 0 || surplus-- <= 0);
}

function stagesOf(secret: StoredSecret): Record<string, string[]> {
  const labelled = secret.versions.filter(({ stages }) => stages.length > 0);
  return Object.fromEntries(labelled.map(({ id, stages }) => [id, [...stages]]));
}

function withTags(tags: Readonly<Record<string, string>>, added: readonly Tag[] = []): Record<string, string> {
  const result = { ...tags };
  for (const { Key = '', Value = '' } of added) {
    if (Key.length < 1 || Key.length > 128) throw constraint(Key, 'tags.key', 'have length between 1 and 128');
    if (Value.length > 256) throw constraint(Value, 'tags.value', 'have length less than or equal to 256');
    if (/^aws:/i.test(Key)) throw parameter('Tag keys that begin with aws: are reserved.');
    result[Key] = Value;
  }
  if (Object.keys(result).length > TAGS_MAX) {
    throw new AwsError('LimitExceededException', `A secret can have no more than ${TAGS_MAX} tags.`);
  }
  return result;
}

function notFound(message: string): AwsError {
  return new AwsError('ResourceNotFoundException', message);
}

function parameter(message: string): AwsError {
  return new AwsError('InvalidParameterException', message);
}

function request(message: string): AwsError {
  return new AwsError('InvalidRequestException', message);
}

function unsupported(what: string): AwsError {
  return new AwsError('UnknownOperationException', `The local cloud's secretsmanager does not support ${what}`);
}

function constraint(value: string, path: string, rule: string): AwsError {
  return new AwsError(
    'ValidationException',
    `1 validation error detected: Value '${value}' at '${path}' failed to satisfy constraint: Member must ${rule}`,
  );
}
