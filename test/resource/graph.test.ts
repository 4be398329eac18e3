import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GraphError, reverseOrder, topologicalOrder, type Vertex } from '../../src/resource/index.ts';

const graph = (edges: Record<string, readonly string[]>): Vertex[] =>
  Object.entries(edges).map(([id, dependsOn]) => ({ id, dependsOn }));
const ids = (vertices: readonly Vertex[]) => vertices.map(({ id }) => id);

describe('topologicalOrder', () => {
  const cases: { name: string; edges: Record<string, readonly string[]>; order: string[]; reason: string }[] = [
    { name: 'empty', edges: {}, order: [], reason: 'nothing has an order of nothing' },
    {
      name: 'independent',
      edges: { c: [], a: [], b: [] },
      order: ['c', 'a', 'b'],
      reason: 'what is independent keeps the given order, so a graph has one order',
    },
    {
      name: 'dependent named first',
      edges: { service: ['rule', 'task'], rule: ['group'], task: [], group: [] },
      order: ['group', 'rule', 'task', 'service'],
      reason: 'a dependency comes before what needs it, wherever it was named',
    },
    {
      name: 'diamond',
      edges: { base: [], left: ['base'], right: ['base'], top: ['left', 'right'] },
      order: ['base', 'left', 'right', 'top'],
      reason: 'a shared dependency appears once',
    },
  ];
  it.each(cases)('$name', ({ edges, order, reason }) => {
    expect(ids(topologicalOrder(graph(edges))), reason).toEqual(order);
    expect(ids(reverseOrder(graph(edges))), 'deletion goes the other way').toEqual([...order].reverse());
  });

  const wrong: { name: string; vertices: Vertex[]; message: string; reason: string }[] = [
    {
      name: 'a cycle',
      vertices: graph({ start: ['a'], a: ['b'], b: ['c'], c: ['a'] }),
      message: 'nodes depend on each other: a → b → c → a',
      reason: 'the cycle is named without the way that led to it',
    },
    {
      name: 'a node that needs itself',
      vertices: graph({ a: ['a'] }),
      message: 'nodes depend on each other: a → a',
      reason: 'the shortest cycle',
    },
    {
      name: 'an unknown dependency',
      vertices: graph({ a: ['b'] }),
      message: 'a depends on b, which is not in the graph',
      reason: 'a misspelt id must not silently order nothing',
    },
    {
      name: 'one id twice',
      vertices: [...graph({ a: [] }), ...graph({ a: [] })],
      message: 'two nodes are named a',
      reason: 'observations are kept by id',
    },
  ];
  it.each(wrong)('refuses $name', ({ vertices, message, reason }) => {
    expect(() => topologicalOrder(vertices), reason).toThrow(new GraphError(message));
  });

  it('orders every acyclic graph, and only after all dependencies', () => {
    const acyclic = fc
      .array(fc.array(fc.nat(), { maxLength: 5 }), { maxLength: 20 })
      .map((rows) =>
        rows.map((row, index) => ({
          id: `n${index}`,
          dependsOn: index === 0 ? [] : row.map((value) => `n${value % index}`),
        })),
      )
      .chain((vertices) => fc.shuffledSubarray(vertices, { minLength: vertices.length }));
    fc.assert(
      fc.property(acyclic, (vertices) => {
        const ordered = topologicalOrder(vertices);
        expect(ids(ordered).sort()).toEqual(ids(vertices).sort());
        const place = new Map(ordered.map(({ id }, index) => [id, index]));
        for (const { id, dependsOn } of ordered) {
          for (const dependency of dependsOn) expect(place.get(dependency)).toBeLessThan(place.get(id) ?? -1);
        }
      }),
    );
  });
});
