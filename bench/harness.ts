/**
 * What a benchmark is, and how its numbers are shown: a table for people, JSON for machines. A number alone says little
 * on a machine that nobody else has; so a benchmark that has a baseline measures it beside itself, in the same run.
 */
import { cpus } from 'node:os';

export interface Measurement {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** The same done by somebody else, measured in this run; undefined when there is none. */
  readonly baseline?: { readonly what: string; readonly value: number } | undefined;
  /** What must hold of the value, or of its ratio to the baseline. */
  readonly goal?: { readonly of: 'value' | 'ratio'; readonly atLeast?: number; readonly atMost?: number };
  /** Why there is no baseline, or what to know when reading the number. */
  readonly note?: string | undefined;
}

export interface Benchmark {
  readonly name: string;
  run(): Promise<readonly Measurement[]>;
}

export interface Report {
  readonly at: string;
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  readonly measurements: readonly (Measurement & { readonly benchmark: string; readonly ratio: number | undefined })[];
}

export function ratioOf({ value, baseline }: Measurement): number | undefined {
  return baseline && baseline.value > 0 ? value / baseline.value : undefined;
}

/** Whether its goal is met; undefined when it has none, or nothing to compare with. */
export function isMet(measurement: Measurement): boolean | undefined {
  const { goal } = measurement;
  if (!goal) return undefined;
  const judged = goal.of === 'ratio' ? ratioOf(measurement) : measurement.value;
  if (judged === undefined) return undefined;
  return judged <= (goal.atMost ?? Number.POSITIVE_INFINITY) && judged >= (goal.atLeast ?? Number.NEGATIVE_INFINITY);
}

export function reportOf(
  results: readonly { readonly benchmark: string; readonly measurements: readonly Measurement[] }[],
  nowMs: number,
): Report {
  return {
    at: new Date(nowMs).toISOString(),
    node: process.version,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    measurements: results.flatMap(({ benchmark, measurements }) =>
      measurements.map((measurement) => ({ benchmark, ...measurement, ratio: ratioOf(measurement) })),
    ),
  };
}

/** A table of what was measured: value, baseline, ratio, goal. */
export function tableOf({ measurements }: Report): string {
  const rows = measurements.map((measurement) => [
    measurement.benchmark,
    measurement.what,
    `${shortNumber(measurement.value)} ${measurement.unit}`,
    measurement.baseline ? `${measurement.baseline.what}: ${shortNumber(measurement.baseline.value)}` : '',
    measurement.ratio === undefined ? '' : measurement.ratio.toFixed(2),
    goalText(measurement),
  ]);
  const heads = ['benchmark', 'what', 'measured', 'baseline', 'ratio', 'goal'];
  const widths = heads.map((head, i) => Math.max(head.length, ...rows.map((row) => (row[i] ?? '').length)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd();
  const notes = measurements.flatMap(({ what, note }) => (note === undefined ? [] : [`${what}: ${note}`]));
  return [line(heads), ...rows.map(line), ...(notes.length > 0 ? ['', ...notes] : []), ''].join('\n');
}

function goalText(measurement: Measurement): string {
  const { goal } = measurement;
  if (!goal) return '';
  const bound = goal.atMost === undefined ? `>= ${goal.atLeast}` : `<= ${goal.atMost}`;
  const met = isMet(measurement);
  const verdict = met === undefined ? 'not judged' : met ? 'met' : 'MISSED';
  return `${goal.of === 'ratio' ? 'ratio ' : ''}${bound}: ${verdict}`;
}

function shortNumber(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString('en-US');
  return value >= 10 ? value.toFixed(0) : value.toPrecision(3);
}
