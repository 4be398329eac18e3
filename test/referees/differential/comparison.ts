/**
 * What two answers have in common once what differs by nature is taken out: accounts, ids, times, hosts. What is left is
 * compared member by member.
 */
import { Failure } from '../../../src/core/index.ts';

export interface Difference {
  /** The member, as `TargetGroups.0.Port`; empty: the whole answer. */
  readonly path: string;
  readonly ours: unknown;
  readonly theirs: unknown;
}

const SHAPES: readonly (readonly [RegExp, string])[] = [
  [/\b\d{12}\b/g, '<account>'],
  [/https?:\/\/(127\.0\.0\.1|localhost):\d+/g, '<host>'],
  [/\b(127\.0\.0\.1|localhost):\d+/g, '<host>'],
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<uuid>'],
  [/\b(vpc|subnet|sg)-[0-9a-z]+\b/g, '$1-<id>'],
  [/scalable-target\/[0-9a-z]+/g, 'scalable-target/<id>'],
  [/\bAROA[0-9A-Z]{17}\b/g, '<role id>'],
  [/\b[0-9a-f]{15,32}\b/g, '<hex>'],
  [/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(Z|\+0000)?/g, '<time>'],
];

/** The same with its ids, times and hosts replaced by their shape; errors by kind and code; tags and attributes sorted. */
export function comparable(value: unknown): unknown {
  if (value instanceof Failure) return { error: `${value.kind} ${value.code}` };
  if (value instanceof Date) return '<time>';
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (typeof value === 'number' && value > 1_000_000_000) return '<time>';
  if (typeof value === 'string') return SHAPES.reduce((text, [shape, name]) => text.replace(shape, name), value);
  if (Array.isArray(value)) {
    const entries = value.map(comparable);
    return entries.every((entry) => keyOf(entry) !== undefined)
      ? entries.sort((a, b) => ((keyOf(a) ?? '') < (keyOf(b) ?? '') ? -1 : 1))
      : entries;
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name, member]) => name !== '$metadata' && member !== undefined && member !== null)
      .map(([name, member]) => [name, /^(next|Next)(Token|Marker)$/.test(name) ? '<token>' : comparable(member)]),
  );
}

function keyOf(entry: unknown): string | undefined {
  const { Key, key } = (typeof entry === 'object' && entry ? entry : {}) as { Key?: string; key?: string };
  return Key ?? key;
}

/** Of two comparable values. */
export function differences(ours: unknown, theirs: unknown, path = ''): Difference[] {
  if (isContainer(ours) && isContainer(theirs) && Array.isArray(ours) === Array.isArray(theirs)) {
    if (Array.isArray(ours) && ours.length !== (theirs as unknown as unknown[]).length) return [{ path, ours, theirs }];
    const names = [...new Set([...Object.keys(ours), ...Object.keys(theirs)])].sort();
    return names.flatMap((name) => differences(ours[name], theirs[name], path === '' ? name : `${path}.${name}`));
  }
  return Object.is(ours, theirs) ? [] : [{ path, ours, theirs }];
}

function isContainer(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
