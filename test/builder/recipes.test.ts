/**
 * Both recipes give the same image: the same configuration, the same files. The composer runs everywhere; the Dockerfile
 * recipe runs for real where the machine has buildah and the test is root (it needs neither a daemon nor namespaces), and by
 * BuildKit where it has buildkitd, buildctl and runc (`.ci/nightly` builds them).
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ecrCredentials } from '../../src/aws/index.ts';
import { build } from '../../src/builder/build.ts';
import type { BuildDeps } from '../../src/builder/deps.ts';
import { rendered } from '../../src/builder/dockerfile.ts';
import { type ImageProgram, imageProgram } from '../../src/builder/image-program.ts';
import type { BuildOrder } from '../../src/builder/order.ts';
import { runProgram } from '../../src/builder/program.ts';
import { DOCKERFILES } from '../../src/compose/templates.ts';
import { systemClock, UserError } from '../../src/core/index.ts';
import { compose, layerFromEntries, parseReference, RegistryClient, scratch, unpack } from '../../src/oci/index.ts';
import { makeZip } from '../oci/make-zip.ts';
import { type BuildWorld, startBuildWorld } from './build-world.ts';

const run = promisify(execFile);
const installed = (tool: string): string | undefined =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, tool))
    .find(existsSync);
const crane = installed('crane');
const skopeo = installed('skopeo');
const isRoot = process.getuid?.() === 0;
const hasBuildah = installed('buildah') !== undefined && isRoot;
const hasBuildKit = ['buildkitd', 'buildctl', 'runc'].every((tool) => installed(tool) !== undefined) && isRoot;

let world: BuildWorld;
let registry: RegistryClient;
let folder: string;
let credentials: ReturnType<typeof ecrCredentials>;
let layer: string;

beforeAll(async () => {
  world = await startBuildWorld();
  credentials = ecrCredentials(() => world.ports.ecr, systemClock, world.host);
  registry = new RegistryClient({ credentials });
  folder = await mkdtemp(join(tmpdir(), 'lc-recipes-'));
  const { LayerVersionArn } = world.cloud.call('lambda', 'PublishLayerVersion', {
    LayerName: 'lib',
    Content: { ZipFile: makeZip([{ name: 'nodejs/node_modules/lib/index.js', content: 'module.exports = 1\n' }]) },
  }) as { LayerVersionArn: string };
  layer = LayerVersionArn;
});
afterAll(async () => {
  await registry.close();
  await world.close();
  await rm(folder, { recursive: true, force: true });
});

const CODE = [
  { name: 'index.mjs', content: 'export const handler = async () => "hello";\n' },
  { name: 'bin/run', content: '#!/bin/sh\necho run\n', mode: 0o100755 },
  { name: 'bin/also-run', content: 'run', mode: 0o120777 },
];

let functions = 0;
function functionOf(runtime: string, files: Parameters<typeof makeZip>[0]): { name: string; codeSha256: string } {
  const name = `fn-${runtime.replace(/\W/g, '-')}-${++functions}`;
  const { CodeSha256 } = world.cloud.call('lambda', 'CreateFunction', {
    FunctionName: name,
    Role: 'arn:aws:iam::000000000000:role/lambda',
    Runtime: runtime,
    Handler: 'index.handler',
    Code: { ZipFile: makeZip(files) },
    Layers: [layer],
  }) as { CodeSha256: string };
  return { name, codeSha256: CodeSha256 };
}

function orderFor(
  code: { name: string; codeSha256: string },
  baseImage: string,
  more: Partial<BuildOrder>,
): BuildOrder {
  return {
    recipe: 'composer-v2',
    source: { type: 'function', name: code.name, qualifier: null, codeSha256: code.codeSha256 },
    baseImage,
    repositoryUri: `${world.host}/shop`,
    tag: 'tag',
    handler: 'index.handler',
    architecture: 'x86_64',
    layers: [layer],
    ownRuntime: false,
    labels: { 'lambdacontainer.dev/code-sha256': code.codeSha256 },
    ...more,
  };
}

let built = 0;
async function depsOf(more: Partial<BuildDeps> = {}, environment = process.env): Promise<BuildDeps> {
  const own = join(folder, `build-${++built}`);
  await mkdir(own);
  return {
    lambda: world.ports.lambda,
    s3: world.ports.s3,
    registry,
    clock: systemClock,
    folder: own,
    program: () => imageProgram({ folder: own, environment, credentials }),
    git: (argv, more) => runProgram({ program: 'git', arguments: argv, environment: { ...process.env, ...more } }),
    print: () => {},
    ...more,
  };
}

/** Every path of an image with its type, mode and content. */
async function filesOf(tag: string): Promise<Record<string, string>> {
  const reference = parseReference(`${world.host}/shop:${tag}`);
  const { manifest } = await registry.image(reference, { os: 'linux', architecture: 'amd64' });
  const root = await mkdtemp(join(folder, 'rootfs-'));
  await unpack(
    manifest.layers.map((blob) => registry.remoteBlob(reference, blob)),
    root,
  );
  const files: Record<string, string> = {};
  for (const path of (await readdir(root, { recursive: true })).sort()) {
    const place = join(root, path);
    const found = await lstat(place);
    const mode = (found.mode & 0o777).toString(8);
    if (found.isSymbolicLink()) files[path] = `link ${await readlink(place)}`;
    else if (found.isDirectory()) files[path] = `folder ${mode}`;
    else
      files[path] = `${mode} ${createHash('sha256')
        .update(await readFile(place))
        .digest('hex')
        .slice(0, 12)}`;
  }
  return files;
}

async function configOf(tag: string) {
  const reference = parseReference(`${world.host}/shop:${tag}`);
  const { config } = await registry.image(reference, { os: 'linux', architecture: 'amd64' });
  const { Entrypoint, Cmd, Env, WorkingDir, Labels } = config.config ?? {};
  return { os: config.os, architecture: config.architecture, Entrypoint, Cmd, Env, WorkingDir, Labels };
}

const CASES = [
  { runtime: 'nodejs22.x', family: 'nodejs', base: 'lambda/nodejs', tag: '22', files: CODE, ownRuntime: false },
  {
    runtime: 'provided.al2023',
    family: 'provided',
    base: 'lambda/provided',
    tag: 'al2023',
    files: [...CODE, { name: 'bootstrap', content: '#!/bin/sh\n', mode: 0o100755 }],
    ownRuntime: true,
  },
] as const;

const baseOf = ({ base, tag }: (typeof CASES)[number]) =>
  `${world.host}/${base}@${world.ecr.manifest(base, tag)?.digest}`;

/** Builds the function by both recipes, the Dockerfile by what this environment has, and compares what came of it. */
async function expectSameImage(given: (typeof CASES)[number], by: RegExp, environment = process.env): Promise<void> {
  const code = functionOf(given.runtime, given.files);
  const { ownRuntime, family } = given;
  const composer = orderFor(code, baseOf(given), { tag: `composer-${code.name}`, ownRuntime });
  const dockerfile = { ...composer, recipe: 'dockerfile-v1', tag: `dockerfile-${code.name}` } as const;
  await build(composer, await depsOf());
  const lines: string[] = [];
  const print = (line: string) => lines.push(line);
  await build(dockerfile, await depsOf({ dockerfile: DOCKERFILES[family], print }, environment));
  expect(lines.join('\n')).toMatch(by);

  const [files, config] = [await filesOf(composer.tag), await configOf(composer.tag)];
  expect(files).toMatchObject({
    'opt/nodejs/node_modules/lib/index.js': expect.stringMatching(/^644 /),
    'var/task/bin/run': expect.stringMatching(/^755 /),
    'var/task/bin/also-run': 'link run',
    ...(ownRuntime ? { 'var/runtime/bootstrap': 'link ../task/bootstrap' } : {}),
  });
  expect(await filesOf(dockerfile.tag)).toEqual(files);
  expect(config).toMatchObject({ Cmd: ['index.handler'], Labels: composer.labels });
  expect(await configOf(dockerfile.tag)).toEqual(config);

  for (const { tag } of [composer, dockerfile]) {
    const image = `${world.host}/shop:${tag}`;
    if (crane) {
      const env = { ...process.env, DOCKER_CONFIG: folder };
      const { stdout, stderr } = await run(crane, ['validate', '--insecure', '--remote', image], { env });
      expect(stdout + stderr).toContain('PASS');
    }
    if (skopeo) {
      const { stdout } = await run(skopeo, ['inspect', '--tls-verify=false', `docker://${image}`]);
      expect(JSON.parse(stdout)).toMatchObject({ Architecture: 'amd64', Os: 'linux', Labels: composer.labels });
    }
  }
}

/** Of a Dockerfile with a `RUN`. */
async function expectRun(environment = process.env): Promise<void> {
  const base = await baseOfThisMachine();
  const code = functionOf('nodejs20.x', CODE);
  const order = orderFor(code, base, { recipe: 'dockerfile-v1', tag: `ran-${code.name}` });
  const dockerfile =
    'ARG BASE_IMAGE\nFROM $BASE_IMAGE\nCOPY var/task/ /var/task/\nRUN /var/task/bin/run >/ran\nCMD [{{handler}}]\n';
  await build(order, await depsOf({ dockerfile }, environment));
  const { ran } = await filesOf(order.tag);
  expect(ran).toBe(`644 ${createHash('sha256').update('run\n').digest('hex').slice(0, 12)}`);
}

describe.skipIf(!hasBuildKit)('both recipes by BuildKit (needs buildkitd, buildctl and runc, as root)', () => {
  let daemon: ChildProcess;
  let environment: NodeJS.ProcessEnv;

  beforeAll(async () => {
    const root = join(folder, 'buildkit');
    await mkdir(root);
    const address = `unix://${root}/buildkitd.sock`;
    const worker = ['--oci-worker-snapshotter=native', '--oci-worker-net=host', '--containerd-worker=false'];
    daemon = spawn('buildkitd', ['--root', root, '--addr', address, ...worker], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    environment = { ...process.env, BUILDKIT_HOST: address };
    let said = '';
    await new Promise<void>((resolve, reject) => {
      daemon.stderr?.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes('running server on')) resolve();
      });
      daemon.once('close', () => reject(new Error(`buildkitd ended: ${said}`)));
    });
  }, 30_000);
  afterAll(async () => {
    if (daemon?.exitCode !== null) return;
    const ended = once(daemon, 'close');
    daemon.kill('SIGTERM');
    await ended;
  });

  it.each(CASES)(
    'give an image of a $runtime function with the same configuration and files',
    async (given) => expectSameImage(given, /built \S+ with buildctl/, environment),
    60_000,
  );

  it('run what a Dockerfile of an object says', () => expectRun(environment), 60_000);
});

describe.skipIf(!hasBuildah)('both recipes (needs buildah, as root)', () => {
  it.each(CASES)('give an image of a $runtime function with the same configuration and files', async (given) =>
    expectSameImage(given, /built \S+ with (buildah|docker buildx)/),
  );

  it('run what a Dockerfile of an object says, on a base of this machine’s own files', () => expectRun());

  it('build a commit of a git repository with its own Dockerfile', async () => {
    const base = await baseOfThisMachine();
    const { url, commit } = await gitRepository({
      'app/Dockerfile': `FROM ${base}\nCOPY greeting /greeting\nCMD ["/bin/sh"]\n`,
      'app/greeting': 'hello\n',
    });
    const source = { type: 'repository', url, commit, context: 'app', dockerfile: 'Dockerfile' } as const;
    const order = orderFor({ name: '', codeSha256: 'unused' }, base, {
      recipe: 'dockerfile-v1',
      source,
      baseImage: null,
      handler: null,
      layers: [],
      tag: 'repository',
    });
    const digest = await build(order, await depsOf());
    expect(world.ecr.manifest('shop', 'repository')?.digest).toBe(digest);
    expect(await filesOf('repository')).toHaveProperty('greeting');
    expect(await configOf('repository')).toMatchObject({ Cmd: ['/bin/sh'] });
  });

  it('say that a Dockerfile failed', async () => {
    const base = await baseOfThisMachine();
    const order = orderFor(functionOf('nodejs24.x', CODE), base, { recipe: 'dockerfile-v1', tag: 'failed' });
    const building = build(order, await depsOf({ dockerfile: 'ARG BASE_IMAGE\nFROM $BASE_IMAGE\nRUN exit 3\n' }));
    await expect(building).rejects.toThrow(/^buildah .* ended with /);
    expect(world.ecr.tags('shop')).not.toContain('failed');
  });
});

describe('the Dockerfile recipe', () => {
  const pushesNothing: ImageProgram = { name: 'a program', build: async () => {} };

  it('refuses a machine with none of the programs, naming them', async () => {
    const machine = imageProgram({ folder, environment: { PATH: folder }, credentials });
    await expect(machine).rejects.toThrow(
      /needs docker with buildx and its daemon, BUILDKIT_HOST with buildctl, or buildah/,
    );
  });

  it('does not believe a program that pushed nothing', async () => {
    const [given] = CASES;
    const order = orderFor(functionOf('nodejs26.x', CODE), baseOf(given), { recipe: 'dockerfile-v1', tag: 'nothing' });
    const deps = await depsOf({ program: async () => pushesNothing, dockerfile: DOCKERFILES.nodejs });
    await expect(build(order, deps)).rejects.toThrow(
      /^a program pushed .*shop:nothing, but the registry does not have/,
    );
  });

  it('refuses an index: Lambda would', async () => {
    const [given] = CASES;
    const order = orderFor(functionOf('python3.13', CODE), baseOf(given), { recipe: 'dockerfile-v1', tag: 'index' });
    const program: ImageProgram = {
      name: 'a program',
      build: async () => {
        const index = await registry.manifest(parseReference(baseOf(given)));
        for (const { digest } of JSON.parse(Buffer.from(index.bytes).toString()).manifests) {
          const from = parseReference(`${world.host}/lambda/nodejs@${digest}`);
          const { manifest, config } = await registry
            .image(from, { os: 'linux', architecture: 'amd64' })
            .catch(() => registry.image(from, { os: 'linux', architecture: 'arm64' }));
          const image = compose({ base: { manifest, config }, layers: [] });
          await registry.pushImage({ host: world.host, repository: 'shop' }, image, { base: from, tag: 'part' });
        }
        await registry.pushManifest({ host: world.host, repository: 'shop' }, 'index', index);
      },
    };
    const building = build(order, await depsOf({ program: async () => program, dockerfile: DOCKERFILES.nodejs }));
    await expect(building).rejects.toThrow(UserError);
  });

  it('fills in what a template asks for, and refuses a word that it does not know', () => {
    expect(rendered('CMD [{{handler}}]', { handler: '"a\\"b"' })).toBe('CMD ["a\\"b"]');
    expect(rendered("RUN docker inspect -f '{{.Id}}' x", {})).toContain('{{.Id}}');
    expect(() => rendered('CMD [{{handlr}}]', { handler: '"x"' })).toThrow(
      'the Dockerfile says {{handlr}}; what can be filled in is handler',
    );
  });
});

describe('a repository as the source', () => {
  const orderOf = (source: BuildOrder['source']) =>
    orderFor({ name: '', codeSha256: 'unused' }, '', {
      recipe: 'dockerfile-v1',
      source,
      baseImage: null,
      handler: null,
      layers: [],
    });
  const program = async (): Promise<ImageProgram> => ({ name: 'a program', build: async () => {} });

  it.each([
    { reason: 'no such folder', place: { context: 'none', dockerfile: 'Dockerfile' }, says: "no context 'none'" },
    { reason: 'no Dockerfile', place: { context: '.', dockerfile: 'None' }, says: "no Dockerfile 'None'" },
    { reason: 'a link out of it', place: { context: 'out', dockerfile: 'x' }, says: "context 'out' leads out of" },
  ])('is refused with $reason', async ({ place, says }) => {
    const { url, commit } = await gitRepository({ 'app/Dockerfile': 'FROM scratch\n' }, '/tmp');
    const order = orderOf({ type: 'repository', url, commit, ...place });
    await expect(build(order, await depsOf({ program }))).rejects.toThrow(says);
  });

  it('is refused without the commit', async () => {
    const { url } = await gitRepository({ Dockerfile: 'FROM scratch\n' });
    const order = orderOf({
      type: 'repository',
      url,
      commit: '0'.repeat(40),
      context: '.',
      dockerfile: 'Dockerfile',
    });
    await expect(build(order, await depsOf({ program }))).rejects.toThrow(/^git -C ended with 128/);
  });
});

/** A shell and what it needs, as this machine has them. */
async function baseOfThisMachine(): Promise<string> {
  const { stdout } = await run('ldd', ['/bin/sh']);
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path ?? '');
  const entries = await Promise.all(
    ['/bin/sh', ...libraries].map(async (path) => ({
      type: 'file' as const,
      path: path.slice(1),
      executable: true,
      content: await contentOf(path),
    })),
  );
  const layerOfShell = await layerFromEntries(entries);
  const image = compose({ base: scratch('amd64'), layers: [layerOfShell] });
  const target = { host: world.host, repository: 'shop' };
  await registry.pushImage(target, image, {
    base: parseReference(`${world.host}/shop@${image.digest}`),
    tag: 'machine',
  });
  return `${world.host}/shop@${image.digest}`;
}

async function contentOf(path: string) {
  const bytes = await readFile(path);
  return {
    coding: 'none' as const,
    size: bytes.length,
    async *open() {
      yield bytes;
    },
  };
}

let repositories = 0;
async function gitRepository(files: Record<string, string>, linked?: string): Promise<{ url: string; commit: string }> {
  const place = join(folder, `repository-${++repositories}`);
  const git = async (...argv: string[]) =>
    (await run('git', ['-C', place, '-c', 'user.name=t', '-c', 'user.email=t@example.com', ...argv])).stdout.trim();
  await mkdir(place);
  await git('init', '--quiet');
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(place, path, '..'), { recursive: true });
    await writeFile(join(place, path), content);
  }
  if (linked !== undefined) await run('ln', ['-s', linked, join(place, 'out')]);
  await git('add', '.');
  await git('commit', '--quiet', '-m', 'first');
  return { url: `file://${place}`, commit: await git('rev-parse', 'HEAD') };
}
