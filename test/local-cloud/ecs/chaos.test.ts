/**
 * Services under everything at once, by seed: crashes, sick tasks, stubborn containers, stops, updates, scaling,
 * restarts of the cloud. Meanwhile the rules of order hold; when the trouble stops, everything settles and stays so.
 */
import { describe, expect, it } from 'vitest';
import { type Random, seededRandom } from '../../../src/core/index.ts';
import { World, web } from './world.ts';

const SEEDS = Array.from({ length: 25 }, (_, index) => index + 1);

function pick<T>(random: Random, values: readonly T[]): T {
  return values[Math.floor(random.next() * values.length)] as T;
}

function prepare(world: World): string {
  world.cluster();
  const group = world.ipGroup('web');
  world.rule(world.listener(), 1, [[group, 1]]);
  const containers = (image: string) => [
    web(image, { stopTimeout: 5 }),
    { name: 'side', image: 'side', dependsOn: [{ containerName: 'web', condition: 'START' }] },
  ];
  for (const image of ['good', 'crashing', 'sick', 'stubborn', 'missing']) world.definition(image, containers(image));
  world.service('web', 'good:1', {
    desiredCount: 2,
    loadBalancers: [{ targetGroupArn: group, containerName: 'web', containerPort: 8080 }],
    deploymentConfiguration: { deploymentCircuitBreaker: { enable: true, rollback: false } },
  });
  return group;
}

function script(world: World): void {
  world.tasks.scripts.set('crashing', { exitAfterMs: 30, status: () => 503 });
  world.tasks.scripts.set('sick', { status: (sinceMs) => (sinceMs % 40_000 < 20_000 ? 200 : 500) });
  world.tasks.scripts.set('stubborn', { ignoresSigterm: true, startMs: 3_000 });
  world.missingImages.add('missing');
}

/** One bad thing; returns the world to go on with. */
function trouble(world: World, random: Random): World {
  const update = (more: object) => world.ecsCall('UpdateService', { cluster: 'main', service: 'web', ...more });
  const tasks = world.tasksOf('web').map(({ taskArn }) => taskArn as string);
  const victim = tasks.length > 0 ? pick(random, tasks) : undefined;
  switch (Math.floor(random.next() * 6)) {
    case 0:
      update({ taskDefinition: pick(random, ['good', 'crashing', 'sick', 'stubborn', 'missing']) });
      break;
    case 1:
      update({ desiredCount: Math.floor(random.next() * 5) });
      break;
    case 2:
      if (victim) world.ecsCall('StopTask', { cluster: 'main', task: victim });
      break;
    case 3:
      if (victim) world.tasks.crash(victim, pick(random, ['web', 'side']));
      break;
    case 4:
      update({ forceNewDeployment: true });
      break;
    case 5:
      if (random.next() < 0.3) {
        check(world);
        world.cloud.close();
        const after = world.restart();
        script(after);
        return after;
      }
  }
  return world;
}

/** What the log of a world must never show. */
function check(world: World): void {
  for (const task of world.tasks.launches.keys()) {
    const log = world.tasks.log.filter((entry) => entry.task === task);
    const at = (what: string, container?: string) =>
      log.findIndex((entry) => entry.what === what && (container === undefined || entry.container === container));
    const released = at('release');
    expect(log.filter(({ what }) => what === 'release').length, 'released once').toBeLessThanOrEqual(1);
    if (released >= 0) expect(log.length, 'nothing happens after the release').toBe(released + 1);
    const sigterm = at('SIGTERM');
    if (sigterm >= 0)
      expect(
        log.slice(sigterm).some(({ what }) => what === 'start'),
        'nothing starts once stopping began',
      ).toBe(false);
    const [web, side] = [at('SIGTERM', 'web'), at('SIGTERM', 'side')];
    if (web >= 0 && side >= 0) {
      expect(side, 'the dependent is signalled first').toBeLessThan(web);
      expect(at('exited', 'side'), 'and has ended before the other is').toBeLessThan(web);
    }
  }
}

describe('a service under trouble', () => {
  it.each(SEEDS)('keeps the order of things and settles: seed %i', (seed) => {
    const random = seededRandom(seed);
    let world = new World();
    script(world);
    const group = prepare(world);
    for (let step = 0; step < 30; step++) {
      world.pass(Math.floor(random.next() ** 3 * 60_000));
      world = trouble(world, random);
    }
    check(world);

    world.ecsCall('UpdateService', {
      cluster: 'main',
      service: 'web',
      taskDefinition: 'good:1',
      desiredCount: 3,
      forceNewDeployment: true,
    });
    world.until('it has settled', () => world.rollout('web') === 'COMPLETED', 1_200_000);
    const settled = () => [world.describe('web'), world.tasksOf('web'), world.healthOf(group)];
    expect(world.describe('web')).toMatchObject({
      runningCount: 3,
      pendingCount: 0,
      deployments: [{ failedTasks: 0 }],
    });
    expect(world.healthOf(group)).toEqual(['healthy', 'healthy', 'healthy']);
    const before = JSON.stringify(settled());
    const log = world.tasks.log.length;
    world.pass(3_600_000);
    expect(JSON.stringify(settled()), 'nothing happens any more').toBe(before);
    expect(world.tasks.log).toHaveLength(log);
    check(world);
    world.pass(3_600_000);
    const { taskArns } = world.ecsCall('ListTasks', { cluster: 'main', desiredStatus: 'STOPPED' });
    expect(taskArns, 'stopped tasks are forgotten').toEqual([]);
  });
});
