/** Line differences as diff -u shows them. */
import { describe, expect, it } from 'vitest';
import { coloursFor } from '../../src/cli/output/colours.ts';
import { unifiedDiff } from '../../src/cli/output/line-diff.ts';
import { seededRandom } from '../../src/core/index.ts';

const PLAIN = coloursFor({ isTTY: false, env: {} });
const lines = (...texts: string[]) => texts.map((text) => `${text}\n`).join('');
const letters = (from: string, to: string) =>
  Array.from({ length: to.charCodeAt(0) - from.charCodeAt(0) + 1 }, (_, i) =>
    String.fromCharCode(from.charCodeAt(0) + i),
  );

describe('a unified diff', () => {
  const cases: { name: string; before: string; after: string; diff: string; reason: string }[] = [
    { name: 'of equal texts', before: 'a\nb\n', after: 'a\nb\n', diff: '', reason: 'nothing differs' },
    {
      name: 'of a new text',
      before: '',
      after: 'a\nb\n',
      diff: '@@ -0,0 +1,2 @@\n+a\n+b\n',
      reason: 'as diff -u writes an empty side',
    },
    {
      name: 'of a text that goes',
      before: 'a\n',
      after: '',
      diff: '@@ -1,1 +0,0 @@\n-a\n',
      reason: 'as diff -u writes an empty side',
    },
    {
      name: 'of one line among many',
      before: lines(...letters('a', 'i')),
      after: lines(...letters('a', 'd'), 'X', ...letters('f', 'i')),
      diff: lines('@@ -2,7 +2,7 @@', ' b', ' c', ' d', '-e', '+X', ' f', ' g', ' h'),
      reason: 'three lines around it',
    },
    {
      name: 'of two places far apart',
      before: lines('1', ...letters('a', 'j'), '2'),
      after: lines('one', ...letters('a', 'j'), 'two'),
      diff: lines('@@ -1,4 +1,4 @@', '-1', '+one', ' a', ' b', ' c', '@@ -9,4 +9,4 @@', ' h', ' i', ' j', '-2', '+two'),
      reason: 'two hunks',
    },
    {
      name: 'that needs no final line feed',
      before: 'a',
      after: 'a\nb',
      diff: lines('@@ -1,1 +1,2 @@', ' a', '+b'),
      reason: 'lines are lines',
    },
  ];
  it.each(cases)('$name: $reason', ({ before, after, diff }) => {
    expect(unifiedDiff(before, after, PLAIN)).toBe(diff);
  });

  it('is coloured where colours are', () => {
    const painted = unifiedDiff('a\n', 'b\n', coloursFor({ isTTY: true, env: {} }));
    expect(painted).toContain('\x1b[31m-a\x1b[0m');
    expect(painted).toContain('\x1b[32m+b\x1b[0m');
  });

  it('leads from the one text to the other, whatever they are', () => {
    const random = seededRandom(7);
    const text = () =>
      Array.from({ length: Math.floor(random.next() * 12) }, () => 'abc'[Math.floor(random.next() * 3)] ?? '');
    for (let run = 0; run < 500; run++) {
      const [before, after] = [text(), text()];
      const shown = unifiedDiff(lines(...before), lines(...after), PLAIN)
        .split('\n')
        .slice(0, -1);
      expect(applied(before, shown), `${before.join('')} → ${after.join('')}`).toEqual(after);
    }
  });
});

/** Patches `before` with the hunks of a unified diff. */
function applied(before: readonly string[], diff: readonly string[]): string[] {
  const result: string[] = [];
  let at = 0;
  for (const line of diff) {
    const head = /^@@ -(\d+),(\d+) /.exec(line);
    if (head) {
      const start = Number(head[2]) === 0 ? Number(head[1]) : Number(head[1]) - 1;
      result.push(...before.slice(at, start));
      at = start;
    } else if (line.startsWith('+')) result.push(line.slice(1));
    else {
      expect(before[at]).toBe(line.slice(1));
      if (line.startsWith(' ')) result.push(line.slice(1));
      at++;
    }
  }
  return [...result, ...before.slice(at)];
}
