/**
 * What each kind needs for the conformance suite: a place to stand, what is desired there, and the changes of desire
 * that must be noticed. A registered kind without an entry fails the suite.
 */
import * as kinds from '../../src/kinds/index.ts';
import type { AnyKind, Identity, ResourceKind } from '../../src/resource/index.ts';
import { makeZip } from '../oci/make-zip.ts';
import {
  makeFunction,
  makeGroup,
  makeListener,
  makeRole,
  makeRule,
  makeService,
  makeTaskDefinition,
  permit,
  projectProps,
  register,
} from './account.ts';
import type { TestCloud } from './test-cloud.ts';

export interface Scenario<Props = unknown> {
  readonly identity: Identity;
  readonly desired: Props;
  /** Each must differ from what was made, and be put right by an update unless it can only be replaced. */
  readonly mutations: Readonly<Record<string, Props>>;
  /** Calls of one observation once settled, sorted: the price of a pass. */
  readonly reads: readonly string[];
  /** External kinds: the user makes it. Answers its identity where that is known only then. */
  readonly appear?: () => Promise<Identity | undefined>;
  /** What somebody else may do to it, and the reason by which it is noticed; for all that no mutation shows. */
  readonly byHand?: Readonly<
    Record<string, { readonly reason: string; readonly act: (identity: Identity) => unknown }>
  >;
  /** Somebody else takes it away. Default: as the kind itself would. External kinds and facets must say. */
  readonly vanish?: (identity: Identity) => unknown;
  /** The kind speaks of a part of another resource: it is never absent by itself, created or deleted. */
  readonly facet?: boolean;
}

export interface Fixture {
  readonly kind: AnyKind;
  readonly prepare: (cloud: TestCloud) => Promise<Scenario>;
}

function fixture<Props, Observed>(
  kind: ResourceKind<Props, Observed>,
  prepare: (cloud: TestCloud) => Promise<Scenario<Props>>,
): [string, Fixture] {
  return [kind.name, { kind, prepare }];
}

const asKnown = (_made: unknown): undefined => undefined;

/** The one rule of a listener beside its default. */
async function ruleOf({ user }: TestCloud, ListenerArn: string): Promise<string | undefined> {
  const { Rules } = await user.elbv2.describeRules({ ListenerArn });
  return Rules?.find(({ IsDefault }) => !IsDefault)?.RuleArn;
}

export const FIXTURES: ReadonlyMap<string, Fixture> = new Map([
  fixture(kinds.lambdaFunction, async (cloud) => ({
    identity: { functionName: 'shop', qualifier: '' },
    desired: {},
    mutations: {},
    reads: ['lambda.getFunction'],
    appear: () => makeFunction(cloud).then(asKnown),
    byHand: {
      'new code': {
        reason: 'CodeShaDrift',
        act: () =>
          cloud.user.lambda.updateFunctionCode({
            FunctionName: 'shop',
            ZipFile: makeZip([{ name: 'index.mjs', content: 'export const handler = () => ({ statusCode: 204 });' }]),
          }),
      },
      'more memory': {
        reason: 'ConfigurationDrift',
        act: () => cloud.cloud.call('lambda', 'UpdateFunctionConfiguration', { FunctionName: 'shop', MemorySize: 512 }),
      },
      'a variable': {
        reason: 'ConfigurationDrift',
        act: () =>
          cloud.cloud.call('lambda', 'UpdateFunctionConfiguration', {
            FunctionName: 'shop',
            Environment: { Variables: { LOG_LEVEL: 'debug' } },
          }),
      },
      'reserved concurrency': {
        reason: 'ConcurrencyDrift',
        act: () =>
          cloud.cloud.call('lambda', 'PutFunctionConcurrency', {
            FunctionName: 'shop',
            ReservedConcurrentExecutions: 0,
          }),
      },
      'a change under way': {
        reason: 'FunctionStateDrift',
        act: () => cloud.cloud.call('lambda', 'UpdateFunctionConfiguration', { FunctionName: 'shop', Timeout: 9 }),
      },
    },
    vanish: () => cloud.cloud.call('lambda', 'DeleteFunction', { FunctionName: 'shop' }),
  })),

  fixture(kinds.iamRole, async (cloud) => ({
    identity: { roleArn: 'arn:aws:iam::000000000000:role/tasks' },
    desired: { mustTrust: 'ecs-tasks.amazonaws.com' },
    mutations: {},
    reads: ['iam.getRole'],
    appear: () => makeRole(cloud, 'tasks', 'ecs-tasks.amazonaws.com').then(asKnown),
    byHand: {
      'another service is trusted': {
        reason: 'TrustDrift',
        act: async () => {
          cloud.cloud.call('iam', 'DeleteRole', { RoleName: 'tasks' });
          await makeRole(cloud, 'tasks', 'lambda.amazonaws.com');
        },
      },
    },
    vanish: () => cloud.cloud.call('iam', 'DeleteRole', { RoleName: 'tasks' }),
  })),

  fixture(kinds.gitCommit, async (cloud) => ({
    identity: { url: 'https://git.example.com/shop.git', ref: 'main' },
    desired: {},
    mutations: {},
    reads: ['git.resolveCommit'],
    appear: async () => asKnown(cloud.repositories.set('https://git.example.com/shop.git main', 'a'.repeat(40))),
    byHand: {
      'another commit on the branch': {
        reason: 'CommitDrift',
        act: () => cloud.repositories.set('https://git.example.com/shop.git main', 'b'.repeat(40)),
      },
    },
    vanish: () => cloud.repositories.delete('https://git.example.com/shop.git main'),
  })),

  fixture(kinds.s3Object, async (cloud) => {
    const put = (Body: string) =>
      cloud.cloud.call('s3', 'PutObject', { Bucket: 'archives', Key: 'code/shop.zip', Body: Buffer.from(Body) });
    return {
      identity: { location: 'archives/code/shop.zip', versionId: '' },
      desired: {},
      mutations: {},
      reads: ['s3.headObject'],
      appear: async () => {
        cloud.cloud.call('s3', 'CreateBucket', { Bucket: 'archives' });
        return asKnown(put('one'));
      },
      byHand: { 'other content under its key': { reason: 'ArchiveDrift', act: () => void put('two') } },
      vanish: () => cloud.cloud.call('s3', 'DeleteObject', { Bucket: 'archives', Key: 'code/shop.zip' }),
    };
  }),

  fixture(kinds.baseImage, async (cloud) => ({
    identity: { reference: 'public.ecr.aws/lambda/nodejs:22', architecture: 'arm64' },
    desired: {},
    mutations: {},
    reads: ['registry.resolveDigest'],
    appear: async () =>
      asKnown(cloud.registry.set('public.ecr.aws/lambda/nodejs:22 arm64', `sha256:${'a'.repeat(64)}`)),
    byHand: {
      'a new image under the tag': {
        reason: 'BaseImageDigestDrift',
        act: () => cloud.registry.set('public.ecr.aws/lambda/nodejs:22 arm64', `sha256:${'b'.repeat(64)}`),
      },
    },
    vanish: () => cloud.registry.delete('public.ecr.aws/lambda/nodejs:22 arm64'),
  })),

  fixture(kinds.secret, async ({ cloud }) => {
    const SecretId = 'team/db';
    const put = (more: object = {}) =>
      cloud.call('secretsmanager', 'PutSecretValue', { SecretId, SecretString: 'never read', ...more });
    return {
      identity: {
        secretArn: 'arn:aws:secretsmanager:us-east-1:000000000000:secret:team/db',
        stage: 'AWSCURRENT',
        name: SecretId,
      },
      desired: {},
      mutations: {},
      reads: ['secretsmanager.describeSecret'],
      appear: async () =>
        asKnown(cloud.call('secretsmanager', 'CreateSecret', { Name: SecretId, SecretString: 'never read' })),
      byHand: {
        'a new value': { reason: 'SecretVersionDrift', act: () => put() },
        'its deletion was asked for': {
          reason: 'SecretDeletionDrift',
          act: () => cloud.call('secretsmanager', 'DeleteSecret', { SecretId }),
        },
      },
      vanish: () => cloud.call('secretsmanager', 'DeleteSecret', { SecretId, ForceDeleteWithoutRecovery: true }),
    };
  }),

  fixture(kinds.targetHealth, async (cloud) => ({
    identity: {
      targetGroupArn: 'arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/none/0123456789abcdef',
    },
    desired: {},
    mutations: {},
    reads: ['elbv2.describeTargetHealth'],
    appear: async () => ({ targetGroupArn: await makeGroup(cloud, 'lc-shop-ip', 'ip') }),
    byHand: {
      'a target becomes healthy': {
        reason: 'TargetHealthDrift',
        act: async ({ targetGroupArn = '' }) => {
          await makeRule(cloud, [targetGroupArn]);
          await cloud.user.elbv2.registerTargets({
            TargetGroupArn: targetGroupArn,
            Targets: [{ Id: '10.0.0.9', Port: 8080 }],
          });
          await cloud.pass(60_000);
        },
      },
    },
    vanish: ({ targetGroupArn }) => cloud.user.elbv2.deleteTargetGroup({ TargetGroupArn: targetGroupArn }),
  })),

  fixture(kinds.ecrRepository, async () => ({
    identity: { repositoryName: 'lambdacontainer/shop' },
    desired: {},
    mutations: {},
    reads: ['ecr.describeRepositories', 'ecr.getLifecyclePolicy', 'ecr.listTagsForResource'],
  })),

  fixture(kinds.codebuildProject, async (cloud) => {
    const desired = await projectProps(cloud);
    return {
      identity: { projectName: 'lambdacontainer-standard' },
      desired,
      mutations: {
        role: { ...desired, serviceRoleArn: await makeRole(cloud, 'other-builds', 'codebuild.amazonaws.com') },
        image: { ...desired, image: 'aws/codebuild/standard:7.0' },
        'compute type': { ...desired, computeType: 'BUILD_GENERAL1_MEDIUM' },
        architecture: { ...desired, environmentType: 'ARM_CONTAINER' },
        buildspec: { ...desired, buildspec: `${desired.buildspec}\n# changed\n` },
        timeout: { ...desired, timeoutMinutes: 30 },
        description: { ...desired, description: 'other' },
        'log group': { ...desired, logGroupName: '/lambdacontainer/other' },
      },
      reads: ['codebuild.batchGetProjects'],
    };
  }),

  fixture(kinds.imageBuild, async (cloud) => {
    await cloud.user.ecr.createRepository({ repositoryName: 'lambdacontainer/shop' });
    const project = await projectProps(cloud);
    const { create } = kinds.codebuildProject;
    await create({ ...cloud.io, aws: cloud.user }, { projectName: 'builds' }, project, { token: 't', tags: {} });
    return {
      identity: { repositoryName: 'lambdacontainer/shop', tag: 'v1-0123', projectName: 'builds' },
      desired: { environment: { LAMBDACONTAINER_INPUTS: 'v1-0123', REPOSITORY: 'lambdacontainer/shop' } },
      mutations: {},
      reads: ['ecr.describeImages'],
      byHand: {
        'another image under the tag': {
          reason: 'ImageDigestDrift',
          act: ({ repositoryName = '', tag = '' }) =>
            cloud.enter((nowMs) => {
              const { ecr } = cloud.cloud.services;
              const other = ecr.manifest(repositoryName, cloud.pushImage(repositoryName, 'other', nowMs));
              if (other) ecr.putManifest(repositoryName, tag, other.mediaType, other.bytes, nowMs);
            }),
        },
      },
    };
  }),

  fixture(kinds.logGroup, async (cloud) => {
    // Sorts behind it and shares its prefix.
    await cloud.user.logs.createLogGroup({ logGroupName: '/lambdacontainer/shop/checkout-two' });
    return {
      identity: { logGroupName: '/lambdacontainer/shop/checkout' },
      desired: { retentionDays: 30 },
      mutations: { shorter: { retentionDays: 7 }, 'for ever': { retentionDays: null } },
      reads: ['logs.describeLogGroups', 'logs.listTagsForResource'],
    };
  }),

  fixture(kinds.taskDefinition, async (cloud) => ({
    identity: { family: 'lc-shop', hash: 'v1-0123' },
    desired: { register: await register(cloud) },
    mutations: {},
    reads: ['ecs.listTaskDefinitions'],
  })),

  fixture(kinds.targetGroup, async () => {
    const healthCheck = {
      path: '/ready',
      intervalSec: 5,
      timeoutSec: 2,
      healthyThreshold: 2,
      unhealthyThreshold: 3,
      matcher: '200',
    };
    const attributes = { 'deregistration_delay.timeout_seconds': '5' };
    const desired = { targetType: 'ip', port: 8080, vpcId: 'vpc-local', healthCheck, attributes } as const;
    return {
      identity: { targetGroupName: 'lc-shop-ip' },
      desired,
      mutations: {
        type: { targetType: 'lambda', attributes: {} },
        port: { ...desired, port: 8081 },
        path: { ...desired, healthCheck: { ...healthCheck, path: '/up' } },
        interval: { ...desired, healthCheck: { ...healthCheck, intervalSec: 10 } },
        matcher: { ...desired, healthCheck: { ...healthCheck, matcher: '200-299' } },
        delay: { ...desired, attributes: { 'deregistration_delay.timeout_seconds': '30' } },
        attribute: {
          ...desired,
          attributes: { ...attributes, 'load_balancing.algorithm.type': 'least_outstanding_requests' },
        },
      },
      reads: ['elbv2.describeTags', 'elbv2.describeTargetGroupAttributes', 'elbv2.describeTargetGroups'],
    };
  }),

  fixture(kinds.lambdaPermission, async (cloud) => {
    await makeFunction(cloud);
    const sourceArn = await makeGroup(cloud, 'lc-shop-fn', 'lambda');
    return {
      identity: { functionName: 'shop', qualifier: '', statementId: 'lambdacontainer-0123' },
      desired: { sourceArn },
      mutations: { 'another group': { sourceArn: await makeGroup(cloud, 'lc-other-fn', 'lambda') } },
      reads: ['lambda.getPolicy'],
    };
  }),

  fixture(kinds.lambdaTarget, async (cloud) => {
    const targetGroupArn = await makeGroup(cloud, 'lc-shop-fn', 'lambda');
    const functions = await Promise.all(['shop', 'other'].map((name) => makeFunction(cloud, name)));
    for (const FunctionName of functions) await permit(cloud, FunctionName, targetGroupArn);
    await makeRule(cloud, [targetGroupArn]);
    const [functionArn = '', otherArn = ''] = functions;
    return {
      identity: { targetGroupArn },
      desired: { functionArn },
      mutations: { 'another function': { functionArn: otherArn } },
      reads: ['elbv2.describeTargetHealth'],
    };
  }),

  fixture(kinds.listenerRule, async (cloud) => {
    const fn = await makeGroup(cloud, 'lc-shop-fn', 'lambda');
    const ip = await makeGroup(cloud, 'lc-shop-ip', 'ip');
    const desired = { hosts: ['shop.example.com'], paths: ['/a', '/b/*'], groups: [fn] };
    return {
      identity: { listenerArn: await makeListener(cloud), priority: '100' },
      desired,
      mutations: {
        host: { ...desired, hosts: ['shop.example.com', 'www.shop.example.com'] },
        'any host': { ...desired, hosts: [] },
        path: { ...desired, paths: ['/c'] },
        group: { ...desired, groups: [fn, ip] },
      },
      byHand: {
        'another priority': {
          reason: 'PriorityDrift',
          act: async ({ listenerArn = '' }) =>
            cloud.cloud.call('elbv2', 'SetRulePriorities', {
              RulePriorities: [{ RuleArn: await ruleOf(cloud, listenerArn), Priority: 7 }],
            }),
        },
        'a fixed answer': {
          reason: 'RuleDrift',
          act: async ({ listenerArn = '' }) =>
            cloud.user.elbv2.modifyRule({
              RuleArn: await ruleOf(cloud, listenerArn),
              Actions: [{ Type: 'fixed-response', FixedResponseConfig: { StatusCode: '503' } }],
            }),
        },
        'a condition of another kind': {
          reason: 'ConditionDrift',
          act: async ({ listenerArn = '' }) =>
            cloud.user.elbv2.modifyRule({
              RuleArn: await ruleOf(cloud, listenerArn),
              Conditions: [
                { Field: 'host-header', HostHeaderConfig: { Values: ['shop.example.com'] } },
                { Field: 'path-pattern', PathPatternConfig: { Values: ['/a', '/b/*'] } },
                { Field: 'http-request-method', HttpRequestMethodConfig: { Values: ['GET'] } },
              ],
            }),
        },
      },
      reads: ['elbv2.describeRules', 'elbv2.describeTags'],
    };
  }),

  fixture(kinds.ruleWeights, async (cloud) => {
    const fn = await makeGroup(cloud, 'lc-shop-fn', 'lambda');
    const ip = await makeGroup(cloud, 'lc-shop-ip', 'ip');
    const ask = (fnWeight: number, ipWeight: number, ipProven: boolean) => ({
      asked: [
        { targetGroupArn: fn, weight: fnWeight, proven: true },
        { targetGroupArn: ip, weight: ipWeight, proven: ipProven },
      ],
    });
    return {
      identity: { ruleArn: await makeRule(cloud, [fn, ip]) },
      desired: ask(100, 0, false),
      mutations: { handover: ask(0, 100, true), split: ask(10, 90, true) },
      reads: ['elbv2.describeRules'],
      facet: true,
      vanish: ({ ruleArn }) => cloud.user.elbv2.deleteRule({ RuleArn: ruleArn }),
    };
  }),

  fixture(kinds.ecsService, async (cloud) => {
    const ip = await makeGroup(cloud, 'lc-shop-ip', 'ip');
    const other = await makeGroup(cloud, 'lc-other-ip', 'ip');
    await makeRule(cloud, [ip, other]);
    await cloud.user.ecs.createCluster({
      clusterName: 'main',
      capacityProviders: ['FARGATE', 'FARGATE_SPOT'],
    });
    const desired: kinds.EcsServiceProps = {
      taskDefinitionArn: await makeTaskDefinition(cloud),
      desiredCount: 2,
      minCount: 1,
      maxCount: 4,
      capacity: null,
      subnets: ['subnet-1', 'subnet-2'],
      securityGroups: ['sg-1'],
      assignPublicIp: false,
      loadBalancer: { targetGroupArn: ip, containerName: 'adapter', containerPort: 8080 },
      healthCheckGraceSec: 30,
      minimumHealthyPercent: 100,
      maximumPercent: 200,
    };
    return {
      identity: { cluster: 'main', serviceName: 'lc-shop' },
      desired,
      mutations: {
        'task definition': { ...desired, taskDefinitionArn: await makeTaskDefinition(cloud) },
        'more at least': { ...desired, minCount: 3 },
        'fewer at most': { ...desired, maxCount: 1 },
        spot: { ...desired, capacity: [{ provider: 'FARGATE_SPOT', weight: 1, base: 0 }] },
        subnets: { ...desired, subnets: ['subnet-1'] },
        'security groups': { ...desired, securityGroups: ['sg-1', 'sg-2'] },
        'public address': { ...desired, assignPublicIp: true },
        'target group': {
          ...desired,
          loadBalancer: { targetGroupArn: other, containerName: 'adapter', containerPort: 8080 },
        },
        'no load balancer': { ...desired, loadBalancer: null },
        grace: { ...desired, healthCheckGraceSec: 60 },
        'deployment bounds': { ...desired, minimumHealthyPercent: 50, maximumPercent: 150 },
      },
      reads: ['ecs.describeServices'],
      byHand: {
        'more tasks than there may be': {
          reason: 'DesiredCountDrift',
          act: () => cloud.user.ecs.updateService({ cluster: 'main', service: 'lc-shop', desiredCount: 9 }),
        },
        'a task stopped': {
          reason: 'StabilityDrift',
          act: async () => {
            const { taskArns } = await cloud.user.ecs.listTasks({ cluster: 'main', serviceName: 'lc-shop' });
            await cloud.user.ecs.stopTask({ cluster: 'main', task: taskArns?.[0] });
            await cloud.pass(1_000);
          },
        },
        'a new deployment': {
          reason: 'StabilityDrift',
          act: () => cloud.user.ecs.updateService({ cluster: 'main', service: 'lc-shop', forceNewDeployment: true }),
        },
      },
    };
  }),

  fixture(kinds.scalableTarget, async (cloud) => {
    await makeService(cloud);
    return {
      identity: { resourceId: 'service/main/lc-shop' },
      desired: { minCapacity: 1, maxCapacity: 4 },
      mutations: { floor: { minCapacity: 2, maxCapacity: 4 }, ceiling: { minCapacity: 1, maxCapacity: 8 } },
      reads: ['autoscaling.describeScalableTargets', 'autoscaling.listTagsForResource'],
    };
  }),

  fixture(kinds.scalingPolicy, async (cloud) => {
    await makeService(cloud);
    await cloud.user.autoscaling.registerScalableTarget({
      ServiceNamespace: 'ecs',
      ResourceId: 'service/main/lc-shop',
      ScalableDimension: 'ecs:service:DesiredCount',
      MinCapacity: 1,
      MaxCapacity: 4,
    });
    const desired: kinds.ScalingPolicyProps = { metric: 'ECSServiceAverageCPUUtilization', targetValue: 60 };
    return {
      identity: { resourceId: 'service/main/lc-shop', policyName: 'cpu' },
      desired,
      mutations: {
        value: { ...desired, targetValue: 70 },
        metric: {
          metric: 'ALBRequestCountPerTarget',
          targetValue: 200,
          resourceLabel: 'app/lb/0123456789abcdef/targetgroup/lc-shop-ip/0123456789abcdef',
        },
      },
      reads: ['autoscaling.describeScalingPolicies'],
    };
  }),
]);
