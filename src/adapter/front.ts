/**
 * The HTTP side of the adapter: takes requests from the load balancer (or Invoke calls from an SDK), has them answered
 * through the dispatcher in the configured event format, and drains. Owns sockets, size limits, reserved paths and the
 * access log. Formats are the business of `events/`, runtimes that of the dispatcher.
 *
 * An Invoke call is only believed when it did not come through a load balancer: those add `x-forwarded-*`, and the event
 * of a public request must never be the client's to write.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Clock, type Logger, type Random, type Timer, uuid } from '../core/index.ts';
import type { Dispatched, Dispatcher } from './dispatcher.ts';
import type { AnswerHead, EventFormat, FrontFailure, HttpAnswer } from './events/message.ts';
import {
  ASYNC_BYTES_MAX,
  invokeAccepted,
  invokeDryRun,
  invokedName,
  invokeEvent,
  invokeFunctionError,
  invokeNotFound,
  invokeRequest,
  invokeResponse,
  invokeThrottled,
  invokeTimeout,
  invokeTooLarge,
  namesFunction,
  SYNC_BYTES_MAX,
} from './invoke-api.ts';
import { PRELUDE_TYPE, readPrelude } from './prelude.ts';
import { type StreamedBody, settled } from './runtime-api.ts';

/** Below the shortest timeout that a load balancer's health check can have (2 s). */
const READY_WAIT_MS = 1_500;
export const READY_PATH = '/_lambdacontainer/ready';
export const HEALTH_PATH = '/_lambdacontainer/health';

/** Longer than an ALB's largest idle timeout (4,000 s): the load balancer must be the one that closes a connection. */
const KEEP_ALIVE_MS = 4_060_000;
/** An ALB passes on up to 64 KB of request headers; node's default is 16 KB. */
const HEADER_BYTES_MAX = 128 * 1024;

export interface FrontOptions {
  readonly dispatcher: Dispatcher;
  readonly format: EventFormat;
  readonly functionArn: string;
  readonly targetGroupArn: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Takes one access log line (JSON, without line end) per answered request. */
  readonly access: (line: string) => void;
  /** As told to an Invoke caller whose invocation timed out. */
  readonly timeoutMs?: number | undefined;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly startedMs: number;
  bytesIn: number;
  bytesOut: number;
  dispatched?: Dispatched;
  error?: string;
}

export class Front {
  readonly #options: FrontOptions;
  readonly #server: Server;
  #active = 0;
  #draining = false;
  #drained: Promise<number> | undefined;
  #whenIdle: () => void = () => {};

  constructor(options: FrontOptions) {
    this.#options = options;
    this.#server = createServer({
      keepAliveTimeout: KEEP_ALIVE_MS,
      requestTimeout: 0,
      maxHeaderSize: HEADER_BYTES_MAX,
    });
    this.#server.on('request', (request, response) => this.#serve(request, response));
  }

  /** Starts listening; `port` 0 picks a free one. Resolves with the port. Rejects when the port is taken. */
  listen(port: number, host?: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /** Whether a load balancer should send requests here. */
  get ready(): boolean {
    return !this.#draining && this.#options.dispatcher.ready;
  }

  /**
   * Says not ready, finishes what is under way (requests that still arrive meanwhile are served), stops accepting once
   * nothing is, and resolves when all connections have ended: with 0, or with the number of requests cut off when that
   * took longer than `limitMs`. Calling it again waits for the same drain.
   */
  drain(limitMs: number): Promise<number> {
    this.#drained ??= this.#drain(limitMs);
    return this.#drained;
  }

  async #drain(limitMs: number): Promise<number> {
    this.#draining = true;
    this.#server.closeIdleConnections();
    let abandoned = 0;
    let limit: Timer | undefined;
    const expired = new Promise<void>((resolve) => {
      limit = this.#options.clock.after(limitMs, () => {
        abandoned = this.#active;
        resolve();
      });
    });
    const idle = new Promise<void>((resolve) => {
      this.#whenIdle = resolve;
      if (this.#active === 0) resolve();
    });
    await Promise.race([idle, expired]);
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await Promise.race([closed, expired]);
    limit?.cancel();
    this.#server.closeAllConnections();
    await closed;
    return abandoned;
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const target = request.url ?? '/';
    if (target.startsWith('/_lambdacontainer/') && this.#reserved(target, request, response)) return;
    const { clock, random } = this.#options;
    const exchange: Exchange = {
      request,
      response,
      requestId: uuid(random),
      startedMs: clock.monotonic(),
      bytesIn: 0,
      bytesOut: 0,
    };
    this.#active++;
    const invoked = request.method === 'POST' && !wasForwarded(request) ? invokedName(target) : undefined;
    const answered = invoked === undefined ? this.#event(exchange, target) : this.#invoke(exchange, invoked);
    answered
      .catch((error: unknown) => this.#broke(exchange, error))
      .finally(() => {
        this.#logAccess(exchange, target);
        this.#ended();
      });
  }

  /** Health and readiness; they are neither counted nor logged. False: not one of ours. */
  #reserved(target: string, request: IncomingMessage, response: ServerResponse): boolean {
    const path = target.split('?', 1)[0];
    if (path !== READY_PATH && path !== HEALTH_PATH) return false;
    if (request.method !== 'GET' && request.method !== 'HEAD') return false;
    request.resume();
    const answer = (good: boolean) =>
      this.#write(response, request, {
        status: good ? 200 : 503,
        reason: undefined,
        headers: ['Content-Type', 'text/plain'],
        body: Buffer.from(good ? 'ok\n' : this.#draining ? 'draining\n' : 'no runtime has asked for work\n'),
      });
    if (path === HEALTH_PATH || this.#draining) answer(path === HEALTH_PATH);
    // A task that just started gets its traffic one health check interval earlier when the check waits for its runtime.
    else void this.#options.dispatcher.whenReady(READY_WAIT_MS).then(() => answer(this.ready));
    return true;
  }

  /** An HTTP request of the function's users. */
  async #event(exchange: Exchange, target: string): Promise<void> {
    const { request, requestId } = exchange;
    const { format, functionArn, targetGroupArn, clock, dispatcher } = this.#options;
    if (request.headers.upgrade?.toLowerCase() === 'websocket') return this.#fail(exchange, 'upgradeRefused');
    const body = await readBody(exchange, format.requestBytesMax);
    if (body === 'gone') return;
    if (body === 'tooLarge') return this.#fail(exchange, 'requestTooLarge');
    const event = format.event(
      {
        method: request.method ?? 'GET',
        target,
        protocol: `HTTP/${request.httpVersion}`,
        headers: request.rawHeaders,
        body,
        sourceIp: request.socket.remoteAddress ?? '',
      },
      { requestId, functionArn, targetGroupArn, nowMs: clock.now() },
    );
    const ticket = dispatcher.dispatch({ requestId, event, traceId: this.#traceId(request) });
    onDisconnect(exchange, ticket.cancel);
    exchange.dispatched = await ticket.dispatched;
    const { outcome } = exchange.dispatched;
    switch (outcome.kind) {
      case 'response':
        return this.#send(exchange, format.answer(outcome.payload));
      case 'stream':
        return this.#stream(exchange, outcome);
      case 'error':
        exchange.error = outcome.type;
        return this.#fail(exchange, 'functionError');
      case 'timeout':
        return this.#fail(exchange, 'timeout');
      case 'overloaded':
        return this.#fail(exchange, 'overloaded', ['Retry-After', String(outcome.retryAfterSec)]);
      case 'cancelled':
        return;
    }
  }

  /** A streamed answer: with prelude through to the client as it comes, without one as the format has it. */
  async #stream(exchange: Exchange, stream: StreamedBody & { kind: 'stream' }): Promise<void> {
    const { format } = this.#options;
    let head = format.rawStreamHead(stream.contentType);
    if (stream.contentType === PRELUDE_TYPE) {
      const prelude = await readPrelude(stream.body);
      const read = prelude ? format.streamHead(prelude.metadata) : 'stream without a valid prelude';
      if (typeof read === 'string') {
        stream.body.resume();
        exchange.error = stream.trailingError()?.type ?? read;
        return this.#fail(exchange, 'functionError');
      }
      head = read;
    }
    if (!head) {
      const whole = await settled(stream);
      if (whole.kind === 'response') return this.#send(exchange, format.answer(whole.payload));
      exchange.error = whole.type;
      return this.#fail(exchange, 'functionError');
    }
    const { response, request } = exchange;
    writeHead(response, head, this.#headers(head.headers));
    if (request.method === 'HEAD' || response.destroyed) {
      stream.body.resume();
      response.end();
      return;
    }
    await this.#pour(exchange, stream);
  }

  /** Body to client with back-pressure. A client that leaves does not stop the function; a function that breaks off is shown as such. */
  #pour(exchange: Exchange, { body, trailingError }: StreamedBody): Promise<void> {
    const { response } = exchange;
    return new Promise((resolve) => {
      const brokeOff = (why: string): void => {
        exchange.error = why;
        response.destroy();
      };
      body.on('data', (chunk: Buffer) => {
        exchange.bytesOut += chunk.length;
      });
      body.on('end', () => {
        const error = trailingError();
        if (error) brokeOff(error.type);
        else response.end();
      });
      body.on('error', () => brokeOff('Runtime.ExitError'));
      body.on('close', () => {
        if (!body.readableEnded) brokeOff('Runtime.ExitError');
        resolve();
      });
      response.on('close', () => {
        body.unpipe(response);
        body.resume();
      });
      body.pipe(response, { end: false });
    });
  }

  /** Lambda's Invoke. */
  async #invoke(exchange: Exchange, name: string): Promise<void> {
    const { request, requestId } = exchange;
    const { dispatcher, functionArn, timeoutMs } = this.#options;
    const asked = invokeRequest(request.headers, requestId);
    const bytesMax = 'type' in asked && asked.type === 'Event' ? ASYNC_BYTES_MAX : SYNC_BYTES_MAX;
    const payload = await readBody(exchange, bytesMax);
    if (payload === 'gone') return;
    if (payload === 'tooLarge') return this.#send(exchange, invokeTooLarge(bytesMax, requestId));
    if (!namesFunction(name, functionArn)) return this.#send(exchange, invokeNotFound(name, requestId));
    if (!('type' in asked)) return this.#send(exchange, asked);
    const event = invokeEvent(payload, requestId);
    if (!Buffer.isBuffer(event)) return this.#send(exchange, event);
    if (asked.type === 'DryRun') return this.#send(exchange, invokeDryRun(requestId));
    const ticket = dispatcher.dispatch({
      requestId,
      event,
      traceId: this.#traceId(request),
      clientContext: asked.clientContext,
    });
    if (asked.type === 'Event') {
      this.#send(exchange, invokeAccepted(requestId));
      this.#inBackground(requestId, ticket.dispatched);
      return;
    }
    onDisconnect(exchange, ticket.cancel);
    exchange.dispatched = await ticket.dispatched;
    const { outcome } = exchange.dispatched;
    switch (outcome.kind) {
      case 'cancelled':
        return;
      case 'overloaded':
        return this.#send(exchange, invokeThrottled(outcome.retryAfterSec, requestId));
      case 'timeout':
        return this.#send(exchange, invokeTimeout(timeoutMs ?? 0, requestId));
      default: {
        const whole = await settled(outcome);
        if (whole.kind === 'response') return this.#send(exchange, invokeResponse(whole.payload, requestId));
        exchange.error = whole.type;
        return this.#send(exchange, invokeFunctionError(whole, requestId));
      }
    }
  }

  /** An accepted asynchronous invocation holds up the drain like a request does; its failure shows in the log alone. */
  #inBackground(requestId: string, dispatched: Promise<Dispatched>): void {
    this.#active++;
    const finished = dispatched.then(async ({ outcome }) => {
      if (outcome.kind === 'response') return;
      const failed = outcome.kind === 'stream' ? await settled(outcome) : outcome;
      if (failed.kind === 'response') return;
      const reason = failed.kind === 'error' ? failed.type : failed.kind;
      this.#options.logger.error({ requestId, reason }, 'asynchronous invocation failed and is not retried');
    });
    void finished.finally(() => this.#ended());
  }

  #fail(exchange: Exchange, kind: FrontFailure, headers: readonly string[] = []): void {
    exchange.error ??= kind;
    const answer = this.#options.format.failure(kind);
    this.#send(exchange, { ...answer, headers: [...answer.headers, ...headers] });
  }

  #send(exchange: Exchange, answer: HttpAnswer): void {
    if (answer.malformed !== undefined) exchange.error = `malformed answer: ${answer.malformed}`;
    exchange.bytesOut = answer.body.length;
    this.#write(exchange.response, exchange.request, answer);
  }

  #write(response: ServerResponse, request: IncomingMessage, answer: HttpAnswer): void {
    if (response.destroyed) return;
    const headers = this.#headers(answer.headers);
    if (answer.status !== 204 && answer.status !== 304) headers.push('Content-Length', String(answer.body.length));
    writeHead(response, answer, headers);
    response.end(request.method === 'HEAD' ? undefined : answer.body);
  }

  #headers(headers: readonly string[]): string[] {
    return this.#draining ? [...headers, 'Connection', 'close'] : [...headers];
  }

  #traceId(request: IncomingMessage): string {
    const given = request.headers['x-amzn-trace-id'];
    if (typeof given === 'string' && given !== '') return given;
    const { clock, random } = this.#options;
    const seconds = Math.floor(clock.now() / 1000).toString(16);
    return `Root=1-${seconds.padStart(8, '0')}-${random.hex(12)};Sampled=0`;
  }

  /** A programmer's error in the adapter itself: this request fails, the others go on. */
  #broke(exchange: Exchange, error: unknown): void {
    exchange.error = 'adapter error';
    this.#options.logger.error(
      { requestId: exchange.requestId, error: String((error as Error)?.stack ?? error) },
      'bug',
    );
    if (exchange.response.headersSent) exchange.response.destroy();
    else this.#fail(exchange, 'functionError');
  }

  #ended(): void {
    this.#active--;
    if (this.#active === 0) this.#whenIdle();
  }

  #logAccess(exchange: Exchange, target: string): void {
    const { clock, access } = this.#options;
    const { request, response, dispatched, error } = exchange;
    const line = {
      time: new Date(clock.now()).toISOString(),
      requestId: exchange.requestId,
      method: request.method,
      target,
      // 460 is what an ALB logs for a client that left before its answer.
      status: response.headersSent ? response.statusCode : 460,
      bytesIn: exchange.bytesIn,
      bytesOut: exchange.bytesOut,
      ms: round(clock.monotonic() - exchange.startedMs),
      queueMs: dispatched && round(dispatched.queueMs),
      runtimeMs: dispatched && round(dispatched.runtimeMs),
      runtime: dispatched?.runtime,
      traceId: request.headers['x-amzn-trace-id'],
      error,
    };
    access(JSON.stringify(line));
  }
}

function writeHead(response: ServerResponse, { status, reason }: AnswerHead, headers: string[]): void {
  if (reason === undefined) response.writeHead(status, headers);
  else response.writeHead(status, reason, headers);
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}

function wasForwarded(request: IncomingMessage): boolean {
  const { headers } = request;
  return (
    headers['x-forwarded-for'] !== undefined ||
    headers['x-forwarded-proto'] !== undefined ||
    headers['x-forwarded-port'] !== undefined
  );
}

/** The whole body; `tooLarge` as soon as that is known (node discards the rest), `gone` when the client left. */
function readBody(exchange: Exchange, bytesMax: number): Promise<Buffer | 'tooLarge' | 'gone'> {
  const { request } = exchange;
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) {
    request.resume();
    return Promise.resolve('tooLarge');
  }
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => {
      exchange.bytesIn += chunk.length;
      if (exchange.bytesIn <= bytesMax) chunks.push(chunk);
      else resolve('tooLarge');
    });
    request.on('end', () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
    request.on('close', () => resolve('gone'));
  });
}

function onDisconnect({ response }: Exchange, then: () => void): void {
  response.on('close', () => {
    if (!response.writableEnded) then();
  });
}
