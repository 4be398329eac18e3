/**
 * Which commit a source wants: pure choice among what a server lists. A range of versions takes the highest tag in it;
 * pre-releases count only when the range names one, as npm has it.
 */
import { rcompare, satisfies, valid } from 'semver';
import type { GitSourceSpec } from '../api/index.ts';
import { SourceProblem } from './source-problem.ts';

export interface Wanted {
  /** `main`, `v1.4.2`, or the commit's beginning: for people. */
  readonly label: string;
  /** What is fetched: a full ref name or a commit. */
  readonly fetch: string;
  /** The object that the server says the ref is: of an annotated tag, the tag. Undefined for a commit. */
  readonly object: string | undefined;
  /** The commit that is wanted, as far as the server said it. */
  readonly commit: string;
  /** The tag's name, where a tag is followed. */
  readonly tag: string | undefined;
}

/** The patterns for `git ls-remote` that list what `choose` needs; none: nothing needs to be listed. */
export function patternsOf(ref: GitSourceSpec['ref']): readonly string[] {
  if (ref.branch !== undefined) return [`refs/heads/${ref.branch}`];
  if (ref.tag !== undefined) return [`refs/tags/${ref.tag}`, `refs/tags/${ref.tag}^{}`];
  return ref.semver === undefined ? [] : ['refs/tags/*'];
}

/** @throws SourceProblem RefNotFound */
export function choose(ref: GitSourceSpec['ref'], listing: string): Wanted {
  if (ref.commit !== undefined) {
    return { label: ref.commit.slice(0, 12), fetch: ref.commit, object: undefined, commit: ref.commit, tag: undefined };
  }
  const refs = parseListing(listing);
  if (ref.branch !== undefined) {
    const name = `refs/heads/${ref.branch}`;
    const commit = refs.get(name);
    if (commit === undefined) throw notFound(`the repository has no branch '${ref.branch}'`);
    return { label: ref.branch, fetch: name, object: commit, commit, tag: undefined };
  }
  const tag = ref.tag ?? highest(refs, ref.semver ?? '*');
  const object = refs.get(`refs/tags/${tag}`);
  if (object === undefined) throw notFound(`the repository has no tag '${tag}'`);
  // An annotated tag is listed twice, once as the commit that it means.
  const commit = refs.get(`refs/tags/${tag}^{}`) ?? object;
  return { label: tag, fetch: `refs/tags/${tag}`, object, commit, tag };
}

function highest(refs: ReadonlyMap<string, string>, range: string): string {
  const tags = [...refs.keys()].flatMap((name) => {
    const tag = /^refs\/tags\/(.+)$/.exec(name)?.[1];
    const version = tag === undefined || tag.endsWith('^{}') ? undefined : versionOf(tag);
    return tag !== undefined && version !== undefined ? [{ tag, version }] : [];
  });
  const [best] = tags
    .filter(({ version }) => satisfies(version, range))
    // Tags of one version (v1.0.0 and 1.0.0) in an order that does not depend on the server's.
    .sort((a, b) => rcompare(a.version, b.version) || (a.tag < b.tag ? -1 : 1));
  if (best) return best.tag;
  throw notFound(
    tags.length === 0
      ? `the repository has no tag that is a version, so none is in '${range}'`
      : `none of the repository's ${tags.length} versions is in '${range}'`,
  );
}

function versionOf(tag: string): string | undefined {
  return valid(tag.replace(/^v/, '')) ?? undefined;
}

/** Lines of `<object>\t<ref>`. What is not one is left out: a server's banner, say. */
function parseListing(listing: string): Map<string, string> {
  const refs = new Map<string, string>();
  for (const line of listing.split('\n')) {
    const match = /^([0-9a-f]{40}(?:[0-9a-f]{24})?)\t(refs\/[^\0\t]+)$/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined) refs.set(match[2], match[1]);
  }
  return refs;
}

function notFound(message: string): SourceProblem {
  return new SourceProblem('RefNotFound', message);
}
