/**
 * The whole life of an object in simulated time: create, serve, drift, heal, update, delete, by seed, with latency and
 * faults. What may never happen is checked after every event; in the end everything settles and nothing is called.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { functionCode, World } from './world.ts';

const SEEDS = [1, 2, 3, 4, 5];
const SPEC = { source: { functionRef: { name: 'hello' } }, placement: { mode: 'fargate' } };
const FAULTS = { throttled: 0.02, lost: 0.01, broken: 0.01 };

let world: World | undefined;

afterEach(async () => {
  await world?.stop();
  world?.cloud.close();
  world = undefined;
});

async function served(seed: number, spec: object = SPEC): Promise<World> {
  world = new World(seed);
  await world.bootstrap();
  world.faults = FAULTS;
  world.start();
  await world.put('shop', 'checkout', spec);
  await world.until('the object is Ready', () => world?.isReady('shop', 'checkout') ?? Promise.resolve(false));
  return world;
}

/** No positive weight on a group that cannot serve while one that can serve has none. */
function assertTrafficIsSafe(w: World): void {
  const groups = w.traffic();
  const lost = groups.filter(({ weight, canServe }) => weight > 0 && !canServe);
  const idle = groups.filter(({ weight, canServe }) => weight === 0 && canServe);
  if (lost.length > 0 && idle.length > 0 && !groups.some(({ weight, canServe }) => weight > 0 && canServe)) {
    throw new Error(`seed ${w.seed}: traffic goes nowhere although ${idle[0]?.group} could serve`);
  }
}

async function services(w: World): Promise<string[]> {
  const { serviceArns = [] } = await w.aws.ecs.listServices({ cluster: 'lambdacontainer' });
  return serviceArns;
}

describe.each(SEEDS)('seed %i', (seed) => {
  it('creates, serves, and then calls nothing that changes anything', async () => {
    const w = await served(seed);
    expect(w.builds).toBe(1);
    expect(w.traffic()).toEqual([{ group: expect.stringContaining('targetgroup'), weight: 100, canServe: true }]);
    expect(w.unproven).toEqual([]);
    w.faults = { throttled: 0, lost: 0, broken: 0 };
    await w.run(60_000);
    w.mutations.length = 0;
    w.stateWrites.length = 0;
    await w.run(10 * 30_000);
    expect(w.mutations).toEqual([]);
    expect(w.stateWrites).toEqual([]);
  });

  it('heals a deleted service under another name while the old one drains, without a second build', async () => {
    const w = await served(seed);
    const [before = ''] = await services(w);
    await w.aws.ecs.deleteService({ cluster: 'lambdacontainer', service: before, force: true });
    let checks = 0;
    await w.watch(
      () => {
        if (checks++ % 20 === 0) assertTrafficIsSafe(w);
      },
      () => false,
      20_000,
    );
    await w.until(
      'healed',
      async () => (await w.isReady('shop', 'checkout')) && w.traffic().some(({ canServe }) => canServe),
    );
    const after = await services(w);
    expect(after.filter((arn) => arn !== before)).toHaveLength(1);
    expect(w.builds).toBe(1);
  });

  it('follows the code to a new revision, and deletes everything of ours in the end', async () => {
    const w = await served(seed);
    const first = await w.status('shop', 'checkout');
    await w.aws.lambda.updateFunctionCode({
      FunctionName: 'hello',
      ZipFile: functionCode('two'),
    });
    await w.until('the new revision serves', async () => {
      const status = await w.status('shop', 'checkout');
      return status?.revision?.current === 2 && (await w.isReady('shop', 'checkout'));
    });
    const second = await w.status('shop', 'checkout');
    expect(second?.revision?.image).not.toBe(first?.revision?.image);
    expect(w.builds).toBe(2);

    w.refusals.length = 0;
    await w.remove('shop', 'checkout');
    await w.until('everything is gone', async () => (await w.status('shop', 'checkout')) === undefined);
    expect(w.refusals.filter((refusal) => /InUse|NotEmpty/.test(refusal))).toEqual([]);
    expect(await services(w)).toEqual([]);
    expect(w.traffic()).toEqual([]);
    expect((await w.aws.elbv2.describeTargetGroups({})).TargetGroups).toEqual([]);
    expect((await w.aws.codebuild.batchGetProjects({ names: ['lambdacontainer-standard'] })).projects).toEqual([]);
    expect((await w.aws.ecr.describeRepositories({})).repositories).toEqual([]);
    expect((await w.aws.lambda.getFunction({ FunctionName: 'hello' })).Configuration?.FunctionName).toBe('hello');
  });

  it('objects that share an image and end at the same time leave nothing behind', async () => {
    const w = await served(seed);
    await w.put('shop', 'twin', SPEC);
    await w.until('the twin is Ready', () => w.isReady('shop', 'twin'));
    expect(w.builds).toBe(1);
    await Promise.all([w.remove('shop', 'checkout'), w.remove('shop', 'twin')]);
    await w.until('both are gone', async () =>
      [await w.status('shop', 'checkout'), await w.status('shop', 'twin')].every((status) => status === undefined),
    );
    expect((await w.aws.ecr.describeRepositories({})).repositories).toEqual([]);
    expect((await w.aws.codebuild.batchGetProjects({ names: ['lambdacontainer-standard'] })).projects).toEqual([]);
  });

  it('what retain leaves running is in nobody’s way', async () => {
    const w = await served(seed, { ...SPEC, deletionPolicy: 'retain' });
    await w.remove('shop', 'checkout');
    await w.until('released', async () => (await w.status('shop', 'checkout')) === undefined);
    await w.put('shop', 'other', SPEC);
    await w.until('the other is Ready', () => w.isReady('shop', 'other'));
    expect(w.traffic()).toHaveLength(2);
    expect(w.traffic().every(({ weight, canServe }) => weight > 0 && canServe)).toBe(true);
  });

  it('a controller killed at any moment and started again makes no twin and no second build', async () => {
    world = new World(seed);
    await world.bootstrap();
    world.start();
    await world.put('shop', 'checkout', SPEC);
    for (let restart = 0; restart < 12; restart++) {
      // The next one leads 20 virtual seconds after a kill: the dead one's lease and its last call must be over.
      await world.run(20_000 + world.random.next() * 4_000);
      world.kill();
      world.start();
    }
    await world.until('Ready', () => world?.isReady('shop', 'checkout') ?? Promise.resolve(false));
    expect(world.builds).toBe(1);
    expect(await services(world)).toHaveLength(1);
    expect((await world.aws.elbv2.describeTargetGroups({})).TargetGroups).toHaveLength(1);
  });
});

it('the same seed gives the same history', async () => {
  const history = async () => {
    const w = await served(42);
    const seen = { at: w.clock.now(), mutations: [...w.mutations] };
    await w.stop();
    w.cloud.close();
    world = undefined;
    return seen;
  };
  expect(await history()).toEqual(await history());
});
