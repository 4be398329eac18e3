/** What may be registered as a task definition, and how definitions are numbered, found and retired. */
import { describe, expect, it } from 'vitest';
import { refusal, World, web } from './world.ts';

const LOGS = {
  logDriver: 'awslogs',
  options: { 'awslogs-group': 'g', 'awslogs-region': 'us-east-1', 'awslogs-stream-prefix': 'p' },
};
const VALID = {
  family: 'app',
  requiresCompatibilities: ['FARGATE'],
  networkMode: 'awsvpc',
  cpu: '256',
  memory: '512',
  containerDefinitions: [web()],
};
const containers = (...containerDefinitions: object[]) => ({ containerDefinitions });

describe('RegisterTaskDefinition', () => {
  const cases: { reason: string; input: object; error: RegExp }[] = [
    {
      reason: 'cpu and memory that are no pair',
      input: { cpu: '300' },
      error: /^ClientException: No Fargate configuration exists for given values: 300 CPU, 512 memory/,
    },
    { reason: 'too much memory', input: { memory: '4096' }, error: /No Fargate configuration exists/ },
    { reason: 'no cpu', input: { cpu: undefined }, error: /Fargate requires that 'cpu' be defined at the task level/ },
    {
      reason: 'another network mode',
      input: { networkMode: 'bridge' },
      error: /Fargate only supports network mode 'awsvpc'/,
    },
    { reason: 'no containers', input: { containerDefinitions: [] }, error: /Container list cannot be empty/ },
    {
      reason: 'eleven containers',
      input: containers(...Array.from({ length: 11 }, (_, index) => ({ name: `c${index}`, image: 'x' }))),
      error: /maximum number of containers in a task definition is 10/,
    },
    {
      reason: 'a bad container name',
      input: containers({ name: 'a b', image: 'x' }),
      error: /Container.name contains invalid characters/,
    },
    { reason: 'a name used twice', input: containers(web(), web()), error: /'web' is used more than once/ },
    { reason: 'no image', input: containers({ name: 'a' }), error: /Container.image should not be null or empty/ },
    { reason: 'nothing essential', input: containers(web('x', { essential: false })), error: /must be essential/ },
    {
      reason: 'a host port of its own',
      input: containers({ name: 'a', image: 'x', portMappings: [{ containerPort: 80, hostPort: 81 }] }),
      error: /must match/,
    },
    {
      reason: 'awslogs without a role',
      input: containers(web('x', { logConfiguration: LOGS })),
      error: /execution role ARN to support log driver awslogs/,
    },
    {
      reason: 'an unknown dependency',
      input: containers(web('x', { dependsOn: [{ containerName: 'y', condition: 'START' }] })),
      error: /not another container/,
    },
    {
      reason: 'health of a container without a check',
      input: containers(web('x', { dependsOn: [{ containerName: 'y', condition: 'HEALTHY' }] }), {
        name: 'y',
        image: 'y',
      }),
      error: /has no health check/,
    },
    {
      reason: 'the end of an essential container',
      input: containers(web('x', { dependsOn: [{ containerName: 'y', condition: 'COMPLETE' }] }), {
        name: 'y',
        image: 'y',
      }),
      error: /which is essential/,
    },
    {
      reason: 'a cycle',
      input: containers(web('x', { dependsOn: [{ containerName: 'y', condition: 'START' }] }), {
        name: 'y',
        image: 'y',
        dependsOn: [{ containerName: 'web', condition: 'START' }],
      }),
      error: /Cyclic container dependency: web -> y -> web/,
    },
    {
      reason: 'a stop timeout beyond Fargate',
      input: containers(web('x', { stopTimeout: 121 })),
      error: /maximum value on Fargate is 120 seconds/,
    },
    {
      reason: 'a restart period below a minute',
      input: containers(web('x', { restartPolicy: { enabled: true, restartAttemptPeriod: 59 } })),
      error: /between 60 and 1800/,
    },
    {
      reason: 'a health check that names no program',
      input: containers(web('x', { healthCheck: { command: ['curl'] } })),
      error: /must begin with CMD or CMD-SHELL/,
    },
    {
      reason: 'a health check too often',
      input: containers(web('x', { healthCheck: { command: ['CMD', 'x'], interval: 4 } })),
      error: /between 5 and 300/,
    },
    {
      reason: 'parameters of SSM as secrets',
      input: { executionRoleArn: 'r', ...containers(web('x', { secrets: [{ name: 'A', valueFrom: 'arn' }] })) },
      error: /Container.secrets from SSM parameters \('arn' of 'A'\) is not supported by the local cloud/,
    },
    {
      reason: 'another log driver',
      input: { executionRoleArn: 'r', ...containers(web('x', { logConfiguration: { logDriver: 'splunk' } })) },
      error: /splunk is not supported/,
    },
    { reason: 'ephemeral storage', input: { ephemeralStorage: { sizeInGiB: 20 } }, error: /between 21 and 200/ },
    { reason: 'a bad family', input: { family: 'a/b' }, error: /Family should consist of/ },
  ];
  it.each(cases)('refuses $reason', ({ input, error }) => {
    const w = new World();
    expect(refusal(() => w.ecsCall('RegisterTaskDefinition', { ...VALID, ...input }))).toMatch(error);
    expect(w.ecsCall('RegisterTaskDefinition', VALID).taskDefinition.revision, 'no number was used up').toBe(1);
  });

  it.each([
    ['256', '2048'],
    ['512', '3072'],
    ['1024', '8192'],
    ['4096', '30720'],
    ['8192', '20480'],
    ['16384', '122880'],
    ['1 vCPU', '2 GB'],
  ])('accepts %s CPU with %s memory', (cpu, memory) => {
    expect(new World().ecsCall('RegisterTaskDefinition', { ...VALID, cpu, memory }).taskDefinition.status).toBe(
      'ACTIVE',
    );
  });

  it('fills in what AWS fills in', () => {
    const { taskDefinition } = new World().ecsCall('RegisterTaskDefinition', {
      ...VALID,
      containerDefinitions: [web('x', { healthCheck: { command: ['CMD', 'x'] } })],
    });
    expect(taskDefinition).toMatchObject({
      family: 'app',
      revision: 1,
      compatibilities: ['EC2', 'FARGATE'],
      containerDefinitions: [
        {
          essential: true,
          cpu: 0,
          portMappings: [{ containerPort: 8080, hostPort: 8080, protocol: 'tcp' }],
          healthCheck: { interval: 30, timeout: 5, retries: 3 },
        },
      ],
    });
  });
});

describe('task definitions', () => {
  function registered(): World {
    const w = new World();
    for (const family of ['b', 'a', 'a', 'ab', 'a'])
      w.ecsCall('RegisterTaskDefinition', { ...VALID, family, tags: [{ key: 'f', value: family }] });
    return w;
  }
  const names = (w: World, input: object): string[] =>
    w.ecsCall('ListTaskDefinitions', input).taskDefinitionArns.map((arn: string) => arn.split('/').at(-1));

  it('are found by family, revision and ARN, with tags when asked', () => {
    const w = registered();
    const byFamily = w.ecsCall('DescribeTaskDefinition', { taskDefinition: 'a', include: ['TAGS'] });
    expect(byFamily).toMatchObject({ taskDefinition: { revision: 3 }, tags: [{ key: 'f', value: 'a' }] });
    expect(w.ecsCall('DescribeTaskDefinition', { taskDefinition: 'a:2' })).toMatchObject({
      taskDefinition: { revision: 2 },
    });
    expect(
      w.ecsCall('DescribeTaskDefinition', { taskDefinition: byFamily.taskDefinition.taskDefinitionArn }).tags,
    ).toBeUndefined();
    expect(refusal(() => w.ecsCall('DescribeTaskDefinition', { taskDefinition: 'a:4' }))).toBe(
      'ClientException: Unable to describe task definition.',
    );
  });

  it('are listed by family and order, page by page', () => {
    const w = registered();
    expect(names(w, {})).toEqual(['a:1', 'a:2', 'a:3', 'ab:1', 'b:1']);
    expect(names(w, { familyPrefix: 'a', sort: 'DESC' })).toEqual(['a:3', 'a:2', 'a:1']);
    const first = w.ecsCall('ListTaskDefinitions', { sort: 'DESC', maxResults: 2 });
    expect(names(w, { sort: 'DESC', maxResults: 2, nextToken: first.nextToken })).toEqual(['a:3', 'a:2']);
  });

  it('are retired for good', () => {
    const w = registered();
    const { taskDefinition } = w.ecsCall('DeregisterTaskDefinition', { taskDefinition: 'a:3' });
    expect(taskDefinition).toMatchObject({ status: 'INACTIVE' });
    expect(names(w, { familyPrefix: 'a' })).toEqual(['a:1', 'a:2']);
    expect(names(w, { familyPrefix: 'a', status: 'INACTIVE' })).toEqual(['a:3']);
    expect(w.ecsCall('DescribeTaskDefinition', { taskDefinition: 'a' }).taskDefinition.revision).toBe(2);
    expect(w.ecsCall('DescribeTaskDefinition', { taskDefinition: 'a:3' }).taskDefinition.status).toBe('INACTIVE');
    expect(w.ecsCall('RegisterTaskDefinition', { ...VALID, family: 'a' }).taskDefinition.revision).toBe(4);
    expect(refusal(() => w.ecsCall('DeregisterTaskDefinition', { taskDefinition: 'a' }))).toMatch(
      /^InvalidParameterException/,
    );
  });
});
