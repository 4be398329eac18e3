/** What a pass asks of the queue. It is the only way in which a pass reaches beyond its own object. */
import type { Failure } from '../core/index.ts';

export type Outcome = Next & Asides;

type Next =
  /** Nothing to do until the object, its class or its resources change. */
  | { readonly type: 'done' }
  /** It moved: look again after `afterMs`, with a fresh backoff. */
  | { readonly type: 'requeue'; readonly afterMs: number }
  /** It did not get on: look again after the key's backoff. */
  | { readonly type: 'backoff'; readonly atLeastMs: number; readonly failure?: Failure | undefined };

interface Asides {
  /** Somebody asked for this pass: what comes after it starts from the shortest backoff. */
  readonly anew?: boolean;
  /** Other objects whose turn has come. */
  readonly wakes?: readonly string[];
  /** What is known of the desired table may be outdated: it should be read whole. */
  readonly relist?: boolean;
}
