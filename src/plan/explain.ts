/**
 * A plan for people: one row per node and per thing that is left over, with the action, each field that differs, its
 * owner, the AWS calls and the risk. Pure. A plan is a frontier: rows say what is done now, and of the rest what is
 * expected and what it waits for. It never shows a secret.
 */
import type { AnyKind, Change, Identity, InventoryEntry, KindRegistry, MutatingStep } from '../resource/index.ts';
import { sameIdentity } from '../resource/index.ts';
import { type Consequence, consequencesOf } from './consequences.ts';
import { type FieldOwner, greatest, ownershipOf, type Risk, riskOf } from './field-owners.ts';
import { hideChange, hideSecrets } from './hidden-values.ts';
import { orphanId } from './plan.ts';
import { stepRisk } from './step-risk.ts';
import type { NodeView, OrphanView, Plan, Step, StepAction, Verdict, World } from './world.ts';

export type RowAction =
  | 'create'
  | 'update'
  /** Made anew under its next name; the old one goes when the new one has taken over. */
  | 'replace'
  | 'delete'
  /** Our tags are taken off, and it is left running. */
  | 'release'
  /** It stands there as desired, and enters the object's inventory. */
  | 'adopt'
  /** It leaves the inventory: gone already, or others use it. */
  | 'forget'
  | 'none'
  /** AWS is at work on it. */
  | 'wait'
  /** In a later pass, when what it builds upon is there. */
  | 'later'
  /** Not before somebody mends something. */
  | 'blocked'
  /** It could not be read. */
  | 'unknown';

export interface FieldRow {
  readonly path: string;
  readonly desired: unknown;
  /** Absent where nothing stands there yet. */
  readonly observed?: unknown;
  readonly owner: FieldOwner;
  /** The kind of difference, e.g. `WeightDrift`; absent for what is made. */
  readonly reason?: string;
  readonly risk: Risk;
  readonly because: string;
}

export interface PlanRow {
  readonly node: string;
  readonly kind: string;
  /** As AWS knows it; empty while it depends on what is not there yet. */
  readonly identity: Identity;
  readonly action: RowAction;
  /** Of `later` and `blocked`: what will be done, as far as can be told now. */
  readonly expected?: 'create' | 'update' | 'replace' | 'delete' | 'release' | undefined;
  /** Of `later` and `blocked`: the node that it waits for. */
  readonly after?: string | undefined;
  readonly reason: string;
  readonly fields: readonly FieldRow[];
  /** Mutating calls that it may make, now or later. */
  readonly calls: readonly string[];
  readonly risk: Risk;
  readonly because: string;
}

export interface Explanation {
  readonly rows: readonly PlanRow[];
  /** Carrying it out, all passes together, makes or changes something in AWS as far as can be told now. */
  readonly changes: boolean;
  /** The greatest of all rows. */
  readonly risk: Risk;
  /** Nodes that could not be read: the plan may be another once they can. */
  readonly unreadable: readonly string[];
  /** The graph's shape is known. */
  readonly complete: boolean;
}

export interface ExplainInput {
  readonly world: World;
  readonly plan: Plan;
  readonly kinds: KindRegistry;
  /** Variables whose values are secrets whatever they look like: those that the spec names under `secrets`. */
  readonly secretNames?: ReadonlySet<string> | undefined;
  /** By node: what differs from the thing that a new one takes the place of, where somebody looked. */
  readonly predecessors?: ReadonlyMap<string, readonly Change[]> | undefined;
}

export function explain(input: ExplainInput): Explanation {
  const { world } = input;
  const rows: PlanRow[] = [];
  /** Nodes that are made, now or later, and their kinds: what uses them follows. */
  const renewed = new Map<string, string>();
  for (const view of world.nodes) {
    const row = nodeRow(view, renewed, input);
    if (isMade(row)) renewed.set(row.node, row.kind);
    rows.push(row);
  }
  rows.push(...world.orphans.map((orphan) => orphanRow(orphan, input)));
  return {
    rows,
    changes: rows.some(isChange),
    risk: greatest(rows.map(({ risk }) => risk)),
    unreadable: rows.filter(({ action }) => action === 'unknown').map(({ node }) => node),
    complete: world.complete,
  };
}

/** Whether carrying out the row makes or changes something in AWS. */
export function isChange({ action, expected }: Pick<PlanRow, 'action' | 'expected'>): boolean {
  if (['create', 'update', 'replace', 'delete', 'release'].includes(action)) return true;
  return (action === 'later' || action === 'blocked') && expected !== undefined;
}

// ------------------------------------------------------------------------------------------------------------- nodes

function nodeRow(view: NodeView, renewed: ReadonlyMap<string, string>, input: ExplainInput): PlanRow {
  const { plan, world } = input;
  const kind = kindOf(input.kinds, view.node.kind);
  const base = { node: view.node.id, kind: view.node.kind, identity: view.resolved?.identity ?? {} };
  const step = plan.steps.find(({ nodeId, action }) => nodeId === view.node.id && !isDeletion(action));
  if (step) return { ...base, ...acting(step, kind, input) };
  const verdict = plan.verdicts.get(view.node.id);
  const quiet = (action: RowAction, reason: string): PlanRow => ({
    ...base,
    action,
    reason,
    fields: [],
    calls: [],
    risk: 'none',
    because: '',
  });
  switch (verdict?.state) {
    case 'settled': {
      const adopted = !kind.external && !isRecorded(view, world.entries);
      return adopted ? quiet('adopt', 'it stands there as desired and is ours') : quiet('none', 'as desired');
    }
    case 'pending':
      return quiet('wait', verdict.message);
    case 'failed':
      return quiet('blocked', verdict.message);
    case 'unknown': {
      const { service, operation, code, message } = verdict.failure;
      return quiet('unknown', `${service} ${operation} answered ${code}: ${message}`);
    }
    default:
      return { ...base, ...awaiting(view, verdict, kind, renewed, input) };
  }
}

type RowBody = Omit<PlanRow, 'node' | 'kind' | 'identity'>;

function acting(step: Step, kind: AnyKind, input: ExplainInput): RowBody {
  const { risk, because } = stepRisk(step, input.world.goal);
  return {
    action: rowAction(step.action),
    reason: step.reason,
    fields: fieldsOf(step.action, step.nodeId, step.changes, step.props, kind, input),
    calls: callsOf(step.action, kind),
    risk,
    because,
  };
}

/** What cannot be done yet, and what is expected of it. */
function awaiting(
  view: NodeView,
  verdict: Verdict | undefined,
  kind: AnyKind,
  renewed: ReadonlyMap<string, string>,
  input: ExplainInput,
): RowBody {
  const after = verdict?.state === 'blocked' ? verdict.on : (view.waitsFor ?? '');
  const root = rootOf(after, input.plan);
  const action = root?.state === 'failed' || root?.state === 'unknown' ? 'blocked' : 'later';
  const expectation = expect(view, kind, renewed, input);
  if (expectation === 'nothing') {
    return {
      action: 'none',
      reason: `as desired; waits for ${after}`,
      fields: [],
      calls: [],
      risk: 'none',
      because: '',
    };
  }
  const reason = action === 'later' ? `after ${after} is ready` : `not before ${after} is mended`;
  if (expectation === undefined) {
    const because = 'whether it changes depends on what it waits for';
    return { action, after, reason, fields: [], calls: [], risk: 'none', because: kind.external ? '' : because };
  }
  const { step, changes, props } = expectation;
  const { risk, because } = stepRisk({ action: step, kind: kind.name, changes }, input.world.goal);
  return {
    action,
    expected: step === 'reincarnate' ? 'replace' : step,
    after,
    reason,
    fields: fieldsOf(step, view.node.id, changes, props, kind, input),
    calls: callsOf(step, kind),
    risk,
    because,
  };
}

interface Expected {
  readonly step: 'create' | 'update' | 'reincarnate';
  readonly changes: readonly Change[];
  readonly props: unknown;
}

/** `undefined`: it cannot be told yet. */
function expect(
  { node, resolved, observation }: NodeView,
  kind: AnyKind,
  renewed: ReadonlyMap<string, string>,
  { world }: ExplainInput,
) {
  if (kind.external) return undefined;
  if (!resolved || !observation) {
    const created = { step: 'create', changes: [], props: undefined } satisfies Expected;
    if (!world.entries.some(({ nodeId }) => nodeId === node.id)) return created;
    const consequences = consequencesOf(node.kind, node.dependsOn, renewed);
    if (consequences.some(({ path }) => path === undefined)) return created;
    if (consequences.length === 0) return undefined;
    return { step: 'update', changes: consequences.flatMap(asChange), props: undefined } satisfies Expected;
  }
  if (observation.state === 'unknown') return undefined;
  const { props } = resolved;
  if (observation.state === 'absent') return { step: 'create', changes: [], props } satisfies Expected;
  const changes = kind.diff(props, observation.observed);
  if (changes.length === 0) return 'nothing';
  const step = changes.some(({ replace }) => replace) ? 'reincarnate' : 'update';
  return { step, changes, props } satisfies Expected;
}

/** What it is now was not read: the node cannot be resolved. */
function asChange({ path, of }: Consequence): Change[] {
  if (path === undefined) return [];
  return [{ path, desired: `(the new ${of})`, observed: '(as it is)', reason: 'Follows' }];
}

function isMade({ action, expected }: PlanRow): boolean {
  return action === 'create' || action === 'replace' || expected === 'create' || expected === 'replace';
}

// ----------------------------------------------------------------------------------------------------------- orphans

function orphanRow({ entry, observation, stillUsed }: OrphanView, input: ExplainInput): PlanRow {
  const { plan, world } = input;
  const base = { node: entry.nodeId, kind: entry.kind, identity: entry.identity };
  const quiet = (action: RowAction, reason: string): PlanRow => ({
    ...base,
    action,
    reason,
    fields: [],
    calls: [],
    risk: 'none',
    because: '',
  });
  const step = plan.steps.find((candidate) => isDeletionOf(candidate, entry));
  const kind = kindOf(input.kinds, entry.kind);
  if (step) return { ...base, ...acting(step, kind, input) };
  if (plan.forget.includes(entry)) {
    const left = plan.drift.find(({ nodeId, reason }) => nodeId === entry.nodeId && reason === 'LeftBehind');
    if (left) return quiet('forget', `left as it is: ${String(left.observed)}`);
    if (stillUsed) return quiet('forget', 'other objects use it');
    if (kind.facet) return quiet('forget', 'it goes with what it is a part of');
    return quiet('forget', observation.state === 'absent' ? 'it is gone' : 'nothing of it is ours to take away');
  }
  const verdict = plan.verdicts.get(orphanId(entry));
  if (verdict?.state === 'unknown') return quiet('unknown', verdict.failure.message);
  if (verdict?.state === 'pending') return quiet('wait', verdict.message);
  if (stillUsed) return quiet('forget', 'other objects use it');
  if (kind.facet) return quiet('forget', 'it goes with what it is a part of');
  if (observation.state === 'absent') return quiet('forget', 'it is gone');
  const after = verdict?.state === 'blocked' ? verdict.on : 'everything desired';
  const action = world.goal === 'retain' ? 'release' : 'delete';
  const { risk, because } = stepRisk({ action, kind: entry.kind, changes: [] }, world.goal);
  return {
    ...base,
    action: 'later',
    expected: action,
    after,
    reason: verdict ? `after ${after} is gone` : `after ${after} is settled`,
    fields: [],
    calls: kind.calls[action],
    risk,
    because,
  };
}

// ------------------------------------------------------------------------------------------------------------ fields

function fieldsOf(
  action: StepAction,
  nodeId: string,
  changes: readonly Change[],
  props: unknown,
  kind: AnyKind,
  { secretNames, predecessors }: ExplainInput,
): FieldRow[] {
  if (action === 'create') {
    const before = predecessors?.get(nodeId);
    if (before) return before.map((change) => changeRow(change, kind, secretNames));
    return leaves(hideSecrets(props, secretNames)).map(([path, desired]) => ({
      path,
      desired,
      owner: 'lambdacontainer',
      risk: 'none',
      because: '',
    }));
  }
  return changes.map((change) => changeRow(change, kind, secretNames));
}

function changeRow(change: Change, kind: AnyKind, secretNames: ReadonlySet<string> | undefined): FieldRow {
  const { path, desired, observed } = hideChange(change, secretNames);
  const { owner } = ownershipOf(kind.name, path);
  return { path, desired, observed, owner, reason: change.reason, ...riskOf(kind.name, change) };
}

/** What a thing is made with, leaf by leaf. Lists of named things are told apart by their names. */
function leaves(value: unknown, path = ''): [path: string, value: unknown][] {
  const below = (name: string) => (path === '' ? name : `${path}.${name}`);
  if (Array.isArray(value) && value.length > 0 && value.every(isNamed)) {
    return value.flatMap(({ name, ...rest }) => {
      const members = Object.keys(rest);
      const [only] = members;
      return members.length === 1 && only !== undefined ? leaves(rest[only], below(name)) : leaves(rest, below(name));
    });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return value === undefined ? [] : [[path, value]];
  const members = Object.entries(value);
  return members.length === 0 ? [] : members.flatMap(([name, member]) => leaves(member, below(name)));
}

function isNamed(value: unknown): value is { name: string } & Record<string, unknown> {
  return typeof value === 'object' && value !== null && 'name' in value && typeof value.name === 'string';
}

// ----------------------------------------------------------------------------------------------------------- details

function rowAction(action: StepAction): RowAction {
  return action === 'reincarnate' ? 'replace' : action;
}

function callsOf(action: StepAction, kind: AnyKind): readonly string[] {
  // A replacement is made in the next pass, and what it replaces goes after that.
  const steps: readonly MutatingStep[] = action === 'reincarnate' ? ['create', 'delete'] : [action];
  return [...new Set(steps.flatMap((step) => kind.calls[step]))];
}

/** The first verdict down the chain of what waits for what that is not itself a wait. */
function rootOf(nodeId: string, plan: Plan): Verdict | undefined {
  const seen = new Set<string>();
  let id = nodeId;
  for (;;) {
    const verdict = plan.verdicts.get(id);
    if (verdict?.state !== 'blocked' || seen.has(id)) return verdict;
    seen.add(id);
    id = verdict.on;
  }
}

function isRecorded({ node, resolved }: NodeView, entries: readonly InventoryEntry[]): boolean {
  return entries.some(
    ({ nodeId, identity }) => nodeId === node.id && resolved !== undefined && sameIdentity(identity, resolved.identity),
  );
}

function isDeletion(action: StepAction): boolean {
  return action === 'delete' || action === 'release';
}

function isDeletionOf(step: Step, entry: InventoryEntry): boolean {
  return isDeletion(step.action) && step.nodeId === entry.nodeId && sameIdentity(step.identity, entry.identity);
}

function kindOf(kinds: KindRegistry, name: string): AnyKind {
  const kind = kinds.get(name);
  if (!kind) throw new Error(`no resource kind is registered under '${name}'`);
  return kind;
}
