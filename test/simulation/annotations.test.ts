/** What people ask for by annotations, in simulated time: a pass now, another set of tasks. */
import { afterEach, expect, it } from 'vitest';
import { ANNOTATION_RECONCILE, ANNOTATION_RESTART } from '../../src/api/index.ts';
import { World } from './world.ts';

const SPEC = { source: { functionRef: { name: 'hello' } }, placement: { mode: 'fargate' } };
const KEY = { namespace: 'shop', name: 'checkout' };
const CLUSTER = 'lambdacontainer';

let world: World | undefined;

afterEach(async () => {
  await world?.stop();
  world?.cloud.close();
  world = undefined;
});

async function served(): Promise<World> {
  const w = new World(11);
  world = w;
  // Nothing is found by a look in passing.
  w.resyncMs = 3_600_000;
  await w.bootstrap();
  w.start();
  await w.put('shop', 'checkout', SPEC);
  await w.until('Ready', () => w.isReady('shop', 'checkout'));
  await w.run(60_000);
  w.mutations.length = 0;
  return w;
}

const ask = (w: World, at: string, spec: object = SPEC) =>
  w.put('shop', 'checkout', spec, { [ANNOTATION_RECONCILE]: at });

const handled = async (w: World) => (await w.status('shop', 'checkout'))?.lastHandledReconcileAt;

it('a request for a pass is done at once, said so, and is no change of the object', async () => {
  const w = await served();
  const [listener] = w.cloud.services.elbv2.listeners();
  const { Rules = [] } = await w.aws.elbv2.describeRules({ ListenerArn: listener?.arn });
  await w.aws.elbv2.deleteRule({ RuleArn: Rules.find(({ IsDefault }) => !IsDefault)?.RuleArn });
  await w.run(60_000);
  expect(w.mutations).toEqual([]);
  await ask(w, 'first');
  const tookMs = await w.until('handled', async () => (await handled(w)) === 'first');
  expect(tookMs).toBeLessThan(5_000);
  await w.until('healed', async () => w.traffic().some(({ weight, canServe }) => weight > 0 && canServe));
  expect((await w.status('shop', 'checkout'))?.observedGeneration).toBe(1);
  // The same request again, by a new leader, is none.
  await w.stop();
  w.start();
  await w.run(60_000);
  w.stateWrites.length = 0;
  await w.run(60_000);
  expect(w.stateWrites).toEqual([]);
});

it('a request forgets the backoff', async () => {
  const w = await served();
  w.isFaulty = (service) => service === 'elbv2';
  w.faults = { throttled: 0, lost: 0, broken: 1 };
  await ask(w, 'while nothing works');
  await w.run(300_000);
  expect(await w.isReady('shop', 'checkout')).toBe(false);
  await ask(w, 'now');
  expect(await w.until('handled', async () => (await handled(w)) === 'now')).toBeLessThan(5_000);
  // It did not help yet; but from here on it is tried again soon, and not once a minute.
  w.faults = { throttled: 0, lost: 0, broken: 0 };
  expect(await w.until('Ready', () => w.isReady('shop', 'checkout'))).toBeLessThan(10_000);
});

it.each([
  { name: 'is suspended', spec: { ...SPEC, suspend: true }, phase: 'Suspended' },
  { name: 'cannot be understood', spec: { source: {} }, phase: 'Stalled' },
  { name: 'names no class that exists', spec: { ...SPEC, className: 'none' }, phase: 'Stalled' },
])('a request is answered also for an object that $name', async ({ spec, phase }) => {
  const w = await served();
  await ask(w, 'now', spec);
  await w.until('handled', async () => (await handled(w)) === 'now');
  expect((await w.status('shop', 'checkout'))?.phase).toBe(phase);
  expect(w.mutations).toEqual([]);
});

it('a restart replaces every task by a rolling deployment, and is neither drift nor a new generation', async () => {
  const w = await served();
  const tasks = async () => (await w.aws.ecs.listTasks({ cluster: CLUSTER })).taskArns ?? [];
  const before = await tasks();
  await w.put('shop', 'checkout', SPEC, { [ANNOTATION_RESTART]: '2026-01-01T00:05:00Z' });
  let served503 = false;
  await w.watch(
    () => {
      if (!w.traffic().some(({ weight, canServe }) => weight > 0 && canServe)) served503 = true;
    },
    () => false,
    5_000,
  );
  await w.until('it is restarted', async () => {
    const now = await tasks();
    return now.length > 0 && now.every((arn) => !before.includes(arn)) && w.isReady('shop', 'checkout');
  });
  expect(served503).toBe(false);
  const status = await w.status('shop', 'checkout');
  expect(status?.observedGeneration).toBe(1);
  const { taskDefinition } = await w.aws.ecs.describeTaskDefinition({
    taskDefinition: status?.revision?.taskDefinition,
  });
  const labels = taskDefinition?.containerDefinitions?.map(({ dockerLabels }) => dockerLabels);
  expect(labels).toEqual([
    { 'lambdacontainer.dev/restarted-at': '2026-01-01T00:05:00Z' },
    { 'lambdacontainer.dev/restarted-at': '2026-01-01T00:05:00Z' },
  ]);
  const events = await w.state.events(KEY, 50);
  expect(events.filter(({ reason }) => /Drift|Missing|SpecChanged|Healed/.test(reason))).toEqual([]);
  expect(w.builds).toBe(1);

  // Applied again from a manifest without the annotation, it is not restarted again.
  w.mutations.length = 0;
  await w.put('shop', 'checkout', SPEC);
  await w.run(60_000);
  expect(w.mutations).toEqual([]);
});
