/**
 * The CodeBuild project that builds images. It owns the whole of what it sends: an update replaces the environment and
 * the source as units, so a field that it did not compare would be reset silently. Builds are `image-build`s.
 */
import type { ComputeType, EnvironmentType, Project, UpdateProjectCommandInput } from '@aws-sdk/client-codebuild';
import { codebuildProjects, lowerTags, tagRecord } from '../../aws/index.ts';
import {
  changeOf,
  lastSegment,
  onCalls,
  ownershipKeys,
  ownershipOf,
  READY,
  type ResourceKind,
  type Sweep,
  text,
  unlessGone,
} from '../../resource/index.ts';

/** Identity: `projectName`. */
export interface CodeBuildProjectProps {
  readonly serviceRoleArn: string;
  readonly image: string;
  readonly computeType: string;
  readonly environmentType: string;
  /** Inline. */
  readonly buildspec: string;
  readonly timeoutMinutes: number;
  readonly description: string;
  readonly logGroupName: string;
}

type Settings = ReturnType<typeof settingsOf>;

export interface CodeBuildProjectObserved {
  readonly name: string;
  readonly arn: string;
  readonly settings: Settings;
  readonly tags: Readonly<Record<string, string>>;
}

/** The listing shows all that a look shows. */
const sweep: Sweep<CodeBuildProjectProps, CodeBuildProjectObserved, Project> = {
  listing: codebuildProjects,
  locate: ({ projectName = '' }) => ({ scope: '', name: projectName }),
  seen: (project) => observed(project),
  fields: { ProjectDrift: ({ settings }) => settings, OwnershipDrift: ({ tags }) => ownershipOf(tags) },
};

export const codebuildProject: ResourceKind<CodeBuildProjectProps, CodeBuildProjectObserved> = {
  name: 'codebuild-project',
  permissions: [
    {
      actions: ['codebuild:BatchGetProjects'],
      resources: ['arn:aws:codebuild:*:*:project/*'],
      because: 'reads the project whose builds turn functions into images',
    },
    {
      actions: ['codebuild:CreateProject'],
      resources: ['arn:aws:codebuild:*:*:project/*'],
      only: 'claiming',
      because: 'makes the project of a class',
    },
    {
      actions: ['codebuild:UpdateProject', 'codebuild:DeleteProject'],
      resources: ['arn:aws:codebuild:*:*:project/*'],
      only: 'owned',
      because: 'changes and removes only projects of its own',
    },
    {
      actions: ['iam:PassRole'],
      resources: ['arn:aws:iam::*:role/*'],
      when: { StringEquals: { 'iam:PassedToService': 'codebuild.amazonaws.com' } },
      because: 'a project names the role that its builds run under',
    },
  ],
  calls: {
    create: ['codebuild CreateProject'],
    update: ['codebuild UpdateProject'],
    delete: ['codebuild DeleteProject'],
    release: ['codebuild UpdateProject'],
  },

  async observe(io, { projectName = '' }, call) {
    // An unknown name is no error here: it is listed under projectsNotFound.
    const { projects } = await io.aws.codebuild.batchGetProjects({ names: [projectName] }, call);
    const project = projects?.[0];
    return project && observed(project);
  },

  tags: ({ tags }) => tags,
  lasting: true,
  readiness: () => READY,
  outputs: ({ name, arn }) => ({ name, arn }),

  diff(desired, { settings }) {
    const wanted = settingsOf(desired);
    return (Object.keys(wanted) as (keyof Settings)[]).flatMap((field) =>
      changeOf(field, wanted[field], settings[field], 'ProjectDrift'),
    );
  },

  /** A role made a moment ago may be refused as InvalidInputException ("not authorized to perform sts:AssumeRole"). */
  async create(io, { projectName }, desired, call) {
    await io.aws.codebuild.createProject(
      { name: projectName, ...definitionOf(desired), tags: lowerTags(call.tags) },
      call,
    );
  },

  async update(io, { projectName }, desired, _observed, _changes, call) {
    // Without `tags` the project keeps those that it has.
    await io.aws.codebuild.updateProject({ name: projectName, ...definitionOf(desired) }, call);
  },

  async delete(io, { projectName }, _observed, call) {
    await unlessGone(io.aws.codebuild.deleteProject({ name: projectName }, call));
  },

  async release(io, { projectName }, { tags }, call) {
    const ours = ownershipKeys(tags);
    if (ours.length === 0) return;
    // CodeBuild has no operation for single tags: the list is replaced by what remains.
    const remaining = Object.fromEntries(Object.entries(tags).filter(([key]) => !ours.includes(key)));
    await unlessGone(io.aws.codebuild.updateProject({ name: projectName, tags: lowerTags(remaining) }, call));
  },

  sweep,
  events: [onCalls('codebuild', ['UpdateProject', 'DeleteProject'], ({ name }) => [lastSegment(text(name))])],
};

/** What is compared: the props, and the constants that stand beside them in what is sent. */
function settingsOf(props: CodeBuildProjectProps) {
  return {
    // Field by field: spread, it is the dearest part of a plan, for which every steady object is compared.
    serviceRoleArn: props.serviceRoleArn,
    image: props.image,
    computeType: props.computeType,
    environmentType: props.environmentType,
    buildspec: props.buildspec,
    timeoutMinutes: props.timeoutMinutes,
    description: props.description,
    logGroupName: props.logGroupName,
    sourceType: 'NO_SOURCE',
    artifactsType: 'NO_ARTIFACTS',
    privilegedMode: false,
    environmentVariables: [] as readonly string[],
    // CodeBuild's own images want its own credentials, all others the project's role.
    imagePullCredentialsType: props.image.startsWith('aws/codebuild/') ? 'CODEBUILD' : 'SERVICE_ROLE',
  };
}

function definitionOf(props: CodeBuildProjectProps) {
  const settings = settingsOf(props);
  return {
    description: props.description,
    serviceRole: props.serviceRoleArn,
    timeoutInMinutes: props.timeoutMinutes,
    source: { type: 'NO_SOURCE', buildspec: props.buildspec },
    artifacts: { type: 'NO_ARTIFACTS' },
    environment: {
      type: props.environmentType as EnvironmentType,
      computeType: props.computeType as ComputeType,
      image: props.image,
      imagePullCredentialsType: settings.imagePullCredentialsType as 'CODEBUILD' | 'SERVICE_ROLE',
      privilegedMode: settings.privilegedMode,
      environmentVariables: [],
    },
    logsConfig: { cloudWatchLogs: { status: 'ENABLED', groupName: props.logGroupName } },
  } satisfies Partial<UpdateProjectCommandInput>;
}

function observed(project: Project): CodeBuildProjectObserved {
  const { environment, source, logsConfig } = project;
  return {
    name: project.name ?? '',
    arn: project.arn ?? '',
    settings: {
      serviceRoleArn: project.serviceRole ?? '',
      image: environment?.image ?? '',
      computeType: environment?.computeType ?? '',
      environmentType: environment?.type ?? '',
      buildspec: source?.buildspec ?? '',
      timeoutMinutes: project.timeoutInMinutes ?? 60,
      description: project.description ?? '',
      logGroupName: logsConfig?.cloudWatchLogs?.groupName ?? '',
      sourceType: source?.type ?? '',
      artifactsType: project.artifacts?.type ?? '',
      privilegedMode: environment?.privilegedMode ?? false,
      environmentVariables: (environment?.environmentVariables ?? []).flatMap((variable) => variable.name ?? []),
      imagePullCredentialsType: environment?.imagePullCredentialsType ?? 'CODEBUILD',
    },
    tags: tagRecord(project.tags),
  };
}
