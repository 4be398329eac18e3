/**
 * What a check found, and how findings are gathered: a check that cannot be made is a finding too, never a pass. It knows
 * nothing of what is checked.
 */
import { Failure } from '../../core/index.ts';
import { nameOfCall, remedyOfCheck } from '../output/errors.ts';

export type Level = 'ok' | 'warn' | 'fail';

export interface Finding {
  /** `tables`, `lambdacontainerclass/standard`, `lambdacontainer/checkout`. */
  readonly subject: string;
  /** A constant: `Cluster`, `Role` … */
  readonly check: string;
  readonly level: Level;
  /** The field that it speaks of, e.g. `spec.cluster`. */
  readonly field?: string | undefined;
  readonly value?: string | undefined;
  readonly message: string;
  /** What to do; given unless all is well. */
  readonly remedy?: string | undefined;
}

export type Said = Omit<Finding, 'subject' | 'check'>;

/** Begins a check: what it finds is said of `subject`. A Failure becomes a warning that names the call. */
export async function check(
  subject: string,
  name: string,
  look: () => Promise<Said | readonly Said[]>,
): Promise<Finding[]> {
  const of = (said: Said): Finding => ({ subject, check: name, ...said });
  try {
    return [await look()].flat().map(of);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return [of(cannotTell(error))];
  }
}

function cannotTell(failure: Failure): Said {
  return {
    level: 'warn',
    message: `cannot be checked: ${nameOfCall(failure)} answered ${failure.code}: ${failure.message}`,
    remedy: remedyOfCheck(failure),
  };
}

const RANK: Readonly<Record<Level, number>> = { ok: 0, warn: 1, fail: 2 };

export function worstOf(findings: readonly Finding[]): Level {
  return findings.reduce<Level>((worst, { level }) => (RANK[level] > RANK[worst] ? level : worst), 'ok');
}
