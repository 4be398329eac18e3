/**
 * Canonical JSON and the versioned hash built on it. Two values that mean the same (key order, `1e2` against `100`,
 * absent against undefined) have one text and so one hash. The hash carries a version, so that a later change of the
 * function does not look like a change of every object.
 */
import { createHash } from 'node:crypto';

const HASH_VERSION = 'v1';

/** Canonical JSON text: keys sorted, undefined members dropped, no white space. */
export function canonicalJson(value: unknown): string {
  if (value === undefined) return 'null';
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const record = value as Record<string, unknown>;
  const members = Object.keys(record)
    .filter((key) => record[key] !== undefined)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(record[key])}`);
  return `{${members.join(',')}}`;
}

/** `v1-` and the first `length` hex digits of SHA-256 over the canonical JSON. */
export function versionedHash(value: unknown, length = 16): string {
  return `${HASH_VERSION}-${shortHash(canonicalJson(value), length)}`;
}

/** The first `length` hex digits of SHA-256 over a text. */
export function shortHash(text: string, length: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, length);
}

/** True when both values have the same canonical JSON. */
export function sameJson(a: unknown, b: unknown): boolean {
  return canonicalJson(a) === canonicalJson(b);
}
