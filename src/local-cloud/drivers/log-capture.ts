/**
 * From a program's output to log events: chunks become lines, lines become batches for CloudWatch Logs. A line longer
 * than an event may be (256 KB) is cut between two characters; a last line without its end still arrives. It does not
 * know where the events go, and it never holds more than one batch.
 */
import type { Clock, Timer } from '../../core/index.ts';

/** The largest event CloudWatch Logs takes (26 bytes of each event are its own). */
export const LINE_BYTES_MAX = 262_144 - 26;
const BATCH_BYTES_MAX = 512 * 1024;
const BATCH_LINES_MAX = 1000;
const BATCH_DELAY_MS = 50;

export interface LogMessage {
  readonly timestampMs: number;
  readonly message: string;
}

/** Cuts one stream of bytes into lines (without `\n` or `\r\n`). */
export class LineSplitter {
  readonly #emit: (line: string) => void;
  #rest: Buffer[] = [];
  #restBytes = 0;

  constructor(emit: (line: string) => void) {
    this.#emit = emit;
  }

  write(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      this.#push(chunk.subarray(start, end));
      this.#endLine();
      start = end + 1;
    }
    this.#push(chunk.subarray(start));
  }

  /** Emits what came after the last line end. */
  end(): void {
    if (this.#restBytes > 0) this.#endLine();
  }

  #push(part: Buffer): void {
    if (part.length === 0) return;
    this.#rest.push(part);
    this.#restBytes += part.length;
    while (this.#restBytes > LINE_BYTES_MAX) {
      const all = Buffer.concat(this.#rest);
      const cut = characterStart(all, LINE_BYTES_MAX);
      this.#emit(all.toString('utf8', 0, cut));
      this.#rest = [all.subarray(cut)];
      this.#restBytes = all.length - cut;
    }
  }

  #endLine(): void {
    const line = Buffer.concat(this.#rest).toString('utf8');
    this.#rest = [];
    this.#restBytes = 0;
    this.#emit(line.endsWith('\r') ? line.slice(0, -1) : line);
  }
}

/** The start of the UTF-8 character that the byte at `index` belongs to. */
function characterStart(bytes: Buffer, index: number): number {
  for (let start = index; start > index - 4; start--) {
    if (((bytes[start] ?? 0) & 0xc0) !== 0x80) return start;
  }
  return index;
}

/** Collects the lines of one container's stdout and stderr into batches. */
export class LogCapture {
  readonly stdout: LineSplitter;
  readonly stderr: LineSplitter;
  readonly #clock: Clock;
  readonly #append: (messages: LogMessage[]) => void;
  #batch: LogMessage[] = [];
  #batchBytes = 0;
  #timer: Timer | undefined;

  /** `append` is called with one to a thousand messages in the order of their arrival. */
  constructor(clock: Clock, append: (messages: LogMessage[]) => void) {
    this.#clock = clock;
    this.#append = append;
    this.stdout = new LineSplitter((line) => this.line(line));
    this.stderr = new LineSplitter((line) => this.line(line));
  }

  /** Adds a line of our own among the program's. Empty lines are dropped: an event has at least one character. */
  line(message: string): void {
    if (message === '') return;
    this.#batch.push({ timestampMs: this.#clock.now(), message });
    this.#batchBytes += message.length;
    if (this.#batch.length >= BATCH_LINES_MAX || this.#batchBytes >= BATCH_BYTES_MAX) this.flush();
    else this.#timer ??= this.#clock.after(BATCH_DELAY_MS, () => this.flush(), { unref: true });
  }

  /** Hands over what has been collected. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#batch.length === 0) return;
    const batch = this.#batch;
    this.#batch = [];
    this.#batchBytes = 0;
    this.#append(batch);
  }

  /** The program has ended: partial lines and the last batch. */
  end(): void {
    this.stdout.end();
    this.stderr.end();
    this.flush();
  }
}
