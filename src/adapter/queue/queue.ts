/**
 * A queue as the poller sees it: SQS behind a port of four calls, so that the poller can be tested against a strict queue
 * in memory under a virtual clock. Its promises are SQS's: a message that was received is hidden for a while, comes back
 * unless it was deleted meanwhile, and may come twice.
 */

/** Values of a message attribute, as SQS types them. */
export interface MessageAttribute {
  readonly dataType: string;
  readonly stringValue?: string;
  /** base64 */
  readonly binaryValue?: string;
}

export interface QueueMessage {
  readonly messageId: string;
  /** Of this receipt of the message: an older one means nothing any more. */
  readonly receiptHandle: string;
  readonly body: string;
  readonly md5OfBody: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly messageAttributes: Readonly<Record<string, MessageAttribute>>;
}

export interface QueueFacts {
  readonly arn: string;
  /** How long a received message is hidden unless it is asked for longer. */
  readonly visibilitySec: number;
  readonly fifo: boolean;
}

/** All reject with a `QueueError` when the call as a whole failed. */
export interface Queue {
  facts(): Promise<QueueFacts>;
  /** At most `max` messages; none when there were none for `waitSec` seconds. */
  receive(max: number, waitSec: number): Promise<QueueMessage[]>;
  /** Deletes for good. Resolves with the receipt handles that could not be, and why. */
  remove(receiptHandles: readonly string[]): Promise<Map<string, string>>;
  /** Hides for so many seconds from now; 0 gives back at once. Resolves with those that could not be, and why. */
  hide(receiptHandles: readonly string[], seconds: number): Promise<Map<string, string>>;
}

export class QueueError extends Error {
  /** The service's own code, or the platform's for a connection that failed. */
  readonly code: string;
  /** It may go well the next time. */
  readonly transient: boolean;

  constructor(code: string, message: string, transient: boolean) {
    super(`${code}: ${message}`);
    this.name = 'QueueError';
    this.code = code;
    this.transient = transient;
  }
}
