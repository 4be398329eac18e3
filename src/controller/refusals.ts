/**
 * Why a record is not acted upon at all: nothing of its object is observed or touched, and whatever ran runs on. A stall
 * for another reason was found at work, in AWS.
 */
export const REFUSALS = [
  'InvalidSpec',
  'ClassNotUsable',
  'ClassMoved',
  'PathConflict',
  'ListenersFull',
  'ListenerNotUsable',
  'RoleNotAssumable',
  'WrongAccount',
] as const;
export type Refusal = (typeof REFUSALS)[number];

export function isRefusal(reason: string): reason is Refusal {
  return REFUSALS.some((known) => known === reason);
}
