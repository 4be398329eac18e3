/** The lease and the desired stream on a DynamoDB, on a clock that runs ten times as fast. */
import { afterEach, describe, expect, it } from 'vitest';
import { toItem } from '../../src/aws/index.ts';
import { type Logger, seededRandom, silentLogger } from '../../src/core/index.ts';
import { DesiredStream, Lease } from '../../src/store/index.ts';
import { type Backend, createTable, hurriedClock, Told } from './backend.ts';

const clock = hurriedClock(10);

function tellingLogger(told: Told): Logger {
  const info = (fields: object, message: string) => told.add(`${message} ${JSON.stringify(fields)}`);
  const logger: Logger = { ...silentLogger, info, warn: info, child: () => logger };
  return logger;
}

export function coordinationSuite(backend: () => Backend, nextName: () => string): void {
  describe('lease', () => {
    const never = new AbortController().signal;

    async function table(): Promise<string> {
      const name = nextName();
      await createTable(backend().ports.dynamodb, name, 'state');
      return name;
    }

    const lease = (name: string, seed: number, logger = silentLogger) =>
      new Lease(backend().ports.dynamodb, name, clock, seededRandom(seed), logger, {
        durationMs: 15_000,
        callTimeoutMs: 5_000,
      });

    it('is handed over under a greater epoch', async () => {
      const name = await table();
      const told = new Told();
      const [first, second] = [lease(name, 1), lease(name, 2, tellingLogger(told))];
      expect(await first.acquire(() => {}, never)).toBe(true);
      first.assertHeld();
      const following = second.acquire(() => {}, never);
      await told.until((all) => all.some((text) => text.startsWith('following')));
      await first.release();
      expect(await following).toBe(true);
      expect([first.epoch, second.epoch]).toEqual([1, 2]);
      expect(() => first.assertHeld()).toThrow(/does not hold the lease/);
      await second.release();
    });

    it('of two that ask at once one leads', async () => {
      const name = await table();
      const stopping = new AbortController();
      const leases = [lease(name, 1), lease(name, 2)];
      const won: number[] = [];
      const asking = leases.map(async (each, i) => {
        if (await each.acquire(() => {}, stopping.signal)) {
          won.push(i);
          stopping.abort();
        }
      });
      await Promise.all(asking);
      expect(won).toHaveLength(1);
      await leases[won[0] ?? 0]?.release();
    });

    it('is lost by a holder that finds another in its place', async () => {
      const name = await table();
      const holder = lease(name, 1);
      let lose: () => void = () => {};
      const lost = new Promise<void>((resolve) => {
        lose = resolve;
      });
      await holder.acquire(lose, never);
      await backend().ports.dynamodb.putItem({
        TableName: name,
        Item: toItem({ namespace: '_controller', key: 'lease', epoch: 7, body: {} }),
      });
      await lost;
      expect(() => holder.assertHeld()).toThrow(/does not hold the lease/);
      await holder.release();
    });
  });

  describe('desired stream', () => {
    const streams: DesiredStream[] = [];
    afterEach(async () => {
      await Promise.all(streams.splice(0).map((stream) => stream.stop()));
    });

    async function follow() {
      const { dynamodb, streams: port } = backend().ports;
      const table = nextName();
      await createTable(dynamodb, table, 'desired');
      const told = new Told();
      const stream = new DesiredStream({
        dynamo: dynamodb,
        streams: port,
        table,
        clock,
        random: seededRandom(1),
        logger: silentLogger,
        onKey: (namespace, name) => told.add(`${namespace}/${name}`),
        onGap: (reason) => told.add(`!${reason}`),
      });
      streams.push(stream);
      const write = async (...names: string[]) => {
        for (const name of names) {
          const Item = toItem({ namespace: 'shop', name, spec: { n: written++ } });
          await dynamodb.putItem({ TableName: table, Item });
        }
      };
      let written = 0;
      const until = async (...all: string[]) => {
        await told.until((sofar) => sofar.length >= all.length);
        expect(told.all).toEqual(all);
      };
      return { table, stream, told, write, until };
    }

    it('tells every change after its start, in the order of each item, and nothing before', async () => {
      const { stream, told, write, until } = await follow();
      await write('before');
      stream.start();
      await until('!started');
      const names = Array.from({ length: 30 }, (_, i) => `n${i}`);
      await write(...names, 'n0', 'ü/名前');
      await told.until((all) => all.length === 33);
      expect(told.all.slice(1).sort()).toEqual([...names, 'n0', 'ü/名前'].map((name) => `shop/${name}`).sort());
      expect(stream.state()).toEqual({ mode: 'streaming' });
    });

    it('tells removals as well', async () => {
      const { table, stream, write, until } = await follow();
      await write('a');
      stream.start();
      await until('!started');
      await backend().ports.dynamodb.deleteItem({ TableName: table, Key: toItem({ namespace: 'shop', name: 'a' }) });
      await until('!started', 'shop/a');
    });

    it('relists only while the stream is off, and goes on under the new one', async () => {
      const { table, stream, write, until } = await follow();
      stream.start();
      await until('!started');
      await write('last');
      await backend().switchStream(table, false);
      await until('!started', 'shop/last', '!relist-only');
      expect(stream.state()).toEqual({ mode: 'relist-only', reason: `table ${table} has no enabled stream` });
      await write('unseen');
      await backend().switchStream(table, true);
      await until('!started', 'shop/last', '!relist-only', '!started');
      expect(stream.state()).toEqual({ mode: 'streaming' });
      await write('seen');
      await until('!started', 'shop/last', '!relist-only', '!started', 'shop/seen');
    });

    it('follows another table of the same name', async () => {
      const { table, stream, told, write } = await follow();
      stream.start();
      await told.until((all) => all.length === 1);
      await backend().deleteTable(table);
      await createTable(backend().ports.dynamodb, table, 'desired');
      // By way of relisting only, where the old one's end was seen before the new one was there.
      await told.until((all) => ['!started', '!stream-replaced'].includes(all[all.length - 1] ?? '') && all.length > 1);
      await write('new');
      await told.until((all) => all.at(-1) === 'shop/new');
    });
  });
}
