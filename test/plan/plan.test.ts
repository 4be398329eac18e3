import { describe, expect, it } from 'vitest';
import { Failure } from '../../src/core/index.ts';
import { conditionsOf, type Observation, plan, propsHash, type World } from '../../src/plan/index.ts';
import type { AnyKind, InventoryEntry, KindRegistry, Node, Readiness } from '../../src/resource/index.ts';

/** What the fake kind observes: its fields, its tags and how far along it is. */
interface Seen {
  fields: Record<string, unknown>;
  tags?: Record<string, string> | null;
  readiness?: Readiness;
}

const TAGS = { owner: 'me', uid: 'u1' };

function fakeKind(name: string, options: { external?: boolean } = {}): AnyKind {
  return {
    name,
    permissions: [],
    calls: { create: ['fake Create'], update: ['fake Update'], delete: ['fake Delete'], release: [] },
    ...(options.external ? { external: true } : {}),
    observe: async () => undefined,
    tags: (seen: Seen) => (seen.tags === null ? undefined : (seen.tags ?? TAGS)),
    readiness: (seen: Seen) => seen.readiness ?? { state: 'ready' },
    outputs: (seen: Seen) => seen.fields,
    diff: (desired: Record<string, unknown>, seen: Seen) =>
      Object.keys(desired)
        .filter((path) => desired[path] !== seen.fields[path])
        .map((path) => ({
          path,
          desired: desired[path],
          observed: seen.fields[path],
          reason: 'FieldDrift',
          replace: path === 'immutable',
        })),
    create: async () => {},
    update: async () => {},
    delete: async () => {},
    release: async () => {},
  };
}

const KINDS: KindRegistry = new Map([
  ['thing', fakeKind('thing')],
  ['source', fakeKind('source', { external: true })],
  ['facet', { ...fakeKind('facet'), facet: true }],
  ['carrier', { ...fakeKind('carrier'), carriesFacets: () => true }],
]);

const NOW_MS = 1_000_000;
const props = { size: 1 };

function thing(id: string, dependsOn: string[] = [], extra: Partial<Node> = {}): Node {
  return {
    id,
    kind: 'thing',
    dependsOn,
    aspect: 'Aspect',
    resolve: () => ({ identity: { name: id }, props }),
    ...extra,
  };
}

function entry(nodeId: string, extra: Partial<InventoryEntry> = {}): InventoryEntry {
  return {
    nodeId,
    kind: 'thing',
    identity: { name: nodeId },
    shared: false,
    capacity: false,
    dependsOn: [],
    propsHash: propsHash(props),
    actedAtMs: 0,
    seen: true,
    ...extra,
  };
}

const present = (seen: Partial<Seen> = {}): Observation => ({
  state: 'present',
  observed: { fields: { size: 1 }, ...seen },
});
const absent: Observation = { state: 'absent' };
const throttled: Observation = {
  state: 'unknown',
  failure: new Failure({
    kind: 'throttled',
    service: 'ecs',
    operation: 'describe',
    code: 'ThrottlingException',
    message: 'slow down',
  }),
};

function world(nodes: [Node, Observation | undefined][], rest: Partial<World> = {}): World {
  return {
    nodes: nodes.map(([node, observation]) => ({
      node,
      resolved: observation ? node.resolve(() => ({})) : undefined,
      waitsFor: observation ? undefined : node.dependsOn[0],
      observation,
    })),
    orphans: [],
    entries: [],
    complete: true,
    nowMs: NOW_MS,
    goal: 'converge',
    tags: TAGS,
    ownerTag: 'owner',
    wasReady: true,
    trafficMovedAtMs: 0,
    ...rest,
  };
}

interface Case {
  name: string;
  reason: string;
  world: World;
  steps: string[];
  verdicts: Record<string, string>;
  drift?: string[];
  forgets?: string[];
  settled?: boolean;
}

const cases: Case[] = [
  {
    name: 'absent and never made',
    reason: 'the first frontier creates what has no dependencies, and only that',
    world: world([
      [thing('a'), absent],
      [thing('b', ['a']), undefined],
    ]),
    steps: ['create a'],
    verdicts: { a: 'acting', b: 'blocked' },
  },
  {
    name: 'unreadable',
    reason: 'unreadable is not absent: a throttled describe never leads to a create',
    world: world([[thing('a'), throttled]]),
    steps: [],
    verdicts: { a: 'unknown' },
  },
  {
    name: 'just created and not visible',
    reason: 'within the consistency window after our own create, "not found" means "cannot tell"',
    world: world([[thing('a'), absent]], { entries: [entry('a', { seen: false, actedAtMs: NOW_MS - 1000 })] }),
    steps: [],
    verdicts: { a: 'pending' },
  },
  {
    name: 'created long ago and never seen',
    reason: 'after the window the create is asked again with the same token',
    world: world([[thing('a'), absent]], { entries: [entry('a', { seen: false, actedAtMs: NOW_MS - 60_000 })] }),
    steps: ['create a'],
    verdicts: { a: 'acting' },
  },
  {
    name: 'seen before and gone',
    reason: 'somebody deleted it: that is drift and it is made again at once',
    world: world([[thing('a'), absent]], { entries: [entry('a', { actedAtMs: NOW_MS - 1000 })] }),
    steps: ['create a'],
    verdicts: { a: 'acting' },
    drift: ['MissingThing a'],
  },
  {
    name: 'as desired',
    reason: 'nothing is done and nothing waits',
    world: world([[thing('a'), present()]], { entries: [entry('a')] }),
    steps: [],
    verdicts: { a: 'settled' },
    settled: true,
  },
  {
    name: 'changed by somebody else',
    reason: 'a difference at unchanged desire is drift',
    world: world([[thing('a'), present({ fields: { size: 7 } })]], { entries: [entry('a')] }),
    steps: ['update a'],
    verdicts: { a: 'acting' },
    drift: ['FieldDrift a.size'],
  },
  {
    name: 'desired differently than at the last act',
    reason: 'a changed desire is an update, not drift',
    world: world([[thing('a'), present({ fields: { size: 7 } })]], { entries: [entry('a', { propsHash: 'other' })] }),
    steps: ['update a'],
    verdicts: { a: 'acting' },
    drift: [],
  },
  {
    name: 'the same name, tags not ours',
    reason: 'what lacks our tags is never changed',
    world: world([[thing('a'), present({ tags: { owner: 'somebody' } })]]),
    steps: [],
    verdicts: { a: 'failed' },
  },
  {
    name: 'our tags without inventory',
    reason: 'a tag alone proves nothing; the inventory must agree',
    world: world([[thing('a'), present()]]),
    steps: [],
    verdicts: { a: 'failed' },
  },
  {
    name: 'shared and made for another object',
    reason: 'a shared resource of this controller is used and recorded, not created',
    world: world([[thing('a', [], { shared: true }), present({ tags: { owner: 'me' } })]]),
    steps: [],
    verdicts: { a: 'settled' },
    settled: true,
  },
  {
    name: 'dependency drifted',
    reason: 'a dependent is not changed on top of something that is being changed',
    world: world(
      [
        [thing('a'), present({ fields: { size: 7 } })],
        [thing('b', ['a']), present({ fields: { size: 9 } })],
      ],
      { entries: [entry('a'), entry('b')] },
    ),
    steps: ['update a'],
    verdicts: { a: 'acting', b: 'blocked' },
  },
  {
    name: 'pending and not to be touched',
    reason: 'a resource in transition that accepts no update is waited for',
    world: world(
      [
        [
          thing('a'),
          present({
            fields: { size: 7 },
            readiness: { state: 'pending', reason: 'Building', message: '', acceptsUpdate: false, usable: false },
          }),
        ],
      ],
      { entries: [entry('a')] },
    ),
    steps: [],
    verdicts: { a: 'pending' },
  },
  {
    name: 'ending under its name',
    reason: 'a draining service keeps its name: a new incarnation does not wait for it',
    world: world([[thing('a'), present({ readiness: { state: 'ending', reason: 'Draining', message: 'draining' } })]], {
      entries: [entry('a')],
    }),
    steps: ['reincarnate a'],
    verdicts: { a: 'acting' },
    drift: ['MissingThing a'],
  },
  {
    name: 'a change that needs a new resource',
    reason: 'replacement is a new incarnation plus an orphan',
    world: world(
      [
        [
          thing('a', [], { resolve: () => ({ identity: { name: 'a' }, props: { immutable: 2 } }) }),
          present({ fields: { immutable: 1 } }),
        ],
      ],
      {
        entries: [entry('a')],
      },
    ),
    steps: ['reincarnate a'],
    verdicts: { a: 'acting' },
  },
  {
    name: 'failed, retry not due',
    reason: 'a failure is not retried before its time',
    world: world(
      [
        [
          thing('a'),
          present({
            readiness: {
              state: 'failed',
              reason: 'BuildFailed',
              message: 'x',
              sinceMs: NOW_MS - 1000,
              retryAfterMs: 30_000,
            },
          }),
        ],
      ],
      { entries: [entry('a')] },
    ),
    steps: [],
    verdicts: { a: 'failed' },
  },
  {
    name: 'failed, retry due',
    reason: 'then it is tried again',
    world: world(
      [
        [
          thing('a'),
          present({
            readiness: {
              state: 'failed',
              reason: 'BuildFailed',
              message: 'x',
              sinceMs: NOW_MS - 31_000,
              retryAfterMs: 30_000,
            },
          }),
        ],
      ],
      { entries: [entry('a')] },
    ),
    steps: ['update a'],
    verdicts: { a: 'acting' },
  },
  {
    name: 'an external thing that is not there',
    reason: 'what is the user’s is never created',
    world: world([[thing('a', [], { kind: 'source' }), absent]]),
    steps: [],
    verdicts: { a: 'failed' },
  },
  {
    name: 'orphans while something is unsettled',
    reason: 'orphans are deleted last, when what replaces them is settled',
    world: world([[thing('a'), absent]], {
      orphans: [{ entry: entry('old'), observation: present(), stillUsed: false }],
    }),
    steps: ['create a'],
    verdicts: { a: 'acting' },
  },
  {
    name: 'orphans when all is settled',
    reason: 'users go first, and what they use waits for them, whatever the graph looks like now',
    world: world([[thing('a'), present()]], {
      entries: [entry('a')],
      orphans: [
        { entry: entry('first'), observation: present(), stillUsed: false },
        { entry: entry('second', { dependsOn: ['first'] }), observation: present(), stillUsed: false },
      ],
    }),
    steps: ['delete second'],
    verdicts: { a: 'settled' },
  },
  {
    name: 'an orphan that somebody removed too early',
    reason: 'only by it is known that what stands still needs what it was made of',
    world: world([], {
      goal: 'delete',
      orphans: [
        { entry: entry('service', { dependsOn: ['definition'] }), observation: throttled, stillUsed: false },
        { entry: entry('definition', { dependsOn: ['image'] }), observation: absent, stillUsed: false },
        { entry: entry('image'), observation: present(), stillUsed: false },
      ],
    }),
    steps: [],
    verdicts: {},
    forgets: [],
  },
  {
    name: 'the same once nothing stands that needs it',
    reason: 'it is forgotten, and what it was made of goes',
    world: world([], {
      goal: 'delete',
      orphans: [
        { entry: entry('definition', { dependsOn: ['image'] }), observation: absent, stillUsed: false },
        { entry: entry('image'), observation: present(), stillUsed: false },
      ],
    }),
    steps: ['delete image'],
    verdicts: {},
    forgets: ['definition'],
  },
  {
    name: 'capacity soon after traffic moved',
    reason: 'capacity is taken away only after the weights have had time to propagate',
    world: world([[thing('a'), present()]], {
      entries: [entry('a')],
      trafficMovedAtMs: NOW_MS - 1000,
      orphans: [{ entry: entry('old', { capacity: true }), observation: present(), stillUsed: false }],
    }),
    steps: [],
    verdicts: { a: 'settled' },
  },
  {
    name: 'an orphan whose tags are no longer ours',
    reason: 'it is left and said so',
    world: world([], {
      goal: 'delete',
      orphans: [{ entry: entry('old'), observation: present({ tags: {} }), stillUsed: false }],
    }),
    steps: [],
    verdicts: {},
    drift: ['LeftBehind old.tags'],
  },
  {
    name: 'an unreadable orphan',
    reason: 'what was created before it waits: it may be in use',
    world: world([], {
      goal: 'delete',
      orphans: [
        { entry: entry('later', { dependsOn: ['earlier'] }), observation: throttled, stillUsed: false },
        { entry: entry('earlier'), observation: present(), stillUsed: false },
      ],
    }),
    steps: [],
    verdicts: {},
  },
  {
    name: 'a shared orphan that others use',
    reason: 'it is forgotten here and deleted with its last user',
    world: world([], {
      goal: 'delete',
      orphans: [{ entry: entry('shared', { shared: true }), observation: absent, stillUsed: true }],
    }),
    steps: [],
    verdicts: {},
  },
  {
    name: 'retain, of something without tags',
    reason: 'nothing can be taken off it, so it is only forgotten: else it would be released for ever',
    world: world([], {
      goal: 'retain',
      orphans: [{ entry: entry('old'), observation: present({ tags: null }), stillUsed: false }],
    }),
    steps: [],
    verdicts: {},
  },
  {
    name: 'retain, of something shared whose last user this is',
    reason: 'it stays the controller’s: without our tag every later object would find a stranger in its place',
    world: world([], {
      goal: 'retain',
      orphans: [{ entry: entry('shared', { shared: true }), observation: present(), stillUsed: false }],
    }),
    steps: [],
    verdicts: {},
  },
  {
    name: 'an orphaned part of something else',
    reason: 'weights go with their rule; a delete of their own would block what lies below for ever',
    world: world([], {
      goal: 'delete',
      orphans: [
        { entry: entry('weights', { kind: 'facet', dependsOn: ['rule'] }), observation: present(), stillUsed: false },
        { entry: entry('rule'), observation: present(), stillUsed: false },
      ],
    }),
    steps: ['delete rule'],
    verdicts: {},
  },
  {
    name: 'retain',
    reason: 'deletionPolicy retain releases instead of deleting',
    world: world([], { goal: 'retain', orphans: [{ entry: entry('old'), observation: present(), stillUsed: false }] }),
    steps: ['release old'],
    verdicts: {},
  },
];

describe('plan', () => {
  it.each(cases)('$name: $reason', (c) => {
    const result = plan(c.world, KINDS);
    expect(result.steps.map(({ action, nodeId }) => `${action} ${nodeId}`)).toEqual(c.steps);
    expect(Object.fromEntries(c.world.nodes.map(({ node }) => [node.id, result.verdicts.get(node.id)?.state]))).toEqual(
      c.verdicts,
    );
    if (c.drift) {
      expect(result.drift.map((drift) => `${drift.reason} ${drift.nodeId}${drift.path && `.${drift.path}`}`)).toEqual(
        c.drift,
      );
    }
    if (c.forgets) expect(result.forget.map(({ nodeId }) => nodeId)).toEqual(c.forgets);
    expect(result.settled).toBe(c.settled ?? false);
  });

  it.each([
    { reason: 'the weights that were read may be from before they were moved', movedMsAgo: 4_000, acts: false },
    { reason: 'what was read is newer than the move', movedMsAgo: 7_000, acts: true },
    { reason: 'reading began too early for it', movedMsAgo: 7_000, readForMs: 3_000, acts: false },
    { reason: 'what carries them was changed a moment ago', movedMsAgo: 60_000, changedMsAgo: 4_000, acts: false },
  ])('what is sent together with a facet waits or not: $reason', (moment) => {
    const { movedMsAgo, changedMsAgo = 60_000, readForMs = 0, acts } = moment;
    const moved = entry('weights', { kind: 'facet', dependsOn: ['rule'], actedAtMs: NOW_MS - movedMsAgo });
    const seen = present({ fields: { size: 2 } });
    const rule = (carriesFacets: boolean): Node => thing('rule', [], { kind: carriesFacets ? 'carrier' : 'thing' });
    const planOf = (node: Node) =>
      plan(
        world([[node, seen]], {
          entries: [entry('rule', { kind: node.kind, actedAtMs: NOW_MS - changedMsAgo }), moved],
          readFromMs: NOW_MS - readForMs,
        }),
        KINDS,
      );
    const { steps, verdicts, requeueAfterMs } = planOf(rule(true));
    expect(steps.length).toBe(acts ? 1 : 0);
    if (!acts) {
      expect(verdicts.get('rule')).toMatchObject({ state: 'pending', reason: 'AwaitingVisibility', usable: true });
      expect(requeueAfterMs).toBe(Math.max(500, 5_000 - Math.min(movedMsAgo, changedMsAgo)));
    }
    expect(planOf(rule(false)).steps.length).toBe(1);
  });

  it.each([
    { reason: 'it would have shown', readForMs: 0, acts: true },
    { reason: 'the reads are from before it had to show, whatever happened since', readForMs: 10_000, acts: false },
  ])('what was made and is not seen is made again or awaited: $reason', ({ readForMs, acts }) => {
    const made = entry('a', { actedAtMs: NOW_MS - 16_000, seen: false });
    const at = { readFromMs: NOW_MS - readForMs };
    const { steps, verdicts } = plan(world([[thing('a'), absent]], { entries: [made], ...at }), KINDS);
    expect(steps.map(({ action }) => action)).toEqual(acts ? ['create'] : []);
    if (!acts) expect(verdicts.get('a')).toMatchObject({ state: 'pending', reason: 'AwaitingVisibility' });
    const orphan = { entry: made, observation: absent, stillUsed: false };
    expect(plan(world([], { entries: [made], orphans: [orphan], ...at }), KINDS).forget).toEqual(acts ? [made] : []);
  });

  it('polls a young transition often and an old one seldom', () => {
    const pollAfter = (ageMs: number) =>
      plan(
        world(
          [
            [
              thing('a'),
              present({
                readiness: {
                  state: 'pending',
                  reason: 'X',
                  message: '',
                  acceptsUpdate: true,
                  usable: false,
                  sinceMs: NOW_MS - ageMs,
                },
              }),
            ],
          ],
          { entries: [entry('a')] },
        ),
        KINDS,
      ).requeueAfterMs;
    expect([pollAfter(0), pollAfter(10_000), pollAfter(600_000)]).toEqual([500, 2000, 15_000]);
  });

  it('gives every aspect a condition and is Ready only when all is settled', () => {
    const w = world([[thing('a'), throttled]]);
    const conditions = conditionsOf(w, plan(w, KINDS), []);
    expect(conditions.map(({ type, status }) => `${type}=${status}`)).toEqual([
      'Aspect=Unknown',
      'Ready=Unknown',
      'Stalled=False',
      'Reconciling=True',
    ]);
  });
});
