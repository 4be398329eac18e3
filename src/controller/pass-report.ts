/** What a pass over an object saw, planned and did: all that status, events, revisions and decisions are told from. */
import type { LambdaContainerClassSpec, LambdaContainerSpec } from '../api/index.ts';
import type { StepResult } from '../execute/index.ts';
import type { ConditionDraft, Obstruction, Plan, World } from '../plan/index.ts';
import type { Inventory, KindRegistry, ObjectKey, Outputs } from '../resource/index.ts';

export interface PassReport {
  readonly key: ObjectKey;
  readonly inventory: Inventory;
  readonly world: World;
  readonly plan: Plan;
  readonly results: readonly StepResult[];
  readonly obstructions: readonly Obstruction[];
  /** What the object says of itself after this pass, drift left out. */
  readonly conditions: readonly ConditionDraft[];
  /** Undefined while the object is being deleted. */
  readonly object: PassedObject | undefined;
  readonly startedMs: number;
}

export interface PassedObject {
  readonly spec: LambdaContainerSpec;
  /** The class that it is composed with, which may not be the newest. */
  readonly klass: LambdaContainerClassSpec;
  /** What the record asked for by annotation. */
  readonly reconcileRequest: string | undefined;
  /** What a person should know of the decision beyond the plan. */
  readonly notes: readonly string[];
}

/** Outputs of a node as it was observed; undefined when it is not there or cannot be read. */
export function outputsOf({ world }: PassReport, kinds: KindRegistry, nodeId: string): Outputs | undefined {
  const view = world.nodes.find(({ node }) => node.id === nodeId);
  if (view?.observation?.state !== 'present') return undefined;
  return kinds.get(view.node.kind)?.outputs(view.observation.observed);
}
