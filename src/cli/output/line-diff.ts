/**
 * The lines in which two texts differ, as `diff -u` shows them: hunks with three lines around. It compares whole lines;
 * what they mean is nobody's business here.
 */
import type { Colours } from './colours.ts';

interface Line {
  readonly sign: ' ' | '-' | '+';
  readonly text: string;
}

const CONTEXT = 3;

/** Empty when the texts are the same. Each line ends with a line feed. */
export function unifiedDiff(before: string, after: string, colours: Colours): string {
  const lines = aligned(split(before), split(after));
  return hunksOf(lines)
    .map((hunk) => `${colours.dim(headOf(hunk))}\n${hunk.lines.map((line) => `${paint(line, colours)}\n`).join('')}`)
    .join('');
}

function split(text: string): string[] {
  if (text === '') return [];
  return text.replace(/\n$/, '').split('\n');
}

/** Both texts as one list: a longest common subsequence stays, the rest comes out or goes in. */
function aligned(before: readonly string[], after: readonly string[]): Line[] {
  const head = commonHead(before, after);
  const tail = commonHead(before.slice(head).reverse(), after.slice(head).reverse());
  const kept = (from: readonly string[]): Line[] => from.map((text) => ({ sign: ' ', text }));
  return [
    ...kept(before.slice(0, head)),
    ...between(before.slice(head, before.length - tail), after.slice(head, after.length - tail)),
    ...kept(before.slice(before.length - tail)),
  ];
}

function commonHead(a: readonly string[], b: readonly string[]): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}

function between(before: readonly string[], after: readonly string[]): Line[] {
  const width = after.length + 1;
  // lengths[i * width + j]: the longest common subsequence of what follows i and j.
  const lengths = new Uint32Array((before.length + 1) * width);
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      const skip = Math.max(lengths[(i + 1) * width + j] ?? 0, lengths[i * width + j + 1] ?? 0);
      lengths[i * width + j] = before[i] === after[j] ? (lengths[(i + 1) * width + j + 1] ?? 0) + 1 : skip;
    }
  }
  const lines: Line[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    const out = before[i];
    const into = after[j];
    if (out !== undefined && out === into) {
      lines.push({ sign: ' ', text: out });
      i++;
      j++;
    } else if (
      out !== undefined &&
      (into === undefined || (lengths[(i + 1) * width + j] ?? 0) >= (lengths[i * width + j + 1] ?? 0))
    ) {
      lines.push({ sign: '-', text: out });
      i++;
    } else if (into !== undefined) {
      lines.push({ sign: '+', text: into });
      j++;
    }
  }
  return lines;
}

interface Hunk {
  readonly lines: readonly Line[];
  /** Lines of either text before the hunk. */
  readonly skipped: { readonly before: number; readonly after: number };
}

function hunksOf(lines: readonly Line[]): Hunk[] {
  const isShown = lines.map((_, at) =>
    lines.slice(Math.max(0, at - CONTEXT), at + CONTEXT + 1).some(({ sign }) => sign !== ' '),
  );
  const hunks: Hunk[] = [];
  for (let at = 0; at < lines.length; at++) {
    if (!isShown[at]) continue;
    const end = isShown.indexOf(false, at);
    const until = end < 0 ? lines.length : end;
    const earlier = lines.slice(0, at);
    hunks.push({
      lines: lines.slice(at, until),
      skipped: { before: count(earlier, '-'), after: count(earlier, '+') },
    });
    at = until;
  }
  return hunks;
}

function headOf({ lines, skipped }: Hunk): string {
  const range = (start: number, length: number) => `${length === 0 ? start : start + 1},${length}`;
  return `@@ -${range(skipped.before, count(lines, '-'))} +${range(skipped.after, count(lines, '+'))} @@`;
}

/** Lines of one of the texts: those that are in both, and its own. */
function count(lines: readonly Line[], own: '-' | '+'): number {
  return lines.filter(({ sign }) => sign === ' ' || sign === own).length;
}

function paint({ sign, text }: Line, colours: Colours): string {
  const line = `${sign}${text}`;
  return sign === '+' ? colours.good(line) : sign === '-' ? colours.bad(line) : line;
}
