/**
 * The same reads against the local cloud, each alone and all at once through shared calls: every answer and every
 * Failure must be the same. Whoever makes a call cannot tell that others were in it.
 */
import { describe, expect, it } from 'vitest';
import { BATCH_READS, Coalescing, coalesced, type Ports, SHARED_READS } from '../../src/aws/index.ts';
import { isFailure } from '../../src/core/index.ts';
import { makeFunction, makeGroup, makeListener, makeRole, makeService, projectProps } from '../conformance/account.ts';
import { TestCloud } from '../conformance/test-cloud.ts';

type Read = (ports: Ports) => Promise<object>;

/** What is there, and for each kind of read something that is not. */
async function account(cloud: TestCloud): Promise<Record<string, Read[]>> {
  const { user } = cloud;
  await makeService(cloud);
  await user.ecs.createService({
    cluster: 'main',
    serviceName: 'second',
    taskDefinition: 'lc-shop',
    desiredCount: 1,
    launchType: 'FARGATE',
    networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-1'], securityGroups: ['sg-1'] } },
  });
  await cloud.pass(30_000);
  const { taskArns = [] } = await user.ecs.listTasks({ cluster: 'main' });
  if (taskArns.length === 0) throw new Error('no task runs: there is nothing to describe');

  const groups = [
    await makeGroup(cloud, 'one', 'ip'),
    await makeGroup(cloud, 'two', 'ip'),
    await makeGroup(cloud, 'three', 'lambda'),
  ];
  const listener = await makeListener(cloud);
  const rules: string[] = [];
  for (const [i, TargetGroupArn] of groups.entries()) {
    const { Rules } = await user.elbv2.createRule({
      ListenerArn: listener,
      Priority: i + 1,
      Conditions: [{ Field: 'path-pattern', PathPatternConfig: { Values: [`/${i}`] } }],
      Actions: [{ Type: 'forward', TargetGroupArn }],
      Tags: [{ Key: 'rule', Value: String(i) }],
    });
    rules.push(Rules?.[0]?.RuleArn ?? '');
  }

  await user.ecr.createRepository({ repositoryName: 'images' });
  cloud.enter((nowMs) => cloud.pushImage('images', 'a', nowMs));
  const digest = cloud.enter((nowMs) => cloud.pushImage('images', 'b', nowMs));
  const { repositories } = await user.ecr.describeRepositories({ repositoryNames: ['images'] });
  const repositoryArn = repositories?.[0]?.repositoryArn ?? '';

  const { serviceRoleArn, image, buildspec } = await projectProps(cloud);
  for (const name of ['first', 'second']) {
    await user.codebuild.createProject({
      name,
      serviceRole: serviceRoleArn,
      source: { type: 'NO_SOURCE', buildspec },
      artifacts: { type: 'NO_ARTIFACTS' },
      environment: { type: 'LINUX_CONTAINER', computeType: 'BUILD_GENERAL1_SMALL', image },
    });
  }
  const builds: string[] = [];
  for (const projectName of ['first', 'second']) {
    const { build } = await user.codebuild.startBuild({
      projectName,
      environmentVariablesOverride: [{ name: 'FAIL', value: 'on purpose', type: 'PLAINTEXT' }],
    });
    builds.push(build?.id ?? '');
  }
  await cloud.pass(30_000);

  for (const name of ['lc-shop', 'second']) {
    await user.autoscaling.registerScalableTarget({
      ServiceNamespace: 'ecs',
      ScalableDimension: 'ecs:service:DesiredCount',
      ResourceId: `service/main/${name}`,
      MinCapacity: 1,
      MaxCapacity: 3,
    });
  }
  await makeFunction(cloud);
  await makeRole(cloud, 'shared', 'ecs-tasks.amazonaws.com');
  cloud.cloud.call('secretsmanager', 'CreateSecret', { Name: 'shared', SecretString: 'never read' });

  const gone = (arn: string) => `${arn.slice(0, -1)}${arn.endsWith('0') ? '1' : '0'}`;
  const service =
    (name: string, cluster = 'main'): Read =>
    ({ ecs }) =>
      ecs.describeServices({ cluster, services: [name], include: ['TAGS'] });
  return {
    'ecs describeServices': [
      ...['lc-shop', 'second', 'gone', 'lc-shop'].map((name) => service(name)),
      service('lc-shop', 'no-such-cluster'),
      service('second', 'no-such-cluster'),
    ],
    'ecs describeTasks': [
      ...[...taskArns, gone(taskArns[0] ?? '')].map(
        (arn): Read =>
          ({ ecs }) =>
            ecs.describeTasks({ cluster: 'main', tasks: [arn] }),
      ),
      ({ ecs }) => ecs.describeTasks({ cluster: 'main', tasks: taskArns }),
    ],
    'elbv2 describeTargetGroups': [
      ...['one', 'gone', 'two', 'not a name!', 'three'].map(
        (name): Read =>
          ({ elbv2 }) =>
            elbv2.describeTargetGroups({ Names: [name] }),
      ),
      ...[...groups, gone(groups[0] ?? '')].map(
        (arn): Read =>
          ({ elbv2 }) =>
            elbv2.describeTargetGroups({ TargetGroupArns: [arn] }),
      ),
      ({ elbv2 }) => elbv2.describeTargetGroups({}),
    ],
    'elbv2 describeRules': [
      ...[...rules, gone(rules[0] ?? '')].map(
        (arn): Read =>
          ({ elbv2 }) =>
            elbv2.describeRules({ RuleArns: [arn] }),
      ),
      ...[listener, listener, gone(listener)].map(
        (arn): Read =>
          ({ elbv2 }) =>
            elbv2.describeRules({ ListenerArn: arn, PageSize: 400 }),
      ),
    ],
    'elbv2 describeTags': [...groups, ...rules, gone(rules[1] ?? '')].map(
      (arn): Read =>
        ({ elbv2 }) =>
          elbv2.describeTags({ ResourceArns: [arn] }),
    ),
    'ecr describeImages': [
      ...['a', 'b', 'gone'].map(
        (imageTag): Read =>
          ({ ecr }) =>
            ecr.describeImages({ repositoryName: 'images', imageIds: [{ imageTag }] }),
      ),
      ({ ecr }) => ecr.describeImages({ repositoryName: 'images', imageIds: [{ imageDigest: digest }] }),
      ...['a', 'b'].map(
        (imageTag): Read =>
          ({ ecr }) =>
            ecr.describeImages({ repositoryName: 'no-such', imageIds: [{ imageTag }] }),
      ),
    ],
    'ecr describeRepositories': ['images', 'gone', 'images'].map(
      (name): Read =>
        ({ ecr }) =>
          ecr.describeRepositories({ repositoryNames: [name] }),
    ),
    'ecr listTagsForResource': [repositoryArn, repositoryArn].map(
      (resourceArn): Read =>
        ({ ecr }) =>
          ecr.listTagsForResource({ resourceArn }),
    ),
    'codebuild batchGetBuilds': [
      ...[...builds, 'first:00000000-0000-0000-0000-000000000000', 'nonsense'].map(
        (id): Read =>
          ({ codebuild }) =>
            codebuild.batchGetBuilds({ ids: [id] }),
      ),
      ({ codebuild }) => codebuild.batchGetBuilds({ ids: builds }),
    ],
    'codebuild batchGetProjects': ['first', 'second', 'gone'].map(
      (name): Read =>
        ({ codebuild }) =>
          codebuild.batchGetProjects({ names: [name] }),
    ),
    'codebuild listBuildsForProject': ['first', 'first', 'gone'].map(
      (projectName): Read =>
        ({ codebuild }) =>
          codebuild.listBuildsForProject({ projectName, sortOrder: 'DESCENDING' }),
    ),
    'autoscaling describeScalableTargets': ['service/main/lc-shop', 'service/main/second', 'service/main/gone'].map(
      (id): Read =>
        ({ autoscaling }) =>
          autoscaling.describeScalableTargets({
            ServiceNamespace: 'ecs',
            ScalableDimension: 'ecs:service:DesiredCount',
            ResourceIds: [id],
          }),
    ),
    'iam getRole': ['shared', 'shared', 'gone'].map(
      (RoleName): Read =>
        ({ iam }) =>
          iam.getRole({ RoleName }),
    ),
    'secretsmanager describeSecret': ['shared', 'shared', 'gone'].map(
      (SecretId): Read =>
        ({ secretsmanager }) =>
          secretsmanager.describeSecret({ SecretId }),
    ),
  };
}

/** What a caller sees; request ids differ in any two calls. */
async function seen(reading: Promise<object>): Promise<unknown> {
  try {
    const { $metadata: _, ...answer } = (await reading) as { $metadata?: unknown };
    return answer;
  } catch (error) {
    if (!isFailure(error)) throw error;
    const { kind, code, message, service, operation } = error;
    return { kind, code, message, service, operation };
  }
}

describe('reads that share calls', async () => {
  const cloud = new TestCloud();
  const reads = await account(cloud);

  it('are all here: every read that can share a call is compared', () => {
    const known = [...Object.entries(BATCH_READS), ...Object.entries(SHARED_READS)].flatMap(([service, operations]) =>
      (Array.isArray(operations) ? operations : Object.keys(operations)).map((operation) => `${service} ${operation}`),
    );
    expect(Object.keys(reads).sort()).toEqual([...new Set(known)].sort());
  });

  it.each(Object.keys(reads))('%s answers each as if it had asked alone', async (name) => {
    const asked = reads[name] ?? [];
    const alone: unknown[] = [];
    for (const read of asked) alone.push(await seen(read(cloud.user)));
    const coalescing = new Coalescing({ clock: cloud.clock });
    const ports = coalesced(cloud.user, coalescing);
    // Twice: the second time, what is missing is known to be.
    for (const round of ['first', 'second']) {
      const together = Promise.all(asked.map((read) => seen(read(ports))));
      await cloud.pass(1_000);
      expect(await together, `${round} round`).toEqual(alone);
    }
    expect(coalescing.readings().calls).toBeLessThan(2 * asked.length + 8);
    expect(alone.some((answer) => Object.keys(answer as object).length > 0)).toBe(true);
  });
});
