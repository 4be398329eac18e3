/** The columns of objects in tables, by kind, and the colour of a phase. */
import { type ApiKind, KIND_CLASS, KIND_CONTAINER } from '../../api/index.ts';
import type { Colours } from '../output/colours.ts';
import { since } from '../output/since.ts';
import { conditionOf, phaseOfView, type ShownPhase, type View } from './views.ts';

export interface Column {
  readonly title: string;
  readonly cell: (view: View, nowMs: number, colours: Colours) => string;
}

export interface ColumnChoice {
  readonly hasNamespaces: boolean;
  readonly isWide: boolean;
  readonly hasLabels: boolean;
}

const NAMESPACE: Column = { title: 'NAMESPACE', cell: (view) => view.namespace };
const NAME: Column = { title: 'NAME', cell: (view) => view.name };
const PHASE: Column = { title: 'PHASE', cell: (view, _, colours) => paintPhase(shownPhase(view), colours) };
const LABELS: Column = {
  title: 'LABELS',
  cell: (view) =>
    Object.entries(view.object?.labels ?? {})
      .map(([key, value]) => `${key}=${value}`)
      .join(',') || '<none>',
};

const CONTAINER: readonly Column[] = [
  PHASE,
  { title: 'READY', cell: (view) => conditionOf(view.status, 'Ready')?.status ?? 'Unknown' },
  { title: 'LAMBDA', cell: (view) => percent(view.status?.placement?.serving.lambda) },
  { title: 'FARGATE', cell: (view) => percent(view.status?.placement?.serving.fargate) },
  { title: 'URL', cell: (view) => view.status?.url ?? '-' },
  { title: 'SINCE', cell: (view, nowMs) => since(conditionOf(view.status, 'Ready')?.lastTransitionTime, nowMs) },
];

const CONTAINER_WIDE: readonly Column[] = [
  { title: 'REVISION', cell: (view) => String(view.status?.revision?.current ?? '-') },
  { title: 'CLASS', cell: (view) => text(member(view.object?.spec, 'className')) ?? 'standard' },
  { title: 'FUNCTION', cell: (view) => functionOf(view) },
  {
    title: 'REASON',
    cell: (view) => (view.defects.length > 0 ? 'InvalidRecord' : (conditionOf(view.status, 'Ready')?.reason ?? '-')),
  },
];

const CLASS: readonly Column[] = [
  { title: 'CLUSTER', cell: (view) => text(member(view.object?.spec, 'cluster')) ?? '-' },
  { title: 'REGION', cell: (view) => text(member(view.object?.spec, 'region')) ?? '-' },
  { title: 'LISTENERS', cell: (view) => listenersOf(view) },
];

const SOURCE: readonly Column[] = [
  PHASE,
  { title: 'READY', cell: (view) => conditionOf(view.sourceStatus, 'Ready')?.status ?? 'Unknown' },
  { title: 'REF', cell: (view) => refOf(view) },
  { title: 'APPLIED', cell: (view) => view.sourceStatus?.lastAppliedCommit?.slice(0, 12) ?? '-' },
  { title: 'URL', cell: (view) => text(member(view.object?.spec, 'url')) ?? '-' },
  { title: 'SINCE', cell: (view, nowMs) => since(conditionOf(view.sourceStatus, 'Ready')?.lastTransitionTime, nowMs) },
];

const SOURCE_WIDE: readonly Column[] = [
  { title: 'ATTEMPTED', cell: (view) => view.sourceStatus?.lastAttemptedCommit?.slice(0, 12) ?? '-' },
  { title: 'PATH', cell: (view) => text(member(view.object?.spec, 'path')) ?? '.' },
  { title: 'REASON', cell: (view) => conditionOf(view.sourceStatus, 'Ready')?.reason ?? '-' },
];

export function columnsFor(kind: ApiKind, { hasNamespaces, isWide, hasLabels }: ColumnChoice): readonly Column[] {
  const labels = hasLabels ? [LABELS] : [];
  if (kind === KIND_CLASS) return [NAME, ...CLASS, ...labels];
  if (kind !== KIND_CONTAINER) return [NAME, ...SOURCE, ...(isWide ? SOURCE_WIDE : []), ...labels];
  return [...(hasNamespaces ? [NAMESPACE] : []), NAME, ...CONTAINER, ...(isWide ? CONTAINER_WIDE : []), ...labels];
}

function shownPhase(view: View & { readonly isGone?: boolean }): ShownPhase {
  return view.isGone ? 'Deleted' : phaseOfView(view);
}

/** Green when all is well, red when a person must act, yellow in between. */
export function paintPhase(phase: ShownPhase, colours: Colours): string {
  if (phase === 'Ready') return colours.good(phase);
  if (phase === 'Deleted') return colours.dim(phase);
  return phase === 'Stalled' || phase === 'Invalid' || phase === 'DeletionHeld'
    ? colours.bad(phase)
    : colours.busy(phase);
}

function percent(share: number | undefined): string {
  return share === undefined ? '-' : `${share}%`;
}

/** `checkout:live`; `-` where the spec names no function. */
export function functionOf(view: Pick<View, 'object'>): string {
  const reference = member(member(view.object?.spec, 'source'), 'functionRef');
  const name = text(member(reference, 'name'));
  const qualifier = text(member(reference, 'qualifier'));
  return name === undefined ? '-' : qualifier === undefined ? name : `${name}:${qualifier}`;
}

function refOf(view: View): string {
  const ref = member(view.object?.spec, 'ref');
  for (const how of ['branch', 'tag', 'semver', 'commit']) {
    const value = text(member(ref, how));
    if (value !== undefined) return how === 'commit' ? value.slice(0, 12) : value;
  }
  return '-';
}

function listenersOf(view: View): string {
  const listeners = member(view.object?.spec, 'listeners');
  if (!Array.isArray(listeners)) return '-';
  return listeners.map((listener) => text(member(listener, 'url')) ?? '?').join(', ') || '-';
}

/** An own member of a spec that nobody has judged. */
export function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
