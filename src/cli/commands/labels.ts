/** Label selectors as kubectl has them: `team=shop,tier!=test,owner,!legacy`. */
import { UserError } from '../../core/index.ts';

type Test = (labels: Readonly<Record<string, string>>) => boolean;

/** @throws UserError for a selector that cannot be read */
export function labelSelector(text: string | undefined): Test {
  if (text === undefined || text.trim() === '') return () => true;
  const tests = text.split(',').map((part) => requirement(part.trim()));
  return (labels) => tests.every((test) => test(labels));
}

function requirement(part: string): Test {
  const match = /^(!?)([A-Za-z0-9][\w./-]*)(?:\s*(==|=|!=)\s*([\w.-]*))?$/.exec(part);
  if (!match)
    throw new UserError(`-l: '${part}' is not a label selector; write team=shop, team!=shop, team or !team`, 2);
  const [, not, key = '', operator, value = ''] = match;
  if (operator === undefined) return (labels) => Object.hasOwn(labels, key) === (not === '');
  if (not !== '') throw new UserError(`-l: '${part}' mixes '!' and '${operator}'; write ${key}!=${value}`, 2);
  return (labels) => (labels[key] === value) === (operator !== '!=');
}
