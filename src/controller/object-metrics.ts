/**
 * How the objects are: how many in which phase, under which conditions, with what drift, and how long it took to put
 * things right. The numbers are worked out of what is remembered whenever they are read, so a steady fleet costs nothing
 * meanwhile; what passes are told of is counted as it happens. No label names an object.
 */
import { CONDITION_TYPES, type LambdaContainerStatus } from '../api/index.ts';
import type { Clock, CounterCell, GaugeCell, HistogramCell, Metric, Metrics } from '../core/index.ts';
import type { ObjectEvent } from '../resource/index.ts';
import type { InventoryOutline, StatusOutline } from './remembered-object.ts';

const PHASES = ['Pending', 'Reconciling', 'Ready', 'Stalled', 'Deleting', 'DeletionHeld', 'Suspended'] as const;
const HOLDS = ['Protected', 'TooManyDeletions', 'TableReplaced', 'TableEmpty'] as const;
const STATUSES = ['True', 'False', 'Unknown'] as const;
/** A heal is seconds where a call suffices, and minutes where tasks must start or an image be built. */
const LATENCY_BUCKETS = [1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600];

/** What is read of an object. */
interface Remembered {
  readonly statusOutline?: StatusOutline | undefined;
  readonly inventoryOutline?: Pick<InventoryOutline, 'held'> | undefined;
}

export class ObjectMetrics {
  readonly #objects: () => readonly Remembered[];
  readonly #clock: Clock;
  readonly #phases: Metric<'phase', GaugeCell>;
  readonly #conditions: Metric<'condition' | 'status', GaugeCell>;
  readonly #held: Metric<'reason', GaugeCell>;
  readonly #serving: Metric<'by', GaugeCell>;
  readonly #drifted: GaugeCell;
  readonly #oldestDrift: GaugeCell;
  readonly #found: Metric<'reason', CounterCell>;
  readonly #healed: HistogramCell;
  readonly #ready: HistogramCell;

  constructor(metrics: Metrics, memory: { objects(): readonly Remembered[] }, clock: Clock) {
    this.#objects = () => memory.objects();
    this.#clock = clock;
    this.#phases = metrics.gauge('lambdacontainer_objects', 'Objects by phase', ['phase']);
    this.#conditions = metrics.gauge(
      'lambdacontainer_object_conditions',
      'Objects that have a condition, by its type and status',
      ['condition', 'status'],
    );
    this.#held = metrics.gauge('lambdacontainer_deletions_held', 'Deletions that wait for a person, by reason', [
      'reason',
    ]);
    this.#serving = metrics.gauge(
      'lambdacontainer_objects_served',
      'Objects by who serves them; one that both serve counts in parts',
      ['by'],
    );
    this.#drifted = metrics.gauge('lambdacontainer_drift_objects', 'Objects with drift that stands', []).of({});
    this.#oldestDrift = metrics
      .gauge('lambdacontainer_drift_oldest_seconds', 'Age of the oldest drift that stands', [])
      .of({});
    this.#found = metrics.counter('lambdacontainer_drift_found_total', 'Drifts that were found, by reason', ['reason']);
    this.#healed = metrics
      .histogram('lambdacontainer_heal_seconds', 'From finding a drift to Ready again', [], LATENCY_BUCKETS)
      .of({});
    this.#ready = metrics
      .histogram('lambdacontainer_ready_seconds', 'From no longer Ready to Ready, drift left out', [], LATENCY_BUCKETS)
      .of({});
    metrics.beforeReading(() => this.#refresh());
  }

  /** What a pass told: its events are news, so each drift and each healing comes once. */
  told(before: LambdaContainerStatus | undefined, after: LambdaContainerStatus, events: readonly ObjectEvent[]): void {
    for (const { node, path, reason } of after.drift) {
      const isKnown = before?.drift.some((known) => known.node === node && known.path === path);
      if (!isKnown) this.#found.of({ reason }).add(1);
    }
    for (const { reason, tookMs, node } of events) {
      if (node !== undefined || tookMs === undefined) continue;
      if (reason === 'Healed') this.#healed.observe(tookMs / 1000);
      else if (reason === 'Ready') this.#ready.observe(tookMs / 1000);
    }
  }

  #refresh(): void {
    const phases = new Map<string, number>();
    const conditions = new Map<string, number>();
    const held = new Map<string, number>();
    const serving = { lambda: 0, fargate: 0 };
    let drifted = 0;
    let oldestMs = Number.POSITIVE_INFINITY;
    for (const { statusOutline: status, inventoryOutline } of this.#objects()) {
      const hold = inventoryOutline?.held?.reason;
      if (hold) count(held, hold);
      if (!status) continue;
      count(phases, status.phase);
      for (const { type, status: holds } of status.conditions) count(conditions, `${type} ${holds}`);
      serving.lambda += (status.placement?.serving.lambda ?? 0) / 100;
      serving.fargate += (status.placement?.serving.fargate ?? 0) / 100;
      if (status.drift.length > 0) drifted++;
      for (const { since } of status.drift) oldestMs = Math.min(oldestMs, Date.parse(since));
    }
    for (const phase of PHASES) this.#phases.of({ phase }).set(phases.get(phase) ?? 0);
    for (const condition of CONDITION_TYPES) {
      for (const status of STATUSES) {
        this.#conditions.of({ condition, status }).set(conditions.get(`${condition} ${status}`) ?? 0);
      }
    }
    for (const reason of HOLDS) this.#held.of({ reason }).set(held.get(reason) ?? 0);
    this.#serving.of({ by: 'lambda' }).set(serving.lambda);
    this.#serving.of({ by: 'fargate' }).set(serving.fargate);
    this.#drifted.set(drifted);
    this.#oldestDrift.set(drifted === 0 ? 0 : Math.max(0, this.#clock.now() - oldestMs) / 1000);
  }
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
