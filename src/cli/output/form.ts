/**
 * What `-o` asks for: a form by name, or a form with a template (`jsonpath=…`, `custom-columns=…`). Templates are
 * compiled here, so that a mistake in one is a usage error before anything is read. Printing is the verbs' business.
 */
import { InvalidArgumentError } from 'commander';
import { UserError } from '../../core/index.ts';
import { type JsonPath, jsonPath, textOf } from './jsonpath.ts';

export interface CustomColumn {
  readonly title: string;
  readonly cell: (document: unknown) => string;
}

export type Form =
  | { readonly name: 'table' | 'wide' | 'json' | 'yaml' | 'name' }
  | { readonly name: 'jsonpath' | 'jsonpath-as-json'; readonly path: JsonPath }
  | { readonly name: 'custom-columns'; readonly columns: readonly CustomColumn[] };

export type FormName = Form['name'];

export const ALL_FORMS: readonly FormName[] = [
  'table',
  'wide',
  'json',
  'yaml',
  'name',
  'jsonpath',
  'jsonpath-as-json',
  'custom-columns',
];

/** The parser of an `-o` flag that takes these forms. */
export function formParser(allowed: readonly FormName[]): (written: string) => Form {
  return (written) => {
    const equals = written.indexOf('=');
    const name = equals < 0 ? written : written.slice(0, equals);
    const template = equals < 0 ? undefined : written.slice(equals + 1);
    const known = allowed.find((form) => form === name);
    if (known === undefined)
      throw new InvalidArgumentError(`Allowed choices are ${allowed.map(shownForm).join(', ')}.`);
    switch (known) {
      case 'jsonpath':
      case 'jsonpath-as-json':
        if (!template) throw new InvalidArgumentError(`Give a template: ${known}='{.metadata.name}'.`);
        return { name: known, path: jsonPath(template) };
      case 'custom-columns':
        if (!template)
          throw new InvalidArgumentError(`Give columns: ${known}=NAME:.metadata.name,PHASE:.status.phase.`);
        return { name: known, columns: columnsOf(template) };
      default:
        if (template !== undefined) throw new InvalidArgumentError(`${known} takes nothing after '='.`);
        return { name: known };
    }
  };
}

/** How a form is shown in help: with what it needs. */
export function shownForm(name: FormName): string {
  return name.startsWith('jsonpath') || name === 'custom-columns' ? `${name}=…` : name;
}

/** `NAME:.metadata.name,PHASE:.status.phase`; commas inside of brackets separate nothing. */
function columnsOf(template: string): CustomColumn[] {
  return template.split(/,(?![^[]*\])/).map((column) => {
    const colon = column.indexOf(':');
    const [title, path] = [column.slice(0, colon).trim(), column.slice(colon + 1).trim()];
    if (colon < 1 || path === '') {
      throw new UserError(`custom-columns: '${column}' is not a column; write it like NAME:.metadata.name`, 2);
    }
    const compiled = jsonPath(path);
    return {
      title,
      cell: (document) => {
        const found = compiled.find(document);
        return found.length === 0 ? '<none>' : found.map(textOf).join(',');
      },
    };
  });
}
