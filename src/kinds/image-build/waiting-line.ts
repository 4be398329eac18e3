/**
 * Who builds next, when more images are wanted than may be built at once: the one that has waited longest. It is the
 * leader's own memory of who asked, nothing is stored: after a change of leader the line forms anew. What runs is read
 * from CodeBuild each time, because others may build in the same account.
 */

/** One that did not ask for so long does not want to build any more. */
const FORGOTTEN_AFTER_MS = 60_000;
/** A build that was begun is listed by then, though not at once. */
export const LISTED_WITHIN_MS = 30_000;
/** After the account refused a build only the first in line tries. */
const FULL_FOR_MS = 10_000;

export interface Asked {
  readonly project: string;
  readonly tag: string;
  /** Tags of the project's builds that run now. */
  readonly running: readonly string[];
  /** Ids of all builds of the project that are listed. */
  readonly listed: readonly string[];
  /** Builds of the project that may run at once. */
  readonly limit: number;
}

interface Begun {
  readonly project: string;
  readonly tag: string;
  readonly id: string;
  readonly atMs: number;
}

interface Waiter {
  readonly project: string;
  readonly tag: string;
  askedAtMs: number;
}

export class WaitingLine {
  #waiters: Waiter[] = [];
  #begun: Begun[] = [];
  #fullUntilMs = 0;

  /**
   * 0: begin now. Else how many are to begin before. Asking is what keeps a place in the line. `begun`: it was, and the
   * listing is from before that.
   */
  ask({ project, tag, running, listed, limit }: Asked, nowMs: number): number | 'begun' {
    this.#waiters = this.#waiters.filter(({ askedAtMs }) => nowMs - askedAtMs < FORGOTTEN_AFTER_MS);
    this.#begun = this.#begun.filter((build) => nowMs - build.atMs < LISTED_WITHIN_MS && !listed.includes(build.id));
    if (this.#begun.some((build) => build.project === project && build.tag === tag)) return 'begun';
    let waiter = this.#waiters.find((other) => other.project === project && other.tag === tag);
    if (!waiter) {
      waiter = { project, tag, askedAtMs: nowMs };
      this.#waiters.push(waiter);
    }
    waiter.askedAtMs = nowMs;
    const before = this.#waiters.filter((other) => other.project === project).indexOf(waiter);
    const unlisted = this.#begun.filter((build) => build.project === project).length;
    const free = limit - running.length - unlisted;
    if (before >= free) return before - Math.max(0, free) + 1;
    const first = this.#waiters.indexOf(waiter);
    if (nowMs < this.#fullUntilMs && first > 0) return first;
    return 0;
  }

  /** @param id as CodeBuild told it; empty when it did not */
  begun(project: string, tag: string, id: string, nowMs: number): void {
    this.#waiters = this.#waiters.filter((other) => other.project !== project || other.tag !== tag);
    this.#begun.push({ project, tag, id, atMs: nowMs });
  }

  /** The account allows no more builds for now. */
  full(nowMs: number): void {
    this.#fullUntilMs = nowMs + FULL_FOR_MS;
  }
}
