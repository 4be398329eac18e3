/**
 * The one table of who owns which field of what stands in AWS, and what changing it does to those who are being served.
 * A field has one owner, so that two hands never pull at it: what others own is never written by us, and stands here all
 * the same, so that it can be shown. Which fields are compared at all is the kinds' business.
 */
import type { Change } from '../resource/index.ts';

export type FieldOwner =
  /** This controller: a difference is put right. */
  | 'lambdacontainer'
  /** Application Auto Scaling, within the bounds of `spec.scaling`. */
  | 'autoscaling'
  /** ECS itself, while it deploys. */
  | 'ecs'
  /** Whoever set it: read, carried through where an update replaces a whole, and never changed. */
  | 'user';

/**
 * - `none`: nobody who is being served notices.
 * - `brief`: served without a gap, but tasks are replaced or traffic moves: what is in flight is drained, what comes next
 *   may be slower.
 * - `interrupts`: for a time requests may be refused, or answered by something else.
 */
export type Risk = 'none' | 'brief' | 'interrupts';

export interface FieldOwnership {
  readonly kind: string;
  /** As in a `Change`; `*` stands for the rest of a path. */
  readonly path: string;
  readonly owner: FieldOwner;
  readonly risk: Risk;
  /** Why the risk is what it is, or why the field is another's; for people. */
  readonly because: string;
  /** The field is a set, and to add to it is another risk than to take from it. */
  readonly whenOnlyAdded?: { readonly risk: Risk; readonly because: string };
}

const ROLLING = 'a rolling deployment: new tasks are healthy before old ones are drained';
const GROUP_REPLACED =
  'the tasks register in a new group and leave the old one; until the weights have followed, requests may reach a group that empties';
const NEXT_BUILD = 'from the next build on; what runs is not built anew';

export const FIELD_OWNERS: readonly FieldOwnership[] = [
  ...of('codebuild-project', [
    ['serviceRoleArn', 'lambdacontainer', 'none', NEXT_BUILD],
    ['image', 'lambdacontainer', 'none', NEXT_BUILD],
    ['computeType', 'lambdacontainer', 'none', NEXT_BUILD],
    ['environmentType', 'lambdacontainer', 'none', NEXT_BUILD],
    ['buildspec', 'lambdacontainer', 'none', NEXT_BUILD],
    ['timeoutMinutes', 'lambdacontainer', 'none', NEXT_BUILD],
    ['description', 'lambdacontainer', 'none', 'a text'],
    ['logGroupName', 'lambdacontainer', 'none', NEXT_BUILD],
    ['sourceType', 'lambdacontainer', 'none', NEXT_BUILD],
    ['artifactsType', 'lambdacontainer', 'none', NEXT_BUILD],
    ['privilegedMode', 'lambdacontainer', 'none', NEXT_BUILD],
    ['environmentVariables', 'lambdacontainer', 'none', NEXT_BUILD],
    ['imagePullCredentialsType', 'lambdacontainer', 'none', NEXT_BUILD],
    ['cache', 'user', 'none', 'an update does not send it'],
    ['vpcConfig', 'user', 'none', 'an update does not send it'],
  ]),
  ...of('ecr-repository', [
    ['lifecyclePolicy', 'user', 'none', 'what it expires is built anew when it is asked for'],
    ['imageScanningConfiguration', 'user', 'none', 'scanning does not change images'],
  ]),
  ...of('log-group', [
    ['retentionDays', 'lambdacontainer', 'none', 'serving is not touched; CloudWatch deletes lines that are older'],
    ['kmsKeyId', 'user', 'none', 'encryption is set by whoever holds the key'],
  ]),
  ...of('task-definition', [
    ['*', 'lambdacontainer', 'none', 'a new revision; it takes effect when the service is told to use it'],
  ]),
  ...of('target-group', [
    ['targetType', 'lambdacontainer', 'interrupts', `cannot be changed in place: ${GROUP_REPLACED}`],
    ['port', 'lambdacontainer', 'interrupts', `cannot be changed in place: ${GROUP_REPLACED}`],
    ['vpcId', 'lambdacontainer', 'interrupts', `cannot be changed in place: ${GROUP_REPLACED}`],
    [
      'healthCheck.*',
      'lambdacontainer',
      'brief',
      'targets are judged by the new check from its next interval on; one that fails it gets no more traffic',
    ],
    ['attributes.*', 'lambdacontainer', 'none', 'takes effect for requests and drains to come'],
    ['stickiness', 'user', 'none', 'attributes that the spec does not ask for are left as they are'],
  ]),
  ...of('lambda-permission', [
    [
      '*',
      'lambdacontainer',
      'interrupts',
      'the statement is removed and added again: until it has propagated, Lambda refuses the load balancer',
    ],
  ]),
  ...of('lambda-target', [
    [
      'functionArn',
      'lambdacontainer',
      'interrupts',
      'a Lambda group holds one target: between leaving and registering it is empty',
    ],
  ]),
  ...of('listener-rule', [
    setOf('hosts', 'requests for hosts that are taken away get what another rule, or the listener, answers'),
    setOf('paths', 'requests for paths that are taken away get what another rule, or the listener, answers'),
    ['otherConditions', 'lambdacontainer', 'brief', 'requests that the foreign condition kept away come here again'],
    [
      'action',
      'lambdacontainer',
      'interrupts',
      'the rule forwards again, at weight 0 until the weights follow: 503 in between',
    ],
    ['groups.*', 'lambdacontainer', 'none', 'attached at weight 0: it gets no traffic'],
    ['stickiness', 'user', 'none', 'carried through'],
    ['weights', 'ecs', 'none', 'carried through: they are the business of rule-weights, or that of an ECS deployment'],
  ]),
  ...of('rule-weights', [
    [
      'weights.*',
      'lambdacontainer',
      'brief',
      'traffic moves between groups, each of which was seen to be able to serve',
    ],
  ]),
  ...of('ecs-service', [
    ['taskDefinition', 'lambdacontainer', 'brief', ROLLING],
    ['capacity', 'lambdacontainer', 'brief', ROLLING],
    ['subnets', 'lambdacontainer', 'brief', ROLLING],
    ['securityGroups', 'lambdacontainer', 'brief', ROLLING],
    ['assignPublicIp', 'lambdacontainer', 'brief', ROLLING],
    ['loadBalancer', 'lambdacontainer', 'interrupts', GROUP_REPLACED],
    ['healthCheckGraceSec', 'lambdacontainer', 'none', 'for tasks to come; starts no deployment'],
    ['minimumHealthyPercent', 'lambdacontainer', 'none', 'for deployments to come; starts none'],
    ['maximumPercent', 'lambdacontainer', 'none', 'for deployments to come; starts none'],
    ['circuitBreaker', 'lambdacontainer', 'none', 'for deployments to come; starts none'],
    [
      'desiredCount',
      'autoscaling',
      'brief',
      'it stands outside spec.scaling and is brought to the nearest bound once; tasks beyond it are drained',
    ],
    ['runningCount', 'ecs', 'none', 'ECS starts and stops tasks until it is the desired count'],
    ['deployments', 'ecs', 'none', 'ECS decides how a deployment goes on'],
  ]),
  ...of('scalable-target', [
    ['minCapacity', 'lambdacontainer', 'none', 'tasks are added up to it'],
    ['maxCapacity', 'lambdacontainer', 'brief', 'tasks beyond it are drained'],
    ['suspendedState', 'user', 'none', 'a suspension is a hold of somebody'],
  ]),
  ...of('scaling-policy', [
    ['policyType', 'lambdacontainer', 'none', 'the number of tasks follows it from its next evaluation on'],
    ['metric', 'lambdacontainer', 'none', 'the number of tasks follows it from its next evaluation on'],
    ['targetValue', 'lambdacontainer', 'none', 'the number of tasks follows it from its next evaluation on'],
    ['resourceLabel', 'lambdacontainer', 'none', 'the number of tasks follows it from its next evaluation on'],
    ['ScaleInCooldown', 'user', 'none', 'sent back as it was found'],
    ['ScaleOutCooldown', 'user', 'none', 'sent back as it was found'],
    ['DisableScaleIn', 'user', 'none', 'sent back as it was found'],
  ]),
  ...of('lambda-function', [['*', 'user', 'none', 'the function is only read']]),
  ...of('iam-role', [['*', 'user', 'none', 'roles are only read']]),
  ...of('git-commit', [['*', 'user', 'none', 'git repositories are only read']]),
  ...of('base-image', [['*', 'user', 'none', 'registries of base images are only read']]),
  ...of('s3-object', [['*', 'user', 'none', 'archives are only read']]),
  ...of('secret', [['*', 'user', 'none', 'secrets are only described; ECS reads their values']]),
  ...of('target-health', [['*', 'ecs', 'none', 'ECS registers and deregisters tasks']]),
];

/** Written with the rest of its resource whenever any of it is written: it cannot be left alone while others are. */
const INSEPARABLE: ReadonlySet<string> = new Set([
  ...['sourceType', 'artifactsType', 'privilegedMode', 'environmentVariables', 'imagePullCredentialsType'].map(
    (path) => `codebuild-project ${path}`,
  ),
  ...['otherConditions', 'action', 'groups.*'].map((path) => `listener-rule ${path}`),
  'rule-weights weights.*',
  'lambda-permission *',
  'lambda-target functionArn',
  'scaling-policy policyType',
]);

/** Whether a field can only be written together with the rest of its resource. */
export function isInseparable(kind: string, path: string): boolean {
  return INSEPARABLE.has(`${kind} ${ownershipOf(kind, path).path}`);
}

/** Who owns a field. @throws Error when the table has no row: a programmer's error of whoever added the field */
export function ownershipOf(kind: string, path: string): FieldOwnership {
  const row = FIELD_OWNERS.find((candidate) => candidate.kind === kind && covers(candidate.path, path));
  if (!row) throw new Error(`field-owners.ts has no row for ${kind} ${path}`);
  return row;
}

/** What making this change does to those who are being served, and why. */
export function riskOf(kind: string, change: Change): { readonly risk: Risk; readonly because: string } {
  const { risk, because, whenOnlyAdded } = ownershipOf(kind, change.path);
  return whenOnlyAdded && onlyAdds(change) ? whenOnlyAdded : { risk, because };
}

const RANK: Readonly<Record<Risk, number>> = { none: 0, brief: 1, interrupts: 2 };

/** The greatest of several risks; `none` of none. */
export function greatest(risks: readonly Risk[]): Risk {
  return risks.reduce<Risk>((worst, risk) => (RANK[risk] > RANK[worst] ? risk : worst), 'none');
}

type Row = readonly [path: string, owner: FieldOwner, risk: Risk, because: string];

function of(kind: string, rows: readonly (Row | Omit<FieldOwnership, 'kind'>)[]): FieldOwnership[] {
  return rows.map((row) => {
    if (!isShort(row)) return { kind, ...row };
    const [path, owner, risk, because] = row;
    return { kind, path, owner, risk, because };
  });
}

function isShort(row: Row | Omit<FieldOwnership, 'kind'>): row is Row {
  return Array.isArray(row);
}

function setOf(path: string, because: string): Omit<FieldOwnership, 'kind'> {
  return {
    path,
    owner: 'lambdacontainer',
    risk: 'interrupts',
    because,
    whenOnlyAdded: { risk: 'none', because: 'what is served already goes on being served' },
  };
}

function covers(pattern: string, path: string): boolean {
  return pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : pattern === path;
}

/** An empty list of conditions means "any": to fill it narrows, to empty it widens. */
function onlyAdds({ desired, observed }: Change): boolean {
  if (!Array.isArray(desired) || !Array.isArray(observed)) return false;
  if (desired.length === 0) return true;
  return observed.length > 0 && observed.every((value) => desired.includes(value));
}
