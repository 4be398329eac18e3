/**
 * One connection of an `HttpWire`: reads one message after the other, in whatever pieces they come, and writes the answers.
 * What comes ahead of an answer waits. It parses no head itself and decides nothing about what is asked.
 */
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { Timer } from '../core/index.ts';
import { AnswerStream } from './answer-stream.ts';
import { type Head, parseFields, parseHead } from './http-head.ts';
import { headOf, type OnCall, WireCall, type WireOptions } from './http-wire.ts';

/** A client that sends ahead of its answers is made to wait beyond this. */
const AHEAD_BYTES_MAX = 64 * 1024;
/** Up to this size, head and body leave as one text: cheaper than a vectored write. */
const JOINED_BYTES_MAX = 16 * 1024;

/** So many pieces of a body become one: a buffer costs a hundred bytes, and a chunk can be one. */
const PIECES_MAX = 1024;

const HEAD_END = Buffer.from('\r\n\r\n');
const LINE_END = Buffer.from('\r\n');
const EMPTY = Buffer.alloc(0);
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';

export class BodyStream extends Readable {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    super();
    this.#connection = connection;
  }

  override _read(): void {
    this.#connection.flow(true);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    // Nobody reads it any more; the rest is discarded, so that the connection can go on.
    this.#connection.flow(true);
    done(error);
  }
}

/** Where the reading of a message is. */
type Phase =
  /** Before or in the head. */
  | 'head'
  /** In a body of known length, or in the data of a chunk: `#left` bytes of it are to come. */
  | 'data'
  /** Before the line with a chunk's size. */
  | 'size'
  /** Before the line end after a chunk. */
  | 'chunkEnd'
  | 'trailers'
  /** The message was read; what comes now is the next, which waits for this one's answer. */
  | 'read'
  /** What came was no message, or the last one was answered; nothing more is read. */
  | 'refused';

export class Connection {
  readonly #socket: Socket;
  readonly #options: WireOptions;
  readonly #onCall: OnCall;
  readonly #whenClosed: (() => void)[] = [];
  #phase: Phase = 'head';
  #call: WireCall | undefined;
  #stream: AnswerStream | undefined;
  #isNew = true;
  #answered = false;
  #chunked = false;
  #keepAlive = true;
  #left = 0;
  #rest: Buffer = EMPTY;
  /** What is there of a body: large pieces, and behind them those that came last. */
  #gathered: Buffer[] = [];
  #pieces: Buffer[] = [];
  #bytes = 0;
  #reading = false;
  #lastText = '';
  #lastHead: Head | undefined;
  #headTimer: Timer | undefined;

  constructor(socket: Socket, options: WireOptions, onCall: OnCall, onClosed: () => void) {
    this.#socket = socket;
    this.#options = options;
    this.#onCall = onCall;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    // The close that follows is what counts.
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#headTimer?.cancel();
      this.#broken();
      onClosed();
      for (const then of this.#whenClosed.splice(0)) then();
    });
  }

  /** Calls `then` when the connection has ended. */
  onClosed(then: () => void): void {
    if (this.#socket.closed) then();
    else this.#whenClosed.push(then);
  }

  /** Whether the peer has gone already; an event about it may have been before anybody listened. */
  get destroyed(): boolean {
    return this.#socket.destroyed;
  }

  /** Whether the connection is used again after the message under way. */
  get keptAlive(): boolean {
    return this.#keepAlive;
  }

  /** It waits for a request of which nothing is there yet. */
  get isIdle(): boolean {
    return this.#call === undefined && this.#rest.length === 0;
  }

  /** No request came so far: the first is most likely on its way. */
  get isNew(): boolean {
    return this.#isNew;
  }

  get remoteAddress(): string {
    return this.#socket.remoteAddress ?? '';
  }

  /** The answer under way is its last; the answer's head should say so. */
  endAfterAnswer(): void {
    this.#keepAlive = false;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Takes bytes from the peer, or lets them wait there. */
  flow(on: boolean): void {
    if (on) this.#socket.resume();
    else this.#socket.pause();
  }

  /** See `WireCall.answerWith`. Without effect when the peer has gone. */
  answer(head: string, body: Uint8Array): void {
    if (body.length <= JOINED_BYTES_MAX) {
      // Every byte is one character of latin1, there and back.
      this.answerWhole(head + Buffer.from(body.buffer, body.byteOffset, body.length).toString('latin1'));
      return;
    }
    this.#socket.cork();
    this.#socket.write(head, 'latin1');
    this.#socket.write(body);
    this.#socket.uncork();
    this.#over();
  }

  /** See `WireCall.answerWhole`. */
  answerWhole(message: string): void {
    this.#socket.write(message, 'latin1');
    this.#over();
  }

  /** See `WireCall.answerStream`. */
  answerStream(head: string, isChunked: boolean): AnswerStream {
    const stream = new AnswerStream(this.#socket, head, isChunked, () => {
      this.#stream = undefined;
      this.#over();
    });
    this.#stream = stream;
    return stream;
  }

  /** What was written leaves first; that the rest is missing tells the peer. */
  breakOff(): void {
    const stream = this.#stream;
    if (!stream) {
      this.#socket.destroySoon();
      return;
    }
    stream.write(EMPTY, () => {
      stream.flushHead();
      this.#socket.destroySoon();
    });
  }

  /** See `WireCall.stream`. */
  streamBody(call: WireCall): Readable {
    call.body = new BodyStream(this);
    return call.body;
  }

  #over(): void {
    this.#answered = true;
    if (this.#phase === 'read') this.#turn();
    // What is still to come is discarded: closing before it came would cost the peer the answer.
    else if (!this.#keepAlive) this.#socket.end();
  }

  /** Read and answered: the connection is free for the next message, which may be here already. */
  #turn(): void {
    this.#call = undefined;
    if (!this.#keepAlive) {
      this.#phase = 'refused';
      this.#socket.destroySoon();
      return;
    }
    this.#phase = 'head';
    if (this.#rest.length === 0 || this.#reading) return;
    const ahead = this.#rest;
    this.#rest = EMPTY;
    this.flow(true);
    this.#take(ahead);
  }

  #take(chunk: Buffer): void {
    if (this.#phase === 'refused') return;
    this.#reading = true;
    const waited = this.#rest.length;
    let bytes = waited === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = EMPTY;
    // The end of a head can begin in what was here before.
    let searchFrom = Math.max(0, waited - HEAD_END.length);
    while (bytes.length > 0) {
      const used = this.#phase === 'head' ? this.#readHead(bytes, searchFrom) : this.#readBody(bytes);
      searchFrom = 0;
      if (used === 0) break;
      bytes = used === bytes.length ? EMPTY : bytes.subarray(used);
    }
    this.#rest = bytes;
    this.#reading = false;
    if (this.#headTimer !== undefined || bytes.length > 0) this.#timeHead();
    if (this.#phase === 'read' && bytes.length > AHEAD_BYTES_MAX) this.flow(false);
  }

  /** A head of which something is there must come to its end. */
  #timeHead(): void {
    const { headTimeout } = this.#options;
    const isPartial = this.#phase === 'head' && this.#rest.length > 0;
    if (!isPartial) {
      this.#headTimer?.cancel();
      this.#headTimer = undefined;
    } else if (headTimeout) {
      this.#headTimer ??= headTimeout.clock.after(headTimeout.ms, () => this.refuse(408), { unref: true });
    }
  }

  /** Bytes used, 0 when there are too few. */
  #readHead(bytes: Buffer, searchFrom: number): number {
    const end = bytes.indexOf(HEAD_END, searchFrom);
    if (end < 0) {
      const lineFeed = bytes.indexOf(10);
      // Its end will never come.
      if (lineFeed >= 0 && bytes[lineFeed - 1] !== 13) this.refuse(400);
      else if (bytes.length > this.#options.headBytesMax) this.refuse(431);
      return 0;
    }
    if (end > this.#options.headBytesMax) {
      this.refuse(431);
      return 0;
    }
    const text = bytes.toString('latin1', 0, end);
    const head = text === this.#lastText ? this.#lastHead : parseHead(text);
    if (!head) {
      this.refuse(400);
      return 0;
    }
    if (head.length === 0 && this.#options.remembersHeads) {
      this.#lastText = text;
      this.#lastHead = head;
    }
    const call = new WireCall(this, head);
    this.#call = call;
    this.#isNew = false;
    this.#answered = false;
    this.#keepAlive = head.keepAlive;
    this.#chunked = head.length === undefined;
    this.#left = head.length ?? 0;
    this.#bytes = 0;
    this.#phase = this.#chunked ? 'size' : 'data';
    this.#onCall(call);
    if (head.expectsContinue) {
      if (!this.#answered) this.#socket.write(CONTINUE);
      // Refused before it was sent: whether the body still comes, the client alone knows.
      else this.#socket.end();
    }
    if (head.length === 0) this.#messageRead();
    return end + HEAD_END.length;
  }

  #readBody(bytes: Buffer): number {
    switch (this.#phase) {
      case 'data': {
        const used = Math.min(this.#left, bytes.length);
        this.#left -= used;
        this.#deliver(used === bytes.length ? bytes : bytes.subarray(0, used));
        if (this.#left === 0) {
          if (this.#chunked) this.#phase = 'chunkEnd';
          else this.#messageRead();
        }
        return used;
      }
      case 'chunkEnd':
        return this.#line(bytes, (line) => {
          this.#phase = 'size';
          return line === '';
        });
      case 'size':
        return this.#line(bytes, (line) => {
          const size = /^([0-9a-f]{1,13})(?:;.*)?$/i.exec(line)?.[1];
          this.#left = Number.parseInt(size ?? '0', 16);
          this.#phase = this.#left === 0 ? 'trailers' : 'data';
          return size !== undefined;
        });
      case 'trailers': {
        // A lone line end: no trailers. Else they end as a head does.
        const bare = bytes.length >= 2 && bytes[0] === 13 && bytes[1] === 10;
        const end = bare ? 0 : bytes.indexOf(HEAD_END);
        if (end < 0) {
          if (bytes.length > this.#options.headBytesMax) this.refuse(431);
          return 0;
        }
        const trailers = parseFields(bytes.toString('latin1', 0, end));
        if (!trailers) {
          this.refuse(400);
          return 0;
        }
        if (this.#call) this.#call.trailers = trailers;
        this.#messageRead();
        return end + (bare ? LINE_END.length : HEAD_END.length);
      }
      default:
        return 0;
    }
  }

  /** One line, if it is there whole; `read` says whether it is as it must be. */
  #line(bytes: Buffer, read: (line: string) => boolean): number {
    const end = bytes.indexOf(LINE_END);
    if (end < 0 && bytes.length < 1024) return 0;
    if (end >= 0 && read(bytes.toString('latin1', 0, end))) return end + LINE_END.length;
    this.refuse(400);
    return 0;
  }

  #deliver(bytes: Buffer): void {
    const call = this.#call as WireCall;
    const { body, onBody, bytesMax } = call;
    this.#bytes += bytes.length;
    if (body) {
      if (!body.destroyed && !body.push(bytes)) this.flow(false);
    } else if (onBody) {
      if (this.#bytes <= bytesMax) this.#gather(bytes);
      else {
        this.#forget();
        if (!call.tellsEarly) return;
        call.onBody = undefined;
        onBody(undefined);
      }
    }
  }

  #gather(bytes: Buffer): void {
    this.#pieces.push(bytes);
    if (this.#pieces.length < PIECES_MAX) return;
    this.#gathered.push(Buffer.concat(this.#pieces));
    this.#pieces = [];
  }

  #forget(): void {
    if (this.#gathered.length > 0) this.#gathered = [];
    if (this.#pieces.length > 0) this.#pieces = [];
  }

  #messageRead(): void {
    const { body, onBody, bytesMax } = this.#call as WireCall;
    this.#phase = 'read';
    if (body) {
      body.push(null);
      // It asks for nothing more, and may have had the peer wait.
      this.flow(true);
    } else if (onBody) {
      const [only = EMPTY] = this.#pieces;
      const whole =
        this.#gathered.length === 0 && this.#pieces.length < 2
          ? only
          : Buffer.concat([...this.#gathered, ...this.#pieces]);
      this.#forget();
      onBody(this.#bytes > bytesMax ? undefined : whole);
    }
    if (this.#answered && this.#phase === 'read') this.#turn();
  }

  /** Not a message: nothing after it can be trusted to begin where it seems to. */
  refuse(status: number): void {
    this.#keepAlive = false;
    if (!this.#answered || !this.#call) this.answerWhole(headOf(status, 'Connection: close\r\n', 0));
    this.#phase = 'refused';
    this.#socket.destroySoon();
  }

  #broken(): void {
    const call = this.#call;
    if (!call) return;
    this.#call = undefined;
    this.#forget();
    this.#stream?.destroy();
    this.#stream = undefined;
    if (this.#phase !== 'read') call.body?.destroy(new Error('the connection broke off in the middle of a body'));
    call.gone?.();
  }
}
