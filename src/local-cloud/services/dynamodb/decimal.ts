/**
 * DynamoDB's numbers: decimals of up to 38 significant digits and magnitudes from 1E-130 to 9.99…E+125, kept as text.
 * This file parses, normalises, orders and adds them exactly. JavaScript numbers are never involved.
 */
import { AwsError } from '../../contract.ts';

const DIGITS_MAX = 38;
const MAGNITUDE_MAX = 125;
const MAGNITUDE_MIN = -130;

/** `±0.digits × 10^exponent`; digits carry neither leading nor trailing zeros and are empty for zero. */
interface Decimal {
  readonly negative: boolean;
  readonly digits: string;
  readonly exponent: number;
}

/**
 * The one spelling of a number, as DynamoDB returns it: `1E+2` becomes `100`, `-0.50` becomes `-0.5`.
 * @throws AwsError ValidationException when the text is no number, or one that DynamoDB cannot hold
 */
export function normalizeNumber(text: string): string {
  const decimal = parse(text);
  if (!decimal) {
    const what = text === '' ? '' : `: ${text}`;
    throw new AwsError('ValidationException', `The parameter cannot be converted to a numeric value${what}`);
  }
  return spell(inRange(decimal));
}

/** `a + b` of two normalised numbers. @throws AwsError ValidationException when the sum does not fit */
export function addNumbers(a: string, b: string): string {
  const x = parseNormalized(a);
  const y = parseNormalized(b);
  const scale = Math.max(x.digits.length - x.exponent, y.digits.length - y.exponent);
  const sum = scaled(x, scale) + scaled(y, scale);
  return spell(inRange(decimalOf(sum < 0n, (sum < 0n ? -sum : sum).toString(), -scale)));
}

/** `a - b` of two normalised numbers. @throws AwsError ValidationException when the difference does not fit */
export function subtractNumbers(a: string, b: string): string {
  if (b === '0') return a;
  return addNumbers(a, b.startsWith('-') ? b.slice(1) : `-${b}`);
}

/** Text whose code unit order is the numeric order, for normalised numbers. */
export function sortableNumber(normalized: string): string {
  const { negative, digits, exponent } = parseNormalized(normalized);
  if (digits === '') return '1';
  const magnitude = String(exponent + 500).padStart(4, '0') + digits;
  // `~` sorts after every digit: of two negatives that share a prefix, the one with fewer digits is the greater.
  return negative ? `0${magnitude.replace(/\d/g, (digit) => String(9 - Number(digit)))}~` : `2${magnitude}`;
}

/** Negative, zero or positive as `a` is below, equal to or above `b` (both normalised). */
export function compareNumbers(a: string, b: string): number {
  if (a === b) return 0;
  return sortableNumber(a) < sortableNumber(b) ? -1 : 1;
}

/** Count of significant digits, which is what a number's stored size depends on. */
export function significantDigits(normalized: string): number {
  return parseNormalized(normalized).digits.length;
}

function parse(text: string): Decimal | undefined {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,9}))?$/.exec(text);
  if (!match) return undefined;
  const [, sign, whole = '', fraction = '', power = '0'] = match;
  if (whole === '' && fraction === '') return undefined;
  return decimalOf(sign === '-', whole + fraction, Number(power) - fraction.length);
}

function parseNormalized(text: string): Decimal {
  const decimal = parse(text);
  if (!decimal) throw new TypeError(`not a normalised number: ${text}`);
  return decimal;
}

/** `±integer × 10^power` with the zeros at both ends removed. */
function decimalOf(negative: boolean, integer: string, power: number): Decimal {
  const leading = /^0*/.exec(integer)?.[0].length ?? 0;
  const digits = integer.slice(leading).replace(/0+$/, '');
  if (digits === '') return { negative: false, digits: '', exponent: 0 };
  return { negative, digits, exponent: power + integer.length - leading };
}

function scaled(decimal: Decimal, scale: number): bigint {
  if (decimal.digits === '') return 0n;
  const magnitude = BigInt(decimal.digits) * 10n ** BigInt(scale - decimal.digits.length + decimal.exponent);
  return decimal.negative ? -magnitude : magnitude;
}

function inRange(decimal: Decimal): Decimal {
  const refuse = (message: string) => new AwsError('ValidationException', message);
  if (decimal.digits === '') return decimal;
  if (decimal.exponent - 1 > MAGNITUDE_MAX) {
    throw refuse('Number overflow. Attempting to store a number with magnitude larger than supported range');
  }
  if (decimal.exponent - 1 < MAGNITUDE_MIN) {
    throw refuse('Number underflow. Attempting to store a number with magnitude smaller than supported range');
  }
  if (decimal.digits.length > DIGITS_MAX) {
    throw refuse('Attempting to store more than 38 significant digits in a Number');
  }
  return decimal;
}

function spell({ negative, digits, exponent }: Decimal): string {
  if (digits === '') return '0';
  const sign = negative ? '-' : '';
  if (exponent <= 0) return `${sign}0.${'0'.repeat(-exponent)}${digits}`;
  if (exponent >= digits.length) return `${sign}${digits.padEnd(exponent, '0')}`;
  return `${sign}${digits.slice(0, exponent)}.${digits.slice(exponent)}`;
}
