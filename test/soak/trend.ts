/** The straight line through samples: whether a measure stays where it is. */

export interface Sample {
  readonly atMs: number;
  readonly value: number;
}

export interface Trend {
  readonly mean: number;
  /** By the line of least squares, from the first sample to the last. */
  readonly rise: number;
  /** The same, an hour on. */
  readonly risePerHour: number;
}

/** Pure. Of the later half of the samples, by time: the earlier one is for warming up. */
export function trendOfLaterHalf(samples: readonly Sample[]): Trend {
  const [first, last] = [samples[0]?.atMs ?? 0, samples.at(-1)?.atMs ?? 0];
  const later = samples.filter(({ atMs }) => atMs >= (first + last) / 2);
  const mean = average(later.map(({ value }) => value));
  const middle = average(later.map(({ atMs }) => atMs));
  const spread = later.reduce((sum, { atMs }) => sum + (atMs - middle) ** 2, 0);
  const slope =
    spread === 0 ? 0 : later.reduce((sum, { atMs, value }) => sum + (atMs - middle) * (value - mean), 0) / spread;
  return { mean, rise: slope * ((later.at(-1)?.atMs ?? 0) - (later[0]?.atMs ?? 0)), risePerHour: slope * 3_600_000 };
}

function average(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
