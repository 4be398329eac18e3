/**
 * Tells people what happened: the object's status and its events. The status is written only when it says something
 * new. An event says what was found, what was done and how long it took; a drift ends with one `Healed`.
 */
import {
  type Condition,
  type Defect,
  formatDefect,
  type LambdaContainerClassSpec,
  type LambdaContainerSpec,
  type LambdaContainerStatus,
  phaseOf,
  setCondition,
} from '../api/index.ts';
import { urlOf } from '../compose/index.ts';
import { type Clock, formatDuration, type Logger } from '../core/index.ts';
import type { StepResult } from '../execute/index.ts';
import {
  type ConditionDraft,
  conditionsOf,
  type Drift,
  type Obstruction,
  type Plan,
  type World,
} from '../plan/index.ts';
import {
  formatKey,
  type Inventory,
  type KindRegistry,
  type ObjectEvent,
  type ObjectKey,
  type Outputs,
  type Revision,
} from '../resource/index.ts';
import type { Memory } from './memory.ts';

export interface PassReport {
  readonly key: ObjectKey;
  readonly inventory: Inventory;
  readonly world: World;
  readonly plan: Plan;
  readonly results: readonly StepResult[];
  readonly obstructions: readonly Obstruction[];
  /** Undefined while the object is being deleted. */
  readonly object: { readonly spec: LambdaContainerSpec; readonly klass: LambdaContainerClassSpec } | undefined;
}

const ACTION_DONE: Readonly<Record<string, string>> = {
  create: 'Created',
  update: 'Updated',
  delete: 'Deleted',
  release: 'Released',
  reincarnate: 'Replaced',
};

export class Narrator {
  readonly #memory: Memory;
  readonly #kinds: KindRegistry;
  readonly #clock: Clock;
  readonly #logger: Logger;

  constructor(memory: Memory, kinds: KindRegistry, clock: Clock, logger: Logger) {
    this.#memory = memory;
    this.#kinds = kinds;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** The record cannot be understood: nothing was touched, and whatever ran runs on. */
  async invalid(key: ObjectKey, defects: readonly Defect[]): Promise<void> {
    await this.stalled(key, 'InvalidSpec', defects.map(formatDefect).join('\n'));
  }

  /** Nothing can be done before a person changes something outside the plan. */
  async stalled(key: ObjectKey, reason: string, message: string, inventory?: Inventory): Promise<void> {
    if (inventory) await this.#memory.saveInventory(key, inventory);
    await this.#restate(
      key,
      [
        { type: 'Ready', status: 'False', reason, message },
        { type: 'Stalled', status: 'True', reason, message },
        { type: 'Reconciling', status: 'False', reason, message: 'waits for a change' },
      ],
      inventory,
    );
  }

  async suspended(key: ObjectKey, inventory: Inventory): Promise<void> {
    await this.#memory.saveInventory(key, inventory);
    const message = 'spec.suspend is true: nothing is observed or changed';
    await this.#restate(
      key,
      [
        { type: 'Ready', status: 'Unknown', reason: 'Suspended', message },
        { type: 'Stalled', status: 'False', reason: 'Suspended', message: '' },
        { type: 'Reconciling', status: 'False', reason: 'Suspended', message },
      ],
      inventory,
    );
  }

  /** After every pass. */
  async passed(report: PassReport): Promise<void> {
    const { key, inventory, world, plan, object } = report;
    const nowMs = this.#clock.now();
    const before = this.#memory.get(key).status?.body;
    const revision = object && (await this.#revise(report));
    const drafts = object ? conditionsOf(world, plan, report.obstructions) : deletionConditions(report);
    const ready = drafts.some(({ type, status }) => type === 'Ready' && status === 'True');
    const drift = mergeDrift(before?.drift ?? [], plan.drift, ready, nowMs);
    drafts.push(
      drift.length === 0
        ? { type: 'Drifted', status: 'False', reason: 'AsDesired', message: '' }
        : {
            type: 'Drifted',
            status: 'True',
            reason: drift[0]?.reason ?? 'Drift',
            message: drift.map(describeDrift).join('; '),
          },
    );
    const conditions = drafts.reduce<readonly Condition[]>(
      (all, draft) => setCondition(all, { ...draft, observedGeneration: inventory.generation }, nowMs),
      before?.conditions ?? [],
    );
    const failure = lastFailure(report);
    const status: LambdaContainerStatus = {
      ...before,
      observedGeneration: inventory.generation,
      phase: phaseOf(conditions),
      conditions: [...conditions],
      drift,
      inventory: inventory.entries.map(({ nodeId, kind, identity }) => ({
        kind,
        name: Object.values(identity).join('/'),
        arn: arnOf(this.#outputsOf(world, nodeId)),
        createdByUs: true,
      })),
      ...(object ? this.#facts(report, object, revision) : {}),
      ...(failure && sameFailure(before?.lastAwsError, failure)
        ? { lastAwsError: before?.lastAwsError }
        : { lastAwsError: failure && { ...failure, at: iso(nowMs) } }),
    };
    const events = this.#events(report, before, status, drift, nowMs);
    await this.#memory.saveStatus(key, status);
    await this.#memory.appendEvents(key, events);
  }

  /** The last thing said of an object. */
  async deleted(report: PassReport): Promise<void> {
    const { key, inventory, results } = report;
    const nowMs = this.#clock.now();
    const tookMs = nowMs - (inventory.deletingSinceMs ?? nowMs);
    const left = report.plan.drift.filter(({ reason }) => reason === 'LeftBehind');
    const events: ObjectEvent[] = [
      ...results.map((result) => stepEvent(result, nowMs)),
      {
        at: iso(nowMs),
        type: left.length > 0 ? 'Warning' : 'Normal',
        reason: inventory.deletionPolicy === 'retain' ? 'Released' : 'Deleted',
        message:
          left.length > 0
            ? `everything that is ours is gone; left as they are: ${left.map(({ nodeId }) => nodeId).join(', ')}`
            : inventory.deletionPolicy === 'retain'
              ? 'our tags are off; everything runs on'
              : 'everything that we made is gone',
        tookMs,
      },
    ];
    this.#logger.info({ key: formatKey(key), took: formatDuration(tookMs) }, 'deleted');
    await this.#memory.appendEvents(key, events);
  }

  async #restate(key: ObjectKey, drafts: readonly ConditionDraft[], inventory: Inventory | undefined): Promise<void> {
    const nowMs = this.#clock.now();
    const stored = this.#memory.get(key);
    const generation = inventory?.generation ?? stored.inventory?.body.generation ?? 0;
    const before = stored.status?.body;
    const conditions = drafts.reduce<readonly Condition[]>(
      (all, draft) => setCondition(all, { ...draft, observedGeneration: generation }, nowMs),
      before?.conditions ?? [],
    );
    const status: LambdaContainerStatus = {
      drift: [],
      inventory: [],
      ...before,
      observedGeneration: generation,
      phase: phaseOf(conditions),
      conditions: [...conditions],
    };
    const [first] = drafts;
    const changed = await this.#memory.saveStatus(key, status);
    if (!changed || !first) return;
    this.#logger.warn({ key: formatKey(key), reason: first.reason }, first.message);
    await this.#memory.appendEvents(key, [
      {
        at: iso(nowMs),
        type: first.reason === 'Suspended' ? 'Normal' : 'Warning',
        reason: first.reason,
        message: first.message,
      },
    ]);
  }

  /** Records a new revision when what serves is a combination not yet recorded. */
  async #revise({ key, world, plan, object, inventory }: PassReport): Promise<Revision | undefined> {
    const revisions = [...this.#memory.get(key).revisions.values()]
      .map(({ body }) => body)
      .sort((a, b) => a.number - b.number);
    const last = revisions.at(-1);
    const nodesSettled = world.nodes.every(({ node }) => plan.verdicts.get(node.id)?.state === 'settled');
    if (!object || !nodesSettled || !world.complete) return last;
    const source = this.#outputsOf(world, 'function');
    const image = this.#outputsOf(world, 'image')?.digest ?? digestOf(source?.imageUri);
    const taskDefinition = this.#outputsOf(world, 'task-definition')?.arn;
    const next = {
      image: typeof image === 'string' ? image : '',
      functionVersion: String(source?.version ?? ''),
      codeSha256: String(source?.codeSha256 ?? ''),
      taskDefinition: typeof taskDefinition === 'string' ? taskDefinition : undefined,
    };
    if (
      last &&
      last.image === next.image &&
      last.codeSha256 === next.codeSha256 &&
      last.taskDefinition === next.taskDefinition
    ) {
      return last;
    }
    const reachable = inventory.entries
      .filter(({ kind, nodeId }) => {
        if (kind !== 'image-build' && kind !== 'task-definition') return false;
        const view = world.nodes.find(({ node }) => node.id === nodeId);
        return view?.resolved !== undefined;
      })
      .filter(({ nodeId, identity }) => {
        const resolved = world.nodes.find(({ node }) => node.id === nodeId)?.resolved;
        return resolved !== undefined && JSON.stringify(resolved.identity) === JSON.stringify(identity);
      })
      .map(({ kind, identity }) => ({ kind, identity }));
    const revision: Revision = { number: (last?.number ?? 0) + 1, ...next, reachable, at: iso(this.#clock.now()) };
    await this.#memory.saveRevision(key, revision, object.spec.rollout.history);
    return revision;
  }

  #facts(
    { key, world, inventory }: PassReport,
    { spec, klass }: NonNullable<PassReport['object']>,
    revision: Revision | undefined,
  ): Partial<LambdaContainerStatus> {
    const source = this.#outputsOf(world, 'function');
    const listener = klass.listeners.find(({ arn }) => arn === inventory.allocation?.listenerArn);
    const weights = (this.#outputsOf(world, 'weights')?.weights ?? {}) as Readonly<Record<string, number>>;
    const shareOf = (nodeId: string) => weights[String(this.#outputsOf(world, nodeId)?.arn)] ?? 0;
    const total = Object.values(weights).reduce((sum, weight) => sum + weight, 0);
    const percent = (weight: number) => (total === 0 ? 0 : Math.round((weight / total) * 100));
    const previous = [...this.#memory.get(key).revisions.keys()]
      .filter((number) => number < (revision?.number ?? 0))
      .sort((a, b) => b - a)[0];
    return {
      ...(listener ? { url: urlOf(key, spec, listener.url) } : {}),
      placement: {
        serving: { lambda: percent(shareOf('target-group/lambda')), fargate: percent(shareOf('target-group/ip')) },
        reason: `spec.placement.mode is ${spec.placement.mode}`,
      },
      ...(revision
        ? {
            revision: {
              current: revision.number,
              ...(previous === undefined ? {} : { previous }),
              image: revision.image,
              functionVersion: revision.functionVersion,
              ...(revision.taskDefinition === undefined ? {} : { taskDefinition: revision.taskDefinition }),
            },
          }
        : {}),
      ...(source
        ? { source: { codeSha256: String(source.codeSha256), lastModified: String(source.lastModified ?? '') } }
        : {}),
    };
  }

  #outputsOf(world: World, nodeId: string): Outputs | undefined {
    const view = world.nodes.find(({ node }) => node.id === nodeId);
    if (view?.observation?.state !== 'present') return undefined;
    return this.#kinds.get(view.node.kind)?.outputs(view.observation.observed);
  }

  #events(
    report: PassReport,
    before: LambdaContainerStatus | undefined,
    after: LambdaContainerStatus,
    drift: LambdaContainerStatus['drift'],
    nowMs: number,
  ): ObjectEvent[] {
    const { key, inventory, results } = report;
    const at = iso(nowMs);
    const log = this.#logger.child({ key: formatKey(key), generation: inventory.generation });
    const events: ObjectEvent[] = [];
    if (before && before.observedGeneration !== 0 && before.observedGeneration !== inventory.generation) {
      events.push({
        at,
        type: 'Normal',
        reason: 'SpecChanged',
        message: `generation ${before.observedGeneration} → ${inventory.generation}`,
      });
    }
    const code = after.source?.codeSha256;
    if (before?.source && code !== undefined && code !== before.source.codeSha256) {
      events.push({ at, type: 'Normal', reason: 'SourceChanged', message: `the function's code changed: ${code}` });
    }
    for (const found of drift) {
      if (before?.drift.some((known) => known.node === found.node && known.path === found.path)) continue;
      events.push({
        at,
        type: 'Warning',
        reason: found.reason,
        node: found.node,
        message: `found: ${describeDrift(found)}`,
      });
    }
    for (const left of report.plan.drift.filter(({ reason }) => reason === 'LeftBehind')) {
      events.push({ at, type: 'Warning', reason: left.reason, node: left.nodeId, message: String(left.observed) });
    }
    for (const result of results) {
      // The same failure again is no news; the log has it.
      if (result.failure && sameFailure(before?.lastAwsError, result.failure)) continue;
      events.push(stepEvent(result, nowMs));
    }
    for (const condition of after.conditions) {
      const known = before?.conditions.find(({ type }) => type === condition.type);
      if (known?.status === condition.status && known.reason === condition.reason) continue;
      if (condition.type === 'Stalled' && condition.status === 'True') {
        events.push({ at, type: 'Warning', reason: condition.reason, message: condition.message });
      }
      if (condition.type === 'Ready' && condition.status === 'True') {
        const healed = before?.drift ?? [];
        const sinceMs = Math.min(nowMs, ...healed.map(({ since }) => Date.parse(since)));
        events.push(
          healed.length > 0
            ? {
                at,
                type: 'Normal',
                reason: 'Healed',
                message: `put right: ${healed.map(describeDrift).join('; ')}`,
                tookMs: nowMs - sinceMs,
              }
            : {
                at,
                type: 'Normal',
                reason: 'Ready',
                message: 'everything desired is observed and serving',
                ...tookSince(known, nowMs),
              },
        );
      }
    }
    for (const event of events) {
      const fields = {
        reason: event.reason,
        node: event.node,
        ...(event.tookMs === undefined ? {} : { took: formatDuration(event.tookMs) }),
      };
      if (event.type === 'Warning') log.warn(fields, event.message);
      else log.info(fields, event.message);
    }
    return events;
  }
}

function stepEvent({ step, failure, tookMs }: StepResult, nowMs: number): ObjectEvent {
  // ARNs begin alike; what tells them apart is their end.
  const names = Object.values(step.identity)
    .filter(Boolean)
    .map((name) => name.split(':').at(-1));
  const named = `${step.kind} ${names.join('/')}`;
  if (failure) {
    return {
      at: iso(nowMs),
      type: 'Warning',
      reason: `${failure.code}`,
      node: step.nodeId,
      message: `${step.action} of ${named} failed: ${failure.service} ${failure.operation} answered ${failure.code}: ${failure.message}`,
      tookMs,
    };
  }
  return {
    at: iso(nowMs),
    type: 'Normal',
    reason: ACTION_DONE[step.action] ?? step.action,
    node: step.nodeId,
    message: `${named}: ${step.reason}`,
    tookMs,
  };
}

function describeDrift(drift: {
  node: string;
  path: string;
  desired: unknown;
  observed: unknown;
  reason: string;
}): string {
  return `${drift.reason} ${drift.node}${drift.path ? `.${drift.path}` : ''}: ${text(drift.observed)}, desired ${text(drift.desired)}`;
}

function text(value: unknown): string {
  const written = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return written.length > 120 ? `${written.slice(0, 117)}…` : written;
}

/** Drift stays listed until everything is ready again; what was known keeps its time. */
function mergeDrift(
  before: LambdaContainerStatus['drift'],
  found: readonly Drift[],
  ready: boolean,
  nowMs: number,
): LambdaContainerStatus['drift'] {
  if (ready) return [];
  const fresh = found
    .filter(({ reason }) => reason !== 'LeftBehind')
    .map(({ nodeId, path, desired, observed, reason }) => ({
      node: nodeId,
      path,
      desired,
      observed,
      reason,
      since: iso(nowMs),
      policy: 'heal' as const,
      owner: 'lambdacontainer',
    }))
    .filter((drift) => !before.some((known) => known.node === drift.node && known.path === drift.path));
  return [...before, ...fresh];
}

function deletionConditions({ plan, obstructions, inventory }: PassReport): ConditionDraft[] {
  const message = obstructions[0]?.message ?? `${inventory.entries.length} resources left`;
  const unknown = [...plan.verdicts.values()].find((verdict) => verdict.state === 'unknown');
  const reason = obstructions[0]?.reason ?? (unknown ? 'CannotTell' : 'Deleting');
  return [
    { type: 'Ready', status: 'False', reason, message },
    { type: 'Stalled', status: obstructions.length > 0 ? 'True' : 'False', reason, message },
    { type: 'Reconciling', status: obstructions.length > 0 ? 'False' : 'True', reason, message },
  ];
}

function lastFailure({ results, plan }: PassReport) {
  const failure =
    results.find((result) => result.failure)?.failure ??
    [...plan.verdicts.values()].flatMap((verdict) => (verdict.state === 'unknown' ? [verdict.failure] : []))[0];
  return (
    failure && {
      service: failure.service,
      operation: failure.operation,
      code: failure.code,
      message: failure.message,
      requestId: failure.requestId,
    }
  );
}

function sameFailure(
  known: LambdaContainerStatus['lastAwsError'],
  failure: { service: string; operation: string; code: string },
): boolean {
  return known?.service === failure.service && known.operation === failure.operation && known.code === failure.code;
}

function tookSince(known: Condition | undefined, nowMs: number): { tookMs?: number } {
  return known ? { tookMs: nowMs - Date.parse(known.lastTransitionTime) } : {};
}

function digestOf(uri: unknown): string | undefined {
  return typeof uri === 'string' ? uri.split('@')[1] : undefined;
}

function arnOf(outputs: Outputs | undefined): string | undefined {
  const arn = outputs?.arn;
  return typeof arn === 'string' ? arn : undefined;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
