/**
 * Creates the example functions through the ordinary Lambda and registry APIs, as their owner would have, long before
 * anyone thought of containers. A function that exists is left as it is.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Zippable, zipSync } from 'fflate';
import { ecrCredentials, type Ports } from '../../aws/index.ts';
import { isFailure, systemClock, UserError } from '../../core/index.ts';
import {
  compose,
  fileEntry,
  layerFromEntries,
  parseReference,
  parseRepository,
  RegistryClient,
} from '../../oci/index.ts';

interface FunctionFile {
  readonly FunctionName: string;
  readonly PackageType?: 'Zip' | 'Image';
  readonly Runtime?: string;
  readonly Handler?: string;
  readonly MemorySize: number;
  readonly Timeout: number;
}

/** Files of an example that are about it, not of it. */
const NOT_CODE = new Set(['function.json', 'lambdacontainer.yaml', 'README.md', 'Dockerfile']);
/** Zip has no time before 1980; a fixed one gives the same archive every time. */
const ZIP_TIME = new Date(Date.UTC(1980, 1, 1));

export function examplesFolder(): string {
  // src/cli/local/examples.ts when run from source, dist/cli.mjs or dist/chunks/*.mjs when bundled.
  let folder = dirname(fileURLToPath(import.meta.url));
  for (let depth = 0; depth < 5; depth++) {
    const candidate = join(folder, 'examples');
    if (
      statSync(candidate, { throwIfNoEntry: false })?.isDirectory() &&
      statSync(join(candidate, 'hello'), { throwIfNoEntry: false })
    ) {
      return candidate;
    }
    folder = dirname(folder);
  }
  throw new Error('the examples folder is missing from this installation');
}

export interface Example {
  readonly name: string;
  readonly functionName: string;
  readonly manifest: string;
  readonly folder: string;
}

/** @throws UserError when there is no such example */
export function readExample(name: string): Example {
  const folder = join(examplesFolder(), name);
  if (!/^[\w-]+$/.test(name) || !statSync(join(folder, 'function.json'), { throwIfNoEntry: false })) {
    const known = readdirSync(examplesFolder(), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
    throw new UserError(`--example ${name}: there is no such example; use ${known.join(', ')}, or none`, 2);
  }
  const { FunctionName } = JSON.parse(readFileSync(join(folder, 'function.json'), 'utf8')) as FunctionFile;
  return { name, functionName: FunctionName, manifest: join(folder, 'lambdacontainer.yaml'), folder };
}

/** True when it was created now. */
export async function createExampleFunction(
  ports: Ports,
  example: Example,
  roleArn: string,
  registry: string,
): Promise<boolean> {
  const definition = JSON.parse(readFileSync(join(example.folder, 'function.json'), 'utf8')) as FunctionFile;
  try {
    await ports.lambda.getFunction({ FunctionName: definition.FunctionName });
    return false;
  } catch (error) {
    if (!isFailure(error, 'notFound')) throw error;
  }
  const hasDependencies = statSync(join(example.folder, 'package-lock.json'), { throwIfNoEntry: false });
  if (hasDependencies && !statSync(join(example.folder, 'node_modules'), { throwIfNoEntry: false })) {
    throw new UserError(
      `example ${example.name} has its own dependencies; install them once: npm ci --prefix ${relative(process.cwd(), example.folder)}`,
    );
  }
  const { PackageType = 'Zip', Runtime, Handler, MemorySize, Timeout } = definition;
  const common = { FunctionName: definition.FunctionName, Role: roleArn, MemorySize, Timeout };
  if (PackageType === 'Image') {
    const ImageUri = await pushExampleImage(ports, example, registry);
    await ports.lambda.createFunction({ ...common, PackageType, Code: { ImageUri } });
  } else {
    const ZipFile = zipSync(filesOf(example.folder), { mtime: ZIP_TIME });
    await ports.lambda.createFunction({ ...common, Runtime: Runtime as never, Handler, Code: { ZipFile } });
  }
  return true;
}

function filesOf(folder: string): Zippable {
  const files: Zippable = {};
  for (const path of pathsBelow(folder)) {
    const name = relative(folder, path).split(sep).join('/');
    if (!NOT_CODE.has(name)) files[name] = readFileSync(path);
  }
  return files;
}

function pathsBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return entry.name === '.bin' ? [] : pathsBelow(path);
      return entry.isFile() ? [path] : [];
    });
}

/** What `docker build` and `docker push` of the example's Dockerfile would do. */
async function pushExampleImage(ports: Ports, example: Example, registry: string): Promise<string> {
  const repositoryName = `examples/${example.name}`;
  try {
    await ports.ecr.createRepository({ repositoryName });
  } catch (error) {
    if (!isFailure(error, 'conflict')) throw error;
  }
  const client = new RegistryClient({ credentials: ecrCredentials(() => ports.ecr, systemClock, registry) });
  try {
    const { manifest, config } = await client.image(parseReference(`${registry}/lambda/nodejs:22`), {
      os: 'linux',
      architecture: 'amd64',
    });
    const code = await layerFromEntries([fileEntry('var/task/app.mjs', readFileSync(join(example.folder, 'app.mjs')))]);
    const image = compose({ base: { manifest, config }, layers: [code], config: { cmd: ['app.handler'] } });
    await client.pushImage(parseRepository(`${registry}/${repositoryName}`), image, {
      tag: 'latest',
      base: parseRepository(`${registry}/lambda/nodejs`),
    });
    return `${registry}/${repositoryName}:latest`;
  } finally {
    await client.close();
  }
}
