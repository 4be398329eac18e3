/**
 * A leader that was paused and wakes up must not write an item that nobody had written before: no condition could refuse
 * it, and its successor, who read the table before, would never learn of it.
 */
import { expect, it } from 'vitest';
import { layered, type Ports } from '../../src/aws/index.ts';
import { Failure } from '../../src/core/index.ts';
import { Allocations, StateTable } from '../../src/store/index.ts';

const LOST = new Failure({
  kind: 'transient',
  service: 'dynamodb',
  operation: 'lease',
  code: 'LeaseNotHeld',
  message: 'x',
});

function tables(isHeld: () => boolean) {
  const sent: string[] = [];
  const note = (operation: string) => async () => {
    sent.push(operation);
    return {};
  };
  const dynamodb = { putItem: note('putItem'), deleteItem: note('deleteItem'), getItem: note('getItem') };
  const { dynamodb: port } = layered({ dynamodb, registry: {} } as unknown as Ports);
  const fence = () => {
    if (!isHeld()) throw LOST;
  };
  return { sent, state: new StateTable(port, 'state', fence), allocations: new Allocations(port, 'state', fence) };
}

const KEY = { namespace: 'shop', name: 'a' };

it('asks the lease when a write leaves, and never for a read', async () => {
  let isHeld = true;
  const { sent, state, allocations } = tables(() => isHeld);
  await state.put(KEY, 'inventory', {}, 0, 1);
  expect(await allocations.claim('listener', 1, 'shop/a', 1)).toBe(true);
  expect(sent).toEqual(['putItem', 'putItem']);
  isHeld = false;
  await expect(state.put(KEY, 'inventory', {}, 0, 1)).rejects.toBe(LOST);
  await expect(state.remove(KEY, 'inventory', 1, 1)).rejects.toBe(LOST);
  await expect(allocations.claim('listener', 1, 'shop/a', 1)).rejects.toBe(LOST);
  await expect(allocations.free('listener', 1, 'shop/a', 1)).rejects.toBe(LOST);
  expect(sent).toEqual(['putItem', 'putItem']);
  expect(await state.inventory(KEY)).toBeUndefined();
  expect(sent).toEqual(['putItem', 'putItem', 'getItem']);
});
