/**
 * A cloud that enforces IAM, through the real SDK and the AWS CLI: who a key belongs to, what the policies of `deploy/`
 * let it do, and how each service words what they do not.
 */
import { execFile, spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assumedRole, createSdkPorts, type Ports, type StaticCredentials, toItem } from '../../../src/aws/index.ts';
import { bootstrapLocalAccount } from '../../../src/cli/local/bootstrap.ts';
import { BUILD_POLICY, beginControllerSession } from '../../../src/cli/local/controller-identity.ts';
import { controllerPolicy } from '../../../src/cli/policy.ts';
import { Failure, seededRandom, VirtualClock } from '../../../src/core/index.ts';
import { ACTIONS } from '../../../src/local-cloud/iam/index.ts';
import {
  Cloud,
  type CloudService,
  createDirectPorts,
  memoryBlobs,
  memoryState,
  serveWire,
} from '../../../src/local-cloud/index.ts';
import { mayBeSentTo } from '../../../src/local-cloud/services/sqs/queue-policy.ts';
import { grantsOf, list, template } from '../../deploy/template.ts';
import { unused } from '../cloud/idle-cloud.ts';
import { SETTINGS } from '../cloud/world.ts';
import { deployedPolicy } from './deployed-policies.ts';

const REGISTRY = { resolveDigest: unused };
const DESIRED = 'lambdacontainer-desired';
const OWNER = 'lambdacontainer.dev/owner';
const ROOT = { accessKeyId: 'local', secretAccessKey: 'local' };
const clock = new VirtualClock();
let cloud: Cloud;
let server: Awaited<ReturnType<typeof serveWire>>;
let direct: Ports;
const opened: { close: () => void }[] = [];

function as(credentials: StaticCredentials): Ports {
  const endpoint = `http://127.0.0.1:${server.port}`;
  const connected = createSdkPorts({ region: 'us-east-1', endpoint, credentials }, REGISTRY);
  opened.push(connected);
  return connected.ports;
}

/** A user with one policy. */
function userWith(name: string, document: string | undefined): StaticCredentials {
  cloud.call('iam', 'CreateUser', { UserName: name });
  if (document !== undefined) {
    const { Policy } = cloud.call('iam', 'CreatePolicy', { PolicyName: name, PolicyDocument: document }) as {
      Policy: { Arn: string };
    };
    cloud.call('iam', 'AttachUserPolicy', { UserName: name, PolicyArn: Policy.Arn });
  }
  const { AccessKey } = cloud.call('iam', 'CreateAccessKey', { UserName: name }) as {
    AccessKey: { AccessKeyId: string; SecretAccessKey: string };
  };
  return { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: AccessKey.SecretAccessKey };
}

const allowing = (statement: object) =>
  JSON.stringify({ Version: '2012-10-17', Statement: { Effect: 'Allow', Resource: '*', ...statement } });

async function refusal(call: Promise<unknown>): Promise<Failure> {
  const error = await call.then(
    () => new Error('it was allowed'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Failure)) throw error;
  return error;
}

beforeAll(async () => {
  cloud = new Cloud({
    clock,
    random: seededRandom(9),
    state: memoryState(),
    blobs: memoryBlobs(),
    settings: { ...SETTINGS, iam: 'enforce' },
    drivers: () => ({
      tasks: {
        prepare: unused,
        startContainer: unused,
        signalContainer: unused,
        checkContainer: unused,
        release: unused,
      },
      builds: { start: unused, stop: unused },
      functions: { invoke: unused },
      probes: { probe: unused },
    }),
  });
  direct = createDirectPorts(cloud, REGISTRY);
  server = await serveWire({ cloud, host: '127.0.0.1', port: 0 });
  const prepared = bootstrapLocalAccount({
    ports: direct,
    clock,
    accountId: SETTINGS.accountId,
    httpPort: 8080,
    registry: 'public.ecr.aws',
    images: { adapter: `a@sha256:${'a'.repeat(64)}`, builder: `b@sha256:${'b'.repeat(64)}` },
  });
  let done = false;
  void prepared.finally(() => {
    done = true;
  });
  await clock.run(() => done, 60_000);
  await prepared;
});

afterAll(async () => {
  for (const one of opened) one.close();
  await server.close();
  cloud.close();
});

it('the tables say of every operation that a machine can do what it needs to be allowed', () => {
  const missing = Object.values<CloudService>({ ...cloud.services }).flatMap(
    ({ id, operations, asyncOperations = {} }) => {
      return [...Object.keys(operations), ...Object.keys(asyncOperations)]
        .filter((operation) => !(operation in ACTIONS[id].operations))
        .map((operation) => `${id} ${operation}`);
    },
  );
  expect(missing).toEqual([]);
});

it('builds have in a local cloud the policy that they have in deploy/', () => {
  const inTemplate = grantsOf(template('class.yaml')).filter(({ where }) => where.includes('BuildRole'));
  expect(BUILD_POLICY.Statement.map(({ Sid, Action }) => [Sid, Action])).toEqual(
    inTemplate.map(({ statement: { Sid, Action } }) => [Sid, list(Action)]),
  );
});

describe('a key', () => {
  it('of the account itself may do everything', async () => {
    const { Arn } = await as(ROOT).sts.getCallerIdentity({});
    expect(Arn).toBe('arn:aws:iam::000000000000:user/local');
    await as(ROOT).ecs.describeClusters({ clusters: ['lambdacontainer'] });
  });

  it('of a user without policies may only ask who he is', async () => {
    const ports = as(userWith('nobody', undefined));
    expect((await ports.sts.getCallerIdentity({})).Arn).toBe('arn:aws:iam::000000000000:user/nobody');
    expect((await refusal(ports.lambda.listFunctions({}))).kind).toBe('denied');
  });

  it.each([
    { service: 'ecs', code: 'UnrecognizedClientException', call: (p: Ports) => p.ecs.describeClusters({}) },
    { service: 'lambda', code: 'UnrecognizedClientException', call: (p: Ports) => p.lambda.listFunctions({}) },
    { service: 'elbv2', code: 'InvalidClientTokenId', call: (p: Ports) => p.elbv2.describeRules({}) },
    { service: 'sts', code: 'InvalidClientTokenId', call: (p: Ports) => p.sts.getCallerIdentity({}) },
  ])('that nobody made is refused by $service', async ({ code, call }) => {
    const failure = await refusal(call(as({ accessKeyId: 'AKIASOMEBODYELSE', secretAccessKey: 'x' })));
    expect(failure).toMatchObject({ kind: 'denied', code });
    expect(failure.message).toContain('The security token included in the request is invalid');
  });

  it('that was deleted is worth nothing at once', async () => {
    const credentials = userWith('gone', allowing({ Action: 'ecs:*' }));
    await as(credentials).ecs.describeClusters({});
    cloud.call('iam', 'DeleteAccessKey', { UserName: 'gone', AccessKeyId: credentials.accessKeyId });
    expect((await refusal(as(credentials).ecs.describeClusters({}))).code).toBe('UnrecognizedClientException');
  });
});

describe('a denial', () => {
  const CASES = [
    {
      service: 'dynamodb',
      call: (p: Ports) => p.dynamodb.getItem({ TableName: DESIRED, Key: toItem({ namespace: 'a', name: 'b' }) }),
      action: 'dynamodb:GetItem',
      resource: 'arn:aws:dynamodb:us-east-1:000000000000:table/lambdacontainer-desired',
      code: 'AccessDeniedException',
    },
    {
      service: 'ecs',
      call: (p: Ports) => p.ecs.updateService({ cluster: 'main', service: 'web' }),
      action: 'ecs:UpdateService',
      resource: 'arn:aws:ecs:us-east-1:000000000000:service/main/web',
      code: 'AccessDeniedException',
    },
    {
      service: 'lambda',
      call: (p: Ports) => p.lambda.getFunction({ FunctionName: 'hello', Qualifier: 'live' }),
      action: 'lambda:GetFunction',
      resource: 'arn:aws:lambda:us-east-1:000000000000:function:hello:live',
      code: 'AccessDeniedException',
    },
    {
      service: 'elbv2',
      call: (p: Ports) => p.elbv2.describeRules({ RuleArns: ['arn:x'] }),
      action: 'elasticloadbalancing:DescribeRules',
      resource: '*',
      code: 'AccessDenied',
    },
    {
      service: 'iam',
      call: (p: Ports) => p.iam.getRole({ RoleName: 'lambdacontainer-build' }),
      action: 'iam:GetRole',
      resource: 'arn:aws:iam::000000000000:role/lambdacontainer/builds/lambdacontainer-build',
      code: 'AccessDenied',
    },
    {
      service: 'logs',
      call: (p: Ports) => p.logs.createLogGroup({ logGroupName: '/a' }),
      action: 'logs:CreateLogGroup',
      resource: 'arn:aws:logs:us-east-1:000000000000:log-group:/a:log-stream:',
      code: 'AccessDeniedException',
    },
  ] as const;

  it.each(CASES)('in the words of $service', async ({ service, call, action, resource, code }) => {
    const failure = await refusal(call(as(userWith(`denied-${service}`, undefined))));
    expect(failure).toMatchObject({ kind: 'denied', code });
    expect(failure.message).toContain(
      `User: arn:aws:iam::000000000000:user/denied-${service} is not authorized to perform: ${action} on resource: ${resource} because no identity-based policy allows the ${action} action`,
    );
  });

  it('is the same without the wire', async () => {
    const credentials = userWith('twice', undefined);
    const [{ call }] = CASES;
    const near = createDirectPorts(cloud, REGISTRY, undefined, () => credentials);
    const [wire, local] = [await refusal(call(as(credentials))), await refusal(call(near))];
    expect({ kind: local.kind, code: local.code, message: local.message }).toEqual({
      kind: wire.kind,
      code: wire.code,
      message: wire.message,
    });
  });

  it('that a policy asks for says so', async () => {
    const document = JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        { Effect: 'Allow', Action: '*', Resource: '*' },
        { Effect: 'Deny', Action: 'ecs:DescribeClusters', Resource: '*' },
      ],
    });
    const failure = await refusal(as(userWith('forbidden', document)).ecs.describeClusters({}));
    expect(failure.message).toContain('with an explicit deny in an identity-based policy');
  });

  const cli = spawnSync('aws', ['--version']).status === 0;
  it.skipIf(!cli)('is read by the AWS CLI (skipped where aws is not installed)', async () => {
    const { accessKeyId, secretAccessKey } = userWith('typist', undefined);
    const env = {
      PATH: `${process.env.PATH}`,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_EC2_METADATA_DISABLED: 'true',
    };
    const args = [
      '--endpoint-url',
      `http://127.0.0.1:${server.port}`,
      'elbv2',
      'describe-rules',
      '--rule-arns',
      'arn:x',
    ];
    const stderr = await new Promise<string>((done) =>
      execFile('aws', args, { env }, (_error, _out, text) => done(text)),
    );
    expect(stderr).toContain('An error occurred (AccessDenied) when calling the DescribeRules operation');
    expect(stderr).toContain('because no identity-based policy allows the elasticloadbalancing:DescribeRules action');
  });
});

describe('the role of a namespace (deploy/namespace.yaml)', () => {
  let team: Ports;
  const item = (namespace: string, name: string) => ({
    TableName: DESIRED,
    Item: toItem({ namespace, name, spec: {} }),
  });
  const key = (namespace: string, name: string) => ({ TableName: DESIRED, Key: toItem({ namespace, name }) });
  const query = (namespace: string) => ({
    TableName: DESIRED,
    KeyConditionExpression: '#n = :n',
    ExpressionAttributeNames: { '#n': 'namespace' },
    ExpressionAttributeValues: { ':n': { S: namespace } },
  });
  beforeAll(() => {
    team = as(
      userWith('team', deployedPolicy('namespace.yaml', 'NamespacePolicy', { Namespaces: ['shop', 'shop-dev'] })),
    );
  });

  it.each([
    { reason: 'writes a record of its own', call: () => team.dynamodb.putItem(item('shop', 'a')) },
    { reason: 'lists its own', call: () => team.dynamodb.query(query('shop-dev')) },
    { reason: 'deletes its own', call: () => team.dynamodb.deleteItem(key('shop', 'a')) },
    { reason: 'reads a class', call: () => team.dynamodb.getItem(key('_system', 'class/standard')) },
    {
      reason: 'reads its status',
      call: () =>
        team.dynamodb.getItem({
          TableName: 'lambdacontainer-state',
          Key: toItem({ namespace: 'shop', key: 'a#status' }),
        }),
    },
  ])('$reason', async ({ call }) => {
    await call();
  });

  it.each([
    { reason: 'another’s record', call: () => team.dynamodb.putItem(item('billing', 'a')) },
    { reason: 'what begins like its own', call: () => team.dynamodb.putItem(item('shop-prod', 'a')) },
    { reason: 'a class', call: () => team.dynamodb.putItem(item('_system', 'class/standard')) },
    { reason: 'a listing of another’s', call: () => team.dynamodb.query(query('billing')) },
    { reason: 'a deletion of another’s', call: () => team.dynamodb.deleteItem(key('billing', 'a')) },
    { reason: 'a listing of all', call: () => team.dynamodb.scan({ TableName: DESIRED }) },
    {
      reason: 'one of another’s among its own',
      call: () =>
        team.dynamodb.batchWriteItem({
          RequestItems: {
            [DESIRED]: ['shop', 'billing'].map((namespace) => ({
              PutRequest: { Item: toItem({ namespace, name: 'a', spec: {} }) },
            })),
          },
        }),
    },
    {
      reason: 'its own status',
      call: () =>
        team.dynamodb.putItem({
          TableName: 'lambdacontainer-state',
          Item: toItem({ namespace: 'shop', key: 'a#status' }),
        }),
    },
  ])('is denied $reason', async ({ call }) => {
    expect((await refusal(call())).kind).toBe('denied');
  });
});

describe('the role of a source (deploy/source.yaml)', () => {
  const CONTROLLER = 'arn:aws:iam::000000000000:role/lambdacontainer/controller/lambdacontainer-controller';
  const role = { arn: 'arn:aws:iam::000000000000:role/lambdacontainer/sources/shop', session: 'lambdacontainer' };
  const externalId = 'shop-7f3a';
  let controller: Ports;
  beforeAll(() => {
    controller = as(beginControllerSession(cloud, controllerPolicy()));
    const parameters = { Namespaces: ['shop'], ControllerRoleArn: CONTROLLER, ExternalId: externalId };
    cloud.call('iam', 'CreateRole', {
      RoleName: 'shop',
      Path: '/lambdacontainer/sources/',
      AssumeRolePolicyDocument: deployedPolicy('source.yaml', 'SourceRole', parameters, 'trust'),
    });
    cloud.call('iam', 'PutRolePolicy', {
      RoleName: 'shop',
      PolicyName: 'records',
      PolicyDocument: deployedPolicy('source.yaml', 'SourceRole', parameters),
    });
  });

  it('is taken by the controller with the external id, and writes its namespace and no other', async () => {
    const source = as(await assumedRole(controller.sts, { ...role, externalId })());
    expect((await source.sts.getCallerIdentity({})).Arn).toBe(
      'arn:aws:sts::000000000000:assumed-role/shop/lambdacontainer',
    );
    await source.dynamodb.putItem({ TableName: DESIRED, Item: toItem({ namespace: 'shop', name: 'a', spec: {} }) });
    const other = source.dynamodb.putItem({
      TableName: DESIRED,
      Item: toItem({ namespace: 'x', name: 'a', spec: {} }),
    });
    expect((await refusal(other)).kind).toBe('denied');
  });

  it.each([
    { reason: 'without the external id', ports: () => controller, externalId: undefined },
    { reason: 'with that of another source', ports: () => controller, externalId: 'other' },
    {
      reason: 'by somebody who may assume every role, but whom it does not trust',
      ports: () => as(userWith('climber', allowing({ Action: 'sts:*' }))),
      externalId,
    },
  ])('is not taken $reason', async ({ ports, externalId: id }) => {
    const failure = await refusal(
      assumedRole(ports().sts, { ...role, ...(id === undefined ? {} : { externalId: id }) })(),
    );
    expect(failure).toMatchObject({ kind: 'denied', code: 'AccessDenied' });
  });

  it('ends when its session does', async () => {
    const credentials = await assumedRole(controller.sts, { ...role, externalId })();
    let over = false;
    clock.after(3_600_000, () => {
      over = true;
    });
    await clock.run(() => over, 3_700_000);
    const failure = await refusal(
      as(credentials).dynamodb.putItem({ TableName: DESIRED, Item: toItem({ namespace: 'shop', name: 'a' }) }),
    );
    expect(failure).toMatchObject({ kind: 'denied', code: 'ExpiredTokenException' });
  });
});

describe('the controller', () => {
  let controller: Ports;
  let listener = '';
  const ours = [{ Key: OWNER, Value: 'lambdacontainer-state' }];
  const group = (Name: string, Tags?: { Key: string; Value: string }[]) => ({
    Name,
    Protocol: 'HTTP' as const,
    Port: 80,
    TargetType: 'ip' as const,
    VpcId: 'vpc-local',
    ...(Tags ? { Tags } : {}),
  });
  beforeAll(async () => {
    controller = as(beginControllerSession(cloud, controllerPolicy()));
    const { Listeners } = await direct.elbv2.describeListeners({
      LoadBalancerArn: (await direct.elbv2.describeLoadBalancers({})).LoadBalancers?.[0]?.LoadBalancerArn,
    });
    listener = Listeners?.[0]?.ListenerArn ?? '';
  });

  it('makes what it tags as its own, and takes it away again', async () => {
    const { TargetGroups } = await controller.elbv2.createTargetGroup(group('lc-shop', ours));
    await controller.elbv2.deleteTargetGroup({ TargetGroupArn: TargetGroups?.[0]?.TargetGroupArn });
  });

  it.each([
    { reason: 'makes nothing without its tag', call: () => controller.elbv2.createTargetGroup(group('lc-a')) },
    {
      reason: 'makes nothing in another controller’s name',
      call: () => controller.elbv2.createTargetGroup(group('lc-a', [{ Key: OWNER, Value: 'other' }])),
    },
    {
      reason: 'takes no group that is another’s',
      call: async () => {
        const { TargetGroups } = await direct.elbv2.createTargetGroup(group('lc-theirs', [{ Key: OWNER, Value: 'x' }]));
        return controller.elbv2.deleteTargetGroup({ TargetGroupArn: TargetGroups?.[0]?.TargetGroupArn });
      },
    },
    {
      reason: 'takes no group that has its tag and another name',
      call: async () => {
        const { TargetGroups } = await direct.elbv2.createTargetGroup(group('web', ours));
        return controller.elbv2.deleteTargetGroup({ TargetGroupArn: TargetGroups?.[0]?.TargetGroupArn });
      },
    },
    {
      reason: 'changes no rule that somebody else made',
      call: async () => {
        const { Rules } = await direct.elbv2.createRule({
          ListenerArn: listener,
          Priority: 9,
          Conditions: [{ Field: 'path-pattern', Values: ['/theirs'] }],
          Actions: [{ Type: 'fixed-response', FixedResponseConfig: { StatusCode: '200' } }],
        });
        return controller.elbv2.deleteRule({ RuleArn: Rules?.[0]?.RuleArn });
      },
    },
    {
      reason: 'hands no role to tasks that is not meant for them',
      call: async () => {
        const { Role } = await direct.iam.createRole({
          RoleName: 'admin',
          AssumeRolePolicyDocument: JSON.stringify({
            Statement: { Effect: 'Allow', Principal: { Service: 'ecs-tasks.amazonaws.com' }, Action: 'sts:AssumeRole' },
          }),
        });
        return controller.ecs.registerTaskDefinition({
          family: 'lc-shop',
          taskRoleArn: Role?.Arn,
          containerDefinitions: [],
          tags: [{ key: OWNER, value: 'lambdacontainer-state' }],
        });
      },
    },
    {
      reason: 'lets nobody but load balancers call a function',
      call: () =>
        controller.lambda.addPermission({
          FunctionName: 'hello',
          StatementId: 'x',
          Action: 'lambda:InvokeFunction',
          Principal: 's3.amazonaws.com',
        }),
    },
    {
      reason: 'writes no record',
      call: () => controller.dynamodb.putItem({ TableName: DESIRED, Item: toItem({ namespace: 'shop', name: 'a' }) }),
    },
    {
      reason: 'takes the role of no person',
      call: () =>
        assumedRole(controller.sts, {
          arn: 'arn:aws:iam::000000000000:role/lambdacontainer/people/x',
          session: 'xx',
        })(),
    },
  ])('$reason', async ({ call }) => {
    expect((await refusal(call())).kind).toBe('denied');
  });
});

describe('who only looks (deploy/reader.yaml)', () => {
  it('reads what plans need, and changes nothing', async () => {
    const reader = as(userWith('reader', deployedPolicy('reader.yaml', 'ReaderPolicy', {})));
    await reader.dynamodb.scan({ TableName: DESIRED });
    await reader.elbv2.describeTargetGroups({});
    await reader.iam.getRole({ RoleName: 'lambdacontainer-task' });
    const changes = [
      reader.dynamodb.putItem({ TableName: DESIRED, Item: toItem({ namespace: 'a', name: 'b' }) }),
      reader.ecs.createCluster({ clusterName: 'x' }),
      reader.secretsmanager.getSecretValue({ SecretId: 'x' }),
    ];
    for (const change of changes) expect((await refusal(change)).kind).toBe('denied');
  });
});

describe('the trust of builds (deploy/class.yaml)', () => {
  it('is for the project of its class, on behalf of this account', () => {
    const trust = deployedPolicy('class.yaml', 'BuildRole', { ClassName: 'standard' }, 'trust');
    cloud.call('iam', 'CreateRole', { RoleName: 'builds', Path: '/b/', AssumeRolePolicyDocument: trust });
    const { iam } = cloud.services;
    const arn = 'arn:aws:iam::000000000000:role/b/builds';
    const project = (name: string) => ({ arn: `arn:aws:codebuild:us-east-1:000000000000:project/${name}` });
    expect(iam.trusts(arn, 'codebuild.amazonaws.com', project('lambdacontainer-standard'))).toBe(true);
    expect(iam.trusts(arn, 'codebuild.amazonaws.com', project('theirs'))).toBe(false);
    expect(iam.trusts(arn, 'codebuild.amazonaws.com')).toBe(false);
    expect(iam.trusts(arn, 'ecs-tasks.amazonaws.com', project('lambdacontainer-standard'))).toBe(false);
  });
});

describe('the queue of events (deploy/controller.yaml)', () => {
  const queue = 'arn:aws:sqs:us-east-1:000000000000:lambdacontainer-events';
  const policy = deployedPolicy('controller.yaml', 'EventQueuePolicy', {
    'EventQueue.Arn': queue,
    'DeadLetterQueue.Arn': `${queue}-dead`,
  });
  const rule = 'arn:aws:events:us-east-1:000000000000:rule/lambdacontainer-native-1';
  it.each([
    { reason: 'takes what rules of its stack send', sender: {}, is: true },
    { reason: 'nothing of another rule', sender: { sourceArn: rule.replace('lambdacontainer-', 'other-') }, is: false },
    {
      reason: 'nothing of the same rule in another account',
      sender: { sourceArn: rule.replace('000000000000', '999999999999'), sourceAccount: '999999999999' },
      is: false,
    },
    { reason: 'nothing of another service', sender: { service: 's3.amazonaws.com' }, is: false },
  ])('$reason', ({ sender, is }) => {
    const from = { service: 'events.amazonaws.com', sourceArn: rule, sourceAccount: '000000000000', ...sender };
    expect(mayBeSentTo(policy, queue, from)).toBe(is);
  });
});
