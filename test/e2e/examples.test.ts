/** The examples, as they are, with the real program; and the images that come of it, judged by tools that are not ours. */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeZip } from '../oci/make-zip.ts';
import { eventually, get, LocalRun, ROOT, ready, removeFolder, temporaryFolder } from './local-run.ts';

const LONG = 90_000;
const run = promisify(execFile);
const has = (program: string) => spawnSync(program, ['--version']).error === undefined;
const hasPython = has('python3');
const hasBuildah = has('buildah') && process.getuid?.() === 0;
const hasExpress = existsSync(join(ROOT, 'examples/express/node_modules'));

let folder = '';
let local: LocalRun;

beforeAll(async () => {
  folder = temporaryFolder();
  const examples = ['hello', 'image', ...(hasExpress ? ['express'] : []), ...(hasPython ? ['python'] : [])];
  local = new LocalRun(
    folder,
    examples.flatMap((example) => ['--example', example]),
  );
  await local.says('Try next');
}, LONG);

afterAll(async () => {
  await local?.stop();
  removeFolder(folder);
}, LONG);

describe('examples', () => {
  it('hello: a plain handler from a zip', async () => {
    await ready(local, 'hello');
    expect(JSON.parse((await get(`${local.url}/hello`)).body)).toMatchObject({ message: 'Hello from fargate' });
  });

  it(
    'image: one digest on both sides',
    async () => {
      const status = await ready(local, 'hello-image');
      expect(status.placement?.serving).toEqual({ lambda: 25, fargate: 75 });
      const { Code } = await local.aws.lambda.getFunction({ FunctionName: 'hello-image' });
      expect(Code?.ResolvedImageUri?.split('@')[1]).toBe(status.revision?.image);
      const sides = new Set<string>();
      await eventually(async () => {
        sides.add((JSON.parse((await get(`${local.url}/hello-image`)).body) as { side: string }).side);
        return sides.size === 2;
      });
      expect(
        (await local.aws.codebuild.listBuildsForProject({ projectName: 'lambdacontainer-standard' })).ids?.length,
      ).toBe((hasPython ? 1 : 0) + (hasExpress ? 1 : 0) + 1);
    },
    LONG,
  );

  it.skipIf(!hasExpress)(
    'express (skipped without `npm ci --prefix examples/express`): an application with its node_modules',
    async () => {
      await ready(local, 'express');
      expect(JSON.parse((await get(`${local.url}/express`)).body)).toMatchObject({ message: 'Hello from Express' });
      const posted = await fetch(`${local.url}/express/echo`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ a: [1, 'ü'] }),
      });
      expect(posted.status).toBe(201);
      expect(posted.headers.get('x-example')).toBe('echo');
      expect(await posted.json()).toEqual({ received: { a: [1, 'ü'] } });
    },
    LONG,
  );

  it.skipIf(!hasPython)(
    'python (skipped without python3)',
    async () => {
      await ready(local, 'hello-python');
      expect(JSON.parse((await get(`${local.url}/hello-python/x`)).body)).toMatchObject({
        message: 'Hello from Python',
        path: '/hello-python/x',
      });
    },
    LONG,
  );
});

it(
  'an archive in S3 serves without a function',
  async () => {
    const s3 = new S3Client({
      region: 'us-east-1',
      endpoint: local.local.awsEndpoint,
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    });
    const Bucket = 'lambdacontainer-archives';
    const content = "export const handler = async () => ({ statusCode: 200, body: 'from an archive' });\n";
    await s3.send(new CreateBucketCommand({ Bucket }));
    await s3.send(new PutObjectCommand({ Bucket, Key: 'code.zip', Body: makeZip([{ name: 'index.mjs', content }]) }));
    s3.destroy();
    const archive = { s3: { bucket: Bucket, key: 'code.zip' }, runtime: 'nodejs22.x', handler: 'index.handler' };
    await local.put('archived', { source: { archive } });
    await ready(local, 'archived');
    expect((await get(`${local.url}/archived`)).body).toBe('from an archive');
  },
  LONG,
);

it.skipIf(!hasBuildah)(
  'a Dockerfile is built in CodeBuild and serves (skipped without buildah, or not as root)',
  async () => {
    const dockerfile =
      'ARG BASE_IMAGE\nFROM $BASE_IMAGE\nCOPY var/task/ /var/task/\nLABEL made.by=dockerfile\nCMD [{{handler}}]\n';
    await local.put('by-dockerfile', { source: { functionRef: { name: 'hello' } }, build: { dockerfile } });
    const { revision } = await ready(local, 'by-dockerfile');
    expect(JSON.parse((await get(`${local.url}/by-dockerfile`)).body)).toMatchObject({ message: 'Hello from fargate' });
    const { codebuild, logs } = local.aws;
    const { ids = [] } = await codebuild.listBuildsForProject({ projectName: 'lambdacontainer-standard' });
    const { builds = [] } = await codebuild.batchGetBuilds({ ids });
    const made = builds.find(({ environment }) => environment?.privilegedMode);
    expect(made?.buildStatus).toBe('SUCCEEDED');
    const { groupName: logGroupName, streamName: logStreamName } = made?.logs ?? {};
    const { events = [] } = await logs.getLogEvents({ logGroupName, logStreamName });
    const said = events.map(({ message }) => message).join('');
    expect(said).toMatch(/built \S+ with (buildah|docker buildx|buildctl)/);
    expect(said).toContain(`digest ${revision?.image}`);
  },
  LONG,
);

describe('the images, judged by others', () => {
  const reference = async () =>
    `${local.local.awsEndpoint.replace('http://', '')}/lambdacontainer/default@${(await ready(local, 'hello')).revision?.image}`;

  it.skipIf(!has('crane'))(
    'crane validates (skipped without crane)',
    async () => {
      const { stdout, stderr } = await run('crane', ['validate', '--insecure', '--remote', await reference()]);
      expect(`${stdout}${stderr}`).toMatch(/PASS/);
    },
    LONG,
  );

  it.skipIf(!has('skopeo'))(
    'skopeo inspects (skipped without skopeo)',
    async () => {
      const { stdout } = await run('skopeo', [
        'inspect',
        '--tls-verify=false',
        '--override-os',
        'linux',
        '--override-arch',
        'amd64',
        `docker://${await reference()}`,
      ]);
      const inspected = JSON.parse(stdout) as { Digest: string; Architecture: string };
      expect(inspected.Digest).toBe((await local.status('hello'))?.revision?.image);
      expect(inspected.Architecture).toBe('amd64');
    },
    LONG,
  );

  it(
    'from a clean state the same inputs give the same digest',
    async () => {
      const other = temporaryFolder();
      const again = new LocalRun(other);
      try {
        await again.says('Try next');
        expect((await again.status('hello'))?.revision?.image).toBe((await ready(local, 'hello')).revision?.image);
      } finally {
        await again.stop();
        removeFolder(other);
      }
    },
    LONG,
  );
});
