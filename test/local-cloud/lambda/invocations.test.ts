import { beforeEach, describe, expect, it } from 'vitest';
import { makeZip } from '../../oci/make-zip.ts';
import { functionInput, LambdaCloud } from './lambda-cloud.ts';

const ARN = 'arn:aws:lambda:us-east-1:000000000000:function:checkout';
const GROUP = 'arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/shop/1';
const ELB = 'elasticloadbalancing.amazonaws.com';
let world: LambdaCloud;
beforeEach(() => {
  world = new LambdaCloud();
});

const permit = (input: object = {}) =>
  world.call('AddPermission', {
    FunctionName: 'checkout',
    StatementId: 'elb',
    Action: 'lambda:InvokeFunction',
    Principal: ELB,
    SourceArn: GROUP,
    ...input,
  });
/** Lets the driver be asked. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('permissions', () => {
  beforeEach(() => {
    world.create();
    world.call('PublishVersion', { FunctionName: 'checkout' });
    world.call('CreateAlias', { FunctionName: 'checkout', Name: 'live', FunctionVersion: '1' });
  });

  it('are kept as a policy document of the function or of its alias', () => {
    const statement = {
      Sid: 'elb',
      Effect: 'Allow',
      Principal: { Service: ELB },
      Action: 'lambda:InvokeFunction',
      Resource: `${ARN}:live`,
      Condition: { ArnLike: { 'AWS:SourceArn': GROUP } },
    };
    expect(JSON.parse(permit({ Qualifier: 'live' }).Statement)).toEqual(statement);
    const { Policy, RevisionId } = world.call('GetPolicy', { FunctionName: 'checkout', Qualifier: 'live' });
    expect(JSON.parse(Policy)).toEqual({ Version: '2012-10-17', Id: 'default', Statement: [statement] });
    expect(RevisionId).toMatch(/-/);
    expect(world.refusal('GetPolicy', { FunctionName: 'checkout' })).toMatchObject({
      code: 'ResourceNotFoundException',
      message: 'The resource you requested does not exist.',
    });
    expect(
      world.refusal('AddPermission', { FunctionName: `${ARN}:live`, StatementId: 'elb', Action: '*', Principal: '*' })
        .code,
    ).toBe('ResourceConflictException');
    world.call('RemovePermission', { FunctionName: 'checkout', Qualifier: 'live', StatementId: 'elb' });
    expect(
      world.refusal('RemovePermission', { FunctionName: 'checkout', Qualifier: 'live', StatementId: 'elb' }).code,
    ).toBe('ResourceNotFoundException');
  });

  it('allow exactly what they name', () => {
    const allowed = (arn: string, source = GROUP, principal = ELB) => world.lambda.allowsInvoke(arn, principal, source);
    permit({ Qualifier: 'live' });
    expect(allowed(`${ARN}:live`)).toBe(true);
    expect([
      allowed(ARN),
      allowed(`${ARN}:1`),
      allowed(`${ARN}:live`, `${GROUP}2`),
      allowed(`${ARN}:live`, GROUP, 'events.amazonaws.com'),
    ]).toEqual([false, false, false, false]);
    permit({ StatementId: 'any', SourceArn: 'arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/shop/*' });
    expect([allowed(ARN), allowed(ARN, GROUP.replace('shop', 'other'))]).toEqual([true, false]);
    permit({ FunctionName: `${ARN}:1`, SourceArn: undefined, SourceAccount: '111111111111' });
    expect(allowed(`${ARN}:1`)).toBe(false);
    permit({ FunctionName: `${ARN}:1`, StatementId: 'own', SourceArn: undefined, SourceAccount: '000000000000' });
    expect(allowed(`${ARN}:1`)).toBe(true);
    expect(allowed(`${ARN}:none`)).toBe(false);
  });

  const cases: { case: string; input: object; code: string }[] = [
    { case: 'an unknown qualifier', input: { Qualifier: 'none' }, code: 'ResourceNotFoundException' },
    { case: '$LATEST', input: { Qualifier: '$LATEST' }, code: 'InvalidParameterValueException' },
    { case: 'an action of another service', input: { Action: 's3:GetObject' }, code: 'ValidationException' },
    { case: 'a principal that is none', input: { Principal: 'somebody' }, code: 'InvalidParameterValueException' },
    { case: 'a statement id with a dot', input: { StatementId: 'a.b' }, code: 'ValidationException' },
    { case: 'an old revision', input: { RevisionId: 'x' }, code: 'PreconditionFailedException' },
  ];
  it.each(cases)('are refused for $case', ({ input, code }) => {
    expect(
      world.refusal('AddPermission', {
        FunctionName: 'checkout',
        StatementId: 's',
        Action: '*',
        Principal: ELB,
        ...input,
      }).code,
    ).toBe(code);
  });
});

describe('an invocation', () => {
  it('runs the code and brings back payload, error and log', async () => {
    world.create('checkout', { Environment: { Variables: { LOG: '1' } }, Timeout: 5 });
    const answer = world.invoke({
      FunctionName: 'checkout',
      Payload: Buffer.from('{"a":1}'),
      LogType: 'Tail',
      ClientContext: 'e30=',
    });
    const [invoked] = world.invoked;
    expect(invoked).toMatchObject({
      event: '{"a":1}',
      context: { requestId: expect.any(String), clientContext: 'e30=' },
      launch: {
        functionArn: ARN,
        name: 'checkout',
        version: '$LATEST',
        packageType: 'Zip',
        runtime: 'nodejs22.x',
        handler: 'index.handler',
        codeDigest: expect.stringMatching(/^sha256:/),
        environment: { LOG: '1' },
        memoryMb: 128,
        timeoutMs: 5000,
      },
    });
    invoked?.finish({ payload: Buffer.from('{"errorMessage":"no"}'), functionError: 'Unhandled', logTail: 'END' });
    expect(await answer).toEqual({
      StatusCode: 200,
      ExecutedVersion: '$LATEST',
      FunctionError: 'Unhandled',
      LogResult: Buffer.from('END').toString('base64'),
      Payload: Buffer.from('{"errorMessage":"no"}'),
    });
  });

  it('of a version or an alias runs that version', async () => {
    world.create();
    world.call('PublishVersion', { FunctionName: 'checkout' });
    world.call('CreateAlias', { FunctionName: 'checkout', Name: 'live', FunctionVersion: '1' });
    world.settle();
    const answer = world.invoke({ FunctionName: 'checkout', Qualifier: 'live' });
    expect(world.invoked[0]).toMatchObject({ event: '{}', launch: { functionArn: `${ARN}:live`, version: '1' } });
    world.invoked[0]?.finish({});
    expect(await answer).toMatchObject({ ExecutedVersion: '1' });
  });

  it('is served by the old code while an update is in progress', async () => {
    world.create();
    const old = world.call('GetFunction', { FunctionName: 'checkout' }).Configuration.RevisionId;
    const updated = world.call('UpdateFunctionCode', {
      FunctionName: 'checkout',
      ZipFile: makeZip([{ name: 'index.mjs', content: 'two' }]),
    });
    void world.lambda.invokeForTarget(ARN, Buffer.from('{}'));
    world.settle();
    void world.lambda.invokeForTarget(ARN, Buffer.from('{}'));
    expect(world.invoked.map(({ launch }) => launch.revisionId)).toEqual([old, updated.RevisionId]);
  });

  it('without an answer is accepted at once; a dry run runs nothing', async () => {
    world.create();
    expect(await world.invoke({ FunctionName: 'checkout', InvocationType: 'DryRun' })).toEqual({ StatusCode: 204 });
    expect(world.invoked).toEqual([]);
    expect(await world.invoke({ FunctionName: 'checkout', InvocationType: 'Event' })).toMatchObject({
      StatusCode: 202,
    });
    expect(world.invoked).toHaveLength(1);
  });

  it('beyond the reserved concurrency is throttled until another ends', async () => {
    world.create();
    world.call('PutFunctionConcurrency', { FunctionName: 'checkout', ReservedConcurrentExecutions: 1 });
    const first = world.invoke({ FunctionName: 'checkout' });
    await expect(world.invoke({ FunctionName: 'checkout' })).rejects.toMatchObject({
      code: 'TooManyRequestsException',
      statusCode: 429,
    });
    world.invoked[0]?.finish({});
    await first;
    void world.invoke({ FunctionName: 'checkout' });
    await turn();
    expect(world.invoked).toHaveLength(2);
    world.call('PutFunctionConcurrency', { FunctionName: 'checkout', ReservedConcurrentExecutions: 0 });
    await expect(world.lambda.invokeForTarget(ARN, Buffer.from('{}'))).rejects.toMatchObject({ statusCode: 429 });
  });

  it('is refused while the function is being made, for what is no JSON, too large, or not there', async () => {
    world.call('CreateFunction', functionInput('checkout'));
    await expect(world.invoke({ FunctionName: 'checkout' })).rejects.toMatchObject({
      code: 'ResourceConflictException',
    });
    await expect(world.lambda.invokeForTarget(ARN, Buffer.from('{}'))).rejects.toMatchObject({
      code: 'ResourceConflictException',
    });
    world.settle();
    const invoke = (Payload: Uint8Array, more: object = {}) =>
      world.invoke({ FunctionName: 'checkout', Payload, ...more });
    await expect(invoke(Buffer.from('{'))).rejects.toMatchObject({ code: 'InvalidRequestContentException' });
    await expect(invoke(Buffer.alloc(6 * 1024 * 1024 + 1, ' '))).rejects.toMatchObject({ statusCode: 413 });
    await expect(invoke(Buffer.alloc(1024 * 1024 + 1, ' '), { InvocationType: 'Event' })).rejects.toMatchObject({
      statusCode: 413,
    });
    await expect(world.invoke({ FunctionName: 'none' })).rejects.toMatchObject({ code: 'ResourceNotFoundException' });
    expect(world.invoked).toEqual([]);
  });
});

it('describes a target: undefined when there is none', () => {
  world.create();
  expect(world.lambda.describe(ARN)).toEqual({
    arn: ARN,
    version: '$LATEST',
    state: 'Active',
    updateStatus: 'Successful',
    reservedConcurrency: null,
  });
  expect(world.lambda.describe(`${ARN}:live`)).toBeUndefined();
  expect(world.lambda.describe('nonsense')).toBeUndefined();
});
