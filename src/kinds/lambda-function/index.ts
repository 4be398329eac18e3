/**
 * The user's Lambda function, or the alias or version of it that was asked for. Read only: its code, configuration and
 * state are taken as they are. Its invocation permission and its place in a target group are other kinds.
 */
import type { GetFunctionCommandOutput } from '@aws-sdk/client-lambda';
import { READY, type Readiness, type ResourceKind, readOnly, unlessAbsent } from '../../resource/index.ts';

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
  readonly state: string;
  readonly stateReason: string | null;
  readonly lastUpdateStatus: string;
}

export const lambdaFunction: ResourceKind<LambdaFunctionProps, LambdaFunctionObserved> = {
  ...readOnly('lambda-function'),
  name: 'lambda-function',
  permissions: [
    {
      actions: ['lambda:GetFunction'],
      resources: ['arn:aws:lambda:*:*:function:*'],
      because: 'reads the code hash, configuration and state of the functions that objects refer to',
    },
  ],

  async observe(io, identity, call) {
    const { functionName, qualifier } = identity;
    const answer = await unlessAbsent(
      io.aws.lambda.getFunction({ FunctionName: functionName, ...(qualifier ? { Qualifier: qualifier } : {}) }, call),
    );
    return answer && observed(answer, qualifier ?? '');
  },

  readiness(observed): Readiness {
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
  },

  outputs: ({ state: _state, stateReason: _reason, lastUpdateStatus: _status, ...outputs }) => outputs,
};

function observed(answer: GetFunctionCommandOutput, qualifier: string): LambdaFunctionObserved {
  const configuration = answer.Configuration ?? {};
  const image = configuration.ImageConfigResponse?.ImageConfig;
  return {
    arn: targetArn(configuration.FunctionArn ?? '', qualifier),
    functionName: configuration.FunctionName ?? '',
    version: configuration.Version ?? '$LATEST',
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
    imageUri: answer.Code?.ResolvedImageUri ?? null,
    imageConfig: {
      entryPoint: image?.EntryPoint ?? null,
      command: image?.Command ?? null,
      workingDirectory: image?.WorkingDirectory ?? null,
    },
    lastModified: configuration.LastModified ?? '',
    reservedConcurrency: answer.Concurrency?.ReservedConcurrentExecutions ?? null,
    // Functions older than these fields have neither; they run.
    state: configuration.State ?? 'Active',
    stateReason: configuration.StateReason ?? null,
    lastUpdateStatus: configuration.LastUpdateStatus ?? 'Successful',
  };
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
