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
import { IAMClient } from '@aws-sdk/client-iam';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { STSClient } from '@aws-sdk/client-sts';
import { timeoutSignal } from '../core/index.ts';
import { toFailure } from './classify.ts';
import { OPERATIONS, type ServiceName } from './operations.ts';
import type { Call, Ports, RegistryPort } from './ports.ts';

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
  /** Called after every call, for metrics and logs. */
  observe?: ((call: ObservedCall) => void) | undefined;
}

export interface ObservedCall {
  service: ServiceName;
  operation: string;
  outcome: 'ok' | 'error';
  code?: string;
  requestId?: string | undefined;
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
  secretsmanager: SecretsManagerClient,
  sts: STSClient,
};

/** Ports over the SDK, and `close()` which drops their sockets. Does no IO before the first call. */
export function createSdkPorts(settings: SdkSettings, registry: RegistryPort): { ports: Ports; close: () => void } {
  const clients: AnyClient[] = [];
  const ports: Record<string, unknown> = { registry };
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
        try {
          const timeout = timeoutSignal(call?.timeoutMs ?? settings.callTimeoutMs ?? CALL_TIMEOUT_MS);
          const abortSignal = call?.signal ? AbortSignal.any([call.signal, timeout]) : timeout;
          const output = await connect().send(new Command(input), { abortSignal });
          settings.observe?.({ service, operation, outcome: 'ok', requestId: output.$metadata?.requestId });
          return output;
        } catch (error) {
          // A defect of ours inside the SDK's stack is no answer of AWS.
          if (error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError) throw error;
          const failure = toFailure(service, operation, error);
          settings.observe?.({
            service,
            operation,
            outcome: 'error',
            code: failure.code,
            requestId: failure.requestId,
          });
          throw failure;
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

function newClient(service: ServiceName, settings: SdkSettings): AnyClient {
  const Client = CLIENTS[service] as new (configuration: object) => AnyClient;
  return new Client({
    region: settings.region,
    maxAttempts: 1,
    logger: QUIET,
    ...(settings.endpoint ? { endpoint: settings.endpoint } : {}),
    ...(settings.credentials ? { credentials: settings.credentials } : {}),
    ...(settings.profile ? { profile: settings.profile } : {}),
    ...(settings.ignoresConfiguredEndpoints ? { ignoreConfiguredEndpointUrls: true } : {}),
  });
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
