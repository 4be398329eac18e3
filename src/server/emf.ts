/**
 * Sends a few of the metrics to CloudWatch, as one line of the log in the Embedded Metric Format, which CloudWatch Logs
 * reads by itself: no call, no permission, no agent. Which metrics is data, so that alarms and documents can be checked
 * against it. Everything else is scraped; each metric here costs money per deployment and month.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
import type { Clock, Metrics, Sample, Timer } from '../core/index.ts';

export const EMF_NAMESPACE = 'LambdaContainer';
/** The one dimension: two deployments in one account and region differ in their state table. */
export const EMF_DIMENSION = 'StateTable';
export const EMF_PERIOD_MS = 60_000;

export interface EmfMetric {
  readonly name: string;
  readonly unit: 'Count' | 'Seconds' | 'Bytes';
  /** The metric that it is made of, and which of its time series: all, or those with these labels. */
  readonly of: string;
  readonly labels?: Readonly<Record<string, string>>;
  /**
   * `sum` and `max` of the time series as they stand; `growth`: how much their sum (of a histogram, their number) has
   * grown since the last line.
   */
  readonly as: 'sum' | 'max' | 'growth';
  /** A daemon that follows knows nothing of it and says nothing. */
  readonly leaderOnly: boolean;
  readonly help: string;
}

export const EMF_METRICS: readonly EmfMetric[] = [
  always('Leading', 'Count', 'leader_election_master_status', 'max', '1 from the daemon that leads, 0 from others'),
  leader('LeaseRemaining', 'Seconds', 'lambdacontainer_lease_remaining_seconds', 'max', 'Until the lease would end'),
  leader('SweepAge', 'Seconds', 'lambdacontainer_sweep_age_seconds', 'max', 'Since the last whole sweep ended'),
  {
    ...leader(
      'MaxDriftAge',
      'Seconds',
      'lambdacontainer_max_drift_age_seconds',
      'max',
      'How old drift can become unseen',
    ),
    labels: { fields: 'swept' },
  },
  leader('RelistAge', 'Seconds', 'lambdacontainer_relist_age_seconds', 'max', 'Since the desired table was last read'),
  leader('QueueDepth', 'Count', 'workqueue_depth', 'sum', 'Objects that wait for a pass'),
  leader(
    'LongestPass',
    'Seconds',
    'workqueue_longest_running_processor_seconds',
    'max',
    'How long the oldest pass under way has been running',
  ),
  leader('Passes', 'Count', 'controller_runtime_reconcile_total', 'growth', 'Passes that ended'),
  leader('PassErrors', 'Count', 'controller_runtime_reconcile_errors_total', 'growth', 'Passes that failed'),
  leader(
    'PassDefects',
    'Count',
    'controller_runtime_reconcile_panics_total',
    'growth',
    'Passes that failed by a defect of the program',
  ),
  leader('Objects', 'Count', 'lambdacontainer_objects', 'sum', 'Objects that are known'),
  {
    ...leader('ObjectsReady', 'Count', 'lambdacontainer_objects', 'sum', 'Objects that are Ready'),
    labels: { phase: 'Ready' },
  },
  {
    ...leader('ObjectsStalled', 'Count', 'lambdacontainer_objects', 'sum', 'Objects that wait for a change'),
    labels: { phase: 'Stalled' },
  },
  leader('DeletionsHeld', 'Count', 'lambdacontainer_deletions_held', 'sum', 'Deletions that wait for a person'),
  leader('DriftFound', 'Count', 'lambdacontainer_drift_found_total', 'growth', 'Drifts that were found'),
  leader(
    'OldestDrift',
    'Seconds',
    'lambdacontainer_drift_oldest_seconds',
    'max',
    'Age of the oldest drift that stands',
  ),
  leader(
    'EventsAvailable',
    'Count',
    'lambdacontainer_events_available',
    'max',
    '1 while the queue of AWS’s events is read',
  ),
  always('AwsCalls', 'Count', 'lambdacontainer_aws_calls_total', 'growth', 'Calls to AWS'),
  {
    ...always('AwsThrottled', 'Count', 'lambdacontainer_aws_calls_total', 'growth', 'Calls that AWS refused for pace'),
    labels: { outcome: 'throttled' },
  },
  {
    ...always('AwsDenied', 'Count', 'lambdacontainer_aws_calls_total', 'growth', 'Calls that AWS did not permit'),
    labels: { outcome: 'denied' },
  },
  leader('CallsWaiting', 'Count', 'lambdacontainer_aws_rate_depth', 'sum', 'Calls that wait for a rate limit of AWS'),
  always('ResidentMemory', 'Bytes', 'process_resident_memory_bytes', 'max', 'Memory of the program'),
  always('EventLoopLag', 'Seconds', 'nodejs_eventloop_lag_p99_seconds', 'max', 'How late the event loop runs, p99'),
];

export interface EmfOptions {
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly stateTable: string;
  readonly isLeading: () => boolean;
  /** Takes the members of one line of JSON for standard output. Must not throw. */
  readonly write: (line: object) => void;
}

/** Writes a line now and then until `stop`. */
export class EmfReporter {
  readonly #options: EmfOptions;
  readonly #before = new Map<string, number>();
  #timer: Timer | undefined;

  constructor(options: EmfOptions) {
    this.#options = options;
  }

  /** The first line comes after one period. */
  start(): void {
    this.#timer = this.#options.clock.after(EMF_PERIOD_MS, () => this.#tick(), { unref: true });
  }

  /** Writes what happened since the last line: the last minute of a daemon is the one that people ask about. */
  stop(): void {
    if (!this.#timer) return;
    this.#timer.cancel();
    this.#timer = undefined;
    this.#options.write(this.line());
  }

  /** The members of the next line. */
  line(): object {
    const { metrics, clock, stateTable, isLeading } = this.#options;
    const byName = grouped(metrics.samples());
    const leads = isLeading();
    const told = EMF_METRICS.flatMap((metric) => {
      const samples = (byName.get(metric.of) ?? []).filter((sample) => fits(sample, metric.labels));
      const value = this.#valueOf(metric, samples);
      return value === undefined || (metric.leaderOnly && !leads) ? [] : [{ metric, value }];
    });
    return {
      _aws: {
        Timestamp: clock.now(),
        CloudWatchMetrics: [
          {
            Namespace: EMF_NAMESPACE,
            Dimensions: [[EMF_DIMENSION]],
            Metrics: told.map(({ metric: { name, unit } }) => ({ Name: name, Unit: unit })),
          },
        ],
      },
      [EMF_DIMENSION]: stateTable,
      ...Object.fromEntries(told.map(({ metric, value }) => [metric.name, value])),
    };
  }

  #tick(): void {
    this.#options.write(this.line());
    this.start();
  }

  /** Undefined: nothing is known of it, or it is no number, which CloudWatch would refuse the whole line for. */
  #valueOf({ name, as }: EmfMetric, samples: readonly Sample[]): number | undefined {
    if (as === 'growth') {
      const total = samples.reduce((sum, { value, count }) => sum + (count ?? value), 0);
      const growth = total - (this.#before.get(name) ?? 0);
      this.#before.set(name, total);
      return growth;
    }
    const values = samples.map(({ value }) => value);
    if (values.length === 0) return undefined;
    const value = as === 'sum' ? values.reduce((sum, next) => sum + next, 0) : Math.max(...values);
    return Number.isFinite(value) ? value : undefined;
  }
}

function fits({ labels }: Sample, wanted: Readonly<Record<string, string>> = {}): boolean {
  return Object.entries(wanted).every(([name, value]) => labels[name] === value);
}

function grouped(samples: readonly Sample[]): Map<string, Sample[]> {
  const groups = new Map<string, Sample[]>();
  for (const sample of samples) {
    const group = groups.get(sample.name);
    if (group) group.push(sample);
    else groups.set(sample.name, [sample]);
  }
  return groups;
}

function leader(name: string, unit: EmfMetric['unit'], of: string, as: EmfMetric['as'], help: string): EmfMetric {
  return { name, unit, of, as, leaderOnly: true, help };
}

function always(name: string, unit: EmfMetric['unit'], of: string, as: EmfMetric['as'], help: string): EmfMetric {
  return { ...leader(name, unit, of, as, help), leaderOnly: false };
}
