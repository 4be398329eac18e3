/** `get`: objects with their status, as a table, as documents, by a template or as names; with -w as they change. */
import { KIND_CONTAINER } from '../../api/index.ts';
import { canonicalJson, sleep, UserError } from '../../core/index.ts';
import { coloursFor } from '../output/colours.ts';
import { asJson, asYaml, listOf } from '../output/documents.ts';
import type { Form } from '../output/form.ts';
import type { CliIo } from '../output/io.ts';
import { jsonPath } from '../output/jsonpath.ts';
import { table } from '../output/table.ts';
import { reportMissing } from './chosen.ts';
import { columnsFor } from './columns.ts';
import type { Connection } from './connection.ts';
import { labelSelector } from './labels.ts';
import { display, type Reference, type Selection, select } from './references.ts';
import { documentOf, idOf, resolve, type View } from './views.ts';

export interface GetArgs {
  readonly words: readonly string[];
  readonly namespace?: string | undefined;
  readonly allNamespaces?: boolean | undefined;
  readonly output?: Form | undefined;
  readonly selector?: string | undefined;
  /** A path whose value the objects are ordered by. */
  readonly sortBy?: string | undefined;
  readonly showLabels?: boolean | undefined;
  /** False: tables without their first line. */
  readonly headers?: boolean | undefined;
  readonly watch?: boolean | undefined;
  /** While watching: what became of each object, in front of it. */
  readonly outputWatchEvents?: boolean | undefined;
}

type WatchEvent = 'ADDED' | 'MODIFIED' | 'DELETED';

/** An object as it is shown; one that is gone is shown as it was last. */
type Shown = View & { readonly isGone?: boolean; readonly event: WatchEvent };

const POLL_MS = 1000;

/** Exit status 1 when something that was named is not there. */
export async function get(args: GetArgs, io: CliIo, connection: Connection): Promise<number> {
  const namespace = args.namespace ?? connection.defaultNamespace;
  const selection = select(args.words, namespace);
  if (args.allNamespaces && selection.references.length > 0) {
    throw new UserError('-A lists; it does not go with names, give -n NAMESPACE instead', 2);
  }
  if (args.outputWatchEvents && !args.watch) {
    throw new UserError('--output-watch-events tells what changes; it needs --watch', 2);
  }
  const query = queryOf(args, selection, args.allNamespaces ? undefined : namespace, connection);
  const { views, missing } = await query();
  reportMissing(missing, io);
  const form = args.output ?? { name: 'table' };
  if (views.length === 0 && missing.length === 0 && !args.watch && (form.name === 'table' || form.name === 'wide')) {
    io.stderr(`${nothing(args, selection, namespace)}\n`);
    return 0;
  }
  const show = printer(form, args, selection, io);
  show(views.map((view) => ({ ...view, event: 'ADDED' })));
  if (args.watch) await follow(views, query, show, io);
  return missing.length === 0 ? 0 : 1;
}

type Query = () => Promise<{ views: View[]; missing: Reference[] }>;

function queryOf(args: GetArgs, selection: Selection, namespace: string | undefined, connection: Connection): Query {
  const matches = labelSelector(args.selector);
  const order = args.sortBy === undefined ? undefined : orderBy(args.sortBy);
  return async () => {
    const { views, missing } = await resolve(selection, namespace, connection);
    const matching = views.filter((view) => matches(view.object?.labels ?? {}));
    return { views: order ? matching.sort(order) : matching, missing };
  };
}

/** Numbers by size, all else as text; what has no value comes last. */
function orderBy(path: string): (a: View, b: View) => number {
  const compiled = jsonPath(path);
  const fieldOf = (view: View): unknown => compiled.find(documentOf(view))[0];
  return (first, second) => {
    const [a, b] = [fieldOf(first), fieldOf(second)];
    if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
    if (typeof a === 'number' && typeof b === 'number') return a - b;
    const [x, y] = [String(a), String(b)];
    return x < y ? -1 : x > y ? 1 : 0;
  };
}

async function follow(first: readonly View[], query: Query, show: Show, io: CliIo): Promise<void> {
  let before = byId(first);
  while (!io.signal.aborted) {
    await sleep(io.clock, POLL_MS, io.signal);
    if (io.signal.aborted) return;
    const now = byId((await query()).views);
    const changed: Shown[] = [];
    for (const [id, { view, fingerprint }] of now) {
      const was = before.get(id);
      if (!was) changed.push({ ...view, event: 'ADDED' });
      else if (was.fingerprint !== fingerprint) changed.push({ ...view, event: 'MODIFIED' });
    }
    for (const [id, { view }] of before) {
      if (!now.has(id)) changed.push({ ...view, isGone: true, event: 'DELETED' });
    }
    if (changed.length > 0) show(changed);
    before = now;
  }
}

function byId(views: readonly View[]): Map<string, { view: View; fingerprint: string }> {
  return new Map(views.map((view) => [idOf(view), { view, fingerprint: canonicalJson(documentOf(view)) }]));
}

// ---------------------------------------------------------------------------------------------------------- output

type Show = (views: readonly Shown[]) => void;

function printer(form: Form, args: GetArgs, selection: Selection, io: CliIo): Show {
  const isSingle = selection.references.length === 1;
  const documents = (views: readonly Shown[]): unknown[] =>
    views.map((view) => (args.outputWatchEvents ? { type: view.event, object: documentOf(view) } : documentOf(view)));
  switch (form.name) {
    case 'json':
    case 'yaml': {
      const encode =
        form.name === 'json' ? asJson : (value: unknown) => `${isSingle && !args.watch ? '' : '---\n'}${asYaml(value)}`;
      return (views) => {
        if (!args.watch) io.stdout(encode(listOf(documents(views), isSingle)));
        else for (const document of documents(views)) io.stdout(encode(document));
      };
    }
    case 'jsonpath':
    case 'jsonpath-as-json': {
      const { path } = form;
      const apply = (document: unknown): string =>
        form.name === 'jsonpath' ? path.render(document) : asJson(path.find(document));
      return (views) => {
        if (!args.watch) io.stdout(apply(listOf(documents(views), isSingle)));
        else for (const document of documents(views)) io.stdout(apply(document));
      };
    }
    case 'name':
      return (views) => {
        for (const view of views) io.stdout(`${args.outputWatchEvents ? `${view.event} ` : ''}${display(view)}\n`);
      };
    case 'custom-columns': {
      const titles = form.columns.map(({ title }) => title);
      return rowsOf(args, titles, io, (view) => form.columns.map(({ cell }) => cell(documentOf(view))));
    }
    default: {
      const columns = columnsFor(selection.kind, {
        hasNamespaces: args.allNamespaces === true,
        isWide: form.name === 'wide',
        hasLabels: args.showLabels === true,
      });
      const colours = coloursFor(io);
      const titles = columns.map(({ title }) => title);
      return rowsOf(args, titles, io, (view) => columns.map(({ cell }) => cell(view, io.clock.now(), colours)));
    }
  }
}

function rowsOf(args: GetArgs, titles: readonly string[], io: CliIo, cells: (view: Shown) => string[]): Show {
  let isTitled = args.headers === false;
  const withEvent = (event: string, row: readonly string[]): string[] =>
    args.outputWatchEvents ? [event, ...row] : [...row];
  return (views) => {
    if (views.length === 0) return;
    const rows = views.map((view) => withEvent(view.event, cells(view)));
    io.stdout(table(isTitled ? rows : [withEvent('EVENT', titles), ...rows]));
    isTitled = true;
  };
}

function nothing(args: GetArgs, selection: Selection, namespace: string): string {
  if (selection.kind !== KIND_CONTAINER) return `No ${selection.kind} found`;
  const scope = args.allNamespaces ? 'in any namespace' : `in namespace '${namespace}'`;
  return `No ${selection.kind} found ${scope}`;
}
