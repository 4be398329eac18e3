/**
 * SQS ↔ Lambda: messages become the event that an event source mapping hands over, the function's answer says which of
 * them have failed. Pure.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
 */
import type { QueueFacts, QueueMessage } from './queue.ts';

/** `{Records: […]}` */
export function sqsEvent(messages: readonly QueueMessage[], { arn }: QueueFacts): Buffer {
  const awsRegion = arn.split(':')[3] ?? '';
  const Records = messages.map(({ messageId, receiptHandle, body, attributes, messageAttributes, md5OfBody }) => ({
    messageId,
    receiptHandle,
    body,
    attributes,
    messageAttributes: Object.fromEntries(
      Object.entries(messageAttributes).map(([name, { dataType, stringValue, binaryValue }]) => [
        name,
        { stringValue, binaryValue, stringListValues: [], binaryListValues: [], dataType },
      ]),
    ),
    md5OfBody,
    eventSource: 'aws:sqs',
    eventSourceARN: arn,
    awsRegion,
  }));
  return Buffer.from(JSON.stringify({ Records }));
}

/**
 * The ids of the messages that the function says have failed (`ReportBatchItemFailures`): none for an empty answer or list,
 * all when it names one that was not in the batch or does not say what it should, as Lambda has it.
 */
export function failedItems(payload: Buffer, messageIds: readonly string[]): ReadonlySet<string> {
  const all = new Set(messageIds);
  let answer: unknown;
  try {
    answer = payload.length === 0 ? null : JSON.parse(payload.toString('utf8'));
  } catch {
    return all;
  }
  if (answer === null || answer === undefined) return new Set();
  const { batchItemFailures: failures } = answer as { batchItemFailures?: unknown };
  if (failures === null || failures === undefined) return new Set();
  if (!Array.isArray(failures)) return all;
  const failed = new Set<string>();
  for (const failure of failures as readonly ({ itemIdentifier?: unknown } | null)[]) {
    const id = failure?.itemIdentifier;
    if (typeof id !== 'string' || !all.has(id)) return all;
    failed.add(id);
  }
  return failed;
}
