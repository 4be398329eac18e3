/**
 * The daemon's image as `bootstrap` makes it, run by runc as ECS would: as nobody in particular, on a root file system that
 * cannot be written, without any capability. It leads, reconciles an object of a local cloud, answers its health check,
 * and is gone within two seconds of SIGTERM. The base image cannot be pulled here, so this machine's own Node and what it
 * is linked with take its place. skopeo and umoci, which are not ours, read the layout. Skipped by name where one of the
 * tools or root is missing.
 */
import { type ChildProcess, execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { zipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSdkPorts, type Ports, toItem } from '../../src/aws/index.ts';
import { writeOwnImages } from '../../src/cli/commands/bootstrap.ts';
import { bootstrapLocalAccount } from '../../src/cli/local/bootstrap.ts';
import { processIo } from '../../src/cli/output/io.ts';
import { seededRandom, silentLogger, systemClock } from '../../src/core/index.ts';
import { type LocalCloud, startLocalCloud } from '../../src/local-cloud/local-cloud.ts';
import {
  ARCHITECTURES,
  compose,
  composeIndex,
  fileEntry,
  type LayerEntry,
  layerFromEntries,
  RegistryClient,
  registryPort,
  scratch,
} from '../../src/oci/index.ts';
import { readLease, StateTable } from '../../src/store/index.ts';
import { startRegistry } from '../local-cloud/registry/registry-server.ts';

const run = promisify(execFile);
const missing = reasonToSkip();
const REGION = 'us-east-1';
const ACCOUNT = '000000000000';
const CREDENTIALS = { accessKeyId: 'test', secretAccessKey: 'test' };

describe.skipIf(missing)(`the daemon's image${missing ? ` (skipped: ${missing})` : ''}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'lc-image-'));
  const layout = join(folder, 'layout');
  let cloud: LocalCloud;
  let aws: { ports: Ports; close: () => void };
  let health: number;
  let daemon: Container | undefined;

  beforeAll(async () => {
    expect(await writeLayout(layout)).toMatch(
      /^image\/controller sha256:[0-9a-f]{64}\nimage\/adapter sha256:.*\nimage\/builder sha256:.*\n$/,
    );
    await run('skopeo', [
      'copy',
      '-q',
      '--override-arch',
      nodeArch(),
      `oci:${layout}:controller`,
      `oci:${folder}/one:controller`,
    ]);
    await run('umoci', ['unpack', '--image', `${folder}/one:controller`, `${folder}/bundle`]);
    cloud = await startLocalCloud({
      dataDir: join(folder, 'cloud'),
      awsPort: await freePort(),
      accountId: ACCOUNT,
      region: REGION,
      machinePath: process.env.PATH ?? '',
      clock: systemClock,
      random: seededRandom(1),
      logger: silentLogger,
    });
    aws = createSdkPorts({ region: REGION, endpoint: cloud.awsEndpoint, credentials: CREDENTIALS }, registryPort());
    const image = `${cloud.registry}/lambdacontainer/adapter@sha256:${'0'.repeat(64)}`;
    const { functionRoleArn } = await bootstrapLocalAccount({
      ports: aws.ports,
      clock: systemClock,
      accountId: ACCOUNT,
      httpPort: await freePort(),
      registry: cloud.registry,
      images: { adapter: image, builder: image },
    });
    await aws.ports.lambda.createFunction({
      FunctionName: 'hello',
      Role: functionRoleArn,
      Runtime: 'nodejs22.x',
      Handler: 'index.handler',
      Code: {
        ZipFile: zipSync({ 'index.mjs': Buffer.from('export const handler = async () => ({ statusCode: 200 });') }),
      },
    });
    health = await freePort();
    const spec = { source: { functionRef: { name: 'hello' } }, placement: { mode: 'lambda' } };
    await aws.ports.dynamodb.putItem({
      TableName: 'lambdacontainer-desired',
      Item: toItem({ namespace: 'default', name: 'hello', spec }),
    });
  }, 120_000);
  afterAll(async () => {
    await daemon?.remove();
    aws?.close();
    await cloud?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('adds the program and no more: under 16 MB', () => {
    const manifest = blob(layout, firstManifest());
    const layers = manifest.layers as { size: number }[];
    expect(layers).toHaveLength(2);
    expect(layers[1]?.size).toBeLessThan(16_000_000);
  });

  it('leads, reconciles, is healthy, and ends in order, as nobody on a disk that cannot be written', async () => {
    const container = new Container(join(folder, 'bundle'), {
      AWS_ENDPOINT_URL: cloud.awsEndpoint,
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      LAMBDACONTAINER_LISTEN_PORT: String(health),
      LAMBDACONTAINER_RESYNC: '2s',
    });
    daemon = container;
    const state = new StateTable(aws.ports.dynamodb, 'lambdacontainer-state');
    await container.while(async () => {
      const { status } = await state.load({ namespace: 'default', name: 'hello' });
      return status?.body.phase === 'Ready';
    });
    expect((await readLease(aws.ports.dynamodb, 'lambdacontainer-state'))?.released).toBe(false);
    await container.while(async () => (await fetch(`http://127.0.0.1:${health}/healthz`)).ok);
    const { pid } = JSON.parse(execFileSync('runc', ['state', container.id], { encoding: 'utf8' })) as { pid: number };
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    expect(/^Uid:\s+(\d+)/m.exec(status)?.[1]).toBe('1000');
    expect(/^CapEff:\s+(\w+)/m.exec(status)?.[1]).toBe('0'.repeat(16));
    expect(
      spawnSync('runc', [
        'exec',
        container.id,
        '/usr/local/bin/node',
        '-e',
        "require('fs').writeFileSync('/app/x', '')",
      ]).stderr.toString(),
    ).toMatch(/EROFS|EACCES/);
    const startedMs = performance.now();
    execFileSync('runc', ['kill', container.id, 'TERM']);
    expect(await container.ended).toBe(0);
    expect(performance.now() - startedMs).toBeLessThan(2_000);
    expect((await readLease(aws.ports.dynamodb, 'lambdacontainer-state'))?.released).toBe(true);
  }, 60_000);

  /** The three images as a layout, over a base of this machine's own files; what was printed. */
  async function writeLayout(into: string): Promise<string> {
    const registry = await startRegistry();
    const client = new RegistryClient({ credentials: registry.credentials });
    try {
      registry.cloud.call('ecr', 'CreateRepository', { repositoryName: 'node' });
      const layer = await layerFromEntries(machineFiles(), { createdBy: 'this machine' });
      const config = { user: 'root', env: { PATH: '/usr/local/bin:/usr/bin:/bin' } };
      const images = ARCHITECTURES.map((architecture) => ({
        architecture,
        image: compose({ base: scratch(architecture), layers: [layer], config }),
      }));
      const target = { host: registry.host, repository: 'node' };
      for (const { image } of images) await client.pushImage(target, image);
      const index = composeIndex(images);
      await client.pushManifest(target, index.digest, index);
      let out = '';
      const io = {
        ...processIo(process, systemClock),
        signal: new AbortController().signal,
        stdout: (text: string) => {
          out += text;
        },
      };
      const own = new RegistryClient({ credentials: registry.credentials });
      await writeOwnImages(into, { baseImage: `${registry.host}/node@${index.digest}` }, io, own);
      return out;
    } finally {
      await client.close();
      await registry.close();
    }
  }

  function firstManifest(): string {
    const index = blob(layout, manifestOf('controller'));
    return (index.manifests as { digest: string }[])[0]?.digest ?? '';
  }

  function manifestOf(name: string): string {
    const { manifests } = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as {
      manifests: { digest: string; annotations: Record<string, string> }[];
    };
    return manifests.find(({ annotations }) => annotations['org.opencontainers.image.ref.name'] === name)?.digest ?? '';
  }
});

function blob(layout: string, digest: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(layout, 'blobs/sha256', digest.slice('sha256:'.length)), 'utf8'));
}

/** Node, what it is linked with, and the certificates. */
function machineFiles(): LayerEntry[] {
  const libraries = [...execFileSync('ldd', [process.execPath], { encoding: 'utf8' }).matchAll(/(\/\S+) \(0x/g)];
  const paths = libraries.map(([, path = '']) => path);
  return [
    fileEntry('usr/local/bin/node', readFileSync(process.execPath), { executable: true }),
    ...paths.map((path) => fileEntry(path, readFileSync(path), { executable: true })),
    ...['/etc/ssl/certs/ca-certificates.crt'].flatMap((path) =>
      statSync(path, { throwIfNoEntry: false }) ? [fileEntry(path, readFileSync(path))] : [],
    ),
    fileEntry('etc/passwd', 'root:x:0:0::/:/bin/false\nnode:x:1000:1000::/:/bin/false\n'),
    fileEntry('etc/group', 'root:x:0:\nnode:x:1000:\n'),
    { type: 'directory', path: 'tmp' },
    { type: 'directory', path: 'proc' },
    { type: 'directory', path: 'dev' },
    { type: 'directory', path: 'sys' },
  ];
}

/** A container of runc on the machine's own network. */
class Container {
  readonly id = `lc-image-${process.pid}`;
  readonly #child: ChildProcess;
  readonly ended: Promise<number | null>;
  #output = '';

  constructor(bundle: string, env: Readonly<Record<string, string>>) {
    const path = join(bundle, 'config.json');
    const config = JSON.parse(readFileSync(path, 'utf8'));
    // As the task definition has it: nothing but /tmp can be written, no capability, no way to gain one.
    config.root.readonly = true;
    config.process.env.push(...Object.entries(env).map(([name, value]) => `${name}=${value}`));
    config.process.capabilities = {};
    config.process.noNewPrivileges = true;
    config.process.terminal = false;
    config.mounts = [
      ...config.mounts.filter(({ destination }: { destination: string }) => destination !== '/tmp'),
      { destination: '/tmp', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'nodev', 'mode=1777'] },
    ];
    // What machines of CI do not permit, and is not what is looked at.
    delete config.process.rlimits;
    config.linux.namespaces = config.linux.namespaces.filter(({ type }: { type: string }) => type !== 'network');
    writeFileSync(path, JSON.stringify(config));
    this.#child = spawn('runc', ['run', '--bundle', bundle, this.id], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#output += chunk.toString();
      });
    }
    this.ended = new Promise((resolve) => this.#child.once('exit', (code) => resolve(code)));
  }

  /** Waits until `answer` is true, as long as the container lives. @throws Error with its last words */
  async while(answer: () => Promise<boolean>): Promise<void> {
    while (!(await answer().catch(() => false))) {
      if (this.#child.exitCode !== null) throw new Error(`it ended with ${this.#child.exitCode}: ${this.#output}`);
      await new Promise((again) => systemClock.after(50, () => again(undefined)));
    }
  }

  async remove(): Promise<void> {
    if (this.#child.exitCode === null) spawnSync('runc', ['kill', this.id, 'KILL']);
    await this.ended;
    spawnSync('runc', ['delete', '--force', this.id]);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function nodeArch(): string {
  return process.arch === 'arm64' ? 'arm64' : 'amd64';
}

function reasonToSkip(): string | undefined {
  if (process.platform !== 'linux') return 'runc is for Linux';
  if (process.getuid?.() !== 0) return 'only root can start a container';
  for (const tool of ['runc', 'umoci', 'skopeo', 'ldd']) {
    if (spawnSync(tool, ['--version'], { stdio: 'ignore' }).status !== 0) return `no ${tool} on the PATH`;
  }
  return undefined;
}
