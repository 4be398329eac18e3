/**
 * A request of the function's users: HTTP becomes an event in the configured format, the outcome becomes HTTP again.
 * Each of the functions here ends with exactly one answer and one `done`.
 */
import type { Clock } from '../core/index.ts';
import type { Dispatched, Dispatcher } from './dispatcher.ts';
import type { EventFormat, FrontFailure } from './events/message.ts';
import type { Exchange } from './exchange.ts';
import { PRELUDE_TYPE, readPrelude } from './prelude.ts';
import type { RequestIds } from './request-ids.ts';
import { type StreamedBody, settled } from './runtime-api.ts';

export interface EventCallOptions {
  readonly dispatcher: Dispatcher;
  readonly format: EventFormat;
  readonly functionArn: string;
  readonly targetGroupArn: string;
  readonly clock: Clock;
  readonly ids: RequestIds;
}

/** Keeps a programmer's error in a callback from reaching anything but its own request, which it ends. */
export type Guard = (step: () => void) => void;

/** Calls `done` once the request is over: answered, or left by its client. */
export function answerEvent(exchange: Exchange, options: EventCallOptions, guard: Guard, done: () => void): void {
  const { call, requestId } = exchange;
  const { format, clock, ids } = options;
  const fail = (kind: FrontFailure, headers?: readonly string[]): void => {
    failed(exchange, format, kind, headers);
    done();
  };
  if (exchange.wantsWebSocket) {
    fail('upgradeRefused');
    return;
  }
  exchange.readBody(format.requestBytesMax, (body) =>
    guard(() => {
      if (body === 'gone') return done();
      if (body === 'tooLarge') return fail('requestTooLarge');
      const nowMs = clock.now();
      const event = format.event(
        {
          method: call.method,
          target: call.target,
          protocol: `HTTP/${call.version}`,
          headers: call.headers,
          body,
          sourceIp: call.connection.remoteAddress,
        },
        { requestId, functionArn: options.functionArn, targetGroupArn: options.targetGroupArn, nowMs },
      );
      const traceId = exchange.traceId || ids.trace(nowMs);
      const ticket = options.dispatcher.submit({ requestId, event, traceId }, (dispatched) =>
        guard(() => answer(exchange, format, dispatched, guard, done)),
      );
      if (!exchange.dispatched) exchange.onGone(() => ticket.cancel());
    }),
  );
}

function answer(exchange: Exchange, format: EventFormat, dispatched: Dispatched, guard: Guard, done: () => void): void {
  exchange.dispatched = dispatched;
  const { outcome } = dispatched;
  switch (outcome.kind) {
    case 'response':
      exchange.send(format.answer(outcome.payload));
      break;
    case 'stream':
      answerStream(exchange, format, outcome).then(done, (error: unknown) =>
        guard(() => {
          throw error;
        }),
      );
      return;
    case 'error':
      exchange.error = outcome.type;
      failed(exchange, format, 'functionError');
      break;
    case 'timeout':
      failed(exchange, format, 'timeout');
      break;
    case 'overloaded':
      failed(exchange, format, 'overloaded', ['Retry-After', String(outcome.retryAfterSec)]);
      break;
    case 'cancelled':
      break;
  }
  done();
}

/** With prelude through to the client as it comes, without one as the format has it. */
async function answerStream(exchange: Exchange, format: EventFormat, stream: StreamedBody & { kind: 'stream' }) {
  let head = format.rawStreamHead(stream.contentType);
  if (stream.contentType === PRELUDE_TYPE) {
    const prelude = await readPrelude(stream.body);
    const read = prelude ? format.streamHead(prelude.metadata) : 'stream without a valid prelude';
    if (typeof read === 'string') {
      stream.body.resume();
      exchange.error = stream.trailingError()?.type ?? read;
      failed(exchange, format, 'functionError');
      return;
    }
    head = read;
  }
  if (head) {
    const known = head;
    await new Promise<void>((resolve) => exchange.pour(known, stream, resolve));
    return;
  }
  const whole = await settled(stream);
  if (whole.kind === 'response') {
    exchange.send(format.answer(whole.payload));
  } else {
    exchange.error = whole.type;
    failed(exchange, format, 'functionError');
  }
}

function failed(exchange: Exchange, format: EventFormat, kind: FrontFailure, headers: readonly string[] = []): void {
  exchange.error ??= kind;
  const answer = format.failure(kind);
  exchange.send(headers.length === 0 ? answer : { ...answer, headers: [...answer.headers, ...headers] });
}
