/**
 * What passes over a converging object saw of its lasting things (`ResourceKind.lasting`), so that those that come while
 * others are awaited need not read them again: each read takes a token of AWS's limits from who could act. A recollection
 * decides nothing: no change of the thing follows from it, and no object settles by it. It is gone after a while, when
 * something in place was changed, when a step failed, and as soon as anybody says that the thing was changed. It is this
 * leader's own and never stored.
 */
import type { Clock } from '../core/index.ts';
import type { SeenNode, StepResult } from '../execute/index.ts';
import { type Plan, plan, type World } from '../plan/index.ts';
import type { KindRegistry } from '../resource/index.ts';

/** What was seen longer ago is read again. */
const KEPT_MS = 60_000;

interface Recollection {
  /** When the pass began that is under way or was the last, monotonic. */
  begunAtMs: number;
  /** By node id. */
  nodes: ReadonlyMap<string, SeenNode & { readonly atMs: number }>;
  /** Kinds of which something was heard since that pass began: what it saw of them may be from before. */
  readonly doubted: Set<string>;
}

type Seen = ReadonlyMap<string, SeenNode>;

export class Recollections {
  readonly #kinds: KindRegistry;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #objects: Map<string, Recollection> = new Map();

  constructor(kinds: KindRegistry, clock: Pick<Clock, 'monotonic'>) {
    this.#kinds = kinds;
    this.#clock = clock;
  }

  /**
   * The object's world for a pass that begins now, as `look` sees it: by what is recalled, and with that read after all
   * where more would follow from it than waiting or getting on with something else.
   */
  async world(id: string, look: (seen: Seen) => Promise<World>): Promise<World> {
    const begunAtMs = this.#clock.monotonic();
    const recollection = this.#objects.get(id) ?? { begunAtMs, nodes: new Map(), doubted: new Set() };
    this.#objects.set(id, recollection);
    const recalled = new Map([...recollection.nodes].filter(([, { atMs }]) => atMs >= begunAtMs - KEPT_MS));
    recollection.begunAtMs = begunAtMs;
    recollection.doubted.clear();
    const world = await look(recalled);
    if (!restsOnRecalled(world, this.#kinds)) return world;
    const { readFromMs } = world;
    return { ...(await look(seenIn(world))), ...(readFromMs === undefined ? {} : { readFromMs }) };
  }

  /** What this pass saw settled is recalled by the next ones. Called with its results. */
  keep(id: string, world: World, next: Plan, results: readonly StepResult[]): void {
    const recollection = this.#objects.get(id);
    const madeOnly = results.every(({ step, failure }) => step.action === 'create' && failure === undefined);
    if (!recollection || world.goal !== 'converge' || next.settled || !madeOnly) return this.forget(id);
    const nodes = world.nodes.flatMap(({ node, resolved, observation, isRecalled }) => {
      const isKept = this.#kinds.get(node.kind)?.lasting && next.verdicts.get(node.id)?.state === 'settled';
      if (!isKept || !resolved || !observation || recollection.doubted.has(node.kind)) return [];
      const atMs = isRecalled ? recollection.nodes.get(node.id)?.atMs : recollection.begunAtMs;
      const { kind } = node;
      const { identity } = resolved;
      return atMs === undefined ? [] : [[node.id, { kind, identity, observation, isRecalled: true, atMs }] as const];
    });
    recollection.nodes = new Map(nodes);
  }

  /** Somebody says that something of this kind was changed. */
  doubt(id: string, kind: string): void {
    const recollection = this.#objects.get(id);
    if (!recollection) return;
    recollection.doubted.add(kind);
    recollection.nodes = new Map([...recollection.nodes].filter(([, seen]) => seen.kind !== kind));
  }

  /** The next pass over this object reads everything. */
  forget(id: string): void {
    this.#objects.delete(id);
  }
}

/** A plan would change what is only recalled, or find everything to be as desired. */
function restsOnRecalled(world: World, kinds: KindRegistry): boolean {
  const recalled = world.nodes.filter(({ isRecalled }) => isRecalled);
  if (recalled.length === 0) return false;
  const { verdicts } = plan(world, kinds);
  const stateOf = (nodeId: string) => verdicts.get(nodeId)?.state;
  return (
    recalled.some(({ node }) => !['settled', 'blocked'].includes(stateOf(node.id) ?? '')) ||
    world.nodes.every(({ node }) => stateOf(node.id) === 'settled')
  );
}

/** What was read in this pass is not read again in it. */
function seenIn({ nodes }: World): Seen {
  return new Map(
    nodes.flatMap(({ node: { id, kind }, resolved, observation, isRecalled }) =>
      resolved && observation && !isRecalled
        ? [[id, { kind, identity: resolved.identity, observation, isRecalled: false }] as const]
        : [],
    ),
  );
}
