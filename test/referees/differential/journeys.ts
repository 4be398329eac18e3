/**
 * What is played in both places, step by step, with nothing but the ports' own operations: success, repetition, refusal.
 * A step answers what AWS would, or what it found out of it. SQS and EventBridge: test/referees/moto.
 */
import { createHash } from 'node:crypto';
import { makeZip } from '../../oci/make-zip.ts';
import type { Place, Referee } from './places.ts';

/** What a journey remembers from step to step, by name. */
export type Kept = Record<string, string>;

export type Step = readonly [name: string, run: (at: Place, kept: Kept) => Promise<unknown>];

export interface Journey {
  readonly name: string;
  readonly referee: Referee;
  readonly steps: readonly Step[];
}

const FIXED = (StatusCode: string) => [
  { Type: 'fixed-response' as const, FixedResponseConfig: { StatusCode, ContentType: 'text/plain' } },
];
const path = (value: string) => [{ Field: 'path-pattern', PathPatternConfig: { Values: [value] } }];
const forward = (weights: Readonly<Record<string, number>>) => [
  {
    Type: 'forward' as const,
    ForwardConfig: {
      TargetGroups: Object.entries(weights).map(([TargetGroupArn, Weight]) => ({ TargetGroupArn, Weight })),
    },
  },
];
const NO_GROUP = 'arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/none/0123456789abcdef';
const TAGS = [{ Key: 'lambdacontainer.dev/owner', Value: 'referee' }];

const BALANCING: Journey = {
  name: 'load balancing',
  referee: 'moto',
  steps: [
    [
      'a load balancer',
      async ({ ports, subnets }, kept) => {
        const answer = await ports.elbv2.createLoadBalancer({ Name: 'lb', Subnets: [...subnets], Scheme: 'internal' });
        kept.lb = answer.LoadBalancers?.[0]?.LoadBalancerArn ?? '';
        const { LoadBalancerName, Type, Scheme } = answer.LoadBalancers?.[0] ?? {};
        return { LoadBalancerName, Type, Scheme };
      },
    ],
    [
      'a listener',
      async ({ ports }, kept) => {
        const answer = await ports.elbv2.createListener({
          LoadBalancerArn: kept.lb,
          Protocol: 'HTTP',
          Port: 80,
          DefaultActions: FIXED('404'),
        });
        kept.listener = answer.Listeners?.[0]?.ListenerArn ?? '';
        return answer;
      },
    ],
    [
      'a group of addresses',
      async ({ ports, vpcId }, kept) => {
        const answer = await ports.elbv2.createTargetGroup({
          Name: 'ip',
          TargetType: 'ip',
          Protocol: 'HTTP',
          Port: 8080,
          VpcId: vpcId,
          HealthCheckPath: '/health',
          HealthCheckIntervalSeconds: 15,
          HealthCheckTimeoutSeconds: 5,
          HealthyThresholdCount: 2,
          UnhealthyThresholdCount: 3,
          Matcher: { HttpCode: '200-299' },
          Tags: TAGS,
        });
        kept.ip = answer.TargetGroups?.[0]?.TargetGroupArn ?? '';
        return answer;
      },
    ],
    [
      'the same name otherwise',
      ({ ports, vpcId }) =>
        ports.elbv2.createTargetGroup({ Name: 'ip', TargetType: 'ip', Protocol: 'HTTP', Port: 9090, VpcId: vpcId }),
    ],
    [
      'a group of a function',
      async ({ ports }, kept) => {
        const answer = await ports.elbv2.createTargetGroup({ Name: 'fn', TargetType: 'lambda' });
        kept.fn = answer.TargetGroups?.[0]?.TargetGroupArn ?? '';
        return answer;
      },
    ],
    ['by name', ({ ports }) => ports.elbv2.describeTargetGroups({ Names: ['ip'] })],
    ['a name that is not there', ({ ports }) => ports.elbv2.describeTargetGroups({ Names: ['none'] })],
    ['an ARN that is not there', ({ ports }) => ports.elbv2.describeTargetGroups({ TargetGroupArns: [NO_GROUP] })],
    [
      'attributes of addresses',
      ({ ports }, kept) => ports.elbv2.describeTargetGroupAttributes({ TargetGroupArn: kept.ip }),
    ],
    [
      'attributes of a function',
      ({ ports }, kept) => ports.elbv2.describeTargetGroupAttributes({ TargetGroupArn: kept.fn }),
    ],
    [
      'drain sooner',
      ({ ports }, kept) =>
        ports.elbv2.modifyTargetGroupAttributes({
          TargetGroupArn: kept.ip,
          Attributes: [{ Key: 'deregistration_delay.timeout_seconds', Value: '10' }],
        }),
    ],
    [
      'another health check',
      ({ ports }, kept) => ports.elbv2.modifyTargetGroup({ TargetGroupArn: kept.ip, HealthCheckPath: '/other' }),
    ],
    [
      'a rule with weights',
      async ({ ports }, kept) => {
        const answer = await ports.elbv2.createRule({
          ListenerArn: kept.listener,
          Priority: 7,
          Conditions: [{ Field: 'host-header', HostHeaderConfig: { Values: ['a.example.com'] } }, ...path('/a/*')],
          Actions: forward({ [kept.ip ?? '']: 0, [kept.fn ?? '']: 100 }),
          Tags: TAGS,
        });
        kept.rule = answer.Rules?.[0]?.RuleArn ?? '';
        return answer;
      },
    ],
    [
      'a priority that is taken',
      ({ ports }, kept) =>
        ports.elbv2.createRule({
          ListenerArn: kept.listener,
          Priority: 7,
          Conditions: path('/b'),
          Actions: FIXED('503'),
        }),
    ],
    [
      'a rule for no group',
      ({ ports }, kept) =>
        ports.elbv2.createRule({
          ListenerArn: kept.listener,
          Priority: 8,
          Conditions: path('/b'),
          Actions: forward({ [NO_GROUP]: 1 }),
        }),
    ],
    [
      'other weights',
      ({ ports }, kept) =>
        ports.elbv2.modifyRule({ RuleArn: kept.rule, Actions: forward({ [kept.ip ?? '']: 90, [kept.fn ?? '']: 10 }) }),
    ],
    ['other conditions', ({ ports }, kept) => ports.elbv2.modifyRule({ RuleArn: kept.rule, Conditions: path('/c') })],
    ['the listener’s rules', ({ ports }, kept) => ports.elbv2.describeRules({ ListenerArn: kept.listener })],
    ['one rule', ({ ports }, kept) => ports.elbv2.describeRules({ RuleArns: [kept.rule ?? ''] })],
    [
      'a rule that is not there',
      ({ ports }, kept) => ports.elbv2.describeRules({ RuleArns: [(kept.rule ?? '').replace(/.{4}$/, '0000')] }),
    ],
    ['tags', ({ ports }, kept) => ports.elbv2.describeTags({ ResourceArns: [kept.ip ?? '', kept.rule ?? ''] })],
    [
      'a tag off',
      ({ ports }, kept) =>
        ports.elbv2.removeTags({ ResourceArns: [kept.rule ?? ''], TagKeys: ['lambdacontainer.dev/owner'] }),
    ],
    ['tags then', ({ ports }, kept) => ports.elbv2.describeTags({ ResourceArns: [kept.rule ?? ''] })],
    ['no target is registered', ({ ports }, kept) => ports.elbv2.describeTargetHealth({ TargetGroupArn: kept.ip })],
    ['a group in use', ({ ports }, kept) => ports.elbv2.deleteTargetGroup({ TargetGroupArn: kept.ip })],
    ['the rule goes', ({ ports }, kept) => ports.elbv2.deleteRule({ RuleArn: kept.rule })],
    ['it goes again', ({ ports }, kept) => ports.elbv2.deleteRule({ RuleArn: kept.rule })],
    ['the group goes', ({ ports }, kept) => ports.elbv2.deleteTargetGroup({ TargetGroupArn: kept.ip })],
    ['the group goes again', ({ ports }, kept) => ports.elbv2.deleteTargetGroup({ TargetGroupArn: kept.ip })],
    [
      'rules of no listener',
      ({ ports }, kept) => ports.elbv2.describeRules({ ListenerArn: (kept.listener ?? '').replace(/.{4}$/, '0000') }),
    ],
  ],
};

const SERVICE = {
  ServiceNamespace: 'ecs',
  ResourceId: 'service/main/lc-shop',
  ScalableDimension: 'ecs:service:DesiredCount',
} as const;
const NOBODY = { ...SERVICE, ResourceId: 'service/main/none' } as const;
const TRACKING = {
  ...SERVICE,
  PolicyName: 'cpu',
  PolicyType: 'TargetTrackingScaling',
  TargetTrackingScalingPolicyConfiguration: {
    TargetValue: 60,
    ScaleInCooldown: 300,
    ScaleOutCooldown: 60,
    DisableScaleIn: false,
    PredefinedMetricSpecification: { PredefinedMetricType: 'ECSServiceAverageCPUUtilization' },
  },
} as const;

const SCALING: Journey = {
  name: 'scaling',
  referee: 'moto',
  steps: [
    [
      'a service',
      async ({ ports, subnets }) => {
        await ports.ecs.createCluster({ clusterName: 'main' });
        await ports.ecs.registerTaskDefinition({
          family: 'lc-shop',
          networkMode: 'awsvpc',
          requiresCompatibilities: ['FARGATE'],
          cpu: '256',
          memory: '512',
          containerDefinitions: [{ name: 'main', image: 'host/shop:1' }],
        });
        const { service } = await ports.ecs.createService({
          cluster: 'main',
          serviceName: 'lc-shop',
          taskDefinition: 'lc-shop',
          desiredCount: 1,
          launchType: 'FARGATE',
          networkConfiguration: { awsvpcConfiguration: { subnets: [...subnets], securityGroups: [] } },
        });
        return { serviceName: service?.serviceName, desiredCount: service?.desiredCount };
      },
    ],
    ['none yet', ({ ports }) => ports.autoscaling.describeScalableTargets({ ServiceNamespace: 'ecs' })],
    ['bounds', ({ ports }) => ports.autoscaling.registerScalableTarget({ ...SERVICE, MinCapacity: 1, MaxCapacity: 4 })],
    [
      'other bounds',
      ({ ports }) => ports.autoscaling.registerScalableTarget({ ...SERVICE, MinCapacity: 2, MaxCapacity: 5 }),
    ],
    ['one bound', ({ ports }) => ports.autoscaling.registerScalableTarget({ ...SERVICE, MaxCapacity: 6 })],
    [
      'bounds that cross',
      ({ ports }) => ports.autoscaling.registerScalableTarget({ ...SERVICE, MinCapacity: 9, MaxCapacity: 3 }),
    ],
    [
      'by id',
      ({ ports }) =>
        ports.autoscaling.describeScalableTargets({ ServiceNamespace: 'ecs', ResourceIds: [SERVICE.ResourceId] }),
    ],
    [
      'an id that is not there',
      ({ ports }) =>
        ports.autoscaling.describeScalableTargets({ ServiceNamespace: 'ecs', ResourceIds: [NOBODY.ResourceId] }),
    ],
    ['a policy', ({ ports }) => ports.autoscaling.putScalingPolicy(TRACKING)],
    ['the same policy', ({ ports }) => ports.autoscaling.putScalingPolicy(TRACKING)],
    ['a policy of nobody', ({ ports }) => ports.autoscaling.putScalingPolicy({ ...TRACKING, ...NOBODY })],
    [
      'policies',
      ({ ports }) =>
        ports.autoscaling.describeScalingPolicies({ ServiceNamespace: 'ecs', ResourceId: SERVICE.ResourceId }),
    ],
    ['the policy goes', ({ ports }) => ports.autoscaling.deleteScalingPolicy({ ...SERVICE, PolicyName: 'cpu' })],
    ['it goes again', ({ ports }) => ports.autoscaling.deleteScalingPolicy({ ...SERVICE, PolicyName: 'cpu' })],
    ['the bounds go', ({ ports }) => ports.autoscaling.deregisterScalableTarget(SERVICE)],
    ['they go again', ({ ports }) => ports.autoscaling.deregisterScalableTarget(SERVICE)],
  ],
};

const trust = (Service: string) =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: { Service }, Action: 'sts:AssumeRole' }],
  });

const IDENTITIES: Journey = {
  name: 'identities',
  referee: 'moto',
  steps: [
    [
      'a role',
      ({ ports }) =>
        ports.iam.createRole({ RoleName: 'tasks', AssumeRolePolicyDocument: trust('ecs-tasks.amazonaws.com') }),
    ],
    [
      'the same role',
      ({ ports }) =>
        ports.iam.createRole({ RoleName: 'tasks', AssumeRolePolicyDocument: trust('ecs-tasks.amazonaws.com') }),
    ],
    [
      'a role under a path',
      ({ ports }) =>
        ports.iam.createRole({
          RoleName: 'deep',
          Path: '/a/b/',
          AssumeRolePolicyDocument: trust('lambda.amazonaws.com'),
        }),
    ],
    [
      'a role without a policy',
      ({ ports }) => ports.iam.createRole({ RoleName: 'bad', AssumeRolePolicyDocument: 'x' }),
    ],
    ['read', ({ ports }) => ports.iam.getRole({ RoleName: 'tasks' })],
    ['read under a path', ({ ports }) => ports.iam.getRole({ RoleName: 'deep' })],
    ['a role that is not there', ({ ports }) => ports.iam.getRole({ RoleName: 'none' })],
    [
      'who am I',
      async ({ ports }) => {
        const { Account, Arn, UserId } = await ports.sts.getCallerIdentity({});
        return { Account, hasArn: Arn !== undefined, hasUserId: UserId !== undefined };
      },
    ],
  ],
};

const LOGS: Journey = {
  name: 'logs',
  referee: 'moto',
  steps: [
    ['a group', ({ ports }) => ports.logs.createLogGroup({ logGroupName: '/shop/a', tags: { owner: 'referee' } })],
    ['the same group', ({ ports }) => ports.logs.createLogGroup({ logGroupName: '/shop/a' })],
    ['another', ({ ports }) => ports.logs.createLogGroup({ logGroupName: '/shop/ab' })],
    ['keep a week', ({ ports }) => ports.logs.putRetentionPolicy({ logGroupName: '/shop/a', retentionInDays: 7 })],
    ['keep six days', ({ ports }) => ports.logs.putRetentionPolicy({ logGroupName: '/shop/a', retentionInDays: 6 })],
    ['keep for ever', ({ ports }) => ports.logs.putRetentionPolicy({ logGroupName: '/none', retentionInDays: 7 })],
    ['by prefix', ({ ports }) => ports.logs.describeLogGroups({ logGroupNamePrefix: '/shop/a', limit: 1 })],
    ['all', ({ ports }) => ports.logs.describeLogGroups({ logGroupNamePrefix: '/shop' })],
    ['none', ({ ports }) => ports.logs.describeLogGroups({ logGroupNamePrefix: '/none' })],
    [
      'tags',
      async ({ ports }) => {
        const { logGroups } = await ports.logs.describeLogGroups({ logGroupNamePrefix: '/shop/a' });
        return ports.logs.listTagsForResource({ resourceArn: logGroups?.[0]?.logGroupArn });
      },
    ],
    ['for ever again', ({ ports }) => ports.logs.deleteRetentionPolicy({ logGroupName: '/shop/a' })],
    ['then', ({ ports }) => ports.logs.describeLogGroups({ logGroupNamePrefix: '/shop/a', limit: 1 })],
    ['gone', ({ ports }) => ports.logs.deleteLogGroup({ logGroupName: '/shop/a' })],
    ['gone again', ({ ports }) => ports.logs.deleteLogGroup({ logGroupName: '/shop/a' })],
    ['lines of none', ({ ports }) => ports.logs.filterLogEvents({ logGroupName: '/none' })],
  ],
};

const code = (text: string) =>
  makeZip([{ name: 'index.mjs', content: `export const handler = () => ({ statusCode: 200, body: '${text}' });` }]);
const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('base64');
const FUNCTION = {
  FunctionName: 'shop',
  Runtime: 'nodejs22.x',
  Handler: 'index.handler',
  Code: { ZipFile: code('one') },
  MemorySize: 256,
  Timeout: 9,
  Environment: { Variables: { LEVEL: 'b' } },
} as const;
const STATEMENT = {
  FunctionName: 'shop',
  StatementId: 'lb',
  Action: 'lambda:InvokeFunction',
  Principal: 'elasticloadbalancing.amazonaws.com',
  SourceArn: NO_GROUP,
};

/** State, and whether the revision is another one than before. */
async function stateOf({ ports }: Place, kept: Kept): Promise<unknown> {
  const { Configuration: is } = await ports.lambda.getFunction({ FunctionName: 'shop' });
  const isNew = is?.RevisionId !== kept.revision;
  kept.revision = is?.RevisionId ?? '';
  return { State: is?.State, LastUpdateStatus: is?.LastUpdateStatus, isNew, CodeSha256: is?.CodeSha256 };
}

async function through(at: Place, kept: Kept): Promise<unknown> {
  await at.settle(async () => {
    const { Configuration } = await at.ports.lambda.getFunction({ FunctionName: 'shop' });
    return Configuration?.State === 'Active' && Configuration.LastUpdateStatus === 'Successful';
  });
  return stateOf(at, kept);
}

const FUNCTIONS: Journey = {
  name: 'functions',
  referee: 'ministack',
  steps: [
    [
      'its role',
      async ({ ports }, kept) => {
        const { Role } = await ports.iam.createRole({
          RoleName: 'fn',
          AssumeRolePolicyDocument: trust('lambda.amazonaws.com'),
        });
        kept.role = Role?.Arn ?? '';
      },
    ],
    ['a function', ({ ports }, { role }) => ports.lambda.createFunction({ ...FUNCTION, Role: role })],
    ['the same function', ({ ports }, { role }) => ports.lambda.createFunction({ ...FUNCTION, Role: role })],
    ['it becomes active', through],
    ['what it is', async ({ ports }) => (await ports.lambda.getFunction({ FunctionName: 'shop' })).Configuration],
    [
      'its code is what was sent',
      async ({ ports, endpoint }) => {
        const { Code } = await ports.lambda.getFunction({ FunctionName: 'shop' });
        const from = new URL(Code?.Location ?? '', endpoint);
        // The local cloud of these tests and its downloads have a host of their own.
        const url = new URL(`${from.pathname}${from.search}`, endpoint);
        const response = await fetch(url);
        if (!response.ok) return { RepositoryType: Code?.RepositoryType, status: response.status };
        const bytes = new Uint8Array(await response.arrayBuffer());
        return { RepositoryType: Code?.RepositoryType, isSame: sha(bytes) === sha(FUNCTION.Code.ZipFile) };
      },
    ],
    ['nothing changes by reading', stateOf],
    [
      'new code',
      async (at, kept) => {
        const answer = await at.ports.lambda.updateFunctionCode({ FunctionName: 'shop', ZipFile: code('two') });
        return { LastUpdateStatus: answer.LastUpdateStatus, isNew: answer.RevisionId !== kept.revision };
      },
    ],
    ['it is through', through],
    [
      'code for a revision that was',
      ({ ports }) =>
        ports.lambda.updateFunctionCode({
          FunctionName: 'shop',
          ZipFile: code('three'),
          RevisionId: '00000000-0000-4000-8000-000000000000',
        }),
    ],
    ['code of none', ({ ports }) => ports.lambda.updateFunctionCode({ FunctionName: 'none', ZipFile: code('x') })],
    ['no function', ({ ports }) => ports.lambda.getFunction({ FunctionName: 'none' })],
    ['no qualifier', ({ ports }) => ports.lambda.getFunction({ FunctionName: 'shop', Qualifier: 'live' })],
    [
      'listed',
      async ({ ports }) => {
        const { Functions } = await ports.lambda.listFunctions({});
        return Functions?.map(({ FunctionName, CodeSha256, PackageType }) => ({
          FunctionName,
          CodeSha256,
          PackageType,
        }));
      },
    ],
    ['no policy', ({ ports }) => ports.lambda.getPolicy({ FunctionName: 'shop' })],
    ['a permission', async ({ ports }) => JSON.parse((await ports.lambda.addPermission(STATEMENT)).Statement ?? '')],
    ['the same permission', ({ ports }) => ports.lambda.addPermission(STATEMENT)],
    [
      'the policy',
      async ({ ports }) => JSON.parse((await ports.lambda.getPolicy({ FunctionName: 'shop' })).Policy ?? ''),
    ],
    ['no permission', ({ ports }) => ports.lambda.removePermission({ FunctionName: 'shop', StatementId: 'none' })],
    ['it goes', ({ ports }) => ports.lambda.removePermission({ FunctionName: 'shop', StatementId: 'lb' })],
    ['no policy again', ({ ports }) => ports.lambda.getPolicy({ FunctionName: 'shop' })],
  ],
};

const REPOSITORIES: Journey = {
  name: 'repositories',
  referee: 'ministack',
  steps: [
    ['a repository', ({ ports }) => ports.ecr.createRepository({ repositoryName: 'shop', tags: TAGS })],
    ['the same repository', ({ ports }) => ports.ecr.createRepository({ repositoryName: 'shop' })],
    [
      'by name',
      async ({ ports }, kept) => {
        const answer = await ports.ecr.describeRepositories({ repositoryNames: ['shop'] });
        kept.arn = answer.repositories?.[0]?.repositoryArn ?? '';
        return answer;
      },
    ],
    ['none', ({ ports }) => ports.ecr.describeRepositories({ repositoryNames: ['none'] })],
    ['tags', ({ ports }, { arn }) => ports.ecr.listTagsForResource({ resourceArn: arn })],
    ['no image', ({ ports }) => ports.ecr.describeImages({ repositoryName: 'shop' })],
    [
      'an image that is not there',
      ({ ports }) => ports.ecr.describeImages({ repositoryName: 'shop', imageIds: [{ imageTag: 'x' }] }),
    ],
    ['images of none', ({ ports }) => ports.ecr.describeImages({ repositoryName: 'none' })],
    [
      'delete an image that is not there',
      ({ ports }) => ports.ecr.batchDeleteImage({ repositoryName: 'shop', imageIds: [{ imageTag: 'x' }] }),
    ],
    ['no life-cycle policy', ({ ports }) => ports.ecr.getLifecyclePolicy({ repositoryName: 'shop' })],
    [
      'a token',
      async ({ ports }) => {
        const { authorizationData } = await ports.ecr.getAuthorizationToken({});
        const token = Buffer.from(authorizationData?.[0]?.authorizationToken ?? '', 'base64').toString();
        return { user: token.split(':')[0], hasEnd: authorizationData?.[0]?.expiresAt instanceof Date };
      },
    ],
    ['it goes', ({ ports }) => ports.ecr.deleteRepository({ repositoryName: 'shop' })],
    ['it goes again', ({ ports }) => ports.ecr.deleteRepository({ repositoryName: 'shop' })],
  ],
};

export const JOURNEYS: readonly Journey[] = [BALANCING, SCALING, IDENTITIES, LOGS, FUNCTIONS, REPOSITORIES];
