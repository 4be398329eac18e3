/**
 * Hears from AWS what changed: receives events from a queue while this daemon leads, and asks for a pass over each object
 * that one speaks of. An event is a hint: it may be late, doubled, out of order, unknown or missing, and none of that
 * matters, because a pass looks for itself and sweeps find what no event told. A queue that is gone is said once, tried
 * again with growing pauses, and costs nothing but time. It decides nothing about resources.
 */
import type { Message } from '@aws-sdk/client-sqs';
import type { Call, SqsPort } from '../../aws/index.ts';
import {
  type Clock,
  type Failure,
  formatDuration,
  isFailure,
  type Logger,
  type Random,
  sleep,
} from '../../core/index.ts';
import { type AwsEvent, formatKey, type KindRegistry, type ObjectKey } from '../../resource/index.ts';
import type { Companion } from '../companions.ts';
import type { DriftIndex } from '../drift-index.ts';
import { eventIn } from './event-message.ts';
import type { IntakeJournal } from './intake-journal.ts';
import type { IntakeMetrics } from './intake-metrics.ts';
import { Interests } from './interests.ts';
import type { LastWriters } from './last-writers.ts';
import type { OwnIdentities } from './own-identities.ts';
import { RecentIds } from './recent-ids.ts';
import { SpacedHints } from './spaced-hints.ts';

/** Why a pass is asked for. */
export interface Heard {
  readonly kind: string;
  /** The event or the call, as one word: `EcsServiceAction`, `ModifyRule`. */
  readonly reasons: readonly string[];
  readonly by: 'event';
}

export interface IntakeParts {
  readonly sqs: Pick<SqsPort, 'getQueueUrl' | 'receiveMessage' | 'deleteMessageBatch'>;
  /** Name or URL. */
  readonly queue: string;
  readonly kinds: KindRegistry;
  readonly index: DriftIndex;
  readonly own: Pick<OwnIdentities, 'made'>;
  /** Told of what others changed of our objects. */
  readonly writers: Pick<LastWriters, 'note'>;
  /** Asks for a pass with the priority of drift. Must not throw. */
  readonly enqueue: (key: ObjectKey, heard: Heard) => void;
  /** Told when an object was heard of and how old the event was, for who measures until it is healed. */
  readonly onHeard?: ((key: ObjectKey, event: AwsEvent, ageMs: number) => void) | undefined;
  readonly journal: IntakeJournal;
  readonly metrics: IntakeMetrics;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** SQS's longest poll and largest batch. */
const WAIT_SEC = 20;
const BATCH = 10;
const RECEIVE_TIMEOUT_MS = WAIT_SEC * 1000 + 10_000;
/** Receivers at once while messages flow; one waits when nothing does. */
const RECEIVERS_MAX = 4;
const DEDUP_WINDOW_MS = 10 * 60_000;
const DEDUP_SIZE_MAX = 20_000;
/** Passes over one object that events ask for are so far apart at least. */
const SPACE_MS = 1_000;
const PAUSE_MIN_MS = 1_000;
const PAUSE_MAX_MS = 60_000;

export class EventIntake implements Companion {
  readonly name = 'event intake';
  readonly #parts: IntakeParts;
  readonly #interests: Interests;
  readonly #recent = new RecentIds(DEDUP_WINDOW_MS, DEDUP_SIZE_MAX);
  readonly #hints: SpacedHints;
  #url: string | undefined;
  #failures = 0;
  /** As it was last said; undefined: nothing was yet. */
  #isAvailable: boolean | undefined;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
    this.#interests = new Interests(parts.kinds);
    this.#hints = new SpacedHints(parts.clock, SPACE_MS);
    this.#url = /^https?:\/\//.test(parts.queue) ? parts.queue : undefined;
  }

  /** Receives until `signal` aborts. Outlasts everything that AWS answers. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted) {
        // Whether it answers at all is known at once, not after the first long poll.
        const count = await this.#receive(signal, this.#isAvailable ? WAIT_SEC : 0);
        if (count === BATCH) await this.#drain(signal);
      }
    } finally {
      this.#hints.clear();
    }
  }

  /** Messages flow: several receivers, until each found less than a batch. */
  async #drain(signal: AbortSignal): Promise<void> {
    const receiver = async () => {
      while (!signal.aborted && (await this.#receive(signal, 0)) === BATCH);
    };
    await Promise.all(Array.from({ length: RECEIVERS_MAX }, receiver));
  }

  /** One batch, worked on and deleted. Returns how many messages there were; after a failure none, and a pause later. */
  async #receive(signal: AbortSignal, waitSec: number): Promise<number> {
    const { sqs, metrics, clock } = this.#parts;
    const call: Call = { signal, priority: 'sweep', timeoutMs: RECEIVE_TIMEOUT_MS };
    let messages: readonly Message[];
    let url: string;
    try {
      url = await this.#queueUrl(call);
      const input = { QueueUrl: url, MaxNumberOfMessages: BATCH, WaitTimeSeconds: waitSec };
      ({ Messages: messages = [] } = await sqs.receiveMessage(input, call));
    } catch (error) {
      if (!isFailure(error)) throw error;
      if (!signal.aborted) await this.#unavailable(error, signal);
      return 0;
    }
    await this.#available();
    if (messages.length === 0) return 0;
    metrics.received(messages.length);
    const receivedAtMs = clock.now();
    for (const message of messages) {
      if (!(await this.#handled(message, receivedAtMs, signal))) return messages.length;
    }
    await this.#remove(url, messages, signal);
    return messages.length;
  }

  async #queueUrl(call: Call): Promise<string> {
    if (this.#url === undefined) {
      const { QueueUrl } = await this.#parts.sqs.getQueueUrl({ QueueName: this.#parts.queue }, call);
      this.#url = QueueUrl;
    }
    return this.#url ?? '';
  }

  /** False when the end came in between: the messages are left to the next leader. */
  async #handled(message: Message, receivedAtMs: number, signal: AbortSignal): Promise<boolean> {
    const { metrics, own, writers, logger, index } = this.#parts;
    const event = eventIn(message.Body);
    if ('problem' in event) return this.#malformed(message, event.problem);
    if (this.#recent.seen(event.id, receivedAtMs)) {
      metrics.became('duplicate');
      return true;
    }
    const ageMs = receivedAtMs - Date.parse(event.time);
    metrics.aged(ageMs);
    if (await own.made(event, signal)) {
      metrics.became('own');
      return !signal.aborted;
    }
    if (signal.aborted) return false;
    let isKnown = false;
    try {
      for (const { kind, names } of this.#interests.of(event)) {
        const keys = index.keysOf(kind, names);
        if (keys.length === 0) continue;
        isKnown = true;
        // Before anybody looks: the pass that this leads to may want to name them.
        writers.note(kind, names, event);
        for (const key of keys) this.#hear(key, kind, event, ageMs);
      }
    } catch (error) {
      // A kind that cannot read an event is a defect; the event is no better the second time.
      logger.error({ err: error, event: event.id, source: event.source }, 'an event could not be read by a kind');
      metrics.became('malformed');
      return true;
    }
    metrics.became(isKnown ? 'matched' : 'unknown');
    return true;
  }

  #hear(key: ObjectKey, kind: string, event: AwsEvent, ageMs: number): void {
    const { enqueue, onHeard } = this.#parts;
    onHeard?.(key, event, ageMs);
    const heard: Heard = { kind, reasons: [reasonOf(event)], by: 'event' };
    this.#hints.give(formatKey(key), () => enqueue(key, heard));
  }

  /** Said with its id, and deleted with the others: it would be as malformed the next time, and there is nobody to mend it. */
  #malformed({ MessageId }: Message, problem: string): true {
    this.#parts.metrics.became('malformed');
    this.#parts.logger.warn(
      { message: MessageId, queue: this.#parts.queue },
      `a message is no event, and is deleted: ${problem}`,
    );
    return true;
  }

  /** What is not deleted comes again, and is a duplicate then. */
  async #remove(QueueUrl: string, messages: readonly Message[], signal: AbortSignal): Promise<void> {
    const { sqs, logger } = this.#parts;
    const Entries = messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
    try {
      const { Failed = [] } = await sqs.deleteMessageBatch({ QueueUrl, Entries }, { signal, priority: 'sweep' });
      for (const { Id, Code, Message: why } of Failed) {
        logger.debug({ message: messages[Number(Id)]?.MessageId, code: Code }, `an event was not deleted: ${why}`);
      }
    } catch (error) {
      if (!isFailure(error)) throw error;
      if (!signal.aborted) logger.debug({ code: error.code }, `events were not deleted: ${error.message}`);
    }
  }

  async #available(): Promise<void> {
    this.#failures = 0;
    if (this.#isAvailable) return;
    const { logger, queue } = this.#parts;
    if (this.#isAvailable === false) logger.info({ queue }, 'events are received again');
    await this.#say(true, 'Receiving', `events are received from ${queue}`);
  }

  /** Said when it begins, not with every attempt. */
  async #unavailable(failure: Failure, signal: AbortSignal): Promise<void> {
    const { clock, random, logger, queue } = this.#parts;
    const fullMs = Math.min(PAUSE_MAX_MS, PAUSE_MIN_MS * 2 ** Math.min(this.#failures, 10));
    const pauseMs = Math.round((fullMs / 2) * (1 + random.next()));
    this.#failures++;
    // A queue that was made anew may have another URL.
    if (isFailure(failure, 'notFound') && !/^https?:\/\//.test(queue)) this.#url = undefined;
    // What may pass by itself within a moment is no news.
    const isNews =
      this.#isAvailable !== false && (this.#failures > 1 || !['transient', 'throttled'].includes(failure.kind));
    if (isNews) {
      const reason = REASONS[failure.kind] ?? 'QueueUnavailable';
      const message = `no events can be received from ${queue} (${failure.code}: ${failure.message}); drift is found by sweeps alone meanwhile`;
      logger.warn({ queue, code: failure.code, requestId: failure.requestId, again: formatDuration(pauseMs) }, message);
      await this.#say(false, reason, message);
    }
    await sleep(clock, pauseMs, signal);
  }

  async #say(isAvailable: boolean, reason: string, message: string): Promise<void> {
    this.#isAvailable = isAvailable;
    this.#parts.metrics.available(isAvailable);
    await this.#parts.journal.write({
      type: 'EventsReceived',
      status: isAvailable ? 'True' : 'False',
      reason,
      message,
      lastTransitionTime: new Date(this.#parts.clock.now()).toISOString(),
    });
  }
}

const REASONS: Readonly<Partial<Record<Failure['kind'], string>>> = {
  notFound: 'QueueMissing',
  denied: 'QueueDenied',
};

function reasonOf({ 'detail-type': type, detail }: AwsEvent): string {
  const { eventName } = detail;
  if (typeof eventName === 'string' && type === 'AWS API Call via CloudTrail') return eventName;
  return type
    .split(/[^A-Za-z0-9]+/)
    .map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1).toLowerCase()}`)
    .join('');
}
