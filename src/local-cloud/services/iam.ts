/**
 * IAM as far as the local cloud needs it: roles and whom they trust. It evaluates trust policies (who may assume a role)
 * but no permission policies: every signed caller may do everything.
 */
import type {
  CreateRoleCommandInput,
  CreateRoleCommandOutput,
  DeleteRoleCommandInput,
  GetRoleCommandInput,
  GetRoleCommandOutput,
  ListRolesCommandInput,
  ListRolesCommandOutput,
  Role,
  Tag,
  TagRoleCommandInput,
  UpdateAssumeRolePolicyCommandInput,
} from '@aws-sdk/client-iam';
import {
  AwsError,
  type CloudService,
  type Collection,
  type Handler,
  type RequestContext,
  type ServiceDeps,
} from '../contract.ts';

type Output<T> = Omit<T, '$metadata'>;

interface StoredRole {
  readonly name: string;
  readonly path: string;
  readonly id: string;
  readonly createdMs: number;
  readonly description: string | undefined;
  readonly maxSessionSec: number;
  readonly trustPolicy: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** Somebody who signs requests, and what a trust policy may ask of them. */
export interface Caller {
  readonly arn: string;
  readonly externalId: string | undefined;
}

/** A role that a caller may assume. */
export interface AssumableRole {
  readonly roleId: string;
  readonly name: string;
  readonly maxSessionSec: number;
}

interface Statement {
  readonly Effect?: unknown;
  readonly Action?: unknown;
  readonly Principal?: unknown;
  readonly Condition?: unknown;
}

const TAGS_MAX = 50;
const ID_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

export class IamService implements CloudService {
  readonly id = 'iam';
  readonly operations: Readonly<Record<string, Handler>>;
  readonly #roles: Collection<StoredRole>;
  readonly #deps: ServiceDeps;

  constructor(deps: ServiceDeps) {
    this.#deps = deps;
    this.#roles = deps.state.collection('iam.roles');
    this.operations = {
      CreateRole: (input: CreateRoleCommandInput, context) => this.#createRole(input, context),
      GetRole: (input: GetRoleCommandInput): Output<GetRoleCommandOutput> => ({
        Role: this.#role(this.#get(input.RoleName), true),
      }),
      DeleteRole: (input: DeleteRoleCommandInput) => this.#deleteRole(input),
      UpdateAssumeRolePolicy: (input: UpdateAssumeRolePolicyCommandInput) => this.#updateTrust(input),
      ListRoles: (input: ListRolesCommandInput) => this.#listRoles(input),
      TagRole: (input: TagRoleCommandInput) => this.#tagRole(input),
    };
  }

  /**
   * Whether the role exists and its trust policy lets the service (`ecs-tasks.amazonaws.com`) assume it. A denial wins.
   * Of conditions only `aws:SourceAccount` can be judged here; a statement with another one never allows.
   */
  trusts(roleArn: string, servicePrincipal: string): boolean {
    const role = this.#byArn(roleArn);
    const context = { 'aws:sourceaccount': this.#deps.settings.accountId };
    return role !== undefined && permits(role, (principal) => namesService(principal, servicePrincipal), context);
  }

  /**
   * The role, when it exists and its trust policy lets the caller assume it. Of conditions only `sts:ExternalId`,
   * `aws:PrincipalArn` and `aws:PrincipalAccount` can be judged here; a statement with another one never allows.
   */
  assumable(roleArn: string, caller: Caller): AssumableRole | undefined {
    const role = this.#byArn(roleArn);
    const { accountId } = this.#deps.settings;
    const context = {
      'aws:principalarn': caller.arn,
      'aws:principalaccount': accountId,
      ...(caller.externalId === undefined ? {} : { 'sts:externalid': caller.externalId }),
    };
    if (!role || !permits(role, (principal) => namesCaller(principal, caller.arn, accountId), context))
      return undefined;
    return { roleId: role.id, name: role.name, maxSessionSec: role.maxSessionSec };
  }

  #byArn(roleArn: string): StoredRole | undefined {
    const role = this.#roles.get(roleArn.slice(roleArn.lastIndexOf('/') + 1));
    return role && this.#arn(role) === roleArn ? role : undefined;
  }

  #createRole(input: CreateRoleCommandInput, { nowMs }: RequestContext): Output<CreateRoleCommandOutput> {
    const name = input.RoleName ?? '';
    checkName(name);
    const path = input.Path ?? '/';
    if (!/^\/([\x21-\x7e]+\/)?$/.test(path))
      throw invalid('path', path, 'begin and end with / and contain printable ASCII characters');
    const maxSessionSec = input.MaxSessionDuration ?? 3600;
    if (maxSessionSec < 3600 || maxSessionSec > 43_200)
      throw invalid('maxSessionDuration', String(maxSessionSec), 'be between 3600 and 43200');
    const trustPolicy = checkedTrust(input.AssumeRolePolicyDocument ?? '');
    const tags = withTags({}, input.Tags);
    if (this.#roles.has(name)) throw new AwsError('EntityAlreadyExists', `Role with name ${name} already exists.`, 409);
    const role = {
      name,
      path,
      id: this.#roleId(),
      createdMs: nowMs,
      description: input.Description,
      maxSessionSec,
      trustPolicy,
      tags,
    };
    this.#roles.set(name, role);
    return { Role: this.#role(role, true) };
  }

  #deleteRole(input: DeleteRoleCommandInput): object {
    this.#roles.delete(this.#get(input.RoleName).name);
    return {};
  }

  #updateTrust(input: UpdateAssumeRolePolicyCommandInput): object {
    const role = this.#get(input.RoleName);
    this.#roles.set(role.name, { ...role, trustPolicy: checkedTrust(input.PolicyDocument ?? '') });
    return {};
  }

  #tagRole(input: TagRoleCommandInput): object {
    const role = this.#get(input.RoleName);
    this.#roles.set(role.name, { ...role, tags: withTags(role.tags, input.Tags) });
    return {};
  }

  #listRoles(input: ListRolesCommandInput): Output<ListRolesCommandOutput> {
    const { PathPrefix = '/', MaxItems = 100, Marker = '' } = input;
    if (MaxItems < 1 || MaxItems > 1000) throw invalid('maxItems', String(MaxItems), 'be between 1 and 1000');
    const after = Buffer.from(Marker, 'base64').toString('utf8');
    const rest = this.#roles
      .values()
      .filter(({ name, path }) => path.startsWith(PathPrefix) && name > after)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const page = rest.slice(0, MaxItems);
    const last = page.at(-1);
    const more = rest.length > page.length && last !== undefined;
    return {
      Roles: page.map((role) => this.#role(role, false)),
      IsTruncated: more,
      ...(more ? { Marker: Buffer.from(last.name).toString('base64') } : {}),
    };
  }

  #get(name = ''): StoredRole {
    checkName(name);
    const role = this.#roles.get(name);
    if (!role) throw new AwsError('NoSuchEntity', `The role with name ${name} cannot be found.`, 404);
    return role;
  }

  /** Listings carry no tags. */
  #role(role: StoredRole, withTagList: boolean): Role {
    const tags = Object.entries(role.tags).map(([Key, Value]) => ({ Key, Value }));
    return {
      Path: role.path,
      RoleName: role.name,
      RoleId: role.id,
      Arn: this.#arn(role),
      CreateDate: new Date(role.createdMs),
      AssumeRolePolicyDocument: urlEncoded(role.trustPolicy),
      MaxSessionDuration: role.maxSessionSec,
      ...(role.description === undefined ? {} : { Description: role.description }),
      ...(withTagList && tags.length > 0 ? { Tags: tags } : {}),
    };
  }

  #arn(role: StoredRole): string {
    return `arn:aws:iam::${this.#deps.settings.accountId}:role${role.path}${role.name}`;
  }

  #roleId(): string {
    let id = 'AROA';
    for (let i = 0; i < 17; i++) id += ID_ALPHABET.charAt(Math.floor(this.#deps.random.next() * ID_ALPHABET.length));
    return id;
  }
}

/** Whether the trust policy lets a principal assume the role. A denial wins. */
function permits(
  role: StoredRole,
  isNamed: (principal: unknown) => boolean,
  context: Readonly<Record<string, string>>,
): boolean {
  let allowed = false;
  for (const statement of statementsOf(role.trustPolicy)) {
    if (!listOf(statement.Action).some(isAssumeRole) || !isNamed(statement.Principal)) continue;
    if (statement.Effect === 'Deny') return false;
    if (holds(statement.Condition, context)) allowed = true;
  }
  return allowed;
}

/** `StringEquals` on keys of the context; keys are compared as IAM does, whatever their case. */
function holds(condition: unknown, context: Readonly<Record<string, string>>): boolean {
  if (condition === undefined) return true;
  return Object.entries(condition as Record<string, unknown>).every(
    ([operator, keys]) =>
      operator === 'StringEquals' &&
      Object.entries(keys as Record<string, unknown>).every(([key, values]) => {
        const known = key.toLowerCase();
        return Object.hasOwn(context, known) && listOf(values).includes(context[known]);
      }),
  );
}

function statementsOf(policy: string): Statement[] {
  return listOf((JSON.parse(policy) as { Statement?: unknown }).Statement) as Statement[];
}

function listOf(value: unknown): unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

function isAssumeRole(action: unknown): boolean {
  return typeof action === 'string' && ['sts:assumerole', 'sts:*'].includes(action.toLowerCase());
}

function namesService(principal: unknown, servicePrincipal: string): boolean {
  if (principal === '*') return true;
  if (typeof principal !== 'object' || principal === null) return false;
  const { Service, AWS } = principal as { Service?: unknown; AWS?: unknown };
  return listOf(Service).includes(servicePrincipal) || listOf(AWS).includes('*');
}

/** An identity is named by itself or by its account. */
function namesCaller(principal: unknown, arn: string, accountId: string): boolean {
  if (principal === '*') return true;
  if (typeof principal !== 'object' || principal === null) return false;
  const named = listOf((principal as { AWS?: unknown }).AWS);
  return ['*', arn, accountId, `arn:aws:iam::${accountId}:root`].some((known) => named.includes(known));
}

function checkedTrust(policy: string): string {
  let document: unknown;
  try {
    document = JSON.parse(policy);
  } catch {
    throw malformed('This policy contains invalid Json');
  }
  const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isObject(document)) throw malformed('Syntax errors in policy.');
  const statements = statementsOf(policy);
  if (statements.length === 0) throw malformed('Syntax errors in policy.');
  for (const statement of statements) {
    if (!isObject(statement)) throw malformed('Syntax errors in policy.');
    if (statement.Effect !== 'Allow' && statement.Effect !== 'Deny')
      throw malformed(`Invalid effect: ${String(statement.Effect)}`);
    if (statement.Principal === undefined && !('NotPrincipal' in statement))
      throw malformed('Missing required field Principal');
    if (statement.Condition !== undefined && !isObject(statement.Condition))
      throw malformed('Syntax errors in policy.');
    if ('Resource' in statement) throw malformed('Has prohibited field Resource');
    const actions = listOf(statement.Action);
    if (actions.length === 0) throw malformed('Missing required field Action');
    if (!actions.every((action) => typeof action === 'string' && /^sts:/i.test(action))) {
      throw malformed('AssumeRole policy may only specify STS AssumeRole actions.');
    }
  }
  return policy;
}

function checkName(name: string): void {
  if (!/^[\w+=,.@-]{1,64}$/.test(name)) {
    throw invalid(
      'roleName',
      name,
      'have length less than or equal to 64 and satisfy regular expression pattern: [\\w+=,.@-]+',
    );
  }
}

function withTags(tags: Readonly<Record<string, string>>, added: readonly Tag[] = []): Record<string, string> {
  const result = { ...tags };
  for (const { Key = '', Value = '' } of added) {
    if (Key.length < 1 || Key.length > 128) throw invalid('tags.1.member.key', Key, 'have length between 1 and 128');
    if (Value.length > 256) throw invalid('tags.1.member.value', Value, 'have length less than or equal to 256');
    if (/^aws:/i.test(Key)) throw new AwsError('InvalidInput', 'System tags cannot be added/updated by requester');
    result[Key] = Value;
  }
  if (Object.keys(result).length > TAGS_MAX)
    throw new AwsError('LimitExceeded', `Cannot exceed quota for TagsPerRole: ${TAGS_MAX}`, 409);
  return result;
}

function malformed(message: string): AwsError {
  return new AwsError('MalformedPolicyDocument', message);
}

function invalid(path: string, value: string, constraint: string): AwsError {
  return new AwsError(
    'ValidationError',
    `1 validation error detected: Value '${value}' at '${path}' failed to satisfy constraint: Member must ${constraint}`,
  );
}

/** As RFC 3986 encodes: `encodeURIComponent` leaves five characters more. */
function urlEncoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
