/**
 * A small HTTP listener that other rooms mount routes on: methods, path prefixes, a bounded body, an answer. It speaks
 * HTTP/1.1 without TLS, because a load balancer or a proxy stands before it, and listens to this machine alone unless
 * told otherwise. It knows nothing of what its routes do, and tells a caller nothing of what went wrong inside.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from '../core/index.ts';

export interface HttpRequest {
  /** Of the path, what follows the route's prefix, decoded. */
  readonly rest: string;
  /** Lower-case names; of several of one name, the last. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

export interface HttpAnswer {
  readonly status: number;
  /** Plain text, or an object as JSON. */
  readonly body: string | object;
  /** Of a text that is no plain one. */
  readonly contentType?: string;
}

/** Answers a path, or everything that begins like one. */
export type HttpRoute = {
  readonly method: 'GET' | 'POST';
  /** Default 0: nothing is sent to it. */
  readonly bodyBytesMax?: number;
  readonly handle: (request: HttpRequest) => HttpAnswer | Promise<HttpAnswer>;
} & (
  | {
      /** The whole path, e.g. `/metrics`. */
      readonly path: string;
    }
  | {
      /** Start of the path, e.g. `/webhooks/`. */
      readonly prefix: string;
    }
);

export interface ListenerOptions {
  readonly address: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly routes: readonly HttpRoute[];
  readonly logger: Logger;
}

export interface HttpListener {
  readonly port: number;
  /** Ends every connection. Idempotent. */
  readonly close: () => Promise<void>;
}

/** Whoever needs longer to say what they want is no webhook. */
const REQUEST_MS = 10_000;
const HEADERS_MS = 5_000;
const KEEP_ALIVE_MS = 5_000;
const HEADER_BYTES_MAX = 16 * 1024;
const CONNECTIONS_MAX = 256;

/** Resolves once it listens. @throws the listener's error (`EADDRINUSE` …) */
export function listen({ address, port, routes, logger }: ListenerOptions): Promise<HttpListener> {
  const server = createServer(
    {
      requestTimeout: REQUEST_MS,
      headersTimeout: HEADERS_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: HEADER_BYTES_MAX,
      connectionsCheckingInterval: 1_000,
    },
    (request, response) => {
      serve(routes, request, response).catch((error: unknown) => {
        // A client that went away is nobody's fault.
        if (!request.errored && !response.destroyed)
          logger.error({ err: error, path: request.url }, 'a request failed by a defect');
        if (response.headersSent) response.destroy();
        else answer(response, { status: 500, body: 'internal error' });
      });
    },
  );
  server.maxConnections = CONNECTIONS_MAX;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, () => {
      server.off('error', reject);
      server.on('error', (error) => logger.error({ err: error }, 'the HTTP listener failed'));
      resolve({
        port: (server.address() as AddressInfo).port,
        close: () =>
          new Promise<void>((closed) => {
            server.close(() => closed());
            server.closeAllConnections();
          }),
      });
    });
  });
}

async function serve(routes: readonly HttpRoute[], request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
  const matching = routes.filter((route) => ('path' in route ? path === route.path : path.startsWith(route.prefix)));
  const route = matching.find(({ method }) => method === request.method);
  const rest = decoded(route && 'prefix' in route ? path.slice(route.prefix.length) : '');
  if (!route || rest === undefined) {
    request.resume();
    if (matching.length === 0 || rest === undefined) return answer(response, { status: 404, body: 'not found' });
    response.setHeader('allow', matching.map(({ method }) => method).join(', '));
    return answer(response, { status: 405, body: 'method not allowed' });
  }
  const bytesMax = route.bodyBytesMax ?? 0;
  const body = await read(request, bytesMax);
  if (!body) {
    // The rest of it is not worth reading.
    response.setHeader('connection', 'close');
    return answer(response, { status: 413, body: `the body is larger than ${bytesMax} bytes` });
  }
  answer(response, await route.handle({ rest, headers: headersOf(request), body }));
}

/** Undefined when it is too large. @throws when the client goes away meanwhile */
async function read(request: IncomingMessage, bytesMax: number): Promise<Buffer | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) return undefined;
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > bytesMax) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

function headersOf({ headers }: IncomingMessage): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.at(-1) : value]),
  );
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function answer(response: ServerResponse, { status, body, contentType }: HttpAnswer): void {
  const text = `${typeof body === 'string' ? body.replace(/\n$/, '') : JSON.stringify(body)}\n`;
  response.writeHead(status, {
    'content-type': contentType ?? (typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/json'),
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(text);
}
