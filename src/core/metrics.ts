/**
 * Counters, gauges and histograms, and their Prometheus text. A room takes `Metrics` and declares what it measures; who
 * serves or sends them is not its business. It keeps no time series, pushes nothing, and knows no exporter's library.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */

/** Values of a metric's labels, by name; all of them. */
export type LabelValues<L extends string> = Readonly<Record<L, string>>;

/** One time series of a counter. Keep it where the hot path is: looking it up costs more than counting. */
export interface CounterCell {
  /** Only ever grows. @throws RangeError for a negative amount */
  add(amount: number): void;
  readonly value: number;
}

export interface GaugeCell {
  set(value: number): void;
  readonly value: number;
}

export interface HistogramCell {
  observe(value: number): void;
  readonly count: number;
  readonly sum: number;
}

/** A metric by name: its time series are made by the first `of` their labels. */
export interface Metric<L extends string, Cell> {
  of(labels: LabelValues<L>): Cell;
}

export type MetricKind = 'counter' | 'gauge' | 'histogram';

/** A metric as it was declared. */
export interface MetricFamily {
  readonly name: string;
  readonly kind: MetricKind;
  readonly help: string;
  readonly labels: readonly string[];
}

/** One time series as it stands now. Of a histogram, `value` is the sum of what was observed. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** Of a histogram: how much was observed. */
  readonly count?: number;
}

interface Family extends Omit<MetricFamily, 'name'> {
  readonly series: Map<string, Series>;
}

/** What stands in the text for one set of labels. */
interface Series {
  lines(name: string, labels: string): string[];
  reading(): { readonly value: number; readonly count?: number };
  readonly of: Readonly<Record<string, string>>;
}

export class Metrics {
  readonly #families = new Map<string, Family>();
  readonly #refreshes: (() => void)[] = [];

  counter<L extends string>(name: string, help: string, labels: readonly L[]): Metric<L, CounterCell> {
    return this.#metric('counter', name, help, labels, (of) => new Counter(of));
  }

  gauge<L extends string>(name: string, help: string, labels: readonly L[]): Metric<L, GaugeCell> {
    return this.#metric('gauge', name, help, labels, (of) => new Gauge(of));
  }

  /** `buckets`: upper bounds, ascending; the last one, infinity, goes without saying. */
  histogram<L extends string>(
    name: string,
    help: string,
    labels: readonly L[],
    buckets: readonly number[],
  ): Metric<L, HistogramCell> {
    return this.#metric('histogram', name, help, labels, (of) => new Histogram(of, buckets));
  }

  /**
   * A gauge, or a counter that somebody else counts, which is read when the text is asked for. A second one for the same
   * labels replaces the first.
   */
  watch<L extends string>(
    name: string,
    help: string,
    labels: LabelValues<L>,
    read: () => number,
    kind: 'gauge' | 'counter' = 'gauge',
  ): void {
    const family = this.#family(kind, name, help, Object.keys(labels));
    family.series.set(labelText(family.labels, labels), {
      lines: (n, l) => [`${n}${braces(l)} ${number(read())}`],
      reading: () => ({ value: read() }),
      of: labels,
    });
  }

  /** `refresh` sets gauges that are worked out together; it is called whenever the metrics are about to be read. */
  beforeReading(refresh: () => void): void {
    this.#refreshes.push(refresh);
  }

  /** Everything that was declared, whether it has time series yet or not. */
  families(): MetricFamily[] {
    return [...this.#families].map(([name, { kind, help, labels }]) => ({ name, kind, help, labels }));
  }

  /** Every time series as it stands now. */
  samples(): Sample[] {
    for (const refresh of this.#refreshes) refresh();
    return [...this.#families].flatMap(([name, { series }]) =>
      [...series.values()].map((cell) => ({ name, labels: cell.of, ...cell.reading() })),
    );
  }

  /** In the order in which they were declared. */
  text(): string {
    for (const refresh of this.#refreshes) refresh();
    const lines: string[] = [];
    for (const [name, { kind, help, series }] of this.#families) {
      if (series.size === 0) continue;
      lines.push(`# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`, `# TYPE ${name} ${kind}`);
      for (const [labels, cell] of series) lines.push(...cell.lines(name, labels));
    }
    return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
  }

  #metric<L extends string, Cell extends Series>(
    kind: MetricKind,
    name: string,
    help: string,
    labels: readonly L[],
    make: (of: LabelValues<L>) => Cell,
  ): Metric<L, Cell> {
    const { series } = this.#family(kind, name, help, labels);
    return {
      of: (values) => {
        const key = labelText(labels, values);
        const known = series.get(key) as Cell | undefined;
        if (known) return known;
        const cell = make(values);
        series.set(key, cell);
        return cell;
      },
    };
  }

  /** @throws Error for a name that Prometheus refuses or that means something else already: a programmer's error */
  #family(kind: MetricKind, name: string, help: string, labels: readonly string[]): Family {
    if (!/^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name)) throw new Error(`'${name}' is no name of a metric`);
    const wrong = labels.find((label) => !/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(label) || label === 'le');
    if (wrong !== undefined) throw new Error(`'${wrong}' is no name of a label of ${name}`);
    const known = this.#families.get(name);
    if (!known) {
      const family: Family = { kind, help, labels, series: new Map() };
      this.#families.set(name, family);
      return family;
    }
    if (known.kind !== kind || known.labels.join() !== labels.join()) {
      throw new Error(`the metric ${name} is declared twice, and differently`);
    }
    return known;
  }
}

class Counter implements CounterCell, Series {
  readonly of: Readonly<Record<string, string>>;
  value = 0;

  constructor(of: Readonly<Record<string, string>>) {
    this.of = of;
  }

  add(amount: number): void {
    if (amount < 0) throw new RangeError('a counter only grows');
    this.value += amount;
  }

  lines(name: string, labels: string): string[] {
    return [`${name}${braces(labels)} ${number(this.value)}`];
  }

  reading() {
    return { value: this.value };
  }
}

class Gauge implements GaugeCell, Series {
  readonly of: Readonly<Record<string, string>>;
  value = 0;

  constructor(of: Readonly<Record<string, string>>) {
    this.of = of;
  }

  set(value: number): void {
    this.value = value;
  }

  lines(name: string, labels: string): string[] {
    return [`${name}${braces(labels)} ${number(this.value)}`];
  }

  reading() {
    return { value: this.value };
  }
}

class Histogram implements HistogramCell, Series {
  readonly of: Readonly<Record<string, string>>;
  readonly #bounds: readonly number[];
  /** Observations by bucket, not accumulated; the last is infinity's. */
  readonly #counts: number[];
  count = 0;
  sum = 0;

  constructor(of: Readonly<Record<string, string>>, bounds: readonly number[]) {
    this.of = of;
    if (bounds.some((bound, i) => i > 0 && !(bound > (bounds[i - 1] ?? 0)))) {
      throw new Error('the bounds of a histogram ascend');
    }
    this.#bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let at = 0;
    while (at < bounds.length && value > (bounds[at] as number)) at++;
    this.#counts[at] = (this.#counts[at] as number) + 1;
    this.count++;
    this.sum += value;
  }

  reading() {
    return { value: this.sum, count: this.count };
  }

  lines(name: string, labels: string): string[] {
    const and = labels === '' ? '' : `${labels},`;
    let total = 0;
    const buckets = this.#bounds.map((bound, i) => {
      total += this.#counts[i] as number;
      return `${name}_bucket{${and}le="${number(bound)}"} ${total}`;
    });
    return [
      ...buckets,
      `${name}_bucket{${and}le="+Inf"} ${this.count}`,
      `${name}_sum${braces(labels)} ${number(this.sum)}`,
      `${name}_count${braces(labels)} ${this.count}`,
    ];
  }
}

/** `a="1",b="2"`, in the order of the declaration. */
function labelText(names: readonly string[], values: Readonly<Record<string, string>>): string {
  return names.map((name) => `${name}="${escaped(values[name] ?? '')}"`).join(',');
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function braces(labels: string): string {
  return labels === '' ? '' : `{${labels}}`;
}

/** Prometheus spells infinity in its own way. */
function number(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  return String(value);
}
