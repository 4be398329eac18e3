/** The registry and its images judged by tools that are not ours. They are used where they are installed. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seedBaseImages } from '../../../src/local-cloud/base-images.ts';
import { pushOwnImages } from '../../../src/local-cloud/own-images.ts';
import { runtimeFile } from '../../../src/local-cloud/runtimes/locate.ts';
import { compose, layerFromZip, parseReference, RegistryClient } from '../../../src/oci/index.ts';
import { makeZip } from '../../oci/make-zip.ts';
import { type RegistryServer, startRegistry } from './registry-server.ts';

const run = promisify(execFile);
const installed = (tool: string): string | undefined =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, tool))
    .find(existsSync);
const crane = installed('crane');
const skopeo = installed('skopeo');
const python = installed('python3');

let registry: RegistryServer;
let folder: string;
let image: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lc-tools-'));
  registry = await startRegistry();
  await seedBaseImages({ ecr: registry.ecr, enter: registry.cloud.enter, runtimeFile });
  registry.cloud.call('ecr', 'CreateRepository', { repositoryName: 'shop/checkout' });
  const client = new RegistryClient({ credentials: registry.credentials });
  const reference = parseReference(`${registry.host}/lambda/nodejs:22`);
  const base = await client.image(reference, { os: 'linux', architecture: 'amd64' });
  const zip = makeZip([
    { name: 'index.mjs', content: 'export const handler = async () => "hello";\n'.repeat(99) },
    { name: 'node_modules/.bin/run', content: '../run/cli.js', mode: 0o120777 },
    { name: `node_modules/${'deep/'.repeat(60)}grüße.js`, content: 'x' },
    { name: 'bootstrap', content: '#!/bin/sh\n', mode: 0o100755, stored: true },
  ]);
  const composed = compose({ base, layers: [await layerFromZip(zip)], config: { cmd: ['index.handler'] } });
  await client.pushImage({ host: registry.host, repository: 'shop/checkout' }, composed, {
    tag: 'v1',
    base: reference,
  });
  image = `${registry.host}/shop/checkout:v1`;
  await client.close();
});
afterAll(async () => {
  await registry.close();
  await rm(folder, { recursive: true });
});

const craneEnv = () => ({ env: { ...process.env, DOCKER_CONFIG: join(folder, 'docker') } });

describe.skipIf(!crane)('crane', () => {
  const runCrane = async (...args: string[]) =>
    (await run(crane ?? '', [...args, '--insecure'], craneEnv())).stdout.trim();

  it('validates composed and base images', async () => {
    expect(await runCrane('validate', '--remote', image)).toMatch(/^PASS/);
    expect(await runCrane('validate', '--remote', `${registry.host}/lambda/python:3.12`)).toMatch(/^PASS/);
    expect(await runCrane('validate', '--remote', `${registry.host}/docker/library/node:24-slim`)).toMatch(/^PASS/);
  });

  it('agrees on digests, reads the files and lists tags', async () => {
    expect(await runCrane('digest', image)).toBe(registry.ecr.manifest('shop/checkout', 'v1')?.digest);
    expect(await runCrane('ls', `${registry.host}/shop/checkout`)).toBe('v1');
    const tar = join(folder, 'files.tar');
    await runCrane('export', image, tar);
    const { stdout } = await run('tar', ['-xOf', tar, 'var/task/index.mjs']);
    expect(stdout).toBe('export const handler = async () => "hello";\n'.repeat(99));
  });

  it('validates the own images, which are pushed once', async () => {
    for (const name of ['adapter.mjs', 'builder.mjs']) await writeFile(join(folder, name), `// ${name}\n`);
    const push = () =>
      pushOwnImages({
        call: (service, operation, input) => registry.cloud.call(service, operation, input),
        registry: registry.host,
        adapterFile: join(folder, 'adapter.mjs'),
        builderFile: join(folder, 'builder.mjs'),
      });
    const { adapter, builder } = await push();
    for (const reference of [adapter, builder])
      expect(await runCrane('validate', '--remote', reference)).toMatch(/^PASS/);
    registry.requests.length = 0;
    expect(await push()).toEqual({ adapter, builder });
    expect(registry.requests.filter((request) => !/^(GET|HEAD)/.test(request))).toEqual([]);
  });

  it('logs in and pushes', async () => {
    await runCrane('auth', 'login', registry.host, '-u', 'AWS', '-p', 'token');
    await runCrane('copy', image, `${registry.host}/shop/checkout:copied`);
    await runCrane(
      'append',
      '-b',
      image,
      '-f',
      join(folder, 'files.tar'),
      '-t',
      `${registry.host}/shop/checkout:appended`,
    );
    expect(await runCrane('validate', '--remote', `${registry.host}/shop/checkout:appended`)).toMatch(/^PASS/);
    await runCrane('delete', `${registry.host}/shop/checkout:copied`);
    expect(await runCrane('ls', `${registry.host}/shop/checkout`)).toBe('appended\nv1');
  });
});

describe.skipIf(!skopeo)('skopeo', () => {
  it('inspects and copies out and in', async () => {
    const { stdout } = await run(skopeo ?? '', ['inspect', '--tls-verify=false', `docker://${image}`]);
    expect(JSON.parse(stdout)).toMatchObject({
      Digest: registry.ecr.manifest('shop/checkout', 'v1')?.digest,
      Os: 'linux',
    });
    const copy = (from: string, to: string) =>
      run(skopeo ?? '', [
        'copy',
        '--insecure-policy',
        '--src-tls-verify=false',
        '--dest-tls-verify=false',
        '--dest-creds',
        'AWS:token',
        from,
        to,
      ]);
    const layout = `oci:${join(folder, 'layout')}:v1`;
    await run(skopeo ?? '', ['copy', '--insecure-policy', '--src-tls-verify=false', `docker://${image}`, layout]);
    expect(await readdir(join(folder, 'layout', 'blobs', 'sha256'))).toHaveLength(4);
    await copy(layout, `docker://${registry.host}/shop/checkout:again`);
    expect(registry.ecr.manifest('shop/checkout', 'again')?.digest).toBe(
      registry.ecr.manifest('shop/checkout', 'v1')?.digest,
    );
  });
});

describe.skipIf(!python)('python', () => {
  it('reads a layer with its own gzip and tar', async () => {
    const layer = await layerFromZip(
      makeZip([
        { name: 'a.txt', content: 'a'.repeat(70_000) },
        { name: 'b', content: 'b', stored: true },
      ]),
    );
    const path = join(folder, 'layer.tar.gz');
    for await (const bytes of layer.open()) await writeFile(path, bytes);
    const script =
      'import sys,tarfile\nfor m in tarfile.open(sys.argv[1]): print(m.name, m.size, oct(m.mode), m.mtime)';
    const { stdout } = await run(python ?? '', ['-c', script, path]);
    expect(stdout.trim().split('\n')).toEqual([
      'var 0 0o755 0',
      'var/task 0 0o755 0',
      'var/task/a.txt 70000 0o644 0',
      'var/task/b 1 0o644 0',
    ]);
    expect((await readFile(path)).length).toBe(layer.size);
  });
});
