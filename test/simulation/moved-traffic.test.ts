/** Capacity goes five seconds after its traffic, also when traffic was moved by a pass whose result could not be stored. */
import { afterEach, expect, it } from 'vitest';
import { ruleOf } from './kill-scenarios.ts';
import { World } from './world.ts';

const source = { functionRef: { name: 'hello' } };
const SPLIT = { source, placement: { mode: 'split', split: { lambda: 50, fargate: 50 } } };
const LAMBDA = { source, placement: { mode: 'lambda' } };
const PROPAGATION_MS = 5_000;

let w: World | undefined;
afterEach(async () => {
  await w?.stop();
  w?.cloud.close();
});

it('a person gives traffic back while it drains, and the pass that takes it again cannot be stored', async () => {
  const world = new World(5);
  w = world;
  await world.bootstrap();
  world.resyncMs = 600_000;
  world.start();
  await world.put('shop', 'checkout', SPLIT);
  await world.until('Ready', () => world.isReady('shop', 'checkout'));
  await world.run(20_000);

  const { arn, groups } = await ruleOf(world);
  const movedMs: number[] = [];
  let removedMs: number | undefined;
  world.onCall = (_call, done, operation) => {
    if (!done) return;
    if (operation === 'modifyRule') {
      movedMs.push(world.clock.now());
      // Whatever follows the second move cannot be written, for a moment.
      world.faults = { throttled: 0, lost: 0, broken: movedMs.length === 2 ? 1 : 0 };
      world.clock.after(400, () => {
        world.faults = { throttled: 0, lost: 0, broken: 0 };
      });
    }
    if (operation === 'deleteService' || operation === 'updateService') removedMs ??= world.clock.now();
  };
  world.isFaulty = (service) => service === 'dynamodb';
  await world.put('shop', 'checkout', LAMBDA);
  await world.until('traffic has moved', async () => movedMs.length === 1);
  await world.run(PROPAGATION_MS - 1_500);
  const TargetGroups = groups.map((TargetGroupArn) => ({ TargetGroupArn, Weight: 50 }));
  await world.aws.elbv2.modifyRule({ RuleArn: arn, Actions: [{ Type: 'forward', ForwardConfig: { TargetGroups } }] });
  world.controller?.enqueue('shop/checkout');
  await world.until('its capacity is gone', async () => removedMs !== undefined);
  expect(movedMs.length).toBeGreaterThanOrEqual(2);
  expect((removedMs ?? 0) - (movedMs.at(-1) ?? 0)).toBeGreaterThanOrEqual(PROPAGATION_MS - 200);
});
