/**
 * CloudWatch's filter patterns for unstructured events: terms and "quoted phrases" that must all occur, `-term` that must
 * not, `?term` of which one must. JSON (`{…}`), space-delimited (`[…]`) and regular-expression (`%…%`) patterns are not
 * supported and say so.
 */
import { AwsError } from '../../contract.ts';

/** A test for messages. @throws AwsError for a pattern that is malformed or not supported */
export function compileFilterPattern(pattern: string): (message: string) => boolean {
  const trimmed = pattern.trim();
  if (/^[{[%]/.test(trimmed)) {
    throw new AwsError(
      'InvalidParameterException',
      `Invalid filter pattern: the local cloud knows terms and phrases only, not ${trimmed}`,
    );
  }
  const required: RegExp[] = [];
  const excluded: RegExp[] = [];
  const optional: RegExp[] = [];
  let rest = trimmed;
  while (rest !== '') {
    const match = /^([-?]?)(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))(?:\s+|$)/.exec(rest);
    if (!match) throw new AwsError('InvalidParameterException', `Invalid filter pattern: ${pattern}`);
    const [whole, sign, phrase, term] = match;
    const list = sign === '-' ? excluded : sign === '?' ? optional : required;
    list.push(wholeWords(phrase === undefined ? (term ?? '') : phrase.replace(/\\(.)/g, '$1')));
    rest = rest.slice(whole.length);
  }
  // AWS ignores optional terms beside others.
  const anyOf = required.length + excluded.length === 0 ? optional : [];
  return (message) =>
    required.every((term) => term.test(message)) &&
    !excluded.some((term) => term.test(message)) &&
    (anyOf.length === 0 || anyOf.some((term) => term.test(message)));
}

/** Terms match whole words: `ERR` is not in `ERROR`. */
function wholeWords(text: string): RegExp {
  const literal = text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`(?<![A-Za-z0-9_])${literal}(?![A-Za-z0-9_])`);
}
