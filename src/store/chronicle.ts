/**
 * What happened to objects, for people: events in the order of their time, and the newest decisions in a ring. Both
 * expire by DynamoDB's TTL. They are appended without condition, because nobody decides by them, and written together
 * in one call. What DynamoDB does not take is kept, up to a bound, and goes first with the next call.
 */
import { type Call, type DynamoPort, fromItem, type Item, toItem } from '../aws/index.ts';
import { Failure, isFailure } from '../core/index.ts';
import type { Decision, ObjectEvent } from '../resource/inventory.ts';
import type { ObjectKey } from '../resource/key.ts';
import { partKey, partPrefix } from './state-keys.ts';

const DAY_SECONDS = 24 * 3600;
/** How long DynamoDB keeps them at least: it removes them some time after. */
const EVENT_TTL_SECONDS = 7 * DAY_SECONDS;
const DECISION_TTL_SECONDS = 30 * DAY_SECONDS;
/** Decisions that are kept of an object. */
export const DECISIONS_MAX = 100;

/** BatchWriteItem takes no more. */
const BATCH_MAX = 25;
/** Items that wait while DynamoDB takes none; beyond them the oldest go, and the failure says how many. */
const WAITING_MAX = 1_000;
/** An event with more is cut: 25 of them, and a ring of decisions, stay far below any limit of DynamoDB. */
const EVENT_TEXT_MAX = 8_192;
const DECISION_LINES_MAX = 50;
const DECISION_LINE_MAX = 256;

export interface Happening {
  readonly events?: readonly ObjectEvent[] | undefined;
  readonly decision?: Decision | undefined;
}

export class Chronicle {
  readonly #dynamo: DynamoPort;
  readonly #table: string;
  #waiting: Item[] = [];
  #dropped = 0;
  #sequence = 0;

  constructor(dynamo: DynamoPort, table: string) {
    this.#dynamo = dynamo;
    this.#table = table;
  }

  /** Items that DynamoDB has not taken yet. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Appends what happened, and what waits from before; no call when there is neither.
   * @throws Failure when DynamoDB did not take all. It is kept and a later call writes it, unless it was `invalid`.
   */
  async append(key: ObjectKey, { events = [], decision }: Happening, call?: Call): Promise<void> {
    let items = [
      ...this.#waiting,
      ...events.map((event) => this.#eventItem(key, event)),
      ...(decision ? [decisionItem(key, decision)] : []),
    ];
    // Calls that overlap must not write the same twice: each takes what waits with it.
    this.#waiting = [];
    try {
      while (items.length > 0) {
        const batch = items.slice(0, BATCH_MAX);
        const left = await this.#write(batch, call);
        items = [...left, ...items.slice(BATCH_MAX)];
        // Only progress is worth another call: a table that takes nothing is throttled, which is the queue's business.
        if (left.length === batch.length) throw takesNothing(this.#table, items.length);
      }
    } catch (error) {
      // What DynamoDB calls invalid would be so for ever, and would hold up everything behind it.
      if (!isFailure(error, 'invalid')) this.#keep(items);
      throw this.#withDropped(error);
    }
  }

  /** The newest `limit` events of an object, oldest first. Eventually consistent. */
  async events(key: ObjectKey, limit: number, call?: Call): Promise<ObjectEvent[]> {
    const newest: ObjectEvent[] = [];
    for await (const item of this.#newestFirst(key, 'event#', limit, call)) {
      newest.push(item.body as ObjectEvent);
      if (newest.length === limit) break;
    }
    return newest.reverse();
  }

  /** The newest `limit` decisions of an object, oldest first. Eventually consistent. */
  async decisions(key: ObjectKey, limit: number, call?: Call): Promise<Decision[]> {
    const ring: Decision[] = [];
    for await (const item of this.#newestFirst(key, 'decision#', DECISIONS_MAX, call)) {
      ring.push(item.body as Decision);
    }
    ring.sort((a, b) => a.number - b.number);
    return limit > 0 ? ring.slice(-limit) : [];
  }

  async *#newestFirst(
    key: ObjectKey,
    part: string,
    limit: number,
    call: Call | undefined,
  ): AsyncGenerator<Record<string, unknown>> {
    let start: Item | undefined;
    do {
      const page = await this.#dynamo.query(
        {
          TableName: this.#table,
          KeyConditionExpression: '#namespace = :namespace AND begins_with(#key, :prefix)',
          ExpressionAttributeNames: { '#namespace': 'namespace', '#key': 'key' },
          ExpressionAttributeValues: {
            ':namespace': { S: key.namespace },
            ':prefix': { S: partPrefix(key, part) },
          },
          ScanIndexForward: false,
          Limit: Math.max(1, limit),
          ...(start ? { ExclusiveStartKey: start } : {}),
        },
        call,
      );
      for (const item of page.Items ?? []) yield fromItem(item);
      start = page.LastEvaluatedKey;
    } while (start);
  }

  /** What DynamoDB left of a batch. */
  async #write(batch: readonly Item[], call: Call | undefined): Promise<Item[]> {
    const { UnprocessedItems } = await this.#dynamo.batchWriteItem(
      { RequestItems: { [this.#table]: batch.map((Item) => ({ PutRequest: { Item } })) } },
      call,
    );
    return (UnprocessedItems?.[this.#table] ?? []).flatMap(({ PutRequest }) =>
      PutRequest?.Item ? [PutRequest.Item] : [],
    );
  }

  #keep(items: readonly Item[]): void {
    const waiting = [...items, ...this.#waiting];
    const surplus = Math.max(0, waiting.length - WAITING_MAX);
    this.#dropped += surplus;
    this.#waiting = waiting.slice(surplus);
  }

  /** Loss is said with the failure that caused it, once. */
  #withDropped(error: unknown): unknown {
    if (this.#dropped === 0 || !isFailure(error)) return error;
    const { kind, service, operation, code, requestId, retryAfterMs } = error;
    const message = `${error.message}; ${this.#dropped} older events and decisions were dropped`;
    this.#dropped = 0;
    return new Failure({ kind, service, operation, code, message, requestId, retryAfterMs, cause: error });
  }

  #eventItem(key: ObjectKey, event: ObjectEvent): Item {
    // The number keeps the order of those within one millisecond.
    const sequence = String(this.#sequence++ % 1_000_000).padStart(6, '0');
    return toItem({
      ...partKey(key, `event#${event.at}#${sequence}`),
      expiresAt: secondsOf(event.at) + EVENT_TTL_SECONDS,
      body: { ...event, message: cut(event.message, EVENT_TEXT_MAX) },
    });
  }
}

function takesNothing(table: string, waiting: number): Failure {
  return new Failure({
    kind: 'throttled',
    service: 'dynamodb',
    operation: 'batchWriteItem',
    code: 'UnprocessedItems',
    message: `table ${table} takes no writes for the moment; ${waiting} events and decisions wait`,
  });
}

function decisionItem(key: ObjectKey, decision: Decision): Item {
  const slot = String(decision.number % DECISIONS_MAX).padStart(2, '0');
  return toItem({
    ...partKey(key, `decision#${slot}`),
    expiresAt: secondsOf(decision.at) + DECISION_TTL_SECONDS,
    body: {
      ...decision,
      saw: cutLines(decision.saw),
      decided: cutLines(decision.decided),
      did: cutLines(decision.did),
    },
  });
}

function cutLines(lines: readonly string[]): string[] {
  const kept = lines.slice(0, DECISION_LINES_MAX).map((line) => cut(line, DECISION_LINE_MAX));
  return lines.length > kept.length ? [...kept, `… and ${lines.length - kept.length} more`] : kept;
}

/** The text, or its beginning with how much was left out. */
export function cut(text: string, charactersMax: number): string {
  if (text.length <= charactersMax) return text;
  // Not between the two halves of a character outside the basic plane.
  const end = /[\uD800-\uDBFF]/.test(text[charactersMax - 1] ?? '') ? charactersMax - 1 : charactersMax;
  return `${text.slice(0, end)}… (${text.length - end} characters more)`;
}

function secondsOf(iso: string): number {
  return Math.floor(Date.parse(iso) / 1000);
}
