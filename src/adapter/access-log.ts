/**
 * The line of the access log: one JSON object per answered request. Written by hand, member by member, because
 * `JSON.stringify` of the whole and a fresh ISO date per line cost more than the rest of it. Where lines go, and how many
 * at once, is the program's business.
 */

export interface AccessEntry {
  readonly timeMs: number;
  readonly requestId: string;
  readonly method: string;
  readonly target: string;
  readonly status: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly ms: number;
  /** How long it waited, how long a runtime had it, and which; undefined: it reached none. */
  readonly queueMs: number | undefined;
  readonly runtimeMs: number | undefined;
  readonly runtime: number | undefined;
  readonly traceId: string | undefined;
  readonly error: string | undefined;
}

let second = -1;
let secondText = '';

/** `2026-03-12T19:03:58.017Z`; the part before the point is made once per second. */
function isoTime(timeMs: number): string {
  const ms = timeMs % 1000;
  if (timeMs - ms !== second) {
    second = timeMs - ms;
    secondText = new Date(second).toISOString().slice(0, 20);
  }
  return `${secondText}${ms < 100 ? (ms < 10 ? '00' : '0') : ''}${ms}Z`;
}

/** Hundredths of a millisecond are as much as anybody reads. In whole numbers: a fraction's text is dear to find. */
function rounded(ms: number): string {
  const hundredths = Math.round(ms * 100);
  const whole = Math.trunc(hundredths / 100);
  const rest = hundredths - whole * 100;
  return rest === 0 ? `${whole}` : `${whole}.${rest < 10 ? '0' : ''}${rest}`;
}

/** The line, without its end. */
export function accessLine(entry: AccessEntry): string {
  const { queueMs, runtimeMs, runtime, traceId, error } = entry;
  let line =
    `{"time":"${isoTime(entry.timeMs)}","requestId":"${entry.requestId}","method":"${entry.method}"` +
    `,"target":${JSON.stringify(entry.target)},"status":${entry.status}` +
    `,"bytesIn":${entry.bytesIn},"bytesOut":${entry.bytesOut},"ms":${rounded(entry.ms)}`;
  if (queueMs !== undefined) line += `,"queueMs":${rounded(queueMs)}`;
  if (runtimeMs !== undefined) line += `,"runtimeMs":${rounded(runtimeMs)}`;
  if (runtime !== undefined) line += `,"runtime":${runtime}`;
  if (traceId !== undefined) line += `,"traceId":${JSON.stringify(traceId)}`;
  if (error !== undefined) line += `,"error":${JSON.stringify(error)}`;
  return `${line}}`;
}
