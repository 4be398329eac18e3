/** The unmodified SDK, one client per service, and its commands by operation name. */
import * as autoscaling from '@aws-sdk/client-application-auto-scaling';
import * as logs from '@aws-sdk/client-cloudwatch-logs';
import * as codebuild from '@aws-sdk/client-codebuild';
import * as dynamodb from '@aws-sdk/client-dynamodb';
import * as streams from '@aws-sdk/client-dynamodb-streams';
import * as ecr from '@aws-sdk/client-ecr';
import * as ecs from '@aws-sdk/client-ecs';
import * as elbv2 from '@aws-sdk/client-elastic-load-balancing-v2';
import * as events from '@aws-sdk/client-eventbridge';
import * as iam from '@aws-sdk/client-iam';
import * as lambda from '@aws-sdk/client-lambda';
import * as tagging from '@aws-sdk/client-resource-groups-tagging-api';
import * as s3 from '@aws-sdk/client-s3';
import * as secretsmanager from '@aws-sdk/client-secrets-manager';
import * as sqs from '@aws-sdk/client-sqs';
import * as sts from '@aws-sdk/client-sts';
import type { ServiceId } from '../../../src/local-cloud/contract.ts';

// biome-ignore lint/suspicious/noExplicitAny: commands of all services are called by name
type Any = any;

const MODULES: Record<ServiceId, { module: Any; client: new (settings: Any) => Any }> = {
  dynamodb: { module: dynamodb, client: dynamodb.DynamoDBClient },
  streams: { module: streams, client: streams.DynamoDBStreamsClient },
  lambda: { module: lambda, client: lambda.LambdaClient },
  codebuild: { module: codebuild, client: codebuild.CodeBuildClient },
  ecr: { module: ecr, client: ecr.ECRClient },
  ecs: { module: ecs, client: ecs.ECSClient },
  elbv2: { module: elbv2, client: elbv2.ElasticLoadBalancingV2Client },
  autoscaling: { module: autoscaling, client: autoscaling.ApplicationAutoScalingClient },
  logs: { module: logs, client: logs.CloudWatchLogsClient },
  iam: { module: iam, client: iam.IAMClient },
  s3: { module: s3, client: s3.S3Client },
  secretsmanager: { module: secretsmanager, client: secretsmanager.SecretsManagerClient },
  sqs: { module: sqs, client: sqs.SQSClient },
  events: { module: events, client: events.EventBridgeClient },
  tagging: { module: tagging, client: tagging.ResourceGroupsTaggingAPIClient },
  sts: { module: sts, client: sts.STSClient },
};

export interface Clients {
  send(service: ServiceId, operation: string, input: unknown): Promise<Record<string, unknown>>;
  client(service: ServiceId): Any;
  close(): void;
}

export function sdkClients(port: number): Clients {
  const made = new Map<ServiceId, Any>();
  const client = (service: ServiceId): Any => {
    let known = made.get(service);
    if (!known) {
      known = new MODULES[service].client({
        region: 'us-east-1',
        endpoint: `http://127.0.0.1:${port}`,
        credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
        maxAttempts: 1,
        logger: {},
        // SQS's client compares digests of what it receives, which samples have none of; the tests of SQS leave it on.
        ...(service === 'sqs' ? { md5: false } : {}),
      });
      made.set(service, known);
    }
    return known;
  };
  return {
    client,
    send: (service, operation, input) =>
      client(service).send(new MODULES[service].module[`${operation}Command`](input)),
    close: () => {
      for (const one of made.values()) one.destroy();
    },
  };
}
