/** How kinds say what differs: field by field, by the meaning of values and not by their spelling. */
import { sameJson } from '../core/index.ts';
import type { Change } from './contract.ts';

/** One for all: most fields of most objects are as they should be. */
const NONE: readonly Change[] = [];

/** The change of one field, or none when both values have the same canonical JSON. To be spread into a diff. */
export function changeOf(
  path: string,
  desired: unknown,
  observed: unknown,
  reason: string,
  options: { readonly replace?: boolean } = {},
): readonly Change[] {
  if (sameJson(desired, observed)) return NONE;
  return [{ path, desired, observed, reason, ...(options.replace ? { replace: true } : {}) }];
}

/** A set as a sorted list without repetitions, for fields whose order AWS does not keep. */
export function asSet(values: readonly string[]): string[] {
  return values.length < 2 ? [...values] : [...new Set(values)].sort();
}
