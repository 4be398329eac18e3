/**
 * What the process itself costs and how well its event loop answers, under the names that Prometheus clients use
 * everywhere, so that dashboards for Node.js fit. Values are read when the metrics are; the one thing that goes on
 * meanwhile is the platform's own histogram of the event loop's delay.
 * https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics
 */
import { readdirSync, readFileSync } from 'node:fs';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { Metrics } from '../core/index.ts';

/** How often the delay is sampled; finer costs more wake-ups of an idle process. */
const SAMPLE_MS = 50;
const NS_PER_SEC = 1e9;

/** @param version of the program @returns a function that ends the sampling */
export function processMetrics(metrics: Metrics, version: string): () => void {
  metrics.watch(
    'lambdacontainer_build_info',
    'Always 1; its labels say what runs',
    { version, node: process.versions.node },
    () => 1,
  );
  const seconds = (read: () => number) => () => read() / 1e6;
  const counter = (name: string, help: string, read: () => number) => metrics.watch(name, help, {}, read, 'counter');
  counter(
    'process_cpu_user_seconds_total',
    'CPU time spent in user mode',
    seconds(() => process.cpuUsage().user),
  );
  counter(
    'process_cpu_system_seconds_total',
    'CPU time spent in the kernel',
    seconds(() => process.cpuUsage().system),
  );
  counter('process_cpu_seconds_total', 'CPU time spent', seconds(cpuTime));
  metrics.watch('process_start_time_seconds', 'When the process started, since the epoch', {}, startTime);
  metrics.watch('process_resident_memory_bytes', 'Memory in RAM', {}, () => process.memoryUsage.rss());
  metrics.watch('process_open_fds', 'Open file descriptors; NaN where the platform does not tell', {}, openFiles);
  metrics.watch('process_max_fds', 'How many may be open; NaN where the platform does not tell', {}, openFilesMax);
  metrics.watch('nodejs_heap_size_total_bytes', 'Heap of V8', {}, () => process.memoryUsage().heapTotal);
  metrics.watch('nodejs_heap_size_used_bytes', 'Of it in use', {}, () => process.memoryUsage().heapUsed);
  metrics.watch('nodejs_external_memory_bytes', 'Memory of buffers', {}, () => process.memoryUsage().external);
  return eventLoopMetrics(metrics);
}

function eventLoopMetrics(metrics: Metrics): () => void {
  const delay = monitorEventLoopDelay({ resolution: SAMPLE_MS });
  delay.enable();
  const gauge = (name: string, help: string) => metrics.gauge(name, help, []).of({});
  const lag = (which: string, help: string) =>
    gauge(`nodejs_eventloop_lag_${which}_seconds`, `How late the event loop ran, since last read: ${help}`);
  const [mean, p99, max] = [lag('mean', 'mean'), lag('p99', '99th percentile'), lag('max', 'longest')];
  const used = gauge('nodejs_eventloop_utilization', 'Share of time that the event loop was busy, since last read');
  let before = performance.eventLoopUtilization();
  metrics.beforeReading(() => {
    const now = performance.eventLoopUtilization();
    used.set(performance.eventLoopUtilization(now, before).utilization);
    before = now;
    if (delay.count === 0) return;
    // The histogram counts the sampling's own pause in.
    const late = (ns: number) => Math.max(0, ns / NS_PER_SEC - SAMPLE_MS / 1000);
    mean.set(late(delay.mean));
    p99.set(late(delay.percentile(99)));
    max.set(late(delay.max));
    delay.reset();
  });
  return () => delay.disable();
}

function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

function startTime(): number {
  return performance.timeOrigin / 1000;
}

function openFiles(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return Number.NaN;
  }
}

function openFilesMax(): number {
  try {
    return Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? Number.NaN);
  } catch {
    return Number.NaN;
  }
}
