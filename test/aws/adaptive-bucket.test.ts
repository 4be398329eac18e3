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
    expect(bucket.perSec(130)).toBe(5);
    expect(bucket.slow(200, 150)).toBe(true);
    expect(bucket.perSec(200)).toBe(2.5);
  });

  it('stays slow for a while and then gets faster second by second, up to the published rate', () => {
    const bucket = new AdaptiveBucket(RATE, 0);
    bucket.slow(0, 0);
    const rates = [0, 4_999, 5_000, 6_000, 7_000, 8_000, 9_000, 60_000].map((nowMs) => bucket.perSec(nowMs));
    expect(rates.map((rate) => Math.round(rate * 10) / 10)).toEqual([5, 5, 6, 7, 8, 9, 10, 10]);
  });

  it('gains tokens at each of these rates for as long as it held', () => {
    const bucket = new AdaptiveBucket({ burst: 1000, perSec: 10 }, 0);
    bucket.slow(0, 0);
    expect(bucket.tokens(9_000)).toBeCloseTo(5 * 5 + 6 + 7 + 8 + 9);
  });

  it('says when to ask again: when there is a token, or when it gets faster before that', () => {
    const bucket = new AdaptiveBucket({ burst: 10, perSec: 0.2 }, 0);
    bucket.slow(0, 0);
    expect(bucket.waitMs(0)).toBe(5_000);
    expect(bucket.waitMs(5_000)).toBe(1_000);
    const free = new AdaptiveBucket(RATE, 0);
    expect(free.waitMs(0)).toBe(0);
  });

  it('never slows below a sixteenth: it must find out when the account is free again', () => {
    const bucket = new AdaptiveBucket(RATE, 0);
    for (let i = 1; i <= 20; i++) bucket.slow(i * 10, i * 10 - 1);
    expect(bucket.perSec(200)).toBe(10 / 16);
  });
});
