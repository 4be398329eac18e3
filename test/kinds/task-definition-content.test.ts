/** What differs between desired content and a revision that stands: what people changed, not what ECS adds. */
import type { TaskDefinition } from '@aws-sdk/client-ecs';
import { describe, expect, it } from 'vitest';
import { contentChanges, taskDefinition } from '../../src/kinds/index.ts';
import { register } from '../conformance/account.ts';
import { TestCloud } from '../conformance/test-cloud.ts';

type Register = Parameters<typeof contentChanges>[0];

const DESIRED: Register = {
  cpu: '256',
  memory: '512',
  networkMode: 'awsvpc',
  containerDefinitions: [
    {
      name: 'front',
      image: 'adapter@sha256:1',
      essential: true,
      portMappings: [{ containerPort: 8080, protocol: 'tcp' }],
      environment: [
        { name: 'A', value: '1' },
        { name: 'B', value: '2' },
      ],
      stopTimeout: 60,
    },
  ],
};

/** As ECS answers: with its defaults. */
function standing(change: (container: Record<string, unknown>, whole: Record<string, unknown>) => void = () => {}) {
  const whole = structuredClone(DESIRED) as Record<string, unknown>;
  const [container] = whole.containerDefinitions as Record<string, unknown>[];
  if (!container) throw new Error('no container');
  Object.assign(container, { cpu: 0, mountPoints: [], volumesFrom: [], systemControls: [] });
  container.portMappings = [{ containerPort: 8080, hostPort: 8080, protocol: 'tcp' }];
  Object.assign(whole, { revision: 7, status: 'ACTIVE', volumes: [], compatibilities: ['EC2', 'FARGATE'] });
  change(container, whole);
  return whole as TaskDefinition;
}

describe('contentChanges', () => {
  const cases: { name: string; standing: TaskDefinition; changes: [string, unknown, unknown][]; reason: string }[] = [
    { name: 'nothing', standing: standing(), changes: [], reason: 'what ECS adds by itself is no difference' },
    {
      name: 'the order of variables',
      standing: standing((container) => {
        container.environment = (container.environment as unknown[]).toReversed();
      }),
      changes: [],
      reason: 'they are a set',
    },
    {
      name: 'a variable',
      standing: standing((container) => {
        container.environment = [
          { name: 'A', value: '0' },
          { name: 'C', value: '3' },
        ];
      }),
      changes: [
        ['front.environment.A', '1', '0'],
        ['front.environment.B', '2', null],
        ['front.environment.C', null, '3'],
      ],
      reason: 'changed, added and taken away, each by its name',
    },
    {
      name: 'an image',
      standing: standing((container) => {
        container.image = 'adapter@sha256:0';
      }),
      changes: [['front.image', 'adapter@sha256:1', 'adapter@sha256:0']],
      reason: 'a field of a container',
    },
    {
      name: 'secrets that are not desired any more',
      standing: standing((container) => {
        container.secrets = [{ name: 'S', valueFrom: 'arn:1' }];
      }),
      changes: [['front.secrets.S', null, 'arn:1']],
      reason: 'what is taken away is a difference',
    },
    {
      name: 'a label',
      standing: standing((container) => {
        container.dockerLabels = { 'lambdacontainer.dev/restarted-at': 'yesterday' };
      }),
      changes: [['front.dockerLabels', null, { 'lambdacontainer.dev/restarted-at': 'yesterday' }]],
      reason: 'what is taken away is a difference',
    },
    {
      name: 'memory',
      standing: standing((_container, whole) => {
        whole.memory = '1024';
      }),
      changes: [['memory', '512', '1024']],
      reason: 'a field of the task',
    },
    {
      name: 'a container',
      standing: standing((_container, whole) => {
        whole.containerDefinitions = [{ name: 'sidecar', image: 'x' }];
      }),
      changes: [
        ['front', 'present', 'absent'],
        ['sidecar', 'absent', 'present'],
      ],
      reason: 'containers are told apart by their names',
    },
  ];
  it.each(cases)('$name: $reason', ({ standing: now, changes }) => {
    const found = contentChanges(DESIRED, now).map(({ path, desired, observed }) => [path, desired, observed]);
    expect(found).toEqual(changes);
  });

  it('finds no difference to what was registered with the very content', async () => {
    const cloud = new TestCloud();
    const content = await register(cloud);
    const identity = { family: 'lc-shop', hash: 'v1-1' };
    await taskDefinition.create(cloud.io, identity, { register: content }, { token: 't', tags: {} });
    const { taskDefinition: answered } = await cloud.user.ecs.describeTaskDefinition({ taskDefinition: 'lc-shop' });
    expect(contentChanges(content, answered ?? {})).toEqual([]);
  });
});
