/**
 * What `/healthz` and `/readyz` of the daemon ask. Alive is what a restart could mend: passes that do not end. Ready is
 * what makes it worth having: it leads or follows, its tables answer, and what it looks at regularly was looked at. A
 * standby that follows is ready, because it takes over.
 */
import type { Vitals } from '../controller/index.ts';
import { formatDuration } from '../core/index.ts';
import type { Check, CheckResult } from '../server/index.ts';

export interface CheckBounds {
  /** A lease is renewed every third of it. */
  readonly leaseMs: number;
  readonly callTimeoutMs: number;
  readonly relistMs: number;
  /** How often everything is swept at most. */
  readonly sweepMs: number;
}

/** A pass asks AWS a few times and never waits for it to finish something; only rate limits hold it up, in a storm. */
const PASS_MS_MAX = 10 * 60_000;
/** What is done regularly may be late by as much again, and by this for a slow AWS. */
const LATE_MS = 60_000;

export function daemonChecks(vitals: () => Vitals, bounds: CheckBounds): { alive: Check[]; ready: Check[] } {
  const { leaseMs, callTimeoutMs, relistMs, sweepMs } = bounds;
  return {
    alive: [
      { name: 'event-loop', run: () => ({ ok: true, message: 'answers' }) },
      {
        name: 'workers',
        run: () => within(vitals().longestPassMs, PASS_MS_MAX, 'the oldest pass under way has been running for'),
      },
    ],
    ready: [
      { name: 'role', run: () => roleOf(vitals()) },
      {
        name: 'state-table',
        run: () => within(vitals().leaseSilentMs, leaseMs + callTimeoutMs, 'the lease was last read or renewed before'),
      },
      {
        name: 'desired-table',
        run: () => whileLeading(vitals().relistAgeMs, 2 * relistMs + LATE_MS, 'last read whole before'),
      },
      {
        name: 'sweep',
        run: () => {
          const { sweepAgeMs, sweepPeriodMs = sweepMs } = vitals();
          return whileLeading(sweepAgeMs, 2 * Math.max(sweepMs, sweepPeriodMs) + LATE_MS, 'the last one ended before');
        },
      },
    ],
  };
}

function roleOf({ state }: Vitals): CheckResult {
  return { ok: state === 'leading' || state === 'following', message: state };
}

function whileLeading(ageMs: number | undefined, atMostMs: number, what: string): CheckResult {
  return ageMs === undefined ? { ok: true, message: 'the leader’s' } : within(ageMs, atMostMs, what);
}

function within(ageMs: number, atMostMs: number, what: string): CheckResult {
  const ok = ageMs <= atMostMs;
  const found = `${what} ${formatDuration(ageMs)}`;
  return { ok, message: ok ? found : `${found}; at most ${formatDuration(atMostMs)}` };
}
