/**
 * A new leader over a fleet that is steady: from its start to the lease, and to the end of its first sweep of everything,
 * in simulated time at AWS's published rates. What it finds in the state table is what its predecessor wrote; nobody
 * holds the lease any more, as after a hand-over. No object may need a pass.
 */
import { copiedFleet } from './copied-fleet.ts';
import type { Benchmark } from './harness.ts';
import { pacedDaemon } from './paced-daemon.ts';

const SIZE = process.env.BENCH_QUICK ? 100 : 1_250;
const LIMIT_MS = 600_000;

export const coldStart: Benchmark = {
  name: 'cold-start',
  async run() {
    const world = await copiedFleet(SIZE);
    try {
      const passes: string[] = [];
      let changes = 0;
      let calls = 0;
      const startedMs = world.clock.now();
      const daemon = pacedDaemon(world, {
        onSent: (sent) => {
          if (sent.changes) changes++;
          if (sent.service !== 'dynamodb' && sent.service !== 'streams') calls++;
          // A pass begins with the object's record.
          const { TableName, Key } = sent.input as { TableName?: string; Key?: Record<string, { S?: string }> };
          const isRecord = sent.operation === 'getItem' && TableName === world.desiredTable;
          if (isRecord && Key?.namespace?.S === 'shop') passes.push(Key.name?.S ?? '');
        },
      });
      const { controller } = daemon;
      const sweptAt = () =>
        world.metrics.text().match(/^lambdacontainer_sweep_last_timestamp_seconds\{.*\} (\S+)$/m)?.[1];
      await world.clock.run(() => controller.state === 'leading', LIMIT_MS);
      const leadingMs = world.clock.now() - startedMs;
      await world.clock.run(() => controller.vitals.sweepPeriodMs !== undefined, LIMIT_MS);
      const sweptMs = world.clock.now() - startedMs;
      if (sweptAt() === undefined) throw new Error('the first sweep has not ended');
      const inFirstSweep = { passes: passes.length, changes, calls };
      await world.run(120_000);
      const throttled = daemon.throttled();
      await daemon.stop();
      return [
        {
          what: `${SIZE} steady objects: start to the end of the first sweep`,
          value: sweptMs / 1000,
          unit: 's, simulated',
          goal: { of: 'value', atMost: 20 },
          note: `${inFirstSweep.calls} calls; leading after ${(leadingMs / 1000).toFixed(1)} s; ${throttled} calls throttled`,
        },
        {
          what: 'passes and changes that this led to, two minutes on',
          value: passes.length + changes,
          unit: '',
          goal: { of: 'value', atMost: 0 },
          ...(passes.length > 0 ? { note: [...new Set(passes)].slice(0, 5).join(', ') } : {}),
        },
      ];
    } finally {
      world.cloud.close();
    }
  },
};
