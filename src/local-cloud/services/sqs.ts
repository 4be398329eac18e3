/**
 * SQS: standard and FIFO queues with visibility, delays, long polls, dead-letter queues, deduplication and retention.
 * A long poll waits on the cloud's clock and is answered by `advance`, never by whoever sends. Message moves, queue
 * permissions other than the policy, and KMS itself do not exist here and answer so by name.
 */
import type * as sqs from '@aws-sdk/client-sqs';
import { uuid } from '../../core/index.ts';
import {
  AwsError,
  type CloudService,
  type Collection,
  type Handler,
  type RequestContext,
  type ServiceDeps,
} from '../contract.ts';
import { batch, each } from './sqs/batch.ts';
import { checkedTags, checkReceive, checkVisibility, delayOf, groupOf, paged, type SendInput } from './sqs/checks.ts';
import { invalidAttribute, invalidParameter, invalidValue, missingParameter, noSuchQueue } from './sqs/defects.ts';
import { contentOf, md5OfAttributes, md5OfBody, sizeOf } from './sqs/message-content.ts';
import { type Keyed, type MessageRecord, MessageStore } from './sqs/message-store.ts';
import {
  effective,
  isSettable,
  MESSAGE_BYTES_MAX,
  numberOf,
  READ_ONLY,
  redriveOf,
  withAttributes,
} from './sqs/queue-attributes.ts';
import { mayBeSentTo } from './sqs/queue-policy.ts';
import { handleOf, messageShape, optional, parseHandle } from './sqs/receipt.ts';
import { type Receiver, Receivers } from './sqs/receivers.ts';
import type { TaggedResource } from './tagging.ts';

interface QueueRecord {
  readonly name: string;
  readonly isFifo: boolean;
  readonly createdMs: number;
  readonly modifiedMs: number;
  readonly attributes: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly purgedMs?: number;
}

interface DedupRecord {
  readonly messageId: string;
  readonly sequenceNumber: string;
  readonly untilMs: number;
}

type ReceiveInput = sqs.ReceiveMessageCommandInput;

const IN_FLIGHT_MAX = 120_000;
const DEDUP_MS = 5 * 60_000;
const PAUSE_MS = 60_000;

export class SqsService implements CloudService {
  readonly id = 'sqs';
  readonly operations: Readonly<Record<string, Handler>>;
  readonly asyncOperations: Readonly<Record<string, Handler>>;
  readonly #deps: ServiceDeps;
  readonly #queues: Collection<QueueRecord>;
  /** When a queue was deleted, by name, for as long as that keeps its name from being used again. */
  readonly #deleted: Collection<number>;
  readonly #dedup: Collection<DedupRecord>;
  readonly #messages: MessageStore;
  readonly #receivers = new Receivers<ReceiveInput>();

  constructor(deps: ServiceDeps) {
    this.#deps = deps;
    this.#queues = deps.state.collection('sqs.queues');
    this.#deleted = deps.state.collection('sqs.deleted');
    this.#dedup = deps.state.collection('sqs.dedup');
    this.#messages = new MessageStore(deps.state);
    this.operations = {
      CreateQueue: this.#createQueue,
      DeleteQueue: this.#deleteQueue,
      GetQueueUrl: (input: sqs.GetQueueUrlCommandInput) => ({ QueueUrl: this.#url(this.#named(input).name) }),
      GetQueueAttributes: this.#getQueueAttributes,
      SetQueueAttributes: this.#setQueueAttributes,
      ListQueues: this.#listQueues,
      ListDeadLetterSourceQueues: this.#listDeadLetterSourceQueues,
      PurgeQueue: this.#purgeQueue,
      TagQueue: (input: sqs.TagQueueCommandInput) => this.#tag(this.#queue(input.QueueUrl), input.Tags ?? {}),
      UntagQueue: (input: sqs.UntagQueueCommandInput) => this.#untag(this.#queue(input.QueueUrl), input.TagKeys ?? []),
      ListQueueTags: (input: sqs.ListQueueTagsCommandInput) => {
        const { tags } = this.#queue(input.QueueUrl);
        return Object.keys(tags).length === 0 ? {} : { Tags: { ...tags } };
      },
      SendMessage: this.#sendMessage,
      SendMessageBatch: this.#sendMessageBatch,
      DeleteMessage: this.#deleteMessage,
      DeleteMessageBatch: this.#deleteMessageBatch,
      ChangeMessageVisibility: this.#changeMessageVisibility,
      ChangeMessageVisibilityBatch: this.#changeMessageVisibilityBatch,
    };
    this.asyncOperations = { ReceiveMessage: this.#receiveMessage };
  }

  /** Answers the long polls that can be answered, and those whose time is over. */
  advance(nowMs: number): void {
    for (const name of this.#receivers.queues()) {
      const queue = this.#queues.get(name);
      for (const receiver of this.#receivers.of(name)) this.#serve(queue, receiver, nowMs);
    }
  }

  nextAtMs(): number | undefined {
    let least = this.#receivers.nextEndMs();
    for (const name of this.#receivers.queues()) {
      // A queue that is gone answers its receivers at once.
      const atMs = this.#queues.has(name) ? this.#messages.nextVisibleMs(name) : 0;
      if (atMs !== undefined && (least === undefined || atMs < least)) least = atMs;
    }
    return least;
  }

  // --------------------------------------------------------------------------------------------- for other machines

  /**
   * Sends for an AWS service, if the queue is there and its policy allows it; says whether it did. It never throws for
   * what the queue is like: the sender is nobody who could be told.
   */
  deliver(
    queueArn: string,
    from: { readonly service: string; readonly sourceArn: string },
    { body, groupId }: { readonly body: string; readonly groupId?: string | undefined },
    nowMs: number,
  ): boolean {
    const queue = this.#byArn(queueArn);
    if (!queue) return false;
    const sender = { ...from, sourceAccount: this.#deps.settings.accountId };
    if (!mayBeSentTo(queue.attributes.Policy, queueArn, sender)) return false;
    try {
      this.#send(queue, { MessageBody: body, ...optional('MessageGroupId', groupId) }, nowMs, from.service);
      return true;
    } catch (error) {
      if (error instanceof AwsError) return false;
      throw error;
    }
  }

  /** The queue's own policy, where it has one. */
  policy(queueArn: string): string | undefined {
    return this.#byArn(queueArn)?.attributes.Policy;
  }

  taggedResources(): TaggedResource[] {
    return this.#queues.values().map(({ name, tags }) => ({ arn: this.#arn(name), tags }));
  }

  // ------------------------------------------------------------------------------------------------------------ queues

  readonly #createQueue = (
    input: sqs.CreateQueueCommandInput,
    { nowMs }: RequestContext,
  ): Omit<sqs.CreateQueueCommandOutput, '$metadata'> => {
    const name = input.QueueName ?? '';
    const { FifoQueue, ...given } = (input.Attributes ?? {}) as Record<string, string>;
    if (FifoQueue !== undefined && FifoQueue !== 'true') throw invalidAttribute('FifoQueue');
    const isFifo = FifoQueue === 'true';
    const stem = isFifo && name.endsWith('.fifo') ? name.slice(0, -5) : name;
    if (!/^[A-Za-z0-9_-]+$/.test(stem) || name.length > 80 || isFifo !== name.endsWith('.fifo')) {
      throw invalidParameter(
        isFifo
          ? 'The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.'
          : 'Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length',
      );
    }
    const attributes = withAttributes({}, given, isFifo);
    const existing = this.#queues.get(name);
    if (existing) {
      const known = effective(existing.attributes, isFifo);
      const other = Object.keys(given).find((key) => (known[key] ?? '') !== given[key]);
      if (other === undefined) return { QueueUrl: this.#url(name) };
      throw new AwsError(
        'QueueNameExists',
        `A queue already exists with the same name and a different value for attribute ${other}`,
      );
    }
    if (nowMs - (this.#deleted.get(name) ?? Number.NEGATIVE_INFINITY) < PAUSE_MS) {
      throw new AwsError(
        'QueueDeletedRecently',
        'You must wait 60 seconds after deleting a queue before you can create another with the same name.',
      );
    }
    this.#checkRedrive(attributes.RedrivePolicy, isFifo);
    const tags = checkedTags({}, input.tags ?? {});
    this.#deleted.delete(name);
    this.#queues.set(name, { name, isFifo, createdMs: nowMs, modifiedMs: nowMs, attributes, tags });
    return { QueueUrl: this.#url(name) };
  };

  readonly #deleteQueue = (input: sqs.DeleteQueueCommandInput, { nowMs }: RequestContext): void => {
    const { name } = this.#queue(input.QueueUrl);
    this.#messages.clear(name);
    this.#queues.delete(name);
    this.#deleted.set(name, nowMs);
    this.#forgetDedup((key) => key.startsWith(`${name} `));
  };

  readonly #getQueueAttributes = (
    input: sqs.GetQueueAttributesCommandInput,
    { nowMs }: RequestContext,
  ): Omit<sqs.GetQueueAttributesCommandOutput, '$metadata'> => {
    const queue = this.#queue(input.QueueUrl);
    const wanted: readonly string[] = input.AttributeNames ?? [];
    const unknown = wanted.find(
      (name) => name !== 'All' && !isSettable(name) && !(READ_ONLY as readonly string[]).includes(name),
    );
    if (unknown !== undefined) throw new AwsError('InvalidAttributeName', `Unknown Attribute ${unknown}.`);
    const all = this.#described(queue, nowMs);
    const chosen = wanted.includes('All')
      ? all
      : Object.fromEntries(wanted.flatMap((name) => (name in all ? [[name, all[name]]] : [])));
    return Object.keys(chosen).length === 0 ? {} : { Attributes: chosen };
  };

  #described(queue: QueueRecord, nowMs: number): Record<string, string> {
    const hidden = this.#messages.hidden(queue.name, nowMs);
    const delayed = hidden.filter(({ message }) => message.receives === 0).length;
    return {
      ...effective(queue.attributes, queue.isFifo),
      QueueArn: this.#arn(queue.name),
      ApproximateNumberOfMessages: String(this.#messages.counts(queue.name, nowMs).ready),
      ApproximateNumberOfMessagesNotVisible: String(hidden.length - delayed),
      ApproximateNumberOfMessagesDelayed: String(delayed),
      CreatedTimestamp: String(Math.floor(queue.createdMs / 1000)),
      LastModifiedTimestamp: String(Math.floor(queue.modifiedMs / 1000)),
    };
  }

  readonly #setQueueAttributes = (input: sqs.SetQueueAttributesCommandInput, { nowMs }: RequestContext): void => {
    const queue = this.#queue(input.QueueUrl);
    const attributes = withAttributes(
      queue.attributes,
      (input.Attributes ?? {}) as Record<string, string>,
      queue.isFifo,
    );
    this.#checkRedrive(attributes.RedrivePolicy, queue.isFifo);
    this.#queues.set(queue.name, { ...queue, attributes, modifiedMs: nowMs });
  };

  #checkRedrive(policy: string | undefined, isFifo: boolean): void {
    const redrive = redriveOf(policy);
    if (!redrive) return;
    const target = this.#byArn(redrive.deadLetterTargetArn);
    if (!target) throw invalidValue('RedrivePolicy', policy, 'Dead letter target does not exist.');
    if (target.isFifo !== isFifo) {
      throw invalidValue('RedrivePolicy', policy, 'Dead-letter queue must be same type of queue as the source.');
    }
  }

  readonly #listQueues = (input: sqs.ListQueuesCommandInput): Omit<sqs.ListQueuesCommandOutput, '$metadata'> => {
    const urls = this.#queues
      .keys()
      .filter((name) => name.startsWith(input.QueueNamePrefix ?? ''))
      .sort()
      .map((name) => this.#url(name));
    const { items, NextToken } = paged(urls, input);
    return { ...(items.length === 0 ? {} : { QueueUrls: items }), ...NextToken };
  };

  readonly #listDeadLetterSourceQueues = (
    input: sqs.ListDeadLetterSourceQueuesCommandInput,
  ): Omit<sqs.ListDeadLetterSourceQueuesCommandOutput, '$metadata'> => {
    const arn = this.#arn(this.#queue(input.QueueUrl).name);
    const sources = this.#queues
      .values()
      .filter(({ attributes }) => redriveOf(attributes.RedrivePolicy)?.deadLetterTargetArn === arn)
      .map(({ name }) => this.#url(name))
      .sort();
    const { items, NextToken } = paged(sources, input);
    return { queueUrls: items, ...NextToken };
  };

  readonly #purgeQueue = (input: sqs.PurgeQueueCommandInput, { nowMs }: RequestContext): void => {
    const queue = this.#queue(input.QueueUrl);
    if (nowMs - (queue.purgedMs ?? Number.NEGATIVE_INFINITY) < PAUSE_MS) {
      throw new AwsError(
        'PurgeQueueInProgress',
        `Only one PurgeQueue operation on ${queue.name} is allowed every 60 seconds.`,
        403,
      );
    }
    this.#messages.clear(queue.name);
    this.#queues.set(queue.name, { ...queue, purgedMs: nowMs });
  };

  #tag(queue: QueueRecord, tags: Readonly<Record<string, string>>): void {
    this.#queues.set(queue.name, { ...queue, tags: checkedTags(queue.tags, tags) });
  }

  #untag(queue: QueueRecord, keys: readonly string[]): void {
    const tags = Object.fromEntries(Object.entries(queue.tags).filter(([key]) => !keys.includes(key)));
    this.#queues.set(queue.name, { ...queue, tags });
  }

  #named(input: sqs.GetQueueUrlCommandInput): QueueRecord {
    const owner = input.QueueOwnerAWSAccountId ?? this.#deps.settings.accountId;
    const queue = owner === this.#deps.settings.accountId ? this.#queues.get(input.QueueName ?? '') : undefined;
    if (!queue) throw noSuchQueue();
    return queue;
  }

  /** By URL. Its host does not count: the port may have changed since. */
  #queue(url: string | undefined): QueueRecord {
    const path = /^https?:\/\/[^/]+\/(\d{12})\/([^/]+)$/.exec(url ?? '');
    if (!path) throw new AwsError('InvalidAddress', `The address ${url ?? ''} is not valid for this endpoint.`, 404);
    const queue = path[1] === this.#deps.settings.accountId ? this.#queues.get(path[2] ?? '') : undefined;
    if (!queue) throw noSuchQueue();
    return queue;
  }

  #byArn(arn: string): QueueRecord | undefined {
    const prefix = this.#arn('');
    return arn.startsWith(prefix) ? this.#queues.get(arn.slice(prefix.length)) : undefined;
  }

  #arn(name: string): string {
    return `arn:aws:sqs:${this.#deps.settings.region}:${this.#deps.settings.accountId}:${name}`;
  }

  #url(name: string): string {
    return `http://${this.#deps.settings.awsHost()}/${this.#deps.settings.accountId}/${name}`;
  }

  // ----------------------------------------------------------------------------------------------------------- sending

  readonly #sendMessage = (
    input: sqs.SendMessageCommandInput,
    { nowMs }: RequestContext,
  ): Omit<sqs.SendMessageCommandOutput, '$metadata'> => this.#send(this.#queue(input.QueueUrl), input, nowMs);

  readonly #sendMessageBatch = (
    input: sqs.SendMessageBatchCommandInput,
    { nowMs }: RequestContext,
  ): Omit<sqs.SendMessageBatchCommandOutput, '$metadata'> => {
    const queue = this.#queue(input.QueueUrl);
    const entries = batch(input.Entries, 'SendMessageBatchRequestEntry');
    const bytes = entries.reduce((sum, entry) => sum + Buffer.byteLength(entry.MessageBody ?? ''), 0);
    if (bytes > MESSAGE_BYTES_MAX) {
      throw new AwsError(
        'BatchRequestTooLong',
        `Batch requests cannot be longer than ${MESSAGE_BYTES_MAX} bytes. You have sent ${bytes} bytes.`,
      );
    }
    return each(entries, (entry) => this.#send(queue, entry, nowMs)) as never;
  };

  #send(queue: QueueRecord, input: SendInput, nowMs: number, senderId = 'AIDALOCALCLOUDUSER000') {
    const content = contentOf(input.MessageBody, input.MessageAttributes);
    const { AWSTraceHeader, ...otherSystem } = input.MessageSystemAttributes ?? {};
    const [unknown] = Object.keys(otherSystem);
    if (unknown !== undefined) throw invalidParameter(`Message system attribute name '${unknown}' is invalid.`);
    const limit = numberOf(queue.attributes, 'MaximumMessageSize');
    if (sizeOf(content) > limit) {
      throw invalidParameter(
        `One or more parameters are invalid. Reason: Message must be shorter than ${limit} bytes.`,
      );
    }
    const delaySec = delayOf(queue, input.DelaySeconds);
    const group = groupOf(queue, input, content);
    const answer = {
      MD5OfMessageBody: md5OfBody(content.body),
      ...optional('MD5OfMessageAttributes', md5OfAttributes(content.attributes)),
    };
    const before = group.dedupKey === undefined ? undefined : this.#dedup.get(group.dedupKey);
    if (before && before.untilMs > nowMs) {
      return { ...answer, MessageId: before.messageId, SequenceNumber: before.sequenceNumber };
    }
    this.#expire(queue, nowMs);
    const id = uuid(this.#deps.random);
    const sequenceNumber = queue.isFifo ? this.#nextSequence() : undefined;
    const record: MessageRecord = {
      id,
      ...content,
      sentMs: nowMs,
      visibleAtMs: nowMs + delaySec * 1000,
      receives: 0,
      senderId,
      ...optional('traceHeader', AWSTraceHeader?.StringValue),
      ...optional('groupId', input.MessageGroupId),
      ...optional('dedupId', group.dedupId),
      ...optional('sequenceNumber', sequenceNumber),
    };
    this.#messages.add(queue.name, record);
    if (group.dedupKey !== undefined && sequenceNumber !== undefined) {
      this.#forgetDedup((key) => (this.#dedup.get(key)?.untilMs ?? 0) <= nowMs);
      this.#dedup.set(group.dedupKey, { messageId: id, sequenceNumber, untilMs: nowMs + DEDUP_MS });
    }
    return { ...answer, MessageId: id, ...optional('SequenceNumber', sequenceNumber) };
  }

  #nextSequence(): string {
    const counter = this.#deps.state.collection<number>('sqs.fifo');
    const next = (counter.get('last') ?? 0) + 1;
    counter.set('last', next);
    // Twenty digits that ascend.
    return `1884${String(next * 256).padStart(16, '0')}`;
  }

  #forgetDedup(isOver: (key: string) => boolean): void {
    for (const key of this.#dedup.keys()) if (isOver(key)) this.#dedup.delete(key);
  }

  /** The oldest go first, so that looking ends at the first that stays. */
  #expire(queue: QueueRecord, nowMs: number): void {
    const retentionMs = numberOf(queue.attributes, 'MessageRetentionPeriod') * 1000;
    for (const { key, message } of this.#messages.visible(queue.name, nowMs)) {
      if (nowMs - message.sentMs < retentionMs) return;
      this.#messages.remove(key);
    }
  }

  // --------------------------------------------------------------------------------------------------------- receiving

  readonly #receiveMessage = (input: ReceiveInput, { signal }: RequestContext): Promise<unknown> =>
    new Promise((resolve, reject) => {
      // In a step of its own: what is received is hidden before the answer leaves.
      this.#deps.enter((nowMs) => {
        try {
          const queue = this.#queue(input.QueueUrl);
          checkReceive(input);
          const waitSec = input.WaitTimeSeconds ?? numberOf(queue.attributes, 'ReceiveMessageWaitTimeSeconds');
          const receiver: Receiver<ReceiveInput> = {
            queue: queue.name,
            untilMs: nowMs + waitSec * 1000,
            input,
            answer: (outcome) => {
              signal?.removeEventListener('abort', leave);
              if ('error' in outcome) reject(outcome.error);
              else resolve(outcome.result);
            },
          };
          const leave = () => {
            this.#receivers.remove(receiver);
            resolve({});
          };
          if (signal?.aborted) return leave();
          signal?.addEventListener('abort', leave, { once: true });
          this.#receivers.add(receiver);
          this.#serve(queue, receiver, nowMs);
        } catch (error) {
          reject(error);
        }
      });
    });

  #serve(queue: QueueRecord | undefined, receiver: Receiver<ReceiveInput>, nowMs: number): void {
    if (!queue) {
      this.#receivers.remove(receiver);
      receiver.answer({ error: noSuchQueue() });
      return;
    }
    const outcome = attempt(() => this.#take(queue, receiver.input, nowMs));
    if ('result' in outcome && outcome.result.length === 0 && nowMs < receiver.untilMs) return;
    this.#receivers.remove(receiver);
    receiver.answer(
      'error' in outcome ? outcome : { result: outcome.result.length === 0 ? {} : { Messages: outcome.result } },
    );
  }

  #take(queue: QueueRecord, input: ReceiveInput, nowMs: number): sqs.Message[] {
    const max = input.MaxNumberOfMessages ?? 1;
    const visibilitySec = input.VisibilityTimeout ?? numberOf(queue.attributes, 'VisibilityTimeout');
    const retentionMs = numberOf(queue.attributes, 'MessageRetentionPeriod') * 1000;
    const redrive = redriveOf(queue.attributes.RedrivePolicy);
    const deadLetters = redrive && this.#byArn(redrive.deadLetterTargetArn);
    if (this.#messages.counts(queue.name, nowMs).hidden >= IN_FLIGHT_MAX) {
      if (!queue.isFifo) throw new AwsError('OverLimit', 'Too many messages in flight.', 403);
      return [];
    }
    const blocked = new Set<string>();
    if (queue.isFifo) {
      for (const { message } of this.#messages.hidden(queue.name, nowMs)) blocked.add(message.groupId ?? '');
    }
    const taken: Keyed[] = [];
    for (const { key, message } of this.#messages.visible(queue.name, nowMs)) {
      if (taken.length === max) break;
      if (nowMs - message.sentMs >= retentionMs) this.#messages.remove(key);
      else if (blocked.has(message.groupId ?? '') && queue.isFifo) continue;
      else if (redrive && deadLetters && message.receives >= redrive.maxReceiveCount) {
        this.#bury(queue, deadLetters, key, message);
      } else taken.push({ key, message });
    }
    return taken.map(({ key, message }) => {
      const receipt = this.#deps.random.hex(16);
      const received: MessageRecord = {
        ...message,
        receives: message.receives + 1,
        firstReceivedMs: message.firstReceivedMs ?? nowMs,
        visibleAtMs: nowMs + visibilitySec * 1000,
        receipt,
      };
      this.#messages.put(key, received);
      return messageShape(received, handleOf(key, receipt), input);
    });
  }

  /** Received too often: to the dead-letter queue, with its age and the number of its receipts. */
  #bury(queue: QueueRecord, deadLetters: QueueRecord, key: string, message: MessageRecord): void {
    this.#messages.remove(key);
    const { receipt: _, ...rest } = message;
    this.#messages.add(deadLetters.name, {
      ...rest,
      visibleAtMs: rest.sentMs,
      deadLetterSource: this.#arn(queue.name),
      ...(deadLetters.isFifo ? { sequenceNumber: this.#nextSequence() } : {}),
    });
  }

  // --------------------------------------------------------------------------------------------- deleting and hiding

  readonly #deleteMessage = (input: sqs.DeleteMessageCommandInput, { nowMs }: RequestContext): void =>
    this.#delete(this.#queue(input.QueueUrl), input.ReceiptHandle, nowMs);

  readonly #deleteMessageBatch = (
    input: sqs.DeleteMessageBatchCommandInput,
    { nowMs }: RequestContext,
  ): Omit<sqs.DeleteMessageBatchCommandOutput, '$metadata'> => {
    const queue = this.#queue(input.QueueUrl);
    const entries = batch(input.Entries, 'DeleteMessageBatchRequestEntry');
    return each(entries, (entry) => {
      this.#delete(queue, entry.ReceiptHandle, nowMs);
      return {};
    }) as never;
  };

  /** One that is deleted already is deleted; an older receipt deletes nothing and is no error. */
  #delete(queue: QueueRecord, handle: string | undefined, nowMs: number): void {
    const { key, receipt } = parseHandle(queue, handle);
    const message = this.#messages.get(key);
    if (!message) return;
    if (queue.isFifo && (message.receipt !== receipt || message.visibleAtMs <= nowMs)) {
      throw invalidValue('ReceiptHandle', handle, 'The receipt handle has expired.');
    }
    if (message.receipt === receipt) this.#messages.remove(key);
  }

  readonly #changeMessageVisibility = (
    input: sqs.ChangeMessageVisibilityCommandInput,
    { nowMs }: RequestContext,
  ): void => this.#hide(this.#queue(input.QueueUrl), input.ReceiptHandle, input.VisibilityTimeout, nowMs);

  readonly #changeMessageVisibilityBatch = (
    input: sqs.ChangeMessageVisibilityBatchCommandInput,
    { nowMs }: RequestContext,
  ): Omit<sqs.ChangeMessageVisibilityBatchCommandOutput, '$metadata'> => {
    const queue = this.#queue(input.QueueUrl);
    const entries = batch(input.Entries, 'ChangeMessageVisibilityBatchRequestEntry');
    return each(entries, (entry) => {
      this.#hide(queue, entry.ReceiptHandle, entry.VisibilityTimeout, nowMs);
      return {};
    }) as never;
  };

  #hide(queue: QueueRecord, handle: string | undefined, seconds: number | undefined, nowMs: number): void {
    const { key, receipt } = parseHandle(queue, handle);
    if (seconds === undefined) throw missingParameter('VisibilityTimeout');
    checkVisibility(seconds);
    const message = this.#messages.get(key);
    if (!message || message.receipt !== receipt) {
      throw invalidValue(
        'ReceiptHandle',
        handle,
        'Message does not exist or is not available for visibility timeout change.',
      );
    }
    if (message.visibleAtMs <= nowMs)
      throw new AwsError('MessageNotInflight', "The specified message isn't in flight.");
    this.#messages.put(key, { ...message, visibleAtMs: nowMs + seconds * 1000 });
  }
}

/** What a handler makes of it, or the error that it answers. */
function attempt<T>(act: () => T): { readonly result: T } | { readonly error: AwsError } {
  try {
    return { result: act() };
  } catch (error) {
    if (error instanceof AwsError) return { error };
    throw error;
  }
}
