/**
 * From an object to the graph of what must exist for it. Pure: the same spec, class and observed function give the
 * same nodes. The graph's shape depends on the function (an image needs no build), so until that has been observed the
 * composition is incomplete and says so.
 */
import type { LambdaContainerClassSpec, LambdaContainerSpec } from '../api/index.ts';
import {
  ecsService,
  iamRole,
  lambdaPermission,
  lambdaTarget,
  listenerRule,
  logGroup,
  ruleWeights,
  scalableTarget,
  scalingPolicy,
  targetGroup,
  targetHealth,
  taskDefinition,
} from '../kinds/index.ts';
import { type Allocation, type Node, node, type ObjectKey, type Outputs } from '../resource/index.ts';
import { imageNodes } from './image.ts';
import { familyName, logGroupName, serviceName, statementId, targetGroupName } from './names.ts';
import type { Pins } from './pins.ts';
import { secretNodes, secretVersions } from './secrets.ts';
import { type Code, sourceNodeId, sourceOf } from './source.ts';
import { FRONT_CONTAINER, frontPort, registrationOf, taskDefinitionHash } from './task.ts';
import { conditionsOfTraffic } from './traffic.ts';

export interface ComposeInput {
  readonly key: ObjectKey;
  readonly spec: LambdaContainerSpec;
  readonly klass: LambdaContainerClassSpec;
  readonly region: string;
  readonly allocation: Allocation;
  readonly incarnations: Readonly<Record<string, number>>;
  /** Digests that tags stood for when they were used, by node. */
  readonly pins?: Pins | undefined;
  /** The restart that was last asked for; it is part of the task definition. */
  readonly restartedAt?: string | undefined;
  /** Its rule's weights were never looked at: it has no traffic yet. */
  readonly isWithoutTraffic?: boolean | undefined;
  /** Tasks are to go on with the versions of secrets that are pinned. */
  readonly holdsSecrets?: boolean | undefined;
}

/** What is known of the function once it was observed (outputs of kind lambda-function). */
export interface FunctionFacts {
  readonly arn: string;
  readonly functionName: string;
  readonly version: string;
  readonly packageType: string;
  readonly runtime: string | undefined;
  readonly handler: string | undefined;
  readonly codeSha256: string;
  readonly architecture: string;
  readonly memoryMb: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly layers: readonly string[];
  readonly roleArn: string;
  readonly imageUri: string | undefined;
  readonly imageConfig:
    | { readonly entryPoint?: string[]; readonly command?: string[]; readonly workingDirectory?: string }
    | undefined;
}

export function compose(
  input: ComposeInput,
  known: (nodeId: string) => Outputs | undefined,
): { nodes: Node[]; complete: boolean } {
  const source = sourceOf(input);
  const observed = known(source.node.id);
  if (!observed) return { nodes: [source.node], complete: false };
  const code = source.code(observed);

  const onFargate = input.spec.placement.mode !== 'lambda';
  const onLambda = input.spec.placement.mode !== 'fargate';
  return {
    complete: true,
    nodes: [
      source.node,
      ...(onFargate ? [...imageNodes(input, code), ...taskNodes(input, code)] : []),
      ...(onLambda ? lambdaSideNodes(input) : []),
      ...trafficNodes(input, onFargate, onLambda, known),
      ...(onFargate ? [...serviceNodes(input), ...scalingNodes(input)] : []),
    ],
  };
}

function functionRefOf(spec: LambdaContainerSpec): NonNullable<LambdaContainerSpec['source']['functionRef']> {
  if (!spec.source.functionRef) throw new Error('validation let a Lambda side without functionRef pass');
  return spec.source.functionRef;
}

function taskNodes(input: ComposeInput, code: Code): Node[] {
  const { key, spec, klass } = input;
  const ownImage = code.order === undefined;
  const imageOf = (get: (id: string) => Outputs) => (ownImage ? String(code.imageUri) : String(get('image').uri));
  // Without a function there may be none: then the code runs without rights in AWS.
  const taskRoleArn = spec.roles.task ?? klass.roles.task ?? (code.roleArn || undefined);
  const sourceId = sourceNodeId(spec);
  const secrets = secretNodes(input);
  const dependsOn = [
    sourceId,
    ...(taskRoleArn === undefined ? [] : ['task-role']),
    'log-group',
    'target-group/ip',
    ...(ownImage ? [] : ['image']),
    ...secrets.map(({ id }) => id),
  ];
  return [
    ...secrets,
    ...(taskRoleArn === undefined
      ? []
      : [
          node(iamRole, {
            id: 'task-role',
            aspect: 'ServiceStable',
            dependsOn: [sourceId],
            resolve: () => ({ identity: { roleArn: taskRoleArn }, props: { mustTrust: 'ecs-tasks.amazonaws.com' } }),
          }),
        ]),
    node(logGroup, {
      id: 'log-group',
      aspect: 'ServiceStable',
      dependsOn: [],
      resolve: () => ({
        identity: { logGroupName: logGroupName(key) },
        props: { retentionDays: klass.logs.retentionDays },
      }),
    }),
    node(targetGroup, {
      id: 'target-group/ip',
      aspect: 'ServiceStable',
      capacity: true,
      dependsOn: [],
      resolve: () => ({
        identity: { targetGroupName: targetGroupName(key, 'ip', input.incarnations['target-group/ip'] ?? 0) },
        props: {
          targetType: 'ip' as const,
          port: frontPort(spec),
          vpcId: klass.vpcId,
          healthCheck: healthCheckOf(spec),
          attributes: { 'deregistration_delay.timeout_seconds': String(klass.health.deregistrationDelaySec) },
        },
      }),
    }),
    node(taskDefinition, {
      id: 'task-definition',
      aspect: 'ServiceStable',
      dependsOn,
      resolve: (get) => {
        const register = registrationOf(input, code, {
          image: imageOf(get),
          logGroupName: String(get('log-group').name),
          targetGroupArn: String(get('target-group/ip').arn),
          taskRoleArn,
          secretVersions: secretVersions(input, get),
        });
        return { identity: { family: familyName(key), hash: taskDefinitionHash(register) }, props: { register } };
      },
    }),
  ];
}

function healthCheckOf(spec: LambdaContainerSpec) {
  const { healthCheck } = spec.traffic;
  const intervalSec = Math.round(healthCheck.intervalMs / 1000);
  return {
    path: healthCheck.path ?? (spec.interface === 'http' ? '/' : '/_lambdacontainer/ready'),
    intervalSec,
    // ELB wants the timeout below the interval: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
    timeoutSec: Math.max(2, Math.min(5, intervalSec - 1)),
    healthyThreshold: healthCheck.healthyThreshold,
    unhealthyThreshold: 2,
    matcher: '200-299',
  };
}

/** Lambda behind the load balancer: a group of its own, the one permission it needs, the function as its target. */
function lambdaSideNodes({ key, spec, incarnations }: ComposeInput): Node[] {
  const functionRef = functionRefOf(spec);
  return [
    node(targetGroup, {
      id: 'target-group/lambda',
      aspect: 'FunctionReady',
      capacity: true,
      dependsOn: [],
      resolve: () => ({
        identity: { targetGroupName: targetGroupName(key, 'fn', incarnations['target-group/lambda'] ?? 0) },
        props: {
          targetType: 'lambda' as const,
          attributes: {
            'lambda.multi_value_headers.enabled': String(spec.traffic.eventFormat === 'alb-multi-value'),
          },
        },
      }),
    }),
    node(lambdaPermission, {
      id: 'lambda-permission',
      aspect: 'FunctionReady',
      capacity: true,
      dependsOn: ['function', 'target-group/lambda'],
      resolve: (get) => ({
        identity: {
          functionName: functionRef.name,
          qualifier: functionRef.qualifier ?? '',
          statementId: statementId(key),
        },
        props: { sourceArn: String(get('target-group/lambda').arn) },
      }),
    }),
    node(lambdaTarget, {
      id: 'lambda-target',
      aspect: 'FunctionReady',
      capacity: true,
      dependsOn: ['function', 'target-group/lambda', 'lambda-permission'],
      resolve: (get) => ({
        identity: { targetGroupArn: String(get('target-group/lambda').arn) },
        props: { functionArn: String(get('function').arn) },
      }),
    }),
  ];
}

/** `listener-rule` attaches the groups; `rule-weights`, which waits for proofs, moves the traffic. */
function trafficNodes(
  { key, spec, allocation, isWithoutTraffic }: ComposeInput,
  onFargate: boolean,
  onLambda: boolean,
  known: (nodeId: string) => Outputs | undefined,
): Node[] {
  const groups = [...(onFargate ? ['target-group/ip'] : []), ...(onLambda ? ['target-group/lambda'] : [])];
  const { lambda, fargate } = (spec.placement.mode === 'split' ? spec.placement.split : undefined) ?? {
    lambda: onLambda ? 100 : 0,
    fargate: onFargate ? 100 : 0,
  };
  const { hosts, paths } = conditionsOfTraffic(key, spec);
  // Health is asked for group by group: not while no task runs, unless it has traffic that it may have to lose.
  const group = known('target-group/ip')?.arn;
  const weights = (known('weights')?.weights ?? {}) as Readonly<Record<string, number>>;
  const isHealthAsked = onFargate && (known('service') !== undefined || (weights[String(group)] ?? 0) > 0);
  // Nor are weights of interest that nobody moved yet, until there is whom to give them to.
  const waitsForTasks = isWithoutTraffic === true && !onLambda;
  return [
    node(listenerRule, {
      id: 'rule',
      aspect: 'TrafficShifted',
      dependsOn: groups,
      resolve: (get) => ({
        identity: { listenerArn: allocation.listenerArn, priority: String(allocation.priority) },
        props: { hosts, paths, groups: groups.map((id) => String(get(id).arn)) },
      }),
    }),
    ...(onFargate
      ? [
          node(targetHealth, {
            id: 'ip-health',
            aspect: 'TrafficShifted',
            dependsOn: ['target-group/ip', 'rule', 'service'],
            resolve: (get) => {
              if (!isHealthAsked) get('service');
              return { identity: { targetGroupArn: String(get('target-group/ip').arn) }, props: {} };
            },
          }),
        ]
      : []),
    node(ruleWeights, {
      id: 'weights',
      aspect: 'TrafficShifted',
      dependsOn: [
        ...groups,
        'rule',
        ...(waitsForTasks ? ['service'] : []),
        ...(isHealthAsked ? ['ip-health'] : []),
        ...(onLambda ? ['function', 'lambda-target'] : []),
      ],
      resolve: (get) => {
        if (waitsForTasks) get('service');
        const asked = [];
        if (onFargate) {
          const targetGroupArn = String(get('target-group/ip').arn);
          const { healthy: healthyCount, why } = isHealthAsked ? get('ip-health') : { healthy: 0, why: null };
          const healthy = Number(healthyCount);
          asked.push({
            targetGroupArn,
            weight: fargate,
            proven: healthy > 0,
            provenToEnter: healthy >= Math.max(1, spec.scaling.min),
            ...(typeof why === 'string' ? { why } : {}),
          });
        }
        if (onLambda) {
          const targetGroupArn = String(get('target-group/lambda').arn);
          const reserved = get('function').reservedConcurrency;
          asked.push({
            targetGroupArn,
            weight: lambda,
            proven: get('lambda-target').proven === true && reserved !== 0,
          });
        }
        return { identity: { ruleArn: String(get('rule').arn) }, props: { asked } };
      },
    }),
  ];
}

function serviceNodes(input: ComposeInput): Node[] {
  const { key, spec, klass, incarnations } = input;
  const { network } = spec;
  return [
    node(ecsService, {
      id: 'service',
      aspect: 'ServiceStable',
      capacity: true,
      // ECS wants the target group attached to a listener before the service exists.
      dependsOn: ['task-definition', 'target-group/ip', 'rule'],
      resolve: (get) => ({
        identity: { cluster: klass.cluster, serviceName: serviceName(key, incarnations.service ?? 0) },
        props: {
          taskDefinitionArn: String(get('task-definition').arn),
          desiredCount: spec.scaling.min,
          minCount: spec.scaling.min,
          maxCount: spec.scaling.max,
          capacity:
            spec.compute.spot.weight > 0
              ? [
                  { provider: 'FARGATE' as const, weight: 100 - spec.compute.spot.weight, base: 1 },
                  { provider: 'FARGATE_SPOT' as const, weight: spec.compute.spot.weight, base: 0 },
                ]
              : null,
          subnets: network.subnets.length > 0 ? network.subnets : klass.subnets,
          securityGroups: network.securityGroups.length > 0 ? network.securityGroups : klass.securityGroups,
          assignPublicIp: network.assignPublicIp || klass.assignPublicIp,
          loadBalancer: {
            targetGroupArn: String(get('target-group/ip').arn),
            containerName: FRONT_CONTAINER,
            containerPort: frontPort(spec),
          },
          healthCheckGraceSec: 60,
          minimumHealthyPercent: 100,
          maximumPercent: 200,
        },
      }),
    }),
  ];
}

function scalingNodes({ key, spec, klass, incarnations, allocation }: ComposeInput): Node[] {
  const resourceId = `service/${klass.cluster}/${serviceName(key, incarnations.service ?? 0)}`;
  const { cpu, requestsPerTask } = spec.scaling.targets;
  return [
    node(scalableTarget, {
      id: 'scalable-target',
      aspect: 'ScalingApplied',
      dependsOn: ['service'],
      resolve: () => ({
        identity: { resourceId },
        props: { minCapacity: spec.scaling.min, maxCapacity: spec.scaling.max },
      }),
    }),
    ...(cpu === undefined
      ? []
      : [
          node(scalingPolicy, {
            id: 'scaling-policy/cpu',
            aspect: 'ScalingApplied',
            dependsOn: ['scalable-target'],
            resolve: () => ({
              identity: { resourceId, policyName: 'lambdacontainer-cpu' },
              props: { metric: 'ECSServiceAverageCPUUtilization' as const, targetValue: cpu },
            }),
          }),
        ]),
    ...(requestsPerTask === undefined
      ? []
      : [
          node(scalingPolicy, {
            id: 'scaling-policy/requests',
            aspect: 'ScalingApplied',
            dependsOn: ['scalable-target', 'target-group/ip'],
            resolve: (get) => ({
              identity: { resourceId, policyName: 'lambdacontainer-requests' },
              props: {
                metric: 'ALBRequestCountPerTarget' as const,
                targetValue: requestsPerTask,
                resourceLabel: resourceLabel(allocation.listenerArn, String(get('target-group/ip').arn)),
              },
            }),
          }),
        ]),
  ];
}

/** `app/<name>/<id>/targetgroup/<name>/<id>`, as Application Auto Scaling's PredefinedMetricSpecification wants it. */
function resourceLabel(listenerArn: string, targetGroupArn: string): string {
  const loadBalancer = listenerArn.split(':listener/')[1]?.split('/').slice(0, 3).join('/') ?? '';
  const group = targetGroupArn.split(':').at(-1) ?? '';
  return `${loadBalancer}/${group}`;
}
