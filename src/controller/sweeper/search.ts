/**
 * What a sweep looks for: the listed nodes of all objects, by listing and scope. It is made anew for each sweep and held
 * while that lasts, so it holds numbers and no copies of what objects have.
 */
import { type Listing, taggedResources } from '../../aws/index.ts';
import type { AnyKind, KindRegistry } from '../../resource/index.ts';
import type { SteadyObject } from '../steady-fleet.ts';
import type { SweptNode, SweptNodes } from '../swept-nodes.ts';
import { NameTable } from './name-table.ts';

/** What one listing in one scope is asked for. */
export interface Group {
  readonly listing: Listing;
  readonly scope: string;
  /** Which node of which object, by the name that it is looked for. */
  readonly looked: NameTable;
  /** Different ones. */
  names: number;
  needsTags: boolean;
}

/** A node of an object that is looked for. */
export interface Looked {
  readonly object: SteadyObject;
  readonly node: SweptNode;
  readonly kind: AnyKind;
  readonly fingerprint: string | undefined;
}

/** Listed nodes of one object, at most: an object and its node are one number. */
const NODES_MAX = 256;

export class Search {
  /** Always in the same order. */
  readonly groups: readonly Group[];
  readonly #objects: readonly SteadyObject[];
  readonly #kinds: KindRegistry;

  constructor(objects: Iterable<SteadyObject>, kinds: KindRegistry) {
    this.#objects = [...objects];
    this.#kinds = kinds;
    this.groups = groupsOf(this.#objects, kinds);
  }

  /** How many calls of which listing it takes, as far as AWS has no more than what is looked for. */
  get expectedCalls(): Map<string, number> {
    const calls = new Map<string, number>();
    let tagged = 0;
    for (const { listing, names, needsTags } of this.groups) {
      calls.set(listing.name, (calls.get(listing.name) ?? 0) + listing.calls(names));
      if (needsTags) tagged += names;
    }
    if (tagged > 0) calls.set(taggedResources.name, taggedResources.calls(tagged));
    return calls;
  }

  /** Different ones, in the order of the objects. */
  namesOf({ looked }: Group): string[] {
    const names = new Set<string>();
    for (let entry = 0; entry < looked.size; entry++) {
      const value = looked.valueAt(entry);
      const name = this.#objects[Math.floor(value / NODES_MAX)]?.swept.nameOf(value % NODES_MAX);
      if (name !== undefined) names.add(name);
    }
    return [...names];
  }

  /** What an entry of a group's `looked` is. */
  lookedAt({ looked }: Group, entry: number): Looked | undefined {
    const value = looked.valueAt(entry);
    const i = value % NODES_MAX;
    const object = this.#objects[Math.floor(value / NODES_MAX)];
    const node = object?.swept.shape[i];
    const kind = node && this.#kinds.get(node.kind);
    return object && node && kind && { object, node, kind, fingerprint: object.swept.fingerprintOf(i) };
  }
}

function groupsOf(objects: readonly SteadyObject[], kinds: KindRegistry): Group[] {
  const groups = new Map<string, Group>();
  const groupOf = ({ kind: name }: SweptNode, scope: string): Group | undefined => {
    const sweep = kinds.get(name)?.sweep;
    if (!sweep) return undefined;
    const { listing, fromTags = [] } = sweep;
    const key = `${listing.name} ${scope}`;
    const group = groups.get(key) ?? { listing, scope, looked: new NameTable(), names: 0, needsTags: false };
    group.needsTags ||= fromTags.length > 0;
    groups.set(key, group);
    return group;
  };
  // Most objects have the nodes of others, in the same scopes.
  const known = new Map<SweptNodes['shape'], Map<string, readonly (Group | undefined)[]>>();
  for (const [number, { swept }] of objects.entries()) {
    const { shape, scopes } = swept;
    if (shape.length > NODES_MAX) throw new Error(`an object has ${shape.length} listed nodes`);
    const alike = known.get(shape) ?? new Map<string, readonly (Group | undefined)[]>();
    known.set(shape, alike);
    const places = alike.get(scopes) ?? swept.scopeNames().map((scope, i) => shape[i] && groupOf(shape[i], scope));
    alike.set(scopes, places);
    for (const [i, name] of swept.names().entries()) {
      const group = places[i];
      if (group?.looked.add(name, number * NODES_MAX + i)) group.names++;
    }
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
}
