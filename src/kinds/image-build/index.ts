/**
 * An image by the hash of its inputs (its tag), seen as a resource whose making is a CodeBuild build. It owns the image
 * under that tag and the builds that carry the tag as `LAMBDACONTAINER_INPUTS`; not the repository, the project, or
 * what a build does. Builds are looked at only while there is no image.
 *
 * The project's newest 100 builds are considered: with more builds of other images since, a failure is forgotten and
 * tried anew.
 */
import type { Build } from '@aws-sdk/client-codebuild';
import type { BatchDeleteImageCommandOutput } from '@aws-sdk/client-ecr';
import type { Call } from '../../aws/index.ts';
import { Failure, shortHash } from '../../core/index.ts';
import {
  type Identity,
  type Io,
  READY,
  type Readiness,
  type ResourceKind,
  unlessAbsent,
  unlessGone,
} from '../../resource/index.ts';

/** Identity: `repositoryName`, `tag` (hash of the inputs) and `projectName`. */
export interface ImageBuildProps {
  /** Plain-text variables of the build. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface ImageBuildObserved {
  readonly image: { readonly digest: string; readonly uri: string } | null;
  /** Of this tag, newest first. Empty when there is an image. */
  readonly builds: readonly ObservedBuild[];
}

export interface ObservedBuild {
  readonly id: string;
  /** IN_PROGRESS, SUCCEEDED, FAILED, FAULT, STOPPED or TIMED_OUT. */
  readonly status: string;
  readonly phase: string;
  readonly startedAtMs: number | null;
  readonly endedAtMs: number | null;
  /** What the failing phase said. */
  readonly failure: string | null;
  /** `group/stream`. */
  readonly log: string | null;
}

/** The variable by which a build is known to be of an image. */
const INPUTS = 'LAMBDACONTAINER_INPUTS';
const RETRY_MS_BASE = 30_000;
const RETRY_MS_MAX = 30 * 60_000;

export const imageBuild: ResourceKind<ImageBuildProps, ImageBuildObserved> = {
  name: 'image-build',
  permissions: [
    {
      actions: ['ecr:DescribeImages', 'ecr:DescribeRepositories'],
      resources: ['arn:aws:ecr:*:*:repository/*'],
      because: 'looks whether an image exists',
    },
    {
      actions: ['ecr:BatchDeleteImage'],
      resources: ['arn:aws:ecr:*:*:repository/*'],
      only: 'owned',
      because: 'removes the tag of an image that no object uses any more',
    },
    {
      actions: ['codebuild:ListBuildsForProject', 'codebuild:BatchGetBuilds'],
      resources: ['arn:aws:codebuild:*:*:project/*'],
      because: 'follows a build until it ends',
    },
    {
      actions: ['codebuild:StartBuild', 'codebuild:StopBuild', 'codebuild:BatchDeleteBuilds'],
      resources: ['arn:aws:codebuild:*:*:project/*'],
      only: 'owned',
      because: 'builds an image that does not exist, and clears the builds of one that is not wanted any more',
    },
  ],
  calls: {
    create: ['codebuild StartBuild'],
    update: ['codebuild StartBuild'],
    delete: ['ecr BatchDeleteImage', 'codebuild StopBuild', 'codebuild BatchDeleteBuilds'],
    release: [],
  },

  async observe(io, identity, call) {
    const image = await imageOf(io, identity, call);
    if (image) return { image, builds: [] };
    const builds = await buildsOf(io, identity, call);
    if (builds[0]?.status !== 'SUCCEEDED') return builds.length > 0 ? { image: null, builds } : undefined;
    // Either it pushed since we looked, or its image was deleted: a second look tells.
    const pushed = await imageOf(io, identity, call);
    return pushed && { image: pushed, builds: [] };
  },

  // Neither an image by tag nor a build can carry tags of ours.
  tags: () => undefined,

  readiness({ image, builds }): Readiness {
    const [newest] = builds;
    if (image || !newest) return READY;
    const sinceMs = newest.endedAtMs ?? newest.startedAtMs ?? undefined;
    const log = newest.log ? `; log: ${newest.log}` : '';
    if (newest.status === 'IN_PROGRESS') {
      return {
        state: 'pending',
        reason: 'Building',
        message: `build ${newest.id} is in phase ${newest.phase}${log}`,
        acceptsUpdate: false,
        usable: false,
        sinceMs,
      };
    }
    return {
      state: 'failed',
      reason: 'BuildFailed',
      message: `build ${newest.id} ${newest.status} in phase ${newest.phase}: ${newest.failure ?? 'no reason given'}${log}`,
      sinceMs,
      retryAfterMs: Math.min(RETRY_MS_MAX, RETRY_MS_BASE * 2 ** failuresInARow(builds)),
    };
  },

  outputs: ({ image }) => (image ? { digest: image.digest, uri: image.uri } : {}),

  // The tag is the hash of everything that decides the image.
  diff: () => [],

  async create(io, identity, desired, call) {
    // Counting what ran before makes the token new when an image is built again after it was deleted.
    const builds = await buildsOf(io, identity, call);
    if (builds[0]?.status === 'IN_PROGRESS') return;
    await start(io, identity, desired, `${call.token}/${builds.length}`, call);
  },

  async update(io, identity, desired, { image, builds }, _changes, call) {
    if (image || builds[0]?.status === 'IN_PROGRESS') return;
    await start(io, identity, desired, `${call.token}/${builds.length}`, call);
  },

  async delete(io, { repositoryName, tag }, { image, builds }, call) {
    if (image) {
      const imageIds = [{ imageTag: tag }];
      await unlessGone(io.aws.ecr.batchDeleteImage({ repositoryName, imageIds }, call).then(refuseFailures));
    }
    const running = builds.filter(({ status }) => status === 'IN_PROGRESS');
    for (const { id } of running) await unlessGone(io.aws.codebuild.stopBuild({ id }, call));
    // A failed build stays visible for a year and would be taken for an attempt at an image that nobody wants.
    const ended = builds.filter((build) => !running.includes(build)).map(({ id }) => id);
    if (ended.length > 0) await io.aws.codebuild.batchDeleteBuilds({ ids: ended }, call);
  },

  // It carries no mark of ours.
  release: async () => {},
};

async function imageOf(io: Io, identity: Identity, call: Call) {
  const { repositoryName = '', tag } = identity;
  return unlessAbsent(
    (async () => {
      const [found, repositoryUri] = await Promise.all([
        io.aws.ecr.describeImages({ repositoryName, imageIds: [{ imageTag: tag }] }, call),
        repositoryUriOf(io, repositoryName, call),
      ]);
      const digest = found.imageDetails?.[0]?.imageDigest;
      return digest === undefined ? undefined : { digest, uri: `${repositoryUri}@${digest}` };
    })(),
  );
}

/** Decided by account, region and name: asked once. */
async function repositoryUriOf(io: Io, repositoryName: string, call: Call): Promise<string> {
  const key = `ecr-repository-uri ${repositoryName}`;
  const known = io.immutable.get(key) as string | undefined;
  if (known !== undefined) return known;
  const { repositories } = await io.aws.ecr.describeRepositories({ repositoryNames: [repositoryName] }, call);
  const uri = repositories?.[0]?.repositoryUri ?? '';
  io.immutable.set(key, uri);
  return uri;
}

async function buildsOf(io: Io, identity: Identity, call: Call): Promise<ObservedBuild[]> {
  const { tag, projectName } = identity;
  return (
    (await unlessAbsent(
      (async () => {
        const { ids } = await io.aws.codebuild.listBuildsForProject({ projectName, sortOrder: 'DESCENDING' }, call);
        if (!ids || ids.length === 0) return [];
        const { builds } = await io.aws.codebuild.batchGetBuilds({ ids: ids.slice(0, 100) }, call);
        return (builds ?? [])
          .filter((build) => variable(build, INPUTS) === tag)
          .map(observedBuild)
          .sort((a, b) => (b.startedAtMs ?? 0) - (a.startedAtMs ?? 0));
      })(),
    )) ?? []
  );
}

function variable(build: Build, name: string): string | undefined {
  return build.environment?.environmentVariables?.find((candidate) => candidate.name === name)?.value;
}

function observedBuild(build: Build): ObservedBuild {
  const failing = (build.phases ?? []).find(
    ({ phaseStatus }) => phaseStatus && !['SUCCEEDED', 'IN_PROGRESS'].includes(phaseStatus),
  );
  const said = (failing?.contexts ?? []).flatMap(({ statusCode, message }) => message || statusCode || []);
  const { groupName, streamName } = build.logs ?? {};
  return {
    id: build.id ?? '',
    status: build.buildStatus ?? 'IN_PROGRESS',
    phase: failing?.phaseType ?? build.currentPhase ?? 'QUEUED',
    startedAtMs: build.startTime?.getTime() ?? null,
    endedAtMs: build.endTime?.getTime() ?? null,
    failure: said.length > 0 ? said.join('; ') : null,
    log: groupName && streamName ? `${groupName}/${streamName}` : null,
  };
}

function failuresInARow(builds: readonly ObservedBuild[]): number {
  const firstSuccess = builds.findIndex(({ status }) => status === 'SUCCEEDED');
  return firstSuccess < 0 ? builds.length : firstSuccess;
}

async function start(
  io: Io,
  { projectName }: Identity,
  desired: ImageBuildProps,
  token: string,
  call: Call,
): Promise<void> {
  await io.aws.codebuild.startBuild(
    {
      projectName,
      idempotencyToken: shortHash(token, 32),
      environmentVariablesOverride: Object.entries(desired.environment).map(([name, value]) => ({
        name,
        value,
        type: 'PLAINTEXT',
      })),
    },
    call,
  );
}

/** BatchDeleteImage answers success with failures inside; an image that is gone is none. */
function refuseFailures(answer: BatchDeleteImageCommandOutput): void {
  const failure = answer.failures?.find(({ failureCode }) => failureCode !== 'ImageNotFound');
  if (!failure) return;
  throw new Failure({
    kind: failure.failureCode === 'ImageReferencedByManifestList' ? 'conflict' : 'invalid',
    service: 'ecr',
    operation: 'batchDeleteImage',
    code: failure.failureCode ?? 'UnknownError',
    message: failure.failureReason ?? 'the image was not deleted',
  });
}
