/**
 * The hash that decides what a change of desire is: over the canonical JSON of the defaulted spec, so that key order,
 * number spelling and fields that equal their defaults never count as one.
 */
import { versionedHash } from '../core/index.ts';
import type { LambdaContainerClassSpec, LambdaContainerSpec } from './types.ts';

export function specHash(spec: LambdaContainerSpec | LambdaContainerClassSpec): string {
  return versionedHash(spec, 32);
}
