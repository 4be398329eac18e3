/**
 * An account whose limits are a tenth of what AWS publishes, and a service that answers 500 for a minute: what does not
 * need them goes on, the backlog drains, nothing is made or deleted for what could not be read, and the status says so.
 * And daemons that are replaced by others of another version, one after the other.
 */
import { afterEach, expect, it } from 'vitest';
import { CHARGES, RATES, type RateName, toItem } from '../../src/aws/index.ts';
import { Failure, TokenBucket } from '../../src/core/index.ts';
import { Daemons } from './daemons.ts';
import { fleetOf } from './fleet.ts';
import { World } from './world.ts';

const SPEC = { source: { functionRef: { name: 'hello' } }, placement: { mode: 'fargate' } };
const LOGS = '/lambdacontainer/shop/checkout';

let world: World | undefined;
let daemons: Daemons | undefined;

afterEach(async () => {
  for (const daemon of daemons?.all ?? []) daemon.stop();
  await world?.run(10_000);
  world?.cloud.close();
  world = undefined;
  daemons = undefined;
});

async function arena(count: number): Promise<{ w: World; d: Daemons }> {
  const w = new World(21);
  world = w;
  await w.bootstrap();
  const d = new Daemons(
    w,
    22,
    Array.from({ length: count }, () => 0),
  );
  daemons = d;
  return { w, d };
}

function mutations(d: Daemons, from = 0): string[] {
  return d.log
    .slice(from)
    .filter(({ service, refusal }) => service !== 'dynamodb' && refusal === null)
    .map(({ service, operation }) => `${service} ${operation}`);
}

async function ready(w: World, name: string) {
  return (await w.status('shop', name))?.conditions.find(({ type }) => type === 'Ready');
}

it('a service that answers 500 for a minute stops nothing that does not need it', async () => {
  const { w, d } = await arena(1);
  d.all[0]?.start();
  await w.put('shop', 'checkout', SPEC);
  await w.until('Ready', () => w.isReady('shop', 'checkout'));
  await w.run(60_000);

  const from = d.log.length;
  d.refuse = (service, operation) =>
    service === 'elbv2'
      ? new Failure({ kind: 'transient', service, operation, code: 'InternalFailure', message: '500 (simulated)' })
      : undefined;
  await w.aws.logs.putRetentionPolicy({ logGroupName: LOGS, retentionInDays: 7 });
  await w.run(60_000);
  // The log group is put right meanwhile, and the status says what it cannot see.
  expect(mutations(d, from)).toEqual(['logs putRetentionPolicy']);
  expect(await ready(w, 'checkout')).toMatchObject({ status: 'Unknown', reason: 'CannotTell' });
  expect((await ready(w, 'checkout'))?.message).toContain('InternalFailure');

  d.refuse = () => undefined;
  const tookMs = await w.until('Ready again', () => w.isReady('shop', 'checkout'), 120_000);
  expect(tookMs).toBeLessThan(60_000);
  expect(mutations(d, from)).toEqual(['logs putRetentionPolicy']);
});

it.each([
  { cut: 'rates', ofBurst: 1, reason: 'the long run is slow' },
  { cut: 'rates and bursts', ofBurst: 0.1, reason: 'what one object reads side by side must wait in line to fit' },
])('$cut cut to a tenth slow everything down and break nothing: $reason', async ({ ofBurst }) => {
  const { w, d } = await arena(1);
  const fleet = await fleetOf(w, 6);
  d.isPaced = true;
  const buckets = new Map<RateName, TokenBucket>();
  let throttled = 0;
  let asked = 0;
  d.refuse = (service, operation) => {
    const charges =
      (CHARGES as unknown as Record<string, Record<string, readonly RateName[]>>)[service]?.[operation] ?? [];
    if (charges.length === 0) return undefined;
    asked++;
    for (const name of charges) {
      const { burst, perSec } = RATES[name];
      const rate = { burst: Math.max(1, burst * ofBurst), perSec: perSec / 10 };
      const bucket = buckets.get(name) ?? new TokenBucket(rate, w.clock.now());
      buckets.set(name, bucket);
      if (bucket.take(w.clock.now())) continue;
      throttled++;
      const code = 'ThrottlingException';
      return new Failure({ kind: 'throttled', service, operation, code, message: 'Rate exceeded (simulated)' });
    }
    return undefined;
  };
  d.all[0]?.start();
  for (const name of fleet.names) await w.put('shop', name, fleet.specOf(name));
  const rules = async () => {
    const found = await Promise.all(
      w.cloud.services.elbv2
        .listeners()
        .map(async ({ arn }) => (await w.aws.elbv2.describeRules({ ListenerArn: arn })).Rules ?? []),
    );
    return found.flat().filter(({ IsDefault }) => !IsDefault).length;
  };
  const readyOnes = async () => {
    const said = await Promise.all(fleet.names.map((name) => ready(w, name)));
    return said.filter((condition) => condition?.status === 'True').length;
  };
  const limitMs = w.clock.now() + 1_800_000;
  for (let count = 0; count < fleet.names.length; ) {
    await w.run(15_000);
    count = await readyOnes();
    // Nobody says Ready of what is not there.
    expect(count).toBeLessThanOrEqual(await rules());
    const slow = await Promise.all(fleet.names.map(async (name) => JSON.stringify(await ready(w, name))));
    expect(w.clock.now(), slow.join('\n')).toBeLessThan(limitMs);
  }
  expect(throttled).toBeGreaterThan(0);
  // The buckets learn: most calls wait for their turn instead of being refused.
  expect(throttled / asked).toBeLessThan(0.35);
  const from = d.log.length;
  await w.run(120_000);
  expect(mutations(d, from)).toEqual([]);
});

it('a daemon of another version follows, takes over within a second, and rolls nothing out', async () => {
  const { w, d } = await arena(2);
  const [old, next] = d.all;
  old?.start('1.0.0');
  await w.put('shop', 'checkout', SPEC);
  await w.until('Ready', () => w.isReady('shop', 'checkout'));
  await w.run(60_000);
  // Side by side: the one that follows touches nothing.
  next?.start('2.0.0');
  await w.run(120_000);
  expect(d.log.filter(({ daemon }) => daemon === next?.name)).toEqual([]);

  const from = d.log.length;
  const stoppedMs = w.clock.now();
  old?.stop();
  await w.watch(
    () => {},
    () => next?.controller?.state === 'leading',
    10_000,
  );
  expect(w.clock.now() - stoppedMs).toBeLessThan(1_000);
  await w.run(300_000);
  expect(await w.isReady('shop', 'checkout')).toBe(true);
  expect(mutations(d, from)).toEqual([]);
  expect(d.violations()).toEqual([]);
});

it('a version that composes otherwise rolls out once, after the old one has gone', async () => {
  const { w, d } = await arena(2);
  const [old, next] = d.all;
  old?.start('1.0.0');
  await w.put('shop', 'checkout', SPEC);
  await w.until('Ready', () => w.isReady('shop', 'checkout'));
  await w.run(60_000);
  next?.start('2.0.0');
  await w.run(10_000);
  const from = d.log.length;
  // A release brings its own adapter, whose digest the class names.
  const key = { namespace: '_system', name: 'class/standard' };
  const { Item = {} } = await w.aws.dynamodb.getItem({ TableName: w.desiredTable, Key: toItem(key) });
  old?.stop();
  const adapter = {
    M: { image: { S: `127.0.0.1:4577/lambdacontainer/adapter@${w.putImage('lambdacontainer/adapter', 'next')}` } },
  };
  await w.aws.dynamodb.putItem({
    TableName: w.desiredTable,
    Item: { ...Item, spec: { M: { ...Item.spec?.M, adapter } } },
  });
  await w.run(600_000);
  expect(await w.isReady('shop', 'checkout')).toBe(true);
  const done = mutations(d, from);
  expect(done.filter((call) => call === 'ecs registerTaskDefinition')).toHaveLength(1);
  expect(done.filter((call) => call === 'ecs updateService')).toHaveLength(1);
  expect(d.violations()).toEqual([]);
});
