/**
 * Prepares the local account through the ordinary AWS APIs, as `bootstrap` would prepare a real one: tables, cluster,
 * load balancer, roles, the images of the adapter and the builder, and the class `standard`. Idempotent.
 */
import { type Ports, toItem } from '../../aws/index.ts';
import { type Clock, isFailure } from '../../core/index.ts';
import { DEFAULT_TABLES } from '../context/locate.ts';
import { completeTable } from '../tables/complete-table.ts';
import { TABLE_SHAPES } from '../tables/table-shapes.ts';

export interface LocalAccount {
  readonly desiredTable: string;
  readonly stateTable: string;
  readonly functionRoleArn: string;
}

export interface BootstrapInput {
  readonly ports: Ports;
  readonly clock: Clock;
  readonly accountId: string;
  readonly httpPort: number;
  /** `host:port` of the registry. */
  readonly registry: string;
  /** Digest references of our own images, already pushed. */
  readonly images: { readonly adapter: string; readonly builder: string };
}

const CLUSTER = 'lambdacontainer';
const LOAD_BALANCER = 'lambdacontainer';
const SUBNETS = ['subnet-local1', 'subnet-local2'];
const SECURITY_GROUPS = ['sg-local'];
const VPC = 'vpc-local';
const TABLE_POLL_MS = 50;

export async function bootstrapLocalAccount(input: BootstrapInput): Promise<LocalAccount> {
  const { ports } = input;
  const tables = DEFAULT_TABLES;
  const [functionRoleArn, taskRole, executionRole, buildRole, listenerArn] = await Promise.all([
    role(ports, 'lambdacontainer-example-function', 'lambda.amazonaws.com'),
    // Under the paths that the controller's policy lets it hand on.
    role(ports, 'lambdacontainer-task', 'ecs-tasks.amazonaws.com', '/lambdacontainer/tasks/'),
    role(ports, 'lambdacontainer-execution', 'ecs-tasks.amazonaws.com', '/lambdacontainer/tasks/'),
    role(ports, 'lambdacontainer-build', 'codebuild.amazonaws.com', '/lambdacontainer/builds/'),
    listener(ports, input.httpPort),
    ...TABLE_SHAPES.map((shape) =>
      // Without guards: the data folder is deleted when somebody wants it deleted.
      completeTable({
        dynamo: ports.dynamodb,
        clock: input.clock,
        name: tables[shape.role],
        shape,
        isGuarded: false,
        pollMs: TABLE_POLL_MS,
      }),
    ),
    ports.ecs.createCluster({ clusterName: CLUSTER, capacityProviders: ['FARGATE', 'FARGATE_SPOT'] }),
  ]);
  await ports.dynamodb.putItem({
    TableName: tables.desired,
    Item: toItem({
      namespace: '_system',
      name: 'class/standard',
      kind: 'LambdaContainerClass',
      spec: {
        cluster: CLUSTER,
        vpcId: VPC,
        subnets: SUBNETS,
        securityGroups: SECURITY_GROUPS,
        listeners: [
          { arn: listenerArn, url: `http://127.0.0.1:${input.httpPort}`, priorities: { from: 100, to: 1000 } },
        ],
        roles: { task: taskRole, execution: executionRole, build: buildRole },
        // This machine's own docker or buildah builds Dockerfiles.
        build: { image: input.images.builder, dockerImage: input.images.builder, baseImageRegistry: input.registry },
        adapter: { image: input.images.adapter },
        health: { deregistrationDelaySec: 5 },
        // The shortest that ELB allows: somebody is waiting.
        defaults: { traffic: { healthCheck: { interval: '5s' } } },
      },
    }),
  });
  return { desiredTable: tables.desired, stateTable: tables.state, functionRoleArn };
}

async function role(ports: Ports, name: string, service: string, path = '/'): Promise<string> {
  try {
    const { Role } = await ports.iam.getRole({ RoleName: name });
    return Role?.Arn ?? '';
  } catch (error) {
    if (!isFailure(error, 'notFound')) throw error;
  }
  const { Role } = await ports.iam.createRole({
    RoleName: name,
    Path: path,
    AssumeRolePolicyDocument: JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: { Service: service }, Action: 'sts:AssumeRole' }],
    }),
  });
  return Role?.Arn ?? '';
}

async function listener(ports: Ports, port: number): Promise<string> {
  const loadBalancerArn = await loadBalancer(ports);
  const { Listeners = [] } = await ports.elbv2.describeListeners({ LoadBalancerArn: loadBalancerArn });
  const [existing] = Listeners;
  if (existing?.ListenerArn) {
    if (existing.Port !== port) await ports.elbv2.modifyListener({ ListenerArn: existing.ListenerArn, Port: port });
    return existing.ListenerArn;
  }
  const created = await ports.elbv2.createListener({
    LoadBalancerArn: loadBalancerArn,
    Port: port,
    Protocol: 'HTTP',
    DefaultActions: [
      {
        Type: 'fixed-response',
        FixedResponseConfig: {
          StatusCode: '404',
          ContentType: 'text/plain',
          MessageBody: 'no LambdaContainer answers for this path\n',
        },
      },
    ],
  });
  return created.Listeners?.[0]?.ListenerArn ?? '';
}

async function loadBalancer(ports: Ports): Promise<string> {
  try {
    const { LoadBalancers } = await ports.elbv2.describeLoadBalancers({ Names: [LOAD_BALANCER] });
    if (LoadBalancers?.[0]?.LoadBalancerArn) return LoadBalancers[0].LoadBalancerArn;
  } catch (error) {
    if (!isFailure(error, 'notFound')) throw error;
  }
  const created = await ports.elbv2.createLoadBalancer({
    Name: LOAD_BALANCER,
    Type: 'application',
    Scheme: 'internet-facing',
    Subnets: SUBNETS,
    SecurityGroups: SECURITY_GROUPS,
  });
  return created.LoadBalancers?.[0]?.LoadBalancerArn ?? '';
}
