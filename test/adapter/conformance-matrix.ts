/**
 * The table of runtime clients × cases in docs/compatibility.md, written by the tests that prove it. A run compares the
 * rows of the clients that it had whole; `WRITE_MATRIX=1 npx vitest run test/adapter/runtime-clients` writes them.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FILE = join(import.meta.dirname, '../../docs/compatibility.md');
const BEGIN = '<!-- runtime clients: written by test/adapter/runtime-clients.test.ts -->';
const END = '<!-- end of runtime clients -->';

export const CASES = [
  'success',
  'error',
  'init error',
  'timeout',
  '6 MB body',
  'streaming',
  'concurrency',
  'crash',
  'SIGTERM',
] as const;

export type Case = (typeof CASES)[number];

export class ConformanceMatrix {
  readonly #cells = new Map<string, Map<Case, string>>();

  /** What a case has shown of a client; said by the test that has passed. */
  record(client: string, name: Case, shown: string): void {
    const row = this.#cells.get(client) ?? new Map<Case, string>();
    this.#cells.set(client, row.set(name, shown));
  }

  /** Lines of docs/compatibility.md that are not what was shown; with WRITE_MATRIX set they are written instead. */
  stale(clients: readonly string[]): string[] {
    const text = readFileSync(FILE, 'utf8');
    const from = text.indexOf(BEGIN);
    const to = text.indexOf(END);
    if (from < 0 || to < 0) throw new Error(`${FILE} has no place for the runtime clients`);
    const known = text.slice(from + BEGIN.length, to).split('\n');
    const rows = clients.map(
      (client) =>
        this.#row(client) ?? known.find((line) => line.startsWith(`| ${client} |`)) ?? `| ${client} | not run yet |`,
    );
    const lines = [row(['client', ...CASES]), row(['---', ...CASES.map(() => '---')]), ...rows];
    if (process.env.WRITE_MATRIX) {
      writeFileSync(FILE, `${text.slice(0, from + BEGIN.length)}\n${lines.join('\n')}\n${text.slice(to)}`);
      return [];
    }
    return lines.filter((line) => !known.includes(line));
  }

  /** Undefined: the client was not run through all cases. */
  #row(client: string): string | undefined {
    const cells = this.#cells.get(client);
    const texts = CASES.map((name) => cells?.get(name));
    return texts.includes(undefined) ? undefined : row([client, ...(texts as string[])]);
  }
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
