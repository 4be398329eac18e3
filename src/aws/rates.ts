/**
 * How often AWS lets each operation be called, as data: buckets of tokens by service, and which of them one call takes
 * a token from. The numbers are AWS's defaults per account and region, as published; where AWS publishes none, they
 * are our assumption and say so, and what AWS then answers corrects them (see `adaptive-bucket.ts`). It paces nothing.
 */
import type { TokenRate } from '../core/index.ts';
import type { Operations, ServiceName } from './operations.ts';

export interface PublishedRate extends TokenRate {
  /** Where AWS publishes it; undefined where AWS does not, and the number is an assumption. */
  readonly source: string | undefined;
}

const ECS = 'https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html';
const ELB = 'https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-throttling.html';
const LAMBDA = 'https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html';
const LOGS = 'https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html';
const ECR = 'https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html';
const SECRETS = 'https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html';
const STS = 'https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html';
const EVENTBRIDGE = 'https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html';
const TAGGING = 'https://docs.aws.amazon.com/tag-editor/latest/userguide/reference.html';
const DYNAMODB = 'https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html';

function published(burst: number, perSec: number, source: string): PublishedRate {
  return { burst, perSec, source };
}

/** A rate without a burst of its own: what may be called in a second. */
function perSecond(calls: number, source: string): PublishedRate {
  return { burst: calls, perSec: calls, source };
}

function assumed(burst: number, perSec: number): PublishedRate {
  return { burst, perSec, source: undefined };
}

export const RATES = {
  'ecs cluster modify': published(20, 1, ECS),
  'ecs cluster read': published(50, 20, ECS),
  'ecs task definition modify': published(20, 1, ECS),
  'ecs task definition read': published(50, 20, ECS),
  'ecs service modify': published(50, 5, ECS),
  'ecs service read': published(100, 20, ECS),
  'ecs task modify': published(100, 40, ECS),
  'ecs task read': published(100, 20, ECS),
  'ecs tag modify': published(20, 10, ECS),

  // Every call takes one of the account's, and one of its category's unless that is of the same size.
  'elbv2 account': published(40, 10, ELB),
  'elbv2 mutating': published(20, 3, ELB),
  'elbv2 registration': published(20, 4, ELB),
  'elbv2 resource-intensive': published(10, 0.2, ELB),

  'lambda GetFunction': perSecond(100, LAMBDA),
  'lambda GetPolicy': perSecond(15, LAMBDA),
  'lambda control plane': perSecond(15, LAMBDA),

  'logs DescribeLogGroups': perSecond(10, LOGS),
  'logs CreateLogGroup': perSecond(10, LOGS),
  'logs DeleteLogGroup': perSecond(10, LOGS),
  'logs PutRetentionPolicy': perSecond(5, LOGS),
  'logs DeleteRetentionPolicy': perSecond(5, LOGS),
  'logs ListTagsForResource': perSecond(5, LOGS),
  'logs UntagResource': perSecond(5, LOGS),
  // 25 in us-east-1, 5 in the newest regions.
  'logs FilterLogEvents': perSecond(10, LOGS),
  'logs GetLogEvents': perSecond(10, LOGS),

  'ecr GetAuthorizationToken': perSecond(500, ECR),
  'ecr read': assumed(50, 20),
  'ecr modify': assumed(20, 5),

  'codebuild read': assumed(20, 10),
  'codebuild modify': assumed(10, 5),

  'autoscaling read': assumed(20, 10),
  'autoscaling modify': assumed(10, 5),

  'iam read': assumed(20, 10),
  'iam modify': assumed(5, 2),

  'secretsmanager read': perSecond(10_000, SECRETS),
  sts: perSecond(600, STS),

  // Of each management call, in every region.
  'events management': perSecond(50, EVENTBRIDGE),

  'tagging read': perSecond(15, TAGGING),

  'streams DescribeStream': perSecond(10, DYNAMODB),
} as const satisfies Record<string, PublishedRate>;

export type RateName = keyof typeof RATES;

/** Which buckets one call of each operation takes a token from; none: it is not paced. */
export type Charges = {
  readonly [S in ServiceName]: { readonly [O in keyof Operations[S]]: readonly RateName[] };
};

const UNPACED: readonly RateName[] = [];

/** Every operation stands here: one that is added without a rate does not compile. */
export const CHARGES: Charges = {
  // Tables are billed by request and scale by themselves; lease and state must never wait behind anything.
  dynamodb: {
    createTable: UNPACED,
    describeTable: UNPACED,
    updateTable: UNPACED,
    describeContinuousBackups: UNPACED,
    updateContinuousBackups: UNPACED,
    updateTimeToLive: UNPACED,
    describeTimeToLive: UNPACED,
    getItem: UNPACED,
    putItem: UNPACED,
    updateItem: UNPACED,
    deleteItem: UNPACED,
    query: UNPACED,
    scan: UNPACED,
    batchWriteItem: UNPACED,
    transactWriteItems: UNPACED,
  },
  streams: {
    describeStream: ['streams DescribeStream'],
    getShardIterator: UNPACED,
    getRecords: UNPACED,
  },
  lambda: {
    createFunction: ['lambda control plane'],
    getFunction: ['lambda GetFunction'],
    listFunctions: ['lambda control plane'],
    getLayerVersionByArn: ['lambda control plane'],
    updateFunctionCode: ['lambda control plane'],
    getPolicy: ['lambda GetPolicy'],
    addPermission: ['lambda control plane'],
    removePermission: ['lambda control plane'],
    // Bounded by concurrency, not by a rate of the API.
    invoke: UNPACED,
  },
  codebuild: {
    batchGetProjects: ['codebuild read'],
    createProject: ['codebuild modify'],
    updateProject: ['codebuild modify'],
    deleteProject: ['codebuild modify'],
    startBuild: ['codebuild modify'],
    stopBuild: ['codebuild modify'],
    listBuildsForProject: ['codebuild read'],
    batchGetBuilds: ['codebuild read'],
    batchDeleteBuilds: ['codebuild modify'],
  },
  ecr: {
    describeRepositories: ['ecr read'],
    createRepository: ['ecr modify'],
    deleteRepository: ['ecr modify'],
    describeImages: ['ecr read'],
    batchDeleteImage: ['ecr modify'],
    getLifecyclePolicy: ['ecr read'],
    getAuthorizationToken: ['ecr GetAuthorizationToken'],
    listTagsForResource: ['ecr read'],
    untagResource: ['ecr modify'],
  },
  ecs: {
    createCluster: ['ecs cluster modify'],
    describeClusters: ['ecs cluster read'],
    registerTaskDefinition: ['ecs task definition modify'],
    deregisterTaskDefinition: ['ecs task definition modify'],
    describeTaskDefinition: ['ecs task definition read'],
    listTaskDefinitions: ['ecs task definition read'],
    createService: ['ecs service modify'],
    updateService: ['ecs service modify'],
    deleteService: ['ecs service modify'],
    describeServices: ['ecs service read'],
    listServices: ['ecs service read'],
    listTasks: ['ecs task read'],
    describeTasks: ['ecs task read'],
    stopTask: ['ecs task modify'],
    untagResource: ['ecs tag modify'],
  },
  elbv2: {
    createLoadBalancer: ['elbv2 account', 'elbv2 resource-intensive'],
    describeLoadBalancers: ['elbv2 account'],
    describeLoadBalancerAttributes: ['elbv2 account'],
    createListener: ['elbv2 account', 'elbv2 mutating'],
    modifyListener: ['elbv2 account', 'elbv2 mutating'],
    describeListeners: ['elbv2 account'],
    createTargetGroup: ['elbv2 account', 'elbv2 mutating'],
    modifyTargetGroup: ['elbv2 account', 'elbv2 mutating'],
    deleteTargetGroup: ['elbv2 account', 'elbv2 mutating'],
    describeTargetGroups: ['elbv2 account'],
    describeTargetGroupAttributes: ['elbv2 account'],
    modifyTargetGroupAttributes: ['elbv2 account', 'elbv2 mutating'],
    describeTargetHealth: ['elbv2 account'],
    registerTargets: ['elbv2 account', 'elbv2 registration'],
    deregisterTargets: ['elbv2 account', 'elbv2 registration'],
    createRule: ['elbv2 account', 'elbv2 mutating'],
    modifyRule: ['elbv2 account', 'elbv2 mutating'],
    deleteRule: ['elbv2 account', 'elbv2 mutating'],
    describeRules: ['elbv2 account'],
    describeTags: ['elbv2 account'],
    removeTags: ['elbv2 account', 'elbv2 mutating'],
  },
  autoscaling: {
    describeScalableTargets: ['autoscaling read'],
    registerScalableTarget: ['autoscaling modify'],
    deregisterScalableTarget: ['autoscaling modify'],
    describeScalingPolicies: ['autoscaling read'],
    putScalingPolicy: ['autoscaling modify'],
    deleteScalingPolicy: ['autoscaling modify'],
    listTagsForResource: ['autoscaling read'],
    untagResource: ['autoscaling modify'],
  },
  logs: {
    createLogGroup: ['logs CreateLogGroup'],
    deleteLogGroup: ['logs DeleteLogGroup'],
    describeLogGroups: ['logs DescribeLogGroups'],
    putRetentionPolicy: ['logs PutRetentionPolicy'],
    deleteRetentionPolicy: ['logs DeleteRetentionPolicy'],
    listTagsForResource: ['logs ListTagsForResource'],
    untagResource: ['logs UntagResource'],
    filterLogEvents: ['logs FilterLogEvents'],
    getLogEvents: ['logs GetLogEvents'],
  },
  iam: {
    createRole: ['iam modify'],
    getRole: ['iam read'],
  },
  // 3,500 changes and 5,500 reads a second of each prefix of keys: more than everything here asks in a minute.
  // https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html
  s3: {
    headObject: UNPACED,
    getObject: UNPACED,
  },
  secretsmanager: {
    getSecretValue: ['secretsmanager read'],
    describeSecret: ['secretsmanager read'],
  },
  // A standard queue takes nearly any number of calls of each kind.
  sqs: {
    createQueue: UNPACED,
    getQueueUrl: UNPACED,
    getQueueAttributes: UNPACED,
    setQueueAttributes: UNPACED,
    receiveMessage: UNPACED,
    deleteMessageBatch: UNPACED,
    changeMessageVisibility: UNPACED,
  },
  events: {
    putRule: ['events management'],
    putTargets: ['events management'],
    listRules: ['events management'],
    listTargetsByRule: ['events management'],
    removeTargets: ['events management'],
    deleteRule: ['events management'],
  },
  tagging: {
    getResources: ['tagging read'],
  },
  sts: {
    assumeRole: ['sts'],
    getCallerIdentity: ['sts'],
  },
};
