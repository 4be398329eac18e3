/**
 * The controller is killed before and after single calls of a scenario, and started again: the end is the same, with no
 * twin of anything and no second build. Here some calls of each scenario; every call of all of them, with the table of
 * scenarios and calls, by `EVERY=1 npx vitest run test/simulation/kill`.
 */
import { afterAll, expect, it } from 'vitest';
import { KILL_SCENARIOS, type KillScenario } from './kill-scenarios.ts';
import { World } from './world.ts';

const EVERY = process.env.EVERY === undefined ? undefined : Number(process.env.EVERY);
/** So many calls of a scenario are killed at when not every one is; more of the first, which is a creation. */
const POINTS = { first: 4, others: 1 };
/** Long enough that a sweep finds what an act broke, and that what drains is gone. */
const AFTER_MS = 180_000;

interface Point {
  readonly call: number;
  readonly done: boolean;
}

const table: { scenario: string; calls: number; points: number }[] = [];

afterAll(() => {
  if (EVERY === undefined) return;
  const lines = table.map(
    ({ scenario, calls, points }) => `${scenario}: ${calls} calls, ${points} kills, all converged`,
  );
  process.stdout.write(`${lines.join('\n')}\n`);
});

/** Plays the scenario, killed at `point` if there is one, and returns what there is in the end. */
async function played({ before, act, isDone }: KillScenario, point?: Point) {
  const world = new World(77);
  await world.bootstrap();
  world.start();
  if (before) {
    await world.put('shop', 'checkout', before);
    await world.until('Ready before', () => world.isReady('shop', 'checkout'));
    await world.run(20_000);
  }
  let killed = false;
  const from = world.calls;
  world.onCall = (call, done) => {
    if (killed || call - from !== point?.call || done !== point.done) return;
    killed = true;
    world.kill();
    world.start();
  };
  await act(world);
  const startedMs = world.clock.now();
  const isSettled = async () => {
    if (!(await (isDone ? isDone(world) : world.isReady('shop', 'checkout')))) return false;
    // What somebody broke is not noticed at once: Ready counts when a sweep had its time.
    return world.clock.now() - startedMs > (before && !isDone ? 90_000 : 0);
  };
  await world.until('done', isSettled);
  const calls = world.calls - from;
  await world.run(AFTER_MS);
  const [
    { serviceArns = [] },
    { TargetGroups = [] },
    { taskDefinitionArns = [] },
    statements,
    { ScalableTargets = [] },
  ] = await Promise.all([
    world.aws.ecs.listServices({ cluster: 'lambdacontainer' }),
    world.aws.elbv2.describeTargetGroups({}),
    world.aws.ecs.listTaskDefinitions({ status: 'ACTIVE' }),
    statementsOf(world),
    world.aws.autoscaling.describeScalableTargets({ ServiceNamespace: 'ecs' }),
  ]);
  const end = {
    builds: world.builds,
    services: serviceArns.length,
    targetGroups: TargetGroups.map(({ TargetGroupName }) => TargetGroupName).sort(),
    taskDefinitions: taskDefinitionArns.length,
    statements,
    scalableTargets: ScalableTargets.length,
    traffic: world.traffic().map(({ weight, canServe }) => ({ weight, canServe })),
    unproven: world.unproven,
  };
  await world.stop();
  world.cloud.close();
  return { end, calls, killed };
}

async function statementsOf({ aws }: World): Promise<number> {
  const { Policy } = await aws.lambda.getPolicy({ FunctionName: 'hello' }).catch(() => ({ Policy: undefined }));
  return Policy === undefined ? 0 : (JSON.parse(Policy) as { Statement: unknown[] }).Statement.length;
}

function pointsOf(calls: number, index: number): Point[] {
  if (EVERY !== undefined) {
    const some = Array.from({ length: Math.ceil(calls / EVERY) }, (_, at) => 1 + at * EVERY);
    return some.flatMap((call) => [
      { call, done: false },
      { call, done: true },
    ]);
  }
  // Spread over the scenario, other ones in each, before and after in turn.
  const count = index === 0 ? POINTS.first : POINTS.others;
  return Array.from({ length: count }, (_, at) => ({
    call: 1 + Math.floor(((at + ((index * 0.37) % 1)) / count) * Math.min(calls, 60)),
    done: (index + at) % 2 === 0,
  }));
}

it.each(KILL_SCENARIOS.map((scenario, index) => [scenario.name, scenario, index] as const))(
  '%s: wherever it is killed, the end is the same',
  async (name, scenario, index) => {
    const undisturbed = await played(scenario);
    expect(undisturbed.end.unproven).toEqual([]);
    const points = pointsOf(undisturbed.calls, index);
    for (const point of points) {
      const { end, killed } = await played(scenario, point);
      expect(end, `killed ${point.done ? 'after' : 'before'} call ${point.call}`).toEqual(undisturbed.end);
      expect(killed, `call ${point.call} was never made`).toBe(true);
    }
    table.push({ scenario: name, calls: undisturbed.calls, points: points.length });
  },
  EVERY === undefined ? 120_000 : 3_600_000,
);
