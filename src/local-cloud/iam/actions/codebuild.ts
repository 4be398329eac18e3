/** CodeBuild. https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscodebuild.html */
import type * as codebuild from '@aws-sdk/client-codebuild';
import { type Account, arnIn, need, onEverything, passing, type ServiceActions, tagsFrom } from './needs.ts';

const SERVICE = 'codebuild.amazonaws.com';

export const CODEBUILD: ServiceActions = {
  operations: {
    ...onEverything('codebuild', ['ListProjects', 'ListBuilds']),
    CreateProject: (input: codebuild.CreateProjectInput, account) => [
      need('codebuild:CreateProject', [projectArn(account, input.name)], { requestTags: tagsFrom(input.tags) }),
      ...passing([input.serviceRole], SERVICE),
    ],
    UpdateProject: (input: codebuild.UpdateProjectInput, account) => [
      need('codebuild:UpdateProject', [projectArn(account, input.name)], { requestTags: tagsFrom(input.tags) }),
      ...passing([input.serviceRole], SERVICE),
    ],
    BatchGetProjects: (input: codebuild.BatchGetProjectsInput, account) => [
      need(
        'codebuild:BatchGetProjects',
        (input.names ?? []).map((name) => projectArn(account, name)),
      ),
    ],
    DeleteProject: (input: codebuild.DeleteProjectInput, account) => [
      need('codebuild:DeleteProject', [projectArn(account, input.name)]),
    ],
    StartBuild: (input: codebuild.StartBuildInput, account) => [
      need('codebuild:StartBuild', [projectArn(account, input.projectName)]),
      ...passing([input.serviceRoleOverride], SERVICE),
    ],
    StopBuild: (input: codebuild.StopBuildInput, account) => [
      need('codebuild:StopBuild', projectsOf([input.id], account)),
    ],
    BatchGetBuilds: (input: codebuild.BatchGetBuildsInput, account) => [
      need('codebuild:BatchGetBuilds', projectsOf(input.ids, account)),
    ],
    BatchDeleteBuilds: (input: codebuild.BatchDeleteBuildsInput, account) => [
      need('codebuild:BatchDeleteBuilds', projectsOf(input.ids, account)),
    ],
    ListBuildsForProject: (input: codebuild.ListBuildsForProjectInput, account) => [
      need('codebuild:ListBuildsForProject', [projectArn(account, input.projectName)]),
    ],
  },
  tagsOf: (arn, account) => {
    const names = [arn.slice(arn.indexOf(':project/') + ':project/'.length)];
    return tagsFrom(account.ask('codebuild', 'BatchGetProjects', { names })?.projects?.[0]?.tags);
  },
};

function projectArn(account: Account, nameOrArn = ''): string {
  return nameOrArn.startsWith('arn:') ? nameOrArn : arnIn(account, 'codebuild', `project/${nameOrArn}`);
}

/** A build is its project's: `project:id`. */
function projectsOf(ids: readonly (string | undefined)[] | undefined, account: Account): string[] {
  const names = (ids ?? []).map((id = '') => id.slice(id.lastIndexOf('/') + 1).split(':')[0] ?? '');
  return [...new Set(names)].map((name) => projectArn(account, name));
}
