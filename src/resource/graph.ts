/**
 * The order of a graph of nodes: what something depends on comes before it, and goes after it. Pure. It knows ids and
 * edges only, so inventory entries can be ordered as well as nodes.
 */

/** Anything with an id and the ids that it depends on. */
export interface Vertex {
  readonly id: string;
  readonly dependsOn: readonly string[];
}

/** The graph itself is wrong: a programmer's error in whoever built it, never a matter of what AWS answered. */
export class GraphError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'GraphError';
  }
}

/**
 * Dependencies first; among what is independent, the given order is kept, so the same graph has one order.
 * @throws GraphError naming the cycle (`a → b → a`), the id that appears twice, or the dependency that is not there
 */
export function topologicalOrder<V extends Vertex>(vertices: readonly V[]): V[] {
  const byId = new Map<string, V>();
  for (const vertex of vertices) {
    if (byId.has(vertex.id)) throw new GraphError(`two nodes are named ${vertex.id}`);
    byId.set(vertex.id, vertex);
  }
  const ordered: V[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (vertex: V) => {
    if (done.has(vertex.id)) return;
    const entered = path.indexOf(vertex.id);
    if (entered >= 0) {
      throw new GraphError(`nodes depend on each other: ${[...path.slice(entered), vertex.id].join(' → ')}`);
    }
    path.push(vertex.id);
    for (const id of vertex.dependsOn) {
      const dependency = byId.get(id);
      if (!dependency) throw new GraphError(`${vertex.id} depends on ${id}, which is not in the graph`);
      visit(dependency);
    }
    path.pop();
    done.add(vertex.id);
    ordered.push(vertex);
  };
  for (const vertex of vertices) visit(vertex);
  return ordered;
}

/** Dependents first: the order in which things may be taken away. @throws GraphError as `topologicalOrder` */
export function reverseOrder<V extends Vertex>(vertices: readonly V[]): V[] {
  return topologicalOrder(vertices).reverse();
}
