/** `get`: objects with their status, as a table, as documents or as names; with -w as they change. */
import { KIND_CLASS, KIND_CONTAINER } from '../../api/index.ts';
import { canonicalJson, sleep, UserError } from '../../core/index.ts';
import { type Colours, coloursFor } from '../output/colours.ts';
import { asJson, asYaml, listOf } from '../output/documents.ts';
import type { CliIo } from '../output/io.ts';
import { since } from '../output/since.ts';
import { table } from '../output/table.ts';
import type { Connection } from './connection.ts';
import { labelSelector } from './labels.ts';
import { display, type Reference, type Selection, select } from './references.ts';
import { conditionOf, documentOf, phaseOfView, resolve, type ShownPhase, type View } from './views.ts';

export const OUTPUTS = ['table', 'wide', 'json', 'yaml', 'name'] as const;
export type Output = (typeof OUTPUTS)[number];

export interface GetArgs {
  readonly words: readonly string[];
  readonly namespace?: string | undefined;
  readonly allNamespaces?: boolean | undefined;
  readonly output?: Output | undefined;
  readonly selector?: string | undefined;
  readonly watch?: boolean | undefined;
}

const POLL_MS = 1000;

/** Exit status 1 when something that was named is not there. */
export async function get(args: GetArgs, io: CliIo, connection: Connection): Promise<number> {
  const selection = select(args.words, args.namespace);
  if (args.allNamespaces && selection.references.length > 0) {
    throw new UserError('-A lists; it does not go with names, give -n NAMESPACE instead', 2);
  }
  const query = queryOf(args, selection, connection);
  const { views, missing } = await query();
  for (const reference of missing) io.stderr(`error: ${display(reference)} not found${where(reference)}\n`);
  const output = args.output ?? 'table';
  if (views.length === 0 && missing.length === 0 && !args.watch && (output === 'table' || output === 'wide')) {
    io.stderr(`${nothing(args, selection)}\n`);
    return 0;
  }
  const show = printer(output, args, selection, io);
  show(views, true);
  if (args.watch) await follow(views, query, show, io);
  return missing.length === 0 ? 0 : 1;
}

type Query = () => Promise<{ views: View[]; missing: Reference[] }>;

function queryOf(args: GetArgs, selection: Selection, connection: Connection): Query {
  const matches = labelSelector(args.selector);
  const namespace = args.allNamespaces ? undefined : (args.namespace ?? 'default');
  return async () => {
    const { views, missing } = await resolve(selection, namespace, connection);
    return { views: views.filter((view) => matches(view.object?.labels ?? {})), missing };
  };
}

async function follow(first: readonly View[], query: Query, show: Show, io: CliIo): Promise<void> {
  let before = fingerprints(first);
  while (!io.signal.aborted) {
    await sleep(io.clock, POLL_MS, io.signal);
    if (io.signal.aborted) return;
    const { views } = await query();
    const now = fingerprints(views);
    const changed = views.filter((view) => before.get(idOf(view)) !== now.get(idOf(view)));
    if (changed.length > 0) show(changed, false);
    before = now;
  }
}

function fingerprints(views: readonly View[]): Map<string, string> {
  return new Map(views.map((view) => [idOf(view), canonicalJson(documentOf(view))]));
}

function idOf(view: View): string {
  return `${view.namespace}/${view.name}`;
}

// ---------------------------------------------------------------------------------------------------------- output

type Show = (views: readonly View[], isFirst: boolean) => void;

function printer(output: Output, args: GetArgs, selection: Selection, io: CliIo): Show {
  const isSingle = selection.references.length === 1;
  if (output === 'json' || output === 'yaml') {
    const encode =
      output === 'json' ? asJson : (value: unknown) => `${isSingle && !args.watch ? '' : '---\n'}${asYaml(value)}`;
    return (views, isFirst) => {
      if (isFirst && !args.watch) io.stdout(encode(listOf(views.map(documentOf), isSingle)));
      else for (const view of views) io.stdout(encode(documentOf(view)));
    };
  }
  if (output === 'name') {
    return (views) => {
      for (const view of views) io.stdout(`${display(view)}\n`);
    };
  }
  const columns = columnsFor(selection, args.allNamespaces === true, output === 'wide');
  return (views, isFirst) => {
    if (views.length === 0) return;
    const colours = coloursFor(io);
    const rows = views.map((view) => columns.map(({ cell }) => cell(view, io.clock.now(), colours)));
    io.stdout(table(isFirst ? [columns.map(({ title }) => title), ...rows] : rows));
  };
}

interface Column {
  readonly title: string;
  readonly cell: (view: View, nowMs: number, colours: Colours) => string;
}

const NAMESPACE: Column = { title: 'NAMESPACE', cell: (view) => view.namespace };
const NAME: Column = { title: 'NAME', cell: (view) => view.name };

const CONTAINER: readonly Column[] = [
  { title: 'PHASE', cell: (view, _, colours) => paintPhase(phaseOfView(view), colours) },
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

function columnsFor(selection: Selection, hasNamespaces: boolean, isWide: boolean): readonly Column[] {
  if (selection.kind === KIND_CLASS) return [NAME, ...CLASS];
  if (selection.kind !== KIND_CONTAINER) return [NAME];
  return [...(hasNamespaces ? [NAMESPACE] : []), NAME, ...CONTAINER, ...(isWide ? CONTAINER_WIDE : [])];
}

/** Green when all is well, red when a person must act, yellow in between. */
export function paintPhase(phase: ShownPhase, colours: Colours): string {
  if (phase === 'Ready') return colours.good(phase);
  return phase === 'Stalled' || phase === 'Invalid' || phase === 'DeletionHeld'
    ? colours.bad(phase)
    : colours.busy(phase);
}

function percent(share: number | undefined): string {
  return share === undefined ? '-' : `${share}%`;
}

function functionOf(view: View): string {
  const reference = member(member(view.object?.spec, 'source'), 'functionRef');
  const name = text(member(reference, 'name'));
  const qualifier = text(member(reference, 'qualifier'));
  return name === undefined ? '-' : qualifier === undefined ? name : `${name}:${qualifier}`;
}

function listenersOf(view: View): string {
  const listeners = member(view.object?.spec, 'listeners');
  if (!Array.isArray(listeners)) return '-';
  return listeners.map((listener) => text(member(listener, 'url')) ?? '?').join(', ') || '-';
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function where(reference: Reference): string {
  return reference.kind === KIND_CONTAINER ? ` in namespace '${reference.namespace}'` : '';
}

function nothing(args: GetArgs, selection: Selection): string {
  if (selection.kind !== KIND_CONTAINER) return `No ${selection.kind} found`;
  const scope = args.allNamespaces ? 'in any namespace' : `in namespace '${args.namespace ?? 'default'}'`;
  return `No ${selection.kind} found ${scope}`;
}
