/** What works beside the passes: it comes with the lease, hears of sources, and goes with the lease. */
import { afterEach, expect, it } from 'vitest';
import type { CompanionFactory } from '../../src/controller/index.ts';
import { formatKey } from '../../src/resource/index.ts';
import { World } from './world.ts';

const SPEC = { source: { functionRef: { name: 'hello' } }, placement: { mode: 'lambda' } };

let world: World | undefined;

afterEach(async () => {
  await world?.stop();
  world?.cloud.close();
  world = undefined;
});

it('a companion works while its daemon leads, hears of sources only, and does not stop the passes when it fails', async () => {
  const w = new World(5);
  world = w;
  const heard: string[] = [];
  const epochs: number[] = [];
  let working = 0;
  const factory: CompanionFactory = ({ epoch }) => ({
    name: 'witness',
    async run(signal) {
      epochs.push(epoch());
      working++;
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      working--;
    },
    onRecord: (key) => void heard.push(formatKey(key)),
  });
  const failing: CompanionFactory = () => ({
    name: 'failing',
    run: () => Promise.reject(new Error('a defect')),
  });
  w.companions = [factory, failing];
  await w.bootstrap();
  await w.putRecord({ namespace: '_system', name: 'source/apps', spec: {} });
  w.start();
  await w.put('shop', 'checkout', SPEC);
  await w.until('Ready', () => w.isReady('shop', 'checkout'));
  expect(new Set(heard)).toEqual(new Set(['_system/source/apps']));
  expect(working).toBe(1);

  heard.length = 0;
  await w.putRecord({ namespace: '_system', name: 'source/more', spec: {} });
  await w.until('the stream tells of it', async () => heard.includes('_system/source/more'), 10_000);

  await w.stop();
  expect(working).toBe(0);
  w.start();
  await w.run(30_000);
  expect(working).toBe(1);
  expect(epochs).toEqual([1, 2]);
});
