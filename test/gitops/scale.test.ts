/** Ten thousand manifests: bounded in time, memory and calls, and the daemon's other work goes on meanwhile. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/index.ts';
import { container } from './origin.ts';
import { git } from './tools.ts';
import { GitWorld } from './world.ts';

const COUNT = 10_000;
const NAMESPACES = 10;

describe.skipIf(!git)('a repository of ten thousand manifests (git is needed)', () => {
  it('is applied, is steady, and a change of one writes one', { timeout: 180_000 }, async () => {
    const world = await GitWorld.create({ waitMs: 120_000 });
    for (let i = 0; i < COUNT; i++) {
      const folder = join(world.origin.work, `n${i % NAMESPACES}`);
      if (i < NAMESPACES) mkdirSync(folder);
      writeFileSync(join(folder, `o${i}.yaml`), container(`o${i}`, { namespace: `n${i % NAMESPACES}`, cpu: 512 }));
    }
    const commit = world.origin.commit({});
    await world.putSource('team', { timeout: '5m' });

    // The longest that anything else had to wait for its turn.
    let longestTurnMs = 0;
    let lastMs = systemClock.monotonic();
    let isWatching = true;
    const watch = () => {
      const nowMs = systemClock.monotonic();
      longestTurnMs = Math.max(longestTurnMs, nowMs - lastMs);
      lastMs = nowMs;
      if (isWatching) setImmediate(watch);
    };
    watch();
    const startedMs = systemClock.monotonic();
    world.start();
    expect((await world.applied('team', commit)).counts).toMatchObject({ created: COUNT, failed: 0 });
    const firstMs = systemClock.monotonic() - startedMs;
    isWatching = false;
    expect(await world.objects('team')).toHaveLength(COUNT);
    expect(world.counted.get('state putItem'), 'identity, twenty chunks of results, status').toBe(22);

    world.counted.clear();
    const next = world.origin.commit({ 'n7/o7.yaml': container('o7', { namespace: 'n7', cpu: 1024 }) });
    await world.reconcile('team');
    expect((await world.applied('team', next)).counts).toMatchObject({ configured: 1, unchanged: COUNT - 1 });
    expect(world.counted.get('desired putItem'), 'the request, and the one record').toBe(2);

    world.counted.clear();
    const steadyMs = systemClock.monotonic();
    await world.reconcile('team');
    const lookMs = systemClock.monotonic() - steadyMs;
    expect(world.counted.get('state putItem')).toBe(1);
    expect(world.counted.get('desired query'), 'a page a megabyte, and the sources').toBeLessThan(30);
    globalThis.gc?.();
    const { heapUsed } = process.memoryUsage();
    await world.stop();
    await world.close();
    process.stdout.write(
      `10,000 manifests: applied in ${Math.round(firstMs)} ms, looked at again in ${Math.round(lookMs)} ms, longest turn ${Math.round(longestTurnMs)} ms, heap ${Math.round(heapUsed / 2 ** 20)} MiB (local cloud included)\n`,
    );
    expect(longestTurnMs).toBeLessThan(2_000);
  });
});
