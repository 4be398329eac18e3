/** Structured log lines without a dependency: one JSON object per line, to whatever sink it is given. */
import type { Clock, Logger } from '../core/index.ts';

/** A logger that writes `{time, level, message, …fields}` lines, without line end, to `write`. */
export function jsonLogger(clock: Clock, write: (line: string) => void, bound: Record<string, unknown> = {}): Logger {
  const log = (level: string, fields: object, message: string): void =>
    write(JSON.stringify({ time: new Date(clock.now()).toISOString(), level, message, ...bound, ...fields }));
  return {
    debug: (fields, message) => log('debug', fields, message),
    info: (fields, message) => log('info', fields, message),
    warn: (fields, message) => log('warn', fields, message),
    error: (fields, message) => log('error', fields, message),
    child: (fields) => jsonLogger(clock, write, { ...bound, ...fields }),
  };
}
