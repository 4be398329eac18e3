/**
 * Event patterns: checked as PutRule checks them, compiled once, matched against events. Exact values, null, prefix,
 * suffix, equals-ignore-case, wildcard, anything-but, exists, numeric ranges and `$or`; no `cidr`. Pure.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 */

/** Why a pattern is refused, in EventBridge's words where they are known. */
export class PatternDefect extends Error {}

/** Whether an event (or a part of one) matches. */
export type Matcher = (value: unknown) => boolean;

type Test = (leaf: unknown) => boolean;

const PATTERN_CHARACTERS_MAX = 2048;
const COMPARISONS: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '=': (a, b) => a === b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
};

/** @throws PatternDefect */
export function compilePattern(text: string): Matcher {
  if (text.length > PATTERN_CHARACTERS_MAX) throw new PatternDefect('Event pattern is too long');
  let pattern: unknown;
  try {
    pattern = JSON.parse(text);
  } catch {
    throw new PatternDefect('Filter is not valid JSON');
  }
  if (!isRecord(pattern)) throw new PatternDefect('Filter is not an object');
  if (Object.keys(pattern).length === 0) throw new PatternDefect('Empty objects are not allowed');
  return compileObject(pattern);
}

function compileObject(pattern: Readonly<Record<string, unknown>>): Matcher {
  const fields = Object.entries(pattern).map(([name, inner]) => compileField(name, inner));
  return (value) => fields.every((matches) => matches(value));
}

function compileField(name: string, pattern: unknown): Matcher {
  if (name === '$or' && Array.isArray(pattern) && pattern.length > 1 && pattern.every(isRecord)) {
    const branches = pattern.map(compileObject);
    return (value) => branches.some((matches) => matches(value));
  }
  if (isRecord(pattern)) {
    if (Object.keys(pattern).length === 0) throw new PatternDefect('Empty objects are not allowed');
    const inner = compileObject(pattern);
    // Of an array of objects one must match as a whole.
    return (value) => spread(memberOf(value, name)).some((member) => inner(member));
  }
  if (!Array.isArray(pattern)) throw new PatternDefect(`"${name}" must be an object or an array`);
  if (pattern.length === 0) throw new PatternDefect('Empty arrays are not allowed');
  const tests = pattern.map((rule) => compileRule(rule));
  return (value) => {
    const leaves = spread(memberOf(value, name)).filter((leaf) => !isRecord(leaf));
    return tests.some(({ test, onAbsent }) => (leaves.length === 0 ? onAbsent : leaves.some(test)));
  };
}

/** `onAbsent`: what the rule says of a field that is not there. */
function compileRule(rule: unknown): { readonly test: Test; readonly onAbsent: boolean } {
  if (!isRecord(rule)) {
    if (Array.isArray(rule)) throw new PatternDefect('Match value must be String, number, true, false, or null');
    return { test: (leaf) => leaf === rule, onAbsent: false };
  }
  const [[operator, operand] = ['', undefined], ...more] = Object.entries(rule);
  if (more.length > 0) throw new PatternDefect('Only one key allowed in match expression');
  if (operator === 'exists') {
    if (typeof operand !== 'boolean') throw new PatternDefect('exists match pattern must be either true or false.');
    return { test: () => operand, onAbsent: !operand };
  }
  return { test: compileTest(operator, operand), onAbsent: false };
}

function compileTest(operator: string, operand: unknown): Test {
  switch (operator) {
    case 'prefix':
      return affix(operator, operand, (text, part) => text.startsWith(part));
    case 'suffix':
      return affix(operator, operand, (text, part) => text.endsWith(part));
    case 'equals-ignore-case': {
      const wanted = textOf(operator, operand).toLowerCase();
      return (leaf) => typeof leaf === 'string' && leaf.toLowerCase() === wanted;
    }
    case 'wildcard': {
      const pattern = wildcard(textOf(operator, operand));
      return (leaf) => typeof leaf === 'string' && pattern.test(leaf);
    }
    case 'numeric':
      return numeric(operand);
    case 'anything-but':
      return anythingBut(operand);
    default:
      throw new PatternDefect(`Unrecognized match type ${operator}`);
  }
}

function affix(operator: string, operand: unknown, holds: (text: string, part: string) => boolean): Test {
  if (isRecord(operand) && Object.keys(operand).join() === 'equals-ignore-case') {
    const part = textOf(operator, operand['equals-ignore-case']).toLowerCase();
    return (leaf) => typeof leaf === 'string' && holds(leaf.toLowerCase(), part);
  }
  const part = textOf(operator, operand);
  return (leaf) => typeof leaf === 'string' && holds(leaf, part);
}

function anythingBut(operand: unknown): Test {
  if (isRecord(operand)) {
    const [[operator, inner] = ['', undefined], ...more] = Object.entries(operand);
    if (more.length > 0 || !['prefix', 'suffix', 'equals-ignore-case', 'wildcard'].includes(operator)) {
      throw new PatternDefect(`Unsupported anything-but pattern: ${operator}`);
    }
    const tests = (Array.isArray(inner) ? inner : [inner]).map((each) => compileTest(operator, each));
    return (leaf) => !tests.some((test) => test(leaf));
  }
  const values = Array.isArray(operand) ? operand : [operand];
  const isOneType = new Set(values.map((value) => typeof value)).size === 1;
  if (values.length === 0 || !isOneType || !['string', 'number'].includes(typeof values[0])) {
    throw new PatternDefect('Value of anything-but must be an array or single string/number value.');
  }
  return (leaf) => !values.includes(leaf);
}

function numeric(operand: unknown): Test {
  if (!Array.isArray(operand) || (operand.length !== 2 && operand.length !== 4))
    throw new PatternDefect('Invalid member in numeric match');
  const bounds: ((value: number) => boolean)[] = [];
  for (let i = 0; i < operand.length; i += 2) {
    const compare = typeof operand[i] === 'string' ? COMPARISONS[operand[i] as string] : undefined;
    const bound: unknown = operand[i + 1];
    if (!compare) throw new PatternDefect(`Unrecognized numeric range operator: ${String(operand[i])}`);
    if (typeof bound !== 'number') throw new PatternDefect('Value of a numeric range must be numeric');
    bounds.push((value) => compare(value, bound));
  }
  return (leaf) => typeof leaf === 'number' && bounds.every((holds) => holds(leaf));
}

function wildcard(text: string): RegExp {
  if (text.includes('**')) throw new PatternDefect('Consecutive wildcard characters');
  const escaped = text
    .replace(/[.+?^${}()|[\]]/g, '\\$&')
    .replace(/\\\*|\*/g, (found) => (found === '*' ? '.*' : '\\*'));
  return new RegExp(`^${escaped}$`, 's');
}

function textOf(operator: string, operand: unknown): string {
  if (typeof operand !== 'string' || operand === '')
    throw new PatternDefect(`${operator} match pattern must be a string`);
  return operand;
}

function memberOf(value: unknown, name: string): unknown {
  return isRecord(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

/** Arrays match by any of their elements; what is absent or an empty array has none. */
function spread(value: unknown): unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value.flatMap(spread) : [value];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
