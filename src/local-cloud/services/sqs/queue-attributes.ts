/**
 * What a queue may be told to do: the attributes of CreateQueue and SetQueueAttributes, their bounds and defaults. It
 * knows neither messages nor other queues; that a dead-letter queue exists is for the service to look at.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
 */
import { AwsError } from '../../contract.ts';
import { invalidAttribute, invalidValue } from './defects.ts';
import { isQueuePolicy } from './queue-policy.ts';

/** As they were given, by name; what is not there has its default. */
export type Attributes = Readonly<Record<string, string>>;

/** SQS's largest message and batch, since August 2025. */
export const MESSAGE_BYTES_MAX = 1_048_576;

const DEFAULTS: Attributes = {
  VisibilityTimeout: '30',
  MaximumMessageSize: String(MESSAGE_BYTES_MAX),
  MessageRetentionPeriod: '345600',
  DelaySeconds: '0',
  ReceiveMessageWaitTimeSeconds: '0',
  SqsManagedSseEnabled: 'true',
};
const FIFO_DEFAULTS: Attributes = {
  FifoQueue: 'true',
  ContentBasedDeduplication: 'false',
  DeduplicationScope: 'queue',
  FifoThroughputLimit: 'perQueue',
};

type Check = (value: string) => boolean;

const isBoolean: Check = (value) => value === 'true' || value === 'false';
const oneOf =
  (...values: string[]): Check =>
  (value) =>
    values.includes(value);
const between =
  (from: number, to: number): Check =>
  (value) =>
    /^\d{1,9}$/.test(value) && Number(value) >= from && Number(value) <= to;

const SETTABLE: Readonly<Record<string, Check>> = {
  DelaySeconds: between(0, 900),
  MaximumMessageSize: between(1024, MESSAGE_BYTES_MAX),
  MessageRetentionPeriod: between(60, 1_209_600),
  ReceiveMessageWaitTimeSeconds: between(0, 20),
  VisibilityTimeout: between(0, 43_200),
  Policy: (value) => value === '' || isQueuePolicy(value),
  RedrivePolicy: (value) => value === '' || redriveOf(value) !== undefined,
  RedriveAllowPolicy: (value) => value === '' || isObject(value),
  KmsMasterKeyId: () => true,
  KmsDataKeyReusePeriodSeconds: between(60, 86_400),
  SqsManagedSseEnabled: isBoolean,
  ContentBasedDeduplication: isBoolean,
  DeduplicationScope: oneOf('queue', 'messageGroup'),
  FifoThroughputLimit: oneOf('perQueue', 'perMessageGroupId'),
};
const FIFO_ONLY = new Set(['ContentBasedDeduplication', 'DeduplicationScope', 'FifoThroughputLimit']);
/** Derived ones, and those that a queue gets when it is made. */
export const READ_ONLY = [
  'QueueArn',
  'ApproximateNumberOfMessages',
  'ApproximateNumberOfMessagesNotVisible',
  'ApproximateNumberOfMessagesDelayed',
  'CreatedTimestamp',
  'LastModifiedTimestamp',
  'FifoQueue',
] as const;

export interface Redrive {
  readonly deadLetterTargetArn: string;
  readonly maxReceiveCount: number;
}

/** The attributes over those that are there; an empty policy takes one away. @throws AwsError naming the attribute */
export function withAttributes(present: Attributes, given: Attributes, isFifo: boolean): Record<string, string> {
  const result = { ...present };
  for (const [name, value] of Object.entries(given)) {
    const check = Object.hasOwn(SETTABLE, name) ? SETTABLE[name] : undefined;
    if (!check || (FIFO_ONLY.has(name) && !isFifo)) {
      throw new AwsError('InvalidAttributeName', `Unknown Attribute ${name}.`);
    }
    if (!check(value)) {
      if (name === 'RedrivePolicy') throw invalidValue(name, value, 'Redrive policy is not a valid JSON map.');
      throw invalidAttribute(name);
    }
    if (value === '') delete result[name];
    else result[name] = value;
  }
  return result;
}

/** Every attribute that has a value, defaults included. */
export function effective(attributes: Attributes, isFifo: boolean): Record<string, string> {
  return { ...DEFAULTS, ...(isFifo ? FIFO_DEFAULTS : {}), ...attributes };
}

/** A number of seconds or bytes. */
export function numberOf(attributes: Attributes, name: string): number {
  return Number(attributes[name] ?? DEFAULTS[name]);
}

/** Undefined when the text is no redrive policy. */
export function redriveOf(text: string | undefined): Redrive | undefined {
  if (text === undefined || !isObject(text)) return undefined;
  const { deadLetterTargetArn, maxReceiveCount } = JSON.parse(text) as Record<string, unknown>;
  const count = Number(maxReceiveCount);
  if (typeof deadLetterTargetArn !== 'string' || !Number.isInteger(count) || count < 1 || count > 1000)
    return undefined;
  return { deadLetterTargetArn, maxReceiveCount: count };
}

export function isSettable(name: string): boolean {
  return Object.hasOwn(SETTABLE, name);
}

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
