/**
 * Update expressions: parsing into changes of paths, the static checks, and the making of a new item out of an old
 * one. Every operand is read from the item as it was before the update, as DynamoDB does; the old item is not touched.
 */
import { compareText, type Item, invalid, member, typeOf, type Value, type ValueType } from '../attribute-value.ts';
import { addNumbers, compareNumbers, subtractNumbers } from '../decimal.ts';
import { checkDistinct, parseValue } from './condition.ts';
import { Defects } from './defects.ts';
import { checkOverlap, type Parsing, type Path, parsePath, valueAt } from './path.ts';
import type { References } from './references.ts';
import type { TokenReader } from './tokens.ts';

type Term =
  | { readonly kind: 'path'; readonly path: Path }
  | { readonly kind: 'value'; readonly value: Value }
  | { readonly kind: 'if_not_exists'; readonly path: Path; readonly otherwise: Term }
  | { readonly kind: 'list_append' | '+' | '-'; readonly left: Term; readonly right: Term };

type Change =
  | { readonly kind: 'SET'; readonly term: Term }
  | { readonly kind: 'REMOVE' }
  | { readonly kind: 'ADD' | 'DELETE'; readonly value: Value };

export interface Update {
  readonly changes: readonly { readonly path: Path; readonly change: Change }[];
  /** Every path that the expression mentions. */
  readonly mentioned: readonly Path[];
}

const SECTIONS = ['SET', 'REMOVE', 'ADD', 'DELETE'] as const;
const CONDITION_FUNCTIONS: readonly string[] = [
  'attribute_exists',
  'attribute_not_exists',
  'attribute_type',
  'begins_with',
  'contains',
  'size',
];
const TYPE_NAMES: Readonly<Record<ValueType, string>> = {
  S: 'STRING',
  N: 'NUMBER',
  B: 'BINARY',
  BOOL: 'BOOLEAN',
  NULL: 'NULL',
  SS: 'STRING_SET',
  NS: 'NUMBER_SET',
  BS: 'BINARY_SET',
  L: 'LIST',
  M: 'MAP',
};
const SET_TYPES: readonly ValueType[] = ['SS', 'NS', 'BS'];

/** @throws AwsError ValidationException */
export function parseUpdate(tokens: TokenReader, references: References): Update {
  const parsing: Parsing = { tokens, references, defects: new Defects(), mentioned: [] };
  const changes = new UpdateParser(parsing).whole();
  checkOverlap(
    changes.map(({ path }) => path),
    parsing.defects,
  );
  parsing.defects.throwFirst(tokens);
  return { changes, mentioned: parsing.mentioned };
}

class UpdateParser {
  readonly #parsing: Parsing;
  readonly #tokens: TokenReader;
  readonly #defects: Defects;

  constructor(parsing: Parsing) {
    this.#parsing = parsing;
    this.#tokens = parsing.tokens;
    this.#defects = parsing.defects;
  }

  whole(): { path: Path; change: Change }[] {
    const changes: { path: Path; change: Change }[] = [];
    const seen = new Set<string>();
    do {
      const section = SECTIONS.find((name) => this.#tokens.accept(name));
      if (!section) throw this.#tokens.syntaxError();
      if (seen.has(section)) {
        this.#defects.report('section', `The "${section}" section can only be used once in an update expression;`);
      }
      seen.add(section);
      do changes.push(this.#change(section));
      while (this.#tokens.accept(','));
    } while (this.#tokens.peek().kind !== 'end');
    return changes;
  }

  #change(section: (typeof SECTIONS)[number]): { path: Path; change: Change } {
    const path = parsePath(this.#parsing);
    if (section === 'REMOVE') return { path, change: { kind: 'REMOVE' } };
    if (section === 'SET') {
      this.#tokens.expect('=');
      return { path, change: { kind: 'SET', term: this.#sum() } };
    }
    if (!this.#atValue()) throw this.#tokens.syntaxError();
    const value = parseValue(this.#parsing);
    const type = typeOf(value);
    if (!SET_TYPES.includes(type) && !(section === 'ADD' && type === 'N')) {
      this.#defects.report(
        'operand',
        `Incorrect operand type for operator or function; operator: ${section}, ` +
          `operand type: ${TYPE_NAMES[type]}, typeSet: ALLOWED_FOR_${section}_OPERAND`,
      );
    }
    return { path, change: { kind: section, value } };
  }

  #sum(): Term {
    const left = this.#term();
    const kind = this.#tokens.at('+') ? '+' : '-';
    if (!this.#tokens.accept(kind)) return left;
    const right = this.#term();
    this.#refuseNestedAppend([left, right]);
    this.#checkTypes(kind, 'N', [left, right]);
    return { kind, left, right };
  }

  #term(): Term {
    if (this.#tokens.accept('(')) {
      const term = this.#sum();
      this.#tokens.expect(')');
      return term;
    }
    if (this.#atValue()) return { kind: 'value', value: parseValue(this.#parsing) };
    if (this.#tokens.peek().kind === 'name' && this.#tokens.peek(1).text === '(') return this.#call();
    return { kind: 'path', path: parsePath(this.#parsing) };
  }

  #call(): Term {
    const name = this.#tokens.next().text;
    this.#tokens.expect('(');
    const terms = [this.#term()];
    while (this.#tokens.accept(',')) terms.push(this.#term());
    this.#tokens.expect(')');
    const [first, second] = terms;
    if (name !== 'if_not_exists' && name !== 'list_append') {
      const problem = CONDITION_FUNCTIONS.includes(name)
        ? 'The function is not allowed in an update expression'
        : 'Invalid function name';
      this.#defects.report('unknown-function', `${problem}; function: ${name}`);
    } else if (!first || !second || terms.length > 2) {
      this.#defects.report(
        'operand-count',
        `Incorrect number of operands for operator or function; operator or function: ${name}, ` +
          `number of operands: ${terms.length}`,
      );
    } else if (this.#refuseNestedAppend(terms)) {
      return first;
    } else if (name === 'list_append') {
      this.#checkTypes(name, 'L', terms);
      return { kind: name, left: first, right: second };
    } else if (first.kind === 'path') {
      if (second.kind === 'path') checkDistinct(name, [first, second], this.#defects);
      return { kind: name, path: first.path, otherwise: second };
    } else {
      this.#defects.report('operand', `Operator or function requires a document path; operator or function: ${name}`);
    }
    return { kind: 'value', value: { NULL: true } };
  }

  /** `list_append` stands for itself: what it gives is no operand of anything. Returns whether one was found. */
  #refuseNestedAppend(terms: readonly Term[]): boolean {
    if (!terms.some(({ kind }) => kind === 'list_append')) return false;
    this.#defects.report(
      'misused-function',
      'The function is not allowed to be used this way in an expression; function: list_append',
    );
    return true;
  }

  #checkTypes(operator: string, wanted: ValueType, terms: readonly Term[]): void {
    for (const term of terms) {
      const type = term.kind === 'value' ? typeOf(term.value) : wanted;
      if (type === wanted) continue;
      this.#defects.report(
        'operand',
        `Incorrect operand type for operator or function; operator or function: ${operator}, operand type: ${type}`,
      );
    }
  }

  #atValue(): boolean {
    const token = this.#tokens.peek();
    return token.kind === 'reference' && token.text.startsWith(':');
  }
}

/** The changes of one update as a tree along their paths. */
interface Node {
  change?: Change;
  readonly below: Map<string | number, Node>;
}

/**
 * The item after the update; `item` is what was there, or its key alone.
 * @throws AwsError ValidationException when a path or an operand does not fit the item
 */
export function applyUpdate(update: Update, item: Item): Item {
  const root: Node = { below: new Map() };
  for (const { path, change } of update.changes) {
    let node = root;
    for (const step of path) {
      const next: Node = node.below.get(step) ?? { below: new Map() };
      node.below.set(step, next);
      node = next;
    }
    node.change =
      change.kind === 'SET' ? { kind: 'SET', term: { kind: 'value', value: evaluate(change.term, item) } } : change;
  }
  const result = rebuild({ M: item }, root);
  if (!result || !('M' in result)) throw new TypeError('an update turned an item into something else');
  return result.M;
}

/** The value after the changes at and below it; undefined: removed, or still absent. */
function rebuild(value: Value | undefined, node: Node): Value | undefined {
  if (node.change) return changed(value, node.change);
  const steps = [...node.below];
  if (value && 'M' in value && steps.every(([step]) => typeof step === 'string')) {
    const map = new Map(Object.entries(value.M));
    for (const [step, below] of steps) {
      const after = rebuild(member(value.M, String(step)), below);
      if (after === undefined) map.delete(String(step));
      else map.set(String(step), after);
    }
    return { M: Object.fromEntries(map) };
  }
  if (value && 'L' in value && steps.every(([step]) => typeof step === 'number')) {
    const list: (Value | undefined)[] = [...value.L];
    const added: Value[] = [];
    // What is set beyond the end is appended in the order of its indexes, without gaps.
    for (const [step, below] of steps.sort(([a], [b]) => Number(a) - Number(b))) {
      const after = rebuild(value.L[Number(step)], below);
      if (Number(step) < value.L.length) list[Number(step)] = after;
      else if (after) added.push(after);
    }
    return { L: [...list.filter((element) => element !== undefined), ...added] };
  }
  throw invalid('The document path provided in the update expression is invalid for update');
}

function changed(value: Value | undefined, change: Change): Value | undefined {
  switch (change.kind) {
    case 'REMOVE':
      return undefined;
    case 'SET':
      return change.term.kind === 'value' ? change.term.value : undefined;
    case 'ADD':
      return value === undefined ? change.value : add(value, change.value);
    case 'DELETE':
      return value === undefined ? undefined : without(value, change.value);
  }
}

const wrongType = () => invalid('An operand in the update expression has an incorrect data type');

function evaluate(term: Term, item: Item): Value {
  switch (term.kind) {
    case 'value':
      return term.value;
    case 'path': {
      const value = valueAt(item, term.path);
      if (value) return value;
      throw invalid('The provided expression refers to an attribute that does not exist in the item');
    }
    case 'if_not_exists':
      return valueAt(item, term.path) ?? evaluate(term.otherwise, item);
    case 'list_append': {
      const left = evaluate(term.left, item);
      const right = evaluate(term.right, item);
      if (!('L' in left) || !('L' in right)) throw wrongType();
      return { L: [...left.L, ...right.L] };
    }
    default: {
      const left = evaluate(term.left, item);
      const right = evaluate(term.right, item);
      if (!('N' in left) || !('N' in right)) throw wrongType();
      return { N: term.kind === '+' ? addNumbers(left.N, right.N) : subtractNumbers(left.N, right.N) };
    }
  }
}

function add(value: Value, more: Value): Value {
  if ('N' in value && 'N' in more) return { N: addNumbers(value.N, more.N) };
  return mapSets(value, more, (have, added) => [...have, ...added.filter((one) => !have.includes(one))]) ?? value;
}

function without(value: Value, less: Value): Value | undefined {
  return mapSets(value, less, (have, removed) => have.filter((one) => !removed.includes(one)));
}

/** A set made of two of the same type, in stored order; undefined when it is empty, because a set never is. */
function mapSets(
  a: Value,
  b: Value,
  combine: (a: readonly string[], b: readonly string[]) => string[],
): Value | undefined {
  if ('SS' in a && 'SS' in b) return orUndefined(combine(a.SS, b.SS), (SS) => ({ SS: SS.sort(compareText) }));
  if ('NS' in a && 'NS' in b) return orUndefined(combine(a.NS, b.NS), (NS) => ({ NS: NS.sort(compareNumbers) }));
  if ('BS' in a && 'BS' in b) return orUndefined(combine(a.BS, b.BS), (BS) => ({ BS: BS.sort(compareText) }));
  throw wrongType();
}

function orUndefined(members: string[], make: (members: string[]) => Value): Value | undefined {
  return members.length > 0 ? make(members) : undefined;
}
