/** The drift that a status lists: what was found stays listed, with the time of its finding, until all is well again. */
import type { LambdaContainerStatus } from '../api/index.ts';
import { type Drift, hideChange, ownershipOf } from '../plan/index.ts';

type DriftList = LambdaContainerStatus['drift'];

/**
 * What was known and what is new, without secrets. Once the object is ready, only what it is warned of and what nobody
 * puts right stays.
 */
export function mergeDrift(before: DriftList, found: readonly Drift[], ready: boolean, nowMs: number): DriftList {
  const seen = found
    .filter(({ reason }) => reason !== 'LeftBehind')
    .map((drift) => hideChange(drift))
    .map(({ nodeId, kind, path, desired, observed, reason, policy, isContended }) => ({
      node: nodeId,
      path,
      desired,
      observed,
      reason,
      since: before.find(isOf({ node: nodeId, path }))?.since ?? new Date(nowMs).toISOString(),
      policy: policy ?? ('heal' as const),
      // The resource itself is ours: only fields have other owners.
      owner: path === '' ? 'lambdacontainer' : ownershipOf(kind, path).owner,
      ...(isContended ? { contended: true } : {}),
    }));
  const current = ready ? seen.filter(({ policy }) => policy === 'warn') : seen;
  const healing = ready ? [] : before.filter(({ policy }) => policy === 'heal');
  return [
    ...healing.map((known) => current.find(isOf(known)) ?? withoutContention(known)),
    ...current.filter((drift) => !healing.some(isOf(drift))),
  ];
}

function isOf({ node, path }: Pick<DriftList[number], 'node' | 'path'>) {
  return (other: Pick<DriftList[number], 'node' | 'path'>) => other.node === node && other.path === path;
}

function withoutContention({ contended: _, ...drift }: DriftList[number]): DriftList[number] {
  return drift;
}

/** One line for people. */
export function describeDrift({ node, path, desired, observed, reason }: DriftList[number]): string {
  return `${reason} ${node}${path ? `.${path}` : ''}: ${text(observed)}, desired ${text(desired)}`;
}

function text(value: unknown): string {
  const written = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return written.length > 120 ? `${written.slice(0, 117)}…` : written;
}
