/**
 * Marks that verbs leave on a record (`restart`, `reconcile`, protection): a manifest that does not speak of them does
 * not take them off. `apply` writes by this and `plan` compares by it.
 */
import { ANNOTATION_CASCADE, ANNOTATION_PREFIX, type ApiObject, objectFromRecord } from '../../api/index.ts';
import type { DesiredRecord } from '../../store/index.ts';

/**
 * The manifest with the marks of the record that it does not speak of. Who applies an object wants it, so a mark that
 * it is about to be orphaned does not stay.
 */
export function withMarks(manifest: ApiObject, before: DesiredRecord | undefined): ApiObject {
  const { object } = before ? objectFromRecord(before.item) : {};
  const kept = Object.entries(object?.annotations ?? {}).filter(
    ([key]) => key.startsWith(ANNOTATION_PREFIX) && key !== ANNOTATION_CASCADE,
  );
  const { apiVersion, kind, namespace, name, labels, annotations, spec } = manifest;
  return {
    apiVersion,
    kind,
    namespace,
    name,
    labels,
    annotations: { ...Object.fromEntries(kept), ...annotations },
    spec,
  };
}
