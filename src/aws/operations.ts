/**
 * Which AWS operations the product calls, by service: the only place that names SDK command classes. A port's type is
 * inferred from its table, so the SDK implementation and the local cloud's direct implementation cannot drift apart.
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

export const OPERATIONS = {
  dynamodb: {
    createTable: dynamodb.CreateTableCommand,
    describeTable: dynamodb.DescribeTableCommand,
    updateTable: dynamodb.UpdateTableCommand,
    describeContinuousBackups: dynamodb.DescribeContinuousBackupsCommand,
    updateContinuousBackups: dynamodb.UpdateContinuousBackupsCommand,
    updateTimeToLive: dynamodb.UpdateTimeToLiveCommand,
    describeTimeToLive: dynamodb.DescribeTimeToLiveCommand,
    getItem: dynamodb.GetItemCommand,
    putItem: dynamodb.PutItemCommand,
    updateItem: dynamodb.UpdateItemCommand,
    deleteItem: dynamodb.DeleteItemCommand,
    query: dynamodb.QueryCommand,
    scan: dynamodb.ScanCommand,
    batchWriteItem: dynamodb.BatchWriteItemCommand,
    transactWriteItems: dynamodb.TransactWriteItemsCommand,
  },
  streams: {
    describeStream: streams.DescribeStreamCommand,
    getShardIterator: streams.GetShardIteratorCommand,
    getRecords: streams.GetRecordsCommand,
  },
  lambda: {
    createFunction: lambda.CreateFunctionCommand,
    getFunction: lambda.GetFunctionCommand,
    listFunctions: lambda.ListFunctionsCommand,
    getLayerVersionByArn: lambda.GetLayerVersionByArnCommand,
    updateFunctionCode: lambda.UpdateFunctionCodeCommand,
    getPolicy: lambda.GetPolicyCommand,
    addPermission: lambda.AddPermissionCommand,
    removePermission: lambda.RemovePermissionCommand,
    invoke: lambda.InvokeCommand,
  },
  codebuild: {
    batchGetProjects: codebuild.BatchGetProjectsCommand,
    createProject: codebuild.CreateProjectCommand,
    updateProject: codebuild.UpdateProjectCommand,
    deleteProject: codebuild.DeleteProjectCommand,
    startBuild: codebuild.StartBuildCommand,
    stopBuild: codebuild.StopBuildCommand,
    listBuildsForProject: codebuild.ListBuildsForProjectCommand,
    batchGetBuilds: codebuild.BatchGetBuildsCommand,
    batchDeleteBuilds: codebuild.BatchDeleteBuildsCommand,
  },
  ecr: {
    describeRepositories: ecr.DescribeRepositoriesCommand,
    createRepository: ecr.CreateRepositoryCommand,
    deleteRepository: ecr.DeleteRepositoryCommand,
    describeImages: ecr.DescribeImagesCommand,
    batchDeleteImage: ecr.BatchDeleteImageCommand,
    getAuthorizationToken: ecr.GetAuthorizationTokenCommand,
    listTagsForResource: ecr.ListTagsForResourceCommand,
    getLifecyclePolicy: ecr.GetLifecyclePolicyCommand,
    untagResource: ecr.UntagResourceCommand,
  },
  ecs: {
    createCluster: ecs.CreateClusterCommand,
    describeClusters: ecs.DescribeClustersCommand,
    registerTaskDefinition: ecs.RegisterTaskDefinitionCommand,
    deregisterTaskDefinition: ecs.DeregisterTaskDefinitionCommand,
    describeTaskDefinition: ecs.DescribeTaskDefinitionCommand,
    listTaskDefinitions: ecs.ListTaskDefinitionsCommand,
    createService: ecs.CreateServiceCommand,
    updateService: ecs.UpdateServiceCommand,
    deleteService: ecs.DeleteServiceCommand,
    describeServices: ecs.DescribeServicesCommand,
    listTasks: ecs.ListTasksCommand,
    describeTasks: ecs.DescribeTasksCommand,
    stopTask: ecs.StopTaskCommand,
    untagResource: ecs.UntagResourceCommand,
    listServices: ecs.ListServicesCommand,
  },
  elbv2: {
    createLoadBalancer: elbv2.CreateLoadBalancerCommand,
    describeLoadBalancers: elbv2.DescribeLoadBalancersCommand,
    describeLoadBalancerAttributes: elbv2.DescribeLoadBalancerAttributesCommand,
    createListener: elbv2.CreateListenerCommand,
    modifyListener: elbv2.ModifyListenerCommand,
    describeListeners: elbv2.DescribeListenersCommand,
    createTargetGroup: elbv2.CreateTargetGroupCommand,
    modifyTargetGroup: elbv2.ModifyTargetGroupCommand,
    deleteTargetGroup: elbv2.DeleteTargetGroupCommand,
    describeTargetGroups: elbv2.DescribeTargetGroupsCommand,
    describeTargetGroupAttributes: elbv2.DescribeTargetGroupAttributesCommand,
    modifyTargetGroupAttributes: elbv2.ModifyTargetGroupAttributesCommand,
    describeTargetHealth: elbv2.DescribeTargetHealthCommand,
    registerTargets: elbv2.RegisterTargetsCommand,
    deregisterTargets: elbv2.DeregisterTargetsCommand,
    createRule: elbv2.CreateRuleCommand,
    modifyRule: elbv2.ModifyRuleCommand,
    deleteRule: elbv2.DeleteRuleCommand,
    describeRules: elbv2.DescribeRulesCommand,
    describeTags: elbv2.DescribeTagsCommand,
    removeTags: elbv2.RemoveTagsCommand,
  },
  autoscaling: {
    describeScalableTargets: autoscaling.DescribeScalableTargetsCommand,
    registerScalableTarget: autoscaling.RegisterScalableTargetCommand,
    deregisterScalableTarget: autoscaling.DeregisterScalableTargetCommand,
    describeScalingPolicies: autoscaling.DescribeScalingPoliciesCommand,
    putScalingPolicy: autoscaling.PutScalingPolicyCommand,
    deleteScalingPolicy: autoscaling.DeleteScalingPolicyCommand,
    listTagsForResource: autoscaling.ListTagsForResourceCommand,
    untagResource: autoscaling.UntagResourceCommand,
  },
  logs: {
    createLogGroup: logs.CreateLogGroupCommand,
    deleteLogGroup: logs.DeleteLogGroupCommand,
    describeLogGroups: logs.DescribeLogGroupsCommand,
    putRetentionPolicy: logs.PutRetentionPolicyCommand,
    deleteRetentionPolicy: logs.DeleteRetentionPolicyCommand,
    listTagsForResource: logs.ListTagsForResourceCommand,
    untagResource: logs.UntagResourceCommand,
    filterLogEvents: logs.FilterLogEventsCommand,
    getLogEvents: logs.GetLogEventsCommand,
  },
  iam: {
    createRole: iam.CreateRoleCommand,
    getRole: iam.GetRoleCommand,
  },
  s3: {
    headObject: s3.HeadObjectCommand,
    getObject: s3.GetObjectCommand,
  },
  secretsmanager: {
    getSecretValue: secretsmanager.GetSecretValueCommand,
    describeSecret: secretsmanager.DescribeSecretCommand,
  },
  sqs: {
    createQueue: sqs.CreateQueueCommand,
    getQueueUrl: sqs.GetQueueUrlCommand,
    getQueueAttributes: sqs.GetQueueAttributesCommand,
    setQueueAttributes: sqs.SetQueueAttributesCommand,
    receiveMessage: sqs.ReceiveMessageCommand,
    deleteMessageBatch: sqs.DeleteMessageBatchCommand,
    changeMessageVisibility: sqs.ChangeMessageVisibilityCommand,
  },
  events: {
    putRule: events.PutRuleCommand,
    putTargets: events.PutTargetsCommand,
    listRules: events.ListRulesCommand,
    listTargetsByRule: events.ListTargetsByRuleCommand,
    removeTargets: events.RemoveTargetsCommand,
    deleteRule: events.DeleteRuleCommand,
  },
  tagging: {
    getResources: tagging.GetResourcesCommand,
  },
  sts: {
    assumeRole: sts.AssumeRoleCommand,
    getCallerIdentity: sts.GetCallerIdentityCommand,
  },
} as const;

export type Operations = typeof OPERATIONS;
export type ServiceName = keyof Operations;
