/** When a combination of image and configuration becomes a revision of an object, and what a rollback to it needs. */
import { sameJson } from '../core/index.ts';
import type { KindRegistry, Revision } from '../resource/index.ts';
import { outputsOf, type PassReport } from './pass-report.ts';

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
  const source = outputsOf(report, kinds, 'function');
  const image = outputsOf(report, kinds, 'image')?.digest ?? digestOf(source?.imageUri);
  const taskDefinition = outputsOf(report, kinds, 'task-definition')?.arn;
  const next = {
    image: typeof image === 'string' ? image : '',
    functionVersion: String(source?.version ?? ''),
    codeSha256: String(source?.codeSha256 ?? ''),
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

function reachableOf({ world, inventory }: PassReport): Revision['reachable'] {
  return inventory.entries
    .filter(({ kind, nodeId, identity }) => {
      if (kind !== 'image-build' && kind !== 'task-definition') return false;
      const resolved = world.nodes.find(({ node }) => node.id === nodeId)?.resolved;
      return resolved !== undefined && sameJson(resolved.identity, identity);
    })
    .map(({ kind, identity }) => ({ kind, identity }));
}

function digestOf(uri: unknown): string | undefined {
  return typeof uri === 'string' ? uri.split('@')[1] : undefined;
}
