/**
 * Records of the desired table to objects and back, as plain values (the store unmarshals). The least that a person may
 * put is `{namespace, name, spec}`; types that DynamoDB has and JSON has not are refused with a remedy, never guessed.
 */
import { bounded, type Defect, defect, plainDefect } from './defects.ts';
import { apiVersionDefect, kindOf, unknownFields } from './envelope.ts';
import { annotationsOf, labelsOf } from './labels.ts';
import { keyOf, kindOfKey, nameDefect, SYSTEM_NAMESPACE } from './names.ts';
import { PathIndex } from './path-index.ts';
import { plainMembers } from './plain.ts';
import { API_VERSION, type ApiKind, type ApiObject } from './types.ts';
import { specDefects } from './validate.ts';

export type FromRecord = { object: ApiObject; defects: [] } | { object: undefined; defects: Defect[] };

const MEMBERS = ['namespace', 'name', 'apiVersion', 'kind', 'labels', 'annotations', 'spec'] as const;
const HINTS = {
  metadata: 'a record has namespace, name, labels and annotations at its top',
  status: 'status is in the state table and only the controller writes it; remove it',
};

/** The object that a record holds, its spec not judged; or every defect, of the envelope and then of the spec too. */
export function objectFromRecord(item: Record<string, unknown>): FromRecord {
  const { members, defects } = plainMembers(item);
  const specIsJudged = defects.some((other) => other.path.startsWith('spec'));
  defects.push(...unknownFields(members, MEMBERS, [], HINTS));
  const named = nameOf(members);
  const unread = new PathIndex(defects.map(({ path }) => path));
  defects.push(...named.defects.filter(({ path }) => !unread.overlaps(path)));
  if (members.apiVersion !== undefined) push(defects, apiVersionDefect(members.apiVersion));
  const labels = labelsOf(members.labels, ['labels']);
  const annotations = annotationsOf(members.annotations, ['annotations']);
  defects.push(...labels.defects, ...annotations.defects);
  if (members.spec === undefined && !specIsJudged) {
    defects.push(
      plainDefect(
        ['spec'],
        undefined,
        'is missing; give at least {"source": {"functionRef": {"name": "my-function"}}}',
      ),
    );
  }
  if (defects.length > 0 || !named.kind) {
    const isReadable = members.spec !== undefined && !specIsJudged;
    if (named.kind && isReadable) defects.push(...specDefects(named.kind, members.spec));
    return { object: undefined, defects: bounded(defects, '(record)') };
  }
  return {
    object: {
      apiVersion: API_VERSION,
      kind: named.kind,
      namespace: String(members.namespace),
      name: named.name,
      labels: labels.map,
      annotations: annotations.map,
      spec: members.spec,
    },
    defects: [],
  };
}

/** The record of an object, without members that say nothing. */
export function recordFromObject(object: ApiObject): Record<string, unknown> {
  return {
    ...keyOf(object),
    apiVersion: object.apiVersion,
    kind: object.kind,
    ...(Object.keys(object.labels).length > 0 ? { labels: { ...object.labels } } : {}),
    ...(Object.keys(object.annotations).length > 0 ? { annotations: { ...object.annotations } } : {}),
    spec: object.spec,
  };
}

/** Kind and name follow from the key; a `kind` that is written must agree with it. */
function nameOf(members: Record<string, unknown>): { kind: ApiKind | undefined; name: string; defects: Defect[] } {
  const defects: Defect[] = [];
  const namespace = members.namespace;
  if (namespace !== SYSTEM_NAMESPACE) push(defects, nameDefect(namespace, ['namespace']));
  const implied =
    typeof namespace === 'string' && typeof members.name === 'string'
      ? kindOfKey({ namespace, name: members.name })
      : undefined;
  if (namespace === SYSTEM_NAMESPACE && typeof members.name === 'string' && !implied) {
    defects.push(
      defect(['name'], members.name, "is not the name of an object in '_system'; use class/<name> or source/<name>"),
    );
  } else push(defects, nameDefect(implied?.name ?? members.name, ['name']));
  const written = members.kind;
  if (written !== undefined) {
    const known = kindOf(written);
    if (known.kind === undefined) defects.push(known.defect);
    else if (implied && known.kind !== implied.kind)
      defects.push(defect(['kind'], written, misplaced(known.kind, implied.kind)));
  }
  return { kind: implied?.kind, name: implied?.name ?? '', defects };
}

function misplaced(written: ApiKind, implied: ApiKind): string {
  return implied === 'LambdaContainer'
    ? `belongs into namespace '_system'; put it there, named ${written === 'GitSource' ? 'source' : 'class'}/<name>`
    : `does not go with this key, which means ${implied}; change kind or key`;
}

function push(defects: Defect[], item: Defect | undefined): void {
  if (item) defects.push(item);
}
