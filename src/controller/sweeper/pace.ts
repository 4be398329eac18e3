/**
 * How often sweep and rotation may look, from a budget of calls a second and from what AWS publishes; and from that how
 * old a drift can become unseen. Pure arithmetic: what it is given was counted elsewhere, and nothing is called.
 */
import { CHARGES, RATES, type RateName } from '../../aws/index.ts';
import { formatDuration, UserError } from '../../core/index.ts';

export interface Budget {
  /** Calls a second in one account and region, of sweep and rotation together. */
  readonly callsPerSec: number;
  /** They never look more often than this. */
  readonly minPeriodMs: number;
  /** The part of AWS's rates that is ours; undefined: nothing is paced, no rate is known. */
  readonly rateShare: number | undefined;
}

export interface Pace {
  readonly periodMs: number;
  /** How long one sweep takes at AWS's rates, or one round of the rotation. */
  readonly durationMs: number;
  /** The oldest that a drift can become before it is found. */
  readonly maxAgeMs: number;
}

/** The rotation looks for what seldom changes: the lesser part of the budget is its. */
const ROTATION_SHARE = 0.2;

/** Of a sweep that makes these calls, by listing (`elbv2 DescribeRules`). */
export function sweepPace(calls: ReadonlyMap<string, number>, budget: Budget): Pace {
  const total = sum(calls);
  const durationMs = durationAtRates(calls, budget.rateShare);
  const periodMs = Math.max(
    budget.minPeriodMs,
    durationMs,
    (total * 1000) / (budget.callsPerSec * (1 - ROTATION_SHARE)),
  );
  return { periodMs, durationMs, maxAgeMs: total === 0 ? budget.minPeriodMs : periodMs + durationMs };
}

/** Of a rotation that makes so many calls in a round. */
export function rotationPace(calls: number, { callsPerSec, minPeriodMs }: Budget): Pace {
  const periodMs = Math.max(minPeriodMs, (calls * 1000) / (callsPerSec * ROTATION_SHARE));
  // Spread over its period and always in the same order: nothing waits longer than that.
  return { periodMs, durationMs: periodMs, maxAgeMs: periodMs };
}

/**
 * Refuses a promise that cannot be held.
 * @throws UserError naming the variable, the value, what is possible and the remedy
 */
export function refuseImpossible(promiseMs: number, calls: ReadonlyMap<string, number>, budget: Budget): void {
  const { maxAgeMs, durationMs } = sweepPace(calls, budget);
  if (maxAgeMs <= promiseMs) return;
  const written = `LAMBDACONTAINER_MAX_DRIFT_AGE: ${formatDuration(promiseMs)} cannot be promised`;
  const total = sum(calls);
  const fastest = sweepPace(calls, { ...budget, callsPerSec: Number.POSITIVE_INFINITY, minPeriodMs: 0 }).maxAgeMs;
  const possible = `write at least ${formatDuration(Math.ceil(maxAgeMs / 1000) * 1000)}`;
  if (fastest > promiseMs) {
    throw new UserError(
      `${written}: one sweep makes ${total} calls, which take ${formatDuration(Math.ceil(durationMs / 1000) * 1000)} at the rates that AWS publishes; ${possible}, or divide the fleet among accounts or regions`,
      2,
    );
  }
  if (2 * durationMs > promiseMs || budget.minPeriodMs + durationMs > promiseMs) {
    throw new UserError(
      `${written}: sweeps are ${formatDuration(budget.minPeriodMs)} apart at least; ${possible}, or lower LAMBDACONTAINER_RESYNC`,
      2,
    );
  }
  const needed = Math.ceil(total / (1 - ROTATION_SHARE) / ((promiseMs - durationMs) / 1000));
  throw new UserError(
    `${written}: one sweep makes ${total} calls, and LAMBDACONTAINER_SWEEP_CALLS_PER_SECOND allows ${budget.callsPerSec} a second; ${possible}, or allow ${needed} calls a second`,
    2,
  );
}

/** How long these calls take when AWS's buckets are the only bound and empty: the slowest bucket decides. */
function durationAtRates(calls: ReadonlyMap<string, number>, rateShare: number | undefined): number {
  if (rateShare === undefined) return 0;
  const taken = new Map<RateName, number>();
  for (const [listing, count] of calls) {
    for (const name of chargesOf(listing)) taken.set(name, (taken.get(name) ?? 0) + count);
  }
  return [...taken].reduce((longest, [name, count]) => {
    const { burst, perSec } = RATES[name];
    return Math.max(longest, (Math.max(0, count - burst * rateShare) * 1000) / (perSec * rateShare));
  }, 0);
}

function chargesOf(listing: string): readonly RateName[] {
  const [service = '', operation = ''] = listing.split(' ');
  const charges = CHARGES as unknown as Readonly<Record<string, Readonly<Record<string, readonly RateName[]>>>>;
  return charges[service]?.[`${operation.charAt(0).toLowerCase()}${operation.slice(1)}`] ?? [];
}

function sum(calls: ReadonlyMap<string, number>): number {
  return [...calls.values()].reduce((total, count) => total + count, 0);
}
