/** Objects as documents that `apply` takes back: JSON or YAML, one alone or a List of several. */
import { stringify } from 'yaml';

export function asJson(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

export function asYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}

/** One document stays itself; none or several become a List, as kubectl prints them. */
export function listOf(documents: readonly unknown[], isSingle: boolean): unknown {
  return isSingle && documents.length === 1 ? documents[0] : { apiVersion: 'v1', kind: 'List', items: documents };
}
