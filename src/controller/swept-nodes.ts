/**
 * What a sweep compares of one object, small: it is held for every settled object and read by every sweep, while the
 * inventory that it was taken of stays folded. Names and fingerprints stand in one text; what objects have in common (which
 * nodes there are, of which kinds, and where they are listed) is held once for all of them.
 */
import type { SteadyNode } from '../resource/index.ts';

/** A node that a listing shows, but for where and under which name. */
export type SweptNode = Pick<SteadyNode, 'nodeId' | 'kind'>;

/** No name of AWS's has it. */
const SEPARATOR = '\0';
/** The name is that of the node before: a rule and its weights. */
const SAME = '\x01';

/** By what they are, as text. */
const SHAPES = new Map<string, readonly SweptNode[]>();
/** Scopes (listeners, clusters, repositories) are numbered: many objects have the same. */
const SCOPES: string[] = [];
const SCOPE_NUMBERS = new Map<string, number>();

export class SweptNodes {
  /** The same list for all objects of which the same is listed. */
  readonly shape: readonly SweptNode[];
  /** Which scope each node is listed in: the same text for the same scopes. Then name and fingerprint of each. */
  readonly #text: string;

  /** Of the nodes that have a place in a listing. */
  constructor(nodes: readonly SteadyNode[]) {
    const listed = nodes.flatMap(({ place, ...node }) => (place ? [{ ...node, place }] : []));
    this.shape = shapeOf(listed);
    const texts = [listed.map(({ place }) => numberOf(place.scope)).join()];
    let before: string | undefined;
    for (const { place, swept = '' } of listed) {
      texts.push(place.name === before ? SAME : place.name, swept);
      before = place.name;
    }
    this.#text = texts.join(SEPARATOR);
  }

  /** Equal texts mean equal scopes. */
  get scopes(): string {
    return this.#textAt(0);
  }

  /** Of every node in the order of `shape`. */
  scopeNames(): string[] {
    return this.shape.length === 0 ? [] : this.scopes.split(',').map((number) => SCOPES[Number(number)] ?? '');
  }

  /** Of every node in the order of `shape`. */
  names(): string[] {
    const texts = this.#text.split(SEPARATOR);
    const names: string[] = [];
    for (let i = 0; i < this.shape.length; i++) {
      const name = texts[1 + 2 * i] ?? '';
      names.push(name === SAME ? (names[i - 1] ?? '') : name);
    }
    return names;
  }

  nameOf(i: number): string {
    let at = 1 + 2 * i;
    let name = this.#textAt(at);
    while (name === SAME) {
      at -= 2;
      name = this.#textAt(at);
    }
    return name;
  }

  /** Undefined: none was taken. */
  fingerprintOf(i: number): string | undefined {
    return this.#textAt(2 + 2 * i) || undefined;
  }

  #textAt(number: number): string {
    let from = 0;
    for (let i = 0; i < number; i++) from = this.#text.indexOf(SEPARATOR, from) + 1;
    const to = this.#text.indexOf(SEPARATOR, from);
    return to < 0 ? this.#text.slice(from) : this.#text.slice(from, to);
  }
}

function shapeOf(nodes: readonly SweptNode[]): readonly SweptNode[] {
  const text = nodes.map(({ nodeId, kind }) => `${nodeId} ${kind}`).join();
  const shape = SHAPES.get(text) ?? nodes.map(({ nodeId, kind }) => ({ nodeId, kind }));
  SHAPES.set(text, shape);
  return shape;
}

function numberOf(scope: string): number {
  const number = SCOPE_NUMBERS.get(scope) ?? SCOPES.push(scope) - 1;
  SCOPE_NUMBERS.set(scope, number);
  return number;
}
