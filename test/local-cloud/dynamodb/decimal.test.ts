import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addNumbers,
  compareNumbers,
  normalizeNumber,
  significantDigits,
  sortableNumber,
  subtractNumbers,
} from '../../../src/local-cloud/services/dynamodb/decimal.ts';

describe('normalizeNumber', () => {
  it.each([
    { text: '1E+2', normal: '100', reason: 'an exponent is written out' },
    { text: '1e-3', normal: '0.001', reason: 'so is a negative one' },
    { text: '-0.50', normal: '-0.5', reason: 'trailing zeros go' },
    { text: '+007', normal: '7', reason: 'leading zeros and the plus sign go' },
    { text: '-0', normal: '0', reason: 'there is one zero' },
    { text: '0e999', normal: '0', reason: 'zero has no magnitude' },
    { text: '.5', normal: '0.5', reason: 'the zero before the point may be left out' },
    { text: '5.', normal: '5', reason: 'and what follows it' },
    { text: '12.34e1', normal: '123.4', reason: 'the point moves' },
    { text: `1${'0'.repeat(60)}`, normal: `1${'0'.repeat(60)}`, reason: 'zeros at the end are not significant' },
    { text: '9'.repeat(38), normal: '9'.repeat(38), reason: '38 digits are what fits' },
    { text: '1E-130', normal: `0.${'0'.repeat(129)}1`, reason: 'the smallest' },
    { text: '9.9E125', normal: `99${'0'.repeat(124)}`, reason: 'about the largest' },
  ])('$text is $normal: $reason', ({ text, normal }) => {
    expect(normalizeNumber(text)).toBe(normal);
    expect(normalizeNumber(normal), 'normal stays normal').toBe(normal);
  });

  it.each([
    { text: '', message: 'The parameter cannot be converted to a numeric value' },
    { text: 'abc', message: 'The parameter cannot be converted to a numeric value: abc' },
    { text: '.', message: 'The parameter cannot be converted to a numeric value: .' },
    { text: '1e', message: 'The parameter cannot be converted to a numeric value: 1e' },
    { text: ' 1', message: 'The parameter cannot be converted to a numeric value:  1' },
    { text: 'NaN', message: 'The parameter cannot be converted to a numeric value: NaN' },
    { text: '0x10', message: 'The parameter cannot be converted to a numeric value: 0x10' },
    { text: '1'.repeat(39), message: 'Attempting to store more than 38 significant digits in a Number' },
    {
      text: '1E126',
      message: 'Number overflow. Attempting to store a number with magnitude larger than supported range',
    },
    {
      text: '-1E-131',
      message: 'Number underflow. Attempting to store a number with magnitude smaller than supported range',
    },
  ])('refuses $text', ({ text, message }) => {
    expect(() => normalizeNumber(text)).toThrow(message);
  });
});

/** Numbers whose exact value is an integer over 10^10. */
const scaled = fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n });
const print = (value: bigint) => normalizeNumber(`${value}e-10`);

describe('arithmetic and order', () => {
  it('adds and subtracts exactly', () => {
    fc.assert(
      fc.property(scaled, scaled, (a, b) => {
        expect(addNumbers(print(a), print(b))).toBe(print(a + b));
        expect(subtractNumbers(print(a), print(b))).toBe(print(a - b));
      }),
    );
  });

  it('orders as the values do, by comparison and by sortable text', () => {
    fc.assert(
      fc.property(scaled, scaled, (a, b) => {
        const order = a < b ? -1 : a > b ? 1 : 0;
        expect(Math.sign(compareNumbers(print(a), print(b)))).toBe(order);
        const [x, y] = [sortableNumber(print(a)), sortableNumber(print(b))];
        expect(x < y ? -1 : x > y ? 1 : 0).toBe(order);
      }),
    );
  });

  it('orders across magnitudes and signs', () => {
    const ascending = ['-1e100', '-12', '-1.25', '-1.2', '-1e-100', '0', '1e-100', '1.2', '1.25', '12', '1e100'];
    const texts = ascending.map((text) => sortableNumber(normalizeNumber(text)));
    expect([...texts].sort()).toEqual(texts);
  });

  it.each([
    { a: '9'.repeat(38), b: '0.5', message: 'Attempting to store more than 38 significant digits' },
    { a: normalizeNumber('9e125'), b: normalizeNumber('9e125'), message: 'Number overflow' },
  ])('refuses a sum that does not fit: $message', ({ a, b, message }) => {
    expect(() => addNumbers(a, b)).toThrow(message);
  });

  it('counts significant digits only', () => {
    expect(['0', '100', '-12.5', '0.001'].map(significantDigits)).toEqual([0, 1, 3, 1]);
  });
});
