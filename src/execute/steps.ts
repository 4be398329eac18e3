/**
 * Performs the steps of a plan, side by side, and decides nothing. The fence is asked before each mutation; what a
 * mutation answers is not believed, only that it failed is reported. The next pass observes what came of it.
 */
import { type Call, callWithin } from '../aws/index.ts';
import { Failure, shortHash, traced } from '../core/index.ts';
import type { Step } from '../plan/index.ts';
import type { CreateCall, Io, KindRegistry } from '../resource/index.ts';

export interface StepResult {
  readonly step: Step;
  readonly failure: Failure | undefined;
  readonly tookMs: number;
}

/** What is known of a step's resource beside what the plan says. */
export type Known = Pick<CreateCall, 'tags' | 'inheritedAtMs'>;

/** Throws a Failure when this daemon may no longer change anything. */
export type Fence = () => void;

export async function runSteps(
  steps: readonly Step[],
  kinds: KindRegistry,
  io: Io,
  known: (step: Step) => Known,
  fence: Fence,
  asked: Call = {},
): Promise<StepResult[]> {
  return Promise.all(
    steps.map(async (step) => {
      const startedMs = io.nowMs();
      try {
        fence();
        await traced(asked.cause?.span, `${step.action} ${step.kind}`, (span) =>
          run(step, kinds, io, known(step), fence, callWithin(asked, span)),
        );
        return { step, failure: undefined, tookMs: io.nowMs() - startedMs };
      } catch (error) {
        if (error instanceof Failure) return { step, failure: error, tookMs: io.nowMs() - startedMs };
        throw error;
      }
    }),
  );
}

async function run(step: Step, kinds: KindRegistry, io: Io, known: Known, fence: Fence, asked: Call): Promise<void> {
  const kind = kinds.get(step.kind);
  if (!kind) throw new Error(`no resource kind is registered under '${step.kind}'`);
  // A call may wait for a rate limit: it is asked again when it leaves.
  const call = { ...asked, fence };
  const identity = step.identity;
  switch (step.action) {
    case 'create':
      return kind.create(io, identity, step.props, { ...call, ...known, token: tokenOf(step, known.tags) });
    case 'update':
      return kind.update(io, identity, step.props, step.observed, step.changes, {
        ...call,
        ...known,
        token: tokenOf(step, known.tags),
      });
    case 'delete':
      return kind.delete(io, identity, step.observed, call);
    case 'release':
      return kind.release(io, identity, step.observed, call);
    case 'reincarnate':
      // Only the inventory changes: the next pass creates the resource under its next name.
      return;
  }
}

/** The same step asked twice carries the same token, so that AWS recognises the repetition. */
function tokenOf(step: Step, tags: Readonly<Record<string, string>>): string {
  return shortHash(`${JSON.stringify(tags)} ${step.kind} ${JSON.stringify(step.identity)}`, 32);
}
