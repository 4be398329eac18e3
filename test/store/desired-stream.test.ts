import { describe, expect, it } from 'vitest';
import type { DynamoPort, StreamsPort } from '../../src/aws/index.ts';
import { Failure, type FailureKind, seededRandom, silentLogger, VirtualClock } from '../../src/core/index.ts';
import { DesiredStream, type GapReason } from '../../src/store/desired-stream.ts';

interface FakeShard {
  id: string;
  parent: string | undefined;
  closed: boolean;
  /** Position of the first record that is still kept. */
  kept: number;
  records: string[];
}

/** A small state machine of a table's streams: shards with records, positions as iterators, and faults by call. */
class FakeStreams {
  stream: { arn: string; enabled: boolean; shards: FakeShard[] } | undefined;
  tableExists = true;
  pageSize = 100;
  readonly calls: string[] = [];
  readonly #faults: { operation: string; failure: Failure; times: number }[] = [];
  readonly #others = new Map<string, FakeShard[]>();
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
    this.enable('stream-1');
  }

  enable(arn: string): void {
    this.stream = { arn, enabled: true, shards: [] };
    this.open('shard-a');
  }

  disable(): void {
    if (!this.stream) return;
    this.stream.enabled = false;
    for (const shard of this.stream.shards) shard.closed = true;
    this.#others.set(this.stream.arn, this.stream.shards);
  }

  open(id: string, parent?: string): void {
    this.stream?.shards.push({ id, parent, closed: false, kept: 0, records: [] });
  }

  shard(id: string): FakeShard {
    const shard = this.stream?.shards.find((candidate) => candidate.id === id);
    if (!shard) throw new Error(`no shard ${id}`);
    return shard;
  }

  write(id: string, ...names: string[]): void {
    this.shard(id).records.push(...names);
  }

  fail(operation: string, kind: FailureKind, code: string, times = 1): void {
    const failure = new Failure({ kind, code, operation, service: 'streams', message: `${code} as asked` });
    this.#faults.push({ operation, failure, times });
  }

  #enter(operation: string): void {
    this.calls.push(operation);
    const fault = this.#faults.find((candidate) => candidate.operation === operation && candidate.times > 0);
    if (!fault) return;
    fault.times--;
    throw fault.failure;
  }

  #missing(operation: string): Failure {
    const code = 'ResourceNotFoundException';
    return new Failure({ kind: 'notFound', code, operation, service: 'streams', message: 'not found' });
  }

  readonly dynamo = {
    describeTable: async () => {
      this.#enter('describeTable');
      if (!this.tableExists) throw this.#missing('describeTable');
      const { stream } = this;
      return {
        $metadata: {},
        Table: stream
          ? { LatestStreamArn: stream.arn, ...(stream.enabled ? { StreamSpecification: { StreamEnabled: true } } : {}) }
          : {},
      };
    },
  } as unknown as Pick<DynamoPort, 'describeTable'>;

  readonly streams = {
    describeStream: async ({
      StreamArn,
      ExclusiveStartShardId,
    }: {
      StreamArn: string;
      ExclusiveStartShardId?: string;
    }) => {
      this.#enter('describeStream');
      const shards = this.#shards(StreamArn);
      const from = shards.findIndex(({ id }) => id === ExclusiveStartShardId) + 1;
      // Pages of two shards, so that every walk over three has to ask again.
      const page = shards.slice(from, from + 2);
      return {
        $metadata: {},
        StreamDescription: {
          StreamStatus: this.stream?.arn === StreamArn && this.stream.enabled ? 'ENABLED' : 'DISABLED',
          Shards: page.map(({ id, parent, closed }) => ({
            ShardId: id,
            ParentShardId: parent,
            SequenceNumberRange: { StartingSequenceNumber: '1', ...(closed ? { EndingSequenceNumber: '9' } : {}) },
          })),
          ...(from + 2 < shards.length ? { LastEvaluatedShardId: page.at(-1)?.id } : {}),
        },
      };
    },
    getShardIterator: async (input: { StreamArn: string; ShardId: string; ShardIteratorType: string }) => {
      this.#enter(`getShardIterator ${input.ShardId} ${input.ShardIteratorType}`);
      const shard = this.#shards(input.StreamArn).find(({ id }) => id === input.ShardId);
      if (!shard) throw this.#missing('getShardIterator');
      const position = input.ShardIteratorType === 'LATEST' ? shard.records.length : shard.kept;
      return { $metadata: {}, ShardIterator: [input.StreamArn, shard.id, position, this.#clock.now()].join('|') };
    },
    getRecords: async ({ ShardIterator }: { ShardIterator: string }) => {
      this.#enter('getRecords');
      const [arn = '', id, position, issuedAtMs] = ShardIterator.split('|');
      const shard = this.#shards(arn).find((candidate) => candidate.id === id);
      if (!shard) throw this.#missing('getRecords');
      const refuse = (code: string) =>
        new Failure({ kind: 'invalid', code, operation: 'getRecords', service: 'streams', message: code });
      if (this.#clock.now() - Number(issuedAtMs) > 15 * 60_000) throw refuse('ExpiredIteratorException');
      if (Number(position) < shard.kept) throw refuse('TrimmedDataAccessException');
      const names = shard.records.slice(Number(position), Number(position) + this.pageSize);
      const next = Number(position) + names.length;
      return {
        $metadata: {},
        Records: names.map((name, i) => ({
          eventID: `${id}/${Number(position) + i}`,
          dynamodb: { Keys: name === '?' ? {} : { namespace: { S: 'shop' }, name: { S: name } } },
        })),
        ...(shard.closed && next === shard.records.length
          ? {}
          : { NextShardIterator: [arn, id, next, this.#clock.now()].join('|') }),
      };
    },
  } as unknown as StreamsPort;

  #shards(arn: string): FakeShard[] {
    const shards = this.stream?.arn === arn ? this.stream.shards : this.#others.get(arn);
    if (!shards) throw this.#missing('describeStream');
    return shards;
  }
}

class World {
  readonly clock = new VirtualClock();
  readonly fake = new FakeStreams(this.clock);
  /** Keys as `name`, gaps as `!reason`, in the order in which they were told. */
  readonly told: string[] = [];
  readonly warned: string[] = [];
  readonly stream = new DesiredStream({
    dynamo: this.fake.dynamo,
    streams: this.fake.streams,
    table: 'desired',
    clock: this.clock,
    random: seededRandom(1),
    logger: { ...silentLogger, warn: (_, message) => this.warned.push(message) },
    onKey: (namespace, name) => this.told.push(namespace === 'shop' ? name : `${namespace}/${name}`),
    onGap: (reason: GapReason) => this.told.push(`!${reason}`),
  });

  start(): this {
    this.stream.start();
    return this;
  }

  /** Runs until exactly this has been told, at most two virtual minutes. */
  async until(...told: string[]): Promise<void> {
    await this.clock.run(() => this.told.length >= told.length, 120_000);
    expect(this.told).toEqual(told);
  }

  async pass(ms: number): Promise<void> {
    await this.clock.run(() => false, ms);
  }
}

describe('DesiredStream', () => {
  it('starts at the end, then says that the caller must relist', async () => {
    const world = new World();
    world.fake.write('shard-a', 'before');
    await world.start().until('!started');
    expect(world.stream.state()).toEqual({ mode: 'streaming' });
    world.fake.write('shard-a', 'after');
    await world.until('!started', 'after');
    await world.stream.stop();
  });

  it('misses nothing that is written between its position and the relist', async () => {
    const world = new World();
    world.start();
    // The gap is told when the iterator is there: what is written from that moment on is read.
    await world.clock.run(() => world.told.length === 1, 1000);
    world.fake.write('shard-a', 'at-once');
    await world.until('!started', 'at-once');
    await world.stream.stop();
  });

  it('tells a new key within the polling interval', async () => {
    const world = new World();
    await world.start().until('!started');
    const writtenAtMs = world.clock.now();
    world.fake.write('shard-a', 'quick');
    await world.until('!started', 'quick');
    expect(world.clock.now() - writtenAtMs).toBeLessThanOrEqual(200);
    await world.stream.stop();
  });

  it.each([
    { name: 'busy', idleMs: 60_000, expected: 5, reason: 'five reads a second are what AWS allows of a shard' },
    { name: 'idle', idleMs: 400_000, expected: 2.5, reason: 'after five quiet minutes half as many are enough' },
  ])('polls a $name stream $expected times a second', async ({ idleMs, expected, reason }) => {
    const world = new World();
    await world.start().until('!started');
    await world.pass(idleMs);
    const before = world.fake.calls.filter((call) => call === 'getRecords').length;
    await world.pass(10_000);
    const reads = world.fake.calls.filter((call) => call === 'getRecords').length - before;
    expect(Math.abs(reads - expected * 10), reason).toBeLessThanOrEqual(1);
    await world.stream.stop();
  });

  it('reads parents before their children, through splits and merges', async () => {
    const world = new World();
    world.fake.pageSize = 1;
    await world.start().until('!started');
    world.fake.write('shard-a', 'a1', 'a2');
    world.fake.shard('shard-a').closed = true;
    world.fake.open('shard-b', 'shard-a');
    world.fake.open('shard-c', 'shard-a');
    world.fake.write('shard-b', 'b1');
    world.fake.write('shard-c', 'c1');
    await world.until('!started', 'a1', 'a2', 'b1', 'c1');
    world.fake.shard('shard-b').closed = true;
    world.fake.open('shard-d', 'shard-b');
    world.fake.write('shard-d', 'd1');
    await world.until('!started', 'a1', 'a2', 'b1', 'c1', 'd1');
    await world.stream.stop();
  });

  it('does not read a child whose parent is still being read', async () => {
    const world = new World();
    world.fake.open('shard-b', 'shard-a');
    world.fake.shard('shard-a').closed = true;
    await world.start().until('!started');
    world.fake.open('shard-c', 'shard-b');
    world.fake.write('shard-c', 'c1');
    await world.pass(90_000);
    expect(world.told, 'the description was taken anew, and shard-b is open').toEqual(['!started']);
    world.fake.write('shard-b', 'b1');
    world.fake.shard('shard-b').closed = true;
    await world.until('!started', 'b1', 'c1');
    await world.stream.stop();
  });

  it('leaves out shards that were closed before it began', async () => {
    const world = new World();
    world.fake.write('shard-a', 'old');
    world.fake.shard('shard-a').closed = true;
    world.fake.open('shard-b', 'shard-a');
    await world.start().until('!started');
    world.fake.write('shard-b', 'new');
    await world.until('!started', 'new');
    expect(world.fake.calls).not.toContain('getShardIterator shard-a LATEST');
    await world.stream.stop();
  });

  it('takes an expired iterator for a gap and begins at the end again', async () => {
    const world = new World();
    await world.start().until('!started');
    world.fake.fail('getRecords', 'invalid', 'ExpiredIteratorException');
    await world.until('!started', '!iterator-expired');
    world.fake.write('shard-a', 'later');
    await world.until('!started', '!iterator-expired', 'later');
    await world.stream.stop();
  });

  it('outlives a fault that is longer than an iterator lives', async () => {
    const world = new World();
    await world.start().until('!started');
    // About ten seconds between attempts: more than fifteen minutes.
    world.fake.fail('getRecords', 'transient', 'ServiceUnavailable', 200);
    await world.clock.run(() => world.told.length === 2, 3_600_000);
    expect(world.told).toEqual(['!started', '!iterator-expired']);
    expect(world.stream.state()).toEqual({ mode: 'streaming' });
    await world.stream.stop();
  });

  it('takes trimmed records for a gap', async () => {
    const world = new World();
    await world.start().until('!started');
    world.fake.write('shard-a', 'lost');
    world.fake.shard('shard-a').kept = 1;
    await world.until('!started', '!records-trimmed');
    world.fake.write('shard-a', 'kept');
    await world.until('!started', '!records-trimmed', 'kept');
    await world.stream.stop();
  });

  it.each([
    {
      name: 'the table has no stream',
      prepare: (fake: FakeStreams) => {
        fake.stream = undefined;
      },
      because: 'table desired has no enabled stream',
    },
    {
      name: 'the stream is disabled',
      prepare: (fake: FakeStreams) => fake.disable(),
      because: 'table desired has no enabled stream',
    },
    {
      name: 'there is no table',
      prepare: (fake: FakeStreams) => {
        fake.tableExists = false;
      },
      because: 'not found',
    },
    {
      name: 'the stream may not be read',
      prepare: (fake: FakeStreams) => fake.fail('describeStream', 'denied', 'AccessDeniedException'),
      because: 'AccessDeniedException as asked',
    },
  ])('is relist-only when $name, and looks again after 30 s', async ({ prepare, because }) => {
    const world = new World();
    prepare(world.fake);
    await world.start().until('!relist-only');
    expect(world.stream.state()).toEqual({ mode: 'relist-only', reason: because });
    world.fake.tableExists = true;
    world.fake.enable('stream-2');
    const fromMs = world.clock.now();
    await world.until('!relist-only', '!started');
    expect(world.clock.now() - fromMs).toBe(30_000);
    expect(world.stream.state()).toEqual({ mode: 'streaming' });
    await world.stream.stop();
  });

  it('tells relist-only once, however often it looks again', async () => {
    const world = new World();
    world.fake.stream = undefined;
    await world.start().until('!relist-only');
    await world.pass(300_000);
    expect(world.told).toEqual(['!relist-only']);
    expect(world.warned).toEqual(['no desired stream: relisting only']);
    world.fake.enable('stream-2');
    await world.until('!relist-only', '!started');
    world.fake.disable();
    await world.until('!relist-only', '!started', '!relist-only');
    expect(world.warned, 'once for each time').toHaveLength(2);
    await world.stream.stop();
  });

  it('reads a stream that goes away to its end, then relists only', async () => {
    const world = new World();
    await world.start().until('!started');
    world.fake.write('shard-a', 'last');
    world.fake.disable();
    await world.until('!started', 'last', '!relist-only');
    expect(world.stream.state().mode).toBe('relist-only');
    await world.stream.stop();
  });

  it('goes over to another stream of the table at once', async () => {
    const world = new World();
    await world.start().until('!started');
    world.fake.disable();
    world.fake.enable('stream-2');
    await world.until('!started', '!stream-replaced');
    world.fake.write('shard-a', 'anew');
    await world.until('!started', '!stream-replaced', 'anew');
    await world.stream.stop();
  });

  it('treats a shard that vanished as another stream', async () => {
    const world = new World();
    await world.start().until('!started');
    world.fake.fail('getRecords', 'notFound', 'ResourceNotFoundException');
    await world.until('!started', '!stream-replaced');
    await world.stream.stop();
  });

  it.each([
    { kind: 'throttled', code: 'LimitExceededException' },
    { kind: 'transient', code: 'InternalServerError' },
  ] as const)('waits out $kind calls without a gap, longer each time', async ({ kind, code }) => {
    const world = new World();
    await world.start().until('!started');
    world.fake.fail('getRecords', kind, code, 4);
    world.fake.write('shard-a', 'waited-for');
    const fromMs = world.clock.now();
    await world.clock.run(() => world.stream.state().reason !== undefined, 1000);
    expect(world.stream.state()).toEqual({ mode: 'streaming', reason: `${code}: ${code} as asked` });
    await world.until('!started', 'waited-for');
    const waitedMs = world.clock.now() - fromMs;
    expect(waitedMs, 'four pauses of at least half of 200, 400, 800 and 1600 ms').toBeGreaterThanOrEqual(1500);
    expect(waitedMs).toBeLessThanOrEqual(3200);
    expect(world.stream.state()).toEqual({ mode: 'streaming' });
    await world.stream.stop();
  });

  it('tells keys as they come: what is repeated or out of order is for the queue to coalesce', async () => {
    const world = new World();
    await world.start().until('!started');
    world.fake.write('shard-a', 'b', 'a', 'a', 'b');
    await world.until('!started', 'b', 'a', 'a', 'b');
    await world.stream.stop();
  });

  it('passes over a record without the two key attributes', async () => {
    const world = new World();
    await world.start().until('!started');
    world.fake.write('shard-a', '?', 'whole');
    await world.until('!started', 'whole');
    await world.stream.stop();
  });

  it.each([
    { name: 'while it polls', prepare: (_: FakeStreams) => {} },
    {
      name: 'while it waits for a stream',
      prepare: (fake: FakeStreams) => {
        fake.stream = undefined;
      },
    },
    { name: 'while it backs off', prepare: (fake: FakeStreams) => fake.fail('describeTable', 'throttled', 'Slow', 99) },
  ])('stops at once $name', async ({ prepare }) => {
    const world = new World();
    prepare(world.fake);
    world.start();
    await world.pass(5_000);
    const stoppedAtMs = world.clock.now();
    const told = [...world.told];
    await world.stream.stop();
    expect(world.clock.now(), 'no timer had to fire').toBe(stoppedAtMs);
    if (world.fake.stream) world.fake.write('shard-a', 'too-late');
    await world.pass(60_000);
    expect(world.told).toEqual(told);
  });

  it('can be stopped without having been started, and started once only', async () => {
    const world = new World();
    await world.stream.stop();
    const other = new World();
    other.start().start();
    await other.until('!started');
    await other.stream.stop();
  });
});
