/**
 * The events of a pass: what was found, what was done and how long it took; a drift ends with one `Healed`. Pure. An
 * event is news: what the status before this pass said already is not told again.
 */
import type { Condition, LambdaContainerStatus } from '../api/index.ts';
import type { StepResult } from '../execute/index.ts';
import type { ObjectEvent } from '../resource/index.ts';
import { isSameError } from './aws-error.ts';
import { describeDrift } from './drift-list.ts';
import type { PassReport } from './pass-report.ts';
import { isWaiting } from './waiting.ts';

type Status = LambdaContainerStatus;

const ACTION_DONE: Readonly<Record<string, string>> = {
  create: 'Created',
  update: 'Updated',
  delete: 'Deleted',
  release: 'Released',
  reincarnate: 'Replaced',
};

export function eventsOf(report: PassReport, before: Status | undefined, after: Status, nowMs: number): ObjectEvent[] {
  const events = [
    ...changes(report, before, after),
    ...found(report, before, after),
    ...contentionEnded(before, after),
  ];
  const failed = report.results.filter(
    // The same failure again is no news, nor is waiting for one's turn; the conditions have it.
    ({ failure }) => !failure || (!isWaiting(failure) && !isSameError(before?.lastAwsError, failure)),
  );
  return [
    ...events.map((event) => ({ at: iso(nowMs), ...event })),
    ...failed.map((result) => stepEvent(result, nowMs)),
    ...transitions(before, after, nowMs).map((event) => ({ at: iso(nowMs), ...event })),
  ];
}

type Untimed = Omit<ObjectEvent, 'at'>;

function changes({ inventory, object }: PassReport, before: Status | undefined, after: Status): Untimed[] {
  const events = object ? holdEnded(before) : [];
  if (before && before.observedGeneration !== 0 && before.observedGeneration !== inventory.generation) {
    const message = `generation ${before.observedGeneration} → ${inventory.generation}`;
    events.push({ type: 'Normal', reason: 'SpecChanged', message });
  }
  const code = after.source?.codeSha256;
  if (before?.source && code !== undefined && code !== before.source.codeSha256) {
    events.push({ type: 'Normal', reason: 'SourceChanged', message: `the function's code changed: ${code}` });
  }
  return events;
}

/** The record of an object whose deletion was held is there again. */
export function holdEnded(before: Status | undefined): Untimed[] {
  const isHeld = before?.conditions.some(({ type, status }) => type === 'DeletionHeld' && status === 'True');
  if (!isHeld) return [];
  return [{ type: 'Normal', reason: 'DeletionHoldEnded', message: 'the record is back: nothing is deleted' }];
}

function found({ plan }: PassReport, before: Status | undefined, after: Status): Untimed[] {
  const fresh = after.drift.filter(
    ({ node, path }) => !before?.drift.some((known) => known.node === node && known.path === path),
  );
  const left = plan.drift.filter(({ reason }) => reason === 'LeftBehind');
  return [
    ...fresh.map(
      (drift): Untimed => ({
        type: 'Warning',
        reason: drift.reason,
        node: drift.node,
        message: `found: ${describeDrift(drift)}`,
      }),
    ),
    ...left.map(
      ({ reason, nodeId, observed }): Untimed => ({
        type: 'Warning',
        reason,
        node: nodeId,
        message: String(observed),
      }),
    ),
  ];
}

/** Of conditions, those that a person waits for. */
function transitions(before: Status | undefined, after: Status, nowMs: number): Untimed[] {
  return after.conditions.flatMap((condition) => {
    const known = before?.conditions.find(({ type }) => type === condition.type);
    if (condition.status !== 'True' || (known?.status === condition.status && known.reason === condition.reason)) {
      return [];
    }
    if (condition.type === 'Stalled') {
      return [{ type: 'Warning' as const, reason: condition.reason, message: condition.message }];
    }
    if (condition.type === 'Contended') {
      return [{ type: 'Warning' as const, reason: condition.reason, message: condition.message }];
    }
    const healed = (before?.drift ?? []).filter(
      ({ node, path }) => !after.drift.some((left) => left.node === node && left.path === path),
    );
    return condition.type === 'Ready' ? [readyAgain(healed, known, nowMs)] : [];
  });
}

/** The fight over a field is over, or we try once more. */
function contentionEnded(before: Status | undefined, after: Status): Untimed[] {
  const isContended = (status: Status | undefined) => status?.conditions.some(({ type }) => type === 'Contended');
  if (!isContended(before) || isContended(after)) return [];
  const message = 'no field is left alone any more: what differs is put right again';
  return [{ type: 'Normal', reason: 'ContentionEnded', message }];
}

function readyAgain(healed: Status['drift'], known: Condition | undefined, nowMs: number): Untimed {
  if (healed.length === 0) {
    return {
      type: 'Normal',
      reason: 'Ready',
      message: 'everything desired is observed and serving',
      ...(known ? { tookMs: nowMs - Date.parse(known.lastTransitionTime) } : {}),
    };
  }
  const sinceMs = Math.min(nowMs, ...healed.map(({ since }) => Date.parse(since)));
  return {
    type: 'Normal',
    reason: 'Healed',
    message: `put right: ${healed.map(describeDrift).join('; ')}`,
    tookMs: nowMs - sinceMs,
  };
}

export function stepEvent({ step, failure, tookMs }: StepResult, nowMs: number): ObjectEvent {
  // ARNs begin alike; what tells them apart is their end.
  const names = Object.values(step.identity)
    .filter(Boolean)
    .map((name) => name.split(':').at(-1));
  const named = `${step.kind} ${names.join('/')}`;
  const base = { at: iso(nowMs), node: step.nodeId, tookMs };
  if (failure) {
    return {
      ...base,
      type: 'Warning',
      reason: failure.code,
      message: `${step.action} of ${named} failed: ${failure.service} ${failure.operation} answered ${failure.code}: ${failure.message}`,
    };
  }
  return {
    ...base,
    type: 'Normal',
    reason: ACTION_DONE[step.action] ?? step.action,
    message: `${named}: ${step.reason}`,
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
