// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of manifests look like templates
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { substitute } from '../../src/gitops/substitution.ts';

const VALUES = { NAME: 'shop', EMPTY: '', LONG: 'x'.repeat(40), DOLLAR: '${NAME}' };

describe('variables', () => {
  const cases: { reason: string; text: string; result: string }[] = [
    { reason: 'by name', text: 'a: ${NAME}-${NAME}', result: 'a: shop-shop' },
    { reason: 'an empty value is a value', text: 'a: "${EMPTY:=no}"', result: 'a: ""' },
    { reason: 'a default where there is none', text: 'a: ${MODE:=fast}', result: 'a: fast' },
    { reason: 'an empty default', text: 'a: "${MODE:=}"', result: 'a: ""' },
    { reason: 'a default with colons', text: 'a: ${URL:=https://x:1}', result: 'a: https://x:1' },
    { reason: 'escaped', text: 'a: $${NAME}', result: 'a: ${NAME}' },
    { reason: 'a value is not looked at again', text: 'a: ${DOLLAR}', result: 'a: ${NAME}' },
    { reason: 'a dollar alone is text', text: 'a: $NAME $ {NAME} $(x)', result: 'a: $NAME $ {NAME} $(x)' },
  ];
  it.each(cases)('$reason', ({ text, result }) => {
    expect(substitute(text, VALUES)).toMatchObject({ text: result, defects: [] });
  });

  const defects: { reason: string; text: string; line: number; column: number; words: string }[] = [
    {
      reason: 'nobody gives a value',
      text: 'a: 1\nb: x${NOPE}',
      line: 2,
      column: 5,
      words: 'has no value; give NOPE under spec.substitute',
    },
    { reason: 'a member of every object', text: '${constructor}', line: 1, column: 1, words: 'has no value' },
    { reason: 'no name', text: 'a: ${}', line: 1, column: 4, words: 'is not a variable' },
    { reason: 'another language’s', text: 'a: ${user.name}', line: 1, column: 4, words: 'is not a variable' },
    { reason: 'another default', text: 'a: ${NAME:-x}', line: 1, column: 4, words: 'is not a variable' },
    { reason: 'not closed on its line', text: 'a: ${NAME\n}', line: 1, column: 4, words: 'is not a variable' },
  ];
  it.each(defects)('a defect: $reason', ({ text, line, column, words }) => {
    const [defect, ...others] = substitute(text, VALUES).defects;
    expect(others).toEqual([]);
    expect(defect).toMatchObject({ line, column, message: expect.stringContaining(words) });
  });

  it('columns lead back to the text as written', () => {
    const written = 'a: { x: ${LONG}, y: ${EMPTY}, z: 1 }';
    const { text, originalColumn } = substitute(written, VALUES);
    for (const part of ['a:', 'x:', ', y', 'z:', '1 }']) {
      expect(originalColumn(1, text.indexOf(part) + 1), part).toBe(written.indexOf(part) + 1);
    }
    expect(originalColumn(1, text.indexOf('xxx') + 5), 'inside of a value: its variable').toBe(
      written.indexOf('${LONG}') + 1,
    );
    expect(originalColumn(2, 7), 'another line').toBe(7);
  });

  it('lines never move, and text without variables is itself', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('$', '{', '}', 'N', ':', '=', '\n', ' ', 'a') }), (text) => {
        const result = substitute(text, { N: 'value' });
        expect(result.text.split('\n')).toHaveLength(text.split('\n').length);
        if (!text.includes('${')) expect(result.text).toBe(text);
        for (const defect of result.defects) {
          expect(text.split('\n')[defect.line - 1]?.slice(defect.column - 1)).toContain(defect.value);
        }
      }),
    );
  });
});
