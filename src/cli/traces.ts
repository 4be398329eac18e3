/**
 * Opens the way for traces when the environment asks for them, by OpenTelemetry's own variables. The library is loaded
 * then and not before: without an endpoint it costs neither time nor memory.
 */
import { type Logger, type Metrics, type Tracer, UserError } from '../core/index.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export interface Traces {
  readonly tracer: Tracer;
  /** Sends what waits to be sent, for half a second at most. Never rejects. */
  readonly close: () => Promise<void>;
}

/** Where spans go; undefined: nowhere. @throws UserError naming the variable, the value and the remedy */
export function readTraceEndpoint(env: Environment): string | undefined {
  const { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: traces, OTEL_EXPORTER_OTLP_ENDPOINT: base, OTEL_SDK_DISABLED } = env;
  if (OTEL_SDK_DISABLED === 'true') return undefined;
  const name = traces ? 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT' : 'OTEL_EXPORTER_OTLP_ENDPOINT';
  const written = traces || base;
  if (!written) return undefined;
  if (!URL.canParse(written) || !/^https?:$/.test(new URL(written).protocol)) {
    throw new UserError(`${name}: '${written}' is not a URL of http or https; write it like http://127.0.0.1:4318`, 2);
  }
  // https://opentelemetry.io/docs/specs/otel/protocol/exporter/#endpoint-urls-for-otlphttp
  return traces ? written : `${written.replace(/\/$/, '')}/v1/traces`;
}

/** @param metrics where spans that could not be sent are counted */
export async function openTraces(
  env: Environment,
  endpoint: string | undefined,
  version: string,
  logger: Logger,
  metrics: Metrics,
): Promise<Traces | undefined> {
  if (endpoint === undefined) return undefined;
  const { openTelemetry } = await import('./open-telemetry.ts');
  return openTelemetry({ endpoint, serviceName: env.OTEL_SERVICE_NAME ?? 'lambdacontainer', version, logger, metrics });
}
