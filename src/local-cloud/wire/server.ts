/**
 * The cloud's HTTP port: reads requests, lets the router and the codecs find and run the operation, writes answers.
 * Routes that are not AWS operations (the registry, downloads) are given to their handlers before anything is read.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CloudCore } from '../cloud-core.ts';
import { AwsError } from '../contract.ts';
import { CATALOG, type ServiceEntry } from './catalog.ts';
import { errorAnswer } from './errors.ts';
import { type Answer, codecOf, encodeError, type WireRequest } from './protocols.ts';
import { credentialsOf, isForm, isUnsigned, operationOf, requireSignature, serviceOf, signingScope } from './router.ts';

export interface WireRoute {
  /** Start of the path, e.g. `/v2/`. */
  readonly prefix: string;
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;
}

export interface WireOptions {
  readonly cloud: Pick<CloudCore, 'callAsync' | 'requestId'>;
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly routes?: readonly WireRoute[];
  /** Told of errors that no machine meant to answer; the client gets `InternalFailure` with the message. */
  readonly onFault?: ((error: unknown) => void) | undefined;
}

/** Above Lambda's largest request: 50 MB of zip in base64. */
const BODY_BYTES_MAX = 96 << 20;
/** Longer than clients keep an idle connection, so that they end it and never write into a closing one. */
const KEEP_ALIVE_MS = 120_000;

/**
 * Serves the cloud over AWS's wire protocols. Resolves once it listens; `close` drops every connection.
 * @throws the listener's error (`EADDRINUSE` …)
 */
export function serveWire(options: WireOptions): Promise<{ port: number; close: () => Promise<void> }> {
  const { cloud, routes = [], onFault } = options;
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    const url = request.url ?? '/';
    const route = routes.find(({ prefix }) => url.startsWith(prefix));
    const served = route ? serveRoute(route, request, response) : serve(cloud, request, response, onFault);
    served.catch((error: unknown) => {
      // A client that went away is nobody's fault.
      if (!request.errored) onFault?.(error);
      response.destroy();
    });
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.off('error', reject);
      const close = () =>
        new Promise<void>((closed) => {
          server.close(() => closed());
          server.closeAllConnections();
        });
      resolve({ port: (server.address() as AddressInfo).port, close });
    });
  });
}

async function serveRoute(route: WireRoute, request: IncomingMessage, response: ServerResponse): Promise<void> {
  await route.handle(request, response);
}

async function serve(
  cloud: WireOptions['cloud'],
  incoming: IncomingMessage,
  response: ServerResponse,
  onFault: WireOptions['onFault'],
): Promise<void> {
  const request = await readRequest(incoming);
  if (!request) {
    response.writeHead(413).end();
    return;
  }
  // Whoever waits for a message and goes away must not be given one.
  const left = new AbortController();
  response.once('close', () => left.abort());
  const { status, headers, body } = await answer(cloud, request, left.signal, onFault);
  // An answer to HEAD tells the length of what GET would answer.
  headers['content-length'] ??= String(typeof body === 'string' ? Buffer.byteLength(body) : body.length);
  response.writeHead(status, headers).end(body);
}

/** The whole request; undefined when it is too large. @throws when the client goes away meanwhile */
async function readRequest(incoming: IncomingMessage): Promise<WireRequest | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    length += chunk.length;
    // What is too much is still read, or the client would never look at the answer.
    if (length <= BODY_BYTES_MAX) chunks.push(chunk);
  }
  if (length > BODY_BYTES_MAX) return undefined;
  const url = incoming.url ?? '/';
  const mark = url.indexOf('?');
  return {
    method: incoming.method ?? 'GET',
    path: mark === -1 ? url : url.slice(0, mark),
    query: new URLSearchParams(mark === -1 ? '' : url.slice(mark + 1)),
    headers: incoming.headers,
    body: Buffer.concat(chunks, length),
    labels: {},
  };
}

async function answer(
  cloud: WireOptions['cloud'],
  request: WireRequest,
  signal: AbortSignal,
  onFault: WireOptions['onFault'],
): Promise<Answer> {
  const requestId = cloud.requestId();
  const entry = serviceOf(request);
  const shown = entry ?? stranger(request);
  try {
    if (!entry || !isUnsigned(entry, request)) requireSignature(request, isXml(shown) ? '' : 'Exception');
    if (!entry) throw unknownService(request);
    const { operation, labels } = operationOf(entry, request);
    const codec = codecOf(entry, operation);
    const input = codec.decode({ ...request, labels });
    const output = await cloud.callAsync(entry.id, operation.name, input, requestId, signal, credentialsOf(request));
    return codec.encode(output, requestId);
  } catch (error) {
    if (error instanceof AwsError) return encodeError(shown, errorAnswer(shown, error), requestId);
    onFault?.(error);
    const fault = new AwsError('InternalFailure', `The local cloud failed: ${String(error)}`, 500);
    return encodeError(shown, errorAnswer(shown, fault), requestId);
  }
}

function isXml({ protocol }: ServiceEntry): boolean {
  return protocol === 'query' || protocol === 'rest-xml';
}

/** In whose protocol to refuse a request that means none of our services. */
function stranger(request: WireRequest): ServiceEntry {
  const like = CATALOG.get(isForm(request) ? 'iam' : 'ecs');
  if (!like) throw new Error('The catalog is incomplete');
  return like;
}

function unknownService(request: WireRequest): AwsError {
  const target = request.headers['x-amz-target'];
  const named = typeof target === 'string' ? target : (signingScope(request) ?? request.path);
  return new AwsError('UnknownOperationException', `The local cloud has no service for ${named}`, 404);
}
