import { describe, expect, it } from 'vitest';
import { accompany, type Companion } from '../../src/controller/companions.ts';
import { Failure, type Logger, seededRandom, silentLogger, VirtualClock } from '../../src/core/index.ts';

/** Runs a companion that fails as told, attempt by attempt, each after `lastsMs`; then it works until it is stopped. */
async function attempts(errors: readonly unknown[], lastsMs: number) {
  const clock = new VirtualClock();
  const stopping = new AbortController();
  const startedAtMs: number[] = [];
  const told: string[] = [];
  const logger: Logger = {
    ...silentLogger,
    warn: (_fields, message) => void told.push(`warn ${message}`),
    error: (_fields, message) => void told.push(`error ${message}`),
  };
  const beginMs = clock.now();
  const companion: Companion = {
    name: 'test',
    async run(signal) {
      const error = errors[startedAtMs.length];
      startedAtMs.push(clock.now() - beginMs);
      await new Promise<void>((resolve) => {
        if (error !== undefined) clock.after(lastsMs, resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      if (error !== undefined) throw error;
    },
  };
  let ended = false;
  const running = accompany(companion, { clock, random: seededRandom(1), logger }, stopping.signal).then(() => {
    ended = true;
  });
  await clock.run(() => false, 3_600_000);
  const endedByItself = ended;
  stopping.abort();
  await running;
  return { startedAtMs, told, endedByItself };
}

const failure = new Failure({
  kind: 'transient',
  service: 'git',
  operation: 'fetch',
  code: 'Down',
  message: 'is down',
});

describe('a companion', () => {
  it('that fails is started again after a pause that grows, and works until it is stopped', async () => {
    const { startedAtMs, told, endedByItself } = await attempts([failure, failure, failure], 0);
    expect(startedAtMs).toHaveLength(4);
    const pauses = startedAtMs.slice(1).map((atMs, index) => atMs - (startedAtMs[index] ?? 0));
    for (const [index, pauseMs] of pauses.entries()) {
      expect(pauseMs).toBeGreaterThanOrEqual(500 * 2 ** index);
      expect(pauseMs).toBeLessThanOrEqual(1_000 * 2 ** index);
    }
    expect(told).toEqual(['warn is down', 'warn is down', 'warn is down']);
    expect(endedByItself).toBe(false);
  });

  it('that did well for a while begins with the shortest pause', async () => {
    const { startedAtMs } = await attempts([failure, failure, failure], 120_000);
    for (const [index, atMs] of startedAtMs.slice(1).entries()) {
      expect(atMs - (startedAtMs[index] ?? 0)).toBeLessThanOrEqual(121_000);
    }
  });

  it('with a defect is told loudly and started again: it never stops the controller', async () => {
    const { startedAtMs, told } = await attempts([new TypeError('oops')], 0);
    expect(startedAtMs).toHaveLength(2);
    expect(told).toEqual(['error a companion failed by a defect']);
  });

  it('that has nothing more to do is left alone', async () => {
    let runs = 0;
    const companion: Companion = {
      name: 'brief',
      run: async () => {
        runs++;
      },
    };
    const clock = new VirtualClock();
    await accompany(companion, { clock, random: seededRandom(1), logger: silentLogger }, new AbortController().signal);
    expect(runs).toBe(1);
  });

  it('that fails because it is stopped is not told of', async () => {
    const stopping = new AbortController();
    const told: string[] = [];
    const companion: Companion = {
      name: 'abrupt',
      run: (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(failure))),
    };
    const running = accompany(
      companion,
      {
        clock: new VirtualClock(),
        random: seededRandom(1),
        logger: { ...silentLogger, warn: (_fields, message) => void told.push(message) },
      },
      stopping.signal,
    );
    stopping.abort();
    await running;
    expect(told).toEqual([]);
  });
});
