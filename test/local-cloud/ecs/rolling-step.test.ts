/** The decision of a rolling deployment by itself: a table of what AWS documents, then any state at all. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  backoffMs,
  breakerThreshold,
  type RollingTask,
  rollingStep,
} from '../../../src/local-cloud/services/ecs/rolling.ts';

/** `P` primary, `o` old; `h` healthy, `s` settling, `u` unhealthy; `!` protected: `Ph os ou oh!`. */
function tasks(text: string): RollingTask[] {
  const states = { h: 'healthy', s: 'settling', u: 'unhealthy' } as const;
  return text
    .split(' ')
    .filter((word) => word !== '')
    .map((word, index) => ({
      arn: `${word}${index}`,
      primary: word.startsWith('P'),
      state: states[word[1] as 'h' | 's' | 'u'],
      protected: word.endsWith('!'),
    }));
}

const CASES = [
  { reason: 'a new service starts all of its tasks', desired: 3, before: '', start: 3, stop: [] },
  { reason: 'new tasks come first with 100/200', desired: 2, before: 'oh oh', start: 2, stop: [] },
  { reason: 'an old task goes for each new healthy one', desired: 2, before: 'oh oh Ph Ps', start: 0, stop: ['oh'] },
  {
    reason: 'all old tasks go when the new ones are healthy',
    desired: 2,
    before: 'oh oh Ph Ph',
    start: 0,
    stop: ['oh', 'oh'],
  },
  {
    reason: 'with 50/100 half goes first to make room',
    desired: 4,
    min: 50,
    max: 100,
    before: 'oh oh oh oh',
    start: 0,
    stop: ['oh', 'oh'],
  },
  { reason: 'and the room is used', desired: 4, min: 50, max: 100, before: 'oh oh', start: 2, stop: [] },
  {
    reason: 'but no more goes while the new ones settle',
    desired: 4,
    min: 50,
    max: 100,
    before: 'oh oh Ps Ps',
    start: 0,
    stop: [],
  },
  {
    reason: 'an old task that is not healthy goes before one that is',
    desired: 2,
    before: 'oh ou Ph Ps',
    start: 0,
    stop: ['ou'],
  },
  { reason: 'a replacement is started beside an unhealthy task', desired: 1, before: 'Pu', start: 1, stop: [] },
  { reason: 'the unhealthy task waits for its replacement', desired: 1, before: 'Pu Ps', start: 0, stop: [] },
  { reason: 'and goes when that is healthy', desired: 1, before: 'Pu Ph', start: 0, stop: ['Pu'] },
  { reason: 'or when that is unhealthy, too', desired: 1, before: 'Pu Pu', start: 0, stop: ['Pu'] },
  {
    reason: 'without room the unhealthy task goes first',
    desired: 1,
    min: 0,
    max: 100,
    before: 'Pu',
    start: 0,
    stop: ['Pu'],
  },
  { reason: 'scaling in takes what does not serve yet', desired: 1, before: 'Ph Ps', start: 0, stop: ['Ps'] },
  { reason: 'scaling in spares protected tasks', desired: 0, before: 'Ph! Ph', start: 0, stop: ['Ph'] },
  { reason: 'a deployment spares protected tasks', desired: 1, before: 'oh! Ph', start: 0, stop: [] },
  {
    reason: 'a failed deployment starts nothing and keeps old tasks',
    desired: 2,
    failed: true,
    before: 'oh oh',
    start: 0,
    stop: [],
  },
  {
    reason: 'a failed deployment drops its unhealthy tasks',
    desired: 2,
    failed: true,
    before: 'oh oh Pu',
    start: 0,
    stop: ['Pu'],
  },
  { reason: 'nothing is wanted', desired: 0, before: 'Ph oh Ps', start: 0, stop: ['oh', 'Ps', 'Ph'] },
];

describe('rollingStep', () => {
  it.each(CASES)('$reason', ({ desired, min = 100, max = 200, failed = false, before, start, stop }) => {
    const step = rollingStep({
      desired,
      minimumHealthyPercent: min,
      maximumPercent: max,
      mayStart: !failed,
      tasks: tasks(before),
    });
    expect({ start: step.start, stop: step.stop.map((arn) => arn.replace(/\d+$/, '')) }).toEqual({ start, stop });
  });

  it('never goes below the minimum or above the maximum, whatever there is', () => {
    const task = fc.record({
      primary: fc.boolean(),
      state: fc.constantFrom('settling' as const, 'healthy' as const, 'unhealthy' as const),
      protected: fc.boolean(),
    });
    const input = fc.record({
      desired: fc.nat(8),
      minimumHealthyPercent: fc.constantFrom(0, 50, 75, 100),
      maximumPercent: fc.constantFrom(100, 150, 200),
      mayStart: fc.boolean(),
      tasks: fc
        .array(task, { maxLength: 12 })
        .map((all) => all.map((each, index) => ({ ...each, arn: String(index) }))),
    });
    fc.assert(
      fc.property(input, (given) => {
        const step = rollingStep(given);
        const healthy = given.tasks.filter(({ state }) => state === 'healthy');
        const left = healthy.filter(({ arn }) => !step.stop.includes(arn)).length;
        const lower = Math.ceil((given.desired * given.minimumHealthyPercent) / 100);
        const upper = Math.floor((given.desired * given.maximumPercent) / 100);
        expect(left).toBeGreaterThanOrEqual(Math.min(healthy.length, lower));
        expect(step.start).toBeGreaterThanOrEqual(0);
        if (step.start > 0) expect(given.tasks.length + step.start).toBeLessThanOrEqual(upper);
        expect(new Set(step.stop).size).toBe(step.stop.length);
        for (const arn of step.stop) {
          const stopped = given.tasks.find((each) => each.arn === arn);
          expect(
            stopped?.protected && !(stopped.primary && stopped.state === 'unhealthy'),
            'protected tasks stay',
          ).toBeFalsy();
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('reaches the desired state from anywhere, when tasks settle', () => {
    const initial = fc.array(fc.record({ primary: fc.boolean(), healthy: fc.boolean() }), { maxLength: 8 });
    const percents = fc.constantFrom([100, 200], [50, 100], [50, 200], [0, 100], [75, 150]);
    fc.assert(
      fc.property(initial, fc.nat(6), percents, (before, wanted, [min = 0, max = 0]) => {
        // A single task leaves no room between some of these pairs: AWS would never finish, either.
        const desired = max < 200 ? wanted * 4 : wanted;
        let serial = 0;
        const make = (primary: boolean, state: RollingTask['state']): RollingTask => ({
          arn: String(serial++),
          primary,
          state,
          protected: false,
        });
        let current = before.map(({ primary, healthy }) => make(primary, healthy ? 'healthy' : 'unhealthy'));
        for (let round = 0; round < 60; round++) {
          const step = rollingStep({
            desired,
            minimumHealthyPercent: min,
            maximumPercent: max,
            mayStart: true,
            tasks: current,
          });
          if (step.start === 0 && step.stop.length === 0 && current.every(({ state }) => state !== 'settling')) break;
          const kept = current
            .filter(({ arn }) => !step.stop.includes(arn))
            .map((each) => ({ ...each, state: each.state === 'settling' ? ('healthy' as const) : each.state }));
          current = [...kept, ...Array.from({ length: step.start }, () => make(true, 'settling'))];
        }
        expect(current.map(({ primary, state }) => ({ primary, state }))).toEqual(
          Array(desired).fill({ primary: true, state: 'healthy' }),
        );
      }),
      { numRuns: 1000 },
    );
  });
});

describe('thresholds', () => {
  it.each([
    { desired: 1, threshold: 3, reason: 'at least 3' },
    { desired: 6, threshold: 3, reason: 'half' },
    { desired: 25, threshold: 13, reason: 'half, rounded up' },
    { desired: 400, threshold: 200, reason: 'half' },
    { desired: 800, threshold: 200, reason: 'at most 200' },
  ])('the circuit breaker of $desired tasks opens after $threshold: $reason', ({ desired, threshold }) => {
    expect(breakerThreshold(desired, { type: 'BOUNDED_PERCENT', value: 50 })).toBe(threshold);
  });

  it('launches wait longer and longer, 27 minutes at most', () => {
    expect([1, 2, 3, 4, 5, 30].map(backoffMs)).toEqual([0, 0, 10_000, 20_000, 40_000, 27 * 60_000]);
  });
});
