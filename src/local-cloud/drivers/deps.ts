/**
 * What the drivers share: the world outside of them (clock, randomness, registry, logs, folders) and the environment
 * that the platform puts beneath every program it runs.
 */
import { type Clock, type Logger, type Random, uuid } from '../../core/index.ts';
import { AwsError, type BlobStore, type CloudSettings, type Handler, type RoleCredentials } from '../contract.ts';
import { findProgram } from './container-program.ts';
import type { LogMessage } from './log-capture.ts';
import type { ImageSource } from './rootfs.ts';

/** What the composition root gives. */
export interface DriverSettings {
  /** The cloud's data folder. */
  readonly folder: string;
  /** The machine's PATH, where interpreters are found. */
  readonly machinePath: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly settings: CloudSettings;
  readonly blobs: BlobStore;
  /** EcrService. */
  readonly images: ImageSource;
  /** LogsService. */
  readonly logs: {
    append(group: string, stream: string, messages: readonly LogMessage[]): void;
    readonly operations: Readonly<Record<string, Handler>>;
  };
  /** Runs a step on the cloud's state (see ServiceDeps). */
  readonly enter: (step: (nowMs: number) => void) => void;
}

export interface DriverDeps extends DriverSettings {
  /** Appends to a log stream as a step of its own. */
  readonly log: (group: string, stream: string, messages: readonly LogMessage[]) => void;
  /** Creates a log group where there is none, as Lambda does on a function's behalf. */
  readonly ensureLogGroup: (logGroupName: string) => void;
  /** Variables beneath those of the image and the container. */
  readonly baseEnvironment: (credentials?: RoleCredentials) => Record<string, string>;
}

/** Of what runs under no role: the local cloud accepts them unless it enforces IAM. */
const NOBODY: RoleCredentials = {
  accessKeyId: 'ASIALOCALCLOUD000000',
  secretAccessKey: 'local',
  sessionToken: 'local',
};

export function driverDeps(settings: DriverSettings): DriverDeps {
  const python = findProgram('python3', settings.machinePath, '/');
  return {
    ...settings,
    log: (group, stream, messages) => settings.enter(() => settings.logs.append(group, stream, messages)),
    ensureLogGroup: (logGroupName) => settings.enter((nowMs) => createLogGroup(settings, logGroupName, nowMs)),
    baseEnvironment: (credentials = NOBODY) => ({
      LAMBDACONTAINER_HOST_NODE: process.execPath,
      ...(python ? { LAMBDACONTAINER_HOST_PYTHON: python } : {}),
      AWS_REGION: settings.settings.region,
      AWS_DEFAULT_REGION: settings.settings.region,
      AWS_ENDPOINT_URL: `http://${settings.settings.awsHost()}`,
      // What a container would fetch.
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_SESSION_TOKEN: credentials.sessionToken,
    }),
  };
}

function createLogGroup({ logs, random }: DriverSettings, logGroupName: string, nowMs: number): void {
  try {
    logs.operations.CreateLogGroup?.({ logGroupName }, { nowMs, requestId: uuid(random) });
  } catch (error) {
    if (!(error instanceof AwsError && error.code === 'ResourceAlreadyExistsException')) throw error;
  }
}
