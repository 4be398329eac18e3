/**
 * One play of a scenario in which the controller is killed before or after one of its calls, and started again. Its end is
 * to be that of the undisturbed play.
 */
import { sameJson } from '../../src/core/index.ts';
import { isReading } from './calls.ts';
import type { KillScenario } from './kill-scenarios.ts';
import { World } from './world.ts';

/** Long enough that a sweep finds what an act broke, and that what drains is gone. */
const AFTER_MS = 180_000;

export interface KillPoint {
  /** Number of the call, from 1. */
  readonly call: number;
  /** After it was done and before its answer was read; else before it left. */
  readonly done: boolean;
}

/** What there is in the end. */
export type End = Awaited<ReturnType<typeof played>>['end'];

/** Plays the scenario, killed at `point` if there is one. `operations`: of the calls, in order. */
export async function played({ before, act, isDone }: KillScenario, point?: KillPoint) {
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
  const operations: string[] = [];
  world.onCall = (call, done, operation) => {
    if (!done) operations[call - from - 1] = operation;
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
  const calls = operations.slice(0, world.calls - from);
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
  return { end, operations: calls, killed };
}

async function statementsOf({ aws }: World): Promise<number> {
  const { Policy } = await aws.lambda.getPolicy({ FunctionName: 'hello' }).catch(() => ({ Policy: undefined }));
  return Policy === undefined ? 0 : (JSON.parse(Policy) as { Statement: unknown[] }).Statement.length;
}

/** Whether nothing differs but that fewer builds were needed: an object that came back before its deletion began keeps its image. */
export function isSameEnd(end: End, undisturbed: End): boolean {
  return end.builds <= undisturbed.builds && sameJson({ ...end, builds: 0 }, { ...undisturbed, builds: 0 });
}

/**
 * Before and after each call that changes something, and after the first of those reads that stand between two changes:
 * whoever is killed at another one of these leaves the same world behind, a moment earlier or later. `everyCall`: at all.
 */
export function pointsOf(operations: readonly string[], everyCall = false): KillPoint[] {
  return operations.flatMap((operation, index) => {
    const call = index + 1;
    const before = operations[index - 1];
    if (everyCall || !isReading(operation)) {
      return [
        { call, done: false },
        { call, done: true },
      ];
    }
    return before === undefined || !isReading(before) ? [{ call, done: true }] : [];
  });
}
