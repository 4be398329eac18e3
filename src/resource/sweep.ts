/**
 * What a bulk listing shows of a resource, and how that is compared with what was seen when its object was last settled.
 * Each drift reason is a function of what the listing shows; of its value only a short hash is remembered. Sweeps find,
 * reconciles prove: what differs here leads to a pass, and the pass decides with a fresh and complete observation.
 */
import type { Listing } from '../aws/index.ts';
import type { Identity } from './contract.ts';

export type { Listing };

/** Finds the tags that the account's tag listing shows of an ARN; undefined: it shows none of ours. */
export type TagsOf = (arn: string) => Readonly<Record<string, string>> | undefined;

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
  /**
   * Reasons that rest on `tagsOf`, and on nothing else: of what is seen they read `tags` alone, which are what the tag
   * listing shows of the one ARN that `seen` asks for, and none where it shows none. The tag listing lags behind AWS: for `TAGS_LAG_MS_MAX` after an act of ours a difference
   * in one of these is no drift. Without this no tag listing is needed for the kind.
   */
  readonly fromTags?: readonly string[];
  /** Drift reason → a number that may move within bounds: AWS's own autoscaling owns it there. */
  readonly ranges?: Readonly<Record<string, SweptRange<Props, Seen>>>;
}

export interface SweptRange<Props, Seen> {
  bounds(desired: Props): readonly [number, number];
  value(seen: Seen): number;
}
