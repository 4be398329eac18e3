/** The state table and the allocations on a DynamoDB: nothing stale is written, nothing is lost, nothing is too large. */
import { describe, expect, it } from 'vitest';
import type { LambdaContainerStatus } from '../../src/api/index.ts';
import type { DynamoPort } from '../../src/aws/index.ts';
import { Failure, type FailureKind, systemClock } from '../../src/core/index.ts';
import type { Decision, ObjectEvent } from '../../src/resource/index.ts';
import { Allocations, DECISIONS_MAX, fittingStatus, StateTable } from '../../src/store/index.ts';
import { type Backend, createTable } from './backend.ts';

const CHECKOUT = { namespace: 'shop', name: 'checkout' };
const SOURCE = { namespace: '_system', name: 'source/main' };
const STATUS: LambdaContainerStatus = {
  observedGeneration: 1,
  phase: 'Ready',
  conditions: [],
  inventory: [],
  drift: [],
};
const NAMES = ['a', 'a#status', 'ü/ß', '名前', '__proto__', 'constructor', '%', '=', 'x'.repeat(1000), 'ß'.repeat(500)];
/** Now: what was long ago DynamoDB would remove at once. */
const AT = `${new Date(systemClock.now()).toISOString().slice(0, 19)}.000Z`;

const event = (number: number, message = String(number)): ObjectEvent => ({
  at: AT,
  type: 'Normal',
  reason: 'Test',
  message,
});
const decision = (number: number, more: Partial<Decision> = {}): Decision => ({
  number,
  at: AT,
  generation: 1,
  saw: [],
  decided: [],
  did: [],
  tookMs: 1,
  ...more,
});
const events = (count: number) => Array.from({ length: count }, (_, i) => event(i));

function failure(kind: FailureKind): Failure {
  return new Failure({
    kind,
    service: 'dynamodb',
    operation: 'batchWriteItem',
    code: `As${kind}`,
    message: 'as asked',
  });
}

/** What a BatchWriteItem does before the table's own: takes some items only, or fails. */
type Fault = { takes: number } | { fails: FailureKind; after?: 'written' };

export function stateSuite(backend: () => Backend, nextName: () => string): void {
  /** A state table whose calls are counted, and whose batches meet the faults given, one each. */
  async function open() {
    const { dynamodb } = backend().ports;
    const name = nextName();
    await createTable(dynamodb, name, 'state');
    const calls: string[] = [];
    const faults: Fault[] = [];
    const counting: Record<string, unknown> = {};
    for (const [operation, call] of Object.entries(dynamodb)) {
      counting[operation] = (...input: unknown[]) => {
        calls.push(operation);
        return (call as (...input: unknown[]) => unknown)(...input);
      };
    }
    counting.batchWriteItem = async (input: Parameters<DynamoPort['batchWriteItem']>[0]) => {
      calls.push('batchWriteItem');
      const fault = faults.shift();
      if (!fault) return dynamodb.batchWriteItem(input);
      if ('fails' in fault) {
        if (fault.after) await dynamodb.batchWriteItem(input);
        throw failure(fault.fails);
      }
      const requests = input.RequestItems?.[name] ?? [];
      const taken = requests.slice(0, fault.takes);
      if (taken.length > 0) await dynamodb.batchWriteItem({ RequestItems: { [name]: taken } });
      return { $metadata: {}, UnprocessedItems: { [name]: requests.slice(fault.takes) } };
    };
    return { state: new StateTable(counting as unknown as DynamoPort, name), name, dynamodb, calls, faults };
  }

  describe('state table', () => {
    describe('writes on condition', () => {
      it.each([
        { stands: undefined, read: 0, epoch: 1, wins: true, reason: 'nothing is there and nothing was read' },
        { stands: undefined, read: 1, epoch: 9, wins: false, reason: 'what was read is gone' },
        { stands: { writes: 2, epoch: 3 }, read: 2, epoch: 3, wins: true, reason: 'the same leader goes on' },
        { stands: { writes: 2, epoch: 3 }, read: 2, epoch: 4, wins: true, reason: 'a newer leader goes on' },
        { stands: { writes: 2, epoch: 3 }, read: 2, epoch: 2, wins: false, reason: 'a stale leader knows the version' },
        { stands: { writes: 2, epoch: 3 }, read: 1, epoch: 4, wins: false, reason: 'another version was read' },
        { stands: { writes: 2, epoch: 3 }, read: 0, epoch: 4, wins: false, reason: 'nothing was read' },
      ])('wins: $wins when $reason', async ({ stands, read, epoch, wins }) => {
        const { state } = await open();
        for (let i = 0; i < (stands?.writes ?? 0); i++)
          await state.put(CHECKOUT, 'status', STATUS, i, stands?.epoch ?? 0);
        const put = state.put(CHECKOUT, 'status', { ...STATUS, phase: 'Stalled' }, read, epoch);
        if (wins) expect(await put).toBe(read + 1);
        else await expect(put).rejects.toMatchObject({ kind: 'conflict' });
        const now = await state.load(CHECKOUT);
        expect(now.status?.version, 'nothing else changed').toBe(wins ? read + 1 : stands?.writes);
        const removal = state.remove(CHECKOUT, 'status', wins ? read + 1 : read, epoch);
        if (wins) await removal;
        else await expect(removal).rejects.toMatchObject({ kind: 'conflict' });
      });
    });

    it('loads every part of every object, whatever the names, and nothing else', async () => {
      const { state } = await open();
      for (const name of NAMES) {
        const key = { namespace: 'shop', name };
        await state.put(key, 'status', { ...STATUS, url: name }, 0, 1);
        await state.put(key, 'revision#00000007', { number: 7 }, 0, 1);
        await state.record(key, { events: [event(1)], decision: decision(1) });
      }
      await state.putChunks(CHECKOUT, 'objects', ['not a part'], [], 1);
      await state.put(SOURCE, 'status', STATUS, 0, 1);
      await state.putControllerItem('table', { id: 'x' }, 0, 1);
      const loaded = [...(await state.loadAll()).values()];
      expect(loaded.map(({ key }) => key.name).sort()).toEqual([...NAMES].sort());
      for (const { key, status, revisions } of loaded) {
        expect(status?.body.url).toBe(key.name);
        expect([...revisions.keys()]).toEqual([7]);
        expect(await state.load(key)).toEqual({ key, status, revisions });
        expect(await state.status(key)).toEqual(status?.body);
        expect(await state.events(key, 9)).toHaveLength(1);
        expect(await state.decisions(key, 9)).toHaveLength(1);
      }
    });

    it('passes over an item that it did not write', async () => {
      const { state, name, dynamodb } = await open();
      for (const key of ['%zz#status', 'nohash']) {
        const Item = { namespace: { S: 'shop' }, key: { S: key }, version: { N: '1' }, body: { M: {} } };
        await dynamodb.putItem({ TableName: name, Item });
      }
      expect((await state.loadAll()).size).toBe(0);
    });

    it('lists statuses of one namespace, of all but the sources, and of the sources', async () => {
      const { state } = await open();
      const bank = { namespace: 'bank', name: 'ledger' };
      for (const key of [CHECKOUT, bank, SOURCE]) await state.put(key, 'status', { ...STATUS, url: key.name }, 0, 1);
      await state.put(bank, 'inventory', { uid: 'u' }, 0, 1);
      const namesOf = async (namespace?: string) => {
        const names: string[] = [];
        for await (const { key, status } of state.statuses(namespace)) names.push(`${key.namespace}/${status.url}`);
        return names.sort();
      };
      expect(await namesOf()).toEqual(['bank/ledger', 'shop/checkout']);
      expect(await namesOf('bank')).toEqual(['bank/ledger']);
      expect(await namesOf('_system')).toEqual(['_system/source/main']);
      expect(await state.status(SOURCE)).toMatchObject({ url: 'source/main' });
      expect(await state.inventory(bank)).toEqual({ uid: 'u' });
      expect(await state.inventory(CHECKOUT)).toBeUndefined();
    });

    it('reads page by page', async () => {
      const { state, calls } = await open();
      const names = Array.from({ length: 8 }, (_, i) => `n${i}`);
      const text = 'x'.repeat(300 * 1024);
      for (const name of names) await state.put({ namespace: 'shop', name }, 'inventory', { text }, 0, 1);
      expect((await state.loadAll()).size).toBe(8);
      // Of 1 MB at most each; DynamoDB Local ends a page only behind the item that reaches it.
      expect(calls.filter((call) => call === 'scan').length).toBeGreaterThan(1);
      await state.put({ namespace: 'shop', name: 'n9' }, 'status', STATUS, 0, 1);
      const found: string[] = [];
      for await (const { key } of state.statuses('shop')) found.push(key.name);
      expect(found, 'behind pages that hold none').toEqual(['n9']);
    });

    describe('events and decisions', () => {
      it('gives the newest events, oldest first, in the order in which they came, of this object alone', async () => {
        const { state } = await open();
        await state.record(CHECKOUT, { events: events(60) });
        expect((await state.events(CHECKOUT, 3)).map(({ message }) => message)).toEqual(['57', '58', '59']);
        expect(await state.events(CHECKOUT, 100)).toHaveLength(60);
        expect(await state.events({ namespace: 'shop', name: 'check' }, 3)).toEqual([]);
      });

      it('gives as many as were asked for, also when they fill more than a page', async () => {
        const { state } = await open();
        const long = Array.from({ length: 170 }, (_, i) => event(i, `${i} ${'x'.repeat(8_000)}`));
        await state.record(CHECKOUT, { events: long });
        const read = await state.events(CHECKOUT, 160);
        expect(read.map(({ message }) => message.split(' ')[0])).toEqual(
          Array.from({ length: 160 }, (_, i) => String(i + 10)),
        );
      });

      it('keeps the newest decisions in a ring', async () => {
        const { state } = await open();
        for (let number = 0; number < DECISIONS_MAX + 30; number++) {
          await state.record(CHECKOUT, { decision: decision(number) });
        }
        const numbers = (read: Decision[]) => read.map(({ number }) => number);
        const all = await state.decisions(CHECKOUT, 1_000);
        expect(numbers(all)).toEqual(Array.from({ length: DECISIONS_MAX }, (_, i) => i + 30));
        expect(numbers(await state.decisions(CHECKOUT, 2))).toEqual([128, 129]);
        expect(await state.decisions(CHECKOUT, 0)).toEqual([]);
      });

      it('writes what happened in a pass with one call, and nothing for a pass in which nothing did', async () => {
        const { state, calls } = await open();
        await state.record(CHECKOUT, { events: events(24), decision: decision(1) });
        expect(calls).toEqual(['batchWriteItem']);
        await state.record(CHECKOUT, { events: [] });
        await state.record(CHECKOUT, {});
        expect(calls).toEqual(['batchWriteItem']);
        await state.record(CHECKOUT, { events: events(26) });
        expect(calls).toHaveLength(3);
      });

      it('lets DynamoDB remove them in time', async () => {
        const { state, name, dynamodb } = await open();
        await state.record(CHECKOUT, { events: [event(1)], decision: decision(1) });
        await state.put(CHECKOUT, 'status', STATUS, 0, 1);
        const { Items = [] } = await dynamodb.scan({ TableName: name });
        const days = Object.fromEntries(
          Items.map(({ key, expiresAt }) => [
            key?.S?.split('#')[1],
            expiresAt?.N && (Number(expiresAt.N) - Date.parse(AT) / 1000) / 86_400,
          ]),
        );
        expect(days).toEqual({ event: 7, decision: 30, status: undefined });
        const { TimeToLiveDescription } = await dynamodb.describeTimeToLive({ TableName: name });
        expect(TimeToLiveDescription?.AttributeName).toBe('expiresAt');
      });

      it('cuts what is long', async () => {
        const { state } = await open();
        const lines = Array.from({ length: 60 }, () => 'y'.repeat(300));
        await state.record(CHECKOUT, {
          events: [event(1, `${'x'.repeat(8_191)}${'😀'.repeat(1_000)}`)],
          decision: decision(1, { saw: lines, did: ['done'] }),
        });
        const [read] = await state.events(CHECKOUT, 1);
        expect(read?.message).toBe(`${'x'.repeat(8_191)}… (2000 characters more)`);
        const [decided] = await state.decisions(CHECKOUT, 1);
        expect(decided?.saw).toHaveLength(51);
        expect(decided?.saw[0]).toBe(`${'y'.repeat(256)}… (44 characters more)`);
        expect(decided?.saw[50]).toBe('… and 10 more');
        expect(decided?.did).toEqual(['done']);
      });
    });

    describe('when a batch is not taken whole', () => {
      const messages = async (state: StateTable) => (await state.events(CHECKOUT, 1_000)).map(({ message }) => message);

      it('goes on as long as some are taken', async () => {
        const { state, faults, calls } = await open();
        faults.push({ takes: 10 }, { takes: 1 }, { takes: 24 });
        await state.record(CHECKOUT, { events: events(60) });
        expect((await messages(state)).sort()).toEqual(
          events(60)
            .map(({ message }) => message)
            .sort(),
        );
        expect(calls.filter((call) => call === 'batchWriteItem')).toHaveLength(4);
      });

      it.each<{ name: string; fault: Fault; kind: string; reason: string }>([
        { name: 'none is taken', fault: { takes: 0 }, kind: 'throttled', reason: 'the queue must slow down' },
        { name: 'the call is throttled', fault: { fails: 'throttled' }, kind: 'throttled', reason: 'so it is' },
        {
          name: 'the answer is lost',
          fault: { fails: 'transient', after: 'written' },
          kind: 'transient',
          reason: 'writing it again is the same item',
        },
        { name: 'a permission is missing', fault: { fails: 'denied' }, kind: 'denied', reason: 'it may come back' },
      ])('keeps what is left when $name, and writes it with the next call', async ({ fault, kind }) => {
        const { state, faults } = await open();
        faults.push(fault);
        await expect(state.record(CHECKOUT, { events: events(2) })).rejects.toMatchObject({ kind });
        await state.record({ namespace: 'shop', name: 'other' }, {});
        expect(await messages(state), 'once each, in order').toEqual(['0', '1']);
      });

      it('says how many wait', async () => {
        const { state, faults } = await open();
        faults.push({ takes: 5 }, { takes: 0 });
        await expect(state.record(CHECKOUT, { events: events(30) })).rejects.toMatchObject({
          code: 'UnprocessedItems',
          message: expect.stringMatching(/takes no writes for the moment; 25 events and decisions wait$/),
        });
      });

      it('drops what DynamoDB calls invalid: it would hold up everything behind it', async () => {
        const { state, faults } = await open();
        faults.push({ fails: 'invalid' });
        await expect(state.record(CHECKOUT, { events: events(2) })).rejects.toMatchObject({ kind: 'invalid' });
        await state.record(CHECKOUT, { events: [event(9)] });
        expect(await messages(state)).toEqual(['9']);
      });

      it('keeps a thousand, drops the oldest beyond, and says so', async () => {
        const { state, faults } = await open();
        faults.push({ takes: 0 }, { takes: 0 }, { takes: 0 });
        await expect(state.record(CHECKOUT, { events: events(990) })).rejects.toMatchObject({ kind: 'throttled' });
        await expect(state.record(CHECKOUT, { events: events(30) })).rejects.toMatchObject({
          kind: 'throttled',
          message: expect.stringMatching(/; 20 older events and decisions were dropped$/),
        });
        await expect(state.record(CHECKOUT, {})).rejects.toMatchObject({
          message: expect.stringMatching(/1000 events and decisions wait$/),
        });
        await state.record(CHECKOUT, {});
        const read = await messages(state);
        expect(read).toHaveLength(1_000);
        expect(read[0], 'the first twenty are gone').toBe('20');
      });

      it('writes nothing twice when calls overlap', async () => {
        const { state, faults, calls } = await open();
        faults.push({ takes: 0 });
        await expect(state.record(CHECKOUT, { events: events(3) })).rejects.toMatchObject({ kind: 'throttled' });
        calls.length = 0;
        await Promise.all([state.record(CHECKOUT, {}), state.record(CHECKOUT, {}), state.record(CHECKOUT, {})]);
        expect(calls).toEqual(['batchWriteItem']);
      });
    });

    describe('sizes', () => {
      const drift = (i: number) => ({
        node: `node-${i}`,
        path: 'spec',
        desired: 'd'.repeat(5_000),
        observed: { text: 'o'.repeat(5_000) },
        reason: 'Test',
        since: AT,
        policy: 'heal' as const,
        owner: 'lambdacontainer',
      });
      const condition = (message: string) => ({
        type: 'Ready',
        status: 'False' as const,
        reason: 'InvalidSpec',
        message,
        lastTransitionTime: AT,
        observedGeneration: 1,
      });
      const resource = (i: number) => ({ kind: 'test', name: `${i} ${'ü'.repeat(500)}`, createdByUs: true });

      it.each<{ name: string; status: LambdaContainerStatus; kept: object }>([
        {
          name: 'a message for ten thousand defects',
          status: { ...STATUS, conditions: [condition('spec.x: is wrong\n'.repeat(40_000))] },
          kept: { conditions: [{ status: 'False', reason: 'InvalidSpec' }], drift: [] },
        },
        {
          name: 'a hundred long drifts',
          status: { ...STATUS, drift: Array.from({ length: 100 }, (_, i) => drift(i)) },
          kept: { drift: { length: 100 } },
        },
        {
          name: 'thousands of drifts and resources',
          status: {
            ...STATUS,
            drift: Array.from({ length: 2_000 }, (_, i) => drift(i)),
            inventory: Array.from({ length: 3_000 }, (_, i) => resource(i)),
          },
          kept: {
            phase: 'Ready',
            observedGeneration: 1,
            omitted: { drift: expect.any(Number), inventory: expect.any(Number) },
          },
        },
      ])('stores a status with $name', async ({ status, kept }) => {
        const { state } = await open();
        await state.put(CHECKOUT, 'status', status, 0, 1);
        const stored = await state.status(CHECKOUT);
        expect(stored).toMatchObject(kept);
        expect(stored, 'the same status is cut in the same way').toEqual(fittingStatus(status));
        expect(fittingStatus(stored), 'what is cut stays').toEqual(stored);
      });

      it('leaves a status that fits alone', () => {
        const status = { ...STATUS, conditions: [condition('x'.repeat(200_000))] };
        expect(fittingStatus(status)).toBe(status);
      });

      it('refuses an inventory that does not fit, and keeps the old one', async () => {
        const { state } = await open();
        await state.put(CHECKOUT, 'inventory', { uid: 'u' }, 0, 1);
        const entries = Array.from({ length: 1_000 }, (_, i) => ({ nodeId: `${i}`, hash: 'x'.repeat(450) }));
        await expect(state.put(CHECKOUT, 'inventory', { uid: 'u', entries }, 1, 1)).rejects.toMatchObject({
          kind: 'invalid',
          code: 'ItemTooLarge',
          message: expect.stringMatching(
            /^shop\/checkout#inventory in the state table has 4\d\d\.\d KB.*body\.entries/,
          ),
        });
        expect(await state.inventory(CHECKOUT)).toEqual({ uid: 'u' });
      });
    });

    describe('chunks', () => {
      const results = (count: number, result = 'unchanged') =>
        Array.from({ length: count }, (_, i) => ({ name: `n${i}`, result }));

      it('hold a list of any length and only write what differs', async () => {
        const { state, calls } = await open();
        expect(await state.chunks(SOURCE, 'objects')).toEqual([]);
        const first = await state.putChunks(SOURCE, 'objects', results(1_200), [], 1);
        expect(first.map(({ body }) => body.length)).toEqual([500, 500, 200]);
        const read = await state.chunks<{ name: string }>(SOURCE, 'objects');
        expect(read.flatMap(({ body }) => body)).toEqual(results(1_200));

        calls.length = 0;
        expect(await state.putChunks(SOURCE, 'objects', results(1_200), read, 1)).toEqual(read);
        expect(calls, 'a steady source writes nothing').toEqual([]);
        const changed = results(1_200);
        changed[700] = { name: 'n700', result: 'corrected' };
        const second = await state.putChunks(SOURCE, 'objects', changed, read, 1);
        expect(calls).toEqual(['putItem']);
        expect(second.map(({ version }) => version)).toEqual([1, 2, 1]);

        calls.length = 0;
        const third = await state.putChunks(SOURCE, 'objects', changed.slice(0, 500), second, 1);
        expect(calls).toEqual(['deleteItem', 'deleteItem']);
        expect(await state.chunks(SOURCE, 'objects')).toEqual(third);
        expect(await state.putChunks(SOURCE, 'objects', [], third, 1)).toEqual([]);
        expect(await state.chunks(SOURCE, 'objects')).toEqual([]);
      });

      it('are smaller where entries are long', async () => {
        const { state } = await open();
        const long = Array.from({ length: 600 }, (_, i) => ({ name: `n${i}`, message: 'ü'.repeat(1_000) }));
        const chunks = await state.putChunks(SOURCE, 'objects', long, [], 1);
        expect(chunks.length).toBeGreaterThan(4);
        expect((await state.chunks(SOURCE, 'objects')).flatMap(({ body }) => body)).toEqual(long);
      });

      it('are guarded as all state is', async () => {
        const { state } = await open();
        const chunks = await state.putChunks(SOURCE, 'objects', results(1), [], 2);
        const conflict = { kind: 'conflict' };
        await expect(state.putChunks(SOURCE, 'objects', results(2), [], 2)).rejects.toMatchObject(conflict);
        await expect(state.putChunks(SOURCE, 'objects', results(2), chunks, 1)).rejects.toMatchObject(conflict);
        await expect(state.putChunks(SOURCE, 'objects', [], chunks, 1)).rejects.toMatchObject(conflict);
      });
    });

    describe('what the controller remembers of itself', () => {
      it('is guarded as all state is', async () => {
        const { state } = await open();
        expect(await state.controllerItem('table')).toBeUndefined();
        expect(await state.putControllerItem('table', { id: 'one' }, 0, 2)).toBe(1);
        await expect(state.putControllerItem('table', { id: 'two' }, 0, 2)).rejects.toMatchObject({ kind: 'conflict' });
        await expect(state.putControllerItem('table', { id: 'two' }, 1, 1)).rejects.toMatchObject({ kind: 'conflict' });
        await expect(state.removeControllerItem('table', 1, 1)).rejects.toMatchObject({ kind: 'conflict' });
        expect(await state.putControllerItem('table', { id: 'two' }, 1, 3)).toBe(2);
        expect(await state.controllerItem('table')).toEqual({ version: 2, body: { id: 'two' } });
        await state.removeControllerItem('table', 2, 3);
        expect(await state.controllerItem('table')).toBeUndefined();
      });

      it('is listed by the beginning of its key', async () => {
        const { state, name, dynamodb } = await open();
        for (const key of ['class#b#2', 'class#a#1', 'guard#a', 'classes']) {
          await state.putControllerItem(key, { key }, 0, 1);
        }
        await new Allocations(dynamodb, name).claim('class', 1, 'shop/a', 1);
        expect([...(await state.controllerItems<{ key: string }>('class#'))]).toEqual([
          ['class#a#1', { version: 1, body: { key: 'class#a#1' } }],
          ['class#b#2', { version: 1, body: { key: 'class#b#2' } }],
        ]);
        expect((await state.controllerItems('')).size).toBe(4);
      });

      it.each(['lease', 'listener#arn#1'])('does not take %s from its owner', async (key) => {
        const { state } = await open();
        await expect(state.putControllerItem(key, {}, 0, 1)).rejects.toThrow(/belongs to the lease or the allocations/);
        await expect(state.removeControllerItem(key, 1, 1)).rejects.toThrow(/belongs to/);
      });
    });
  });

  describe('allocations', () => {
    it('a priority belongs to one object, who may ask again; another’s is not freed', async () => {
      const { name, dynamodb } = await open();
      const allocations = new Allocations(dynamodb, name);
      expect(await allocations.claim('listener', 100, 'shop/a', 1)).toBe(true);
      expect(await allocations.claim('listener', 100, 'shop/a', 1)).toBe(true);
      expect(await allocations.claim('listener', 100, 'shop/b', 1)).toBe(false);
      await allocations.free('listener', 100, 'shop/b', 1);
      expect(await allocations.claim('listener', 100, 'shop/b', 1)).toBe(false);
      await allocations.free('listener', 100, 'shop/a', 1);
      await allocations.free('listener', 100, 'shop/a', 1);
      expect(await allocations.claim('listener', 100, 'shop/b', 1)).toBe(true);
    });

    it('a stale leader neither claims nor frees what a newer one has claimed', async () => {
      const { name, dynamodb } = await open();
      const allocations = new Allocations(dynamodb, name);
      await allocations.claim('listener', 100, 'shop/a', 1);
      expect(await allocations.claim('listener', 100, 'shop/a', 2)).toBe(true);
      await expect(allocations.claim('listener', 100, 'shop/a', 1)).rejects.toMatchObject({ kind: 'conflict' });
      await allocations.free('listener', 100, 'shop/a', 1);
      expect(await allocations.claim('listener', 100, 'shop/b', 3)).toBe(false);
    });

    it('of many who ask at once one gets it', async () => {
      const { name, dynamodb } = await open();
      const allocations = new Allocations(dynamodb, name);
      const owners = Array.from({ length: 10 }, (_, i) => `shop/${i}`);
      const won = await Promise.all(owners.map((owner) => allocations.claim('listener', 7, owner, 1)));
      expect(won.filter(Boolean)).toHaveLength(1);
    });
  });
}
