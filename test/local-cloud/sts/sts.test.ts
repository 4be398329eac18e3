import { describe, expect, it } from 'vitest';
import { seededRandom, VirtualClock } from '../../../src/core/index.ts';
import { BareCloud } from '../../../src/local-cloud/cloud-core.ts';
import { IamService } from '../../../src/local-cloud/services/iam.ts';
import { StsService } from '../../../src/local-cloud/services/sts.ts';
import { memoryState } from '../../../src/local-cloud/state/index.ts';
import { codeOf, SETTINGS } from '../cloud/world.ts';

const ROLE = 'arn:aws:iam::000000000000:role/sources/shop';

function stsWorld() {
  const clock = new VirtualClock();
  const random = seededRandom(4);
  const state = memoryState();
  const cloud = new BareCloud({ clock, random, state }, (enter) => {
    const deps = { state, settings: SETTINGS, random, enter };
    const iam = new IamService(deps);
    return [iam, new StsService({ ...deps, iam })];
  });
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked at member by member
  type Answer = any;
  const assume = (input: object = {}): Answer =>
    cloud.call('sts', 'AssumeRole', { RoleArn: ROLE, RoleSessionName: 'shop', ...input });
  const role = (statement: object, more: object = {}): void => {
    cloud.call('iam', 'CreateRole', {
      RoleName: 'shop',
      Path: '/sources/',
      AssumeRolePolicyDocument: JSON.stringify({
        Statement: { Effect: 'Allow', Action: 'sts:AssumeRole', ...statement },
      }),
      ...more,
    });
  };
  return { clock, cloud, assume, role };
}

const ROOT = { Principal: { AWS: 'arn:aws:iam::000000000000:root' } };

describe('who calls', () => {
  it('is one user of the account', () => {
    const { cloud } = stsWorld();
    expect(cloud.call('sts', 'GetCallerIdentity', {})).toEqual({
      UserId: expect.stringMatching(/^AIDA/),
      Account: '000000000000',
      Arn: 'arn:aws:iam::000000000000:user/local',
    });
  });
});

describe('a role', () => {
  it('gives credentials for an hour, other ones each time', () => {
    const { assume, role, clock } = stsWorld();
    role(ROOT);
    const first = assume();
    expect(first).toEqual({
      Credentials: {
        AccessKeyId: expect.stringMatching(/^ASIA[A-Z2-7]{16}$/),
        SecretAccessKey: expect.stringMatching(/^.{40}$/),
        SessionToken: expect.stringMatching(/^.{100,}$/),
        Expiration: new Date(clock.now() + 3_600_000),
      },
      AssumedRoleUser: {
        AssumedRoleId: expect.stringMatching(/^AROA[A-Z2-7]{17}:shop$/),
        Arn: 'arn:aws:sts::000000000000:assumed-role/shop/shop',
      },
    });
    expect(assume().Credentials.AccessKeyId).not.toBe(first.Credentials.AccessKeyId);
    expect(assume({ DurationSeconds: 900 }).Credentials.Expiration).toEqual(new Date(clock.now() + 900_000));
  });

  const trust: { reason: string; statement: object; externalId?: string; allowed: boolean }[] = [
    { reason: 'the account', statement: ROOT, allowed: true },
    { reason: 'the account by its number', statement: { Principal: { AWS: '000000000000' } }, allowed: true },
    { reason: 'the user', statement: { Principal: { AWS: ['arn:aws:iam::000000000000:user/local'] } }, allowed: true },
    { reason: 'anybody', statement: { Principal: '*' }, allowed: true },
    { reason: 'another account', statement: { Principal: { AWS: '111111111111' } }, allowed: false },
    { reason: 'a service', statement: { Principal: { Service: 'lambda.amazonaws.com' } }, allowed: false },
    { reason: 'nobody', statement: { ...ROOT, Effect: 'Deny' }, allowed: false },
    {
      reason: 'who knows the external id',
      statement: { ...ROOT, Condition: { StringEquals: { 'sts:ExternalId': 'secret-1' } } },
      externalId: 'secret-1',
      allowed: true,
    },
    {
      reason: 'who knows the external id, but it is another one',
      statement: { ...ROOT, Condition: { StringEquals: { 'sts:ExternalId': 'secret-1' } } },
      externalId: 'secret-2',
      allowed: false,
    },
    {
      reason: 'who knows the external id, but none is given',
      statement: { ...ROOT, Condition: { StringEquals: { 'sts:ExternalId': 'secret-1' } } },
      allowed: false,
    },
    {
      reason: 'under a condition that cannot be judged',
      statement: { ...ROOT, Condition: { Bool: { 'aws:MultiFactorAuthPresent': 'true' } } },
      allowed: false,
    },
  ];
  it.each(trust)('that trusts $reason: $allowed', ({ statement, externalId, allowed }) => {
    const { assume, role } = stsWorld();
    role(statement);
    const act = () => assume(externalId === undefined ? {} : { ExternalId: externalId });
    expect(codeOf(act)).toBe(allowed ? 'no error' : 'AccessDenied');
  });

  const refusals: { reason: string; input: object; code: string }[] = [
    {
      reason: 'a role that is not there looks like one that does not trust',
      input: { RoleArn: 'arn:aws:iam::000000000000:role/none' },
      code: 'AccessDenied',
    },
    { reason: 'its path left out', input: { RoleArn: 'arn:aws:iam::000000000000:role/shop' }, code: 'AccessDenied' },
    { reason: 'no ARN', input: { RoleArn: 'shop' }, code: 'ValidationError' },
    { reason: 'the ARN of a user', input: { RoleArn: 'arn:aws:iam::000000000000:user/shop' }, code: 'ValidationError' },
    { reason: 'a session name with a space', input: { RoleSessionName: 'a b' }, code: 'ValidationError' },
    { reason: 'a session name of one letter', input: { RoleSessionName: 'a' }, code: 'ValidationError' },
    { reason: 'a session that is too short', input: { DurationSeconds: 899 }, code: 'ValidationError' },
    { reason: 'longer than the role allows', input: { DurationSeconds: 3601 }, code: 'ValidationError' },
    { reason: 'an external id that is none', input: { ExternalId: '?' }, code: 'ValidationError' },
    { reason: 'a session policy, which is not here', input: { Policy: '{}' }, code: 'UnknownOperationException' },
  ];
  it.each(refusals)('is not assumed: $reason', ({ input, code }) => {
    const { assume, role } = stsWorld();
    role(ROOT);
    expect(codeOf(() => assume(input))).toBe(code);
  });
});
