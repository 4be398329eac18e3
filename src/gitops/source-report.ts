/**
 * What a pass over a source says: its status, the results of its objects and its events, made from what was found. It
 * says the same of the same, so that a steady source is not written again: results are those of the last pass that did
 * something or found something else. Pure.
 */
import {
  type Condition,
  type ConditionType,
  formatManifestDefect,
  type GitSourceStatus,
  phaseOf,
  removeCondition,
  type SourceObject,
  setCondition,
} from '../api/index.ts';
import type { ObjectEvent } from '../resource/inventory.ts';
import type { Applied } from './apply.ts';
import type { Identity } from './source-memory.ts';
import { SourceProblem } from './source-problem.ts';

/** What a pass found. */
export interface Findings {
  readonly identity: Identity;
  readonly nowMs: number;
  readonly isSuspended: boolean;
  /** The newest commit that was tried, and what it is called: `main`. */
  readonly head: { readonly label: string; readonly commit: string } | undefined;
  /** Why the head is not applied, or nothing could be found out. */
  readonly problem: SourceProblem | undefined;
  /** Who signed the head; `unasked` when nobody has to. */
  readonly signer: string | 'unasked' | undefined;
  /** What was done with the rendering that is in force: the head's, or the last good one's. */
  readonly applied: Applied | undefined;
  /** The commit of that rendering. */
  readonly appliedCommit: string | undefined;
  /** When a commit was fetched in this pass. */
  readonly fetchedAtMs: number | undefined;
  readonly skipped: readonly string[];
  /** The value of the annotation that asked for this pass. */
  readonly reconcileRequest: string | undefined;
}

export interface Report {
  readonly status: GitSourceStatus;
  /** Undefined: those that are stored say the same. */
  readonly objects: readonly SourceObject[] | undefined;
  readonly events: readonly ObjectEvent[];
}

const DEFECTS_SHOWN = 20;
const NAMES_SHOWN = 10;
const NO_COUNTS = { created: 0, configured: 0, unchanged: 0, corrected: 0, drifted: 0, pruned: 0, held: 0, failed: 0 };

export function reportOf(
  findings: Findings,
  before: GitSourceStatus | undefined,
  objectsBefore: readonly SourceObject[],
): Report {
  const problem = findings.problem ?? problemOfWrites(findings.applied, findings.head?.commit);
  const objects = findings.applied && newResults(findings.applied, objectsBefore);
  const conditions = conditionsOf(findings, problem, before);
  const isApplied = problem === undefined && findings.applied !== undefined;
  const status: GitSourceStatus = {
    ...before,
    uid: findings.identity.uid,
    observedGeneration: findings.identity.generation,
    phase: phaseOfSource(conditions),
    conditions,
    ...(findings.head ? { lastAttemptedCommit: findings.head.commit } : {}),
    ...(isApplied && findings.appliedCommit !== undefined ? { lastAppliedCommit: findings.appliedCommit } : {}),
    ...(findings.fetchedAtMs === undefined ? {} : { lastFetchedAt: iso(findings.fetchedAtMs) }),
    ...(findings.reconcileRequest === undefined ? {} : { lastHandledReconcileAt: findings.reconcileRequest }),
    ...(objects ? { counts: countsOf(objects) } : {}),
    message: conditions.find(({ type }) => type === 'Ready')?.message ?? '',
  };
  return { status, objects, events: eventsOf(findings, problem, before, status, objects) };
}

/** One line a defect, as many as a person reads. */
export function describeProblem(problem: SourceProblem): string {
  const shown = problem.defects.slice(0, DEFECTS_SHOWN).map(formatManifestDefect);
  const more = problem.defects.length - shown.length;
  return [problem.message, ...shown, ...(more > 0 ? [`… and ${more} more`] : [])].join('\n');
}

// -------------------------------------------------------------------------------------------------------- conditions

function conditionsOf(
  findings: Findings,
  problem: SourceProblem | undefined,
  before: GitSourceStatus | undefined,
): Condition[] {
  const { identity, nowMs } = findings;
  let conditions: Condition[] = [...(before?.conditions ?? [])];
  const say = (type: ConditionType, status: Condition['status'], reason: string, message: string): void => {
    conditions = setCondition(
      conditions,
      { type, status, reason, message, observedGeneration: identity.generation },
      nowMs,
    );
  };
  const unsay = (type: ConditionType): void => {
    conditions = removeCondition(conditions, type);
  };
  if (findings.isSuspended) {
    say('Ready', 'Unknown', 'Suspended', 'spec.suspend is true: nothing is fetched, written or removed');
    unsay('Stalled');
    unsay('Reconciling');
    return conditions;
  }
  const hold = findings.applied?.hold;
  if (problem) say('Ready', 'False', problem.reason, describeProblem(problem));
  else if (hold) say('Ready', 'False', 'DeletionHeld', hold.message);
  else say('Ready', 'True', 'Applied', appliedMessage(findings));
  if (problem?.isStalled) say('Stalled', 'True', problem.reason, problem.message);
  else unsay('Stalled');
  if (problem && !problem.isStalled) say('Reconciling', 'True', problem.reason, 'it is tried again by itself');
  else unsay('Reconciling');

  if (problem?.isOfFetch) say('Fetched', 'False', problem.reason, problem.message);
  else if (findings.head)
    say('Fetched', 'True', 'Fetched', `${findings.head.label} is at ${short(findings.head.commit)}`);
  sayVerified(findings, problem, say, unsay);

  if (hold) say('DeletionHeld', 'True', 'TooManyDeletions', hold.message);
  else if (findings.applied) unsay('DeletionHeld');
  const drifted = objectsWith(findings.applied, 'drifted');
  if (drifted.length > 0) say('Drifted', 'True', 'EditedByHand', describeObjects(drifted));
  else if (findings.applied) say('Drifted', 'False', 'AsApplied', '');
  return conditions;
}

function sayVerified(
  { signer, head }: Findings,
  problem: SourceProblem | undefined,
  say: (type: ConditionType, status: Condition['status'], reason: string, message: string) => void,
  unsay: (type: ConditionType) => void,
): void {
  if (signer === 'unasked') unsay('SourceVerified');
  else if (signer !== undefined)
    say('SourceVerified', 'True', 'Verified', `${short(head?.commit ?? '')} is signed by ${signer}`);
  else if (problem?.reason === 'VerificationFailed' || problem?.reason === 'VerifierMissing') {
    say('SourceVerified', 'False', problem.reason, problem.message);
  }
}

function phaseOfSource(conditions: readonly Condition[]): GitSourceStatus['phase'] {
  const phase = phaseOf(conditions);
  return phase === 'Deleting' ? 'Pending' : phase;
}

function appliedMessage({ head, applied, skipped }: Findings): string {
  const count = applied?.outcomes.filter(({ object }) => object.result !== 'pruned').length ?? 0;
  const passed = skipped.length === 0 ? '' : `; passed over: ${listed(skipped)}`;
  return `${head?.label ?? 'the commit'} at ${short(head?.commit ?? '')} is applied: ${count === 1 ? 'one object' : `${count} objects`}${passed}`;
}

/** Records that could not be written are the source's problem, the gravest first. */
function problemOfWrites(applied: Applied | undefined, commit: string | undefined): SourceProblem | undefined {
  const failed = objectsWith(applied, 'failed');
  if (!applied || failed.length === 0) return undefined;
  const failures = applied.outcomes.flatMap(({ failure }) => failure ?? []);
  const passing = failures.some(({ kind }) => kind === 'throttled' || kind === 'transient' || kind === 'conflict');
  const denied = failures.some(({ kind }) => kind === 'denied');
  const reason = passing
    ? 'WriteFailed'
    : denied
      ? 'AccessDenied'
      : failures.length > 0
        ? 'WriteFailed'
        : 'OwnedByAnother';
  const count = failed.length === 1 ? 'one object was' : `${failed.length} objects were`;
  return new SourceProblem(
    reason,
    `${count} not written: ${describeObjects(failed)}`,
    commit === undefined ? {} : { commit },
  );
}

// ----------------------------------------------------------------------------------------------------------- results

/** The results of this pass, unless those of the last one that did something still hold. */
function newResults(applied: Applied, before: readonly SourceObject[]): readonly SourceObject[] | undefined {
  const now = applied.outcomes.map(({ object }) => object);
  const says = (objects: readonly SourceObject[]): string =>
    objects
      .filter(({ result }) => result !== 'pruned')
      .map(({ namespace, name, kind, result, message }) =>
        JSON.stringify([namespace, kind, name, standing(result), standing(result) === 'stands' ? '' : message]),
      )
      .join('\n');
  const didNothing = now.every(
    ({ result }) => result !== 'pruned' && (standing(result) !== 'stands' || result === 'unchanged'),
  );
  return didNothing && says(now) === says(before) ? undefined : now;
}

/** Created or left alone, a record is as it should be; only the others differ for good. */
function standing(result: SourceObject['result']): string {
  return result === 'drifted' || result === 'held' || result === 'failed' ? result : 'stands';
}

function countsOf(objects: readonly SourceObject[]): NonNullable<GitSourceStatus['counts']> {
  const counts = { ...NO_COUNTS };
  for (const { result } of objects) counts[result]++;
  return counts;
}

function objectsWith(applied: Applied | undefined, result: SourceObject['result']): SourceObject[] {
  return applied?.outcomes.flatMap(({ object }) => (object.result === result ? [object] : [])) ?? [];
}

// ------------------------------------------------------------------------------------------------------------ events

function eventsOf(
  findings: Findings,
  problem: SourceProblem | undefined,
  before: GitSourceStatus | undefined,
  after: GitSourceStatus,
  objects: readonly SourceObject[] | undefined,
): ObjectEvent[] {
  const at = iso(findings.nowMs);
  const events: ObjectEvent[] = [];
  const tell = (type: ObjectEvent['type'], reason: string, message: string): void => {
    events.push({ at, type, reason, message });
  };
  const ready = (status: GitSourceStatus | undefined) => status?.conditions.find(({ type }) => type === 'Ready');
  const [was, is] = [ready(before), ready(after)];
  const isNews = was?.reason !== is?.reason || was?.message !== is?.message;
  if (findings.isSuspended) {
    if (isNews) tell('Normal', 'Suspended', is?.message ?? '');
    return events;
  }
  if (problem && isNews) tell('Warning', problem.reason, describeProblem(problem));
  if (!findings.applied) return events;
  const done = countsText(objects ?? []);
  if (!problem && before?.lastAppliedCommit !== after.lastAppliedCommit) {
    const from = before?.lastAppliedCommit === undefined ? '' : ` (was ${short(before.lastAppliedCommit)})`;
    tell(
      'Normal',
      'SourceApplied',
      `${findings.head?.label ?? ''}@${short(after.lastAppliedCommit ?? '')}${from}: ${done}`,
    );
  } else if (!problem && was?.status === 'False' && is?.status === 'True') tell('Normal', 'Recovered', is.message);
  const corrected = objectsWith(findings.applied, 'corrected');
  if (corrected.length > 0) tell('Warning', 'DriftCorrected', describeObjects(corrected));
  const drifted = after.conditions.find(({ type }) => type === 'Drifted');
  if (
    drifted?.status === 'True' &&
    drifted.message !== before?.conditions.find(({ type }) => type === 'Drifted')?.message
  ) {
    tell('Warning', 'DriftFound', drifted.message);
  }
  const pruned = objectsWith(findings.applied, 'pruned');
  if (pruned.length > 0) tell('Normal', 'Pruned', listed(pruned.map(nameOf)));
  if (findings.applied.hold && isNews) tell('Warning', 'DeletionHeld', findings.applied.hold.message);
  return events;
}

function countsText(objects: readonly SourceObject[]): string {
  const parts = Object.entries(countsOf(objects)).flatMap(([result, count]) =>
    count > 0 ? [`${count} ${result}`] : [],
  );
  return parts.join(', ') || 'nothing to change';
}

/** `shop/checkout was edited by hand: spec.compute.cpu; shop/cart was removed by hand`. */
export function describeObjects(objects: readonly SourceObject[]): string {
  return listed(
    objects.map((object) => `${nameOf(object)}${object.message === undefined ? '' : ` ${object.message}`}`),
    '; ',
  );
}

function nameOf({ namespace, name, kind }: SourceObject): string {
  return kind === 'LambdaContainer' ? `${namespace}/${name}` : `${kind} ${name}`;
}

function listed(names: readonly string[], separator = ', '): string {
  const more = names.length - NAMES_SHOWN;
  return [...names.slice(0, NAMES_SHOWN), ...(more > 0 ? [`and ${more} more`] : [])].join(separator);
}

function short(commit: string): string {
  return commit.slice(0, 12);
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
