/**
 * The Lambda Runtime API of ONE function container: `next`, `response` (also streamed), `error`, `init/error`, as the
 * official runtime clients speak it. It hands over one invocation at a time by withholding `next`, and notices when its
 * runtime has gone: what was in flight then fails, and nothing else does. Used by the adapter (one per function
 * container) and by the local cloud's Lambda (one per execution environment).
 *
 * It neither starts nor stops processes, knows no queue beyond what `invoke` was given early, and has no timeouts of its
 * own: a caller that stops waiting ignores the outcome, while the runtime stays busy until it answers.
 */
import type { Readable } from 'node:stream';
import { type Clock, type Logger, silentLogger, type Timer } from '../core/index.ts';
import { Extensions, type FunctionFacts } from './extensions.ts';
import type { Connection } from './http-connection.ts';
import { HttpWire, type WireCall, wholeAnswer } from './http-wire.ts';
import { PRELUDE_TYPE } from './prelude.ts';

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
  /** Has not asked for work yet, or an extension beside it has not. */
  | 'starting'
  /** Waits in `next`. */
  | 'ready'
  /** Has as many invocations as it takes at once, is about to ask for the next one, or waits for its extensions. */
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
  /** What extensions are told of the function. @default empty texts */
  readonly facts?: FunctionFacts;
  /** Takes what extensions do and fail at. @default none */
  readonly logger?: Logger;
}

const NO_FACTS: FunctionFacts = { functionName: '', functionVersion: '$LATEST', handler: '', accountId: '' };

/** Runtimes put stack traces of up to 1 MB into a header. */
const HEAD_BYTES_MAX = 2 << 20;

/** Lambda's limit of a buffered answer: 6 MB and 100 bytes. */
export const RESPONSE_BYTES_MAX = 6 * 1024 * 1024 + 100;

/**
 * Clients that keep one connection from `next` to the answer, so that its end is their end. Go's and Rust's drop an idle
 * one after 90 s, and a handler may run for hours: with those an end proves something only before. Others prove nothing by
 * closing (curl opens a connection per call, fetch drops one after 4 s): there a death shows when the restarted process
 * asks for work.
 */
const HOLDS_CONNECTION = /^(aws-lambda-(nodejs|python|java)|aws_lambda_cpp|lambdacontainer-runtime)/i;
const HOLDS_FOR_A_WHILE = /^aws-lambda-(go|rust)/i;
const A_WHILE_MS = 80_000;

const NEXT = '/2018-06-01/runtime/invocation/next';
const INIT_ERROR = '/2018-06-01/runtime/init/error';
const ANSWER = /^\/2018-06-01\/runtime\/invocation\/([^/]+)\/(response|error)$/;
const JSON_TYPE = 'Content-Type: application/json\r\n';
const ACCEPTED = wholeAnswer(202, JSON_TYPE, '{"status":"OK"}\n');

interface Flight {
  readonly event: Uint8Array;
  readonly context: InvocationContext;
  readonly settle: (outcome: Outcome) => void;
  /** The connection whose break would mean the runtime's end; undefined when a break means nothing. */
  connection: Connection | undefined;
  /** Until when it would, on the monotonic clock. */
  heldUntilMs: number;
  /** Its answer has begun to arrive. */
  answering: boolean;
  grace: Timer | undefined;
}

export class RuntimeApi {
  /** Called after every change of `state` or `free`. One listener: whoever hands out the work. */
  onChange: () => void = () => {};

  readonly maxConcurrency: number;
  readonly #clock: Clock;
  readonly #graceMs: number;
  readonly #wire: HttpWire;
  readonly #extensions: Extensions;
  /** Requests for work that wait. */
  readonly #parked: WireCall[] = [];
  readonly #inFlight = new Map<string, Flight>();
  readonly #early: Flight[] = [];
  #lastAgent = '';
  #lastHeldMs = 0;
  #asked = false;
  #served = false;
  #initError: InvocationError | undefined;
  /** When the runtime was last known to live, on the monotonic clock; undefined: known to be gone. */
  #seenMs: number | undefined;

  constructor(options: RuntimeApiOptions) {
    this.#clock = options.clock;
    this.#graceMs = options.graceMs ?? 1000;
    this.maxConcurrency = options.maxConcurrency ?? 1;
    this.#extensions = new Extensions({
      clock: options.clock,
      logger: options.logger ?? silentLogger,
      facts: options.facts ?? NO_FACTS,
      sendsInvoke: this.maxConcurrency === 1,
      onSettled: () => {
        this.#handOver();
        this.onChange();
      },
    });
    this.#wire = new HttpWire({ headBytesMax: HEAD_BYTES_MAX, remembersHeads: true }, (call) => this.#serve(call));
    this.#wire.onConnectionClosed = (connection) => this.#connectionClosed(connection);
  }

  /** Starts listening; `port` 0 picks a free one. Resolves with the port. Rejects when the port is taken. */
  listen(port = 0, host = '127.0.0.1'): Promise<number> {
    return this.#wire.listen(port, host);
  }

  get state(): RuntimeState {
    if (this.#inFlight.size > 0 && this.free === 0) return 'busy';
    if (this.#parked.length > 0 && this.#extensions.settled) return 'ready';
    if (this.#parked.length > 0) return this.#served ? 'busy' : 'starting';
    if (this.#initError) return 'failed';
    if (!this.#asked) return 'starting';
    // Between an answer and the next `next` there is a moment without either.
    return this.#seenMs !== undefined && this.#clock.monotonic() - this.#seenMs < this.#graceMs ? 'busy' : 'gone';
  }

  /** How many invocations would be handed over at once. */
  get free(): number {
    if (this.#parked.length === 0 || !this.#extensions.settled) return 0;
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
    return new Promise((resolve) => this.give(event, context, resolve));
  }

  /** As `invoke`, without the promise: `settle` is called exactly once, possibly before this returns. */
  give(event: Uint8Array, context: InvocationContext, settle: (outcome: Outcome) => void): void {
    if (this.#initError && this.#parked.length === 0) {
      settle({ kind: 'error', ...this.#initError });
      return;
    }
    this.#early.push({
      event,
      context,
      settle,
      connection: undefined,
      heldUntilMs: Number.POSITIVE_INFINITY,
      answering: false,
      grace: undefined,
    });
    this.#handOver();
  }

  /** For a caller that owns the process: it has exited, so whatever it was given fails now. */
  runtimeExited(reason: string): void {
    this.#seenMs = undefined;
    for (const flight of [...this.#inFlight.values(), ...this.#early.splice(0)]) this.#fail(flight, reason);
    this.onChange();
  }

  /** Tells the extensions to end. Resolves when they have, or after two seconds. */
  shutdown(): Promise<void> {
    return this.#extensions.shutdown();
  }

  /** Closes the port and every connection; what is in flight fails. */
  async close(): Promise<void> {
    this.runtimeExited('Runtime API closed');
    await this.#wire.close();
  }

  #serve(call: WireCall): void {
    const { method, target } = call;
    if (method === 'GET' && target === NEXT) {
      this.#next(call);
    } else if (method === 'POST' && target === INIT_ERROR) {
      this.#initFailed(call);
    } else {
      const match = method === 'POST' ? ANSWER.exec(target) : null;
      if (!match && this.#extensions.serve(call)) return;
      const flight = match ? this.#inFlight.get(match[1] ?? '') : undefined;
      if (!match) refuse(call, 404, 'InvalidRequest', `no such path: ${method} ${target}`);
      else if (!flight || flight.answering) refuse(call, 400, 'InvalidRequestID', 'Invalid request ID');
      else if (match[2] === 'error') this.#errored(flight, call);
      else if (isStreaming(call)) this.#streamed(flight, call);
      else this.#answered(flight, call);
    }
  }

  #next(call: WireCall): void {
    if (this.maxConcurrency === 1 && (this.#inFlight.size > 0 || this.#parked.length > 0)) {
      // One invocation at a time: whoever asks again without an answer is a new process, or has forgotten the old work.
      for (const flight of this.#inFlight.values()) this.#fail(flight, 'Runtime exited without providing a response');
      for (const parked of this.#parked.splice(0)) parked.connection.destroy();
    }
    this.#parked.push(call);
    this.#asked = true;
    this.#initError = undefined;
    call.gone = () => {
      const index = this.#parked.indexOf(call);
      if (index < 0) return;
      this.#parked.splice(index, 1);
      this.#seenMs = undefined;
      this.onChange();
    };
    this.#extensions.hurry();
    this.#handOver();
    this.onChange();
  }

  #handOver(): void {
    while (this.#early.length > 0 && this.free > 0) {
      const flight = this.#early.shift();
      const parked = this.#parked.shift();
      if (!flight || !parked) return;
      this.#deliver(flight, parked);
    }
  }

  #deliver(flight: Flight, call: WireCall): void {
    const { context, event } = flight;
    const { connection } = call;
    const heldMs = connection.keptAlive ? this.#heldMs(call.header('user-agent') ?? '') : 0;
    if (heldMs > 0) {
      flight.connection = connection;
      flight.heldUntilMs = heldMs + this.#clock.monotonic();
    }
    this.#inFlight.set(context.requestId, flight);
    this.#served = true;
    let headers =
      `${JSON_TYPE}Lambda-Runtime-Aws-Request-Id: ${context.requestId}\r\n` +
      `Lambda-Runtime-Deadline-Ms: ${Math.trunc(context.deadlineMs)}\r\n` +
      `Lambda-Runtime-Invoked-Function-Arn: ${context.functionArn}\r\n`;
    if (context.traceId) headers += `Lambda-Runtime-Trace-Id: ${context.traceId}\r\n`;
    if (context.clientContext) headers += `Lambda-Runtime-Client-Context: ${headerJson(context.clientContext)}\r\n`;
    if (context.cognitoIdentity)
      headers += `Lambda-Runtime-Cognito-Identity: ${headerJson(context.cognitoIdentity)}\r\n`;
    call.answer(200, headers, event);
    this.#extensions.invoked(context);
    // The runtime may have died since it asked: its connection is then closed already, and no event will say so.
    if (connection.destroyed) this.#suspect(flight);
  }

  /** For how long this client keeps its connection for the answer; remembered, because it is nearly always the same one. */
  #heldMs(agent: string): number {
    if (agent !== this.#lastAgent) {
      this.#lastAgent = agent;
      const aWhile = HOLDS_FOR_A_WHILE.test(agent) ? A_WHILE_MS : 0;
      this.#lastHeldMs = HOLDS_CONNECTION.test(agent) ? Number.POSITIVE_INFINITY : aWhile;
    }
    return this.#lastHeldMs;
  }

  #answered(flight: Flight, call: WireCall): void {
    this.#collect(flight, call, (payload) => {
      if (!payload) {
        const message = `Response payload size exceeded maximum allowed payload size (${RESPONSE_BYTES_MAX} bytes).`;
        const type = 'Function.ResponseSizeTooLarge';
        refuse(call, 413, 'RequestEntityTooLarge', message);
        this.#settle(flight, { kind: 'error', type, payload: errorPayload(type, message) });
        return;
      }
      const contentType = call.header('content-type') ?? 'application/json';
      const failed = trailingError(call);
      accept(call);
      if (failed) {
        // Go's client reports a reader that failed in the middle like this, streaming or not.
        this.#settle(flight, { kind: 'error', ...failed });
        return;
      }
      this.#settle(flight, { kind: 'response', contentType, payload });
    });
  }

  #errored(flight: Flight, call: WireCall): void {
    this.#collect(flight, call, (payload = Buffer.alloc(0)) => {
      accept(call);
      this.#settle(flight, { kind: 'error', ...reportedError(call, payload) });
    });
  }

  #streamed(flight: Flight, call: WireCall): void {
    flight.answering = true;
    flight.grace?.cancel();
    const body = call.stream();
    body.on('end', () => {
      accept(call);
      this.#land(flight);
    });
    body.on('close', () => this.#land(flight));
    const contentType = call.header('content-type') ?? 'application/octet-stream';
    flight.settle({ kind: 'stream', contentType, body, trailingError: () => trailingError(call) });
  }

  /** Reads a whole body; `done` gets undefined when it is too large. A body that breaks off fails the invocation. */
  #collect(flight: Flight, call: WireCall, done: (payload: Buffer | undefined) => void): void {
    flight.answering = true;
    flight.grace?.cancel();
    call.gone = () => {
      flight.answering = false;
      flight.connection = call.connection;
      flight.heldUntilMs = Number.POSITIVE_INFINITY;
      this.#suspect(flight);
    };
    call.collect(RESPONSE_BYTES_MAX, done);
  }

  #initFailed(call: WireCall): void {
    call.collect(RESPONSE_BYTES_MAX, (payload = Buffer.alloc(0)) => {
      const error = reportedError(call, payload);
      this.#initError = error;
      this.#seenMs = undefined;
      for (const flight of this.#early.splice(0)) flight.settle({ kind: 'error', ...error });
      if (this.maxConcurrency === 1) {
        for (const flight of this.#inFlight.values()) this.#fail(flight, 'Runtime exited without providing a response');
      }
      accept(call);
      this.onChange();
    });
  }

  #connectionClosed(connection: Connection): void {
    for (const flight of this.#inFlight.values()) {
      if (flight.connection === connection && this.#clock.monotonic() < flight.heldUntilMs) this.#suspect(flight);
    }
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
    flight.settle(outcome);
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

/** JSON text as a header can carry it: on one line, everything beyond ASCII escaped. */
function headerJson(text: string): string {
  return text
    .replace(/[\r\n\t]/g, ' ')
    .replace(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Said so, or by the type of the answer: Go's client does not say so. */
function isStreaming(call: WireCall): boolean {
  return (
    call.header('lambda-runtime-function-response-mode')?.toLowerCase() === 'streaming' ||
    call.header('content-type') === PRELUDE_TYPE
  );
}

/** What the runtime reported after the body of its answer. */
function trailingError(call: WireCall): InvocationError | undefined {
  const type = call.trailer('lambda-runtime-function-error-type');
  if (type === undefined) return undefined;
  const body = call.trailer('lambda-runtime-function-error-body') ?? '';
  return { type, payload: Buffer.from(body, 'base64') };
}

function reportedError(call: WireCall, payload: Buffer): InvocationError {
  const given = call.header('lambda-runtime-function-error-type');
  return { type: given ? given : (errorTypeOf(payload) ?? 'Runtime.Unknown'), payload };
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

function accept(call: WireCall): void {
  call.answerWhole(ACCEPTED);
}

function refuse(call: WireCall, status: number, type: string, text: string): void {
  call.answer(status, JSON_TYPE, errorPayload(type, text));
}
