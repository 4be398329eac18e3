/**
 * Which objects something in AWS belongs to, for whoever hears of a change there: the event intake. It answers from what
 * is remembered, does no IO, and promises no more than a hint: a pass over the object finds out what is true.
 */
import type { ObjectKey } from '../resource/index.ts';

export interface DriftIndex {
  /**
   * Objects that have a resource of this kind under one of these names: what its listing calls it, or any value of its
   * identity (ARN, name, repository). An object that has none may be among them, one that has one never misses.
   */
  keysOf(kind: string, names: readonly string[]): readonly ObjectKey[];
}
