/** What is measured of git sources: how many, how they are, how their passes end and how long these take. No label names one. */
import type { CounterCell, HistogramCell, Metric, Metrics } from '../core/index.ts';

/** A fetch of a large repository over a slow line takes its time. */
const DURATION_BUCKETS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** How a pass of a source ended: nothing is left to do, something is to be tried again, or it could not be made. */
export type SourcePassResult = 'settled' | 'unsettled' | 'error';

export class GitMetrics {
  readonly #passes: Metric<'result', CounterCell>;
  readonly #time: HistogramCell;
  readonly #webhooks: Metric<'status', CounterCell>;

  /** `sources`: how many there are, read when the metrics are. */
  constructor(metrics: Metrics, sources: () => number) {
    this.#passes = metrics.counter(
      'lambdacontainer_git_passes_total',
      'Passes over git sources by result: settled, unsettled (tried again soon), error',
      ['result'],
    );
    this.#time = metrics
      .histogram('lambdacontainer_git_pass_seconds', 'How long passes over git sources took', [], DURATION_BUCKETS)
      .of({});
    this.#webhooks = metrics.counter('lambdacontainer_git_webhooks_total', 'Webhooks by the status that was answered', [
      'status',
    ]);
    metrics.watch('lambdacontainer_git_sources', 'Git sources that are followed', {}, sources);
  }

  passed(result: SourcePassResult, tookMs: number): void {
    this.#passes.of({ result }).add(1);
    this.#time.observe(tookMs / 1000);
  }

  webhook(status: number): void {
    this.#webhooks.of({ status: String(status) }).add(1);
  }
}
