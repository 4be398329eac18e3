/**
 * Steps that were not refused but must wait for others of the same kind to end: that is no error, and nobody has to do
 * anything. Such a step is looked at again at a steady pace, because backing off would cost its place in the line.
 */
import type { Failure } from '../core/index.ts';
import type { StepResult } from '../execute/index.ts';
import type { ConditionDraft, World } from '../plan/index.ts';

const WAITING = new Set(['AwaitingBuildSlot']);

export function isWaiting(failure: Failure | undefined): boolean {
  return failure !== undefined && WAITING.has(failure.code);
}

/** The conditions; those that a waiting step holds up name what it waits for. */
export function tellWaiting(
  conditions: readonly ConditionDraft[],
  results: readonly StepResult[],
  { nodes }: World,
): ConditionDraft[] {
  const waiting = results.find(({ failure }) => isWaiting(failure));
  if (!waiting?.failure || conditions.some(({ type, status }) => type === 'Stalled' && status === 'True')) {
    return [...conditions];
  }
  const { code: reason, message } = waiting.failure;
  const aspect = nodes.find(({ node }) => node.id === waiting.step.nodeId)?.node.aspect;
  return conditions.map((condition) => {
    const isHeldUp = condition.type === aspect || condition.type === 'Ready' || condition.type === 'Reconciling';
    return isHeldUp ? { ...condition, reason, message: `${waiting.step.nodeId}: ${message}` } : condition;
  });
}
