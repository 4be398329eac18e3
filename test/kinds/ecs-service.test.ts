import { describe, expect, it } from 'vitest';
import {
  type EcsServiceObserved,
  type EcsServiceProps,
  ecsService,
  type ObservedRollout,
} from '../../src/kinds/index.ts';
import { awsFailure, CALL, fakeIo } from './fakes.ts';

const IDENTITY = { cluster: 'main', serviceName: 'lc-shop' };
const desired: EcsServiceProps = {
  taskDefinitionArn: 'td:2',
  desiredCount: 2,
  minCount: 1,
  maxCount: 4,
  capacity: null,
  subnets: ['subnet-b', 'subnet-a'],
  securityGroups: ['sg-1'],
  assignPublicIp: false,
  loadBalancer: { targetGroupArn: 'tg', containerName: 'adapter', containerPort: 8080 },
  healthCheckGraceSec: 30,
  minimumHealthyPercent: 100,
  maximumPercent: 200,
};
const rollout: ObservedRollout = {
  id: 'ecs-svc/1',
  state: 'COMPLETED',
  reason: null,
  failedTasks: 0,
  startedAtMs: 1_000,
  updatedAtMs: 2_000,
  stopped: [],
  crashed: 0,
};
const settled: EcsServiceObserved = {
  arn: 'arn:service',
  serviceName: 'lc-shop',
  status: 'ACTIVE',
  taskDefinitionArn: 'td:2',
  desired: 2,
  running: 2,
  capacity: [],
  subnets: ['subnet-a', 'subnet-b'],
  securityGroups: ['sg-1'],
  assignPublicIp: false,
  loadBalancers: [{ targetGroupArn: 'tg', containerName: 'adapter', containerPort: 8080 }],
  healthCheckGraceSec: 30,
  minimumHealthyPercent: 100,
  maximumPercent: 200,
  circuitBreaker: { enable: true, rollback: false },
  deployments: 1,
  rollout,
  tags: {},
};

describe('readiness', () => {
  const cases: { name: string; observed: Partial<EcsServiceObserved>; readiness: object; reason: string }[] = [
    { name: 'settled', observed: {}, readiness: { state: 'ready' }, reason: 'all tasks run on the last deployment' },
    {
      name: 'no task wanted',
      observed: { desired: 0, running: 0 },
      readiness: { state: 'ready' },
      reason: 'scaled to nothing is as desired',
    },
    {
      name: 'scaling in',
      observed: { desired: 1, running: 2 },
      readiness: { state: 'ready' },
      reason: 'too many tasks serve as well',
    },
    {
      name: 'draining',
      observed: { status: 'DRAINING', desired: 0, running: 2 },
      readiness: {
        state: 'ending',
        reason: 'ServiceDraining',
        message: 'lc-shop was deleted and drains: 2 of 0 tasks run',
      },
      reason: 'deleted, its name still taken',
    },
    {
      name: 'first rollout',
      observed: { running: 0, rollout: { ...rollout, state: 'IN_PROGRESS' } },
      readiness: {
        state: 'pending',
        reason: 'RolloutInProgress',
        message: '0 of 2 tasks run',
        acceptsUpdate: true,
        usable: false,
        sinceMs: 1_000,
      },
      reason: 'nothing runs yet, so nobody can use it',
    },
    {
      name: 'rollout of a change',
      observed: {
        running: 3,
        deployments: 2,
        rollout: { ...rollout, state: 'IN_PROGRESS', failedTasks: 1, stopped: ['exited (function: exit code 1)'] },
      },
      readiness: {
        state: 'pending',
        reason: 'RolloutInProgress',
        message: '3 of 2 tasks run, 1 failed; tasks stopped: exited (function: exit code 1)',
        acceptsUpdate: true,
        usable: true,
        sinceMs: 1_000,
      },
      reason: 'the old tasks serve meanwhile, and a newer change may come at any time',
    },
    {
      name: 'failed',
      observed: {
        rollout: {
          ...rollout,
          state: 'FAILED',
          reason: 'ECS deployment circuit breaker: tasks failed to start.',
          stopped: ['a', 'b'],
        },
      },
      readiness: {
        state: 'failed',
        reason: 'DeploymentFailed',
        message: 'ECS deployment circuit breaker: tasks failed to start.; tasks stopped: a | b',
        sinceMs: 2_000,
        retryAfterMs: 120_000,
      },
      reason: 'says why, and tries again should the cause lie outside',
    },
    {
      name: 'a task was stopped',
      observed: { running: 1 },
      readiness: {
        state: 'pending',
        reason: 'TasksStarting',
        message: '1 of 2 tasks run',
        acceptsUpdate: true,
        usable: true,
      },
      reason: 'ECS replaces it by itself',
    },
  ];
  it.each(cases)('$name', ({ observed, readiness, reason }) => {
    expect(ecsService.readiness({ ...settled, ...observed }, desired), reason).toEqual(readiness);
  });

  it.each([
    { observed: {}, stable: true, reason: 'settled' },
    { observed: { deployments: 2 }, stable: false, reason: 'old tasks still drain' },
    { observed: { running: 1 }, stable: false, reason: 'a task is missing' },
    { observed: { rollout: { ...rollout, state: 'IN_PROGRESS' } }, stable: false, reason: 'rolling out' },
    { observed: { rollout: null }, stable: false, reason: 'draining services have no deployment' },
  ])('stable is $stable: $reason', ({ observed, stable }) => {
    expect(ecsService.outputs({ ...settled, ...observed }).stable).toBe(stable);
  });
});

describe('diff', () => {
  const spot = [
    { provider: 'FARGATE', weight: 1, base: 1 },
    { provider: 'FARGATE_SPOT', weight: 3, base: 0 },
  ] as const;
  const cases: {
    name: string;
    desired?: Partial<EcsServiceProps>;
    observed?: Partial<EcsServiceObserved>;
    changes: [string, string][];
    reason: string;
  }[] = [
    { name: 'nothing', changes: [], reason: 'subnets are a set' },
    {
      name: 'task definition',
      observed: { taskDefinitionArn: 'td:1' },
      changes: [['taskDefinition', 'TaskDefinitionDrift']],
      reason: 'somebody pointed it elsewhere, or a new revision is desired',
    },
    {
      name: 'count inside the bounds',
      observed: { desired: 4 },
      changes: [],
      reason: 'the desired count is auto scaling’s',
    },
    {
      name: 'count above',
      observed: { desired: 5 },
      changes: [['desiredCount', 'DesiredCountDrift']],
      reason: 'clamped once',
    },
    {
      name: 'count below',
      observed: { desired: 0 },
      changes: [['desiredCount', 'DesiredCountDrift']],
      reason: 'target tracking cannot leave zero',
    },
    { name: 'count at creation', desired: { desiredCount: 3 }, changes: [], reason: 'matters at creation only' },
    {
      name: 'to spot',
      desired: { capacity: spot },
      changes: [['capacity', 'CapacityDrift']],
      reason: 'launch type to strategy',
    },
    {
      name: 'spot in another order',
      desired: { capacity: spot },
      observed: { capacity: [spot[1], spot[0]] },
      changes: [],
      reason: 'a strategy is a set of providers',
    },
    {
      name: 'off spot',
      observed: { capacity: [...spot] },
      changes: [['capacity', 'CapacityDrift']],
      reason: 'strategy back to launch type',
    },
    {
      name: 'subnets',
      observed: { subnets: ['subnet-a'] },
      changes: [['subnets', 'NetworkDrift']],
      reason: 'one went',
    },
    {
      name: 'security groups',
      observed: { securityGroups: ['sg-1', 'sg-2'] },
      changes: [['securityGroups', 'NetworkDrift']],
      reason: 'one came',
    },
    {
      name: 'public address',
      observed: { assignPublicIp: true },
      changes: [['assignPublicIp', 'NetworkDrift']],
      reason: 'switched on',
    },
    {
      name: 'target group',
      observed: { loadBalancers: [] },
      changes: [['loadBalancer', 'LoadBalancerDrift']],
      reason: 'taken off',
    },
    {
      name: 'grace',
      observed: { healthCheckGraceSec: 0 },
      changes: [['healthCheckGraceSec', 'GracePeriodDrift']],
      reason: 'changed',
    },
    {
      name: 'grace without load balancer',
      desired: { loadBalancer: null },
      observed: { loadBalancers: [], healthCheckGraceSec: 0 },
      changes: [],
      reason: 'it means nothing then',
    },
    {
      name: 'deployment configuration',
      observed: { maximumPercent: 150, circuitBreaker: { enable: true, rollback: true } },
      changes: [
        ['maximumPercent', 'DeploymentConfigurationDrift'],
        ['circuitBreaker', 'DeploymentConfigurationDrift'],
      ],
      reason: 'ECS must not roll back behind our back',
    },
  ];
  it.each(cases)('$name: $reason', ({ desired: wish, observed, changes }) => {
    const diff = ecsService.diff({ ...desired, ...wish }, { ...settled, ...observed });
    expect(diff.map(({ path, reason }) => [path, reason])).toEqual(changes);
  });

  it('clamps to the nearer bound', () => {
    expect(ecsService.diff(desired, { ...settled, desired: 9 })).toMatchObject([{ desired: 4, observed: 9 }]);
    expect(ecsService.diff(desired, { ...settled, desired: 0 })).toMatchObject([{ desired: 1, observed: 0 }]);
  });
});

describe('update', () => {
  const updateInput = async (wish: Partial<EcsServiceProps>, observed: Partial<EcsServiceObserved>) => {
    let sent: unknown;
    const { io } = fakeIo({
      ecs: {
        updateService: (input) => {
          sent = input;
        },
      },
    });
    const props = { ...desired, ...wish };
    const seen = { ...settled, ...observed };
    await ecsService.update(io, IDENTITY, props, seen, ecsService.diff(props, seen), CALL);
    return sent;
  };
  const target = { cluster: 'main', service: 'lc-shop' };

  it.each([
    { name: 'nothing', wish: {}, observed: {}, input: undefined, reason: 'no call without a change' },
    {
      name: 'task definition',
      wish: {},
      observed: { taskDefinitionArn: 'td:1', desired: 3 },
      input: { ...target, taskDefinition: 'td:2' },
      reason: 'never the count beside it',
    },
    {
      name: 'count',
      wish: {},
      observed: { desired: 7 },
      input: { ...target, desiredCount: 4 },
      reason: 'only the bound',
    },
    {
      name: 'capacity',
      wish: {},
      observed: { capacity: [{ provider: 'FARGATE', weight: 1, base: 0 }] },
      input: { ...target, capacityProviderStrategy: [], forceNewDeployment: true },
      reason: 'ECS refuses it without a new deployment',
    },
    {
      name: 'a failed deployment',
      wish: {},
      observed: { rollout: { ...rollout, state: 'FAILED' } },
      input: { ...target, forceNewDeployment: true },
      reason: 'trying again is a new deployment',
    },
    {
      name: 'load balancer off',
      wish: { loadBalancer: null },
      observed: {},
      input: { ...target, loadBalancers: [] },
      reason: 'an empty list removes it',
    },
  ])('$name: $reason', async ({ wish, observed, input }) => {
    expect(await updateInput(wish, observed)).toEqual(input);
  });
});

describe('observe', () => {
  const service = (deployment: object) => ({
    serviceArn: 'arn:service',
    serviceName: 'lc-shop',
    status: 'ACTIVE',
    deployments: [{ id: 'ecs-svc/2', status: 'PRIMARY', ...deployment }],
  });
  const withService = (found: object, tasks: object[] = []) =>
    fakeIo({
      ecs: {
        describeServices: () => found,
        listTasks: () => ({ taskArns: tasks.map((_, index) => `${index}`) }),
        describeTasks: () => ({ tasks }),
      },
    });

  it.each([
    {
      name: 'missing',
      answer: { services: [], failures: [{ reason: 'MISSING' }] },
      reason: 'the answer for a name never used',
    },
    {
      name: 'inactive',
      answer: { services: [{ status: 'INACTIVE' }] },
      reason: 'deleted services stay visible for a while',
    },
  ])('is absent when $name: $reason', async ({ answer }) => {
    const { io } = withService(answer);
    expect(await ecsService.observe(io, IDENTITY, {})).toBeUndefined();
  });

  it('is absent without its cluster, and unreadable for any other reason', async () => {
    const gone = fakeIo({
      ecs: {
        describeServices: () => {
          throw awsFailure('ClusterNotFoundException');
        },
      },
    });
    expect(await ecsService.observe(gone.io, IDENTITY, {})).toBeUndefined();
    const odd = withService({ services: [], failures: [{ reason: 'INTERNAL' }] });
    await expect(ecsService.observe(odd.io, IDENTITY, {})).rejects.toMatchObject({
      kind: 'transient',
      code: 'INTERNAL',
    });
  });

  it.each([
    {
      name: 'rolls out',
      deployment: {},
      service: { desiredCount: 2, runningCount: 0 },
      asks: false,
      reason: 'it is young',
    },
    { name: 'failed a task', deployment: { failedTasks: 1 }, service: {}, asks: true, reason: 'ECS counted a failure' },
    { name: 'failed', deployment: { rolloutState: 'FAILED' }, service: {}, asks: true, reason: 'ECS gave up' },
    {
      name: 'misses tasks for long',
      deployment: { createdAt: new Date(-60_001), desiredCount: 2, runningCount: 1 },
      service: { desiredCount: 2, runningCount: 2 },
      asks: true,
      reason:
        'tasks that run and then crash are not counted, and the old deployment’s tasks hide that they are missing',
    },
    {
      name: 'is old and complete',
      deployment: { createdAt: new Date(-60_001) },
      service: { desiredCount: 2, runningCount: 2 },
      asks: false,
      reason: 'the settled case costs one call',
    },
  ])('asks for tasks when it $name: $asks, $reason', async ({ deployment, service: more, asks }) => {
    const { io, calls } = withService({
      services: [
        { ...service({ rolloutState: 'IN_PROGRESS', failedTasks: 0, createdAt: new Date(0), ...deployment }), ...more },
      ],
    });
    await ecsService.observe(io, IDENTITY, {});
    expect(calls).toEqual(['ecs.describeServices', ...(asks ? ['ecs.listTasks'] : [])]);
  });

  it('says why the newest tasks of this deployment stopped, each reason once', async () => {
    const task = (atMs: number, stoppedReason: string, containers: object[] = [], startedBy = 'ecs-svc/2') => ({
      startedBy,
      stoppedAt: new Date(atMs),
      stoppedReason,
      containers,
    });
    const { io } = withService({ services: [service({ rolloutState: 'FAILED', failedTasks: 5 })] }, [
      task(1, 'oldest'),
      task(2, 'Essential container in task exited', [
        { name: 'function', exitCode: 1 },
        { name: 'adapter', exitCode: 0 },
      ]),
      task(3, 'Essential container in task exited', [{ name: 'function', exitCode: 1 }]),
      task(4, 'Task failed ELB health checks'),
      task(5, 'CannotPullContainerError', [{ name: 'function', reason: 'no such image' }]),
      task(6, 'of the deployment before', [], 'ecs-svc/1'),
    ]);
    expect((await ecsService.observe(io, IDENTITY, {}))?.rollout?.stopped).toEqual([
      'CannotPullContainerError (function: no such image)',
      'Task failed ELB health checks',
      'Essential container in task exited (function: exit code 1)',
    ]);
  });
});
