/**
 * What the embedded cloud is made of. Each AWS service is a synchronous state machine: handlers of (input, context),
 * no IO, no timers, no promises. The wire (HTTP), the processes, the load balancer's sockets and the registry's blobs
 * are shells around it, reached through the drivers below; a simulation supplies its own drivers and a virtual clock.
 */

import type { GetSecretValueCommandInput, GetSecretValueCommandOutput } from '@aws-sdk/client-secrets-manager';
import type { Random } from '../core/index.ts';
import type { Identity } from './iam/identity.ts';

/** Ids equal the keys of `aws/operations.ts`, so that direct ports find their service. */
export type ServiceId =
  | 'dynamodb'
  | 'streams'
  | 'lambda'
  | 'codebuild'
  | 'ecr'
  | 'ecs'
  | 'elbv2'
  | 'autoscaling'
  | 'logs'
  | 'iam'
  | 's3'
  | 'secretsmanager'
  | 'tagging'
  | 'sqs'
  | 'events'
  | 'sts';

export interface RequestContext {
  readonly nowMs: number;
  readonly requestId: string;
  /** Of an operation that waits: its caller went away. */
  readonly signal?: AbortSignal | undefined;
  /** Who calls, where that is known. */
  readonly caller?: Identity | undefined;
}

/** An error as the service would answer it; `code` is the wire code (`RuleNotFound`, `ClusterNotFoundException`). */
export class AwsError extends Error {
  readonly code: string;
  readonly statusCode: number;
  /** Further members of the error shape (e.g. `CancellationReasons`). */
  readonly members: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, statusCode = 400, members: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.name = 'AwsError';
    this.code = code;
    this.statusCode = statusCode;
    this.members = members;
  }
}

/** Input and output have the SDK's shapes (its `…CommandInput` / `…CommandOutput` without `$metadata`; Dates, Uint8Array). */
// biome-ignore lint/suspicious/noExplicitAny: each service types its own handlers with the SDK's input and output types
export type Handler = (input: any, context: RequestContext) => any;

export interface CloudService {
  readonly id: ServiceId;
  /** By operation name as on the wire: `CreateService`. What is missing answers `UnknownOperationException`, by name. */
  readonly operations: Readonly<Record<string, Handler>>;
  /** Operations whose answer needs the outer world (Lambda Invoke). */
  readonly asyncOperations?: Readonly<Record<string, Handler>>;
  /** Moves everything that is due at `nowMs` (states, drains, probes). Idempotent. */
  advance?(nowMs: number): void;
  /** When `advance` has something to do next; undefined: nothing waits. Derived from stored state, so it survives a restart. */
  nextAtMs?(): number | undefined;
}

/** A value that is read where it stands. */
export type Stored<T> = T extends (infer Element)[]
  ? readonly Stored<Element>[]
  : T extends object
    ? { readonly [Member in keyof T]: Stored<T[Member]> }
    : T;

/**
 * Durable state of the machines: named collections of JSON values. Everything a service must remember over a restart
 * lives in one; values are copied in and out, so a handler can never change stored state by accident. The shell makes
 * the changes of one handler durable as one record before the answer leaves.
 */
export interface Collection<T> {
  get(key: string): T | undefined;
  has(key: string): boolean;
  set(key: string, value: T): void;
  delete(key: string): boolean;
  /** Values in key insertion order. The elements are copies. */
  values(): T[];
  /**
   * What is stored, in the same order and without a copy, for looking through many values: it is neither to be changed nor
   * kept, and nothing may be written meanwhile.
   */
  each(): Iterable<Stored<T>>;
  keys(): string[];
  readonly size: number;
}

export interface CloudState {
  collection<T>(name: string): Collection<T>;
}

/** Large immutable bytes by digest (`sha256:<hex>`): function code, image layers, manifests. */
export interface BlobStore {
  has(digest: string): boolean;
  size(digest: string): number | undefined;
  /** @throws AwsError when there is no such blob */
  read(digest: string): Uint8Array;
  /** Stores and returns the digest. Idempotent. */
  write(bytes: Uint8Array): string;
  delete(digest: string): void;
}

/** What a machine may know of the cloud that it is part of. */
export interface CloudSettings {
  readonly accountId: string;
  readonly region: string;
  /** `host:port` of the AWS endpoint, the registry included. Read late: the port is known only once listening. */
  readonly awsHost: () => string;
  /** Shorter asynchronous phases for people who wait; real ones in simulation. Milliseconds. */
  readonly delays: {
    readonly lambdaPendingMs: number;
    readonly taskProvisioningMs: number;
    readonly serviceDrainingMs: number;
    readonly buildQueuedMs: number;
  };
  readonly events?: EventSettings | undefined;
  /** Whether calls are held to the policies of who makes them. @default 'off': whoever signs may do everything */
  readonly iam?: 'enforce' | 'off' | undefined;
}

/** How the account's events travel. @default at once, without a trail */
export interface EventSettings {
  /** From what happened to the targets. AWS takes about half a second. */
  readonly delayMs?: number | undefined;
  /** The account has a trail: changing calls are told as events, too. AWS takes seconds to minutes. */
  readonly trail?: { readonly delayMs: number } | undefined;
}

/** What every machine is constructed with; each adds the drivers and siblings that it needs. */
export interface ServiceDeps {
  readonly state: CloudState;
  readonly settings: CloudSettings;
  readonly random: Random;
  /** Runs a driver's report as one atomic, durable step and re-arms the cloud's timer. */
  readonly enter: (step: (nowMs: number) => void) => void;
}

// ---------------------------------------------------------------------------------------------------------- drivers

/** One container of a task, everything resolved. */
export interface ContainerLaunch {
  readonly name: string;
  /** Image reference as in the task definition, `host/repo@sha256:…`. */
  readonly image: string;
  readonly entryPoint: readonly string[] | undefined;
  readonly command: readonly string[] | undefined;
  readonly workingDirectory: string | undefined;
  readonly environment: Readonly<Record<string, string>>;
  readonly containerPorts: readonly number[];
  readonly logGroup: string | undefined;
  readonly logStream: string | undefined;
}

/** Temporary credentials of a role, as the platform hands them to what runs under it. */
export interface RoleCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

/** Who gives such credentials; IamService does. Called inside of a step. */
export interface RoleSessions {
  /** The same for the same run. Undefined when there is no such role. They last until the run's end is told. */
  beginRun(roleArn: string, run: string): RoleCredentials | undefined;
  endRun(roleArn: string, run: string): void;
}

/** Reads secrets as a session of a role; the cloud does, with all that IAM says of it. */
export interface SecretReader {
  /** @throws AwsError the denial, or what Secrets Manager answers */
  read(
    roleArn: string,
    session: string,
    input: GetSecretValueCommandInput,
    nowMs: number,
  ): Pick<GetSecretValueCommandOutput, 'SecretString'>;
}

export interface TaskLaunch {
  readonly taskArn: string;
  readonly privateIp: string;
  readonly containers: readonly ContainerLaunch[];
  /** Of its task role, where it has one. */
  readonly credentials?: RoleCredentials | undefined;
}

export type ContainerEvent =
  | { readonly type: 'started' }
  /** The image cannot be had, or the program cannot be started: `CannotPullContainerError: …`. */
  | { readonly type: 'failed'; readonly reason: string }
  | { readonly type: 'exited'; readonly exitCode: number; readonly reason?: string };

/**
 * Runs containers. The order of containers, dependencies, health checks' timing, restart policies and stop timeouts
 * are the ECS machine's; the driver only starts, signals and reports.
 */
export interface TaskDriver {
  /** Prepares a task (its address, its ports). Called once before its first container. */
  prepare(task: TaskLaunch): void;
  startContainer(taskArn: string, container: string, report: (event: ContainerEvent) => void): void;
  signalContainer(taskArn: string, container: string, signal: 'SIGTERM' | 'SIGKILL'): void;
  /** Runs a container health check command (`CMD …` or `CMD-SHELL …`) in the container. */
  checkContainer(
    taskArn: string,
    container: string,
    command: readonly string[],
    timeoutMs: number,
    report: (healthy: boolean) => void,
  ): void;
  /** Everything of the task has ended: free address, ports and folders. */
  release(taskArn: string): void;
}

export interface BuildLaunch {
  readonly buildId: string;
  /** Container image of the build environment. */
  readonly image: string;
  readonly buildspec: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly logGroup: string;
  readonly logStream: string;
  readonly timeoutMs: number;
  /** Of its service role. */
  readonly credentials?: RoleCredentials | undefined;
}

export type BuildEvent =
  | { readonly type: 'phase'; readonly phase: string; readonly succeeded: boolean; readonly message?: string }
  | { readonly type: 'ended'; readonly succeeded: boolean };

export interface BuildDriver {
  start(build: BuildLaunch, report: (event: BuildEvent) => void): void;
  stop(buildId: string): void;
}

export interface FunctionLaunch {
  readonly functionArn: string;
  readonly name: string;
  readonly version: string;
  readonly packageType: 'Zip' | 'Image';
  readonly runtime: string | undefined;
  readonly handler: string | undefined;
  readonly codeDigest: string;
  readonly imageUri: string | undefined;
  readonly imageConfig: { entryPoint?: string[]; command?: string[]; workingDirectory?: string } | undefined;
  readonly environment: Readonly<Record<string, string>>;
  readonly memoryMb: number;
  readonly timeoutMs: number;
  /** Changes whenever code or configuration does: running environments of another revision are not used again. */
  readonly revisionId: string;
}

export interface InvocationResult {
  readonly payload: Uint8Array;
  readonly functionError: 'Unhandled' | 'Handled' | undefined;
  readonly logTail: string;
}

export interface FunctionDriver {
  invoke(
    launch: FunctionLaunch,
    event: Uint8Array,
    context: { requestId: string; clientContext?: string },
  ): Promise<InvocationResult>;
}

export interface TargetProbe {
  readonly ip: string;
  readonly port: number;
  readonly path: string;
  readonly timeoutMs: number;
}

export interface ProbeDriver {
  /** One HTTP health check: reports the status code, or undefined when there was no answer in time. */
  probe(target: TargetProbe, report: (status: number | undefined) => void): void;
}

export interface Drivers {
  readonly tasks: TaskDriver;
  readonly builds: BuildDriver;
  readonly functions: FunctionDriver;
  readonly probes: ProbeDriver;
}
