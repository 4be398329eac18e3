/**
 * From a source's spec to a rendering: one attempt, with a folder of its own that is removed whatever happens. What was
 * rendered is kept, so that an unchanged commit costs one look at the server's refs; a commit that was refused is not
 * fetched again until something changes, or for some minutes.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { GitSourceSpec, LambdaContainerClassSpec } from '../api/index.ts';
import type { GitSecret } from '../aws/index.ts';
import { type Clock, isFailure, sameJson } from '../core/index.ts';
import { prepareAccess } from './git-access.ts';
import type { Git } from './git-program.ts';
import { render } from './render.ts';
import type { Rendering } from './rendering.ts';
import { Repository, type RepositoryLimits } from './repository.ts';
import { verifySignature } from './signatures.ts';
import { SourceProblem } from './source-problem.ts';
import type { SecretReader } from './source-secret.ts';
import type { Wanted } from './wanted-commit.ts';

export interface SourceReaderParts {
  readonly git: Git;
  readonly secrets: SecretReader;
  /** @throws Failure when the table cannot be read */
  readonly storedClass: (name: string, signal: AbortSignal) => Promise<LambdaContainerClassSpec | undefined>;
  /** Folder of this process, for attempts. */
  readonly workFolder: string;
  readonly searchPath: string;
  readonly limits: RepositoryLimits;
  readonly clock: Clock;
}

/** A commit that may be applied. */
export interface Readable {
  readonly label: string;
  readonly rendering: Rendering;
  readonly signer: string | 'unasked';
  /** When it was fetched, if this attempt did. */
  readonly fetchedAtMs: number | undefined;
}

interface Refusal {
  readonly commit: string;
  readonly generation: number;
  readonly problem: SourceProblem;
  readonly untilMs: number;
}

/** Why a commit may be refused today and taken tomorrow: a class, a tool, a limit of the machine. */
const REFUSAL_MS = 10 * 60_000;

/** What was found of the newest commit, when it cannot be applied. */
export class HeadProblem extends Error {
  readonly head: { readonly label: string; readonly commit: string } | undefined;
  readonly problem: SourceProblem;

  constructor(problem: SourceProblem, head: HeadProblem['head']) {
    super(problem.message);
    this.problem = problem;
    this.head = head;
  }
}

export class SourceReader {
  readonly #parts: SourceReaderParts;
  #rendered: (Readable & { readonly generation: number; readonly wanted: Wanted }) | undefined;
  #refusal: Refusal | undefined;

  constructor(parts: SourceReaderParts) {
    this.#parts = parts;
  }

  /**
   * The last commit that could be read in this process's life, whatever the head is now. Of this generation alone: what
   * was rendered for an older spec may write where the newer one must not.
   */
  lastGood(generation: number): Readable | undefined {
    return this.#rendered?.generation === generation ? this.#rendered : undefined;
  }

  /** Something that a refusal may have been due to has changed. */
  forgetRefusal(): void {
    this.#refusal = undefined;
  }

  /** The newest commit, rendered. @throws HeadProblem */
  async read(spec: GitSourceSpec, generation: number, signal: AbortSignal): Promise<Readable> {
    return this.#attempt(spec, signal, async (repository, folder) => {
      const wanted = await repository.wanted(spec.ref);
      const head = { label: wanted.label, commit: wanted.commit };
      const known = this.#rendered;
      // The same commit under another tag is another claim: its signature is checked anew.
      if (known?.generation === generation && sameJson(known.wanted, wanted)) {
        return { ...known, fetchedAtMs: undefined };
      }
      const refusal = this.#refusal;
      if (
        refusal?.commit === wanted.commit &&
        refusal.generation === generation &&
        this.#parts.clock.now() < refusal.untilMs
      ) {
        throw new HeadProblem(refusal.problem, head);
      }
      try {
        const readable = await this.#take(repository, wanted, spec, folder, signal);
        this.#rendered = { ...readable, generation, wanted };
        return readable;
      } catch (error) {
        if (error instanceof HeadProblem && isOfContent(error.problem)) {
          // By the commit that the server named: it is what the next attempt compares with.
          const untilMs = this.#parts.clock.now() + REFUSAL_MS;
          this.#refusal = { commit: wanted.commit, generation, problem: error.problem, untilMs };
        }
        throw error;
      }
    });
  }

  /** An earlier commit, for comparing records after a restart; undefined when it cannot be had any more. */
  async recover(
    commit: string,
    spec: GitSourceSpec,
    generation: number,
    signal: AbortSignal,
  ): Promise<Readable | undefined> {
    const wanted: Wanted = { label: commit.slice(0, 12), fetch: commit, object: undefined, commit, tag: undefined };
    try {
      const readable = await this.#attempt(spec, signal, (repository, folder) =>
        this.#take(repository, wanted, spec, folder, signal),
      );
      this.#rendered = { ...readable, generation, wanted };
      return readable;
    } catch (error) {
      if (error instanceof HeadProblem) return undefined;
      throw error;
    }
  }

  async #attempt<T>(
    spec: GitSourceSpec,
    signal: AbortSignal,
    act: (repository: Repository, folder: string) => Promise<T>,
  ): Promise<T> {
    const { git, limits } = this.#parts;
    const folder = await mkdtemp(join(this.#parts.workFolder, 'attempt-'));
    try {
      const secret = await this.#secret(spec, signal);
      const access = await prepareAccess(spec.url, secret, folder);
      const { url, timeoutMs } = spec;
      const repository = await Repository.open({ git, folder, url, access, timeoutMs, limits, signal });
      return await act(repository, folder);
    } catch (error) {
      if (!(error instanceof SourceProblem)) throw error;
      // The secret may have been exchanged: the next attempt reads it anew.
      if (error.reason === 'AuthenticationFailed' && spec.secretRef !== undefined)
        this.#parts.secrets.doubt(spec.secretRef);
      throw new HeadProblem(error, undefined);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async #secret({ secretRef }: GitSourceSpec, signal: AbortSignal): Promise<GitSecret | undefined> {
    return secretRef === undefined ? undefined : await this.#parts.secrets.read(secretRef, signal);
  }

  /** Fetches, verifies and renders. @throws HeadProblem */
  async #take(
    repository: Repository,
    wanted: Wanted,
    spec: GitSourceSpec,
    folder: string,
    signal: AbortSignal,
  ): Promise<Readable> {
    let commit = wanted.commit;
    try {
      commit = await repository.fetch(wanted);
      const fetchedAtMs = this.#parts.clock.now();
      const signer = await this.#signer(repository, wanted, commit, spec, folder, signal);
      const manifests = await repository.manifests(commit, spec.path);
      const rendering = await render(manifests, {
        commit,
        spec,
        storedClass: (name) => this.#class(name, signal),
        clock: this.#parts.clock,
        signal,
      });
      return { label: wanted.label, rendering, signer, fetchedAtMs };
    } catch (error) {
      if (!(error instanceof SourceProblem)) throw error;
      throw new HeadProblem(error.of(commit), { label: wanted.label, commit });
    }
  }

  async #signer(
    repository: Repository,
    wanted: Wanted,
    commit: string,
    { verify }: GitSourceSpec,
    folder: string,
    signal: AbortSignal,
  ): Promise<string> {
    if (!verify) return 'unasked';
    const { searchPath } = this.#parts;
    const tag = wanted.tag === undefined ? undefined : await repository.fetchedTag(wanted.tag);
    return verifySignature(repository, { commit, tag }, verify.signers, { searchPath, folder, signal });
  }

  async #class(name: string, signal: AbortSignal): Promise<LambdaContainerClassSpec | undefined> {
    try {
      return await this.#parts.storedClass(name, signal);
    } catch (error) {
      if (!isFailure(error)) throw error;
      throw new SourceProblem('FetchFailed', `class '${name}' cannot be read: ${error.code}: ${error.message}`, {
        cause: error,
      });
    }
  }
}

/** Fetching it again would find the same. */
function isOfContent(problem: SourceProblem): boolean {
  const { reason, isStalled, isOfFetch } = problem;
  return isStalled && (!isOfFetch || reason === 'RepositoryTooLarge' || reason === 'RepositoryRefused');
}
