/** The tags that this deployment of the controller puts on what it makes for an object. */
import { TAG_NAME, TAG_NAMESPACE, TAG_OWNER, TAG_UID } from '../aws/index.ts';
import type { ObjectKey } from '../resource/index.ts';

export { TAG_OWNER };

export function ownershipTags(owner: string, key: ObjectKey, uid: string): Readonly<Record<string, string>> {
  return { [TAG_OWNER]: owner, [TAG_NAMESPACE]: key.namespace, [TAG_NAME]: key.name, [TAG_UID]: uid };
}
