/** A plan as data: what `plan -o json` prints. Its members are documented in docs/plan.md and only ever added to. */
import { API_VERSION, KIND_CONTAINER } from '../../api/index.ts';
import { greatest } from '../../plan/index.ts';
import type { PlannedObject } from './planning.ts';

/** `hash` is undefined when something could not be read: such a plan promises nothing. */
export function planDocument(objects: readonly PlannedObject[], hash: string | undefined): Record<string, unknown> {
  return {
    apiVersion: API_VERSION,
    kind: 'Plan',
    hash: hash ?? null,
    changes: objects.some(
      ({ explanation, recordAction }) => recordAction !== 'unchanged' || explanation?.changes === true,
    ),
    risk: greatest(objects.flatMap(({ explanation }) => explanation?.risk ?? [])),
    objects: objects.map((planned) => ({
      kind: planned.object?.kind ?? KIND_CONTAINER,
      namespace: planned.key.namespace,
      name: planned.object?.name ?? planned.key.name,
      record: planned.recordAction,
      state: planned.obstacle ? 'obstructed' : 'planned',
      ...(planned.obstacle ? { obstacle: planned.obstacle } : {}),
      notes: planned.notes,
      complete: planned.explanation?.complete ?? false,
      changes: planned.explanation?.changes ?? false,
      risk: planned.explanation?.risk ?? 'none',
      rows: planned.explanation?.rows ?? [],
      carryOver: planned.carryOver,
    })),
  };
}
