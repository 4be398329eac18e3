/**
 * A role that a task is to run under. Read only: IAM is the user's. It says whether a service may assume the role and,
 * if not, prints the one statement that is missing. Conditions of the trust policy are not evaluated; AWS does that.
 */
import {
  onCalls,
  READY,
  type Readiness,
  type ResourceKind,
  readOnly,
  text,
  unlessAbsent,
} from '../../resource/index.ts';

/** Identity: `roleArn`. */
export interface IamRoleProps {
  /** Service principal, e.g. `ecs-tasks.amazonaws.com`. */
  readonly mustTrust: string;
}

export interface IamRoleObserved {
  readonly arn: string;
  readonly statements: readonly TrustStatement[];
}

/** One statement of a trust policy, its one-or-many members made lists. */
export interface TrustStatement {
  readonly effect: string;
  /** Service principals; `*` for everyone. */
  readonly services: readonly string[];
  readonly actions: readonly string[];
  readonly conditional: boolean;
}

export const iamRole: ResourceKind<IamRoleProps, IamRoleObserved> = {
  ...readOnly('iam-role'),
  name: 'iam-role',
  permissions: [
    {
      actions: ['iam:GetRole'],
      resources: ['arn:aws:iam::*:role/*'],
      because: 'checks that ECS tasks may assume the role that they are to run under',
    },
  ],

  async observe(io, identity, call) {
    const asked = identity.roleArn ?? '';
    // `arn:aws:iam::1:role/some/path/name`: IAM wants the name alone.
    const answer = await unlessAbsent(io.aws.iam.getRole({ RoleName: asked.slice(asked.lastIndexOf('/') + 1) }, call));
    // Names are unique in an account: another ARN means another path or account, so the asked role is not there.
    if (answer?.Role?.Arn !== asked) return undefined;
    return { arn: asked, statements: statementsOf(answer.Role.AssumeRolePolicyDocument ?? '') };
  },

  lasting: true,

  readiness(observed, desired): Readiness {
    if (!desired || trusts(observed.statements, desired.mustTrust)) return READY;
    const missing = { Effect: 'Allow', Principal: { Service: desired.mustTrust }, Action: 'sts:AssumeRole' };
    return {
      state: 'failed',
      reason: 'RoleNotAssumable',
      message: `${observed.arn} cannot be assumed by ${desired.mustTrust}. Add this statement to its trust policy: ${JSON.stringify(missing)}`,
    };
  },

  outputs: ({ arn }) => ({ arn }),

  // IAM lists roles by path and with it everybody's: the few that are used are read one by one.
  rotating: { TrustDrift: ({ statements }) => statements },

  // The call names the role alone: one under a path is found in the rotation. IAM's events come in one region only.
  // https://docs.aws.amazon.com/IAM/latest/UserGuide/cloudtrail-integration.html
  events: [
    onCalls('iam', ['UpdateAssumeRolePolicy', 'DeleteRole'], ({ roleName }, { account }) =>
      text(roleName) === '' ? [] : [`arn:aws:iam::${account}:role/${text(roleName)}`],
    ),
  ],
};

/** True when a statement allows the service to assume the role and none without conditions denies it. */
function trusts(statements: readonly TrustStatement[], service: string): boolean {
  const about = statements.filter(
    ({ services, actions }) =>
      (services.includes(service) || services.includes('*')) &&
      actions.some((action) => ['sts:assumerole', 'sts:*', '*'].includes(action.toLowerCase())),
  );
  return (
    about.some(({ effect }) => effect === 'Allow') &&
    !about.some(({ effect, conditional }) => effect === 'Deny' && !conditional)
  );
}

interface PolicyStatement {
  Effect?: string;
  Principal?: string | { Service?: string | string[]; AWS?: string | string[] };
  Action?: string | string[];
  Condition?: object;
}

/** IAM answers with the document URL-encoded (RFC 3986). */
function statementsOf(encoded: string): TrustStatement[] {
  const document = JSON.parse(decodeURIComponent(encoded)) as { Statement?: PolicyStatement | PolicyStatement[] };
  return list(document.Statement).map(({ Effect, Principal, Action, Condition }) => ({
    effect: Effect ?? '',
    services:
      typeof Principal === 'string'
        ? [Principal]
        : [...list(Principal?.Service), ...list(Principal?.AWS).filter((principal) => principal === '*')],
    actions: list(Action),
    conditional: Condition !== undefined,
  }));
}

function list<T>(oneOrMany: T | T[] | undefined): T[] {
  if (oneOrMany === undefined) return [];
  return Array.isArray(oneOrMany) ? oneOrMany : [oneOrMany];
}
