/** The lines that CloudWatch makes metrics of: what it demands of them, and what stands in them. */
import { describe, expect, it } from 'vitest';
import { Metrics, VirtualClock } from '../../src/core/index.ts';
import { EMF_METRICS, EMF_PERIOD_MS, EmfReporter } from '../../src/server/index.ts';

interface Line {
  readonly _aws: {
    readonly Timestamp: number;
    readonly CloudWatchMetrics: readonly {
      readonly Namespace: string;
      readonly Dimensions: readonly (readonly string[])[];
      readonly Metrics: readonly { readonly Name: string; readonly Unit: string }[];
    }[];
  };
  readonly [member: string]: unknown;
}

function world() {
  const metrics = new Metrics();
  const clock = new VirtualClock();
  const lines: Line[] = [];
  const role = { leads: true };
  const reporter = new EmfReporter({
    metrics,
    clock,
    stateTable: 'state',
    isLeading: () => role.leads,
    write: (line) => void lines.push(line as Line),
  });
  return { metrics, clock, lines, role, reporter };
}

describe('the Embedded Metric Format', () => {
  it('every line is what CloudWatch reads: named metrics with a number each, and the dimension’s value', async () => {
    const { metrics, clock, lines, reporter } = world();
    metrics.watch('leader_election_master_status', '', { name: 'state' }, () => 1);
    metrics.counter('lambdacontainer_aws_calls_total', '', ['service', 'operation', 'outcome']);
    reporter.start();
    await clock.run(() => lines.length === 2, EMF_PERIOD_MS * 3);
    for (const line of lines) {
      const [directive] = line._aws.CloudWatchMetrics;
      expect(directive).toMatchObject({ Namespace: 'LambdaContainer', Dimensions: [['StateTable']] });
      expect(line.StateTable).toBe('state');
      expect(directive?.Metrics.length).toBeGreaterThan(1);
      // At most 100 metrics: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
      expect(directive?.Metrics.length).toBeLessThanOrEqual(100);
      for (const { Name, Unit } of directive?.Metrics ?? []) {
        expect([typeof line[Name], ['Count', 'Seconds', 'Bytes'].includes(Unit)]).toEqual(['number', true]);
      }
    }
    expect(lines[1]?._aws.Timestamp).toBe((lines[0]?._aws.Timestamp ?? 0) + EMF_PERIOD_MS);
    reporter.stop();
    expect(lines.length, 'the last minute is told when it ends').toBe(3);
  });

  it('counters are told as what they grew by, whatever their labels', () => {
    const { metrics, reporter } = world();
    const calls = metrics.counter('lambdacontainer_aws_calls_total', '', ['service', 'operation', 'outcome']);
    const call = (outcome: string) => calls.of({ service: 'ecs', operation: 'x', outcome }).add(1);
    call('ok');
    call('throttled');
    expect(reporter.line()).toMatchObject({ AwsCalls: 2, AwsThrottled: 1, AwsDenied: 0 });
    call('denied');
    expect(reporter.line()).toMatchObject({ AwsCalls: 1, AwsThrottled: 0, AwsDenied: 1 });
  });

  it('a daemon that follows tells what is its own alone, and what it counted meanwhile is not told when it leads', () => {
    const { metrics, role, reporter } = world();
    const passes = metrics.counter('controller_runtime_reconcile_total', '', ['controller', 'result']);
    metrics.gauge('lambdacontainer_objects', '', ['phase']).of({ phase: 'Stalled' }).set(3);
    metrics.watch('leader_election_master_status', '', { name: 'state' }, () => (role.leads ? 1 : 0));
    role.leads = false;
    passes.of({ controller: 'c', result: 'success' }).add(7);
    const line = reporter.line() as Line;
    expect(line.Leading).toBe(0);
    expect(Object.keys(line)).not.toContain('Passes');
    expect(Object.keys(line)).not.toContain('ObjectsStalled');
    role.leads = true;
    expect(reporter.line()).toMatchObject({ Leading: 1, Passes: 0, Objects: 3, ObjectsStalled: 3 });
  });

  it('what is no number is left out: CloudWatch would refuse the line', () => {
    const { metrics, reporter } = world();
    metrics.watch('lambdacontainer_sweep_age_seconds', '', {}, () => Number.NaN);
    metrics.watch('lambdacontainer_relist_age_seconds', '', {}, () => Number.POSITIVE_INFINITY);
    const line = reporter.line() as Line;
    expect(Object.keys(line)).not.toContain('SweepAge');
    expect(Object.keys(line)).not.toContain('RelistAge');
  });

  it('names each metric once, as CloudWatch allows it', () => {
    const names = EMF_METRICS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => !/^[A-Z][A-Za-z]{1,60}$/.test(name))).toEqual([]);
  });
});
