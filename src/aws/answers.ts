/**
 * What an answer must hold before anything may be concluded from it. The SDK validates nothing: a page of HTML, an empty
 * body or a list that is none come out as an object without members, and would read as "there is nothing". AWS writes
 * empty lists out, and says by an error or by name what it did not find; an answer that does neither is no answer. Only
 * what decides that something exists is looked at here; what else an answer lacks is its reader's to bear.
 */
import { Failure } from '../core/index.ts';
import type { Operations, ServiceName } from './operations.ts';

type Members = Readonly<Record<string, unknown>>;

/** What is wrong with an answer to what was asked; undefined: nothing. */
type Check = (answer: Members, asked: Members) => string | undefined;

type Checks = { readonly [Service in ServiceName]?: { readonly [Name in keyof Operations[Service]]?: Check } };

const CHECKS: Checks = {
  dynamodb: {
    describeTable: object('Table', 'TableName', 'TableStatus'),
    query: list('Items'),
    scan: list('Items'),
  },
  streams: {
    describeStream: (answer) =>
      object('StreamDescription', 'StreamArn')(answer, {}) ?? list('Shards')(answer.StreamDescription as Members, {}),
    getShardIterator: text('ShardIterator'),
    getRecords: list('Records'),
  },
  lambda: {
    getFunction: object('Configuration', 'FunctionName', 'FunctionArn'),
    listFunctions: list('Functions', 'FunctionName', 'FunctionArn'),
    getPolicy: policy,
  },
  codebuild: {
    batchGetProjects: all(list('projects', 'name', 'arn'), each('names', 'projects', 'projectsNotFound')),
    listBuildsForProject: texts('ids'),
    batchGetBuilds: all(list('builds', 'id', 'buildStatus'), each('ids', 'builds', 'buildsNotFound')),
  },
  ecr: {
    describeRepositories: all(
      list('repositories', 'repositoryName', 'repositoryArn', 'repositoryUri'),
      each('repositoryNames', 'repositories'),
    ),
    // Two tags may be one image's.
    describeImages: all(list('imageDetails', 'imageDigest'), any('imageIds', 'imageDetails'), tagged),
    getAuthorizationToken: list('authorizationData', 'authorizationToken'),
  },
  ecs: {
    describeClusters: all(list('clusters', 'clusterArn'), each('clusters', 'clusters', 'failures')),
    describeServices: all(
      list('services', 'serviceArn', 'serviceName', 'status'),
      each('services', 'services', 'failures'),
    ),
    listServices: texts('serviceArns'),
    describeTaskDefinition: (answer, asked) =>
      object('taskDefinition', 'taskDefinitionArn', 'family', 'status')(answer, asked) ??
      // By its tags a revision is known as one of ours.
      (asked.include ? list('tags', 'key')(answer, asked) : undefined),
    listTaskDefinitions: texts('taskDefinitionArns'),
    listTasks: texts('taskArns'),
    describeTasks: all(list('tasks', 'taskArn', 'lastStatus'), each('tasks', 'tasks', 'failures')),
  },
  elbv2: {
    describeLoadBalancers: list('LoadBalancers', 'LoadBalancerArn'),
    describeListeners: all(list('Listeners', 'ListenerArn'), any('ListenerArns', 'Listeners')),
    describeTargetGroups: all(
      list('TargetGroups', 'TargetGroupArn', 'TargetGroupName'),
      each('Names', 'TargetGroups'),
      each('TargetGroupArns', 'TargetGroups'),
    ),
    describeTargetGroupAttributes: list('Attributes', 'Key'),
    describeTargetHealth: list('TargetHealthDescriptions'),
    describeRules: (answer, asked) =>
      list('Rules', 'RuleArn', 'Priority')(answer, asked) ??
      each('RuleArns', 'Rules')(answer, asked) ??
      // Each listener has a default rule.
      (asked.ListenerArn !== undefined && asked.Marker === undefined && sizeOf(answer.Rules) === 0
        ? 'Rules is empty'
        : undefined),
    describeTags: all(list('TagDescriptions', 'ResourceArn'), each('ResourceArns', 'TagDescriptions')),
  },
  autoscaling: {
    describeScalableTargets: list('ScalableTargets', 'ResourceId', 'ScalableTargetARN'),
    describeScalingPolicies: list('ScalingPolicies', 'ResourceId', 'PolicyName'),
  },
  logs: {
    describeLogGroups: list('logGroups', 'logGroupName', 'logGroupArn'),
  },
  iam: {
    getRole: object('Role', 'Arn', 'RoleName', 'AssumeRolePolicyDocument'),
  },
  s3: {
    headObject: text('ETag'),
    getObject: text('ETag'),
  },
  sqs: {
    getQueueUrl: text('QueueUrl'),
  },
  events: {
    listRules: list('Rules', 'Name'),
    listTargetsByRule: list('Targets', 'Id'),
  },
  tagging: {
    getResources: list('ResourceTagMappingList', 'ResourceARN'),
  },
  sts: {
    getCallerIdentity: all(text('Account'), text('Arn')),
  },
};

/** Request member → the answer's member that is sent as it next. */
const NEXT: Readonly<Record<string, string>> = {
  nextToken: 'nextToken',
  NextToken: 'NextToken',
  Marker: 'NextMarker',
  PaginationToken: 'PaginationToken',
  ExclusiveStartKey: 'LastEvaluatedKey',
};

/** The code of the Failure for an answer that cannot be AWS's, or not all of it. */
export const UNREADABLE_ANSWER = 'UnreadableAnswer';

/**
 * Pure.
 * @throws Failure transient, `UnreadableAnswer`, when nothing may be concluded from what came as an answer
 */
export function refuseUnreadableAnswer(service: ServiceName, operation: string, input: unknown, output: unknown): void {
  const checks = CHECKS[service] as Readonly<Record<string, Check>> | undefined;
  const asked = isObject(input) ? input : {};
  const defect = !isObject(output)
    ? 'it is no object'
    : (checks?.[operation]?.(output, asked) ?? repeatedPage(output, asked));
  if (defect === undefined) return;
  throw new Failure({
    kind: 'transient',
    service,
    operation,
    code: UNREADABLE_ANSWER,
    message: `${service} ${operation} was answered, but nothing can be concluded from the answer: ${defect}`,
  });
}

/** A page that names itself as the next one would be read for ever. */
function repeatedPage(answer: Members, asked: Members): string | undefined {
  const again = Object.entries(NEXT).find(
    ([member, next]) =>
      asked[member] !== undefined &&
      answer[next] !== undefined &&
      JSON.stringify(asked[member]) === JSON.stringify(answer[next]),
  );
  return again && `${again[1]} is that of the page itself`;
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function lacking(value: unknown, members: readonly string[]): string | undefined {
  if (!isObject(value)) return 'is no object';
  const member = members.find((name) => typeof value[name] !== 'string' || value[name] === '');
  return member && `has no ${member}`;
}

function text(member: string): Check {
  return (answer) => {
    const lack = lacking(answer, [member]);
    return lack && `it ${lack}`;
  };
}

/** An object with at least these texts. */
function object(member: string, ...members: readonly string[]): Check {
  return (answer) => {
    const lack = lacking(answer[member], members);
    return lack && `${member} ${lack}`;
  };
}

/** A list, also an empty one, of objects with at least these texts. */
function list(member: string, ...members: readonly string[]): Check {
  return (answer) => {
    const value = answer[member];
    if (!Array.isArray(value)) return `${member} is no list`;
    for (const entry of value) {
      const lack = lacking(entry, members);
      if (lack) return `an entry of ${member} ${lack}`;
    }
    return undefined;
  };
}

function texts(member: string): Check {
  return (answer) => {
    const value = answer[member];
    if (!Array.isArray(value)) return `${member} is no list`;
    return value.every((entry) => typeof entry === 'string' && entry !== '')
      ? undefined
      : `an entry of ${member} is no text`;
  };
}

/** Whoever is asked for by name is in the answer, or AWS says there that it did not find it. */
function each(names: string, found: string, unfound = ''): Check {
  return (answer, asked) => {
    const wanted = new Set(Array.isArray(asked[names]) ? asked[names] : []).size;
    const told = sizeOf(answer[found]) + sizeOf(answer[unfound]);
    return told < wanted ? `it speaks of ${told} of ${wanted} ${names}` : undefined;
  };
}

/** Whoever asks by name gets at least one. */
function any(names: string, found: string): Check {
  return (answer, asked) =>
    sizeOf(asked[names]) > 0 && sizeOf(answer[found]) === 0 ? `it speaks of none of the ${names}` : undefined;
}

function all(...checks: readonly Check[]): Check {
  return (answer, asked) => {
    for (const check of checks) {
      const defect = check(answer, asked);
      if (defect) return defect;
    }
    return undefined;
  };
}

/** A policy document, as JSON. A function without statements answers that it has no policy. */
function policy(answer: Members): string | undefined {
  if (typeof answer.Policy !== 'string') return 'it has no Policy';
  try {
    return list('Statement')(JSON.parse(answer.Policy) as Members, {});
  } catch {
    return 'Policy is no JSON object';
  }
}

/** Whoever asks for tagged images gets their tags. */
function tagged(answer: Members, asked: Members): string | undefined {
  if ((asked.filter as Members | undefined)?.tagStatus !== 'TAGGED') return undefined;
  const untagged = (answer.imageDetails as Members[]).some((image) => {
    const tags = image.imageTags;
    return !Array.isArray(tags) || tags.length === 0 || !tags.every((tag) => typeof tag === 'string' && tag !== '');
  });
  return untagged ? 'an entry of imageDetails has no imageTags' : undefined;
}

function sizeOf(value: unknown): number {
  return Array.isArray(value) ? value.length : 0;
}
