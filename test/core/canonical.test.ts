import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, sameJson, shortHash, versionedHash } from '../../src/core/index.ts';

/** The definition, as plain as it can be said: what is fast must say the same, for hashes of it are stored. */
function defined(value: unknown): string {
  if (value === undefined) return 'null';
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(defined).join(',')}]`;
  const record = value as Record<string, unknown>;
  const members = Object.keys(record)
    .filter((key) => record[key] !== undefined)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${defined(record[key])}`);
  return `{${members.join(',')}}`;
}

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.constantFrom('', '"', '\\', '\n', '\u0000', '\ud800', '\udfff', '😀', 'ü', '__proto__', 'constructor', '10', '9'),
);
const values = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    text,
    fc.double(),
    fc.constantFrom(0, -0, 1e21, 1e-7, Number.NaN, Number.POSITIVE_INFINITY, true, false, null, undefined),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(text, tie('value'), { maxKeys: 5 }),
  ),
})).value;

describe('canonical JSON', () => {
  it('is what its definition says, for any value', () => {
    const property = fc.property(values, (value) => {
      expect(canonicalJson(value)).toBe(defined(value));
    });
    fc.assert(property, { seed: 1, numRuns: 3000 });
  });

  it('sameJson compares by it, for any two values', () => {
    const pairs = values.chain((value) =>
      fc.tuple(fc.constant(value), fc.oneof(values, fc.constant(structuredClone(value)))),
    );
    const property = fc.property(pairs, ([a, b]) => {
      expect(sameJson(a, b)).toBe(defined(a) === defined(b));
    });
    fc.assert(property, { seed: 2, numRuns: 3000 });
  });

  const cases: { a: unknown; b: unknown; same: boolean; reason: string }[] = [
    { a: { x: 1, y: undefined }, b: { x: 1 }, same: true, reason: 'an undefined member is no member' },
    { a: { x: 1 }, b: { x: 1, y: undefined }, same: true, reason: 'on either side' },
    { a: { a: 1, b: 2 }, b: { b: 2, a: 1 }, same: true, reason: 'the order of keys means nothing' },
    { a: [undefined], b: [null], same: true, reason: 'in a list, undefined is null' },
    { a: 100, b: 1e2, same: true, reason: 'a number is its value' },
    { a: [], b: {}, same: false, reason: 'a list is no record' },
    { a: {}, b: { toString: 1 }, same: false, reason: 'what every object inherits is no member' },
    { a: { toString: undefined }, b: {}, same: true, reason: 'nor when it is undefined' },
    { a: JSON.parse('{"__proto__":{}}'), b: { x: 1 }, same: false, reason: 'nor the prototype' },
    { a: '1', b: 1, same: false, reason: 'text is no number' },
    { a: {}, b: null, same: false, reason: 'null is no record' },
  ];
  it.each(cases)('$reason', ({ a, b, same }) => {
    expect(sameJson(a, b)).toBe(same);
    expect(defined(a) === defined(b)).toBe(same);
  });

  it('hashes are SHA-256 of the text, and carry their version', () => {
    const hex = createHash('sha256').update('{"a":"ü"}').digest('hex');
    expect(shortHash('{"a":"ü"}', 16)).toBe(hex.slice(0, 16));
    expect(versionedHash({ a: 'ü' })).toBe(`v1-${hex.slice(0, 16)}`);
  });
});
