/**
 * SQS over its JSON protocol: the four calls of the queue's port, signed. One attempt per call; who calls decides what is
 * worth another. The SDK's client would make the adapter several times as large, for four calls.
 */
import type { Clock } from '../../core/index.ts';
import { httpCall } from '../http-call.ts';
import { type MessageAttribute, type Queue, QueueError, type QueueFacts, type QueueMessage } from './queue.ts';
import { type Credentials, signed } from './signature.ts';

export interface SqsOptions {
  readonly queueUrl: string;
  readonly region: string;
  /** Where the service is, when it is not where the queue's URL says. */
  readonly endpoint?: string | undefined;
  readonly credentials: () => Promise<Credentials>;
  readonly clock: Clock;
}

const CALL_TIMEOUT_MS = 10_000;
/** Ten messages of the 1 MB that one may have, as JSON may blow them up. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
/** Of a batch call. */
const ENTRIES_MAX = 10;

interface Sent {
  readonly MessageId: string;
  readonly ReceiptHandle: string;
  readonly Body: string;
  readonly MD5OfBody: string;
  readonly Attributes?: Record<string, string>;
  readonly MessageAttributes?: Record<string, { DataType: string; StringValue?: string; BinaryValue?: string }>;
}

interface BatchAnswer {
  readonly Failed?: readonly { readonly Id: string; readonly Code: string; readonly Message?: string }[];
}

export class Sqs implements Queue {
  readonly #options: SqsOptions;

  constructor(options: SqsOptions) {
    this.#options = options;
  }

  async facts(): Promise<QueueFacts> {
    const { Attributes = {} } = await this.#call<{ Attributes?: Record<string, string> }>('GetQueueAttributes', {
      AttributeNames: ['QueueArn', 'VisibilityTimeout'],
    });
    const arn = Attributes.QueueArn ?? '';
    return { arn, visibilitySec: Number(Attributes.VisibilityTimeout ?? 30), fifo: arn.endsWith('.fifo') };
  }

  async receive(max: number, waitSec: number): Promise<QueueMessage[]> {
    const input = {
      MaxNumberOfMessages: max,
      WaitTimeSeconds: waitSec,
      // The older name of the two is known to every service that speaks the protocol.
      AttributeNames: ['All'],
      MessageAttributeNames: ['All'],
    };
    const { Messages = [] } = await this.#call<{ Messages?: Sent[] }>('ReceiveMessage', input, waitSec * 1000);
    return Messages.map((message) => ({
      messageId: message.MessageId,
      receiptHandle: message.ReceiptHandle,
      body: message.Body,
      md5OfBody: message.MD5OfBody,
      attributes: message.Attributes ?? {},
      messageAttributes: Object.fromEntries(
        Object.entries(message.MessageAttributes ?? {}).map(([name, value]): [string, MessageAttribute] => [
          name,
          {
            dataType: value.DataType,
            ...(value.StringValue === undefined ? {} : { stringValue: value.StringValue }),
            ...(value.BinaryValue === undefined ? {} : { binaryValue: value.BinaryValue }),
          },
        ]),
      ),
    }));
  }

  remove(receiptHandles: readonly string[]): Promise<Map<string, string>> {
    return this.#batch('DeleteMessageBatch', receiptHandles, {});
  }

  hide(receiptHandles: readonly string[], seconds: number): Promise<Map<string, string>> {
    return this.#batch('ChangeMessageVisibilityBatch', receiptHandles, { VisibilityTimeout: seconds });
  }

  async #batch(operation: string, handles: readonly string[], members: object): Promise<Map<string, string>> {
    const failed = new Map<string, string>();
    for (let from = 0; from < handles.length; from += ENTRIES_MAX) {
      const some = handles.slice(from, from + ENTRIES_MAX);
      const Entries = some.map((ReceiptHandle, i) => ({ Id: String(i), ReceiptHandle, ...members }));
      const { Failed = [] } = await this.#call<BatchAnswer>(operation, { Entries });
      for (const { Id, Code, Message } of Failed) failed.set(some[Number(Id)] ?? '', `${Code}: ${Message ?? ''}`);
    }
    return failed;
  }

  async #call<T>(operation: string, input: object, waitMs = 0): Promise<T> {
    const { queueUrl, region, endpoint, credentials, clock } = this.#options;
    const url = new URL('/', endpoint ?? queueUrl).href;
    const body = JSON.stringify({ QueueUrl: queueUrl, ...input });
    const target = { 'x-amz-target': `AmazonSQS.${operation}`, 'content-type': 'application/x-amz-json-1.0' };
    const scope = { region, service: 'sqs', nowMs: clock.now() };
    let answer: { status: number; body: Buffer };
    try {
      const headers = signed({ method: 'POST', url, headers: target, body }, await credentials(), scope);
      answer = await httpCall({
        method: 'POST',
        url,
        headers,
        body,
        timeoutMs: waitMs + CALL_TIMEOUT_MS,
        bytesMax: ANSWER_BYTES_MAX,
      });
    } catch (error) {
      const { code = 'NoConnection', message } = error as NodeJS.ErrnoException;
      throw new QueueError(code, `${operation}: ${message}`, true);
    }
    const text = answer.body.toString('utf8');
    if (answer.status === 200) return JSON.parse(text) as T;
    throw refusal(operation, answer.status, text);
  }
}

function refusal(operation: string, status: number, text: string): QueueError {
  let code = `HTTP ${status}`;
  let message = text.slice(0, 300);
  try {
    const error = JSON.parse(text) as { __type?: string; message?: string; Message?: string };
    code = error.__type?.split('#').at(-1) ?? code;
    message = error.message ?? error.Message ?? message;
  } catch {
    // Not the service itself: a proxy or a balancer before it. Its own words are in the message.
  }
  const transient = status >= 500 || status === 429 || /Throttl|TooManyRequests|ExpiredToken/i.test(code);
  return new QueueError(code, `${operation}: ${message}`, transient);
}
