/**
 * Drift that is found because AWS tells of it: the production controller, its rules and its queue on the local cloud,
 * under virtual time, with sweeps so seldom that they cannot have been it.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { createEventRules } from '../../src/cli/local/event-rules.ts';
import { INTAKE_ITEM, type IntakeCondition } from '../../src/controller/index.ts';
import { World } from './world.ts';

const NATIVE_MS = 400;
const TRAIL_MS = 30_000;
const SPEC = { source: { functionRef: { name: 'hello' } }, placement: { mode: 'fargate' } };

let world: World | undefined;

afterEach(async () => {
  await world?.stop();
  world?.cloud.close();
  world = undefined;
});

async function served(): Promise<World> {
  const w = new World(7, { events: { delayMs: NATIVE_MS, trail: { delayMs: TRAIL_MS } } });
  world = w;
  await w.bootstrap();
  w.eventsQueue = await createEventRules(w.aws, w);
  w.resyncMs = 24 * 3_600_000;
  w.start();
  await w.put('shop', 'checkout', SPEC);
  await w.until('the object is Ready', () => w.isReady('shop', 'checkout'));
  // The echoes of what was done for it.
  await w.run(TRAIL_MS + 30_000);
  w.mutations.length = 0;
  return w;
}

function metric(w: World, name: string): number {
  const line = w.metrics
    .text()
    .split('\n')
    .find((each) => each.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1) ?? 0);
}

/** Virtual ms until the controller changes something. */
async function untilHealing(w: World): Promise<number> {
  const startMs = w.clock.now();
  await w.watch(
    () => {},
    () => w.mutations.length > 0,
    120_000,
  );
  return w.clock.now() - startMs;
}

async function rule(w: World) {
  const { LoadBalancers } = await w.aws.elbv2.describeLoadBalancers({});
  const { Listeners } = await w.aws.elbv2.describeListeners({ LoadBalancerArn: LoadBalancers?.[0]?.LoadBalancerArn });
  const { Rules = [] } = await w.aws.elbv2.describeRules({ ListenerArn: Listeners?.[0]?.ListenerArn });
  return Rules.find(({ Priority }) => Priority !== 'default');
}

describe('with a trail', () => {
  it('a rule that somebody deletes is there again as soon as CloudTrail tells of it', async () => {
    const w = await served();
    await w.aws.elbv2.deleteRule({ RuleArn: (await rule(w))?.RuleArn });
    const tookMs = await untilHealing(w);
    expect(tookMs).toBeGreaterThanOrEqual(TRAIL_MS);
    expect(tookMs).toBeLessThan(TRAIL_MS + 3_000);
    await w.until('healed', () => w.isReady('shop', 'checkout'));
    expect(await rule(w)).toBeDefined();
  });

  it('a service that somebody changes is put back', async () => {
    const w = await served();
    const { serviceArns = [] } = await w.aws.ecs.listServices({ cluster: 'lambdacontainer' });
    await w.aws.ecs.updateService({
      cluster: 'lambdacontainer',
      service: serviceArns[0],
      deploymentConfiguration: { minimumHealthyPercent: 0, maximumPercent: 100 },
    });
    expect(await untilHealing(w)).toBeLessThan(TRAIL_MS + 3_000);
    expect(w.mutations).toEqual(['ecs updateService']);
  });

  it('our own calls are told, too, and not answered', async () => {
    const w = await served();
    expect(metric(w, 'lambdacontainer_events_total{fate="own"}')).toBeGreaterThanOrEqual(5);
    expect(metric(w, 'lambdacontainer_events_total{fate="malformed"}')).toBe(0);
    const passes = w.passes.length;
    await w.run(10 * 60_000);
    expect(w.passes.length).toBe(passes);
    expect(w.mutations).toEqual([]);
  });
});

it('who fights over a field is named, because the trail told of their calls', async () => {
  const w = await served();
  const LOGS = '/lambdacontainer/shop/checkout';
  for (let times = 0; times < 5; times++) {
    await w.aws.logs.putRetentionPolicy({ logGroupName: LOGS, retentionInDays: 7 });
    await w.run(TRAIL_MS + 20_000);
  }
  const status = await w.status('shop', 'checkout');
  const contended = status?.conditions.find(({ type }) => type === 'Contended');
  expect(contended).toMatchObject({ status: 'True', reason: 'FieldContended' });
  expect(contended?.message).toMatch(/but arn:aws:iam::000000000000:root \(seen at 2026-.*\) makes it 7/);
});

it('without one, what ECS tells by itself leads to a pass within a second', async () => {
  const w = await served();
  const { serviceArns = [] } = await w.aws.ecs.listServices({ cluster: 'lambdacontainer' });
  const passes = w.passes.length;
  const startMs = w.clock.now();
  // Native: a new deployment is told at once, the call itself only by the trail.
  await w.aws.ecs.updateService({ cluster: 'lambdacontainer', service: serviceArns[0], forceNewDeployment: true });
  await w.watch(
    () => {},
    () => w.passes.length > passes,
    60_000,
  );
  expect(w.clock.now() - startMs).toBeLessThan(NATIVE_MS + 1_000);
});

it('a queue that is gone costs nothing but time: what it would have told is found by the next look', async () => {
  const w = await served();
  const { QueueUrl } = await w.aws.sqs.getQueueUrl({ QueueName: w.eventsQueue });
  w.cloud.call('sqs', 'DeleteQueue', { QueueUrl });
  await w.run(60_000);
  expect((await w.state.controllerItem<IntakeCondition>(INTAKE_ITEM))?.body).toMatchObject({
    type: 'EventsReceived',
    status: 'False',
    reason: 'QueueMissing',
  });
  await w.put('shop', 'second', { ...SPEC, traffic: { paths: ['/second/*'] } });
  await w.until('another object is Ready', () => w.isReady('shop', 'second'));
  await createEventRules(w.aws, w);
  await w.run(90_000);
  expect((await w.state.controllerItem<IntakeCondition>(INTAKE_ITEM))?.body.status).toBe('True');
});
