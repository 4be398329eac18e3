import type { UpdateProjectCommandInput } from '@aws-sdk/client-codebuild';
import { describe, expect, it } from 'vitest';
import {
  type CodeBuildProjectProps,
  codebuildProject,
  ecrRepository,
  lambdaPermission,
  lambdaTarget,
  logGroup,
  scalingPolicy,
  type TargetGroupObserved,
  type TargetGroupProps,
  targetGroup,
} from '../../src/kinds/index.ts';
import { awsFailure, CALL, fakeIo, TAGS } from './fakes.ts';

describe('log-group', () => {
  it('does not take a longer name for its own', async () => {
    const { io } = fakeIo({ logs: { describeLogGroups: () => ({ logGroups: [{ logGroupName: '/lc/shop-two' }] }) } });
    expect(await logGroup.observe(io, { logGroupName: '/lc/shop' }, {})).toBeUndefined();
  });

  it('strips the wildcard that old answers put behind an ARN', async () => {
    const { io } = fakeIo({
      logs: {
        describeLogGroups: () => ({ logGroups: [{ logGroupName: '/lc/shop', arn: 'arn:log-group:/lc/shop:*' }] }),
        listTagsForResource: ({ resourceArn }) => {
          expect(resourceArn).toBe('arn:log-group:/lc/shop');
          return { tags: TAGS };
        },
      },
    });
    const observed = await logGroup.observe(io, { logGroupName: '/lc/shop' }, {});
    expect(observed).toEqual({ name: '/lc/shop', arn: 'arn:log-group:/lc/shop', retentionDays: null, tags: TAGS });
  });
});

describe('ecr-repository', () => {
  it('is absent when it goes between two reads', async () => {
    const { io } = fakeIo({
      ecr: {
        describeRepositories: () => ({ repositories: [{ repositoryArn: 'arn', repositoryUri: 'uri' }] }),
        listTagsForResource: () => {
          throw awsFailure('RepositoryNotFoundException');
        },
      },
    });
    expect(await ecrRepository.observe(io, { repositoryName: 'shop' }, {})).toBeUndefined();
  });

  it('lets the refusal to delete images that are not ours pass as a conflict', async () => {
    const { io } = fakeIo({
      ecr: {
        deleteRepository: ({ force }) => {
          expect(force).toBeUndefined();
          throw awsFailure('RepositoryNotEmptyException');
        },
      },
    });
    const observed = { arn: 'arn', uri: 'uri', tags: {}, lifecyclePolicy: null };
    await expect(ecrRepository.delete(io, {}, observed, {})).rejects.toMatchObject({ kind: 'conflict' });
  });
});

describe('codebuild-project', () => {
  const props: CodeBuildProjectProps = {
    serviceRoleArn: 'role',
    image: 'host/builder@sha256:1',
    computeType: 'BUILD_GENERAL1_SMALL',
    environmentType: 'LINUX_CONTAINER',
    buildspec: 'version: 0.2',
    timeoutMinutes: 15,
    description: 'builds',
    logGroupName: '/lc/builds',
  };
  // biome-ignore lint/suspicious/noExplicitAny: a stored project has the shape of the input that made it
  const account = (project: any) => {
    const fake = fakeIo({
      codebuild: {
        batchGetProjects: ({ names }) =>
          project ? { projects: [{ ...project, arn: 'arn' }] } : { projects: [], projectsNotFound: names },
        createProject: (input) => {
          project = { ...input, timeoutInMinutes: input.timeoutInMinutes ?? 60, badge: { badgeEnabled: false } };
        },
        updateProject: (input) => {
          project = { ...project, ...input };
        },
      },
    });
    return {
      ...fake,
      observe: () => codebuildProject.observe(fake.io, { projectName: 'lc' }, {}),
      read: () => project,
    };
  };

  it('is absent when its name is not found', async () => {
    expect(await account(undefined).observe()).toBeUndefined();
  });

  it('has no drift right after it was made', async () => {
    const { io, observe } = account(undefined);
    await codebuildProject.create(io, { projectName: 'lc' }, props, CALL);
    const observed = await observe();
    expect(observed && codebuildProject.diff(props, observed)).toEqual([]);
  });

  it.each([
    { change: { environment: { image: 'other' } }, paths: ['image'], reason: 'the environment as a whole is ours' },
    {
      change: { environment: { privilegedMode: true } },
      paths: ['privilegedMode'],
      reason: 'builds need no privilege',
    },
    {
      change: { environment: { environmentVariables: [{ name: 'A', value: 'b' }] } },
      paths: ['environmentVariables'],
      reason: 'variables come with each build',
    },
    {
      change: { source: { type: 'GITHUB', buildspec: 'version: 0.2' } },
      paths: ['sourceType'],
      reason: 'there is no source',
    },
    { change: { timeoutInMinutes: 60 }, paths: ['timeoutMinutes'], reason: 'owned' },
    { change: { queuedTimeoutInMinutes: 5 }, paths: [], reason: 'not owned' },
    { change: { tags: [] }, paths: [], reason: 'tags are proof, not a setting' },
  ])('$paths differ: $reason', async ({ change, paths }) => {
    const { io, observe, read } = account(undefined);
    await codebuildProject.create(io, { projectName: 'lc' }, props, CALL);
    const before = read();
    const environment = { ...before.environment, ...('environment' in change ? change.environment : {}) };
    await io.aws.codebuild.updateProject({ name: 'lc', ...change, environment } as UpdateProjectCommandInput);
    const observed = await observe();
    if (!observed) throw new Error('it is there');
    const changes = codebuildProject.diff(props, observed);
    expect(changes.map(({ path }) => path)).toEqual(paths);
    await codebuildProject.update(io, { projectName: 'lc' }, props, observed, changes, CALL);
    const after = await observe();
    expect(after && codebuildProject.diff(props, after)).toEqual([]);
  });

  it("uses CodeBuild's own credentials for its own images alone", () => {
    const pulls = (image: string) => {
      const observed = { name: '', arn: '', tags: {}, settings: {} as never };
      const wanted = codebuildProject.diff({ ...props, image }, observed);
      return wanted.find(({ path }) => path === 'imagePullCredentialsType')?.desired;
    };
    expect(pulls('aws/codebuild/standard:7.0')).toBe('CODEBUILD');
    expect(pulls('host/builder@sha256:1')).toBe('SERVICE_ROLE');
  });

  it('keeps the tags of others when released', async () => {
    const project = account({
      name: 'lc',
      tags: [...Object.entries({ ...TAGS, team: 'a' }).map(([key, value]) => ({ key, value }))],
    });
    const observed = await project.observe();
    if (!observed) throw new Error('it is there');
    await codebuildProject.release(project.io, { projectName: 'lc' }, observed, {});
    expect((await project.observe())?.tags).toEqual({ team: 'a' });
  });
});

describe('target-group', () => {
  const desired: TargetGroupProps = {
    targetType: 'ip',
    port: 8080,
    vpcId: 'vpc-1',
    healthCheck: {
      path: '/',
      intervalSec: 5,
      timeoutSec: 2,
      healthyThreshold: 2,
      unhealthyThreshold: 2,
      matcher: '200',
    },
    attributes: { 'deregistration_delay.timeout_seconds': '5' },
  };
  const observed: TargetGroupObserved = {
    arn: 'arn',
    targetType: 'ip',
    port: 8080,
    vpcId: 'vpc-1',
    healthCheck: {
      enabled: true,
      path: '/',
      intervalSec: 5,
      timeoutSec: 2,
      healthyThreshold: 2,
      unhealthyThreshold: 2,
      matcher: '200',
    },
    attributes: { 'deregistration_delay.timeout_seconds': '5', 'stickiness.enabled': 'false' },
    tags: {},
  };

  it.each<{
    name: string;
    desired?: Partial<TargetGroupProps>;
    observed?: Partial<TargetGroupObserved>;
    changes: [string, string, boolean][];
    reason: string;
  }>([
    { name: 'nothing', changes: [], reason: 'attributes that are not asked for are not ours' },
    {
      name: 'type',
      observed: { targetType: 'instance' },
      changes: [['targetType', 'TargetTypeDrift', true]],
      reason: 'fixed at creation',
    },
    { name: 'port', observed: { port: 80 }, changes: [['port', 'PortDrift', true]], reason: 'fixed at creation' },
    {
      name: 'network',
      observed: { vpcId: 'vpc-2' },
      changes: [['vpcId', 'VpcDrift', true]],
      reason: 'fixed at creation',
    },
    {
      name: 'health check',
      observed: { healthCheck: { ...observed.healthCheck, path: '/up', matcher: '200-299' } },
      changes: [
        ['healthCheck.path', 'HealthCheckDrift', false],
        ['healthCheck.matcher', 'HealthCheckDrift', false],
      ],
      reason: 'field by field',
    },
    {
      name: 'health check off',
      observed: { healthCheck: { ...observed.healthCheck, enabled: false, path: '' } },
      changes: [['healthCheck.enabled', 'HealthCheckDrift', false]],
      reason: 'switching it on sets the rest',
    },
    {
      name: 'attribute',
      observed: { attributes: {} },
      changes: [['attributes.deregistration_delay.timeout_seconds', 'AttributeDrift', false]],
      reason: 'asked for',
    },
  ])('$name differs: $reason', ({ observed: seen, changes }) => {
    const diff = targetGroup.diff(desired, { ...observed, ...seen });
    expect(diff.map(({ path, reason, replace }) => [path, reason, replace === true])).toEqual(changes);
  });

  it('leaves the health check of a Lambda group alone unless one is asked for', () => {
    const lambda = { ...observed, targetType: 'lambda', port: null, vpcId: null };
    expect(targetGroup.diff({ targetType: 'lambda', attributes: {} }, lambda)).toEqual([]);
  });
});

describe('lambda-permission', () => {
  const identity = { functionName: 'shop', qualifier: 'live', statementId: 'lc-1' };
  const desired = { sourceArn: 'tg' };
  // biome-ignore lint/suspicious/noExplicitAny: statements of a policy, ours and others'
  const account = (statements: any[]) => {
    const fake = fakeIo({
      lambda: {
        getPolicy: ({ Qualifier }) => {
          expect(Qualifier).toBe('live');
          if (statements.length === 0) throw awsFailure('ResourceNotFoundException', 404);
          return { Policy: JSON.stringify({ Version: '2012-10-17', Statement: statements }) };
        },
        addPermission: ({ StatementId, Principal, Action, SourceArn }) => {
          if (statements.some(({ Sid }) => Sid === StatementId)) throw awsFailure('ResourceConflictException', 409);
          statements.push({
            Sid: StatementId,
            Effect: 'Allow',
            Principal: { Service: Principal },
            Action,
            Condition: { ArnLike: { 'AWS:SourceArn': SourceArn } },
          });
        },
        removePermission: ({ StatementId }) => {
          const at = statements.findIndex(({ Sid }) => Sid === StatementId);
          if (at < 0) throw awsFailure('ResourceNotFoundException', 404);
          statements.splice(at, 1);
        },
      },
    });
    return { ...fake, observe: () => lambdaPermission.observe(fake.io, identity, {}) };
  };
  const foreign = { Sid: 'theirs', Effect: 'Allow', Principal: '*', Action: 'lambda:InvokeFunction' };

  it('comes, is as desired, goes, and goes again, beside a statement of others', async () => {
    const statements = [foreign];
    const { io, observe } = account(statements);
    expect(await observe()).toBeUndefined();
    await lambdaPermission.create(io, identity, desired, CALL);
    const observed = await observe();
    if (!observed) throw new Error('it was added');
    expect(lambdaPermission.diff(desired, observed)).toEqual([]);
    await lambdaPermission.delete(io, identity, observed, {});
    await lambdaPermission.delete(io, identity, observed, {});
    expect(statements).toEqual([foreign]);
  });

  it.each([
    {
      name: 'another group',
      statement: {
        Principal: { Service: 'elasticloadbalancing.amazonaws.com' },
        Action: 'lambda:InvokeFunction',
        Condition: { ArnLike: { 'AWS:SourceArn': 'other' } },
      },
      paths: ['sourceArn'],
    },
    {
      name: 'anyone',
      statement: { Principal: '*', Action: 'lambda:InvokeFunction' },
      paths: ['principal', 'sourceArn'],
    },
    {
      name: 'a denial',
      statement: { Effect: 'Deny', Principal: { AWS: '1' }, Action: 'lambda:*' },
      paths: ['effect', 'principal', 'action', 'sourceArn'],
    },
  ])('puts $name right', async ({ statement, paths }) => {
    const { io, observe } = account([{ Sid: 'lc-1', Effect: 'Allow', ...statement }]);
    const observed = await observe();
    if (!observed) throw new Error('it is there');
    const changes = lambdaPermission.diff(desired, observed);
    expect(changes.map(({ path }) => path)).toEqual(paths);
    await lambdaPermission.update(io, identity, desired, observed, changes, CALL);
    const after = await observe();
    expect(after && lambdaPermission.diff(desired, after)).toEqual([]);
  });
});

describe('lambda-target', () => {
  it.each([
    { state: 'healthy', reason: null, proven: true, because: 'a health check says so' },
    {
      state: 'unavailable',
      reason: 'Target.HealthCheckDisabled',
      proven: true,
      because: 'without health checks it serves',
    },
    { state: 'unavailable', reason: null, proven: false, because: 'no data is not success' },
    { state: 'unused', reason: 'Target.NotInUse', proven: false, because: 'the group is attached to nothing' },
    { state: 'initial', reason: null, proven: false, because: 'not checked yet' },
    { state: 'unhealthy', reason: 'Target.ResponseCodeMismatch', proven: false, because: 'it answers wrongly' },
  ])('$state $reason is proven: $proven, $because', ({ state, reason, proven }) => {
    const observed = { functionArn: 'fn', state, reason };
    expect(lambdaTarget.outputs(observed)).toEqual({ functionArn: 'fn', proven });
    const readiness = lambdaTarget.readiness(observed, { functionArn: 'fn' });
    expect(readiness).toMatchObject(
      proven ? { state: 'ready' } : { state: 'pending', usable: true, acceptsUpdate: true },
    );
  });

  it('makes room before it registers another function', async () => {
    const targets = ['old'];
    const { io } = fakeIo({
      elbv2: {
        registerTargets: ({ Targets }) => {
          if (targets.length > 0) throw awsFailure('TooManyTargetsException');
          targets.push(Targets[0].Id);
        },
        deregisterTargets: ({ Targets }) => {
          targets.splice(targets.indexOf(Targets[0].Id), 1);
        },
      },
    });
    const observed = { functionArn: 'old', state: 'healthy', reason: null };
    const desired = { functionArn: 'new' };
    await lambdaTarget.update(
      io,
      { targetGroupArn: 'tg' },
      desired,
      observed,
      lambdaTarget.diff(desired, observed),
      CALL,
    );
    expect(targets).toEqual(['new']);
  });
});

describe('scaling-policy', () => {
  it('sends back what is not ours as it found it', async () => {
    let configuration: Record<string, unknown> = { TargetValue: 50, ScaleInCooldown: 600, DisableScaleIn: true };
    const { io } = fakeIo({
      autoscaling: {
        describeScalingPolicies: () => ({
          ScalingPolicies: [
            { PolicyType: 'TargetTrackingScaling', TargetTrackingScalingPolicyConfiguration: configuration },
          ],
        }),
        putScalingPolicy: (input) => {
          configuration = input.TargetTrackingScalingPolicyConfiguration;
        },
      },
    });
    const identity = { resourceId: 'service/main/shop', policyName: 'cpu' };
    const desired = { metric: 'ECSServiceAverageCPUUtilization', targetValue: 60 } as const;
    const observed = await scalingPolicy.observe(io, identity, {});
    if (!observed) throw new Error('it is there');
    await scalingPolicy.update(io, identity, desired, observed, scalingPolicy.diff(desired, observed), CALL);
    expect(configuration).toEqual({
      TargetValue: 60,
      PredefinedMetricSpecification: { PredefinedMetricType: 'ECSServiceAverageCPUUtilization' },
      ScaleInCooldown: 600,
      DisableScaleIn: true,
    });
    const after = await scalingPolicy.observe(io, identity, {});
    expect(after && scalingPolicy.diff(desired, after)).toEqual([]);
  });
});
