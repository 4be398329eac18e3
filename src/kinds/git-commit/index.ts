/**
 * The commit that a branch or tag of a git repository means today. Read only. It fetches nothing; the build does.
 */
import { READY, type ResourceKind, readOnly, unlessAbsent } from '../../resource/index.ts';
import { loginOf } from './login.ts';

/** Identity: `url`, `ref` (a branch, a tag, or a commit, which means itself) and, of a private one, `secret`: its name. */
export type GitCommitProps = Readonly<Record<string, never>>;

export interface GitCommitObserved {
  readonly commit: string;
}

export const gitCommit: ResourceKind<GitCommitProps, GitCommitObserved> = {
  ...readOnly('git-commit'),
  name: 'git-commit',
  // Asked over git's own protocol; which secrets may be read for it, the deployment says.
  permissions: [],

  async observe(io, { url = '', ref = '', secret }, call) {
    const login = secret === undefined ? undefined : await loginOf(io, secret, call);
    const commit = await unlessAbsent(io.aws.git.resolveCommit(url, ref, call, login));
    return commit === undefined ? undefined : { commit };
  },

  readiness: () => READY,
  outputs: ({ commit }) => ({ commit }),
  rotating: { CommitDrift: ({ commit }) => commit },
};
