import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AskedWeight, permitted, ruleWeights, type Weights } from '../../src/kinds/index.ts';
import { CALL, fakeIo } from './fakes.ts';

const asked = (group: string, weight: number, proven: boolean): AskedWeight => ({
  targetGroupArn: group,
  weight,
  proven,
});
const PROVEN = true;
const UNPROVEN = false;

describe('permitted', () => {
  const cases: { name: string; asked: AskedWeight[]; observed: Weights; permitted: Weights; reason: string }[] = [
    {
      name: 'everything proven',
      asked: [asked('fn', 10, PROVEN), asked('ip', 90, PROVEN)],
      observed: { fn: 100, ip: 0 },
      permitted: { fn: 10, ip: 90 },
      reason: 'exactly what is asked',
    },
    {
      name: 'a stranger besides',
      asked: [asked('ip', 100, PROVEN)],
      observed: { ip: 50, stranger: 50 },
      permitted: { ip: 100 },
      reason: 'once all that is asked can serve, every other group goes',
    },
    {
      name: 'an asked group is not attached',
      asked: [asked('fn', 0, UNPROVEN), asked('ip', 100, PROVEN)],
      observed: { ip: 100 },
      permitted: { fn: 0, ip: 100 },
      reason: 'groups asked at 0 are attached without proof: they get no traffic',
    },
    {
      name: 'handover not proven yet',
      asked: [asked('fn', 0, PROVEN), asked('ip', 100, UNPROVEN)],
      observed: { fn: 100, ip: 0 },
      permitted: { fn: 100, ip: 0 },
      reason: 'a group that carries traffic and is asked at 0 keeps it until another is proven',
    },
    {
      name: 'handover proven',
      asked: [asked('fn', 0, UNPROVEN), asked('ip', 100, PROVEN)],
      observed: { fn: 100, ip: 0 },
      permitted: { fn: 0, ip: 100 },
      reason: 'the group that leaves needs no proof',
    },
    {
      name: 'split with one side proven',
      asked: [asked('fn', 10, PROVEN), asked('ip', 90, UNPROVEN)],
      observed: { fn: 0, ip: 0 },
      permitted: { fn: 10, ip: 0 },
      reason: 'the proven side takes everything meanwhile',
    },
    {
      name: 'split of three with two proven',
      asked: [asked('a', 10, PROVEN), asked('b', 30, PROVEN), asked('c', 60, UNPROVEN)],
      observed: { a: 0, b: 0, c: 60 },
      permitted: { a: 10, b: 30, c: 0 },
      reason: 'the proven share in the proportion asked, also against one that serves but lost its proof',
    },
    {
      name: 'partly proven beside a stranger',
      asked: [asked('fn', 50, PROVEN), asked('ip', 50, UNPROVEN)],
      observed: { old: 100, fn: 0, ip: 0 },
      permitted: { old: 0, fn: 50, ip: 0 },
      reason: 'the stranger stays attached until everything asked can serve',
    },
    {
      name: 'nothing proven, nothing serves',
      asked: [asked('ip', 100, UNPROVEN)],
      observed: { ip: 0 },
      permitted: { ip: 0 },
      reason: 'no traffic to a group that was never seen to serve',
    },
    {
      name: 'the only group lost its proof',
      asked: [asked('ip', 100, UNPROVEN)],
      observed: { ip: 100 },
      permitted: { ip: 100 },
      reason: 'nothing is better: it keeps serving as well as it can',
    },
    {
      name: 'nothing proven while a stranger serves',
      asked: [asked('ip', 100, UNPROVEN)],
      observed: { stranger: 7, ip: 0 },
      permitted: { stranger: 7, ip: 0 },
      reason: 'whatever serves goes on serving until something asked can',
    },
    {
      name: 'a share grows without proof',
      asked: [asked('fn', 0, PROVEN), asked('ip', 100, UNPROVEN)],
      observed: { fn: 90, ip: 10 },
      permitted: { fn: 90, ip: 10 },
      reason: 'what an unproven group has it keeps, but it gets no more',
    },
    {
      name: 'nothing asked to serve, something serves',
      asked: [asked('fn', 0, PROVEN), asked('ip', 0, PROVEN)],
      observed: { fn: 100, ip: 0 },
      permitted: { fn: 100, ip: 0 },
      reason: 'weights alone never take a service off',
    },
    {
      name: 'nothing asked to serve, nothing serves',
      asked: [asked('fn', 0, UNPROVEN), asked('ip', 0, UNPROVEN)],
      observed: { old: 0 },
      permitted: { fn: 0, ip: 0 },
      reason: 'nobody is worse off, so it is as asked',
    },
    {
      name: 'some of a new side can serve',
      asked: [{ ...asked('ip', 100, PROVEN), provenToEnter: false }],
      observed: { stranger: 100, ip: 0 },
      permitted: { stranger: 100, ip: 0 },
      reason: 'it gets traffic with all that it should have',
    },
    {
      name: 'all of a new side can serve',
      asked: [{ ...asked('ip', 100, PROVEN), provenToEnter: true }],
      observed: { stranger: 100, ip: 0 },
      permitted: { ip: 100 },
      reason: 'proven to enter, it enters',
    },
    {
      name: 'some of a side that serves can serve',
      asked: [asked('fn', 50, PROVEN), { ...asked('ip', 50, PROVEN), provenToEnter: false }],
      observed: { fn: 100, ip: 1 },
      permitted: { fn: 50, ip: 50 },
      reason: 'as long as anything of it can, it keeps its share',
    },
    {
      name: 'a rule that does not forward',
      asked: [asked('ip', 100, UNPROVEN)],
      observed: {},
      permitted: {},
      reason: 'no proof, nothing to keep: nothing is changed',
    },
  ];
  it.each(cases)('$name', ({ asked, observed, permitted: expected, reason }) => {
    expect(permitted(asked, observed), reason).toEqual(expected);
  });

  const groups = ['a', 'b', 'c', 'd'];
  const weight = fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 999 }));
  const askedWeights = fc
    .subarray(groups.slice(0, 3), { minLength: 1 })
    .chain((some) =>
      fc.tuple(...some.map((group) => fc.record({ targetGroupArn: fc.constant(group), weight, proven: fc.boolean() }))),
    );
  const observedWeights = fc
    .subarray(groups)
    .chain((some) => fc.tuple(...some.map((group) => fc.tuple(fc.constant(group), weight))))
    .map((entries) => Object.fromEntries(entries) as Weights);
  const total = (weights: Weights) => Object.values(weights).reduce((sum, one) => sum + one, 0);

  it('never gives a positive weight to an unproven group that did not have it', () => {
    fc.assert(
      fc.property(askedWeights, observedWeights, (asked, observed) => {
        for (const [group, weight] of Object.entries(permitted(asked, observed))) {
          const isProven = asked.some(({ targetGroupArn, proven }) => targetGroupArn === group && proven);
          if (weight > 0 && !isProven) expect(weight).toBe(observed[group]);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('keeps the total positive while something serves, or something asked to serve is proven', () => {
    fc.assert(
      fc.property(askedWeights, observedWeights, (asked, observed) => {
        const canServe = total(observed) > 0 || asked.some(({ weight, proven }) => weight > 0 && proven);
        if (canServe) expect(total(permitted(asked, observed))).toBeGreaterThan(0);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is settled after one move: what it permits permits itself', () => {
    fc.assert(
      fc.property(askedWeights, observedWeights, (asked, observed) => {
        const moved = permitted(asked, observed);
        expect(permitted(asked, moved)).toEqual(moved);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('rule-weights', () => {
  const FN = 'arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/lc-fn/1';
  const IP = 'arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/lc-ip/2';
  const observed = (weights: Weights) => ({ weights, stickiness: null });

  it.each([
    { asked: [asked(IP, 100, PROVEN)], weights: { [IP]: 100 }, state: 'ready', reason: 'as asked' },
    {
      asked: [asked(IP, 100, PROVEN)],
      weights: { [IP]: 1 },
      state: 'ready',
      reason: 'a diff, and nothing to wait for',
    },
    { asked: [asked(IP, 100, UNPROVEN)], weights: { [IP]: 0 }, state: 'pending', reason: 'waits for proof' },
    { asked: [asked(IP, 0, PROVEN)], weights: { [FN]: 1 }, state: 'pending', reason: 'keeps what serves' },
    {
      asked: [asked(IP, 100, UNPROVEN)],
      weights: { [IP]: 100 },
      state: 'pending',
      reason: 'as asked, and nobody answers',
    },
  ])('is $state: $reason', ({ asked, weights, state }) => {
    const readiness = ruleWeights.readiness(observed(weights), { asked });
    expect(readiness.state).toBe(state);
    if (readiness.state === 'pending') {
      expect(readiness).toMatchObject({ reason: 'AwaitingProof', acceptsUpdate: true, usable: true });
    }
  });

  it('names the groups that traffic waits for', () => {
    const readiness = ruleWeights.readiness(observed({ [FN]: 100 }), {
      asked: [asked(FN, 0, PROVEN), asked(IP, 9, UNPROVEN)],
    });
    expect(readiness).toMatchObject({ message: 'traffic moves once lc-ip can serve' });
  });

  it('is ready as an orphan', () => {
    expect(ruleWeights.readiness(observed({ [FN]: 1 }), undefined)).toEqual({ state: 'ready' });
  });

  it('shows a group that goes, one that comes and one that changes', () => {
    const desired = { asked: [asked(FN, 10, PROVEN), asked(IP, 90, PROVEN)] };
    expect(ruleWeights.diff(desired, observed({ [FN]: 100, 'a/old/1': 0 }))).toEqual([
      { path: 'weights.lc-fn', desired: 10, observed: 100, reason: 'WeightDrift' },
      { path: 'weights.old', desired: null, observed: 0, reason: 'WeightDrift' },
      { path: 'weights.lc-ip', desired: 90, observed: null, reason: 'WeightDrift' },
    ]);
  });

  it('does not call AWS to change nothing, and never to delete or release', async () => {
    const { io, calls } = fakeIo({});
    const desired = { asked: [asked(IP, 100, UNPROVEN)] };
    await ruleWeights.update(io, { ruleArn: 'r' }, desired, observed({ [FN]: 1 }), [], CALL);
    await ruleWeights.delete(io, { ruleArn: 'r' }, observed({ [FN]: 1 }), {});
    await ruleWeights.release(io, { ruleArn: 'r' }, observed({ [FN]: 1 }), {});
    expect(calls).toEqual([]);
  });

  it('carries the stickiness that somebody set through a move', async () => {
    let actions: unknown;
    const { io } = fakeIo({
      elbv2: {
        modifyRule: (input) => {
          actions = input.Actions;
        },
      },
    });
    const before = { weights: { [FN]: 100 }, stickiness: { enabled: true, durationSec: 60 } };
    await ruleWeights.update(io, { ruleArn: 'r' }, { asked: [asked(IP, 1, PROVEN)] }, before, [], CALL);
    expect(actions).toEqual([
      {
        Type: 'forward',
        ForwardConfig: {
          TargetGroups: [{ TargetGroupArn: IP, Weight: 1 }],
          TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: 60 },
        },
      },
    ]);
  });
});
