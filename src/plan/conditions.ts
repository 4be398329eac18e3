/**
 * What a plan means for people: one condition per aspect of the object and the three of kstatus. `Ready` is true only
 * when every node is settled; `Stalled` says that only a change of spec, source, permission or quota can help.
 */
import { imageThreats } from './image-retention.ts';
import type { Plan, Verdict, World } from './world.ts';

export interface ConditionDraft {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

/** Failures of a step that only a person can mend, by node. */
export interface Obstruction {
  readonly nodeId: string;
  readonly reason: string;
  readonly message: string;
}

export function conditionsOf(world: World, plan: Plan, obstructions: readonly Obstruction[]): ConditionDraft[] {
  const drafts: ConditionDraft[] = [];
  const aspects = new Map<string, string[]>();
  for (const { node } of world.nodes) aspects.set(node.aspect, [...(aspects.get(node.aspect) ?? []), node.id]);

  for (const [aspect, nodeIds] of aspects) {
    const obstruction = obstructions.find((o) => nodeIds.includes(o.nodeId));
    const worst = obstruction ? undefined : worstOf(nodeIds.map((id) => [id, plan.verdicts.get(id)] as const));
    if (obstruction)
      drafts.push({ type: aspect, status: 'False', reason: obstruction.reason, message: obstruction.message });
    else if (!worst) drafts.push({ type: aspect, status: 'True', ...settledAs(world, aspect) });
    else drafts.push({ type: aspect, ...explainVerdict(worst[0], worst[1]) });
  }

  const unsettled = worstOf(world.nodes.map(({ node }) => [node.id, plan.verdicts.get(node.id)] as const));
  const failed = [...plan.verdicts].find(([, verdict]) => verdict.state === 'failed');
  const stall =
    obstructions[0] ??
    (failed && failed[1].state === 'failed'
      ? { nodeId: failed[0], reason: failed[1].reason, message: failed[1].message }
      : undefined);
  if (stall) {
    drafts.push(
      { type: 'Ready', status: 'False', reason: stall.reason, message: stall.message },
      { type: 'Stalled', status: 'True', reason: stall.reason, message: stall.message },
      { type: 'Reconciling', status: 'False', reason: stall.reason, message: 'waits for the cause to go away' },
    );
  } else if (unsettled || !world.complete) {
    const { status, reason, message } = unsettled
      ? explainVerdict(unsettled[0], unsettled[1])
      : { status: 'False' as const, reason: 'Progressing', message: 'working out what is needed' };
    drafts.push(
      { type: 'Ready', status, reason, message },
      { type: 'Stalled', status: 'False', reason: 'Progressing', message: '' },
      { type: 'Reconciling', status: 'True', reason, message },
    );
  } else {
    drafts.push(
      { type: 'Ready', status: 'True', reason: 'Settled', message: 'everything desired is observed and serving' },
      { type: 'Stalled', status: 'False', reason: 'Settled', message: '' },
      plan.settled
        ? { type: 'Reconciling', status: 'False', reason: 'Settled', message: '' }
        : { type: 'Reconciling', status: 'True', reason: 'CleaningUp', message: 'removing what is no longer needed' },
    );
  }
  return drafts;
}

/** Well for now; a lifecycle policy may end that. */
function settledAs(world: World, aspect: string): { reason: string; message: string } {
  const [threat] = aspect === 'ImageBuilt' ? imageThreats(world) : [];
  if (!threat) return { reason: 'Settled', message: 'as desired' };
  const message = `${threat.rule} of the repository's lifecycle policy takes image ${threat.tag} away ${threat.when}; it runs, or a rollback needs it: exclude our tags from the policy`;
  return { reason: 'ImageAtRisk', message };
}

const RANK: Record<Verdict['state'], number> = { failed: 5, unknown: 4, pending: 3, acting: 2, blocked: 1, settled: 0 };

/** Of two that are on their way, the one that nothing can build upon yet is nearer to the cause. */
function rankOf(verdict: Verdict | undefined): number {
  if (!verdict) return RANK.blocked;
  return RANK[verdict.state] + (verdict.state === 'pending' && !verdict.usable ? 0.5 : 0);
}

function worstOf(
  verdicts: readonly (readonly [string, Verdict | undefined])[],
): readonly [string, Verdict | undefined] | undefined {
  let worst: readonly [string, Verdict | undefined] | undefined;
  let rank = 0;
  for (const candidate of verdicts) {
    const candidateRank = rankOf(candidate[1]);
    if (candidateRank > rank) {
      worst = candidate;
      rank = candidateRank;
    }
  }
  return worst;
}

function explainVerdict(
  nodeId: string,
  verdict: Verdict | undefined,
): { status: 'False' | 'Unknown'; reason: string; message: string } {
  switch (verdict?.state) {
    case 'failed':
    case 'pending':
    case 'acting':
      return { status: 'False', reason: verdict.reason, message: `${nodeId}: ${verdict.message}` };
    case 'unknown':
      return {
        status: 'Unknown',
        reason: 'CannotTell',
        message: `${nodeId}: ${verdict.failure.service} ${verdict.failure.operation} answered ${verdict.failure.code}: ${verdict.failure.message}`,
      };
    case 'blocked':
      return { status: 'False', reason: 'Waiting', message: `${nodeId} waits for ${verdict.on}` };
    default:
      return { status: 'False', reason: 'Waiting', message: `${nodeId} waits` };
  }
}
