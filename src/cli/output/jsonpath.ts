/**
 * JSONPath templates in kubectl's dialect, as far as people use them: `{.a.b}`, `['a']`, `[0]`, `[-1]`, `[0:2]`, `[*]`,
 * `..name`, unions, filters `[?(@.a=="b")]`, `{range …}…{end}`, quoted text and text between the braces. A member that
 * is not there is nothing, not an error. A template is compiled once and then applied without side effects.
 */
import { UserError } from '../../core/index.ts';

export interface JsonPath {
  /** The template filled in: text as it is, everything else as JSON, several results with a space between. */
  render(document: unknown): string;
  /** Everything that the expressions find, in order. */
  find(document: unknown): unknown[];
}

type Step = (values: readonly unknown[]) => unknown[];
type Part =
  | { readonly text: string }
  | { readonly steps: readonly Step[] }
  | { readonly range: readonly Step[]; readonly parts: readonly Part[] };

/**
 * Compiles a template; one without any brace is an expression by itself.
 * @throws UserError naming the place of what cannot be read
 */
export function jsonPath(template: string): JsonPath {
  const reader = new Reader(template.includes('{') ? template : `{${template}}`, template);
  const parts = reader.template();
  return {
    render: (document) => rendered(parts, document),
    find: (document) => found(parts, document),
  };
}

function rendered(parts: readonly Part[], document: unknown): string {
  return parts
    .map((part) => {
      if ('text' in part) return part.text;
      if ('steps' in part) return run(part.steps, document).map(textOf).join(' ');
      return run(part.range, document)
        .map((element) => rendered(part.parts, element))
        .join('');
    })
    .join('');
}

function found(parts: readonly Part[], document: unknown): unknown[] {
  return parts.flatMap((part) => {
    if ('text' in part) return [];
    if ('steps' in part) return run(part.steps, document);
    return run(part.range, document).flatMap((element) => found(part.parts, element));
  });
}

function run(steps: readonly Step[], document: unknown): unknown[] {
  return steps.reduce<unknown[]>((values, step) => step(values), [document]);
}

/** As kubectl prints a value: text bare, the rest as JSON. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

// --------------------------------------------------------------------------------------------------------- reading

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };
const NAME = /^(?:[\w/-]|\\.)+/;

class Reader {
  readonly #text: string;
  readonly #written: string;
  #at = 0;

  constructor(text: string, written: string) {
    this.#text = text;
    this.#written = written;
  }

  template(): Part[] {
    const parts = this.#parts(false);
    if (this.#at < this.#text.length) this.#fail('{end} without {range}');
    return parts;
  }

  #parts(isInRange: boolean): Part[] {
    const parts: Part[] = [];
    while (this.#at < this.#text.length) {
      const brace = this.#text.indexOf('{', this.#at);
      const text = this.#text.slice(this.#at, brace < 0 ? undefined : brace);
      if (text !== '') parts.push({ text });
      if (brace < 0) {
        this.#at = this.#text.length;
        break;
      }
      this.#at = brace + 1;
      this.#spaces();
      if (this.#takeWord('end')) {
        if (!isInRange) this.#fail('{end} without {range}');
        this.#expect('}');
        return parts;
      }
      if (this.#takeWord('range')) {
        this.#spaces();
        const range = this.#steps();
        this.#expect('}');
        parts.push({ range, parts: this.#parts(true) });
      } else if (this.#peek() === '"' || this.#peek() === "'") {
        parts.push({ text: this.#quoted() });
        this.#expect('}');
      } else {
        parts.push({ steps: this.#steps() });
        this.#expect('}');
      }
    }
    if (isInRange) this.#fail('{range} without {end}');
    return parts;
  }

  /** A path: what follows `$`, `@` or nothing. */
  #steps(): Step[] {
    const start = this.#at;
    if (this.#peek() === '$' || this.#peek() === '@') this.#at++;
    const steps: Step[] = [];
    for (;;) {
      if (this.#text.startsWith('..', this.#at)) {
        this.#at += 2;
        steps.push(descend);
        if (this.#peek() !== '[') steps.push(this.#member());
      } else if (this.#peek() === '.') {
        this.#at++;
        // `{.}` is the document itself; `.['a']` is `['a']`.
        if (this.#peek() !== '}' && this.#peek() !== '[' && this.#peek() !== ')') steps.push(this.#member());
      } else if (this.#peek() === '[') {
        this.#at++;
        steps.push(this.#bracket());
        this.#expect(']');
      } else {
        if (this.#at === start) {
          // kubectl takes a bare name in braces for a member.
          if (!NAME.test(this.#rest())) this.#fail('a path such as .metadata.name is missing');
          steps.push(this.#member());
          continue;
        }
        this.#spaces();
        return steps;
      }
    }
  }

  #member(): Step {
    if (this.#peek() === '*') {
      this.#at++;
      return everything;
    }
    const name = NAME.exec(this.#rest())?.[0];
    if (name === undefined) this.#fail('a name or * is missing');
    this.#at += name.length;
    return member(name.replace(/\\(.)/g, '$1'));
  }

  #bracket(): Step {
    this.#spaces();
    if (this.#peek() === '*') {
      this.#at++;
      return everything;
    }
    if (this.#text.startsWith('?(', this.#at)) {
      this.#at += 2;
      const step = this.#filter();
      this.#expect(')');
      return step;
    }
    const branches: Step[] = [];
    do {
      this.#spaces();
      branches.push(this.#peek() === '"' || this.#peek() === "'" ? member(this.#quoted()) : this.#index());
      this.#spaces();
    } while (this.#take(','));
    return (values) => values.flatMap((value) => branches.flatMap((branch) => branch([value])));
  }

  #index(): Step {
    const match = /^(-?\d+)?(?:(:)(-?\d+)?(?::(-?\d+))?)?/.exec(this.#rest());
    const [whole = '', from, colon, to, stride] = match ?? [];
    if (whole === '') this.#fail('an index, a quoted name, * or ?( ) is missing');
    this.#at += whole.length;
    if (colon === undefined) return element(Number(from));
    if (stride !== undefined && Number(stride) < 1) this.#fail('a step must be 1 or more');
    return slice(numberOf(from), numberOf(to), numberOf(stride) ?? 1);
  }

  #filter(): Step {
    this.#spaces();
    const left = this.#operand();
    this.#spaces();
    const operator = /^(==|!=|<=|>=|<|>)/.exec(this.#rest())?.[0];
    if (operator === undefined) return where((value) => left(value).length > 0);
    this.#at += operator.length;
    this.#spaces();
    const right = this.#operand();
    this.#spaces();
    return where((value) => {
      const [a] = left(value);
      const [b] = right(value);
      return a !== undefined && b !== undefined && compare(a, b, operator);
    });
  }

  #operand(): (value: unknown) => unknown[] {
    if (this.#peek() === '@' || this.#peek() === '$') {
      const steps = this.#steps();
      return (value) => run(steps, value);
    }
    if (this.#peek() === '"' || this.#peek() === "'") {
      const text = this.#quoted();
      return () => [text];
    }
    const literal = /^(true|false|null|-?\d+(\.\d+)?)/.exec(this.#rest())?.[0];
    if (literal === undefined) this.#fail('a path beginning with @, a quoted text, a number, true or false is missing');
    this.#at += literal.length;
    const parsed: unknown = JSON.parse(literal);
    return () => [parsed];
  }

  #quoted(): string {
    const quote = this.#peek();
    let text = '';
    for (this.#at++; this.#at < this.#text.length; this.#at++) {
      const character = this.#peek();
      if (character === quote) {
        this.#at++;
        return text;
      }
      if (character === '\\') {
        this.#at++;
        const escaped = this.#peek();
        text += Object.hasOwn(ESCAPES, escaped) ? ESCAPES[escaped] : escaped;
      } else text += character;
    }
    return this.#fail('a quote is not closed');
  }

  #peek(): string {
    return this.#text[this.#at] ?? '';
  }

  #rest(): string {
    return this.#text.slice(this.#at);
  }

  #spaces(): void {
    while (this.#peek() === ' ') this.#at++;
  }

  #take(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #takeWord(word: string): boolean {
    return new RegExp(`^${word}(?![\\w.-])`).test(this.#rest()) && this.#take(word);
  }

  #expect(text: string): void {
    this.#spaces();
    if (!this.#take(text)) this.#fail(`'${text}' is missing`);
  }

  #fail(problem: string): never {
    const offset = Math.max(0, this.#at - (this.#text === this.#written ? 0 : 1));
    throw new UserError(
      `jsonpath: ${problem} at character ${offset + 1} of '${this.#written}'; write it like '{.metadata.name}'`,
      2,
    );
  }
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

// ----------------------------------------------------------------------------------------------------------- steps

function member(name: string): Step {
  return (values) =>
    values.flatMap((value) => {
      if (value === null || typeof value !== 'object' || Array.isArray(value) || !Object.hasOwn(value, name)) return [];
      const found = (value as Record<string, unknown>)[name];
      return found === undefined ? [] : [found];
    });
}

function element(index: number): Step {
  return (values) =>
    values.flatMap((value) => {
      const found: unknown = Array.isArray(value) ? value.at(index) : undefined;
      return found === undefined ? [] : [found];
    });
}

function slice(from: number | undefined, to: number | undefined, stride: number): Step {
  return (values) =>
    values.flatMap((value) => (Array.isArray(value) ? value.slice(from, to).filter((_, i) => i % stride === 0) : []));
}

const everything: Step = (values) =>
  values.flatMap((value): unknown[] => {
    if (Array.isArray(value)) return value;
    return value !== null && typeof value === 'object' ? Object.values(value) : [];
  });

/** The values and all that is inside of them, outermost first. */
const descend: Step = (values) => values.flatMap((value) => [value, ...descend(everything([value]))]);

function where(test: (value: unknown) => boolean): Step {
  return (values) => everything(values).filter(test);
}

function compare(a: unknown, b: unknown, operator: string): boolean {
  if (operator === '==') return a === b;
  if (operator === '!=') return a !== b;
  if (typeof a !== typeof b || (typeof a !== 'number' && typeof a !== 'string')) return false;
  const [x, y] = [a, b as typeof a];
  if (operator === '<') return x < y;
  if (operator === '<=') return x <= y;
  return operator === '>' ? x > y : x >= y;
}
