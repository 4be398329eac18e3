/**
 * What the controller may be in the midst of when it is killed: one entry for each scenario. `before` is what stands,
 * settled, when it begins; `act` sets it going; `isDone` tells its end.
 */
import { functionCode, type World } from './world.ts';

const NAME = 'checkout';
const CLUSTER = 'lambdacontainer';

export interface KillScenario {
  readonly name: string;
  /** Absent: there is no object yet. */
  readonly before?: object;
  readonly act: (world: World) => Promise<unknown>;
  /** Absent: the object is Ready, and was looked at since. */
  readonly isDone?: (world: World) => Promise<boolean>;
}

const source = { functionRef: { name: 'hello' } };
const lambda = { source, placement: { mode: 'lambda' } };
const fargate = { source, placement: { mode: 'fargate' } };
const split = { source, placement: { mode: 'split', split: { lambda: 50, fargate: 50 } } };

const want = (spec: object) => (world: World) => world.put('shop', NAME, spec);
const remove = (world: World) => world.remove('shop', NAME);
/** Whoever finds the table empty when it begins to lead holds the deletion until a person confirms. */
const isGone = async (world: World) => {
  await world.confirmHeld();
  return (await world.status('shop', NAME)) === undefined;
};

async function service({ aws }: World): Promise<string> {
  const { serviceArns = [] } = await aws.ecs.listServices({ cluster: CLUSTER });
  return serviceArns[0] ?? '';
}

/** The controller's own, with the target groups that it forwards to. */
export async function ruleOf({ aws, cloud }: World) {
  const [listener] = cloud.services.elbv2.listeners();
  const { Rules = [] } = await aws.elbv2.describeRules({ ListenerArn: listener?.arn });
  const ours = Rules.find(({ IsDefault }) => !IsDefault);
  const groups = (ours?.Actions?.[0]?.ForwardConfig?.TargetGroups ?? []).map(({ TargetGroupArn }) => TargetGroupArn);
  return { arn: ours?.RuleArn, groups };
}

/** Somebody breaks it; whether it was put right shows in the end state. */
function heal(what: string, act: KillScenario['act'], before: object = split): KillScenario {
  return { name: `heal: ${what}`, before, act };
}

export const KILL_SCENARIOS: readonly KillScenario[] = [
  { name: 'create', act: want(split) },
  {
    name: 'update',
    before: split,
    act: want({ ...split, scaling: { min: 2, max: 4 }, traffic: { paths: ['/other'] } }),
  },
  {
    name: 'rolling deployment',
    before: fargate,
    act: ({ aws }) => aws.lambda.updateFunctionCode({ FunctionName: 'hello', ZipFile: functionCode('two') }),
  },
  { name: 'placement: lambda to fargate', before: lambda, act: want(fargate) },
  { name: 'placement: split to lambda', before: split, act: want(lambda) },
  { name: 'delete', before: split, act: remove, isDone: isGone },
  {
    name: 'retain',
    before: { ...split, deletionPolicy: 'retain' },
    act: remove,
    isDone: isGone,
  },
  {
    name: 're-create',
    before: split,
    act: async (world) => {
      await remove(world);
      await world.run(2_000);
      await want(split)(world);
    },
  },
  heal('the rule deleted', async (world) => world.aws.elbv2.deleteRule({ RuleArn: (await ruleOf(world)).arn })),
  heal('weights moved', async (world) => {
    const { arn, groups } = await ruleOf(world);
    const TargetGroups = groups.map((TargetGroupArn, index) => ({ TargetGroupArn, Weight: index * 100 }));
    return world.aws.elbv2.modifyRule({
      RuleArn: arn,
      Actions: [{ Type: 'forward', ForwardConfig: { TargetGroups } }],
    });
  }),
  heal('the service deleted', async (world) =>
    world.aws.ecs.deleteService({ cluster: CLUSTER, service: await service(world), force: true }),
  ),
  heal('the task definition deregistered', async ({ aws }) => {
    const { taskDefinitionArns = [] } = await aws.ecs.listTaskDefinitions({ status: 'ACTIVE' });
    return aws.ecs.deregisterTaskDefinition({ taskDefinition: taskDefinitionArns[0] });
  }),
  heal('the permission taken away', async ({ aws }) => {
    const { Policy = '' } = await aws.lambda.getPolicy({ FunctionName: 'hello' });
    const [statement] = (JSON.parse(Policy) as { Statement: { Sid: string }[] }).Statement;
    return aws.lambda.removePermission({ FunctionName: 'hello', StatementId: statement?.Sid });
  }),
  heal('the image deleted', async ({ aws }) => {
    const { imageDetails = [] } = await aws.ecr.describeImages({ repositoryName: 'lambdacontainer/shop' });
    const imageIds = imageDetails.map(({ imageDigest }) => ({ imageDigest }));
    return aws.ecr.batchDeleteImage({ repositoryName: 'lambdacontainer/shop', imageIds });
  }),
  heal('the log group and the project deleted', async ({ aws }) => {
    await aws.logs.deleteLogGroup({ logGroupName: `/lambdacontainer/shop/${NAME}` });
    return aws.codebuild.deleteProject({ name: 'lambdacontainer-standard' });
  }),
  heal('the scaling bounds removed', async (world) => {
    const arn = await service(world);
    return world.aws.autoscaling.deregisterScalableTarget({
      ServiceNamespace: 'ecs',
      ResourceId: arn.slice(arn.indexOf(':service/') + 1),
      ScalableDimension: 'ecs:service:DesiredCount',
    });
  }),
];
