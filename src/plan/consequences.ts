/**
 * What follows for those that use a thing when that thing is made anew: the field of theirs that names it, or that they
 * are made anew themselves. A plan is a frontier, so the node that waits for a new task definition cannot be compared
 * yet; that its tasks will be replaced must be said all the same.
 */

/** By kind of the user, then of what it uses: a field as in `field-owners.ts`, or `anew`. */
export const CONSEQUENCES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'image-build': { 'base-image': 'anew' },
  'task-definition': { 'image-build': 'anew', 'target-group': 'anew' },
  'ecs-service': { 'task-definition': 'taskDefinition', 'target-group': 'loadBalancer' },
  'listener-rule': { 'target-group': 'groups.new' },
  'rule-weights': { 'target-group': 'weights.new', 'listener-rule': 'anew' },
  'lambda-permission': { 'target-group': 'sourceArn' },
  'lambda-target': { 'target-group': 'anew' },
  'scalable-target': { 'ecs-service': 'anew' },
  'scaling-policy': { 'scalable-target': 'anew', 'target-group': 'resourceLabel' },
};

export interface Consequence {
  /** Undefined: made anew. */
  readonly path: string | undefined;
  /** The node that causes it. */
  readonly of: string;
}

/** `renewed`: nodes that are, or will be, made anew, and their kinds. In the order of `dependsOn`. */
export function consequencesOf(
  kind: string,
  dependsOn: readonly string[],
  renewed: ReadonlyMap<string, string>,
): Consequence[] {
  return dependsOn.flatMap((of) => {
    const used = renewed.get(of);
    const follows = used === undefined ? undefined : CONSEQUENCES[kind]?.[used];
    return follows === undefined ? [] : [{ path: follows === 'anew' ? undefined : follows, of }];
  });
}
