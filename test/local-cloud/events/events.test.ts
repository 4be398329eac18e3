/** Rules, targets and their events: kept, refused and delivered as EventBridge does. */
import { describe, expect, it } from 'vitest';
import { codeOf } from '../cloud/world.ts';
import { queueWorld } from '../sqs/world.ts';

const QUEUE = 'arn:aws:sqs:us-east-1:000000000000:a';
const RULE = 'arn:aws:events:us-east-1:000000000000:rule/r';
const PATTERN = '{"source":["mine"]}';

const policy = (changes: object = {}) =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { Service: 'events.amazonaws.com' },
        Action: 'sqs:SendMessage',
        Resource: QUEUE,
        Condition: { ArnEquals: { 'aws:SourceArn': RULE } },
        ...changes,
      },
    ],
  });

function ruled(settings: Parameters<typeof queueWorld>[0] = {}, Policy: string | undefined = policy()) {
  const world = queueWorld(settings);
  const url = world.queue('a', Policy === '' ? {} : { Policy });
  world.callEvents('PutRule', { Name: 'r', EventPattern: PATTERN });
  world.callEvents('PutTargets', { Rule: 'r', Targets: [{ Id: 't', Arn: QUEUE }] });
  const put = (entry: object = {}) =>
    world.callEvents('PutEvents', { Entries: [{ Source: 'mine', DetailType: 'x', Detail: '{"n":1}', ...entry }] });
  const received = async () => {
    const { Messages = [] } = await world.receive(url, { MaxNumberOfMessages: 10 });
    return Messages.map(({ Body }: { Body: string }) => JSON.parse(Body));
  };
  return { ...world, url, put, received };
}

describe('an event', () => {
  it('comes to the queue as EventBridge writes it', async () => {
    const { put, received, pass } = ruled();
    const { FailedEntryCount, Entries } = put({
      Resources: ['arn:x'],
      Time: new Date(Date.UTC(2026, 4, 6, 7, 8, 9, 999)),
    });
    await pass(1);
    expect(FailedEntryCount).toBe(0);
    expect(await received()).toEqual([
      {
        version: '0',
        id: Entries[0].EventId,
        'detail-type': 'x',
        source: 'mine',
        account: '000000000000',
        time: '2026-05-06T07:08:09Z',
        region: 'us-east-1',
        resources: ['arn:x'],
        detail: { n: 1 },
      },
    ]);
  });

  it('comes after the delay, also over a restart', async () => {
    const events = { delayMs: 500 };
    const { put, received, pass, state, clock, cloud } = ruled({ events });
    put();
    await pass(499);
    expect(await received()).toEqual([]);
    cloud.close();
    const after = queueWorld({ events, state, clock });
    await after.pass(1);
    const { Messages } = await after.receive('http://127.0.0.1:4577/000000000000/a');
    expect(Messages).toHaveLength(1);
  });

  it('comes once per rule, under one id: whoever listens twice hears twice', async () => {
    const { callEvents, put, received, pass, call, url } = ruled();
    call('SetQueueAttributes', {
      QueueUrl: url,
      Attributes: { Policy: policy({ Condition: { ArnLike: { 'aws:SourceArn': `${RULE}*` } } }) },
    });
    callEvents('PutRule', { Name: 'r2', EventPattern: '{"detail":{"n":[1]}}' });
    callEvents('PutTargets', { Rule: 'r2', Targets: [{ Id: 't', Arn: QUEUE }] });
    put();
    await pass(1);
    const ids = (await received()).map(({ id }: { id: string }) => id);
    expect(ids).toHaveLength(2);
    expect(new Set(ids).size).toBe(1);
  });

  const lost: { reason: string; policy?: string; entry?: object; act?: (world: ReturnType<typeof ruled>) => void }[] = [
    { reason: 'no policy lets EventBridge send', policy: '' },
    { reason: 'the policy names another service', policy: policy({ Principal: { Service: 's3.amazonaws.com' } }) },
    {
      reason: 'the policy names another rule',
      policy: policy({ Condition: { ArnEquals: { 'aws:SourceArn': `${RULE}2` } } }),
    },
    {
      reason: 'the policy names another account',
      policy: policy({ Condition: { StringEquals: { 'aws:SourceAccount': '111111111111' } } }),
    },
    { reason: 'the policy denies', policy: policy({ Effect: 'Deny' }) },
    { reason: 'no rule matches', entry: { Source: 'other' } },
    { reason: 'the rule is disabled', act: ({ callEvents }) => callEvents('DisableRule', { Name: 'r' }) },
    {
      reason: 'its target was removed',
      act: ({ callEvents }) => callEvents('RemoveTargets', { Rule: 'r', Ids: ['t'] }),
    },
    { reason: 'it is for a bus that is not there', entry: { EventBusName: 'other' } },
  ];
  it.each(lost)('is lost where $reason', async ({ policy, entry, act }) => {
    const world = ruled({}, policy);
    act?.(world);
    expect(world.put(entry).FailedEntryCount).toBe(0);
    await world.pass(10);
    expect(await world.received()).toEqual([]);
  });

  it('is lost without harm when the queue is gone', async () => {
    const { put, call, url, pass, callEvents } = ruled();
    call('DeleteQueue', { QueueUrl: url });
    put();
    await pass(10);
    expect(callEvents('ListRules', {}).Rules).toHaveLength(1);
  });
});

describe('PutEvents', () => {
  const refused = [
    { reason: 'no source', entry: { Source: '' }, code: 'InvalidArgument' },
    { reason: 'no type', entry: { DetailType: '' }, code: 'InvalidArgument' },
    { reason: 'no detail', entry: { Detail: undefined }, code: 'InvalidArgument' },
    { reason: 'a detail that is no object', entry: { Detail: '[1]' }, code: 'MalformedDetail' },
    { reason: 'a source of AWS’s', entry: { Source: 'aws.ecs' }, code: 'NotAuthorizedForSourceException' },
  ];
  it.each(refused)('refuses an entry with $reason, and no other', async ({ entry, code }) => {
    const { callEvents, received, pass } = ruled();
    const good = { Source: 'mine', DetailType: 'x', Detail: '{}' };
    const { FailedEntryCount, Entries } = callEvents('PutEvents', { Entries: [{ ...good, ...entry }, good] });
    expect([FailedEntryCount, Entries[0].ErrorCode, Entries[1].ErrorCode]).toEqual([1, code, undefined]);
    await pass(1);
    expect(await received()).toHaveLength(1);
  });

  it('refuses eleven entries and more than a mebibyte', () => {
    const { callEvents } = ruled();
    const entry = (size: number) => ({ Source: 'mine', DetailType: 'x', Detail: `{"x":"${'x'.repeat(size)}"}` });
    const code = (Entries: object[]) => codeOf(() => callEvents('PutEvents', { Entries }));
    expect(code(Array.from({ length: 11 }, () => entry(1)))).toBe('ValidationException');
    expect(code([])).toBe('ValidationException');
    expect(code([entry(600_000), entry(600_000)])).toBe('ValidationException');
  });
});

describe('rules', () => {
  it('are put, changed, described, listed in pages and deleted without their targets', () => {
    const { callEvents } = ruled();
    for (const Name of ['s1', 's2', 's3']) callEvents('PutRule', { Name, EventPattern: PATTERN, State: 'DISABLED' });
    callEvents('PutRule', { Name: 'r', EventPattern: '{"source":["other"]}', Description: 'changed' });
    expect(callEvents('DescribeRule', { Name: 'r' })).toEqual({
      Name: 'r',
      Arn: RULE,
      EventPattern: '{"source":["other"]}',
      State: 'ENABLED',
      Description: 'changed',
      EventBusName: 'default',
      CreatedBy: '000000000000',
    });
    // Its targets stayed.
    expect(callEvents('ListTargetsByRule', { Rule: 'r' }).Targets).toEqual([{ Id: 't', Arn: QUEUE }]);
    const first = callEvents('ListRules', { NamePrefix: 's', Limit: 2 });
    const second = callEvents('ListRules', { NamePrefix: 's', Limit: 2, NextToken: first.NextToken });
    const names = [...first.Rules, ...second.Rules].map(({ Name }: { Name: string }) => Name);
    expect([names, second.NextToken]).toEqual([['s1', 's2', 's3'], undefined]);
    expect(callEvents('ListRuleNamesByTarget', { TargetArn: QUEUE }).RuleNames).toEqual(['r']);
    expect(codeOf(() => callEvents('DeleteRule', { Name: 'r' }))).toBe('ValidationException');
    callEvents('RemoveTargets', { Rule: 'r', Ids: ['t'] });
    callEvents('DeleteRule', { Name: 'r' });
    callEvents('DeleteRule', { Name: 'r' });
    expect(codeOf(() => callEvents('DescribeRule', { Name: 'r' }))).toBe('ResourceNotFoundException');
  });

  const refused: { reason: string; operation: string; input: object; code: string }[] = [
    {
      reason: 'a pattern that is none',
      operation: 'PutRule',
      input: { Name: 'x', EventPattern: '{"source":"a"}' },
      code: 'InvalidEventPatternException',
    },
    { reason: 'no pattern', operation: 'PutRule', input: { Name: 'x' }, code: 'ValidationException' },
    {
      reason: 'a schedule, which there is none of here',
      operation: 'PutRule',
      input: { Name: 'x', ScheduleExpression: 'rate(1 minute)' },
      code: 'ValidationException',
    },
    {
      reason: 'a name with a space',
      operation: 'PutRule',
      input: { Name: 'x y', EventPattern: PATTERN },
      code: 'ValidationException',
    },
    {
      reason: 'another bus',
      operation: 'PutRule',
      input: { Name: 'x', EventPattern: PATTERN, EventBusName: 'other' },
      code: 'ResourceNotFoundException',
    },
    {
      reason: 'targets of no rule',
      operation: 'PutTargets',
      input: { Rule: 'none', Targets: [{ Id: 't', Arn: QUEUE }] },
      code: 'ResourceNotFoundException',
    },
    {
      reason: 'a target that is no queue',
      operation: 'PutTargets',
      input: { Rule: 'r', Targets: [{ Id: 't', Arn: 'arn:aws:lambda:us-east-1:000000000000:function:f' }] },
      code: 'ValidationException',
    },
    {
      reason: 'a FIFO queue without a group',
      operation: 'PutTargets',
      input: { Rule: 'r', Targets: [{ Id: 't', Arn: `${QUEUE}.fifo` }] },
      code: 'ValidationException',
    },
    {
      reason: 'a transformer, which there is none of here',
      operation: 'PutTargets',
      input: { Rule: 'r', Targets: [{ Id: 't', Arn: QUEUE, Input: '{}' }] },
      code: 'ValidationException',
    },
    {
      reason: 'a sixth target',
      operation: 'PutTargets',
      input: { Rule: 'r', Targets: ['1', '2', '3', '4', '5'].map((Id) => ({ Id, Arn: QUEUE })) },
      code: 'LimitExceededException',
    },
  ];
  it.each(refused)('refuse $reason', ({ operation, input, code }) => {
    const { callEvents } = ruled();
    expect(codeOf(() => callEvents(operation, input))).toBe(code);
    expect(callEvents('ListRules', {}).Rules).toHaveLength(1);
    expect(callEvents('ListTargetsByRule', { Rule: 'r' }).Targets).toHaveLength(1);
  });

  it('hold tags', () => {
    const { callEvents, events } = ruled();
    callEvents('TagResource', { ResourceARN: RULE, Tags: [{ Key: 'a', Value: '1' }] });
    callEvents('TagResource', { ResourceARN: RULE, Tags: [{ Key: 'b', Value: '2' }] });
    callEvents('UntagResource', { ResourceARN: RULE, TagKeys: ['a'] });
    expect(callEvents('ListTagsForResource', { ResourceARN: RULE }).Tags).toEqual([{ Key: 'b', Value: '2' }]);
    expect(events.taggedResources()).toEqual([{ arn: RULE, tags: { b: '2' } }]);
  });

  it('try a pattern on an event', () => {
    const { callEvents } = ruled();
    const event = { id: '1', account: '1', source: 'mine', time: 't', region: 'r', resources: [], 'detail-type': 'x' };
    const test = (Event: object) =>
      callEvents('TestEventPattern', { EventPattern: PATTERN, Event: JSON.stringify(Event) });
    expect(test(event).Result).toBe(true);
    expect(test({ ...event, source: 'other' }).Result).toBe(false);
    expect(codeOf(() => test({ source: 'mine' }))).toBe('ValidationException');
  });
});

it('nothing is made of an event that no rule could want', () => {
  const { events, callEvents } = ruled();
  callEvents('DisableRule', { Name: 'r' });
  events.emit('aws.x', 'y', 0, () => {
    throw new Error('described');
  });
  expect(events.nextAtMs()).toBeUndefined();
});
