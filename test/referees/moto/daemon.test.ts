/**
 * The real controller against moto instead of the local cloud: an implementation of AWS that is not ours, as far as it
 * goes. It never starts a task, a build or a registration of a task with its group, and says so nowhere: the test plays
 * ECS where traffic would wait for ever. Skipped where there is no `moto_server`; CI installs it.
 */
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { LambdaContainerStatus } from '../../../src/api/index.ts';
import { Coalescing, type Layer, layered, type Ports, toItem, UNREADABLE_ANSWER } from '../../../src/aws/index.ts';
import { assembleController } from '../../../src/cli/assemble.ts';
import { completeTable } from '../../../src/cli/tables/complete-table.ts';
import { TABLE_SHAPES } from '../../../src/cli/tables/table-shapes.ts';
import { Failure, systemClock, systemRandom } from '../../../src/core/index.ts';
import { StateTable } from '../../../src/store/index.ts';
import { hasMoto, Moto, REGION } from '../../deploy/moto.ts';
import { makeZip } from '../../oci/make-zip.ts';

const TABLES = { desired: 'desired', state: 'state' };
const DIGEST = `sha256:${'a'.repeat(64)}`;
const IMAGE = `example.com/shop@${DIGEST}`;

/** What moto's ECS forgets of a service; it is healed again and again, and nothing else waits for it. */
const NOT_KEPT: readonly string[] = ['GracePeriodDrift', 'DeploymentConfigurationDrift'];

/**
 * moto answers 500 when it is asked for the tags of a scalable target: those that were sent are given instead. And it
 * does not say which projects it did not find, so that its answer is none; each is asked for alone here.
 */
function completed(): Layer {
  const tags = new Map<string, unknown>();
  return (next) => async (outgoing) => {
    const { operation, input } = outgoing;
    if (operation === 'registerScalableTarget') {
      const answer = (await next(outgoing)) as { ScalableTargetARN: string };
      const { Tags } = input() as { Tags?: unknown };
      if (Tags !== undefined) tags.set(answer.ScalableTargetARN, Tags);
      return answer;
    }
    if (operation === 'batchGetProjects') {
      return next(outgoing).catch((error: unknown) => {
        if (!(error instanceof Failure) || error.code !== UNREADABLE_ANSWER) throw error;
        return { projects: [], projectsNotFound: (input() as { names: string[] }).names };
      });
    }
    const { ResourceARN } = input() as { ResourceARN?: string };
    if (operation === 'listTagsForResource' && tags.has(ResourceARN ?? ''))
      return { Tags: tags.get(ResourceARN ?? '') };
    return next(outgoing);
  };
}

describe.skipIf(!hasMoto)(`the daemon against moto${hasMoto ? '' : ' (skipped: no moto_server on the PATH)'}`, () => {
  let moto: Moto;
  let ports: Ports;
  let state: StateTable;
  let ended: Promise<void>;
  let stop = () => {};
  const lines: string[] = [];

  beforeAll(async () => {
    // Without it a service of moto's runs nothing for ever.
    vi.stubEnv('MOTO_ECS_SERVICE_RUNNING', '1');
    moto = await Moto.start();
    vi.unstubAllEnvs();
    // moto has no registry: what a tag means there is given.
    const outside = { ...moto.ports, registry: { resolveDigest: async () => DIGEST } };
    ports = layered(outside, new Coalescing({ clock: systemClock }).layer, completed());
    await makeAccount(moto);
    const settings = {
      region: REGION,
      desiredTable: TABLES.desired,
      stateTable: TABLES.state,
      lease: { durationMs: 10_000, callTimeoutMs: 4_000, version: 'test' },
      workers: 4,
      drainMs: 1_000,
      resyncMs: 2_000,
      relistMs: 5_000,
    };
    const logger = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
    const controller = assembleController(ports, systemClock, systemRandom, logger, settings);
    state = new StateTable(ports.dynamodb, TABLES.state);
    stop = () => controller.stop();
    ended = controller.run();
  }, 60_000);

  afterAll(async () => {
    stop();
    await ended;
    await moto?.close();
  }, 30_000);

  const put = (name: string, spec: object) =>
    ports.dynamodb.putItem({ TableName: TABLES.desired, Item: toItem({ namespace: 'shop', name, spec }) });

  async function until(
    name: string,
    holds: (status: LambdaContainerStatus) => boolean,
  ): Promise<LambdaContainerStatus> {
    for (let attempt = 0; attempt < 500; attempt++) {
      const status = await state.status({ namespace: 'shop', name });
      if (status && holds(status)) return status;
      await new Promise((passed) => setTimeout(passed, 100));
    }
    const status = await state.status({ namespace: 'shop', name });
    throw new Error(`${JSON.stringify(status, undefined, 1)}\n${lines.join('')}`);
  }

  async function gone(name: string): Promise<void> {
    for (let attempt = 0; attempt < 500; attempt++) {
      if ((await state.status({ namespace: 'shop', name })) === undefined) return;
      await new Promise((passed) => setTimeout(passed, 100));
    }
    throw new Error(`${name} is still there\n${lines.join('')}`);
  }

  it('serves an image, from the record to the weights', async () => {
    await put('checkout', {
      source: { image: { uri: IMAGE } },
      interface: 'http',
      compute: { cpu: 256, memory: 512 },
      scaling: { min: 1, max: 3, targets: { cpu: 60 } },
      traffic: { paths: ['/checkout/*'] },
    });
    const waiting = await until('checkout', (status) => holds(status, 'ScalingApplied'));
    expect(waiting.conditions.find(({ type }) => type === 'TrafficShifted')?.reason).toBe('AwaitingProof');
    const arns = new Map(waiting.inventory.map(({ kind, arn }) => [kind, arn]));
    const TargetGroupArn = arns.get('target-group');
    const weights = async () => {
      const { Rules } = await ports.elbv2.describeRules({ RuleArns: [arns.get('listener-rule') ?? ''] });
      return Rules?.[0]?.Actions?.[0]?.ForwardConfig?.TargetGroups;
    };
    expect(await weights(), 'no weight before anything can serve').toEqual([{ TargetGroupArn, Weight: 0 }]);

    // What ECS does with a task that has started, and moto does not.
    await ports.elbv2.registerTargets({ TargetGroupArn, Targets: [{ Id: '10.0.0.7', Port: 8080 }] });
    const shifted = await until('checkout', (status) => holds(status, 'TrafficShifted'));
    expect(await weights()).toEqual([{ TargetGroupArn, Weight: expect.any(Number) }]);
    expect((await weights())?.[0]?.Weight).toBeGreaterThan(0);
    expect([...arns.keys()].sort()).toEqual([
      'ecs-service',
      'listener-rule',
      'log-group',
      'rule-weights',
      'scalable-target',
      'scaling-policy',
      'target-group',
      'task-definition',
    ]);
    const drift = (shifted.drift ?? []).map(({ reason }) => reason);
    expect(drift.filter((reason) => !NOT_KEPT.includes(reason))).toEqual([]);
  }, 60_000);

  it('makes everything about a zip function but its build project, which moto refuses', async () => {
    await put('orders', { source: { functionRef: { name: 'orders' } }, scaling: { min: 1, max: 1 } });
    const kinds = ['ecr-repository', 'log-group', 'target-group', 'listener-rule', 'codebuild-project'];
    const status = await until('orders', ({ inventory }) =>
      kinds.every((wanted) => inventory.some(({ kind }) => kind === wanted)),
    );
    expect(holds(status, 'SourceResolved')).toBe(true);
    expect(holds(status, 'Ready')).toBe(false);
    // AWS wants a location for all types of source but NO_SOURCE:
    // https://docs.aws.amazon.com/codebuild/latest/APIReference/API_ProjectSource.html
    await until('orders', () => lines.some((line) => line.includes('Project source location is required')));
    const { ecs, ecr } = ports;
    const { repositories } = await ecr.describeRepositories({ repositoryNames: ['lambdacontainer/shop'] });
    expect(repositories).toHaveLength(1);
    const { serviceArns } = await ecs.listServices({ cluster: 'main' });
    expect(
      serviceArns?.filter((arn) => arn.includes('orders')),
      'no service without an image',
    ).toEqual([]);
  }, 60_000);

  it('takes everything away again', async () => {
    const before = await until('checkout', () => true);
    await ports.dynamodb.deleteItem({
      TableName: TABLES.desired,
      Key: toItem({ namespace: 'shop', name: 'checkout' }),
    });
    await gone('checkout');
    const group = before.inventory.find(({ kind }) => kind === 'target-group')?.name ?? '';
    await expect(ports.elbv2.describeTargetGroups({ Names: [group] })).rejects.toMatchObject({ kind: 'notFound' });
    const { ScalableTargets } = await ports.autoscaling.describeScalableTargets({ ServiceNamespace: 'ecs' });
    expect(ScalableTargets).toEqual([]);
    const { logGroups } = await ports.logs.describeLogGroups({ logGroupNamePrefix: '/lambdacontainer/shop/checkout' });
    expect(logGroups).toEqual([]);
  }, 60_000);
});

function holds(status: LambdaContainerStatus, type: string): boolean {
  return status.conditions.some((condition) => condition.type === type && condition.status === 'True');
}

async function makeAccount(moto: Moto): Promise<void> {
  const { ports } = moto;
  const all = async (Action: string, name: string) => {
    const text = await moto.call('ec2', { Action }, '2016-11-15');
    return [...text.matchAll(new RegExp(`<${name}>([^<]+)</${name}>`, 'g'))].map(([, id = '']) => id);
  };
  const [vpcId = ''] = await all('DescribeVpcs', 'vpcId');
  const [securityGroup = ''] = await all('DescribeSecurityGroups', 'groupId');
  const subnets = (await all('DescribeSubnets', 'subnetId')).slice(0, 2);
  const role = async (RoleName: string, Service: string) => {
    const { Role } = await ports.iam.createRole({
      RoleName,
      AssumeRolePolicyDocument: JSON.stringify({
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Principal: { Service }, Action: 'sts:AssumeRole' }],
      }),
    });
    return Role?.Arn ?? '';
  };
  await ports.ecs.createCluster({ clusterName: 'main' });
  const { LoadBalancers } = await ports.elbv2.createLoadBalancer({ Name: 'shop', Subnets: subnets });
  const { Listeners } = await ports.elbv2.createListener({
    LoadBalancerArn: LoadBalancers?.[0]?.LoadBalancerArn,
    Protocol: 'HTTP',
    Port: 80,
    DefaultActions: [{ Type: 'fixed-response', FixedResponseConfig: { StatusCode: '404' } }],
  });
  for (const shape of TABLE_SHAPES) {
    const name = TABLES[shape.role];
    await completeTable({ dynamo: ports.dynamodb, clock: systemClock, name, shape, isGuarded: false, pollMs: 50 });
  }
  await ports.lambda.createFunction({
    FunctionName: 'orders',
    Role: await role('orders', 'lambda.amazonaws.com'),
    Runtime: 'nodejs22.x',
    Handler: 'index.handler',
    Code: { ZipFile: makeZip([{ name: 'index.mjs', content: 'export const handler = () => 1;' }]) },
  });
  await ports.dynamodb.putItem({
    TableName: TABLES.desired,
    Item: toItem({
      namespace: '_system',
      name: 'class/standard',
      kind: 'LambdaContainerClass',
      spec: {
        cluster: 'main',
        vpcId,
        subnets,
        securityGroups: [securityGroup],
        listeners: [
          { arn: Listeners?.[0]?.ListenerArn, url: 'http://shop.example.com', priorities: { from: 1, to: 100 } },
        ],
        roles: {
          task: await role('task', 'ecs-tasks.amazonaws.com'),
          execution: await role('execution', 'ecs-tasks.amazonaws.com'),
          build: await role('build', 'codebuild.amazonaws.com'),
        },
        build: { image: `example.com/builder@${DIGEST}` },
        adapter: { image: `example.com/adapter@${DIGEST}` },
      },
    }),
  });
}
