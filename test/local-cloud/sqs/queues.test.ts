/** Queues: names, attributes, tags and lists, as SQS takes and refuses them. */
import { describe, expect, it } from 'vitest';
import { codeOf } from '../cloud/world.ts';
import { queueWorld } from './world.ts';

const ARN = 'arn:aws:sqs:us-east-1:000000000000:';

describe('CreateQueue', () => {
  const refused: { reason: string; input: object; code: string }[] = [
    { reason: 'a name with a dot', input: { QueueName: 'a.b' }, code: 'InvalidParameterValueException' },
    { reason: 'no name', input: { QueueName: '' }, code: 'InvalidParameterValueException' },
    { reason: '81 characters', input: { QueueName: 'a'.repeat(81) }, code: 'InvalidParameterValueException' },
    {
      reason: 'a FIFO queue without the suffix',
      input: { QueueName: 'a', Attributes: { FifoQueue: 'true' } },
      code: 'InvalidParameterValueException',
    },
    {
      reason: 'a standard queue with the suffix',
      input: { QueueName: 'a.fifo' },
      code: 'InvalidParameterValueException',
    },
    {
      reason: 'FifoQueue is true or nothing',
      input: { QueueName: 'a', Attributes: { FifoQueue: 'false' } },
      code: 'InvalidAttributeValue',
    },
    {
      reason: 'an attribute that there is not',
      input: { QueueName: 'a', Attributes: { Colour: 'red' } },
      code: 'InvalidAttributeName',
    },
    {
      reason: 'an attribute that only is read',
      input: { QueueName: 'a', Attributes: { QueueArn: 'x' } },
      code: 'InvalidAttributeName',
    },
    {
      reason: 'an attribute of FIFO queues',
      input: { QueueName: 'a', Attributes: { ContentBasedDeduplication: 'true' } },
      code: 'InvalidAttributeName',
    },
    {
      reason: 'hidden for more than 12 hours',
      input: { QueueName: 'a', Attributes: { VisibilityTimeout: '43201' } },
      code: 'InvalidAttributeValue',
    },
    {
      reason: 'a poll of more than 20 s',
      input: { QueueName: 'a', Attributes: { ReceiveMessageWaitTimeSeconds: '21' } },
      code: 'InvalidAttributeValue',
    },
    {
      reason: 'messages of more than 1 MiB',
      input: { QueueName: 'a', Attributes: { MaximumMessageSize: '1048577' } },
      code: 'InvalidAttributeValue',
    },
    {
      reason: 'kept for less than a minute',
      input: { QueueName: 'a', Attributes: { MessageRetentionPeriod: '59' } },
      code: 'InvalidAttributeValue',
    },
    {
      reason: 'a policy that is none',
      input: { QueueName: 'a', Attributes: { Policy: '{"Statement":"yes"}' } },
      code: 'InvalidAttributeValue',
    },
    {
      reason: 'a dead-letter queue that is not there',
      input: {
        QueueName: 'a',
        Attributes: { RedrivePolicy: `{"deadLetterTargetArn":"${ARN}none","maxReceiveCount":3}` },
      },
      code: 'InvalidParameterValueException',
    },
    {
      reason: 'a redrive policy without a count',
      input: { QueueName: 'a', Attributes: { RedrivePolicy: `{"deadLetterTargetArn":"${ARN}dead"}` } },
      code: 'InvalidParameterValueException',
    },
    {
      reason: 'a FIFO dead-letter queue of a standard queue',
      input: {
        QueueName: 'a',
        Attributes: { RedrivePolicy: `{"deadLetterTargetArn":"${ARN}dead.fifo","maxReceiveCount":3}` },
      },
      code: 'InvalidParameterValueException',
    },
    {
      reason: 'other attributes than the queue of that name has',
      input: { QueueName: 'there', Attributes: { VisibilityTimeout: '31' } },
      code: 'QueueNameExists',
    },
    {
      reason: 'the name of a queue deleted a moment ago',
      input: { QueueName: 'gone' },
      code: 'QueueDeletedRecently',
    },
  ];
  it.each(refused)('refuses $reason', ({ input, code }) => {
    const { call, queue } = queueWorld();
    queue('there', { VisibilityTimeout: '30' });
    queue('dead');
    queue('dead.fifo', { FifoQueue: 'true' });
    call('DeleteQueue', { QueueUrl: queue('gone') });
    const before = call('ListQueues', {});
    expect(codeOf(() => call('CreateQueue', input))).toBe(code);
    expect(call('ListQueues', {})).toEqual(before);
  });

  it('gives the same queue again for what is equal, a default said aloud included', () => {
    const { queue } = queueWorld();
    expect(queue('a')).toBe('http://127.0.0.1:4577/000000000000/a');
    expect(queue('a', { VisibilityTimeout: '30' })).toBe(queue('a'));
  });

  it('gives a name back a minute after its deletion', async () => {
    const { call, queue, pass } = queueWorld();
    call('DeleteQueue', { QueueUrl: queue('a') });
    await pass(60_000);
    expect(queue('a')).toContain('/a');
  });
});

describe('attributes', () => {
  it('are there with their defaults, in seconds and bytes', () => {
    const { call, queue, clock } = queueWorld();
    const QueueUrl = queue('a', { DelaySeconds: '5' });
    const { Attributes } = call('GetQueueAttributes', { QueueUrl, AttributeNames: ['All'] });
    expect(Attributes).toEqual({
      QueueArn: `${ARN}a`,
      VisibilityTimeout: '30',
      DelaySeconds: '5',
      MaximumMessageSize: '1048576',
      MessageRetentionPeriod: '345600',
      ReceiveMessageWaitTimeSeconds: '0',
      SqsManagedSseEnabled: 'true',
      ApproximateNumberOfMessages: '0',
      ApproximateNumberOfMessagesNotVisible: '0',
      ApproximateNumberOfMessagesDelayed: '0',
      CreatedTimestamp: String(clock.now() / 1000),
      LastModifiedTimestamp: String(clock.now() / 1000),
    });
    expect(call('GetQueueAttributes', { QueueUrl })).toEqual({});
    expect(call('GetQueueAttributes', { QueueUrl, AttributeNames: ['Policy', 'QueueArn'] })).toEqual({
      Attributes: { QueueArn: `${ARN}a` },
    });
    expect(codeOf(() => call('GetQueueAttributes', { QueueUrl, AttributeNames: ['Colour'] }))).toBe(
      'InvalidAttributeName',
    );
  });

  it('are set together or not at all; an empty policy takes it away', () => {
    const { call, queue } = queueWorld();
    const QueueUrl = queue('a');
    const Policy = JSON.stringify({
      Version: '2012-10-17',
      Statement: { Effect: 'Allow', Principal: '*', Action: 'sqs:*', Resource: `${ARN}a` },
    });
    const attributes = () => call('GetQueueAttributes', { QueueUrl, AttributeNames: ['All'] }).Attributes;
    call('SetQueueAttributes', { QueueUrl, Attributes: { Policy, VisibilityTimeout: '7' } });
    expect(attributes()).toMatchObject({ Policy, VisibilityTimeout: '7' });
    const wrong = { VisibilityTimeout: '8', DelaySeconds: '901' };
    expect(codeOf(() => call('SetQueueAttributes', { QueueUrl, Attributes: wrong }))).toBe('InvalidAttributeValue');
    expect(attributes()).toMatchObject({ VisibilityTimeout: '7' });
    call('SetQueueAttributes', { QueueUrl, Attributes: { Policy: '' } });
    expect(attributes()).not.toHaveProperty('Policy');
  });
});

describe('finding queues', () => {
  it('by name and by URL, whatever the host was', () => {
    const { call, queue } = queueWorld();
    queue('a');
    expect(call('GetQueueUrl', { QueueName: 'a' }).QueueUrl).toBe('http://127.0.0.1:4577/000000000000/a');
    const QueueUrl = 'https://sqs.us-east-1.amazonaws.com/000000000000/a';
    expect(call('GetQueueAttributes', { QueueUrl, AttributeNames: ['QueueArn'] }).Attributes.QueueArn).toBe(`${ARN}a`);
  });

  const refused = [
    { reason: 'another name', operation: 'GetQueueUrl', input: { QueueName: 'b' }, code: 'QueueDoesNotExist' },
    {
      reason: 'another account',
      operation: 'GetQueueUrl',
      input: { QueueName: 'a', QueueOwnerAWSAccountId: '111111111111' },
      code: 'QueueDoesNotExist',
    },
    { reason: 'no URL', operation: 'PurgeQueue', input: { QueueUrl: 'a' }, code: 'InvalidAddress' },
    {
      reason: 'a URL of a queue that is not there',
      operation: 'DeleteQueue',
      input: { QueueUrl: 'http://127.0.0.1:4577/000000000000/b' },
      code: 'QueueDoesNotExist',
    },
  ];
  it.each(refused)('refuses $reason', ({ operation, input, code }) => {
    const { call, queue } = queueWorld();
    queue('a');
    expect(codeOf(() => call(operation, input))).toBe(code);
  });

  it('lists them by prefix and in pages', () => {
    const { call, queue } = queueWorld();
    for (const name of ['b2', 'a', 'b1', 'b3']) queue(name);
    const names = ({ QueueUrls = [] }: { QueueUrls?: string[] }) => QueueUrls.map((url) => url.split('/').at(-1));
    expect(names(call('ListQueues', {}))).toEqual(['a', 'b1', 'b2', 'b3']);
    const first = call('ListQueues', { QueueNamePrefix: 'b', MaxResults: 2 });
    expect(names(first)).toEqual(['b1', 'b2']);
    const second = call('ListQueues', { QueueNamePrefix: 'b', MaxResults: 2, NextToken: first.NextToken });
    expect(names(second)).toEqual(['b3']);
    expect(second.NextToken).toBeUndefined();
    expect(call('ListQueues', { QueueNamePrefix: 'c' })).toEqual({});
  });

  it('lists the queues of a dead-letter queue', () => {
    const { call, queue } = queueWorld();
    const QueueUrl = queue('dead');
    const source = queue('a', { RedrivePolicy: `{"deadLetterTargetArn":"${ARN}dead","maxReceiveCount":"2"}` });
    expect(call('ListDeadLetterSourceQueues', { QueueUrl }).queueUrls).toEqual([source]);
  });
});

describe('tags', () => {
  it('are put, listed and taken away', () => {
    const { call, queue } = queueWorld();
    const QueueUrl = queue('a');
    expect(call('ListQueueTags', { QueueUrl })).toEqual({});
    call('TagQueue', { QueueUrl, Tags: { team: 'a', cost: '1' } });
    call('UntagQueue', { QueueUrl, TagKeys: ['cost', 'none'] });
    expect(call('ListQueueTags', { QueueUrl }).Tags).toEqual({ team: 'a' });
    expect(codeOf(() => call('TagQueue', { QueueUrl, Tags: { 'aws:x': 'y' } }))).toBe('InvalidParameterValueException');
  });
});

it('what does not exist here says so by name', () => {
  const { call } = queueWorld();
  expect(() => call('StartMessageMoveTask', {})).toThrow(/sqs does not support StartMessageMoveTask/);
});
