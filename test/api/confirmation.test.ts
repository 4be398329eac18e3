/** Confirmations of held deletions. Those that are refused are in `invalid/records.ts`. */
import { describe, expect, it } from 'vitest';
import {
  CONFIRMATION_PREFIX,
  confirmationFromRecord,
  confirmationRecord,
  isConfirmationKey,
  kindOfKey,
  objectFromRecord,
} from '../../src/api/index.ts';

const OBJECTS = [
  { namespace: 'shop', name: 'checkout', uid: 'u-1' },
  { namespace: 'shop', name: 'cart', uid: 'u-2' },
];

describe('a confirmation', () => {
  it('survives there and back', () => {
    const item = confirmationRecord('friday', OBJECTS);
    expect(item).toMatchObject({ namespace: '_system', name: `${CONFIRMATION_PREFIX}friday` });
    expect(confirmationFromRecord(item)).toEqual({
      confirmation: { name: 'deletion/friday', objects: OBJECTS },
      defects: [],
    });
  });

  it('may be written by hand with the least', () => {
    const item = { namespace: '_system', name: 'deletion/x', spec: { objects: OBJECTS } };
    expect(confirmationFromRecord(item).confirmation?.objects).toEqual(OBJECTS);
  });

  it('with one defect confirms nothing at all', () => {
    const item = {
      namespace: '_system',
      name: 'deletion/x',
      spec: { objects: [OBJECTS[0], { ...OBJECTS[1], uid: '' }] },
    };
    const { confirmation, defects } = confirmationFromRecord(item);
    expect(confirmation).toBeUndefined();
    expect(defects.map(({ path }) => path)).toEqual(['spec.objects[1].uid']);
  });

  it.each<[string, { namespace: string; name: string }, boolean]>([
    ['a confirmation', { namespace: '_system', name: 'deletion/friday' }, true],
    ['a class', { namespace: '_system', name: 'class/standard' }, false],
    ['an object of a team', { namespace: 'shop', name: 'deletion' }, false],
  ])('%s is told by its key', (_, key, expected) => {
    expect(isConfirmationKey(key)).toBe(expected);
    // What is a confirmation is no object, for anybody who reads the whole partition.
    expect(isConfirmationKey(key) && kindOfKey(key) !== undefined).toBe(false);
  });

  it('is no object', () => {
    const { object, defects } = objectFromRecord(confirmationRecord('friday', OBJECTS));
    expect(object).toBeUndefined();
    expect(defects.map(({ path }) => path)).toEqual(['name']);
  });
});
