/**
 * Tells progress from repetition: what a pass came to decides when its object is looked at again. The same steps as in
 * the pass before are no progress, and acting on them again at once would only hammer AWS.
 */
import { shortHash } from '../core/index.ts';
import type { StepResult } from '../execute/index.ts';
import type { Obstruction, Plan } from '../plan/index.ts';
import type { Outcome } from './outcome.ts';
import { isWaiting } from './waiting.ts';

/** What is awaited is looked at so often at least, however long it has been awaited. */
const WAIT_MS_MAX = 15_000;

export class Progress {
  /** Signature of the last frontier per key. */
  readonly #lastSteps: Map<string, string> = new Map();
  /** What was awaited last per key, and for how long it has been. */
  readonly #waits: Map<string, { readonly signature: string; readonly waitedMs: number }> = new Map();

  /** What follows from a pass that took so long. */
  after(
    id: string,
    next: Plan,
    results: readonly StepResult[],
    obstructions: readonly Obstruction[],
    tookMs: number,
  ): Outcome {
    const failed = results.find((result) => result.failure !== undefined)?.failure;
    const unreadable = [...next.verdicts.values()].find((verdict) => verdict.state === 'unknown');
    const failure = failed ?? (unreadable?.state === 'unknown' ? unreadable.failure : undefined);
    if (isWaiting(failure)) return { type: 'requeue', afterMs: failure?.retryAfterMs ?? 0 };
    if (failure) {
      // Only a change can help a stalled object; the resync asks again now and then.
      if (obstructions.length > 0 && failure.kind !== 'notFound') return { type: 'done' };
      // Something else got on: that is progress, and what failed is asked again with it.
      if (results.some((result) => result.failure === undefined) && !this.#isRepetition(id, next)) {
        return { type: 'requeue', afterMs: 0 };
      }
      return { type: 'backoff', atLeastMs: failure.retryAfterMs ?? 0, failure };
    }
    if (next.settled) {
      this.forget(id);
      return { type: 'done' };
    }
    if (next.steps.length === 0) {
      const { requeueAfterMs } = next;
      return requeueAfterMs === undefined
        ? { type: 'done' }
        : { type: 'requeue', afterMs: this.#waitMs(id, next, requeueAfterMs, tookMs) };
    }
    return this.#isRepetition(id, next)
      ? { type: 'backoff', atLeastMs: 0 }
      : { type: 'requeue', afterMs: next.requeueAfterMs ?? 0 };
  }

  /** The next steps of this key are new, whatever they are. */
  forget(id: string): void {
    this.#lastSteps.delete(id);
    this.#waits.delete(id);
  }

  /**
   * As the plan asks; where it cannot tell for how long it has been so, a fifth of the time that it was seen to be. And no
   * sooner than this look took: one that stood in line for AWS's limits kept others waiting, who could perhaps act.
   */
  #waitMs(id: string, { verdicts, forget }: Plan, askedMs: number, tookMs: number): number {
    if (forget.length > 0) return askedMs;
    const awaited = [...verdicts].flatMap(([node, verdict]) =>
      verdict.state === 'pending' ? [`${node} ${verdict.reason} ${verdict.message}`] : [],
    );
    const signature = shortHash(awaited.join('\n'), 16);
    const before = this.#waits.get(id);
    const waitedMs = before?.signature === signature ? before.waitedMs : 0;
    const afterMs = Math.max(askedMs, Math.min(WAIT_MS_MAX, Math.max(waitedMs / 5, tookMs)));
    this.#waits.set(id, { signature, waitedMs: waitedMs + afterMs });
    return afterMs;
  }

  #isRepetition(id: string, { steps }: Plan): boolean {
    const signature = shortHash(steps.map((step) => `${step.action} ${step.nodeId} ${step.reason}`).join('\n'), 16);
    const repeated = this.#lastSteps.get(id) === signature;
    this.#lastSteps.set(id, signature);
    return repeated;
  }
}
