/**
 * What a bulk listing shows of a resource, and how that is compared with what was seen when its object was last settled.
 * Each drift reason is a function of what the listing shows; of its value only a short hash is remembered. Sweeps find,
 * reconciles prove: what differs here leads to a pass, and the pass decides with a fresh and complete observation.
 */
import type { Call, Ports } from '../aws/index.ts';
import type { Identity } from './contract.ts';

/** Finds the tags that the account's tag listing shows of an ARN; undefined: it shows none of ours. */
export type TagsOf = (arn: string) => Readonly<Record<string, string>> | undefined;

/**
 * One bulk listing of AWS's, which several kinds may share (rules and their weights). It is data on a port's operation:
 * it knows pages, not what their entries are to an object.
 */
export interface Listing<Entry = unknown> {
  /** Service and operation, as `elbv2 DescribeRules`: kinds with the same name and scope share one listing. */
  readonly name: string;
  /**
   * Lists everything in `scope` (a cluster, a listener, a repository; empty: the account in this region), a page at a
   * time. `names` are those that are looked for: a listing that AWS answers by name asks for these alone, another may
   * stop early once it has seen all.
   * @throws Failure when a page cannot be read; then nothing may be concluded from what is missing
   */
  list(aws: Ports, scope: string, names: readonly string[], call: Call): AsyncIterable<readonly Entry[]>;
  /** The names under which an entry is looked for. */
  namesOf(entry: Entry): readonly string[];
  /** Pure: how many calls a listing makes that looks for `names` things, where AWS has no more than these. */
  calls(names: number): number;
}

/** Where a listing shows a resource. */
export interface Place {
  readonly scope: string;
  readonly name: string;
}

/**
 * @typeParam Seen what the listing shows; what `observe` answers must be one too, so that a fingerprint can be taken of
 *   either
 */
export interface Sweep<Props, Seen, Entry> {
  readonly listing: Listing<Entry>;
  /** Pure. Undefined: this one cannot be listed (a function's alias) and is read in the rotation. */
  locate(identity: Identity, observed: Seen): Place | undefined;
  /** Pure: an entry as `observe` would have it, as far as the listing shows it; undefined: it counts as absent. */
  seen(entry: Entry, tagsOf: TagsOf): Seen | undefined;
  /** Drift reason → what the listing shows of it, as JSON. What equals what it was when last settled is no drift. */
  readonly fields: Readonly<Record<string, (seen: Seen) => unknown>>;
  /** Drift reason → a number that may move within bounds: AWS's own autoscaling owns it there. */
  readonly ranges?: Readonly<Record<string, SweptRange<Props, Seen>>>;
}

export interface SweptRange<Props, Seen> {
  bounds(desired: Props): readonly [number, number];
  value(seen: Seen): number;
}
