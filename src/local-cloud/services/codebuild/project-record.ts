/**
 * A project as it is kept, and CodeBuild's checks of what is asked for. Only what runs here is accepted: inline
 * buildspecs without a source, without artifacts, with plain-text variables. Everything else is refused by name, never
 * ignored.
 */
import type {
  CreateProjectInput,
  EnvironmentVariable,
  LogsConfig,
  Project,
  ProjectArtifacts,
  ProjectCache,
  ProjectEnvironment,
  ProjectSource,
  Tag,
  UpdateProjectInput,
} from '@aws-sdk/client-codebuild';
import { AwsError } from '../../contract.ts';

export interface ProjectRecord {
  readonly name: string;
  readonly description: string;
  readonly buildspec: string;
  readonly environment: ProjectEnvironment;
  readonly serviceRole: string;
  readonly timeoutMinutes: number;
  readonly queuedTimeoutMinutes: number;
  readonly encryptionKey: string;
  readonly concurrentBuildLimit: number | null;
  readonly logs: { readonly enabled: boolean; readonly groupName: string | null; readonly streamPrefix: string | null };
  readonly tags: readonly Tag[];
  readonly createdAtMs: number;
  readonly modifiedAtMs: number;
  readonly builds: number;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9\-_]{1,254}$/;
const TIMEOUT_MINUTES = { min: 5, max: 2160 };
const QUEUED_TIMEOUT_MINUTES = { min: 5, max: 480 };
const TAGS_MAX = 50;

const ENVIRONMENT_TYPES = new Set([
  'LINUX_CONTAINER',
  'ARM_CONTAINER',
  'LINUX_LAMBDA_CONTAINER',
  'ARM_LAMBDA_CONTAINER',
]);
const COMPUTE_TYPES = new Set([
  'BUILD_GENERAL1_SMALL',
  'BUILD_GENERAL1_MEDIUM',
  'BUILD_GENERAL1_LARGE',
  'BUILD_GENERAL1_XLARGE',
  'BUILD_GENERAL1_2XLARGE',
  'BUILD_LAMBDA_1GB',
  'BUILD_LAMBDA_2GB',
  'BUILD_LAMBDA_4GB',
  'BUILD_LAMBDA_8GB',
  'BUILD_LAMBDA_10GB',
]);

/** What CreateProject and UpdateProject share. */
type Definition = Omit<CreateProjectInput & UpdateProjectInput, 'name'>;

const SUPPORTED: ReadonlySet<string> = new Set<keyof CreateProjectInput>([
  'name',
  'description',
  'source',
  'artifacts',
  'cache',
  'environment',
  'serviceRole',
  'timeoutInMinutes',
  'queuedTimeoutInMinutes',
  'encryptionKey',
  'tags',
  'badgeEnabled',
  'logsConfig',
  'concurrentBuildLimit',
]);

export function invalid(message: string): AwsError {
  return new AwsError('InvalidInputException', message);
}

function unsupported(what: string): AwsError {
  return invalid(`The local cloud's CodeBuild does not support ${what}`);
}

/** @throws AwsError InvalidInputException */
export function validProjectName(name: string | undefined): string {
  if (name !== undefined && NAME.test(name)) return name;
  throw invalid(`Invalid project name: ${name ?? ''}`);
}

/**
 * What a definition makes of a project (or of nothing, for a new one).
 * @throws AwsError InvalidInputException; whether the role may be assumed is not looked at
 */
export function defined(
  before: ProjectRecord | undefined,
  name: string,
  input: Definition,
  scope: Scope,
  nowMs: number,
): ProjectRecord {
  refuseUnknown(input, SUPPORTED);
  if (input.badgeEnabled) throw unsupported('badges');
  refuseArtifacts(input.artifacts, input.cache);
  return {
    name,
    description: input.description ?? before?.description ?? '',
    buildspec: input.source === undefined && before ? before.buildspec : buildspecOf(input.source),
    environment: input.environment === undefined && before ? before.environment : environmentOf(input.environment),
    serviceRole: input.serviceRole ?? before?.serviceRole ?? '',
    timeoutMinutes: minutesOf(
      'timeoutInMinutes',
      input.timeoutInMinutes ?? before?.timeoutMinutes ?? 60,
      TIMEOUT_MINUTES,
    ),
    queuedTimeoutMinutes: minutesOf(
      'queuedTimeoutInMinutes',
      input.queuedTimeoutInMinutes ?? before?.queuedTimeoutMinutes ?? 480,
      QUEUED_TIMEOUT_MINUTES,
    ),
    encryptionKey:
      input.encryptionKey ?? before?.encryptionKey ?? `arn:aws:kms:${scope.region}:${scope.accountId}:alias/aws/s3`,
    concurrentBuildLimit: limitOf(input.concurrentBuildLimit, before),
    logs: input.logsConfig === undefined && before ? before.logs : logsOf(input.logsConfig),
    tags: input.tags === undefined && before ? before.tags : tagsOf(input.tags),
    createdAtMs: before?.createdAtMs ?? nowMs,
    modifiedAtMs: nowMs,
    builds: before?.builds ?? 0,
  };
}

export interface Scope {
  readonly region: string;
  readonly accountId: string;
}

export function projectArn(name: string, { region, accountId }: Scope): string {
  return `arn:aws:codebuild:${region}:${accountId}:project/${name}`;
}

/** As BatchGetProjects answers it. */
export function projectShape(project: ProjectRecord, scope: Scope): Project {
  const { enabled, groupName, streamPrefix } = project.logs;
  return {
    name: project.name,
    arn: projectArn(project.name, scope),
    description: project.description,
    source: { type: 'NO_SOURCE', buildspec: project.buildspec, insecureSsl: false },
    secondarySources: [],
    secondarySourceVersions: [],
    artifacts: { type: 'NO_ARTIFACTS' },
    secondaryArtifacts: [],
    cache: { type: 'NO_CACHE' },
    environment: project.environment,
    serviceRole: project.serviceRole,
    timeoutInMinutes: project.timeoutMinutes,
    queuedTimeoutInMinutes: project.queuedTimeoutMinutes,
    encryptionKey: project.encryptionKey,
    tags: [...project.tags],
    created: new Date(project.createdAtMs),
    lastModified: new Date(project.modifiedAtMs),
    badge: { badgeEnabled: false },
    logsConfig: {
      cloudWatchLogs: {
        status: enabled ? 'ENABLED' : 'DISABLED',
        ...(groupName === null ? {} : { groupName }),
        ...(streamPrefix === null ? {} : { streamName: streamPrefix }),
      },
      s3Logs: { status: 'DISABLED', encryptionDisabled: false },
    },
    projectVisibility: 'PRIVATE',
    ...(project.concurrentBuildLimit === null ? {} : { concurrentBuildLimit: project.concurrentBuildLimit }),
  };
}

/** @throws AwsError naming the first member that is given but not supported */
export function refuseUnknown(input: object, supported: ReadonlySet<string>): void {
  for (const [member, value] of Object.entries(input)) {
    const asked =
      value !== undefined && value !== null && value !== false && !(Array.isArray(value) && value.length === 0);
    if (asked && !supported.has(member)) throw unsupported(member);
  }
}

export function minutesOf(member: string, minutes: number, { min, max } = TIMEOUT_MINUTES): number {
  if (Number.isInteger(minutes) && minutes >= min && minutes <= max) return minutes;
  throw invalid(`Invalid ${member}: it must be between ${min} and ${max} minutes`);
}

export function queuedMinutesOf(minutes: number): number {
  return minutesOf('queuedTimeoutInMinutes', minutes, QUEUED_TIMEOUT_MINUTES);
}

export function environmentOf(environment: ProjectEnvironment | undefined): ProjectEnvironment {
  const { type, image, computeType, environmentVariables, imagePullCredentialsType, privilegedMode, ...others } =
    environment ?? {};
  refuseUnknown(others, new Set());
  if (!type || !ENVIRONMENT_TYPES.has(type)) throw invalid(`Invalid environment type: ${type ?? ''}`);
  if (!computeType || !COMPUTE_TYPES.has(computeType)) throw invalid(`Invalid compute type: ${computeType ?? ''}`);
  if (type.includes('LAMBDA') !== computeType.includes('LAMBDA')) {
    throw invalid(`The compute type ${computeType} is not available for the environment type ${type}`);
  }
  if (!image) throw invalid('Invalid image: it must not be empty');
  return {
    type,
    image,
    computeType,
    environmentVariables: variablesOf(environmentVariables),
    // Kept and shown: there are no containers here, and so nothing more that a privileged one could do.
    privilegedMode: privilegedMode ?? false,
    imagePullCredentialsType: imagePullCredentialsType ?? 'CODEBUILD',
  };
}

export function variablesOf(variables: EnvironmentVariable[] | undefined): EnvironmentVariable[] {
  const seen = new Set<string>();
  return (variables ?? []).map(({ name = '', value = '', type = 'PLAINTEXT' }) => {
    if (type !== 'PLAINTEXT' && type !== 'SECRETS_MANAGER') throw unsupported(`environment variables of type ${type}`);
    if (name === '') throw invalid('Invalid environment variable: its name must not be empty');
    if (seen.has(name)) throw invalid(`Duplicate environment variable: ${name}`);
    seen.add(name);
    return { name, value, type };
  });
}

export function logsOf(config: LogsConfig | undefined): ProjectRecord['logs'] {
  if (config?.s3Logs?.status === 'ENABLED') throw unsupported('logs in S3');
  const { status, groupName, streamName } = config?.cloudWatchLogs ?? {};
  return { enabled: status !== 'DISABLED', groupName: groupName ?? null, streamPrefix: streamName ?? null };
}

function buildspecOf(source: ProjectSource | undefined): string {
  const { type, buildspec, insecureSsl: _insecureSsl, ...others } = source ?? {};
  if (type !== 'NO_SOURCE') throw unsupported(`the source type ${type ?? ''}`);
  refuseUnknown(others, new Set());
  if (!buildspec) throw invalid('Invalid project source: a buildspec is required for the source type NO_SOURCE');
  return buildspec;
}

function refuseArtifacts(artifacts: ProjectArtifacts | undefined, cache: ProjectCache | undefined): void {
  if (artifacts && artifacts.type !== 'NO_ARTIFACTS') throw unsupported(`artifacts of type ${artifacts.type ?? ''}`);
  if (cache && cache.type !== 'NO_CACHE') throw unsupported(`a cache of type ${cache.type ?? ''}`);
}

function limitOf(limit: number | undefined, before: ProjectRecord | undefined): number | null {
  if (limit === undefined) return before?.concurrentBuildLimit ?? null;
  // -1 takes the limit off, as CodeBuild has it.
  if (limit === -1) return null;
  if (Number.isInteger(limit) && limit > 0) return limit;
  throw invalid('Invalid concurrentBuildLimit: it must be greater than zero');
}

function tagsOf(tags: Tag[] | undefined): Tag[] {
  const seen = new Set<string>();
  for (const { key = '' } of tags ?? []) {
    if (key === '' || key.length > 128 || key.startsWith('aws:') || seen.has(key))
      throw invalid(`Invalid tag key: ${key}`);
    seen.add(key);
  }
  if (seen.size > TAGS_MAX) throw invalid(`A project has ${TAGS_MAX} tags at most`);
  return (tags ?? []).map(({ key, value }) => ({ key, value: value ?? '' }));
}
