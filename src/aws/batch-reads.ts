/**
 * Which reads can be asked for many things at once, and how one caller's share of the answer is found again: data only.
 * A read stands here when a kind makes it for one thing and AWS takes a list; how many the list may hold is AWS's number.
 */
import type { ServiceName } from './operations.ts';
import type { Ports } from './ports.ts';

/** Names by which an entry of an answer may have been asked for. */
type Names = readonly (string | undefined)[];

export interface BatchRead {
  /** The member of the input that lists what is asked for; all other members must be equal to share a call. */
  readonly list: string;
  /** What the list may hold. */
  readonly max: number;
  /** The members of the answer that hold an entry per thing, and the names of an entry. */
  readonly answers: Readonly<Record<string, (entry: never) => Names>>;
  /** The name of an entry of the list; undefined when it has none, and the call goes alone. Default: the entry itself. */
  readonly nameOf?: (entry: never) => string | undefined;
  /** The input must have this member, or more could be answered than one page holds. */
  readonly needs?: string;
  /** One thing that is missing fails the whole call, instead of being left out of the answer. */
  readonly failsAsOne: boolean;
  /** Error codes that speak of what all share, e.g. the cluster: every caller gets them, nobody asks again. */
  readonly ofAll?: readonly string[];
}

type Input<S extends ServiceName, O extends keyof Ports[S]> = Ports[S][O] extends (
  input: infer I,
  call?: never,
) => unknown
  ? I
  : never;
type Output<S extends ServiceName, O extends keyof Ports[S]> = Ports[S][O] extends (
  input: never,
  call?: never,
) => Promise<infer A>
  ? A
  : never;
type Element<T> = NonNullable<T> extends readonly (infer E)[] ? E : never;

interface Typed<I, A, L extends keyof I> {
  readonly list: L;
  readonly max: number;
  readonly answers: { readonly [M in keyof A]?: (entry: Element<A[M]>) => Names };
  readonly nameOf?: (entry: Element<I[L]>) => string | undefined;
  readonly needs?: keyof I;
  readonly failsAsOne: boolean;
  readonly ofAll?: readonly string[];
}

/** Checks a read against the types of its operation. */
function read<S extends ServiceName, O extends keyof Ports[S]>() {
  return <L extends keyof Input<S, O>>(definition: Typed<Input<S, O>, Output<S, O>, L>): BatchRead =>
    definition as unknown as BatchRead;
}

/** `arn:aws:ecs:…:service/main/lc-shop` may have been asked for by its last segment. */
function arnOrName(arn: string | undefined): Names {
  return [arn, arn?.slice(arn.lastIndexOf('/') + 1)];
}

/**
 * Undocumented, answered by the real API as "You cannot describe more than '20' target groups at a time"
 * (https://github.com/ansible-collections/amazon.aws/pull/1593). Taken for rules too, where nothing is documented either.
 */
const ELB_DESCRIBED_MAX = 20;

export const BATCH_READS: { readonly [S in ServiceName]?: { readonly [O in keyof Ports[S]]?: readonly BatchRead[] } } =
  {
    ecs: {
      describeServices: [
        read<'ecs', 'describeServices'>()({
          list: 'services',
          max: 10,
          answers: {
            services: ({ serviceName, serviceArn }) => [serviceName, serviceArn],
            failures: ({ arn }) => arnOrName(arn),
          },
          failsAsOne: false,
          ofAll: ['ClusterNotFoundException'],
        }),
      ],
      describeTasks: [
        read<'ecs', 'describeTasks'>()({
          list: 'tasks',
          max: 100,
          answers: { tasks: ({ taskArn }) => arnOrName(taskArn), failures: ({ arn }) => arnOrName(arn) },
          failsAsOne: false,
          ofAll: ['ClusterNotFoundException'],
        }),
      ],
    },
    elbv2: {
      describeTargetGroups: [
        read<'elbv2', 'describeTargetGroups'>()({
          list: 'Names',
          max: ELB_DESCRIBED_MAX,
          answers: { TargetGroups: ({ TargetGroupName }) => [TargetGroupName] },
          failsAsOne: true,
        }),
        read<'elbv2', 'describeTargetGroups'>()({
          list: 'TargetGroupArns',
          max: ELB_DESCRIBED_MAX,
          answers: { TargetGroups: ({ TargetGroupArn }) => [TargetGroupArn] },
          failsAsOne: true,
        }),
      ],
      describeRules: [
        read<'elbv2', 'describeRules'>()({
          list: 'RuleArns',
          max: ELB_DESCRIBED_MAX,
          answers: { Rules: ({ RuleArn }) => [RuleArn] },
          failsAsOne: true,
        }),
      ],
      describeTags: [
        read<'elbv2', 'describeTags'>()({
          list: 'ResourceArns',
          max: 20,
          answers: { TagDescriptions: ({ ResourceArn }) => [ResourceArn] },
          failsAsOne: true,
        }),
      ],
    },
    codebuild: {
      batchGetBuilds: [
        read<'codebuild', 'batchGetBuilds'>()({
          list: 'ids',
          max: 100,
          answers: { builds: ({ id, arn }) => [id, arn], buildsNotFound: (id) => [id] },
          failsAsOne: false,
        }),
      ],
      batchGetProjects: [
        read<'codebuild', 'batchGetProjects'>()({
          list: 'names',
          max: 100,
          answers: { projects: ({ name, arn }) => [name, arn], projectsNotFound: (name) => [name] },
          failsAsOne: false,
        }),
      ],
    },
    ecr: {
      describeImages: [
        read<'ecr', 'describeImages'>()({
          list: 'imageIds',
          max: 100,
          // Both at once ask for a digest that must carry the tag: that is a question of its own.
          nameOf: ({ imageTag, imageDigest }) =>
            imageTag === undefined ? imageDigest : imageDigest === undefined ? imageTag : undefined,
          answers: { imageDetails: ({ imageDigest, imageTags }) => [imageDigest, ...(imageTags ?? [])] },
          failsAsOne: true,
          ofAll: ['RepositoryNotFoundException'],
        }),
      ],
      describeRepositories: [
        read<'ecr', 'describeRepositories'>()({
          list: 'repositoryNames',
          max: 100,
          answers: { repositories: ({ repositoryName }) => [repositoryName] },
          failsAsOne: true,
        }),
      ],
    },
    autoscaling: {
      describeScalableTargets: [
        read<'autoscaling', 'describeScalableTargets'>()({
          list: 'ResourceIds',
          max: 50,
          answers: { ScalableTargets: ({ ResourceId }) => [ResourceId] },
          // Without it, one resource may have several targets.
          needs: 'ScalableDimension',
          failsAsOne: false,
        }),
      ],
    },
  };

/**
 * Reads of something that many objects use: equal ones that are asked for at the same time are asked once. (Reads of
 * one object's own things have no equal.)
 */
export const SHARED_READS: { readonly [S in ServiceName]?: readonly (keyof Ports[S])[] } = {
  // All rules of a listener: each of its objects looks for its own.
  elbv2: ['describeRules'],
  codebuild: ['listBuildsForProject'],
  ecr: ['listTagsForResource'],
  iam: ['getRole'],
  secretsmanager: ['describeSecret'],
};
