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
  return [...staleMutations(log), ...lostUpdates(log, stateTable), ...twinCreates(log)];
}

/** Who took the lease with this call, as the table has it: the epoch, or undefined when it is another call. */
export function leaseTaken({ service, operation, input, refusal }: Arrival): number | undefined {
  if (service !== 'dynamodb' || operation !== 'putItem' || refusal !== null) return undefined;
  const item = input.Item as AnyItem | undefined;
  return item?.key?.S === 'lease' ? Number(item.epoch?.N) : undefined;
}

/** AWS, not the tables: those are guarded by conditions. */
export function staleMutationsOf(log: readonly Arrival[]): Arrival[] {
  const mutations = log.filter(({ service }) => service !== 'dynamodb' && service !== 'streams');
  let newest = 0;
  const stale: Arrival[] = [];
  for (const arrival of mutations) {
    if (arrival.epoch < newest) stale.push(arrival);
    else newest = arrival.epoch;
  }
  return stale;
}

function staleMutations(log: readonly Arrival[]): string[] {
  return staleMutationsOf(log).flatMap((arrival) =>
    arrival.isLate ? [] : [`${nameOf(arrival)} of epoch ${arrival.epoch} after a newer holder's`],
  );
}

/** Of each item of the state table that has a version: it grows by one, and never under an older epoch. */
function lostUpdates(log: readonly Arrival[], stateTable: string): string[] {
  const items = new Map<string, { version: number; epoch: number }>();
  const found: string[] = [];
  for (const arrival of log) {
    const { service, operation, input, refusal } = arrival;
    if (service !== 'dynamodb' || refusal !== null || input.TableName !== stateTable) continue;
    const { Item, Key, ExpressionAttributeValues } = input as {
      Item?: AnyItem;
      Key?: AnyItem;
      ExpressionAttributeValues?: AnyItem;
    };
    const of = Item ?? Key;
    const id = `${of?.namespace?.S}/${of?.key?.S}`;
    if (operation === 'deleteItem') {
      const epoch = Number(ExpressionAttributeValues?.[':epoch']?.N ?? 0);
      const before = items.get(id);
      if (before && epoch < before.epoch)
        found.push(`${nameOf(arrival)} of ${id} by epoch ${epoch} after ${before.epoch}`);
      items.delete(id);
      continue;
    }
    if (operation !== 'putItem' || !Item?.epoch) continue;
    const [version, epoch] = [Number(Item.version?.N ?? 0), Number(Item.epoch.N)];
    const before = items.get(id);
    if (before && epoch < before.epoch) found.push(`${id} was written by epoch ${epoch} after ${before.epoch}`);
    if (Item.version && version !== (before?.version ?? 0) + 1) {
      found.push(`${id} went from version ${before?.version ?? 0} to ${version}`);
    }
    items.set(id, { version, epoch });
  }
  return found;
}

/** Creates without a name that AWS itself keeps unique, and creates asked for again before the answer came. */
function twinCreates(log: readonly Arrival[]): string[] {
  const found: string[] = [];
  const living = new Map<string, Arrival>();
  const asked = new Map<string, Arrival>();
  for (const arrival of log) {
    for (const id of living.keys()) if (endedBy(arrival, id)) living.delete(id);
    const id = createdBy(arrival);
    if (id === undefined) continue;
    const own = `${arrival.daemon} ${arrival.epoch} ${id}`;
    const before = asked.get(own);
    const isOut = before && (before.answeredAtMs === undefined || before.answeredAtMs > arrival.atMs);
    if (isOut && arrival.atMs - before.atMs < CALL_TIMEOUT_MS) {
      found.push(`${nameOf(arrival)} of ${id} was asked for again while the answer was out`);
    }
    asked.set(own, arrival);
    if (arrival.refusal !== null) continue;
    const twin = living.get(id);
    if (twin && !arrival.isLate && !twin.isLate) {
      found.push(`${id} was made twice: by ${nameOf(twin)} at ${twin.atMs} and ${nameOf(arrival)} at ${arrival.atMs}`);
    }
    living.set(id, arrival);
  }
  return found;
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

/** Whether what was made is, or may be, gone by this call. */
function endedBy({ service, operation, input, refusal }: Arrival, id: string): boolean {
  if (refusal !== null) return false;
  const call = `${service} ${operation}`;
  if (call !== 'ecs deregisterTaskDefinition') return false;
  const family = /task-definition\/([^:]+):/.exec(String(input.taskDefinition))?.[1] ?? '';
  return id.startsWith(`task definition ${family} `);
}
