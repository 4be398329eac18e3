/**
 * The commit that a branch or tag of a git repository means today. Read only. It fetches nothing; the build does.
 */
import { READY, type ResourceKind, readOnly, unlessAbsent } from '../../resource/index.ts';

/** Identity: `url` and `ref` (a branch, a tag, or a commit, which means itself). */
export type GitCommitProps = Readonly<Record<string, never>>;

export interface GitCommitObserved {
  readonly commit: string;
}

export const gitCommit: ResourceKind<GitCommitProps, GitCommitObserved> = {
  ...readOnly('git-commit'),
  name: 'git-commit',
  // Asked over git's own protocol.
  permissions: [],

  async observe(io, { url = '', ref = '' }, call) {
    const commit = await unlessAbsent(io.aws.git.resolveCommit(url, ref, call));
    return commit === undefined ? undefined : { commit };
  },

  readiness: () => READY,
  outputs: ({ commit }) => ({ commit }),
  rotating: { CommitDrift: ({ commit }) => commit },
};
