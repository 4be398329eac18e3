/**
 * The event intake under a storm: 10,000 events about 10 objects, received from the local cloud's own queue. What counts
 * is how few passes they lead to; what a real pass would cost is not measured here.
 */
import { EventIntake, IntakeMetrics, LastWriters } from '../src/controller/index.ts';
import { Metrics, seededRandom, silentLogger, VirtualClock } from '../src/core/index.ts';
import { KINDS } from '../src/kinds/index.ts';
import { BareCloud } from '../src/local-cloud/cloud-core.ts';
import { createDirectPorts } from '../src/local-cloud/direct-ports.ts';
import { SqsService } from '../src/local-cloud/services/sqs.ts';
import { memoryState } from '../src/local-cloud/state/index.ts';
import type { Benchmark } from './harness.ts';

const EVENTS = 10_000;
const OBJECTS = 10;
const NO_DELAYS = { lambdaPendingMs: 0, taskProvisioningMs: 0, serviceDrainingMs: 0, buildQueuedMs: 0 };

export const events: Benchmark = {
  name: 'events',
  async run() {
    const clock = new VirtualClock();
    const random = seededRandom(1);
    const state = memoryState();
    const settings = { accountId: '000000000000', region: 'us-east-1', awsHost: () => 'local', delays: NO_DELAYS };
    const cloud = new BareCloud({ clock, random, state }, (enter) => [
      new SqsService({ state, settings, random, enter }),
    ]);
    const ports = createDirectPorts(cloud, { resolveDigest: () => Promise.reject(new Error('not asked')) });
    const { QueueUrl = '' } = await ports.sqs.createQueue({ QueueName: 'events' });
    const passes = new Map<string, number>();
    const intake = new EventIntake({
      sqs: ports.sqs,
      queue: 'events',
      kinds: KINDS,
      index: { keysOf: (_kind, names) => names.map((name) => ({ namespace: 'bench', name })) },
      own: { made: async () => false },
      writers: new LastWriters(() => clock.now()),
      enqueue: ({ name }) => void passes.set(name, (passes.get(name) ?? 0) + 1),
      journal: { write: async () => {} },
      metrics: new IntakeMetrics(new Metrics()),
      clock,
      random,
      logger: silentLogger,
    });
    const stopping = new AbortController();
    const running = intake.run(stopping.signal);
    const startedMs = performance.now();
    for (let sent = 0; sent < EVENTS; sent += 100) {
      for (let i = sent; i < sent + 100; i++)
        cloud.call('sqs', 'SendMessage', { QueueUrl, MessageBody: body(i, clock) });
      clock.after(10, () => {});
      await clock.run(() => false, 10);
    }
    await clock.run(() => false, 2_000);
    const tookMs = performance.now() - startedMs;
    stopping.abort();
    await running;
    cloud.close();
    return [
      {
        what: `passes per object, ${EVENTS} events in a second on ${OBJECTS}`,
        value: Math.max(...passes.values()),
        unit: 'passes',
        goal: { of: 'value', atMost: 5 },
      },
      {
        what: 'an event, queue of the local cloud included',
        value: (tookMs * 1000) / EVENTS,
        unit: 'µs',
        note: 'sent, received in batches, matched, deleted; no network',
      },
    ];
  },
};

function body(i: number, clock: VirtualClock): string {
  return JSON.stringify({
    version: '0',
    id: `event-${i}`,
    'detail-type': 'ECS Service Action',
    source: 'aws.ecs',
    account: '000000000000',
    time: new Date(clock.now()).toISOString(),
    region: 'us-east-1',
    resources: [`arn:aws:ecs:us-east-1:000000000000:service/main/web${i % OBJECTS}`],
    detail: { eventType: 'INFO', eventName: 'SERVICE_STEADY_STATE' },
  });
}
