/** What passes recall of a converging object, and what they read all the same. */
import { describe, expect, it } from 'vitest';
import { Recollections } from '../../src/controller/recollections.ts';
import { Failure, VirtualClock } from '../../src/core/index.ts';
import { type Foreknowledge, observeGraph, type StepResult } from '../../src/execute/index.ts';
import { type Plan, plan, propsHash, type World } from '../../src/plan/index.ts';
import {
  type AnyKind,
  changeOf,
  type InventoryEntry,
  type Io,
  type Node,
  READY,
  readOnly,
} from '../../src/resource/index.ts';

const ID = 'shop/checkout';

/** A lasting thing that is swift, and a service that uses it and takes its time. */
class Cloud {
  colour = 'red';
  isServing = false;
  /** What is desired. */
  wanted = 'red';
  readonly reads: string[] = [];
  looks = 0;
  readonly clock = new VirtualClock();
  readonly recollections: Recollections;
  readonly #kinds: ReadonlyMap<string, AnyKind>;

  constructor() {
    const kind = (name: string, rest: Partial<AnyKind>): [string, AnyKind] => [
      name,
      { ...readOnly(name), name, permissions: [], external: false, ...rest } as AnyKind,
    ];
    const read = (name: string) => this.reads.push(name);
    this.#kinds = new Map([
      kind('group', {
        lasting: true,
        observe: async () => read('group') && { colour: this.colour },
        readiness: () => READY,
        outputs: () => ({ arn: 'arn' }),
        diff: (desired, observed) => changeOf('colour', desired.colour, observed.colour, 'ColourDrift'),
      }),
      kind('service', {
        observe: async () => read('service') && { isServing: this.isServing },
        readiness: ({ isServing }) =>
          isServing
            ? READY
            : { state: 'pending', reason: 'Starting', message: 'starts', acceptsUpdate: true, usable: false },
        outputs: () => ({}),
        diff: () => [],
      }),
    ]);
    this.recollections = new Recollections(this.#kinds, this.clock);
  }

  /** A pass: what it read, and what it planned. */
  async pass(
    results: readonly StepResult[] = [],
    meanwhile = () => {},
  ): Promise<{ reads: string[]; next: Plan; world: World }> {
    this.reads.length = 0;
    const world = await this.recollections.world(ID, async (seen) => {
      meanwhile();
      return this.#look({ seen });
    });
    const next = plan(world, this.#kinds);
    this.recollections.keep(ID, world, next, results);
    return { reads: [...this.reads], next, world };
  }

  async after(ms: number): Promise<void> {
    let isOver = false;
    this.clock.after(ms, () => {
      isOver = true;
    });
    await this.clock.run(() => isOver, ms + 1);
  }

  async #look(foreknowledge: Foreknowledge): Promise<World> {
    const node = (id: string, dependsOn: string[], props: object): Node => ({
      id,
      kind: id,
      dependsOn,
      aspect: 'A',
      resolve: () => ({ identity: { name: id }, props }),
    });
    const nodes = [node('group', [], { colour: this.wanted }), node('service', ['group'], {})];
    const io = { nowMs: () => 0 } as Io;
    const graph = await observeGraph(() => ({ nodes, complete: true }), this.#kinds, io, {}, foreknowledge);
    const entries = nodes.map(
      ({ id }): InventoryEntry => ({
        nodeId: id,
        kind: id,
        identity: { name: id },
        shared: false,
        capacity: false,
        dependsOn: [],
        propsHash: propsHash(id === 'group' ? { colour: this.wanted } : {}),
        actedAtMs: 0,
        seen: true,
      }),
    );
    return {
      nodes: graph.views,
      complete: true,
      orphans: [],
      entries,
      nowMs: 1_000_000,
      readFromMs: ++this.looks,
      goal: 'converge',
      tags: {},
      ownerTag: 'owner',
      wasReady: false,
      trafficMovedAtMs: 0,
    };
  }
}

const result = (action: 'create' | 'update', failure?: Failure) =>
  ({ step: { action }, failure, tookMs: 1 }) as unknown as StepResult;
const FAILURE = new Failure({ kind: 'notFound', service: 'ecs', operation: 'createService', code: 'X', message: 'x' });

describe('a pass over an object that converges', () => {
  it('does not read again what lasts while it waits for something else', async () => {
    const cloud = new Cloud();
    expect((await cloud.pass()).reads).toEqual(['group', 'service']);
    const { reads, next } = await cloud.pass();
    expect(reads).toEqual(['service']);
    expect(next.settled).toBe(false);
  });

  it('reads everything before it finds the object settled', async () => {
    const cloud = new Cloud();
    await cloud.pass();
    cloud.isServing = true;
    const { reads, next, world } = await cloud.pass();
    expect(reads, 'what was read in this pass is not read twice').toEqual(['service', 'group']);
    expect(world.readFromMs, 'and so the world is as old as the first look of this pass').toBe(2);
    expect(next.settled).toBe(true);
    expect((await cloud.pass()).reads, 'nothing is recalled of what has settled').toEqual(['group', 'service']);
  });

  it('finds by that what somebody changed meanwhile, and puts it right on what it read', async () => {
    const cloud = new Cloud();
    await cloud.pass();
    cloud.colour = 'blue';
    cloud.isServing = true;
    const { next } = await cloud.pass();
    expect(next.settled).toBe(false);
    expect(next.steps.map(({ nodeId, observed }) => [nodeId, observed])).toEqual([['group', { colour: 'blue' }]]);
  });

  it('changes nothing on the word of an earlier pass: where the desire is another, the thing is read', async () => {
    const cloud = new Cloud();
    await cloud.pass();
    cloud.wanted = 'blue';
    cloud.colour = 'blue';
    const { reads, next } = await cloud.pass();
    expect(reads).toEqual(['service', 'group']);
    expect(next.steps).toEqual([]);
  });

  it('recalls nothing after a minute', async () => {
    const cloud = new Cloud();
    await cloud.pass();
    await cloud.after(50_000);
    expect((await cloud.pass()).reads).toEqual(['service']);
    await cloud.after(11_000);
    expect((await cloud.pass()).reads, 'recalling it does not make it younger').toEqual(['group', 'service']);
  });

  it.each([
    { name: 'something was made', results: [result('create')], reads: ['service'] },
    { name: 'a step failed', results: [result('create', FAILURE)], reads: ['group', 'service'] },
    { name: 'something was changed in place', results: [result('update')], reads: ['group', 'service'] },
  ])('after a pass in which $name reads $reads', async ({ results, reads }) => {
    const cloud = new Cloud();
    await cloud.pass(results);
    expect((await cloud.pass()).reads).toEqual(reads);
  });

  it('reads what somebody says was changed, also when that is heard while a pass is under way', async () => {
    const cloud = new Cloud();
    await cloud.pass();
    cloud.recollections.doubt(ID, 'service');
    expect((await cloud.pass()).reads).toEqual(['service']);
    cloud.recollections.doubt(ID, 'group');
    expect((await cloud.pass([], () => cloud.recollections.doubt(ID, 'group'))).reads).toEqual(['group', 'service']);
    expect((await cloud.pass()).reads).toEqual(['group', 'service']);
    cloud.recollections.forget(ID);
    expect((await cloud.pass()).reads).toEqual(['group', 'service']);
  });
});
