/**
 * HTTP/1.1 straight on sockets: keep-alive, bodies by length or in chunks with trailers, `Expect: 100-continue`, one call
 * at a time per connection. Behind every request of a user stand two of a runtime; through `node:http` the three would
 * cost more than the adapter may, and most of that is for what cannot come up here.
 *
 * It is strict, because a load balancer or a stranger may be the peer: what is not plainly one message is answered 400 and
 * ends the connection (`http-head.ts`). Bodies have no timeout, nor has an idle connection (a runtime waits in `next`, and
 * a load balancer must be the one that ends a connection); a head may have one. It knows no path and no event.
 */
import { type AddressInfo, createServer, type Server } from 'node:net';
import type { Readable } from 'node:stream';
import type { Clock } from '../core/index.ts';
import type { AnswerStream } from './answer-stream.ts';
import { type BodyStream, Connection } from './http-connection.ts';
import { fieldOf, type Head } from './http-head.ts';

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  202: 'Accepted',
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  408: 'Request Timeout',
  413: 'Payload Too Large',
  431: 'Request Header Fields Too Large',
};
const NO_FIELDS: readonly string[] = [];
/** Of silence, until a peer is asked whether it lives. */
const PROBED_AFTER_MS = 60_000;

export type OnCall = (call: WireCall) => void;

/** A body that was read whole; undefined: larger than asked for. */
export type OnBody = (body: Buffer | undefined) => void;

export interface WireOptions {
  readonly headBytesMax: number;
  /** How long the rest of a head may take. @default without limit */
  readonly headTimeout?: { readonly ms: number; readonly clock: Clock };
  /** Peers say the same again and again: their last head is remembered. @default false */
  readonly remembersHeads?: boolean;
  /** Peers may vanish without a word: the system asks them now and then. @default false */
  readonly probesPeers?: boolean;
}

export class HttpWire {
  /** Called when a connection has ended, for whatever reason, after `gone` of its call. */
  onConnectionClosed: (connection: Connection) => void = () => {};

  readonly #server: Server;
  readonly #connections = new Set<Connection>();

  /** `onCall` is called with every request as soon as its head is there. */
  constructor(options: WireOptions, onCall: OnCall) {
    const { probesPeers = false } = options;
    const sockets = { noDelay: true, keepAlive: probesPeers, keepAliveInitialDelay: PROBED_AFTER_MS };
    this.#server = createServer(sockets, (socket) => {
      const connection = new Connection(socket, options, onCall, () => {
        this.#connections.delete(connection);
        this.onConnectionClosed(connection);
      });
      this.#connections.add(connection);
    });
  }

  /** Starts listening; `port` 0 picks a free one; without `host`, on all addresses. Rejects when the port is taken. */
  listen(port: number, host?: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /** Ends the connections that wait for another request; those that no request came on yet stay. */
  endWaiting(): void {
    for (const connection of this.#connections) if (connection.isIdle && !connection.isNew) connection.destroy();
  }

  /** Ends the connections on which no request is being worked on, also those that none came on yet. */
  endIdle(): void {
    for (const connection of this.#connections) if (connection.isIdle) connection.destroy();
  }

  /** Closes the port, ends the connections that wait for another request, and resolves when all have ended. */
  stopListening(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.endWaiting();
    return closed;
  }

  /** Ends every connection. */
  endAll(): void {
    for (const connection of this.#connections) connection.destroy();
  }

  /** Closes the port and every connection. Resolves when all have ended. */
  close(): Promise<void> {
    const closed = this.stopListening();
    this.endAll();
    return closed;
  }
}

/**
 * One request and its answer. Whoever is given one reads its body by `collect` or `stream` (else it is discarded), and
 * answers once, now or later.
 */
export class WireCall {
  /** Called at most once, when the connection ends before the answer was given or before the body was there. */
  gone: (() => void) | undefined;

  readonly method: string;
  readonly target: string;
  readonly version: Head['version'];
  /** Bytes of the body; undefined: in chunks. */
  readonly length: number | undefined;
  /** Name, value, name, value …, names as they came. */
  readonly headers: readonly string[];
  readonly connection: Connection;
  /** Set by the connection at the end of a chunked body. */
  trailers: readonly string[] = NO_FIELDS;
  onBody: OnBody | undefined;
  bytesMax = 0;
  tellsEarly = false;
  body: BodyStream | undefined;

  constructor(connection: Connection, head: Head) {
    this.connection = connection;
    this.method = head.method;
    this.target = head.target;
    this.version = head.version;
    this.length = head.length;
    this.headers = head.headers;
  }

  /** Value of the header (name in lower case), or undefined. */
  header(name: string): string | undefined {
    return fieldOf(this.headers, name);
  }

  /** Value of the trailer (name in lower case), or undefined; there are none before the body's end. */
  trailer(name: string): string | undefined {
    return fieldOf(this.trailers, name);
  }

  /**
   * Reads the whole body. `done` is not called when it breaks off: see `gone`. Of one that is too large it is told at its
   * end, or with `early` as soon as that is known; the rest is then discarded.
   */
  collect(bytesMax: number, done: OnBody, early = false): void {
    this.bytesMax = bytesMax;
    this.tellsEarly = early;
    this.onBody = done;
  }

  /** The body as it comes, with back-pressure. Errors when it breaks off. */
  stream(): Readable {
    return this.connection.streamBody(this);
  }

  /** `headers`: whole lines, each with its end; the length is added. */
  answer(status: number, headers: string, body: Uint8Array): void {
    const { connection } = this;
    const lines = connection.keptAlive ? headers : `${headers}Connection: close\r\n`;
    connection.answer(headOf(status, lines, body.length), body);
  }

  /** Head (with its empty line) and body as they are to leave. */
  answerWith(head: string, body: Uint8Array): void {
    this.connection.answer(head, body);
  }

  /** An answer that was made before, by `wholeAnswer`, or a head without a body. */
  answerWhole(message: string): void {
    this.connection.answerWhole(message);
  }

  /** An answer whose body is written to what this returns; destroying that breaks it off. */
  answerStream(head: string, isChunked: boolean): AnswerStream {
    return this.connection.answerStream(head, isChunked);
  }

  /** Ends the connection with a status and nothing else. */
  refuse(status: number): void {
    this.connection.refuse(status);
  }
}

/** An answer with a text of ASCII, for those that are always the same. */
export function wholeAnswer(status: number, headers: string, body: string): string {
  return `${headOf(status, headers, body.length)}${body}`;
}

export function headOf(status: number, headers: string, length: number): string {
  return `HTTP/1.1 ${status} ${REASONS[status] ?? 'Status'}\r\n${headers}Content-Length: ${length}\r\n\r\n`;
}
