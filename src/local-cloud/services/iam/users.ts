/** Users and their long-lived access keys. Passwords, devices and groups do not exist here. */
import type {
  CreateAccessKeyCommandInput,
  CreateUserCommandInput,
  DeleteAccessKeyCommandInput,
  GetUserCommandInput,
  ListUsersCommandInput,
  User,
} from '@aws-sdk/client-iam';
import type { Random } from '../../../core/index.ts';
import type { Collection, Handler, RequestContext } from '../../contract.ts';
import { conflict, requireBare } from './attachments.ts';
import {
  alreadyThere,
  checkName,
  checkPath,
  limitExceeded,
  missing,
  pageOf,
  type StoredUser,
  tagList,
  uniqueId,
  withTags,
} from './records.ts';

export interface UsersDeps {
  readonly users: Collection<StoredUser>;
  readonly arnOf: (user: StoredUser) => string;
  readonly random: Random;
}

const KEYS_MAX = 2;

/** The stored user. @throws AwsError NoSuchEntity */
export function userNamed(users: Collection<StoredUser>, name = ''): StoredUser {
  checkName('userName', name);
  const user = users.get(name);
  if (!user) throw missing(`The user with name ${name} cannot be found.`);
  return user;
}

export function userOperations({ users, arnOf, random }: UsersDeps): Record<string, Handler> {
  const get = (name: string | undefined) => userNamed(users, name);
  const shown = (user: StoredUser, withTagList: boolean): User => ({
    Path: user.path,
    UserName: user.name,
    UserId: user.id,
    Arn: arnOf(user),
    CreateDate: new Date(user.createdMs),
    ...(withTagList ? tagList(user.tags) : {}),
  });

  return {
    CreateUser: (input: CreateUserCommandInput, { nowMs }: RequestContext) => {
      const name = input.UserName ?? '';
      checkName('userName', name);
      const path = input.Path ?? '/';
      checkPath(path);
      const tags = withTags({}, input.Tags);
      if (users.has(name)) throw alreadyThere(`User with name ${name}`);
      const user = { name, path, id: uniqueId(random, 'AIDA'), createdMs: nowMs, tags, keys: [] };
      users.set(name, user);
      return { User: shown(user, true) };
    },
    GetUser: (input: GetUserCommandInput) => ({ User: shown(get(input.UserName), true) }),
    ListUsers: (input: ListUsersCommandInput) => {
      const { page, rest } = pageOf(users.values(), input as object);
      return { Users: page.map((user) => shown(user, false)), ...rest };
    },
    DeleteUser: (input: { UserName?: string }) => {
      const user = get(input.UserName);
      if (user.keys.length > 0) throw conflict('Cannot delete entity, must delete access keys first.');
      requireBare(user);
      users.delete(user.name);
      return {};
    },
    CreateAccessKey: (input: CreateAccessKeyCommandInput, { nowMs }: RequestContext) => {
      const user = get(input.UserName);
      if (user.keys.length >= KEYS_MAX) throw limitExceeded(`AccessKeysPerUser: ${KEYS_MAX}`);
      const AccessKeyId = uniqueId(random, 'AKIA', 16);
      users.set(user.name, { ...user, keys: [...user.keys, { id: AccessKeyId, createdMs: nowMs }] });
      return {
        AccessKey: {
          UserName: user.name,
          AccessKeyId,
          Status: 'Active' as const,
          // Not remembered: nothing here verifies signatures.
          SecretAccessKey: random.hex(20),
          CreateDate: new Date(nowMs),
        },
      };
    },
    ListAccessKeys: (input: { UserName?: string }) => {
      const user = get(input.UserName);
      return {
        AccessKeyMetadata: user.keys.map(({ id, createdMs }) => ({
          UserName: user.name,
          AccessKeyId: id,
          Status: 'Active' as const,
          CreateDate: new Date(createdMs),
        })),
        IsTruncated: false,
      };
    },
    DeleteAccessKey: (input: DeleteAccessKeyCommandInput) => {
      const user = get(input.UserName);
      if (!user.keys.some(({ id }) => id === input.AccessKeyId))
        throw missing(`The Access Key with id ${input.AccessKeyId} cannot be found.`);
      users.set(user.name, { ...user, keys: user.keys.filter(({ id }) => id !== input.AccessKeyId) });
      return {};
    },
  };
}
