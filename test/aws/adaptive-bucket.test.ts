import { describe, expect, it } from 'vitest';
import { AdaptiveBucket } from '../../src/aws/index.ts';

const RATE = { burst: 40, perSec: 10 };

describe('adaptive bucket', () => {
  it('halves its rate and holds no tokens once AWS throttled a call', () => {
    const bucket = new AdaptiveBucket(RATE, 0);
    expect(bucket.slow(100, 50)).toBe(true);
    expect(bucket.tokens(100)).toBe(0);
    expect(bucket.perSec(100)).toBe(5);
    expect(bucket.slowed).toBe(1);
  });

  it('hears the same news only once: calls sent before it slowed down say nothing new', () => {
    const bucket = new AdaptiveBucket(RATE, 0);
    const answers = Array.from({ length: 30 }, (_, i) => bucket.slow(100 + i, 50));
    expect(answers.filter(Boolean).length).toBe(1);
    expect(bucket.perSec(130)).toBeCloseTo(5, 1);
    expect(bucket.slow(200, 150)).toBe(true);
    expect(bucket.perSec(200)).toBeCloseTo(2.5, 1);
  });

  it('comes back with the calls that AWS takes: quickly to where it was throttled, cautiously there, then faster', () => {
    const bucket = new AdaptiveBucket({ burst: 1, perSec: 10 }, 0);
    bucket.slow(0, 0);
    bucket.slow(1, 1);
    expect(bucket.perSec(1)).toBeCloseTo(2.5);
    // Every token is used as soon as it is there.
    const rates: number[] = [];
    let nowMs = 1;
    for (const untilMs of [10_000, 20_000, 30_000, 40_000, 60_000, 80_000]) {
      for (; nowMs <= untilMs; nowMs += 10) bucket.take(nowMs);
      rates.push(bucket.perSec(nowMs));
    }
    const [early, near, there, still, beyond, whole] = rates.map((rate) => Math.round(rate * 10) / 10);
    expect(early).toBeGreaterThan(4);
    expect([near, there]).toEqual([4.9, 5]);
    expect(still).toBeLessThan(5.3);
    expect(beyond).toBeGreaterThan(7);
    expect(whole).toBe(10);
  });

  it('remembers over a pause what it learnt, and forgets it in the end', () => {
    const bucket = new AdaptiveBucket({ burst: 36, perSec: 10 }, 0);
    for (let i = 1; i <= 3; i++) bucket.slow(i, i);
    expect(bucket.perSec(3)).toBeCloseTo(1.25);
    // A pass comes back after a minute: not more at once than it had learnt.
    expect(bucket.perSec(60_000)).toBeLessThan(2);
    expect(bucket.tokens(60_000)).toBeLessThan(36 / 5);
    expect(bucket.perSec(20 * 60_000)).toBe(10);
    expect(bucket.tokens(21 * 60_000)).toBe(36);
  });

  it('gives as much less at once as it is slower, and always one', () => {
    const bucket = new AdaptiveBucket(RATE, 0);
    bucket.slow(0, 0);
    expect(bucket.tokens(10_000)).toBeLessThan(RATE.burst * 0.6);
    const narrow = new AdaptiveBucket({ burst: 2, perSec: 1 }, 0);
    for (let i = 1; i <= 5; i++) narrow.slow(i, i);
    expect(narrow.tokens(30_000)).toBe(1);
  });

  it('says when to ask again: when there is a token, or when it gets faster before that', () => {
    const bucket = new AdaptiveBucket({ burst: 10, perSec: 0.5 }, 0);
    bucket.slow(0, 0);
    expect(bucket.waitMs(0)).toBe(4_000);
    bucket.slow(1, 1);
    expect(bucket.waitMs(1)).toBe(5_000);
    const free = new AdaptiveBucket(RATE, 0);
    expect(free.waitMs(0)).toBe(0);
  });

  it('never slows below a sixteenth: it must find out when the account is free again', () => {
    const bucket = new AdaptiveBucket(RATE, 0);
    for (let i = 1; i <= 20; i++) bucket.slow(i * 10, i * 10 - 1);
    expect(bucket.perSec(200)).toBe(10 / 16);
  });
});
