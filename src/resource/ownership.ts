/** Which tags say "ours". Releasing a resource takes off exactly these; content marks and the user's tags stay. */
import { TAG_NAME, TAG_NAMESPACE, TAG_OWNER, TAG_UID, type Tags } from '../aws/index.ts';
import type { IamStatement } from './contract.ts';

/** Of every kind whose listing shows no tags: a sweep takes them from the account's tag listing. */
export const TAG_LISTING_PERMISSION: IamStatement = {
  actions: ['tag:GetResources'],
  resources: ['*'],
  because: 'sees in bulk what still carries its tags; the action knows no narrower resource',
};

const OWNERSHIP_TAGS: readonly string[] = [TAG_OWNER, TAG_NAMESPACE, TAG_NAME, TAG_UID];

/**
 * Whose a resource says it is: our tags by key, or null when it lacks the owner's (the account's tag listing shows only
 * what has it, so half a mark is none). What a sweep compares under `OwnershipDrift`.
 */
export function ownershipOf(tags: Tags | undefined): Tags | null {
  if (!tags || !(TAG_OWNER in tags)) return null;
  return Object.fromEntries(ownershipKeys(tags).map((key) => [key, tags[key] ?? '']));
}

/** The ownership tags among `tags`, by key. Empty when there is nothing to release. */
export function ownershipKeys(tags: Tags): string[] {
  return OWNERSHIP_TAGS.filter((key) => key in tags);
}
