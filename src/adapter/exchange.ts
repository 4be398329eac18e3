/**
 * One HTTP request to the adapter and its answer: what its head says, its body within a limit, the answer whole or
 * streamed, and what the access log wants to know of it. Knows nothing of events and runtimes.
 *
 * This is the hot path, which is why callbacks stand here where promises would read better, why a head is read in one
 * pass over the raw headers, and why a request without body never touches node's stream machinery.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Dispatched } from './dispatcher.ts';
import type { AnswerHead, HttpAnswer } from './events/message.ts';
import type { StreamedBody } from './runtime-api.ts';

/** What all exchanges of a front share. */
export interface Door {
  /** Answers tell their connection to end. */
  draining: boolean;
}

const EMPTY = Buffer.alloc(0);
/** Up to this size, head and body leave as one text: cheaper than a vectored write. */
const JOINED_BYTES_MAX = 16 * 1024;

export type ReadBody = Buffer | 'tooLarge' | 'gone';

export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly startedMs: number;
  readonly #door: Door;
  /** As sent by the client. */
  traceId: string | undefined;
  /** A load balancer or proxy has passed it on. */
  forwarded = false;
  wantsWebSocket = false;
  #bodyBytes = 0;
  bytesIn = 0;
  bytesOut = 0;
  dispatched: Dispatched | undefined;
  /** Why it was not answered as the function wished, for the log. */
  error: string | undefined;

  constructor(request: IncomingMessage, response: ServerResponse, requestId: string, startedMs: number, door: Door) {
    this.request = request;
    this.response = response;
    this.requestId = requestId;
    this.startedMs = startedMs;
    this.#door = door;
    this.#readHead(request.rawHeaders);
  }

  #readHead(headers: readonly string[]): void {
    for (let i = 0; i + 1 < headers.length; i += 2) {
      const name = headers[i] as string;
      const value = headers[i + 1] as string;
      // The length rules out nearly every other header before anything is compared.
      switch (name.length) {
        case 7:
          if (name.toLowerCase() === 'upgrade') this.wantsWebSocket = value.toLowerCase() === 'websocket';
          break;
        case 14:
          if (name.toLowerCase() === 'content-length') this.#bodyBytes = Number(value);
          break;
        case 15:
          switch (name.toLowerCase()) {
            case 'x-amzn-trace-id':
              this.traceId = value;
              break;
            case 'x-forwarded-for':
              this.forwarded = true;
          }
          break;
        case 16:
          if (name.toLowerCase() === 'x-forwarded-port') this.forwarded = true;
          break;
        case 17:
          switch (name.toLowerCase()) {
            case 'x-forwarded-proto':
              this.forwarded = true;
              break;
            case 'transfer-encoding':
              // In chunks: as many bytes as come.
              this.#bodyBytes = -1;
          }
          break;
      }
    }
  }

  /** The whole body; `tooLarge` as soon as that is known (node discards the rest), `gone` when the client left. */
  readBody(bytesMax: number, done: (body: ReadBody) => void): void {
    const { request } = this;
    if (this.#bodyBytes === 0) {
      done(EMPTY);
      return;
    }
    if (this.#bodyBytes > bytesMax) {
      request.resume();
      done('tooLarge');
      return;
    }
    let over = false;
    const finish = (body: ReadBody): void => {
      if (over) return;
      over = true;
      done(body);
    };
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => {
      this.bytesIn += chunk.length;
      if (this.bytesIn <= bytesMax) chunks.push(chunk);
      else finish('tooLarge');
    });
    request.on('end', () => finish(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
    request.on('close', () => finish('gone'));
  }

  /** Calls `then` when the connection ends before the answer does. */
  onGone(then: () => void): void {
    const { response } = this;
    response.on('close', () => {
      if (!response.writableEnded) then();
    });
  }

  /** Without effect when the client has gone. */
  send(answer: HttpAnswer): void {
    const { response, request } = this;
    if (answer.malformed !== undefined) this.error = `malformed answer: ${answer.malformed}`;
    if (response.destroyed) return;
    const { body, status } = answer;
    this.bytesOut = body.length;
    const headers = this.#headers(answer.headers);
    if (status !== 204 && status !== 304) headers.push('Content-Length', String(body.length));
    this.#writeHead(answer, headers);
    if (request.method === 'HEAD') response.end();
    else if (body.length > JOINED_BYTES_MAX) response.end(body);
    // As text, node joins it with the head to one write; in latin1 every byte is one character, there and back.
    else response.end(body.toString('latin1'), 'latin1');
  }

  /**
   * Head, then the body as it comes, with back-pressure; `done` when it has ended. A client that leaves does not stop the
   * function; a function that breaks off is shown as such.
   */
  pour(head: AnswerHead, { body, trailingError }: StreamedBody, done: () => void): void {
    const { response, request } = this;
    if (!response.destroyed) this.#writeHead(head, this.#headers(head.headers));
    if (request.method === 'HEAD' || response.destroyed) {
      body.resume();
      response.end();
      done();
      return;
    }
    const brokeOff = (why: string): void => {
      this.error = why;
      // What the function gave before leaves first; that the last chunk is missing tells the client.
      response.flushHeaders();
      response.socket?.destroySoon();
    };
    body.on('data', (chunk: Buffer) => {
      this.bytesOut += chunk.length;
    });
    body.on('end', () => {
      const error = trailingError();
      if (error) brokeOff(error.type);
      else response.end();
    });
    // Its close, which follows, is what counts.
    body.on('error', () => {});
    body.on('close', () => {
      if (!body.readableEnded) brokeOff('Runtime.ExitError');
      done();
    });
    response.on('close', () => {
      body.unpipe(response);
      body.resume();
    });
    body.pipe(response, { end: false });
  }

  #headers(headers: readonly string[]): string[] {
    return this.#door.draining ? [...headers, 'Connection', 'close'] : headers.slice();
  }

  #writeHead({ status, reason }: AnswerHead, headers: string[]): void {
    if (reason === undefined) this.response.writeHead(status, headers);
    else this.response.writeHead(status, reason, headers);
  }
}
