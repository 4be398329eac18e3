/** Something that differs from what it was when its object was last settled, and who found it. */
export type FoundBy = 'sweep' | 'rotation' | 'event';

export interface Finding {
  /** The object's `namespace/name`. */
  readonly id: string;
  readonly nodeId: string;
  readonly kind: string;
  /** Typed drift reasons, e.g. `WeightDrift` or `MissingEcsService`. */
  readonly reasons: readonly string[];
  readonly by: FoundBy;
}

/** What is missing altogether, by kind: `ecs-service` → `MissingEcsService`. */
export function missing(kind: string): string {
  return `Missing${kind.replace(/(^|-)([a-z])/g, (_all, _dash, letter: string) => letter.toUpperCase())}`;
}
