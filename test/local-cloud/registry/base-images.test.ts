/** The stand-in images do what the originals do, and are the same on every machine. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seedBaseImages } from '../../../src/local-cloud/base-images.ts';
import { pushOwnImages } from '../../../src/local-cloud/own-images.ts';
import type { RuntimeFile } from '../../../src/local-cloud/runtimes/locate.ts';
import {
  blobOf,
  type ImageIndex,
  type ImageManifest,
  parseReference,
  RegistryClient,
  unpack,
} from '../../../src/oci/index.ts';
import { type RegistryServer, startRegistry } from './registry-server.ts';

let registry: RegistryServer;
let folder: string;
beforeEach(async () => {
  registry = await startRegistry();
  folder = await mkdtemp(join(tmpdir(), 'lc-base-'));
  // Fixed contents: the digests below must not depend on the clients that are shipped.
  await writeFile(join(folder, 'node.mjs'), 'console.log("node client", process.env._HANDLER);\n');
  await writeFile(join(folder, 'python.py'), 'print("python client")\n');
});
afterEach(async () => {
  await registry.close();
  await rm(folder, { recursive: true });
});

const runtimeFile = (name: RuntimeFile) => join(folder, name);
const seed = () => seedBaseImages({ ecr: registry.ecr, enter: registry.cloud.enter, runtimeFile });
const parsed = <T>(bytes: Uint8Array | undefined): T => JSON.parse(Buffer.from(bytes ?? '').toString('utf8')) as T;

/** The unpacked image of this machine's platform. */
async function rootfs(
  repository: string,
  tag: string,
): Promise<{ root: string; config: { config: Record<string, unknown> } }> {
  const index = parsed<ImageIndex>(registry.ecr.manifest(repository, tag)?.bytes);
  const chosen = index.manifests.find((entry) => entry.platform?.architecture === 'amd64');
  const manifest = parsed<ImageManifest>(registry.ecr.manifest(repository, chosen?.digest ?? '')?.bytes);
  const root = await mkdtemp(join(folder, 'rootfs-'));
  await unpack(
    manifest.layers.map(({ digest }) => blobOf(registry.blobs.read(digest), digest)),
    root,
  );
  return { root, config: parsed(registry.blobs.read(manifest.config.digest)) };
}

describe('stand-in base images', () => {
  it('are there for every runtime and both platforms, once', async () => {
    await seed();
    const tags = ['lambda/nodejs', 'lambda/python', 'lambda/provided', 'docker/library/node'].map((repository) =>
      registry.ecr.tags(repository),
    );
    expect(tags).toEqual([
      ['20', '22', '24', '26'],
      ['3.10', '3.11', '3.12', '3.13', '3.14', '3.15'],
      ['al2', 'al2023'],
      ['24-slim'],
    ]);
    const index = parsed<ImageIndex>(registry.ecr.manifest('lambda/nodejs', '22')?.bytes);
    expect(index.manifests.map((entry) => entry.platform?.architecture)).toEqual(['amd64', 'arm64']);
    const digest = registry.ecr.manifest('lambda/nodejs', '22')?.digest;
    await seed();
    expect(registry.ecr.manifest('lambda/nodejs', '22')?.digest).toBe(digest);
  });

  it('have the digests that they always had', async () => {
    await seed();
    const digests = [
      ['lambda/nodejs', '22'],
      ['lambda/python', '3.12'],
      ['lambda/provided', 'al2023'],
      ['docker/library/node', '24-slim'],
    ].map(([repository = '', tag = '']) => `${repository}:${tag} ${registry.ecr.manifest(repository, tag)?.digest}`);
    expect(digests).toMatchInlineSnapshot(`
      [
        "lambda/nodejs:22 sha256:d1528bdb4b23d88d209dbfe9a46faacce9a926be0e520a3ea98c670f12f80949",
        "lambda/python:3.12 sha256:0c016b2d479d1888c4329ebad64abcc6460a4d6c0ef32fd9f7b274282fa6084d",
        "lambda/provided:al2023 sha256:53c210735e3aec3d7347cf207fd404b748bb28b7a9b9840399d1583b6b89479e",
        "docker/library/node:24-slim sha256:513fadacbf0efba8dd9869e7f1bdd9fd3fbdf33541efd3f0938234a71e47a5a9",
      ]
    `);
  });

  it('start the runtime client with the handler', async () => {
    await seed();
    const { root, config } = await rootfs('lambda/nodejs', '22');
    expect(config.config).toMatchObject({
      Entrypoint: ['/lambda-entrypoint.sh'],
      WorkingDir: '/var/task',
      Env: expect.arrayContaining(['LAMBDA_TASK_ROOT=/var/task', 'LAMBDA_RUNTIME_DIR=/var/runtime']),
      Labels: { 'lambdacontainer.dev/stands-in-for': 'public.ecr.aws/lambda/nodejs:22' },
    });
    const env = {
      AWS_LAMBDA_RUNTIME_API: '127.0.0.1:9001',
      LAMBDA_RUNTIME_DIR: join(root, 'var/runtime'),
      LAMBDACONTAINER_HOST_NODE: process.execPath,
    };
    const start = (more: Record<string, string>, ...args: string[]) =>
      promisify(execFile)(join(root, 'lambda-entrypoint.sh'), args, {
        env: { PATH: process.env.PATH, ...env, ...more },
      });
    expect((await start({}, 'index.handler')).stdout).toBe('node client index.handler\n');
    await expect(start({})).rejects.toMatchObject({ code: 142 });
    await expect(start({ AWS_LAMBDA_RUNTIME_API: '' }, 'x')).rejects.toMatchObject({ code: 1 });
    await expect(start({ LAMBDACONTAINER_HOST_NODE: '' }, 'x')).rejects.toMatchObject({ code: 127 });
  });

  it('start a function’s own bootstrap, or a layer’s', async () => {
    await seed();
    const { root } = await rootfs('lambda/provided', 'al2023');
    const env = {
      PATH: process.env.PATH,
      AWS_LAMBDA_RUNTIME_API: 'x',
      LAMBDA_RUNTIME_DIR: join(root, 'var/runtime'),
      LAMBDA_TASK_ROOT: join(root, 'var/task'),
    };
    const start = async () => (await promisify(execFile)(join(root, 'lambda-entrypoint.sh'), ['h'], { env })).stdout;
    await writeFile(join(root, 'opt/bootstrap'), '#!/bin/sh\necho layer $_HANDLER\n', { mode: 0o755 });
    expect(await start()).toBe('layer h\n');
    await writeFile(join(root, 'var/task/bootstrap'), '#!/bin/sh\necho function $_HANDLER\n', { mode: 0o755 });
    expect(await start()).toBe('function h\n');
  });

  it('miss a runtime client loudly', async () => {
    await rm(join(folder, 'python.py'));
    await expect(seed()).rejects.toThrow(/ENOENT.*python\.py/);
  });
});

describe('the own images', () => {
  const push = () =>
    pushOwnImages({
      call: (service, operation, input) => registry.cloud.call(service, operation, input),
      registry: registry.host,
      adapterFile: join(folder, 'adapter.mjs'),
      builderFile: join(folder, 'builder.mjs'),
    });

  it('are pushed by digest for both platforms, and again only when a bundle changed', async () => {
    await seed();
    await writeFile(join(folder, 'adapter.mjs'), 'console.log("adapter");\n');
    await writeFile(join(folder, 'builder.mjs'), 'console.log("builder", process.argv.slice(2).join());\n');
    const first = await push();
    expect(first.adapter).toMatch(new RegExp(`^${registry.host}/lambdacontainer/adapter@sha256:[0-9a-f]{64}$`));
    registry.requests.length = 0;
    expect(await push()).toEqual(first);
    expect(registry.requests.filter((request) => !/^(GET|HEAD)/.test(request))).toEqual([]);

    const client = new RegistryClient();
    const { config } = await client.image(parseReference(first.adapter), { os: 'linux', architecture: 'arm64' });
    await client.close();
    expect(config.config).toMatchObject({ Entrypoint: ['/usr/local/bin/node', '/lambdacontainer/adapter.mjs'] });

    const { root } = await rootfs('lambdacontainer/builder', 'local');
    const env = {
      PATH: `${join(root, 'usr/local/bin')}:${process.env.PATH}`,
      LAMBDACONTAINER_HOST_NODE: process.execPath,
      LAMBDACONTAINER_BUILDER: join(root, 'lambdacontainer/builder.mjs'),
    };
    const { stdout } = await promisify(execFile)('lambdacontainer-build', ['a', 'b'], { env });
    expect(stdout).toBe('builder a,b\n');

    await writeFile(join(folder, 'adapter.mjs'), 'console.log("another adapter");\n');
    const second = await push();
    expect([second.adapter === first.adapter, second.builder === first.builder]).toEqual([false, true]);
  });

  it('need their bundles', async () => {
    await seed();
    await expect(push()).rejects.toThrow(/ENOENT.*adapter\.mjs/);
  });
});
