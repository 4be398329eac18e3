/**
 * S3 as its clients know it: through the unmodified SDK with its own checksums, straight to the machine, and through the
 * AWS CLI (skipped by name where `aws` is not installed).
 */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetBucketNotificationConfigurationCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutBucketNotificationConfigurationCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSdkPorts } from '../../../src/aws/index.ts';
import { isFailure } from '../../../src/core/index.ts';
import { createDirectPorts } from '../../../src/local-cloud/direct-ports.ts';
import { serveWire } from '../../../src/local-cloud/wire/index.ts';
import { TestCloud } from '../../conformance/test-cloud.ts';

const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
const registry = { resolveDigest: () => Promise.reject(new Error('not asked')) };
let cloud: TestCloud;
let server: Awaited<ReturnType<typeof serveWire>>;
let s3: S3Client;
const faults: unknown[] = [];

beforeAll(async () => {
  const running = { callAsync: call, requestId: () => cloud.cloud.requestId() };
  server = await serveWire({ cloud: running, host: '127.0.0.1', port: 0, onFault: (error) => faults.push(error) });
  s3 = new S3Client({ region: 'us-east-1', endpoint: endpoint(), credentials, maxAttempts: 1 });
});
beforeEach(async () => {
  cloud = new TestCloud(1);
  await s3.send(new CreateBucketCommand({ Bucket: 'shop' }));
});
afterAll(async () => {
  s3.destroy();
  await server.close();
  expect(faults).toEqual([]);
});

const call: Pick<TestCloud['cloud'], 'callAsync'>['callAsync'] = (...args) => cloud.cloud.callAsync(...args);
const endpoint = () => `http://127.0.0.1:${server.port}`;

async function put(Key: string, Body: string | Uint8Array = 'zip', more: object = {}) {
  return s3.send(new PutObjectCommand({ Bucket: 'shop', Key, Body, ...more }));
}

async function get(Key: string, more: object = {}): Promise<string | undefined> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: 'shop', Key, ...more }));
  return Body?.transformToString();
}

const versioned = (Status: 'Enabled' | 'Suspended' = 'Enabled') =>
  s3.send(new PutBucketVersioningCommand({ Bucket: 'shop', VersioningConfiguration: { Status } }));

const refused = (work: Promise<unknown>) =>
  work.then(
    () => ({ name: 'nothing refused', status: 0 }),
    (error) => ({ name: error.name as string, status: error.$metadata.httpStatusCode as number }),
  );

it('gives back what was put, byte for byte, with its headers', async () => {
  const bytes = Uint8Array.from({ length: 70_000 }, (_, index) => (index * 7) % 256);
  const key = 'a/b c/é+%2F?#&<>.zip';
  const { ETag } = await put(key, bytes, {
    ContentType: 'application/zip',
    Metadata: { team: 'x' },
    CacheControl: 'no',
  });
  const head = await s3.send(new HeadObjectCommand({ Bucket: 'shop', Key: key }));
  expect(head).toMatchObject({
    ETag,
    ContentLength: bytes.length,
    ContentType: 'application/zip',
    CacheControl: 'no',
    Metadata: { team: 'x' },
    LastModified: new Date(Math.floor(cloud.clock.now() / 1000) * 1000),
  });
  expect(head.VersionId).toBeUndefined();
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: 'shop', Key: key }));
  expect(await Body?.transformToByteArray()).toEqual(bytes);
  expect(await get(key, { Range: 'bytes=1-3' })).toBe(Buffer.from(bytes.subarray(1, 4)).toString());
});

describe('checksums', () => {
  // "123456789", as the tables of CRCs show it.
  const values = {
    ChecksumCRC32: 'y/Q5Jg==',
    ChecksumCRC32C: '4waSgw==',
    ChecksumCRC64NVME: 'rosUhgp5mIg=',
    ChecksumSHA1: '98O8HYCOBHMq32eZZczDTKeuNEE=',
    ChecksumSHA256: 'FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=',
  };
  it.each(Object.entries(values))('%s is verified, kept, and told to who asks', async (member, value) => {
    await put('a', '123456789', { [member]: value });
    const asked = { Bucket: 'shop', Key: 'a' };
    expect(await s3.send(new HeadObjectCommand({ ...asked, ChecksumMode: 'ENABLED' }))).toMatchObject({
      [member]: value,
      ChecksumType: 'FULL_OBJECT',
    });
    expect(await s3.send(new HeadObjectCommand(asked))).not.toHaveProperty(member);
    const wrong = await refused(put('b', '12345678', { [member]: value }));
    expect(wrong).toEqual({ name: 'BadDigest', status: 400 });
    expect(await refused(get('b'))).toMatchObject({ name: 'NoSuchKey' });
  });

  it('takes streams in chunks, whose checksum comes last', async () => {
    const Body = Readable.from([Buffer.alloc(40_000, 'a'), Buffer.alloc(30_000, 'b')]);
    const input = { Bucket: 'shop', Key: 'stream', Body, ContentLength: 70_000, ContentEncoding: 'gzip' };
    await s3.send(new PutObjectCommand(input));
    const head = await s3.send(new HeadObjectCommand({ Bucket: 'shop', Key: 'stream', ChecksumMode: 'ENABLED' }));
    expect(head).toMatchObject({ ContentLength: 70_000, ChecksumCRC32: expect.any(String), ContentEncoding: 'gzip' });
    expect(await get('stream')).toBe('a'.repeat(40_000) + 'b'.repeat(30_000));
  });
});

describe('versions', () => {
  it('are kept from when they are switched on, hidden by markers, and taken away one by one', async () => {
    await put('a', 'before');
    await versioned();
    const first = await put('a', 'one');
    const second = await put('a', 'two');
    expect(first.VersionId).not.toBe(second.VersionId);
    expect(await get('a')).toBe('two');
    expect(await get('a', { VersionId: first.VersionId })).toBe('one');
    expect(await get('a', { VersionId: 'null' })).toBe('before');

    const marker = await s3.send(new DeleteObjectCommand({ Bucket: 'shop', Key: 'a' }));
    expect(marker).toMatchObject({ DeleteMarker: true, VersionId: expect.any(String) });
    expect(await refused(get('a'))).toEqual({ name: 'NoSuchKey', status: 404 });
    expect(await refused(get('a', { VersionId: marker.VersionId }))).toMatchObject({ status: 405 });
    expect(await get('a', { VersionId: second.VersionId })).toBe('two');
    expect((await s3.send(new ListObjectsV2Command({ Bucket: 'shop' }))).KeyCount).toBe(0);
    expect(await refused(s3.send(new DeleteBucketCommand({ Bucket: 'shop' })))).toMatchObject({
      name: 'BucketNotEmpty',
    });

    for (const { VersionId } of [marker, second, first, { VersionId: 'null' }]) {
      await s3.send(new DeleteObjectCommand({ Bucket: 'shop', Key: 'a', VersionId }));
    }
    await s3.send(new DeleteBucketCommand({ Bucket: 'shop' }));
    expect(await refused(s3.send(new HeadBucketCommand({ Bucket: 'shop' })))).toMatchObject({ name: 'NotFound' });
  });

  it('end when they are suspended, but those that there are stay', async () => {
    await versioned();
    const { VersionId } = await put('a', 'one');
    await versioned('Suspended');
    await put('a', 'two');
    await put('a', 'three');
    expect(await get('a')).toBe('three');
    expect(await get('a', { VersionId: 'null' })).toBe('three');
    expect(await get('a', { VersionId })).toBe('one');
    expect((await s3.send(new GetBucketVersioningCommand({ Bucket: 'shop' }))).Status).toBe('Suspended');
  });
});

it('lists keys in the order of their bytes, page by page, rolled up at a delimiter', async () => {
  for (const key of ['b', 'a/2', 'a/1', 'Z', 'a/x/1', 'é']) await put(key);
  const pages: string[][] = [];
  let ContinuationToken: string | undefined;
  do {
    const page = await s3.send(new ListObjectsV2Command({ Bucket: 'shop', MaxKeys: 2, ContinuationToken }));
    pages.push((page.Contents ?? []).map(({ Key = '' }) => Key));
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken);
  expect(pages).toEqual([
    ['Z', 'a/1'],
    ['a/2', 'a/x/1'],
    ['b', 'é'],
  ]);
  const rolled = await s3.send(new ListObjectsV2Command({ Bucket: 'shop', Delimiter: '/' }));
  expect(rolled.Contents?.map(({ Key }) => Key)).toEqual(['Z', 'b', 'é']);
  expect(rolled.CommonPrefixes).toEqual([{ Prefix: 'a/' }]);
  const within = await s3.send(
    new ListObjectsV2Command({ Bucket: 'shop', Delimiter: '/', Prefix: 'a/', StartAfter: 'a/1' }),
  );
  expect([within.Contents?.[0]?.Key, within.CommonPrefixes?.[0]?.Prefix, within.KeyCount]).toEqual(['a/2', 'a/x/', 2]);
  expect((await s3.send(new ListBucketsCommand({}))).Buckets?.map(({ Name }) => Name)).toEqual(['shop']);
});

describe('refuses, as S3 does', () => {
  const cases: { reason: string; act: () => Promise<unknown>; name: string; status: number }[] = [
    {
      reason: 'no such bucket',
      act: () => s3.send(new GetObjectCommand({ Bucket: 'none', Key: 'a' })),
      name: 'NoSuchBucket',
      status: 404,
    },
    { reason: 'no such key', act: () => get('none'), name: 'NoSuchKey', status: 404 },
    {
      reason: 'no such key, without a body to say so',
      act: () => s3.send(new HeadObjectCommand({ Bucket: 'shop', Key: 'none' })),
      name: 'NotFound',
      status: 404,
    },
    {
      reason: 'a version of another object',
      act: async () => {
        await put('a');
        return get('a', { VersionId: 'other' });
      },
      name: 'NoSuchVersion',
      status: 404,
    },
    {
      reason: 'content that the caller does not mean',
      act: async () => {
        await put('a');
        return get('a', { IfMatch: '"other"' });
      },
      name: 'PreconditionFailed',
      status: 412,
    },
    {
      reason: 'a key that is taken',
      act: async () => {
        await put('a');
        return put('a', 'other', { IfNoneMatch: '*' });
      },
      name: 'PreconditionFailed',
      status: 412,
    },
    {
      reason: "a bucket's owner who is another",
      act: () => get('a', { ExpectedBucketOwner: '111122223333' }),
      name: 'AccessDenied',
      status: 403,
    },
    {
      reason: 'another region',
      act: () =>
        s3.send(
          new CreateBucketCommand({ Bucket: 'other', CreateBucketConfiguration: { LocationConstraint: 'eu-west-1' } }),
        ),
      name: 'IllegalLocationConstraintException',
      status: 400,
    },
    { reason: 'a long key', act: () => put('é'.repeat(513)), name: 'KeyTooLongError', status: 400 },
    {
      reason: 'what would be ignored',
      act: () => put('a', 'b', { ACL: 'private' }),
      name: 'NotImplemented',
      status: 501,
    },
    {
      reason: 'versioning that is neither on nor off',
      act: () => s3.send(new PutBucketVersioningCommand({ Bucket: 'shop', VersioningConfiguration: {} })),
      name: 'IllegalVersioningConfigurationException',
      status: 400,
    },
  ];
  it.each(cases)('$reason', async ({ act, name, status }) => {
    expect(await refused(act())).toEqual({ name, status });
  });

  const Authorization = `AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=${'0'.repeat(64)}`;
  const raw: { reason: string; method: string; path: string; headers?: object; body?: string; expected: RegExp }[] = [
    {
      reason: 'a subresource',
      method: 'GET',
      path: '/shop?acl',
      expected: /^501 .*NotImplemented.*GET of a bucket\?acl/,
    },
    {
      reason: 'a copy, which would be an empty object',
      method: 'PUT',
      path: '/shop/b',
      headers: { 'x-amz-copy-source': '/shop/a' },
      expected: /^501 .*implies functionality that is not implemented: x-amz-copy-source/,
    },
    {
      reason: 'a broken document',
      method: 'PUT',
      path: '/shop?versioning',
      body: '<VersioningConfiguration><Status>Enabled</VersioningConfiguration>',
      expected: /^400 .*MalformedXML/,
    },
    {
      reason: 'another document',
      method: 'PUT',
      path: '/shop?versioning',
      body: '<Status>Enabled</Status>',
      expected: /^400 .*MalformedXML.*expected &lt;VersioningConfiguration&gt;/,
    },
    {
      reason: 'chunks that are none',
      method: 'PUT',
      path: '/shop/b',
      headers: { 'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER' },
      body: 'zz\r\n',
      expected: /^400 .*IncompleteBody/,
    },
    {
      reason: 'a number that is none',
      method: 'GET',
      path: '/shop?list-type=2&max-keys=x',
      expected: /InvalidArgument/,
    },
    {
      reason: 'nothing, for a bucket that the host names',
      method: 'PUT',
      path: '/dir/key?x-id=PutObject',
      headers: { host: 'shop.s3.localhost:4577' },
      body: 'by host',
      expected: /^200 $/,
    },
  ];
  it.each(raw)('$reason', async ({ method, path, headers = {}, body, expected }) => {
    const answer = await new Promise<string>((resolve, reject) => {
      const sent = request(`${endpoint()}${path}`, { method, headers: { Authorization, ...headers } }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.once('end', () => resolve(`${response.statusCode} ${text.replaceAll('\n', '')}`));
      });
      sent.once('error', reject).end(body);
    });
    expect(answer).toMatch(expected);
    if (answer.startsWith('200')) expect(await get('dir/key')).toBe('by host');
  });
});

it('answers the direct ports as it does the wire', async () => {
  await versioned();
  await put('a', '123456789', { ContentType: 'application/zip', ChecksumAlgorithm: 'SHA256', Metadata: { a: 'b' } });
  const direct = createDirectPorts(cloud.cloud, registry);
  const { ports: wired, close } = createSdkPorts({ region: 'us-east-1', endpoint: endpoint(), credentials }, registry);
  const plain = ({ $metadata, ...rest }: { $metadata?: object }) => JSON.parse(JSON.stringify(rest));
  for (const ports of [direct, wired]) {
    const { Body } = await ports.s3.getObject({ Bucket: 'shop', Key: 'a' });
    expect(await Body?.transformToString()).toBe('123456789');
  }
  const asked = { Bucket: 'shop', Key: 'a', ChecksumMode: 'ENABLED' as const };
  expect(plain(await direct.s3.headObject(asked))).toEqual(plain(await wired.s3.headObject(asked)));
  const failures = [
    { reason: 'no such key', input: { Bucket: 'shop', Key: 'none' }, kind: 'notFound' },
    { reason: 'no such bucket', input: { Bucket: 'none', Key: 'a' }, kind: 'notFound' },
    { reason: 'no such version', input: { Bucket: 'shop', Key: 'a', VersionId: 'x' }, kind: 'notFound' },
    { reason: 'other content', input: { Bucket: 'shop', Key: 'a', IfMatch: '"x"' }, kind: 'invalid' },
    { reason: 'another owner', input: { Bucket: 'shop', Key: 'a', ExpectedBucketOwner: '1' }, kind: 'denied' },
  ] as const;
  for (const { reason, input, kind } of failures) {
    for (const [way, ports] of Object.entries({ direct, wired })) {
      for (const method of ['headObject', 'getObject'] as const) {
        const failure = await ports.s3[method](input).catch((error: unknown) => error);
        expect(isFailure(failure, kind), `${way} ${method}: ${reason}: ${String(failure)}`).toBe(true);
      }
    }
  }
  close();
});

it('tells EventBridge of objects, where the bucket is told to', async () => {
  const { user } = cloud;
  const { QueueUrl } = await user.sqs.createQueue({
    QueueName: 'told',
    Attributes: {
      Policy: JSON.stringify({
        Version: '2012-10-17',
        Statement: [
          { Effect: 'Allow', Principal: { Service: 'events.amazonaws.com' }, Action: 'sqs:SendMessage', Resource: '*' },
        ],
      }),
    },
  });
  await user.events.putRule({ Name: 'all', EventPattern: '{"source":["aws.s3"]}' });
  await user.events.putTargets({ Rule: 'all', Targets: [{ Id: 'q', Arn: 'arn:aws:sqs:us-east-1:000000000000:told' }] });
  await put('silent');
  const told = { Bucket: 'shop', NotificationConfiguration: { EventBridgeConfiguration: {} } };
  await s3.send(new PutBucketNotificationConfigurationCommand(told));
  expect(await s3.send(new GetBucketNotificationConfigurationCommand({ Bucket: 'shop' }))).toMatchObject({
    EventBridgeConfiguration: {},
  });
  await versioned();
  const { ETag, VersionId } = await put('a', 'four');
  await s3.send(new DeleteObjectCommand({ Bucket: 'shop', Key: 'a' }));
  const { Messages = [] } = await user.sqs.receiveMessage({ QueueUrl, MaxNumberOfMessages: 10 });
  const events = Messages.map(({ Body = '' }) => JSON.parse(Body));
  expect(events.map((event) => [event['detail-type'], event.resources, event.detail.bucket.name])).toEqual([
    ['Object Created', ['arn:aws:s3:::shop'], 'shop'],
    ['Object Deleted', ['arn:aws:s3:::shop'], 'shop'],
  ]);
  expect(events[0].detail).toMatchObject({
    reason: 'PutObject',
    object: {
      key: 'a',
      size: 4,
      etag: ETag?.replaceAll('"', ''),
      'version-id': VersionId,
      sequencer: expect.any(String),
    },
  });
  expect(events[1].detail['deletion-type']).toBe('Delete Marker Created');
});

const installed = spawnSync('aws', ['--version']).status === 0;

describe.skipIf(!installed)('the AWS CLI (skipped where it is not installed)', { timeout: 60_000 }, () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'lambdacontainer-s3-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const aws = (...args: string[]): Promise<string> => {
    const env = {
      PATH: `${process.env.PATH}`,
      HOME: folder,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_PAGER: '',
    };
    return new Promise((resolve) => {
      execFile('aws', ['--endpoint-url', endpoint(), '--output', 'json', ...args], { env }, (error, stdout, stderr) =>
        resolve(error ? stderr : stdout),
      );
    });
  };

  it('puts, looks at, gets, copies', async () => {
    const file = join(folder, 'code.zip');
    const got = join(folder, 'got.zip');
    writeFileSync(file, 'zip é');
    await versioned();
    const put = JSON.parse(await aws('s3api', 'put-object', '--bucket', 'shop', '--key', 'a/code.zip', '--body', file));
    expect(put).toMatchObject({ ETag: expect.any(String), VersionId: expect.any(String) });
    const [head, one, copied] = await Promise.all([
      aws('s3api', 'head-object', '--bucket', 'shop', '--key', 'a/code.zip'),
      aws('s3api', 'get-object', '--bucket', 'shop', '--key', 'a/code.zip', '--version-id', put.VersionId, got),
      aws('s3', 'cp', file, 's3://shop/copy.zip'),
    ]);
    expect(JSON.parse(head)).toMatchObject({ ETag: put.ETag, VersionId: put.VersionId, ContentLength: 6 });
    expect(JSON.parse(one)).toMatchObject({ ETag: put.ETag });
    expect(readFileSync(got, 'utf8')).toBe('zip é');
    expect(copied).toContain('upload:');
    expect(await get('copy.zip')).toBe('zip é');
  });
});
