/** `events`: what was found and what was done, oldest first; with --watch as it happens. */
import { KIND_CLASS } from '../../api/index.ts';
import { formatDuration, sleep, UserError } from '../../core/index.ts';
import type { ObjectEvent } from '../../resource/index.ts';
import { coloursFor } from '../output/colours.ts';
import { asJson } from '../output/documents.ts';
import type { CliIo } from '../output/io.ts';
import { since } from '../output/since.ts';
import { table } from '../output/table.ts';
import { reportMissing } from './chosen.ts';
import type { Connection } from './connection.ts';
import { inOrder } from './in-order.ts';
import { type Reference, recordKey, select } from './references.ts';
import { viewOf, viewsOf } from './views.ts';

export interface EventsArgs {
  readonly words: readonly string[];
  readonly namespace?: string | undefined;
  readonly allNamespaces?: boolean | undefined;
  /** One object as KIND/NAME, as kubectl names it; the same as a word. */
  readonly for?: string | undefined;
  /** Only events of these types. */
  readonly types?: readonly ObjectEvent['type'][] | undefined;
  readonly output?: 'table' | 'json' | undefined;
  readonly limit?: number | undefined;
  readonly watch?: boolean | undefined;
}

const POLL_MS = 1000;
const DEFAULT_LIMIT = 50;

interface NamedEvent extends ObjectEvent {
  readonly reference: Reference;
}

/** Exit status 1 when something that was named was never there. */
export async function events(args: EventsArgs, io: CliIo, connection: Connection): Promise<number> {
  const namespace = args.namespace ?? connection.defaultNamespace;
  const words = args.for === undefined ? args.words : [...args.words, args.for];
  const { kind, references } = select(words, namespace);
  if (kind === KIND_CLASS || references.some((reference) => reference.kind === KIND_CLASS)) {
    throw new UserError('a class has no events; name a LambdaContainer or a GitSource', 2);
  }
  if (args.allNamespaces && references.length > 0) throw new UserError('-A lists; it does not go with names', 2);
  const limit = args.limit ?? DEFAULT_LIMIT;
  const read = async (): Promise<NamedEvent[]> => {
    const scope = args.allNamespaces ? undefined : namespace;
    const objects = references.length > 0 ? references : await viewsOf(kind, scope, connection);
    const lists = await inOrder(objects, (reference) => eventsOf(reference, limit, connection));
    return lists
      .flat()
      .filter(({ type }) => args.types === undefined || args.types.includes(type))
      .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
      .slice(-limit);
  };
  const first = await read();
  const missing: Reference[] = [];
  for (const reference of references) {
    if (first.some((event) => event.reference === reference) || (await viewOf(reference, connection))) continue;
    missing.push(reference);
  }
  reportMissing(missing, io);
  if (missing.length > 0) return 1;
  if (first.length === 0 && !args.watch) io.stderr('No events\n');
  const hasObject = words.length !== 1;
  show(first, true, hasObject, args, io);
  if (args.watch) await follow(first, read, hasObject, args, io);
  return 0;
}

/** The newest events of one object, oldest first. */
export async function eventsOf(reference: Reference, limit: number, { state }: Connection): Promise<NamedEvent[]> {
  return (await state.events(recordKey(reference), limit)).map((event) => ({ ...event, reference }));
}

async function follow(
  first: readonly NamedEvent[],
  read: () => Promise<NamedEvent[]>,
  hasObject: boolean,
  args: EventsArgs,
  io: CliIo,
): Promise<void> {
  let known = new Set(first.map(fingerprint));
  while (!io.signal.aborted) {
    await sleep(io.clock, POLL_MS, io.signal);
    if (io.signal.aborted) return;
    const now = await read();
    show(
      now.filter((event) => !known.has(fingerprint(event))),
      false,
      hasObject,
      args,
      io,
    );
    known = new Set(now.map(fingerprint));
  }
}

function fingerprint({ at, type, reason, message, node, reference }: NamedEvent): string {
  return JSON.stringify([at, type, reason, message, node, reference.namespace, reference.name]);
}

function show(list: readonly NamedEvent[], isFirst: boolean, hasObject: boolean, args: EventsArgs, io: CliIo): void {
  if (args.output === 'json') {
    const documents = list.map(({ reference, ...event }) => ({
      kind: reference.kind,
      namespace: reference.namespace,
      name: reference.name,
      ...event,
    }));
    if (isFirst && !args.watch) io.stdout(asJson(documents));
    // While watching, one document a line, so that a reader can take them as they come.
    else for (const document of documents) io.stdout(`${JSON.stringify(document)}\n`);
    return;
  }
  if (list.length > 0) io.stdout(eventTable(list, isFirst, hasObject, io));
}

/** The rows of events, also for `describe`. */
export function eventTable(
  list: readonly NamedEvent[],
  hasHeader: boolean,
  hasObject: boolean,
  io: CliIo,
  indent = '',
): string {
  const colours = coloursFor(io);
  const nowMs = io.clock.now();
  const rows = list.map((event) => [
    since(event.at, nowMs),
    event.type === 'Warning' ? colours.busy(event.type) : event.type,
    event.reason,
    ...(hasObject ? [`${event.reference.namespace}/${event.reference.name}`] : []),
    `${event.node ? `${event.node}: ` : ''}${event.message}${event.tookMs === undefined ? '' : ` (${formatDuration(event.tookMs)})`}`,
  ]);
  const header = ['AGE', 'TYPE', 'REASON', ...(hasObject ? ['OBJECT'] : []), 'MESSAGE'];
  return table(hasHeader ? [header, ...rows] : rows, indent);
}
