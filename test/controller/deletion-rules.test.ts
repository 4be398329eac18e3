import { describe, expect, it } from 'vitest';
import {
  allowedOf,
  countOf,
  EMPTY_LEDGER,
  type Ledger,
  rule,
  type Situation,
  settled,
} from '../../src/controller/deletion-rules.ts';
import type { Doubt } from '../../src/controller/table-trust.ts';
import type { DeletionHold, Inventory, InventoryEntry } from '../../src/resource/index.ts';

const NOW_MS = Date.UTC(2026, 0, 1, 12);
const MINUTE_MS = 60_000;

const ENTRY: InventoryEntry = {
  nodeId: 'rule',
  kind: 'listener-rule',
  identity: { priority: '1' },
  shared: false,
  capacity: false,
  dependsOn: [],
  propsHash: '',
  actedAtMs: 0,
  seen: true,
};

function object(index: number, extra: Partial<Inventory> = {}): Inventory {
  return {
    uid: `u${index}`,
    generation: 1,
    specHash: '',
    className: 'standard',
    deletionPolicy: 'delete',
    createdAtMs: 0,
    entries: [ENTRY],
    incarnations: {},
    ...extra,
  };
}

const fleet = (size: number) => Array.from({ length: size }, (_, index) => object(index));
const keyOf = ({ uid }: Inventory) => ({ namespace: 'shop', name: uid });
const vanished = (inventory: Inventory, isConfirmed = false) => ({ key: keyOf(inventory), inventory, isConfirmed });
const held = (reason: DeletionHold['reason']): DeletionHold => ({ reason, message: 'as it was said', sinceMs: 1 });

const DOUBT: Doubt = { reason: 'TableReplaced', sinceMs: NOW_MS, missing: 7, objects: 9, tableId: 't2' };

function situation(objects: readonly Inventory[], extra: Partial<Situation> = {}): Situation {
  return {
    className: 'standard',
    objects,
    maxDeletePercent: 20,
    doubt: undefined,
    table: 'desired',
    nowMs: NOW_MS,
    ...extra,
  };
}

/** How many of the first `count` objects may go. */
function begins(objects: readonly Inventory[], count: number, ledger: Ledger = EMPTY_LEDGER, percent = 20): number {
  const { rulings } = rule(
    objects.slice(0, count).map((inventory) => vanished(inventory)),
    ledger,
    situation(objects, { maxDeletePercent: percent }),
  );
  return rulings.filter((ruling) => ruling.begins).length;
}

describe('the bound', () => {
  it.each([
    { base: 1, percent: 20, allowed: 3, reason: 'a single deletion in a small fleet proceeds' },
    { base: 15, percent: 20, allowed: 3, reason: 'the share is three' },
    { base: 19, percent: 20, allowed: 3, reason: 'shares are rounded down' },
    { base: 20, percent: 20, allowed: 4, reason: 'the share is more than three' },
    { base: 100, percent: 20, allowed: 20, reason: 'the share' },
    { base: 100, percent: 0, allowed: 3, reason: 'three always may' },
    { base: 100, percent: 100, allowed: 100, reason: 'no guard is wanted' },
  ])('$allowed of $base at $percent %: $reason', ({ base, percent, allowed }) => {
    expect(allowedOf(base, percent)).toBe(allowed);
  });
});

describe('counting', () => {
  const bucket = (agoMs: number) => String(Math.floor((NOW_MS - agoMs) / MINUTE_MS));
  it.each([
    { reason: 'nothing yet', ledger: EMPTY_LEDGER, size: 100, of: 30, expected: 20 },
    {
      reason: 'what went within the hour counts',
      ledger: { admitted: [], begun: { [bucket(10 * MINUTE_MS)]: 15 } },
      size: 85,
      of: 30,
      expected: 5,
    },
    {
      reason: 'what went within the hour belongs to the base',
      ledger: { admitted: [], begun: { [bucket(MINUTE_MS)]: 50 } },
      size: 950,
      of: 400,
      expected: 150,
    },
    {
      reason: 'what went 59 minutes ago counts',
      ledger: { admitted: [], begun: { [bucket(59 * MINUTE_MS)]: 20 } },
      size: 80,
      of: 1,
      expected: 0,
    },
    {
      reason: 'a minute counts until all of it is an hour ago',
      ledger: { admitted: [], begun: { [bucket(60 * MINUTE_MS)]: 20 } },
      size: 80,
      of: 1,
      expected: 0,
    },
    {
      reason: 'what went 61 minutes ago is forgotten',
      ledger: { admitted: [], begun: { [bucket(61 * MINUTE_MS)]: 20 } },
      size: 80,
      of: 30,
      expected: 16,
    },
  ])('$reason', ({ ledger, size, of, expected }) => {
    expect(begins(fleet(size), of, ledger)).toBe(expected);
  });

  it('the same object is counted once, however often it is asked for', () => {
    const objects = fleet(20);
    const asked = objects.slice(0, 4).map((inventory) => vanished(inventory));
    const first = rule(asked, EMPTY_LEDGER, situation(objects));
    expect(countOf(first.ledger, NOW_MS)).toBe(4);
    // The daemon died before it wrote any of the inventories.
    const again = rule(asked, first.ledger, situation(objects, { nowMs: NOW_MS + 1000 }));
    expect(again.rulings.every(({ begins }) => begins)).toBe(true);
    expect(countOf(again.ledger, NOW_MS)).toBe(4);
    expect(again.ledger.admitted.every(({ atMs }) => atMs === NOW_MS + 1000)).toBe(true);
  });

  it('what began, or is gone already, is counted by its minute', () => {
    const ledger: Ledger = {
      admitted: [
        { uid: 'u0', atMs: NOW_MS },
        { uid: 'u1', atMs: NOW_MS },
        { uid: 'u2', atMs: NOW_MS },
        { uid: 'u3', atMs: NOW_MS - 61 * MINUTE_MS },
      ],
      begun: { [bucket(0)]: 1, [bucket(70 * MINUTE_MS)]: 9 },
    };
    // u0 is being deleted, u1 is gone, u2 and u3 have their records again.
    const next = settled(ledger, [object(0, { deletingSinceMs: NOW_MS }), object(2), object(3)], NOW_MS);
    expect(next).toEqual({ admitted: [{ uid: 'u2', atMs: NOW_MS }], begun: { [bucket(0)]: 3 } });
  });

  it('an object that is being deleted, or made nothing, is no part of the fleet', () => {
    const objects = [
      ...fleet(10),
      ...Array.from({ length: 90 }, (_, index) =>
        object(100 + index, index % 2 === 0 ? { entries: [] } : { deletingSinceMs: 1 }),
      ),
    ];
    expect(begins(objects, 10)).toBe(3);
  });
});

describe('rulings', () => {
  const many: Ledger = { admitted: [], begun: { [String(Math.floor(NOW_MS / MINUTE_MS))]: 20 } };
  const protectedOne = object(1, { protected: true });
  it.each([
    {
      reason: 'a single one goes',
      asked: vanished(object(1)),
      expected: 'begins',
    },
    {
      reason: 'what is protected waits',
      asked: vanished(protectedOne),
      expected: 'Protected',
    },
    {
      reason: 'what is protected goes when confirmed',
      asked: vanished(protectedOne, true),
      expected: 'begins',
    },
    {
      reason: 'deletionPolicy retain is a deletion too',
      asked: vanished(object(1, { deletionPolicy: 'retain' })),
      ledger: many,
      expected: 'TooManyDeletions',
    },
    {
      reason: 'what made nothing goes whatever there is',
      asked: vanished(object(1, { entries: [], protected: true })),
      ledger: many,
      doubt: DOUBT,
      expected: 'begins',
    },
    {
      reason: 'in a doubtful table nothing goes',
      asked: vanished(object(1)),
      doubt: DOUBT,
      expected: 'TableReplaced',
    },
    {
      reason: 'the table is said before the protection: it is why the record is missing',
      asked: vanished(protectedOne),
      doubt: { ...DOUBT, reason: 'TableEmpty' as const },
      expected: 'TableEmpty',
    },
    {
      reason: 'a person knows better than the table',
      asked: vanished(object(1), true),
      doubt: DOUBT,
      expected: 'begins',
    },
    {
      reason: 'a hold stays what it is, also when its cause is gone',
      asked: vanished(object(1, { held: held('TableEmpty') })),
      expected: 'TableEmpty',
    },
    {
      reason: 'a hold ends by confirmation',
      asked: vanished(object(1, { held: held('TooManyDeletions') }), true),
      ledger: many,
      expected: 'begins',
    },
    {
      reason: 'one that is held sticks for its class',
      asked: vanished(object(1)),
      others: [object(9, { held: held('TooManyDeletions') })],
      expected: 'TooManyDeletions',
    },
    {
      reason: 'a protected one that is held is nobody else’s business',
      asked: vanished(object(1)),
      others: [object(9, { held: held('Protected') })],
      expected: 'begins',
    },
  ] satisfies {
    reason: string;
    asked: ReturnType<typeof vanished>;
    others?: Inventory[];
    ledger?: Ledger;
    doubt?: Doubt;
    expected: string;
  }[])(
    '$reason',
    ({
      asked,
      others = [],
      ledger = EMPTY_LEDGER,
      doubt,
      expected,
    }: {
      asked: ReturnType<typeof vanished>;
      others?: Inventory[];
      ledger?: Ledger;
      doubt?: Doubt;
      expected: string;
    }) => {
      const { rulings } = rule([asked], ledger, situation([asked.inventory, ...others], { doubt }));
      const [ruling] = rulings;
      expect(ruling?.begins ? 'begins' : ruling?.hold.reason).toBe(expected);
    },
  );

  it('confirmed deletions are not counted', () => {
    const objects = fleet(100);
    const { ledger } = rule(
      objects.slice(0, 30).map((inventory) => vanished(inventory, true)),
      EMPTY_LEDGER,
      situation(objects),
    );
    expect(countOf(ledger, NOW_MS)).toBe(0);
  });

  it('messages say how many of how many, why, and what to do', () => {
    const objects = fleet(20);
    const { rulings } = rule(
      objects.slice(0, 6).map((inventory) => vanished(inventory)),
      EMPTY_LEDGER,
      situation(objects),
    );
    const messages = rulings.flatMap((ruling) => (ruling.begins ? [] : [ruling.hold.message]));
    expect(messages).toEqual([
      "4 of 20 objects of class 'standard' were deleted within an hour, and no more than 4 may be (deletion.maxDeletePercent is 20). Put the record back, or confirm the deletion: lambdacontainer delete --confirm u4 -n shop",
      "4 of 20 objects of class 'standard' were deleted within an hour, and no more than 4 may be (deletion.maxDeletePercent is 20). Put the record back, or confirm the deletion: lambdacontainer delete --confirm u5 -n shop",
    ]);
    const doubted = rule([vanished(object(1))], EMPTY_LEDGER, situation(objects, { doubt: DOUBT })).rulings[0];
    expect(doubted?.begins === false && doubted.hold.message).toBe(
      "7 of 9 objects had no record in table 'desired' at 2026-01-01T12:00:00.000Z, which is another table than before (its id is t2): it was re-created, restored or renamed. Put the record back, or confirm the deletion: lambdacontainer delete --confirm u1 -n shop",
    );
  });
});
