/** The parts of the intake by themselves: rules from interests, own calls, the window of ids, the space between hints. */
import { describe, expect, it } from 'vitest';
import { RecentIds } from '../../../src/controller/events/recent-ids.ts';
import { SpacedHints } from '../../../src/controller/events/spaced-hints.ts';
import { eventPatterns, LastWriters, OwnIdentities } from '../../../src/controller/index.ts';
import type { Target } from '../../../src/controller/target.ts';
import { Failure, type Logger, VirtualClock } from '../../../src/core/index.ts';
import { KINDS } from '../../../src/kinds/index.ts';
import { compilePattern } from '../../../src/local-cloud/services/eventbridge/pattern.ts';
import type { AnyKind, AwsEvent, EventInterest } from '../../../src/resource/index.ts';

const interest = (detailType: string, detail?: EventInterest['detail'], needsTrail = false): EventInterest => ({
  source: 'aws.x',
  detailType,
  ...(detail ? { detail } : {}),
  ...(needsTrail ? { needsTrail } : {}),
  names: () => [],
});
const kinds = (...events: EventInterest[][]) =>
  new Map(events.map((each, i) => [`k${i}`, { name: `k${i}`, events: each } as unknown as AnyKind]));

describe('eventPatterns', () => {
  const cases = [
    {
      reason: 'conditions on the same members become one rule',
      kinds: kinds(
        [interest('A', { eventName: ['b', 'a'], eventSource: ['x'] })],
        [interest('A', { eventName: ['c', 'a'], eventSource: ['x'] })],
      ),
      rules: [
        {
          name: 'lambdacontainer-x-a',
          pattern: {
            source: ['aws.x'],
            'detail-type': ['A'],
            detail: { eventName: ['a', 'b', 'c'], eventSource: ['x'] },
          },
          needsTrail: false,
        },
      ],
    },
    {
      reason: 'who wants everything makes conditions pointless',
      kinds: kinds([interest('A', { x: ['1'] })], [interest('A')]),
      rules: [{ name: 'lambdacontainer-x-a', pattern: { source: ['aws.x'], 'detail-type': ['A'] }, needsTrail: false }],
    },
    {
      reason: 'conditions on other members are a rule of their own',
      kinds: kinds([interest('A', { x: ['1'] }), interest('A', { 'y.z': ['2'] })]),
      rules: [
        {
          name: 'lambdacontainer-x-a-1',
          pattern: { source: ['aws.x'], 'detail-type': ['A'], detail: { x: ['1'] } },
          needsTrail: false,
        },
        {
          name: 'lambdacontainer-x-a-2',
          pattern: { source: ['aws.x'], 'detail-type': ['A'], detail: { y: { z: ['2'] } } },
          needsTrail: false,
        },
      ],
    },
    { reason: 'no interests, no rules', kinds: kinds([], []), rules: [] },
  ];
  it.each(cases)('$reason', ({ kinds, rules }) => {
    expect(eventPatterns(kinds)).toEqual(rules);
  });

  it('refuses two rules of one name, and names that are too long: a programmer’s error', () => {
    expect(() => eventPatterns(kinds([interest('A b'), interest('A-b')]))).toThrow('lambdacontainer-x-a-b');
    expect(() => eventPatterns(kinds([interest('A'.repeat(60))]))).toThrow('longer than 64');
  });

  it('of the real kinds are what EventBridge takes, within its limits', () => {
    const rules = eventPatterns(KINDS);
    expect(rules.length).toBeGreaterThan(5);
    expect(rules.length).toBeLessThan(30);
    for (const { name, pattern } of rules) {
      expect(name).toMatch(/^lambdacontainer-[a-z0-9-]{1,48}$/);
      const text = JSON.stringify(pattern);
      expect(text.length).toBeLessThanOrEqual(2048);
      expect(() => compilePattern(text)).not.toThrow();
    }
    expect(rules.filter(({ needsTrail }) => !needsTrail).map(({ name }) => name)).toContain(
      'lambdacontainer-ecs-service-action',
    );
  });
});

describe('OwnIdentities', () => {
  const session = 'arn:aws:sts::1:assumed-role/controller/s';
  const other = 'arn:aws:sts::2:assumed-role/there/s';
  const call = (type: string, arn: string) => ({ detail: { userIdentity: { type, arn } } }) as unknown as AwsEvent;

  function identities(answers: Record<string, () => string | Failure>) {
    const asked: string[] = [];
    const said: string[] = [];
    let nowMs = 0;
    const targets = Object.entries(answers).map(([id, answer]) => {
      const getCallerIdentity = async () => {
        asked.push(id);
        const Arn = answer();
        if (Arn instanceof Failure) throw Arn;
        return { Arn };
      };
      return { id, io: { aws: { sts: { getCallerIdentity } } } } as unknown as Target;
    });
    const logger = { warn: (_fields: object, message: string) => void said.push(message) } as unknown as Logger;
    const own = new OwnIdentities(
      () => targets,
      () => nowMs,
      logger,
    );
    const made = (event: AwsEvent) => own.made(event, new AbortController().signal);
    return {
      ...{ made, asked, said },
      pass: (ms: number) => {
        nowMs += ms;
      },
    };
  }

  it('knows the session of each place, asking each once', async () => {
    const { made, asked } = identities({ home: () => session, there: () => other });
    expect(await made(call('AssumedRole', session))).toBe(true);
    expect(await made(call('AssumedRole', other))).toBe(true);
    expect(await made(call('AssumedRole', `${session}2`))).toBe(false);
    expect(asked).toEqual(['home', 'there']);
  });

  it('takes nobody but a role’s session for us, and asks nobody then', async () => {
    const root = 'arn:aws:iam::1:root';
    const { made, asked } = identities({ home: () => root });
    expect(await made(call('Root', root))).toBe(false);
    expect(await made(call('IAMUser', 'arn:aws:iam::1:user/local'))).toBe(false);
    expect(await made({ detail: {} } as unknown as AwsEvent)).toBe(false);
    expect(asked).toEqual([]);
  });

  it('takes a call for somebody else’s where it cannot be told, says so, and asks again later', async () => {
    const failure = new Failure({
      kind: 'denied',
      service: 'sts',
      operation: 'x',
      code: 'AccessDenied',
      message: 'no',
    });
    let answer: string | Failure = failure;
    const { made, asked, said, pass } = identities({ home: () => answer });
    expect(await made(call('AssumedRole', session))).toBe(false);
    expect(await made(call('AssumedRole', session))).toBe(false);
    expect([asked.length, said.length]).toEqual([1, 1]);
    answer = session;
    pass(300_000);
    expect(await made(call('AssumedRole', session))).toBe(true);
  });
});

it('RecentIds forgets what is old, and the oldest when there are too many', () => {
  const ids = new RecentIds(1_000, 3);
  expect(['a', 'b', 'a'].map((id) => ids.seen(id, 0))).toEqual([false, false, true]);
  expect(ids.seen('a', 999)).toBe(true);
  expect(ids.seen('a', 1_000)).toBe(false);
  expect(['c', 'd', 'e'].map((id) => ids.seen(id, 1_001))).toEqual([false, false, false]);
  expect(ids.seen('a', 1_002)).toBe(false);
});

it('SpacedHints lets the first through at once and the last at the end, by key', async () => {
  const clock = new VirtualClock(0);
  const hints = new SpacedHints(clock, 1_000);
  const given: string[] = [];
  const hint = (key: string, name: string) => hints.give(key, () => void given.push(`${name} ${clock.now()}`));
  hint('x', 'x1');
  hint('x', 'x2');
  hint('y', 'y1');
  hint('x', 'x3');
  await clock.run(() => false, 10_000);
  expect(given).toEqual(['x1 0', 'y1 0', 'x3 1000']);
  hint('x', 'x4');
  hint('x', 'x5');
  hints.clear();
  await clock.run(() => false, 10_000);
  expect(given.slice(3)).toEqual([`x4 ${given[3]?.split(' ')[1]}`]);
});

describe('LastWriters', () => {
  const HOUR_MS = 3_600_000;
  const EVE = 'arn:aws:iam::000000000000:user/eve';
  const entry = (nodeId: string, kind: string, identity: Record<string, string>) => ({
    nodeId,
    kind,
    identity,
    shared: false,
    capacity: false,
    dependsOn: [],
    propsHash: '',
    actedAtMs: 0,
    seen: true,
  });
  const INVENTORY = { entries: [entry('service', 'ecs-service', { cluster: 'main', serviceName: 'web' })] };
  const call = (atMs: number, userIdentity: unknown): AwsEvent => ({
    id: 'e',
    source: 'aws.ecs',
    'detail-type': 'AWS API Call via CloudTrail',
    account: '000000000000',
    region: 'us-east-1',
    time: new Date(atMs).toISOString(),
    resources: [],
    detail: { userIdentity },
  });

  it.each([
    { reason: 'a user', identity: { type: 'IAMUser', arn: EVE }, who: EVE },
    {
      reason: 'a service under a role of the account',
      identity: {
        type: 'AssumedRole',
        arn: 'arn:aws:sts::1:assumed-role/r/s',
        invokedBy: 'cloudformation.amazonaws.com',
      },
      who: 'arn:aws:sts::1:assumed-role/r/s by way of cloudformation.amazonaws.com',
    },
    {
      reason: 'a service by itself',
      identity: { type: 'AWSService', invokedBy: 'ecs.amazonaws.com' },
      who: 'ecs.amazonaws.com',
    },
    { reason: 'nobody who could be named', identity: { type: 'AWSAccount', accountId: '1' }, who: undefined },
    { reason: 'an event of no call', identity: undefined, who: undefined },
  ])('names $reason', ({ identity, who }) => {
    const writers = new LastWriters(() => 10_000);
    writers.note('ecs-service', ['web'], call(9_000, identity));
    expect(writers.of(INVENTORY).get('service')).toEqual(who === undefined ? undefined : { who, atMs: 9_000 });
  });

  it('keeps the newest, whatever order they come in, and forgets after an hour', () => {
    let nowMs = 10_000;
    const writers = new LastWriters(() => nowMs);
    writers.note('ecs-service', ['web'], call(9_000, { arn: EVE }));
    writers.note('ecs-service', ['web'], call(8_000, { arn: 'somebody before' }));
    writers.note('log-group', ['web'], call(9_500, { arn: 'of another kind' }));
    expect(writers.of(INVENTORY)).toEqual(new Map([['service', { who: EVE, atMs: 9_000 }]]));
    nowMs += HOUR_MS;
    expect(writers.of(INVENTORY).size).toBe(0);
    writers.note('ecs-service', ['web'], call(9_000, { arn: EVE }));
    expect(writers.of(INVENTORY).size).toBe(0);
  });

  it('finds a node by its place in a listing too', () => {
    const writers = new LastWriters(() => 10_000);
    const node = { nodeId: 'rule', kind: 'listener-rule', identity: { listenerArn: 'l', priority: '1' } };
    writers.note('listener-rule', ['rule-arn'], call(9_000, { arn: EVE }));
    const steady = { record: 'r', klass: 'k', nodes: [{ ...node, place: { scope: 'l', name: 'rule-arn' } }] };
    expect(writers.of({ entries: [], steady }).get('rule')?.who).toBe(EVE);
  });

  it('is bounded: who was noted first goes first', () => {
    const writers = new LastWriters(() => 10_000);
    writers.note('ecs-service', ['web'], call(9_000, { arn: EVE }));
    for (let i = 0; i < 5_000; i++) writers.note('ecs-service', [`other-${i}`], call(9_000, { arn: EVE }));
    expect(writers.of(INVENTORY).size).toBe(0);
  });
});
