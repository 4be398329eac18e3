/**
 * Lambda: functions from zips and images, versions, aliases, resource policies, layers and invocations. Code runs in
 * the driver. Event source mappings, function URLs, provisioned concurrency, code signing and S3 do not exist here and
 * answer so by name.
 */
import {
  AwsError,
  type BlobStore,
  type CloudService,
  type FunctionDriver,
  type Handler,
  type InvocationResult,
  type ServiceDeps,
} from '../contract.ts';
import type { EcrService } from './ecr.ts';
import { aliasOperations } from './lambda/aliases.ts';
import { functionOperations } from './lambda/functions.ts';
import { Invocations } from './lambda/invocations.ts';
import { layerOperations, layerUse } from './lambda/layers.ts';
import { allows, permissionOperations } from './lambda/permissions.ts';
import { LambdaStore } from './lambda/store.ts';
import type { TaggedResource } from './tagging.ts';

export interface LambdaDeps extends ServiceDeps {
  readonly functions: FunctionDriver;
  readonly blobs: BlobStore;
  readonly ecr: Pick<EcrService, 'resolve' | 'manifest'>;
  readonly iam: { trusts(roleArn: string, servicePrincipal: string): boolean };
}

/** What a load balancer looks at before it invokes. */
export interface FunctionDescription {
  readonly arn: string;
  readonly version: string;
  readonly state: string;
  readonly updateStatus: string | null;
  readonly reservedConcurrency: number | null;
}

export class LambdaService implements CloudService {
  readonly id = 'lambda';
  readonly operations: Readonly<Record<string, Handler>>;
  readonly asyncOperations: Readonly<Record<string, Handler>>;
  readonly #store: LambdaStore;
  readonly #invocations: Invocations;

  constructor(deps: LambdaDeps) {
    const store = new LambdaStore(deps);
    this.#store = store;
    this.#invocations = new Invocations(store, deps.functions);
    this.operations = {
      ...functionOperations(store, { ...deps, layer: (arn) => layerUse(store, arn) }),
      ...aliasOperations(store),
      ...permissionOperations(store),
      ...layerOperations(store, deps.blobs),
    };
    this.asyncOperations = { Invoke: this.#invocations.invoke };
  }

  advance(nowMs: number): void {
    this.#store.advance(nowMs);
  }

  nextAtMs(): number | undefined {
    return this.#store.nextAtMs();
  }

  /** For the account's tag listing. */
  *taggedResources(): Iterable<TaggedResource> {
    for (const { name, tags } of this.#store.functions.each()) {
      yield { arn: this.#store.arn({ name, qualifier: undefined }), tags };
    }
  }

  /** Whether the policy of exactly this function, version or alias lets a service invoke it for `sourceArn`. */
  allowsInvoke(functionArn: string, principal: string, sourceArn: string): boolean {
    return (
      this.describe(functionArn) !== undefined &&
      allows(this.#store, this.#store.name(functionArn), principal, sourceArn)
    );
  }

  /** Undefined when there is no such function, version or alias. */
  describe(functionArn: string): FunctionDescription | undefined {
    try {
      const name = this.#store.name(functionArn);
      const { version, state, updateStatus } = this.#store.version(name);
      const { reservedConcurrency } = this.#store.function(name);
      return { arn: this.#store.arn(name), version, state, updateStatus, reservedConcurrency };
    } catch (error) {
      if (error instanceof AwsError) return undefined;
      throw error;
    }
  }

  /**
   * Invokes a load balancer's target; whether its policy allows that is looked at when the target is registered.
   * @throws AwsError when the function is not there, not ready or throttled
   */
  invokeForTarget(functionArn: string, payload: Uint8Array): Promise<InvocationResult> {
    return this.#invocations.forTarget(functionArn, payload);
  }
}
