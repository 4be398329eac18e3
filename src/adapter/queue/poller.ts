/**
 * Feeds the function from a queue: as many loops as the runtimes can take at once, each of which receives a batch, keeps it
 * hidden while the function works on it, and deletes what was done. It receives only when a runtime is there to work.
 *
 * Nothing is lost: a message is deleted after the function has answered and never before, so what a killed task had comes
 * back by itself. It may therefore come twice, as on Lambda. What failed is left to come back when its time of being hidden
 * is over, so that the queue's own redrive policy counts and sorts it out. The order of a FIFO queue's groups is SQS's: it
 * gives nothing of a group away while some of it is out.
 */
import { type Clock, type Logger, type Random, sleep } from '../../core/index.ts';
import { type Queue, QueueError, type QueueFacts, type QueueMessage } from './queue.ts';
import { failedItems, sqsEvent } from './sqs-event.ts';

/** What became of a batch in the function. */
export type Handled =
  | { readonly kind: 'answered'; readonly payload: Buffer }
  | { readonly kind: 'failed'; readonly reason: string };

export interface PollerOptions {
  readonly queue: Queue;
  readonly facts: QueueFacts;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Batches at once: what all runtimes together take. */
  readonly loops: number;
  /** Messages in a batch, 1 to 10. */
  readonly batchSize: number;
  /** The function's answer names the messages that failed; else it has done all or none. */
  readonly reportsItems: boolean;
  /** Resolves with true as soon as a runtime could work, with false after a while. */
  readonly whenReady: () => Promise<boolean>;
  /** Has the function work on an event. Never rejects. */
  readonly handle: (event: Buffer) => Promise<Handled>;
}

/** SQS's longest; with a drain of 25 s, it ends within one. */
export const WAIT_SEC = 20;
const BACKOFF_MS = 1_000;
const BACKOFF_MS_MAX = 30_000;
const REMOVE_ATTEMPTS = 5;

export class Poller {
  readonly #options: PollerOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: PollerOptions) {
    this.#options = options;
  }

  /** Starts all loops. Resolves when they have ended, which they do after `stop`. */
  run(): Promise<void> {
    this.#running ??= Promise.all(Array.from({ length: this.#options.loops }, () => this.#loop())).then(() => {});
    return this.#running;
  }

  /** Receives nothing more; what is under way is finished. */
  stop(): void {
    this.#stopping.abort();
  }

  get #stopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #loop(): Promise<void> {
    const { queue, batchSize, logger, whenReady } = this.#options;
    let failures = 0;
    while (!this.#stopped) {
      if (!(await whenReady())) continue;
      let messages: QueueMessage[];
      try {
        if (this.#stopped) return;
        messages = await queue.receive(batchSize, WAIT_SEC);
        failures = 0;
      } catch (error) {
        if (!(error instanceof QueueError)) throw error;
        const retryAfterMs = this.#backoffMs(failures++);
        logger[error.transient ? 'warn' : 'error']({ error: error.message, retryAfterMs }, 'nothing can be received');
        await sleep(this.#options.clock, retryAfterMs, this.#stopping.signal);
        continue;
      }
      if (messages.length === 0) continue;
      if (this.#stopped) await this.#giveBack(messages);
      else await this.#work(messages);
    }
  }

  async #work(messages: readonly QueueMessage[]): Promise<void> {
    const { facts, handle, logger, reportsItems } = this.#options;
    const hidden = new Hidden(this.#options, messages);
    try {
      const handled = await handle(sqsEvent(messages, facts));
      const ids = messages.map(({ messageId }) => messageId);
      let failed: ReadonlySet<string> = new Set(ids);
      if (handled.kind === 'failed') {
        logger.error({ messages: ids, reason: handled.reason }, 'batch failed; its messages come back');
      } else {
        failed = reportsItems ? failedItems(handled.payload, ids) : new Set();
        if (failed.size > 0) logger.warn({ messages: [...failed] }, 'messages failed and come back');
      }
      const done = messages.filter(({ messageId }) => !failed.has(messageId));
      if (done.length > 0) await this.#remove(done.map(({ receiptHandle }) => receiptHandle));
    } finally {
      hidden.end();
    }
  }

  /** What cannot be deleted is handled again when it comes back: said, because the function must be able to take that. */
  async #remove(handles: readonly string[]): Promise<void> {
    const { queue, logger, clock } = this.#options;
    for (let attempt = 1; ; attempt++) {
      try {
        const failed = await queue.remove(handles);
        for (const why of failed.values())
          logger.error({ error: why }, 'a handled message was not deleted; it comes again');
        return;
      } catch (error) {
        if (!(error instanceof QueueError)) throw error;
        if (!error.transient || attempt === REMOVE_ATTEMPTS) {
          logger.error({ error: error.message }, 'handled messages were not deleted; they come again');
          return;
        }
        await sleep(clock, this.#backoffMs(attempt - 1));
      }
    }
  }

  /** Received when nobody was to work on them any more: at once for others. */
  async #giveBack(messages: readonly QueueMessage[]): Promise<void> {
    try {
      await this.#options.queue.hide(
        messages.map(({ receiptHandle }) => receiptHandle),
        0,
      );
    } catch (error) {
      if (!(error instanceof QueueError)) throw error;
      this.#options.logger.warn(
        { error: error.message },
        'messages could not be given back; they come back by themselves',
      );
    }
  }

  #backoffMs(failures: number): number {
    return Math.min(BACKOFF_MS_MAX, BACKOFF_MS * 2 ** failures) * (0.5 + this.#options.random.next() / 2);
  }
}

/** Messages kept hidden: renewed when half of the time has passed, until `end`. */
class Hidden {
  readonly #options: PollerOptions;
  readonly #handles: readonly string[];
  #ended = false;
  #timer: ReturnType<Clock['after']> | undefined;

  constructor(options: PollerOptions, messages: readonly QueueMessage[]) {
    this.#options = options;
    this.#handles = messages.map(({ receiptHandle }) => receiptHandle);
    this.#again();
  }

  end(): void {
    this.#ended = true;
    this.#timer?.cancel();
  }

  #again(): void {
    if (this.#ended) return;
    const { clock, facts } = this.#options;
    this.#timer = clock.after(Math.max(1, facts.visibilitySec) * 500, () => void this.#renew());
  }

  async #renew(): Promise<void> {
    const { queue, facts, logger } = this.#options;
    try {
      const failed = await queue.hide(this.#handles, Math.max(1, facts.visibilitySec));
      for (const why of failed.values()) logger.warn({ error: why }, 'a message in work may be handed out again');
    } catch (error) {
      if (!(error instanceof QueueError)) throw error;
      logger.warn({ error: error.message }, 'messages in work may be handed out again');
    }
    this.#again();
  }
}
