import { describe, expect, it } from 'vitest';
import { isMet, type Measurement, reportOf, tableOf } from '../../bench/harness.ts';

const measured = (more: Partial<Measurement>): Measurement => ({ what: 'a thing', value: 150, unit: 'ns', ...more });

describe('benchmarks', () => {
  const cases: { reason: string; measurement: Measurement; met: boolean | undefined }[] = [
    { reason: 'without a goal nothing is judged', measurement: measured({}), met: undefined },
    { reason: 'a value within its bound', measurement: measured({ goal: { of: 'value', atMost: 150 } }), met: true },
    { reason: 'a value beyond it', measurement: measured({ goal: { of: 'value', atLeast: 151 } }), met: false },
    {
      reason: 'a ratio within its bound',
      measurement: measured({ baseline: { what: 'other', value: 100 }, goal: { of: 'ratio', atMost: 1.5 } }),
      met: true,
    },
    {
      reason: 'a ratio beyond it',
      measurement: measured({ baseline: { what: 'other', value: 90 }, goal: { of: 'ratio', atMost: 1.5 } }),
      met: false,
    },
    {
      reason: 'a ratio without a baseline is not judged, neither as met nor as missed',
      measurement: measured({ goal: { of: 'ratio', atMost: 1.5 }, note: 'go is not installed here' }),
      met: undefined,
    },
  ];
  it.each(cases)('$reason', ({ measurement, met }) => {
    expect(isMet(measurement)).toBe(met);
  });

  it('show value, baseline, ratio and verdict, and why something was not compared', () => {
    const table = tableOf(
      reportOf([{ benchmark: 'queue', measurements: cases.map(({ measurement }) => measurement) }], 0),
    );
    expect(table).toContain('queue      a thing  150 ns    other: 100  1.50   ratio <= 1.5: met');
    expect(table).toContain('ratio <= 1.5: MISSED');
    expect(table).toContain('ratio <= 1.5: not judged');
    expect(table).toContain('a thing: go is not installed here');
  });
});
