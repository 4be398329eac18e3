/**
 * What a platform engineer scrapes: the assembled daemon behind its listener, its text before a parser that is not ours,
 * and the documents, alarms, rules and dashboards that name its metrics.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { metricsDocument } from '../../scripts/metrics-document.ts';
import { callMetrics } from '../../src/aws/index.ts';
import { assembleDaemon, type Daemon, readSettings } from '../../src/cli/start.ts';
import { Metrics, silentLogger } from '../../src/core/index.ts';
import { EMF_METRICS, EMF_NAMESPACE, type HttpListener, listen } from '../../src/server/index.ts';

const ROOT = join(import.meta.dirname, '../..');
const ENV = {
  AWS_REGION: 'eu-west-1',
  AWS_ACCESS_KEY_ID: 'x',
  AWS_SECRET_ACCESS_KEY: 'planted-secret-of-the-sdk',
  LAMBDACONTAINER_EVENTS_QUEUE: 'lambdacontainer-events',
};
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

let daemon: Daemon;
let listener: HttpListener;
let text: string;

beforeAll(async () => {
  const metrics = new Metrics();
  daemon = assembleDaemon(ENV, readSettings(ENV), silentLogger, metrics);
  const counted = callMetrics(metrics);
  counted({ service: 'ecs', operation: 'describeServices', outcome: 'ok', tookMs: 12, changes: false });
  const throttled = { outcome: 'error', kind: 'throttled', code: 'ThrottlingException' } as const;
  counted({ service: 'ecs', operation: 'describeServices', ...throttled, tookMs: 3, changes: false });
  listener = await listen({ address: '127.0.0.1', port: 0, routes: daemon.routes, logger: silentLogger });
  const answer = await ask('/metrics');
  expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  text = await answer.text();
});
afterAll(async () => {
  await listener.close();
  await daemon.close();
});

function ask(path: string): Promise<Response> {
  return fetch(`http://127.0.0.1:${listener.port}${path}`);
}

describe('the daemon’s listener', () => {
  it('answers health, readiness and metrics, each under its whole path alone', async () => {
    expect((await ask('/healthz')).status).toBe(200);
    expect(await (await ask('/readyz')).json()).toMatchObject({ status: 'ok', checks: [{ name: 'role' }, {}, {}, {}] });
    expect((await ask('/metrics/')).status).toBe(404);
    expect((await ask('/healthzz')).status).toBe(404);
  });

  it('measures what controller-runtime and client-go measure, under their names', () => {
    for (const series of [
      'workqueue_depth{name="lambdacontainer",priority="change"} 0',
      'workqueue_adds_total{name="lambdacontainer"} 0',
      'workqueue_unfinished_work_seconds{name="lambdacontainer"} 0',
      'workqueue_longest_running_processor_seconds{name="lambdacontainer"} 0',
      'controller_runtime_reconcile_total{controller="lambdacontainer",result="success"} 0',
      'controller_runtime_reconcile_errors_total{controller="lambdacontainer"} 0',
      'controller_runtime_max_concurrent_reconciles{controller="lambdacontainer"} 16',
      'leader_election_master_status{name="lambdacontainer-state"} 0',
      'lambdacontainer_aws_calls_total{service="ecs",operation="describeServices",outcome="throttled"} 1',
      'lambdacontainer_aws_failures_total{service="ecs",code="ThrottlingException"} 1',
      'lambdacontainer_objects{phase="Ready"} 0',
    ]) {
      expect(text.split('\n')).toContain(series);
    }
    expect(text).not.toContain('planted-secret');
  });

  it('counts codes beyond two hundred together: they are AWS’s words, not ours', () => {
    const metrics = new Metrics();
    const counted = callMetrics(metrics);
    for (let i = 0; i < 500; i++) {
      counted({ service: 'ecs', operation: 'x', outcome: 'error', code: `E${i}`, tookMs: 1, changes: false });
    }
    const codes = metrics.samples().filter(({ name }) => name === 'lambdacontainer_aws_failures_total');
    expect(codes.length).toBe(201);
    expect(codes.find(({ labels }) => labels.code === 'other')?.value).toBe(300);
  });
});

const PARSER = `
import json, sys
from prometheus_client.parser import text_string_to_metric_families
print(json.dumps([[f.name, f.type, len(f.samples)] for f in text_string_to_metric_families(sys.stdin.read())]))
`;
const hasParser = spawnSync('python3', ['-c', 'import prometheus_client']).status === 0;

it.skipIf(!hasParser)('Prometheus’ own Python parser reads the text (python3 with prometheus_client is needed)', () => {
  const parsed = JSON.parse(execFileSync('python3', ['-c', PARSER], { input: text, encoding: 'utf8' })) as unknown[][];
  const types = new Map(parsed.map(([name, type]) => [name, type]));
  // That parser leaves `_total` out of a counter's name.
  for (const { name, kind, labels } of daemon.metrics.families()) {
    const has = text.includes(`# TYPE ${name} `);
    if (has)
      expect([name, types.get(kind === 'counter' ? name.replace(/_total$/, '') : name), labels.length]).toEqual([
        name,
        kind,
        labels.length,
      ]);
  }
  expect(parsed.length).toBeGreaterThan(35);
});

describe('what names metrics', () => {
  const declared = new Set<string>();
  beforeAll(() => {
    for (const { name, kind } of daemon.metrics.families()) {
      for (const suffix of kind === 'histogram' ? ['_bucket', '_sum', '_count'] : [''])
        declared.add(`${name}${suffix}`);
    }
  });
  const named = (source: string) =>
    new Set(
      source.match(/\b(lambdacontainer|workqueue|controller_runtime|leader_election|process|nodejs)_[a-z0-9_]+/g),
    );

  it('docs/metrics.md is what the program declares (npm run generate)', async () => {
    expect(await metricsDocument()).toBe(read('docs/metrics.md'));
  });

  it.each([
    'deploy/observability/prometheus-rules.yaml',
    'deploy/observability/grafana-dashboard.json',
    'docs/runbook.md',
  ] as const)('%s names no metric that does not exist', (path) => {
    const names = named(read(path));
    expect(names.size).toBeGreaterThan(5);
    expect([...names].filter((name) => !declared.has(name))).toEqual([]);
  });

  it('what is sent to CloudWatch is made of metrics that exist', () => {
    const families = new Set(daemon.metrics.families().map(({ name }) => name));
    expect(EMF_METRICS.filter(({ of }) => !families.has(of))).toEqual([]);
  });

  it('every alarm and widget on our own metrics in CloudWatch is on one that is sent', () => {
    const template = read('deploy/monitoring.yaml');
    const alarms = [...template.matchAll(/Namespace: (\S+)\n\s+MetricName: (\w+)/g)].flatMap(([, space, name]) =>
      space === EMF_NAMESPACE ? [name] : [],
    );
    const widgets = [...template.matchAll(/\["LambdaContainer",\s*"(\w+)"/g)].map(([, name]) => name);
    const sent = new Set<string | undefined>(EMF_METRICS.map(({ name }) => name));
    expect(alarms.length).toBeGreaterThan(2);
    expect([...alarms, ...widgets].filter((name) => !sent.has(name))).toEqual([]);
  });

  it('the runbook says of every alarm, of Prometheus and of CloudWatch, what to do', () => {
    const runbook = read('docs/runbook.md');
    const told = new Set([...runbook.matchAll(/^Alarms: (.*)$/gm)].flatMap(([, names]) => names?.match(/\w+/g) ?? []));
    const rules = [...read('deploy/observability/prometheus-rules.yaml').matchAll(/alert: (\w+)/g)].map(
      ([, name]) => name,
    );
    const alarms = [...read('deploy/monitoring.yaml').matchAll(/^ {2}(\w+Alarm):$/gm)].map(([, name]) => name);
    expect(rules.length).toBeGreaterThan(9);
    expect([...rules, ...alarms].filter((name) => !told.has(name ?? ''))).toEqual([]);
    for (const [, section] of runbook.matchAll(/^Alarms: .*\n\n([\s\S]*?)(?=\n##|\n###)/gm)) {
      expect(section).toMatch(/^- Means: [\s\S]*^- Look: [\s\S]*^- Do: /m);
    }
  });

  it('rules and dashboard have the shape that Prometheus and Grafana read', () => {
    const rules = parse(read('deploy/observability/prometheus-rules.yaml')) as {
      groups: { name: string; rules: Record<string, unknown>[] }[];
    };
    for (const rule of rules.groups.flatMap((group) => group.rules)) {
      expect(rule).toMatchObject({
        alert: expect.any(String),
        expr: expect.any(String),
        labels: { severity: expect.any(String) },
      });
      expect(rule.annotations).toMatchObject({ summary: expect.any(String) });
    }
    const dashboard = JSON.parse(read('deploy/observability/grafana-dashboard.json')) as {
      panels: { id: number; gridPos: { x: number; w: number }; targets: { expr: string }[] }[];
    };
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    for (const { gridPos, targets } of dashboard.panels) {
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      expect(targets.every(({ expr }) => expr.length > 0)).toBe(true);
    }
  });
});
