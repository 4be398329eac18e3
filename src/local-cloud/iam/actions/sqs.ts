/** SQS. https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html */
import { type Account, arnIn, isEmpty, need, type Resolve, type ServiceActions, type Tags } from './needs.ts';

interface OfQueue {
  readonly QueueUrl?: string | undefined;
}

/** Operations on one queue; a batch is the action of which it is many. */
const ON_QUEUE = [
  'DeleteQueue',
  'GetQueueAttributes',
  'SetQueueAttributes',
  'ListDeadLetterSourceQueues',
  'PurgeQueue',
  'ListQueueTags',
  'SendMessage',
  'SendMessageBatch',
  'ReceiveMessage',
  'DeleteMessage',
  'DeleteMessageBatch',
  'ChangeMessageVisibility',
  'ChangeMessageVisibilityBatch',
];

export const SQS: ServiceActions = {
  operations: {
    ...Object.fromEntries(ON_QUEUE.map((name) => [name, onQueue(name.replace(/Batch$/, ''))])),
    ListQueues: (_input, account) => [need('sqs:ListQueues', [arnIn(account, 'sqs', '*')])],
    CreateQueue: (input: { QueueName?: string; tags?: Tags }, account) => {
      const requestTags = input.tags ?? {};
      const arns = [queueArn(account, input.QueueName)];
      return [
        need('sqs:CreateQueue', arns, { requestTags }),
        ...(isEmpty(requestTags) ? [] : [need('sqs:TagQueue', arns, { requestTags })]),
      ];
    },
    GetQueueUrl: (input: { QueueName?: string }, account) => [
      need('sqs:GetQueueUrl', [queueArn(account, input.QueueName)]),
    ],
    TagQueue: (input: OfQueue & { Tags?: Tags }, account) => [
      need('sqs:TagQueue', [queueArn(account, input.QueueUrl)], { requestTags: input.Tags ?? {} }),
    ],
    UntagQueue: (input: OfQueue & { TagKeys?: string[] }, account) => [
      need('sqs:UntagQueue', [queueArn(account, input.QueueUrl)], { tagKeys: input.TagKeys ?? [] }),
    ],
  },
  tagsOf: (arn, account) => account.ask('sqs', 'ListQueueTags', { QueueUrl: urlOf(arn, account) })?.Tags ?? {},
  policyOf: (arn, account) => {
    const input = { QueueUrl: urlOf(arn, account), AttributeNames: ['Policy'] };
    return account.ask('sqs', 'GetQueueAttributes', input)?.Attributes?.Policy;
  },
};

function onQueue(name: string): Resolve {
  return (input: OfQueue, account) => [need(`sqs:${name}`, [queueArn(account, input.QueueUrl)])];
}

/** A URL ends with the queue's name. */
function queueArn(account: Account, nameOrUrl = ''): string {
  return arnIn(account, 'sqs', nameOrUrl.slice(nameOrUrl.lastIndexOf('/') + 1));
}

function urlOf(arn: string, account: Account): string | undefined {
  return account.ask('sqs', 'GetQueueUrl', { QueueName: arn.slice(arn.lastIndexOf(':') + 1) })?.QueueUrl;
}
