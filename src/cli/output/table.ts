/** Columns of text, aligned by what is visible: colour codes have no width. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character begins a colour code
const COLOUR_CODES = /\x1b\[\d+m/g;
const GAP = '   ';

function width(cell: string): number {
  return [...cell.replace(COLOUR_CODES, '')].length;
}

/** Lines of equal columns, each ended by a line feed; the last column is not padded and may have several lines. */
export function table(rows: readonly (readonly string[])[], indent = ''): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, width(cell));
  }
  const before = widths.slice(0, -1).reduce((sum, column) => sum + column + GAP.length, indent.length);
  return rows.map((row) => `${indent}${line(row, widths).replaceAll('\n', `\n${' '.repeat(before)}`)}\n`).join('');
}

function line(row: readonly string[], widths: readonly number[]): string {
  return row
    .map((cell, index) => (index === row.length - 1 ? cell : cell + ' '.repeat((widths[index] ?? 0) - width(cell))))
    .join(GAP)
    .trimEnd();
}
