/** A cloud of Lambda, ECR and IAM with a driver that does as a test says. */
import { seededRandom, VirtualClock } from '../../../src/core/index.ts';
import { BareCloud } from '../../../src/local-cloud/cloud-core.ts';
import { AwsError, type FunctionLaunch, type InvocationResult } from '../../../src/local-cloud/contract.ts';
import { EcrService } from '../../../src/local-cloud/services/ecr.ts';
import { LambdaService } from '../../../src/local-cloud/services/lambda.ts';
import { memoryBlobs, memoryState } from '../../../src/local-cloud/state/index.ts';
import { makeZip } from '../../oci/make-zip.ts';

export const ROLE = 'arn:aws:iam::000000000000:role/lambda';
export const PENDING_MS = 200;
export const HOST = '127.0.0.1:4577';

export interface Invoked {
  readonly launch: FunctionLaunch;
  readonly event: string;
  readonly context: { requestId: string; clientContext?: string };
  finish(result: Partial<InvocationResult>): void;
}

export class LambdaCloud {
  readonly clock = new VirtualClock();
  readonly blobs = memoryBlobs();
  readonly invoked: Invoked[] = [];
  readonly cloud: BareCloud;
  readonly lambda: LambdaService;
  readonly ecr: EcrService;

  constructor() {
    const state = memoryState();
    const random = seededRandom(1);
    const settings = {
      accountId: '000000000000',
      region: 'us-east-1',
      awsHost: () => HOST,
      delays: { lambdaPendingMs: PENDING_MS, taskProvisioningMs: 0, serviceDrainingMs: 0, buildQueuedMs: 0 },
    };
    const functions = {
      invoke: (launch: FunctionLaunch, event: Uint8Array, context: Invoked['context']) =>
        new Promise<InvocationResult>((resolve) => {
          this.invoked.push({
            launch,
            event: Buffer.from(event).toString(),
            context,
            finish: (result) =>
              resolve({ payload: Buffer.from('null'), functionError: undefined, logTail: '', ...result }),
          });
        }),
    };
    const made: { lambda?: LambdaService; ecr?: EcrService } = {};
    const iam = { trusts: (role: string, principal: string) => role === ROLE && principal === 'lambda.amazonaws.com' };
    this.cloud = new BareCloud({ clock: this.clock, random, state }, (enter) => {
      const deps = { state, settings, random, enter, blobs: this.blobs };
      made.ecr = new EcrService(deps);
      made.lambda = new LambdaService({ ...deps, functions, ecr: made.ecr, iam });
      return [made.ecr, made.lambda];
    });
    this.lambda = made.lambda as LambdaService;
    this.ecr = made.ecr as EcrService;
  }

  // biome-ignore lint/suspicious/noExplicitAny: answers are compared by shape
  call(operation: string, input: object = {}): any {
    return this.cloud.call('lambda', operation, input);
  }

  // biome-ignore lint/suspicious/noExplicitAny: answers are compared by shape
  invoke(input: object): Promise<any> {
    return this.cloud.callAsync('lambda', 'Invoke', input);
  }

  refusal(operation: string, input: object): AwsError {
    try {
      this.call(operation, input);
    } catch (error) {
      if (error instanceof AwsError) return error;
      throw error;
    }
    throw new Error(`${operation} was not refused`);
  }

  /** Lets the pending states end. */
  settle(): void {
    while (this.clock.step()) {}
  }

  /** A zip function that is active. */
  create(name = 'checkout', more: object = {}): void {
    this.call('CreateFunction', { ...functionInput(name), ...more });
    this.settle();
  }
}

export function functionInput(FunctionName: string) {
  return {
    FunctionName,
    Role: ROLE,
    Runtime: 'nodejs22.x',
    Handler: 'index.handler',
    Code: { ZipFile: makeZip([{ name: 'index.mjs', content: `export const handler = () => '${FunctionName}'` }]) },
  };
}
