/** What no resource kind calls, service by service: answered, and refused where that is as easy. */
import { toItem } from '../../../src/aws/index.ts';
import { makeFunction, makeListener, makeRole, makeService, projectProps } from '../../conformance/account.ts';
import type { TestCloud } from '../../conformance/test-cloud.ts';
import { functionCode } from '../../simulation/world.ts';

type Tried = <T>(call: Promise<T>) => Promise<T | undefined>;
type Visit = (cloud: TestCloud, tried: Tried) => Promise<unknown>;

const ABSENT = 'absent';

export const TOUR: Readonly<Record<string, Visit>> = {
  async dynamodb(cloud, tried) {
    const { dynamodb, streams } = cloud.user;
    const TableName = 'desired';
    await dynamodb.createTable({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: 'k', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'k', KeyType: 'HASH' }],
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
    });
    await tried(dynamodb.putItem({ TableName, Item: toItem({ k: 'early' }) }));
    await cloud.pass(30_000);
    await dynamodb.putItem({ TableName, Item: toItem({ k: 'a', n: 1, l: [true, null], m: { x: 'y' } }) });
    await tried(
      dynamodb.putItem({ TableName, Item: toItem({ k: 'a' }), ConditionExpression: 'attribute_not_exists(k)' }),
    );
    await dynamodb.updateItem({
      TableName,
      Key: toItem({ k: 'a' }),
      UpdateExpression: 'SET n = :n',
      ExpressionAttributeValues: toItem({ ':n': 2 }),
      ReturnValues: 'ALL_NEW',
    });
    await dynamodb.getItem({ TableName, Key: toItem({ k: 'a' }) });
    await tried(dynamodb.getItem({ TableName: ABSENT, Key: toItem({ k: 'a' }) }));
    await dynamodb.query({
      TableName,
      KeyConditionExpression: 'k = :k',
      ExpressionAttributeValues: toItem({ ':k': 'a' }),
    });
    await dynamodb.scan({ TableName, Limit: 1 });
    await dynamodb.batchWriteItem({ RequestItems: { [TableName]: [{ PutRequest: { Item: toItem({ k: 'b' }) } }] } });
    await dynamodb.transactWriteItems({ TransactItems: [{ Put: { TableName, Item: toItem({ k: 'c' }) } }] });
    await tried(
      dynamodb.transactWriteItems({
        TransactItems: [
          { Put: { TableName, Item: toItem({ k: 'c' }), ConditionExpression: 'attribute_not_exists(k)' } },
        ],
      }),
    );
    await dynamodb.deleteItem({ TableName, Key: toItem({ k: 'c' }), ReturnValues: 'ALL_OLD' });
    await dynamodb.updateTimeToLive({
      TableName,
      TimeToLiveSpecification: { Enabled: true, AttributeName: 'expiresAt' },
    });
    await dynamodb.describeTimeToLive({ TableName });
    await dynamodb.updateContinuousBackups({
      TableName,
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    });
    await dynamodb.describeContinuousBackups({ TableName });
    await dynamodb.updateTable({ TableName, DeletionProtectionEnabled: true });
    await cloud.pass(30_000);
    const { Table } = await dynamodb.describeTable({ TableName });
    const StreamArn = Table?.LatestStreamArn;
    const { StreamDescription } = await streams.describeStream({ StreamArn });
    const { ShardIterator } = await streams.getShardIterator({
      StreamArn,
      ShardId: StreamDescription?.Shards?.[0]?.ShardId,
      ShardIteratorType: 'TRIM_HORIZON',
    });
    await streams.getRecords({ ShardIterator });
    await tried(streams.getRecords({ ShardIterator: 'nonsense' }));
    await tried(dynamodb.describeTable({ TableName: ABSENT }));
  },

  async lambda(cloud, tried) {
    const { lambda } = cloud.user;
    await makeFunction(cloud);
    const FunctionName = 'shop';
    await lambda.invoke({ FunctionName, Payload: new TextEncoder().encode('{}') });
    await tried(lambda.invoke({ FunctionName: ABSENT, Payload: new TextEncoder().encode('{}') }));
    await lambda.listFunctions({});
    await lambda.updateFunctionCode({
      FunctionName,
      ZipFile: functionCode('two'),
    });
    await tried(lambda.getFunction({ FunctionName: ABSENT }));
    await tried(lambda.getPolicy({ FunctionName }));
    await tried(lambda.getLayerVersionByArn({ Arn: 'arn:aws:lambda:us-east-1:000000000000:layer:none:1' }));
  },

  async balancing(cloud, tried) {
    const { elbv2 } = cloud.user;
    const ListenerArn = await makeListener(cloud);
    const { LoadBalancers } = await elbv2.describeLoadBalancers({});
    await elbv2.describeLoadBalancerAttributes({ LoadBalancerArn: LoadBalancers?.[0]?.LoadBalancerArn });
    await elbv2.describeListeners({ ListenerArns: [ListenerArn] });
    await elbv2.modifyListener({
      ListenerArn,
      DefaultActions: [{ Type: 'fixed-response', FixedResponseConfig: { StatusCode: '503' } }],
    });
    await tried(elbv2.describeLoadBalancers({ Names: [ABSENT] }));
    await tried(elbv2.describeTargetGroups({ Names: [ABSENT] }));
    await tried(elbv2.describeListeners({ ListenerArns: [ListenerArn.replace(/.$/, 'x')] }));
  },

  async tasks(cloud, tried) {
    const { ecs } = cloud.user;
    await makeService(cloud);
    await cloud.pass(60_000);
    await ecs.describeClusters({ clusters: ['main', ABSENT], include: ['TAGS'] });
    await ecs.listServices({ cluster: 'main' });
    const { taskArns = [] } = await ecs.listTasks({ cluster: 'main' });
    await ecs.describeTasks({ cluster: 'main', tasks: [...taskArns, ABSENT] });
    await ecs.stopTask({ cluster: 'main', task: taskArns[0] });
    await tried(ecs.stopTask({ cluster: 'main', task: ABSENT }));
    await tried(ecs.listServices({ cluster: ABSENT }));
    await tried(ecs.describeTaskDefinition({ taskDefinition: ABSENT }));
    await ecs.updateService({ cluster: 'main', service: 'lc-shop', forceNewDeployment: true });
    await cloud.pass(60_000);
    await ecs.describeServices({ cluster: 'main', services: ['lc-shop', ABSENT], include: ['TAGS'] });
  },

  async identities(cloud, tried) {
    const { iam, sts } = cloud.user;
    const RoleArn = await makeRole(cloud, 'trusting', 'ecs-tasks.amazonaws.com');
    await sts.getCallerIdentity({});
    await tried(sts.assumeRole({ RoleArn, RoleSessionName: 'referee' }));
    await tried(iam.getRole({ RoleName: ABSENT }));
    await tried(iam.createRole({ RoleName: 'trusting', AssumeRolePolicyDocument: '{}' }));
  },

  async secrets(cloud, tried) {
    const { secretsmanager } = cloud.user;
    cloud.enter((nowMs) => void nowMs);
    cloud.cloud.call('secretsmanager', 'CreateSecret', { Name: 'token', SecretString: '{"a":"b"}' });
    await secretsmanager.getSecretValue({ SecretId: 'token' });
    await secretsmanager.describeSecret({ SecretId: 'token' });
    await tried(secretsmanager.getSecretValue({ SecretId: ABSENT }));
  },

  async builds(cloud, tried) {
    const { codebuild } = cloud.user;
    const { serviceRoleArn, image, computeType, buildspec } = await projectProps(cloud);
    await codebuild.createProject({
      name: 'builds',
      serviceRole: serviceRoleArn,
      source: { type: 'NO_SOURCE', buildspec },
      artifacts: { type: 'NO_ARTIFACTS' },
      environment: { type: 'LINUX_CONTAINER', computeType: computeType as 'BUILD_GENERAL1_SMALL', image },
    });
    const { build } = await codebuild.startBuild({ projectName: 'builds' });
    await codebuild.stopBuild({ id: build?.id });
    await cloud.pass(60_000);
    await codebuild.batchGetBuilds({ ids: [build?.id ?? ''] });
    await codebuild.batchDeleteBuilds({ ids: [build?.id ?? ''] });
    await tried(codebuild.startBuild({ projectName: ABSENT }));
    await tried(codebuild.stopBuild({ id: 'builds:none' }));
  },

  async tags(cloud, tried) {
    const { tagging } = cloud.user;
    await makeListener(cloud);
    await tagging.getResources({ TagFilters: [{ Key: 'lambdacontainer.dev/owner' }], ResourcesPerPage: 100 });
    await tried(tagging.getResources({ ResourcesPerPage: 1000 }));
  },

  async registry(cloud, tried) {
    const { ecr, logs } = cloud.user;
    await ecr.getAuthorizationToken({});
    await tried(ecr.describeRepositories({ repositoryNames: [ABSENT] }));
    await tried(ecr.describeImages({ repositoryName: ABSENT }));
    await logs.createLogGroup({ logGroupName: '/g' });
    await logs.filterLogEvents({ logGroupName: '/g' });
    await tried(logs.filterLogEvents({ logGroupName: ABSENT }));
    cloud.enter((nowMs) => cloud.cloud.services.logs.append('/g', 's', [{ timestampMs: nowMs, message: 'said' }]));
    await logs.getLogEvents({ logGroupName: '/g', logStreamName: 's', startFromHead: true });
    await tried(logs.getLogEvents({ logGroupName: '/g', logStreamName: ABSENT }));
  },

  async archives(cloud, tried) {
    const { s3 } = cloud.user;
    const Bucket = 'archives';
    cloud.cloud.call('s3', 'CreateBucket', { Bucket });
    cloud.cloud.call('s3', 'PutBucketVersioning', { Bucket, VersioningConfiguration: { Status: 'Enabled' } });
    const { VersionId } = cloud.cloud.call('s3', 'PutObject', {
      Bucket,
      Key: 'a/é.zip',
      Body: Buffer.from('zip'),
      ChecksumSHA256: 'SnD+mqZDbgLC3qNA+9HjUuTvLYzmylKtJdS5VHH8i/I=',
      Metadata: { team: 'a' },
    }) as { VersionId: string };
    await s3.headObject({ Bucket, Key: 'a/é.zip', ChecksumMode: 'ENABLED' });
    await s3.getObject({ Bucket, Key: 'a/é.zip', VersionId, Range: 'bytes=1-2' });
    await tried(s3.headObject({ Bucket, Key: ABSENT }));
    await tried(s3.getObject({ Bucket, Key: ABSENT }));
    await tried(s3.getObject({ Bucket: ABSENT, Key: ABSENT }));
    await tried(s3.getObject({ Bucket, Key: 'a/é.zip', IfMatch: '"other"' }));
  },

  async queues(cloud, tried) {
    const { sqs } = cloud.user;
    const Attributes = { VisibilityTimeout: '30' };
    const { QueueUrl } = await sqs.createQueue({ QueueName: 'told', Attributes, tags: { t: '1' } });
    await tried(sqs.createQueue({ QueueName: 'told', Attributes: { VisibilityTimeout: '31' } }));
    await sqs.setQueueAttributes({ QueueUrl, Attributes: { MessageRetentionPeriod: '600' } });
    await sqs.getQueueAttributes({ QueueUrl, AttributeNames: ['All'] });
    await sqs.getQueueUrl({ QueueName: 'told' });
    await tried(sqs.getQueueUrl({ QueueName: ABSENT }));
    cloud.cloud.call('sqs', 'SendMessage', { QueueUrl, MessageBody: 'one' });
    const { Messages } = await sqs.receiveMessage({ QueueUrl, MessageSystemAttributeNames: ['All'] });
    const ReceiptHandle = Messages?.[0]?.ReceiptHandle;
    await sqs.changeMessageVisibility({ QueueUrl, ReceiptHandle, VisibilityTimeout: 5 });
    await sqs.deleteMessageBatch({
      QueueUrl,
      Entries: [
        { Id: 'a', ReceiptHandle },
        { Id: 'b', ReceiptHandle: 'nonsense' },
      ],
    });
    await tried(sqs.changeMessageVisibility({ QueueUrl, ReceiptHandle: 'nonsense', VisibilityTimeout: 5 }));
    await sqs.receiveMessage({ QueueUrl });
  },

  async rules(cloud, tried) {
    const { events, sqs } = cloud.user;
    await sqs.createQueue({ QueueName: 'told' });
    const Name = 'changes';
    await events.putRule({ Name, EventPattern: '{"source":["aws.ecs"]}', Description: 'what ECS says' });
    await tried(events.putRule({ Name, EventPattern: '{"source":"aws.ecs"}' }));
    const Arn = 'arn:aws:sqs:us-east-1:000000000000:told';
    await events.putTargets({ Rule: Name, Targets: [{ Id: 'queue', Arn }] });
    await tried(events.putTargets({ Rule: ABSENT, Targets: [{ Id: 'queue', Arn }] }));
    await events.listRules({ NamePrefix: 'ch' });
    await events.listTargetsByRule({ Rule: Name });
    await tried(events.listTargetsByRule({ Rule: ABSENT }));
    await tried(events.deleteRule({ Name }));
    await events.removeTargets({ Rule: Name, Ids: ['queue', ABSENT] });
    await events.deleteRule({ Name });
  },
};
