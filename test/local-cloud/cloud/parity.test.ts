/**
 * One script through both implementations of the ports, the SDK over the wire and the direct one, on two clouds of the
 * same seed: every result and every Failure must be the same, random ids included.
 */
import { describe, expect, it } from 'vitest';
import { createSdkPorts, type Ports, type RegistryPort } from '../../../src/aws/index.ts';
import { isFailure, VirtualClock } from '../../../src/core/index.ts';
import { createDirectPorts } from '../../../src/local-cloud/direct-ports.ts';
import { memoryState } from '../../../src/local-cloud/state/index.ts';
import { serveWire } from '../../../src/local-cloud/wire/index.ts';
import { idleCloud } from './idle-cloud.ts';

const registry: RegistryPort = { resolveDigest: () => Promise.reject(new Error('not asked in this test')) };

function world() {
  const clock = new VirtualClock();
  return { clock, cloud: idleCloud(memoryState(), clock) };
}

/** Each step gets the ports and what the earlier steps answered. */
type Step = (ports: Ports, answers: readonly unknown[], clock: VirtualClock) => Promise<unknown>;

const TABLE = {
  TableName: 'desired',
  KeySchema: [{ AttributeName: 'k', KeyType: 'HASH' }],
  AttributeDefinitions: [{ AttributeName: 'k', AttributeType: 'S' }],
  BillingMode: 'PAY_PER_REQUEST',
  StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
} as const;
const RULE_ARN = 'arn:aws:elasticloadbalancing:us-east-1:000000000000:listener-rule/app/lb/0/1/2';
const TRUST = JSON.stringify({
  Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }],
});
const item = (k: string, more: object = {}) => ({ k: { S: k }, ...more });
const describeTable: Step = ({ dynamodb }) => dynamodb.describeTable({ TableName: 'desired' });

const SCRIPT: Record<string, Step> = {
  'a table that is not there': describeTable,
  'create a table': ({ dynamodb }) =>
    dynamodb.createTable({
      ...TABLE,
      KeySchema: [...TABLE.KeySchema],
      AttributeDefinitions: [...TABLE.AttributeDefinitions],
    }),
  'a table that is being created': ({ dynamodb }) => dynamodb.putItem({ TableName: 'desired', Item: item('a') }),
  'time passes': async (_ports, _answers, clock) => {
    clock.step();
    return clock.now();
  },
  'describe the table': describeTable,
  'put with bytes, sets and nesting': ({ dynamodb }) =>
    dynamodb.putItem({
      TableName: 'desired',
      Item: item('a', {
        b: { B: new Uint8Array([0, 255]) },
        bs: { BS: [new Uint8Array([1])] },
        m: { M: { l: { L: [{ N: '1E+2' }, { NULL: true }, { BOOL: false }] } } },
      }),
    }),
  'get it': ({ dynamodb }) => dynamodb.getItem({ TableName: 'desired', Key: item('a'), ConsistentRead: true }),
  'get what is not there': ({ dynamodb }) => dynamodb.getItem({ TableName: 'desired', Key: item('none') }),
  'a key of the wrong type': ({ dynamodb }) => dynamodb.getItem({ TableName: 'desired', Key: { k: { N: '1' } } }),
  'an attribute without a type': ({ dynamodb }) =>
    dynamodb.putItem({ TableName: 'desired', Item: { k: { S: 'x' }, bad: {} as never } }),
  'a condition that fails, with the old item': ({ dynamodb }) =>
    dynamodb.putItem({
      TableName: 'desired',
      Item: item('a'),
      ConditionExpression: 'attribute_not_exists(k)',
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    }),
  'a transaction that is cancelled, with reasons': ({ dynamodb }) =>
    dynamodb.transactWriteItems({
      ClientRequestToken: 'token',
      TransactItems: [
        { Put: { TableName: 'desired', Item: item('b') } },
        { Delete: { TableName: 'desired', Key: item('a'), ConditionExpression: 'attribute_not_exists(k)' } },
      ],
    }),
  'nothing of it happened': ({ dynamodb }) => dynamodb.scan({ TableName: 'desired' }),
  'no table name at all': ({ dynamodb }) => dynamodb.scan({} as never),
  'update with returned values': ({ dynamodb }) =>
    dynamodb.updateItem({
      TableName: 'desired',
      Key: item('a'),
      UpdateExpression: 'SET n = :n',
      ExpressionAttributeValues: { ':n': { N: '7' } },
      ReturnValues: 'ALL_NEW',
    }),
  'a stream and its records': async ({ dynamodb, streams }) => {
    const { Table } = await dynamodb.describeTable({ TableName: 'desired' });
    const StreamArn = Table?.LatestStreamArn;
    const { StreamDescription } = await streams.describeStream({ StreamArn });
    const { ShardIterator } = await streams.getShardIterator({
      StreamArn,
      ShardId: StreamDescription?.Shards?.[0]?.ShardId,
      ShardIteratorType: 'TRIM_HORIZON',
    });
    return [StreamDescription, (await streams.getRecords({ ShardIterator })).Records];
  },
  'a stream that is not there': ({ streams }) =>
    streams.describeStream({
      StreamArn: 'arn:aws:dynamodb:us-east-1:000000000000:table/none/stream/2026-01-01T00:00:00.000',
    }),
  'create a role': ({ iam }) =>
    iam.createRole({ RoleName: 'r', AssumeRolePolicyDocument: TRUST, Tags: [{ Key: 'a&<b>', Value: 'é ' }] }),
  'the role again': ({ iam }) => iam.createRole({ RoleName: 'r', AssumeRolePolicyDocument: TRUST }),
  'read the role': ({ iam }) => iam.getRole({ RoleName: 'r' }),
  'a role that is not there': ({ iam }) => iam.getRole({ RoleName: 'none' }),
  'a role without a name': ({ iam }) => iam.getRole({} as never),
  'a policy that is no policy': ({ iam }) => iam.createRole({ RoleName: 'x', AssumeRolePolicyDocument: '{}' }),
  'create a log group': ({ logs }) => logs.createLogGroup({ logGroupName: '/g', tags: { a: 'b' } }),
  'the log group again': ({ logs }) => logs.createLogGroup({ logGroupName: '/g' }),
  'a retention that does not exist': ({ logs }) => logs.putRetentionPolicy({ logGroupName: '/g', retentionInDays: 2 }),
  'describe log groups, with an unknown member': ({ logs }) =>
    logs.describeLogGroups({ limit: 5, unheardOf: true } as object),
  'a list for a name': ({ logs }) => logs.deleteLogGroup({ logGroupName: ['/g'] as never }),
  'a function that is not there': ({ lambda }) => lambda.getFunction({ FunctionName: 'f' }),
  'invoke what is not there': ({ lambda }) => lambda.invoke({ FunctionName: 'f', Payload: new Uint8Array([123, 125]) }),
  'a function without code': ({ lambda }) => lambda.createFunction({ FunctionName: 'f', Role: 'r' } as never),
  'create a target group': ({ elbv2 }) => elbv2.createTargetGroup({ Name: 'tg', TargetType: 'lambda' }),
  'its attributes': async ({ elbv2 }) => {
    const { TargetGroups } = await elbv2.describeTargetGroups({ Names: ['tg'] });
    return elbv2.describeTargetGroupAttributes({ TargetGroupArn: TargetGroups?.[0]?.TargetGroupArn });
  },
  'a target group that is not there': ({ elbv2 }) => elbv2.describeTargetGroups({ Names: ['none'] }),
  'a rule that is not there': ({ elbv2 }) => elbv2.deleteRule({ RuleArn: RULE_ARN }),
  'a target group without a name': ({ elbv2 }) => elbv2.createTargetGroup({} as never),
  'create a cluster': ({ ecs }) => ecs.createCluster({ clusterName: 'main', tags: [{ key: 'a', value: 'b' }] }),
  'services of no cluster': ({ ecs }) => ecs.describeServices({ cluster: 'none', services: ['a'] }),
  'no services': ({ ecs }) => ecs.describeServices({ cluster: 'main' } as never),
  'a service that is missing': ({ ecs }) => ecs.describeServices({ cluster: 'main', services: ['a'] }),
  'register a task definition': ({ ecs }) =>
    ecs.registerTaskDefinition({
      family: 'web',
      requiresCompatibilities: ['FARGATE'],
      networkMode: 'awsvpc',
      cpu: '256',
      memory: '512',
      containerDefinitions: [{ name: 'web', image: 'a/b:c', portMappings: [{ containerPort: 80 }] }],
    }),
  'describe the task definition': ({ ecs }) => ecs.describeTaskDefinition({ taskDefinition: 'web', include: ['TAGS'] }),
  'create a repository': ({ ecr }) => ecr.createRepository({ repositoryName: 'team/app' }),
  'the repository again': ({ ecr }) => ecr.createRepository({ repositoryName: 'team/app' }),
  'an image that is not there': ({ ecr }) =>
    ecr.describeImages({ repositoryName: 'team/app', imageIds: [{ imageTag: 'x' }] }),
  'a token for the registry': ({ ecr }) => ecr.getAuthorizationToken({}),
  'a project that is not there': ({ codebuild }) => codebuild.batchGetProjects({ names: ['none'] }),
  'a build of no project': ({ codebuild }) => codebuild.startBuild({ projectName: 'none' }),
  'scalable targets of nothing': ({ autoscaling }) => autoscaling.describeScalableTargets({} as never),
  'no scalable targets': ({ autoscaling }) => autoscaling.describeScalableTargets({ ServiceNamespace: 'ecs' }),
  'aborted before it is sent': ({ logs }) => logs.describeLogGroups({}, { signal: AbortSignal.abort() }),
};

async function play(ports: Ports, clock: VirtualClock): Promise<Record<string, unknown>> {
  const played: Record<string, unknown> = {};
  for (const [name, step] of Object.entries(SCRIPT)) {
    played[name] = await step(ports, Object.values(played), clock).then(shown, (error: unknown) => {
      if (!isFailure(error)) throw error;
      const { kind, service, operation, code, message, requestId, cause } = error;
      const { CancellationReasons, Item, $fault, $metadata } = cause as Record<string, unknown>;
      const status = ($metadata as { httpStatusCode?: number } | undefined)?.httpStatusCode;
      return shown({
        failure: { kind, service, operation, code, message, requestId, status, $fault, CancellationReasons, Item },
      });
    });
  }
  return played;
}

/** Plain values: the SDK's byte arrays and errors are of classes of its own. */
function shown(value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes ${[...value].join(' ')}`;
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(shown);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).filter(([key, member]) => member !== undefined && key !== '$metadata');
  return Object.fromEntries(members.map(([key, member]) => [key, shown(member)]));
}

describe('the SDK over the wire and the direct ports', () => {
  it('give the same results and the same failures', async () => {
    const one = world();
    const direct = await play(createDirectPorts(one.cloud, registry), one.clock);
    const other = world();
    const server = await serveWire({ cloud: other.cloud, host: '127.0.0.1', port: 0 });
    const { ports, close } = createSdkPorts(
      {
        region: 'us-east-1',
        endpoint: `http://127.0.0.1:${server.port}`,
        credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
      },
      registry,
    );
    const wired = await play(ports, other.clock);
    close();
    await server.close();
    expect(direct).toEqual(wired);
    // The script is about something: its failures are of all kinds and none came from a fault.
    const kinds = Object.values(direct).flatMap(
      (answer) => (answer as { failure?: { kind: string } } | undefined)?.failure?.kind ?? [],
    );
    expect(new Set(kinds)).toEqual(new Set(['notFound', 'conflict', 'invalid', 'transient']));
  });
});
