/**
 * Classes for another account and region, reached under a role with an external id: two clouds side by side, and one
 * controller at home in the first. What was made there is deleted there, whatever becomes of the class.
 */
import { afterEach, expect, it } from 'vitest';
import { fromItem, layered, type Ports, RoleSession, toItem } from '../../src/aws/index.ts';
import type { Connect } from '../../src/controller/index.ts';
import { World } from './world.ts';

const ACCOUNT = '111122223333';
const REGION = 'eu-west-1';
const ROLE = 'elsewhere';
const SPEC = { source: { functionRef: { name: 'hello' } }, placement: { mode: 'fargate' } };
const CLASS = { namespace: '_system', name: 'class/elsewhere' };

let worlds: World[] = [];

afterEach(async () => {
  await worlds[0]?.stop();
  for (const world of worlds) world.cloud.close();
  worlds = [];
});

interface Pair {
  readonly home: World;
  readonly away: World;
  /** As the class of the second cloud is. */
  readonly awayClass: Record<string, unknown>;
  /** How often the role was assumed. */
  readonly assumed: () => number;
}

/** The controller is at home in the first world; the second is reached under a role of its own IAM. */
async function pair(): Promise<Pair> {
  const home = new World(5);
  const away = new World(6, { clock: home.clock, accountId: ACCOUNT, region: REGION });
  worlds = [home, away];
  await home.bootstrap();
  await away.bootstrap();
  const { Item = {} } = await away.aws.dynamodb.getItem({
    TableName: away.desiredTable,
    Key: toItem({ namespace: '_system', name: 'class/standard' }),
  });
  let assumed = 0;
  const sts: Ports['sts'] = {
    ...home.aws.sts,
    assumeRole: (input, call) => {
      assumed++;
      return away.aws.sts.assumeRole(input, call);
    },
  };
  const connect: Connect = ({ role, region, account }) => {
    if (region !== REGION || account === undefined || !role) throw new Error(`no such place ${account} ${region}`);
    const session = new RoleSession(sts, { ...role, session: 'lambdacontainer-test' }, home.clock);
    const ports = layered(away.aws, (next) => async (outgoing) => {
      await session.credentials();
      return next(outgoing);
    });
    return { ports, close: () => {} };
  };
  home.connect = connect;
  return { home, away, awayClass: fromItem(Item).spec as Record<string, unknown>, assumed: () => assumed };
}

const roleArn = 'arn:aws:iam::111122223333:role/elsewhere';

/** Who assumes it is one of the second cloud's own, because two clouds know nothing of each other. */
async function trust(away: World, externalId: string): Promise<void> {
  await away.aws.iam.createRole({
    RoleName: ROLE,
    AssumeRolePolicyDocument: JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Principal: { AWS: 'arn:aws:iam::111122223333:root' },
          Action: 'sts:AssumeRole',
          Condition: { StringEquals: { 'sts:ExternalId': externalId } },
        },
      ],
    }),
  });
}

function writeClass({ home, awayClass }: Pair, change: object = {}): Promise<unknown> {
  const spec = { ...awayClass, region: REGION, assumeRole: { roleArn, externalId: 'shop-7' }, ...change };
  return home.putRecord({ ...CLASS, spec });
}

function removeClass({ home }: Pair): Promise<unknown> {
  return home.remove(CLASS.namespace, CLASS.name);
}

async function made(world: World): Promise<{ services: number; groups: number; repositories: number }> {
  const [{ serviceArns = [] }, { TargetGroups = [] }, { repositories = [] }] = await Promise.all([
    world.aws.ecs.listServices({ cluster: 'lambdacontainer' }),
    world.aws.elbv2.describeTargetGroups({}),
    world.aws.ecr.describeRepositories({}),
  ]);
  const own = repositories.filter(({ repositoryName }) => repositoryName === 'lambdacontainer/shop');
  return { services: serviceArns.length, groups: TargetGroups.length, repositories: own.length };
}

const ONE = { services: 1, groups: 1, repositories: 1 };
const NOTHING = { services: 0, groups: 0, repositories: 0 };

async function stalled(world: World, name: string) {
  const status = await world.status('shop', name);
  return status?.conditions.find(({ type, status: held }) => type === 'Stalled' && held === 'True');
}

it('makes in the class’s account and nothing at home, and deletes there when the class is long gone', async () => {
  const both = await pair();
  const { home, away } = both;
  home.resyncMs = 300_000;
  await trust(away, 'shop-7');
  await writeClass(both, { account: undefined });
  home.start();
  await home.put('shop', 'there', { ...SPEC, className: 'elsewhere' });
  // The account follows from the role's ARN.
  await home.until('Ready there', () => home.isReady('shop', 'there'));
  expect(await made(away)).toEqual(ONE);
  expect(await made(home)).toEqual(NOTHING);
  expect((await home.inventories()).get('shop/there')?.target).toBe('111122223333/eu-west-1');
  // One session for all services, and one more only when it is about to end.
  expect(both.assumed()).toBe(1);
  await home.run(70 * 60_000);
  expect(both.assumed()).toBe(2);

  // The same names at home are other things: their user does not keep these from going.
  await home.put('shop', 'here', SPEC);
  await home.until('Ready at home', () => home.isReady('shop', 'here'));
  await removeClass(both);
  await home.run(120_000);
  home.kill();
  home.start();
  await home.remove('shop', 'there');
  await home.until('all is gone there', async () => (await home.status('shop', 'there')) === undefined);
  expect(await made(away)).toEqual(NOTHING);
  expect(await made(home)).toEqual(ONE);
});

it('refuses a class that moved from under its objects, and forgets nothing of them', async () => {
  const both = await pair();
  const { home, away } = both;
  await trust(away, 'shop-7');
  await writeClass(both);
  home.start();
  await home.put('shop', 'there', { ...SPEC, className: 'elsewhere' });
  await home.until('Ready there', () => home.isReady('shop', 'there'));
  const standard = await home.aws.dynamodb.getItem({
    TableName: home.desiredTable,
    Key: toItem({ namespace: '_system', name: 'class/standard' }),
  });
  const { spec } = fromItem(standard.Item ?? {});
  await home.putRecord({ ...CLASS, spec });
  await home.until('refused', async () => (await stalled(home, 'there'))?.reason === 'ClassMoved');
  expect((await stalled(home, 'there'))?.message).toMatch(
    /is for the controller's own account.*is in account 111122223333, region eu-west-1/,
  );
  await home.run(300_000);
  expect(await made(away)).toEqual(ONE);
  expect(await made(home)).toEqual(NOTHING);

  // What is deleted meanwhile is deleted where it is.
  await home.remove('shop', 'there');
  await home.until('gone', async () => (await home.status('shop', 'there')) === undefined);
  expect(await made(away)).toEqual(NOTHING);
  // And made where the class now is.
  await home.put('shop', 'there', { ...SPEC, className: 'elsewhere' });
  await home.until('Ready at home', () => home.isReady('shop', 'there'));
  expect(await made(home)).toEqual(ONE);
});

it('says which role cannot be assumed and how to mend it, asks seldom, and other classes go on', async () => {
  const both = await pair();
  const { home, away } = both;
  await writeClass(both);
  home.start();
  await home.put('shop', 'there', { ...SPEC, className: 'elsewhere' });
  await home.put('shop', 'here', SPEC);
  await home.until('Ready at home', () => home.isReady('shop', 'here'));
  const said = await stalled(home, 'there');
  expect(said?.reason).toBe('RoleNotAssumable');
  for (const part of [roleArn, "'shop-7'", 'sts:ExternalId', 'arn:aws:iam::111122223333:user/local']) {
    expect(said?.message).toContain(part);
  }
  expect(await made(away)).toEqual(NOTHING);
  await trust(away, 'shop-7');
  await home.until('Ready there', () => home.isReady('shop', 'there'));

  // A role that is taken away later: what runs is not touched, and it is asked for a few times a minute.
  away.cloud.call('iam', 'DeleteRole', { RoleName: ROLE });
  home.kill();
  home.start();
  await home.put('shop', 'there', { ...SPEC, className: 'elsewhere', scaling: { min: 2 } });
  await home.until('Stalled', async () => (await stalled(home, 'there'))?.reason === 'RoleNotAssumable');
  const before = both.assumed();
  await home.run(300_000);
  expect(both.assumed() - before).toBeLessThanOrEqual(20);
  expect(await made(away)).toEqual(ONE);
});

it('deletes nothing while nobody knows how its account is reached', async () => {
  const both = await pair();
  const { home, away } = both;
  await trust(away, 'shop-7');
  await writeClass(both);
  home.start();
  await home.put('shop', 'there', { ...SPEC, className: 'elsewhere' });
  // Another, lest the table look empty.
  await home.put('shop', 'here', { ...SPEC, suspend: true });
  await home.until('Ready there', () => home.isReady('shop', 'there'));
  await home.stop();
  await removeClass(both);
  const { Items = [] } = await home.aws.dynamodb.scan({ TableName: 'lambdacontainer-state' });
  for (const { namespace, key } of Items) {
    if (!key?.S?.startsWith('class#elsewhere')) continue;
    await home.aws.dynamodb.deleteItem({
      TableName: 'lambdacontainer-state',
      Key: { namespace: namespace ?? { S: '' }, key },
    });
  }
  home.start();
  await home.remove('shop', 'there');
  await home.until('Stalled', async () => (await stalled(home, 'there'))?.reason === 'ClassNotUsable');
  expect((await stalled(home, 'there'))?.message).toMatch(/account 111122223333, region eu-west-1.*nothing is deleted/);
  await home.run(300_000);
  expect(await made(away)).toEqual(ONE);
  await writeClass(both);
  await home.until('gone', async () => (await home.status('shop', 'there')) === undefined);
  expect(await made(away)).toEqual(NOTHING);
});
