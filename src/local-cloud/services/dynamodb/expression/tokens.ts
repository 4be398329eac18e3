/**
 * Cuts an expression into tokens and words its syntax errors as DynamoDB does: the token at fault, and what stands
 * right before and after it. Knows nothing of grammar.
 */
import { invalid } from '../attribute-value.ts';

export interface Token {
  /** `name` is a bare word, `reference` is `#name` or `:value`, `symbol` any punctuation, known or not. */
  readonly kind: 'name' | 'keyword' | 'reference' | 'number' | 'symbol' | 'end';
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

const TOKEN = /([A-Za-z][A-Za-z0-9_]*)|([#:][A-Za-z0-9_]+)|([0-9]+)|(<>|<=|>=|\S)/gu;

/** Names of the five parameters that hold an expression. */
export type ExpressionKind =
  | 'ConditionExpression'
  | 'FilterExpression'
  | 'KeyConditionExpression'
  | 'ProjectionExpression'
  | 'UpdateExpression';

const CONDITION_KEYWORDS: readonly string[] = ['AND', 'OR', 'NOT', 'BETWEEN', 'IN'];
const KEYWORDS: Readonly<Record<ExpressionKind, readonly string[]>> = {
  ConditionExpression: CONDITION_KEYWORDS,
  FilterExpression: CONDITION_KEYWORDS,
  KeyConditionExpression: CONDITION_KEYWORDS,
  ProjectionExpression: [],
  UpdateExpression: ['SET', 'REMOVE', 'ADD', 'DELETE'],
};

const EXPRESSION_BYTES_MAX = 4096;

/** The tokens of one expression, read from left to right. */
export class TokenReader {
  readonly kind: ExpressionKind;
  readonly #text: string;
  readonly #tokens: Token[] = [];
  #position = 0;

  /** @throws AwsError ValidationException when the expression is empty or too long */
  constructor(kind: ExpressionKind, text: string) {
    this.kind = kind;
    this.#text = text;
    if (text === '') throw this.refusal('The expression can not be empty;');
    const size = Buffer.byteLength(text);
    if (size > EXPRESSION_BYTES_MAX) {
      throw this.refusal(`Expression size has exceeded the maximum allowed size; expression size: ${size}`);
    }
    for (const match of text.matchAll(TOKEN)) {
      this.#tokens.push({
        kind: this.#kindOf(match),
        text: match[0],
        start: match.index,
        end: match.index + match[0].length,
      });
    }
    this.#tokens.push({ kind: 'end', text: '<EOF>', start: text.length, end: text.length });
  }

  #kindOf([, name, reference, number]: RegExpMatchArray): Token['kind'] {
    if (name !== undefined) return KEYWORDS[this.kind].includes(name.toUpperCase()) ? 'keyword' : 'name';
    if (reference !== undefined) return 'reference';
    return number === undefined ? 'symbol' : 'number';
  }

  peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#position + ahead, this.#tokens.length - 1)] as Token;
  }

  next(): Token {
    const token = this.peek();
    this.#position++;
    return token;
  }

  /** Takes the next token if it is this symbol or (in any case) this keyword. */
  accept(text: string): boolean {
    if (!this.at(text)) return false;
    this.#position++;
    return true;
  }

  at(text: string): boolean {
    const token = this.peek();
    return token.text === text || (token.kind === 'keyword' && token.text.toUpperCase() === text);
  }

  expect(text: string): void {
    if (!this.accept(text)) throw this.syntaxError();
  }

  /** The error for the next token being where it cannot be. */
  syntaxError(): Error {
    const token = this.peek();
    const from = this.#tokens[this.#position - 1]?.start ?? (token.kind === 'end' ? 0 : token.start);
    const near = this.#text.slice(from, this.peek(1).end);
    return this.refusal(`Syntax error; token: "${token.text}", near: "${near}"`);
  }

  refusal(detail: string): Error {
    return invalid(`Invalid ${this.kind}: ${detail}`);
  }
}
