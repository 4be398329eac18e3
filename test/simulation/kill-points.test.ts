/**
 * The controller is killed before and after single calls of an object's creation, and started again: the end is the same,
 * with no twin of anything and no second build. Every call in turn with `EVERY=1 npx vitest run test/simulation/kill`.
 */
import { expect, it } from 'vitest';
import { World } from './world.ts';

const EVERY = Number(process.env.EVERY ?? 13);
const SPEC = {
  source: { functionRef: { name: 'hello' } },
  placement: { mode: 'split', split: { lambda: 50, fargate: 50 } },
};

/** Creates the object, killed at `point` if there is one, and returns what there is in the end. */
async function create(point?: { call: number; done: boolean }) {
  const world = new World(77);
  await world.bootstrap();
  let killed = false;
  world.onCall = (call, done) => {
    if (killed || call !== point?.call || done !== point.done) return;
    killed = true;
    world.kill();
    world.start();
  };
  world.start();
  await world.put('shop', 'checkout', SPEC);
  await world.until('Ready', () => world.isReady('shop', 'checkout'));
  const calls = world.calls;
  await world.run(60_000);
  const [
    { serviceArns = [] },
    { TargetGroups = [] },
    { taskDefinitionArns = [] },
    { Policy = '' },
    { ScalableTargets = [] },
  ] = await Promise.all([
    world.aws.ecs.listServices({ cluster: 'lambdacontainer' }),
    world.aws.elbv2.describeTargetGroups({}),
    world.aws.ecs.listTaskDefinitions({}),
    world.aws.lambda.getPolicy({ FunctionName: 'hello' }),
    world.aws.autoscaling.describeScalableTargets({ ServiceNamespace: 'ecs' }),
  ]);
  const end = {
    killed,
    builds: world.builds,
    services: serviceArns.length,
    targetGroups: TargetGroups.map(({ TargetGroupName }) => TargetGroupName).sort(),
    taskDefinitions: taskDefinitionArns.length,
    statements: (JSON.parse(Policy) as { Statement: unknown[] }).Statement.length,
    scalableTargets: ScalableTargets.length,
    traffic: world.traffic().map(({ weight, canServe }) => ({ weight, canServe })),
  };
  await world.stop();
  world.cloud.close();
  return { end, calls };
}

it('wherever it is killed, the end is the same', async () => {
  const undisturbed = await create();
  expect(undisturbed.end).toMatchObject({
    builds: 1,
    services: 1,
    taskDefinitions: 1,
    statements: 1,
    scalableTargets: 1,
  });
  let points = 0;
  for (let call = 1; call <= undisturbed.calls; call += EVERY) {
    for (const done of [false, true]) {
      const { end } = await create({ call, done });
      points++;
      expect(end, `killed ${done ? 'after' : 'before'} call ${call}`).toEqual({ ...undisturbed.end, killed: true });
    }
  }
  expect(points).toBeGreaterThan(20);
}, 600_000);
