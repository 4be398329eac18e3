import { describe, expect, it } from 'vitest';
import { type Census, TableTrust } from '../../src/controller/table-trust.ts';
import { Failure, silentLogger, VirtualClock } from '../../src/core/index.ts';
import type { DesiredTable, StateTable } from '../../src/store/index.ts';

const WHOLE: Census = { tableId: 't1', isEmpty: false, objects: 9, missing: 0 };

/** State and desired table as far as they are asked here. */
function tables() {
  const stored = new Map<string, { version: number; body: unknown }>();
  let writes = 0;
  let losesAnswer = false;
  let tableId = 't1';
  const state = {
    controllerItem: async (key: string) => stored.get(key),
    putControllerItem: async (key: string, body: unknown, readVersion: number) => {
      expect(stored.get(key)?.version ?? 0).toBe(readVersion);
      stored.set(key, { version: readVersion + 1, body });
      writes++;
      if (losesAnswer) {
        losesAnswer = false;
        throw new Failure({
          kind: 'transient',
          service: 'dynamodb',
          operation: 'putItem',
          code: 'TimeoutError',
          message: 'no answer',
        });
      }
      return readVersion + 1;
    },
  } as unknown as StateTable;
  const desired = { table: 'desired', identity: async () => ({ tableId }) } as unknown as DesiredTable;
  const open = async () => {
    const trust = new TableTrust(desired, state, () => 1, new VirtualClock(), silentLogger);
    await trust.load();
    return trust;
  };
  const replaceBy = (id: string) => {
    tableId = id;
  };
  const loseAnswer = () => {
    losesAnswer = true;
  };
  return { open, writes: () => writes, replaceBy, loseAnswer };
}

describe('trust in the desired table', () => {
  it.each<{ reason: string; relists: readonly Partial<Census>[]; doubts: readonly (string | undefined)[] }>([
    { reason: 'the first table is taken as it is', relists: [{ missing: 2 }], doubts: [undefined] },
    {
      reason: 'an empty one is doubted even the first time',
      relists: [{ isEmpty: true, missing: 9 }],
      doubts: ['TableEmpty'],
    },
    {
      reason: 'without objects there is nothing to doubt',
      relists: [
        { isEmpty: true, objects: 0 },
        { tableId: 't2', isEmpty: true, objects: 0 },
      ],
      doubts: [undefined, undefined],
    },
    {
      reason: 'some that are missing in the same table are ordinary deletions',
      relists: [{}, { missing: 8 }],
      doubts: [undefined, undefined],
    },
    {
      reason: 'another table in which something is missing is doubted',
      relists: [{}, { tableId: 't2', missing: 1 }],
      doubts: [undefined, 'TableReplaced'],
    },
    {
      reason: 'another table in which nothing is missing is adopted',
      relists: [{}, { tableId: 't2' }, { tableId: 't2', missing: 3 }],
      doubts: [undefined, undefined, undefined],
    },
    {
      reason: 'a doubt stays while anything is missing, whatever else changes',
      relists: [{}, { isEmpty: true, missing: 9 }, { missing: 8 }, { tableId: 't2', missing: 1 }, { tableId: 't2' }],
      doubts: [undefined, 'TableEmpty', 'TableEmpty', 'TableEmpty', undefined],
    },
    {
      reason: 'going back to the table as it was does not make what is missing believable',
      relists: [{}, { tableId: 't2', missing: 4 }, { missing: 1 }, {}],
      doubts: [undefined, 'TableReplaced', 'TableReplaced', undefined],
    },
    {
      reason: 'a doubted table is not adopted: the next leader doubts it too',
      relists: [{}, { tableId: 't2', missing: 9, isEmpty: true }, { tableId: 't2', missing: 9, isEmpty: true }],
      doubts: [undefined, 'TableReplaced', 'TableReplaced'],
    },
  ])('$reason', async ({ relists, doubts }) => {
    for (const changesLeader of [false, true]) {
      const { open } = tables();
      let trust = await open();
      const seen: (string | undefined)[] = [];
      for (const relist of relists) {
        if (changesLeader) trust = await open();
        await trust.afterRelist({ ...WHOLE, ...relist });
        seen.push(trust.doubt?.reason);
      }
      expect(seen).toEqual(doubts);
    }
  });

  it('is established by the first relist of this leader, whatever was known before', async () => {
    const { open } = tables();
    const first = await open();
    expect(first.isEstablished).toBe(false);
    await first.afterRelist(WHOLE);
    expect(first.isEstablished).toBe(true);
    expect((await open()).isEstablished).toBe(false);
  });

  it('notices a table that was replaced since it was listed', async () => {
    const { open, replaceBy } = tables();
    const trust = await open();
    await trust.afterRelist(WHOLE);
    expect(await trust.isAsListed()).toBe(true);
    replaceBy('t2');
    expect(await trust.isAsListed()).toBe(false);
  });

  it('goes on from what stands there when the answer to a write was lost', async () => {
    const { open, loseAnswer } = tables();
    const trust = await open();
    loseAnswer();
    await expect(trust.afterRelist(WHOLE)).rejects.toThrow('no answer');
    expect(trust.isEstablished).toBe(false);
    await trust.afterRelist(WHOLE);
    expect(trust.isEstablished).toBe(true);
    loseAnswer();
    await expect(trust.afterRelist({ ...WHOLE, isEmpty: true, missing: 9 })).rejects.toThrow('no answer');
    expect(trust.doubt?.reason).toBe('TableEmpty');
  });

  it('writes only what is new', async () => {
    const { open, writes } = tables();
    const trust = await open();
    for (let i = 0; i < 3; i++) await trust.afterRelist(WHOLE);
    expect(writes()).toBe(1);
    for (let i = 0; i < 3; i++) await trust.afterRelist({ ...WHOLE, isEmpty: true, missing: 9 });
    expect(writes()).toBe(2);
  });
});
