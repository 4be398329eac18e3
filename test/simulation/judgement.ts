/**
 * Judges what several daemons did to one account, from the log of what reached it and nothing else: no mutation by one
 * whom another has followed, no update lost or made under an older epoch, nothing made twice.
 */
import { shortHash } from '../../src/core/index.ts';

/** A call as it reached the cloud. */
export interface Arrival {
  readonly atMs: number;
  readonly daemon: string;
  /** Epoch that the daemon held when the fence was asked. */
  readonly epoch: number;
  readonly service: string;
  readonly operation: string;
  readonly input: Record<string, unknown>;
  /** The process was paused between the fence's word and the socket, and sent all the same. */
  readonly isLate: boolean;
  /** Undefined while the cloud works on it; else the code of its refusal, or null. */
  refusal: string | null | undefined;
  /** When the daemon read the answer; undefined when it never did. */
  answeredAtMs: number | undefined;
}

export type AnyItem = Record<string, { S?: string; N?: string; M?: AnyItem; BOOL?: boolean }>;

/** Longer than any call may take: what was asked before is not waited for any more. */
const CALL_TIMEOUT_MS = 5_000;

/** Everything that may not happen and did. `log`: calls that change something, in the order in which they arrived. */
export function violations(log: readonly Arrival[], stateTable: string): string[] {
  const judge = new Judge(stateTable);
  return log.flatMap((arrival) => judge.hear(arrival));
}

/** Who took the lease with this call, as the table has it: the epoch, or undefined when it is another call. */
export function leaseTaken({ service, operation, input, refusal }: Arrival): number | undefined {
  if (service !== 'dynamodb' || operation !== 'putItem' || refusal !== null) return undefined;
  const item = input.Item as AnyItem | undefined;
  return item?.key?.S === 'lease' ? Number(item.epoch?.N) : undefined;
}

/** AWS, not the tables: those are guarded by conditions. */
export function staleMutationsOf(log: readonly Arrival[]): Arrival[] {
  const holders = new Holders();
  return log.filter((arrival) => holders.isStale(arrival));
}

/** Hears one call after the other, in the order in which they arrived, each once the cloud has answered it. */
export class Judge {
  readonly #holders = new Holders();
  readonly #updates: Updates;
  readonly #creates: Creates;

  /** `judgesTwins`: false where people remove what was made, of which calls do not tell. */
  constructor(stateTable: string, { judgesTwins = true } = {}) {
    this.#updates = new Updates(stateTable);
    this.#creates = new Creates(judgesTwins);
  }

  /** What may not have happened with this call. */
  hear(arrival: Arrival): string[] {
    const isStale = this.#holders.isStale(arrival) && !arrival.isLate;
    return [
      ...(isStale ? [`${nameOf(arrival)} of epoch ${arrival.epoch} after a newer holder's`] : []),
      ...this.#updates.hear(arrival),
      ...this.#creates.hear(arrival),
    ];
  }
}

class Holders {
  #newest = 0;

  /** It changes AWS, and one who was followed by another sent it. */
  isStale({ service, epoch }: Arrival): boolean {
    if (service === 'dynamodb' || service === 'streams') return false;
    this.#newest = Math.max(this.#newest, epoch);
    return epoch < this.#newest;
  }
}

/** Of each item of the state table that has a version: it grows by one, and never under an older epoch. */
class Updates {
  readonly #stateTable: string;
  readonly #items = new Map<string, { version: number; epoch: number }>();

  constructor(stateTable: string) {
    this.#stateTable = stateTable;
  }

  hear(arrival: Arrival): string[] {
    const { service, operation, input, refusal } = arrival;
    if (service !== 'dynamodb' || refusal !== null || input.TableName !== this.#stateTable) return [];
    const { Item, Key, ExpressionAttributeValues } = input as {
      Item?: AnyItem;
      Key?: AnyItem;
      ExpressionAttributeValues?: AnyItem;
    };
    const of = Item ?? Key;
    const id = `${of?.namespace?.S}/${of?.key?.S}`;
    const before = this.#items.get(id);
    if (operation === 'deleteItem') {
      this.#items.delete(id);
      const epoch = Number(ExpressionAttributeValues?.[':epoch']?.N ?? 0);
      return before && epoch < before.epoch
        ? [`${nameOf(arrival)} of ${id} by epoch ${epoch} after ${before.epoch}`]
        : [];
    }
    if (operation !== 'putItem' || !Item?.epoch) return [];
    const found: string[] = [];
    const [version, epoch] = [Number(Item.version?.N ?? 0), Number(Item.epoch.N)];
    if (before && epoch < before.epoch) found.push(`${id} was written by epoch ${epoch} after ${before.epoch}`);
    if (Item.version && version !== (before?.version ?? 0) + 1) {
      found.push(`${id} went from version ${before?.version ?? 0} to ${version}`);
    }
    this.#items.set(id, { version, epoch });
    return found;
  }
}

/** Creates without a name that AWS itself keeps unique, and creates asked for again before the answer came. */
class Creates {
  readonly #judgesTwins: boolean;
  readonly #living = new Map<string, Arrival>();
  readonly #asked = new Map<string, Arrival>();

  constructor(judgesTwins: boolean) {
    this.#judgesTwins = judgesTwins;
  }

  hear(arrival: Arrival): string[] {
    const ended = endedBy(arrival);
    if (ended !== undefined) {
      for (const id of this.#living.keys()) if (id.startsWith(ended)) this.#living.delete(id);
    }
    const id = createdBy(arrival);
    if (id === undefined) return [];
    const found: string[] = [];
    const own = `${arrival.daemon} ${arrival.epoch} ${id}`;
    const before = this.#asked.get(own);
    const isOut = before && (before.answeredAtMs === undefined || before.answeredAtMs > arrival.atMs);
    if (isOut && arrival.atMs - before.atMs < CALL_TIMEOUT_MS) {
      found.push(`${nameOf(arrival)} of ${id} was asked for again while the answer was out`);
    }
    this.#asked.set(own, arrival);
    if (arrival.refusal !== null || !this.#judgesTwins) return found;
    const twin = this.#living.get(id);
    if (twin && !arrival.isLate && !twin.isLate) {
      found.push(`${id} was made twice: by ${nameOf(twin)} at ${twin.atMs} and ${nameOf(arrival)} at ${arrival.atMs}`);
    }
    this.#living.set(id, arrival);
    return found;
  }
}

function nameOf({ daemon, service, operation }: Arrival): string {
  return `${daemon} ${service} ${operation}`;
}

/** What a call makes that AWS would make twice; undefined of all others: names and tokens keep those from having twins. */
function createdBy({ service, operation, input }: Arrival): string | undefined {
  const call = `${service} ${operation}`;
  if (call !== 'ecs registerTaskDefinition') return undefined;
  return `task definition ${String(input.family)} ${shortHash(JSON.stringify(input), 12)}`;
}

/** What the names of what is, or may be, gone by this call begin with. */
function endedBy({ service, operation, input, refusal }: Arrival): string | undefined {
  if (refusal !== null || `${service} ${operation}` !== 'ecs deregisterTaskDefinition') return undefined;
  const family = /task-definition\/([^:]+):/.exec(String(input.taskDefinition))?.[1] ?? '';
  return `task definition ${family} `;
}
