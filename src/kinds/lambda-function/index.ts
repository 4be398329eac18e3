/**
 * The user's Lambda function, or the alias or version of it that was asked for. Read only: its code, configuration and
 * state are taken as they are. Its invocation permission and its place in a target group are other kinds.
 */
import type { FunctionConfiguration, GetFunctionCommandOutput } from '@aws-sdk/client-lambda';
import { lambdaFunctions } from '../../aws/index.ts';
import {
  onCalls,
  READY,
  type Readiness,
  type ResourceKind,
  readOnly,
  type Sweep,
  text,
  unlessAbsent,
} from '../../resource/index.ts';

/** Identity: `functionName` (name or unqualified ARN) and `qualifier` (empty for the unqualified function). */
export type LambdaFunctionProps = Readonly<Record<string, never>>;

export interface LambdaFunctionObserved {
  /** As a load balancer's target: with the qualifier that was asked for, else unqualified. */
  readonly arn: string;
  readonly functionName: string;
  readonly version: string;
  readonly packageType: string;
  readonly runtime: string | null;
  readonly handler: string | null;
  readonly codeSha256: string;
  readonly architecture: string;
  readonly memoryMb: number;
  readonly timeoutSec: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly layers: readonly string[];
  readonly roleArn: string;
  /** By digest. Null for a zip function. */
  readonly imageUri: string | null;
  readonly imageConfig: {
    readonly entryPoint: readonly string[] | null;
    readonly command: readonly string[] | null;
    readonly workingDirectory: string | null;
  };
  readonly lastModified: string;
  readonly reservedConcurrency: number | null;
  /** Version of the profile that signed the code; null for code that is not signed. */
  readonly signingProfile: string | null;
  readonly state: string;
  readonly stateReason: string | null;
  readonly lastUpdateStatus: string;
}

type LambdaFunctionSeen = ReturnType<typeof listed>;

const sweep: Sweep<LambdaFunctionProps, LambdaFunctionSeen, FunctionConfiguration> = {
  listing: lambdaFunctions,
  // What is listed is `$LATEST`: aliases and versions are read one by one.
  locate: ({ functionName = '', qualifier }) =>
    qualifier && qualifier !== '$LATEST' ? undefined : { scope: '', name: functionName },
  seen: (configuration) => listed(configuration),
  fields: {
    // For an image function, too: then it is the image's digest, which AWS's reference does not promise.
    CodeShaDrift: ({ codeSha256 }) => codeSha256,
    ConfigurationDrift: (seen) => [
      seen.packageType,
      seen.runtime,
      seen.handler,
      seen.architecture,
      seen.memoryMb,
      seen.timeoutSec,
      seen.environment,
      seen.layers,
      seen.roleArn,
      seen.imageConfig,
    ],
  },
};

export const lambdaFunction: ResourceKind<LambdaFunctionProps, LambdaFunctionObserved> = {
  ...readOnly('lambda-function'),
  name: 'lambda-function',
  permissions: [
    {
      actions: ['lambda:GetFunction'],
      resources: ['arn:aws:lambda:*:*:function:*'],
      because: 'reads the code hash, configuration and state of the functions that objects refer to',
    },
    {
      actions: ['lambda:ListFunctions'],
      resources: ['*'],
      because: 'sees in bulk whose code or configuration changed; the action knows no narrower resource',
    },
  ],

  async observe(io, identity, call) {
    const { functionName, qualifier } = identity;
    const answer = await unlessAbsent(
      io.aws.lambda.getFunction({ FunctionName: functionName, ...(qualifier ? { Qualifier: qualifier } : {}) }, call),
    );
    return answer && observed(answer, qualifier ?? '');
  },

  readiness,

  outputs: ({ state: _state, stateReason: _reason, lastUpdateStatus: _status, ...outputs }) => outputs,

  sweep,
  rotating: {
    AliasDrift: ({ version }) => version,
    ImageDigestDrift: ({ imageUri }) => imageUri,
    ConcurrencyDrift: ({ reservedConcurrency }) => reservedConcurrency,
    // Not the state itself: an idle function becomes Inactive by itself, and Active when it is invoked.
    FunctionStateDrift: (observed) => readiness(observed).state,
  },

  // The names under which calls appear: https://docs.aws.amazon.com/lambda/latest/dg/logging-using-cloudtrail.html
  events: [
    onCalls(
      'lambda',
      [
        'UpdateFunctionCode20150331v2',
        'UpdateFunctionConfiguration20150331v2',
        'PublishVersion20150331',
        'CreateAlias20150331',
        'UpdateAlias20150331',
        'DeleteAlias20150331',
        'PutFunctionConcurrency20171031',
        'DeleteFunctionConcurrency20171031',
        'CreateFunction20150331',
        'DeleteFunction20150331',
      ],
      ({ functionName }) => [nameOf(text(functionName))],
    ),
  ],
};

function readiness(observed: LambdaFunctionObserved): Readiness {
  if (observed.state === 'Failed') {
    return {
      state: 'failed',
      reason: 'FunctionFailed',
      message: `Lambda cannot run ${observed.functionName}: ${observed.stateReason ?? 'no reason given'}. Update its code or configuration`,
    };
  }
  const pending = observed.state === 'Pending';
  if (!pending && observed.lastUpdateStatus !== 'InProgress') return READY;
  return {
    state: 'pending',
    reason: pending ? 'FunctionPending' : 'FunctionUpdating',
    message: `Lambda is ${pending ? 'creating' : 'updating'} ${observed.functionName}`,
    acceptsUpdate: false,
    usable: !pending,
    sinceMs: epochMs(observed.lastModified),
  };
}

function observed(answer: GetFunctionCommandOutput, qualifier: string): LambdaFunctionObserved {
  const configuration = answer.Configuration ?? {};
  return {
    ...listed(configuration),
    arn: targetArn(configuration.FunctionArn ?? '', qualifier),
    functionName: configuration.FunctionName ?? '',
    version: configuration.Version ?? '$LATEST',
    imageUri: answer.Code?.ResolvedImageUri ?? null,
    lastModified: configuration.LastModified ?? '',
    reservedConcurrency: answer.Concurrency?.ReservedConcurrentExecutions ?? null,
    signingProfile: configuration.SigningProfileVersionArn ?? null,
    // Functions older than these fields have neither; they run.
    state: configuration.State ?? 'Active',
    stateReason: configuration.StateReason ?? null,
    lastUpdateStatus: configuration.LastUpdateStatus ?? 'Successful',
  };
}

/** What ListFunctions shows, too. */
function listed(configuration: FunctionConfiguration) {
  const image = configuration.ImageConfigResponse?.ImageConfig;
  return {
    packageType: configuration.PackageType ?? 'Zip',
    runtime: configuration.Runtime ?? null,
    handler: configuration.Handler ?? null,
    codeSha256: configuration.CodeSha256 ?? '',
    architecture: configuration.Architectures?.[0] ?? 'x86_64',
    memoryMb: configuration.MemorySize ?? 128,
    timeoutSec: configuration.Timeout ?? 3,
    environment: { ...configuration.Environment?.Variables },
    layers: (configuration.Layers ?? []).flatMap((layer) => layer.Arn ?? []),
    roleArn: configuration.Role ?? '',
    imageConfig: {
      entryPoint: image?.EntryPoint ?? null,
      command: image?.Command ?? null,
      workingDirectory: image?.WorkingDirectory ?? null,
    },
  } satisfies Partial<LambdaFunctionObserved>;
}

/** Of a name, a partial or a whole ARN, with or without a qualifier. */
function nameOf(functionName: string): string {
  return functionName.replace(/^.*:function:/, '').replace(/:.*$/, '');
}

/** An alias answers with its version's ARN in some fields and its own in others: the asked qualifier is the target. */
function targetArn(functionArn: string, qualifier: string): string {
  if (qualifier === '') return functionArn;
  return `${functionArn.split(':').slice(0, 7).join(':')}:${qualifier}`;
}

function epochMs(isoTime: string): number | undefined {
  const ms = Date.parse(isoTime);
  return Number.isNaN(ms) ? undefined : ms;
}
