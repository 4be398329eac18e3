/** The event intake: what it hears, what it does not care about, and what it does when its queue is not there. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { Failure } from '../../../src/core/index.ts';
import { intakeWorld, OWN } from './world.ts';

function started(settings: Parameters<typeof intakeWorld>[0] = {}, attributes: Record<string, string> = {}) {
  const world = intakeWorld(settings);
  const url = world.queue('events', attributes);
  world.start();
  onTestFinished(world.stop);
  return { ...world, url };
}

const RULE = 'arn:aws:elasticloadbalancing:us-east-1:000000000000:listener-rule/app/x/1/2/3';
const apiCall = (detail: object) => ({
  source: 'aws.elasticloadbalancing',
  'detail-type': 'AWS API Call via CloudTrail',
  detail: { eventName: 'ModifyRule', requestParameters: { ruleArn: RULE }, ...detail },
});

describe('an event', () => {
  it('asks for a pass over its object in the moment in which it arrives, and is deleted', async () => {
    const world = started();
    await world.pass(7_000);
    const sentAtMs = world.clock.now();
    world.send(world.url, world.event());
    await world.pass(10);
    expect(world.asked).toEqual([{ key: 'shop/web', kind: 'service', reason: 'EcsServiceAction', atMs: sentAtMs }]);
    expect(world.count(world.url)).toBe(0);
    expect(world.metric('lambdacontainer_events_total{fate="matched"}')).toBe(1);
    expect(world.metric('lambdacontainer_events_received_total')).toBe(1);
  });

  const others = [
    { reason: 'of nothing that we have', event: { resources: ['arn:x/none'] }, fate: 'unknown' },
    { reason: 'of a source that no kind names', event: { source: 'aws.s3' }, fate: 'unknown' },
    { reason: 'of a type that no kind names', event: { 'detail-type': 'ECS Something New' }, fate: 'unknown' },
    {
      reason: 'of a call that no kind names',
      event: apiCall({ eventName: 'DescribeRules' }),
      fate: 'unknown',
    },
    {
      reason: 'of our own call',
      event: apiCall({ userIdentity: { type: 'AssumedRole', arn: OWN } }),
      fate: 'own',
    },
  ];
  it.each(others)('$reason asks for nothing and is deleted', async ({ event, fate }) => {
    const world = started({ objects: { web: 'shop/web', [RULE]: 'shop/web' } });
    world.send(world.url, world.event(event));
    await world.pass(10);
    expect(world.asked).toEqual([]);
    expect(world.count(world.url)).toBe(0);
    expect(world.metric(`lambdacontainer_events_total{fate="${fate}"}`)).toBe(1);
    expect(world.lines.filter(({ level }) => level !== 'debug')).toEqual([]);
  });

  it('of somebody else’s call asks for a pass, by the name of the call', async () => {
    const world = started({ objects: { [RULE]: 'shop/web' } });
    world.send(world.url, world.event(apiCall({ userIdentity: { type: 'Root', arn: 'arn:aws:iam::1:root' } })));
    await world.pass(10);
    expect(world.asked).toMatchObject([{ key: 'shop/web', kind: 'rule', reason: 'ModifyRule' }]);
  });

  it('that comes twice, or by two rules, counts once', async () => {
    const world = started();
    const event = world.event();
    for (let i = 0; i < 3; i++) world.send(world.url, event);
    await world.pass(5_000);
    expect(world.asked).toHaveLength(1);
    expect(world.metric('lambdacontainer_events_total{fate="duplicate"}')).toBe(2);
    expect(world.count(world.url)).toBe(0);
  });

  it('is a hint in whatever order it comes and however old it is', async () => {
    const world = started();
    world.send(world.url, world.event({ time: '2020-01-01T00:00:00Z' }));
    await world.pass(2_000);
    world.send(world.url, world.event({ time: '2019-01-01T00:00:00Z' }));
    await world.pass(2_000);
    world.send(world.url, world.event({ time: '2999-01-01T00:00:00Z' }));
    await world.pass(2_000);
    expect(world.asked).toHaveLength(3);
    expect(world.metric('lambdacontainer_event_age_seconds_count')).toBe(3);
  });
});

describe('a message that is no event', () => {
  const bodies: { reason: string; body: unknown }[] = [
    { reason: 'no JSON', body: '{' },
    { reason: 'no object', body: '[1]' },
    { reason: 'null', body: 'null' },
    { reason: 'no id', body: { source: 'aws.ecs', 'detail-type': 'x', detail: {} } },
    { reason: 'resources that are no list', body: { resources: 'web' } },
    { reason: 'a detail that is none', body: { detail: [] } },
    { reason: 'a time that is none', body: { time: 'yesterday' } },
  ];
  it.each(bodies)('is said with its id and deleted: $reason', async ({ body }) => {
    const world = started();
    const message =
      typeof body === 'object' && !('source' in (body as object)) ? world.event(body as object) : (body as object);
    const { MessageId } = world.send(world.url, message);
    world.send(world.url, world.event());
    await world.pass(100);
    const said = world.lines.filter(({ level }) => level === 'warn');
    expect(said).toHaveLength(1);
    expect(said[0]?.fields).toMatchObject({ message: MessageId });
    expect(said[0]?.message).toMatch(/is no event, and is deleted: it/);
    expect(world.count(world.url)).toBe(0);
    // The one beside it is heard.
    expect(world.asked).toHaveLength(1);
  });

  it('nor does one that a kind cannot read keep others from being heard', async () => {
    const world = started({ objects: { [RULE]: 'shop/web', web: 'shop/web' } });
    world.send(world.url, world.event(apiCall({ requestParameters: null })));
    world.send(world.url, world.event());
    await world.pass(100);
    expect(world.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
    expect(world.asked).toHaveLength(1);
    expect(world.count(world.url)).toBe(0);
  });
});

it('10,000 events in a second on 10 keys lead to a handful of passes', async () => {
  const names = Array.from({ length: 10 }, (_, i) => `web${i}`);
  const world = started({ objects: Object.fromEntries(names.map((name) => [name, `shop/${name}`])) });
  await world.pass(1_000);
  for (let hundredth = 0; hundredth < 100; hundredth++) {
    for (let i = 0; i < 100; i++) {
      world.send(
        world.url,
        world.event({ resources: [`arn:aws:ecs:us-east-1:000000000000:service/main/web${i % 10}`] }),
      );
    }
    await world.pass(10);
  }
  await world.pass(5_000);
  expect(world.metric('lambdacontainer_events_total{fate="matched"}')).toBe(10_000);
  expect(world.count(world.url)).toBe(0);
  const perKey = names.map((name) => world.asked.filter(({ key }) => key === `shop/${name}`).length);
  // The first, those of the second that the storm takes, and what came last.
  expect(Math.max(...perKey)).toBeLessThanOrEqual(3);
  expect(Math.min(...perKey)).toBeGreaterThanOrEqual(2);
  // A batch is one receive and one delete.
  expect(world.calls.length).toBeLessThan(2 * 1_000 + 600);
});

it('while nothing comes, one long poll waits', async () => {
  const world = started();
  await world.pass(200_000);
  expect(world.calls.filter((call) => call !== 'getQueueUrl')).toEqual(Array(12).fill('receiveMessage'));
  expect(world.conditions).toMatchObject([{ status: 'True', reason: 'Receiving' }]);
  expect(world.metric('lambdacontainer_events_available')).toBe(1);
});

describe('a queue that is gone', () => {
  it('is said once, tried again with growing pauses, and taken up when it is there', async () => {
    const world = intakeWorld();
    world.start();
    onTestFinished(world.stop);
    await world.pass(10 * 60_000);
    const said = world.lines.filter(({ level }) => level === 'warn');
    expect(said).toHaveLength(1);
    expect(said[0]?.message).toMatch(
      /no events can be received from events \(QueueDoesNotExist: .*\); drift is found by sweeps alone meanwhile/,
    );
    expect(world.conditions).toMatchObject([{ type: 'EventsReceived', status: 'False', reason: 'QueueMissing' }]);
    expect(world.metric('lambdacontainer_events_available')).toBe(0);
    expect(world.calls.length).toBeGreaterThan(10);
    expect(world.calls.length).toBeLessThan(25);
    const url = world.queue('events');
    await world.pass(60_000);
    world.send(url, world.event());
    await world.pass(100);
    expect(world.asked).toHaveLength(1);
    expect(world.conditions.at(-1)).toMatchObject({ status: 'True' });
    expect(world.lines.at(-1)?.message).toBe('events are received again');
  });

  it('vanishes under the poll and comes back under the same name', async () => {
    const world = started();
    await world.pass(1_000);
    world.call('DeleteQueue', { QueueUrl: world.url });
    await world.pass(70_000);
    expect(world.conditions.map(({ status }) => status)).toEqual(['True', 'False']);
    const url = world.queue('events');
    world.send(url, world.event());
    await world.pass(61_000);
    expect(world.asked).toHaveLength(1);
  });
});

describe('a queue that does not answer', () => {
  const failure = (kind: Failure['kind'], code: string) =>
    new Failure({ kind, service: 'sqs', operation: 'receiveMessage', code, message: 'no' });

  it('is denied: said with what was denied', async () => {
    const denied = () => Promise.reject(failure('denied', 'AccessDenied'));
    const world = started({ sqs: () => ({ receiveMessage: denied }) });
    await world.pass(60_000);
    expect(world.conditions).toMatchObject([{ status: 'False', reason: 'QueueDenied' }]);
    expect(world.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
  });

  it('fails once: no news', async () => {
    let failures = 1;
    const world = started({
      sqs: (real) => ({
        receiveMessage: (input, call) =>
          failures-- > 0
            ? Promise.reject(failure('transient', 'ServiceUnavailable'))
            : real.receiveMessage(input, call),
      }),
    });
    await world.pass(5_000);
    world.send(world.url, world.event());
    await world.pass(100);
    expect(world.asked).toHaveLength(1);
    expect(world.lines.filter(({ level }) => level === 'warn')).toEqual([]);
  });

  it('cannot delete: what comes again is a duplicate', async () => {
    const world = started(
      { sqs: () => ({ deleteMessageBatch: () => Promise.reject(failure('transient', 'InternalError')) }) },
      { VisibilityTimeout: '5' },
    );
    world.send(world.url, world.event());
    await world.pass(20_000);
    expect(world.asked).toHaveLength(1);
    expect(world.metric('lambdacontainer_events_total{fate="duplicate"}')).toBeGreaterThanOrEqual(3);
  });
});

it('an end in the middle of a poll takes no message along', async () => {
  const world = intakeWorld();
  const url = world.queue('events');
  world.start();
  await world.pass(1_000);
  await world.stop();
  world.send(url, world.event());
  await world.pass(100);
  expect(world.asked).toEqual([]);
  expect(world.call('GetQueueAttributes', { QueueUrl: url, AttributeNames: ['ApproximateNumberOfMessages'] })).toEqual({
    Attributes: { ApproximateNumberOfMessages: '1' },
  });
});
