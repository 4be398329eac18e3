/** What is measured of sweeps and the rotation, declared at once so that it can be listed before anything was swept. */
import type { GaugeCell, Metric, Metrics } from '../../core/index.ts';

const HELP = {
  sweep_calls: 'Calls of the last sweep',
  sweep_duration_seconds: 'How long the last sweep took',
  sweep_period_seconds: 'How often a sweep begins',
  sweep_last_timestamp_seconds: 'When the last sweep ended, since the epoch',
  sweep_objects: 'Steady objects that the last sweep compared',
  rotation_period_seconds: 'How long a round of the rotation takes',
  drift_age_promise_broken: '1 while drift may become older unseen than was promised',
} as const;

export type SweepGauge = keyof typeof HELP;

export class SweepMetrics {
  readonly #gauges: ReadonlyMap<SweepGauge, Metric<'target', GaugeCell>>;
  readonly #age: Metric<'target' | 'fields', GaugeCell>;

  constructor(metrics: Metrics) {
    const names = Object.keys(HELP) as SweepGauge[];
    this.#gauges = new Map(
      names.map((name) => [name, metrics.gauge(`lambdacontainer_${name}`, HELP[name], ['target'])]),
    );
    this.#age = metrics.gauge(
      'lambdacontainer_max_drift_age_seconds',
      'The oldest that a drift can become before it is found, by what finds it',
      ['target', 'fields'],
    );
  }

  set(name: SweepGauge, target: string, value: number): void {
    this.#gauges.get(name)?.of({ target }).set(value);
  }

  setMaxAge(target: string, fields: 'swept' | 'rotating', ageMs: number): void {
    this.#age.of({ target, fields }).set(ageMs / 1000);
  }
}
