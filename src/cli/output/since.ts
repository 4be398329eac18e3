/** Points in time as a person reads them: how long ago. */
import { formatDuration } from '../../core/index.ts';

/** `12s`, `3m05s`; `-` when there is no such time. */
export function since(isoTime: string | undefined, nowMs: number): string {
  const atMs = isoTime === undefined ? Number.NaN : Date.parse(isoTime);
  return Number.isNaN(atMs) ? '-' : age(nowMs - atMs);
}

/** `in 25s`, or `3m05s ago`. */
export function relative(isoTime: string, nowMs: number): string {
  const atMs = Date.parse(isoTime);
  if (Number.isNaN(atMs)) return isoTime;
  return atMs > nowMs ? `in ${age(atMs - nowMs)}` : `${age(nowMs - atMs)} ago`;
}

/** Whole seconds below a minute: nobody reads the age of something in milliseconds. */
function age(ms: number): string {
  return ms < 60_000 ? `${Math.max(0, Math.floor(ms / 1000))}s` : formatDuration(ms);
}
