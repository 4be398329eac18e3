import { describe, expect, it } from 'vitest';
import { type Priority, Workqueue } from '../../src/controller/workqueue.ts';
import { Metrics, seededRandom, VirtualClock } from '../../src/core/index.ts';

function make(seed = 1) {
  const clock = new VirtualClock();
  const metrics = new Metrics();
  const queue = new Workqueue(clock, seededRandom(seed), { baseMs: 100, maxMs: 1000, name: 'test' }, metrics);
  return { clock, queue, metrics };
}

/** Lets virtual time pass. */
function pass(clock: VirtualClock, ms: number): void {
  let over = false;
  clock.after(ms, () => {
    over = true;
  });
  while (!over) clock.step();
}

/** Works through everything that waits; the keys in the order in which they left. */
async function drainNow(queue: Workqueue): Promise<string[]> {
  const keys: string[] = [];
  while (queue.depth > 0) {
    const key = (await queue.get()) ?? '';
    keys.push(key);
    queue.done(key);
  }
  return keys;
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

  it('a delayed addition of a waiting key changes nothing', () => {
    const { clock, queue } = make();
    queue.add('a');
    queue.addAfter('a', 100);
    expect(clock.nextAtMs()).toBeUndefined();
    expect(queue.depth).toBe(1);
  });

  it('a pass that is over must have been under way', () => {
    const { queue } = make();
    queue.add('a');
    expect(() => queue.done('a')).toThrow("'a' is not being worked on");
    expect(() => queue.done('b')).toThrow("'b' is not being worked on");
    expect(queue.depth).toBe(1);
  });

  it('gives keys to waiting consumers in the order in which these came', async () => {
    const { queue } = make();
    const [first, second] = [queue.get(), queue.get()];
    queue.add('a');
    queue.add('b');
    expect([await first, await second]).toEqual(['a', 'b']);
  });

  it('forgets keys of which nothing is wanted, and keeps what is', async () => {
    const { queue } = make();
    queue.addRateLimited('failed');
    for (let i = 0; i < 20_000; i++) queue.add(`key-${i}`);
    expect((await drainNow(queue)).length).toBe(20_000);
    expect(queue.failures('failed')).toBe(1);
    queue.add('key-1');
    expect(await drainNow(queue)).toEqual(['key-1']);
  });

  it('a key that came back is not forgotten with those that did not', async () => {
    const { queue } = make();
    queue.add('back');
    expect(await drainNow(queue)).toEqual(['back']);
    queue.add('back');
    const back = (await queue.get()) ?? '';
    for (let i = 0; i < 20_000; i++) queue.add(`key-${i}`);
    await drainNow(queue);
    queue.add('back');
    expect(queue.depth).toBe(0);
    queue.done(back);
    expect(await drainNow(queue)).toEqual(['back']);
  });

  describe('priorities', () => {
    const cases: { reason: string; add: [string, Priority?][]; order: string[] }[] = [
      {
        reason: 'a person goes first, then drift, then a resync',
        add: [
          ['r', 'resync'],
          ['d', 'drift'],
          ['c', 'change'],
        ],
        order: ['c', 'd', 'r'],
      },
      {
        reason: 'within a priority it is first come, first served',
        add: [['d1', 'drift'], ['c1'], ['d2', 'drift'], ['c2']],
        order: ['c1', 'c2', 'd1', 'd2'],
      },
      {
        reason: 'a more urgent addition raises a waiting key',
        add: [
          ['a', 'resync'],
          ['b', 'resync'],
          ['b', 'change'],
        ],
        order: ['b', 'a'],
      },
      {
        reason: 'a less urgent addition does not lower it',
        add: [
          ['a', 'change'],
          ['b', 'drift'],
          ['a', 'resync'],
        ],
        order: ['a', 'b'],
      },
    ];
    it.each(cases)('$reason', async ({ add, order }) => {
      const { queue } = make();
      for (const [key, priority] of add) queue.add(key, priority);
      expect(await drainNow(queue)).toEqual(order);
    });

    it('a storm of changes does not starve a resync: 512 changes overtake it at most, and 64 a drift', async () => {
      const { queue } = make();
      queue.add('resync', 'resync');
      queue.add('drift', 'drift');
      const order: string[] = [];
      for (let i = 0; i < 1000; i++) {
        queue.add(`change-${i}`);
        const key = (await queue.get()) ?? '';
        order.push(key);
        queue.done(key);
      }
      expect(order.indexOf('drift')).toBe(64);
      expect(order.indexOf('resync')).toBe(512);
    });

    it('what goes on goes before what begins; one in sixteen begins all the same', async () => {
      const { queue } = make();
      for (const key of ['new-1', 'new-2', 'new-3']) queue.add(key);
      queue.add('old', 'drift');
      for (let i = 0; i < 40; i++) queue.add(`going-${i}`, 'onward');
      const order = await drainNow(queue);
      expect(order.slice(0, 15)).toEqual(Array.from({ length: 15 }, (_, i) => `going-${i}`));
      expect(['new-1', 'new-2', 'new-3', 'old'].map((key) => order.indexOf(key))).toEqual([15, 31, 42, 43]);
    });

    it('a pass that fails does not go on: what is asked for after it is no more urgent than a change', async () => {
      const { clock, queue } = make();
      queue.add('a', 'onward');
      await queue.get();
      queue.addRateLimited('a');
      queue.done('a');
      pass(clock, 1_000);
      queue.add('b', 'onward');
      expect(await drainNow(queue)).toEqual(['b', 'a']);
    });

    it('in a crowd every other one is the newest: nobody waits for a thousand, nor more than twice as long', async () => {
      const { queue } = make();
      for (let i = 0; i < 1000; i++) queue.add(`many-${i}`);
      queue.add('drift', 'drift');
      queue.add('resync', 'resync');
      queue.add('one');
      const order = await drainNow(queue);
      expect(order.indexOf('one')).toBeLessThan(2);
      expect(order.indexOf('drift')).toBeLessThan(4);
      expect(order.indexOf('many-100')).toBeLessThanOrEqual(202);
      // Those that are left when the crowd is gone come in their order.
      expect(order.slice(-60)).toEqual([...order.slice(-60)].sort((a, b) => Number(a.slice(5)) - Number(b.slice(5))));
    });

    it('raising a key that has waited long never makes it wait longer', async () => {
      const { queue } = make();
      queue.add('old', 'resync');
      for (let i = 0; i < 600; i++) queue.add(`change-${i}`);
      queue.add('old', 'change');
      const order = await drainNow(queue);
      expect(order.indexOf('old')).toBe(512);
    });

    it('what is asked for during a pass has the highest priority of those asked', async () => {
      const { queue } = make();
      queue.add('a');
      await queue.get();
      queue.add('a', 'resync');
      queue.add('a', 'change');
      queue.add('b', 'drift');
      queue.done('a');
      expect(await drainNow(queue)).toEqual(['a', 'b']);
    });

    it('a delayed addition keeps the priority of the pass that asked for it', async () => {
      const { clock, queue } = make();
      queue.add('a', 'resync');
      await queue.get();
      queue.addAfter('a', 10);
      queue.done('a');
      pass(clock, 10);
      queue.add('b', 'drift');
      expect(await drainNow(queue)).toEqual(['b', 'a']);
    });

    it('of several delayed additions the earliest time and the highest priority stand', async () => {
      const { clock, queue } = make();
      queue.addAfter('a', 10, 'resync');
      queue.addAfter('a', 1000, 'change');
      queue.addAfter('b', 5, 'drift');
      pass(clock, 10);
      expect(await drainNow(queue)).toEqual(['a', 'b']);
      expect(clock.nextAtMs()).toBeUndefined();
    });
  });

  describe('retries', () => {
    it.each([{ seed: 1 }, { seed: 2 }, { seed: 3 }])('of many keys spread out (seed $seed)', ({ seed }) => {
      const { queue } = make(seed);
      const delays = Array.from({ length: 50 }, (_, i) => queue.addRateLimited(`key-${i}`));
      expect(new Set(delays).size).toBeGreaterThan(20);
      expect(Math.min(...delays)).toBeGreaterThanOrEqual(50);
      expect(Math.max(...delays)).toBeLessThanOrEqual(100);
    });

    it('of all keys together are bounded: a burst of 200, then 20 a second', () => {
      const { clock, queue } = make();
      const delays = Array.from({ length: 1000 }, (_, i) => queue.addRateLimited(`key-${i}`));
      expect(Math.max(...delays.slice(0, 200))).toBeLessThanOrEqual(100);
      expect(delays[999]).toBe(40_000);
      pass(clock, 40_000);
      expect(queue.depth).toBe(1000);
    });

    it('wait at least as long as AWS asked for', () => {
      const { queue } = make();
      expect(queue.addRateLimited('a', 5000)).toBe(5000);
    });

    it('a poison key slows nobody: others fail for the first time as if it were not there', async () => {
      const { clock, queue } = make();
      for (let i = 0; i < 100; i++) {
        queue.add('poison', 'change');
        const key = (await queue.get()) ?? '';
        queue.addRateLimited(key);
        queue.done(key);
        pass(clock, 1000);
        await drainNow(queue);
      }
      expect(queue.failures('poison')).toBe(100);
      expect(queue.addRateLimited('other')).toBeLessThanOrEqual(100);
      queue.add('third');
      expect(await queue.get()).toBe('third');
    });
  });

  describe('shut down', () => {
    it('drains: what runs may finish, what waits is let go of', async () => {
      const { queue } = make();
      queue.add('a');
      await queue.get();
      queue.add('a');
      queue.add('b');
      queue.shutDown();
      expect(queue.state).toBe('draining');
      expect(queue.depth).toBe(0);
      let drained = false;
      const draining = queue.drained().then(() => {
        drained = true;
      });
      await Promise.resolve();
      expect(drained).toBe(false);
      queue.done('a');
      await draining;
      expect(queue.state).toBe('drained');
      expect(await queue.get()).toBeUndefined();
    });

    it('an idle queue is drained at once, and twice is fine', async () => {
      const { queue } = make();
      expect(queue.state).toBe('running');
      queue.shutDown();
      queue.shutDown();
      await queue.drained();
      expect(queue.addRateLimited('a')).toBe(0);
      expect(queue.depth).toBe(0);
    });
  });

  it('is measured under the names that client-go gave its metrics', async () => {
    const { clock, queue, metrics } = make();
    queue.add('a');
    queue.add('a');
    queue.add('b', 'resync');
    pass(clock, 500);
    await queue.get();
    pass(clock, 2000);
    queue.addRateLimited('a');
    const during = metrics.text().split('\n');
    expect(during).toContain('workqueue_depth{name="test",priority="change"} 0');
    expect(during).toContain('workqueue_depth{name="test",priority="resync"} 1');
    expect(during).toContain('workqueue_adds_total{name="test"} 2');
    expect(during).toContain('workqueue_retries_total{name="test"} 1');
    expect(during).toContain('workqueue_queue_duration_seconds_sum{name="test"} 0.5');
    expect(during).toContain('workqueue_queue_duration_seconds_bucket{name="test",le="1"} 1');
    expect(during).toContain('workqueue_unfinished_work_seconds{name="test"} 2');
    expect(during).toContain('workqueue_longest_running_processor_seconds{name="test"} 2');
    expect(during).toContain('workqueue_work_duration_seconds_count{name="test"} 0');
    queue.done('a');
    const after = metrics.text().split('\n');
    expect(after).toContain('workqueue_work_duration_seconds_sum{name="test"} 2');
    expect(after).toContain('workqueue_longest_running_processor_seconds{name="test"} 0');
  });

  it.each([{ seed: 1 }, { seed: 2 }, { seed: 3 }, { seed: 4 }])(
    'keeps its contract whatever producers and consumers do (seed $seed)',
    async ({ seed }) => {
      const { clock, queue } = make(seed);
      const random = seededRandom(seed + 100);
      const pick = <T>(from: readonly T[]): T => from[Math.floor(random.next() * from.length)] as T;
      const keys = Array.from({ length: 12 }, (_, i) => `key-${i}`);
      const running = new Set<string>();
      /** Keys that were asked for since their last pass began. */
      const owed = new Set<string>();
      for (let step = 0; step < 5000; step++) {
        const key = pick(keys);
        const roll = random.next();
        if (roll < 0.3) {
          queue.add(key, pick(['change', 'drift', 'resync']));
          owed.add(key);
        } else if (roll < 0.4) {
          queue.addAfter(key, Math.floor(random.next() * 50));
          owed.add(key);
        } else if (roll < 0.45) {
          queue.addRateLimited(key);
          owed.add(key);
        } else if (roll < 0.5) {
          queue.forget(key);
        } else if (roll < 0.7) {
          if (queue.depth > 0) {
            const got = (await queue.get()) ?? '';
            expect(running.has(got), `${got} is worked on twice at once`).toBe(false);
            expect(owed.has(got), `${got} was not asked for`).toBe(true);
            running.add(got);
            owed.delete(got);
          }
        } else if (roll < 0.9) {
          const [over] = running;
          if (over !== undefined) {
            running.delete(over);
            queue.done(over);
          }
        } else {
          pass(clock, 5);
        }
        expect(queue.busy).toBe(running.size);
      }
      // Calm: what was asked for is served, and nothing else.
      for (const key of running) queue.done(key);
      pass(clock, 300_000);
      const served = await drainNow(queue);
      expect(served.sort()).toEqual([...owed].sort());
      expect(clock.nextAtMs()).toBeUndefined();
    },
  );
});
