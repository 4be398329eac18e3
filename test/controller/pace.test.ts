import { describe, expect, it } from 'vitest';
import { type Budget, refuseImpossible, rotationPace, sweepPace } from '../../src/controller/sweeper/pace.ts';

const BUDGET: Budget = { callsPerSec: 10, minPeriodMs: 60_000, rateShare: 1 };
const calls = (count: number) => new Map([['elbv2 DescribeRules', count]]);

describe('the pace of sweeps', () => {
  it.each([
    { reason: 'nothing to sweep: the least period', count: 0, periodMs: 60_000, maxAgeMs: 60_000 },
    { reason: 'a small fleet: the least period', count: 30, periodMs: 60_000, maxAgeMs: 60_000 },
    // Eight of ten calls a second are the sweep's; the load balancer API takes 40 at once and 10 a second.
    { reason: 'the budget decides', count: 800, periodMs: 100_000, maxAgeMs: 176_000 },
  ])('$reason', ({ count, periodMs, maxAgeMs }) => {
    expect(sweepPace(calls(count), BUDGET)).toMatchObject({ periodMs, maxAgeMs });
  });

  it('never plans a sweep that is longer than its period', () => {
    const { periodMs, durationMs } = sweepPace(calls(10_040), { ...BUDGET, callsPerSec: 10_000 });
    expect(periodMs).toBe(durationMs);
  });

  it('without rates only the budget counts', () => {
    expect(sweepPace(calls(800), { ...BUDGET, rateShare: undefined })).toMatchObject({
      durationMs: 0,
      maxAgeMs: 100_000,
    });
  });

  it('the rotation has the lesser part of the budget', () => {
    expect(rotationPace(1_000, BUDGET).periodMs).toBe(500_000);
    expect(rotationPace(3, BUDGET).periodMs).toBe(60_000);
  });
});

describe('a promise', () => {
  it.each([
    { promiseMs: 176_000, message: undefined, reason: 'it can be held' },
    {
      promiseMs: 160_000,
      message:
        'LAMBDACONTAINER_MAX_DRIFT_AGE: 2m40s cannot be promised: one sweep makes 800 calls, and LAMBDACONTAINER_SWEEP_CALLS_PER_SECOND allows 10 a second; write at least 2m56s, or allow 12 calls a second',
      reason: 'another budget would do',
    },
    {
      promiseMs: 100_000,
      message:
        'LAMBDACONTAINER_MAX_DRIFT_AGE: 1m40s cannot be promised: one sweep makes 800 calls, which take 1m16s at the rates that AWS publishes; write at least 2m56s, or divide the fleet among accounts or regions',
      reason: "AWS's own rates are too low for it",
    },
  ])('of $promiseMs ms: $reason', ({ promiseMs, message }) => {
    const promise = () => refuseImpossible(promiseMs, calls(800), BUDGET);
    if (message === undefined) expect(promise).not.toThrow();
    else expect(promise).toThrow(message);
  });

  it('that sweeps come too seldom for says so', () => {
    const promise = () => refuseImpossible(61_000, calls(60), BUDGET);
    expect(promise).toThrow('sweeps are 1m00s apart at least; write at least 1m02s, or lower LAMBDACONTAINER_RESYNC');
  });

  it('is held once the remedy that the message names is taken', () => {
    expect(() => refuseImpossible(160_000, calls(800), { ...BUDGET, callsPerSec: 12 })).not.toThrow();
  });
});
