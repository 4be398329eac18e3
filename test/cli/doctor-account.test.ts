/** What `doctor` finds of the account: stack, queue, permissions, quotas. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { toItem } from '../../src/aws/index.ts';
import { type AccountFacts, account, refused } from './account-services.ts';
import { putClass } from './fixtures.ts';
import { CliWorld } from './world.ts';

let world: CliWorld;

beforeEach(async () => {
  world = await CliWorld.create();
  const nowMs = world.clock.now();
  const body = { holder: 'h-1', epoch: 4, expiresAtMs: nowMs + 10_000, durationMs: 15_000, released: false };
  const key = { namespace: '_controller', key: 'lease' };
  await world.ports.dynamodb.putItem({ TableName: 'lambdacontainer-state', Item: toItem({ ...key, epoch: 4, body }) });
});
afterEach(() => world.close());

interface Check {
  readonly name: string;
  readonly status: string;
  readonly message: string;
  readonly remedy?: string;
}

async function found(name: string, facts: AccountFacts | ReturnType<typeof account>, ...args: string[]) {
  const accountPorts = 'cloudformation' in facts ? facts : account(facts);
  const { code, out } = await world.run(['doctor', '-o', 'json', ...args], { isLocal: false, accountPorts });
  return { code, checks: (JSON.parse(out) as { checks: Check[] }).checks.filter((check) => check.name === name) };
}

describe('the stack', () => {
  it.each([
    { stack: 'CREATE_COMPLETE', status: 'ok', code: 0, reason: 'made' },
    { stack: 'UPDATE_ROLLBACK_COMPLETE', status: 'warn', code: 0, reason: 'whole, but not what was wished' },
    { stack: 'UPDATE_IN_PROGRESS', status: 'warn', code: 0, reason: 'on its way' },
    { stack: 'UPDATE_ROLLBACK_FAILED', status: 'fail', code: 1, reason: 'between two versions' },
    { stack: 'ROLLBACK_COMPLETE', status: 'fail', code: 1, reason: 'never made' },
    { stack: undefined, status: 'warn', code: 0, reason: 'deployed by other means' },
  ])('$stack: $status, because it is $reason', async ({ stack, status, code }) => {
    const { code: ended, checks } = await found('stack', { stack });
    expect([ended, checks]).toMatchObject([code, [{ status, message: expect.stringContaining(stack ?? 'no stack') }]]);
    expect(checks[0]?.remedy === undefined).toBe(status === 'ok');
  });

  it('has the name that is given', async () => {
    const { checks } = await found('stack', {}, '--stack', 'mine');
    expect(checks).toMatchObject([{ message: 'mine is UPDATE_COMPLETE' }]);
  });

  it.each([
    { kind: 'denied', remedy: 'allow cloudformation:DescribeStacks to whoever checks, or check it by hand' },
    { kind: 'throttled', remedy: 'try again in a moment' },
    {
      kind: 'invalid',
      remedy: 'check it by hand: this endpoint does not take cloudformation:DescribeStacks as it is asked',
    },
  ] as const)('that cannot be read ($kind) is no failure of the controller', async ({ kind, remedy }) => {
    const well = account();
    const error = refused('cloudformation', 'describeStacks', kind, 'no');
    const ports = { ...well, cloudformation: { ...well.cloudformation, describeStacks: () => Promise.reject(error) } };
    const message = `not looked at: cloudformation:DescribeStacks answered ${error.code}`;
    expect(await found('stack', ports)).toMatchObject({ code: 0, checks: [{ status: 'warn', message, remedy }] });
  });
});

describe('events', () => {
  const outputs = { EventQueueName: 'events', DeadLetterQueueName: 'dead' };
  const policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { Service: 'events.amazonaws.com' },
        Action: 'sqs:SendMessage',
        Resource: 'arn:aws:sqs:us-east-1:000000000000:events',
      },
    ],
  });

  async function queues(attributes: Record<string, Record<string, string>>): Promise<void> {
    for (const [QueueName, own] of Object.entries(attributes)) {
      await world.ports.sqs.createQueue({ QueueName, Attributes: own });
    }
  }
  const arn = 'arn:aws:sqs:us-east-1:000000000000:dead';
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: arn, maxReceiveCount: '5' });

  it('come by a queue that EventBridge may write to', async () => {
    await queues({ dead: {} });
    await queues({ events: { RedrivePolicy, Policy: policy } });
    expect(await found('events', { outputs })).toEqual({
      code: 0,
      checks: [{ name: 'events', status: 'ok', message: '0 wait in events' }],
    });
  });

  it('do not come without a queue', async () => {
    await queues({ events: {} });
    expect(await found('events', { outputs })).toMatchObject({
      code: 1,
      checks: [{ status: 'fail', message: expect.stringContaining('queue dead does not exist') }],
    });
  });

  it('do not come where EventBridge is not let in, and are lost where they cannot be read', async () => {
    await queues({ dead: {}, events: {} });
    const { code, checks } = await found('events', { outputs });
    expect([code, checks.map(({ status, message }) => `${status} ${message}`)]).toEqual([
      1,
      [
        'ok 0 wait in events',
        'fail its policy does not let EventBridge in: nothing arrives',
        'warn it has no dead letter queue: what cannot be read comes again until it expires',
      ],
    ]);
  });

  it('are told of when nobody reads them, and when they cannot be read', async () => {
    const numbers: Record<string, string> = { events: '5000', dead: '3' };
    const sqs = {
      ...world.ports.sqs,
      getQueueUrl: async ({ QueueName }: { QueueName?: string | undefined }) => ({
        QueueUrl: QueueName,
        $metadata: {},
      }),
      getQueueAttributes: async ({ QueueUrl = '' }: { QueueUrl?: string | undefined }) => ({
        Attributes: { ApproximateNumberOfMessages: numbers[QueueUrl] ?? '', Policy: policy, RedrivePolicy },
        $metadata: {},
      }),
    };
    const { out, code } = await world.run(['doctor', '-o', 'json'], {
      isLocal: false,
      accountPorts: account({ outputs }),
      ports: { ...world.ports, sqs },
    });
    const checks = (JSON.parse(out) as { checks: Check[] }).checks.filter(({ name }) => name === 'events');
    expect([code, checks]).toMatchObject([
      0,
      [
        { status: 'warn', message: '5000 wait in events', remedy: expect.stringContaining('leads') },
        {
          status: 'warn',
          message: '3 could not be read or delivered, in dead',
          remedy: expect.stringContaining('purge'),
        },
      ],
    ]);
  });
});

describe('permissions', () => {
  it('that are lacking are named, with the policies that give them', async () => {
    expect(await found('permissions', { denied: ['dynamodb:PutItem'] })).toMatchObject({
      code: 0,
      checks: [
        {
          status: 'warn',
          message:
            'IAM does not allow dynamodb:PutItem on lambdacontainer-desired, as far as it can be told without a namespace',
          remedy: expect.stringContaining('deploy/namespace.yaml'),
        },
      ],
    });
  });
});

describe('quotas', () => {
  beforeEach(async () => {
    await putClass(world);
    await world.putRecord({
      namespace: 'shop',
      name: 'checkout',
      spec: {
        source: { functionRef: { name: 'f' } },
        compute: { cpu: 1024, memory: 2048 },
        scaling: { min: 1, max: 50 },
      },
    });
  });

  it.each([
    { vcpus: 100, status: 'ok', code: 0, reason: 'there is room' },
    { vcpus: 55, status: 'warn', code: 0, reason: 'it is nearly used up' },
    { vcpus: 6, status: 'fail', code: 1, reason: 'a new account has few' },
  ])('50 of $vcpus vCPUs: $status, because $reason', async ({ vcpus, status, code }) => {
    const { code: ended, checks } = await found('quotas', { vcpus });
    expect([ended, checks[0]]).toMatchObject([
      code,
      { status, message: expect.stringContaining(`50 of ${vcpus} vCPUs`) },
    ]);
    if (status !== 'ok') expect(checks[0]?.remedy).toContain('--quota-code L-3032A538 --desired-value 75');
  });

  it('rules that end before target groups do', async () => {
    const { checks } = await found('quotas', { rules: 40 });
    expect(checks[1]).toMatchObject({
      status: 'warn',
      message: '100 target groups, 40 rules: a load balancer holds 40 objects',
    });
  });
});
