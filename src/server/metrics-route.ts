/** `GET /metrics`: everything that is measured, in Prometheus's text format. Whoever reads it may know no secret by it. */
import type { Metrics } from '../core/index.ts';
import type { HttpRoute } from './http-listener.ts';

/** https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format */
const TEXT_FORMAT = 'text/plain; version=0.0.4; charset=utf-8';

export function metricsRoute(metrics: Metrics): HttpRoute {
  return {
    method: 'GET',
    path: '/metrics',
    handle: () => ({ status: 200, body: metrics.text(), contentType: TEXT_FORMAT }),
  };
}
