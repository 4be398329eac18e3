/**
 * The Lambda Runtime API of ONE function container: `next`, `response` (also streamed), `error`, `init/error`, as the
 * official runtime clients speak it. It hands over one invocation at a time by withholding `next`, and notices when its
 * runtime has gone: what was in flight then fails, and nothing else does. Used by the adapter (one per function
 * container) and by the local cloud's Lambda (one per execution environment).
 *
 * It neither starts nor stops processes, knows no queue beyond what `invoke` was given early, and has no timeouts of its
 * own: a caller that stops waiting ignores the outcome, while the runtime stays busy until it answers.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { Clock, Timer } from '../core/index.ts';

export interface InvocationContext {
  readonly requestId: string;
  /** Milliseconds since the epoch; goes to the runtime as it is. */
  readonly deadlineMs: number;
  readonly functionArn: string;
  readonly traceId?: string | undefined;
  /** JSON text. */
  readonly clientContext?: string | undefined;
  /** JSON text. */
  readonly cognitoIdentity?: string | undefined;
}

export interface StreamedBody {
  readonly contentType: string;
  /** Must be read to its end, or resumed: the runtime waits for it. Errors when the runtime dies in the middle. */
  readonly body: Readable;
  /** After the end: the error that the runtime reported in trailers, if it did. */
  readonly trailingError: () => InvocationError | undefined;
}

export interface InvocationError {
  /** As the runtime reported it; `Runtime.ExitError` when it died, `Function.ResponseSizeTooLarge` for an answer over 6 MB. */
  readonly type: string;
  /** JSON bytes, as the runtime sent them. */
  readonly payload: Buffer;
}

/** What became of an invocation. Never a rejection: a runtime's death is an outcome like any other. */
export type Outcome =
  | { readonly kind: 'response'; readonly contentType: string; readonly payload: Buffer }
  | ({ readonly kind: 'stream' } & StreamedBody)
  | ({ readonly kind: 'error' } & InvocationError);

export type RuntimeState =
  /** Has not asked for work yet. */
  | 'starting'
  /** Waits in `next`. */
  | 'ready'
  /** Has as many invocations as it takes at once, or is about to ask for the next one. */
  | 'busy'
  /** Its connection closed; a restarted process brings it back by asking for work. */
  | 'gone'
  /** Reported an init error and has not come back since. */
  | 'failed';

export interface RuntimeApiOptions {
  readonly clock: Clock;
  /**
   * How long after its runtime's connection closed an invocation is given up.
   * @default 1000
   */
  readonly graceMs?: number;
  /**
   * Invocations that the runtime takes at once. Above 1 the runtime must be in multi-concurrency mode
   * (`AWS_LAMBDA_MAX_CONCURRENCY`), where asking for more work while busy is normal.
   * @default 1
   */
  readonly maxConcurrency?: number;
}

/** Lambda's limit of a buffered answer: 6 MB and 100 bytes. */
export const RESPONSE_BYTES_MAX = 6 * 1024 * 1024 + 100;

/**
 * Clients that keep one connection from `next` to the answer, so that its end is their end. Others prove nothing by
 * closing: curl opens one per call, Go and Rust drop an idle one after 90 s, fetch after 4 s, and a handler may run for
 * hours. With those a death shows when the restarted process asks for work.
 */
const HOLDS_CONNECTION = /^(aws-lambda-(nodejs|python|java)|aws_lambda_cpp|lambdacontainer-runtime)/i;

const NEXT = '/2018-06-01/runtime/invocation/next';
const INIT_ERROR = '/2018-06-01/runtime/init/error';
const ANSWER = /^\/2018-06-01\/runtime\/invocation\/([^/]+)\/(response|error)$/;
const ACCEPTED = Buffer.from('{"status":"OK"}\n');

interface Flight {
  readonly event: Uint8Array;
  readonly context: InvocationContext;
  readonly resolve: (outcome: Outcome) => void;
  /** The connection that a break of would mean the runtime's end; undefined when a break means nothing. */
  socket: Socket | undefined;
  /** Its answer has begun to arrive. */
  answering: boolean;
  grace: Timer | undefined;
}

interface Parked {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

export class RuntimeApi {
  /** Called after every change of `state` or `free`. One listener: whoever hands out the work. */
  onChange: () => void = () => {};

  readonly maxConcurrency: number;
  readonly #clock: Clock;
  readonly #graceMs: number;
  readonly #server: Server;
  readonly #parked: Parked[] = [];
  readonly #inFlight = new Map<string, Flight>();
  readonly #early: Flight[] = [];
  #asked = false;
  #initError: InvocationError | undefined;
  /** When the runtime was last known to live, on the monotonic clock; undefined: known to be gone. */
  #seenMs: number | undefined;

  constructor(options: RuntimeApiOptions) {
    this.#clock = options.clock;
    this.#graceMs = options.graceMs ?? 1000;
    this.maxConcurrency = options.maxConcurrency ?? 1;
    // A runtime waits in `next` for as long as there is no work, and puts stack traces of up to 1 MB into a header.
    this.#server = createServer({ keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0, maxHeaderSize: 2 << 20 });
    this.#server.timeout = 0;
    this.#server.on('request', (request, response) => this.#serve(request, response));
    this.#server.on('connection', (socket: Socket) => socket.on('close', () => this.#connectionClosed(socket)));
  }

  /** Starts listening; `port` 0 picks a free one. Resolves with the port. Rejects when the port is taken. */
  listen(port = 0, host = '127.0.0.1'): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  get state(): RuntimeState {
    if (this.#inFlight.size > 0 && this.free === 0) return 'busy';
    if (this.#parked.length > 0) return 'ready';
    if (this.#initError) return 'failed';
    if (!this.#asked) return 'starting';
    // Between an answer and the next `next` there is a moment without either.
    return this.#seenMs !== undefined && this.#clock.monotonic() - this.#seenMs < this.#graceMs ? 'busy' : 'gone';
  }

  /** How many invocations would be handed over at once. */
  get free(): number {
    return Math.max(0, Math.min(this.#parked.length, this.maxConcurrency - this.#inFlight.size));
  }

  /** Invocations handed over and not answered. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** What the runtime reported to `init/error`, until it asks for work. */
  get initError(): InvocationError | undefined {
    return this.#initError;
  }

  /**
   * Hands the event to the runtime as soon as it asks for work, and resolves when it has answered, reported an error,
   * died, or failed to initialise. Never rejects. Invocations given early are served in order.
   */
  invoke(event: Uint8Array, context: InvocationContext): Promise<Outcome> {
    return new Promise((resolve) => {
      const flight: Flight = { event, context, resolve, socket: undefined, answering: false, grace: undefined };
      if (this.#initError && this.#parked.length === 0) {
        resolve({ kind: 'error', ...this.#initError });
        return;
      }
      this.#early.push(flight);
      this.#handOver();
    });
  }

  /** For a caller that owns the process: it has exited, so whatever it was given fails now. */
  runtimeExited(reason: string): void {
    this.#seenMs = undefined;
    for (const flight of [...this.#inFlight.values(), ...this.#early.splice(0)]) this.#fail(flight, reason);
    this.onChange();
  }

  /** Closes the port and every connection; what is in flight fails. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.runtimeExited('Runtime API closed');
    this.#server.closeAllConnections();
    await closed;
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const url = request.url ?? '';
    if (request.method === 'GET' && url === NEXT) {
      this.#next(request, response);
    } else if (request.method === 'POST' && url === INIT_ERROR) {
      this.#initFailed(request, response);
    } else {
      const match = request.method === 'POST' ? ANSWER.exec(url) : null;
      const flight = match ? this.#inFlight.get(match[1] ?? '') : undefined;
      if (!match) refuse(request, response, 404, 'InvalidRequest', `no such path: ${request.method} ${url}`);
      else if (!flight || flight.answering) refuse(request, response, 400, 'InvalidRequestID', 'Invalid request ID');
      else if (match[2] === 'error') this.#errored(flight, request, response);
      else if (isStreaming(request)) this.#streamed(flight, request, response);
      else this.#answered(flight, request, response);
    }
  }

  #next(request: IncomingMessage, response: ServerResponse): void {
    if (this.maxConcurrency === 1) {
      // One invocation at a time: whoever asks again without an answer is a new process, or has forgotten the old work.
      for (const flight of this.#inFlight.values()) this.#fail(flight, 'Runtime exited without providing a response');
      for (const parked of this.#parked.splice(0)) parked.response.destroy();
    }
    const parked: Parked = { request, response };
    this.#parked.push(parked);
    this.#asked = true;
    this.#initError = undefined;
    response.on('close', () => {
      const index = this.#parked.indexOf(parked);
      if (index < 0) return;
      this.#parked.splice(index, 1);
      this.#seenMs = undefined;
      this.onChange();
    });
    this.#handOver();
    this.onChange();
  }

  #handOver(): void {
    while (this.free > 0) {
      const flight = this.#early.shift();
      if (!flight) return;
      const parked = this.#parked.shift();
      if (!parked) return;
      this.#deliver(flight, parked);
    }
  }

  #deliver(flight: Flight, { request, response }: Parked): void {
    const { context, event } = flight;
    if (HOLDS_CONNECTION.test(request.headers['user-agent'] ?? '')) flight.socket = request.socket;
    this.#inFlight.set(context.requestId, flight);
    const headers = [
      'Content-Type',
      'application/json',
      'Content-Length',
      String(event.byteLength),
      'Lambda-Runtime-Aws-Request-Id',
      context.requestId,
      'Lambda-Runtime-Deadline-Ms',
      String(Math.trunc(context.deadlineMs)),
      'Lambda-Runtime-Invoked-Function-Arn',
      context.functionArn,
    ];
    if (context.traceId) headers.push('Lambda-Runtime-Trace-Id', context.traceId);
    if (context.clientContext) headers.push('Lambda-Runtime-Client-Context', context.clientContext);
    if (context.cognitoIdentity) headers.push('Lambda-Runtime-Cognito-Identity', context.cognitoIdentity);
    response.writeHead(200, headers);
    response.end(event);
    // The runtime may have died since it asked: its connection is then closed already, and no event will say so.
    if (request.socket.destroyed) this.#suspect(flight);
  }

  #answered(flight: Flight, request: IncomingMessage, response: ServerResponse): void {
    this.#collect(flight, request, (payload) => {
      if (!payload) {
        const message = `Response payload size exceeded maximum allowed payload size (${RESPONSE_BYTES_MAX} bytes).`;
        const type = 'Function.ResponseSizeTooLarge';
        this.#settle(flight, { kind: 'error', type, payload: errorPayload(type, message) });
        refuse(request, response, 413, 'RequestEntityTooLarge', message);
        return;
      }
      const contentType = request.headers['content-type'] ?? 'application/json';
      this.#settle(flight, { kind: 'response', contentType, payload });
      accept(response);
    });
  }

  #errored(flight: Flight, request: IncomingMessage, response: ServerResponse): void {
    this.#collect(flight, request, (payload = Buffer.alloc(0)) => {
      this.#settle(flight, { kind: 'error', ...reportedError(request, payload) });
      accept(response);
    });
  }

  #streamed(flight: Flight, request: IncomingMessage, response: ServerResponse): void {
    flight.answering = true;
    flight.grace?.cancel();
    const trailingError = (): InvocationError | undefined => {
      const type = request.trailers['lambda-runtime-function-error-type'];
      if (type === undefined) return undefined;
      const body = request.trailers['lambda-runtime-function-error-body'] ?? '';
      return { type, payload: Buffer.from(body, 'base64') };
    };
    request.on('end', () => {
      accept(response);
      this.#land(flight);
    });
    request.on('close', () => this.#land(flight));
    const contentType = request.headers['content-type'] ?? 'application/octet-stream';
    flight.resolve({ kind: 'stream', contentType, body: request, trailingError });
  }

  /** Reads a whole body; `done` gets undefined when it is too large. A body that breaks off fails the invocation. */
  #collect(flight: Flight, request: IncomingMessage, done: (payload: Buffer | undefined) => void): void {
    flight.answering = true;
    flight.grace?.cancel();
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= RESPONSE_BYTES_MAX) chunks.push(chunk);
      else chunks.length = 0;
    });
    request.on('end', () => done(bytes > RESPONSE_BYTES_MAX ? undefined : joined(chunks)));
    request.on('close', () => {
      if (request.complete) return;
      flight.answering = false;
      flight.socket = request.socket;
      this.#suspect(flight);
    });
  }

  #initFailed(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const error = reportedError(request, joined(chunks));
      this.#initError = error;
      this.#seenMs = undefined;
      for (const flight of this.#early.splice(0)) flight.resolve({ kind: 'error', ...error });
      if (this.maxConcurrency === 1) {
        for (const flight of this.#inFlight.values()) this.#fail(flight, 'Runtime exited without providing a response');
      }
      accept(response);
      this.onChange();
    });
  }

  #connectionClosed(socket: Socket): void {
    for (const flight of this.#inFlight.values()) if (flight.socket === socket) this.#suspect(flight);
  }

  /** Gives up the flight after the grace, unless its answer arrives on another connection. */
  #suspect(flight: Flight): void {
    if (flight.answering || flight.grace) return;
    flight.grace = this.#clock.after(this.#graceMs, () => {
      if (flight.answering || this.#inFlight.get(flight.context.requestId) !== flight) return;
      this.#seenMs = undefined;
      this.#fail(flight, 'Runtime exited without providing a response');
      this.onChange();
    });
  }

  #fail(flight: Flight, reason: string): void {
    const type = 'Runtime.ExitError';
    const message = `RequestId: ${flight.context.requestId} Error: ${reason}`;
    const alive = this.#seenMs;
    this.#settle(flight, { kind: 'error', type, payload: errorPayload(type, message) });
    this.#seenMs = alive;
  }

  #settle(flight: Flight, outcome: Outcome): void {
    flight.resolve(outcome);
    this.#land(flight);
  }

  #land(flight: Flight): void {
    flight.grace?.cancel();
    if (this.#inFlight.get(flight.context.requestId) !== flight) return;
    this.#inFlight.delete(flight.context.requestId);
    this.#seenMs = this.#clock.monotonic();
    this.#handOver();
    this.onChange();
  }
}

/** `{"errorType":…,"errorMessage":…}` as Lambda words an error of its own. */
export function errorPayload(errorType: string, errorMessage: string): Buffer {
  return Buffer.from(JSON.stringify({ errorType, errorMessage }));
}

/** Reads an outcome to its end: a stream becomes its bytes, or the error that it broke off with. */
export async function settled(outcome: Outcome): Promise<Exclude<Outcome, { kind: 'stream' }>> {
  if (outcome.kind !== 'stream') return outcome;
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of outcome.body) chunks.push(chunk as Buffer);
  } catch {
    // The only way for this stream to break is that its writer has gone.
    const type = 'Runtime.ExitError';
    return { kind: 'error', type, payload: errorPayload(type, 'Runtime exited in the middle of a streamed response') };
  }
  const error = outcome.trailingError();
  if (error) return { kind: 'error', ...error };
  return { kind: 'response', contentType: outcome.contentType, payload: Buffer.concat(chunks) };
}

function isStreaming(request: IncomingMessage): boolean {
  return String(request.headers['lambda-runtime-function-response-mode'] ?? '').toLowerCase() === 'streaming';
}

function reportedError(request: IncomingMessage, payload: Buffer): InvocationError {
  const given = request.headers['lambda-runtime-function-error-type'];
  return {
    type: typeof given === 'string' && given !== '' ? given : (errorTypeOf(payload) ?? 'Runtime.Unknown'),
    payload,
  };
}

function errorTypeOf(payload: Buffer): string | undefined {
  try {
    const { errorType } = JSON.parse(payload.toString('utf8')) as { errorType?: unknown };
    return typeof errorType === 'string' && errorType !== '' ? errorType : undefined;
  } catch {
    // Not JSON: a shell bootstrap may report plain text, which is passed on as it is.
    return undefined;
  }
}

function joined(chunks: readonly Buffer[]): Buffer {
  const [only] = chunks;
  return chunks.length === 1 && only ? only : Buffer.concat(chunks);
}

function accept(response: ServerResponse): void {
  response.writeHead(202, { 'Content-Type': 'application/json', 'Content-Length': ACCEPTED.length });
  response.end(ACCEPTED);
}

function refuse(request: IncomingMessage, response: ServerResponse, status: number, type: string, text: string): void {
  request.resume();
  const body = errorPayload(type, text);
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': body.length });
  response.end(body);
}
