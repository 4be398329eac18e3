/**
 * A function's configuration: Lambda's checks of what is asked for, and the answer's shape. What runs nothing here
 * (VPC, dead letters, file systems, tracing, SnapStart …) is refused by name, never ignored.
 */
import type {
  Architecture,
  CreateFunctionRequest,
  FunctionConfiguration,
  LastUpdateStatus,
  Runtime,
  State,
  UpdateFunctionConfigurationRequest,
} from '@aws-sdk/client-lambda';
import { AwsError } from '../../contract.ts';
import type { CodeRecord } from './code.ts';
import { functionArn, invalidValue, type Scope, timestamp } from './names.ts';

export interface LayerUse {
  readonly arn: string;
  readonly digest: string;
  readonly sizeBytes: number;
}

/** What UpdateFunctionConfiguration can change. */
export interface Settings {
  readonly runtime: string | null;
  readonly handler: string | null;
  readonly roleArn: string;
  readonly description: string;
  readonly timeoutSec: number;
  readonly memoryMb: number;
  readonly ephemeralMb: number;
  readonly environment: Readonly<Record<string, string>> | null;
  readonly layers: readonly LayerUse[];
  readonly imageConfig: {
    readonly entryPoint: readonly string[] | null;
    readonly command: readonly string[] | null;
    readonly workingDirectory: string | null;
  } | null;
}

/** `$LATEST` or a published version. */
export interface VersionRecord extends Settings {
  readonly name: string;
  readonly version: string;
  readonly packageType: 'Zip' | 'Image';
  readonly architecture: Architecture;
  readonly code: CodeRecord;
  readonly revisionId: string;
  readonly modifiedAtMs: number;
  readonly state: State;
  readonly updateStatus: LastUpdateStatus | null;
}

const RUNTIMES = new Set([
  'nodejs20.x',
  'nodejs22.x',
  'nodejs24.x',
  'nodejs26.x',
  'python3.10',
  'python3.11',
  'python3.12',
  'python3.13',
  'python3.14',
  'python3.15',
  'java11',
  'java17',
  'java21',
  'java25',
  'dotnet8',
  'dotnet10',
  'ruby3.2',
  'ruby3.3',
  'ruby3.4',
  'ruby4.0',
  'provided.al2',
  'provided.al2023',
]);

const ENVIRONMENT_BYTES_MAX = 4096;
const LAYERS_MAX = 5;

const RESERVED_VARIABLES = new Set([
  '_HANDLER',
  '_X_AMZN_TRACE_ID',
  'AWS_DEFAULT_REGION',
  'AWS_REGION',
  'AWS_EXECUTION_ENV',
  'AWS_LAMBDA_FUNCTION_NAME',
  'AWS_LAMBDA_FUNCTION_MEMORY_SIZE',
  'AWS_LAMBDA_FUNCTION_VERSION',
  'AWS_LAMBDA_INITIALIZATION_TYPE',
  'AWS_LAMBDA_LOG_GROUP_NAME',
  'AWS_LAMBDA_LOG_STREAM_NAME',
  'AWS_ACCESS_KEY',
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_LAMBDA_RUNTIME_API',
  'LAMBDA_TASK_ROOT',
  'LAMBDA_RUNTIME_DIR',
]);

/** Members of create and update that would change what runs, and do nothing here. */
const UNSUPPORTED = [
  'VpcConfig',
  'DeadLetterConfig',
  'FileSystemConfigs',
  'KMSKeyArn',
  'SnapStart',
  'TenancyConfig',
  'CapacityProviderConfig',
  'DurableConfig',
  'CodeSigningConfigArn',
  'PublishTo',
] as const;

export interface SettingsDeps {
  /** @throws AwsError when there is no such layer version */
  layer(arn: string): LayerUse;
  trusts(roleArn: string, servicePrincipal: string): boolean;
}

type SettingsInput = CreateFunctionRequest & UpdateFunctionConfigurationRequest;

/**
 * The settings that an input makes of those before (or of Lambda's defaults, for a new function).
 * @throws AwsError ValidationException, InvalidParameterValueException
 */
export function settingsOf(
  before: Settings | undefined,
  packageType: 'Zip' | 'Image',
  input: Partial<SettingsInput>,
  deps: SettingsDeps,
): Settings {
  refuseUnsupported(input);
  const settings: Settings = {
    runtime: runtimeOf(input.Runtime ?? before?.runtime ?? null),
    handler: input.Handler ?? before?.handler ?? null,
    roleArn: roleOf(input.Role ?? before?.roleArn ?? ''),
    description: input.Description ?? before?.description ?? '',
    timeoutSec: within('timeout', input.Timeout ?? before?.timeoutSec ?? 3, 1, 900),
    memoryMb: within('memorySize', input.MemorySize ?? before?.memoryMb ?? 128, 128, 10_240),
    ephemeralMb: within(
      'ephemeralStorage.size',
      input.EphemeralStorage?.Size ?? before?.ephemeralMb ?? 512,
      512,
      10_240,
    ),
    environment: input.Environment ? environmentOf(input.Environment.Variables ?? {}) : (before?.environment ?? null),
    layers: input.Layers ? layersOf(input.Layers, deps) : (before?.layers ?? []),
    imageConfig: input.ImageConfig ? imageConfigOf(input.ImageConfig) : (before?.imageConfig ?? null),
  };
  fitPackage(settings, packageType);
  if ((!before || input.Role !== undefined) && !deps.trusts(settings.roleArn, 'lambda.amazonaws.com')) {
    throw invalidValue('The role defined for the function cannot be assumed by Lambda.');
  }
  return settings;
}

export function architectureOf(
  architectures: readonly Architecture[] | undefined,
  before: Architecture = 'x86_64',
): Architecture {
  const [architecture = before, ...more] = architectures ?? [];
  if (more.length > 0 || (architecture !== 'x86_64' && architecture !== 'arm64')) {
    throw validation(
      'architectures',
      architectures?.join(', ') ?? '',
      'Member must satisfy enum value set: [x86_64, arm64]',
    );
  }
  return architecture;
}

/** As GetFunctionConfiguration answers it; `qualifier` is what was asked for. */
export function configurationShape(
  record: VersionRecord,
  qualifier: string | undefined,
  scope: Scope,
): FunctionConfiguration {
  const { code, imageConfig } = record;
  return {
    FunctionName: record.name,
    FunctionArn: functionArn({ name: record.name, qualifier }, scope),
    ...(record.runtime === null ? {} : { Runtime: record.runtime as Runtime }),
    Role: record.roleArn,
    ...(record.handler === null ? {} : { Handler: record.handler }),
    CodeSize: code.sizeBytes,
    Description: record.description,
    Timeout: record.timeoutSec,
    MemorySize: record.memoryMb,
    LastModified: timestamp(record.modifiedAtMs),
    CodeSha256: code.codeSha256,
    Version: record.version,
    ...(record.environment === null ? {} : { Environment: { Variables: { ...record.environment } } }),
    TracingConfig: { Mode: 'PassThrough' },
    RevisionId: record.revisionId,
    ...(record.layers.length === 0
      ? {}
      : { Layers: record.layers.map(({ arn, sizeBytes }) => ({ Arn: arn, CodeSize: sizeBytes })) }),
    ...stateShape(record),
    PackageType: record.packageType,
    ...(imageConfig === null ? {} : { ImageConfigResponse: { ImageConfig: imageConfigShape(imageConfig) } }),
    Architectures: [record.architecture],
    EphemeralStorage: { Size: record.ephemeralMb },
    SnapStart: { ApplyOn: 'None', OptimizationStatus: 'Off' },
    LoggingConfig: { LogFormat: 'Text', LogGroup: `/aws/lambda/${record.name}` },
  };
}

/** The listings' shape: they say nothing of states. */
export function listedShape(record: VersionRecord, qualifier: string | undefined, scope: Scope): FunctionConfiguration {
  const {
    State: _state,
    StateReason: _reason,
    StateReasonCode: _code,
    LastUpdateStatus: _status,
    LastUpdateStatusReason: _statusReason,
    LastUpdateStatusReasonCode: _statusCode,
    ...listed
  } = configurationShape(record, qualifier, scope);
  return listed;
}

function stateShape({ state, updateStatus }: VersionRecord): FunctionConfiguration {
  return {
    State: state,
    ...(state === 'Pending' ? { StateReason: 'The function is being created.', StateReasonCode: 'Creating' } : {}),
    ...(updateStatus === null ? {} : { LastUpdateStatus: updateStatus }),
    ...(updateStatus === 'InProgress'
      ? { LastUpdateStatusReason: 'The function is being created.', LastUpdateStatusReasonCode: 'Creating' as never }
      : {}),
  };
}

function imageConfigShape({ entryPoint, command, workingDirectory }: NonNullable<Settings['imageConfig']>) {
  return {
    ...(entryPoint === null ? {} : { EntryPoint: [...entryPoint] }),
    ...(command === null ? {} : { Command: [...command] }),
    ...(workingDirectory === null ? {} : { WorkingDirectory: workingDirectory }),
  };
}

function fitPackage({ runtime, handler, layers, imageConfig }: Settings, packageType: 'Zip' | 'Image'): void {
  if (packageType === 'Zip') {
    if (runtime === null || handler === null) {
      throw invalidValue(
        'Runtime and Handler are mandatory parameters for functions created with deployment packages.',
      );
    }
    if (imageConfig)
      throw invalidValue("Please don't provide ImageConfig when creating a function with packageType Zip.");
  } else if (runtime !== null || handler !== null || layers.length > 0) {
    throw invalidValue(
      "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image.",
    );
  }
}

function refuseUnsupported(input: Partial<SettingsInput>): void {
  for (const member of UNSUPPORTED) {
    const value = input[member];
    const empty =
      value === undefined ||
      Object.values(value).every((part) => part === undefined || (Array.isArray(part) && part.length === 0));
    if (!empty) throw invalidValue(`The local cloud's Lambda does not support ${member}.`);
  }
  if (input.TracingConfig?.Mode === 'Active')
    throw invalidValue("The local cloud's Lambda does not support active tracing.");
  if (input.LoggingConfig?.LogFormat === 'JSON' || input.LoggingConfig?.LogGroup !== undefined) {
    throw invalidValue("The local cloud's Lambda does not support LoggingConfig.");
  }
}

function runtimeOf(runtime: string | null): string | null {
  if (runtime === null || RUNTIMES.has(runtime)) return runtime;
  throw invalidValue(
    `Value ${runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [${[...RUNTIMES].join(', ')}] or be a valid ARN`,
  );
}

function roleOf(arn: string): string {
  const pattern = 'arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+';
  if (new RegExp(`^${pattern}$`).test(arn)) return arn;
  throw validation('role', arn, `Member must satisfy regular expression pattern: ${pattern}`);
}

function environmentOf(variables: Record<string, string>): Record<string, string> {
  const reserved = Object.keys(variables).filter((name) => RESERVED_VARIABLES.has(name));
  const prefix =
    'Lambda was unable to configure your environment variables because the environment variables you have provided';
  if (reserved.length > 0) {
    throw invalidValue(
      `${prefix} contains reserved keys that are currently not supported for modification. Reserved keys used in this request: ${reserved.join(', ')}`,
    );
  }
  for (const name of Object.keys(variables)) {
    if (!/^[a-zA-Z]([a-zA-Z0-9_])+$/.test(name)) {
      throw validation(
        'environment.variables',
        name,
        'Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]',
      );
    }
  }
  const text = JSON.stringify(variables);
  if (Buffer.byteLength(text) > ENVIRONMENT_BYTES_MAX)
    throw invalidValue(`${prefix} exceeded the 4KB limit. String measured: ${text}`);
  return { ...variables };
}

function layersOf(arns: readonly string[], deps: SettingsDeps): LayerUse[] {
  if (arns.length > LAYERS_MAX) throw invalidValue(`Cannot reference more than ${LAYERS_MAX} layers.`);
  const names = arns.map((arn) => arn.slice(0, arn.lastIndexOf(':')));
  if (new Set(names).size < names.length)
    throw invalidValue(
      'Two different versions of the same layer are not allowed to be referenced in the same function.',
    );
  return arns.map((arn) => deps.layer(arn));
}

function imageConfigOf(input: NonNullable<CreateFunctionRequest['ImageConfig']>): NonNullable<Settings['imageConfig']> {
  return {
    entryPoint: input.EntryPoint?.length ? [...input.EntryPoint] : null,
    command: input.Command?.length ? [...input.Command] : null,
    workingDirectory: input.WorkingDirectory || null,
  };
}

function within(member: string, value: number, min: number, max: number): number {
  if (!Number.isInteger(value) || value < min)
    throw validation(member, String(value), `Member must have value greater than or equal to ${min}`);
  if (value > max) throw validation(member, String(value), `Member must have value less than or equal to ${max}`);
  return value;
}

export function validation(member: string, value: string, constraint: string): AwsError {
  return new AwsError(
    'ValidationException',
    `1 validation error detected: Value '${value}' at '${member}' failed to satisfy constraint: ${constraint}`,
  );
}
