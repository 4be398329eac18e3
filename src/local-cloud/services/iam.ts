/**
 * IAM as far as the local cloud needs it: roles and whom they trust, users and their keys, policies of both, and the
 * sessions that STS and the platform give out. It says who a key belongs to and what is attached there; whether a call
 * is allowed is decided in `local-cloud/iam`.
 */
import { createHash } from 'node:crypto';
import type { CloudService, Collection, Handler, RoleCredentials, RoleSessions, ServiceDeps } from '../contract.ts';
import {
  type Attached,
  type Credentials,
  evaluate,
  type Identified,
  type Identity,
  type Keys,
  type Policy,
  type Principal,
  parsePolicy,
  ROOT_ACCESS_KEYS,
} from '../iam/index.ts';
import { attachmentOperations } from './iam/attachments.ts';
import { policyOperations } from './iam/policies.ts';
import {
  type Entity,
  type StoredPolicy,
  type StoredRole,
  type StoredSession,
  type StoredUser,
  uniqueId,
} from './iam/records.ts';
import { roleNamed, roleOperations } from './iam/roles.ts';
import { userNamed, userOperations } from './iam/users.ts';

/** Somebody who signs requests, and what a trust policy may ask of them. */
export interface Caller {
  readonly arn: string;
  /** As policies may name it, when it is more than its ARN. */
  readonly arns?: readonly string[] | undefined;
  readonly externalId: string | undefined;
}

/** On whose behalf a service assumes a role. */
export interface ServiceSource {
  /** `aws:SourceArn` */
  readonly arn?: string | undefined;
}

/** A role that a caller may assume. */
export interface AssumableRole {
  readonly roleId: string;
  readonly name: string;
  readonly maxSessionSec: number;
}

const ROOT_ID = 'AIDALOCALCLOUDUSER000';
/** What a session's key begins with. */
const SESSION_KEY = 'ASIA';

export class IamService implements CloudService, RoleSessions {
  readonly id = 'iam';
  readonly operations: Readonly<Record<string, Handler>>;
  readonly #roles: Collection<StoredRole>;
  readonly #users: Collection<StoredUser>;
  readonly #policies: Collection<StoredPolicy>;
  readonly #sessions: Collection<StoredSession>;
  readonly #deps: ServiceDeps;
  /** Parsed documents: they are long, and asked for at every call. */
  readonly #parsed = new Map<string, Policy>();
  /** Who a key is, until something of IAM changes. */
  readonly #identities = new Map<string, Identity>();

  constructor(deps: ServiceDeps) {
    this.#deps = deps;
    this.#roles = deps.state.collection('iam.roles');
    this.#users = deps.state.collection('iam.users');
    this.#policies = deps.state.collection('iam.policies');
    this.#sessions = deps.state.collection('iam.sessions');
    // What the platform ran under a role does not outlive it.
    for (const { accessKeyId, expiresMs } of this.#sessions.values()) {
      if (expiresMs === undefined) this.#sessions.delete(accessKeyId);
    }
    const { random, settings } = deps;
    const operations = {
      ...roleOperations({ roles: this.#roles, arnOf: (role) => this.#arn('role', role), random }),
      ...userOperations({ users: this.#users, arnOf: (user) => this.#arn('user', user), random }),
      ...attachmentOperations('Role', this.#roles, (name) => roleNamed(this.#roles, name), this.#policies),
      ...attachmentOperations('User', this.#users, (name) => userNamed(this.#users, name), this.#policies),
      ...policyOperations({
        policies: this.#policies,
        accountId: settings.accountId,
        random,
        attachments: (arn) =>
          [...this.#roles.values(), ...this.#users.values()].filter(({ attached }) => attached?.includes(arn)).length,
      }),
    };
    this.operations = Object.fromEntries(
      Object.entries(operations).map(([name, handler]) => [name, this.#forgetting(name, handler)]),
    );
  }

  /**
   * Whether the role exists and its trust policy lets the service (`ecs-tasks.amazonaws.com`) assume it for `source`. A
   * denial wins.
   */
  trusts(roleArn: string, service: string, source: ServiceSource = {}): boolean {
    const role = this.#roleByArn(roleArn);
    const keys = keysOf({
      'aws:sourceaccount': this.#deps.settings.accountId,
      'aws:sourcearn': source.arn,
      'aws:principalservicename': service,
      'aws:principalisawsservice': 'true',
    });
    return role !== undefined && this.#lets(role, { type: 'Service', name: service }, keys);
  }

  /** The role, when it exists and its trust policy lets the caller assume it. */
  assumable(roleArn: string, caller: Caller): AssumableRole | undefined {
    const role = this.#roleByArn(roleArn);
    const { accountId } = this.#deps.settings;
    const arns = caller.arns ?? [caller.arn];
    const keys = keysOf({
      'aws:principalarn': arns.at(-1),
      'aws:principalaccount': accountId,
      'sts:externalid': caller.externalId,
    });
    if (!role || !this.#lets(role, { type: 'AWS', arns, accountId }, keys)) return undefined;
    return { roleId: role.id, name: role.name, maxSessionSec: role.maxSessionSec };
  }

  /** A role's trust as a policy of the resource that the role is. */
  trustOf(roleArn: string): Attached | undefined {
    const role = this.#roleByArn(roleArn);
    return role && { name: `${role.name} trust`, policy: this.#parse(role.trustPolicy, 'trust') };
  }

  /** Credentials of a role until `expiresMs`. Call it inside of a step. */
  beginSession(roleName: string, session: string, expiresMs: number): RoleCredentials {
    const { random } = this.#deps;
    const accessKeyId = uniqueId(random, SESSION_KEY, 16);
    const secretAccessKey = random.hex(20);
    const sessionToken = Buffer.from(random.hex(96), 'hex').toString('base64');
    this.#sessions.set(accessKeyId, { accessKeyId, token: sessionToken, roleName, session, expiresMs });
    return { accessKeyId, secretAccessKey, sessionToken };
  }

  /** Derived from the run, so that what runs twice under one name is the same session. */
  beginRun(roleArn: string, run: string): RoleCredentials | undefined {
    const role = this.#roleByArn(roleArn);
    if (!role) return undefined;
    const { accessKeyId, secretAccessKey, sessionToken } = runCredentials(roleArn, run);
    this.#sessions.set(accessKeyId, {
      accessKeyId,
      token: sessionToken,
      roleName: role.name,
      session: run,
      expiresMs: undefined,
    });
    return { accessKeyId, secretAccessKey, sessionToken };
  }

  endRun(roleArn: string, run: string): void {
    const { accessKeyId } = runCredentials(roleArn, run);
    this.#sessions.delete(accessKeyId);
    this.#identities.delete(accessKeyId);
  }

  /** Who a service is that does something itself as a session of a role; undefined when there is no such role. */
  sessionOf(roleArn: string, session: string): Identity | undefined {
    const role = this.#roleByArn(roleArn);
    return role && this.#sessionIdentity({ roleName: role.name, session });
  }

  /** Whom the credentials belong to. */
  identify({ accessKeyId, sessionToken }: Credentials, nowMs: number): Identified {
    const session = accessKeyId.startsWith(SESSION_KEY) ? this.#sessions.get(accessKeyId) : undefined;
    if (session) {
      if (session.token !== sessionToken) return { problem: 'unknown' };
      if (session.expiresMs !== undefined && session.expiresMs <= nowMs) return { problem: 'expired' };
    }
    const known = this.#identities.get(accessKeyId);
    if (known) return { identity: known };
    const identity = session ? this.#sessionIdentity(session) : this.#keyIdentity(accessKeyId);
    if (!identity) return { problem: 'unknown' };
    this.#identities.set(accessKeyId, identity);
    return { identity };
  }

  /** The account's root, which the keys that come with the local cloud are. */
  root(): Identity {
    const { accountId } = this.#deps.settings;
    const arn = `arn:aws:iam::${accountId}:user/local`;
    return {
      arn,
      arns: [arn],
      userId: ROOT_ID,
      accountId,
      name: 'local',
      type: 'Account',
      tags: {},
      policies: undefined,
    };
  }

  #keyIdentity(accessKeyId: string): Identity | undefined {
    if (ROOT_ACCESS_KEYS.includes(accessKeyId)) return this.root();
    const user = this.#users.values().find(({ keys }) => keys.some(({ id }) => id === accessKeyId));
    if (!user) return undefined;
    const arn = this.#arn('user', user);
    const { accountId } = this.#deps.settings;
    const { name, id: userId, tags } = user;
    return { arn, arns: [arn], userId, accountId, name, type: 'User', tags, policies: this.#attached(user) };
  }

  #sessionIdentity({ roleName, session }: Pick<StoredSession, 'roleName' | 'session'>): Identity | undefined {
    const role = this.#roles.get(roleName);
    if (!role) return undefined;
    const { accountId } = this.#deps.settings;
    const arn = `arn:aws:sts::${accountId}:assumed-role/${roleName}/${session}`;
    return {
      arn,
      arns: [arn, this.#arn('role', role)],
      userId: `${role.id}:${session}`,
      accountId,
      name: session,
      type: 'AssumedRole',
      tags: role.tags,
      policies: this.#attached(role),
    };
  }

  #attached({ inline = {}, attached = [] }: Entity): Attached[] {
    const managed = attached.flatMap((arn) => {
      const policy = this.#policies.get(arn);
      const version = policy?.versions.find(({ id }) => id === policy.defaultVersion);
      return policy && version ? [{ name: policy.name, policy: this.#parse(version.document, 'identity') }] : [];
    });
    const own = Object.entries(inline).map(([name, document]) => ({ name, policy: this.#parse(document, 'identity') }));
    return [...own, ...managed];
  }

  #lets(role: StoredRole, principal: Principal, keys: Keys): boolean {
    const trust = { name: role.name, policy: this.#parse(role.trustPolicy, 'trust') };
    const question = { action: 'sts:AssumeRole', resource: this.#arn('role', role), keys };
    return evaluate([trust], question, principal).effect === 'Allow';
  }

  #parse(document: string, kind: 'identity' | 'trust'): Policy {
    const key = `${kind} ${document}`;
    const parsed = this.#parsed.get(key) ?? parsePolicy(document, kind);
    this.#parsed.set(key, parsed);
    return parsed;
  }

  #roleByArn(roleArn: string): StoredRole | undefined {
    const role = this.#roles.get(roleArn.slice(roleArn.lastIndexOf('/') + 1));
    return role && this.#arn('role', role) === roleArn ? role : undefined;
  }

  #arn(type: 'role' | 'user', { path, name }: Entity): string {
    return `arn:aws:iam::${this.#deps.settings.accountId}:${type}${path}${name}`;
  }

  /** After anything that may change something, identities are read again. */
  #forgetting(name: string, handler: Handler): Handler {
    if (/^(Get|List)/.test(name)) return handler;
    return (input, context) => {
      this.#identities.clear();
      return handler(input, context);
    };
  }
}

/** No chance in it: machines that start a run draw nothing from the cloud's randomness. */
function runCredentials(roleArn: string, run: string): RoleCredentials {
  const letters = createHash('sha256').update(`${roleArn}\n${run}`).digest('hex').toUpperCase();
  return {
    accessKeyId: `${SESSION_KEY}${letters.slice(0, 16)}`,
    secretAccessKey: letters.slice(16, 40),
    sessionToken: letters.slice(40),
  };
}

function keysOf(values: Readonly<Record<string, string | undefined>>): Keys {
  return (name) => {
    const value = values[name.toLowerCase()];
    return value === undefined ? undefined : [value];
  };
}
