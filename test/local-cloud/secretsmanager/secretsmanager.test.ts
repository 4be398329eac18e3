import { describe, expect, it } from 'vitest';
import { seededRandom, VirtualClock } from '../../../src/core/index.ts';
import { BareCloud } from '../../../src/local-cloud/cloud-core.ts';
import { SecretsManagerService } from '../../../src/local-cloud/services/secretsmanager.ts';
import { memoryState } from '../../../src/local-cloud/state/index.ts';
import { codeOf, SETTINGS } from '../cloud/world.ts';

const DAY_MS = 86_400_000;
const TOKEN = 'a'.repeat(32);
const OTHER_TOKEN = 'b'.repeat(32);

function secretWorld() {
  const clock = new VirtualClock();
  const random = seededRandom(4);
  const state = memoryState();
  const cloud = new BareCloud({ clock, random, state }, (enter) => [
    new SecretsManagerService({ state, settings: SETTINGS, random, enter }),
  ]);
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked at member by member
  const call = (operation: string, input: object): any => cloud.call('secretsmanager', operation, input);
  return { clock, cloud, call };
}

describe('a secret', () => {
  it('is found by its name, its ARN, and its ARN without the random end', () => {
    const { call } = secretWorld();
    const created = call('CreateSecret', { Name: 'team/git', SecretString: '{"token":"t"}' });
    expect(created.ARN).toMatch(/^arn:aws:secretsmanager:us-east-1:000000000000:secret:team\/git-[A-Za-z0-9]{6}$/);
    for (const SecretId of ['team/git', created.ARN, created.ARN.slice(0, -7)]) {
      expect(call('GetSecretValue', { SecretId }), SecretId).toEqual({
        ARN: created.ARN,
        Name: 'team/git',
        VersionId: created.VersionId,
        SecretString: '{"token":"t"}',
        VersionStages: ['AWSCURRENT'],
        CreatedDate: new Date(Date.UTC(2026, 0, 1)),
      });
    }
    expect(codeOf(() => call('GetSecretValue', { SecretId: `${created.ARN.slice(0, -6)}AAAAAA` }))).toBe(
      'ResourceNotFoundException',
    );
    expect(codeOf(() => call('GetSecretValue', { SecretId: created.ARN.replace('us-east-1', 'eu-west-1') }))).toBe(
      'ResourceNotFoundException',
    );
  });

  it('whose name looks like the ARN of another is that other only by its whole ARN', () => {
    const { call } = secretWorld();
    const short = call('CreateSecret', { Name: 'git', SecretString: 'short' });
    const suffix = short.ARN.slice(-7);
    const long = call('CreateSecret', { Name: `git${suffix}`, SecretString: 'long' });
    expect(call('GetSecretValue', { SecretId: short.ARN }).SecretString).toBe('short');
    expect(call('GetSecretValue', { SecretId: long.ARN }).SecretString).toBe('long');
    expect(call('GetSecretValue', { SecretId: `git${suffix}` }).SecretString).toBe('long');
  });

  it('keeps the value before as AWSPREVIOUS, and versions by id', () => {
    const { call } = secretWorld();
    const SecretId = 'git';
    const first = call('CreateSecret', { Name: SecretId, SecretString: 'one' });
    const second = call('PutSecretValue', { SecretId, SecretString: 'two' });
    const third = call('PutSecretValue', { SecretId, SecretBinary: new Uint8Array([0, 255]) });
    expect(third.VersionStages).toEqual(['AWSCURRENT']);
    expect(call('GetSecretValue', { SecretId }).SecretBinary).toEqual(new Uint8Array([0, 255]));
    expect(call('GetSecretValue', { SecretId, VersionStage: 'AWSPREVIOUS' }).SecretString).toBe('two');
    expect(call('GetSecretValue', { SecretId, VersionId: first.VersionId })).toMatchObject({
      SecretString: 'one',
      VersionStages: [],
    });
    expect(call('DescribeSecret', { SecretId }).VersionIdsToStages).toEqual({
      [second.VersionId]: ['AWSPREVIOUS'],
      [third.VersionId]: ['AWSCURRENT'],
    });
    expect(
      codeOf(() => call('GetSecretValue', { SecretId, VersionId: first.VersionId, VersionStage: 'AWSCURRENT' })),
    ).toBe('InvalidRequestException');
  });

  it('is rotated as rotations end: AWSCURRENT moves to the version that was pending, AWSPREVIOUS to the one before', () => {
    const { call } = secretWorld();
    const SecretId = 's';
    const oldest = call('CreateSecret', { Name: SecretId, SecretString: 'zero' });
    const old = call('PutSecretValue', { SecretId, SecretString: 'one' });
    const next = call('PutSecretValue', { SecretId, SecretString: 'two', VersionStages: ['AWSPENDING'] });
    const move = { SecretId, VersionStage: 'AWSCURRENT', MoveToVersionId: next.VersionId };
    expect(
      codeOf(() => call('UpdateSecretVersionStage', move)),
      'without naming whom it is taken from',
    ).toBe('InvalidParameterException');
    expect(call('UpdateSecretVersionStage', { ...move, RemoveFromVersionId: old.VersionId })).toEqual({
      ARN: old.ARN,
      Name: SecretId,
    });
    expect(call('GetSecretValue', { SecretId }).SecretString).toBe('two');
    expect(call('DescribeSecret', { SecretId }).VersionIdsToStages).toEqual({
      [old.VersionId]: ['AWSPREVIOUS'],
      [next.VersionId]: ['AWSPENDING', 'AWSCURRENT'],
    });
    call('UpdateSecretVersionStage', {
      SecretId,
      VersionStage: 'AWSPENDING',
      RemoveFromVersionId: next.VersionId,
    });
    const listed = (more: object) => call('ListSecretVersionIds', { SecretId, ...more });
    expect(listed({}).Versions).toEqual([
      { VersionId: old.VersionId, VersionStages: ['AWSPREVIOUS'], CreatedDate: expect.any(Date) },
      { VersionId: next.VersionId, VersionStages: ['AWSCURRENT'], CreatedDate: expect.any(Date) },
    ]);
    expect(listed({ IncludeDeprecated: true }).Versions[0]).toEqual({
      VersionId: oldest.VersionId,
      CreatedDate: expect.any(Date),
    });
    const { NextToken } = listed({ MaxResults: 1 });
    expect(listed({ MaxResults: 1, NextToken }).Versions).toMatchObject([{ VersionId: next.VersionId }]);
  });

  it.each([
    { reason: 'a label that has to be somewhere', move: { VersionStage: 'AWSCURRENT', RemoveFromVersionId: 'holder' } },
    { reason: 'a version that does not have it', move: { VersionStage: 'X', RemoveFromVersionId: 'holder' } },
    { reason: 'from nowhere to nowhere', move: { VersionStage: 'AWSCURRENT' } },
    {
      reason: 'a version that there is not',
      move: { VersionStage: 'X', MoveToVersionId: OTHER_TOKEN },
      code: 'ResourceNotFoundException',
    },
    { reason: 'no label', move: { VersionStage: '', MoveToVersionId: 'holder' }, code: 'ValidationException' },
  ])('no label moves: $reason', ({ move, code }) => {
    const { call } = secretWorld();
    const { VersionId } = call('CreateSecret', { Name: 's', SecretString: 'one' });
    const given = Object.fromEntries(Object.entries(move).map(([k, v]) => [k, v === 'holder' ? VersionId : v]));
    expect(codeOf(() => call('UpdateSecretVersionStage', { SecretId: 's', ...given }))).toBe(
      code ?? 'InvalidParameterException',
    );
    expect(call('DescribeSecret', { SecretId: 's' }).VersionIdsToStages).toEqual({ [VersionId]: ['AWSCURRENT'] });
  });

  it('takes labels of its own without moving AWSCURRENT', () => {
    const { call } = secretWorld();
    call('CreateSecret', { Name: 's', SecretString: 'one' });
    call('PutSecretValue', { SecretId: 's', SecretString: 'two', VersionStages: ['NEXT'] });
    expect(call('GetSecretValue', { SecretId: 's' }).SecretString).toBe('one');
    expect(call('GetSecretValue', { SecretId: 's', VersionStage: 'NEXT' }).SecretString).toBe('two');
  });

  it('can be made without a value, which nobody can then read', () => {
    const { call } = secretWorld();
    expect(call('CreateSecret', { Name: 's' })).not.toHaveProperty('VersionId');
    expect(codeOf(() => call('GetSecretValue', { SecretId: 's' }))).toBe('ResourceNotFoundException');
    call('PutSecretValue', { SecretId: 's', SecretString: 'first', VersionStages: ['NEXT'] });
    expect(call('GetSecretValue', { SecretId: 's' }).SecretString, 'the first version is current too').toBe('first');
  });

  it('is idempotent by its token: the same again is no new version, another value is refused', () => {
    const { call } = secretWorld();
    const create = { Name: 's', SecretString: 'one', ClientRequestToken: TOKEN };
    expect(call('CreateSecret', create)).toEqual(call('CreateSecret', create));
    const put = { SecretId: 's', SecretString: 'two', ClientRequestToken: OTHER_TOKEN };
    expect(call('PutSecretValue', put).VersionId).toBe(OTHER_TOKEN);
    expect(call('PutSecretValue', put).VersionId).toBe(OTHER_TOKEN);
    expect(codeOf(() => call('PutSecretValue', { ...put, SecretString: 'three' }))).toBe('ResourceExistsException');
    expect(Object.keys(call('DescribeSecret', { SecretId: 's' }).VersionIdsToStages)).toHaveLength(2);
  });

  it('changes its description without a new version', () => {
    const { call } = secretWorld();
    const { VersionId } = call('CreateSecret', { Name: 's', SecretString: 'one', Description: 'old' });
    expect(call('UpdateSecret', { SecretId: 's', Description: 'new' })).not.toHaveProperty('VersionId');
    expect(call('DescribeSecret', { SecretId: 's' })).toMatchObject({
      Description: 'new',
      VersionIdsToStages: { [VersionId]: ['AWSCURRENT'] },
    });
    expect(call('UpdateSecret', { SecretId: 's', SecretString: 'two' }).VersionId).not.toBe(VersionId);
    expect(call('GetSecretValue', { SecretId: 's' }).SecretString).toBe('two');
  });

  it('waits for its end, can be brought back, and is gone when the window is over', async () => {
    const { call, clock } = secretWorld();
    const first = call('CreateSecret', { Name: 's', SecretString: 'one' });
    expect(call('DeleteSecret', { SecretId: 's', RecoveryWindowInDays: 7 }).DeletionDate).toEqual(
      new Date(clock.now() + 7 * DAY_MS),
    );
    expect(codeOf(() => call('GetSecretValue', { SecretId: 's' }))).toBe('InvalidRequestException');
    expect(codeOf(() => call('PutSecretValue', { SecretId: 's', SecretString: 'x' }))).toBe('InvalidRequestException');
    expect(codeOf(() => call('CreateSecret', { Name: 's' }))).toBe('InvalidRequestException');
    expect(call('DescribeSecret', { SecretId: 's' })).toHaveProperty('DeletedDate');
    expect(call('ListSecrets', {}).SecretList).toEqual([]);
    expect(call('ListSecrets', { IncludePlannedDeletion: true }).SecretList).toHaveLength(1);
    call('RestoreSecret', { SecretId: 's' });
    expect(call('GetSecretValue', { SecretId: 's' }).SecretString).toBe('one');

    call('DeleteSecret', { SecretId: 's' });
    await clock.run(() => false, 31 * DAY_MS);
    expect(codeOf(() => call('DescribeSecret', { SecretId: 's' }))).toBe('ResourceNotFoundException');
    expect(call('CreateSecret', { Name: 's' }).ARN, 'another secret of the same name').not.toBe(first.ARN);
  });

  it('is gone at once when that is forced, and forcing it again is no error', () => {
    const { call } = secretWorld();
    call('CreateSecret', { Name: 's', SecretString: 'one' });
    call('DeleteSecret', { SecretId: 's', ForceDeleteWithoutRecovery: true });
    expect(codeOf(() => call('DescribeSecret', { SecretId: 's' }))).toBe('ResourceNotFoundException');
    expect(call('DeleteSecret', { SecretId: 's', ForceDeleteWithoutRecovery: true }).Name).toBe('s');
  });

  it('is listed newest first, in pages, with its tags', () => {
    const { call, clock } = secretWorld();
    for (const Name of ['a', 'b', 'c']) {
      call('CreateSecret', { Name, Tags: [{ Key: 'k', Value: Name }] });
      clock.after(1, () => undefined);
      clock.step();
    }
    const page = call('ListSecrets', { MaxResults: 2 });
    expect(page.SecretList.map((entry: { Name: string }) => entry.Name)).toEqual(['c', 'b']);
    expect(page.SecretList[0].Tags).toEqual([{ Key: 'k', Value: 'c' }]);
    expect(call('ListSecrets', { NextToken: page.NextToken }).SecretList).toMatchObject([{ Name: 'a' }]);
    call('TagResource', { SecretId: 'a', Tags: [{ Key: 'more', Value: '1' }] });
    call('UntagResource', { SecretId: 'a', TagKeys: ['k'] });
    expect(call('DescribeSecret', { SecretId: 'a' }).Tags).toEqual([{ Key: 'more', Value: '1' }]);
  });
});

describe('is refused', () => {
  const cases: { reason: string; operation: string; input: object; code: string }[] = [
    {
      reason: 'a name with a space',
      operation: 'CreateSecret',
      input: { Name: 'a b' },
      code: 'InvalidParameterException',
    },
    {
      reason: 'a name that is too long',
      operation: 'CreateSecret',
      input: { Name: 'a'.repeat(513) },
      code: 'InvalidParameterException',
    },
    {
      reason: 'a name that is taken',
      operation: 'CreateSecret',
      input: { Name: 'taken' },
      code: 'ResourceExistsException',
    },
    {
      reason: 'two values',
      operation: 'CreateSecret',
      input: { Name: 's', SecretString: 'a', SecretBinary: new Uint8Array([1]) },
      code: 'InvalidParameterException',
    },
    {
      reason: 'a value of more than 64 KiB',
      operation: 'CreateSecret',
      input: { Name: 's', SecretString: 'é'.repeat(32_769) },
      code: 'ValidationException',
    },
    {
      reason: 'a short token',
      operation: 'CreateSecret',
      input: { Name: 's', ClientRequestToken: 'short' },
      code: 'InvalidParameterException',
    },
    {
      reason: 'replication, which is not here',
      operation: 'CreateSecret',
      input: { Name: 's', AddReplicaRegions: [{ Region: 'eu-west-1' }] },
      code: 'UnknownOperationException',
    },
    {
      reason: 'a system tag',
      operation: 'CreateSecret',
      input: { Name: 's', Tags: [{ Key: 'aws:x', Value: '' }] },
      code: 'InvalidParameterException',
    },
    {
      reason: 'no value to put',
      operation: 'PutSecretValue',
      input: { SecretId: 'taken' },
      code: 'InvalidParameterException',
    },
    {
      reason: 'no label to put it under',
      operation: 'PutSecretValue',
      input: { SecretId: 'taken', SecretString: 'x', VersionStages: [] },
      code: 'ValidationException',
    },
    {
      reason: 'a secret that is not there',
      operation: 'PutSecretValue',
      input: { SecretId: 'none', SecretString: 'x' },
      code: 'ResourceNotFoundException',
    },
    {
      reason: 'a window that is too short',
      operation: 'DeleteSecret',
      input: { SecretId: 'taken', RecoveryWindowInDays: 6 },
      code: 'InvalidParameterException',
    },
    {
      reason: 'a window and no window',
      operation: 'DeleteSecret',
      input: { SecretId: 'taken', RecoveryWindowInDays: 7, ForceDeleteWithoutRecovery: true },
      code: 'InvalidParameterException',
    },
    {
      reason: 'a foreign page token',
      operation: 'ListSecrets',
      input: { NextToken: 'x' },
      code: 'InvalidNextTokenException',
    },
    {
      reason: 'filters, which are not here',
      operation: 'ListSecrets',
      input: { Filters: [] },
      code: 'UnknownOperationException',
    },
  ];
  it.each(cases)('$operation: $reason', ({ operation, input, code }) => {
    const { call } = secretWorld();
    call('CreateSecret', { Name: 'taken', SecretString: 'x' });
    expect(codeOf(() => call(operation, input))).toBe(code);
  });
});
