/**
 * CodeBuild: projects and their builds. A build waits in the queue, then its driver runs it and reports phase by phase;
 * this machine keeps the record, the time limits and the idempotency of StartBuild. What a buildspec means is the
 * driver's. Batch builds, reports, fleets, webhooks and source credentials do not exist here and answer so by name.
 */
import type * as codebuild from '@aws-sdk/client-codebuild';
import { canonicalJson, shortHash, uuid } from '../../core/index.ts';
import {
  AwsError,
  type BuildDriver,
  type BuildEvent,
  type CloudService,
  type Collection,
  type Handler,
  type RequestContext,
  type RoleSessions,
  type SecretReader,
  type ServiceDeps,
} from '../contract.ts';
import { announceBuild } from './codebuild/announcements.ts';
import {
  type BuildRecord,
  broken,
  buildShape,
  currentPhase,
  isRunning,
  provisioned,
  reported,
  submitted,
} from './codebuild/build-record.ts';
import {
  defined,
  environmentOf,
  invalid,
  logsOf,
  minutesOf,
  type ProjectRecord,
  projectArn,
  projectShape,
  queuedMinutesOf,
  refuseUnknown,
  type Scope,
  validProjectName,
  variablesOf,
} from './codebuild/project-record.ts';
import { environmentOfBuild } from './codebuild/variables.ts';
import type { EventSink } from './eventbridge.ts';
import { pageOf } from './paging.ts';

const BATCH_MAX = 100;
const PAGE_SIZE = 100;
const TOKEN_LIFETIME_MS = 5 * 60_000;

const SUPPORTED_OVERRIDES: ReadonlySet<string> = new Set<keyof codebuild.StartBuildInput>([
  'projectName',
  'idempotencyToken',
  'environmentVariablesOverride',
  'buildspecOverride',
  'imageOverride',
  'computeTypeOverride',
  'environmentTypeOverride',
  'imagePullCredentialsTypeOverride',
  'privilegedModeOverride',
  'serviceRoleOverride',
  'timeoutInMinutesOverride',
  'queuedTimeoutInMinutesOverride',
  'logsConfigOverride',
]);

interface TokenRecord {
  readonly buildId: string;
  readonly inputHash: string;
  readonly untilMs: number;
}

export interface CodeBuildDeps extends ServiceDeps {
  readonly builds: BuildDriver;
  readonly iam: { trusts(roleArn: string, servicePrincipal: string, source?: { arn?: string }): boolean };
  /** Values of variables of type SECRETS_MANAGER; builds with such fail when left out. */
  readonly secrets?: SecretReader;
  /** Credentials of service roles; none when left out. */
  readonly sessions?: RoleSessions;
  /** Where its events go; nowhere when left out. */
  readonly events?: EventSink;
}

export class CodeBuildService implements CloudService {
  readonly id = 'codebuild';
  readonly operations: Readonly<Record<string, Handler>>;
  readonly #deps: CodeBuildDeps;
  readonly #projects: Collection<ProjectRecord>;
  readonly #builds: Collection<BuildRecord>;
  /** When a running build is due (out of the queue, or out of time), by build id. */
  readonly #due: Collection<number>;
  readonly #tokens: Collection<TokenRecord>;
  #recovered: boolean;

  constructor(deps: CodeBuildDeps) {
    this.#deps = deps;
    this.#projects = deps.state.collection('codebuild.projects');
    this.#builds = deps.state.collection('codebuild.builds');
    this.#due = deps.state.collection('codebuild.due');
    this.#tokens = deps.state.collection('codebuild.tokens');
    this.#recovered = this.#due.size === 0;
    this.operations = {
      CreateProject: this.#createProject,
      UpdateProject: this.#updateProject,
      BatchGetProjects: this.#batchGetProjects,
      ListProjects: this.#listProjects,
      DeleteProject: this.#deleteProject,
      StartBuild: this.#startBuild,
      StopBuild: this.#stopBuild,
      BatchGetBuilds: this.#batchGetBuilds,
      BatchDeleteBuilds: this.#batchDeleteBuilds,
      ListBuilds: this.#listBuilds,
      ListBuildsForProject: this.#listBuildsForProject,
    };
  }

  /** For the account's tag listing. */
  taggedResources(): { arn: string; tags: Readonly<Record<string, string>> }[] {
    return this.#projects.values().map(({ name, tags }) => ({
      arn: projectArn(name, this.#deps.settings),
      tags: Object.fromEntries(tags.map(({ key = '', value = '' }) => [key, value])),
    }));
  }

  advance(nowMs: number): void {
    this.recover(nowMs);
    for (const id of this.#due.keys()) {
      if ((this.#due.get(id) ?? Number.POSITIVE_INFINITY) > nowMs) continue;
      const build = this.#builds.get(id);
      if (!build) this.#due.delete(id);
      else if (currentPhase(build) === 'QUEUED') this.#launch(build, nowMs);
      else this.#timeOut(build, nowMs);
    }
  }

  nextAtMs(): number | undefined {
    if (!this.#recovered) return 0;
    const due = this.#due.values();
    return due.length === 0 ? undefined : Math.min(...due);
  }

  /**
   * After a restart: what ran when the cloud ended has no program any more and fails, saying so. The first `advance`
   * does this by itself; later calls do nothing.
   */
  recover(nowMs: number): void {
    if (this.#recovered) return;
    const context = { statusCode: 'BUILD_INTERRUPTED', message: 'The local cloud ended while the build was running' };
    for (const id of this.#due.keys()) {
      const build = this.#builds.get(id);
      if (build && currentPhase(build) !== 'QUEUED') this.#keep(broken(build, 'FAILED', context, nowMs), nowMs);
    }
    this.#recovered = true;
  }

  #launch(queued: BuildRecord, nowMs: number): void {
    const build = provisioned(queued, nowMs);
    const variables = environmentOfBuild(build, this.#deps.secrets, nowMs);
    if (variables.defect !== undefined) {
      this.#keep(
        broken(build, 'FAILED', { statusCode: 'Secrets Manager Error Message', message: variables.defect }, nowMs),
        nowMs,
      );
      return;
    }
    const timeoutMs = build.timeoutMinutes * 60_000;
    this.#keep(build, nowMs);
    this.#due.set(build.id, nowMs + timeoutMs);
    const report = (event: BuildEvent) =>
      this.#deps.enter((reportedAtMs) => this.#report(build.id, event, reportedAtMs));
    this.#deps.builds.start(
      {
        buildId: build.id,
        image: build.environment.image ?? '',
        buildspec: build.buildspec,
        environment: variables.values,
        logGroup: build.logGroup ?? '',
        logStream: build.logStream,
        timeoutMs,
        credentials: this.#deps.sessions?.beginRun(build.serviceRole, runOf(build)),
      },
      report,
    );
  }

  #report(id: string, event: BuildEvent, nowMs: number): void {
    const build = this.#builds.get(id);
    // One that was stopped or timed out here is over, whatever its driver still says.
    if (build && isRunning(build)) this.#keep(reported(build, event, nowMs), nowMs);
  }

  #timeOut(build: BuildRecord, nowMs: number): void {
    const message = `Build has timed out after ${build.timeoutMinutes} minutes`;
    this.#keep(broken(build, 'TIMED_OUT', { statusCode: 'BUILD_TIMED_OUT', message }, nowMs), nowMs);
    this.#deps.builds.stop(build.id);
  }

  #keep(build: BuildRecord, nowMs: number): void {
    const { events } = this.#deps;
    if (events) announceBuild(events, this.#builds.get(build.id), build, nowMs);
    this.#builds.set(build.id, build);
    if (isRunning(build)) return;
    this.#due.delete(build.id);
    this.#deps.sessions?.endRun(build.serviceRole, runOf(build));
  }

  // ------------------------------------------------------------------------------------------------------- projects

  readonly #createProject = (
    input: codebuild.CreateProjectInput,
    { nowMs }: RequestContext,
  ): codebuild.CreateProjectOutput => {
    const name = validProjectName(input.name);
    if (this.#projects.has(name)) {
      throw new AwsError('ResourceAlreadyExistsException', `Project already exists: ${projectArn(name, this.#scope)}`);
    }
    return { project: this.#define(undefined, name, input, nowMs) };
  };

  readonly #updateProject = (
    input: codebuild.UpdateProjectInput,
    { nowMs }: RequestContext,
  ): codebuild.UpdateProjectOutput => {
    const before = this.#project(input.name);
    return { project: this.#define(before, before.name, input, nowMs) };
  };

  #define(
    before: ProjectRecord | undefined,
    name: string,
    input: codebuild.UpdateProjectInput,
    nowMs: number,
  ): codebuild.Project {
    // CreateProject's required members were checked by the wire; UpdateProject's are a subset of them.
    const project = defined(before, name, input as codebuild.CreateProjectInput, this.#scope, nowMs);
    if (!before || input.serviceRole !== undefined) this.#requireTrust(project.serviceRole, project.name);
    this.#projects.set(name, project);
    return projectShape(project, this.#scope);
  }

  readonly #batchGetProjects = (input: codebuild.BatchGetProjectsInput): codebuild.BatchGetProjectsOutput => {
    const names = distinct(input.names, 'names');
    const projects = names
      .flatMap((name) => this.#projects.get(name) ?? [])
      .map((project) => projectShape(project, this.#scope));
    return { projects, projectsNotFound: names.filter((name) => !this.#projects.has(name)) };
  };

  readonly #listProjects = (input: codebuild.ListProjectsInput): codebuild.ListProjectsOutput => {
    const { sortBy = 'NAME', sortOrder = 'ASCENDING' } = input;
    const key = (project: ProjectRecord) =>
      sortBy === 'CREATED_TIME'
        ? project.createdAtMs
        : sortBy === 'LAST_MODIFIED_TIME'
          ? project.modifiedAtMs
          : project.name;
    const sorted = this.#projects.values().sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
    const names = sorted.map(({ name }) => name);
    const { items, token } = paged(sortOrder === 'DESCENDING' ? names.reverse() : names, input.nextToken);
    return { projects: items, nextToken: token };
  };

  /** A project that is not there is deleted, too; its builds stay. */
  readonly #deleteProject = (input: codebuild.DeleteProjectInput): codebuild.DeleteProjectOutput => {
    this.#projects.delete(validProjectName(input.name));
    return {};
  };

  // --------------------------------------------------------------------------------------------------------- builds

  readonly #startBuild = (input: codebuild.StartBuildInput, { nowMs }: RequestContext): codebuild.StartBuildOutput => {
    const project = this.#project(input.projectName);
    const repeated = this.#repeated(input, nowMs);
    if (repeated) return { build: buildShape(repeated, this.#scope) };
    refuseUnknown(input, SUPPORTED_OVERRIDES);
    const build = this.#submitted(project, input, nowMs);
    this.#requireTrust(build.serviceRole, build.projectName);
    const running = this.#due.keys().filter((id) => id.startsWith(`${project.name}:`)).length;
    if (project.concurrentBuildLimit !== null && running >= project.concurrentBuildLimit) {
      throw new AwsError(
        'AccountLimitExceededException',
        `Cannot have more than ${project.concurrentBuildLimit} active builds for the project`,
      );
    }
    this.#projects.set(project.name, { ...project, builds: build.number });
    this.#keep(build, nowMs);
    this.#due.set(build.id, nowMs + this.#deps.settings.delays.buildQueuedMs);
    if (input.idempotencyToken !== undefined) {
      this.#tokens.set(input.idempotencyToken, {
        buildId: build.id,
        inputHash: inputHash(input),
        untilMs: nowMs + TOKEN_LIFETIME_MS,
      });
    }
    return { build: buildShape(build, this.#scope) };
  };

  #submitted(project: ProjectRecord, input: codebuild.StartBuildInput, nowMs: number): BuildRecord {
    const streamId = uuid(this.#deps.random);
    const id = `${project.name}:${streamId}`;
    const logs = input.logsConfigOverride ? logsOf(input.logsConfigOverride) : project.logs;
    const environment = environmentOf({
      ...project.environment,
      type: input.environmentTypeOverride ?? project.environment.type,
      image: input.imageOverride ?? project.environment.image,
      computeType: input.computeTypeOverride ?? project.environment.computeType,
      imagePullCredentialsType: input.imagePullCredentialsTypeOverride ?? project.environment.imagePullCredentialsType,
      privilegedMode: input.privilegedModeOverride ?? project.environment.privilegedMode,
      environmentVariables: mergedVariables(
        project.environment.environmentVariables,
        input.environmentVariablesOverride,
      ),
    });
    return {
      id,
      arn: `arn:aws:codebuild:${this.#scope.region}:${this.#scope.accountId}:build/${id}`,
      number: project.builds + 1,
      projectName: project.name,
      startMs: nowMs,
      endMs: null,
      status: 'IN_PROGRESS',
      phases: submitted(nowMs),
      buildspec: input.buildspecOverride ?? project.buildspec,
      environment,
      serviceRole: input.serviceRoleOverride ?? project.serviceRole,
      timeoutMinutes: minutesOf('timeoutInMinutesOverride', input.timeoutInMinutesOverride ?? project.timeoutMinutes),
      queuedTimeoutMinutes: queuedMinutesOf(input.queuedTimeoutInMinutesOverride ?? project.queuedTimeoutMinutes),
      encryptionKey: project.encryptionKey,
      logGroup: logs.enabled ? (logs.groupName ?? `/aws/codebuild/${project.name}`) : null,
      logStream: logs.streamPrefix === null ? streamId : `${logs.streamPrefix}/${streamId}`,
    };
  }

  /** The build that a token already started; the same token for another request is refused. */
  #repeated(input: codebuild.StartBuildInput, nowMs: number): BuildRecord | undefined {
    for (const token of this.#tokens.keys())
      if ((this.#tokens.get(token)?.untilMs ?? 0) <= nowMs) this.#tokens.delete(token);
    const known = input.idempotencyToken === undefined ? undefined : this.#tokens.get(input.idempotencyToken);
    if (!known) return undefined;
    if (known.inputHash !== inputHash(input)) {
      throw invalid('Request with the same idempotency token but different parameters was made before');
    }
    return this.#builds.get(known.buildId);
  }

  readonly #stopBuild = (input: codebuild.StopBuildInput, { nowMs }: RequestContext): codebuild.StopBuildOutput => {
    const build = this.#builds.get(input.id ?? '');
    if (!build) throw new AwsError('ResourceNotFoundException', `Build ${input.id ?? ''} cannot be found`);
    if (!isRunning(build)) return { build: buildShape(build, this.#scope) };
    const stopped = broken(build, 'STOPPED', { statusCode: 'BUILD_STOPPED', message: 'Build was stopped' }, nowMs);
    this.#keep(stopped, nowMs);
    if (currentPhase(build) !== 'QUEUED') this.#deps.builds.stop(build.id);
    return { build: buildShape(stopped, this.#scope) };
  };

  readonly #batchGetBuilds = (input: codebuild.BatchGetBuildsInput): codebuild.BatchGetBuildsOutput => {
    const ids = distinct(input.ids, 'ids').map(buildId);
    const builds = ids.flatMap((id) => this.#builds.get(id) ?? []).map((build) => buildShape(build, this.#scope));
    return { builds, buildsNotFound: ids.filter((id) => !this.#builds.has(id)) };
  };

  readonly #batchDeleteBuilds = (input: codebuild.BatchDeleteBuildsInput): codebuild.BatchDeleteBuildsOutput => {
    const buildsDeleted: string[] = [];
    const buildsNotDeleted: codebuild.BuildNotDeleted[] = [];
    for (const id of distinct(input.ids, 'ids').map(buildId)) {
      const build = this.#builds.get(id);
      if (!build) buildsNotDeleted.push({ id, statusCode: 'BUILD_NOT_FOUND' });
      else if (isRunning(build)) buildsNotDeleted.push({ id, statusCode: 'BUILD_IN_PROGRESS' });
      else {
        this.#builds.delete(id);
        buildsDeleted.push(build.arn);
      }
    }
    return { buildsDeleted, buildsNotDeleted };
  };

  readonly #listBuilds = (input: codebuild.ListBuildsInput): codebuild.ListBuildsOutput => {
    return this.#page(this.#builds.keys(), input);
  };

  readonly #listBuildsForProject = (
    input: codebuild.ListBuildsForProjectInput,
  ): codebuild.ListBuildsForProjectOutput => {
    const { name } = this.#project(input.projectName);
    const prefix = `${name}:`;
    return this.#page(
      this.#builds.keys().filter((id) => id.startsWith(prefix)),
      input,
    );
  };

  /** Builds were inserted in the order in which they started. */
  #page(ids: string[], { sortOrder = 'DESCENDING', nextToken }: codebuild.ListBuildsInput): codebuild.ListBuildsOutput {
    const { items, token } = paged(sortOrder === 'DESCENDING' ? ids.reverse() : ids, nextToken);
    return { ids: items, nextToken: token };
  }

  #project(name: string | undefined): ProjectRecord {
    const found = this.#projects.get(name ?? '');
    if (found) return found;
    throw new AwsError('ResourceNotFoundException', `Project cannot be found: ${projectArn(name ?? '', this.#scope)}`);
  }

  /** It assumes a role on behalf of a project, which the role's trust may ask for by name. */
  #requireTrust(roleArn: string, project: string): void {
    const source = { arn: projectArn(project, this.#scope) };
    if (this.#deps.iam.trusts(roleArn, 'codebuild.amazonaws.com', source)) return;
    throw invalid(`CodeBuild is not authorized to perform: sts:AssumeRole on ${roleArn}`);
  }

  get #scope(): Scope {
    return this.#deps.settings;
  }
}

/** As CodeBuild names its sessions. */
function runOf({ id }: BuildRecord): string {
  return `AWSCodeBuild-${id.slice(id.indexOf(':') + 1)}`;
}

/** The project's variables with those of the call over them, by name. */
function mergedVariables(
  own: codebuild.EnvironmentVariable[] | undefined,
  overrides: codebuild.EnvironmentVariable[] | undefined,
): codebuild.EnvironmentVariable[] {
  const merged = new Map((own ?? []).map((variable) => [variable.name, variable]));
  for (const variable of variablesOf(overrides)) merged.set(variable.name, variable);
  return [...merged.values()];
}

function inputHash(input: codebuild.StartBuildInput): string {
  return shortHash(canonicalJson(input), 32);
}

/** A build may be named by its ARN, too. */
function buildId(idOrArn: string): string {
  return idOrArn.startsWith('arn:') ? idOrArn.slice(idOrArn.indexOf(':build/') + ':build/'.length) : idOrArn;
}

function distinct(values: readonly string[] | undefined, member: string): string[] {
  const list = [...new Set(values ?? [])];
  if (list.length >= 1 && (values?.length ?? 0) <= BATCH_MAX) return list;
  throw invalid(`Invalid ${member}: between 1 and ${BATCH_MAX} may be given`);
}

function paged(all: readonly string[], nextToken: string | undefined) {
  const page = pageOf(all, nextToken, PAGE_SIZE);
  if (!page) throw invalid('Invalid nextToken');
  return page;
}
