/**
 * `diff`: what applying manifests would change, in the desired records as `diff -u` shows it and in AWS field by field;
 * with names, how far AWS is from the records as they are. It only reads. Exit status as `kubectl diff` has it.
 */
import { API_VERSION, type ApiObject, KIND_CONTAINER, objectFromRecord } from '../../api/index.ts';
import { Failure, UserError } from '../../core/index.ts';
import { hideSecrets, isChange, type PlanRow } from '../../plan/index.ts';
import { type Colours, coloursFor } from '../output/colours.ts';
import { asJson, asYaml } from '../output/documents.ts';
import { explain } from '../output/errors.ts';
import type { CliIo } from '../output/io.ts';
import { unifiedDiff } from '../output/line-diff.ts';
import { planDocument } from '../plan/plan-document.ts';
import { brief, nameOf, title } from '../plan/plan-text.ts';
import { hashOf, type PlannedSet, planManifests, planRecords } from '../plan/planned-set.ts';
import type { PlannedObject } from '../plan/planning.ts';
import type { ChoiceArgs } from './chosen.ts';
import type { Connection } from './connection.ts';
import { readManifests, reportDefects } from './manifest-files.ts';

export const DIFF_OUTPUTS = ['text', 'json'] as const;

export interface DiffArgs extends ChoiceArgs {
  readonly files: readonly string[];
  readonly recursive?: boolean | undefined;
  readonly output?: (typeof DIFF_OUTPUTS)[number] | undefined;
}

export const SAME = 0;
export const DIFFERS = 1;
export const CANNOT_TELL = 2;

/** Exit status 0 when nothing differs, 1 when something does, 2 when it cannot be told. */
export async function diff(args: DiffArgs, io: CliIo, connection: Connection): Promise<number> {
  const isOfFiles = args.files.length > 0;
  const planned = isOfFiles ? await ofFiles(args, io, connection) : await planRecords(args, io, connection);
  if (!planned) return CANNOT_TELL;
  const colours = coloursFor(io);
  if (args.output === 'json') io.stdout(asJson(planDocument(planned.objects, hashOf(planned))));
  else for (const object of planned.objects) io.stdout(diffText(object, isOfFiles, colours));
  return exitCodeOf(planned, isOfFiles, io);
}

/** An error is more than a difference: scripts take 1 for "differs". */
export function asDiffError(error: unknown, context: string | undefined): unknown {
  if (error instanceof UserError) return new UserError(error.message, Math.max(CANNOT_TELL, error.exitCode));
  const explained = error instanceof Failure ? explain(error, context) : undefined;
  return explained ? new UserError(explained.text.replace(/^error: /, ''), CANNOT_TELL) : error;
}

async function ofFiles(args: DiffArgs, io: CliIo, connection: Connection): Promise<PlannedSet | undefined> {
  if (args.words.length > 0 || args.all || args.allNamespaces || args.selector !== undefined) {
    throw new UserError('give -f alone, or choose objects of the table: by name, with -l or -A', CANNOT_TELL);
  }
  const { objects, defects } = await readManifests(args, io, connection.defaultNamespace);
  if (defects.length === 0) return planManifests(objects, connection);
  reportDefects(defects, io);
  io.stderr('error: nothing was compared\n');
  return undefined;
}

function exitCodeOf({ objects, missing }: PlannedSet, isOfFiles: boolean, io: CliIo): number {
  let code = missing > 0 ? CANNOT_TELL : SAME;
  for (const planned of objects) {
    const why = cannotTell(planned);
    if (why !== undefined) {
      io.stderr(`error: ${title(planned)}: ${why}\n`);
      code = CANNOT_TELL;
    } else if (code === SAME && differs(planned, isOfFiles)) code = DIFFERS;
  }
  return code;
}

function differs({ recordAction, explanation }: PlannedObject, isOfFiles: boolean): boolean {
  return (isOfFiles && recordAction !== 'unchanged') || explanation?.changes === true;
}

function cannotTell({ obstacle, explanation }: PlannedObject): string | undefined {
  // A suspended object is left as it is: what AWS has is no difference.
  if (obstacle && obstacle.reason !== 'Suspended') {
    const defects = obstacle.defects.map(({ path, message }) => `${path}: ${message}`);
    return [`${obstacle.reason}: ${obstacle.message}`, ...defects].join('\n  ');
  }
  if (!explanation) return undefined;
  const unread = explanation.rows.filter(({ action }) => action === 'unknown' || action === 'blocked');
  const [first] = unread.filter(({ expected }) => expected === undefined);
  if (first) return `${first.node}: ${first.reason}`;
  return explanation.complete ? undefined : 'what is needed is known once the source could be read';
}

// -------------------------------------------------------------------------------------------------------------- text

function diffText(planned: PlannedObject, isOfFiles: boolean, colours: Colours): string {
  const record = isOfFiles ? recordText(planned, colours) : '';
  const aws = (planned.explanation?.rows ?? []).filter(isChange).map((row) => rowText(row, colours));
  if (record === '' && aws.length === 0) return '';
  return `${colours.strong(`diff ${title(planned)}`)}\n${record}${aws.join('')}`;
}

function recordText({ object, record }: PlannedObject, colours: Colours): string {
  const before = record && (objectFromRecord(record.item).object ?? record.item);
  const names = new Set([...secretNamesOf(before), ...secretNamesOf(object)]);
  const text = (value: unknown) => (value === undefined ? '' : asYaml(hideSecrets(value, names)));
  const [old, wanted] = [text(manifestOf(before)), text(manifestOf(object))];
  const lines = unifiedDiff(old, wanted, colours);
  // Secrets that differ look the same once they are hidden.
  const isHidden = lines === '' && JSON.stringify(manifestOf(before)) !== JSON.stringify(manifestOf(object));
  const body = isHidden ? `${colours.busy('~ values that are hidden here')}\n` : lines;
  if (body === '') return '';
  return `${colours.dim(record ? '--- desired record' : '--- (no record)')}\n${colours.dim('+++ manifest')}\n${body}`;
}

/** As a person writes it, its members in one order. */
function manifestOf(object: ApiObject | Record<string, unknown> | undefined): unknown {
  if (!object || !('apiVersion' in object) || !isApiObject(object)) return object && inOrder(object);
  const { kind, namespace, name, labels, annotations, spec } = object;
  return {
    apiVersion: API_VERSION,
    kind,
    metadata: {
      ...(kind === KIND_CONTAINER ? { namespace } : {}),
      name,
      ...(Object.keys(labels).length > 0 ? { labels: inOrder(labels) } : {}),
      ...(Object.keys(annotations).length > 0 ? { annotations: inOrder(annotations) } : {}),
    },
    spec: inOrder(spec),
  };
}

function isApiObject(value: object): value is ApiObject {
  return 'spec' in value && 'labels' in value && 'annotations' in value && 'kind' in value;
}

/** The order of keys means nothing. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, inOrder(member)]),
  );
}

function secretNamesOf(object: ApiObject | Record<string, unknown> | undefined): string[] {
  const spec = object?.spec as { secrets?: unknown } | undefined;
  return typeof spec?.secrets === 'object' && spec.secrets !== null ? Object.keys(spec.secrets) : [];
}

function rowText(row: PlanRow, colours: Colours): string {
  const action = row.expected ?? row.action;
  const after = row.after ? `, after ${row.after}` : '';
  const name = nameOf(row.identity);
  const head = `aws ${row.kind}${name === '' ? '' : ` ${name}`} (${action}${after})`;
  if (row.action === 'create' || row.expected === 'create') {
    const compared = row.fields.filter((field) => 'observed' in field);
    return `${colours.good(`+ ${head}`)}\n${compared.map((field) => fieldText(field, colours)).join('')}`;
  }
  if (action === 'delete' || action === 'release') return `${colours.bad(`- ${head}`)}\n`;
  return `${colours.busy(`~ ${head}`)}\n${row.fields.map((field) => fieldText(field, colours)).join('')}`;
}

function fieldText({ path, desired, observed, owner, risk }: PlanRow['fields'][number], colours: Colours): string {
  const words = [owner === 'lambdacontainer' ? '' : `owner ${owner}`, risk === 'none' ? '' : risk].filter(Boolean);
  const note = words.length > 0 ? colours.dim(`  # ${words.join(', ')}`) : '';
  return `${colours.bad(`-  ${path}: ${brief(observed)}`)}\n${colours.good(`+  ${path}: ${brief(desired)}`)}${note}\n`;
}
