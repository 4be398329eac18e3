/**
 * The narrow ports through which everything above reaches AWS: one method per operation, promises only, errors always
 * a `Failure`. There are two implementations: the SDK over the wire (`sdk-ports.ts`) and, in simulation, the local
 * cloud's state machines called directly (`local-cloud/direct-ports.ts`).
 */
import type { Cause, Span } from '../core/index.ts';
import type { Operations, ServiceName } from './operations.ts';

/** What accompanies each call. */
export interface Call {
  /** Aborts the request; the outcome of a mutation is then unknown. */
  signal?: AbortSignal;
  /**
   * Asked at the last moment before the call leaves, however long it waited: throws a Failure when whoever makes it may
   * no longer change anything.
   */
  fence?: () => void;
  /** Who goes first when calls wait for a rate limit: somebody waits for a pass, nobody for a sweep. Default `pass`. */
  priority?: 'pass' | 'sweep';
  /** What it asks for was never made, and is most likely missing: a call that others share would fail for all of them. */
  unmade?: true;
  /** Longer or shorter than the client's own bound, for the rare call that runs as long as somebody's code does. */
  timeoutMs?: number;
  /** What it is made for, for logs and traces. */
  cause?: Cause;
}

// biome-ignore lint/suspicious/noExplicitAny: the shape of SDK command constructors
type CommandClass = new (...input: any) => { input: unknown };
// From the instance: commands whose input may be left out have overloaded constructors.
// biome-ignore lint/suspicious/noExplicitAny: see above
type InputOf<C> = C extends new (...input: any) => { readonly input: infer I } ? I : never;
type OutputOf<C> = C extends new (
  // biome-ignore lint/suspicious/noExplicitAny: see above
  ...input: any
  // biome-ignore lint/suspicious/noExplicitAny: the output type hides in the command's middleware resolver
) => { resolveMiddleware: (...args: any[]) => (args: any) => Promise<{ output: infer O }> }
  ? O
  : never;

/** The same call within another span. */
export function callWithin(call: Call, span: Span | undefined): Call {
  return span && call.cause ? { ...call, cause: { ...call.cause, span } } : call;
}

export type PortOf<Table extends Record<string, CommandClass>> = {
  readonly [Name in keyof Table]: (input: InputOf<Table[Name]>, call?: Call) => Promise<OutputOf<Table[Name]>>;
};

export type Ports = { readonly [Service in ServiceName]: PortOf<Operations[Service]> } & {
  readonly registry: RegistryPort;
  readonly git: GitPort;
};

export type DynamoPort = Ports['dynamodb'];
export type StreamsPort = Ports['streams'];
export type LambdaPort = Ports['lambda'];
export type CodeBuildPort = Ports['codebuild'];
export type EcrPort = Ports['ecr'];
export type EcsPort = Ports['ecs'];
export type Elbv2Port = Ports['elbv2'];
export type AutoScalingPort = Ports['autoscaling'];
export type LogsPort = Ports['logs'];
export type IamPort = Ports['iam'];
export type S3Port = Ports['s3'];
export type SecretsPort = Ports['secretsmanager'];
export type SqsPort = Ports['sqs'];
export type EventsPort = Ports['events'];
export type StsPort = Ports['sts'];

/** What the references of a git repository mean, behind a port because it is not an AWS API. */
export interface GitPort {
  /**
   * The commit (forty hexadecimal digits) that a branch or tag of the repository means now; a commit means itself.
   * @throws Failure notFound when there is no such repository or reference; denied when it asks for other credentials
   */
  resolveCommit(url: string, ref: string, call?: Call, login?: GitLogin): Promise<string>;
}

/** What a git server is told over https. */
export interface GitLogin {
  readonly username: string;
  readonly password: string;
  /** PEM of the authorities that may sign the server's certificate, instead of the machine's. */
  readonly caCertificate?: string;
}

/** Read access to an OCI registry (base images), behind a port because it is not an AWS API. */
export interface RegistryPort {
  /**
   * The digest (`sha256:…`) of the single-platform manifest that `reference` (`host/repo:tag` or `host/repo@digest`)
   * means for linux on `architecture`.
   * @throws Failure notFound when the registry has no such image or platform; transient, denied otherwise
   */
  resolveDigest(reference: string, architecture: 'x86_64' | 'arm64', call?: Call): Promise<string>;
}
