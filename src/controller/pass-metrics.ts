/**
 * Counts and times passes under the names that controller-runtime gave them, so that its dashboards and alerts fit, and
 * knows which pass is under way over which object. It decides nothing, and measures no AWS call: those are counted where
 * they leave.
 */
import { type CounterCell, type GaugeCell, type HistogramCell, isFailure, type Metrics } from '../core/index.ts';
import type { Outcome } from './outcome.ts';

/** Label `controller`. */
const CONTROLLER = 'lambdacontainer';
const RESULTS = ['success', 'error', 'requeue', 'requeue_after'] as const;
type Result = (typeof RESULTS)[number];
/** controller-runtime's, with fewer below 100 ms: a pass asks AWS. */
const DURATION_BUCKETS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 3, 5, 7.5, 10, 20, 30, 60];

export class PassMetrics {
  readonly #results: Readonly<Record<Result, CounterCell>>;
  readonly #errors: CounterCell;
  readonly #defects: CounterCell;
  readonly #time: HistogramCell;
  readonly #active: GaugeCell;
  /** Of objects with a pass under way, which one it is. */
  readonly #running = new Map<string, number>();
  #passes = 0;

  constructor(metrics: Metrics, workers: () => number) {
    const labels = { controller: CONTROLLER };
    const results = metrics.counter(
      'controller_runtime_reconcile_total',
      'Passes by result: success, error, requeue (at once or after the backoff), requeue_after (later)',
      ['controller', 'result'],
    );
    const cells = RESULTS.map((result) => [result, results.of({ ...labels, result })]);
    this.#results = Object.fromEntries(cells) as Record<Result, CounterCell>;
    const counter = (name: string, help: string) => metrics.counter(name, help, ['controller']).of(labels);
    this.#errors = counter('controller_runtime_reconcile_errors_total', 'Passes that failed');
    this.#defects = counter(
      'controller_runtime_reconcile_panics_total',
      'Passes that failed by a defect of the program; counted as errors too',
    );
    this.#time = metrics
      .histogram('controller_runtime_reconcile_time_seconds', 'How long passes took', ['controller'], DURATION_BUCKETS)
      .of(labels);
    this.#active = metrics.gauge('controller_runtime_active_workers', 'Passes under way', ['controller']).of(labels);
    metrics.watch('controller_runtime_max_concurrent_reconciles', 'Passes at the same time at most', labels, workers);
  }

  /** The number of the pass that begins over an object: they count from 1 in each daemon. */
  began(id: string): number {
    this.#passes++;
    this.#running.set(id, this.#passes);
    this.#active.set(this.#running.size);
    return this.#passes;
  }

  /** `outcome`: what was thrown, if it is none. */
  ended(id: string, outcome: Outcome | Error, tookMs: number): void {
    this.#running.delete(id);
    this.#active.set(this.#running.size);
    this.#time.observe(tookMs / 1000);
    const result = resultOf(outcome);
    this.#results[result].add(1);
    if (result !== 'error') return;
    this.#errors.add(1);
    if (outcome instanceof Error && !isFailure(outcome)) this.#defects.add(1);
  }

  /** The pass under way over an object. */
  numberOf(id: string): number | undefined {
    return this.#running.get(id);
  }
}

/** A conflict is no error: somebody else wrote first, and the object is looked at again. */
function resultOf(outcome: Outcome | Error): Result {
  if (outcome instanceof Error) return isFailure(outcome, 'conflict') ? 'requeue' : 'error';
  switch (outcome.type) {
    case 'done':
      return 'success';
    case 'requeue':
      return outcome.afterMs > 0 ? 'requeue_after' : 'requeue';
    case 'backoff':
      return outcome.failure && outcome.failure.kind !== 'conflict' ? 'error' : 'requeue';
  }
}
