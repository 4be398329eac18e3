/**
 * An Invoke call of an SDK or the AWS CLI: reads it, has it done, words the answer by `invoke-api.ts`. Resolves when the
 * caller has its answer. An asynchronous one is answered at once and runs on; it is not retried, as the log says.
 */
import type { Logger } from '../core/index.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { Exchange, ReadBody } from './exchange.ts';
import {
  ASYNC_BYTES_MAX,
  type InvokedFunction,
  invokeAccepted,
  invokeDryRun,
  invokeEvent,
  invokeFunctionError,
  invokeRequest,
  invokeResponse,
  invokeThrottled,
  invokeTimeout,
  invokeTooLarge,
  type OwnFunction,
  SYNC_BYTES_MAX,
} from './invoke-api.ts';
import type { RequestIds } from './request-ids.ts';
import { settled } from './runtime-api.ts';

export interface InvokeCallOptions {
  readonly dispatcher: Dispatcher;
  readonly own: OwnFunction;
  /** As told to a caller whose invocation timed out. */
  readonly timeoutMs: number | undefined;
  readonly ids: RequestIds;
  readonly logger: Logger;
  readonly nowMs: () => number;
  /** Holds up the drain until the asynchronous invocation has ended. */
  readonly inBackground: (ended: Promise<void>) => void;
}

export async function answerInvoke(
  exchange: Exchange,
  invoked: InvokedFunction,
  options: InvokeCallOptions,
): Promise<void> {
  const { requestId, call } = exchange;
  const { dispatcher, own } = options;
  const asked = invokeRequest(call.headers, requestId);
  const bytesMax = 'type' in asked && asked.type === 'Event' ? ASYNC_BYTES_MAX : SYNC_BYTES_MAX;
  const payload = await new Promise<ReadBody>((resolve) => exchange.readBody(bytesMax, resolve));
  if (payload === 'gone') return;
  if (payload === 'tooLarge') return exchange.send(invokeTooLarge(bytesMax, requestId));
  const wrong = own.misnamed(invoked, requestId);
  if (wrong) return exchange.send(wrong);
  if (!('type' in asked)) return exchange.send(asked);
  const event = invokeEvent(payload, requestId);
  if (!Buffer.isBuffer(event)) return exchange.send(event);
  if (asked.type === 'DryRun') return exchange.send(invokeDryRun(requestId));
  const traceId = exchange.traceId || options.ids.trace(options.nowMs());
  const invocation = { requestId, event, traceId, clientContext: asked.clientContext };
  if (asked.type === 'Event') {
    options.inBackground(unanswered(requestId, dispatcher.dispatch(invocation), options.logger));
    exchange.send(invokeAccepted(requestId));
    return;
  }
  const dispatched = await new Promise<NonNullable<typeof exchange.dispatched>>((resolve) => {
    const ticket = dispatcher.submit(invocation, resolve);
    exchange.onGone(() => ticket.cancel());
  });
  exchange.dispatched = dispatched;
  const { outcome, runtimeMs } = dispatched;
  const facts = { requestId, version: own.executedVersion, tail: asked.tail, runtimeMs };
  switch (outcome.kind) {
    case 'cancelled':
      return;
    case 'overloaded':
      return exchange.send(invokeThrottled(outcome.retryAfterSec, requestId));
    case 'timeout':
      return exchange.send(invokeTimeout(options.timeoutMs ?? 0, facts));
    default: {
      const whole = await settled(outcome);
      if (whole.kind === 'response') return exchange.send(invokeResponse(whole.payload, facts));
      exchange.error = whole.type;
      return exchange.send(invokeFunctionError(whole, facts));
    }
  }
}

/** An accepted asynchronous invocation: its failure shows in the log alone. */
async function unanswered(requestId: string, dispatched: ReturnType<Dispatcher['dispatch']>, logger: Logger) {
  const { outcome } = await dispatched;
  const failed = outcome.kind === 'stream' ? await settled(outcome) : outcome;
  if (failed.kind === 'response') return;
  const reason = failed.kind === 'error' ? failed.type : failed.kind;
  logger.error({ requestId, reason }, 'asynchronous invocation failed and is not retried');
}
