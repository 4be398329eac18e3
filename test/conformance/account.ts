/** What others made in the account before: the ground that kinds stand on. Made through `user`, so it is not counted. */
import type { CreateTargetGroupCommandInput } from '@aws-sdk/client-elastic-load-balancing-v2';
import type { CodeBuildProjectProps, TaskDefinitionProps } from '../../src/kinds/index.ts';
import { makeZip } from '../oci/make-zip.ts';
import type { TestCloud } from './test-cloud.ts';

const IMAGE_HOST = '127.0.0.1:4577';

export async function makeRole({ user }: TestCloud, name: string, service: string): Promise<string> {
  const statement = { Effect: 'Allow', Principal: { Service: service }, Action: 'sts:AssumeRole' };
  const { Role } = await user.iam.createRole({
    RoleName: name,
    AssumeRolePolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: [statement] }),
  });
  return Role?.Arn ?? '';
}

export async function makeFunction(cloud: TestCloud, name = 'shop'): Promise<string> {
  const { FunctionArn } = await cloud.user.lambda.createFunction({
    FunctionName: name,
    Role: await makeRole(cloud, `${name}-function`, 'lambda.amazonaws.com'),
    Runtime: 'nodejs22.x',
    Handler: 'index.handler',
    Code: { ZipFile: makeZip([{ name: 'index.mjs', content: 'export const handler = () => ({ statusCode: 200 });' }]) },
  });
  await cloud.until(`${name} is active`, async () => {
    const { Configuration } = await cloud.user.lambda.getFunction({ FunctionName: name });
    return Configuration?.State === 'Active';
  });
  return FunctionArn ?? '';
}

export async function permit({ user }: TestCloud, FunctionName: string, SourceArn: string): Promise<void> {
  await user.lambda.addPermission({
    FunctionName,
    StatementId: 'lb',
    Action: 'lambda:InvokeFunction',
    Principal: 'elasticloadbalancing.amazonaws.com',
    SourceArn,
  });
}

export async function makeGroup({ user }: TestCloud, Name: string, TargetType: 'ip' | 'lambda'): Promise<string> {
  const input: CreateTargetGroupCommandInput = {
    Name,
    TargetType,
    ...(TargetType === 'ip'
      ? {
          Protocol: 'HTTP',
          Port: 8080,
          VpcId: 'vpc-local',
          HealthCheckIntervalSeconds: 5,
          HealthCheckTimeoutSeconds: 2,
        }
      : {}),
  };
  const { TargetGroups } = await user.elbv2.createTargetGroup(input);
  return TargetGroups?.[0]?.TargetGroupArn ?? '';
}

export async function makeListener({ user }: TestCloud): Promise<string> {
  const { LoadBalancers } = await user.elbv2.createLoadBalancer({ Name: 'lb', Subnets: ['subnet-1', 'subnet-2'] });
  const { Listeners } = await user.elbv2.createListener({
    LoadBalancerArn: LoadBalancers?.[0]?.LoadBalancerArn,
    Protocol: 'HTTP',
    Port: 80,
    DefaultActions: [{ Type: 'fixed-response', FixedResponseConfig: { StatusCode: '404' } }],
  });
  return Listeners?.[0]?.ListenerArn ?? '';
}

export async function makeRule(cloud: TestCloud, groups: readonly string[]): Promise<string> {
  const { Rules } = await cloud.user.elbv2.createRule({
    ListenerArn: await makeListener(cloud),
    Priority: 1,
    Conditions: [{ Field: 'path-pattern', PathPatternConfig: { Values: ['/*'] } }],
    Actions: [
      {
        Type: 'forward',
        ForwardConfig: { TargetGroups: groups.map((TargetGroupArn) => ({ TargetGroupArn, Weight: 0 })) },
      },
    ],
  });
  return Rules?.[0]?.RuleArn ?? '';
}

export async function projectProps(cloud: TestCloud): Promise<CodeBuildProjectProps> {
  return {
    serviceRoleArn: await makeRole(cloud, 'builds', 'codebuild.amazonaws.com'),
    image: `${IMAGE_HOST}/lambdacontainer/builder@sha256:${'b'.repeat(64)}`,
    computeType: 'BUILD_GENERAL1_SMALL',
    environmentType: 'LINUX_CONTAINER',
    buildspec: 'version: 0.2\nphases:\n  build:\n    commands:\n      - lambdacontainer-build\n',
    timeoutMinutes: 15,
    description: 'Builds the images of a class',
    logGroupName: '/lambdacontainer/builds',
  };
}

export async function register(cloud: TestCloud): Promise<TaskDefinitionProps['register']> {
  const repositoryName = 'lambdacontainer/images';
  await cloud.user.ecr.createRepository({ repositoryName });
  const digest = cloud.enter((nowMs) => cloud.pushImage(repositoryName, 'v1', nowMs));
  const role = await makeRole(cloud, 'tasks', 'ecs-tasks.amazonaws.com');
  return {
    requiresCompatibilities: ['FARGATE'],
    networkMode: 'awsvpc',
    cpu: '256',
    memory: '512',
    executionRoleArn: role,
    taskRoleArn: role,
    containerDefinitions: [
      {
        name: 'adapter',
        image: `${IMAGE_HOST}/${repositoryName}@${digest}`,
        essential: true,
        portMappings: [{ containerPort: 8080, protocol: 'tcp' }],
        environment: [{ name: 'A', value: 'b' }],
      },
    ],
  };
}

const REGISTERED = new WeakMap<TestCloud, TaskDefinitionProps['register']>();

export async function makeTaskDefinition(cloud: TestCloud): Promise<string> {
  const definition = REGISTERED.get(cloud) ?? (await register(cloud));
  REGISTERED.set(cloud, definition);
  const { taskDefinition } = await cloud.user.ecs.registerTaskDefinition({ ...definition, family: 'lc-shop' });
  return taskDefinition?.taskDefinitionArn ?? '';
}

export async function makeService(cloud: TestCloud): Promise<void> {
  await cloud.user.ecs.createCluster({ clusterName: 'main' });
  await cloud.user.ecs.createService({
    cluster: 'main',
    serviceName: 'lc-shop',
    taskDefinition: await makeTaskDefinition(cloud),
    desiredCount: 1,
    launchType: 'FARGATE',
    networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-1'], securityGroups: ['sg-1'] } },
  });
}
