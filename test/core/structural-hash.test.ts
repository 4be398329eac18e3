import { describe, expect, it } from 'vitest';
import { canonicalJson, isStructuralHashOf, seededRandom, structuralHash } from '../../src/core/index.ts';

const SAME: readonly { readonly a: unknown; readonly b: unknown; readonly reason: string }[] = [
  { a: { x: 1, y: 2 }, b: { y: 2, x: 1 }, reason: 'the order of keys means nothing' },
  { a: { x: 1, y: undefined }, b: { x: 1 }, reason: 'an undefined member is none' },
  { a: [undefined], b: [null], reason: 'JSON has no undefined' },
  { a: 0, b: -0, reason: 'they are written the same' },
  { a: Number.NaN, b: Number.POSITIVE_INFINITY, reason: 'neither is a number in JSON' },
];

const DIFFERENT: readonly (readonly [unknown, unknown])[] = [
  [1, '1'],
  [null, 'null'],
  [true, 1],
  [
    [1, 2],
    [2, 1],
  ],
  [[1, 2], [[1, 2]]],
  [{ a: 'b' }, { b: 'a' }],
  [{ a: { b: 1 } }, { b: { a: 1 } }],
  [
    { a: 1, b: 2 },
    { a: 2, b: 1 },
  ],
  [{}, []],
  ['', null],
  [{ a: null }, {}],
];

describe('a structural hash', () => {
  it.each(SAME)('is the same where $reason', ({ a, b }) => {
    expect(structuralHash(a)).toBe(structuralHash(b));
    expect(canonicalJson(a)).toBe(canonicalJson(b));
  });

  it.each(DIFFERENT)('tells %j from %j', (a, b) => {
    expect(structuralHash(a)).not.toBe(structuralHash(b));
  });

  it('tells ten thousand values apart that differ in little', () => {
    const random = seededRandom(1);
    const hashes = new Map<string, string>();
    for (let i = 0; i < 10_000; i++) {
      const value = { name: `n${i % 500}`, port: Math.floor(random.next() * 64), list: [i & 7, { on: i % 2 === 0 }] };
      const text = canonicalJson(value);
      const hash = structuralHash(value);
      expect(hash).toMatch(/^q1[0-9a-f]{16}$/);
      expect(hashes.get(hash) ?? text).toBe(text);
      hashes.set(hash, text);
    }
  });

  it('is known again without being written', () => {
    const random = seededRandom(2);
    for (let i = 0; i < 1_000; i++) {
      const value = { name: `n${i}`, port: Math.floor(random.next() * 65_536) };
      const hash = structuralHash(value);
      expect(isStructuralHashOf(hash, value)).toBe(true);
      expect(isStructuralHashOf(hash, { ...value, port: value.port + 1 })).toBe(false);
      // A hash that differs in one digit is another one, and what is no digit is none.
      const at = 2 + Math.floor(random.next() * 16);
      for (const other of ['0', '7', 'a', 'f', 'A', 'g', '/', ':'].filter((digit) => digit !== hash[at])) {
        expect(isStructuralHashOf(`${hash.slice(0, at)}${other}${hash.slice(at + 1)}`, value)).toBe(false);
      }
    }
    expect(isStructuralHashOf('', {})).toBe(false);
    expect(isStructuralHashOf('q1', {})).toBe(false);
    expect(isStructuralHashOf(`${structuralHash({})}0`, {})).toBe(false);
  });

  it('stays what it is: it is stored', () => {
    expect(structuralHash({ image: 'a@sha256:0', cpu: 256, tags: ['x', null, true, false] })).toMatchInlineSnapshot(
      `"q1f651a52c73a71735"`,
    );
  });
});
