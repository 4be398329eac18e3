/** `describe`: one object as a person wants to know it: what is desired, what is, what was done, what happened. */
import { formatDefect, KIND_CONTAINER, type LambdaContainerStatus } from '../../api/index.ts';
import { UserError } from '../../core/index.ts';
import { type Colours, coloursFor } from '../output/colours.ts';
import { asYaml } from '../output/documents.ts';
import type { CliIo } from '../output/io.ts';
import { relative, since } from '../output/since.ts';
import { table } from '../output/table.ts';
import type { Connection } from './connection.ts';
import { eventsOf, eventTable } from './events.ts';
import { paintPhase } from './get.ts';
import { display, type Reference, select } from './references.ts';
import { phaseOfView, type View, viewOf, viewsOf } from './views.ts';

export interface DescribeArgs {
  readonly words: readonly string[];
  readonly namespace?: string | undefined;
  /** How many of the newest events are shown. */
  readonly events?: number | undefined;
}

const DEFAULT_EVENTS = 15;

/** Exit status 1 when something that was named is not there. */
export async function describe(args: DescribeArgs, io: CliIo, connection: Connection): Promise<number> {
  const selection = select(args.words, args.namespace);
  const references =
    selection.references.length > 0
      ? selection.references
      : await viewsOf(selection.kind, args.namespace ?? 'default', connection);
  if (references.length === 0) throw new UserError(`no ${selection.kind} to describe`);
  let missing = 0;
  for (const [index, reference] of references.entries()) {
    const view = await viewOf(reference, connection);
    if (!view) {
      missing++;
      const where = reference.kind === KIND_CONTAINER ? ` in namespace '${reference.namespace}'` : '';
      io.stderr(`error: ${display(reference)} not found${where}\n`);
      continue;
    }
    if (index > 0) io.stdout('\n');
    io.stdout(page(view, io));
    if (view.kind === KIND_CONTAINER)
      io.stdout(await eventSection(reference, args.events ?? DEFAULT_EVENTS, io, connection));
  }
  return missing === 0 ? 0 : 1;
}

function page(view: View, io: CliIo): string {
  const colours = coloursFor(io);
  const { status, object } = view;
  const sections = [
    fields(view, colours, io.clock.now()),
    view.defects.length > 0
      ? `${heading('Defects of the record')}${view.defects.map((defect) => `  ${formatDefect(defect)}\n`).join('')}`
      : '',
    object ? `${heading('Spec')}${indented(asYaml(object.spec))}` : '',
    status ? conditions(status, colours, io.clock.now()) : '',
    status && status.drift.length > 0 ? drift(status, io.clock.now()) : '',
    status && status.inventory.length > 0 ? inventory(status) : '',
  ];
  return sections.join('');
}

function fields(view: View, colours: Colours, nowMs: number): string {
  const { status, object } = view;
  const rows: [string, string | undefined][] = [
    ['Name', view.name],
    ['Namespace', view.kind === KIND_CONTAINER ? view.namespace : undefined],
    ['Kind', view.kind],
    ['Labels', pairs(object?.labels)],
    ['Annotations', pairs(object?.annotations)],
  ];
  if (view.kind === KIND_CONTAINER) {
    rows.push(['Phase', paintPhase(phaseOfView(view), colours)], ...statusFields(status, nowMs));
  }
  return table(rows.flatMap(([label, value]) => (value === undefined ? [] : [[`${label}:`, value]])));
}

function statusFields(status: LambdaContainerStatus | undefined, nowMs: number): [string, string | undefined][] {
  if (!status) return [['Status', 'the controller has not seen it yet']];
  const { placement, revision, source, lastAwsError } = status;
  return [
    ['URL', status.url],
    [
      'Serving',
      placement &&
        `lambda ${placement.serving.lambda}%, fargate ${placement.serving.fargate}%${placement.reason ? ` (${placement.reason})` : ''}`,
    ],
    [
      'Revision',
      revision && `${revision.current}${revision.previous === undefined ? '' : ` (before: ${revision.previous})`}`,
    ],
    ['Image', revision?.image],
    ['Task definition', revision?.taskDefinition],
    ['Function version', revision?.functionVersion],
    ['Code SHA-256', source?.codeSha256],
    ['Generation', String(status.observedGeneration)],
    ['Next look', status.nextReconcileAt && relative(status.nextReconcileAt, nowMs)],
    [
      'Last AWS error',
      lastAwsError &&
        `${lastAwsError.service}.${lastAwsError.operation}: ${lastAwsError.code}${lastAwsError.message ? `: ${lastAwsError.message}` : ''}, ${relative(lastAwsError.at, nowMs)}${lastAwsError.requestId ? ` [request ${lastAwsError.requestId}]` : ''}`,
    ],
  ];
}

function conditions(status: LambdaContainerStatus, colours: Colours, nowMs: number): string {
  if (status.conditions.length === 0) return '';
  const rows = status.conditions.map((condition) => [
    condition.type,
    paintCondition(condition.type, condition.status, colours),
    since(condition.lastTransitionTime, nowMs),
    condition.reason,
    condition.message,
  ]);
  return heading('Conditions') + table([['TYPE', 'STATUS', 'SINCE', 'REASON', 'MESSAGE'], ...rows], '  ');
}

/** For these, True is the bad news. */
const TROUBLE = new Set(['Stalled', 'Drifted', 'Contended', 'DeletionHeld']);

function paintCondition(type: string, value: string, colours: Colours): string {
  if (type === 'Reconciling') return value === 'True' ? colours.busy(value) : value;
  const isGood = TROUBLE.has(type) ? value === 'False' : value === 'True';
  if (isGood) return TROUBLE.has(type) ? value : colours.good(value);
  return TROUBLE.has(type) ? colours.bad(value) : colours.busy(value);
}

function inventory(status: LambdaContainerStatus): string {
  const rows = status.inventory.map((entry) => [
    entry.kind,
    readable(entry.name),
    entry.createdByUs ? 'ours' : 'only read',
    entry.arn ?? '',
  ]);
  return heading('Inventory') + table([['KIND', 'NAME', 'OWNER', 'ARN'], ...rows], '  ');
}

/** What identifies some kinds is an ARN; its beginning says nothing and is long. */
function readable(name: string): string {
  return name.startsWith('arn:') ? name.split(':').slice(5).join(':') : name;
}

function drift(status: LambdaContainerStatus, nowMs: number): string {
  const rows = status.drift.map((entry) => [
    entry.node,
    entry.path,
    JSON.stringify(entry.desired) ?? '-',
    JSON.stringify(entry.observed) ?? '-',
    entry.reason,
    since(entry.since, nowMs),
  ]);
  return heading('Drift') + table([['NODE', 'FIELD', 'DESIRED', 'OBSERVED', 'REASON', 'SINCE'], ...rows], '  ');
}

async function eventSection(reference: Reference, limit: number, io: CliIo, connection: Connection): Promise<string> {
  const list = await eventsOf(reference, limit, connection);
  return heading('Events') + (list.length === 0 ? '  none\n' : eventTable(list, true, false, io, '  '));
}

function heading(title: string): string {
  return `\n${title}:\n`;
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, '  ');
}

function pairs(map: Readonly<Record<string, string>> | undefined): string | undefined {
  const entries = Object.entries(map ?? {});
  return entries.length === 0 ? undefined : entries.map(([key, value]) => `${key}=${value}`).join(', ');
}
