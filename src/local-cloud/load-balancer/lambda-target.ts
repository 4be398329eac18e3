/**
 * Invokes a function for one request: body limits, the event, and what an ALB makes of the answer. The two translations
 * are the adapter's (`adapter/events/alb.ts`), so that a function sees the same event on both sides; here is only what
 * the load balancer alone does.
 */
import { ALB_REQUEST_BYTES_MAX, albAnswer, albEvent } from '../../adapter/events/alb.ts';
import { type HttpAnswer, hasHeader, isBodiless } from '../../adapter/events/message.ts';
import type { Logger } from '../../core/index.ts';
import type { InvocationResult } from '../contract.ts';
import type { Exchange } from './exchange.ts';

export interface FunctionTarget {
  readonly targetGroupArn: string;
  readonly functionArn: string;
  readonly multiValueHeaders: boolean;
}

export type InvokeFunction = (functionArn: string, payload: Uint8Array) => Promise<InvocationResult>;

/** Resolves when the client has its answer, or has gone. Never rejects. */
export async function invokeTarget(
  invoke: InvokeFunction,
  exchange: Exchange,
  target: FunctionTarget,
  headers: readonly string[],
  logger: Logger,
): Promise<void> {
  const { functionArn, targetGroupArn, multiValueHeaders } = target;
  const body = await bodyWithin(exchange, ALB_REQUEST_BYTES_MAX);
  if (!body) {
    exchange.fail(413);
    return;
  }
  const { method = 'GET', url = '/', httpVersion, socket } = exchange.request;
  const request = {
    method,
    target: url,
    protocol: `HTTP/${httpVersion}`,
    headers,
    body,
    sourceIp: socket.remoteAddress ?? '',
  };
  try {
    const result = await invoke(functionArn, albEvent(request, { targetGroupArn, multiValue: multiValueHeaders }));
    const answer = result.functionError ? undefined : albAnswer(Buffer.from(result.payload), multiValueHeaders);
    if (answer && answer.malformed === undefined) {
      send(exchange, answer);
    } else {
      logger.info(
        { functionArn, why: answer?.malformed ?? result.functionError },
        'a Lambda target gave no usable answer',
      );
      exchange.fail(502);
    }
  } catch (error) {
    // Throttled, not permitted, gone: an ALB answers 502 to all of them.
    logger.info({ functionArn, error }, 'a Lambda target could not be invoked');
    exchange.fail(502);
  }
}

function send(exchange: Exchange, answer: HttpAnswer): void {
  // The client has gone, or the idle timeout has answered.
  if (exchange.closed || exchange.response.headersSent) return;
  const server = hasHeader(answer.headers, 'server') ? [] : ['Server', 'awselb/2.0'];
  const length = isBodiless(answer.status) ? [] : ['Content-Length', String(answer.body.length)];
  exchange.head(answer.status, answer.reason, [...server, ...answer.headers, ...length]);
  exchange.response.end(answer.body);
}

/** The request's body; undefined when it is larger or breaks off. */
function bodyWithin(exchange: Exchange, bytesMax: number): Promise<Buffer | undefined> {
  const { request } = exchange;
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      exchange.touch();
      bytes += chunk.length;
      if (bytes <= bytesMax) chunks.push(chunk);
      else resolve(undefined);
    });
    request.on('end', () => resolve(Buffer.concat(chunks)));
    request.on('close', () => resolve(undefined));
  });
}
