/**
 * The defects of an expression that are no syntax errors. DynamoDB looks for them in a fixed order of kinds and tells
 * the first of the first kind found, wherever in the text it stands; so they are collected while parsing.
 */
import type { TokenReader } from './tokens.ts';

const ORDER = [
  'parentheses',
  'unknown-function',
  'misused-function',
  'reserved',
  'section',
  'reference',
  'overlap',
  'conflict',
  'operand-count',
  'distinct',
  'operand',
] as const;

export type DefectKind = (typeof ORDER)[number];

export class Defects {
  readonly #first = new Map<DefectKind, string>();

  report(kind: DefectKind, message: string): void {
    if (!this.#first.has(kind)) this.#first.set(kind, message);
  }

  /** @throws AwsError ValidationException telling the defect that counts, if there is one */
  throwFirst(tokens: TokenReader): void {
    for (const kind of ORDER) {
      const message = this.#first.get(kind);
      if (message !== undefined) throw tokens.refusal(message);
    }
  }
}
