/**
 * Somebody who sets a field back each time that we put it right: the controller stops, says with whom it fights, keeps
 * everything else in order, remembers it over a change of leader, and tries again when it has been quiet.
 */
import { afterEach, expect, it } from 'vitest';
import { World } from './world.ts';

const SPEC = { source: { functionRef: { name: 'hello' } }, placement: { mode: 'fargate' } };
const LOGS = '/lambdacontainer/shop/checkout';

let world: World | undefined;

afterEach(async () => {
  await world?.stop();
  world?.cloud.close();
  world = undefined;
});

async function served(spec: object = SPEC): Promise<World> {
  const w = new World(11);
  world = w;
  w.resyncMs = 10_000;
  await w.bootstrap();
  w.start();
  await w.put('shop', 'checkout', spec);
  await w.until('Ready', () => w.isReady('shop', 'checkout'));
  await w.run(60_000);
  w.mutations.length = 0;
  return w;
}

async function retention(w: World): Promise<number | undefined> {
  const { logGroups = [] } = await w.aws.logs.describeLogGroups({ logGroupNamePrefix: LOGS });
  return logGroups.find(({ logGroupName }) => logGroupName === LOGS)?.retentionInDays;
}

/** Sets it to 7 days whenever it is something else; returns how often. */
async function insist(w: World, forMs: number): Promise<number> {
  let times = 0;
  const endMs = w.clock.now() + forMs;
  while (w.clock.now() < endMs) {
    if ((await retention(w)) !== 7) {
      times++;
      await w.aws.logs.putRetentionPolicy({ logGroupName: LOGS, retentionInDays: 7 });
    }
    // Never in the instant between our call and our reading it back: a reversal that nobody saw is none.
    await w.run(5_300);
  }
  return times;
}

async function condition(w: World, type: string) {
  return (await w.status('shop', 'checkout'))?.conditions.find((one) => one.type === type);
}

function heals(w: World): number {
  return w.mutations.filter((mutation) => mutation === 'logs putRetentionPolicy').length;
}

it('stops a fight, says so, keeps the rest in order, and tries again when it is quiet', async () => {
  const w = await served();
  expect(await insist(w, 8 * 60_000)).toBe(5);
  expect(heals(w)).toBe(4);
  expect(await condition(w, 'Contended')).toMatchObject({ status: 'True', reason: 'FieldContended' });
  expect((await condition(w, 'Contended'))?.message).toMatch(
    /retentionDays: desired 30, but .* makes it 7; put right 4 times/,
  );
  expect(await condition(w, 'Ready')).toMatchObject({ status: 'False', reason: 'FieldContended' });
  const { drift = [] } = (await w.status('shop', 'checkout')) ?? {};
  expect(drift).toMatchObject([{ path: 'retentionDays', contended: true, owner: 'lambdacontainer', policy: 'heal' }]);

  // Another leader knows of it, and everything else is put right as ever.
  w.kill();
  w.start();
  await w.run(60_000);
  const { serviceArns = [] } = await w.aws.ecs.listServices({ cluster: 'lambdacontainer' });
  await w.aws.ecs.deleteService({ cluster: 'lambdacontainer', service: serviceArns[0], force: true });
  await w.run(90_000);
  expect(w.mutations).toContain('ecs createService');
  expect(heals(w)).toBe(4);
  expect(await condition(w, 'Contended')).toMatchObject({ status: 'True' });

  // The other has stopped: quiet since the field was last seen to change.
  await w.until('put right', async () => (await retention(w)) === 30, 15 * 60_000);
  await w.until('Ready', () => w.isReady('shop', 'checkout'));
  expect(await condition(w, 'Contended')).toBeUndefined();
  const events = await w.state.events({ namespace: 'shop', name: 'checkout' }, 200);
  const reasons = events.map(({ reason }) => reason);
  expect(reasons.filter((reason) => reason === 'FieldContended')).toHaveLength(1);
  expect(reasons).toContain('ContentionEnded');
});

it('tries at once when a person asks', async () => {
  const w = await served();
  await insist(w, 5 * 60_000);
  expect(await condition(w, 'Contended')).toBeDefined();
  await w.put('shop', 'checkout', SPEC, { 'lambdacontainer.dev/reconcile-requested-at': 'now' });
  await w.until('put right', async () => (await retention(w)) === 30, 60_000);
});

it('drift.policy warn tells of drift, writes nothing, and is Ready all the same', async () => {
  const w = await served({ ...SPEC, drift: { policy: 'warn' } });
  await w.aws.logs.putRetentionPolicy({ logGroupName: LOGS, retentionInDays: 7 });
  await w.until('Drifted', async () => (await condition(w, 'Drifted'))?.status === 'True', 10 * 60_000);
  await w.run(120_000);
  expect(w.mutations).toEqual([]);
  expect(await w.isReady('shop', 'checkout')).toBe(true);
  expect(await w.status('shop', 'checkout')).toMatchObject({ drift: [{ path: 'retentionDays', policy: 'warn' }] });
  await w.aws.logs.putRetentionPolicy({ logGroupName: LOGS, retentionInDays: 30 });
  await w.until('no drift', async () => (await condition(w, 'Drifted'))?.status === 'False', 10 * 60_000);
});

it('a field that is ignored is its user’s, and a misspelt one touches nothing', async () => {
  const w = await served({ ...SPEC, drift: { fields: { 'logGroup.retentionDays': 'ignore' } } });
  await w.aws.logs.putRetentionPolicy({ logGroupName: LOGS, retentionInDays: 7 });
  await w.run(5 * 60_000);
  expect(w.mutations).toEqual([]);
  expect(await w.isReady('shop', 'checkout')).toBe(true);
  await w.put('shop', 'checkout', { ...SPEC, drift: { fields: { 'logGroup.retention': 'ignore' } } });
  await w.until('refused', async () => (await condition(w, 'Stalled'))?.reason === 'InvalidSpec');
  expect((await condition(w, 'Stalled'))?.message).toContain('logGroup.retentionDays');
  expect(w.mutations).toEqual([]);
});
