/**
 * How soon drift is put right in a fleet of 1,000 steady objects, in simulated time, with calls shared and paced at AWS's
 * published rates and as slow as AWS's are, while sweep and rotation go on: from the receipt of AWS's event to the call
 * that heals, and, in an account without events, from the change to that call, which a sweep alone must find.
 */
import { createEventRules } from '../src/cli/local/event-rules.ts';
import { copiedFleet } from './copied-fleet.ts';
import type { Benchmark, Measurement } from './harness.ts';
import { type PacedDaemon, pacedDaemon, type Sent } from './paced-daemon.ts';
import { median, percentile } from './percentiles.ts';

const SIZE = process.env.BENCH_QUICK ? 100 : 1_000;
const BY_EVENT = process.env.BENCH_QUICK ? 30 : 200;
const BY_SWEEP = process.env.BENCH_QUICK ? 10 : 40;
/** A heal makes some 40 calls of the load balancer, of which AWS takes ten a second: more often, and it is a queue that is measured. */
const EVERY_MS = 10_000;
/** The trail's own delay is AWS's; short here, so that the sweep is seldom the first. */
const EVENTS = { delayMs: 400, trail: { delayMs: 1_000 } };

/** One load balancer's worth is brought up, the rest are its copies. */
const ORIGINAL = /^app-0[0-4]\d$/;

type World = Awaited<ReturnType<typeof copiedFleet>>;

/** Somebody's change of something that an object has. */
interface Change {
  readonly what: string;
  /** Stands in the event and in the healing call. */
  readonly mark: string;
  readonly madeAtMs: number;
  receivedAtMs?: number;
  healedAtMs?: number;
}

export const heal: Benchmark = {
  name: 'heal',
  async run() {
    const byEvent = await changesHealed(BY_EVENT, true);
    const bySweep = await changesHealed(BY_SWEEP, false);
    const latencies = byEvent.changes.flatMap(({ receivedAtMs, healedAtMs }) =>
      receivedAtMs === undefined || healedAtMs === undefined || healedAtMs < receivedAtMs
        ? []
        : [healedAtMs - receivedAtMs],
    );
    const ages = bySweep.changes.map(({ madeAtMs, healedAtMs = Number.NaN }) => (healedAtMs - madeAtMs) / 1000);
    const measurements: Measurement[] = [
      {
        what: `event received to the healing call, ${SIZE} objects, p50`,
        value: median(latencies),
        unit: 'ms, simulated',
        goal: { of: 'value', atMost: 500 },
        note: `${latencies.length} changes of ${kindsOf(byEvent.changes)}; ${byEvent.changes.length - latencies.length} more were found by the sweep before the event came; ${byEvent.throttled} calls throttled`,
      },
      {
        what: 'the same, p99',
        value: percentile(latencies, 0.99),
        unit: 'ms, simulated',
        goal: { of: 'value', atMost: 2_000 },
      },
      {
        what: 'by sweep alone: the oldest drift at its healing call',
        value: Math.max(...ages),
        unit: 's, simulated',
        baseline: { what: 'period', value: bySweep.periodMs / 1000 },
        goal: { of: 'value', atMost: bySweep.periodMs / 1000 + 1 },
        note: `${ages.length} changes, p50 ${median(ages).toFixed(1)} s; ${bySweep.throttled} calls throttled`,
      },
    ];
    return measurements;
  },
};

async function changesHealed(count: number, withEvents: boolean) {
  const world = await copiedFleet(SIZE, '', EVENTS);
  const changes: Change[] = [];
  let daemon: PacedDaemon | undefined;
  try {
    const eventsQueue = withEvents ? await createEventRules(world.aws, world) : undefined;
    const options = { onSent: (sent: Sent) => noteHealing(changes, sent), onAnswer: received(world, changes) };
    daemon = pacedDaemon(world, { ...options, ...(eventsQueue === undefined ? {} : { eventsQueue }) });
    // Leading, swept, and at its pace.
    await world.run(150_000);
    const rules = await rulesOf(world);
    for (let i = 0; i < count; i++) {
      changes.push(await disturb(world, rules, i));
      await world.run(EVERY_MS * (0.5 + world.random.next()));
    }
    await world.run(150_000);
    const left = changes.filter(({ healedAtMs }) => healedAtMs === undefined);
    if (left.length > 0)
      throw new Error(
        `${left.length} of ${count} changes were not healed, such as ${left[0]?.what} of ${left[0]?.mark}`,
      );
    const periodMs = daemon.controller.vitals.sweepPeriodMs ?? Number.NaN;
    return { changes, periodMs, throttled: daemon.throttled() };
  } finally {
    await daemon?.stop();
    world.cloud.close();
  }
}

/** The rules of the objects that are no copies, by name: behind the others no task runs that could be healthy. */
async function rulesOf(world: World): Promise<Map<string, string>> {
  const rules = new Map<string, string>();
  for (const [id, { allocation }] of await world.inventories()) {
    const name = id.slice('shop/'.length);
    if (!ORIGINAL.test(name) || !allocation) continue;
    const { Rules = [] } = await world.aws.elbv2.describeRules({ ListenerArn: allocation.listenerArn });
    const rule = Rules.find(({ Priority }) => Priority === String(allocation.priority));
    rules.set(name, rule?.RuleArn ?? '');
  }
  return rules;
}

/** Another object each time, in turn by one of three ways. */
async function disturb({ aws, clock }: World, rules: ReadonlyMap<string, string>, i: number): Promise<Change> {
  const [name = '', mark = ''] = [...rules][i % rules.size] ?? [];
  const madeAtMs = clock.now();
  if (i % 3 === 0) {
    const logGroupName = `/lambdacontainer/shop/${name}`;
    await aws.logs.putRetentionPolicy({ logGroupName, retentionInDays: 7 });
    return { what: 'log retention', mark: logGroupName, madeAtMs };
  }
  if (i % 3 === 1) {
    const fixed = { StatusCode: '503', ContentType: 'text/plain', MessageBody: '' };
    await aws.elbv2.modifyRule({ RuleArn: mark, Actions: [{ Type: 'fixed-response', FixedResponseConfig: fixed }] });
    return { what: 'rule actions', mark, madeAtMs };
  }
  await aws.elbv2.modifyRule({ RuleArn: mark, Conditions: [{ Field: 'path-pattern', Values: [`/other/${name}`] }] });
  return { what: 'rule conditions', mark, madeAtMs };
}

function noteHealing(changes: readonly Change[], { changes: isChange, input, atMs }: Sent): void {
  if (!isChange) return;
  const text = JSON.stringify(input);
  for (const change of changes)
    if (change.healedAtMs === undefined && text.includes(change.mark)) change.healedAtMs = atMs;
}

/** The moment in which the intake is handed the message. */
function received({ clock }: World, changes: readonly Change[]): (sent: Sent, answer: unknown) => void {
  return ({ service, operation }, answer) => {
    if (service !== 'sqs' || operation !== 'receiveMessage') return;
    for (const { Body = '' } of (answer as { Messages?: { Body?: string }[] }).Messages ?? []) {
      for (const change of changes) {
        if (change.receivedAtMs === undefined && Body.includes(change.mark)) change.receivedAtMs = clock.now();
      }
    }
  };
}

function kindsOf(changes: readonly Change[]): string {
  return [...new Set(changes.map(({ what }) => what))].join(', ');
}
