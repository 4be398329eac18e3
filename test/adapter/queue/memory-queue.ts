/**
 * SQS in memory under a virtual clock, strict where SQS is: a received message is hidden until its time is over, only its
 * last receipt may delete or hide it, and only while it is hidden; a FIFO queue gives nothing of a group away while some of
 * it is out, and keeps its order. Long polling waits for a message or for its time to pass.
 */

import type { Queue, QueueError, QueueFacts, QueueMessage } from '../../../src/adapter/queue/queue.ts';
import type { Clock, Timer } from '../../../src/core/index.ts';

interface Stored {
  readonly id: string;
  readonly body: string;
  readonly group: string | undefined;
  visibleAtMs: number;
  receipt: string | undefined;
  receives: number;
}

export class MemoryQueue implements Queue {
  readonly #clock: Clock;
  readonly #facts: QueueFacts;
  readonly #messages: Stored[] = [];
  readonly #waiting = new Set<() => void>();
  #count = 0;
  /** Calls that fail, by name, so many times. */
  readonly faults = new Map<keyof Queue, { times: number; error: QueueError }>();
  /** Every message ever deleted, in order. */
  readonly removed: string[] = [];
  readonly renewals: number[] = [];

  constructor(clock: Clock, facts: Partial<QueueFacts> = {}) {
    this.#clock = clock;
    this.#facts = { arn: 'arn:aws:sqs:us-east-1:000000000000:work', visibilitySec: 30, fifo: false, ...facts };
  }

  get size(): number {
    return this.#messages.length;
  }

  /** How often the message was handed out. */
  receives(body: string): number {
    return this.#messages.find((message) => message.body === body)?.receives ?? 0;
  }

  get hidden(): number {
    return this.#messages.filter(({ visibleAtMs }) => visibleAtMs > this.#clock.now()).length;
  }

  send(body: string, group?: string): void {
    const id = `m-${++this.#count}`;
    this.#messages.push({ id, body, group, visibleAtMs: 0, receipt: undefined, receives: 0 });
    this.#wake();
  }

  async facts(): Promise<QueueFacts> {
    this.#fault('facts');
    return this.#facts;
  }

  async receive(max: number, waitSec: number): Promise<QueueMessage[]> {
    this.#fault('receive');
    const untilMs = this.#clock.now() + waitSec * 1000;
    for (;;) {
      const taken = this.#take(max);
      if (taken.length > 0 || this.#clock.now() >= untilMs) return taken;
      await this.#change(untilMs);
    }
  }

  async remove(receiptHandles: readonly string[]): Promise<Map<string, string>> {
    this.#fault('remove');
    return this.#each(receiptHandles, (message) => {
      this.#messages.splice(this.#messages.indexOf(message), 1);
      this.removed.push(message.body);
      this.#wake();
    });
  }

  async hide(receiptHandles: readonly string[], seconds: number): Promise<Map<string, string>> {
    this.#fault('hide');
    this.renewals.push(seconds);
    return this.#each(receiptHandles, (message) => {
      message.visibleAtMs = this.#clock.now() + seconds * 1000;
      if (seconds === 0) this.#wake();
    });
  }

  #each(handles: readonly string[], act: (message: Stored) => void): Map<string, string> {
    const failed = new Map<string, string>();
    for (const handle of handles) {
      const message = this.#messages.find(({ receipt }) => receipt === handle);
      if (!message) failed.set(handle, 'ReceiptHandleIsInvalid: the receipt handle is not the last one');
      else if (message.visibleAtMs <= this.#clock.now()) {
        failed.set(handle, 'InvalidParameterValue: the message is not hidden any more');
      } else act(message);
    }
    return failed;
  }

  #take(max: number): QueueMessage[] {
    const nowMs = this.#clock.now();
    const taken: QueueMessage[] = [];
    // A group of which something is out gives nothing away; what is taken now stays in order.
    const blocked = new Set(
      this.#messages.filter(({ visibleAtMs, group }) => group && visibleAtMs > nowMs).map(({ group }) => group),
    );
    for (const message of this.#messages) {
      if (taken.length === max) break;
      if (message.visibleAtMs > nowMs || (message.group && blocked.has(message.group))) continue;
      message.receives++;
      message.receipt = `${message.id}#${message.receives}`;
      message.visibleAtMs = nowMs + this.#facts.visibilitySec * 1000;
      taken.push({
        messageId: message.id,
        receiptHandle: message.receipt,
        body: message.body,
        md5OfBody: 'md5',
        attributes: { ApproximateReceiveCount: String(message.receives) },
        messageAttributes: {},
      });
    }
    return taken;
  }

  /** Until a message is sent or deleted, or becomes visible by itself, or the time is over. */
  #change(untilMs: number): Promise<void> {
    const nowMs = this.#clock.now();
    const visibleMs = this.#messages.map(({ visibleAtMs }) => visibleAtMs).filter((atMs) => atMs > nowMs);
    return new Promise((resolve) => {
      let timer: Timer | undefined;
      const wake = () => {
        timer?.cancel();
        this.#waiting.delete(wake);
        resolve();
      };
      timer = this.#clock.after(Math.min(untilMs, ...visibleMs) - nowMs, wake);
      this.#waiting.add(wake);
    });
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  #fault(name: keyof Queue): void {
    const fault = this.faults.get(name);
    if (!fault || fault.times === 0) return;
    fault.times--;
    throw fault.error;
  }
}

/** The same queue as a task sees it until it is killed: after that nothing reaches the queue, and nothing comes back. */
export class MortalQueue implements Queue {
  readonly #queue: Queue;
  #dead = false;

  constructor(queue: Queue) {
    this.#queue = queue;
  }

  kill(): void {
    this.#dead = true;
  }

  facts(): Promise<QueueFacts> {
    return this.#alive(() => this.#queue.facts());
  }

  receive(max: number, waitSec: number): Promise<QueueMessage[]> {
    return this.#alive(() => this.#queue.receive(max, waitSec));
  }

  remove(receiptHandles: readonly string[]): Promise<Map<string, string>> {
    return this.#alive(() => this.#queue.remove(receiptHandles));
  }

  hide(receiptHandles: readonly string[], seconds: number): Promise<Map<string, string>> {
    return this.#alive(() => this.#queue.hide(receiptHandles, seconds));
  }

  async #alive<T>(act: () => Promise<T>): Promise<T> {
    if (this.#dead) return new Promise<T>(() => {});
    const result = await act();
    return this.#dead ? new Promise<T>(() => {}) : result;
  }
}
