/**
 * The messages of all queues: which can be received, which are hidden until when, and in what order. Messages are
 * records of the state; the order of a queue is kept in memory, made again from the records at start, and may name
 * messages that are gone (a step that was undone) but misses none. What a queue promises its users is the service's.
 */
import type { CloudState, Collection } from '../../contract.ts';
import type { StoredAttribute } from './message-content.ts';

export interface MessageRecord {
  readonly id: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, StoredAttribute>>;
  readonly sentMs: number;
  /** Hidden until then: by a delay when it was never received, else because somebody has it. */
  readonly visibleAtMs: number;
  readonly receives: number;
  readonly firstReceivedMs?: number;
  /** Of its last receipt. */
  readonly receipt?: string;
  readonly senderId: string;
  readonly traceHeader?: string;
  readonly groupId?: string;
  readonly dedupId?: string;
  readonly sequenceNumber?: string;
  readonly deadLetterSource?: string;
}

/** A message under the key by which it is found. Keys of one queue ascend in the order of sending. */
export interface Keyed {
  readonly key: string;
  readonly message: MessageRecord;
}

class Order {
  /** In the order of sending, as far as that is known: what came back stands behind. */
  readonly ready = new Set<string>();
  readonly hidden = new Map<string, number>();
  /** No hidden message is visible before then. */
  nextMs = Number.POSITIVE_INFINITY;
}

export class MessageStore {
  readonly #messages: Collection<MessageRecord>;
  readonly #sequence: Collection<number>;
  readonly #orders = new Map<string, Order>();

  constructor(state: CloudState) {
    this.#messages = state.collection('sqs.messages');
    this.#sequence = state.collection('sqs.sequence');
    for (const key of this.#messages.keys()) this.#place(queueOf(key), key, this.#messages.get(key));
  }

  get(key: string): MessageRecord | undefined {
    return this.#messages.get(key);
  }

  add(queue: string, message: MessageRecord): string {
    const number = (this.#sequence.get('last') ?? 0) + 1;
    this.#sequence.set('last', number);
    const key = `${queue}#${String(number).padStart(15, '0')}`;
    this.#messages.set(key, message);
    this.#place(queue, key, message);
    return key;
  }

  put(key: string, message: MessageRecord): void {
    this.#messages.set(key, message);
    this.#place(queueOf(key), key, message);
  }

  remove(key: string): void {
    this.#messages.delete(key);
    const order = this.#orders.get(queueOf(key));
    order?.ready.delete(key);
    order?.hidden.delete(key);
  }

  /** Everything of a queue goes. */
  clear(queue: string): void {
    const order = this.#order(queue);
    for (const key of [...order.ready, ...order.hidden.keys()]) this.#messages.delete(key);
    this.#orders.delete(queue);
  }

  /** What can be received now, in order. Messages that are not there any more are skipped. */
  *visible(queue: string, nowMs: number): Generator<Keyed> {
    const order = this.#order(queue);
    this.#return(order, nowMs);
    for (const key of order.ready) {
      const message = this.#messages.get(key);
      if (!message) order.ready.delete(key);
      else if (message.visibleAtMs > nowMs) this.#place(queue, key, message);
      else yield { key, message };
    }
  }

  /** Messages that are out or delayed, in order of sending. */
  hidden(queue: string, nowMs: number): Keyed[] {
    const order = this.#order(queue);
    this.#return(order, nowMs);
    return [...order.hidden.keys()].flatMap((key) => {
      const message = this.#messages.get(key);
      return message && message.visibleAtMs > nowMs ? [{ key, message }] : [];
    });
  }

  /** How many, without looking at each. */
  counts(queue: string, nowMs: number): { readonly ready: number; readonly hidden: number } {
    const order = this.#order(queue);
    this.#return(order, nowMs);
    return { ready: order.ready.size, hidden: order.hidden.size };
  }

  /** Whether something may be received now, and when a hidden message comes back at the earliest. */
  nextVisibleMs(queue: string): number | undefined {
    const order = this.#orders.get(queue);
    if (!order) return undefined;
    if (order.ready.size > 0) return 0;
    return order.hidden.size > 0 ? order.nextMs : undefined;
  }

  #order(queue: string): Order {
    let order = this.#orders.get(queue);
    if (!order) {
      order = new Order();
      this.#orders.set(queue, order);
    }
    return order;
  }

  #place(queue: string, key: string, message: MessageRecord | undefined): void {
    if (!message) return;
    const order = this.#order(queue);
    // A time that has come is found out when the queue is looked at.
    if (message.visibleAtMs <= message.sentMs) {
      order.hidden.delete(key);
      order.ready.add(key);
      return;
    }
    order.ready.delete(key);
    order.hidden.set(key, message.visibleAtMs);
    order.nextMs = Math.min(order.nextMs, message.visibleAtMs);
  }

  /** Hidden messages whose time has come take their place again: the oldest first, before what was sent after them. */
  #return(order: Order, nowMs: number): void {
    if (order.nextMs > nowMs) return;
    const back: string[] = [];
    let nextMs = Number.POSITIVE_INFINITY;
    for (const [key, atMs] of order.hidden) {
      if (atMs <= nowMs) back.push(key);
      else nextMs = Math.min(nextMs, atMs);
    }
    order.nextMs = nextMs;
    if (back.length === 0) return;
    for (const key of back) order.hidden.delete(key);
    const all = [...back, ...order.ready].sort();
    order.ready.clear();
    for (const key of all) order.ready.add(key);
  }
}

function queueOf(key: string): string {
  return key.slice(0, key.lastIndexOf('#'));
}
