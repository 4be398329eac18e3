/**
 * Condition and filter expressions: parsing into a tree, the static checks that DynamoDB does before it looks at any
 * item, and evaluation. Key conditions are parsed here too and narrowed in key-condition.ts.
 */
import { compareValues, type Item, sameValue, typeOf, VALUE_TYPES, type Value } from '../attribute-value.ts';
import { Defects } from './defects.ts';
import { type Parsing, type Path, parsePath, printPath, samePath, valueAt } from './path.ts';
import type { References } from './references.ts';
import type { TokenReader } from './tokens.ts';

export type Comparator = '=' | '<>' | '<' | '<=' | '>' | '>=';

export type Operand =
  | { readonly kind: 'path'; readonly path: Path }
  | { readonly kind: 'value'; readonly value: Value }
  | { readonly kind: 'size'; readonly of: Operand };

export type Condition =
  | { readonly kind: 'and' | 'or'; readonly left: Condition; readonly right: Condition }
  | { readonly kind: 'not'; readonly of: Condition }
  | { readonly kind: 'compare'; readonly operator: Comparator; readonly left: Operand; readonly right: Operand }
  | { readonly kind: 'between'; readonly operand: Operand; readonly low: Operand; readonly high: Operand }
  | { readonly kind: 'in'; readonly operand: Operand; readonly among: readonly Operand[] }
  | { readonly kind: 'call'; readonly name: string; readonly operands: readonly Operand[] };

export interface ParsedCondition {
  readonly condition: Condition;
  /** Every path that the expression mentions. */
  readonly mentioned: readonly Path[];
}

const COMPARATORS: readonly string[] = ['=', '<>', '<', '<=', '>', '>='];
const OPERAND_COUNTS: Readonly<Record<string, number>> = {
  attribute_exists: 1,
  attribute_not_exists: 1,
  attribute_type: 2,
  begins_with: 2,
  contains: 2,
  size: 1,
};
const UPDATE_FUNCTIONS: readonly string[] = ['if_not_exists', 'list_append'];
const IN_OPERANDS_MAX = 100;

/** @throws AwsError ValidationException */
export function parseCondition(tokens: TokenReader, references: References): ParsedCondition {
  const parsing: Parsing = { tokens, references, defects: new Defects(), mentioned: [] };
  const parser = new ConditionParser(parsing);
  const condition = parser.whole();
  parsing.defects.throwFirst(tokens);
  return { condition, mentioned: parsing.mentioned };
}

/** What a stretch of text turned out to be; parentheses may stand around either. */
type Term = (
  | { readonly operand: Operand; readonly condition?: never }
  | { readonly condition: Condition; readonly operand?: never }
) & { readonly parenthesized?: boolean };

/** `:value`, with a defect when the request does not define it. */
export function parseValue({ tokens, references, defects }: Parsing): Value {
  const reference = tokens.next().text;
  const value = references.value(reference);
  if (value !== undefined) return value;
  defects.report(
    'reference',
    `An expression attribute value used in expression is not defined; attribute value: ${reference}`,
  );
  return { NULL: true };
}

class ConditionParser {
  readonly #parsing: Parsing;
  readonly #tokens: TokenReader;
  readonly #defects: Defects;

  constructor(parsing: Parsing) {
    this.#parsing = parsing;
    this.#tokens = parsing.tokens;
    this.#defects = parsing.defects;
  }

  whole(): Condition {
    const term = this.#or();
    if (this.#tokens.peek().kind !== 'end') throw this.#tokens.syntaxError();
    return this.#asCondition(term);
  }

  #or(): Term {
    let term = this.#and();
    while (this.#tokens.at('OR')) {
      const left = this.#asCondition(term);
      this.#tokens.next();
      term = { condition: { kind: 'or', left, right: this.#asCondition(this.#and()) } };
    }
    return term;
  }

  #and(): Term {
    let term = this.#not();
    while (this.#tokens.at('AND')) {
      const left = this.#asCondition(term);
      this.#tokens.next();
      term = { condition: { kind: 'and', left, right: this.#asCondition(this.#not()) } };
    }
    return term;
  }

  #not(): Term {
    if (!this.#tokens.accept('NOT')) return this.#comparison();
    return { condition: { kind: 'not', of: this.#asCondition(this.#not()) } };
  }

  #comparison(): Term {
    const term = this.#primary();
    const symbol = this.#tokens.peek().text;
    if (COMPARATORS.includes(symbol)) return this.#compare(this.#asOperand(term), symbol as Comparator);
    if (this.#tokens.at('BETWEEN')) return this.#between(this.#asOperand(term));
    if (this.#tokens.at('IN')) return this.#in(this.#asOperand(term));
    return term;
  }

  #compare(left: Operand, operator: Comparator): Term {
    this.#tokens.next();
    const right = this.#asOperand(this.#primary());
    checkDistinct(operator, [left, right], this.#defects);
    if (operator !== '=' && operator !== '<>') this.#checkOrdered(operator, [left, right]);
    return { condition: { kind: 'compare', operator, left, right } };
  }

  #between(operand: Operand): Term {
    this.#tokens.next();
    const low = this.#asOperand(this.#primary());
    this.#tokens.expect('AND');
    const high = this.#asOperand(this.#primary());
    checkDistinct('BETWEEN', [operand, low, high], this.#defects);
    this.#checkOrdered('BETWEEN', [operand, low, high]);
    this.#checkBounds(low, high);
    return { condition: { kind: 'between', operand, low, high } };
  }

  #in(operand: Operand): Term {
    this.#tokens.next();
    this.#tokens.expect('(');
    const among = this.#operands();
    if (among.length > IN_OPERANDS_MAX) {
      this.#defects.report(
        'operand-count',
        `The IN operator is provided with too many operands; number of operands: ${among.length}`,
      );
    }
    checkDistinct('IN', [operand, ...among], this.#defects);
    return { condition: { kind: 'in', operand, among } };
  }

  /** Operands up to the closing parenthesis; at least one. */
  #operands(): Operand[] {
    const operands = [this.#asOperand(this.#primary())];
    while (this.#tokens.accept(',')) operands.push(this.#asOperand(this.#primary()));
    this.#tokens.expect(')');
    return operands;
  }

  #primary(): Term {
    const token = this.#tokens.peek();
    if (this.#tokens.accept('(')) {
      const term = this.#or();
      this.#tokens.expect(')');
      if (term.parenthesized) this.#defects.report('parentheses', 'The expression has redundant parentheses;');
      return { ...term, parenthesized: true };
    }
    if (token.kind === 'reference' && token.text.startsWith(':')) {
      return { operand: { kind: 'value', value: parseValue(this.#parsing) } };
    }
    if (token.kind === 'name' && this.#tokens.peek(1).text === '(') return this.#call();
    return { operand: { kind: 'path', path: parsePath(this.#parsing) } };
  }

  #call(): Term {
    const name = this.#tokens.next().text;
    this.#tokens.expect('(');
    const operands = this.#operands();
    if (UPDATE_FUNCTIONS.includes(name)) {
      this.#defects.report(
        'unknown-function',
        `The function is not allowed in a condition expression; function: ${name}`,
      );
    } else if (!Object.hasOwn(OPERAND_COUNTS, name)) {
      this.#defects.report('unknown-function', `Invalid function name; function: ${name}`);
    } else if (OPERAND_COUNTS[name] !== operands.length) {
      this.#defects.report(
        'operand-count',
        `Incorrect number of operands for operator or function; operator or function: ${name}, ` +
          `number of operands: ${operands.length}`,
      );
    } else {
      checkDistinct(name, operands, this.#defects);
      this.#checkCall(name, operands as [Operand, ...Operand[]]);
    }
    const [first] = operands;
    if (name === 'size' && first) return { operand: { kind: 'size', of: first } };
    return { condition: { kind: 'call', name, operands } };
  }

  #checkCall(name: string, operands: readonly [Operand, ...Operand[]]): void {
    const wrongType = (type: string) =>
      this.#defects.report(
        'operand',
        `Incorrect operand type for operator or function; operator or function: ${name}, operand type: ${type}`,
      );
    switch (name) {
      case 'attribute_exists':
      case 'attribute_not_exists':
        if (operands[0].kind !== 'path') {
          this.#defects.report(
            'operand',
            `Operator or function requires a document path; operator or function: ${name}`,
          );
        }
        return;
      case 'begins_with':
        for (const operand of operands) {
          const type = staticType(operand);
          if (type !== undefined && type !== 'S' && type !== 'B') wrongType(type);
        }
        return;
      case 'attribute_type': {
        const wanted = operands[1];
        const type = wanted && staticType(wanted);
        if (wanted?.kind !== 'value' || !('S' in wanted.value)) return wrongType(type ?? `{${VALUE_TYPES.join(',')}}`);
        if (VALUE_TYPES.some((known) => 'S' in wanted.value && known === wanted.value.S)) return;
        this.#defects.report(
          'operand',
          `Invalid attribute type name found; type: ${wanted.value.S}, valid types: {${VALUE_TYPES.join(',')}}`,
        );
        return;
      }
      case 'size': {
        const type = staticType(operands[0]);
        if (type === 'N' || type === 'BOOL' || type === 'NULL') wrongType(type);
      }
    }
  }

  #checkOrdered(operator: string, operands: readonly Operand[]): void {
    for (const operand of operands) {
      const type = staticType(operand);
      if (type === undefined || type === 'S' || type === 'N' || type === 'B') continue;
      this.#defects.report(
        'operand',
        `Incorrect operand type for operator or function; operator or function: ${operator}, operand type: ${type}`,
      );
    }
  }

  #checkBounds(low: Operand, high: Operand): void {
    if (low.kind !== 'value' || high.kind !== 'value') return;
    const bounds = `lower bound operand: ${printValue(low.value)}, upper bound operand: ${printValue(high.value)}`;
    if (typeOf(low.value) !== typeOf(high.value)) {
      const rule = 'The BETWEEN operator requires same data type for lower and upper bounds';
      this.#defects.report('operand', `${rule}; ${bounds}`);
    } else if ((compareValues(low.value, high.value) ?? 0) > 0) {
      const rule = 'The BETWEEN operator requires upper bound to be greater than or equal to lower bound';
      this.#defects.report('operand', `${rule}; ${bounds}`);
    }
  }

  #asCondition(term: Term): Condition {
    if (term.condition) return term.condition;
    if (term.operand.kind !== 'size') throw this.#tokens.syntaxError();
    this.#reportMisuse('size');
    return { kind: 'call', name: 'size', operands: [] };
  }

  #asOperand(term: Term): Operand {
    if (term.operand) return term.operand;
    if (term.condition.kind !== 'call') throw this.#tokens.syntaxError();
    this.#reportMisuse(term.condition.name);
    return { kind: 'value', value: { NULL: true } };
  }

  #reportMisuse(name: string): void {
    this.#defects.report(
      'misused-function',
      `The function is not allowed to be used this way in an expression; function: ${name}`,
    );
  }
}

/** Reports an operator whose first operand is a path that it is given once more. */
export function checkDistinct(
  operator: string,
  [first, ...others]: readonly { readonly kind: string; readonly path?: Path }[],
  defects: Defects,
): void {
  const path = first?.path;
  if (!path || !others.some((other) => other.path && samePath(path, other.path))) return;
  defects.report(
    'distinct',
    'The first operand must be distinct from the remaining operands for this operator or function; ' +
      `operator: ${operator}, first operand: ${printPath(path)}`,
  );
}

function staticType(operand: Operand): string | undefined {
  if (operand.kind === 'value') return typeOf(operand.value);
  return operand.kind === 'size' ? 'N' : undefined;
}

function printValue(value: Value): string {
  const type = typeOf(value);
  return `AttributeValue: {${type}:${String((value as Record<string, unknown>)[type])}}`;
}

/** Whether a condition holds for an item; an item that does not exist is the empty one. */
export function holds(condition: Condition, item: Item): boolean {
  switch (condition.kind) {
    case 'and':
      return holds(condition.left, item) && holds(condition.right, item);
    case 'or':
      return holds(condition.left, item) || holds(condition.right, item);
    case 'not':
      return !holds(condition.of, item);
    case 'compare':
      return compares(condition.operator, resolve(condition.left, item), resolve(condition.right, item));
    case 'between': {
      const value = resolve(condition.operand, item);
      return (
        compares('>=', value, resolve(condition.low, item)) && compares('<=', value, resolve(condition.high, item))
      );
    }
    case 'in': {
      const value = resolve(condition.operand, item);
      return condition.among.some((other) => compares('=', value, resolve(other, item)));
    }
    case 'call':
      return calls(condition.name, condition.operands, item);
  }
}

function resolve(operand: Operand, item: Item): Value | undefined {
  switch (operand.kind) {
    case 'value':
      return operand.value;
    case 'path':
      return valueAt(item, operand.path);
    case 'size': {
      const value = resolve(operand.of, item);
      const size = value && sizeOf(value);
      return size === undefined ? undefined : { N: String(size) };
    }
  }
}

/** What `size` gives: characters of a string, bytes of binary, elements of all else that has elements. */
function sizeOf(value: Value): number | undefined {
  if ('S' in value) return value.S.length;
  if ('B' in value) return value.B.length;
  if ('L' in value) return value.L.length;
  if ('M' in value) return Object.keys(value.M).length;
  if ('SS' in value) return value.SS.length;
  if ('NS' in value) return value.NS.length;
  if ('BS' in value) return value.BS.length;
  return undefined;
}

function compares(operator: Comparator, left: Value | undefined, right: Value | undefined): boolean {
  // What is missing equals nothing, not even something else that is missing.
  const equal = left !== undefined && right !== undefined && sameValue(left, right);
  if (operator === '=') return equal;
  if (operator === '<>') return !equal;
  const order = left && right && compareValues(left, right);
  if (order === undefined) return false;
  switch (operator) {
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
  }
}

function calls(name: string, operands: readonly Operand[], item: Item): boolean {
  const [first, second] = operands.map((operand) => resolve(operand, item));
  switch (name) {
    case 'attribute_exists':
      return first !== undefined;
    case 'attribute_not_exists':
      return first === undefined;
    case 'attribute_type':
      return first !== undefined && second !== undefined && 'S' in second && typeOf(first) === second.S;
    case 'begins_with':
      return first !== undefined && second !== undefined && beginsWith(first, second);
    case 'contains':
      return first !== undefined && second !== undefined && contains(first, second);
    default:
      throw new TypeError(`${name} is no condition`);
  }
}

function beginsWith(value: Value, prefix: Value): boolean {
  if ('S' in value && 'S' in prefix) return value.S.startsWith(prefix.S);
  return 'B' in value && 'B' in prefix && value.B.startsWith(prefix.B);
}

function contains(whole: Value, part: Value): boolean {
  if ('L' in whole) return whole.L.some((element) => sameValue(element, part));
  if ('S' in part) return ('S' in whole && whole.S.includes(part.S)) || ('SS' in whole && whole.SS.includes(part.S));
  if ('B' in part) return ('B' in whole && whole.B.includes(part.B)) || ('BS' in whole && whole.BS.includes(part.B));
  return 'N' in part && 'NS' in whole && whole.NS.includes(part.N);
}
