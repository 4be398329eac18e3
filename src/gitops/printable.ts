/** Text that came from a repository or a server, made fit for a terminal, a log and a table of limited size. */

/** On one line, without control characters (escape sequences among them), at most `max` characters. */
export function printable(text: string, max = 300): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  return line.length <= max ? line : `${line.slice(0, max - 1)}…`;
}
