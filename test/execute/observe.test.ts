/** When the nodes of a graph are read, and when they are not: on kinds of three lines. */
import { describe, expect, it } from 'vitest';
import type { Call } from '../../src/aws/index.ts';
import { type Foreknowledge, observeGraph } from '../../src/execute/index.ts';
import { type AnyKind, type InventoryEntry, type Io, type Node, READY, readOnly } from '../../src/resource/index.ts';

const IO = { region: 'r', nowMs: () => 0, immutable: new Map() } as unknown as Io;

/** A chain of three, each named by the one before. */
function chain(names: { readonly b: string } = { b: 'b1' }) {
  const begun: string[] = [];
  const unmade: string[] = [];
  const answers = new Map<string, () => void>();
  const kind: AnyKind = {
    ...readOnly('thing'),
    name: 'thing',
    permissions: [],
    external: false,
    observe: (_io, { name = '' }, call: Call) => {
      begun.push(name);
      if (call.unmade) unmade.push(name);
      return new Promise((resolve) => answers.set(name, () => resolve({ name })));
    },
    readiness: () => READY,
    outputs: ({ name }) => ({ next: name === 'a1' ? names.b : 'c1' }),
  };
  const node = (
    id: string,
    dependsOn: string[],
    name: (get: (id: string) => Readonly<Record<string, unknown>>) => string,
  ) =>
    ({
      id,
      kind: 'thing',
      dependsOn,
      aspect: 'A',
      resolve: (get) => ({ identity: { name: name(get) }, props: {} }),
    }) satisfies Node;
  const nodes = [
    node('a', [], () => 'a1'),
    node('b', ['a'], (get) => String(get('a').next)),
    node('c', ['b'], (get) => String(get('b').next)),
  ];
  const observe = (foreknowledge: Foreknowledge = {}) =>
    observeGraph(() => ({ nodes, complete: true }), new Map([['thing', kind]]), IO, {}, foreknowledge);
  const answer = async (name: string) => {
    answers.get(name)?.();
    for (let i = 0; i < 20; i++) await Promise.resolve();
  };
  return { begun, unmade, observe, answer };
}

const named = (name: string) => ({ kind: 'thing', identity: { name } });
const entry = (nodeId: string) => ({ nodeId, kind: 'thing' }) as InventoryEntry;

describe('a graph is observed', () => {
  it('one after the other where each is named by the one before', async () => {
    const { begun, observe, answer } = chain();
    const observed = observe();
    expect(begun).toEqual(['a1']);
    await answer('a1');
    expect(begun).toEqual(['a1', 'b1']);
    await answer('b1');
    await answer('c1');
    expect((await observed).views.map(({ observation }) => observation?.state)).toEqual(Array(3).fill('present'));
  });

  it('at once where the names can be foretold, and each once', async () => {
    const { begun, observe, answer } = chain();
    const foretold = new Map(Object.entries({ a: named('a1'), b: named('b1'), c: named('c1') }));
    const observed = observe({ foretold });
    expect(begun).toEqual(['a1', 'b1', 'c1']);
    for (const name of ['c1', 'b1', 'a1']) await answer(name);
    expect((await observed).views.map(({ observation }) => observation)).toEqual(
      ['a1', 'b1', 'c1'].map((name) => ({ state: 'present', observed: { name } })),
    );
    expect(begun).toHaveLength(3);
  });

  it('as what it turns out to be where it was foretold to be something else, and nothing outlives the look', async () => {
    const { begun, observe, answer } = chain({ b: 'b2' });
    let ended = false;
    const observed = observe({ foretold: new Map([['b', named('b1')]]) }).then((graph) => {
      ended = true;
      return graph;
    });
    for (const name of ['a1', 'b2', 'c1']) await answer(name);
    expect(begun).toEqual(['b1', 'a1', 'b2', 'c1']);
    expect(ended, 'the read that nobody wants is still under way').toBe(false);
    await answer('b1');
    expect((await observed).views[1]?.observation).toEqual({ state: 'present', observed: { name: 'b2' } });
  });

  it('without reading what was seen, which says so; unless it is something else by now', async () => {
    const seen = (name: string) => ({
      ...named(name),
      observation: { state: 'present', observed: { name: 'a1', by: 'an earlier pass' } } as const,
      isRecalled: true,
    });
    const known = chain();
    const observed = known.observe({ seen: new Map([['a', seen('a1')]]) });
    await known.answer('');
    for (const name of ['b1', 'c1']) await known.answer(name);
    expect((await observed).views.map(({ isRecalled }) => isRecalled)).toEqual([true, undefined, undefined]);
    expect(known.begun).toEqual(['b1', 'c1']);
    const other = chain();
    void other.observe({ seen: new Map([['a', seen('a2')]]) });
    expect(other.begun).toEqual(['a1']);
  });

  it('with word of what was never made, so that nobody shares a call with it', async () => {
    const { unmade, observe, answer } = chain();
    const observed = observe({ entries: [entry('a'), entry('c')] });
    for (const name of ['a1', 'b1', 'c1']) await answer(name);
    await observed;
    expect(unmade).toEqual(['b1']);
  });
});
