import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../../../src/core/index.ts';
import { AwsError, type BlobStore } from '../../../src/local-cloud/contract.ts';
import {
  fileBlobs,
  memoryBlobs,
  memoryState,
  openJournal,
  type StateStore,
} from '../../../src/local-cloud/state/index.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lambdacontainer-state-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const journalPath = () => join(folder, 'journal.jsonl');
const lines = () => readFileSync(journalPath(), 'utf8').split('\n').filter(Boolean);

describe.each([
  { name: 'memory', open: (): StateStore => memoryState() },
  { name: 'journal', open: (): StateStore => openJournal(folder) },
])('$name state', ({ open }) => {
  it('copies in and out', () => {
    const things = open().collection<{ list: number[]; bytes: Uint8Array }>('things');
    const given = { list: [1], bytes: new Uint8Array([1, 2]) };
    things.set('a', given);
    given.list.push(2);
    given.bytes[0] = 9;
    const read = things.get('a');
    expect(read).toEqual({ list: [1], bytes: new Uint8Array([1, 2]) });
    read?.list.push(3);
    things.values()[0]?.list.push(4);
    expect(things.get('a')?.list).toEqual([1]);
  });

  it('copies a Buffer’s bytes, not its pool', () => {
    const things = open().collection<Uint8Array>('things');
    const buffer = Buffer.from('abc');
    things.set('a', buffer);
    buffer[0] = 0;
    expect(things.get('a')).toEqual(new Uint8Array([97, 98, 99]));
  });

  it.each([
    ['a date', new Date(0)],
    ['a map', new Map()],
    ['a function', () => 1],
    ['not a number', Number.NaN],
    ['a big integer', 1n],
  ])('refuses %s, which a restart would lose', (_name, value) => {
    const things = open().collection<unknown>('things');
    expect(() => things.set('a', { deep: [value] })).toThrow(TypeError);
    expect(things.has('a')).toBe(false);
  });

  it('keeps a member called __proto__ as a member', () => {
    const things = open().collection<object>('things');
    things.set('a', JSON.parse('{"__proto__":{"x":1}}') as object);
    expect(JSON.stringify(things.get('a'))).toBe('{"__proto__":{"x":1}}');
  });

  it('a transaction sees its own changes and leaves nothing when it is rolled back', () => {
    const state = open();
    const things = state.collection<number | null>('things');
    for (const [key, value] of [
      ['a', 1],
      ['b', 2],
      ['c', null],
    ] as const)
      things.set(key, value);
    state.begin();
    things.delete('a');
    things.set('b', 20);
    things.set('d', 4);
    things.set('e', 5);
    things.delete('e');
    expect(things.keys()).toEqual(['b', 'c', 'd']);
    expect(things.values()).toEqual([20, null, 4]);
    expect(things.size).toBe(3);
    expect(things.get('a')).toBeUndefined();
    state.rollback();
    expect(things.keys()).toEqual(['a', 'b', 'c']);
    expect(things.values()).toEqual([1, 2, null]);
    expect(things.size).toBe(3);
  });

  it('commit says whether anything changed, and a second begin is refused', () => {
    const state = open();
    state.begin();
    expect(() => state.begin()).toThrow(/open already/);
    expect(state.commit()).toBe(false);
    state.begin();
    state.collection<number>('things').set('a', 1);
    expect(state.commit()).toBe(true);
  });

  it('behaves as a Map with snapshots, whatever is done', () => {
    const key = fc.constantFrom('a', 'b', 'c', 'd');
    const step = fc.oneof(
      fc.record({ do: fc.constant('set' as const), key, value: fc.integer() }),
      fc.record({ do: fc.constant('delete' as const), key }),
    );
    const transaction = fc.record({ steps: fc.array(step, { maxLength: 6 }), keep: fc.boolean() });
    fc.assert(
      fc.property(fc.array(transaction, { maxLength: 8 }), (transactions) => {
        const state = memoryState();
        const things = state.collection<number>('things');
        let model = new Map<string, number>();
        for (const { steps, keep } of transactions) {
          const next = new Map(model);
          state.begin();
          for (const one of steps) {
            if (one.do === 'set') {
              next.set(one.key, one.value);
              things.set(one.key, one.value);
            } else {
              expect(things.delete(one.key)).toBe(next.delete(one.key));
            }
            expect(new Map(things.keys().map((k) => [k, things.get(k)]))).toEqual(next);
            expect(things.size).toBe(next.size);
          }
          if (keep) {
            state.commit();
            model = next;
          } else state.rollback();
          expect(things.values().toSorted()).toEqual([...model.values()].toSorted());
        }
      }),
    );
  });
});

describe('the journal', () => {
  it('writes one line per step, before commit returns', () => {
    const state = openJournal(folder);
    state.begin();
    state.collection('a').set('k', 1);
    state.collection('b').set('k', 2);
    expect(lines()).toEqual([]);
    state.commit();
    expect(lines()).toEqual(['[["a","k",1],["b","k",2]]']);
    state.begin();
    state.commit();
    state.begin();
    state.collection('a').set('k', 9);
    state.rollback();
    expect(lines()).toHaveLength(1);
  });

  it('gives everything back after a restart, in order, whatever it is', () => {
    const bytes = fc.uint8Array({ maxLength: 8 });
    const awkward = fc.constantFrom(
      { $bytes: 'AQ==' },
      { $plain: { $bytes: 'x' } },
      { $bytes: { $plain: 1 }, other: 2 },
    );
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        fc.string(),
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        bytes,
        awkward,
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('$bytes', '$plain', '__proto__')), tie('value'), {
          maxKeys: 3,
          noNullPrototype: true,
        }),
      ),
    }));
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom('x', 'y', 'z'), value), { maxLength: 6 }), (entries) => {
        rmSync(folder, { recursive: true, force: true });
        const first = openJournal(folder);
        for (const [key, one] of entries) first.collection('things').set(key, one);
        const keys = first.collection('things').keys();
        const values = first.collection('things').values();
        first.close();
        // Once from the lines of the steps, once from the snapshot that the first opening made of them.
        for (const opening of [1, 2]) {
          const again = openJournal(folder);
          expect(again.collection('things').keys(), `opening ${opening}`).toEqual(keys);
          expect(again.collection('things').values(), `opening ${opening}`).toEqual(values);
          again.close();
        }
      }),
      { numRuns: 60 },
    );
  });

  it('drops a line that a crash tore off, and goes on behind it', () => {
    const first = openJournal(folder);
    first.collection('a').set('k', 1);
    first.close();
    appendFileSync(journalPath(), '[["a","k",2],["a","lost"');
    const second = openJournal(folder);
    expect(second.collection('a').get('k')).toBe(1);
    second.collection('a').set('after', 3);
    second.close();
    const third = openJournal(folder);
    expect(third.collection('a').keys()).toEqual(['k', 'after']);
    third.close();
  });

  it('drops a last line that is whole but for its end', () => {
    writeFileSync(journalPath(), '[["a","k",1]]\n[["a","k",2]]');
    expect(openJournal(folder).collection('a').get('k')).toBe(1);
  });

  it('says where it is damaged instead of skipping', () => {
    writeFileSync(journalPath(), '[["a","k",1]]\n[["a","k",2\n[["a","k",3]]\n');
    expect(() => openJournal(folder)).toThrow(UserError);
    expect(() => openJournal(folder)).toThrow(/journal\.jsonl is damaged at line 2/);
  });

  it('ignores a snapshot that a crash left unfinished', () => {
    writeFileSync(journalPath(), '[["a","k",1]]\n');
    writeFileSync(`${journalPath()}.new`, '[["a","k",');
    expect(openJournal(folder).collection('a').get('k')).toBe(1);
    expect(existsSync(`${journalPath()}.new`)).toBe(false);
  });

  it('is one snapshot after it was opened', () => {
    const first = openJournal(folder);
    for (let i = 0; i < 100; i++) first.collection('a').set(`k${i % 3}`, i);
    first.collection('a').delete('k0');
    first.close();
    expect(lines()).toHaveLength(101);
    openJournal(folder).close();
    expect(lines()).toEqual(['[["a","k1",97]]', '[["a","k2",98]]']);
  });

  it('rewrites itself while open when little of it is alive', () => {
    const state = openJournal(folder, { compactAtBytes: 2000 });
    const text = 'x'.repeat(100);
    for (let i = 0; i < 500; i++) state.collection('a').set('k', `${text}${i}`);
    expect(statSync(journalPath()).size).toBeLessThan(2500);
    state.close();
    expect(openJournal(folder).collection('a').get('k')).toBe(`${text}499`);
  });

  it('reads lines longer than its chunks, and characters across them', () => {
    const first = openJournal(folder);
    const text = 'é€😀'.repeat(300_000);
    first.collection('a').set('long', text);
    first.close();
    expect(openJournal(folder).collection('a').get('long')).toBe(text);
  });

  it('takes no step once it is closed, and keeps memory and file in agreement', () => {
    const state = openJournal(folder);
    state.collection('a').set('k', 1);
    state.close();
    state.close();
    expect(() => state.collection('a').set('k', 2)).toThrow(/closed/);
    expect(state.collection('a').get('k')).toBe(1);
  });
});

describe.each([
  { name: 'memory', open: (): BlobStore => memoryBlobs() },
  { name: 'file', open: (): BlobStore => fileBlobs(folder) },
])('$name blobs', ({ open }) => {
  it('are found by digest, and written once', () => {
    const blobs = open();
    const digest = blobs.write(Buffer.from('hello'));
    expect(digest).toBe('sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824');
    expect(blobs.write(Buffer.from('hello'))).toBe(digest);
    expect(blobs.has(digest)).toBe(true);
    expect(blobs.size(digest)).toBe(5);
    expect(Buffer.from(blobs.read(digest)).toString()).toBe('hello');
    blobs.delete(digest);
    blobs.delete(digest);
    expect(blobs.has(digest)).toBe(false);
    expect(blobs.size(digest)).toBeUndefined();
    expect(() => blobs.read(digest)).toThrow(AwsError);
  });

  it.each(['sha256:../../../etc/passwd', '../secret', 'sha256:zz', ''])('%j names nothing', (digest) => {
    const blobs = open();
    expect(blobs.has(digest)).toBe(false);
    expect(() => blobs.read(digest)).toThrow(/no blob/);
    blobs.delete(digest);
  });
});

it('file blobs survive a restart, half-written ones do not', () => {
  const digest = fileBlobs(folder).write(Buffer.from('kept'));
  writeFileSync(join(folder, 'incoming', '0'), 'half');
  const again = fileBlobs(folder);
  expect(again.size(digest)).toBe(4);
  expect(readdirSync(join(folder, 'incoming'))).toEqual([]);
});
