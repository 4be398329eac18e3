/** What the adapter measures, told as Prometheus text and in CloudWatch's embedded format. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { Dispatcher } from '../../src/adapter/dispatcher.ts';
import { Measures } from '../../src/adapter/measures.ts';
import { RuntimeApi } from '../../src/adapter/runtime-api.ts';
import { VirtualClock } from '../../src/core/index.ts';
import { ask, codeFolder, FUNCTION_ARN, nodeRuntime, serving, startRuntime, testAdapter } from './support.ts';

const NEXT = '/2018-06-01/runtime/invocation/next';

async function measured() {
  const clock = new VirtualClock();
  const runtimes = [new RuntimeApi({ clock }), new RuntimeApi({ clock })];
  onTestFinished(async () => {
    for (const runtime of runtimes) await runtime.close();
  });
  const dispatcher = new Dispatcher({ runtimes, clock, functionArn: FUNCTION_ARN, queueMax: 100 });
  const measures = new Measures(dispatcher, clock);
  const port = (await runtimes[0]?.listen()) ?? 0;
  /** Lets virtual time pass, whether anything waits for it or not. */
  const pass = (ms: number) => {
    clock.after(ms, () => {});
    clock.step();
  };
  const respond = (id: string) =>
    ask(port, `/2018-06-01/runtime/invocation/${id}/response`, { method: 'POST', body: '1' });
  return { clock, dispatcher, measures, port, pass, respond };
}

test('queue time, runtime time and busy processes, as Prometheus text', async () => {
  const { dispatcher, measures, port, pass, respond } = await measured();
  const first = dispatcher.dispatch({ requestId: 'a', event: Buffer.from('1') });
  const second = dispatcher.dispatch({ requestId: 'b', event: Buffer.from('2') });
  pass(250);
  await ask(port, NEXT);
  expect([dispatcher.running, dispatcher.queued, dispatcher.busyProcesses, dispatcher.processes]).toEqual([1, 1, 1, 2]);
  pass(500);
  expect(dispatcher.longestMs).toBe(500);
  const lines = measures.text().split('\n');
  for (const line of [
    'lambdacontainer_adapter_queued 1',
    'lambdacontainer_adapter_running 1',
    'lambdacontainer_adapter_processes 2',
    'lambdacontainer_adapter_processes_busy 1',
    'lambdacontainer_adapter_processes_usable 1',
  ]) {
    expect(lines).toContain(line);
  }
  await respond('a');
  measures.answered(200, await first);
  await ask(port, NEXT);
  pass(125);
  await respond('b');
  measures.answered(200, await second);
  measures.answered(503, undefined);
  const text = measures.text();
  expect(text).toContain('# TYPE lambdacontainer_adapter_requests_total counter\n');
  expect(text).toContain('lambdacontainer_adapter_requests_total{code="200"} 2\n');
  expect(text).toContain('lambdacontainer_adapter_requests_total{code="503"} 1\n');
  // 250 ms and 750 ms in the queue, 500 ms and 125 ms in the runtime.
  expect(text).toContain('lambdacontainer_adapter_queue_seconds_sum 1\n');
  expect(text).toContain('lambdacontainer_adapter_queue_seconds_bucket{le="0.5"} 1\n');
  expect(text).toContain('lambdacontainer_adapter_runtime_seconds_sum 0.625\n');
  expect(text).toContain('lambdacontainer_adapter_runtime_seconds_count 2\n');
  expect(dispatcher.busyMs).toBe(625);
  expect(dispatcher.longestMs).toBeUndefined();
});

test('a line in the embedded format is about the time since the last one', async () => {
  const { dispatcher, measures, port, pass, respond, clock } = await measured();
  const dispatched = dispatcher.dispatch({ requestId: 'a', event: Buffer.from('1') });
  await ask(port, NEXT);
  pass(15_000);
  await respond('a');
  measures.answered(200, await dispatched);
  measures.answered(502, undefined);
  pass(45_000);
  expect(JSON.parse(measures.embedded('LambdaContainer', 'hello'))).toEqual({
    _aws: {
      Timestamp: clock.now(),
      CloudWatchMetrics: [
        {
          Namespace: 'LambdaContainer',
          Dimensions: [['FunctionName']],
          Metrics: [
            { Name: 'Requests', Unit: 'Count' },
            { Name: 'Failures', Unit: 'Count' },
            { Name: 'Queued', Unit: 'Count' },
            { Name: 'BusyProcesses', Unit: 'Count' },
            { Name: 'QueueTime', Unit: 'Milliseconds' },
            { Name: 'QueueTimeMax', Unit: 'Milliseconds' },
            { Name: 'RuntimeTime', Unit: 'Milliseconds' },
            { Name: 'RuntimeTimeMax', Unit: 'Milliseconds' },
          ],
        },
      ],
    },
    FunctionName: 'hello',
    Requests: 2,
    Failures: 1,
    Queued: 0,
    BusyProcesses: 0.25,
    QueueTime: 0,
    QueueTimeMax: 0,
    RuntimeTime: 15_000,
    RuntimeTimeMax: 15_000,
  });
  pass(60_000);
  const quiet = JSON.parse(measures.embedded('LambdaContainer', 'hello'));
  expect(quiet).toMatchObject({ Requests: 0, Failures: 0, BusyProcesses: 0 });
  // What was not measured is no number: nothing says that it was zero.
  expect(quiet).not.toHaveProperty('RuntimeTime');
});

describe('the metrics path', () => {
  const HANDLER = { 'index.js': `exports.handler = async (e) => ({ statusCode: 200, body: e.path });` };

  test('answers in the task, and is not counted itself', async () => {
    const { adapter } = await serving(nodeRuntime(), HANDLER);
    await ask(adapter.httpPort, '/');
    const answer = await ask(adapter.httpPort, '/_lambdacontainer/metrics');
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
    expect(answer.body.toString()).toContain('lambdacontainer_adapter_requests_total{code="200"} 1\n');
  });

  test('is the function’s own through a load balancer', async () => {
    const { adapter } = await serving(nodeRuntime(), HANDLER);
    const headers = { 'X-Forwarded-For': '203.0.113.7' };
    const answer = await ask(adapter.httpPort, '/_lambdacontainer/metrics', { headers });
    expect(answer.body.toString()).toBe('/_lambdacontainer/metrics');
  });

  test('counts a runtime that failed to start as a process that cannot be used', async () => {
    const adapter = await testAdapter();
    startRuntime(nodeRuntime(), codeFolder({ 'index.js': 'throw new Error()' }), adapter.runtimePorts[0] ?? 0);
    await adapter.until(() => adapter.logLines.some((line) => line.startsWith('runtime is failed')));
    expect(adapter.measures.text()).toContain('lambdacontainer_adapter_processes_usable 0\n');
  });
});
