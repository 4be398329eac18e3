/**
 * The IAM policies of the daemon and of who only looks: what the resource kinds declare, what the stores, the lease, the
 * stream, the registry and the sources call beside it, narrowed to the names that a deployment uses. Pure; the files
 * under `deploy/` are written from it by `npm run generate`, and it is never read at run time.
 */
import { TAG_OWNER } from '../aws/index.ts';
import { KINDS } from '../kinds/index.ts';
import type { IamStatement } from '../resource/index.ts';

/** ARNs, or the parameter of a template that lists them. */
export type Resources = readonly string[] | { readonly Ref: string };
export type Conditions = Readonly<Record<string, Readonly<Record<string, string>>>>;

export interface PolicyStatement {
  readonly Sid: string;
  readonly Effect: 'Allow';
  readonly Action: readonly string[];
  readonly Resource: Resources;
  readonly Condition?: Conditions;
}

export interface Policy {
  readonly Version: '2012-10-17';
  readonly Statement: readonly PolicyStatement[];
}

/** What a policy is for. Each text may be a pattern as IAM writes them, or a `${…}` that CloudFormation fills in. */
export interface PolicyScope {
  readonly partition: string;
  readonly region: string;
  readonly account: string;
  readonly desiredTable: string;
  readonly stateTable: string;
  /** Names: of the clusters in which services are made, of the load balancers whose listeners classes name. */
  readonly cluster: string;
  readonly loadBalancer: string;
  /** Of the repositories that images go to, without the slash. */
  readonly repositoryPrefix: string;
  /** Names of the functions that objects may refer to; ends with `*`. */
  readonly functions: string;
  /** Names of the buckets that archives may be in. */
  readonly archives: string;
  /** Roles that may be handed to ECS tasks, to builds, and those that sources write records under. */
  readonly taskRoles: Resources;
  readonly buildRoles: Resources;
  readonly sourceRoles: Resources;
  /** Secrets of GitSources, and of the repositories that builds clone. */
  readonly sourceSecrets: Resources;
  /** Name of the queue in which AWS's events wait. */
  readonly eventQueue: string;
}

/** A statement, and why it is there: one reason for each who asks for it. */
export interface Explained {
  readonly statement: PolicyStatement;
  readonly because: readonly string[];
}

/** Any account, with the names that everything has unless it is told otherwise. */
export const DEFAULT_SCOPE: PolicyScope = {
  partition: '*',
  region: '*',
  account: '*',
  desiredTable: 'lambdacontainer-desired',
  stateTable: 'lambdacontainer-state',
  cluster: 'lambdacontainer',
  loadBalancer: 'lambdacontainer',
  repositoryPrefix: 'lambdacontainer',
  functions: '*',
  archives: 'lambdacontainer-*',
  taskRoles: ['arn:*:iam::*:role/lambdacontainer/tasks/*'],
  buildRoles: ['arn:*:iam::*:role/lambdacontainer/builds/*'],
  sourceRoles: ['arn:*:iam::*:role/lambdacontainer/sources/*'],
  sourceSecrets: ['arn:*:secretsmanager:*:*:secret:lambdacontainer/sources/*'],
  eventQueue: 'lambdacontainer-*',
};

/**
 * How an ARN that a kind declares is narrowed to names: those that `compose` gives, and those of the scope. An ARN that
 * is missing here stands for everything of its type in the account.
 */
const NARROWED: Readonly<Record<string, (scope: PolicyScope) => string>> = {
  'arn:aws:ecs:*:*:cluster/*': ({ cluster }) => `cluster/${cluster}`,
  'arn:aws:ecs:*:*:service/*/*': ({ cluster }) => `service/${cluster}/lc-*`,
  'arn:aws:ecs:*:*:task/*/*': ({ cluster }) => `task/${cluster}/*`,
  'arn:aws:ecs:*:*:task-definition/*:*': () => 'task-definition/lc-*:*',
  'arn:aws:elasticloadbalancing:*:*:targetgroup/*/*': () => 'targetgroup/lc-*/*',
  'arn:aws:elasticloadbalancing:*:*:listener/app/*/*/*': ({ loadBalancer }) => `listener/app/${loadBalancer}/*/*`,
  'arn:aws:elasticloadbalancing:*:*:listener-rule/app/*/*/*/*': ({ loadBalancer }) =>
    `listener-rule/app/${loadBalancer}/*/*/*`,
  'arn:aws:ecr:*:*:repository/*': ({ repositoryPrefix }) => `repository/${repositoryPrefix}/*`,
  'arn:aws:codebuild:*:*:project/*': () => 'project/lambdacontainer-*',
  'arn:aws:logs:*:*:log-group:*': () => 'log-group:/lambdacontainer/*',
  'arn:aws:logs:*:*:log-group:/aws/codebuild/*:log-stream:*': () =>
    'log-group:/aws/codebuild/lambdacontainer-*:log-stream:*',
  'arn:aws:lambda:*:*:function:*': ({ functions }) => `function:${functions}`,
  'arn:aws:s3:::*': ({ archives }) => archives,
  'arn:aws:s3:::*/*': ({ archives }) => `${archives}/*`,
  'arn:aws:cloudwatch:*:*:alarm:TargetTracking-service/*/*': ({ cluster }) =>
    `alarm:TargetTracking-service/${cluster}/lc-*`,
  'arn:aws:dynamodb:*:*:table/desired': ({ desiredTable }) => `table/${desiredTable}`,
  'arn:aws:dynamodb:*:*:table/desired/stream/*': ({ desiredTable }) => `table/${desiredTable}/stream/*`,
  'arn:aws:dynamodb:*:*:table/state': ({ stateTable }) => `table/${stateTable}`,
};

/** The stores: desired is only read, state is written. */
const STORES: readonly IamStatement[] = [
  {
    actions: ['dynamodb:DescribeTable', 'dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:Scan'],
    resources: ['arn:aws:dynamodb:*:*:table/desired'],
    because: 'reads what is desired, and never writes it',
  },
  {
    actions: ['dynamodb:DescribeStream', 'dynamodb:GetShardIterator', 'dynamodb:GetRecords'],
    resources: ['arn:aws:dynamodb:*:*:table/desired/stream/*'],
    because: 'notices changes of the desired table within a second',
  },
  {
    actions: [
      'dynamodb:GetItem',
      'dynamodb:PutItem',
      'dynamodb:DeleteItem',
      'dynamodb:Query',
      'dynamodb:Scan',
      'dynamodb:BatchWriteItem',
    ],
    resources: ['arn:aws:dynamodb:*:*:table/state'],
    because: 'remembers status, inventory, revisions, events and the lease',
  },
];

/** Registries are asked over their own protocol; in ECR these actions stand for it. */
const REGISTRY: Omit<IamStatement, 'resources'> = {
  actions: ['ecr:GetAuthorizationToken'],
  because: "asks the account's registry for the digests of base images",
};
const BASE_IMAGES: Omit<IamStatement, 'resources'> = {
  actions: ['ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
  because: "reads manifest and configuration of a base image in the account's registry",
};

/** Listings of sweeps whose resource is wider than what a kind may touch. */
const TAGS_OF_ALL: Omit<IamStatement, 'resources'> = {
  actions: ['tag:GetResources'],
  because: 'reads in one listing which resources carry its tags; the action knows no narrower resource',
};
const ALL_REPOSITORIES: Omit<IamStatement, 'resources'> = {
  actions: ['ecr:DescribeRepositories'],
  because: 'lists repositories where asking for them by name would fail for one that is gone',
};

const EVENT_QUEUE: Omit<IamStatement, 'resources'> = {
  actions: ['sqs:GetQueueUrl', 'sqs:ReceiveMessage', 'sqs:DeleteMessage'],
  because: 'hears of what AWS tells of, and takes it off the queue',
};

const SOURCE_ROLES: Omit<IamStatement, 'resources'> = {
  actions: ['sts:AssumeRole'],
  because: 'writes the records of a GitSource under the role of that source, never under its own',
};
const SOURCE_SECRETS: Omit<IamStatement, 'resources'> = {
  actions: ['secretsmanager:GetSecretValue'],
  because: 'reads the credentials that a GitSource names for its repository, and a class for those that builds clone',
};

/** What `plan`, `diff`, `verify` and `doctor` read beside what the kinds do. */
const LOOKS: readonly IamStatement[] = [
  {
    actions: [
      'dynamodb:DescribeTable',
      'dynamodb:DescribeTimeToLive',
      'dynamodb:DescribeContinuousBackups',
      'dynamodb:GetItem',
      'dynamodb:Query',
      'dynamodb:Scan',
    ],
    resources: ['arn:aws:dynamodb:*:*:table/desired', 'arn:aws:dynamodb:*:*:table/state'],
    because: 'reads records, status, events and whether the tables are as they have to be',
  },
  {
    actions: ['ecs:DescribeClusters'],
    resources: ['arn:aws:ecs:*:*:cluster/*'],
    because: 'looks whether the cluster of a class is there',
  },
  {
    actions: [
      'elasticloadbalancing:DescribeListeners',
      'elasticloadbalancing:DescribeLoadBalancers',
      'elasticloadbalancing:DescribeLoadBalancerAttributes',
    ],
    resources: ['*'],
    because: 'looks at the listeners of a class and the load balancers that they belong to',
  },
  {
    actions: ['elasticloadbalancing:DescribeAccountLimits'],
    resources: ['*'],
    because: 'reads what a load balancer holds; the action knows no narrower resource',
  },
  {
    actions: ['servicequotas:GetServiceQuota'],
    resources: ['arn:aws:servicequotas:*:*:fargate/*'],
    because: "compares the account's quotas with what objects ask for",
  },
  {
    actions: ['ec2:DescribeSubnets', 'ec2:DescribeRouteTables', 'ec2:DescribeVpcEndpoints'],
    resources: ['*'],
    because: 'looks whether tasks reach ECR, S3 and logs; describe actions know no narrower resource',
  },
  {
    actions: ['cloudformation:DescribeStacks'],
    resources: ['arn:aws:cloudformation:*:*:stack/lambdacontainer*/*'],
    because: "looks at the controller's stack",
  },
  {
    actions: ['sqs:GetQueueUrl', 'sqs:GetQueueAttributes'],
    resources: ['arn:aws:sqs:*:*:lambdacontainer-*'],
    because: "looks at the queues of AWS's events; reads no message",
  },
  {
    actions: ['secretsmanager:DescribeSecret'],
    resources: ['arn:aws:secretsmanager:*:*:secret:*'],
    because: 'looks whether a secret is there; its value is not read',
  },
];

/**
 * The parts of the task role's policy: one managed policy holds 6,144 characters, and all inline ones of a role 10,240.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
 */
export const PARTS = ['records', 'artifacts', 'tasks', 'traffic'] as const;
export type Part = (typeof PARTS)[number];

/** The task role's policy. Deterministic: kinds by name, their statements in order; what is equal stands there once. */
export function explainedControllerPolicy(scope: PolicyScope): Readonly<Record<Part, readonly Explained[]>> {
  const { sourceRoles, sourceSecrets } = scope;
  const all = [
    ...resolved('Stores', STORES, scope),
    explained('TagsOfAll', TAGS_OF_ALL, ['*'], scope),
    explained('AllRepositories', ALL_REPOSITORIES, [inAccount('ecr', 'repository/*', scope)], scope),
    explained('EventQueue', EVENT_QUEUE, [inAccount('sqs', scope.eventQueue, scope)], scope),
    explained('SourceRoles', SOURCE_ROLES, sourceRoles, scope),
    explained('SourceSecrets', SOURCE_SECRETS, sourceSecrets, scope),
    ...registry(scope),
    ...kinds().flatMap(({ name, permissions }) => resolved(pascal(name), permissions, scope)),
  ];
  const needed = withoutCovered(all);
  const part = (wanted: Part) => merged(needed.filter(({ statement }) => partOf(statement) === wanted));
  return { records: part('records'), artifacts: part('artifacts'), tasks: part('tasks'), traffic: part('traffic') };
}

/** For who plans, compares and verifies: everything that the daemon reads to do the same, and no value of a secret. */
export function explainedReaderPolicy(scope: PolicyScope): readonly Explained[] {
  return merged([
    ...resolved('Looks', LOOKS, scope),
    ...registry(scope),
    ...kinds().flatMap(({ name, permissions }) => resolved(pascal(name), permissions.flatMap(onlyReads), scope)),
  ]);
}

export function controllerPolicy(scope: PolicyScope = DEFAULT_SCOPE): Policy {
  const parts = explainedControllerPolicy(scope);
  return policyOf(PARTS.flatMap((part) => parts[part]));
}

export function readerPolicy(scope: PolicyScope = DEFAULT_SCOPE): Policy {
  return policyOf(explainedReaderPolicy(scope));
}

/** Whether a kind's ARN is narrowed to names, or meant to stand for all in the account. For the tests of the table. */
export function isNarrowed(arn: string): boolean {
  return arn in NARROWED;
}

const PART_OF: Readonly<Record<string, Part>> = {
  dynamodb: 'records',
  sts: 'records',
  secretsmanager: 'records',
  sqs: 'records',
  ecr: 'artifacts',
  codebuild: 'artifacts',
  s3: 'artifacts',
  logs: 'artifacts',
  elasticloadbalancing: 'traffic',
  lambda: 'traffic',
};

function partOf({ Action }: PolicyStatement): Part {
  return PART_OF[Action[0]?.split(':')[0] ?? ''] ?? 'tasks';
}

function registry(scope: PolicyScope): Explained[] {
  return [
    explained('Registry', REGISTRY, ['*'], scope),
    explained('BaseImages', BASE_IMAGES, [inAccount('ecr', 'repository/*', scope)], scope),
  ];
}

function policyOf(statements: readonly Explained[]): Policy {
  return { Version: '2012-10-17', Statement: statements.map(({ statement }) => statement) };
}

function kinds() {
  return [...KINDS.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The reading actions of a statement, if it has any. */
function onlyReads(statement: IamStatement): IamStatement[] {
  const actions = statement.actions.filter((action) => /:(BatchGet|Describe|Get|List)/.test(action));
  // The alarms are read for the sake of the policy that is put.
  const reads = actions.filter((action) => action !== 'cloudwatch:DescribeAlarms');
  return reads.length === 0 ? [] : [{ ...statement, actions: reads }];
}

function resolved(name: string, statements: readonly IamStatement[], scope: PolicyScope): Explained[] {
  return statements.map((statement, index) =>
    explained(`${name}${index + 1}`, statement, resourcesOf(statement, scope), scope),
  );
}

function explained(
  Sid: string,
  statement: Omit<IamStatement, 'resources'>,
  Resource: Resources,
  scope: PolicyScope,
): Explained {
  const condition = conditionsOf(statement, scope);
  return {
    statement: {
      Sid,
      Effect: 'Allow',
      Action: statement.actions,
      Resource,
      ...(condition ? { Condition: condition } : {}),
    },
    because: [statement.because],
  };
}

/** A role is passed to one service, and to each service only roles that are meant for it. */
function resourcesOf({ actions, resources, when }: IamStatement, scope: PolicyScope): Resources {
  if (actions.includes('iam:PassRole')) {
    const service = when?.StringEquals?.['iam:PassedToService'];
    if (service === 'ecs-tasks.amazonaws.com') return scope.taskRoles;
    if (service === 'codebuild.amazonaws.com') return scope.buildRoles;
    throw new Error(`iam:PassRole to ${service ?? 'any service'} has no roles in the scope of a policy`);
  }
  return resources.map((arn) => narrowed(arn, scope));
}

function conditionsOf({ only, when }: Omit<IamStatement, 'resources'>, scope: PolicyScope): Conditions | undefined {
  const conditions: Record<string, Record<string, string>> = {};
  for (const [operator, keys] of Object.entries(when ?? {})) {
    conditions[operator] = Object.fromEntries(
      Object.entries(keys).map(([key, value]) => [key, narrowed(value, scope)]),
    );
  }
  if (only) {
    const key = `aws:${only === 'owned' ? 'ResourceTag' : 'RequestTag'}/${TAG_OWNER}`;
    // The owner is the state table: two controllers in one account never touch what is the other's.
    conditions.StringEquals = { ...conditions.StringEquals, [key]: scope.stateTable };
  }
  return Object.keys(conditions).length === 0 ? undefined : conditions;
}

/** An ARN as kinds declare it, in the scope's account and with its names. What is no ARN stays what it is. */
function narrowed(arn: string, scope: PolicyScope): string {
  const [, , service = '', region, account, ...rest] = arn.split(':');
  if (!arn.startsWith('arn:aws:')) return arn;
  const name = NARROWED[arn]?.(scope) ?? rest.join(':');
  // Buckets have names of their own, whoever's they are.
  if (region === '' && account === '') return ['arn', scope.partition, service, '', '', name].join(':');
  return region === '' && account === '*' ? globally(service, name, scope) : inAccount(service, name, scope);
}

function inAccount(service: string, name: string, { partition, region, account }: PolicyScope): string {
  return ['arn', partition, service, region, account, name].join(':');
}

/** Of services without regions: IAM. */
function globally(service: string, name: string, { partition, account }: PolicyScope): string {
  return ['arn', partition, service, '', account, name].join(':');
}

/** An action that another statement allows unconditionally on more is not allowed again: it would be there in vain. */
function withoutCovered(statements: readonly Explained[]): Explained[] {
  return statements.flatMap((one) => {
    const { Action, Resource } = one.statement;
    const kept = Action.filter(
      (action) => !statements.some((other) => other !== one && isCovered(action, Resource, other)),
    );
    return kept.length === 0 ? [] : [{ ...one, statement: { ...one.statement, Action: kept } }];
  });
}

function isCovered(action: string, resources: Resources, { statement }: Explained): boolean {
  const { Action, Resource, Condition } = statement;
  if (Condition !== undefined || !Action.includes(action) || 'Ref' in Resource || 'Ref' in resources) return false;
  const wider = (pattern: string, text: string) =>
    pattern !== text && pattern.endsWith('*') && text.startsWith(pattern.slice(0, -1));
  return resources.every((text) => Resource.some((pattern) => wider(pattern, text)));
}

/** Statements on the same resources under the same conditions become one, so that none is there in vain. */
function merged(statements: readonly Explained[]): Explained[] {
  const groups = new Map<string, Explained>();
  for (const { statement, because } of statements) {
    const key = JSON.stringify([statement.Resource, statement.Condition]);
    const same = groups.get(key);
    const actions = new Set([...(same?.statement.Action ?? []), ...statement.Action]);
    groups.set(key, {
      statement: { ...(same?.statement ?? statement), Action: [...actions] },
      because: [...new Set([...(same?.because ?? []), ...because])],
    });
  }
  return [...groups.values()];
}

function pascal(text: string): string {
  return text.replace(/(^|-)([a-z])/g, (_all, _dash, letter: string) => letter.toUpperCase());
}
