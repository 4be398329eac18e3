/**
 * Who builds next, when more images are wanted than may be built at once: the one that has waited longest. It is the
 * leader's own memory of who asked, nothing is stored: after a change of leader the line forms anew. What runs is read
 * from CodeBuild each time, because others may build in the same account.
 */

/** One that did not ask for so long does not want to build any more. */
const FORGOTTEN_AFTER_MS = 60_000;
/** A build that was begun is listed by then. */
const LISTED_WITHIN_MS = 15_000;
/** After the account refused a build only the first in line tries. */
const FULL_FOR_MS = 10_000;

export interface Asked {
  readonly project: string;
  readonly tag: string;
  /** Tags of the project's builds that run now. */
  readonly running: readonly string[];
  /** Builds of the project that may run at once. */
  readonly limit: number;
}

interface Waiter {
  readonly project: string;
  readonly tag: string;
  askedAtMs: number;
}

export class WaitingLine {
  #waiters: Waiter[] = [];
  #begun: { readonly project: string; readonly tag: string; readonly atMs: number }[] = [];
  #fullUntilMs = 0;

  /** 0: begin now. Else how many are to begin before. Asking is what keeps a place in the line. */
  ask({ project, tag, running, limit }: Asked, nowMs: number): number {
    this.#waiters = this.#waiters.filter(({ askedAtMs }) => nowMs - askedAtMs < FORGOTTEN_AFTER_MS);
    this.#begun = this.#begun.filter((build) => nowMs - build.atMs < LISTED_WITHIN_MS && !running.includes(build.tag));
    let waiter = this.#waiters.find((other) => other.project === project && other.tag === tag);
    if (!waiter) {
      waiter = { project, tag, askedAtMs: nowMs };
      this.#waiters.push(waiter);
    }
    waiter.askedAtMs = nowMs;
    const before = this.#waiters.filter((other) => other.project === project).indexOf(waiter);
    const unlisted = this.#begun.filter((build) => build.project === project && build.tag !== tag).length;
    const free = limit - running.length - unlisted;
    if (before >= free) return before - Math.max(0, free) + 1;
    const first = this.#waiters.indexOf(waiter);
    if (nowMs < this.#fullUntilMs && first > 0) return first;
    return 0;
  }

  begun(project: string, tag: string, nowMs: number): void {
    this.#waiters = this.#waiters.filter((other) => other.project !== project || other.tag !== tag);
    this.#begun.push({ project, tag, atMs: nowMs });
  }

  /** The account allows no more builds for now. */
  full(nowMs: number): void {
    this.#fullUntilMs = nowMs + FULL_FOR_MS;
  }
}
