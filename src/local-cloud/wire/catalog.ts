/**
 * The services as the wire knows them: protocol, how a request names its service, and every operation and error
 * that the SDK's client describes, whether a machine implements it or not. A test compares the constants with what the
 * clients themselves would send.
 */
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
import type { ServiceId } from '../contract.ts';
import { type ErrorSchema, errorSchema, type OperationSchema, operationSchema } from './schema.ts';

export type ProtocolName = 'json-1.0' | 'json-1.1' | 'rest-json' | 'rest-xml' | 'query';

/** How a service words the refusal of a malformed input. */
export interface Refusals {
  /** Code when a required member is missing. */
  readonly missing: string;
  /** Code when a member has the wrong type. */
  readonly type: string;
}

export interface ServiceEntry {
  readonly id: ServiceId;
  readonly protocol: ProtocolName;
  /** Name in the credential scope of the signature. */
  readonly signingName: string;
  /** Before the dot of `x-amz-target`. */
  readonly target?: string;
  /** `Version` of a form. */
  readonly version?: string;
  readonly xmlNamespace?: string;
  readonly refusals: Refusals;
  /** The service was awsQuery once: its errors carry the older code as well, here of those that the SDK does not model. */
  readonly queryCodes?: Readonly<Record<string, string>>;
  /** Operations that nobody signs: their input proves who asks. */
  readonly unsigned?: ReadonlySet<string>;
  /** The operations that are spoken, where they are fewer than those of the client. @default all */
  readonly spoken?: ReadonlySet<string>;
  readonly operations: ReadonlyMap<string, OperationSchema>;
  /** By the code on the wire, and by exception name. */
  readonly errors: ReadonlyMap<string, ErrorSchema>;
}

const VALIDATION: Refusals = { missing: 'ValidationException', type: 'SerializationException' };
const PARAMETER: Refusals = { missing: 'InvalidParameterException', type: 'SerializationException' };
const FORM: Refusals = { missing: 'ValidationError', type: 'ValidationError' };

type Row = Omit<ServiceEntry, 'id' | 'operations' | 'errors'> & { client: object };

const ROWS: Readonly<Record<ServiceId, Row>> = {
  dynamodb: {
    client: dynamodb,
    protocol: 'json-1.0',
    signingName: 'dynamodb',
    target: 'DynamoDB_20120810',
    refusals: VALIDATION,
  },
  streams: {
    client: streams,
    protocol: 'json-1.0',
    signingName: 'dynamodb',
    target: 'DynamoDBStreams_20120810',
    refusals: VALIDATION,
  },
  lambda: {
    client: lambda,
    protocol: 'rest-json',
    signingName: 'lambda',
    refusals: { missing: 'ValidationException', type: 'InvalidRequestContentException' },
  },
  codebuild: {
    client: codebuild,
    protocol: 'json-1.1',
    signingName: 'codebuild',
    target: 'CodeBuild_20161006',
    refusals: { missing: 'InvalidInputException', type: 'SerializationException' },
  },
  ecr: {
    client: ecr,
    protocol: 'json-1.1',
    signingName: 'ecr',
    target: 'AmazonEC2ContainerRegistry_V20150921',
    refusals: PARAMETER,
  },
  ecs: {
    client: ecs,
    protocol: 'json-1.1',
    signingName: 'ecs',
    target: 'AmazonEC2ContainerServiceV20141113',
    refusals: PARAMETER,
  },
  elbv2: {
    client: elbv2,
    protocol: 'query',
    signingName: 'elasticloadbalancing',
    version: '2015-12-01',
    xmlNamespace: 'http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/',
    refusals: FORM,
  },
  autoscaling: {
    client: autoscaling,
    protocol: 'json-1.1',
    signingName: 'application-autoscaling',
    target: 'AnyScaleFrontendService',
    refusals: VALIDATION,
  },
  logs: { client: logs, protocol: 'json-1.1', signingName: 'logs', target: 'Logs_20140328', refusals: PARAMETER },
  iam: {
    client: iam,
    protocol: 'query',
    signingName: 'iam',
    version: '2010-05-08',
    xmlNamespace: 'https://iam.amazonaws.com/doc/2010-05-08/',
    refusals: FORM,
  },
  s3: {
    client: s3,
    protocol: 'rest-xml',
    signingName: 's3',
    refusals: { missing: 'InvalidRequest', type: 'InvalidArgument' },
    // The dialect of all others has ways of its own, and nobody here needs them.
    spoken: new Set([
      'CreateBucket',
      'HeadBucket',
      'DeleteBucket',
      'ListBuckets',
      'PutBucketVersioning',
      'GetBucketVersioning',
      'PutBucketNotificationConfiguration',
      'GetBucketNotificationConfiguration',
      'PutObject',
      'GetObject',
      'HeadObject',
      'DeleteObject',
      'ListObjectsV2',
    ]),
  },
  secretsmanager: {
    client: secretsmanager,
    protocol: 'json-1.1',
    signingName: 'secretsmanager',
    target: 'secretsmanager',
    refusals: PARAMETER,
  },
  sqs: {
    client: sqs,
    protocol: 'json-1.0',
    signingName: 'sqs',
    target: 'AmazonSQS',
    refusals: { missing: 'MissingRequiredParameterException', type: 'SerializationException' },
    queryCodes: {
      InvalidParameterValueException: 'InvalidParameterValue',
      MissingRequiredParameterException: 'MissingParameter',
    },
  },
  events: {
    client: events,
    protocol: 'json-1.1',
    signingName: 'events',
    target: 'AWSEvents',
    refusals: VALIDATION,
  },
  tagging: {
    client: tagging,
    protocol: 'json-1.1',
    signingName: 'tagging',
    target: 'ResourceGroupsTaggingAPI_20170126',
    refusals: PARAMETER,
  },
  sts: {
    client: sts,
    protocol: 'query',
    signingName: 'sts',
    version: '2011-06-15',
    xmlNamespace: 'https://sts.amazonaws.com/doc/2011-06-15/',
    refusals: FORM,
    unsigned: new Set(['AssumeRoleWithSAML', 'AssumeRoleWithWebIdentity']),
  },
};

/**
 * Every service by id, read from the SDK's exports once.
 * @throws Error when a client's exports are not laid out as expected: another version of the SDK is installed
 */
export const CATALOG: ReadonlyMap<ServiceId, ServiceEntry> = new Map(
  (Object.entries(ROWS) as [ServiceId, Row][]).map(([id, { client, ...row }]) => [
    id,
    { id, ...row, ...readExports(id, client, row.spoken) },
  ]),
);

/** The entry of a service. */
export function serviceEntry(id: ServiceId): ServiceEntry {
  const entry = CATALOG.get(id);
  if (!entry) throw new Error(`There is no service ${id}`);
  return entry;
}

function readExports(
  id: ServiceId,
  client: object,
  spoken: ReadonlySet<string> | undefined,
): Pick<ServiceEntry, 'operations' | 'errors'> {
  const operations = new Map<string, OperationSchema>();
  const errors = new Map<string, ErrorSchema>();
  for (const [name, exported] of Object.entries(client)) {
    if (!name.endsWith('$')) continue;
    const operation = operationSchema(exported);
    if (operation && (spoken?.has(operation.name) ?? true)) operations.set(operation.name, operation);
    const error = errorSchema(exported);
    if (error) {
      errors.set(error.name, error);
      if (error.queryCode !== undefined) errors.set(error.queryCode, error);
    }
  }
  if (operations.size < (spoken?.size ?? 1))
    throw new Error(
      `The SDK's client for ${id} does not export the schemas of its operations: another version is installed`,
    );
  return { operations, errors };
}
