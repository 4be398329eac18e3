/**
 * Receipts of messages: the handle that names one receipt of one message, and what the receiver is given with it. To
 * callers the handle is opaque; a handle of another queue is none.
 */
import type { Message, ReceiveMessageCommandInput } from '@aws-sdk/client-sqs';
import { AwsError } from '../../contract.ts';
import { missingParameter } from './defects.ts';
import { attributeShapes, md5OfAttributes, md5OfBody } from './message-content.ts';
import type { MessageRecord } from './message-store.ts';

export function handleOf(key: string, receipt: string): string {
  return Buffer.from(`${receipt} ${key}`).toString('base64');
}

/** @throws AwsError ReceiptHandleIsInvalid */
export function parseHandle(
  queue: { readonly name: string },
  handle: string | undefined,
): { key: string; receipt: string } {
  if (handle === undefined) throw missingParameter('ReceiptHandle');
  const [receipt = '', key = ''] = Buffer.from(handle, 'base64').toString('utf8').split(' ');
  if (!/^[0-9a-f]{32}$/.test(receipt) || !key.startsWith(`${queue.name}#`)) {
    throw new AwsError(
      'ReceiptHandleIsInvalid',
      `The input receipt handle "${handle}" is not a valid receipt handle.`,
      404,
    );
  }
  return { key, receipt };
}

/** Only the attributes that were asked for. */
export function messageShape(message: MessageRecord, handle: string, input: ReceiveMessageCommandInput): Message {
  const system: Record<string, string | undefined> = {
    SenderId: message.senderId,
    SentTimestamp: String(message.sentMs),
    ApproximateReceiveCount: String(message.receives),
    ApproximateFirstReceiveTimestamp: String(message.firstReceivedMs),
    AWSTraceHeader: message.traceHeader,
    MessageGroupId: message.groupId,
    MessageDeduplicationId: message.dedupId,
    SequenceNumber: message.sequenceNumber,
    DeadLetterQueueSourceArn: message.deadLetterSource,
  };
  const wanted: readonly string[] = [...(input.AttributeNames ?? []), ...(input.MessageSystemAttributeNames ?? [])];
  const chosen = Object.entries(system).filter(
    ([name, value]) => value !== undefined && (wanted.includes('All') || wanted.includes(name)),
  );
  const MessageAttributes = attributeShapes(message.attributes, input.MessageAttributeNames ?? []);
  const answered = Object.fromEntries(
    Object.entries(message.attributes).filter(([name]) => MessageAttributes && name in MessageAttributes),
  );
  return {
    MessageId: message.id,
    ReceiptHandle: handle,
    MD5OfBody: md5OfBody(message.body),
    Body: message.body,
    ...(chosen.length === 0 ? {} : { Attributes: Object.fromEntries(chosen) as Record<string, string> }),
    ...optional('MessageAttributes', MessageAttributes),
    ...optional('MD5OfMessageAttributes', md5OfAttributes(answered)),
  };
}

/** A member that is left out when it has no value. */
export function optional<K extends string, V>(name: K, value: V | undefined): { [key in K]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { [key in K]: V });
}
