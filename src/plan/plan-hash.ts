/**
 * The hash of a plan: everything that it was made from and everything that it says, so that "do exactly this" can be
 * refused once anything moved. No clock, no order and no wording goes in: the same situation has the same hash. It is in
 * parts, so that a difference can be named.
 */
import { canonicalJson, shortHash } from '../core/index.ts';
import type { Inventory } from '../resource/index.ts';
import type { Plan, Verdict, World } from './world.ts';

/** What one object's plan was made from, and the plan. */
export interface PlanFacts {
  /** `namespace/name`. */
  readonly key: string;
  /** The record that was asked for, as it would be written; undefined for a deletion. */
  readonly desired: unknown;
  /** The record in the table; undefined when there is none. */
  readonly record: unknown;
  /** Content of the class that the object is composed with. */
  readonly klass: unknown;
  readonly inventory: Inventory | undefined;
  /** Undefined when nothing could be planned. */
  readonly planned: { readonly world: World; readonly plan: Plan } | undefined;
  /** Why nothing could be planned: a constant, no wording. */
  readonly obstacle?: string | undefined;
}

const VERSION = 'v1';
const PART_LENGTH = 8;

/** The parts, in their order in the hash, and what it means when one differs. */
const PARTS = [
  { name: 'manifest', moved: 'what is asked for is not what was planned' },
  { name: 'record', moved: 'a desired record was changed meanwhile' },
  { name: 'class', moved: 'the class was changed meanwhile' },
  { name: 'inventory', moved: 'the controller has acted meanwhile' },
  { name: 'aws', moved: 'what AWS has, and so what would be done, is not what it was' },
] as const;

const SHAPE = new RegExp(`^${VERSION}(-[0-9a-f]{${PART_LENGTH}}){${PARTS.length}}$`);

/** `v1-` and one group of hex digits for each part, over all objects whatever their order. */
export function planHash(objects: readonly PlanFacts[]): string {
  const sorted = [...objects].sort((a, b) => (a.key < b.key ? -1 : 1));
  const part = (pick: (facts: PlanFacts) => unknown) =>
    shortHash(canonicalJson(sorted.map((facts) => [facts.key, pick(facts) ?? null])), PART_LENGTH);
  return [
    VERSION,
    part(({ desired }) => desired),
    part(({ record }) => record),
    part(({ klass }) => klass),
    part(({ inventory }) => inventory && timeless(inventory)),
    part(({ planned, obstacle }) => (planned ? situation(planned.world, planned.plan) : obstacle)),
  ].join('-');
}

export function isPlanHash(text: string): boolean {
  return SHAPE.test(text);
}

/** What moved between two hashes, one sentence each; empty when they are equal. */
export function whatMoved(before: string, after: string): string[] {
  const [was, is] = [before.split('-'), after.split('-')];
  return PARTS.flatMap(({ moved }, index) => (was[index + 1] === is[index + 1] ? [] : [moved]));
}

/** Who and what, but not when. The uid of an object that is not there yet is made up by each plan. */
function timeless({ createdAtMs, deletingSinceMs, held, entries, ...rest }: Inventory): unknown {
  return {
    ...rest,
    isDeleting: deletingSinceMs !== undefined,
    held: held?.reason,
    entries: entries
      .map(({ actedAtMs, ...entry }) => entry)
      .sort((a, b) => (canonicalJson(a) < canonicalJson(b) ? -1 : 1)),
  };
}

function situation(world: World, plan: Plan): unknown {
  return {
    goal: world.goal,
    complete: world.complete,
    nodes: world.nodes
      .map(({ node, resolved }) => [
        node.id,
        resolved?.identity ?? null,
        resolved ? shortHash(canonicalJson(resolved.props), 16) : null,
        verdictText(plan.verdicts.get(node.id)),
      ])
      .sort(byFirst),
    left: world.orphans
      .map(({ entry, observation, stillUsed }) => [
        `${entry.nodeId} ${canonicalJson(entry.identity)}`,
        observation.state,
        stillUsed,
      ])
      .sort(byFirst),
    steps: plan.steps
      .map(({ action, nodeId, kind, identity, changes }) => [
        `${nodeId} ${canonicalJson(identity)}`,
        action,
        kind,
        [...changes].sort((a, b) => (a.path < b.path ? -1 : 1)),
      ])
      .sort(byFirst),
  };
}

/** Messages hold counts and times that change by themselves. */
function verdictText(verdict: Verdict | undefined): string {
  if (!verdict) return '';
  switch (verdict.state) {
    case 'pending':
    case 'failed':
      return `${verdict.state} ${verdict.reason}`;
    case 'blocked':
      return `blocked ${verdict.on}`;
    case 'unknown':
      return `unknown ${verdict.failure.code}`;
    default:
      return verdict.state;
  }
}

function byFirst(a: readonly unknown[], b: readonly unknown[]): number {
  return String(a[0]) < String(b[0]) ? -1 : 1;
}
