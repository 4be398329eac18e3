/**
 * HTTP/1.1 as runtime clients speak it, straight on sockets: keep-alive, bodies by length or in chunks with trailers,
 * `Expect: 100-continue`, one call at a time per connection. Behind every request of a user stand two of a runtime,
 * and through `node:http` they alone would cost more than the adapter may; most of that is for what cannot come up here.
 *
 * Its only peers are the processes of the same task, over loopback. It is strict all the same: what is not plainly one
 * message is answered 400 and ends the connection. It has no timeouts (a runtime waits in `next` without limit), and
 * knows no path of the Runtime API.
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { Readable } from 'node:stream';

/** Runtimes put stack traces of up to 1 MB into a header. */
const HEAD_BYTES_MAX = 2 << 20;
/** A client that sends ahead of its answers is made to wait beyond this. */
const AHEAD_BYTES_MAX = 64 * 1024;
/** Up to this size, head and body leave as one text: cheaper than a vectored write. */
const JOINED_BYTES_MAX = 16 * 1024;

const HEAD_END = Buffer.from('\r\n\r\n');
const LINE_END = Buffer.from('\r\n');
const EMPTY = Buffer.alloc(0);
const NO_FIELDS: readonly string[] = [];
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  202: 'Accepted',
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  413: 'Payload Too Large',
  431: 'Request Header Fields Too Large',
};

export type OnCall = (call: RuntimeCall) => void;

/** A body that was read whole; undefined: larger than asked for, and read to its end all the same. */
export type OnBody = (body: Buffer | undefined) => void;

export class RuntimeWire {
  /** Called when a connection has ended, for whatever reason, after `gone` of its call. */
  onConnectionClosed: (connection: Connection) => void = () => {};

  readonly #server: Server;
  readonly #connections = new Set<Connection>();

  /** `onCall` is called with every request as soon as its head is there. */
  constructor(onCall: OnCall) {
    this.#server = createServer({ noDelay: true }, (socket) => {
      const connection = new Connection(socket, onCall, () => {
        this.#connections.delete(connection);
        this.onConnectionClosed(connection);
      });
      this.#connections.add(connection);
    });
  }

  /** Starts listening; `port` 0 picks a free one. Resolves with the port. Rejects when the port is taken. */
  listen(port: number, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /** Closes the port and every connection. Resolves when all have ended. */
  close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const connection of this.#connections) connection.destroy();
    return closed;
  }
}

/**
 * One request and its answer. Whoever is given one reads its body by `collect` or `stream` (else it is discarded), and
 * calls `answer` once, now or later.
 */
export class RuntimeCall {
  /** Called at most once, when the connection ends before the answer was given or before the body was there. */
  gone: (() => void) | undefined;

  readonly method: string;
  readonly target: string;
  readonly connection: Connection;
  readonly #headers: readonly string[];
  /** Set by the connection at the end of a chunked body. */
  trailers: readonly string[] = NO_FIELDS;
  onBody: OnBody | undefined;
  bytesMax = 0;
  body: BodyStream | undefined;

  constructor(connection: Connection, head: Head) {
    this.connection = connection;
    this.method = head.method;
    this.target = head.target;
    this.#headers = head.headers;
  }

  /** Value of the header (name in lower case), or undefined. */
  header(name: string): string | undefined {
    return fieldOf(this.#headers, name);
  }

  /** Value of the trailer (name in lower case), or undefined; there are none before the body's end. */
  trailer(name: string): string | undefined {
    return fieldOf(this.trailers, name);
  }

  /** Reads the whole body. `done` is not called when it breaks off: see `gone`. */
  collect(bytesMax: number, done: OnBody): void {
    this.bytesMax = bytesMax;
    this.onBody = done;
  }

  /** The body as it comes, with back-pressure. Errors when it breaks off. */
  stream(): Readable {
    this.body = new BodyStream(this.connection);
    return this.body;
  }

  /** `headers`: whole lines, each with its end; the length is added. */
  answer(status: number, headers: string, body: Uint8Array): void {
    this.connection.answer(status, headers, body);
  }

  /** An answer that was made before, by `wholeAnswer`. */
  answerWhole(message: string): void {
    this.connection.answerWhole(message);
  }
}

/** An answer with a text of ASCII, for those that are always the same. */
export function wholeAnswer(status: number, headers: string, body: string): string {
  return `${answerHead(status, headers, body.length)}${body}`;
}

function answerHead(status: number, headers: string, length: number): string {
  return `HTTP/1.1 ${status} ${REASONS[status] ?? 'Status'}\r\n${headers}Content-Length: ${length}\r\n\r\n`;
}

class BodyStream extends Readable {
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

interface Head {
  readonly method: string;
  readonly target: string;
  /** Name in lower case, value, name, value … */
  readonly headers: readonly string[];
  /** Bytes that follow; undefined: in chunks. */
  readonly length: number | undefined;
  readonly expectsContinue: boolean;
  readonly keepAlive: boolean;
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
  /** What came was no message; nothing more is read. */
  | 'refused';

export class Connection {
  readonly #socket: Socket;
  readonly #onCall: OnCall;
  readonly #whenClosed: (() => void)[] = [];
  #phase: Phase = 'head';
  #call: RuntimeCall | undefined;
  #answered = false;
  #chunked = false;
  #keepAlive = true;
  #left = 0;
  #rest: Buffer = EMPTY;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #reading = false;
  #lastText = '';
  #lastHead: Head | undefined;

  constructor(socket: Socket, onCall: OnCall, onClosed: () => void) {
    this.#socket = socket;
    this.#onCall = onCall;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    // The close that follows is what counts.
    socket.on('error', () => {});
    socket.on('close', () => {
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

  /** Whether the peer means to use the connection again after the message under way. */
  get keptAlive(): boolean {
    return this.#keepAlive;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Takes bytes from the peer, or lets them wait there. */
  flow(on: boolean): void {
    if (on) this.#socket.resume();
    else this.#socket.pause();
  }

  /** See `RuntimeCall.answer`. Without effect when the peer has gone. */
  answer(status: number, headers: string, body: Uint8Array): void {
    const head = answerHead(status, this.#keepAlive ? headers : `${headers}Connection: close\r\n`, body.length);
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

  /** See `RuntimeCall.answerWhole`. */
  answerWhole(message: string): void {
    this.#socket.write(message, 'latin1');
    this.#over();
  }

  #over(): void {
    this.#answered = true;
    if (!this.#keepAlive) this.#socket.end();
    if (this.#phase === 'read') this.#turn();
  }

  /** Read and answered: the connection is free for the next message, which may be here already. */
  #turn(): void {
    this.#call = undefined;
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
    if (this.#phase === 'read' && bytes.length > AHEAD_BYTES_MAX) this.flow(false);
  }

  /** Bytes used, 0 when there are too few. */
  #readHead(bytes: Buffer, searchFrom: number): number {
    const end = bytes.indexOf(HEAD_END, searchFrom);
    if (end < 0) {
      if (bytes.length > HEAD_BYTES_MAX) this.#refuse(431);
      return 0;
    }
    const text = bytes.toString('latin1', 0, end);
    // A runtime asks for work in the same words every time.
    const head = text === this.#lastText ? this.#lastHead : parseHead(text);
    if (!head) {
      this.#refuse(400);
      return 0;
    }
    if (head.length === 0) {
      this.#lastText = text;
      this.#lastHead = head;
    }
    const call = new RuntimeCall(this, head);
    this.#call = call;
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
          const size = /^([0-9a-f]{1,13})[\t ]*(?:;.*)?$/i.exec(line)?.[1];
          this.#left = Number.parseInt(size ?? '0', 16);
          this.#phase = this.#left === 0 ? 'trailers' : 'data';
          return size !== undefined;
        });
      case 'trailers': {
        // A lone line end: no trailers. Else they end as a head does.
        const bare = bytes.length >= 2 && bytes[0] === 13 && bytes[1] === 10;
        const end = bare ? 0 : bytes.indexOf(HEAD_END);
        if (end < 0) {
          if (bytes.length > HEAD_BYTES_MAX) this.#refuse(431);
          return 0;
        }
        const trailers = parseFields(bytes.toString('latin1', 0, end));
        if (!trailers) {
          this.#refuse(400);
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
    this.#refuse(400);
    return 0;
  }

  #deliver(bytes: Buffer): void {
    const { body, onBody, bytesMax } = this.#call as RuntimeCall;
    this.#bytes += bytes.length;
    if (body) {
      if (!body.destroyed && !body.push(bytes)) this.flow(false);
    } else if (onBody) {
      if (this.#bytes <= bytesMax) this.#chunks.push(bytes);
      else this.#chunks.length = 0;
    }
  }

  #messageRead(): void {
    const { body, onBody, bytesMax } = this.#call as RuntimeCall;
    this.#phase = 'read';
    if (body) {
      body.push(null);
      // It asks for nothing more, and may have had the peer wait.
      this.flow(true);
    } else if (onBody) {
      const [only = EMPTY] = this.#chunks;
      const whole = this.#chunks.length < 2 ? only : Buffer.concat(this.#chunks);
      this.#chunks = [];
      onBody(this.#bytes > bytesMax ? undefined : whole);
    }
    if (this.#answered && this.#phase === 'read') this.#turn();
  }

  /** Not a message: nothing after it can be trusted to begin where it seems to. */
  #refuse(status: number): void {
    this.#keepAlive = false;
    if (!this.#answered || !this.#call) this.answer(status, '', EMPTY);
    this.#phase = 'refused';
    this.#socket.destroySoon();
  }

  #broken(): void {
    const call = this.#call;
    if (!call) return;
    this.#call = undefined;
    this.#chunks = [];
    if (this.#phase !== 'read') call.body?.destroy(new Error('the connection broke off in the middle of a body'));
    call.gone?.();
  }
}

function parseHead(text: string): Head | undefined {
  const lineEnd = text.indexOf('\r\n');
  const line = /^([A-Z]+) (\/[^ ]*) HTTP\/1\.([01])$/.exec(lineEnd < 0 ? text : text.slice(0, lineEnd));
  const headers = lineEnd < 0 ? [] : parseFields(text.slice(lineEnd + 2));
  if (!line || !headers) return undefined;
  let length: number | undefined = 0;
  let lengthText: string | undefined;
  let expectsContinue = false;
  let keepAlive = line[3] === '1';
  for (let i = 0; i < headers.length; i += 2) {
    const value = headers[i + 1] as string;
    switch (headers[i]) {
      case 'content-length':
        if (length === undefined || (lengthText !== undefined && lengthText !== value)) return undefined;
        if (!/^\d{1,15}$/.test(value)) return undefined;
        lengthText = value;
        length = Number(value);
        break;
      case 'transfer-encoding':
        if (lengthText !== undefined || value.toLowerCase() !== 'chunked') return undefined;
        length = undefined;
        break;
      case 'expect':
        expectsContinue = value.toLowerCase() === '100-continue';
        break;
      case 'connection':
        if (/\bclose\b/i.test(value)) keepAlive = false;
        break;
    }
  }
  return { method: line[1] as string, target: line[2] as string, headers, length, expectsContinue, keepAlive };
}

/** Name in lower case, value, name, value …; undefined when a line is no field. */
function parseFields(text: string): string[] | undefined {
  const fields: string[] = [];
  for (let from = 0; from < text.length; ) {
    const end = text.indexOf('\r\n', from);
    const to = end < 0 ? text.length : end;
    const colon = text.indexOf(':', from);
    if (colon <= from || colon >= to || isBlank(text, from) || isBlank(text, colon - 1)) return undefined;
    fields.push(text.slice(from, colon).toLowerCase(), text.slice(colon + 1, to).trim());
    from = to + 2;
  }
  return fields;
}

function isBlank(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code === 32 || code === 9;
}

function fieldOf(fields: readonly string[], name: string): string | undefined {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) return fields[i + 1];
  return undefined;
}
