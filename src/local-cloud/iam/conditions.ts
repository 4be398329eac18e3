/**
 * The Condition block of a statement: its operators, set operators (`ForAnyValue:`, `ForAllValues:`) and `…IfExists`.
 * All operators and keys of a block must hold; the values of a key are alternatives, or, for operators that negate,
 * all excluded. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
 */
import { BlockList, isIP } from 'node:net';
import { arnLike, filled, type Keys, like, unmarked } from './pattern.ts';

export interface Condition {
  readonly operator: string;
  readonly set: 'ForAnyValue' | 'ForAllValues' | undefined;
  readonly ifExists: boolean;
  readonly key: string;
  readonly wanted: readonly string[];
}

interface Operator {
  /** Whether a value of the request fits one of the policy's. */
  readonly test: (value: string, wanted: string) => boolean;
  readonly negated: boolean;
  /** Whether wildcards count, so that what variables hold must stay marked as literal. */
  readonly wildcards: boolean;
}

const equal = (value: string, wanted: string) => value === wanted;
const equalIgnoringCase = (value: string, wanted: string) => value.toLowerCase() === wanted.toLowerCase();
const numeric = (compare: (a: number, b: number) => boolean) => (value: string, wanted: string) =>
  value.trim() !== '' && wanted.trim() !== '' && compare(Number(value), Number(wanted));
const dated = (compare: (a: number, b: number) => boolean) => (value: string, wanted: string) =>
  compare(instant(value), instant(wanted));

const POSITIVE: Readonly<Record<string, Operator['test']>> = {
  StringEquals: equal,
  StringEqualsIgnoreCase: equalIgnoringCase,
  StringLike: (value, wanted) => like(wanted, value),
  NumericEquals: numeric((a, b) => a === b),
  NumericLessThan: numeric((a, b) => a < b),
  NumericLessThanEquals: numeric((a, b) => a <= b),
  NumericGreaterThan: numeric((a, b) => a > b),
  NumericGreaterThanEquals: numeric((a, b) => a >= b),
  DateEquals: dated((a, b) => a === b),
  DateLessThan: dated((a, b) => a < b),
  DateLessThanEquals: dated((a, b) => a <= b),
  DateGreaterThan: dated((a, b) => a > b),
  DateGreaterThanEquals: dated((a, b) => a >= b),
  Bool: equalIgnoringCase,
  BinaryEquals: equal,
  IpAddress: inRange,
  // Both take wildcards. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_ARN
  ArnEquals: (value, wanted) => arnLike(wanted, value),
  ArnLike: (value, wanted) => arnLike(wanted, value),
};
const NEGATIONS: Readonly<Record<string, string>> = {
  StringNotEquals: 'StringEquals',
  StringNotEqualsIgnoreCase: 'StringEqualsIgnoreCase',
  StringNotLike: 'StringLike',
  NumericNotEquals: 'NumericEquals',
  DateNotEquals: 'DateEquals',
  NotIpAddress: 'IpAddress',
  ArnNotEquals: 'ArnEquals',
  ArnNotLike: 'ArnLike',
};
const WILD = /Like$|^Arn/;

const OPERATORS = new Map<string, Operator>(
  [...Object.keys(POSITIVE), ...Object.keys(NEGATIONS)].map((name) => {
    const test = POSITIVE[NEGATIONS[name] ?? name] ?? equal;
    return [name, { test, negated: name in NEGATIONS, wildcards: WILD.test(name) }];
  }),
);

/** Undefined when IAM knows no such operator. */
export function parseOperator(name: string): Omit<Condition, 'key' | 'wanted'> | undefined {
  const match = /^(?:(ForAnyValue|ForAllValues):)?([A-Za-z]+?)(IfExists)?$/.exec(name);
  const operator = match?.[2] ?? '';
  if (!OPERATORS.has(operator) && operator !== 'Null') return undefined;
  const ifExists = match?.[3] !== undefined;
  if (operator === 'Null' && ifExists) return undefined;
  return { operator, set: match?.[1] as Condition['set'], ifExists };
}

/** Whether one condition holds for a request. */
export function holds({ operator, set, ifExists, key, wanted }: Condition, keys: Keys): boolean {
  const values = keys(key);
  const missing = values === undefined || values.length === 0;
  if (operator === 'Null') return wanted.some((text) => text.toLowerCase() === String(missing));
  const { test, negated, wildcards } = OPERATORS.get(operator) ?? never(operator);
  if (missing) return ifExists || set === 'ForAllValues' || (negated && set !== 'ForAnyValue');
  const texts = wanted.flatMap((text) => filled(text, keys) ?? []).map((text) => (wildcards ? text : unmarked(text)));
  const fits = (value: string) => texts.some((text) => test(value, text));
  const accepts = (value: string) => fits(value) !== negated;
  // Without a set operator a negation excludes every value, and all else asks for one of them.
  return set === 'ForAllValues' || (set === undefined && negated) ? values.every(accepts) : values.some(accepts);
}

function inRange(address: string, range: string): boolean {
  const family = familyOf(address);
  const [network = '', written] = range.split('/');
  if (family === undefined || familyOf(network) !== family) return false;
  const list = new BlockList();
  list.addSubnet(network, Number(written ?? (family === 'ipv4' ? 32 : 128)), family);
  return list.check(address, family);
}

function familyOf(address: string): 'ipv4' | 'ipv6' | undefined {
  const version = isIP(address);
  return version === 4 ? 'ipv4' : version === 6 ? 'ipv6' : undefined;
}

/** Dates are ISO 8601 or seconds since the epoch. */
function instant(text: string): number {
  return /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text);
}

function never(operator: string): never {
  throw new Error(`the condition operator ${operator} was not refused when its policy was read`);
}
