/**
 * Counts and times the calls that reach AWS, by service and operation. It sees each call once, after its outcome, below
 * whatever batches and paces them; so what it counts is what AWS bills and limits. Labels are names of ours and of AWS's
 * operations and errors, never of anybody's resources.
 */
import type { CounterCell, HistogramCell, Metrics } from '../core/index.ts';
import type { ObservedCall } from './sdk-ports.ts';

const DURATION_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** Codes are AWS's words, so they are few; should one service make them up, the rest of them count together. */
const CODES_MAX = 200;

interface Cells {
  readonly took: HistogramCell;
  readonly outcomes: Map<string, CounterCell>;
}

/** What is to be called with every call that ended. */
export function callMetrics(metrics: Metrics): (call: ObservedCall) => void {
  const calls = metrics.counter(
    'lambdacontainer_aws_calls_total',
    'Calls to AWS by outcome: ok, or the kind of their failure (throttled, transient, denied, notFound, conflict, invalid, quota)',
    ['service', 'operation', 'outcome'],
  );
  const failures = metrics.counter(
    'lambdacontainer_aws_failures_total',
    'Calls to AWS that failed, by AWS’s own error code',
    ['service', 'code'],
  );
  const durations = metrics.histogram(
    'lambdacontainer_aws_call_duration_seconds',
    'How long calls to AWS took, waits for rate limits left out',
    ['service', 'operation'],
    DURATION_BUCKETS,
  );
  const known = new Map<string, Cells>();
  const codes = new Set<string>();
  return ({ service, operation, outcome, kind, code, tookMs }) => {
    const name = `${service} ${operation}`;
    let cells = known.get(name);
    if (!cells) {
      cells = { took: durations.of({ service, operation }), outcomes: new Map() };
      known.set(name, cells);
    }
    const label = outcome === 'ok' ? 'ok' : (kind ?? 'error');
    let cell = cells.outcomes.get(label);
    if (!cell) {
      cell = calls.of({ service, operation, outcome: label });
      cells.outcomes.set(label, cell);
    }
    cell.add(1);
    cells.took.observe(tookMs / 1000);
    if (code === undefined) return;
    if (codes.size < CODES_MAX) codes.add(code);
    failures.of({ service, code: codes.has(code) ? code : 'other' }).add(1);
  };
}
