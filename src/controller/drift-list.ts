/** The drift that a status lists: what was found stays listed, with the time of its finding, until all is well again. */
import type { LambdaContainerStatus } from '../api/index.ts';
import type { Drift } from '../plan/index.ts';

type DriftList = LambdaContainerStatus['drift'];

/** What was known and what is new; nothing once the object is ready. */
export function mergeDrift(before: DriftList, found: readonly Drift[], ready: boolean, nowMs: number): DriftList {
  if (ready) return [];
  const fresh = found
    .filter(({ reason }) => reason !== 'LeftBehind')
    .map(({ nodeId, path, desired, observed, reason }) => ({
      node: nodeId,
      path,
      desired,
      observed,
      reason,
      since: new Date(nowMs).toISOString(),
      policy: 'heal' as const,
      owner: 'lambdacontainer',
    }))
    .filter((drift) => !before.some((known) => known.node === drift.node && known.path === drift.path));
  return [...before, ...fresh];
}

/** One line for people. */
export function describeDrift({ node, path, desired, observed, reason }: DriftList[number]): string {
  return `${reason} ${node}${path ? `.${path}` : ''}: ${text(observed)}, desired ${text(desired)}`;
}

function text(value: unknown): string {
  const written = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return written.length > 120 ? `${written.slice(0, 117)}…` : written;
}
