/**
 * The whole controller over a small fleet, in simulated time, on an account that enforces AWS's published rates: what
 * coalescing and pacing are for. Nothing about the outcome may differ; the calls do.
 */
import { describe, expect, it } from 'vitest';
import { CHARGES, Coalescing, type Layer, layered, Pacing, RATES, type RateName } from '../../src/aws/index.ts';
import { assembleController } from '../../src/cli/assemble.ts';
import { Failure, silentLogger, TokenBucket } from '../../src/core/index.ts';
import { World } from '../simulation/world.ts';

const OBJECTS = 6;
const SPEC = { source: { functionRef: { name: 'hello' } }, placement: { mode: 'fargate' } };

/** An account far away that counts its calls, and throttles at the published rates whether or not anybody paces. */
function account(world: World) {
  const calls: string[] = [];
  let throttled = 0;
  const buckets = new Map<RateName, TokenBucket>();
  const layer: Layer = (next) => async (outgoing) => {
    const { service, operation, input, call } = outgoing;
    const asked = input();
    await new Promise<void>((resolve) => world.clock.after(10 + world.random.next() * 40, resolve));
    const nowMs = world.clock.now();
    const names = (CHARGES[service] as Record<string, readonly RateName[]>)[operation] ?? [];
    for (const name of names) {
      const bucket = buckets.get(name) ?? new TokenBucket(RATES[name], nowMs);
      buckets.set(name, bucket);
      if (bucket.take(nowMs)) continue;
      throttled++;
      throw new Failure({
        kind: 'throttled',
        service,
        operation,
        code: 'ThrottlingException',
        message: 'Rate exceeded',
      });
    }
    if (service !== 'dynamodb' && service !== 'streams') calls.push(`${service} ${operation}`);
    return next({ ...outgoing, input: () => asked, call });
  };
  return { layer, calls, throttled: () => throttled };
}

async function converge(layers: (world: World) => Layer[]) {
  const world = new World(1);
  const { layer, calls, throttled } = account(world);
  await world.bootstrap();
  const controller = assembleController(
    layered(world.aws, ...layers(world), layer),
    world.clock,
    world.random,
    silentLogger,
    {
      region: 'us-east-1',
      desiredTable: 'lambdacontainer-desired',
      stateTable: 'lambdacontainer-state',
      resyncMs: 600_000,
      relistMs: 3_000_000,
      lease: { durationMs: 15_000, callTimeoutMs: 5_000 },
      workers: 16,
      drainMs: 5_000,
    },
  );
  const running = controller.run();
  const names = Array.from({ length: OBJECTS }, (_, i) => `object-${i}`);
  for (const name of names) await world.put('shop', name, SPEC);
  const tookMs = await world.until(
    'all are Ready',
    async () => (await Promise.all(names.map((name) => world.isReady('shop', name)))).every(Boolean),
    3_600_000,
  );
  controller.stop();
  await world.drive(running);
  // Of what each object has for itself: a repository is asked for by whoever comes first, or by several at once.
  const made = calls.filter((call) =>
    /createService|createRule|createTargetGroup|registerTaskDefinition|putScaling/.test(call),
  );
  const created = Object.fromEntries(
    [...new Set(made)].sort().map((call) => [call, made.filter((c) => c === call).length]),
  );
  const reads = calls.filter((call) => /describe|list|get|batchGet/.test(call)).length;
  world.cloud.close();
  return { tookMs, created, reads, throttled: throttled() };
}

describe('a fleet on an account with the published rates', () => {
  it('converges the same with fewer reads, and unthrottled', async () => {
    const plain = await converge(() => []);
    const economical = await converge(({ clock }) => [new Coalescing({ clock }).layer, new Pacing({ clock }).layer]);
    expect(economical.created).toEqual(plain.created);
    expect(Object.values(economical.created)).toEqual(Array(4).fill(OBJECTS));
    expect(plain.throttled).toBeGreaterThan(0);
    expect(economical.throttled).toBe(0);
    expect(economical.reads).toBeLessThan(plain.reads);
    expect(economical.tookMs).toBeLessThan(plain.tookMs);
  }, 120_000);
});
