/** Whole deployments behind a load balancer, looked at after every single step of time. */
import { describe, expect, it } from 'vitest';
import { World, web } from './world.ts';

/** A service of `desired` tasks behind a rule, completed. */
function served(more: { desired: number; deployment?: object; grace?: number; delaySec?: number }) {
  const world = new World();
  world.cluster();
  const listener = world.listener();
  const group = world.ipGroup('web');
  world.elbCall('ModifyTargetGroupAttributes', {
    TargetGroupArn: group,
    Attributes: [{ Key: 'deregistration_delay.timeout_seconds', Value: String(more.delaySec ?? 20) }],
  });
  world.rule(listener, 1, [[group, 1]]);
  world.service('web', world.definition('web', [web('v1')]), {
    desiredCount: more.desired,
    loadBalancers: [{ targetGroupArn: group, containerName: 'web', containerPort: 8080 }],
    healthCheckGracePeriodSeconds: more.grace ?? 0,
    deploymentConfiguration: { deploymentCircuitBreaker: { enable: true, rollback: false }, ...more.deployment },
  });
  world.until('the first deployment completes', () => world.rollout('web') === 'COMPLETED');
  return { world, group, listener };
}

const update = (world: World, more: object) =>
  world.ecsCall('UpdateService', { cluster: 'main', service: 'web', ...more });
const stateCount = (states: readonly string[], state: string) => states.filter((each) => each === state).length;

describe('a rolling deployment', () => {
  const cases = [
    { name: 'keeps everything healthy with 100/200', desired: 3, min: 100, max: 200 },
    { name: 'makes room with 50/100', desired: 4, min: 50, max: 100 },
    { name: 'goes in small waves with 100/150', desired: 4, min: 100, max: 150 },
    { name: 'replaces a single task', desired: 1, min: 100, max: 200 },
    { name: 'may stop everything with 0/100', desired: 2, min: 0, max: 100 },
  ];
  it.each(cases)('$name', ({ desired, min, max }) => {
    const { world, group } = served({ desired, deployment: { minimumHealthyPercent: min, maximumPercent: max } });
    // Requests are in flight at every task, so that a drain takes its whole delay.
    for (const { ip, port } of targets(world, group)) world.elbv2.requestStarted(group, { ip, port });
    update(world, { taskDefinition: world.definition('web', [web('v2')]) });
    const lower = Math.ceil((desired * min) / 100);
    const upper = Math.floor((desired * max) / 100);
    let least = desired;
    world.afterEachStep = () => {
      const states = world.healthOf(group);
      const healthy = stateCount(states, 'healthy');
      least = Math.min(least, healthy);
      expect(healthy, 'healthy registered targets').toBeGreaterThanOrEqual(lower);
      const { runningCount, pendingCount } = world.describe('web');
      expect(runningCount + pendingCount, 'running and pending tasks').toBeLessThanOrEqual(upper);
    };
    world.until('the second deployment completes', () => world.rollout('web') === 'COMPLETED');

    const service = world.describe('web');
    expect(service.deployments).toHaveLength(1);
    expect(service).toMatchObject({ desiredCount: desired, runningCount: desired, pendingCount: 0 });
    expect(new Set(world.tasksOf('web').map(({ taskDefinitionArn }) => taskDefinitionArn))).toEqual(
      new Set([service.taskDefinition]),
    );
    expect(world.healthOf(group)).toEqual(Array(desired).fill('healthy'));
    const old = world.tasksOf('web', 'STOPPED');
    expect(old).toHaveLength(desired);
    for (const task of old) {
      const [sigtermMs] = world.tasks.times(task.taskArn, 'SIGTERM');
      expect(task).toMatchObject({ lastStatus: 'STOPPED', stopCode: 'ServiceSchedulerInitiated' });
      expect(sigtermMs, 'the whole delay lies between the request to stop and SIGTERM').toBe(
        task.stoppingAt.getTime() + 20_000,
      );
    }
    expect(least, min < 100 ? 'it uses the room it has' : 'nothing was missing').toBe(max === 100 ? lower : desired);
  });

  it('deregisters, drains, and only then sends SIGTERM', () => {
    const { world, group } = served({ desired: 1 });
    const [task] = world.tasksOf('web');
    const [target] = targets(world, group);
    if (!target) throw new Error('no target');
    world.elbv2.requestStarted(group, target);
    update(world, { desiredCount: 0 });
    world.pass(0);
    expect(world.task(task.taskArn).lastStatus).toBe('DEACTIVATING');
    expect(world.healthOf(group)).toEqual(['draining']);
    world.pass(7_000);
    expect(world.tasks.times(task.taskArn, 'SIGTERM'), 'a request is still in flight').toEqual([]);
    world.elbv2.requestEnded(group, target);
    world.pass(0);
    expect(world.tasks.times(task.taskArn, 'SIGTERM'), 'the drain ended with the last request').toEqual([
      world.clock.now(),
    ]);
    expect(world.healthOf(group)).toEqual([]);
    world.pass(5_000);
    expect(world.task(task.taskArn)).toMatchObject({
      lastStatus: 'STOPPED',
      containers: [{ exitCode: 143, lastStatus: 'STOPPED' }],
    });
  });

  it('ends with FAILED after three failures, keeps what serves, and starts nothing more', () => {
    const { world, group } = served({ desired: 2 });
    world.tasks.scripts.set('bad', { exitAfterMs: 20, status: () => 503 });
    update(world, { taskDefinition: world.definition('web', [web('bad')]) });
    world.afterEachStep = () => expect(stateCount(world.healthOf(group), 'healthy')).toBeGreaterThanOrEqual(2);
    world.until('the circuit breaker opens', () => world.rollout('web') === 'FAILED');
    const { deployments, events } = world.describe('web');
    expect(
      deployments.map(({ status, failedTasks, rolloutStateReason }: Record<string, unknown>) => ({
        status,
        failedTasks,
        rolloutStateReason,
      })),
    ).toMatchObject([
      { status: 'PRIMARY', rolloutStateReason: 'ECS deployment circuit breaker: tasks failed to start.' },
      { status: 'ACTIVE', failedTasks: 0 },
    ]);
    expect(deployments[0].failedTasks).toBeGreaterThanOrEqual(3);
    expect(
      events.some(({ message }: { message: string }) => message.endsWith('deployment failed: tasks failed to start.')),
    ).toBe(true);
    const started = world.tasks.log.filter(({ what }) => what === 'start').length;
    world.pass(600_000);
    expect(world.tasks.log.filter(({ what }) => what === 'start')).toHaveLength(started);
    expect(world.tasksOf('web')).toHaveLength(2);
    expect(world.tasksOf('web', 'STOPPED')[0]).toMatchObject({
      stopCode: 'EssentialContainerExited',
      stoppedReason: 'Essential container in task exited',
    });

    update(world, { taskDefinition: world.definition('web', [web('v3')]) });
    world.until('a good deployment completes', () => world.rollout('web') === 'COMPLETED');
    expect(world.describe('web').deployments).toHaveLength(1);
  });

  it('ends with FAILED when tasks run but never become healthy', () => {
    const { world, group } = served({ desired: 1, grace: 15 });
    world.tasks.scripts.set('sick', { status: () => 500 });
    update(world, { taskDefinition: world.definition('web', [web('sick')]) });
    world.afterEachStep = () => expect(stateCount(world.healthOf(group), 'healthy')).toBeGreaterThanOrEqual(1);
    world.until('the circuit breaker opens', () => world.rollout('web') === 'FAILED');
    const failed = world
      .tasksOf('web', 'STOPPED')
      .filter(({ stoppedReason }) => stoppedReason.startsWith('Task failed ELB health checks'));
    expect(failed.length).toBeGreaterThanOrEqual(3);
    for (const task of failed)
      expect(
        task.stoppingAt.getTime() - task.startedAt.getTime(),
        'within the grace period nothing is replaced',
      ).toBeGreaterThanOrEqual(15_000);
  });

  it('rolls back to the last completed deployment when asked to', () => {
    const { world, group } = served({
      desired: 2,
      deployment: { deploymentCircuitBreaker: { enable: true, rollback: true } },
    });
    const before = world.describe('web');
    world.tasks.scripts.set('bad', { fails: 'CannotStartContainerError: no such program' });
    update(world, { taskDefinition: world.definition('web', [web('bad')]) });
    world.afterEachStep = () => expect(stateCount(world.healthOf(group), 'healthy')).toBeGreaterThanOrEqual(2);
    world.until('the rollback begins', () =>
      world.describe('web').deployments[0].rolloutStateReason.includes('rolling back'),
    );
    world.until('the rollback completes', () => world.rollout('web') === 'COMPLETED');
    const after = world.describe('web');
    expect(after.taskDefinition).toBe(before.taskDefinition);
    expect(after.deployments).toHaveLength(1);
    expect(after.deployments[0].id, 'its tasks were still there, so they are kept').toBe(before.deployments[0].id);
    const { serviceDeployments } = world.ecsCall('ListServiceDeployments', { cluster: 'main', service: 'web' });
    expect(serviceDeployments.map(({ status }: { status: string }) => status)).toEqual([
      'ROLLBACK_SUCCESSFUL',
      'SUCCESSFUL',
    ]);
    const described = world.ecsCall('DescribeServiceDeployments', {
      serviceDeploymentArns: [serviceDeployments[0].serviceDeploymentArn],
    });
    expect(described.serviceDeployments[0]).toMatchObject({
      deploymentCircuitBreaker: { status: 'TRIGGERED', threshold: 3 },
    });
  });

  it('is superseded by a newer one without losing a healthy task', () => {
    const { world, group } = served({ desired: 2 });
    world.tasks.scripts.set('slow', { startMs: 60_000 });
    update(world, { taskDefinition: world.definition('web', [web('slow')]) });
    world.pass(5_000);
    world.afterEachStep = () => expect(stateCount(world.healthOf(group), 'healthy')).toBeGreaterThanOrEqual(2);
    update(world, { taskDefinition: world.definition('web', [web('v3')]) });
    expect(world.describe('web').deployments.map(({ status }: { status: string }) => status)).toEqual([
      'PRIMARY',
      'ACTIVE',
      'ACTIVE',
    ]);
    world.until('the newest completes', () => world.rollout('web') === 'COMPLETED');
    expect(world.tasks.times(world.tasksOf('web')[0].taskArn, 'started')).toHaveLength(1);
    const { serviceDeployments } = world.ecsCall('ListServiceDeployments', { cluster: 'main', service: 'web' });
    expect(serviceDeployments.map(({ status }: { status: string }) => status)).toEqual([
      'SUCCESSFUL',
      'STOPPED',
      'SUCCESSFUL',
    ]);
  });

  it('begins only when something that matters changed, or when forced', () => {
    const { world } = served({ desired: 1 });
    const { deployments, taskDefinition } = world.describe('web');
    const unchanged = [
      { taskDefinition },
      { desiredCount: 2 },
      { healthCheckGracePeriodSeconds: 30 },
      { deploymentConfiguration: { maximumPercent: 150 } },
      { networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-a'], assignPublicIp: 'DISABLED' } } },
    ];
    for (const change of unchanged)
      expect(update(world, change).service.deployments[0].id, JSON.stringify(change)).toBe(deployments[0].id);
    world.until('scaled out', () => world.describe('web').runningCount === 2);
    expect(world.rollout('web')).toBe('COMPLETED');
    const forced = update(world, { forceNewDeployment: true }).service.deployments[0];
    expect(forced).toMatchObject({ status: 'PRIMARY', rolloutState: 'IN_PROGRESS', taskDefinition });
    expect(forced.id).not.toBe(deployments[0].id);
  });
});

function targets(world: World, group: string): { ip: string; port: number }[] {
  const found = world.elbv2.targetsFor(group);
  return found.type === 'ip' ? [...found.targets] : [];
}
