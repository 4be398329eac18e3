/**
 * Conditions as Kubernetes has them: a condition's time moves only when its status does, so that "since when" can be
 * believed. `Reconciling` and `Stalled` name what is abnormal: where one is absent it is false (kstatus).
 */
import type { Condition, Phase } from './types.ts';

export const CONDITION_TYPES = [
  'Ready',
  'Reconciling',
  'Stalled',
  'SourceResolved',
  'ImageBuilt',
  'FunctionReady',
  'ServiceStable',
  'TrafficShifted',
  'ScalingApplied',
  'TriggersApplied',
  'Drifted',
  'Contended',
  'DeletionHeld',
] as const;

/** Aspects of a GitSource. */
export const SOURCE_CONDITION_TYPES = [
  'Ready',
  'Reconciling',
  'Stalled',
  'Fetched',
  'SourceVerified',
  'Drifted',
  'DeletionHeld',
] as const;

export type ConditionType = (typeof CONDITION_TYPES)[number] | (typeof SOURCE_CONDITION_TYPES)[number];

/** A new list with `next` in the place of its type; the transition time is kept while the status is. */
export function setCondition(
  conditions: readonly Condition[],
  next: Omit<Condition, 'lastTransitionTime'>,
  nowMs: number,
): Condition[] {
  const before = conditions.find((condition) => condition.type === next.type);
  const lastTransitionTime = before?.status === next.status ? before.lastTransitionTime : new Date(nowMs).toISOString();
  const { type, status, reason, message, observedGeneration } = next;
  const condition: Condition = { type, status, reason, message, lastTransitionTime, observedGeneration };
  return before ? conditions.map((other) => (other.type === type ? condition : other)) : [...conditions, condition];
}

/** A new list without the type; for conditions that exist only while they are true. */
export function removeCondition(conditions: readonly Condition[], type: ConditionType): Condition[] {
  return conditions.filter((condition) => condition.type !== type);
}

export function findCondition(conditions: readonly Condition[], type: ConditionType): Condition | undefined {
  return conditions.find((condition) => condition.type === type);
}

/** One word for people. `Ready`'s reason tells a deletion and a suspension apart from other unreadiness. */
export function phaseOf(conditions: readonly Condition[]): Phase {
  const holds = (type: ConditionType): boolean => findCondition(conditions, type)?.status === 'True';
  const ready = findCondition(conditions, 'Ready');
  if (holds('DeletionHeld')) return 'DeletionHeld';
  if (ready?.reason === 'Deleting') return 'Deleting';
  if (ready?.reason === 'Suspended') return 'Suspended';
  if (holds('Stalled')) return 'Stalled';
  if (holds('Reconciling')) return 'Reconciling';
  return holds('Ready') ? 'Ready' : 'Pending';
}
