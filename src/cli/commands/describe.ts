/** `describe`: one object as a person wants to know it: what is desired, what is, what was done, what happened. */
import {
  ANNOTATION_SOURCE,
  type Condition,
  formatDefect,
  type GitSourceStatus,
  KIND_CLASS,
  KIND_CONTAINER,
  type LambdaContainerStatus,
  type SourceObject,
} from '../../api/index.ts';
import { formatDuration, UserError } from '../../core/index.ts';
import { hideSecrets } from '../../plan/index.ts';
import type { Decision } from '../../resource/index.ts';
import { type Colours, coloursFor } from '../output/colours.ts';
import { asYaml } from '../output/documents.ts';
import type { CliIo } from '../output/io.ts';
import { relative, since } from '../output/since.ts';
import { table } from '../output/table.ts';
import { reportMissing } from './chosen.ts';
import { classNameOf } from './classes.ts';
import { functionOf, paintPhase } from './columns.ts';
import type { Connection } from './connection.ts';
import { type DriftFinding, readDriftFinding, sweepSentences } from './drift-finding.ts';
import { eventsOf, eventTable } from './events.ts';
import { labelSelector } from './labels.ts';
import { type Reference, recordKey, select } from './references.ts';
import { conditionOf, phaseOfView, resolve, statusOfView, type View } from './views.ts';

export interface DescribeArgs {
  readonly words: readonly string[];
  readonly namespace?: string | undefined;
  readonly allNamespaces?: boolean | undefined;
  readonly selector?: string | undefined;
  /** How many of the newest events are shown. */
  readonly events?: number | undefined;
  /** How many of the newest decisions are shown. */
  readonly decisions?: number | undefined;
}

const DEFAULT_EVENTS = 15;
const DEFAULT_DECISIONS = 3;
/** Of a source's objects, those that are not as they should be are shown; a long list says nothing. */
const TROUBLED_MAX = 20;

/** Exit status 1 when something that was named is not there. */
export async function describe(args: DescribeArgs, io: CliIo, connection: Connection): Promise<number> {
  const namespace = args.namespace ?? connection.defaultNamespace;
  const selection = select(args.words, namespace);
  if (selection.references.length > 0 && (args.allNamespaces || args.selector !== undefined)) {
    throw new UserError('give names, or choose with -l and -A, not both', 2);
  }
  const matches = labelSelector(args.selector);
  const { views: found, missing } = await resolve(selection, args.allNamespaces ? undefined : namespace, connection);
  const views = found.filter((view) => matches(view.object?.labels ?? {}));
  reportMissing(missing, io);
  if (views.length === 0 && missing.length === 0) throw new UserError(`no ${selection.kind} to describe`);
  const hasObjects = views.some(({ kind }) => kind === KIND_CONTAINER);
  const finding = hasObjects ? await readDriftFinding(connection.state) : undefined;
  for (const [index, view] of views.entries()) {
    if (index > 0) io.stdout('\n');
    io.stdout(page(view, io));
    if (view.kind === KIND_CONTAINER && finding) io.stdout(driftFinding(finding));
    if (view.kind === KIND_CLASS) continue;
    if (view.sourceStatus) io.stdout(await troubledObjects(view, view.sourceStatus, connection));
    if (view.kind === KIND_CONTAINER) {
      io.stdout(await decisionSection(view, args.decisions ?? DEFAULT_DECISIONS, io, connection));
    }
    io.stdout(await eventSection(view, args.events ?? DEFAULT_EVENTS, io, connection));
  }
  return missing.length === 0 ? 0 : 1;
}

function page(view: View, io: CliIo): string {
  const colours = coloursFor(io);
  const { status, object } = view;
  const sections = [
    fields(view, colours, io.clock.now()),
    view.defects.length > 0
      ? `${heading('Defects of the record')}${view.defects.map((defect) => `  ${formatDefect(defect)}\n`).join('')}`
      : '',
    object ? `${heading('Spec')}${indented(asYaml(hideSecrets(object.spec)))}` : '',
    conditions(statusOfView(view)?.conditions ?? [], colours, io.clock.now()),
    heldDeletion(view, colours),
    status && status.drift.length > 0 ? drift(status, io.clock.now()) : '',
    status && status.inventory.length > 0 ? inventory(status) : '',
  ];
  return sections.join('');
}

function fields(view: View, colours: Colours, nowMs: number): string {
  const { status, sourceStatus, object } = view;
  const rows: [string, string | undefined][] = [
    ['Name', view.name],
    ['Namespace', view.kind === KIND_CONTAINER ? view.namespace : undefined],
    ['Kind', view.kind],
    ['Labels', pairs(object?.labels)],
    ['Annotations', pairs(object?.annotations)],
  ];
  const applied = object?.annotations[ANNOTATION_SOURCE];
  if (applied !== undefined) rows.push(['Applied by', `source/${applied}`]);
  if (view.kind !== KIND_CLASS) rows.push(['Phase', paintPhase(phaseOfView(view), colours)]);
  if (view.kind === KIND_CONTAINER) {
    rows.push(
      ['Class', object && classNameOf(object.spec)],
      ['Function', object && functionOf(view)],
      ...statusFields(status, nowMs),
    );
  } else if (view.kind !== KIND_CLASS) rows.push(...sourceFields(sourceStatus, nowMs));
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
    ['UID', status.uid],
    ['Generation', String(status.observedGeneration)],
    ['Next look', status.nextReconcileAt && relative(status.nextReconcileAt, nowMs)],
    [
      'Last AWS error',
      lastAwsError &&
        `${lastAwsError.service}.${lastAwsError.operation}: ${lastAwsError.code}${lastAwsError.message ? `: ${lastAwsError.message}` : ''}, ${relative(lastAwsError.at, nowMs)}${lastAwsError.requestId ? ` [request ${lastAwsError.requestId}]` : ''}`,
    ],
  ];
}

function sourceFields(status: GitSourceStatus | undefined, nowMs: number): [string, string | undefined][] {
  if (!status) return [['Status', 'the controller has not seen it yet']];
  const counts = Object.entries(status.counts ?? {}).filter(([, number]) => number > 0);
  return [
    ['Applied', status.lastAppliedCommit],
    ['Attempted', status.lastAttemptedCommit === status.lastAppliedCommit ? undefined : status.lastAttemptedCommit],
    ['Objects', counts.map(([result, number]) => `${number} ${result}`).join(', ') || undefined],
    ['Fetched', status.lastFetchedAt && relative(status.lastFetchedAt, nowMs)],
    ['UID', status.uid],
    ['Generation', String(status.observedGeneration)],
    ['Message', status.message],
  ];
}

function conditions(list: readonly Condition[], colours: Colours, nowMs: number): string {
  if (list.length === 0) return '';
  const rows = list.map((condition) => [
    condition.type,
    paintCondition(condition.type, condition.status, colours),
    since(condition.lastTransitionTime, nowMs),
    condition.reason,
    condition.message,
  ]);
  return heading('Conditions') + table([['TYPE', 'STATUS', 'SINCE', 'REASON', 'MESSAGE'], ...rows], '  ');
}

/** Why a deletion waits for a person, and what they can do: the controller's own words, where nobody overlooks them. */
function heldDeletion(view: View, colours: Colours): string {
  const held = conditionOf(view.status, 'DeletionHeld');
  if (held?.status !== 'True') return '';
  return `${heading('Held deletion')}  ${colours.bad(held.reason)}: ${held.message.replaceAll('\n', '\n  ')}\n`;
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

/** How soon a change by somebody else would be seen: nothing until a leader has swept. */
function driftFinding(finding: DriftFinding): string {
  const { events } = finding;
  const lines = [...sweepSentences(finding), ...(events ? [`${events.reason}: ${events.message}`] : [])];
  return lines.length === 0 ? '' : heading('Finding drift') + lines.map((line) => `  ${line}\n`).join('');
}

async function troubledObjects(view: View, status: GitSourceStatus, { state }: Connection): Promise<string> {
  const { drifted = 0, held = 0, failed = 0 } = status.counts ?? {};
  if (drifted + held + failed === 0) return '';
  const chunks = await state.chunks<SourceObject>(view.key, 'objects');
  const troubled = chunks
    .flatMap(({ body }) => body)
    .filter(({ result }) => result === 'drifted' || result === 'held' || result === 'failed');
  const rows = troubled
    .slice(0, TROUBLED_MAX)
    .map(({ kind, namespace, name, result, message }) => [kind, namespace, name, result, message ?? '']);
  const more = troubled.length > TROUBLED_MAX ? `  and ${troubled.length - TROUBLED_MAX} more\n` : '';
  return `${heading('Objects')}${table([['KIND', 'NAMESPACE', 'NAME', 'RESULT', 'MESSAGE'], ...rows], '  ')}${more}`;
}

async function decisionSection(reference: Reference, limit: number, io: CliIo, { state }: Connection): Promise<string> {
  if (limit === 0) return '';
  const decisions = await state.decisions(recordKey(reference), limit);
  if (decisions.length === 0) return '';
  return heading('Decisions') + decisions.map((decision) => decisionText(decision, io.clock.now())).join('');
}

function decisionText({ number, at, generation, saw, decided, did, tookMs }: Decision, nowMs: number): string {
  const list = (label: string, lines: readonly string[]): string[][] =>
    lines.length === 0 ? [] : [[label, lines.join('\n')]];
  return `  #${number}, ${relative(at, nowMs)}, generation ${generation}, took ${formatDuration(tookMs)}\n${table(
    [...list('saw', saw), ...list('decided', decided), ...list('did', did)],
    '    ',
  )}`;
}

async function eventSection(reference: Reference, limit: number, io: CliIo, connection: Connection): Promise<string> {
  if (limit === 0) return '';
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
