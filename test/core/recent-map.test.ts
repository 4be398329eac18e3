import { expect, it } from 'vitest';
import { RecentMap } from '../../src/core/index.ts';

it('keeps what was set or asked for last', () => {
  const map = new RecentMap<string, number>(3);
  for (const [index, key] of ['a', 'b', 'c'].entries()) map.set(key, index);
  expect(map.get('a')).toBe(0);
  map.set('d', 3);
  expect([...map]).toEqual([
    ['c', 2],
    ['a', 0],
    ['d', 3],
  ]);
  map.set('c', 9).set('e', 4);
  expect([...map.keys()]).toEqual(['d', 'c', 'e']);
});

it('does not count an unknown key, nor take it in', () => {
  const map = new RecentMap<string, number | undefined>(2);
  expect(map.get('a')).toBeUndefined();
  expect(map.size).toBe(0);
  map.set('a', undefined).set('b', 1);
  expect(map.get('a')).toBeUndefined();
  expect([...map.keys()]).toEqual(['b', 'a']);
});
