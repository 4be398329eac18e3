/**
 * What the adapter measures: requests by status, how long they waited and how long a runtime had them, how many
 * processes are busy. Told in two ways: as Prometheus text when asked, and as one line a minute in CloudWatch's embedded
 * metric format, from which CloudWatch makes metrics without a call of ours.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
import { type Clock, type CounterCell, type HistogramCell, Metrics } from '../core/index.ts';
import type { Dispatched, Dispatcher } from './dispatcher.ts';

const PREFIX = 'lambdacontainer_adapter_';
/** Seconds: from an idle process to a job of an hour. */
const SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600];

/** Of the time since the last line. */
interface Interval {
  requests: number;
  failures: number;
  handled: number;
  queueMs: number;
  queueMsMax: number;
  runtimeMs: number;
  runtimeMsMax: number;
}

export class Measures {
  readonly #metrics = new Metrics();
  readonly #dispatcher: Dispatcher;
  readonly #clock: Clock;
  readonly #byStatus = new Map<number, CounterCell>();
  readonly #queue: HistogramCell;
  readonly #runtime: HistogramCell;
  #interval = emptyInterval();
  #sinceMs: number;
  #busyMs: number;

  constructor(dispatcher: Dispatcher, clock: Clock) {
    this.#dispatcher = dispatcher;
    this.#clock = clock;
    this.#sinceMs = clock.monotonic();
    this.#busyMs = dispatcher.busyMs;
    const histogram = (name: string, help: string) => this.#metrics.histogram(PREFIX + name, help, [], SECONDS).of({});
    this.#queue = histogram('queue_seconds', 'Time that invocations waited for a process.');
    this.#runtime = histogram('runtime_seconds', 'Time that a process had an invocation.');
    const watch = (name: string, help: string, read: () => number) =>
      this.#metrics.watch(PREFIX + name, help, {}, read);
    watch('queued', 'Invocations that wait for a process.', () => dispatcher.queued);
    watch('running', 'Invocations that a process has.', () => dispatcher.running);
    watch('processes', 'Function containers.', () => dispatcher.processes);
    watch('processes_busy', 'Processes with an invocation.', () => dispatcher.busyProcesses);
    watch('processes_usable', 'Processes that live and ask for work.', () => dispatcher.usableProcesses);
  }

  /** A request was answered; `dispatched`: what became of its invocation, if it had one. */
  answered(status: number, dispatched: Dispatched | undefined): void {
    let cell = this.#byStatus.get(status);
    if (!cell) {
      const requests = this.#metrics.counter(`${PREFIX}requests_total`, 'Requests answered, by HTTP status.', ['code']);
      cell = requests.of({ code: String(status) });
      this.#byStatus.set(status, cell);
    }
    cell.add(1);
    const interval = this.#interval;
    interval.requests++;
    if (status >= 500) interval.failures++;
    if (dispatched?.runtime === undefined) return;
    const { queueMs, runtimeMs } = dispatched;
    this.#queue.observe(queueMs / 1000);
    this.#runtime.observe(runtimeMs / 1000);
    interval.handled++;
    interval.queueMs += queueMs;
    interval.runtimeMs += runtimeMs;
    if (queueMs > interval.queueMsMax) interval.queueMsMax = queueMs;
    if (runtimeMs > interval.runtimeMsMax) interval.runtimeMsMax = runtimeMs;
  }

  /** Prometheus text. */
  text(): string {
    return this.#metrics.text();
  }

  /** One line in the embedded metric format about the time since the last one. */
  embedded(namespace: string, functionName: string): string {
    const nowMs = this.#clock.monotonic();
    const { requests, failures, handled, queueMs, queueMsMax, runtimeMs, runtimeMsMax } = this.#interval;
    const { busyMs } = this.#dispatcher;
    const values: Record<string, [value: number, unit: string]> = {
      Requests: [requests, 'Count'],
      Failures: [failures, 'Count'],
      Queued: [this.#dispatcher.queued, 'Count'],
      // How many were busy on average: Σ of the time that each was, by the time that has passed.
      BusyProcesses: [(busyMs - this.#busyMs) / Math.max(1, nowMs - this.#sinceMs), 'Count'],
    };
    if (handled > 0) {
      values.QueueTime = [queueMs / handled, 'Milliseconds'];
      values.QueueTimeMax = [queueMsMax, 'Milliseconds'];
      values.RuntimeTime = [runtimeMs / handled, 'Milliseconds'];
      values.RuntimeTimeMax = [runtimeMsMax, 'Milliseconds'];
    }
    this.#interval = emptyInterval();
    this.#sinceMs = nowMs;
    this.#busyMs = busyMs;
    const definitions = Object.entries(values).map(([Name, [, Unit]]) => ({ Name, Unit }));
    return JSON.stringify({
      _aws: {
        Timestamp: this.#clock.now(),
        CloudWatchMetrics: [{ Namespace: namespace, Dimensions: [['FunctionName']], Metrics: definitions }],
      },
      FunctionName: functionName,
      ...Object.fromEntries(Object.entries(values).map(([name, [value]]) => [name, Math.round(value * 1000) / 1000])),
    });
  }
}

function emptyInterval(): Interval {
  return { requests: 0, failures: 0, handled: 0, queueMs: 0, queueMsMax: 0, runtimeMs: 0, runtimeMsMax: 0 };
}
