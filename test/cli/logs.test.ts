/** `logs`: lines of tasks and function in one order, each once, whenever they arrive. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Ports, toItem } from '../../src/aws/index.ts';
import { Failure } from '../../src/core/index.ts';
import type { InventoryEntry } from '../../src/resource/index.ts';
import { StateTable } from '../../src/store/index.ts';
import { guarded, type LiveOptions, LiveWorld, TABLES } from './live-world.ts';

const KEY = { namespace: 'shop', name: 'checkout' };
const TASKS = '/lambdacontainer/shop/checkout';
const FUNCTION = '/aws/lambda/hello';
const TASK_STREAM = 'function/function-1/3f2a91c0aaaaaaaa';
const FRONT_STREAM = 'front/front/3f2a91c0aaaaaaaa';
const LAMBDA_STREAM = '2026/01/01/[$LATEST]8be04f2dbbbbbbbb';

let live: LiveWorld;
let startMs: number;

beforeEach(async () => {
  live = await LiveWorld.create();
  startMs = live.world.clock.now();
  await live.world.put('shop', 'checkout', { source: { functionRef: { name: 'hello' } } });
  await remember([entry('log-group', { logGroupName: TASKS })]);
});
afterEach(() => live.close());

function entry(kind: string, identity: Record<string, string>): InventoryEntry {
  const rest = { shared: false, capacity: false, dependsOn: [], propsHash: '', actedAtMs: 0, seen: true };
  return { nodeId: kind, kind, identity, ...rest };
}

async function remember(entries: readonly InventoryEntry[], version = 0): Promise<void> {
  const inventory = {
    uid: 'u',
    generation: 1,
    specHash: 'h',
    className: 'standard',
    deletionPolicy: 'delete',
    createdAtMs: 0,
    entries,
    incarnations: {},
  };
  await new StateTable(live.aws.dynamodb, TABLES.state).put(KEY, 'inventory', inventory, version, 1);
}

async function group(...names: string[]): Promise<void> {
  for (const logGroupName of names) await live.aws.logs.createLogGroup({ logGroupName });
}

/** Writes a line with a time of `atMs` after the start. It arrives now. */
function print(
  stream: string,
  atMs: number,
  message: string,
  logGroup = stream.includes('[') ? FUNCTION : TASKS,
): void {
  live.world.cloud.services.logs.append(logGroup, stream, [{ timestampMs: startMs + atMs, message }]);
}

const logs = (args: readonly string[], options: LiveOptions = {}) =>
  live.run(['logs', 'checkout', '-n', 'shop', ...args], { ports: live.readOnly(), ...options });

describe('what was printed', () => {
  beforeEach(async () => {
    await group(TASKS, FUNCTION);
    print(TASK_STREAM, 30, 'task: two');
    print(LAMBDA_STREAM, 10, 'START RequestId: 1\n');
    print(FRONT_STREAM, 20, 'front: ready');
    print(LAMBDA_STREAM, 40, 'REPORT RequestId: 1\tDuration: 1 ms\n');
  });

  it('of both sides comes in one order of time', async () => {
    const { code, out } = await logs([]);
    expect(code).toBe(0);
    expect(out.split('\n')).toEqual([
      'lambda/$LATEST/8be04f2d START RequestId: 1',
      'fargate/front/3f2a91c0 front: ready',
      'fargate/function-1/3f2a91c0 task: two',
      'lambda/$LATEST/8be04f2d REPORT RequestId: 1\tDuration: 1 ms',
      '',
    ]);
  });

  const cases: { name: string; args: string[]; shows: string[] }[] = [
    {
      name: 'one side',
      args: ['--side', 'lambda'],
      shows: ['START RequestId: 1', 'REPORT RequestId: 1\tDuration: 1 ms'],
    },
    { name: 'the other side', args: ['--side', 'fargate'], shows: ['front: ready', 'task: two'] },
    { name: 'one container', args: ['--container', 'function-1'], shows: ['task: two'] },
    { name: 'the last lines', args: ['--tail', '1'], shows: ['REPORT RequestId: 1\tDuration: 1 ms'] },
    { name: 'no lines', args: ['--tail', '0'], shows: [] },
  ];
  it.each(cases)('of $name', async ({ args, shows }) => {
    const { out } = await logs([...args, '--no-prefix']);
    expect(out.split('\n').slice(0, -1)).toEqual(shows);
  });

  it('has times when asked for', async () => {
    const { out } = await logs(['--timestamps', '--tail', '1', '--no-prefix']);
    expect(out).toBe(`${new Date(startMs + 40).toISOString()} REPORT RequestId: 1\tDuration: 1 ms\n`);
  });

  it('is shown from --since on', async () => {
    live.world.clock.after(600_000, () => undefined);
    await live.world.run(600_000);
    print(TASK_STREAM, 599_000, 'task: late');
    expect((await logs(['--since', '5m', '--no-prefix'])).out).toBe('task: late\n');
    expect((await logs(['--no-prefix'])).out.split('\n')).toHaveLength(6);
  });

  it('is read page by page', async () => {
    const calls: string[] = [];
    const ports: Ports = {
      ...live.aws,
      logs: {
        ...live.aws.logs,
        filterLogEvents: (input, call) => {
          calls.push(String(input.nextToken !== undefined));
          return live.aws.logs.filterLogEvents({ ...input, limit: 1 }, call);
        },
      },
    };
    expect((await logs(['--no-prefix'], { ports })).out.split('\n')).toHaveLength(5);
    expect(calls.filter((hasToken) => hasToken === 'true').length).toBeGreaterThan(1);
  });

  it('is found where the function logs to, whatever that group is called', async () => {
    await group('/custom');
    print(LAMBDA_STREAM, 50, 'from elsewhere', '/custom');
    const ports: Ports = {
      ...live.aws,
      lambda: {
        ...live.aws.lambda,
        getFunction: async (input, call) => {
          const answer = await live.aws.lambda.getFunction(input, call);
          return { ...answer, Configuration: { ...answer.Configuration, LoggingConfig: { LogGroup: '/custom' } } };
        },
      },
    };
    expect((await logs(['--side', 'lambda', '--no-prefix'], { ports })).out).toBe('from elsewhere\n');
  });
});

describe('followed', () => {
  /** Runs `logs -f` while `history` happens, by ms since then, and stops it. */
  async function follow(history: Record<number, () => void>, options: LiveOptions = {}, args: string[] = []) {
    const stop = new AbortController();
    for (const [atMs, happen] of Object.entries(history)) live.world.clock.after(Number(atMs), happen);
    live.world.clock.after(60_000, () => stop.abort());
    return logs(['-f', '--no-prefix', ...args], { signal: stop.signal, ...options });
  }

  it('each line comes once, also one that arrives late with an earlier time', async () => {
    await group(TASKS, FUNCTION);
    print(TASK_STREAM, 0, 'old');
    const { code, out } = await follow({
      5000: () => print(TASK_STREAM, 5_000, 'one'),
      6000: () => print(LAMBDA_STREAM, 6_000, 'two'),
      9000: () => print(TASK_STREAM, 4_000, 'late'),
      30000: () => print(TASK_STREAM, 30_000, 'three'),
    });
    expect(code).toBe(0);
    expect(out.split('\n')).toEqual(['old', 'one', 'two', 'late', 'three', '']);
  });

  it('the same text twice is two lines', async () => {
    await group(TASKS, FUNCTION);
    const twice = () => {
      print(TASK_STREAM, 3_000, 'same');
      print(TASK_STREAM, 3_000, 'same');
    };
    expect((await follow({ 3000: twice })).out).toBe('same\nsame\n');
  });

  it('a line from the future does not end the looking', async () => {
    await group(TASKS, FUNCTION);
    const { out } = await follow({
      3000: () => print(TASK_STREAM, 3_600_000, 'from tomorrow'),
      8000: () => print(TASK_STREAM, 8_000, 'now'),
    });
    expect(out).toBe('from tomorrow\nnow\n');
  });

  it('a group that comes later is found', async () => {
    await group(TASKS);
    const { out } = await follow({
      5000: () => {
        live.world.cloud.call('logs', 'CreateLogGroup', { logGroupName: FUNCTION });
        print(LAMBDA_STREAM, 5_000, 'first invocation');
      },
    });
    expect(out).toBe('first invocation\n');
  });

  it('--tail says with what to begin', async () => {
    await group(TASKS, FUNCTION);
    for (const line of ['a', 'b', 'c']) print(TASK_STREAM, 0, line);
    const { out } = await follow({ 4000: () => print(TASK_STREAM, 4_000, 'd') }, {}, ['--tail', '1']);
    expect(out).toBe('c\nd\n');
  });

  it('a pause that AWS asks for is outlasted, said once, and loses nothing of either side', async () => {
    await group(TASKS, FUNCTION);
    let looks = 0;
    const ports: Ports = {
      ...live.aws,
      logs: {
        ...live.aws.logs,
        filterLogEvents: async (input, call) => {
          const isThrottled = input.logGroupName === FUNCTION && ++looks > 1 && looks < 5;
          if (!isThrottled) return live.aws.logs.filterLogEvents(input, call);
          const where = { service: 'logs', operation: 'filterLogEvents' };
          throw new Failure({ kind: 'throttled', ...where, code: 'ThrottlingException', message: 'slow down' });
        },
      },
    };
    const { out, err } = await follow(
      {
        1000: () => print(TASK_STREAM, 1_000, 'task'),
        1500: () => print(LAMBDA_STREAM, 1_500, 'function'),
      },
      { ports },
    );
    expect(out.split('\n').sort()).toEqual(['', 'function', 'task']);
    expect(err).toBe('ThrottlingException: slow down; looking again\n');
  });

  it('what does not pass by itself ends it', async () => {
    await group(TASKS, FUNCTION);
    let looks = 0;
    const ports = guarded(live.readOnly(), (call) => {
      if (call !== 'logs filterLogEvents' || ++looks <= 2) return;
      const where = { service: 'logs', operation: 'filterLogEvents' };
      throw new Failure({ kind: 'denied', ...where, code: 'AccessDeniedException', message: 'no' });
    });
    const { code, err } = await follow({}, { ports });
    expect([code, err]).toEqual([1, expect.stringContaining('AccessDeniedException: no')]);
  });
});

describe('of a build', () => {
  const TAG = 'v1-0123';
  const BUILDS = '/aws/codebuild/lambdacontainer-standard';

  /** Ports whose project has these builds. */
  function withBuilds(builds: { id: string; tag: string; startedAtMs: number; isComplete: () => boolean }[]): Ports {
    return {
      ...live.aws,
      codebuild: {
        ...live.aws.codebuild,
        listBuildsForProject: async () => ({ $metadata: {}, ids: builds.map(({ id }) => id) }),
        batchGetBuilds: async ({ ids = [] }) => ({
          $metadata: {},
          builds: builds
            .filter(({ id }) => ids.includes(id))
            .map(({ id, tag, startedAtMs, isComplete }) => ({
              id,
              startTime: new Date(startedAtMs),
              buildComplete: isComplete(),
              buildStatus: isComplete() ? ('SUCCEEDED' as const) : ('IN_PROGRESS' as const),
              environment: {
                type: 'LINUX_CONTAINER' as const,
                image: 'i',
                computeType: 'BUILD_GENERAL1_SMALL' as const,
                environmentVariables: [{ name: 'LAMBDACONTAINER_INPUTS', value: tag }],
              },
              logs: { groupName: BUILDS, streamName: id },
            })),
        }),
      },
    };
  }

  beforeEach(async () => {
    await group(BUILDS);
    const image = { repositoryName: 'r', tag: TAG, projectName: 'lambdacontainer-standard' };
    await remember([entry('image-build', image)], 1);
  });

  it('the newest of the object is shown, and of no other', async () => {
    for (const stream of ['old', 'new', 'foreign']) print(stream, 5, `build ${stream}`, BUILDS);
    const done = () => true;
    const ports = withBuilds([
      { id: 'foreign', tag: 'v1-other', startedAtMs: 3, isComplete: done },
      { id: 'old', tag: TAG, startedAtMs: 1, isComplete: done },
      { id: 'new', tag: TAG, startedAtMs: 2, isComplete: done },
    ]);
    expect(await logs(['--build', '-f'], { ports })).toEqual({
      code: 0,
      out: 'build new\n',
      err: 'build new, SUCCEEDED\n',
    });
  });

  it('it is followed until it ends, and its last lines are shown', async () => {
    let isComplete = false;
    const ports = withBuilds([{ id: 'new', tag: TAG, startedAtMs: 1, isComplete: () => isComplete }]);
    live.world.clock.after(3_000, () => print('new', 3_000, 'composing', BUILDS));
    live.world.clock.after(7_000, () => {
      print('new', 7_000, 'pushed', BUILDS);
      isComplete = true;
    });
    expect((await logs(['--build', '-f'], { ports })).out).toBe('composing\npushed\n');
  });

  it('there may be none', async () => {
    const ended = await logs(['--build'], { ports: withBuilds([]) });
    expect([ended.code, ended.err]).toEqual([1, expect.stringContaining('no build of it is among the newest')]);
  });
});

describe('what cannot be shown', () => {
  const cases: { name: string; args: string[]; code: number; says: string }[] = [
    { name: 'an object that is not there', args: ['nobody'], code: 1, says: 'lambdacontainer/nobody not found' },
    { name: 'a build of one', args: ['nobody', '--build'], code: 1, says: 'lambdacontainer/nobody not found' },
    { name: 'a class', args: ['class/standard'], code: 2, says: 'LambdaContainerClass has no logs' },
    { name: 'no duration', args: ['checkout', '--since', 'noon'], code: 2, says: "--since: 'noon' is not a duration" },
    { name: 'no number', args: ['checkout', '--tail', 'x'], code: 2, says: 'Use a whole number' },
    { name: 'a side that is none', args: ['checkout', '--side', 'moon'], code: 2, says: "'moon' is invalid" },
    {
      name: 'a container of Lambda',
      args: ['checkout', '--side', 'lambda', '--container', 'front'],
      code: 2,
      says: '--container: only tasks have containers',
    },
  ];
  it.each(cases)('is $name', async ({ args, code, says }) => {
    const ended = await live.run(['logs', '-n', 'shop', ...args], { ports: live.readOnly() });
    expect([ended.code, ended.err]).toEqual([code, expect.stringContaining(says)]);
  });

  it('is said of each side that has nothing yet', async () => {
    await live.aws.dynamodb.putItem({
      TableName: TABLES.desired,
      Item: toItem({ namespace: 'shop', name: 'fresh', spec: { source: { functionRef: { name: 'nobody' } } } }),
    });
    expect(await live.run(['logs', 'fresh', '-n', 'shop'], { ports: live.readOnly() })).toEqual({
      code: 1,
      out: '',
      err: "lambdacontainer/fresh: there is no log group for its tasks yet\nlambdacontainer/fresh: the function 'nobody' does not exist\n",
    });
  });
});
