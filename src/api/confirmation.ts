/**
 * The record by which a person confirms deletions that are held: `deletion/<anything>` in the reserved partition. It
 * names uids, so that it covers exactly the objects that somebody looked at and never a later one of the same name. It
 * is a record and not an object: it has no kind, no status, and nothing runs for it.
 */
import { type Defect, defect, formatPath, plainDefect } from './defects.ts';
import { apiVersionDefect, unknownFields } from './envelope.ts';
import { annotationsOf, labelsOf } from './labels.ts';
import { CONFIRMATION_PREFIX, nameDefect, SYSTEM_NAMESPACE } from './names.ts';
import { plainMembers } from './plain.ts';
import { API_VERSION, type ObjectKey } from './types.ts';

/** What is confirmed: this very object, not its name. */
export interface ConfirmedObject {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface Confirmation {
  /** The record's name with its prefix. */
  readonly name: string;
  readonly objects: readonly ConfirmedObject[];
}

export type FromConfirmationRecord =
  | { confirmation: Confirmation; defects: [] }
  | { confirmation: undefined; defects: Defect[] };

const MEMBERS = ['namespace', 'name', 'apiVersion', 'labels', 'annotations', 'spec'] as const;
const OBJECT_MEMBERS = ['namespace', 'name', 'uid'] as const;
/** So many fit into a record of 400 KB with names of full length. */
const OBJECTS_MAX = 1000;

/** Whether the key is that of a confirmation. */
export function isConfirmationKey(key: ObjectKey): boolean {
  return key.namespace === SYSTEM_NAMESPACE && key.name.startsWith(CONFIRMATION_PREFIX);
}

/** What a record confirms, or every defect. A confirmation with any defect confirms nothing. */
export function confirmationFromRecord(item: Record<string, unknown>): FromConfirmationRecord {
  const { members, defects } = plainMembers(item);
  const add = (found: Defect | undefined): void => {
    if (found) defects.push(found);
  };
  defects.push(...unknownFields(members, MEMBERS, [], { kind: 'a confirmation has no kind; remove it' }));
  if (members.namespace !== SYSTEM_NAMESPACE)
    defects.push(defect(['namespace'], members.namespace, `is not where confirmations are; use '${SYSTEM_NAMESPACE}'`));
  const name = typeof members.name === 'string' ? members.name : '';
  if (!name.startsWith(CONFIRMATION_PREFIX))
    defects.push(defect(['name'], members.name, `is not the name of a confirmation; use ${CONFIRMATION_PREFIX}<name>`));
  else add(nameDefect(name.slice(CONFIRMATION_PREFIX.length), ['name']));
  if (members.apiVersion !== undefined) add(apiVersionDefect(members.apiVersion));
  defects.push(...labelsOf(members.labels, ['labels']).defects);
  defects.push(...annotationsOf(members.annotations, ['annotations']).defects);
  const objects = confirmedObjects(members.spec, defects);
  if (defects.length > 0) return { confirmation: undefined, defects };
  return { confirmation: { name, objects }, defects: [] };
}

/** The record that confirms the deletion of `objects`. `name` comes without its prefix. */
export function confirmationRecord(name: string, objects: readonly ConfirmedObject[]): Record<string, unknown> {
  return {
    namespace: SYSTEM_NAMESPACE,
    name: `${CONFIRMATION_PREFIX}${name}`,
    apiVersion: API_VERSION,
    spec: { objects: objects.map(({ namespace, name, uid }) => ({ namespace, name, uid })) },
  };
}

function confirmedObjects(spec: unknown, defects: Defect[]): ConfirmedObject[] {
  const example = '{"objects": [{"namespace": "shop", "name": "checkout", "uid": "…"}]}';
  const judgedAlready = defects.some((other) => other.path.startsWith('spec'));
  if (!isRecord(spec)) {
    if (!judgedAlready) defects.push(plainDefect(['spec'], spec, `is not an object; write ${example}`));
    return [];
  }
  defects.push(...unknownFields(spec, ['objects'], ['spec']));
  const list = spec.objects;
  if (!Array.isArray(list)) {
    if (!judgedAlready) defects.push(plainDefect(['spec', 'objects'], list, `is not a list; write ${example}`));
    return [];
  }
  if (list.length === 0)
    defects.push(plainDefect(['spec', 'objects'], list, 'is empty and confirms nothing; name what may be deleted'));
  if (list.length > OBJECTS_MAX)
    defects.push(
      plainDefect(
        ['spec', 'objects'],
        undefined,
        `has ${list.length} entries; the most is ${OBJECTS_MAX}: write several records`,
      ),
    );
  return list.slice(0, OBJECTS_MAX).map((entry: unknown, index) => confirmedObject(entry, index, defects));
}

function confirmedObject(entry: unknown, index: number, defects: Defect[]): ConfirmedObject {
  const path = ['spec', 'objects', index];
  if (!isRecord(entry)) {
    if (!defects.some((other) => other.path === formatPath(path)))
      defects.push(plainDefect(path, entry, 'is not an object; write {"namespace": "…", "name": "…", "uid": "…"}'));
    return { namespace: '', name: '', uid: '' };
  }
  defects.push(...unknownFields(entry, OBJECT_MEMBERS, path));
  for (const member of OBJECT_MEMBERS) {
    const value = entry[member];
    if (typeof value === 'string' && value !== '') continue;
    if (value === undefined || value === '')
      defects.push(plainDefect([...path, member], value, 'is missing; `lambdacontainer delete --confirm` fills it in'));
    else defects.push(defect([...path, member], value, 'is not text; put it in quotes'));
  }
  return { namespace: String(entry.namespace), name: String(entry.name), uid: String(entry.uid) };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
