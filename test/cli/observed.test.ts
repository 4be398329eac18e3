/**
 * What a running controller lets be seen of an object's life: lines of the log that one filter finds, spans that an OTLP
 * receiver gets, and nowhere a secret. One world is lived through once; each test looks at what it left behind.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTraces, type Traces } from '../../src/cli/traces.ts';
import { Metrics } from '../../src/core/index.ts';
import { functionCode } from '../simulation/world.ts';
import { LiveWorld, TABLES } from './live-world.ts';

/** Values that may appear nowhere but where they were put. The last ones look like secrets, the first does not. */
const PLANTED = {
  ofFunction: 'planted0function0plain',
  ofFunctionSecret: 'planted1function1password',
  ofSpec: 'planted2spec2value',
  ofSpecSecret: 'planted3spec3token',
  rotated: 'planted4rotated4token',
  refused: 'planted5refused5token',
  misplaced: 'planted6misplaced6token',
  misnamed: 'planted7misnamed7token',
};

interface LogLine {
  readonly level: number;
  readonly time: string;
  readonly msg: string;
  readonly key?: string;
  readonly pass?: number;
  readonly generation?: number;
  readonly reason?: string;
}
interface Spanned {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly attributes: readonly { readonly key: string; readonly value: Record<string, unknown> }[];
}

let live: LiveWorld;
let receiver: Server;
let traces: Traces | undefined;
let answer = 200;
const lines: string[] = [];
const spans: Spanned[] = [];
const printed: Record<string, string> = {};
let driftedAt = '';
let healedAt = '';

const spec = (token: string, extra: object = {}) => ({
  source: { functionRef: { name: 'guarded' } },
  placement: { mode: 'fargate' },
  environment: { MODE: PLANTED.ofSpec, API_TOKEN: token },
  acknowledgePlaintextEnvironment: true,
  ...extra,
});

beforeAll(async () => {
  receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString()) as {
        resourceSpans: { scopeSpans: { spans: Spanned[] }[] }[];
      };
      if (answer === 200)
        spans.push(...body.resourceSpans.flatMap((of) => of.scopeSpans.flatMap((scope) => scope.spans)));
      response.writeHead(answer, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((listening) => receiver.listen(0, '127.0.0.1', listening));
  const endpoint = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/v1/traces`;

  live = await LiveWorld.create();
  const { world } = live;
  const clock = () => `,"time":"${new Date(world.clock.now()).toISOString()}"`;
  world.logger = pino(
    { level: 'debug', base: null, timestamp: clock },
    { write: (line: string) => void lines.push(line) },
  );
  traces = await openTraces({}, endpoint, '1', world.logger as never, world.metrics);
  world.tracer = traces?.tracer;
  const { Configuration } = await live.aws.lambda.getFunction({ FunctionName: 'hello' });
  await live.aws.lambda.createFunction({
    FunctionName: 'guarded',
    Role: Configuration?.Role,
    Runtime: 'nodejs22.x',
    Handler: 'index.handler',
    Code: { ZipFile: functionCode('guarded') },
    Environment: { Variables: { PLAIN: PLANTED.ofFunction, DB_PASSWORD: PLANTED.ofFunctionSecret } },
  });
  await world.run(30_000);
  await live.serve('shop', 'checkout', spec(PLANTED.ofSpecSecret));
  await live.serve('shop', 'cart', { source: { functionRef: { name: 'hello' } }, placement: { mode: 'fargate' } });

  driftedAt = new Date(world.clock.now()).toISOString();
  const { serviceArns = [] } = await live.aws.ecs.listServices({ cluster: 'lambdacontainer' });
  const service = serviceArns.find((arn) => arn.includes('checkout')) ?? '';
  await live.aws.ecs.updateService({ cluster: 'lambdacontainer', service, desiredCount: 0 });
  await world.run(3 * 60_000);
  await world.until('the drift is healed', () => world.isReady('shop', 'checkout'));
  healedAt = new Date(world.clock.now()).toISOString();

  // A change, a refusal and a look at both, while the objects stand.
  await world.put('shop', 'checkout', spec(PLANTED.rotated, { environment: { API_TOKEN: PLANTED.rotated } }));
  const file = live.file('next.yaml', manifestOf(PLANTED.ofSpecSecret));
  for (const args of [
    ['plan', '-f', file],
    ['plan', '-f', file, '-o', 'json'],
    ['diff', '-f', file],
  ]) {
    const { out, err } = await live.run(args);
    printed[args.join(' ')] = `${out}${err}`;
  }
  await world.run(60_000);
  await world.until('the change is rolled out', () => world.isReady('shop', 'checkout'));
  await world.put('shop', 'checkout', spec(PLANTED.rotated, { compute: { cpu: 'nonsense' } }));
  // Records that are refused, and told why: without acknowledging, as a list, under a name that there is not.
  const refused = { source: { functionRef: { name: 'hello' } } };
  await world.put('shop', 'refused', { ...refused, environment: { API_TOKEN: PLANTED.refused } });
  await world.put('shop', 'misplaced', { ...refused, environment: { DB_PASSWORD: [PLANTED.misplaced] } });
  await world.put('shop', 'misnamed', { ...refused, environment: PLANTED.misnamed, secrets: { DB: PLANTED.misnamed } });
  await world.run(10_000);
  for (const args of [
    ['describe', 'checkout', '-n', 'shop'],
    ['describe', 'refused', '-n', 'shop'],
    ['events', 'checkout', '-n', 'shop'],
    ['get', '-A'],
    ['get', '-A', '-o', 'wide'],
  ]) {
    const { out, err } = await live.run(args);
    printed[args.join(' ')] = `${out}${err}`;
  }
  await world.stop();
  await traces?.close();
}, 60_000);
afterAll(async () => {
  await live.close();
  receiver.closeAllConnections();
  await new Promise((closed) => receiver.close(closed));
});

function manifestOf(token: string): string {
  return `apiVersion: lambdacontainer.dev/v1alpha1
kind: LambdaContainer
metadata: { name: checkout, namespace: shop }
spec: ${JSON.stringify(spec(token))}
`;
}

const logged = () => lines.map((line) => JSON.parse(line) as LogLine);

describe('the log', () => {
  it('names pass and generation on every line that a pass wrote of its object', () => {
    const told = logged().filter(({ key, reason }) => key !== undefined && reason !== undefined);
    expect(told.length).toBeGreaterThan(10);
    for (const line of told) expect(line).toMatchObject({ pass: expect.any(Number), generation: expect.any(Number) });
    const ready = told.filter(({ key, reason }) => key === 'shop/cart' && reason === 'Ready');
    expect(ready.length, 'no other object’s lines are among them').toBe(1);
  });

  it('answers what happened to an object within some minutes by one filter', () => {
    const found = logged().filter(({ key, time }) => key === 'shop/checkout' && time >= driftedAt && time < healedAt);
    const reasons = found.map(({ reason }) => reason);
    expect(reasons).toContain('Healed');
    expect(reasons.indexOf('Updated')).toBeLessThan(reasons.indexOf('Healed'));
    expect(new Set(found.map(({ key }) => key))).toEqual(new Set(['shop/checkout']));
  });

  const hasJq = spawnSync('jq', ['--version']).status === 0;
  it.skipIf(!hasJq)('the runbook’s filter finds the same lines (jq is needed)', () => {
    const runbook = readFileSync(join(import.meta.dirname, '../../docs/runbook.md'), 'utf8');
    const filter = /^jq -c '([^']+)' daemon\.log$/m.exec(runbook)?.[1] ?? '';
    const asked = filter.replace('2026-11-21T10:00', driftedAt).replace('2026-11-21T10:05', healedAt);
    const out = execFileSync('jq', ['-c', asked], { input: lines.join(''), encoding: 'utf8' })
      .trim()
      .split('\n');
    const same = logged().filter(({ key, time }) => key === 'shop/checkout' && time >= driftedAt && time < healedAt);
    expect(out.map((line) => (JSON.parse(line) as LogLine).msg)).toEqual(same.map(({ msg }) => msg));
  });

  it('the runbook’s query of CloudWatch Logs Insights asks for fields that lines have', () => {
    const runbook = readFileSync(join(import.meta.dirname, '../../docs/runbook.md'), 'utf8');
    const fields = /^fields @timestamp, (.*)$/m.exec(runbook)?.[1]?.split(', ') ?? [];
    expect(fields).toContain('msg');
    // Those of calls are tested where calls are: they are made over the SDK.
    const ofCalls = ['service', 'operation', 'outcome', 'code', 'requestId'];
    const known = new Set(logged().flatMap((line) => Object.keys(line)));
    expect(fields.filter((field) => !ofCalls.includes(field) && !known.has(field))).toEqual([]);
  });
});

describe('secrets', () => {
  const values = Object.entries(PLANTED);

  it('were really there: the tasks run with them', async () => {
    const { taskDefinitionArns = [] } = await live.aws.ecs.listTaskDefinitions({});
    const texts = await Promise.all(
      taskDefinitionArns.map(async (taskDefinition) =>
        JSON.stringify(await live.aws.ecs.describeTaskDefinition({ taskDefinition })),
      ),
    );
    const running = [
      PLANTED.ofFunction,
      PLANTED.ofFunctionSecret,
      PLANTED.ofSpec,
      PLANTED.ofSpecSecret,
      PLANTED.rotated,
    ];
    expect(running.filter((value) => !texts.some((text) => text.includes(value)))).toEqual([]);
    const stalled = await Promise.all(
      ['refused', 'misplaced', 'misnamed'].map((name) => live.world.status('shop', name)),
    );
    expect(stalled.map((status) => status?.phase)).toEqual(['Stalled', 'Stalled', 'Stalled']);
  });

  it.each(values)('no line of the log, at the level of debug, has %s', (_, value) => {
    expect(lines.filter((line) => line.includes(value))).toEqual([]);
  });

  it.each(values)(
    'nothing in the state table (status, events, decisions, inventory, revisions) has %s',
    async (_, value) => {
      const { Items = [] } = await live.aws.dynamodb.scan({ TableName: TABLES.state });
      expect(Items.length).toBeGreaterThan(20);
      expect(Items.filter((item) => JSON.stringify(item).includes(value))).toEqual([]);
    },
  );

  it.each(values)('no span and no metric has %s', (_, value) => {
    expect(JSON.stringify(spans)).not.toContain(value);
    expect(live.world.metrics.text()).not.toContain(value);
  });

  it.each(values)('what the command line prints of plans, differences, states and events has no %s', (name, value) => {
    // A value that neither looks like a secret nor is called one is the user's to read.
    if (name === 'ofSpec' || name === 'ofFunction') return;
    expect(Object.entries(printed).filter(([, text]) => text.includes(value))).toEqual([]);
    expect(Object.values(printed).every((text) => text.length > 0)).toBe(true);
  });
});

it('the metrics of that life are what happened', () => {
  const { metrics } = live.world;
  const reading = (name: string, labels: Record<string, string> = {}) =>
    metrics
      .samples()
      .find(
        (sample) =>
          sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
      );
  expect(reading('lambdacontainer_drift_found_total', { reason: 'DesiredCountDrift' })?.value).toBe(1);
  expect(reading('lambdacontainer_heal_seconds')?.count).toBe(1);
  expect(reading('lambdacontainer_objects', { phase: 'Ready' })?.value).toBe(1);
  expect(reading('lambdacontainer_objects', { phase: 'Stalled' })?.value).toBe(4);
  expect(reading('lambdacontainer_lease_epoch')?.value).toBe(1);
  expect(reading('leader_election_master_status')?.value, 'it was stopped').toBe(0);
  expect(reading('controller_runtime_reconcile_total', { result: 'success' })?.value).toBeGreaterThan(3);
  expect(reading('workqueue_work_duration_seconds')?.count).toBe(
    metrics
      .samples()
      .filter(({ name }) => name === 'controller_runtime_reconcile_total')
      .reduce((sum, { value }) => sum + value, 0),
  );
});

describe('traces', () => {
  const named = (name: string) => spans.filter((span) => span.name === name);
  const attribute = (span: Spanned | undefined, key: string) =>
    Object.values(span?.attributes.find((of) => of.key === key)?.value ?? {})[0];

  it('a pass is a span with its object, number, generation and outcome', () => {
    const passes = named('reconcile').filter((span) => attribute(span, 'lambdacontainer.key') === 'shop/checkout');
    expect(passes.length).toBeGreaterThan(3);
    expect(passes.every(({ parentSpanId }) => !parentSpanId)).toBe(true);
    expect(passes.some((span) => attribute(span, 'lambdacontainer.generation') !== undefined)).toBe(true);
    expect(new Set(passes.map((span) => attribute(span, 'lambdacontainer.outcome')))).toContain('done');
    expect(new Set(passes.map((span) => attribute(span, 'lambdacontainer.pass'))).size).toBe(passes.length);
  });

  it.each([
    { child: 'observe', parent: 'reconcile' },
    { child: 'compose', parent: 'observe' },
    { child: 'plan', parent: 'reconcile' },
    { child: 'execute', parent: 'reconcile' },
    { child: 'create ecs-service', parent: 'execute' },
  ])('$child is within $parent', ({ child, parent }) => {
    const byId = new Map(spans.map((span) => [span.spanId, span]));
    const found = named(child);
    expect(found.length).toBeGreaterThan(0);
    for (const { parentSpanId, traceId } of found) {
      expect(byId.get(parentSpanId ?? '')).toMatchObject({ name: parent, traceId });
    }
  });
});

describe('where nothing is asked for', () => {
  it('nothing is opened, and so nothing sent', async () => {
    expect(await openTraces({}, undefined, '1', pino({ level: 'silent' }), new Metrics())).toBeUndefined();
  });
});

describe('a receiver that does not take what is sent', () => {
  async function losing(endpoint: string) {
    const said: string[] = [];
    const logger = pino({ level: 'warn' }, { write: (line: string) => void said.push(line) });
    const metrics = new Metrics();
    const opened = await openTraces({}, endpoint, '1', logger, metrics);
    for (let i = 0; i < 3; i++) {
      const span = opened?.tracer.start('reconcile');
      span?.child('plan').end();
      span?.end('failed');
    }
    const startedMs = performance.now();
    await opened?.close();
    return { said, metrics, tookMs: performance.now() - startedMs };
  }

  it('its spans are lost and counted, and one line says so', async () => {
    answer = 400;
    const { said, metrics } = await losing(`http://127.0.0.1:${(receiver.address() as AddressInfo).port}/v1/traces`);
    expect(metrics.text()).toContain('lambdacontainer_trace_spans_total{outcome="lost"} 6');
    expect(said.filter((line) => line.includes('traces cannot be sent'))).toHaveLength(1);
  });

  it('one that is gone holds nobody up, not even at the end', async () => {
    const { tookMs } = await losing('http://127.0.0.1:9/v1/traces');
    expect(tookMs).toBeLessThan(1_500);
  });
});
