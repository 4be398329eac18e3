/**
 * Which failed steps only a person can mend. A denial or refusal soon after one of our own creations may only mean
 * "not yet": roles, policies and attachments take time to propagate. Those codes are retried and still shown.
 */
import type { Failure } from '../core/index.ts';
import type { StepResult } from '../execute/index.ts';
import type { Obstruction, Plan } from '../plan/index.ts';
import type { Inventory } from '../resource/index.ts';
import { isRefusal } from './refusals.ts';

/** ms during which a refusal may be a matter of propagation. */
const PROPAGATION_MS = 5 * 60_000;

/** operation → codes that are known to mean "not yet" shortly after a dependency was made or changed. */
const NOT_YET: Readonly<Record<string, readonly string[]>> = {
  registerTargets: ['AccessDenied', 'AccessDeniedException'],
  // A role that cannot be assumed yet, a target group not attached yet, a name that still drains.
  createService: ['AccessDeniedException', 'ClientException', 'InvalidParameterException'],
  updateService: ['ClientException', 'InvalidParameterException'],
  registerScalableTarget: ['ValidationException'],
  createProject: ['InvalidInputException'],
};

const REASONS: Readonly<Record<string, string>> = {
  denied: 'AccessDenied',
  invalid: 'InvalidRequest',
  quota: 'QuotaExceeded',
  notFound: 'DependencyNotFound',
};

/** Undefined when the step succeeded or will be retried by the queue. */
export function obstructionOf(result: StepResult, inventory: Inventory, nowMs: number): Obstruction | undefined {
  const { failure, step } = result;
  const reason = failure && REASONS[failure.kind];
  if (!failure || reason === undefined) return undefined;
  const unreached = outOfReach(failure, step.nodeId);
  if (unreached) return unreached;
  const recent = inventory.entries.some((entry) => nowMs - entry.actedAtMs < PROPAGATION_MS);
  if (recent && NOT_YET[failure.operation]?.includes(failure.code)) return undefined;
  return {
    nodeId: step.nodeId,
    reason,
    message: `${step.nodeId}: ${failure.service} ${failure.operation} answered ${failure.code}: ${failure.message}`,
  };
}

/** A class's account cannot be reached at all: that is said once, and not of each resource. */
function outOfReach({ code, message }: Failure, nodeId: string): Obstruction | undefined {
  return isRefusal(code) ? { nodeId, reason: code, message } : undefined;
}

/** Reads that will go on failing until a permission or a name is mended. */
export function unreadable(plan: Plan): Obstruction[] {
  return [...plan.verdicts].flatMap(([nodeId, verdict]) => {
    if (verdict.state !== 'unknown') return [];
    const { failure } = verdict;
    const unreached = outOfReach(failure, nodeId);
    if (unreached) return [unreached];
    const reason = REASONS[failure.kind];
    if (reason === undefined) return [];
    return [
      {
        nodeId,
        reason,
        message: `${nodeId}: ${failure.service} ${failure.operation} answered ${failure.code}: ${failure.message}`,
      },
    ];
  });
}
