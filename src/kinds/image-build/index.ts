/**
 * An image by the hash of its inputs (its tag), seen as a resource whose making is a CodeBuild build. It owns the image
 * under that tag and the builds that carry the tag as `LAMBDACONTAINER_INPUTS`; not the repository, the project, or
 * what a build does. Builds are looked at only while there is no image.
 *
 * The project's newest 100 builds are considered: with more builds of other images since, a failure is forgotten and
 * tried anew.
 */
import type { Build, StartBuildCommandInput } from '@aws-sdk/client-codebuild';
import type { BatchDeleteImageCommandOutput, ImageDetail } from '@aws-sdk/client-ecr';
import { type Call, ecrImages } from '../../aws/index.ts';
import { Failure, isFailure, shortHash } from '../../core/index.ts';
import {
  type CreateCall,
  type Identity,
  type Io,
  items,
  members,
  READY,
  type Readiness,
  type ResourceKind,
  type Sweep,
  text,
  unlessAbsent,
  unlessGone,
} from '../../resource/index.ts';

import { tailOf } from './log-tail.ts';
import { LISTED_WITHIN_MS, WaitingLine } from './waiting-line.ts';

/** Identity: `repositoryName`, `tag` (hash of the inputs) and `projectName`. */
export interface ImageBuildProps {
  /** Plain-text variables of the build. */
  readonly environment: Readonly<Record<string, string>>;
  /** Variables whose values CodeBuild itself reads, as the build's role: names or ARNs of Secrets Manager's secrets. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** How it is built, for people. */
  readonly recipe?: string;
  /** Builds of the project that may run at once. Default: as many as the account allows. */
  readonly concurrency?: number;
  /** Where it is built, if not where the project says. */
  readonly environmentOverride?: {
    readonly image: string;
    readonly privileged: boolean;
    readonly buildspec: string;
  };
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
  /** The last lines of the newest build, when it failed. */
  readonly tail?: readonly string[];
}

/** The variable by which a build is known to be of an image. */
const INPUTS = 'LAMBDACONTAINER_INPUTS';
const RETRY_MS_BASE = 30_000;
const RETRY_MS_MAX = 30 * 60_000;
const SLOT_POLL_MS = 10_000;
/** An image that a build has pushed is shown by then. */
const SHOWN_WITHIN_MS = 15_000;
const LIST_POLL_MS = 2_000;
/** The agent's own lines included, of which every phase has some. */
const LOG_EVENTS = 60;

/** Of an image that is there; builds are listed project by project, and only while one is waited for. */
interface ImageBuildSeen {
  readonly image: { readonly digest: string } | null;
}

const sweep: Sweep<ImageBuildProps, ImageBuildSeen, ImageDetail> = {
  listing: ecrImages,
  locate: ({ repositoryName = '', tag = '' }) => ({ scope: repositoryName, name: tag }),
  seen: ({ imageDigest = '' }) => ({ image: { digest: imageDigest } }),
  fields: { ImageDigestDrift: ({ image }) => image?.digest ?? null },
};

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
      actions: ['logs:GetLogEvents'],
      resources: ['arn:aws:logs:*:*:log-group:/aws/codebuild/*:log-stream:*'],
      because: 'tells the last lines of a build that failed',
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
    const { builds } = await buildsOf(io, identity, call);
    if (builds[0]?.status !== 'SUCCEEDED') {
      return builds.length > 0 ? { image: null, builds: await withTail(io, builds, call) } : undefined;
    }
    // Either it pushed since we looked, or its image was deleted: a second look tells.
    const pushed = await imageOf(io, identity, call);
    if (pushed) return { image: pushed, builds: [] };
    // Taken for deleted, an image that is only not shown yet would be built twice, or be left behind by its object.
    const sinceMs = io.nowMs() - (builds[0].endedAtMs ?? 0);
    return sinceMs < SHOWN_WITHIN_MS ? { image: null, builds } : undefined;
  },

  // Neither an image by tag nor a build can carry tags of ours.
  tags: () => undefined,

  readiness({ image, builds }, desired): Readiness {
    const [newest] = builds;
    if (image || !newest) return READY;
    const sinceMs = newest.endedAtMs ?? newest.startedAtMs ?? undefined;
    const log = newest.log ? `; log: ${newest.log}` : '';
    if (newest.status === 'SUCCEEDED') {
      const awaited = {
        reason: 'AwaitingVisibility',
        message: `build ${newest.id} pushed it, and it is not shown yet`,
      };
      // As an orphan it is not let go of before it can be deleted.
      if (desired === undefined) return { state: 'ending', ...awaited };
      return { state: 'pending', ...awaited, acceptsUpdate: false, usable: false, sinceMs };
    }
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
      message: `build ${newest.id} ${newest.status} in phase ${newest.phase}: ${newest.failure ?? 'no reason given'}${log}${(newest.tail ?? []).map((line) => `\n${line}`).join('')}`,
      sinceMs,
      retryAfterMs: Math.min(RETRY_MS_MAX, RETRY_MS_BASE * 2 ** failuresInARow(builds)),
    };
  },

  outputs: ({ image }) => (image ? { digest: image.digest, uri: image.uri } : {}),

  // The tag is the hash of everything that decides the image.
  diff: () => [],

  async create(io, identity, desired, call) {
    // Counting what ran before makes the token new when an image is built again after it was deleted.
    const found = await buildsOf(io, identity, call);
    if (found.builds[0]?.status === 'IN_PROGRESS') return;
    await startInTurn(io, identity, desired, found, call);
  },

  async update(io, identity, desired, { image }, _changes, call) {
    if (image) return;
    const found = await buildsOf(io, identity, call);
    if (found.builds[0]?.status === 'IN_PROGRESS') return;
    await startInTurn(io, identity, desired, found, call);
  },

  // The token of a build, and the look before it, tell that it was begun; a refused one must not wait to be seen.
  visibleWithinMs: 1_000,

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

  sweep,
  events: [
    {
      // https://docs.aws.amazon.com/codebuild/latest/userguide/sample-build-notifications.html
      source: 'aws.codebuild',
      detailType: 'CodeBuild Build State Change',
      names(event) {
        const detail = members(event.detail);
        // That a build has begun is known: it was begun here.
        if (detail['build-status'] === 'IN_PROGRESS') return [];
        const { environment } = members(detail['additional-information']);
        const variables = items(members(environment)['environment-variables']).map(members);
        return variables
          .filter(({ name, value }) => name === INPUTS && text(value) !== '')
          .map(({ value }) => text(value));
      },
    },
    {
      // https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html
      source: 'aws.ecr',
      detailType: 'ECR Image Action',
      detail: { result: ['SUCCESS'], 'action-type': ['PUSH', 'DELETE'] },
      names: ({ detail }) => [text(members(detail)['image-tag'])].filter((tag) => tag !== ''),
    },
  ],
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

interface FoundBuilds {
  /** False: CodeBuild does not know the project, or does not know it yet. */
  readonly isOfProject: boolean;
  /** Of the image, newest first. */
  readonly builds: readonly ObservedBuild[];
  /** Tags of all images of the project that are being built. */
  readonly running: readonly string[];
  /** Ids of all builds of the project. */
  readonly listed: readonly string[];
}

async function buildsOf(io: Io, identity: Identity, call: Call): Promise<FoundBuilds> {
  const { tag, projectName } = identity;
  const found = await unlessAbsent(
    (async () => {
      const { ids } = await io.aws.codebuild.listBuildsForProject({ projectName, sortOrder: 'DESCENDING' }, call);
      if (!ids || ids.length === 0) return [];
      return (await io.aws.codebuild.batchGetBuilds({ ids: ids.slice(0, 100) }, call)).builds ?? [];
    })(),
  );
  const all = found ?? [];
  return {
    isOfProject: found !== undefined,
    builds: all
      .filter((build) => variable(build, INPUTS) === tag)
      .map(observedBuild)
      .sort((a, b) => (b.startedAtMs ?? 0) - (a.startedAtMs ?? 0)),
    running: all
      .filter(({ buildStatus }) => (buildStatus ?? 'IN_PROGRESS') === 'IN_PROGRESS')
      .map((build) => variable(build, INPUTS) ?? ''),
    listed: all.flatMap(({ id }) => id ?? []),
  };
}

/** The newest build with its last words, if it failed. They are a courtesy: without them the failure is told all the same. */
async function withTail(io: Io, builds: readonly ObservedBuild[], call: Call): Promise<readonly ObservedBuild[]> {
  const [newest, ...others] = builds;
  if (!newest?.log || newest.status === 'IN_PROGRESS') return builds;
  const key = `build-log ${newest.id}`;
  let tail = io.immutable.get(key) as readonly string[] | undefined;
  if (!tail) {
    // The group's name has slashes, a stream's has none here.
    const at = newest.log.lastIndexOf('/');
    const asked = { logGroupName: newest.log.slice(0, at), logStreamName: newest.log.slice(at + 1), limit: LOG_EVENTS };
    try {
      const { events } = await io.aws.logs.getLogEvents(asked, call);
      tail = tailOf((events ?? []).map(({ message }) => message ?? ''));
    } catch (error) {
      if (!isFailure(error)) throw error;
      return builds;
    }
    // Lines come a little after the build's end.
    if (tail.length > 0) io.immutable.set(key, tail);
  }
  return [{ ...newest, tail }, ...others];
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

/** One line for the account, which is what bounds builds; it lives as long as the leader's other memory. */
const LINES = new WeakMap<Io['immutable'], WaitingLine>();

/** @throws Failure `AwaitingBuildSlot` when others are to begin before */
async function startInTurn(
  io: Io,
  identity: Identity,
  desired: ImageBuildProps,
  { isOfProject, builds, running, listed }: FoundBuilds,
  call: CreateCall,
): Promise<void> {
  const line = LINES.get(io.immutable) ?? new WaitingLine();
  LINES.set(io.immutable, line);
  const { projectName: project = '', tag = '' } = identity;
  // A build begins after its project was found: an answer from before the project knows of none that runs already.
  if (!isOfProject) throw awaitingSlot(`the builds of ${project} cannot be listed yet`, undefined, LIST_POLL_MS);
  const nowMs = io.nowMs();
  const listedAtMs = (call.inheritedAtMs ?? Number.NEGATIVE_INFINITY) + LISTED_WITHIN_MS;
  // Nor does the count of builds give the token of the one that was begun, where others were cleared since.
  if (nowMs < listedAtMs) {
    const message = `the build of ${tag} may have been begun by the leader before, and not be listed yet`;
    throw awaitingSlot(message, undefined, listedAtMs - nowMs);
  }
  const limit = desired.concurrency ?? Number.POSITIVE_INFINITY;
  const ahead = line.ask({ project, tag, running, listed, limit }, nowMs);
  // Counted from a listing of another age, the builds before it would give another token.
  if (ahead === 'begun')
    throw awaitingSlot(`the build of ${tag} was begun and is not listed yet`, undefined, LIST_POLL_MS);
  if (ahead > 0) throw awaitingSlot(`${running.length} of ${limit} builds of ${project} run, ${ahead} begin before`);
  try {
    const id = await start(io, identity, desired, `${call.token}/${builds.length}`, call);
    line.begun(project, tag, id, nowMs);
  } catch (error) {
    if (!isFailure(error) || error.code !== 'AccountLimitExceededException') throw error;
    line.full(nowMs);
    throw awaitingSlot(`the account allows no more builds at once: ${error.message}`, error);
  }
}

function awaitingSlot(message: string, cause?: unknown, retryAfterMs = SLOT_POLL_MS): Failure {
  return new Failure({
    kind: 'throttled',
    service: 'codebuild',
    operation: 'startBuild',
    code: 'AwaitingBuildSlot',
    message,
    retryAfterMs,
    cause,
  });
}

async function start(
  io: Io,
  { projectName }: Identity,
  desired: ImageBuildProps,
  token: string,
  call: Call,
): Promise<string> {
  const { build } = await io.aws.codebuild.startBuild(
    {
      projectName,
      idempotencyToken: shortHash(token, 32),
      ...overridesOf(desired),
      environmentVariablesOverride: [
        ...Object.entries(desired.environment).map(([name, value]) => ({ name, value, type: 'PLAINTEXT' as const })),
        ...Object.entries(desired.secrets ?? {}).map(([name, value]) => ({
          name,
          value,
          type: 'SECRETS_MANAGER' as const,
        })),
      ],
    },
    call,
  );
  return build?.id ?? '';
}

function overridesOf({ environmentOverride }: ImageBuildProps): Partial<StartBuildCommandInput> {
  if (!environmentOverride) return {};
  const { image, privileged, buildspec } = environmentOverride;
  return {
    imageOverride: image,
    // CodeBuild's own images want its own credentials, all others the project's role.
    imagePullCredentialsTypeOverride: image.startsWith('aws/codebuild/') ? 'CODEBUILD' : 'SERVICE_ROLE',
    privilegedModeOverride: privileged,
    buildspecOverride: buildspec,
  };
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
