/**
 * Stand-ins for the public base images that cannot be pulled without a network: AWS's Lambda images and Docker's node.
 * They keep the contract of the originals (entry point, bootstrap, paths, variables) and run the machine's own Node and
 * Python, which the task driver names in LAMBDACONTAINER_HOST_NODE and LAMBDACONTAINER_HOST_PYTHON. Their digests are
 * the same on every machine; the image's label says what it stands in for.
 */
import { readFileSync } from 'node:fs';
import {
  type ComposedImage,
  type ConfigChanges,
  compose,
  composeIndex,
  fileEntry,
  type Layer,
  type LayerEntry,
  layerFromEntries,
  type ManifestDocument,
  scratch,
} from '../oci/index.ts';
import type { RuntimeFile } from './runtimes/locate.ts';
import type { EcrService } from './services/ecr.ts';

const ARCHITECTURES = ['amd64', 'arm64'] as const;

interface Family {
  readonly repository: string;
  readonly tags: readonly string[];
  /** The image that it stands in for, without tag. */
  readonly original: string;
  readonly config: ConfigChanges;
  files(runtime: (name: RuntimeFile) => Uint8Array): LayerEntry[];
}

/** What AWS's script does, without the emulator that it starts when no Runtime API is named. */
const ENTRYPOINT = `#!/bin/sh
if [ $# -ne 1 ]; then
  echo "entrypoint requires the handler name to be the first argument" 1>&2
  exit 142
fi
if [ -z "$AWS_LAMBDA_RUNTIME_API" ]; then
  echo "AWS_LAMBDA_RUNTIME_API is not set, and this stand-in image has no emulator" 1>&2
  exit 1
fi
_HANDLER="$1"
export _HANDLER
exec "$LAMBDA_RUNTIME_DIR/bootstrap"
`;

const LAMBDA_CONFIG: ConfigChanges = {
  entrypoint: ['/lambda-entrypoint.sh'],
  workingDir: '/var/task',
  env: {
    LAMBDA_TASK_ROOT: '/var/task',
    LAMBDA_RUNTIME_DIR: '/var/runtime',
    PATH: '/var/lang/bin:/usr/local/bin:/usr/bin:/bin:/opt/bin',
  },
};

function lambdaFiles(bootstrap: string, ...runtime: LayerEntry[]): LayerEntry[] {
  return [
    fileEntry('lambda-entrypoint.sh', ENTRYPOINT, { executable: true }),
    fileEntry('var/runtime/bootstrap', `#!/bin/sh\n${bootstrap}\n`, { executable: true }),
    { type: 'directory', path: 'var/task' },
    { type: 'directory', path: 'opt' },
    ...runtime,
  ];
}

function interpreted(variable: string, language: string, file: string): string {
  return `if [ -z "$${variable}" ]; then
  echo "this machine has no ${language} to run the function with" 1>&2
  exit 127
fi
exec "$${variable}" "$LAMBDA_RUNTIME_DIR/${file}"`;
}

const FAMILIES: readonly Family[] = [
  {
    repository: 'lambda/nodejs',
    tags: ['20', '22', '24', '26'],
    original: 'public.ecr.aws/lambda/nodejs',
    config: LAMBDA_CONFIG,
    files: (runtime) =>
      lambdaFiles(
        interpreted('LAMBDACONTAINER_HOST_NODE', 'Node.js', 'index.mjs'),
        fileEntry('var/runtime/index.mjs', runtime('node.mjs')),
      ),
  },
  {
    repository: 'lambda/python',
    tags: ['3.10', '3.11', '3.12', '3.13', '3.14', '3.15'],
    original: 'public.ecr.aws/lambda/python',
    config: LAMBDA_CONFIG,
    files: (runtime) =>
      lambdaFiles(
        interpreted('LAMBDACONTAINER_HOST_PYTHON', 'Python', 'bootstrap.py'),
        fileEntry('var/runtime/bootstrap.py', runtime('python.py')),
      ),
  },
  {
    repository: 'lambda/provided',
    tags: ['al2', 'al2023'],
    original: 'public.ecr.aws/lambda/provided',
    config: LAMBDA_CONFIG,
    // A function's own bootstrap first, then a layer's, as Lambda looks for it.
    files: () =>
      lambdaFiles(
        'if [ -x "$LAMBDA_TASK_ROOT/bootstrap" ]; then exec "$LAMBDA_TASK_ROOT/bootstrap"; fi\n' +
          'exec "$' +
          '{LAMBDA_RUNTIME_DIR%/var/runtime}/opt/bootstrap"',
      ),
  },
  {
    repository: 'docker/library/node',
    tags: ['24-slim'],
    original: 'docker.io/library/node',
    config: { cmd: ['node'], env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' } },
    files: () => [
      fileEntry('usr/local/bin/node', '#!/bin/sh\nexec "$LAMBDACONTAINER_HOST_NODE" "$@"\n', { executable: true }),
    ],
  },
];

/**
 * Puts the stand-ins into the registry as public repositories. Idempotent: images that are there already, by content,
 * are not touched.
 * @throws Error when a runtime client's file is missing: the installation is incomplete
 */
export async function seedBaseImages(deps: {
  ecr: EcrService;
  enter: (step: (nowMs: number) => void) => void;
  runtimeFile: (name: RuntimeFile) => string;
}): Promise<void> {
  const runtime = (name: RuntimeFile) => readFileSync(deps.runtimeFile(name));
  const built = await Promise.all(
    FAMILIES.map(async (family) => {
      const layer = await layerFromEntries(family.files(runtime), {
        createdBy: `lambdacontainer stand-in for ${family.original}`,
      });
      const images = family.tags.map((tag) => buildImage(family, tag, layer));
      return { family, layer: await bytesOf(layer), images: await Promise.all(images) };
    }),
  );
  await new Promise<void>((resolve, reject) => {
    deps.enter((nowMs) => {
      try {
        for (const { family, layer, images } of built) seed(deps.ecr, family.repository, layer, images, nowMs);
        resolve();
      } catch (error) {
        reject(error);
      }
    });
  });
}

interface BuiltImage {
  readonly tag: string;
  readonly index: ManifestDocument;
  readonly platforms: readonly { image: ComposedImage; config: Uint8Array }[];
}

async function buildImage(family: Family, tag: string, layer: Layer): Promise<BuiltImage> {
  const config = { ...family.config, labels: { 'lambdacontainer.dev/stands-in-for': `${family.original}:${tag}` } };
  const images = ARCHITECTURES.map((architecture) => ({
    architecture,
    image: compose({ base: scratch(architecture), layers: [layer], config }),
  }));
  const platforms = await Promise.all(
    images.map(async ({ image }) => ({ image, config: await bytesOf(image.config) })),
  );
  return { tag, index: composeIndex(images), platforms };
}

function seed(
  ecr: EcrService,
  repository: string,
  layer: Uint8Array,
  images: readonly BuiltImage[],
  nowMs: number,
): void {
  ecr.seedRepository(repository, nowMs);
  for (const { tag, index, platforms } of images) {
    if (ecr.manifest(repository, tag)?.digest === index.digest) continue;
    ecr.putBlob(repository, layer);
    for (const { image, config } of platforms) {
      ecr.putBlob(repository, config);
      ecr.putManifest(repository, image.digest, image.mediaType, image.bytes, nowMs);
    }
    ecr.putManifest(repository, tag, index.mediaType, index.bytes, nowMs);
  }
}

async function bytesOf(blob: { open(): AsyncIterable<Uint8Array> }): Promise<Uint8Array> {
  const held: Uint8Array[] = [];
  for await (const chunk of blob.open()) held.push(chunk);
  return Buffer.concat(held);
}
