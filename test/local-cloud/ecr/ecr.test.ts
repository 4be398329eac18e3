import { beforeEach, describe, expect, it } from 'vitest';
import { seededRandom, VirtualClock } from '../../../src/core/index.ts';
import { BareCloud } from '../../../src/local-cloud/cloud-core.ts';
import { AwsError } from '../../../src/local-cloud/contract.ts';
import { EcrService } from '../../../src/local-cloud/services/ecr.ts';
import { memoryBlobs, memoryState } from '../../../src/local-cloud/state/index.ts';
import { digestOf, MEDIA_TYPES } from '../../../src/oci/index.ts';

const HOST = '127.0.0.1:4577';
let clock: VirtualClock;
let cloud: BareCloud;
let ecr: EcrService;

beforeEach(() => {
  clock = new VirtualClock();
  const state = memoryState();
  const random = seededRandom(1);
  const settings = {
    accountId: '000000000000',
    region: 'us-east-1',
    awsHost: () => HOST,
    delays: { lambdaPendingMs: 0, taskProvisioningMs: 0, serviceDrainingMs: 0, buildQueuedMs: 0 },
  };
  cloud = new BareCloud({ clock, random, state }, (enter) => {
    ecr = new EcrService({ state, settings, random, enter, blobs: memoryBlobs() });
    return [ecr];
  });
});

// biome-ignore lint/suspicious/noExplicitAny: answers are compared by shape
const call = (operation: string, input: object = {}): any => cloud.call('ecr', operation, input);
const enter = <T>(work: () => T): T => {
  let result: T | undefined;
  cloud.enter(() => {
    result = work();
  });
  return result as T;
};

function refusal(operation: string, input: object): AwsError {
  try {
    call(operation, input);
  } catch (error) {
    if (error instanceof AwsError) return error;
    throw error;
  }
  throw new Error(`${operation} was not refused`);
}

function manifestText(content: string): string {
  const config = Buffer.from(`{"architecture":"amd64","os":"linux","config":{"Cmd":["${content}"]}}`);
  const layer = Buffer.from(content);
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociManifest,
    config: { mediaType: MEDIA_TYPES.ociConfig, digest: digestOf(config), size: config.length },
    layers: [{ mediaType: MEDIA_TYPES.ociLayerTar, digest: digestOf(layer), size: layer.length }],
  });
}

/** An image with its blobs; returns its digest. */
function push(repository: string, content: string, ...tags: string[]): string {
  const text = manifestText(content);
  enter(() => {
    ecr.putBlob(repository, Buffer.from(`{"architecture":"amd64","os":"linux","config":{"Cmd":["${content}"]}}`));
    ecr.putBlob(repository, Buffer.from(content));
  });
  const digest = digestOf(text);
  for (const reference of tags.length > 0 ? tags : [digest]) {
    enter(() => ecr.putManifest(repository, reference, MEDIA_TYPES.ociManifest, Buffer.from(text), clock.now()));
  }
  return digest;
}

describe('repositories', () => {
  it('are created with what was asked for, described in pages and by name', () => {
    const { repository } = call('CreateRepository', {
      repositoryName: 'shop/checkout',
      imageTagMutability: 'IMMUTABLE',
      imageScanningConfiguration: { scanOnPush: true },
      tags: [{ Key: 'team', Value: 'payments' }],
    });
    expect(repository).toEqual({
      repositoryArn: 'arn:aws:ecr:us-east-1:000000000000:repository/shop/checkout',
      registryId: '000000000000',
      repositoryName: 'shop/checkout',
      repositoryUri: `${HOST}/shop/checkout`,
      createdAt: new Date(clock.now()),
      imageTagMutability: 'IMMUTABLE',
      imageScanningConfiguration: { scanOnPush: true },
      encryptionConfiguration: { encryptionType: 'AES256' },
    });
    call('CreateRepository', { repositoryName: 'a1' });
    call('CreateRepository', { repositoryName: 'zz' });
    const first = call('DescribeRepositories', { maxResults: 2 });
    const second = call('DescribeRepositories', { maxResults: 2, nextToken: first.nextToken });
    const names = [...first.repositories, ...second.repositories].map(
      (found: { repositoryName: string }) => found.repositoryName,
    );
    expect([names, second.nextToken]).toEqual([['a1', 'shop/checkout', 'zz'], undefined]);
    expect(call('DescribeRepositories', { repositoryNames: ['shop/checkout'] }).repositories).toEqual([repository]);
    expect(call('ListTagsForResource', { resourceArn: repository.repositoryArn }).tags).toEqual([
      { Key: 'team', Value: 'payments' },
    ]);
    call('TagResource', { resourceArn: repository.repositoryArn, tags: [{ Key: 'b', Value: '2' }] });
    call('UntagResource', { resourceArn: repository.repositoryArn, tagKeys: ['team'] });
    expect(call('ListTagsForResource', { resourceArn: repository.repositoryArn }).tags).toEqual([
      { Key: 'b', Value: '2' },
    ]);
  });

  it('are deleted when empty, or by force', () => {
    call('CreateRepository', { repositoryName: 'shop' });
    push('shop', 'one', 'v1');
    expect(refusal('DeleteRepository', { repositoryName: 'shop' })).toMatchObject({
      code: 'RepositoryNotEmptyException',
      message:
        "The repository with name 'shop' in registry with id '000000000000' cannot be deleted because it still contains images",
    });
    call('DeleteRepository', { repositoryName: 'shop', force: true });
    call('CreateRepository', { repositoryName: 'shop' });
    expect(call('ListImages', { repositoryName: 'shop' }).imageIds).toEqual([]);
    expect(ecr.hasBlob('shop', digestOf('one'))).toBe(false);
    call('DeleteRepository', { repositoryName: 'shop' });
  });

  it('keep a lifecycle policy', () => {
    call('CreateRepository', { repositoryName: 'shop' });
    expect(refusal('GetLifecyclePolicy', { repositoryName: 'shop' }).code).toBe('LifecyclePolicyNotFoundException');
    const lifecyclePolicyText = JSON.stringify({ rules: [{ rulePriority: 1 }] });
    call('PutLifecyclePolicy', { repositoryName: 'shop', lifecyclePolicyText });
    expect(call('GetLifecyclePolicy', { repositoryName: 'shop' }).lifecyclePolicyText).toBe(lifecyclePolicyText);
    expect(refusal('PutLifecyclePolicy', { repositoryName: 'shop', lifecyclePolicyText: '{}' }).code).toBe(
      'InvalidParameterException',
    );
  });

  const cases: { case: string; operation: string; input: object; code: string }[] = [
    {
      case: 'a name that exists',
      operation: 'CreateRepository',
      input: { repositoryName: 'there' },
      code: 'RepositoryAlreadyExistsException',
    },
    {
      case: 'a name with capitals',
      operation: 'CreateRepository',
      input: { repositoryName: 'Shop' },
      code: 'InvalidParameterException',
    },
    {
      case: 'a name of one letter',
      operation: 'CreateRepository',
      input: { repositoryName: 's' },
      code: 'InvalidParameterException',
    },
    {
      case: 'an unknown repository',
      operation: 'DescribeRepositories',
      input: { repositoryNames: ['none'] },
      code: 'RepositoryNotFoundException',
    },
    {
      case: 'more names than a call takes',
      operation: 'DescribeRepositories',
      input: { repositoryNames: Array(101).fill('there') },
      code: 'InvalidParameterException',
    },
    {
      case: 'names with a page size',
      operation: 'DescribeRepositories',
      input: { repositoryNames: ['there'], maxResults: 1 },
      code: 'InvalidParameterException',
    },
    {
      case: 'a token that it did not give',
      operation: 'DescribeRepositories',
      input: { nextToken: 'x' },
      code: 'InvalidParameterException',
    },
    {
      case: 'a page of 1,001',
      operation: 'DescribeImages',
      input: { repositoryName: 'there', maxResults: 1001 },
      code: 'InvalidParameterException',
    },
    {
      case: "another account's registry",
      operation: 'DescribeImages',
      input: { repositoryName: 'there', registryId: '111111111111' },
      code: 'RepositoryNotFoundException',
    },
    {
      case: 'a foreign ARN',
      operation: 'ListTagsForResource',
      input: { resourceArn: 'arn:aws:s3:::b' },
      code: 'InvalidParameterException',
    },
    {
      case: 'a policy (by name)',
      operation: 'SetRepositoryPolicy',
      input: { repositoryName: 'there' },
      code: 'UnknownOperationException',
    },
  ];
  it.each(cases)('refuse $case', ({ operation, input, code }) => {
    call('CreateRepository', { repositoryName: 'there' });
    expect(refusal(operation, input).code).toBe(code);
  });
});

describe('images', () => {
  beforeEach(() => {
    call('CreateRepository', { repositoryName: 'shop' });
  });

  it('are described by id with size, tags and time; one that is not there fails the call', () => {
    const digest = push('shop', 'one', 'v1', 'latest');
    expect(
      call('DescribeImages', { repositoryName: 'shop', imageIds: [{ imageTag: 'v1' }, { imageDigest: digest }] })
        .imageDetails,
    ).toEqual([
      {
        registryId: '000000000000',
        repositoryName: 'shop',
        imageDigest: digest,
        imageTags: ['v1', 'latest'],
        imageSizeInBytes: 3 + JSON.parse(manifestText('one')).config.size,
        imagePushedAt: new Date(clock.now()),
        imageManifestMediaType: MEDIA_TYPES.ociManifest,
        artifactMediaType: MEDIA_TYPES.ociConfig,
      },
    ]);
    expect(
      refusal('DescribeImages', { repositoryName: 'shop', imageIds: [{ imageTag: 'v1' }, { imageTag: 'v2' }] }),
    ).toMatchObject({
      code: 'ImageNotFoundException',
      message:
        "The image with imageId {imageDigest:'null', imageTag:'v2'} does not exist within the repository with name 'shop' in the registry with id '000000000000'",
    });
    expect(
      refusal('DescribeImages', { repositoryName: 'shop', imageIds: [{ imageTag: 'v1', imageDigest: digestOf('x') }] })
        .code,
    ).toBe('ImageNotFoundException');
  });

  it('are listed in pages and by whether they have a tag; a moved tag leaves the old image untagged', () => {
    const old = push('shop', 'one', 'latest');
    const now = push('shop', 'two', 'latest');
    const digests = (filter: object) =>
      call('DescribeImages', { repositoryName: 'shop', filter }).imageDetails.map(
        (image: { imageDigest: string }) => image.imageDigest,
      );
    expect([
      digests({ tagStatus: 'TAGGED' }),
      digests({ tagStatus: 'UNTAGGED' }),
      digests({ tagStatus: 'ANY' }),
    ]).toEqual([[now], [old], [old, now]]);
    const page = call('ListImages', { repositoryName: 'shop', maxResults: 1 });
    expect(page.imageIds).toEqual([{ imageDigest: old }]);
    expect(call('ListImages', { repositoryName: 'shop', nextToken: page.nextToken }).imageIds).toEqual([
      { imageDigest: now, imageTag: 'latest' },
    ]);
  });

  it('are given back as they were put', () => {
    const digest = push('shop', 'one', 'v1');
    const answer = call('BatchGetImage', {
      repositoryName: 'shop',
      imageIds: [{ imageTag: 'v1' }, { imageTag: 'v2' }, {}],
    });
    expect(answer.images).toMatchObject([
      { imageId: { imageDigest: digest, imageTag: 'v1' }, imageManifest: manifestText('one') },
    ]);
    expect(answer.failures.map((failure: { failureCode: string }) => failure.failureCode)).toEqual([
      'ImageNotFound',
      'MissingDigestAndTag',
    ]);
  });

  it('lose a tag at a time, and go with the last one or by digest', () => {
    const digest = push('shop', 'one', 'v1', 'v2');
    const remove = (...imageIds: object[]) => call('BatchDeleteImage', { repositoryName: 'shop', imageIds });
    expect(remove({ imageTag: 'v1' }, { imageTag: 'none' })).toEqual({
      imageIds: [{ imageDigest: digest, imageTag: 'v1' }],
      failures: [
        { imageId: { imageTag: 'none' }, failureCode: 'ImageNotFound', failureReason: 'Requested image not found' },
      ],
    });
    expect(ecr.tags('shop')).toEqual(['v2']);
    remove({ imageTag: 'v2' });
    expect(call('ListImages', { repositoryName: 'shop' }).imageIds).toEqual([]);
    push('shop', 'one', 'v1', 'v2');
    expect(remove({ imageDigest: digest }).imageIds).toEqual([
      { imageDigest: digest, imageTag: 'v1' },
      { imageDigest: digest, imageTag: 'v2' },
    ]);
    expect(ecr.manifest('shop', 'v1')).toBeUndefined();
  });

  it('that an index names cannot be deleted before it', () => {
    const digest = push('shop', 'one');
    const index = JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.ociIndex,
      manifests: [{ mediaType: MEDIA_TYPES.ociManifest, digest, size: manifestText('one').length }],
    });
    const { image } = call('PutImage', { repositoryName: 'shop', imageManifest: index, imageTag: 'multi' });
    const remove = (imageId: object) => call('BatchDeleteImage', { repositoryName: 'shop', imageIds: [imageId] });
    expect(remove({ imageDigest: digest }).failures).toMatchObject([{ failureCode: 'ImageReferencedByManifestList' }]);
    expect(remove({ imageDigest: image.imageId.imageDigest }).failures).toEqual([]);
    expect(remove({ imageDigest: digest }).failures).toEqual([]);
  });

  it('are put by PutImage under its rules', () => {
    const imageManifest = manifestText('one');
    const put = (more: object = {}) => ({ repositoryName: 'shop', imageManifest, ...more });
    expect(refusal('PutImage', put({ imageTag: 'v1' })).code).toBe('LayersNotFoundException');
    const digest = push('shop', 'one', 'v1');
    expect(refusal('PutImage', put({ imageTag: 'v1' })).code).toBe('ImageAlreadyExistsException');
    expect(call('PutImage', put({ imageTag: 'v2' })).image.imageId).toEqual({ imageDigest: digest, imageTag: 'v2' });
    expect(refusal('PutImage', put({ imageTag: 'v3', imageDigest: digestOf('x') })).code).toBe(
      'ImageDigestDoesNotMatchException',
    );
    expect(refusal('PutImage', put({ imageTag: '-x' })).code).toBe('InvalidParameterException');
    expect(refusal('PutImage', put({ imageTag: 'v4', imageManifest: '{}' })).code).toBe('InvalidParameterException');
    call('PutImageTagMutability', { repositoryName: 'shop', imageTagMutability: 'IMMUTABLE' });
    push('shop', 'two', 'other');
    expect(
      refusal('PutImage', { repositoryName: 'shop', imageManifest: manifestText('two'), imageTag: 'v1' }),
    ).toMatchObject({
      code: 'ImageTagAlreadyExistsException',
    });
    expect(ecr.tags('shop')).toEqual(['other', 'v1', 'v2']);
  });
});

describe('for the shells', () => {
  it('resolves references of this registry and no others', () => {
    call('CreateRepository', { repositoryName: 'shop' });
    const digest = push('shop', 'one', 'v1', 'latest');
    const found = { repository: 'shop', digest };
    expect(ecr.resolve(`${HOST}/shop:v1`)).toEqual(found);
    expect(ecr.resolve(`${HOST}/shop`)).toEqual(found);
    expect(ecr.resolve(`${HOST}/shop@${digest}`)).toEqual(found);
    // The port of an earlier start.
    expect(ecr.resolve(`127.0.0.1:9999/shop@${digest}`)).toEqual(found);
    expect(ecr.resolve(`000000000000.dkr.ecr.us-east-1.amazonaws.com/shop:v1`)).toEqual(found);
    expect(ecr.resolve(`${HOST}/shop:v2`)).toBeUndefined();
    expect(ecr.resolve('public.ecr.aws/shop:v1')).toBeUndefined();
    expect(ecr.resolve('not an image')).toBeUndefined();
  });

  it('keeps stand-ins of public repositories out of the account', () => {
    enter(() => ecr.seedRepository('lambda/nodejs', clock.now()));
    push('lambda/nodejs', 'one', '22');
    expect(call('DescribeRepositories').repositories).toEqual([]);
    expect(refusal('DescribeImages', { repositoryName: 'lambda/nodejs' }).code).toBe('RepositoryNotFoundException');
    expect(refusal('DeleteRepository', { repositoryName: 'lambda/nodejs', force: true }).code).toBe(
      'RepositoryNotFoundException',
    );
    expect(ecr.resolve(`${HOST}/lambda/nodejs:22`)).toBeDefined();
  });

  it('gives a token that says AWS, for twelve hours', () => {
    const [data] = call('GetAuthorizationToken').authorizationData;
    expect(Buffer.from(data.authorizationToken, 'base64').toString()).toMatch(/^AWS:[0-9a-f]{64}$/);
    expect(data.expiresAt.getTime() - clock.now()).toBe(12 * 3_600_000);
    expect(data.proxyEndpoint).toBe(`http://${HOST}`);
  });
});
