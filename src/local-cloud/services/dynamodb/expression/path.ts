/**
 * Document paths (`a.b[3].#c`): parsing, reading, the refusal of paths that overlap, and projections, which are
 * sets of paths.
 */
import { type Item, member, type Value } from '../attribute-value.ts';
import { Defects } from './defects.ts';
import type { References } from './references.ts';
import { isReserved } from './reserved-words.ts';
import type { TokenReader } from './tokens.ts';

export type Path = readonly (string | number)[];

/** What a parser needs beside its tokens. */
export interface Parsing {
  readonly tokens: TokenReader;
  readonly references: References;
  readonly defects: Defects;
  /** Receives every path that the expression mentions. */
  readonly mentioned: Path[];
}

export function parsePath(parsing: Parsing): Path {
  const { tokens } = parsing;
  const path: (string | number)[] = [parseName(parsing)];
  for (;;) {
    if (tokens.accept('.')) {
      path.push(parseName(parsing));
    } else if (tokens.accept('[')) {
      if (tokens.peek().kind !== 'number') throw tokens.syntaxError();
      path.push(Number(tokens.next().text));
      tokens.expect(']');
    } else {
      parsing.mentioned.push(path);
      return path;
    }
  }
}

/** The paths of a projection expression. @throws AwsError ValidationException */
export function parseProjection(tokens: TokenReader, references: References): Path[] {
  const parsing: Parsing = { tokens, references, defects: new Defects(), mentioned: [] };
  const paths: Path[] = [];
  do paths.push(parsePath(parsing));
  while (tokens.accept(','));
  if (tokens.peek().kind !== 'end') throw tokens.syntaxError();
  checkOverlap(paths, parsing.defects);
  parsing.defects.throwFirst(tokens);
  return paths;
}

function parseName({ tokens, references, defects }: Parsing): string {
  const token = tokens.peek();
  if (token.kind === 'name') {
    tokens.next();
    if (isReserved(token.text)) {
      defects.report('reserved', `Attribute name is a reserved keyword; reserved keyword: ${token.text}`);
    }
    return token.text;
  }
  if (token.kind !== 'reference' || !token.text.startsWith('#')) throw tokens.syntaxError();
  tokens.next();
  const name = references.name(token.text);
  if (name !== undefined) return name;
  defects.report(
    'reference',
    `An expression attribute name used in the document path is not defined; attribute name: ${token.text}`,
  );
  return token.text;
}

/** The value at a path; undefined when the item has none there. */
export function valueAt(item: Item, path: Path): Value | undefined {
  let value: Value | undefined = { M: item };
  for (const step of path) {
    value = childOf(value, step);
    if (value === undefined) return undefined;
  }
  return value;
}

function childOf(value: Value, step: string | number): Value | undefined {
  if (typeof step === 'number') return 'L' in value ? value.L[step] : undefined;
  return 'M' in value ? member(value.M, step) : undefined;
}

/** `[a, [0], b]`, as DynamoDB prints a path in its errors. */
export function printPath(path: Path): string {
  return `[${path.map((step) => (typeof step === 'number' ? `[${step}]` : step)).join(', ')}]`;
}

export function samePath(a: Path, b: Path): boolean {
  return a.length === b.length && a.every((step, i) => step === b[i]);
}

/** Reports two paths of which one contains the other, or which take one attribute for both a map and a list. */
export function checkOverlap(paths: readonly Path[], defects: Defects): void {
  paths.forEach((two, i) => {
    for (const one of paths.slice(0, i)) {
      const fork = one.findIndex((step, depth) => step !== two[depth]);
      const advice = 'must remove or rewrite one of these paths';
      const which = `path one: ${printPath(one)}, path two: ${printPath(two)}`;
      if (fork === -1 || fork >= two.length) {
        defects.report('overlap', `Two document paths overlap with each other; ${advice}; ${which}`);
      } else if (typeof one[fork] !== typeof two[fork]) {
        defects.report('conflict', `Two document paths conflict with each other; ${advice}; ${which}`);
      }
    }
  });
}

/** A set of paths that do not overlap, as a tree: `true` means all below. */
type Selection = true | Map<string | number, Selection>;

/** The parts of an item at these paths, with their surroundings; elements of lists close ranks. */
export function project(item: Item, paths: readonly Path[]): Item {
  const root: Selection = new Map();
  for (const path of paths) {
    let node = root;
    path.forEach((step, i) => {
      if (i === path.length - 1) node.set(step, true);
      else {
        const below = node.get(step) ?? new Map<string | number, Selection>();
        node.set(step, below);
        if (below !== true) node = below;
      }
    });
  }
  const selected = select({ M: item }, root);
  return selected && 'M' in selected ? selected.M : {};
}

function select(value: Value, selection: Selection): Value | undefined {
  if (selection === true) return value;
  const steps = [...selection];
  if ('M' in value) {
    const found = steps.flatMap(([step, below]): [string, Value][] => {
      const child = typeof step === 'string' ? member(value.M, step) : undefined;
      const part = child && select(child, below);
      return part ? [[String(step), part]] : [];
    });
    return found.length > 0 ? { M: Object.fromEntries(found) } : undefined;
  }
  if ('L' in value) {
    const found = steps
      .sort(([a], [b]) => Number(a) - Number(b))
      .flatMap(([step, below]) => {
        const child = typeof step === 'number' ? value.L[step] : undefined;
        return (child && select(child, below)) ?? [];
      });
    return found.length > 0 ? { L: found } : undefined;
  }
  return undefined;
}
