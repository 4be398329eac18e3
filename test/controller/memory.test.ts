import { describe, expect, it } from 'vitest';
import { Memory } from '../../src/controller/memory.ts';
import { Failure } from '../../src/core/index.ts';
import type { Inventory, InventoryEntry } from '../../src/resource/index.ts';
import type { StateTable, StoredObject } from '../../src/store/index.ts';

const image: InventoryEntry = {
  nodeId: 'image',
  kind: 'image-build',
  identity: { repositoryName: 'r', tag: 't' },
  shared: true,
  capacity: false,
  dependsOn: [],
  propsHash: '',
  actedAtMs: 0,
  seen: true,
};

function inventory(uid: string, entries: InventoryEntry[]): Inventory {
  return {
    uid,
    generation: 1,
    specHash: '',
    className: 'standard',
    deletionPolicy: 'delete',
    createdAtMs: 0,
    entries,
    incarnations: {},
  };
}

/** A table of versions, like the real one: a put names the version that it read. */
function fakeTable() {
  const versions = new Map<string, number>();
  const writes: string[] = [];
  const table = {
    async put(key: { name: string }, part: string, _body: unknown, readVersion: number) {
      const id = `${key.name}#${part}`;
      if ((versions.get(id) ?? 0) !== readVersion) {
        throw new Failure({
          kind: 'conflict',
          service: 'dynamodb',
          operation: 'putItem',
          code: 'ConditionalCheckFailedException',
          message: '',
        });
      }
      versions.set(id, readVersion + 1);
      writes.push(id);
      return readVersion + 1;
    },
    async load(key: { namespace: string; name: string }): Promise<StoredObject> {
      return { key, revisions: new Map() };
    },
  };
  return { table: table as unknown as StateTable, writes, versions };
}

const key = (name: string) => ({ namespace: 'shop', name });

describe('memory', () => {
  it('of several objects that let go of a shared resource at once exactly one is its last user', async () => {
    const memory = new Memory(fakeTable().table, () => 1);
    for (const name of ['a', 'b', 'c']) await memory.saveInventory(key(name), inventory(name, [image]));
    expect(['a', 'b', 'c'].map((uid) => memory.release(uid, image))).toEqual([true, true, false]);
  });

  it('an object that uses the resource again counts again', async () => {
    const memory = new Memory(fakeTable().table, () => 1);
    for (const name of ['a', 'b']) await memory.saveInventory(key(name), inventory(name, [image]));
    expect(memory.release('a', image)).toBe(true);
    await memory.saveInventory(key('a'), { ...inventory('a', [image]), generation: 2 });
    expect(memory.isUsedByOthers('b', image)).toBe(true);
  });

  it('writes nothing that is already there', async () => {
    const { table, writes } = fakeTable();
    const memory = new Memory(table, () => 1);
    await memory.saveInventory(key('a'), inventory('a', []));
    await memory.saveInventory(key('a'), inventory('a', []));
    expect(writes).toEqual(['a#inventory']);
  });

  it('knows when it moved traffic, whatever could be stored of it, until the object is gone', async () => {
    const { table } = fakeTable();
    Object.assign(table, { remove: async () => undefined });
    const memory = new Memory(table, () => 1);
    memory.noteMove(key('a'), 7_000);
    await memory.saveInventory(key('a'), inventory('a', []));
    expect([memory.movedAtMs(key('a')), memory.movedAtMs(key('b'))]).toEqual([7_000, 0]);
    await memory.forget(key('a'));
    expect(memory.movedAtMs(key('a'))).toBe(0);
  });

  it('knows what the leader before set out to make a moment ago, for whichever object', async () => {
    const { table } = fakeTable();
    const stored = ['a', 'b', 'c'].map((name, index) => {
      const tag = name === 'c' ? 'old' : 't';
      const entry = { ...image, identity: { ...image.identity, tag }, actedAtMs: [95_000, 70_000, 40_000][index] ?? 0 };
      return [
        `shop/${name}`,
        { key: key(name), revisions: new Map(), inventory: { version: 1, body: inventory(name, [entry]) } },
      ];
    });
    Object.assign(table, { loadAll: async () => new Map(stored as never) });
    const memory = new Memory(table, () => 1);
    await memory.load(100_000);
    expect(memory.inheritedAtMs(image)).toBe(95_000);
    expect(memory.inheritedAtMs({ ...image, identity: { ...image.identity, tag: 'old' } })).toBeUndefined();
    await memory.saveInventory(key('d'), inventory('d', [{ ...image, actedAtMs: 99_000 }]));
    expect(memory.inheritedAtMs(image), 'its own acts it knows otherwise').toBe(95_000);
  });

  it('reads an object again when somebody else wrote it, and lets the pass fail', async () => {
    const { table, versions } = fakeTable();
    const memory = new Memory(table, () => 1);
    await memory.saveInventory(key('a'), inventory('a', []));
    versions.set('a#inventory', 7);
    await expect(memory.saveInventory(key('a'), inventory('a', [image]))).rejects.toMatchObject({ kind: 'conflict' });
    expect(memory.get(key('a')).inventory).toBeUndefined();
  });

  it('an object whose write was lost and that could not be read either is read before it is relied on', async () => {
    const { table } = fakeTable();
    const memory = new Memory(table, () => 1);
    await memory.saveInventory(key('a'), inventory('a', []));
    const written = { ...inventory('a', [image]), generation: 2 };
    const lost = new Failure({ kind: 'transient', service: 'dynamodb', operation: 'x', code: 'Timeout', message: '' });
    Object.assign(table, { put: () => Promise.reject(lost), load: () => Promise.reject(lost) });
    await expect(memory.saveInventory(key('a'), written)).rejects.toBe(lost);
    await expect(memory.refresh(key('a'))).rejects.toBe(lost);
    let loads = 0;
    const load = async () => {
      loads++;
      return { key: key('a'), revisions: new Map(), inventory: { version: 2, body: written } };
    };
    Object.assign(table, { load });
    await memory.refresh(key('a'));
    await memory.refresh(key('a'));
    expect(loads).toBe(1);
    expect(memory.get(key('a')).inventory).toEqual({ version: 2, body: written });
  });
});
