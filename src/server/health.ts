/**
 * Answers whether the program is alive and whether it does its work, check by check, as JSON: 200 when all hold, 503 and
 * the reason otherwise. What is checked is given to it. A check reads what is remembered and asks nobody, so that an
 * answer takes no time, costs no call, and a busy AWS is no reason to be restarted.
 */
import type { HttpRoute } from './http-listener.ts';

export interface CheckResult {
  readonly ok: boolean;
  /** What was found, for people; when it does not hold, also what is expected. */
  readonly message: string;
}

export interface Check {
  readonly name: string;
  /** Must not throw. */
  readonly run: () => CheckResult;
}

/** `GET /healthz` and `/readyz`. */
export function healthRoutes(alive: readonly Check[], ready: readonly Check[]): HttpRoute[] {
  return [checkRoute('/healthz', alive), checkRoute('/readyz', ready)];
}

function checkRoute(path: string, checks: readonly Check[]): HttpRoute {
  return {
    method: 'GET',
    path,
    handle: () => {
      const results = checks.map(({ name, run }) => ({ name, ...run() }));
      const failing = results.filter(({ ok }) => !ok);
      return {
        status: failing.length === 0 ? 200 : 503,
        body: {
          status: failing.length === 0 ? 'ok' : 'failing',
          ...(failing.length === 0
            ? {}
            : { reason: failing.map(({ name, message }) => `${name}: ${message}`).join('; ') }),
          checks: results,
        },
      };
    },
  };
}
