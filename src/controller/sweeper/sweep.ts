/**
 * One sweep over a target: everything that its steady objects have there is listed in bulk and compared with what was
 * seen when they were settled. Listings run side by side, always in the same order, and pages are compared as they come,
 * so that no more is held than is under way and everything is looked at one period after it was looked at last; only
 * what rests on tags waits for theirs. Nothing is concluded from a listing that failed, but that what it did show
 * differs. It only finds.
 */
import { type Call, TAGS_LAG_MS_MAX, type Tags, taggedResources, tagsOfResource } from '../../aws/index.ts';
import { type Failure, isFailure } from '../../core/index.ts';
import {
  type AnyKind,
  differing,
  type Fields,
  fingerprintOf,
  type Io,
  type KindRegistry,
  type SteadyNode,
  type Sweep,
  sweptDiffering,
} from '../../resource/index.ts';
import type { SteadyFleet, SteadyObject } from '../steady-fleet.ts';
import { missing } from './finding.ts';
import { NameTable } from './name-table.ts';
import { type Group, type Looked, Search } from './search.ts';

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

interface Shown {
  readonly seen: unknown;
  readonly arn: string | undefined;
}

/** What waits for the tags: entries of a `looked`, and the ARN of each. All else of what was listed is let go. */
interface Early {
  readonly entries: number[];
  readonly arns: string[];
}

/** So many listings of one service are read side by side; the rest of their speed is the pacing's to give. */
const PER_SERVICE = 4;

/**
 * Lists and compares; resolves when all listings have ended, with how many calls of which listing that was expected to take.
 * @throws what is not a Failure: a defect
 */
export async function sweep(
  objects: Iterable<SteadyObject>,
  io: Io,
  parts: SweepParts,
  call: Call,
): Promise<Map<string, number>> {
  const search = new Search(objects, parts.kinds);
  const { groups, expectedCalls } = search;
  const comparison = new Comparison(io, parts, call, search);
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
  return expectedCalls;
}

class Comparison {
  readonly #io: Io;
  readonly #parts: SweepParts;
  readonly #call: Call;
  readonly #search: Search;
  /** Number of the tags among `#tagSets`, by ARN: all resources of an object have the same, which are held once. */
  readonly #tags = new NameTable();
  readonly #tagSets: Tags[] = [];
  #tagsAre: 'awaited' | 'known' | 'unknown';
  readonly tagsRead: Promise<void>;

  constructor(io: Io, parts: SweepParts, call: Call, search: Search) {
    this.#io = io;
    this.#parts = parts;
    this.#call = call;
    this.#search = search;
    const needsTags = search.groups.some((group) => group.needsTags);
    this.#tagsAre = needsTags ? 'awaited' : 'unknown';
    this.tagsRead = needsTags ? this.#readTags() : Promise.resolve();
    // Looked at where it is awaited; a sweep that ends before that has a failure of its own to tell.
    this.tagsRead.catch(() => {});
  }

  async of(group: Group): Promise<void> {
    const { listing, scope, looked } = group;
    const { onFailure } = this.#parts;
    const found = new Uint8Array(looked.size);
    const early: Early = { entries: [], arns: [] };
    let failure: Failure | undefined;
    try {
      for await (const page of listing.list(this.#io.aws, scope, this.#search.namesOf(group), this.#call)) {
        for (const entry of page) this.#compare(group, entry, found, early);
      }
    } catch (error) {
      if (!isFailure(error)) throw error;
      failure = error;
    }
    if (failure) onFailure(listing.name, scope, failure);
    else {
      for (const [entry, isFound] of found.entries()) {
        const one = isFound ? undefined : this.#search.lookedAt(group, entry);
        if (one) this.#tell(one, [missing(one.kind.name)], 'missing');
      }
    }
    if (early.entries.length === 0) return;
    await this.tagsRead;
    for (const [i, arn] of early.arns.entries()) {
      const one = this.#search.lookedAt(group, early.entries[i] ?? -1);
      if (one) this.#compareTags(one, arn);
    }
  }

  /** What an entry of a listing shows, of everything that is looked for by its names: tags, as soon as they are known. */
  #compare(group: Group, entry: unknown, found: Uint8Array, early: Early): void {
    const { listing, looked } = group;
    const seenBy = new Map<AnyKind, Shown>();
    for (const name of listing.namesOf(entry)) {
      for (const number of looked.entriesOf(name)) {
        const one = found[number] ? undefined : this.#search.lookedAt(group, number);
        const sweep = one?.kind.sweep;
        if (!one || !sweep) continue;
        const shown = seenBy.get(one.kind) ?? shownBy(sweep, entry);
        seenBy.set(one.kind, shown);
        const { seen, arn } = shown;
        if (seen === undefined) continue;
        found[number] = 1;
        const { fromTags = [], fields } = sweep;
        const isAsked = (reason: string) => !fromTags.includes(reason);
        const reasons = sweptDiffering(sweep, one.fingerprint, seen, isAsked);
        // The tags are no part of what is told: whether they are known by now tells nothing of the thing.
        if (reasons.length > 0) this.#tell(one, reasons, fingerprintOf(fieldsOf(fields, isAsked), seen));
        if (arn === undefined || fromTags.length === 0) continue;
        if (this.#tagsAre === 'awaited') {
          early.entries.push(number);
          early.arns.push(arn);
        } else this.#compareTags(one, arn);
      }
    }
  }

  /** What rests on tags. It says nothing while they are not known, or may still be those from before our own act. */
  #compareTags(one: Looked, arn: string): void {
    const { fromTags = [], fields = {} } = one.kind.sweep ?? {};
    if (this.#tagsAre !== 'known') return;
    if (this.#io.nowMs() - one.object.actedAtMs <= TAGS_LAG_MS_MAX) return;
    const isAsked = (reason: string) => fromTags.includes(reason);
    const seen = { tags: this.#tagsOf(arn) ?? {} };
    const reasons = differing(fields, one.fingerprint, seen, isAsked);
    if (reasons.length > 0) this.#tell(one, reasons, fingerprintOf(fieldsOf(fields, isAsked), seen));
  }

  /** Whoever was written since the sweep began is compared with a newer answer, by the next one. */
  #tell({ object, node }: Looked, reasons: readonly string[], what: string): void {
    if (this.#parts.fleet.isPresent(object)) this.#parts.onDrift(object, node, reasons, what);
  }

  #tagsOf(arn: string): Tags | undefined {
    const entry = this.#tags.entriesOf(arn).at(-1);
    return entry === undefined ? undefined : this.#tagSets[this.#tags.valueAt(entry)];
  }

  async #readTags(): Promise<void> {
    const numbers = new Map<string, number>();
    try {
      for await (const page of taggedResources.list(this.#io.aws, '', [], this.#call)) {
        for (const entry of page) {
          const tags = tagsOfResource(entry);
          const text = JSON.stringify(tags);
          const number = numbers.get(text) ?? this.#tagSets.push(tags) - 1;
          numbers.set(text, number);
          this.#tags.add(entry.ResourceARN ?? '', number);
        }
      }
      this.#tagsAre = 'known';
    } catch (error) {
      if (!isFailure(error)) throw error;
      this.#tagsAre = 'unknown';
      this.#parts.onFailure(taggedResources.name, '', error);
    }
  }
}

/** An entry as a kind sees it, and the ARN under which its tags are listed. */
function shownBy({ seen }: Pick<Sweep<unknown, unknown, unknown>, 'seen'>, entry: unknown): Shown {
  const asked: string[] = [];
  const tagsOf = (arn: string) => {
    asked.push(arn);
    return undefined;
  };
  return { seen: seen(entry, tagsOf), arn: asked[0] };
}

function fieldsOf<Seen>(fields: Fields<Seen>, isAsked: (reason: string) => boolean): Fields<Seen> {
  return Object.fromEntries(Object.entries(fields).filter(([reason]) => isAsked(reason)));
}
