/**
 * Reads the desired table whole, as the safety net behind the stream, and takes in what that says of the table itself:
 * which one it is, and which objects have no record in it. What is missing is only counted here; each object's own pass
 * reads its record before anything follows from it.
 */
import { isConfirmationKey, SYSTEM_NAMESPACE } from '../api/index.ts';
import { formatKey, type ObjectKey } from '../resource/index.ts';
import type { DesiredTable } from '../store/index.ts';
import type { Confirmations } from './confirmations.ts';
import { hasMadeSomething } from './deletion-rules.ts';
import type { Memory } from './memory.ts';
import type { TableTrust } from './table-trust.ts';

export interface RelistParts {
  readonly desired: DesiredTable;
  readonly memory: Memory;
  readonly trust: TableTrust;
  readonly confirmations: Confirmations;
}

/**
 * `onRecord` is called for every record but a confirmation while the listing goes on. Resolves when what was found of
 * the table is durable, with the keys of all confirmations, which are to be read one by one.
 * @throws Failure when the table cannot be read whole; nothing is concluded then
 */
export async function relist(
  { desired, memory, trust, confirmations }: RelistParts,
  onRecord: (key: ObjectKey) => void,
  signal: AbortSignal,
): Promise<ObjectKey[]> {
  const { tableId } = await desired.identity({ signal });
  // What is made from here on may stand behind the place that the listing has reached.
  const known = memory.objects().flatMap(({ key, inventory }) => {
    const body = inventory?.body;
    return body && body.deletingSinceMs === undefined && hasMadeSomething(body) ? [{ key, inventory: body }] : [];
  });
  const found = new Set<string>();
  const names = new Set(confirmations.names());
  for await (const { key } of desired.list(undefined, { signal })) {
    if (isConfirmationKey(key)) names.add(key.name);
    else onRecord(key);
    if (key.namespace !== SYSTEM_NAMESPACE) found.add(formatKey(key));
  }
  const missing = known.filter(({ key, inventory }) => {
    if (found.has(formatKey(key)) || confirmations.isConfirmed(key, inventory)) return false;
    // Held for a cause of its own, it waits for a person whatever the table is.
    return inventory.held?.reason !== 'Protected' && inventory.held?.reason !== 'TooManyDeletions';
  });
  await trust.afterRelist({ tableId, isEmpty: found.size === 0, objects: known.length, missing: missing.length });
  return [...names].map((name) => ({ namespace: SYSTEM_NAMESPACE, name }));
}
