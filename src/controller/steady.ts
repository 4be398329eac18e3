/**
 * What is remembered of an object when it has settled: its record and class as they were read, and of each node what a
 * sweep and the rotation will compare with. Pure. Whoever holds a `Steady` needs no spec, no props and no pass to find
 * out whether anything differs.
 */
import { canonicalJson, shortHash } from '../core/index.ts';
import type { World } from '../plan/index.ts';
import {
  type AnyKind,
  fingerprintOf,
  type KindRegistry,
  type Steady,
  type SteadyNode,
  sweptFingerprintOf,
} from '../resource/index.ts';

/** What a pass went by: hashes of the record and of its class as they were read. */
export interface Basis {
  readonly record: string;
  readonly klass: string;
}

/** Enough that two records of a fleet are never the same by accident. */
const HASH_LENGTH = 16;

/**
 * Hash of a record or class as it was read. `version` is that of the controller: another one may compose another graph
 * from the same record, so that what was settled by an older one is looked at once more.
 */
export function basisHash(read: unknown, version: string): string {
  return shortHash(`${version} ${canonicalJson(read)}`, HASH_LENGTH);
}

/** The same of a class, whose bounds of deletion and disruption are no object's: they hold as they are when asked for. */
export function classBasisHash(raw: unknown, version: string): string {
  if (typeof raw !== 'object' || raw === null) return basisHash(raw, version);
  const { deletion: _, disruption: __, ...rest } = raw as Readonly<Record<string, unknown>>;
  return basisHash(rest, version);
}

/** What an object's nodes are if it is still what it was when it settled: where they are no more, that turns out. */
export function foretoldBy(steady: Steady | undefined, { record, klass }: Basis): ReadonlyMap<string, SteadyNode> {
  if (steady?.record !== record || steady.klass !== klass) return new Map();
  return new Map(steady.nodes.map((node) => [node.nodeId, node]));
}

/** Of a world that is settled: every node stands in it with what was seen of it. */
export function steadyOf(world: World, kinds: KindRegistry, { record, klass }: Basis): Steady {
  return {
    record,
    klass,
    nodes: world.nodes.flatMap(({ node, resolved, observation }) => {
      const kind = kinds.get(node.kind);
      if (!kind || !resolved || observation?.state !== 'present') return [];
      const seen = nodeOf(kind, resolved.identity, resolved.props, observation.observed);
      return [{ nodeId: node.id, kind: kind.name, identity: resolved.identity, ...seen }];
    }),
  };
}

function nodeOf(
  { sweep, rotating }: AnyKind,
  identity: SteadyNode['identity'],
  props: unknown,
  observed: unknown,
): Pick<SteadyNode, 'place' | 'swept' | 'rotating'> {
  const place = sweep?.locate(identity, observed);
  return {
    ...(place ? { place } : {}),
    ...(sweep ? { swept: sweptFingerprintOf(sweep, props, observed) } : {}),
    ...(rotating ? { rotating: fingerprintOf(rotating, observed) } : {}),
  };
}
