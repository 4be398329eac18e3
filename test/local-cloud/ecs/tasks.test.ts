/** The life of a task: statuses, order of containers, health checks, restarts, stopping, and what happens on a restart. */
import { describe, expect, it } from 'vitest';
import { refusal, World, web } from './world.ts';

const HEALTH = { command: ['CMD', 'check'], interval: 5, timeout: 2, retries: 2 };
const NETWORK = { awsvpcConfiguration: { subnets: ['subnet-a'] } };

function run(world: World, containers: readonly object[], more: object = {}): string {
  const taskDefinition = world.definition('job', containers);
  const { tasks } = world.ecsCall('RunTask', {
    cluster: 'main',
    taskDefinition,
    launchType: 'FARGATE',
    networkConfiguration: NETWORK,
    ...more,
  });
  return tasks[0].taskArn;
}

function world(scripts: Record<string, Parameters<World['tasks']['scripts']['set']>[1]> = {}): World {
  const created = new World();
  created.cluster();
  for (const [image, script] of Object.entries(scripts)) created.tasks.scripts.set(image, script);
  return created;
}

/** The statuses that a task shows while time passes. */
function statuses(inWorld: World, task: string, limitMs = 300_000): string[] {
  const seen: string[] = [inWorld.task(task).lastStatus];
  inWorld.afterEachStep = () => {
    const { lastStatus } = inWorld.task(task);
    if (seen.at(-1) !== lastStatus) seen.push(lastStatus);
  };
  inWorld.pass(limitMs);
  inWorld.afterEachStep = () => {};
  return seen;
}

describe('a task', () => {
  it('goes through its statuses and back', () => {
    const w = world();
    const task = run(w, [web()]);
    expect(w.task(task)).toMatchObject({
      lastStatus: 'PROVISIONING',
      desiredStatus: 'RUNNING',
      launchType: 'FARGATE',
      group: 'family:job',
    });
    w.pass(1000);
    expect(w.task(task).lastStatus).toBe('PENDING');
    w.pass(100);
    const running = w.task(task);
    expect(running).toMatchObject({
      lastStatus: 'RUNNING',
      containers: [{ lastStatus: 'RUNNING', imageDigest: 'sha256:3', healthStatus: 'UNKNOWN' }],
    });
    const [{ details }] = running.attachments;
    const ip = details.find(({ name }: { name: string }) => name === 'privateIPv4Address').value;
    expect(ip).toMatch(/^10\.0\.\d+\.\d+$/);
    expect(w.tasks.launches.get(task)).toMatchObject({ privateIp: ip });
    expect(w.ecsCall('StopTask', { cluster: 'main', task, reason: 'enough' }).task).toMatchObject({
      desiredStatus: 'STOPPED',
    });
    expect(statuses(w, task, 60_000)).toEqual(['STOPPING', 'DEPROVISIONING', 'STOPPED']);
    expect(w.task(task)).toMatchObject({
      stopCode: 'UserInitiated',
      stoppedReason: 'enough',
      containers: [{ exitCode: 143 }],
    });
    expect(w.tasks.times(task, 'release')).toHaveLength(1);
  });

  it('is described for an hour after it stopped', () => {
    const w = world({ job: { exitAfterMs: 10, exitCode: 0 } });
    const task = run(w, [{ name: 'job', image: 'job' }]);
    w.until('it stopped', () => w.task(task).lastStatus === 'STOPPED');
    w.pass(3_599_000);
    expect(w.task(task)).toMatchObject({ stopCode: 'EssentialContainerExited', containers: [{ exitCode: 0 }] });
    w.pass(2_000);
    expect(w.ecsCall('DescribeTasks', { cluster: 'main', tasks: [task] })).toEqual({
      tasks: [],
      failures: [{ arn: task, reason: 'MISSING' }],
    });
  });

  const FAILURES = [
    {
      reason: 'an image that cannot be resolved',
      missing: 'web',
      stopCode: 'TaskFailedToStart',
      stoppedReason: /^CannotPullContainerError: pull image manifest/,
    },
    {
      reason: 'an image that cannot be pulled',
      scripts: { web: { fails: 'CannotPullContainerError: blob unknown' } },
      stopCode: 'TaskFailedToStart',
      stoppedReason: /^CannotPullContainerError: blob unknown$/,
    },
    {
      reason: 'a program that ends',
      scripts: { web: { exitAfterMs: 30, exitCode: 3 } },
      stopCode: 'EssentialContainerExited',
      stoppedReason: /^Essential container in task exited$/,
    },
    {
      reason: 'a log group that does not exist',
      container: {
        logConfiguration: {
          logDriver: 'awslogs',
          options: { 'awslogs-group': '/none', 'awslogs-region': 'us-east-1', 'awslogs-stream-prefix': 'x' },
        },
      },
      stopCode: 'TaskFailedToStart',
      stoppedReason: /^ResourceInitializationError: failed to validate logger args: .*\/none/,
    },
  ];
  it.each(FAILURES)(
    'says why it stopped: $reason',
    ({ missing, scripts = {}, container = {}, stopCode, stoppedReason }) => {
      const w = world(scripts as never);
      if (missing) w.missingImages.add(missing);
      const definition = {
        family: 'f',
        requiresCompatibilities: ['FARGATE'],
        networkMode: 'awsvpc',
        cpu: '256',
        memory: '512',
        executionRoleArn: 'arn:r',
      };
      const { taskDefinition } = w.ecsCall('RegisterTaskDefinition', {
        ...definition,
        containerDefinitions: [web('web', container)],
      });
      const { tasks } = w.ecsCall('RunTask', {
        cluster: 'main',
        taskDefinition: taskDefinition.taskDefinitionArn,
        launchType: 'FARGATE',
        networkConfiguration: NETWORK,
      });
      w.pass(60_000);
      expect(w.task(tasks[0].taskArn)).toMatchObject({
        lastStatus: 'STOPPED',
        stopCode,
        stoppedReason: expect.stringMatching(stoppedReason),
      });
    },
  );

  it('creates the log group when its definition asks for that', () => {
    const w = world();
    const options = {
      'awslogs-group': '/new',
      'awslogs-region': 'us-east-1',
      'awslogs-stream-prefix': 'x',
      'awslogs-create-group': 'true',
    };
    const { taskDefinition } = w.ecsCall('RegisterTaskDefinition', {
      family: 'f',
      requiresCompatibilities: ['FARGATE'],
      networkMode: 'awsvpc',
      cpu: '256',
      memory: '512',
      executionRoleArn: 'arn:r',
      containerDefinitions: [web('web', { logConfiguration: { logDriver: 'awslogs', options } })],
    });
    const { tasks } = w.ecsCall('RunTask', {
      cluster: 'main',
      taskDefinition: taskDefinition.taskDefinitionArn,
      launchType: 'FARGATE',
      networkConfiguration: NETWORK,
    });
    w.until('it runs', () => w.task(tasks[0].taskArn).lastStatus === 'RUNNING');
    const launch = w.tasks.launches.get(tasks[0].taskArn)?.containers[0];
    expect(launch).toMatchObject({ logGroup: '/new', logStream: `x/web/${tasks[0].taskArn.split('/').at(-1)}` });
  });

  it('takes overrides of command and environment', () => {
    const w = world();
    const overrides = {
      containerOverrides: [{ name: 'web', command: ['b'], environment: [{ name: 'K', value: 'new' }] }],
    };
    const task = run(
      w,
      [
        web('web', {
          command: ['a'],
          environment: [
            { name: 'K', value: 'old' },
            { name: 'L', value: 'l' },
          ],
        }),
      ],
      { overrides },
    );
    w.pass(2000);
    expect(w.tasks.launches.get(task)?.containers[0]).toMatchObject({
      command: ['b'],
      environment: { K: 'new', L: 'l' },
    });
    expect(w.task(task).overrides).toMatchObject(overrides);
  });
});

describe('containers', () => {
  const app = (dependsOn: object[], more: object = {}) => ({ name: 'app', image: 'app', dependsOn, ...more });
  const order = (w: World, task: string, what: 'start' | 'SIGTERM') =>
    w.tasks.log.filter((entry) => entry.task === task && entry.what === what).map(({ container }) => container);

  it('start when what they depend on has started', () => {
    const w = world({ side: { startMs: 700 } });
    const task = run(w, [app([{ containerName: 'side', condition: 'START' }]), { name: 'side', image: 'side' }]);
    w.pass(5000);
    expect(order(w, task, 'start')).toEqual(['side', 'app']);
    expect((w.tasks.times(task, 'start', 'app')[0] ?? 0) - (w.tasks.times(task, 'start', 'side')[0] ?? 0)).toBe(700);
  });

  it('wait for the health of what they depend on', () => {
    const w = world({ side: { healthyAfterMs: 6_000 } });
    const task = run(w, [
      app([{ containerName: 'side', condition: 'HEALTHY' }]),
      { name: 'side', image: 'side', healthCheck: HEALTH },
    ]);
    w.pass(9_000);
    expect(w.task(task)).toMatchObject({ lastStatus: 'PENDING', healthStatus: 'UNKNOWN' });
    w.pass(4_000);
    expect(w.task(task)).toMatchObject({ lastStatus: 'RUNNING', healthStatus: 'HEALTHY' });
    const sinceMs = (w.tasks.times(task, 'start', 'app')[0] ?? 0) - (w.tasks.times(task, 'started', 'side')[0] ?? 0);
    expect(sinceMs, 'the second check, one interval after the end of the first, passes').toBe(10_020);
  });

  it('are given up when what they depend on never becomes healthy', () => {
    const w = world({ side: {} });
    const task = run(w, [
      app([{ containerName: 'side', condition: 'HEALTHY' }]),
      { name: 'side', image: 'side', healthCheck: HEALTH, startTimeout: 60 },
    ]);
    w.pass(120_000);
    expect(w.task(task)).toMatchObject({ lastStatus: 'STOPPED', stopCode: 'TaskFailedToStart' });
    expect(w.tasks.times(task, 'start', 'app')).toEqual([]);
  });

  it.each([
    { condition: 'COMPLETE', exitCode: 0, runs: true },
    { condition: 'COMPLETE', exitCode: 1, runs: true },
    { condition: 'SUCCESS', exitCode: 0, runs: true },
    { condition: 'SUCCESS', exitCode: 1, runs: false },
  ])('that wait for $condition of one that ends with $exitCode: starts $runs', ({ condition, exitCode, runs }) => {
    const w = world({ init: { exitAfterMs: 500, exitCode } });
    const task = run(w, [
      app([{ containerName: 'init', condition }]),
      { name: 'init', image: 'init', essential: false },
    ]);
    w.pass(10_000);
    expect(w.tasks.times(task, 'start', 'app')).toHaveLength(runs ? 1 : 0);
    expect(w.task(task).lastStatus).toBe(runs ? 'RUNNING' : 'STOPPED');
    if (!runs) expect(w.task(task)).toMatchObject({ stopCode: 'TaskFailedToStart' });
  });

  it('stop dependents first', () => {
    const w = world({ app: { stopMs: 4_000 } });
    const task = run(w, [{ name: 'side', image: 'side' }, app([{ containerName: 'side', condition: 'START' }])]);
    w.pass(5_000);
    w.ecsCall('StopTask', { cluster: 'main', task });
    w.pass(20_000);
    expect(order(w, task, 'SIGTERM')).toEqual(['app', 'side']);
    expect((w.tasks.times(task, 'SIGTERM', 'side')[0] ?? 0) - (w.tasks.times(task, 'SIGTERM', 'app')[0] ?? 0)).toBe(
      4_000,
    );
  });

  it.each([
    { stopTimeout: undefined, killedAfterMs: 30_000 },
    { stopTimeout: 7, killedAfterMs: 7_000 },
    { stopTimeout: 120, killedAfterMs: 120_000 },
  ])('that ignore SIGTERM are killed after stopTimeout $stopTimeout', ({ stopTimeout, killedAfterMs }) => {
    const w = world({ app: { ignoresSigterm: true } });
    const task = run(w, [{ name: 'app', image: 'app', ...(stopTimeout === undefined ? {} : { stopTimeout }) }]);
    w.pass(5_000);
    w.ecsCall('StopTask', { cluster: 'main', task });
    w.pass(300_000);
    expect((w.tasks.times(task, 'SIGKILL')[0] ?? 0) - (w.tasks.times(task, 'SIGTERM')[0] ?? 0)).toBe(killedAfterMs);
    expect(w.task(task)).toMatchObject({ lastStatus: 'STOPPED', containers: [{ exitCode: 137 }] });
  });

  it('that are not essential may end', () => {
    const w = world({ side: { exitAfterMs: 100 } });
    const task = run(w, [web(), { name: 'side', image: 'side', essential: false }]);
    w.pass(60_000);
    expect(w.task(task)).toMatchObject({
      lastStatus: 'RUNNING',
      containers: [{ lastStatus: 'RUNNING' }, { lastStatus: 'STOPPED', exitCode: 1 }],
    });
  });

  it('are restarted when they ran for the whole period, and only then', () => {
    const w = world({ app: { exitAfterMs: 61_000 } });
    const restartPolicy = { enabled: true, restartAttemptPeriod: 60, ignoredExitCodes: [0] };
    const task = run(w, [{ name: 'app', image: 'app', restartPolicy }]);
    w.pass(200_000);
    expect(w.tasks.times(task, 'start')).toHaveLength(4);
    expect(w.task(task).lastStatus).toBe('RUNNING');
    w.tasks.crash(task, 'app');
    w.pass(5_000);
    expect(w.task(task), 'it ended before the period was over').toMatchObject({
      lastStatus: 'STOPPED',
      stopCode: 'EssentialContainerExited',
    });
  });

  it('are not restarted after an ignored exit code', () => {
    const w = world({ app: { exitAfterMs: 61_000, exitCode: 0 } });
    const task = run(w, [
      { name: 'app', image: 'app', restartPolicy: { enabled: true, restartAttemptPeriod: 60, ignoredExitCodes: [0] } },
    ]);
    w.pass(100_000);
    expect(w.tasks.times(task, 'start')).toHaveLength(1);
    expect(w.task(task).lastStatus).toBe('STOPPED');
  });

  it('may fail their health check during the start period', () => {
    const w = world({ app: { healthyAfterMs: 22_000 } });
    const task = run(w, [{ name: 'app', image: 'app', healthCheck: { ...HEALTH, startPeriod: 60 } }]);
    w.pass(20_000);
    expect(w.task(task).healthStatus).toBe('UNKNOWN');
    w.pass(10_000);
    expect(w.task(task).healthStatus).toBe('HEALTHY');
  });

  it('that are not essential do not make the task unhealthy', () => {
    const w = world({ app: { healthyAfterMs: 0 }, side: {} });
    const task = run(w, [
      { name: 'app', image: 'app', healthCheck: HEALTH },
      { name: 'side', image: 'side', essential: false, healthCheck: HEALTH },
    ]);
    w.pass(60_000);
    expect(w.task(task)).toMatchObject({
      healthStatus: 'HEALTHY',
      containers: [{ healthStatus: 'HEALTHY' }, { healthStatus: 'UNHEALTHY' }],
    });
  });

  it('become UNHEALTHY after retries, which by itself stops no standalone task', () => {
    const w = world({ app: {} });
    const task = run(w, [{ name: 'app', image: 'app', healthCheck: HEALTH }]);
    w.pass(60_000);
    expect(w.task(task)).toMatchObject({
      lastStatus: 'RUNNING',
      healthStatus: 'UNHEALTHY',
      containers: [{ healthStatus: 'UNHEALTHY' }],
    });
  });
});

describe('a restart of the local cloud', () => {
  it('stops tasks whose processes are gone and lets the service refill', () => {
    const before = world();
    const group = before.ipGroup('web');
    before.rule(before.listener(), 1, [[group, 1]]);
    before.service('web', before.definition('web', [web()]), {
      desiredCount: 2,
      loadBalancers: [{ targetGroupArn: group, containerName: 'web', containerPort: 8080 }],
    });
    before.until('it serves', () => before.rollout('web') === 'COMPLETED');
    const old = before.tasksOf('web').map(({ taskArn }) => taskArn);
    before.cloud.close();

    const after = before.restart();
    after.pass(0);
    expect(after.task(old[0])).toMatchObject({
      desiredStatus: 'STOPPED',
      stoppedReason: expect.stringContaining('restarted'),
    });
    after.until('it serves again', () => after.healthOf(group).join() === 'healthy,healthy');
    const now = after.tasksOf('web').map(({ taskArn }) => taskArn);
    expect(now.filter((arn) => old.includes(arn))).toEqual([]);
    expect(after.describe('web'), 'nothing of it was the fault of the deployment').toMatchObject({
      deployments: [{ failedTasks: 0, rolloutState: 'COMPLETED' }],
    });
    after.until('the old ones are stopped', () => old.every((arn) => after.task(arn).lastStatus === 'STOPPED'));
    expect(
      after.tasks.log.filter(({ what }) => what === 'SIGTERM'),
      'there was nothing to signal',
    ).toEqual([]);
  });

  it('goes on with what was being deleted, and with rules of long ago', () => {
    const before = world();
    before.service('web', before.definition('web', [web()]));
    before.pass(30_000);
    before.ecsCall('DeleteService', { cluster: 'main', service: 'web', force: true });
    before.cloud.close();
    const after = before.restart();
    after.until('it is gone', () => after.describe('web').status === 'INACTIVE');
    expect(after.definition('web', [web()]), 'revisions are never given twice').toMatch(/:2$/);
  });
});

describe('task operations', () => {
  const cases = [
    {
      reason: 'unknown task',
      call: ['StopTask', { cluster: 'main', task: 'nope' }],
      error: 'InvalidParameterException: The referenced task was not found.',
    },
    {
      reason: 'unknown cluster',
      call: ['ListTasks', { cluster: 'other' }],
      error: 'ClusterNotFoundException: Cluster not found.',
    },
    {
      reason: 'unknown service',
      call: ['ListTasks', { cluster: 'main', serviceName: 'x' }],
      error: 'ServiceNotFoundException: Service not found.',
    },
    {
      reason: 'too many',
      call: ['DescribeTasks', { cluster: 'main', tasks: Array(101).fill('x') }],
      error: /^InvalidParameterException/,
    },
    {
      reason: 'a foreign token',
      call: ['ListTasks', { cluster: 'main', nextToken: 'abc' }],
      error: 'InvalidParameterException: Invalid token.',
    },
    {
      reason: 'page size',
      call: ['ListTasks', { cluster: 'main', maxResults: 101 }],
      error: /^InvalidParameterException/,
    },
    {
      reason: 'protection too long',
      call: [
        'UpdateTaskProtection',
        { cluster: 'main', tasks: ['x'], protectionEnabled: true, expiresInMinutes: 2881 },
      ],
      error: /^InvalidParameterException/,
    },
  ] as const;
  it.each(cases)('refuse: $reason', ({ call: [operation, input], error }) => {
    const w = world();
    expect(refusal(() => w.ecsCall(operation, input))).toMatch(error);
  });

  it('list by status and page by page', () => {
    const w = world({ job: { exitAfterMs: 10, exitCode: 0 } });
    run(w, [web()], { count: 5 });
    run(w, [{ name: 'job', image: 'job' }], { startedBy: 'me' });
    w.pass(10_000);
    const first = w.ecsCall('ListTasks', { cluster: 'main', maxResults: 3 });
    const second = w.ecsCall('ListTasks', { cluster: 'main', maxResults: 3, nextToken: first.nextToken });
    expect([first.taskArns.length, second.taskArns.length, second.nextToken]).toEqual([3, 2, undefined]);
    expect(new Set([...first.taskArns, ...second.taskArns]).size).toBe(5);
    expect(
      w.ecsCall('ListTasks', { cluster: 'main', desiredStatus: 'STOPPED', startedBy: 'me' }).taskArns,
    ).toHaveLength(1);
    expect(w.ecsCall('ListTasks', { cluster: 'main', family: 'other' }).taskArns).toEqual([]);
  });
});
