/**
 * One HTTP request to the adapter and its answer: what its head says, its body within a limit, the answer whole or
 * streamed, and what the access log wants to know of it. Knows nothing of events and runtimes.
 *
 * This is the hot path, which is why callbacks stand here where promises would read better, and why a head is read in
 * one pass.
 */
import { answerHead, type Framing } from './answer-head.ts';
import type { Dispatched } from './dispatcher.ts';
import { type AnswerHead, type HttpAnswer, isBodiless } from './events/message.ts';
import type { WireCall } from './http-wire.ts';
import type { StreamedBody } from './runtime-api.ts';

/** What all exchanges of a front share. */
export interface Door {
  /** Answers tell their connection to end. */
  draining: boolean;
  readonly nowMs: () => number;
}

const EMPTY = Buffer.alloc(0);

export type ReadBody = Buffer | 'tooLarge' | 'gone';

export class Exchange {
  readonly call: WireCall;
  readonly requestId: string;
  readonly startedMs: number;
  readonly #door: Door;
  /** As sent by the client. */
  traceId: string | undefined;
  /** A load balancer or proxy has passed it on. */
  forwarded = false;
  wantsWebSocket = false;
  /** How often it names the host that it is for. */
  hosts = 0;
  bytesIn = 0;
  bytesOut = 0;
  /** Of the answer, once there is one. */
  status: number | undefined;
  dispatched: Dispatched | undefined;
  /** Why it was not answered as the function wished, for the log. */
  error: string | undefined;

  constructor(call: WireCall, requestId: string, startedMs: number, door: Door) {
    this.call = call;
    this.requestId = requestId;
    this.startedMs = startedMs;
    this.#door = door;
    this.#readHead(call.headers);
  }

  #readHead(headers: readonly string[]): void {
    for (let i = 0; i + 1 < headers.length; i += 2) {
      const name = headers[i] as string;
      const value = headers[i + 1] as string;
      // The length rules out nearly every other header before anything is compared.
      switch (name.length) {
        case 4:
          if (name.toLowerCase() === 'host') this.hosts++;
          break;
        case 7:
          if (name.toLowerCase() === 'upgrade') this.wantsWebSocket = value.toLowerCase() === 'websocket';
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
          if (name.toLowerCase() === 'x-forwarded-proto') this.forwarded = true;
          break;
      }
    }
  }

  /** The whole body; `tooLarge` as soon as that is known (the rest is discarded), `gone` when the client left. */
  readBody(bytesMax: number, done: (body: ReadBody) => void): void {
    const { call } = this;
    if (call.length === 0) {
      done(EMPTY);
      return;
    }
    if (call.length !== undefined && call.length > bytesMax) {
      done('tooLarge');
      return;
    }
    call.gone = () => done('gone');
    const collected = (body: Buffer | undefined): void => {
      call.gone = undefined;
      this.bytesIn = body?.length ?? bytesMax;
      done(body ?? 'tooLarge');
    };
    call.collect(bytesMax, collected, true);
  }

  /** Calls `then` when the connection ends before the answer does. */
  onGone(then: () => void): void {
    this.call.gone = then;
  }

  /** Without effect when the client has gone. */
  send(answer: HttpAnswer): void {
    const { call } = this;
    if (answer.malformed !== undefined) this.error = `malformed answer: ${answer.malformed}`;
    if (call.connection.destroyed) return;
    const { body } = answer;
    this.bytesOut = body.length;
    const head = this.#head(answer, body.length);
    if (call.method === 'HEAD' || body.length === 0) call.answerWhole(head);
    else call.answerWith(head, body);
  }

  /**
   * Head, then the body as it comes, with back-pressure; `done` when it has ended. A client that leaves does not stop the
   * function; a function that breaks off is shown as such.
   */
  pour(head: AnswerHead, { body, trailingError }: StreamedBody, done: () => void): void {
    const { call } = this;
    const isGone = call.connection.destroyed;
    if (isGone || call.method === 'HEAD' || isBodiless(head.status)) {
      body.resume();
      if (!isGone) call.answerWhole(this.#head(head, 'none'));
      done();
      return;
    }
    const isChunked = call.version === '1.1';
    if (!isChunked) call.connection.endAfterAnswer();
    const answer = call.answerStream(this.#head(head, isChunked ? 'chunked' : 'close'), isChunked);
    const brokeOff = (why: string): void => {
      this.error = why;
      call.connection.breakOff();
    };
    body.on('data', (chunk: Buffer) => {
      this.bytesOut += chunk.length;
    });
    body.on('end', () => {
      const error = trailingError();
      if (error) brokeOff(error.type);
      else answer.end();
    });
    // Its close, which follows, is what counts.
    body.on('error', () => {});
    body.on('close', () => {
      if (!body.readableEnded) brokeOff('Runtime.ExitError');
      done();
    });
    call.gone = () => {
      body.unpipe(answer);
      body.resume();
    };
    body.pipe(answer, { end: false });
  }

  /** Ends the connection in the middle of an answer. */
  breakOff(): void {
    this.call.connection.destroy();
  }

  #head(answer: AnswerHead, framing: Framing): string {
    const { connection } = this.call;
    if (this.#door.draining) connection.endAfterAnswer();
    this.status = answer.status;
    return answerHead(answer, framing, connection.keptAlive, this.#door.nowMs());
  }
}
