/** `verify`: each thing that an object stands on, as it should be and as it should not. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Ports, toItem } from '../../src/aws/index.ts';
import { Failure } from '../../src/core/index.ts';
import { guarded, LiveWorld, TABLES } from './live-world.ts';

interface Finding {
  subject: string;
  check: string;
  level: string;
  field?: string;
  value?: string;
  message: string;
  remedy?: string;
}

let live: LiveWorld;
beforeEach(async () => {
  live = await LiveWorld.create();
  // The load balancer is active by then.
  live.world.clock.after(10_000, () => undefined);
  await live.world.run(10_000);
});
afterEach(() => live.close());

function manifest(spec = ''): string {
  return live.file(
    'm.yaml',
    `apiVersion: lambdacontainer.dev/v1alpha1
kind: LambdaContainer
metadata: { name: checkout, namespace: shop }
spec:
  source: { functionRef: { name: hello } }
${spec}`,
  );
}

async function verify(args: readonly string[], ports: Ports = live.readOnly()) {
  const ended = await live.run(['verify', ...args, '-o', 'json'], { ports });
  if (ended.out === '') throw new Error(ended.err);
  const document = JSON.parse(ended.out) as { result: string; findings: Finding[]; notChecked: string[] };
  return { ...document, code: ended.code, bad: document.findings.filter(({ level }) => level !== 'ok') };
}

/** Changes the class as its record has it. */
async function changeClass(change: (spec: Record<string, unknown>) => void): Promise<void> {
  const { out } = await live.run(['get', 'class/standard', '-o', 'json']);
  const document = JSON.parse(out) as { spec: Record<string, unknown> };
  change(document.spec);
  await live.aws.dynamodb.putItem({
    TableName: TABLES.desired,
    Item: toItem({ namespace: '_system', name: 'class/standard', spec: document.spec }),
  });
}

async function listenerArn(): Promise<{ listener: string; loadBalancer: string }> {
  const { LoadBalancers } = await live.aws.elbv2.describeLoadBalancers({});
  const loadBalancer = LoadBalancers?.[0]?.LoadBalancerArn ?? '';
  const { Listeners } = await live.aws.elbv2.describeListeners({ LoadBalancerArn: loadBalancer });
  return { listener: Listeners?.[0]?.ListenerArn ?? '', loadBalancer };
}

it('of an account as it should be fails nothing, names what it does not look at, and only reads', async () => {
  const { code, bad, notChecked } = await verify(['-f', manifest()]);
  expect(code).toBe(0);
  // The local cloud's tables have no deletion protection.
  expect(bad).toMatchObject([{ subject: 'tables', check: 'DesiredTable', level: 'warn' }]);
  expect(notChecked.join()).toContain('Fargate vCPU quota');
  const { out } = await live.run(['verify', '-f', manifest()], { ports: live.readOnly() });
  expect(out).toContain('ok   Cluster');
  expect(out).toMatch(/\d+ ok, 1 to look at, 0 failed\nnot looked at: /);
});

it('reads what objects share once', async () => {
  const calls: string[] = [];
  const two = ['a', 'b'].map(
    (name) =>
      `apiVersion: lambdacontainer.dev/v1alpha1\nkind: LambdaContainer\nmetadata: { name: ${name} }\nspec: { source: { functionRef: { name: hello } } }\n`,
  );
  await verify(['-f', live.file('two.yaml', two.join('---\n'))], live.readOnly(calls));
  const count = (call: string) => calls.filter((made) => made === call).length;
  expect(count('ecs describeClusters')).toBe(1);
  expect(count('elbv2 describeLoadBalancerAttributes')).toBe(1);
});

describe('finds', () => {
  const cases: {
    name: string;
    spec?: string;
    before?: () => Promise<unknown>;
    finding: Partial<Finding>;
    code: number;
  }[] = [
    {
      name: 'an invalid spec, field by field',
      spec: '  compute: { cpu: 300 }\n',
      finding: { check: 'Spec', level: 'fail', field: 'spec.compute.cpu' },
      code: 1,
    },
    {
      name: 'a class that nobody has',
      spec: '  className: gold\n',
      finding: { check: 'Class', level: 'fail', value: 'gold', message: 'there is no such class' },
      code: 1,
    },
    {
      name: 'a cluster that is not there',
      before: () => changeClass((spec) => Object.assign(spec, { cluster: 'nowhere' })),
      finding: { check: 'Cluster', level: 'fail', field: 'spec.cluster', value: 'nowhere' },
      code: 1,
    },
    {
      name: 'a class without a listener',
      before: () => changeClass((spec) => Object.assign(spec, { listeners: [] })),
      finding: { check: 'Listener', level: 'fail', field: 'spec.listeners' },
      code: 1,
    },
    {
      name: 'a listener that is not there',
      before: () =>
        changeClass((spec) => {
          const arn =
            'arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/app/x/0123456789abcdef/0123456789abcdef';
          spec.listeners = [{ arn, url: 'http://x' }];
        }),
      finding: { check: 'Listener', level: 'fail', message: 'there is no such listener' },
      code: 1,
    },
    {
      name: 'a listener without a free priority',
      before: async () => {
        const { listener } = await listenerArn();
        await live.aws.elbv2.createRule({
          ListenerArn: listener,
          Priority: 100,
          Conditions: [{ Field: 'path-pattern', Values: ['/other'] }],
          Actions: [{ Type: 'fixed-response', FixedResponseConfig: { StatusCode: '200' } }],
        });
        await changeClass((spec) => {
          spec.listeners = [{ arn: listener, url: 'http://x', priorities: { from: 100, to: 100 } }];
        });
      },
      finding: { check: 'Listener', level: 'fail', field: 'spec.listeners[0].priorities', value: '100–100' },
      code: 1,
    },
    {
      name: 'a rule that answers for the same path already',
      before: async () => {
        const { listener } = await listenerArn();
        await live.aws.elbv2.createRule({
          ListenerArn: listener,
          Priority: 7,
          Conditions: [{ Field: 'path-pattern', Values: ['/checkout'] }],
          Actions: [{ Type: 'fixed-response', FixedResponseConfig: { StatusCode: '200' } }],
        });
      },
      finding: { check: 'Traffic', level: 'warn', value: 'priority 7' },
      code: 0,
    },
    {
      name: 'a role that tasks may not assume, with the statement that is missing',
      before: () =>
        changeClass((spec) => {
          const roles = spec.roles as Record<string, string>;
          roles.execution = 'arn:aws:iam::000000000000:role/lambdacontainer-example-function';
        }),
      finding: {
        check: 'Role',
        level: 'fail',
        field: 'spec.roles.execution',
        remedy: expect.stringContaining('"Service":"ecs-tasks.amazonaws.com"') as unknown as string,
      },
      code: 1,
    },
    {
      name: 'a role that is not there',
      spec: '  roles: { task: "arn:aws:iam::000000000000:role/none" }\n',
      finding: { check: 'Role', level: 'fail', field: 'spec.roles.task', remedy: 'create it or correct the name' },
      code: 1,
    },
    {
      name: 'spot where the cluster has none',
      before: async () => {
        await live.aws.ecs.createCluster({ clusterName: 'plain' });
        await changeClass((spec) => Object.assign(spec, { cluster: 'plain' }));
      },
      spec: '  compute: { spot: { weight: 50 } }\n',
      finding: { check: 'Cluster', level: 'fail', field: 'spec.compute.spot.weight' },
      code: 1,
    },
    {
      name: 'a secret that is not there',
      spec: '  secrets: { DB: { secretsManager: "arn:aws:secretsmanager:us-east-1:000000000000:secret:db-AbCdEf" } }\n',
      finding: { check: 'Secret', level: 'fail', field: 'spec.secrets.DB.secretsManager' },
      code: 1,
    },
    {
      name: 'a secret without a value',
      before: async () => void live.world.cloud.call('secretsmanager', 'CreateSecret', { Name: 'empty' }),
      spec: '  secrets: { DB: { secretsManager: "arn:aws:secretsmanager:us-east-1:000000000000:secret:empty" } }\n',
      finding: {
        check: 'Secret',
        level: 'fail',
        field: 'spec.secrets.DB.secretsManager',
        remedy: 'Put a value under that label, or name another under spec.secrets',
      },
      code: 1,
    },
    {
      name: 'a timeout beyond the load balancer allows',
      spec: '  compute: { timeout: 5m }\n',
      finding: { check: 'Traffic', level: 'warn', field: 'spec.compute.timeout', value: '5m00s' },
      code: 0,
    },
  ];
  it.each(cases)('$name', async ({ spec, before, finding, code }) => {
    await before?.();
    const answer = await verify(['-f', manifest(spec)]);
    expect(answer.findings).toContainEqual(expect.objectContaining(finding));
    expect(answer.code).toBe(code);
    for (const { level, remedy, message } of answer.bad) expect(remedy, `${level}: ${message}`).toBeTruthy();
  });

  it('a function that is not there', async () => {
    const file = live.file(
      'lost.yaml',
      'apiVersion: lambdacontainer.dev/v1alpha1\nkind: LambdaContainer\nmetadata: { name: lost }\nspec: { source: { functionRef: { name: nobody } } }\n',
    );
    const { code, findings } = await verify(['-f', file]);
    expect(findings.find(({ check }) => check === 'Function')).toMatchObject({
      level: 'fail',
      field: 'spec.source.functionRef',
      value: 'nobody',
      remedy: 'create it or correct the name',
    });
    expect(code).toBe(1);
  });

  it('an archive that is not there, and one that is', async () => {
    const Bucket = 'lambdacontainer-archives';
    live.world.cloud.call('s3', 'CreateBucket', { Bucket });
    const file = live.file(
      'archived.yaml',
      `apiVersion: lambdacontainer.dev/v1alpha1
kind: LambdaContainer
metadata: { name: archived, namespace: shop }
spec:
  source:
    archive: { s3: { bucket: ${Bucket}, key: shop.zip }, runtime: nodejs22.x, handler: index.handler }
  roles: { task: "arn:aws:iam::000000000000:role/tasks" }
`,
    );
    const archive = async () => {
      const { code, findings } = await verify(['-f', file]);
      return { code, found: findings.find(({ check }) => check === 'Archive') };
    };
    const field = 'spec.source.archive';
    const value = expect.stringContaining(`${Bucket}/shop.zip`);
    expect(await archive()).toMatchObject({ code: 1, found: { level: 'fail', field, value } });
    live.world.cloud.call('s3', 'PutObject', { Bucket, Key: 'shop.zip', Body: Buffer.from('a zip') });
    expect(await archive()).toMatchObject({ found: { level: 'ok', field, value } });
  });

  it('a function that is switched off', async () => {
    const ports: Ports = {
      ...live.aws,
      lambda: {
        ...live.aws.lambda,
        getFunction: async (input, call) => ({
          ...(await live.aws.lambda.getFunction(input, call)),
          Concurrency: { ReservedConcurrentExecutions: 0 },
        }),
      },
    };
    const onLambda = manifest('  placement: { mode: split, split: { lambda: 50, fargate: 50 } }\n');
    expect(await verify(['-f', onLambda], ports)).toMatchObject({ code: 1 });
    const { code, bad } = await verify(['-f', manifest()], ports);
    expect(bad).toContainEqual(
      expect.objectContaining({ check: 'Function', level: 'warn', value: 'reserved concurrency 0' }),
    );
    expect(code, 'Fargate serves all the same').toBe(0);
  });

  it('a load balancer that has no room for another object', async () => {
    const { listener } = await listenerArn();
    for (let rule = 0; rule < 20; rule++) {
      const groups = await Promise.all(
        Array.from({ length: 5 }, async (_, i) => {
          const { TargetGroups } = await live.aws.elbv2.createTargetGroup({
            Name: `g-${rule}-${i}`,
            TargetType: 'ip',
            Protocol: 'HTTP',
            Port: 80,
            VpcId: 'vpc-local',
          });
          return TargetGroups?.[0]?.TargetGroupArn ?? '';
        }),
      );
      await live.aws.elbv2.createRule({
        ListenerArn: listener,
        Priority: 2000 + rule,
        Conditions: [{ Field: 'path-pattern', Values: [`/g${rule}`] }],
        Actions: [
          {
            Type: 'forward',
            ForwardConfig: { TargetGroups: groups.map((TargetGroupArn) => ({ TargetGroupArn, Weight: 1 })) },
          },
        ],
      });
    }
    const { code, findings } = await verify(['-f', manifest()]);
    expect(findings).toContainEqual(
      expect.objectContaining({ level: 'fail', message: expect.stringContaining('uses 100 of 100 target groups') }),
    );
    expect(code).toBe(1);
  });

  it('a table that is another, and one without a stream', async () => {
    await live.aws.dynamodb.createTable({
      TableName: 'other',
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
    });
    const ports: Ports = {
      ...live.aws,
      dynamodb: {
        ...live.aws.dynamodb,
        describeTable: (input, call) =>
          live.aws.dynamodb.describeTable(
            input.TableName === TABLES.state ? { TableName: 'other' } : { TableName: TABLES.state },
            call,
          ),
      },
    };
    const { findings } = await verify(['-f', manifest()], ports);
    expect(findings).toContainEqual(
      expect.objectContaining({ check: 'StateTable', level: 'fail', message: 'its key is (id), not (namespace, key)' }),
    );
  });

  it('what cannot be checked, and does not call it fine', async () => {
    const ports = guarded(live.readOnly(), (call) => {
      if (call !== 'ecs describeClusters') return;
      throw new Failure({
        kind: 'denied',
        service: 'ecs',
        operation: 'describeClusters',
        code: 'AccessDeniedException',
        message: 'no',
      });
    });
    const { code, findings } = await verify(['-f', manifest()], ports);
    expect(findings.find(({ check }) => check === 'Cluster')).toMatchObject({
      level: 'warn',
      message: 'cannot be checked: ecs:DescribeClusters answered AccessDeniedException: no',
      remedy: 'allow ecs:DescribeClusters to whoever checks, or check it by hand',
    });
    expect(code).toBe(0);
  });

  it('a path that another object has', async () => {
    await live.serve('shop', 'rival', {
      source: { functionRef: { name: 'hello' } },
      traffic: { paths: ['/checkout'] },
    });
    const { code, findings } = await verify(['-f', manifest()]);
    expect(findings).toContainEqual(expect.objectContaining({ check: 'PathConflict', level: 'fail' }));
    expect(code).toBe(1);
  });
});

describe('is asked for', () => {
  it('by name, by --all, by class', async () => {
    await live.world.put('shop', 'checkout', { source: { functionRef: { name: 'hello' } } });
    for (const args of [['checkout', '-n', 'shop'], ['--all', '-n', 'shop'], ['-A']]) {
      const { findings } = await verify(args);
      expect(
        findings.some(({ subject }) => subject === 'lambdacontainer/checkout'),
        args.join(' '),
      ).toBe(true);
    }
    const { findings } = await verify(['class/standard']);
    expect(new Set(findings.map(({ subject }) => subject))).toEqual(
      new Set(['tables', 'lambdacontainerclass/standard']),
    );
  });

  const mistakes: { name: string; args: string[]; code: number; says: string }[] = [
    { name: 'nothing named', args: [], code: 2, says: 'name the objects' },
    { name: 'names and files', args: ['a', '-f', 'x'], code: 2, says: 'give -f alone' },
    { name: 'a name that is not there', args: ['nobody'], code: 1, says: 'lambdacontainer/nobody not found' },
    { name: 'a class that is not there', args: ['class/gold'], code: 1, says: 'lambdacontainerclass/gold not found' },
    { name: 'a source', args: ['source/a'], code: 2, says: 'a GitSource stands on nothing' },
    { name: 'classes and objects', args: ['class/standard', 'lc/checkout'], code: 2, says: 'not both' },
  ];
  it.each(mistakes)('but not with $name', async ({ args, code, says }) => {
    const ended = await live.run(['verify', ...args], { ports: live.readOnly() });
    expect([ended.code, ended.err]).toEqual([code, expect.stringContaining(says)]);
  });

  it('nor with a manifest that is none', async () => {
    const ended = await live.run(['verify', '-f', live.file('torn.yaml', 'a: [')], { ports: live.readOnly() });
    expect([ended.code, ended.err]).toEqual([1, expect.stringContaining('nothing was verified')]);
  });
});
