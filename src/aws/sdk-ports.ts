/**
 * The SDK implementation of the ports: official clients, one attempt per call (the workqueue is the only retry layer),
 * explicit settings so that no call depends on profile files unless a profile is asked for.
 */
import { ApplicationAutoScalingClient } from '@aws-sdk/client-application-auto-scaling';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { CodeBuildClient } from '@aws-sdk/client-codebuild';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import { ECRClient } from '@aws-sdk/client-ecr';
import { ECSClient } from '@aws-sdk/client-ecs';
import { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { IAMClient } from '@aws-sdk/client-iam';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { ResourceGroupsTaggingAPIClient } from '@aws-sdk/client-resource-groups-tagging-api';
import { S3Client } from '@aws-sdk/client-s3';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SQSClient } from '@aws-sdk/client-sqs';
import { STSClient } from '@aws-sdk/client-sts';
import { type Cause, deadline, type Failure, systemClock } from '../core/index.ts';
import { refuseUnreadableAnswer } from './answers.ts';
import { isOfAnswer, toFailure } from './classify.ts';
import { gitRemote } from './git-remote.ts';
import { OPERATIONS, type ServiceName } from './operations.ts';
import type { Call, GitPort, Ports, RegistryPort } from './ports.ts';

const CALL_TIMEOUT_MS = 30_000;

/** Without `info`: the SDK's middleware would walk every answer for it (15-18 % of CPU on large ones). */
const QUIET = { trace() {}, debug() {}, warn() {}, error() {} };

export interface StaticCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface SdkSettings {
  region: string;
  /** A local cloud or another stand-in; AWS's own endpoints when absent. */
  endpoint?: string | undefined;
  /** Static credentials, or what gives new ones when they end; the SDK's default chain when absent. */
  credentials?: StaticCredentials | (() => Promise<StaticCredentials & { expiration?: Date }>) | undefined;
  /** Profile whose credentials are used, whatever the environment holds. Not together with `credentials`. */
  profile?: string | undefined;
  /** AWS itself is meant: endpoints that the environment or a profile configures are ignored. @default false */
  ignoresConfiguredEndpoints?: boolean | undefined;
  /** The longest that one call may take; an aborted mutation's outcome is unknown. Default 30,000. */
  callTimeoutMs?: number | undefined;
  /** Carries requests instead of sockets: the SDK's own interface. */
  requestHandler?: object | undefined;
  /** Called after every call, for metrics and logs. */
  observe?: ((call: ObservedCall) => void) | undefined;
}

export interface ObservedCall {
  service: ServiceName;
  operation: string;
  outcome: 'ok' | 'error';
  /** Of a failure. */
  kind?: Failure['kind'];
  code?: string;
  requestId?: string | undefined;
  tookMs: number;
  /** It was fenced: it changes something of an object's. */
  changes: boolean;
  /** What it was made for; of a call that several share, what the first of them asked for it. */
  cause?: Cause | undefined;
}

interface AnyClient {
  send(command: unknown, options: { abortSignal?: AbortSignal }): Promise<{ $metadata?: { requestId?: string } }>;
  destroy(): void;
}

const CLIENTS: Record<ServiceName, new (settings: never) => unknown> = {
  dynamodb: DynamoDBClient,
  streams: DynamoDBStreamsClient,
  lambda: LambdaClient,
  codebuild: CodeBuildClient,
  ecr: ECRClient,
  ecs: ECSClient,
  elbv2: ElasticLoadBalancingV2Client,
  autoscaling: ApplicationAutoScalingClient,
  logs: CloudWatchLogsClient,
  iam: IAMClient,
  s3: S3Client,
  secretsmanager: SecretsManagerClient,
  sqs: SQSClient,
  events: EventBridgeClient,
  tagging: ResourceGroupsTaggingAPIClient,
  sts: STSClient,
};

/** Ports over the SDK, and `close()` which drops their sockets. Does no IO before the first call. */
export function createSdkPorts(
  settings: SdkSettings,
  registry: RegistryPort,
  git: GitPort = gitRemote(),
): { ports: Ports; close: () => void } {
  const clients: AnyClient[] = [];
  const ports: Record<string, unknown> = { registry, git };
  for (const service of Object.keys(OPERATIONS) as ServiceName[]) {
    let client: AnyClient | undefined;
    const connect = () => {
      client ??= newClient(service, settings);
      if (!clients.includes(client)) clients.push(client);
      return client;
    };
    const port: Record<string, unknown> = {};
    for (const [operation, command] of Object.entries(OPERATIONS[service])) {
      const Command = command as new (input: unknown) => unknown;
      port[operation] = async (input: unknown, call?: Call) => {
        const { cause, fence } = call ?? {};
        const span = cause?.span?.child(`${service}.${operation}`, { 'rpc.system': 'aws-api' });
        const startedMs = systemClock.monotonic();
        const ended = (how: Pick<ObservedCall, 'outcome' | 'kind' | 'code' | 'requestId'>) => {
          const tookMs = systemClock.monotonic() - startedMs;
          settings.observe?.({ service, operation, ...how, tookMs, changes: fence !== undefined, cause });
          if (!span) return;
          span.set({ 'rpc.service': service, 'rpc.method': operation, 'aws.request_id': how.requestId });
          span.end(how.code);
        };
        const { signal: abortSignal, end } = deadline(
          call?.timeoutMs ?? settings.callTimeoutMs ?? CALL_TIMEOUT_MS,
          call?.signal,
        );
        try {
          const output = await connect().send(new Command(input), { abortSignal });
          refuseUnreadableAnswer(service, operation, input, output);
          ended({ outcome: 'ok', requestId: output.$metadata?.requestId });
          return output;
        } catch (error) {
          // A defect of ours inside the SDK's stack is no answer of AWS.
          if (isDefect(error) && !isOfAnswer(error)) {
            span?.end(error.message);
            throw error;
          }
          const failure = toFailure(service, operation, error);
          const { kind, code, requestId } = failure;
          ended({ outcome: 'error', kind, code, requestId });
          throw failure;
        } finally {
          end();
        }
      };
    }
    ports[service] = port;
  }
  return {
    ports: ports as unknown as Ports,
    close: () => {
      for (const client of clients) client.destroy();
    },
  };
}

function isDefect(error: unknown): error is Error {
  return error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError;
}

function newClient(service: ServiceName, settings: SdkSettings): AnyClient {
  const Client = CLIENTS[service] as new (configuration: object) => AnyClient;
  return new Client({ ...clientConfiguration(settings), ...(service === 's3' ? bucketsOf(settings) : {}) });
}

/** A stand-in has no name of its own for each bucket; AWS itself does, in whatever region the bucket is. */
function bucketsOf({ endpoint }: SdkSettings): object {
  return endpoint ? { forcePathStyle: true } : { followRegionRedirects: true };
}

/** What every client of the SDK is made with. */
export function clientConfiguration(settings: SdkSettings): object {
  return {
    region: settings.region,
    maxAttempts: 1,
    logger: QUIET,
    ...(settings.endpoint ? { endpoint: settings.endpoint } : {}),
    ...(settings.credentials ? { credentials: settings.credentials } : {}),
    ...(settings.profile ? { profile: settings.profile } : {}),
    ...(settings.requestHandler ? { requestHandler: settings.requestHandler } : {}),
    ...(settings.ignoresConfiguredEndpoints ? { ignoreConfiguredEndpointUrls: true } : {}),
  };
}

/** Static credentials where the environment names them; else undefined, and the SDK's own chain finds the role's. */
export function credentialsOf(env: Readonly<Record<string, string | undefined>>): StaticCredentials | undefined {
  const {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
  } = env;
  if (!accessKeyId || !secretAccessKey) return undefined;
  return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) };
}
