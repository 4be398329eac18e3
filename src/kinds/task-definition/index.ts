/**
 * One revision of an ECS task definition, found by the hash of its content: it is registered only when that content is
 * new, because registering is limited to about one a second for the whole account. A revision never changes, so it has
 * no drift; what is desired differently is another hash and so another resource.
 */
import type { RegisterTaskDefinitionCommandInput } from '@aws-sdk/client-ecs';
import { lowerTags, TAG_HASH, tagRecord } from '../../aws/index.ts';
import { isFailure } from '../../core/index.ts';
import {
  type CreateCall,
  type Io,
  items,
  lastSegment,
  onCalls,
  ownershipKeys,
  READY,
  type ResourceKind,
  text,
  unlessGone,
} from '../../resource/index.ts';

export { contentChanges } from './content.ts';

/** Identity: `family` and `hash` (of `register`). */
export interface TaskDefinitionProps {
  readonly register: Omit<RegisterTaskDefinitionCommandInput, 'family' | 'tags'>;
}

export interface TaskDefinitionObserved {
  readonly arn: string;
  readonly family: string;
  readonly revision: number;
  readonly tags: Readonly<Record<string, string>>;
}

/** A family's older revisions are read side by side, so many at once at most. */
const WIDTH_MAX = 16;

export const taskDefinition: ResourceKind<TaskDefinitionProps, TaskDefinitionObserved> = {
  name: 'task-definition',
  permissions: [
    {
      actions: ['ecs:ListTaskDefinitions', 'ecs:DescribeTaskDefinition', 'ecs:DeregisterTaskDefinition'],
      resources: ['*'],
      because:
        'finds the revision with the desired content and retires those of no use; the actions know no narrower resource',
    },
    {
      actions: ['ecs:RegisterTaskDefinition'],
      resources: ['arn:aws:ecs:*:*:task-definition/*:*'],
      only: 'claiming',
      because: 'registers a revision when its content is new',
    },
    {
      actions: ['ecs:TagResource'],
      resources: ['arn:aws:ecs:*:*:task-definition/*:*'],
      when: { StringEquals: { 'ecs:CreateAction': 'RegisterTaskDefinition' } },
      because: 'tags a revision while it is registered, and no other',
    },
    {
      actions: ['ecs:UntagResource'],
      resources: ['arn:aws:ecs:*:*:task-definition/*:*'],
      only: 'owned',
      because: 'lets go of a revision of its own',
    },
    {
      actions: ['iam:PassRole'],
      resources: ['arn:aws:iam::*:role/*'],
      when: { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } },
      because: 'a task definition names the roles that its tasks run under',
    },
  ],
  calls: {
    create: ['ecs RegisterTaskDefinition'],
    update: [],
    delete: ['ecs DeregisterTaskDefinition'],
    release: ['ecs UntagResource'],
  },

  async observe(io, identity, call) {
    const { family = '', hash } = identity;
    let nextToken: string | undefined;
    do {
      const page = await io.aws.ecs.listTaskDefinitions(
        // `familyPrefix` is the whole name of a family, whatever it is called.
        {
          familyPrefix: family,
          status: 'ACTIVE',
          sort: 'DESC',
          maxResults: 100,
          ...(nextToken ? { nextToken } : {}),
        },
        call,
      );
      const arns = page.taskDefinitionArns ?? [];
      // The newest is nearly always the one: it is asked alone, and the rest only if it is not.
      for (let at = 0, width = 1; at < arns.length; at += width, width = Math.min(width * 4, WIDTH_MAX)) {
        const revisions = await Promise.all(arns.slice(at, at + width).map((arn) => describe(io, arn, call)));
        const match = revisions.find((revision) => revision?.tags[TAG_HASH] === hash);
        if (match) return match;
      }
      nextToken = page.nextToken;
    } while (nextToken);
    return undefined;
  },

  tags: ({ tags }) => tags,
  readiness: () => READY,
  outputs: ({ arn, revision, family }) => ({ arn, revision, family }),
  diff: () => [],

  async create(io, { family, hash = '' }, desired, call: CreateCall) {
    const tags = lowerTags({ ...call.tags, [TAG_HASH]: hash });
    await io.aws.ecs.registerTaskDefinition({ ...desired.register, family, tags }, call);
  },

  // A revision is immutable.
  update: async () => {},

  async delete(io, _identity, { arn }, call) {
    try {
      await io.aws.ecs.deregisterTaskDefinition({ taskDefinition: arn }, call);
    } catch (error) {
      // What is inactive already is refused with the code of any wrong parameter: only a look tells them apart.
      if (!isFailure(error, 'invalid')) throw error;
      const { taskDefinition } = await io.aws.ecs.describeTaskDefinition({ taskDefinition: arn }, call);
      if (taskDefinition?.status === 'ACTIVE') throw error;
    }
  },

  async release(io, _identity, { arn, tags }, call) {
    const tagKeys = ownershipKeys(tags);
    io.immutable.delete(arn);
    if (tagKeys.length > 0) await unlessGone(io.aws.ecs.untagResource({ resourceArn: arn, tagKeys }, call));
  },

  // Found by a listing, and listings lag longest.
  visibleWithinMs: 30_000,
  unnamed: true,

  // A listing shows ARNs alone, and every revision that ever was. What a service runs is swept with the service; here it
  // is left to see that the revision can still be started.
  rotating: { RevisionDrift: ({ arn }) => arn },

  events: [
    onCalls('ecs', ['DeregisterTaskDefinition', 'DeleteTaskDefinitions'], ({ taskDefinition, taskDefinitions }) =>
      [taskDefinition, ...items(taskDefinitions)].map((revision) => familyOf(text(revision))),
    ),
  ],
};

/** Of an ARN, or of `family:revision`. */
function familyOf(revision: string): string {
  return lastSegment(revision).replace(/:\d+$/, '');
}

/** One active revision, from memory if it was ever read. Undefined when it was retired since it was listed. */
async function describe(
  io: Io,
  arn: string,
  call: Parameters<Io['aws']['ecs']['describeTaskDefinition']>[1],
): Promise<TaskDefinitionObserved | undefined> {
  const known = io.immutable.get(arn) as TaskDefinitionObserved | undefined;
  if (known) return known;
  const answer = await io.aws.ecs.describeTaskDefinition({ taskDefinition: arn, include: ['TAGS'] }, call);
  const definition = answer.taskDefinition;
  if (definition?.status !== 'ACTIVE') return undefined;
  const observed = {
    arn,
    family: definition.family ?? '',
    revision: definition.revision ?? 0,
    tags: tagRecord(answer.tags),
  };
  io.immutable.set(arn, observed);
  return observed;
}
