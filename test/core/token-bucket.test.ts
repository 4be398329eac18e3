import { describe, expect, it } from 'vitest';
import { seededRandom, TokenBucket } from '../../src/core/index.ts';

describe('token bucket', () => {
  it('gives its burst at once and then its rate', () => {
    const bucket = new TokenBucket({ burst: 3, perSec: 10 }, 0);
    expect([bucket.take(0), bucket.take(0), bucket.take(0), bucket.take(0)]).toEqual([true, true, true, false]);
    expect(bucket.waitMs(0)).toBe(100);
    expect(bucket.take(99)).toBe(false);
    expect(bucket.take(100)).toBe(true);
    expect(bucket.take(100)).toBe(false);
  });

  it('never holds more than its burst', () => {
    const bucket = new TokenBucket({ burst: 2, perSec: 1 }, 0);
    expect(bucket.tokens(1_000_000)).toBe(2);
  });

  it('promises tokens that do not exist yet, one after the other', () => {
    const bucket = new TokenBucket({ burst: 1, perSec: 4 }, 0);
    expect([bucket.reserve(0), bucket.reserve(0), bucket.reserve(0)]).toEqual([0, 250, 500]);
    expect(bucket.reserve(500)).toBe(250);
  });

  it('keeps what it gained when its rate changes', () => {
    const bucket = new TokenBucket({ burst: 10, perSec: 10 }, 0);
    bucket.drain(0);
    bucket.setRate(500, { burst: 10, perSec: 1 });
    expect(bucket.tokens(500)).toBe(5);
    expect(bucket.tokens(1500)).toBe(6);
    bucket.setRate(1500, { burst: 3, perSec: 1 });
    expect(bucket.tokens(1500)).toBe(3);
    expect(bucket.tokens(9000)).toBe(3);
  });

  it('is not confused by a clock that stands still or goes back', () => {
    const bucket = new TokenBucket({ burst: 1, perSec: 1 }, 1000);
    bucket.take(1000);
    expect(bucket.tokens(0)).toBe(0);
    expect(bucket.tokens(1500)).toBe(0.5);
  });

  it.each([{ seed: 1 }, { seed: 2 }, { seed: 3 }])(
    'over any time gives at most burst + rate × time (seed $seed)',
    ({ seed }) => {
      const random = seededRandom(seed);
      const bucket = new TokenBucket({ burst: 20, perSec: 3 }, 0);
      let nowMs = 0;
      let taken = 0;
      for (let i = 0; i < 5000; i++) {
        nowMs += Math.floor(random.next() * 200);
        if (bucket.take(nowMs)) taken++;
        expect(taken).toBeLessThanOrEqual(20 + (3 * nowMs) / 1000);
      }
      expect(taken).toBeGreaterThan((3 * nowMs) / 1000 - 1);
    },
  );

  it('refuses a rate that would never give a token', () => {
    expect(() => new TokenBucket({ burst: 0.5, perSec: 1 }, 0)).toThrow(RangeError);
    expect(() => new TokenBucket({ burst: 1, perSec: 0 }, 0)).toThrow(RangeError);
  });
});
