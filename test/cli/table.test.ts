import { expect, it } from 'vitest';
import { table } from '../../src/cli/output/table.ts';

it('aligns columns, and the further lines of a last cell below its first', () => {
  expect(
    table(
      [
        ['A', 'MESSAGE'],
        ['long', 'one\ntwo'],
      ],
      '  ',
    ),
  ).toBe('  A      MESSAGE\n  long   one\n         two\n');
});
