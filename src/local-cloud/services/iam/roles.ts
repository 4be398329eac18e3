/** Roles: made, read, changed and deleted. Whom they trust is checked here as a document and evaluated elsewhere. */
import type {
  CreateRoleCommandInput,
  DeleteRoleCommandInput,
  GetRoleCommandInput,
  ListRolesCommandInput,
  Role,
  TagRoleCommandInput,
  UpdateAssumeRolePolicyCommandInput,
} from '@aws-sdk/client-iam';
import type { Random } from '../../../core/index.ts';
import type { Collection, Handler, RequestContext } from '../../contract.ts';
import { requireBare } from './attachments.ts';
import {
  alreadyThere,
  checkedDocument,
  checkName,
  checkPath,
  invalid,
  missing,
  pageOf,
  type StoredRole,
  tagList,
  uniqueId,
  urlEncoded,
  withTags,
} from './records.ts';

export interface RolesDeps {
  readonly roles: Collection<StoredRole>;
  readonly arnOf: (role: StoredRole) => string;
  readonly random: Random;
}

/** The stored role. @throws AwsError NoSuchEntity */
export function roleNamed(roles: Collection<StoredRole>, name = ''): StoredRole {
  checkName('roleName', name);
  const role = roles.get(name);
  if (!role) throw missing(`The role with name ${name} cannot be found.`);
  return role;
}

export function roleOperations({ roles, arnOf, random }: RolesDeps): Record<string, Handler> {
  const get = (name: string | undefined) => roleNamed(roles, name);
  /** Listings carry no tags. */
  const shown = (role: StoredRole, withTagList: boolean): Role => ({
    Path: role.path,
    RoleName: role.name,
    RoleId: role.id,
    Arn: arnOf(role),
    CreateDate: new Date(role.createdMs),
    AssumeRolePolicyDocument: urlEncoded(role.trustPolicy),
    MaxSessionDuration: role.maxSessionSec,
    ...(role.description === undefined ? {} : { Description: role.description }),
    ...(withTagList ? tagList(role.tags) : {}),
  });

  return {
    CreateRole: (input: CreateRoleCommandInput, { nowMs }: RequestContext) => {
      const name = input.RoleName ?? '';
      checkName('roleName', name);
      const path = input.Path ?? '/';
      checkPath(path);
      const maxSessionSec = input.MaxSessionDuration ?? 3600;
      if (maxSessionSec < 3600 || maxSessionSec > 43_200)
        throw invalid('maxSessionDuration', String(maxSessionSec), 'be between 3600 and 43200');
      const trustPolicy = checkedDocument(input.AssumeRolePolicyDocument ?? '', 'trust');
      const tags = withTags({}, input.Tags);
      if (roles.has(name)) throw alreadyThere(`Role with name ${name}`);
      const role = {
        name,
        path,
        id: uniqueId(random, 'AROA'),
        createdMs: nowMs,
        description: input.Description,
        maxSessionSec,
        trustPolicy,
        tags,
      };
      roles.set(name, role);
      return { Role: shown(role, true) };
    },
    // Nobody keeps count here, which reads as a role that was never used.
    GetRole: (input: GetRoleCommandInput) => ({ Role: { ...shown(get(input.RoleName), true), RoleLastUsed: {} } }),
    DeleteRole: (input: DeleteRoleCommandInput) => {
      const role = get(input.RoleName);
      requireBare(role);
      roles.delete(role.name);
      return {};
    },
    UpdateAssumeRolePolicy: (input: UpdateAssumeRolePolicyCommandInput) => {
      const role = get(input.RoleName);
      roles.set(role.name, { ...role, trustPolicy: checkedDocument(input.PolicyDocument ?? '', 'trust') });
      return {};
    },
    ListRoles: (input: ListRolesCommandInput) => {
      const { page, rest } = pageOf(roles.values(), input as object);
      return { Roles: page.map((role) => shown(role, false)), ...rest };
    },
    TagRole: (input: TagRoleCommandInput) => {
      const role = get(input.RoleName);
      roles.set(role.name, { ...role, tags: withTags(role.tags, input.Tags) });
      return {};
    },
  };
}
