/**
 * CodeBuild projects by name, 100 a call; a name that is not there is left out. Entries carry their tags.
 * https://docs.aws.amazon.com/codebuild/latest/APIReference/API_BatchGetProjects.html
 */
import type { Project } from '@aws-sdk/client-codebuild';
import { batches, callsOf, type Listing } from './listing.ts';

const NAMES_MAX = 100;

/** Scope: none. */
export const codebuildProjects: Listing<Project> = {
  name: 'codebuild BatchGetProjects',
  list: (aws, _account, names, call) =>
    batches(names, NAMES_MAX, async (batch) => {
      const { projects } = await aws.codebuild.batchGetProjects({ names: batch }, call);
      return projects ?? [];
    }),
  namesOf: ({ name = '', arn = '' }) => [name, arn],
  calls: (names) => callsOf(names, NAMES_MAX),
};
