/**
 * What a bulk listing of AWS's is: data on a port's operation. A listing knows pages and the names of its entries, not
 * what they are to an object; that is between a kind and its listing. Below it stands how listings read: page after page,
 * or in batches of names.
 */
import { isFailure } from '../../core/index.ts';
import type { Call, Ports } from '../ports.ts';

/** One bulk listing, which several kinds may share (rules and their weights). */
export interface Listing<Entry = unknown> {
  /** Service and operation, as `elbv2 DescribeRules`: kinds with the same name and scope share one listing. */
  readonly name: string;
  /**
   * Lists everything in `scope` (a cluster, a listener, a repository; empty: the account in this region), a page at a
   * time. `names` are those that are looked for: a listing that AWS answers by name asks for these alone, another may
   * stop early once it has seen all. Of a scope that is not there it lists nothing.
   * @throws Failure when a page cannot be read; then nothing may be concluded from what is missing
   */
  list(aws: Ports, scope: string, names: readonly string[], call: Call): AsyncIterable<readonly Entry[]>;
  /** The names under which an entry is looked for. */
  namesOf(entry: Entry): readonly string[];
  /** Pure: how many calls a listing makes that looks for `names` things, where AWS has no more than these. */
  calls(names: number): number;
}

/** One page, and the token of the next; none or an empty one: there is no more. */
export interface ListedPage<Entry> {
  readonly entries: readonly Entry[] | undefined;
  readonly next: string | undefined;
}

/**
 * Page after page, until AWS has no more or everything in `names` was seen. Without names: all pages.
 * What is gone (the cluster, the listener, the repository) lists nothing.
 */
export async function* pages<Entry>(
  read: (token: string | undefined) => Promise<ListedPage<Entry>>,
  names: readonly string[],
  namesOf: (entry: Entry) => readonly string[],
): AsyncGenerator<readonly Entry[]> {
  const unseen = new Set(names);
  let token: string | undefined;
  do {
    const page = await unlessNoScope(read(token));
    if (!page) return;
    const { entries = [], next } = page;
    yield entries;
    for (const entry of entries) for (const name of namesOf(entry)) unseen.delete(name);
    if (names.length > 0 && unseen.size === 0) return;
    token = next || undefined;
  } while (token !== undefined);
}

/** So many batches are under way at once at most: AWS's rates hold them back, not the way there and back. */
const BATCHES_AT_ONCE = 8;

/** What AWS answers by name: `size` names a call, several calls side by side, answers in the order of the names. */
export async function* batches<Entry>(
  names: readonly string[],
  size: number,
  read: (names: string[]) => Promise<readonly Entry[]>,
): AsyncGenerator<readonly Entry[]> {
  const wanted = [...new Set(names)];
  const underWay: Promise<readonly Entry[] | undefined>[] = [];
  for (let at = 0; at < wanted.length; at += size) {
    if (underWay.length === BATCHES_AT_ONCE) yield (await underWay.shift()) ?? [];
    const batch = unlessNoScope(read(wanted.slice(at, at + size)));
    // Its failure is thrown when its turn comes; should an earlier one end the listing, nobody asks for it any more.
    batch.catch(() => {});
    underWay.push(batch);
  }
  for (const batch of underWay) yield (await batch) ?? [];
}

/** Calls of `size` names each, or pages of `size` entries; a listing without an answer still costs one. */
export function callsOf(names: number, size: number): number {
  return Math.max(1, Math.ceil(names / size));
}

async function unlessNoScope<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (isFailure(error, 'notFound')) return undefined;
    throw error;
  }
}
