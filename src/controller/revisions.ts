/** When a combination of image and configuration becomes a revision of an object, and what a rollback to it needs. */
import { sameJson } from '../core/index.ts';
import type { World } from '../plan/index.ts';
import type { Inventory, KindRegistry, Revision } from '../resource/index.ts';
import { outputsOf, type PassReport } from './pass-report.ts';
import { sourceOf } from './source-facts.ts';

/** The revision to record: what serves now, when everything is settled and it is not what was recorded last. */
export function nextRevision(
  report: PassReport,
  last: Revision | undefined,
  kinds: KindRegistry,
  nowMs: number,
): Revision | undefined {
  const { world, plan, object } = report;
  const nodesSettled = world.nodes.every(({ node }) => plan.verdicts.get(node.id)?.state === 'settled');
  if (!object || !nodesSettled || !world.complete) return undefined;
  const source = sourceOf(report, kinds);
  const image = outputsOf(report, kinds, 'image')?.digest ?? source?.image;
  const taskDefinition = outputsOf(report, kinds, 'task-definition')?.arn;
  const next = {
    image: typeof image === 'string' ? image : '',
    functionVersion: source?.version ?? '',
    codeSha256: source?.revision ?? '',
    taskDefinition: typeof taskDefinition === 'string' ? taskDefinition : undefined,
  };
  const isKnown =
    last?.image === next.image && last.codeSha256 === next.codeSha256 && last.taskDefinition === next.taskDefinition;
  if (isKnown) return undefined;
  return {
    number: (last?.number ?? 0) + 1,
    ...next,
    reachable: reachableOf(report),
    at: new Date(nowMs).toISOString(),
  };
}

/** Whether something is left that was of a revision which is kept no more: recording one drops another. */
export function hasUnreachable(world: World, { entries }: Inventory, revisions: Iterable<Revision>): boolean {
  const kept = [...revisions].flatMap(({ reachable }) => reachable);
  return entries.some(({ kind, nodeId, identity }) => {
    if (!isNamedByRevisions(kind)) return false;
    const resolved = world.nodes.find(({ node }) => node.id === nodeId)?.resolved;
    const isCurrent = resolved !== undefined && sameJson(resolved.identity, identity);
    return !isCurrent && !kept.some((other) => other.kind === kind && sameJson(other.identity, identity));
  });
}

/** Kinds of which there is one resource per revision; a rollback needs the very one. */
export function isNamedByRevisions(kind: string): boolean {
  return kind === 'image-build' || kind === 'task-definition';
}

function reachableOf({ world, inventory }: PassReport): Revision['reachable'] {
  return inventory.entries
    .filter(({ kind, nodeId, identity }) => {
      if (!isNamedByRevisions(kind)) return false;
      const resolved = world.nodes.find(({ node }) => node.id === nodeId)?.resolved;
      return resolved !== undefined && sameJson(resolved.identity, identity);
    })
    .map(({ kind, identity }) => ({ kind, identity }));
}
