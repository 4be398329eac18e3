import { describe, expect, it } from 'vitest';
import { ownershipKeys, ownershipOf } from '../../src/resource/index.ts';

const OURS = {
  'lambdacontainer.dev/owner': 'lambdacontainer-state',
  'lambdacontainer.dev/namespace': 'shop',
  'lambdacontainer.dev/name': 'checkout',
  'lambdacontainer.dev/uid': '0123',
};

describe('whose a resource says it is', () => {
  const cases = [
    { reason: 'all our tags', tags: OURS, ownership: OURS },
    {
      reason: 'what others tag, and what AWS tags, is no mark',
      tags: { ...OURS, team: 'payments', 'aws:cloudformation:stack-name': 'x', 'lambdacontainer.dev/hash': 'v1-0' },
      ownership: OURS,
    },
    {
      reason: 'half a mark with an owner is seen as it is',
      tags: { 'lambdacontainer.dev/owner': 'other' },
      ownership: { 'lambdacontainer.dev/owner': 'other' },
    },
    {
      reason: 'without an owner it is as if there were no tags: the tag listing does not show it',
      tags: { 'lambdacontainer.dev/name': 'checkout', team: 'payments' },
      ownership: null,
    },
    { reason: 'no tags', tags: {}, ownership: null },
    { reason: 'the tag listing shows nothing of it', tags: undefined, ownership: null },
  ];
  it.each(cases)('$reason', ({ tags, ownership }) => {
    expect(ownershipOf(tags)).toEqual(ownership);
  });

  it('is taken off by these keys', () => {
    expect(ownershipKeys({ ...OURS, team: 'payments' })).toEqual(Object.keys(OURS));
  });
});
