/** Which tags say "ours". Releasing a resource takes off exactly these; content marks and the user's tags stay. */
import { TAG_NAME, TAG_NAMESPACE, TAG_OWNER, TAG_UID, type Tags } from '../aws/index.ts';

const OWNERSHIP_TAGS: readonly string[] = [TAG_OWNER, TAG_NAMESPACE, TAG_NAME, TAG_UID];

/** The ownership tags among `tags`, by key. Empty when there is nothing to release. */
export function ownershipKeys(tags: Tags): string[] {
  return OWNERSHIP_TAGS.filter((key) => key in tags);
}
