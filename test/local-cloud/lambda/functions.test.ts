import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { compose, digestOf, fileEntry, layerFromEntries, MEDIA_TYPES, scratch } from '../../../src/oci/index.ts';
import { makeZip } from '../../oci/make-zip.ts';
import { functionInput, HOST, LambdaCloud, PENDING_MS, ROLE } from './lambda-cloud.ts';

const ARN = 'arn:aws:lambda:us-east-1:000000000000:function:checkout';
let world: LambdaCloud;
beforeEach(() => {
  world = new LambdaCloud();
});

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('base64');
const get = (input: object = {}) => world.call('GetFunction', { FunctionName: 'checkout', ...input });
const zip = (text: string) => makeZip([{ name: 'index.mjs', content: text }]);

describe('a zip function', () => {
  it('is pending, then active; its code can be downloaded by digest', () => {
    const input = functionInput('checkout');
    const created = world.call('CreateFunction', {
      ...input,
      Environment: { Variables: { LOG_LEVEL: 'info' } },
      MemorySize: 512,
      Tags: { team: 'payments' },
    });
    expect(created).toMatchObject({
      FunctionName: 'checkout',
      FunctionArn: ARN,
      Version: '$LATEST',
      Runtime: 'nodejs22.x',
      Role: ROLE,
      MemorySize: 512,
      Timeout: 3,
      State: 'Pending',
      StateReasonCode: 'Creating',
      PackageType: 'Zip',
      Architectures: ['x86_64'],
      CodeSha256: sha256(input.Code.ZipFile),
      CodeSize: input.Code.ZipFile.length,
      Environment: { Variables: { LOG_LEVEL: 'info' } },
      LastModified: '2026-01-01T00:00:00.000+0000',
    });
    expect(created.LastUpdateStatus).toBeUndefined();
    expect(world.clock.nextAtMs()).toBe(world.clock.now() + PENDING_MS);
    world.settle();
    const { Configuration, Code, Tags, Concurrency } = get();
    expect(Configuration).toMatchObject({
      State: 'Active',
      LastUpdateStatus: 'Successful',
      RevisionId: created.RevisionId,
    });
    expect([Tags, Concurrency]).toEqual([{ team: 'payments' }, undefined]);
    expect(Code.RepositoryType).toBe('S3');
    const digest = digestOf(input.Code.ZipFile);
    expect(Code.Location.startsWith(`http://${HOST}/_lambda/code/${digest}?`)).toBe(true);
    expect(Buffer.from(world.blobs.read(digest))).toEqual(Buffer.from(input.Code.ZipFile));
  });

  it('is found by name, partial and full ARN, and by qualifier in or beside it', () => {
    world.create();
    world.call('PublishVersion', { FunctionName: 'checkout' });
    for (const FunctionName of [
      'checkout',
      'function:checkout',
      '000000000000:function:checkout',
      '000000000000:checkout',
      ARN,
    ]) {
      expect(get({ FunctionName }).Configuration).toMatchObject({ FunctionArn: ARN, Version: '$LATEST' });
    }
    for (const input of [
      { FunctionName: `${ARN}:1` },
      { FunctionName: 'checkout:1' },
      { Qualifier: '1' },
      { FunctionName: `${ARN}:1`, Qualifier: '1' },
    ]) {
      expect(get(input).Configuration).toMatchObject({ FunctionArn: `${ARN}:1`, Version: '1' });
    }
    expect(get({ Qualifier: '$LATEST' }).Configuration.FunctionArn).toBe(`${ARN}:$LATEST`);
    expect(world.refusal('GetFunction', { FunctionName: 'checkout:1', Qualifier: '2' }).code).toBe(
      'InvalidParameterValueException',
    );
    expect(world.refusal('GetFunction', { FunctionName: 'checkout', Qualifier: '2' })).toMatchObject({
      code: 'ResourceNotFoundException',
      statusCode: 404,
      message: `Function not found: ${ARN}:2`,
    });
    expect(world.refusal('GetFunction', { FunctionName: ARN.replace('us-east-1', 'eu-west-1') }).code).toBe(
      'ResourceNotFoundException',
    );
    expect(world.refusal('GetFunction', { FunctionName: 'a b' }).code).toBe('ValidationException');
  });

  it('takes one update at a time', () => {
    world.create();
    const before = get().Configuration;
    const updated = world.call('UpdateFunctionCode', { FunctionName: 'checkout', ZipFile: zip('two') });
    expect(updated).toMatchObject({ State: 'Active', LastUpdateStatus: 'InProgress', CodeSha256: sha256(zip('two')) });
    expect(updated.RevisionId).not.toBe(before.RevisionId);
    for (const [operation, input] of [
      ['UpdateFunctionCode', { ZipFile: zip('three') }],
      ['UpdateFunctionConfiguration', { MemorySize: 256 }],
      ['PublishVersion', {}],
    ] as const) {
      expect(world.refusal(operation, { FunctionName: 'checkout', ...input })).toMatchObject({
        code: 'ResourceConflictException',
        statusCode: 409,
        message: `The operation cannot be performed at this time. An update is in progress for resource: ${ARN}`,
      });
    }
    world.settle();
    expect(get().Configuration.LastUpdateStatus).toBe('Successful');
    expect(world.call('UpdateFunctionConfiguration', { FunctionName: 'checkout', MemorySize: 256 })).toMatchObject({
      MemorySize: 256,
      Timeout: 3,
      LastUpdateStatus: 'InProgress',
      CodeSha256: sha256(zip('two')),
    });
    world.settle();
    expect(
      world.refusal('UpdateFunctionCode', {
        FunctionName: 'checkout',
        ZipFile: zip('x'),
        RevisionId: before.RevisionId,
      }),
    ).toMatchObject({
      code: 'PreconditionFailedException',
      statusCode: 412,
    });
    const { RevisionId } = get().Configuration;
    const dry = world.call('UpdateFunctionCode', { FunctionName: 'checkout', ZipFile: zip('dry'), DryRun: true });
    expect([dry.CodeSha256, get().Configuration]).toMatchObject([
      sha256(zip('dry')),
      { CodeSha256: sha256(zip('two')), RevisionId },
    ]);
  });

  it('that is still being made refuses updates', () => {
    world.call('CreateFunction', functionInput('checkout'));
    expect(world.refusal('UpdateFunctionCode', { FunctionName: 'checkout', ZipFile: zip('x') }).message).toBe(
      'The operation cannot be performed at this time. The function is currently in the following state: Pending',
    );
  });

  const input = functionInput('refused');
  const cases: { case: string; input: object; code?: string; message: RegExp }[] = [
    {
      case: 'a role that Lambda cannot assume',
      input: { Role: 'arn:aws:iam::000000000000:role/x' },
      message: /cannot be assumed by Lambda/,
    },
    { case: 'what is no role', input: { Role: 'x' }, code: 'ValidationException', message: /'role'/ },
    { case: 'no handler', input: { Handler: undefined }, message: /Runtime and Handler are mandatory/ },
    { case: 'a runtime that is no more', input: { Runtime: 'nodejs12.x' }, message: /nodejs12\.x at 'runtime'/ },
    { case: 'too little memory', input: { MemorySize: 64 }, code: 'ValidationException', message: /'memorySize'.*128/ },
    { case: 'too long a timeout', input: { Timeout: 901 }, code: 'ValidationException', message: /'timeout'.*900/ },
    { case: 'what is no zip', input: { Code: { ZipFile: Buffer.from('no zip') } }, message: /Could not unzip/ },
    { case: 'an empty zip', input: { Code: { ZipFile: makeZip([]) } }, message: /Could not unzip/ },
    {
      case: 'too much code',
      input: { Code: { ZipFile: makeZip([{ name: 'a', content: 'a', claimedSize: 262_144_001 }]) } },
      message: /Unzipped size must be smaller/,
    },
    { case: 'code in S3', input: { Code: { S3Bucket: 'b', S3Key: 'k' } }, message: /no S3/ },
    {
      case: 'reserved variables',
      input: { Environment: { Variables: { AWS_REGION: 'x' } } },
      message: /reserved keys.*AWS_REGION/,
    },
    {
      case: 'five kilobytes of variables',
      input: { Environment: { Variables: { BIG: 'x'.repeat(5000) } } },
      message: /4KB limit/,
    },
    {
      case: 'an unknown layer',
      input: { Layers: ['arn:aws:lambda:us-east-1:000000000000:layer:x:1'] },
      message: /Layer version .* does not exist/,
    },
    {
      case: 'two architectures',
      input: { Architectures: ['x86_64', 'arm64'] },
      code: 'ValidationException',
      message: /architectures/,
    },
    { case: 'a VPC (by name)', input: { VpcConfig: { SubnetIds: ['s'] } }, message: /does not support VpcConfig/ },
    { case: 'a qualified name', input: { FunctionName: 'a:b' }, message: /must not contain a qualifier/ },
    { case: 'an image config', input: { ImageConfig: { Command: ['x'] } }, message: /ImageConfig/ },
  ];
  it.each(cases)('is refused with $case', ({ input: more, code = 'InvalidParameterValueException', message }) => {
    const refused = world.refusal('CreateFunction', { ...input, ...more });
    expect(refused.code).toBe(code);
    expect(refused.message).toMatch(message);
    expect(world.call('ListFunctions').Functions).toEqual([]);
  });

  it('exists once, and is gone with all that belongs to it', () => {
    world.create();
    expect(world.refusal('CreateFunction', functionInput('checkout')).code).toBe('ResourceConflictException');
    world.call('PublishVersion', { FunctionName: 'checkout' });
    world.call('CreateAlias', { FunctionName: 'checkout', Name: 'live', FunctionVersion: '1' });
    world.call('AddPermission', {
      FunctionName: 'checkout',
      StatementId: 's',
      Action: 'lambda:InvokeFunction',
      Principal: 'events.amazonaws.com',
    });
    world.call('DeleteFunction', { FunctionName: 'checkout' });
    expect(world.refusal('DeleteFunction', { FunctionName: 'checkout' }).code).toBe('ResourceNotFoundException');
    world.create();
    expect(world.call('ListVersionsByFunction', { FunctionName: 'checkout' }).Versions).toHaveLength(1);
    expect(world.call('ListAliases', { FunctionName: 'checkout' }).Aliases).toEqual([]);
    expect(world.refusal('GetPolicy', { FunctionName: 'checkout' }).code).toBe('ResourceNotFoundException');
  });

  it('is listed in pages of fifty without its state', () => {
    for (let i = 0; i < 51; i++) world.call('CreateFunction', functionInput(`f${String(i).padStart(2, '0')}`));
    const first = world.call('ListFunctions', { MaxItems: 1000 });
    const second = world.call('ListFunctions', { Marker: first.NextMarker });
    expect([first.Functions.length, second.Functions.length, second.NextMarker]).toEqual([50, 1, undefined]);
    expect(first.Functions[0]).toMatchObject({ FunctionName: 'f00', CodeSha256: expect.any(String) });
    expect(first.Functions[0].State ?? first.Functions[0].LastUpdateStatus).toBeUndefined();
  });

  it('keeps reserved concurrency and tags', () => {
    world.create();
    world.call('PutFunctionConcurrency', { FunctionName: 'checkout', ReservedConcurrentExecutions: 900 });
    expect(get().Concurrency).toEqual({ ReservedConcurrentExecutions: 900 });
    world.create('other');
    const tooMuch = { FunctionName: 'other', ReservedConcurrentExecutions: 1 };
    expect(world.refusal('PutFunctionConcurrency', tooMuch).message).toMatch(/below its minimum value of \[100\]/);
    world.call('DeleteFunctionConcurrency', { FunctionName: 'checkout' });
    expect(get().Concurrency).toBeUndefined();
    world.call('TagResource', { Resource: ARN, Tags: { a: '1', b: '2' } });
    world.call('UntagResource', { Resource: ARN, TagKeys: ['a'] });
    expect(world.call('ListTags', { Resource: ARN }).Tags).toEqual({ b: '2' });
  });
});

describe('an image function', () => {
  async function push(architecture: 'amd64' | 'arm64' = 'amd64'): Promise<string> {
    const layer = await layerFromEntries([fileEntry('app.mjs', 'x')]);
    const image = compose({ base: scratch(architecture), layers: [layer] });
    const bytes: Uint8Array[] = [];
    for (const blob of [layer, image.config]) for await (const chunk of blob.open()) bytes.push(chunk);
    world.cloud.enter((nowMs) => {
      for (const blob of bytes) world.ecr.putBlob('shop', blob);
      world.ecr.putManifest('shop', 'v1', image.mediaType, image.bytes, nowMs);
    });
    return image.digest;
  }
  const imageInput = (ImageUri: string) => ({
    FunctionName: 'checkout',
    Role: ROLE,
    PackageType: 'Image',
    Code: { ImageUri },
  });

  beforeEach(() => {
    world.cloud.call('ecr', 'CreateRepository', { repositoryName: 'shop' });
  });

  it('is resolved to a digest, which is its code hash', async () => {
    const digest = await push();
    world.call('CreateFunction', { ...imageInput(`${HOST}/shop:v1`), ImageConfig: { Command: ['app.handler'] } });
    expect(get()).toMatchObject({
      Configuration: {
        PackageType: 'Image',
        CodeSha256: digest.slice('sha256:'.length),
        CodeSize: 0,
        ImageConfigResponse: { ImageConfig: { Command: ['app.handler'] } },
      },
      Code: { RepositoryType: 'ECR', ImageUri: `${HOST}/shop:v1`, ResolvedImageUri: `${HOST}/shop@${digest}` },
    });
    expect(get().Configuration.Runtime ?? get().Configuration.Handler).toBeUndefined();
  });

  it('refuses what is no image for it', async () => {
    expect(world.refusal('CreateFunction', imageInput(`${HOST}/shop:none`)).message).toMatch(
      /Source image .* does not exist/,
    );
    const digest = await push('arm64');
    expect(world.refusal('CreateFunction', imageInput(`${HOST}/shop:v1`)).message).toMatch(
      /built for arm64, not for amd64/,
    );
    const manifests = [{ mediaType: MEDIA_TYPES.ociManifest, digest, size: 1 }];
    const index = JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests });
    world.cloud.enter((nowMs) =>
      world.ecr.putManifest('shop', 'multi', MEDIA_TYPES.ociIndex, Buffer.from(index), nowMs),
    );
    expect(world.refusal('CreateFunction', imageInput(`${HOST}/shop:multi`)).message).toMatch(/is not supported/);
    world.call('CreateFunction', { ...imageInput(`${HOST}/shop:v1`), Architectures: ['arm64'] });
    world.settle();
    expect(world.refusal('UpdateFunctionCode', { FunctionName: 'checkout', ZipFile: zip('x') }).message).toMatch(
      /packageType Image/,
    );
    expect(
      world.refusal('CreateFunction', { ...imageInput(`${HOST}/shop:v1`), FunctionName: 'b', Handler: 'x' }).message,
    ).toMatch(/don't provide Handler or Runtime or Layer/);
  });
});

describe('versions and aliases', () => {
  beforeEach(() => world.create());
  const publish = (input: object = {}) => world.call('PublishVersion', { FunctionName: 'checkout', ...input });
  const alias = (operation: string, input: object) =>
    world.call(operation, { FunctionName: 'checkout', Name: 'live', ...input });

  it('are published once per content', () => {
    expect(publish({ Description: 'first' })).toMatchObject({
      Version: '1',
      FunctionArn: `${ARN}:1`,
      Description: 'first',
      State: 'Pending',
    });
    expect(publish().Version).toBe('1');
    const updated = world.call('UpdateFunctionCode', { FunctionName: 'checkout', ZipFile: zip('two'), Publish: true });
    expect(updated).toMatchObject({ Version: '2', CodeSha256: sha256(zip('two')) });
    world.settle();
    expect(get({ Qualifier: '1' }).Configuration.State).toBe('Active');
    expect(world.refusal('PublishVersion', { FunctionName: 'checkout', CodeSha256: 'x' }).message).toMatch(
      /different from current CodeSHA256/,
    );
    const versions = world.call('ListVersionsByFunction', { FunctionName: 'checkout' }).Versions;
    expect(versions.map((version: { Version: string }) => version.Version)).toEqual(['$LATEST', '1', '2']);
  });

  it('alias a version, which then cannot be deleted', () => {
    publish();
    world.call('UpdateFunctionCode', { FunctionName: 'checkout', ZipFile: zip('two'), Publish: true });
    const created = alias('CreateAlias', { FunctionVersion: '1', Description: 'd' });
    expect(created).toMatchObject({ AliasArn: `${ARN}:live`, Name: 'live', FunctionVersion: '1', Description: 'd' });
    expect(get({ Qualifier: 'live' }).Configuration).toMatchObject({ FunctionArn: `${ARN}:live`, Version: '1' });
    expect(world.refusal('DeleteFunction', { FunctionName: 'checkout', Qualifier: '1' }).code).toBe(
      'ResourceConflictException',
    );
    const moved = alias('UpdateAlias', { FunctionVersion: '2', RevisionId: created.RevisionId });
    expect([moved.FunctionVersion, moved.Description]).toEqual(['2', 'd']);
    expect(
      world.refusal('UpdateAlias', { FunctionName: 'checkout', Name: 'live', RevisionId: created.RevisionId }).code,
    ).toBe('PreconditionFailedException');
    world.call('DeleteFunction', { FunctionName: 'checkout', Qualifier: '1' });
    expect(world.call('ListAliases', { FunctionName: 'checkout', FunctionVersion: '2' }).Aliases).toEqual([moved]);
    alias('DeleteAlias', {});
    alias('DeleteAlias', {});
    expect(world.refusal('GetAlias', { FunctionName: 'checkout', Name: 'live' }).message).toBe(
      `Cannot find alias arn: ${ARN}:live`,
    );
  });

  const cases: { case: string; input: object; code: string }[] = [
    {
      case: 'a version that is not there',
      input: { Name: 'a', FunctionVersion: '9' },
      code: 'ResourceNotFoundException',
    },
    { case: 'a number for a name', input: { Name: '1', FunctionVersion: '$LATEST' }, code: 'ValidationException' },
    {
      case: 'a name that exists',
      input: { Name: 'there', FunctionVersion: '$LATEST' },
      code: 'ResourceConflictException',
    },
    {
      case: 'weights (by name)',
      input: { Name: 'a', FunctionVersion: '$LATEST', RoutingConfig: { AdditionalVersionWeights: { 1: 0.5 } } },
      code: 'InvalidParameterValueException',
    },
    {
      case: 'an unknown function',
      input: { FunctionName: 'none', Name: 'a', FunctionVersion: '1' },
      code: 'ResourceNotFoundException',
    },
  ];
  it.each(cases)('refuse $case', ({ input, code }) => {
    alias('CreateAlias', { Name: 'there', FunctionVersion: '$LATEST' });
    expect(world.refusal('CreateAlias', { FunctionName: 'checkout', ...input }).code).toBe(code);
  });
});

describe('layers', () => {
  it('are numbered, found by name and ARN, and named by functions', () => {
    const publish = (text: string) =>
      world.call('PublishLayerVersion', {
        LayerName: 'lib',
        Content: { ZipFile: zip(text) },
        CompatibleRuntimes: ['nodejs22.x'],
      });
    publish('one');
    const second = publish('two');
    const arn = 'arn:aws:lambda:us-east-1:000000000000:layer:lib';
    expect(second).toMatchObject({
      LayerArn: arn,
      LayerVersionArn: `${arn}:2`,
      Version: 2,
      Content: { CodeSha256: sha256(zip('two')) },
    });
    expect(second.Content.Location.startsWith(`http://${HOST}/_lambda/layer/${digestOf(zip('two'))}`)).toBe(true);
    expect(world.call('GetLayerVersionByArn', { Arn: `${arn}:1` })).toMatchObject({
      Version: 1,
      CompatibleRuntimes: ['nodejs22.x'],
    });
    expect(world.call('GetLayerVersion', { LayerName: 'lib', VersionNumber: 2 })).toEqual(second);
    expect(world.refusal('GetLayerVersion', { LayerName: 'lib', VersionNumber: 3 }).code).toBe(
      'ResourceNotFoundException',
    );
    expect(world.refusal('GetLayerVersionByArn', { Arn: 'x' }).code).toBe('ValidationException');
    world.create('checkout', { Layers: [`${arn}:2`] });
    expect(get().Configuration.Layers).toEqual([{ Arn: `${arn}:2`, CodeSize: zip('two').length }]);
    expect(
      world.refusal('CreateFunction', { ...functionInput('b'), Layers: [`${arn}:1`, `${arn}:2`] }).message,
    ).toMatch(/same layer/);
  });
});
