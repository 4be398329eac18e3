/**
 * Who was last seen to change what, by kind and name, from events of API calls that were not our own: so that a fight over
 * a field can name the other side. It is a hint for people, kept for an hour and in bounds, and forgotten with the leader;
 * without a trail in CloudTrail nobody is ever seen.
 */
import type { LastWriter } from '../../plan/index.ts';
import type { AwsEvent, Inventory } from '../../resource/index.ts';
import { members, text } from '../../resource/index.ts';

const KEPT_MS = 60 * 60_000;
const SIZE_MAX = 5_000;
/** An ARN has 2,048 characters at most; more than this says nothing to people. */
const WHO_LENGTH_MAX = 256;

export class LastWriters {
  readonly #nowMs: () => number;
  /** By `kind name`, the one that was noted first comes first. */
  readonly #seen: Map<string, LastWriter> = new Map();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** The event speaks of these. One that names no caller, or is older than what is known, changes nothing. */
  note(kind: string, names: readonly string[], event: AwsEvent): void {
    const who = callerOf(event);
    const atMs = Date.parse(event.time);
    if (who === undefined || this.#isOld(atMs)) return;
    for (const name of names) {
      const thing = `${kind} ${name}`;
      if ((this.#seen.get(thing)?.atMs ?? Number.NEGATIVE_INFINITY) > atMs) continue;
      this.#seen.delete(thing);
      this.#seen.set(thing, { who, atMs });
    }
    for (const [oldest, { atMs: seenAtMs }] of this.#seen) {
      if (this.#seen.size <= SIZE_MAX && !this.#isOld(seenAtMs)) break;
      this.#seen.delete(oldest);
    }
  }

  /** Of what an object has in AWS: who changed it within the last hour, by node id. */
  of({ entries, steady }: Pick<Inventory, 'entries' | 'steady'>): ReadonlyMap<string, LastWriter> {
    const found = new Map<string, LastWriter>();
    if (this.#seen.size === 0) return found;
    const take = (nodeId: string, kind: string, name: string) => {
      const writer = this.#seen.get(`${kind} ${name}`);
      if (!writer || this.#isOld(writer.atMs) || (found.get(nodeId)?.atMs ?? 0) > writer.atMs) return;
      found.set(nodeId, writer);
    };
    for (const { nodeId, kind, identity } of [...entries, ...(steady?.nodes ?? [])]) {
      for (const name of Object.values(identity)) take(nodeId, kind, name);
    }
    for (const { nodeId, kind, place } of steady?.nodes ?? []) if (place) take(nodeId, kind, place.name);
    return found;
  }

  #isOld(atMs: number): boolean {
    return this.#nowMs() - atMs >= KEPT_MS;
  }
}

/**
 * Who called, as CloudTrail tells it: the ARN of a user, a session or the root, or the service that acted by itself.
 * https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
 */
function callerOf({ detail }: AwsEvent): string | undefined {
  const identity = members(detail.userIdentity);
  const [arn, service] = [text(identity.arn), text(identity.invokedBy)];
  const who = arn === '' || service === '' ? `${arn}${service}` : `${arn} by way of ${service}`;
  return who === '' ? undefined : who.slice(0, WHO_LENGTH_MAX);
}
