/** Messages: sent, received, hidden, deleted, deduplicated and buried, under a virtual clock. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../cloud/world.ts';
import { queueWorld } from './world.ts';

const ARN = 'arn:aws:sqs:us-east-1:000000000000:';

// biome-ignore lint/suspicious/noExplicitAny: answers are looked at member by member
type Answer = any;
const bodies = ({ Messages = [] }: Answer): string[] => Messages.map(({ Body }: Answer) => Body);

describe('a message', () => {
  it('is received as it was sent, with its digests and what was asked for of its attributes', async () => {
    const { call, queue, receive, clock } = queueWorld();
    const QueueUrl = queue('a');
    const MessageBody = 'wörk <&> \n 😀';
    const sent = call('SendMessage', {
      QueueUrl,
      MessageBody,
      MessageAttributes: {
        'a.b': { DataType: 'String', StringValue: 'x' },
        bytes: { DataType: 'Binary.png', BinaryValue: new Uint8Array([0, 255]) },
      },
      MessageSystemAttributes: { AWSTraceHeader: { DataType: 'String', StringValue: 'Root=1' } },
    });
    const sentAt = String(clock.now());
    expect(sent.MD5OfMessageBody).toBe(createHash('md5').update(MessageBody).digest('hex'));
    const { Messages } = await receive(QueueUrl, {
      AttributeNames: ['All'],
      MessageAttributeNames: ['a.*'],
      MaxNumberOfMessages: 10,
    });
    expect(Messages).toEqual([
      {
        MessageId: sent.MessageId,
        ReceiptHandle: expect.any(String),
        Body: MessageBody,
        MD5OfBody: sent.MD5OfMessageBody,
        Attributes: {
          SenderId: expect.any(String),
          SentTimestamp: sentAt,
          ApproximateReceiveCount: '1',
          ApproximateFirstReceiveTimestamp: sentAt,
          AWSTraceHeader: 'Root=1',
        },
        MessageAttributes: { 'a.b': { DataType: 'String', StringValue: 'x' } },
        MD5OfMessageAttributes: expect.any(String),
      },
    ]);
  });

  const refused: { reason: string; input: object; code: string }[] = [
    { reason: 'an empty body', input: { MessageBody: '' }, code: 'MissingRequiredParameterException' },
    { reason: 'a character that XML has not', input: { MessageBody: 'a\u0000' }, code: 'InvalidMessageContents' },
    { reason: 'half a character', input: { MessageBody: 'a\ud83d' }, code: 'InvalidMessageContents' },
    {
      reason: 'more than 1 MiB',
      input: { MessageBody: 'a'.repeat(1_048_577) },
      code: 'InvalidParameterValueException',
    },
    {
      reason: 'a delay of more than 15 minutes',
      input: { MessageBody: 'a', DelaySeconds: 901 },
      code: 'InvalidParameterValueException',
    },
    {
      reason: 'eleven attributes',
      input: {
        MessageBody: 'a',
        MessageAttributes: Object.fromEntries(
          Array.from({ length: 11 }, (_, i) => [`a${i}`, { DataType: 'String', StringValue: 'x' }]),
        ),
      },
      code: 'InvalidParameterValueException',
    },
    {
      reason: 'a number that is none',
      input: { MessageBody: 'a', MessageAttributes: { n: { DataType: 'Number', StringValue: 'x' } } },
      code: 'InvalidParameterValueException',
    },
    {
      reason: 'an attribute without a value',
      input: { MessageBody: 'a', MessageAttributes: { n: { DataType: 'String' } } },
      code: 'InvalidParameterValueException',
    },
    {
      reason: 'an attribute of AWS’s',
      input: { MessageBody: 'a', MessageAttributes: { 'AWS.x': { DataType: 'String', StringValue: 'x' } } },
      code: 'InvalidParameterValueException',
    },
    {
      reason: 'deduplication in a standard queue',
      input: { MessageBody: 'a', MessageDeduplicationId: 'x' },
      code: 'InvalidParameterValueException',
    },
  ];
  it.each(refused)('is refused for $reason', async ({ input, code }) => {
    const { call, queue, receive } = queueWorld();
    const QueueUrl = queue('a');
    expect(codeOf(() => call('SendMessage', { QueueUrl, ...input }))).toBe(code);
    expect(await receive(QueueUrl)).toEqual({});
  });

  it('is hidden while somebody has it, and comes back with a count and another receipt', async () => {
    const { call, queue, receive, pass } = queueWorld();
    const QueueUrl = queue('a', { VisibilityTimeout: '10' });
    call('SendMessage', { QueueUrl, MessageBody: 'a' });
    const first = await receive(QueueUrl);
    expect(await receive(QueueUrl)).toEqual({});
    await pass(9_999);
    expect(await receive(QueueUrl)).toEqual({});
    await pass(1);
    const second = await receive(QueueUrl, { AttributeNames: ['ApproximateReceiveCount'] });
    expect(second.Messages[0].Attributes).toEqual({ ApproximateReceiveCount: '2' });
    // The older receipt deletes nothing, and is no error.
    call('DeleteMessage', { QueueUrl, ReceiptHandle: first.Messages[0].ReceiptHandle });
    await pass(10_000);
    const third = await receive(QueueUrl);
    expect(bodies(third)).toEqual(['a']);
    const { ReceiptHandle } = third.Messages[0];
    call('DeleteMessage', { QueueUrl, ReceiptHandle });
    call('DeleteMessage', { QueueUrl, ReceiptHandle });
    await pass(10_000);
    expect(await receive(QueueUrl)).toEqual({});
  });

  it('is hidden for longer, given back, and neither once it is no longer out', async () => {
    const { call, queue, receive, pass } = queueWorld();
    const QueueUrl = queue('a', { VisibilityTimeout: '10' });
    call('SendMessage', { QueueUrl, MessageBody: 'a' });
    const hide = (ReceiptHandle: string, VisibilityTimeout: number) =>
      call('ChangeMessageVisibility', { QueueUrl, ReceiptHandle, VisibilityTimeout });
    const [{ ReceiptHandle }] = (await receive(QueueUrl)).Messages;
    hide(ReceiptHandle, 60);
    await pass(30_000);
    expect(await receive(QueueUrl)).toEqual({});
    hide(ReceiptHandle, 0);
    expect(codeOf(() => hide(ReceiptHandle, 5))).toBe('MessageNotInflight');
    const again = (await receive(QueueUrl)).Messages[0].ReceiptHandle;
    expect(codeOf(() => hide(ReceiptHandle, 5))).toBe('InvalidParameterValueException');
    expect(codeOf(() => hide(again, 43_201))).toBe('InvalidParameterValueException');
    expect(codeOf(() => hide('bm9uZQ==', 5))).toBe('ReceiptHandleIsInvalid');
  });

  it('waits out its delay', async () => {
    const { call, queue, receive, pass } = queueWorld();
    const QueueUrl = queue('a', { DelaySeconds: '5' });
    call('SendMessage', { QueueUrl, MessageBody: 'queue’s' });
    call('SendMessage', { QueueUrl, MessageBody: 'own', DelaySeconds: 1 });
    call('SendMessage', { QueueUrl, MessageBody: 'none', DelaySeconds: 0 });
    const counts = () =>
      Object.values(
        call('GetQueueAttributes', {
          QueueUrl,
          AttributeNames: [
            'ApproximateNumberOfMessages',
            'ApproximateNumberOfMessagesDelayed',
            'ApproximateNumberOfMessagesNotVisible',
          ],
        }).Attributes,
      );
    expect(counts()).toEqual(['1', '2', '0']);
    expect(bodies(await receive(QueueUrl, { MaxNumberOfMessages: 10 }))).toEqual(['none']);
    expect(counts()).toEqual(['0', '2', '1']);
    await pass(1_000);
    expect(bodies(await receive(QueueUrl, { MaxNumberOfMessages: 10 }))).toEqual(['own']);
    await pass(4_000);
    expect(bodies(await receive(QueueUrl, { MaxNumberOfMessages: 10 }))).toEqual(['queue’s']);
  });

  it('is forgotten when it was kept long enough', async () => {
    const { call, queue, receive, pass } = queueWorld();
    const QueueUrl = queue('a', { MessageRetentionPeriod: '60' });
    call('SendMessage', { QueueUrl, MessageBody: 'old' });
    await pass(60_000);
    call('SendMessage', { QueueUrl, MessageBody: 'new' });
    expect(bodies(await receive(QueueUrl, { MaxNumberOfMessages: 10 }))).toEqual(['new']);
  });

  it('goes to the dead-letter queue when it was received too often, with its age and where it came from', async () => {
    const { call, queue, receive, pass } = queueWorld();
    const dead = queue('dead');
    const QueueUrl = queue('a', {
      VisibilityTimeout: '1',
      RedrivePolicy: `{"deadLetterTargetArn":"${ARN}dead","maxReceiveCount":2}`,
    });
    const { MessageId } = call('SendMessage', { QueueUrl, MessageBody: 'poison' });
    for (let i = 0; i < 2; i++) {
      expect(bodies(await receive(QueueUrl))).toEqual(['poison']);
      await pass(1_000);
    }
    expect(await receive(QueueUrl)).toEqual({});
    const { Messages } = await receive(dead, { AttributeNames: ['All'] });
    expect(Messages[0]).toMatchObject({ MessageId, Body: 'poison' });
    expect(Messages[0].Attributes).toMatchObject({
      DeadLetterQueueSourceArn: `${ARN}a`,
      ApproximateReceiveCount: '3',
    });
  });
});

describe('a long poll', () => {
  it('is answered as soon as there is something, by whoever waits first', async () => {
    const { call, queue, receive, pass, clock } = queueWorld();
    const QueueUrl = queue('a');
    const startMs = clock.now();
    const answers: string[] = [];
    const poll = async (name: string) => {
      const got = bodies(await receive(QueueUrl, { WaitTimeSeconds: 20 }));
      answers.push(`${name} ${got.join()} after ${clock.now() - startMs}`);
    };
    const polls = [poll('first'), poll('second')];
    await pass(5_000);
    call('SendMessage', { QueueUrl, MessageBody: 'a' });
    await pass(60_000);
    await Promise.all(polls);
    expect(answers).toEqual(['first a after 5000', 'second  after 20000']);
  });

  it('sees what comes back, and what a delay lets go', async () => {
    const { call, queue, receive, pass } = queueWorld();
    const QueueUrl = queue('a', { ReceiveMessageWaitTimeSeconds: '20', VisibilityTimeout: '3' });
    call('SendMessage', { QueueUrl, MessageBody: 'delayed', DelaySeconds: 2 });
    const first = receive(QueueUrl);
    await pass(2_000);
    expect(bodies(await first)).toEqual(['delayed']);
    const second = receive(QueueUrl);
    await pass(3_000);
    expect(bodies(await second)).toEqual(['delayed']);
  });

  it('takes nothing once its caller has gone', async () => {
    const { call, queue, receive, pass } = queueWorld();
    const QueueUrl = queue('a');
    const leaving = new AbortController();
    const poll = receive(QueueUrl, { WaitTimeSeconds: 20 }, leaving.signal);
    await pass(1_000);
    leaving.abort();
    call('SendMessage', { QueueUrl, MessageBody: 'a' });
    expect(await poll).toEqual({});
    expect(bodies(await receive(QueueUrl))).toEqual(['a']);
  });

  it('ends with an error when its queue goes', async () => {
    const { call, queue, receive, pass } = queueWorld();
    const QueueUrl = queue('a');
    const poll = receive(QueueUrl, { WaitTimeSeconds: 20 }).catch((error: { code: string }) => error.code);
    await pass(1_000);
    call('DeleteQueue', { QueueUrl });
    await pass(1);
    expect(await poll).toBe('QueueDoesNotExist');
  });

  const refused = [
    { reason: 'no messages', input: { MaxNumberOfMessages: 0 } },
    { reason: 'eleven messages', input: { MaxNumberOfMessages: 11 } },
    { reason: '21 seconds', input: { WaitTimeSeconds: 21 } },
    { reason: 'hidden for a negative time', input: { VisibilityTimeout: -1 } },
  ];
  it.each(refused)('is refused for $reason', async ({ input }) => {
    const { queue, receive } = queueWorld();
    await expect(receive(queue('a'), input)).rejects.toMatchObject({ code: 'InvalidParameterValueException' });
  });
});

describe('a FIFO queue', () => {
  const FIFO = { FifoQueue: 'true', VisibilityTimeout: '10' };
  const send = (world: ReturnType<typeof queueWorld>, QueueUrl: string, group: string, body: string, id = body) =>
    world.call('SendMessage', {
      QueueUrl,
      MessageBody: body,
      MessageGroupId: group,
      MessageDeduplicationId: id,
    });

  it('gives nothing of a group away while some of it is out, and keeps the order', async () => {
    const world = queueWorld();
    const { queue, receive, call, pass } = world;
    const QueueUrl = queue('a.fifo', FIFO);
    for (const [group, body] of [
      ['x', 'x1'],
      ['x', 'x2'],
      ['y', 'y1'],
      ['x', 'x3'],
    ] as const)
      send(world, QueueUrl, group, body);
    const first = await receive(QueueUrl, { MaxNumberOfMessages: 1 });
    expect(bodies(first)).toEqual(['x1']);
    expect(bodies(await receive(QueueUrl, { MaxNumberOfMessages: 10 }))).toEqual(['y1']);
    call('DeleteMessage', { QueueUrl, ReceiptHandle: first.Messages[0].ReceiptHandle });
    expect(bodies(await receive(QueueUrl, { MaxNumberOfMessages: 10 }))).toEqual(['x2', 'x3']);
    await pass(10_000);
    expect(bodies(await receive(QueueUrl, { MaxNumberOfMessages: 10 }))).toEqual(['x2', 'y1', 'x3']);
  });

  it('takes a message once in five minutes', async () => {
    const world = queueWorld();
    const QueueUrl = world.queue('a.fifo', FIFO);
    const first = send(world, QueueUrl, 'x', 'one', 'id');
    const again = send(world, QueueUrl, 'x', 'other', 'id');
    expect([again.MessageId, again.SequenceNumber]).toEqual([first.MessageId, first.SequenceNumber]);
    await world.pass(5 * 60_000);
    const later = send(world, QueueUrl, 'x', 'later', 'id');
    expect(later.SequenceNumber > first.SequenceNumber).toBe(true);
    expect(bodies(await world.receive(QueueUrl, { MaxNumberOfMessages: 10 }))).toEqual(['one', 'later']);
  });

  it('takes the content for the id where it is told to', async () => {
    const { queue, call, receive } = queueWorld();
    const QueueUrl = queue('a.fifo', { ...FIFO, ContentBasedDeduplication: 'true' });
    for (const MessageBody of ['a', 'a', 'b']) call('SendMessage', { QueueUrl, MessageBody, MessageGroupId: 'x' });
    expect(bodies(await receive(QueueUrl, { MaxNumberOfMessages: 10 }))).toEqual(['a', 'b']);
  });

  it('deduplicates by group where it is told to', async () => {
    const world = queueWorld();
    const QueueUrl = world.queue('a.fifo', { ...FIFO, DeduplicationScope: 'messageGroup' });
    send(world, QueueUrl, 'x', 'a', 'id');
    send(world, QueueUrl, 'y', 'b', 'id');
    expect(bodies(await world.receive(QueueUrl, { MaxNumberOfMessages: 10 }))).toEqual(['a', 'b']);
  });

  const refused = [
    { reason: 'no group', input: { MessageDeduplicationId: 'a' }, code: 'MissingRequiredParameterException' },
    { reason: 'no id', input: { MessageGroupId: 'a' }, code: 'InvalidParameterValueException' },
    {
      reason: 'a delay of its own',
      input: { MessageGroupId: 'a', MessageDeduplicationId: 'a', DelaySeconds: 1 },
      code: 'InvalidParameterValueException',
    },
    {
      reason: 'a group with a space',
      input: { MessageGroupId: 'a b', MessageDeduplicationId: 'a' },
      code: 'InvalidParameterValueException',
    },
  ];
  it.each(refused)('refuses $reason', ({ input, code }) => {
    const { queue, call } = queueWorld();
    const QueueUrl = queue('a.fifo', FIFO);
    expect(codeOf(() => call('SendMessage', { QueueUrl, MessageBody: 'a', ...input }))).toBe(code);
  });

  it('refuses to delete with a receipt whose time is over', async () => {
    const world = queueWorld();
    const QueueUrl = world.queue('a.fifo', FIFO);
    send(world, QueueUrl, 'x', 'a');
    const { ReceiptHandle } = (await world.receive(QueueUrl)).Messages[0];
    await world.pass(10_000);
    expect(codeOf(() => world.call('DeleteMessage', { QueueUrl, ReceiptHandle }))).toBe(
      'InvalidParameterValueException',
    );
  });
});

describe('a batch', () => {
  it('sends, hides and deletes each entry by itself', async () => {
    const { call, queue, receive } = queueWorld();
    const QueueUrl = queue('a');
    const sent = call('SendMessageBatch', {
      QueueUrl,
      Entries: [
        { Id: '1', MessageBody: 'a' },
        { Id: '2', MessageBody: '' },
        { Id: '3', MessageBody: 'c' },
      ],
    });
    expect(sent.Successful.map(({ Id }: Answer) => Id)).toEqual(['1', '3']);
    expect(sent.Failed).toEqual([
      { Id: '2', Code: 'MissingParameter', Message: expect.any(String), SenderFault: true },
    ]);
    const { Messages } = await receive(QueueUrl, { MaxNumberOfMessages: 10 });
    const handles = Messages.map(({ ReceiptHandle }: Answer) => ReceiptHandle);
    const hidden = call('ChangeMessageVisibilityBatch', {
      QueueUrl,
      Entries: [
        { Id: 'a', ReceiptHandle: handles[0], VisibilityTimeout: 0 },
        { Id: 'b', ReceiptHandle: 'none', VisibilityTimeout: 0 },
      ],
    });
    expect([hidden.Successful, hidden.Failed[0].Code]).toEqual([[{ Id: 'a' }], 'ReceiptHandleIsInvalid']);
    const Entries = handles.map((ReceiptHandle: string, i: number) => ({ Id: String(i), ReceiptHandle }));
    expect(call('DeleteMessageBatch', { QueueUrl, Entries })).toEqual({
      Successful: [{ Id: '0' }, { Id: '1' }],
      Failed: [],
    });
    expect(await receive(QueueUrl)).toEqual({});
  });

  const entry = (Id: string, MessageBody = 'a') => ({ Id, MessageBody });
  const refused = [
    { reason: 'nothing in it', Entries: [], code: 'EmptyBatchRequest' },
    {
      reason: 'eleven entries',
      Entries: Array.from({ length: 11 }, (_, i) => entry(String(i))),
      code: 'TooManyEntriesInBatchRequest',
    },
    { reason: 'an id with a dot', Entries: [entry('a.b')], code: 'InvalidBatchEntryId' },
    { reason: 'an id twice', Entries: [entry('a'), entry('a')], code: 'BatchEntryIdsNotDistinct' },
    {
      reason: 'more than 1 MiB together',
      Entries: [entry('a', 'x'.repeat(600_000)), entry('b', 'x'.repeat(600_000))],
      code: 'BatchRequestTooLong',
    },
  ];
  it.each(refused)('is refused as a whole for $reason', async ({ Entries, code }) => {
    const { call, queue, receive } = queueWorld();
    const QueueUrl = queue('a');
    expect(codeOf(() => call('SendMessageBatch', { QueueUrl, Entries }))).toBe(code);
    expect(await receive(QueueUrl)).toEqual({});
  });
});

it('a purge empties the queue, and not again within a minute', async () => {
  const { call, queue, receive, pass } = queueWorld();
  const QueueUrl = queue('a');
  call('SendMessage', { QueueUrl, MessageBody: 'a' });
  await receive(QueueUrl, { VisibilityTimeout: 0 });
  call('PurgeQueue', { QueueUrl });
  expect(await receive(QueueUrl)).toEqual({});
  expect(codeOf(() => call('PurgeQueue', { QueueUrl }))).toBe('PurgeQueueInProgress');
  await pass(60_000);
  call('PurgeQueue', { QueueUrl });
});

it('queues and messages survive a restart, in their order and as hidden as they were', async () => {
  const before = queueWorld();
  const QueueUrl = before.queue('a', { VisibilityTimeout: '10' });
  for (const MessageBody of ['a', 'b', 'c']) before.call('SendMessage', { QueueUrl, MessageBody });
  expect(bodies(await before.receive(QueueUrl))).toEqual(['a']);
  const after = queueWorld({ state: before.state, clock: before.clock });
  expect(bodies(await after.receive(QueueUrl, { MaxNumberOfMessages: 10 }))).toEqual(['b', 'c']);
  await after.pass(10_000);
  expect(bodies(await after.receive(QueueUrl, { MaxNumberOfMessages: 10 }))).toEqual(['a', 'b', 'c']);
});
