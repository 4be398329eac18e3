import { describe, expect, it } from 'vitest';
import { NameTable } from '../../src/controller/sweeper/name-table.ts';
import { seededRandom } from '../../src/core/index.ts';

describe('a table of names', () => {
  it('gives what was put under a name, in the order in which it was put there', () => {
    const table = new NameTable();
    expect(table.add('project', 7)).toBe(true);
    expect(table.add('service', 8)).toBe(true);
    expect(table.add('project', 9)).toBe(false);
    expect(table.entriesOf('project').map((entry) => table.valueAt(entry))).toEqual([7, 9]);
    expect(table.entriesOf('service').map((entry) => table.valueAt(entry))).toEqual([8]);
    expect(table.entriesOf('nobody')).toEqual([]);
    expect(table.size).toBe(3);
  });

  it('numbers its entries from 0, so that something can stand beside them', () => {
    const table = new NameTable();
    for (let i = 0; i < 200; i++) table.add(`name-${i}`, i * 3);
    const numbers = Array.from({ length: 200 }, (_, i) => i);
    expect(numbers.map((i) => table.entriesOf(`name-${i}`))).toEqual(numbers.map((i) => [i]));
    expect(numbers.map((i) => table.valueAt(i))).toEqual(numbers.map((i) => i * 3));
  });

  it('says the same as a map of texts, of tens of thousands of names that differ in little', () => {
    const random = seededRandom(1);
    const table = new NameTable();
    const map = new Map<string, number[]>();
    // Not by `expect` for each: that takes longer than the table.
    const wrong: string[] = [];
    for (let i = 0; i < 30_000; i++) {
      const name = `arn:aws:ecs:us-east-1:000000000000:service/lc-app-${Math.floor(random.next() * 25_000)}`;
      const values = map.get(name);
      if (table.add(name, i) !== (values === undefined)) wrong.push(name);
      if (values) values.push(i);
      else map.set(name, [i]);
    }
    for (const [name, values] of map) {
      const found = table.entriesOf(name).map((entry) => table.valueAt(entry));
      if (found.join() !== values.join()) wrong.push(name);
    }
    expect(wrong).toEqual([]);
    expect(table.entriesOf('arn:aws:ecs:us-east-1:000000000000:service/lc-app-25000')).toEqual([]);
  });

  it('stays quick where one name is everybody’s', () => {
    const table = new NameTable();
    for (let i = 0; i < 10_000; i++) {
      table.add('shared', i);
      table.add(`own-${i}`, i);
    }
    expect(table.entriesOf('shared')).toHaveLength(10_000);
    expect(table.entriesOf('own-9999')).toHaveLength(1);
  });
});
