/**
 * A fleet that is settled costs no pass and no write, whoever leads; and whatever is broken behind the controller's back is
 * found by the sweep or the rotation alone, within their period. No event and no stream record tells of it here.
 */
import { afterEach, expect, it } from 'vitest';
import type { Ports } from '../../src/aws/index.ts';
import { functionCode, World } from './world.ts';

const SPEC = {
  source: { functionRef: { name: 'hello' } },
  placement: { mode: 'split', split: { lambda: 50, fargate: 50 } },
};
const CLUSTER = 'lambdacontainer';
const RESYNC_MS = 30_000;
/** The tag listing counts only some time after our own last act. */
const SETTLED_MS = 330_000;

let world: World | undefined;

afterEach(async () => {
  await world?.stop();
  world?.cloud.close();
  world = undefined;
});

async function settled(names: readonly string[]): Promise<World> {
  const w = new World(7);
  world = w;
  await w.bootstrap();
  w.start();
  for (const name of names) await w.put('shop', name, SPEC);
  for (const name of names) await w.until(`${name} is Ready`, () => w.isReady('shop', name));
  await w.run(SETTLED_MS);
  return w;
}

function forget(w: World): void {
  w.passes.length = 0;
  w.mutations.length = 0;
  w.stateWrites.length = 0;
}

const NOTHING = { passes: [], mutations: [], stateWrites: [] };

function done({ passes, mutations, stateWrites }: World) {
  return { passes, mutations, stateWrites };
}

it('ten resyncs of a steady fleet make no pass, change nothing and write nothing; nor does a new leader', async () => {
  const w = await settled(['a', 'b']);
  forget(w);
  await w.run(10 * RESYNC_MS);
  expect(done(w)).toEqual(NOTHING);

  await w.stop();
  w.start();
  await w.run(3 * RESYNC_MS);
  expect(done(w), 'after a hand-over').toEqual(NOTHING);

  w.kill();
  w.start();
  await w.run(3 * RESYNC_MS);
  expect(done(w), 'after a crash').toEqual(NOTHING);
});

it('a new leader looks at what changed while nobody led, and at nothing else', async () => {
  const w = await settled(['a', 'b', 'c']);
  await w.stop();
  forget(w);
  await w.putRecord({ namespace: 'shop', name: 'b', spec: SPEC, labels: { team: 'x' } });
  await w.remove('shop', 'c');
  w.start();
  await w.run(3 * RESYNC_MS);
  expect(new Set(w.passes)).toEqual(new Set(['b', 'c']));

  await w.run(SETTLED_MS);
  await w.stop();
  forget(w);
  // Which namespaces may use a class changes nothing of its objects in AWS, but whether they are accepted.
  const klass = await w.desired.get({ namespace: '_system', name: 'class/standard' });
  await w.putRecord({ ...klass?.item, spec: { ...(klass?.item.spec as object), namespaces: ['shop'] } });
  w.start();
  await w.run(3 * RESYNC_MS);
  expect([...new Set(w.passes)].sort(), 'all objects of a class that changed').toEqual(['a', 'b']);
  expect(w.mutations).toEqual([]);
});

it('a daemon whose promise the fleet does not allow refuses to begin, and says what is possible', async () => {
  const w = await settled(['a']);
  await w.stop();
  w.sweep = { callsPerSec: 0.1, rateShare: undefined, maxDriftAgeMs: 60_000 };
  w.start();
  await w.run(RESYNC_MS);
  await expect(w.stop()).rejects.toThrow(
    /^LAMBDACONTAINER_MAX_DRIFT_AGE: 1m00s cannot be promised: one sweep makes \d+ calls, and LAMBDACONTAINER_SWEEP_CALLS_PER_SECOND allows 0.1 a second; write at least \S+, or allow 1 calls a second$/,
  );
  world?.cloud.close();
  world = undefined;
});

interface Breakage {
  readonly what: string;
  readonly act: (aws: Ports, w: World) => Promise<unknown>;
}

async function service(aws: Ports): Promise<string> {
  const { serviceArns = [] } = await aws.ecs.listServices({ cluster: CLUSTER });
  return serviceArns[0] ?? '';
}

async function rule(aws: Ports, w: World) {
  const [listener] = w.cloud.services.elbv2.listeners();
  const { Rules = [] } = await aws.elbv2.describeRules({ ListenerArn: listener?.arn });
  const ours = Rules.find(({ IsDefault }) => !IsDefault);
  const groups = (ours?.Actions?.[0]?.ForwardConfig?.TargetGroups ?? []).map(({ TargetGroupArn }) => TargetGroupArn);
  return { arn: ours?.RuleArn, groups };
}

async function targetGroup(aws: Ports, type: string): Promise<string | undefined> {
  const { TargetGroups = [] } = await aws.elbv2.describeTargetGroups({});
  return TargetGroups.find(({ TargetType }) => TargetType === type)?.TargetGroupArn;
}

const BREAKAGES: readonly Breakage[] = [
  {
    what: 'weights moved',
    act: async (aws, w) => {
      const { arn, groups } = await rule(aws, w);
      const TargetGroups = groups.map((TargetGroupArn, index) => ({ TargetGroupArn, Weight: index * 100 }));
      return aws.elbv2.modifyRule({ RuleArn: arn, Actions: [{ Type: 'forward', ForwardConfig: { TargetGroups } }] });
    },
  },
  { what: 'the rule deleted', act: async (aws, w) => aws.elbv2.deleteRule({ RuleArn: (await rule(aws, w)).arn }) },
  {
    what: 'the service scaled beyond its bounds',
    act: async (aws) => aws.ecs.updateService({ cluster: CLUSTER, service: await service(aws), desiredCount: 0 }),
  },
  {
    what: 'the service deleted',
    act: async (aws) => aws.ecs.deleteService({ cluster: CLUSTER, service: await service(aws), force: true }),
  },
  {
    what: 'the health check of the target group changed',
    act: async (aws) =>
      aws.elbv2.modifyTargetGroup({
        TargetGroupArn: await targetGroup(aws, 'ip'),
        HealthCheckPath: '/somewhere-else',
      }),
  },
  {
    what: 'an attribute of the target group changed',
    act: async (aws) =>
      aws.elbv2.modifyTargetGroupAttributes({
        TargetGroupArn: await targetGroup(aws, 'ip'),
        Attributes: [{ Key: 'deregistration_delay.timeout_seconds', Value: '299' }],
      }),
  },
  {
    what: 'the scaling bounds removed',
    act: async (aws) => {
      const arn = await service(aws);
      return aws.autoscaling.deregisterScalableTarget({
        ServiceNamespace: 'ecs',
        ResourceId: arn.slice(arn.indexOf(':service/') + 1),
        ScalableDimension: 'ecs:service:DesiredCount',
      });
    },
  },
  {
    what: 'the log group deleted',
    act: (aws) => aws.logs.deleteLogGroup({ logGroupName: '/lambdacontainer/shop/a' }),
  },
  {
    what: 'the build project deleted',
    act: (aws) => aws.codebuild.deleteProject({ name: 'lambdacontainer-standard' }),
  },
  {
    what: 'the permission to invoke the function taken away',
    act: async (aws) => {
      const { Policy = '' } = await aws.lambda.getPolicy({ FunctionName: 'hello' });
      const [statement] = (JSON.parse(Policy) as { Statement: { Sid: string }[] }).Statement;
      return aws.lambda.removePermission({ FunctionName: 'hello', StatementId: statement?.Sid });
    },
  },
  {
    what: 'the function taken out of its target group',
    act: async (aws) => {
      const TargetGroupArn = await targetGroup(aws, 'lambda');
      const { TargetHealthDescriptions = [] } = await aws.elbv2.describeTargetHealth({ TargetGroupArn });
      return aws.elbv2.deregisterTargets({
        TargetGroupArn,
        Targets: TargetHealthDescriptions.flatMap(({ Target }) => (Target ? [Target] : [])),
      });
    },
  },
  {
    what: 'the task definition deregistered',
    act: async (aws) => {
      const { taskDefinitionArns = [] } = await aws.ecs.listTaskDefinitions({ status: 'ACTIVE', sort: 'DESC' });
      return aws.ecs.deregisterTaskDefinition({ taskDefinition: taskDefinitionArns[0] });
    },
  },
  {
    what: 'the image deleted',
    act: async (aws) => {
      const { imageDetails = [] } = await aws.ecr.describeImages({ repositoryName: 'lambdacontainer/shop' });
      const imageIds = imageDetails.map(({ imageDigest }) => ({ imageDigest }));
      return aws.ecr.batchDeleteImage({ repositoryName: 'lambdacontainer/shop', imageIds });
    },
  },
  {
    what: 'new code in the function',
    act: (aws) => aws.lambda.updateFunctionCode({ FunctionName: 'hello', ZipFile: functionCode('two') }),
  },
];

it('whatever is broken is found by sweep or rotation, and put right', async () => {
  const w = await settled(['a']);
  for (const { what, act } of BREAKAGES) {
    forget(w);
    await act(w.aws, w);
    const foundMs = await w.until(`found: ${what}`, async () => w.mutations.length > 0, 4 * RESYNC_MS);
    expect(foundMs, what).toBeLessThanOrEqual(2 * RESYNC_MS + 5_000);
    await w.until(`put right: ${what}`, () => w.isReady('shop', 'a'));
    await w.run(SETTLED_MS);
    forget(w);
    await w.run(2 * RESYNC_MS);
    expect(done(w), `after: ${what}`).toEqual(NOTHING);
  }
  expect(w.unproven).toEqual([]);
});
