/** A queue's worker against a strict queue under a virtual clock: nothing is lost, nothing is deleted before it was done. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Handled, Poller, type PollerOptions } from '../../../src/adapter/queue/poller.ts';
import { QueueError, type QueueFacts } from '../../../src/adapter/queue/queue.ts';
import { type Logger, seededRandom, VirtualClock } from '../../../src/core/index.ts';
import { MemoryQueue, MortalQueue } from './memory-queue.ts';

interface Record {
  readonly messageId: string;
  readonly body: string;
  readonly attributes: { readonly ApproximateReceiveCount: string };
}

type Work = (records: readonly Record[]) => Promise<Handled> | Handled;

const DONE: Handled = { kind: 'answered', payload: Buffer.from('null') };

async function polling(work: Work, options: Partial<PollerOptions> = {}, facts: Partial<QueueFacts> = {}) {
  const clock = (options.clock as VirtualClock | undefined) ?? new VirtualClock();
  const queue = (options.queue as MemoryQueue | undefined) ?? new MemoryQueue(clock, facts);
  const lines: string[] = [];
  const log = (fields: object, message: string) => void lines.push(`${message} ${JSON.stringify(fields)}`);
  const logger: Logger = { debug: log, info: log, warn: log, error: log, child: () => logger };
  const batches: string[][] = [];
  const poller = new Poller({
    queue,
    facts: await queue.facts(),
    clock,
    random: seededRandom(1),
    logger,
    loops: 1,
    batchSize: 10,
    reportsItems: false,
    whenReady: async () => true,
    handle: async (event) => {
      const { Records } = JSON.parse(event.toString()) as { Records: Record[] };
      batches.push(Records.map(({ body }) => body));
      return work(Records);
    },
    ...options,
  });
  const ended = poller.run();
  const until = (condition: () => boolean, limitMs = 3_600_000) => clock.run(condition, limitMs);
  return { clock, queue, poller, ended, batches, lines, until };
}

function passed(clock: VirtualClock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.after(ms, resolve));
}

function failures(...ids: (string | null)[]): Handled {
  const batchItemFailures = ids.map((itemIdentifier) => ({ itemIdentifier }));
  return { kind: 'answered', payload: Buffer.from(JSON.stringify({ batchItemFailures })) };
}

describe('a batch', () => {
  test('is deleted when the function has answered, and not before', async () => {
    const seen: number[] = [];
    const clock = new VirtualClock();
    const queue = new MemoryQueue(clock);
    for (let i = 0; i < 25; i++) queue.send(`b${i}`);
    const { batches, until } = await polling(
      () => {
        seen.push(queue.size);
        return DONE;
      },
      { clock, queue },
    );
    expect(await until(() => queue.size === 0)).toBe(true);
    expect(batches.map((batch) => batch.length)).toEqual([10, 10, 5]);
    expect(seen).toEqual([25, 15, 5]);
  });

  test('that fails comes back when its time is over, all of it', async () => {
    const clock = new VirtualClock();
    let fails = 1;
    const started = clock.now();
    const { queue, until, lines } = await polling(
      () => (fails-- > 0 ? { kind: 'failed', reason: 'ValueError' } : DONE),
      { clock },
    );
    queue.send('a');
    queue.send('b');
    expect(await until(() => queue.size === 0)).toBe(true);
    expect(clock.now() - started).toBeGreaterThanOrEqual(30_000);
    expect(lines).toEqual([expect.stringMatching(/^batch failed; its messages come back .*"ValueError"/)]);
  });

  test('is kept hidden for as long as the function works on it', async () => {
    const clock = new VirtualClock();
    const { queue, until, batches } = await polling(
      async () => {
        await passed(clock, 20 * 60_000);
        return DONE;
      },
      { clock, loops: 2 },
    );
    queue.send('slow');
    expect(await until(() => queue.size === 0)).toBe(true);
    expect(batches).toEqual([['slow']]);
    expect(new Set(queue.renewals)).toEqual(new Set([30]));
    expect(queue.renewals.length).toBeGreaterThanOrEqual(79);
  });

  test('is not kept hidden any more once it was done or has failed', async () => {
    const clock = new VirtualClock();
    const { queue, until } = await polling(() => ({ kind: 'failed', reason: 'no' }), { clock });
    queue.send('a');
    await until(() => queue.receives('a') === 2);
    expect(queue.renewals).toEqual([]);
  });

  test('whose hiding cannot be renewed is said so, and goes on', async () => {
    const clock = new VirtualClock();
    const { queue, until, lines } = await polling(
      async () => {
        await passed(clock, 40_000);
        return DONE;
      },
      { clock },
    );
    queue.faults.set('hide', { times: 1, error: new QueueError('InternalError', 'in trouble', true) });
    queue.send('a');
    expect(await until(() => queue.size === 0)).toBe(true);
    expect(lines[0]).toMatch(/^messages in work may be handed out again .*InternalError/);
  });
});

describe('partial failures', () => {
  const cases: { reason: string; answer: (ids: readonly string[]) => Handled; back: string[] }[] = [
    { reason: 'only those named come back', answer: (ids) => failures(ids[1] ?? ''), back: ['b'] },
    { reason: 'none named, all done', answer: () => failures(), back: [] },
    { reason: 'no list, all done', answer: () => ({ kind: 'answered', payload: Buffer.from('{}') }), back: [] },
    { reason: 'null, all done', answer: () => DONE, back: [] },
    { reason: 'an unknown id, all failed', answer: () => failures('nobody'), back: ['a', 'b', 'c'] },
    { reason: 'an id of null, all failed', answer: () => failures(null), back: ['a', 'b', 'c'] },
    {
      reason: 'no JSON, all failed',
      answer: () => ({ kind: 'answered', payload: Buffer.from('x') }),
      back: ['a', 'b', 'c'],
    },
    {
      reason: 'a list that is none, all failed',
      answer: () => ({ kind: 'answered', payload: Buffer.from('{"batchItemFailures":{}}') }),
      back: ['a', 'b', 'c'],
    },
  ];
  test.each(cases)('$reason', async ({ answer, back }) => {
    let first = true;
    const clock = new VirtualClock();
    const queue = new MemoryQueue(clock);
    for (const body of ['a', 'b', 'c']) queue.send(body);
    const { until, batches } = await polling(
      (records) => {
        if (!first) return DONE;
        first = false;
        return answer(records.map(({ messageId }) => messageId));
      },
      { clock, queue, reportsItems: true },
    );
    expect(await until(() => queue.size === 0)).toBe(true);
    expect(batches).toEqual([['a', 'b', 'c'], ...(back.length > 0 ? [back] : [])]);
  });

  test('are not read unless the mapping says so', async () => {
    const { queue, until, batches } = await polling((records) => failures(records[0]?.messageId ?? ''));
    queue.send('a');
    expect(await until(() => queue.size === 0)).toBe(true);
    expect(batches).toEqual([['a']]);
  });
});

describe('trouble', () => {
  test('receiving is tried again, later each time', async () => {
    const clock = new VirtualClock();
    const queue = new MemoryQueue(clock);
    queue.faults.set('receive', { times: 8, error: new QueueError('ServiceUnavailable', 'in trouble', true) });
    queue.send('a');
    const startMs = clock.now();
    const { until, lines } = await polling(() => DONE, { clock, queue });
    expect(await until(() => queue.size === 0)).toBe(true);
    const waits = lines.map(
      (line) => (JSON.parse(line.slice(line.indexOf('{'))) as { retryAfterMs: number }).retryAfterMs,
    );
    expect(waits).toHaveLength(8);
    expect(Math.max(...waits)).toBeLessThanOrEqual(30_000);
    expect(waits[7]).toBeGreaterThan((waits[0] ?? 0) * 8);
    expect(clock.now() - startMs).toBeGreaterThanOrEqual(60_000);
  });

  test('deleting is tried again; what cannot be deleted comes again, and that is said', async () => {
    const clock = new VirtualClock();
    const queue = new MemoryQueue(clock);
    const error = new QueueError('ServiceUnavailable', 'in trouble', true);
    queue.faults.set('remove', { times: 2, error });
    queue.send('a');
    const { until, batches, lines } = await polling(() => DONE, { clock, queue });
    expect(await until(() => queue.size === 0)).toBe(true);
    expect(batches).toHaveLength(1);
    queue.faults.set('remove', { times: 5, error });
    queue.send('b');
    expect(await until(() => queue.size === 0)).toBe(true);
    expect(batches.slice(1)).toEqual([['b'], ['b']]);
    expect(lines.at(-1)).toMatch(/^handled messages were not deleted; they come again/);
  });

  test('nothing is received while no runtime could work', async () => {
    let ready = false;
    const clock = new VirtualClock();
    const { queue, until, batches } = await polling(() => DONE, {
      clock,
      whenReady: async () => {
        if (!ready) await passed(clock, 1_000);
        return ready;
      },
    });
    queue.send('a');
    expect(await until(() => queue.hidden > 0, 60_000)).toBe(false);
    ready = true;
    expect(await until(() => queue.size === 0)).toBe(true);
    expect(batches).toEqual([['a']]);
  });
});

describe('the end', () => {
  test('finishes what is under way, gives back what came too late, and receives nothing more', async () => {
    const clock = new VirtualClock();
    const { queue, poller, ended, until, batches } = await polling(
      async () => {
        await passed(clock, 5_000);
        return DONE;
      },
      { clock, loops: 2, batchSize: 1 },
    );
    queue.send('under way');
    await until(() => batches.length === 1);
    poller.stop();
    // The other loop still waits in its long poll.
    queue.send('too late');
    let over = false;
    void ended.then(() => {
      over = true;
    });
    expect(await until(() => over, 25_000)).toBe(true);
    expect(queue.removed).toEqual(['under way']);
    expect([queue.size, queue.hidden]).toEqual([1, 0]);
  });
});

describe('killed at random', () => {
  const lives = fc.record({
    fifo: fc.boolean(),
    messages: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 40 }),
    workMs: fc.array(fc.integer({ min: 0, max: 90_000 }), { minLength: 1, maxLength: 10 }),
    lifeMs: fc.array(fc.integer({ min: 0, max: 200_000 }), { maxLength: 6 }),
    fails: fc.array(fc.boolean(), { maxLength: 10 }),
    loops: fc.integer({ min: 1, max: 3 }),
    batchSize: fc.integer({ min: 1, max: 10 }),
  });

  test('no message is lost, none deleted undone, and the order of groups is kept', async () => {
    await fc.assert(
      fc.asyncProperty(lives, async ({ fifo, messages, workMs, lifeMs, fails, loops, batchSize }) => {
        const clock = new VirtualClock();
        const queue = new MemoryQueue(clock, { fifo });
        const done = new Set<string>();
        const orders = new Map<number, number[]>();
        messages.forEach((group, n) => {
          queue.send(`${group}:${n}`, fifo ? `group-${group}` : undefined);
        });
        let calls = 0;
        let over = false;
        let alive: { kill: () => void } | undefined;
        const live = async (): Promise<void> => {
          const mortal = new MortalQueue(queue);
          let dead = false;
          alive = {
            kill: () => {
              dead = true;
              mortal.kill();
            },
          };
          const work: Work = async (records) => {
            const call = calls++;
            await passed(clock, workMs[call % workMs.length] ?? 0);
            // Killed in the middle: it neither finishes nor answers.
            if (dead) return new Promise<Handled>(() => {});
            if (fails[call]) return { kind: 'failed', reason: 'asked for' };
            for (const { body } of records) {
              const [group = 0, n = 0] = body.split(':').map(Number);
              const order = orders.get(group) ?? [];
              if (!done.has(body)) orders.set(group, [...order, n]);
              done.add(body);
            }
            return DONE;
          };
          const poller = new Poller({
            ...{ queue: mortal, facts: await queue.facts(), clock, random: seededRandom(7), loops, batchSize },
            ...{ reportsItems: false, whenReady: async () => true },
            logger: { debug() {}, info() {}, warn() {}, error() {}, child: () => ({}) as Logger },
            handle: (event) => Promise.resolve(work((JSON.parse(event.toString()) as { Records: Record[] }).Records)),
          });
          void poller.run();
        };
        await live();
        for (const ms of lifeMs) {
          clock.after(ms, () => {
            alive?.kill();
            void live();
          });
          await clock.run(() => queue.size === 0, ms + 1);
        }
        over = await clock.run(() => queue.size === 0, 24 * 3_600_000);
        expect(over).toBe(true);
        alive?.kill();
        expect([...done].sort()).toEqual(messages.map((group, n) => `${group}:${n}`).sort());
        for (const body of queue.removed) expect(done.has(body)).toBe(true);
        if (fifo) for (const order of orders.values()) expect(order).toEqual([...order].sort((a, b) => a - b));
      }),
      { numRuns: 60 },
    );
  });
});
