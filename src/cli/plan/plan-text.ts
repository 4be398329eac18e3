/** A plan as a person reads it: what is done now, what follows, what it means to those who are served. */
import { formatDefect, KIND_CONTAINER } from '../../api/index.ts';
import { canonicalJson } from '../../core/index.ts';
import type { FieldRow, PlanRow, Risk } from '../../plan/index.ts';
import type { Identity } from '../../resource/index.ts';
import { display, whereOf } from '../commands/references.ts';
import type { Colours, Paint } from '../output/colours.ts';
import { table } from '../output/table.ts';
import type { PlannedObject } from './planning.ts';

const SIGNS: Readonly<Record<PlanRow['action'], string>> = {
  create: '+',
  adopt: '+',
  update: '~',
  replace: '±',
  delete: '-',
  release: '-',
  forget: '-',
  none: '=',
  wait: '…',
  later: '>',
  blocked: '!',
  unknown: '?',
};
const VALUE_LENGTH_MAX = 100;

/** The page of one object. `isWide`: also what stays as it is, and every field of what is made. */
export function planText(planned: PlannedObject, isWide: boolean, colours: Colours): string {
  const { explanation, obstacle } = planned;
  const head = `${colours.strong(title(planned))}  ${recordWords(planned)}\n`;
  const notes = planned.notes.map((note) => `  ${colours.dim(note)}\n`).join('');
  if (obstacle) {
    const defects = obstacle.defects.map((defect) => `    ${formatDefect(defect)}\n`).join('');
    return `${head}  ${colours.bad('!')} ${obstacle.reason}: ${obstacle.message}\n${defects}${notes}`;
  }
  if (!explanation) return `${head}${notes}`;
  const shown = explanation.rows.filter(({ action }) => isWide || action !== 'none');
  const rows = shown.map((row) => rowText(row, isWide, colours)).join('');
  const quiet = explanation.rows.length - shown.length;
  const settled =
    shown.length === 0
      ? `  ${colours.good('=')} nothing to do: ${quiet === 1 ? 'the one node is' : `all ${quiet} nodes are`} as desired\n`
      : quiet > 0
        ? `  ${colours.dim(`= ${quiet} more ${quiet === 1 ? 'is' : 'are'} as desired`)}\n`
        : '';
  const open = explanation.complete
    ? ''
    : `  ${colours.busy('?')} what else is needed is known once the source could be read\n`;
  // Who sees the same object again and again has read it.
  const isNews = isWide || planned.recordAction !== 'unchanged';
  return `${head}${rows}${settled}${open}${notes}${isNews ? carryOverText(planned, colours) : ''}`;
}

/** `lambdacontainer/checkout in namespace 'shop'`. */
export function title({ key, object }: PlannedObject): string {
  const reference = { kind: object?.kind ?? KIND_CONTAINER, name: object?.name ?? key.name, namespace: key.namespace };
  return `${display(reference)}${whereOf(reference)}`;
}

function recordWords({ recordAction }: PlannedObject): string {
  if (recordAction === 'unchanged') return '(record as it is)';
  return `(record would be ${recordAction === 'update' ? 'changed' : `${recordAction}d`})`;
}

function rowText(row: PlanRow, isWide: boolean, colours: Colours): string {
  const paint = painterOf(row, colours);
  const expected = row.expected ? ` (${row.expected})` : '';
  const head = `  ${paint(SIGNS[row.action])} ${paint(`${row.action}${expected}`)} ${row.node}${named(row, colours)}: ${row.reason}\n`;
  const calls = row.calls.length > 0 ? `      ${colours.dim(`calls ${row.calls.join(', ')}`)}\n` : '';
  const risk = row.because === '' ? '' : `      ${riskText(row.risk, row.because, colours)}\n`;
  return `${head}${fieldTable(row, isWide, colours)}${calls}${risk}`;
}

function fieldTable(row: PlanRow, isWide: boolean, colours: Colours): string {
  if (row.fields.length === 0) return '';
  const isMade = row.fields.every((field) => !('observed' in field));
  if (isMade && !isWide) return '';
  return table(
    row.fields.map((field) => fieldCells(field, colours)),
    '      ',
  );
}

function fieldCells(field: FieldRow, colours: Colours): string[] {
  if (!('observed' in field)) return [field.path, brief(field.desired)];
  const owner = field.owner === 'lambdacontainer' ? '' : `owner ${field.owner}`;
  const risk = field.risk === 'none' ? '' : colours.busy(field.risk);
  return [
    field.path,
    `${colours.bad(brief(field.observed))} → ${colours.good(brief(field.desired))}`,
    [owner, risk].filter((word) => word !== '').join(', '),
  ];
}

export function riskText(risk: Risk, because: string, colours: Colours): string {
  const paint: Paint = risk === 'interrupts' ? colours.bad : risk === 'brief' ? colours.busy : colours.dim;
  return `${paint(`risk ${risk}`)}${because === '' ? '' : colours.dim(`: ${because}`)}`;
}

function painterOf({ action, risk }: PlanRow, colours: Colours): Paint {
  if (action === 'blocked' || action === 'unknown' || action === 'delete') return colours.bad;
  if (action === 'create' || action === 'adopt') return colours.good;
  if (action === 'none' || action === 'later' || action === 'wait' || action === 'forget') return colours.dim;
  return risk === 'interrupts' ? colours.bad : colours.busy;
}

function named({ kind, node, identity }: PlanRow, colours: Colours): string {
  const name = nameOf(identity);
  const words = [kind === node ? '' : kind, name].filter((word) => word !== '');
  return words.length > 0 ? colours.dim(` ${words.join(' ')}`) : '';
}

export function nameOf(identity: Identity): string {
  return Object.values(identity)
    .filter((value) => value !== '')
    .map(shortArn)
    .join(' ');
}

/** ARNs begin alike; what tells them apart is their end. */
export function shortArn(value: string): string {
  return value.startsWith('arn:') ? value.split(':').slice(5).join(':') : value;
}

/** One line, cut where nobody reads on. */
export function brief(value: unknown): string {
  if (value === null || value === undefined) return '(none)';
  const text = (typeof value === 'string' ? value : canonicalJson(value)).replaceAll('\n', '⏎');
  return text.length > VALUE_LENGTH_MAX ? `${text.slice(0, VALUE_LENGTH_MAX - 1)}…` : text;
}

function carryOverText({ carryOver }: PlannedObject, colours: Colours): string {
  if (carryOver.length === 0) return '';
  const lines = carryOver.map(({ topic, message }) => `    ${topic}: ${message}\n`).join('');
  return `  ${colours.strong('What is not as on Lambda')} (docs/compatibility.md):\n${lines}`;
}

/** How many rows do what: `2 to create, 1 to update, 4 later`. */
export function summaryOf(rows: readonly PlanRow[]): string {
  const count = (...actions: PlanRow['action'][]) => rows.filter(({ action }) => actions.includes(action)).length;
  const parts: [number, string][] = [
    [count('create'), 'to create'],
    [count('update'), 'to update'],
    [count('replace'), 'to replace'],
    [count('delete'), 'to delete'],
    [count('release'), 'to release'],
    [count('adopt'), 'to adopt'],
    [count('wait'), 'under way'],
    [count('later'), 'later'],
    [count('blocked'), 'blocked'],
    [count('unknown'), 'not readable'],
  ];
  const said = parts.filter(([number]) => number > 0).map(([number, what]) => `${number} ${what}`);
  return said.length > 0 ? said.join(', ') : 'nothing to do';
}
