/**
 * Objects as the tables hold them, joined: the desired record (good or not) and the status. A record that vanished
 * while its resources are being deleted is a view without a record.
 */
import {
  API_VERSION,
  type ApiKind,
  type ApiObject,
  type Condition,
  type Defect,
  KIND_CONTAINER,
  kindOfKey,
  type LambdaContainerStatus,
  objectFromRecord,
  type Phase,
  SYSTEM_NAMESPACE,
} from '../../api/index.ts';
import type { ObjectKey } from '../../resource/index.ts';
import type { DesiredRecord } from '../../store/index.ts';
import type { Connection } from './connection.ts';
import { type Reference, recordKey, type Selection } from './references.ts';

export interface View {
  readonly kind: ApiKind;
  readonly namespace: string;
  readonly name: string;
  readonly key: ObjectKey;
  /** Undefined when the record is gone or cannot be understood. */
  readonly object: ApiObject | undefined;
  /** Why the record cannot be understood. */
  readonly defects: readonly Defect[];
  readonly record: DesiredRecord | undefined;
  readonly status: LambdaContainerStatus | undefined;
}

/** One object; undefined when neither record nor status is there. */
export async function viewOf(reference: Reference, { desired, state }: Connection): Promise<View | undefined> {
  const key = recordKey(reference);
  const [record, status] = await Promise.all([
    desired.get(key),
    reference.kind === KIND_CONTAINER ? state.status(key) : undefined,
  ]);
  return record || status ? join(key, reference, record, status) : undefined;
}

/** All objects of a kind, of one namespace or of all, in order of their names. */
export async function viewsOf(
  kind: ApiKind,
  namespace: string | undefined,
  { desired, state }: Connection,
): Promise<View[]> {
  const partition = kind === KIND_CONTAINER ? namespace : SYSTEM_NAMESPACE;
  const [records, statuses] = await Promise.all([
    collect(desired.list(partition)),
    kind === KIND_CONTAINER ? collect(state.statuses(partition)) : [],
  ]);
  const views = new Map<string, View>();
  const add = (key: ObjectKey, record: DesiredRecord | undefined, status: LambdaContainerStatus | undefined): void => {
    const known = kindOfKey(key);
    if (known?.kind === kind)
      views.set(`${key.namespace}/${key.name}`, join(key, { ...known, namespace: key.namespace }, record, status));
  };
  for (const { key, status } of statuses) add(key, undefined, status);
  for (const record of records) {
    add(record.key, record, views.get(`${record.key.namespace}/${record.key.name}`)?.status);
  }
  return [...views.values()].sort((a, b) => compare(a.namespace, b.namespace) || compare(a.name, b.name));
}

/** The views that a selection means, and the references that mean nothing. */
export async function resolve(
  selection: Selection,
  namespace: string | undefined,
  connection: Connection,
): Promise<{ views: View[]; missing: Reference[] }> {
  if (selection.references.length === 0)
    return { views: await viewsOf(selection.kind, namespace, connection), missing: [] };
  const views: View[] = [];
  const missing: Reference[] = [];
  for (const reference of selection.references) {
    const view = await viewOf(reference, connection);
    if (view) views.push(view);
    else missing.push(reference);
  }
  return { views, missing };
}

function join(
  key: ObjectKey,
  reference: Reference,
  record: DesiredRecord | undefined,
  status: LambdaContainerStatus | undefined,
): View {
  const parsed = record && objectFromRecord(record.item);
  return { ...reference, key, object: parsed?.object, defects: parsed?.defects ?? [], record, status };
}

/** As a manifest with status: what `-o json` and `-o yaml` print and `apply` takes back. */
export function documentOf(view: View): Record<string, unknown> {
  const { object, record, status } = view;
  const labels = object?.labels ?? {};
  const annotations = object?.annotations ?? {};
  return {
    apiVersion: API_VERSION,
    kind: view.kind,
    metadata: {
      ...(view.kind === KIND_CONTAINER ? { namespace: view.namespace } : {}),
      name: view.name,
      ...(Object.keys(labels).length > 0 ? { labels } : {}),
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    },
    ...(record ? { spec: object ? object.spec : record.item.spec } : {}),
    ...(status ? { status } : {}),
  };
}

export type ShownPhase = Phase | 'Invalid';

/** What a person is told first: the phase, or that the record is not valid, or that the object is going. */
export function phaseOfView(view: View): ShownPhase {
  if (view.defects.length > 0) return 'Invalid';
  if (!view.record) return 'Deleting';
  return view.status?.phase ?? 'Pending';
}

export function conditionOf(status: LambdaContainerStatus | undefined, type: string): Condition | undefined {
  return status?.conditions.find((condition) => condition.type === type);
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
