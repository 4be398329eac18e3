/**
 * What an inventory remembers of a record: identity, generation, and what people asked for by annotations, so that it
 * still stands when the record is gone. Pure. The daemon and the command line's `plan` begin an object by this one file.
 */
import {
  ANNOTATION_CASCADE,
  ANNOTATION_PROTECTED,
  ANNOTATION_RESTART,
  type LambdaContainerSpec,
  specHash,
} from '../api/index.ts';
import type { Inventory } from '../resource/index.ts';

type Annotations = Readonly<Record<string, string>>;

/**
 * The inventory of an object whose record is there, whatever its spec: a hold ends, and annotations count. `covering`:
 * confirmations that name the object now. They were not written of a vanishing that is still to come.
 */
export function recognised(
  before: Inventory,
  annotations: Annotations | undefined,
  covering: readonly string[],
): Inventory {
  return {
    ...before,
    held: undefined,
    ignoredConfirmations: covering.length > 0 ? [...covering].sort() : undefined,
    ...(annotations
      ? {
          protected: annotations[ANNOTATION_PROTECTED] === 'true' ? true : undefined,
          deletionPolicy: annotations[ANNOTATION_CASCADE] === 'orphan' ? 'retain' : before.deletionPolicy,
          restartedAt: annotations[ANNOTATION_RESTART] ?? before.restartedAt,
        }
      : {}),
  };
}

/**
 * Identity and generation of an object as it is now desired. Annotations are no part of the generation, as in Kubernetes.
 * `before`: its inventory until now; `identity` is used when there is none.
 */
export function begun(
  before: Inventory | undefined,
  identity: Pick<Inventory, 'uid' | 'createdAtMs'>,
  spec: LambdaContainerSpec,
  annotations: Annotations,
): Inventory {
  const hash = specHash(spec);
  const generation = before === undefined ? 1 : before.specHash === hash ? before.generation : before.generation + 1;
  const base = before ?? { ...identity, entries: [], incarnations: {} };
  const desired: Inventory = {
    ...base,
    generation,
    specHash: hash,
    className: spec.className,
    deletionPolicy: spec.deletionPolicy,
  };
  return recognised(desired, annotations, before?.ignoredConfirmations ?? []);
}
