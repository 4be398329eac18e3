/** A fight over a field, told from drift: how often we put it right, when we stop, and what makes us try again. */
import { describe, expect, it } from 'vitest';
import { KINDS } from '../../src/kinds/index.ts';
import {
  type DriftRules,
  driftDefects,
  healed,
  type LastWriter,
  ownershipOf,
  type Plan,
  plan,
  withObserved,
} from '../../src/plan/index.ts';
import type { FieldContention } from '../../src/resource/index.ts';
import { entryOf, NOW_MS, OWNED, view } from './worlds.ts';

const SEC = 1_000;
const MIN = 60 * SEC;

interface Settings {
  readonly kind?: string;
  readonly props?: unknown;
  readonly observed?: Record<string, unknown>;
  readonly drift?: DriftRules;
  readonly writers?: ReadonlyMap<string, LastWriter>;
}

/** A node that we keep as desired and that somebody else changes. */
class Fight {
  nowMs = NOW_MS;
  heals = 0;
  sent: unknown;
  props: unknown;
  observed: Record<string, unknown>;
  /** The desire at our last act. */
  #acted: unknown;
  #contention: readonly FieldContention[] = [];
  readonly #settings: Settings;

  constructor(settings: Settings = {}) {
    this.#settings = settings;
    this.props = settings.props ?? { minCapacity: 1, maxCapacity: 10 };
    this.#acted = this.props;
    this.observed = { ...(settings.observed ?? { minCapacity: 1, maxCapacity: 10, tags: OWNED }) };
  }

  /** One pass: what it plans is done, and succeeds. */
  pass(retryNow = false): Plan {
    const { kind = 'scalable-target', drift, writers } = this.#settings;
    const node = view({ id: 'target', kind, props: this.props, observed: this.observed });
    const world = {
      nodes: [node],
      orphans: [],
      entries: [entryOf(node, this.#acted)],
      complete: true,
      nowMs: this.nowMs,
      goal: 'converge',
      tags: OWNED,
      ownerTag: 'lambdacontainer.dev/owner',
      wasReady: true,
      trafficMovedAtMs: 0,
      contention: this.#contention,
      retryNow,
      ...(drift ? { drift } : {}),
      ...(writers ? { writers } : {}),
    } as const;
    const next = plan(world, KINDS);
    // Through the table and back.
    const remembered = JSON.parse(JSON.stringify(next.contention)) as FieldContention[];
    this.#contention = remembered;
    for (const { changes, props } of next.steps) {
      this.heals++;
      this.sent = props;
      this.#acted = this.props;
      const drifted = changes.filter(({ path }) => next.drift.some((found) => found.path === path));
      this.#contention = healed(
        remembered,
        drifted.map(({ path, desired }) => ({ nodeId: 'target', path, desired })),
        this.nowMs,
      );
      this.observed = { ...this.observed, ...(props as object) };
    }
    return next;
  }

  /** Somebody changes it, a pass puts it right, another sees it as desired. */
  round(change: Record<string, unknown>, afterMs = 30 * SEC): Plan {
    this.nowMs += afterMs;
    this.observed = { ...this.observed, ...change };
    const next = this.pass();
    this.nowMs += SEC;
    this.pass();
    return next;
  }

  get verdict() {
    return this.pass().verdicts.get('target');
  }

  get remembered(): readonly FieldContention[] {
    return this.#contention;
  }
}

/** Fought over until we stopped. */
function stopped(settings: Settings = {}): Fight {
  const fight = new Fight(settings);
  for (let i = 0; i < 5; i++) fight.round({ maxCapacity: 99 });
  expect(fight.heals).toBe(4);
  return fight;
}

describe('when we stop', () => {
  it('heals four times within ten minutes and stops at the next reversal', () => {
    const fight = stopped();
    expect(fight.verdict).toMatchObject({ state: 'pending', reason: 'FieldContended', usable: true });
    const { drift, contention } = fight.pass();
    expect(drift).toMatchObject([{ path: 'maxCapacity', kind: 'scalable-target', isContended: true }]);
    expect(contention[0]?.stopped).toMatchObject({ heals: 4, shown: { desired: '10', observed: '99' } });
    for (let i = 0; i < 5; i++) fight.round({ maxCapacity: 98 + i });
    expect(fight.heals).toBe(4);
  });

  it('never takes seldom drift for a fight', () => {
    const fight = new Fight();
    for (let i = 0; i < 20; i++) fight.round({ maxCapacity: 99 }, 3 * MIN);
    expect(fight.heals).toBe(20);
    expect(fight.remembered[0]?.healedAtMs.length).toBeLessThanOrEqual(5);
  });

  it('does not count answers from before its own act', () => {
    const fight = new Fight();
    // Ten stale reads within as many seconds: our own write is not visible yet.
    for (let i = 0; i < 10; i++) {
      fight.nowMs += SEC;
      fight.observed = { ...fight.observed, maxCapacity: 99 };
      fight.pass();
    }
    expect(fight.heals).toBe(10);
    fight.observed = { ...fight.observed, maxCapacity: 10 };
    expect(fight.verdict).toMatchObject({ state: 'settled' });
  });

  it('stops against somebody who is faster than our reading back', () => {
    const fight = new Fight();
    for (let i = 0; i < 20; i++) {
      fight.nowMs += 20 * SEC;
      fight.observed = { ...fight.observed, maxCapacity: 99 };
      fight.pass();
    }
    expect(fight.heals).toBe(4);
  });

  it('goes on with other fields, and does not write the one that is fought over with them', () => {
    const fight = stopped();
    fight.round({ minCapacity: 5 });
    expect(fight.heals).toBe(5);
    expect(fight.sent).toEqual({ minCapacity: 1, maxCapacity: 99 });
  });
});

describe('when we try again', () => {
  it('after ten quiet minutes, then after twenty, then forty, up to a bound', () => {
    const fight = stopped();
    const quiet: number[] = [];
    for (let stops = 0; stops < 7; stops++) {
      const sinceMs = fight.nowMs;
      const before = fight.heals;
      while (fight.heals === before) {
        fight.nowMs += MIN;
        fight.pass();
      }
      quiet.push(Math.round((fight.nowMs - sinceMs) / MIN));
      fight.pass();
      // Reversed once more: no second try before it was quiet for twice as long.
      fight.round({ maxCapacity: 99 });
    }
    expect(quiet).toEqual([10, 20, 40, 80, 160, 160, 160]);
  });

  it('not while it still moves', () => {
    const fight = stopped();
    for (let i = 0; i < 30; i++) fight.round({ maxCapacity: 50 + i }, 5 * MIN);
    expect(fight.heals).toBe(4);
  });

  it.each([
    { reason: 'a person asks', act: (fight: Fight) => fight.pass(true) },
    {
      reason: 'the spec asks for another value',
      act: (fight: Fight) => {
        fight.props = { minCapacity: 1, maxCapacity: 11 };
        fight.pass();
      },
    },
  ])('at once when $reason', ({ act }) => {
    const fight = stopped();
    act(fight);
    expect(fight.heals).toBe(5);
    expect(fight.verdict).toMatchObject({ state: 'settled' });
  });

  it('is over when the other gives in, but not forgotten at once', () => {
    const fight = stopped();
    fight.observed = { ...fight.observed, maxCapacity: 10 };
    expect(fight.verdict).toMatchObject({ state: 'settled' });
    fight.round({ maxCapacity: 99 });
    expect(fight.heals).toBe(4);
    fight.observed = { ...fight.observed, maxCapacity: 10 };
    fight.nowMs += 45 * MIN;
    fight.pass();
    expect(fight.remembered).toEqual([]);
  });
});

describe('who serves comes before peace', () => {
  const groups = { good: 'tg/good/1', bad: 'tg/bad/1' };
  const asked = (badIsProven: boolean) => ({
    asked: [
      { targetGroupArn: groups.good, weight: 50, proven: true },
      { targetGroupArn: groups.bad, weight: 50, proven: badIsProven },
    ],
  });
  const rounds = (badIsProven: boolean, weights: Record<string, number>) => {
    const right = badIsProven ? { good: 50, bad: 50 } : { good: 50, bad: 0 };
    const arns = ({ good, bad }: { good: number; bad: number }) => ({ [groups.good]: good, [groups.bad]: bad });
    const settings = { kind: 'rule-weights', props: asked(badIsProven), observed: { weights: arns(right) } };
    const fight = new Fight(settings);
    let heals = 0;
    for (let i = 0; i < 12; i++) {
      fight.nowMs += 30 * SEC;
      fight.observed = { weights, stickiness: null };
      if (fight.pass().steps.length > 0) {
        heals++;
        fight.observed = { weights: arns(right), stickiness: null };
      }
      fight.nowMs += SEC;
      fight.pass();
    }
    return heals;
  };

  it('traffic on a group that cannot serve is taken away every time', () => {
    expect(rounds(false, { [groups.good]: 0, [groups.bad]: 100 })).toBe(12);
  });

  it('traffic between two that can serve is not fought over', () => {
    expect(rounds(true, { [groups.good]: 0, [groups.bad]: 100 })).toBe(4);
  });
});

describe('the likely writer', () => {
  it.each([
    {
      reason: 'an event named them',
      settings: { writers: new Map([['target', { who: 'arn:aws:iam::1:user/ann', atMs: NOW_MS }]]) },
      says: 'arn:aws:iam::1:user/ann',
    },
    {
      reason: 'it is in a stack',
      settings: {
        observed: { minCapacity: 1, maxCapacity: 10, tags: { ...OWNED, 'aws:cloudformation:stack-name': 'legacy' } },
      },
      says: "stack 'legacy'",
    },
    { reason: 'nothing tells', settings: {}, says: 'whom no event has named' },
  ])('is named when $reason', ({ settings, says }) => {
    const verdict = stopped(settings).verdict;
    expect(verdict).toMatchObject({ message: expect.stringContaining(says) });
    expect(verdict).toMatchObject({ message: expect.stringContaining('target.maxCapacity: desired 10') });
  });
});

describe('spec.drift', () => {
  const cases: {
    reason: string;
    drift: DriftRules;
    isWritten: boolean;
    isTold: boolean;
    isWrittenWhenSpecChanges: boolean;
  }[] = [
    {
      reason: 'heal',
      drift: { policy: 'heal', fields: {} },
      isWritten: true,
      isTold: true,
      isWrittenWhenSpecChanges: true,
    },
    {
      reason: 'warn',
      drift: { policy: 'warn', fields: {} },
      isWritten: false,
      isTold: true,
      isWrittenWhenSpecChanges: true,
    },
    {
      reason: 'ignore',
      drift: { policy: 'ignore', fields: {} },
      isWritten: false,
      isTold: false,
      isWrittenWhenSpecChanges: true,
    },
    {
      reason: 'ignore of the one field',
      drift: { policy: 'heal', fields: { 'scalableTarget.maxCapacity': 'ignore' } },
      isWritten: false,
      isTold: false,
      isWrittenWhenSpecChanges: false,
    },
    {
      reason: 'the longest name counts',
      drift: { policy: 'heal', fields: { 'scalableTarget.*': 'ignore', 'scalableTarget.max*': 'heal' } },
      isWritten: true,
      isTold: true,
      isWrittenWhenSpecChanges: true,
    },
    {
      reason: 'another field is ignored',
      drift: { policy: 'heal', fields: { 'scalableTarget.minCapacity': 'ignore' } },
      isWritten: true,
      isTold: true,
      isWrittenWhenSpecChanges: true,
    },
  ];
  it.each(cases)('$reason', ({ drift, isWritten, isTold, isWrittenWhenSpecChanges }) => {
    const fight = new Fight({ drift });
    fight.observed = { ...fight.observed, maxCapacity: 99 };
    const next = fight.pass();
    expect({ isWritten: next.steps.length > 0, isTold: next.drift.length > 0 }).toEqual({ isWritten, isTold });
    expect(fight.verdict).toMatchObject({ state: 'settled' });
    fight.observed = { ...fight.observed, maxCapacity: 99 };
    fight.props = { minCapacity: 1, maxCapacity: 20 };
    const { steps } = fight.pass();
    expect(steps.length > 0).toBe(isWrittenWhenSpecChanges);
  });

  it('what is ignored is not written with what is not', () => {
    const fight = new Fight({ drift: { policy: 'heal', fields: { 'scalableTarget.maxCapacity': 'ignore' } } });
    fight.observed = { ...fight.observed, minCapacity: 3, maxCapacity: 99 };
    fight.pass();
    expect(fight.sent).toEqual({ minCapacity: 1, maxCapacity: 99 });
  });

  it.each([
    { name: 'scalableTarget.maxCapacity', phrase: undefined, reason: 'a field' },
    { name: 'targetGroup.healthCheck.*', phrase: undefined, reason: 'several' },
    { name: 'ruleWeights.*', phrase: undefined, reason: 'all of what is written as one' },
    { name: 'codebuildProject.*', phrase: undefined, reason: 'all of a project' },
    { name: 'scalableTarget', phrase: /names no field/, reason: 'no field' },
    { name: 'ecsServce.desiredCount', phrase: /the kind one of .*ecsService/, reason: 'no such kind' },
    { name: 'ecsService.desired', phrase: /use one of .*ecsService\.desiredCount/, reason: 'no such field' },
    { name: 'codebuildProject.privilegedMode', phrase: /use codebuildProject\.\*/, reason: 'sent with the rest' },
  ])('$name: $reason', ({ name, phrase }) => {
    const defects = driftDefects({ policy: 'heal', fields: { [name]: 'ignore' } });
    if (phrase) expect(defects[0]?.phrase).toMatch(phrase);
    else expect(defects).toEqual([]);
  });

  it('keeps fields whose names have dots', () => {
    const props = { attributes: { 'deregistration_delay.timeout_seconds': '30', other: 'a' } };
    const left = {
      path: 'attributes.deregistration_delay.timeout_seconds',
      desired: '30',
      observed: '60',
      reason: 'x',
    };
    expect(withObserved(props, [left])).toEqual({
      attributes: { 'deregistration_delay.timeout_seconds': '60', other: 'a' },
    });
  });

  it('drift carries the owner of its field', () => {
    const fight = new Fight();
    fight.observed = { ...fight.observed, maxCapacity: 99 };
    const [drift] = fight.pass().drift;
    expect(drift && ownershipOf(drift.kind, drift.path).owner).toBe('lambdacontainer');
  });
});
