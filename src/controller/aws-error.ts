/** The last error that AWS answered, as a status keeps it. */
import type { LambdaContainerStatus } from '../api/index.ts';
import type { Failure } from '../core/index.ts';
import type { PassReport } from './pass-report.ts';
import { isWaiting } from './waiting.ts';

type AwsError = NonNullable<LambdaContainerStatus['lastAwsError']>;

/** Of a pass: what a step met, else what could not be read. The same error again keeps its time. */
export function lastAwsError(
  { results, plan }: PassReport,
  before: AwsError | undefined,
  nowMs: number,
): AwsError | undefined {
  const failure =
    results.find(({ failure }) => failure && !isWaiting(failure))?.failure ??
    [...plan.verdicts.values()].flatMap((verdict) => (verdict.state === 'unknown' ? [verdict.failure] : []))[0];
  if (!failure) return undefined;
  if (before && isSameError(before, failure)) return before;
  const { service, operation, code, message, requestId } = failure;
  return { service, operation, code, message, requestId, at: new Date(nowMs).toISOString() };
}

export function isSameError(known: AwsError | undefined, failure: Failure): boolean {
  return known?.service === failure.service && known.operation === failure.operation && known.code === failure.code;
}
