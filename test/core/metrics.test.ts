import { describe, expect, it } from 'vitest';
import { Metrics } from '../../src/core/index.ts';

describe('metrics', () => {
  it('writes the Prometheus text of counters, gauges and histograms, in the order of their declaration', () => {
    const metrics = new Metrics();
    const calls = metrics.counter('aws_calls_total', 'Calls', ['service', 'outcome']);
    const age = metrics.gauge('age_seconds', 'Age', []);
    const took = metrics.histogram('took_seconds', 'Duration', ['name'], [0.1, 1]);
    calls.of({ service: 'ecs', outcome: 'ok' }).add(2);
    calls.of({ service: 'ecs', outcome: 'ok' }).add(1);
    calls.of({ outcome: 'error', service: 'ecs' }).add(1);
    age.of({}).set(1.5);
    for (const seconds of [0.05, 0.1, 0.5, 7]) took.of({ name: 'a' }).observe(seconds);
    metrics.watch('depth', 'Depth', { name: 'a' }, () => 3);
    expect(metrics.text()).toBe(
      [
        '# HELP aws_calls_total Calls',
        '# TYPE aws_calls_total counter',
        'aws_calls_total{service="ecs",outcome="ok"} 3',
        'aws_calls_total{service="ecs",outcome="error"} 1',
        '# HELP age_seconds Age',
        '# TYPE age_seconds gauge',
        'age_seconds 1.5',
        '# HELP took_seconds Duration',
        '# TYPE took_seconds histogram',
        'took_seconds_bucket{name="a",le="0.1"} 2',
        'took_seconds_bucket{name="a",le="1"} 3',
        'took_seconds_bucket{name="a",le="+Inf"} 4',
        'took_seconds_sum{name="a"} 7.65',
        'took_seconds_count{name="a"} 4',
        '# HELP depth Depth',
        '# TYPE depth gauge',
        'depth{name="a"} 3',
        '',
      ].join('\n'),
    );
  });

  it('reads watched values when asked, and the newest watcher wins', () => {
    const metrics = new Metrics();
    let depth = 1;
    metrics.watch('depth', 'Depth', {}, () => depth);
    depth = 2;
    expect(metrics.text()).toContain('depth 2');
    metrics.watch('depth', 'Depth', {}, () => Number.POSITIVE_INFINITY);
    expect(metrics.text()).toContain('depth +Inf');
  });

  it('escapes what would break the format', () => {
    const metrics = new Metrics();
    metrics.counter('a_total', 'line\nbreak \\', ['key']).of({ key: 'a"b\\c\nd' }).add(1);
    expect(metrics.text()).toContain('# HELP a_total line\\nbreak \\\\');
    expect(metrics.text()).toContain('a_total{key="a\\"b\\\\c\\nd"} 1');
  });

  it('says nothing of what was declared and never happened', () => {
    const metrics = new Metrics();
    metrics.counter('a_total', 'A', ['key']);
    expect(metrics.text()).toBe('');
  });

  it.each([
    { reason: 'a name with a hyphen', declare: (m: Metrics) => m.counter('a-b', '', []) },
    { reason: 'a label that histograms use', declare: (m: Metrics) => m.counter('a', '', ['le']) },
    { reason: 'the same name for another type', declare: (m: Metrics) => m.gauge('known', '', []) },
    { reason: 'the same name with other labels', declare: (m: Metrics) => m.counter('known', '', ['x']) },
    { reason: 'a counter that shrinks', declare: (m: Metrics) => m.counter('known', '', []).of({}).add(-1) },
    { reason: 'bounds that do not ascend', declare: (m: Metrics) => m.histogram('h', '', [], [1, 1]).of({}) },
  ])('refuses $reason', ({ declare }) => {
    const metrics = new Metrics();
    metrics.counter('known', '', []);
    expect(() => declare(metrics)).toThrow();
  });
});
