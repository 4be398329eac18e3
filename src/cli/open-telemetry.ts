/**
 * The tracer port over OpenTelemetry: spans are gathered and sent over OTLP/HTTP in the background. A receiver that is
 * slow, gone or wrong costs its spans and one line of the log, never a pass. Loaded only when traces are asked for.
 */
import {
  type Attributes as OtelAttributes,
  type Span as OtelSpan,
  ROOT_CONTEXT,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  type ReadableSpan,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-base';
import {
  type Attributes,
  type Logger,
  type Metrics,
  type Span,
  sleep,
  systemClock,
  type Tracer,
} from '../core/index.ts';
import type { Traces } from './traces.ts';

export interface OpenTelemetryOptions {
  readonly endpoint: string;
  readonly serviceName: string;
  readonly version: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const EXPORT_MS_MAX = 3_000;
/** A daemon that stops waits so long at most for what it has to send. */
const CLOSE_MS_MAX = 500;
/** What waits beyond that is dropped and counted. */
const QUEUE_MAX = 8_192;
const BATCH_MAX = 512;
const SEND_EVERY_MS = 2_000;

export function openTelemetry({ endpoint, serviceName, version, logger, metrics }: OpenTelemetryOptions): Traces {
  const exporter = new OTLPTraceExporter({ url: endpoint, timeoutMillis: EXPORT_MS_MAX });
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': serviceName, 'service.version': version }),
    spanProcessors: [
      new BatchSpanProcessor(watched(exporter, endpoint, logger, metrics), {
        maxQueueSize: QUEUE_MAX,
        maxExportBatchSize: BATCH_MAX,
        scheduledDelayMillis: SEND_EVERY_MS,
        exportTimeoutMillis: EXPORT_MS_MAX,
      }),
    ],
  });
  const otel = provider.getTracer('lambdacontainer', version);
  const begin = (name: string, attributes: Attributes, parent: OtelSpan | undefined): Span => {
    const context = parent ? trace.setSpan(ROOT_CONTEXT, parent) : ROOT_CONTEXT;
    const span = otel.startSpan(name, { attributes: attributes as OtelAttributes }, context);
    return {
      child: (childName, childAttributes = {}) => begin(childName, childAttributes, span),
      set: (more) => void span.setAttributes(more as OtelAttributes),
      end: (error) => {
        if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error });
        span.end();
      },
    };
  };
  const tracer: Tracer = { start: (name, attributes = {}) => begin(name, attributes, undefined) };
  return {
    tracer,
    close: async () => {
      const waited = new AbortController();
      const sent = provider
        .shutdown()
        .catch((error: unknown) => logger.debug({ err: error }, 'traces ended'))
        .finally(() => waited.abort());
      await Promise.race([sent, sleep(systemClock, CLOSE_MS_MAX, waited.signal)]);
    },
  };
}

/** Says once when sending begins to fail and once when it works again. */
function watched(exporter: SpanExporter, endpoint: string, logger: Logger, metrics: Metrics): SpanExporter {
  const spans = metrics.counter(
    'lambdacontainer_trace_spans_total',
    'Spans that were given to the exporter, by outcome: sent or lost',
    ['outcome'],
  );
  let isFailing = false;
  return {
    export: (batch: ReadableSpan[], done) =>
      exporter.export(batch, (result) => {
        const failed = result.code !== 0;
        spans.of({ outcome: failed ? 'lost' : 'sent' }).add(batch.length);
        if (failed && !isFailing)
          logger.warn({ endpoint, err: result.error }, 'traces cannot be sent; passes go on without');
        if (!failed && isFailing) logger.info({ endpoint }, 'traces are sent again');
        isFailing = failed;
        done(result);
      }),
    shutdown: () => exporter.shutdown(),
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
  };
}
