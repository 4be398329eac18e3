/**
 * Where the code comes from: the one node that tells which code is desired now, and what is known of that code once the
 * node was read. The rest of the graph is composed from these facts and does not ask which kind of source it was. Pure.
 */
import type { LambdaContainerSpec } from '../api/index.ts';
import { baseImage, gitCommit, lambdaFunction, type S3ObjectObserved, s3Object } from '../kinds/index.ts';
import { type Node, node, type Outputs } from '../resource/index.ts';
import type { ComposeInput, FunctionFacts } from './compose.ts';
import { gitSecretFor } from './git-credentials.ts';
import { pinned } from './pins.ts';

/** Facts of the code, whatever its source. */
export interface Code extends FunctionFacts {
  /** What identifies the code: a SHA-256, a digest, an object's ETag and size, a commit. */
  readonly revision: string;
  /** For the build; undefined when there is an image already. */
  readonly order: Readonly<Record<string, unknown>> | undefined;
}

export interface Source {
  readonly node: Node;
  code(outputs: Outputs): Code;
}

/** The id of the node that tells which code is desired. */
export function sourceNodeId({ source }: LambdaContainerSpec): 'function' | 'source' {
  return source.functionRef ? 'function' : 'source';
}

/** @throws Error when the spec names no source: validation lets none such pass */
export function sourceOf(input: ComposeInput): Source {
  const { source } = input.spec;
  if (source.functionRef) return functionSource(source.functionRef);
  if (source.image) return imageSource(input, source.image);
  if (source.archive) return archiveSource(input, source.archive);
  if (source.repository) return repositorySource(input, source.repository);
  throw new Error('validation let a spec without a source pass');
}

type SourceSpec = LambdaContainerSpec['source'];

function functionSource({ name, qualifier }: NonNullable<SourceSpec['functionRef']>): Source {
  return {
    node: node(lambdaFunction, {
      id: 'function',
      aspect: 'SourceResolved',
      dependsOn: [],
      resolve: () => ({ identity: { functionName: name, qualifier: qualifier ?? '' }, props: {} }),
    }),
    code(outputs) {
      const facts = outputs as unknown as FunctionFacts;
      const { codeSha256, functionName } = facts;
      const order = { type: 'function', name: functionName, qualifier: qualifier ?? null, codeSha256 };
      return { ...facts, revision: codeSha256, order: facts.packageType === 'Image' ? undefined : order };
    },
  };
}

function imageSource(input: ComposeInput, { uri }: NonNullable<SourceSpec['image']>): Source {
  const architecture = input.spec.compute.architecture ?? 'x86_64';
  const identity = { reference: uri, architecture };
  return {
    node: node(baseImage, {
      id: 'source',
      aspect: 'SourceResolved',
      dependsOn: [],
      resolve: () => ({ identity, props: {} }),
    }),
    code(outputs) {
      const found = pinned(input.pins, 'source', identity, outputs);
      return { ...withoutFunction(input), packageType: 'Image', imageUri: found.uri, revision: found.digest };
    },
  };
}

function repositorySource(input: ComposeInput, repository: NonNullable<SourceSpec['repository']>): Source {
  const { url, ref, context, dockerfile } = repository;
  const secret = gitSecretFor(url, input.klass.build.gitCredentials);
  return {
    node: node(gitCommit, {
      id: 'source',
      aspect: 'SourceResolved',
      dependsOn: [],
      resolve: () => ({ identity: { url, ref, ...(secret === undefined ? {} : { secret }) }, props: {} }),
    }),
    code(outputs) {
      const commit = String(outputs.commit);
      const order = { type: 'repository', url, commit, context, dockerfile };
      return { ...withoutFunction(input), packageType: 'Repository', revision: commit, order };
    },
  };
}

function archiveSource(input: ComposeInput, archive: NonNullable<SourceSpec['archive']>): Source {
  const { runtime, handler, layers } = archive;
  const { bucket, key, versionId } = archive.s3;
  const facts = withoutFunction(input);
  return {
    node: node(s3Object, {
      id: 'source',
      aspect: 'SourceResolved',
      dependsOn: [],
      resolve: () => ({ identity: { location: `${bucket}/${key}`, versionId: versionId ?? '' }, props: {} }),
    }),
    code(outputs) {
      const { etag, size, versionId: found, checksumSha256 } = outputs as unknown as S3ObjectObserved;
      return {
        ...facts,
        runtime,
        handler,
        layers,
        architecture: archive.architecture ?? facts.architecture,
        // Not the version: the same content put twice is the same code.
        revision: checksumSha256 === null ? `${etag.replaceAll('"', '')}:${size}` : `sha256:${checksumSha256}`,
        order: { type: 'archive', bucket, key, versionId: found, etag },
      };
    },
  };
}

/**
 * What code finds in its environment where no function of Lambda's gives it. The ARN names none that exists: it has the
 * form that code expects of `context.invokedFunctionArn`.
 */
function withoutFunction({ key, spec, klass, region }: ComposeInput): Code {
  const [, partition = 'aws', , , account = ''] = klass.roles.execution.split(':');
  return {
    arn: `arn:${partition}:lambda:${region}:${account}:function:${key.name}`,
    functionName: key.name,
    version: '$LATEST',
    packageType: 'Zip',
    runtime: undefined,
    handler: undefined,
    codeSha256: '',
    architecture: spec.compute.architecture ?? 'x86_64',
    memoryMb: spec.compute.memory,
    environment: {},
    layers: [],
    roleArn: '',
    imageUri: undefined,
    imageConfig: undefined,
    revision: '',
    order: undefined,
  };
}
