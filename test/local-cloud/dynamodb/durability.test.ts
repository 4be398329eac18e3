import { describe, expect, it } from 'vitest';
import { Machine } from './machine.ts';

const key = (pk: string, sk: number) => ({ pk: { S: pk }, sk: { N: String(sk) } });
const STREAM = { StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' } };

function everything(machine: Machine): string {
  const { Table } = machine.call('DescribeTable', { TableName: 'tbl' });
  const { Shards } = machine.call('DescribeStream', { StreamArn: Table.LatestStreamArn }).StreamDescription;
  const records = Shards.map(({ ShardId }: { ShardId: string }) => {
    const input = { StreamArn: Table.LatestStreamArn, ShardId, ShardIteratorType: 'TRIM_HORIZON' };
    return machine.call('GetRecords', machine.call('GetShardIterator', input)).Records;
  });
  return JSON.stringify([Table, Shards, records, machine.call('Scan', { TableName: 'tbl' })]);
}

describe('what the machines remember', () => {
  it('survives a restart: tables, items in order, stream records, due times', () => {
    const machine = new Machine().table(STREAM);
    for (let i = 0; i < 20; i++) {
      machine.call('PutItem', { TableName: 'tbl', Item: { ...key(`p${i % 3}`, i), b: { B: new Uint8Array([i]) } } });
    }
    machine.call('DeleteItem', { TableName: 'tbl', Key: key('p0', 3) });
    const before = everything(machine);
    const dueAtMs = machine.dynamo.nextAtMs();
    machine.restart();
    expect(everything(machine)).toBe(before);
    expect(machine.dynamo.nextAtMs()).toBe(dueAtMs);
    machine.call('PutItem', { TableName: 'tbl', Item: key('p0', 99) });
    expect(machine.call('Scan', { TableName: 'tbl' }).Count).toBe(20);
  });

  it('follows when the cloud undoes a step', () => {
    const machine = new Machine().table(STREAM);
    machine.call('PutItem', { TableName: 'tbl', Item: key('a', 1) });
    const before = everything(machine);
    for (const step of [
      () => machine.call('PutItem', { TableName: 'tbl', Item: key('a', 2) }),
      () => machine.call('DeleteItem', { TableName: 'tbl', Key: key('a', 1) }),
      // One item more and one less: the count alone does not tell.
      () =>
        machine.call('TransactWriteItems', {
          TransactItems: [
            { Put: { TableName: 'tbl', Item: key('a', 2) } },
            { Delete: { TableName: 'tbl', Key: key('a', 1) } },
          ],
        }),
    ]) {
      const copy = machine.state.copy();
      step();
      machine.state.restore(copy);
      expect(everything(machine)).toBe(before);
    }
    machine.call('PutItem', { TableName: 'tbl', Item: key('a', 3) });
    expect(machine.call('Scan', { TableName: 'tbl' }).Items).toEqual([key('a', 1), key('a', 3)]);
  });

  it('keeps what it hands out and takes in apart from what it stores', () => {
    const machine = new Machine().table();
    const Item = { ...key('a', 1), l: { L: [{ S: 'x' }] } };
    machine.call('PutItem', { TableName: 'tbl', Item });
    Item.l.L.push({ S: 'y' });
    const read = machine.call('GetItem', { TableName: 'tbl', Key: key('a', 1) }).Item;
    read.l.L.push({ S: 'z' });
    expect(machine.call('GetItem', { TableName: 'tbl', Key: key('a', 1) }).Item.l).toEqual({ L: [{ S: 'x' }] });
  });
});

describe('10,000 items', () => {
  it('cost no more per call than ten: writes do not grow with the table', { timeout: 60_000 }, () => {
    const machine = new Machine().table();
    const spread = (i: number) => key(`p${i % 100}`, i);
    const write = (from: number, to: number) => {
      const startedAt = performance.now();
      for (let i = from; i < to; i++) {
        machine.call('PutItem', { TableName: 'tbl', Item: { ...spread(i), v: { S: 'x'.repeat(100) } } });
      }
      return (performance.now() - startedAt) / (to - from);
    };
    write(0, 1000);
    const smallMs = write(1000, 2000);
    write(2000, 9000);
    const largeMs = write(9000, 10_000);
    // Wide, because the machine is shared; copying the table per call would be slower by hundreds.
    expect(largeMs).toBeLessThan(20 * smallMs + 1);
    expect(machine.call('Scan', { TableName: 'tbl', Select: 'COUNT' }).ScannedCount).toBeGreaterThan(5000);
    machine.restart();
    expect(machine.call('GetItem', { TableName: 'tbl', Key: spread(4321) }).Item.sk.N).toBe('4321');
    const page = machine.call('Query', {
      TableName: 'tbl',
      KeyConditionExpression: 'pk = :p',
      ExpressionAttributeValues: { ':p': { S: 'p7' } },
    });
    expect(page.Count).toBe(100);
  });
});
