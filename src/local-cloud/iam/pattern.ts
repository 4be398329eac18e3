/**
 * Patterns as IAM writes them: `*` and `?`, ARNs compared part by part, and policy variables (`${aws:username}`). A
 * pattern whose variable the request does not know matches nothing.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
 */

/** Values of a request's condition keys, by name in any case; undefined where the request has none. */
export type Keys = (name: string) => readonly string[] | undefined;

const VARIABLE = /\$\{([^}]*)\}/g;
const PARTS = 6;

const compiled = new Map<string, RegExp>();

/** Whether the whole text fits the pattern. `ignoreCase` for actions. */
export function like(pattern: string, text: string, ignoreCase = false): boolean {
  if (pattern === '*' || pattern === text) return true;
  if (!ignoreCase && !/[*?]/.test(pattern) && !pattern.includes(OPEN)) return false;
  const key = ignoreCase ? `i${pattern}` : `c${pattern}`;
  let regex = compiled.get(key);
  if (!regex) {
    regex = new RegExp(`^${source(pattern)}$`, ignoreCase ? 'is' : 's');
    compiled.set(key, regex);
  }
  return regex.test(text);
}

/** As `like`, but a wildcard never reaches over a colon of the first five. `*` alone is everything. */
export function arnLike(pattern: string, arn: string): boolean {
  if (pattern === '*' || pattern === arn) return true;
  const [wanted, actual] = [arnParts(pattern), arnParts(arn)];
  return wanted.length === actual.length && wanted.every((part, index) => like(part, actual[index] ?? ''));
}

/**
 * The pattern with its variables filled in; what they hold is taken literally. Undefined where one of them has no value
 * and no default.
 */
export function filled(pattern: string, keys: Keys): string | undefined {
  if (!pattern.includes('${')) return pattern;
  let known = true;
  const text = pattern.replace(VARIABLE, (_all, inside: string) => {
    if (inside === '*' || inside === '?' || inside === '$') return literal(inside);
    const [name = '', fallback] = inside.split(/,\s*/, 2);
    // A key of several values cannot stand for one text.
    const values = keys(name.trim());
    const value = values?.length === 1 ? values[0] : fallback?.replace(/^'(.*)'$/, '$1');
    if (value === undefined) known = false;
    return literal(value ?? '');
  });
  return known ? text : undefined;
}

/** Text between these is literal, whatever it holds: it came from the request and not from the policy's author. */
const OPEN = '\u0001';
const CLOSE = '\u0002';

function literal(text: string): string {
  return `${OPEN}${text}${CLOSE}`;
}

/** Without the marks around what variables held; for operators without wildcards. */
export function unmarked(text: string): string {
  return text.replaceAll(OPEN, '').replaceAll(CLOSE, '');
}

function source(pattern: string): string {
  let literally = false;
  let text = '';
  for (const character of pattern) {
    if (character === OPEN || character === CLOSE) literally = character === OPEN;
    else if (character === '*' && !literally) text += '.*';
    else if (character === '?' && !literally) text += '.';
    else text += character.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
  }
  return text;
}

function arnParts(arn: string): string[] {
  const parts = arn.split(':');
  return parts.length <= PARTS ? parts : [...parts.slice(0, PARTS - 1), parts.slice(PARTS - 1).join(':')];
}
