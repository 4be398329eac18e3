import { describe, expect, it } from 'vitest';
import type { LambdaContainerClassSpec, LambdaContainerSpec } from '../../src/api/index.ts';
import type { Elbv2Port } from '../../src/aws/index.ts';
import { Allocator } from '../../src/controller/allocator.ts';
import type { Memory } from '../../src/controller/memory.ts';
import type { Allocation, Inventory } from '../../src/resource/index.ts';
import type { Allocations } from '../../src/store/index.ts';

const KLASS = {
  listeners: [
    { arn: 'listener-1', url: 'http://a', priorities: { from: 10, to: 11 } },
    { arn: 'listener-2', url: 'http://b', priorities: { from: 10, to: 10 } },
  ],
} as unknown as LambdaContainerClassSpec;

function spec(paths?: string[]): LambdaContainerSpec {
  return { className: 'standard', traffic: { hosts: [], paths } } as unknown as LambdaContainerSpec;
}

function inventory(uid: string, createdAtMs: number, allocation?: Allocation): Inventory {
  return {
    uid,
    createdAtMs,
    allocation,
    generation: 1,
    specHash: '',
    className: 'standard',
    deletionPolicy: 'delete',
    entries: [],
    incarnations: {},
  };
}

/** Priorities that the table says are another's. */
function allocator(others: Inventory[], taken: string[] = [], rules: string[] = []) {
  const memory = { outlines: () => others } as unknown as Memory;
  const allocations = {
    claim: async (listener: string, priority: number) => !taken.includes(`${listener} ${priority}`),
  } as unknown as Allocations;
  const elbv2 = {
    // One rule a page: every page counts.
    describeRules: async ({ Marker = '0' }: { Marker?: string }) => ({
      Rules: rules.slice(Number(Marker), Number(Marker) + 1).map((Priority) => ({ Priority })),
      ...(Number(Marker) + 1 < rules.length ? { NextMarker: String(Number(Marker) + 1) } : {}),
    }),
  } as unknown as Elbv2Port;
  return new Allocator(
    allocations,
    () => elbv2,
    memory,
    () => 1,
  );
}

const key = { namespace: 'shop', name: 'checkout' };
const at = (priority: number, claims: string[], listenerArn = 'listener-1'): Allocation => ({
  listenerArn,
  priority,
  claims,
});

describe('allocator', () => {
  it('gives the first free priority, of the next listener when one is full', async () => {
    const others = [inventory('a', 1, at(10, ['* /a']))];
    expect((await allocator(others).allocate(key, spec(), KLASS, inventory('me', 2))).allocation).toEqual({
      listenerArn: 'listener-1',
      priority: 11,
      claims: ['* /checkout', '* /checkout/*'],
    });
    const full = await allocator(others, ['listener-1 11']).allocate(key, spec(), KLASS, inventory('me', 2));
    expect(full.allocation?.listenerArn).toBe('listener-2');
  });

  it('passes over priorities that somebody else has a rule at', async () => {
    const result = await allocator([], [], ['default', '10']).allocate(key, spec(), KLASS, inventory('me', 2));
    expect(result.allocation?.priority).toBe(11);
  });

  it('says what to do when no listener has room', async () => {
    const none = await allocator([], ['listener-1 10', 'listener-1 11', 'listener-2 10']).allocate(
      key,
      spec(),
      KLASS,
      inventory('me', 2),
    );
    expect(none).toMatchObject({
      reason: 'ListenersFull',
      problem: expect.stringContaining('add a listener to the class'),
    });
  });

  it('keeps what it has, with the claims of the new spec', async () => {
    const mine = inventory('me', 2, at(11, ['* /old']));
    expect((await allocator([]).allocate(key, spec(['/new']), KLASS, mine)).allocation).toEqual(at(11, ['* /new']));
  });

  it('an older object cannot take a path from a younger one that holds it', async () => {
    const younger = inventory('young', 9, at(10, ['* /shop']));
    const result = await allocator([younger]).allocate(
      key,
      spec(['/shop']),
      KLASS,
      inventory('me', 1, at(11, ['* /mine'])),
    );
    expect(result).toMatchObject({
      reason: 'PathConflict',
      problem: "spec.traffic: another object already answers for '* /shop'; choose another host or path",
    });
  });

  it('the same path on listeners of another class is no conflict', async () => {
    const elsewhere = inventory('other', 1, at(10, ['* /shop'], 'listener-of-another-class'));
    expect(
      (await allocator([elsewhere]).allocate(key, spec(['/shop']), KLASS, inventory('me', 2))).problem,
    ).toBeUndefined();
  });

  it('of two that hold the same path the older keeps it', async () => {
    const mine = (createdAtMs: number) => inventory('me', createdAtMs, at(11, ['* /shop']));
    const other = inventory('other', 5, at(10, ['* /shop']));
    expect((await allocator([other]).allocate(key, spec(['/shop']), KLASS, mine(4))).problem).toBeUndefined();
    expect((await allocator([other]).allocate(key, spec(['/shop']), KLASS, mine(6))).reason).toBe('PathConflict');
  });
});
