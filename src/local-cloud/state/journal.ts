/**
 * Durable state: an append-only file of JSON lines, one per atomic step, written before the step's answer leaves. A
 * line that a crash tore off at the end belongs to a step that nobody was told of and is dropped; damage anywhere else
 * is reported, never skipped. At open, and when the file has grown far beyond what is alive in it, it is rewritten as
 * one snapshot by temporary file and rename. It survives the death of the program, not of the machine's power: there is
 * no fsync per step.
 */
import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../core/index.ts';
import { tagBytes, untagBytes } from './bytes-text.ts';
import { type Change, type Sink, type StateStore, TransactionalState } from './store.ts';

const FILE = 'journal.jsonl';
const CHUNK_BYTES = 1 << 20;
/** A snapshot line holds about this many bytes. */
const SNAPSHOT_LINE_BYTES = 64 * 1024;

export interface JournalOptions {
  /** The journal is rewritten when it is larger than this and than four times its last snapshot. @default 64 MiB */
  readonly compactAtBytes?: number;
}

/**
 * Opens (or creates) the state in `folder`. Reads and writes synchronously. One program at a time may have it open.
 * @throws UserError when the file is damaged elsewhere than at its end
 */
export function openJournal(folder: string, options: JournalOptions = {}): StateStore {
  mkdirSync(folder, { recursive: true });
  const journal = new Journal(join(folder, FILE), options.compactAtBytes ?? 64 << 20);
  journal.open();
  return journal.state;
}

class Journal implements Sink {
  readonly state = new TransactionalState(this);
  readonly #path: string;
  readonly #compactAtBytes: number;
  #file: number | undefined;
  #lengthBytes = 0;
  #limitBytes = 0;

  constructor(path: string, compactAtBytes: number) {
    this.#path = path;
    this.#compactAtBytes = compactAtBytes;
  }

  open(): void {
    readJournal(this.#path, this.state);
    this.#compact();
  }

  append(changes: readonly Change[]): void {
    if (this.#file === undefined) throw new Error('The journal is closed');
    const bytes = Buffer.from(line(changes));
    try {
      writeAll(this.#file, bytes);
    } catch (error) {
      // Half a line must not stay before the next one.
      ftruncateSync(this.#file, this.#lengthBytes);
      throw error;
    }
    this.#lengthBytes += bytes.length;
  }

  applied(): void {
    if (this.#lengthBytes > this.#limitBytes) this.#compact();
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #compact(): void {
    this.#lengthBytes = writeSnapshot(this.#path, this.state);
    this.#limitBytes = Math.max(this.#compactAtBytes, 4 * this.#lengthBytes);
    this.close();
    this.#file = openSync(this.#path, 'a');
  }
}

function line(changes: readonly Change[]): string {
  return `${JSON.stringify(changes.map(([name, key, value]) => (value === undefined ? [name, key] : [name, key, tagBytes(value)])))}\n`;
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let offset = 0; offset < bytes.length; ) offset += writeSync(file, bytes, offset);
}

function writeSnapshot(path: string, state: TransactionalState): number {
  const temporary = `${path}.new`;
  rmSync(temporary, { force: true });
  const file = openSync(temporary, 'w');
  let written = 0;
  let text = '';
  const flush = (): void => {
    const bytes = Buffer.from(text);
    writeAll(file, bytes);
    written += bytes.length;
    text = '';
  };
  try {
    for (const change of state.snapshot()) {
      text += line([change]);
      if (text.length >= SNAPSHOT_LINE_BYTES) flush();
    }
    flush();
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  return written;
}

function readJournal(path: string, state: TransactionalState): void {
  let number = 0;
  for (const { text, complete } of linesOf(path)) {
    number++;
    if (!complete) break;
    try {
      for (const [name, key, value] of JSON.parse(text) as Change[]) {
        state.replay(value === undefined ? [name, key] : [name, key, untagBytes(value)]);
      }
    } catch (error) {
      throw new UserError(
        `${path} is damaged at line ${number} (${(error as Error).message}). Restore the file, or start with an empty data folder.`,
      );
    }
  }
  state.replayed();
}

/** Lines in order; the last is not complete when nothing ends it. */
function* linesOf(path: string): Generator<{ text: string; complete: boolean }> {
  const file = openSync(path, 'a+');
  try {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    let rest: Buffer[] = [];
    for (let position = 0; ; ) {
      const count = readSync(file, chunk, 0, CHUNK_BYTES, position);
      if (count === 0) break;
      position += count;
      let start = 0;
      for (let end = chunk.indexOf(10); end !== -1 && end < count; end = chunk.indexOf(10, start)) {
        rest.push(Buffer.from(chunk.subarray(start, end)));
        yield { text: Buffer.concat(rest).toString('utf8'), complete: true };
        rest = [];
        start = end + 1;
      }
      if (start < count) rest.push(Buffer.from(chunk.subarray(start, count)));
    }
    if (rest.length > 0) yield { text: Buffer.concat(rest).toString('utf8'), complete: false };
  } finally {
    closeSync(file);
  }
}
