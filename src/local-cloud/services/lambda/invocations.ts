/**
 * Invocations: which version runs, whether it may run now, and what the caller is told. The code itself runs in the
 * driver. Asynchronous invocations are run once: retries, destinations and dead letters are not part of the local cloud.
 */
import type * as lambda from '@aws-sdk/client-lambda';
import {
  AwsError,
  type FunctionDriver,
  type FunctionLaunch,
  type InvocationResult,
  type RequestContext,
} from '../../contract.ts';
import type { VersionRecord } from './configuration.ts';
import { conflict, type FunctionName, LATEST } from './names.ts';
import type { LambdaStore } from './store.ts';

const SYNC_BYTES_MAX = 6 * 1024 * 1024;
const ASYNC_BYTES_MAX = 1024 * 1024;
/** What a handler gets when the caller sends nothing. */
const NO_PAYLOAD = new TextEncoder().encode('{}');

export class Invocations {
  readonly #store: LambdaStore;
  readonly #driver: FunctionDriver;
  /** By function; only those of this moment count, so memory is their place. */
  readonly #underway = new Map<string, number>();

  constructor(store: LambdaStore, driver: FunctionDriver) {
    this.#store = store;
    this.#driver = driver;
  }

  readonly invoke = async (
    input: lambda.InvocationRequest,
    context: RequestContext,
  ): Promise<lambda.InvocationResponse> => {
    const name = this.#store.name(input.FunctionName, input.Qualifier);
    const version = this.#runnable(name);
    const payload = input.Payload?.length ? input.Payload : NO_PAYLOAD;
    requirePayload(payload, input.InvocationType === 'Event' ? ASYNC_BYTES_MAX : SYNC_BYTES_MAX);
    if (input.InvocationType === 'DryRun') return { StatusCode: 204 };
    const invocation = {
      requestId: context.requestId,
      ...(input.ClientContext === undefined ? {} : { clientContext: input.ClientContext }),
    };
    const run = this.#run(name, version, payload, invocation);
    if (input.InvocationType === 'Event') {
      // The caller is not told of what comes of it; the function's log is.
      run.catch(() => {});
      return { StatusCode: 202, Payload: new Uint8Array() };
    }
    const result = await run;
    return {
      StatusCode: 200,
      ExecutedVersion: version.version,
      Payload: result.payload,
      ...(result.functionError === undefined ? {} : { FunctionError: result.functionError }),
      ...(input.LogType === 'Tail' ? { LogResult: Buffer.from(result.logTail, 'utf8').toString('base64') } : {}),
    };
  };

  /**
   * An invocation by the load balancer.
   * @throws AwsError when the function is not there, not ready or throttled
   */
  async forTarget(functionArn: string, payload: Uint8Array): Promise<InvocationResult> {
    const name = this.#store.name(functionArn);
    const version = this.#runnable(name);
    requirePayload(payload, SYNC_BYTES_MAX);
    return this.#run(name, version, payload, { requestId: this.#store.revision() });
  }

  /** The version to run. While `$LATEST` is being updated, what was there before serves. */
  #runnable(name: FunctionName): VersionRecord {
    const version = this.#store.version(name);
    if (version.state === 'Pending') {
      throw conflict(
        'The operation cannot be performed at this time. The function is currently in the following state: Pending',
      );
    }
    if (version.version !== LATEST || version.updateStatus !== 'InProgress') return version;
    return this.#store.function(name).previous ?? version;
  }

  async #run(
    name: FunctionName,
    version: VersionRecord,
    payload: Uint8Array,
    context: { requestId: string; clientContext?: string },
  ): Promise<InvocationResult> {
    const underway = this.#underway.get(name.name) ?? 0;
    const { reservedConcurrency } = this.#store.function(name);
    if (reservedConcurrency !== null && underway >= reservedConcurrency) throw throttled();
    this.#underway.set(name.name, underway + 1);
    try {
      return await this.#driver.invoke(this.#launch(name, version), payload, context);
    } finally {
      this.#underway.set(name.name, (this.#underway.get(name.name) ?? 1) - 1);
    }
  }

  #launch(name: FunctionName, version: VersionRecord): FunctionLaunch {
    if (version.packageType === 'Zip' && version.layers.length > 0) {
      throw new AwsError(
        'InvalidRuntimeException',
        "The local cloud's Lambda does not run functions with layers; as an image they run",
        502,
        { Type: 'Server' },
      );
    }
    const { imageConfig } = version;
    return {
      functionArn: this.#store.arn(name),
      name: version.name,
      version: version.version,
      packageType: version.packageType,
      runtime: version.runtime ?? undefined,
      handler: version.handler ?? undefined,
      codeDigest: version.code.digest,
      imageUri: version.code.resolvedImageUri ?? undefined,
      imageConfig: imageConfig
        ? {
            ...(imageConfig.entryPoint ? { entryPoint: [...imageConfig.entryPoint] } : {}),
            ...(imageConfig.command ? { command: [...imageConfig.command] } : {}),
            ...(imageConfig.workingDirectory ? { workingDirectory: imageConfig.workingDirectory } : {}),
          }
        : undefined,
      environment: version.environment ?? {},
      memoryMb: version.memoryMb,
      timeoutMs: version.timeoutSec * 1000,
      revisionId: version.revisionId,
    };
  }
}

function requirePayload(payload: Uint8Array, bytesMax: number): void {
  if (payload.length > bytesMax) {
    throw new AwsError(
      'RequestTooLargeException',
      `Request must be smaller than ${bytesMax} bytes for the InvokeFunction operation`,
      413,
      { Type: 'User' },
    );
  }
  try {
    JSON.parse(Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString('utf8'));
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new AwsError('InvalidRequestContentException', `Could not parse request body into json: ${detail}`, 400, {
      Type: 'User',
    });
  }
}

function throttled(): AwsError {
  return new AwsError('TooManyRequestsException', 'Rate Exceeded.', 429, {
    Reason: 'ReservedFunctionConcurrentInvocationLimitExceeded',
    Type: 'User',
  });
}
