/**
 * Reads the desired table whole, as the safety net behind the stream, and takes in what that says: of the table itself,
 * of records that are new, changed or gone since their object settled, and of changed classes. Records are compared by
 * their hashes alone, so that an object of which nothing changed costs nothing more. What is missing is only counted
 * here; each object's own pass reads its record before anything follows from it.
 */
import { isConfirmationKey, KIND_CLASS, kindOfKey, objectFromRecord, SYSTEM_NAMESPACE } from '../api/index.ts';
import { formatKey, type ObjectKey, parseKey } from '../resource/index.ts';
import type { DesiredRecord, DesiredTable } from '../store/index.ts';
import { contentOf } from './classes.ts';
import type { Confirmations } from './confirmations.ts';
import { hasMadeSomething } from './deletion-rules.ts';
import type { Memory } from './memory.ts';
import { basisHash, classBasisHash } from './steady.ts';
import type { SteadyFleet } from './steady-fleet.ts';
import type { TableTrust } from './table-trust.ts';
import type { Priority } from './workqueue.ts';

export interface RelistParts {
  readonly desired: DesiredTable;
  readonly memory: Memory;
  readonly trust: TableTrust;
  readonly confirmations: Confirmations;
  /** Of this program; see `basisHash`. */
  readonly version: string;
}

/** A class as the listing showed it. */
interface ListedClass {
  /** Of its record, and of what shapes an object; undefined when it is not valid. */
  readonly klass: string;
  readonly hash: string | undefined;
}

/**
 * `onRecord` is called while the listing goes on, for every record that is no object's and no confirmation, and for
 * objects that are to be looked at; `resync` where nothing is known to have changed. Resolves when what was found of the
 * table is durable, with the keys of all confirmations, which are to be read one by one.
 * @throws Failure when the table cannot be read whole; nothing is concluded then
 */
export async function relist(
  { desired, memory, trust, confirmations, version }: RelistParts,
  onRecord: (key: ObjectKey, priority: Priority) => void,
  signal: AbortSignal,
): Promise<ObjectKey[]> {
  const { tableId } = await desired.identity({ signal });
  // What is made from here on may stand behind the place that the listing has reached.
  const remembered = memory.keys();
  const known = memory.objects().flatMap(({ key, inventoryOutline: inventory }) => {
    const counts = inventory && inventory.deletingSinceMs === undefined && hasMadeSomething(inventory);
    return counts ? [{ key, inventory }] : [];
  });
  const found = new Set<string>();
  const names = new Set(confirmations.names());
  const classes = new Map<string, ListedClass>();
  for await (const record of desired.list(undefined, { signal })) {
    const { key } = record;
    if (isConfirmationKey(key)) names.add(key.name);
    else if (key.namespace === SYSTEM_NAMESPACE) {
      const named = kindOfKey(key);
      if (named?.kind === KIND_CLASS) classes.set(named.name, listedClass(record, version));
      onRecord(key, 'resync');
    } else {
      const id = formatKey(key);
      found.add(id);
      const steady = memory.fleet.get(id);
      if (!steady) onRecord(key, 'resync');
      else if (steady.record !== basisHash(record.stored, version)) onRecord(key, 'change');
    }
  }
  tellOfClasses(memory.fleet, classes, onRecord);
  const missing = known.filter(({ key, inventory }) => {
    if (found.has(formatKey(key)) || confirmations.isConfirmed(key, inventory)) return false;
    // Held for a cause of its own, it waits for a person whatever the table is.
    return inventory.held?.reason !== 'Protected' && inventory.held?.reason !== 'TooManyDeletions';
  });
  await trust.afterRelist({ tableId, isEmpty: found.size === 0, objects: known.length, missing: missing.length });
  // Only now may a pass conclude anything from what is not there.
  for (const id of remembered) if (!found.has(id)) onRecord(parseKey(id), 'change');
  return [...names].map((name) => ({ namespace: SYSTEM_NAMESPACE, name }));
}

function listedClass({ item }: DesiredRecord, version: string): ListedClass {
  const raw = objectFromRecord(item).object?.spec;
  return { klass: classBasisHash(raw, version), hash: contentOf(raw).content?.hash };
}

/** Objects whose class is another than the one they settled under, or that wait for their turn to be taken over to it. */
function tellOfClasses(
  fleet: SteadyFleet,
  classes: ReadonlyMap<string, ListedClass>,
  onRecord: (key: ObjectKey, priority: Priority) => void,
): void {
  for (const object of fleet.objects()) {
    const listed = classes.get(object.className);
    if (listed?.klass !== object.klass) onRecord(parseKey(object.id), 'change');
    else if (listed?.hash !== object.classHash) onRecord(parseKey(object.id), 'resync');
  }
}
