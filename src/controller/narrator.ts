/**
 * Tells people what happened: the object's status, its events and its decisions. The status is written only when it
 * says something new, and events and decision go with it in one call. What they say is worked out in files of their own.
 */
import {
  type Condition,
  type Defect,
  formatDefect,
  type LambdaContainerStatus,
  phaseOf,
  removeCondition,
  setCondition,
} from '../api/index.ts';
import { type Clock, formatDuration, type Logger } from '../core/index.ts';
import type { StepResult } from '../execute/index.ts';
import { type ConditionDraft, describeContention } from '../plan/index.ts';
import {
  type DeletionHold,
  type FieldContention,
  formatKey,
  type Inventory,
  type KindRegistry,
  type ObjectEvent,
  type ObjectKey,
} from '../resource/index.ts';
import { lastAwsError } from './aws-error.ts';
import { DecisionLog, findingOf } from './decision-log.ts';
import { describeDrift, mergeDrift } from './drift-list.ts';
import { factsOf, inventoryOf } from './facts.ts';
import type { Memory } from './memory.ts';
import type { ObjectMetrics } from './object-metrics.ts';
import { eventsOf, holdEnded, stepEvent } from './pass-events.ts';
import type { PassMetrics } from './pass-metrics.ts';
import type { PassReport } from './pass-report.ts';
import type { Refusal } from './refusals.ts';
import { nextRevision } from './revisions.ts';

/** What is told of an object without a pass through the planner. */
export interface Subject {
  readonly key: ObjectKey;
  /** As it is to be remembered; undefined when nothing is, because there never was a valid record. */
  readonly inventory: Inventory | undefined;
  /** What the record asked for by annotation. */
  readonly reconcileRequest: string | undefined;
}

interface Said {
  readonly conditions: readonly ConditionDraft[];
  readonly events: readonly Omit<ObjectEvent, 'at'>[];
  /** For the decision log. */
  readonly saw: string;
  /** The record is there: if the deletion was held, it is so no more. */
  readonly recordIsThere: boolean;
}

/** What of the telling is measured, and which pass is being told of. */
export interface Measured {
  readonly passMetrics?: Pick<PassMetrics, 'numberOf'>;
  readonly metrics?: Pick<ObjectMetrics, 'told'>;
}

export class Narrator {
  readonly #memory: Memory;
  readonly #kinds: KindRegistry;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #decisions: DecisionLog;
  readonly #measured: Measured;

  constructor(memory: Memory, kinds: KindRegistry, clock: Clock, logger: Logger, measured: Measured = {}) {
    this.#memory = memory;
    this.#kinds = kinds;
    this.#clock = clock;
    this.#logger = logger;
    this.#decisions = new DecisionLog(memory);
    this.#measured = measured;
  }

  /** The record cannot be understood: nothing was touched, and whatever ran runs on. */
  async invalid(subject: Subject, defects: readonly Defect[]): Promise<void> {
    await this.refused(subject, 'InvalidSpec', defects.map(formatDefect).join('\n'));
  }

  /** Nothing is done before a person changes something outside the plan. */
  async refused(subject: Subject, reason: Refusal, message: string): Promise<void> {
    await this.#say(subject, {
      conditions: [
        { type: 'Ready', status: 'False', reason, message },
        { type: 'Stalled', status: 'True', reason, message },
        { type: 'Reconciling', status: 'False', reason, message: 'waits for a change' },
      ],
      events: [{ type: 'Warning', reason, message }],
      saw: `refused ${reason}`,
      recordIsThere: true,
    });
  }

  async suspended(subject: Subject): Promise<void> {
    const reason = 'Suspended';
    const message = 'spec.suspend is true: nothing is observed or changed';
    await this.#say(subject, {
      conditions: [
        { type: 'Ready', status: 'Unknown', reason, message },
        { type: 'Stalled', status: 'False', reason, message: '' },
        { type: 'Reconciling', status: 'False', reason, message },
      ],
      events: [{ type: 'Normal', reason, message }],
      saw: 'suspended',
      recordIsThere: true,
    });
  }

  /** The record is gone and its deletion waits for a person: nothing is observed or changed meanwhile. */
  async held(key: ObjectKey, inventory: Inventory, hold: DeletionHold): Promise<void> {
    const { reason, message } = hold;
    await this.#say(
      { key, inventory, reconcileRequest: undefined },
      {
        conditions: [
          { type: 'DeletionHeld', status: 'True', reason, message },
          { type: 'Ready', status: 'Unknown', reason: 'DeletionHeld', message: 'nothing is observed or changed' },
          { type: 'Stalled', status: 'True', reason: 'DeletionHeld', message },
          { type: 'Reconciling', status: 'False', reason: 'DeletionHeld', message: 'waits for a person' },
        ],
        events: [{ type: 'Warning', reason: 'DeletionHeld', message: `${reason}: ${message}` }],
        saw: `the record is gone; deletion held: ${reason}`,
        recordIsThere: false,
      },
    );
  }

  /** It is being deleted, and what it has cannot be reached: nothing is observed or changed. */
  async unreachable(key: ObjectKey, inventory: Inventory, message: string): Promise<void> {
    const reason = 'ClassNotUsable';
    await this.#say(
      { key, inventory, reconcileRequest: undefined },
      {
        conditions: [
          { type: 'Ready', status: 'False', reason, message },
          { type: 'Stalled', status: 'True', reason, message },
          { type: 'Reconciling', status: 'False', reason, message: 'waits for a change' },
        ],
        events: [{ type: 'Warning', reason, message }],
        saw: `refused ${reason}`,
        recordIsThere: false,
      },
    );
  }

  /** The record is gone and deletion has begun: no step was taken yet. */
  async deletionBegun(key: ObjectKey, inventory: Inventory, wasHeld: DeletionHold | undefined): Promise<void> {
    const { entries, deletionPolicy } = inventory;
    const why = wasHeld ? 'a person confirmed the deletion that was held' : 'the record is gone';
    const what = deletionPolicy === 'retain' ? 'are let go of' : 'go';
    const message = `${why}: ${entries.length} resources ${what}, users before what they use`;
    const reason = 'Deleting';
    await this.#say(
      { key, inventory, reconcileRequest: undefined },
      {
        conditions: [
          { type: 'Ready', status: 'False', reason, message },
          { type: 'Stalled', status: 'False', reason, message: '' },
          { type: 'Reconciling', status: 'True', reason, message },
        ],
        events: [{ type: 'Normal', reason, message }],
        saw: `${why}; deletion begins`,
        recordIsThere: false,
      },
    );
  }

  /** After every pass. */
  async passed(report: PassReport): Promise<void> {
    const { key, inventory, plan, object } = report;
    const nowMs = this.#clock.now();
    const before = this.#memory.get(key).status?.body;
    if (object) await this.#revise(report, object.spec.rollout.history, nowMs);
    const ready = report.conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
    const drift = mergeDrift(before?.drift ?? [], plan.drift, ready, nowMs);
    const drafts = [...report.conditions, driftCondition(drift), ...contendedCondition(plan.contention)];
    const conditions = restated(before, drafts, inventory.generation, nowMs);
    const status: LambdaContainerStatus = {
      ...before,
      // Both lists are told anew; what does not fit is left out anew.
      omitted: undefined,
      uid: inventory.uid,
      observedGeneration: inventory.generation,
      phase: phaseOf(conditions),
      conditions,
      drift,
      inventory: inventoryOf(report, this.#kinds),
      ...(object ? factsOf(report, object, this.#revisionsOf(key), this.#kinds) : {}),
      lastAwsError: lastAwsError(report, before?.lastAwsError, nowMs),
    };
    const events = eventsOf(report, before, status, nowMs);
    const isSteady = plan.settled && before?.phase === 'Ready';
    const decision = await this.#decisions.next(key, findingOf(report, nowMs), isSteady);
    await this.#memory.saveStatus(key, status);
    this.#measured.metrics?.told(before, status, events);
    this.#log(key, inventory.generation, events, report.results);
    await this.#memory.record(key, { events, decision });
  }

  /** The last thing said of an object. */
  async deleted(report: PassReport): Promise<void> {
    const { key, inventory, results } = report;
    const nowMs = this.#clock.now();
    const tookMs = nowMs - (inventory.deletingSinceMs ?? nowMs);
    const left = report.plan.drift.filter(({ reason }) => reason === 'LeftBehind');
    const isRetained = inventory.deletionPolicy === 'retain';
    const events: ObjectEvent[] = [
      ...results.map((result) => stepEvent(result, nowMs)),
      {
        at: new Date(nowMs).toISOString(),
        type: left.length > 0 ? 'Warning' : 'Normal',
        reason: isRetained ? 'Released' : 'Deleted',
        message:
          left.length > 0
            ? `everything that is ours is gone; left as they are: ${left.map(({ nodeId }) => nodeId).join(', ')}`
            : isRetained
              ? 'our tags are off; everything runs on'
              : 'everything that we made is gone',
        tookMs,
      },
    ];
    const decision = await this.#decisions.next(key, findingOf(report, nowMs), false);
    this.#log(key, inventory.generation, events, results);
    await this.#memory.record(key, { events, decision });
    this.#decisions.forget(key);
  }

  async #say({ key, inventory, reconcileRequest }: Subject, said: Said): Promise<void> {
    const nowMs = this.#clock.now();
    if (inventory) await this.#memory.saveInventory(key, { ...inventory, steady: undefined });
    const before = this.#memory.get(key).status?.body;
    const generation = inventory?.generation ?? 0;
    const conditions = restated(before, said.conditions, generation, nowMs);
    const isNews = said.conditions.some(({ type, reason, message }) => {
      const known = before?.conditions.find((condition) => condition.type === type);
      return known?.reason !== reason || known.message !== message;
    });
    await this.#memory.saveStatus(key, {
      drift: [],
      inventory: [],
      ...before,
      ...(inventory ? { uid: inventory.uid } : {}),
      observedGeneration: generation,
      phase: phaseOf(conditions),
      conditions,
      ...(reconcileRequest === undefined ? {} : { lastHandledReconcileAt: reconcileRequest }),
    });
    if (!isNews) return;
    const at = new Date(nowMs).toISOString();
    const events = [...(said.recordIsThere ? holdEnded(before) : []), ...said.events].map((event) => ({
      at,
      ...event,
    }));
    const finding = { at, generation, saw: [said.saw], decided: [], did: [], tookMs: 0 };
    const decision = await this.#decisions.next(key, finding, false);
    this.#log(key, generation, events);
    await this.#memory.record(key, { events, decision });
  }

  /** Records a new revision when what serves is a combination not yet recorded. */
  async #revise(report: PassReport, history: number, nowMs: number): Promise<void> {
    const next = nextRevision(report, this.#revisionsOf(report.key).at(-1), this.#kinds, nowMs);
    if (next) await this.#memory.saveRevision(report.key, next, history);
  }

  #revisionsOf(key: ObjectKey) {
    return [...this.#memory.get(key).revisions.values()].map(({ body }) => body).sort((a, b) => a.number - b.number);
  }

  /** One line for each event; that of a step that failed says what AWS calls the request. */
  #log(key: ObjectKey, generation: number, events: readonly ObjectEvent[], results: readonly StepResult[] = []): void {
    if (events.length === 0) return;
    const id = formatKey(key);
    const log = this.#logger.child({ key: id, pass: this.#measured.passMetrics?.numberOf(id), generation });
    for (const { type, reason, node, tookMs, message } of events) {
      const failure = results.find(({ step, failure: of }) => step.nodeId === node && of?.code === reason)?.failure;
      const fields = {
        reason,
        node,
        ...(tookMs === undefined ? {} : { took: formatDuration(tookMs) }),
        ...(failure ? { service: failure.service, operation: failure.operation, requestId: failure.requestId } : {}),
      };
      if (type === 'Warning') log.warn(fields, message);
      else log.info(fields, message);
    }
  }
}

/** The conditions with what is said now. `DeletionHeld` and `Contended` exist only while they are said. */
function restated(
  before: LambdaContainerStatus | undefined,
  drafts: readonly ConditionDraft[],
  generation: number,
  nowMs: number,
): Condition[] {
  return drafts.reduce<Condition[]>(
    (all, draft) => setCondition(all, { ...draft, observedGeneration: generation }, nowMs),
    removeUnsaid(before?.conditions ?? [], drafts),
  );
}

function removeUnsaid(conditions: readonly Condition[], drafts: readonly ConditionDraft[]): Condition[] {
  const isSaid = (name: Condition['type']) => drafts.some(({ type }) => type === name);
  return (['DeletionHeld', 'Contended'] as const).reduce<Condition[]>(
    (all, name) => (isSaid(name) ? all : removeCondition(all, name)),
    [...conditions],
  );
}

function contendedCondition(fields: readonly FieldContention[]): ConditionDraft[] {
  const stopped = fields.filter((field) => field.stopped !== undefined);
  if (stopped.length === 0) return [];
  const message = stopped.map(describeContention).join('; ');
  return [{ type: 'Contended', status: 'True', reason: 'FieldContended', message }];
}

function driftCondition(drift: LambdaContainerStatus['drift']): ConditionDraft {
  const [first] = drift;
  if (!first) return { type: 'Drifted', status: 'False', reason: 'AsDesired', message: '' };
  return { type: 'Drifted', status: 'True', reason: first.reason, message: drift.map(describeDrift).join('; ') };
}
