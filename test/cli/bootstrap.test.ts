/** `bootstrap`: what it prints, refuses, asks and shows, how it goes on where it was left, and what it says of a failure. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AccountPorts } from '../../src/aws/account-ports.ts';
import type { Clock } from '../../src/core/index.ts';
import { BootstrapWorld, TABLES } from './bootstrap-world.ts';
import { FakeCloudFormation } from './cloud-formation.ts';
import { CliWorld, NO_ACCOUNT } from './world.ts';

const NETWORK = ['VpcId=vpc-0a', 'SubnetIds=subnet-0a,subnet-0b'];
const HOST = '123456789012.dkr.ecr.eu-west-1.amazonaws.com/lambdacontainer-images';
const OUTPUTS = {
  'lambdacontainer-images': {
    ControllerRepositoryUri: `${HOST}/controller`,
    AdapterRepositoryUri: `${HOST}/adapter`,
    BuilderRepositoryUri: `${HOST}/builder`,
  },
  lambdacontainer: {
    DesiredTableName: TABLES.desired,
    StateTableName: TABLES.state,
    DaemonCluster: 'c',
    DaemonService: 's',
    LogGroupName: 'l',
    EventQueueName: 'q',
    DeadLetterQueueName: 'd',
  },
};
const MADE = [
  'stack/lambdacontainer-images created',
  'image/controller sha256:… pushed',
  'image/adapter sha256:… pushed',
  'image/builder sha256:… pushed',
  'stack/lambdacontainer created',
  'stack/lambdacontainer-monitoring created',
];

let cli: CliWorld;

beforeEach(async () => {
  cli = await CliWorld.create();
});
afterEach(() => cli.close());

describe('bootstrap', () => {
  it('prints every template to the letter, without a call, and says what makes them', async () => {
    const { code, out, err } = await cli.run(['bootstrap', '--name', 'shop'], {
      connect: () => {
        throw new Error('nothing is connected to');
      },
    });
    expect(code).toBe(0);
    expect(err).toBe('nothing was done; lambdacontainer bootstrap --apply brings an account to these stacks\n');
    const stacks = ['shop-images', 'shop', 'shop-monitoring', 'shop-class'];
    for (const [index, file] of ['images', 'controller', 'monitoring', 'class'].entries()) {
      expect(out).toContain(`# stack ${stacks[index]}`);
      expect(out).toContain(readFileSync(join(import.meta.dirname, `../../deploy/${file}.yaml`), 'utf8'));
    }
  });

  it('prints one that can be handed on as it is', async () => {
    const { out } = await cli.run(['bootstrap', '--print', '--stack', 'controller']);
    expect(out).toMatch(/^# stack lambdacontainer, from deploy\/controller\.yaml\nAWSTemplateFormatVersion/);
  });

  it.each([
    { args: ['--apply', '--tables'], error: 'give one of --print, --apply, --tables and --image-layout' },
    { args: ['--apply', '--print'], error: 'give one of --print, --apply, --tables and --image-layout' },
    { args: ['-o', 'json'], error: '-o is the form of what --tables --print prints; give both too' },
    { args: ['--apply', '--stack', 'class'], error: '--stack says which template is printed' },
    { args: ['--parameter', 'Cpu=256'], error: '--parameter goes with --apply; nothing was changed' },
    { args: ['--class', 'x.yaml', '--tables'], error: '--class goes with --apply' },
    { args: ['--dry-run'], error: '--dry-run goes with --apply or --tables' },
    { args: ['--base-image', 'x', '--tables'], error: '--base-image goes with --apply or --image-layout' },
    { args: ['--name', '9lives'], error: "--name '9lives': use up to 33 letters, digits and hyphens" },
  ])('refuses $args', async ({ args, error }) => {
    expect(await cli.run(['bootstrap', ...args], { isLocal: false })).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringContaining(error),
    });
  });

  it('has nothing to make in a local cloud', async () => {
    expect(await cli.run(['bootstrap', '--apply'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('a local cloud has no stacks: lambdacontainer local prepares itself'),
    });
  });
});

describe('bootstrap --apply', () => {
  let fake: FakeCloudFormation;
  let world: BootstrapWorld;

  beforeEach(async () => {
    const clock = skippingClock();
    fake = new FakeCloudFormation(clock);
    fake.outputs = OUTPUTS;
    const accountPorts: AccountPorts = { ...NO_ACCOUNT, cloudformation: fake.port };
    world = await BootstrapWorld.create(clock, cli.ports, accountPorts);
  });
  afterEach(() => world.close());

  it('makes one stack after the other, and then has nothing to do', async () => {
    expect(await world.run({ parameter: NETWORK })).toMatchObject({ code: 0, out: MADE });
    expect(world.pushed().length).toBeGreaterThan(0);
    expect((await world.run({})).out).toEqual(MADE.map((line) => line.replace(/ (created|pushed)$/, ' unchanged')));
    expect(world.pushed()).toEqual([]);
    expect(fake.changeSets).toEqual([]);
  });

  it('goes to another version in place, and to another parameter alone', async () => {
    await world.run({ parameter: NETWORK });
    world.install({ adapter: 'two' });
    const { out } = await world.run({ parameter: ['Cpu=1024'] });
    expect(out.filter((line) => !line.endsWith(' unchanged'))).toEqual([
      'image/adapter sha256:… pushed',
      'stack/lambdacontainer updated',
    ]);
    expect(fake.stack('lambdacontainer')?.parameters).toMatchObject({ Cpu: '1024', VpcId: 'vpc-0a' });
  });

  it.each([
    { parameter: ['Cpu'], error: "--parameter 'Cpu': write it as NAME=VALUE", reason: 'no value' },
    { parameter: ['Cpu=256', 'Cpu=512'], error: '--parameter Cpu: it is given twice', reason: 'two values' },
    { parameter: ['Cpus=256'], error: '--parameter Cpus: no stack has such a parameter', reason: 'an unknown name' },
    { parameter: ['Cpu=300'], error: "--parameter Cpu '300': use one of 256, 512", reason: 'a value of no list' },
    { parameter: ['Replicas=9'], error: "--parameter Replicas '9': use a number from 1 to 5", reason: 'out of bounds' },
    { parameter: ['VpcId=mine'], error: "--parameter VpcId 'mine': use the id of a VPC", reason: 'no id' },
    { parameter: ['SubnetIds=subnet-0a subnet-0b'], error: 'use ids of subnets with commas', reason: 'no list' },
    { parameter: ['Resync=soon'], error: "--parameter Resync 'soon': A duration such as", reason: 'no duration' },
    { parameter: ['ImageDigest=x'], error: '--parameter ImageDigest: it is not given but follows', reason: 'derived' },
    {
      parameter: ['VpcId=vpc-0a'],
      error: 'nothing was changed: stack lambdacontainer needs --parameter SubnetIds=…',
      reason: 'what is missing is told before the first stack',
    },
  ])('refuses $parameter, and touches nothing: $reason', async ({ parameter, error }) => {
    await expect(world.run({ parameter })).rejects.toThrow(error);
    expect([fake.acts, world.pushed(), world.out]).toEqual([[], [], '']);
  });

  it('a base image that is not there is told before the first stack', async () => {
    await expect(
      world.run({ parameter: NETWORK, baseImage: `${world.registry.host}/docker/library/node:1` }),
    ).rejects.toMatchObject({ kind: 'notFound' });
    expect(fake.acts).toEqual([]);
  });

  it('says which resource failed and why, and what was made before stays', async () => {
    fake.failing = { lambdacontainer: { resource: 'Service', reason: 'no subnet has a way out' } };
    await expect(world.run({ parameter: NETWORK })).rejects.toThrow(
      /^stack lambdacontainer ended as ROLLBACK_COMPLETE: Service \(AWS::ECS::Service\): no subnet has a way out$/,
    );
    expect(world.err).toMatch(/^\d\d:\d\d:\d\d CREATE_FAILED Service: no subnet has a way out$/m);
    expect(world.lines()).toEqual(MADE.slice(0, 4));
    fake.failing = {};
    await expect(world.run({ parameter: NETWORK })).rejects.toThrow(
      'stack lambdacontainer is ROLLBACK_COMPLETE: its creation failed and went back; delete it (aws cloudformation delete-stack --stack-name lambdacontainer)',
    );
  });

  it('an update that failed went back by itself, and can be tried again', async () => {
    await world.run({ parameter: NETWORK });
    fake.failing = { lambdacontainer: { resource: 'Service', reason: 'circuit breaker' } };
    await expect(world.run({ parameter: ['Cpu=1024'] })).rejects.toThrow(
      'ended as UPDATE_ROLLBACK_COMPLETE: Service (AWS::ECS::Service): circuit breaker',
    );
    fake.failing = {};
    expect((await world.run({ parameter: ['Cpu=1024'] })).out).toContain('stack/lambdacontainer updated');
  });

  it('a template that CloudFormation refuses leaves nothing behind', async () => {
    fake.refusing = { 'lambdacontainer-images': 'Template error' };
    await expect(world.run({ parameter: NETWORK })).rejects.toThrow(
      'stack lambdacontainer-images: Template error; nothing of it was changed',
    );
    expect(fake.stack('lambdacontainer-images')).toBeUndefined();
    expect(fake.changeSets).toEqual([]);
  });

  it('follows what is under way, and then goes on', async () => {
    await world.run({ parameter: NETWORK });
    fake.hold('lambdacontainer', 'UPDATE_IN_PROGRESS', { VpcId: 'vpc-0a', SubnetIds: 'subnet-0a' });
    fake.settles('lambdacontainer', 'UPDATE_COMPLETE', 60_000);
    expect((await world.run({})).out).toContain('stack/lambdacontainer updated');
  });

  it.each(['UPDATE_ROLLBACK_FAILED', 'DELETE_FAILED', 'CREATE_FAILED'])(
    'leaves a stack alone that is %s',
    async (status) => {
      fake.hold('lambdacontainer-monitoring', status);
      await expect(world.run({ parameter: NETWORK })).rejects.toThrow(
        `stack lambdacontainer-monitoring is ${status}: it takes no change`,
      );
      expect(fake.acts).toEqual([]);
    },
  );

  it('Ctrl-C leaves CloudFormation to its work, and the next run follows it', async () => {
    const interrupt = new AbortController();
    const execute = fake.port.executeChangeSet;
    Object.assign(fake.port, {
      executeChangeSet: async (...input: Parameters<typeof execute>) => {
        const answer = await execute(...input);
        interrupt.abort();
        return answer;
      },
    });
    await expect(world.run({ parameter: NETWORK }, { signal: interrupt.signal })).rejects.toThrow(
      'interrupted: CloudFormation goes on with stack lambdacontainer-images; the same command again follows it',
    );
    Object.assign(fake.port, { executeChangeSet: execute });
    expect((await world.run({ parameter: NETWORK })).out).toEqual([
      'stack/lambdacontainer-images unchanged',
      ...MADE.slice(1),
    ]);
  });

  describe('a table that would be replaced', () => {
    it('is refused, and the change set is taken away', async () => {
      await world.run({ parameter: NETWORK });
      fake.changes = {
        lambdacontainer: [
          {
            ResourceChange: {
              Action: 'Modify',
              Replacement: 'True',
              ResourceType: 'AWS::DynamoDB::Table',
              LogicalResourceId: 'StateTable',
              PhysicalResourceId: TABLES.state,
            },
          },
        ],
      };
      await expect(world.run({ parameter: ['Cpu=1024'] })).rejects.toThrow(
        'stack lambdacontainer: StateTable would be another, empty table instead of shop-state; nothing was changed',
      );
      expect(fake.changeSets).toEqual([]);
    });

    it('by another name in the context, too', async () => {
      await world.run({ parameter: NETWORK });
      await expect(world.run({}, { tables: { desired: 'other', state: TABLES.state } })).rejects.toThrow(
        'nothing was changed: DesiredTableName of stack lambdacontainer is shop-desired, but other was asked for',
      );
    });
  });

  describe('in a protected context', () => {
    const isProtected = true;
    const shown = '  + Cluster AWS::ECS::Cluster\n';
    beforeEach(() => {
      fake.changes = {
        'lambdacontainer-images': [
          { ResourceChange: { Action: 'Add', ResourceType: 'AWS::ECS::Cluster', LogicalResourceId: 'Cluster' } },
        ],
      };
    });

    it('shows each change set before it asks, and asks before it is carried out', async () => {
      const answers = ['test', 'test', 'test'];
      expect(await world.run({ parameter: NETWORK }, { isProtected, answers })).toMatchObject({ code: 0, out: MADE });
      expect(world.err.indexOf(shown)).toBeGreaterThan(-1);
      expect(world.err.indexOf("Context 'test' is protected")).toBeGreaterThan(world.err.indexOf(shown));
    });

    it('a name that is not typed leaves nothing', async () => {
      await expect(world.run({ parameter: NETWORK }, { isProtected, answers: ['no'] })).rejects.toThrow(
        'the name was not typed; nothing was changed',
      );
      expect(fake.acts).toEqual([
        'CreateChangeSet lambdacontainer-images',
        'DeleteChangeSet lambdacontainer-images',
        'DeleteStack lambdacontainer-images',
      ]);
      expect(world.pushed()).toEqual([]);
    });

    it('a name that is typed for the first alone leaves the first', async () => {
      await expect(world.run({ parameter: NETWORK }, { isProtected, answers: ['test', 'no'] })).rejects.toThrow(
        'the name was not typed; only lambdacontainer-images was changed',
      );
      expect(fake.stack('lambdacontainer')).toBeUndefined();
    });

    it('with nobody to ask it needs --yes-to, and makes no change set without', async () => {
      await expect(world.run({ parameter: NETWORK }, { isProtected })).rejects.toThrow(
        'give --yes-to test to change it',
      );
      expect(fake.acts).toEqual([]);
      expect((await world.run({ parameter: NETWORK, yesTo: 'test' }, { isProtected })).out).toEqual(MADE);
    });
  });

  it('--dry-run of an empty account says what it can know', async () => {
    expect((await world.run({ parameter: NETWORK, dryRun: true })).out).toEqual([
      'stack/lambdacontainer-images would be created (dry run)',
      ...['controller', 'adapter', 'builder'].map(
        (name) => `image/${name} sha256:… would be pushed unless it is there (dry run)`,
      ),
      'stack/lambdacontainer would be made after the stacks before it (dry run)',
      'stack/lambdacontainer-monitoring would be made after the stacks before it (dry run)',
    ]);
    expect(fake.stack('lambdacontainer-images')).toBeUndefined();
    expect(world.pushed()).toEqual([]);
  });
});

/** Nothing else happens while somebody waits, so that every wait is over at once. */
function skippingClock(): Clock {
  let nowMs = Date.UTC(2026, 0, 1);
  return {
    now: () => nowMs,
    monotonic: () => nowMs,
    after: (delayMs, fire) => {
      let isCancelled = false;
      setImmediate(() => {
        if (isCancelled) return;
        nowMs += delayMs;
        fire();
      });
      return {
        cancel: () => {
          isCancelled = true;
        },
      };
    },
  };
}
