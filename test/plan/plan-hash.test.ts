/** The hash of a plan: the same for the same situation, another for every one that matters. */
import { describe, expect, it } from 'vitest';
import { isPlanHash, type PlanFacts, planHash, whatMoved } from '../../src/plan/index.ts';
import type { Inventory } from '../../src/resource/index.ts';
import { entryOf, failure, lambdaFunction, logGroup, orphan, planned, view } from './worlds.ts';

const group = (observed?: unknown, retentionDays: number | null = 30) =>
  view({ id: 'log-group', kind: 'log-group', identity: { logGroupName: 'g' }, props: { retentionDays }, observed });

function inventory(over: Partial<Inventory> = {}): Inventory {
  return {
    uid: 'u1',
    generation: 1,
    specHash: 'v1-a',
    className: 'standard',
    deletionPolicy: 'delete',
    createdAtMs: 1,
    entries: [entryOf(group())],
    incarnations: {},
    ...over,
  };
}

const RECORD = { namespace: 'shop', name: 'checkout', spec: { a: 1, b: 2 } };

function facts(over: Partial<PlanFacts> = {}): PlanFacts {
  return {
    key: 'shop/checkout',
    desired: RECORD,
    record: RECORD,
    klass: { cluster: 'c' },
    inventory: inventory(),
    planned: planned([group(logGroup(7))], { entries: [entryOf(group())] }),
    ...over,
  };
}

const BASE = planHash([facts()]);

describe('the hash of a plan', () => {
  it('has a shape of its own', () => {
    expect(BASE).toMatch(/^v1(-[0-9a-f]{8}){5}$/);
    expect(isPlanHash(BASE)).toBe(true);
    for (const other of ['', 'v1', 'v2-00000000-00000000-00000000-00000000-00000000', `${BASE}0`, 'v1-xyz']) {
      expect(isPlanHash(other), other).toBe(false);
    }
  });

  const entries = [entryOf(group()), { ...entryOf(group()), nodeId: 'other', identity: { logGroupName: 'o' } }];
  const same: { name: string; facts: PlanFacts; against?: PlanFacts; reason: string }[] = [
    { name: 'made again', facts: facts(), reason: 'the same situation has the same hash' },
    {
      name: 'with keys in another order',
      facts: facts({ desired: { spec: { b: 2, a: 1 }, name: 'checkout', namespace: 'shop' } }),
      reason: 'order means nothing',
    },
    {
      name: 'at another time',
      facts: facts({
        planned: planned([group(logGroup(7))], { entries: [entryOf(group())], nowMs: Date.UTC(2027, 0, 1) }),
        inventory: inventory({
          createdAtMs: 99,
          entries: [{ ...entryOf(group()), actedAtMs: 77 }],
          classChangedAtMs: undefined,
        }),
      }),
      reason: 'no clock goes in',
    },
    {
      name: 'with the inventory in another order',
      facts: facts({ inventory: inventory({ entries: entries.toReversed() }) }),
      against: facts({ inventory: inventory({ entries }) }),
      reason: 'order means nothing',
    },
    {
      name: 'of a function that was touched but not changed',
      facts: facts({ planned: planned([source({ lastModified: '2027-01-01T00:00:00.000+0000' })]) }),
      against: facts({ planned: planned([source({})]) }),
      reason: 'nothing that is planned depends on it',
    },
  ];
  it.each(same)('is the same $name: $reason', ({ facts: other, against }) => {
    expect(planHash([other])).toBe(planHash([against ?? facts()]));
  });

  it('does not depend on the order of objects', () => {
    const other = facts({ key: 'shop/other' });
    expect(planHash([facts(), other])).toBe(planHash([other, facts()]));
    expect(planHash([facts(), other])).not.toBe(BASE);
  });

  const moved: { name: string; over: Partial<PlanFacts>; says: string[] }[] = [
    {
      name: 'what is asked for',
      over: { desired: { ...RECORD, spec: { a: 2 } } },
      says: ['what is asked for is not what was planned'],
    },
    {
      name: 'the record in the table',
      over: { record: { ...RECORD, spec: { a: 3 } } },
      says: ['a desired record was changed meanwhile'],
    },
    { name: 'that the record is gone', over: { record: undefined }, says: ['a desired record was changed meanwhile'] },
    { name: 'the class', over: { klass: { cluster: 'd' } }, says: ['the class was changed meanwhile'] },
    {
      name: 'the generation',
      over: { inventory: inventory({ generation: 2 }) },
      says: ['the controller has acted meanwhile'],
    },
    {
      name: 'that a deletion has begun',
      over: { inventory: inventory({ deletingSinceMs: 5 }) },
      says: ['the controller has acted meanwhile'],
    },
    {
      name: 'that it is held',
      over: { inventory: inventory({ held: { reason: 'Protected', message: '', sinceMs: 1 } }) },
      says: ['the controller has acted meanwhile'],
    },
    {
      name: 'what AWS has',
      over: { planned: planned([group(logGroup(5))], { entries: [entryOf(group())] }) },
      says: ['what AWS has, and so what would be done, is not what it was'],
    },
    {
      name: 'that it is gone in AWS',
      over: { planned: planned([group()], { entries: [entryOf(group())] }) },
      says: ['what AWS has, and so what would be done, is not what it was'],
    },
    {
      name: 'that it could not be read',
      over: { planned: planned([view({ id: 'log-group', kind: 'log-group', failure: failure() })]) },
      says: ['what AWS has, and so what would be done, is not what it was'],
    },
    {
      name: 'that something is left over',
      over: {
        planned: planned([group(logGroup(7))], {
          entries: [entryOf(group())],
          orphans: [orphan({ ...entryOf(group()), nodeId: 'old' }, logGroup())],
        }),
      },
      says: ['what AWS has, and so what would be done, is not what it was'],
    },
    {
      name: 'an obstacle in place of a plan',
      over: { planned: undefined, obstacle: 'PathConflict' },
      says: ['what AWS has, and so what would be done, is not what it was'],
    },
  ];
  it.each(moved)('is another when it differs in $name, and says so', ({ over, says }) => {
    const other = planHash([facts(over)]);
    expect(whatMoved(BASE, other)).toEqual(says);
    expect(whatMoved(BASE, BASE)).toEqual([]);
  });
});

function source(over: Record<string, unknown>) {
  return view({
    id: 'function',
    kind: 'lambda-function',
    identity: { functionName: 'checkout', qualifier: '' },
    observed: lambdaFunction(over),
  });
}
