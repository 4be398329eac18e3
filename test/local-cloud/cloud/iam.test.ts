import { describe, expect, it } from 'vitest';
import { codeOf, smallWorld } from './world.ts';

const trust = (statement: object | object[]) => JSON.stringify({ Version: '2012-10-17', Statement: statement });
const allow = (principal: unknown, more: object = {}) => ({
  Effect: 'Allow',
  Principal: principal,
  Action: 'sts:AssumeRole',
  ...more,
});
const ECS = 'ecs-tasks.amazonaws.com';
const LAMBDA = 'lambda.amazonaws.com';

function roleWorld() {
  const world = smallWorld();
  const create = (RoleName: string, policy: string, more: object = {}) =>
    world.callIam('CreateRole', { RoleName, AssumeRolePolicyDocument: policy, ...more }).Role;
  return { ...world, create };
}

describe('roles', () => {
  it('are answered with ids, ARN with path, and the policy URL-encoded', () => {
    const { create, callIam } = roleWorld();
    const policy = trust(allow({ Service: LAMBDA }, { Sid: "it's(*)!" }));
    const role = create('worker', policy, { Path: '/team/', Description: 'd', Tags: [{ Key: 'a', Value: 'b' }] });
    expect(role).toMatchObject({
      Arn: 'arn:aws:iam::000000000000:role/team/worker',
      Path: '/team/',
      Description: 'd',
      MaxSessionDuration: 3600,
      CreateDate: new Date(Date.UTC(2026, 0, 1)),
      Tags: [{ Key: 'a', Value: 'b' }],
    });
    expect(role.RoleId).toMatch(/^AROA[A-Z2-7]{17}$/);
    expect(role.AssumeRolePolicyDocument).not.toMatch(/[{}"'()*! ]/);
    expect(decodeURIComponent(role.AssumeRolePolicyDocument)).toBe(policy);
    // Only GetRole tells it, and of a role that nobody has used it is empty.
    expect(callIam('GetRole', { RoleName: 'worker' }).Role).toEqual({ ...role, RoleLastUsed: {} });
  });

  const policy = trust(allow({ Service: LAMBDA }));
  const refusals: { reason: string; operation: string; input: object; code: string }[] = [
    {
      reason: 'the name is taken',
      operation: 'CreateRole',
      input: { RoleName: 'taken', AssumeRolePolicyDocument: policy },
      code: 'EntityAlreadyExists',
    },
    {
      reason: 'the name is invalid',
      operation: 'CreateRole',
      input: { RoleName: 'a b', AssumeRolePolicyDocument: policy },
      code: 'ValidationError',
    },
    {
      reason: 'the path is invalid',
      operation: 'CreateRole',
      input: { RoleName: 'x', Path: 'p', AssumeRolePolicyDocument: policy },
      code: 'ValidationError',
    },
    {
      reason: 'the session is too short',
      operation: 'CreateRole',
      input: { RoleName: 'x', MaxSessionDuration: 60, AssumeRolePolicyDocument: policy },
      code: 'ValidationError',
    },
    {
      reason: 'no JSON',
      operation: 'CreateRole',
      input: { RoleName: 'x', AssumeRolePolicyDocument: '{' },
      code: 'MalformedPolicyDocument',
    },
    {
      reason: 'no statements',
      operation: 'CreateRole',
      input: { RoleName: 'x', AssumeRolePolicyDocument: '{"Statement":[]}' },
      code: 'MalformedPolicyDocument',
    },
    {
      reason: 'no principal',
      operation: 'CreateRole',
      input: { RoleName: 'x', AssumeRolePolicyDocument: trust({ Effect: 'Allow', Action: 'sts:AssumeRole' }) },
      code: 'MalformedPolicyDocument',
    },
    {
      reason: 'another action',
      operation: 'CreateRole',
      input: { RoleName: 'x', AssumeRolePolicyDocument: trust(allow('*', { Action: 's3:GetObject' })) },
      code: 'MalformedPolicyDocument',
    },
    {
      reason: 'a resource',
      operation: 'CreateRole',
      input: { RoleName: 'x', AssumeRolePolicyDocument: trust(allow('*', { Resource: '*' })) },
      code: 'MalformedPolicyDocument',
    },
    {
      reason: 'a system tag',
      operation: 'TagRole',
      input: { RoleName: 'taken', Tags: [{ Key: 'aws:x', Value: '' }] },
      code: 'InvalidInput',
    },
    {
      reason: 'too many tags',
      operation: 'TagRole',
      input: { RoleName: 'taken', Tags: Array.from({ length: 51 }, (_, i) => ({ Key: `k${i}`, Value: '' })) },
      code: 'LimitExceeded',
    },
    {
      reason: 'there is no such role to read',
      operation: 'GetRole',
      input: { RoleName: 'none' },
      code: 'NoSuchEntity',
    },
    {
      reason: 'there is no such role to delete',
      operation: 'DeleteRole',
      input: { RoleName: 'none' },
      code: 'NoSuchEntity',
    },
    {
      reason: 'there is no such role to change',
      operation: 'UpdateAssumeRolePolicy',
      input: { RoleName: 'none', PolicyDocument: policy },
      code: 'NoSuchEntity',
    },
    { reason: 'the page is too large', operation: 'ListRoles', input: { MaxItems: 1001 }, code: 'ValidationError' },
  ];
  it.each(refusals)('$operation is refused: $reason', ({ operation, input, code }) => {
    const { callIam, create } = roleWorld();
    create('taken', policy);
    expect(codeOf(() => callIam(operation, input))).toBe(code);
  });

  it('are listed by name in pages, by path, without tags', () => {
    const { callIam, create } = roleWorld();
    for (const name of ['c', 'a', 'd', 'b'])
      create(name, policy, { Path: name === 'd' ? '/other/' : '/', Tags: [{ Key: 'k', Value: 'v' }] });
    const first = callIam('ListRoles', { MaxItems: 3 });
    expect(first).toMatchObject({
      IsTruncated: true,
      Roles: [{ RoleName: 'a' }, { RoleName: 'b' }, { RoleName: 'c' }],
    });
    expect(first.Roles[0]).not.toHaveProperty('Tags');
    expect(callIam('ListRoles', { MaxItems: 3, Marker: first.Marker })).toMatchObject({
      IsTruncated: false,
      Roles: [{ RoleName: 'd' }],
    });
    expect(callIam('ListRoles', { PathPrefix: '/other/' }).Roles).toHaveLength(1);
  });

  it('take tags, a new policy, and go', () => {
    const { callIam, create, iam } = roleWorld();
    const { Arn } = create('r', policy);
    callIam('TagRole', { RoleName: 'r', Tags: [{ Key: 'a', Value: '1' }] });
    callIam('TagRole', {
      RoleName: 'r',
      Tags: [
        { Key: 'a', Value: '2' },
        { Key: 'b', Value: '3' },
      ],
    });
    expect(callIam('GetRole', { RoleName: 'r' }).Role.Tags).toEqual([
      { Key: 'a', Value: '2' },
      { Key: 'b', Value: '3' },
    ]);
    callIam('UpdateAssumeRolePolicy', { RoleName: 'r', PolicyDocument: trust(allow({ Service: ECS })) });
    expect(iam.trusts(Arn, ECS)).toBe(true);
    expect(iam.trusts(Arn, LAMBDA)).toBe(false);
    callIam('DeleteRole', { RoleName: 'r' });
    expect(iam.trusts(Arn, ECS)).toBe(false);
  });
});

describe('trust', () => {
  const cases: { reason: string; statements: object[]; trusted: boolean }[] = [
    { reason: 'the service is named', statements: [allow({ Service: ECS })], trusted: true },
    { reason: 'the service is one of several', statements: [allow({ Service: [LAMBDA, ECS] })], trusted: true },
    { reason: 'another service is named', statements: [allow({ Service: LAMBDA })], trusted: false },
    { reason: 'anybody', statements: [allow('*')], trusted: true },
    {
      reason: 'an account is no service',
      statements: [allow({ AWS: 'arn:aws:iam::000000000000:root' })],
      trusted: false,
    },
    { reason: 'any sts action', statements: [allow({ Service: ECS }, { Action: 'sts:*' })], trusted: true },
    {
      reason: 'another sts action',
      statements: [allow({ Service: ECS }, { Action: ['sts:TagSession'] })],
      trusted: false,
    },
    {
      reason: 'a denial wins',
      statements: [allow({ Service: ECS }), allow({ Service: ECS }, { Effect: 'Deny' })],
      trusted: false,
    },
    {
      reason: 'our account',
      statements: [allow({ Service: ECS }, { Condition: { StringEquals: { 'aws:SourceAccount': '000000000000' } } })],
      trusted: true,
    },
    {
      reason: 'another account',
      statements: [allow({ Service: ECS }, { Condition: { StringEquals: { 'aws:SourceAccount': '1' } } })],
      trusted: false,
    },
    {
      reason: 'a condition that cannot be judged',
      statements: [allow({ Service: ECS }, { Condition: { ArnLike: { 'aws:SourceArn': '*' } } })],
      trusted: false,
    },
  ];
  it.each(cases)('$reason: $trusted', ({ statements, trusted }) => {
    const { create, iam } = roleWorld();
    const { Arn } = create('r', trust(statements));
    expect(iam.trusts(Arn, ECS)).toBe(trusted);
  });

  it('needs the whole ARN', () => {
    const { create, iam } = roleWorld();
    create('r', trust(allow('*')), { Path: '/p/' });
    expect(iam.trusts('arn:aws:iam::000000000000:role/p/r', ECS)).toBe(true);
    expect(iam.trusts('arn:aws:iam::000000000000:role/r', ECS)).toBe(false);
    expect(iam.trusts('arn:aws:iam::111111111111:role/p/r', ECS)).toBe(false);
  });
});
