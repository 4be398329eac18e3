/**
 * The HTTP side of the adapter: takes requests from the load balancer (or Invoke calls from an SDK), has them answered
 * through the dispatcher in the configured event format, and drains. Owns sockets, size limits, reserved paths and the
 * access log. Formats are the business of `events/`, runtimes that of the dispatcher.
 *
 * An Invoke call is only believed when it did not come through a load balancer: those add `x-forwarded-*`, and the event
 * of a public request must never be the client's to write.
 */
import type { Clock, Logger, Random, Timer } from '../core/index.ts';
import { accessLine } from './access-log.ts';
import type { Dispatcher } from './dispatcher.ts';
import { answerEvent, type EventCallOptions } from './event-call.ts';
import type { EventFormat, HttpAnswer } from './events/message.ts';
import { type Door, Exchange } from './exchange.ts';
import { HttpWire, type WireCall } from './http-wire.ts';
import { invokedFunction, OwnFunction } from './invoke-api.ts';
import { answerInvoke, type InvokeCallOptions } from './invoke-call.ts';
import type { Measures } from './measures.ts';
import { RequestIds } from './request-ids.ts';

/** Below the shortest timeout that a load balancer's health check can have (2 s). */
const READY_WAIT_MS = 1_500;
const RESERVED = '/_lambdacontainer/';
export const READY_PATH = `${RESERVED}ready`;
export const HEALTH_PATH = `${RESERVED}health`;
/** Answered in the task and its network alone, never through a load balancer. */
export const METRICS_PATH = `${RESERVED}metrics`;

/** An ALB passes on up to 64 KB of request headers. */
const HEAD_BYTES_MAX = 128 * 1024;
/** For so long a draining adapter waits for the request of a new connection. */
const SILENT_MS = 1_000;
/** A load balancer sends a head in one piece; a stranger must not hold a connection with half of one. */
const HEAD_TIMEOUT_MS = 60_000;

export interface FrontOptions {
  readonly dispatcher: Dispatcher;
  readonly format: EventFormat;
  readonly functionArn: string;
  readonly targetGroupArn: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly measures: Measures;
  /** Takes one access log line (JSON, without line end) per answered request. */
  readonly access: (line: string) => void;
  /** As told to an Invoke caller whose invocation timed out. */
  readonly timeoutMs?: number | undefined;
}

export class Front {
  readonly #options: FrontOptions;
  readonly #wire: HttpWire;
  readonly #ids: RequestIds;
  readonly #door: Door;
  readonly #eventCall: EventCallOptions;
  readonly #invokeCall: InvokeCallOptions;
  #active = 0;
  #drained: Promise<number> | undefined;
  #whenIdle: () => void = () => {};

  constructor(options: FrontOptions) {
    const { clock, logger } = options;
    this.#options = options;
    this.#door = { draining: false, nowMs: () => clock.now() };
    this.#ids = new RequestIds(options.random);
    this.#eventCall = { ...options, ids: this.#ids };
    this.#invokeCall = {
      ...options,
      timeoutMs: options.timeoutMs,
      own: new OwnFunction(options.functionArn),
      ids: this.#ids,
      logger,
      nowMs: () => clock.now(),
      inBackground: (ended) => {
        this.#active++;
        void ended.finally(() => this.#ended());
      },
    };
    const headTimeout = { ms: HEAD_TIMEOUT_MS, clock };
    this.#wire = new HttpWire({ headBytesMax: HEAD_BYTES_MAX, headTimeout, probesPeers: true }, (call) =>
      this.#serve(call),
    );
  }

  /** Starts listening; `port` 0 picks a free one. Resolves with the port. Rejects when the port is taken. */
  listen(port: number, host?: string): Promise<number> {
    return this.#wire.listen(port, host);
  }

  /** Whether a load balancer should send requests here. */
  get ready(): boolean {
    return !this.#door.draining && this.#options.dispatcher.ready;
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
    this.#door.draining = true;
    this.#wire.endWaiting();
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
    const closed = this.#wire.stopListening();
    // Who has connected a moment ago sends its request now; who connects and says nothing is not waited for.
    const silent = this.#options.clock.after(SILENT_MS, () => this.#wire.endIdle());
    await Promise.race([closed, expired]);
    silent.cancel();
    limit?.cancel();
    this.#wire.endAll();
    await closed;
    return abandoned;
  }

  #serve(call: WireCall): void {
    const { target } = call;
    const startedMs = this.#options.clock.monotonic();
    const exchange = new Exchange(call, this.#ids.request(), startedMs, this.#door);
    if (exchange.hosts !== 1 && call.version === '1.1') {
      // https://www.rfc-editor.org/rfc/rfc9112#section-3.2
      call.refuse(400);
      return;
    }
    if (target.startsWith(RESERVED) && this.#reserved(target, exchange)) return;
    this.#active++;
    let over = false;
    const done = (): void => {
      if (over) return;
      over = true;
      this.#account(exchange, target);
      this.#ended();
    };
    const guard = (step: () => void): void => {
      try {
        step();
      } catch (error) {
        this.#broke(exchange, error);
        done();
      }
    };
    const invoked = call.method === 'POST' && !exchange.forwarded ? invokedFunction(target) : undefined;
    if (invoked === undefined) {
      guard(() => answerEvent(exchange, this.#eventCall, guard, done));
    } else {
      answerInvoke(exchange, invoked, this.#invokeCall)
        .catch((error: unknown) => this.#broke(exchange, error))
        .finally(done);
    }
  }

  /** Health, readiness and metrics; they are neither counted nor logged. False: not one of ours. */
  #reserved(target: string, exchange: Exchange): boolean {
    const { method } = exchange.call;
    const path = target.split('?', 1)[0];
    const isMetrics = path === METRICS_PATH && !exchange.forwarded;
    if (path !== READY_PATH && path !== HEALTH_PATH && !isMetrics) return false;
    if (method !== 'GET' && method !== 'HEAD') return false;
    const { draining } = this.#door;
    if (isMetrics) exchange.send(metricsAnswer(this.#options.measures.text()));
    else if (path === HEALTH_PATH || draining) exchange.send(stateAnswer(path === HEALTH_PATH, draining));
    // A task that just started gets its traffic one health check interval earlier when the check waits for its runtime.
    else {
      void this.#options.dispatcher
        .whenReady(READY_WAIT_MS)
        .then(() => exchange.send(stateAnswer(this.ready, this.#door.draining)));
    }
    return true;
  }

  /** A programmer's error in the adapter itself: this request fails, the others go on. */
  #broke(exchange: Exchange, error: unknown): void {
    const { logger, format } = this.#options;
    exchange.error = 'adapter error';
    logger.error({ requestId: exchange.requestId, error: String((error as Error)?.stack ?? error) }, 'bug');
    if (exchange.status !== undefined) exchange.breakOff();
    else exchange.send(format.failure('functionError'));
  }

  #ended(): void {
    this.#active--;
    if (this.#active === 0) this.#whenIdle();
  }

  #account(exchange: Exchange, target: string): void {
    const { clock, access, measures } = this.#options;
    // 460 is what an ALB logs for a client that left before its answer.
    const { call, dispatched, startedMs, status = 460 } = exchange;
    measures.answered(status, dispatched);
    access(
      accessLine({
        timeMs: clock.now(),
        requestId: exchange.requestId,
        method: call.method,
        target,
        status,
        bytesIn: exchange.bytesIn,
        bytesOut: exchange.bytesOut,
        ms: clock.monotonic() - startedMs,
        queueMs: dispatched?.queueMs,
        runtimeMs: dispatched?.runtimeMs,
        runtime: dispatched?.runtime,
        traceId: exchange.traceId,
        error: exchange.error,
      }),
    );
  }
}

function metricsAnswer(text: string): HttpAnswer {
  const headers = ['Content-Type', 'text/plain; version=0.0.4; charset=utf-8'];
  return { status: 200, reason: undefined, headers, body: Buffer.from(text) };
}

function stateAnswer(good: boolean, draining: boolean): HttpAnswer {
  const text = good ? 'ok\n' : draining ? 'draining\n' : 'no runtime has asked for work\n';
  const headers = ['Content-Type', 'text/plain'];
  return { status: good ? 200 : 503, reason: undefined, headers, body: Buffer.from(text) };
}
