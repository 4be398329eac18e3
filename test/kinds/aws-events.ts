/**
 * Events as AWS's documentation shows them, with the page of each. Names of resources are the documentation's own; where
 * it shows no event of a call, its CloudTrail record is put together from the page that says how such records look.
 */
import type { AwsEvent } from '../../src/resource/index.ts';

function event(source: string, detailType: string, detail: AwsEvent['detail'], resources: string[] = []): AwsEvent {
  return {
    id: 'af3c496d-f4a8-65d1-70f4-a69d52e9b584',
    'detail-type': detailType,
    source,
    account: '111122223333',
    time: '2019-11-19T19:27:22Z',
    region: 'us-west-2',
    resources,
    detail,
  };
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html */
export const OBJECT_CREATED = event(
  'aws.s3',
  'Object Created',
  {
    version: '0',
    bucket: { name: 'amzn-s3-demo-bucket1' },
    object: {
      key: 'example-key',
      size: 5,
      etag: 'b1946ac92492d2347c6235b4d2611184',
      'version-id': 'IYV3p45BT0ac8hjHg1houSdS1a.Mro8e',
      sequencer: '617f08299329d189',
    },
    'request-id': 'N4N7GDK58NMKJ12R',
    requester: '123456789012',
    'source-ip-address': '1.2.3.4',
    reason: 'PutObject',
  },
  ['arn:aws:s3:::amzn-s3-demo-bucket1'],
);

const SERVICE = 'arn:aws:ecs:us-west-2:111122223333:service/default/servicetest';

/** https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_events.html */
export const SERVICE_STEADY = event(
  'aws.ecs',
  'ECS Service Action',
  {
    eventType: 'INFO',
    eventName: 'SERVICE_STEADY_STATE',
    clusterArn: 'arn:aws:ecs:us-west-2:111122223333:cluster/default',
    createdAt: '2019-11-19T19:27:22.695Z',
  },
  [SERVICE],
);

/** https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_deployment_events.html */
export const DEPLOYMENT_FAILED = event(
  'aws.ecs',
  'ECS Deployment State Change',
  {
    eventType: 'ERROR',
    eventName: 'SERVICE_DEPLOYMENT_FAILED',
    deploymentId: 'ecs-svc/123',
    updatedAt: '2020-05-23T11:11:11Z',
    reason: 'ECS deployment circuit breaker: task failed to start.',
  },
  [SERVICE],
);

/** https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html */
export function taskStateChange(detail: Readonly<Record<string, unknown>>): AwsEvent {
  const taskArn = 'arn:aws:ecs:us-west-2:111122223333:task/FargateCluster/c13b4cb40f1f4fe4a2971f76ae5a47ad';
  return event(
    'aws.ecs',
    'ECS Task State Change',
    {
      attachments: [],
      availabilityZone: 'us-west-2c',
      clusterArn: 'arn:aws:ecs:us-west-2:111122223333:cluster/FargateCluster',
      containers: [],
      createdAt: '2020-01-23T17:57:34.402Z',
      launchType: 'FARGATE',
      cpu: '256',
      memory: '512',
      desiredStatus: 'RUNNING',
      group: 'family:sample-fargate',
      lastStatus: 'RUNNING',
      overrides: { containerOverrides: [{ name: 'FargateApp' }] },
      platformVersion: '1.3.0',
      taskArn,
      taskDefinitionArn: 'arn:aws:ecs:us-west-2:111122223333:task-definition/sample-fargate:1',
      updatedAt: '2020-01-23T17:57:49.103Z',
      version: 4,
      ...detail,
    },
    [taskArn],
  );
}

/** https://docs.aws.amazon.com/codebuild/latest/userguide/sample-build-notifications.html */
export function buildStateChange(status: string, variables: readonly object[]): AwsEvent {
  const id = 'arn:aws:codebuild:us-west-2:123456789012:build/my-sample-project:8745a7a9-c340-456a-9166-edf953571bEX';
  return event(
    'aws.codebuild',
    'CodeBuild Build State Change',
    {
      'build-status': status,
      'project-name': 'my-sample-project',
      'build-id': id,
      'additional-information': {
        artifact: { md5sum: 'da9c44c8a9a3cd4b443126e823168fEX', sha256sum: '6ccc2ae1df9d155ba83c597051611c42' },
        environment: {
          image: 'aws/codebuild/standard:5.0',
          'privileged-mode': false,
          'compute-type': 'BUILD_GENERAL1_SMALL',
          type: 'LINUX_CONTAINER',
          'environment-variables': variables,
        },
        'timeout-in-minutes': 60,
        'build-complete': true,
        initiator: 'MyCodeBuildDemoUser',
        'build-start-time': 'Sep 1, 2017 4:12:29 PM',
      },
      'current-phase': 'COMPLETED',
      'current-phase-context': '[]',
      version: '1',
    },
    [id],
  );
}

/** https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html */
export function imageAction(type: 'PUSH' | 'DELETE', tag: string | undefined): AwsEvent {
  return event('aws.ecr', 'ECR Image Action', {
    result: 'SUCCESS',
    'repository-name': 'my-repository-name',
    'image-digest': 'sha256:7f5b2640fe6fb4f46592dfd3410c4a79dac4f89e4782432e0378abcd1234',
    'action-type': type,
    ...(tag === undefined ? {} : { 'image-tag': tag }),
  });
}

/**
 * A record of CloudTrail's. Its members: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html,
 * as EventBridge hands it on: https://docs.aws.amazon.com/autoscaling/application/userguide/monitoring-eventbridge.html
 */
export function apiCall(
  service: string,
  eventName: string,
  requestParameters: unknown,
  more: Readonly<Record<string, unknown>> = {},
): AwsEvent {
  return event(`aws.${service}`, 'AWS API Call via CloudTrail', {
    eventVersion: '1.08',
    userIdentity: {
      type: 'IAMUser',
      principalId: '123456789012',
      arn: 'arn:aws:iam::123456789012:user/Bob',
      accountId: '123456789012',
    },
    eventTime: '2022-07-13T16:50:15Z',
    eventSource: `${service}.amazonaws.com`,
    eventName,
    awsRegion: 'us-west-2',
    sourceIPAddress: 'AWS Internal',
    userAgent: 'EC2 Spot Console',
    requestParameters,
    responseElements: null,
    requestID: 'e9caf887-8d88-11e5-a331-3332aa445952',
    eventID: '49d14f36-6450-44a5-a501-b0fdcdfaeb98',
    readOnly: false,
    eventType: 'AwsApiCall',
    managementEvent: true,
    recipientAccountId: '111122223333',
    eventCategory: 'Management',
    ...more,
  });
}
