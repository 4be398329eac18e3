/** Which of AWS's events speak of which kind, and by what names. */
import { describe, expect, it } from 'vitest';
import { KINDS } from '../../src/kinds/index.ts';
import type { AwsEvent, EventInterest } from '../../src/resource/index.ts';
import {
  apiCall,
  buildStateChange,
  DEPLOYMENT_FAILED,
  imageAction,
  OBJECT_CREATED,
  SERVICE_STEADY,
  taskStateChange,
} from './aws-events.ts';

const ELB = 'arn:aws:elasticloadbalancing:us-west-2:111122223333';
const GROUP = `${ELB}:targetgroup/lc-shop-ip/73e2d6bc24d8a067`;
const RULE = `${ELB}:listener-rule/app/my-load-balancer/50dc6c495c0c9188/f2f7dc8efc522ab2/9683b2d02a6cabee`;
const SECRET = 'arn:aws:secretsmanager:us-west-2:111122223333:secret:team/db';
const APPLICATION = { additionalEventData: { service: 'application-autoscaling' } };

/** As EventBridge matches a pattern of ours: source, type, and any of the values at each path below `detail`. */
function matches({ source, detailType, detail = {} }: EventInterest, event: AwsEvent): boolean {
  if (event.source !== source || event['detail-type'] !== detailType) return false;
  return Object.entries(detail).every(([path, values]) => {
    const value = path
      .split('.')
      .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], event.detail);
    return values.includes(String(value));
  });
}

/** What the intake makes of an event, for one kind. */
function namesOf(kind: string, event: AwsEvent): string[] {
  const interests = KINDS.get(kind)?.events ?? [];
  return interests.filter((interest) => matches(interest, event)).flatMap((interest) => [...interest.names(event)]);
}

const CASES: { reason: string; kind: string; event: AwsEvent; names: string[] }[] = [
  { reason: 'a service is steady', kind: 'ecs-service', event: SERVICE_STEADY, names: ['servicetest'] },
  { reason: 'a deployment failed', kind: 'ecs-service', event: DEPLOYMENT_FAILED, names: ['servicetest'] },
  {
    reason: 'a task of a service crashed',
    kind: 'ecs-service',
    event: taskStateChange({
      group: 'service:lc-shop',
      desiredStatus: 'STOPPED',
      lastStatus: 'STOPPED',
      stopCode: 'EssentialContainerExited',
      stoppedReason: 'Essential container in task exited',
    }),
    names: ['lc-shop'],
  },
  {
    reason: 'somebody stopped a task',
    kind: 'ecs-service',
    event: taskStateChange({ group: 'service:lc-shop', lastStatus: 'STOPPED', stopCode: 'UserInitiated' }),
    names: ['lc-shop'],
  },
  {
    reason: 'the scheduler stopped a task: the service says what that means',
    kind: 'ecs-service',
    event: taskStateChange({ group: 'service:lc-shop', lastStatus: 'STOPPED', stopCode: 'ServiceSchedulerInitiated' }),
    names: [],
  },
  {
    reason: 'a step of a task on its way up is not worth a look',
    kind: 'ecs-service',
    event: taskStateChange({ group: 'service:lc-shop', lastStatus: 'PENDING' }),
    names: [],
  },
  {
    reason: 'a task that is no service’s',
    kind: 'ecs-service',
    event: taskStateChange({ lastStatus: 'STOPPED', stopCode: 'UserInitiated' }),
    names: [],
  },
  {
    reason: 'a service was changed, named by ARN',
    kind: 'ecs-service',
    event: apiCall('ecs', 'UpdateService', {
      cluster: 'main',
      service: 'arn:aws:ecs:us-west-2:111122223333:service/main/lc-shop',
      desiredCount: 0,
    }),
    names: ['lc-shop'],
  },
  {
    reason: 'a service was scaled by whom its count belongs to',
    kind: 'ecs-service',
    event: apiCall(
      'ecs',
      'UpdateService',
      { cluster: 'main', service: 'lc-shop', desiredCount: 3 },
      { userIdentity: { type: 'AssumedRole', invokedBy: 'ecs.application-autoscaling.amazonaws.com' } },
    ),
    names: [],
  },
  {
    reason: 'a service was deleted, by name',
    kind: 'ecs-service',
    event: apiCall('ecs', 'DeleteService', { cluster: 'main', service: 'lc-shop', force: true }),
    names: ['lc-shop'],
  },
  {
    reason: 'tags of a service were taken off',
    kind: 'ecs-service',
    event: apiCall('ecs', 'UntagResource', {
      resourceArn: 'arn:aws:ecs:us-west-2:111122223333:service/main/lc-shop',
      tagKeys: ['lambdacontainer.dev/owner'],
    }),
    names: ['lc-shop'],
  },
  {
    reason: 'tags of something else in ECS',
    kind: 'ecs-service',
    event: apiCall('ecs', 'UntagResource', { resourceArn: 'arn:aws:ecs:us-west-2:111122223333:cluster/main' }),
    names: [],
  },
  {
    reason: 'a revision was retired',
    kind: 'task-definition',
    event: apiCall('ecs', 'DeregisterTaskDefinition', {
      taskDefinition: 'arn:aws:ecs:us-west-2:111122223333:task-definition/lc-shop:12',
    }),
    names: ['lc-shop'],
  },
  {
    reason: 'revisions were deleted',
    kind: 'task-definition',
    event: apiCall('ecs', 'DeleteTaskDefinitions', { taskDefinitions: ['lc-shop:11', 'lc-other:2'] }),
    names: ['lc-shop', 'lc-other'],
  },
  {
    reason: 'a build ended',
    kind: 'image-build',
    event: buildStateChange('SUCCEEDED', [
      { name: 'OTHER', type: 'PLAINTEXT', value: 'x' },
      { name: 'LAMBDACONTAINER_INPUTS', type: 'PLAINTEXT', value: 'shop-v1-0123' },
    ]),
    names: ['shop-v1-0123'],
  },
  {
    reason: 'a build that we began ourselves is no news',
    kind: 'image-build',
    event: buildStateChange('IN_PROGRESS', [{ name: 'LAMBDACONTAINER_INPUTS', value: 'shop-v1-0123' }]),
    names: [],
  },
  { reason: 'somebody else’s build', kind: 'image-build', event: buildStateChange('FAILED', []), names: [] },
  { reason: 'an image was pushed', kind: 'image-build', event: imageAction('PUSH', 'latest'), names: ['latest'] },
  { reason: 'an image was deleted', kind: 'image-build', event: imageAction('DELETE', 'latest'), names: ['latest'] },
  { reason: 'an image without a tag', kind: 'image-build', event: imageAction('DELETE', undefined), names: [] },
  {
    reason: 'a base image in the account’s own registry was pushed',
    kind: 'base-image',
    event: imageAction('PUSH', 'latest'),
    names: ['111122223333.dkr.ecr.us-west-2.amazonaws.com/my-repository-name:latest'],
  },
  {
    reason: 'a deleted base image cannot be built from, but changes no digest',
    kind: 'base-image',
    event: imageAction('DELETE', 'latest'),
    names: [],
  },
  {
    reason: 'an object was put into a bucket that tells of it',
    kind: 's3-object',
    event: OBJECT_CREATED,
    names: ['amzn-s3-demo-bucket1/example-key'],
  },
  {
    reason: 'an event of S3 that is not of the documented shape',
    kind: 's3-object',
    event: { ...OBJECT_CREATED, detail: { bucket: 'amzn-s3-demo-bucket1', object: { key: 1 } } },
    names: [],
  },
  {
    reason: 'a rule was changed',
    kind: 'rule-weights',
    event: apiCall('elasticloadbalancing', 'ModifyRule', { ruleArn: RULE, actions: [{ type: 'forward' }] }),
    names: [RULE],
  },
  {
    reason: 'a rule was deleted',
    kind: 'listener-rule',
    event: apiCall('elasticloadbalancing', 'DeleteRule', { ruleArn: RULE }),
    names: [RULE],
  },
  {
    reason: 'priorities were set anew',
    kind: 'listener-rule',
    event: apiCall('elasticloadbalancing', 'SetRulePriorities', { rulePriorities: [{ ruleArn: RULE, priority: 5 }] }),
    names: [RULE],
  },
  {
    reason: 'tags of a rule were taken off',
    kind: 'listener-rule',
    event: apiCall('elasticloadbalancing', 'RemoveTags', { resourceArns: [RULE], tagKeys: ['a'] }),
    names: [RULE],
  },
  {
    reason: 'attributes of a target group were changed',
    kind: 'target-group',
    event: apiCall('elasticloadbalancing', 'ModifyTargetGroupAttributes', { targetGroupArn: GROUP, attributes: [] }),
    names: ['lc-shop-ip'],
  },
  {
    reason: 'tags of a target group and of a rule were taken off',
    kind: 'target-group',
    event: apiCall('elasticloadbalancing', 'RemoveTags', { resourceArns: [RULE, GROUP], tagKeys: ['a'] }),
    names: ['lc-shop-ip'],
  },
  {
    reason: 'a target was taken out',
    kind: 'lambda-target',
    event: apiCall('elasticloadbalancing', 'DeregisterTargets', { targetGroupArn: GROUP, targets: [] }),
    names: [GROUP],
  },
  {
    // https://docs.aws.amazon.com/lambda/latest/dg/logging-using-cloudtrail.html
    reason: 'a function was deleted',
    kind: 'lambda-function',
    event: apiCall('lambda', 'DeleteFunction20150331', { functionName: 'basic-node-task' }),
    names: ['basic-node-task'],
  },
  {
    reason: 'code was changed, the function named by a qualified ARN',
    kind: 'lambda-function',
    event: apiCall('lambda', 'UpdateFunctionCode20150331v2', {
      functionName: 'arn:aws:lambda:us-west-2:111122223333:function:shop:live',
    }),
    names: ['shop'],
  },
  {
    reason: 'an alias was moved, the function named by a partial ARN',
    kind: 'lambda-function',
    event: apiCall('lambda', 'UpdateAlias20150331', { functionName: '111122223333:function:shop', name: 'live' }),
    names: ['shop'],
  },
  {
    reason: 'a permission was taken away',
    kind: 'lambda-permission',
    event: apiCall('lambda', 'RemovePermission20150331v2', { functionName: 'shop', statementId: 'lambdacontainer-1' }),
    names: ['lambdacontainer-1'],
  },
  {
    // https://docs.aws.amazon.com/autoscaling/application/userguide/monitoring-eventbridge.html
    reason: 'bounds were changed',
    kind: 'scalable-target',
    event: apiCall(
      'autoscaling',
      'RegisterScalableTarget',
      { resourceId: 'service/main/lc-shop', serviceNamespace: 'ecs', minCapacity: 2, maxCapacity: 10 },
      APPLICATION,
    ),
    names: ['service/main/lc-shop'],
  },
  {
    reason: 'a policy was deleted',
    kind: 'scaling-policy',
    event: apiCall(
      'autoscaling',
      'DeleteScalingPolicy',
      { resourceId: 'service/main/lc-shop', policyName: 'cpu' },
      APPLICATION,
    ),
    names: ['service/main/lc-shop cpu'],
  },
  {
    reason: 'policies went with their target',
    kind: 'scaling-policy',
    event: apiCall('autoscaling', 'DeregisterScalableTarget', { resourceId: 'service/main/lc-shop' }, APPLICATION),
    names: ['service/main/lc-shop'],
  },
  {
    reason: 'a policy of EC2’s auto scaling comes from the same source',
    kind: 'scaling-policy',
    event: apiCall('autoscaling', 'PutScalingPolicy', { autoScalingGroupName: 'web', policyName: 'cpu' }),
    names: [],
  },
  {
    reason: 'retention was changed',
    kind: 'log-group',
    event: apiCall('logs', 'PutRetentionPolicy', { logGroupName: '/lambdacontainer/shop/a', retentionInDays: 1 }),
    names: ['/lambdacontainer/shop/a'],
  },
  {
    reason: 'tags of a log group were taken off',
    kind: 'log-group',
    event: apiCall('logs', 'UntagResource', {
      resourceArn: 'arn:aws:logs:us-west-2:111122223333:log-group:/lambdacontainer/shop/a:*',
    }),
    names: ['/lambdacontainer/shop/a'],
  },
  {
    reason: 'a repository was deleted',
    kind: 'ecr-repository',
    event: apiCall('ecr', 'DeleteRepository', { repositoryName: 'lambdacontainer/shop', force: true }),
    names: ['lambdacontainer/shop'],
  },
  {
    reason: 'tags of a repository were taken off',
    kind: 'ecr-repository',
    event: apiCall('ecr', 'UntagResource', {
      resourceArn: 'arn:aws:ecr:us-west-2:111122223333:repository/lambdacontainer/shop',
    }),
    names: ['lambdacontainer/shop'],
  },
  {
    reason: 'a project was changed',
    kind: 'codebuild-project',
    event: apiCall('codebuild', 'UpdateProject', { name: 'lambdacontainer-standard' }),
    names: ['lambdacontainer-standard'],
  },
  {
    reason: 'who may assume a role was changed',
    kind: 'iam-role',
    event: apiCall('iam', 'UpdateAssumeRolePolicy', { roleName: 'tasks', policyDocument: '{}' }),
    names: ['arn:aws:iam::111122223333:role/tasks'],
  },
  {
    reason: 'a value was put, by whole ARN',
    kind: 'secret',
    event: apiCall('secretsmanager', 'PutSecretValue', { secretId: `${SECRET}-a1B2c3`, clientRequestToken: 't' }),
    names: [`${SECRET}-a1B2c3`, 'team/db'],
  },
  {
    reason: 'a rotation moved the label, by name',
    kind: 'secret',
    event: apiCall('secretsmanager', 'UpdateSecretVersionStage', { secretId: 'team/db', versionStage: 'AWSCURRENT' }),
    names: ['team/db'],
  },
  {
    reason: 'a secret was read',
    kind: 'secret',
    event: apiCall('secretsmanager', 'GetSecretValue', { secretId: 'team/db' }),
    names: [],
  },
];

describe('an event', () => {
  it.each(CASES)('speaks of a $kind: $reason', ({ kind, event, names }) => {
    expect(namesOf(kind, event)).toEqual(names);
  });

  it('of a call that AWS refused speaks of nothing', () => {
    const refused = apiCall('elasticloadbalancing', 'DeleteRule', { ruleArn: RULE }, { errorCode: 'AccessDenied' });
    expect(namesOf('listener-rule', refused)).toEqual([]);
  });
});

describe('interests', () => {
  const interests = [...KINDS.values()].flatMap(({ name, events = [] }) =>
    events.map((interest) => ({ name, detailType: interest.detailType, interest })),
  );

  it('each has a case', () => {
    const unseen = interests.filter(
      ({ name, interest }) =>
        !CASES.some(({ kind, event, names }) => kind === name && names.length > 0 && matches(interest, event)),
    );
    expect(unseen).toEqual([]);
  });

  it.each(interests)('of $name in "$detailType" say whether they need a trail', ({ interest }) => {
    expect(interest.needsTrail === true).toBe(interest.detailType === 'AWS API Call via CloudTrail');
  });

  const SHAPES: unknown[] = [undefined, null, 0, 'text', [], [null], {}, { ruleArn: 5 }, { a: { b: [] } }];

  it.each(interests)('of $name in "$detailType" are empty for events of another shape', ({ interest }) => {
    const { source, detailType, detail = {} } = interest;
    const asked = Object.fromEntries(Object.entries(detail).map(([path, [value]]) => [path, value]));
    for (const shape of SHAPES) {
      for (const broken of [
        { source, 'detail-type': detailType, detail: shape, resources: shape },
        {
          source,
          'detail-type': detailType,
          detail: { ...asked, requestParameters: shape, group: shape },
          resources: [],
        },
        {
          source,
          'detail-type': detailType,
          detail: { ...asked, 'additional-information': shape },
          resources: [shape],
        },
      ]) {
        expect(interest.names(broken as unknown as AwsEvent)).toEqual([]);
      }
    }
  });
});
