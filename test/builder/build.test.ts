import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ecrCredentials } from '../../src/aws/index.ts';
import { build, failureLine } from '../../src/builder/build.ts';
import { type BuildOrder, parseOrder } from '../../src/builder/order.ts';
import { Failure, systemClock, UserError } from '../../src/core/index.ts';
import { parseReference, RegistryClient, unpack } from '../../src/oci/index.ts';
import { makeZip } from '../oci/make-zip.ts';
import { type BuildWorld, startBuildWorld } from './build-world.ts';

let world: BuildWorld;
let registry: RegistryClient;
let folder: string;
let lines: string[];

beforeEach(async () => {
  world = await startBuildWorld();
  registry = new RegistryClient({ credentials: ecrCredentials(() => world.ports.ecr, systemClock, world.host) });
  folder = await mkdtemp(join(tmpdir(), 'lc-build-'));
  lines = [];
});
afterEach(async () => {
  await registry.close();
  await world.close();
  await rm(folder, { recursive: true });
});

const CODE = makeZip([
  { name: 'index.mjs', content: 'export const handler = async () => "hello";\n' },
  { name: 'bin/run', content: '#!/bin/sh\n', mode: 0o100755 },
]);

function createFunction(zip: Uint8Array = CODE, Layers: string[] = []): string {
  const { CodeSha256 } = world.cloud.call('lambda', 'CreateFunction', {
    FunctionName: 'checkout',
    Role: 'arn:aws:iam::000000000000:role/lambda',
    Runtime: 'nodejs22.x',
    Handler: 'index.handler',
    Code: { ZipFile: zip },
    Layers,
  }) as { CodeSha256: string };
  return CodeSha256;
}

function publishLayer(LayerName: string, zip: Uint8Array): string {
  const { LayerVersionArn } = world.cloud.call('lambda', 'PublishLayerVersion', {
    LayerName,
    Content: { ZipFile: zip },
  }) as {
    LayerVersionArn: string;
  };
  return LayerVersionArn;
}

function order(codeSha256: string, more: Partial<BuildOrder> = {}): BuildOrder {
  const base = world.ecr.manifest('lambda/nodejs', '22');
  return {
    recipe: 'composer-v2',
    source: { type: 'function', name: 'checkout', qualifier: null, codeSha256 },
    baseImage: `${world.host}/lambda/nodejs@${base?.digest}`,
    repositoryUri: `${world.host}/shop`,
    tag: 'v1-inputs',
    handler: 'index.handler',
    architecture: 'x86_64',
    layers: [],
    ownRuntime: false,
    labels: { 'lambdacontainer.dev/recipe': 'composer-v2' },
    ...more,
  };
}

const unasked = () => Promise.reject(new Error('a composition runs no program'));

const run = (asked: BuildOrder, within = folder) =>
  build(asked, {
    lambda: world.ports.lambda,
    s3: world.ports.s3,
    registry,
    clock: systemClock,
    folder: within,
    program: unasked,
    git: unasked,
    print: (line) => lines.push(line),
  });

async function filesOf(tag: string): Promise<string[]> {
  const reference = parseReference(`${world.host}/shop:${tag}`);
  const { manifest } = await registry.image(reference, { os: 'linux', architecture: 'amd64' });
  const root = await mkdtemp(join(folder, 'rootfs-'));
  await unpack(
    manifest.layers.map((layer) => registry.remoteBlob(reference, layer)),
    root,
  );
  return (await readdir(root, { recursive: true })).sort();
}

describe('a build', () => {
  it('puts code and layers on the base image, with the handler as command, and says what it did', async () => {
    const layers = [
      publishLayer('lib', makeZip([{ name: 'nodejs/node_modules/lib/index.js', content: 'one' }])),
      publishLayer('over', makeZip([{ name: 'nodejs/node_modules/lib/index.js', content: 'two' }])),
    ];
    const digest = await run(order(createFunction(CODE, layers), { layers }));
    const found = await registry.image(parseReference(`${world.host}/shop:v1-inputs`), {
      os: 'linux',
      architecture: 'amd64',
    });
    expect(found.digest).toBe(digest);
    expect(found.config.config).toMatchObject({
      Entrypoint: ['/lambda-entrypoint.sh'],
      Cmd: ['index.handler'],
      WorkingDir: '/var/task',
    });
    expect(found.config.history?.map((step) => step.created_by)).toEqual([
      'lambdacontainer stand-in for public.ecr.aws/lambda/nodejs',
      `lambdacontainer: ${layers[0]}`,
      `lambdacontainer: ${layers[1]}`,
      'lambdacontainer: code',
    ]);
    expect(await filesOf('v1-inputs')).toEqual(
      expect.arrayContaining([
        'lambda-entrypoint.sh',
        'opt/nodejs/node_modules/lib/index.js',
        'var/runtime/index.mjs',
        'var/task/bin/run',
        'var/task/index.mjs',
      ]),
    );
    expect(
      lines.map((line) => line.replace(/sha256:[0-9a-f]{64}/g, 'D').replace(/[\d.]+(ms|s| B| KiB)/g, 'N')),
    ).toEqual([
      'found checkout in N',
      `downloaded ${layers[0]}, N in N`,
      'composed /opt as D, N in N',
      `downloaded ${layers[1]}, N in N`,
      'composed /opt as D, N in N',
      'downloaded the code, N in N',
      'composed /var/task as D, N in N',
      expect.stringMatching(/^read base image .*\/lambda\/nodejs@D in N$/),
      expect.stringMatching(/^pushed .*\/shop:v1-inputs \(4 uploaded, N; 1 mounted, N\) in N$/),
      'digest D in N',
    ]);
  });

  it('gives the same digest from another folder, and pushes nothing a second time', async () => {
    const asked = order(createFunction());
    const first = await run(asked);
    world.requests.length = 0;
    const other = await mkdtemp(join(tmpdir(), 'lc-build-elsewhere-'));
    expect(await run(asked, other)).toBe(first);
    await rm(other, { recursive: true });
    expect(world.requests.filter((request) => request.startsWith('POST'))).toEqual([]);
  });

  it('builds a version when it is asked for one', async () => {
    const codeSha256 = createFunction();
    world.cloud.call('lambda', 'PublishVersion', { FunctionName: 'checkout' });
    world.cloud.call('lambda', 'UpdateFunctionCode', {
      FunctionName: 'checkout',
      ZipFile: makeZip([{ name: 'index.mjs', content: 'new' }]),
    });
    const source = { type: 'function', name: 'checkout', qualifier: '1', codeSha256 } as const;
    await run(order(codeSha256, { source }));
    await expect(run(order(codeSha256))).rejects.toThrow(/^Superseded: checkout has code .* by now, not /);
  });

  it('refuses code that is not what Lambda says it is', async () => {
    const codeSha256 = createFunction();
    const lambda: BuildWorld['ports']['lambda'] = {
      ...world.ports.lambda,
      getFunction: async (...args) => {
        const answer = await world.ports.lambda.getFunction(...args);
        const other = world.blobs.write(makeZip([{ name: 'evil.mjs', content: 'x' }]));
        return { ...answer, Code: { ...answer.Code, Location: `http://${world.host}/_lambda/code/${other}` } };
      },
    };
    const deps = {
      registry,
      s3: world.ports.s3,
      clock: systemClock,
      folder,
      program: unasked,
      git: unasked,
      print: () => {},
    };
    const built = build(order(codeSha256), { ...deps, lambda });
    await expect(built).rejects.toThrow(/^the code was downloaded with SHA-256 .*, but Lambda says /);
    expect(world.ecr.tags('shop')).toEqual([]);
  });

  const failures: { case: string; change: (asked: BuildOrder) => Partial<BuildOrder>; line: RegExp }[] = [
    {
      case: 'a function that is gone',
      change: ({ source }) => ({ source: { ...source, name: 'none' } as BuildOrder['source'] }),
      line: /^lambda getFunction failed: ResourceNotFoundException: Function not found/,
    },
    {
      case: 'a repository that is gone',
      change: () => ({ repositoryUri: `${world.host}/none` }),
      line: /^registry \w+ failed: NAME_UNKNOWN: .*'none' does not exist/,
    },
    {
      case: 'a base image that is gone',
      change: (asked) => ({ baseImage: `${asked.baseImage?.slice(0, -4)}0000` }),
      line: /^registry GetManifest failed: MANIFEST_UNKNOWN/,
    },
    {
      case: 'a layer that is gone',
      change: () => ({ layers: ['arn:aws:lambda:us-east-1:000000000000:layer:none:1'] }),
      line: /^lambda getLayerVersionByArn failed: ResourceNotFoundException/,
    },
    {
      case: 'a registry that is not there',
      change: () => ({ repositoryUri: '127.0.0.1:1/shop' }),
      line: /^registry \w+ failed: ECONNREFUSED/,
    },
  ];
  it.each(failures)('says in one line that it found $case', async ({ change, line }) => {
    const asked = order(createFunction());
    const error = await run({ ...asked, ...change(asked) }).catch((thrown: unknown) => thrown);
    const said = failureLine(error) ?? String(error);
    expect(said).toMatch(line);
    expect(said).not.toContain('\n');
  });
});

describe('an archive', () => {
  const put = (zip: Uint8Array, Key = 'code/shop.zip') =>
    world.cloud.call('s3', 'PutObject', { Bucket: 'archives', Key, Body: zip }) as { ETag: string; VersionId?: string };
  const archived = ({ ETag, VersionId }: { ETag: string; VersionId?: string }, key = 'code/shop.zip') =>
    order('', {
      source: { type: 'archive', bucket: 'archives', key, versionId: VersionId ?? null, etag: ETag },
    });
  const versioned = () =>
    world.cloud.call('s3', 'PutBucketVersioning', {
      Bucket: 'archives',
      VersioningConfiguration: { Status: 'Enabled' },
    });
  beforeEach(() => void world.cloud.call('s3', 'CreateBucket', { Bucket: 'archives' }));

  it('gives the image that the same code of a function gives', async () => {
    const ofFunction = await run(order(createFunction()));
    expect(await run(archived(put(CODE)))).toBe(ofFunction);
    expect(lines).toContainEqual(expect.stringMatching(/^downloaded the code, [\d.]+ B in /));
  });

  it('is built in the version that was ordered, whatever came after it', async () => {
    versioned();
    const first = put(CODE);
    put(makeZip([{ name: 'index.mjs', content: 'new' }]));
    await run(archived(first));
    expect(await filesOf('v1-inputs')).toContain('var/task/bin/run');
  });

  const failures: { case: string; act: () => BuildOrder; line: RegExp }[] = [
    {
      case: 'other content under its key',
      act: () => {
        const first = put(CODE);
        put(makeZip([{ name: 'index.mjs', content: 'new' }]));
        return archived(first);
      },
      line: /^Superseded: s3:\/\/archives\/code\/shop\.zip has other content by now than "[0-9a-f]{32}"$/,
    },
    {
      case: 'no object',
      act: () => archived(put(CODE), 'none.zip'),
      line: /^s3 getObject failed: NoSuchKey: The specified key does not exist\.$/,
    },
    {
      case: 'no such version',
      act: () => archived({ ...put(CODE), VersionId: 'other' }),
      line: /^s3 getObject failed: NoSuchVersion: /,
    },
    {
      case: 'no zip',
      act: () => archived(put(Buffer.from('hello'))),
      line: /zip/,
    },
  ];
  it.each(failures)('says in one line that it found $case', async ({ act, line }) => {
    const error = await run(act()).catch((thrown: unknown) => thrown);
    const said = failureLine(error) ?? `not worded: ${String(error)}`;
    expect(said).toMatch(line);
    expect(said).not.toMatch(/\n|not worded/);
    expect(world.ecr.tags('shop')).toEqual([]);
  });

  it('whose checksum does not match what came is not built', async () => {
    const { ETag } = put(CODE);
    const { Body } = await world.ports.s3.getObject({ Bucket: 'archives', Key: 'code/shop.zip' });
    const cut = Readable.from(
      (async function* () {
        yield* Body as Readable;
        throw new Error('Checksum mismatch');
      })(),
    );
    const s3 = { getObject: async () => ({ Body: cut }) } as unknown as BuildWorld['ports']['s3'];
    const deps = { lambda: world.ports.lambda, registry, s3, clock: systemClock, folder };
    const built = build(archived({ ETag }), { ...deps, program: unasked, git: unasked, print: () => {} });
    await expect(built).rejects.toThrow('the code: Checksum mismatch');
    expect(world.ecr.tags('shop')).toEqual([]);
  });
});

describe('the order', () => {
  it('is read from JSON, and what is wrong with it is named', () => {
    const good = order('x');
    expect(parseOrder(JSON.stringify(good))).toEqual(good);
    expect(() => parseOrder(undefined)).toThrow('LAMBDACONTAINER_BUILD is not set');
    expect(() => parseOrder('{')).toThrow('LAMBDACONTAINER_BUILD is not JSON');
    expect(() => parseOrder(JSON.stringify({ ...good, recipe: 'zip-v1', tag: '', baseImage: 'a:b' }))).toThrow(
      'LAMBDACONTAINER_BUILD is not understood: recipe, baseImage, tag',
    );
    const source = {
      type: 'repository',
      url: 'https://x',
      commit: 'main',
      context: '../..',
      dockerfile: '/etc/passwd',
    };
    expect(() => parseOrder(JSON.stringify({ ...good, source }))).toThrow(
      'recipe, baseImage, handler, source.commit, source.context, source.dockerfile',
    );
    expect(() => parseOrder(JSON.stringify({ ...good, source: { type: 'toString' } }))).toThrow('source.type');
  });
});

it('words operating errors alone', () => {
  expect(failureLine(new UserError('plain'))).toBe('plain');
  const denied = new Failure({
    kind: 'denied',
    service: 'ecr',
    operation: 'getAuthorizationToken',
    code: 'AccessDenied',
    message: 'no',
  });
  expect(failureLine(denied)).toBe(
    'ecr getAuthorizationToken failed: AccessDenied: no (does the build project’s role allow it?)',
  );
  expect(failureLine(new TypeError('a bug'))).toBeUndefined();
});

describe('the command', () => {
  const command = async (env: Record<string, string>) => {
    const { PATH = '' } = process.env;
    try {
      const { stdout, stderr } = await promisify(execFile)(
        process.execPath,
        ['--import', 'tsx', 'src/builder/main.ts'],
        {
          env: {
            PATH,
            TMPDIR: folder,
            AWS_REGION: 'us-east-1',
            AWS_ACCESS_KEY_ID: 'k',
            AWS_SECRET_ACCESS_KEY: 's',
            ...env,
          },
        },
      );
      return { code: 0, stdout, stderr };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, stdout, stderr };
    }
  };

  it('builds with nothing but its environment, and leaves nothing behind', async () => {
    const asked = order(createFunction());
    await writeFile(join(folder, 'marker'), '');
    const { code, stdout } = await command({
      AWS_ENDPOINT_URL: `http://${world.host}`,
      LAMBDACONTAINER_BUILD: JSON.stringify(asked),
    });
    expect(code).toBe(0);
    const digest = world.ecr.manifest('shop', 'v1-inputs')?.digest;
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .every((line) => line.startsWith('lambdacontainer: ')),
    ).toBe(true);
    expect(stdout).toContain(`digest ${digest}`);
    expect((await readdir(folder)).filter((name) => name.startsWith('lambdacontainer-build'))).toEqual([]);
  });

  it('ends with status 1 and one clear line', async () => {
    const asked = order('another hash');
    createFunction();
    const { code, stderr } = await command({
      AWS_ENDPOINT_URL: `http://${world.host}`,
      LAMBDACONTAINER_BUILD: JSON.stringify(asked),
    });
    expect(code).toBe(1);
    const said = stderr.split('\n').filter((line) => line.startsWith('lambdacontainer: '));
    expect(said).toEqual([
      expect.stringMatching(/^lambdacontainer: Superseded: checkout has code .* by now, not another hash$/),
    ]);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});
