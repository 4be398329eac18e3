import { describe, expect, it } from 'vitest';
import { DecisionLog, type Finding } from '../../src/controller/decision-log.ts';
import type { Decision } from '../../src/resource/index.ts';

const KEY = { namespace: 'shop', name: 'checkout' };

function finding(extra: Partial<Finding> = {}): Finding {
  return { at: '2026-01-01T00:00:00.000Z', generation: 1, saw: [], decided: [], did: [], tookMs: 1, ...extra };
}

/** A log over a table whose reads are counted. */
function logOver(stored: Decision | undefined) {
  let reads = 0;
  const log = new DecisionLog({
    lastDecision: async () => {
      reads++;
      return stored;
    },
  });
  return { log, reads: () => reads };
}

describe('the decision log', () => {
  it('numbers go on where an earlier leader ended, which is read once', async () => {
    const { log, reads } = logOver({ ...finding({ saw: ['rule: absent'] }), number: 41 });
    expect((await log.next(KEY, finding({ did: ['create rule: done'] }), false))?.number).toBe(42);
    expect((await log.next(KEY, finding({ did: ['update weights: done'] }), false))?.number).toBe(43);
    expect(reads()).toBe(1);
  });

  it('of a steady object nothing is read and nothing recorded', async () => {
    const { log, reads } = logOver(undefined);
    expect(await log.next(KEY, finding(), true)).toBeUndefined();
    expect(reads()).toBe(0);
  });

  it.each<{ reason: string; before: Partial<Finding>; after: Partial<Finding>; isRecorded: boolean }>([
    {
      reason: 'the same sight is no news',
      before: { saw: ['service: pending RolloutInProgress'] },
      after: { saw: ['service: pending RolloutInProgress'], tookMs: 99, at: '2026-01-01T00:01:00.000Z' },
      isRecorded: false,
    },
    {
      reason: 'another sight is news',
      before: { saw: ['service: pending RolloutInProgress'] },
      after: { saw: [] },
      isRecorded: true,
    },
    {
      reason: 'the same sight of another generation is news',
      before: { saw: ['rule: absent'] },
      after: { saw: ['rule: absent'], generation: 2 },
      isRecorded: true,
    },
    {
      reason: 'what changed something is always recorded',
      before: { saw: ['rule: absent'], did: ['create rule: done'] },
      after: { saw: ['rule: absent'], did: ['create rule: done'] },
      isRecorded: true,
    },
    {
      reason: 'a failure that repeats itself is told once, whatever request it names',
      before: { saw: ['rule: absent'], did: ['create rule: AccessDenied: request 1 was denied'] },
      after: { saw: ['rule: absent'], did: ['create rule: AccessDenied: request 2 was denied'] },
      isRecorded: false,
    },
    {
      reason: 'another failure is news',
      before: { saw: ['rule: absent'], did: ['create rule: AccessDenied: no'] },
      after: { saw: ['rule: absent'], did: ['create rule: PriorityInUse: no'] },
      isRecorded: true,
    },
  ])('$reason', async ({ before, after, isRecorded }) => {
    const { log } = logOver(undefined);
    await log.next(KEY, finding(before), false);
    const next = await log.next(KEY, finding(after), false);
    expect(next !== undefined).toBe(isRecorded);
  });
});
