/** What the machines tell EventBridge: only what AWS tells, in the shapes that AWS documents. */
import { describe, expect, it } from 'vitest';
import { createEventRules, EVENTS_QUEUE } from '../../../src/cli/local/event-rules.ts';
import type { EventSettings } from '../../../src/local-cloud/contract.ts';
import { createDirectPorts } from '../../../src/local-cloud/direct-ports.ts';
import type { AwsEvent } from '../../../src/resource/index.ts';
import { makeFunction, makeGroup, makeRule, projectProps, register } from '../../conformance/account.ts';
import { TestCloud } from '../../conformance/test-cloud.ts';
import * as documented from './documented.ts';

const SCOPE = { accountId: '000000000000', region: 'us-east-1' };

/** A cloud with a rule for everything. */
async function listening(events: EventSettings = {}) {
  const cloud = new TestCloud(1, createDirectPorts, events);
  await createEventRules(cloud.user, SCOPE);
  await cloud.user.events.putRule({ Name: 'lambdacontainer-all', EventPattern: '{"account":["000000000000"]}' });
  const Arn = `arn:aws:sqs:us-east-1:000000000000:${EVENTS_QUEUE}`;
  await cloud.user.events.putTargets({ Rule: 'lambdacontainer-all', Targets: [{ Id: 'all', Arn }] });
  const { QueueUrl } = await cloud.user.sqs.getQueueUrl({ QueueName: EVENTS_QUEUE });
  /** Everything that was told since, once each. */
  const told = async (): Promise<AwsEvent[]> => {
    const found = new Map<string, AwsEvent>();
    for (;;) {
      const { Messages = [] } = await cloud.user.sqs.receiveMessage({
        QueueUrl,
        MaxNumberOfMessages: 10,
        VisibilityTimeout: 43_200,
      });
      if (Messages.length === 0) return [...found.values()];
      for (const { Body = '' } of Messages) {
        const event = JSON.parse(Body) as AwsEvent;
        found.set(event.id, event);
      }
    }
  };
  return { cloud, told };
}

const ofType = (events: readonly AwsEvent[], type: string) => events.filter((event) => event['detail-type'] === type);

async function service(cloud: TestCloud): Promise<{ arn: string; taskDefinition: string }> {
  const { user } = cloud;
  await user.ecs.createCluster({ clusterName: 'main' });
  const { taskDefinition } = await user.ecs.registerTaskDefinition({ ...(await register(cloud)), family: 'web' });
  const created = await user.ecs.createService({
    cluster: 'main',
    serviceName: 'web',
    taskDefinition: 'web',
    desiredCount: 1,
    launchType: 'FARGATE',
    networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-1'] } },
  });
  await cloud.pass(60_000);
  return { arn: created.service?.serviceArn ?? '', taskDefinition: taskDefinition?.taskDefinitionArn ?? '' };
}

describe('ECS', () => {
  it('tells of a deployment, its tasks and the steady state', async () => {
    const { cloud, told } = await listening();
    const { arn } = await service(cloud);
    const events = await told();
    expect(events.flatMap((event) => documented.lacking(event, documented.ENVELOPE))).toEqual([]);
    const deployments = ofType(events, 'ECS Deployment State Change');
    expect(deployments.map(({ detail }) => detail.eventName)).toEqual([
      'SERVICE_DEPLOYMENT_IN_PROGRESS',
      'SERVICE_DEPLOYMENT_COMPLETED',
    ]);
    const actions = ofType(events, 'ECS Service Action');
    expect(actions.map(({ detail }) => detail.eventName)).toEqual(['SERVICE_STEADY_STATE']);
    for (const { resources } of [...deployments, ...actions]) expect(resources).toEqual([arn]);
    const tasks = ofType(events, 'ECS Task State Change');
    expect(tasks.map(({ detail }) => detail.lastStatus)).toEqual(
      expect.arrayContaining(['PROVISIONING', 'PENDING', 'ACTIVATING', 'RUNNING']),
    );
    const versions = tasks.map(({ detail }) => Number(detail.version));
    expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b));
    const running = tasks.findLast(({ detail }) => detail.lastStatus === 'RUNNING');
    expect(documented.lacking(running?.detail, documented.TASK_STATE_CHANGE)).toEqual([]);
    expect(deployments.flatMap(({ detail }) => documented.lacking(detail, documented.DEPLOYMENT_STATE_CHANGE))).toEqual(
      [],
    );
    expect(actions.flatMap(({ detail }) => documented.lacking(detail, documented.SERVICE_ACTION))).toEqual([]);
  });

  it('tells of a task that is stopped, with why', async () => {
    const { cloud, told } = await listening();
    await service(cloud);
    await told();
    const { taskArns = [] } = await cloud.user.ecs.listTasks({ cluster: 'main' });
    await cloud.user.ecs.stopTask({ cluster: 'main', task: taskArns[0], reason: 'by hand' });
    await cloud.pass(60_000);
    const stopped = ofType(await told(), 'ECS Task State Change').find(({ detail }) => detail.lastStatus === 'STOPPED');
    expect(stopped?.resources).toEqual([taskArns[0]]);
    expect(stopped?.detail).toMatchObject({
      stopCode: 'UserInitiated',
      stoppedReason: 'by hand',
      group: 'service:web',
    });
  });

  it('tells nothing of what only a trail would tell', async () => {
    const { cloud, told } = await listening();
    await service(cloud);
    await told();
    const deploymentConfiguration = { minimumHealthyPercent: 50, maximumPercent: 200 };
    await cloud.user.ecs.updateService({ cluster: 'main', service: 'web', deploymentConfiguration });
    await makeRule(cloud, [await makeGroup(cloud, 'group', 'ip')]);
    await makeFunction(cloud);
    await cloud.pass(60_000);
    expect(await told()).toEqual([]);
  });
});

describe('ECR', () => {
  it('tells of images that are pushed and deleted', async () => {
    const { cloud, told } = await listening();
    await cloud.user.ecr.createRepository({ repositoryName: 'app' });
    const digest = cloud.enter((nowMs) => cloud.pushImage('app', 'v1', nowMs));
    await cloud.user.ecr.batchDeleteImage({ repositoryName: 'app', imageIds: [{ imageTag: 'v1' }] });
    await cloud.pass(10);
    const events = await told();
    const detail = { result: 'SUCCESS', 'repository-name': 'app', 'image-digest': digest, 'image-tag': 'v1' };
    expect(events.map((event) => event.detail)).toEqual([
      { ...detail, 'action-type': 'PUSH' },
      { ...detail, 'action-type': 'DELETE' },
    ]);
    expect(events.flatMap((event) => documented.lacking(event.detail, documented.IMAGE_ACTION))).toEqual([]);
  });
});

describe('CodeBuild', () => {
  it('tells of the state and of every phase of a build', async () => {
    const { cloud, told } = await listening();
    const { serviceRoleArn, image, computeType, environmentType, buildspec } = await projectProps(cloud);
    await cloud.user.codebuild.createProject({
      name: 'builder',
      source: { type: 'NO_SOURCE', buildspec },
      artifacts: { type: 'NO_ARTIFACTS' },
      environment: { type: environmentType, image, computeType } as never,
      serviceRole: serviceRoleArn,
    });
    const environmentVariablesOverride = [{ name: 'FAIL', value: 'COMMAND_EXECUTION_ERROR: no' }];
    const { build } = await cloud.user.codebuild.startBuild({ projectName: 'builder', environmentVariablesOverride });
    await cloud.pass(60_000);
    const events = await told();
    const states = ofType(events, 'CodeBuild Build State Change');
    expect(states.map(({ detail }) => detail['build-status'])).toEqual(['IN_PROGRESS', 'FAILED']);
    const phases = ofType(events, 'CodeBuild Build Phase Change');
    expect(phases.map(({ detail }) => `${detail['completed-phase']} ${detail['completed-phase-status']}`)).toEqual([
      'SUBMITTED SUCCEEDED',
      'QUEUED SUCCEEDED',
      'BUILD FAILED',
    ]);
    for (const { resources } of events) expect(resources).toEqual([build?.arn]);
    expect(states.flatMap(({ detail }) => documented.lacking(detail, documented.BUILD_STATE_CHANGE))).toEqual([]);
    expect(phases.flatMap(({ detail }) => documented.lacking(detail, documented.BUILD_PHASE_CHANGE))).toEqual([]);
    expect(phases.at(-1)?.detail['completed-phase-context']).toBe('[COMMAND_EXECUTION_ERROR: no]');
  });
});

describe('a trail', () => {
  const TRAIL: EventSettings = { delayMs: 0, trail: { delayMs: 15_000 } };

  it('tells changing calls, late, in CloudTrail’s spelling', async () => {
    const { cloud, told } = await listening(TRAIL);
    const RuleArn = await makeRule(cloud, [await makeGroup(cloud, 'group', 'ip')]);
    await cloud.pass(20_000);
    await told();
    await cloud.user.elbv2.modifyRule({
      RuleArn,
      Conditions: [{ Field: 'host-header', HostHeaderConfig: { Values: ['Example.com'] } }],
    });
    await cloud.user.elbv2.describeRules({ RuleArns: [RuleArn] });
    await cloud.pass(14_999);
    expect(await told()).toEqual([]);
    await cloud.pass(1);
    const [event, ...more] = await told();
    expect(more).toEqual([]);
    expect(documented.lacking(event?.detail, documented.API_CALL)).toEqual([]);
    expect(event).toMatchObject({
      source: 'aws.elasticloadbalancing',
      'detail-type': 'AWS API Call via CloudTrail',
      detail: {
        eventSource: 'elasticloadbalancing.amazonaws.com',
        eventName: 'ModifyRule',
        userIdentity: { type: 'Root' },
        requestParameters: {
          ruleArn: RuleArn,
          conditions: [{ field: 'host-header', hostHeaderConfig: { values: ['Example.com'] } }],
        },
        responseElements: { rules: [{ ruleArn: RuleArn }] },
      },
    });
  });

  it('names Lambda’s calls by the version of their API, without the code', async () => {
    const { cloud, told } = await listening(TRAIL);
    await makeFunction(cloud);
    await cloud.pass(20_000);
    const created = (await told()).find(({ detail }) => detail.eventName === 'CreateFunction20150331');
    expect(created?.detail.requestParameters).toMatchObject({ functionName: 'shop', code: {} });
    expect(JSON.stringify(created)).not.toContain('zipFile');
  });

  it('tells neither data nor what was refused', async () => {
    const { cloud, told } = await listening(TRAIL);
    const { user } = cloud;
    const { QueueUrl } = await user.sqs.createQueue({ QueueName: 'other' });
    await cloud.pass(20_000);
    await told();
    await user.sqs.receiveMessage({ QueueUrl });
    await user.elbv2
      .deleteRule({ RuleArn: 'arn:aws:elasticloadbalancing:us-east-1:0:listener-rule/none' })
      .catch(() => {});
    await user.ecs.deleteService({ cluster: 'none', service: 'none' }).catch(() => {});
    await cloud.pass(20_000);
    expect((await told()).map(({ detail }) => detail.eventName)).toEqual([]);
  });

  it('says which session of which role called', async () => {
    const { cloud, told } = await listening(TRAIL);
    const { Role } = await cloud.user.iam.createRole({
      RoleName: 'visitor',
      AssumeRolePolicyDocument: JSON.stringify({
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Principal: { AWS: '000000000000' }, Action: 'sts:AssumeRole' }],
      }),
    });
    const { Credentials, AssumedRoleUser } = await cloud.user.sts.assumeRole({
      RoleArn: Role?.Arn,
      RoleSessionName: 'someone',
    });
    const { AccessKeyId: accessKeyId = '', SessionToken: sessionToken } = Credentials ?? {};
    const registry = { resolveDigest: () => Promise.reject(new Error('not asked')) };
    const visitor = createDirectPorts(cloud.cloud, registry, undefined, () => ({ accessKeyId, sessionToken }));
    await cloud.pass(20_000);
    await told();
    await visitor.logs.createLogGroup({ logGroupName: '/mine' });
    await cloud.pass(20_000);
    const [event] = await told();
    expect(event?.detail.userIdentity).toMatchObject({
      type: 'AssumedRole',
      arn: AssumedRoleUser?.Arn,
      accountId: '000000000000',
      sessionContext: { sessionIssuer: { type: 'Role', arn: Role?.Arn, userName: 'visitor' } },
    });
    expect((await visitor.sts.getCallerIdentity({})).Arn).toBe(AssumedRoleUser?.Arn);
  });
});
