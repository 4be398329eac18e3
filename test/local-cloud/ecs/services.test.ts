/** Services as users see them: what is refused, names while draining, scaling, backoff, listings, tags. */
import { describe, expect, it } from 'vitest';
import { refusal, World, web } from './world.ts';

function world(): World {
  const created = new World();
  created.cluster();
  return created;
}

const behind = (targetGroupArn: string, more: object = {}) => [
  { targetGroupArn, containerName: 'web', containerPort: 8080, ...more },
];

describe('CreateService refuses', () => {
  const cases: { reason: string; input: (w: World) => object; error: string | RegExp }[] = [
    {
      reason: 'an unknown cluster',
      input: () => ({ cluster: 'x' }),
      error: 'ClusterNotFoundException: Cluster not found.',
    },
    {
      reason: 'an unknown task definition',
      input: () => ({ taskDefinition: 'x' }),
      error: 'ClientException: TaskDefinition not found.',
    },
    {
      reason: 'a service of that name',
      input: () => ({ serviceName: 'taken' }),
      error: 'InvalidParameterException: Creation of service was not idempotent.',
    },
    {
      reason: 'a group without a load balancer',
      input: (w) => ({ loadBalancers: behind(w.ipGroup('loose')) }),
      error:
        /^InvalidParameterException: The target group with targetGroupArn arn:\S+ does not have an associated load balancer\.$/,
    },
    {
      reason: 'an unknown group',
      input: () => ({ loadBalancers: behind('arn:x') }),
      error: /^InvalidParameterException: The specified target group does not exist/,
    },
    {
      reason: 'an unknown container',
      input: (w) => ({ loadBalancers: behind(w.ipGroup('g'), { containerName: 'x' }) }),
      error: 'InvalidParameterException: The container x does not exist in the task definition.',
    },
    {
      reason: 'a port that the container lacks',
      input: (w) => ({ loadBalancers: behind(w.ipGroup('g'), { containerPort: 1 }) }),
      error: 'InvalidParameterException: The container web did not have a container port 1 defined.',
    },
    {
      reason: 'no network',
      input: () => ({ networkConfiguration: undefined }),
      error: /Network Configuration must be provided/,
    },
    {
      reason: 'launch type and strategy',
      input: () => ({ capacityProviderStrategy: [{ capacityProvider: 'FARGATE', weight: 1 }] }),
      error: /^InvalidParameterException: Specifying both/,
    },
    {
      reason: 'a provider that the cluster lacks',
      input: () => ({ launchType: undefined, capacityProviderStrategy: [{ capacityProvider: 'X', weight: 1 }] }),
      error: /not associated with the cluster/,
    },
    {
      reason: 'no desired count',
      input: () => ({ desiredCount: undefined }),
      error: /^InvalidParameterException: desiredCount/,
    },
    {
      reason: 'grace without load balancer',
      input: () => ({ healthCheckGracePeriodSeconds: 5 }),
      error: /Health check grace period is only valid/,
    },
    {
      reason: '100/100',
      input: () => ({ deploymentConfiguration: { minimumHealthyPercent: 100, maximumPercent: 100 } }),
      error: /cannot be 100 as this will block deployments/,
    },
    {
      reason: 'other strategies',
      input: () => ({ deploymentConfiguration: { strategy: 'CANARY' } }),
      error: /CANARY is not supported by the local cloud/,
    },
  ];
  it.each(cases)('$reason', ({ input, error }) => {
    const w = world();
    const definition = w.definition('web', [web()]);
    w.service('taken', definition);
    const before = w.ecsCall('ListServices', { cluster: 'main' });
    const refused = refusal(() => w.service('new', definition, input(w)));
    if (typeof error === 'string') expect(refused).toBe(error);
    else expect(refused).toMatch(error);
    expect(w.ecsCall('ListServices', { cluster: 'main' }), 'nothing is left behind').toEqual(before);
  });

  it('an inactive task definition', () => {
    const w = world();
    const definition = w.definition('web', [web()]);
    w.ecsCall('DeregisterTaskDefinition', { taskDefinition: definition });
    expect(refusal(() => w.service('web', definition))).toBe('ClientException: TaskDefinition is inactive');
  });

  it('not the same request with the same token', () => {
    const w = world();
    const definition = w.definition('web', [web()]);
    const first = w.service('web', definition, { clientToken: 't' });
    expect(w.service('web', definition, { clientToken: 't' }).createdAt).toEqual(first.createdAt);
    expect(refusal(() => w.service('web', definition, { clientToken: 't', desiredCount: 2 }))).toMatch(
      /not idempotent/,
    );
  });
});

describe('a deleted service', () => {
  it('drains under its name, then is INACTIVE for an hour', () => {
    const w = world();
    const group = w.ipGroup('web');
    w.rule(w.listener(), 1, [[group, 1]]);
    const definition = w.definition('web', [web()]);
    w.service('web', definition, { loadBalancers: behind(group) });
    w.until('it serves', () => w.rollout('web') === 'COMPLETED');
    expect(refusal(() => w.ecsCall('DeleteService', { cluster: 'main', service: 'web' }))).toBe(
      'InvalidParameterException: The service cannot be stopped while it is scaled above 0.',
    );
    expect(w.ecsCall('DeleteService', { cluster: 'main', service: 'web', force: true }).service).toMatchObject({
      status: 'DRAINING',
      desiredCount: 0,
    });
    expect(refusal(() => w.service('web', definition))).toBe(
      'InvalidParameterException: Unable to Start a service that is still Draining.',
    );
    expect(refusal(() => w.ecsCall('UpdateService', { cluster: 'main', service: 'web', desiredCount: 1 }))).toBe(
      'ServiceNotActiveException: Service was not ACTIVE.',
    );
    expect(refusal(() => w.ecsCall('DeleteCluster', { cluster: 'main' }))).toMatch(/^ClusterContainsServicesException/);
    w.pass(59_000);
    expect(w.describe('web').status).toBe('DRAINING');
    w.pass(2_000);
    expect(w.describe('web')).toMatchObject({ status: 'INACTIVE', runningCount: 0, deployments: [] });
    expect(w.healthOf(group)).toEqual([]);
    expect(w.ecsCall('ListServices', { cluster: 'main' }).serviceArns).toEqual([]);
    expect(refusal(() => w.ecsCall('DeleteService', { cluster: 'main', service: 'web' }))).toBe(
      'ServiceNotFoundException: Service not found.',
    );
    w.pass(3_600_000);
    expect(w.ecsCall('DescribeServices', { cluster: 'main', services: ['web'] })).toMatchObject({
      services: [],
      failures: [{ reason: 'MISSING' }],
    });
  });

  it('may be made again as soon as it is INACTIVE, with a history of its own', () => {
    const w = world();
    const definition = w.definition('web', [web()]);
    w.service('web', definition);
    w.pass(20_000);
    w.ecsCall('DeleteService', { cluster: 'main', service: 'web', force: true });
    w.until('it is gone', () => w.describe('web').status === 'INACTIVE');
    const again = w.service('web', definition);
    expect(again).toMatchObject({ status: 'ACTIVE', events: [] });
    w.until('it runs', () => w.describe('web').runningCount === 1);
  });

  it('waits for tasks that take longer than its own time', () => {
    const w = world();
    w.tasks.scripts.set('stubborn', { ignoresSigterm: true });
    w.service('web', w.definition('web', [web('stubborn', { stopTimeout: 120 })]));
    w.pass(20_000);
    w.ecsCall('DeleteService', { cluster: 'main', service: 'web', force: true });
    w.pass(110_000);
    expect(w.describe('web').status).toBe('DRAINING');
    w.pass(20_000);
    expect(w.describe('web').status).toBe('INACTIVE');
  });
});

describe('the scheduler', () => {
  it('refills a service whose task was stopped by a user', () => {
    const w = world();
    w.service('web', w.definition('web', [web()]), { desiredCount: 2 });
    w.until('it runs', () => w.rollout('web') === 'COMPLETED');
    const [victim] = w.tasksOf('web');
    w.ecsCall('StopTask', { cluster: 'main', task: victim.taskArn });
    w.pass(0);
    expect(w.describe('web')).toMatchObject({ runningCount: 1, pendingCount: 1 });
    w.pass(20_000);
    expect(w.describe('web')).toMatchObject({
      runningCount: 2,
      deployments: [{ rolloutState: 'COMPLETED', failedTasks: 0 }],
    });
    const messages = w.describe('web').events.map(({ message }: { message: string }) => message);
    expect(messages[0]).toBe('(service web) has reached a steady state.');
    expect(messages.at(-1)).toMatch(
      /^\(service web\) has started 2 tasks: \(task [0-9a-f]{32}\) \(task [0-9a-f]{32}\)\.$/,
    );
  });

  it('replaces a task that the load balancer reports unhealthy, the new one first', () => {
    const w = world();
    const group = w.ipGroup('web');
    w.rule(w.listener(), 1, [[group, 1]]);
    w.tasks.scripts.set('web', { status: (sinceMs) => (sinceMs < 60_000 ? 200 : 503) });
    w.service('web', w.definition('web', [web()]), { loadBalancers: behind(group) });
    w.until('it serves', () => w.rollout('web') === 'COMPLETED');
    const [sick] = w.tasksOf('web');
    w.until('it is replaced', () => w.task(sick.taskArn).desiredStatus === 'STOPPED');
    expect(w.healthOf(group).sort()).toContain('healthy');
    expect(w.task(sick.taskArn)).toMatchObject({
      stopCode: 'ServiceSchedulerInitiated',
      stoppedReason: `Task failed ELB health checks in (target-group ${group})`,
    });
    expect(
      w
        .describe('web')
        .events.some(({ message }: { message: string }) =>
          message.includes('Health checks failed with these codes: [503]'),
        ),
    ).toBe(true);
    expect(w.describe('web').deployments[0].failedTasks, 'it had been healthy').toBe(0);
  });

  it('replaces a task whose container fails its health checks', () => {
    const w = world();
    const healthCheck = { command: ['CMD', 'check'], interval: 5, timeout: 2, retries: 2 };
    w.service('web', w.definition('web', [web('web', { healthCheck })]), { desiredCount: 1 });
    w.pass(60_000);
    const [stopped] = w.tasksOf('web', 'STOPPED');
    expect(stopped).toMatchObject({
      stoppedReason: 'Task failed container health checks',
      stopCode: 'ServiceSchedulerInitiated',
    });
    expect(w.describe('web').deployments[0].failedTasks).toBeGreaterThan(0);
  });

  it('waits longer and longer when tasks keep failing, and recovers at once with a new definition', () => {
    const w = world();
    w.missingImages.add('gone');
    w.service('web', w.definition('web', [web('gone')]));
    w.pass(3_600_000);
    const stopped = w.tasksOf('web', 'STOPPED').length;
    expect(stopped).toBeGreaterThan(5);
    expect(stopped, '10 s, 20 s, 40 s … 27 min').toBeLessThan(15);
    const { events, deployments } = w.describe('web');
    expect(
      events.some(({ message }: { message: string }) =>
        message.endsWith('is unable to consistently start tasks successfully.'),
      ),
    ).toBe(true);
    expect(deployments[0], 'without a circuit breaker it goes on for ever').toMatchObject({
      rolloutState: 'IN_PROGRESS',
    });
    w.ecsCall('UpdateService', { cluster: 'main', service: 'web', taskDefinition: w.definition('web', [web()]) });
    expect(w.until('it runs', () => w.describe('web').runningCount === 1)).toBeLessThan(5_000);
  });

  it('replaces tasks that had been healthy at once, however often they crash', () => {
    const w = world();
    w.service('web', w.definition('web', [web()]), { desiredCount: 3 });
    for (let crash = 0; crash < 3; crash++) {
      w.until('it is steady', () => w.describe('web').events[0].message.endsWith('has reached a steady state.'));
      for (const { taskArn } of w.tasksOf('web')) w.tasks.crash(taskArn, 'web');
      w.pass(0);
      expect(w.describe('web'), `crash ${crash}`).toMatchObject({ pendingCount: 3, deployments: [{ failedTasks: 0 }] });
    }
  });

  it('keeps the old tasks and goes on trying while a deployment without circuit breaker fails', () => {
    const w = world();
    w.service('web', w.definition('web', [web()]), { desiredCount: 2 });
    w.until('it runs', () => w.rollout('web') === 'COMPLETED');
    w.missingImages.add('gone');
    w.ecsCall('UpdateService', { cluster: 'main', service: 'web', taskDefinition: w.definition('web', [web('gone')]) });
    w.afterEachStep = () => {
      const { deployments, runningCount } = w.describe('web');
      expect(deployments).toMatchObject([{ status: 'PRIMARY', rolloutState: 'IN_PROGRESS' }, { status: 'ACTIVE' }]);
      expect(runningCount).toBe(2);
    };
    w.pass(1_200_000);
  });

  it('stops a task whose target group has gone, with an event', () => {
    const w = world();
    const group = w.ipGroup('web');
    const rule = w.rule(w.listener(), 1, [[group, 1]]);
    w.service('web', w.definition('web', [web()]), { loadBalancers: behind(group) });
    w.elbCall('DeleteRule', { RuleArn: rule });
    w.elbCall('DeleteTargetGroup', { TargetGroupArn: group });
    w.pass(10_000);
    expect(
      w
        .describe('web')
        .events.some(({ message }: { message: string }) => message.includes('was unable to register targets')),
    ).toBe(true);
    expect(w.describe('web').runningCount).toBe(0);
  });

  it('does not complete while the group is not attached to anything', () => {
    const w = world();
    const group = w.ipGroup('web');
    const listener = w.listener();
    const rule = w.rule(listener, 1, [[group, 1]]);
    w.service('web', w.definition('web', [web()]), { loadBalancers: behind(group) });
    w.elbCall('DeleteRule', { RuleArn: rule });
    w.pass(60_000);
    expect(w.healthOf(group)).toEqual(['unused']);
    expect(w.describe('web')).toMatchObject({ runningCount: 1, deployments: [{ rolloutState: 'IN_PROGRESS' }] });
    w.rule(listener, 2, [[group, 0]]);
    expect(w.until('it completes', () => w.rollout('web') === 'COMPLETED')).toBeLessThan(100);
  });

  it('spares a protected task from scale-in until its protection ends', () => {
    const w = world();
    w.service('web', w.definition('web', [web()]), { desiredCount: 2 });
    w.until('it runs', () => w.rollout('web') === 'COMPLETED');
    const tasks = w.tasksOf('web').map(({ taskArn }) => taskArn);
    const { protectedTasks } = w.ecsCall('UpdateTaskProtection', {
      cluster: 'main',
      tasks,
      protectionEnabled: true,
      expiresInMinutes: 3,
    });
    expect(protectedTasks).toHaveLength(2);
    w.ecsCall('UpdateService', { cluster: 'main', service: 'web', desiredCount: 0 });
    w.pass(120_000);
    expect(w.describe('web').runningCount).toBe(2);
    w.ecsCall('UpdateTaskProtection', { cluster: 'main', tasks: [tasks[0]], protectionEnabled: false });
    w.pass(1_000);
    expect(w.tasksOf('web').map(({ taskArn }) => taskArn)).toEqual([tasks[1]]);
    w.pass(120_000);
    expect(w.tasksOf('web')).toEqual([]);
  });

  it('shares tasks among capacity providers by base and weight', () => {
    const w = world();
    w.service('web', w.definition('web', [web()]), {
      launchType: undefined,
      desiredCount: 8,
      capacityProviderStrategy: [
        { capacityProvider: 'FARGATE', weight: 1, base: 2 },
        { capacityProvider: 'FARGATE_SPOT', weight: 2 },
      ],
    });
    w.pass(5_000);
    const providers = w.tasksOf('web').map(({ capacityProviderName }) => capacityProviderName);
    expect(providers.filter((provider) => provider === 'FARGATE')).toHaveLength(4);
    expect(providers.filter((provider) => provider === 'FARGATE_SPOT')).toHaveLength(4);
  });

  it('keeps a hundred events, newest first', () => {
    const w = world();
    w.tasks.scripts.set('crash', { exitAfterMs: 15_000 });
    w.service('web', w.definition('web', [web('crash')]));
    w.pass(1_500_000);
    const { events } = w.describe('web');
    expect(events).toHaveLength(100);
    const times = events.map(({ createdAt }: { createdAt: Date }) => createdAt.getTime());
    expect(times).toEqual([...times].sort((a, b) => b - a));
  });

  it('does nothing when nothing changes', () => {
    const w = world();
    const group = w.ipGroup('web');
    w.rule(w.listener(), 1, [[group, 1]]);
    w.service('web', w.definition('web', [web()]), { desiredCount: 2, loadBalancers: behind(group) });
    w.until('it serves', () => w.rollout('web') === 'COMPLETED');
    const before = JSON.stringify([w.describe('web'), w.tasksOf('web')]);
    w.pass(3_600_000);
    expect(JSON.stringify([w.describe('web'), w.tasksOf('web')])).toBe(before);
  });
});

describe('listings and tags', () => {
  it('pages through services, ten by default', () => {
    const w = world();
    const definition = w.definition('web', [web()]);
    for (let index = 0; index < 12; index++) w.service(`s${index}`, definition, { desiredCount: 0 });
    const first = w.ecsCall('ListServices', { cluster: 'main' });
    const second = w.ecsCall('ListServices', { cluster: 'main', nextToken: first.nextToken });
    expect([first.serviceArns.length, second.serviceArns.length, second.nextToken]).toEqual([10, 2, undefined]);
    expect(refusal(() => w.ecsCall('DescribeServices', { cluster: 'main', services: Array(11).fill('x') }))).toMatch(
      /^InvalidParameterException/,
    );
  });

  it('gives tags only when asked, and propagates them to tasks', () => {
    const w = world();
    const service = w.service('web', w.definition('web', [web()]), {
      tags: [{ key: 'a', value: '1' }],
      propagateTags: 'SERVICE',
      enableECSManagedTags: true,
    });
    expect(w.describe('web').tags).toBeUndefined();
    w.ecsCall('TagResource', { resourceArn: service.serviceArn, tags: [{ key: 'b', value: '2' }] });
    w.ecsCall('UntagResource', { resourceArn: service.serviceArn, tagKeys: ['a'] });
    const { services } = w.ecsCall('DescribeServices', {
      cluster: 'main',
      services: [service.serviceArn],
      include: ['TAGS'],
    });
    expect(services[0].tags).toEqual([{ key: 'b', value: '2' }]);
    w.pass(0);
    const [task] = w.tasksOf('web');
    const { tags } = w.ecsCall('ListTagsForResource', { resourceArn: task.taskArn });
    expect(tags).toContainEqual({ key: 'aws:ecs:serviceName', value: 'web' });
    expect(
      refusal(() => w.ecsCall('TagResource', { resourceArn: service.serviceArn, tags: [{ key: 'aws:x', value: '' }] })),
    ).toMatch(/^InvalidParameterException/);
    expect(refusal(() => w.ecsCall('ListTagsForResource', { resourceArn: `${service.serviceArn}x` }))).toMatch(
      /^ResourceNotFoundException/,
    );
  });

  it('describes clusters with counts, and lets an empty one go', () => {
    const w = world();
    w.service('web', w.definition('web', [web()]));
    w.pass(10_000);
    const describeClusters = () => w.ecsCall('DescribeClusters', { clusters: ['main', 'none'] });
    expect(describeClusters()).toMatchObject({
      clusters: [{ status: 'ACTIVE', runningTasksCount: 1, activeServicesCount: 1 }],
      failures: [{ reason: 'MISSING' }],
    });
    w.ecsCall('DeleteService', { cluster: 'main', service: 'web', force: true });
    w.pass(100_000);
    expect(w.ecsCall('DeleteCluster', { cluster: 'main' }).cluster.status).toBe('INACTIVE');
    expect(refusal(() => w.ecsCall('ListTasks', { cluster: 'main' }))).toBe(
      'ClusterNotFoundException: Cluster not found.',
    );
    expect(w.ecsCall('ListClusters', {}).clusterArns).toEqual([]);
  });
});
