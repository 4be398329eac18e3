/**
 * One sweep over a target: everything that its steady objects have there is listed in bulk and compared with what was
 * seen when they were settled. Listings run side by side and pages are compared as they come, so that no more is held
 * than is under way. Nothing is concluded from a listing that failed, but that what it did show differs. It only finds.
 */
import { type Call, type Listing, TAGS_LAG_MS_MAX, taggedResources, tagsOfResource } from '../../aws/index.ts';
import { type Failure, isFailure } from '../../core/index.ts';
import {
  type AnyKind,
  type Io,
  type KindRegistry,
  type SteadyNode,
  sweptDiffering,
  sweptFingerprintOf,
  type TagsOf,
} from '../../resource/index.ts';
import type { SteadyFleet, SteadyObject } from '../steady-fleet.ts';
import { missing } from './finding.ts';

/** As much of a node as a finding names. */
export type DriftedNode = Pick<SteadyNode, 'nodeId' | 'kind'>;

export interface SweepParts {
  readonly kinds: KindRegistry;
  readonly fleet: Pick<SteadyFleet, 'isPresent'>;
  /** Told of everything that differs, as it is found. `what` tells what was seen from anything else that could be. */
  readonly onDrift: (object: SteadyObject, node: DriftedNode, reasons: readonly string[], what: string) => void;
  /** Told of a listing that could not be read whole. */
  readonly onFailure: (listing: string, scope: string, failure: Failure) => void;
}

/** What is compared of a node, and how its kind is swept; the rest of it is not held while a sweep lasts. */
interface Looked {
  readonly object: SteadyObject;
  readonly node: Pick<SteadyNode, 'nodeId' | 'kind' | 'swept'>;
  readonly kind: AnyKind;
}

/** What one listing in one scope is asked for. */
interface Group {
  readonly listing: Listing;
  readonly scope: string;
  /** What was not seen yet, by the name that it is looked for. */
  readonly unseen: Map<string, Looked[]>;
  needsTags: boolean;
}

/** So many listings of one service are read side by side; the rest of their speed is the pacing's to give. */
const PER_SERVICE = 4;

/** How many calls of which listing a sweep over these objects makes, as far as AWS has no more than they have. */
export function expectedCalls(objects: Iterable<SteadyObject>, kinds: KindRegistry): Map<string, number> {
  return callsOf(groupsOf(objects, kinds));
}

function callsOf(groups: readonly Group[]): Map<string, number> {
  const calls = new Map<string, number>();
  for (const { listing, unseen } of groups) {
    calls.set(listing.name, (calls.get(listing.name) ?? 0) + listing.calls(unseen.size));
  }
  const tagged = groups.filter(({ needsTags }) => needsTags).reduce((sum, { unseen }) => sum + unseen.size, 0);
  if (tagged > 0) calls.set(taggedResources.name, taggedResources.calls(tagged));
  return calls;
}

/**
 * Lists and compares; resolves when all listings have ended, with what `expectedCalls` says of the same objects.
 * @throws what is not a Failure: a defect
 */
export async function sweep(
  objects: Iterable<SteadyObject>,
  io: Io,
  parts: SweepParts,
  call: Call,
): Promise<Map<string, number>> {
  const groups = groupsOf(objects, parts.kinds);
  const expected = callsOf(groups);
  const comparison = new Comparison(
    io,
    parts,
    call,
    groups.some(({ needsTags }) => needsTags),
  );
  const byService = new Map<string, Group[]>();
  for (const group of groups) {
    const service = group.listing.name.split(' ')[0] ?? '';
    const queue = byService.get(service) ?? [];
    queue.push(group);
    byService.set(service, queue);
  }
  const workers = [...byService.values()].flatMap((queue) =>
    Array.from({ length: Math.min(PER_SERVICE, queue.length) }, async () => {
      for (let group = queue.pop(); group; group = queue.pop()) await comparison.of(group);
    }),
  );
  await Promise.all([comparison.tagsRead, ...workers]);
  return expected;
}

function groupsOf(objects: Iterable<SteadyObject>, kinds: KindRegistry): Group[] {
  const groups = new Map<string, Group>();
  const nodeIds = new Map<string, string>();
  for (const object of objects) {
    for (const { nodeId, kind: kindName, place, swept } of object.nodes) {
      const kind = kinds.get(kindName);
      if (!kind?.sweep || !place) continue;
      const { listing, fromTags = [] } = kind.sweep;
      const name = `${listing.name} ${place.scope}`;
      let group = groups.get(name);
      if (!group) {
        group = { listing, scope: place.scope, unseen: new Map(), needsTags: false };
        groups.set(name, group);
      }
      group.needsTags ||= fromTags.length > 0;
      // Every object has nodes of the same few ids: one text for all of them.
      if (!nodeIds.has(nodeId)) nodeIds.set(nodeId, nodeId);
      const one = { object, node: { nodeId: nodeIds.get(nodeId) ?? nodeId, kind: kind.name, swept }, kind };
      const looked = group.unseen.get(place.name);
      if (looked) looked.push(one);
      else group.unseen.set(place.name, [one]);
    }
  }
  return [...groups.values()];
}

class Comparison {
  readonly #io: Io;
  readonly #parts: SweepParts;
  readonly #call: Call;
  readonly #tags: Map<string, Readonly<Record<string, string>>> = new Map();
  readonly #tagSets: Map<string, Readonly<Record<string, string>>> = new Map();
  #tagsAre: 'awaited' | 'known' | 'unknown';
  readonly tagsRead: Promise<void>;

  constructor(io: Io, parts: SweepParts, call: Call, needsTags: boolean) {
    this.#io = io;
    this.#parts = parts;
    this.#call = call;
    this.#tagsAre = needsTags ? 'awaited' : 'unknown';
    this.tagsRead = needsTags ? this.#readTags() : Promise.resolve();
    // Looked at where it is awaited; a sweep that ends before that has a failure of its own to tell.
    this.tagsRead.catch(() => {});
  }

  async of(group: Group): Promise<void> {
    const { listing, scope, unseen } = group;
    const { onFailure } = this.#parts;
    /** Entries that are ours and cannot be judged before the tags are known. */
    const early: unknown[] = [];
    const found = new Set<Looked>();
    let failure: Failure | undefined;
    try {
      for await (const page of listing.list(this.#io.aws, scope, [...unseen.keys()], this.#call)) {
        for (const entry of page) {
          if (!group.needsTags || this.#tagsAre !== 'awaited') this.#compare(group, entry, found);
          else if (listing.namesOf(entry).some((name) => unseen.has(name))) early.push(entry);
        }
      }
    } catch (error) {
      if (!isFailure(error)) throw error;
      failure = error;
    }
    await this.tagsRead;
    for (const entry of early) this.#compare(group, entry, found);
    if (failure) return onFailure(listing.name, scope, failure);
    for (const looked of unseen.values()) {
      for (const one of looked) if (!found.has(one)) this.#tell(one, [missing(one.kind.name)], 'missing');
    }
  }

  #compare({ listing, unseen, needsTags }: Group, entry: unknown, found: Set<Looked>): void {
    const seenBy = new Map<AnyKind, unknown>();
    for (const name of listing.namesOf(entry)) {
      for (const one of unseen.get(name) ?? []) {
        const { kind, node } = one;
        const sweep = kind.sweep;
        if (!sweep || found.has(one)) continue;
        if (!seenBy.has(kind)) seenBy.set(kind, sweep.seen(entry, this.#tagsOf));
        const seen = seenBy.get(kind);
        if (seen === undefined) continue;
        found.add(one);
        const reasons = sweptDiffering(sweep, node.swept, seen);
        if (reasons.length === 0) continue;
        const counted = needsTags ? reasons.filter((reason) => this.#maySay(one, reason)) : reasons;
        if (counted.length > 0) this.#tell(one, counted, sweptFingerprintOf({ fields: sweep.fields }, undefined, seen));
      }
    }
  }

  /** A reason that rests on tags says nothing while they are not known, or may still be those from before our own act. */
  #maySay({ kind, object }: Looked, reason: string): boolean {
    if (!kind.sweep?.fromTags?.includes(reason)) return true;
    return this.#tagsAre === 'known' && this.#io.nowMs() - object.actedAtMs > TAGS_LAG_MS_MAX;
  }

  /** Whoever was written since the sweep began is compared with a newer answer, by the next one. */
  #tell({ object, node }: Looked, reasons: readonly string[], what: string): void {
    if (this.#parts.fleet.isPresent(object)) this.#parts.onDrift(object, node, reasons, what);
  }

  readonly #tagsOf: TagsOf = (arn) => this.#tags.get(arn);

  async #readTags(): Promise<void> {
    try {
      for await (const page of taggedResources.list(this.#io.aws, '', [], this.#call)) {
        for (const entry of page) {
          const tags = tagsOfResource(entry);
          // All resources of an object have the same tags: they are held once.
          const text = JSON.stringify(tags);
          const known = this.#tagSets.get(text);
          if (!known) this.#tagSets.set(text, tags);
          this.#tags.set(entry.ResourceARN ?? '', known ?? tags);
        }
      }
      this.#tagsAre = 'known';
      this.#tagSets.clear();
    } catch (error) {
      if (!isFailure(error)) throw error;
      this.#tagsAre = 'unknown';
      this.#parts.onFailure(taggedResources.name, '', error);
    }
  }
}
