/** Label selectors as kubectl has them: `team=shop,tier!=test,stage in (dev,test),owner,!legacy`. */
import { UserError } from '../../core/index.ts';

type Test = (labels: Readonly<Record<string, string>>) => boolean;

const KEY = '[A-Za-z0-9][\\w./-]*';
const EXISTS = new RegExp(`^(!?)\\s*(${KEY})$`);
const EQUALS = new RegExp(`^(${KEY})\\s*(==|=|!=)\\s*([\\w.-]*)$`);
const IN_SET = new RegExp(`^(${KEY})\\s+(in|notin)\\s*\\(([^()]*)\\)$`);

/** @throws UserError for a selector that cannot be read */
export function labelSelector(text: string | undefined): Test {
  if (text === undefined || text.trim() === '') return () => true;
  // Commas inside of parentheses separate values, not requirements.
  const tests = text.split(/,(?![^(]*\))/).map((part) => requirement(part.trim()));
  return (labels) => tests.every((test) => test(labels));
}

function requirement(part: string): Test {
  const exists = EXISTS.exec(part);
  if (exists) {
    const [, not, key = ''] = exists;
    return (labels) => Object.hasOwn(labels, key) === (not === '');
  }
  const equals = EQUALS.exec(part);
  if (equals) {
    const [, key = '', operator, value = ''] = equals;
    return (labels) => (labelOf(labels, key) === value) === (operator !== '!=');
  }
  const inSet = IN_SET.exec(part);
  if (inSet) {
    const [, key = '', operator, list = ''] = inSet;
    const values = new Set(list.split(',').map((value) => value.trim()));
    return (labels) => {
      const value = labelOf(labels, key);
      return (value !== undefined && values.has(value)) === (operator === 'in');
    };
  }
  throw new UserError(
    `-l: '${part}' is not a label selector; write team=shop, team!=shop, 'team in (shop,blog)', team or !team`,
    2,
  );
}

function labelOf(labels: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}
