import { describe, expect, it } from 'vitest';
import { type Condition, phaseOf, removeCondition, setCondition } from '../../src/api/index.ts';

const T0 = Date.UTC(2026, 0, 1);

function condition(
  type: string,
  status: Condition['status'],
  reason = 'Because',
): Omit<Condition, 'lastTransitionTime'> {
  return { type, status, reason, message: '', observedGeneration: 1 };
}

describe('setCondition', () => {
  it('keeps the time while the status is the same, whatever else changes', () => {
    const first = setCondition([], condition('Ready', 'False', 'Building'), T0);
    const second = setCondition(first, { ...condition('Ready', 'False', 'Pushing'), observedGeneration: 2 }, T0 + 5000);
    expect(second).toEqual([
      {
        ...condition('Ready', 'False', 'Pushing'),
        observedGeneration: 2,
        lastTransitionTime: '2026-01-01T00:00:00.000Z',
      },
    ]);
    const third = setCondition(second, condition('Ready', 'True'), T0 + 9000);
    expect(third[0]?.lastTransitionTime).toBe('2026-01-01T00:00:09.000Z');
  });

  it('changes nothing in the list it was given, and keeps places', () => {
    const list = setCondition(setCondition([], condition('Ready', 'False'), T0), condition('Stalled', 'True'), T0);
    const frozen = Object.freeze([...list]);
    expect(setCondition(frozen, condition('Ready', 'True'), T0).map(({ type }) => type)).toEqual(['Ready', 'Stalled']);
    expect(removeCondition(frozen, 'Stalled').map(({ type }) => type)).toEqual(['Ready']);
  });
});

describe('phaseOf', () => {
  it.each<[string, Omit<Condition, 'lastTransitionTime'>[]]>([
    ['Pending', []],
    ['Pending', [condition('Ready', 'False')]],
    ['Ready', [condition('Ready', 'True')]],
    ['Reconciling', [condition('Ready', 'True'), condition('Reconciling', 'True')]],
    ['Stalled', [condition('Ready', 'False'), condition('Reconciling', 'True'), condition('Stalled', 'True')]],
    ['Deleting', [condition('Ready', 'False', 'Deleting'), condition('Reconciling', 'True')]],
    ['Suspended', [condition('Ready', 'Unknown', 'Suspended')]],
    ['DeletionHeld', [condition('Ready', 'False', 'Deleting'), condition('DeletionHeld', 'True')]],
  ])('%s', (phase, drafts) => {
    const conditions = drafts.reduce<Condition[]>((all, draft) => setCondition(all, draft, T0), []);
    expect(phaseOf(conditions)).toBe(phase);
  });
});
