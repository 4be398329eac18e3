/**
 * One attempt at a repository: what the server has, one commit of it, and its manifests. The commit comes alone (no
 * history) into a bare repository of its own that is thrown away with the attempt, so nothing piles up and nothing that
 * a crash left is trusted. There is never a work tree: blobs are read by their ids, so symbolic links, `..`, submodules,
 * hooks and filters have nothing to act on. What is hostile or too large ends the attempt and changes nothing.
 */
import { mkdir, opendir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pRetry from 'p-retry';
import type { GitSourceSpec } from '../api/index.ts';
import type { GitAccess } from './git-access.ts';
import { problemOf } from './git-complaints.ts';
import type { Git, GitAnswer, GitCall } from './git-program.ts';
import { printable } from './printable.ts';
import { SourceProblem } from './source-problem.ts';
import { choose, patternsOf, type Wanted } from './wanted-commit.ts';

/** What one source may cost. */
export interface RepositoryLimits {
  /** Bytes of objects on disk while one commit is fetched. */
  readonly objectBytesMax: number;
  /** Entries in the tree below the path. */
  readonly entriesMax: number;
  /** Files that look like manifests. */
  readonly manifestsMax: number;
  /** Of one file: it is parsed in one turn, and hostile YAML takes seconds a megabyte. */
  readonly manifestBytesMax: number;
  /** All manifests together. */
  readonly totalBytesMax: number;
}

export const REPOSITORY_LIMITS: RepositoryLimits = {
  objectBytesMax: 256 << 20,
  entriesMax: 200_000,
  manifestsMax: 20_000,
  manifestBytesMax: 256 << 10,
  totalBytesMax: 32 << 20,
};

export interface AttemptOptions {
  readonly git: Git;
  /** An empty folder of this attempt; who made it removes it. */
  readonly folder: string;
  readonly url: string;
  readonly access: GitAccess;
  readonly timeoutMs: number;
  readonly limits: RepositoryLimits;
  readonly signal: AbortSignal;
}

export interface ManifestFile {
  /** From the root of the repository, fit for printing. */
  readonly path: string;
  /** Undefined when it is not read; `refusal` says why. */
  readonly text: string | undefined;
  readonly refusal?: string;
}

export interface Manifests {
  /** In the order of their paths. */
  readonly files: readonly ManifestFile[];
  /** What is passed over by rule and may surprise: links and submodules. */
  readonly skipped: readonly string[];
}

/** Everything that the repository needs to be one. No hooks folder, no remote, no promise of missing objects. */
const CONFIG = '[core]\n\trepositoryformatversion = 0\n\tbare = true\n';
const TARGET = 'refs/lambdacontainer/target';
const LISTING_BYTES_MAX = 64 << 20;
const LOCAL_TIMEOUT_MS = 60_000;
const RETRIES = 2;
const MANIFEST = /\.(ya?ml|json)$/i;

/** A bare repository with nothing in it. */
export async function emptyRepository(path: string): Promise<string> {
  await mkdir(join(path, 'objects'), { recursive: true });
  await mkdir(join(path, 'refs'));
  await writeFile(join(path, 'HEAD'), 'ref: refs/heads/none\n');
  await writeFile(join(path, 'config'), CONFIG);
  return path;
}

export class Repository {
  readonly #options: AttemptOptions;
  readonly #path: string;

  private constructor(options: AttemptOptions, path: string) {
    this.#options = options;
    this.#path = path;
  }

  /** Makes the repository's folder; no network. @throws SourceProblem GitMissing */
  static async open(options: AttemptOptions): Promise<Repository> {
    const path = await emptyRepository(join(options.folder, 'repository.git'));
    await options.git.requireUsable(path, options.signal);
    return new Repository(options, path);
  }

  /** Asks the server for its refs and chooses. One request; none for a commit. @throws SourceProblem */
  async wanted(ref: GitSourceSpec['ref']): Promise<Wanted> {
    const patterns = patternsOf(ref);
    if (patterns.length === 0) return choose(ref, '');
    const { stdout } = await this.#remote('listing refs', {
      args: ['ls-remote', '--quiet', '--', this.#options.url, ...patterns],
      outputMax: LISTING_BYTES_MAX,
    });
    return choose(ref, stdout.toString('utf8'));
  }

  /** Fetches that commit alone. Returns the commit that came: a branch may have moved meanwhile. @throws SourceProblem */
  async fetch(wanted: Wanted): Promise<string> {
    const { url, limits } = this.#options;
    const excess = async (): Promise<string | undefined> =>
      (await folderBytes(join(this.#path, 'objects'))) > limits.objectBytesMax
        ? `the commit has more than ${sized(limits.objectBytesMax)}; give GitOps a repository of its own, without large files`
        : undefined;
    const doing = `fetching ${wanted.label}`;
    await this.#remote(doing, {
      args: [
        'fetch',
        '--quiet',
        '--depth=1',
        '--no-tags',
        '--no-recurse-submodules',
        '--no-write-fetch-head',
        // Servers that cannot filter send all of it; it is measured either way.
        `--filter=blob:limit=${limits.manifestBytesMax + 1}`,
        '--',
        url,
        `+${wanted.fetch}:${TARGET}`,
      ],
      outputMax: 1 << 20,
      watch: excess,
    });
    // A quick fetch ends between two looks.
    const tooMuch = await excess();
    if (tooMuch !== undefined) throw tooLarge(`${doing}: ${tooMuch}`);
    // A filtered fetch promises that the server has the rest, and git would go and get it. It must not.
    await writeFile(join(this.#path, 'config'), CONFIG);
    const parsed = await this.#local({
      args: ['rev-parse', '--verify', '--quiet', `${TARGET}^{commit}`],
      outputMax: 256,
    });
    const commit = parsed.stdout.toString('utf8').trim();
    if (parsed.status !== 0 || !/^[0-9a-f]{40,64}$/.test(commit)) {
      throw new SourceProblem('RefNotFound', `'${wanted.label}' is not a commit`);
    }
    return commit;
  }

  /** What was fetched, as the tag of this name: its object is the commit itself unless the tag is annotated. */
  async fetchedTag(name: string): Promise<{ name: string; object: string }> {
    const { stdout } = await this.#local({ args: ['rev-parse', '--verify', '--quiet', TARGET], outputMax: 256 });
    return { name, object: stdout.toString('utf8').trim() };
  }

  /** The object as git stores it: `commit` or `tag`. */
  async object(type: 'commit' | 'tag', id: string): Promise<string> {
    const { stdout, status, stderr } = await this.#local({ args: ['cat-file', type, id], outputMax: 1 << 20 });
    if (status !== 0) throw problemOf(`reading ${type} ${id.slice(0, 12)}`, stderr);
    return stdout.toString('utf8');
  }

  /** Lets git check a signature; its status says whether it is good. */
  verify(type: 'commit' | 'tag', id: string, trust: Pick<GitCall, 'config' | 'env'>): Promise<GitAnswer> {
    return this.#local({ args: [`verify-${type}`, '--raw', id], outputMax: 1 << 20, ...trust });
  }

  /** Manifests below a folder. @throws SourceProblem PathNotFound, RepositoryTooLarge, RepositoryRefused */
  async manifests(commit: string, path: string): Promise<Manifests> {
    const { limits } = this.#options;
    const folder = path.split('/').filter((part) => part !== '' && part !== '.');
    if (folder.includes('..'))
      throw new SourceProblem('PathNotFound', `spec.path: '${path}' leads out of the repository`);
    const tree = await this.#tree(commit, folder.join('/'));
    const listed = await this.#local({
      args: ['ls-tree', '-r', '-z', '--full-tree', tree],
      outputMax: LISTING_BYTES_MAX,
    });
    if (listed.ended?.by === 'output') throw tooLarge('the tree is too large to be listed');
    if (listed.status !== 0) throw problemOf('listing files', listed.stderr);
    const entries = listed.stdout.toString('utf8').split('\0').slice(0, -1);
    if (entries.length > limits.entriesMax) throw tooLarge(`the folder has more than ${limits.entriesMax} files`);
    const prefix = folder.length === 0 ? '' : `${folder.join('/')}/`;
    return this.#read(entries.flatMap((line) => entryOf(line, prefix)));
  }

  async #tree(commit: string, path: string): Promise<string> {
    const parsed = await this.#local({
      // Behind the colon everything is a path, whatever it looks like, and no link is followed.
      args: ['rev-parse', '--verify', '--quiet', `${commit}:${path}`],
      outputMax: 256,
    });
    const id = parsed.stdout.toString('utf8').trim();
    if (parsed.status !== 0 || id === '') {
      throw new SourceProblem('PathNotFound', `spec.path: there is no folder '${path}' in the commit`);
    }
    const { stdout } = await this.#local({ args: ['cat-file', '-t', id], outputMax: 256 });
    if (stdout.toString('utf8').trim() !== 'tree') {
      throw new SourceProblem('PathNotFound', `spec.path: '${path}' is not a folder; give the folder that it is in`);
    }
    return id;
  }

  async #read(entries: readonly Entry[]): Promise<Manifests> {
    const { limits } = this.#options;
    const skipped = entries.flatMap(({ what, path, isManifest }) =>
      what !== 'file' && !isManifest ? [`${path} (${what})`] : [],
    );
    const manifests = entries.filter(({ isManifest }) => isManifest);
    if (manifests.length > limits.manifestsMax) {
      throw tooLarge(`the folder has ${manifests.length} manifests; ${limits.manifestsMax} are allowed`);
    }
    const ids = [...new Set(manifests.flatMap(({ what, id }) => (what === 'file' ? [id] : [])))];
    const sizes = await this.#sizes(ids);
    const readable = ids.filter((id) => (sizes.get(id) ?? Infinity) <= limits.manifestBytesMax);
    const counted = new Set(readable);
    const total = manifests.reduce((sum, { id }) => sum + (counted.has(id) ? (sizes.get(id) ?? 0) : 0), 0);
    if (total > limits.totalBytesMax)
      throw tooLarge(`all manifests together have more than ${sized(limits.totalBytesMax)}`);
    const texts = await this.#texts(readable, sizes);
    const files = manifests.map(({ path, what, id }): ManifestFile => {
      if (what !== 'file')
        return { path, text: undefined, refusal: `is a ${what}, which is never followed; put a file in its place` };
      const bytes = texts.get(id);
      if (!bytes)
        return { path, text: undefined, refusal: `is larger than ${sized(limits.manifestBytesMax)}; split it` };
      const text = decoded(bytes);
      return text === undefined ? { path, text, refusal: 'is not text in UTF-8' } : { path, text };
    });
    return { files, skipped };
  }

  /** Bytes by id; what the server filtered out is missing. */
  async #sizes(ids: readonly string[]): Promise<Map<string, number>> {
    if (ids.length === 0) return new Map();
    const { stdout, status, stderr } = await this.#local({
      args: ['cat-file', '--batch-check'],
      input: `${ids.join('\n')}\n`,
      outputMax: LISTING_BYTES_MAX,
    });
    if (status !== 0) throw problemOf('measuring files', stderr);
    const sizes = new Map<string, number>();
    for (const line of stdout.toString('latin1').split('\n')) {
      const match = /^([0-9a-f]+) blob (\d+)$/.exec(line);
      if (match?.[1] !== undefined) sizes.set(match[1], Number(match[2]));
    }
    return sizes;
  }

  async #texts(ids: readonly string[], sizes: ReadonlyMap<string, number>): Promise<Map<string, Buffer>> {
    const texts = new Map<string, Buffer>();
    if (ids.length === 0) return texts;
    const bytes = ids.reduce((sum, id) => sum + (sizes.get(id) ?? 0) + 128, 0);
    const { stdout, status, stderr } = await this.#local({
      args: ['cat-file', '--batch'],
      input: `${ids.join('\n')}\n`,
      outputMax: bytes,
    });
    if (status !== 0) throw problemOf('reading files', stderr);
    let at = 0;
    for (const id of ids) {
      const end = stdout.indexOf(0x0a, at);
      const header = stdout.toString('latin1', at, end);
      const size = Number(/^[0-9a-f]+ blob (\d+)$/.exec(header)?.[1] ?? Number.NaN);
      if (end < 0 || Number.isNaN(size))
        throw new SourceProblem('RepositoryRefused', `object ${id} cannot be read: ${printable(header)}`);
      texts.set(id, stdout.subarray(end + 1, end + 1 + size));
      at = end + 1 + size + 1;
    }
    return texts;
  }

  /** A call that reaches out: tried again when the network is to blame. */
  #remote(doing: string, call: Pick<GitCall, 'args' | 'outputMax' | 'watch'>): Promise<GitAnswer> {
    const { git, access, timeoutMs, signal } = this.#options;
    let timedOut = false;
    return pRetry(
      async () => {
        const answer = await git.run({ ...call, ...access, repository: this.#path, timeoutMs, signal });
        timedOut = answer.ended?.by === 'timeout';
        if (answer.ended) {
          throw timedOut
            ? new SourceProblem('FetchFailed', `${doing} took longer than spec.timeout`)
            : tooLarge(`${doing}: ${answer.ended.message}`);
        }
        if (answer.status !== 0) throw problemOf(doing, answer.stderr);
        return answer;
      },
      {
        retries: RETRIES,
        minTimeout: 250,
        maxTimeout: 1000,
        randomize: true,
        signal,
        // A server that did not answer in time had its time.
        shouldRetry: ({ error }) => error instanceof SourceProblem && error.reason === 'FetchFailed' && !timedOut,
      },
    );
  }

  async #local(call: Omit<GitCall, 'repository' | 'timeoutMs' | 'signal'>): Promise<GitAnswer> {
    const { git, signal } = this.#options;
    const answer = await git.run({ ...call, repository: this.#path, timeoutMs: LOCAL_TIMEOUT_MS, signal });
    if (answer.ended?.by === 'timeout') throw tooLarge(`git ${call.args[0]} took longer than a minute`);
    return answer;
  }
}

interface Entry {
  readonly path: string;
  readonly id: string;
  readonly what: 'file' | 'symbolic link' | 'submodule';
  readonly isManifest: boolean;
}

/** A line of ls-tree; nothing for what is hidden (a part of its path begins with a dot). */
function entryOf(line: string, prefix: string): Entry[] {
  const match = /^(\d{6}) (\w+) ([0-9a-f]+)\t(.*)$/s.exec(line);
  if (!match) throw new SourceProblem('RepositoryRefused', `an entry cannot be read: ${printable(line)}`);
  const [, mode, type, id = '', name = ''] = match;
  if (name.split('/').some((part) => part.startsWith('.'))) return [];
  const what = type === 'commit' ? 'submodule' : mode === '120000' ? 'symbolic link' : 'file';
  return [{ path: printable(`${prefix}${name}`), id, what, isManifest: MANIFEST.test(name) && what !== 'submodule' }];
}

function decoded(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

async function folderBytes(path: string): Promise<number> {
  let bytes = 0;
  for await (const entry of await opendir(path, { recursive: true })) {
    if (!entry.isFile()) continue;
    // Git renames its temporary files while we look.
    bytes += await stat(join(entry.parentPath, entry.name)).then(
      ({ size }) => size,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return 0;
        throw error;
      },
    );
  }
  return bytes;
}

function tooLarge(message: string): SourceProblem {
  return new SourceProblem('RepositoryTooLarge', message);
}

function sized(bytes: number): string {
  return bytes < 1 << 20 ? `${bytes / 1024} KiB` : `${bytes / (1 << 20)} MiB`;
}
