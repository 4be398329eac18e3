/**
 * How code becomes an image: the recipe, its inputs, and the nodes that build. The hash of the inputs is the image's tag:
 * the same code, base and recipe are built once, whoever asks, also after a restart. Pure.
 */
import { parseDocument } from 'yaml';
import type { LambdaContainerClassSpec, LambdaContainerSpec } from '../api/index.ts';
import { shortHash, versionedHash } from '../core/index.ts';
import { baseImage, codebuildProject, ecrRepository, imageBuild } from '../kinds/index.ts';
import { type Node, node } from '../resource/index.ts';
import type { ComposeInput } from './compose.ts';
import { gitSecretFor } from './git-credentials.ts';
import { projectName, repositoryName } from './names.ts';
import { pinned } from './pins.ts';
import { type Code, sourceNodeId } from './source.ts';
import { BUILDSPECS, DOCKERFILES } from './templates.ts';

export type RecipeName = 'composer' | 'dockerfile';

/** A version changes when what the recipe makes of equal inputs does, so that older images are not taken for new ones. */
export const RECIPES: Readonly<Record<RecipeName, string>> = {
  composer: 'composer-v2',
  dockerfile: 'dockerfile-v1',
};

export interface ImageInputs {
  readonly recipe: string;
  /** What identifies the code. */
  readonly code: string;
  /** Null where the code's own Dockerfile names its base. */
  readonly baseDigest: string | null;
  readonly handler: string | null;
  readonly architecture: string;
  readonly layers: readonly string[];
  /** Hash of the template, or what is built of a repository. */
  readonly dockerfile: string | null;
}

export function imageTag(inputs: ImageInputs): string {
  return versionedHash(inputs, 24);
}

/** AWS's base image for a managed runtime, without registry: `nodejs22.x` → `lambda/nodejs:22`. */
export function baseImageOf(runtime: string): string | undefined {
  const match = /^(nodejs|python|java|dotnet|ruby)(\d+(?:\.\d+)?)(?:\.x)?$/.exec(runtime);
  if (match) return `lambda/${match[1]}:${match[2]}`;
  if (runtime === 'provided.al2') return 'lambda/provided:al2';
  if (runtime === 'provided.al2023') return 'lambda/provided:al2023';
  return undefined;
}

/** A repository and a Dockerfile of an object's own are built; of all else the class decides. */
export function recipeOf(spec: LambdaContainerSpec, klass: LambdaContainerClassSpec): RecipeName {
  if (spec.source.repository || spec.build.dockerfile !== null) return 'dockerfile';
  return klass.build.recipe;
}

/** CodeBuild's standard images with Docker: https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-available.html */
const DOCKER_IMAGES = {
  LINUX_CONTAINER: 'aws/codebuild/amazonlinux-x86_64-standard:5.0',
  ARM_CONTAINER: 'aws/codebuild/amazonlinux-aarch64-standard:3.0',
} as const;

/** Nothing when there is an image already. */
export function imageNodes(input: ComposeInput, code: Code): Node[] {
  if (code.order === undefined) return [];
  const { key, spec, klass } = input;
  const repository = repositoryName(klass.ecr.repositoryPrefix, key.namespace);
  const project = projectName(spec.className);
  const architecture = spec.compute.architecture ?? code.architecture;
  const hasBase = code.packageType === 'Zip';
  const baseIdentity = { reference: baseImageReference(spec, klass, code), architecture };
  return [
    ...(hasBase
      ? [
          node(baseImage, {
            id: 'base-image',
            aspect: 'ImageBuilt',
            dependsOn: [sourceNodeId(spec)],
            resolve: () => ({ identity: baseIdentity, props: {} }),
          }),
        ]
      : []),
    node(ecrRepository, {
      id: 'repository',
      aspect: 'ImageBuilt',
      shared: true,
      dependsOn: [],
      resolve: () => ({ identity: { repositoryName: repository }, props: {} }),
    }),
    projectNode(input, project),
    node(imageBuild, {
      id: 'image',
      aspect: 'ImageBuilt',
      shared: true,
      dependsOn: [sourceNodeId(spec), ...(hasBase ? ['base-image'] : []), 'repository', 'build-project'],
      resolve: (get) => {
        const base = hasBase ? pinned(input.pins, 'base-image', baseIdentity, get('base-image')) : undefined;
        return imageAsked(input, code, { repository, project, uri: String(get('repository').uri), base, architecture });
      },
    }),
  ];
}

function projectNode({ spec, klass }: ComposeInput, project: string): Node {
  const { build } = klass;
  return node(codebuildProject, {
    id: 'build-project',
    aspect: 'ImageBuilt',
    shared: true,
    dependsOn: [],
    resolve: () => ({
      identity: { projectName: project },
      props: {
        serviceRoleArn: klass.roles.build,
        image: build.image,
        computeType: build.computeType,
        environmentType: build.environmentType,
        buildspec: build.recipe === 'composer' ? (build.buildspec ?? BUILDSPECS.composer) : BUILDSPECS.composer,
        timeoutMinutes: build.timeoutMinutes,
        description: `LambdaContainer builds of class ${spec.className}`,
        logGroupName: `/aws/codebuild/${project}`,
      },
    }),
  });
}

interface ImagePlace {
  readonly repository: string;
  readonly project: string;
  readonly uri: string;
  readonly base: { readonly digest: string; readonly uri: string } | undefined;
  readonly architecture: string;
}

function imageAsked({ spec, klass }: ComposeInput, code: Code, place: ImagePlace) {
  const { repository, project, uri, base, architecture } = place;
  const name = recipeOf(spec, klass);
  const recipe = RECIPES[name];
  const template = name === 'dockerfile' && base ? templateOf(spec, klass, code.runtime ?? '') : undefined;
  const inputs: ImageInputs = {
    recipe,
    code: code.revision,
    baseDigest: base?.digest ?? null,
    handler: base ? (code.handler ?? '') : null,
    architecture,
    layers: code.layers,
    dockerfile: template === undefined ? ownDockerfile(spec) : shortHash(template, 32),
  };
  const tag = imageTag(inputs);
  const { repository: git } = spec.source;
  const gitSecret = git && gitSecretFor(git.url, klass.build.gitCredentials);
  const order = {
    recipe,
    source: code.order,
    baseImage: base?.uri ?? null,
    repositoryUri: uri,
    tag,
    handler: inputs.handler,
    architecture,
    layers: code.layers,
    ownRuntime: (code.runtime ?? '').startsWith('provided.'),
    labels: labelsOf(spec, inputs),
  };
  return {
    identity: { repositoryName: repository, tag, projectName: project },
    props: {
      environment: {
        LAMBDACONTAINER_INPUTS: tag,
        LAMBDACONTAINER_BUILD: JSON.stringify(order),
        ...(name === 'dockerfile' ? { LAMBDACONTAINER_BUILDER_IMAGE: klass.build.image } : {}),
      },
      ...(gitSecret === undefined ? {} : { secrets: { LAMBDACONTAINER_GIT_SECRET: gitSecret } }),
      recipe,
      concurrency: klass.build.concurrency,
      ...(name === 'dockerfile' ? { environmentOverride: dockerEnvironment(klass, template) } : {}),
    },
  };
}

/**
 * Where a Dockerfile is built: with a daemon, so privileged. The template travels in the buildspec: the variables of a
 * build hold 5,500 characters in all.
 */
function dockerEnvironment({ build }: LambdaContainerClassSpec, template: string | undefined) {
  const buildspec = build.recipe === 'dockerfile' ? (build.buildspec ?? BUILDSPECS.dockerfile) : BUILDSPECS.dockerfile;
  return {
    image: build.dockerImage ?? DOCKER_IMAGES[build.environmentType],
    privileged: true,
    buildspec:
      template === undefined ? buildspec : withVariable(buildspec, 'LAMBDACONTAINER_DOCKERFILE', encoded(template)),
  };
}

/** In base64: nothing on its way may take a line or a path in it for its own. */
function encoded(template: string): string {
  return Buffer.from(template, 'utf8').toString('base64');
}

function withVariable(buildspec: string, name: string, value: string): string {
  const document = parseDocument(buildspec);
  document.setIn(['env', 'variables', name], value);
  return document.toString();
}

function templateOf(spec: LambdaContainerSpec, klass: LambdaContainerClassSpec, runtime: string): string {
  const family = (/^[a-z]+/.exec(runtime)?.[0] ?? '') as keyof typeof DOCKERFILES;
  return spec.build.dockerfile ?? klass.build.dockerfile ?? DOCKERFILES[family] ?? DOCKERFILES.provided;
}

function ownDockerfile({ source }: LambdaContainerSpec): string | null {
  return source.repository ? `${source.repository.context}/${source.repository.dockerfile}` : null;
}

/** Provenance, as functions of the inputs alone: equal inputs must stay an equal image. */
function labelsOf({ source }: LambdaContainerSpec, inputs: ImageInputs): Record<string, string> {
  return {
    'org.opencontainers.image.revision': inputs.code,
    ...(source.repository ? { 'org.opencontainers.image.source': source.repository.url } : {}),
    ...(inputs.baseDigest === null ? {} : { 'org.opencontainers.image.base.digest': inputs.baseDigest }),
    'lambdacontainer.dev/code': inputs.code,
    'lambdacontainer.dev/recipe': inputs.recipe,
  };
}

function baseImageReference(spec: LambdaContainerSpec, klass: LambdaContainerClassSpec, code: Code): string {
  const named = spec.build.baseImage ?? baseImageOf(code.runtime ?? '') ?? `lambda/${code.runtime ?? 'unknown'}`;
  // A class may serve AWS's public images from a pull-through cache.
  const path = named.replace(/^public\.ecr\.aws\//, '');
  return path === named && named.includes('.') && named.split('/')[0]?.includes('.')
    ? named
    : `${klass.build.baseImageRegistry}/${path}`;
}
