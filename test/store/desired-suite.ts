/** The desired table on a DynamoDB: what is read is what people wrote, and a conditional write minds everything in it. */
import { describe, expect, it } from 'vitest';
import type { ApiObject } from '../../src/api/index.ts';
import { type DynamoPort, type Item, toItem } from '../../src/aws/index.ts';
import { type DesiredRecord, DesiredTable } from '../../src/store/index.ts';
import { ITEM_BYTES_MAX, itemSize } from '../../src/store/item-size.ts';
import { type Backend, createTable } from './backend.ts';

const NAMES = ['a', 'A', 'ü/ß', '名前', '__proto__', 'constructor', 'hasOwnProperty', 'a#status', ' ', 'x'.repeat(300)];

function object(name: string, spec: unknown = {}, more: Partial<ApiObject> = {}): ApiObject {
  return {
    apiVersion: 'lambdacontainer.dev/v1alpha1',
    kind: 'LambdaContainer',
    namespace: 'shop',
    name,
    labels: {},
    annotations: {},
    spec,
    ...more,
  };
}

async function collect(records: AsyncIterable<DesiredRecord>): Promise<string[]> {
  const names: string[] = [];
  for await (const { key } of records) names.push(`${key.namespace}/${key.name}`);
  return names.sort();
}

/** A spec such that the record has exactly `bytes`, by our count. */
function specOf(bytes: number): { text: string } {
  const empty = itemSize(
    toItem({
      namespace: 'shop',
      name: 'big',
      apiVersion: 'lambdacontainer.dev/v1alpha1',
      kind: 'LambdaContainer',
      spec: { text: '' },
    }),
  );
  return { text: 'x'.repeat(bytes - empty) };
}

export function desiredSuite(backend: () => Backend, nextName: () => string): void {
  describe('desired table', () => {
    async function open(): Promise<{ table: DesiredTable; dynamodb: DynamoPort; write(item: Item): Promise<void> }> {
      const { dynamodb } = backend().ports;
      const name = nextName();
      await createTable(dynamodb, name, 'desired');
      return {
        table: new DesiredTable(dynamodb, name),
        dynamodb,
        // As people do it: a bare put-item.
        write: async (Item) => {
          await dynamodb.putItem({ TableName: name, Item });
        },
      };
    }

    it('keeps whatever names people choose apart', async () => {
      const { table } = await open();
      for (const name of NAMES) await table.put(object(name, { of: name }));
      expect(await collect(table.list())).toEqual(NAMES.map((name) => `shop/${name}`).sort());
      for (const name of NAMES) {
        expect((await table.get({ namespace: 'shop', name }))?.item.spec).toEqual({ of: name });
      }
      expect(await table.get({ namespace: 'shop', name: 'absent' })).toBeUndefined();
      expect(await table.delete({ namespace: 'shop', name: 'a' })).toBe(true);
      expect(await table.delete({ namespace: 'shop', name: 'a' })).toBe(false);
      expect(await table.get({ namespace: 'shop', name: 'A' })).toBeDefined();
    });

    it('lists page by page, of one namespace or of all', async () => {
      const { table } = await open();
      const text = 'x'.repeat(300 * 1024);
      const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => object(name, { text }));
      for (const item of keys) await table.put(item);
      await table.put(object('other', {}, { namespace: 'bank' }));
      await table.put(object('standard', {}, { namespace: '_system', kind: 'LambdaContainerClass' }));
      const shop = keys.map(({ name }) => `shop/${name}`);
      expect(await collect(table.list('shop'))).toEqual(shop);
      expect(await collect(table.list('bank'))).toEqual(['bank/other']);
      expect(await collect(table.list())).toEqual(['_system/class/standard', 'bank/other', ...shop]);
    });

    it('knows the table whatever its name', async () => {
      const { table, dynamodb } = await open();
      const before = await table.identity();
      expect(before.tableId).not.toBe('');
      expect(before.streamArn).toMatch(/^arn:aws:dynamodb:.*\/stream\//);
      expect(await table.identity()).toEqual(before);
      await backend().deleteTable(table.table);
      await expect(table.identity()).rejects.toMatchObject({ kind: 'notFound' });
      await createTable(dynamodb, table.table, 'desired');
      const after = await table.identity();
      expect(after.tableId).not.toBe(before.tableId);
      await backend().switchStream(table.table, false);
      expect(await table.identity()).toEqual({ tableId: after.tableId, streamArn: undefined });
    });

    describe('a conditional write', () => {
      const key = toItem({ namespace: 'shop', name: 'checkout' });
      const read: Item = {
        ...key,
        spec: {
          M: {
            cpu: { N: '256' },
            text: { S: 'x' },
            list: { L: [{ S: 'a' }, { NULL: true }] },
            map: { M: { b: { BOOL: false }, a: { N: '1' } } },
          },
        },
        labels: { M: { team: { S: 'payments' } } },
      };
      const spec = (members: Item): Item => ({ ...read, spec: { M: { ...read.spec?.M, ...members } } });
      const without = (name: string): Item => Object.fromEntries(Object.entries(read).filter(([key]) => key !== name));

      it.each<{ now: Item | undefined; passes: boolean; reason: string }>([
        { now: read, passes: true, reason: 'nobody changed it' },
        { now: spec({ cpu: { N: '2.56E+2' } }), passes: true, reason: 'a number is the same in another spelling' },
        {
          now: spec({ map: { M: { a: { N: '1' }, b: { BOOL: false } } } }),
          passes: true,
          reason: 'a map has no order',
        },
        { now: spec({ cpu: { N: '512' } }), passes: false, reason: 'a value changed' },
        { now: spec({ cpu: { S: '256' } }), passes: false, reason: 'a type changed' },
        {
          now: spec({ list: { L: [{ NULL: true }, { S: 'a' }] } }),
          passes: false,
          reason: 'a list has an order',
        },
        { now: spec({ more: { S: 'x' } }), passes: false, reason: 'a member was added inside' },
        { now: without('labels'), passes: false, reason: 'an attribute was removed' },
        {
          now: { ...read, annotations: { M: { a: { S: 'b' } } } },
          passes: false,
          reason: 'an attribute that means something was added',
        },
        { now: undefined, passes: false, reason: 'it is gone' },
      ])('passes: $passes when $reason', async ({ now, passes }) => {
        const { table, dynamodb, write } = await open();
        await write(read);
        const record = await table.get({ namespace: 'shop', name: 'checkout' });
        if (!record) throw new Error('nothing was read');
        if (now) await write(now);
        else await dynamodb.deleteItem({ TableName: table.table, Key: key });
        const next = object('checkout', { next: true });
        if (passes) {
          await table.putIf(next, record);
          const replaced = await table.get(record.key);
          expect(replaced?.item.spec).toEqual({ next: true });
          expect(replaced?.item.labels).toBeUndefined();
          await write(now ?? read);
          await table.deleteIf(record);
          expect(await table.get(record.key)).toBeUndefined();
        } else {
          const conflict = {
            kind: 'conflict',
            message: 'the record shop/checkout was changed by somebody else since it was read',
          };
          await expect(table.putIf(next, record)).rejects.toMatchObject(conflict);
          await expect(table.deleteIf(record)).rejects.toMatchObject(conflict);
          expect((await table.get(record.key))?.stored).toEqual(now);
        }
      });

      it('compares what plain values cannot hold: sets, binary, long numbers, odd attributes', async () => {
        const { table, write } = await open();
        const odd: Item = {
          ...key,
          spec: { M: { ['__proto__']: { M: { suspend: { BOOL: true } } } } },
          exact: { N: '1E+2' },
          set: { SS: ['b', 'a'] },
          numbers: { NS: ['1', '2.5'] },
          bytes: { B: new Uint8Array([0, 255]) },
          long: { N: '12345678901234567890123456789012345678' },
          ['__proto__']: { S: 'own' },
          'a.b [0]': { S: 'not a path' },
        };
        await write(odd);
        const record = await table.get({ namespace: 'shop', name: 'checkout' });
        const plain = record?.item as { spec: object; long: unknown; set: unknown };
        expect(Object.getPrototypeOf(plain)).toBe(Object.prototype);
        expect(Object.keys(plain.spec), 'a member like any other, not the prototype').toEqual(['__proto__']);
        expect(plain.spec).not.toHaveProperty('suspend');
        expect(plain).toMatchObject({
          set: new Set(['a', 'b']),
          numbers: new Set([1, 2.5]),
          bytes: new Uint8Array([0, 255]),
          long: '12345678901234567890123456789012345678',
          exact: 100,
        });
        await table.putIf(object('checkout'), record);
        expect(Object.keys((await table.get({ namespace: 'shop', name: 'checkout' }))?.stored ?? {}).sort()).toEqual([
          'apiVersion',
          'kind',
          'name',
          'namespace',
          'spec',
        ]);
      });

      it('creates only what is not there', async () => {
        const { table } = await open();
        await table.putIf(object('new', { n: 1 }), undefined);
        await expect(table.putIf(object('new', { n: 2 }), undefined)).rejects.toMatchObject({ kind: 'conflict' });
        expect((await table.get({ namespace: 'shop', name: 'new' }))?.item.spec).toEqual({ n: 1 });
      });

      it('refuses a record with more attributes than can be compared', async () => {
        const { table, write } = await open();
        await write({ ...key, ...Object.fromEntries(Array.from({ length: 99 }, (_, i) => [`x${i}`, { S: '' }])) });
        const record = await table.get({ namespace: 'shop', name: 'checkout' });
        await expect(table.putIf(object('checkout'), record)).rejects.toMatchObject({
          kind: 'invalid',
          code: 'TooManyAttributes',
          message: expect.stringMatching(/^the record shop\/checkout has 101 attributes.*remove the others$/),
        });
      });

      it('fits whatever DynamoDB holds', async () => {
        const { table } = await open();
        await table.put(object('big', specOf(ITEM_BYTES_MAX)));
        const record = await table.get({ namespace: 'shop', name: 'big' });
        await table.putIf(object('big', { small: true }), record);
      });
    });

    it('counts bytes as DynamoDB does, and says more when there are too many', async () => {
      const { table, write } = await open();
      await table.put(object('big', specOf(ITEM_BYTES_MAX)));
      const { stored } = (await table.get({ namespace: 'shop', name: 'big' })) as DesiredRecord;
      const more: Item = { ...stored, spec: { M: { text: { S: specOf(ITEM_BYTES_MAX + 1).text } } } };
      await expect(write(more)).rejects.toMatchObject({ kind: 'invalid', code: 'ValidationException' });
      await expect(table.put(object('big', specOf(ITEM_BYTES_MAX + 1)))).rejects.toMatchObject({
        kind: 'invalid',
        code: 'ItemTooLarge',
        message:
          'the record shop/big has 400.0 KB, more than the 400 KB that DynamoDB holds in an item; ' +
          'spec.text has 399.9 KB of it; make it smaller',
      });
    });
  });
}
