/**
 * The text of docs/metrics.md: what a daemon declares when it is put together, so that the page cannot tell of a metric
 * that does not exist, nor leave one out. Nothing is sent and nothing listens.
 */
import { assembleDaemon, readSettings } from '../src/cli/start.ts';
import { openTraces } from '../src/cli/traces.ts';
import { type MetricFamily, Metrics, silentLogger } from '../src/core/index.ts';
import { EMF_DIMENSION, EMF_METRICS, EMF_NAMESPACE } from '../src/server/index.ts';

/** Everything that a daemon may say, with every option on. */
export async function declaredMetrics(): Promise<MetricFamily[]> {
  const env = {
    AWS_REGION: 'eu-west-1',
    LAMBDACONTAINER_EVENTS_QUEUE: 'lambdacontainer-events',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
  };
  const settings = readSettings(env);
  const metrics = new Metrics();
  const traces = await openTraces(env, settings.traceEndpoint, settings.lease.version, silentLogger, metrics);
  const daemon = assembleDaemon(env, settings, silentLogger, metrics, traces?.tracer);
  await daemon.close();
  await traces?.close();
  return metrics.families();
}

const GROUPS: readonly { readonly title: string; readonly about: string; readonly of: RegExp }[] = [
  {
    title: 'Queue',
    about: 'Under the names that client-go gave them.',
    of: /^workqueue_/,
  },
  {
    title: 'Passes and leading',
    about: 'Under the names of controller-runtime and client-go.',
    of: /^(controller_runtime_|leader_election_)/,
  },
  {
    title: 'Lease',
    about: '',
    of: /^lambdacontainer_lease_/,
  },
  {
    title: 'AWS',
    about: 'A call is counted when it leaves, after batching and pacing: as AWS counts it.',
    of: /^lambdacontainer_aws_/,
  },
  {
    title: 'Objects and drift',
    about: '',
    of: /^lambdacontainer_(objects?|deletions|drift|max_drift|heal|ready|contended|contention)_?/,
  },
  {
    title: 'Sweeps, relists and events',
    about: 'How the controller finds out.',
    of: /^lambdacontainer_(sweep|relist|rotation|event)/,
  },
  { title: 'Git sources', about: '', of: /^lambdacontainer_git_/ },
  { title: 'Process', about: 'Under the names that Prometheus clients use everywhere.', of: /^(process|nodejs)_/ },
  { title: 'Others', about: '', of: /./ },
];

export async function metricsDocument(): Promise<string> {
  const left = new Set(await declaredMetrics());
  const lines = [
    '# Metrics',
    '',
    '<!-- Generated from what the program declares: npm run generate. -->',
    '',
    '`GET /metrics` of the daemon, in Prometheus’s text format, where it [listens](operating.md#listening). No label names an',
    'object or a resource: the number of time series does not grow with the fleet. A metric that never happened is not in the',
    'text yet. What to watch and what to do: [runbook](runbook.md). Rules and a dashboard to begin with:',
    '[`prometheus-rules.yaml`](../deploy/observability/prometheus-rules.yaml) and',
    '[`grafana-dashboard.json`](../deploy/observability/grafana-dashboard.json).',
    '',
  ];
  for (const { title, about, of } of GROUPS) {
    const members = [...left].filter(({ name }) => of.test(name)).sort((a, b) => (a.name < b.name ? -1 : 1));
    if (members.length === 0) continue;
    for (const member of members) left.delete(member);
    lines.push(
      `## ${title}`,
      '',
      ...(about ? [about, ''] : []),
      '| metric | type | labels | meaning |',
      '| --- | --- | --- | --- |',
    );
    for (const { name, kind, labels, help } of members) {
      const named = labels.map((label) => `\`${label}\``).join(', ');
      lines.push(`| \`${name}\` | ${kind} | ${named} | ${help.replaceAll('|', '\\|')} |`);
    }
    lines.push('');
  }
  lines.push(
    '## CloudWatch',
    '',
    `With \`LAMBDACONTAINER_EMF=1\` a line of the log carries these once a minute, in the Embedded Metric Format: namespace`,
    `\`${EMF_NAMESPACE}\`, one dimension, \`${EMF_DIMENSION}\`. CloudWatch Logs makes metrics of it by itself. Those marked *leader*`,
    'come from the daemon that leads alone.',
    '',
    '| metric | unit | from | meaning |',
    '| --- | --- | --- | --- |',
  );
  for (const { name, unit, of, labels, as, leaderOnly, help } of EMF_METRICS) {
    const chosen = Object.entries(labels ?? {}).map(([label, value]) => `${label}="${value}"`);
    const from = `${as} of \`${of}${chosen.length > 0 ? `{${chosen.join(',')}}` : ''}\``;
    lines.push(`| \`${name}\` | ${unit} | ${from} | ${help}${leaderOnly ? ' (*leader*)' : ''} |`);
  }
  return `${lines.join('\n')}\n`;
}
