/** `events`: what was found and what was done, oldest first; with --watch as it happens. */
import { KIND_CONTAINER } from '../../api/index.ts';
import { formatDuration, sleep, UserError } from '../../core/index.ts';
import type { ObjectEvent } from '../../resource/index.ts';
import { coloursFor } from '../output/colours.ts';
import { asJson } from '../output/documents.ts';
import type { CliIo } from '../output/io.ts';
import { since } from '../output/since.ts';
import { table } from '../output/table.ts';
import type { Connection } from './connection.ts';
import { display, type Reference, recordKey, select } from './references.ts';
import { viewOf, viewsOf } from './views.ts';

export interface EventsArgs {
  readonly words: readonly string[];
  readonly namespace?: string | undefined;
  readonly allNamespaces?: boolean | undefined;
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
  const { kind, references } = select(args.words, args.namespace);
  if (kind !== KIND_CONTAINER) throw new UserError(`${kind} has no events; name a LambdaContainer`, 2);
  const limit = args.limit ?? DEFAULT_LIMIT;
  const read = async (): Promise<NamedEvent[]> => {
    const scope = args.allNamespaces ? undefined : (args.namespace ?? 'default');
    const objects = references.length > 0 ? references : await viewsOf(KIND_CONTAINER, scope, connection);
    const lists = await Promise.all(objects.map((reference) => eventsOf(reference, limit, connection)));
    return lists
      .flat()
      .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
      .slice(-limit);
  };
  const first = await read();
  let missing = 0;
  for (const reference of references) {
    if (first.some((event) => event.reference === reference) || (await viewOf(reference, connection))) continue;
    missing++;
    io.stderr(`error: ${display(reference)} not found in namespace '${reference.namespace}'\n`);
  }
  if (missing > 0) return 1;
  if (first.length === 0 && !args.watch) io.stderr('No events\n');
  show(first, true, args, io);
  if (args.watch) await follow(first, read, args, io);
  return 0;
}

/** The newest events of one object, oldest first. */
export async function eventsOf(reference: Reference, limit: number, { state }: Connection): Promise<NamedEvent[]> {
  return (await state.events(recordKey(reference), limit)).map((event) => ({ ...event, reference }));
}

async function follow(
  first: readonly NamedEvent[],
  read: () => Promise<NamedEvent[]>,
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
      args,
      io,
    );
    known = new Set(now.map(fingerprint));
  }
}

function fingerprint({ at, type, reason, message, node, reference }: NamedEvent): string {
  return JSON.stringify([at, type, reason, message, node, reference.namespace, reference.name]);
}

function show(list: readonly NamedEvent[], isFirst: boolean, args: EventsArgs, io: CliIo): void {
  if (args.output === 'json') {
    const documents = list.map(({ reference, ...event }) => ({
      namespace: reference.namespace,
      name: reference.name,
      ...event,
    }));
    if (isFirst && !args.watch) io.stdout(asJson(documents));
    // While watching, one document a line, so that a reader can take them as they come.
    else for (const document of documents) io.stdout(`${JSON.stringify(document)}\n`);
    return;
  }
  if (list.length > 0) io.stdout(eventTable(list, isFirst, args.words.length !== 1, io));
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
