/**
 * Which passes are worth a decision in the log, and what it says: what was seen, decided and done. A pass that changed
 * something is; another is only when it saw or met something else than the last one recorded, so that a steady fleet
 * writes nothing, and a failure that repeats itself is written once. Bounds of length and count are the store's.
 */
import type { Plan, Verdict } from '../plan/index.ts';
import { type Decision, formatKey, type ObjectKey } from '../resource/index.ts';
import type { Memory } from './memory.ts';
import type { PassReport } from './pass-report.ts';

const DONE = ': done';

/** A decision before it has its number. */
export type Finding = Omit<Decision, 'number'>;

export class DecisionLog {
  readonly #memory: Pick<Memory, 'lastDecision'>;
  /** The last recorded decision of each object that was looked at. */
  readonly #last: Map<string, { readonly number: number; readonly news: string }> = new Map();

  constructor(memory: Pick<Memory, 'lastDecision'>) {
    this.#memory = memory;
  }

  /**
   * The decision to record, or undefined when it says nothing new. `isSteady`: the object was well before and is well
   * now; then what an earlier leader recorded last need not be read. @throws Failure when it cannot be read
   */
  async next(key: ObjectKey, finding: Finding, isSteady: boolean): Promise<Decision | undefined> {
    const id = formatKey(key);
    let last = this.#last.get(id);
    if (!last) {
      if (isSteady) return undefined;
      const stored = await this.#memory.lastDecision(key);
      last = { number: stored?.number ?? 0, news: stored ? signature(stored) : '' };
      this.#last.set(id, last);
    }
    const news = signature(finding);
    if (news === last.news && !finding.did.some((text) => text.endsWith(DONE))) return undefined;
    const number = last.number + 1;
    this.#last.set(id, { number, news });
    return { number, ...finding };
  }

  /** The object is gone; a later one of its name goes on with the numbers. */
  forget(key: ObjectKey): void {
    this.#last.delete(formatKey(key));
  }
}

/** What a pass through the planner came to. */
export function findingOf(report: PassReport, nowMs: number): Finding {
  const { inventory, plan, results, object, startedMs } = report;
  return {
    at: new Date(nowMs).toISOString(),
    generation: inventory.generation,
    saw: [...(object?.notes ?? []), ...sawOf(report)],
    decided: [
      ...plan.steps.map(({ action, nodeId, reason }) => `${action} ${nodeId}: ${reason}`),
      ...plan.forget.map(({ nodeId }) => `forget ${nodeId}`),
    ],
    did: results.map(({ step: { action, nodeId }, failure }) =>
      failure ? `${action} ${nodeId}: ${failure.code}: ${failure.message}` : `${action} ${nodeId}${DONE}`,
    ),
    tookMs: Math.round(nowMs - startedMs),
  };
}

function sawOf({ plan }: PassReport): string[] {
  return [...plan.verdicts].flatMap(([nodeId, verdict]) => {
    const seen = seenOf(nodeId, verdict, plan);
    return seen === undefined ? [] : [`${nodeId}: ${seen}`];
  });
}

function seenOf(nodeId: string, verdict: Verdict, plan: Plan): string | undefined {
  switch (verdict.state) {
    case 'settled':
      return undefined;
    case 'blocked':
      return `blocked on ${verdict.on}`;
    case 'unknown':
      return `unknown ${verdict.failure.code}`;
    case 'pending':
    case 'failed':
      return `${verdict.state} ${verdict.reason}`;
    case 'acting': {
      const step = plan.steps.find((candidate) => candidate.nodeId === nodeId);
      if (step?.action === 'create') return 'absent';
      const paths = step?.changes.map(({ path }) => path) ?? [];
      return paths.length > 0 ? `differs in ${paths.join(', ')}` : 'present';
    }
  }
}

function signature({ saw, did, generation }: Pick<Finding, 'saw' | 'did' | 'generation'>): string {
  // A failure's message may name the request: its code says whether it is the same.
  const outcomes = did.map((text) => text.split(': ', 2).join(': '));
  return JSON.stringify([generation, saw, outcomes]);
}
