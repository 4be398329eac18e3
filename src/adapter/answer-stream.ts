/**
 * The body of an answer as it comes: in chunks, or for a client that knows none up to the end of its connection. The head
 * leaves with the first bytes. Waits while the client takes nothing more; knows nothing of where the bytes come from.
 */
import type { Socket } from 'node:net';
import { Writable } from 'node:stream';

export class AnswerStream extends Writable {
  readonly #socket: Socket;
  readonly #isChunked: boolean;
  readonly #whenWhole: () => void;
  /** What leaves before the next bytes. */
  #lead: string;

  /** `whenWhole` is called when the last byte was handed to the socket. */
  constructor(socket: Socket, head: string, isChunked: boolean, whenWhole: () => void) {
    super();
    this.#socket = socket;
    this.#lead = head;
    this.#isChunked = isChunked;
    this.#whenWhole = whenWhole;
  }

  /** Lets the head leave, if nothing else has. */
  flushHead(): void {
    if (this.#lead !== '') this.#socket.write(this.#lead, 'latin1');
    this.#lead = '';
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const socket = this.#socket;
    // A chunk of no bytes would be the end.
    if (chunk.length > 0) {
      const lead = this.#isChunked ? `${this.#lead}${chunk.length.toString(16)}\r\n` : this.#lead;
      this.#lead = '';
      socket.cork();
      if (lead !== '') socket.write(lead, 'latin1');
      socket.write(chunk);
      if (this.#isChunked) socket.write('\r\n', 'latin1');
      socket.uncork();
    }
    // A socket that closes destroys this stream, and then nobody waits any more.
    if (socket.writableNeedDrain) socket.once('drain', () => done());
    else done();
  }

  override _final(done: (error?: Error | null) => void): void {
    const last = this.#isChunked ? `${this.#lead}0\r\n\r\n` : this.#lead;
    this.#lead = '';
    if (last !== '') this.#socket.write(last, 'latin1');
    this.#whenWhole();
    done();
  }
}
