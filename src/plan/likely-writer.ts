/**
 * Who likely changes a field that we keep putting right: whoever AWS's events named, else what the resource itself tells
 * of those who work on it. It is a hint for people; nothing is decided by it.
 */
import type { AnyKind } from '../resource/index.ts';
import type { NodeView, World } from './world.ts';

const STACK_TAG = 'aws:cloudformation:stack-name';

export function likelyWriter(world: World, { node }: NodeView, kind: AnyKind, observed: unknown, path: string): string {
  const seen = world.writers?.get(node.id);
  if (seen) return `${seen.who} (seen at ${new Date(seen.atMs).toISOString()})`;
  if (node.kind === 'ecs-service' && path === 'desiredCount') return 'Application Auto Scaling or a scheduled action';
  const stack = stackOf(world, kind, observed);
  if (stack !== undefined) return `the CloudFormation stack '${stack}', whose tag it carries,`;
  if (node.kind === 'rule-weights' && isDeploying(world)) return 'an ECS deployment that is under way';
  return 'somebody whom no event has named';
}

/** Of the resource itself, or, where it carries no tags, of anything else of the object. */
function stackOf(world: World, kind: AnyKind, observed: unknown): string | undefined {
  const own = kind.tags(observed);
  if (own) return own[STACK_TAG];
  for (const { observation } of world.nodes) {
    const tags =
      observation?.state === 'present' ? (observation.observed as { tags?: unknown } | null)?.tags : undefined;
    const stack = typeof tags === 'object' && tags !== null ? (tags as Record<string, unknown>)[STACK_TAG] : undefined;
    if (typeof stack === 'string') return stack;
  }
  return undefined;
}

function isDeploying(world: World): boolean {
  return world.nodes.some(({ node, observation }) => {
    if (node.kind !== 'ecs-service' || observation?.state !== 'present') return false;
    return Number((observation.observed as { deployments?: unknown }).deployments ?? 0) > 1;
  });
}
