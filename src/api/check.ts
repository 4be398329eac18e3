/**
 * Runs a zod schema over plain JSON and turns its issues into defects with path, value, reason and remedy. When the
 * document has defects it is read once more without the defective members, so that rules over several fields can
 * still speak about the rest: a person gets all defects in one answer.
 */
import * as z from 'zod';
import {
  closest,
  DEFECTS_MAX,
  type Defect,
  defect,
  formatPath,
  type Path,
  plainDefect,
  quote,
  suggestion,
} from './defects.ts';
import { PathIndex } from './path-index.ts';
import type { FieldNotes } from './schema/fields.ts';

export interface Checked<T> {
  /** The parsed document; with defects, what is left of it; undefined when nothing sensible is left. */
  readonly value: T | undefined;
  readonly defects: Defect[];
  /** How many more there are than `defects` tells. */
  readonly more: number;
}

const SALVAGE_ROUNDS_MAX = 6;

/** Checks `raw` (plain JSON) against `schema`; paths begin with `root`. */
export function check<T>(schema: z.ZodType<T>, raw: unknown, root: string): Checked<T> {
  const first = schema.safeParse(raw);
  if (first.success) return { value: first.data, defects: [], more: 0 };
  return { value: salvage(schema, raw, first.error), ...distinct(schema, first.error.issues, raw, root) };
}

/** Later defects at, above or below an earlier one only repeat it. */
function distinct(
  schema: z.core.$ZodType,
  issues: readonly Issue[],
  raw: unknown,
  root: string,
): { defects: Defect[]; more: number } {
  const kept: Defect[] = [];
  const index = new PathIndex();
  let more = 0;
  for (const issue of issues.flatMap(single).sort(byTightness)) {
    // Words for tens of thousands of defects would take minutes.
    if (kept.length >= DEFECTS_MAX) more++;
    else {
      const item = defectOf(schema, issue, raw, root);
      if (index.overlaps(item.path)) continue;
      index.add(item.path);
      kept.push(item);
    }
  }
  return { defects: kept, more };
}

// ---------------------------------------------------------------------------------------------------------- issues

type Issue = z.core.$ZodIssue;

/** That a number is beyond 2^53 is the least of what can be said of it. */
function byTightness(a: Issue, b: Issue): number {
  return Number(isSafetyBound(a)) - Number(isSafetyBound(b));
}

function isSafetyBound(issue: Issue): boolean {
  return (
    (issue.code === 'too_big' && issue.maximum === Number.MAX_SAFE_INTEGER) ||
    (issue.code === 'too_small' && issue.minimum === Number.MIN_SAFE_INTEGER)
  );
}

/** Each unknown key as an issue of its own. */
function single(issue: Issue): Issue[] {
  if (issue.code !== 'unrecognized_keys' || issue.keys.length === 1) return [issue];
  return issue.keys.map((key) => ({ ...issue, keys: [key] }));
}

function defectOf(schema: z.core.$ZodType, issue: Issue, raw: unknown, root: string): Defect {
  const path: Path = [root, ...issue.path];
  const value = valueAt(raw, issue.path);
  if (issue.code === 'unrecognized_keys') {
    const key = issue.keys[0] ?? '';
    const known = knownKeys(schemaAt(schema, issue.path));
    const elsewhere = closest(key, known) === undefined ? findField(schema, key) : undefined;
    const advice = elsewhere ? `did you mean ${formatPath([root, ...elsewhere])}?` : suggestion(key, known);
    return plainDefect([...path, key], valueAt(value, [key]), `${quote(key)} is not a field here; ${advice}`);
  }
  if (issue.code === 'invalid_key') {
    const key = issue.path.at(-1);
    const inner = issue.issues[0];
    const phrase = inner ? phraseOf(inner, key, undefined) : 'is not a valid name';
    return plainDefect(path, String(key), `${quote(String(key))} ${phrase}`);
  }
  const field = schemaAt(schema, issue.path);
  if (value === undefined) return plainDefect(path, undefined, missing(field));
  if (issue.code === 'invalid_union') return defect(path, value, unionPhrase(issue, value, field));
  return defect(path, value, phraseOf(issue, value, field));
}

/** The choice whose type is right knows best what is wrong; where none is, the choice itself says what it takes. */
function unionPhrase(issue: z.core.$ZodIssueInvalidUnion, value: unknown, field: z.core.$ZodType | undefined): string {
  const ofType = issue.errors.find((choice) => !choice.some(({ code }) => code === 'invalid_type'));
  const deepest = ofType?.[0];
  return deepest ? phraseOf(deepest, value, field) : issue.message;
}

function missing(field: z.core.$ZodType | undefined): string {
  const description = field ? notesOf(field)?.description : undefined;
  return `is missing and has no default; add it${description ? ` (${description.replace(/\.$/, '')})` : ''}`;
}

/** What follows the printed value. A message given in the schema is such a phrase already. */
function phraseOf(issue: Issue, value: unknown, field: z.core.$ZodType | undefined): string {
  const because = field && notesOf(field)?.limits ? ` (${notesOf(field)?.limits})` : '';
  switch (issue.code) {
    case 'invalid_type':
      if (value === null) return nullPhrase(issue.expected, field);
      return typePhrase(issue.expected, value, field && notesOf(field)?.unit);
    case 'invalid_value':
      if (value === null) return nullPhrase(typeof issue.values[0], field);
      if (typeof value === 'string' && issue.values.every((choice) => typeof choice === 'number')) {
        return typePhrase('number', value, undefined);
      }
      if (!isZodDefault(issue)) return issue.message;
      return issue.values.length === 1
        ? `is not allowed; use ${String(issue.values[0])}`
        : `is not one of ${issue.values.map(String).join(', ')}; ${suggestion(String(value), issue.values.map(String))}`;
    case 'too_small':
      if (typeof value === 'string') return 'is empty; give a value or remove the field';
      if (Array.isArray(value)) return `has too few entries; give at least ${issue.minimum}`;
      return `is too small; the least is ${issue.minimum}${because}`;
    case 'too_big':
      if (typeof value === 'string')
        return `is too long: ${value.length} characters; the most is ${issue.maximum}${because}`;
      if (Array.isArray(value)) return `has ${value.length} entries; the most is ${issue.maximum}${because}`;
      return `is too large; the most is ${issue.maximum}${because}`;
    default:
      return issue.message;
  }
}

/** zod's own words for a wrong value begin with `Invalid`; a phrase of the schema never does. */
function isZodDefault(issue: Issue): boolean {
  return /^Invalid /.test(issue.message);
}

const TYPE_NAMES: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

function nullPhrase(expected: string, field: z.core.$ZodType | undefined): string {
  const wanted = TYPE_NAMES[expected] ?? expected;
  const remedy = field && hasDefault(field) ? 'remove the field to use its default' : `give ${wanted}, or remove it`;
  return `stands where ${wanted} is expected; ${remedy}`;
}

/** How a number becomes a text of this unit. */
const SUFFIXES: Readonly<Record<string, string>> = { duration: 's', percentage: '%' };

function typePhrase(expected: string, value: unknown, unit: string | undefined): string {
  const wanted = TYPE_NAMES[expected] ?? expected;
  if (typeof value === 'string') return textInstead(expected, wanted, value);
  if (typeof value === 'number' && expected === 'string') {
    const suffix = unit && SUFFIXES[unit];
    if (suffix) return `is a number without its unit; write it like "${value}${suffix}"`;
    return `is a number, not text; put it in quotes: "${value}" (in a DynamoDB item {"S": "${value}"})`;
  }
  if (typeof value === 'boolean' && expected === 'string')
    return `is true or false, not text; put it in quotes: "${value}"`;
  if (typeof value === 'number' && expected === 'int') {
    return `is not a whole number; use ${Number.isSafeInteger(Math.round(value)) ? Math.round(value) : 'a smaller one'}`;
  }
  const found = Array.isArray(value)
    ? 'a list'
    : typeof value === 'object'
      ? 'an object'
      : `${typeof value === 'number' ? 'a number' : 'true or false'}`;
  if (expected === 'array') return `is ${found}, not a list; write [ … ]`;
  return `is ${found}, not ${wanted}; give ${wanted}`;
}

function textInstead(expected: string, wanted: string, value: string): string {
  if ((expected === 'number' || expected === 'int') && /^\s*-?\d[\d_]*(\.\d+)?\s*$/.test(value)) {
    const digits = value.trim().replaceAll('_', '');
    return `is text, not a number; write ${digits} without quotes (in a DynamoDB item {"N": "${digits}"})`;
  }
  const percent = expected === 'number' || expected === 'int' ? /^\s*(\d+)\s*%\s*$/.exec(value)?.[1] : undefined;
  if (percent !== undefined) return `is text, not a number; write ${percent}, without quotes and %`;
  if (expected === 'boolean' && /^(true|false|yes|no|on|off)$/i.test(value)) {
    const meant = /^(true|yes|on)$/i.test(value);
    return `is text, not true or false; write ${meant} without quotes (in a DynamoDB item {"BOOL": ${meant}})`;
  }
  if (expected === 'array') return 'is text, not a list; write [ … ] around it';
  if (/^\s*\{/.test(value) && (expected === 'object' || expected === 'record')) {
    return 'is JSON within text, not an object; give the object itself (in a DynamoDB item {"M": {…}})';
  }
  return `is text, not ${wanted}; give ${wanted}`;
}

// --------------------------------------------------------------------------------------------------------- salvage

/** Parses again without what the issues point at, a few times, because removing a member can uncover another issue. */
function salvage<T>(schema: z.ZodType<T>, raw: unknown, error: z.ZodError): T | undefined {
  const copy: unknown = structuredClone(raw);
  let issues: readonly Issue[] = error.issues;
  for (let round = 0; round < SALVAGE_ROUNDS_MAX; round++) {
    // All are found before any is removed: what one issue removes must not make another take its parent.
    const members = issues.flatMap(single).map((issue) => memberAt(copy, pathOf(issue)));
    for (const member of members) {
      if (!member) return undefined;
      delete member.parent[member.key];
    }
    const again = schema.safeParse(copy);
    if (again.success) return again.data;
    issues = again.error.issues;
  }
  return undefined;
}

function pathOf(issue: Issue): Path {
  return issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0] ?? ''] : issue.path;
}

/** The member at `path`; the one above it for what is missing or in a list, which goes as a whole. None at the root. */
function memberAt(
  document: unknown,
  path: Path,
): { parent: Record<PropertyKey, unknown>; key: PropertyKey } | undefined {
  for (let length = path.length; length > 0; length--) {
    const parent = valueAt(document, path.slice(0, length - 1));
    const key = path[length - 1];
    if (key === undefined || parent === null || typeof parent !== 'object' || Array.isArray(parent)) continue;
    if (Object.hasOwn(parent, key)) return { parent: parent as Record<PropertyKey, unknown>, key };
  }
  return undefined;
}

// ------------------------------------------------------------------------------------------------ looking into zod

/** The own value at a path, never something inherited. */
export function valueAt(document: unknown, path: Path): unknown {
  let value = document;
  for (const key of path) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

interface Definition {
  type: string;
  innerType?: z.core.$ZodType;
  in?: z.core.$ZodType;
  shape?: Record<string, z.core.$ZodType>;
  element?: z.core.$ZodType;
  valueType?: z.core.$ZodType;
}

function definitionOf(schema: z.core.$ZodType): Definition {
  return schema._zod.def as unknown as Definition;
}

/** The notes of a schema or of what it wraps. */
export function notesOf(schema: z.core.$ZodType): FieldNotes | undefined {
  for (let layer: z.core.$ZodType | undefined = schema; layer; layer = innerOf(layer)) {
    const notes = z.globalRegistry.get(layer);
    if (notes?.description !== undefined) return notes as unknown as FieldNotes;
  }
  return undefined;
}

function innerOf(schema: z.core.$ZodType): z.core.$ZodType | undefined {
  const definition = definitionOf(schema);
  return definition.innerType ?? definition.in;
}

/** Whether a document may leave the field out. */
function hasDefault(schema: z.core.$ZodType): boolean {
  for (let layer: z.core.$ZodType | undefined = schema; layer; layer = innerOf(layer)) {
    if (['optional', 'default', 'prefault'].includes(definitionOf(layer).type)) return true;
  }
  return false;
}

function unwrapped(schema: z.core.$ZodType): z.core.$ZodType {
  let layer = schema;
  for (let inner = innerOf(layer); inner; inner = innerOf(layer)) layer = inner;
  return layer;
}

function schemaAt(schema: z.core.$ZodType, path: Path): z.core.$ZodType | undefined {
  let field: z.core.$ZodType | undefined = schema;
  for (const key of path) {
    if (!field) return undefined;
    const definition = definitionOf(unwrapped(field));
    const shape: Record<string, z.core.$ZodType> | undefined = definition.shape;
    field = shape
      ? Object.hasOwn(shape, key)
        ? shape[String(key)]
        : undefined
      : (definition.element ?? definition.valueType);
  }
  return field;
}

function knownKeys(schema: z.core.$ZodType | undefined): string[] {
  return schema ? Object.keys(definitionOf(unwrapped(schema)).shape ?? {}) : [];
}

/** Where else in the document a field of this name stands: somebody forgot or added a level. */
function findField(schema: z.core.$ZodType, name: string): string[] | undefined {
  const shape = definitionOf(unwrapped(schema)).shape ?? {};
  if (Object.hasOwn(shape, name)) return [name];
  for (const [key, member] of Object.entries(shape)) {
    const below = findField(member, name);
    if (below) return [key, ...below];
  }
  return undefined;
}
