/**
 * What SQS looks at before it takes a message or a receiver in: bounds of the parameters, what each type of queue needs
 * and refuses, tags and pages. Pure; the codes are those of the service.
 */
import type { ReceiveMessageCommandInput, SendMessageCommandInput } from '@aws-sdk/client-sqs';
import { pageOf } from '../paging.ts';
import { invalidParameter, invalidValue, missingParameter, unsupported } from './defects.ts';
import { type Content, contentHash } from './message-content.ts';
import { numberOf } from './queue-attributes.ts';
import { optional } from './receipt.ts';

/** A queue, as far as it decides. */
interface Limited {
  readonly name: string;
  readonly isFifo: boolean;
  readonly attributes: Readonly<Record<string, string>>;
}

/** Of a message alone, or of one of a batch. */
export type SendInput = Pick<
  SendMessageCommandInput,
  | 'MessageBody'
  | 'MessageGroupId'
  | 'MessageDeduplicationId'
  | 'DelaySeconds'
  | 'MessageAttributes'
  | 'MessageSystemAttributes'
>;

const VISIBILITY_SEC_MAX = 43_200;
const TAGS_MAX = 50;
const TOKEN = /^[A-Za-z0-9!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~]{1,128}$/;

/** @throws AwsError InvalidParameterValueException, UnsupportedOperation */
export function checkReceive(input: ReceiveMessageCommandInput): void {
  const { MaxNumberOfMessages: max = 1, WaitTimeSeconds: wait = 0, VisibilityTimeout, ReceiveRequestAttemptId } = input;
  if (!Number.isInteger(max) || max < 1 || max > 10)
    throw invalidValue('MaxNumberOfMessages', max, 'Must be between 1 and 10, if provided.');
  if (!Number.isInteger(wait) || wait < 0 || wait > 20)
    throw invalidValue('WaitTimeSeconds', wait, 'Must be >= 0 and <= 20, if provided.');
  if (VisibilityTimeout !== undefined) checkVisibility(VisibilityTimeout);
  if (ReceiveRequestAttemptId !== undefined) throw unsupported('ReceiveRequestAttemptId');
}

/** @throws AwsError InvalidParameterValueException */
export function checkVisibility(seconds: number): void {
  if (Number.isInteger(seconds) && seconds >= 0 && seconds <= VISIBILITY_SEC_MAX) return;
  throw invalidValue('VisibilityTimeout', seconds, 'Must be between 0 and 43200, if provided.');
}

/** Seconds that a message waits: its own, or the queue's. @throws AwsError InvalidParameterValueException */
export function delayOf(queue: Limited, seconds: number | undefined): number {
  if (seconds === undefined) return numberOf(queue.attributes, 'DelaySeconds');
  if (queue.isFifo && seconds !== 0) {
    throw invalidValue('DelaySeconds', seconds, 'The request include parameter that is not valid for this queue type.');
  }
  if (!Number.isInteger(seconds) || seconds < 0 || seconds > 900)
    throw invalidValue('DelaySeconds', seconds, 'DelaySeconds must be >= 0 and <= 900.');
  return queue.isFifo ? numberOf(queue.attributes, 'DelaySeconds') : seconds;
}

/** Group and deduplication of a message. @throws AwsError where the queue's type needs or refuses them */
export function groupOf(
  queue: Limited,
  { MessageGroupId, MessageDeduplicationId }: SendInput,
  { body }: Content,
): { readonly dedupId?: string; readonly dedupKey?: string } {
  if (MessageGroupId !== undefined && !TOKEN.test(MessageGroupId)) {
    throw invalidValue(
      'MessageGroupId',
      MessageGroupId,
      'MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length.',
    );
  }
  if (!queue.isFifo) {
    if (MessageDeduplicationId === undefined) return {};
    throw invalidValue(
      'MessageDeduplicationId',
      MessageDeduplicationId,
      'The request include parameter that is not valid for this queue type.',
    );
  }
  if (MessageGroupId === undefined) throw missingParameter('MessageGroupId');
  if (MessageDeduplicationId !== undefined && !TOKEN.test(MessageDeduplicationId)) {
    throw invalidValue(
      'MessageDeduplicationId',
      MessageDeduplicationId,
      'MessageDeduplicationId can only include alphanumeric and punctuation characters. 1 to 128 in length.',
    );
  }
  const isByContent = queue.attributes.ContentBasedDeduplication === 'true';
  const dedupId = MessageDeduplicationId ?? (isByContent ? contentHash(body) : undefined);
  if (dedupId === undefined) {
    throw invalidParameter(
      'The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly',
    );
  }
  const scope = queue.attributes.DeduplicationScope === 'messageGroup' ? `${MessageGroupId} ` : '';
  return { dedupId, dedupKey: `${queue.name} ${scope}${dedupId}` };
}

/** Tags over those that are there. @throws AwsError InvalidParameterValueException */
export function checkedTags(present: Readonly<Record<string, string>>, given: Readonly<Record<string, string>>) {
  for (const [key, value] of Object.entries(given)) {
    if (key.length < 1 || key.length > 128 || value.length > 256 || /^aws:/i.test(key))
      throw invalidParameter(`Tag key or value '${key}' is not valid.`);
  }
  const tags = { ...present, ...given };
  if (Object.keys(tags).length > TAGS_MAX) throw invalidParameter(`Too many tags added for queue.`);
  return tags;
}

/** One page of URLs; without a size there is a single one. @throws AwsError InvalidParameterValueException */
export function paged(
  urls: readonly string[],
  { MaxResults, NextToken }: { MaxResults?: number | undefined; NextToken?: string | undefined },
): { items: string[]; NextToken: { NextToken?: string } } {
  if (MaxResults !== undefined && (MaxResults < 1 || MaxResults > 1000))
    throw invalidValue('MaxResults', MaxResults, 'MaxResults must be an integer between 1 and 1000.');
  const page = pageOf(urls, NextToken, MaxResults ?? 1000);
  if (!page) throw invalidParameter('Invalid or expired next token.');
  // Without a size there is one answer of at most a thousand.
  return { items: page.items, NextToken: MaxResults === undefined ? {} : optional('NextToken', page.token) };
}
