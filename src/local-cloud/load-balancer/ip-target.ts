/**
 * Proxies one request to an ip target over pooled keep-alive connections, streaming both ways; the head of a request
 * with a body leaves together with the body's first bytes.
 *
 * Nothing is sent twice. A connection that the pool saw closing is not used again, and a request that was waiting for it
 * goes over a new one to the same target: not a byte of it had been written. Every error after the first byte was
 * written, and every refused connection, is the client's 502, as with an ALB: whether the target acted on a request
 * that it did not answer cannot be known, and a second target must not be asked to act again.
 */
import { PassThrough } from 'node:stream';
import type { Agent, Dispatcher } from 'undici';
import type { Exchange } from './exchange.ts';
import { responseHeaders } from './headers.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Sends the request; the answer, or a 502 or 504 page, goes to the client. */
export function proxy(agent: Agent, exchange: Exchange, address: Address, headers: readonly string[]): void {
  const { request } = exchange;
  agent.dispatch(
    {
      origin: `http://${address.host}:${address.port}`,
      path: request.url ?? '/',
      method: (request.method ?? 'GET') as Dispatcher.HttpMethod,
      headers: headers as string[],
      body: hasBody(exchange) ? bodyOf(exchange) : null,
      // The exchange watches over both directions.
      headersTimeout: 0,
      bodyTimeout: 0,
    },
    answerTo(exchange),
  );
}

function answerTo(exchange: Exchange): Dispatcher.DispatchHandler {
  const { response } = exchange;
  let controller: Dispatcher.DispatchController | undefined;
  let cancelled = false;
  let begun = false;
  exchange.onCancel = () => {
    cancelled = true;
    controller?.abort(new Error('the client has gone, or its time is up'));
  };
  return {
    onRequestStart(started) {
      controller = started;
      if (cancelled) started.abort(new Error('the client has gone'));
    },
    onResponseStart(started, status, _headers, reason) {
      // 1xx answers are of this connection: 100 was given to the client already, hints are not passed on.
      if (status < 200 || exchange.closed) return;
      exchange.touch();
      exchange.head(status, reason, responseHeaders((started.rawHeaders ?? []) as Buffer[]));
      // A head whose body is late (server-sent events) must not wait for it; one whose body is here goes out with it.
      queueMicrotask(() => {
        if (!begun && !exchange.closed && !response.writableEnded) response.flushHeaders();
      });
    },
    onResponseData(started, chunk) {
      begun = true;
      exchange.touch();
      if (exchange.closed || response.write(chunk)) return;
      started.pause();
      response.once('drain', () => {
        exchange.touch();
        started.resume();
      });
    },
    onResponseEnd() {
      if (!exchange.closed) response.end();
    },
    onResponseError(_controller, error) {
      if (!cancelled) exchange.fail((error as { code?: string }).code === 'UND_ERR_CONNECT_TIMEOUT' ? 504 : 502);
    },
  };
}

function hasBody({ request }: Exchange): boolean {
  return request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
}

/** A stream of its own: undici destroys what it is given, and the client's connection must survive for the 502. */
function bodyOf(exchange: Exchange): PassThrough {
  const body = new PassThrough();
  // Destroyed by undici after an error that has been answered by then.
  body.on('error', () => {});
  exchange.request.on('data', () => exchange.touch());
  return exchange.request.pipe(body);
}
