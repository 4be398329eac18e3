/** What is counted of the event intake. It decides nothing. */
import type { CounterCell, GaugeCell, HistogramCell, Metrics } from '../../core/index.ts';

/** What became of a message. */
export type Fate = 'matched' | 'unknown' | 'own' | 'duplicate' | 'malformed';

const FATES: readonly Fate[] = ['matched', 'unknown', 'own', 'duplicate', 'malformed'];
/** Native events take about a second, those of a trail up to some minutes. */
const AGE_BUCKETS = [0.5, 1, 2, 5, 10, 30, 60, 120, 300, 900];

export class IntakeMetrics {
  readonly #fates: Readonly<Record<Fate, CounterCell>>;
  readonly #received: CounterCell;
  readonly #age: HistogramCell;
  readonly #available: GaugeCell;

  constructor(metrics: Metrics) {
    this.#received = metrics
      .counter('lambdacontainer_events_received_total', 'Messages received from the event queue', [])
      .of({});
    const fates = metrics.counter(
      'lambdacontainer_events_total',
      'Events by what became of them: matched an object, unknown to us, own call, duplicate, malformed',
      ['fate'],
    );
    this.#fates = Object.fromEntries(FATES.map((fate) => [fate, fates.of({ fate })])) as Record<Fate, CounterCell>;
    this.#age = metrics
      .histogram('lambdacontainer_event_age_seconds', 'How old events were when they were received', [], AGE_BUCKETS)
      .of({});
    this.#available = metrics
      .gauge('lambdacontainer_events_available', '1 while the event queue answers, 0 while only sweeps find drift', [])
      .of({});
  }

  received(count: number): void {
    this.#received.add(count);
  }

  became(fate: Fate): void {
    this.#fates[fate].add(1);
  }

  /** An event's time is of whole seconds, and clocks differ: below zero is zero. */
  aged(ageMs: number): void {
    this.#age.observe(Math.max(0, ageMs) / 1000);
  }

  available(isAvailable: boolean): void {
    this.#available.set(isAvailable ? 1 : 0);
  }
}
