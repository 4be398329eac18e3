/**
 * One request and its answer as the client sees them: the idle timeout, the load balancer's own pages, and the news that
 * the client has gone. Where the answer comes from is the business of the three kinds of target beside this file.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock, Timer } from '../../core/index.ts';

const TITLES = {
  400: 'Bad Request',
  405: 'Not Allowed',
  413: 'Request Entity Too Large',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Temporarily Unavailable',
  504: 'Gateway Time-out',
} as const;

export type PageStatus = keyof typeof TITLES;

export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Called once, when the client has gone or the time is up: whatever is going on towards the target must stop. */
  onCancel: () => void = () => {};
  /** Called once, when the client's side is over for whatever reason. */
  onClosed: () => void = () => {};
  readonly #clock: Clock;
  readonly #idleMsMax: number;
  #lastMs: number;
  #timer: Timer;
  #closed = false;
  #switched = false;

  constructor(request: IncomingMessage, response: ServerResponse, clock: Clock, idleMsMax: number) {
    this.request = request;
    this.response = response;
    this.#clock = clock;
    this.#idleMsMax = idleMsMax;
    this.#lastMs = clock.monotonic();
    this.#timer = this.#watch(idleMsMax);
    response.once('close', () => this.#close());
  }

  /** The client's side is over: nothing can be sent any more. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Something was sent or received: the idle time begins anew. */
  touch(): void {
    this.#lastMs = this.#clock.monotonic();
  }

  /** Answers with a page of the load balancer's own; where an answer has begun, all that is left is to break it off. */
  fail(status: PageStatus): void {
    if (this.#closed) return;
    if (this.response.headersSent || this.#switched) {
      this.response.destroy();
      return;
    }
    const title = `${status} ${TITLES[status]}`;
    this.own(
      status,
      TITLES[status],
      'text/html',
      `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n</body>\r\n</html>\r\n`,
    );
  }

  /** The connection speaks another protocol from now on. */
  switched(): void {
    this.#switched = true;
  }

  /** An answer that comes from the load balancer itself. */
  own(
    status: number,
    reason: string | undefined,
    contentType: string,
    body: string,
    more: readonly string[] = [],
  ): void {
    const headers = [
      'Server',
      'awselb/2.0',
      'Content-Type',
      contentType,
      'Content-Length',
      String(Buffer.byteLength(body)),
    ];
    // A body that nobody read stands between this answer and the next request.
    if (!this.request.complete) headers.push('Connection', 'close');
    this.head(status, reason, [...headers, ...more]);
    this.response.end(body);
  }

  /** The answer's head, as a raw header list. */
  head(status: number, reason: string | undefined, headers: string[]): void {
    if (reason === undefined) this.response.writeHead(status, headers);
    else this.response.writeHead(status, reason, headers);
  }

  #watch(delayMs: number): Timer {
    return this.#clock.after(delayMs, () => {
      const leftMs = this.#lastMs + this.#idleMsMax - this.#clock.monotonic();
      if (leftMs > 0) {
        this.#timer = this.#watch(leftMs);
        return;
      }
      this.#cancel();
      this.fail(504);
    });
  }

  #close(): void {
    this.#closed = true;
    this.#timer.cancel();
    if (!this.response.writableFinished) this.#cancel();
    // What is left of the request has no reader any more; unread, it would hold its connection.
    this.request.unpipe();
    this.request.resume();
    this.onClosed();
  }

  #cancel(): void {
    const cancel = this.onCancel;
    this.onCancel = () => {};
    cancel();
  }
}
