/**
 * A class that changes under a fleet on Fargate: objects follow a few at a time, as the class's disruption budget says,
 * also when the controller dies meanwhile, when the change is a bad one, and when the class was gone for a while.
 */
import { afterEach, expect, it } from 'vitest';
import { toItem } from '../../src/aws/index.ts';
import { type Fleet, fleetOf } from './fleet.ts';
import { World } from './world.ts';

const BUDGET = { disruption: { maxConcurrent: 2 } };
const CLUSTER = 'lambdacontainer';

let world: World | undefined;

afterEach(async () => {
  await world?.stop();
  world?.cloud.close();
  world = undefined;
});

async function served(size: number): Promise<{ w: World; fleet: Fleet }> {
  const w = new World(3);
  world = w;
  await w.bootstrap();
  const fleet = await fleetOf(w, size, { mode: 'fargate' });
  await fleet.writeClass(BUDGET);
  w.start();
  for (const name of fleet.names) await w.put('shop', name, fleet.specOf(name));
  await w.until('the fleet is Ready', async () => (await notReady(w, fleet)).length === 0);
  await w.run(60_000);
  w.mutations.length = 0;
  return { w, fleet };
}

/** The class's roles with another task role, which makes another task definition of every object. */
async function withTaskRole(w: World, task: string | undefined) {
  const { Item } = await w.aws.dynamodb.getItem({
    TableName: w.desiredTable,
    Key: toItem({ namespace: '_system', name: 'class/standard' }),
  });
  const roles = Object.entries(Item?.spec?.M?.roles?.M ?? {}).map(([name, { S }]) => [name, S]);
  return { ...BUDGET, roles: { ...Object.fromEntries(roles), task } };
}

/** A change of the class that replaces every task. */
async function otherTasks(w: World) {
  const { Role } = await w.aws.iam.createRole({
    // Where the generated policy lets the controller pass roles on.
    Path: '/lambdacontainer/tasks/',
    RoleName: 'fleet-task',
    AssumeRolePolicyDocument: JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: { Service: 'ecs-tasks.amazonaws.com' }, Action: 'sts:AssumeRole' }],
    }),
  });
  return withTaskRole(w, Role?.Arn);
}

async function notReady(w: World, fleet: Fleet): Promise<string[]> {
  const names: string[] = [];
  for (const name of fleet.names) if (!(await w.isReady('shop', name))) names.push(name);
  return names;
}

/** Services whose tasks are being replaced. */
async function deploying(w: World): Promise<string[]> {
  const { serviceArns = [] } = await w.aws.ecs.listServices({ cluster: CLUSTER, maxResults: 100 });
  const deploying: string[] = [];
  for (let from = 0; from < serviceArns.length; from += 10) {
    const { services = [] } = await w.aws.ecs.describeServices({
      cluster: CLUSTER,
      services: serviceArns.slice(from, from + 10),
    });
    for (const { serviceName = '', deployments = [] } of services) {
      if (deployments.length > 1 || deployments.some(({ rolloutState }) => rolloutState === 'IN_PROGRESS')) {
        deploying.push(serviceName);
      }
    }
  }
  return deploying;
}

async function hashes(w: World): Promise<Set<string | undefined>> {
  return new Set([...(await w.inventories()).values()].map(({ classHash }) => classHash));
}

/** Runs until `holds`, looking at what is disturbed every second. Returns the most that was at once. */
async function most(
  w: World,
  fleet: Fleet,
  holds: () => Promise<boolean>,
): Promise<{ unready: number; rolling: number }> {
  let unready = 0;
  let rolling = 0;
  for (let seconds = 0; seconds < 3_600; seconds++) {
    unready = Math.max(unready, (await notReady(w, fleet)).length);
    rolling = Math.max(rolling, (await deploying(w)).length);
    if (await holds()) return { unready, rolling };
    await w.run(1_000);
  }
  throw new Error('not within an hour');
}

/** Every object is composed with the class as it is now, and well. */
async function followed(w: World, fleet: Fleet, before: ReadonlySet<string | undefined>): Promise<boolean> {
  const now = await hashes(w);
  return now.size === 1 && ![...now].some((hash) => before.has(hash)) && (await notReady(w, fleet)).length === 0;
}

async function snapshots(w: World): Promise<string[]> {
  return [...(await w.state.controllerItems('class#fleet#')).keys()];
}

it.each([
  { name: 'undisturbed', kill: false },
  { name: 'with the controller killed on the way', kill: true },
])(
  'twenty objects follow a change of their class two at a time, $name',
  async ({ kill }) => {
    const { w, fleet } = await served(20);
    const before = await hashes(w);
    await fleet.writeClass(await otherTasks(w));
    let rounds = 0;
    const worst = await most(w, fleet, async () => {
      if (kill && (++rounds === 20 || rounds === 70)) {
        w.kill();
        w.start();
      }
      return followed(w, fleet, before);
    });
    expect(worst).toEqual({ unready: 2, rolling: 2 });
    expect(w.mutations.filter((call) => call === 'ecs updateService').length).toBeGreaterThanOrEqual(20);
    expect(w.unproven).toEqual([]);
    // What no object needs any more is not kept, and then nothing is done any more.
    await w.run(330_000);
    expect(await snapshots(w)).toHaveLength(1);
    w.mutations.length = 0;
    w.stateWrites.length = 0;
    await w.run(150_000);
    expect(w.mutations).toEqual([]);
    expect(w.stateWrites).toEqual([]);
  },
  240_000,
);

it('a change that means nothing to them is followed at once and changes nothing', async () => {
  const { w, fleet } = await served(12);
  const before = await hashes(w);
  await fleet.writeClass({ ...BUDGET, caps: { maxTasks: 500 } });
  const tookMs = await w.until('all follow', () => followed(w, fleet, before));
  expect(tookMs).toBeLessThan(60_000);
  expect(w.mutations).toEqual([]);
}, 60_000);

it('other bounds of the class are no change of it', async () => {
  const { w, fleet } = await served(3);
  const before = await hashes(w);
  w.stateWrites.length = 0;
  await fleet.writeClass({ disruption: { maxConcurrent: '50%' }, deletion: { maxDeletePercent: 5 } });
  await w.run(120_000);
  expect(await hashes(w)).toEqual(before);
  expect(w.stateWrites).toEqual([]);
});

it('a bad change stops after as many as the budget allows, and a good one mends them first', async () => {
  const { w, fleet } = await served(6);
  const before = await hashes(w);
  // Trusts Lambda alone: no task can run under it.
  const { Role } = await w.aws.iam.getRole({ RoleName: 'lambdacontainer-example-function' });
  await fleet.writeClass(await withTaskRole(w, Role?.Arn));
  await w.run(600_000);
  const broken = await notReady(w, fleet);
  expect(broken).toHaveLength(2);
  for (const name of broken) expect((await w.status('shop', name))?.phase).toBe('Stalled');
  expect((await hashes(w)).size).toBe(2);
  expect(await deploying(w)).toEqual([]);

  await fleet.writeClass(await otherTasks(w));
  const worst = await most(w, fleet, () => followed(w, fleet, before));
  expect(worst.unready).toBe(2);
  expect(worst.rolling).toBeLessThanOrEqual(2);
}, 60_000);

it('a class that was gone and comes back as another one is still followed a few at a time', async () => {
  const { w, fleet } = await served(6);
  const before = await hashes(w);
  await w.remove('_system', 'class/fleet');
  await w.run(120_000);
  expect(await notReady(w, fleet)).toHaveLength(6);
  expect((await w.status('shop', 'app-000'))?.conditions).toContainEqual(
    expect.objectContaining({ type: 'Stalled', reason: 'ClassNotUsable' }),
  );
  expect(w.mutations).toEqual([]);
  await fleet.writeClass(await otherTasks(w));
  const worst = await most(w, fleet, () => followed(w, fleet, before));
  expect(worst.rolling).toBe(2);
}, 60_000);

it('an object that is new, or whose own spec asks for it, does not wait for the others', async () => {
  const { w, fleet } = await served(4);
  await fleet.writeClass({ disruption: { maxConcurrent: 1 }, caps: { cpuMax: 512 } });
  await w.run(120_000);
  const before = await hashes(w);
  await w.put('shop', 'late', { ...fleet.specOf('app-000'), compute: { cpu: 1024, memory: 2048 } });
  await w.run(30_000);
  expect((await w.status('shop', 'late'))?.phase).toBe('Stalled');
  await fleet.writeClass({
    ...(await otherTasks(w)),
    disruption: { maxConcurrent: 1 },
    caps: { cpuMax: 1024 },
  });
  await w.put('shop', 'app-003', { ...fleet.specOf('app-003'), compute: { cpu: 1024, memory: 2048 } });
  await w.run(2_000);
  expect(before.has((await w.inventories()).get('shop/late')?.classHash)).toBe(false);
  expect(before.has((await w.inventories()).get('shop/app-003')?.classHash)).toBe(false);
  await w.until('all follow', () => followed(w, fleet, before));
}, 60_000);
