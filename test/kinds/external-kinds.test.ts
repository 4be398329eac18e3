import { describe, expect, it } from 'vitest';
import {
  baseImage,
  iamRole,
  type LambdaFunctionObserved,
  lambdaFunction,
  targetHealth,
} from '../../src/kinds/index.ts';
import { awsFailure, fakeIo } from './fakes.ts';

describe('lambda-function', () => {
  const ARN = 'arn:aws:lambda:eu-west-1:1:function:shop';
  const configuration = { FunctionName: 'shop', FunctionArn: ARN, CodeSha256: 'abc=', Role: 'role', State: 'Active' };
  const observe = async (qualifier: string, answer: object) => {
    const { io } = fakeIo({ lambda: { getFunction: () => answer } });
    const observed = await lambdaFunction.observe(io, { functionName: 'shop', qualifier }, {});
    if (!observed) throw new Error('it is there');
    return observed;
  };

  it.each([
    { qualifier: '', FunctionArn: ARN, arn: ARN, reason: 'unqualified' },
    { qualifier: 'live', FunctionArn: ARN, arn: `${ARN}:live`, reason: 'an alias is its own target' },
    { qualifier: 'live', FunctionArn: `${ARN}:12`, arn: `${ARN}:live`, reason: 'whatever version it points to' },
    { qualifier: '12', FunctionArn: `${ARN}:12`, arn: `${ARN}:12`, reason: 'a version' },
  ])('as a target is $arn: $reason', async ({ qualifier, FunctionArn, arn }) => {
    expect((await observe(qualifier, { Configuration: { ...configuration, FunctionArn } })).arn).toBe(arn);
  });

  it('gives dependents its configuration, and nothing of its passing state', async () => {
    const observed = await observe('', {
      Configuration: {
        ...configuration,
        PackageType: 'Image',
        SigningProfileVersionArn: 'arn:profile',
        Architectures: ['arm64'],
        Environment: { Variables: { A: 'b' } },
        Layers: [{ Arn: 'layer:1' }],
        ImageConfigResponse: { ImageConfig: { Command: ['app.handler'] } },
      },
      Code: { ImageUri: 'r/shop:1', ResolvedImageUri: 'r/shop@sha256:1' },
      Concurrency: { ReservedConcurrentExecutions: 0 },
    });
    expect(lambdaFunction.outputs(observed)).toEqual({
      arn: ARN,
      functionName: 'shop',
      version: '$LATEST',
      packageType: 'Image',
      runtime: null,
      handler: null,
      codeSha256: 'abc=',
      architecture: 'arm64',
      memoryMb: 128,
      timeoutSec: 3,
      environment: { A: 'b' },
      layers: ['layer:1'],
      roleArn: 'role',
      imageUri: 'r/shop@sha256:1',
      imageConfig: { entryPoint: null, command: ['app.handler'], workingDirectory: null },
      lastModified: '',
      reservedConcurrency: 0,
      signingProfile: 'arn:profile',
    });
  });

  it.each<{ change: Partial<LambdaFunctionObserved>; readiness: object; reason: string }>([
    { change: {}, readiness: { state: 'ready' }, reason: 'active' },
    { change: { state: 'Inactive' }, readiness: { state: 'ready' }, reason: 'idle functions wake on the next call' },
    { change: { lastUpdateStatus: 'Failed' }, readiness: { state: 'ready' }, reason: 'what ran before still runs' },
    {
      change: { state: 'Pending', lastModified: '2026-01-01T00:00:01.000+0000' },
      readiness: { state: 'pending', reason: 'FunctionPending', usable: false, sinceMs: Date.UTC(2026, 0, 1, 0, 0, 1) },
      reason: 'being created',
    },
    {
      change: { lastUpdateStatus: 'InProgress' },
      readiness: { state: 'pending', reason: 'FunctionUpdating', usable: true },
      reason: 'the last version serves meanwhile',
    },
    {
      change: { state: 'Failed', stateReason: 'no such subnet' },
      readiness: { state: 'failed', reason: 'FunctionFailed', message: expect.stringContaining('no such subnet') },
      reason: 'only its owner can help',
    },
  ])('$reason', async ({ change, readiness }) => {
    const observed = await observe('', { Configuration: configuration });
    expect(lambdaFunction.readiness({ ...observed, ...change }, {})).toMatchObject(readiness);
  });
});

describe('iam-role', () => {
  const ARN = 'arn:aws:iam::1:role/teams/shop';
  const TASKS = 'ecs-tasks.amazonaws.com';
  const allow = (more: object) => ({ Effect: 'Allow', Action: 'sts:AssumeRole', ...more });
  const observe = (statement: unknown, arn = ARN) => {
    const { io } = fakeIo({
      iam: {
        getRole: ({ RoleName }) => {
          expect(RoleName).toBe('shop');
          const document = JSON.stringify({ Version: '2012-10-17', Statement: statement });
          return { Role: { Arn: arn, AssumeRolePolicyDocument: encodeURIComponent(document) } };
        },
      },
    });
    return iamRole.observe(io, { roleArn: ARN }, {});
  };

  it.each([
    { statement: [allow({ Principal: { Service: TASKS } })], trusted: true, reason: 'one service' },
    {
      statement: allow({ Principal: { Service: ['lambda.amazonaws.com', TASKS] } }),
      trusted: true,
      reason: 'a statement that is no list, with several services',
    },
    {
      statement: [allow({ Principal: { Service: TASKS }, Action: ['sts:TagSession', 'sts:AssumeRole'] })],
      trusted: true,
      reason: 'several actions',
    },
    {
      statement: [allow({ Principal: { Service: TASKS }, Action: 'sts:*' })],
      trusted: true,
      reason: 'a wildcard action',
    },
    { statement: [allow({ Principal: '*' })], trusted: true, reason: 'everyone' },
    { statement: [allow({ Principal: { AWS: '*' } })], trusted: true, reason: 'everyone, spelt long' },
    {
      statement: [allow({ Principal: { Service: TASKS }, Condition: { StringEquals: {} } })],
      trusted: true,
      reason: 'conditions are evaluated by AWS',
    },
    {
      statement: [allow({ Principal: { Service: 'lambda.amazonaws.com' } })],
      trusted: false,
      reason: "Lambda alone: a function's role as a rule",
    },
    {
      statement: [allow({ Principal: { AWS: 'arn:aws:iam::1:root' } })],
      trusted: false,
      reason: 'an account is no service',
    },
    {
      statement: [allow({ Principal: { Service: TASKS }, Action: 'sts:TagSession' })],
      trusted: false,
      reason: 'another action',
    },
    {
      statement: [allow({ Principal: { Service: TASKS } }), { ...allow({ Principal: '*' }), Effect: 'Deny' }],
      trusted: false,
      reason: 'a denial wins',
    },
    {
      statement: [
        allow({ Principal: { Service: TASKS } }),
        { ...allow({ Principal: '*', Condition: {} }), Effect: 'Deny' },
      ],
      trusted: true,
      reason: 'a conditional denial is left to AWS',
    },
    { statement: [], trusted: false, reason: 'nobody' },
  ])('is assumable: $trusted, by $reason', async ({ statement, trusted }) => {
    const observed = await observe(statement);
    if (!observed) throw new Error('it is there');
    const readiness = iamRole.readiness(observed, { mustTrust: TASKS });
    if (trusted) expect(readiness).toEqual({ state: 'ready' });
    else {
      expect(readiness).toEqual({
        state: 'failed',
        reason: 'RoleNotAssumable',
        message: `${ARN} cannot be assumed by ecs-tasks.amazonaws.com. Add this statement to its trust policy: {"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}`,
      });
    }
  });

  it('is absent when the name belongs to a role of another path', async () => {
    expect(await observe([], 'arn:aws:iam::1:role/shop')).toBeUndefined();
  });

  it('is absent when IAM says so, and unreadable when it may not be read', async () => {
    const answering = (code: string, status: number) =>
      fakeIo({
        iam: {
          getRole: () => {
            throw awsFailure(code, status);
          },
        },
      }).io;
    expect(await iamRole.observe(answering('NoSuchEntityException', 404), { roleArn: ARN }, {})).toBeUndefined();
    await expect(iamRole.observe(answering('AccessDenied', 403), { roleArn: ARN }, {})).rejects.toMatchObject({
      kind: 'denied',
    });
  });
});

describe('base-image', () => {
  const DIGEST = `sha256:${'b'.repeat(64)}`;

  it.each([
    { reference: 'public.ecr.aws/lambda/nodejs:22', uri: `public.ecr.aws/lambda/nodejs@${DIGEST}` },
    { reference: '127.0.0.1:4577/lambda/nodejs:22', uri: `127.0.0.1:4577/lambda/nodejs@${DIGEST}` },
    { reference: '127.0.0.1:4577/lambda/nodejs', uri: `127.0.0.1:4577/lambda/nodejs@${DIGEST}` },
    { reference: `host/base:1@sha256:${'a'.repeat(64)}`, uri: `host/base@${DIGEST}` },
  ])('$reference by digest', async ({ reference, uri }) => {
    const { io } = fakeIo({ registry: { resolveDigest: () => DIGEST } });
    const observed = await baseImage.observe(io, { reference, architecture: 'arm64' }, {});
    expect(observed).toEqual({ digest: DIGEST, uri });
  });

  it('asks every time what a tag means, and once what a digest means', async () => {
    const { io, calls } = fakeIo({ registry: { resolveDigest: () => DIGEST } });
    for (const reference of ['host/base:1', 'host/base:1', `host/base@${DIGEST}`, `host/base@${DIGEST}`]) {
      await baseImage.observe(io, { reference, architecture: 'x86_64' }, {});
    }
    expect(calls.length).toBe(3);
  });

  it('is absent when the registry has no such image', async () => {
    const { io } = fakeIo({
      registry: {
        resolveDigest: () => {
          throw awsFailure('RepositoryNotFoundException', 404);
        },
      },
    });
    expect(await baseImage.observe(io, { reference: 'host/none:1', architecture: 'x86_64' }, {})).toBeUndefined();
  });
});

describe('target-health', () => {
  it.each([
    { states: [], healthy: 0, total: 0 },
    { states: ['initial', 'healthy', 'unhealthy'], healthy: 1, total: 3 },
    { states: ['healthy', 'draining', 'healthy'], healthy: 2, total: 2 },
  ])('$states: $healthy of $total', async ({ states, healthy, total }) => {
    const { io } = fakeIo({
      elbv2: {
        describeTargetHealth: () => ({
          TargetHealthDescriptions: states.map((State) => ({ TargetHealth: { State } })),
        }),
      },
    });
    expect(await targetHealth.observe(io, { targetGroupArn: 'tg' }, {})).toMatchObject({ healthy, total });
  });

  it('says what the load balancer says of a target that fails its checks', async () => {
    const { io } = fakeIo({
      elbv2: {
        describeTargetHealth: () => ({
          TargetHealthDescriptions: [
            {
              TargetHealth: {
                State: 'unhealthy',
                Reason: 'Target.ResponseCodeMismatch',
                Description: 'Health checks failed with these codes: [500]',
              },
            },
          ],
        }),
      },
    });
    expect(await targetHealth.observe(io, { targetGroupArn: 'tg' }, {})).toEqual({
      healthy: 0,
      total: 1,
      why: 'Health checks failed with these codes: [500]',
    });
  });
});
