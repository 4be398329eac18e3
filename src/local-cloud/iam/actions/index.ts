/** The tables of all services, by the id of their machine, and by the service's name in ARNs for tags. */
import type { ServiceId } from '../../contract.ts';
import { AUTOSCALING } from './autoscaling.ts';
import { CODEBUILD } from './codebuild.ts';
import { DYNAMODB, STREAMS } from './dynamodb.ts';
import { ECR } from './ecr.ts';
import { ECS } from './ecs.ts';
import { ELBV2 } from './elbv2.ts';
import { EVENTS } from './events.ts';
import { IAM } from './iam.ts';
import { LAMBDA } from './lambda.ts';
import { LOGS } from './logs.ts';
import type { ServiceActions } from './needs.ts';
import { S3 } from './s3.ts';
import { SECRETSMANAGER } from './secretsmanager.ts';
import { SQS } from './sqs.ts';
import { STS } from './sts.ts';
import { TAGGING } from './tagging.ts';

export type { Account, Need, Tags, Value } from './needs.ts';

export const ACTIONS: Readonly<Record<ServiceId, ServiceActions>> = {
  autoscaling: AUTOSCALING,
  codebuild: CODEBUILD,
  dynamodb: DYNAMODB,
  streams: STREAMS,
  ecr: ECR,
  ecs: ECS,
  elbv2: ELBV2,
  iam: IAM,
  lambda: LAMBDA,
  logs: LOGS,
  s3: S3,
  secretsmanager: SECRETSMANAGER,
  sqs: SQS,
  events: EVENTS,
  tagging: TAGGING,
  sts: STS,
};

/** The third part of an ARN → whose table knows its tags. */
export const BY_ARN: Readonly<Record<string, ServiceActions>> = {
  'application-autoscaling': AUTOSCALING,
  codebuild: CODEBUILD,
  dynamodb: DYNAMODB,
  ecr: ECR,
  ecs: ECS,
  elasticloadbalancing: ELBV2,
  iam: IAM,
  lambda: LAMBDA,
  logs: LOGS,
  secretsmanager: SECRETSMANAGER,
  sqs: SQS,
  events: EVENTS,
};
