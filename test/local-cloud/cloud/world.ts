/** A cloud of logs and roles under a virtual clock. */
import { seededRandom, VirtualClock } from '../../../src/core/index.ts';
import { BareCloud } from '../../../src/local-cloud/cloud-core.ts';
import type { CloudSettings } from '../../../src/local-cloud/contract.ts';
import { IamService } from '../../../src/local-cloud/services/iam.ts';
import { LogsService } from '../../../src/local-cloud/services/logs.ts';
import { memoryState } from '../../../src/local-cloud/state/index.ts';
import type { StateStore } from '../../../src/local-cloud/state/store.ts';

export const SETTINGS: CloudSettings = {
  accountId: '000000000000',
  region: 'us-east-1',
  awsHost: () => '127.0.0.1:4577',
  delays: { lambdaPendingMs: 0, taskProvisioningMs: 0, serviceDrainingMs: 0, buildQueuedMs: 0 },
};

export function smallWorld(state: StateStore = memoryState()) {
  const clock = new VirtualClock();
  const random = seededRandom(3);
  let services: { logs: LogsService; iam: IamService } | undefined;
  const cloud = new BareCloud({ clock, random, state }, (enter) => {
    const deps = { state, settings: SETTINGS, random, enter };
    services = { logs: new LogsService(deps), iam: new IamService(deps) };
    return Object.values(services);
  });
  if (!services) throw new Error('not built');
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked at member by member
  type Answer = any;
  return {
    clock,
    cloud,
    state,
    ...services,
    callLogs: (operation: string, input: object): Answer => cloud.call('logs', operation, input),
    callIam: (operation: string, input: object): Answer => cloud.call('iam', operation, input),
  };
}

/** Runs what must fail with an AWS error and gives its code. */
export function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
  return 'no error';
}
