import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EventRing } from '../../../src/local-cloud/services/logs/event-ring.ts';
import { compileFilterPattern } from '../../../src/local-cloud/services/logs/filter-pattern.ts';
import { memoryState, openJournal } from '../../../src/local-cloud/state/index.ts';
import { codeOf, smallWorld } from './world.ts';

const GROUP = '/ecs/checkout';
const GROUP_ARN = `arn:aws:logs:us-east-1:000000000000:log-group:${GROUP}`;
const DAY_MS = 86_400_000;

function logWorld(state = memoryState()) {
  const world = smallWorld(state);
  const nowMs = world.clock.now();
  const { callLogs } = world;
  if (callLogs('DescribeLogGroups', {}).logGroups.length === 0) callLogs('CreateLogGroup', { logGroupName: GROUP });
  const put = (stream: string, events: readonly (readonly [number, string])[], group = GROUP) =>
    callLogs('PutLogEvents', {
      logGroupName: group,
      logStreamName: stream,
      logEvents: events.map(([timestamp, message]) => ({ timestamp, message })),
    });
  const stream = (name: string) => callLogs('CreateLogStream', { logGroupName: GROUP, logStreamName: name });
  const get = (input: object) => callLogs('GetLogEvents', { logGroupName: GROUP, ...input });
  const filter = (input: object) => callLogs('FilterLogEvents', { logGroupName: GROUP, ...input });
  const messages = (answer: { events: { message: string }[] }) => answer.events.map(({ message }) => message);
  return { ...world, nowMs, put, stream, get, filter, messages };
}

describe('log groups', () => {
  it('are described with both ARNs, by prefix, by part, in pages', () => {
    const { callLogs, nowMs } = logWorld();
    for (const logGroupName of ['/ecs/a', '/lambda/checkout']) callLogs('CreateLogGroup', { logGroupName });
    expect(callLogs('DescribeLogGroups', { logGroupNamePrefix: GROUP }).logGroups).toEqual([
      {
        logGroupName: GROUP,
        creationTime: nowMs,
        metricFilterCount: 0,
        arn: `${GROUP_ARN}:*`,
        logGroupArn: GROUP_ARN,
        storedBytes: 0,
        logGroupClass: 'STANDARD',
        deletionProtectionEnabled: false,
      },
    ]);
    const names = (input: object) =>
      callLogs('DescribeLogGroups', input).logGroups.map((group: { logGroupName: string }) => group.logGroupName);
    expect(names({ logGroupNamePattern: 'checkout' })).toEqual([GROUP, '/lambda/checkout']);
    expect(names({ logGroupIdentifiers: [GROUP_ARN, '/ecs/a'] })).toEqual(['/ecs/a', GROUP]);
    const page = callLogs('DescribeLogGroups', { limit: 2 });
    expect(page.logGroups).toHaveLength(2);
    expect(names({ limit: 2, nextToken: page.nextToken })).toEqual(['/lambda/checkout']);
    expect(callLogs('DescribeLogGroups', { limit: 3 })).not.toHaveProperty('nextToken');
  });

  it('keep tags by the ARN without a star', () => {
    const { callLogs } = logWorld();
    callLogs('CreateLogGroup', { logGroupName: 'tagged', tags: { a: '1' } });
    const resourceArn = GROUP_ARN.replace(GROUP, 'tagged');
    callLogs('TagResource', { resourceArn, tags: { b: '2', c: '3' } });
    callLogs('UntagResource', { resourceArn, tagKeys: ['a', 'c'] });
    expect(callLogs('ListTagsForResource', { resourceArn })).toEqual({ tags: { b: '2' } });
    expect(codeOf(() => callLogs('ListTagsForResource', { resourceArn: `${resourceArn}:*` }))).toBe(
      'ResourceNotFoundException',
    );
  });

  it('keep a retention until it is taken back', () => {
    const { callLogs } = logWorld();
    const retention = () => callLogs('DescribeLogGroups', {}).logGroups[0].retentionInDays;
    callLogs('PutRetentionPolicy', { logGroupName: GROUP, retentionInDays: 7 });
    expect(retention()).toBe(7);
    callLogs('DeleteRetentionPolicy', { logGroupName: GROUP });
    expect(retention()).toBeUndefined();
  });

  const refusals: { reason: string; operation: string; input: object; code: string }[] = [
    {
      reason: 'it exists',
      operation: 'CreateLogGroup',
      input: { logGroupName: GROUP },
      code: 'ResourceAlreadyExistsException',
    },
    {
      reason: 'a colon in the name',
      operation: 'CreateLogGroup',
      input: { logGroupName: 'a:b' },
      code: 'InvalidParameterException',
    },
    {
      reason: 'an empty name',
      operation: 'CreateLogGroup',
      input: { logGroupName: '' },
      code: 'InvalidParameterException',
    },
    {
      reason: 'an unknown class',
      operation: 'CreateLogGroup',
      input: { logGroupName: 'a', logGroupClass: 'X' },
      code: 'InvalidParameterException',
    },
    {
      reason: 'a system tag',
      operation: 'CreateLogGroup',
      input: { logGroupName: 'a', tags: { 'aws:x': '' } },
      code: 'InvalidParameterException',
    },
    {
      reason: 'a tag that is no text',
      operation: 'TagResource',
      input: { resourceArn: GROUP_ARN, tags: { 'a*': '' } },
      code: 'InvalidParameterException',
    },
    {
      reason: 'no such group',
      operation: 'DeleteLogGroup',
      input: { logGroupName: 'none' },
      code: 'ResourceNotFoundException',
    },
    {
      reason: 'an odd number of days',
      operation: 'PutRetentionPolicy',
      input: { logGroupName: GROUP, retentionInDays: 2 },
      code: 'InvalidParameterException',
    },
    {
      reason: 'more names than a call takes',
      operation: 'DescribeLogGroups',
      input: { logGroupIdentifiers: Array(51).fill('/a') },
      code: 'InvalidParameterException',
    },
    {
      reason: 'names and a prefix',
      operation: 'DescribeLogGroups',
      input: { logGroupIdentifiers: ['/a'], logGroupNamePrefix: '/' },
      code: 'InvalidParameterException',
    },
    {
      reason: 'prefix and pattern',
      operation: 'DescribeLogGroups',
      input: { logGroupNamePrefix: 'a', logGroupNamePattern: 'b' },
      code: 'InvalidParameterException',
    },
    {
      reason: 'a page too large',
      operation: 'DescribeLogGroups',
      input: { limit: 51 },
      code: 'InvalidParameterException',
    },
    {
      reason: 'a token of nobody',
      operation: 'DescribeLogGroups',
      input: { nextToken: '%%' },
      code: 'InvalidParameterException',
    },
    {
      reason: 'no such group',
      operation: 'CreateLogStream',
      input: { logGroupName: 'none', logStreamName: 's' },
      code: 'ResourceNotFoundException',
    },
    {
      reason: 'a star in the name',
      operation: 'CreateLogStream',
      input: { logGroupName: GROUP, logStreamName: '*' },
      code: 'InvalidParameterException',
    },
    {
      reason: 'it exists',
      operation: 'CreateLogStream',
      input: { logGroupName: GROUP, logStreamName: 's' },
      code: 'ResourceAlreadyExistsException',
    },
    {
      reason: 'by time with a prefix',
      operation: 'DescribeLogStreams',
      input: { logGroupName: GROUP, logStreamNamePrefix: 's', orderBy: 'LastEventTime' },
      code: 'InvalidParameterException',
    },
    {
      reason: 'name and identifier',
      operation: 'DescribeLogStreams',
      input: { logGroupName: GROUP, logGroupIdentifier: GROUP },
      code: 'InvalidParameterException',
    },
    {
      reason: 'no such stream',
      operation: 'GetLogEvents',
      input: { logGroupName: GROUP, logStreamName: 'none' },
      code: 'ResourceNotFoundException',
    },
    {
      reason: 'a token of nobody',
      operation: 'GetLogEvents',
      input: { logGroupName: GROUP, logStreamName: 's', nextToken: 'x' },
      code: 'InvalidParameterException',
    },
    {
      reason: 'no events',
      operation: 'PutLogEvents',
      input: { logGroupName: GROUP, logStreamName: 's', logEvents: [] },
      code: 'InvalidParameterException',
    },
    {
      reason: 'an empty message',
      operation: 'PutLogEvents',
      input: { logGroupName: GROUP, logStreamName: 's', logEvents: [{ timestamp: 1, message: '' }] },
      code: 'InvalidParameterException',
    },
    {
      reason: 'not in order',
      operation: 'PutLogEvents',
      input: {
        logGroupName: GROUP,
        logStreamName: 's',
        logEvents: [
          { timestamp: 2, message: 'b' },
          { timestamp: 1, message: 'a' },
        ],
      },
      code: 'InvalidParameterException',
    },
    {
      reason: 'over more than a day',
      operation: 'PutLogEvents',
      input: {
        logGroupName: GROUP,
        logStreamName: 's',
        logEvents: [
          { timestamp: 0, message: 'a' },
          { timestamp: DAY_MS + 1, message: 'b' },
        ],
      },
      code: 'InvalidParameterException',
    },
    {
      reason: 'too large',
      operation: 'PutLogEvents',
      input: { logGroupName: GROUP, logStreamName: 's', logEvents: [{ timestamp: 1, message: 'x'.repeat(1_048_576) }] },
      code: 'InvalidParameterException',
    },
    {
      reason: 'streams and prefix',
      operation: 'FilterLogEvents',
      input: { logGroupName: GROUP, logStreamNames: ['s'], logStreamNamePrefix: 's' },
      code: 'InvalidParameterException',
    },
    {
      reason: 'a JSON pattern',
      operation: 'FilterLogEvents',
      input: { logGroupName: GROUP, filterPattern: '{ $.a = 1 }' },
      code: 'InvalidParameterException',
    },
    {
      reason: 'an open phrase',
      operation: 'FilterLogEvents',
      input: { logGroupName: GROUP, filterPattern: '"a' },
      code: 'InvalidParameterException',
    },
  ];
  it.each(refusals)('$operation is refused: $reason', ({ operation, input, code }) => {
    const { callLogs, stream } = logWorld();
    stream('s');
    expect(codeOf(() => callLogs(operation, input))).toBe(code);
  });

  it('take their streams and events with them', () => {
    const { callLogs, stream, put, nowMs, get } = logWorld();
    stream('s');
    put('s', [[nowMs, 'old']]);
    callLogs('DeleteLogGroup', { logGroupName: GROUP });
    callLogs('CreateLogGroup', { logGroupName: GROUP });
    expect(callLogs('DescribeLogStreams', { logGroupName: GROUP }).logStreams).toEqual([]);
    stream('s');
    expect(get({ logStreamName: 's' }).events).toEqual([]);
  });

  it('with deletion protection stay', () => {
    const { callLogs } = logWorld();
    callLogs('CreateLogGroup', { logGroupName: 'kept', deletionProtectionEnabled: true });
    expect(codeOf(() => callLogs('DeleteLogGroup', { logGroupName: 'kept' }))).toBe('ValidationException');
  });
});

describe('log streams', () => {
  it('are listed by name or by their last event', () => {
    const { callLogs, stream, put, nowMs } = logWorld();
    for (const name of ['b', 'a', 'c']) stream(name);
    put('a', [
      [nowMs - 5, 'x'],
      [nowMs - 1, 'y'],
    ]);
    put('c', [[nowMs - 3, 'x']]);
    const list = (input: object) => callLogs('DescribeLogStreams', { logGroupName: GROUP, ...input });
    const names = (input: object) => list(input).logStreams.map((one: { logStreamName: string }) => one.logStreamName);
    expect(names({})).toEqual(['a', 'b', 'c']);
    expect(names({ orderBy: 'LastEventTime', descending: true })).toEqual(['a', 'c', 'b']);
    expect(names({ logStreamNamePrefix: 'b' })).toEqual(['b']);
    const page = list({ limit: 2, descending: true });
    expect(names({ limit: 2, descending: true, nextToken: page.nextToken })).toEqual(['a']);
    expect(list({}).logStreams[0]).toMatchObject({
      arn: `${GROUP_ARN}:log-stream:a`,
      firstEventTimestamp: nowMs - 5,
      lastEventTimestamp: nowMs - 1,
      lastIngestionTime: nowMs,
    });
    expect(list({}).logStreams[1]).not.toHaveProperty('lastEventTimestamp');
  });
});

describe('log events', () => {
  it('too old, expired and too new are rejected by index, the rest is taken', () => {
    const { put, stream, callLogs, get, messages, nowMs } = logWorld();
    stream('s');
    const old = put('s', [
      [nowMs - 14 * DAY_MS - 1, 'a'],
      [nowMs - 14 * DAY_MS, 'b'],
    ]);
    expect(old.rejectedLogEventsInfo).toEqual({ tooOldLogEventEndIndex: 1 });
    callLogs('PutRetentionPolicy', { logGroupName: GROUP, retentionInDays: 1 });
    const mixed = put('s', [
      [nowMs, 'e'],
      [nowMs + 7_200_001, 'f'],
    ]);
    expect(mixed.rejectedLogEventsInfo).toEqual({ tooNewLogEventStartIndex: 1 });
    expect(
      put('s', [
        [nowMs - DAY_MS - 1, 'g'],
        [nowMs - DAY_MS + 1, 'h'],
      ]).rejectedLogEventsInfo,
    ).toEqual({ expiredLogEventEndIndex: 1 });
    // What the retention has passed is not shown any more either.
    expect(messages(get({ logStreamName: 's', startFromHead: true }))).toEqual(['h', 'e']);
  });

  it('are read from the tail by default, and page both ways to the same token at the end', () => {
    const { put, stream, get, messages, nowMs } = logWorld();
    stream('s');
    put(
      's',
      Array.from({ length: 10 }, (_, i) => [nowMs - 10 + i, `m${i}`] as const),
    );
    const ask = (input: object) => get({ logStreamName: 's', limit: 4, ...input });
    const tail = ask({});
    expect(messages(tail)).toEqual(['m6', 'm7', 'm8', 'm9']);
    const before = ask({ nextToken: tail.nextBackwardToken });
    expect(messages(before)).toEqual(['m2', 'm3', 'm4', 'm5']);
    expect(messages(ask({ nextToken: before.nextForwardToken }))).toEqual(['m6', 'm7', 'm8', 'm9']);
    const end = ask({ nextToken: tail.nextForwardToken });
    expect(end.events).toEqual([]);
    expect(end.nextForwardToken).toBe(tail.nextForwardToken);
    put('s', [[nowMs, 'new']]);
    expect(messages(ask({ nextToken: end.nextForwardToken }))).toEqual(['new']);
    expect(messages(ask({ nextToken: end.nextBackwardToken }))).toEqual(['m6', 'm7', 'm8', 'm9']);
    expect(messages(ask({ startFromHead: true, startTime: nowMs - 8, endTime: nowMs - 6 }))).toEqual(['m2', 'm3']);
  });

  it('are found across streams in the order of time, in pages, by pattern', () => {
    const { put, stream, filter, messages, nowMs } = logWorld();
    for (const name of ['web/1', 'web/2', 'job/1']) stream(name);
    put('web/1', [
      [nowMs - 5, 'GET ok'],
      [nowMs - 2, 'GET ERROR one'],
    ]);
    put('web/2', [
      [nowMs - 4, 'GET ERROR two'],
      [nowMs - 2, 'GET fine'],
    ]);
    put('job/1', [[nowMs - 3, 'ERROR three']]);
    expect(messages(filter({}))).toEqual(['GET ok', 'GET ERROR two', 'ERROR three', 'GET ERROR one', 'GET fine']);
    expect(messages(filter({ filterPattern: 'ERROR -GET' }))).toEqual(['ERROR three']);
    expect(messages(filter({ logStreamNamePrefix: 'web/', startTime: nowMs - 4, endTime: nowMs - 3 }))).toEqual([
      'GET ERROR two',
    ]);
    expect(messages(filter({ logStreamNames: ['job/1'], endTime: nowMs - 3 }))).toEqual(['ERROR three']);
    const first = filter({ filterPattern: 'ERROR', limit: 2 });
    expect(messages(first)).toEqual(['GET ERROR two', 'ERROR three']);
    const second = filter({ filterPattern: 'ERROR', limit: 2, nextToken: first.nextToken });
    expect(messages(second)).toEqual(['GET ERROR one']);
    expect(second).not.toHaveProperty('nextToken');
    const ids = filter({}).events.map((event: { eventId: string }) => event.eventId);
    expect(new Set(ids).size).toBe(5);
    expect(ids[0]).toMatch(/^\d{56}$/);
  });

  it('fill no answer beyond 1 MB, and the next page goes on', () => {
    const { put, stream, filter, nowMs } = logWorld();
    for (const [index, name] of ['a', 'b', 'c', 'd'].entries()) {
      stream(name);
      put(name, [[nowMs + index, 'x'.repeat(300_000)]]);
    }
    const first = filter({});
    expect(first.events).toHaveLength(3);
    const second = filter({ nextToken: first.nextToken });
    expect(second.events).toHaveLength(1);
    expect(second).not.toHaveProperty('nextToken');
  });
});

describe('append', () => {
  const line = (message: string, timestampMs = 0) => ({ message, timestampMs });

  it('creates the stream of an existing group and drops what has none', () => {
    const { logs, get, messages, callLogs, nowMs } = logWorld();
    logs.append(GROUP, 'task/1', [line('one', nowMs), line('', nowMs), line('two', nowMs)]);
    logs.append('/none', 'task/1', [line('lost', nowMs)]);
    expect(messages(get({ logStreamName: 'task/1' }))).toEqual(['one', 'two']);
    expect(callLogs('DescribeLogGroups', {}).logGroups).toHaveLength(1);
  });

  it('takes more than a batch at once and cuts a line without end', () => {
    const { logs, get, nowMs } = logWorld();
    logs.append(
      GROUP,
      's',
      Array.from({ length: 10_001 }, (_, i) => line(`m${i}`, nowMs)),
    );
    expect(get({ logStreamName: 's', limit: 1 }).events[0].message).toBe('m10000');
    logs.append(GROUP, 'long', [line('x'.repeat(300_000), nowMs)]);
    expect(get({ logStreamName: 'long' }).events[0].message).toHaveLength(262_144);
  });

  it('survives a restart', () => {
    const folder = mkdtempSync(join(tmpdir(), 'lambdacontainer-logs-'));
    const first = logWorld(openJournal(folder));
    first.logs.append(GROUP, 's', [line('kept', first.nowMs)]);
    first.cloud.close();
    const second = logWorld(openJournal(folder));
    expect(second.messages(second.get({ logStreamName: 's' }))).toEqual(['kept']);
    second.logs.append(GROUP, 's', [line('more', second.nowMs)]);
    expect(second.messages(second.get({ logStreamName: 's' }))).toEqual(['kept', 'more']);
    second.cloud.close();
    rmSync(folder, { recursive: true });
  });
});

describe('the ring', () => {
  const limits = { streamBytes: 400, streamEvents: 5, totalBytes: 1000, totalEvents: 10 };
  const ringOf = () => {
    const state = memoryState();
    const ring = new EventRing(state, limits);
    const add = (name: string, nowMs: number, ...messages: string[]) =>
      ring.append(
        ring.get('g', name) ?? ring.create('g', name, nowMs),
        messages.map((message) => [nowMs, message] as const),
        nowMs,
      );
    const read = (name: string) => {
      const stream = ring.get('g', name);
      return stream ? ring.read(stream).map(({ message }) => message) : undefined;
    };
    return { state, ring, add, read };
  };

  it('keeps the newest events of a stream, by number and by size', () => {
    const { add, read, state } = ringOf();
    for (let i = 0; i < 9; i++) add('s', i, `m${i}`);
    expect(read('s')).toEqual(['m4', 'm5', 'm6', 'm7', 'm8']);
    for (let i = 0; i < 5; i++) add('big', i, `${i}`.repeat(150));
    expect(read('big')).toEqual(['3'.repeat(150), '4'.repeat(150)]);
    expect(state.collection('logs.batches').size).toBe(7);
  });

  it('takes from the streams that were silent longest when all hold too much', () => {
    const { add, read, state } = ringOf();
    for (const [nowMs, name] of ['a', 'b', 'c', 'd', 'e'].entries()) add(name, nowMs, 'one', 'two');
    expect(read('a')).toEqual(['one', 'two']);
    add('f', 9, 'three');
    expect(read('a')).toEqual([]);
    expect(read('b')).toEqual([]);
    expect(read('f')).toEqual(['three']);
    expect(state.collection<object>('logs.total').get('')).toEqual({ bytes: 3 * (29 + 29) + 31, events: 7 });
    add('a', 10, 'again');
    expect(read('a')).toEqual(['again']);
  });

  it('forgets a stream entirely', () => {
    const { add, ring, state } = ringOf();
    ring.remove(add('s', 1, 'a', 'b'));
    expect(state.collection('logs.batches').size).toBe(0);
    expect(state.collection('logs.total').get('')).toEqual({ bytes: 0, events: 0 });
  });
});

describe('a filter pattern', () => {
  const cases: { pattern: string; message: string; matches: boolean; reason: string }[] = [
    { pattern: '', message: 'anything', matches: true, reason: 'nothing is asked' },
    { pattern: 'ERROR', message: '[ERROR] x', matches: true, reason: 'a term between other characters' },
    { pattern: 'ERR', message: 'ERROR', matches: false, reason: 'whole words only' },
    { pattern: 'error', message: 'ERROR', matches: false, reason: 'case matters' },
    { pattern: 'a b', message: 'b and a', matches: true, reason: 'all terms, in any order' },
    { pattern: 'a b', message: 'a', matches: false, reason: 'one term is missing' },
    { pattern: '"a b"', message: 'b a b', matches: true, reason: 'a phrase' },
    { pattern: '"a b"', message: 'b a', matches: false, reason: 'a phrase is in order' },
    { pattern: 'a -b', message: 'a b', matches: false, reason: 'an excluded term' },
    { pattern: '?a ?b', message: 'b', matches: true, reason: 'one of several' },
    { pattern: '?a ?b', message: 'c', matches: false, reason: 'none of several' },
    { pattern: 'c ?a', message: 'c', matches: true, reason: 'optional terms beside others are ignored' },
    { pattern: '"say \\"x\\""', message: 'say "x"', matches: true, reason: 'escaped quotes' },
    { pattern: '1.5(ms)', message: '1.5(ms)', matches: true, reason: 'no regular expression' },
    { pattern: '1.5', message: '1x5', matches: false, reason: 'no regular expression either' },
  ];
  it.each(cases)('$pattern / $message: $reason', ({ pattern, message, matches }) => {
    expect(compileFilterPattern(pattern)(message)).toBe(matches);
  });
});
