/**
 * Why a source could not be brought up to date, as one value: a reason for machines, a message for people, and whether
 * waiting can help. A pass throws it wherever it finds the cause; the source's status and events are made from it.
 */
import type { ManifestDefect } from '../api/index.ts';

/** What only a change of repository, secret, spec or machine can mend. */
export const STALLED_REASONS = [
  'InvalidSpec',
  'GitMissing',
  'AuthenticationFailed',
  'HostKeyUnknown',
  'RepositoryNotFound',
  'RefNotFound',
  'RepositoryTooLarge',
  'RepositoryRefused',
  'SecretNotUsable',
  'VerifierMissing',
  'VerificationFailed',
  'PathNotFound',
  'InvalidManifests',
  'DependencyCycle',
  'AccessDenied',
  'OwnedByAnother',
] as const;
/** What passes by itself, or is waited for. */
export const PASSING_REASONS = ['FetchFailed', 'WriteFailed', 'DependencyNotReady'] as const;
export type ProblemReason = (typeof STALLED_REASONS)[number] | (typeof PASSING_REASONS)[number];

/** Reasons found before there was a commit to read. */
const FETCH_REASONS: ReadonlySet<ProblemReason> = new Set<ProblemReason>([
  'GitMissing',
  'AuthenticationFailed',
  'HostKeyUnknown',
  'RepositoryNotFound',
  'RefNotFound',
  'RepositoryTooLarge',
  'RepositoryRefused',
  'SecretNotUsable',
  'FetchFailed',
]);

export class SourceProblem extends Error {
  readonly reason: ProblemReason;
  /** The commit that it was found in. */
  readonly commit: string | undefined;
  readonly defects: readonly ManifestDefect[];

  constructor(
    reason: ProblemReason,
    message: string,
    more: { commit?: string; defects?: readonly ManifestDefect[]; cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'SourceProblem';
    this.reason = reason;
    this.commit = more.commit;
    this.defects = more.defects ?? [];
  }

  get isStalled(): boolean {
    return STALLED_REASONS.some((reason) => reason === this.reason);
  }

  get isOfFetch(): boolean {
    return FETCH_REASONS.has(this.reason);
  }

  /** The same problem, said of a commit. */
  of(commit: string): SourceProblem {
    return new SourceProblem(this.reason, this.message, { commit, defects: this.defects, cause: this.cause });
  }
}
