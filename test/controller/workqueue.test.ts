import { describe, expect, it } from 'vitest';
import { Workqueue } from '../../src/controller/workqueue.ts';
import { seededRandom, VirtualClock } from '../../src/core/index.ts';

function make() {
  const clock = new VirtualClock();
  return { clock, queue: new Workqueue(clock, seededRandom(1), { baseMs: 100, maxMs: 1000 }) };
}

describe('workqueue', () => {
  it('is fair: keys leave in the order they came', async () => {
    const { queue } = make();
    for (const key of ['a', 'b', 'c']) queue.add(key);
    expect([await queue.get(), await queue.get(), await queue.get()]).toEqual(['a', 'b', 'c']);
  });

  it('coalesces additions of a key that waits', async () => {
    const { queue } = make();
    for (let i = 0; i < 1000; i++) queue.add('a');
    expect(queue.depth).toBe(1);
  });

  it('never gives a key out twice at once, and gives it again after done if it was added meanwhile', async () => {
    const { queue } = make();
    queue.add('a');
    expect(await queue.get()).toBe('a');
    queue.add('a');
    queue.add('a');
    expect(queue.depth).toBe(0);
    queue.done('a');
    expect(queue.depth).toBe(1);
    expect(await queue.get()).toBe('a');
    queue.done('a');
    expect(queue.depth).toBe(0);
  });

  it('keeps the earliest of several delayed additions', async () => {
    const { clock, queue } = make();
    queue.addAfter('a', 5000);
    queue.addAfter('a', 1000);
    queue.addAfter('a', 9000);
    expect(clock.nextAtMs()).toBe(clock.now() + 1000);
    clock.step();
    expect(await queue.get()).toBe('a');
    expect(clock.nextAtMs()).toBeUndefined();
  });

  it('an immediate addition overtakes a delayed one, which then does not fire', () => {
    const { clock, queue } = make();
    queue.addAfter('a', 5000);
    queue.add('a');
    expect(queue.depth).toBe(1);
    expect(clock.nextAtMs()).toBeUndefined();
  });

  it('a delayed addition during a pass fires after it', async () => {
    const { clock, queue } = make();
    queue.add('a');
    await queue.get();
    queue.addAfter('a', 100);
    queue.done('a');
    expect(queue.depth).toBe(0);
    clock.step();
    expect(queue.depth).toBe(1);
  });

  it('backs off exponentially with jitter up to the bound, and does not reset until forget', () => {
    const { queue } = make();
    const delays = Array.from({ length: 8 }, (_, i) => {
      const delay = queue.addRateLimited('a');
      const full = Math.min(1000, 100 * 2 ** i);
      expect(delay).toBeGreaterThanOrEqual(full / 2);
      expect(delay).toBeLessThanOrEqual(full);
      return delay;
    });
    expect(delays.at(-1)).toBeGreaterThanOrEqual(500);
    queue.forget('a');
    expect(queue.addRateLimited('a')).toBeLessThanOrEqual(100);
  });

  it('shut down: waiting consumers get undefined, timers are cancelled, nothing is added any more', async () => {
    const { clock, queue } = make();
    queue.addAfter('a', 100);
    const waiting = queue.get();
    queue.shutDown();
    expect(await waiting).toBeUndefined();
    queue.add('b');
    expect(await queue.get()).toBeUndefined();
    expect(clock.nextAtMs()).toBeUndefined();
  });
});
