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
  type GitSourceStatus,
  KIND_CLASS,
  KIND_CONTAINER,
  KIND_GIT_SOURCE,
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
  /** Of a LambdaContainer. */
  readonly status: LambdaContainerStatus | undefined;
  /** Of a GitSource. */
  readonly sourceStatus: GitSourceStatus | undefined;
}

type AnyStatus = LambdaContainerStatus | GitSourceStatus;

/** One object; undefined when neither record nor status is there. */
export async function viewOf(reference: Reference, { desired, state }: Connection): Promise<View | undefined> {
  const key = recordKey(reference);
  const [record, status] = await Promise.all([
    desired.get(key),
    reference.kind === KIND_CLASS ? undefined : state.status<AnyStatus>(key),
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
    kind === KIND_CLASS ? [] : collect(state.statuses<AnyStatus>(partition)),
  ]);
  const found = new Map<string, { key: ObjectKey; record?: DesiredRecord; status?: AnyStatus }>();
  for (const { key, status } of statuses) found.set(idOf(key), { key, status });
  for (const record of records)
    found.set(idOf(record.key), { ...found.get(idOf(record.key)), key: record.key, record });
  const views = [...found.values()].flatMap(({ key, record, status }) => {
    const known = kindOfKey(key);
    return known?.kind === kind ? [join(key, { ...known, namespace: key.namespace }, record, status)] : [];
  });
  return views.sort((a, b) => compare(a.namespace, b.namespace) || compare(a.name, b.name));
}

/** The views that a selection means, and the references that mean nothing. */
export async function resolve(
  selection: Selection,
  namespace: string | undefined,
  connection: Connection,
): Promise<{ views: View[]; missing: Reference[] }> {
  if (selection.references.length === 0)
    return { views: await viewsOf(selection.kind, namespace, connection), missing: [] };
  const found = await Promise.all(selection.references.map((reference) => viewOf(reference, connection)));
  return {
    views: found.filter((view) => view !== undefined),
    missing: selection.references.filter((_, index) => found[index] === undefined),
  };
}

function join(
  key: ObjectKey,
  reference: Reference,
  record: DesiredRecord | undefined,
  status: AnyStatus | undefined,
): View {
  const parsed = record && objectFromRecord(record.item);
  const { kind, namespace, name } = reference;
  return {
    kind,
    namespace,
    name,
    key,
    object: parsed?.object,
    defects: parsed?.defects ?? [],
    record,
    status: kind === KIND_CONTAINER ? (status as LambdaContainerStatus | undefined) : undefined,
    sourceStatus: kind === KIND_GIT_SOURCE ? (status as GitSourceStatus | undefined) : undefined,
  };
}

/** What the controller says of it, whatever its kind. */
export function statusOfView(view: Pick<View, 'status' | 'sourceStatus'>): AnyStatus | undefined {
  return view.status ?? view.sourceStatus;
}

/** As a manifest with status: what `-o json` and `-o yaml` print and `apply` takes back. */
export function documentOf(view: View): Record<string, unknown> {
  const { object, record } = view;
  const status = statusOfView(view);
  const labels = object?.labels ?? {};
  const annotations = object?.annotations ?? {};
  return {
    apiVersion: API_VERSION,
    kind: view.kind,
    metadata: {
      ...(view.kind === KIND_CONTAINER ? { namespace: view.namespace } : {}),
      name: view.name,
      ...(status?.uid === undefined ? {} : { uid: status.uid }),
      ...(Object.keys(labels).length > 0 ? { labels } : {}),
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    },
    ...(record ? { spec: object ? object.spec : record.item.spec } : {}),
    ...(status ? { status } : {}),
  };
}

/** An object as a manifest, as `apply` takes it. */
export function manifestOf({ kind, namespace, name, labels, annotations, spec }: ApiObject): Record<string, unknown> {
  return {
    apiVersion: API_VERSION,
    kind,
    metadata: {
      ...(kind === KIND_CONTAINER ? { namespace } : {}),
      name,
      ...(Object.keys(labels).length > 0 ? { labels } : {}),
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    },
    spec,
  };
}

export type ShownPhase = Phase | 'Invalid' | 'Deleted';

/** What a person is told first: the phase, or that the record is not valid, or that the object is going. */
export function phaseOfView(view: View): ShownPhase {
  if (view.defects.length > 0) return 'Invalid';
  const phase = statusOfView(view)?.phase;
  if (!view.record) return phase === 'DeletionHeld' ? phase : 'Deleting';
  return phase ?? 'Pending';
}

export function conditionOf(status: AnyStatus | undefined, type: string): Condition | undefined {
  return status?.conditions.find((condition) => condition.type === type);
}

/** Distinct for each object of one kind. */
export function idOf(object: { readonly namespace: string; readonly name: string }): string {
  return `${object.namespace}/${object.name}`;
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
