/** What a sweep and the rotation find, and what they must not conclude: on small kinds and listings of their own. */
import { describe, expect, it } from 'vitest';
import { type Listing, type Ports, TAGS_LAG_MS_MAX } from '../../src/aws/index.ts';
import { SteadyFleet } from '../../src/controller/steady-fleet.ts';
import { Rotation } from '../../src/controller/sweeper/rotation.ts';
import { Search } from '../../src/controller/sweeper/search.ts';
import { Suspicion } from '../../src/controller/sweeper/suspicion.ts';
import { type DriftedNode, sweep } from '../../src/controller/sweeper/sweep.ts';
import { Failure, VirtualClock } from '../../src/core/index.ts';
import {
  type AnyKind,
  fingerprintOf,
  type Inventory,
  type InventoryEntry,
  parseKey,
  type ResourceKind,
  readOnly,
  type SteadyNode,
  sweptFingerprintOf,
} from '../../src/resource/index.ts';

interface Thing {
  readonly name: string;
  readonly colour: string;
  readonly count: number;
  readonly tags: Readonly<Record<string, string>>;
}

const NOW_MS = 10_000_000;
const SCOPE = 'cluster';

/** A cloud that is a list of things, in pages of two. */
class Things {
  things: Thing[] = [];
  tags = new Map<string, Record<string, string>>();
  /** The page whose reading fails. */
  failsAtPage: number | undefined;
  tagsFail = false;
  /** What reading the tags waits for. */
  tagsAwait: Promise<void> | undefined;
  observed = 0;
  /** Called before each page leaves. */
  onPage: () => void = () => {};

  readonly ports = {
    tagging: {
      getResources: async () => {
        await this.tagsAwait;
        if (this.tagsFail) throw failure('tagging');
        return {
          ResourceTagMappingList: [...this.tags].map(([ResourceARN, tags]) => ({
            ResourceARN,
            Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
          })),
        };
      },
    },
  } as unknown as Ports;

  readonly listing: Listing<Thing> = {
    name: 'ecs DescribeServices',
    list: (_aws, scope) => this.#pages(scope),
    namesOf: ({ name }) => [name, `arn:${name}`],
    calls: (names) => Math.max(1, Math.ceil(names / 2)),
  };

  async *#pages(scope: string): AsyncGenerator<Thing[]> {
    if (scope !== SCOPE) return;
    for (let page = 0; page * 2 < this.things.length || page === 0; page++) {
      this.onPage();
      if (this.failsAtPage === page) throw failure('ecs');
      yield this.things.slice(page * 2, page * 2 + 2);
    }
  }

  readonly kind: ResourceKind<{ max: number }, Thing> = {
    ...readOnly('thing'),
    name: 'thing',
    permissions: [],
    observe: async (_io, { name }) => {
      this.observed++;
      return this.things.find((thing) => thing.name === name);
    },
    readiness: () => ({ state: 'ready' }),
    outputs: () => ({}),
    sweep: {
      listing: this.listing,
      locate: ({ name = '' }) => ({ scope: SCOPE, name }),
      seen: (entry: Thing, tagsOf) =>
        entry.colour === 'gone' ? undefined : { ...entry, tags: tagsOf(`arn:${entry.name}`) ?? {} },
      fields: { ColourDrift: ({ colour }) => colour, OwnershipDrift: ({ tags }) => tags },
      fromTags: ['OwnershipDrift'],
      ranges: { CountDrift: { bounds: ({ max }) => [1, max], value: ({ count }) => count } },
    },
    rotating: { CountsDrift: ({ count }) => count },
  } as ResourceKind<{ max: number }, Thing>;

  get kinds() {
    return new Map<string, AnyKind>([['thing', this.kind]]);
  }

  thing(name: string, change: Partial<Thing> = {}): Thing {
    return { name, colour: 'red', count: 2, tags: { owner: 'us' }, ...change };
  }
}

function failure(service: string): Failure {
  return new Failure({ kind: 'transient', service, operation: 'list', code: 'InternalFailure', message: 'no' });
}

/** Everything is red, counts 2 of at most 4, is tagged, and was made long ago. */
function settled(cloud: Things, owners: Readonly<Record<string, readonly string[]>>, actedAtMs = 0): SteadyFleet {
  const fleet = new SteadyFleet();
  for (const [id, names] of Object.entries(owners)) {
    const nodes = names.map((name): SteadyNode => {
      const thing = cloud.thing(name);
      if (!cloud.things.some((known) => known.name === name)) cloud.things.push(thing);
      cloud.tags.set(`arn:${name}`, { ...thing.tags });
      const { sweep: swept, rotating } = cloud.kind;
      if (!swept || !rotating) throw new Error('the kind is swept and rotated');
      return {
        nodeId: name,
        kind: 'thing',
        identity: { name },
        place: { scope: SCOPE, name },
        swept: sweptFingerprintOf(swept, { max: 4 }, thing),
        rotating: fingerprintOf(rotating, thing),
      };
    });
    fleet.set(parseKey(id), inventoryOf(nodes, actedAtMs));
  }
  return fleet;
}

function inventoryOf(nodes: readonly SteadyNode[], actedAtMs: number): Inventory {
  const entry: InventoryEntry = {
    nodeId: 'x',
    kind: 'thing',
    identity: {},
    shared: false,
    capacity: false,
    dependsOn: [],
    propsHash: '',
    actedAtMs,
    seen: true,
  };
  return {
    uid: 'u',
    generation: 1,
    specHash: '',
    className: 'standard',
    deletionPolicy: 'delete',
    createdAtMs: 0,
    entries: [entry],
    incarnations: {},
    steady: { record: 'r', klass: 'k', nodes },
  };
}

async function found(cloud: Things, fleet: SteadyFleet) {
  const drift: string[] = [];
  const failed: string[] = [];
  const parts = {
    kinds: cloud.kinds,
    fleet,
    onDrift: ({ id }: { id: string }, { nodeId }: DriftedNode, reasons: readonly string[]) =>
      drift.push(`${id} ${nodeId}: ${reasons.join(' ')}`),
    onFailure: (listing: string) => failed.push(listing),
  };
  const io = { aws: cloud.ports, region: 'r', nowMs: () => NOW_MS, immutable: new Map() };
  await sweep(fleet.objects(), io, parts, {});
  return { drift: drift.sort(), failed };
}

interface Case {
  readonly name: string;
  readonly reason: string;
  readonly change: (cloud: Things, fleet: SteadyFleet) => void;
  readonly actedAtMs?: number;
  readonly drift: readonly string[];
  readonly failed?: readonly string[];
}

const change = (cloud: Things, name: string, to: Partial<Thing>) => {
  cloud.things = cloud.things.map((thing) => (thing.name === name ? { ...thing, ...to } : thing));
};

const CASES: readonly Case[] = [
  { name: 'nothing', reason: 'what is as it was costs nothing', change: () => {}, drift: [] },
  {
    name: 'a field',
    reason: 'the drift reason names the field',
    change: (cloud) => change(cloud, 'b', { colour: 'blue' }),
    drift: ['n/2 b: ColourDrift'],
  },
  {
    name: 'something shared',
    reason: 'everybody who uses it is told',
    change: (cloud) => change(cloud, 'shared', { colour: 'blue' }),
    drift: ['n/1 shared: ColourDrift', 'n/2 shared: ColourDrift'],
  },
  {
    name: 'a number within its bounds',
    reason: "AWS's own autoscaling owns it there",
    change: (cloud) => change(cloud, 'a', { count: 4 }),
    drift: [],
  },
  {
    name: 'a number outside of its bounds',
    reason: 'nobody but a person puts it there',
    change: (cloud) => change(cloud, 'a', { count: 0 }),
    drift: ['n/1 a: CountDrift'],
  },
  {
    name: 'something missing',
    reason: 'a complete listing lacks it',
    change: (cloud) => {
      cloud.things = cloud.things.filter(({ name }) => name !== 'a');
    },
    drift: ['n/1 a: MissingThing'],
  },
  {
    name: 'something that the listing shows as gone',
    reason: 'a deleted service is listed for a while',
    change: (cloud) => change(cloud, 'a', { colour: 'gone' }),
    drift: ['n/1 a: MissingThing'],
  },
  {
    name: 'a listing that fails after the first page',
    reason: 'what was shown counts, what was not shown says nothing',
    change: (cloud) => {
      change(cloud, 'a', { colour: 'blue' });
      cloud.things = cloud.things.filter(({ name }) => name !== 'b');
      cloud.things.push(cloud.thing('c'));
      cloud.failsAtPage = 1;
    },
    drift: ['n/1 a: ColourDrift'],
    failed: ['ecs DescribeServices'],
  },
  {
    name: 'tags that somebody took off',
    reason: 'the tag listing shows it',
    change: (cloud) => cloud.tags.set('arn:a', { owner: 'them' }),
    drift: ['n/1 a: OwnershipDrift'],
  },
  {
    name: 'tags that differ soon after our own act',
    reason: 'the tag listing lags behind AWS',
    change: (cloud) => cloud.tags.delete('arn:a'),
    actedAtMs: NOW_MS - TAGS_LAG_MS_MAX,
    drift: [],
  },
  {
    name: 'tags that cannot be read',
    reason: 'reasons that rest on tags say nothing then; the others do',
    change: (cloud) => {
      cloud.tagsFail = true;
      change(cloud, 'b', { colour: 'blue' });
    },
    drift: ['n/2 b: ColourDrift'],
    failed: ['tagging GetResources'],
  },
  {
    name: 'an object that is written while it is swept',
    reason: 'an answer older than an act is not compared',
    change: (cloud, fleet) => {
      change(cloud, 'a', { colour: 'blue' });
      cloud.onPage = () => fleet.set(parseKey('n/1'), inventoryOf([...(fleet.get('n/1')?.nodes ?? [])], 0));
    },
    drift: [],
  },
  {
    name: 'an object that a pass acts on meanwhile',
    reason: 'it is not steady any more, and its pass finds out itself',
    change: (cloud, fleet) => {
      change(cloud, 'a', { colour: 'blue' });
      cloud.onPage = () => fleet.set(parseKey('n/1'), { ...inventoryOf([], 0), steady: undefined });
    },
    drift: [],
  },
];

describe('a sweep', () => {
  it.each(CASES)('$name', async ({ reason, change: disturb, actedAtMs, drift, failed = [] }) => {
    const cloud = new Things();
    const fleet = settled(cloud, { 'n/1': ['a', 'shared'], 'n/2': ['b', 'shared'] }, actedAtMs);
    disturb(cloud, fleet);
    expect(await found(cloud, fleet), reason).toEqual({ drift, failed });
  });

  it('tells at once what does not rest on tags, however long those take', async () => {
    const cloud = new Things();
    const fleet = settled(cloud, { 'n/1': ['a'], 'n/2': ['b'] });
    change(cloud, 'a', { colour: 'blue' });
    cloud.things = cloud.things.filter(({ name }) => name !== 'b');
    cloud.tags.set('arn:a', { owner: 'them' });
    let come = () => {};
    cloud.tagsAwait = new Promise((resolve) => {
      come = resolve;
    });
    const told: string[] = [];
    const parts = {
      kinds: cloud.kinds,
      fleet,
      onDrift: (_object: unknown, _node: unknown, reasons: readonly string[]) => told.push(reasons.join()),
      onFailure: () => {},
    };
    const io = { aws: cloud.ports, region: 'r', nowMs: () => NOW_MS, immutable: new Map() };
    const swept = sweep(fleet.objects(), io, parts, {});
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).toEqual(['ColourDrift', 'MissingThing']);
    come();
    await swept;
    expect(told).toEqual(['ColourDrift', 'MissingThing', 'OwnershipDrift']);
  });

  it('costs what its listings and the tag listing say', () => {
    const cloud = new Things();
    const fleet = settled(cloud, { 'n/1': ['a', 'shared'], 'n/2': ['b', 'shared'] });
    expect([...new Search(fleet.objects(), cloud.kinds).expectedCalls]).toEqual([
      ['ecs DescribeServices', 2],
      ['tagging GetResources', 1],
    ]);
    expect([...new Search([], cloud.kinds).expectedCalls]).toEqual([]);
  });

  it('a defect is thrown, not taken for a failed listing', async () => {
    const cloud = new Things();
    const fleet = settled(cloud, { 'n/1': ['a'] });
    cloud.onPage = () => {
      throw new TypeError('a defect');
    };
    await expect(found(cloud, fleet)).rejects.toThrow('a defect');
  });
});

describe('the rotation', () => {
  async function turned(cloud: Things, fleet: SteadyFleet, count: number, fail = false) {
    const drift: string[] = [];
    const failed: string[] = [];
    const rotation = new Rotation({
      kinds: cloud.kinds,
      fleet,
      onDrift: ({ id }, { nodeId }, reasons) => drift.push(`${id} ${nodeId}: ${reasons.join(' ')}`),
      onFailure: (kind) => failed.push(kind),
    });
    rotation.begin(fleet.objects(), 0);
    if (fail) cloud.kind.observe = () => Promise.reject(failure('ecs'));
    const io = { aws: cloud.ports, region: 'r', nowMs: () => NOW_MS, immutable: new Map() };
    await rotation.turn(count, io, {});
    return { drift: drift.sort(), failed, left: rotation.left };
  }

  it('reads what is shared once, and tells everybody who has it', async () => {
    const cloud = new Things();
    const fleet = settled(cloud, { 'n/1': ['shared'], 'n/2': ['shared', 'b'] });
    change(cloud, 'shared', { count: 3 });
    expect(await turned(cloud, fleet, 10)).toEqual({
      drift: ['n/1 shared: CountsDrift', 'n/2 shared: CountsDrift'],
      failed: [],
      left: 0,
    });
    expect(cloud.observed).toBe(2);
  });

  it('a turn reads no more than it was given', async () => {
    const cloud = new Things();
    const fleet = settled(cloud, { 'n/1': ['a', 'b', 'c'] });
    expect((await turned(cloud, fleet, 2)).left).toBe(1);
    expect(cloud.observed).toBe(2);
  });

  it('what AWS says is not there is missing; what cannot be read is not', async () => {
    const cloud = new Things();
    const fleet = settled(cloud, { 'n/1': ['a'] });
    cloud.things = [];
    expect((await turned(cloud, fleet, 1)).drift).toEqual(['n/1 a: MissingThing']);
    expect(await turned(cloud, fleet, 1, true)).toEqual({ drift: [], failed: ['thing'], left: 0 });
  });
});

describe('a suspicion', () => {
  it('counts at once, then after pauses that double, and anew when the object was written', () => {
    const clock = new VirtualClock();
    const suspicion = new Suspicion(clock);
    const [object] = settled(new Things(), { 'n/1': ['a'] }).objects();
    if (!object) throw new Error('there is an object');
    const counted: number[] = [];
    const startMs = clock.monotonic();
    for (let sweepNo = 0; sweepNo < 16; sweepNo++) {
      if (suspicion.counts(object, 'a', 'ColourDrift blue', 1_000)) counted.push((clock.monotonic() - startMs) / 1_000);
      clock.after(1_000, () => {});
      clock.step();
    }
    expect(counted).toEqual([0, 2, 6, 14]);
    expect(suspicion.counts(object, 'a', 'ColourDrift green', 1_000)).toBe(true);
    const [written] = settled(new Things(), { 'n/1': ['a'] }).objects();
    expect(written && suspicion.counts(written, 'a', 'ColourDrift green', 1_000)).toBe(true);
  });
});
