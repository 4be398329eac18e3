/**
 * What a call is made for: the pass over an object, carried along by whoever calls so that logs and traces can say it.
 * It never changes what is done, and nothing decides by it. It travels as an argument, which costs nothing where nobody
 * looks; there is no ambient context.
 */
import type { Span } from './tracing.ts';

export interface Cause {
  /** The object, as `namespace/name`. */
  readonly key: string;
  /** Counts the passes of this daemon. */
  readonly pass: number;
  /** Of the object's spec, once it is known. */
  readonly generation?: number | undefined;
  /** Where the calls made for it are traced; absent when nothing is. */
  readonly span?: Span | undefined;
}
