/**
 * The programs that build a Dockerfile and push the result: BuildKit by `docker buildx`, or by `buildctl` where
 * BUILDKIT_HOST names a daemon of BuildKit's own, or buildah, which needs no daemon. Which one is the machine's to say.
 * They are given credentials by a file of their own, never by arguments, and leave nothing behind outside of the folder
 * that they are given. What is built is the caller's.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { UserError } from '../core/index.ts';
import { type CredentialsFor, isLoopback, parseReference } from '../oci/index.ts';
import { type ProgramCall, runProgram, succeeds } from './program.ts';

export interface ImageProgram {
  readonly name: string;
  /** Builds and pushes. @throws UserError when it fails; the program's output tells why */
  build(asked: ImageAsked, signal?: AbortSignal): Promise<void>;
}

export interface ImageAsked {
  /** Folder. */
  readonly context: string;
  /** File. */
  readonly dockerfile: string;
  /** `host/repo:tag` */
  readonly image: string;
  readonly architecture: 'amd64' | 'arm64';
  /** Build arguments. */
  readonly arguments: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

export interface MachineDeps {
  /** For the program's storage and credentials; the caller removes it. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly credentials: CredentialsFor;
}

/** @throws UserError when the machine has none of them */
export async function imageProgram(deps: MachineDeps): Promise<ImageProgram> {
  const { environment } = deps;
  // Somebody has said so: it goes before what the machine happens to have.
  if (environment.BUILDKIT_HOST) {
    return { name: 'buildctl', build: (asked, signal) => byBuildctl(asked, deps, signal) };
  }
  // The daemon too: a client without one builds nothing.
  const hasDocker =
    (await succeeds({ program: 'docker', arguments: ['buildx', 'version'], environment })) &&
    (await succeeds({ program: 'docker', arguments: ['version'], environment }));
  if (hasDocker) return { name: 'docker buildx', build: (asked, signal) => byBuildKit(asked, deps, signal) };
  if (await succeeds({ program: 'buildah', arguments: ['--version'], environment })) {
    return { name: 'buildah', build: (asked, signal) => byBuildah(asked, deps, signal) };
  }
  throw new UserError(
    'a Dockerfile needs docker with buildx and its daemon, BUILDKIT_HOST with buildctl, or buildah; the build environment has none of them (class: spec.build.dockerImage)',
  );
}

async function byBuildKit(asked: ImageAsked, deps: MachineDeps, signal: AbortSignal | undefined): Promise<void> {
  const run = await runner('docker', asked, deps, signal);
  // Lambda refuses an index, which is what an attestation makes of an image.
  await run('buildx', 'build', '--provenance=false', '--sbom=false', '--load', ...argumentsOf(asked), asked.context);
  await run('push', asked.image);
}

async function byBuildctl(asked: ImageAsked, deps: MachineDeps, signal: AbortSignal | undefined): Promise<void> {
  const { context, dockerfile, image, architecture } = asked;
  const run = await runner('buildctl', asked, deps, signal);
  const insecure = isLoopback(parseReference(image).host) ? ',registry.insecure=true' : '';
  const options = {
    filename: basename(dockerfile),
    platform: `linux/${architecture}`,
    ...prefixed('build-arg', asked.arguments),
    ...prefixed('label', asked.labels),
  };
  await run(
    ...['build', '--progress=plain', '--frontend=dockerfile.v0'],
    ...['--local', `context=${context}`, '--local', `dockerfile=${dirname(dockerfile)}`],
    ...Object.entries(options).flatMap(([name, value]) => ['--opt', `${name}=${value}`]),
    // Unlike buildx it attests nothing unless it is asked to.
    ...['--output', `type=image,name=${image},push=true,oci-mediatypes=true${insecure}`],
  );
}

function prefixed(prefix: string, values: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}:${name}`, value]));
}

async function byBuildah(asked: ImageAsked, deps: MachineDeps, signal: AbortSignal | undefined): Promise<void> {
  const policy = join(deps.folder, 'signature-policy.json');
  // What is pulled is pinned by digest; signatures are for those who set a policy of their own.
  await writeFile(policy, JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
  const storage = [
    '--storage-driver',
    'vfs',
    '--root',
    join(deps.folder, 'storage'),
    '--runroot',
    join(deps.folder, 'run'),
  ];
  const registry = [
    ...(isLoopback(parseReference(asked.image).host) ? ['--tls-verify=false'] : []),
    '--signature-policy',
    policy,
  ];
  const run = await runner('buildah', asked, deps, signal);
  // Namespaces of its own are what a build container may not have; what is run there is the user's own Dockerfile.
  const quiet = ['--isolation', 'chroot', '--format', 'oci', '--identity-label=false'];
  await run(...storage, 'build', ...quiet, ...registry, ...argumentsOf(asked), asked.context);
  await run(...storage, 'push', ...registry, asked.image);
}

function argumentsOf({ dockerfile, image, architecture, arguments: values, labels }: ImageAsked): string[] {
  return [
    '--platform',
    `linux/${architecture}`,
    '--file',
    dockerfile,
    '--tag',
    image,
    ...Object.entries(values).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]),
    ...Object.entries(labels).flatMap(([name, value]) => ['--label', `${name}=${value}`]),
  ];
}

/** Calls of one program that log in by a file: docker and buildctl read it from DOCKER_CONFIG, buildah from REGISTRY_AUTH_FILE. */
async function runner(
  program: string,
  asked: ImageAsked,
  { folder, environment, credentials }: MachineDeps,
  signal: AbortSignal | undefined,
): Promise<(...argv: string[]) => Promise<void>> {
  const hosts = new Set([asked.image, ...Object.values(asked.arguments)].flatMap(hostOf));
  const auths: Record<string, { auth: string }> = {};
  for (const host of hosts) {
    const known = await credentials(host);
    if (known) auths[host] = { auth: Buffer.from(`${known.username}:${known.password}`).toString('base64') };
  }
  const config = join(folder, 'docker');
  const file = join(config, 'config.json');
  await mkdir(config, { recursive: true });
  await writeFile(file, JSON.stringify({ auths }), { mode: 0o600 });
  const call: Omit<ProgramCall, 'arguments'> = {
    program,
    environment: { ...environment, DOCKER_CONFIG: config, REGISTRY_AUTH_FILE: file },
    signal,
  };
  return (...argv) => runProgram({ ...call, arguments: argv });
}

function hostOf(reference: string): string[] {
  try {
    return [parseReference(reference).host];
  } catch (error) {
    // A build argument need not be an image.
    if (error instanceof UserError) return [];
    throw error;
  }
}
