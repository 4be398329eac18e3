/**
 * What the leader wrote down of finding drift: how often it sweeps each place and how old a drift can become unseen, and
 * whether AWS's events reach it. `doctor` and `describe` tell it in the same words. It only reads.
 */
import {
  describeTarget,
  INTAKE_ITEM,
  type IntakeCondition,
  SweepJournal,
  type SweepMeasured,
} from '../../controller/index.ts';
import { formatDuration } from '../../core/index.ts';
import type { StateTable } from '../../store/index.ts';

export interface DriftFinding {
  /** By the target's id; empty until a leader has swept steady objects. */
  readonly sweeps: Readonly<Record<string, SweepMeasured>>;
  /** Undefined: no leader was ever given a queue of events. */
  readonly events: IntakeCondition | undefined;
}

/** @throws Failure when the state table cannot be read */
export async function readDriftFinding(state: StateTable): Promise<DriftFinding> {
  const [sweeps, events] = await Promise.all([
    // It only reads: no epoch is ever asked for.
    new SweepJournal(state, () => 0).read(),
    state.controllerItem<IntakeCondition>(INTAKE_ITEM),
  ]);
  return { sweeps, events: events?.body };
}

/** One sentence for each place. */
export function sweepSentences({ sweeps }: DriftFinding): string[] {
  return Object.entries(sweeps).map(([id, { objects, calls, periodMs, maxDriftAgeMs }]) => {
    const [account, region = ''] = id.split('/');
    const where = account ? describeTarget(id) : `region ${region}`;
    const sweep = `${objects} steady objects, swept by ${calls} calls every ${formatDuration(periodMs)}`;
    const ages = `${formatDuration(maxDriftAgeMs.swept)} at most where listings show it, ${formatDuration(maxDriftAgeMs.rotating)} elsewhere`;
    return `${where}: ${sweep}; drift is found after ${ages}`;
  });
}
